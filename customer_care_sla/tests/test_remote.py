"""What people try over `/json/2`."""

from odoo.tests import tagged

from odoo.addons.customer_care.tests.test_security import Attack


@tagged("post_install", "-at_install")
class TestRemote(Attack):
    """Nothing that the engine of promises writes is forged by the network."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["care.sla.policy"].search([]).active = False
        cls.promise = cls.env["care.sla.policy"].create(
            {
                "name": "Secret policy",
                "company_id": False,
                "target_ids": [(0, 0, {"measure": "first_response", "amount": 4})],
                "level_ids": [(0, 0, {"timing": "at", "tell": "leader"})],
            }
        )
        cls.case = cls._case(owner_id=cls.agent.id, name="Secret promise")
        cls.clock = cls.case.clock_ids

    def test_nobody_writes_starts_ends_or_deletes_a_promise_over_json(self):
        self.assertEqual(self.clock.state, "running")
        before = self._state()
        attempts = [
            ("care.sla.clock", "write", self.clock.ids, {"vals": {"due_at": "2040-01-01"}}),
            ("care.sla.clock", "write", self.clock.ids, {"vals": {"state": "met"}}),
            ("care.sla.clock", "unlink", self.clock.ids, {}),
            ("care.sla.clock", "create", None, {"vals_list": [{"measure": "resolution"}]}),
            ("care.sla.pause", "create", None, {"vals_list": [{"clock_id": self.clock.id}]}),
            ("care.sla.alert", "create", None, {"vals_list": [{"clock_id": self.clock.id}]}),
            ("care.case", "write", self.case.ids, {"vals": {"promise_due_at": "2040-01-01"}}),
            (
                "care.case",
                "write",
                self.case.ids,
                {"vals": {"clock_ids": [[1, self.clock.id, {"state": "met"}]]}},
            ),
        ]
        for user in (self.agent, self.leader, self.manager, self.stranger, self.victim):
            for model, method, ids, params in attempts:
                with self.subTest(user=user.login, model=model, method=method, params=params):
                    self._refused(user, model, method, ids, **params)
            for method in ("_stop", "_pause", "_resume", "_give_up", "_replan"):
                status, _answer = self._call(user, "care.sla.clock", method, self.clock.ids)
                self.assertGreaterEqual(status, 400, method)
        after = self._state()
        for table in ("care_sla_clock", "care_sla_pause", "care_sla_alert", "care_case"):
            self.assertEqual(before[table], after[table], table)

    def test_another_companys_manager_does_nothing_to_ours_over_json(self):
        theirs = self.company_b["manager"]
        row = self.env["care.sla.apply"].create(
            {"policy_id": self.promise.id, "company_id": self.company.id}
        )
        for model, method, ids, params in (
            ("care.sla.clock", "read", self.clock.ids, {"fields": ["due_at", "reason"]}),
            ("care.sla.clock", "action_retry", self.clock.ids, {}),
            ("care.sla.clock", "action_no_answer", self.clock.ids, {}),
            ("care.sla.apply", "action_start", row.ids, {}),
            ("care.sla.apply", "action_stop", row.ids, {}),
            (
                "care.sla.apply",
                "create",
                None,
                {"vals_list": [{"policy_id": self.promise.id, "company_id": self.company.id}]},
            ),
            (
                "care.sla.backtest",
                "create",
                None,
                {"vals_list": [{"policy_id": self.promise.id, "company_id": self.company.id}]},
            ),
        ):
            with self.subTest(model=model, method=method):
                self._refused(theirs, model, method, ids, **params)
        status, answer = self._call(
            theirs,
            "care.sla.apply",
            "onchange",
            [],
            values={"company_id": self.company.id, "also_new": True},
            field_names=["company_id"],
            fields_spec={"company_id": {}, "open_count": {}, "new_count": {}},
        )
        counts = answer.get("value", {}) if status == 200 else {}
        self.assertFalse(counts.get("open_count") or counts.get("new_count"))
