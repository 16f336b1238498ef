from odoo import Command, fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from odoo.addons.customer_care.models.care_due_mixin import insert_new
from odoo.addons.customer_care.tests.common import CareCase


@tagged("post_install", "-at_install")
class TestGoal(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_team = cls.env["care.team"].create(
            {
                "name": "Shop",
                "company_id": cls.company.id,
                "leader_id": cls.leader.id,
                "member_ids": [Command.set(cls.rep.ids)],
            }
        )
        # the leader leads one of them
        cls.other_team.leader_id = cls._user("care_leader2", "customer_care.group_leader")
        cls.definition = cls._definition()
        cls.number = 0

    @classmethod
    def _definition(cls, **vals):
        return cls.env["gamification.goal.definition"].create(
            {
                "name": "Solved at first contact",
                "computation_mode": "care",
                "care_measure": "first_contact",
                "care_scope": "team",
                "care_least": 2,
                "condition": "higher",
                **vals,
            }
        )

    def _fact(self, yes, of, **vals):
        type(self).number += 1
        facts = self.env["care.fact"]
        return insert_new(
            facts,
            [
                {
                    **facts._blank(),
                    "measure": "first_contact",
                    "day": fields.Date.today(),
                    "numerator": yes,
                    "denominator": of,
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                    "user_id": self.agent.id,
                    "confidential": False,
                    "res_model": "care.case",
                    "res_id": 900000 + self.number,
                    "cycle": 1,
                    **vals,
                }
            ],
        )

    def _goal(self, user=None, definition=None, target=70, **vals):
        goal = self.env["gamification.goal"].create(
            {
                "definition_id": (definition or self.definition).id,
                "user_id": (user or self.agent).id,
                "target_goal": target,
                "state": "inprogress",
                "start_date": fields.Date.today().replace(day=1),
                "end_date": fields.Date.add(fields.Date.today(), days=20),
                **vals,
            }
        )
        goal.update_goal()
        return goal

    # ------------------------------------------------------------
    # Figures
    # ------------------------------------------------------------

    def test_the_teams_figure_is_the_goal_of_each_of_its_members(self):
        self._fact(3, 4)
        self._fact(0, 4, user_id=self.agent2.id)
        self._fact(4, 4, team_id=self.other_team.id, user_id=self.rep.id)
        for user, current in (
            (self.agent, 37.5),
            (self.agent2, 37.5),
            (self.leader, 37.5),
            (self.rep, 100),
        ):
            with self.subTest(user.login):
                goal = self._goal(user)
                self.assertEqual(goal.current, current)
                self.assertEqual(goal.state, "reached" if current == 100 else "inprogress")

    def test_a_persons_figure_is_their_own(self):
        self._fact(3, 4)
        self._fact(0, 4, user_id=self.agent2.id)
        mine = self._definition(care_scope="person")
        self.assertEqual(self._goal(self.agent, mine).current, 75)
        self.assertEqual(self._goal(self.agent2, mine).current, 0)

    def test_another_companys_facts_do_not_count(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._fact(1, 4)
        self._fact(4, 4, company_id=other.id)
        self.assertEqual(self._goal().current, 25)
        self.agent.write(
            {"company_ids": [Command.link(other.id)], "company_id": other.id},
        )
        mine = self._definition(care_scope="person")
        self.assertEqual(self._goal(self.agent, mine).current, 100)

    def test_other_days_and_confidential_facts_do_not_count(self):
        self._fact(1, 4)
        self._fact(4, 4, day=fields.Date.subtract(fields.Date.today(), months=2))
        self._fact(4, 4, confidential=True)
        self.assertEqual(self._goal().current, 25)

    def test_few_cases_reach_no_goal(self):
        self._fact(1, 1)
        goal = self._goal()
        self.assertEqual((goal.current, goal.state), (0, "inprogress"))

    def _satisfied(self, value):
        """A row of an answer about what the agent did."""
        return {
            "measure": "csat",
            "value": value,
            "scale_min": 1,
            "scale_max": 5,
            "points": 100 if value > 3 else 0,
            "day": fields.Date.today(),
            "company_id": self.company.id,
            "partner_id": self.customer.id,
            "commercial_partner_id": self.customer.id,
            "team_id": self.team.id,
            "owner_id": self.agent.id,
        }

    def test_satisfaction_counts_the_answers_about_the_team(self):
        scores = self.env["care.survey.score"]
        insert_new(
            scores,
            [self._satisfied(value) for value in (5, 4, 2, 5)],
        )
        goal = self._goal(self.agent2, self._definition(care_measure="csat"))
        self.assertEqual(goal.current, 75)

    def test_satisfaction_leaves_out_answers_sealed_by_what_they_are_about_or_have_opened(self):
        about, opened, suggested, plain = (
            self.env["care.case"].create(
                {
                    "name": name,
                    "partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                }
            )
            for name in ("About", "Opened", "Suggested", "Plain")
        )
        invitations = self.env["care.survey.invitation"].create(
            [
                {
                    "case_id": case.id,
                    "company_id": self.company.id,
                    "partner_id": case.partner_id.id,
                }
                for case in (about, plain, plain, plain)
            ]
        )
        opened.sudo().survey_invitation_id = invitations[1]
        suggested.sudo().survey_suggestion_id = invitations[2]
        insert_new(
            self.env["care.survey.score"],
            [
                {
                    "invitation_id": row.id,
                    "case_id": row.case_id.id,
                    **self._satisfied(value),
                }
                for row, value in zip(invitations, (1, 1, 1, 5), strict=True)
            ],
        )
        self._user("care_keeper", "customer_care.group_confidential")
        definition = self._definition(care_measure="csat", care_least=1)
        goal = self._goal(self.agent2, definition)
        for case, current in ((about, 33), (opened, 50), (suggested, 100)):
            with self.subTest(sealed=case.name):
                case.sudo().confidential = True
                goal.update_goal()
                self.assertEqual(int(goal.current), current)

    def test_audits_count_when_they_are_facts(self):
        self._fact(8, 10, measure="audit", res_model="care.audit")
        goal = self._goal(self.agent, self._definition(care_measure="audit"))
        self.assertEqual((goal.current, goal.state), (80, "reached"))

    def test_promises_can_be_chosen_and_have_no_figure_without_service_levels(self):
        goal = self._goal(self.agent, self._definition(care_measure="promise_kept"))
        self.assertEqual(goal.current, 0)

    # ------------------------------------------------------------
    # None on numbers of contacts, teams before persons
    # ------------------------------------------------------------

    def test_a_goal_on_the_number_of_contacts_is_refused(self):
        for model in ("care.followup", "mail.activity", "mail.message", "care.fact"):
            with self.subTest(model), self.assertRaisesRegex(ValidationError, "count contacts"):
                self.env["gamification.goal.definition"].create(
                    {
                        "name": "Many",
                        "computation_mode": "count",
                        "model_id": self.env["ir.model"]._get(model).id,
                    }
                )
        with self.assertRaisesRegex(ValidationError, "count contacts"):
            self.env["gamification.goal.definition"].create(
                {
                    "name": "Many",
                    "computation_mode": "python",
                    "compute_code": "result = env['care.followup'].search_count([])",
                }
            )
        for measure in ("handoffs", "tenure"):
            with self.subTest(measure), self.assertRaisesRegex(ValidationError, "no share"):
                self._definition(care_measure=measure)

    def _challenge(self, *definitions, **vals):
        return self.env["gamification.challenge"].create(
            {
                "name": "Better",
                "period": "monthly",
                "user_domain": f"[('id', 'in', {[self.agent.id, self.agent2.id]})]",
                "line_ids": [
                    Command.create({"definition_id": definition.id, "target_goal": 70})
                    for definition in definitions
                ],
                **vals,
            }
        )

    def test_goals_of_persons_come_after_one_of_the_team_and_are_not_ranked(self):
        mine = self._definition(care_scope="person")
        with self.assertRaisesRegex(ValidationError, "teams come first"):
            self._challenge(mine)
        with self.assertRaisesRegex(ValidationError, "rank persons"):
            self._challenge(self.definition, mine, visibility_mode="ranking")
        badge = self.env["gamification.badge"].create({"name": "First"})
        with self.assertRaisesRegex(ValidationError, "rank persons"):
            self._challenge(self.definition, reward_first_id=badge.id)
        challenge = self._challenge(self.definition, mine)
        with self.assertRaisesRegex(ValidationError, "teams come first"):
            challenge.line_ids.filtered(
                lambda line: line.definition_id == self.definition
            ).definition_id = mine
        with self.assertRaisesRegex(ValidationError, "teams come first"):
            self.definition.care_scope = "person"

    def test_a_target_is_a_share(self):
        challenge = self._challenge(self.definition)
        with self.assertRaisesRegex(ValidationError, "share"):
            challenge.line_ids.target_goal = 500

    def test_a_challenge_gives_each_member_the_teams_goal_and_then_the_badge(self):
        self._fact(9, 10)
        badge = self.env["gamification.badge"].create({"name": "Well Done", "rule_auth": "nobody"})
        challenge = self._challenge(self.definition, reward_id=badge.id)
        challenge.action_start()
        goals = self.env["gamification.goal"].search([("challenge_id", "=", challenge.id)])
        self.assertEqual(goals.user_id, self.agent | self.agent2)
        goals.update_goal()
        self.assertEqual(set(goals.mapped("state")), {"reached"})
        challenge._check_challenge_reward()
        self.assertEqual(badge.owner_ids.user_id, self.agent | self.agent2)

    def test_the_ready_made_ones_are_started_by_the_demo_alone_and_can_be(self):
        demo = self.env.ref("customer_care.user_marc", raise_if_not_found=False)
        for name in ("challenge_happy", "challenge_word_kept"):
            challenge = self.env.ref(f"customer_care_survey.{name}")
            with self.subTest(name):
                self.assertEqual(challenge.state, "inprogress" if demo else "draft")
                challenge = challenge.copy() if demo else challenge
                self.assertFalse(challenge.start_date)
                challenge.action_start()
                goals = self.env["gamification.goal"].search(
                    [("challenge_id", "=", challenge.id), ("user_id", "=", self.agent.id)]
                )
                self.assertEqual(goals.definition_id, challenge.line_ids.definition_id)

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_nobody_writes_their_own_figure(self):
        goal = self._goal()
        mine = goal.with_user(self.agent)
        for vals in (
            {"current": 100},
            {"state": "reached"},
            {"target_goal": 1},
            {"definition_id": self.definition.id},
            {"start_date": "2020-01-01"},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                mine.write(vals)
        with self.assertRaises(AccessError):
            mine.action_reach()

    def test_a_person_may_refresh_their_goal_without_seeing_what_it_is_made_of(self):
        goal = self._goal()
        self._fact(4, 4)
        goal.with_user(self.agent).update_goal()
        self.assertEqual(goal.current, 100)

    def test_a_leader_gives_a_badge_to_the_whole_team_once(self):
        badge = self.env["gamification.badge"].create(
            {"name": "Kind", "rule_auth": "nobody", "care_team_id": self.team.id}
        )
        for user in (self.agent, self.other_team.leader_id):
            with self.subTest(user.login), self.assertRaises(AccessError):
                badge.with_user(user).action_grant_team()
        badge.with_user(self.leader).action_grant_team()
        badge.with_user(self.manager).action_grant_team()
        self.assertEqual(
            sorted(badge.owner_ids.mapped("user_id.login")),
            sorted((self.agent | self.agent2 | self.leader).mapped("login")),
        )
