from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import email_normalize

from ..tools.filing import NAME_MAX, SUBJECT_MAX, TEXT_MAX, clean_name, one_line
from .care_case import STAFF
from .care_due_mixin import ENGINE

#: How people may say that a case came in; every other way is the engine's to tell.
PEOPLES_CHANNELS = ("phone", "mail", "callback", "public")


class CareCase(models.Model):
    """How a case is filed, by whichever door it comes in."""

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    contact_name = fields.Char(
        "Told by", copy=False, groups=STAFF, help="The name that was typed in, if it is another."
    )
    contact_phone = fields.Char(
        "Call Back On", copy=False, groups=STAFF, help="The number given with this case."
    )
    contact_when = fields.Char(
        "Call Back When", copy=False, groups=STAFF, help="When they would like to be called."
    )

    def _complete_vals(self, vals_list):
        if not self.env.su and self.env.context.get("care_import") is not ENGINE:
            for vals in vals_list:
                self._check_channel(vals.get("channel") or "phone")
        return super()._complete_vals(vals_list)

    def write(self, vals):
        if "channel" in vals and not self.env.su:
            for before in set(self.mapped("channel")) - {vals["channel"]}:
                self._check_channel(vals["channel"])
                self._check_channel(before)
        return super().write(vals)

    @api.model
    def _check_channel(self, channel):
        """What comes in by itself is promised something, or not: nobody says that by hand."""
        if channel in PEOPLES_CHANNELS:
            return
        words = dict(self._fields["channel"]._description_selection(self.env))
        raise AccessError(
            self.env._(
                "“%(channel)s” is set by Customer Care itself. Choose one of: %(others)s.",
                channel=words.get(channel, channel),
                others=", ".join(words[name] for name in PEOPLES_CHANNELS),
            )
        )

    def copy_data(self, default=None):
        # somebody writes it down now, whichever way the first one came
        return super().copy_data({"channel": "phone", **(default or {})})

    def _search(self, domain, offset=0, limit=None, order=None, **kwargs):
        if order == self._order and not self.env.su and not self.env.user._is_internal():
            # how severe we think it is, is not for customers, not even by a list's order
            order = "received_at desc, id desc"
        return super()._search(domain, offset, limit, order, **kwargs)

    def _care_event(self, event, at=None):
        if event == "case_opened":
            # what comes out of an old list was promised nothing, and nobody is written to
            self = self.filtered(lambda case: case.channel != "import")  # noqa: PLW0642
        return super()._care_event(event, at)

    def _care_notify(self, event):
        if event == "case_opened":
            # who wrote about us elsewhere did not write to us
            self = self.filtered(lambda case: case.kind != "mention")  # noqa: PLW0642
        return super()._care_notify(event)

    @api.model
    def _file_case(self, vals, channel, sender=None, files=()):
        """File one case: what every door does in the end.

        :param dict vals: of the case; ``company_id`` always, ``partner_id`` if the door knows
            the customer; ``description`` is plain text
        :param str channel: one of the field's
        :param dict sender: ``name``, ``email`` and ``phone`` of a customer whom the door does
            not know
        :param files: (name, bytes) of files that were checked; shown to the customer with
            their words
        :return: the case, as superuser
        """
        vals = self._filing_vals(vals, channel, sender)
        company = self.env["res.company"].browse(vals["company_id"])
        # sudo: whoever stands at a door has no rights of their own; the door has checked
        # what it lets in
        case = self.sudo().with_company(company).with_context(care_opening=True).create(vals)
        if files:
            case._file_keep(files)
        return case

    @api.model
    def _filing_vals(self, vals, channel, sender=None):
        """The values of a case that is filed: those of :meth:`_file_case`, completed."""
        company = self.env["res.company"].browse(vals["company_id"])
        sender = sender or {}
        partner = self.env["res.partner"].browse(vals.get("partner_id") or [])
        if not partner:
            partner = self._filing_partner(company, **sender)
        description = (vals.get("description") or "").strip()[:TEXT_MAX]
        first = description.splitlines()[0] if description else ""
        # sudo: the name and the phone that we have, to see whether we were told others
        known = partner.sudo()
        told = {
            "contact_name": one_line(sender.get("name"), NAME_MAX),
            "contact_phone": one_line(sender.get("phone"), NAME_MAX),
        }
        if told["contact_name"].lower() in (known.name or "").lower():
            told["contact_name"] = False
        if told["contact_phone"] == known.phone:
            told["contact_phone"] = False
        return {
            "received_at": self.env.cr.now(),
            **{name: value for name, value in told.items() if value},
            **vals,
            "name": one_line(vals.get("name"))
            or one_line(first, SUBJECT_MAX)
            or self.env._("Without a subject"),
            "description": description or False,
            "partner_id": partner.id,
            "channel": channel,
        }

    @api.model
    def _filing_partner(self, company, name=None, email=None, phone=None):
        """The customer with this mail in ``company``; made where nobody has it.

        What a known customer is called and where they live is not changed by what somebody
        types at a door.

        :return: a partner, as superuser
        """
        # sudo: doors are open to who has no right to contacts
        partners = self.env["res.partner"].sudo()
        email = email_normalize(email or "")
        if email:
            known = self._filing_known(company, email)
            if known:
                return known
        name, phone = one_line(name, NAME_MAX), one_line(phone, NAME_MAX)
        if not (name or email or phone):
            return company.sudo()._care_unknown_partner()
        return partners.create(
            {
                "name": name or email or phone,
                "email": email,
                "phone": phone or False,
                "company_id": company.id,
                "lang": self.env.lang or False,
            }
        )

    @api.model
    def _filing_known(self, company, email):
        """The contact of ``company`` who has this (normalised) mail: the company's own before
        one of all companies, one who logs in before others. As superuser; may be empty.
        """
        # sudo: as in `_filing_partner`
        found = (
            self.env["res.partner"]
            .sudo()
            .search(
                [("email_normalized", "=", email), ("company_id", "in", (False, company.id))],
                order="id",
            )
        )
        return found.sorted(
            lambda partner: (partner.company_id != company, not partner.user_ids, partner.id)
        )[:1]

    def _file_keep(self, files):
        """Keep files that came with the case, as a message in which the customer sends them.

        :param files: (name, bytes) of files that were checked
        """
        self.ensure_one()
        author = self.partner_id
        # images are kept as they came: who sent them may have made them to be taken apart
        return self.with_context(
            attachments_mime_plainxml=True, image_no_postprocess=True, care_opening=True
        ).message_post(
            body=self.env._("Sent with the case."),
            author_id=author.id,
            email_from=author.email_formatted,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            attachments=[(clean_name(name), content) for name, content in files],
        )


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    # nullable, as all of ours here
    care_unknown_partner_id = fields.Many2one(
        "res.partner",
        "Customer Nobody Knows",
        copy=False,
        help="Stands for customers of whom we know nothing: mail without a sender, public "
        "mentions by people we cannot name.",
    )

    def _care_unknown_partner(self):
        """Who stands for the customers of this company of whom nothing is known."""
        self.ensure_one()
        # sudo: kept by the engine, whoever needs it first
        company = self.sudo()
        if not company.care_unknown_partner_id.exists():
            company.care_unknown_partner_id = (
                self.env["res.partner"]
                .sudo()
                .create({"name": self.env._("Unknown customer"), "company_id": company.id})
            )
        return company.care_unknown_partner_id
