from odoo import fields, models

from odoo.addons.customer_care.models import care_need


class CareNeed(models.Model):
    _inherit = "care.need"
    _link_fields = (*care_need.CareNeed._link_fields, "lead_id")

    lead_id = fields.Many2one(
        "crm.lead", "Opportunity", index="btree_not_null", ondelete="set null"
    )
