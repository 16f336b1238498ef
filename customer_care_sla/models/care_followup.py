from odoo import models


class CareFollowup(models.Model):
    _inherit = "care.followup"

    def _finish(self):
        result = super()._finish()
        calls = self.sudo().filtered(lambda row: row.case_id and row._care_reached())
        calls.case_id._care_answered_by(self.env.user)
        return result

    def _care_reached(self):
        """Whether its customer has been in touch with us by this, which is done: a call that
        reached nobody is no answer, and of a case nothing but a call is one.
        """
        self.ensure_one()
        called = self.journey_id or self.activity_type_id.category == "phonecall"
        return bool(called) and self.outcome_id.consequence != "again"
