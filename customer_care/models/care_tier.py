from odoo import fields, models


class CareTier(models.Model):
    _name = "care.tier"
    _description = "Customer tier"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    color = fields.Integer()
    is_key = fields.Boolean(
        "Key Customers", help="Customers of this tier stand out on every screen."
    )
    active = fields.Boolean(default=True)
    description = fields.Text(translate=True)
