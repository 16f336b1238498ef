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
        return self.survey_invitation_id._get_records_action()
