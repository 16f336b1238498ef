from odoo import fields, models


class CareStandardFeedback(models.TransientModel):
    """Asks what does not work about a standard that is kept."""

    _name = "care.standard.feedback"
    _description = "Kept, but does not work"

    standard_id = fields.Many2one("care.standard", required=True, readonly=True)
    reason = fields.Text("What Does Not Work", required=True)

    def action_send(self):
        self.ensure_one()
        self.standard_id._report_failure(self.reason)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Thank you. %s revises the standard.", self.standard_id.owner_id.name
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
