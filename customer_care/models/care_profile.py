from babel.dates import get_day_names

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools.misc import babel_locale_parse, get_lang

#: Monday to Sunday, as in ``contact_days``.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: What decides when and how a customer is contacted.
CONTACT_FIELDS = ("preferred_channel", "contact_from", "contact_to", "contact_days")


class CareProfile(models.Model):
    """What a company knows of a customer as a customer.

    A table of its own: nothing is added to ``res_partner``, and two companies may see
    the same customer differently.
    """

    _name = "care.profile"
    _description = "Customer profile"
    _rec_name = "partner_id"
    _check_company_auto = True

    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
        index=True,
    )
    tier_id = fields.Many2one("care.tier", ondelete="restrict", index="btree_not_null")
    no_survey = fields.Boolean("No Surveys", help="This customer asked not to be sent surveys.")
    no_followup = fields.Boolean(
        "No Follow-ups", help="This customer asked not to be contacted after a sale."
    )
    preferred_channel = fields.Selection(
        [("phone", "Phone"), ("email", "E-mail"), ("visit", "Visit")],
        help="How this customer wants to be contacted. Follow-ups of another kind become "
        "this one when they are due. Empty: any way.",
    )
    contact_from = fields.Float(
        "Not Before", help="Time of day in the customer's own zone; 0: any time."
    )
    contact_to = fields.Float(
        "Not After", help="Time of day in the customer's own zone; 0: any time."
    )
    contact_days = fields.Char(
        readonly=True, help="Days of the week on which to contact them: 0 is Monday. Empty: any."
    )
    contact_days_text = fields.Char("On", compute="_compute_weekdays")
    contact_mon = fields.Boolean("Mon", compute="_compute_weekdays", inverse="_inverse_weekdays")
    contact_tue = fields.Boolean("Tue", compute="_compute_weekdays", inverse="_inverse_weekdays")
    contact_wed = fields.Boolean("Wed", compute="_compute_weekdays", inverse="_inverse_weekdays")
    contact_thu = fields.Boolean("Thu", compute="_compute_weekdays", inverse="_inverse_weekdays")
    contact_fri = fields.Boolean("Fri", compute="_compute_weekdays", inverse="_inverse_weekdays")
    contact_sat = fields.Boolean("Sat", compute="_compute_weekdays", inverse="_inverse_weekdays")
    contact_sun = fields.Boolean("Sun", compute="_compute_weekdays", inverse="_inverse_weekdays")
    note = fields.Text("Good to Know", help="What everyone who serves them should know.")

    _partner_company_uniq = models.Constraint(
        "UNIQUE (partner_id, company_id)",
        "There is already a profile of this customer in this company.",
    )

    _contact_hours_check = models.Constraint(
        "CHECK (contact_from >= 0 AND contact_from < 24 AND contact_to >= 0 AND contact_to <= 24)",
        "Times of day lie between 0:00 and 24:00.",
    )

    @api.depends("contact_days")
    @api.depends_context("lang")
    def _compute_weekdays(self):
        names = get_day_names("abbreviated", locale=babel_locale_parse(get_lang(self.env).code))
        for profile in self:
            days = profile.contact_days or ""
            for number, day in enumerate(WEEKDAYS):
                profile[f"contact_{day}"] = str(number) in days
            profile.contact_days_text = ", ".join(names[int(number)] for number in days)

    def _inverse_weekdays(self):
        for profile in self:
            days = [str(n) for n, day in enumerate(WEEKDAYS) if profile[f"contact_{day}"]]
            profile.contact_days = "".join(days) or False

    @api.constrains("contact_from", "contact_to", "contact_days")
    def _check_contact_hours(self):
        for profile in self:
            if profile.contact_to and profile.contact_to <= profile.contact_from:
                raise ValidationError(
                    self.env._(
                        "%s could never be contacted: “Not After” has to be later than "
                        "“Not Before”.",
                        profile.partner_id.display_name,
                    )
                )
            if set(profile.contact_days or "") - set("0123456"):
                raise ValidationError(self.env._("Days of the week are numbered from 0 to 6."))

    @api.model_create_multi
    def create(self, vals_list):
        # one profile for a company and all its contacts
        for vals in vals_list:
            partner = self.env["res.partner"].browse(vals.get("partner_id"))
            vals["partner_id"] = partner.commercial_partner_id.id or partner.id
        profiles = super().create(vals_list)
        profiles._heed_opt_out()
        return profiles

    def write(self, vals):
        result = super().write(vals)
        if not set(CONTACT_FIELDS).isdisjoint(vals):
            # sudo: what waits for the customer's hours is decided anew by the engine
            self.env["care.followup"].sudo()._release_held(("customer_hours",), self.partner_id)
        if vals.get("no_followup"):
            self._heed_opt_out()
        return result

    def _heed_opt_out(self):
        """Who does not want to be contacted is not called today either."""
        refusing = self.filtered("no_followup")
        if refusing:
            self.env["care.followup"]._look_again(refusing.partner_id)

    @api.model
    def _follow(self, moved, into=None):
        """These customers belong to another company now: what is known of them goes along.

        Where that company has a profile already, the stricter of both wins.

        :param moved: partners that were their own commercial partner
        :param into: whom they are merged into
        """
        firms = (into or moved).commercial_partner_id
        # sudo: whoever edits contacts, what the customer asked for is kept
        profiles = self.sudo().search([("partner_id", "in", (moved | firms).ids)], order="id")
        known = {
            (profile.partner_id, profile.company_id): profile
            for profile in profiles
            if profile.partner_id not in moved
        }
        doubles = self.sudo().browse()
        for profile in profiles.filtered(lambda profile: profile.partner_id in moved):
            customer = (into or profile.partner_id).commercial_partner_id
            other = known.setdefault((customer, profile.company_id), profile)
            if other == profile:
                profile.partner_id = customer
            else:
                other._take_over(profile)
                doubles |= profile
        doubles.unlink()

    def _take_over(self, other):
        """What is known of another becomes known here: an opt-out counts, blanks are filled."""
        self.ensure_one()
        vals = {
            name: other[name]
            for name in ("no_followup", "no_survey", "preferred_channel", "contact_days", "note")
            if other[name] and not self[name]
        }
        if other.tier_id and not self.tier_id:
            vals["tier_id"] = other.tier_id.id
        if not self.contact_from and not self.contact_to:
            vals.update(contact_from=other.contact_from, contact_to=other.contact_to)
        self.write(vals)

    @api.model
    def _for(self, partners, company):
        """Profiles of the customers behind ``partners`` in ``company``.

        :return: dict commercial partner -> profile (missing where there is none)
        """
        profiles = self.search(
            [
                ("partner_id", "in", partners.commercial_partner_id.ids),
                ("company_id", "=", company.id),
            ]
        )
        return {profile.partner_id: profile for profile in profiles}
