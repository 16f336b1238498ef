from odoo import models
from odoo.exceptions import UserError

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
        followups = self.env["care.followup"]
        if changes:
            followups = followups._from_activities(self)
        if changes.get("user_id") and not self.env.su:
            user = self.env["res.users"].browse(changes["user_id"])
            for followup in followups:
                followup._record()._check_may_own(user)
        result = super().write(vals)
        if followups and changes.get("user_id", True):
            followups.with_context(care_from_activity=ENGINE).write(changes)
        return result

    def unlink(self):
        followups = self.env["care.followup"]._from_activities(self)
        result = super().unlink()
        followups._cancel_due({"cancel_reason": "activity_deleted"})
        followups._plan_repetitions()
        return result

    def _action_done(self, feedback=False, attachment_ids=None):
        followups = self.env["care.followup"]._from_activities(self)
        promises = self.env["care.promise"]._from_activities(self)
        # sudo: whether it asks for an answer, whoever ticks it off
        asking = self.env["care.handoff"].sudo()
        if asking.search_count(
            [("activity_id", "in", self.ids), ("state", "in", ("planned", "open"))], limit=1
        ):
            raise UserError(self.env._("This hand-off waits for your answer: My Day → Hand-offs."))
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if followups:
            followups._finish()
            if feedback:
                followups.write({"feedback": feedback})
        if promises:
            if feedback:
                promises.write({"note": feedback})
            promises._finish()
        return result
