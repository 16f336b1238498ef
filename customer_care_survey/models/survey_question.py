from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .care_survey_score import MEASURES


class SurveySurvey(models.Model):
    _inherit = "survey.survey"

    def _care_problem(self):
        """Why a customer could not answer this survey; empty when they can."""
        self.ensure_one()
        if not self.active:
            return self.env._("The survey “%s” is closed.", self.title)
        if not self.question_ids:
            return self.env._("The survey “%s” has no questions.", self.title)
        if self.users_login_required:
            return self.env._(
                "The survey “%s” requires a login, which not every customer has. Allow "
                "it without a login in its options.",
                self.title,
            )
        return ""


class SurveyQuestion(models.Model):
    _inherit = "survey.question"

    care_measure = fields.Selection(
        MEASURES,
        "Counts As",
        help="Answers to this question become scores of the customer.",
    )

    @api.constrains("care_measure", "question_type", "scale_min", "scale_max")
    def _check_care_measure(self):
        for question in self.filtered("care_measure"):
            if question.question_type != "scale":
                raise ValidationError(
                    self.env._(
                        "“%s” can be counted only as a question with a scale.",
                        question.title,
                    )
                )
            if question.care_measure == "nps" and (
                (question.scale_min, question.scale_max) != (0, 10)
            ):
                raise ValidationError(
                    self.env._(
                        "“%s” counts as NPS, which is asked on a scale from 0 to 10.",
                        question.title,
                    )
                )

    def write(self, vals):
        if {"scale_min", "scale_max"}.isdisjoint(vals):
            return super().write(vals)
        before = {
            question: (question.scale_min, question.scale_max)
            for question in self.filtered("care_measure")
        }
        result = super().write(vals)
        scales = {
            scale: (question.scale_min, question.scale_max) for question, scale in before.items()
        }
        # sudo: who builds surveys need not see what Customer Care does with them
        triggers = self.env["care.survey.trigger"].sudo().with_context(active_test=False)
        triggers.search([("survey_id", "in", self.survey_id.ids)])._follow_scales(scales)
        return result

    @api.onchange("question_type")
    def _onchange_question_type_care(self):
        self.filtered(lambda q: q.question_type != "scale").care_measure = False

    def _care_points(self, value):
        """What an answer adds to the average that is the score."""
        self.ensure_one()
        if self.care_measure == "nps":
            return 100 if value >= 9 else -100 if value <= 6 else 0
        # the share of those who are better than the middle: 4 and 5 of 5, 5 to 7 of 7
        return 100 if 2 * value > self.scale_min + self.scale_max else 0
