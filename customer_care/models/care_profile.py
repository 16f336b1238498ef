from odoo import api, fields, models


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
        [("phone", "Phone"), ("email", "Email"), ("message", "Message"), ("visit", "Visit")],
        help="How this customer wants to be contacted.",
    )
    contact_from = fields.Float("Contact From", help="The hour from which they may be called.")
    contact_to = fields.Float("Contact Until", help="The hour until which they may be called.")
    contact_days = fields.Selection(
        [("any", "Any day"), ("weekdays", "Monday to Friday"), ("weekend", "Weekend")],
        help="The days on which they want to be contacted.",
    )
    note = fields.Text("Good to Know", help="What everyone who serves them should know.")

    _partner_company_uniq = models.Constraint(
        "UNIQUE (partner_id, company_id)",
        "There is already a profile of this customer in this company.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        # one profile for a company and all its contacts
        for vals in vals_list:
            partner = self.env["res.partner"].browse(vals.get("partner_id"))
            vals["partner_id"] = partner.commercial_partner_id.id or partner.id
        return super().create(vals_list)

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
