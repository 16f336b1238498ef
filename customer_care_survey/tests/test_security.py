from odoo.exceptions import AccessError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import new_test_user, tagged

from ..hooks import uninstall_hook
from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestSurveySecurity(CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._case(owner_id=cls.agent.id)
        cls._close(cls.case)
        cls.invitation = cls.env["care.survey.invitation"].search([("case_id", "=", cls.case.id)])
        cls.invitation._run_due()
        answer = cls.invitation.user_input_id
        answer._save_lines(cls.nps, "9")
        answer._mark_done()
        cls.score = cls.invitation.score_ids

    def _seen_by(self, user):
        return tuple(
            record._name
            for record in (self.invitation, self.score)
            if record.with_user(user)._filtered_access("read")
        )

    def test_who_sees_what(self):
        both = ("care.survey.invitation", "care.survey.score")
        other_team = self._user("care_other", "customer_care.group_agent")
        for user, seen in (
            (self.agent, both),
            (self.agent2, both),
            (self.leader, both),
            (self.manager, both),
            (other_team, ()),
            (self.rep, ()),
        ):
            with self.subTest(user=user.login):
                self.assertEqual(self._seen_by(user), seen)

    def test_account_manager_sees_their_customers_scores(self):
        self.customer.user_id = self.rep
        self.assertEqual(self._seen_by(self.rep), ("care.survey.score",))
        partner = self.customer.with_user(self.rep)
        self.assertEqual(partner.care_last_score, "9 / 10")

    def test_owner_of_the_recovery_case_sees_the_answer(self):
        self.score.write({"value": 1, "is_bad": True})
        team = self.env["care.team"].create(
            {
                "name": "Recovery",
                "company_id": self.company.id,
                "leader_id": self.manager.id,
                "member_ids": [(6, 0, self.rep.ids)],
            }
        )
        self.trigger.case_category_id = self.env["care.category"].create(
            {"name": "Unhappy", "team_id": team.id, "company_id": self.company.id}
        )
        self.invitation._run_due()
        case = self.invitation.recovery_case_id
        self.assertEqual(case.owner_id, self.rep)
        self.assertEqual(len(self._seen_by(self.rep)), 2)
        invitation = case.with_user(self.rep).survey_invitation_id
        self.assertEqual(invitation.score_text, "1 / 10")
        self.assertIn(self.case.number, invitation.display_name)

    def test_other_company_sees_nothing(self):
        other = self.env["res.company"].create({"name": "Other"})
        for number, group in enumerate(("agent", "leader", "manager")):
            user = self._user(f"other{number}", f"customer_care.group_{group}", company=other)
            with self.subTest(group=group):
                self.assertEqual(self._seen_by(user), ())
                self.assertFalse(self.customer.with_user(user).care_last_score)
                self.assertNotIn(
                    self.trigger,
                    self.env["care.survey.trigger"].with_user(user).search([]),
                )

    def test_customers_read_none_of_it(self):
        portal = new_test_user(
            self.env,
            "care_portal",
            "base.group_portal",
            partner_id=self.customer.id,
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        public = self.env.ref("base.public_user")
        for user in (portal, public):
            for record in (self.invitation, self.score, self.trigger):
                with self.subTest(user=user.login, model=record._name):
                    with self.assertRaises(AccessError):
                        record.with_user(user).read(["display_name"])
                    with self.assertRaises(AccessError):
                        record.with_user(user).search([])
        case = self.case.with_user(portal)
        self.assertTrue(case.has_access("read"))
        for field in ("survey_status", "survey_invitation_id"):
            with self.assertRaises(AccessError):
                case.read([field])

    def test_nobody_forges_invitations_or_scores(self):
        for user in (self.agent, self.leader, self.manager):
            rows = self.invitation.with_user(user)
            scores = self.score.with_user(user)
            with self.subTest(user=user.login):
                for vals in (
                    {"state": "planned"},
                    {"next_at": "2026-01-01"},
                    {"partner_id": user.partner_id.id},
                    {"user_input_id": False},
                    {"skip_note": "x"},
                ):
                    with self.assertRaises(AccessError):
                        rows.write(vals)
                with self.assertRaises(AccessError):
                    rows.create(
                        {
                            "case_id": self.case.id,
                            "company_id": self.company.id,
                            "partner_id": self.customer.id,
                            "next_at": "2026-01-01",
                        }
                    )
                with self.assertRaises(AccessError):
                    rows.unlink()
                with self.assertRaises(AccessError):
                    scores.write({"value": 10})
                with self.assertRaises(AccessError):
                    scores.copy()
                with self.assertRaises(AccessError):
                    scores.unlink()
                with self.assertRaises(AccessError):
                    self.case.with_user(user).survey_invitation_id = rows.id

    def test_only_managers_set_up_triggers(self):
        for user in (self.agent, self.leader):
            with self.assertRaises(AccessError):
                self.trigger.with_user(user).bad_score_max = 10
        self.trigger.with_user(self.manager).bad_score_max = 3
        self._trigger_as(self.manager)

    def _trigger_as(self, user):
        return (
            self.env["care.survey.trigger"]
            .with_user(user)
            .with_company(self.company)
            .create(
                {
                    "name": "Mine",
                    "event": "case_closed",
                    "survey_id": self.survey.id,
                    "company_id": self.company.id,
                }
            )
        )

    def test_manager_chooses_a_survey_without_reading_answers(self):
        surveys = self.env["survey.survey"].with_user(self.manager)
        self.assertTrue(surveys.search([("id", "=", self.survey.id)]))
        self.survey.restrict_user_ids = self.env.user
        self.assertFalse(surveys.search([("id", "=", self.survey.id)]))
        with self.assertRaises(AccessError):
            self.env["survey.user_input"].with_user(self.manager).search([])
        with self.assertRaises(AccessError):
            self.survey.with_user(self.manager).title = "Mine now"
        with self.assertRaises(AccessError):
            self.invitation.with_user(self.manager).read(["user_input_id"])

    # ------------------------------------------------------------
    # Copies, removal
    # ------------------------------------------------------------

    def test_neutralize_cancels_what_is_planned(self):
        planned = self.env["care.survey.invitation"].search([("case_id", "=", self._closed().id)])
        self.assertEqual(planned.state, "planned")
        answered = self.invitation
        self.env.flush_all()
        for query in get_neutralization_queries(["customer_care_survey"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual((planned.state, answered.state), ("cancelled", "cancelled"))
        self.assertFalse(self.env["care.survey.invitation"].search(planned._due_domain()))

    def test_uninstalling_keeps_surveys_that_were_answered(self):
        survey = self.env.ref("customer_care_survey.survey_how_did_we_do")
        with self.subTest("not answered: goes with the addon"):
            survey.user_input_ids.unlink()
            uninstall_hook(self.env)
            self.assertTrue(survey.get_external_id()[survey.id])
        with self.subTest("answered: stays with its questions"):
            survey._create_answer(email="someone@example.com")._mark_done()
            uninstall_hook(self.env)
            for record in (survey, *survey.question_ids):
                self.assertFalse(record.get_external_id()[record.id])
