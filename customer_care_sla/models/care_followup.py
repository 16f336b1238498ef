from odoo import models


class CareFollowup(models.Model):
    _inherit = "care.followup"

    def _finish(self):
        result = super()._finish()
        # a call that reached nobody is no answer
        calls = self.sudo().filtered(
            lambda row: (
                row.case_id
                and row.activity_type_id.category == "phonecall"
                and row.outcome_id.consequence != "again"
            )
        )
        calls.case_id._care_answered_by(self.env.user)
        return result
