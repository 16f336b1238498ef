"""Which questions of Odoo's surveys rate which services."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

ASPECTS = [
    ("importance", "How important it is"),
    ("performance", "How well we do it"),
    ("rival", "How well the nearest competitor does it"),
    ("level", "The level that is wanted"),
]
#: Questions whose answers can be counted as an aspect.
COUNTED = ("scale", "simple_choice", "matrix")


class SurveyQuestion(models.Model):
    _inherit = "survey.question"  # pylint: disable=consider-merging-classes-inherited

    care_aspect = fields.Selection(
        ASPECTS, "Rates a Service By", help="Answers count in the services matrix."
    )
    care_rated_id = fields.Many2one(
        "care.rated.service",
        "Rated Service",
        ondelete="set null",
        index="btree_not_null",
        help="Which service the answer rates. In a matrix each row names its own.",
    )

    @api.constrains("care_aspect", "question_type")
    def _check_care_aspect(self):
        for question in self.filtered("care_aspect"):
            wanted = ("simple_choice",) if question.care_aspect == "level" else COUNTED
            if question.question_type not in wanted:
                raise ValidationError(
                    self.env._(
                        "“%s” cannot rate a service: use a matrix, a scale or one choice; for the "
                        "level that is wanted, one choice.",
                        question.title,
                    )
                )


class SurveyQuestionAnswer(models.Model):
    _inherit = "survey.question.answer"

    care_rated_id = fields.Many2one(
        "care.rated.service",
        "Rated Service",
        ondelete="set null",
        index="btree_not_null",
        help="Which service this row of a matrix rates.",
    )
    care_hours = fields.Float(
        "Hours", help="How many open hours the customer would wait who chooses this."
    )
