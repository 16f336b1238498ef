from datetime import date, timedelta

from odoo import Command, fields
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestFollowupHold(CareCase):
    """Held back with the reason shown, released by itself; caps; one call for several orders."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"

    def _due(self, count=1, **vals):
        """Follow-ups that are due, of as many orders; their cron has not run."""
        if not self.env["care.policy"].search([("company_id", "=", self.company.id)]):
            self._policy()
        orders = self.env["sale.order"]
        for _i in range(count):
            orders |= self._order(**vals)
        orders.action_confirm()
        rows = self.env["care.journey"].search([("order_id", "in", orders.ids)]).followup_ids
        rows.write({"next_at": fields.Datetime.now() - timedelta(minutes=1)})
        return rows

    def _work(self):
        self._run("care.followup")

    def _work_on_their_day(self, rows):
        """What is planned for the next working day, as if that day had come."""
        self.assertTrue(all(rows.mapped("next_at")))
        rows.write({"next_at": fields.Datetime.now() - timedelta(minutes=1)})
        self._work()

    def _profile(self, **vals):
        return self.env["care.profile"].create(
            {"partner_id": self.customer.id, "company_id": self.company.id, **vals}
        )

    # ------------------------------------------------------------
    # Complaints and refunds
    # ------------------------------------------------------------

    def test_an_open_complaint_holds_and_its_resolution_releases(self):
        case = self._case(resolution="Mended")
        row = self._due()
        self._work()
        self.assertEqual((row.state, row.hold_reason), ("held", "open_complaint"))
        self.assertIn(case.number, row.hold_note)
        self.assertFalse(row.activity_id)
        # not looked at before the next working morning
        self.assertGreater(row.next_at, fields.Datetime.now())
        self.assertEqual(row.due_group, "held")
        case.action_resolve()
        self._work()
        self.assertEqual((row.state, row.hold_reason), ("open", False))
        self.assertTrue(row.activity_id)
        self.assertGreaterEqual(row.date_due, fields.Date.today())

    def _on_the_list(self, **vals):
        """A call that is on somebody's list since this morning."""
        row = self._due(**vals)
        self._work()
        self.assertEqual(row.state, "open")
        self.assertTrue(row.activity_id)
        return row

    def test_a_complaint_takes_what_is_on_the_list_off_it_until_it_is_solved(self):
        row, other = self._on_the_list(), self._on_the_list(partner=self._else())
        activity, kept = row.activity_id, other.activity_id
        case = self._case(resolution="Mended")
        self._work()
        self.assertEqual((row.state, row.hold_reason), ("held", "open_complaint"))
        self.assertIn(case.number, row.hold_note)
        self.assertFalse(activity.exists())
        self.assertEqual((other.state, other.activity_id), ("open", kept))
        case.action_resolve()
        self._work()
        self.assertEqual((row.state, row.hold_reason), ("open", False))
        self.assertEqual(row.activity_id.user_id, row.user_id)
        case._enter_category("open")
        self._work()
        self.assertEqual(row.hold_reason, "open_complaint", "not solved after all")
        self.assertFalse(row.activity_id)

    def _else(self):
        return self.env["res.partner"].create({"name": "Somebody else"})

    def test_what_becomes_a_complaint_or_this_customers_counts_at_once(self):
        row = self._on_the_list()
        case = self._case(kind="enquiry")
        self._work()
        self.assertEqual(row.state, "open")
        case.with_user(self.leader).kind = "complaint"
        self._work()
        self.assertEqual(row.hold_reason, "open_complaint")
        other = self._on_the_list(partner=self._else())
        case.partner_id = other.partner_id
        self._work()
        self.assertEqual(other.hold_reason, "open_complaint")

    def test_looked_at_again_for_nothing_a_call_stays_as_it_is(self):
        row = self._on_the_list()
        activity, since = row.activity_id, row.opened_at
        self.company.care_weekly_limit = self.rep.care_daily_cap = 1
        self.env["care.followup"]._look_again(self.customer)
        self.assertTrue(row.next_at)
        self._work()
        self.assertEqual(
            (row.state, row.activity_id, row.opened_at, row.next_at),
            ("open", activity, since, False),
        )

    def test_what_a_person_planned_or_released_stays_on_the_list(self):
        row = self._due()
        case = self._case(resolution="Mended")
        self._work()
        row.with_user(self.rep).action_release()
        own = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Tell them", "journey_id": row.journey_id.id})
        )
        self._run("care.followup", days=7)
        case.action_resolve()
        case._enter_category("open")
        self._work()
        self.assertEqual((row.state, own.state), ("open", "open"))

    def test_who_asks_not_to_be_contacted_is_not_called_today_either(self):
        for number in range(2):
            partner = self._else()
            row = self._on_the_list(partner=partner)
            activity = row.activity_id
            vals = {"partner_id": partner.id, "company_id": self.company.id}
            if number:
                self.env["care.profile"].create({**vals, "no_followup": True})
            else:
                self.env["care.profile"].create(vals).with_user(self.agent).no_followup = True
            self._work()
            self.assertEqual((row.state, row.cancel_reason), ("cancelled", "opted_out"))
            self.assertFalse(activity.exists())

    def test_another_customers_or_companys_complaint_holds_nothing(self):
        self._case(partner_id=self.env["res.partner"].create({"name": "Else"}).id)
        self._case(kind="enquiry")
        row = self._due()
        self._work()
        self.assertEqual(row.state, "open")

    def test_a_persons_own_follow_up_is_never_held(self):
        self._case()
        journey = self._journey(self._confirmed())
        row = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Tell them we are on it", "journey_id": journey.id})
        )
        self._run("care.followup", days=7)
        self.assertEqual(row.state, "open")

    def test_what_a_deleted_policy_has_planned_waits_and_ends_all_the_same(self):
        row = self._due()
        case = self._case(resolution="Mended")
        row.policy_id.unlink()
        self._work()
        self.assertEqual((row.state, row.hold_reason), ("held", "open_complaint"))
        self._profile(no_followup=True)
        case.action_resolve()
        self._work()
        self.assertEqual((row.state, row.cancel_reason), ("cancelled", "opted_out"))

    def test_a_person_may_contact_them_all_the_same(self):
        self._case()
        row = self._due()
        self._work()
        row.with_user(self.rep).action_release()
        self._work()
        self.assertEqual(row.state, "open")
        self.assertIn("released it", row.trail)

    def test_an_unpaid_refund_holds_until_it_is_paid(self):
        self.env["account.chart.template"].try_loading(
            "generic_coa", company=self.company, install_demo=False
        )
        refund = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "invoice_line_ids": [
                    Command.create({"name": "Back", "quantity": 1, "price_unit": 50})
                ],
            }
        )
        listed = self._on_the_list()
        refund.action_post()
        row = self._due()
        self._work()
        self.assertEqual((listed.state, listed.hold_reason), ("held", "unpaid_refund"))
        self.assertEqual((row.state, row.hold_reason), ("held", "unpaid_refund"))
        self.assertIn(refund.name, row.hold_note)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=refund.ids
        ).create({})._create_payments()
        self._work()
        self.assertEqual((row.state, listed.state), ("open", "open"))

    # ------------------------------------------------------------
    # The customer's way
    # ------------------------------------------------------------

    def test_the_customers_hours_and_days_are_kept(self):
        self.customer.tz = "Europe/Brussels"
        profile = self._profile(contact_from=14, contact_to=18)
        profile.contact_mon = profile.contact_thu = True
        self.assertEqual(profile.contact_days, "03")
        with self._at("2026-03-04 09:00:00"):  # Wednesday
            row = self._due()
            row._run_due()
            self.assertEqual((row.state, row.hold_reason), ("held", "customer_hours"))
            self.assertEqual(str(row.next_at), "2026-03-05 13:00:00")
            self.assertIn("2:00 PM", row.hold_note)
        with self._at("2026-03-05 13:00:00"):
            row._run_due()
            self.assertEqual(row.state, "open")
            self.assertEqual(row.date_due, date(2026, 3, 5))

    def test_the_customers_channel_is_taken_when_it_is_due_and_the_row_says_why(self):
        profile = self._profile(preferred_channel="email")
        row = self._due()
        before = row.activity_type_id
        self._work()
        email = self.env.ref("mail.mail_activity_data_email")
        self.assertEqual((row.state, row.activity_type_id), ("open", email))
        self.assertEqual(row.activity_id.activity_type_id, email)
        self.assertEqual(row.activity_id.user_id, self.rep)
        self.assertIn(f"instead of {before.name}: the customer prefers E-mail", row.explanation)
        profile.preferred_channel = "phone"
        other = self._due()
        self._work()
        self.assertEqual((other.state, other.activity_type_id), ("open", before))
        self.assertFalse(other.trail)

    def test_what_a_person_planned_keeps_the_way_they_chose(self):
        self._profile(preferred_channel="email")
        journey = self._journey(self._confirmed())
        row = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Call back as asked", "journey_id": journey.id})
        )
        chosen = row.activity_type_id
        self._run("care.followup", days=7)
        self.assertEqual((row.state, row.activity_type_id), ("open", chosen))

    def test_the_weekly_limit_holds_what_is_too_much_for_a_customer(self):
        self.company.care_weekly_limit = 2
        rows = self._due(3)
        self._work()
        self.assertEqual(sorted(rows.mapped("state")), ["held", "open", "open"])
        held = rows.filtered(lambda row: row.state == "held")
        self.assertEqual(held.hold_reason, "weekly_limit")
        (rows - held).write({"opened_at": fields.Datetime.now() - timedelta(days=8)})
        held.next_at = fields.Datetime.now() - timedelta(minutes=1)
        self._work()
        self.assertEqual(held.state, "open")

    def test_who_was_not_reached_does_not_count_as_contacted(self):
        self.company.care_weekly_limit = 1
        first = self._due()
        self._work()
        first.with_user(self.rep).action_no_answer()
        second = self._due()
        self._work()
        self.assertEqual(second.state, "open")

    def test_an_opt_out_cancels_what_is_held(self):
        self._case()
        row = self._due()
        self._work()
        self._profile(no_followup=True)
        row.next_at = fields.Datetime.now() - timedelta(minutes=1)
        self._work()
        self.assertEqual((row.state, row.cancel_reason), ("cancelled", "opted_out"))

    def test_an_opt_out_leaves_what_a_person_has_agreed_with_the_customer(self):
        self._profile(no_followup=True)
        journey = self._journey(self._confirmed())
        row = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Call back as asked", "journey_id": journey.id})
        )
        outcome = self.env["care.outcome"].search([("consequence", "=", "need")], limit=1)
        self._run("care.followup", days=7)
        self.assertEqual(row.state, "open")
        row.write(
            {"outcome_id": outcome.id, "need_text": "A hood", "need_date": fields.Date.today()}
        )
        row.action_done()
        agreed = journey.followup_ids - row.sudo()
        self._run("care.followup", days=14)
        self.assertEqual(agreed.state, "open")

    # ------------------------------------------------------------
    # What one person can do on one day
    # ------------------------------------------------------------

    def test_what_is_too_much_for_a_day_goes_visibly_to_the_next(self):
        self.rep.care_daily_cap = 2
        rows = self._due(3)
        self._work()
        held = rows.filtered(lambda row: row.state == "held")
        self.assertEqual(len(held), 1)
        self.assertEqual(held.hold_reason, "daily_cap")
        self.assertGreater(held.date_due, fields.Date.today())
        self.assertIn("next working day", held.trail)
        self.assertEqual(held.user_id, self.rep)

    def test_or_to_the_least_loaded_colleague_when_the_team_says_so(self):
        team = self.team
        team.write(
            {"daily_cap": 1, "overflow": "colleague", "member_ids": [Command.link(self.rep.id)]}
        )
        self.company.resource_calendar_id = self._always()
        (self.rep | self.agent | self.agent2).resource_ids.unlink()
        rows = self._due(4)
        rows.journey_id.team_id = team
        self._work()
        self.assertEqual(
            rows.filtered(lambda row: row.state == "open").user_id,
            self.rep | self.agent | self.agent2,
        )
        moved = rows.filtered(lambda row: row.user_id != self.rep)
        self.assertTrue(all("has 1 for this day" in row.trail for row in moved))
        self.assertEqual(len(rows.filtered(lambda row: row.state == "held")), 1)

    def test_each_companys_day_counts_for_its_own_people(self):
        self.rep.tz = self.agent.tz = False
        far = self.env["res.company"].create(
            {"name": "Far", "care_start_date": "2020-01-01", "care_merge_days": 0}
        )
        far.resource_calendar_id = self._calendar(far)
        far.resource_calendar_id.tz = "Pacific/Auckland"
        (self.rep | self.agent).write({"care_daily_cap": 1, "company_ids": [Command.link(far.id)]})
        with self._at("2026-03-04 13:00:00"):  # in Auckland the day is two hours old
            rows = self._due(2)
            other = rows[1]
            other.write({"company_id": far.id, "user_id": self.agent.id})
            gone = other.copy({"sale_line_id": False, "occurrence": 2, "state": "open"})
            gone.opened_at = "2026-03-04 10:00:00"
            rows._run_due()
            self.assertEqual(rows.mapped("state"), ["open", "open"])
            late = self._due()
            late._run_due()
            self.assertEqual((late.state, late.hold_reason), ("held", "daily_cap"))

    def _in_two_companies(self):
        """Follow-ups due of the rep, one in their company and two in another one."""
        other = self.env["res.company"].create(
            {"name": "Other", "care_start_date": "2020-01-01", "care_merge_days": 0}
        )
        other.resource_calendar_id = self._calendar(other)
        self.rep.company_ids = [Command.link(other.id)]
        rows = self._due(3).sorted("id")
        rows[1:].write({"company_id": other.id})
        return rows, other

    def test_a_teams_daily_cap_counts_the_calls_of_its_own_company_alone(self):
        rows, other = self._in_two_companies()
        theirs = self.team.copy({"company_id": other.id, "leader_id": self.env.uid})
        self.team.daily_cap = theirs.daily_cap = 1
        rows[0].journey_id.team_id = self.team
        # rows of another company's journeys: only their team is looked at
        self.env.cr.execute(
            "UPDATE care_journey SET team_id = %s WHERE id IN %s",
            (theirs.id, tuple(rows[1:].journey_id.ids)),
        )
        self.env.invalidate_all()
        rows._run_due()
        self.assertEqual(rows.mapped("state"), ["open", "open", "held"])
        self.assertIn("has 1 for this day", rows[2].hold_note)
        # nor does what is open of the other company count on the next run
        self.team.daily_cap = 2
        more = self._due(2).sorted("id")
        more.journey_id.team_id = self.team
        more._run_due()
        self.assertEqual(more.mapped("state"), ["open", "held"])

    def test_a_persons_own_daily_cap_counts_the_calls_of_all_their_companies(self):
        rows, _other = self._in_two_companies()
        self.rep.care_daily_cap = 2
        rows._run_due()
        self.assertEqual(rows.mapped("state"), ["open", "open", "held"])
        more = self._due()
        more._run_due()
        self.assertEqual((more.state, more.hold_reason), ("held", "daily_cap"))

    def test_what_comes_without_a_limit_fills_the_day_too(self):
        rows = self._due(2).sorted("id")
        rows.journey_id.team_id = False
        self.team.daily_cap = 1
        rows[1].journey_id.team_id = self.team
        rows._run_due()
        self.assertEqual(rows.mapped("state"), ["open", "held"])

    def _always(self):
        calendar = self._calendar(self.company)
        calendar.attendance_ids = [Command.clear()] + [
            Command.create(
                {
                    "name": "Day",
                    "dayofweek": str(day),
                    "hour_from": 0,
                    "hour_to": 24,
                    "day_period": "morning",
                }
            )
            for day in range(7)
        ]
        return calendar

    # ------------------------------------------------------------
    # One call for several orders
    # ------------------------------------------------------------

    def test_several_orders_within_the_window_become_one_call(self):
        self.company.care_merge_days = 7
        rows = self._due(3)
        rows.journey_id.order_id.order_line.product_id.name = "Oven"
        rows = rows.sorted("id")
        rows[2].write({"date_due": rows[0].date_due + timedelta(days=20)})
        self._work()
        self.assertEqual(rows.mapped("state"), ["open", "cancelled", "planned"])
        self.assertEqual(rows[1].cancel_reason, "merged")
        self.assertEqual(rows[1].merged_into_id, rows[0])
        for order in (rows[0] | rows[1]).journey_id.order_id:
            self.assertIn(order.name, rows[0].order_name)
        self.assertIn("One call with", rows[0].explanation)
        self.assertFalse(rows[1].activity_id)

    def test_a_call_that_can_be_made_is_not_merged_into_one_that_failed(self):
        self.company.care_merge_days = 7
        for broken in (
            {"state": "failed", "next_at": False, "error": "broken"},
            # it has failed, and will be tried again
            {"attempts": 1, "error": "broken", "next_at": fields.Datetime.now() + timedelta(1)},
        ):
            with self.subTest(broken):
                first, second = self._due(2).sorted("id")
                first.date_due = second.date_due - timedelta(days=1)
                first.write(broken)
                self._work()
                self.assertEqual((second.state, second.merged_into_id), ("open", first.browse()))
                self.assertEqual(first.state, broken.get("state", "planned"))
                (first | second)._cancel("ended")

    def test_a_call_that_failed_at_first_has_no_error_once_it_is_made(self):
        row = self._due()
        row.write({"attempts": 1, "error": "broken"})
        self._work()
        self.assertEqual((row.state, row.error, row.attempts), ("open", False, 0))

    def test_days_are_told_as_the_reader_writes_them(self):
        """French has days before months: no machine's dates in a sentence."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.rep.lang = "fr_FR"
        self.company.care_merge_days = 7
        self._profile(contact_from=14)
        with self._at("2026-03-04 09:00:00"):
            rows = self._due(2).sorted("id")
            rows._run_due()
        self.assertIn("04/03/2026", rows[0].hold_note)
        self.assertRegex(rows[0].trail, r"^04/03/2026: ")
        self.assertIn("One call with", rows[0].trail)
        self.assertEqual(rows[0].trail.count("04/03/2026"), 2)
        self.rep.care_daily_cap = 1
        with self._at("2026-03-05 13:00:00"):
            others = self._due(1, partner=self.env["res.partner"].create({"name": "A"}))
            others |= self._due(1, partner=self.env["res.partner"].create({"name": "B"}))
            others._run_due()
        late = others.filtered(lambda row: row.state == "held")
        self.assertIn("06/03/2026", late.trail)
        for row in rows | others:
            self.assertNotIn("2026-03", f"{row.hold_note} {row.trail}")

    def test_different_steps_people_and_customers_are_not_one_call(self):
        self.company.care_merge_days = 7
        self._policy(((0, "care_owner"), (1, "care_owner")))
        one = self._due()
        two = self._due(partner=self.env["res.partner"].create({"name": "Else"}))
        three = self._due(user=self.agent)
        rows = one | two | three
        rows.write({"next_at": fields.Datetime.now() - timedelta(minutes=1)})
        self._work()
        self.assertEqual(set(rows.mapped("state")), {"open"})

    def test_a_return_ends_a_merged_call_only_with_all_its_products(self):
        self.company.care_merge_days = 7
        categ = self.product.categ_id = self.env["product.category"].create({"name": "Ovens"})
        self._policy(categ_ids=[Command.set(categ.ids)])
        rows = self._due(2).sorted("id")
        self._work()
        head = rows[0]
        self.assertEqual(head.merged_ids, rows[1])
        head._order_lines_returned({head.sale_line_id: 1})
        self.assertEqual(head.state, "open")
        head._order_lines_returned({head.sale_line_id: 1, rows[1].sale_line_id: 1})
        self.assertEqual((head.state, head.cancel_reason), ("cancelled", "returned"))

    def _one_call(self, count=2):
        """Follow-ups of as many orders: the head of one call first."""
        self.company.care_merge_days = 7
        rows = self._due(count).sorted("id")
        self._work()
        self.assertEqual(rows[0].merged_ids, rows[1:])
        return rows

    def test_a_cancelled_order_does_not_take_the_others_of_its_call_along(self):
        head, second, third = self._one_call(3)
        third.journey_id.order_id._action_cancel()
        head.journey_id.order_id._action_cancel()
        self.assertEqual((head.state, head.cancel_reason), ("cancelled", "ended"))
        self.assertEqual((second.state, second.cancel_reason), ("planned", False))
        self.assertFalse(head.merged_ids & second)
        self.assertEqual(third.state, "cancelled")
        self._work_on_their_day(second)
        self.assertEqual(second.state, "open")
        self.assertTrue(second.activity_id)
        self.assertIn("Planned again", second.trail)

    def test_what_comes_back_of_a_call_is_one_call_again(self):
        head, second, third = self._one_call(3)
        head.journey_id.order_id._action_cancel()
        self._work_on_their_day(second | third)
        self.assertEqual((second.state, third.state), ("open", "cancelled"))
        self.assertEqual(third.merged_into_id, second)

    def test_what_was_one_call_with_a_deleted_journey_is_called(self):
        head, second = self._one_call()
        head.journey_id.unlink()
        self.assertFalse(head.exists())
        self._work_on_their_day(second)
        self.assertEqual((second.state, second.merged_into_id.id), ("open", False))

    def test_what_was_ordered_again_does_not_end_the_call_about_the_other_product(self):
        head, second = self._one_call()
        head._cancel("reordered")
        self._work_on_their_day(second)
        self.assertEqual((head.state, second.state), ("cancelled", "open"))

    def test_an_opt_out_ends_the_whole_call(self):
        head, second = self._one_call()
        self._profile(no_followup=True)
        head.write({"state": "planned", "next_at": fields.Datetime.now()})
        self._work()
        self.assertEqual((head.cancel_reason, second.state), ("opted_out", "cancelled"))

    def test_no_answer_tries_all_orders_of_the_call_again(self):
        head, second = self._one_call()
        head.with_user(self.rep).action_no_answer()
        again = head.journey_id.followup_ids - head
        self.assertEqual(again.merged_ids, second)
        self.assertIn(second.journey_id.order_id.name, again.order_name)
        again.journey_id.order_id._action_cancel()
        self.assertEqual(second.state, "planned")

    # ------------------------------------------------------------
    # Cost
    # ------------------------------------------------------------

    def test_each_hold_costs_its_batch_and_not_its_rows(self):
        self.company.write({"care_weekly_limit": 1000, "care_merge_days": 0})
        self.rep.care_daily_cap = 1000
        self._case()
        rows = self._due(60)

        def cost(rows):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            rows._run_guarded()
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        cost(rows[:2])
        few, many = cost(rows[2:10]), cost(rows[10:])
        self.assertLessEqual(many, few + 5)
        self.assertEqual(set(rows.mapped("state")), {"held"})
