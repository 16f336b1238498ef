"""Mails that no mail server took: sent again, with the same link."""

from odoo import models

#: Failures of a mail that nobody will ever take: Odoo deletes it.
NOBODY = ("mail_email_invalid", "mail_email_missing")


class CareSurveyInvitation(models.Model):
    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    def _run_due(self):
        # what was not delivered has to be, before anybody is reminded of it
        waiting = self.filtered(
            lambda row: row.sent_at and not row.answered_at and row.user_input_id.state != "done"
        )
        again = waiting._deliver_again()
        return super(CareSurveyInvitation, self - again)._run_due()

    def _mail_failed(self, kind, reason):
        """No server took the last mail of these: try again, later and later, and say why.

        :param str kind: of the failure, as mails have it
        :param str reason: in the words of the mail server
        """
        for row in self.filtered(lambda row: row.state == "sent"):
            if kind in NOBODY:
                row._give_up_mail("no_email", reason)
                continue
            attempts = row.attempts + 1
            over = attempts >= self._due_attempts
            row.write(
                {
                    "state": "failed" if over else "sent",
                    "next_at": False if over else self._next_attempt(attempts),
                    "attempts": attempts,
                    "error": reason,
                }
            )
        self._trigger_due()

    def _give_up_mail(self, reason, note):
        """The last mail of this one is not sent any more."""
        self.ensure_one()
        vals = {"next_at": False, "error": False, "attempts": 0}
        if self.reminded_at:
            vals["reminder_reason"] = reason
        else:
            # nobody was asked anything, so it is no mail that others keep a distance to
            vals.update(state="skipped", skip_reason=reason, skip_note=note, sent_at=False)
        self.write(vals)

    def _refused_mails(self):
        """Mails of these that no server took, and that nobody has sent again."""
        return self.env["mail.mail"].search(
            [
                ("model", "=", self._name),
                ("res_id", "in", self.ids),
                ("state", "=", "exception"),
            ]
        )

    def _with_refused_mails(self):
        # sudo: the engine's mails, whoever tries again
        return self.browse(set(self.sudo()._refused_mails().mapped("res_id")))

    def _deliver_again(self):
        """Queue once more the mails of these that could not be sent, if that is still right.

        :return: the rows that are seen to by that
        """
        if not self:
            return self
        mails = self._refused_mails()
        rows = self.browse(set(mails.mapped("res_id")))
        # a mail that somebody has sent again by hand has reached its person: no second one now
        by_hand = (self - rows).filtered(lambda row: row.attempts and row._is_reminder_early())
        by_hand._await_reminder()
        held = rows._held_back()
        for row, (reason, note, again) in held.items():
            if again:
                row.next_at = max(again, self._soon())
            else:
                row._give_up_mail(reason, note)
        over = rows.filtered(lambda row: not row.next_at)
        mails.filtered(lambda mail: mail.res_id in over.ids).cancel()
        queued = rows.filtered(lambda row: row not in held)
        mails.filtered(lambda mail: mail.res_id in queued.ids).mark_outgoing()
        for row in queued:
            moment = row._next_reminder(row._last_mail(), row.user_input_id.deadline)
            row.write({"next_at": moment and max(moment, self._soon()), "error": False})
        if queued:
            self._wake_mail_queue()
        rows._trigger_due()
        return rows | by_hand
