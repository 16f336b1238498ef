import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import RecordCapturer, tagged
from odoo.tools import mute_logger

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
