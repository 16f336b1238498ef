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
            vals_list = [{**vals, "body": False} for vals in vals_list]
        return super().create(vals_list)
