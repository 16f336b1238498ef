"""Random schedules of many triggers and persons: the guard's promises hold in all of them.

``CARE_HISTORIES`` says how many; a few by default.
"""

import os
import random
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..tools.turns import Turns
from .common import CareSurveyCase

SEEDS = range(int(os.environ.get("CARE_HISTORIES") or 3))
ROWS = 50
DAYS = 60


@tagged("post_install", "-at_install")
class TestAskHistories(CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = cls.env.cr.now().replace(microsecond=0)
        cls.other = cls.env["res.company"].create(
            {
                "name": "Other",
                "care_start_date": "2020-01-01",
                "email": "other@example.com",
                "care_default_owner_id": cls.env.user.id,
            }
        )
        cls.env.user.company_ids = [Command.link(cls.other.id)]
        firm = cls.env["res.partner"].create({"name": "Acme", "is_company": True})
        zones = (False, "Asia/Kolkata", "America/New_York")
        cls.people = cls.env["res.partner"].create(
            [
                {
                    "name": f"Person {n}",
                    "email": f"person{n}@example.com",
                    "parent_id": firm.id if n < 2 else False,
                    "tz": zone,
                }
                for n, zone in enumerate(zones)
            ]
            # another contact with the address of the first
            + [{"name": "Person 0 again", "email": "PERSON0@example.com"}]
        )

    def _history(self, rng):
        """Triggers, people and what is planned for them over two months."""
        companies = self.company | self.other
        for company in companies:
            company.write(
                {
                    "care_survey_gap_days": rng.choice((0, 2, 5, 9)),
                    "care_survey_max": rng.choice((0, 1, 2, 4)),
                    "care_survey_window_days": rng.choice((0, 10, 30)),
                }
            )
        reminders = rng.choice((0, 0, 1))
        triggers = {
            company: [
                self._trigger(
                    name=f"Trigger {number}",
                    company_id=company.id,
                    priority=str(rng.randrange(4)),
                    sequence=rng.randrange(3),
                    patience_days=rng.choice((1, 3, 10)),
                    reminder_count=reminders,
                    reminder_days=rng.choice((1, 4)),
                )
                for number in range(4)
            ]
            for company in companies
        }
        cases = {
            (company, partner): self.env["care.case"].create(
                {
                    "name": "Asked about",
                    "kind": "enquiry",
                    "company_id": company.id,
                    "partner_id": partner.id,
                }
            )
            for company in companies
            for partner in self.people
        }
        vals_list = []
        for number in range(ROWS):
            company = rng.choice((self.company, self.company, self.other))
            partner = rng.choice(self.people)
            at = self.now + timedelta(hours=rng.randrange(24 * DAYS))
            vals_list.append(
                {
                    "trigger_id": rng.choice(triggers[company]).id,
                    "case_id": cases[company, partner].id,
                    "occurrence": number,
                    "company_id": company.id,
                    "partner_id": partner.id,
                    "address": partner.email_normalized,
                    "planned_for": at,
                    "next_at": at,
                }
            )
        return self.env["care.survey.invitation"].create(vals_list)

    def _live(self, rows, rng, batch=None, pause=timedelta()):
        """Run the cron at each moment at which something is due, at times in small batches.

        :param timedelta pause: how long nothing runs after each time
        """
        batch = batch or rng.choice((3, 500))
        moments, now = 0, self.now
        with (
            patch.object(type(rows), "_due_batch", batch),
            patch.object(type(rows), "_mail", lambda rows, name: None),
        ):
            while pending := rows.filtered("next_at"):
                now = max(min(pending.mapped("next_at")), now)
                with self._at(now):
                    self._tick()
                now += pause
                moments += 1
                self.assertLess(moments, 1000, "it does not come to an end")

    def test_random_histories_keep_gap_window_and_priority_and_say_why(self):
        for seed in SEEDS:
            rng = random.Random(seed)
            with self.subTest(seed=seed), self.env.cr.savepoint() as savepoint:
                rows = self._history(rng)
                self._live(rows, rng)
                self._check_limits(rows)
                self._check_reasons(rows)
                self._check_priority(rows)
                savepoint.rollback()
            self.env.invalidate_all()

    def _people_of(self, rows):
        people = defaultdict(rows.browse)
        for row in rows:
            people[row.company_id, row._person()] |= row
        return people

    def _check_limits(self, rows):
        for (company, person), mine in self._people_of(rows).items():
            gap, window, most = company._care_survey_limits()
            asked = sorted(row.sent_at for row in mine if row.sent_at)
            for first, second in pairwise(asked):
                self.assertGreaterEqual(second - first, gap, (person, company))
            for reminded in mine.filtered("reminded_at"):
                for other in mine - reminded:
                    for moment in filter(None, (other.sent_at, other.reminded_at)):
                        self.assertGreaterEqual(
                            abs(reminded.reminded_at - moment), gap, (person, company)
                        )
            if window and most:
                for end in asked:
                    inside = [at for at in asked if end - window < at <= end]
                    self.assertLessEqual(len(inside), most, (person, company))

    def _check_reasons(self, rows):
        self.assertEqual(set(rows.mapped("state")) - {"sent", "skipped"}, set())
        for row in rows:
            self.assertEqual(bool(row.skip_reason), row.state == "skipped", row)
            if row.state == "skipped":
                self.assertIn(row.skip_reason, ("quiet", "often", "reserved", "expired"))
            else:
                self.assertLessEqual(row.planned_for, row.sent_at)
                self.assertLessEqual(
                    row.sent_at, row.planned_for + timedelta(days=row.trigger_id.patience_days)
                )

    def _check_priority(self, rows):
        """What is less important has changed nothing for what is more important: each was sent
        at the first moment that those of its own importance, or of more, had left to it.
        """
        for (company, _person), mine in self._people_of(rows).items():
            limits = company._care_survey_limits()
            if mine.filtered(lambda row: row.trigger_id.reminder_count):
                continue  # reminders have a turn of their own
            for row in mine.filtered(lambda row: row.skip_reason in ("quiet", "often")):
                rank = int(row.trigger_id.priority)
                others = (mine - row).filtered(
                    lambda other, rank=rank: (
                        other.sent_at and int(other.trigger_id.priority) >= rank
                    )
                )
                turns = Turns(limits, others.mapped("sent_at"))
                self.assertIsNone(
                    turns.first(row.planned_for, row._until()),
                    f"{row.skip_reason}: {self._told(row)} has lost its place to what is less "
                    f"important, {limits}:\n" + "\n".join(map(self._told, mine)),
                )

    def _told(self, row):
        """One line of a history, for who has to understand why it is wrong."""

        def day(moment):
            return moment and round((moment - self.now) / timedelta(days=1), 2)

        return (
            f"{row.id}: priority {row.trigger_id.priority}.{row.trigger_id.sequence} planned for "
            f"{day(row.planned_for)} until {day(row._until())}, sent {day(row.sent_at)}, "
            f"{row.skip_reason}"
        )

    def test_the_same_rows_are_sent_and_skipped_whatever_the_size_of_batches(self):
        for seed in SEEDS:
            rng = random.Random(seed)
            with self.subTest(seed=seed), self.env.cr.savepoint() as savepoint:
                rows = self._history(rng)
                # what is skipped for another reason takes nobody's place
                rows.filtered(lambda row, rng=rng: rng.random() < 0.2).write({"cycle": 2})
                rng.choice(rows.trigger_id).active = False
                outcomes = [self._ended(rows, rng, batch) for batch in (500, 1, 4)]
                self.assertIn("sent", outcomes[0].values())
                self.assertIn("skipped", outcomes[0].values())
                for outcome in outcomes[1:]:
                    self.assertEqual(outcome, outcomes[0])
                savepoint.rollback()
            self.env.invalidate_all()

    def _ended(self, rows, rng, batch):
        """How these end when the cron had stood still for days, with batches of this size."""
        with self.env.cr.savepoint() as savepoint:
            self._live(rows, rng, batch, timedelta(days=3))
            self.env.flush_all()
            outcome = {}
            for row in rows:
                outcome[row.id] = row.state
                outcome[row.id, "when"] = row.sent_at, row.reminded_at
                outcome[row.id, "why"] = row.skip_reason, row.reminder_reason
            savepoint.rollback()
        self.env.invalidate_all()
        return outcome

    def test_the_priority_check_would_notice(self):
        """Without places that are kept, what is important is starved."""
        starved = 0
        for seed in SEEDS:
            rng = random.Random(seed)
            with self.env.cr.savepoint() as savepoint:
                rows = self._history(rng)
                with patch.object(Turns, "with_waiting", lambda turns, waiting: turns):
                    self._live(rows, rng)
                try:
                    self._check_priority(rows)
                except AssertionError:
                    starved += 1
                savepoint.rollback()
            self.env.invalidate_all()
        self.assertTrue(starved)
