from datetime import date, timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestFollowup(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"

    def _open_followup(self, **policy):
        self._policy(**policy)
        journey = self._journey(self._confirmed())
        self._run("care.followup", days=7)  # whatever day of the week it is
        return journey.followup_ids

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    def test_steps_are_planned_for_the_right_people_on_the_right_days(self):
        self.customer.user_id = self.agent
        self._policy(
            (
                (0, "care_salesperson"),
                (7, "care_owner"),
                (14, "care_account_manager"),
                (21, "care_leader"),
            )
        )
        with self._at("2026-03-04 10:00:00"):  # a Wednesday
            followups = self._journey(self._confirmed()).followup_ids
        self.assertEqual(
            followups.sorted("date_due").mapped(lambda f: (f.date_due, f.user_id)),
            [
                (date(2026, 3, 4), self.rep),
                (date(2026, 3, 11), self.rep),
                (date(2026, 3, 18), self.agent),
                (date(2026, 3, 25), self.leader),
            ],
        )

    def test_a_day_off_moves_to_the_next_working_day(self):
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Bridge day",
                "company_id": self.company.id,
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": "2026-03-08 23:00:00",
                "date_to": "2026-03-09 22:59:59",
            }
        )
        self._policy(((3, "care_owner"),))
        with self._at("2026-03-04 10:00:00"):
            followup = self._journey(self._confirmed()).followup_ids
        # three days after Wednesday is Saturday, Monday is off
        self.assertEqual(followup.date_due, date(2026, 3, 10))

    def test_a_calendar_without_hours_does_not_lose_the_follow_up(self):
        self.company.resource_calendar_id.attendance_ids.unlink()
        self._policy(((3, "care_owner"),))
        with self._at("2026-03-04 10:00:00"):
            followup = self._journey(self._confirmed()).followup_ids
        self.assertEqual(followup.date_due, date(2026, 3, 7))

    def test_the_cron_makes_the_activity_on_the_day_and_not_before(self):
        self._policy(((0, "care_owner"), (60, "care_owner")))
        journey = self._journey(self._confirmed())
        self._run("care.followup", days=7)
        now, later = journey.followup_ids.sorted("date_due")
        self.assertEqual(now.state, "open")
        self.assertEqual(now.activity_id.user_id, self.rep)
        self.assertEqual(now.activity_id.date_deadline, now.date_due)
        self.assertFalse(now.next_at)
        self.assertEqual(later.state, "planned")
        self.assertFalse(later.activity_id)
        self._run("care.followup")
        self.assertEqual(len(journey.activity_ids), 1)

    def test_on_demand_before_and_chained_steps_are_refused_with_a_reason(self):
        policy = self._policy()
        step = policy.plan_id.template_ids

        def refused(reason, **vals):
            with (
                self.subTest(vals),
                self.assertRaisesRegex(ValidationError, reason),
                self.env.cr.savepoint(),
            ):
                step.write(vals)

        refused("Choose who it is", responsible_type="on_demand")
        refused("after its event", delay_from="before_plan_date")
        chained = self.env["mail.activity.type"].create(
            {
                "name": "Chained",
                "chaining_type": "trigger",
                "triggered_next_type_id": self.env.ref(
                    "customer_care.mail_activity_type_followup"
                ).id,
            }
        )
        refused(
            "starts another activity",
            activity_type_id=chained.id,
            responsible_type="care_owner",
        )

    def test_a_customer_who_opted_out_is_not_contacted(self):
        self.env["care.profile"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "no_followup": True,
            }
        )
        followup = self._open_followup()
        self.assertEqual(followup.state, "cancelled")
        self.assertEqual(followup.cancel_reason, "opted_out")
        self.assertFalse(followup.journey_id.activity_ids)

    def test_two_hundred_follow_ups_become_activities_without_queries_each(self):
        self._policy()
        orders = self.env["sale.order"]
        for _i in range(60):
            orders |= self._order()
        orders.action_confirm()
        self.env.flush_all()
        rows = self.env["care.followup"].sudo().search([("company_id", "=", self.company.id)])

        def cost(rows):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            rows._run_guarded()
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        rows.write({"next_at": fields.Datetime.now() - timedelta(minutes=1)})
        cost(rows[:2])
        few, many = cost(rows[2:10]), cost(rows[10:])
        self.assertLessEqual(many, few + 5)
        self.assertEqual(set(rows.mapped("state")), {"open"})

    def _cost_by_people(self, start, measured):
        """Queries for orders of one seller, and for as many of four."""

        def cost(*sellers):
            orders = self.env["sale.order"]
            for seller in sellers:
                orders |= self._order(user=seller)
            orders.action_confirm()
            work = start(self.env["care.journey"].search([("order_id", "in", orders.ids)]))
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            measured(work)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        people = self.rep, self.agent, self.leader, self.manager
        cost(*people)  # warm
        return cost(*people[:1] * 4), cost(*people)

    def test_activities_of_many_people_cost_no_queries_each(self):
        self._policy()

        def start(journeys):
            rows = journeys.sudo().followup_ids
            rows.write({"next_at": fields.Datetime.now() - timedelta(minutes=1)})
            return rows

        one, four = self._cost_by_people(start, lambda rows: rows._run_guarded())
        self.assertLessEqual(four, one)

    def test_planning_for_many_people_costs_no_queries_each(self):
        policy = self._policy(event="order_invoiced").sudo()

        def plan(journeys):
            journeys = journeys.sudo()
            policy._handle(journeys, "order_invoiced")
            self.assertEqual(len(journeys.followup_ids), len(journeys))

        one, four = self._cost_by_people(lambda journeys: journeys, plan)
        self.assertLessEqual(four, one)

    def test_moving_journeys_of_many_people_costs_no_queries_each(self):
        def move(journeys):
            journeys.with_user(self.manager).write({"stage_id": self.stages[1].id})

        one, four = self._cost_by_people(lambda journeys: journeys, move)
        self.assertLessEqual(four, one)

    def test_whoever_is_responsible_follows_the_journey(self):
        self._policy()
        journey = self._journey(self._confirmed())
        rows = journey.sudo().followup_ids
        people = journey.owner_id | self.agent2
        rows |= rows.copy({"user_id": self.agent2.id, "policy_id": False})
        journey.message_unsubscribe(partner_ids=people.partner_id.ids)
        rows.write({"next_at": fields.Datetime.now() - timedelta(minutes=1)})
        rows._run_guarded()
        self.assertEqual(rows.activity_id.user_id, people)
        self.assertLessEqual(people.partner_id, journey.message_partner_ids)

    # ------------------------------------------------------------
    # Outcomes
    # ------------------------------------------------------------

    def test_done_needs_an_outcome(self):
        followup = self._open_followup().with_user(self.rep)
        with self.assertRaisesRegex(UserError, "what came of it"):
            followup.action_done()

    def test_done_with_an_outcome_ends_the_activity_too(self):
        followup = self._open_followup()
        followup.with_user(self.rep).outcome_id = self.env.ref("customer_care.outcome_satisfied")
        followup.with_user(self.rep).action_done()
        self.assertEqual(followup.state, "done")
        self.assertEqual(followup.done_by_id, self.rep)
        self.assertFalse(followup.journey_id.activity_ids)
        self.assertFalse(followup.activity_id.active)
        with self.assertRaises(UserError):
            followup.with_user(self.rep).action_done()

    def test_problem_opens_a_case_that_knows_customer_order_and_words(self):
        followup = self._open_followup().with_user(self.rep)
        followup.outcome_id = self.env.ref("customer_care.outcome_problem")
        with self.assertRaisesRegex(UserError, "what the customer said"):
            followup.action_done()
        followup.feedback = "It hums at night."
        action = followup.action_done()
        case = self.env["care.case"].browse(action["res_id"])
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.order_id, followup.journey_id.order_id)
        self.assertEqual(case.journey_id, followup.journey_id)
        self.assertEqual(case.description, "It hums at night.")
        self.assertEqual(case.channel, "followup")
        self.assertEqual(followup.case_opened_id, case)

    def test_no_answer_tries_again_and_then_asks_the_leader(self):
        outcome = self.env.ref("customer_care.outcome_no_answer")
        followup = self._open_followup()
        journey = followup.journey_id
        for expected in (self.rep, self.rep, self.leader):
            followup.with_user(followup.user_id).outcome_id = outcome
            followup.with_user(followup.user_id).action_done()
            followup = journey.followup_ids - journey.followup_ids.filtered(
                lambda f: f.state == "done"
            )
            self.assertEqual(followup.user_id, expected)
            self.assertGreater(followup.date_due, fields.Date.today())
        self.assertEqual(len(journey.followup_ids), 4)

    # ------------------------------------------------------------
    # The activity, both ways
    # ------------------------------------------------------------

    def test_done_from_odoos_own_widgets_is_done_here_with_an_outcome(self):
        done = self.env.ref("customer_care.outcome_done")
        for gesture, kwargs in (
            ("action_feedback", {"feedback": "All fine"}),
            ("action_done", {}),
            ("action_archive", {}),
        ):
            with self.subTest(gesture):
                self.env["care.policy"].search([]).active = False
                followup = self._open_followup()
                getattr(followup.activity_id.with_user(self.rep), gesture)(**kwargs)
                self.assertEqual((followup.state, followup.outcome_id), ("done", done))
                self.assertEqual(followup.feedback, kwargs.get("feedback", False))
                self.assertEqual(followup.done_by_id, self.rep)
                self.assertTrue(followup.done_at)
                self.assertFalse(followup.next_at)
                self.assertFalse(followup.journey_id.activity_ids)

    def test_ticked_off_it_comes_back_like_any_other(self):
        followup = self._open_followup(repeat_every=1)
        followup.activity_id.with_user(self.rep).action_done()
        again = followup.journey_id.followup_ids - followup
        self.assertEqual((again.state, again.repetition), ("planned", 2))
        self.assertFalse(again.outcome_id)

    def test_what_comes_back_can_be_done_when_its_policy_is_gone_and_ends_there(self):
        followup = self._open_followup(repeat_every=1)
        followup.policy_id.unlink()
        followup.with_user(self.rep).action_all_well()
        self.assertEqual(followup.state, "done")
        self.assertEqual(followup.journey_id.followup_ids, followup)

    def test_ticked_off_the_outcome_chosen_before_has_its_consequence(self):
        followup = self._open_followup()
        followup.with_user(self.rep).outcome_id = self.env.ref("customer_care.outcome_problem")
        with self.assertRaisesRegex(UserError, "what the customer said"), self.cr.savepoint():
            followup.activity_id.with_user(self.rep).action_done()
        self.assertEqual(followup.state, "open")
        followup.activity_id.with_user(self.rep).action_feedback(feedback="It hums at night.")
        self.assertEqual(followup.state, "done")
        self.assertEqual(followup.case_opened_id.description, "It hums at night.")

    def test_ticked_off_it_has_no_outcome_where_nobody_wants_that_one(self):
        self.env.ref("customer_care.outcome_done").active = False
        followup = self._open_followup()
        followup.activity_id.with_user(self.rep).action_done()
        self.assertEqual((followup.state, followup.outcome_id.id), ("done", False))

    def test_a_deleted_activity_cancels_and_keeps_the_follow_up(self):
        followup = self._open_followup()
        followup.activity_id.with_user(self.rep).unlink()
        self.assertEqual(followup.state, "cancelled")
        self.assertEqual(followup.cancel_reason, "activity_deleted")

    def test_reassigned_and_moved_activities_flow_back(self):
        followup = self._open_followup()
        day = fields.Date.today() + timedelta(days=3)
        followup.activity_id.write({"user_id": self.agent.id, "date_deadline": day})
        self.assertEqual(followup.user_id, self.agent)
        self.assertEqual(followup.date_due, day)
        followup.write({"user_id": self.agent2.id, "date_due": day + timedelta(days=1)})
        self.assertEqual(followup.activity_id.user_id, self.agent2)
        self.assertEqual(followup.activity_id.date_deadline, day + timedelta(days=1))

    def test_an_activity_that_is_nobodys_is_still_somebodys_follow_up(self):
        followup = self._open_followup()
        day = fields.Date.today() + timedelta(days=4)
        followup.activity_id.write({"user_id": False, "date_deadline": day})
        self.assertEqual((followup.user_id, followup.date_due), (self.rep, day))

    def test_the_widgets_put_off_and_give_to_colleagues_of_customer_care_only(self):
        followup = self._open_followup()
        activity = followup.activity_id.with_user(self.rep)
        for gesture in ("action_reschedule_nextweek", "action_reschedule_tomorrow"):
            getattr(activity, gesture)()
            self.assertEqual(followup.date_due, activity.date_deadline)
        self.assertEqual(followup.state, "open")
        stranger = self._user("care_widget", "base.group_user")
        with self.assertRaisesRegex(UserError, "cannot answer for"):
            activity.user_id = stranger
        self.assertEqual(followup.user_id, self.rep)
        activity.user_id = self.agent
        self.assertEqual(followup.user_id, self.agent)

    # ------------------------------------------------------------
    # People
    # ------------------------------------------------------------

    def test_a_person_plans_a_follow_up_by_hand(self):
        journey = self._journey(self._confirmed())
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask about the filter", "journey_id": journey.id})
        )
        self.assertEqual(followup.user_id, self.rep)
        self.assertEqual(followup.partner_id, self.customer)
        self._run("care.followup", days=1)
        self.assertEqual(followup.state, "open")

    def test_the_engines_fields_cannot_be_forged(self):
        followup = self._open_followup().with_user(self.rep)
        for vals in (
            {"state": "done"},
            {"next_at": False},
            {"policy_id": False},
            {"done_by_id": self.agent.id},
            {"journey_id": False},
            {"error": "x"},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                followup.write(vals)
        with self.assertRaises(AccessError):
            self.env["care.followup"].with_user(self.rep).create(
                {"name": "x", "journey_id": followup.journey_id.id, "state": "done"}
            )
        with self.assertRaises(UserError):
            followup.unlink()

    def test_today_late_and_coming(self):
        self._policy(((0, "care_owner"), (60, "care_owner")))
        followups = self._journey(self._confirmed()).followup_ids.sorted("date_due")
        today = fields.Date.context_today(followups)
        followups[0].date_due = today
        mine = self.env["care.followup"].with_user(self.rep)

        def found(group):
            return mine.search([("due_group", "=", group)])

        self.assertEqual(found("today"), followups[0])
        self.assertEqual(found("coming"), followups[1])
        followups[0].date_due = today - timedelta(days=1)
        self.assertEqual(found("late"), followups[0])
        self.assertEqual(followups[0].due_group, "late")

    def test_each_sees_their_own_and_the_leader_the_teams(self):
        followup = self._open_followup()
        visible = [("id", "in", followup.ids)]
        rows = self.env["care.followup"]
        self.assertTrue(rows.with_user(self.rep).search(visible))
        self.assertTrue(rows.with_user(self.leader).search(visible))
        self.assertTrue(rows.with_user(self.manager).search(visible))
        self.assertFalse(rows.with_user(self.agent).search(visible))
        stranger = self._user("care_none", "base.group_user")
        with self.assertRaises(AccessError):
            rows.with_user(stranger).search(visible)

    def test_archiving_a_user_moves_journeys_cases_and_follow_ups(self):
        for archive in ("action_archive", "write"):
            with self.subTest(archive):
                rep = self._user(
                    f"care_{archive}",
                    "customer_care.group_agent,sales_team.group_sale_salesman",
                )
                self.env["care.policy"].search([]).active = False
                self._policy(((0, "care_salesperson"), (60, "care_salesperson")))
                journey = self._journey(self._confirmed(user=rep))
                case = self._case(owner_id=rep.id, kind="enquiry")
                self._run("care.followup", days=7)
                if archive == "write":
                    rep.write({"active": False})
                else:
                    rep.action_archive()
                self.assertEqual(journey.owner_id, self.leader)
                self.assertEqual(case.owner_id, self.leader)
                states = journey.followup_ids.sorted("date_due").mapped("state")
                self.assertEqual(states, ["open", "planned"])
                self.assertEqual(journey.followup_ids.user_id, self.leader)
                self.assertEqual(journey.activity_ids.user_id, self.leader)

    def test_what_came_of_it_is_not_rewritten_later(self):
        followup = self._open_followup().with_user(self.rep)
        followup.outcome_id = self.env.ref("customer_care.outcome_satisfied")
        followup.action_done()
        with self.assertRaisesRegex(UserError, "is over"):
            followup.feedback = "No, they were not."

    def test_a_company_calendar_in_another_zone_sets_the_morning(self):
        self.rep.tz = "America/New_York"
        self._policy(((3, "care_owner"),))
        with self._at("2026-03-02 15:00:00"):
            followup = self._journey(self._confirmed()).followup_ids
        self.assertEqual(followup.date_due, date(2026, 3, 5))
        self.assertEqual(str(followup.next_at), "2026-03-05 05:00:00")

    def test_a_filter_chooses_the_orders(self):
        self.env["res.partner.category"].create({"name": "VIP"})
        self._policy(filter_domain="[('partner_id.ref', '=', 'VIP')]")
        self.assertFalse(self._journey(self._confirmed()).followup_ids)
        vip = self.env["res.partner"].create({"name": "Vip", "ref": "VIP"})
        self.assertTrue(self._journey(self._confirmed(partner=vip)).followup_ids)

    def test_a_filter_that_cannot_work_is_refused_when_saved(self):
        with self.assertRaisesRegex(ValidationError, "cannot be used"):
            self._policy(filter_domain="[('no_such_field', '=', 1)]")
        with self.assertRaisesRegex(ValidationError, "cannot be used"):
            self._policy(filter_domain="[('name', '=', ")

    def test_another_companys_policy_is_left_alone(self):
        other = self.env["res.company"].create({"name": "Other"})
        policy = self._policy()
        policy.plan_id.company_id = False
        policy.company_id = other
        self.assertFalse(self._journey(self._confirmed()).followup_ids)
        self.env.user.company_ids = [Command.link(other.id)]

    def test_a_follow_up_that_failed_is_still_a_call_to_make(self):
        self._policy()
        followup = self._journey(self._confirmed()).followup_ids
        followup.write({"state": "failed", "next_at": False, "error": "broken"})
        mine = self.env["care.followup"].with_user(self.rep)
        self.assertNotEqual(followup.due_group, "over")
        self.assertIn(followup, mine.search([("due_group", "in", ("late", "today", "coming"))]))
        followup.with_user(self.rep).outcome_id = self.env.ref("customer_care.outcome_satisfied")
        followup.with_user(self.rep).action_done()
        self.assertEqual(followup.state, "done")
