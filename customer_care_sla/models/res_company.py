import uuid

from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    # Nullable, as every column of ours on a core table. A random text and no counter:
    # what was read in a transaction that is rolled back is never mistaken for another.
    care_sla_version = fields.Char(readonly=True, copy=False, groups="base.group_system")
    care_sla_woken_at = fields.Datetime(
        readonly=True,
        copy=False,
        groups="base.group_system",
        help="Something was mended then: what could not be planned before is tried again.",
    )

    def write(self, vals):
        result = super().write(vals)
        if {"resource_calendar_id", "care_start_date"} & set(vals):
            self.env["care.sla.clock"]._wake(self)
        return result

    def _care_sla_changed(self):
        """What these companies promise, or by which hours, is not what it was: see
        ``care.sla.policy._book``.
        """
        # sudo: policies are edited by managers, hours by others, companies by administrators
        for company in self.sudo():
            company.care_sla_version = uuid.uuid4().hex
