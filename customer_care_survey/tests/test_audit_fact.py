from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .test_audit import AuditCase


@tagged("post_install", "-at_install")
class TestAuditFact(AuditCase):
    def _facts(self, audits, user=None):
        facts = self.env["care.fact"]
        if user:
            facts = facts.with_user(user).with_company(self.company)
        self.env.flush_all()
        facts.invalidate_model()
        return facts.search(
            [("measure", "=", "audit"), ("res_id", "in", audits.ids)], order="res_id"
        )

    def test_a_published_visit_is_a_fact_with_its_stage_team_curator_and_person(self):
        audit = self._audit()
        self._fill(audit, 100, 50)
        self.assertFalse(self._facts(audit), "handed in is not published")
        audit.with_user(self.boss).action_publish()
        fact = self._facts(audit)
        self.assertEqual((fact.numerator, fact.denominator, fact.rate), (1.5, 2, 0.75))
        self.assertEqual(
            (fact.stage_id, fact.team_id, fact.curator_id, fact.user_id, fact.company_id),
            (self.stage, self.team, self.other, self.agent, self.company),
        )

    def test_weights_count_and_what_was_not_seen_does_not(self):
        self.plan.question_ids[0].weight = 3
        audit = self._published(100, None)
        fact = self._facts(audit)
        self.assertEqual((fact.numerator, fact.denominator), (3, 3))

    def test_a_visit_to_a_competitor_or_with_nothing_seen_is_no_fact(self):
        rival = self.env["res.partner"].create({"name": "Ember and Oak"})
        theirs = self._published(
            100, 100, audited_id=False, team_id=False, rival_id=rival.id, stage_id=self.stage.id
        )
        self.assertFalse(self._facts(theirs | self._published(None, None)))

    def _object(self, audit, lines, accepted):
        audit.with_user(self.agent)._object("Not so", lines)
        audit.with_user(self.boss)._reply("We have looked", accepted)

    def test_what_was_objected_to_and_accepted_is_taken_back(self):
        audit = self._published(0, 100)
        self._object(audit, audit.line_ids[0], True)
        fact = self._facts(audit)
        self.assertEqual((fact.numerator, fact.denominator), (1, 1))

    def test_a_visit_of_which_nothing_is_left_is_no_fact_any_more(self):
        audit = self._published(0, 0)
        self._object(audit, self.env["care.audit.line"], True)
        self.assertFalse(self._facts(audit))

    def test_an_objection_that_is_not_accepted_changes_nothing(self):
        audit = self._published(0, 100)
        before = self._facts(audit)
        self._object(audit, audit.line_ids[0], False)
        self.assertEqual(self._facts(audit), before)

    def test_a_colleagues_score_is_for_them_their_leader_the_curator_and_managers(self):
        audit = self._published(100, 0)
        team_visit = self._published(100, 100, audited_id=False)
        for user, seen in (
            (self.agent, True),
            (self.leader, True),
            (self.other, True),
            (self.manager, True),
            (self.agent2, False),
        ):
            with self.subTest(user.login):
                self.assertEqual(bool(self._facts(audit, user)), seen)
        self.assertTrue(self._facts(team_visit, self.agent2), "the team's own is everybody's")

    def test_the_summary_adds_up_only_what_its_reader_may_see(self):
        self._published(0, 0)
        self.env.flush_all()
        domain = [("measure", "=", "audit"), ("team_id", "=", self.team.id)]
        for user, count in ((self.agent2, 0), (self.manager, 1)):
            rows = self.env["care.fact.summary"].with_user(user).with_company(self.company)
            rows.invalidate_model()
            with self.subTest(user.login):
                self.assertEqual(len(rows.search(domain)), count)


@tagged("post_install", "-at_install")
class TestAuditHidden(AuditCase):
    """A manager who may edit teams, and leads one that is visited."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team.leader_id = cls.manager
        cls.audit = cls._audit()

    def _seen(self, records):
        mine = records.with_user(self.manager).with_company(self.company)
        return bool(mine._filtered_access("read"))

    def test_leaving_the_team_does_not_show_its_visits(self):
        self.team.with_user(self.manager).write(
            {"leader_id": self.boss.id, "member_ids": [Command.unlink(self.manager.id)]}
        )
        self.env.flush_all()
        self.assertFalse(self._seen(self.audit))
        self.assertFalse(self._seen(self.audit.line_ids))
        found = self.env["care.audit"].with_user(self.manager).with_company(self.company)
        self.assertNotIn(self.audit, found.search([]))

    def test_nor_does_becoming_the_owner_of_the_plan_afterwards(self):
        self.team.with_user(self.manager).leader_id = self.boss
        plan = self.plan.with_user(self.manager).with_company(self.company)
        with self.assertRaisesRegex(ValidationError, "among the visited"):
            plan.write({"team_ids": [Command.clear()], "owner_id": self.manager.id})

    def test_archiving_or_emptying_the_team_does_not_show_them(self):
        self.team.write({"active": False, "leader_id": self.boss.id})
        self.team.member_ids = [Command.clear()]
        self.env.flush_all()
        self.assertFalse(self._seen(self.audit))

    def test_whoever_joins_later_does_not_see_them_either(self):
        self.other.group_ids |= self.env.ref("customer_care.group_manager")
        self.team.member_ids |= self.other
        self.env.flush_all()
        self.assertFalse(self.audit.with_user(self.other)._filtered_access("read"))

    def test_another_manager_and_the_auditor_still_see_them(self):
        far = self._user("care_manager2", "customer_care.group_manager")
        for user in (far, self.rep, self.boss):
            with self.subTest(user.login):
                self.assertTrue(self.audit.with_user(user)._filtered_access("read"))

    def test_when_it_is_published_they_see_it(self):
        self.team.leader_id = self.boss
        self._fill(self.audit, 100, 0)
        self.audit.with_user(self.boss).action_publish()
        self.assertTrue(self._seen(self.audit))

    def test_from_whom_it_is_hidden_is_read_and_forged_by_nobody(self):
        far = self._user("care_manager2", "customer_care.group_manager")
        mine = self.audit.with_user(far).with_company(self.company)
        with self.assertRaises(AccessError):
            mine.read(["hidden_user_ids"])
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_rule"):
            mine.write({"hidden_user_ids": [Command.clear()]})
