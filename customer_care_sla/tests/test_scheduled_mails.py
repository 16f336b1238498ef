"""Mails to many customers that wait for their day are answers when they go out."""

from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.customer_care.models.mail_mail import SCHEDULED
from odoo.addons.mail.tests.common import MockEmail

from .common import MONDAY_9, MONDAY_10, MONDAY_13, MONDAY_17, TUESDAY_10, BacktestCase

MAILS = "odoo.addons.customer_care.models.mail_mail"


@tagged("post_install", "-at_install")
class TestScheduledMails(MockEmail, BacktestCase):
    def setUp(self):
        super().setUp()
        self.case = self._case_at(MONDAY_9)
        # what other tests and the demo have in the queue is not sent here
        self.env["mail.mail"].search([("state", "=", "outgoing")]).state = "cancel"

    def _write(self, records=None, until=MONDAY_13, user=None, moment=MONDAY_10, **vals):
        records = records if records is not None else self.case
        template = self.env["mail.template"].create(
            {
                "name": "Later",
                "model_id": self.env["ir.model"]._get_id(records._name),
                "use_default_to": True,
                "scheduled_date": until,
                "auto_delete": vals.get("auto_delete", True),
            }
        )
        composer = (
            self.env["mail.compose.message"]
            .with_user(user or self.manager)
            .create(
                {
                    "composition_mode": "mass_mail",
                    "model": records._name,
                    "res_ids": str(records.ids),
                    "subject": "The part has arrived",
                    "body": "<p>We come tomorrow.</p>",
                    "template_id": template.id,
                    **vals,
                }
            )
        )
        with self._at(moment), self.mock_mail_gateway():
            mails = composer._action_send_mail()[0]
            self.env.cr.flush()
        return mails

    @contextmanager
    def _failing(self, broken):
        """With a mail server that takes nothing."""
        with self.mock_mail_gateway(mail_unlink_sent=True):
            if broken:
                server = type(self.env["ir.mail_server"])
                with patch.object(server, "send_email", side_effect=OSError("No route")):
                    yield
            else:
                yield

    def _queue(self, moment, broken=False):
        """Run the queue as its cron does.

        :return: how many mails have gone out
        """
        with self._at(moment), self._failing(broken):
            self.env["mail.mail"].with_user(self.env.ref("base.user_root")).process_email_queue()
            self.env.cr.flush()
            sent = len(self._mails)
        self.env.invalidate_all()
        return sent

    def _answers(self, records=None):
        self.env.flush_all()
        self.env.invalidate_all()
        return [
            (clock.state, str(clock.stopped_at), clock.met_by_id)
            for clock in (records or self.case).clock_ids
            if clock.measure == "first_response"
        ]

    # ------------------------------------------------------------
    # Heard when it goes out
    # ------------------------------------------------------------

    def test_a_mail_that_waits_is_an_answer_when_it_goes_out_and_not_before(self):
        self._write()
        self.assertEqual(self._queue("2026-11-23 11:00:00"), 0)
        self.assertEqual(self._clock(self.case).state, "running")
        self.assertEqual(self._queue(MONDAY_13), 1)
        self.assertEqual(self._answers(), [("met", MONDAY_13, self.manager)])

    def test_it_counts_when_it_went_out_and_not_when_it_was_to(self):
        self._write()
        self._queue(MONDAY_17)
        self.assertEqual(self._answers(), [("met", MONDAY_17, self.manager)])
        self.assertTrue(self._clock(self.case).is_late)

    def test_a_mail_that_is_sent_before_its_day_by_hand_counts_then(self):
        mails = self._write()
        with self._at("2026-11-23 11:00:00"), self.mock_mail_gateway():
            mails.sudo().send()
            self.env.cr.flush()
        self.assertEqual(self._answers(), [("met", "2026-11-23 11:00:00", self.manager)])

    def test_mails_that_are_kept_deleted_with_and_without_their_message_count_alike(self):
        for keep in ({"auto_delete": False}, {}, {"auto_delete_keep_log": False}):
            with self.subTest(**keep):
                case = self._case_at(MONDAY_9)
                mail = self._write(case, **keep)
                message = mail.mail_message_id
                self._queue(MONDAY_13)
                self.assertEqual(self._answers(case), [("met", MONDAY_13, self.manager)])
                self.assertEqual(bool(mail.exists()), keep.get("auto_delete") is False)
                self.assertEqual(bool(message.exists()), "auto_delete_keep_log" not in keep)

    def test_what_is_noted_on_it_does_not_go_out(self):
        mail = self._write(auto_delete=False)
        self.assertIn(SCHEDULED, mail.sudo().headers)
        self._queue(MONDAY_13)
        self.assertIn("X-Odoo-Objects", self._mails[0]["headers"])
        self.assertNotIn(SCHEDULED, self._mails[0]["headers"])
        self.assertNotIn(SCHEDULED, mail.sudo().headers)

    def test_the_conversation_shows_when_it_went_out(self):
        self._write()
        self._queue(MONDAY_13)
        message = self.case.message_ids.filtered(lambda m: m.message_type == "email_outgoing")
        self.assertEqual(message.date, self._utc(MONDAY_13))

    def test_one_mail_about_two_cases_of_a_customer_answers_both(self):
        cases = self.case | self._case_at(MONDAY_9)
        self._write(cases, auto_delete=False)
        self.assertEqual(self._answers(cases), [("running", "False", self.env["res.users"])] * 2)
        self.assertEqual(self._queue(MONDAY_13), 1)
        self.assertEqual(self._answers(cases), [("met", MONDAY_13, self.manager)] * 2)

    def test_a_mail_about_an_order_is_the_first_contact_of_its_journey(self):
        self._sla([("contact", "any", "days", 1)], about="care.journey", name="Journeys")
        with self._at(MONDAY_9):
            order = self._confirmed()
            self.env.flush_all()
        clock = self._journey(order).clock_ids
        self._write(order)
        self.assertEqual(clock.state, "running")
        self._queue(MONDAY_13)
        self.assertEqual((clock.state, str(clock.stopped_at)), ("met", MONDAY_13))

    # ------------------------------------------------------------
    # Not heard, and not twice
    # ------------------------------------------------------------

    def test_a_mail_that_does_not_go_out_is_no_answer_until_it_does(self):
        mail = self._write()
        with mute_logger("odoo.addons.mail.models.mail_mail"):
            self._queue(MONDAY_13, broken=True)
        self.assertEqual(mail.state, "exception")
        self.assertEqual(self._clock(self.case).state, "running")
        mail.sudo().state = "outgoing"
        self.assertEqual(self._queue(MONDAY_17), 1)
        self.assertEqual(self._answers(), [("met", MONDAY_17, self.manager)])

    def test_a_mail_that_is_called_off_is_no_answer(self):
        mail = self._write()
        mail.sudo().state = "cancel"
        self.assertEqual(self._queue(MONDAY_13), 0)
        self.assertEqual(self._clock(self.case).state, "running")

    def _heard(self):
        """Whom the hook is told of from now on: a list that grows."""
        told = []
        cases = type(self.case)
        wrote = cases._care_wrote

        def counted(records, user, replies):
            told.append(records.ids)
            return wrote(records, user, replies)

        self.enterContext(patch.object(cases, "_care_wrote", counted))
        return told

    def test_what_went_out_at_once_is_not_heard_again_when_the_server_puts_it_off(self):
        self.policy.target_ids = [
            (0, 0, {"measure": "next_response", "kind": "hours", "amount": 1})
        ]
        mail = self._write(until=False, auto_delete=False, force_send=False)
        self.assertEqual(self._answers(), [("met", MONDAY_10, self.manager)])
        # as Odoo does for a personal mail server that has sent enough in this minute
        mail.sudo().scheduled_date = self._utc(MONDAY_13)
        with self._at("2026-11-23 10:30:00"):
            self.case.message_post(
                author_id=self.customer.id,
                body="Which part?",
                message_type="email",
                subtype_xmlid="mail.mt_comment",
            )
        clock = self._clock(self.case, "next_response")
        self.assertEqual(clock.state, "running")
        self._queue(MONDAY_13)
        self.assertEqual(mail.state, "sent")
        self.assertEqual(clock.state, "running", "it was written before the question")

    def test_sent_once_more_it_is_not_heard_once_more(self):
        told = self._heard()
        mail = self._write(auto_delete=False)
        self._queue(MONDAY_13)
        self.assertEqual([ids for ids in told if ids], [self.case.ids])
        mail.sudo().state = "outgoing"
        self.assertEqual(self._queue(MONDAY_17), 1)
        self.assertEqual([ids for ids in told if ids], [self.case.ids])

    def test_an_answer_that_somebody_is_in_the_way_of_is_told_again_and_the_mail_stays_sent(self):
        mail = self._write(auto_delete=False)
        told, cases = [], type(self.case)
        wrote = cases._care_wrote

        def conflict(records, user, replies):
            told.append(records.ids)
            if len(told) == 1:
                raise psycopg2.errors.SerializationFailure
            return wrote(records, user, replies)

        with (
            patch.object(cases, "_care_wrote", conflict),
            self.enter_registry_test_mode(),
            mute_logger(MAILS),
        ):
            self._queue(MONDAY_13)
            self.assertEqual((mail.state, self._clock(self.case).state), ("sent", "running"))
            with self._at(MONDAY_13):
                self.env.cr.postcommit.run()
        self.assertEqual(told, [self.case.ids] * 2)
        self.assertEqual(self._clock(self.case).state, "met")

    def test_a_case_that_is_gone_by_then_is_in_nobodys_way(self):
        gone, other = (
            self._case_at(MONDAY_9),
            self.env["res.partner"].create({"name": "Paul", "email": "paul@example.com"}),
        )
        self.case.partner_id = other
        self._write(self.case | gone, auto_delete=False)
        gone.sudo().unlink()
        self._queue(MONDAY_13)
        self.assertEqual(self._answers(), [("met", MONDAY_13, self.manager)])

    def test_a_mail_in_somebody_elses_name_is_no_answer_later_either(self):
        self._write(author_id=self.agent.partner_id.id, email_from=self.agent.email_formatted)
        self.assertEqual(self._queue(MONDAY_13), 1)
        self.assertEqual(self._clock(self.case).state, "running")

    # ------------------------------------------------------------
    # What it costs, and what is played
    # ------------------------------------------------------------

    def test_many_mails_that_go_out_together_are_heard_together(self):
        people = self.env["res.partner"].create(
            [{"name": f"P {n}", "email": f"p{n}@example.com"} for n in range(22)]
        )
        cases = self._cases_of(people, MONDAY_9)
        mails = type(self.env["mail.mail"])
        tell, spent = mails._care_tell, []

        def counted(records, sent):
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            tell(records, sent)
            self.env.flush_all()
            spent.append((len(sent), self.env.cr.sql_log_count - before))

        with patch.object(mails, "_care_tell", counted):
            for some, hour in ((cases[:1], 12), (cases[1:2], 13), (cases[2:], 14)):
                moment = f"2026-11-23 {hour}:00:00"
                self._write(some, until=moment)
                self.assertEqual(self._queue(moment), len(some))
        self.assertEqual([count for count, _queries in spent], [1, 1, 20])
        self.assertLessEqual(spent[2][1], spent[1][1] + 3)
        self.assertEqual({answer[0] for answer in self._answers(cases)}, {"met"})

    def test_mails_that_do_not_wait_cost_the_queue_nothing(self):
        mail = self._write(until=False, auto_delete=False, force_send=False)
        mail.sudo().state = "sent"
        mail.sudo().mapped("headers")
        with self.assertQueryCount(0):
            mail.sudo()._care_gone_out()

    def test_back_tests_play_it_when_it_went_out_and_nothing_that_still_waits(self):
        late, waits, kept = (self._case_at(MONDAY_9) for _n in range(3))
        people = self.env["res.partner"].create(
            [{"name": f"P {n}", "email": f"p{n}@example.com"} for n in range(3)]
        )
        for case, person in zip(late | waits | kept, people, strict=True):
            case.partner_id = person
        self._write(late, until=MONDAY_17)
        self._write(waits, until=self._utc(TUESDAY_10) + timedelta(days=1))
        self._write(kept, until="2026-11-23 11:00:00", auto_delete=False)
        self._queue("2026-11-23 11:00:00")
        self._queue(MONDAY_17)
        clocks = self._compare(self.policy, late | waits | kept).filtered(
            lambda clock: clock.measure == "first_response"
        )
        self.assertEqual(
            {clock.case_id: (clock.state, clock.is_late) for clock in clocks},
            {late: ("met", True), waits: ("running", True), kept: ("met", False)},
        )
