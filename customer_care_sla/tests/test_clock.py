import pytz

from odoo import Command
from odoo.tests import tagged

from .common import (
    FRIDAY_16,
    MONDAY_9,
    MONDAY_10,
    MONDAY_13,
    MONDAY_17,
    TUESDAY_10,
    SlaCase,
)


@tagged("post_install", "-at_install")
class TestClock(SlaCase):
    def _oracle(self, start, hours):
        """What Odoo's own calendar says, other companies' time off left out."""
        return (
            self.company.resource_calendar_id.plan_hours(
                hours,
                pytz.utc.localize(self._utc(start)),
                compute_leaves=True,
                domain=[
                    ("time_type", "=", "leave"),
                    ("company_id", "in", [False, self.company.id]),
                ],
            )
            .astimezone(pytz.utc)
            .replace(tzinfo=None)
        )

    def _leave(self, start, end, company, calendar=True):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Closed",
                "date_from": start,
                "date_to": end,
                "company_id": company.id,
                "calendar_id": calendar and company.resource_calendar_id.id,
            }
        )

    def _due(self, start, hours):
        self.policy.target_ids[0].amount = hours
        due = self._clock(self._case_at(start)).due_at
        self.assertEqual(due, self._oracle(start, hours))
        return due

    # ------------------------------------------------------------
    # Due times
    # ------------------------------------------------------------

    def test_due_across_a_weekend_equals_odoos_calendar(self):
        self.assertEqual(self._due(FRIDAY_16, 4), self._utc("2026-11-23 11:00:00"))

    def test_due_across_a_leave_day_equals_odoos_calendar(self):
        self._leave("2026-11-22 23:00:00", "2026-11-23 22:59:59", self.company)
        self.assertEqual(self._due(FRIDAY_16, 4), self._utc("2026-11-24 11:00:00"))

    def test_due_across_another_companys_leave_equals_odoos_calendar(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self._leave("2026-11-22 23:00:00", "2026-11-23 22:59:59", other, calendar=False)
        self.assertEqual(self._due(FRIDAY_16, 4), self._utc("2026-11-23 11:00:00"))

    def test_due_across_a_change_of_the_clocks_equals_odoos_calendar(self):
        self.assertEqual(
            self._due("2026-10-23 14:00:00", 4), self._utc("2026-10-26 11:00:00"), "autumn"
        )
        self.assertEqual(
            self._due("2026-03-27 15:00:00", 4), self._utc("2026-03-30 10:00:00"), "spring"
        )

    def test_two_working_days_are_the_same_clock_time_two_working_days_later(self):
        clock = self._clock(self._case_at(FRIDAY_16), "resolution")
        self.assertEqual(clock.due_at, self._utc("2026-11-24 15:00:00"))
        self.assertEqual(clock.seconds, 16 * 3600)
        self.assertEqual((clock.spec_kind, clock.spec_amount), ("days", 2))

    def test_a_clock_counts_from_when_the_customer_told_us(self):
        case = self._case_at(MONDAY_13, received_at=MONDAY_10)
        self.assertEqual(self._clock(case).started_at, self._utc(MONDAY_10))

    def test_a_clock_counts_from_now_for_what_came_in_long_ago_or_in_the_future(self):
        for received in ("2026-09-01 09:00:00", "2026-12-24 09:00:00"):
            case = self._case_at(MONDAY_13, received_at=received)
            self.assertEqual(self._clock(case).started_at, self._utc(MONDAY_13))

    def test_nothing_from_before_the_companys_start_has_a_clock(self):
        self.company.care_start_date = "2026-11-23"
        self.assertFalse(self._case_at(MONDAY_13, received_at=FRIDAY_16).clock_ids)
        self.assertTrue(self._case_at(MONDAY_13).clock_ids)

    def test_the_teams_hours_come_before_the_companys_and_the_policys_before_both(self):
        def hours(opening):
            return self.env["resource.calendar"].create(
                {
                    "name": f"From {opening}",
                    "company_id": self.company.id,
                    "tz": "UTC",
                    "attendance_ids": [Command.clear()]
                    + [
                        Command.create(
                            {
                                "name": "Day",
                                "dayofweek": str(day),
                                "hour_from": opening,
                                "hour_to": 20,
                            }
                        )
                        for day in range(5)
                    ],
                }
            )

        self.team.calendar_id = hours(11)
        clock = self._clock(self._case_at(MONDAY_9))
        self.assertEqual(clock.due_at, self._utc("2026-11-23 15:00:00"))
        self.policy.calendar_id = hours(14)
        clock = self._clock(self._case_at(MONDAY_9))
        self.assertEqual(clock.due_at, self._utc("2026-11-23 18:00:00"))

    def test_editing_policy_calendar_or_leaves_touches_no_open_clock(self):
        case = self._case_at(FRIDAY_16)
        due = self._clock(case).due_at
        self.policy.target_ids[0].amount = 1
        self._leave("2026-11-22 23:00:00", "2026-11-23 22:59:59", self.company)
        self.company.resource_calendar_id.attendance_ids[0].unlink()
        self._cron_at("2026-11-20 15:30:00")
        self.assertEqual(self._clock(case).due_at, due)

    # ------------------------------------------------------------
    # Kept or broken
    # ------------------------------------------------------------

    def test_late_is_right_when_no_cron_runs(self):
        case = self._case_at(MONDAY_9)
        Clock = self.env["care.sla.clock"]
        late = [("is_late", "=", True), ("case_id", "=", case.id)]
        with self._at(MONDAY_13):
            case.invalidate_recordset()
            self.assertFalse(self._clock(case).is_late, "due now is not late yet")
            self.assertFalse(Clock.search(late))
            self.assertFalse(case.promise_late)
        with self._at("2026-11-23 12:00:01"):
            self.env.invalidate_all()
            self.assertTrue(self._clock(case).is_late)
            self.assertEqual(Clock.search(late), self._clock(case))
            self.assertNotIn(self._clock(case), Clock.search([("is_late", "=", False)]))
            self.assertTrue(case.promise_late)
            self.assertIn(case, case.search([("promise_late", "=", True)]))
            self.assertNotIn(case, case.search([("promise_late", "=", False)]))
            self.assertEqual(case.promise_status, "late")

    def test_a_promise_kept_in_its_last_second_is_kept(self):
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_13):
            self.env["care.sla.clock"]._meet(case, ["first_response"])
        clock = self._clock(case)
        self.assertEqual(clock.state, "met")
        self.assertFalse(clock.is_late)
        self.assertEqual(clock.elapsed_seconds, 4 * 3600)
        self.assertFalse(clock.next_at)

    def test_a_breach_is_dated_when_it_was_due_even_if_nobody_looked_for_a_day(self):
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._clock(case).breached_at, self._utc(MONDAY_13))

    def test_a_breach_is_dated_when_it_was_due_also_where_the_answer_came_first(self):
        case = self._case_at(MONDAY_9)
        with self._at(TUESDAY_10):
            self.env["care.sla.clock"]._meet(case, ["first_response"])
        clock = self._clock(case)
        self.assertEqual(clock.breached_at, self._utc(MONDAY_13))
        self.assertEqual(clock.status, "met_late")
        self.assertEqual(clock.elapsed_seconds, 9 * 3600)

    def test_resolving_keeps_all_promises_and_cancelling_ends_them(self):
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"met"})
        self.assertEqual(case.clock_ids.mapped("elapsed_seconds"), [3600, 3600])
        case = self._case_at(MONDAY_9, cancel_reason="Registered twice")
        self._stage(case, "cancelled", MONDAY_10)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"cancelled"})
        self.assertFalse(any(case.clock_ids.mapped("next_at")))

    # ------------------------------------------------------------
    # Pauses, solved time
    # ------------------------------------------------------------

    def test_waiting_for_the_customer_pauses_the_solution_and_never_the_answer(self):
        case = self._case_at(FRIDAY_16)
        self._stage(case, "waiting_customer", FRIDAY_16)
        self.assertEqual(self._clock(case).state, "running")
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.due_at), ("paused", False))
        self.assertEqual(clock.remaining, 16 * 3600)
        self.assertEqual(clock.first_due_at, self._utc("2026-11-24 15:00:00"))
        self.assertFalse(clock.next_at)

    def test_a_pause_from_friday_16_to_monday_10_is_two_hours(self):
        case = self._case_at(FRIDAY_16)
        self._stage(case, "waiting_customer", FRIDAY_16)
        self._stage(case, "progress", MONDAY_10)
        clock = self._clock(case, "resolution")
        self.assertEqual(clock.state, "running")
        self.assertEqual(clock.paused_seconds, 2 * 3600)
        self.assertEqual(clock.due_at, self._utc("2026-11-25 09:00:00"))
        self._resolve(case, MONDAY_13)
        self.assertEqual(clock.elapsed_seconds, 3 * 3600)

    def test_lunch_gaps_in_a_half_hour_zone(self):
        self.policy.calendar_id = self.env["resource.calendar"].create(
            {
                "name": "Pune",
                "company_id": self.company.id,
                "tz": "Asia/Kolkata",
                "attendance_ids": [Command.clear()]
                + [
                    Command.create(
                        {
                            "name": "Half a day",
                            "dayofweek": str(day),
                            "hour_from": hour_from,
                            "hour_to": hour_to,
                        }
                    )
                    for day in range(5)
                    for hour_from, hour_to in ((8, 12), (13, 17.5))
                ],
            }
        )
        self.policy.target_ids.filtered(lambda line: line.measure == "resolution").write(
            {"kind": "hours", "amount": 4}
        )
        # eleven o'clock there: an hour before lunch and three after it
        case = self._case_at("2026-11-23 05:30:00")
        clock = self._clock(case, "resolution")
        self.assertEqual(clock.due_at, self._utc("2026-11-23 10:30:00"))
        # half an hour before lunch and half an hour after it
        self._stage(case, "waiting_customer", "2026-11-23 06:00:00")
        self._stage(case, "progress", "2026-11-23 08:00:00")
        self.assertEqual(clock.paused_seconds, 3600)
        self.assertEqual(clock.due_at, self._utc("2026-11-23 11:30:00"))

    def test_a_pause_in_the_night_moves_nothing(self):
        case = self._case_at(MONDAY_9)
        due = self._clock(case, "resolution").due_at
        self._stage(case, "waiting_customer", "2026-11-23 18:00:00")
        self._stage(case, "progress", "2026-11-23 22:00:00")
        self.assertEqual(self._clock(case, "resolution").due_at, due)

    def test_waiting_for_a_third_party_pauses_nothing(self):
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_third", MONDAY_10)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"running"})

    def test_a_breach_before_a_pause_stays_a_breach(self):
        case = self._case_at(FRIDAY_16)
        self._stage(case, "waiting_customer", "2026-11-24 15:30:00")
        clock = self._clock(case, "resolution")
        self.assertEqual(clock.breached_at, self._utc("2026-11-24 15:00:00"))
        self.assertEqual(clock.remaining, -1800)
        self.assertTrue(clock.is_late)
        self.assertIn(case, case.search([("promise_late", "=", True)]))
        self._stage(case, "progress", "2026-11-25 15:30:00")
        self.assertEqual(clock.due_at, self._utc("2026-11-24 15:00:00"))

    def test_a_case_opened_in_a_waiting_stage_starts_paused(self):
        stage = self.env.ref("customer_care.stage_case_waiting_customer")
        case = self._case_at(MONDAY_9, stage_id=stage.id)
        self.assertEqual(self._clock(case, "resolution").state, "paused")
        self.assertEqual(self._clock(case).state, "running")

    def test_resolved_for_three_days_then_reopened_counts_for_nothing(self):
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_17)
        self._stage(case, "progress", "2026-11-26 16:00:00")
        clock = self._clock(case, "resolution")
        self.assertEqual(clock.state, "running")
        self.assertEqual(clock.solved_seconds, 24 * 3600)
        self.assertEqual(clock.first_due_at, self._utc("2026-11-25 08:00:00"))
        # due on Wednesday at nine; three working days later is Monday at nine
        self.assertEqual(clock._worked(self._utc("2026-11-26 16:00:00"), clock.due_at), 8 * 3600)
        self.assertEqual(self._clock(case).state, "met", "an answer stays given")
        self._resolve(case, "2026-11-27 10:00:00")
        self.assertEqual(clock.elapsed_seconds, 10 * 3600)

    def test_cancelled_then_reopened_runs_on_with_all_its_promises(self):
        case = self._case_at(MONDAY_9, cancel_reason="Registered twice")
        self._stage(case, "cancelled", MONDAY_10)
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"running"})
        self.assertEqual(self._clock(case).due_at, self._utc("2026-11-23 15:00:00"))

    def test_a_case_from_before_the_addon_gets_its_promise_when_it_is_reopened(self):
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        case.clock_ids.unlink()
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(case.clock_ids.mapped("measure"), ["resolution"])
        self.assertEqual(case.clock_ids.started_at, self._utc(MONDAY_13))
