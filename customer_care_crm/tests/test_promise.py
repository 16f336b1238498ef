"""Needs and promises of before the sale."""

from lxml import etree

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from .common import CrmCase


@tagged("post_install", "-at_install")
class TestPromise(CrmCase):
    def _take_down(self, lead, model, user=None, **vals):
        """As in the dialog that the button opens."""
        lead = lead.with_user(user or self.rep).with_company(self.company)
        action = lead.action_care_need() if model == "care.need" else lead.action_care_promise()
        records = lead.env[model].with_context(**action["context"])
        form = Form(records, view=action["views"][0][0])
        form.name = "An oven at eye level"
        for name, value in vals.items():
            form[name] = value
        return form.save()

    def test_the_buttons_take_down_needs_and_promises_of_the_opportunity(self):
        for company in (self.company, self.company.browse()):
            lead = self._lead(company_id=company.id, team_id=False)
            need = self._take_down(lead, "care.need")
            promise = self._take_down(lead, "care.promise", date_due="2030-03-04")
            for record in (need, promise):
                with self.subTest(record, company=company):
                    self.assertEqual(record.lead_id, lead)
                    self.assertEqual(record.partner_id, self.customer)
                    self.assertEqual(record.company_id, self.company)
                    self.assertEqual(record.user_id, self.rep)
            action = promise.action_open_record()
            self.assertEqual((action["res_model"], action["res_id"]), ("crm.lead", lead.id))

    def test_the_form_of_an_opportunity_has_the_buttons_of_those_who_serve(self):
        view = self.env.ref("crm.crm_lead_view_form")
        arch = self.env["crm.lead"].with_user(self.rep).get_view(view.id, "form")["arch"]
        for name in ("action_care_promise", "action_care_need"):
            with self.subTest(name):
                self.assertIn(f'name="{name}"', arch)

    def test_with_the_order_whoever_serves_the_customer_has_them(self):
        lead, other = self._lead(), self._lead()
        need = self._take_down(lead, "care.need")
        promise = self._take_down(lead, "care.promise", date_due="2030-03-04")
        elsewhere = self._take_down(other, "care.promise", date_due="2030-03-04")
        order = self._quotation(lead)
        order.action_confirm()
        journey = self._before(lead)
        self.assertEqual(journey.order_id, order)
        self.assertEqual(need.journey_id, journey)
        self.assertEqual(promise.journey_id, journey)
        self.assertFalse(elsewhere.journey_id)
        self.assertFalse(promise.with_user(self.seller2).has_access("read"))
        journey._set_owner(self.seller2)
        self.env.invalidate_all()
        self.assertTrue(promise.with_user(self.seller2).has_access("write"))
        self.assertTrue(need.with_user(self.seller2).has_access("write"))

    def test_an_order_whose_journey_begins_with_it_has_them_too(self):
        self.planning.entry_event = False
        lead = self._lead()
        need = self._take_down(lead, "care.need")
        order = self._quotation(lead)
        order.action_confirm()
        self.assertEqual(need.journey_id, self._journey(order))

    def test_orders_confirmed_together_each_take_their_own_along(self):
        leads = self.env["crm.lead"].browse()
        for _n in range(4):
            leads |= self._lead()
        for lead in leads:
            self._take_down(lead, "care.need")
        orders = self.env["sale.order"].browse()
        for lead in leads:
            orders |= self._quotation(lead)
        orders.action_confirm()
        needs = self.env["care.need"].search([("lead_id", "in", leads.ids)])
        for need in needs:
            self.assertEqual(need.journey_id.order_id.opportunity_id, need.lead_id)

    def test_merged_opportunities_keep_them_and_a_deleted_one_leaves_them(self):
        lead, other = self._lead(), self._lead()
        need = self._take_down(other, "care.need")
        promise = self._take_down(other, "care.promise", date_due="2030-03-04")
        kept = (lead | other)._merge_opportunity()
        self.assertEqual(need.lead_id, kept)
        self.assertEqual(promise.lead_id, kept)
        kept.unlink()
        self.env.invalidate_all()
        self.assertTrue(need.exists() and promise.exists())

    def test_the_salesperson_reads_what_others_promised_in_the_opportunity(self):
        lead = self._lead()
        promise = self._take_down(lead, "care.promise", user=self.manager, date_due="2030-03-04")
        self.assertTrue(promise.with_user(self.rep).has_access("read"))
        self.assertFalse(promise.with_user(self.rep).has_access("write"))

    def test_nobody_points_to_an_opportunity_that_they_may_not_read(self):
        lead = self._lead()
        vals = {"name": "x", "partner_id": self.customer.id, "lead_id": lead.id}
        for user in (self.seller2, self.agent):
            for model in ("care.need", "care.promise"):
                with self.subTest(user.login, model=model), self.assertRaises(AccessError):
                    self.env[model].with_user(user).create(
                        {**vals, **({} if model == "care.need" else {"date_due": "2030-03-04"})}
                    )
        need = self._take_down(lead, "care.need")
        promise = self._take_down(lead, "care.promise", date_due="2030-03-04")
        foreign = self._lead(user_id=self.seller2.id)
        for record in (need, promise):
            with self.subTest(record), self.assertRaises(AccessError):
                record.with_user(self.rep).write({"lead_id": foreign.id})

    def test_nothing_hangs_on_another_customers_opportunity(self):
        lead = self._lead()
        other = self.env["res.partner"].create({"name": "Somebody else"})
        for model, more in (("care.need", {}), ("care.promise", {"date_due": "2030-03-04"})):
            records = self.env[model].with_user(self.rep)
            with self.subTest(model), self.assertRaisesRegex(ValidationError, "is not of"):
                records.create({"name": "x", "partner_id": other.id, "lead_id": lead.id, **more})
        need = self.env["care.need"].with_user(self.rep)
        need = need.create({"name": "x", "partner_id": other.id})
        with self.assertRaisesRegex(ValidationError, "is not of"):
            need.lead_id = lead
        # a contact of the same company is the same customer
        contact = self.env["res.partner"].create({"name": "Ann", "parent_id": self.customer.id})
        self._take_down(self._lead(partner_id=contact.id), "care.need")

    def test_key_customers_stand_out_on_opportunities(self):
        self.env["care.profile"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "tier_id": self.env.ref("customer_care.tier_key").id,
                "note": "Hard of hearing: speak slowly.",
            }
        )
        other = self.env["res.partner"].create({"name": "Somebody else"})
        for lead, key in (
            (self._lead(), True),
            (self._lead(company_id=False, team_id=False), True),
            (self._lead(partner_id=other.id), False),
            (self._lead(partner_id=False), False),
        ):
            lead = lead.with_user(self.rep).with_company(self.company)
            self.assertEqual(lead.care_is_key, key)
            self.assertEqual(bool(lead.care_customer_note), key)
        for xmlid, kind, mark in (
            ("crm_lead_view_form", "form", "//widget[@name='web_ribbon'][@title='Key customer']"),
            ("crm_lead_view_form", "form", "//field[@name='care_customer_note']"),
            ("crm_case_tree_view_oppor", "list", "//field[@name='care_is_key']"),
            ("crm_case_kanban_view_leads", "kanban", "//i[@title='Key customer']"),
        ):
            view = self.env.ref(f"crm.{xmlid}")
            with self.subTest(mark):
                leads = self.env["crm.lead"].with_user(self.rep)
                arch = etree.fromstring(leads.get_view(view.id, kind)["arch"])
                self.assertTrue(arch.xpath(mark))

    def test_an_agent_without_crm_takes_down_needs_as_ever(self):
        need = (
            self.env["care.need"]
            .with_user(self.agent)
            .create({"name": "A fridge", "partner_id": self.customer.id})
        )
        self.assertFalse(need.lead_id)
        with Form(need) as form:
            form.advice = "Wait for the sale."
        self.assertEqual(need.advice, "Wait for the sale.")
        self.assertLess(need.heard_at, fields.Datetime.add(fields.Datetime.now(), minutes=1))
