from odoo import Command
from odoo.tests import tagged

from .common import StockCase


@tagged("post_install", "-at_install")
class TestDelivery(StockCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.partly = cls._policy(event="order_partly_delivered")
        cls.whole = cls._policy(event="order_delivered")

    def _told(self, order):
        """How often it was told that the order is partly delivered, and delivered."""
        journey = self._journey(order)
        return len(self._calls(journey, self.partly)), len(self._calls(journey, self.whole))

    def test_a_transfer_delivers_the_order_and_brings_the_journey_to_its_stage(self):
        self.stages[2].entry_event = "order_delivered"
        order = self._sold((self.product, 2))
        self.assertEqual(self._journey(order).delivery_state, "none")
        self._deliver(order)
        journey = self._journey(order)
        self.assertEqual(journey.delivery_state, "full")
        self.assertEqual(journey.stage_id, self.stages[2])
        self.assertTrue(journey.delivered_at)
        self.assertEqual(self._told(order), (0, 1))

    def test_backorders_are_partly_delivered_once_and_delivered_once(self):
        order = self._sold((self.product, 3))
        for expected in ((1, 0), (1, 0), (1, 1)):
            self._deliver(order, {self.product: 1})
            self.assertEqual(self._told(order), expected)
        self.assertEqual(len(order.picking_ids), 3)

    def test_an_order_whose_rest_is_cancelled_is_delivered(self):
        order = self._sold((self.product, 3), (self.hood, 1))
        self._deliver(order, {self.product: 1})
        self.assertEqual(self._told(order), (1, 0))
        self._open(order).with_user(self.keeper).action_cancel()
        self.env.cr.flush()
        self.assertEqual(self._journey(order).delivery_state, "full")
        self.assertEqual(self._told(order), (1, 1))

    def test_delivered_without_a_backorder_is_delivered(self):
        order = self._sold((self.product, 3))
        self._deliver(order, {self.product: 2}, backorder=False)
        self.assertEqual(self._told(order), (0, 1))

    def test_an_order_of_which_nothing_ever_leaves_is_not_delivered(self):
        order = self._sold((self.product, 1))
        self._open(order).action_cancel()
        self.env.cr.flush()
        self.assertEqual(self._journey(order).delivery_state, "none")
        self.assertEqual(self._told(order), (0, 0))

    def test_goods_count_and_services_beside_them_do_not(self):
        order = self._sold((self.product, 1), (self.service, 1))
        self._deliver(order)
        self.assertEqual(self._told(order), (0, 1))
        order = self._sold((self.product, 1), (self.service, 1))
        order.order_line.filtered(lambda line: line.product_id == self.service).qty_delivered = 1
        self.env.cr.flush()
        self.assertEqual(self._told(order), (0, 0))

    def test_services_alone_are_delivered_by_hand(self):
        order = self._sold((self.service, 2))
        order.order_line.qty_delivered = 1
        self.env.cr.flush()
        self.assertEqual(self._told(order), (1, 0))
        order.order_line.qty_delivered = 2
        self.env.cr.flush()
        self.assertEqual(self._told(order), (1, 1))

    def test_a_combo_is_delivered_with_what_it_is_made_of(self):
        combo = self.env["product.product"].create(
            {
                "name": "Kitchen set",
                "type": "combo",
                "taxes_id": [Command.clear()],
                "combo_ids": [
                    Command.create(
                        {
                            "name": "Heat",
                            "combo_item_ids": [Command.create({"product_id": self.product.id})],
                        }
                    )
                ],
            }
        )
        order = self._order(
            order_line=[Command.create({"product_id": combo.id, "product_uom_qty": 1})]
        )
        order.order_line = [
            Command.create(
                {
                    "product_id": self.product.id,
                    "product_uom_qty": 1,
                    "combo_item_id": combo.combo_ids.combo_item_ids.id,
                    "linked_line_id": order.order_line.id,
                }
            )
        ]
        order.action_confirm()
        self._deliver(order)
        self.assertEqual(self._told(order), (0, 1))

    def test_a_return_and_a_second_delivery_tell_nothing_twice(self):
        order = self._sold((self.product, 2))
        self._deliver(order)
        self._return(order.picking_ids, {self.product: 1})
        self.assertEqual(order.order_line.qty_delivered, 1)
        self.assertEqual(self._told(order), (0, 1), "what came back was not partly delivered")
        order.order_line.product_uom_qty = 3
        self._deliver(order)
        self.assertEqual(self._journey(order).delivery_state, "full")
        self.assertEqual(self._told(order), (0, 1))

    def test_two_steps_out_of_the_warehouse_are_one_delivery(self):
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.company.id)])
        warehouse.delivery_steps = "pick_ship"
        order = self._sold((self.product, 1))
        self._deliver(order)
        self.assertEqual(self._told(order), (0, 0), "it stands at the gate")
        self._deliver(order)
        self.assertEqual(self._told(order), (0, 1))

    def test_transfers_of_several_orders_at_once(self):
        orders = self._sold((self.product, 1)) | self._sold((self.product, 1))
        self._done(orders.picking_ids)
        for order in orders:
            self.assertEqual(self._told(order), (0, 1))

    def test_what_was_delivered_before_the_cancellation_is_told_of_no_ended_journey(self):
        order = self._sold((self.product, 2))
        order._action_cancel()
        self.assertFalse(self._open(order))
        self.env.cr.flush()
        self.assertEqual(self._told(order), (0, 0))
