"""The arithmetic of promises beside a slow oracle, without a database: many stories in no time."""

import os
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from odoo.addons.customer_care.tools.worktime import Spec, WorkTime

from ..tools import clockwork, courtesy
from . import oracle

HISTORIES = max(100, int(os.environ.get("CARE_HISTORIES") or 0))
ZONES = ("UTC", "Europe/Brussels", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana")
WEEKS = (
    tuple((day, 9, 17) for day in range(5)),
    tuple((day, *piece) for day in range(5) for piece in ((8, 12), (13, 17.5))),
    ((0, 8, 20), (2, 10, 12), (3, 0, 24), (5, 9.25, 12.75)),
    tuple((day, 0, 24) for day in range(7)),
    tuple((day, *piece) for day in range(6) for piece in ((0, 5), (22, 24))),
)
FIRST = datetime(2026, 3, 20)
gap = st.integers(0, 30).map(lambda n: n * 3600) | st.integers(0, 4 * 86400)


@st.composite
def stories(draw):
    closed = []
    for start, length in draw(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 60)))):
        since = FIRST + timedelta(hours=start)
        closed.append((since, since + timedelta(hours=length)))
    return {
        "zone": draw(st.sampled_from(ZONES)),
        "week": draw(st.sampled_from(WEEKS)),
        "closed": tuple(closed),
        "start": FIRST + timedelta(days=3, seconds=draw(gap)),
        "spec": draw(
            st.tuples(st.just("hours"), st.integers(1, 60))
            | st.tuples(st.just("days"), st.integers(1, 6))
        ),
        "cap": draw(st.none() | st.integers(1, 20)),
        "gaps": draw(st.lists(st.tuples(gap, gap), max_size=5)),
    }


class TestClockwork(BaseCase):
    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=HISTORIES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stories())
    def test_a_promise_moves_on_pause_by_pause_to_where_its_whole_story_says(self, story):
        known = oracle.opening_hours(
            story["zone"], story["week"], story["closed"], FIRST.date(), 120
        )
        end = FIRST + timedelta(days=121)
        hours = WorkTime.build(story["zone"], known, FIRST - timedelta(days=1), end)
        start, (kind, amount) = story["start"], story["spec"]
        cap = story["cap"] and story["cap"] * 3600
        told = oracle.Story(known, story["zone"], start, story["spec"], {"customer": cap}, start)
        plan = hours.plan(start, Spec(kind, amount))
        self.assertEqual((plan.due, plan.due), (told.due(), told.first_due))
        due, used, moment, stills = plan.due, 0, start, []
        for before, length in story["gaps"]:
            since = moment + timedelta(seconds=before)
            moment = since + timedelta(seconds=length)
            told.waits("customer", since)
            told.waits(None, moment)
            if cap and used >= cap:
                continue
            left = cap - used if cap else None
            stop, worked = clockwork.rested(hours, since, moment, left)
            if moment > since:
                stills.append(clockwork.Still(since, stop, "customer"))
            due, used = clockwork.moved(hours, due, since, stop), used + worked
        self.assertEqual(due, told.due())
        self.assertEqual(due, clockwork.due_after(hours, plan.due, stills))
        self.assertEqual(used, told.stood_still("customer"))
        self.assertEqual(clockwork.standing(hours, stills, moment).get("customer", 0), used)
        elapsed = clockwork.elapsed(hours, start, moment, stills)
        self.assertEqual(elapsed, told.elapsed(moment))
        pieces = clockwork.segments(hours, start, moment, stills)
        for piece, following in zip(pieces, pieces[1:], strict=False):
            self.assertEqual(piece.stop, following.start)
        self.assertEqual(sum((p.stop - p.start for p in pieces), timedelta()), moment - start)
        self.assertEqual(sum(p.worked for p in pieces if p.kind == "running"), elapsed)
        self.assertEqual(sum(p.worked for p in pieces if p.kind == "paused"), used)
        left = clockwork.remaining(hours, due, moment)
        late = oracle.worked(known, due, moment)
        self.assertEqual(left, -late if due < moment else oracle.worked(known, moment, due))

    def test_a_still_that_goes_on_counts_until_now(self):
        hours = WorkTime.build(
            "UTC", [(FIRST, FIRST + timedelta(hours=8))], FIRST, FIRST + timedelta(days=2)
        )
        still = clockwork.Still(FIRST + timedelta(hours=2), None, "customer")
        until = FIRST + timedelta(hours=5)
        self.assertEqual(clockwork.standing(hours, [still], until), {"customer": 3 * 3600})
        self.assertEqual(clockwork.elapsed(hours, FIRST, until, [still]), 2 * 3600)
        self.assertEqual(
            [piece.kind for piece in clockwork.segments(hours, FIRST, until, [still])],
            ["running", "paused"],
        )

    def test_thanks_and_nothing_else(self):
        for text in (
            "Thanks!",
            "Thank you so much, Anna.\nBest regards\nPaul",
            "Merci beaucoup pour votre aide",
            "Vielen Dank für die schnelle Hilfe!",
            "¡Muchas gracias!",
        ):
            self.assertTrue(courtesy.is_thanks(text, ("Anna Smith", "Paul")), text)
        for text in (
            "",
            "Ok",
            "Thanks, but it still leaks",
            "Thanks! When do you come?",
            "Danke, aber der Ofen ist kalt",
            "Thanks Anna, please call me",
            "Thanks " * 30,
        ):
            self.assertFalse(courtesy.is_thanks(text, ("Anna Smith", "Paul")), text)
