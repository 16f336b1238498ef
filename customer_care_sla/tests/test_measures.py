"""What each promise about a case begins with, and what ends it."""

from markupsafe import Markup

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import (
    FRIDAY_16,
    MONDAY_9,
    MONDAY_10,
    MONDAY_13,
    MONDAY_17,
    TUESDAY_10,
    SlaCase,
    quiet,
)


@tagged("post_install", "-at_install")
class TestMeasures(SlaCase):
    def _promise(self, *lines, **vals):
        """The policy promises these alone."""
        self.policy.active = False
        self.policy = self._sla(
            [line if len(line) == 4 else (line[0], "any", *line[1:]) for line in lines], **vals
        )

    def _write(self, case, moment, author=None, body="Where is the part?", **vals):
        """The customer writes, or ``author``."""
        root = self.env.ref("base.user_root")
        with self._at(moment):
            case.with_user(root).message_post(
                body=body,
                author_id=(author or self.customer).id,
                message_type="email",
                subtype_xmlid="mail.mt_comment",
                **vals,
            )
            self.env.flush_all()
        self.env.invalidate_all()

    def _answer(self, case, moment):
        self._write(case, moment, self.agent.partner_id, "It comes tomorrow.")

    def _rows(self, case, measure):
        """(number, state, start, due) of each, in their order."""
        clocks = case.clock_ids.filtered(lambda c: c.measure == measure).sorted("cycle")
        return [(c.cycle, c.state, str(c.started_at), str(c.due_at)) for c in clocks]

    # ------------------------------------------------------------
    # Next answer
    # ------------------------------------------------------------

    def test_a_later_message_is_answered_within_its_own_time_from_the_oldest_unanswered_one(self):
        self._promise(("first_response", "hours", 4), ("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        self._answer(case, MONDAY_10)
        self.assertFalse(self._rows(case, "next_response"))
        self._write(case, MONDAY_13)
        self._write(case, "2026-11-23 12:30:00", body="Hello?")
        self.assertEqual(
            self._rows(case, "next_response"),
            [(1, "running", MONDAY_13, "2026-11-23 14:00:00")],
            "the second message waits with the first",
        )
        self._answer(case, "2026-11-23 13:30:00")
        self._answer(case, "2026-11-23 13:31:00")
        self._write(case, MONDAY_17)
        self.assertEqual(
            self._rows(case, "next_response"),
            [
                (1, "met", MONDAY_13, "2026-11-23 14:00:00"),
                (2, "running", MONDAY_17, "2026-11-24 10:00:00"),
            ],
        )
        self.assertEqual(self._clock(case, "next_response")[0].elapsed_seconds, 5400)

    def test_a_message_before_the_first_answer_waits_for_that(self):
        self._promise(("first_response", "hours", 4), ("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        self._write(case, MONDAY_10)
        self.assertFalse(self._rows(case, "next_response"))

    def test_a_message_that_only_says_thanks_asks_for_no_answer(self):
        self._promise(("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        for text in (
            "Thanks!",
            Markup("<p>Thank you very much for your help</p>"),
            "Merci beaucoup",
        ):
            self._write(case, MONDAY_10, body=text)
        self.assertFalse(self._rows(case, "next_response"))
        self._write(case, MONDAY_13, body="Thanks, but it still leaks")
        self.assertEqual(len(self._rows(case, "next_response")), 1)

    def test_who_works_on_the_case_says_that_no_answer_is_needed(self):
        self._promise(("next_response", "hours", 2))
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self._write(case, MONDAY_10, body="I will be away until Thursday.")
        clock = self._clock(case, "next_response")
        stranger = self._user("care_stranger", "customer_care.group_agent")
        with self.assertRaises(AccessError):
            clock.with_user(stranger).action_no_answer()
        with self._at("2026-11-23 10:00:00"):
            clock.with_user(self.agent).action_no_answer()
        self.assertEqual(clock.state, "cancelled")
        case.cancel_reason = "Twice"
        self._stage(case, "cancelled", MONDAY_13)
        self._stage(case, "progress", MONDAY_17)
        self.assertEqual(clock.state, "cancelled", "reopening does not ask for it again")

    def test_that_no_late_answer_was_needed_says_the_leader_alone(self):
        self._promise(("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        self._write(case, MONDAY_9)
        clock = self._clock(case, "next_response")
        with self._at(MONDAY_13):
            with self.assertRaises(UserError):
                clock.with_user(self.agent).action_no_answer()
            self.assertEqual(clock.state, "running")
            clock.with_user(self.leader).action_no_answer()
        self.assertEqual(clock.state, "cancelled")

    def test_an_automatic_mail_of_the_customer_asks_for_no_answer(self):
        self._promise(("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_10):
            case.sudo().message_post(
                body="I am out of the office",
                author_id=self.customer.id,
                message_type="out_of_office",
                subtype_xmlid="mail.mt_comment",
            )
        self.assertFalse(self._rows(case, "next_response"))

    def test_the_customer_who_says_that_it_is_not_solved_is_owed_an_answer(self):
        self._promise(("next_response", "hours", 2), ("resolution", "days", 2))
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        with self._at(MONDAY_13):
            case._customer_answers("no", "It is cold again")
        self.env.invalidate_all()
        self.assertEqual(
            self._rows(case, "next_response"),
            [(1, "running", MONDAY_13, "2026-11-23 14:00:00")],
        )
        self._resolve(case, MONDAY_17)
        with self._at(TUESDAY_10):
            case._customer_answers("yes")
        self.env.invalidate_all()
        self.assertEqual(len(self._rows(case, "next_response")), 1, "a yes asks for nothing")

    # ------------------------------------------------------------
    # Whose word counts
    # ------------------------------------------------------------

    def test_a_message_in_the_name_of_somebody_else_stops_no_clock(self):
        case = self._case_at(MONDAY_9)
        for user, author in (
            (self.manager, self.agent.partner_id),
            (self.agent, self.agent2.partner_id),
            (self.agent, self.customer),
        ):
            with self._at(MONDAY_10):
                case.with_user(user).message_post(
                    body="Done",
                    author_id=author.id,
                    message_type="comment",
                    subtype_xmlid="mail.mt_comment",
                )
        self.assertEqual(self._clock(case).state, "running")

    def test_what_the_customer_writes_on_the_portal_is_no_answer_and_asks_for_one(self):
        self._promise(("first_response", "hours", 4), ("next_response", "hours", 2))
        case = self._case_at(MONDAY_9)
        self._answer(case, MONDAY_10)
        user = self._user("care_portal", "base.group_portal")
        user.partner_id.parent_id = self.customer
        with self._at(MONDAY_13):
            case.with_user(user).message_post(body="And the second one?")
        self.env.invalidate_all()
        self.assertEqual(self._clock(case, "next_response").state, "running")

    def test_a_case_that_one_of_us_opens_is_answered_by_a_word_to_the_customer_alone(self):
        with self._at(MONDAY_9):
            case = (
                self.env["care.case"]
                .with_user(self.agent)
                .create(
                    {
                        "name": "Called: the oven is cold",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "team_id": self.team.id,
                    }
                )
            )
        self.assertEqual(self._clock(case.sudo()).state, "running")
        self._answer(case.sudo(), MONDAY_10)
        self.assertEqual(self._clock(case.sudo()).state, "met")

    # ------------------------------------------------------------
    # Regular news
    # ------------------------------------------------------------

    def test_the_customer_hears_from_us_regularly_until_it_is_solved(self):
        self._promise(("update", "hours", 4))
        case = self._case_at(MONDAY_9)
        self._answer(case, MONDAY_10)
        self._stage(case, "waiting_third", "2026-11-23 09:30:00")
        self._cron_at(MONDAY_17)
        self._answer(case, MONDAY_17)
        self.assertEqual(
            self._rows(case, "update"),
            [
                (1, "met", MONDAY_9, MONDAY_13),
                (2, "met", MONDAY_10, "2026-11-23 13:00:00"),
                (3, "running", MONDAY_17, "2026-11-24 12:00:00"),
            ],
        )
        second = self._clock(case, "update").filtered(lambda c: c.cycle == 2)
        self.assertEqual(str(second.breached_at), "2026-11-23 13:00:00")
        self._resolve(case, TUESDAY_10)
        self.assertEqual(self._rows(case, "update")[2][1], "met")
        self.assertEqual(len(self._rows(case, "update")), 3, "nothing after it is solved")
        self._stage(case, "progress", "2026-11-25 09:00:00")
        again = (4, "running", "2026-11-25 09:00:00", "2026-11-25 13:00:00")
        self.assertEqual(self._rows(case, "update")[3], again)

    # ------------------------------------------------------------
    # Time in stage
    # ------------------------------------------------------------

    def _stage_lines(self, *lines):
        self.policy.target_ids = [
            Command.create({"measure": "stage", "kind": "hours", "amount": n, **place})
            for n, place in lines
        ]

    def test_each_entry_into_a_stage_has_its_own_time_and_the_stage_comes_before_its_kind(self):
        progress = self.env.ref("customer_care.stage_case_progress")
        new = self._case_at(MONDAY_9).stage_id
        self._stage_lines((2, {"stage_category": "open"}), (3, {"stage_id": progress.id}))
        case = self._case_at(MONDAY_9)
        self.assertEqual(case.stage_id, new)
        self._stage(case, "progress", MONDAY_10)
        self._stage(case, "waiting_customer", MONDAY_13)
        self._stage(case, "progress", MONDAY_17)
        self.assertEqual(
            self._rows(case, "stage"),
            [
                (1, "met", MONDAY_9, "2026-11-23 10:00:00"),
                (2, "met", MONDAY_10, MONDAY_13),
                (4, "running", MONDAY_17, "2026-11-24 11:00:00"),
            ],
        )
        self._resolve(case, TUESDAY_10)
        self.assertEqual(self._rows(case, "stage")[2][1], "met")

    def test_a_stage_that_gives_the_case_to_another_team_ends_the_time_in_the_one_before(self):
        progress = self.env.ref("customer_care.stage_case_progress")
        progress.team_id = self.team.copy({"name": "Second"})
        new = self._case_at(MONDAY_9).stage_id
        self._stage_lines((2, {"stage_id": new.id}), (3, {"stage_id": progress.id}))
        case = self._case_at(MONDAY_9)
        self._stage(case, "progress", MONDAY_10)
        self.assertEqual(case.team_id.name, "Second")
        self.assertEqual(
            self._rows(case, "stage"),
            [
                (1, "met", MONDAY_9, "2026-11-23 10:00:00"),
                (2, "running", MONDAY_10, MONDAY_13),
            ],
        )
        self.assertFalse(any(case.clock_ids.mapped("changes")))

    def test_a_stage_that_gives_the_case_to_another_team_begins_its_own_time(self):
        progress = self.env.ref("customer_care.stage_case_progress")
        progress.team_id = self.team.copy({"name": "Second"})
        self._stage_lines((3, {"stage_id": progress.id}))
        case = self._case_at(MONDAY_9)
        self._stage(case, "progress", MONDAY_10)
        self.assertEqual(case.team_id.name, "Second")
        self.assertEqual(self._rows(case, "stage"), [(2, "running", MONDAY_10, MONDAY_13)])

    def test_time_in_a_waiting_stage_stands_still_where_the_policy_waits(self):
        third = self.env.ref("customer_care.stage_case_waiting_third")
        self._stage_lines((2, {"stage_category": "waiting"}))
        case = self._case_at(MONDAY_9)
        self._stage(case, "waiting_third", MONDAY_10)
        self.assertEqual(self._rows(case, "stage")[-1][1], "running")
        self._stage(case, "waiting_customer", MONDAY_13)
        clock = self._clock(case, "stage").filtered(lambda c: c.cycle == case.entries)
        self.assertEqual((clock.state, clock.paused_for), ("paused", "customer"))
        self.assertEqual(third.category, "waiting")

    def test_a_line_for_a_stage_names_the_stage_or_its_kind(self):
        closed = self.env.ref("customer_care.stage_case_closed")
        with self.assertRaises(ValidationError):
            self._stage_lines((2, {"stage_id": closed.id}))

    # ------------------------------------------------------------
    # Remedy
    # ------------------------------------------------------------

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

    def test_a_remedy_is_carried_out_within_its_time_from_the_yes_on(self):
        self._promise(("remedy", "hours", 8))
        case = self._case_at(MONDAY_9)
        offered, decided = self._remedy(case), self._remedy(case, proceed="wait")
        self._move(offered, "approved", MONDAY_9)
        self._move(offered, "offered", MONDAY_9)
        self.assertFalse(self._rows(case, "remedy"), "the customer has not said yes")
        self._move(offered, "accepted", MONDAY_10)
        self._move(decided, "approved", MONDAY_13)
        self.assertEqual(
            self._rows(case, "remedy"),
            [
                (offered.id, "running", MONDAY_10, TUESDAY_10),
                (decided.id, "running", MONDAY_13, "2026-11-24 12:00:00"),
            ],
        )
        self._resolve(case, MONDAY_17)
        self.assertEqual(
            {row[1] for row in self._rows(case, "remedy")}, {"running"}, "it is owed all the same"
        )
        self._move(offered, "executed", TUESDAY_10)
        self._move(decided, "cancelled", TUESDAY_10)
        self.assertEqual([row[1] for row in self._rows(case, "remedy")], ["met", "cancelled"])
        self.assertFalse(self._clock(case, "remedy").filtered("is_late"))

    def test_a_replacement_whose_order_is_cancelled_is_owed_again(self):
        self._promise(("remedy", "hours", 8))
        order = self._confirmed()
        case = self._case_at(MONDAY_9, order_id=order.id)
        line = Command.create({"sale_line_id": order.order_line.id, "quantity": 1})
        vals = {"kind": "replacement", "proceed": "wait", "line_ids": [line], "amount": 0}
        remedy = self._remedy(case, **vals)
        self._move(remedy, "approved", MONDAY_9)
        with self._at(MONDAY_10):
            remedy.sudo()._execute()
            self.env.flush_all()
        clock = self._clock(case, "remedy")
        self.assertEqual(clock.state, "met")
        with self._at(MONDAY_13):
            remedy.sudo().document_ids.order_id.action_cancel()
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(clock.state, "running")
        with self._at(TUESDAY_10):
            remedy.sudo()._execute()
            self.env.flush_all()
        self.assertEqual((clock.state, str(clock.stopped_at)), ("met", TUESDAY_10))

    def test_a_remedy_that_the_customer_thinks_over_stands_still(self):
        self._promise(("remedy", "hours", 8))
        case = self._case_at(MONDAY_9)
        remedy = self._remedy(case, proceed="wait")
        self._move(remedy, "approved", MONDAY_9)
        self._move(remedy, "offered", MONDAY_10)
        self._stage(case, "progress", "2026-11-23 09:30:00")
        self.assertEqual(self._clock(case, "remedy").state, "paused")
        self._move(remedy, "accepted", MONDAY_13)
        self.assertEqual(
            self._rows(case, "remedy"),
            [(remedy.id, "running", MONDAY_9, "2026-11-24 11:00:00")],
        )

    def test_a_remedy_whose_promise_could_not_be_planned_is_accepted_all_the_same(self):
        self._promise(("remedy", "hours", 8))
        case = self._case_at(MONDAY_9)
        remedies = [self._remedy(case, proceed="wait") for _times in range(2)]
        calendar, hours = self._empty_calendar()
        with quiet:
            for remedy in remedies:
                self._move(remedy, "approved", MONDAY_9)
        clocks = self._clock(case, "remedy")
        self.assertEqual(set(clocks.mapped("state")), {"failed"})
        for remedy in remedies:
            self._move(remedy, "offered", MONDAY_9)
        self._move(remedies[0], "accepted", MONDAY_10)
        self.assertEqual(remedies[0].state, "accepted")
        with self._at(MONDAY_10):
            calendar.attendance_ids = hours
        self._cron_at(MONDAY_10)
        self.assertEqual(
            dict(clocks.mapped(lambda clock: (clock.cycle, clock.state))),
            {remedies[0].id: "running", remedies[1].id: "paused"},
            "who still thinks it over is waited for",
        )

    def test_a_remedy_that_is_planned_late_stood_still_while_the_customer_thought_it_over(self):
        self._promise(("remedy", "hours", 8))
        case = self._case_at(MONDAY_9)
        thinking, decided = (self._remedy(case, proceed="wait") for _times in range(2))
        calendar, hours = self._empty_calendar()
        with quiet:
            for remedy in (thinking, decided):
                self._move(remedy, "approved", MONDAY_9)
        for remedy in (thinking, decided):
            self._move(remedy, "offered", MONDAY_10)
        self._move(decided, "accepted", "2026-11-25 09:00:00")
        with self._at("2026-11-25 10:00:00"):
            calendar.attendance_ids = hours
        self._cron_at("2026-11-25 10:00:00")
        clocks = self._clock(case, "remedy").sorted("cycle")
        self.assertFalse(any(clocks.mapped("breached_at")), "nobody was late")
        self.assertEqual((clocks[0].state, clocks[0].remaining), ("paused", 7 * 3600))
        self.assertEqual(str(clocks[0].paused_at), MONDAY_10)
        # seven hours from Wednesday at ten
        self.assertEqual(
            (clocks[1].state, str(clocks[1].due_at)), ("running", "2026-11-25 16:00:00")
        )

    def test_a_remedy_whose_document_is_taken_away_is_owed_again(self):
        self._promise(("remedy", "hours", 8))
        case = self._case_at(MONDAY_9)
        remedy = self._remedy(case, proceed="wait")
        self._move(remedy, "approved", MONDAY_9)
        self._move(remedy, "executed", MONDAY_10)
        self.assertEqual(self._rows(case, "remedy")[0][1], "met")
        self._move(remedy, "approved", MONDAY_13)
        # seven hours are left
        self.assertEqual(
            self._rows(case, "remedy"),
            [(remedy.id, "running", MONDAY_9, "2026-11-24 11:00:00")],
        )

    # ------------------------------------------------------------
    # Provider, the law
    # ------------------------------------------------------------

    def test_whoever_does_the_service_answers_in_time_from_when_it_was_sent(self):
        self._promise(("provider", "hours", 8), ("resolution", "days", 2))
        provider = self.env["res.partner"].create({"name": "Repairs", "email": "fix@example.com"})
        case = self._case_at(MONDAY_9, provider_id=provider.id)
        with self._at(MONDAY_10):
            case.sudo().provider_sent_at = MONDAY_10
        self._stage(case, "waiting_third", MONDAY_10)
        self.assertEqual(self._rows(case, "provider"), [(1, "running", MONDAY_10, TUESDAY_10)])
        with self._at(MONDAY_13):
            case._tell_owner_provider_wrote()
        self.assertEqual(self._rows(case, "provider")[0][1], "met")
        with self._at(MONDAY_17):
            case.sudo().provider_sent_at = MONDAY_17
        self._resolve(case, TUESDAY_10)
        self.assertEqual(
            [row[1] for row in self._rows(case, "provider")],
            ["met", "cancelled"],
            "what is solved needs no provider; they have not answered",
        )

    def test_the_laws_date_is_the_final_responses_and_follows_it_and_never_waits(self):
        self._promise(("final_response", "date", 0), ("resolution", "days", 2))
        self.assertFalse(self._clock(self._case_at(MONDAY_9), "final_response"), "no law, no date")
        statute = self.env["care.statute"].create(
            {"name": "Consumer law", "days": 14, "company_id": self.company.id}
        )
        case = self._case_at(MONDAY_9)
        clock = self._clock(case, "final_response")
        self.assertEqual((clock.state, clock.due_at), ("running", case.statutory_final_at))
        self._stage(case, "waiting_customer", MONDAY_10)
        self.assertEqual(clock.state, "running")
        statute.days = 10
        with self._at(MONDAY_13):
            case.sudo()._follow_statutes()
        self.assertEqual(clock.due_at, case.statutory_final_at)
        self.assertEqual(clock.due_at.date().isoformat(), "2026-12-03")
        self._resolve(case, TUESDAY_10)
        self.assertEqual(clock.state, "met")
        self._stage(case, "progress", "2026-11-25 09:00:00")
        self.assertEqual(clock.state, "met", "a response that was given stays given")

    def test_only_what_has_a_date_of_its_own_is_promised_on_it(self):
        with self.assertRaises(ValidationError):
            self._sla([("resolution", "any", "date", 0)])

    def test_a_cancelled_case_ends_what_is_promised_and_a_merged_one_takes_along_what_is_owed(self):
        self._promise(("next_response", "hours", 2), ("remedy", "hours", 8), ("update", "days", 2))
        first, second = self._case_at(FRIDAY_16, name="One"), self._case_at(MONDAY_9, name="Two")
        remedy = self._remedy(first, proceed="wait")
        self._move(remedy, "approved", MONDAY_9)
        self._write(first, MONDAY_10)
        with self._at(MONDAY_13):
            first._merge_into(second)
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._rows(second, "remedy")[0][:2], (remedy.id, "running"))
        self.assertEqual(self._rows(second, "next_response")[0][1:3], ("running", MONDAY_10))
        self.assertEqual(set(first.clock_ids.mapped("state")), {"cancelled"})
