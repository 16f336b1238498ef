from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.customer_care.tests.common import CareCase


class AuditCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["care.audit.plan"].search([]).active = False
        cls.boss = cls._user("care_boss", "customer_care.group_manager")
        cls.other = cls._user("care_other", "customer_care.group_agent")
        cls.stage = cls.stages[0]
        cls.stage.curator_id = cls.other
        cls.standards = cls.env["care.standard"].create(
            [
                {
                    "name": name,
                    "text": "<p>Always.</p>",
                    "owner_id": cls.other.id,
                    "company_id": cls.company.id,
                }
                for name in ("Greets by name", "Says by when")
            ]
        )
        cls.standards.action_publish()
        cls.plan = cls._plan()

    @classmethod
    def _plan(cls, **vals):
        return cls.env["care.audit.plan"].create(
            {
                "name": "Mystery calls",
                "company_id": cls.company.id,
                "owner_id": cls.boss.id,
                "period_start": fields.Date.today() + timedelta(days=3),
                "team_ids": [Command.set(cls.team.ids)],
                "stage_ids": [Command.set(cls.stage.ids)],
                "auditor_ids": [Command.set(cls.rep.ids)],
                "visit_count": 3,
                "question_ids": [
                    Command.create({"name": standard.name, "standard_id": standard.id})
                    for standard in cls.standards
                ],
                **vals,
            }
        )

    @classmethod
    def _audit(cls, **vals):
        return cls.env["care.audit"].create(
            {
                "plan_id": cls.plan.id,
                "company_id": cls.company.id,
                "audited_id": cls.agent.id,
                "team_id": cls.team.id,
                "stage_id": cls.stage.id,
                "auditor_id": cls.rep.id,
                **vals,
            }
        )

    def _fill(self, audit, *points):
        """As the auditor, on the form."""
        mine = audit.with_user(self.rep)
        for line, wanted in zip(mine.line_ids, points, strict=True):
            line.choice_id = line.sudo().question_id.choice_ids.filtered(
                lambda choice, w=wanted: (
                    not choice.is_seen if w is None else choice.is_seen and choice.points == w
                )
            )
        mine.action_hand_in()

    def _told(self, audit, user):
        """What this user was told about a visit, the last first."""
        return self.env["mail.message"].search(
            [
                ("model", "=", "care.audit"),
                ("res_id", "=", audit.id),
                ("notified_partner_ids", "in", user.partner_id.ids),
            ],
            order="id desc",
        )

    def _published(self, *points, **vals):
        audit = self._audit(**vals)
        self._fill(audit, *points)
        audit.with_user(self.boss).action_publish()
        return audit


@tagged("post_install", "-at_install")
class TestAuditPlan(AuditCase):
    def _draws(self, plan, days):
        self._run("care.audit.round", days)
        self.env.invalidate_all()
        return self.env["care.audit"].search([("plan_id", "=", plan.id)])

    def test_a_plan_is_quarterly_unless_said_otherwise(self):
        self.assertEqual((self.plan.period_every, self.plan.period_unit), (3, "months"))
        self.assertEqual(self.plan.next_round, self.plan.period_start)
        after = self.plan._next_period(self.plan.period_start)
        self.assertTrue(88 <= (after - self.plan.period_start).days <= 92)

    def test_the_last_day_of_a_short_month_stands_for_the_missing_one(self):
        self.plan.period_start = "2026-11-30"
        days, day = [], fields.Date.to_date("2026-11-29")
        for _number in range(3):
            day = self.plan._next_period(day)
            days.append(fields.Date.to_string(day))
        self.assertEqual(days, ["2026-11-30", "2027-02-28", "2027-05-30"])

    def test_a_round_draws_over_the_people_of_its_teams_each_once_before_anybody_twice(self):
        audits = self._draws(self.plan, 4)
        self.assertEqual(len(audits), 3)
        self.assertEqual(audits.audited_id, self.agent | self.agent2 | self.leader)
        self.assertEqual(audits.auditor_id, self.rep)
        self.assertEqual(audits.team_id, self.team)
        self.assertEqual(audits.stage_id, self.stage)
        for audit in audits:
            self.assertEqual(audit.line_ids.standard_id, self.standards)
            self.assertEqual(audit.activity_ids.user_id, self.rep)
            self.assertLess(audit.date_planned.weekday(), 5)

    def test_competitors_are_drawn_too(self):
        rival = self.env["res.partner"].create({"name": "Ember and Oak"})
        plan = self._plan(visit_count=0, rival_count=2, rival_ids=[Command.set(rival.ids)])
        audits = self._draws(plan, 4)
        self.assertEqual(audits.mapped("whose"), ["rival", "rival"])
        self.assertEqual(audits.rival_id, rival)
        self.assertFalse(audits.audited_id | audits.audited_id)

    def test_nobody_is_drawn_to_visit_themselves(self):
        plan = self._plan(auditor_ids=[Command.set((self.agent | self.agent2).ids)], visit_count=12)
        audits = self._draws(plan, 4)
        self.assertEqual(len(audits), 12)
        self.assertFalse(audits.filtered(lambda audit: audit.audited_id == audit.auditor_id))

    def test_a_period_is_drawn_once_however_often_the_cron_runs(self):
        first = self._draws(self.plan, 4)
        again = self._draws(self.plan, 0)
        self.assertEqual(first, again)
        self.plan._plan_rounds()
        self.assertEqual(self._draws(self.plan, 0), first)
        self.assertEqual(self.plan.round_ids.mapped("state").count("planned"), 1)
        self.assertGreater(self.plan.next_round, self.plan.period_start)

    @mute_logger("odoo.addons.customer_care.models.care_due_mixin")
    def test_a_draw_that_breaks_off_leaves_no_visit_and_is_made_once_later(self):
        registry = self.env.registry["care.audit"]
        with patch.object(registry, "_tell_auditors", side_effect=ValueError("killed")):
            self.assertFalse(self._draws(self.plan, 4))
        broken = self.plan.round_ids
        self.assertEqual((broken.state, broken.error), ("planned", "killed"))
        self.assertEqual(len(self._draws(self.plan, 1)), 3)

    @mute_logger("odoo.addons.customer_care.models.care_due_mixin")
    def test_a_plan_without_an_auditor_says_so_on_its_draw(self):
        plan = self._plan(auditor_ids=[Command.clear()])
        self.assertFalse(self._draws(plan, 4))
        self.assertIn("has no auditor", plan.round_ids.error)

    def test_an_archived_plan_draws_nothing(self):
        self.plan.active = False
        self.assertFalse(self._draws(self.plan, 4))

    def test_a_copy_of_the_database_draws_nothing(self):
        row = self.plan.round_ids
        self.env.flush_all()
        for query in get_neutralization_queries(["customer_care_survey"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual((row.state, row.next_at), ("cancelled", False))

    def test_visits_of_who_leaves_go_to_the_plans_owner(self):
        audit = self._audit()
        self.rep.action_archive()
        self.assertEqual(audit.auditor_id, self.boss)
        self.assertEqual(audit.activity_ids.user_id, self.boss)


@tagged("post_install", "-at_install")
class TestAudit(AuditCase):
    def test_the_score_is_the_average_of_what_was_seen(self):
        audit = self._audit()
        self._fill(audit, 50, None)
        self.assertEqual((audit.state, audit.score, audit.has_score), ("done", 50, True))
        self.assertEqual(audit.line_ids.mapped("counts"), [True, False])

    def test_a_question_that_weighs_more_counts_more(self):
        self.plan.question_ids[0].weight = 3
        audit = self._audit()
        self._fill(audit, 100, 0)
        self.assertEqual(audit.score, 75)

    def test_a_sheet_with_gaps_is_not_handed_in_and_says_what_is_missing(self):
        audit = self._audit()
        with self.assertRaisesRegex(UserError, "Says by when"):
            audit.line_ids[0].choice_id = self.plan.question_ids[0].choice_ids[0]
            audit.with_user(self.rep).action_hand_in()

    def test_a_sheet_that_is_edited_later_changes_no_visit(self):
        audit = self._published(100, 0)
        self.plan.question_ids[0].write({"name": "Other words", "weight": 9})
        self.plan.question_ids[0].choice_ids.filtered("is_seen")[0].points = 10
        self.env.flush_all()
        self.assertEqual(audit.score, 50)
        self.assertEqual(audit.line_ids[0].name, "Greets by name")

    def test_what_is_handed_in_is_changed_by_nobody_until_it_is_sent_back(self):
        audit = self._audit()
        self._fill(audit, 100, 0)
        mine = audit.with_user(self.rep)
        with self.assertRaises(UserError):
            mine.line_ids[0].note = "Later"
        with self.assertRaises(UserError):
            mine.note = "Later"
        audit.with_user(self.boss).action_send_back()
        mine.note = "Later"
        self.assertEqual(audit.note, "Later")

    def test_an_auditor_sets_neither_whom_nor_when_nor_the_state(self):
        mine = self._audit().with_user(self.rep)
        for vals in (
            {"audited_id": self.agent2.id},
            {"date_planned": "2026-01-01"},
            {"auditor_id": self.agent2.id},
            {"state": "published"},
            {"score": 100},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                mine.write(vals)
        for vals in ({"points": 100}, {"is_excluded": True}, {"standard_id": False}):
            with self.subTest(vals), self.assertRaises(AccessError):
                mine.line_ids[0].write(vals)
        with self.assertRaises(AccessError):
            mine.action_publish()

    def test_the_lowest_standards_become_the_growth_list_with_owner_and_day(self):
        self._published(100, 50)
        rows = self.env["care.audit.growth"].search([("company_id", "=", self.company.id)])
        self.assertEqual(rows.standard_id, self.standards[1])
        self.assertEqual((rows.score, rows.visits, rows.owner_id), (50, 1, self.other))
        self.assertEqual(rows.stage_id, self.stage)
        self.assertEqual(rows.activity_ids.user_id, self.other)
        self.assertGreater(rows.date_due, fields.Date.today())
        self.assertEqual(self.stage.growth_ids, rows)
        self.assertEqual((self.stage.audit_score, self.stage.audit_answers), (75, 2))
        self.assertEqual(self.standards.mapped("audit_score"), [100, 50])
        with self.subTest("low again: it is there already"):
            self._published(100, 0, audited_id=self.agent2.id)
            self.assertEqual(self.stage.growth_ids, rows)
        with self.subTest("over, and low again: it comes back"):
            rows.with_user(self.other).measure = "We practise it on Mondays"
            rows.with_user(self.other).action_done()
            with self.assertRaises(UserError):
                rows.with_user(self.other).measure = "Something else"
            self._published(100, 0)
            self.env.invalidate_all()
            self.assertEqual(self.stage.growth_ids.standard_id, self.standards[1])
            self.assertNotEqual(self.stage.growth_ids, rows)

    def test_only_so_many_of_the_lowest_come_to_the_list(self):
        self.plan.growth_count = 1
        self._published(50, 0)
        self.assertEqual(self.stage.growth_ids.standard_id, self.standards[1])

    def test_a_competitor_makes_nothing_grow_and_counts_for_no_standard_of_ours(self):
        rival = self.env["res.partner"].create({"name": "Ember and Oak"})
        self._published(0, 0, audited_id=False, team_id=False, rival_id=rival.id)
        self.assertFalse(self.stage.growth_ids)
        self.assertEqual(self.standards.mapped("audit_answers"), [0, 0])

    def test_the_growth_list_is_not_forged(self):
        self._published(0, 0)
        row = self.stage.growth_ids[0].with_user(self.other)
        for vals in ({"score": 100}, {"state": "done"}, {"standard_id": self.standards[0].id}):
            with self.subTest(vals), self.assertRaises(AccessError):
                row.write(vals)
        with self.assertRaises(UserError):
            row.action_done()

    def _object(self, audit, user, lines=()):
        wizard = self.env["care.audit.objection"].with_user(user)
        wizard.create(
            {
                "audit_id": audit.id,
                "kind": "object",
                "words": "The line was dead",
                "line_ids": [Command.set([line.id for line in lines])],
            }
        ).action_send()

    def _reply(self, audit, user, kind):
        self.env["care.audit.objection"].with_user(user).create(
            {"audit_id": audit.id, "kind": kind, "words": "You are right"}
        ).action_send()

    def test_an_objection_that_is_accepted_takes_its_answers_out(self):
        audit = self._published(100, 0)
        self._object(audit, self.agent, audit.line_ids[1])
        self.assertEqual(audit.objection_state, "open")
        self.assertEqual(audit.activity_ids.user_id, self.boss)
        self._reply(audit, self.boss, "accept")
        self.assertEqual((audit.objection_state, audit.score), ("accepted", 100))
        self.assertEqual(audit.reply, "You are right")
        self.assertFalse(audit.activity_ids)
        self.assertIn("You are right", self._told(audit, self.agent)[0].body)

    def test_an_objection_that_is_not_accepted_changes_no_score(self):
        audit = self._published(100, 0)
        self._object(audit, self.leader)
        self._reply(audit, self.boss, "reject")
        self.assertEqual((audit.objection_state, audit.score), ("rejected", 50))

    def test_who_may_object_and_until_when(self):
        audit = self._published(100, 0)
        for user in (self.agent2, self.rep, self.other):
            with self.subTest(user.login), self.assertRaises(UserError):
                self._object(audit, user)
        with self.assertRaises(UserError):
            self._reply(audit, self.boss, "accept")
        audit.sudo().objection_until = fields.Date.today() - timedelta(days=2)
        with self.assertRaises(UserError):
            self._object(audit, self.agent)

    def test_nobody_answers_an_objection_to_a_visit_to_themselves(self):
        audit = self._published(100, 0, audited_id=self.manager.id, team_id=False)
        self._object(audit, self.manager)
        with self.assertRaises(AccessError):
            self._reply(audit, self.manager, "accept")

    def test_manager_who_leads_the_audited_team_leaves_the_answer_to_another(self):
        self.team.leader_id = self.manager
        for who in (self.manager, self.agent):
            with self.subTest(who.login):
                audit = self._published(100, 0)
                self._object(audit, who)
                for kind in ("accept", "reject"):
                    with self.assertRaisesRegex(AccessError, "another manager does"):
                        self._reply(audit, self.manager, kind)
                self.assertFalse(audit.with_user(self.manager).may_reply, "no button")
                self.assertTrue(audit.with_user(self.boss).may_reply)
                self._reply(audit, self.boss, "accept")
                self.assertEqual(audit.objection_state, "accepted")

    def test_who_objected_as_leader_does_not_answer_once_another_leads(self):
        self.team.leader_id = self.manager
        audit = self._published(100, 0)
        self._object(audit, self.manager)
        self.team.leader_id = self.leader
        with self.assertRaisesRegex(AccessError, "another manager does"):
            self._reply(audit, self.manager, "accept")
        self.assertEqual(audit.objection_state, "open")

    def test_objection_to_a_plan_of_the_leader_is_somebody_elses_task(self):
        self.plan.owner_id = self.team.leader_id = self.manager
        self.company.care_default_owner_id = self.boss
        audit = self._published(100, 0)
        self._object(audit, self.manager)
        self.assertEqual(audit.activity_ids.user_id, self.boss)


@tagged("post_install", "-at_install")
class TestAuditSecrecy(AuditCase):
    """Until it is published a visit is hidden from those audited, by every route."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("base.group_allow_export").user_ids = [
            Command.link(user.id) for user in (cls.agent, cls.agent2, cls.leader, cls.manager)
        ]
        # a manager who is in the team that is audited, and one who is audited
        cls.team.member_ids = [Command.link(cls.manager.id)]
        cls.audit = cls._audit()
        cls.audit.line_ids.write({"note": "Zephyr", "photo": False})
        cls.file = cls.env["ir.attachment"].create(
            {"name": "Zephyr.txt", "raw": b"x", "res_model": "care.audit", "res_id": cls.audit.id}
        )
        cls.message = cls.audit.with_context(tracking_disable=False).message_post(
            body="Zephyr", partner_ids=cls.agent.partner_id.ids
        )
        cls.audit._tell_auditors()
        cls.audited = cls.agent | cls.agent2 | cls.leader | cls.manager

    def _routes(self, user):
        """What ``user`` finds by each route."""
        env = self.env(user=user)
        mine, lines = env["care.audit"].browse(self.audit.id), self.audit.line_ids.ids
        found = {
            "search": env["care.audit"].search([("id", "=", mine.id)]),
            "any": env["care.audit"].search([("line_ids.note", "=", "Zephyr")]),
            "name_search": env["care.audit"].name_search(self.audit.display_name),
            "count": env["care.audit"].search_count([("id", "=", mine.id)]),
            "read_group": env["care.audit"]._read_group(
                [("id", "=", mine.id)], ["audited_id"], ["score:avg"]
            ),
            "lines": env["care.audit.line"].search([("id", "in", lines)]),
            "lines by group": env["care.audit.line"]._read_group(
                [("id", "in", lines)], ["standard_id"], ["points:avg"]
            ),
            "of the stage": env["care.stage"].browse(self.stage.id).audit_answers,
            "of the standard": env["care.standard"].browse(self.standards[0].id).audit_answers,
            "growth": env["care.audit.growth"].search([("standard_id", "in", self.standards.ids)]),
            "messages": env["mail.message"].search([("body", "ilike", "Zephyr")]),
            "activities": env["mail.activity"].search(
                [("res_model", "=", "care.audit"), ("res_id", "=", mine.id)]
            ),
            "attachments": env["ir.attachment"].search([("name", "ilike", "Zephyr")]),
            "notified": env["mail.notification"]
            .sudo()
            .search(
                [
                    ("mail_message_id", "in", self.audit.message_ids.ids),
                    ("res_partner_id", "=", user.partner_id.id),
                ]
            ),
            "follower": user.partner_id & self.audit.sudo().message_partner_ids,
        }
        for name, call in (
            ("read", lambda: mine.read(["score"])),
            ("export", lambda: any(map(any, mine.export_data(["score"])["datas"]))),
            ("line", lambda: env["care.audit.line"].browse(lines).read(["note"])),
            ("file", lambda: env["ir.attachment"].browse(self.file.id).read(["name"])),
            ("message", lambda: env["mail.message"].browse(self.message.id).read(["body"])),
            ("chatter", lambda: mine.message_post(body="What is this?")),
        ):
            try:
                found[name] = call()
            except AccessError:
                found[name] = None
        return {name for name, value in found.items() if value}

    def test_hidden_from_the_audited_person_the_team_and_its_leader_by_every_route(self):
        for handed_in in (False, True):
            if handed_in:
                self._fill(self.audit, 0, 0)
            for user in self.audited:
                with self.subTest(user=user.login, handed_in=handed_in):
                    with mute_logger("odoo.models", "odoo.addons.base.models.ir_rule"):
                        self.assertFalse(self._routes(user))

    def test_a_mention_or_a_follower_does_not_open_it(self):
        self.audit.message_subscribe(self.agent.partner_id.ids)
        self.assertNotIn(self.agent.partner_id, self.audit.message_partner_ids)
        self.audit.message_notify(
            partner_ids=self.agent.partner_id.ids, body="Zephyr", subject="Zephyr"
        )
        with mute_logger("odoo.models", "odoo.addons.base.models.ir_rule"):
            self.assertFalse(self._routes(self.agent))

    def test_the_auditor_and_the_plans_owner_see_it_before(self):
        for user in (self.rep, self.boss):
            self.assertEqual(self.audit.with_user(user).read(["state"])[0]["state"], "planned")

    def test_the_plans_owner_sees_no_visit_to_themselves(self):
        audit = self._audit(audited_id=self.boss.id, team_id=False)
        self.assertFalse(audit.with_user(self.boss)._filtered_access("read"))

    def test_when_it_is_published_those_audited_are_told_and_see_it(self):
        self._fill(self.audit, 0, 0)
        self.audit.with_user(self.boss).action_publish()
        for user in (self.agent, self.leader, self.manager):
            with self.subTest(user.login):
                self.assertTrue(self.audit.with_user(user).has_access("read"))
                self.assertTrue(self.audit.line_ids.with_user(user).has_access("read"))
        for user in (self.agent, self.leader):
            self.assertIn("published", self._told(self.audit, user).subject)
        with self.subTest("a colleague's visit is not theirs"):
            self.assertFalse(self.audit.with_user(self.agent2).has_access("read"))
        with self.subTest("they change nothing"):
            mine = self.audit.with_user(self.agent)
            self.assertFalse(mine.has_access("write"))
            self.assertFalse(mine.line_ids.has_access("write"))

    def test_nobody_who_is_visited_becomes_the_plans_owner_to_see_it(self):
        with self.assertRaises(ValidationError):
            self.plan.with_user(self.manager).owner_id = self.manager
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_rule"):
            self.audit.with_user(self.manager).auditor_id = self.manager

    def test_plans_and_draws_are_for_managers(self):
        for user in (self.agent, self.rep, self.leader):
            for model in ("care.audit.plan", "care.audit.round"):
                with self.subTest(user=user.login, model=model), self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([])
            with self.assertRaises(AccessError):
                self.audit.with_user(user).read(["plan_id"])

    def test_who_may_do_what(self):
        rights = {
            "care.audit.plan": {"manager": "rwcu"},
            "care.audit.round": {"manager": "rw"},
            "care.audit.question": {"agent": "r", "manager": "rwcu"},
            "care.audit.choice": {"agent": "r", "manager": "rwcu"},
            "care.audit": {"agent": "rw", "manager": "rwcu"},
            "care.audit.line": {"agent": "rw"},
            "care.audit.growth": {"agent": "rw"},
            "care.audit.objection": {"agent": "rwc"},
        }
        letters = {"r": "read", "w": "write", "c": "create", "u": "unlink"}
        public = self.env.ref("base.public_user")
        portal = self._user("care_guest", "base.group_portal")
        for model, roles in rights.items():
            agent = set(roles.get("agent", ""))
            for user, allowed in (
                (self.other, agent),
                (self.leader, agent),
                (self.boss, agent | set(roles.get("manager", ""))),
                (portal, set()),
                (public, set()),
            ):
                may = {
                    letter
                    for letter, name in letters.items()
                    if self.env[model].with_user(user).has_access(name)
                }
                with self.subTest(model=model, user=user.login):
                    self.assertEqual(may, allowed)

    def test_another_company_sees_nothing_of_it(self):
        self._fill(self.audit, 0, 0)
        self.audit.with_user(self.boss).action_publish()
        company = self.env["res.company"].create({"name": "Other"})
        user = self._user("care_far", "customer_care.group_manager", company=company)
        for records in (
            self.plan,
            self.plan.round_ids,
            self.plan.question_ids,
            self.plan.question_ids.choice_ids,
            self.audit,
            self.audit.line_ids,
            self.stage.growth_ids,
        ):
            with self.subTest(records._name):
                self.assertTrue(records)
                self.assertFalse(records.with_user(user)._filtered_access("read"))
