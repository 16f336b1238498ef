from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    care_start_date = fields.Date(related="company_id.care_start_date", readonly=False)
    care_default_owner_id = fields.Many2one(
        related="company_id.care_default_owner_id", readonly=False
    )
    care_handoff_hours = fields.Float(related="company_id.care_handoff_hours", readonly=False)
    care_promise_grace_days = fields.Integer(
        related="company_id.care_promise_grace_days", readonly=False
    )
    care_weekly_limit = fields.Integer(related="company_id.care_weekly_limit", readonly=False)
    care_merge_days = fields.Integer(related="company_id.care_merge_days", readonly=False)
    care_checkback_days = fields.Integer(related="company_id.care_checkback_days", readonly=False)
    care_public_form = fields.Boolean(related="company_id.care_public_form", readonly=False)
