from odoo import api, fields, models
from odoo.fields import Domain

from odoo.addons.customer_care.models.care_due_mixin import ENGINE
from odoo.addons.customer_care.models.mail_message import AUTOMATIC
from odoo.addons.customer_care.tools.filing import plain_text

from ..tools.courtesy import is_thanks


class CareCase(models.Model):
    _inherit = "care.case"

    clock_ids = fields.One2many(
        "care.sla.clock", "case_id", "Promises", readonly=True, groups="base.group_user"
    )

    # ------------------------------------------------------------
    # What an answer is
    # ------------------------------------------------------------

    @api.model
    def _care_reply_domain(self):
        """Messages in which one of us answers the customer: public, written by a person,
        judged by the author (who may have answered from their own mail client).
        """
        staff = [("user_ids", "any", [("share", "=", False), ("active", "=", True)])]
        return (
            Domain("is_internal", "=", False)
            & Domain("message_type", "not in", AUTOMATIC)
            & Domain("subtype_id", "any", [("internal", "=", False)])
            & Domain("author_id", "any", staff)
        )

    def _care_answered(self):
        """The ones among these cases that somebody of ours has answered."""
        return self.browse(self._care_last_answers())

    def _care_last_answers(self):
        """When somebody of ours last answered these cases: dict id -> moment."""
        called = Domain("mail_activity_type_id.category", "=", "phonecall")
        # sudo: whether there was an answer, whoever may read it
        messages = self.env["mail.message"].sudo()
        return dict(
            messages._read_group(
                Domain("model", "=", self._name)
                & Domain("res_id", "in", self.ids)
                & (self._care_reply_domain() | called),
                ["res_id"],
                ["create_date:max"],
            )
        )

    def _care_answered_by(self, user):
        """One of ours has answered these customers; anybody else answers nothing."""
        if self and user.active and not user.share:
            self.env["care.sla.clock"]._answered(self, user)

    @api.private
    @api.model
    def message_new(self, msg_dict, custom_values=None):
        # the message that opens a case answers nothing, whoever wrote it
        return super().message_new(msg_dict, custom_values).with_context(care_opening=True)

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        # sudo: the author's users are looked at, whoever posts
        message = message.sudo()
        if (
            not self.env.context.get("care_opening")
            and self._care_own_words(message)
            and message.author_id not in self.partner_id | self.commercial_partner_id
            and message.filtered_domain(self._care_reply_domain())
        ):
            self._care_answered_by(message.author_id.main_user_id)
        return result

    def _care_own_words(self, message):
        """Whether the author that a message names wrote it: Odoo lets people who work here post
        in the name of somebody else, and that keeps no promise.

        What the mail gateway and the portal post they post as superuser, having looked at who
        writes.
        """
        return self.env.su or message.author_id == self.env.user.partner_id

    def _care_wrote(self, user, replies):
        result = super()._care_wrote(user, replies)
        self._care_answered_by(user)
        return result

    # ------------------------------------------------------------
    # What asks for an answer
    # ------------------------------------------------------------

    def _customer_wrote(self, message):
        result = super()._customer_wrote(message)
        # an answer to a question of ours asks for none
        if self.env.context.get("care_answering") is not ENGINE and not self._only_thanks(message):
            self.env["care.sla.clock"]._customer_wrote(self)
        return result

    def _wants_person(self, text, author, phone, when):
        result = super()._wants_person(text, author, phone, when)
        self.env["care.sla.clock"]._customer_wrote(self)
        return result

    def _only_thanks(self, message):
        """Whether the customer says thanks and nothing else: no answer is owed to that."""
        self.ensure_one()
        people = message.author_id | self.partner_id | self.owner_id.partner_id
        people |= self.team_id.member_ids.partner_id
        names = [*people.mapped("name"), self.team_id.name, self.company_id.name]
        return not message.attachment_ids and is_thanks(plain_text(message.body), names)

    def _tell_owner_provider_wrote(self):
        self.env["care.sla.clock"]._meet(self, ["provider"])
        return super()._tell_owner_provider_wrote()

    # ------------------------------------------------------------
    # Merging
    # ------------------------------------------------------------

    def _merge_rows(self, target):
        result = super()._merge_rows(target)
        # sudo: promises follow the case, whoever merges it
        self.env["care.sla.clock"].sudo()._merge(self, target)
        return result
