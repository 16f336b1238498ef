from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_due_mixin import ENGINE


class MailActivity(models.Model):
    """Activities made for follow-ups: what happens to the face happens to the record."""

    _inherit = "mail.activity"

    @api.model
    def _care_tell(self, xmlid, told):
        """Activities that the engine makes, each in the language and on the day of who reads it.

        :param str xmlid: of the activity type
        :param told: (record, user, say) each; ``say`` is called with the record in the reader's
            language and zone, and gives values: the summary, and whatever is not as always
        :return: the activities, in their order
        """
        activity_type = self.env.ref(xmlid)
        vals_list = []
        for record, user, say in told:
            theirs = record.with_context(lang=user.lang, tz=user.tz or record.company_id._care_tz())
            vals_list.append(
                {
                    "res_model_id": self.env["ir.model"]._get_id(record._name),
                    "res_id": record.id,
                    "activity_type_id": activity_type.id,
                    "user_id": user.id,
                    "date_deadline": fields.Date.context_today(theirs),
                    "automated": True,
                    **say(theirs),
                }
            )
        return self.with_context(mail_activity_quick_update=True).create(vals_list)

    def write(self, vals):
        changes = {}
        # an activity may be nobody's, a follow-up is always somebody's
        if vals.get("user_id"):
            changes["user_id"] = vals["user_id"]
        if "date_deadline" in vals:
            changes["date_due"] = vals["date_deadline"]
        # how Odoo keeps what is done, and what its lists offer besides
        over = "active" in vals and not vals["active"]
        followups = self.env["care.followup"]
        if changes or over:
            followups = followups._from_activities(self)
        if changes.get("user_id") and not self.env.su:
            user = self.env["res.users"].browse(changes["user_id"])
            for followup in followups:
                followup._record()._check_may_own(user)
        if over and not self.env.su:
            followups._check_ticked_off()
        result = super().write(vals)
        if followups and changes:
            followups.with_context(care_from_activity=ENGINE).write(changes)
        if over:
            followups._ticked_off()
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
        if feedback:
            followups.with_context(care_from_activity=ENGINE).write({"feedback": feedback})
        # which archives them: see `write`
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if promises:
            if feedback:
                promises.write({"note": feedback})
            promises._finish()
        return result
