from odoo import fields, models


class CareCheckWaiver(models.TransientModel):
    """Asks a leader why a check is not needed for one record."""

    _name = "care.check.waiver"
    _description = "Waive a check"

    journey_id = fields.Many2one("care.journey", readonly=True)
    case_id = fields.Many2one("care.case", readonly=True)
    standard_id = fields.Many2one("care.standard", "Check", required=True, readonly=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        self.ensure_one()
        self.env["care.check"]._waive(
            self.journey_id or self.case_id, self.standard_id, self.reason
        )
        return {"type": "ir.actions.act_window_close"}
