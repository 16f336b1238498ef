import os
from datetime import datetime, timedelta

import psycopg2
import pytz
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from odoo import SUPERUSER_ID, Command, api
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, freeze_time, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.customer_care.tools.worktime import Spec

HOUR = 3600
NOW = "2026-06-10 08:00:00"
DST_ZONES = ("Europe/Brussels", "America/New_York", "Australia/Lord_Howe")
ZONES = (*DST_ZONES, "Asia/Kolkata", "UTC")
examples = settings(derandomize=True, database=None, deadline=None, max_examples=25)
#: Durations to plan beside Odoo, at least; each calendar is asked for some, and some exact fits.
PLANS = int(os.environ.get("CARE_PLANS") or 100)
QUESTIONS = 4 if PLANS <= 100 else 40
CALENDARS = -(-PLANS // QUESTIONS)

# quarters of an hour, sorted in pairs: up to three pieces of a day, lunch between
DAY = st.lists(st.integers(0, 96), max_size=6, unique=True).map(
    lambda bounds: [bound / 4 for bound in sorted(bounds)]
)
WEEK = st.tuples(*[DAY] * 7).filter(lambda week: any(len(day) > 1 for day in week))
# hours from the first of March 2026: half a year with two changes of the clocks
MOMENT = st.integers(0, 200 * 24 * 60).map(
    lambda minutes: datetime(2026, 3, 1) + timedelta(minutes=minutes)
)
LEAVE = st.tuples(
    MOMENT,
    st.integers(1, 9 * 24 * 60),
    st.sampled_from(["calendar", "everyone", "other company", "other time", "shared"]),
)
SECONDS = st.integers(0, 120 * HOUR) | st.integers(0, 480).map(lambda n: n * HOUR // 4)


class WorktimeCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.other_company = cls.env["res.company"].create({"name": "Elsewhere"})
        cls.Worktime = cls.env["care.worktime"]

    def create_calendar(self, *weeks, tz="UTC", company=None, **values):
        """A calendar from one week, or two that take turns.

        :param weeks: seven lists each (Monday first) of hours, flat: from, to, …
        """
        hours = [
            Command.create(
                {
                    "name": "Hours",
                    "dayofweek": str(day),
                    "hour_from": hour_from,
                    "hour_to": hour_to,
                    "week_type": str(number) if len(weeks) > 1 else False,
                }
            )
            for number, week in enumerate(weeks)
            for day, bounds in enumerate(week)
            for hour_from, hour_to in zip(bounds[::2], bounds[1::2], strict=False)
        ]
        return self.env["resource.calendar"].create(
            {
                "name": "Desk",
                "tz": tz,
                "company_id": (company or self.company).id,
                "two_weeks_calendar": len(weeks) > 1,
                "attendance_ids": hours,
                **values,
            }
        )

    def create_leave(self, calendar, date_from, date_to, **values):
        leave = self.env["resource.calendar.leaves"].create(
            {
                "name": "Closed",
                "calendar_id": calendar.id,
                "date_from": date_from,
                "date_to": date_to,
                **values,
            }
        )
        if "company_id" in values:  # computed from the calendar otherwise
            leave.company_id = values["company_id"]
        return leave

    def office(self, **values):
        """Monday to Friday, 9 to 17."""
        return self.create_calendar([[9, 17]] * 5 + [[], []], **values)


@tagged("post_install", "-at_install")
class TestCareWorktime(WorktimeCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(freeze_time(NOW))
        self.calendar = self.office()

    def test_same_row_until_something_changes(self):
        row = self.Worktime._get(self.calendar, self.company)
        self.assertEqual(self.Worktime._get(self.calendar, self.company), row)
        self.assertEqual(row.date_start, datetime(2026, 5, 1))
        self.assertEqual(row.date_end, datetime(2029, 6, 1))
        self.assertEqual(row.tz, "UTC")
        self.assertIs(row._worktime(), row._worktime(), "decoded once")

        friday = datetime(2026, 6, 12, 16)
        self.calendar.name = "Renamed"
        self.assertEqual(self.Worktime._get(self.calendar, self.company), row)

        leave = self.create_leave(
            self.calendar, datetime(2026, 6, 15), datetime(2026, 6, 15, 23, 59, 59)
        )
        without_monday = self.Worktime._get(self.calendar, self.company)
        self.assertNotEqual(without_monday, row)
        self.assertEqual(row._worktime().add(friday, 2 * HOUR), datetime(2026, 6, 15, 10))
        self.assertEqual(
            without_monday._worktime().add(friday, 2 * HOUR), datetime(2026, 6, 16, 10)
        )

        self.calendar.attendance_ids.filtered(lambda a: a.dayofweek == "4").unlink()
        self.assertNotIn(self.Worktime._get(self.calendar, self.company), row + without_monday)
        self.calendar.tz = "Asia/Kolkata"
        kolkata = self.Worktime._get(self.calendar, self.company)
        self.assertEqual(kolkata.tz, "Asia/Kolkata")

        self.calendar.tz = "UTC"
        self.calendar.attendance_ids = [
            Command.create({"name": "Again", "dayofweek": "4", "hour_from": 9, "hour_to": 17})
        ]
        leave.unlink()
        self.assertEqual(self.Worktime._get(self.calendar, self.company), row, "as it was defined")

    def test_leaves_that_do_not_count(self):
        """Of another company, of a person, working elsewhere, long ago."""
        row = self.Worktime._get(self.calendar, self.company)
        monday = [datetime(2026, 6, 15), datetime(2026, 6, 16)]
        everywhere = self.calendar.browse()
        person = self.env["resource.resource"].create(
            {"name": "Someone", "calendar_id": self.calendar.id}
        )
        self.create_leave(everywhere, *monday, company_id=self.other_company.id)
        self.create_leave(self.calendar, *monday, resource_id=person.id)
        self.create_leave(self.calendar, *monday, time_type="other")
        self.create_leave(self.office(), *monday)
        self.create_leave(self.calendar, datetime(2020, 1, 1), datetime(2020, 1, 2))
        self.assertEqual(self.Worktime._get(self.calendar, self.company), row)

        self.create_leave(everywhere, *monday, company_id=self.company.id)
        closed = self.Worktime._get(self.calendar, self.company)
        self.assertEqual(closed._worktime().elapsed(*monday), 0)

    def test_shared_calendar(self):
        """One calendar for two companies: each has its own days off."""
        self.calendar.company_id = False
        self.create_leave(
            self.calendar.browse(),
            datetime(2026, 6, 15),
            datetime(2026, 6, 16),
            company_id=self.other_company.id,
        )
        here = self.Worktime._get(self.calendar, self.company)
        there = self.Worktime._get(self.calendar, self.other_company)
        monday = [datetime(2026, 6, 15), datetime(2026, 6, 16)]
        self.assertEqual(here._worktime().elapsed(*monday), 8 * HOUR)
        self.assertEqual(there._worktime().elapsed(*monday), 0)

    def test_zone_in_the_context_is_no_matter(self):
        row = self.Worktime._get(self.calendar, self.company)
        calendar = self.calendar.with_context(
            employee_timezone=pytz.timezone("Asia/Tokyo"), tz="Asia/Tokyo"
        )
        worktime = self.Worktime._make_worktime(
            calendar, self.company, row.date_start, row.date_end
        )
        self.assertEqual(worktime, row._worktime())

    def test_rows_of_a_month_are_shared(self):
        first = self.Worktime._get(self.calendar, self.company)
        with freeze_time("2026-06-30 23:59:59"):
            self.assertEqual(self.Worktime._get(self.calendar, self.company), first)
        with freeze_time("2026-07-01 00:00:00"):
            self.assertNotEqual(self.Worktime._get(self.calendar, self.company), first)
        self.assertEqual(
            self.Worktime._get(self.calendar, self.company, at=datetime(2026, 6, 2)),
            first,
        )

    def test_horizons(self):
        def horizon(at=None, until=None):
            row = self.Worktime._get(self.calendar, self.company, at=at, until=until)
            return row.date_start.isoformat()[:7], row.date_end.isoformat()[:7]

        self.assertEqual(horizon(), ("2026-05", "2029-06"))
        self.assertEqual(horizon(at=datetime(2026, 2, 27)), ("2026-01", "2029-02"))
        # received long ago: known until a year from now all the same
        self.assertEqual(horizon(at=datetime(2022, 3, 9)), ("2022-02", "2029-03"))
        self.assertEqual(horizon(until=datetime(2030, 1, 1)), ("2026-05", "2031-06"))
        self.assertEqual(horizon(until=datetime(2036, 6, 1)), ("2026-05", "2036-06"))
        with self.assertRaisesRegex(UserError, "10 years"):
            horizon(until=datetime(2036, 6, 2))
        with self.assertRaisesRegex(UserError, "10 years"):
            horizon(at=datetime(2010, 1, 1))

    def test_plan(self):
        friday = datetime(2026, 6, 12, 16)
        row, plan = self.Worktime._plan(self.calendar, self.company, friday, Spec("hours", 2))
        self.assertEqual(plan, (2 * HOUR, datetime(2026, 6, 15, 10)))
        self.assertEqual(row, self.Worktime._get(self.calendar, self.company))
        _row, plan = self.Worktime._plan(self.calendar, self.company, friday, Spec("days", 1))
        self.assertEqual(plan, (8 * HOUR, datetime(2026, 6, 15, 16)))

    def test_due_beyond_the_horizon(self):
        start = datetime(2026, 6, 12, 16)
        row, plan = self.Worktime._plan(self.calendar, self.company, start, Spec("days", 1000))
        self.assertEqual(plan.due, datetime(2030, 4, 12, 16))
        self.assertEqual(row.date_end, datetime(2031, 6, 1))
        self.assertEqual(
            row,
            self.Worktime._get(self.calendar, self.company, until=datetime(2030, 4, 12)),
            "the calendar has not changed: no row of its own",
        )
        with self.assertRaisesRegex(UserError, "10 years"):
            self.Worktime._plan(self.calendar, self.company, start, Spec("days", 10000))

    def test_longer_row_keeps_what_was_frozen(self):
        row = self.Worktime._get(self.calendar, self.company)
        frozen = row._worktime()
        self.calendar.attendance_ids.hour_to = 18
        monday = datetime(2026, 6, 15)
        later = datetime(2029, 7, 2)
        longer, elapsed = row._apply("elapsed", monday, later + timedelta(days=1))
        self.assertNotEqual(longer, row)
        self.assertEqual(elapsed - longer._worktime().elapsed(monday, later), 9 * HOUR, "as of now")
        self.assertEqual(
            longer._worktime().elapsed(row.date_start, row.date_end),
            frozen.elapsed(row.date_start, row.date_end),
        )
        self.assertEqual(longer, row._apply("elapsed", monday, later)[0], "made only once")
        earlier, _elapsed = row._apply("elapsed", datetime(2026, 4, 1), monday)
        self.assertLessEqual(earlier.date_start, datetime(2026, 4, 1))
        self.assertEqual(row._apply("add", monday, HOUR)[0], row)

    def test_calendar_deleted(self):
        row = self.Worktime._get(self.calendar, self.company)
        self.calendar.unlink()
        row.invalidate_recordset()
        self.assertFalse(row.calendar_id)
        friday = datetime(2026, 6, 12, 16)
        self.assertEqual(row._worktime().add(friday, 2 * HOUR), datetime(2026, 6, 15, 10))
        with self.assertRaisesRegex(UserError, "deleted"):
            row._apply("add", friday, 10000 * HOUR)

    def test_refused_calendars(self):
        check = self.Worktime._check_calendar
        check(self.calendar, self.company)
        calendar = self.calendar.browse
        empty = self.create_calendar([[]] * 7)
        lunch_only = self.create_calendar([[12, 13]] + [[]] * 6)
        lunch_only.attendance_ids.day_period = "lunch"
        cases = {
            "no working hours": calendar(),
            "have no hours": empty,
            "another company": self.office(company=self.other_company),
            "are flexible": self.office(
                schedule_type="flexible", hours_per_day=8, full_time_required_hours=40
            ),
        }
        for message, refused in cases.items():
            with self.subTest(message):
                with self.assertRaisesRegex(ValidationError, message):
                    check(refused, self.company)
                if refused:
                    with self.assertRaisesRegex(UserError, message):
                        self.Worktime._get(refused, self.company)
        with self.assertRaisesRegex(ValidationError, "have no hours"):
            check(lunch_only, self.company)
        with self.assertRaisesRegex(ValidationError, "belong to no company"):
            check(self.calendar, self.env["res.company"])
        self.calendar.company_id = False
        check(self.calendar, self.env["res.company"])
        check(self.calendar, self.other_company)

    def test_always_closed(self):
        self.create_leave(self.calendar, datetime(2020, 1, 1), datetime(2050, 1, 1))
        with self.assertRaisesRegex(UserError, "no working time"):
            self.Worktime._get(self.calendar, self.company)

    def test_hours_odoo_cannot_read(self):
        self.calendar.attendance_ids[0].hour_from = 8.9999
        with self.assertRaisesRegex(UserError, "cannot be read"):
            self.Worktime._get(self.calendar, self.company)

    def test_queries(self):
        calendars = self.calendar + self.office() + self.office()
        rows = self.Worktime._get_batch(calendars, self.company)
        self.assertEqual(list(rows), list(calendars))
        self.assertEqual(len(set(rows.values())), 3)
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            again = self.Worktime._get_batch(calendars, self.company)
            for row in again.values():
                row._worktime()
        self.assertEqual(again, rows)

    def test_nobody_writes(self):
        row = self.Worktime._get(self.calendar, self.company)
        with self.assertRaises(UserError):
            row.sudo().write({"payload": "other"})
        manager = new_test_user(self.env, "care_boss", groups="base.group_system")
        row = row.with_user(manager)
        with self.assertRaises(AccessError):
            row.unlink()
        with self.assertRaises(AccessError):
            row.copy()
        with self.assertRaises(AccessError):
            row.create({"company_id": self.company.id, "tz": "UTC"})

    def test_anybody_plans(self):
        """The engine works for whoever triggers it: a customer, the public."""
        portal = new_test_user(self.env, "care_customer", groups="base.group_portal")
        row, plan = self.Worktime.with_user(portal)._plan(
            self.calendar.with_user(portal),
            self.company.with_user(portal),
            datetime(2026, 6, 12, 16),
            Spec("hours", 2),
        )
        self.assertEqual(plan.due, datetime(2026, 6, 15, 10))
        with self.assertRaises(AccessError):
            row.read(["payload"])

    def test_damage_is_seen(self):
        row = self.Worktime._get(self.calendar, self.company)
        other = self.Worktime._get(self.create_calendar([[9, 16]] * 7), self.company)
        self.env.cr.execute(
            "UPDATE care_worktime SET payload = %s WHERE id = %s",
            [other.payload, row.id],
        )
        row.invalidate_recordset()
        with self.assertRaisesRegex(UserError, "damaged"):
            row._worktime()

    def test_one_row_for_one_source(self):
        row = self.Worktime._get(self.calendar, self.company)
        again = self.Worktime._store(
            self.calendar, self.company, row._worktime(), row.source_digest
        )
        self.assertEqual(again, row.id)

    def test_two_transactions(self):
        """The one that loses is told to try again: never two rows, never silence."""

        def make(cr):
            env = api.Environment(cr, SUPERUSER_ID, {})
            return env["care.worktime"]._get(
                env.ref("resource.resource_calendar_std").with_env(env),
                env.ref("base.main_company"),
                at=datetime(2018, 3, 1),
            )

        with self.registry.cursor() as winner, self.registry.cursor() as loser:
            loser.execute("SELECT 1")  # its snapshot is taken here
            self.addCleanup(self._forget, make(winner).id)
            winner.commit()
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.SerializationFailure),
            ):
                make(loser)
            loser.rollback()
            self.assertTrue(make(loser), "the second time it is found")

    def _forget(self, row_id):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM care_worktime WHERE id = %s", [row_id])


@tagged("post_install", "-at_install")
class TestCareWorktimeOracle(WorktimeCase):
    """Equal to Odoo's own calendar, to the second.

    Two differences are known and are checked for what they are, not passed over:
    an exact fit ends at closing here, while Odoo's hours, being floats, may land at
    the next opening (or within a second of it); and Odoo's 24:00 is a microsecond
    short of midnight.
    """

    def assertPlan(self, worktime, calendar, start, seconds, domain):
        ours = worktime.add(start, seconds)
        theirs = calendar.plan_hours(seconds / HOUR, start, compute_leaves=True, domain=domain)
        self.assertTrue(theirs)
        theirs = (theirs + timedelta(milliseconds=500)).replace(microsecond=0)
        if not seconds:
            self.assertEqual(ours, start)
            self.assertEqual(theirs, worktime.next_opening(start))
        elif ours != theirs:
            self.assertFalse(worktime.is_open(ours), "an exact fit")
            self.assertTrue(worktime.is_open(ours - timedelta(seconds=1)))
            self.assertEqual(theirs, worktime.next_opening(ours))
        self.assertEqual(worktime.elapsed(start, ours), seconds)

    def assertElapsed(self, worktime, calendar, start, end, domain):
        theirs = calendar.get_work_hours_count(start, end, domain=domain) * HOUR
        ours = worktime.elapsed(start, end)
        self.assertEqual(ours, round(theirs))
        self.assertAlmostEqual(ours, theirs, delta=0.01)

    def company_domain(self):
        return [
            ("time_type", "=", "leave"),
            ("company_id", "in", [False, self.company.id]),
        ]

    def make(self, weeks, tz, leaves):
        self.env["resource.calendar.leaves"].search([]).unlink()
        calendar = self.create_calendar(*weeks, tz=tz)
        nowhere = calendar.browse()
        for date_from, minutes, kind in leaves:
            date_to = date_from + timedelta(minutes=minutes)
            match kind:
                case "calendar":
                    self.create_leave(calendar, date_from, date_to)
                case "everyone":
                    self.create_leave(nowhere, date_from, date_to, company_id=self.company.id)
                case "shared":
                    self.create_leave(nowhere, date_from, date_to, company_id=False)
                case "other company":
                    self.create_leave(nowhere, date_from, date_to, company_id=self.other_company.id)
                case "other time":
                    self.create_leave(calendar, date_from, date_to, time_type="other")
        row = self.Worktime._get(
            calendar, self.company, at=datetime(2026, 3, 1), until=datetime(2028, 1, 1)
        )
        return calendar, row._worktime()

    @settings(examples, max_examples=CALENDARS)
    @given(
        st.lists(WEEK, min_size=1, max_size=2),
        st.sampled_from(ZONES),
        st.lists(LEAVE, max_size=5),
        st.lists(st.tuples(MOMENT, MOMENT, SECONDS), min_size=QUESTIONS, max_size=QUESTIONS),
    )
    def test_random_calendars(self, weeks, tz, leaves, questions):
        calendar, worktime = self.make(weeks, tz, leaves)
        domain = self.company_domain()
        for start, end, seconds in questions:
            self.assertElapsed(worktime, calendar, start, end, domain)
            # from a start, and from an exact fit with what is open until an end
            self.assertPlan(worktime, calendar, start, seconds, domain)
            exact = worktime.elapsed(start, end)
            if exact < 200 * HOUR:
                self.assertPlan(worktime, calendar, start, exact, domain)

    def test_office(self):
        """Fixed examples: a weekend, a day off, another company's, the clocks."""
        week = [[9, 12.5, 13.25, 17]] * 5 + [[], []]
        days_off = [
            (datetime(2026, 4, 6), 24 * 60, "calendar"),
            (datetime(2026, 4, 7), 24 * 60, "other company"),
            (datetime(2026, 10, 26), 24 * 60, "everyone"),
        ]
        domain = self.company_domain()
        for tz in ZONES:
            calendar, worktime = self.make([week], tz, days_off)
            for start in (
                datetime(2026, 4, 3, 13, 45),
                datetime(2026, 3, 27, 15, 30),
                datetime(2026, 10, 23, 14, 10, 7),
                datetime(2026, 4, 6, 12),
            ):
                for seconds in (1, 3599, HOUR, 10 * HOUR, 14.5 * HOUR, 100 * HOUR):
                    with self.subTest(tz=tz, start=start, seconds=seconds):
                        self.assertPlan(worktime, calendar, start, int(seconds), domain)
                end = start + relativedelta(days=20, hours=3)
                self.assertElapsed(worktime, calendar, start, end, domain)

    def test_around_the_clock(self):
        """24:00, nights, and days off that end a second before midnight."""
        always = [[0, 24]] * 7
        night = [[0, 6, 22, 24]] * 7
        off = [
            (datetime(2026, 3, 27), 3 * 24 * 60, "calendar"),
            (datetime(2026, 5, 1), 24 * 60, "everyone"),
        ]
        domain = self.company_domain()
        for week in (always, night):
            for tz in DST_ZONES:
                calendar, worktime = self.make([week], tz, off)
                self.create_leave(calendar, datetime(2026, 4, 2), datetime(2026, 4, 2, 23, 59, 59))
                worktime = self.Worktime._get(
                    calendar, self.company, at=datetime(2026, 3, 1)
                )._worktime()
                for start in (datetime(2026, 3, 26, 23), datetime(2026, 4, 1, 5)):
                    for hours in (1, 8, 30, 200):
                        self.assertPlan(worktime, calendar, start, hours * HOUR, domain)
                    self.assertElapsed(worktime, calendar, start, datetime(2026, 6, 1), domain)

    def test_two_weeks(self):
        weeks = [[[9, 17]] * 5 + [[], []], [[], [10, 14], [], [10, 14], [], [], []]]
        calendar, worktime = self.make(weeks, "Europe/Brussels", [])
        domain = self.company_domain()
        for day in range(0, 60, 3):
            start = datetime(2026, 12, 10, 10) + timedelta(days=day)
            self.assertPlan(worktime, calendar, start, 37 * HOUR, domain)
            self.assertElapsed(worktime, calendar, start, start + timedelta(days=9), domain)

    def test_backwards(self):
        """Hours before a moment: ``subtract`` against negative ``plan_hours``."""
        calendar, worktime = self.make([[[9, 12.5, 13.25, 17]] * 5 + [[], []]], "Asia/Kolkata", [])
        end = datetime(2026, 6, 8, 6, 11, 5)
        for seconds in (1, HOUR, 9 * HOUR, 41 * HOUR):
            theirs = calendar.plan_hours(
                -seconds / HOUR, end, compute_leaves=True, domain=self.company_domain()
            )
            theirs = (theirs + timedelta(milliseconds=500)).replace(microsecond=0)
            self.assertEqual(worktime.subtract(end, seconds), theirs)
