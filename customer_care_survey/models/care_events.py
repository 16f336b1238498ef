"""Moments that core tells to no rule: surveys hear of them too."""

from odoo import api, models

from .care_survey_trigger import CONTACTS


class CareFollowup(models.Model):
    _inherit = "care.followup"

    def _finish(self):
        result = super()._finish()
        # who was not reached has not been in contact; sudo: whoever called, the rules answer
        self.sudo().filtered(lambda row: row.outcome_id.consequence != "again")._tell_contacts()
        return result

    def _tell_contacts(self):
        """A contact is what customers can be asked about."""
        triggers = self.env["care.survey.trigger"]
        for event, rows in zip(
            CONTACTS, (self.filtered("journey_id"), self.filtered("case_id")), strict=True
        ):
            records = rows.journey_id or rows.case_id
            if records:
                contacts = {row._record().id: row.id for row in rows.sorted("id")}
                records = records.with_context(care_contacts=contacts)
                triggers._handle(records, event)


class CareOwnedMixin(models.AbstractModel):
    _inherit = "care.owned.mixin"  # pylint: disable=consider-merging-classes-inherited

    def _care_occurrence(self, event):
        if event in CONTACTS:
            return self.env.context["care_contacts"][self.id]
        return super()._care_occurrence(event)


class CareRetry(models.Model):
    _inherit = "care.retry"

    def _overtaken(self):
        # which contact it was says nothing of how often the record was started
        return self.event not in CONTACTS and super()._overtaken()


class CareNotice(models.Model):
    _inherit = "care.notice"

    @api.model
    def _announce(self, kind, records):
        result = super()._announce(kind, records)
        if kind == "service_guide":
            # what is told to newcomers: the order is their first of a service
            self.env["care.survey.trigger"]._handle(records, "first_service")
        return result


class CarePolicy(models.Model):
    _inherit = "care.policy"

    @api.model
    def _handle(self, records, event, at=None):
        result = super()._handle(records, event, at)
        if event == "coverage_end":
            self.env["care.survey.trigger"]._handle(records, event, at)
        return result
