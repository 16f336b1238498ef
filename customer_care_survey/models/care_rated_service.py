"""Services that customers rate, and which questions of Odoo's surveys rate them."""

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
#: What a rated service may be promised by, when service levels are there.
PROMISES = [("first_response", "First answer"), ("resolution", "Solution")]


class CareRatedService(models.Model):
    """Something customers rate by its importance and by how well it is done."""

    _name = "care.rated.service"
    _description = "Rated service"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    service_id = fields.Many2one(
        "care.service", "Service", ondelete="set null", index="btree_not_null"
    )
    promise = fields.Selection(
        PROMISES,
        "Promised By",
        help="Where service levels are promised, the promise stands beside the level that "
        "customers want.",
    )

    def _care_promised_hours(self, company):
        """The hours promised to everybody of ``company``, to stand beside what is wanted.

        Service levels are an add-on of their own: without it nothing is promised.

        :return: dict service -> open hours, of those that have a promise
        """
        if "care.sla.target" not in self.env:
            return {}
        # sudo: what is promised to everybody is no secret to who reads the matrix
        targets = self.env["care.sla.target"].sudo()
        hours = {}
        for service in self.filtered("promise"):
            found = targets.search(
                [
                    ("measure", "=", service.promise),
                    ("kind", "in", ("minutes", "hours", "days")),
                    ("policy_id.active", "=", True),
                    ("policy_id.company_id", "in", [False, company.id]),
                ]
            )
            day = company.resource_calendar_id.hours_per_day or 8
            factor = {"minutes": 1 / 60, "hours": 1, "days": day}
            amounts = [target.amount * factor[target.kind] for target in found]
            if amounts:
                # what everybody can count on, not the best of several promises
                hours[service] = max(amounts)
        return hours


class SurveyQuestion(models.Model):
    _inherit = "survey.question"

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
