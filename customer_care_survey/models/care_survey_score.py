from odoo import api, fields, models

from odoo.addons.customer_care.models.care_due_mixin import insert_new

MEASURES = [
    ("nps", "Recommendation (NPS)"),
    ("csat", "Satisfaction (CSAT)"),
    ("ces", "Effort (CES)"),
]


class CareSurveyScore(models.Model):
    """What one answer says of one measure: written once, when the answer arrives.

    Whom it is about, who owned it and how the scale went are kept as they were then.
    """

    _name = "care.survey.score"
    _description = "Survey score"
    _order = "day desc, id desc"

    invitation_id = fields.Many2one(
        "care.survey.invitation",
        "Invitation",
        readonly=True,
        ondelete="set null",
    )
    measure = fields.Selection(MEASURES, required=True, readonly=True)
    value = fields.Integer("Answer", required=True, readonly=True, aggregator="avg")
    scale_min = fields.Integer(required=True, readonly=True, aggregator=None)
    scale_max = fields.Integer(required=True, readonly=True, aggregator=None)
    points = fields.Float(
        required=True,
        readonly=True,
        aggregator="avg",
        help="Their average is the score. NPS: 100 for a promoter (9 or 10), -100 for a "
        "detractor (0 to 6), 0 between. CSAT and CES: 100 for an answer better than the middle "
        "of its scale (4 or 5 of 5, 5 to 7 of 7), 0 for any other.",
    )
    comment = fields.Text(readonly=True)
    day = fields.Date(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", "Contact", required=True, readonly=True, index=True)
    commercial_partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True)
    case_id = fields.Many2one(
        "care.case", readonly=True, ondelete="set null", index="btree_not_null"
    )
    journey_id = fields.Many2one(
        "care.journey", readonly=True, ondelete="set null", index="btree_not_null"
    )
    owner_id = fields.Many2one("res.users", "Owner Then", readonly=True, ondelete="restrict")
    team_id = fields.Many2one("care.team", "Team Then", readonly=True, ondelete="set null")

    _once = models.UniqueIndex("(invitation_id, measure)", "This answer is counted already.")
    _customer_idx = models.Index("(commercial_partner_id, measure, id)")
    _report_idx = models.Index("(company_id, measure, day)")

    @api.depends("measure", "value", "scale_max")
    def _compute_display_name(self):
        for score in self:
            score.display_name = f"{score.value} / {score.scale_max}"

    @api.model
    def _insert_new(self, vals_list):
        """Append the scores that are not there yet."""
        return insert_new(self, vals_list)
