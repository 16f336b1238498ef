from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .common import FRIDAY_16, MONDAY_9, MONDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestSetup(SlaCase):
    def setUp(self):
        super().setUp()
        self.setup = self.env["care.sla.setup"].with_user(self.manager)

    def _save(self, form):
        action = form.save().action_save()
        return self.env["care.sla.policy"].browse(action["res_id"])

    def _says(self, policy):
        return {
            (target.measure, target.severity): (target.amount, target.kind)
            for target in policy.target_ids
        }

    def test_one_minute_makes_a_policy_that_promises(self):
        self.policy.active = False
        with self._at(MONDAY_9):
            policy = self._save(Form(self.setup))
        self.assertEqual(policy.company_id, self.company)
        self.assertFalse(policy.calendar_id, "the company's hours, or those of the team")
        self.assertEqual(
            self._says(policy),
            {
                ("acknowledgement", "any"): (1, "hours"),
                ("acknowledgement", "3"): (30, "minutes"),
                ("acknowledgement", "0"): (4, "hours"),
                ("first_response", "any"): (4, "hours"),
                ("first_response", "3"): (1, "hours"),
                ("first_response", "2"): (2, "hours"),
                ("first_response", "0"): (1, "days"),
                ("resolution", "any"): (3, "days"),
                ("resolution", "3"): (1, "days"),
                ("resolution", "2"): (2, "days"),
                ("resolution", "0"): (5, "days"),
            },
        )
        self.assertEqual(
            policy.level_ids.mapped("display_name"),
            ["25 % left: The owner", "Due: The team leader"],
        )
        clock = self._clock(self._case_at(MONDAY_9, severity="2"))
        self.assertEqual(clock.policy_id, policy)
        self.assertEqual(clock.due_at, self._utc("2026-11-23 10:00:00"))

    def test_what_is_due_at_the_end_of_a_day_is_shown_and_stays(self):
        self.policy.target_ids = [
            Command.clear(),
            Command.create({"measure": "first_response", "kind": "end_of_day", "amount": 0}),
            Command.create({"measure": "resolution", "kind": "end_of_day", "amount": 2}),
            Command.create(
                {"measure": "resolution", "severity": "3", "kind": "hours", "amount": 4}
            ),
        ]
        before = self._says(self.policy)
        with self._at(MONDAY_9), Form(self.setup) as form:
            lines = {line["severity"]: line for line in form.line_ids._records}
            self.assertEqual(
                lines["1"]["preview"], "first answer by Mon 17:00, solved by Wed 17:00"
            )
            form.warn_share = 10
            self._save(form)
        self.assertEqual(self._says(self.policy), before)

    def test_the_preview_says_when_a_case_of_now_is_due(self):
        self.policy.active = False
        with self._at(FRIDAY_16), Form(self.setup) as form:
            lines = {line["severity"]: line for line in form.line_ids._records}
            self.assertEqual(
                lines["3"]["preview"],
                "acknowledged by Fri 16:30, first answer by Fri 17:00, solved by Mon 16:00",
            )
            self.assertEqual(
                lines["0"]["preview"],
                "acknowledged by Mon 12:00, first answer by Mon 16:00, solved by Fri 27 Nov 16:00",
            )
            self.assertIn("Critical: acknowledged by Fri 16:30", form.preview)
            with form.line_ids.edit(0) as line:
                line.first_amount = 3
                self.assertIn("first answer by Mon 11:00", line.preview)
                line.ack_kind = "none"
                self.assertTrue(line.preview.startswith("first answer by"))

    def test_the_policy_that_is_there_is_shown_and_changed(self):
        extra = self.env["care.sla.level"].create(
            {"policy_id": self.policy.id, "timing": "at", "action": "severity"}
        )
        case = self._case_at(MONDAY_9)
        first = self.policy.target_ids.filtered(lambda t: t.measure == "first_response")
        with self._at(MONDAY_10), Form(self.setup) as form:
            self.assertEqual(form.policy_id, self.policy)
            line = form.line_ids._records[0]
            self.assertEqual((line["first_amount"], line["first_kind"]), (4, "hours"))
            self.assertEqual(line["ack_kind"], "none")
            with form.line_ids.edit(0) as line:
                line.first_amount = 1
            form.warn_share = 50
            form.tell_leader = False
            form.escalate_hours = 4
            form.escalate_to_id = self.manager
            policy = self._save(form)
        self.assertEqual(policy, self.policy)
        self.assertEqual(
            self._says(policy),
            {
                ("first_response", "any"): (4, "hours"),
                ("first_response", "3"): (1, "hours"),
                ("resolution", "any"): (2, "days"),
            },
        )
        self.assertIn(first, policy.target_ids, "running promises point to it")
        self.assertEqual(
            policy.level_ids.mapped("display_name"),
            ["50 % left: The owner", "Due: Raise the severity", "4 h after: care_manager"],
        )
        self.assertIn(extra, policy.level_ids)
        self.assertEqual(self._clock(case).seconds, 4 * 3600, "what was promised stays")

    def test_saving_what_is_there_changes_nothing(self):
        before = (self._says(self.policy), self.policy.level_ids)
        with self._at(MONDAY_10):
            policy = self._save(Form(self.setup))
        self.assertEqual((self._says(policy), policy.level_ids), before)

    def test_open_cases_are_promised_too_when_asked_and_nobody_is_told(self):
        self.policy.active = False
        open_case = self._case_at(MONDAY_9)
        self.assertFalse(open_case.clock_ids)
        with self._at("2026-12-10 09:00:00"):
            form = Form(self.setup)
            self.assertEqual(form.open_count, 1)
            form.also_open = True
            self._save(form)
            self._run("care.sla.apply")
        self.env.invalidate_all()
        clock = self._clock(open_case)
        self.assertEqual(clock.started_at, self._utc("2026-12-10 09:00:00"))
        self._cron_at("2026-12-10 09:01:00")
        self.assertFalse(self._alerts(open_case))

    def test_open_journeys_are_not_promised_anything_by_what_was_asked_of_cases(self):
        journey = self._journey(self._confirmed())
        self._sla([("contact", "any", "hours", 4)], name="Contact", about="care.journey")
        case = self._case_at(MONDAY_9)
        case.clock_ids.unlink()
        form = Form(self.setup)
        self.assertEqual(form.open_count, 1)
        form.also_open = True
        self._save(form)
        self._run("care.sla.apply")
        self.env.invalidate_all()
        self.assertTrue(case.clock_ids)
        self.assertFalse(journey.clock_ids)

    def test_open_cases_are_left_alone_when_nobody_asked(self):
        self.policy.active = False
        open_case = self._case_at(MONDAY_9)
        with self._at(MONDAY_10):
            self._save(Form(self.setup))
            self._run("care.sla.apply")
        self.assertFalse(open_case.clock_ids)

    def test_a_calendar_without_hours_says_what_to_do(self):
        empty = self.env["resource.calendar"].create(
            {"name": "Empty", "company_id": self.company.id, "attendance_ids": [Command.clear()]}
        )
        with self._at(MONDAY_10):
            form = Form(self.setup)
            form.calendar_id = empty
            self.assertIn("have no hours", form.calendar_error)
            self.assertFalse(form.line_ids._records[0]["preview"])
            with self.assertRaisesRegex(ValidationError, "choose other working hours"):
                self._save(form)

    def test_what_cannot_be_promised_is_refused_with_what_to_do(self):
        with self._at(MONDAY_10):
            form = Form(self.setup)
            for row in range(4):
                with form.line_ids.edit(row) as line:
                    line.ack_kind = line.first_kind = line.solve_kind = "none"
            with self.assertRaisesRegex(ValidationError, "at least one thing"):
                self._save(form)
            form = Form(self.setup)
            with self.assertRaisesRegex(ValidationError, "needs some time"):
                with form.line_ids.edit(0) as line:
                    line.first_amount = 0
                form.save()
            setup = self.setup.create({"escalate_hours": 3, "escalate_to_id": False})
            with self.assertRaisesRegex(UserError, "Choose who is told"):
                setup.action_save()

    def test_a_shared_policy_is_not_changed_for_all_companies(self):
        self.policy.company_id = False
        with self._at(MONDAY_10):
            policy = self._save(Form(self.setup))
        self.assertNotEqual(policy, self.policy)
        self.assertEqual(policy.company_id, self.company)
        self.assertEqual(self._clock(self._case_at(MONDAY_9)).policy_id, policy)

    def test_only_managers_set_promises_up(self):
        for user in (self.agent, self.leader):
            with self.assertRaises(AccessError):
                self.env["care.sla.setup"].with_user(user).create({})
        other = self.env["res.company"].create({"name": "Elsewhere"})
        setup = self.setup.create(
            {"company_id": other.id, "calendar_id": self.company.resource_calendar_id.id}
        )
        with self.assertRaises(AccessError):
            setup.action_save()
