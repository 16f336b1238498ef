from odoo import models


class CareRemedy(models.Model):
    _inherit = "care.remedy"

    def write(self, vals):
        result = super().write(vals)
        if "state" in vals:
            # sudo: promises follow what is decided, whoever decides it
            self.sudo()._follow_promise()
        return result

    def _follow_promise(self):
        """What the customer has said yes to, or what we have decided without asking them, is
        promised; while they think about it the promise stands still.
        """
        for state, remedies in self.grouped("state").items():
            if state == "accepted":
                remedies._promise_clocks()._resume()
                remedies._promise()
            elif state == "approved":
                # what is offered is promised once it is accepted
                remedies.filtered(lambda remedy: remedy.proceed != "offer")._promise()
            elif state == "offered":
                clocks = remedies._promise_clocks()
                clocks.filtered(lambda clock: clock.state == "running")._pause(reason="customer")
            elif state == "executed":
                clocks = self.env["care.sla.clock"]
                remedies._promise_clocks()._stop("met", user=clocks._person())
            else:
                remedies._promise_clocks()._stop("cancelled")

    def _promise_clocks(self):
        """The open promises of these remedies, which their numbers say."""
        return self.env["care.sla.clock"].search(
            [
                ("case_id", "in", self.case_id.ids),
                ("measure", "=", "remedy"),
                ("cycle", "in", self.ids),
                ("state", "in", self.env["care.sla.clock"]._live_states),
            ]
        )

    def _promise(self):
        clocks = self.env["care.sla.clock"]
        for remedy in self:
            clocks._start(remedy.case_id, clocks._now(), ["remedy"], {remedy.case_id: remedy.id})
