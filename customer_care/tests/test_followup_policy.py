from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

from odoo import SUPERUSER_ID, Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.customer_care.models import care_backfill

from .common import CareCase


@tagged("post_install", "-at_install")
class TestFollowupPolicy(CareCase):
    """When, for which orders and how often policies plan; and what they say of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.filters = cls.env["product.category"].create({"name": "Filters"})
        cls.filter = cls.env["product.product"].create(
            {"name": "Filter", "categ_id": cls.filters.id, "taxes_id": [Command.clear()]}
        )

    def _dates(self, *args, **kwargs):
        self._policy(*args, **kwargs)
        with self._at("2026-03-04 10:00:00"):  # a Wednesday
            return self._journey(self._confirmed()).followup_ids.mapped("date_due")

    def _ordered(self, *products, **vals):
        return self._confirmed(
            order_line=[
                Command.create({"product_id": product.id, "product_uom_qty": 1})
                for product in products
            ],
            **vals,
        )

    def _leave(self, user, day_from, day_to):
        resource = self.env["resource.resource"].create(
            {
                "name": user.name,
                "user_id": user.id,
                "company_id": self.company.id,
                "calendar_id": self.company.resource_calendar_id.id,
            }
        )
        return self.env["resource.calendar.leaves"].create(
            {
                "resource_id": resource.id,
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": f"{day_from} 00:00:00",
                "date_to": f"{day_to} 22:59:59",
            }
        )

    # ------------------------------------------------------------
    # Delays and days off
    # ------------------------------------------------------------

    def test_days_of_a_step_are_calendar_or_working_days(self):
        self.assertEqual(self._dates(((5, "care_owner"),)), [date(2026, 3, 9)])
        self.env["care.policy"].search([]).active = False
        self.assertEqual(
            self._dates(((5, "care_owner"),), delay_kind="working"), [date(2026, 3, 11)]
        )

    def test_the_persons_own_leave_moves_it_to_their_next_working_day(self):
        with self._at("2026-03-04 10:00:00"):
            self._leave(self.rep, "2026-03-09", "2026-03-11")
        self.assertEqual(self._dates(((5, "care_owner"),)), [date(2026, 3, 12)])

    def test_a_leave_of_half_a_day_moves_nothing(self):
        with self._at("2026-03-04 10:00:00"):
            leave = self._leave(self.rep, "2026-03-09", "2026-03-09")
            leave.date_to = "2026-03-09 11:00:00"
        self.assertEqual(self._dates(((5, "care_owner"),)), [date(2026, 3, 9)])

    def test_who_takes_the_day_off_later_is_stood_in_for_from_midnight_on(self):
        """As Odoo's own time off has it: from the beginning of work to its end."""
        self.rep.care_substitute_id = self.agent2
        self.agent2.care_substitute_id = self.agent
        self._policy(((5, "care_owner"),))
        with self._at("2026-03-04 10:00:00"):
            rows = [self._journey(self._confirmed()).followup_ids for _number in range(6)]
        self.assertEqual({row.date_due for row in rows}, {date(2026, 3, 9)})
        midnight = "2026-03-08 23:00:00"
        with self._at(midnight):
            rows[0]._run_due()
        self.assertEqual(rows[0].user_id, self.rep)
        with self._at("2026-03-06 10:00:00"):
            half = self._leave(self.rep, "2026-03-09", "2026-03-09")
            half.write({"date_from": "2026-03-09 08:00:00", "date_to": "2026-03-09 12:00:00"})
        with self._at(midnight):
            rows[1]._run_due()
        self.assertEqual(rows[1].user_id, self.rep, "there in the afternoon")
        half.date_to = "2026-03-09 16:00:00"
        with self._at(midnight):
            self.assertFalse(self.rep.care_is_away, "not yet")
            rows[2]._run_due()
        self.assertEqual((rows[2].state, rows[2].user_id), ("open", self.agent2))
        self.assertEqual(rows[2].activity_id.user_id, self.agent2)
        self.assertIn("stands in", rows[2].trail)
        # who stands in has said themselves that they are out
        self.agent2.out_of_office_from = "2026-03-09 07:00:00"
        with self._at(midnight):
            rows[3]._run_due()
        self.assertEqual(rows[3].user_id, self.leader)
        # with nobody else it is the company's
        self._leave(self.leader, "2026-03-09", "2026-03-09")
        with self._at(midnight):
            rows[4]._run_due()
        self.assertEqual(rows[4].user_id, self.manager)
        self.env["res.groups"].browse(
            self.env.ref("customer_care.group_manager").id
        ).all_user_ids.filtered(lambda user: user.id != SUPERUSER_ID).write(
            {"out_of_office_from": "2026-03-09 07:00:00"}
        )
        with self._at(midnight):
            rows[5]._run_due()
        self.assertEqual(rows[5].user_id, self.rep, "nobody is there: it stays a person's")

    def test_what_is_on_the_list_of_who_falls_ill_is_called_by_who_stands_in(self):
        self.rep.care_substitute_id = self.agent2
        self._policy(((5, "care_owner"), (6, "care_owner"), (60, "care_owner")))
        with self._at("2026-03-04 10:00:00"):
            journey = self._journey(self._confirmed())
            other = self._journey(self._confirmed(user=self.agent))
        late, today, later = journey.followup_ids.sorted("date_due")
        with self._at("2026-03-09 23:00:00"):
            (late | today | other.followup_ids[:2])._run_due()
        ill = self._leave(self.rep, "2026-03-10", "2026-03-13")
        ill.date_from = "2026-03-10 09:30:00"
        cron = self.env["res.users"]._cron_care_lost_places
        with self._at("2026-03-10 12:00:00"):
            cron()
        self.assertEqual(today.user_id, self.rep, "of today they have worked an hour and a half")
        with self._at("2026-03-11 00:00:00"):
            cron()
            self.env.flush_all()
        self.assertEqual((late | today).user_id, self.agent2)
        self.assertEqual((late | today).activity_id.user_id, self.agent2)
        self.assertEqual((late | today).mapped("state"), ["open"] * 2)
        self.assertIn("stands in", late.trail)
        self.assertEqual(later.user_id, self.rep, "decided on its day")
        self.assertEqual(other.followup_ids.user_id, self.agent)
        # their own word counts as much
        self.agent2.out_of_office_from = "2026-03-11 08:00:00"
        with self._at("2026-03-12 00:00:00"):
            cron()
        self.assertEqual((late | today).user_id, self.leader)

    def test_working_days_skip_leave_and_company_days_off(self):
        with self._at("2026-03-04 10:00:00"):
            self._leave(self.rep, "2026-03-05", "2026-03-06")
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Bridge day",
                "company_id": self.company.id,
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": "2026-03-08 23:00:00",
                "date_to": "2026-03-09 22:59:59",
            }
        )
        self.assertEqual(
            self._dates(((1, "care_owner"),), delay_kind="working"), [date(2026, 3, 10)]
        )

    # ------------------------------------------------------------
    # Coming back
    # ------------------------------------------------------------

    def _repeating(self, **vals):
        policy = self._policy(((0, "care_owner"), (7, "care_owner")), repeat_every=1, **vals)
        return policy, self._journey(self._confirmed())

    def _alive(self, journey):
        return journey.followup_ids.filtered(lambda f: f.state in ("planned", "held", "open"))

    def test_the_last_step_comes_back_when_it_is_over_one_row_at_a_time(self):
        _policy, journey = self._repeating(repeat_unit="months")
        first = journey.followup_ids.sorted("date_due")[-1]
        self.assertEqual(len(journey.followup_ids), 2)
        raw = fields.Date.today() + timedelta(days=7)
        for number in (2, 3):
            rows = self._alive(journey)
            last = rows.sorted("date_due")[-1]
            last.outcome_id = self.env.ref("customer_care.outcome_satisfied")
            last.with_user(self.rep).action_done()
            again = self._alive(journey).sorted("date_due")[-1]
            self.assertEqual(again.repetition, number)
            self.assertEqual(again.name, first.name)
            self.assertGreaterEqual(again.date_due, raw + relativedelta(months=number - 1))
            self.assertLess(
                again.date_due, raw + relativedelta(months=number - 1) + timedelta(days=3)
            )
            self.assertEqual(len(self._alive(journey)), 2)

    def test_a_rhythm_ends_after_so_many_times_or_on_its_day(self):
        policy = self._policy(repeat_every=2, repeat_unit="weeks", repeat_end="count")
        policy.repeat_count = 2
        first = date(2026, 3, 2)
        self.assertEqual(policy._next_repetition(first, first), (2, date(2026, 3, 16)))
        self.assertEqual(policy._next_repetition(first, date(2026, 3, 16)), (3, date(2026, 3, 30)))
        self.assertIsNone(policy._next_repetition(first, date(2026, 3, 30)))
        policy.write({"repeat_end": "until", "repeat_until": "2026-03-20"})
        self.assertIsNone(policy._next_repetition(first, date(2026, 3, 16)))

    def test_a_month_without_the_day_uses_its_last_one(self):
        policy = self._policy(repeat_every=1, repeat_unit="months")
        first, after, found = date(2026, 1, 31), date(2026, 1, 31), []
        for _number in range(3):
            _n, after = policy._next_repetition(first, after)
            found.append(after)
        self.assertEqual(found, [date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)])

    def test_it_does_not_come_back_once_the_journey_has_ended(self):
        _policy, journey = self._repeating(repeat_unit="weeks")
        last = journey.followup_ids.sorted("date_due")[-1]
        last.outcome_id = self.env.ref("customer_care.outcome_satisfied")
        last.with_user(self.rep).action_done()
        again = self._alive(journey).filtered(lambda f: f.repetition == 2)
        journey.stage_id = self.stages.filtered(lambda stage: stage.category == "closed")
        self._run("care.followup", days=30)
        self.assertEqual((again.state, again.cancel_reason), ("cancelled", "ended"))
        self.assertFalse(self._alive(journey).filtered(lambda f: f.repetition > 1))

    def test_a_deleted_activity_does_not_end_the_rhythm(self):
        self._policy(repeat_every=1, repeat_unit="weeks")
        journey = self._journey(self._confirmed())
        self._run("care.followup", days=7)
        journey.followup_ids.activity_id.with_user(self.rep).unlink()
        self.assertEqual(sorted(journey.followup_ids.mapped("repetition")), [1, 2])

    # ------------------------------------------------------------
    # Products
    # ------------------------------------------------------------

    def test_a_policy_for_products_knows_the_order_line_and_says_which(self):
        policy = self._policy(categ_ids=[Command.set(self.filters.ids)])
        self.assertFalse(self._journey(self._ordered(self.product)).followup_ids)
        order = self._ordered(self.product, self.filter)
        followup = self._journey(order).followup_ids
        self.assertEqual(followup.sale_line_id, order.order_line[1])
        self.assertEqual(followup.products, "Filter")
        self.assertIn("Filter", followup.explanation)
        policy.write(
            {
                "categ_ids": [Command.clear()],
                "product_tmpl_ids": [Command.set(self.product.product_tmpl_id.ids)],
            }
        )
        order = self._ordered(self.product, self.filter)
        self.assertEqual(self._journey(order).followup_ids.sale_line_id, order.order_line[0])

    def test_what_runs_out_is_asked_about_unless_it_was_ordered_again(self):
        self._policy(
            product_tmpl_ids=[Command.set(self.filter.product_tmpl_id.ids)], reorder_days=180
        )
        early = fields.Datetime.now() - timedelta(days=1)
        followup = self._journey(self._ordered(self.filter, date_order=early)).followup_ids
        followup.sale_line_id.order_id.date_order = early
        self.assertGreaterEqual(followup.date_due, fields.Date.today() + timedelta(days=180))
        other = self._journey(
            self._ordered(self.filter, partner=self.env["res.partner"].create({"name": "B"}))
        ).followup_ids
        self._ordered(self.filter)
        self._run("care.followup", days=181 + 7)
        self.assertEqual((followup.state, followup.cancel_reason), ("cancelled", "reordered"))
        self.assertEqual(other.state, "open")

    def test_reorder_days_need_products(self):
        with self.assertRaisesRegex(ValidationError, "Choose the products"):
            self._policy(reorder_days=10)

    # ------------------------------------------------------------
    # Returns
    # ------------------------------------------------------------

    def test_a_return_ends_only_what_its_lines_had_started(self):
        self.product.categ_id = self.env["product.category"].create({"name": "Ovens"})
        both = self.filters | self.product.categ_id
        self._policy(((30, "care_owner"),), categ_ids=[Command.set(both.ids)])
        self._policy(((30, "care_owner"),))
        order = self._ordered(self.product, self.filter)
        oven, spare = order.order_line
        rows = self._journey(order).followup_ids
        self.assertEqual(len(rows), 3)
        ended = rows._order_lines_returned({spare: 0.5})
        self.assertFalse(ended)
        ended = rows._order_lines_returned({spare: 1})
        self.assertEqual(ended.sale_line_id, spare)
        self.assertEqual(ended.cancel_reason, "returned")
        self.assertEqual(len(self._alive(self._journey(order))), 2)
        self.assertFalse(rows._order_lines_returned({spare: 1}))
        # the whole order: everything but the question why
        why = rows.filtered(lambda row: row.sale_line_id == oven)
        why.event = "order_returned"
        rows._order_lines_returned({spare: 1, oven: 1})
        self.assertEqual(self._alive(self._journey(order)), why)

    def test_a_cancelled_order_ends_all_held_ones_too(self):
        self._policy(((0, "care_owner"), (30, "care_owner")))
        order = self._confirmed()
        self._case()
        self._run("care.followup", days=7)
        rows = self._journey(order).followup_ids
        self.assertEqual(sorted(rows.mapped("state")), ["held", "planned"])
        order._action_cancel()
        self.assertEqual(set(rows.mapped("cancel_reason")), {"ended"})
        self.assertFalse(any(rows.mapped("next_at")))

    # ------------------------------------------------------------
    # Why, preview, back-fill
    # ------------------------------------------------------------

    def test_why_did_i_get_this(self):
        policy = self._policy(((0, "care_salesperson"),))
        policy.name = "After every sale"
        followup = self._journey(self._confirmed()).followup_ids.with_user(self.rep)
        for word in (
            "After every sale",
            "Order confirmed",
            followup.journey_id.name,
            "After 0 days",
            self.rep.name,
            "Salesperson",
        ):
            self.assertIn(word, followup.explanation)
        followup.sudo().user_id = self.agent
        self.assertIn("at first", followup.sudo().explanation)

    def test_what_a_policy_planned_is_nobodys_own_idea_when_the_policy_is_gone(self):
        policy = self._policy(((0, "care_owner"),))
        order = self._order()
        # the seller who confirms it has planned nothing
        order.with_user(self.rep).action_confirm()
        followup = self._journey(order).followup_ids
        self.assertEqual(followup.create_uid, self.rep)
        policy.unlink()
        mine = followup.with_user(self.rep)
        for word in ("A policy planned it that is gone", "Order confirmed", order.name):
            self.assertIn(word, mine.explanation)
        self.assertNotIn("by hand", mine.explanation)

    def test_only_what_a_person_planned_was_planned_by_hand(self):
        journey = self._journey(self._confirmed())
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Tell them we are on it", "journey_id": journey.id})
        )
        self.assertIn(f"{self.rep.name} planned it by hand", followup.explanation)
        followup.sudo().user_id = self.agent
        followup.with_user(self.agent).action_no_answer()
        again = (journey.followup_ids - followup).with_user(self.agent)
        self.assertNotIn("by hand", again.explanation)
        self.assertIn("this is try no. 2", again.explanation)

    def test_what_comes_back_says_which_time_it_is(self):
        _policy, journey = self._repeating(repeat_unit="weeks")
        last = journey.followup_ids.sorted("date_due")[-1]
        self.assertNotIn("time no.", last.explanation)
        last.with_user(self.rep).action_all_well()
        again = journey.followup_ids.sorted("date_due")[-1]
        self.assertIn("time no. 2", again.explanation)

    def test_why_did_this_customer_get_none(self):
        early = self._journey(self._confirmed())
        self._policy(name="Planned")
        self._policy(name="Filtered", filter_domain="[('partner_id.ref', '=', 'VIP')]")
        self._policy(name="Products", categ_ids=[Command.set(self.filters.ids)])
        self._policy(name="Later", event="stage_entered", filter_domain="[('color', '=', 5)]")
        empty = self._policy(name="Empty")
        empty.plan_id.template_ids.unlink()
        journey = self._journey(self._confirmed())
        found = {
            policy.name: (len(rows), reason or "")
            for policy, rows, reason in self.env["care.policy"]
            .search([("company_id", "=", self.company.id)])
            ._verdicts(journey)
        }
        self.assertEqual(found["Planned"][0], 1)
        self.assertIn("filter", found["Filtered"][1])
        self.assertIn("products", found["Products"][1])
        self.assertIn("no steps", found["Empty"][1])
        page = journey.with_user(self.rep).followup_reasons
        for word in ("Planned", "Filtered", "filter", "Products"):
            self.assertIn(word, page)
        self.env.cr.execute("UPDATE care_journey SET create_date = create_date - interval '1 day'")
        early.order_id.date_order -= timedelta(days=1)
        self.assertIn("younger than the event", early.followup_reasons)

    def test_the_page_says_before_the_start_and_opted_out(self):
        self._policy()
        journey = self._journey(self._confirmed())
        self.env["care.profile"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "no_followup": True,
            }
        )
        self._run("care.followup", days=7)
        self.assertIn("does not want to be contacted", journey.followup_reasons)
        journey.followup_ids.unlink()
        self.company.care_start_date = fields.Date.today() + timedelta(days=2)
        journey.invalidate_recordset(["followup_reasons"])
        self.assertIn("before Customer Care started", journey.followup_reasons)

    def test_the_preview_counts_what_it_would_have_planned_and_writes_nothing(self):
        for days in (10, 20, 100):
            order = self._confirmed()
            order.date_order = fields.Datetime.now() - timedelta(days=days)
        policy = self._policy(((0, "care_owner"), (7, "care_owner")))
        before = self._counts()
        manager = policy.with_user(self.manager).with_company(self.company)
        page = manager.preview_html
        self.assertEqual(self._counts(), before)
        self.assertIn("4 follow-ups for 2 of 2 records", page)
        self.assertIn(self.rep.name, page)
        self.assertIn("Clara Moreau", page)
        policy.filter_domain = "[('partner_id.ref', '=', 'VIP')]"
        manager.invalidate_recordset(["preview_html"])
        self.assertIn("0 follow-ups", manager.preview_html)
        self.assertIn("do not match the filter", manager.preview_html)

    def _moved(self, *steps):
        """A journey that entered these stages, so many days ago each: (days, stage)."""
        now = fields.Datetime.now().replace(microsecond=0)
        (days, _first), *later = steps
        with self._at(now - timedelta(days=days)):
            journey = self._journey(self._confirmed())
            self.env.flush_all()
        for days, stage in later:
            with self._at(now - timedelta(days=days)):
                journey._enter_stage(stage)
                self.env.flush_all()
        return journey

    def _on_entering(self, stage, steps=((0, "care_owner"),), **vals):
        return self._policy(
            steps, event="stage_entered", filter_domain=f"[('stage_id', '=', {stage.id})]", **vals
        )

    def test_the_preview_of_a_stage_counts_who_entered_it_then_wherever_they_are_now(self):
        first, second, third = self.stages[:3]
        gone = self._moved((40, first), (30, second), (10, third))
        twice = self._moved((40, first), (30, second), (20, first), (10, second))
        self._moved((40, first))
        # entered long ago, and another owner since: nothing has been entered in the span
        old = self._moved((200, first), (190, second))
        with self._at(fields.Datetime.now() - timedelta(days=5)):
            old._set_owner(self.agent)
        policy = self._on_entering(second)
        manager = policy.with_user(self.manager).with_company(self.company)
        self.assertIn("3 follow-ups for 2 of 3 records", manager.preview_html)
        rounds = policy._past_rounds(gone | twice)
        found = sorted(when[record][1] for matched, when in rounds for record in matched)
        self.assertEqual(found, [2, 2, 4], "each by the number of its entry")

    def test_a_back_fill_of_a_stage_plans_for_who_has_left_it_and_nothing_twice(self):
        first, second, third = self.stages[:3]
        left = self._moved((9, first), (6, second), (3, third))
        here = self._moved((9, first), (6, second))
        policy = self._on_entering(second, ((30, "care_owner"),))
        # this one was there when the policy was
        live = self._moved((2, first), (1, second))
        self.assertEqual(live.followup_ids.occurrence, 2)
        row = self.env["care.backfill"].create(
            {"policy_id": policy.id, "company_id": self.company.id}
        )
        self.assertIn("2 follow-ups for 2 of 3 records", row.preview_html)
        row.with_user(self.manager).action_start()
        self._run("care.backfill", days=1)
        self.assertEqual((row.state, row.planned_count), ("done", 2))
        for journey in (left, here, live):
            self.assertEqual(len(journey.followup_ids), 1)
        self.assertEqual(left.followup_ids.happened_at.date(), self._pieces_since(left, second))

    def _pieces_since(self, journey, stage):
        return journey.tenure_ids.filtered(lambda piece: piece.stage_id == stage).since.date()

    def test_why_none_knows_the_stages_a_journey_has_been_in(self):
        first, second, third = self.stages[:3]
        journey = self._moved((9, first), (6, second), (3, third))
        been, coming = self._on_entering(second), self._on_entering(self.stages[3])
        never = self._policy(
            event="stage_entered", filter_domain="[('partner_id.ref', '=', 'VIP')]"
        )
        found = {
            policy: reason for policy, _rows, reason in (been | coming | never)._verdicts(journey)
        }
        # the row of the policy was made now, in the transaction of the test
        self.assertIn("younger than the event", found[been])
        self.assertIn("has not happened", found[coming])
        self.assertIn("does not match", found[never])

    def _counts(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT (SELECT count(*) FROM care_followup), (SELECT count(*) FROM care_worktime),"
            " (SELECT count(*) FROM mail_activity), (SELECT count(*) FROM ir_cron_trigger)"
        )
        return self.env.cr.fetchone()

    def test_a_back_fill_is_silent_skips_the_past_goes_on_and_plans_nothing_twice(self):
        orders = [self._confirmed() for _i in range(5)]
        for days, order in enumerate(orders):
            order.date_order = fields.Datetime.now() - timedelta(days=days)
        policy = self._policy(((0, "care_owner"), (30, "care_owner")))
        mails = self.env["mail.mail"].search_count([])
        row = (
            self.env["care.backfill"]
            .with_user(self.manager)
            .create({"policy_id": policy.id, "company_id": self.company.id})
        )
        self.assertIn("follow-ups for", row.preview_html)
        self.assertFalse(policy.followup_ids)
        row.action_start()
        self.assertEqual((row.total, row.done_count), (5, 0))
        self.patch(care_backfill, "CHUNK", 2)
        # killed after the first chunk: what was committed stands, the rest is due again
        row.sudo()._run_due()
        self.assertEqual((row.state, row.done_count), ("planned", 2))
        self._run("care.backfill", days=1)
        self.assertEqual((row.state, row.done_count), ("done", 5))
        journeys = self.env["care.journey"].search(
            [("order_id", "in", [order.id for order in orders])]
        )
        rows = journeys.followup_ids
        self.assertEqual(row.planned_count, len(rows))
        self.assertEqual(len(rows.filtered(lambda r: r.name == "After 30 days")), 5)
        self.assertGreaterEqual(min(rows.mapped("date_due")), fields.Date.today())
        self.assertFalse(journeys.activity_ids)
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        again = self.env["care.backfill"].create(
            {"policy_id": policy.id, "company_id": self.company.id}
        )
        self.assertIn("0 follow-ups for 0 of 5 records", again.preview_html)
        again.with_user(self.manager).action_start()
        self._run("care.backfill")
        self.assertEqual((again.state, again.planned_count), ("done", 0))
        self.assertEqual(journeys.followup_ids, rows)

    def test_what_was_started_is_not_turned_on_another_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        policy = self._policy()
        policy.plan_id.company_id = False
        policy.company_id = False
        model = self.env["care.backfill"].with_user(self.manager).with_company(self.company)
        row = model.create({"policy_id": policy.id})
        with self.assertRaises(AccessError), self.env.cr.savepoint():
            row.company_id = other
        row.action_start()
        for vals in ({"company_id": other.id}, {"since": "2020-01-01"}):
            with self.assertRaisesRegex(UserError, "has been started"), self.env.cr.savepoint():
                row.write(vals)
        row.invalidate_recordset()
        self.assertEqual(row.company_id, self.company)

    def test_the_form_of_a_back_fill_keeps_what_is_typed(self):
        order = self._confirmed()
        order.date_order = fields.Datetime.now() - timedelta(days=4)
        policy = self._policy(((0, "care_owner"), (30, "care_owner")))
        since, until = fields.Date.today() - timedelta(days=10), fields.Date.today()
        model = self.env["care.backfill"].with_user(self.manager).with_company(self.company)
        form = Form(model)
        form.since = since
        form.policy_id = policy
        self.assertEqual((form.policy_id, form.since), (policy, since))
        form.until = until - timedelta(days=1)
        self.assertEqual((form.policy_id, form.since), (policy, since))
        row = form.save()
        self.assertEqual(
            (row.policy_id, row.since, row.until), (policy, since, until - timedelta(days=1))
        )
        self.assertIn("1 follow-ups for 1 of 1 records", row.preview_html)
        form = Form(row)
        form.since = until - timedelta(days=2)
        self.assertEqual(form.policy_id, policy)
        self.assertIn("Press Preview", form.preview_html)
        form.save()
        self.assertEqual((row.policy_id, row.since), (policy, until - timedelta(days=2)))
        row.action_preview()
        self.assertIn("0 follow-ups for 0 of 0 records", row.preview_html)

    def test_the_past_of_an_event_without_a_date_is_not_guessed(self):
        policy = self._policy(event="case_reopened").with_user(self.manager)
        for button in (policy.action_preview, policy.action_backfill):
            with self.assertRaisesRegex(ValidationError, "leaves no date"):
                button()
        self.assertIn("leaves no date", policy.preview_html)
        with self.assertRaisesRegex(ValidationError, "leaves no date"):
            self.env["care.backfill"].with_user(self.manager).create(
                {"policy_id": policy.id, "company_id": self.company.id}
            )
