"""Working time as a value: opening hours frozen once, summed by bisection.

Plain Python: no ORM, no database. A :class:`WorkTime` knows the opening hours
between two moments (its *horizon*) and answers how much working time lies between
two moments, when a given amount has passed, and what "two working days" means.

Conventions, everywhere in this module:

* moments are naive datetimes in UTC, as Odoo stores them; fractions of a second
  are cut off. Inside they are whole seconds since 1970;
* durations are whole seconds;
* an opening interval holds its opening and not its closing (``[opening, closing)``);
* a *day* is a day of the local calendar, in the zone of the opening hours;
* a local clock time that a change of the clocks makes ambiguous, or skips, is read
  as standard time: what Odoo does with the hours of a calendar.
"""

import base64
import hashlib
import math
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from operator import index
from typing import NamedTuple

import pytz

EPOCH = datetime(1970, 1, 1)
# Time off that ends at 23:59:59, as Odoo proposes it, leaves one second of a night
# open. It counts as working time, to stay equal to Odoo, but makes no working day:
# opening hours have whole minutes.
SHORTEST_DAY = 60
_FORMAT = "1"


class WorkTimeError(ValueError):
    """Anything this module refuses."""


class NoWorkingTime(WorkTimeError):
    """There is not one second of working time within the horizon."""


class HorizonError(WorkTimeError):
    """The answer, or the question, lies outside of what is known.

    :ivar str side: ``"start"`` or ``"end"``: where more would have to be known
    """

    def __init__(self, side, message):
        super().__init__(message)
        self.side = side


@dataclass(frozen=True, slots=True)
class Spec:
    """A duration as a person wrote it, kept as such.

    :param str kind: ``"minutes"`` or ``"hours"`` of working time; ``"days"``: the
        same local clock time ``amount`` working days later, within opening hours;
        ``"end_of_day"``: the closing of the ``amount``-th working day after the day
        it starts on (0: of that day itself)
    :param amount: not negative; whole for days
    :raise WorkTimeError: for anything else
    """

    kind: str
    amount: float = 1

    def __post_init__(self):
        if self.kind not in ("minutes", "hours", "days", "end_of_day"):
            raise WorkTimeError(f"Unknown kind of duration: {self.kind!r}")
        if not (math.isfinite(self.amount) and self.amount >= 0):
            raise WorkTimeError(f"Not an amount of time: {self.amount!r}")
        if self.kind in ("days", "end_of_day") and self.amount != int(self.amount):
            raise WorkTimeError(f"Working days are whole: {self.amount!r}")


class Plan(NamedTuple):
    """A specification applied to a start: ``seconds`` of working time, ``due``."""

    seconds: int
    due: datetime


class WorkTime:
    """Opening hours within a horizon: immutable, hashable, equal by :attr:`digest`.

    :param str tz: name of the zone whose days and clock times count
    :param intervals: iterable of ``(opening, closing)`` in epoch seconds; sorted,
        disjoint, not touching each other, inside the horizon
    :param int start: first moment known
    :param int end: last moment known
    :raise NoWorkingTime: there are no intervals
    :raise WorkTimeError: an unknown zone, or intervals that are not as described

    Every method that takes a moment raises :class:`HorizonError` for one outside of
    the horizon, and :class:`WorkTimeError` for one with a zone. The cost of a call is
    a bisection, whatever the horizon.
    """

    __slots__ = (
        "_closings",
        "_days",
        "_digest",
        "_end",
        "_openings",
        "_start",
        "_sums",
        "_tz",
        "_zone",
    )

    def __init__(self, tz, intervals, start, end):
        try:
            zone = pytz.timezone(tz)
        except (pytz.UnknownTimeZoneError, AttributeError) as error:
            raise WorkTimeError(f"Unknown time zone: {tz!r}") from error
        openings, closings, sums = array("q"), array("q"), array("q", [0])
        previous = None
        for opening, closing in intervals:
            if opening >= closing or (previous is not None and opening <= previous):
                raise WorkTimeError("Opening hours have to be sorted and disjoint.")
            openings.append(opening)
            closings.append(closing)
            sums.append(sums[-1] + closing - opening)
            previous = closing
        if not openings:
            raise NoWorkingTime(
                f"There is no working time between {_to_datetime(start)} and {_to_datetime(end)}."
            )
        if openings[0] < start or closings[-1] > end:
            raise WorkTimeError("Opening hours have to lie within the horizon.")
        put = object.__setattr__
        put(self, "_tz", tz)
        put(self, "_zone", zone)
        put(self, "_start", start)
        put(self, "_end", end)
        put(self, "_openings", openings)
        put(self, "_closings", closings)
        put(self, "_sums", sums)
        put(self, "_days", None)
        put(self, "_digest", hashlib.sha256(self._canonical()).hexdigest())

    @classmethod
    def build(cls, tz, pairs, start, end):
        """Make one of pairs of datetimes in any order, overlapping or not.

        :param pairs: ``(opening, closing)``, aware or naive UTC, rounded to whole
            seconds: the 23:59:59.999999 that Odoo makes of 24:00 is midnight
        :param start, end: the horizon, naive UTC; what is outside is cut off
        :rtype: WorkTime
        """
        low, high = _from_datetime(start), _from_datetime(end)
        merged = []
        for opening, closing in sorted((_rounded(a), _rounded(b)) for a, b in pairs):
            opening, closing = max(opening, low), min(closing, high)
            if opening >= closing:
                continue
            if merged and opening <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], closing)
            else:
                merged.append([opening, closing])
        return cls(tz, merged, low, high)

    def __setattr__(self, name, value):
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name):
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __reduce__(self):
        return type(self).loads, (self.dumps(),)

    def __eq__(self, other):
        if not isinstance(other, WorkTime):
            return NotImplemented
        return self._digest == other._digest

    def __hash__(self):
        return hash(self._digest)

    def __len__(self):
        """How many opening intervals there are."""
        return len(self._openings)

    def __repr__(self):
        return f"<WorkTime {self._tz} {self.start} – {self.end} {self._digest[:8]}>"

    # ------------------------------------------------------------------
    # What it is
    # ------------------------------------------------------------------

    @property
    def tz(self):
        """Name of the zone."""
        return self._tz

    @property
    def start(self):
        """First moment known, naive UTC."""
        return _to_datetime(self._start)

    @property
    def end(self):
        """Last moment known, naive UTC."""
        return _to_datetime(self._end)

    @property
    def digest(self):
        """SHA-256 (hexadecimal) of the zone, the horizon and all intervals."""
        return self._digest

    def dumps(self):
        """Return a short text that :meth:`loads` turns into an equal value."""
        return base64.b64encode(zlib.compress(self._canonical(), 9)).decode("ascii")

    @classmethod
    def loads(cls, text):
        """Read what :meth:`dumps` wrote.

        :raise WorkTimeError: it was not written by it, or is damaged
        """
        try:
            raw = zlib.decompress(base64.b64decode(text, validate=True))
            version, tz, start, lengths = raw.decode("ascii").split("|")
            if version != _FORMAT:
                raise ValueError(f"format {version}")
            moment = start = int(start)
            moments = []
            for length in lengths.split(","):
                moment += int(length)
                moments.append(moment)
        except (ValueError, TypeError, zlib.error) as error:
            raise WorkTimeError("This is no stored working time.") from error
        end = moments.pop()
        return cls(tz, zip(moments[::2], moments[1::2], strict=True), start, end)

    def replaced(self, kept):
        """Return this horizon with the hours and the zone of ``kept`` where it knows
        them: what was frozen stays, more is known around it.

        :param WorkTime kept: with a horizon inside this one
        :rtype: WorkTime
        :raise HorizonError: it is not inside
        """
        if kept._start < self._start:
            raise HorizonError("start", "The kept working time starts earlier.")
        if kept._end > self._end:
            raise HorizonError("end", "The kept working time ends later.")
        pairs = [
            *self._between(self._start, kept._start),
            *kept._between(kept._start, kept._end),
            *self._between(kept._end, self._end),
        ]
        merged = []
        for opening, closing in pairs:
            if merged and merged[-1][1] == opening:
                merged[-1] = (merged[-1][0], closing)
            else:
                merged.append((opening, closing))
        return type(self)(kept._tz, merged, self._start, self._end)

    # ------------------------------------------------------------------
    # Seconds
    # ------------------------------------------------------------------

    def elapsed(self, start, end):
        """Return the seconds of working time from ``start`` to ``end``; 0 when
        ``end`` is not after ``start``. Adds up: a–b and b–c make a–c."""
        if end <= start:
            return 0
        return self._worked(self._moment(end)) - self._worked(self._moment(start))

    def add(self, start, seconds):
        """Return the first moment at which ``seconds`` of working time have passed.

        An exact fit ends at closing, never at the next opening. Nothing to pass
        (``seconds`` 0) is passed at once: the answer is ``start``, open or closed.
        So ``add(add(t, a), b) == add(t, a + b)``, always.

        :raise HorizonError: ``end``: later than what is known
        """
        seconds = _count(seconds)
        moment = self._moment(start)
        if not seconds:
            return _to_datetime(moment)
        target = self._worked(moment) + seconds
        rank = bisect_left(self._sums, target, 1)
        if rank > len(self._openings):
            raise self._beyond("end")
        opening = self._openings[rank - 1]
        return _to_datetime(opening + target - self._sums[rank - 1])

    def subtract(self, end, seconds):
        """Return the last moment from which ``seconds`` of working time remain until
        ``end``: the mirror of :meth:`add`. An exact fit starts at opening, never at
        the closing before it; 0 seconds before ``end`` is ``end``.

        :raise HorizonError: ``start``: earlier than what is known
        """
        seconds = _count(seconds)
        moment = self._moment(end)
        if not seconds:
            return _to_datetime(moment)
        target = self._worked(moment) - seconds
        if target < 0:
            raise self._beyond("start")
        rank = bisect_right(self._sums, target, 0, len(self._openings)) - 1
        return _to_datetime(self._openings[rank] + target - self._sums[rank])

    def is_open(self, moment):
        """Return whether it is working time; not any more at the closing itself."""
        moment = self._moment(moment)
        rank = bisect_right(self._openings, moment) - 1
        return rank >= 0 and moment < self._closings[rank]

    def next_opening(self, moment):
        """Return ``moment`` if it is working time, else when that begins next.

        :raise HorizonError: ``end``: not any more within what is known
        """
        return _to_datetime(self._opened(self._moment(moment)))

    def segments(self, start, end):
        """Return the pieces of working time from ``start`` to ``end``.

        :return: list of ``(from, to)``, in order; their lengths make :meth:`elapsed`
        """
        if end <= start:
            return []
        return [
            (_to_datetime(opening), _to_datetime(closing))
            for opening, closing in self._between(self._moment(start), self._moment(end))
        ]

    # ------------------------------------------------------------------
    # Days
    # ------------------------------------------------------------------

    def add_days(self, start, days):
        """Return the same local clock time on the ``days``-th next working day.

        A closed ``start`` counts from the next opening. The answer is put inside the
        opening hours of its day: not before the first opening, not after the last
        closing, and for a time in a gap the closing before it. 0 days is ``start``.

        :raise HorizonError: ``end``: later than what is known
        """
        days = _count(days)
        moment = self._moment(start)
        if not days:
            return _to_datetime(moment)
        moment, day = self._counted_from(moment)
        clock = self._local(moment).time()
        day = self._working_day(day, days)
        wanted = self._from_local(day, clock)
        pieces = self._pieces(day)
        due = pieces[0][0]
        for opening, closing in pieces:
            if opening > wanted:
                break
            due = min(wanted, closing)
        return _to_datetime(due)

    def end_of_day(self, start, days=0):
        """Return the last closing of the ``days``-th next working day (0: of the day
        ``start`` counts for). A closed ``start`` counts from the next opening.

        :raise HorizonError: ``end``: later than what is known
        """
        _moment, day = self._counted_from(self._moment(start))
        day = self._working_day(day, _count(days))
        return _to_datetime(self._pieces(day)[-1][1])

    def end_of_next_day(self, start):
        """Return the last closing of the next working day: ``end_of_day(start, 1)``."""
        return self.end_of_day(start, 1)

    def plan(self, start, spec):
        """Turn a specification into working seconds and a moment, from ``start``.

        ``elapsed(start, due) == seconds`` whenever seconds are counted in whole. For
        days, ``due`` may be an opening (a day that opens later than the clock time of
        the start): then ``add(start, seconds)`` is the closing before it, the same
        moment of working time. To move such a date by worked time, add to ``due``.

        :param Spec spec:
        :rtype: Plan
        :raise HorizonError: ``end``: later than what is known
        """
        if spec.kind == "days":
            due = self.add_days(start, int(spec.amount))
        elif spec.kind == "end_of_day":
            due = self.end_of_day(start, int(spec.amount))
        else:
            unit = 3600 if spec.kind == "hours" else 60
            seconds = round(spec.amount * unit)
            return Plan(seconds, self.add(start, seconds))
        return Plan(self.elapsed(start, due), due)

    # ------------------------------------------------------------------
    # Inside: epoch seconds, and days as proleptic ordinals
    # ------------------------------------------------------------------

    def _canonical(self):
        """The bytes that identify it: zone, start, then the length of each closed
        and open stretch in turn, up to the end of the horizon."""
        moments = [self._start]
        for pair in zip(self._openings, self._closings, strict=True):
            moments.extend(pair)
        moments.append(self._end)
        lengths = ",".join(
            str(after - before) for before, after in zip(moments, moments[1:], strict=False)
        )
        return f"{_FORMAT}|{self._tz}|{self._start}|{lengths}".encode("ascii")

    def _beyond(self, side, moment=None):
        edge = _to_datetime(self._start if side == "start" else self._end)
        word = "before" if side == "start" else "after"
        what = "The answer" if moment is None else _to_datetime(moment)
        return HorizonError(side, f"{what} lies {word} {edge}, where known working time {side}s.")

    def _moment(self, moment):
        moment = _from_datetime(moment)
        if moment < self._start:
            raise self._beyond("start", moment)
        if moment > self._end:
            raise self._beyond("end", moment)
        return moment

    def _worked(self, moment):
        """Working seconds from the start of the horizon."""
        rank = bisect_right(self._openings, moment) - 1
        if rank < 0:
            return 0
        worked = min(moment, self._closings[rank]) - self._openings[rank]
        return self._sums[rank] + worked

    def _opened(self, moment):
        rank = bisect_right(self._openings, moment)
        if rank and moment < self._closings[rank - 1]:
            return moment
        if rank == len(self._openings):
            raise self._beyond("end")
        return self._openings[rank]

    def _between(self, low, high):
        rank = bisect_right(self._closings, low)
        pieces = []
        while rank < len(self._openings) and self._openings[rank] < high:
            opening = max(self._openings[rank], low)
            pieces.append((opening, min(self._closings[rank], high)))
            rank += 1
        return pieces

    def _local(self, moment):
        return self._zone.fromutc(_to_datetime(moment))

    def _from_local(self, day, clock):
        local = self._zone.localize(datetime.combine(date.fromordinal(day), clock))
        return _from_datetime(local.astimezone(pytz.utc).replace(tzinfo=None))

    def _day_start(self, day):
        """The first moment of a local day, also when clocks change at midnight."""
        midnight = datetime.combine(date.fromordinal(day), time.min)
        found = []
        for is_dst in (True, False):
            local = self._zone.localize(midnight, is_dst=is_dst)
            moment = _from_datetime(local.astimezone(pytz.utc).replace(tzinfo=None))
            if self._local(moment).toordinal() == day:
                found.append(moment)
        return min(found, default=moment)

    def _working_days(self):
        """Sorted days with working time; made at the first use, then kept."""
        if self._days is None:
            worked = defaultdict(int)
            for opening, closing in zip(self._openings, self._closings, strict=True):
                day = self._local(opening).toordinal()
                last = self._local(closing - 1).toordinal()
                while day < last:
                    midnight = self._day_start(day + 1)
                    worked[day] += midnight - opening
                    opening, day = midnight, day + 1
                worked[day] += closing - opening
            days = sorted(day for day in worked if worked[day] >= SHORTEST_DAY)
            # one assignment of a finished value: threads may do it twice, no harm
            object.__setattr__(self, "_days", array("q", days))
        return self._days

    def _counted_from(self, moment):
        """Where days are counted from: ``(moment, day)`` in working time."""
        moment = self._opened(moment)
        day = self._local(moment).toordinal()
        days = self._working_days()
        rank = bisect_left(days, day)
        if rank == len(days):
            raise self._beyond("end")
        if days[rank] == day:
            return moment, day
        return self._pieces(days[rank])[0][0], days[rank]

    def _working_day(self, day, count):
        """The ``count``-th working day after ``day``, which is one itself."""
        days = self._working_days()
        rank = bisect_left(days, day) + count
        if rank >= len(days):
            raise self._beyond("end")
        return days[rank]

    def _pieces(self, day):
        """Opening hours of a working day; all of it has to be known."""
        low, high = self._day_start(day), self._day_start(day + 1)
        if high > self._end:
            raise self._beyond("end")
        return self._between(max(low, self._start), high)


def _from_datetime(moment):
    if moment.tzinfo is not None:
        raise WorkTimeError("Moments are naive datetimes in UTC.")
    delta = moment - EPOCH
    return delta.days * 86400 + delta.seconds


def _to_datetime(seconds):
    return EPOCH + timedelta(seconds=seconds)


def _rounded(moment):
    if moment.tzinfo is not None:
        moment = moment.astimezone(pytz.utc).replace(tzinfo=None)
    return _from_datetime(moment + timedelta(microseconds=500_000))


def _count(number):
    """A whole number that is not negative; a float is a mistake of the caller."""
    number = index(number)
    if number < 0:
        raise WorkTimeError(f"Not a duration: {number}")
    return number
