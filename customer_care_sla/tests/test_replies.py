from unittest.mock import patch

from odoo.tests import tagged

from .common import MONDAY_9, MONDAY_10, TUESDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestReplies(SlaCase):
    def setUp(self):
        super().setUp()
        self.policy.target_ids = [
            (0, 0, {"measure": "acknowledgement", "kind": "minutes", "amount": 30})
        ]
        self.case = self._case_at(MONDAY_9)

    def _states(self):
        self.env.invalidate_all()
        return {clock.measure: clock.state for clock in self.case.clock_ids}

    def _post(self, user=None, **vals):
        vals = {
            "body": "We are on it",
            "message_type": "comment",
            "subtype_xmlid": "mail.mt_comment",
            **vals,
        }
        with self._at(MONDAY_10):
            return self.case.with_user(user or self.agent).message_post(**vals)

    def _assert_answered(self, answered):
        self.assertEqual(
            self._states(),
            {
                "acknowledgement": "met" if answered else "running",
                "first_response": "met" if answered else "running",
                "resolution": "running",
            },
        )

    def test_a_public_message_of_ours_is_the_first_answer(self):
        self._post()
        self._assert_answered(True)
        clock = self._clock(self.case)
        self.assertEqual(clock.met_by_id, self.agent)
        self.assertEqual(clock.stopped_at, self._utc(MONDAY_10))

    def test_a_reply_from_the_own_mail_client_is_an_answer(self):
        root = self.env.ref("base.user_root")
        self._post(root, author_id=self.agent.partner_id.id, message_type="email")
        self._assert_answered(True)
        self.assertEqual(self._clock(self.case).met_by_id, self.agent)

    def test_a_note_is_no_answer(self):
        self._post(subtype_xmlid="mail.mt_note")
        self._assert_answered(False)

    def test_automatic_mail_is_no_answer(self):
        for message_type in ("auto_comment", "out_of_office", "notification"):
            self._post(message_type=message_type)
        self._assert_answered(False)

    def test_what_the_customer_writes_is_no_answer(self):
        root = self.env.ref("base.user_root")
        self._post(root, author_id=self.customer.id, message_type="email")
        self._assert_answered(False)

    def test_a_colleague_who_is_the_customer_does_not_answer_themselves(self):
        self.case.partner_id = self.agent.partner_id
        self._post()
        self._assert_answered(False)

    def test_the_message_that_opens_a_case_is_no_answer(self):
        Case = self.env["care.case"]

        def new(self, msg_dict, custom_values=None):
            return self.create({**custom_values, "name": msg_dict["subject"]})

        with (
            patch("odoo.addons.mail.models.mail_thread_cc.MailThreadCc.message_new", new),
            self._at(MONDAY_9),
        ):
            thread_id = Case._message_route_process(
                None,
                {
                    "message_id": "<1@example.com>",
                    "message_type": "email",
                    "subject": "A customer called me",
                    "body": "Please help",
                    "from": self.agent.email,
                    "email_from": self.agent.email,
                    "author_id": self.agent.partner_id.id,
                    "partner_ids": [],
                },
                [
                    (
                        "care.case",
                        False,
                        {
                            "partner_id": self.customer.id,
                            "company_id": self.company.id,
                            "team_id": self.team.id,
                        },
                        self.env.ref("base.user_root").id,
                        None,
                    )
                ],
            )
        self.case = Case.browse(thread_id)
        self.assertTrue(self.case.message_ids)
        self._assert_answered(False)

    def test_a_logged_call_is_an_answer(self):
        self._call()
        self._assert_answered(True)

    def test_a_to_do_is_no_answer(self):
        self._call("mail.mail_activity_data_todo")
        self._assert_answered(False)

    def _call(self, kind="mail.mail_activity_data_call"):
        activity = self.case.activity_schedule(kind, user_id=self.agent.id)
        with self._at(MONDAY_10):
            activity.with_user(self.agent).action_feedback(feedback="Explained")

    def _followup(self, outcome):
        followup = (
            self.env["care.followup"]
            .with_user(self.agent)
            .create({"name": "Call", "case_id": self.case.id, "user_id": self.agent.id})
        )
        self._run("care.followup", days=1)
        followup.write({"outcome_id": self.env.ref(f"customer_care.outcome_{outcome}").id})
        with self._at(MONDAY_10):
            followup.action_done()

    def test_a_follow_up_call_is_an_answer_unless_nobody_picked_up(self):
        self.case.owner_id = self.agent
        self._followup("no_answer")
        self._assert_answered(False)
        self._followup("satisfied")
        self._assert_answered(True)

    def test_a_follow_up_done_before_its_day_is_an_answer_too(self):
        followup = (
            self.env["care.followup"]
            .with_user(self.agent)
            .create({"name": "Call", "case_id": self.case.id, "user_id": self.agent.id})
        )
        followup.outcome_id = self.env.ref("customer_care.outcome_satisfied")
        followup.action_done()
        self._assert_answered(True)

    def _mail_to_many(self, **vals):
        composer = (
            self.env["mail.compose.message"]
            .with_user(self.manager)
            .create(
                {
                    "composition_mode": "mass_mail",
                    "model": "care.case",
                    "res_ids": str(self.case.ids),
                    "subject": "The part has arrived",
                    "body": "<p>We come tomorrow.</p>",
                    **vals,
                }
            )
        )
        with self._at(MONDAY_10):
            composer._action_send_mail()

    def test_a_mail_to_many_customers_is_an_answer(self):
        self._mail_to_many()
        self._assert_answered(True)

    def test_a_mail_to_many_that_reaches_nobody_or_not_yet_is_no_answer(self):
        self.customer.email = "nowhere"
        self._mail_to_many()
        self._assert_answered(False)
        self.customer.email = "clara@example.com"
        template = self.env["mail.template"].create(
            {
                "name": "Later",
                "model_id": self.env["ir.model"]._get_id("care.case"),
                "use_default_to": True,
                "scheduled_date": TUESDAY_10,
            }
        )
        self._mail_to_many(template_id=template.id)
        self._assert_answered(False)

    def test_the_acknowledgement_sent_is_an_acknowledgement_only(self):
        with self._at(MONDAY_10):
            self._run("care.notice")
        self.assertEqual(
            self._states(),
            {"acknowledgement": "met", "first_response": "running", "resolution": "running"},
        )

    def test_a_customer_without_an_address_is_not_acknowledged_by_mail(self):
        self.customer.email = False
        with self._at(MONDAY_10):
            self._run("care.notice")
        self._assert_answered(False)
