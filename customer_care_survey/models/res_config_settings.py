from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    care_survey_gap_days = fields.Integer(related="company_id.care_survey_gap_days", readonly=False)
    care_survey_max = fields.Integer(related="company_id.care_survey_max", readonly=False)
    care_survey_window_days = fields.Integer(
        related="company_id.care_survey_window_days", readonly=False
    )
