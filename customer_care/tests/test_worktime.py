import copy
import pickle
from datetime import date, datetime, time, timedelta

import pytz
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from odoo.addons.customer_care.tools.worktime import (
    HorizonError,
    NoWorkingTime,
    Spec,
    WorkTime,
    WorkTimeError,
)

HOUR = 3600
WEEKDAYS = range(5)
# half-hour zones; clocks changing by one hour, by half an hour, and at midnight
ZONES = (
    "UTC",
    "Europe/Brussels",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Havana",
)
examples = settings(derandomize=True, database=None, deadline=None, max_examples=60)


def clock(hour):
    """``8.5`` → 08:30"""
    return time(int(hour), round(hour % 1 * 60))


def utc(tz, text):
    """``"2026-03-30 09:00"`` on the clocks of a zone → naive UTC"""
    local = pytz.timezone(tz).localize(datetime.fromisoformat(text))
    return local.astimezone(pytz.utc).replace(tzinfo=None)


def local(tz, moment):
    """naive UTC → ``"2026-03-30 09:00"`` on the clocks of a zone"""
    moment = pytz.utc.localize(moment).astimezone(pytz.timezone(tz))
    return moment.strftime("%Y-%m-%d %H:%M")


def hours(week, tz="UTC", first="2026-01-01", last="2027-01-01", closed=()):
    """Opening hours from a week.

    :param dict week: weekday → list of ``(from, to)`` in hours
    :param closed: dates, as text, on which there is no work
    """
    zone = pytz.timezone(tz)
    first, last = date.fromisoformat(first), date.fromisoformat(last)
    pairs = []
    for number in range((last - first).days):
        day = first + timedelta(days=number)
        for start, stop in week.get(day.weekday(), ()):
            if str(day) not in closed:
                end = time.max if stop == 24 else clock(stop)
                pairs.append(
                    tuple(
                        zone.localize(datetime.combine(day, moment))
                        for moment in (clock(start), end)
                    )
                )
    horizon = [datetime.combine(day, time.min) for day in (first, last)]
    return WorkTime.build(tz, pairs, *horizon)


def week(*pieces, days=WEEKDAYS):
    return {day: list(pieces) for day in days}


@st.composite
def worktimes(draw):
    """Half a year of random opening hours, changes of the clocks included."""
    pattern = {}
    for day in range(7):
        bounds = draw(st.lists(st.integers(0, 96), max_size=6, unique=True).map(sorted))
        bounds = [bound / 4 for bound in bounds]
        pattern[day] = list(zip(bounds[::2], bounds[1::2], strict=False))
    assume(any(pattern.values()))
    return hours(pattern, tz=draw(st.sampled_from(ZONES)), first="2026-02-01", last="2026-07-01")


# a moment within their first five weeks, so that there is room to plan
moments = st.integers(0, 35 * 24 * HOUR).map(
    lambda seconds: datetime(2026, 3, 1) + timedelta(seconds=seconds)
)


def seconds(room):
    """Some working time, to the second or in quarters of an hour: no more than there is."""
    room = min(room, 40 * HOUR)
    return st.integers(0, room) | st.integers(0, room * 4 // HOUR).map(lambda n: n * HOUR // 4)


class TestWorkTime(BaseCase):
    """Examples: 2026-03-02, 2026-06-01 and 2026-06-08 are Mondays."""

    def test_pause_over_the_weekend(self):
        nine_to_five = hours(week((9, 17)))
        friday, monday = datetime(2026, 6, 5, 16), datetime(2026, 6, 8, 10)
        self.assertEqual(nine_to_five.elapsed(friday, monday), 2 * HOUR)
        self.assertEqual(nine_to_five.add(friday, 2 * HOUR), monday)
        self.assertEqual(nine_to_five.subtract(monday, 2 * HOUR), friday)
        self.assertEqual(
            nine_to_five.segments(friday, monday),
            [
                (friday, datetime(2026, 6, 5, 17)),
                (datetime(2026, 6, 8, 9), monday),
            ],
        )

    def test_backwards_is_nothing(self):
        nine_to_five = hours(week((9, 17)))
        friday, monday = datetime(2026, 6, 5, 16), datetime(2026, 6, 8, 10)
        self.assertEqual(nine_to_five.elapsed(monday, friday), 0)
        self.assertEqual(nine_to_five.segments(monday, friday), [])

    def test_lunch(self):
        lunch = hours(week((8, 12), (13, 17)))
        self.assertEqual(lunch.add(datetime(2026, 6, 1, 11), 2 * HOUR), datetime(2026, 6, 1, 14))
        self.assertEqual(lunch.add(datetime(2026, 6, 1, 12, 30), HOUR), datetime(2026, 6, 1, 14))
        self.assertFalse(lunch.is_open(datetime(2026, 6, 1, 12)))
        self.assertTrue(lunch.is_open(datetime(2026, 6, 1, 13)))

    def test_exact_fit(self):
        """Ends at closing, starts at opening; nothing to wait for is now."""
        lunch = hours(week((8, 12), (13, 17)))
        noon, eight = datetime(2026, 6, 1, 12), datetime(2026, 6, 1, 8)
        self.assertEqual(lunch.add(eight, 4 * HOUR), noon)
        self.assertEqual(lunch.add(eight, 8 * HOUR), datetime(2026, 6, 1, 17))
        self.assertEqual(
            lunch.subtract(datetime(2026, 6, 1, 17), 4 * HOUR), datetime(2026, 6, 1, 13)
        )
        sunday = datetime(2026, 6, 7, 11, 22, 33)
        self.assertEqual(lunch.add(sunday, 0), sunday)
        self.assertEqual(lunch.subtract(sunday, 0), sunday)

    def test_fractions_are_cut_off(self):
        nine_to_five = hours(week((9, 17)))
        start = datetime(2026, 6, 1, 9, 0, 0, 999999)
        self.assertEqual(nine_to_five.add(start, 60), datetime(2026, 6, 1, 9, 1))
        self.assertEqual(nine_to_five.add(start, 0), datetime(2026, 6, 1, 9))

    def test_changes_of_the_clocks(self):
        """A night of 8 hours by the clock lasts 7 in spring and 9 in autumn."""
        night = hours({5: [(22, 24)], 6: [(0, 6)]}, tz="Europe/Brussels")
        for day, length in (("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-06", 8)):
            start = utc("Europe/Brussels", f"{day} 22:00")
            self.assertEqual(night.elapsed(start, start + timedelta(hours=12)), length * HOUR)
        nine_to_five = hours(week((9, 17)), tz="Europe/Brussels")
        friday = utc("Europe/Brussels", "2026-03-27 16:00")
        self.assertEqual(
            local("Europe/Brussels", nine_to_five.add(friday, 2 * HOUR)),
            "2026-03-30 10:00",
        )

    def test_half_hour_zones(self):
        for tz in ("Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"):
            nine_to_five = hours(week((9, 17)), tz=tz)
            self.assertEqual(
                nine_to_five.elapsed(utc(tz, "2026-04-03 16:00"), utc(tz, "2026-04-06 10:00")),
                2 * HOUR,
            )
        # half an hour longer: clocks go back by 30 minutes on Sunday, 5 April
        always = hours(week((0, 24), days=range(7)), tz="Australia/Lord_Howe")
        start = utc("Australia/Lord_Howe", "2026-04-05 00:00")
        end = utc("Australia/Lord_Howe", "2026-04-06 00:00")
        self.assertEqual(always.elapsed(start, end), 24.5 * HOUR)

    def test_until_midnight(self):
        late = hours(week((16, 24)))
        midnight = datetime(2026, 6, 2)
        self.assertEqual(late.add(datetime(2026, 6, 1, 16), 8 * HOUR), midnight)
        self.assertEqual(late.end_of_day(datetime(2026, 6, 1, 16)), midnight)
        always = hours(week((0, 24), days=range(7)))
        self.assertEqual(len(always), 1, "nights have no seam")

    def test_working_days(self):
        nine_to_five = hours(week((9, 17)), closed=["2026-06-03"])
        for start, days, due in (
            ("2026-06-01 10:00", 1, "2026-06-02 10:00"),
            ("2026-06-01 10:00", 2, "2026-06-04 10:00"),  # over a day off
            ("2026-06-05 16:00", 1, "2026-06-08 16:00"),  # over a weekend
            ("2026-06-06 16:00", 1, "2026-06-09 09:00"),  # closed: from Monday, 9:00
            ("2026-06-01 07:00", 1, "2026-06-02 09:00"),
            ("2026-06-01 17:00", 1, "2026-06-04 09:00"),  # closing is closed
            ("2026-06-01 17:30", 0, "2026-06-01 17:30"),
        ):
            with self.subTest(start=start, days=days):
                due = datetime.fromisoformat(due)
                start = datetime.fromisoformat(start)
                self.assertEqual(nine_to_five.add_days(start, days), due)

    def test_working_days_within_opening(self):
        uneven = hours({0: [(8, 18)], 1: [(9, 12), (13, 17)], 2: [(8, 18)]})
        for start, due in (
            ("2026-06-01 08:15", "2026-06-02 09:00"),  # opens later
            ("2026-06-01 17:30", "2026-06-02 17:00"),  # closes earlier
            ("2026-06-01 12:30", "2026-06-02 12:00"),  # a gap: the closing before it
            ("2026-06-01 13:00", "2026-06-02 13:00"),  # as it opens again
            ("2026-06-01 11:00", "2026-06-02 11:00"),
        ):
            with self.subTest(start=start):
                start = datetime.fromisoformat(start)
                due = datetime.fromisoformat(due)
                self.assertEqual(uneven.add_days(start, 1), due)
                plan = uneven.plan(start, Spec("days", 1))
                self.assertEqual(plan, (uneven.elapsed(start, due), due))

    def test_working_days_keep_the_clock(self):
        tz = "Europe/Brussels"
        nine_to_five = hours(week((9, 17)), tz=tz)
        due = nine_to_five.add_days(utc(tz, "2026-03-27 14:00"), 1)
        self.assertEqual(local(tz, due), "2026-03-30 14:00")
        # a time that is skipped, and one that comes twice: as standard time
        always = hours(week((0, 24), days=range(7)), tz=tz)
        due = always.add_days(utc(tz, "2026-03-28 02:30"), 1)
        self.assertEqual(due, datetime(2026, 3, 29, 1, 30))
        due = always.add_days(utc(tz, "2026-10-24 02:30"), 1)
        self.assertEqual(due, datetime(2026, 10, 25, 1, 30))

    def test_days_where_clocks_change_at_midnight(self):
        """In Havana 2024-03-10 starts at 1:00, and 2024-11-03 has 0:00 twice."""
        tz = "America/Havana"
        always = hours(week((0, 24), days=range(7)), tz=tz, first="2024-01-01", last="2025-01-01")
        spring, autumn = utc(tz, "2024-03-09 12:00"), utc(tz, "2024-11-02 12:00")
        for day in (spring, autumn):
            self.assertEqual(local(tz, always.add_days(day, 2))[11:], "12:00")
        self.assertEqual(always.end_of_day(spring), datetime(2024, 3, 10, 5))
        self.assertEqual(always.end_of_next_day(spring), datetime(2024, 3, 11, 4))
        self.assertEqual(always.end_of_day(autumn), datetime(2024, 11, 3, 4))
        self.assertEqual(always.end_of_next_day(autumn), datetime(2024, 11, 4, 5))

    def test_end_of_next_working_day(self):
        lunch = hours(week((8, 12), (13, 17)), closed=["2026-06-02"])
        for start, end in (
            ("2026-06-01 09:00", "2026-06-03 17:00"),
            ("2026-06-05 16:59", "2026-06-08 17:00"),
            ("2026-06-06 12:00", "2026-06-09 17:00"),  # closed: counts from Monday
        ):
            start, end = datetime.fromisoformat(start), datetime.fromisoformat(end)
            self.assertEqual(lunch.end_of_next_day(start), end)
            self.assertEqual(lunch.plan(start, Spec("end_of_day")).due, end)
        self.assertEqual(
            lunch.plan(datetime(2026, 6, 3, 12, 30), Spec("end_of_day", 0)),
            (4 * HOUR, datetime(2026, 6, 3, 17)),
        )

    def test_one_second_makes_no_working_day(self):
        """Odoo's days off end at 23:59:59: with work at night, a second is left."""
        always = [
            (datetime(2026, 6, 1), datetime(2026, 6, 3)),
            (datetime(2026, 6, 3, 23, 59, 59), datetime(2026, 6, 10)),
        ]
        always = WorkTime.build("UTC", always, datetime(2026, 6, 1), datetime(2026, 6, 10))
        off = datetime(2026, 6, 3, 10)
        self.assertEqual(always.next_opening(off), datetime(2026, 6, 3, 23, 59, 59))
        self.assertEqual(always.add_days(datetime(2026, 6, 2, 10), 1), datetime(2026, 6, 4, 10))
        self.assertEqual(always.add_days(off, 1), datetime(2026, 6, 5))
        self.assertEqual(always.end_of_next_day(off), datetime(2026, 6, 6))

    def test_specifications(self):
        nine_to_five = hours(week((9, 17)))
        monday = datetime(2026, 6, 1, 9)
        for spec, length in (
            (Spec("hours", 1.5), 5400),
            (Spec("hours", 0.333333), 1200),
            (Spec("minutes", 45), 2700),
            (Spec("hours", 0), 0),
            (Spec("days", 2.0), 16 * HOUR),
            (Spec("end_of_day"), 16 * HOUR),
        ):
            plan = nine_to_five.plan(monday, spec)
            self.assertEqual(plan.seconds, length, spec)
            self.assertEqual(nine_to_five.elapsed(monday, plan.due), length, spec)
        for kind, amount in (
            ("weeks", 1),
            ("days", 1.5),
            ("hours", -1),
            ("hours", float("nan")),
        ):
            with self.assertRaises(WorkTimeError):
                Spec(kind, amount)

    def test_horizon(self):
        june = hours(week((9, 17)), first="2026-06-01", last="2026-07-01")
        inside, before, after = (
            datetime(2026, 6, 29, 10),
            datetime(2026, 5, 29, 10),
            datetime(2026, 7, 1, 10),
        )
        for side, method, *args in (
            ("start", june.elapsed, before, inside),
            ("end", june.elapsed, inside, after),
            ("start", june.add, before, 0),
            ("end", june.add, inside, 24 * HOUR),
            ("start", june.subtract, datetime(2026, 6, 1, 10), 2 * HOUR),
            ("end", june.next_opening, datetime(2026, 6, 30, 18)),
            ("end", june.add_days, inside, 2),
            ("end", june.end_of_next_day, datetime(2026, 6, 30, 10)),
            ("start", june.segments, before, inside),
            ("end", june.is_open, after),
        ):
            with self.subTest(method=method.__name__, side=side):
                with self.assertRaises(HorizonError) as caught:
                    method(*args)
                self.assertEqual(caught.exception.side, side)
                self.assertIn(f"{side}s", str(caught.exception))
        self.assertEqual(june.add(inside, 15 * HOUR), datetime(2026, 6, 30, 17))

    def test_last_day_has_to_be_known_as_a_whole(self):
        zone = "America/New_York"
        june = hours(week((9, 17)), tz=zone, first="2026-06-01", last="2026-07-01")
        with self.assertRaises(HorizonError):
            june.add_days(utc(zone, "2026-06-29 10:00"), 1)

    def test_refusals(self):
        start, end = datetime(2026, 6, 1), datetime(2026, 7, 1)
        with self.assertRaises(NoWorkingTime):
            WorkTime.build("UTC", [], start, end)
        with self.assertRaises(NoWorkingTime):
            WorkTime.build("UTC", [(end, end + timedelta(1))], start, end)
        with self.assertRaises(WorkTimeError):
            WorkTime("Mars/Olympus", [(0, 1)], 0, 1)
        for bad in ([(5, 5)], [(0, 3), (2, 4)], [(0, 2), (2, 4)], [(0, 99)]):
            with self.assertRaises(WorkTimeError):
                WorkTime("UTC", bad, 0, 10)
        june = hours(week((9, 17)), first="2026-06-01", last="2026-07-01")
        with self.assertRaises(WorkTimeError):
            june.add(pytz.utc.localize(start), 1)
        with self.assertRaises(WorkTimeError):
            june.add(start, -1)
        with self.assertRaises(TypeError):
            june.add(start, 1.5)

    def test_a_value(self):
        june = hours(week((9, 17)))
        other = hours(week((9, 18)))
        self.assertEqual(june, hours(week((9, 13), (13, 17))), "merged")
        self.assertNotEqual(june, other)
        self.assertEqual(len({june, hours(week((9, 17))), other}), 2)
        self.assertEqual(copy.deepcopy(june), june)
        self.assertEqual(pickle.loads(pickle.dumps(june)), june)
        self.assertNotEqual(june, june.digest)
        for name in ("tz", "_tz", "other"):
            with self.assertRaises(AttributeError):
                setattr(june, name, "UTC")
        with self.assertRaises(AttributeError):
            del june._tz

    def test_stored_text(self):
        lunch = week((8, 12), (13, 17))
        three_years = hours(lunch, tz="Europe/Brussels", last="2029-01-01", closed=["2026-06-03"])
        text = three_years.dumps()
        self.assertLess(len(text), 4096)
        self.assertEqual(WorkTime.loads(text), three_years)
        for bad in ("", "no", text[:-8], text[4:], None):
            with self.assertRaises(WorkTimeError):
                WorkTime.loads(bad)

    def test_replaced(self):
        """A longer horizon keeps what was promised within the shorter one."""
        kept = hours(week((9, 17)), first="2026-03-01", last="2026-06-03")
        wide = hours(week((10, 18)))
        mixed = wide.replaced(kept)
        self.assertEqual((mixed.start, mixed.end), (wide.start, wide.end))
        monday, friday = datetime(2026, 6, 1, 9), datetime(2026, 6, 5, 20)
        self.assertEqual(
            mixed.segments(monday, friday),
            kept.segments(monday, kept.end) + wide.segments(kept.end, friday),
        )
        self.assertEqual(wide.replaced(wide), wide)
        with self.assertRaises(HorizonError):
            kept.replaced(wide)


class TestWorkTimeProperties(BaseCase):
    @examples
    @given(worktimes(), st.lists(moments, min_size=3, max_size=3))
    def test_elapsed_adds_up(self, worktime, three):
        first, second, third = sorted(three)
        whole = worktime.elapsed(first, third)
        self.assertEqual(worktime.elapsed(first, second) + worktime.elapsed(second, third), whole)
        pieces = worktime.segments(first, third)
        lengths = [(end - start).total_seconds() for start, end in pieces]
        self.assertEqual(sum(lengths), whole)
        self.assertTrue(all(length > 0 for length in lengths))

    @examples
    @given(worktimes(), moments, st.data())
    def test_add(self, worktime, start, data):
        room = worktime.elapsed(start, worktime.end)
        some = data.draw(seconds(room), "some")
        more = data.draw(seconds(room - some), "more")
        end = worktime.add(start, some + more)
        self.assertEqual(worktime.elapsed(start, end), some + more)
        self.assertEqual(worktime.add(worktime.add(start, some), more), end)
        if some + more:
            just_before = end - timedelta(seconds=1)
            self.assertEqual(worktime.elapsed(start, just_before), some + more - 1)

    @examples
    @given(worktimes(), moments, st.data())
    def test_subtract_mirrors_add(self, worktime, moment, data):
        before = worktime.elapsed(worktime.start, moment)
        after = worktime.elapsed(moment, worktime.end)
        some = data.draw(seconds(min(before, after)), "some")
        end = worktime.add(moment, some)
        start = worktime.subtract(moment, some)
        self.assertEqual(worktime.elapsed(start, moment), some)
        self.assertEqual(worktime.elapsed(worktime.subtract(end, some), moment), 0)
        if worktime.is_open(moment):
            self.assertEqual(worktime.subtract(end, some), moment)
        if some and worktime.is_open(moment - timedelta(seconds=1)):
            self.assertEqual(worktime.add(start, some), moment)
        if some:
            self.assertTrue(worktime.is_open(start))

    @examples
    @given(worktimes(), moments)
    def test_next_opening(self, worktime, moment):
        opening = worktime.next_opening(moment)
        self.assertTrue(worktime.is_open(opening))
        self.assertEqual(worktime.elapsed(moment, opening), 0)
        self.assertEqual(opening == moment, worktime.is_open(moment))

    @examples
    @given(worktimes(), moments, st.integers(1, 12))
    def test_days(self, worktime, start, days):
        """One by one, by the calendar on the wall."""
        tz = worktime.tz
        try:
            due = worktime.add_days(start, days)
        except HorizonError:
            assume(False)
        counted = worktime.next_opening(start)
        worked = set()
        for opening, closing in worktime.segments(counted, worktime.end):
            first, last = (
                date.fromisoformat(local(tz, moment)[:10])
                for moment in (opening, closing - timedelta(seconds=1))
            )
            worked |= {first + timedelta(n) for n in range((last - first).days + 1)}
        day = sorted(worked)[days]
        end = worktime.end_of_day(start, days)
        self.assertEqual(local(tz, end - timedelta(seconds=1))[:10], str(day))
        self.assertLessEqual(due, end)
        clock_then, clock_now = (local(tz, moment)[11:] for moment in (due, counted))
        if worktime.is_open(due) and not worktime.is_open(due - timedelta(seconds=1)):
            self.assertGreaterEqual(clock_then, clock_now, "as it opens")
        elif not worktime.is_open(due):
            self.assertTrue(clock_then <= clock_now or clock_then == "00:00")
        self.assertGreater(due, start)
        plan = worktime.plan(start, Spec("days", days))
        self.assertEqual(plan, (worktime.elapsed(start, due), due))

    @examples
    @given(worktimes())
    def test_round_trip(self, worktime):
        again = WorkTime.loads(worktime.dumps())
        self.assertEqual(again, worktime)
        self.assertEqual(again.digest, worktime.digest)
        self.assertEqual(again.dumps(), worktime.dumps())
        self.assertEqual(
            again.segments(again.start, again.end),
            worktime.segments(worktime.start, worktime.end),
        )
