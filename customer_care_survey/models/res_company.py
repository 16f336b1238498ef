from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    # nullable, as all columns of ours on a core table
    care_survey_gap_days = fields.Integer(
        "Quiet Days Between Surveys",
        default=7,
        help="Nobody is sent another survey of any kind within so many days; 0: no limit.",
    )
    care_survey_max = fields.Integer(
        "Surveys at Most",
        default=4,
        help="Nobody is sent more surveys than this within the days named beside it; 0: no limit.",
    )
    care_survey_window_days = fields.Integer(
        "Days in Which Surveys Are Counted",
        default=90,
        help="The last so many days, whichever day it is; 0: surveys are not counted.",
    )
