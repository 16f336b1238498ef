from odoo import api, fields, models

from odoo.addons.customer_care.models.care_category import SEVERITIES
from odoo.addons.customer_care.tools.worktime import Spec

from .care_sla_policy import MEASURES

KINDS = [
    ("minutes", "Minutes"),
    ("hours", "Hours"),
    ("days", "Working days"),
    ("end_of_day", "End of the working day, days later"),
]


class CareSlaTarget(models.Model):
    """One promise of a policy: what, for which severity, within how much time."""

    _name = "care.sla.target"
    _description = "Promise of an SLA policy"
    _inherit = ["care.sla.part"]
    _order = "policy_id, measure, severity, id"

    measure = fields.Selection(
        MEASURES,
        "What",
        required=True,
        default="first_response",
        help="Acknowledgement: the customer has it in writing that we know of it. First "
        "answer: one of us wrote or called. Solution: the case is resolved.",
    )
    severity = fields.Selection(
        [("any", "Any"), *SEVERITIES],
        required=True,
        default="any",
        help="A line for the severity of the case comes before the line for any.",
    )
    kind = fields.Selection(
        [*KINDS, ("none", "No promise")],
        "Unit",
        required=True,
        default="hours",
        help="Minutes and hours are open hours. Two working days is the same clock time on "
        "the second next working day. “No promise” ends the search: no policy further "
        "down promises it either.",
    )
    amount = fields.Float(
        "Within", required=True, default=4, help="How many minutes, hours or working days."
    )

    _line_uniq = models.UniqueIndex(
        "(policy_id, measure, severity)",
        "A policy promises one thing once per severity.",
    )
    _amount_check = models.Constraint(
        "CHECK (kind = 'none' OR amount > 0 OR (kind = 'end_of_day' AND amount = 0))",
        "A promise needs some time: enter how much.",
    )
    _whole_check = models.Constraint(
        "CHECK (kind NOT IN ('days', 'end_of_day') OR amount = floor(amount))",
        "Working days are whole.",
    )

    @api.depends("measure", "severity", "kind", "amount")
    def _compute_display_name(self):
        measures, severities = (
            dict(self._fields[name]._description_selection(self.env))
            for name in ("measure", "severity")
        )
        for target in self:
            what = measures.get(target.measure)
            if target.severity != "any":
                severity = severities.get(target.severity)
                what = self.env._("%(what)s if %(severity)s", what=what, severity=severity)
            target.display_name = f"{what}: {target._in_short()}"

    def _in_short(self):
        self.ensure_one()
        amount = f"{self.amount:g}"
        if self.kind == "minutes":
            return self.env._("%s min", amount)
        if self.kind == "hours":
            return self.env._("%s h", amount)
        if self.kind == "days":
            return self.env._("1 day") if self.amount == 1 else self.env._("%s days", amount)
        if self.kind == "end_of_day":
            near = {0: self.env._("the same day"), 1: self.env._("the next day")}
            return near.get(self.amount) or self.env._("after %s days", amount)
        return self.env._("no promise")

    @api.model
    def _describe(self, kind, amount):
        amount = f"{amount or 0:g}"
        if kind == "minutes":
            return self.env._("%s minutes of working time", amount)
        if kind == "hours":
            return self.env._("%s hours of working time", amount)
        if kind == "days":
            return self.env._("%s working days", amount)
        if kind == "end_of_day":
            return self.env._("end of the working day, %s days later", amount)
        return self.env._("no promise")

    @api.model
    def _spec(self, kind, amount):
        return Spec(kind, amount)
