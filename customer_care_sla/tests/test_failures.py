from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import MONDAY_9, MONDAY_10, MONDAY_13, MONDAY_17, TUESDAY_10, SlaCase, quiet

CLOCK = "odoo.addons.customer_care_sla.models.care_sla_clock"


@tagged("post_install", "-at_install")
class TestFailures(SlaCase):
    def _break_filter(self, policy):
        """As if a field of its filter had gone since it was saved."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_sla_policy SET filter_domain = %s WHERE id = %s",
            ("[('field_that_went', '=', 1)]", policy.id),
        )
        self.env.invalidate_all()
        policy._changed()

    @quiet
    def test_a_broken_filter_stops_no_case_and_is_retried_once_mended(self):
        broken = self._sla([("first_response", "any", "hours", 1)], sequence=1, name="Broken")
        self._break_filter(broken)
        case = self._case_at(MONDAY_9)
        clock = self._clock(case)
        self.assertTrue(case.number)
        self.assertEqual((clock.state, clock.policy_id), ("failed", broken))
        self.assertIn("field_that_went", clock.error)
        self.assertIn("field_that_went", broken.last_error)
        self.assertEqual(broken.retry_count, 1)
        self.assertEqual(self._clock(case, "resolution").state, "running")

        self._cron_at("2026-11-23 08:10:00")
        self.assertEqual((clock.state, clock.attempts), ("failed", 2), "still broken")

        with self._at(MONDAY_10):
            broken.filter_domain = "[('kind', '=', 'compliment')]"
        self._cron_at(MONDAY_10)
        self.assertEqual((clock.state, clock.policy_id), ("running", self.policy))
        self.assertEqual(clock.due_at, self._utc(MONDAY_13), "counted from the same moment")
        self.assertFalse(clock.error)
        self.assertFalse(broken.last_error)

    @quiet
    def test_a_clock_without_working_hours_stays_visible_and_is_planned_once_there_are_some(
        self,
    ):
        calendar, hours = self._empty_calendar()
        case = self._case_at(MONDAY_9)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"failed"})
        self.assertIn("no hours", self._clock(case).error)
        self.assertEqual(case.promise_status, "failed")
        self.assertIn("no hours", self.policy.last_error)
        with self._at(MONDAY_10):
            calendar.attendance_ids = hours
        self._cron_at(MONDAY_10)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"running"})
        self.assertEqual(self._clock(case).due_at, self._utc(MONDAY_13))

    @quiet
    def test_what_is_planned_late_stands_still_as_if_it_had_been_planned_in_time(self):
        def goes_its_way(case):
            case.resolution = "Mended."
            self._stage(case, "waiting_customer", MONDAY_10)
            self._stage(case, "progress", MONDAY_13)
            self._stage(case, "resolved", MONDAY_17)
            self._stage(case, "progress", "2026-11-25 09:00:00")
            self._stage(case, "waiting_customer", "2026-11-25 10:00:00")
            self._stage(case, "progress", "2026-11-25 12:00:00")

        twin = self._case_at(MONDAY_9)
        goes_its_way(twin)
        calendar, hours = self._empty_calendar()
        case = self._case_at(MONDAY_9)
        goes_its_way(case)
        clock, other = (self._clock(each, "resolution") for each in (case, twin))
        self.assertFalse(clock.due_at)
        with self._at("2026-11-25 13:00:00"):
            calendar.attendance_ids = hours
        self._cron_at("2026-11-25 13:00:00")

        def told(clock):
            stood = [(p.reason, p.started_at, p.stopped_at, p.seconds) for p in clock.pause_ids]
            seconds = (clock.paused_seconds, clock.solved_seconds)
            return clock.state, clock.due_at, clock.breached_at, seconds, stood

        self.assertEqual(told(clock), told(other))
        self.assertEqual(len(clock.pause_ids), 3)

    @quiet
    def test_planning_many_late_costs_as_many_queries_as_planning_few(self):
        calendar, hours = self._empty_calendar()
        cases = [self._case_at(MONDAY_9) for _number in range(24)]
        for case in cases:
            self._stage(case, "waiting_customer", MONDAY_10)
            self._stage(case, "progress", MONDAY_13)
            self._stage(case, "waiting_customer", MONDAY_17)
        calendar.attendance_ids = hours
        clocks = [self._clock(case, "resolution") for case in cases]
        spent = []
        for mine in (clocks[:2], clocks[2:4], clocks[4:]):
            mine = mine[0].union(*mine)
            with self._at(TUESDAY_10):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.cr.sql_log_count
                mine._replan(self.env.cr.now())
                self.env.flush_all()
                spent.append(self.cr.sql_log_count - before)
            self.assertEqual(mine.mapped("state"), ["paused"] * len(mine))
            self.assertEqual({len(clock.pause_ids) for clock in mine}, {2})
        _first, few, many = spent
        self.assertLessEqual(many, few + 5)

    @quiet
    def test_what_could_not_be_planned_while_it_waits_stands_still_once_it_is(self):
        calendar, hours = self._empty_calendar()
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_9)
        with self._at(MONDAY_10):
            calendar.attendance_ids = hours
        self._cron_at(MONDAY_10)
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, str(clock.paused_at)), ("paused", MONDAY_9))
        self.assertFalse(
            case.activity_ids.filtered(lambda activity: "long enough" in (activity.summary or ""))
        )

    @quiet
    def test_other_calendars_of_the_batch_are_planned_all_the_same(self):
        good = self.company.resource_calendar_id
        self.team.calendar_id = good.copy()
        self.team.calendar_id.attendance_ids.unlink()
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_9):
            both = self.env["care.case"].create(
                [
                    {
                        "name": "One",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "team_id": team and team.id,
                    }
                    for team in (self.team, self.team.copy({"calendar_id": False}))
                ]
            )
        self.assertEqual(self._clock(case).state, "failed")
        self.assertEqual(both.clock_ids.grouped("case_id")[both[0]].mapped("state")[0], "failed")
        self.assertEqual(self._clock(both[1]).state, "running")

    @quiet
    def test_after_five_attempts_a_clock_waits_for_a_person(self):
        calendar, hours = self._empty_calendar()
        case = self._case_at(MONDAY_9)
        clock = self._clock(case)
        for _attempt in range(5):
            clock.next_at = MONDAY_9
            self._cron_at(MONDAY_10)
        self.assertEqual((clock.state, clock.next_at), ("failed", False))
        with self.assertRaises(AccessError):
            clock.with_user(self.agent).action_retry()
        with patch.object(type(clock), "_wake"):
            calendar.attendance_ids = hours
        with self._at(MONDAY_10):
            clock.with_user(self.leader).action_retry()
        self._cron_at(MONDAY_10)
        self.assertEqual(clock.state, "running")

    @quiet
    def test_a_clock_planned_too_late_tells_the_leader(self):
        calendar, hours = self._empty_calendar()
        case = self._case_at(MONDAY_9)
        with self._at(TUESDAY_10):
            calendar.attendance_ids = hours
        self._cron_at(TUESDAY_10)
        clock = self._clock(case)
        self.assertEqual(clock.breached_at, self._utc(MONDAY_13))
        self.assertEqual(clock.alert_ids.user_id, self.leader)

    @quiet
    def test_a_case_whose_clock_cannot_be_planned_can_be_resolved(self):
        self._empty_calendar()
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"met"})
        self._cron_at(TUESDAY_10)
        self.assertEqual(set(case.clock_ids.mapped("state")), {"met"})

    @quiet
    def test_an_alert_that_fails_stops_neither_the_clock_nor_the_others(self):
        bad, good = self._case_at(MONDAY_9), self._case_at(MONDAY_9)
        alerts = type(self.env["care.sla.alert"])
        tell = alerts._tell

        def failing(self, passed):
            if any(clock.case_id == bad for clock, _level in passed):
                raise ValueError("no such leader")
            return tell(self, passed)

        with patch.object(alerts, "_tell", failing):
            self._cron_at(TUESDAY_10)
        self.assertEqual(self._clock(good).alert_ids.user_id, self.leader)
        clock = self._clock(bad)
        self.assertEqual(clock.state, "running")
        self.assertIn("no such leader", clock.error)
        self.assertTrue(clock.next_at)
        with self._at(TUESDAY_10):
            self.assertTrue(clock.is_late)

    def test_a_policy_that_promises_ten_years_makes_no_trouble(self):
        self.policy.target_ids[0].write({"kind": "days", "amount": 200000})
        with quiet:
            case = self._case_at(MONDAY_9)
        self.assertEqual(self._clock(case).state, "failed")
        self.assertIn("years", self._clock(case).error)

    def test_a_promise_of_nine_years_is_kept_track_of(self):
        self.policy.target_ids[0].write({"kind": "days", "amount": 2300})
        clock = self._clock(self._case_at(MONDAY_9))
        self.assertEqual((clock.state, clock.seconds), ("running", 2300 * 8 * 3600))
        self.assertEqual(clock.due_at.year, 2035)

    def test_archived_working_hours_and_an_archived_team_still_count(self):
        calendar = self.company.resource_calendar_id.copy({"name": "Old"})
        self.team.calendar_id = calendar
        calendar.active = False
        self.assertEqual(str(self._clock(self._case_at(MONDAY_9)).due_at), MONDAY_13)
        case = self._case_at(MONDAY_9)
        self.team.active = False
        self._stage(case, "waiting_customer", MONDAY_10)
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(self._clock(case, "resolution").state, "running")

    @quiet
    def test_working_hours_that_went_to_another_company_promise_nothing_until_that_is_mended(self):
        calendar = self.company.resource_calendar_id.copy({"name": "Shared"})
        self.policy.calendar_id = calendar
        running = self._case_at(MONDAY_9)
        calendar.sudo().company_id = self.env["res.company"].create({"name": "Elsewhere"})
        case = self._case_at(MONDAY_9)
        self.assertTrue(case.number)
        self.assertEqual(self._clock(case).state, "failed")
        self.assertIn("another company", self._clock(case).error)
        self._stage(running, "waiting_customer", MONDAY_10)
        self._stage(running, "progress", MONDAY_13)
        self.assertEqual(self._clock(running, "resolution").paused_seconds, 3 * 3600)
        with self._at(MONDAY_13):
            calendar.sudo().company_id = self.company
        self._cron_at(MONDAY_13)
        self.assertEqual(self._clock(case).state, "running")

    def test_a_calendar_emptied_touches_no_open_promise(self):
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        self._empty_calendar()
        self._stage(case, "progress", MONDAY_13)
        self._resolve(case, TUESDAY_10)
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.elapsed_seconds, clock.paused_seconds), (6 * 3600, 3 * 3600))

    # ------------------------------------------------------------
    # Very many that could not be planned
    # ------------------------------------------------------------

    def _waiting(self, count):
        """So many cases whose promises cannot be planned, two each, given up by the engine."""
        calendar, hours = self._empty_calendar()
        cases = self.env["care.case"].union(*(self._case_at(MONDAY_9) for _n in range(count)))
        cases.clock_ids.write({"attempts": 5, "next_at": False})
        self.env.flush_all()
        return calendar, hours, cases

    def _mend(self, calendar, hours):
        with self._at(MONDAY_10):
            calendar.attendance_ids = hours
            self.env.flush_all()
        self.env.invalidate_all()

    @quiet
    def test_mending_touches_no_promise_itself_however_many_there_are(self):
        calendar, hours, cases = self._waiting(3)
        self.env.cr.execute(
            "SELECT id, ctid FROM care_sla_clock WHERE id = ANY(%s) ORDER BY id",
            [cases.clock_ids.ids],
        )
        before = self.env.cr.fetchall()
        self._mend(calendar, hours)
        self.env.cr.execute(
            "SELECT id, ctid FROM care_sla_clock WHERE id = ANY(%s) ORDER BY id",
            [cases.clock_ids.ids],
        )
        self.assertEqual(self.env.cr.fetchall(), before)
        self.assertTrue(self.company.care_sla_woken_at)

    @quiet
    def test_the_cron_goes_through_what_could_not_be_planned_in_batches(self):
        calendar, hours, cases = self._waiting(5)
        self._mend(calendar, hours)
        sizes = []
        wake_up = type(self.env["care.sla.clock"])._wake_up

        def counted(clocks):
            sizes.append(len(clocks))
            return wake_up(clocks)

        with (
            patch(f"{CLOCK}.WAKE_BATCH", 4),
            patch.object(type(self.env["care.sla.clock"]), "_wake_up", counted),
        ):
            self._cron_at(MONDAY_10)
        self.assertEqual(sizes, [4, 4, 2])
        self.assertEqual(set(cases.clock_ids.mapped("state")), {"running"})
        self.assertFalse(self.company.care_sla_woken_at, "it is done with")

    @quiet
    def test_a_cron_that_was_killed_half_way_goes_on(self):
        calendar, hours, cases = self._waiting(3)
        self._mend(calendar, hours)
        with patch(f"{CLOCK}.WAKE_BATCH", 2), self._at(MONDAY_10):
            self.env["care.sla.clock"].sudo()._claim_waiting()._wake_up()
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(len(cases.clock_ids.filtered("next_at")), 2)
        self._cron_at(MONDAY_10)
        self.assertEqual(set(cases.clock_ids.mapped("state")), {"running"})

    @quiet
    def test_what_cannot_be_planned_yet_is_tried_once_for_each_time_that_something_is_mended(self):
        calendar, hours, cases = self._waiting(2)
        with self._at(MONDAY_10):
            self.policy.name = "Another name"
            self.env.flush_all()
        self._cron_at(MONDAY_10)
        self.assertEqual(set(cases.clock_ids.mapped("state")), {"failed"})
        self.assertEqual(set(cases.clock_ids.mapped("attempts")), {1})
        self.assertFalse(self.company.care_sla_woken_at)
        self._mend(calendar, hours)
        self._cron_at(MONDAY_10)
        self.assertEqual(set(cases.clock_ids.mapped("state")), {"running"})

    def test_nothing_is_noted_where_nothing_waits(self):
        self._case_at(MONDAY_9)
        self.policy.name = "Another name"
        self.assertFalse(self.company.care_sla_woken_at)
