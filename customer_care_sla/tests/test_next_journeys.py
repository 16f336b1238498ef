"""What is due next on a journey: sorted, filtered and grouped by what is true now."""

from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import MONDAY_9, MONDAY_10, MONDAY_13, TUESDAY_10, SlaCase, quiet

MONDAY_12 = "2026-11-23 11:00:00"


@tagged("post_install", "-at_install")
class TestNextOfJourneys(SlaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.promises = cls._sla(
            [("contact", "any", "hours", 4)], name="After the sale", about="care.journey"
        )

    def _sold(self, moment=MONDAY_9):
        with self._at(moment):
            journey = self._journey(self._confirmed())
            self.env.flush_all()
        self.env.invalidate_all()
        return journey

    def _four(self):
        """One late, one at risk, one due later, one without a promise."""
        late = self._sold(MONDAY_9)
        risk = self._sold("2026-11-23 13:45:00")  # due on Tuesday at 10:45
        later = self._sold("2026-11-24 08:50:00")
        none = self._sold(MONDAY_9)
        none.clock_ids._stop("met")
        self.env.flush_all()
        return late, risk, later, none

    def test_a_journey_is_due_with_its_next_promise(self):
        journey = self._sold()
        self.assertEqual(journey.promise_due_at, self._utc(MONDAY_13))
        self.assertEqual(journey.promise_risk_at, self._utc(MONDAY_12))
        self.assertEqual(journey.promise_measure, "contact")
        with self._at(MONDAY_10):
            self.env["care.sla.clock"]._meet(journey, ["contact"])
        self.assertFalse(journey.promise_due_at)
        self.assertFalse(journey.promise_status)

    def test_its_status_follows_the_time_and_no_cron(self):
        journey = self._sold()
        for moment, status in (
            (MONDAY_9, "today"),
            (MONDAY_12, "risk"),
            ("2026-11-23 12:00:01", "late"),
        ):
            with self._at(moment), self.subTest(moment):
                self.env.invalidate_all()
                self.assertEqual(journey.promise_status, status)
                found = journey.search([("promise_status", "=", status), ("id", "=", journey.id)])
                self.assertEqual(found, journey)

    @quiet
    def test_what_cannot_be_planned_shows(self):
        self.company.resource_calendar_id.attendance_ids.unlink()
        self.assertEqual(self._sold().promise_status, "failed")

    def test_lists_are_sorted_and_grouped_by_urgency(self):
        late, risk, later, none = self._four()
        mine = [("id", "in", (late | risk | later | none).ids)]
        groups = late._read_group(
            mine, ["promise_status"], ["id:recordset"], order="promise_status"
        )
        self.assertEqual(groups, [("late", late), ("risk", risk), ("today", later), (False, none)])
        found = late.search(mine, order="promise_due_at, id")
        self.assertEqual(found, late | risk | later | none)
        self.assertEqual(list(found), [late, risk, later, none], "without one they come last")

    def test_all_filters_of_the_search_can_be_used(self):
        late, risk, later, _none = self._four()
        view = late.get_view(self.env.ref("customer_care.care_journey_view_search").id, "search")
        for name, expected in (
            ("promise_late", late),
            ("promise_risk", risk),
            ("promise_today", risk | later),
            ("promise_paused", late.browse()),
            ("promise_failed", late.browse()),
        ):
            (node,) = etree.fromstring(view["arch"]).xpath(f"//filter[@name='{name}']")
            domain = safe_eval(node.get("domain"), {"uid": self.env.uid})
            found = late.search([*domain, ("company_id", "=", self.company.id)])
            self.assertEqual(found, expected, name)

    def test_a_list_shows_no_field_in_two_ways(self):
        for model in ("care.case", "care.journey"):
            arch = self.env[model].get_view(view_type="list")["arch"]
            nodes = etree.fromstring(arch).xpath("/list/field[not(@column_invisible)]")
            widgets = {}
            for node in nodes:
                widgets.setdefault(node.get("name"), set()).add(node.get("widget"))
            self.assertFalse([name for name, kinds in widgets.items() if len(kinds) > 1], model)
            self.assertEqual(widgets["promise_due_at"], {"care_countdown"})
            self.assertEqual([n.get("name") for n in nodes].count("promise_due_at"), 1)

    def test_new_journeys_cost_as_many_statements_as_one(self):
        def cost(count):
            orders = self.env["sale.order"].union(*(self._order() for _n in range(count)))
            with self._at(MONDAY_9):
                orders.action_confirm()
                self.env.flush_all()
            journeys = self.env["care.journey"].search([("order_id", "in", orders.ids)])
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            journeys.clock_ids._show_on_records()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        cost(1)
        self.assertLessEqual(cost(6), cost(1))

    def test_nobody_forges_what_is_due_next(self):
        journey = self._sold()
        for user in (self.agent, self.manager):
            with self.assertRaises(AccessError):
                journey.with_user(user).write({"promise_due_at": "2030-01-01"})

    def test_a_promise_that_is_deleted_leaves_nothing(self):
        journey = self._sold()
        self.assertTrue(journey.promise_due_at)
        with self._at(TUESDAY_10):
            journey.clock_ids.unlink()
        self.assertFalse(journey.promise_due_at)
        self.assertFalse(journey.promise_measure)
