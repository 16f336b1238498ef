from odoo import models


class MergePartnerAutomatic(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        """What is promised to a customer is promised to whom they become."""
        result = super()._merge(partner_ids, dst_partner, extra_checks)
        # sudo: policies of whatever company; the wizard has looked at who merges
        policies = self.env["care.sla.policy"].sudo().with_context(active_test=False)
        policies.search([("partner_ids", "!=", False)])._changed()
        return result
