"""Service plans, and the coverages that run on what was sold."""

import re
from datetime import date

from psycopg2.errors import CheckViolation

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.customer_care.models.care_due_mixin import insert_new

from .common import CareCase


class CoverageCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.category = cls.env["product.category"].create({"name": "Appliances"})
        cls.kitchen = cls.env["product.category"].create(
            {"name": "Kitchen", "parent_id": cls.category.id}
        )
        cls.product.categ_id = cls.kitchen
        cls.plan = cls._plan("Two years", categ_ids=[Command.set(cls.category.ids)])

    @classmethod
    def _plan(cls, name, **vals):
        return cls.env["care.service.plan"].create(
            {"name": name, "company_id": cls.company.id, "months": 24, **vals}
        )

    @classmethod
    def _paid(cls, name="Repair on bill", **vals):
        work = cls.env["product.product"].create(
            {
                "name": "Repair",
                "type": "service",
                "list_price": 89.0,
                "taxes_id": [Command.clear()],
            }
        )
        return cls._plan(
            name,
            **{
                "term": "paid",
                "months": 0,
                "sequence": 50,
                "product_id": work.id,
                "categ_ids": [Command.set(cls.category.ids)],
                **vals,
            },
        )

    def _sold(self, quantity=1, moment="2026-03-10 10:00:00", **vals):
        with self._at(moment):
            order = self._confirmed(
                order_line=[
                    Command.create({"product_id": self.product.id, "product_uom_qty": quantity})
                ],
                **vals,
            )
            self.env.cr.flush()
        return order

    def _deliver(self, order, quantity, moment="2026-03-12 10:00:00"):
        with self._at(moment):
            order.order_line[0].qty_delivered = quantity
            self.env.cr.flush()  # as a commit does

    def _rows(self, order):
        self.env.invalidate_all()
        return self.env["care.coverage"].search([("order_id", "=", order.id)], order="part")

    def _delivered(self, quantity=1, **vals):
        order = self._sold(quantity, **vals)
        self._deliver(order, quantity)
        return order


@tagged("post_install", "-at_install")
class TestCoverage(CoverageCase):
    # ------------------------------------------------------------
    # Which plans
    # ------------------------------------------------------------

    def test_the_product_stands_before_its_category_and_that_before_the_one_above(self):
        def carried():
            found = self.env["care.service.plan"]._of_products(self.product, self.company)
            return found[self.product]

        self.assertEqual(carried(), self.plan)
        near = self._plan("Kitchen", categ_ids=[Command.set(self.kitchen.ids)])
        self.assertEqual(carried(), near)
        own = self._plan("Oven", product_tmpl_ids=[Command.set(self.product.product_tmpl_id.ids)])
        more = self._plan(
            "Oven, later",
            sequence=5,
            product_tmpl_ids=[Command.set(self.product.product_tmpl_id.ids)],
        )
        self.assertEqual(carried(), more | own)
        (own | more).active = False
        self.assertEqual(carried(), near)
        near.company_id = self.env["res.company"].create({"name": "Elsewhere"})
        self.assertEqual(carried(), self.plan)

    def test_what_a_plan_has_to_say(self):
        products = {"categ_ids": [Command.set(self.category.ids)]}
        with self.assertRaises(ValidationError):
            self._plan("On nothing")
        for wrong in (
            {"months": -1},
            {"months": 0},
            {"term": "paid"},
            {"provider": "dealer"},
            {"partner_id": self.customer.id},
        ):
            with (
                self.subTest(wrong),
                mute_logger("odoo.sql_db"),
                self.assertRaises(CheckViolation),
            ):
                self._plan("Wrong", **products, **wrong)

    def test_a_plan_that_was_sold_is_archived_and_not_deleted(self):
        self._sold()
        with self.assertRaises(UserError):
            self.plan.with_user(self.manager).unlink()

    # ------------------------------------------------------------
    # From the order to the end
    # ------------------------------------------------------------

    def test_the_order_plans_and_the_delivery_starts_it(self):
        order = self._sold(2)
        row = self._rows(order)
        self.assertEqual(len(row), 1)
        self.assertEqual((row.state, row.quantity, row.date_start), ("planned", 2, False))
        self.assertEqual(row.partner_id, self.customer)
        self.assertEqual(row.plan_id, self.plan)
        self._deliver(order, 2)
        self.assertEqual(self._rows(order), row)
        self.assertEqual((row.date_start, row.date_end), (date(2026, 3, 12), date(2028, 3, 12)))
        for day, state in (
            ("2026-03-11", "planned"),
            ("2026-03-12", "running"),
            ("2028-03-12", "running"),
            ("2028-03-13", "ended"),
        ):
            with self._at(f"{day} 12:00:00"):
                row.invalidate_recordset(["state"])
                self.assertEqual(row.state, state, day)
                for other in ("planned", "running", "ended", "cancelled"):
                    found = self.env["care.coverage"].search([("state", "=", other)])
                    self.assertEqual(row in found, other == state, (day, other))

    def test_the_day_is_the_companys_own(self):
        order = self._sold()
        self._deliver(order, 1, "2026-03-12 23:30:00")  # in Brussels it is past midnight
        self.assertEqual(self._rows(order).date_start, date(2026, 3, 13))

    def test_parts_that_are_delivered_apart_start_apart(self):
        order = self._sold(5)
        self._deliver(order, 2)
        self._deliver(order, 3, "2026-04-01 10:00:00")
        rows = self._rows(order)
        self.assertEqual(
            sorted((row.quantity, str(row.date_start)) for row in rows),
            [(1, "2026-04-01"), (2, "2026-03-12"), (2, "False")],
        )
        self._deliver(order, 5, "2026-05-01 10:00:00")
        rows = self._rows(order)
        self.assertEqual(sum(rows.mapped("quantity")), 5)
        self.assertEqual(
            sorted(map(str, rows.mapped("date_start"))), ["2026-03-12", "2026-04-01", "2026-05-01"]
        )

    def test_doing_it_again_changes_nothing(self):
        order = self._sold(3)
        self._deliver(order, 2)
        before = self._rows(order).read()
        journey = self._journey(order)
        for _n in range(2):
            self.env["care.coverage"]._follow(journey)
            journey.with_user(self.rep)._announce_coverage()
        self.assertEqual(self._rows(order).read(), before)

    def test_the_database_refuses_a_part_twice(self):
        order = self._sold()
        row = self._rows(order)
        again = row.copy_data()[0]
        again["part"] = row.part
        self.assertFalse(insert_new(row.browse(), [again]))
        self.assertEqual(self._rows(order), row)

    def test_what_comes_back_ends_its_part(self):
        order = self._sold(3)
        self._deliver(order, 2)
        self._deliver(order, 3, "2026-04-01 10:00:00")
        self._deliver(order, 1, "2026-04-10 10:00:00")
        rows = self._rows(order)
        self.assertEqual(sum(rows.mapped("quantity")), 3)
        with self._at("2026-04-11 10:00:00"):
            running = rows.filtered(lambda row: row.state == "running")
            ended = rows.filtered(lambda row: row.state == "ended")
        self.assertEqual(sum(running.mapped("quantity")), 1)
        self.assertEqual(running.date_start, date(2026, 3, 12))
        self.assertEqual(set(ended.mapped("end_reason")), {"returned"})
        self.assertEqual(set(ended.mapped("ended_on")), {date(2026, 4, 10)})
        # it is delivered anew
        self._deliver(order, 2, "2026-04-20 10:00:00")
        fresh = self._rows(order).filtered(lambda row: row.date_start == date(2026, 4, 20))
        self.assertEqual(fresh.quantity, 1)

    def test_a_return_of_all_ends_all(self):
        order = self._delivered()
        self._deliver(order, 0, "2026-04-01 10:00:00")
        row = self._rows(order)
        self.assertEqual((row.end_reason, row.ended_on), ("returned", date(2026, 4, 1)))

    def test_a_cancelled_order_ends_it_and_a_new_confirmation_plans_anew(self):
        order = self._sold()
        order._action_cancel()
        row = self._rows(order)
        self.assertEqual(row.state, "cancelled")
        order.action_draft()
        order.action_confirm()
        self.assertEqual(sorted(self._rows(order).mapped("state")), ["cancelled", "planned"])
        self._deliver(order, 1)
        self.assertEqual(len(self._rows(order).filtered("date_start")), 1)

    def test_a_plan_that_starts_with_the_order_runs_at_once(self):
        self.plan.start = "confirmation"
        order = self._sold(2)
        row = self._rows(order)
        self.assertEqual((row.date_start, row.quantity), (date(2026, 3, 10), 2))
        self._deliver(order, 2)
        self.assertEqual(self._rows(order), row)
        self.env["care.followup"]._order_lines_returned({order.order_line: 1})
        self.assertEqual(
            sorted((row.quantity, row.end_reason or "") for row in self._rows(order)),
            [(1, ""), (1, "returned")],
        )

    def test_what_is_never_delivered_starts_with_the_order(self):
        self.product.type = "service"
        self.assertEqual(self._rows(self._sold()).date_start, date(2026, 3, 10))

    def test_a_line_that_is_added_or_grows_is_covered_too(self):
        order = self._sold()
        order.order_line.product_uom_qty = 4
        self.env.cr.flush()
        self.assertEqual(self._rows(order).mapped("quantity"), [4])
        order.order_line = [Command.create({"product_id": self.product.id, "product_uom_qty": 2})]
        self.env.cr.flush()
        self.assertEqual(sum(self._rows(order).mapped("quantity")), 6)

    def test_without_a_plan_there_is_no_coverage(self):
        self.plan.active = False
        order = self._delivered()
        self.assertFalse(self._rows(order))

    def test_a_plan_of_another_company_covers_nothing_here(self):
        other = self.env["res.company"].create(
            {"name": "Elsewhere", "care_start_date": "2020-01-01"}
        )
        self.env.user.company_ids = [Command.link(other.id)]
        theirs = self._plan(
            "Theirs", company_id=other.id, categ_ids=[Command.set(self.category.ids)]
        )
        both = self._sold(user=self.env["res.users"], company_id=other.id)
        self.assertEqual(self._rows(both).plan_id, theirs)
        self.assertEqual(self._rows(both).company_id, other)
        self.assertEqual(self._rows(self._sold()).plan_id, self.plan)
        self.assertFalse(
            self.env["care.coverage"].with_user(self.agent).search([("company_id", "=", other.id)])
        )

    def test_what_was_sold_before_is_covered_from_its_delivery(self):
        self.plan.active = False
        order = self._delivered()
        waiting = self._sold()
        self.plan.active = True
        plan = self.plan.with_user(self.manager).with_company(self.company)
        for _n in range(2):
            plan.action_apply()
        self.assertEqual(self._rows(order).date_start, date(2026, 3, 12))
        self.assertEqual(self._rows(waiting).date_start, False)
        with self.assertRaises(UserError):
            self.plan.with_user(self.leader).action_apply()

    def test_fifty_orders_cost_as_many_queries_as_one(self):
        def queries(count):
            orders = self.env["sale.order"].create(
                [
                    {
                        "partner_id": self.customer.id,
                        "user_id": self.rep.id,
                        "company_id": self.company.id,
                        "order_line": [
                            Command.create({"product_id": self.product.id, "product_uom_qty": 2})
                        ],
                    }
                    for _n in range(count)
                ]
            )
            orders.action_confirm()
            self.env.cr.flush()
            journeys = self.env["care.journey"].search([("order_id", "in", orders.ids)])
            coverages = self.env["care.coverage"]
            coverages.search([("order_id", "in", orders.ids)]).unlink()
            counts = []
            for delivered in (0, 1, 2, 1):
                self.env.flush_all()
                self.env.cr.execute(
                    "UPDATE sale_order_line SET qty_delivered = %s WHERE order_id = ANY(%s)",
                    (delivered, orders.ids),
                )
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                coverages._follow(journeys)
                self.env.flush_all()
                counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(coverages.search([("order_id", "in", orders.ids)])), 2 * count)
            return counts

        queries(2)
        self.assertEqual(queries(50), queries(1))

    # ------------------------------------------------------------
    # On the case
    # ------------------------------------------------------------

    def _complaint(self, order=None, moment="2026-05-05 10:00:00", **vals):
        return self._case(
            **{
                "order_id": order and order.id,
                "product_id": self.product.id,
                "received_at": moment,
                "team_id": False,
                **vals,
            }
        )

    def test_a_case_says_what_applied_when_the_customer_told_us(self):
        paid = self._paid()
        order = self._delivered()
        case = self._complaint(order)
        self.assertEqual(case.coverage_id.plan_id, self.plan)
        self.assertEqual(case.coverage_term, "free")
        self.assertIn("Two years", case.coverage_note)
        self.assertIn("2028", case.coverage_note)
        late = self._complaint(order, "2028-03-13 10:00:00")
        self.assertEqual(late.coverage_id.plan_id, paid)
        early = self._complaint(order, "2026-03-01 10:00:00")
        self.assertFalse(early.coverage_id)
        self.assertFalse(early.coverage_note)
        paid.active = False
        self.env["care.coverage"].search([("plan_id", "=", paid.id)]).unlink()
        self.env.invalidate_all()
        self.assertFalse(late.coverage_id)
        self.assertIn("ended", late.coverage_note)

    def test_a_case_without_an_order_finds_it_by_customer_and_product(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        self.customer.parent_id = firm
        self._delivered()
        colleague = self.env["res.partner"].create({"name": "Colleague", "parent_id": firm.id})
        case = self._complaint(partner_id=colleague.id)
        self.assertEqual(case.coverage_id.plan_id, self.plan)
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        self.assertFalse(self._complaint(partner_id=stranger.id).coverage_id)
        self.assertFalse(self._complaint(product_id=False).coverage_id)

    def test_a_returned_product_is_not_covered_any_more(self):
        order = self._delivered()
        self._deliver(order, 0, "2026-04-01 10:00:00")
        case = self._complaint(order)
        self.assertFalse(case.coverage_id)
        self.assertTrue(case.coverage_note)
        self.assertTrue(self._complaint(order, "2026-03-20 10:00:00").coverage_id)

    def test_the_coverages_of_many_cases_are_looked_up_at_once(self):
        cases = self.env["care.case"]
        for _n in range(12):
            cases |= self._complaint(self._delivered())
        self.env.flush_all()

        def queries(some):
            self.env.invalidate_all()
            some.mapped("product_id.name")
            before = self.env.cr.sql_log_count
            some.mapped("coverage_term")
            return self.env.cr.sql_log_count - before

        queries(cases)
        self.assertEqual(queries(cases), queries(cases[:1]))

    # ------------------------------------------------------------
    # Who does it
    # ------------------------------------------------------------

    def test_own_staff_is_the_team_of_the_plan(self):
        team = self.env["care.team"].create(
            {"name": "Fitters", "company_id": self.company.id, "leader_id": self.leader.id}
        )
        self.plan.team_id = team
        order = self._delivered()
        wanted = self.env["care.category"].create(
            {"name": "Cold", "company_id": self.company.id, "team_id": self.team.id}
        )
        self.assertEqual(self._complaint(order).team_id, team)
        self.assertEqual(self._complaint(order, category_id=wanted.id).team_id, team)
        self.assertEqual(self._complaint(order, team_id=self.team.id).team_id, self.team)
        self.assertFalse(self._complaint(order).provider_id)

    def _dealer(self, **vals):
        dealer = self.env["res.partner"].create(
            {"name": "Aqua Service", "email": "aqua@example.com", **vals}
        )
        self.plan.write({"provider": "dealer", "partner_id": dealer.id})
        return dealer

    def _mails(self, case):
        return case.message_ids.filtered(lambda message: message.message_type == "auto_comment")

    def test_a_dealer_is_told_once_and_follows_nothing(self):
        dealer = self._dealer()
        order = self._delivered()
        case = self._complaint(order, kind="complaint")
        self.assertEqual(case.provider_id, dealer)
        self._run("care.notice")
        self._run("care.notice")
        mail = self._mails(case).filtered(lambda m: dealer in m.notified_partner_ids)
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.notified_partner_ids, dealer)
        self.assertIn("It stays cold.", mail.body)
        self.assertIn(self.customer.phone, mail.body)
        self.assertTrue(mail.subtype_id.internal, "no mail to the customer")
        self.assertTrue(case.provider_sent_at)
        self.assertNotIn(dealer, case.message_partner_ids)
        with self.assertRaises(UserError):
            case.action_send_to_provider()

    def test_a_confidential_complaint_is_sent_to_the_dealer_by_the_button_alone(self):
        self.env.ref("customer_care.group_confidential").user_ids = [Command.link(self.agent.id)]
        dealer = self._dealer()

        def sent(case):
            self._run("care.notice")
            mails = self._mails(case)
            return mails.filtered(lambda mail: dealer in mail.notified_partner_ids)

        born_so = self._complaint(self._delivered(), confidential=True, owner_id=self.agent.id)
        sealed = self._complaint(self._delivered(), owner_id=self.agent.id)
        # before the job has told the dealer
        sealed.action_seal()
        for case in (born_so, sealed):
            self.assertEqual(case.provider_id, dealer)
            self.assertFalse(sent(case))
            case.with_user(self.agent).action_send_to_provider()
            self.assertEqual(len(sent(case)), 1)
            with self.assertRaises(UserError):
                case.with_user(self.agent).action_send_to_provider()

    def test_a_dealer_without_an_address_is_called(self):
        self._dealer(email=False)
        case = self._complaint(self._delivered())
        self._run("care.notice")
        self.assertFalse(case.provider_sent_at)
        task = case.activity_ids
        self.assertEqual(task.user_id, case.owner_id)
        self.assertIn("Aqua Service", task.summary)

    def test_a_plan_that_does_not_send_waits_for_the_owner(self):
        dealer = self._dealer()
        self.plan.send_at_once = False
        case = self._complaint(self._delivered())
        self._run("care.notice")
        self.assertEqual(case.provider_id, dealer)
        self.assertFalse(case.provider_sent_at)
        case.action_send_to_provider()
        self._run("care.notice")
        self.assertTrue(case.provider_sent_at)

    def test_only_complaints_go_to_the_dealer(self):
        self._dealer()
        order = self._delivered()
        self.assertFalse(self._complaint(order, kind="compliment").provider_id)

    def test_a_case_that_is_over_is_sent_to_nobody(self):
        dealer = self._dealer()
        case = self._complaint(self._delivered(), cancel_reason="twice")
        case._enter_category("cancelled")
        self._run("care.notice")
        self.assertFalse(
            self._mails(case).filtered(lambda message: dealer in message.notified_partner_ids)
        )

    # ------------------------------------------------------------
    # The paid service
    # ------------------------------------------------------------

    def test_a_paid_service_makes_a_quotation_once(self):
        self.plan.active = False
        paid = self._paid()
        order = self._delivered()
        case = self._complaint(order, owner_id=self.agent.id, team_id=self.team.id)
        self.assertEqual(case.coverage_term, "paid")
        first = case.with_user(self.agent).action_quote_service()
        quotation = case.quotation_id
        self.assertEqual(first["res_id"], quotation.id)
        self.assertEqual(quotation.state, "draft")
        self.assertEqual(quotation.partner_id, self.customer)
        self.assertEqual(quotation.company_id, self.company)
        self.assertEqual(quotation.origin, case.number)
        self.assertEqual(quotation.order_line.product_id, paid.product_id)
        self.assertEqual(quotation.amount_total, 89.0)
        self.assertEqual(quotation.user_id, self.rep)
        self.assertEqual(case.with_user(self.agent).action_quote_service()["res_id"], quotation.id)
        quotation._action_cancel()
        case.with_user(self.agent).action_quote_service()
        self.assertNotEqual(case.quotation_id, quotation)

    def test_what_is_free_is_not_quoted(self):
        self._paid()
        case = self._complaint(self._delivered())
        with self.assertRaises(UserError):
            case.action_quote_service()
        self.assertFalse(case.quotation_id)

    def test_who_may_only_read_a_case_quotes_and_sends_nothing(self):
        self.plan.active = False
        self._paid()
        case = self._complaint(self._delivered(), owner_id=self.agent.id, team_id=self.team.id)
        reader = case.with_user(self.rep)  # his order
        self.assertTrue(reader.has_access("read"))
        for method in ("action_quote_service", "action_send_to_provider"):
            with self.assertRaises(AccessError):
                getattr(reader, method)()
        for vals in ({"quotation_id": 1}, {"provider_sent_at": fields.Datetime.now()}):
            with self.assertRaises(AccessError):
                case.with_user(self.agent).write(vals)

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_a_coverage_is_the_engines_alone(self):
        row = self._rows(self._delivered())
        for user in (self.agent, self.leader, self.manager):
            mine = row.with_user(user)
            self.assertEqual(mine.date_end, date(2028, 3, 12))
            with self.assertRaises(AccessError):
                mine.write({"date_end": "2099-01-01"})
            with self.assertRaises(AccessError):
                mine.copy()
            with self.assertRaises(AccessError):
                mine.unlink()

    # ------------------------------------------------------------
    # Follow-ups before the end
    # ------------------------------------------------------------

    def _ending(self, **vals):
        return self._policy(((0, "care_owner"),), event="coverage_end", before_days=30, **vals)

    def test_a_call_is_planned_before_the_free_service_ends(self):
        policy = self._ending()
        order = self._sold()
        self.assertFalse(policy.followup_ids)
        self._deliver(order, 1)
        call = policy.followup_ids
        self.assertEqual(call.date_due, date(2028, 2, 11), "thirty days before, a Friday")
        self.assertEqual(call.sale_line_id, order.order_line)
        self.assertEqual(call.user_id, self.rep)
        self._deliver(order, 0, "2026-04-01 10:00:00")
        self.env["care.followup"]._order_lines_returned({order.order_line: 1})
        self.assertEqual((call.state, call.cancel_reason), ("cancelled", "returned"))

    def test_delivering_in_parts_is_one_call_a_line_before_the_first_end(self):
        policy = self._ending()
        order = self._sold(2)
        self._deliver(order, 1)
        self._deliver(order, 2, "2026-06-01 10:00:00")
        self.assertEqual(policy.followup_ids.date_due, date(2028, 2, 11))

    def test_a_day_that_has_passed_is_today_while_there_is_time(self):
        policy = self._ending()
        self.plan.months = 1
        policy.before_days = 60
        self._delivered()
        self.assertEqual(policy.followup_ids.date_due, date(2026, 3, 12))

    def test_paid_and_other_products_are_not_called(self):
        hob = self.env["product.product"].create({"name": "Hob"})
        policy = self._ending(product_tmpl_ids=[Command.set(hob.product_tmpl_id.ids)])
        self._delivered()
        self.assertFalse(policy.followup_ids)
        general = self._ending()
        self.plan.active = False
        self._paid(months=12)
        self._delivered()
        self.assertFalse(general.followup_ids)

    def test_a_policy_that_came_later_makes_up_for_what_runs(self):
        moment = fields.Datetime.to_string(fields.Datetime.now())
        order = self._sold(moment=moment)
        self._deliver(order, 1, moment)
        policy = self._ending()
        backfill = self.env["care.backfill"].create(
            {"policy_id": policy.id, "company_id": self.company.id}
        )
        backfill.with_user(self.manager).action_start()
        self._run("care.backfill")
        self.assertEqual(len(policy.followup_ids), 1)
        self.assertEqual(policy.followup_ids.sale_line_id, order.order_line)

    def test_a_cancelled_order_ends_the_call_before_the_end(self):
        policy = self._ending()
        order = self._delivered()
        order._action_cancel()
        self.assertEqual(policy.followup_ids.state, "cancelled")


@tagged("post_install", "-at_install")
class TestCoveragePortal(CoverageCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.neighbour = cls.env["res.partner"].create({"name": "Nina", "email": "n@example.com"})
        cls._user("care_client", "base.group_portal", partner_id=cls.customer.id)
        cls._user("care_nina", "base.group_portal", partner_id=cls.neighbour.id)
        cls.plan.response = "Call us: a fitter comes within two days."

    def test_a_customer_sees_his_own_coverages_alone(self):
        order = self._delivered()
        hob = self.env["product.product"].create({"name": "Hob", "categ_id": self.category.id})
        theirs = self._order(
            partner=self.neighbour,
            order_line=[Command.create({"product_id": hob.id, "product_uom_qty": 1})],
        )
        theirs.action_confirm()
        none = self._plan(
            "Nobody comes",
            term="none",
            months=0,
            product_tmpl_ids=[Command.set(self.product.product_tmpl_id.ids)],
        )
        cancelled = self._sold()
        cancelled._action_cancel()
        self.env.flush_all()
        self.authenticate("care_client", "care_client")
        text = self.url_open("/my/coverage").text
        self.assertIn("Oven", text)
        self.assertIn("Two years", text)
        self.assertIn("within two days", text)
        self.assertIn(order.name, text)
        for hidden in ("Hob", theirs.name, none.name, cancelled.name):
            self.assertNotIn(hidden, text)
        home = self.url_open("/my/counters", json={"params": {"counters": ["care_coverage_count"]}})
        self.assertEqual(home.json()["result"], {"care_coverage_count": 1})
        self.authenticate("care_nina", "care_nina")
        text = self.url_open("/my/coverage").text
        self.assertIn("Hob", text)
        self.assertIn("Starts with the delivery", text)
        self.assertNotIn("Oven", text)

    def test_what_is_to_be_paid_is_shown_where_nothing_is_free_any_more(self):
        self._paid()
        order = self._delivered()
        coverages = self.env["care.coverage"].sudo()

        def shown(day):
            with self._at(day):
                found = order._care_portal_coverages()
                mine = coverages.search(
                    coverages.with_user(
                        self.env["res.users"].search([("login", "=", "care_client")])
                    )._domain_of_visitor()
                )
                self.assertEqual(found, mine)
                return sorted(found.mapped("plan_id.name"))

        self.assertEqual(shown("2026-05-01 10:00:00"), ["Two years"])
        self.assertEqual(shown("2028-05-01 10:00:00"), ["Repair on bill", "Two years"])

    def test_a_colleague_sees_what_their_company_bought(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        (self.customer | self.neighbour).parent_id = firm
        self._delivered()
        self.env.flush_all()
        self.authenticate("care_nina", "care_nina")
        self.assertIn("Oven", self.url_open("/my/coverage").text)

    def test_nobody_is_logged_in(self):
        self._delivered()
        self.env.flush_all()
        self.authenticate(None, None)
        page = self.url_open("/my/coverage")
        self.assertNotIn("Two years", page.text)
        self.assertIn("/web/login", page.url)

    def test_the_page_of_an_order_shows_its_coverages_to_whoever_may_open_it(self):
        order = self._delivered()
        token = order._portal_ensure_token()
        self.env.flush_all()
        self.authenticate("care_client", "care_client")
        page = self.url_open(f"/my/orders/{order.id}").text
        self.assertEqual(len(re.findall("o_care_coverage", page)), 1)
        self.assertIn("Two years", page)
        self.authenticate(None, None)
        self.assertIn(
            "Two years", self.url_open(f"/my/orders/{order.id}?access_token={token}").text
        )
        self.authenticate("care_nina", "care_nina")
        for query in ("", "?access_token=x"):
            self.assertNotIn("Two years", self.url_open(f"/my/orders/{order.id}{query}").text)

    def test_a_customer_has_no_right_to_the_models(self):
        row = self._rows(self._delivered())
        client = self.env["res.users"].search([("login", "=", "care_client")])
        for record in (row, self.plan):
            with self.assertRaises(AccessError):
                record.with_user(client).read(["display_name"])


@tagged("post_install", "-at_install")
class TestCoverageStory(CoverageCase):
    def test_the_story_tells_of_coverages_and_of_what_was_changed(self):
        order = self._delivered()
        case = self._case(order_id=order.id, product_id=self.product.id, owner_id=self.agent.id)
        action = self.env["care.action"].create(
            {
                "name": "Two people carry it",
                "company_id": self.company.id,
                "owner_id": self.agent.id,
                "case_ids": [Command.set(case.ids)],
            }
        )
        self.assertNotIn("Two people carry it", case.with_user(self.agent).care_story)
        action.action_done()
        self.env.invalidate_all()
        told = case.with_user(self.agent).care_story
        self.assertIn("Two people carry it", told)
        self.assertIn("Two years", told)
        stranger = self._user("care_outside", "customer_care.group_agent")
        told = self.customer.with_user(stranger).with_company(self.company).care_story
        self.assertNotIn("Two people carry it", told or "")
