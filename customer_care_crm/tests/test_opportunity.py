from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import CrmCase


@tagged("post_install", "-at_install")
class TestOpportunity(CrmCase):
    def _earlier(self):
        """An opportunity of an hour ago."""
        self.company.care_start_date = "2020-01-01"
        with self._at(fields.Datetime.now() - timedelta(hours=1)):
            return self._lead()

    # ------------------------------------------------------------
    # The journey begins
    # ------------------------------------------------------------

    def test_an_opportunity_begins_its_journey_with_its_salesperson(self):
        lead = self._lead()
        journey = self._before(lead)
        self.assertEqual(journey.stage_id, self.planning)
        self.assertEqual(journey.owner_id, self.rep)
        self.assertEqual(journey.first_owner_id, self.rep)
        self.assertEqual(journey.salesperson_id, self.rep)
        self.assertEqual(journey.partner_id, self.customer)
        self.assertEqual(journey.company_id, self.company)
        self.assertEqual(journey.name, "A kitchen by the lake")
        self.assertFalse(journey.order_id)
        self.assertFalse(journey.products)
        self.assertEqual(journey.delivery_state, "none")
        self.assertEqual(journey.tenure_ids.user_id, self.rep)
        call = self._calls(journey)
        self.assertEqual((call.user_id, call.partner_id), (self.rep, self.customer))
        self.assertEqual(call.order_name, "A kitchen by the lake")

    def test_a_lead_begins_when_it_is_converted(self):
        lead = self._lead(type="lead")
        self.assertFalse(self._before(lead))
        lead.convert_opportunity(self.customer, [self.seller2.id], self.kitchens.id)
        journey = self._before(lead)
        self.assertEqual(journey.stage_id, self.planning)
        self.assertEqual(journey.owner_id, self.seller2)

    def test_an_opportunity_without_a_customer_begins_once_it_has_one(self):
        lead = self._lead(partner_id=False, contact_name="Clara")
        self.assertFalse(self._before(lead))
        lead.partner_id = self.customer
        self.assertEqual(self._before(lead).partner_id, self.customer)

    def test_without_a_stage_before_the_sale_nothing_begins(self):
        self.planning.entry_event = False
        lead = self._lead()
        self.assertFalse(self._before(lead))
        order = self._quotation(lead)
        order.action_confirm()
        self.assertEqual(self._journey(order).stage_id, self.planning.browse(self.ordered.id))

    def test_an_opportunity_begins_when_it_comes_to_the_team_that_plans(self):
        lead = self._lead(team_id=False)
        self.assertFalse(self._before(lead))
        lead.team_id = self.kitchens
        self.assertTrue(self._before(lead))

    def test_an_opportunity_that_has_sold_begins_nothing_more(self):
        lead = self._lead(team_id=False)
        self._quotation(lead).action_confirm()
        lead.team_id = self.kitchens
        self.assertFalse(self._before(lead))

    def test_an_archived_stage_or_type_begins_nothing(self):
        self.planning.active = False
        self.assertFalse(self._before(self._lead()))
        self.planning.active = True
        self.kitchen.active = False
        self.assertFalse(self._before(self._lead()))

    def test_another_sales_team_begins_nothing(self):
        other = self.env["crm.team"].create({"name": "Ovens", "company_id": self.company.id})
        self.assertFalse(self._before(self._lead(team_id=other.id)))
        self.kitchen.sales_team_ids = False
        self.assertTrue(self._before(self._lead(team_id=other.id)))

    def test_another_companys_type_begins_nothing_here(self):
        self.kitchen.company_id = self.env["res.company"].create({"name": "Elsewhere"})
        self.assertFalse(self._before(self._lead()))

    def test_nothing_of_before_the_companys_start(self):
        old = self._lead(partner_id=False)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = create_date - interval '2 days' WHERE id = %s",
            (old.id,),
        )
        self.env.invalidate_all()
        old.partner_id = self.customer
        self.assertFalse(self._before(old))
        self.company.care_start_date = fields.Date.today() + timedelta(days=2)
        self.assertFalse(self._before(self._lead()))
        self.company.care_start_date = False
        self.assertFalse(self._before(self._lead()))

    def test_the_companys_first_day_begins_in_its_own_zone(self):
        self.company.care_start_date = "2026-03-11"
        with self._at("2026-03-10 22:30:00"):
            self.assertFalse(self._before(self._lead()))
        with self._at("2026-03-10 23:30:00"):  # in Brussels it is past midnight
            self.assertTrue(self._before(self._lead()))

    def test_what_was_won_or_lost_from_the_start_begins_nothing(self):
        won = self.env["crm.stage"].search([("is_won", "=", True)], limit=1)
        self.assertFalse(self._before(self._lead(stage_id=won.id)))
        self.assertFalse(self._before(self._lead(active=False, probability=0)))

    def test_a_batch_costs_the_same_number_of_queries_whatever_its_size(self):
        def cost(count):
            vals_list = [self._lead_vals(name=f"Kitchen {number}") for number in range(count)]
            leads = self.env["crm.lead"].create(vals_list)
            self._before(leads[0]).browse(
                self.env["care.journey"].search([("lead_id", "in", leads.ids)]).ids
            ).unlink()
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            leads._care_start()
            self.env.flush_all()
            spent = self.env.cr.sql_log_count - before
            self.assertEqual(
                self.env["care.journey"].search_count([("lead_id", "in", leads.ids)]), count
            )
            return spent

        cost(2)
        self.assertLessEqual(cost(30), cost(2) + 3)

    def test_where_nothing_begins_an_opportunity_costs_one_query(self):
        self.planning.entry_event = False
        leads = self._lead() | self._lead()
        leads.mapped("won_status")
        leads.company_id._care_covers(fields.Datetime.now())
        self.env.flush_all()
        with self.assertQueryCount(1):
            leads._care_start()

    # ------------------------------------------------------------
    # The order joins
    # ------------------------------------------------------------

    def test_the_order_joins_the_journey_which_keeps_its_history(self):
        lead = self._earlier()
        journey = self._before(lead)
        order = self._quotation(lead, user=self.seller2)
        after = self._policy(event="order_confirmed")
        order.action_confirm()
        self.assertEqual(self._journey(order), journey)
        self.assertEqual(journey.lead_id, lead)
        self.assertEqual(journey.name, order.name)
        self.assertEqual(journey.stage_id, self.ordered)
        self.assertEqual(journey.owner_id, self.seller2, "by the rule of the stage")
        self.assertEqual(journey.first_owner_id, self.rep)
        self.assertEqual(
            journey.tenure_ids.sorted("id").mapped("stage_id"), self.planning | self.ordered
        )
        self.assertEqual(len(journey.followup_ids.filtered(lambda f: f.policy_id == after)), 1)
        self.assertEqual(journey.products, "Oven")

    def test_a_second_order_has_its_own_journey(self):
        lead = self._lead()
        journey = self._before(lead)
        first, second = self._quotation(lead), self._quotation(lead)
        (second | first).action_confirm()
        self.assertEqual(self._journey(first), journey)
        other = self._journey(second)
        self.assertTrue(other)
        self.assertFalse(other.lead_id)
        self.assertEqual(other.stage_id, self.ordered)
        self.assertEqual(lead.care_journey_count, 2)

    def test_a_quotation_without_opportunity_is_not_touched(self):
        lead = self._lead()
        order = self._confirmed(team_id=self.kitchens.id)
        self.assertNotEqual(self._journey(order), self._before(lead))
        self.assertFalse(self._before(lead).order_id)

    def test_an_order_of_another_company_does_not_join(self):
        lead = self._lead(company_id=False, team_id=False)
        self.kitchen.sales_team_ids = False
        lead = self._lead(company_id=False, team_id=False)
        journey = self._before(lead)
        self.assertEqual(journey.company_id, self.company, "the salesperson's")
        other = self.env["res.company"].create(
            {"name": "Elsewhere", "care_start_date": fields.Date.today()}
        )
        self.env.user.company_ids |= other
        order = self.env["sale.order"].create(
            {
                "partner_id": self.customer.id,
                "company_id": other.id,
                "opportunity_id": lead.id,
                "order_line": [(0, 0, {"product_id": self.product.id, "tax_ids": False})],
            }
        )
        order.action_confirm()
        self.assertFalse(journey.order_id)
        self.assertNotEqual(self._journey(order), journey)

    def test_a_journey_that_was_further_on_is_not_taken_back(self):
        further = self.env["care.stage"].create(
            {"name": "Fitting", "type_id": self.kitchen.id, "sequence": 15}
        )
        lead = self._lead()
        journey = self._before(lead)
        journey._enter_stage(further)
        self._quotation(lead).action_confirm()
        self.assertEqual(journey.stage_id, further)

    def test_a_cancelled_order_ends_the_journey_and_confirmed_again_it_goes_on(self):
        lead = self._lead()
        journey = self._before(lead)
        order = self._quotation(lead)
        order.action_confirm()
        order._action_cancel()
        self.assertEqual(journey.stage_id, self.cancelled)
        order.action_draft()
        order.action_confirm()
        self.assertEqual(self._journey(order), journey)
        self.assertEqual(journey.stage_id, self.ordered)

    def test_a_stage_that_may_not_be_skipped_holds_the_journey(self):
        must = self.env["care.stage"].create(
            {"name": "Measured", "type_id": self.kitchen.id, "sequence": 5, "may_skip": False}
        )
        lead = self._lead()
        self._quotation(lead).action_confirm()
        self.assertEqual(self._before(lead).stage_id, must)

    # ------------------------------------------------------------
    # Lost, won, changed
    # ------------------------------------------------------------

    def test_a_lost_opportunity_ends_its_journey_and_what_it_planned(self):
        leads = self._lead() | self._lead()
        kept, order_of_kept = leads[1], self._quotation(leads[1])
        order_of_kept.action_confirm()
        leads.action_set_lost()
        journey = self._before(leads[0])
        self.assertEqual(journey.stage_id, self.cancelled)
        self.assertEqual(self._calls(journey).mapped("state"), ["cancelled"])
        self.assertEqual(self._before(kept).stage_id, self.ordered, "the sale stands")

    def test_taken_up_again_it_begins_anew(self):
        lead = self._lead()
        journey = self._before(lead)
        lead.action_set_lost()
        lead.action_unarchive()
        self.assertEqual(lead.won_status, "pending")
        self.assertEqual(journey.stage_id, self.planning)
        self.assertEqual(journey.owner_id, self.rep)
        self.assertEqual(sorted(self._calls(journey).mapped("state")), ["cancelled", "planned"])

    def test_sold_after_it_was_lost_it_goes_on(self):
        lead = self._lead()
        journey = self._before(lead)
        order = self._quotation(lead)
        lead.action_set_lost()
        order.action_confirm()
        self.assertEqual(self._journey(order), journey)
        self.assertEqual(journey.stage_id, self.ordered)

    def test_won_without_an_order_it_stays(self):
        lead = self._lead()
        lead.action_set_won()
        journey = self._before(lead)
        self.assertEqual(journey.stage_id, self.planning)
        self.assertEqual(self._calls(journey).mapped("state"), ["planned"])

    def test_another_customer_and_name_are_the_journeys_too(self):
        lead = self._lead()
        journey = self._before(lead)
        partner = self.env["res.partner"].create({"name": "Lakeside"})
        lead.write({"partner_id": partner.id, "name": "A bigger kitchen"})
        self.assertEqual(journey.partner_id, partner)
        self.assertEqual(journey.name, "A bigger kitchen")
        self.assertEqual(self._calls(journey).partner_id, partner)
        lead.partner_id = False
        self.assertEqual(journey.partner_id, partner, "it was somebody's")

    def test_with_an_order_the_order_says_who_it_is(self):
        lead = self._lead()
        order = self._quotation(lead)
        order.action_confirm()
        lead.write({"partner_id": self.env["res.partner"].create({"name": "X"}).id, "name": "X"})
        journey = self._before(lead)
        self.assertEqual(journey.partner_id, self.customer)
        self.assertEqual(journey.name, order.name)

    def test_an_order_of_another_partner_brings_its_own_customer(self):
        lead = self._lead()
        partner = self.env["res.partner"].create({"name": "Lakeside Ltd"})
        order = self._quotation(lead, partner=partner)
        order.action_confirm()
        journey = self._journey(order)
        self.assertEqual(journey.partner_id, partner)
        self.assertEqual(self._calls(journey).partner_id, partner)

    def test_another_salesperson_takes_the_journey_over(self):
        lead = self._lead()
        journey = self._before(lead)
        lead.user_id = self.seller2
        self.assertEqual(journey.owner_id, self.seller2)
        self.assertEqual(self._calls(journey).user_id, self.seller2)
        self.assertEqual(len(journey.tenure_ids.filtered(lambda t: not t.until)), 1)

    def test_an_opportunity_that_nobody_had_goes_to_its_first_salesperson(self):
        lead = self._lead(user_id=False)
        self.assertEqual(self._before(lead).owner_id, self.manager, "the default owner")
        lead.user_id = self.rep
        self.assertEqual(self._before(lead).owner_id, self.rep)

    def test_a_journey_that_was_handed_to_somebody_else_stays_there(self):
        lead = self._lead()
        journey = self._before(lead)
        journey._set_owner(self.agent)
        lead.user_id = self.seller2
        self.assertEqual(journey.owner_id, self.agent)

    def test_an_absent_salesperson_is_stood_in_for(self):
        self.rep.write(
            {
                "out_of_office_from": fields.Datetime.now() - timedelta(hours=1),
                "care_substitute_id": self.agent2.id,
            }
        )
        self.assertEqual(self._before(self._lead()).owner_id, self.agent2)

    def test_a_deleted_opportunity_takes_a_journey_without_order_along(self):
        lead, sold = self._lead(), self._lead()
        order = self._quotation(sold)
        order.action_confirm()
        journey = self._before(lead)
        followups = journey.followup_ids
        (lead | sold).unlink()
        self.assertFalse(journey.exists())
        self.assertFalse(followups.exists())
        self.assertEqual(self._journey(order).stage_id, self.ordered)
        self.assertFalse(self._journey(order).lead_id)

    def test_merged_opportunities_have_one_journey(self):
        first, second = self._lead(name="Same"), self._lead(name="Same")
        bare = self._lead(name="Bare", type="lead")
        merged = (first | second).merge_opportunity()
        self.assertEqual(len(merged), 1)
        self.assertTrue(self._before(merged))
        self.assertEqual(
            self.env["care.journey"].search_count([("partner_id", "=", self.customer.id)]), 1
        )
        self._before(merged).unlink()
        last = self._lead(name="Last")
        journey = self._before(last)
        head = bare
        head._merge_dependences(last)
        self.assertEqual(journey.lead_id, head)
        self.assertEqual(journey.name, "Bare")

    def test_what_holds_of_any_owner_holds_before_the_sale(self):
        journey = self._before(self._earlier())
        journey.with_user(self.rep).stage_id = self.ordered
        self.assertEqual(journey.stage_id, self.ordered)
        self.assertEqual(journey.owner_id, self.rep)
        pieces = journey.tenure_ids.sorted("id")
        self.assertEqual(pieces.mapped("stage_id"), self.planning | self.ordered)

    def test_a_case_of_a_journey_before_the_sale(self):
        journey = self._before(self._lead())
        case = self._case(journey_id=journey.id)
        self.assertFalse(case.order_id)
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(journey.open_case_count, 1)

    def test_what_is_written_on_an_opportunity_or_its_quotation_is_about_the_journey(self):
        lead = self._lead()
        journey = self._before(lead)
        order = self._order(opportunity_id=lead.id)
        journeys = self.env["care.journey"]
        self.assertIn("crm.lead", journeys._care_documents)
        self.assertEqual(journeys._of_documents("crm.lead", lead.ids), journey)
        self.assertEqual(journey._documents_of()["crm.lead"], {lead.id: journey})
        self.assertFalse(journey._quoted(), "it is a draft")
        order.sudo().state = "sent"
        self.assertEqual(journey._quoted(), journey)
        self.assertEqual(journeys._of_documents("sale.order", order.ids), journey)
        order.action_confirm()
        self.assertFalse(journeys._of_documents("crm.lead", lead.ids), "it is after the sale")
        self.assertEqual(journeys._of_documents("sale.order", order.ids), journey)
