from odoo import fields, models


class CareStage(models.Model):
    _inherit = "care.stage"

    entry_event = fields.Selection(
        selection_add=[("order_returned", "Goods returned"), ("order_cancelled",)],
        ondelete={"order_returned": "set null"},
    )
