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
        back = done.move_ids.filtered(lambda move: move._care_is_return())
        returns = [moves._care_sold_by() for moves in back.grouped("picking_id").values()]
        if any(returns):
            self.env["care.journey"]._take_back(returns)


class StockMove(models.Model):
    _inherit = "stock.move"

    def _care_is_return(self):
        """Whether it brought something back from a customer."""
        self.ensure_one()
        return (
            self.state == "done"
            and self.quantity > 0
            and self.location_id.usage == "customer"
            and self.location_dest_id.usage != "customer"
        )

    def _care_sold_by(self):
        """The orders that sold what these moves bring back."""
        lines = self.sale_line_id | self.origin_returned_move_id.sale_line_id
        loose = self.filtered(lambda move: not (move.sale_line_id or move.origin_returned_move_id))
        return lines.order_id | loose.picking_id.sale_id
