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
        refund.action_post()
        row = self._due()
        self._work()
        self.assertEqual((row.state, row.hold_reason), ("held", "unpaid_refund"))
        self.assertIn(refund.name, row.hold_note)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=refund.ids
        ).create({})._create_payments()
        self._work()
        self.assertEqual(row.state, "open")

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
            self.assertIn("14:00", row.hold_note)
        with self._at("2026-03-05 13:00:00"):
            row._run_due()
            self.assertEqual(row.state, "open")
            self.assertEqual(row.date_due, date(2026, 3, 5))

    def test_the_customers_channel_holds_until_somebody_takes_it(self):
        profile = self._profile(preferred_channel="email")
        row = self._due()
        self._work()
        self.assertEqual((row.state, row.hold_reason), ("held", "customer_channel"))
        row.with_user(self.rep).action_use_channel()
        self._work()
        self.assertEqual(row.state, "open")
        self.assertEqual(
            row.activity_id.activity_type_id, self.env.ref("mail.mail_activity_data_email")
        )
        other = self._due()
        self._work()
        self.assertEqual(other.state, "held")
        profile.preferred_channel = "phone"
        self._work()
        self.assertEqual(other.state, "open")

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
