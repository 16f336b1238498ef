from datetime import timedelta

import psycopg2

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import RecordCapturer, tagged
from odoo.tools import mute_logger

from odoo.addons.customer_care.models.care_due_mixin import insert_new

from .common import CareCase

ENGINE = (
    "odoo.addons.customer_care.models.care_rule_mixin",
    "odoo.addons.customer_care.models.care_due_mixin",
)


@tagged("post_install", "-at_install")
class TestRules(CareCase):
    def _break(self, policy):
        """As if a field of its filter had gone since it was saved."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_policy SET filter_domain = %s WHERE id = %s",
            ("[('field_that_went', '=', 1)]", policy.id),
        )
        self.env.invalidate_all()

    def test_a_broken_rule_stops_no_sale_and_is_retried_once_mended(self):
        broken, good = self._policy(), self._policy(((1, "care_owner"),))
        self._break(broken)
        with mute_logger(*ENGINE):
            order = self._confirmed()
        journey = self._journey(order)
        self.assertEqual(order.state, "sale")
        self.assertEqual(journey.followup_ids.policy_id, good)
        self.assertIn("field_that_went", broken.last_error)
        self.assertEqual(broken.retry_count, 1)

        with mute_logger(*ENGINE):
            self._run("care.retry", days=1)
        self.assertFalse(broken.followup_ids, "still broken, nothing was done")
        self.assertTrue(broken.last_error)

        broken.filter_domain = "[]"
        self._run("care.retry")
        self.assertEqual(broken.followup_ids.journey_id, journey)
        self.assertFalse(broken.last_error)
        self._run("care.retry", days=1)
        self.assertEqual(len(broken.followup_ids), 1)

    def test_a_rule_that_keeps_failing_is_set_aside_with_its_error(self):
        policy = self._policy()
        self._break(policy)
        with mute_logger(*ENGINE):
            self._confirmed()
            for _i in range(6):
                self._run("care.retry", days=30)
        retry = policy.retry_ids
        self.assertEqual(retry.state, "failed")
        self.assertFalse(retry.next_at)
        self.assertIn("field_that_went", retry.error)
        with self.assertRaises(AccessError):
            retry.with_user(self.agent).action_retry()
        retry.with_user(self.manager).action_retry()
        self.assertEqual(retry.state, "planned")

    def test_a_serialization_failure_is_never_swallowed(self):
        policy = self._policy()
        journey = self._journey(self._confirmed())

        def lost(*args):
            raise psycopg2.errors.SerializationFailure("could not serialize")

        self.patch(type(policy), "_apply", lost)
        with self.assertRaises(psycopg2.errors.SerializationFailure):
            journey._care_event("order_confirmed")

    def test_one_bad_row_is_set_aside_and_the_others_are_done(self):
        self._policy()
        orders = self.env["sale.order"]
        for _i in range(7):
            orders |= self._order()
        orders.action_confirm()
        rows = self.env["care.followup"].search([("company_id", "=", self.company.id)])
        bad = rows[3]
        followups = type(rows)
        work = followups._run_due

        def fails_on_bad(self):
            if bad in self:
                raise ValueError("poison")
            return work(self)

        self.patch(followups, "_run_due", fails_on_bad)
        with mute_logger(*ENGINE):
            self._run("care.followup", days=7)
        self.assertEqual(set((rows - bad).mapped("state")), {"open"})
        self.assertEqual(bad.state, "planned")
        self.assertEqual(bad.attempts, 1)
        self.assertIn("poison", bad.error)
        with mute_logger(*ENGINE):
            for _i in range(5):
                self._run("care.followup", days=7)
        self.assertEqual(bad.state, "failed")
        self.assertFalse(bad.next_at)

    def test_an_idle_cron_costs_the_same_with_any_number_of_open_rows(self):
        self._policy(((60, "care_owner"),))
        rows = self.env["care.followup"].sudo()

        def idle_cost():
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.assertFalse(rows._claim_due())
            return self.env.cr.sql_log_count - start

        self._confirmed()
        few = idle_cost()
        orders = self.env["sale.order"]
        for _i in range(40):
            orders |= self._order()
        orders.action_confirm()
        self.assertEqual(idle_cost(), few)
        self.assertEqual(few, 1)

    def test_a_row_that_does_not_move_on_is_not_run_for_ever(self):
        self._policy()
        journey = self._journey(self._confirmed())
        self.patch(type(journey.followup_ids), "_run_due", lambda self: None)
        with mute_logger(*ENGINE):
            self._run("care.followup", days=7)
        self.assertEqual(journey.followup_ids.attempts, 1)
        self.assertIn("did not move on", journey.followup_ids.error)

    def test_planning_wakes_the_cron_once_for_the_earliest(self):
        self._policy(((1, "care_owner"), (9, "care_owner"), (20, "care_owner")))
        cron = self.env.ref("customer_care.ir_cron_followups")
        before = self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])
        self._confirmed()
        after = self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])
        self.assertEqual(after, before + 1)

    def test_what_is_due_at_once_wakes_the_cron_at_once(self):
        """Odoo wakes its workers for what is due by a clock without microseconds; the rest
        waits for the minute in which they look by themselves.
        """
        before = fields.Datetime.now()
        cron = self.env.ref("customer_care.ir_cron_notices")
        with RecordCapturer(self.env["ir.cron.trigger"], [("cron_id", "=", cron.id)]) as new:
            self._case()
        self.assertEqual(len(new.records), 1)
        self.env.flush_all()
        self.env.cr.execute("SELECT call_at FROM ir_cron_trigger WHERE id = %s", (new.records.id,))
        (call_at,) = self.env.cr.fetchone()
        self.assertLessEqual(before, call_at)
        self.assertLessEqual(call_at, fields.Datetime.now())
        self.assertFalse(call_at.microsecond)

    def test_a_stage_with_records_keeps_its_meaning(self):
        self._confirmed()
        with self.assertRaises(UserError):
            self.stages[0].category = "closed"
        self.stages[0].name = "Another name"

    def _broken_type(self):
        """A journey type before the others, whose filter broke after it was saved."""
        first = self.env["care.journey.type"].create({"name": "Kitchens", "sequence": 1})
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_journey_type SET filter_domain = %s WHERE id = %s",
            ("[('field_that_went', '=', 1)]", first.id),
        )
        self.env.invalidate_all()
        return first

    def test_a_broken_journey_type_stops_no_sale_and_its_orders_wait(self):
        first = self._broken_type()
        with mute_logger("odoo.addons.customer_care.models.care_journey_type", *ENGINE):
            order = self._confirmed()
            self._run("care.retry", days=1)
        self.assertEqual(order.state, "sale")
        self.assertFalse(self._journey(order), "it goes no other way meanwhile")
        self.assertIn("field_that_went", first.last_error)
        first.filter_domain = "[]"
        self._run("care.retry")
        self.assertEqual(self._journey(order).type_id, first)
        self.assertFalse(first.last_error)

    def test_what_waits_for_a_broken_rule_is_told_in_words(self):
        first = self._broken_type()
        with mute_logger("odoo.addons.customer_care.models.care_journey_type", *ENGINE):
            order = self._confirmed()
        row = self.env["care.retry"].search([("order_id", "=", order.id)])
        self.assertEqual(row.rule_name, "Kitchens")
        self.assertEqual(row.action_open_rule()["res_id"], first.id)
        self.assertNotIn("_", row.event_name)
        policy = self._policy()
        row = self.env["care.retry"].create(
            {
                "rule_model": policy._name,
                "rule_id": policy.id,
                "event": "order_confirmed",
                "order_id": order.id,
                "company_id": self.company.id,
                "happened_at": "2026-03-02 10:00:00",
                "occurrence": 1,
            }
        )
        self.assertEqual(row.rule_name, policy.display_name)
        self.assertEqual(row.event_name, "Order confirmed")
        policy.unlink()
        row.invalidate_recordset()
        self.assertEqual(row.rule_name, "Deleted since")

    def test_orders_that_wait_for_a_broken_type_go_another_way_when_it_ends(self):
        for end in ("action_archive", "unlink"):
            with self.subTest(end):
                first = self._broken_type()
                with mute_logger("odoo.addons.customer_care.models.care_journey_type", *ENGINE):
                    order = self._confirmed()
                getattr(first, end)()
                self._run("care.retry")
                self.assertEqual(self._journey(order).type_id, self.journey_type)

    def test_a_journey_that_had_to_wait_counts_from_the_day_of_its_order(self):
        self.company.care_start_date = "2020-01-01"
        self._policy(((40, "care_owner"),))
        first = self._broken_type()
        with mute_logger("odoo.addons.customer_care.models.care_journey_type", *ENGINE):
            order = self._confirmed()
        self.env.cr.execute("UPDATE care_retry SET happened_at = happened_at - interval '10 days'")
        self.env.invalidate_all()
        first.filter_domain = "[]"
        self._run("care.retry")
        wanted = fields.Date.today() + timedelta(days=30)
        self.assertIn(
            (self._journey(order).followup_ids.date_due - wanted).days,
            range(-1, 4),
            "days off come after",
        )

    def test_a_journey_type_needs_a_stage_to_start_in_and_one_to_be_cancelled_in(self):
        kitchens = self.env["care.journey.type"].create({"name": "Kitchens"})
        self.assertEqual(
            kitchens.stage_ids.mapped("category"), ["open", "closed", "cancelled"], "to start with"
        )
        for category in ("open", "cancelled"):
            stage = kitchens.stage_ids.filtered(lambda s, c=category: s.category == c)
            for end in ("unlink", "action_archive"):
                with (
                    self.subTest(category=category, end=end),
                    self.assertRaisesRegex(ValidationError, "needs a stage"),
                    self.env.cr.savepoint(),
                ):
                    getattr(stage, end)()

    def test_a_filter_is_read_in_the_company_of_the_record_whoever_acts(self):
        elsewhere = self.env["res.company"].create(
            {"name": "Elsewhere", "care_start_date": fields.Date.today()}
        )
        key = self.env.ref("customer_care.tier_key")
        self.env["care.profile"].create(
            {"partner_id": self.customer.id, "company_id": self.company.id, "tier_id": key.id}
        )
        self._policy(filter_domain=f"[('partner_id.care_tier_id', '=', {key.id})]")
        self.env.user.company_ids = [Command.link(elsewhere.id)]
        order = self._order()
        order.with_company(elsewhere).action_confirm()
        self.assertEqual(len(self._journey(order).followup_ids), 1)

    def test_a_follow_up_planned_while_its_order_was_being_cancelled_is_not_made(self):
        self._policy()
        order = self._confirmed()
        journey = self._journey(order)
        order._action_cancel()
        # as a transaction leaves it that could not see the cancellation
        journey.followup_ids.write({"state": "planned", "next_at": fields.Datetime.now()})
        self._run("care.followup")
        self.assertEqual(journey.followup_ids.state, "cancelled")
        self.assertEqual(journey.followup_ids.cancel_reason, "ended")
        self.assertFalse(journey.activity_ids)

    def test_a_default_of_another_addon_is_kept_when_rows_are_planned(self):
        self._policy()
        field = self.env["care.followup"]._fields["occurrence_try"]
        self.patch(field, "default", lambda model: 7)
        rows = insert_new(
            self.env["care.followup"].sudo(),
            [
                {
                    "name": "Call",
                    "company_id": self.company.id,
                    "journey_id": self._journey(self._confirmed()).id,
                    "partner_id": self.customer.id,
                    "user_id": self.rep.id,
                    "date_due": fields.Date.today(),
                    "activity_type_id": self.env.ref(
                        "customer_care.mail_activity_type_followup"
                    ).id,
                }
            ],
        )
        self.assertEqual(rows.occurrence_try, 7)

    def test_an_activity_type_that_becomes_chained_is_refused_in_a_policys_plan(self):
        policy = self._policy()
        kind = policy.plan_id.template_ids.activity_type_id.copy({"name": "Visit"})
        policy.plan_id.template_ids.write(
            {"activity_type_id": kind.id, "responsible_type": "care_owner"}
        )
        with self.assertRaisesRegex(ValidationError, "starts another activity"):
            kind.write({"chaining_type": "trigger", "triggered_next_type_id": kind.id})
        with self.assertRaisesRegex(ValidationError, "another kind of document"):
            policy.plan_id.res_model = "care.case"

    # ------------------------------------------------------------
    # What a retry does is what the first attempt would have done
    # ------------------------------------------------------------

    def _failed(self, **policy):
        policy = self._policy(**policy)
        self._break(policy)
        with mute_logger(*ENGINE):
            journey = self._journey(self._confirmed())
        return policy, journey

    def test_a_late_retry_counts_from_the_day_of_the_event(self):
        policy, journey = self._failed(steps=((40, "care_owner"),))
        self.env.cr.execute("UPDATE care_retry SET happened_at = happened_at - interval '10 days'")
        self.env.invalidate_all()
        policy.filter_domain = "[]"
        self._run("care.retry")
        wanted = fields.Date.today() + timedelta(days=30)
        self.assertIn(
            (journey.followup_ids.date_due - wanted).days, range(-1, 4), "days off come after"
        )

    def test_a_retry_matches_the_stage_of_the_event(self):
        policy, journey = self._failed(event="stage_entered")
        first = journey.stage_id
        # so that the move itself plans nothing
        policy.write({"event": "order_confirmed", "filter_domain": "[]"})
        journey._enter_stage(self.stages[1])
        policy.write(
            {"event": "stage_entered", "filter_domain": f"[('stage_id', '=', {first.id})]"}
        )
        self._run("care.retry")
        self.assertEqual(len(journey.followup_ids), 1)
        self.assertEqual(journey.followup_ids.occurrence, 1)

    def test_a_rule_archived_while_it_is_mended_keeps_its_waiting_work(self):
        policy, journey = self._failed()
        policy.active = False
        self._run("care.retry")
        self.assertFalse(journey.followup_ids)
        policy.write({"filter_domain": "[]", "active": True})
        self._run("care.retry")
        self.assertEqual(len(journey.followup_ids), 1)

    def test_each_stage_entered_is_an_occurrence_of_its_own(self):
        policy = self._policy(event="stage_entered")
        journey = self._journey(self._confirmed())
        journey._enter_stage(self.stages[1])
        journey._enter_stage(self.stages[2])
        journey._enter_stage(self.stages[1])
        self.assertEqual(policy.followup_ids.sorted("id").mapped("occurrence"), [1, 2, 3, 4])
        journey._care_event("stage_entered")
        self.assertEqual(len(policy.followup_ids), 4)

    def test_archived_rules_and_stages_stay_out_whatever_the_context(self):
        policy = self._policy()
        policy.active = False
        order = self._order()
        order.with_context(active_test=False).action_confirm()
        self.assertFalse(self._journey(order).followup_ids)
        old = self.env["care.stage"].create(
            {
                "name": "Old",
                "res_model": "care.case",
                "category": "open",
                "sequence": -1,
                "active": False,
            }
        )
        case = (
            self.env["care.case"]
            .with_context(active_test=False)
            .create({"name": "x", "partner_id": self.customer.id, "company_id": self.company.id})
        )
        self.assertNotEqual(case.stage_id, old)

    def test_a_statement_that_takes_too_long_is_the_rules_error_and_stops_no_sale(self):
        policy = self._policy()

        def slow(self, *args):
            raise psycopg2.errors.QueryCanceled("canceling statement due to statement timeout")

        self.patch(type(policy), "_apply", slow)
        with mute_logger(*ENGINE):
            order = self._confirmed()
        self.assertEqual(order.state, "sale")
        self.assertIn("timeout", policy.last_error)

    def test_a_conflict_wrapped_in_another_error_is_still_a_conflict(self):
        policy = self._policy()
        journey = self._journey(self._confirmed())

        def wrapped(self, *args):
            try:
                raise psycopg2.errors.SerializationFailure("could not serialize")
            except psycopg2.errors.SerializationFailure as error:
                raise ValueError("in a template") from error

        self.patch(type(policy), "_apply", wrapped)
        with self.assertRaises(psycopg2.errors.SerializationFailure):
            journey._care_event("order_confirmed")
