"""Old cases lose their persons and keep their figures."""

import re
from collections import defaultdict

from dateutil.relativedelta import relativedelta

from odoo import Command, api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain

from .care_due_mixin import ENGINE, run_domain

#: Cases anonymised in one transaction.
BATCH = 50
#: What stands where a person was named.
GONE = "[…]"
#: Words of a name shorter than this are no proof of a person.
WORD = 3
MAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
#: Seven digits and more, as phones are written; no dates, no piece of a longer word or number.
PHONE = re.compile(
    r"(?<![\w/#=.-])(?!\d{4}-\d\d-\d\d)(?:\+|00)?\(?\d(?:[\s()./-]?\d){6,14}(?![\w-])"
)


class Scrubber:
    """Takes the persons out of texts.

    :param names: names of the persons; each of their words goes, whole words only
    :param texts: mails, phones and the like, that go as they are written
    """

    def __init__(self, names=(), texts=()):
        words = {word for name in names for word in re.findall(r"[^\W\d_]+", name or "")}
        words = {word for word in words if len(word) >= WORD}
        whole = sorted(
            {text.strip() for text in (*names, *texts) if text and text.strip()},
            key=len,
            reverse=True,
        )
        patterns = [rf"(?<!\w){re.escape(text)}(?!\w)" for text in whole]
        patterns += [rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(words)]
        self._known = re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    def __call__(self, text):
        """``text`` without persons, addresses of mail and phones; what is empty stays so."""
        if not text:
            return text
        text = MAIL.sub(GONE, str(text))
        if self._known:
            text = self._known.sub(GONE, text)
        return PHONE.sub(GONE, text)


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_retention_months = fields.Integer(
        "Keep Personal Data",
        default=0,
        help="Months after which a case that is over loses its persons: names, addresses, "
        "messages' attachments. Its figures stay. 0: never.",
    )
    care_anonymous_partner_id = fields.Many2one(
        "res.partner",
        "Anonymous Customer",
        readonly=True,
        ondelete="restrict",
        help="Stands where the customer of an old case stood.",
    )

    def _care_anonymous_partner(self):
        """The contact that stands for customers who are gone; made when it is first needed."""
        self.ensure_one()
        # sudo: made by the engine
        company = self.sudo()
        if not company.care_anonymous_partner_id:
            company.care_anonymous_partner_id = company.env["res.partner"].create(
                {
                    "name": self.env._("Anonymous customer"),
                    "company_id": company.id,
                    "active": False,
                }
            )
        return company.care_anonymous_partner_id


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_retention_months = fields.Integer(
        related="company_id.care_retention_months", readonly=False
    )
    care_retention_count = fields.Integer(compute="_compute_care_retention_count")

    @api.depends("company_id", "care_retention_months")
    def _compute_care_retention_count(self):
        for settings in self:
            # sudo: a number, for who sets the period
            cases = self.env["care.case"].sudo()
            domain = cases._retention_domain(settings.company_id, settings.care_retention_months)
            settings.care_retention_count = cases.search_count(domain)


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    legal_hold = fields.Boolean(
        tracking=True,
        copy=False,
        groups="base.group_user",
        help="Keeps its personal data however old it is: a dispute, an insurer, an authority.",
    )
    anonymized_at = fields.Datetime(
        "Anonymised", readonly=True, copy=False, groups="base.group_user"
    )

    _retention_idx = models.Index(
        "(company_id, stage_since) WHERE anonymized_at IS NULL"
        " AND stage_category IN ('closed', 'cancelled')"
    )

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"anonymized_at"}

    def write(self, vals):
        if (
            "legal_hold" in vals
            and not self.env.su
            and not self.env.user.has_group("customer_care.group_leader")
            and any(case.legal_hold != bool(vals["legal_hold"]) for case in self)
        ):
            raise AccessError(self.env._("Only team leaders and managers set or end a legal hold."))
        return super().write(vals)

    @api.model
    def _retention_domain(self, company, months):
        """Cases of ``company`` whose persons have to go now."""
        if months <= 0:
            return Domain.FALSE
        return (
            Domain("company_id", "=", company.id)
            & Domain("anonymized_at", "=", False)
            & Domain("stage_category", "in", ("closed", "cancelled"))
            & Domain("stage_since", "<=", self.env.cr.now() - relativedelta(months=months))
            & Domain("legal_hold", "=", False)
        )

    @api.model
    def _cron_retention(self):
        """Anonymise what is old enough, a batch a transaction; killed at any point, what was
        not committed is done in the next run. What fails is passed over and logged.
        """
        # sudo: a cron of the engine
        cases = self.sudo()
        companies = cases.env["res.company"].search([("care_retention_months", ">", 0)])
        due = Domain.OR(
            cases._retention_domain(company, company.care_retention_months) for company in companies
        )

        def work(batch):
            for company, mine in batch.grouped("company_id").items():
                mine.with_company(company)._anonymize()

        run_domain(cases, due, work, order="stage_since, id", limit=BATCH)

    # ------------------------------------------------------------
    # Anonymising
    # ------------------------------------------------------------

    def _anonymize(self):
        """Take the persons out of these cases and of all that hangs on them, as superuser."""
        cases = self.with_context(
            tracking_disable=True, mail_notrack=True, mail_activity_quick_update=True
        )
        scrubbers = {case: case._scrubber() for case in cases}
        cases._anonymize_linked(scrubbers)
        cases._anonymize_messages(scrubbers)
        (cases.next_ids - cases).write({"previous_id": False})
        for case, scrub in scrubbers.items():
            case.write(case._prepare_anonymous_vals(scrub))
        cases._forget_followers()
        self.env["care.fact"]._forget_customers(cases)
        cases.write({"anonymized_at": self.env.cr.now()})

    def _scrubber(self):
        """What takes this case's persons out of a text."""
        self.ensure_one()
        partners = self.partner_id | self.commercial_partner_id
        authors = self.message_ids.author_id.filtered("partner_share")
        people = partners | authors | self.message_partner_ids.filtered("partner_share")
        typed = (self.contact_phone, self.callback_phone)
        return Scrubber(
            # whoever wrote without being known has left a name with the case alone
            [*people.mapped("name"), self.contact_name],
            [
                text
                for partner in people
                for text in (partner.email, partner.phone, partner.street)
                if text
            ]
            + [phone for phone in typed if phone],
        )

    def _prepare_anonymous_vals(self, scrub):
        """The case's own values without its persons. Addons add their own fields."""
        self.ensure_one()
        merged = {}
        if self.merged_into_id:
            # its number, too, leads to a case that may still name the customer
            merged["cancel_reason"] = self.env._("Merged into another case")
        return {
            "name": scrub(self.name),
            "description": scrub(self.description),
            "resolution": scrub(self.resolution),
            "cancel_reason": scrub(self.cancel_reason),
            "verdict_reason": scrub(self.verdict_reason),
            "public_answer": scrub(self.public_answer),
            "email_cc": False,
            "callback_phone": False,
            "callback_when": False,
            "contact_name": False,
            "contact_phone": False,
            "contact_when": False,
            # what stands there names who wrote it
            "source_name": False,
            "source_url": False,
            # orders, journeys and the customer's other cases lead to them as well
            "order_id": False,
            "quotation_id": False,
            "previous_id": False,
            "merged_into_id": False,
            **merged,
            "journey_id": False,
            "followup_id": False,
            "promise_id": False,
            "access_token": False,
            "partner_id": self.company_id._care_anonymous_partner().id,
        }

    def _anonymize_linked(self, scrubbers):
        """What hangs on these cases. Addons add their own tables.

        :param dict scrubbers: case -> :class:`Scrubber`
        """
        texts = {
            "care.followup": ("name", "feedback", "need_text", "advice", "trail", "hold_note"),
            "care.handoff": ("note", "answer_note"),
            "care.promise": ("name", "note"),
        }
        for model, names in texts.items():
            rows = self.env[model].search([("case_id", "in", self.ids)])
            rows = rows.with_context(tracking_disable=True, care_from_activity=ENGINE)
            for row in rows:
                scrub = scrubbers[row.case_id]
                vals = {name: scrub(row[name]) for name in names if row[name]}
                if "partner_id" in row._fields:
                    vals["partner_id"] = row.company_id._care_anonymous_partner().id
                row.write(vals)
            if "message_ids" in rows._fields:
                rows.message_ids.unlink()
        self.env["care.notice"].search([("case_id", "in", self.ids)]).error = False
        activities = self.env["mail.activity"].with_context(active_test=False)
        activities.search([("res_model", "=", self._name), ("res_id", "in", self.ids)]).unlink()

    def _anonymize_messages(self, scrubbers):
        """Messages without names, mails, attachments, values that were tracked."""
        files = self.env["ir.attachment"].search(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", self.ids),
                # those of fields too
                ("id", "!=", 0),
            ]
        )
        messages = self.env["mail.message"].search(
            [("model", "=", self._name), ("res_id", "in", self.ids)]
        )
        (files | messages.attachment_ids).unlink()
        self.env["mail.tracking.value"].search([("mail_message_id", "in", messages.ids)]).unlink()
        self.env["mail.mail"].search([("mail_message_id", "in", messages.ids)]).unlink()
        messages.notification_ids.filtered(
            lambda note: not note.res_partner_id or note.res_partner_id.partner_share
        ).unlink()
        by_id = {case.id: case for case in self}
        for message in messages:
            case = by_id[message.res_id]
            scrub = scrubbers[case]
            vals = {
                "body": scrub(message.body),
                "subject": scrub(message.subject),
                # without a mail server of ours it is the customer's own address
                "reply_to": case.company_id.email_formatted or False,
            }
            for name in ("incoming_email_to", "incoming_email_cc", "outgoing_email_to"):
                if message[name]:
                    vals[name] = False
            if not message.author_id or message.author_id.partner_share:
                vals["author_id"] = case.company_id._care_anonymous_partner().id
                vals["email_from"] = False
            share = message.partner_ids.filtered("partner_share")
            if share:
                vals["partner_ids"] = [Command.unlink(partner.id) for partner in share]
            message.write(vals)

    def _forget_followers(self):
        gone = defaultdict(self.browse)
        for case in self:
            for partner in case.message_partner_ids.filtered("partner_share"):
                gone[partner] |= case
        for partner, cases in gone.items():
            cases.message_unsubscribe(partner_ids=partner.ids)
