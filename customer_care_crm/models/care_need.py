from odoo import fields, models


class CareNeed(models.Model):
    _inherit = "care.need"

    lead_id = fields.Many2one(
        "crm.lead", "Opportunity", index="btree_not_null", ondelete="set null"
    )

    def _check_pointed_at(self):
        result = super()._check_pointed_at()
        # whoever works without CRM has no opportunity to point to
        if not self.env.su and self.lead_id:
            self.lead_id.check_access("read")
        return result
