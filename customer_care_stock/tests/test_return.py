from datetime import date, timedelta

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import StockCase


@tagged("post_install", "-at_install")
class TestReturn(StockCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.why = cls.env.ref("customer_care_stock.policy_returned")
        cls.why.active = True

    def _returned(self, *lines, **vals):
        """An order that was delivered, and its journey."""
        order = self._sold(*(lines or ((self.product, 2),)), **vals)
        self._deliver(order)
        return order, self._journey(order)

    def test_a_return_plans_one_why_for_the_owner_on_the_same_day(self):
        order, journey = self._returned()
        self.assertFalse(self._calls(journey, self.why))
        with self._at("2026-03-10 10:00:00"):  # a Tuesday
            self._return(order.picking_ids)
        call = self._calls(journey, self.why)
        self.assertEqual(call.name, "Why did it come back?")
        self.assertEqual(call.user_id, journey.owner_id)
        self.assertEqual(call.date_due, date(2026, 3, 10))
        self.assertEqual(journey.returned_at.date(), date(2026, 3, 10))

    def test_the_preview_counts_returns_from_their_own_day(self):
        self.company.care_start_date = "2020-01-01"
        order, journey = self._returned()
        self._returned()
        order.date_order = "2025-01-01 10:00:00"
        self._return(order.picking_ids)
        journey.returned_at -= timedelta(days=1)
        page = self.why.with_user(self.manager).with_company(self.company).preview_html
        self.assertIn("1 follow-ups for 1 of 1 records", page)

    def test_the_day_is_the_companys_own(self):
        order, journey = self._returned()
        with self._at("2026-03-10 23:30:00"):  # in Brussels it is past midnight
            self._return(order.picking_ids)
        self.assertEqual(self._calls(journey, self.why).date_due, date(2026, 3, 11))

    def test_two_returns_are_two_whys(self):
        order, journey = self._returned()
        delivery = order.picking_ids
        self._return(delivery, {self.product: 1})
        self._return(delivery, {self.product: 1})
        self.assertEqual(sorted(self._calls(journey, self.why).mapped("occurrence")), [1, 2])
        self.assertEqual(journey.return_count, 2)

    def test_two_returns_in_one_go_are_two_whys(self):
        order, journey = self._returned((self.product, 2), (self.hood, 1))
        other, journey2 = self._returned()
        delivery = order.picking_ids
        back = self._return(delivery, {self.product: 1}, validate=False)
        back |= self._return(delivery, {self.hood: 1}, validate=False)
        back |= self._return(other.picking_ids, validate=False)
        self.assertEqual(journey.return_count, 0, "nothing is back yet")
        self._done(back)
        self.assertEqual(len(self._calls(journey, self.why)), 2)
        self.assertEqual(len(self._calls(journey2, self.why)), 1)

    def test_a_return_that_is_done_again_is_told_once(self):
        order, journey = self._returned()
        back = self._return(order.picking_ids)
        back._action_done()
        self.assertEqual(len(self._calls(journey, self.why)), 1)

    def test_a_return_and_its_backorder_came_back_twice(self):
        order, journey = self._returned()
        back = self._return(order.picking_ids, validate=False)
        self._done(back, {self.product: 1})
        self.assertEqual(len(self._calls(journey, self.why)), 1)
        self._done(self._open(order))
        self.assertEqual(len(self._calls(journey, self.why)), 2)

    def test_a_return_that_is_cancelled_is_none(self):
        order, journey = self._returned()
        self._return(order.picking_ids, validate=False).action_cancel()
        self.assertFalse(self._calls(journey, self.why))
        self.assertFalse(journey.returned_at)

    def test_a_return_that_is_sent_back_is_no_return(self):
        order, journey = self._returned()
        back = self._return(order.picking_ids)
        self._return(back)
        self.assertEqual(order.order_line.qty_delivered, 2)
        self.assertEqual(len(self._calls(journey, self.why)), 1)
        self.assertEqual(journey.delivery_state, "full")

    def test_an_exchange_without_refund_is_a_return_too(self):
        order, journey = self._returned()
        self._return(order.picking_ids, refund=False)
        self.assertEqual(order.order_line.qty_delivered, 2)
        self.assertEqual(len(self._calls(journey, self.why)), 1)

    def test_goods_from_a_vendor_or_from_nobodys_order_are_no_return(self):
        order, journey = self._returned()
        warehouse = order.warehouse_id
        for location in ("stock.stock_location_suppliers", "stock.stock_location_customers"):
            receipt = self.env["stock.picking"].create(
                {
                    "picking_type_id": warehouse.in_type_id.id,
                    "location_id": self.env.ref(location).id,
                    "location_dest_id": warehouse.lot_stock_id.id,
                    "company_id": self.company.id,
                    "move_ids": [
                        (
                            0,
                            0,
                            {
                                "product_id": self.product.id,
                                "product_uom_qty": 1,
                                "location_id": self.env.ref(location).id,
                                "location_dest_id": warehouse.lot_stock_id.id,
                                "company_id": self.company.id,
                            },
                        )
                    ],
                }
            )
            receipt.action_confirm()
            self._done(receipt)
        self.assertFalse(journey.return_count)

    def test_a_return_brings_the_journey_to_its_stage(self):
        self.stages[2].entry_event = "order_returned"
        order, journey = self._returned()
        self._return(order.picking_ids)
        self.assertEqual(journey.stage_id, self.stages[2])

    def test_the_return_of_a_cancelled_order_starts_nothing(self):
        order, journey = self._returned()
        order._action_cancel()
        self._return(order.picking_ids)
        self.assertFalse(self._calls(journey, self.why))

    def test_a_journey_that_ended_well_is_asked_why_all_the_same(self):
        order, journey = self._returned()
        journey._enter_stage(self.stages.filtered(lambda s: s.category == "closed"))
        self._return(order.picking_ids)
        self.assertEqual(len(self._calls(journey, self.why)), 1)

    def test_an_order_without_a_journey_comes_back_in_silence(self):
        self.company.care_start_date = False
        order, journey = self._returned()
        self.assertFalse(journey)
        self._return(order.picking_ids)
        self.assertEqual(order.order_line.qty_delivered, 0)

    def test_a_rule_that_fails_does_not_hinder_the_transfer_and_is_made_up_for(self):
        order, journey = self._returned()
        self._return(order.picking_ids, {self.product: 1})
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_policy SET filter_domain = %s WHERE id = %s",
            ("[('no_such_field', '=', 1)]", self.why.id),
        )
        self.env.invalidate_all()
        with mute_logger("odoo.addons.customer_care.models.care_rule_mixin"):
            back = self._return(order.picking_ids.sorted("id")[0], {self.product: 1})
        self.assertEqual(back.state, "done")
        self.assertEqual(len(self._calls(journey, self.why)), 1)
        self.why.filter_domain = "[]"
        self._run("care.retry")
        self.assertEqual(sorted(self._calls(journey, self.why).mapped("occurrence")), [1, 2])

    def test_a_return_ends_only_what_its_lines_had_started(self):
        about_products = self._policy(
            ((60, "care_owner"),), product_tmpl_ids=(self.product | self.hood).product_tmpl_id.ids
        )
        about_the_order = self._policy(((60, "care_owner"),))
        order, journey = self._returned((self.product, 2), (self.hood, 1))
        oven, hood = order.order_line

        def alive(policy):
            rows = self._calls(journey, policy).filtered(lambda row: row.state == "planned")
            return rows.sale_line_id if policy == about_products else len(rows)

        self.assertEqual(alive(about_products), oven | hood)
        self._return(order.picking_ids, {self.product: 1})
        self.assertEqual(alive(about_products), oven | hood, "one of two ovens is left")
        self._return(order.picking_ids.sorted("id")[0], {self.product: 1})
        self.assertEqual(alive(about_products), hood)
        self.assertEqual(alive(about_the_order), 1)
        self._return(order.picking_ids.sorted("id")[0], {self.hood: 1})
        self.assertFalse(alive(about_products))
        self.assertEqual(alive(about_the_order), 0, "nothing of the order is left")
        self.assertEqual(len(self._calls(journey, self.why)), 3, "why stays")

    def test_a_reopened_order_has_no_return_yet(self):
        order, journey = self._returned()
        self._return(order.picking_ids)
        order._action_cancel()
        order.action_draft()
        order.action_confirm()
        self.assertFalse(journey.returned_at)
        self._deliver(order)
        self._return(order.picking_ids.filtered(lambda p: p.picking_type_code == "outgoing")[0])
        self.assertEqual(journey.return_count, 2, "planned anew, not taken for the first")
        self.assertEqual(len(self._calls(journey, self.why)), 2)

    def test_nobody_forges_a_return(self):
        order, journey = self._returned()
        self._return(order.picking_ids)
        for user in (self.rep, self.agent, self.leader, self.manager):
            for vals in ({"return_count": 0}, {"returned_at": False}):
                with self.assertRaises(AccessError):
                    journey.with_user(user).write(vals)
        self.assertEqual(journey.with_user(self.rep).return_count, 1)

    def test_a_keeper_without_customer_care_takes_goods_back(self):
        order, journey = self._returned()
        self.assertFalse(self.keeper.has_group("customer_care.group_agent"))
        self._return(order.picking_ids)
        self.assertEqual(journey.return_count, 1)

    def test_what_a_return_costs_does_not_grow_with_the_orders_that_come_back(self):
        def cost(count):
            orders = self.env["sale.order"].browse()
            for _number in range(count):
                orders |= self._returned()[0]
            back = self.env["stock.picking"].browse()
            for order in orders:
                back |= self._return(order.picking_ids, validate=False)
            for move in back.move_ids:
                move.picked = True
            back.move_ids._action_done()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            back._care_returned()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        cost(1)
        self.assertLessEqual(cost(6), cost(2) + 4)
