from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError

from .care_due_mixin import insert_new


class CareRemedyDocument(models.Model):
    """What a remedy made, or was used on: the link both ways, without a column on big tables."""

    _name = "care.remedy.document"
    _description = "Document of a remedy"
    _inherit = ["care.engine.mixin"]
    _order = "remedy_id, number"

    remedy_id = fields.Many2one(
        "care.remedy", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    number = fields.Integer(required=True, readonly=True)
    move_id = fields.Many2one(
        "account.move", "Credit Note", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    order_id = fields.Many2one(
        "sale.order", "Order", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    sale_line_id = fields.Many2one(
        "sale.order.line", "Discount", readonly=True, index="btree_not_null", ondelete="cascade"
    )

    # Doing a remedy twice makes its documents once.
    _number_uniq = models.UniqueIndex("(remedy_id, number)", "This was done already.")

    @api.depends("move_id", "order_id")
    def _compute_display_name(self):
        for document in self:
            # sudo: the name of a document, for who sees the remedy
            record = document._record().sudo()
            document.display_name = record.display_name

    def _record(self):
        """The document itself."""
        self.ensure_one()
        return self.move_id or self.order_id

    @api.model
    def _link(self, remedy, vals_list):
        rows = insert_new(
            self,
            [
                {
                    "move_id": False,
                    "order_id": False,
                    "sale_line_id": False,
                    "remedy_id": remedy.id,
                    "company_id": remedy.company_id.id,
                    "number": number,
                    **vals,
                }
                for number, vals in enumerate(vals_list, 1)
            ],
        )
        if len(rows) != len(vals_list):
            raise ConcurrencyError("Somebody else has done it at the same moment")
        return rows
