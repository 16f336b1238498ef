"""What holds when something changes while a promise is open."""

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import file_open

from .common import (
    FRIDAY_16,
    MONDAY_9,
    MONDAY_10,
    MONDAY_13,
    MONDAY_17,
    TUESDAY_10,
    SlaCase,
    quiet,
)


@tagged("post_install", "-at_install")
class TestChanges(SlaCase):
    def _line(self, policy=None, measure="resolution", **vals):
        (policy or self.policy).target_ids = [
            Command.create({"measure": measure, "kind": "hours", **vals})
        ]

    def _set(self, case, moment, **vals):
        with self._at(moment):
            case.write(vals)
            self.env.flush_all()
        self.env.invalidate_all()

    # ------------------------------------------------------------
    # The record
    # ------------------------------------------------------------

    def test_severity_raised_after_three_hours_with_one_hour_paused(self):
        self._line(severity="3", amount=8)
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        self._stage(case, "progress", "2026-11-23 10:00:00")
        self._set(case, MONDAY_13, severity="3")
        clock = self._clock(case, "resolution")
        # eight hours from nine, one of them waited: ten on Tuesday
        self.assertEqual(str(clock.due_at), TUESDAY_10)
        self.assertEqual(clock.seconds, 8 * 3600)
        self.assertEqual(clock.paused_seconds, 3600)
        self.assertEqual(str(clock.started_at), MONDAY_9)
        self.assertEqual(str(clock.first_due_at), "2026-11-25 08:00:00", "kept for ever")
        self.assertRegex(
            clock.reason, r"8 hours of working time instead of 2 working days, because what"
        )
        self._resolve(case, MONDAY_17)
        self.assertEqual(clock.elapsed_seconds, 7 * 3600)
        self.assertFalse(clock.is_late)

    def test_a_breach_stays_when_the_severity_is_lowered(self):
        self._line(measure="first_response", severity="3", amount=1)
        case = self._case_at(MONDAY_9, severity="3")
        self._cron_at("2026-11-23 10:00:00")
        self._set(case, "2026-11-23 10:00:00", severity="1")
        clock = self._clock(case)
        self.assertEqual(str(clock.due_at), MONDAY_13)
        self.assertEqual(str(clock.breached_at), MONDAY_10)
        self.assertTrue(clock.is_late)
        alerts = clock.alert_ids
        self._cron_at(TUESDAY_10)
        self.assertEqual(str(clock.breached_at), MONDAY_10)
        told = clock.alert_ids - alerts
        self.assertFalse(told & alerts)
        self.assertEqual(len(clock.alert_ids), len(clock.alert_ids.mapped("level_key")))

    def test_a_promise_that_is_late_by_the_new_one_is_dated_when_that_was_due(self):
        self._line(measure="first_response", severity="3", amount=1)
        case = self._case_at(MONDAY_9)
        self._set(case, MONDAY_13, severity="3")
        clock = self._clock(case)
        self.assertEqual(str(clock.breached_at), MONDAY_10)
        self._cron_at(MONDAY_13)
        self.assertEqual(clock.alert_ids.user_id, self.leader, "told of the highest level alone")

    def test_a_paused_promise_is_changed_too(self):
        self._line(severity="3", amount=8)
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        self._set(case, MONDAY_13, severity="3")
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.remaining), ("paused", 7 * 3600))
        self._stage(case, "progress", MONDAY_17)
        self.assertEqual(str(clock.due_at), "2026-11-24 15:00:00")

    def test_what_changed_while_it_was_solved_is_promised_when_it_goes_on(self):
        self._line(severity="3", amount=8)
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_13)
        self._set(case, MONDAY_17, severity="3")
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.spec_kind), ("met", "days"), "it is over")
        self._stage(case, "progress", TUESDAY_10)
        # eight hours from Monday at nine, and the five between solved and reopened
        self.assertEqual(str(clock.due_at), "2026-11-24 13:00:00")
        self.assertEqual((clock.spec_kind, clock.solved_seconds), ("hours", 5 * 3600))
        self.assertIn("because what is known of it changed", clock.reason)

    def test_a_change_that_was_taken_back_while_it_was_solved_changes_nothing(self):
        self._line(severity="3", amount=8)
        case = self._case_at(MONDAY_9)
        due = self._clock(case, "resolution").due_at
        self._resolve(case, MONDAY_13)
        self._set(case, MONDAY_13, severity="3")
        self._set(case, MONDAY_13, severity="1")
        self.policy.target_ids.filtered(lambda t: t.severity == "any").amount = 9
        self._stage(case, "progress", MONDAY_13)
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.due_at, clock.changes), (due, False))

    def test_a_policy_that_was_edited_while_it_was_solved_changes_nothing(self):
        case = self._case_at(MONDAY_9)
        due = self._clock(case, "resolution").due_at
        self._resolve(case, MONDAY_13)
        self._sla([("resolution", "any", "hours", 1)], name="First of all", sequence=1)
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(self._clock(case, "resolution").due_at, due)

    def test_a_tier_that_changed_while_it_was_over_is_promised_when_it_goes_on(self):
        tier = self.env.ref("customer_care.tier_key")
        key = self._sla([("resolution", "any", "hours", 24)], name="Key", tier_ids=tier.ids)
        cases = [self._case_at(MONDAY_9) for _over in range(3)]
        for case, over in zip(cases, ("resolved", "closed", "cancelled"), strict=True):
            case.write({"cancel_reason": "A mistake.", "resolution": "Mended."})
            for name in dict.fromkeys(("resolved", over)) if over != "cancelled" else (over,):
                self._stage(case, name, MONDAY_10)
        with self._at(MONDAY_13):
            self.customer.with_company(self.company).care_tier_id = tier
            self.env.flush_all()
        self.env.invalidate_all()
        for case in cases:
            self._stage(case, "progress", MONDAY_13)
            self.assertEqual(self._clock(case, "resolution")[-1:].policy_id, key)

    def test_what_ended_in_time_is_not_broken_by_what_is_promised_later(self):
        self._line(severity="3", amount=1)
        case = self._case_at(MONDAY_9)
        due = self._clock(case, "resolution").due_at
        self._resolve(case, MONDAY_13)
        self._set(case, MONDAY_17, severity="3")
        self._stage(case, "progress", MONDAY_17)
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.breached_at), ("running", False))
        self.assertGreater(clock.due_at, due, "four hours later, as it was solved for so long")
        self.assertEqual(clock.spec_kind, "days")

    def test_what_was_kept_for_good_stays_as_it_was_promised(self):
        self._line(measure="first_response", severity="3", amount=1)
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_13)
        self._set(case, MONDAY_13, severity="3")
        self._stage(case, "progress", MONDAY_13)
        clock = self._clock(case)
        self.assertEqual((clock.state, clock.spec_amount), ("met", 4))

    def test_a_new_policy_that_does_not_wait_lets_the_promise_run_on(self):
        tier = self.env.ref("customer_care.tier_key")
        self._sla(
            [("resolution", "any", "hours", 24)],
            name="Key",
            tier_ids=tier.ids,
            pause_customer=False,
        )
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        with self._at(MONDAY_13):
            self.customer.with_company(self.company).care_tier_id = tier
            self.env.flush_all()
        self.env.invalidate_all()
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, clock.paused_seconds), ("running", 3 * 3600))
        self.assertEqual(str(clock.due_at), "2026-11-26 11:00:00")

    def test_tier_category_team_and_customer_change_what_is_promised(self):
        tier = self.env.ref("customer_care.tier_key")
        category = self.env["care.category"].create({"name": "Leaks"})
        other = self.env["res.partner"].create({"name": "Contract", "email": "c@example.com"})
        team = self.team.copy({"name": "Second"})
        line = [("first_response", "any", "hours", 1)]
        self._sla(line, name="Tier", tier_ids=tier.ids)
        self._sla(line, name="Own", partner_ids=other.ids)
        about = f"[('category_id', '=', {category.id})]"
        self._sla(line, name="Category", sequence=1, filter_domain=about)
        self._sla(line, name="Team", sequence=1, filter_domain=f"[('team_id', '=', {team.id})]")
        cases = [self._case_at(MONDAY_9) for _number in range(3)]
        self._set(cases[0], MONDAY_9, category_id=category.id)
        self._set(cases[1], MONDAY_9, team_id=team.id)
        self._set(cases[2], MONDAY_9, partner_id=other.id)
        names = [self._clock(case).policy_id.name for case in cases]
        self.assertEqual(names, ["Category", "Team", "Own"])
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_10):
            self.customer.with_company(self.company).care_tier_id = tier
        self.env.invalidate_all()
        self.assertEqual(self._clock(case).policy_id.name, "Tier")

    def test_another_teams_hours_count_from_the_start(self):
        calendar = self.company.resource_calendar_id.copy({"name": "Late"})
        calendar.attendance_ids.write({"hour_from": 13, "hour_to": 21})
        case = self._case_at(MONDAY_9)
        team = self.team.copy({"name": "Evening", "calendar_id": calendar.id})
        self._set(case, MONDAY_10, team_id=team.id)
        self.assertEqual(str(self._clock(case).due_at), "2026-11-23 16:00:00")

    def test_what_is_promised_for_the_first_time_counts_from_the_customers_word(self):
        self.policy.target_ids.filtered(lambda t: t.measure == "resolution").severity = "3"
        case, answered = self._case_at(MONDAY_9), self._case_at(MONDAY_9)
        self.assertFalse(self._clock(case, "resolution"))
        self._set(case, MONDAY_13, severity="3")
        self.assertEqual(str(self._clock(case, "resolution").due_at), "2026-11-25 08:00:00")
        first = self.policy.target_ids.filtered(lambda t: t.measure == "first_response")
        first.severity = "3"
        answered.clock_ids.unlink()
        with self._at(MONDAY_10):
            answered.with_user(self.agent).message_post(
                body="Yes", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
        self._set(answered, MONDAY_13, severity="3")
        self.assertFalse(self._clock(answered), "an answer that was given is promised no more")

    def test_what_nobody_promises_any_more_ends_and_reopening_does_not_bring_it_back(self):
        self.policy.target_ids = [
            Command.create({"measure": "first_response", "severity": "0", "kind": "none"})
        ]
        case = self._case_at(MONDAY_9, cancel_reason="Twice")
        self._set(case, MONDAY_10, severity="0")
        clock = self._clock(case)
        self.assertEqual((clock.state, clock.policy_id), ("cancelled", self.policy))
        self._stage(case, "cancelled", MONDAY_10)
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(clock.state, "cancelled")
        self.assertEqual(self._clock(case, "resolution").state, "running")

    def _nothing_when_low(self, *measures):
        """Of low severity nothing of this is promised."""
        self.policy.target_ids = [
            Command.create({"measure": measure, "severity": "0", "kind": "none"})
            for measure in measures
        ]

    def test_a_change_that_is_taken_back_gains_no_time_and_loses_no_promise(self):
        self._nothing_when_low("first_response", "resolution")
        case = self._case_at(MONDAY_9)
        before = {clock: (clock.started_at, clock.due_at) for clock in case.clock_ids}
        self._set(case, MONDAY_10, severity="0")
        self.assertEqual(set(case.clock_ids.mapped("state")), {"cancelled"})
        self._set(case, "2026-11-23 11:00:00", severity="1")
        self.assertEqual(set(case.clock_ids.mapped("state")), {"running"})
        after = {clock: (clock.started_at, clock.due_at) for clock in case.clock_ids}
        self.assertEqual(after, before)
        self.assertFalse(any(case.clock_ids.mapped("stopped_at")))
        self._cron_at(MONDAY_17)
        clock = self._clock(case)
        self.assertEqual(clock.breached_at, clock.due_at)
        self.assertTrue(clock.alert_ids)
        self._resolve(case, MONDAY_17)
        self.assertEqual(clock.elapsed_seconds, 8 * 3600, "the time between counts")

    def test_a_change_that_is_taken_back_while_the_case_waits_loses_no_time(self):
        self._nothing_when_low("first_response", "resolution")
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        clock = self._clock(case, "resolution")
        left = clock.remaining
        self._set(case, "2026-11-23 11:00:00", severity="0")
        self.assertEqual(clock.state, "cancelled")
        self._set(case, "2026-11-26 11:00:00", severity="1")
        self.assertEqual((clock.state, clock.remaining), ("paused", left))
        self._stage(case, "progress", "2026-11-26 13:00:00")
        self.assertFalse(clock.breached_at)
        # a day and seven hours are left on Thursday at two
        self.assertEqual(str(clock.due_at), "2026-11-30 12:00:00")

    def _beside_its_twin(self, *steps):
        """A case of which nothing is promised for a while, and one that went the same way.

        :param steps: (moment, a stage or the severity of the former)
        """
        self._nothing_when_low("first_response", "resolution")
        case, twin = self._case_at(MONDAY_9), self._case_at(MONDAY_9)
        for moment, what in steps:
            if what.isdigit():
                self._set(case, moment, severity=what)
                continue
            for each in case | twin:
                each.write({"resolution": "Mended.", "cancel_reason": "A mistake."})
                self._stage(each, what, moment)
        self._cron_at(steps[-1][0])
        return case, twin

    def _told(self, case, measure="resolution"):
        """What is known of the promises of a case."""
        return [
            (
                *(clock.state, clock.cycle, clock.started_at, clock.due_at or clock.held_due_at),
                *(clock.breached_at, clock.paused_seconds, clock.solved_seconds, clock.remaining),
                [(pause.reason, pause.started_at, pause.stopped_at) for pause in clock.pause_ids],
            )
            for clock in self._clock(case, measure).sorted("cycle")
        ]

    def test_waits_that_began_and_ended_while_nobody_promised_are_not_lost(self):
        case, twin = self._beside_its_twin(
            (MONDAY_10, "0"),
            (MONDAY_10, "waiting_customer"),
            (MONDAY_13, "progress"),
            (MONDAY_17, "waiting_customer"),
            ("2026-11-27 09:00:00", "progress"),
            ("2026-11-27 10:00:00", "1"),
        )
        self.assertEqual(self._told(case), self._told(twin))
        self.assertEqual(len(self._clock(case, "resolution").pause_ids), 2)
        self.assertFalse(self._clock(case, "resolution").breached_at)

    def test_a_change_taken_back_while_it_was_solved_is_promised_again_when_it_is_reopened(self):
        case, twin = self._beside_its_twin(
            (MONDAY_10, "0"),
            (MONDAY_13, "resolved"),
            (MONDAY_17, "1"),
            ("2026-11-25 09:00:00", "progress"),
        )
        self.assertEqual(self._told(case), self._told(twin))
        self.assertEqual(self._clock(case, "resolution").state, "running")
        self.assertFalse(self._clock(case).breached_at, "the solution answered")
        self.assertEqual(self._clock(case).state, "cancelled")

    def test_a_change_taken_back_after_it_was_reopened_counts_no_time_in_which_it_was_solved(self):
        case, twin = self._beside_its_twin(
            (MONDAY_10, "0"),
            (MONDAY_13, "resolved"),
            ("2026-11-25 09:00:00", "progress"),
            ("2026-11-25 10:00:00", "1"),
        )
        self.assertEqual(self._told(case), self._told(twin))
        self.assertTrue(self._clock(case, "resolution").solved_seconds)
        self.assertEqual(self._clock(case).state, "cancelled")

    def test_what_is_promised_anew_after_reopening_is_so_after_a_change_taken_back_too(self):
        self.policy.reopen_mode = "new"
        case, twin = self._beside_its_twin(
            (MONDAY_10, "0"),
            (MONDAY_13, "resolved"),
            ("2026-11-25 09:00:00", "progress"),
            ("2026-11-25 10:00:00", "1"),
        )
        self.assertEqual(self._told(case)[1], self._told(twin)[1])
        self.assertEqual([state for state, *_rest in self._told(case)], ["cancelled", "running"])

    def test_cancelled_while_nobody_promised_it_runs_on_when_it_goes_on(self):
        case, twin = self._beside_its_twin(
            (MONDAY_10, "0"),
            (MONDAY_13, "cancelled"),
            (TUESDAY_10, "progress"),
            (TUESDAY_10, "1"),
        )
        self.assertEqual(self._told(case), self._told(twin))
        self.assertEqual(self._told(case, "first_response"), self._told(twin, "first_response"))

    def test_what_is_promised_first_after_waits_stood_still_in_them(self):
        self._nothing_when_low("resolution")
        case, twin = self._case_at(MONDAY_9, severity="0"), self._case_at(MONDAY_9)
        self.assertFalse(self._clock(case, "resolution"))
        for each in case | twin:
            self._stage(each, "waiting_customer", MONDAY_10)
            self._stage(each, "progress", "2026-11-26 09:00:00")
        self._set(case, "2026-11-26 10:00:00", severity="1")
        self._cron_at("2026-11-26 10:00:00")
        self.assertEqual(self._told(case), self._told(twin))
        self.assertFalse(self._clock(case, "resolution").breached_at)

    def test_what_is_promised_first_after_it_was_solved_counts_from_when_it_was_reopened(self):
        self._nothing_when_low("first_response", "resolution")
        case = self._case_at(MONDAY_9, severity="0")
        self._resolve(case, MONDAY_13)
        self._stage(case, "progress", TUESDAY_10)
        self._set(case, "2026-11-25 09:00:00", severity="1")
        self.assertFalse(self._clock(case), "the solution answered")
        clock = self._clock(case, "resolution")
        self.assertEqual((str(clock.started_at), clock.breached_at), (TUESDAY_10, False))

    def test_what_reopening_has_spared_is_not_broken_by_the_next_edit(self):
        self._line(severity="3", amount=1)
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_13)
        self._set(case, MONDAY_13, severity="3")
        self._stage(case, "progress", MONDAY_17)
        clock = self._clock(case, "resolution")
        kept = clock.due_at
        category = self.env["care.category"].create({"name": "Doors"})
        self._set(case, "2026-11-24 08:00:00", category_id=category.id)
        self.assertEqual((clock.due_at, clock.breached_at), (kept, False))
        # but it is no way out for ever
        self._line(severity="2", amount=12)
        self._set(case, TUESDAY_10, severity="2")
        self.assertNotEqual(clock.due_at, kept)
        self.assertFalse(clock.breached_at)

    def test_what_was_late_by_the_time_the_change_is_taken_back_is_broken_when_it_was_due(self):
        self._nothing_when_low("first_response")
        case = self._case_at(MONDAY_9)
        self._set(case, MONDAY_10, severity="0")
        self._set(case, MONDAY_17, severity="1")
        self._cron_at(MONDAY_17)
        self.assertEqual(str(self._clock(case).breached_at), MONDAY_13)

    def test_an_answer_that_was_given_while_none_was_promised_is_promised_no_more(self):
        self._nothing_when_low("first_response")
        case = self._case_at(MONDAY_9)
        self._set(case, MONDAY_10, severity="0")
        with self._at("2026-11-23 10:00:00"):
            case.with_user(self.agent).message_post(
                body="It comes", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
            self.env.flush_all()
        self._set(case, MONDAY_13, severity="1")
        self.assertEqual(self._clock(case).state, "cancelled")

    def test_what_a_person_says_needs_no_answer_is_not_promised_again_by_a_change(self):
        self._line(measure="next_response", amount=2)
        self._line(measure="next_response", amount=1, severity="3")
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        with self._at(MONDAY_10):
            self.env["care.sla.clock"]._answered(case, self.agent)
            self.env["care.sla.clock"]._customer_wrote(case)
            clock = self._clock(case, "next_response")
            clock.with_user(self.agent).action_no_answer()
        self._set(case, MONDAY_13, severity="3")
        self.assertEqual(clock.state, "cancelled")

    def test_a_promise_that_is_taken_up_stands_still_while_its_case_waits(self):
        self._nothing_when_low("resolution")
        case = self._case_at(MONDAY_9)
        self._set(case, MONDAY_10, severity="0")
        self._stage(case, "waiting_customer", MONDAY_10)
        self._set(case, MONDAY_13, severity="1")
        clock = self._clock(case, "resolution")
        self.assertEqual((clock.state, str(clock.paused_at)), ("paused", MONDAY_10))

    def test_time_in_the_present_stage_is_promised_after_a_change_whatever_was_before(self):
        new = self._case_at(MONDAY_9).stage_id
        progress = self.env.ref("customer_care.stage_case_progress")
        self._line(measure="stage", amount=2, stage_id=new.id)
        self._line(measure="stage", amount=3, stage_id=progress.id, severity="3")
        case = self._case_at(MONDAY_9)
        self._stage(case, "progress", MONDAY_10)
        self.assertEqual(self._clock(case, "stage").mapped("state"), ["met"])
        self._set(case, MONDAY_10, severity="3")
        stays = self._clock(case, "stage").sorted("cycle")
        self.assertEqual(stays.mapped("state"), ["met", "running"])
        self.assertEqual(str(stays[-1].started_at), MONDAY_10)

    def test_a_change_that_means_nothing_for_the_promise_changes_nothing(self):
        case = self._case_at(MONDAY_9)
        self.policy.target_ids[0].amount = 1  # edited, not applied
        clock = self._clock(case)
        before = clock.read(["due_at", "seconds", "next_at"])
        self._set(case, MONDAY_10, severity="2")
        self.assertEqual(clock.read(["due_at", "seconds", "next_at"]), before)
        self.assertFalse(clock.changes)

    def test_what_has_ended_is_never_changed(self):
        self._line(severity="3", amount=1)
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        before = case.clock_ids.read(["due_at", "seconds", "breached_at"])
        self._set(case, MONDAY_13, severity="3")
        self.assertEqual(case.clock_ids.read(["due_at", "seconds", "breached_at"]), before)

    # ------------------------------------------------------------
    # Applied
    # ------------------------------------------------------------

    def _apply(self, moment, policy=None, also_new=False):
        with self._at(moment):
            action = (policy or self.policy).with_user(self.manager).action_apply()
            row = self.env["care.sla.apply"].with_user(self.manager).browse(action["res_id"])
            row.also_new = also_new
            seen = (row.open_count, row.change_count, row.late_count, row.new_count)
            row.action_start()
            self._run("care.sla.apply")
        self.env.invalidate_all()
        self.assertEqual(row.state, "done")
        return seen, row.sudo()

    def test_applied_open_promises_change_after_their_count_was_seen_and_ended_ones_never(self):
        self.env["care.sla.clock"].search([("company_id", "=", self.company.id)]).unlink()
        running, late, over = (self._case_at(MONDAY_9) for _case in range(3))
        self._resolve(over, MONDAY_10)
        ended = over.clock_ids.read(["due_at", "seconds"])
        self._stage(late, "progress", MONDAY_10)
        self.policy.target_ids.filtered(lambda t: t.measure == "first_response").amount = 2
        seen, row = self._apply("2026-11-23 11:00:00")
        self.assertEqual(seen, (4, 2, 2, 0))
        self.assertEqual((row.changed_count, row.done_count, row.total), (2, 4, 4))
        self.assertEqual(str(self._clock(running).due_at), "2026-11-23 10:00:00")
        self.assertEqual(str(self._clock(running).breached_at), "2026-11-23 10:00:00")
        self.assertIn("applied to open promises", self._clock(running).reason)
        self.assertEqual(over.clock_ids.read(["due_at", "seconds"]), ended)
        seen, row = self._apply("2026-11-23 11:30:00")
        self.assertEqual((seen[1], row.changed_count), (0, 0), "a second time changes nothing")

    def test_applied_nobody_is_told_of_what_is_late_by_it_but_of_what_was_late_before(self):
        case = self._case_at(MONDAY_9)
        self.policy.target_ids.filtered(lambda t: t.measure == "first_response").amount = 2
        self._apply("2026-11-23 10:30:00")
        clock = self._clock(case)
        self.assertTrue(clock.is_late)
        self._cron_at("2026-11-23 10:31:00")
        self.assertFalse(self._alerts(case), "they were counted before")
        late = self._case_at(MONDAY_9)
        self.policy.target_ids.filtered(lambda t: t.measure == "first_response").amount = 1
        self._apply(MONDAY_13)
        self.assertEqual(self._alerts(late).user_id, self.leader, "no cron had looked yet")
        self._cron_at(TUESDAY_10)
        first = self._clock(late).alert_ids
        self.assertEqual((len(first), first.user_id), (1, self.leader))

    def test_applied_days_off_count_for_open_promises_and_pauses_stay(self):
        case = self._case_at(FRIDAY_16)
        self._stage(case, "waiting_customer", FRIDAY_16)
        self._stage(case, "progress", MONDAY_10)
        due = self._clock(case, "resolution").due_at
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Closed",
                "date_from": "2026-11-23 23:00:00",
                "date_to": "2026-11-24 22:59:59",
                "company_id": self.company.id,
                "calendar_id": self.company.resource_calendar_id.id,
            }
        )
        self._stage(case, "waiting_third", MONDAY_10)
        self.assertEqual(self._clock(case, "resolution").due_at, due, "not applied yet")
        self._apply(MONDAY_13)
        clock = self._clock(case, "resolution")
        self.assertEqual(str(clock.due_at), "2026-11-26 09:00:00")
        self.assertEqual(clock.paused_seconds, 2 * 3600)

    def test_applied_in_chunks_and_killed_between_it_goes_on_where_it_was(self):
        cases = [self._case_at(MONDAY_9) for _case in range(6)]
        self.policy.target_ids.filtered(lambda t: t.measure == "first_response").amount = 3
        module = "odoo.addons.customer_care_sla.models.care_sla_apply.CHUNK"
        with self._at(MONDAY_10):
            row = self.env["care.sla.apply"].create(
                {"policy_id": self.policy.id, "company_id": self.company.id}
            )
            row.action_start()
            with self._patched(module, 4):
                row._run_due()
                first = row.done_count
                row._run_due()
                self.assertEqual((first, row.done_count), (4, 8))
                # as if what was done after the last commit had been lost
                row.write({"last_id": 0})
                self._run("care.sla.apply")
        self.assertEqual(row.state, "done")
        for case in cases:
            self.assertEqual(str(self._clock(case).due_at), "2026-11-23 11:00:00")
            self.assertEqual(len(self._clock(case).changes), 1, "changed once")

    def test_open_cases_that_were_never_promised_anything_are_asked_for_by_themselves(self):
        case = self._case_at(MONDAY_9)
        case.clock_ids.unlink()
        seen, row = self._apply(TUESDAY_10)
        self.assertEqual((seen[3], row.started_count), (1, 0))
        self.assertFalse(case.clock_ids)
        _seen, row = self._apply(TUESDAY_10, also_new=True)
        self.assertEqual(row.started_count, 2)
        self.assertEqual(set(case.clock_ids.mapped("started_at")), {self._utc(TUESDAY_10)})
        self._cron_at(TUESDAY_10)
        self.assertFalse(case.clock_ids.alert_ids, "silently")

    def test_only_managers_apply_and_only_in_their_companies(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        shared = self._sla(company_id=False, name="Shared")
        for user in (self.agent, self.leader):
            with self.assertRaises(AccessError):
                shared.with_user(user).action_apply()
            with self.assertRaises(AccessError):
                self.env["care.sla.apply"].with_user(user).create({"policy_id": shared.id})
        row = self.env["care.sla.apply"].create(
            {"policy_id": shared.id, "company_id": elsewhere.id}
        )
        with self.assertRaises(AccessError):
            row.with_user(self.manager).action_start()
        mine = self.env["care.sla.apply"].with_user(self.manager).create({"policy_id": shared.id})
        with self.assertRaises(AccessError):
            mine.write({"state": "done"})
        mine.action_start()
        with self.assertRaises(UserError):
            mine.action_start()

    def test_a_neutralized_copy_applies_nothing(self):
        row = self.env["care.sla.apply"].create({"policy_id": self.policy.id})
        row.action_start()
        self.env.flush_all()
        with file_open("customer_care_sla/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.assertEqual((row.state, row.next_at), ("cancelled", False))

    @quiet
    def test_a_change_that_cannot_be_planned_leaves_the_promise_with_the_error(self):
        case = self._case_at(MONDAY_9)
        due = self._clock(case).due_at
        self.policy.target_ids.filtered(lambda t: t.measure == "first_response").write(
            {"kind": "days", "amount": 200000}
        )
        self._apply(MONDAY_10)
        clock = self._clock(case)
        self.assertEqual((clock.state, clock.due_at), ("running", due))
        self.assertIn("years", clock.error)


@tagged("post_install", "-at_install")
class TestExplain(SlaCase):
    def _explained(self, clock, moment):
        with self._at(moment):
            clock.invalidate_recordset()
            pieces = clock._explain()
            shown = clock.explanation
        self.assertEqual(
            [(p["start"], p["stop"], p["worked"]) for p in shown],
            [(str(p["start"]), str(p["stop"]), p["worked"]) for p in pieces],
        )
        self.assertTrue(all(piece["reason"] for piece in pieces))
        for piece, following in zip(pieces, pieces[1:], strict=False):
            self.assertEqual(piece["stop"], following["start"])
        return pieces

    def _worked(self, pieces, kind):
        return sum(piece["worked"] for piece in pieces if piece["kind"] == kind)

    def test_the_pieces_of_a_promise_follow_each_other_and_add_up(self):
        case = self._case_at(FRIDAY_16)
        self._stage(case, "waiting_customer", "2026-11-20 15:30:00")
        self._stage(case, "progress", MONDAY_10)
        self._resolve(case, MONDAY_13)
        self._stage(case, "progress", TUESDAY_10)
        self._resolve(case, "2026-11-24 12:00:00")
        clock = self._clock(case, "resolution")
        pieces = self._explained(clock, "2026-11-25 12:00:00")
        self.assertEqual(
            [(p["kind"], str(p["start"]), p["worked"], p["wall"]) for p in pieces],
            [
                ("running", FRIDAY_16, 1800, 1800),
                ("paused", "2026-11-20 15:30:00", 5400, 65 * 3600 + 1800),
                ("running", MONDAY_10, 3 * 3600, 3 * 3600),
                ("solved", MONDAY_13, 5 * 3600, 21 * 3600),
                ("running", TUESDAY_10, 3 * 3600, 3 * 3600),
            ],
        )
        self.assertEqual(self._worked(pieces, "running"), clock.elapsed_seconds)
        self.assertEqual(self._worked(pieces, "paused"), clock.paused_seconds)
        self.assertEqual(self._worked(pieces, "solved"), clock.solved_seconds)
        wall = (clock.stopped_at - clock.started_at).total_seconds()
        self.assertEqual(sum(piece["wall"] for piece in pieces), wall)

    def test_nights_and_weekends_are_told_apart_and_an_open_promise_is_told_until_now(self):
        case = self._case_at(FRIDAY_16)
        clock = self._clock(case)
        pieces = self._explained(clock, MONDAY_10)
        self.assertEqual([p["kind"] for p in pieces], ["running", "closed", "running"])
        self.assertEqual(str(pieces[-1]["stop"]), MONDAY_10)
        self._stage(case, "waiting_customer", MONDAY_13)
        pieces = self._explained(self._clock(case, "resolution"), MONDAY_17)
        self.assertEqual(pieces[-1]["kind"], "paused")
        self.assertEqual(pieces[-1]["worked"], 4 * 3600)
        self.assertIn("customer", pieces[-1]["reason"])

    @quiet
    def test_what_was_never_planned_has_no_pieces(self):
        self.company.resource_calendar_id.attendance_ids.unlink()
        case = self._case_at(MONDAY_9)
        self.assertEqual(self._clock(case)._explain(), [])

    def test_a_page_of_promises_is_explained_in_as_many_queries_as_one(self):
        cases = self.env["care.case"]
        for _number in range(8):
            case = self._case_at(MONDAY_9)
            self._stage(case, "waiting_customer", MONDAY_10)
            cases |= case

        def queries(clocks):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            with self._at(MONDAY_13):
                clocks.browse(clocks.ids).mapped("explanation")
            return self.env.cr.sql_log_count - before

        queries(cases[0].clock_ids)
        self.assertLessEqual(queries(cases[1:].clock_ids), queries(cases[0].clock_ids) + 1)
