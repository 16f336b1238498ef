"""Product alarm: many complaints about one product or category raise one action."""

from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CareCase


@tagged("post_install", "-at_install")
class TestAlarm(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {"care_alarm_count": 3, "care_alarm_days": 30, "care_start_date": "2020-01-01"}
        )
        cls.curator = cls._user("care_curator", "customer_care.group_leader")
        cls.env.ref("customer_care.stage_case_new").curator_id = cls.curator
        cls.category = cls.env["care.category"].create(
            {"name": "Noise", "company_id": cls.company.id}
        )
        cls.hob = cls.env["product.product"].create({"name": "Hob"})

    def _complaints(self, count, moment="2026-03-10 10:00:00", look=True, **vals):
        with self._at(moment):
            cases = self.env["care.case"].create(
                [
                    {
                        "name": "Does not heat",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "team_id": self.team.id,
                        "product_id": self.product.id,
                        "received_at": moment,
                        **vals,
                    }
                    for _n in range(count)
                ]
            )
            if look:
                self._run("care.signal")
        return cases

    def _alarms(self, company=None):
        return self.env["care.action"].search(
            [("is_alarm", "=", True), ("company_id", "=", (company or self.company).id)]
        )

    # ------------------------------------------------------------
    # Raised once
    # ------------------------------------------------------------

    def test_enough_complaints_raise_one_action_with_its_cases_and_people(self):
        few = self._complaints(2)
        self.assertFalse(self._alarms())
        third = self._complaints(1, "2026-03-12 10:00:00")
        alarm = self._alarms()
        self.assertEqual(len(alarm), 1)
        self.assertEqual(alarm.case_ids, few | third)
        self.assertEqual(alarm.product_tmpl_id, self.product.product_tmpl_id)
        self.assertEqual(alarm.owner_id, self.leader)
        self.assertEqual(alarm.team_id, self.team)
        self.assertEqual(alarm.checker_id, self.curator)
        self.assertIn("Oven", alarm.name)
        self.assertEqual(alarm.activity_ids.user_id, self.leader)
        told = self.env["mail.message"].search(
            [("model", "=", "care.action"), ("res_id", "=", alarm.id)]
        )
        self.assertEqual(told.partner_ids, self.curator.partner_id)
        self.assertIn(self.curator.partner_id, alarm.message_partner_ids)

    def test_looking_again_raises_nothing_again_and_adds_what_is_new(self):
        cases = self._complaints(3)
        alarm = self._alarms()
        with self._at("2026-03-10 11:00:00"):
            self.env["care.signal"].search([]).write(
                {"state": "planned", "next_at": "2026-03-10 10:30:00"}
            )
            self._run("care.signal")
            self.env["care.action"].sudo()._raise_alarms(cases)
        self.assertEqual(self._alarms(), alarm)
        self.assertEqual(len(alarm.activity_ids), 1)
        more = self._complaints(2, "2026-03-20 10:00:00")
        self.assertEqual(self._alarms(), alarm)
        self.assertEqual(alarm.case_ids, cases | more)
        self.assertEqual(len(alarm.activity_ids), 1)

    def test_two_batches_raise_one(self):
        self.patch(self.env.registry["care.signal"], "_due_batch", 2)
        cases = self._complaints(5)
        alarm = self._alarms()
        self.assertEqual(len(alarm), 1)
        self.assertEqual(alarm.case_ids, cases)

    def test_the_database_refuses_a_second_alarm(self):
        cases = self._complaints(3)
        actions = self.env["care.action"].sudo()
        alarm = self._alarms()
        found = actions._count_complaints(
            {(self.company.id, "product_tmpl_id", self.product.product_tmpl_id.id): (3, 9999)}
        )
        self.assertEqual(next(iter(found.values())), cases.ids)
        # as another transaction that does not see the first alarm yet
        self.patch(
            self.env.registry["care.action"], "_join_alarms", lambda self, cases, watched: set()
        )
        self.assertFalse(actions._raise_alarms(cases))
        self.assertEqual(self._alarms(), alarm)

    def test_old_ones_other_products_and_other_kinds_do_not_count(self):
        self._complaints(2, "2026-02-01 10:00:00")
        self._complaints(2, product_id=self.hob.id)
        self._complaints(2, kind="enquiry")
        cancelled = self._complaints(1, cancel_reason="twice", look=False)
        cancelled._enter_category("cancelled")
        self._complaints(2)
        self.assertFalse(self._alarms())

    def test_variants_are_one_product(self):
        attribute = self.env["product.attribute"].create(
            {
                "name": "Colour",
                "value_ids": [Command.create({"name": "Black"}), Command.create({"name": "White"})],
            }
        )
        template = self.env["product.template"].create(
            {
                "name": "Fridge",
                "attribute_line_ids": [
                    Command.create(
                        {
                            "attribute_id": attribute.id,
                            "value_ids": [Command.set(attribute.value_ids.ids)],
                        }
                    )
                ],
            }
        )
        black, white = template.product_variant_ids
        self._complaints(2, product_id=black.id)
        self.assertFalse(self._alarms())
        self._complaints(1, product_id=white.id)
        self.assertEqual(self._alarms().product_tmpl_id, template)

    def test_a_product_and_a_category_are_an_alarm_each(self):
        self._complaints(3, category_id=self.category.id)
        alarms = self._alarms()
        self.assertEqual(len(alarms), 2)
        self.assertEqual(alarms.category_id, self.category)
        self.assertEqual(alarms.product_tmpl_id, self.product.product_tmpl_id)

    def test_off_in_the_settings(self):
        for off in ("care_alarm_count", "care_alarm_days"):
            before = self.company[off]
            self.company[off] = 0
            self._complaints(5)
            self.assertFalse(self._alarms(), off)
            self.company[off] = before

    def test_a_category_counts_as_it_says_itself(self):
        self.category.write({"alarm_own": True, "alarm_count": 2, "alarm_days": 5})
        told = {"product_id": False, "category_id": self.category.id}
        self._complaints(1, "2026-03-01 10:00:00", **told)
        self._complaints(1, "2026-03-10 10:00:00", **told)
        self.assertFalse(self._alarms())
        self._complaints(1, "2026-03-12 10:00:00", **told)
        self.assertEqual(len(self._alarms().case_ids), 2)

    def test_a_category_is_switched_off_by_itself(self):
        self.category.write({"alarm_own": True, "alarm_count": 0})
        self._complaints(5, product_id=False, category_id=self.category.id)
        self.assertFalse(self._alarms())

    def test_each_company_counts_its_own(self):
        other = self.env["res.company"].create(
            {
                "name": "Elsewhere",
                "care_start_date": "2020-01-01",
                "care_alarm_count": 3,
                "care_default_owner_id": self.env.ref("base.user_admin").id,
            }
        )
        theirs = {"company_id": other.id, "team_id": False}
        self._complaints(2)
        self._complaints(2, **theirs)
        self.assertFalse(self._alarms() | self._alarms(other))
        self._complaints(1, **theirs)
        self.assertFalse(self._alarms())
        self.assertEqual(self._alarms(other).company_id, other)
        self.assertEqual(len(self._alarms(other).case_ids), 3)

    def test_when_an_alarm_is_over_the_count_begins_anew(self):
        self._complaints(3)
        alarm = self._alarms()
        with self._at("2026-03-11 10:00:00"):
            alarm.with_user(self.leader).action_cancel()
        self._complaints(2, "2026-03-12 10:00:00")
        self.assertEqual(self._alarms(), alarm)
        self._complaints(1, "2026-03-13 10:00:00")
        second = self._alarms() - alarm
        self.assertEqual(len(second.case_ids), 3)
        with self.assertRaises(UniqueViolation), mute_logger("odoo.sql_db"):
            alarm.with_user(self.leader).action_resume()
            self.env.flush_all()

    def test_a_done_alarm_is_reopened_and_not_raised_a_second_time(self):
        self._complaints(3)
        alarm = self._alarms()
        with self._at("2026-03-15 10:00:00"):
            alarm.with_user(self.leader).action_done()
        more = self._complaints(4, "2026-03-20 10:00:00")
        self.assertEqual(self._alarms(), alarm)
        self.assertEqual(alarm.state, "reopened")
        self.assertLessEqual(more, alarm.case_ids)

    def test_a_category_set_later_counts(self):
        cases = self._complaints(3, product_id=False)
        self.assertFalse(self._alarms())
        with self._at("2026-03-11 10:00:00"):
            cases.category_id = self.category
            self._run("care.signal")
        self.assertEqual(len(self._alarms()), 1)

    def test_nothing_of_it_happens_in_the_customers_transaction(self):
        cases = self._complaints(3, look=False)
        self.assertFalse(self._alarms())
        rows = self.env["care.signal"].search([("case_id", "in", cases.ids)])
        self.assertEqual(rows.mapped("state"), ["planned"] * 3)

    def test_a_failure_is_set_aside_and_retried(self):
        cases = self._complaints(3, look=False)

        def fail(self, cases):
            raise ValueError("no figures today")

        registry = self.env.registry["care.action"]
        with (
            patch.object(registry, "_raise_alarms", fail),
            mute_logger("odoo.addons.customer_care.models.care_due_mixin"),
            self._at("2026-03-10 10:00:00"),
        ):
            self._run("care.signal")
        rows = self.env["care.signal"].search([("case_id", "in", cases.ids)])
        self.assertEqual(set(rows.mapped("state")), {"planned"})
        self.assertIn("no figures today", rows[0].error)
        with self._at("2026-03-10 12:00:00"):
            self._run("care.signal")
        self.assertEqual(len(self._alarms()), 1)

    # ------------------------------------------------------------
    # Other buyers
    # ------------------------------------------------------------

    def _buyer(self, name, days=10, product=None, **vals):
        partner = self.env["res.partner"].create({"name": name})
        order = self._order(
            partner=partner,
            order_line=[
                Command.create({"product_id": (product or self.product).id, "product_uom_qty": 1})
            ],
            **vals,
        )
        order.action_confirm()
        order.date_order = fields.Datetime.now() - timedelta(days=days)
        return partner, order

    def _alarm(self):
        self._complaints(3, fields.Datetime.to_string(fields.Datetime.now()))
        return self._alarms()

    def test_the_other_buyers_are_those_who_bought_it_lately_and_did_not_complain(self):
        nina, _order = self._buyer("Nina")
        self._buyer("Long ago", days=800)
        self._buyer("Another product", product=self.hob)
        cancelled = self._buyer("Cancelled")[1]
        cancelled._action_cancel()
        self._order(partner=self.env["res.partner"].create({"name": "Only asked"}))
        self._confirmed()  # who complained
        alarm = self._alarm()
        self.assertEqual(alarm.with_user(self.leader)._other_buyers(), nina)
        self.assertEqual(alarm.with_user(self.leader).buyer_count, 1)
        listed = alarm.with_user(self.leader).action_open_buyers()
        self.assertEqual(self.env["res.partner"].search(listed["domain"]), nina)

    def test_the_other_buyers_are_called_once(self):
        _nina, order = self._buyer("Nina")
        alarm = self._alarm().with_user(self.leader)
        alarm.buyer_question = "Does the door close?"
        for _n in range(2):
            alarm.action_plan_followups()
        call = alarm.sudo().followup_ids
        self.assertEqual(len(call), 1)
        self.assertEqual(call.journey_id, self._journey(order))
        self.assertEqual(call.user_id, self.rep)
        self.assertEqual(call.name, "Does the door close?")
        self.assertGreater(call.date_due, fields.Date.today())
        self.assertIn(alarm.name, call.explanation)
        self.assertNotIn("by hand", call.explanation)
        call.outcome_id = self.env.ref("customer_care.outcome_no_answer")
        call.with_user(self.rep).action_done()
        self.assertEqual(alarm.sudo().followup_ids.mapped("occurrence_try"), [1, 2])
        alarm.sudo().unlink()
        call.invalidate_recordset()
        self.assertIn("An action that is gone", call.explanation)

    def test_no_buyer_is_cut_off_however_many_they_are(self):
        orders = self.env["sale.order"].union(
            *(self._buyer(f"Buyer {number}")[1] for number in range(5))
        )
        alone = self._buyer("Without a journey")[1]
        self._journey(alone).unlink()
        alarm = self._alarm().with_user(self.leader)
        self.assertEqual(alarm.buyer_count, 6)
        listed = self.env["res.partner"].search(alarm.action_open_buyers()["domain"])
        self.assertEqual(listed, (orders | alone).partner_id)
        with patch("odoo.addons.customer_care.models.care_action_buyers.BUYERS_BATCH", 2):
            for _n in range(2):
                alarm.action_plan_followups()
        self.assertEqual(
            alarm.sudo().followup_ids.journey_id,
            self.env["care.journey"].union(*(self._journey(order) for order in orders)),
        )
        self.assertEqual(len(alarm.sudo().followup_ids), 5)

    def test_a_later_order_without_a_journey_hides_no_earlier_one(self):
        nina, first = self._buyer("Nina", days=20)
        second = self._order(partner=nina)
        second.action_confirm()
        self._journey(second).unlink()
        alarm = self._alarm().with_user(self.leader)
        alarm.action_plan_followups()
        self.assertEqual(alarm.sudo().followup_ids.journey_id, self._journey(first))

    def test_an_alarm_on_a_category_asks_for_the_buyers_of_its_products(self):
        nina, _order = self._buyer("Nina", product=self.hob)
        self._complaints(
            3,
            fields.Datetime.to_string(fields.Datetime.now()),
            category_id=self.category.id,
            product_id=self.hob.id,
        )
        alarm = self._alarms().filtered("category_id")
        self.assertEqual(alarm._other_buyers(), nina)

    def test_who_may_not_work_on_the_action_is_told_no_buyers(self):
        self._buyer("Nina")
        alarm = self._alarm()
        reader = alarm.with_user(self.agent)  # of the team: reads
        self.assertEqual(reader.buyer_count, 0)
        for method in ("action_open_buyers", "action_plan_followups"):
            with self.assertRaises(UserError):
                getattr(reader, method)()
        self.assertFalse(alarm.followup_ids)

    def test_nobody_else_bought_it(self):
        alarm = self._alarm().with_user(self.leader)
        with self.assertRaises(UserError):
            alarm.action_open_buyers()

    def test_what_an_alarm_is_about_stays(self):
        alarm = self._alarm().with_user(self.leader)
        with self.assertRaises(UserError):
            alarm.product_tmpl_id = self.hob.product_tmpl_id
        cause = self.env["care.cause"].create({"name": "Heater", "company_id": self.company.id})
        alarm.cause_id = cause
        self.assertEqual(alarm.cause_id, cause)
