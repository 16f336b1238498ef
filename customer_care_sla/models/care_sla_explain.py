from odoo import fields, models


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    explanation = fields.Json(compute="_compute_explanation")

    def _compute_explanation(self):
        for clock in self:
            clock.explanation = [
                {
                    **segment,
                    "start": fields.Datetime.to_string(segment["start"]),
                    "stop": fields.Datetime.to_string(segment["stop"]),
                }
                for segment in clock._explain()
            ]

    def _explain(self):
        self.ensure_one()
        stop = self.stopped_at or self._now()
        if not self.worktime_id:
            return []
        pieces = [(self.started_at, self.paused_at or stop, "running", self.env._("Open hours"))]
        if self.paused_at:
            pieces.append((self.paused_at, stop, "paused", self.env._("Waiting for the customer")))
        return [
            {
                "start": start,
                "stop": until,
                "kind": kind,
                "reason": reason,
                "worked": self._worked(start, until),
                "wall": int((until - start).total_seconds()),
            }
            for start, until, kind, reason in pieces
        ]
