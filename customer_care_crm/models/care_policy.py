from odoo import api, fields, models


class CarePolicy(models.Model):
    _inherit = "care.policy"

    @api.model
    def _event_dates(self):
        return {**super()._event_dates(), "opportunity_created": "create_date"}

    def _past_domain(self, since, until):
        domain = super()._past_domain(since, until)
        if self.event == "opportunity_created":
            # the journeys that began with one
            domain &= fields.Domain("lead_id", "!=", False)
        return domain
