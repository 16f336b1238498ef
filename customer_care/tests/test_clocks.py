"""Mornings, customers' hours, promises, hand-offs and rhythms in zones whose clocks change."""

from datetime import date, datetime, timedelta

from odoo import fields
from odoo.tests import tagged

from .common import CareCase

#: In Brussels summer time begins on Sunday 29 March 2026 and ends on Sunday 25 October.
SPRING, AUTUMN = "2026-03-29", "2026-10-25"
NEW_YORK = "America/New_York"


@tagged("post_install", "-at_install")
class TestClocks(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"

    def _journey_at(self, moment):
        with self._at(moment):
            return self._journey(self._confirmed())

    # ------------------------------------------------------------
    # The morning
    # ------------------------------------------------------------

    def test_the_morning_is_midnight_where_the_person_is_on_both_sides_of_a_change(self):
        self._policy(((25, "care_owner"),))
        for ordered, due, morning in (
            ("2026-03-05 10:00:00", date(2026, 3, 30), "2026-03-29 22:00:00"),
            ("2026-10-01 10:00:00", date(2026, 10, 26), "2026-10-25 23:00:00"),
        ):
            with self.subTest(ordered):
                followup = self._journey_at(ordered).followup_ids
                self.assertEqual(followup.date_due, due)
                self.assertEqual(str(followup.next_at), morning)

    def test_the_day_of_the_change_itself_begins_by_the_clock_of_before(self):
        with self._at("2026-01-05 10:00:00"):
            mornings = [
                str(self.env["care.followup"]._morning(day, self.rep, self.company))
                for day in map(fields.Date.to_date, (SPRING, AUTUMN))
            ]
        self.assertEqual(mornings, ["2026-03-28 23:00:00", "2026-10-24 22:00:00"])

    def test_a_morning_without_midnight_begins_when_the_clock_has_jumped(self):
        """In Santiago it is one o'clock where midnight should be, on 6 September 2026."""
        self.rep.tz = "America/Santiago"
        with self._at("2026-01-05 10:00:00"):
            morning = self.env["care.followup"]._morning(date(2026, 9, 6), self.rep, self.company)
        self.assertEqual(str(morning), "2026-09-06 04:00:00")

    def test_a_rhythm_keeps_its_day_and_its_morning_through_a_change(self):
        for ordered, done, day, morning in (
            # Mondays
            ("2026-03-23 10:00:00", "2026-03-23 11:00:00", "2026-03-30", "2026-03-29 22:00:00"),
            ("2026-10-19 10:00:00", "2026-10-19 11:00:00", "2026-10-26", "2026-10-25 23:00:00"),
            # done in the last hour of a Sunday, which in UTC is Sunday still, or Monday already
            ("2026-03-23 10:00:00", "2026-03-29 21:30:00", "2026-03-30", "2026-03-29 22:00:00"),
            ("2026-10-19 10:00:00", "2026-10-25 22:30:00", "2026-10-26", "2026-10-25 23:00:00"),
        ):
            with self.subTest(done):
                self.env["care.policy"].search(
                    [("company_id", "=", self.company.id)]
                ).active = False
                self._policy(repeat_every=1, repeat_unit="weeks")
                journey = self._journey_at(ordered)
                with self._at(done):
                    journey.followup_ids.with_user(self.rep).action_all_well()
                again = journey.followup_ids.filtered(lambda row: row.repetition == 2)
                self.assertEqual(str(again.date_due), day)
                self.assertEqual(str(again.next_at), morning)

    # ------------------------------------------------------------
    # The customer's hours
    # ------------------------------------------------------------

    def _opens(self, zone, now, **profile):
        """When this customer may be contacted next."""
        self.customer.tz = zone
        self.env["care.profile"].search([("partner_id", "=", self.customer.id)]).unlink()
        profile = self.env["care.profile"].create(
            {"partner_id": self.customer.id, "company_id": self.company.id, **profile}
        )
        row = self.env["care.followup"].new(
            {"partner_id": self.customer.id, "company_id": self.company.id}
        )
        with self._at(now):
            return str(row._customer_opens(profile))

    def test_the_customers_hours_are_by_their_own_clock_whatever_ours_says(self):
        for zone, now, opens in (
            # nine in the morning at home, through both changes and on their very days
            ("Europe/Brussels", "2026-03-28 00:00:00", "2026-03-28 08:00:00"),
            ("Europe/Brussels", "2026-03-29 00:00:00", "2026-03-29 07:00:00"),
            ("Europe/Brussels", "2026-10-24 00:00:00", "2026-10-24 07:00:00"),
            ("Europe/Brussels", "2026-10-25 00:00:00", "2026-10-25 08:00:00"),
            # three weeks in March and one in October in which only New York has changed
            (NEW_YORK, "2026-03-07 06:00:00", "2026-03-07 14:00:00"),
            (NEW_YORK, "2026-03-09 06:00:00", "2026-03-09 13:00:00"),
            (NEW_YORK, "2026-03-30 06:00:00", "2026-03-30 13:00:00"),
            (NEW_YORK, "2026-10-26 06:00:00", "2026-10-26 13:00:00"),
            (NEW_YORK, "2026-11-02 06:00:00", "2026-11-02 14:00:00"),
            # zones of half and of three quarters of an hour, without changes
            ("Asia/Kolkata", "2026-03-29 00:00:00", "2026-03-29 03:30:00"),
            ("Asia/Kathmandu", "2026-10-25 00:00:00", "2026-10-25 03:15:00"),
            # where the next day has begun already
            ("Pacific/Auckland", "2026-03-28 12:00:00", "2026-03-28 20:00:00"),
        ):
            with self.subTest(zone, now=now):
                self.assertEqual(self._opens(zone, now, contact_from=9), opens)

    def test_the_end_of_the_customers_hours_is_by_their_clock_too(self):
        for now, opens in (
            ("2026-03-29 15:59:00", "2026-03-29 15:59:00"),  # 17:59 there
            ("2026-03-29 16:00:00", "2026-03-30 07:00:00"),
            ("2026-10-25 16:59:00", "2026-10-25 16:59:00"),
            ("2026-10-25 17:00:00", "2026-10-26 08:00:00"),
        ):
            with self.subTest(now):
                self.assertEqual(
                    self._opens("Europe/Brussels", now, contact_from=9, contact_to=18), opens
                )

    def test_the_hour_that_is_left_out_or_comes_twice_holds_nobody_for_a_day(self):
        """From half past two, on the nights on which that time is skipped or comes twice."""
        for now, opens in (
            ("2026-03-29 00:00:00", "2026-03-29 01:30:00"),
            ("2026-10-24 23:00:00", "2026-10-25 01:30:00"),
        ):
            with self.subTest(now):
                self.assertEqual(self._opens("Europe/Brussels", now, contact_from=2.5), opens)

    def test_without_a_zone_of_their_own_the_customers_hours_are_the_companys(self):
        self.assertEqual(
            self._opens(False, "2026-03-29 00:00:00", contact_from=9), "2026-03-29 07:00:00"
        )

    # ------------------------------------------------------------
    # Promises
    # ------------------------------------------------------------

    def _promise(self, day, hour=0.0, **company):
        self.company.write({"care_promise_grace_days": 3, **company})
        with self._at(fields.Datetime.to_datetime(day) - timedelta(days=2)):
            promise = (
                self.env["care.promise"]
                .with_user(self.rep)
                .create(
                    {
                        "name": "Bring the shelf",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "date_due": day,
                        "hour_due": hour,
                    }
                )
            )
        return str(promise.due_at), str(promise.break_at)

    def test_a_promise_is_due_and_broken_by_the_clock_on_both_sides_of_a_change(self):
        for day, hour, due, broken in (
            # Fridays, and the Wednesdays after the change
            ("2026-03-27", 15, "2026-03-27 14:00:00", "2026-04-01 13:00:00"),
            ("2026-10-23", 15, "2026-10-23 13:00:00", "2026-10-28 14:00:00"),
            # by the end of the very day, which has 23 or 25 hours
            (SPRING, 0, "2026-03-29 21:59:59", "2026-04-01 21:59:59"),
            (AUTUMN, 0, "2026-10-25 22:59:59", "2026-10-28 22:59:59"),
        ):
            with self.subTest(day):
                self.assertEqual(self._promise(day, hour), (due, broken))

    def test_a_promise_is_due_by_the_clock_of_who_promised_wherever_the_office_is(self):
        self.rep.tz = NEW_YORK
        for day, hour, due, broken in (
            # the office has winter time until the 29th, New York summer time since the 8th
            ("2026-03-25", 15, "2026-03-25 19:00:00", "2026-03-30 19:00:00"),
            ("2026-03-05", 15, "2026-03-05 20:00:00", "2026-03-10 19:00:00"),
            ("2026-10-29", 15, "2026-10-29 19:00:00", "2026-11-03 20:00:00"),
            # the end of a Friday there is a Saturday at the office: the grace is three days all
            # the same
            ("2026-03-20", 0, "2026-03-21 03:59:59", "2026-03-26 03:59:59"),
        ):
            with self.subTest(day):
                self.assertEqual(self._promise(day, hour), (due, broken))
        self.rep.tz = "Asia/Kolkata"
        self.assertEqual(
            self._promise("2026-03-27", 9.5), ("2026-03-27 04:00:00", "2026-04-01 04:00:00")
        )

    # ------------------------------------------------------------
    # Hand-offs
    # ------------------------------------------------------------

    def test_a_hand_off_is_answered_within_working_hours_on_both_sides_of_a_change(self):
        """Four hours, asked on Friday at four: one on Friday, three on Monday."""
        self.company.care_handoff_hours = 4
        for asked, deadline in (
            ("2026-03-27 15:00:00", datetime(2026, 3, 30, 10)),
            ("2026-10-23 14:00:00", datetime(2026, 10, 26, 11)),
        ):
            with self.subTest(asked):
                journey = self._journey_at(asked)
                with self._at(asked):
                    handoff = (
                        self.env["care.handoff"]
                        .with_user(self.rep)
                        .create({"journey_id": journey.id, "to_user_id": self.agent.id})
                    )
                self.assertEqual(handoff.deadline_at, deadline)
                self.assertEqual(handoff.next_at, deadline)
