import uuid

from odoo import api, fields, models


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

    def _care_promised_hours(self, measures, tier=None):
        """What all of them can count on: the longest of what the severities are promised; of what
        one severity is not promised nothing is said.
        """
        self.ensure_one()
        found = super()._care_promised_hours(measures, tier)
        # sudo: what is promised to everybody is no secret
        env = self.sudo().env
        choices = env["care.sla.policy"]._choose_beforehand(
            env["res.partner"], self, tier or env["care.tier"], list(measures)
        )
        day = self.resource_calendar_id.hours_per_day or 8
        for measure in measures:
            hours = [
                self._care_hours_of(mine[measure].line, day) if measure in mine else None
                for mine in choices.values()
            ]
            if None not in hours:
                found[measure] = max(hours)
        return found

    @api.model
    def _care_hours_of(self, line, day):
        """A promise in open hours; None where it is none, or the law's date."""
        factor = {"minutes": 1 / 60, "hours": 1, "days": day}
        if line.kind == "end_of_day":
            return (line.amount + 1) * day
        return line.amount * factor[line.kind] if line.kind in factor else None
