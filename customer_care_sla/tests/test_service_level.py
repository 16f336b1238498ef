from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from .common import MONDAY_9, MONDAY_10, SlaCase


class ServiceLevelCase(SlaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tier = cls.env["care.tier"].create({"name": "Founders"})
        cls.key = cls._sla(
            [
                ("first_response", "any", "hours", 2),
                ("first_response", "3", "minutes", 30),
                ("resolution", "any", "days", 1),
            ],
            name="Founders' promise",
            tier_ids=cls.tier.ids,
        )

    def _tier(self, tier):
        self.customer.with_company(self.company).care_tier_id = tier
        self.env.flush_all()
        self.env.invalidate_all()

    def _level(self, lang="en_US"):
        policies = self.env["care.sla.policy"].with_context(lang=lang)
        return policies._service_level(self.customer, self.company)


@tagged("post_install", "-at_install")
class TestServiceLevel(ServiceLevelCase):
    def test_a_customer_is_promised_what_their_tier_is_in_their_words(self):
        self.assertEqual(
            self._level()["lines"], ["A first answer: 4 hours", "A solution: 2 working days"]
        )
        self._tier(self.tier)
        level = self._level()
        self.assertEqual(
            level["lines"],
            ["A first answer: 2 hours (critical: 30 minutes)", "A solution: 1 working day"],
        )
        self.assertEqual(level["policies"], self.key)
        self.assertEqual(level["hours"], ["Mon–Fri 9:00 AM–5:00 PM"])

    def test_it_is_said_in_the_customers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.assertEqual(self._level("fr_FR")["hours"], ["lun.–ven. 09:00–17:00"])

    def test_it_stands_on_the_partner_and_its_contacts_for_the_present_company(self):
        self._tier(self.tier)
        contact = self.customer.create({"name": "Paul", "parent_id": self.customer.id})
        for partner in (self.customer, contact):
            seen = partner.with_user(self.agent)
            self.assertIn("2 hours", seen.care_service_level)
            self.assertEqual(seen.care_service_policies, "Founders' promise")
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.assertFalse(self.customer.with_company(other).care_service_level)

    def test_nothing_is_said_where_nothing_is_promised(self):
        (self.policy | self.key).active = False
        self.assertIsNone(self._level())
        self.assertFalse(self.customer.with_company(self.company).care_service_level)

    def test_what_depends_on_the_case_is_not_promised_beforehand(self):
        self.key.filter_domain = "[('kind', '=', 'complaint')]"
        self._tier(self.tier)
        self.assertIn("A first answer: 4 hours", self._level()["lines"])

    def test_what_all_can_count_on_is_told_in_hours_to_other_addons(self):
        gone = self.env["care.tier"].create({"name": "Gone"})
        left = self.env["res.partner"].create({"name": "Was a customer"})
        for amount, whose in ((90, {"tier_ids": gone.ids}), (80, {"partner_ids": left.ids})):
            self._sla([("first_response", "any", "hours", amount)], **whose)
        gone.active = left.active = False
        measures = ["first_response", "resolution", "next_response"]
        to_all, to_tier = (
            self.company._care_promised_hours(measures, tier) for tier in (None, self.tier)
        )
        # a day of eight hours; of a tier's two promises by severity the longer
        self.assertEqual(to_all, {"first_response": 4, "resolution": 16})
        self.assertEqual(to_tier, {"first_response": 2, "resolution": 8})
        self.assertEqual(self.company._care_promised_hours([], self.tier), {})
        # who is promised nothing has not what everybody has
        basic = self.env["care.tier"].create({"name": "Basic"})
        self._sla([("first_response", "any", "none", 0)], name="Basic", tier_ids=basic.ids)
        self.assertEqual(self.company._care_promised_hours(measures, basic), {"resolution": 16})
        # the end of the next day is two of them, and what one severity has not all have not
        slow = self.env["care.tier"].create({"name": "Slow"})
        self._sla(
            [
                ("first_response", "any", "end_of_day", 1),
                ("first_response", "3", "hours", 1),
                ("resolution", "3", "hours", 8),
                ("resolution", "any", "none", 0),
            ],
            name="Slow",
            tier_ids=slow.ids,
        )
        self.assertEqual(self.company._care_promised_hours(measures, slow), {"first_response": 16})

    def test_the_journey_keeps_the_level_that_was_sold(self):
        self._tier(self.tier)
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
        self.assertEqual(journey.sold_tier_id, self.tier)
        self._tier(False)
        with self._at(MONDAY_10):
            later = self._journey(self._confirmed())
        self.assertFalse(later.sold_tier_id)
        self.assertEqual(journey.sold_tier_id, self.tier)
        about = self._clock(self._case_at(MONDAY_9, journey_id=journey.id))
        other = self._clock(self._case_at(MONDAY_9, journey_id=later.id))
        self.assertEqual((about.policy_id, other.policy_id), (self.key, self.policy))

    def test_what_was_sold_comes_before_the_tier_of_today(self):
        ordinary = self.env["care.tier"].create({"name": "Ordinary"})
        ordinary_policy = self._sla(name="Ordinary promise", tier_ids=ordinary.ids, sequence=1)
        self._tier(self.tier)
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
        self._tier(ordinary)
        about = self._clock(self._case_at(MONDAY_9, journey_id=journey.id))
        self.assertEqual(about.policy_id, self.key)
        self.assertIn("promised with what was sold", about.reason)
        self.assertEqual(self._clock(self._case_at(MONDAY_9)).policy_id, ordinary_policy)

    def _contract(self):
        return self.env["product.product"].create(
            {"name": "Care contract", "type": "service", "list_price": 90}
        )

    def test_a_product_sells_a_tier_with_the_order_and_not_to_the_customer(self):
        contract = self._contract()
        self.tier.product_ids = contract
        line = [Command.create({"product_id": contract.id, "product_uom_qty": 1})]
        self.company.care_print_service_level = True
        offered = self._order(order_line=line)
        self.assertIn("2 hours", offered._care_service_level()["lines"][0])
        self.assertIn("4 hours", self._order()._care_service_level()["lines"][0])
        with self._at(MONDAY_9):
            offered.action_confirm()
            sold, other = self._journey(offered), self._journey(self._confirmed())
        self.assertEqual((sold.sold_tier_id, other.sold_tier_id.id), (self.tier, False))
        self.assertFalse(sold.tier_id, "the customer is of no other tier")
        about = self._clock(self._case_at(MONDAY_9, journey_id=sold.id))
        self.assertEqual(about.policy_id, self.key)
        self.assertEqual(self._clock(self._case_at(MONDAY_9)).policy_id, self.policy)

    def _line(self, order, product, quantity=1):
        return self.env["sale.order.line"].create(
            {"order_id": order.id, "product_id": product.id, "product_uom_qty": quantity}
        )

    def test_a_level_that_is_sold_later_holds_for_the_journey_and_its_open_cases(self):
        contract = self._contract()
        self.tier.product_ids = contract
        for name, tiers, hours in (("All", [], 8), ("Founders", self.tier.ids, 1)):
            self._sla(
                [("contact", "any", "hours", hours)],
                name=name,
                about="care.journey",
                tier_ids=tiers,
            )
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
        case = self._case_at(MONDAY_9, journey_id=journey.id)
        self.assertEqual(
            (journey.clock_ids.seconds, self._clock(case).policy_id), (8 * 3600, self.policy)
        )
        with self._at(MONDAY_10):
            line = self._line(journey.order_id.with_user(self.rep), contract)
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(journey.sold_tier_id, self.tier)
        self.assertEqual(journey.clock_ids.seconds, 3600)
        self.assertEqual(self._clock(case).policy_id, self.key)
        later = self._case_at(MONDAY_10, journey_id=journey.id)
        self.assertEqual(self._clock(later).policy_id, self.key)
        # it is not sold after all
        with self._at(MONDAY_10):
            line.product_uom_qty = 0
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertFalse(journey.sold_tier_id)
        self.assertEqual(self._clock(case).policy_id, self.policy)

    def test_a_case_that_is_found_to_belong_to_an_order_later_gets_what_was_sold(self):
        self._tier(self.tier)
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
        self._tier(False)
        case = self._case_at(MONDAY_9)
        self.assertEqual(self._clock(case).policy_id, self.policy)
        with self._at(MONDAY_10):
            case.write({"order_id": journey.order_id.id, "journey_id": journey.id})
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._clock(case).policy_id, self.key)
        self.assertEqual(self._clock(case).seconds, 2 * 3600)
        self.assertEqual(str(self._clock(case).started_at), MONDAY_9)

    def test_what_only_the_level_that_is_sold_later_promises_begins_with_its_sale(self):
        contract = self._contract()
        self.tier.product_ids = contract
        self._sla(
            [("contact", "any", "hours", 2)],
            name="Founders",
            about="care.journey",
            tier_ids=self.tier.ids,
        )
        with self._at(MONDAY_9):
            quiet, called = self._journey(self._confirmed()), self._journey(self._confirmed())
            called.with_user(self.manager).message_post(
                body="Welcome", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
        self.assertFalse((quiet | called).clock_ids)
        with self._at(MONDAY_10):
            for journey in (quiet, called):
                self._line(journey.order_id, contract)
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(quiet.clock_ids.measure, "contact")
        self.assertEqual(str(quiet.clock_ids.started_at), MONDAY_10)
        self.assertFalse(called.clock_ids, "they have been in touch already")

    def test_a_level_that_is_sold_later_never_takes_a_better_one_away(self):
        better = self.env["care.tier"].create({"name": "Better", "sequence": 0})
        worse = self.env["care.tier"].create({"name": "Worse", "sequence": 99})
        for tier in (better, worse):
            tier.product_ids = self._contract()
        self._tier(self.tier)
        journey = self._journey(self._confirmed())
        self._tier(False)
        self._line(journey.order_id, worse.product_ids)
        self.assertEqual(journey.sold_tier_id, self.tier, "what they had when it was confirmed")
        line = self._line(journey.order_id, better.product_ids)
        self.assertEqual(journey.sold_tier_id, better)
        line.product_uom_qty = 0
        self.assertEqual(journey.sold_tier_id, self.tier)

    def test_another_product_on_a_line_sells_another_level(self):
        contract = self._contract()
        self.tier.product_ids = contract
        journey = self._journey(self._confirmed())
        line = self._line(journey.order_id, self.product)
        self.assertFalse(journey.sold_tier_id)
        line.product_id = contract
        self.assertEqual(journey.sold_tier_id, self.tier)

    def test_lines_of_quotations_change_nothing(self):
        contract = self._contract()
        self.tier.product_ids = contract
        order = self._order()
        self._line(order, contract)
        self.assertFalse(order.care_journey_ids)
        journey = self._journey(self._confirmed())
        before = journey.write_date
        self._line(journey.order_id, self.product)
        self.assertEqual((journey.sold_tier_id.id, journey.write_date), (False, before))

    def test_the_better_one_of_what_is_sold_and_the_customers_tier_holds(self):
        better = self.env["care.tier"].create({"name": "Better", "sequence": 0})
        worse = self.env["care.tier"].create({"name": "Worse", "sequence": 99})
        for tier in (better, worse):
            tier.product_ids = self._contract()
        self._tier(self.tier)
        for tier, expected in ((better, better), (worse, self.tier)):
            line = [Command.create({"product_id": tier.product_ids.id, "product_uom_qty": 1})]
            journey = self._journey(self._confirmed(order_line=line))
            self.assertEqual(journey.sold_tier_id, expected)

    def test_the_levels_of_many_orders_are_found_in_one_query(self):
        orders = self._order() | self._order() | self._order()
        self.env.flush_all()
        with self.assertQueryCount(1):
            orders._care_tiers_sold()

    def test_the_promises_of_a_journey_are_those_of_the_level_that_was_sold(self):
        for name, tiers, hours in (("All", [], 8), ("Founders", self.tier.ids, 1)):
            self._sla(
                [("contact", "any", "hours", hours)],
                name=name,
                about="care.journey",
                tier_ids=tiers,
            )
        self._tier(self.tier)
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
        self.assertEqual(journey.clock_ids.seconds, 3600)

    def test_nobody_sells_another_level_by_hand(self):
        journey = self._journey(self._confirmed())
        with self.assertRaises(AccessError):
            journey.with_user(self.manager).sold_tier_id = self.tier

    def test_the_quotation_says_it_only_when_the_company_wants_that(self):
        self._tier(self.tier)
        order = self._order()
        self.assertIsNone(order._care_service_level())
        report = self.env["ir.actions.report"]
        html = report._render_qweb_html("sale.report_saleorder", order.ids)[0].decode()
        self.assertNotIn("Our service to you", html)
        self.company.care_print_service_level = True
        self.assertIn("2 hours", order.with_user(self.rep)._care_service_level()["lines"][0])
        html = report._render_qweb_html("sale.report_saleorder", order.ids)[0].decode()
        self.assertIn("Our service to you", html)
        self.assertIn("A first answer: 2 hours (critical: 30 minutes)", html)
        self.assertIn("Mon–Fri", html)


@tagged("post_install", "-at_install")
class TestServiceLevelOnThePortal(ServiceLevelCase, HttpCase):
    def test_the_customer_reads_it_on_the_quotation(self):
        self._tier(self.tier)
        order = self._order(
            order_line=[Command.create({"product_id": self.product.id, "product_uom_qty": 1})]
        )
        order.state = "sent"
        self.company.care_print_service_level = True
        page = self.url_open(order.get_portal_url()).text
        self.assertIn("Our service to you", page)
        self.assertIn("A solution: 1 working day", page)
        self.company.care_print_service_level = False
        self.assertNotIn("Our service to you", self.url_open(order.get_portal_url()).text)
