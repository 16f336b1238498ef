"""The days on which one person works: opening hours less the person's own time off.

Plain Python, no ORM: opening hours come as a function, time off as pairs of moments. All
moments are naive UTC.
"""

from datetime import datetime, time, timedelta

from pytz import utc

#: Days looked at for the next working day: whoever is away longer is asked on the day itself.
LIMIT = 366
DAY = timedelta(days=1)


class Workdays:
    """The working days of one person.

    :param zone: the zone in which the days begin and end
    :param segments: function (from, to) -> pieces of opening hours, in order; without one
        every day is a working day
    :param away: pairs (from, to) of the person's own time off
    """

    def __init__(self, zone, segments=None, away=()):
        self.zone = zone
        self._segments = segments
        self._away = sorted(away)

    def today(self, moment):
        """The date at ``moment`` where the days are counted."""
        return utc.localize(moment).astimezone(self.zone).date()

    def at(self, day, clock=time.min):
        """A time of day, in naive UTC."""
        return self.zone.localize(datetime.combine(day, clock)).astimezone(utc).replace(tzinfo=None)

    def works(self, day):
        """Whether some opening hours of ``day`` are left beside the time off."""
        return any(self._is_left(*piece, self._away) for piece in self._pieces(day))

    def is_off(self, day, away=()):
        """Whether time off takes all opening hours of ``day``; not of one that has none.

        :param away: more pairs (from, to) of time off
        """
        away = sorted((*self._away, *away))
        if not away:
            return False
        pieces = self._pieces(day)
        return bool(pieces) and not any(self._is_left(*piece, away) for piece in pieces)

    def next(self, day):
        """``day``, or the next one on which the person works."""
        candidate = day
        for _day in range(LIMIT):
            if self.works(candidate):
                return candidate
            candidate += DAY
        return day

    def add(self, day, count):
        """The ``count``-th working day after ``day``; for 0 as :meth:`next`."""
        if not count:
            return self.next(day)
        for _day in range(count):
            day = self.next(day + DAY)
        return day

    def _pieces(self, day):
        """The opening hours of a day."""
        start, end = self.at(day), self.at(day + DAY)
        return list(self._segments(start, end)) if self._segments else [(start, end)]

    @staticmethod
    def _is_left(start, end, away):
        """Whether the time off leaves something of a piece."""
        for away_from, away_to in away:
            # time off is entered to the last second of a day
            away_to += timedelta(seconds=1)
            if away_from <= start < away_to:
                start = away_to
        return start < end
