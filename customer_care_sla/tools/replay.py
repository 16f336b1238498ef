"""What a promise would have come to, told from what happened to its record.

No ORM and no database: the back-test plays history by the same arithmetic as the engine.
The first argument is a :class:`~odoo.addons.customer_care.tools.worktime.WorkTime`; moments are
naive UTC in whole seconds.
"""

from datetime import datetime
from typing import NamedTuple

from . import clockwork

#: Categories of stages in which somebody works on a record.
WORKING = ("open", "waiting")


class Stretch(NamedTuple):
    """What a record was like from ``since`` until the next stretch."""

    since: datetime
    #: of its stage: ``open``, ``waiting``, ``resolved``, ``closed`` or ``cancelled``
    category: str
    #: whom it waited for, if anybody
    waiting_for: str = ""
    stage_id: int = 0
    #: which time the record was under way
    cycle: int = 1


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
    #: whether what was cancelled goes on when the record is open again
    resumes: bool = True


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

    What keeps a promise in the very second in which its record moves on came first.

    :param plan: called with the hours and a start, gives when it is due
    :param stretches: all of the record's, in their order
    :param datetime now: nothing after it is known
    :param Terms terms:
    :param answers: moments at which something else than a stage keeps it, while it runs
    :return: list of :class:`Run`: one, and more where each reopening makes another promise
    """
    clock, runs = _Clock(hours, plan, start, terms), []
    stretches = under_way_from(stretches, start)
    events = [(max(stretch.since, start), 1, stretch) for stretch in stretches]
    events += [(max(answer, start), 0, None) for answer in answers]
    for at, _moved, stretch in sorted(events, key=lambda event: event[:2]):
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
            if not (terms.reopens if clock.state == "met" else terms.resumes):
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


def renewed(play, start, stretches):
    """What is promised again as soon as it was kept, as long as the record is under way.

    :param play: called with a start, gives the :class:`Run` of that promise
    :return: list of :class:`Run`
    """
    runs = []
    while start is not None:
        runs.append(play(start))
        ended = runs[-1].ended
        start = ended and open_from(stretches, ended)
    return runs


def asked(play, asks):
    """What is promised to each who asks, unless somebody waits already.

    :param play: as for :func:`renewed`
    :param asks: moments, in their order
    :return: list of :class:`Run`
    """
    runs = []
    for ask in asks:
        if not runs or (runs[-1].ended and runs[-1].ended < ask):
            runs.append(play(ask))
    return runs


def under_way_from(stretches, moment):
    """The stretch of this moment, and those after it."""
    before = [stretch for stretch in stretches if stretch.since <= moment]
    return [*before[-1:], *stretches[len(before) :]]


def open_from(stretches, moment):
    """The first moment from this one on at which the record is under way, or None."""
    for stretch in under_way_from(stretches, moment):
        if stretch.category in WORKING:
            return max(stretch.since, moment)
    return None


def _ending(stretch, terms):
    """How this stretch ends a promise; empty when it does not."""
    if not terms.over or stretch.category in WORKING:
        return ""
    return "cancelled" if stretch.category == "cancelled" else terms.over
