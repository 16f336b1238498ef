from odoo.exceptions import AccessError
from odoo.tests import Form, tagged

from .common import CrmCase


@tagged("post_install", "-at_install")
class TestSecurity(CrmCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lead = cls._lead()
        cls.journey = cls.env["care.journey"].search([("lead_id", "=", cls.lead.id)])

    def _sees(self, user):
        return bool(self.env["care.journey"].with_user(user).search([("id", "=", self.journey.id)]))

    def test_who_sees_a_journey_before_the_sale(self):
        self.journey._set_owner(self.agent)
        self.journey.sudo().invalidate_recordset()
        expected = {
            self.rep: True,  # the opportunity's salesperson
            self.agent: True,  # the owner
            self.manager: True,
            self.seller2: False,
            self.agent2: False,
        }
        for user, sees in expected.items():
            with self.subTest(user.login):
                self.assertEqual(self._sees(user), sees)

    def test_an_agent_without_crm_sees_the_journey_and_not_the_opportunity(self):
        self.journey._set_owner(self.agent)
        theirs = self.journey.with_user(self.agent)
        self.env.invalidate_all()
        with self.assertRaises(AccessError):
            self.lead.with_user(self.agent).read(["name"])
        with Form(theirs) as form:
            self.assertEqual(form.name, "A kitchen by the lake")
        spec = {
            "name": {},
            "expected_revenue": {},
            "products": {},
            "salesperson_id": {"fields": {"display_name": {}}},
            "lead_id": {"fields": {"display_name": {}}},
        }
        self.env.invalidate_all()
        (values,) = theirs.web_read(spec)
        self.assertEqual(values["name"], "A kitchen by the lake")
        self.assertEqual(values["lead_id"]["display_name"], "A kitchen by the lake")
        self.assertFalse(values["expected_revenue"])
        self.env.invalidate_all()
        (values,) = self.journey.with_user(self.rep).web_read(spec)
        self.assertEqual(values["expected_revenue"], 12000)

    def test_a_salesperson_who_owns_the_journey_reads_its_opportunity(self):
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller2).read(["name"])
        self.journey._set_owner(self.seller2)
        self.env.invalidate_all()
        self.assertTrue(self.lead.with_user(self.seller2).read(["name"]))
        with self.assertRaises(AccessError):
            self.lead.with_user(self.seller2).write({"name": "Mine"})

    def test_nobody_forges_the_opportunity_of_a_journey(self):
        other = self._lead(team_id=False)
        for user in (self.rep, self.manager):
            with self.assertRaises(AccessError):
                self.journey.with_user(user).write({"lead_id": other.id})
        followup = self._calls(self.journey)
        with self.assertRaises(AccessError):
            followup.with_user(self.rep).write({"lead_id": other.id})

    def test_a_salesperson_without_customer_care_works_as_ever(self):
        seller = self._user("care_plain_seller", "sales_team.group_sale_salesman")
        lead = self.env["crm.lead"].with_user(seller).create(self._lead_vals(user_id=seller.id))
        self.assertTrue(self._before(lead))
        lead.write({"name": "Renamed"})
        self.assertEqual(self._before(lead).name, "Renamed")
        order = self._quotation(lead, user=seller)
        order.with_user(seller).action_confirm()
        self.assertEqual(self._journey(order), self._before(lead))
        other = self.env["crm.lead"].with_user(seller).create(self._lead_vals(user_id=seller.id))
        other.action_set_lost()
        self.assertEqual(self._before(other).stage_id, self.cancelled)
        with Form(lead) as form:
            self.assertEqual(form.name, "Renamed")

    def test_the_buttons_lead_there_and_back(self):
        action = self.lead.with_user(self.rep).action_care_open_journeys()
        self.assertEqual((action["res_model"], action["res_id"]), ("care.journey", self.journey.id))
        action = self.journey.with_user(self.rep).action_open_opportunity()
        self.assertEqual((action["res_model"], action["res_id"]), ("crm.lead", self.lead.id))
        self.assertEqual(self.lead.with_user(self.rep).care_journey_count, 1)
        with self.assertRaises(AccessError):
            self.lead.with_user(self.agent).action_care_open_journeys()

    def test_the_kanban_shows_the_empty_columns_of_the_type(self):
        stages = (
            self.env["care.journey"].with_user(self.rep)._group_expand_stage_id(self.planning, [])
        )
        self.assertEqual(stages, self.kitchen.stage_ids.sorted())
