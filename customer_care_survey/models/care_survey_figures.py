"""The figures on the forms of whom and what answers are about."""

from odoo import api, fields, models

from .care_survey_result import SMALL
from .care_survey_score import MEASURES


class CareSurveyScore(models.Model):
    _inherit = "care.survey.score"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _figures(self, column, ids):
        """Figures in words, of the scores that the reader may see.

        :param str column: many2one of the scores
        :param ids: ids of the records there
        :return: dict id -> text like ``NPS 40 (12)``; without answers there is no key
        """
        short = {"nps": "NPS", "csat": "CSAT", "ces": "CES"}
        order = [measure for measure, _label in MEASURES]
        found = {}
        for record, measure, points, count in self._read_group(
            [(column, "in", ids)], [column, "measure"], ["points:avg", "__count"]
        ):
            found.setdefault(record.id, {})[measure] = (points, count)
        minimum = self.env.company.care_survey_min_count or SMALL
        texts = {}
        for number, figures in found.items():
            parts = []
            for measure in order:
                if measure not in figures:
                    continue
                points, count = figures[measure]
                values = {"measure": short[measure], "score": f"{points:.0f}", "count": count}
                parts.append(
                    self.env._("%(measure)s %(score)s (only %(count)s)", **values)
                    if count < minimum
                    else self.env._("%(measure)s %(score)s (%(count)s)", **values)
                )
            texts[number] = ", ".join(parts)
        return texts

    @api.model
    def _open_of(self, column, ids):
        """The scores of these records."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_score_action"
        )
        action["domain"] = [(column, "in", ids)]
        action["context"] = {}
        return action


class CareScoredMixin(models.AbstractModel):
    """Whom or what answers are about, with their figures."""

    _name = "care.scored.mixin"
    _description = "What survey answers are about"

    #: Many2one of the scores that leads here.
    _care_score_column = None

    care_score_figures = fields.Char(
        "Survey Scores",
        compute="_compute_care_score_figures",
        groups="customer_care.group_agent",
        help="Of the answers that you may see, and in brackets how many.",
    )

    def _care_scored(self):
        """Where the answers are about something beside the record: dict record -> that."""
        return {record: record for record in self}

    def _compute_care_score_figures(self):
        scored = self._care_scored()
        ids = {number for about in scored.values() for number in about.ids}
        texts = self.env["care.survey.score"]._figures(self._care_score_column, list(ids))
        for record in self:
            about = scored[record]
            record.care_score_figures = len(about) == 1 and texts.get(about.id) or False

    def action_care_open_scores(self):
        about = [number for mine in self._care_scored().values() for number in mine.ids]
        return self.env["care.survey.score"]._open_of(self._care_score_column, about)


class ResPartner(models.Model):
    """Customers: with all contacts."""

    _name = "res.partner"
    _inherit = ["res.partner", "care.scored.mixin"]

    _care_score_column = "commercial_partner_id"

    def _care_scored(self):
        return {partner: partner.commercial_partner_id for partner in self}


class CareTeam(models.Model):
    """Teams: of what they looked after."""

    _name = "care.team"
    _inherit = ["care.team", "care.scored.mixin"]

    _care_score_column = "team_id"


class CareStage(models.Model):
    """Stages: of what was there, for their curator."""

    _name = "care.stage"
    _inherit = ["care.stage", "care.scored.mixin"]

    _care_score_column = "stage_id"


class ProductProduct(models.Model):
    _name = "product.product"
    _inherit = ["product.product", "care.scored.mixin"]

    _care_score_column = "product_id"


class ProductTemplate(models.Model):
    """Products of one variant show its figures; the others have them on each variant."""

    _name = "product.template"
    _inherit = ["product.template", "care.scored.mixin"]

    _care_score_column = "product_id"

    def _care_scored(self):
        return {template: template.product_variant_ids for template in self}


class CareSurveyInvitation(models.Model):
    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    # sudo: who may see what was asked, and why, need not be a user of Surveys
    answer_text = fields.Text("All Answers", compute="_compute_answer_text", compute_sudo=True)

    @api.depends("user_input_id.user_input_line_ids")
    def _compute_answer_text(self):
        for row in self:
            row.answer_text = row.user_input_id._care_told()
