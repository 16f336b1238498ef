"""Remedies where a case is looked at as a whole: merged, confidential, anonymised, measured."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_remedy import RemedyCase


@tagged("post_install", "-at_install")
class TestRemedyJoins(RemedyCase):
    def _given(self, case=None, amount=40, **vals):
        remedy = self._remedy(amount=amount, case=case, proceed="execute", **vals)
        remedy.action_go()
        return remedy

    # ------------------------------------------------------------
    # Merged
    # ------------------------------------------------------------

    def test_merging_moves_remedies_costs_and_what_counts(self):
        twin = self._case(owner_id=self.agent.id, order_id=self.order.id)
        mine, theirs = self._given(), self._given(case=twin, amount=30)
        twin._merge_into(self.case)
        self.assertEqual(self.case.remedy_ids, mine | theirs)
        self.assertEqual((self.case.cost, twin.cost), (70, 0))
        remedy = self._remedy(amount=31)
        with self.assertRaises(UserError):
            remedy.action_go()
        remedy.amount = 30
        remedy.action_go()

    def test_what_a_merged_case_cost_stays_in_the_figures_of_one_that_is_closed(self):
        twin = self._case(owner_id=self.agent.id, order_id=self.order.id)
        self._given(amount=20)
        self._given(case=twin, amount=30)
        with self._at(fields.Datetime.now() + timedelta(hours=1)):
            for case in (self.case, twin):
                case.resolution = "Mended"
                case.action_resolve()
                case._customer_answers("yes")
        self._collect()
        with self._at(fields.Datetime.now() + timedelta(hours=2)):
            twin._merge_into(self.case)
        self._collect()
        costs = self.env["care.fact"].search(
            [("case_id", "in", (self.case | twin).ids), ("measure", "=", "remedy_cost")]
        )
        self.assertEqual(
            costs.mapped(lambda fact: (fact.case_id, fact.numerator, fact.denominator)),
            [(self.case, 50, 1)],
        )

    def test_an_offer_is_told_after_a_merge_with_the_case_it_belongs_to(self):
        twin = self._case(owner_id=self.agent.id, order_id=self.order.id)
        remedy = self._remedy(amount=30, case=twin)
        remedy.action_go()
        twin._merge_into(self.case)
        self._run("care.notice")
        told = self.case.message_ids.filtered(
            lambda message: self.case.number in (message.subject or "") and "30.00" in message.body
        )
        self.assertEqual(len(told), 1)
        self.assertTrue(remedy._customer_answers("accept"))
        self.assertEqual(self.case.cost, 30)

    # ------------------------------------------------------------
    # Confidential
    # ------------------------------------------------------------

    def test_a_confidential_cases_remedies_are_for_their_group(self):
        keeper = self._user(
            "care_keeper", "customer_care.group_manager,customer_care.group_confidential"
        )
        done = self._given()
        asked = self._remedy(amount=400)
        asked.action_ask()
        self.assertEqual(self._activities(asked, "approve").user_id, self.leader)
        self.case.confidential = True
        for user in (self.leader, self.manager, self.agent2):
            with self.subTest(user.login):
                for record in (done, asked, done.sudo().document_ids):
                    self.assertFalse(record.with_user(user).has_access("read"))
                self.assertFalse(
                    self.env["care.remedy"].with_user(user).search([("id", "in", done.ids)])
                )
        rows = self.env["care.outlay"].search([("remedy_id", "=", done.id)])
        self.assertTrue(rows)
        self.assertFalse(rows.with_user(self.manager).has_access("read"))
        self.assertTrue(rows.with_user(keeper).has_access("read"))
        self.assertNotIn(self.leader, asked.sudo().activity_ids.user_id)
        self.assertEqual(asked.sudo()._who_approves(), keeper)
        with self.assertRaises(AccessError):
            asked.with_user(self.leader).action_approve()
        asked.with_user(keeper).action_approve()
        self.assertEqual(asked.sudo().state, "offered")

    # ------------------------------------------------------------
    # Anonymised
    # ------------------------------------------------------------

    def test_persons_go_and_figures_stay(self):
        self._invoiced()
        remedy = self._refund(50, text="Dear Clara Moreau, sorry.", proceed="execute")
        remedy.action_go()
        remedy = remedy.sudo()
        self.case.resolution = "Paid back"
        self.case.action_resolve()
        self.case._customer_answers("yes")
        self.case.sudo()._anonymize()
        self.assertNotIn("Clara", remedy.text)
        self.assertFalse(remedy.order_id or remedy.line_ids or remedy.document_ids)
        self.assertFalse(remedy.message_ids)
        self.assertNotEqual(remedy.partner_id, self.customer)
        self.assertEqual((remedy.amount, remedy.cost, self.case.cost), (50, 50, 50))
        row = self.env["care.outlay"].search([("remedy_id", "=", remedy.id)])
        self.assertEqual(row.amount, 50)
        self.assertFalse(row.partner_id or row.order_id)

    # ------------------------------------------------------------
    # Measured
    # ------------------------------------------------------------

    def _collect(self):
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_facts").method_direct_trigger()
        self.env.invalidate_all()

    def test_what_a_case_cost_is_a_fact(self):
        self._given()
        self.case.resolution = "Paid back"
        with self._at(fields.Datetime.now() + timedelta(hours=1)):
            self.case.action_resolve()
            self.case._customer_answers("yes")

        def collect():
            self._collect()
            facts = self.env["care.fact"].search(
                [("case_id", "=", self.case.id), ("measure", "=", "remedy_cost")], order="id"
            )
            return [(fact.numerator, fact.denominator) for fact in facts]

        self.assertEqual(collect(), [(40, 1)])
        with self._at(fields.Datetime.now() + timedelta(hours=2)):
            self.case.sudo().action_reopen()
            self._given(amount=25)
        with self._at(fields.Datetime.now() + timedelta(hours=3)):
            self.case.action_resolve()
            self.case._customer_answers("yes")
            self.assertEqual(collect(), [(40, 1), (25, 1)])

    def test_a_case_closed_twice_before_the_facts_are_collected_costs_once(self):
        self.case.resolution = "Paid back"
        begun = fields.Datetime.now()
        for hours, amount in ((1, 40), (3, 25)):
            with self._at(begun + timedelta(hours=hours)):
                if hours > 1:
                    self.case.sudo().action_reopen()
                self._given(amount=amount)
            with self._at(begun + timedelta(hours=hours + 1)):
                self.case.action_resolve()
                self.case._customer_answers("yes")
        with self._at(begun + timedelta(hours=5)), self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_facts").method_direct_trigger()
        self.env.invalidate_all()
        facts = self.env["care.fact"].search(
            [("case_id", "=", self.case.id), ("measure", "=", "remedy_cost")], order="cycle"
        )
        self.assertEqual(facts.mapped("numerator"), [40, 25])

    def test_the_complaint_file_tells_what_was_given(self):
        self._given()
        self._remedy(amount=17, text="A mere thought")
        html, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "customer_care.report_case_file", self.case.ids
        )
        html = html.decode()
        self.assertIn("Compensation", html)
        self.assertIn("We are sorry.", html)
        self.assertNotIn("A mere thought", html)
