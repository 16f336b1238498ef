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

    def _care_promised_hours(self, company):
        """The hours promised to everybody of ``company``, to stand beside what is wanted.

        Service levels are an add-on of their own: without it nothing is promised.

        :return: dict service -> open hours, of those that have a promise
        """
        if "care.sla.target" not in self.env:
            return {}
        # sudo: what is promised to everybody is no secret to who reads the matrix
        targets = self.env["care.sla.target"].sudo()
        hours = {}
        for service in self.filtered("promise"):
            found = targets.search(
                [
                    ("measure", "=", service.promise),
                    ("kind", "in", ("minutes", "hours", "days")),
                    ("policy_id.active", "=", True),
                    ("policy_id.company_id", "in", [False, company.id]),
                ]
            )
            day = company.resource_calendar_id.hours_per_day or 8
            factor = {"minutes": 1 / 60, "hours": 1, "days": day}
            amounts = [target.amount * factor[target.kind] for target in found]
            if amounts:
                # what everybody can count on, not the best of several promises
                hours[service] = max(amounts)
        return hours
