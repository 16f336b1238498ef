from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CareOutcome(models.Model):
    """What came of a follow-up, and what follows from it."""

    _name = "care.outcome"
    _description = "Follow-up outcome"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    consequence = fields.Selection(
        [
            ("none", "Nothing more"),
            ("case", "Opens a case"),
            ("again", "Try again later"),
            ("need", "Records a need"),
            ("advice", "Advised to go elsewhere"),
        ],
        required=True,
        default="none",
        help="The first outcome with “Nothing more” and the first with “Try again later” are "
        "the two that take one tap in the lists.",
    )
    retry_days = fields.Integer("Again After (days)", default=2)
    retry_max = fields.Integer(
        "At Most", default=3, help="After so many tries the team leader is asked."
    )
    description = fields.Char(translate=True, help="When to choose this outcome.")

    @api.constrains("consequence", "retry_days", "retry_max")
    def _check_retry(self):
        for outcome in self:
            if outcome.consequence == "again" and (outcome.retry_days < 1 or outcome.retry_max < 1):
                raise ValidationError(
                    self.env._("Say after how many days to try again, and how often.")
                )
