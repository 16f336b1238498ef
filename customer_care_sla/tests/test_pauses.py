"""Waiting by reason, its cap, and what reopening does."""

from odoo.exceptions import AccessError
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
class TestPauses(SlaCase):
    def _pauses(self, case):
        return [
            (p.reason, str(p.started_at), str(p.stopped_at or ""), p.seconds)
            for p in self._clock(case, "resolution").pause_ids.sorted("started_at")
        ]

    def test_each_pause_is_a_row_with_its_reason_and_working_time(self):
        self.policy.pause_third_party = True
        case = self._case_at(FRIDAY_16)
        self._stage(case, "waiting_customer", FRIDAY_16)
        self._stage(case, "waiting_third", MONDAY_10)
        self._stage(case, "progress", MONDAY_13)
        self._stage(case, "waiting_customer", MONDAY_17)
        self.assertEqual(
            self._pauses(case),
            [
                ("customer", FRIDAY_16, MONDAY_10, 2 * 3600),
                ("third_party", MONDAY_10, MONDAY_13, 3 * 3600),
                ("customer", MONDAY_17, "", 0),
            ],
        )
        clock = self._clock(case, "resolution")
        self.assertEqual(clock.paused_seconds, 5 * 3600)
        self.assertEqual(clock.paused_by, {"customer": 2 * 3600, "third_party": 3 * 3600})
        self.assertEqual((clock.state, clock.paused_for), ("paused", "customer"))

    def test_a_third_party_is_waited_for_only_where_the_policy_says_so(self):
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_third", MONDAY_10)
        self.assertEqual(self._clock(case, "resolution").state, "running")
        self.policy.write({"pause_third_party": True, "pause_customer": False})
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_third", MONDAY_10)
        self.assertEqual(self._clock(case, "resolution").state, "paused")
        self._stage(case, "waiting_customer", MONDAY_13)
        self.assertEqual(self._clock(case, "resolution").state, "running")

    def test_what_has_no_time_left_is_due_when_it_goes_on_and_not_while_it_stood_still(self):
        self.policy.target_ids.filtered(lambda line: line.measure == "resolution").amount = 1
        case = self._case_at("2026-11-27 08:00:00")  # Friday, at the opening
        clock = self._clock(case, "resolution")
        self.assertEqual(str(clock.due_at), "2026-11-30 08:00:00")
        # in the evening nothing is left but the night, and it stands still all of Monday
        self._stage(case, "waiting_customer", "2026-11-27 17:00:00")
        self.assertEqual(clock.remaining, 0)
        self._stage(case, "progress", "2026-12-01 04:00:00")
        self.assertEqual(str(clock.due_at), "2026-12-01 04:00:00")
        with self._at("2026-12-01 04:00:00"):
            self.assertFalse(clock.is_late)
        self._stage(case, "waiting_customer", "2026-12-01 04:00:00")
        self.assertFalse(clock.breached_at)

    def test_the_pause_shows_what_the_customer_was_asked_and_when(self):
        case = self._case_at(MONDAY_9)
        for moment, text in ((MONDAY_10, "Which model is it?"), (MONDAY_17, "Are you there?")):
            with self._at(moment):
                message = case.with_user(self.agent).message_post(
                    body=text, message_type="comment", subtype_xmlid="mail.mt_comment"
                )
                message.sudo().date = moment
        self._stage(case, "waiting_customer", MONDAY_13)
        pause = self._clock(case, "resolution").pause_ids
        self.assertEqual((pause.question, str(pause.sent_at)), ("Are you there?", MONDAY_17))
        self._stage(case, "progress", "2026-11-23 15:00:00")
        pause.invalidate_recordset()
        self.assertEqual((pause.question, str(pause.sent_at)), ("Which model is it?", MONDAY_10))

    def test_the_customers_message_ends_the_wait_for_them_and_no_other(self):
        self.policy.pause_third_party = True
        for stage, state in (("waiting_customer", "running"), ("waiting_third", "paused")):
            case = self._case_at(MONDAY_9)
            self._stage(case, stage, MONDAY_10)
            with self._at(MONDAY_13):
                case.sudo().message_post(
                    body="It is the small one",
                    author_id=self.customer.id,
                    message_type="email",
                    subtype_xmlid="mail.mt_comment",
                )
            self.env.invalidate_all()
            self.assertEqual(self._clock(case, "resolution").state, state)

    # ------------------------------------------------------------
    # Cap
    # ------------------------------------------------------------

    def _waited(self, case):
        kind = self.env.ref("customer_care_sla.mail_activity_type_waited")
        return case.activity_ids.filtered(lambda activity: activity.activity_type_id == kind)

    def test_over_the_cap_the_clock_runs_on_and_the_owner_is_told_once(self):
        self.policy.pause_customer_cap = 4
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self._stage(case, "waiting_customer", MONDAY_10)
        clock = self._clock(case, "resolution")
        self.assertEqual(str(clock.next_at), "2026-11-23 13:00:00")
        self._cron_at(MONDAY_13)
        self.assertEqual(clock.state, "paused")
        self._cron_at("2026-11-23 15:00:00")
        self.assertEqual((clock.state, clock.paused_seconds), ("running", 4 * 3600))
        self.assertEqual(str(clock.due_at), "2026-11-25 12:00:00", "moved by the cap, no more")
        self.assertEqual(self._waited(case).user_id, self.agent)
        self.assertEqual(
            self._pauses(case), [("customer", MONDAY_10, "2026-11-23 13:00:00", 4 * 3600)]
        )
        self._stage(case, "progress", MONDAY_17)
        self._stage(case, "waiting_customer", TUESDAY_10)
        self._cron_at("2026-11-25 09:00:00")
        self.assertEqual(clock.state, "running", "it has waited all it may")
        self.assertEqual(len(self._waited(case)), 1)

    def test_a_cap_beyond_all_known_hours_holds_up_no_case(self):
        self.policy.pause_customer_cap = 99999
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.next_at), ("paused", False))
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual((clock.state, clock.paused_seconds), ("running", 3 * 3600))

    def test_the_cap_counts_several_waits_together_and_each_reason_by_itself(self):
        self.policy.write({"pause_customer_cap": 2, "pause_third_party": True})
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_9)
        self._stage(case, "progress", MONDAY_10)
        self._stage(case, "waiting_third", MONDAY_10)
        self._stage(case, "waiting_customer", MONDAY_13)
        clock = self._clock(case, "resolution")
        self.assertEqual(str(clock.next_at), "2026-11-23 13:00:00")

    def test_a_cap_that_nobody_looked_at_holds_all_the_same(self):
        self.policy.pause_customer_cap = 4
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        self._stage(case, "progress", TUESDAY_10)
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.paused_seconds), ("running", 4 * 3600))
        self.assertEqual(str(clock.due_at), "2026-11-25 12:00:00")

    def test_the_cap_of_a_running_promise_is_the_one_it_was_made_with(self):
        self.policy.pause_customer_cap = 4
        case = self._case_at(MONDAY_9)
        self.policy.pause_customer_cap = 0
        self._stage(case, "waiting_customer", MONDAY_10)
        self.assertTrue(self._clock(case, "resolution").next_at)

    # ------------------------------------------------------------
    # Reopened
    # ------------------------------------------------------------

    def test_reopened_with_a_new_promise_the_first_stays_what_it_was(self):
        self.policy.reopen_mode = "new"
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-25 09:00:00")
        self._resolve(case, "2026-11-25 10:00:00")
        self._stage(case, "progress", "2026-11-26 10:00:00")
        first, second = self._clock(case, "resolution").sorted("cycle")
        self.assertEqual((first.cycle, first.state, first.is_late), (1, "met", True))
        self.assertEqual((second.cycle, second.state), (case.cycle, "running"))
        self.assertEqual(str(second.started_at), "2026-11-26 10:00:00")
        self.assertEqual(second.first_due_at, second.due_at)
        self.assertEqual(str(second.due_at), "2026-11-30 10:00:00")
        self._resolve(case, "2026-11-27 10:00:00")
        self._stage(case, "progress", "2026-11-27 11:00:00")
        self.assertEqual(self._clock(case, "resolution").sorted("cycle").mapped("cycle"), [1, 2, 3])
        self.assertFalse(second.solved_seconds)

    def test_solved_for_three_days_is_a_row_that_is_no_pause(self):
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_17)
        self._stage(case, "progress", "2026-11-26 16:00:00")
        clock = self._clock(case, "resolution")
        self.assertEqual(
            self._pauses(case), [("solved", MONDAY_17, "2026-11-26 16:00:00", 24 * 3600)]
        )
        self.assertEqual((clock.solved_seconds, clock.paused_seconds), (24 * 3600, 0))

    def test_reopening_into_a_waiting_stage_stands_still(self):
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        self._stage(case, "waiting_customer", MONDAY_13)
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.solved_seconds), ("paused", 3 * 3600))

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_nobody_forges_a_pause(self):
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        clock = self._clock(case, "resolution")
        vals = {
            "clock_id": clock.id,
            "company_id": self.company.id,
            "reason": "customer",
            "started_at": MONDAY_9,
        }
        for user in (self.agent, self.leader, self.manager):
            pause = clock.pause_ids.with_user(user)
            for change in (
                lambda pause=pause: pause.write({"started_at": MONDAY_9}),
                lambda pause=pause: pause.create(vals),
                lambda pause=pause: pause.unlink(),
            ):
                with self.assertRaises(AccessError):
                    change()

    def test_pauses_are_seen_with_the_case(self):
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        pause = self._clock(case, "resolution").pause_ids
        stranger = self._user("care_stranger", "customer_care.group_agent")
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        other = self._user("care_b", "customer_care.group_manager", company=elsewhere)
        Pause = self.env["care.sla.pause"]
        for user in (self.agent, self.leader, self.manager):
            self.assertIn(pause, Pause.with_user(user).search([]))
        for user in (stranger, other):
            self.assertNotIn(pause, Pause.with_user(user).search([]))
