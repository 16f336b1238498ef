"""What a promise would have come to, told from what happened to its record.

No ORM and no database: the back-test plays history by the same arithmetic as the engine.
The first argument is a :class:`~odoo.addons.customer_care.tools.worktime.WorkTime`; moments are
naive UTC in whole seconds.
"""

from datetime import datetime
from typing import NamedTuple

from . import clockwork


class Stretch(NamedTuple):
    """What a record was like from ``since`` until the next stretch."""

    since: datetime
    #: of its stage: ``open``, ``waiting``, ``resolved``, ``closed`` or ``cancelled``
    category: str
    #: whom it waited for, if anybody
    waiting_for: str = ""
    stage_id: int = 0


class Terms(NamedTuple):
    """How a promise runs."""

    #: whether it stands still while the record waits
    pauses: bool = False
    #: reason -> working seconds that it stands still at most (0: as long as it takes)
    waits: dict = {}
    #: how it ends when the record is resolved or closed: ``met``, ``cancelled``, or not at all
    over: str = "met"
    #: when the record is open again: ``new`` is another promise, ``resume`` the same one, and
    #: "" none: what was kept is kept
    reopens: str = ""


class Run(NamedTuple):
    """What became of one promise.

    :ivar due: with all that it stood still
    :ivar ended: when it was kept or cancelled, or None
    :ivar str state: ``met``, ``cancelled``, ``running`` or ``paused``
    :ivar bool late: it was due before it was kept, or paused, or before now
    :ivar int late_seconds: working seconds between; 0 when all of it was outside of hours
    """

    started: datetime
    due: datetime
    ended: datetime | None
    state: str
    late: bool
    late_seconds: int

    @property
    def decided(self):
        """Whether it is known if the promise was kept: broken it is as soon as it is late."""
        return self.state == "met" or self.late


class _Clock:
    """One promise while history is played."""

    def __init__(self, hours, plan, start, terms):
        self.hours, self.terms = hours, terms
        self.started, self.due = start, plan(hours, start)
        self.state, self.since, self.reason = "running", None, ""
        self.used = {}

    def pause(self, reason, at):
        cap = self.terms.waits[reason]
        if not cap or self.used.get(reason, 0) < cap:
            self.state, self.since, self.reason = "paused", at, reason

    def resume(self, at):
        """Go on after a pause, which ended before ``at`` where its cap was reached."""
        cap = self.terms.waits[self.reason]
        used = self.used.get(self.reason, 0)
        left = max(0, cap - used) if cap else None
        stop, worked = clockwork.rested(self.hours, self.since, at, left)
        self.used[self.reason] = used + worked
        self.due = clockwork.moved(self.hours, self.due, self.since, stop)
        self.state = "running"
        return stop

    def end(self, state, at):
        if self.state == "paused":
            self.resume(at)
        self.state, self.since = state, at

    def reopen(self, at):
        self.due = clockwork.moved(self.hours, self.due, self.since, at)
        self.state = "running"

    def run(self, now):
        """What it has come to by ``now``."""
        if self.state == "paused":
            # one whose cap was reached runs on
            reason, since, used = self.reason, self.since, dict(self.used)
            due = self.due
            if self.resume(now) == now:
                self.state, self.reason, self.since = "paused", reason, since
                self.used, self.due = used, due
        until = now if self.state == "running" else self.since
        late = self.due < until
        return Run(
            self.started,
            self.due,
            self.since if self.state in ("met", "cancelled") else None,
            self.state,
            late,
            self.hours.elapsed(self.due, until) if late else 0,
        )


def replay(hours, plan, start, stretches, now, terms, answers=()):
    """Play what happened to a record under a promise.

    :param plan: called with the hours and a start, gives when it is due
    :param stretches: all of the record's, in their order
    :param datetime now: nothing after it is known
    :param Terms terms:
    :param answers: moments at which something else than a stage keeps it, while it runs
    :return: list of :class:`Run`: one, and more where each reopening makes another promise
    """
    clock, runs = _Clock(hours, plan, start, terms), []
    events = [(max(stretch.since, start), 0, stretch) for stretch in stretches]
    events += [(max(answer, start), 1, None) for answer in answers]
    for at, _answer, stretch in sorted(events, key=lambda event: event[:2]):
        if at > now:
            break
        live = clock.state in ("running", "paused")
        if stretch is None:
            if live:
                clock.end("met", at)
                break
            continue
        ending = _ending(stretch, terms)
        if not live and not ending:
            if clock.state == "met" and not terms.reopens:
                break
            if terms.reopens == "new":
                runs.append(clock.run(now))
                clock = _Clock(hours, plan, at, terms)
            else:
                clock.reopen(at)
        if ending:
            if clock.state in ("running", "paused"):
                clock.end(ending, at)
            continue
        reason = stretch.category == "waiting" and terms.pauses and stretch.waiting_for
        reason = reason if reason in terms.waits else ""
        if clock.state == "paused" and clock.reason != reason:
            clock.resume(at)
        if clock.state == "running" and reason:
            clock.pause(reason, at)
    return [*runs, clock.run(now)]


def _ending(stretch, terms):
    """How this stretch ends a promise; empty when it does not."""
    if not terms.over or stretch.category in ("open", "waiting"):
        return ""
    return "cancelled" if stretch.category == "cancelled" else terms.over
