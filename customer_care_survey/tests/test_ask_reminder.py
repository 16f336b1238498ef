"""Whoever has not answered is reminded."""

from datetime import timedelta
from unittest.mock import patch

from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CareSurveyCase
from .test_answer import OURS


@tagged("post_install", "-at_install")
class TestAskReminder(CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = cls.env.cr.now().replace(microsecond=0)
        cls.trigger.write({"reminder_count": 2, "reminder_days": 4, "valid_days": 30})

    def _sent(self):
        row = self._invitations(self._closed())
        row.write({"planned_for": self.now, "next_at": self.now})
        self._on(0)
        self.assertEqual(row.state, "sent")
        return row

    def _on(self, days):
        with self._at(self.now + timedelta(days=days)):
            self._tick()
        self.env.invalidate_all()

    def test_who_has_not_answered_is_reminded_twice_with_the_same_link(self):
        row = self._sent()
        for days, mails in ((3, 1), (4, 2), (7, 2), (8, 3), (12, 3), (20, 3)):
            self._on(days)
            self.assertEqual(len(self._mails(row)), mails, f"day {days}")
        self.assertEqual((row.state, row.reminder_count), ("sent", 2))
        self.assertEqual(row.reminded_at, self.now + timedelta(days=8))
        self.assertFalse(row.next_at)
        for mail in self._mails(row):
            self.assertIn(row.user_input_id.get_start_url(), mail.body_html)
        self.assertIn("reminder", self._mails(row)[1].subject)
        self.assertEqual(
            self.env["survey.user_input"].search_count([("survey_id", "=", self.survey.id)]), 1
        )

    def test_a_reminder_is_about_the_survey_that_was_sent(self):
        row = self._sent()
        self.trigger.survey_id = self.survey.copy({"title": "Another"})
        self.trigger.survey_id.active = False
        self._on(4)
        self.assertEqual(row.reminder_count, 1)

    def test_who_has_answered_is_not_reminded(self):
        row = self._sent()
        self._answer(row, 9)
        self._on(1)
        self._on(4)
        self.assertEqual(row.state, "done")
        self.assertEqual(len(self._mails(row)), 1)

    def test_an_answer_that_we_have_not_noticed_is_no_reason_to_remind(self):
        row = self._sent()
        ours = "_note_answers"
        with patch.object(type(row), ours, lambda rows: None), mute_logger(OURS):
            self._answer(row, 9)
        self.assertFalse(row.answered_at)
        self._on(4)
        self.assertEqual(len(self._mails(row)), 1)
        self.assertEqual(row.score_ids.value, 9)

    def test_reminders_that_are_switched_off_after_sending_are_not_sent(self):
        row = self._sent()
        self.assertTrue(row.next_at)
        self.trigger.reminder_count = 0
        self._on(4)
        self.assertEqual((row.reminder_count, len(self._mails(row))), (0, 1))
        self.assertFalse(row.next_at)

    def test_no_reminder_once_the_link_has_expired(self):
        self.trigger.valid_days = 6
        row = self._sent()
        for days in (4, 8, 12):
            self._on(days)
        self.assertEqual(len(self._mails(row)), 2)
        self.assertFalse(row.next_at)

    def test_no_reminder_to_who_would_not_be_asked_any_more(self):
        for reason, spoil in (
            ("opted_out", self._refuse),
            ("open_complaint", lambda row: self._case(kind="complaint")),
            ("bounced", lambda row: setattr(self.customer, "message_bounce", 1)),
            ("trigger_off", lambda row: setattr(self.trigger, "active", False)),
            ("survey_closed", lambda row: row.user_input_id.unlink()),
            ("record_over", lambda row: row.case_id._enter_category("open")),
        ):
            with self.subTest(reason=reason), self.env.cr.savepoint() as savepoint:
                row = self._sent()
                spoil(row)
                self._on(4)
                self.assertEqual(row.reminder_reason, reason)
                self.assertFalse(row.next_at)
                self.assertEqual(len(self._mails(row)), 1)
                self.assertEqual(row.state, "sent", "it was sent, and may still be answered")
                savepoint.rollback()
                self.env.invalidate_all()

    def _refuse(self, row):
        self.env["care.survey.consent"]._say(
            self.customer, self.company, row.trigger_id.kind_id, "no"
        )

    def test_a_reminder_keeps_the_gap_to_other_surveys(self):
        self.company.care_survey_gap_days = 3
        row = self._sent()
        other = self._invitations(self._closed())
        at = self.now + timedelta(days=3)
        other.write({"planned_for": at, "next_at": at})
        self._on(3)
        self.assertEqual(other.state, "sent")
        self._on(4)
        self.assertEqual((row.reminder_count, row.reminder_reason), (0, "quiet"))
        self.assertEqual(row.next_at, self.now + timedelta(days=6))
        self._on(6)
        self.assertEqual((row.reminder_count, row.reminder_reason), (1, False))

    def test_reminders_are_no_surveys_that_are_counted(self):
        self.company.write({"care_survey_max": 1, "care_survey_window_days": 30})
        row = self._sent()
        self._on(4)
        self.assertEqual(row.reminder_count, 1)

    def test_a_reminder_that_failed_is_tried_again_and_nobody_is_asked_anew(self):
        row = self._sent()
        sent_at = row.sent_at
        row.write({"state": "failed", "next_at": False, "attempts": 5})
        row.with_user(self.leader).action_retry()
        self.assertEqual(row.state, "sent")
        row.next_at = self.now + timedelta(days=4)
        self._on(4)
        self.assertEqual((row.sent_at, row.reminder_count), (sent_at, 1))

    def test_a_cron_killed_while_reminding_reminds_once(self):
        row = self._sent()
        row.next_at = self.env.cr.now()
        send = self.registry["mail.template"].send_mail_batch

        def killed(*args, **kwargs):
            send(*args, **kwargs)
            raise KeyboardInterrupt

        with (
            patch.object(self.registry["mail.template"], "send_mail_batch", killed),
            self.enter_registry_test_mode(),
            self.assertRaises(KeyboardInterrupt),
            self.registry.cursor() as cr,
        ):
            row.with_env(self.env(cr=cr))._cron_run_due()
        self.env.invalidate_all()
        self.assertEqual((row.reminder_count, len(self._mails(row))), (0, 1))
        self._run_invitations()
        self._run_invitations()
        self.assertEqual((row.reminder_count, len(self._mails(row))), (1, 2))

    def test_a_copy_of_the_database_reminds_nobody(self):
        row = self._sent()
        self.assertTrue(row.next_at)
        self.env.flush_all()
        for query in get_neutralization_queries(["customer_care_survey"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual((row.state, row.next_at), ("sent", False))
