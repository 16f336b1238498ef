from odoo import fields, models

SEVERITIES = [
    ("0", "Low"),
    ("1", "Normal"),
    ("2", "High"),
    ("3", "Critical"),
]
KINDS = [
    ("complaint", "Complaint"),
    ("suggestion", "Suggestion"),
    ("compliment", "Compliment"),
    ("enquiry", "Enquiry"),
    ("mention", "Public mention"),
]


class CareCategory(models.Model):
    """A situation of the playbook: what usually goes wrong, and who mends it."""

    _name = "care.category"
    _description = "Case category"
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True, help="Leave empty for all companies.")
    kind = fields.Selection(KINDS, default="complaint", required=True)
    severity = fields.Selection(SEVERITIES, default="1", required=True)
    team_id = fields.Many2one("care.team", "Team", check_company=True)
    description = fields.Text(
        "What to Do", translate=True, help="How this situation is usually solved."
    )
    color = fields.Integer()
