"""What comes back every so many days, weeks or months: regular surveys, and draws of audits."""

from odoo import fields, models


class CareRhythmMixin(models.AbstractModel):
    """A rhythm that counts from its first day."""

    _name = "care.rhythm.mixin"
    _description = "Rhythm"

    period_every = fields.Integer(
        "Every", default=3, help="The rhythm: every so many days, weeks or months."
    )
    period_unit = fields.Selection(
        [("days", "Days"), ("weeks", "Weeks"), ("months", "Months")],
        default="months",
        required=True,
    )
    period_start = fields.Date("From", default=fields.Date.context_today)
    period_until = fields.Date("Until")

    def _next_period(self, after):
        """The first day of the rhythm that lies after a day; False when it has ended.

        :param date after: the day
        """
        self.ensure_one()
        day = self.period_start
        if day <= after:
            # the rhythm of policies, with its last days of short months
            rhythm = self.env["care.policy"].new(
                {
                    "active": True,
                    "repeat_every": self.period_every,
                    "repeat_unit": self.period_unit,
                    "repeat_end": "never",
                }
            )
            day = rhythm._next_repetition(day, after)[1]
        return False if self.period_until and day > self.period_until else day
