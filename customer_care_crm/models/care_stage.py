from odoo import fields, models


class CareStage(models.Model):
    _inherit = "care.stage"

    entry_event = fields.Selection(
        selection_add=[("opportunity_created", "Opportunity created"), ("order_confirmed",)],
        ondelete={"opportunity_created": "set null"},
    )
