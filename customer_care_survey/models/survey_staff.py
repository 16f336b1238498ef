"""Surveys that our own people answer anonymously: no answer of theirs is ever a row of Surveys."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

#: What an anonymous survey can ask: answers that can be counted, and words.
STAFF_TYPES = ("scale", "simple_choice", "multiple_choice", "text_box", "char_box")


class SurveySurvey(models.Model):
    _inherit = "survey.survey"  # pylint: disable=consider-merging-classes-inherited

    care_staff = fields.Boolean(
        "Anonymous Staff Survey",
        help="Asked of our own people from Customer Care. Answers are only counted: no record "
        "says who answered what, and results are shown from a minimum of answers on.",
    )

    @api.constrains("care_staff", "question_and_page_ids", "certification", "scoring_type")
    def _check_care_staff(self):
        for survey in self.filtered("care_staff"):
            # sudo: answers that the person may not see count too
            if survey.sudo().with_context(active_test=False).user_input_ids:
                raise ValidationError(
                    self.env._(
                        "“%s” has answers with names. Duplicate it and mark the copy as an "
                        "anonymous staff survey.",
                        survey.title,
                    )
                )
            if survey.certification or survey.scoring_type != "no_scoring":
                raise ValidationError(
                    self.env._(
                        "“%s” scores who answers it, so it is not anonymous. Choose “No scoring”.",
                        survey.title,
                    )
                )
            survey.question_ids._check_care_staff_type()

    def write(self, vals):
        if "care_staff" in vals and not vals["care_staff"]:
            # sudo: rounds of other companies count too
            rounds = self.env["care.staff.survey"].sudo()
            if rounds.search_count(
                [("survey_id", "in", self.ids), ("state", "=", "planned")], limit=1
            ):
                raise UserError(
                    self.env._("People are being asked this anonymously. Close that round first.")
                )
        return super().write(vals)

    # ------------------------------------------------------------
    # The buttons of Surveys lead to Customer Care
    # ------------------------------------------------------------

    def action_send_survey(self):
        if self.care_staff:
            return self._care_open_staff(new=True)
        return super().action_send_survey()

    def action_result_survey(self):
        if self.care_staff:
            return self._care_open_staff()
        return super().action_result_survey()

    def action_start_session(self):
        if self.filtered("care_staff"):
            raise UserError(
                self.env._("In a live session everybody has a name. This survey is anonymous.")
            )
        return super().action_start_session()

    def _care_open_staff(self, new=False):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_staff_survey_action"
        )
        action["context"] = {"default_survey_id": self.id}
        action["domain"] = [("survey_id", "=", self.id)]
        if new:
            action["views"] = [(False, "form")]
        return action


class SurveyQuestion(models.Model):
    _inherit = "survey.question"  # pylint: disable=consider-merging-classes-inherited

    @api.constrains("question_type", "survey_id", "triggering_answer_ids", "care_measure")
    def _check_care_staff_type(self):
        for question in self:
            if not question.survey_id.care_staff or question.is_page:
                continue
            if question.question_type not in STAFF_TYPES or question.triggering_answer_ids:
                raise ValidationError(
                    self.env._(
                        "“%s” cannot be asked anonymously. Ask with a scale, with answers to "
                        "choose from or for free words, and without conditions.",
                        question.title,
                    )
                )
            if question.care_measure:
                raise ValidationError(
                    self.env._(
                        "“%s” counts as a score of a customer. Answers of a staff survey are "
                        "nobody's score: empty “Counts As”.",
                        question.title,
                    )
                )


class SurveyUserInput(models.Model):
    _inherit = "survey.user_input"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        # before the row is there: Surveys' pages go on after an error
        default = self.env.context.get("default_survey_id")
        ids = {vals.get("survey_id", default) for vals in vals_list}
        self._refuse_staff(self.env["survey.survey"].browse([i for i in ids if i]))
        return super().create(vals_list)

    @api.constrains("survey_id")
    def _check_not_staff(self):
        self._refuse_staff(self.survey_id)

    @api.model
    def _refuse_staff(self, surveys):
        # sudo: whether it is anonymous, whoever answers
        for survey in surveys.sudo():
            if survey.care_staff:
                raise ValidationError(
                    self.env._(
                        "“%s” is anonymous: it is answered on the page of Customer Care alone, "
                        "which keeps no answer together with a name.",
                        survey.title,
                    )
                )
