from odoo import api, models


class ResUsers(models.Model):
    _inherit = "res.users"

    @api.model
    def _care_naming(self):
        return {**super()._care_naming(), "care.audit.plan": {"owner_id": []}}

    def _care_move_work(self, leaving):
        result = super()._care_move_work(leaving)
        # sudo: visits and the growth list go on, whoever archives a colleague
        audits = self.env["care.audit"].sudo()
        for audit in audits.search([("auditor_id", "in", self.ids), ("state", "=", "planned")]):
            if not audit.auditor_id._care_has_to_go(audit.company_id, leaving):
                continue
            going = (
                (audit.auditor_id | leaving | audit.audited_id)
                if leaving
                else (audit.auditor_id | audit.audited_id)
            )
            owner = audit.plan_id.owner_id
            if owner in going:
                owner = audit.company_id._care_default_owner(going)
            audit.activity_ids.unlink()
            audit.auditor_id = owner
            audit._tell_auditors()
        rows = self.env["care.audit.growth"].sudo()
        for row in rows.search([("owner_id", "in", self.ids), ("state", "=", "open")]):
            if row.owner_id._care_has_to_go(row.company_id, leaving):
                row.owner_id = row.company_id._care_default_owner(leaving or row.owner_id)
        return result
