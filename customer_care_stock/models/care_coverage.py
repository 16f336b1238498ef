from collections import defaultdict

from odoo import api, fields, models


class CareCoverage(models.Model):
    """What the customer has is what transfers brought, less what came back; by lot where the
    product is tracked.
    """

    _inherit = "care.coverage"

    lot_id = fields.Many2one(
        "stock.lot",
        "Lot/Serial Number",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
        help="The piece itself, where its product is tracked.",
    )

    @api.depends("lot_id")
    def _compute_display_name(self):
        result = super()._compute_display_name()
        for row in self.filtered("lot_id"):
            row.display_name = f"{row.display_name} · {row.lot_id.name}"
        return result

    def _key(self):
        return (*super()._key(), *((("lot_id", self.lot_id.id),) if self.lot_id else ()))

    @api.model
    def _moved(self, line):
        """The moves that brought a line's own product, or brought it back. None for a line that
        something else delivers, such as a kit by its parts.
        """
        moves = line.move_ids.filtered(lambda move: move.state == "done")
        if line.qty_delivered_method != "stock_move" or moves.product_id - line.product_id:
            return None
        return moves

    @api.model
    def _with_customer(self, lines):
        shares = super()._with_customer(lines)
        # read for all at once
        lines.move_ids.move_line_ids.mapped("quantity")
        for line in lines:
            moves = self._moved(line)
            if moves is None:
                continue
            share = defaultdict(float)
            for move in moves:
                out = (
                    move.location_dest_id.usage == "customer"
                    and move.location_id.usage != "customer"
                )
                sign = 1 if out else -1 if move._care_is_return() else 0
                if not sign:
                    continue
                for piece in move.move_line_ids:
                    key = (("lot_id", piece.lot_id.id),) if piece.lot_id else ()
                    share[key] += sign * piece.product_uom_id._compute_quantity(
                        piece.quantity, line.product_uom_id, rounding_method="HALF-UP"
                    )
            shares[line] = {
                key: quantity
                for key, quantity in share.items()
                if line.product_uom_id.compare(quantity, 0) > 0
            }
        return shares

    @api.model
    def _returned_quantities(self, lines):
        quantities = super()._returned_quantities(lines)
        for line in lines:
            moves = self._moved(line)
            if moves is not None:
                quantities[line] = sum(
                    move.product_uom._compute_quantity(
                        move.quantity, line.product_uom_id, rounding_method="HALF-UP"
                    )
                    for move in moves
                    if move._care_is_return()
                )
        return quantities
