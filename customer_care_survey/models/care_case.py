from odoo import fields, models

STAFF = "base.group_user"


class CareCase(models.Model):
    _inherit = "care.case"

    survey_invitation_id = fields.Many2one(
        "care.survey.invitation",
        "From Survey Answer",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups=STAFF,
    )

    _survey_invitation_uniq = models.UniqueIndex(
        "(survey_invitation_id) WHERE survey_invitation_id IS NOT NULL",
        "This survey answer has opened its case already.",
    )

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"survey_invitation_id"}

    def action_open_survey_answer(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "care.survey.invitation",
            "res_id": self.survey_invitation_id.id,
            "views": [(False, "form")],
        }
