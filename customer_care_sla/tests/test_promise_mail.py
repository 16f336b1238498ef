from odoo import Command
from odoo.tests import tagged
from odoo.tools import html2plaintext

from .common import MONDAY_9, MONDAY_10, MONDAY_13, SlaCase


@tagged("post_install", "-at_install")
class TestPromiseMail(SlaCase):
    def _mail(self, case):
        with self._at(MONDAY_9):
            self._run("care.notice")
        return case.message_ids.filtered(lambda m: m.message_type == "auto_comment")

    def test_the_acknowledgement_carries_the_number_and_the_promised_times(self):
        case = self._case_at(MONDAY_9)
        body = self._mail(case).body
        self.assertIn(case.number, body)
        self.assertIn("A first answer by Mon 23 Nov, 13:00 (Brussels)", body)
        self.assertIn("Solved by Wed 25 Nov, 09:00 (Brussels)", body)

    def test_the_promised_times_are_in_the_customers_language_and_zone(self):
        self.env["res.lang"]._activate_lang("fr_BE")
        self.customer.write({"lang": "fr_BE", "tz": "Asia/Kolkata"})
        case = self._case_at(MONDAY_9)
        line = case._care_promise_lines()[0]
        self.assertIn("lun. 23 nov., 17:30", line)

    def test_the_zone_is_named(self):
        self.customer.tz = "Asia/Kolkata"
        case = self._case_at(MONDAY_9)
        self.assertIn("17:30 (Kolkata)", case._care_promise_lines()[0])
        self.customer.tz = "America/New_York"
        self.assertIn("07:00 (New York)", case._care_promise_lines()[0])

    def test_without_a_zone_the_companys_counts(self):
        self.customer.tz = False
        case = self._case_at(MONDAY_9)
        self.assertIn("13:00", case._care_promise_lines()[0])

    def test_only_what_is_still_promised_is_quoted(self):
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_10):
            self.env["care.sla.clock"]._meet(case)
        self.assertEqual(case._care_promise_lines(), [])

    def test_what_stands_still_says_that_we_wait_for_the_customer(self):
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_customer", MONDAY_10)
        self.assertEqual(case._care_promise_lines()[-1], "Solved: paused, we wait for your answer")
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(case._care_promise_lines()[-1], "Solved by Wed 25 Nov, 12:00 (Brussels)")

    def test_what_is_promised_among_ourselves_is_not_told(self):
        before = len(self._case_at(MONDAY_9)._care_promise_lines())
        self.policy.target_ids = [
            Command.create(
                {"measure": "stage", "stage_category": "open", "kind": "hours", "amount": 8}
            )
        ]
        case = self._case_at(MONDAY_9)
        self.assertIn("stage", case.clock_ids.mapped("measure"))
        self.assertEqual(len(case._care_promise_lines()), before)

    def test_a_customer_on_the_portal_is_told_the_promises_and_the_pause(self):
        case = self._case_at(MONDAY_9)
        user = self._user("care_portal_told", "base.group_portal")
        user.partner_id.parent_id = self.customer
        lines = case.with_user(user)._care_promise_lines()
        self.assertEqual(len(lines), 2)
        self._stage(case, "waiting_customer", MONDAY_10)
        self.env.invalidate_all()
        self.assertIn("we wait for your answer", case.with_user(user)._care_promise_lines()[-1])

    def test_the_complaint_file_says_what_was_promised_and_what_became_of_it(self):
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        with self._at(MONDAY_10):
            self.env["care.sla.clock"]._answered(case, self.agent)
        reports = self.env["ir.actions.report"].with_user(self.agent)
        content, _type = reports._render_qweb_html("customer_care.report_case_file", case.ids)
        text = " ".join(html2plaintext(content.decode()).split())
        self.assertIn("Promised times", text)
        self.assertRegex(text, r"First answer 4 hours .*01:00:00 PM .*10:00:00 AM Met")
        self.assertIn("Solution", text)
