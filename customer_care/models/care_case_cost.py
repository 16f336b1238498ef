from odoo import fields, models

from .care_case import STAFF


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    cost = fields.Monetary(
        readonly=True,
        copy=False,
        default=0.0,
        groups=STAFF,
        help="What setting it right has cost us so far.",
    )
    currency_id = fields.Many2one(related="company_id.currency_id", groups=STAFF)

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"cost"}
