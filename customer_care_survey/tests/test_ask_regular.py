"""Regular surveys: rounds by the calendar over whoever matches."""

from datetime import date, datetime
from unittest.mock import patch

from psycopg2.errors import CheckViolation

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import care_survey_round
from .common import CareSurveyCase

JANUARY = datetime(2026, 1, 5, 12)


@tagged("post_install", "-at_install")
class TestAskRegular(CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = cls.env["res.partner"].create(
            [
                {"name": f"Regular {n}", "email": f"regular{n}@example.com", "ref": "regular"}
                for n in range(5)
            ]
        )

    def _regular(self, **vals):
        return self._trigger(
            **{
                "event": "periodic",
                "filter_domain": "[('ref', '=', 'regular')]",
                "period_every": 3,
                "period_unit": "months",
                "period_start": "2026-01-31",
                **vals,
            }
        )

    def _rounds(self, trigger):
        return self.env["care.survey.round"].search([("trigger_id", "=", trigger.id)], order="day")

    def _asked(self, trigger):
        return self.env["care.survey.invitation"].search(
            [("trigger_id", "=", trigger.id)], order="id"
        )

    def _plan_due(self):
        """Work off the rounds that are due."""
        model = self.env["care.survey.round"].sudo()
        for _chunk in range(20):
            rows = model._claim_due()
            if not rows:
                return
            rows._run_guarded()
            self.env.flush_all()

    def test_saving_plans_the_next_round(self):
        with self._at(JANUARY):
            trigger = self._regular()
            self.assertEqual(self._rounds(trigger).mapped("day"), [date(2026, 1, 31)])
            self.assertEqual(trigger.next_round, date(2026, 1, 31))
            self.assertIn("5 customers match", trigger.reach)
            trigger.period_start = "2025-11-30"
            self.assertEqual(self._rounds(trigger).mapped("day"), [date(2026, 2, 28)])
            trigger.active = False
            self.assertFalse(self._rounds(trigger))

    def test_a_round_asks_whoever_matches_and_plans_the_next(self):
        with self._at(JANUARY):
            trigger = self._regular()
            self._plan_due()
            self.assertFalse(self._asked(trigger))
        with self._at("2026-01-31 06:00:00"):
            self._plan_due()
            rows = self._asked(trigger)
            self.assertEqual(rows.partner_id, self.people)
            self.assertEqual(set(rows.mapped("planned_for")), {datetime(2026, 1, 31, 9)})
            self.assertEqual(
                self._rounds(trigger).mapped("day"), [date(2026, 1, 31), date(2026, 4, 30)]
            )
            self.assertEqual(self._rounds(trigger)[0].planned_count, 5)
        with self._at("2026-01-31 09:00:00"):
            self._tick()
        self.assertEqual(set(rows.mapped("state")), {"sent"})
        self.assertEqual(rows[0].subject, "How was it?")
        self.assertIn("How was it?", self._mails(rows[0]).subject)
        with self._at("2026-04-30 00:00:00"):
            self._plan_due()
        self.assertEqual(len(self._asked(trigger)), 10)

    def test_customers_of_another_company_alone_are_not_asked_in_our_name(self):
        theirs = self.env["res.company"].create({"name": "Somebody Else's Shop"})
        ours, both, other, nobodys = self.people[:4]
        for partner, companies in (
            (ours, self.company),
            (both, self.company | theirs),
            (other, theirs),
        ):
            for company in companies:
                self.env["sale.order"].create(
                    {"partner_id": partner.id, "company_id": company.id}
                ).state = "sale"
        self.env["sale.order"].create(
            {"partner_id": nobodys.id, "company_id": self.company.id}
        ).state = "cancel"
        ready = self.env.ref("customer_care_survey.trigger_services").filter_domain
        mine = "('ref', '=', 'regular')"
        for orders, asked in (
            (ready[1:-1], ours | both),
            ("('sale_order_ids', 'any', [('state', '=', 'sale')])", ours | both),
            ("'!', ('sale_order_ids.state', '=', 'sale')", other | nobodys | self.people[4]),
            ("('sale_order_ids', '=', False)", self.people[4]),
        ):
            with self.subTest(orders=orders), self._at(JANUARY):
                trigger = self._regular(filter_domain=f"[{mine}, {orders}]")
                self.assertIn(f"{len(asked)} customers match", trigger.reach)
                page = trigger.with_user(self.manager).with_company(self.company).preview_html
                self.assertIn(f"{len(asked)} of {len(asked)} would have been asked", page)
                with self._at("2026-01-31 06:00:00"):
                    self._plan_due()
                self.assertEqual(self._asked(trigger).partner_id, asked)

    def test_the_hour_is_the_customers_own_wherever_they_live(self):
        zones = ("Pacific/Auckland", "Asia/Kolkata", "America/Los_Angeles")
        for partner, zone in zip(self.people, zones, strict=False):
            partner.tz = zone
        with self._at(JANUARY):
            trigger = self._regular(at_hour=True, hour=9)
        first = self._rounds(trigger).next_at
        with self._at(first):
            self._plan_due()
        rows = self._asked(trigger)
        self.assertEqual(
            rows[:4].mapped("planned_for"),
            [
                datetime(2026, 1, 30, 20),
                datetime(2026, 1, 31, 3, 30),
                datetime(2026, 1, 31, 17),
                datetime(2026, 1, 31, 8),
            ],
        )
        self.assertLess(first, min(rows.mapped("planned_for")), "planned before it is due")

    def test_a_round_killed_in_the_middle_goes_on_and_plans_nobody_twice(self):
        with self._at(JANUARY):
            trigger = self._regular()
        plan = type(self._asked(trigger))._plan
        calls = []

        def killed(rows, vals_list):
            result = plan(rows, vals_list)
            calls.append(len(vals_list))
            if len(calls) == 2:
                raise KeyboardInterrupt
            return result

        model = self.env["care.survey.round"].sudo()
        with self._at("2026-01-31 06:00:00"), patch.object(care_survey_round, "CHUNK", 2):
            with patch.object(type(self._asked(trigger)), "_plan", killed):
                model._claim_due()._run_guarded()
                with self.assertRaises(KeyboardInterrupt), self.env.cr.savepoint():
                    model._claim_due()._run_guarded()
            self.env.invalidate_all()
            self.assertEqual(len(self._asked(trigger)), 2)
            self._plan_due()
        self.assertEqual(self._asked(trigger).partner_id, self.people)
        self.assertEqual(len(self._asked(trigger)), 5)
        self.assertEqual(self._rounds(trigger)[0].planned_count, 5)

    def test_a_day_has_one_round_however_often_the_rhythm_is_saved(self):
        with self._at("2026-01-31 06:00:00"):
            trigger = self._regular()
            self._plan_due()
            trigger.period_every = 1
            trigger.period_every = 3
            trigger.active = False
            trigger.active = True
            self._plan_due()
        self.assertEqual(len(self._asked(trigger)), 5)
        self.assertEqual(
            self._rounds(trigger).mapped("day"), [date(2026, 1, 31), date(2026, 4, 30)]
        )

    def test_rounds_missed_while_nothing_ran_are_not_made_up_for(self):
        with self._at(JANUARY):
            trigger = self._regular(period_every=1)
        with self._at("2026-07-10 06:00:00"):
            self._plan_due()
            self._tick()
        self.assertEqual(
            self._rounds(trigger).mapped("day"), [date(2026, 1, 31), date(2026, 7, 31)]
        )
        rows = self._asked(trigger)
        self.assertEqual(set(rows.mapped("skip_reason")), {"expired"})

    def test_the_rhythm_ends(self):
        with self._at(JANUARY):
            trigger = self._regular(period_until="2026-03-01")
        with self._at("2026-01-31 06:00:00"):
            self._plan_due()
        self.assertEqual(len(self._rounds(trigger)), 1)
        self.assertFalse(trigger.next_round)

    def test_tiers_shares_and_other_companies_customers(self):
        key = self.env["care.tier"].create({"name": "Key of a test"})
        self.env["care.profile"].create(
            [
                {"partner_id": partner.id, "company_id": self.company.id, "tier_id": key.id}
                for partner in self.people[:3]
            ]
        )
        other = self.env["res.company"].create({"name": "Other"})
        self.people[0].company_id = other
        with self._at("2026-01-31 06:00:00"):
            trigger = self._regular(tier_ids=[Command.set(key.ids)])
            self._plan_due()
            self.assertEqual(self._asked(trigger).partner_id, self.people[1:3])
            drawn = self._regular(share=40)
            self._plan_due()
            self.assertEqual(
                self._asked(drawn).partner_id, self.people[1:].filtered(drawn._is_drawn)
            )

    def test_what_makes_no_rhythm_is_refused(self):
        for vals, message in (
            ({"company_id": False}, "Choose the company"),
            ({"period_start": False}, "from which day"),
            ({"period_until": "2025-01-01"}, "Until"),
        ):
            with (
                self.subTest(vals=vals),
                self.assertRaisesRegex(ValidationError, message),
                self.env.cr.savepoint(),
            ):
                self._regular(**vals)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(CheckViolation),
            self.env.cr.savepoint(),
        ):
            self._regular(period_every=0)

    def test_what_they_said_about_a_regular_survey_becomes_a_score_and_a_case(self):
        with self._at("2026-01-31 06:00:00"):
            trigger = self._regular()
            self._plan_due()
        with self._at("2026-01-31 09:00:00"):
            self._tick()
        row = self._asked(trigger)[0]
        self._answer(row, 2, "Too slow")
        self._run_invitations()
        self.assertEqual((row.state, row.score_ids.value), ("done", 2))
        case = row.recovery_case_id
        self.assertIn("How was it?", case.name)
        self.assertTrue(case.team_id and case.owner_id)

    def test_regular_invitations_are_seen_by_who_answers_for_the_customer(self):
        with self._at("2026-01-31 06:00:00"):
            trigger = self._regular()
            self._plan_due()
        row = self._asked(trigger)[0]
        self.assertFalse(row.with_user(self.rep).has_access("read"))
        self.assertFalse(row.with_user(self.agent).has_access("read"))
        self.assertTrue(row.with_user(self.manager).has_access("read"))
        row.partner_id.user_id = self.rep
        self.assertTrue(row.with_user(self.rep).has_access("read"))
        self.assertEqual(row.with_user(self.rep).subject, "How was it?")

    def test_what_was_asked_stays_when_the_trigger_goes(self):
        with self._at("2026-01-31 06:00:00"):
            trigger = self._regular()
            self._plan_due()
        planned, sent = self._asked(trigger)[:2]
        with self._at("2026-01-31 09:00:00"):
            sent._run_guarded()
        waiting = self._rounds(trigger).filtered("next_at")
        trigger.unlink()
        self.assertEqual(sent.subject, "How was it?")
        with self._at("2026-05-01 09:00:00"):
            self._tick()
            self._plan_due()
        self.assertEqual((planned.state, planned.skip_reason), ("skipped", "trigger_off"))
        self.assertTrue(planned.subject)
        self.assertEqual(waiting.state, "cancelled")
        self._answer(sent, 9)
        self.assertEqual(sent.score_ids.value, 9)

    def test_nobody_forges_a_round(self):
        with self._at(JANUARY):
            trigger = self._regular()
        rounds = self._rounds(trigger)
        for user in (self.agent, self.leader, self.manager):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    rounds.with_user(user).write({"next_at": "2026-01-01"})
                with self.assertRaises(AccessError):
                    rounds.with_user(user).unlink()
                with self.assertRaises(AccessError):
                    rounds.with_user(user).create(
                        {
                            "trigger_id": trigger.id,
                            "company_id": self.company.id,
                            "day": "2026-05-05",
                        }
                    )
        trigger.with_user(self.manager).period_every = 2
        self.assertTrue(self._rounds(trigger), "a manager sets the rhythm")

    def test_a_copy_of_the_database_plans_no_round(self):
        with self._at(JANUARY):
            trigger = self._regular()
        self.env.flush_all()
        for query in get_neutralization_queries(["customer_care_survey"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual(self._rounds(trigger).mapped("state"), ["cancelled"])
        self.assertFalse(self._rounds(trigger).next_at)

    # ------------------------------------------------------------
    # Cost
    # ------------------------------------------------------------

    def test_a_thousand_invitations_cost_two_queries_each_at_most_and_one_rendering(self):
        self.company.write({"care_survey_gap_days": 7, "care_survey_max": 4})
        self.env["res.partner"].create(
            [
                {"name": f"Many {n}", "email": f"many{n}@example.com", "ref": "regular"}
                for n in range(995)
            ]
        )
        with self._at("2026-01-31 06:00:00"):
            trigger = self._regular()
            self._plan_due()
        rows = self._asked(trigger)
        self.assertEqual(len(rows), 1000)
        compiled = []
        compile_template = type(self.env["ir.qweb"])._generate_code

        def counted(qweb, template):
            compiled.append(template)
            return compile_template(qweb, template)

        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        with (
            self._at("2026-01-31 09:00:00"),
            patch.object(type(self.env["ir.qweb"]), "_generate_code", counted),
        ):
            self._tick()
        self.env.flush_all()
        queries = self.cr.sql_log_count - before
        self.assertLessEqual(queries / 1000, 2, f"{queries} queries")
        self.assertEqual(len(self._mails(rows)), 1000)
        self.assertEqual(set(rows.mapped("state")), {"sent"})
        # for each batch; Odoo looks through it once more for each of its own chunks of 50
        self.assertLessEqual(len(compiled), 30, "not once for each customer")

    def test_reminders_cost_two_queries_each_at_most(self):
        self.env["res.partner"].create(
            [
                {"name": f"Many {n}", "email": f"many{n}@example.com", "ref": "regular"}
                for n in range(95)
            ]
        )
        with self._at("2026-01-31 06:00:00"):
            trigger = self._regular(reminder_count=1)
            self._plan_due()
        with self._at("2026-01-31 09:00:00"):
            self._tick()
        rows = self._asked(trigger)
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        with self._at("2026-02-04 09:00:00"):
            self._tick()
        self.env.flush_all()
        queries = self.cr.sql_log_count - before
        self.assertLessEqual(queries / 100, 2, f"{queries} queries")
        self.assertEqual(set(rows.mapped("reminder_count")), {1})
        self.assertEqual(len(self._mails(rows)), 200)
