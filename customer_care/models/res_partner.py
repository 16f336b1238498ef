from odoo import api, fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    # No column: the tier stands in `care.profile`, per company.
    care_tier_id = fields.Many2one(
        "care.tier",
        "Tier",
        compute="_compute_care_tier_id",
        inverse="_inverse_care_tier_id",
        search="_search_care_tier_id",
        groups="customer_care.group_agent",
    )
    care_case_count = fields.Integer(
        compute="_compute_care_case_count", groups="customer_care.group_agent"
    )

    @api.depends_context("company")
    def _compute_care_tier_id(self):
        profiles = self.env["care.profile"]._for(self, self.env.company)
        for partner in self:
            profile = profiles.get(partner.commercial_partner_id)
            partner.care_tier_id = profile.tier_id if profile else False

    def _inverse_care_tier_id(self):
        Profile = self.env["care.profile"]
        profiles = Profile._for(self, self.env.company)
        missing = {}
        for partner in self:
            customer = partner.commercial_partner_id
            if customer in profiles:
                profiles[customer].tier_id = partner.care_tier_id
            elif partner.care_tier_id:
                missing[customer] = {
                    "partner_id": customer.id,
                    "company_id": self.env.company.id,
                    "tier_id": partner.care_tier_id.id,
                }
        Profile.create(list(missing.values()))

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
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [("partner_id", "child_of", self.id)]
        action["context"] = {"default_partner_id": self.id}
        return action
