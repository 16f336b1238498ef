"""What is known of promises when they are kept or broken, and the reports that read it."""

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged

from odoo.addons.customer_care.models.care_due_mixin import insert_new

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
class TestPromiseFacts(SlaCase):
    def _collect(self):
        with self.enter_registry_test_mode():
            self.env.ref("customer_care_sla.ir_cron_facts").method_direct_trigger()
            self.env.ref("customer_care.ir_cron_facts").method_direct_trigger()
        self.env.invalidate_all()

    def _facts(self, case, *measures):
        return self.env["care.fact"].search(
            [("case_id", "=", case.id), ("measure", "in", measures)], order="id"
        )

    def _answer(self, case, moment):
        with self._at(moment):
            self.env["care.sla.clock"]._answered(case, self.agent)

    def test_a_kept_and_a_broken_promise_are_counted(self):
        case = self._case_at(MONDAY_9, owner_id=self.agent.id, severity="2")
        self._answer(case, MONDAY_17)  # four hours too late
        self._resolve(case, TUESDAY_10)
        self._collect()
        kept = self._facts(case, "promise_kept")
        self.assertEqual(
            {(fact.promise, fact.numerator, fact.denominator) for fact in kept},
            {("first_response", 0, 1), ("resolution", 1, 1)},
        )
        times = self._facts(case, "promise_time")
        self.assertEqual(
            {(fact.promise, fact.seconds) for fact in times},
            {("first_response", 8 * 3600), ("resolution", 9 * 3600)},
        )
        for fact in kept | times:
            self.assertEqual(fact.user_id, self.agent)
            self.assertEqual(fact.team_id, self.team)
            self.assertEqual(fact.severity, "2")
            self.assertEqual(fact.partner_id, self.customer)
            self.assertEqual(fact.stage_id, self.env.ref("customer_care.stage_case_new"))
        self.assertEqual(
            {(fact.promise, str(fact.day)) for fact in kept},
            {("first_response", "2026-11-23"), ("resolution", "2026-11-24")},
        )

    def test_a_fact_is_filed_under_who_had_the_case_then(self):
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self._answer(case, MONDAY_10)
        with self._at(MONDAY_13):
            case.owner_id = self.agent2
        self._stage(case, "progress", MONDAY_13)
        self._resolve(case, MONDAY_17)
        self._collect()
        kept = self._facts(case, "promise_kept")
        self.assertEqual(
            {(fact.promise, fact.user_id, fact.stage_id.name) for fact in kept},
            {
                ("first_response", self.agent, "New"),
                ("resolution", self.agent2, "In progress"),
            },
        )

    def test_a_pause_is_counted_with_its_reason(self):
        case = self._case_at(FRIDAY_16)
        self._stage(case, "waiting_customer", FRIDAY_16)
        self._stage(case, "progress", MONDAY_10)
        self._resolve(case, MONDAY_13)
        self._collect()
        pause = self._facts(case, "promise_pause")
        self.assertEqual(
            (pause.promise, pause.pause_reason, pause.seconds), ("resolution", "customer", 7200)
        )
        self.assertEqual(pause.denominator, 0)

    def test_what_was_cancelled_in_time_or_could_never_be_planned_is_not_counted(self):
        case = self._case_at(MONDAY_9, cancel_reason="Registered twice")
        self._stage(case, "cancelled", MONDAY_10)
        with quiet:
            self.company.resource_calendar_id.attendance_ids.unlink()
            failed = self._case_at(MONDAY_9)
            self._resolve(failed, MONDAY_10)
        self._collect()
        for each in (case, failed):
            self.assertFalse(self._facts(each, "promise_kept", "promise_time"))
        self.assertTrue(all(failed.clock_ids.mapped("counted_at")), "looked at once")

    def _kept(self, case):
        """(promise, kept, day) of each fact about a case, sorted."""
        return sorted(
            (fact.promise, fact.numerator, str(fact.day))
            for fact in self._facts(case, "promise_kept")
        )

    def test_a_broken_promise_of_a_case_that_is_cancelled_is_counted_when_it_was_due(self):
        case = self._case_at(MONDAY_9, cancel_reason="Registered twice", owner_id=self.agent.id)
        self._stage(case, "cancelled", TUESDAY_10)
        self.assertEqual(self._clock(case).state, "cancelled")
        for _time in range(2):
            self._collect()
            # the answer was due on Monday; the solution is cancelled before it was
            self.assertEqual(self._kept(case), [("first_response", 0, "2026-11-23")])
        self.assertEqual(self._facts(case, "promise_kept").user_id, self.agent)
        self.assertFalse(self._facts(case, "promise_time"), "it took no time: it never ended well")

    def test_a_promise_that_is_late_is_counted_when_it_is_due_and_not_again_when_it_ends(self):
        case = self._case_at(MONDAY_9, owner_id=self.agent.id)
        self._cron_at(MONDAY_17)
        self._collect()
        self.assertEqual(self._kept(case), [("first_response", 0, "2026-11-23")])
        with self._at(MONDAY_17):
            case.owner_id = self.agent2
        self._answer(case, TUESDAY_10)
        for _time in range(2):
            self._collect()
            self.assertEqual(self._kept(case), [("first_response", 0, "2026-11-23")])
        kept, took = self._facts(case, "promise_kept"), self._facts(case, "promise_time")
        self.assertEqual((kept.user_id, took.user_id), (self.agent, self.agent2))
        self.assertEqual((str(took.day), took.seconds), ("2026-11-24", 9 * 3600))

    def test_a_promise_that_ends_late_is_dated_alike_whenever_it_is_collected(self):
        seen, unseen = (self._case_at(MONDAY_9, name=name) for name in ("Seen", "Unseen"))
        self._cron_at(MONDAY_17)
        unseen.clock_ids.counted_at = "2026-11-23 16:00:00"
        self._collect()
        unseen.clock_ids.counted_at = False
        for case in (seen, unseen):
            self._answer(case, TUESDAY_10)
        self._collect()
        self.assertEqual(self._kept(seen), self._kept(unseen))
        self.assertEqual(self._kept(seen), [("first_response", 0, "2026-11-23")])

    def test_a_broken_promise_that_is_reopened_and_ends_again_is_counted_once(self):
        case = self._case_at(MONDAY_9)
        self._answer(case, MONDAY_10)
        self._resolve(case, "2026-11-26 09:00:00")  # due on Wednesday at nine
        self._collect()
        broken = ("resolution", 0, "2026-11-25")
        self.assertIn(broken, self._kept(case))
        self._stage(case, "progress", "2026-11-26 12:00:00")
        self._collect()
        self._resolve(case, "2026-11-27 09:00:00")
        self._collect()
        self.assertEqual(self._kept(case), [("first_response", 1, "2026-11-23"), broken])
        (took,) = self._facts(case, "promise_time").filtered(lambda f: f.promise == "resolution")
        self.assertEqual(str(took.day), "2026-11-27", "the time until it was solved after all")

    def test_a_promise_that_was_kept_and_is_open_again_is_not_known_to_be_kept(self):
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        self._collect()
        self.assertIn(("resolution", 1, "2026-11-23"), self._kept(case))
        self._stage(case, "progress", MONDAY_13)
        self._collect()
        self.assertEqual(self._kept(case), [("first_response", 1, "2026-11-23")])
        self._resolve(case, "2026-11-27 09:00:00")
        self._collect()
        (outcome,) = (row for row in self._kept(case) if row[0] == "resolution")
        self.assertEqual(outcome[1], 0)

    def test_a_breach_that_happened_counts_also_when_nobody_promises_it_any_more(self):
        self.policy.target_ids.filtered(lambda t: t.measure == "resolution").unlink()
        self.policy.target_ids.severity = "1"
        case = self._case_at(MONDAY_9, severity="1")
        with self._at(MONDAY_17):
            case.severity = "3"
        self.assertEqual(self._clock(case).state, "cancelled")
        self._collect()
        self.assertEqual(self._kept(case), [("first_response", 0, "2026-11-23")])

    def test_a_late_answer_of_which_the_leader_says_that_none_was_needed_does_not_count(self):
        self.policy.target_ids = [
            Command.create({"measure": "next_response", "kind": "hours", "amount": 1})
        ]
        for counted_before in (True, False):
            with self.subTest(counted_before=counted_before):
                case = self._case_at(MONDAY_9, owner_id=self.agent.id)
                self._answer(case, MONDAY_9)
                with self._at(MONDAY_10):
                    self.env["care.sla.clock"]._customer_wrote(case)
                self._cron_at(MONDAY_17)
                if counted_before:
                    self._collect()
                    self.assertIn("next_response", [row[0] for row in self._kept(case)])
                with self._at(MONDAY_17):
                    self._clock(case, "next_response").with_user(self.leader).action_no_answer()
                self._collect()
                self.assertEqual(self._kept(case), [("first_response", 1, "2026-11-23")])

    def test_the_share_kept_means_the_same_in_reports_and_in_the_back_test(self):
        def at(moment, **vals):
            return self._case_at(moment, cancel_reason="x", owner_id=self.agent.id, **vals)

        cases = self.env["care.case"]
        histories = (
            [(self._answer, MONDAY_10)],  # kept
            [(self._answer, MONDAY_17)],  # late
            [],  # open and late
            [(self._away, TUESDAY_10)],  # cancelled when it was late
            [(self._away, MONDAY_10)],  # cancelled in time: says nothing
            [(self._resolve, MONDAY_10), (self._again, MONDAY_13)],  # its solution is open again
            [(self._resolve, MONDAY_10), (self._again, MONDAY_13), (self._resolve, MONDAY_17)],
            [(self._away, MONDAY_17), (self._again, TUESDAY_10), (self._answer, TUESDAY_10)],
        )
        for history in histories:
            case = at(MONDAY_9)
            cases |= case
            for happens, moment in history:
                happens(case, moment)
        cases |= at("2026-11-24 08:30:00")  # open in time
        # answers are read from the messages
        for case in cases:
            for clock in self._clock(case).filtered("met_by_id"):
                with self._at(str(clock.stopped_at)):
                    case.with_user(self.agent).message_post(
                        body="Yes.", message_type="comment", subtype_xmlid="mail.mt_comment"
                    )
        self._cron_at(TUESDAY_10)
        self._collect()
        test = (
            self.env["care.sla.backtest"]
            .with_user(self.manager)
            .create({"policy_id": self.policy.id, "company_id": self.company.id, "days": 30})
        )
        test.action_start()
        self.env.flush_all()
        self._run("care.sla.backtest")
        self.env.invalidate_all()
        facts = self.env["care.fact"].search(
            [("case_id", "in", cases.ids), ("measure", "=", "promise_kept")]
        )
        lines = test.sudo().line_ids
        for measure in ("first_response", "resolution"):
            counted = facts.filtered(lambda fact, m=measure: fact.promise == m)
            played = lines.filtered(lambda line, m=measure: line.measure == m)
            report = sum(counted.mapped("denominator")), sum(counted.mapped("numerator"))
            with self.subTest(measure):
                self.assertEqual(
                    report, (sum(played.mapped("today_decided")), sum(played.mapped("today_met")))
                )
                self.assertEqual(report, (sum(played.mapped("decided")), sum(played.mapped("met"))))
        self.assertEqual(len(facts.filtered(lambda f: f.promise == "first_response")), 7)
        self.assertEqual(
            sorted(set(facts.filtered(lambda f: not f.numerator).mapped("promise"))),
            ["first_response"],
        )

    def _away(self, case, moment):
        self._stage(case, "cancelled", moment)

    def _again(self, case, moment):
        self._stage(case, "progress", moment)

    def test_a_provider_who_never_answered_in_time_has_broken_the_promise(self):
        self.policy.target_ids = [
            Command.create({"measure": "provider", "kind": "hours", "amount": 2})
        ]
        slow, quick = self._case_at(MONDAY_9, name="a"), self._case_at(MONDAY_9, name="b")
        for case, solved in ((slow, MONDAY_17), (quick, MONDAY_10)):
            with self._at(MONDAY_9):
                case.sudo().provider_sent_at = MONDAY_9
            self._resolve(case, solved)
            self.assertEqual(self._clock(case, "provider").state, "cancelled")
        for _time in range(2):
            self._collect()
        mine = [
            self._facts(case, "promise_kept", "promise_time").filtered(
                lambda fact: fact.promise == "provider"
            )
            for case in (slow, quick)
        ]
        self.assertEqual([(f.measure, f.numerator) for f in mine[0]], [("promise_kept", 0)])
        self.assertFalse(mine[1], "solved before it was due: nobody waits for the answer")

    def test_collecting_twice_counts_once_and_reopening_counts_anew(self):
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        self._collect()
        self._collect()
        self.assertEqual(len(self._facts(case, "promise_kept")), 2)
        case.clock_ids.write({"counted_at": False})
        self._collect()
        self.assertEqual(len(self._facts(case, "promise_kept")), 2)
        self._stage(case, "progress", MONDAY_13)
        self._resolve(case, MONDAY_17)
        self._collect()
        solved = self._facts(case, "promise_kept").filtered(lambda f: f.promise == "resolution")
        self.assertEqual(solved.mapped("cycle"), [2], "it is one promise")

    def test_many_promises_are_counted_in_as_many_queries_as_few(self):
        cases = self.env["care.case"].union(*(self._case_at(MONDAY_9) for _n in range(12)))
        for case in cases:
            self._answer(case, MONDAY_10)
        facts = self.env["care.fact"].sudo()

        def cost(mine):
            clocks = mine.clock_ids.filtered(lambda clock: clock.state == "met")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            facts._collect_promises(clocks)
            return self.env.cr.sql_log_count - before

        cost(cases[:1])
        self.assertLessEqual(cost(cases[2:]), cost(cases[1:2]))

    def test_kept_but_unhappy(self):
        happy, unhappy, late = (self._case_at(MONDAY_9, name=n) for n in ("a", "b", "c"))
        for case in (happy, unhappy):
            self._resolve(case, MONDAY_10)
        self._resolve(late, TUESDAY_10)
        with self._at(MONDAY_13):
            unhappy._customer_answers("no", "It drips again")
        self._resolve(unhappy, MONDAY_17)
        with self._at(TUESDAY_10):
            for case in (happy, unhappy, late):
                case._customer_answers("yes")
        self._collect()
        figures = {
            case.name: self._facts(case, "green_unhappy").mapped(
                lambda fact: (fact.numerator, fact.denominator)
            )
            for case in (happy, unhappy, late)
        }
        self.assertEqual(figures, {"a": [(0, 1)], "b": [(1, 1)], "c": []})
        # asked long after closing, and not content
        (happy | late)._turned_unhappy()
        self.assertEqual(self._facts(happy, "green_unhappy").numerator, 1)
        self.assertFalse(self._facts(late, "green_unhappy"))
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_sla.care_fact_action_unhappy"
        )
        self.assertIn("green_unhappy", action["domain"])

    def test_a_case_with_a_broken_promise_is_not_green_whatever_became_of_that(self):
        self.policy.target_ids = [
            Command.create({"measure": "first_response", "severity": "0", "kind": "none"})
        ]
        given_up = self._case_at(MONDAY_9, name="Given up")
        in_time = self._case_at(MONDAY_13, name="In time")
        self._cron_at(MONDAY_17)
        for case in (given_up, in_time):
            with self._at(MONDAY_17):
                case.severity = "0"
            self._resolve(case, MONDAY_17)
        with self._at(TUESDAY_10):
            for case in (given_up, in_time):
                case._customer_answers("yes")
        self._collect()
        self.assertFalse(self._facts(given_up, "green_unhappy"))
        self.assertEqual(self._facts(in_time, "green_unhappy").denominator, 1)

    def test_a_promise_that_was_sold_is_counted_for_the_tier_that_was_sold(self):
        tier, own = self.env["care.tier"].create([{"name": "Founders"}, {"name": "Own"}])
        self._sla([("first_response", "any", "hours", 2)], name="Sold", tier_ids=tier.ids)
        self.customer.with_company(self.company).care_tier_id = tier
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
        self.customer.with_company(self.company).care_tier_id = own
        self.env.flush_all()
        self.env.invalidate_all()
        sold = self._case_at(MONDAY_9, journey_id=journey.id)
        other = self._case_at(MONDAY_9)
        for case in (sold, other):
            self._answer(case, MONDAY_10)
        self._collect()
        self.assertEqual(self._facts(sold, "promise_kept", "promise_time").tier_id, tier)
        self.assertEqual(self._facts(other, "promise_kept", "promise_time").tier_id, own)

    # ------------------------------------------------------------
    # Cases that become one
    # ------------------------------------------------------------

    def _merge(self, source, target, moment=MONDAY_17):
        with self._at(moment):
            source._merge_into(target)
            self.env.flush_all()
        self.env.invalidate_all()

    def _told(self, cases, *measures):
        """What is counted of these cases: (case, promise, numerator) sorted."""
        facts = self.env["care.fact"].search(
            [
                ("case_id", "in", cases.ids),
                ("measure", "in", measures or ("promise_kept", "promise_time")),
            ]
        )
        return sorted(
            (fact.case_id.name, fact.measure, fact.promise, fact.numerator) for fact in facts
        )

    def test_a_promise_given_on_two_cases_that_become_one_is_counted_once(self):
        for counted_before in (True, False):
            with self.subTest(counted_before=counted_before):
                first = self._case_at(MONDAY_9, name="First")
                second = self._case_at(MONDAY_10, name="Second")
                for case in (first, second):
                    self._answer(case, MONDAY_10)
                self._resolve(second, MONDAY_13)
                if counted_before:
                    self._collect()
                    self.assertEqual(len(self._told(second, "promise_kept")), 2)
                self._merge(second, first)
                self._resolve(first, MONDAY_17)
                self._collect()
                self._collect()
                self.assertEqual(
                    self._told(first | second),
                    [
                        ("First", "promise_kept", "first_response", 1),
                        ("First", "promise_kept", "resolution", 1),
                        ("First", "promise_time", "first_response", 0),
                        ("First", "promise_time", "resolution", 0),
                    ],
                )

    def test_a_broken_promise_is_not_lost_by_merging(self):
        for counted_before in (True, False):
            with self.subTest(counted_before=counted_before):
                late = self._case_at(MONDAY_9, name="Late")
                soon = self._case_at(MONDAY_13, name="Soon")
                for case in (late, soon):
                    self._answer(case, MONDAY_17)
                if counted_before:
                    self._collect()
                self._merge(late, soon)
                self._collect()
                self.assertEqual(
                    self._told(late | soon, "promise_kept"),
                    [
                        ("Soon", "promise_kept", "first_response", 0),
                        ("Soon", "promise_kept", "first_response", 1),
                    ],
                )

    def test_a_promise_broken_on_two_cases_that_become_one_is_counted_once(self):
        for counted_before in (True, False):
            with self.subTest(counted_before=counted_before):
                first = self._case_at(MONDAY_9, name="First")
                second = self._case_at(MONDAY_10, name="Second")
                self._cron_at(MONDAY_17)
                if counted_before:
                    self._collect()
                self._merge(second, first)
                self._collect()
                self._answer(first, TUESDAY_10)
                self._collect()
                self.assertEqual(
                    self._told(first | second, "promise_kept"),
                    [("First", "promise_kept", "first_response", 0)],
                )

    def test_broken_on_both_and_the_earlier_one_goes_on_is_counted_once(self):
        for counted_before in (True, False):
            with self.subTest(counted_before=counted_before):
                first = self._case_at(MONDAY_9, name="First")
                second = self._case_at(MONDAY_10, name="Second")
                self._cron_at(MONDAY_17)
                if counted_before:
                    self._collect()
                    self.assertEqual(len(self._told(first | second, "promise_kept")), 2)
                self._merge(first, second)
                self._collect()
                self._answer(second, TUESDAY_10)
                self._collect()
                self.assertEqual(
                    self._told(first | second, "promise_kept"),
                    [("Second", "promise_kept", "first_response", 0)],
                )

    def test_a_broken_promise_that_moves_with_a_merge_is_counted_once(self):
        for counted_before in (True, False):
            with self.subTest(counted_before=counted_before):
                late = self._case_at(MONDAY_9, name="Late")
                soon = self._case_at("2026-11-23 15:30:00", name="Soon")
                self._cron_at(MONDAY_17)
                if counted_before:
                    self._collect()
                self._merge(late, soon)
                self._collect()
                self._answer(soon, TUESDAY_10)
                self._collect()
                self.assertEqual(
                    self._told(late | soon, "promise_kept"),
                    [("Soon", "promise_kept", "first_response", 0)],
                )

    def test_what_only_the_merged_case_was_promised_is_counted_of_the_one_that_goes_on(self):
        answered = self._case_at(MONDAY_9, name="Answered")
        self._answer(answered, MONDAY_10)
        self._collect()
        with self._at(MONDAY_10):
            imported = self._case(channel="import", received_at=MONDAY_10, name="From the list")
        self._merge(answered, imported)
        self._collect()
        self.assertEqual(
            self._told(answered | imported, "promise_kept"),
            [("From the list", "promise_kept", "first_response", 1)],
        )

    def test_a_chain_of_merges_counts_a_promise_once(self):
        cases = [self._case_at(MONDAY_9, name=name) for name in ("One", "Two", "Three")]
        for case in (cases[0], cases[2]):
            self._answer(case, MONDAY_10)
        self._collect()
        with self._at(MONDAY_10):
            middle = self._case(channel="import", received_at=MONDAY_10, name="Between")
        self._merge(cases[0], middle)
        self._merge(middle, cases[2])
        self._collect()
        self.assertEqual(
            self._told(cases[0] | middle | cases[2], "promise_kept"),
            [("Three", "promise_kept", "first_response", 1)],
        )

    def test_pauses_of_a_promise_that_is_not_counted_are_not_counted_either(self):
        first, second = self._case_at(FRIDAY_16, name="A"), self._case_at(FRIDAY_16, name="B")
        for case in (first, second):
            self._stage(case, "waiting_customer", FRIDAY_16)
            self._stage(case, "progress", MONDAY_10)
            self._resolve(case, MONDAY_13)
        self._collect()
        self._merge(second, first)
        self._collect()
        self.assertEqual(
            self._told(first | second, "promise_pause"), [("A", "promise_pause", "resolution", 0)]
        )

    def test_facts_that_come_to_a_confidential_case_are_confidential(self):
        self._user("care_keeper", "customer_care.group_confidential")
        for counted_before in (True, False):
            with self.subTest(counted_before=counted_before):
                open_case = self._case_at(MONDAY_9, name="Open")
                self._answer(open_case, MONDAY_17)
                sealed = self._case_at(MONDAY_13, name="Sealed", confidential=True)
                if counted_before:
                    self._collect()
                self._merge(open_case, sealed)
                self._collect()
                facts = self._facts(sealed, "promise_kept", "promise_time")
                # of the promise that was broken, and of the one that goes on
                self.assertEqual(len(facts), 4)
                self.assertTrue(all(facts.mapped("confidential")))

    # ------------------------------------------------------------
    # Reports
    # ------------------------------------------------------------

    def test_promises_kept_and_unhappy_customers_are_told_as_shares(self):
        self._insert((True, 1, 0), (False, 9, 0))
        self._insert((True, 1, 0), res_id=2 * 10**6)
        self.env["care.fact"].search(
            [("res_id", "=", 2 * 10**6), ("measure", "=", "promise_kept")]
        ).measure = "green_unhappy"
        rows = self.env["care.fact.summary"].search([("company_id", "=", self.company.id)])
        self.assertEqual(
            {row.measure: (row.nature, row.share) for row in rows},
            {
                "promise_kept": ("share", 0.5),
                "green_unhappy": ("share", 1),
                "promise_time": ("time", 0),
            },
        )
        report = self.env["care.period.report"].create(
            {
                "company_id": self.company.id,
                "date_from": "2026-03-01",
                "date_to": "2026-03-31",
            }
        )
        figures = self.env["report.customer_care.report_period"]._figures(report)
        kept = {row["measure"]: row["rate"] for row in figures}["Promise kept"]
        self.assertEqual(kept, "50 %")

    def _insert(self, *rows, **vals):
        """Facts as the engine writes them: kept or late, so many hours, paused for so long."""
        common = {
            "day": "2026-03-02",
            "company_id": self.company.id,
            "team_id": self.team.id,
            "user_id": self.agent.id,
            "promise": "resolution",
            "res_model": "care.sla.clock",
            "numerator": 0,
            "denominator": 0,
            "seconds": 0,
            "pause_reason": False,
            "confidential": False,
            "cycle": 1,
            **vals,
        }
        made = []
        first = vals.get("res_id", 10**6)
        for number, (kept, hours, paused) in enumerate(rows, first):
            on = {**common, "res_id": number}
            made += [
                {**on, "measure": "promise_kept", "numerator": int(kept), "denominator": 1},
                {**on, "measure": "promise_time", "seconds": hours * 3600},
            ]
            if paused:
                made.append(
                    {
                        **on,
                        "measure": "promise_pause",
                        "seconds": paused * 3600,
                        "pause_reason": "customer",
                    }
                )
        return insert_new(self.env["care.fact"].sudo(), made)

    def _summary(self, user=None):
        return (
            self.env["care.sla.summary"]
            .with_user(user or self.manager)
            .with_company(self.company)
            .search([("company_id", "=", self.company.id)])
        )

    def test_the_month_has_share_median_percentile_and_pauses(self):
        self._insert(*[(True, 1, 0)] * 5, *[(True, 3, 0)] * 3, (False, 9, 0), (False, 10, 12))
        row = self._summary()
        self.assertEqual((str(row.month), row.promise), ("2026-03-01", "resolution"))
        self.assertEqual((row.count, row.late_count, row.kept_share), (10, 2, 0.8))
        self.assertEqual(row.median_hours, 2)
        self.assertAlmostEqual(row.p90_hours, 9.1)
        # 33 hours of work and 12 of waiting
        self.assertAlmostEqual(row.customer_share, 12 / 45)
        self.assertEqual(row.third_party_share, 0)
        self.assertFalse(row.is_small)

    def test_a_small_sample_is_marked(self):
        self._insert(*[(True, 1, 0)] * 9)
        self.assertTrue(self._summary().is_small)
        self.assertFalse(self._summary().filtered_domain([("is_small", "=", False)]))

    def test_a_figure_opens_what_it_is_made_of(self):
        self._insert((True, 1, 0), (False, 9, 2))
        self._insert((True, 1, 0), res_id=2 * 10**6, promise="first_response")
        row = self._summary().filtered(lambda r: r.promise == "resolution")
        action = row.action_open_facts()
        self.assertEqual(self.env["care.fact"].search_count(action["domain"]), row.count)

    def test_share_median_and_percentile_by_whatever_one_likes(self):
        self._insert((True, 1, 0), (True, 2, 0), (False, 6, 0))
        self._insert((True, 4, 0), res_id=2 * 10**6, severity="3", user_id=self.agent2.id)
        facts = self.env["care.fact"].with_user(self.manager)
        domain = [
            ("company_id", "=", self.company.id),
            ("measure", "in", ("promise_kept", "promise_time")),
        ]
        for groupby in (
            *("user_id", "severity", "team_id", "stage_id", "tier_id", "product_id"),
            *("day:month", "promise"),
        ):
            rows = facts._read_group(
                domain, [groupby], ["denominator:sum", "rate:avg", "median_hours:avg"]
            )
            self.assertEqual(sum(count for _group, count, _rate, _median in rows), 4, groupby)
        by_person = {
            user: (count, round(rate, 4), median)
            for user, count, rate, median in facts._read_group(
                domain, ["user_id"], ["denominator:sum", "rate:avg", "median_hours:avg"]
            )
        }
        self.assertEqual(
            by_person,
            {
                self.agent.with_user(self.manager): (3, 0.6667, 2),
                self.agent2.with_user(self.manager): (1, 1, 4),
            },
        )

    def test_confidential_promises_are_in_no_sum_of_who_may_not_see_them(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self._insert((True, 1, 0))
        self._insert((False, 9, 0), res_id=2 * 10**6, confidential=True)
        for user, share in ((self.manager, 1), (self.leader, 1), (self.agent, 1), (keeper, 0)):
            with self.subTest(user.login):
                self.env.invalidate_all()
                self.assertEqual(self._summary(user).mapped("kept_share"), [share])

    def test_whose_figures_each_role_reads(self):
        self._insert((True, 1, 0))
        row = self._summary()
        outside = self._user("care_outside", "customer_care.group_agent")
        other = self.env["res.company"].create({"name": "Elsewhere"})
        manager_b = self._user("care_b_manager", "customer_care.group_manager", other)
        for user in (self.agent, self.leader, self.manager):
            self.assertTrue(self._summary(user))
        for user in (outside, manager_b):
            found = self.env["care.sla.summary"].with_user(user).search([])
            self.assertFalse(found.filtered(lambda r: r.company_id == self.company))
            with self.subTest(user.login), self.assertRaises(AccessError):
                row.with_user(user).check_access("read")
        for user in (self.agent, self.leader, self.manager):
            with self.assertRaises(AccessError):
                row.with_user(user).write({"count": 5})
