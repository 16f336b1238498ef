from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import MONDAY_9, TUESDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestSecurity(SlaCase):
    def setUp(self):
        super().setUp()
        self.case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        self.clock = self._clock(self.case)

    def test_nobody_forges_a_clock_over_rpc(self):
        vals = {
            "case_id": self.case.id,
            "company_id": self.company.id,
            "measure": "acknowledgement",
            "started_at": MONDAY_9,
        }
        for user in (self.agent, self.leader, self.manager):
            clock = self.clock.with_user(user)
            for change in ({"due_at": "2030-01-01"}, {"state": "met"}, {"breached_at": False}):
                with self.assertRaises(AccessError):
                    clock.write(change)
            with self.assertRaises(AccessError):
                clock.create(vals)
            with self.assertRaises(AccessError):
                clock.unlink()

    def test_nobody_forges_a_clock_through_its_case(self):
        vals = {"measure": "acknowledgement", "started_at": MONDAY_9}
        vals["company_id"] = self.company.id
        for user in (self.agent, self.leader, self.manager):
            case = self.case.with_user(user)
            for command in (
                Command.create(vals),
                Command.update(self.clock.id, {"state": "met"}),
                Command.delete(self.clock.id),
            ):
                with self.assertRaises(AccessError):
                    case.write({"clock_ids": [command]})
                with self.assertRaises(AccessError):
                    case.create(
                        {
                            "name": "Forged",
                            "partner_id": self.customer.id,
                            "company_id": self.company.id,
                            "team_id": self.team.id,
                            "clock_ids": [command],
                        }
                    )

    def test_nobody_forges_an_alert_over_rpc(self):
        alert = self._alerts(self.case)[:1]
        for user in (self.agent, self.leader, self.manager):
            with self.assertRaises(AccessError):
                alert.with_user(user).write({"user_id": user.id})
            with self.assertRaises(AccessError):
                alert.with_user(user).unlink()
            with self.assertRaises(AccessError):
                alert.with_user(user).create({"clock_id": self.clock.id, "level_key": 1})

    def test_policies_are_the_managers(self):
        for record in (self.policy, self.policy.target_ids[0], self.policy.level_ids[0]):
            for user in (self.agent, self.leader):
                record.with_user(user).read(["display_name"])
                with self.assertRaises(AccessError):
                    record.with_user(user).write({"policy_id": 1, "name": "x"})
        self.policy.with_user(self.manager).write({"name": "Mine"})
        self.policy.with_user(self.manager).target_ids[0].amount = 8
        self.policy.with_user(self.manager).copy()

    def test_a_manager_promises_nothing_in_another_company(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        theirs = self._sla(company_id=elsewhere.id, name="Theirs")
        policy = self.policy.with_user(self.manager)
        for part in (policy.target_ids[0], policy.level_ids[0]):
            with self.assertRaises(AccessError), self.cr.savepoint():
                part.write({"policy_id": theirs.id})
        with self.assertRaises(AccessError), self.cr.savepoint():
            policy.write({"company_id": elsewhere.id})
        self.assertEqual(self.policy.company_id, self.company)

    def test_what_has_been_started_is_not_turned_on_another_company(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        shared = self._sla(company_id=False, name="Shared")
        for model in ("care.sla.apply", "care.sla.backtest"):
            row = self.env[model].with_user(self.manager).create({"policy_id": shared.id})
            with self.assertRaises(AccessError), self.cr.savepoint():
                row.write({"company_id": elsewhere.id})
            row.action_start()
            for vals in ({"company_id": elsewhere.id}, {"policy_id": self.policy.id}):
                with self.assertRaises(UserError), self.cr.savepoint():
                    row.write(vals)
            self.assertEqual((row.company_id, row.policy_id), (self.company, shared), model)

    def test_an_agent_sees_the_promises_of_their_own_and_their_teams_cases(self):
        stranger = self._user("care_stranger", "customer_care.group_agent")
        Clock = self.env["care.sla.clock"]
        for user in (self.agent, self.agent2, self.leader, self.manager):
            self.assertIn(self.clock, Clock.with_user(user).search([]))
        self.assertFalse(Clock.with_user(stranger).search([]))
        self.assertFalse(self.env["care.sla.alert"].with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            self.clock.with_user(stranger).read(["due_at"])

    def test_an_agent_of_another_company_sees_nothing(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        user = self._user("care_b", "customer_care.group_manager", company=other)
        for model in ("clock", "alert", "policy", "target", "level"):
            found = self.env[f"care.sla.{model}"].with_user(user).search([])
            self.assertFalse(found.filtered(lambda r: r.company_id == self.company), model)
        with self.assertRaises(AccessError):
            self.clock.with_user(user).read(["due_at"])
        self.assertNotIn(
            self.case,
            self.env["care.case"].with_user(user).search([("promise_late", "=", True)]),
        )

    def test_a_customer_on_the_portal_reads_no_clock(self):
        user = self._user("care_portal", "base.group_portal")
        user.partner_id.parent_id = self.customer
        with self.assertRaises(AccessError):
            self.clock.with_user(user).read(["due_at"])
        case = self.case.with_user(user)
        self.assertEqual(case.read(["name"])[0]["name"], self.case.name)
        for name in ("clock_ids", "promise_label", "promise_late"):
            with self.assertRaises(AccessError):
                case.read([name])
