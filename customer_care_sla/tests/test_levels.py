from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.customer_care_sla.hooks import uninstall_hook

from .common import FRIDAY_16, MONDAY_9, MONDAY_13, TUESDAY_10, SlaCase, quiet

MONDAY_14 = "2026-11-23 13:00:00"
MONDAY_17 = "2026-11-23 16:00:01"
TUESDAY_9 = "2026-11-24 08:00:00"


class LevelCase(SlaCase):
    def setUp(self):
        super().setUp()
        # four hours to the first answer, and nothing else
        self.policy.target_ids.filtered(lambda t: t.measure == "resolution").unlink()
        self.policy.level_ids.unlink()

    def _levels(self, *levels, **vals):
        self.policy.write({"level_ids": [Command.create(level) for level in levels], **vals})

    def _told(self, case):
        return self._alerts(case).filtered(lambda alert: alert.state == "done")

    def _alert_cron_at(self, moment):
        with self._at(moment):
            self._run("care.sla.alert")
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestLevels(LevelCase):
    def test_levels_after_it_is_due_follow_one_another_in_working_time(self):
        self._levels(
            {"timing": "at", "tell": "owner"},
            {"timing": "after", "unit": "hours", "amount": 2, "tell": "leader"},
            {
                "timing": "after",
                "unit": "hours",
                "amount": 6,
                "tell": "user",
                "user_id": self.manager.id,
            },
        )
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(self._told(case).user_id, case.owner_id)
        self._cron_at("2026-11-23 13:59:00")
        self.assertEqual(len(self._told(case)), 1)
        self._cron_at("2026-11-23 14:00:00")
        self.assertEqual(self._told(case).user_id, case.owner_id | self.leader)
        # six hours after 13:00: four of them on Monday, two on Tuesday
        self._cron_at("2026-11-24 09:59:59")
        self.assertEqual(len(self._told(case)), 2)
        self._cron_at("2026-11-24 10:00:00")
        self.assertEqual(self._told(case).user_id, case.owner_id | self.leader | self.manager)
        clock = self._clock(case)
        self.assertFalse(clock.next_at)
        self.assertEqual(clock.breached_at, self._utc(MONDAY_13))

    def test_after_a_week_of_downtime_one_message_a_clock(self):
        self._levels(
            {"timing": "before", "share_left": 25, "tell": "owner"},
            {"timing": "at", "tell": "owner"},
            {"timing": "after", "unit": "hours", "amount": 2, "tell": "leader"},
            {
                "timing": "after",
                "unit": "days",
                "amount": 1,
                "tell": "user",
                "user_id": self.manager.id,
            },
        )
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-30 09:00:00")
        self.assertEqual(self._told(case).user_id, self.manager)
        self.assertEqual(len(case.activity_ids), 1)
        self.assertEqual(self._clock(case).breached_at, self._utc(MONDAY_13))

    def test_a_time_left_is_counted_in_working_hours(self):
        self._levels({"timing": "before", "unit": "minutes", "amount": 90, "tell": "owner"})
        # due on Monday 12:00: one hour on Friday, three on Monday
        case = self._case_at(FRIDAY_16)
        self.assertEqual(self._clock(case).next_at, self._utc("2026-11-23 09:30:00"))

    def test_working_days_after_are_the_same_clock_time(self):
        self._levels({"timing": "after", "unit": "days", "amount": 1, "tell": "leader"})
        case = self._case_at("2026-11-20 08:00:00")  # due on Friday 13:00
        self._cron_at("2026-11-20 12:01:00")
        self.assertEqual(self._clock(case).next_at, self._utc(MONDAY_13))

    def test_hours_by_the_clock_pass_at_night(self):
        self._levels({"timing": "after", "unit": "wall_hours", "amount": 8, "tell": "leader"})
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self._cron_at("2026-11-23 20:00:00")
        self.assertEqual(self._told(case).user_id, self.leader)

    def test_levels_of_several_units_pass_in_the_order_of_their_moments(self):
        self._levels(
            {"timing": "after", "unit": "hours", "amount": 5, "tell": "leader"},
            {"timing": "after", "unit": "wall_hours", "amount": 8, "tell": "owner"},
        )
        case = self._case_at(MONDAY_9)  # due at 13:00: 21:00 comes before Tuesday 10:00
        self._cron_at("2026-11-23 20:00:00")
        self.assertEqual(self._told(case).mapped("tell"), ["owner"])
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._told(case).mapped("tell"), ["leader", "owner"])

    def test_time_in_which_a_late_promise_stands_still_does_not_escalate_it(self):
        self.policy.target_ids = [
            Command.clear(),
            Command.create({"measure": "resolution", "kind": "hours", "amount": 4}),
        ]
        self._levels({"timing": "after", "unit": "hours", "amount": 2, "tell": "leader"})
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self._stage(case, "waiting_customer", MONDAY_14)
        self._stage(case, "progress", TUESDAY_9)  # three working hours later
        self._cron_at(TUESDAY_9)
        self.assertFalse(self._told(case))
        self.assertEqual(self._clock(case, "resolution").next_at, self._utc(TUESDAY_10))
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._told(case).user_id, self.leader)

    def test_no_level_after_it_is_due_once_the_promise_is_met(self):
        self._levels(
            {"timing": "at", "tell": "owner"},
            {"timing": "after", "unit": "hours", "amount": 2, "tell": "leader"},
        )
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        with self._at("2026-11-23 12:30:00"):
            self.env["care.sla.clock"]._answered(case, self.agent)
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._told(case).mapped("tell"), ["owner"])

    def test_who_is_told(self):
        stage = self.env.ref("customer_care.stage_case_new")
        stage.curator_id = self.manager
        self.customer.user_id = self.agent2
        self._levels(
            {"timing": "before", "share_left": 50, "tell": "curator"},
            {"timing": "at", "tell": "account_manager"},
        )
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 10:00:00")
        self.assertEqual(self._told(case).user_id, self.manager)
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(self._told(case).user_id, self.manager | self.agent2)

    def test_who_has_left_is_stood_in_for(self):
        self._levels(
            {"timing": "at", "tell": "user", "user_id": self.agent2.id},
        )
        case = self._case_at(MONDAY_9)
        self.agent2.active = False
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._told(case).user_id, self.leader)

    def test_nobody_hears_of_a_past_that_was_registered_late_whatever_the_level(self):
        self._levels(
            {"timing": "at", "action": "reassign", "assign_to": "leader"},
            {"timing": "after", "unit": "hours", "amount": 1, "action": "severity"},
            {"timing": "after", "unit": "hours", "amount": 40, "tell": "leader"},
        )
        case = self._case_at(TUESDAY_10, received_at=MONDAY_9)
        owner = case.owner_id
        self._cron_at(TUESDAY_10)
        self.assertFalse(self._alerts(case))
        self.assertEqual((case.owner_id, case.severity), (owner, "1"))
        # what comes later is told
        self.assertTrue(self._clock(case).next_at)


@tagged("post_install", "-at_install")
class TestLevelActions(LevelCase):
    def test_a_level_gives_the_case_to_the_leader_with_its_open_work(self):
        self._levels({"timing": "at", "action": "reassign", "assign_to": "leader"})
        case = self._case_at(MONDAY_9)
        followup = self.env["care.followup"].search([("case_id", "=", case.id)])
        before = case.owner_id
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(case.owner_id, self.leader)
        self.assertEqual(case.tenure_ids.user_id, before | self.leader)
        self.assertFalse(followup.filtered(lambda row: row.user_id == before))
        self.assertIn("Given to care_leader", " ".join(case.message_ids.mapped("body")))
        self._cron_at(TUESDAY_10)
        self.assertEqual(len(self._alerts(case)), 1)

    def test_a_level_gives_the_case_to_the_least_busy_of_the_others(self):
        self._levels({"timing": "at", "action": "reassign", "assign_to": "least_busy"})
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self._case_at(TUESDAY_10, owner_id=self.agent2.id)
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(case.owner_id, self.agent2)

    def test_a_level_gives_the_case_to_a_named_user_or_who_stands_in(self):
        self._levels(
            {"timing": "at", "action": "reassign", "assign_to": "user", "user_id": self.manager.id},
        )
        case, other = self._case_at(MONDAY_9), self._case_at(MONDAY_13)
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(case.owner_id, self.manager)
        self.manager.active = False
        self._cron_at("2026-11-24 13:01:00")
        self.assertEqual(other.owner_id, self.leader)

    def test_a_level_raises_the_severity_by_one_and_not_above_critical(self):
        self._levels({"timing": "at", "action": "severity"})
        normal, critical = self._case_at(MONDAY_9), self._case_at(MONDAY_9, severity="3")
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual((normal.severity, critical.severity), ("2", "3"))
        self._cron_at(TUESDAY_10)
        self.assertEqual(normal.severity, "2")

    def test_a_severity_raised_by_a_level_changes_the_promise_and_nothing_is_lost(self):
        for severity, hours in (("2", 2), ("3", 1)):
            self.policy.target_ids = [
                Command.create({"measure": "first_response", "severity": severity, "amount": hours})
            ]
        self._levels(
            {"timing": "at", "action": "severity"},
            {"timing": "after", "unit": "hours", "amount": 1, "action": "severity"},
            {"timing": "at", "tell": "leader"},
        )
        case, other = self._case_at(MONDAY_9), self._case_at(MONDAY_9, severity="3")
        self._cron_at("2026-11-23 12:01:00")
        clock = self._clock(case)
        # late by four hours, then by two: an hour after these has passed, too
        self.assertEqual((case.severity, clock.spec_amount), ("3", 1))
        self.assertEqual((clock.error, clock.attempts), (False, 0))
        self.assertEqual(clock.breached_at, self._utc(MONDAY_13))
        self.assertEqual(set(self._told(case).mapped("action")), {"severity", "activity"})
        self.assertEqual(len(self._alerts(case)), 3, "each level once")
        self.assertEqual(set(self._alerts(case).mapped("state")), {"done"})
        self.assertTrue(self._told(other), "others of the same batch are told")
        self._cron_at(TUESDAY_10)
        self.assertEqual(len(self._alerts(case)), 3)

    def test_a_level_sends_a_mail_to_one_of_us_in_their_language(self):
        self._levels(
            {
                "timing": "at",
                "action": "mail",
                "tell": "leader",
                "template_id": self.env.ref("customer_care_sla.mail_template_level_staff").id,
            }
        )
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        alert = self._told(case)
        self.assertEqual(alert.user_id, self.leader)
        mail = self.env["mail.mail"].search(
            [("model", "=", "care.sla.alert"), ("res_id", "=", alert.id)]
        )
        self.assertEqual(mail.recipient_ids, self.leader.partner_id)
        self.assertIn(case.number, mail.subject)
        self.assertIn("First answer was due Mon 23 Nov, 13:00", mail.subject)
        self.assertIn(f"res_id={case.id}", mail.body_html)

    def test_a_level_writes_to_the_customer_in_the_conversation_and_that_answers_nothing(self):
        self._levels(
            {
                "timing": "at",
                "action": "mail",
                "tell": "customer",
                "template_id": self.env.ref("customer_care_sla.mail_template_level_customer").id,
            }
        )
        nobody = self.customer.create({"name": "No mail"})
        case, silent = self._case_at(MONDAY_9), self._case_at(MONDAY_9, partner_id=nobody.id)
        self._cron_at("2026-11-23 12:01:00")
        message = case.message_ids.filtered(lambda m: "not forgotten" in (m.subject or ""))
        self.assertEqual(len(message), 1)
        self.assertEqual(message.notified_partner_ids & self.customer, self.customer)
        self.assertEqual(self._clock(case).state, "running")
        alert = self._alerts(silent)
        self.assertEqual(alert.state, "cancelled")
        self.assertIn("no e-mail address", alert.error)

    def test_a_mail_made_for_cases_is_sent_to_customer_and_staff_too(self):
        template = self.env["mail.template"].create(
            {
                "name": "Own",
                "model_id": self.env["ir.model"]._get_id("care.case"),
                "subject": "Ours: {{ object.number }}",
                "partner_to": "{{ object.partner_id.id }}",
                "body_html": "<p>It takes longer.</p>",
            }
        )
        self._levels(
            {"timing": "at", "action": "mail", "tell": "customer", "template_id": template.id},
            {"timing": "at", "action": "mail", "tell": "owner", "template_id": template.id},
        )
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        subject = f"Ours: {case.number}"
        self.assertIn(subject, case.message_ids.mapped("subject"))
        mails = self.env["mail.mail"].search(
            [("subject", "=", subject), ("recipient_ids", "in", case.owner_id.partner_id.ids)]
        )
        self.assertEqual(mails.recipient_ids, case.owner_id.partner_id, "not to the customer too")

    def _server(self, code, model="care.case"):
        return self.env["ir.actions.server"].create(
            {
                "name": "Escalate",
                "model_id": self.env["ir.model"]._get_id(model),
                "state": "code",
                "code": code,
            }
        )

    def test_a_level_runs_a_server_action_in_the_records_company(self):
        action = self._server("records.write({'name': '%s, %s' % (env.company.name, env.user.id)})")
        self._levels({"timing": "at", "action": "server", "server_action_id": action.id})
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(case.name, f"{self.company.name}, 1")
        self.assertEqual(self._alerts(case).state, "done")

    @quiet
    def test_a_server_action_that_fails_is_set_aside_and_loses_nothing_else(self):
        action = self._server("if record.name == 'Bad':\n    raise UserError('No way')")
        self._levels(
            {"timing": "at", "action": "server", "server_action_id": action.id},
            {"timing": "at", "tell": "leader"},
            {"timing": "after", "unit": "hours", "amount": 1, "tell": "owner"},
        )
        bad, good = self._case_at(MONDAY_9, name="Bad"), self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(self._told(good).mapped("action"), ["activity", "server"])
        self.assertEqual(self._told(bad).mapped("action"), ["activity"])
        failed = self._alerts(bad) - self._told(bad)
        self.assertIn("No way", failed.error)
        self.assertTrue(failed.next_at)
        self.assertTrue(self._clock(bad).breached_at)
        self.assertIn("No way", self.policy.last_error)
        # it is tried again, then left to people
        for hour in range(13, 23):
            self._alert_cron_at(f"2026-11-30 {hour}:00:00")
        self.assertEqual(failed.state, "failed")
        self._cron_at("2026-11-23 13:01:00")
        self.assertIn(bad.owner_id, self._told(bad).user_id, "the levels after it go on")
        with self.assertRaises(AccessError):
            failed.with_user(self.agent).action_retry()
        bad.name = "Mended"
        with self._at(TUESDAY_10):
            failed.with_user(self.leader).action_retry()
        self._alert_cron_at(TUESDAY_10)
        self.assertEqual(failed.state, "done")

    @quiet
    def test_a_server_action_deleted_since_is_told_as_an_error(self):
        action = self._server("pass")
        self._levels({"timing": "at", "action": "server", "server_action_id": action.id})
        case = self._case_at(MONDAY_9)
        self.policy.level_ids.unlink()
        action.unlink()
        self._cron_at("2026-11-23 12:01:00")
        self.assertIn("deleted", self._alerts(case).error)

    def test_only_administrators_let_a_server_action_run(self):
        action = self._server("pass")
        vals = {"timing": "at", "action": "server", "server_action_id": action.id}
        policy = self.policy.with_user(self.manager)
        with self.assertRaises(AccessError):
            policy.level_ids = [Command.create(vals)]
        with self.assertRaises(AccessError):
            self.env["care.sla.level"].with_user(self.manager).with_context(
                default_action="server", default_server_action_id=action.id
            ).create({"policy_id": policy.id})
        self._levels({"timing": "at", "tell": "owner"}, vals)
        plain, server = self.policy.level_ids.sorted("action")
        with self.assertRaises(AccessError):
            plain.with_user(self.manager).write({"server_action_id": action.id})
        with self.assertRaises(AccessError):
            policy.copy()
        other = self._sla(name="Other")
        with self.assertRaises(AccessError):
            server.with_user(self.manager).policy_id = other
        server.with_user(self.manager).unlink()

    def test_a_level_on_a_second_run_does_nothing_twice(self):
        self._levels(
            {"timing": "at", "action": "severity"},
            {"timing": "at", "action": "reassign", "assign_to": "leader"},
        )
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        # as if the transaction had been lost after the alerts: the unique row decides
        self._clock(case).write({"levels_passed": 0, "next_at": MONDAY_13})
        self._cron_at(TUESDAY_10)
        self._alert_cron_at(TUESDAY_10)
        self.assertEqual(case.severity, "2")
        self.assertEqual(len(self._alerts(case)), 2)


@tagged("post_install", "-at_install")
class TestQuietHours(LevelCase):
    def setUp(self):
        super().setUp()
        self.policy.quiet_hours = True

    def test_what_passes_at_night_is_told_when_the_hours_begin(self):
        self._levels({"timing": "after", "unit": "wall_hours", "amount": 8, "tell": "leader"})
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self._cron_at("2026-11-23 20:00:00")
        self.assertEqual(self._alerts(case).state, "planned")
        self.assertEqual(self._alerts(case).next_at, self._utc(TUESDAY_9))
        self.assertFalse(case.activity_ids)
        self._alert_cron_at("2026-11-24 07:59:00")
        self.assertFalse(case.activity_ids)
        self._alert_cron_at(TUESDAY_9)
        self.assertEqual(case.activity_ids.user_id, self.leader)

    def test_what_passes_within_the_hours_is_told_at_once(self):
        self._levels({"timing": "at", "tell": "leader"})
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self.assertEqual(case.activity_ids.user_id, self.leader)

    def test_what_a_cron_that_was_down_finds_at_night_waits_too(self):
        self._levels({"timing": "at", "tell": "leader"})
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 22:00:00")
        self.assertFalse(case.activity_ids)
        self._alert_cron_at(TUESDAY_9)
        self.assertEqual(case.activity_ids.user_id, self.leader)

    def test_of_what_has_waited_only_the_latest_is_told(self):
        self._levels(
            {"timing": "after", "unit": "wall_hours", "amount": 8, "tell": "owner"},
            {"timing": "after", "unit": "wall_hours", "amount": 12, "tell": "leader"},
        )
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self._cron_at("2026-11-23 20:00:00")
        self._cron_at("2026-11-24 00:00:00")
        self._alert_cron_at(TUESDAY_9)
        self.assertEqual(self._told(case).user_id, self.leader)
        self.assertEqual(len(case.activity_ids), 1)

    def test_who_answers_before_the_hours_begin_is_not_escalated_but_a_breach_is_told(self):
        self._levels(
            {"timing": "at", "tell": "leader"},
            {"timing": "after", "unit": "wall_hours", "amount": 8, "action": "severity"},
        )
        broken = self._case_at("2026-11-23 12:00:00")  # due at 17:00, the closing itself
        late = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self._cron_at(MONDAY_17)
        self._cron_at("2026-11-23 20:00:00")
        with self._at("2026-11-23 21:00:00"):
            self.env["care.sla.clock"]._answered(broken | late, self.agent)
        self._alert_cron_at(TUESDAY_9)
        self.assertEqual(late.severity, "1")
        self.assertEqual(broken.activity_ids.user_id, self.leader)


@tagged("post_install", "-at_install")
class TestLevelForm(LevelCase):
    def test_what_makes_no_sense_is_refused_where_it_is_entered(self):
        orders = self.env["mail.template"].create(
            {"name": "Orders", "model_id": self.env["ir.model"]._get_id("sale.order")}
        )
        for vals in (
            {"timing": "at", "action": "mail", "tell": "owner"},
            {"timing": "at", "action": "mail", "tell": "owner", "template_id": orders.id},
            {"timing": "at", "action": "reassign"},
            {"timing": "at", "action": "server"},
            {"timing": "at", "tell": "customer"},
        ):
            with self.assertRaises(ValidationError), self.cr.savepoint():
                self._levels(vals)
        for vals in (
            {"timing": "at", "tell": "user"},
            {"timing": "after", "unit": "hours", "amount": -1},
            {"timing": "after", "unit": "days", "amount": 1.5},
            {"timing": "before", "unit": "share", "share_left": 100},
        ):
            with (
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError),
                self.cr.savepoint(),
            ):
                self._levels(vals)
                self.env.flush_all()

    def test_a_user_of_another_company_cannot_be_named(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        user = self._user("care_elsewhere", "customer_care.group_agent", company=other)
        with self.assertRaises(ValidationError):
            self._levels({"timing": "at", "tell": "user", "user_id": user.id})

    def test_names_of_levels_say_when_and_what(self):
        self._levels(
            {"timing": "before", "share_left": 25, "tell": "owner"},
            {"timing": "before", "unit": "minutes", "amount": 30, "tell": "owner"},
            {"timing": "at", "tell": "leader"},
            {
                "timing": "after",
                "unit": "hours",
                "amount": 4,
                "action": "reassign",
                "assign_to": "least_busy",
            },
            {"timing": "after", "unit": "days", "amount": 2, "action": "severity"},
        )
        self.env.invalidate_all()
        self.assertEqual(
            self.policy.level_ids.mapped("display_name"),
            [
                "25 % left: The owner",
                "30 min before: The owner",
                "Due: The team leader",
                "4 h after: Give it to somebody else: The least busy of the team",
                "2 d after: Raise the severity",
            ],
        )

    def test_uninstalling_takes_the_activities_of_late_levels_along(self):
        self._levels({"timing": "after", "unit": "hours", "amount": 1, "tell": "leader"})
        case = self._case_at(MONDAY_9)
        self._cron_at("2026-11-23 12:01:00")
        self._cron_at(TUESDAY_10)
        self.assertTrue(case.activity_ids)
        uninstall_hook(self.env)
        self.env.invalidate_all()
        self.assertFalse(case.activity_ids)
