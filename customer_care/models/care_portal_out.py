"""What a customer gets to see besides their case itself."""

from odoo import api, models


class CarePromise(models.Model):
    _inherit = "care.promise"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _domain_of_visitor(self):
        """The promises made to the customer who is logged in."""
        return [
            ("partner_id", "child_of", self.env.user.commercial_partner_id.id),
            ("state", "!=", "cancelled"),
        ]


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _portal_files(self):
        """Files of the messages that its customer may read, as superuser."""
        self.ensure_one()
        # sudo: whoever calls has checked whose case it is
        messages = (
            self.env["mail.message"]
            .sudo()
            .search(
                [
                    ("model", "=", self._name),
                    ("res_id", "=", self.id),
                    ("message_type", "in", ("comment", "email", "auto_comment")),
                    ("is_internal", "=", False),
                    ("subtype_id", "!=", False),
                    ("subtype_id.internal", "=", False),
                    ("attachment_ids", "!=", False),
                ],
                order="id",
            )
        )
        return messages.attachment_ids

    def _portal_may_reopen(self):
        """Whether its page asks a customer whose case is closed to say that it is not solved."""
        self.ensure_one()
        # sudo: a setting of the company
        return self.sudo()._may_reopen()

    def _portal_follows(self):
        """The case that follows on from this closed one, as its customer sees it."""
        self.ensure_one()
        # sudo: the same customer's case
        case = self.sudo()
        return case.next_ids.filtered(
            lambda other: other.commercial_partner_id == case.commercial_partner_id
        )[:1]
