from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    # No columns: scores stand in `care.survey.score`.
    care_case_ids = fields.One2many(
        "care.case",
        "commercial_partner_id",
        "Cases",
        groups="customer_care.group_agent",
    )
    care_journey_ids = fields.One2many(
        "care.journey", "partner_id", "Journeys", groups="customer_care.group_agent"
    )
    care_score_count = fields.Integer(
        compute="_compute_care_last_score", groups="customer_care.group_agent"
    )
    care_last_score = fields.Char(
        "Last Survey Answer",
        compute="_compute_care_last_score",
        groups="customer_care.group_agent",
        help="A company shows the last answer of any of its contacts.",
    )

    def _compute_care_last_score(self):
        scores = self.env["care.survey.score"]
        groups = scores._read_group(
            [("commercial_partner_id", "in", self.commercial_partner_id.ids)],
            ["commercial_partner_id", "partner_id"],
            ["id:max", "__count"],
        )
        # scores are only appended: the highest id is the last one
        last, count = {}, {}
        for customer, contact, score_id, number in groups:
            for partner in customer | contact:
                last[partner.id] = max(last.get(partner.id, 0), score_id)
                count[partner.id] = count.get(partner.id, 0) + number
        for partner in self:
            partner.care_score_count = count.get(partner.id, 0)
            partner.care_last_score = (
                scores.browse(last[partner.id]).display_name if partner.id in last else False
            )

    def action_care_open_scores(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_score_action"
        )
        action["domain"] = [("partner_id", "child_of", self.id)]
        action["context"] = {}
        return action
