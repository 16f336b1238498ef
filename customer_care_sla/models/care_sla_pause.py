from datetime import datetime

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.customer_care.models.care_due_mixin import insert_new

from ..tools.clockwork import SOLVED, Still

#: Whom a clock may wait for.
REASONS = [("customer", "The customer"), ("third_party", "A third party")]
#: Characters of what the customer was asked.
QUESTION = 500


def _clocks_of(cases):
    return SQL("SELECT * FROM care_sla_clock WHERE case_id = ANY(%s)", list(cases.ids))


class CareSlaPause(models.Model):
    """A stretch in which a clock stood still: a pause, or the time between solved and reopened,
    which is neither elapsed nor paused.

    Stretches of one clock follow each other; at most the last one is still going on.
    """

    _name = "care.sla.pause"
    _description = "Pause of a promise"
    _inherit = ["care.engine.mixin"]
    _order = "started_at desc, id desc"

    clock_id = fields.Many2one(
        "care.sla.clock", "Promise", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    reason = fields.Selection(
        [*REASONS, (SOLVED, "Solved, we thought")], "Because Of", required=True, readonly=True
    )
    started_at = fields.Datetime("From", required=True, readonly=True)
    stopped_at = fields.Datetime("To", readonly=True, help="Empty while it lasts.")
    seconds = fields.Integer(
        "Working Seconds", readonly=True, help="By the hours of the promise, once it is over."
    )
    case_id = fields.Many2one(related="clock_id.case_id")
    journey_id = fields.Many2one(related="clock_id.journey_id")
    question = fields.Text(
        "What Was Asked",
        compute="_compute_question",
        help="The last public word of ours before the pause ended. Empty: nothing was asked.",
    )
    sent_at = fields.Datetime("Sent", compute="_compute_question")

    _open_uniq = models.UniqueIndex("(clock_id) WHERE stopped_at IS NULL")

    @api.depends("reason", "stopped_at")
    def _compute_question(self):
        """Read from the conversation: nothing of what was written is kept twice."""
        asked = self.filtered(lambda pause: pause.reason == "customer" and pause.case_id)
        (self - asked).question = (self - asked).sent_at = False
        # sudo: whoever sees the pause may know what it waits for
        cases = asked.sudo().case_id
        messages = cases.env["mail.message"].search(
            Domain("model", "=", cases._name)
            & Domain("res_id", "in", cases.ids)
            & cases._care_reply_domain(),
            order="date, id",
        )
        by_case = messages.grouped("res_id")
        for pause in asked:
            until = pause.stopped_at or datetime.max
            before = [m for m in by_case.get(pause.case_id.id, ()) if m.date <= until]
            pause.question = before[-1].preview[:QUESTION] if before else False
            pause.sent_at = before[-1].date if before else False

    @api.depends("reason", "started_at")
    def _compute_display_name(self):
        reasons = dict(self._fields["reason"]._description_selection(self.env))
        for pause in self:
            pause.display_name = reasons.get(pause.reason)

    # ------------------------------------------------------------
    # Written by clocks
    # ------------------------------------------------------------

    @api.model
    def _begin(self, clocks):
        """These clocks have just begun to stand still."""
        rows = [
            {
                "clock_id": clock.id,
                "company_id": clock.company_id.id,
                "reason": clock.paused_for,
                "started_at": clock.paused_at,
            }
            for clock in clocks
        ]
        # sudo: written by the engine, whoever moves the record; the case shows it at once
        cases = clocks.sudo().case_id
        pauses = self.sudo()
        return cases._show_together(_clocks_of(cases), lambda show: insert_new(pauses, rows, show))

    @api.model
    def _end(self, ended):
        """
        :param dict ended: clock -> when its pause ended, and its working seconds
        """
        if not ended:
            return
        # sudo: as above
        pauses = self.sudo()
        clocks = self.env["care.sla.clock"].sudo().browse(clock.id for clock in ended)
        rows = [
            SQL("(%s, %s::timestamp, %s)", clock.id, stop, seconds)
            for clock, (stop, seconds) in ended.items()
        ]
        statement = SQL(
            """
            UPDATE care_sla_pause pause
               SET stopped_at = ended.stop, seconds = ended.seconds,
                   write_uid = %(uid)s, write_date = %(now)s
              FROM (VALUES %(rows)s) AS ended (clock_id, stop, seconds)
             WHERE pause.clock_id = ended.clock_id AND pause.stopped_at IS NULL
            RETURNING pause.id
            """,
            uid=self.env.uid,
            now=self.env.cr.now(),
            rows=SQL(", ").join(rows),
        )

        def execute(show):
            clocks.flush_model()
            pauses.flush_model()
            self.env.execute_query(show(statement) if show else statement)

        clocks.case_id._show_together(_clocks_of(clocks.case_id), execute)
        pauses.invalidate_model(["stopped_at", "seconds", "write_uid", "write_date"], flush=False)

    @api.model
    def _note_solved(self, gaps):
        """
        :param dict gaps: clock -> when it had ended, when it went on, working seconds between
        """
        # sudo: as above
        return insert_new(
            self.sudo(),
            [
                {
                    "clock_id": clock.id,
                    "company_id": clock.company_id.id,
                    "reason": SOLVED,
                    "started_at": since,
                    "stopped_at": until,
                    "seconds": seconds,
                }
                for clock, (since, until, seconds) in gaps.items()
            ],
        )

    def _still(self):
        """As ``tools.clockwork`` has it."""
        self.ensure_one()
        return Still(self.started_at, self.stopped_at or None, self.reason)
