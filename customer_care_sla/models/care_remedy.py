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
                clocks = remedies._promise_clocks()
                clocks.filtered(lambda clock: clock.state == "paused")._resume()
                remedies._promise()
            elif state == "approved":
                # its document was taken away: it is owed again
                clocks = remedies._promise_clocks(["met"])
                clocks._run_again(clocks._now())
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

    def _promise_clocks(self, states=None):
        """The promises of these remedies, which their numbers say: the open ones by default."""
        clocks = self.env["care.sla.clock"]
        return clocks.search(
            [
                ("case_id", "in", self.case_id.ids),
                ("measure", "=", "remedy"),
                ("cycle", "in", self.ids),
                ("state", "in", states or clocks._live_states),
            ]
        )

    def _promise(self):
        clocks = self.env["care.sla.clock"]
        for remedy in self:
            clocks._start(remedy.case_id, clocks._now(), ["remedy"], {remedy.case_id: remedy.id})


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    def _replan(self, now):
        result = super()._replan(now)
        planned = self.filtered(
            lambda clock: clock.measure == "remedy" and clock.state == "running"
        )
        remedies = self.env["care.remedy"].browse(planned.mapped("cycle")).exists()
        by_id = {remedy.id: remedy for remedy in remedies}
        for clock in planned:
            offered, answered = clock._thought_over(by_id.get(clock.cycle))
            if not offered:
                continue
            clock.breached_at = False
            clock._pause(offered)
            if answered:
                clock._resume(answered)
                clock.breached_at = clock.breached_at or (clock.due_at < now and clock.due_at)
        return result

    def _thought_over(self, remedy):
        """From when to when, which is not yet in the latter case, the customer thought it over
        since it was promised to them; both False if they did not.
        """
        self.ensure_one()
        if not remedy or not remedy.offered_at or remedy.state not in ("offered", "accepted"):
            return False, False
        until = remedy.state == "accepted" and remedy.answered_at.replace(microsecond=0)
        if until and until <= self.started_at:
            return False, False
        return max(remedy.offered_at.replace(microsecond=0), self.started_at), until
