from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from .common import MONDAY_9, MONDAY_10, TUESDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestCosts(SlaCase):
    def _vals(self, count):
        return [
            {
                "name": f"Case {number}",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "team_id": self.team.id,
                "received_at": MONDAY_9,
            }
            for number in range(count)
        ]

    def _cases(self, count):
        with self._at(MONDAY_9):
            cases = self.env["care.case"].create(self._vals(count))
            self.env.flush_all()
        return cases

    def _queries(self, function):
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        function()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _clock_queries(self, count):
        """Queries that the clocks of one batch of cases cost."""
        spent = []
        mixin = type(self.env["care.sla.clock"])
        follow = mixin._follow

        def counted(clocks, records, event):
            spent.append(self._queries(lambda: follow(clocks, records, event)))

        with patch.object(mixin, "_follow", counted):
            self._cases(count)
        return sum(spent)

    def _as_if_lasting(self):
        """Working hours that were frozen long ago: here all is one transaction."""
        clocks = type(self.env["care.sla.clock"])
        self.addCleanup(self.registry.__dict__.pop, "_care_sla_snapshots", None)
        self.enterContext(patch.object(clocks, "_lasting", lambda _self, ids: set(ids)))

    def test_the_clocks_of_a_case_cost_one_query(self):
        self._as_if_lasting()
        self.policy.target_ids = [
            Command.create({"measure": "acknowledgement", "kind": "minutes", "amount": 30})
        ]
        self._clock_queries(1)
        self.assertLessEqual(self._clock_queries(1), 1)

    def test_working_hours_that_change_are_seen_at_once_although_they_are_kept(self):
        self._as_if_lasting()
        self._cases(1)
        due = self._clock(self._cases(1)).due_at
        self.company.resource_calendar_id.attendance_ids.filtered(
            lambda hours: hours.dayofweek == "0"
        ).unlink()
        later = self._clock(self._cases(1)).due_at
        self.assertGreater(later, due)
        closed = self.env["resource.calendar.leaves"].create(
            {
                "name": "Closed",
                "date_from": "2026-11-23 23:00:00",
                "date_to": "2026-11-24 22:59:59",
                "company_id": self.company.id,
                "calendar_id": self.company.resource_calendar_id.id,
            }
        )
        self.assertGreater(self._clock(self._cases(1)).due_at, later)
        closed.unlink()
        self.assertEqual(self._clock(self._cases(1)).due_at, later)

    def test_the_cron_is_woken_for_what_is_due_before_it_looks_again(self):
        cron = self.env.ref("customer_care_sla.ir_cron_clocks")
        triggers = self.env["ir.cron.trigger"]

        def woken():
            return triggers.search([("cron_id", "=", cron.id)]).mapped("call_at")

        triggers.search([("cron_id", "=", cron.id)]).unlink()
        case = self._case_at(MONDAY_9)
        self.assertFalse(woken(), "its first level is three hours away")
        self._cron_at("2026-11-23 10:50:00")
        self.assertFalse(woken())
        self._cron_at("2026-11-23 10:55:00")
        self.assertEqual(woken(), [self._utc("2026-11-23 11:00:00")])
        self.policy.target_ids[0].write({"kind": "minutes", "amount": 4})
        self._case_at(MONDAY_9)
        self.assertEqual(min(woken()), self._utc("2026-11-23 08:03:00"))
        self.assertEqual(self._clock(case).state, "running")

    def test_hours_that_a_transaction_has_made_are_not_kept_beyond_it(self):
        with self.assertRaises(ZeroDivisionError), self.cr.savepoint():
            self.company.resource_calendar_id.attendance_ids[0].unlink()
            self._cases(2)
            raise ZeroDivisionError
        self.env.invalidate_all()
        self.assertEqual(self._clock(self._cases(1)).state, "running")

    def test_a_move_costs_few_queries_for_its_clocks(self):
        self._as_if_lasting()
        case = self._cases(1)
        follow = type(self.env["care.sla.clock"])._follow
        spent = {}

        def counted(clocks, records, event):
            spent[event] = self._queries(lambda: follow(clocks, records, event))

        other = self._cases(1)
        for stage in ("waiting_customer", "progress"):
            self._stage(other, stage, MONDAY_10)  # what is read once in each process
        with patch.object(type(self.env["care.sla.clock"]), "_follow", counted):
            # one look where nothing changes; one more for the clock, and one for its pause with
            # what the case shows
            for stage, most in (("progress", 1), ("waiting_customer", 3), ("progress", 3)):
                self._stage(case, stage, MONDAY_10)
                self.assertLessEqual(spent["stage_entered"], most, stage)

    def test_the_clocks_of_a_batch_cost_as_many_queries_as_those_of_one_case(self):
        self._clock_queries(1)
        self.assertLessEqual(self._clock_queries(200), self._clock_queries(1))

    def test_more_policies_cost_no_more_queries(self):
        self._clock_queries(1)
        before = self._clock_queries(1)
        for number in range(20):
            self._sla([("first_response", "3", "hours", 1)], sequence=number)
        self._clock_queries(1)
        self.assertEqual(self._clock_queries(1), before)

    def test_the_cron_costs_no_more_with_more_open_clocks(self):
        def idle():
            with self._at(MONDAY_10):
                return self._queries(self.env["care.sla.clock"]._cron_run_due)

        def due():
            self._case_at(MONDAY_9, owner_id=self.agent.id)
            with self._at("2026-11-23 11:00:00"):
                rows = self.env["care.sla.clock"].search(
                    [("case_id", "not in", many.ids), ("next_at", "<=", self.env.cr.now())]
                )
                return len(rows), self._queries(rows._run_guarded)

        with patch.object(type(self.env["ir.cron"]), "_commit_progress", return_value=1):
            many = self._cases(5)  # ten open clocks
            idle()
            due()
            few, few_due = idle(), due()
            many |= self._cases(245)  # and five hundred
            self.assertEqual(idle(), few)
            self.assertEqual(few, 1)
            self.assertEqual(due(), few_due)

    def test_the_cron_tells_many_leaders_in_as_many_queries_as_one(self):
        cases = self._cases(60)

        def run(mine):
            with self._at(TUESDAY_10):
                self.env.invalidate_all()
                clocks = mine.clock_ids.filtered(lambda c: c.measure == "first_response")
                return self._queries(clocks._run_due)

        run(cases[:1])
        one = run(cases[1:2])
        self.assertLessEqual(run(cases[2:]), one + 10)
        self.assertEqual(len(self._alerts_of(cases)), 60)

    def _alerts_of(self, cases):
        return self.env["care.sla.alert"].search([("clock_id.case_id", "in", cases.ids)])

    def test_a_page_of_cases_costs_one_query_for_its_promises(self):
        cases = self._cases(80)
        cases.mapped("promise_label")
        cases.invalidate_recordset()
        cases.clock_ids.invalidate_recordset()
        self.assertEqual(self._queries(lambda: cases.mapped("promise_label")), 1)

    def test_moving_many_cases_costs_as_many_clock_queries_as_moving_one(self):
        cases = self._cases(50)
        waiting = self.env.ref("customer_care.stage_case_waiting_customer")
        Clock = self.env["care.sla.clock"]
        with self._at(MONDAY_10), patch.object(type(Clock), "_follow"):
            cases._enter_stage(waiting)

        def follow(mine):
            with self._at(MONDAY_10):
                return self._queries(lambda: Clock._follow(mine, "stage_entered"))

        follow(cases[:1])
        self.assertLessEqual(follow(cases[2:]), follow(cases[1:2]) + 1)
