from odoo import fields, models


class CareSlaPolicy(models.Model):
    _inherit = "care.sla.policy"

    quiet_hours = fields.Boolean(
        "Quiet Outside Working Hours",
        help="What would be told at night, at the weekend or on a day off is told when the "
        "working hours of the promise begin again.",
    )

    def _compute_retry_ids(self):
        """With the alerts that could not be done."""
        result = super()._compute_retry_ids()
        # sudo: a policy's reader sees its errors, whatever cases they may see
        alerts = self.env["care.sla.alert"].sudo()
        failed = alerts.search(
            [
                ("clock_id.policy_id", "in", self.ids),
                ("state", "in", ("planned", "failed")),
                ("error", "!=", False),
            ],
            order="id desc",
        ).grouped(lambda alert: alert.clock_id.policy_id.id)
        for policy in self:
            mine = failed.get(policy.id, alerts)
            policy.retry_count += len(mine)
            policy.last_error = policy.last_error or mine[:1].error
        return result
