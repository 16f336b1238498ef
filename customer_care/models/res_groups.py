from odoo import models


class ResGroups(models.Model):
    _inherit = "res.groups"

    def write(self, vals):
        users = self.env["res.users"].sudo()
        if {"user_ids", "implied_ids"} & set(vals):
            agents = self.env.ref("customer_care.group_agent")
            # sudo: who works with Customer Care through these groups, whoever changes them
            users = self.sudo().filtered(lambda group: agents in group.all_implied_ids).all_user_ids
        result = super().write(vals)
        users._care_lost_places()
        return result
