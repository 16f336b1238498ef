"""What is due next on a case: sorted, filtered and grouped by what is true now."""

from lxml import etree

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

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
class TestNextDue(SlaCase):
    def _columns(self, case):
        """What the database has, and nothing that the cache believes."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT promise_due_at, promise_risk_at, promise_measure, promise_paused IS TRUE,"
            " promise_broken IS TRUE, promise_failed IS TRUE FROM care_case WHERE id = %s",
            [case.id],
        )
        return self.env.cr.fetchone()

    def _by_status(self, cases):
        """Status -> cases, as a list grouped by it shows them."""
        groups = self.env["care.case"]._read_group(
            [("id", "in", cases.ids)], ["promise_status"], ["id:recordset"]
        )
        return dict(groups)

    def test_a_new_case_is_due_with_its_first_promise(self):
        case = self._case_at(MONDAY_9)
        answer = self._clock(case)
        # a quarter of four hours before it is due
        expected = (self._utc(MONDAY_13), self._utc("2026-11-23 11:00:00"), "first_response")
        self.assertEqual(self._columns(case), (*expected, False, False, False))
        self.assertEqual(answer.risk_at, self._utc("2026-11-23 11:00:00"))

    def test_the_next_promise_moves_up_when_the_first_is_kept(self):
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_10):
            self.env["care.sla.clock"]._meet(case, ["first_response"])
        solution = self._clock(case, "resolution")
        self.assertEqual(self._columns(case)[:3], (solution.due_at, solution.risk_at, "resolution"))
        self._resolve(case, MONDAY_13)
        self.assertEqual(self._columns(case), (None, None, None, False, False, False))

    def test_a_pause_shows_and_ends(self):
        case = self._case_at(MONDAY_9)
        with self._at(MONDAY_10):
            self.env["care.sla.clock"]._meet(case, ["first_response"])
        self._stage(case, "waiting_customer", MONDAY_10)
        self.assertEqual(self._columns(case), (None, None, "resolution", True, False, False))
        self.assertEqual(case.promise_status, "paused")
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(self._columns(case)[0], self._clock(case, "resolution").due_at)
        self.assertFalse(case.promise_paused)

    def test_a_promise_that_was_broken_before_its_pause_stays_late(self):
        case = self._case_at(FRIDAY_16)
        with self._at(FRIDAY_16):
            self.env["care.sla.clock"]._meet(case, ["first_response"])
        self._stage(case, "waiting_customer", "2026-11-24 15:30:00")
        self.assertEqual(self._columns(case)[3:], (True, True, False))
        self.assertEqual(case.promise_status, "late")

    @quiet
    def test_what_cannot_be_planned_shows(self):
        self.company.resource_calendar_id.attendance_ids.unlink()
        case = self._case_at(MONDAY_9)
        self.assertEqual(self._columns(case)[3:], (False, False, True))
        self.assertEqual(case.promise_status, "failed")
        self.assertIn("cannot be planned", case.promise_label)

    def test_merging_moves_what_is_due_next(self):
        first = self._case_at(MONDAY_9, name="First")
        second = self._case_at(MONDAY_13, name="Second")
        with self._at(MONDAY_13):
            first._merge_into(second)
        self.assertEqual(self._columns(second)[0], self._utc(MONDAY_13))
        self.assertEqual(self._columns(first)[:3], (None, None, None))

    def test_a_clock_that_is_deleted_leaves_nothing_on_its_case(self):
        case = self._case_at(MONDAY_9)
        self.assertTrue(self._columns(case)[0])
        case.clock_ids.unlink()
        self.assertEqual(self._columns(case), (None, None, None, False, False, False))

    def test_the_status_follows_the_time_and_no_cron(self):
        case = self._case_at(MONDAY_9)
        moments = [
            (MONDAY_9, "today"),
            ("2026-11-23 10:59:59", "today"),
            ("2026-11-23 11:00:00", "risk"),
            (MONDAY_13, "risk"),
            ("2026-11-23 12:00:01", "late"),
            (TUESDAY_10, "late"),
        ]
        for moment, status in moments:
            with self._at(moment), self.subTest(moment):
                self.env.invalidate_all()
                self.assertEqual(case.promise_status, status)
                self.assertEqual(self._by_status(case), {status: case})
                for other in ("late", "risk", "today", "running", "paused", "failed", False):
                    found = case.search([("id", "=", case.id), ("promise_status", "=", other)])
                    self.assertEqual(found, case if other == status else case.browse(), other)

    def test_due_today_ends_at_the_users_midnight(self):
        self.policy.target_ids = [
            Command.clear(),
            Command.create({"measure": "resolution", "kind": "hours", "amount": 9}),
        ]
        case = self._case_at(MONDAY_9)  # due on Tuesday at ten in Brussels
        for zone, moment, status in (
            ("Europe/Brussels", MONDAY_17, "running"),
            ("Europe/Brussels", "2026-11-23 22:59:59", "running"),
            ("Europe/Brussels", "2026-11-23 23:00:00", "today"),
            ("Pacific/Auckland", "2026-11-23 22:59:59", "today"),
        ):
            with self._at(moment), self.subTest(zone=zone, moment=moment):
                mine = case.with_context(tz=zone)
                mine.invalidate_recordset()
                self.policy.level_ids.unlink()
                case.clock_ids.write({"levels": []})
                self.assertEqual(mine.promise_status, status)
                self.assertEqual(
                    mine.search([("promise_status", "=", status), ("id", "=", case.id)]), case
                )

    def _five(self):
        """One late, one at risk, one due later, one paused, one without a promise."""
        late = self._case_at(MONDAY_9, name="Late")
        risk = self._case_at("2026-11-23 13:45:00", name="At risk")  # due on Tuesday at 10:45
        later = self._case_at("2026-11-23 15:59:00", name="Later")
        later.clock_ids.filtered(lambda c: c.measure == "first_response")._stop("met")
        paused = self._case_at(MONDAY_9, name="Paused")
        self._clock(paused)._stop("met")
        self._stage(paused, "waiting_customer", MONDAY_10)
        none = self._case_at(MONDAY_9, name="None")
        none.clock_ids._stop("met")
        return late, risk, later, paused, none

    def test_a_list_is_grouped_by_how_the_promises_stand(self):
        late, risk, later, paused, none = self._five()
        self.assertEqual(
            self._by_status(late | risk | later | paused | none),
            {"late": late, "risk": risk, "running": later, "paused": paused, False: none},
        )
        # as a pivot asks
        _all, by_status = self.env["care.case"].formatted_read_grouping_sets(
            [("id", "in", (late | risk | later | paused | none).ids)],
            [[], ["promise_status"]],
            ["__count"],
        )
        self.assertEqual(
            [group["promise_status"] for group in by_status],
            ["late", "risk", "running", "paused", False],
        )
        groups = self.env["care.case"].web_read_group(
            [("id", "in", (late | risk | later | paused | none).ids)],
            ["promise_status"],
            ["__count"],
            auto_unfold=True,
            unfold_read_specification={"name": {}},
        )["groups"]
        found = {
            group["promise_status"]: [row["name"] for row in group.get("__records", ())]
            for group in groups
        }
        self.assertEqual(
            {status: names for status, names in found.items() if names},
            {
                "late": ["Late"],
                "risk": ["At risk"],
                "running": ["Later"],
                "paused": ["Paused"],
                False: ["None"],
            },
        )

    def test_groups_and_lists_are_in_the_order_of_urgency(self):
        late, risk, later, paused, none = self._five()
        cases = late | risk | later | paused | none
        statuses = [
            status
            for (status,) in self.env["care.case"]._read_group(
                [("id", "in", cases.ids)], ["promise_status"], [], order="promise_status"
            )
        ]
        self.assertEqual(statuses, ["late", "risk", "running", "paused", False])
        for order in ("promise_status, id", "promise_due_at, id"):
            found = self.env["care.case"].search([("id", "in", cases.ids)], order=order)
            self.assertEqual(found[:3], late | risk | later, order)
        found = self.env["care.case"].search(
            [("id", "in", cases.ids)], order="promise_due_at desc, id"
        )
        self.assertEqual(found[:3], later | risk | late, "without one they come last")

    def test_a_board_by_status_shows_all_columns(self):
        case = self._case_at(MONDAY_9)
        groups = (
            self.env["care.case"]
            .with_context(read_group_expand=True)
            .web_read_group([("id", "=", case.id)], ["promise_status"], ["__count"])["groups"]
        )
        self.assertEqual(
            [group["promise_status"] for group in groups],
            ["late", "risk", "today", "running", "paused", "failed"],
        )

    def test_all_filters_of_the_search_can_be_used(self):
        late, risk, _later, paused, _none = self._five()
        view = self.env["care.case"].get_view(
            self.env.ref("customer_care.care_case_view_search").id, "search"
        )
        for name, expected in (
            ("promise_late", late),
            ("promise_risk", risk),
            ("promise_today", risk),
            ("promise_paused", paused),
        ):
            domain = self._filter(view["arch"], name)
            self.assertEqual(
                self.env["care.case"].search([*domain, ("company_id", "=", self.company.id)]),
                expected,
                name,
            )

    def _filter(self, arch, name):
        (node,) = etree.fromstring(arch).xpath(f"//filter[@name='{name}']")
        return safe_eval(node.get("domain"), {"uid": self.env.uid})

    def test_a_change_costs_one_statement_whatever_the_number_of_cases(self):
        def cost(cases):
            clocks = cases.clock_ids
            clocks.mapped("due_at")
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            clocks._show_on_records()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        one = self._case_at(MONDAY_9)
        many = self.env["care.case"].union(*(self._case_at(MONDAY_9) for _n in range(8)))
        self.assertEqual(cost(one), 1)
        self.assertEqual(cost(many), 1)

    def test_the_cron_that_tells_of_levels_does_not_touch_the_cases(self):
        case = self._case_at(MONDAY_9)
        self.env.flush_all()
        self.env.cr.execute("SELECT xmin, ctid FROM care_case WHERE id = %s", [case.id])
        before = self.env.cr.fetchone()
        with self._at(TUESDAY_10):
            case.clock_ids._pass_levels(self._utc(TUESDAY_10))
            self.env.flush_all()
        self.env.cr.execute("SELECT xmin, ctid FROM care_case WHERE id = %s", [case.id])
        self.assertEqual(self.env.cr.fetchone(), before)
        self.assertTrue(self._clock(case).breached_at)

    def test_cases_that_were_there_before_get_their_columns_when_they_are_promised(self):
        case = self._case_at(MONDAY_9)
        case.clock_ids.unlink()
        self.assertFalse(self._columns(case)[0])
        with self._at(TUESDAY_10):
            self.env["care.sla.apply"].create(
                {"company_id": self.company.id, "also_new": True}
            ).action_start()
            self._run("care.sla.apply")
        self.assertEqual(self._columns(case)[0], self._utc("2026-11-24 13:00:00"))

    def test_nobody_forges_what_is_due_next(self):
        case = self._case_at(MONDAY_9)
        for user in (self.agent, self.leader, self.manager):
            for vals in (
                {"promise_due_at": "2030-01-01"},
                {"promise_paused": True},
                {"promise_failed": True},
            ):
                with self.assertRaises(AccessError):
                    case.with_user(user).write(vals)
                with self.assertRaises(AccessError):
                    case.with_user(user).create(
                        {"name": "x", "partner_id": self.customer.id, **vals}
                    )

    def test_a_customer_on_the_portal_reads_nothing_of_it(self):
        user = self._user("care_portal_next", "base.group_portal")
        user.partner_id.parent_id = self.customer
        case = self._case_at(MONDAY_9).with_user(user)
        for name in ("promise_due_at", "promise_status", "promise_measure", "promise_risk_at"):
            with self.assertRaises(AccessError):
                case.read([name])
            with self.assertRaises(AccessError):
                case.search([(name, "!=", False)])
        with self.assertRaises(AccessError):
            case._read_group([], ["promise_status"])

    def test_a_new_case_can_be_typed_in(self):
        with Form(self.env["care.case"].with_user(self.agent)) as form:
            form.name = "Typed in"
            form.partner_id = self.customer
            form.team_id = self.team
        self.assertTrue(form.record.promise_due_at)
