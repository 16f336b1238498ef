import json
from unittest.mock import patch

from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import CareSurveyCase
from .test_invitation import ENGINE

OURS = "odoo.addons.customer_care_survey.models.care_survey_invitation"


@tagged("post_install", "-at_install")
class TestAnswer(CareSurveyCase):
    def test_two_of_ten_is_a_score_and_opens_exactly_one_case(self):
        order = self._confirmed()
        invitation = self._sent(order_id=order.id)
        self._answer(invitation, 2, "Nobody called me back.")
        self.assertEqual(invitation.state, "answered")
        self.assertFalse(self._recovery_cases(), "effects are the business of the cron")
        score = invitation.score_ids
        self.assertEqual((score.measure, score.value, score.points), ("nps", 2, -100))
        self.assertEqual(score.comment, "Nobody called me back.")
        self.assertEqual(score.case_id, invitation.case_id)
        self.assertEqual(self.customer.care_last_score, "2 / 10")
        self._run_invitations()
        self._run_invitations()
        case = self._recovery_cases()
        self.assertEqual(len(case), 1)
        self.assertEqual(invitation.state, "done")
        self.assertFalse(invitation.next_at)
        self.assertEqual(invitation.recovery_case_id, case)
        self.assertEqual((case.kind, case.severity), ("complaint", "2"))
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.order_id, order)
        self.assertEqual(case.journey_id, self._journey(order))
        self.assertEqual(case.company_id, self.company)
        self.assertEqual(case.team_id, self.team)
        self.assertIn(invitation.case_id.number, case.name)
        self.assertIn("2 / 10", case.description)
        self.assertIn("“Nobody called me back.”", case.description)
        self.assertEqual(len(invitation.score_ids), 1)

    def test_closed_recovery_case_asks_nobody(self):
        invitation = self._sent()
        self._answer(invitation, 1)
        self._run_invitations()
        case = self._recovery_cases()
        self._close(case)
        self._run_invitations(days=30)
        self.assertFalse(self._invitations(case))
        self.assertEqual(len(self._recovery_cases()), 1)

    def test_nine_of_ten_opens_no_case(self):
        invitation = self._sent()
        self._answer(invitation, 9)
        self._run_invitations()
        self.assertEqual(invitation.state, "done")
        self.assertEqual(invitation.score_ids.points, 100)
        self.assertFalse(self._recovery_cases())

    def test_nought_counts_as_nought(self):
        for value in (0, "0"):
            with self.subTest(value=value):
                invitation = self._sent()
                answer = invitation.user_input_id
                answer._save_lines(self.nps, value)
                answer._mark_done()
                self.assertEqual(len(invitation.score_ids), 1)
                self.assertEqual(invitation.score_ids.value, 0)
                self.assertEqual(invitation.score_text, "0 / 10")
                self._run_invitations()
                self.assertTrue(invitation.recovery_case_id)
                self._close(invitation.recovery_case_id)

    def test_bad_up_to_nought_means_nought(self):
        self.trigger.bad_score_max = 0
        one = self._sent()
        nought = self._sent()
        self._answer(one, 1)
        self._answer(nought, 0)
        self._run_invitations()
        self.assertFalse(one.recovery_case_id)
        self.assertTrue(nought.recovery_case_id)

    def test_skipped_question_is_no_score(self):
        invitation = self._sent()
        answer = invitation.user_input_id
        answer._save_lines(self.nps, "")
        answer._save_lines(self.why, "No idea")
        answer._mark_done()
        self._run_invitations()
        self.assertEqual(invitation.state, "done")
        self.assertFalse(invitation.score_ids)
        self.assertFalse(self._recovery_cases())

    def test_last_answer_is_shown_on_the_customer_and_their_company(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        self.customer.parent_id = company
        for value in (9, 0):
            self._answer(self._sent(), value)
        for partner in (company, self.customer):
            self.assertEqual(partner.care_last_score, "0 / 10")
            self.assertEqual(partner.care_score_count, 2)
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        self.assertFalse(stranger.care_last_score)

    def test_answers_that_are_no_invitation_of_ours_pass_by(self):
        answer = self.survey._create_answer(email="someone@example.com")
        answer._save_lines(self.nps, "1")
        answer._mark_done()
        self.assertEqual(answer.state, "done")
        self.assertFalse(
            self.env["care.survey.score"].search([("company_id", "=", self.company.id)])
        )

    # ------------------------------------------------------------
    # Failures
    # ------------------------------------------------------------

    def test_case_that_fails_is_retried_and_the_answer_kept(self):
        invitation = self._sent()
        self._answer(invitation, 2, "Bad")
        broken = patch.object(
            type(invitation),
            "_prepare_recovery_case_vals",
            side_effect=ValueError("no such stage"),
        )
        with broken, mute_logger(*ENGINE):
            self._run_invitations()
        self.assertEqual(invitation.state, "answered")
        self.assertEqual((invitation.attempts, invitation.error), (1, "no such stage"))
        self.assertEqual(invitation.user_input_id.state, "done")
        self.assertEqual(invitation.score_ids.value, 2)
        self.assertFalse(self._recovery_cases())
        self._run_invitations(days=1)
        self._run_invitations(days=1)
        self.assertEqual(invitation.state, "done")
        self.assertEqual(len(self._recovery_cases()), 1)

    def test_retry_by_hand_acts_on_the_answer_and_asks_nobody_again(self):
        invitation = self._sent()
        self._answer(invitation, 2)
        invitation.write({"state": "failed", "next_at": False, "attempts": 5})
        invitation.with_user(self.leader).action_retry()
        self.assertEqual(invitation.state, "answered")
        sent_at = invitation.sent_at
        self._run_invitations()
        self.assertEqual((invitation.state, invitation.sent_at), ("done", sent_at))
        self.assertEqual(len(self._recovery_cases()), 1)

    def test_exception_of_ours_never_loses_an_answer(self):
        for method in ("_note_answers", "_prepare_scores_vals"):
            with self.subTest(method=method):
                invitation = self._sent()
                broken = patch.object(type(invitation), method, side_effect=ValueError("a bug"))
                with broken, mute_logger(OURS):
                    self._answer(invitation, 2, "Bad")
                answer = invitation.user_input_id
                self.assertEqual(answer.state, "done")
                self.assertEqual(len(answer.user_input_line_ids), 2)
                invitation._gc_unnoticed_answers()
                self._run_invitations()
                self.assertEqual(invitation.state, "done")
                self.assertEqual(invitation.score_ids.value, 2)
                self.assertTrue(invitation.recovery_case_id)
                self._close(invitation.recovery_case_id)

    def test_case_deleted_or_answer_deleted_leaves_the_score(self):
        invitation = self._sent()
        self._answer(invitation, 8)
        score = invitation.score_ids
        invitation.user_input_id.unlink()
        self._run_invitations()
        self.assertEqual(invitation.state, "done")
        invitation.case_id.unlink()
        self.assertFalse(invitation.exists())
        self.assertEqual(score.exists().value, 8)
        self.assertEqual(self.customer.care_last_score, "8 / 10")


@tagged("post_install", "-at_install")
class TestAnswerPage(CareSurveyCase, HttpCase):
    """Through the real pages."""

    def _run_invitations(self, days=0):
        # cursors are shared already
        self.env.ref(self.env["care.survey.invitation"]._due_cron).method_direct_trigger()
        self.env.invalidate_all()

    def _json(self, url, params):
        response = self.url_open(
            url,
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}),
            headers={"Content-Type": "application/json"},
        )
        return response.json()["result"]

    def _answer_on_page(self, invitation, value, text):
        page = self.url_open(invitation._survey_url())
        self.assertEqual(page.status_code, 200)
        self.assertIn("How was it?", page.text)
        self.assertNotIn("The oven does not heat", page.text)
        self.assertNotIn(invitation.case_id.number, page.text)
        answer = invitation.user_input_id
        tokens = f"{self.survey.access_token}/{answer.access_token}"
        begun = self._json(f"/survey/begin/{tokens}", {})
        self.assertIn("Would you recommend us?", begun[1]["survey_content"])
        self._json(
            f"/survey/submit/{tokens}",
            {str(self.nps.id): str(value), str(self.why.id): text},
        )
        self.env.invalidate_all()

    def test_customer_without_a_login_answers_by_the_link(self):
        invitation = self._sent()
        self._answer_on_page(invitation, 2, "Nobody called.")
        self.assertEqual(invitation.user_input_id.state, "done")
        self.assertEqual(invitation.state, "answered")
        self.assertEqual(invitation.score_ids.value, 2)
        self.assertEqual(invitation.comment, "Nobody called.")
        self._run_invitations()
        self.assertEqual(len(self._recovery_cases()), 1)

    def test_customer_with_a_login_answers_logged_out_and_in(self):
        user = new_test_user(
            self.env,
            "care_clara",
            groups="base.group_portal",
            partner_id=self.customer.id,
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        self.customer.email = "clara@example.com"
        self.assertEqual(user.partner_id, self.customer)
        out = self._sent()
        self._answer_on_page(out, 9, "")
        self.assertEqual(out.score_ids.value, 9)
        inside = self._sent()
        self.authenticate("care_clara", "care_clara")
        self._answer_on_page(inside, 0, "")
        self.assertEqual(inside.score_ids.value, 0)

    def test_link_answered_once_stays_answered(self):
        invitation = self._sent()
        self._answer_on_page(invitation, 9, "")
        answer = invitation.user_input_id
        tokens = f"{self.survey.access_token}/{answer.access_token}"
        again = self._json(f"/survey/submit/{tokens}", {str(self.nps.id): "1"})
        self.assertEqual(again[1], {"error": "unauthorized"})
        self.env.invalidate_all()
        self.assertEqual(invitation.score_ids.value, 9)

    def test_expired_link_says_so(self):
        invitation = self._sent()
        self.env.cr.execute(
            "UPDATE survey_user_input SET deadline = now() - interval '1 day' WHERE id = %s",
            (invitation.user_input_id.id,),
        )
        self.env.invalidate_all()
        page = self.url_open(invitation._survey_url())
        self.assertNotIn("Would you recommend us?", page.text)
