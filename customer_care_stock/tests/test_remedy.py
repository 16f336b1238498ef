"""Remedies where goods are kept: returns are transfers, replacements are delivered."""

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import StockCase


@tagged("post_install", "-at_install")
class TestRemedyStock(StockCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.order = cls._sold((cls.product, 2), (cls.hood, 1), (cls.service, 1))
        cls.lines = {line.product_id: line for line in cls.order.order_line}
        cls.case = cls._case(owner_id=cls.agent.id, order_id=cls.order.id)

    def _remedy(self, kind, quantities, user=None):
        return (
            self.env["care.remedy"]
            .with_user(user or self.agent)
            .create(
                {
                    "case_id": self.case.id,
                    "kind": kind,
                    "text": "Please send it back.",
                    "proceed": "execute",
                    "line_ids": [
                        Command.create(
                            {"sale_line_id": self.lines[product].id, "quantity": quantity}
                        )
                        for product, quantity in quantities.items()
                    ],
                }
            )
        )

    def test_a_return_waits_as_a_transfer_of_what_was_delivered(self):
        self._deliver(self.order)
        delivery = self.order.picking_ids
        remedy = self._remedy("return", {self.product: 1, self.service: 1})
        remedy.action_go()
        picking = remedy.sudo().document_ids.picking_id
        self.assertEqual(picking.return_id, delivery)
        self.assertEqual(picking.move_ids.product_id, self.product)
        self.assertEqual(picking.move_ids.product_uom_qty, 1)
        self.assertEqual(picking.location_id.usage, "customer")
        self.assertEqual(picking.care_remedy_count, 1)
        self.assertTrue(self.case.message_ids.filtered(lambda m: "send it back" in m.body))
        self._done(picking)
        self.assertEqual(self._journey(self.order).return_count, 1)

    def test_what_was_not_delivered_or_is_coming_back_is_not_returned(self):
        with self.assertRaises(UserError):
            self._remedy("return", {self.product: 1}).action_go()
        self._deliver(self.order)
        self._remedy("return", {self.product: 2}).action_go()
        with self.assertRaises(UserError):
            self._remedy("return", {self.product: 1}).action_go()
        self._remedy("return", {self.hood: 1}).action_go()

    def test_a_return_called_off_is_to_be_done_again(self):
        self._deliver(self.order)
        remedy = self._remedy("return", {self.product: 1})
        remedy.action_go()
        remedy.sudo().document_ids.picking_id.action_cancel()
        self.assertEqual(remedy.state, "approved")
        self.assertFalse(remedy.sudo().document_ids)
        remedy.action_execute()
        self.assertEqual(len(remedy.sudo().document_ids.picking_id), 1)

    def test_a_replacement_is_delivered_and_starts_nothing(self):
        policy = self._policy(((0, "care_owner"),), event="order_delivered")
        remedy = self._remedy("replacement", {self.hood: 1}, user=self.manager)
        remedy.action_go()
        order = remedy.sudo().document_ids.order_id
        self.assertEqual(order.picking_ids.move_ids.product_id, self.hood)
        self._deliver(order)
        self.assertFalse(self._journey(order))
        self.assertFalse(self.env["care.followup"].search([("policy_id", "=", policy.id)]))

    def test_a_replacement_called_off_with_its_delivery_is_to_be_done_again_once(self):
        remedy = self._remedy("replacement", {self.hood: 1}, user=self.manager)
        remedy.action_go()
        order = remedy.sudo().document_ids.order_id
        order._action_cancel()
        self.assertEqual(order.picking_ids.state, "cancel")
        self.assertEqual(remedy.state, "approved")
        again = self.env.ref("customer_care.mail_activity_type_remedy_next")
        told = remedy.sudo().activity_ids.filtered(lambda it: it.activity_type_id == again)
        self.assertEqual(len(told), 1)
        remedy.action_execute()
        self.assertEqual(remedy.sudo().document_ids.order_id.picking_ids.move_ids.quantity, 1)

    def test_the_return_of_a_sale_that_is_cancelled_is_to_be_done_again_once(self):
        self._deliver(self.order)
        remedy = self._remedy("return", {self.product: 1})
        remedy.action_go()
        self.order._action_cancel()
        self.assertEqual(remedy.state, "approved")
        again = self.env.ref("customer_care.mail_activity_type_remedy_next")
        told = remedy.sudo().activity_ids.filtered(lambda it: it.activity_type_id == again)
        self.assertEqual(len(told), 1)
