"""Mails that people send to many customers at once."""

import logging
from ast import literal_eval
from functools import partial

from odoo import SUPERUSER_ID, api, models
from odoo.service.model import retrying
from odoo.tools import email_normalize_all

from .mail_message import AUTOMATIC

_logger = logging.getLogger(__name__)

#: Mails that reach nobody.
UNSENT = ("cancel", "exception")
#: In the headers of a mail that waits for its day, until it has gone out: the messages that
#: reach their customers with it. That its date lies ahead says nothing: Odoo puts off what a
#: mail server does not take at once, and that was heard when it was written.
SCHEDULED = "X-Care-Scheduled"
#: What has gone out in a transaction.
GONE_OUT = "customer_care.gone_out"


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _care_written(self, records):
        """Those of these mails in which the user writes to customers, to many at once: not those
        that go nowhere.

        :param records: of which model they have to be
        """
        author = self.env.user.partner_id
        return self.filtered(
            lambda mail: (
                mail.model == records._name
                and mail.author_id == author
                and not mail.is_internal
                and mail.message_type not in AUTOMATIC
                # who has the same mail already, about another case, has been written to
                and (mail.state not in UNSENT or mail.failure_type == "mail_dup")
            )
        )

    def _care_put_off(self):
        """Those of these mails that wait for their day. They are heard when they go out, each
        with those that are not sent because it says the same to the same customer.
        """
        now = self.env.cr.now()
        later = self.filtered(lambda mail: mail.scheduled_date and mail.scheduled_date > now)
        for mails in later.grouped(lambda mail: mail._care_addresses()).values():
            messages = " ".join(map(str, mails.mail_message_id.ids))
            for mail in mails:
                mail.headers = repr({**mail._care_read_headers(), SCHEDULED: messages})
        return later

    def _care_addresses(self):
        """Whom it goes to, however they are written."""
        self.ensure_one()
        normalized = self.recipient_ids.mapped("email_normalized")
        return frozenset((*filter(None, normalized), *email_normalize_all(self.email_to or "")))

    def _care_read_headers(self):
        """The headers that it carries, as a dict; Odoo keeps them as text."""
        self.ensure_one()
        try:
            headers = literal_eval(self.headers or "{}")
        except (SyntaxError, ValueError):
            headers = None
        return headers if isinstance(headers, dict) else {}

    def _prepare_outgoing_list(self, mail_server=False, doc_to_followers=None):
        emails = super()._prepare_outgoing_list(
            mail_server=mail_server, doc_to_followers=doc_to_followers
        )
        for email in emails:
            # of no interest to whoever reads it
            email["headers"].pop(SCHEDULED, None)
        return emails

    # ------------------------------------------------------------
    # What has gone out
    # ------------------------------------------------------------

    def _postprocess_sent_message(
        self, success_pids, success_emails, failure_reason=False, failure_type=None
    ):
        # first of all: Odoo deletes what it has sent
        if not failure_type:
            self._care_gone_out()
        return super()._postprocess_sent_message(
            success_pids, success_emails, failure_reason=failure_reason, failure_type=failure_type
        )

    def _care_gone_out(self):
        """What waited for its day has reached its customers: that is heard, once for all that
        goes out in this transaction. The queue makes one of each mail.
        """
        # sudo: mails are Odoo's own; whoever sends them
        mails = self.sudo().filtered(
            lambda mail: mail.state == "sent" and SCHEDULED in (mail.headers or "")
        )
        precommit = self.env.cr.precommit
        for mail in mails:
            numbers = mail._care_read_headers().get(SCHEDULED, "").split()
            messages = mail.mail_message_id.browse(map(int, numbers)).exists()
            # those that are parts of it, and those that it stands for; heard once
            for part in messages.mail_ids:
                headers = part._care_read_headers()
                headers.pop(SCHEDULED, None)
                part.headers = repr(headers)
            messages.date = self.env.cr.now().replace(microsecond=0)
            if GONE_OUT not in precommit.data:
                precommit.data[GONE_OUT] = []
                precommit.add(self.env["mail.mail"].sudo()._care_tell_gone_out)
            precommit.data[GONE_OUT] += [
                (message.model, message.res_id, message.id, mail.create_uid.id)
                for message in messages
            ]

    def _care_tell_gone_out(self):
        """Let everybody hear of what goes out in this transaction.

        The mails are with their customers: whatever goes wrong here, and be it that somebody
        else is changing the same promise, must not send them once more. It is told again then.
        """
        sent = self.env.cr.precommit.data.pop(GONE_OUT, [])
        try:
            with self.env.cr.savepoint():
                self._care_tell(sent)
        except Exception:
            _logger.info("Mails have gone out, told again after the commit", exc_info=True)
            self.env.cr.postcommit.add(partial(self._care_tell_again, sent))

    def _care_tell_again(self, sent):
        """In a transaction of its own, as often as others are in the way."""
        try:
            with self.env.registry.cursor() as cr:
                mails = api.Environment(cr, SUPERUSER_ID, {})["mail.mail"]
                retrying(partial(mails._care_tell, sent), mails.env)
        except Exception:
            _logger.exception("Mails have gone out that nobody heard of: %s", sent)

    @api.model
    def _care_tell(self, sent):
        """
        :param sent: list of (model, id of the document, id of the message, id of the user)
        """
        replies = {}
        for model, res_id, message_id, user_id in sent:
            replies.setdefault((model, user_id), {})[res_id] = message_id
        for (model, user_id), mine in replies.items():
            # of what is not there any more nobody hears
            records = self.env[model].browse(mine).exists()
            user = self.env["res.users"].browse(user_id)
            records._care_wrote(user, {record.id: mine[record.id] for record in records})


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"  # pylint: disable=consider-merging-classes-inherited

    def _message_mail_after_hook(self, mails):
        result = super()._message_mail_after_hook(mails)
        if self._name in {"care.case", *self.env["care.journey"]._care_documents}:
            written = mails._care_written(self)
            at_once = written - written._care_put_off()
            replies = {mail.res_id: mail.mail_message_id.id for mail in at_once}
            self.browse(replies)._care_wrote(self.env.user, replies)
        return result

    def _care_wrote(self, user, replies):
        """One of ours has written to the customers of these cases, journeys or documents, with a
        mail to many: a hook for what an answer means.

        :param user: who
        :param dict replies: id of the record -> id of the message
        """
