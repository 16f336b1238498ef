import re
from unittest.mock import patch

from odoo import Command
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import CareSurveyCase

RATE = "odoo.addons.customer_care_survey.models.survey_rate"


@tagged("post_install", "-at_install")
class TestRate(CareSurveyCase, HttpCase):
    """The first answer by a click on a score in the mail."""

    def _run_invitations(self, days=0):
        # cursors are shared already
        self.env.ref(self.env["care.survey.invitation"]._due_cron).method_direct_trigger()
        self.env.invalidate_all()

    def _post(self, invitation, **form):
        page = self.url_open(invitation._rate_url(), data=form)
        self.env.invalidate_all()
        return page

    def _links(self, invitation):
        mail = self._mails(invitation).sudo()
        return re.findall(r'href="([^"]*/care/survey/rate/[^"]*)"', mail.body_html)

    def test_mail_shows_the_scale_as_links_of_this_person(self):
        invitation = self._sent()
        links = self._links(invitation)
        self.assertEqual(links, [invitation._rate_url(value) for value in range(11)])

    def test_mail_shows_faces_where_the_question_wants_them(self):
        self.trigger.write({"bad_score_max": 2})
        self.nps.write({"care_measure": "csat", "scale_min": 1, "scale_max": 5, "care_faces": True})
        invitation = self._sent()
        self.assertEqual(len(self._links(invitation)), 5)
        html = str(invitation._scale_html())
        for face in "😞🙁😐🙂😀":
            self.assertIn(face, html)
        self.assertIn('aria-label="5 of 5"', html)

    def test_mail_of_a_survey_that_measures_nothing_shows_no_scale(self):
        self.trigger.open_case = False
        self.nps.care_measure = False
        invitation = self._sent()
        self.assertFalse(self._links(invitation))
        self.assertIn("/survey/start/", self._mails(invitation).sudo().body_html)

    def test_opening_every_link_changes_nothing(self):
        invitation = self._sent()
        answer = invitation.user_input_id
        before = answer.read(["state", "write_date", "start_datetime"])
        for link in self._links(invitation):
            value = link.rpartition("=")[2]
            page = self.url_open(link)
            self.assertEqual(page.status_code, 200)
            self.assertRegex(page.text, rf'id="score_{value}"[^>]*checked="checked"')
            self.assertEqual(page.text.count("checked="), 1)
            # wherever the page was opened, the answer goes there
            self.assertRegex(page.text, r'action="/care/survey/rate/[^"?]*"')
        self.env.invalidate_all()
        self.assertEqual(answer.read(["state", "write_date", "start_datetime"]), before)
        self.assertFalse(answer.user_input_line_ids)
        self.assertEqual(invitation.state, "sent")
        self.assertFalse(invitation.first_answer_at)

    def test_button_keeps_the_score_and_the_words(self):
        for value in ("0", "3", "10"):
            with self.subTest(value=value):
                invitation = self._sent()
                page = self._post(
                    invitation, score=value, **{f"text_{self.why.id}": "Call me earlier."}
                )
                self.assertIn("Thank you!", page.text)
                answer = invitation.user_input_id
                self.assertEqual(answer.state, "done")
                self.assertEqual(invitation.state, "answered")
                self.assertEqual(str(invitation.score_ids.value), value)
                self.assertEqual(invitation.comment, "Call me earlier.")
                self._run_invitations()
                self._close(self._recovery_cases())

    def test_page_has_the_logo_of_who_asks_and_once(self):
        company = self.env["res.company"].create({"name": "Second Shop"})
        invitation = self._sent()
        self.assertIn(
            f"/logo.png?company={self.company.id}", self.url_open(invitation._rate_url()).text
        )
        invitation.company_id = company
        page = self.url_open(invitation._rate_url()).text
        self.assertEqual(page.count("/logo.png"), 1)
        self.assertIn(f"/logo.png?company={company.id}", page)

    def test_second_press_changes_nothing(self):
        invitation = self._sent()
        self._post(invitation, score="9")
        page = self._post(invitation, score="1")
        self.assertIn("Thank you!", page.text)
        self.assertEqual(invitation.score_ids.value, 9)

    def test_nothing_chosen_or_nonsense_says_so_and_keeps_the_words(self):
        self.nps.constr_mandatory = True
        invitation = self._sent()
        for form in ({}, {"score": "11"}, {"score": "-1"}, {"score": "x"}, {"score": "1.5"}):
            with self.subTest(form=form):
                page = self._post(invitation, **form, **{f"text_{self.why.id}": "My words"})
                self.assertIn("Please choose one of the answers.", page.text)
                self.assertIn("My words", page.text)
                self.assertEqual(invitation.user_input_id.state, "new")

    def test_missing_words_do_not_lose_the_score(self):
        self.why.constr_mandatory = True
        invitation = self._sent()
        page = self._post(invitation, score="4")
        self.assertIn('role="alert"', page.text)
        self.assertEqual(invitation.user_input_id.user_input_line_ids.value_scale, 4)
        self._post(invitation, score="5", **{f"text_{self.why.id}": "Why not"})
        self.assertEqual(invitation.score_ids.value, 5)

    def _longer(self):
        self.survey.write(
            {
                "question_and_page_ids": [
                    Command.create(
                        {
                            "title": "What did you buy?",
                            "sequence": 3,
                            "question_type": "simple_choice",
                            "suggested_answer_ids": [
                                Command.create({"value": "Oven"}),
                                Command.create({"value": "Hob"}),
                            ],
                        }
                    )
                ]
            }
        )
        return self.survey.question_ids[-1]

    def test_longer_survey_goes_on_with_the_score_and_lets_it_be_changed(self):
        choice = self._longer()
        invitation = self._sent()
        answer = invitation.user_input_id
        page = self._post(invitation, score="3")
        self.assertIn("What did you buy?", page.text)
        self.assertEqual(answer.state, "in_progress")
        self.assertEqual(answer.user_input_line_ids.value_scale, 3)
        self.assertTrue(invitation.first_answer_at)
        tokens = f"{self.survey.access_token}/{answer.access_token}"
        self.make_jsonrpc_request(
            f"/survey/submit/{tokens}",
            {str(self.nps.id): "8", str(choice.id): str(choice.suggested_answer_ids[0].id)},
        )
        self.env.invalidate_all()
        self.assertEqual(invitation.score_ids.value, 8, "the changed answer counts")

    def test_score_counts_though_the_rest_is_never_answered(self):
        self._longer()
        invitation = self._sent()
        self._post(invitation, score="2")
        model = self.env["care.survey.invitation"]
        model._gc_half_answered()
        self.assertEqual(invitation.state, "sent", "there is a day to go on")
        self.env.cr.execute(
            "UPDATE care_survey_invitation SET first_answer_at = now() - interval '25 hours' "
            "WHERE id = %s",
            [invitation.id],
        )
        self.env.invalidate_all()
        model._gc_half_answered()
        self.assertEqual(invitation.score_ids.value, 2)
        self._run_invitations()
        self.assertEqual(len(self._recovery_cases()), 1)

    def test_copy_of_a_database_finishes_no_answer(self):
        self._longer()
        invitation = self._sent()
        self._post(invitation, score="2")
        self.env.cr.execute(
            "UPDATE care_survey_invitation SET first_answer_at = now() - interval '25 hours' "
            "WHERE id = %s",
            [invitation.id],
        )
        for query in get_neutralization_queries(["customer_care_survey"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.env["care.survey.invitation"]._gc_half_answered()
        self.assertEqual(invitation.user_input_id.state, "in_progress")

    def test_thanks_by_score_in_the_companys_words(self):
        self.survey.write(
            {
                "description_done": "<p>Plain thanks</p>",
                "care_thanks_good": "<p>Happy words</p>",
                "care_thanks_bad": "<p>Sorry words</p>",
            }
        )
        for value, words in (("10", "Happy words"), ("8", "Plain thanks"), ("2", "Sorry words")):
            with self.subTest(value=value):
                invitation = self._sent()
                self.assertIn(words, self._post(invitation, score=value).text)
                # later, and on the page of Surveys
                self.assertIn(words, self.url_open(invitation._rate_url()).text)
                self.assertIn(words, self.url_open(invitation._survey_url()).text)

    def test_person_with_a_login_answers_logged_out_and_in(self):
        new_test_user(
            self.env,
            "care_clara",
            groups="base.group_portal",
            partner_id=self.customer.id,
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        self.customer.email = "clara@example.com"
        outside, inside = self._sent(), self._sent()
        self._post(outside, score="9")
        self.assertEqual(outside.score_ids.value, 9)
        self.authenticate("care_clara", "care_clara")
        self._post(inside, score="0")
        self.assertEqual(inside.score_ids.value, 0)

    def test_forwarded_link_does_not_answer_for_somebody_else_who_is_logged_in(self):
        new_test_user(self.env, "care_other", groups="base.group_portal")
        invitation = self._sent()
        self.authenticate("care_other", "care_other")
        page = self._post(invitation, score="1")
        self.assertNotIn("Thank you!", page.text)
        self.assertEqual(invitation.user_input_id.state, "new")

    def test_expired_wrong_or_closed_link_keeps_nothing(self):
        invitation = self._sent()
        answer = invitation.user_input_id
        url = invitation._rate_url()
        self.url_open(url[:-4] + "zzzz", data={"score": "1"})
        self.env.cr.execute(
            "UPDATE survey_user_input SET deadline = now() - interval '1 day' WHERE id = %s",
            (answer.id,),
        )
        self.env.invalidate_all()
        self.assertNotIn("Would you recommend us?", self.url_open(url).text)
        self._post(invitation, score="1")
        self.assertEqual(answer.state, "new")
        self.env.cr.execute(
            "UPDATE survey_user_input SET deadline = NULL WHERE id = %s", (answer.id,)
        )
        self.survey.active = False
        self._post(invitation, score="1")
        self.assertEqual(answer.state, "new")

    def test_survey_deleted_in_between_is_said_and_breaks_nothing(self):
        invitation = self._sent()
        url = invitation._rate_url(3)
        self.trigger.unlink()
        self.survey.unlink()
        self.env.flush_all()
        self.assertLess(self.url_open(url).status_code, 500)
        self.env.invalidate_all()
        self.assertEqual(invitation.state, "sent")

    def test_last_attempt_counts(self):
        self.survey.write({"is_attempts_limited": True, "attempts_limit": 3})
        invitation = self._sent()
        first = invitation.user_input_id
        self._post(invitation, score="2")
        self._run_invitations()
        self.assertEqual(len(self._recovery_cases()), 1)
        self.url_open(f"/survey/retry/{self.survey.access_token}/{first.access_token}")
        self.env.invalidate_all()
        again = self.survey.user_input_ids - first
        self.assertEqual(len(again), 1)
        self.assertEqual(invitation.score_ids.value, 2, "until it is answered again")
        again._mark_in_progress()
        again._save_lines(self.nps, "9")
        again._mark_done()
        self.env.invalidate_all()
        self.assertEqual(invitation.user_input_id, again)
        self.assertEqual(invitation.earlier_ids, first)
        self.assertEqual(invitation.score_ids.value, 9)
        self._run_invitations()
        self.assertEqual(invitation.score_ids.value, 9)
        self.assertEqual(len(self._recovery_cases()), 1)

    def test_attempt_that_is_not_noted_at_once_is_noted_later(self):
        invitation = self._sent()
        self._post(invitation, score="9")
        self._run_invitations()
        first = invitation.user_input_id
        again = first.copy({"invite_token": first.invite_token, "state": "in_progress"})
        again._save_lines(self.nps, "2")
        broken = patch.object(type(invitation), "_note_answers", side_effect=ValueError("a bug"))
        with broken, mute_logger(RATE.replace("survey_rate", "care_survey_invitation")):
            again._mark_done()
        self.assertEqual((invitation.user_input_id, invitation.answered_at), (again, False))
        invitation._gc_unnoticed_answers()
        self._run_invitations()
        self.assertEqual((invitation.state, invitation.score_ids.value), ("done", 2))
        self.assertTrue(invitation.recovery_case_id)

    def test_attempt_at_a_confidential_case_is_sealed_before_it_is_finished(self):
        self.survey.write({"is_attempts_limited": True, "attempts_limit": 3})
        invitation = self._sent(owner_id=self.agent.id)
        first = invitation.user_input_id
        self._post(invitation, score="9")
        self._user("care_keeper", "customer_care.group_confidential")
        invitation.case_id.action_seal()
        self.url_open(f"/survey/retry/{self.survey.access_token}/{first.access_token}")
        self.env.invalidate_all()
        again = self.survey.user_input_ids - first
        again._save_lines(self.why, "Clara Moreau says more")
        editor = self._user("care_editor", "base.group_user,survey.group_survey_manager")
        for rows in (again, again.user_input_line_ids):
            self.assertTrue(rows)
            self.assertFalse(rows.with_user(editor).has_access("read"))

    def test_exception_of_ours_never_loses_the_click(self):
        invitation = self._sent()
        broken = patch.object(
            type(invitation), "_take_last_attempt", side_effect=ValueError("a bug")
        )
        with broken, mute_logger(RATE):
            self._post(invitation, score="6")
        self.assertEqual(invitation.user_input_id.state, "done")
        self.assertEqual(invitation.score_ids.value, 6)
