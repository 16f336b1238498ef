from odoo import api, fields, models


class CareCustomerMixin(models.AbstractModel):
    """A record of one customer in one company: shows the customer's tier."""

    _name = "care.customer.mixin"
    _description = "Record of a customer"
    _inherit = ["care.story.mixin"]

    tier_id = fields.Many2one(
        "care.tier",
        "Tier",
        compute="_compute_tier_id",
        search="_search_tier_id",
        groups="base.group_user",
    )
    is_key = fields.Boolean("Key Customer", compute="_compute_tier_id", groups="base.group_user")
    customer_note = fields.Text(
        "Good to Know",
        compute="_compute_tier_id",
        groups="base.group_user",
        help="From the customer's profile: what everyone who serves them should know.",
    )

    @api.depends("partner_id", "company_id")
    def _compute_tier_id(self):
        for company, records in self.grouped("company_id").items():
            profiles = self.env["care.profile"]._for(records.partner_id, company)
            plain = records.filtered(
                lambda record, known=profiles: record.partner_id.commercial_partner_id not in known
            )
            # most customers have none: all at once
            plain.tier_id = plain.is_key = plain.customer_note = False
            for record in records - plain:
                profile = profiles[record.partner_id.commercial_partner_id]
                record.tier_id = profile.tier_id
                record.is_key = profile.tier_id.is_key
                record.customer_note = profile.note

    def _search_tier_id(self, operator, value):
        # the present company's view of its customers, as on the partner
        return [("partner_id.care_tier_id", operator, value)]
