"""Services that customers rate."""

from odoo import fields, models

#: What a rated service may be promised by, when service levels are there.
PROMISES = [("first_response", "First answer"), ("resolution", "Solution")]


class CareRatedService(models.Model):
    """Something customers rate by its importance and by how well it is done."""

    _name = "care.rated.service"
    _description = "Rated service"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    service_id = fields.Many2one(
        "care.service", "Service", ondelete="set null", index="btree_not_null"
    )
    promise = fields.Selection(
        PROMISES,
        "Promised By",
        help="Where service levels are promised, the promise stands beside the level that "
        "customers want.",
    )

    def _care_promised_hours(self, company, tier=None):
        """The hours promised to everybody of ``company``, or to the customers of a tier, to
        stand beside what is wanted.

        Service levels are an add-on of their own: without it nothing is promised.

        :param tier: a tier; empty for everybody
        :return: dict service -> open hours, of those that have a promise
        """
        if "care.sla.target" not in self.env:
            return {}
        # sudo: what is promised to everybody is no secret to who reads the matrix
        targets = self.env["care.sla.target"].sudo()
        targets = targets.search(
            [
                ("measure", "in", self.mapped("promise")),
                ("kind", "in", ("minutes", "hours", "days")),
                ("policy_id.active", "=", True),
                ("policy_id.company_id", "in", [False, company.id]),
            ]
            # a promise to an archived customer or tier is no promise to everybody
        ).with_context(active_test=False)
        to_all = targets.filtered(
            lambda target: not (target.policy_id.partner_ids or target.policy_id.tier_ids)
        )
        to_tier = targets.filtered(lambda target: tier and tier in target.policy_id.tier_ids)
        day = company.resource_calendar_id.hours_per_day or 8
        factor = {"minutes": 1 / 60, "hours": 1, "days": day}
        hours = {}
        for service in self.filtered("promise"):
            # the tier's own promise comes before that to everybody
            for some in (to_tier, to_all):
                amounts = [
                    target.amount * factor[target.kind]
                    for target in some
                    if target.measure == service.promise
                ]
                if amounts:
                    # what all of them can count on, not the best of several promises
                    hours[service] = max(amounts)
                    break
        return hours
