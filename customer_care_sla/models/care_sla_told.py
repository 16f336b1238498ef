"""What the customer is told of our promises, on the case's page and in mails."""

from odoo import models

#: Promises that customers hear of; the others are between us and our own people.
TOLD = (
    *("first_response", "next_response", "update"),
    *("resolution", "remedy", "final_response"),
)


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    def _promise_line(self, lang, tz):
        clock = self.with_context(lang=lang)
        if clock.state == "paused":
            if clock.paused_for == "customer":
                return clock.env._("Solved: paused, we wait for your answer")
            return clock.env._("Solved: paused, we wait for the answer of somebody else")
        if clock.measure == "remedy":
            return clock.env._("What we agreed done by %s", clock._due_for(lang, tz))
        return super()._promise_line(lang, tz)


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _care_promise_lines(self):
        lines = super()._care_promise_lines()
        # sudo: the customer is told what was promised to them
        clocks = self.sudo().clock_ids.filtered(
            lambda clock: (
                clock.measure in TOLD
                and (
                    clock.state == "running"
                    or (clock.state == "paused" and clock.measure == "resolution")
                )
            )
        )
        partner = self.sudo().partner_id
        lang = partner.lang or self.env.lang
        tz = partner.tz or self.company_id._care_tz()
        # what stands still has no date and comes last
        clocks = clocks.sorted(lambda clock: (not clock.due_at, clock.due_at or 0, clock.id))
        return lines + [clock._promise_line(lang, tz) for clock in clocks]
