"""What a promise should come to, worked out slowly from the whole story: for tests alone.

It knows nothing of the engine: opening hours are lists of stretches made from the lines of a
calendar, day by day, and every answer walks along them from the beginning.
"""

from datetime import datetime, timedelta
from functools import lru_cache

import pytz


@lru_cache(maxsize=64)
def opening_hours(tz, week, closed, first, days):
    """The stretches in which somebody works.

    :param tuple week: (weekday, hour from, hour to) of each line
    :param tuple closed: (from, to) of each, naive UTC
    :param date first: the first day
    :return: sorted tuple of (opening, closing), naive UTC
    """
    zone = pytz.timezone(tz)
    found = []
    for number in range(days):
        day = first + timedelta(days=number)
        for weekday, hour_from, hour_to in week:
            if weekday != day.weekday():
                continue
            stretch = []
            for hour in (hour_from, hour_to):
                local = datetime(day.year, day.month, day.day) + timedelta(hours=hour)
                stretch.append(zone.localize(local).astimezone(pytz.utc).replace(tzinfo=None))
            if stretch[0] < stretch[1]:
                found.append(tuple(stretch))
    found.sort()
    for start, stop in closed:
        left = []
        for opening, closing in found:
            if opening < min(closing, start):
                left.append((opening, min(closing, start)))
            if max(opening, stop) < closing:
                left.append((max(opening, stop), closing))
        found = left
    return merged(found)


def merged(stretches):
    """Stretches that touch or overlap, made one."""
    result = []
    for opening, closing in sorted(stretches):
        if result and opening <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], closing))
        else:
            result.append((opening, closing))
    return tuple(result)


def worked(hours, start, stop):
    """Seconds of work from ``start`` to ``stop``."""
    total = timedelta()
    for opening, closing in hours:
        piece = min(closing, stop) - max(opening, start)
        if piece > timedelta():
            total += piece
    return int(total.total_seconds())


def later(hours, start, seconds):
    """When ``seconds`` of work have passed."""
    if not seconds:
        return start
    left = timedelta(seconds=seconds)
    for opening, closing in hours:
        piece = closing - max(opening, start)
        if piece <= timedelta():
            continue
        if piece >= left:
            return max(opening, start) + left
        left -= piece
    raise AssertionError("no hours left")


def day_of(moment, tz):
    return pytz.utc.localize(moment).astimezone(pytz.timezone(tz)).date()


@lru_cache(maxsize=64)
def working_days(hours, tz):
    """Day -> its stretches; one over midnight belongs to both days."""
    zone = pytz.timezone(tz)
    by_day = {}
    for opening, closing in hours:
        moment = opening
        while moment < closing:
            day = day_of(moment, tz)
            midnight = zone.localize(datetime(day.year, day.month, day.day) + timedelta(days=1))
            end = min(closing, midnight.astimezone(pytz.utc).replace(tzinfo=None))
            by_day.setdefault(day, []).append((moment, end))
            moment = end
    return by_day


def days_later(hours, tz, start, days):
    """The same clock time on the ``days``-th next working day, within its hours."""
    counted = next(max(opening, start) for opening, closing in hours if closing > start)
    by_day = working_days(hours, tz)
    today = day_of(counted, tz)
    day = sorted(day for day in by_day if day > today)[days - 1]
    zone = pytz.timezone(tz)
    clock = pytz.utc.localize(counted).astimezone(zone).time()
    wanted = zone.localize(datetime.combine(day, clock))
    wanted = wanted.astimezone(pytz.utc).replace(tzinfo=None)
    due = by_day[day][0][0]
    for opening, closing in by_day[day]:
        if opening <= wanted:
            due = min(wanted, closing)
    return due


class Story:
    """One promise, and all that happened to it so far.

    :param hours: opening hours as they were when it was made
    :param spec: (``"hours"`` or ``"days"``, amount)
    :param dict caps: reason it waits for -> seconds at most, or None
    """

    def __init__(self, hours, tz, start, spec, caps, now):
        self.hours, self.tz, self.start, self.spec, self.caps = hours, tz, start, spec, caps
        self.stills = []  # [from, to or None, reason]
        self.stopped = None
        self.state = "running"
        self.breach = None
        self.first_due = self.due()
        self.look(now)

    # what follows from the story, from its beginning each time

    def first(self):
        kind, amount = self.spec
        if kind == "days":
            return days_later(self.hours, self.tz, self.start, amount)
        return later(self.hours, self.start, amount * 3600)

    def due(self):
        """When it is due by all pauses that are over."""
        due = self.first()
        for since, until, _reason in self.stills:
            if until is None or due < since:
                break
            due = later(self.hours, due, worked(self.hours, since, until))
            # what stood still could not be done yet
            due = max(due, until)
        return due

    def stood_still(self, *reasons):
        return sum(
            worked(self.hours, since, until)
            for since, until, reason in self.stills
            if until and reason in reasons
        )

    def elapsed(self, until):
        still = self.stood_still("customer", "third_party", "solved")
        return worked(self.hours, self.start, until) - still

    # what happens

    def look(self, now):
        """It is ``now``: a wait may be over, and what is due may have passed."""
        if self.state == "paused":
            since, _until, reason = self.stills[-1]
            cap = self.caps[reason]
            if cap is None:
                return
            over = later(self.hours, since, cap - self.stood_still(reason))
            if now < over:
                return
            self.stills[-1][1] = over
            self.state = "running"
        if self.state == "running" and not self.breach and self.due() < now:
            self.breach = self.due()

    def waits(self, reason, now):
        """The record is where it waits for ``reason`` (None: it does not)."""
        self.look(now)
        if self.state not in ("running", "paused"):
            return
        if reason not in self.caps:
            reason = None
        going_on = self.state == "paused" and self.stills[-1][2]
        if going_on and going_on != reason:
            self.stills[-1][1] = now
            self.state = "running"
            going_on = False
        if reason and not going_on:
            cap = self.caps[reason]
            if cap is None or self.stood_still(reason) < cap:
                self.stills.append([now, None, reason])
                self.state = "paused"

    def changes(self, now, hours=None, spec=None, caps=None):
        """Something else is promised, or by other hours."""
        self.look(now)
        if self.state not in ("running", "paused"):
            return
        self.hours = self.hours if hours is None else hours
        self.spec = spec or self.spec
        self.caps = self.caps if caps is None else caps
        at = self.stills[-1][0] if self.state == "paused" else now
        if not self.breach and self.due() < at:
            self.breach = self.due()

    def ends(self, state, now):
        self.look(now)
        if self.state == "paused":
            self.stills[-1][1] = now
        elif self.state != "running":
            return
        self.state = "running"
        self.look(now)
        self.state, self.stopped = state, now

    def goes_on(self, now):
        self.stills.append([self.stopped, now, "solved"])
        self.state, self.stopped = "running", None
        self.look(now)

    def expected(self, now):
        """All that the engine should say, after it has looked at ``now``."""
        self.look(now)
        paused = self.state == "paused"
        due = self.due()
        told = {
            "state": self.state,
            "start": self.start,
            "first_due": self.first_due,
            "due": None if paused else due,
            "held": due if paused else None,
            "paused": self.stood_still("customer", "third_party"),
            "solved": self.stood_still("solved"),
            "breach": self.breach,
            "stopped": self.stopped,
            "elapsed": self.elapsed(self.stopped) if self.stopped else 0,
            "remaining": 0,
        }
        if paused:
            since = self.stills[-1][0]
            told["remaining"] = (
                -worked(self.hours, due, since) if due < since else worked(self.hours, since, due)
            )
        return told
