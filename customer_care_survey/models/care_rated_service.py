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
