from odoo import models


class MailActivity(models.Model):
    _inherit = "mail.activity"

    def _action_done(self, feedback=False, attachment_ids=None):
        called = self._care_called()
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        called._care_answered_by(self.env.user)
        return result

    def _care_called(self):
        """Cases whose customer was called, by what these activities say.

        The face of a follow-up says nothing: its outcome does.
        """
        calls = self.filtered(
            lambda activity: (
                activity.res_model == "care.case" and activity.activity_category == "phonecall"
            )
        )
        # sudo: whether it is a follow-up, whoever marks it as done
        followups = self.env["care.followup"].sudo()
        faces = calls and followups.search([("activity_id", "in", calls.ids)]).activity_id
        return self.env["care.case"].browse(
            {call.res_id for call in calls if call.id not in faces.ids}
        )
