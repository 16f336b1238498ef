from dateutil.relativedelta import relativedelta

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestConfidential(CareSurveyCase):
    def _answered(self):
        invitation = self._sent(owner_id=self.agent.id)
        self._answer(invitation, 9, "Clara Moreau thanks Amir, clara@example.com")
        self._run_invitations()
        return invitation

    def test_what_a_customer_answered_about_a_confidential_case_is_for_its_group(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        invitation = self._answered()
        scores = invitation.score_ids
        self.assertTrue(scores)
        for sealed in (False, True):
            if sealed:
                invitation.case_id.action_seal()
            for rows in (invitation, scores):
                for user, sees in ((self.manager, not sealed), (keeper, sealed)):
                    with self.subTest(rows=rows, user=user.login, sealed=sealed):
                        mine = rows.with_user(user)
                        found = mine.search([("id", "in", rows.ids)])
                        self.assertEqual(bool(found), sees)
                        self.assertEqual(mine.has_access("read"), sees)

    def test_users_of_surveys_read_no_answer_about_a_confidential_case(self):
        invitation = self._answered()
        first = invitation.user_input_id
        answer = first.copy({"invite_token": first.invite_token})
        answer._save_lines(self.why, "On second thoughts")
        answer._mark_done()
        self.assertEqual(invitation.user_input_id, answer, "the last attempt counts")
        self.assertEqual(invitation.earlier_ids, first)
        other = self._answered().user_input_id
        rows = (answer, answer.user_input_line_ids, first, first.user_input_line_ids)
        editor = self._user("care_editor", "base.group_user,survey.group_survey_manager")
        keeper = self._user(
            "care_keeper", "customer_care.group_confidential,survey.group_survey_user"
        )
        for sealed in (False, True):
            if sealed:
                invitation.case_id.action_seal()
                self.env.invalidate_all()
            for row in rows:
                for user, sees in ((editor, not sealed), (keeper, True)):
                    with self.subTest(rows=row, user=user.login, sealed=sealed):
                        mine = row.with_user(user)
                        self.assertEqual(mine.has_access("read"), sees)
                        found = mine.search([("id", "in", row.ids)])
                        self.assertEqual(bool(found), sees)
        self.assertTrue(other.with_user(editor).read(["nickname"]))
        answers = self.env["survey.user_input"].with_user(editor)
        self.assertTrue(answers.create({"survey_id": self.survey.id}))
        with self.assertRaises(AccessError):
            other.with_user(editor).read(["care_invitation_ids"])

    def test_sealing_the_case_that_an_answer_opened_seals_the_answer(self):
        self._user("care_keeper", "customer_care.group_confidential")
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        self.why.care_suggestion = True
        editor = self._user("care_editor", "base.group_user,survey.group_survey_manager")
        for score, link in ((1, "recovery_case_ids"), (10, "suggestion_case_ids")):
            invitation = self._sent()
            self._answer(invitation, score, "He has shouted at me")
            self._run_invitations()
            answer = invitation.user_input_id
            rows = [(invitation, self.manager), (invitation.score_ids, self.manager)]
            rows += [(answer, editor), (answer.user_input_line_ids, editor)]
            for sealed in (False, True):
                if sealed:
                    invitation[link].action_seal()
                    self.env.invalidate_all()
                for row, user in rows:
                    with self.subTest(row=row, sealed=sealed):
                        self.assertEqual(row.with_user(user).has_access("read"), not sealed)
            self._close(invitation[link])

    def test_the_case_that_a_bad_answer_opens_is_as_confidential_as_what_it_is_about(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        invitation = self._sent(owner_id=self.agent.id)
        invitation.case_id.action_seal()
        self._answer(invitation, 1, "He has shouted at me again")
        self._run_invitations()
        case = invitation.recovery_case_id
        self.assertTrue(case.confidential)
        self.assertEqual(case.owner_id, keeper)
        for user in self.agent | self.leader | self.manager:
            self.assertFalse(case.with_user(user).has_access("read"))

    def _keeper(self):
        """Who may see confidential cases, and nobody else."""
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        return self._user("care_keeper", "customer_care.group_confidential")

    def test_sealing_a_case_seals_what_answers_about_it_have_opened(self):
        keeper = self._keeper()
        self.why.care_suggestion = True
        for score, link in ((1, "recovery_case_ids"), (10, "suggestion_case_ids")):
            with self.subTest(link=link):
                invitation = self._sent(owner_id=self.agent.id)
                self._answer(invitation, score, "He has shouted at me")
                self._run_invitations()
                opened = invitation[link]
                self.assertFalse(opened.confidential)
                # and about that one there was a question, too
                self._close(opened)
                further = self.env["care.survey.invitation"].create(
                    {
                        "case_id": opened.id,
                        "trigger_id": self.trigger.id,
                        "company_id": self.company.id,
                        "partner_id": self.customer.id,
                    }
                )
                further._send()
                self._answer(further, 1, "Nobody has rung")
                self._run_invitations()
                invitation.case_id.with_user(self.agent).action_seal()
                cases = opened | further.recovery_case_id
                self.assertEqual(len(cases), 2)
                self.assertEqual(cases.mapped("confidential"), [True, True])
                self.assertEqual(cases.owner_id, keeper)
                for case in cases:
                    self.assertFalse(case.with_user(self.manager).has_access("read"))
                self._close(further.recovery_case_id)

    def test_sealing_what_an_answer_has_opened_seals_not_what_it_is_about(self):
        self._keeper()
        invitation = self._sent(owner_id=self.agent.id)
        self._answer(invitation, 1, "He has shouted at me")
        self._run_invitations()
        invitation.recovery_case_id.action_seal()
        self.assertFalse(invitation.case_id.confidential)

    def test_merging_into_a_confidential_case_seals_what_answers_have_opened(self):
        self._keeper()
        invitation = self._sent(owner_id=self.agent.id)
        self._answer(invitation, 1, "He has shouted at me")
        self._run_invitations()
        target = self._case(name="He shouts")
        target.action_seal()
        invitation.case_id._merge_into(target)
        self.assertEqual(invitation.case_id, target)
        self.assertTrue(invitation.recovery_case_id.confidential)

    def _grow_old(self, case):
        """The time for which a case keeps its persons has passed for this one alone."""
        self.company.care_retention_months = 1
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_case SET stage_since = %s WHERE id = %s",
            (fields.Datetime.now() - relativedelta(months=2), case.id),
        )
        self.env.invalidate_all()
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_retention").method_direct_trigger()
        self.env.invalidate_all()
        self.assertTrue(case.anonymized_at)

    def test_case_from_an_answer_leads_to_no_person_once_it_is_old(self):
        self.why.care_suggestion = True
        for score, link in ((1, "recovery_case_ids"), (10, "suggestion_case_ids")):
            with self.subTest(link=link):
                journey = self._journey(self._confirmed())
                invitation = self.env["care.survey.invitation"].create(
                    {
                        "journey_id": journey.id,
                        "trigger_id": self.trigger.id,
                        "company_id": self.company.id,
                        "partner_id": self.customer.id,
                    }
                )
                invitation._send()
                self._answer(invitation, score, "Clara Moreau thanks Amir, clara@example.com")
                self._run_invitations()
                case = invitation[link]
                self._close(case)
                if score == 1:
                    later = self._sent()
                    case.survey_good_id = later
                points = invitation.score_ids.points
                self._grow_old(case)
                nobody = self.company.care_anonymous_partner_id
                self.assertEqual(case.partner_id, nobody)
                self.assertFalse(case.survey_good_id)
                self.assertEqual(invitation.partner_id, nobody)
                self.assertFalse(invitation.address)
                scores = invitation.score_ids
                self.assertEqual(scores.partner_id | scores.commercial_partner_id, nobody)
                self.assertEqual(scores.points, points)
                answer = invitation.user_input_id
                self.assertFalse(answer.partner_id or answer.email or answer.nickname)
                for text in (scores.comment, invitation.said, invitation.answer_text):
                    self.assertIn("thanks Amir", text)
                    self.assertNotRegex(text, "Clara|Moreau|@")
        self.assertEqual(later.partner_id, self.customer, "what is not old keeps its person")

    def test_old_case_from_an_answer_keeps_the_answer_sealed(self):
        self._keeper()
        invitation = self._sent()
        self._answer(invitation, 1, "He has shouted at me")
        self._run_invitations()
        case = invitation.recovery_case_id
        case.action_seal()
        self._close(case)
        self._grow_old(case)
        self.assertFalse(invitation.with_user(self.manager).has_access("read"))
        self.assertFalse(invitation.score_ids.with_user(self.manager).has_access("read"))

    def test_old_answers_lose_their_persons_and_keep_their_scores(self):
        invitation = self._answered()
        earlier = invitation.user_input_id.copy(
            {"invite_token": invitation.user_input_id.invite_token, "state": "done"}
        )
        earlier._save_lines(self.why, "Clara Moreau was not pleased")
        score, case = invitation.score_ids, invitation.case_id
        points = score.points
        invitation.write({"skip_note": "clara@example.com is unknown", "error": "to clara@"})
        invitation.user_input_id.message_post(body="Clara Moreau just participated")
        self._grow_old(case)
        self.assertEqual(score.points, points)
        self.assertNotIn("Clara", score.comment)
        self.assertIn("thanks Amir", score.comment)
        self.assertNotIn("Clara", invitation.said)
        self.assertFalse(invitation.skip_note or invitation.error)
        self.assertFalse(invitation.user_input_id.message_ids)
        self.assertIn("thanks Amir", invitation.said)
        self.assertNotIn("Clara", invitation.answer_text)
        nobody = self.company.care_anonymous_partner_id
        self.assertEqual(score.partner_id | score.commercial_partner_id, nobody)
        self.assertEqual(invitation.partner_id, nobody)
        answer = invitation.user_input_id
        self.assertFalse(answer.partner_id or answer.email)
        said = " ".join(filter(None, answer.user_input_line_ids.mapped("value_text_box")))
        self.assertNotIn("Moreau", said)
        self.assertNotIn("@", said)
        self.assertFalse(earlier.partner_id or earlier.email)
        words = earlier.user_input_line_ids.filtered("value_text_box").mapped("value_text_box")
        self.assertTrue(words)
        self.assertNotIn("Moreau", " ".join(words))
