from odoo import api, fields, models


class CareMarkMixin(models.AbstractModel):
    """A document of Odoo's on which it shows whose it is: a key customer's, and what is good to
    know of them.
    """

    _name = "care.mark.mixin"
    _description = "Document with the mark of key customers"

    care_is_key = fields.Boolean(
        "Key Customer", compute="_compute_care_is_key", groups="customer_care.group_agent"
    )
    care_customer_note = fields.Text(
        "Good to Know", compute="_compute_care_is_key", groups="customer_care.group_agent"
    )

    @api.depends("partner_id", "company_id")
    @api.depends_context("company")
    def _compute_care_is_key(self):
        # one without a company is seen by the eyes of the present one
        for company, records in self.grouped(lambda row: row.company_id or row.env.company).items():
            profiles = self.env["care.profile"]._for(records.partner_id, company)
            for record in records:
                profile = profiles.get(record.partner_id.commercial_partner_id)
                record.care_is_key = bool(profile and profile.tier_id.is_key)
                record.care_customer_note = profile.note if profile else False
