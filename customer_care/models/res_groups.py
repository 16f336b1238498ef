from odoo import models


class ResGroups(models.Model):
    _inherit = "res.groups"

    def write(self, vals):
        agents = self.env.ref("customer_care.group_agent", raise_if_not_found=False)
        if not agents or not {"user_ids", "implied_ids"} & set(vals):
            return super().write(vals)
        # sudo: who works with Customer Care, whoever changes the groups
        agents = agents.sudo()
        before = self.sudo().filtered(lambda group: agents in group.all_implied_ids).all_user_ids
        result = super().write(vals)
        (before - agents.all_user_ids)._care_lost_places()
        return result
