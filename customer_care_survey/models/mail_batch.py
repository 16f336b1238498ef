from lxml import etree

from odoo import api, models


class MailBatch(dict):
    """In the context while the mails of one batch are made: what they share.

    No remote call can put one there.
    """


def current_batch(model):
    batch = model.env.context.get("care_mail_batch")
    return batch if isinstance(batch, MailBatch) else None


class IrQweb(models.AbstractModel):
    _inherit = "ir.qweb"

    def _generate_code_uncached(self, template):
        # Odoo compiles the body of a mail template anew for each recipient: half the cost
        # of an invitation. Within a batch it is the same body.
        batch = current_batch(self)
        if batch is None or not isinstance(template, etree._Element):
            return super()._generate_code_uncached(template)
        keys = [*self._get_template_cache_keys(), "raise_on_forbidden_code_for_model"]
        key = (etree.tostring(template), *(self.env.context.get(k) for k in keys))
        if key not in batch:
            batch[key] = super()._generate_code_uncached(template)
        return batch[key]


class MailMail(models.Model):
    _inherit = "mail.mail"

    @api.model_create_multi
    def create(self, vals_list):
        if current_batch(self) is not None:
            # What staff may read of a mail is its message: it goes without the link, which
            # is the customer's alone. `body_html` is what is sent.
            vals_list = [
                {**vals, "body": False, "headers": repr(self._care_headers(vals))}
                for vals in vals_list
            ]
        return super().create(vals_list)

    @api.model
    def _care_headers(self, vals):
        """What mail programs show their button "Unsubscribe" for (RFC 2369 and 8058).

        :param dict vals: of a mail of a batch
        """
        record = self.env[vals["model"]].browse(vals["res_id"])
        return {
            "List-Unsubscribe": f"<{record._stop_url()}/oneclick>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            # nobody reads that somebody is on holiday
            "X-Auto-Response-Suppress": "OOF",
        }

    def _postprocess_sent_message(
        self, success_pids, success_emails, failure_reason=False, failure_type=None
    ):
        if failure_type:
            # sudo: the engine's rows, whoever sends the mail
            rows = self.env["care.survey.invitation"].sudo()
            for mail in self.filtered(lambda mail: mail.model == rows._name):
                reason = failure_reason or mail.failure_reason or failure_type
                rows.browse(mail.res_id).exists()._mail_failed(failure_type, reason)
        return super()._postprocess_sent_message(
            success_pids, success_emails, failure_reason=failure_reason, failure_type=failure_type
        )
