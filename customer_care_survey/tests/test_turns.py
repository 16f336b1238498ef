"""Who may be asked when, without a database."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..tools.turns import Limits, Turns

START = datetime(2026, 3, 1)
# a busy machine takes its time for the first example
examples = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def day(number):
    return START + timedelta(days=number)


days = st.lists(st.integers(0, 60).map(day), max_size=12)
limits = st.builds(
    Limits,
    st.integers(0, 10).map(lambda n: timedelta(days=n)),
    st.integers(0, 40).map(lambda n: timedelta(days=n)),
    st.integers(0, 4),
)


@tagged("post_install", "-at_install")
class TestTurns(BaseCase):
    def test_a_second_one_waits_until_the_gap_is_over(self):
        turns = Turns(Limits(timedelta(days=7)), [day(0)])
        self.assertEqual(turns.first(day(3), day(20)), day(7))
        self.assertIsNone(turns.first(day(3), day(6)))
        self.assertEqual(turns.first(day(7), day(7)), day(7))

    def test_a_window_lets_the_next_in_when_the_oldest_leaves_it(self):
        turns = Turns(Limits(timedelta(), timedelta(days=30), 2), [day(0), day(10)])
        self.assertEqual(turns.first(day(12), day(60)), day(30))

    def test_no_limit_is_no_limit(self):
        turns = Turns(Limits(), [day(0)] * 5)
        self.assertEqual(turns.first(day(0), day(0)), day(0))

    def test_reminders_keep_the_gap_and_are_not_counted(self):
        rules = Limits(timedelta(days=3), timedelta(days=30), 2)
        turns = Turns(rules, [day(0)], [day(5)])
        self.assertEqual(turns.first(day(6), day(60)), day(8))

    def test_who_goes_between_does_not_push_what_waits(self):
        turns = Turns(Limits(timedelta(days=7)))
        free = turns.with_waiting([(day(5), day(10))])
        self.assertEqual(free.first(day(0), day(60)), day(12), "5 days before is too near")
        free = turns.with_waiting([(day(8), day(10))])
        self.assertEqual(free.first(day(0), day(60)), day(0))

    def test_what_cannot_be_sent_anyway_takes_no_place(self):
        turns = Turns(Limits(timedelta(days=7)), [day(0)])
        free = turns.with_waiting([(day(2), day(3))])
        self.assertEqual(free.first(day(7), day(60)), day(7))

    @examples
    @given(limits, days)
    def test_whoever_goes_by_it_keeps_gap_and_window(self, rules, wanted):
        turns = Turns(rules)
        for moment in wanted:
            at = turns.first(moment, day(400))
            self.assertGreaterEqual(at, moment)
            turns.add(at)
        asked = sorted(turns.asked)
        for first, second in pairwise(asked):
            self.assertGreaterEqual(second - first, rules.gap)
        if rules.window and rules.most:
            for end in asked:
                inside = [at for at in asked if end - rules.window < at <= end]
                self.assertLessEqual(len(inside), rules.most)

    @examples
    @given(limits, days, st.lists(st.integers(0, 60), max_size=5), st.integers(0, 30))
    def test_a_place_found_beside_what_waits_delays_none_of_it(self, rules, before, starts, now):
        """However they stand, those that wait find the places that they had."""
        turns = Turns(rules)
        for moment in before:
            turns.add(turns.first(moment, day(9000)))
        waiting = [(day(start), day(start + 9)) for start in starts]
        kept = turns.with_waiting(waiting)
        at = kept.first(day(now), day(9000))
        turns.add(at)
        again = turns.with_waiting(waiting)
        self.assertEqual(sorted(again.asked), sorted([*kept.asked, at]))
