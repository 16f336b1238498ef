from odoo import models


class StockPicking(models.Model):
    _inherit = "stock.picking"

    def _action_done(self):
        coming = self.filtered(lambda picking: picking.state != "done")
        result = super()._action_done()
        # sudo: whoever takes goods back, the journey is the company's
        coming.sudo()._care_returned()
        return result

    def _care_returned(self):
        """Tell the journeys of what customers sent back with these transfers."""
        done = self.filtered(lambda picking: picking.state == "done")
        returns = [orders for p in done if (orders := p.move_ids._care_returned_orders())]
        if returns:
            self.env["care.journey"]._take_back(returns)


class StockMove(models.Model):
    _inherit = "stock.move"

    def _care_returned_orders(self):
        """Orders whose goods came back from the customer with these moves."""
        back = self.filtered(lambda move: move._care_is_return() and move.quantity > 0)
        return (
            back.sale_line_id.order_id
            | back.origin_returned_move_id.sale_line_id.order_id
            | back.filtered(lambda move: not move.sale_line_id).picking_id.sale_id
        )

    def _care_is_return(self):
        self.ensure_one()
        return (
            self.state == "done"
            and self.location_id._is_outgoing()
            and not self.location_dest_id._is_outgoing()
        )
