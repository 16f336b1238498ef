"""What a promise does while it runs, as plain arithmetic over working time.

No ORM and no database: the engine, the back-test and the tests use the same functions. The first
argument of most is a :class:`~odoo.addons.customer_care.tools.worktime.WorkTime`; moments are
naive UTC, durations whole seconds.

A *still* is a stretch in which a clock stood still: a pause, or the time between solved and
reopened. Stills of one clock follow each other and do not overlap; the last one may go on.
"""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

#: The reason of a still between solved and reopened: neither elapsed nor paused.
SOLVED = "solved"


class Still(NamedTuple):
    """A stretch in which a clock stood still."""

    start: datetime
    stop: datetime | None
    reason: str


class Segment(NamedTuple):
    """A piece of a clock's life.

    :ivar str kind: ``"running"``, ``"closed"`` (nobody works), ``"paused"`` or ``"solved"``
    :ivar str reason: that of the still, or the kind
    :ivar int worked: working seconds in it
    """

    start: datetime
    stop: datetime
    kind: str
    reason: str
    worked: int


@lru_cache(maxsize=256)
def same_hours(one, other):
    """Whether two snapshots say the same wherever both know something."""
    start, end = max(one.start, other.start), min(one.end, other.end)
    return one.tz == other.tz and one.segments(start, end) == other.segments(start, end)


def moved(hours, due, since, until):
    """When a promise is due that stood still from ``since`` to ``until``.

    What was late before stays due when it was. What had no time left, and could be done at the
    opening at the earliest, is due when it goes on: not at a moment at which it stood still.
    """
    if due < since:
        return due
    return max(until, hours.add(due, hours.elapsed(since, until)))


def due_after(hours, due, stills):
    """When a promise is due that would be due at ``due`` had it never stood still.

    :param stills: those that have ended, in their order
    """
    for still in stills:
        due = moved(hours, due, still.start, still.stop)
    return due


def remaining(hours, due, at):
    """Working seconds from ``at`` to ``due``; below zero when it is late."""
    if due < at:
        return -hours.elapsed(due, at)
    return hours.elapsed(at, due)


def rested(hours, since, until, left=None):
    """A pause that may last ``left`` working seconds at most.

    :return: when it ended, and its working seconds
    """
    worked = hours.elapsed(since, until)
    if left is not None and worked > left:
        return hours.add(since, left), left
    return until, worked


def standing(hours, stills, until):
    """Working seconds by reason that a clock stood still up to ``until``.

    :rtype: dict
    """
    seconds = {}
    for still in stills:
        stop = min(still.stop or until, until)
        worked = hours.elapsed(still.start, stop)
        seconds[still.reason] = seconds.get(still.reason, 0) + worked
    return seconds


def elapsed(hours, start, until, stills):
    """Working seconds from ``start`` to ``until`` in which the clock did not stand still."""
    return hours.elapsed(start, until) - sum(standing(hours, stills, until).values())


def segments(hours, start, until, stills):
    """The life of a clock from ``start`` to ``until``, piece by piece.

    The pieces follow each other without a gap; what was worked in the running ones makes
    :func:`elapsed`.

    :rtype: list[Segment]
    """
    pieces, moment = [], start
    for still in stills:
        since, stop = max(still.start, start), min(still.stop or until, until)
        if stop <= since:
            continue
        pieces += _running(hours, moment, since)
        kind = SOLVED if still.reason == SOLVED else "paused"
        pieces.append(Segment(since, stop, kind, still.reason, hours.elapsed(since, stop)))
        moment = stop
    return pieces + _running(hours, moment, until)


def _running(hours, start, until):
    pieces, moment = [], start
    for opening, closing in hours.segments(start, until):
        if moment < opening:
            pieces.append(Segment(moment, opening, "closed", "closed", 0))
        seconds = int((closing - opening).total_seconds())
        pieces.append(Segment(opening, closing, "running", "running", seconds))
        moment = closing
    if moment < until:
        pieces.append(Segment(moment, until, "closed", "closed", 0))
    return pieces
