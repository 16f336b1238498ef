from odoo import models


class CareTeam(models.Model):
    _inherit = "care.team"

    def write(self, vals):
        result = super().write(vals)
        if "calendar_id" in vals:
            self.env["care.sla.clock"]._wake(self.company_id)
        return result
