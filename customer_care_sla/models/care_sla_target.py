from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.customer_care.models.care_category import SEVERITIES
from odoo.addons.customer_care.tools.worktime import Spec

from .care_sla_measure import MEASURES, MEASURES_BY_NAME, those

KINDS = [
    ("minutes", "Minutes"),
    ("hours", "Hours"),
    ("days", "Working days"),
    ("end_of_day", "End of the working day, days later"),
    ("date", "On the date itself"),
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
        "answer: one of us wrote or called. Next answer: the same, to each later message of the "
        "customer. Regular news: the customer hears from us again and again until it is solved. "
        "Time in stage: it leaves the stage. Solution: the case is resolved. Remedy carried out: "
        "from the yes to it until it is done. Provider's answer: whoever does the service writes "
        "back. Final response: the customer is told what was done; the law often says by when.",
    )
    severity = fields.Selection(
        [("any", "Any"), *SEVERITIES],
        required=True,
        default="any",
        help="A line for the severity of the case comes before the line for any.",
    )
    stage_id = fields.Many2one(
        "care.stage",
        "Stage",
        ondelete="cascade",
        index="btree_not_null",
        help="The stage in which a record stays so long at most.",
    )
    stage_category = fields.Selection(
        [("open", "In progress"), ("waiting", "Waiting")],
        "Or Every Stage That Is",
        help="For all stages of this kind that have no line of their own.",
    )
    kind = fields.Selection(
        [*KINDS, ("none", "No promise")],
        "Unit",
        required=True,
        default="hours",
        help="Minutes and hours are open hours. Two working days is the same clock time on "
        "the second next working day. The date itself is the one that the law sets. “No promise” "
        "ends the search: no policy further down promises it either.",
    )
    amount = fields.Float(
        "Within", required=True, default=4, help="How many minutes, hours or working days."
    )

    _line_uniq = models.UniqueIndex(
        "(policy_id, measure, severity, COALESCE(stage_id, 0), COALESCE(stage_category, ''))",
        "A policy promises one thing once per severity.",
    )
    _amount_check = models.Constraint(
        "CHECK (kind IN ('none', 'date') OR amount > 0 OR (kind = 'end_of_day' AND amount = 0))",
        "A promise needs some time: enter how much.",
    )
    _whole_check = models.Constraint(
        "CHECK (kind NOT IN ('days', 'end_of_day') OR amount = floor(amount))",
        "Working days are whole.",
    )

    _stage_check = models.Constraint(
        "CHECK ((measure = 'stage') = (num_nonnulls(stage_id, stage_category) = 1)"
        " AND (measure = 'stage' OR num_nonnulls(stage_id, stage_category) = 0))",
        "Time in stage: choose the stage, or else of which kind. Other promises have none.",
    )

    @api.constrains("measure", "kind", "stage_id")
    def _check_kind(self):
        dated = those(dated=True)
        for target in self:
            if target.kind == "date" and target.measure not in dated:
                raise ValidationError(
                    self.env._(
                        "Nothing sets a date for “%s”: say within how much time.",
                        MEASURES_BY_NAME[target.measure].label,
                    )
                )
            if target.stage_id and target.stage_id.category not in ("open", "waiting"):
                raise ValidationError(
                    self.env._(
                        "“%s” is where records end: choose a stage in which somebody works.",
                        target.stage_id.name,
                    )
                )

    @api.onchange("measure")
    def _onchange_measure(self):
        for target in self:
            if target.measure != "stage":
                target.stage_id = target.stage_category = False
            elif not target.stage_id:
                target.stage_category = target.stage_category or "open"
            if target.kind == "date" and target.measure not in those(dated=True):
                target.kind = "days"

    @api.onchange("stage_id")
    def _onchange_stage_id(self):
        for target in self.filtered("stage_id"):
            target.stage_category = False

    def _place(self):
        """Where a line holds: in a stage, in all of a category, or (False) anywhere."""
        self.ensure_one()
        return self.stage_id.id or self.stage_category

    @api.depends("measure", "severity", "kind", "amount", "stage_id", "stage_category")
    def _compute_display_name(self):
        measures, severities, categories = (
            dict(self._fields[name]._description_selection(self.env))
            for name in ("measure", "severity", "stage_category")
        )
        for target in self:
            what = measures.get(target.measure)
            if target.measure == "stage":
                place = target.stage_id.name or categories.get(target.stage_category)
                what = self.env._("Time in “%s”", place)
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
        if self.kind == "date":
            return self.env._("on its date")
        return self.env._("no promise")

    @api.model
    def _describe(self, kind, amount):
        one = {
            "minutes": self.env._("1 minute of working time"),
            "hours": self.env._("1 hour of working time"),
            "days": self.env._("1 working day"),
            "end_of_day": self.env._("end of the next working day"),
        }
        if amount == 1 and kind in one:
            return one[kind]
        amount = f"{amount or 0:g}"
        if kind == "minutes":
            return self.env._("%s minutes of working time", amount)
        if kind == "hours":
            return self.env._("%s hours of working time", amount)
        if kind == "days":
            return self.env._("%s working days", amount)
        if kind == "end_of_day":
            return self.env._("end of the working day, %s days later", amount)
        if kind == "date":
            return self.env._("on the date itself")
        return self.env._("no promise")

    @api.model
    def _spec(self, kind, amount):
        return Spec(kind, amount)
