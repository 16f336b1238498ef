from odoo import models


class MailActivity(models.Model):
    _inherit = "mail.activity"

    def _action_done(self, feedback=False, attachment_ids=None):
        calls = self._care_calls()
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if calls:
            self.env["care.sla.clock"]._answered(calls, self.env.user)
        return result

    def _care_calls(self):
        """Cases whose customer was called, by what these activities say.

        A follow-up that reached nobody is no call.
        """
        calls = self.filtered(
            lambda activity: (
                activity.res_model == "care.case" and activity.activity_category == "phonecall"
            )
        )
        if not calls or self.env.user.share or not self.env.user.active:
            return self.env["care.case"]
        # sudo: the outcome says whether the call counts, whoever marks it as done
        in_vain = (
            self.env["care.followup"]
            .sudo()
            .search([("activity_id", "in", calls.ids), ("outcome_id.consequence", "=", "again")])
        )
        calls -= in_vain.activity_id.sudo(calls.env.su)
        return self.env["care.case"].browse(calls.mapped("res_id"))
