"""When a person may be asked the next thing.

Plain Python, no ORM. All moments are naive UTC.
"""

from datetime import timedelta
from typing import NamedTuple


class Limits(NamedTuple):
    """How often one person may be asked.

    ``gap``: time between two mails about surveys; ``most``: surveys within ``window``. 0 of
    either is no limit.
    """

    gap: timedelta = timedelta()
    window: timedelta = timedelta()
    most: int = 0


class Turns:
    """What one person was sent, and what stands in its place already.

    :param Limits limits: of the company that asks
    :param asked: when they were asked something: counts in the window, and keeps the gap
    :param mails: other mails about surveys (reminders): these keep the gap alone
    """

    def __init__(self, limits, asked=(), mails=()):
        self.limits = limits
        self.asked = list(asked)
        self.mails = [*mails, *self.asked]

    def add(self, moment):
        """They are asked then."""
        self.asked.append(moment)
        self.mails.append(moment)

    def quiet(self, moment):
        """Whether ``moment`` is too near to another mail."""
        gap = self.limits.gap
        return bool(gap) and any(abs(moment - other) < gap for other in self.mails)

    def often(self, moment):
        """Whether some window that holds ``moment`` would hold too many with it."""
        _gap, window, most = self.limits
        if not window or not most:
            return False
        # windows that end with it, or with one that comes after it
        ends = [moment, *(other for other in self.asked if moment < other < moment + window)]
        return any(sum(end - window < other <= end for other in self.asked) >= most for end in ends)

    def first(self, start, until):
        """The first moment from ``start`` to ``until`` at which they may be asked; None if
        there is none.
        """
        gap, window, _most = self.limits
        moments = {start}
        moments |= {other + gap for other in self.mails}
        moments |= {other + window for other in self.asked}
        for moment in sorted(moments):
            if start <= moment <= until and not self.quiet(moment) and not self.often(moment):
                return moment
        return None

    def with_waiting(self, waiting):
        """The same with everything that waits in the first place that it finds.

        Whoever finds a place among these takes nobody's.

        :param waiting: pairs (from, until), the most important first
        """
        turns = Turns(self.limits)
        turns.asked, turns.mails = list(self.asked), list(self.mails)
        for start, until in waiting:
            moment = turns.first(start, until)
            if moment is not None:
                turns.add(moment)
        return turns
