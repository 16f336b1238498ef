from odoo import Command
from odoo.tests import Form

from odoo.addons.customer_care.tests.common import CareCase


class StockCase(CareCase):
    """The small company, with a warehouse."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keeper = cls._user("care_keeper", "stock.group_stock_user")
        cls.service = cls.env["product.product"].create(
            {"name": "Installation", "type": "service", "taxes_id": [Command.clear()]}
        )
        cls.hood = cls.env["product.product"].create(
            {"name": "Hood", "taxes_id": [Command.clear()]}
        )

    @classmethod
    def _sold(cls, *lines, **vals):
        """A confirmed order of these (product, quantity)."""
        return cls._confirmed(
            order_line=[
                Command.create({"product_id": product.id, "product_uom_qty": quantity})
                for product, quantity in lines
            ],
            **vals,
        )

    def _open(self, order):
        return order.picking_ids.filtered(lambda p: p.state not in ("done", "cancel"))

    def _deliver(self, order, quantities=None, backorder=True):
        """The keeper delivers what is open, or of it only these quantities by product."""
        self._done(self._open(order), quantities, backorder)

    def _done(self, pickings, quantities=None, backorder=True):
        pickings = pickings.with_user(self.keeper)
        for move in pickings.move_ids:
            move.quantity = (
                move.product_uom_qty if quantities is None else quantities.get(move.product_id, 0)
            )
            move.picked = bool(move.quantity)
        context = {"skip_backorder": True, "skip_sms": True, "cancel_backorder": not backorder}
        if not backorder:
            context["picking_ids_not_to_backorder"] = pickings.ids
        pickings.with_context(**context).button_validate()
        self.assertEqual(set(pickings.mapped("state")), {"done"})
        self.env.cr.flush()  # as a commit does

    def _return(self, picking, quantities=None, refund=True, validate=True):
        """Goods of a delivery come back: the transfer that brings them."""
        form = Form(
            self.env["stock.return.picking"].with_context(
                active_id=picking.id, active_ids=picking.ids, active_model="stock.picking"
            )
        )
        wizard = form.save()
        for line in wizard.product_return_moves:
            line.quantity = (
                line.move_id.quantity if quantities is None else quantities.get(line.product_id, 0)
            )
            line.to_refund = refund
        back = self.env["stock.picking"].browse(wizard.action_create_returns()["res_id"])
        if validate:
            self._done(back)
        return back

    def _calls(self, journey, policy):
        return journey.followup_ids.filtered(lambda f: f.policy_id == policy)
