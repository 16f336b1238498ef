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

    def _merge_rows(self, target):
        # what was asked and answered is part of the one case; what was only planned ends
        result = super()._merge_rows(target)
        self._merge_table(
            "care.survey.invitation",
            target,
            ("trigger_id", "occurrence"),
            ("sent", "answered", "done"),
        )
        # sudo: scores belong to the engine
        scores = self.env["care.survey.score"].sudo()
        scores.search([("case_id", "in", self.ids)]).filtered(
            lambda score: score.invitation_id.case_id == target
        ).write({"case_id": target.id})
        self._merge_answers(target)
        return result

    def _merge_answers(self, target):
        """What an answer has opened goes on in ``target``, where it is no other answer's."""
        for name in ("survey_invitation_id", "survey_suggestion_id"):
            donor = self.filtered(name)[:1]
            if donor and not target[name]:
                answer = donor[name]
                donor.write({name: False})
                # out of the way of the unique index
                donor.flush_recordset([name])
                target.write({name: answer.id})
