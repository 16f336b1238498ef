"""Kept, but does not work: proposed by figures."""

from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestStandardFigures(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "care_alarm_count": 0})
        cls.stage = cls.stages[0]
        cls.check = cls.env["care.standard"].create(
            {
                "name": "Call before delivery",
                "kind": "stage",
                "text": "<p>Call.</p>",
                "is_check": True,
                "company_id": cls.company.id,
                "owner_id": cls.manager.id,
                "stage_ids": [Command.set(cls.stage.ids)],
            }
        )
        cls.check.action_publish()

    def _left(self, count, kept, wrong, days=10):
        """Journeys that left the stage so many days ago, the check done on some of them, and
        complaints about some of them later.
        """
        moment = fields.Datetime.now().replace(microsecond=0) - timedelta(days=days)
        with self._at(fields.Datetime.to_string(moment - timedelta(days=1))):
            orders = self.env["sale.order"]
            for _n in range(count):
                orders |= self._confirmed()
            journeys = self.env["care.journey"].search([("order_id", "in", orders.ids)])
            for journey in journeys[:kept]:
                self.env["care.check"]._done(journey.with_user(self.manager), self.check)
        with self._at(fields.Datetime.to_string(moment)):
            journeys._enter_stage(self.stages[1])
        self.env.flush_all()
        for journey in journeys[:wrong]:
            self._case(
                journey_id=journey.id,
                order_id=journey.order_id.id,
                received_at=moment + timedelta(days=1),
            )
        return journeys

    def _tasks(self):
        self.env["care.standard"]._cron_remind_once()
        return self.check._activities("revision")

    def test_a_check_that_is_kept_and_does_not_help_is_to_be_revised_once_a_version(self):
        self._left(20, kept=18, wrong=2)
        task = self._tasks()
        self.assertEqual(len(task), 1)
        self.assertEqual(task.user_id, self.manager)
        for figure in ("90 %", "20 records", "10 %"):
            self.assertIn(figure, task.note)
        task.action_archive()
        self.assertFalse(self._tasks(), "asked once")
        self.check.write({"text": "<p>Call the day before.</p>", "change_note": "When"})
        self.check.action_publish()
        self.assertEqual(len(self._tasks()), 1, "a new version is looked at anew")

    def test_words_are_added_to_the_task_that_is_open(self):
        self.check.with_user(self.manager)._report_failure("Nobody picks up")
        self._left(20, kept=20, wrong=4)
        task = self._tasks()
        self.assertEqual(len(task), 1)
        self.assertIn("Nobody picks up", task.note)
        self.assertIn("20 %", task.note)

    def test_few_records_say_nothing(self):
        self._left(19, kept=19, wrong=10)
        self.assertFalse(self._tasks())

    def test_what_is_not_kept_is_not_the_standards_fault(self):
        self._left(20, kept=17, wrong=10)
        self.assertFalse(self._tasks())

    def test_what_works_stays(self):
        self._left(20, kept=20, wrong=1)
        self.assertFalse(self._tasks())

    def test_what_gets_better_stays(self):
        self._left(20, kept=20, wrong=10, days=120)
        self._left(20, kept=20, wrong=3)
        self.assertFalse(self._tasks())

    def test_what_gets_no_better_is_proposed(self):
        self._left(20, kept=20, wrong=3, days=120)
        self._left(20, kept=20, wrong=3)
        self.assertEqual(len(self._tasks()), 1)

    def test_nobody_says_that_the_figures_have_asked_already(self):
        with self.assertRaises(AccessError):
            self.check.with_user(self.manager).write(
                {"figures_version_id": self.check.version_id.id}
            )
        forged = (
            self.env["care.standard"]
            .with_user(self.manager)
            .with_context(default_figures_version_id=self.check.version_id.id)
            .create({"name": "x", "company_id": self.company.id, "text": "<p>x</p>"})
        )
        self.assertFalse(forged.figures_version_id)
