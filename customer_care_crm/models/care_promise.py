from odoo import api, fields, models

from odoo.addons.customer_care.models import care_promise


class CarePromise(models.Model):
    _inherit = "care.promise"
    _manual_fields = care_promise.CarePromise._manual_fields | {"lead_id"}
    _link_fields = (*care_promise.CarePromise._link_fields, "lead_id")

    lead_id = fields.Many2one(
        "crm.lead", "Opportunity", index="btree_not_null", ondelete="set null"
    )

    @api.model
    def _prepare_promise(self, vals, memo):
        # sudo: only the company is looked at; the person's right to read it is checked
        lead = self.env["crm.lead"].sudo().browse(vals.get("lead_id"))
        if lead.company_id:
            vals = {**vals, "company_id": lead.company_id.id}
        return super()._prepare_promise(vals, memo)

    def action_open_record(self):
        self.ensure_one()
        if self.lead_id and not self.journey_id:
            return self.lead_id._get_records_action()
        return super().action_open_record()
