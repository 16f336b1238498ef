from datetime import datetime
from unittest.mock import patch

from odoo import Command
from odoo.tools import mute_logger

from odoo.addons.customer_care.tests.common import CareCase

#: Monday to Friday, nine to five in Brussels; an hour more than UTC.
FRIDAY_16 = "2026-11-20 15:00:00"
MONDAY_9 = "2026-11-23 08:00:00"
MONDAY_10 = "2026-11-23 09:00:00"
MONDAY_13 = "2026-11-23 12:00:00"
MONDAY_17 = "2026-11-23 16:00:00"
TUESDAY_10 = "2026-11-24 09:00:00"

ENGINE = (
    "odoo.addons.customer_care_sla.models.care_sla_clock",
    "odoo.addons.customer_care.models.care_due_mixin",
)
quiet = mute_logger(*ENGINE)


class SlaCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.customer.tz = "Europe/Brussels"
        # the policy that comes with the addon must not meddle with what a test expects
        cls.env["care.sla.policy"].search([]).active = False
        cls.policy = cls._sla()

    def setUp(self):
        super().setUp()
        # what is late depends on the day: here it is always the same
        self.enterContext(self._at(TUESDAY_10))

    @classmethod
    def _sla(cls, lines=None, levels=None, **vals):
        """A policy: 4 hours to the first answer, 2 days to the solution, the owner told
        at a quarter of the time left, the leader when it is due."""
        if lines is None:
            lines = [("first_response", "any", "hours", 4), ("resolution", "any", "days", 2)]
        if levels is None:
            levels = [("before", 25, "owner"), ("at", 0, "leader")]
        return cls.env["care.sla.policy"].create(
            {
                "name": "Four hours",
                "company_id": cls.company.id,
                "target_ids": [
                    Command.create(
                        {"measure": measure, "severity": severity, "kind": kind, "amount": n}
                    )
                    for measure, severity, kind, n in lines
                ],
                "level_ids": [
                    Command.create({"timing": timing, "share_left": share, "tell": tell})
                    for timing, share, tell in levels
                ],
                **vals,
            }
        )

    def _empty_calendar(self):
        """The company has no hours any more.

        :return: its calendar, and the commands that give them back
        """
        calendar = self.company.resource_calendar_id
        hours = [
            {key: hour[key] for key in ("name", "dayofweek", "hour_from", "hour_to")}
            for hour in calendar.attendance_ids
        ]
        calendar.attendance_ids.unlink()
        return calendar, [Command.create(vals) for vals in hours]

    def _case_at(self, moment, **vals):
        with self._at(moment):
            return self._case(**{"received_at": moment, **vals})

    def _cases_of(self, people, moment):
        """A case of each of them, opened together."""
        with self._at(moment):
            cases = self.env["care.case"].create(
                [
                    {
                        "name": f"Case of {person.name}",
                        "partner_id": person.id,
                        "company_id": self.company.id,
                        "team_id": self.team.id,
                        "received_at": moment,
                    }
                    for person in people
                ]
            )
            self.env.flush_all()
        return cases

    def _clock(self, case, measure="first_response"):
        return case.clock_ids.filtered(lambda clock: clock.measure == measure)

    def _cron_at(self, moment):
        with self._at(moment):
            self._run("care.sla.clock")
        self.env.invalidate_all()

    def _stage(self, case, name, moment):
        with self._at(moment):
            case._enter_stage(self.env.ref(f"customer_care.stage_case_{name}"))
            self.env.flush_all()

    def _resolve(self, case, moment):
        case.resolution = "The heating element was replaced."
        self._stage(case, "resolved", moment)

    def _move(self, remedy, state, moment):
        names = {
            "approved": "approved_at",
            "offered": "offered_at",
            "accepted": "answered_at",
            "declined": "answered_at",
            "executed": "executed_at",
        }
        with self._at(moment):
            at = {names[state]: moment} if state in names else {}
            remedy.sudo().write({"state": state, **at})
            self.env.flush_all()
        self.env.invalidate_all()

    def _alerts(self, case):
        return self.env["care.sla.alert"].search([("clock_id.case_id", "=", case.id)])

    @staticmethod
    def _patched(name, value):
        return patch(name, value)

    @staticmethod
    def _utc(text):
        return datetime.fromisoformat(text)


class BacktestCase(SlaCase):
    def _draft(self, lines, **vals):
        return self._sla(lines, active=False, sequence=self.policy.sequence - 1, **vals)

    def _backtest(self, policy, run=True, **vals):
        test = (
            self.env["care.sla.backtest"]
            .with_user(self.manager)
            .create({"policy_id": policy.id, "company_id": self.company.id, "days": 30, **vals})
        )
        test.action_start()
        if run:
            self._finish()
        return test.sudo()

    def _finish(self):
        self.env.flush_all()
        self._run("care.sla.backtest")
        self.env.invalidate_all()

    def _compare(self, policy, records, **vals):
        """The same history, lived by the engine and played: the same promises, to the second.

        :return: the promises that ended as kept or broken, or still run
        """
        test = self._backtest(policy, **vals)
        self.assertFalse(test.note)
        clocks = records.clock_ids.filtered(
            lambda clock: (
                clock.policy_id == policy
                and (clock.state != "cancelled" or (clock.breached_at and not clock.needless))
            )
        )
        lines = {(line._record(), line.measure, line.number): line for line in test.line_ids}
        mine = {key: line for key, line in lines.items() if key[0] in records}
        self.assertEqual(len(lines), len(test.line_ids))
        self.assertEqual(
            {(clock._record(), clock.measure, clock.cycle) for clock in clocks}, set(mine)
        )
        for clock in clocks:
            line = mine[clock._record(), clock.measure, clock.cycle]
            with self.subTest(clock=clock.display_name, number=clock.cycle):
                self.assertEqual(
                    (line.started_at, line.due_at, line.ended_at),
                    (clock.started_at, clock.due_at or clock.held_due_at, clock.stopped_at),
                )
                self.assertEqual(line.today_due_at, line.due_at)
                self.assertEqual(line.late_seconds, line.today_late_seconds)
                self.assertEqual((line.decided, line.met), (line.today_decided, line.today_met))
                self.assertEqual(bool(line.decided and not line.met), clock.is_late)
                self.assertFalse(line.worse or line.better)
        return clocks
