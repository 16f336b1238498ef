"""Each promise lived by the engine and played afterwards: the same, to the second."""

from datetime import datetime, timedelta
from random import Random
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import (
    FRIDAY_16,
    MONDAY_9,
    MONDAY_10,
    MONDAY_13,
    MONDAY_17,
    TUESDAY_10,
    BacktestCase,
)

MODULE = "odoo.addons.customer_care_sla.models.care_sla_backtest"
#: Every promise about cases, and a time that some keep and some do not.
CASES = (
    ("acknowledgement", "minutes", 30),
    ("first_response", "hours", 4),
    ("next_response", "hours", 2),
    ("update", "hours", 6),
    ("resolution", "days", 1),
    ("remedy", "hours", 11),
    ("provider", "hours", 5),
    ("final_response", "date", 0),
)


@tagged("post_install", "-at_install")
class TestBacktestMeasures(BacktestCase):
    def _promise(self, *lines, **vals):
        """The policy promises these alone."""
        self.policy.active = False
        self.policy = self._sla([(line[0], "any", *line[1:]) for line in lines], **vals)

    def _write(self, record, moment, author=None, body="Where is the part?", **vals):
        """The customer writes, or ``author``."""
        with self._at(moment):
            record.with_user(self.env.ref("base.user_root")).message_post(
                body=body,
                author_id=(author or self.customer).id,
                message_type="email",
                subtype_xmlid="mail.mt_comment",
                **vals,
            )
            self.env.flush_all()
        self.env.invalidate_all()

    def _answer(self, record, moment):
        self._write(record, moment, self.agent.partner_id, "It comes tomorrow.")

    def _remedy(self, case, **vals):
        return self.env["care.remedy"].create(
            {
                "case_id": case.id,
                "kind": "compensation",
                "amount": 20,
                "user_id": self.agent.id,
                "company_id": self.company.id,
                **vals,
            }
        )

    def _provider(self):
        return self.env["res.partner"].create({"name": "Repairs", "email": "fix@example.com"})

    def _send(self, case, moment):
        with self._at(moment):
            case.sudo().provider_sent_at = moment
            self.env.flush_all()

    def _provider_writes(self, case, moment):
        """As the mail gateway takes it in."""
        case = case.with_user(self.env.ref("base.user_root"))
        sender = case.provider_id
        with self._at(moment):
            case.message_post(
                body="The part is here.",
                author_id=sender.id,
                email_from=sender.email,
                message_type="email",
                subtype_xmlid="mail.mt_comment",
                is_internal=True,
            )
            case.message_update({"message_type": "email", "email_from": sender.email})
            self.env.flush_all()
        self.env.invalidate_all()

    def _numbers(self, clocks, measure):
        return sorted(
            (clock.cycle, clock.state, clock.is_late)
            for clock in clocks
            if clock.measure == measure
        )

    # ------------------------------------------------------------
    # One by one
    # ------------------------------------------------------------

    def test_answers_to_later_messages_are_played_from_the_oldest_one_that_waits(self):
        self._promise(("first_response", "hours", 4), ("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        self._write(case, "2026-11-23 08:30:00")  # the first answer answers it
        self._answer(case, MONDAY_10)
        self._write(case, "2026-11-23 09:30:00", body="Thanks!")
        self._write(case, "2026-11-23 10:00:00")
        self._write(case, "2026-11-23 11:00:00", body="Hello?")
        self._answer(case, MONDAY_13)
        self._write(case, MONDAY_17)
        self._answer(case, TUESDAY_10)
        clocks = self._compare(self.policy, case)
        self.assertEqual(
            self._numbers(clocks, "next_response"), [(1, "met", False), (2, "met", False)]
        )
        draft = self._draft([("next_response", "any", "minutes", 90)])
        lines = self._backtest(draft).line_ids.sorted("number")
        self.assertEqual(lines.mapped("late_seconds"), [1800, 0])
        self.assertEqual(lines.mapped("worse"), [1, 0])

    def test_a_message_of_which_somebody_said_that_it_needs_no_answer_is_not_played(self):
        self._promise(("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        self._write(case, MONDAY_10, body="I am away until Thursday.")
        with self._at("2026-11-23 10:00:00"):
            case.clock_ids.with_user(self.manager).action_no_answer()
        self._write(case, MONDAY_13)
        clocks = self._compare(self.policy, case)
        self.assertEqual(self._numbers(clocks, "next_response"), [(2, "running", True)])

    def test_yes_to_an_offer_asks_for_no_answer_and_a_no_to_the_solution_does(self):
        self._promise(("next_response", "hours", 2), ("resolution", "days", 2))
        case = self._case_at(MONDAY_9)
        remedy = self._remedy(case)
        self._move(remedy, "approved", MONDAY_9)
        self._move(remedy, "offered", MONDAY_9)
        with self._at(MONDAY_10):
            remedy._customer_answers("decline")
            self.env.flush_all()
        self._resolve(case, MONDAY_13)
        with self._at("2026-11-23 13:00:00"):
            case._customer_answers("no", "It is cold again")
            self.env.flush_all()
        self.env.invalidate_all()
        self._resolve(case, MONDAY_17)
        with self._at(TUESDAY_10):
            case._customer_answers("yes")
            self.env.flush_all()
        self.env.invalidate_all()
        clocks = self._compare(self.policy, case)
        self.assertEqual(self._numbers(clocks, "next_response"), [(1, "met", True)])

    def test_regular_news_is_played_from_each_answer_to_the_next(self):
        self._promise(("update", "hours", 4))
        case = self._case_at(MONDAY_9)
        self._answer(case, MONDAY_10)
        self._stage(case, "waiting_third", "2026-11-23 09:30:00")
        self._answer(case, MONDAY_17)
        self._resolve(case, "2026-11-24 08:00:00")
        self._stage(case, "progress", "2026-11-24 08:30:00")
        clocks = self._compare(self.policy, case)
        self.assertEqual(
            self._numbers(clocks, "update"),
            [(1, "met", False), (2, "met", True), (3, "met", False), (4, "running", False)],
        )

    def test_a_remedy_is_played_from_the_yes_and_stands_still_while_the_customer_thinks(self):
        self._promise(("remedy", "hours", 4))
        case = self._case_at(MONDAY_9)
        offered, decided, thought, late, declined, cancelled = (
            self._remedy(case, **vals)
            for vals in ({}, *[{"proceed": "wait"}] * 3, {}, {"proceed": "execute"})
        )
        for remedy in offered | decided | thought | late | declined | cancelled:
            self._move(remedy, "approved", MONDAY_9)
        for remedy in offered | thought | declined:
            self._move(remedy, "offered", MONDAY_10)
        self._move(declined, "declined", "2026-11-23 10:00:00")
        self._move(offered, "accepted", MONDAY_13)
        self._move(offered, "executed", MONDAY_17)
        self._move(decided, "executed", "2026-11-23 11:00:00")
        self._move(thought, "accepted", MONDAY_17)
        self._move(thought, "executed", TUESDAY_10)
        self._move(late, "executed", MONDAY_17)
        with self._at(MONDAY_17):
            # four hours after it was due
            cancelled.state = "cancelled"
        self._resolve(case, MONDAY_10)
        clocks = self._compare(self.policy, case)
        self.assertEqual(
            self._numbers(clocks, "remedy"),
            [
                (offered.id, "met", False),
                (decided.id, "met", False),
                (thought.id, "met", False),
                (late.id, "met", True),
                (cancelled.id, "cancelled", True),
            ],
        )

    def test_the_providers_answer_is_played_from_when_they_were_written_to(self):
        self._promise(("provider", "hours", 5), ("resolution", "days", 2))
        provider = self._provider()
        kept, late, silent, solved, never = cases = self.env["care.case"].union(
            *(self._case_at(MONDAY_9, provider_id=provider.id) for _number in range(5))
        )
        for case in cases - never:
            self._send(case, MONDAY_10)
        self._provider_writes(kept, MONDAY_13)
        self._provider_writes(kept, MONDAY_17)
        self._provider_writes(late, MONDAY_17)
        self._write(silent, MONDAY_13)
        self._resolve(solved, MONDAY_13)
        clocks = self._compare(self.policy, cases).filtered(lambda c: c.measure == "provider")
        self.assertEqual(
            {clock.case_id: (clock.state, clock.is_late) for clock in clocks},
            {kept: ("met", False), late: ("met", True), silent: ("running", True)},
        )

    def test_the_laws_date_is_played_as_it_is_now_and_hours_instead_of_it_are_too(self):
        self._promise(("final_response", "date", 0))
        without = self._case_at("2026-11-02 09:00:00")
        self.env["care.statute"].create(
            {"name": "Consumer law", "days": 14, "company_id": self.company.id}
        )
        late, kept, still = (self._case_at("2026-11-03 09:00:00") for _number in range(3))
        self._resolve(late, MONDAY_10)
        self._resolve(kept, "2026-11-05 09:00:00")
        self._stage(kept, "progress", MONDAY_10)
        clocks = self._compare(self.policy, without | late | kept | still)
        self.assertEqual(
            {clock.case_id: (clock.state, clock.is_late) for clock in clocks},
            {late: ("met", True), kept: ("met", False), still: ("running", True)},
        )
        draft = self._draft([("final_response", "any", "days", 1)])
        line = self._backtest(draft).line_ids.filtered(lambda line: line.case_id == kept)
        self.assertEqual((line.met, line.worse), (0, 1))

    def test_a_call_that_reached_nobody_and_a_mail_to_many_are_played_as_the_engine_took_them(self):
        cases = self.env["care.case"]
        for outcome in ("no_answer", "satisfied"):
            case = self._case_at(MONDAY_9, owner_id=self.agent.id)
            cases |= case
            with self._at(MONDAY_10):
                calls = self.env["care.followup"].with_user(self.agent)
                call = calls.create({"name": "Call", "case_id": case.id, "user_id": self.agent.id})
                call.outcome_id = self.env.ref(f"customer_care.outcome_{outcome}")
                call.action_done()
                self.env.flush_all()
        mailed = self._case_at(MONDAY_9, owner_id=self.agent.id)
        with self._at(MONDAY_13):
            self.env["mail.compose.message"].with_user(self.agent).create(
                {
                    "composition_mode": "mass_mail",
                    "model": "care.case",
                    "res_ids": str(mailed.ids),
                    "subject": "News",
                    "body": "<p>We work on it.</p>",
                    "auto_delete": False,
                }
            )._action_send_mail()
            self.env.flush_all()
        self.env.invalidate_all()
        clocks = self._compare(self.policy, cases | mailed)
        answered = clocks.filtered(lambda c: c.measure == "first_response" and c.state == "met")
        self.assertEqual(answered.case_id, cases[1] | mailed)

    # ------------------------------------------------------------
    # All together
    # ------------------------------------------------------------

    def test_whatever_happens_every_promise_comes_to_what_its_clock_came_to(self):
        draw = Random(100)
        self._promise(*CASES, pause_customer_cap=3, pause_third_party=True)
        self.policy.target_ids = [
            Command.create(
                {"measure": "stage", "stage_category": category, "kind": "hours", "amount": 3}
            )
            for category in ("open", "waiting")
        ]
        self.env["care.statute"].create(
            {"name": "Consumer law", "days": 2, "company_id": self.company.id}
        )
        places = ("progress", "waiting_customer", "waiting_third", "resolved", "cancelled")
        provider, cases = self._provider(), self.env["care.case"]
        for _number in range(14):
            start = datetime(2026, 11, 16, 8) + timedelta(minutes=draw.randrange(4 * 24 * 60))
            case = self._case_at(str(start), owner_id=self.agent.id, provider_id=provider.id)
            case.write({"cancel_reason": "A mistake.", "resolution": "Mended."})
            remedy = self._remedy(case, proceed=draw.choice(("offer", "wait")))
            steps = ["approved", "offered", "accepted", "executed"]
            cases |= case
            for _event in range(draw.randint(4, 12)):
                start += timedelta(minutes=draw.randrange(1, 9 * 60))
                moment = str(start)
                if moment >= TUESDAY_10:
                    break
                self._cron_at(moment)
                what = draw.choice(("answer", "write", "write", "stage", "stage", "remedy", "send"))
                if what == "answer":
                    self._answer(case, moment)
                elif what == "write":
                    self._write(case, moment)
                elif what == "stage":
                    self._stage(case, draw.choice(places), moment)
                elif what == "remedy" and steps and remedy.state != "cancelled":
                    self._move(remedy, steps.pop(0), moment)
                elif what == "send" and case.provider_sent_at:
                    self._provider_writes(case, moment)
                elif what == "send" and case.stage_category in ("open", "waiting"):
                    self._send(case, moment)
        self._cron_at(TUESDAY_10)
        clocks = self._compare(self.policy, cases)
        for measure in {line[0] for line in CASES} | {"stage"}:
            mine = clocks.filtered(lambda clock, measure=measure: clock.measure == measure)
            self.assertTrue(mine, measure)
        for measure in ("next_response", "update", "remedy", "resolution", "stage"):
            mine = clocks.filtered(lambda clock, measure=measure: clock.measure == measure)
            self.assertEqual(set(mine.mapped("is_late")), {True, False}, measure)

    def test_many_cases_with_all_promises_cost_as_many_queries_as_few(self):
        self._promise(*CASES)
        for _number in range(10):
            case = self._case_at(MONDAY_9)
            self._answer(case, MONDAY_10)
            self._write(case, MONDAY_13)
            self._move(self._remedy(case, proceed="wait"), "approved", MONDAY_13)
        test = self._backtest(self.policy, run=False)
        cases = self.env["care.case"].search(test._domain(), order="id")

        def queries(mine):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            test._replay(mine)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        queries(cases[:1])
        few = queries(cases[1:3])
        self.assertLessEqual(queries(cases[3:]), few)


@tagged("post_install", "-at_install")
class TestBacktestJourneys(BacktestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.promises = cls._sla(
            [],
            name="After the sale",
            about="care.journey",
            pause_third_party=True,
            target_ids=[
                Command.create(
                    {"measure": measure, "kind": kind, "amount": n, "stage_category": category}
                )
                for measure, kind, n, category in (
                    ("contact", "hours", 4, False),
                    ("delivery", "date", 0, False),
                    ("enquiry", "hours", 2, False),
                    ("quotation", "days", 1, False),
                    ("stage", "hours", 8, "open"),
                    ("stage", "hours", 8, "waiting"),
                )
            ],
        )

    def _sold(self, moment=MONDAY_9, **vals):
        with self._at(moment):
            journey = self._journey(self._confirmed(**vals))
            self.env.flush_all()
        return journey

    def _enquiry(self, moment=MONDAY_9):
        """A journey of before the sale, as an opportunity begins one."""
        with self._at(moment):
            journey = self.env["care.journey"]._begin(
                [
                    {
                        "name": "An oven",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "type_id": self.journey_type.id,
                        "delivery_state": "none",
                    }
                ]
            )
            journey._care_event("opportunity_created")
            journey._care_event("stage_entered")
            self.env.flush_all()
        return journey

    def _contact(self, record, moment):
        with self._at(moment):
            record.with_user(self.manager).message_post(
                body="Welcome", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
            self.env.flush_all()

    def _deliver(self, journey, moment):
        with self._at(moment):
            journey.order_id.order_line.qty_delivered = 1
            self.env.flush_all()
            self.env.cr.precommit.run()
        self.env.invalidate_all()

    def _lines(self, clocks, measure):
        mine = clocks.filtered(lambda clock: clock.measure == measure)
        return {clock.journey_id: (clock.state, clock.is_late) for clock in mine}

    def test_contact_and_delivery_are_played_from_the_confirmed_order(self):
        date = {"commitment_date": "2026-11-23 15:00:00"}
        kept, late, silent, over = (self._sold(**date) for _number in range(4))
        without = self._sold()
        for journey, moment in ((kept, MONDAY_10), (late, MONDAY_17)):
            self._contact(journey.order_id, moment)
            self._deliver(journey, moment)
        with self._at(MONDAY_10):
            over.order_id._action_cancel()
            self.env.flush_all()
        journeys = kept | late | silent | over | without
        clocks = self._compare(self.promises, journeys)
        self.assertEqual(
            self._lines(clocks, "contact"),
            {
                kept: ("met", False),
                late: ("met", True),
                silent: ("running", True),
                without: ("running", True),
            },
        )
        self.assertEqual(
            self._lines(clocks, "delivery"),
            {kept: ("met", False), late: ("met", True), silent: ("running", True)},
        )
        self.assertTrue(self._lines(clocks, "stage"))

    def test_an_order_that_is_confirmed_again_is_played_anew(self):
        journey = self._sold(commitment_date="2026-11-25 09:00:00")
        with self._at(MONDAY_10):
            journey.order_id._action_cancel()
            self.env.flush_all()
        with self._at(MONDAY_13):
            journey.order_id.action_draft()
            journey.order_id.commitment_date = "2026-11-25 09:00:00"
            journey.order_id.action_confirm()
            self.env.flush_all()
        self._contact(journey, MONDAY_17)
        clocks = self._compare(self.promises, journey)
        contact = clocks.filtered(lambda clock: clock.measure == "contact")
        self.assertEqual((contact.cycle, contact.started_at), (2, self._utc(MONDAY_13)))

    def test_enquiries_and_quotations_are_played_from_the_opportunity(self):
        answered, silent = self._enquiry(FRIDAY_16), self._enquiry(MONDAY_9)
        self._contact(answered, MONDAY_9)
        journeys = answered | silent
        if "lead_id" in journeys._fields:  # with the glue to crm
            journeys |= self._opportunity()
        clocks = self._compare(self.promises, journeys)
        enquiries = self._lines(clocks, "enquiry")
        self.assertEqual(enquiries[answered], ("met", False))
        self.assertEqual(enquiries[silent], ("running", True))
        self.assertEqual(self._lines(clocks, "quotation")[answered], ("running", True))

    def _opportunity(self):
        """One whose customer was written to, was sent a quotation and bought."""
        before = self.journey_type.stage_ids[0].copy(
            {
                "name": "Planning",
                "type_id": self.journey_type.id,
                "entry_event": "opportunity_created",
                "sequence": 0,
            }
        )
        with self._at(FRIDAY_16):
            lead = self.env["crm.lead"].create(
                {
                    "name": "Kitchen",
                    "type": "opportunity",
                    "partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "user_id": self.rep.id,
                    "team_id": False,
                }
            )
            self.env.flush_all()
        journey = self.env["care.journey"].search([("lead_id", "=", lead.id)])
        self.assertEqual(journey.stage_id, before)
        self._contact(lead, MONDAY_9)
        with self._at(MONDAY_10):
            order = self._order(opportunity_id=lead.id)
            order.action_quotation_sent()
            self.env.flush_all()
        self.assertEqual(journey.quoted_at, self._utc(MONDAY_10))
        with self._at(MONDAY_17):
            order.action_confirm()
            self.env.flush_all()
        self._contact(order, TUESDAY_10)
        self.assertEqual(journey.order_id, order)
        return journey

    def test_a_quotation_of_before_it_was_kept_is_refused_with_the_reason(self):
        self._enquiry()
        with patch.object(type(self.env["care.journey"]), "_quoted", lambda journeys: journeys):
            test = self._backtest(self.promises)
        self.assertEqual((test.state, test.failed_count), ("done", 1))
        self.assertIn("cannot be told from history, because", test.note)
        self.assertNotIn("quotation", test.line_ids.mapped("measure"))
        self.assertIn("enquiry", test.line_ids.mapped("measure"))

    def test_when_a_quotation_was_sent_is_the_engines_to_say(self):
        journey = self._sold()
        for user in (self.rep, self.manager):
            with self.assertRaises(AccessError):
                journey.with_user(user).write({"quoted_at": MONDAY_9})

    def test_a_draft_says_which_journeys_it_would_have_broken(self):
        journey = self._sold()
        self._contact(journey, "2026-11-23 10:30:00")
        draft = self._sla(
            [("contact", "any", "hours", 1)],
            about="care.journey",
            active=False,
            sequence=self.promises.sequence - 1,
        )
        test = self._backtest(draft)
        line = test.line_ids
        self.assertEqual((line.journey_id, line.case_id.id), (journey, False))
        self.assertEqual((line.late_seconds, line.met, line.worse), (5400, 0, 1))
        self.assertEqual((line.owner_id, line.partner_id), (journey.owner_id, self.customer))
        self.assertIn("First contact after the sale", test.with_user(self.manager).summary_html)
        action = line.with_user(self.manager).action_open_record()
        self.assertEqual((action["res_model"], action["res_id"]), ("care.journey", journey.id))
        owners = self.env["care.sla.backtest.line"]._read_group(
            [("backtest_id", "=", test.id)], ["owner_id"], ["__count"]
        )
        self.assertEqual(owners, [(journey.owner_id, 1)])

    def test_journeys_are_played_in_pieces_and_go_on_where_a_job_was_killed(self):
        journeys = self.env["care.journey"].union(*(self._sold() for _number in range(3)))
        with patch(f"{MODULE}.CHUNK", 2):
            test = self._backtest(self.promises, run=False)
            test._run_due()
            self.env.flush_all()
            with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                with patch.object(type(test), "_trigger_due", lambda rows: 1 / 0):
                    test._run_due()
            self.env.invalidate_all()
            self.assertEqual(test.done_count, 2)
            self._finish()
        self.assertEqual((test.state, test.done_count), ("done", 3))
        self.assertEqual(test.line_ids.journey_id, journeys)
        self.assertEqual(len(test.line_ids), 6, "a contact and a stage each")

    def test_another_companys_journeys_are_left_out_and_their_managers_see_nothing(self):
        self.promises.company_id = False
        mine = self._sold()
        other = self.env["res.company"].create(
            {"name": "Elsewhere", "care_start_date": "2020-01-01"}
        )
        other.resource_calendar_id = self._calendar(other)
        other.care_default_owner_id = self.env.user
        self.env.user.company_ids = [Command.link(other.id)]
        with self._at(MONDAY_9):
            journey = (
                mine.sudo()
                .with_company(other)
                ._begin(
                    [
                        {
                            "name": "Theirs",
                            "partner_id": self.customer.id,
                            "company_id": other.id,
                            "type_id": self.journey_type.id,
                            "delivery_state": "none",
                        }
                    ]
                )
            )
        self.assertTrue(journey)
        test = self._backtest(self.promises)
        self.assertEqual(test.line_ids.journey_id, mine)
        manager = self._user("care_elsewhere", "customer_care.group_manager", company=other)
        self.assertFalse(test.line_ids.with_user(manager).search([("id", "in", test.line_ids.ids)]))
        with self.assertRaises(AccessError):
            test.line_ids.with_user(manager).read(["journey_id"])
        with self.assertRaises(AccessError):
            test.line_ids.with_user(self.rep).read(["journey_id"])

    def test_a_policy_of_journeys_replaces_none_of_cases(self):
        with self.assertRaises(ValidationError):
            self._backtest(self.promises, instead_of_id=self.policy.id)
