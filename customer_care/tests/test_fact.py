"""Facts: written once when known, by the cron, and read with the rights of who reads."""

from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CareCase

#: Monday, nine in the morning in Brussels.
MONDAY = "2026-03-02 08:00:00"


@tagged("post_install", "-at_install")
class TestFact(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "care_silence_days": 0})

    def _after(self, hours):
        return fields.Datetime.to_datetime(MONDAY) + timedelta(hours=hours)

    def _solved(self, start=0, hours=3, confirm=True, **vals):
        """Received, resolved so many hours later, confirmed half an hour after that."""
        with self._at(self._after(start)):
            case = self._case(
                **{
                    "resolution": "Mended",
                    "owner_id": self.agent.id,
                    "received_at": self._after(start),
                    **vals,
                }
            )
        with self._at(self._after(start + hours)):
            case.action_resolve()
        if confirm:
            with self._at(self._after(start + hours + 0.5)):
                case._customer_answers("yes")
        return case

    def _collect(self):
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_facts").method_direct_trigger()
        self.env.invalidate_all()

    def _facts(self, records, measure=None):
        link = records._care_link
        domain = [(link, "in", records.ids)]
        if measure:
            domain.append(("measure", "=", measure))
        return self.env["care.fact"].search(domain, order="id")

    # ------------------------------------------------------------
    # What is measured
    # ------------------------------------------------------------

    def test_the_time_to_resolve_is_working_seconds(self):
        case = self._solved(hours=10)  # nine to seven: eight hours of work
        self._collect()
        fact = self._facts(case, "resolution")
        self.assertEqual(fact.seconds, 8 * 3600)
        self.assertEqual(fact.user_id, self.agent)
        self.assertEqual(fact.team_id, self.team)
        self.assertEqual(fact.company_id, self.company)
        self.assertEqual(fact.partner_id, self.customer)
        self.assertEqual(str(fact.day), "2026-03-02")
        self.assertEqual(fact.kind, "complaint")

    def test_the_day_is_the_companys_own(self):
        with self._at("2026-03-02 10:00:00"):
            case = self._case(resolution="x", owner_id=self.agent.id)
        with self._at("2026-03-02 23:30:00"):
            case.action_resolve()
        self._collect()
        self.assertEqual(str(self._facts(case, "resolution").day), "2026-03-03")

    def test_each_owner_and_each_stay_in_a_stage_is_a_fact(self):
        with self._at(self._after(0)):
            case = self._case(owner_id=self.agent.id, resolution="x")
        with self._at(self._after(2)):
            case.owner_id = self.agent2
        with self._at(self._after(5)):
            case.stage_id = self.env.ref("customer_care.stage_case_progress")
        self._collect()
        tenure = self._facts(case, "tenure")
        self.assertEqual(
            [(fact.user_id, fact.seconds) for fact in tenure],
            [(self.agent, 2 * 3600), (self.agent2, 3 * 3600)],
        )
        stay = self._facts(case, "stage_time")
        self.assertEqual(stay.seconds, 5 * 3600)
        self.assertEqual(stay.stage_id, self.env.ref("customer_care.stage_case_new"))
        self.assertEqual(stay.curator_id, stay.stage_id.curator_id)

    def test_journeys_have_the_times_of_their_stages(self):
        with self._at(self._after(0)):
            journey = self._journey(self._confirmed())
        with self._at(self._after(4)):
            journey.stage_id = self.stages[1]
        self._collect()
        stay = self._facts(journey, "stage_time")
        self.assertEqual((stay.stage_id, stay.seconds), (self.stages[0], 4 * 3600))
        self.assertFalse(stay.confidential)
        self.assertFalse(self._facts(journey, "resolution"))

    def _rate(self, case, measure):
        return self._facts(case, measure).mapped(lambda fact: (fact.numerator, fact.denominator))

    def test_solved_at_first_contact(self):
        plain = self._solved()
        handed = self._solved(owner_id=self.agent.id, confirm=False)
        wrote = self._solved(confirm=False)
        with self._at(self._after(1)):
            wrote.message_post(
                body="Any news?",
                author_id=self.customer.id,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            ).date = self._after(1)
        self.env["care.tenure"].search([("case_id", "=", handed.id)]).sorted("since")[
            0
        ].user_id = self.agent2
        with self._at(self._after(4)):
            (handed | wrote)._enter_category("closed")
        self._collect()
        self.assertEqual(self._rate(plain, "first_contact"), [(1, 1)])
        self.assertEqual(self._rate(handed, "first_contact"), [(0, 1)])
        self.assertEqual(self._rate(wrote, "first_contact"), [(0, 1)])

    def test_hand_offs_per_case(self):
        with self._at(self._after(0)):
            case = self._case(owner_id=self.agent.id, resolution="x")
        for hours, owner in ((1, self.agent2), (2, self.agent)):
            with self._at(self._after(hours)):
                case.owner_id = owner
        with self._at(self._after(3)):
            case.action_resolve()
        with self._at(self._after(4)):
            case._customer_answers("yes")
        self._collect()
        self.assertEqual(self._rate(case, "handoffs"), [(2, 1)])

    def test_reopened_counts_closings_that_were_not_the_first(self):
        case = self._solved(confirm=False)
        with self._at(self._after(4)):
            case._customer_answers("no")
        with self._at(self._after(5)):
            case.action_resolve()
        with self._at(self._after(6)):
            case._customer_answers("yes")
        self._collect()
        self.assertEqual(self._rate(case, "reopened"), [(1, 1)])
        self.assertEqual(self._facts(case, "resolution").mapped("cycle"), [1, 2])
        self.assertEqual(self._rate(self._solved(), "reopened"), [])
        self._collect()

    def test_repeat_contacts_within_the_companys_days(self):
        self.company.care_repeat_days = 10
        first = self._solved()
        again = self._solved(start=24 * 5)
        later = self._solved(start=24 * 30)
        praise = self._solved(start=24 * 31, kind="compliment")
        other = self._solved(
            start=24 * 5, partner_id=self.env["res.partner"].create({"name": "Theo"}).id
        )
        self._collect()
        for case, numerator in ((first, 0), (again, 1), (later, 0), (other, 0)):
            self.assertEqual(self._rate(case, "repeat"), [(numerator, 1)], case.number)
        self.assertFalse(self._rate(praise, "repeat"))

    def test_customers_nobody_knows_are_not_one_who_comes_again(self):
        unknown = self.company._care_unknown_partner()
        gone = self.company._care_anonymous_partner()
        cases = self.env["care.case"].union(
            *(
                self._solved(start=24 * day, partner_id=partner.id)
                for partner in (unknown, gone)
                for day in (0, 1)
            )
        )
        self._collect()
        self.assertFalse(self._rate(cases, "repeat"))

    def test_what_was_told_twice_at_once_is_no_repeat_contact(self):
        first = self._solved()
        with self._at(self._after(24)):
            double, cancelled, goes_on = (
                self._case(owner_id=self.agent.id, received_at=self._after(hours))
                for hours in (21, 22, 24)
            )
        first.received_at = self._after(-24 * 90)
        with self._at(self._after(25)):
            double._merge_into(goes_on)
            cancelled.cancel_reason = "Told twice"
            cancelled.action_cancel()
            goes_on.resolution = "Mended"
            goes_on.action_resolve()
        self._collect()
        self.assertEqual(self._rate(goes_on, "repeat"), [(0, 1)])
        self.assertFalse(self._rate(double | cancelled, "repeat"))

    def test_what_was_counted_before_a_merge_is_corrected(self):
        double = self._solved()
        goes_on = self._solved(start=24)
        later = self._solved(start=48)
        self._collect()
        self.assertTrue(self._facts(double, "first_contact"))
        self.assertTrue(self._facts(double, "tenure"))
        self.assertEqual(self._rate(goes_on, "repeat"), [(1, 1)])
        with self._at(self._after(60)):
            double._merge_into(goes_on)
        self._collect()
        self.assertFalse(self._facts(double), "it counts once")
        self.assertEqual(self._rate(goes_on, "repeat"), [(0, 1)])
        self.assertEqual(self._rate(later, "repeat"), [(1, 1)])
        self.assertEqual(len(self._facts(goes_on, "resolution")), 1)

    def test_what_others_measured_of_a_merged_case_goes_with_its_rows(self):
        double, goes_on = self._case(), self._case()
        fact = self.env["care.fact"].create(
            {
                "day": "2026-03-05",
                "measure": "first_contact",
                "company_id": self.company.id,
                "case_id": double.id,
                "res_model": "care.promise",
                "res_id": 1,
                "cycle": 1,
            }
        )
        double._merge_into(goes_on)
        self.assertEqual(fact.case_id, goes_on)

    def test_only_what_has_to_be_solved_is_solved_at_first_contact(self):
        for kind in ("complaint", "enquiry", "compliment", "suggestion", "mention"):
            with self.subTest(kind):
                case = self._solved(kind=kind, confirm=False)
                with self._at(self._after(5)):
                    case._enter_category("closed")
                self._collect()
                for measure in ("first_contact", "handoffs", "reopened"):
                    self.assertEqual(
                        bool(self._rate(case, measure)), kind in ("complaint", "enquiry")
                    )
                self.assertTrue(self._facts(case, "resolution"))

    def test_a_month_tells_shares_counts_per_case_and_times_apart(self):
        self._insert(3600)
        for measure, values in (("first_contact", (1, 1, 0, 1)), ("handoffs", (2, 0))):
            for number, value in enumerate(values):
                key = {"measure": measure, "res_id": 1_000_000 + number}
                self._insert(0, numerator=value, denominator=1, **key)
        rows = self.env["care.fact.summary"].search([("company_id", "=", self.company.id)])
        told = {row.nature: row for row in rows}
        self.assertEqual(set(told), {"share", "per_case", "time"})
        self.assertEqual(told["share"].share, 0.75)
        self.assertEqual(told["per_case"].per_case, 1)
        self.assertEqual(told["time"].median_hours, 1)
        self.assertEqual(told["share"].display_name, "Solved at first contact, March 2026")

    def test_figures_by_month_are_by_kind(self):
        self._insert(3600, kind="complaint")
        self._insert(7200, 7200, kind="enquiry", cycle=2)
        rows = self.env["care.fact.summary"].search([("company_id", "=", self.company.id)])
        self.assertEqual(
            rows.mapped(lambda row: (row.kind, row.count, row.hours)),
            [("complaint", 1, 1), ("enquiry", 2, 2)],
        )
        action = rows[1].action_open_facts()
        self.assertEqual(self.env["care.fact"].search_count(action["domain"]), 2)

    def test_one_piece_at_fault_does_not_keep_the_others(self):
        bad, good = self._solved(), self._solved(start=24 * 60)
        model = self.env.registry["care.fact"]
        original = model._dimensions

        def poisoned(facts, piece, record, tiers):
            if record == bad:
                raise ZeroDivisionError
            return original(facts, piece, record, tiers)

        with (
            patch.object(model, "_dimensions", poisoned),
            mute_logger("odoo.addons.customer_care.models.care_due_mixin"),
        ):
            self._collect()
        self.assertFalse(self._facts(bad))
        self.assertTrue(self._facts(good, "resolution"))
        self._collect()
        self.assertTrue(self._facts(bad, "resolution"))

    def test_an_addons_own_measure_is_kept_once_a_cycle(self):
        case = self._solved()
        asked = []

        def values(cases, event):
            asked.append((cases, event))
            return {case: [{"measure": "handoffs", "numerator": 7, "denominator": 1}]}

        self.patch(self.env.registry["care.case"], "_fact_values", values)
        self._collect()
        self.assertEqual(asked, [(case, "case_closed")])
        # the core's own came first, and it is counted once
        self.assertEqual(self._rate(case, "handoffs"), [(0, 1)])

    # ------------------------------------------------------------
    # Once
    # ------------------------------------------------------------

    def test_nothing_is_written_in_a_persons_transaction(self):
        case = self._solved()
        self.assertFalse(self._facts(case))

    def test_run_twice_or_on_counted_rows_it_counts_nothing_twice(self):
        case = self._solved()
        self._collect()
        facts = self._facts(case)
        self.assertGreater(len(facts), 5)
        self._collect()
        self.assertEqual(self._facts(case), facts)
        case.tenure_ids.counted_at = False  # killed before it was noted
        self._collect()
        self.assertEqual(self._facts(case), facts)

    def test_what_is_known_late_is_counted_as_it_was(self):
        case = self._solved()
        with self._at(self._after(30)):
            case._customer_answers("no", late=True)
        self._collect()
        self.assertEqual(self._rate(case, "first_contact"), [(1, 1)])
        self.assertEqual(self._facts(case, "reopened").cycle, 1)

    def test_the_cost_of_a_batch_does_not_grow_with_it(self):
        def cost(count):
            cases = self.env["care.case"].union(*(self._solved() for _i in range(count)))
            pieces = cases.tenure_ids.filtered("until")
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.env["care.fact"]._collect(pieces)
            return self.env.cr.sql_log_count - start

        cost(1)
        self.assertLessEqual(cost(12) - cost(3), 2)

    def test_nothing_due_costs_one_search(self):
        self._collect()
        self.env.flush_all()
        plan = self.env["care.tenure"].search(
            [("until", "!=", False), ("counted_at", "=", False)], limit=500, order="id"
        )
        self.assertFalse(plan)
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        self.env.cr.execute(
            "EXPLAIN SELECT id FROM care_tenure WHERE until IS NOT NULL AND counted_at IS NULL"
            " ORDER BY id LIMIT 500"
        )
        self.assertIn("uncounted_idx", str(self.env.cr.fetchall()))

    # ------------------------------------------------------------
    # Figures
    # ------------------------------------------------------------

    def _insert(self, *seconds, **vals):
        return self.env["care.fact"].create(
            [
                {
                    "day": "2026-03-02",
                    "measure": "resolution",
                    "seconds": value,
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                    "res_model": "care.case",
                    "res_id": 1_000_000 + number,
                    "cycle": 1,
                    **vals,
                }
                for number, value in enumerate(seconds)
            ]
        )

    def test_median_and_90th_percentile_are_of_the_database(self):
        facts = self._insert(*(hour * 3600 for hour in range(1, 12)))
        [(median, p90, hours)] = self.env["care.fact"]._read_group(
            [("id", "in", facts.ids)], [], ["median_hours:avg", "p90_hours:avg", "hours:avg"]
        )
        self.assertEqual((median, p90, hours), (6, 10, 6))
        fields_ = self.env["care.fact"].fields_get(["median_hours", "p90_hours", "rate"])
        for name, description in fields_.items():
            self.assertEqual(description["aggregator"], "avg", name)

    def test_a_rate_is_the_sums_rate_and_not_the_average_of_rates(self):
        self._insert(0, measure="handoffs", numerator=9, denominator=1)
        self._insert(0, measure="handoffs", numerator=1, denominator=9, cycle=2)
        [(rate,)] = self.env["care.fact"]._read_group(
            [("measure", "=", "handoffs"), ("company_id", "=", self.company.id)], [], ["rate:avg"]
        )
        self.assertEqual(rate, 1)

    def test_the_pivot_asks_for_it_as_the_web_client_does(self):
        self._insert(3600, 7200)
        groups = self.env["care.fact"].formatted_read_group(
            [("company_id", "=", self.company.id)], ["measure"], ["median_hours:avg", "__count"]
        )
        self.assertEqual(groups[0]["median_hours:avg"], 1.5)

    def test_small_samples_are_marked_and_counted(self):
        self._insert(*([3600] * 9))
        self._insert(*([3600] * 10), measure="tenure")
        rows = self.env["care.fact.summary"].search([("company_id", "=", self.company.id)])
        self.assertEqual(
            {row.measure: (row.count, row.is_small, row.median_hours) for row in rows},
            {"resolution": (9, True, 1), "tenure": (10, False, 1)},
        )
        self.assertEqual(str(rows[0].month), "2026-03-01")
        action = rows[0].action_open_facts()
        self.assertEqual(self.env["care.fact"].search_count(action["domain"]), rows[0].count)
        found = self.env["care.fact.summary"].search(
            [("company_id", "=", self.company.id), ("is_small", "=", False)]
        )
        self.assertEqual(found.measure, "tenure")

    def test_the_curators_page_shows_what_the_facts_say(self):
        stage = self.env.ref("customer_care.stage_case_new")
        stage.curator_id = self.agent2
        today = fields.Date.today()
        self._insert(*([3600] * 9 + [36000]), measure="stage_time", stage_id=stage.id, day=today)
        mine = stage.with_user(self.agent2).with_company(self.company)
        self.assertEqual(mine.fact_count, 10)
        self.assertFalse(mine.small_sample)
        self.assertAlmostEqual(mine.p90_hours, 1.9)
        self._insert(
            10**6, measure="stage_time", stage_id=stage.id, day=today, confidential=True, cycle=3
        )
        self.env.invalidate_all()
        self.assertEqual(mine.fact_count, 10)

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_whose_facts_each_role_reads(self):
        facts = self._insert(3600)
        outside = self._user("care_outside", "customer_care.group_agent")
        leader2 = self._user("care_leader2", "customer_care.group_leader")
        other = self.env["res.company"].create({"name": "Other"})
        manager_b = self._user("care_manager_b", "customer_care.group_manager", other)
        for user, reads in (
            (self.agent, True),
            (self.leader, True),
            (self.manager, True),
            (outside, False),
            (leader2, False),
            (manager_b, False),
        ):
            with self.subTest(user.login):
                mine = self.env["care.fact"].with_user(user)
                self.assertEqual(bool(mine.search([("id", "in", facts.ids)])), reads)
                self.assertEqual(
                    bool(
                        self.env["care.fact.summary"]
                        .with_user(user)
                        .search_count([("company_id", "=", self.company.id)])
                    ),
                    reads,
                )

    def test_confidential_facts_are_for_the_group_in_every_sum(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self._insert(3600)
        self._insert(36000, confidential=True, cycle=2)
        for user, count in ((self.manager, 1), (self.agent, 1), (keeper, 1)):
            with self.subTest(user.login):
                self.env.invalidate_all()
                mine = self.env["care.fact"].with_user(user)
                domain = [("company_id", "=", self.company.id)]
                [(found, hours)] = mine._read_group(domain, [], ["__count", "hours:avg"])
                self.assertEqual(found, count)
                self.assertEqual(hours, 10 if user == keeper else 1)
                row = self.env["care.fact.summary"].with_user(user).search(domain)
                self.assertEqual(row.count, count)

    def test_sealing_a_case_seals_its_facts(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        case = self._solved()
        self._collect()
        case.action_seal()
        self.assertEqual(case.owner_id, keeper)
        self.assertEqual(set(self._facts(case).mapped("confidential")), {True})
        case.with_user(keeper).action_unseal()
        self.assertEqual(set(self._facts(case).mapped("confidential")), {False})

    def test_nobody_writes_facts(self):
        fact = self._insert(3600)
        for user in (self.agent, self.leader, self.manager):
            for gesture in (
                lambda fact: fact.write({"seconds": 1}),
                lambda fact: fact.unlink(),
                lambda fact: fact.copy(),
            ):
                with self.subTest(user.login), self.assertRaises(AccessError):
                    gesture(fact.with_user(user))

    def test_a_deleted_case_leaves_its_figures(self):
        case = self._solved()
        self._collect()
        facts = self._facts(case)
        case.unlink()
        self.assertTrue(facts.exists())
        self.assertFalse(facts.exists().case_id)
