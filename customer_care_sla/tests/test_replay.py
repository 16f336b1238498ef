"""What a promise would have come to: history written by hand, answers worked out by hand."""

from datetime import datetime, timedelta

from odoo.tests import BaseCase

from odoo.addons.customer_care.tools.worktime import WorkTime

from ..tools.replay import Stretch, Terms, asked, open_from, renewed, replay

HOUR = 3600
#: Monday to Friday, nine to five, in UTC; 2 November 2026 is a Monday.
MONDAY = datetime(2026, 11, 2)
HOURS = WorkTime.build(
    "UTC",
    [
        (MONDAY + timedelta(days=day, hours=9), MONDAY + timedelta(days=day, hours=17))
        for day in range(60)
        if day % 7 < 5
    ],
    MONDAY - timedelta(days=1),
    MONDAY + timedelta(days=60),
)
PAUSING = Terms(pauses=True, waits={"customer": 0}, reopens="resume")


def at(text):
    """``"2 09:00"`` → that day of November 2026"""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return datetime(2026, 11, int(day), int(hour), int(minute))


def stretches(*given):
    """Pairs of a moment and a category; one who waits does so for the customer."""
    return [
        Stretch(at(text), category, "customer" if category == "waiting" else "")
        for text, category in given
    ]


class TestReplay(BaseCase):
    def _replay(self, history, hours=8, now="30 09:00", terms=PAUSING, answered=()):
        return replay(
            HOURS,
            lambda known, start: known.add(start, hours * HOUR),
            at("2 09:00"),
            stretches(*history),
            at(now),
            terms,
            [at(text) for text in answered],
        )

    def _one(self, *args, **kwargs):
        (run,) = self._replay(*args, **kwargs)
        return run

    def test_what_ends_before_it_is_due_is_kept(self):
        run = self._one([("2 09:00", "open"), ("2 16:00", "resolved")])
        self.assertEqual(run.due, at("2 17:00"))
        self.assertEqual(run.ended, at("2 16:00"))
        self.assertTrue(run.decided)
        self.assertFalse(run.late)

    def test_kept_in_the_very_last_second_is_kept(self):
        run = self._one([("2 09:00", "open"), ("2 17:00", "resolved")])
        self.assertFalse(run.late)
        run = self._one([("2 09:00", "open"), ("2 17:01", "resolved")])
        self.assertTrue(run.late)
        self.assertEqual(run.late_seconds, 0, "nobody worked in that minute")

    def test_by_how_much_it_is_late_is_working_time(self):
        run = self._one([("2 09:00", "open"), ("4 10:00", "resolved")])
        self.assertTrue(run.late)
        self.assertEqual(run.late_seconds, 9 * HOUR)

    def test_a_pause_over_the_weekend_is_its_working_hours(self):
        history = [
            ("2 09:00", "open"),
            ("6 16:00", "waiting"),
            ("9 10:00", "open"),
            ("9 12:00", "resolved"),
        ]
        run = self._one(history, hours=40)
        self.assertEqual(run.due, at("9 11:00"), "Friday 17:00 and two hours of pause")
        self.assertEqual(run.late_seconds, HOUR)

    def test_a_pause_does_not_mend_what_was_late_before_it(self):
        history = [
            ("2 09:00", "open"),
            ("3 10:00", "waiting"),
            ("5 10:00", "open"),
            ("5 11:00", "closed"),
        ]
        run = self._one(history)
        self.assertEqual(run.due, at("2 17:00"))
        self.assertTrue(run.late)

    def test_a_pause_counts_up_to_its_cap_in_all(self):
        terms = PAUSING._replace(waits={"customer": 3 * HOUR})
        history = [
            ("2 09:00", "open"),
            ("2 10:00", "waiting"),
            ("2 12:00", "open"),
            ("2 13:00", "waiting"),
            ("3 12:00", "open"),
            ("3 12:30", "resolved"),
        ]
        run = self._one(history, terms=terms)
        self.assertEqual(run.due, at("3 12:00"), "two hours and one of the second pause")
        self.assertEqual(run.late_seconds, HOUR // 2)

    def test_waiting_for_whom_the_policy_does_not_wait_counts(self):
        history = [("2 09:00", "open"), ("2 10:00", "waiting"), ("3 10:00", "resolved")]
        run = self._one(history, terms=PAUSING._replace(waits={"third_party": 0}))
        self.assertEqual(run.due, at("2 17:00"))
        run = self._one(history, terms=PAUSING._replace(pauses=False))
        self.assertEqual(run.due, at("2 17:00"))

    def test_the_time_in_which_it_was_thought_solved_does_not_count(self):
        history = [
            ("2 09:00", "open"),
            ("2 13:00", "resolved"),
            ("5 13:00", "open"),
            ("5 16:30", "closed"),
        ]
        run = self._one(history)
        self.assertEqual(run.due, at("5 17:00"))
        self.assertEqual(run.ended, at("5 16:30"))
        self.assertFalse(run.late)

    def test_a_new_promise_after_reopening_leaves_the_first_as_it_was(self):
        history = [
            ("2 09:00", "open"),
            ("3 10:00", "resolved"),
            ("5 10:00", "open"),
            ("5 16:30", "closed"),
        ]
        first, second = self._replay(history, terms=PAUSING._replace(reopens="new"))
        self.assertEqual((first.due, first.ended, first.late), (at("2 17:00"), at("3 10:00"), True))
        self.assertEqual(second.started, at("5 10:00"))
        self.assertEqual((second.due, second.late), (at("6 10:00"), False))

    def test_an_answer_that_was_given_stays_given(self):
        history = [("2 09:00", "open"), ("2 12:00", "resolved"), ("3 12:00", "open")]
        terms = Terms()
        self.assertEqual(self._one(history, terms=terms, answered=["2 11:00"]).ended, at("2 11:00"))
        run = self._one(history, terms=terms, answered=["4 11:00"])
        self.assertEqual(run.ended, at("2 12:00"), "the solution was an answer")

    def test_what_is_cancelled_says_nothing_until_it_is_taken_up_again(self):
        history = [("2 09:00", "open"), ("2 12:00", "cancelled")]
        run = self._one(history)
        self.assertEqual((run.state, run.decided), ("cancelled", False))
        self.assertEqual(run.ended, at("2 12:00"))
        run = self._one([*history, ("3 12:00", "open"), ("3 16:00", "resolved")])
        self.assertEqual((run.due, run.late, run.decided), (at("3 17:00"), False, True))

    def test_what_is_cancelled_when_it_is_late_already_is_broken(self):
        run = self._one([("2 09:00", "open"), ("3 11:00", "cancelled")])
        self.assertEqual((run.state, run.decided, run.late), ("cancelled", True, True))
        self.assertEqual((run.due, run.late_seconds), (at("2 17:00"), 2 * HOUR))

    def test_an_answer_while_it_is_cancelled_keeps_nothing(self):
        history = [("2 09:00", "open"), ("2 12:00", "cancelled"), ("3 12:00", "open")]
        run = self._one(history, terms=Terms(), answered=["2 13:00"])
        self.assertEqual((run.state, run.ended), ("running", None))
        run = self._one(history, terms=Terms(), answered=["2 13:00", "3 15:00"])
        self.assertEqual((run.due, run.ended), (at("3 17:00"), at("3 15:00")))

    def test_what_is_open_is_decided_once_it_is_late(self):
        history = [("2 09:00", "open")]
        self.assertFalse(self._one(history, now="2 16:00").decided)
        run = self._one(history, now="3 11:00")
        self.assertEqual((run.decided, run.late_seconds, run.ended), (True, 2 * HOUR, None))
        history.append(("2 10:00", "waiting"))
        run = self._one(history, now="20 11:00")
        self.assertEqual((run.state, run.decided), ("paused", False))

    def test_nothing_after_now_is_known(self):
        run = self._one([("2 09:00", "open"), ("3 09:00", "resolved")], now="2 12:00")
        self.assertEqual((run.state, run.ended), ("running", None))

    def test_what_is_cancelled_stays_so_where_it_is_made_anew(self):
        history = [("2 09:00", "open"), ("2 12:00", "cancelled"), ("3 12:00", "open")]
        run = self._one(history, terms=Terms(resumes=False), answered=["3 13:00"])
        self.assertEqual((run.state, run.ended), ("cancelled", at("2 12:00")))

    def test_what_was_over_before_it_began_ends_nothing(self):
        history = [("1 09:00", "open"), ("1 10:00", "resolved"), ("1 11:00", "open")]
        run = self._one([*history, ("2 12:00", "resolved")])
        self.assertEqual((run.started, run.ended), (at("2 09:00"), at("2 12:00")))

    def test_what_keeps_it_in_the_second_in_which_the_record_moves_on_came_first(self):
        history = [("2 09:00", "open"), ("2 12:00", "cancelled")]
        self.assertEqual(self._one(history, answered=["2 12:00"]).state, "met")

    def test_when_a_record_is_open_from_a_moment_on(self):
        history = stretches(("2 09:00", "open"), ("2 12:00", "resolved"), ("3 12:00", "waiting"))
        for moment, expected in (
            ("1 09:00", "2 09:00"),
            ("2 09:00", "2 09:00"),
            ("2 11:00", "2 11:00"),
            ("2 12:00", "3 12:00"),
            ("4 12:00", "4 12:00"),
        ):
            self.assertEqual(open_from(history, at(moment)), at(expected))
        self.assertIsNone(open_from(history[:2], at("2 13:00")))

    def _player(self, history, answered, terms):
        def play(start):
            answers = [at(text) for text in answered if at(text) > start]
            return replay(
                HOURS,
                lambda known, start: known.add(start, 2 * HOUR),
                start,
                stretches(*history),
                at("30 09:00"),
                terms,
                answers,
            )[0]

        return play

    def test_what_is_promised_again_and_again_ends_with_the_record_and_begins_with_it(self):
        history = [("2 09:00", "open"), ("2 14:00", "resolved"), ("3 09:00", "open")]
        play = self._player(history, ["2 10:00", "2 13:00", "2 15:00"], Terms(resumes=False))
        runs = renewed(play, at("2 09:00"), stretches(*history))
        self.assertEqual(
            [(run.started, run.ended, run.late) for run in runs],
            [
                (at("2 09:00"), at("2 10:00"), False),
                (at("2 10:00"), at("2 13:00"), True),
                (at("2 13:00"), at("2 14:00"), False),
                (at("3 09:00"), None, True),
            ],
        )

    def test_who_asks_twice_waits_once(self):
        history = [("2 09:00", "open")]
        play = self._player(history, ["2 12:00"], Terms())
        asks = [at(text) for text in ("2 10:00", "2 11:00", "2 13:00", "2 14:00")]
        runs = asked(play, asks)
        self.assertEqual(
            [(run.started, run.ended, run.late) for run in runs],
            [(at("2 10:00"), at("2 12:00"), False), (at("2 13:00"), None, True)],
        )
