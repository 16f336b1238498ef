"""Coverages follow what transfers bring and take back, piece by piece."""

from datetime import date

from odoo import Command
from odoo.tests import tagged

from .common import StockCase


@tagged("post_install", "-at_install")
class TestCoverage(StockCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.category = cls.env["product.category"].create({"name": "Appliances"})
        (cls.product | cls.hood).categ_id = cls.category
        cls.plan = cls.env["care.service.plan"].create(
            {
                "name": "Two years",
                "company_id": cls.company.id,
                "months": 24,
                "categ_ids": [Command.set(cls.category.ids)],
            }
        )

    def _rows(self, order):
        self.env.invalidate_all()
        return self.env["care.coverage"].search([("order_id", "=", order.id)], order="part")

    def _told(self, order):
        return sorted(
            (row.quantity, row.state, str(row.date_start or "")) for row in self._rows(order)
        )

    def test_a_partial_delivery_starts_what_arrived(self):
        order = self._sold((self.product, 5))
        self.assertEqual(self._told(order), [(5, "planned", "")])
        today = str(self.env["care.coverage"]._local(self.env.cr.now(), self.company))
        self._deliver(order, {self.product: 2})
        self.assertEqual(self._told(order), [(2, "running", today), (3, "planned", "")])
        self._deliver(order)
        self.assertEqual(self._told(order), [(2, "running", today), (3, "running", today)])

    def test_a_return_ends_as_much_with_and_without_a_refund(self):
        for refund in (True, False):
            with self.subTest(refund=refund):
                order = self._sold((self.product, 3))
                self._deliver(order)
                self._return(order.picking_ids, {self.product: 1}, refund=refund)
                rows = self._rows(order)
                ended = rows.filtered(lambda row: row.end_reason == "returned")
                running = rows - ended
                self.assertEqual((ended.quantity, ended.state), (1, "ended"))
                self.assertEqual((running.quantity, running.state), (2, "running"))

    def test_an_exchange_ends_one_and_starts_another(self):
        order = self._sold((self.product, 1))
        delivery = order.picking_ids
        with self._at("2026-03-10 10:00:00"):
            self._deliver(order)
        with self._at("2026-03-20 10:00:00"):
            back = self._return(delivery)
        with self._at("2026-03-25 10:00:00"):
            self._return(back)  # the return of a return brings another one
        rows = self._rows(order)
        self.assertEqual(
            [(row.date_start, row.end_reason) for row in rows],
            [(date(2026, 3, 10), "returned"), (date(2026, 3, 25), False)],
        )

    def test_a_plan_from_the_order_on_ends_with_what_comes_back(self):
        self.plan.start = "confirmation"
        order = self._sold((self.product, 2))
        self.assertEqual([state for _q, state, _day in self._told(order)], ["running"])
        self._deliver(order)
        self._return(order.picking_ids, {self.product: 1}, refund=False)
        self.assertEqual(
            [(quantity, state) for quantity, state, _day in self._told(order)],
            [(1, "ended"), (1, "running")],
        )

    def test_what_will_not_be_delivered_stays_planned_until_the_order_is_cancelled(self):
        order = self._sold((self.product, 2))
        order._action_cancel()
        self.assertEqual([state for _q, state, _day in self._told(order)], ["cancelled"])

    def _tracked(self, *serials):
        product = self.env["product.product"].create(
            {"name": "Fridge", "is_storable": True, "tracking": "serial"}
        )
        product.categ_id = self.category
        lots = self.env["stock.lot"].create(
            [
                {"name": name, "product_id": product.id, "company_id": self.company.id}
                for name in serials
            ]
        )
        order = self._sold((product, len(serials)))
        location = order.warehouse_id.lot_stock_id
        for lot in lots:
            self.env["stock.quant"]._update_available_quantity(product, location, 1, lot_id=lot)
        order.picking_ids.action_assign()
        return product, lots, order

    def test_each_serial_number_is_covered_by_itself(self):
        product, lots, order = self._tracked("F-1", "F-2")
        self._deliver(order)
        rows = self._rows(order)
        self.assertEqual(rows.lot_id, lots)
        self.assertEqual(rows.mapped("quantity"), [1, 1])
        self.assertIn("F-1", rows[0].display_name)
        back = self._return(order.picking_ids, {product: 1}, validate=False)
        back.move_ids.move_line_ids.lot_id = lots[1]
        self._done(back)
        rows = self._rows(order)
        self.assertEqual(rows.filtered(lambda row: row.end_reason == "returned").lot_id, lots[1])
        self.assertFalse(rows.filtered(lambda row: row.lot_id == lots[0]).end_reason)

    def test_many_orders_cost_as_many_queries_as_one(self):
        def queries(count):
            orders = self.env["sale.order"]
            for _n in range(count):
                orders |= self._sold((self.product, 1))
                self._deliver(orders[-1])
            journeys = self.env["care.journey"].search([("order_id", "in", orders.ids)])
            coverages = self.env["care.coverage"]
            coverages.search([("order_id", "in", orders.ids)]).unlink()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            coverages._follow(journeys)
            self.env.flush_all()
            self.assertEqual(len(coverages.search([("order_id", "in", orders.ids)])), count)
            return self.env.cr.sql_log_count - before

        queries(2)
        self.assertEqual(queries(8), queries(1))
