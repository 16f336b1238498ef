from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestJourney(CareCase):
    def test_confirming_a_quotation_starts_a_journey_in_its_first_stage(self):
        journey = self._journey(self._confirmed())
        self.assertEqual(journey.stage_id, self.stages[0])
        self.assertEqual(journey.stage_category, "open")
        self.assertEqual(journey.owner_id, self.rep)
        self.assertEqual(journey.first_owner_id, self.rep)
        self.assertEqual(journey.partner_id, self.customer)
        self.assertEqual(journey.company_id, self.company)
        self.assertEqual(journey.team_id, self.team)

    def test_confirming_again_after_a_cancellation_restarts_the_same_journey(self):
        self._policy()
        order = self._confirmed()
        journey = self._journey(order)
        order._action_cancel()
        self.assertEqual(journey.stage_category, "cancelled")
        self.assertEqual(journey.followup_ids.mapped("state"), ["cancelled"])
        order.action_draft()
        order.action_confirm()
        self.assertEqual(self._journey(order), journey)
        self.assertEqual(journey.stage_id, self.stages[0])
        self.assertEqual(journey.cycle, 2)
        self.assertEqual(
            journey.followup_ids.sorted("id").mapped("state"), ["cancelled", "planned"]
        )

    def test_a_journey_that_starts_again_goes_by_what_the_order_says_now(self):
        order = self._confirmed()
        journey = self._journey(order)
        order._action_cancel()
        order.action_draft()
        order.partner_id = other = self.env["res.partner"].create({"name": "Peter Novak"})
        order.action_confirm()
        self.assertEqual(journey.partner_id, other)

    def test_a_journey_type_of_all_companies_may_have_another_companys_team(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        self.env.user.company_ids = [Command.link(elsewhere.id)]
        leader = self._user("care_else", "customer_care.group_leader", elsewhere)
        team = self.env["care.team"].create(
            {"name": "Theirs", "company_id": elsewhere.id, "leader_id": leader.id}
        )
        self.stages[1].write({"team_id": team.id, "owner_rule": "leader"})
        journey = self._journey(self._confirmed())
        self.env.invalidate_all()
        journey.with_user(self.rep).stage_id = self.stages[1].id
        self.assertEqual(journey.stage_id, self.stages[1])
        self.assertEqual(journey.team_id, self.team)

    def test_who_passes_a_record_on_in_the_web_client_is_not_stopped(self):
        """The client reads what it has saved."""
        self.stages[1].write({"owner_rule": "user", "owner_id": self.agent2.id})
        order = self._confirmed(user=self.manager)
        journey = self._journey(order)
        journey.write({"owner_id": self.agent.id})
        journey.with_user(self.agent).web_save(
            {"stage_id": self.stages[1].id}, {"stage_id": {}, "owner_id": {}}
        )
        self.assertEqual(journey.owner_id, self.agent2)
        other = self.env["care.team"].create(
            {"name": "Other", "company_id": self.company.id, "leader_id": self.manager.id}
        )
        case = self._case(owner_id=self.agent.id)
        case.first_owner_id = self.manager
        stage = self.env.ref("customer_care.stage_case_progress")
        stage.write({"team_id": other.id, "owner_rule": "leader"})
        case.with_user(self.agent).web_save({"stage_id": stage.id}, {"stage_id": {}})
        self.assertEqual(case.owner_id, self.manager)

    def test_somebody_without_customer_care_does_not_own(self):
        outsider = self._user("care_outsider", "base.group_user")
        journey = self._journey(self._confirmed(user=outsider))
        self.assertEqual(journey.owner_id, self.manager)
        with self.assertRaises(UserError):
            journey.owner_id = outsider

    def test_who_sells_works_with_customer_care(self):
        seller = self._user("care_seller", "sales_team.group_sale_salesman")
        self.assertEqual(self._journey(self._confirmed(user=seller)).owner_id, seller)

    def test_starting_twice_makes_one_journey_and_one_set_of_follow_ups(self):
        self._policy()
        order = self._confirmed()
        self.env["care.journey"].sudo()._start_for(order)
        self._journey(order)._care_event("order_confirmed")
        self.assertEqual(len(self._journey(order)), 1)
        self.assertEqual(len(self._journey(order).followup_ids), 1)

    def test_cancelling_ends_journey_follow_ups_and_activities(self):
        self._policy(((0, "care_owner"), (30, "care_owner")))
        order = self._confirmed()
        self._run("care.followup", days=7)
        journey = self._journey(order)
        self.assertEqual(len(journey.activity_ids), 1)
        order._action_cancel()
        self.assertEqual(journey.stage_category, "cancelled")
        self.assertEqual(set(journey.followup_ids.mapped("state")), {"cancelled"})
        self.assertFalse(any(journey.followup_ids.mapped("next_at")))
        self.assertFalse(journey.activity_ids)

    def test_deleting_an_order_leaves_nothing_of_its_journey(self):
        self._policy()
        order = self._confirmed()
        journey = self._journey(order)
        self._run("care.followup", days=7)
        order._action_cancel()
        order.unlink()
        self.assertFalse(journey.exists())
        for model, field in (
            ("care.followup", "journey_id"),
            ("mail.message", "res_id"),
            ("mail.activity", "res_id"),
            ("mail.followers", "res_id"),
        ):
            domain = [(field, "=", journey.id)]
            if field == "res_id":
                domain += [
                    ("model" if model == "mail.message" else "res_model", "=", "care.journey")
                ]
            self.assertFalse(self.env[model].search(domain))

    def test_nothing_before_the_companys_start_date(self):
        self.company.care_start_date = fields.Date.today() + timedelta(days=2)
        self.assertFalse(self._journey(self._confirmed()))
        self.company.care_start_date = False
        self.assertFalse(self._journey(self._confirmed()))

    def test_no_column_on_sale_order_and_partner(self):
        self.env.cr.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_name IN ('sale_order', 'sale_order_line', 'res_partner')"
            " AND column_name LIKE 'care%'"
        )
        self.assertFalse(self.env.cr.fetchall())

    def test_a_write_of_the_stage_passes_the_one_way_in(self):
        journey = self._journey(self._confirmed())
        before = journey.stage_since
        self.env.cr.execute("UPDATE care_journey SET stage_since = stage_since - interval '1 day'")
        journey.invalidate_recordset()
        journey.with_user(self.rep).stage_id = self.stages[1]
        self.assertEqual(journey.stage_category, self.stages[1].category)
        self.assertGreaterEqual(journey.stage_since, before)

    def test_a_stage_of_another_journey_is_refused(self):
        journey = self._journey(self._confirmed())
        with self.assertRaises(UserError):
            journey.stage_id = self.env.ref("customer_care.stage_case_new")
        other = self.env["care.journey.type"].create({"name": "Other"})
        with self.assertRaises(UserError):
            journey.stage_id = other.stage_ids[0]

    def test_the_owner_follows_the_stages_rule(self):
        self.customer.user_id = self.agent
        journey = self._journey(self._confirmed())
        cases = {
            "salesperson": self.rep,
            "account_manager": self.agent,
            "leader": self.leader,
            "user": self.agent2,
        }
        for rule, owner in cases.items():
            with self.subTest(rule):
                journey._enter_stage(self.stages[0])
                self.stages[1].write({"owner_rule": rule, "owner_id": self.agent2.id})
                journey._enter_stage(self.stages[1])
                self.assertEqual(journey.owner_id, owner)

    def test_an_absent_owner_gives_way_to_substitute_leader_and_default(self):
        journey = self._journey(self._confirmed())
        away = {"out_of_office_from": fields.Datetime.now() - timedelta(hours=1)}
        self.stages[1].owner_rule = "salesperson"

        def owner_after_move():
            journey._enter_stage(self.stages[0])
            journey._enter_stage(self.stages[1])
            return journey.owner_id

        self.rep.write({**away, "care_substitute_id": self.agent2.id})
        self.assertEqual(owner_after_move(), self.agent2)
        self.agent2.write(away)
        self.assertEqual(owner_after_move(), self.leader)
        self.leader.write(away)
        self.assertEqual(owner_after_move(), self.manager)
        self.company.care_default_owner_id = False
        self.assertTrue(owner_after_move())

    def test_least_busy_shares_out_a_batch(self):
        self.stages[1].write({"owner_rule": "least_busy", "team_id": self.team.id})
        journeys = self.env["care.journey"]
        for _i in range(4):
            journeys |= self._journey(self._confirmed())
        journeys._enter_stage(self.stages[1])
        counts = sorted(len(j) for j in journeys.grouped("owner_id").values())
        self.assertEqual(counts, [2, 2])

    def test_nobody_leaves_a_journey_without_an_owner(self):
        journey = self._journey(self._confirmed())
        with self.assertRaises(UserError):
            journey.owner_id = False
        portal = self._user("care_portal", "base.group_portal")
        with self.assertRaises(UserError):
            journey.owner_id = portal
        self.assertEqual(journey.owner_id, self.rep)

    def test_follow_ups_of_the_stage_owner_move_with_the_owner(self):
        self._policy(((0, "care_owner"), (30, "care_owner"), (0, "care_salesperson")))
        journey = self._journey(self._confirmed())
        self._run("care.followup", days=7)
        journey.owner_id = self.agent
        owners = {
            f.responsible_type + str(f.step_id.delay_count): f.user_id for f in journey.followup_ids
        }
        self.assertEqual(owners["care_owner0"], self.agent)
        self.assertEqual(owners["care_owner30"], self.agent)
        self.assertEqual(owners["care_salesperson0"], self.rep)
        activity = journey.followup_ids.filtered(
            lambda f: f.responsible_type == "care_owner" and f.activity_id
        ).activity_id
        self.assertEqual(activity.user_id, self.agent)

    def test_a_rep_reads_the_order_of_a_journey_that_he_owns(self):
        other = self._user("care_rep2", "customer_care.group_agent,sales_team.group_sale_salesman")
        order = self._confirmed()
        with self.assertRaises(AccessError):
            order.with_user(other).read(["name"])
        self._journey(order).owner_id = other
        self.assertTrue(order.with_user(other).read(["name"]))
        self.assertTrue(order.order_line.with_user(other).read(["name"]))
        with self.assertRaises(AccessError):
            order.with_user(other).write({"note": "mine?"})

    def test_confirming_a_batch_costs_no_query_per_order(self):
        self._policy(((0, "care_owner"), (7, "care_salesperson")))

        def cost(count):
            orders = self.env["sale.order"]
            for _i in range(count):
                orders |= self._order()
            orders.write(orders._prepare_confirmation_values())
            self.env.flush_all()
            start = self.env.cr.sql_log_count
            self.env["care.journey"].sudo()._start_for(orders.sudo())
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        cost(2)  # warm
        few, many = cost(5), cost(60)
        self.assertLessEqual(many, few + 3)
