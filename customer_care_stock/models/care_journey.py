from collections import defaultdict

from odoo import api, fields, models

from odoo.addons.customer_care.models.care_guard import refuse_forged


class CareJourney(models.Model):
    _inherit = "care.journey"

    returned_at = fields.Datetime(
        "Last Return", readonly=True, copy=False, help="When goods came back last."
    )
    return_count = fields.Integer("Returns", readonly=True, copy=False)

    @api.model
    def _entry_events(self):
        return super()._entry_events() | {"order_returned"}

    @api.model
    def _check_engine_fields(self, vals):
        refuse_forged(self, {"returned_at", "return_count"} & set(vals))
        return super()._check_engine_fields(vals)

    def _undelivered(self, lines):
        """Nothing more is to come where all moves are over: the rest was cancelled, or came
        back.
        """
        return (
            super()
            ._undelivered(lines)
            .filtered(
                lambda line: (
                    line.qty_delivered_method != "stock_move"
                    or not line.move_ids
                    or any(move.state not in ("done", "cancel") for move in line.move_ids)
                )
            )
        )

    def _restart(self, vals_by_order):
        self.write({"returned_at": False})
        return super()._restart(vals_by_order)

    # ------------------------------------------------------------
    # Returns
    # ------------------------------------------------------------

    @api.model
    def _take_back(self, returns):
        """Announce goods that came back: ``order_returned`` once for each transfer.

        :param list returns: for each transfer, the orders whose goods it brought
        """
        counts = defaultdict(int)
        for orders in returns:
            for order in orders:
                counts[order.id] += 1
        journeys = self.search(
            [("order_id", "in", list(counts)), ("stage_category", "!=", "cancelled")]
        )
        if not journeys:
            return
        self.env["care.followup"]._order_lines_returned(journeys._quantities_back())
        for turn in range(max(counts.values())):
            back = journeys.filtered(lambda journey, n=turn: counts[journey.order_id.id] > n)
            for count, mine in back.grouped("return_count").items():
                mine.write({"returned_at": self.env.cr.now(), "return_count": count + 1})
            back._care_event("order_returned")

    def _quantities_back(self):
        """How much of what these journeys are about has come back so far.

        :return: dict order line -> quantity in the line's unit; lines of which nothing came
            back are left out
        """
        quantities = defaultdict(float)
        moves = self.order_id.order_line.move_ids.filtered(lambda move: move._care_is_return())
        for move in moves:
            quantities[move.sale_line_id] += move.product_uom._compute_quantity(
                move.quantity, move.sale_line_id.product_uom_id, rounding_method="HALF-UP"
            )
        return dict(quantities)

    def _care_occurrence(self, event):
        if event == "order_returned":
            return self.return_count
        return super()._care_occurrence(event)
