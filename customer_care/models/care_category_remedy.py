from odoo import fields, models

from .care_authority import REMEDIES


class CareCategoryRemedy(models.Model):
    """What is usually done in a situation of the playbook: proposed first."""

    _name = "care.category.remedy"
    _description = "Usual remedy"
    _order = "sequence, id"

    category_id = fields.Many2one("care.category", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="category_id.company_id")
    sequence = fields.Integer(default=10)
    name = fields.Char(required=True, translate=True)
    kind = fields.Selection(REMEDIES, "Remedy", required=True, default="apology")
    currency_id = fields.Many2one(
        "res.currency", required=True, default=lambda self: self.env.company.currency_id
    )
    amount = fields.Monetary(help="Proposed; empty: none.")
    text = fields.Text("To the Customer", translate=True, help="What the customer usually reads.")


class CareCategory(models.Model):
    _inherit = "care.category"  # pylint: disable=consider-merging-classes-inherited

    remedy_ids = fields.One2many("care.category.remedy", "category_id", "Usual Remedies")
