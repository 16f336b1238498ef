from odoo import api, fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    # nullable, as all columns of ours on a core table
    care_survey_gap_days = fields.Integer(
        "Quiet Days Between Surveys",
        default=7,
        help="Nobody is sent another survey of any kind within so many days; 0: no limit.",
    )

    @api.model
    def _care_numbers(self):
        return [*super()._care_numbers(), "care_survey_gap_days"]
