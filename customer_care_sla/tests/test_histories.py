"""Random stories told to the engine and to a slow oracle: not a second's difference.

``CARE_HISTORIES`` says how many; a few by default. ``CARE_SEED`` takes others than these, so that
several processes tell different ones at a time.
"""

import copy
import os
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st

from odoo import Command
from odoo.tests import freeze_time, tagged

from . import oracle
from .common import SlaCase

WORKTIME = "odoo.addons.customer_care.models.care_worktime"
HISTORIES = int(os.environ.get("CARE_HISTORIES") or 40)
SEED = os.environ.get("CARE_SEED")
#: Seconds that one story may take: it takes one or two.
LONGEST = 60
# a half-hour zone; clocks changing by an hour, by half an hour, at midnight, in the south
ZONES = (
    "UTC",
    "Europe/Brussels",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Havana",
    "Pacific/Auckland",
)
#: A week with and without lunch, with short days, and one that works at night.
WEEKS = (
    {day: [(9, 17)] for day in range(5)},
    {day: [(8, 12), (13, 17.5)] for day in range(5)},
    {0: [(8, 20)], 2: [(10, 12)], 3: [(0, 24)], 5: [(9.25, 12.75)]},
    {day: [(0, 24)] for day in range(7)},
    {day: [(0, 5), (22, 24)] for day in range(6)},
)
#: Around changes of the clocks, a year's end, and a plain month.
STARTS = (
    datetime(2026, 3, 26),
    datetime(2026, 10, 22),
    datetime(2026, 4, 2),
    datetime(2026, 12, 29),
    datetime(2026, 6, 10),
)
STAGES = {
    "progress": None,
    "waiting_customer": "customer",
    "waiting_third": "third_party",
}

#: A story that was told differently once.
FOUND = {
    "zone": "Pacific/Auckland",
    "week": WEEKS[4],
    "start": datetime(2026, 4, 3, 0, 44, 4),
    "specs": {"1": ("days", 1), "3": ("days", 3)},
    "waits": {"customer": None, "third_party": None},
    "answer": 9,
    "reopen": "new",
    "steps": [
        ("waiting_third", 86400),
        ("waiting_customer", 221),
        ("waiting_third", 108000),
        ("waiting_customer", 50400),
        ("answer", 54000),
        ("severity", 3945),
        ("apply", 86400),
        ("progress", 7845),
        ("policy", 198212),
        ("progress", 7845),
        ("customer", 86400),
        ("progress", 345599),
    ],
}

# whole hours too, so that a pause begins just when something is due
hours_later = st.integers(0, 30).map(lambda n: n * 3600)
step = st.tuples(
    st.sampled_from(
        (
            *("progress", "waiting_customer", "waiting_third") * 3,
            *("resolve", "resolve", "severity", "severity", "answer", "customer", "look"),
            *("calendar", "leave", "apply", "policy", "merge"),
        )
    ),
    hours_later | hours_later | st.integers(0, 4 * 86400),
)


@st.composite
def stories(draw):
    amounts = st.integers(1, 40)
    return {
        "zone": draw(st.sampled_from(ZONES)),
        "week": draw(st.sampled_from(WEEKS)),
        "start": draw(st.sampled_from(STARTS))
        + timedelta(seconds=draw(hours_later | st.integers(0, 7 * 86400))),
        "specs": {
            severity: draw(
                st.tuples(st.just("hours"), amounts) | st.tuples(st.just("days"), st.integers(1, 5))
            )
            for severity in ("1", "3")
        },
        "waits": {
            reason: draw(st.none() | st.integers(1, 16))
            for reason in draw(
                st.sampled_from((("customer",), ("customer", "third_party"), ("third_party",), ()))
            )
        },
        "answer": draw(st.integers(1, 20)),
        "reopen": draw(st.sampled_from(("resume", "new"))),
        "steps": draw(st.lists(step, min_size=3, max_size=12)),
    }


@tagged("post_install", "-at_install")
class TestHistories(SlaCase):
    def setUp(self):
        super().setUp()
        # nothing that a story waits for may keep it waiting for ever
        self.env.cr.execute(f"SET LOCAL statement_timeout = '{LONGEST}s'")
        # half a year of working hours is enough, and made much faster than three of them
        for name, months in (("MONTHS_AFTER", 7), ("MONTHS_MARGIN", 5)):
            self.enterContext(self._patched(f"{WORKTIME}.{name}", months))

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=HISTORIES,
        # a story is slow: it is told as it is, not made shorter first
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @(seed(int(SEED)) if SEED else lambda test: test)
    @given(stories())
    @example(FOUND)
    def test_the_engine_and_the_oracle_tell_the_same_story(self, story):
        # a clock that nobody freezes
        start = os.times().elapsed
        with self.cr.savepoint() as savepoint:
            Telling(self, story).run()
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        self.assertLess(os.times().elapsed - start, LONGEST, story)

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=max(HISTORIES // 2, 1),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @(seed(int(SEED)) if SEED else lambda test: test)
    @given(stories(), st.booleans(), st.integers(0, 5), st.integers(1, 6))
    def test_what_is_not_promised_for_a_while_ends_like_its_twin(self, story, ever, gone, long):
        with self.cr.savepoint() as savepoint:
            Twins(self, story, ever, gone, gone + long).run()
            savepoint.rollback()
        self.env.invalidate_all(flush=False)


class Telling:
    """One story, told to both."""

    def __init__(self, test, story):
        self.test, self.story, self.env = test, story, test.env
        self.now = story["start"]
        self.week, self.closed = dict(story["week"]), []
        self.tz = story["zone"]
        self.clocks = {}  # case -> measure -> list of stories, the last one may be open
        self.stage, self.severity, self.cases = {}, {}, []
        self.merged = False

    # the engine's side

    def run(self):
        with freeze_time(self.now) as frozen:
            self.frozen = frozen
            before = self.env.cr.now()
            try:
                self.at(self.now)
                self.set_up()
                self.open()
                for kind, seconds in self.story["steps"]:
                    self.at(self.now + timedelta(seconds=seconds))
                    getattr(self, f"do_{kind}")(kind)
                    self.env.flush_all()
                self.at(self.now + timedelta(hours=1))
                self.do_look("look")
                self.compare()
            finally:
                self.env.cr._now = before

    def at(self, moment):
        self.now = moment
        self.frozen.move_to(moment)
        self.env.cr._now = moment

    def lines(self):
        return [
            Command.create(
                {
                    "name": "Hours",
                    "dayofweek": str(day),
                    "hour_from": hour_from,
                    "hour_to": hour_to,
                    "day_period": "morning",
                }
            )
            for day, pieces in self.week.items()
            for hour_from, hour_to in pieces
        ]

    def set_up(self):
        self.calendar = self.env["resource.calendar"].create(
            {
                "name": "Story",
                "tz": self.tz,
                "company_id": self.test.company.id,
                "attendance_ids": [Command.clear(), *self.lines()],
            }
        )
        self.policy = self.test.policy
        waits = self.story["waits"]
        self.policy.write(
            {
                "calendar_id": self.calendar.id,
                "reopen_mode": self.story["reopen"],
                "pause_customer": "customer" in waits,
                "pause_customer_cap": waits.get("customer") or 0,
                "pause_third_party": "third_party" in waits,
                "pause_third_party_cap": waits.get("third_party") or 0,
                "target_ids": [
                    Command.clear(),
                    *(
                        Command.create(
                            {
                                "measure": "resolution",
                                "severity": severity,
                                "kind": kind,
                                "amount": amount,
                            }
                        )
                        for severity, (kind, amount) in self.story["specs"].items()
                    ),
                    *(
                        Command.create(
                            {
                                "measure": measure,
                                "kind": "hours",
                                "amount": self.story["answer"],
                            }
                        )
                        for measure in ("first_response", "next_response", "update")
                    ),
                ],
            }
        )

    def open(self):
        case = self.test._case(received_at=self.now, severity="1")
        self.cases.append(case)
        self.stage[case], self.severity[case] = "progress", "1"
        self.clocks[case] = {name: [] for name in MEASURES}
        for measure in ("resolution", "first_response", "update"):
            self.begin(case, measure)

    # both sides

    def begin(self, case, measure):
        kind = self.story["specs"][self.severity[case]]
        spec = kind if measure == "resolution" else ("hours", self.story["answer"])
        caps = self.caps() if measure == "resolution" else {}
        story = oracle.Story(self.hours(), self.tz, self.now, spec, caps, self.now)
        # by which line it is promised: edited, that changes nothing of it
        story.line = self.severity[case]
        self.clocks[case][measure].append(story)
        story.waits(STAGES.get(self.stage[case]), self.now)

    def caps(self):
        return {reason: cap and cap * 3600 for reason, cap in self.story["waits"].items()}

    def hours(self):
        week = tuple((day, *piece) for day, pieces in self.week.items() for piece in pieces)
        first = self.story["start"].date() - timedelta(days=3)
        return oracle.opening_hours(self.tz, week, tuple(self.closed), first, 250)

    def last(self, case, measure):
        """The open story of a promise, or None."""
        known = self.clocks[case][measure]
        return known[-1] if known and known[-1].state in ("running", "paused") else None

    def enter(self, name):
        case = self.cases[0]
        again = self.stage[case] == "resolved"
        if self.stage[case] != name:
            case._enter_stage(self.env.ref(f"customer_care.stage_case_{name}"))
        self.stage[case] = name
        if again and name != "resolved":
            if self.story["reopen"] == "new":
                self.begin(case, "resolution")
            else:
                self.go_on(case, self.clocks[case]["resolution"][-1])
            self.begin(case, "update")
        for measure in MEASURES:
            story = self.last(case, measure)
            if story:
                story.waits(STAGES.get(name), self.now)

    def go_on(self, case, story):
        """It is not over after all; if the severity is another one by now, so is the promise,
        unless it would have been broken while the one that was made was not."""
        story.goes_on(self.now)
        severity = self.severity[case]
        if story.line != severity:
            what = {"spec": self.story["specs"][severity], "caps": self.caps()}
            other = copy.deepcopy(story)
            other.changes(self.now, **what)
            if story.breach or not other.breach:
                story.changes(self.now, **what)
                story.line = severity

    def do_progress(self, kind):
        self.enter(kind)

    do_waiting_customer = do_waiting_third = do_progress

    def do_resolve(self, _kind):
        case = self.cases[0]
        case.resolution = "Mended"
        self.enter("resolved")
        for measure in MEASURES:
            story = self.last(case, measure)
            if story:
                story.ends("met", self.now)

    def do_severity(self, _kind):
        case = self.cases[0]
        self.severity[case] = severity = "3" if self.severity[case] == "1" else "1"
        case.severity = severity
        story = self.last(case, "resolution")
        # what is solved follows when it goes on
        if story and story.line != severity:
            story.changes(self.now, spec=self.story["specs"][severity], caps=self.caps())
            story.line = severity
            story.waits(STAGES.get(self.stage[case]), self.now)

    def do_answer(self, _kind):
        case = self.cases[0]
        case._care_answered_by(self.test.agent)
        for measure in ("first_response", "next_response", "update"):
            story = self.last(case, measure)
            if story:
                story.ends("met", self.now)
                if measure == "update":
                    self.begin(case, measure)

    def do_customer(self, _kind):
        case = self.cases[0]
        self.env["care.sla.clock"]._customer_wrote(case.sudo())
        waiting = self.last(case, "first_response") or self.last(case, "next_response")
        if self.stage[case] != "resolved" and not waiting:
            self.begin(case, "next_response")

    def do_look(self, _kind):
        # nobody else's: of a whole demo it would be told anew in each story
        due = self.env["care.sla.clock"].search(
            [("case_id", "in", [case.id for case in self.cases]), ("next_at", "<=", self.now)]
        )
        due._run_guarded()
        for case in self.cases:
            for measure in MEASURES:
                for story in self.clocks[case][measure]:
                    story.look(self.now)

    def do_calendar(self, _kind):
        """Everybody goes home an hour earlier, and nobody comes on the first day."""
        self.week = {
            day: [(start, stop - 1 if stop - 1 > start else stop) for start, stop in pieces]
            for day, pieces in list(self.week.items())[len(self.week) > 2 :]
        }
        self.calendar.attendance_ids = [Command.clear(), *self.lines()]

    def do_leave(self, _kind):
        start = self.now + timedelta(hours=5)
        stop = start + timedelta(hours=30)
        self.closed.append((start, stop))
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Closed",
                "calendar_id": self.calendar.id,
                "company_id": self.test.company.id,
                "date_from": start,
                "date_to": stop,
            }
        )

    def do_policy(self, _kind):
        """Edited, not applied."""
        kind, amount = self.story["specs"]["1"]
        self.story["specs"] = {**self.story["specs"], "1": (kind, amount + 1)}
        line = self.policy.target_ids.filtered(lambda line: line.severity == "1")
        line.amount = amount + 1

    def do_apply(self, _kind):
        row = self.env["care.sla.apply"].create(
            {"policy_id": self.policy.id, "company_id": self.test.company.id}
        )
        row.action_start()
        while row.state == "planned":
            row._run_due()
        for case in self.cases:
            for measure in MEASURES:
                story = self.last(case, measure)
                if story:
                    spec = self.story["specs"][self.severity[case]]
                    mine = measure == "resolution"
                    story.changes(
                        self.now,
                        hours=self.hours(),
                        spec=spec if mine else ("hours", self.story["answer"]),
                        caps=self.caps() if mine else {},
                    )
                    story.line = self.severity[case]
                    story.waits(STAGES.get(self.stage[case]), self.now)

    def do_merge(self, _kind):
        """Another case of the customer, opened now, is made one with the first."""
        if self.merged:
            return
        self.merged = True
        first = self.cases[0]
        self.open()
        other = self.cases[1]
        first_due = self.open_due(first)
        other_due = self.open_due(other)
        other._merge_into(first)
        self.env.invalidate_all()
        moving = () if self.stage[first] == "resolved" else MEASURES
        for measure in moving:
            mine, theirs = first_due.get(measure), other_due.get(measure)
            if mine is not None and theirs is not None and theirs < mine:
                ours, others = self.clocks[first][measure], self.clocks[other][measure]
                ours[-1], others[-1] = others[-1], ours[-1]
                ours[-1].waits(STAGES.get(self.stage[first]), self.now)
            elif mine is None and theirs is not None:
                if measure == "update" or not self.clocks[first][measure]:
                    story = self.clocks[other][measure].pop()
                    self.clocks[first][measure].append(story)
                    story.waits(STAGES.get(self.stage[first]), self.now)
        for measure in MEASURES:
            story = self.last(other, measure)
            if story:
                story.ends("cancelled", self.now)

    def open_due(self, case):
        return {measure: story.due() for measure in MEASURES if (story := self.last(case, measure))}

    # ------------------------------------------------------------

    def compare(self):
        self.env.invalidate_all()
        for case in self.cases:
            for measure in MEASURES:
                clocks = case.clock_ids.filtered(lambda c, m=measure: c.measure == m)
                told = [self.told(clock) for clock in clocks.sorted("cycle")]
                expected = [story.expected(self.now) for story in self.clocks[case][measure]]
                self.test.assertEqual(told, expected, (measure, self.story))
            self.test.assertEqual(
                len(case.clock_ids),
                sum(map(len, self.clocks[case].values())),
            )
        for clock in self.env["care.sla.clock"].browse(
            c.id for k in self.cases for c in k.clock_ids
        ):
            self.add_up(clock)

    def told(self, clock):
        paused = clock.state == "paused"
        return {
            "state": clock.state,
            "start": clock.started_at,
            "first_due": clock.first_due_at,
            "due": clock.due_at or None,
            "held": paused and clock.held_due_at or None,
            "paused": clock.paused_seconds,
            "solved": clock.solved_seconds,
            "breach": clock.breached_at or (clock.is_late and clock.due_at) or None,
            "stopped": clock.stopped_at or None,
            "elapsed": clock.elapsed_seconds,
            "remaining": clock.remaining,
        }

    def add_up(self, clock):
        """The pieces that explain a clock make what it says."""
        pieces = clock._explain()
        sums = dict.fromkeys(("running", "paused", "solved", "closed"), 0)
        for piece in pieces:
            sums[piece["kind"]] += piece["worked"]
        until = clock.stopped_at or self.now
        wall = int((until - clock.started_at).total_seconds())
        self.test.assertEqual(sum(piece["wall"] for piece in pieces), wall)
        for piece, following in zip(pieces, pieces[1:], strict=False):
            self.test.assertEqual(piece["stop"], following["start"])
        self.test.assertEqual(sums["closed"], 0)
        self.test.assertEqual(sums["solved"], clock.solved_seconds)
        if clock.state in ("met", "cancelled"):
            self.test.assertEqual(sums["running"], clock.elapsed_seconds)
            self.test.assertEqual(sums["paused"], clock.paused_seconds)


MEASURES = ("resolution", "first_response", "next_response", "update")


class Twins(Telling):
    """Two cases that go the same way; of one of them nothing is promised for a while.

    :ivar bool ever: whether something was promised before that, or the case was never over
    """

    def __init__(self, test, story, ever, gone, back):
        way = ("progress", "waiting_customer", "waiting_third", "resolve", "look")
        steps = [step for step in story["steps"] if step[0] in way]
        super().__init__(test, {**story, "steps": steps})
        self.gone, self.back, self.ever = gone, back, ever

    def set_up(self):
        result = super().set_up()
        none = {"measure": "resolution", "severity": "0", "kind": "none"}
        self.policy.target_ids = [Command.create(none)]
        return result

    def open(self):
        first = "1" if self.ever else "0"
        for severity in ("1", first):
            case = self.test._case(received_at=self.now, severity=severity)
            self.cases.append(case)
            self.clocks[case] = {measure: [] for measure in MEASURES}

    def run(self):
        moves = [[step] for step in self.story["steps"]]
        self.gone, self.back = min(self.gone, len(moves)), min(self.back, len(moves))
        moves.append([])
        moves[self.gone].insert(0, ("gone", 1800))
        moves[self.back].append(("back", 1800))
        if any(kind == "resolve" for kind, _later in sum(moves[: self.back + 1], [])):
            self.ever = True  # else it counts from when it went on
        last = [("progress", 3600), ("look", 3600)]
        self.story = {**self.story, "steps": [*sum(moves, []), *last]}
        return super().run()

    def do_gone(self, _kind):
        self.cases[1].severity = "0"

    def do_back(self, _kind):
        self.cases[1].severity = "1"

    def do_progress(self, kind):
        for case in self.cases:
            case._enter_stage(self.env.ref(f"customer_care.stage_case_{kind}"))

    do_waiting_customer = do_waiting_third = do_progress

    def do_resolve(self, _kind):
        for case in self.cases:
            case.resolution = "Mended"
        self.do_progress("resolved")

    def compare(self):
        self.env.invalidate_all()
        told = [
            [
                (
                    *(clock.state, clock.started_at, clock.due_at, clock.breached_at),
                    *(clock.paused_seconds, clock.solved_seconds),
                    self.stood(clock),
                )
                for clock in self.test._clock(case, "resolution").sorted("cycle")[-1:]
            ]
            for case in self.cases
        ]
        self.test.assertEqual(told[0], told[1], (self.story, self.gone, self.back, self.ever))
        self.test.assertTrue(told[0])

    def stood(self, clock):
        """How it stood still; what was given up in between is in two rows."""
        pieces = []
        for pause in clock.pause_ids.sorted("stopped_at").sorted("started_at"):
            piece = [pause.reason, pause.started_at, pause.stopped_at, pause.seconds]
            if pieces and pieces[-1][0] == piece[0] and pieces[-1][2] == piece[1]:
                pieces[-1][2:] = piece[2], pieces[-1][3] + piece[3]
            else:
                pieces.append(piece)
        return pieces
