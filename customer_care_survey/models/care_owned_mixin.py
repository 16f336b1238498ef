from odoo import fields, models

from .care_survey_trigger import CASE_STAGE


class CareOwnedMixin(models.AbstractModel):
    _inherit = "care.owned.mixin"

    survey_status = fields.Char(
        "Survey",
        compute="_compute_survey_status",
        groups="customer_care.group_agent",
        help="What became of the last survey about this.",
    )

    def _compute_survey_status(self):
        # the last one of each record counts
        last = {
            row[self._care_link]: row
            for row in self.env["care.survey.invitation"].search(
                [(self._care_link, "in", self.ids)], order="id"
            )
        }
        states = dict(
            self.env["care.survey.invitation"]._fields["state"]._description_selection(self.env)
        )
        for record in self:
            row = last.get(record)
            record.survey_status = row and (row.score_text or states[row.state])

    def action_open_invitations(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_invitation_action"
        )
        rows = self.env["care.survey.invitation"].search([(self._care_link, "=", self.id)])
        action["domain"] = [(self._care_link, "=", self.id)]
        action["context"] = {}
        if len(rows) == 1:
            action.update(res_id=rows.id, views=[(False, "form")])
        return action

    def _care_state(self, event, at=None):
        result = super()._care_state(event, at)
        invitations = self.env["care.survey.invitation"]
        if event == "case_reopened":
            invitations._cancel_of(self, of_now=False)
        else:
            invitations._cancel_of(
                self.filtered(lambda record: record.stage_category == "cancelled")
            )
        told = self
        if event == "stage_entered" and self._name == "care.case":
            event = CASE_STAGE
            # nobody is asked about what is cancelled
            told = self.filtered(lambda case: case.stage_category != "cancelled")
        self.env["care.survey.trigger"]._handle(told, event, at)
        return result
