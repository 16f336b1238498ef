from odoo import api, fields, models


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    # Nullable, as all columns of ours on this table.
    care_authority_scope = fields.Selection(
        [
            ("remedies", "Remedies alone"),
            ("people", "Remedies, and what people of Customer Care post and pay"),
            ("all", "Remedies, and what anybody posts and pays, accountants too"),
        ],
        "Limits Apply To",
        default="people",
        help="Beyond their limit, people are stopped when they post a credit note, pay a customer "
        "or ask a payment provider for a refund. Tills, payment providers and bank statements "
        "never are. What went past a limit is listed daily.",
    )
    care_compensation_product_id = fields.Many2one(
        "product.product",
        "Product for Compensations",
        domain="[('type', '=', 'service')]",
        help="Stands on the credit notes of compensations, for their account and analysis.",
    )
    care_offer_days = fields.Integer(
        "Offers Are Good For",
        default=14,
        help="Days in which a customer may accept a remedy that was offered. 0: no end.",
    )
    care_discount_days = fields.Integer(
        "Discounts Are Good For",
        default=180,
        help="Days in which a discount on the next order has to be used. 0: no end.",
    )

    def _care_managers(self):
        """The active managers of Customer Care who work in this company, as superuser."""
        self.ensure_one()
        # sudo: who manages is no secret
        group = self.env["ir.model.data"]._xmlid_to_res_id("customer_care.group_manager")
        managers = self.env["res.groups"].sudo().browse(group).all_user_ids
        root = self.env.ref("base.user_root")
        return managers.filtered(
            lambda user: user.active and user != root and self in user.company_ids
        )

    @api.model
    def _care_outlay_lines(self):
        """What the daily list says of each outlay, in the reader's language."""
        outlays = self.env["care.outlay"].browse(self.env.context.get("care_outlays", ()))
        reasons = dict(outlays._fields["reason"]._description_selection(self.env))
        sealed = outlays.filtered("case_id.confidential")
        return [
            {
                "name": self.env._("Confidential") if outlay in sealed else outlay.name,
                "customer": outlay.case_id.number if outlay in sealed else outlay.partner_id.name,
                "who": outlay.user_id.name,
                "amount": outlay.currency_id.format(outlay.amount),
                "reason": reasons.get(outlay.reason),
            }
            for outlay in outlays
        ]


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_authority_scope = fields.Selection(
        related="company_id.care_authority_scope", readonly=False
    )
    care_compensation_product_id = fields.Many2one(
        related="company_id.care_compensation_product_id", readonly=False
    )
    care_offer_days = fields.Integer(related="company_id.care_offer_days", readonly=False)
    care_discount_days = fields.Integer(related="company_id.care_discount_days", readonly=False)
