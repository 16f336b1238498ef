from odoo import api, fields, models

AGENT = "customer_care.group_agent"
#: What the partner's form shows and edits of the customer's profile, as ``care_…``.
PROFILE = (
    "tier_id",
    "no_followup",
    "no_survey",
    "note",
    "preferred_channel",
    "contact_from",
    "contact_to",
)
#: The numbers on the partner's buttons, and what they count.
COUNTED = {
    "care_journey_count": "care.journey",
    "care_promise_count": "care.promise",
    "care_followup_count": "care.followup",
}


class ResPartner(models.Model):
    _name = "res.partner"
    _inherit = ["res.partner", "care.story.mixin"]

    # No columns: all of it stands in `care.profile`, for the present company.
    care_tier_id = fields.Many2one(
        "care.tier",
        "Tier",
        compute="_compute_care_profile",
        inverse="_inverse_care_profile",
        search="_search_care_tier_id",
        groups=AGENT,
    )
    care_is_key = fields.Boolean("Key Customer", compute="_compute_care_profile", groups=AGENT)
    care_no_followup = fields.Boolean(
        "No Follow-ups",
        compute="_compute_care_profile",
        inverse="_inverse_care_profile",
        groups=AGENT,
        help="This customer asked not to be contacted after a sale.",
    )
    care_no_survey = fields.Boolean(
        "No Surveys",
        compute="_compute_care_profile",
        inverse="_inverse_care_profile",
        groups=AGENT,
        help="This customer asked not to be sent surveys.",
    )
    care_note = fields.Text(
        "Good to Know",
        compute="_compute_care_profile",
        inverse="_inverse_care_profile",
        groups=AGENT,
        help="What everyone who serves them should know.",
    )
    care_preferred_channel = fields.Selection(
        lambda self: self.env["care.profile"]._fields["preferred_channel"].selection,
        "Preferred Channel",
        compute="_compute_care_profile",
        inverse="_inverse_care_profile",
        groups=AGENT,
    )
    care_contact_from = fields.Float(
        "Contact From",
        compute="_compute_care_profile",
        inverse="_inverse_care_profile",
        groups=AGENT,
    )
    care_contact_to = fields.Float(
        "Contact Until",
        compute="_compute_care_profile",
        inverse="_inverse_care_profile",
        groups=AGENT,
    )
    care_contact_days = fields.Char("Contact Days", compute="_compute_care_profile", groups=AGENT)
    care_case_count = fields.Integer(compute="_compute_care_case_count", groups=AGENT)
    care_journey_count = fields.Integer(compute="_compute_care_counts", groups=AGENT)
    care_promise_count = fields.Integer(compute="_compute_care_counts", groups=AGENT)
    care_followup_count = fields.Integer(compute="_compute_care_counts", groups=AGENT)

    def write(self, vals):
        before = {}
        if not {"parent_id", "is_company"}.isdisjoint(vals):
            before = {partner: partner.commercial_partner_id for partner in self}
        result = super().write(vals)
        moved = self.filtered(
            lambda it: before.get(it, it.commercial_partner_id) != it.commercial_partner_id
        )
        if own := moved.filtered(lambda partner: before[partner] == partner):
            self.env["care.profile"]._follow(own)
        if moved:
            moved._care_moved()
        return result

    def _care_moved(self):
        """These belong to another firm than before, or to none, and with them all that is below
        them: a hook for what depends on it.
        """
        self._forget_what_customers_may_see()

    def _forget_what_customers_may_see(self):
        """Odoo remembers a customer's record rules with the firm that he belonged to."""
        # sudo: whoever edits addresses need not see users, of other companies neither
        users = self.env["res.users"].sudo().with_context(active_test=False)
        if users.search_count([("partner_id", "child_of", self.ids)], limit=1):
            self.env.registry.clear_cache()

    @api.depends("commercial_partner_id")
    @api.depends_context("company")
    def _compute_care_profile(self):
        profiles = self.env["care.profile"]._for(self, self.env.company)
        for partner in self:
            profile = profiles.get(partner.commercial_partner_id, self.env["care.profile"])
            for name in PROFILE:
                partner[f"care_{name}"] = profile[name]
            partner.care_contact_days = profile.contact_days_text
            partner.care_is_key = profile.tier_id.is_key

    def _inverse_care_profile(self):
        """Write what was changed to the customer's profile; made when there is something to
        keep."""
        Profile = self.env["care.profile"]
        profiles = Profile._for(self, self.env.company)
        missing = {}
        for partner in self:
            customer = partner.commercial_partner_id
            vals = {name: partner[f"care_{name}"] for name in PROFILE}
            vals["tier_id"] = partner.care_tier_id.id
            profile = profiles.get(customer)
            if profile:
                profile.write(
                    {
                        name: value
                        for name, value in vals.items()
                        if profile[name] != partner[f"care_{name}"]
                    }
                )
            elif any(vals.values()):
                missing[customer] = vals
        Profile.create(
            [
                {"partner_id": customer.id, "company_id": self.env.company.id, **vals}
                for customer, vals in missing.items()
            ]
        )

    def _search_care_tier_id(self, operator, value):
        if operator != "in":
            return NotImplemented
        profiles = self.env["care.profile"]._search(
            [
                ("company_id", "=", self.env.company.id),
                ("tier_id", "in", [tier for tier in value if tier]),
            ]
        )
        found = [
            (
                "commercial_partner_id",
                "in",
                profiles.subselect("partner_id"),
            )
        ]
        if False in value:
            with_tier = self.env["care.profile"]._search(
                [("company_id", "=", self.env.company.id), ("tier_id", "!=", False)]
            )
            without = [("commercial_partner_id", "not in", with_tier.subselect("partner_id"))]
            return ["|", *found, *without]
        return found

    def _compute_care_case_count(self):
        counts = dict(
            self.env["care.case"]._read_group(
                [("partner_id.commercial_partner_id", "in", self.ids)],
                ["commercial_partner_id"],
                ["__count"],
            )
        )
        for partner in self:
            partner.care_case_count = counts.get(partner, 0)

    def action_care_open_cases(self):
        return self._care_open("care_case_action")

    def _compute_care_counts(self):
        for field, model in COUNTED.items():
            groups = self.env[model]._read_group(
                [("partner_id.commercial_partner_id", "in", self.commercial_partner_id.ids)],
                ["partner_id"],
                ["__count"],
            )
            for partner in self:
                partner[field] = sum(
                    count
                    for other, count in groups
                    if partner in (other, other.commercial_partner_id)
                )

    def _story_partner(self):
        return self

    def _care_open(self, xmlid):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(f"customer_care.{xmlid}")
        action["domain"] = [("partner_id", "child_of", self.id)]
        action["context"] = {"default_partner_id": self.id}
        return action

    def action_care_profile(self):
        """The customer's profile in a dialog: not everybody who serves them may change contacts."""
        self.ensure_one()
        self.check_access("read")
        customer = self.commercial_partner_id
        profile = self.env["care.profile"]._for(customer, self.env.company).get(customer)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Customer Profile"),
            "res_model": "care.profile",
            "res_id": profile.id if profile else False,
            "views": [(self.env.ref("customer_care.care_profile_view_form").id, "form")],
            "target": "new",
            "context": {
                "default_partner_id": customer.id,
                "default_company_id": self.env.company.id,
            },
        }

    def action_care_open_journeys(self):
        return self._care_open("care_journey_action")

    def action_care_open_promises(self):
        return self._care_open("care_promise_action_all")

    def action_care_open_followups(self):
        return self._care_open("care_followup_action_all")
