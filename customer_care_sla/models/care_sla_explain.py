from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools import clockwork


class CareSlaClock(models.Model):
    """What a promise did second by second, for whoever disputes it."""

    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    explanation = fields.Json(
        compute="_compute_explanation",
        help="The pieces of its life, from the start until it ended or until now: from, to, what "
        "it did, why, working seconds and seconds by the clock on the wall.",
    )

    @api.depends("state", "started_at", "stopped_at", "paused_at", "worktime_id")
    @api.depends_context("lang")
    def _compute_explanation(self):
        text = fields.Datetime.to_string
        for clock, pieces in self._explain_all().items():
            clock.explanation = [
                {**piece, "start": text(piece["start"]), "stop": text(piece["stop"])}
                for piece in pieces
            ]

    def _explain(self):
        """The life of this promise, from its start until it ended, or until now.

        :return: list of dicts ``start``, ``stop`` (naive UTC), ``kind`` (``running``, ``paused``,
            ``solved``, or ``closed`` where nobody works), ``reason`` (text), ``worked`` (working
            seconds) and ``wall`` (seconds). Pieces follow each other without a gap: ``wall`` adds
            up to the whole, ``worked`` of what was running to what has elapsed, of pauses to
            ``paused_seconds``, of solved time to ``solved_seconds``. Empty for a promise that
            was never planned
        """
        self.ensure_one()
        return self._explain_all()[self]

    def _explain_all(self):
        """:meth:`_explain` of many: one query for all pauses."""
        now = self._now()
        stills = self.env["care.sla.pause"]._stills(self)
        texts = {
            "running": self.env._("Within working hours"),
            "closed": self.env._("Outside working hours"),
            "customer": self.env._("Paused: we wait for the customer"),
            "third_party": self.env._("Paused: we wait for a third party"),
            clockwork.SOLVED: self.env._("Over, until it was opened again"),
        }
        result = {}
        for clock in self:
            until = max(clock.stopped_at or now, clock.started_at)
            try:
                segments = (
                    clock.worktime_id
                    and clock.worktime_id._apply(
                        clockwork.segments, clock.started_at, until, stills.get(clock, [])
                    )[1]
                    or []
                )
            except UserError:  # beyond what is known of deleted working hours
                segments = []
            result[clock] = [
                {
                    "start": piece.start,
                    "stop": piece.stop,
                    "kind": piece.kind,
                    "reason": texts[piece.reason],
                    "worked": piece.worked,
                    "wall": int((piece.stop - piece.start).total_seconds()),
                }
                for piece in segments
            ]
        return result
