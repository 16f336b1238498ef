"""Mails that the mail server does not take: nobody is lost, and nobody asked twice."""

from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CareSurveyCase
from .test_invitation import ENGINE


@tagged("post_install", "-at_install")
class TestUndelivered(CareSurveyCase):
    def _queue(self, row, works=False):
        """Odoo's mail queue runs, with a mail server that answers or not."""
        mails = self._mails(row).filtered(lambda mail: mail.state == "outgoing")
        server = type(self.env["ir.mail_server"])
        refused = None if works else ConnectionRefusedError("nobody answers")
        with (
            patch.object(server, "_connect__", side_effect=refused, return_value=None),
            patch.object(server, "_disable_send", lambda *args: False),
            patch.object(server, "send_email", lambda server, message, **how: "<taken@test>"),
        ):
            count = len(mails)
            mails.send()
        self.env.invalidate_all()
        return count

    def _minutes(self, minutes):
        with self._at(self.env.cr.now() + timedelta(minutes=minutes)):
            self._tick()
        self.env.invalidate_all()

    def test_a_mail_that_no_server_took_is_sent_again_with_the_same_link(self):
        row = self._sent()
        answer = row.user_input_id
        self.assertEqual(self._queue(row), 1)
        self.assertEqual((row.state, row.attempts), ("sent", 1))
        self.assertIn("nobody answers", row.error)
        self.assertTrue(row.next_at)
        self._minutes(3)
        self.assertEqual(self._mails(row).state, "exception", "not yet")
        self._minutes(5)
        mail = self._mails(row)
        self.assertEqual(mail.state, "outgoing")
        self.assertIn(answer.get_start_url(), mail.body_html)
        self.assertFalse(row.error)
        self.assertEqual(self._queue(row, works=True), 1)
        self.assertFalse(self._mails(row), "sent, and deleted by Odoo as all such mails")
        self.assertEqual((row.state, row.user_input_id), ("sent", answer))
        self.assertFalse(row.next_at)
        self._minutes(600)
        self.assertFalse(self._mails(row), "nobody is asked twice")

    def test_after_five_times_it_is_set_aside_and_a_leader_tries_again(self):
        row = self._sent()
        for attempt, minutes in enumerate((5, 20, 70, 300), 1):
            self.assertEqual(self._queue(row), 1)
            self.assertEqual((row.state, row.attempts), ("sent", attempt))
            row.next_at = self.env.cr.now()
            self._minutes(minutes)
        self.assertEqual(self._queue(row), 1)
        self.assertEqual((row.state, row.next_at), ("failed", False))
        self.assertIn("nobody answers", row.error)
        row.with_user(self.leader).action_retry()
        self._minutes(1)
        self.assertEqual((row.state, self._mails(row).state), ("sent", "outgoing"))

    def test_a_mail_that_somebody_sent_again_by_hand_is_followed_by_no_second_one(self):
        row = self._sent()
        self._queue(row)
        self._mails(row).mark_outgoing()
        self.assertEqual(self._queue(row, works=True), 1)
        self.assertFalse(self._mails(row), "sent, and deleted by Odoo")
        self._minutes(5)
        self.assertFalse(self._mails(row), "nobody is asked twice")
        self.assertEqual((row.state, row.reminder_count, row.error), ("sent", 0, False))
        self.assertFalse(row.next_at or row.attempts)

    def test_by_hand_or_tried_again_the_reminder_comes_when_it_is_due(self):
        self.trigger.write({"reminder_count": 1, "reminder_days": 4})
        row = self._sent()
        self._queue(row)
        self._mails(row).mark_outgoing()
        row.write({"state": "failed", "next_at": False, "attempts": 5})
        row.with_user(self.leader).action_retry()
        self._minutes(5)
        self.assertEqual((row.reminder_count, len(self._mails(row))), (0, 1))
        self.assertEqual(row.next_at, row.sent_at + timedelta(days=4))
        self._minutes(4 * 24 * 60 + 1)
        self.assertEqual((row.reminder_count, len(self._mails(row))), (1, 2))

    def test_who_refuses_meanwhile_gets_no_mail_and_no_place_is_kept_for_it(self):
        row = self._sent()
        self._queue(row)
        self.env["care.survey.consent"]._say(
            self.customer, self.company, row.trigger_id.kind_id, "no"
        )
        self._minutes(5)
        self.assertEqual((row.state, row.skip_reason), ("skipped", "opted_out"))
        self.assertFalse(row.sent_at or row.next_at or row.error)
        self.assertEqual(self._mails(row).state, "cancel")

    def test_an_address_that_mail_does_not_know_is_a_reason_and_not_tried_again(self):
        row = self._sent()
        self._mails(row)._postprocess_sent_message([], [], "No such address", "mail_email_invalid")
        self.assertEqual((row.state, row.skip_reason), ("skipped", "no_email"))
        self.assertEqual(row.skip_note, "No such address")
        self.assertFalse(row.next_at)

    def test_a_reminder_that_no_server_took_is_sent_again_and_counted_once(self):
        self.trigger.write({"reminder_count": 2, "reminder_days": 4})
        row = self._sent()
        self._queue(row, works=True)
        row.next_at = self.env.cr.now()
        self._minutes(1)
        self.assertEqual(row.reminder_count, 1)
        self._queue(row)
        self._minutes(5)
        self.assertEqual((row.reminder_count, len(self._mails(row))), (1, 1))
        self.assertEqual(self._mails(row).state, "outgoing")
        self.assertGreater(row.next_at, self.env.cr.now() + timedelta(days=3))

    def test_a_mail_that_cannot_be_made_asks_nobody_until_it_can(self):
        row = self._invitations(self._closed())
        before = self.env["survey.user_input"].search_count([])
        with (
            patch.object(type(row), "_stop_url", side_effect=ValueError("no link today")),
            mute_logger(*ENGINE, "odoo.addons.mail.models.mail_render_mixin"),
        ):
            self._run_invitations()
        self.assertEqual((row.state, row.attempts), ("planned", 1))
        self.assertIn("no link today", row.error)
        self.assertFalse(row.sent_at or self._mails(row))
        self.assertEqual(self.env["survey.user_input"].search_count([]), before)
        self._run_invitations(days=1)
        self.assertEqual((row.state, row.error, len(self._mails(row))), ("sent", False, 1))
        self.assertEqual(self.env["survey.user_input"].search_count([]), before + 1)
