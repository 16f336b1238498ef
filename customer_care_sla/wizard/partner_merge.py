from odoo import models


class MergePartnerAutomatic(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys(self, src_partners, dst_partner):
        """What is promised to a customer is promised to whom they become."""
        result = super()._update_foreign_keys(src_partners, dst_partner)
        # sudo: policies of whatever company; the wizard has looked at who merges
        policies = self.env["care.sla.policy"].sudo().with_context(active_test=False)
        policies.search([("partner_ids", "!=", False)])._changed()
        return result
