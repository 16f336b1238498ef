from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_standard import StandardCase


@tagged("post_install", "-at_install")
class TestCheck(StandardCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.open, cls.next = cls.stages[0], cls.stages[1]
        cls.check = cls._check("The machine has run once", cls.open)
        cls.journey = cls.env["care.journey"].search([("order_id", "=", cls._confirmed().id)])
        cls.journey.team_id = cls.team
        cls.case_stage = cls.env.ref("customer_care.stage_case_progress")
        cls.checks = cls.env["care.check"]

    @classmethod
    def _check(cls, name, stage, **vals):
        return cls._standard(
            name=name,
            kind="stage",
            is_check=True,
            stage_ids=[Command.set(stage.ids)],
            **vals,
        )

    def _line(self, record, user, check=None):
        self.env.invalidate_all()
        lines = record.with_user(user).check_line_ids
        return lines.filtered(lambda line: line.standard_id.id == (check or self.check).id)

    def _rows(self, record):
        return self.checks.sudo().search([(record._care_link, "=", record.id)])

    # ------------------------------------------------------------
    # Leaving
    # ------------------------------------------------------------

    def test_a_person_does_not_leave_a_stage_before_its_checks_are_done(self):
        mine = self.journey.with_user(self.rep)
        with self.assertRaisesRegex(UserError, "The machine has run once"):
            mine.stage_id = self.next
        self.assertEqual(self.journey.stage_id, self.open)
        self._line(self.journey, self.rep).action_done()
        mine.stage_id = self.next
        self.assertEqual(self.journey.stage_id, self.next)
        row = self._rows(self.journey)
        self.assertEqual(
            (row.state, row.user_id, row.entry, row.stage_id, row.version_id),
            ("done", self.rep, 1, self.open, self.check.version_id),
        )

    def test_no_button_and_no_dialog_goes_around_it(self):
        case = self._case(owner_id=self.agent.id, stage_id=self.case_stage.id)
        self._check("The customer was asked", self.case_stage)
        case.with_user(self.agent).resolution = "Mended"
        for user in (self.agent, self.leader, self.manager):
            with self.subTest(user.login), self.assertRaisesRegex(UserError, "was asked"):
                case.with_user(user).action_resolve()
            with self.assertRaises(UserError):
                case.with_user(user).write(
                    {"stage_id": self.env.ref("customer_care.stage_case_waiting_customer").id}
                )
        self.assertEqual(case.stage_id, self.case_stage)

    def test_the_short_way_of_a_kind_is_no_way_around_it(self):
        case = self._case(owner_id=self.agent.id, stage_id=self.case_stage.id)
        self._check("The customer was asked", self.case_stage)
        case.with_user(self.agent).write({"kind": "mention", "public_answer": "Thank you"})
        for user in (self.agent, self.leader):
            with self.subTest(user.login), self.assertRaisesRegex(UserError, "was asked"):
                case.with_user(user).action_answered_publicly()
        self.assertEqual(case.stage_id, self.case_stage)
        self.assertFalse(case.public_answer_at)

    def test_cancelling_the_engine_and_the_customers_word_are_exempt(self):
        resolved = self.env.ref("customer_care.stage_case_resolved")
        self._check("Called back", resolved)
        self._check("Looked at", self.case_stage)
        case = self._case(owner_id=self.agent.id, stage_id=self.case_stage.id)
        case.with_user(self.agent).cancel_reason = "Twice"
        case.with_user(self.agent).action_cancel()
        self.assertEqual(case.stage_category, "cancelled")
        answered = self._case(owner_id=self.agent.id, resolution="Mended")
        answered.stage_id = resolved
        answered.with_user(self.agent)._customer_answers("yes")
        self.assertEqual(answered.stage_category, "closed")
        self.journey.order_id._action_cancel()
        self.assertEqual(self.journey.stage_category, "cancelled")

    def test_only_published_checks_of_ones_own_company_count(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        self.manager.company_ids |= elsewhere
        self._check("Elsewhere only", self.open, company_id=elsewhere.id)
        self._check("A draft", self.open, publish=False)
        rule = self._standard(
            name="A rule, no check", kind="stage", stage_ids=[Command.set(self.open.ids)]
        )
        shared = self._check("For all companies", self.open, company_id=False)
        self.assertEqual(
            self.journey.with_user(self.rep).check_line_ids.standard_id.ids,
            (self.check | shared).ids,
        )
        (self.check | shared).with_user(self.manager).action_withdraw()
        self.env.invalidate_all()
        self.assertFalse(self.journey.with_user(self.rep).check_line_ids)
        self.journey.with_user(self.rep).stage_id = self.next
        self.assertEqual(rule.state, "published")

    def test_coming_back_asks_again_and_keeps_what_was_done(self):
        mine = self.journey.with_user(self.rep)
        self._line(self.journey, self.rep).action_done()
        mine.stage_id = self.next
        mine.stage_id = self.open
        self.assertEqual(self._line(self.journey, self.rep).state, "open")
        with self.assertRaises(UserError):
            mine.stage_id = self.next
        self._line(self.journey, self.rep).action_done()
        self.assertEqual(self._rows(self.journey).mapped("entry"), [3, 1])

    def test_a_batch_is_refused_in_one_query_however_many(self):
        journeys = self.journey
        for _i in range(12):
            journeys |= self._journey(self._confirmed())

        def cost(records):
            self.env.flush_all()
            start = self.env.cr.sql_log_count
            with self.assertRaises(UserError) as caught:
                records._check_leaving(self.next)
            return self.env.cr.sql_log_count - start, str(caught.exception)

        journeys = journeys.with_user(self.manager)
        journeys.mapped("display_name")
        journeys.stage_id.mapped("name")
        cost(journeys)
        few, _text = cost(journeys[:2])
        many, text = cost(journeys)
        self.assertLessEqual(many, few)
        self.assertIn(self.journey.name, text)
        for journey in journeys:
            self._line(journey, self.manager).action_done()
        self.env.flush_all()
        self.assertEqual(self.next.category, "open")  # read before, as these:
        self.assertEqual(set(journeys.mapped("stage_category")), {"open"})
        with self.assertQueryCount(1):
            journeys.with_user(self.manager)._check_leaving(self.next)

    # ------------------------------------------------------------
    # Doing, waiving, taking back
    # ------------------------------------------------------------

    def test_pressing_twice_makes_one(self):
        line = self._line(self.journey, self.rep)
        line.action_done()
        line.action_done()
        self.checks.with_user(self.rep)._done(self.journey.with_user(self.rep), self.check)
        self.assertEqual(len(self._rows(self.journey)), 1)

    def test_only_a_leader_waives_and_with_a_reason(self):
        def waive(user, reason):
            return (
                self.env["care.check.waiver"]
                .with_user(user)
                .create(
                    {
                        "journey_id": self.journey.id,
                        "standard_id": self.check.id,
                        "reason": reason,
                    }
                )
                .action_confirm()
            )

        with self.assertRaises(AccessError):
            waive(self.rep, "I am in a hurry")
        with self.assertRaises(AccessError):
            self.checks.with_user(self.rep)._waive(
                self.journey.with_user(self.rep), self.check, "I am in a hurry"
            )
        foreign = self._user("care_leader2", "customer_care.group_leader")
        with self.assertRaises(AccessError):
            waive(foreign, "Not my team")
        with self.assertRaisesRegex(UserError, "Say why"):
            waive(self.leader, "  ")
        self.assertFalse(self._rows(self.journey))
        waive(self.leader, "He installs it himself")
        row = self._rows(self.journey)
        self.assertEqual(
            (row.state, row.user_id, row.reason),
            ("waived", self.leader, "He installs it himself"),
        )
        self.journey.with_user(self.rep).stage_id = self.next
        self.assertEqual(self.journey.stage_id, self.next)

    def test_who_ticked_takes_it_back_and_nobody_takes_back_a_waiver(self):
        self._line(self.journey, self.rep).action_done()
        self._line(self.journey, self.rep).action_take_back()
        self.assertFalse(self._rows(self.journey))
        self._line(self.journey, self.leader).action_done()
        with self.assertRaisesRegex(AccessError, "care_leader.*has done this"):
            self._line(self.journey, self.rep).action_take_back()
        self._line(self.journey, self.leader).action_take_back()
        self.checks.with_user(self.leader)._waive(
            self.journey.with_user(self.leader), self.check, "Why not"
        )
        with self.assertRaises(AccessError):
            self._line(self.journey, self.rep).action_take_back()
        self._line(self.journey, self.manager).action_take_back()
        self.assertFalse(self._rows(self.journey))

    def test_a_check_of_a_stage_that_was_left_is_not_ticked_any_more(self):
        line = self._line(self.journey, self.rep)
        self.journey.sudo()._enter_stage(self.next)
        with self.assertRaisesRegex(UserError, "has left the stage"):
            line.action_done()
        self.assertFalse(self._rows(self.journey))

    def test_whoever_may_not_write_a_record_does_not_tick_for_it(self):
        case = self._case(
            owner_id=self.agent.id,
            stage_id=self.case_stage.id,
            order_id=self.journey.order_id.id,
        )
        check = self._check("The customer was asked", self.case_stage)
        self.assertTrue(self._line(case, self.agent, check))
        line = self._line(case, self.agent, check)
        outside = self._user("care_outside", "customer_care.group_agent")
        for user in (self.rep, outside):  # the rep reads the case of his order
            with self.subTest(user.login):
                self.assertFalse(
                    self.env["care.check.line"].with_user(user).search([("id", "=", line.id)])
                )
                for method in ("action_done", "action_waive", "action_take_back"):
                    with self.assertRaises(AccessError):
                        getattr(line.with_user(user), method)()
        self.assertFalse(self._rows(case))

    def test_checks_are_not_written_by_hand(self):
        self._line(self.journey, self.rep).action_done()
        row = self._rows(self.journey)
        for user in (self.rep, self.leader, self.manager):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    row.with_user(user).write({"user_id": user.id})
                with self.assertRaises(AccessError):
                    row.with_user(user).unlink()
                with self.assertRaises(AccessError):
                    self.checks.with_user(user).create(
                        {
                            "journey_id": self.journey.id,
                            "standard_id": self.check.id,
                            "entry": 2,
                            "state": "done",
                            "company_id": self.company.id,
                        }
                    )
