from odoo.tests import tagged

from .common import MONDAY_9, MONDAY_10, MONDAY_13, TUESDAY_10, SlaCase

#: The last quarter of four hours from nine.
MONDAY_12 = "2026-11-23 11:00:00"


@tagged("post_install", "-at_install")
class TestAlerts(SlaCase):
    def setUp(self):
        super().setUp()
        self.policy.target_ids.filtered(lambda t: t.measure == "resolution").unlink()

    def _told(self, case):
        return case.activity_ids.filtered(
            lambda a: a.activity_type_id.get_external_id()[a.activity_type_id.id].startswith(
                "customer_care_sla."
            )
        )

    def test_the_owner_is_told_in_the_last_quarter_and_the_leader_when_it_is_due(self):
        case = self._case_at(MONDAY_9)
        clock = self._clock(case)
        self.assertEqual(clock.next_at, self._utc(MONDAY_12))
        self._cron_at(MONDAY_10)
        self.assertFalse(self._told(case))
        self._cron_at(MONDAY_12)
        self.assertEqual(self._told(case).user_id, case.owner_id)
        with self._at(MONDAY_12):
            self.assertEqual(clock.status, "risk")
        self._cron_at("2026-11-23 12:01:00")
        told = self._told(case)
        self.assertEqual(told.mapped("user_id"), case.owner_id | self.leader)
        self.assertIn("Mon 23 Nov, 13:00", " ".join(told.mapped("summary")))
        self.assertFalse(clock.next_at, "nothing is left to do for the engine")

    def test_the_team_leader_is_told_once_however_often_the_cron_runs(self):
        case = self._case_at(MONDAY_9)
        for moment in (MONDAY_12, "2026-11-23 12:01:00", "2026-11-23 12:02:00", TUESDAY_10):
            self._cron_at(moment)
        # as if a transaction had been lost after the alert: the unique row decides
        self._clock(case).write({"levels_passed": 0, "next_at": MONDAY_13})
        self._cron_at(TUESDAY_10)
        leader = self._told(case).filtered(lambda a: a.user_id == self.leader)
        self.assertEqual(len(leader), 1)
        self.assertEqual(self._alerts(case).mapped("tell"), ["leader", "owner"])

    def test_after_downtime_only_the_highest_newly_passed_level_is_told(self):
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._alerts(case).user_id, self.leader)
        self.assertEqual(len(self._told(case)), 1)
        self.assertEqual(self._clock(case).breached_at, self._utc(MONDAY_13))

    def _levels(self, *levels):
        """Levels in place of the policy's own: timing, share left, measure, who is told."""
        self.policy.level_ids.unlink()
        self.policy.level_ids = [
            (0, 0, {"timing": timing, "share_left": share, "measure": measure, "tell": tell})
            for timing, share, measure, tell in levels
        ]

    def test_all_levels_of_a_moment_are_told(self):
        self._levels(
            ("before", 25, False, "owner"),
            ("before", 25, "first_response", "leader"),
            ("at", 0, False, "leader"),
            ("at", 0, "first_response", "owner"),
            ("at", 0, "resolution", "leader"),
        )
        case = self._case_at(MONDAY_9)
        both = case.owner_id | self.leader
        self.assertEqual(len(both), 2)
        self._cron_at(MONDAY_12)
        self.assertEqual(self._alerts(case).user_id, both)
        self.assertEqual(len(self._told(case)), 2)
        self._cron_at("2026-11-23 12:01:00")
        self._cron_at("2026-11-23 12:02:00")
        alerts = self._alerts(case)
        self.assertEqual(len(alerts), 4)
        self.assertEqual(alerts.filtered(lambda a: not a.seconds_left).user_id, both)
        self.assertEqual(len(self._told(case)), 4)
        self.assertEqual(len(alerts.level_id), 4, "the level of the solution is not this one's")

    def test_after_downtime_all_levels_of_the_last_moment_are_told(self):
        self._levels(
            ("before", 25, False, "owner"),
            ("before", 25, False, "leader"),
            ("at", 0, False, "owner"),
            ("at", 0, False, "leader"),
        )
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        alerts = self._alerts(case)
        self.assertEqual(alerts.mapped("seconds_left"), [0, 0])
        self.assertEqual(alerts.user_id, case.owner_id | self.leader)
        self.assertFalse(self._clock(case).next_at)

    def test_who_is_told_twice_at_one_moment_finds_it_once(self):
        self._levels(("at", 0, False, "owner"), ("at", 0, False, "leader"))
        case = self._case_at(MONDAY_9, owner_id=self.leader.id)
        self._cron_at(TUESDAY_10)
        self.assertEqual(len(self._alerts(case)), 2)
        self.assertEqual(self._told(case).user_id, self.leader)
        self.assertEqual(len(self._told(case)), 1)

    def test_nobody_is_told_of_a_past_that_was_registered_late(self):
        case = self._case_at(TUESDAY_10, received_at=MONDAY_9)
        clock = self._clock(case)
        self.assertTrue(clock.is_late)
        self.assertEqual(clock.breached_at, self._utc(MONDAY_13))
        self.assertFalse(clock.next_at)
        self._cron_at(TUESDAY_10)
        self.assertFalse(self._alerts(case))

    def test_an_absent_leader_is_stood_in_for(self):
        self.leader.care_substitute_id = self.manager
        case = self._case_at(MONDAY_9)
        self.leader.active = False
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._alerts(case).user_id, self.manager)

    def test_answering_takes_back_the_hurry_and_leaves_what_was_broken(self):
        case = self._case_at(MONDAY_9)
        self._cron_at(MONDAY_12)
        with self._at(MONDAY_12):
            self.env["care.sla.clock"]._meet(case, ["first_response"])
        self.assertFalse(self._told(case))
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        with self._at(TUESDAY_10):
            self.env["care.sla.clock"]._meet(case, ["first_response"])
        self.assertEqual(self._told(case).user_id, self.leader)

    def test_a_level_passed_before_a_pause_is_not_told_again_after_it(self):
        self.policy.target_ids = [(0, 0, {"measure": "resolution", "kind": "hours", "amount": 4})]
        case = self._case_at(MONDAY_9)
        self._cron_at(MONDAY_12)
        self._stage(case, "waiting_customer", MONDAY_12)
        self._stage(case, "progress", TUESDAY_10)
        self._cron_at("2026-11-24 09:30:00")
        clock = self._clock(case, "resolution")
        self.assertEqual(clock.due_at, self._utc("2026-11-24 10:00:00"))
        self.assertEqual(len(clock.alert_ids), 1)

    def test_a_policy_without_levels_records_the_breach_and_tells_nobody(self):
        self.policy.level_ids.unlink()
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        self.assertTrue(self._clock(case).breached_at)
        self.assertFalse(self._alerts(case))

    def test_levels_deleted_since_are_told_as_they_were_promised(self):
        case = self._case_at(MONDAY_9)
        self.policy.level_ids.unlink()
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._alerts(case).user_id, self.leader)
        self.assertFalse(self._alerts(case).level_id)
