"""Corrective actions: done, checked, and reopened if the cause comes back."""

from datetime import date

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestAction(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_alarm_count = 0
        cls.company.care_start_date = "2020-01-01"
        cls.cause = cls.env["care.cause"].create(
            {"name": "Transport", "company_id": cls.company.id, "owner_id": cls.leader.id}
        )
        cls.part = cls.env["care.cause"].create(
            {"name": "Lift", "company_id": cls.company.id, "parent_id": cls.cause.id}
        )

    def _action(self, user=None, **vals):
        return (
            self.env["care.action"]
            .with_user(user or self.agent)
            .create(
                {
                    "name": "Buy a second strap",
                    "cause_id": self.cause.id,
                    "company_id": self.company.id,
                    "date_due": "2026-03-20",
                    **vals,
                }
            )
        )

    def _tasks(self, action, *names):
        names = names or ("action", "action_check", "action_back")
        types = self.env["mail.activity.type"].browse(
            self.env.ref(f"customer_care.mail_activity_type_{name}").id for name in names
        )
        return (
            self.env["mail.activity"]
            .search([("res_model", "=", "care.action"), ("res_id", "=", action.id)])
            .filtered(lambda activity: activity.activity_type_id in types)
        )

    def _done(self, moment="2026-03-10 10:00:00", **vals):
        with self._at(moment):
            action = self._action(**vals)
            action.action_done()
        return action.sudo()

    def _complain(self, moment, **vals):
        with self._at(moment):
            case = self._case(**{"cause_id": self.cause.id, "received_at": moment, **vals})
            self._run("care.signal")
        return case

    # ------------------------------------------------------------
    # Owner and due date
    # ------------------------------------------------------------

    def test_the_owner_has_a_task_on_the_due_date_and_it_moves_along(self):
        action = self._action()
        task = self._tasks(action)
        self.assertEqual((task.user_id, task.date_deadline), (self.agent, date(2026, 3, 20)))
        action.write({"date_due": "2026-03-25"})
        action.sudo().write({"owner_id": self.agent2.id})
        self.assertEqual(task, self._tasks(action))
        self.assertEqual((task.user_id, task.date_deadline), (self.agent2, date(2026, 3, 25)))

    def test_who_answers_for_the_cause_checks_it_and_not_who_does_it(self):
        self.assertEqual(self._action().checker_id, self.leader)
        self.cause.owner_id = self.agent
        self.assertEqual(self._action().checker_id, self.leader, "the team's leader")
        self.assertEqual(self._action().team_id, self.team)

    def test_ticking_the_task_off_says_that_it_is_done(self):
        action = self._action()
        self._tasks(action).with_user(self.agent).action_feedback(feedback="Bought")
        self.assertEqual(action.state, "done")
        self.assertEqual(action.done_by_id, self.agent)

    def test_an_owner_who_leaves_is_replaced(self):
        action = self._action()
        self.agent.care_substitute_id = self.agent2
        self.agent.action_archive()
        self.assertEqual(action.sudo().owner_id, self.agent2)
        self.assertEqual(self._tasks(action).user_id, self.agent2)

    # ------------------------------------------------------------
    # Done, checked, effective
    # ------------------------------------------------------------

    def test_what_is_done_is_checked_on_its_day_by_who_checks(self):
        action = self._done(window_days=30)
        self.assertEqual(action.state, "done")
        self.assertEqual(action.date_check, date(2026, 4, 9))
        self.assertFalse(self._tasks(action))
        with self._at("2026-04-08 10:00:00"):
            self._run("care.signal")
        self.assertEqual(action.state, "done")
        with self._at("2026-04-09 10:00:00"):
            self._run("care.signal")
            self._run("care.signal")
        self.assertEqual(action.state, "checking")
        task = self._tasks(action)
        self.assertEqual(task.user_id, self.leader)
        self.assertEqual(task, self._tasks(action, "action_check"))

    def test_a_check_date_that_was_moved_counts(self):
        action = self._done(window_days=30)
        with self._at("2026-03-11 10:00:00"):
            action.with_user(self.agent).date_check = "2026-03-20"
        with self._at("2026-03-20 10:00:00"):
            self._run("care.signal")
        self.assertEqual(action.state, "checking")

    def test_effective_needs_a_result_and_somebody_else_than_who_did_it(self):
        action = self._done()
        with self.assertRaises(AccessError):
            action.with_user(self.agent).action_effective()
        judge = action.with_user(self.leader)
        with self.assertRaises(UserError):
            judge.action_effective()
        judge.result = "No damage on 40 deliveries"
        judge.action_effective()
        self.assertEqual(action.state, "effective")
        self.assertEqual(action.checked_by_id, self.leader)
        self.assertTrue(action.finished_at)
        with self.assertRaises(UserError):
            action.with_user(self.agent).write({"result": "Nicer words"})

    def test_who_did_it_or_answers_for_it_does_not_judge_it_even_as_checker_or_leader(self):
        own = self._action(self.agent, owner_id=self.agent.id, checker_id=self.agent.id)
        own.with_user(self.agent).action_done()
        done_by_other = self._action(owner_id=self.leader.id, checker_id=self.leader.id)
        done_by_other.with_user(self.manager).action_done()
        did_it = self._action(owner_id=self.agent.id, checker_id=self.leader.id)
        did_it.with_user(self.leader).action_done()
        did_it.owner_id = self.agent2
        for action, user in (
            (own, self.agent),
            (done_by_other, self.leader),
            (did_it, self.leader),
        ):
            judge = action.with_user(user)
            judge.result = "All is well"
            for gesture in (judge.action_effective, judge.action_not_effective):
                with self.subTest(user.login), self.assertRaisesRegex(AccessError, "not by who"):
                    gesture()
            self.assertFalse(judge.may_check)
            self.assertEqual(action.state, "done")

    def test_a_manager_may_judge_his_own_work_and_says_why(self):
        action = self._action(owner_id=self.manager.id, checker_id=self.manager.id)
        judge = action.with_user(self.manager)
        judge.action_done()
        with self.assertRaisesRegex(UserError, "result"):
            judge.action_effective()
        judge.result = "Nobody else is here; no damage on 40 deliveries"
        judge.action_effective()
        self.assertEqual(action.state, "effective")

    def test_not_effective_is_to_be_done_again(self):
        action = self._done()
        judge = action.with_user(self.leader)
        judge.result = "Two more were damaged"
        judge.action_not_effective()
        self.assertEqual(action.state, "reopened")
        self.assertEqual(action.reopen_count, 1)
        self.assertEqual(self._tasks(action, "action").user_id, self.agent)
        with self._at("2026-03-12 10:00:00"):
            action.with_user(self.agent).action_done()
        self.assertEqual(action.state, "done")
        self.assertFalse(action.result)

    def test_cancelled_has_no_tasks_and_can_be_taken_up_again(self):
        action = self._action()
        action.action_cancel()
        self.assertEqual(action.state, "cancelled")
        self.assertFalse(self._tasks(action))
        with self.assertRaises(UserError):
            action.action_done()
        action.action_resume()
        self.assertEqual(action.state, "reopened")
        self.assertTrue(self._tasks(action))

    # ------------------------------------------------------------
    # The cause comes back
    # ------------------------------------------------------------

    def test_a_complaint_about_the_cause_in_the_window_reopens_the_action_once(self):
        action = self._done(window_days=30)
        first = self._complain("2026-03-20 10:00:00")
        self.assertEqual(action.state, "reopened")
        self.assertEqual(action.reopened_case_id, first)
        self.assertEqual(action.case_ids, first)
        task = self._tasks(action)
        self.assertEqual(task.user_id, self.agent)
        self.assertIn(first.number, task.summary)
        self._complain("2026-03-21 10:00:00")
        with self._at("2026-03-21 11:00:00"):
            self._run("care.signal")
        self.assertEqual(action.reopen_count, 1)
        self.assertEqual(self._tasks(action), task)

    def test_two_complaints_at_once_reopen_it_once(self):
        action = self._done(window_days=30)
        with self._at("2026-03-20 10:00:00"):
            for _n in range(2):
                self._case(cause_id=self.cause.id, received_at="2026-03-20 10:00:00")
            self._run("care.signal")
        self.assertEqual(action.reopen_count, 1)
        self.assertEqual(len(self._tasks(action)), 1)

    def test_an_action_that_was_judged_effective_is_reopened_too(self):
        action = self._done(window_days=30)
        action.with_user(self.leader).result = "Fine"
        action.with_user(self.leader).action_effective()
        self._complain("2026-03-20 10:00:00")
        self.assertEqual(action.state, "reopened")
        self.assertFalse(action.finished_at)

    def test_a_part_of_the_cause_is_the_cause_and_not_the_other_way_round(self):
        whole, part = self._done(), self._done(cause_id=self.part.id)
        self._complain("2026-03-20 10:00:00")
        self.assertEqual((whole.state, part.state), ("reopened", "done"))
        self._complain("2026-03-21 10:00:00", cause_id=self.part.id)
        self.assertEqual(part.state, "reopened")

    def test_what_does_not_reopen(self):
        other = self.env["care.cause"].create({"name": "Other", "company_id": self.company.id})
        product = self.env["product.product"].create({"name": "Hob"})
        action = self._done(window_days=30, product_tmpl_id=self.product.product_tmpl_id.id)
        told = {"product_id": self.product.id}
        moment = "2026-03-20 10:00:00"
        self._complain(moment, **told, cause_id=other.id)
        self._complain(moment, product_id=product.id)
        self._complain(moment, **told, kind="suggestion")
        self._complain("2026-04-10 10:00:00", **told)
        # told before it was done, written down after
        self._complain(moment, **told, received_at="2026-03-09 10:00:00")
        self.assertIn(action.state, ("done", "checking"))
        self._complain("2026-04-09 09:00:00", **told)
        self.assertEqual(action.state, "reopened")

    def test_a_cause_that_is_found_later_counts(self):
        action = self._done()
        case = self._complain("2026-03-20 10:00:00", cause_id=False)
        self.assertEqual(action.state, "done")
        with self._at("2026-03-25 10:00:00"):
            case.cause_id = self.part
            self._run("care.signal")
        self.assertEqual(action.state, "reopened")

    def test_another_company_reopens_nothing(self):
        shared = self.env["care.cause"].create({"name": "Everybody's"})
        action = self._done(cause_id=shared.id)
        other = self.env["res.company"].create(
            {"name": "Elsewhere", "care_start_date": "2020-01-01"}
        )
        self._complain(
            "2026-03-20 10:00:00", cause_id=shared.id, company_id=other.id, team_id=False
        )
        self.assertEqual(action.state, "done")
        self._complain("2026-03-20 10:00:00", cause_id=shared.id)
        self.assertEqual(action.state, "reopened")

    def test_looking_costs_no_more_for_many_complaints(self):
        self._done()
        signals = self.env["care.signal"]

        def queries(count):
            self._case()
            cases = self.env["care.case"].create(
                [
                    {
                        "name": "x",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "team_id": self.team.id,
                        "product_id": self.product.id,
                        "received_at": "2026-02-01 10:00:00",
                    }
                    for _n in range(count)
                ]
            )
            rows = signals.search([("case_id", "in", cases.ids)])
            self.assertEqual(len(rows), count)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            rows._run_due()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(1)
        self.assertEqual(queries(40), queries(1))

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_nothing_of_the_engine_is_written_by_hand(self):
        action = self._action()
        for vals in (
            {"state": "effective"},
            {"done_at": fields.Datetime.now()},
            {"is_alarm": True},
            {"reopen_count": 7},
            {"finished_at": fields.Datetime.now()},
        ):
            for user in (self.agent, self.manager):
                with self.subTest(vals, user=user.login), self.assertRaises(AccessError):
                    action.with_user(user).write(vals)
            with self.assertRaises(AccessError):
                self._action(**vals)
        forged = (
            self.env["care.action"]
            .with_user(self.agent)
            .with_context(default_state="effective", default_is_alarm=True, default_reopen_count=9)
            .create({"name": "x", "company_id": self.company.id})
        )
        self.assertEqual((forged.state, forged.is_alarm, forged.reopen_count), ("open", False, 0))

    def test_whose_actions_each_role_reads_and_writes(self):
        stranger = self._user("care_outside", "customer_care.group_agent")
        leader2 = self._user("care_leader2", "customer_care.group_leader")
        action = self._action()
        for user, letters in {
            self.agent: "rw",
            self.agent2: "r",  # of the same team
            stranger: "",
            self.leader: "rw",
            leader2: "",
            self.manager: "rw",
        }.items():
            with self.subTest(user.login):
                mine = action.with_user(user)
                self.assertEqual(mine.has_access("read"), "r" in letters)
                self.assertEqual(mine.has_access("write"), "w" in letters)

    def test_nobody_links_a_case_that_he_may_not_read(self):
        stranger = self._user("care_outside", "customer_care.group_agent")
        case = self._case(owner_id=self.agent.id)
        with self.assertRaises(AccessError):
            self._action(stranger, case_ids=[Command.link(case.id)])
        mine = self._action(stranger)
        with self.assertRaises(AccessError):
            mine.write({"case_ids": [Command.link(case.id)]})
        with self.assertRaises(AccessError):
            case.with_user(self.agent).write({"action_ids": [Command.link(mine.id)]})

    def test_only_somebody_who_works_there_answers_for_an_action(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self._user("care_b", "customer_care.group_agent", other)
        with self.assertRaises(ValidationError):
            self._action(self.manager, owner_id=foreign.id)

    def test_an_action_stays_in_its_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.manager.company_ids = [Command.link(other.id)]
        with self.assertRaises(UserError):
            self._action().with_user(self.manager).write({"company_id": other.id})

    def test_what_was_done_is_not_deleted(self):
        action = self._done()
        with self.assertRaises(UserError):
            action.with_user(self.manager).unlink()
        self._action().with_user(self.manager).unlink()

    def test_late_is_what_is_still_to_be_done(self):
        late, done = self._action(date_due="2026-01-05"), self._done(date_due="2026-01-05")
        self.assertTrue(late.is_late)
        self.assertFalse(done.is_late)
        found = self.env["care.action"].search([("is_late", "=", True)])
        self.assertIn(late.sudo(), found)
        self.assertNotIn(done, found)
