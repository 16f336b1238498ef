"""What happened to a record while nobody made, or could plan, a promise about it."""

from typing import NamedTuple

from odoo import api, models

from ..tools.replay import WORKING
from .care_sla_measure import MEASURES_BY_NAME


class Stay(NamedTuple):
    """A record was in one place of its way, whoever owned it.

    :ivar until: None while it is there
    """

    since: object
    until: object
    stage_id: object
    stage_category: str

    @property
    def is_over(self):
        return self.stage_category not in WORKING

    def is_like(self, other):
        """Whether a promise cannot tell the two from each other."""
        return (self.stage_category, self.stage_id.waiting_for) == (
            other.stage_category,
            other.stage_id.waiting_for,
        )


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    def _stays(self, since):
        """Where the records of these promises have been: one query a model.

        :param dict since: clock -> from when
        :return: dict clock -> list of :class:`Stay`, in their order, from that moment on
        """
        stays = {clock: [] for clock in self}
        for clocks in self.grouped(lambda clock: clock._record()._name).values():
            records = clocks[0]._record().browse(clock._record().id for clock in clocks)
            link = records._care_link
            # sudo: where they have been, whoever had them there
            pieces = (
                self.env["care.tenure"]
                .sudo()
                .search(
                    [
                        (link, "in", records.ids),
                        *("|", ("until", "=", False)),
                        ("until", ">", min(since[clock] for clock in clocks)),
                    ],
                    order="since, id",
                )
                .grouped(link)
            )
            for clock in clocks:
                mine, start = stays[clock], since[clock]
                for piece in pieces.get(clock._record(), ()):
                    if piece.until and piece.until <= start:
                        continue
                    stage = piece.stage_id
                    stay = Stay(max(piece.since, start), piece.until, stage, stage.category)
                    if mine and mine[-1].is_like(stay):
                        stay = stay._replace(since=mine.pop().since)
                    mine.append(stay)
        return stays

    @api.model
    def _over_before(self, records):
        """Those of these records that go on after they were over.

        :return: dict record -> dict category of a stage -> when it was last left
        """
        link = records._care_link
        # sudo: as above
        left = (
            self.env["care.tenure"]
            .sudo()
            ._read_group(
                [
                    (link, "in", records.ids),
                    ("stage_id.category", "not in", WORKING),
                    ("until", "!=", False),
                ],
                [link, "stage_id"],
                ["until:max"],
            )
        )
        over = {}
        for record, stage, until in left:
            known = over.setdefault(record, {})
            known[stage.category] = max(until, known.get(stage.category, until))
        return over

    def _relive(self, stays):
        """Stand still as their records did, one wait after another.

        :param dict stays: of :meth:`_stays`, of these running promises
        """
        now = self._now()
        # one stay after the other, of all of them at once
        for number in range(max(map(len, stays.values()), default=0)):
            gaps, waits, ends = {}, {}, {}
            for clock in self:
                # what cannot go on is planned anew by the cron, with all that has been
                if clock.state != "running" or number >= len(stays[clock]):
                    continue
                stay = stays[clock][number]
                if not stay.is_over:
                    reason = self._rest_reason(stay, clock.measure, clock.terms, clock.paused_by)
                    if reason:
                        waits[clock] = stay.since, reason
                        ends[clock] = stay.until
                elif MEASURES_BY_NAME[clock.measure].over:  # else it is owed all the same
                    late = clock.breached_at or (clock.due_at < stay.since and clock.due_at)
                    gaps[clock] = clock._skip(stay.since, stay.until or now, {"breached_at": late})
            self.env["care.sla.pause"]._note_solved(gaps)
            self._pause_each(waits)
            self._resume_each(
                {
                    clock: until or now
                    for clock, until in ends.items()
                    # or it has waited long enough, before anybody could be told
                    if until or (clock.next_at and clock.next_at <= now)
                }
            )
        self._trigger_due()

    def _relive_all(self, broken=None, silent=False):
        """They have been planned late: stand still as their records did from the first moment.

        :param dict broken: clock -> when it was broken by an earlier plan
        :param bool silent: whether what has passed is passed in silence
        """
        clocks = self.filtered(lambda clock: clock.state == "running")
        if not clocks:
            return
        now = self._now()
        # sudo: pauses belong to the engine
        clocks.sudo().pause_ids.unlink()
        for clock in clocks:
            clock.breached_at = (broken or {}).get(clock)
        clocks._relive(clocks._stays({clock: clock.started_at for clock in clocks}))
        for clock in clocks.filtered(lambda clock: clock.state in ("running", "paused")):
            vals = {}
            if silent:
                due, at = clock._promised_until(), clock.paused_at or now
                passed, next_at = self._next_level(clock.worktime_id, due, clock.levels, 0, at)
                vals["levels_passed"] = passed
                if not clock.paused_at:
                    vals["next_at"] = next_at
            if clock.due_at and clock.due_at < now and not clock.breached_at:
                vals["breached_at"] = clock.due_at
            clock.write(vals)
