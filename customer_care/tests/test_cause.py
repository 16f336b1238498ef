"""Causes: a tree, its figures, and what a stage's curator sees of it."""

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestCause(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage = cls.stages[1]
        cls.transport, cls.lift, cls.strap = cls._causes("Transport", "Lift", "Strap")
        cls.lift.parent_id = cls.transport
        cls.strap.parent_id = cls.lift

    @classmethod
    def _causes(cls, *names, **vals):
        return cls.env["care.cause"].create(
            [{"name": name, "company_id": cls.company.id, **vals} for name in names]
        )

    def test_a_cause_is_named_with_what_is_behind_it(self):
        self.assertEqual(self.strap.display_name, "Transport / Lift / Strap")
        self.transport.name = "Carrying"
        self.assertEqual(self.strap.display_name, "Carrying / Lift / Strap")

    def test_a_cause_is_not_behind_itself(self):
        with self.assertRaises(UserError):
            self.transport.parent_id = self.strap

    def test_figures_add_up_over_the_parts(self):
        self._case(cause_id=self.strap.id)
        self._case(cause_id=self.lift.id)
        over = self._case(cause_id=self.lift.id, resolution="Mended")
        over.sudo()._enter_category("closed")
        cancelled = self._case(cause_id=self.lift.id, cancel_reason="twice")
        cancelled._enter_category("cancelled")
        self.env["care.case"].search([("cause_id", "=", self.strap.id)]).write({"cost": 40})
        over.write({"cost": 60})
        causes = (self.transport | self.lift | self.strap).with_company(self.company)
        self.assertEqual(causes.mapped("case_count"), [3, 3, 1])
        self.assertEqual(causes.mapped("open_case_count"), [2, 2, 1])
        self.assertEqual(causes.mapped("cost"), [100, 100, 40])
        self.assertEqual(causes[0].currency_id, self.company.currency_id)

    def test_figures_of_many_causes_cost_as_many_queries_as_of_one(self):
        self._case(cause_id=self.strap.id)
        many = self._causes(*(f"Cause {n}" for n in range(30)))
        self.env.flush_all()

        def queries(causes):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            causes.mapped("case_count")
            return self.env.cr.sql_log_count - before

        queries(many)
        self.assertEqual(queries(many), queries(many[:1]))

    def test_a_part_arises_where_the_whole_does_unless_it_says_otherwise(self):
        self.transport.stage_id = self.stage
        part = self._causes("Ramp", parent_id=self.transport.id)
        self.assertEqual(part.stage_id, self.stage)
        part.stage_id = self.stages[0]
        self.assertEqual(part.stage_id, self.stages[0])

    def test_the_curator_of_its_stage_answers_for_a_cause_without_an_owner(self):
        self.transport.stage_id = self.stage
        self.stage.curator_id = self.leader
        self.assertEqual(self.transport.curator_id, self.leader)
        self.transport.owner_id = self.agent
        self.assertEqual(self.transport.curator_id, self.agent)

    def test_the_curator_sees_the_open_causes_of_a_stage(self):
        causes = self._causes("A", "B", "C", "D", stage_id=self.stage.id)
        self._case(cause_id=causes[0].id)
        over = self._case(cause_id=causes[1].id, resolution="Mended")
        over.sudo()._enter_category("closed")
        self.env["care.action"].create(
            {
                "name": "Mend it",
                "cause_id": causes[2].id,
                "owner_id": self.agent.id,
                "company_id": self.company.id,
            }
        )
        self.stage.curator_id = self.manager
        stage = self.stage.with_user(self.manager)
        self.assertEqual(stage.open_cause_count, 2)
        action = stage.action_open_causes()
        causes_of = self.env["care.cause"].with_user(self.manager)
        found = causes_of.search([*action["domain"], ("is_open", "=", True)])
        self.assertEqual(found, causes[0] | causes[2])
        closed = self.env["care.cause"].search([("id", "in", causes.ids), ("is_open", "=", False)])
        self.assertEqual(closed, causes[1] | causes[3])
        self.assertEqual(causes.mapped("is_open"), [True, False, True, False])

    def test_a_case_takes_no_cause_of_another_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self.env["care.cause"].create({"name": "Theirs", "company_id": other.id})
        with self.assertRaises(UserError):
            self._case(cause_id=foreign.id)
        shared = self.env["care.cause"].create({"name": "Everybody's"})
        self.assertEqual(self._case(cause_id=shared.id).cause_id, shared)

    def test_a_cause_goes_to_no_company_that_its_parts_are_not_of(self):
        shared = self.env["care.cause"].create({"name": "Everybody's"})
        self._causes("Ours", parent_id=shared.id)
        other = self.env["res.company"].create({"name": "Elsewhere"})
        with self.assertRaises(UserError):
            shared.company_id = other
        with self.assertRaises(UserError):
            self.env["care.cause"].create(
                {
                    "name": "Parts",
                    "company_id": self.company.id,
                    "child_ids": [Command.create({"name": "Nobody's", "company_id": False})],
                }
            )

    def test_who_may_change_the_tree(self):
        causes = self.env["care.cause"]
        with self.assertRaises(AccessError):
            causes.with_user(self.agent).create({"name": "x"})
        mine = causes.with_user(self.leader).create({"name": "x", "company_id": self.company.id})
        with self.assertRaises(AccessError):
            mine.unlink()
        mine.with_user(self.manager).unlink()

    def test_a_cause_that_cases_name_is_not_deleted(self):
        self._case(cause_id=self.strap.id)
        with self.assertRaises(UserError):
            self.strap.with_user(self.manager).unlink()
        with self.assertRaises(UserError):
            self.transport.with_user(self.manager).unlink()
        self.strap.active = False
        self.assertTrue(self.strap.exists())

    def test_somebody_who_leaves_is_told_of_as_the_owner_of_a_cause(self):
        self.transport.owner_id = self.agent
        self.company.care_default_owner_id = self.manager
        self.agent.action_archive()
        self.assertEqual(self.transport.left_names, self.agent.name)
        self.assertIn(self.transport, self.env["care.cause"].search([("left_names", "!=", False)]))
        told = self.env["mail.message"].search(
            [
                ("partner_ids", "in", self.manager.partner_id.ids),
                ("subject", "ilike", "still named"),
            ]
        )
        self.assertTrue(told)

    def test_the_cost_of_a_case_is_the_engines(self):
        case = self._case(owner_id=self.agent.id)
        with self.assertRaises(AccessError):
            case.with_user(self.agent).write({"cost": 5})
        self.assertEqual(case.currency_id, self.company.currency_id)
        self.assertEqual(case.received_at.date(), fields.Datetime.now().date())
