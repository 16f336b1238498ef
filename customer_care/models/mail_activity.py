from odoo import models

from .care_due_mixin import ENGINE


class MailActivity(models.Model):
    """Activities made for follow-ups: what happens to the face happens to the record."""

    _inherit = "mail.activity"

    def write(self, vals):
        changes = {}
        if "user_id" in vals:
            changes["user_id"] = vals["user_id"]
        if "date_deadline" in vals:
            changes["date_due"] = vals["date_deadline"]
        result = super().write(vals)
        if changes and changes.get("user_id", True):
            self.env["care.followup"]._from_activities(self).with_context(
                care_from_activity=ENGINE
            ).write(changes)
        return result

    def unlink(self):
        followups = self.env["care.followup"]._from_activities(self)
        result = super().unlink()
        followups._cancel_due({"cancel_reason": "activity_deleted"})
        return result

    def _action_done(self, feedback=False, attachment_ids=None):
        followups = self.env["care.followup"]._from_activities(self)
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if followups:
            followups._finish()
            if feedback:
                followups.write({"feedback": feedback})
        return result
