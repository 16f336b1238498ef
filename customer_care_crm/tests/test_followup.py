from datetime import date

from odoo.tests import tagged

from .common import CrmCase


@tagged("post_install", "-at_install")
class TestNeed(CrmCase):
    def test_a_need_becomes_one_opportunity_of_who_is_responsible(self):
        self._policy(((0, "care_account_manager"),))
        self.customer.user_id = self.agent
        followup = self._journey(self._confirmed()).followup_ids
        self.assertEqual(followup.user_id, self.agent)
        self.assertFalse(self.agent.has_group("sales_team.group_sale_salesman"))
        need = "A second oven\nand <b>a hood</b>"
        lead = followup.with_user(self.agent)._open_opportunity(need, date(2027, 4, 1)).sudo()
        self.assertEqual(followup.lead_id, lead)
        self.assertEqual(lead.type, "opportunity")
        self.assertEqual(lead.name, "A second oven")
        self.assertIn("&lt;b&gt;a hood", lead.description)
        self.assertEqual(lead.partner_id, self.customer)
        self.assertEqual(lead.user_id, self.agent)
        self.assertEqual(lead.company_id, self.company)
        self.assertEqual(lead.date_deadline, date(2027, 4, 1))
        again = followup.with_user(self.agent)._open_opportunity("Something else", False)
        self.assertEqual(again, lead)

    def test_an_opportunity_that_is_gone_leaves_the_follow_up(self):
        self._policy()
        followup = self._journey(self._confirmed()).followup_ids
        followup._open_opportunity("A hood", False).sudo().unlink()
        self.assertTrue(followup.exists())
        self.assertFalse(followup.lead_id)

    def test_the_outcome_need_found_opens_the_opportunity(self):
        self._policy()
        followup = self._journey(self._confirmed()).followup_ids
        outcome = self.env["care.outcome"].search([("consequence", "=", "need")], limit=1)
        theirs = followup.with_user(followup.user_id)
        theirs.write({"outcome_id": outcome.id, "need_text": "A hood", "need_date": "2027-04-01"})
        theirs.action_done()
        self.assertEqual(followup.lead_id.name, "A hood")
        self.assertEqual(followup.lead_id.user_id, followup.user_id)
        self.assertEqual(followup.lead_id.date_deadline, date(2027, 4, 1))

    def test_the_preview_counts_opportunities_and_not_orders(self):
        self.company.care_start_date = "2020-01-01"
        self._lead()
        self._confirmed()
        self.env.flush_all()
        self.env.cr.execute("UPDATE care_journey SET create_date = create_date - interval '1 day'")
        self.env.invalidate_all()
        page = self.early.with_user(self.manager).with_company(self.company).preview_html
        self.assertIn("1 follow-ups for 1 of 1 records", page)
