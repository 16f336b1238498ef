from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from odoo.addons.customer_care.tests.common import CareCase


@tagged("post_install", "-at_install")
class TestCertification(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["care.certification"].search([]).active = False
        cls.survey = cls.env["survey.survey"].create(
            {
                "title": "Exam",
                "survey_type": "assessment",
                "access_mode": "token",
                "users_login_required": True,
                "scoring_type": "scoring_without_answers",
                "scoring_success_min": 50,
                "certification": True,
                "certification_mail_template_id": cls.env.ref(
                    "survey.mail_template_certification"
                ).id,
                "is_attempts_limited": True,
                "attempts_limit": 2,
                "question_and_page_ids": [
                    Command.create(
                        {
                            "title": "Who calls back?",
                            "question_type": "simple_choice",
                            "suggested_answer_ids": [
                                Command.create(
                                    {"value": "We", "is_correct": True, "answer_score": 10}
                                ),
                                Command.create({"value": "Nobody"}),
                            ],
                        }
                    )
                ],
            }
        )
        cls.question = cls.survey.question_ids
        cls.stage = cls.stages[0]
        cls.certification = cls._certification()

    @classmethod
    def _certification(cls, **vals):
        return cls.env["care.certification"].create(
            {
                "name": "Exam on the book",
                "survey_id": cls.survey.id,
                "company_id": cls.company.id,
                "concern": "teams",
                "team_ids": [Command.set(cls.team.ids)],
                "months": 12,
                **vals,
            }
        )

    def _rows(self, domain=(), user=None):
        rows = self.env["care.certification.holder"]
        if user:
            rows = rows.with_user(user).with_company(self.company)
        self.env.flush_all()
        ours = self.env["care.certification"].search([("survey_id", "=", self.survey.id)])
        return rows._rows([("certification_id", "in", ours.ids), *domain])

    def _state(self, user):
        return self._rows([("user_id", "=", user.id)]).state

    def _take(self, user, right=True, ago=None):
        """As Surveys does it, from the button on."""
        row = self._rows([("user_id", "=", user.id)], user)
        url = row.action_take()["url"]
        answer = self.survey.user_input_ids.sorted("id")[-1]
        self.assertIn(answer.access_token, url)
        self.assertEqual(answer.partner_id, user.partner_id)
        choice = self.question.suggested_answer_ids[0 if right else 1]
        answer._mark_in_progress()
        answer._save_lines(self.question, choice.id)
        answer._mark_done()
        if ago:
            answer.end_datetime = fields.Datetime.now() - ago
        return answer

    # ------------------------------------------------------------
    # Who holds it
    # ------------------------------------------------------------

    def test_it_concerns_teams_stages_everybody_or_whom_its_standards_concern(self):
        self.assertEqual(self._rows().user_id, self.agent | self.agent2 | self.leader)
        self.stage.curator_id = self.rep
        self.certification.write({"concern": "stages", "stage_ids": [Command.set(self.stage.ids)]})
        self.assertIn(self.rep, self._rows().user_id)
        standard = self.env["care.standard"].create(
            {
                "name": "Calls back",
                "text": "<p>Always.</p>",
                "owner_id": self.agent.id,
                "company_id": self.company.id,
                "concern": "users",
                "user_ids": [Command.set(self.agent2.ids)],
            }
        )
        standard.action_publish()
        self.certification.write(
            {"concern": "standards", "standard_ids": [Command.set(standard.ids)]}
        )
        self.assertEqual(self._rows().user_id, self.agent2)
        self.certification.concern = "everybody"
        found = self._rows().user_id
        self.assertTrue(self.rep | self.agent | self.manager <= found)
        clerk = self._user("care_clerk", "base.group_user")
        self.assertNotIn(clerk, self._rows().user_id)

    def test_missing_then_passed_then_about_to_expire_then_expired(self):
        self.assertEqual(self._state(self.agent), "missing")
        answer = self._take(self.agent)
        self.assertEqual(self._state(self.agent), "valid")
        now = fields.Datetime.now()
        for months, days, state in ((12, 29, "soon"), (12, 31, "valid"), (12, -1, "expired")):
            answer.end_datetime = now - relativedelta(months=months) + timedelta(days=days)
            with self.subTest(state=state, days=days):
                self.assertEqual(self._state(self.agent), state)
        self.certification.months = 0
        self.assertEqual(self._state(self.agent), "valid")

    def test_failing_and_testing_it_certifies_nobody(self):
        self._take(self.agent, right=False)
        self.assertEqual(self._state(self.agent), "missing")
        answer = self._take(self.agent)
        answer.test_entry = True
        self.assertEqual(self._state(self.agent), "missing")

    def test_it_is_odoos_own_certification_with_its_attempts(self):
        self._take(self.agent, right=False)
        self._take(self.agent, right=False)
        row = self._rows([("user_id", "=", self.agent.id)], self.agent)
        with self.assertRaisesRegex(UserError, "attempts"):
            row.action_take()

    def test_after_it_expired_there_are_new_attempts(self):
        self._take(self.agent, right=False)
        self._take(self.agent, ago=timedelta(days=400))
        self.assertEqual(self._state(self.agent), "expired")
        self._take(self.agent, right=False)
        self._take(self.agent)
        self.assertEqual(self._state(self.agent), "valid")

    def test_what_was_begun_goes_on(self):
        row = self._rows([("user_id", "=", self.agent.id)], self.agent)
        self.assertEqual(row.action_take(), row.action_take())
        self.assertEqual(len(self.survey.user_input_ids), 1)

    def test_nobody_takes_it_for_another_or_again_while_it_is_valid(self):
        row = self._rows([("user_id", "=", self.agent.id)])
        with self.assertRaises(AccessError):
            row.with_user(self.manager).action_take()
        self._take(self.agent)
        with self.assertRaises(UserError):
            self._rows([("user_id", "=", self.agent.id)], self.agent).action_take()

    def test_a_survey_that_is_no_certification_is_refused(self):
        survey = self.env["survey.survey"].create({"title": "No exam"})
        with self.assertRaisesRegex(ValidationError, "no certification"):
            self._certification(survey_id=survey.id)
        with self.assertRaisesRegex(ValidationError, "whom"):
            self._certification(team_ids=[Command.clear()])

    def test_the_ready_made_one_can_be_switched_on_and_passed(self):
        ready = self.env.ref("customer_care_survey.certification_standards")
        self.assertFalse(ready.active)
        # with demo data it is somebody's already
        everybody = {"concern": "everybody", "company_id": False, "months": 12}
        ready.write({**everybody, "team_ids": [Command.clear()], "standard_ids": [Command.clear()]})
        ready.active = True
        survey = ready.survey_id
        answer = survey._create_answer(user=self.agent)
        for question in survey.question_ids:
            right = question.suggested_answer_ids.filtered("is_correct")
            answer._save_lines(question, right.id)
        answer._mark_done()
        self.assertTrue(answer.scoring_success)
        self.env.flush_all()
        rows = self.env["care.certification.holder"]._rows(
            [("certification_id", "=", ready.id), ("user_id", "=", self.agent.id)]
        )
        self.assertEqual(rows.state, "valid")

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_who_sees_whose(self):
        curator = self._user("care_curator", "customer_care.group_agent")
        self.stage.curator_id = curator
        self.certification.stage_ids = self.stage
        everybody = self.agent | self.agent2 | self.leader
        for user, seen in (
            (self.agent, self.agent),
            (self.rep, self.env["res.users"]),
            (curator, everybody),
            # a leader leads, and is, the team
            (self.leader, everybody),
            (self.manager, everybody),
        ):
            with self.subTest(user.login):
                self.assertEqual(self._rows([], user).user_id.sudo(False), seen)

    def test_the_curators_page_counts_who_is_missing(self):
        curator = self._user("care_curator", "customer_care.group_agent")
        self.stage.curator_id = curator
        self.certification.stage_ids = self.stage
        self._take(self.agent)
        stage = self.stage.with_user(curator).with_company(self.company)
        stage.invalidate_recordset()
        self.assertEqual(stage.certification_open_count, 2)
        action = stage.action_open_certifications()
        rows = self.env["care.certification.holder"].with_user(curator)
        self.assertEqual(
            rows.with_company(self.company).search(action["domain"]).user_id.sudo(False),
            self.agent2 | self.leader,
        )

    def test_two_companies_see_and_are_told_of_their_own_alone(self):
        other = self.env["res.company"].create({"name": "Other"})
        far = self._user("care_far", "customer_care.group_manager", company=other)
        self.certification.write({"concern": "everybody"})
        self.assertNotIn(far, self._rows().user_id)
        shared = self._certification(
            company_id=False, concern="everybody", name="All", team_ids=[Command.clear()]
        )
        rows = self._rows([("certification_id", "=", shared.id)])
        self.assertIn(far, rows.user_id)
        theirs = self.env["care.certification.holder"].with_user(far).with_company(other)
        self.env.flush_all()
        self.assertEqual(theirs._rows([("certification_id.name", "=", "All")]).user_id, far)
        self.assertFalse(theirs._rows([("certification_id.name", "=", "Exam on the book")]))

    def test_who_may_do_what(self):
        rights = {
            "care.certification": {"agent": "r", "manager": "rwcu"},
            "care.certification.holder": {"agent": "r", "manager": "r"},
            "care.certification.digest": {"manager": "rw"},
        }
        letters = {"r": "read", "w": "write", "c": "create", "u": "unlink"}
        guest = self._user("care_guest", "base.group_portal")
        for model, roles in rights.items():
            for user, role in (
                (self.agent, "agent"),
                (self.leader, "agent"),
                (self.manager, "manager"),
                (guest, None),
            ):
                may = {
                    letter
                    for letter, name in letters.items()
                    if self.env[model].with_user(user).has_access(name)
                }
                with self.subTest(model=model, user=user.login):
                    self.assertEqual(may, set(roles.get(role, "")))

    # ------------------------------------------------------------
    # Reminders
    # ------------------------------------------------------------

    def _digests(self):
        return self.env["care.certification.digest"].search(
            [("user_id", "in", (self.agent | self.agent2 | self.leader | self.manager).ids)]
        )

    def _remind(self):
        self.env.flush_all()
        self._run("care.certification.digest")
        self.env.invalidate_all()

    def _mails(self):
        return self.env["mail.mail"].search(
            [
                ("model", "=", "care.certification.digest"),
                ("res_id", "in", self._digests().ids),
            ]
        )

    def test_one_mail_a_person_and_leader_however_often_the_cron_runs(self):
        self._take(self.agent2)
        self._certification(name="Second exam")
        for _time in range(3):
            self._remind()
        digests = self._digests()
        self.assertEqual(digests.user_id, self.agent | self.leader)
        mails = self._mails()
        self.assertEqual(len(mails), 2)
        by_address = {mail.email_to: mail.body_html for mail in mails}
        own = by_address[self.agent.email_formatted]
        self.assertIn("Exam on the book", own)
        self.assertIn("Second exam", own)
        self.assertNotIn(self.agent2.name, own.replace(self.agent2.email, ""))
        team = by_address[self.leader.email_formatted]
        self.assertIn(self.agent.name, team)

    def test_reminder_names_the_certification_in_the_persons_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.agent.lang, self.leader.lang = "fr_FR", "en_US"
        self.certification.with_context(lang="fr_FR").name = "Examen du livre"
        self._remind()
        for user, told, other in (
            (self.agent, "Examen du livre", "Exam on the book"),
            (self.leader, "Exam on the book", "Examen du livre"),
        ):
            with self.subTest(user=user.login):
                mail = self._mails().filtered(lambda m, u=user: u.email in m.email_to)
                self.assertIn(told, mail.body_html)
                self.assertNotIn(other, mail.body_html)

    def test_killed_before_the_mails_are_written_nobody_is_forgotten_or_told_twice(self):
        model = self.env["care.certification.digest"]
        self.env.flush_all()
        model._plan_reminders()
        self.assertEqual(set(self._digests().mapped("state")), {"planned"})
        self.assertFalse(self._mails())
        self._remind()
        self.assertEqual(set(self._digests().mapped("state")), {"done"})
        self.assertEqual(len(self._mails()), 3)
        model._plan_reminders()
        self._remind()
        self.assertEqual(len(self._mails()), 3)

    def test_after_fourteen_days_whoever_still_lacks_it_is_told_again(self):
        self._remind()
        self._take(self.agent)
        with self._at(fields.Datetime.now() + timedelta(days=14)):
            self.env["care.certification.digest"]._plan_reminders()
        again = self._digests().filtered(lambda row: row.state == "planned")
        self.assertEqual(again.user_id, self.agent2 | self.leader)

    def test_neutralize_reminds_nobody(self):
        self.env.flush_all()
        self.env["care.certification.digest"]._plan_reminders()
        self.env.flush_all()
        for query in get_neutralization_queries(["customer_care_survey"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual(set(self._digests().mapped("state")), {"cancelled"})
