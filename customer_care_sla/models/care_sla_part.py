from odoo import api, fields, models


class CareSlaPart(models.AbstractModel):
    """A line of a policy: whoever changes it changes the policy."""

    _name = "care.sla.part"
    _description = "Part of an SLA policy"

    policy_id = fields.Many2one(
        "care.sla.policy", "Policy", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="policy_id.company_id")

    @api.model_create_multi
    def create(self, vals_list):
        parts = super().create(vals_list)
        parts.policy_id._changed()
        return parts

    def write(self, vals):
        before = self.policy_id
        if "policy_id" in vals:
            # the rules know the policy that it leaves, not the one that it goes to
            self.env["care.sla.policy"].browse(vals["policy_id"]).check_access("write")
        result = super().write(vals)
        (before | self.policy_id)._changed()
        return result

    def unlink(self):
        policies = self.policy_id
        result = super().unlink()
        policies._changed()
        return result
