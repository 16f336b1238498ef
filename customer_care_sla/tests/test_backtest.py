from datetime import datetime, timedelta
from random import Random
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .common import (
    FRIDAY_16,
    MONDAY_9,
    MONDAY_10,
    MONDAY_13,
    MONDAY_17,
    TUESDAY_10,
    BacktestCase,
)

MODULE = "odoo.addons.customer_care_sla.models.care_sla_backtest"
HOUR = 3600


@tagged("post_install", "-at_install")
class TestBacktest(BacktestCase):
    def _line(self, test, case, measure="first_response"):
        return test.line_ids.filtered(lambda line: (line.case_id, line.measure) == (case, measure))

    def _answer(self, case, moment):
        with self._at(moment):
            case.with_user(self.agent).message_post(
                body="We look into it.", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
            self.env.flush_all()

    def _answered_case(self, received=MONDAY_9, answered=MONDAY_13, **vals):
        case = self._case_at(received, owner_id=self.agent.id, **vals)
        self._answer(case, answered)
        return case

    # ------------------------------------------------------------
    # What it finds
    # ------------------------------------------------------------

    def test_a_draft_says_which_cases_it_would_have_broken_and_by_how_much(self):
        slow = self._answered_case(answered=MONDAY_13)  # four hours: kept today
        quick = self._answered_case(answered="2026-11-23 08:30:00")
        draft = self._draft([("first_response", "any", "hours", 1)])
        test = self._backtest(draft)
        self.assertEqual((test.state, test.total, test.done_count), ("done", 2, 2))
        line = self._line(test, slow)
        self.assertEqual(str(line.due_at), MONDAY_10)
        self.assertEqual(str(line.ended_at), MONDAY_13)
        self.assertEqual((line.late_seconds, line.decided, line.met), (3 * HOUR, 1, 0))
        self.assertEqual(str(line.today_due_at), MONDAY_13)
        self.assertEqual((line.today_met, line.today_late_seconds, line.worse), (1, 0, 1))
        line = self._line(test, quick)
        self.assertEqual((line.met, line.late_seconds, line.worse), (1, 0, 0))

    def test_a_policy_that_is_active_comes_to_what_its_clocks_came_to(self):
        self.policy.write(
            {
                "target_ids": [
                    Command.create({"measure": "acknowledgement", "kind": "minutes", "amount": 30}),
                    Command.create(
                        {"measure": "resolution", "severity": "3", "kind": "hours", "amount": 6}
                    ),
                    Command.create(
                        {
                            "measure": "stage",
                            "stage_category": "open",
                            "kind": "hours",
                            "amount": 3,
                        }
                    ),
                ],
            }
        )
        kept = self._answered_case(FRIDAY_16, MONDAY_9)
        self._resolve(kept, MONDAY_13)
        waited = self._answered_case(FRIDAY_16, "2026-11-23 15:30:00", severity="3")
        self._stage(waited, "waiting_customer", "2026-11-20 15:30:00")
        self._stage(waited, "progress", MONDAY_10)
        self._resolve(waited, MONDAY_17)
        again = self._answered_case("2026-11-18 09:00:00", "2026-11-18 15:00:00")
        self._resolve(again, "2026-11-18 16:00:00")
        self._stage(again, "progress", MONDAY_9)
        self._resolve(again, MONDAY_13)
        still_waiting = self._case_at(MONDAY_9)
        self._stage(still_waiting, "waiting_customer", MONDAY_10)
        still_open = self._case_at("2026-11-16 09:00:00")
        cases = kept | waited | again | still_waiting | still_open
        test = self._backtest(self.policy)
        clocks = cases.clock_ids.filtered(lambda c: c.state != "cancelled" or c.breached_at)
        self.assertEqual(len(test.line_ids), len(clocks))
        self.assertLess(len(cases) * 3, len(clocks), "several stays in a stage each")
        for clock in clocks:
            line = test.line_ids.filtered(
                lambda line, clock=clock: (
                    (line.case_id, line.measure, line.number)
                    == (clock.case_id, clock.measure, clock.cycle)
                )
            )
            with self.subTest(case=clock.case_id.name, measure=clock.measure, nr=clock.cycle):
                self.assertEqual(len(line), 1)
                self.assertEqual(line.started_at, clock.started_at)
                self.assertEqual(line.due_at, clock.due_at or clock.held_due_at)
                self.assertEqual(line.today_due_at, line.due_at)
                self.assertEqual(line.ended_at, clock.stopped_at)
                self.assertEqual(line.late_seconds, line.today_late_seconds)
                self.assertEqual((line.decided, line.met), (line.today_decided, line.today_met))
                self.assertEqual(bool(line.decided and not line.met), clock.is_late)
        self.assertEqual({True, False}, {bool(line.met) for line in test.line_ids if line.decided})
        self.assertFalse(any(line.worse or line.better for line in test.line_ids))

    def test_whatever_happens_an_active_policy_comes_to_what_its_clocks_came_to(self):
        draw = Random(19)
        self.policy.write({"pause_customer_cap": 3, "pause_third_party": True})
        new = self._sla(
            [("first_response", "3", "hours", 2), ("resolution", "3", "hours", 6)],
            sequence=self.policy.sequence - 1,
            reopen_mode="new",
        )
        places = ("progress", "waiting_customer", "waiting_third", "resolved", "cancelled")
        cases = self.env["care.case"]
        for _number in range(16):
            start = datetime(2026, 11, 16, 8) + timedelta(minutes=draw.randrange(4 * 24 * 60))
            severity = draw.choice("13")
            case = self._case_at(str(start), severity=severity, owner_id=self.agent.id)
            case.write({"cancel_reason": "A mistake.", "resolution": "Mended."})
            cases |= case
            for _event in range(draw.randint(2, 7)):
                start += timedelta(minutes=draw.randrange(1, 18 * 60))
                if str(start) >= TUESDAY_10:
                    break
                self._cron_at(str(start))
                if draw.random() < 0.2:
                    self._answer(case, str(start))
                else:
                    self._stage(case, draw.choice(places), str(start))
        self._cron_at(TUESDAY_10)
        for policy in self.policy | new:
            clocks = cases.clock_ids.filtered(
                lambda clock, policy=policy: (
                    clock.policy_id == policy and (clock.state != "cancelled" or clock.breached_at)
                )
            )
            lines = self._backtest(policy).line_ids
            by_clock = {(line.case_id, line.measure, line.number): line for line in lines}
            self.assertTrue({True, False} == set(clocks.mapped("is_late")))
            self.assertEqual(len(lines), len(clocks))
            for clock in clocks:
                line = by_clock[clock.case_id, clock.measure, clock.cycle]
                with self.subTest(policy=policy, clock=clock, number=clock.cycle):
                    self.assertEqual(
                        (line.due_at, line.ended_at),
                        (clock.due_at or clock.held_due_at, clock.stopped_at),
                    )
                    self.assertEqual(line.late_seconds, line.today_late_seconds)
                    self.assertEqual(bool(line.decided and not line.met), clock.is_late)

    def test_a_new_promise_after_each_reopening_is_a_line_of_its_own(self):
        case = self._case_at("2026-11-18 08:00:00")
        self._resolve(case, "2026-11-18 10:00:00")
        self._stage(case, "progress", MONDAY_9)
        self._resolve(case, MONDAY_17)
        draft = self._draft([("resolution", "any", "hours", 4)], reopen_mode="new")
        lines = self._backtest(draft).line_ids.sorted("number")
        self.assertEqual(lines.mapped("number"), [1, 2])
        self.assertEqual(lines.mapped("met"), [1, 0])
        self.assertEqual(str(lines[1].due_at), MONDAY_13)
        self.assertEqual(lines[1].late_seconds, 4 * HOUR)

    def test_a_loose_draft_keeps_what_is_broken_today(self):
        case = self._answered_case(answered=MONDAY_17)  # eight hours
        draft = self._draft([("first_response", "any", "days", 2)])
        line = self._line(self._backtest(draft), case)
        self.assertEqual((line.met, line.today_met, line.better), (1, 0, 1))
        self.assertEqual(line.today_late_seconds, 4 * HOUR)

    def test_a_draft_for_a_tier_or_with_a_filter_says_nothing_of_others(self):
        self._answered_case()
        urgent = self._answered_case(severity="3")
        draft = self._draft(
            [("first_response", "any", "hours", 1)], filter_domain="[('severity', '=', '3')]"
        )
        test = self._backtest(draft)
        self.assertEqual(test.line_ids.case_id, urgent)
        self.assertEqual(test.without_count, 1)

    def test_a_draft_behind_another_policy_promises_what_that_one_leaves(self):
        case = self._answered_case()
        draft = self._sla([("first_response", "any", "hours", 1)], active=False)
        self.assertGreater(draft.sequence, self.policy.sequence)
        self.assertFalse(self._backtest(draft).line_ids)
        self.assertTrue(self._line(self._backtest(draft, instead_of_id=self.policy.id), case))

    def test_what_is_received_before_the_days_or_before_the_start_is_not_looked_at(self):
        self._answered_case("2026-09-01 08:00:00", "2026-09-01 09:00:00")
        recent = self._answered_case()
        early = self._answered_case(FRIDAY_16, MONDAY_9)
        test = self._backtest(self.policy)
        self.assertEqual(test.line_ids.case_id, recent | early)
        self.company.care_start_date = "2026-11-21"
        self.assertEqual(self._backtest(self.policy).line_ids.case_id, recent)

    def test_a_word_of_the_customer_and_a_note_answer_nothing(self):
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_10):
            case.message_post(
                body="Hello?",
                author_id=self.customer.id,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
            case.with_user(self.agent).message_post(body="Look at this.")
            self.env.flush_all()
        line = self._line(self._backtest(self.policy), case)
        self.assertFalse(line.ended_at)
        self.assertEqual((line.decided, line.met), (1, 0))

    def test_hours_that_cannot_be_used_are_counted_with_the_reason(self):
        self._answered_case()
        calendar = self.company.resource_calendar_id.copy()
        draft = self._draft([("first_response", "any", "hours", 1)], calendar_id=calendar.id)
        calendar.attendance_ids.unlink()
        test = self._backtest(draft)
        self.assertEqual((test.state, test.failed_count), ("done", 1))
        self.assertIn("have no hours", test.note)
        self.assertFalse(test.line_ids)

    # ------------------------------------------------------------
    # How it is shown
    # ------------------------------------------------------------

    def test_the_result_shows_the_share_kept_beside_todays(self):
        for answered in (MONDAY_10, MONDAY_13, MONDAY_17):
            self._answered_case(answered=answered)
        draft = self._draft([("first_response", "any", "hours", 1)])
        test = self._backtest(draft)
        ((share, today, late),) = self.env["care.sla.backtest.line"]._read_group(
            [("backtest_id", "=", test.id)],
            aggregates=["share:avg", "today_share:avg", "late_hours:avg"],
        )
        self.assertAlmostEqual(share, 1 / 3)
        self.assertAlmostEqual(today, 2 / 3)
        self.assertAlmostEqual(late, 5)
        html = test.with_user(self.manager).summary_html
        for shown in ("First answer", "33 %", "67 %", "5.0 h", "7.0 h"):
            self.assertIn(shown, html)

    def test_what_is_still_open_is_in_no_share(self):
        case = self._case_at("2026-11-24 08:30:00")
        test = self._backtest(self.policy)
        self.assertEqual(self._line(test, case).decided, 0)
        ((share,),) = self.env["care.sla.backtest.line"]._read_group(
            [("backtest_id", "=", test.id)], aggregates=["share:avg"]
        )
        self.assertFalse(share)
        self.assertIn("–", test.with_user(self.manager).summary_html)

    def test_a_copy_to_change_promises_nothing_and_is_tried_out_instead(self):
        action = self.policy.with_user(self.manager).action_draft()
        draft = self.policy.browse(action["res_id"])
        self.assertFalse(draft.active)
        self.assertEqual(draft.target_ids.mapped("amount"), self.policy.target_ids.mapped("amount"))
        case = self._answered_case()
        self.assertEqual(case.clock_ids.policy_id, self.policy)
        action = draft.with_user(self.manager).action_backtest()
        form = Form(
            self.env["care.sla.backtest"].with_user(self.manager).with_context(**action["context"])
        )
        test = form.save()
        self.assertEqual((test.policy_id, test.instead_of_id), (draft, self.policy))
        test.action_start()
        self._finish()
        self.assertTrue(self._line(test.sudo(), case))

    # ------------------------------------------------------------
    # How it runs
    # ------------------------------------------------------------

    def _rows(self):
        """How many rows each table has."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = current_schema::regnamespace"
        )
        tables = {name for (name,) in self.env.cr.fetchall()}
        # its own, and the wake-up calls and the log of scheduled jobs
        tables -= {"care_sla_backtest", "care_sla_backtest_line", "ir_cron_trigger"}
        tables -= {"ir_cron_progress"}
        counts = {}
        for table in sorted(tables):
            self.env.cr.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = self.env.cr.fetchone()[0]
        return counts

    def test_it_writes_nothing_but_its_own_lines(self):
        case = self._answered_case()
        self._stage(case, "waiting_customer", MONDAY_17)
        draft = self._draft(
            [("first_response", "any", "hours", 1), ("resolution", "any", "days", 1)]
        )
        clocks = case.clock_ids.read()
        dates = case.read(["write_date"]), draft.read(["write_date"])
        before = self._rows()
        test = self._backtest(draft)
        self.assertEqual(len(test.line_ids), 2)
        self.assertEqual(self._rows(), before)
        self.assertEqual(case.clock_ids.read(), clocks)
        self.assertEqual((case.read(["write_date"]), draft.read(["write_date"])), dates)

    def test_a_job_that_is_killed_goes_on_where_it_stopped(self):
        cases = self.env["care.case"].union(*(self._answered_case() for _number in range(5)))
        with patch(f"{MODULE}.CHUNK", 2):
            test = self._backtest(self.policy, run=False)
            test._run_due()
            self.env.flush_all()
            found = test.line_ids.ids
            self.assertEqual((test.done_count, test.progress), (2, 40))
            self.assertEqual(test.state, "planned")
            # the second piece is begun, and the server dies
            with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                with patch.object(type(test), "_trigger_due", lambda rows: 1 / 0):
                    test._run_due()
            self.env.invalidate_all()
            self.assertEqual((test.done_count, test.line_ids.ids), (2, found))
            self._finish()
        self.assertEqual((test.state, test.done_count, test.progress), ("done", 5, 100))
        self.assertEqual(test.line_ids.case_id, cases)
        self.assertEqual(len(test.line_ids), 10)

    def test_a_piece_that_is_played_twice_is_noted_once(self):
        case = self._answered_case()
        test = self._backtest(self.policy)
        ids = test.line_ids.ids
        test._replay(case)
        self.env.invalidate_all()
        self.assertEqual(test.line_ids.ids, ids)

    def test_a_policy_that_is_changed_meanwhile_is_tried_out_from_the_start(self):
        for _number in range(3):
            self._answered_case()
        draft = self._draft([("first_response", "any", "hours", 1)])
        with patch(f"{MODULE}.CHUNK", 2):
            test = self._backtest(draft, run=False)
            test._run_due()
            draft.target_ids.amount = 2
            self._finish()
        self.assertEqual((test.state, test.done_count, len(test.line_ids)), ("done", 3, 3))
        self.assertEqual(
            {str(due) for due in test.line_ids.mapped("due_at")}, {"2026-11-23 10:00:00"}
        )

    def test_it_is_run_again_with_what_has_changed(self):
        self._answered_case()
        draft = self._draft([("first_response", "any", "hours", 1)])
        test = self._backtest(draft)
        self.assertFalse(test.line_ids.met)
        draft.target_ids.amount = 6
        test.with_user(self.manager).action_start()
        self._finish()
        self.assertEqual(test.line_ids.mapped("met"), [1])

    def test_it_is_stopped_and_keeps_what_it_found(self):
        for _number in range(3):
            self._answered_case()
        with patch(f"{MODULE}.CHUNK", 2):
            test = self._backtest(self.policy, run=False)
            with self.assertRaisesRegex(UserError, "running already"):
                test.with_user(self.manager).action_start()
            test._run_due()
            test.with_user(self.manager).action_stop()
            self._finish()
        self.assertEqual((test.state, test.done_count), ("cancelled", 2))
        self.assertEqual(len(test.line_ids), 4)

    def test_many_cases_cost_as_many_queries_as_few(self):
        for _number in range(12):
            self._answered_case()
        test = self._backtest(self.policy, run=False)
        cases = self.env["care.case"].search(test._domain(), order="id")

        def queries(mine):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            test._replay(mine)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(cases[:1])
        few = queries(cases[1:3])
        self.assertLessEqual(queries(cases[3:]), few)

    # ------------------------------------------------------------
    # Whose it is
    # ------------------------------------------------------------

    def test_nobody_but_managers_tries_out_policies(self):
        self._answered_case()
        test = self._backtest(self.policy)
        for user in (self.agent, self.leader, self._user("care_out", "base.group_user")):
            with self.subTest(user=user.login):
                mine = test.with_user(user)
                for method in (
                    "action_start",
                    "action_stop",
                    "action_refresh",
                    "action_open_lines",
                ):
                    with self.assertRaises(AccessError):
                        getattr(mine, method)()
                with self.assertRaises(AccessError):
                    mine.create({"policy_id": self.policy.id})
                with self.assertRaises(AccessError):
                    test.line_ids.with_user(user).read(["due_at"])
                for method in ("action_draft", "action_backtest"):
                    with self.assertRaises(AccessError):
                        getattr(self.policy.with_user(user), method)()

    def test_nobody_forges_a_result(self):
        self._answered_case()
        test = self._backtest(self.policy).with_user(self.manager)
        for vals in ({"state": "done"}, {"done_count": 9}, {"until": MONDAY_9}, {"last_id": 9}):
            with self.assertRaises(AccessError):
                test.write(vals)
            with self.assertRaises(AccessError):
                test.create({"policy_id": self.policy.id, "company_id": self.company.id, **vals})
        line = test.line_ids[:1]
        with self.assertRaises(AccessError):
            line.write({"met": 1})
        with self.assertRaises(AccessError):
            line.create({"backtest_id": test.id, "case_id": line.case_id.id, "measure": "stage"})
        with self.assertRaises(AccessError):
            line.unlink()
        with self.assertRaises(AccessError):
            test.write({"line_ids": [Command.update(line.id, {"met": 0})]})

    def test_another_companys_cases_and_policies_are_left_out(self):
        self.policy.company_id = False
        mine = self._answered_case()
        other = self.env["res.company"].create(
            {"name": "Elsewhere", "care_start_date": "2020-01-01"}
        )
        other.resource_calendar_id = self._calendar(other)
        other.care_default_owner_id = self.env.user
        theirs = self._case_at(MONDAY_9, company_id=other.id, team_id=False)
        self.assertTrue(theirs.clock_ids)
        test = self._backtest(self.policy)
        self.assertEqual(test.line_ids.case_id, mine)
        self.assertEqual(test.line_ids.company_id, self.company)
        foreign = self._sla(active=False, company_id=other.id)
        for vals in ({"policy_id": foreign.id}, {"instead_of_id": foreign.id}):
            with self.assertRaisesRegex(ValidationError, "another company"):
                test.write(vals)
        manager = self._user("care_elsewhere", "customer_care.group_manager", company=other)
        for records in (test, test.line_ids):
            self.assertFalse(records.with_user(manager).search([("id", "in", records.ids)]))
            with self.assertRaises(AccessError):
                records.with_user(manager).read(["company_id"])

    def test_confidential_cases_are_in_nobodys_result_but_their_groups(self):
        keeper = self._user(
            "care_keeper", "customer_care.group_confidential,customer_care.group_manager"
        )
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        shown, sealed = self._answered_case(), self._answered_case(answered=MONDAY_17)
        test = self._backtest(self.policy)
        sealed.action_seal()
        self.env.invalidate_all()
        lines = self.env["care.sla.backtest.line"]
        for user, cases in ((self.manager, shown), (keeper, shown | sealed)):
            found = lines.with_user(user).search([("backtest_id", "=", test.id)])
            self.assertEqual(found.sudo().case_id, cases)
        first = test.with_user(self.manager).summary_html
        self.assertIn("100 %", first)
        self.assertIn("50 %", test.with_user(keeper).summary_html)

    def test_what_cannot_be_tried_out_is_refused_with_what_to_do(self):
        empty = self._sla([], active=False)
        with self.assertRaisesRegex(UserError, "add what is promised"):
            self._backtest(empty)
        with self.assertRaisesRegex(ValidationError, "replace itself"):
            self._backtest(self.policy, instead_of_id=self.policy.id)

    def test_a_copy_of_the_database_runs_nothing(self):
        test = self._backtest(self.policy, run=False)
        self.env.flush_all()
        with open(
            __file__.replace("tests/test_backtest.py", "data/neutralize.sql"), encoding="utf-8"
        ) as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.assertEqual((test.state, test.next_at), ("cancelled", False))
        self.assertEqual(str(test.until), TUESDAY_10)
