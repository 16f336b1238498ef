"""What is not promised, and why: for whoever reads the record, when they ask."""

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import MONDAY_9, MONDAY_10, TUESDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestWhyNot(SlaCase):
    def _why(self, record, user=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return record.with_user(user or self.agent).read(["not_promised"])[0]["not_promised"]

    def _rows(self, record, user=None):
        return {row["measure"]: row["reasons"] for row in self._why(record, user)["rows"]}

    def test_a_line_that_promises_nothing_is_named_with_its_policy_and_who_was_not_asked(self):
        self._sla(
            [("first_response", "any", "none", 0)], name="Own terms", partner_ids=self.customer.ids
        )
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        rows = self._rows(case)
        self.assertEqual(
            rows["First answer"],
            [
                "“Own terms” says so in its line “First answer: no promise”.",
                "Not asked any more: “Four hours”.",
            ],
        )
        self.assertNotIn("Solution", rows, "it is promised")

    def test_a_policy_without_a_line_or_whose_filter_leaves_it_out_is_told_why(self):
        self._sla(
            [("acknowledgement", "any", "hours", 1)],
            name="Praise",
            filter_domain="[('kind', '=', 'compliment')]",
        )
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self.assertEqual(
            self._rows(case)["Acknowledgement"],
            [
                "Not “Four hours”: it promises nothing for this and the severity.",
                "Not “Praise”: its filter leaves this case out.",
            ],
        )

    def test_a_line_for_another_severity_is_none(self):
        self.policy.target_ids.filtered(lambda t: t.measure == "resolution").severity = "3"
        case = self._case_at(MONDAY_9, owner_id=self.agent.id, severity="1")
        self.assertEqual(
            self._rows(case)["Solution"],
            ["Not “Four hours”: it promises nothing for this and the severity."],
        )
        critical = self._case_at(MONDAY_9, owner_id=self.agent.id, severity="3")
        self.assertNotIn("Solution", self._rows(critical))

    def test_policies_for_others_are_counted_and_not_named(self):
        other = self.env["res.partner"].create({"name": "Somebody else"})
        line = [("acknowledgement", "any", "hours", 1)]
        self._sla(line, name="Secret", partner_ids=other.ids)
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        reasons = self._rows(case)["Acknowledgement"]
        self.assertEqual(reasons[-1], "One policy is for other customers or tiers.")
        self.assertNotIn("Secret", str(self._why(case)))
        self._sla(line, name="Secret, too", partner_ids=other.ids)
        self.assertEqual(
            self._rows(case)["Acknowledgement"][-1],
            "2 policies are for other customers or tiers.",
        )

    def test_without_any_policy_that_is_said(self):
        self.policy.active = False
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self.assertFalse(case.clock_ids)
        self.assertEqual(self._rows(case)["Solution"], ["No policy is about this yet."])

    def test_nothing_of_another_companys_policies_is_told(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self._sla([("acknowledgement", "any", "none", 0)], name="Foreign", company_id=other.id)
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        for user in (self.agent, self.manager):
            self.assertNotIn("Foreign", str(self._why(case, user)))

    def test_whoever_may_not_read_the_case_is_told_nothing(self):
        outside = self._user("care_why_outside", "customer_care.group_agent")
        self._user("care_why_keeper", "customer_care.group_confidential")
        sealed = self._case_at(MONDAY_9, owner_id=self.agent.id, confidential=True)
        portal = self._user("care_why_portal", "base.group_portal")
        for user in (outside, portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._why(sealed, user)

    def test_it_says_when_the_policies_are_not_those_of_then(self):
        case = self._case_at(TUESDAY_10, owner_id=self.agent.id)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_company SET write_date = %s WHERE id = %s", [MONDAY_9, self.company.id]
        )
        self.assertFalse(self._why(case)["today"])
        self.policy.target_ids.filtered(lambda t: t.measure == "resolution").amount = 3
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_case SET create_date = %s WHERE id = %s", [MONDAY_10, case.id]
        )
        self.assertTrue(self._why(case)["today"])

    def test_what_was_promised_only_later_is_told_so(self):
        self.policy.target_ids.filtered(lambda t: t.measure == "resolution").unlink()
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self.policy.target_ids = [
            Command.create({"measure": "resolution", "kind": "days", "amount": 1})
        ]
        (reason,) = self._rows(case)["Solution"]
        self.assertIn("“Four hours” promises it now, but did not", reason)

    def test_what_begins_later_is_not_missing(self):
        self.policy.target_ids = [
            Command.create({"measure": "remedy", "kind": "days", "amount": 1})
        ]
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self.assertNotIn("Remedy carried out", self._rows(case))

    def test_a_journey_tells_it_too(self):
        self._sla(
            [("contact", "any", "none", 0), ("delivery", "any", "date", 0)],
            name="After the sale",
            about="care.journey",
        )
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
        rows = self._rows(journey, self.manager)
        self.assertEqual(
            rows["First contact after the sale"],
            ["“After the sale” says so in its line “First contact after the sale: no promise”."],
        )
        self.assertNotIn("Solution", rows, "journeys have none")
        self.assertEqual(
            rows["Quotation sent"], ["Not “After the sale”: it promises nothing for this."]
        )
        self.assertNotIn("Delivered on the promised date", rows, "it begins with a date")

    def test_a_new_case_without_promises_costs_no_row_for_it(self):
        self.policy.active = False
        before = self.env["care.sla.clock"].search_count([])
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self.assertTrue(self._rows(case))
        self.assertEqual(self.env["care.sla.clock"].search_count([]), before)
        self.assertFalse(case._fields["not_promised"].store)
