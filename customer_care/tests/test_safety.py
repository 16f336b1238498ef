"""Danger to people: told at once, seen, and closed by a leader's word alone."""

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestSafety(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.contact = cls._user("care_contact", "customer_care.group_agent")
        cls.company.care_safety_user_id = cls.contact
        cls.gas = cls.env["care.category"].create(
            {"name": "Smells of gas", "safety": True, "company_id": cls.company.id}
        )

    def _told(self, case):
        danger = self.env.ref("customer_care.mail_activity_type_safety")
        return case.activity_ids.filtered(lambda row: row.activity_type_id == danger)

    def test_a_category_makes_it_a_danger_and_critical(self):
        case = self._case(category_id=self.gas.id, severity="0")
        self.assertTrue(case.safety)
        self.assertEqual(case.severity, "3")
        later = self._case(severity="1")
        later.category_id = self.gas
        self.assertTrue(later.safety)
        self.assertEqual(later.severity, "3")

    def test_leader_and_safety_contact_are_told_at_once_and_once(self):
        case = self._case(owner_id=self.agent.id)
        case.with_user(self.agent).safety = True
        self._run("care.notice")
        self._run("care.notice", days=1)
        told = self._told(case)
        self.assertEqual(told.user_id, self.leader | self.contact)
        self.assertEqual(len(told), 2)
        today = fields.Date.context_today(case.with_context(tz="Europe/Brussels"))
        self.assertEqual(set(told.mapped("date_deadline")), {today})

    def test_without_a_contact_the_leader_is_told(self):
        self.company.care_safety_user_id = False
        case = self._case(safety=True)
        self._run("care.notice")
        self.assertEqual(self._told(case).user_id, self.leader)

    def test_it_stays_critical(self):
        case = self._case(safety=True, owner_id=self.agent.id)
        with self.assertRaisesRegex(UserError, "stays critical"):
            case.severity = "1"
        self.assertEqual(case.severity, "3")

    def test_an_agent_takes_no_danger_off(self):
        case = self._case(safety=True, owner_id=self.agent.id)
        with self.assertRaises(AccessError):
            case.with_user(self.agent).safety = False
        with self.assertRaises(AccessError):
            case.with_user(self.agent).action_clear_safety()
        for vals in (
            {"safety_cleared_at": fields.Datetime.now()},
            {"safety_cleared_by_id": self.leader.id},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                case.with_user(self.leader).write(vals)
        case.with_user(self.leader).safety = False
        self.assertFalse(case.safety)

    def test_another_teams_leader_has_no_say(self):
        other = self._user("care_leader2", "customer_care.group_leader")
        self.env["care.team"].create(
            {"name": "Other", "company_id": self.company.id, "leader_id": other.id}
        )
        case = self._case(safety=True, owner_id=self.agent.id, resolution="x")
        with self.assertRaises(AccessError):
            case.with_user(other).action_clear_safety()

    def test_it_is_not_closed_without_what_was_done_and_a_leaders_word(self):
        case = self._case(safety=True, owner_id=self.agent.id)
        with self.assertRaisesRegex(UserError, "what was done"):
            case.with_user(self.leader).action_clear_safety()
        case.resolution = "The valve was replaced"
        case.action_resolve()
        for user in (self.leader, self.manager):
            with self.subTest(user.login), self.assertRaisesRegex(UserError, "danger to people"):
                case.with_user(user).action_close()
        with self.assertRaisesRegex(UserError, "danger to people"):
            case._enter_category("closed")
        case.with_user(self.leader).action_clear_safety()
        self.assertEqual(case.safety_cleared_by_id, self.leader)
        case.with_user(self.leader).action_close()
        self.assertEqual(case.stage_category, "closed")

    def test_the_customers_yes_waits_for_the_leader(self):
        case = self._case(safety=True, owner_id=self.agent.id, resolution="Replaced")
        self._run("care.notice")
        self._told(case).unlink()
        case.action_resolve()
        self.assertTrue(case._customer_answers("yes", "All well"))
        self.assertFalse(case._customer_answers("yes"))
        self.assertEqual(case.stage_category, "resolved")
        self.assertEqual(case.customer_answer, "yes")
        self.assertIn("All well", case.message_ids[0].body)
        self._run("care.notice")
        self.assertEqual(self._told(case).user_id, self.leader)
        case.with_user(self.leader).action_clear_safety()
        self.assertEqual(case.stage_category, "closed")
        self.assertFalse(self._told(case))

    def test_silence_does_not_close_it(self):
        case = self._case(safety=True, owner_id=self.agent.id, resolution="Replaced")
        other = self._case(owner_id=self.agent.id, resolution="Replaced")
        self._run("care.notice")
        self._told(case).unlink()
        (case | other).action_resolve()
        self._run("care.notice", days=30)
        self._run("care.notice", days=1)
        self.assertEqual(case.stage_category, "resolved")
        self.assertEqual(other.stage_category, "closed")
        self.assertEqual(self._told(case).user_id, self.leader)

    def test_when_it_starts_again_the_word_is_needed_again(self):
        case = self._case(safety=True, owner_id=self.agent.id, resolution="Replaced")
        case.action_resolve()
        case.with_user(self.leader).action_clear_safety()
        case._customer_answers("no", "It smells again")
        self.assertFalse(case.safety_cleared_at)
        case.action_resolve()
        with self.assertRaises(UserError):
            case.with_user(self.leader).action_close()

    def test_it_is_not_cancelled_without_a_leaders_word(self):
        case = self._case(safety=True, owner_id=self.agent.id)
        mine = case.with_user(self.agent)
        mine.cancel_reason = "x"
        with self.assertRaisesRegex(UserError, "danger to people"):
            mine.action_cancel()
        with self.assertRaisesRegex(UserError, "danger to people"):
            mine.stage_id = self.env["care.stage"].search(
                [("res_model", "=", "care.case"), ("category", "=", "cancelled")], limit=1
            )
        self._run("care.notice")
        self.assertEqual(self._told(case).user_id, self.leader | self.contact)
        case.with_user(self.leader).safety = False
        mine.action_cancel()
        self.assertEqual(case.stage_category, "cancelled")

    def test_one_that_is_merged_is_cancelled_and_the_other_goes_on(self):
        case = self._case(safety=True, owner_id=self.agent.id)
        target = self._case(safety=True, owner_id=self.agent.id)
        case._merge_into(target)
        self.assertEqual(case.stage_category, "cancelled")
        self._run("care.notice")
        self.assertFalse(self._told(case))
        self.assertEqual(self._told(target).user_id, self.leader | self.contact)

    def test_a_danger_whose_case_ended_before_it_was_told_is_told(self):
        case = self._case(safety=True, owner_id=self.agent.id, resolution="Replaced")
        case.with_user(self.leader).action_clear_safety()
        case.cancel_reason = "x"
        case.action_cancel()
        self._run("care.notice")
        self.assertEqual(self._told(case).user_id, self.leader | self.contact)

    def test_a_danger_that_is_raised_again_is_told_again(self):
        case = self._case(safety=True, owner_id=self.agent.id)
        self._run("care.notice")
        self._told(case).unlink()
        case.with_user(self.leader).safety = False
        case.with_user(self.agent).safety = True
        self._run("care.notice")
        self._run("care.notice")
        self.assertEqual(len(self._told(case)), 2)
        self.assertEqual(self._told(case).user_id, self.leader | self.contact)

    def test_a_danger_that_is_taken_off_before_it_is_told_is_told_once(self):
        case = self._case(safety=True, owner_id=self.agent.id)
        case.with_user(self.leader).safety = False
        case.with_user(self.agent).safety = True
        self._run("care.notice")
        self.assertEqual(len(self._told(case)), 2)

    def test_a_confidential_danger_is_told_to_who_may_know_it(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        case = self._case(owner_id=keeper.id, confidential=True)
        case.safety = True
        self._run("care.notice")
        self.assertEqual(self._told(case).user_id, keeper)

    def test_the_filter_finds_them(self):
        case = self._case(safety=True)
        others = case | self._case()
        self.assertEqual(others.search([("safety", "=", True), ("id", "in", others.ids)]), case)
