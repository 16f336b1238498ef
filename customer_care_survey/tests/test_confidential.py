from dateutil.relativedelta import relativedelta

from odoo import Command, fields
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

    def test_old_answers_lose_their_persons_and_keep_their_scores(self):
        invitation = self._answered()
        score, case = invitation.score_ids, invitation.case_id
        points = score.points
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
        self.assertEqual(score.points, points)
        self.assertNotIn("Clara", score.comment)
        self.assertIn("thanks Amir", score.comment)
        self.assertNotIn("Clara", invitation.said)
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
