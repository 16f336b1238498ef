from odoo import fields, models
from odoo.exceptions import UserError


class CareRemedy(models.Model):
    """A return is a transfer that waits for the goods."""

    _inherit = "care.remedy"

    picking_count = fields.Integer(compute="_compute_picking_count")

    def _compute_picking_count(self):
        for remedy in self:
            remedy.picking_count = len(remedy.document_ids.picking_id)

    def action_open_pickings(self):
        """The transfers that bring the goods back."""
        self.ensure_one()
        return self.document_ids.picking_id._get_records_action(name=self.env._("Returns"))

    def _check_ready(self):
        result = super()._check_ready()
        if self.kind == "return":
            # sudo: what was delivered, whoever takes it back
            self.sudo()._return_parts()
        return result

    def _return_parts(self):
        """Which delivered moves come back, and how much of each.

        :return: dict transfer -> dict move -> quantity in the move's unit
        :raise UserError: if it was not delivered, or is on its way back already
        """
        self.ensure_one()
        result = {}
        for line in self.line_ids:
            if line.product_id.type != "consu":
                continue  # a service does not travel
            sold = line.sale_line_id
            left = line.quantity
            delivered = sold.move_ids.filtered(
                lambda move: move.state == "done" and move.location_dest_id.usage == "customer"
            )
            for move in delivered.sorted("id", reverse=True):
                back = move.returned_move_ids.filtered(lambda other: other.state != "cancel")
                free = move.product_uom._compute_quantity(
                    move.quantity, sold.product_uom_id, round=False
                ) - sum(
                    other.product_uom._compute_quantity(
                        other.product_uom_qty, sold.product_uom_id, round=False
                    )
                    for other in back
                )
                taken = min(left, free)
                if sold.product_uom_id.compare(taken, 0) <= 0:
                    continue
                result.setdefault(move.picking_id, {})[move] = (
                    sold.product_uom_id._compute_quantity(taken, move.product_uom, round=False)
                )
                left -= taken
            if sold.product_uom_id.compare(left, 0) > 0:
                raise UserError(
                    self.env._(
                        "%(product)s: only what was delivered and is not on its way back can be "
                        "returned; that is %(count)s less than you chose.",
                        product=line.product_id.display_name,
                        count=f"{left:g}",
                    )
                )
        return result

    def _live_documents(self):
        return super()._live_documents() | self.document_ids.exists().filtered(
            lambda document: document.picking_id.state not in (False, "cancel")
        )

    def _execute_return(self):
        result = super()._execute_return()
        pickings = self.env["stock.picking"]
        for picking, quantities in self._return_parts().items():
            # Odoo's own way of taking goods back
            wizard = self.env["stock.return.picking"].create({"picking_id": picking.id})
            for line in wizard.product_return_moves:
                line.quantity = quantities.get(line.move_id, 0)
            pickings |= wizard._create_return()
        self._link([{"picking_id": picking.id} for picking in pickings])
        return result


class CareRemedyDocument(models.Model):
    _inherit = "care.remedy.document"

    picking_id = fields.Many2one(
        "stock.picking", "Transfer", readonly=True, index="btree_not_null", ondelete="cascade"
    )

    def _record(self):
        return self.picking_id or super()._record()


class StockPicking(models.Model):
    _inherit = "stock.picking"  # pylint: disable=consider-merging-classes-inherited

    care_remedy_count = fields.Integer(
        compute="_compute_care_remedy_count", groups="customer_care.group_agent"
    )

    def _compute_care_remedy_count(self):
        counts = dict(
            self.env["care.remedy.document"]._read_group(
                [("picking_id", "in", self.ids)], ["picking_id"], ["__count"]
            )
        )
        for picking in self:
            picking.care_remedy_count = counts.get(picking, 0)

    def action_care_open_remedies(self):
        """The remedies for which this brings goods back."""
        self.ensure_one()
        documents = self.env["care.remedy.document"].search([("picking_id", "=", self.id)])
        return documents.remedy_id._get_records_action(name=self.env._("Remedies"))

    def action_cancel(self):
        result = super().action_cancel()
        self._care_brought_by()._documents_gone()
        return result

    def unlink(self):
        remedies = self._care_brought_by()
        result = super().unlink()
        remedies._documents_gone()
        return result

    def _care_brought_by(self):
        """The remedies that these transfers belong to, as superuser."""
        # sudo: whoever calls the transfer off, its remedy hears of it
        documents = self.env["care.remedy.document"].sudo()
        return documents.search([("picking_id", "in", self.ids)]).remedy_id
