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
    def _open_of(self, records, column):
        """The scores of these records."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_score_action"
        )
        action["domain"] = [(column, "in", records.ids)]
        action["context"] = {}
        return action


class ResPartner(models.Model):
    _inherit = "res.partner"  # pylint: disable=consider-merging-classes-inherited

    care_score_figures = fields.Char(
        "Survey Scores",
        compute="_compute_care_score_figures",
        groups="customer_care.group_agent",
        help="Of the customer with all contacts, and in brackets how many answers.",
    )

    def _compute_care_score_figures(self):
        texts = self.env["care.survey.score"]._figures(
            "commercial_partner_id", self.commercial_partner_id.ids
        )
        for partner in self:
            partner.care_score_figures = texts.get(partner.commercial_partner_id.id, False)


class CareTeam(models.Model):
    _inherit = "care.team"

    score_figures = fields.Char(
        "Survey Scores",
        compute="_compute_score_figures",
        help="Of answers about what the team looked after, and in brackets how many.",
    )

    def _compute_score_figures(self):
        scores = self.env["care.survey.score"]
        texts = scores._figures("team_id", self.ids) if scores.has_access("read") else {}
        for team in self:
            team.score_figures = texts.get(team.id, False)

    def action_open_scores(self):
        return self.env["care.survey.score"]._open_of(self, "team_id")


class ProductProduct(models.Model):
    _inherit = "product.product"

    care_score_figures = fields.Char(
        "Survey Scores",
        compute="_compute_care_score_figures",
        groups="customer_care.group_agent",
        help="Of answers about this product, and in brackets how many.",
    )

    def _compute_care_score_figures(self):
        texts = self.env["care.survey.score"]._figures("product_id", self.ids)
        for product in self:
            product.care_score_figures = texts.get(product.id, False)

    def action_care_open_scores(self):
        return self.env["care.survey.score"]._open_of(self, "product_id")


class CareSurveyInvitation(models.Model):
    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    # sudo: who may see what was asked, and why, need not be a user of Surveys
    answer_text = fields.Text("All Answers", compute="_compute_answer_text", compute_sudo=True)

    @api.depends("user_input_id.user_input_line_ids")
    def _compute_answer_text(self):
        for row in self:
            lines = row.user_input_id.user_input_line_ids.filtered(lambda line: not line.skipped)
            row.answer_text = "\n\n".join(
                f"{line.question_id.title}\n{line._care_quote()}"
                for line in lines.sorted(lambda line: (line.question_id.sequence, line.id))
            )
