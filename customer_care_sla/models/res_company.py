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

    def _care_promised_hours(self, measures, tier=None):
        """What all of them can count on: of several promises the longest, and the tier's own
        before the one to everybody.
        """
        self.ensure_one()
        found = super()._care_promised_hours(measures, tier)
        # sudo: what is promised to everybody is no secret
        targets = self.env["care.sla.target"].sudo()
        targets = targets.search(
            [
                ("measure", "in", list(measures)),
                ("policy_id.active", "=", True),
                ("policy_id.company_id", "in", [False, self.id]),
            ]
            # a promise to an archived customer or tier is no promise to everybody
        ).with_context(active_test=False)
        to_all = targets.filtered(
            lambda target: not (target.policy_id.partner_ids or target.policy_id.tier_ids)
        )
        to_tier = targets.filtered(lambda target: tier and tier in target.policy_id.tier_ids)
        day = self.resource_calendar_id.hours_per_day or 8
        factor = {"minutes": 1 / 60, "hours": 1, "days": day}
        for some in (to_all, to_tier):
            for measure, lines in some.grouped("measure").items():
                # what a tier is promised otherwise, or not at all, is not what everybody is
                found.pop(measure, None)
                if promised := lines.filtered(lambda line: line.kind in factor):
                    found[measure] = max(line.amount * factor[line.kind] for line in promised)
        return found
