from odoo import models


class MergePartnerAutomatic(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """Odoo moves the rows by SQL: no write hears of it."""
        # of two profiles it would drop one, and with it what the customer asked for
        self.env["care.profile"]._follow(src_partners, dst_partner)
        result = super()._update_foreign_keys(src_partners, dst_partner)
        # sudo: of which firm a case is, whoever merges contacts
        cases = self.env["care.case"].sudo().search([("partner_id", "=", dst_partner.id)])
        self.env.add_to_compute(cases._fields["commercial_partner_id"], cases)
        return result

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        """Who is merged into another belongs to the other's firm."""
        result = super()._merge(partner_ids, dst_partner, extra_checks)
        left = self.env["res.partner"].browse(partner_ids).exists()
        left._care_moved()
        return result
