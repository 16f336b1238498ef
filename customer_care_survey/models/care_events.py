"""Moments that core tells to no rule: surveys hear of them too."""

from odoo import api, models

from odoo.addons.customer_care.models.care_due_mixin import ENGINE
from odoo.addons.customer_care.models.mail_message import AUTOMATIC

from .care_survey_trigger import CASE_STAGE, CONTACTS, MESSAGES

#: Words of one of ours that the customer can read.
FROM_US = [
    ("message_type", "not in", AUTOMATIC),
    ("is_internal", "=", False),
    ("subtype_id", "!=", False),
    ("subtype_id.internal", "=", False),
    ("author_id", "any", [("user_ids", "any", [("share", "=", False)])]),
]


class CareFollowup(models.Model):
    _inherit = "care.followup"

    def _finish(self):
        result = super()._finish()
        # who was not reached has not been in contact; sudo: whoever called, the rules answer
        self.sudo().filtered(lambda row: row.outcome_id.consequence != "again")._tell_contacts()
        return result

    def _tell_contacts(self):
        """A contact is what customers can be asked about."""
        for event, rows in zip(
            CONTACTS, (self.filtered("journey_id"), self.filtered("case_id")), strict=True
        ):
            records = rows.journey_id or rows.case_id
            if records:
                contacts = {row._record().id: row.id for row in rows.sorted("id")}
                records._tell_triggers(event, contacts)


class CareOwnedMixin(models.AbstractModel):
    _inherit = "care.owned.mixin"  # pylint: disable=consider-merging-classes-inherited

    def _care_occurrence(self, event):
        if event in CONTACTS + MESSAGES:
            return self.env.context["care_occurrences"][self.id]
        return self.entries if event == CASE_STAGE else super()._care_occurrence(event)

    def _tell_triggers(self, event, occurrences):
        """Let triggers hear of what happens more often than records begin anew.

        :param dict occurrences: id of a record -> id of the contact or message
        """
        records = self.with_context(care_occurrences=occurrences)
        self.env["care.survey.trigger"]._handle(records, event)


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _customer_wrote(self, message):
        result = super()._customer_wrote(message)
        # what was merged tells it where it goes on; an answer to a question of ours asks nothing
        if self._merged_end() == self and self.env.context.get("care_answering") is not ENGINE:
            self._tell_triggers("case_customer_wrote", {self.id: message.id})
        return result

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        # sudo: whose words these are, whoever posts
        said = message.sudo()
        if (
            not self.env.context.get("care_opening")
            and said.author_id not in self.sudo().partner_id | self.sudo().commercial_partner_id
            and said.filtered_domain(FROM_US)
        ):
            self._tell_triggers("case_staff_replied", {self.id: message.id})
        return result

    def _care_wrote(self, user, replies):
        result = super()._care_wrote(user, replies)
        if self:
            self._tell_triggers("case_staff_replied", replies)
        return result


class CareRetry(models.Model):
    _inherit = "care.retry"

    def _overtaken(self):
        # which contact, message or stage it was says nothing of how often the record was started
        return self.event not in (*CONTACTS, *MESSAGES, CASE_STAGE) and super()._overtaken()


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
