from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from .care_due_mixin import reraise_if_concurrent


class CareFilterMixin(models.AbstractModel):
    """A filter that a person writes. It is checked when it is saved; if it breaks later, what
    it could not do waits in ``care.retry`` and is done once it is mended.
    """

    _name = "care.filter.mixin"
    _description = "Filter of Customer Care"

    filter_domain = fields.Char(
        "Filter", default="[]", help="Only records that match this filter are meant."
    )
    retry_ids = fields.One2many("care.retry", compute="_compute_retry_ids")
    retry_count = fields.Integer(compute="_compute_retry_ids")
    last_error = fields.Text(
        compute="_compute_retry_ids",
        help="Why it failed last. Work that could not be done waits and is done once this is "
        "mended.",
    )

    def _compute_retry_ids(self):
        # sudo: the queue of failures is the engine's; who reads the filter sees its errors
        retries = (
            self.env["care.retry"]
            .sudo()
            .search(
                [
                    ("rule_model", "=", self._name),
                    ("rule_id", "in", self.ids),
                    ("state", "in", ("planned", "failed")),
                ],
                order="id desc",
            )
            .grouped("rule_id")
        )
        for record in self:
            record.retry_ids = retries.get(record.id, False)
            record.retry_count = len(record.retry_ids)
            record.last_error = record.retry_ids[:1].error

    @api.constrains("filter_domain")
    def _check_filter_domain(self):
        for record in self:
            model = self.env[record._filter_model()]
            try:
                domain = record._filter()
                domain.validate(model)
                # sudo: whether the filter works does not depend on who saves it
                model.sudo().search(domain, limit=1)
            except Exception as error:
                reraise_if_concurrent(error)
                raise ValidationError(
                    self.env._(
                        "The filter of “%(name)s” cannot be used: %(error)s. Correct it, or "
                        "empty it to match everything.",
                        name=record.display_name,
                        error=error,
                    )
                ) from error

    def write(self, vals):
        result = super().write(vals)
        if not self.env["care.retry"]._rule_fields_kept(vals):
            # sudo: somebody who may mend the filter sets its waiting work going
            self.env["care.retry"].sudo()._wake(self)
        return result

    def _filter_model(self):
        """Technical name of the model that is filtered."""
        raise NotImplementedError

    def _filter(self):
        """The filter as a domain."""
        self.ensure_one()
        # `uid` and `time` are not offered: a rule knows no present user
        return Domain(safe_eval(self.filter_domain or "[]"))
