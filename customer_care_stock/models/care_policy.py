from odoo import api, models


class CarePolicy(models.Model):
    _inherit = "care.policy"

    @api.model
    def _event_dates(self):
        return {**super()._event_dates(), "order_returned": "returned_at"}
