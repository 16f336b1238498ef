"""The customer's own link: it is in the mail to them, and nowhere that one of ours can read."""

import re

from markupsafe import Markup

from odoo import fields, models

#: The addresses of a case, as mails have them: its page, and Odoo's way to it.
ADDRESS = re.compile(r"(?:/my/cases/\d+|/mail/view)[^\s\"'<>#?]*\?[^\s\"'<>#]*")
#: What in such an address opens the case to whoever holds it.
SECRETS = frozenset({"access_token", "hash", "pid", "auth_login", "auth_signup_token"})


def without_secrets(text):
    """``text`` with the addresses of cases as one of ours may have them.

    :param text: plain text, or HTML as Markup
    :return: the same kind of text
    """

    def plain(match):
        path, query = match[0].split("?", 1)
        between = "&amp;" if "&amp;" in query else "&"
        kept = [part for part in query.split(between) if part.split("=")[0] not in SECRETS]
        return "?".join(filter(None, (path, between.join(kept))))

    if not text or "?" not in text:
        return text
    result = ADDRESS.sub(plain, str(text))
    return Markup(result) if isinstance(text, Markup) else result


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    # whoever has it acts as the customer: theirs, and the portal's
    access_token = fields.Char(groups="base.group_portal,base.group_public,base.group_system")

    # ------------------------------------------------------------
    # Who gets it
    # ------------------------------------------------------------

    def _portal_ensure_token(self):
        # sudo: given on by Odoo's own code alone, which is not to know who may read it
        return super(CareCase, self.sudo())._portal_ensure_token()

    def _sign_token(self, pid):
        # sudo: as above
        return super(CareCase, self.sudo())._sign_token(pid)

    def _is_for_customer(self):
        """Whether the present user is told the link itself, and not only the address."""
        return self.env.su or self.env.user.share

    def _get_share_url(self, redirect=False, signup_partner=False, pid=None, share_token=True):
        if self._is_for_customer():
            return super()._get_share_url(redirect, signup_partner, pid, share_token)
        return super()._get_share_url(redirect, share_token=False)

    def get_portal_url(
        self, suffix=None, report_type=None, download=None, query_string=None, anchor=None
    ):
        """The customer's link; for one of ours the address, which opens by their own right."""
        self.check_access("read")
        url = super().get_portal_url(suffix, report_type, download, query_string, anchor)
        return url if self._is_for_customer() else without_secrets(url)

    # ------------------------------------------------------------
    # What is done with it
    # ------------------------------------------------------------

    def _post_customers_words(self, text, author=None):
        result = super()._post_customers_words(text, author)
        said = self._how_it_was_said(self.env.user)
        if said:
            self._message_log(body=said, author_id=self.env.ref("base.partner_root").id)
        return result

    def _how_it_was_said(self, user):
        """By what right ``user`` has just answered for the customer; nothing for the engine."""
        if user._is_superuser():
            return False
        # sudo: the name of who answered
        name = user.sudo().name
        if user._is_public():
            return self.env._("Answered by the link in our mail, without logging in.")
        if user.share:
            return self.env._("Answered by %s, logged in.", name)
        return self.env._("Told to %s, who wrote it down.", name)

    # ------------------------------------------------------------
    # In the conversation, and in the mail that goes out
    # ------------------------------------------------------------

    def message_post(self, **kwargs):
        # the customer's link in a template, or in what they quote of our mail
        if kwargs.get("body"):
            kwargs["body"] = without_secrets(kwargs["body"])
        return super().message_post(**kwargs)

    def _notify_by_email_render_layout(
        self, message, recipients_group, msg_vals=False, render_values=None
    ):
        body = super()._notify_by_email_render_layout(
            message, recipients_group, msg_vals=msg_vals, render_values=render_values
        )
        if recipients_group["notification_group_name"] == "user":
            return body
        return self._with_links(body)

    def _message_mail_after_hook(self, mails):
        """The same for mails that people send to many customers at once."""
        for mail in mails.filtered(lambda mail: mail.model == self._name):
            if all(partner.partner_share for partner in mail.recipient_ids):
                # the message that stays with the case has a body of its own
                mail.body = without_secrets(mail.body)
                plain = without_secrets(mail.body_html)
                mail.body_html = self.browse(mail.res_id)._with_links(plain)
        return super()._message_mail_after_hook(mails)

    def _with_links(self, body):
        """The addresses of this case in ``body`` made the customer's links."""
        self.ensure_one()
        token = self._portal_ensure_token()
        page = re.compile(rf"(/my/cases/{self.id}(?:/call)?)(?=[\"'#\s<])")
        result = page.sub(rf"\g<1>?access_token={token}", str(body))
        return Markup(result) if isinstance(body, Markup) else result
