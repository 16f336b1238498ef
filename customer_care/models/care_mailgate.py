import logging
from ast import literal_eval
from datetime import timedelta
from email.message import EmailMessage

from odoo import api, fields, models
from odoo.tools import email_normalize
from odoo.tools.mail import email_split_and_format, email_split_tuples

from ..tools.filing import clean_name, is_automatic, mend_charsets, plain_text, subject_of
from .care_due_mixin import ENGINE

_logger = logging.getLogger(__name__)

#: Mails without a sender that open cases, at most in two hours: Odoo's own limit for a sender.
NAMELESS_MAX = 20
#: What customers write.
WRITTEN = ("email", "comment")


class CareTeam(models.Model):
    _name = "care.team"
    _inherit = ["care.team", "mail.alias.mixin.optional"]

    alias_id = fields.Many2one(
        index="btree_not_null",
        help="Mail to this address opens a case of the team, with the customer who wrote it; "
        "replies find their case.",
    )

    def write(self, vals):
        result = super().write(vals)
        if "company_id" in vals:
            for team in self.filtered("alias_id"):
                # sudo: the address follows the team, whoever moves it
                team.alias_id.sudo().write(team._alias_get_creation_values())
        return result

    def _alias_get_creation_values(self):
        values = super()._alias_get_creation_values()
        values["alias_model_id"] = self.env["ir.model"]._get_id("care.case")
        if self.id:
            values["alias_defaults"] = str(
                {
                    **literal_eval(self.alias_defaults or "{}"),
                    "team_id": self.id,
                    "company_id": self.company_id.id,
                }
            )
        return values


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.private
    @api.model
    def message_parse(self, message, save_original=False):
        # a mail with a made-up character set is no reason to lose it
        if isinstance(message, EmailMessage):
            mend_charsets(message)
        return super().message_parse(message, save_original=save_original)

    @api.private
    @api.model
    def message_route(self, message, message_dict, model=None, thread_id=None, custom_values=None):
        routes = super().message_route(message, message_dict, model, thread_id, custom_values)
        if any(route[0] == "care.case" for route in routes or ()):
            return self.env["care.case"]._mail_routes(message, message_dict, routes)
        return routes


class CareCase(models.Model):
    """The register's door for mail.

    Odoo's gateway finds the case that a mail answers by the references it gives. Those can
    be made up, so who writes is looked at here, before anything is shown or changed.
    """

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    # ------------------------------------------------------------
    # Where a mail goes
    # ------------------------------------------------------------

    @api.model
    def _mail_routes(self, message, message_dict, routes):
        """The gateway's routes, with those to cases looked at.

        :param routes: as of ``message_route``: (model, record id, values, user id, alias)
        """
        automatic = is_automatic(message) or self._mail_is_own(message_dict)
        kept = []
        for route in routes:
            if route[0] == self._name:
                route = self._mail_route(message_dict, route, automatic)  # noqa: PLW2901
            if route:
                kept.append(route)
        return kept

    @api.model
    def _mail_route(self, message_dict, route, automatic):
        """Where one mail goes: the route, another one, or None where it is dropped."""
        _model, thread_id, values, user_id, alias = route
        sender = email_normalize(message_dict.get("email_from") or "")
        # sudo: the gateway decides by what is, not by what its user may see
        case = self.sudo().browse(thread_id or []).exists()
        if case and case._mail_may_answer(sender):
            # what was made one with another case is answered there
            case = case._merged_end()
            if automatic:
                return case._mail_automatic(message_dict, sender) and (
                    (self._name, case.id, values, user_id, alias)
                )
            return (self._name, case.id, values, user_id, alias)
        if automatic:
            _logger.info("Dropped an automatic mail from %s", sender or "nobody")
            return None
        if not sender and self._mail_too_many_nameless():
            _logger.info("Dropped a mail without a sender: too many of them")
            return None
        if case:
            # not theirs: they get a case of their own and nothing of this one
            values = self._mail_values(message_dict, case)
            message_dict.pop("parent_id", None)
            message_dict["is_internal"] = False
        return (self._name, 0, values, user_id, alias)

    @api.model
    def _mail_is_own(self, message_dict):
        """Whether a mail comes from one of our own addresses: it went round in a circle."""
        sender = email_normalize(message_dict.get("email_from") or "")
        # sudo: addresses of the gateway
        return bool(sender and self.env["mail.alias.domain"].sudo()._find_aliases([sender]))

    @api.model
    def _mail_values(self, message_dict, case):
        """Defaults of a case of its own: those of the address it was sent to, else team and
        company of ``case``, which it claimed to answer.
        """
        addresses = [
            email_normalize(address)
            for address in email_split_and_format(message_dict.get("recipients") or "")
        ]
        # sudo: addresses of the gateway
        alias = (
            self.env["mail.alias"]
            .sudo()
            .search(
                [
                    ("alias_full_name", "in", addresses),
                    ("alias_model_id.model", "=", self._name),
                    ("alias_force_thread_id", "=", 0),
                ],
                limit=1,
            )
        )
        if alias:
            return literal_eval(alias.alias_defaults)
        return {"team_id": case.team_id.id, "company_id": case.company_id.id}

    def _mail_may_answer(self, sender):
        """Whether a mail from ``sender`` (normalised) belongs to this case: the customer and
        their company, who follows it, who was copied in, and who works here.
        """
        self.ensure_one()
        if not sender:
            return False
        partners = self.env["res.partner"].with_context(active_test=False)
        return bool(
            partners.search_count(
                [
                    ("id", "child_of", self.partner_id.commercial_partner_id.id),
                    ("email_normalized", "=", sender),
                ],
                limit=1,
            )
            or sender in self.message_partner_ids.mapped("email_normalized")
            or sender in self._mail_cc_sanitized_raw_dict(self.email_cc)
            or self._mail_is_staff(sender)
        )

    def _mail_is_staff(self, sender):
        """Whether ``sender`` is somebody who works in this case's company."""
        self.ensure_one()
        # sudo: whose address it is
        return bool(
            sender
            and self.env["res.users"]
            .sudo()
            .search_count(
                [
                    ("partner_id.email_normalized", "=", sender),
                    ("share", "=", False),
                    ("company_ids", "in", self.company_id.ids),
                ],
                limit=1,
            )
        )

    def _mail_automatic(self, message_dict, sender):
        """What a machine answers is noted for us, once a day, and does nothing.

        :return: whether it is kept
        """
        self.ensure_one()
        # sudo: what the gateway kept before
        known = (
            self.env["mail.message"]
            .sudo()
            .search_count(
                [
                    ("model", "=", self._name),
                    ("res_id", "=", self.id),
                    ("message_type", "=", "out_of_office"),
                    ("create_date", ">", self.env.cr.now() - timedelta(days=1)),
                    ("email_from", "ilike", sender),
                ],
                limit=1,
            )
        )
        if known:
            return False
        message_dict.update(message_type="out_of_office", is_internal=True)
        return True

    @api.model
    def _mail_too_many_nameless(self):
        since = self.env.cr.now() - timedelta(hours=2)
        # sudo: counts what the gateway opened
        companies = (
            self.env["res.company"].sudo().search([("care_unknown_partner_id", "!=", False)])
        )
        return (
            self.sudo().search_count(
                [
                    ("partner_id", "in", companies.care_unknown_partner_id.ids),
                    ("channel", "=", "mail"),
                    ("create_date", ">=", since),
                ],
                limit=NAMELESS_MAX,
            )
            >= NAMELESS_MAX
        )

    @api.model
    def _detect_loop_sender_domain(self, email_from_normalized):
        return [
            ("partner_id.email_normalized", "=", email_from_normalized),
            ("channel", "=", "mail"),
        ]

    # ------------------------------------------------------------
    # A mail that opens a case
    # ------------------------------------------------------------

    @api.private
    @api.model
    def message_new(self, msg_dict, custom_values=None):
        custom = dict(custom_values or {})
        # sudo: what the address says, whoever writes to it
        team = self.env["care.team"].sudo().browse(custom.get("team_id") or []).exists()
        company = (
            team.company_id
            or self.env["res.company"].sudo().browse(custom.get("company_id") or []).exists()
            or self.env.company
        )
        name, email = (email_split_tuples(msg_dict.get("email_from") or "") or [("", "")])[0]
        vals = self._filing_vals(
            {
                "name": subject_of(msg_dict.get("subject")),
                "description": plain_text(msg_dict.get("body")),
                **custom,
                "company_id": company.id,
            },
            "mail",
            {"name": name, "email": email},
        )
        if not custom.get("partner_id"):
            msg_dict["author_id"] = vals["partner_id"]
        msg_dict["attachments"] = self._mail_files(msg_dict)
        model = self.with_company(company).with_context(care_opening=True)
        return super(CareCase, model).message_new(msg_dict, vals)

    @api.model
    def _mail_files(self, msg_dict):
        """The files of a mail, with names that do no harm."""
        return [
            (clean_name(attachment[0], "attachment"), *attachment[1:])
            for attachment in msg_dict.get("attachments") or []
        ]

    # ------------------------------------------------------------
    # A mail that answers
    # ------------------------------------------------------------

    @api.private
    def message_update(self, msg_dict, update_vals=None):
        result = super().message_update(msg_dict, update_vals)
        msg_dict["attachments"] = self._mail_files(msg_dict)
        return result

    # ------------------------------------------------------------
    # The customer writes, by whatever door
    # ------------------------------------------------------------

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        if not self.env.context.get("care_opening") and self._is_customers_word(message):
            # sudo: the customer's word is heard by the engine, whoever posts it
            self.sudo()._customer_wrote(message.sudo())
        return result

    def _customer_wrote(self, message):
        """The customer has written: we wait no longer, what was solved is open again, and of
        what is closed its owner is told.

        An answer to a question of ours (is it solved? do you accept?) says itself what
        follows: it ends a wait and nothing else.
        """
        self.ensure_one()
        goes_on = self._merged_end()
        if goes_on != self:
            # an old page: it is read and answered where the case goes on
            message.attachment_ids.filtered(
                lambda file: file.res_model == self._name and file.res_id == self.id
            ).res_id = goes_on.id
            message.res_id = goes_on.id
            goes_on._customer_wrote(message)
        elif self.stage_category == "waiting":
            if self.stage_id.waiting_for == "customer":
                self._enter_category("open")
        elif self.env.context.get("care_answering") is ENGINE:
            return
        elif self.stage_category == "resolved":
            self._reopen_by_customer()
        elif self.stage_category in ("closed", "cancelled"):
            self._tell_owner_written()

    def _tell_owner_written(self):
        """A customer wrote about what is over: its owner sees to it. One reminder at a time."""
        self.ensure_one()
        self._tell_owner_once(
            "customer_care.mail_activity_type_written",
            lambda case: {
                "summary": case.env._("%s has written: it is closed", case.partner_id.name)
            },
        )

    def _tell_owner_once(self, kind, say):
        """Tell the owner, as superuser, unless they have been told and have not ticked it off.

        :param str kind: XML id of the activity type
        :param say: see ``mail.activity._care_tell``
        """
        self.ensure_one()
        if self.env.ref(kind) not in self.activity_ids.activity_type_id:
            owner = self._present(self.owner_id, self.team_id)
            self.env["mail.activity"]._care_tell(kind, [(self, owner, say)])

    def _is_customers_word(self, message):
        """Whether the customer, or somebody who writes for them, says this to us: none of us, no
        machine, and not whoever does the service for us.
        """
        self.ensure_one()
        # sudo: the author's users
        message = message.sudo()
        if message.message_type not in WRITTEN or message.is_internal:
            return False
        if not message.subtype_id or message.subtype_id.internal:
            return False
        author = message.author_id
        if not author:
            return bool(message.email_from)
        # sudo: who does the service, whoever posts
        case = self.sudo()
        provider = case.provider_id.commercial_partner_id
        if author.commercial_partner_id == provider != case.commercial_partner_id:
            return False
        return author.partner_share
