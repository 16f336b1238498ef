from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import MONDAY_9, MONDAY_10, MONDAY_13, TUESDAY_10, SlaCase

WEDNESDAY_10 = "2026-11-25 09:00:00"


@tagged("post_install", "-at_install")
class TestJourneys(SlaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.promises = cls._sla(
            [
                ("contact", "any", "hours", 4),
                ("delivery", "any", "date", 0),
                ("enquiry", "any", "hours", 2),
                ("quotation", "any", "days", 1),
            ],
            name="After the sale",
            about="care.journey",
        )

    def _sold(self, moment=MONDAY_9, **vals):
        """An order confirmed at a moment, and its journey."""
        with self._at(moment):
            journey = self._journey(self._confirmed(**vals))
            self.env.flush_all()
        return journey

    def _enquiry(self, moment=MONDAY_9):
        """A journey of before the sale, as an opportunity begins one."""
        with self._at(moment):
            journey = self.env["care.journey"]._begin(
                [
                    {
                        "name": "An oven",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "type_id": self.journey_type.id,
                        "delivery_state": "none",
                    }
                ]
            )
            journey._care_event("opportunity_created")
        return journey

    def _of(self, journey, measure="contact"):
        return journey.clock_ids.filtered(lambda clock: clock.measure == measure).sorted("cycle")

    def test_the_first_contact_after_the_sale_counts_from_the_confirmed_order(self):
        clock = self._of(self._sold())
        self.assertEqual(clock.started_at, self._utc(MONDAY_9))
        self.assertEqual(clock.due_at, self._utc(MONDAY_13))
        self.assertEqual(clock.policy_id, self.promises)

    def test_a_message_on_the_journey_or_its_order_is_a_contact(self):
        for on in ("journey", "order"):
            journey = self._sold()
            record = journey if on == "journey" else journey.order_id
            with self._at(MONDAY_10):
                record.with_user(self.manager).message_post(body="A note")
                self.assertEqual(self._of(journey).state, "running", "a note is none")
                record.message_post(
                    body="Thanks",
                    author_id=self.customer.id,
                    message_type="comment",
                    subtype_xmlid="mail.mt_comment",
                )
                self.assertEqual(self._of(journey).state, "running", "the customer's is none")
                record.with_user(self.manager).message_post(
                    body="Welcome", message_type="comment", subtype_xmlid="mail.mt_comment"
                )
            clock = self._of(journey)
            self.assertEqual((clock.state, clock.met_by_id), ("met", self.manager), on)
            self.assertEqual(clock.stopped_at, self._utc(MONDAY_10))

    def test_a_message_in_the_name_of_somebody_else_is_no_contact(self):
        journey = self._sold()
        for record in (journey, journey.order_id):
            with self._at(MONDAY_10):
                record.with_user(self.manager).message_post(
                    body="Welcome",
                    author_id=self.rep.partner_id.id,
                    message_type="comment",
                    subtype_xmlid="mail.mt_comment",
                )
            self.assertEqual(self._of(journey).state, "running", record._name)

    def test_the_mail_that_confirms_the_order_is_no_contact(self):
        journey = self._sold()
        with self._at(MONDAY_10):
            journey.order_id._send_order_notification_mail(
                self.env.ref("sale.mail_template_sale_confirmation")
            )
        self.assertEqual(self._of(journey).state, "running")

    def test_a_logged_call_is_a_contact(self):
        journey = self._sold()
        call = self.env["mail.activity"].create(
            {
                "res_model_id": self.env["ir.model"]._get_id("sale.order"),
                "res_id": journey.order_id.id,
                "activity_type_id": self.env.ref("mail.mail_activity_data_call").id,
                "user_id": self.manager.id,
            }
        )
        with self._at(MONDAY_10):
            call.with_user(self.manager)._action_done()
        self.assertEqual(self._of(journey).met_by_id, self.manager)

    def test_a_followup_is_a_contact_unless_nobody_answered(self):
        self._policy()
        outcomes = self.env["care.outcome"]
        again = outcomes.create(
            {"name": "Nobody", "consequence": "again", "retry_days": 1, "retry_max": 3}
        )
        fine = outcomes.create({"name": "Fine"})
        journey = self._sold()
        self._run("care.followup")
        with self._at(MONDAY_10):
            first = journey.followup_ids
            first.with_user(first.user_id).write({"outcome_id": again.id})
            first.with_user(first.user_id)._finish()
            self.assertEqual(self._of(journey).state, "running")
        other = self._sold()
        with self._at(MONDAY_10):
            second = other.followup_ids
            second.with_user(second.user_id).write({"outcome_id": fine.id})
            second.with_user(second.user_id)._finish()
        self.assertEqual(self._of(other).state, "met")
        self.assertEqual(self._of(other).met_by_id, second.user_id)

    def test_a_delivery_is_due_on_the_date_itself_and_kept_when_all_has_arrived(self):
        journey = self._sold(commitment_date="2026-11-24 22:30:00")
        clock = self._of(journey, "delivery")
        self.assertEqual(clock.due_at, self._utc("2026-11-24 22:30:00"), "at night, too")
        with self._at(WEDNESDAY_10):
            journey.order_id.order_line.qty_delivered = 1
            self.env.flush_all()
            self.env.cr.precommit.run()
        self.assertEqual(clock.state, "met")
        self.assertEqual(clock.breached_at, self._utc("2026-11-24 22:30:00"))

    def test_an_order_without_a_date_promises_no_delivery_until_it_has_one(self):
        journey = self._sold()
        self.assertFalse(self._of(journey, "delivery"))
        with self._at(MONDAY_10):
            journey.order_id.commitment_date = WEDNESDAY_10
        clock = self._of(journey, "delivery")
        self.assertEqual(clock.due_at, self._utc(WEDNESDAY_10))
        with self._at(MONDAY_10):
            journey.order_id.commitment_date = False
        self.assertEqual(clock.state, "cancelled")
        with self._at(MONDAY_10):
            journey.order_id.commitment_date = WEDNESDAY_10
        self.assertEqual(self._of(journey, "delivery").mapped("state"), ["cancelled", "running"])

    def test_another_date_moves_what_is_due_and_mends_no_breach(self):
        journey = self._sold(commitment_date=TUESDAY_10)
        clock = self._of(journey, "delivery")
        with self._at(MONDAY_10):
            journey.order_id.commitment_date = WEDNESDAY_10
        self.assertEqual(clock.due_at, self._utc(WEDNESDAY_10))
        self.assertEqual(clock.first_due_at, self._utc(TUESDAY_10))
        self.assertFalse(clock.breached_at)
        with self._at("2026-11-26 09:00:00"):
            journey.order_id.commitment_date = "2026-11-27 09:00:00"
        self.assertEqual(clock.breached_at, self._utc(WEDNESDAY_10))

    def test_a_cancelled_order_ends_what_was_promised_and_a_new_one_promises_anew(self):
        journey = self._sold(commitment_date=WEDNESDAY_10)
        with self._at(MONDAY_10):
            journey.order_id._action_cancel()
            self.env.flush_all()
        self.assertEqual(set(journey.clock_ids.mapped("state")), {"cancelled"})
        with self._at(TUESDAY_10):
            journey.order_id.action_draft()
            journey.order_id.action_confirm()
            self.env.flush_all()
        clocks = self._of(journey)
        self.assertEqual(clocks.mapped("state"), ["cancelled", "running"])
        self.assertEqual(clocks[-1].started_at, self._utc(TUESDAY_10))

    def test_time_in_stage_is_promised_at_each_entry_and_stands_still_while_we_wait(self):
        self.promises.target_ids = [
            Command.create(
                {"measure": "stage", "stage_category": "open", "kind": "hours", "amount": 8}
            ),
        ]
        self.promises.pause_third_party = True
        journey = self._sold()
        first = self._of(journey, "stage")
        self.assertEqual(first.due_at, self._utc("2026-11-23 16:00:00"))
        later = journey.type_id.stage_ids.filtered(
            lambda stage: stage.category == "open" and stage != journey.stage_id
        )[:1]
        with self._at(MONDAY_10):
            journey._enter_stage(later)
        clocks = self._of(journey, "stage")
        self.assertEqual(clocks.mapped("state"), ["met", "running"])
        self.assertEqual(clocks[-1].started_at, self._utc(MONDAY_10))
        with self._at(TUESDAY_10):
            journey._enter_stage(
                journey.type_id.stage_ids.filtered(lambda stage: stage.category == "closed")[:1]
            )
        self.assertEqual(set(self._of(journey, "stage").mapped("state")), {"met"})

    def test_an_enquiry_and_its_quotation_count_from_the_opportunity(self):
        journey = self._enquiry()
        self.assertEqual(self._of(journey, "enquiry").due_at, self._utc("2026-11-23 10:00:00"))
        self.assertEqual(self._of(journey, "quotation").due_at, self._utc("2026-11-24 08:00:00"))
        with self._at("2026-11-23 08:30:00"):
            journey.with_user(self.manager).message_post(
                body="Which one?", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
        self.assertEqual(self._of(journey, "enquiry").state, "met")
        self.assertEqual(self._of(journey, "quotation").state, "running")
        with self._at(MONDAY_10):
            journey._care_event("order_confirmed")
        self.assertEqual(self._of(journey, "quotation").state, "met")

    def test_levels_of_journeys_tell_their_people(self):
        self.promises.level_ids = [
            Command.clear(),
            Command.create({"timing": "at", "tell": "owner"}),
            Command.create(
                {
                    "timing": "at",
                    "action": "reassign",
                    "assign_to": "user",
                    "user_id": self.manager.id,
                }
            ),
        ]
        journey = self._sold()
        seller = journey.owner_id
        self._cron_at("2026-11-23 12:01:00")
        activity = journey.activity_ids.filtered(lambda a: "First contact" in (a.summary or ""))
        self.assertEqual(activity.user_id, seller)
        self.assertEqual(journey.owner_id, self.manager)

    def test_journeys_that_are_there_are_counted_and_get_what_is_still_to_be_done(self):
        self.promises.active = False
        ahead = {"commitment_date": "2026-11-27 12:00:00"}
        fresh, contacted, called = (self._sold(**ahead) for _journey in range(3))
        overdue = self._sold(commitment_date="2026-11-23 12:00:00")
        enquiry, over = self._enquiry(), self._sold()
        over.order_id._action_cancel()
        with self._at(MONDAY_10):
            for journey in (contacted, overdue):
                journey.order_id.with_user(self.manager).message_post(
                    body="Welcome", message_type="comment", subtype_xmlid="mail.mt_comment"
                )
            self.env["mail.activity"].create(
                {
                    "res_model_id": self.env["ir.model"]._get_id("care.journey"),
                    "res_id": called.id,
                    "activity_type_id": self.env.ref("mail.mail_activity_data_call").id,
                    "user_id": self.manager.id,
                }
            ).with_user(self.manager)._action_done()
        self.promises.active = True
        every = fresh | contacted | called | overdue | enquiry | over
        self.assertFalse(every.clock_ids)
        with self._at(TUESDAY_10):
            action = self.promises.with_user(self.manager).action_apply()
            row = self.env["care.sla.apply"].with_user(self.manager).browse(action["res_id"])
            self.assertGreaterEqual(row.new_count, 5)
            row.also_new = True
            row.action_start()
            self._run("care.sla.apply")
        self.env.invalidate_all()
        self.assertEqual(row.state, "done")
        self.assertEqual(
            [set(journey.clock_ids.mapped("measure")) for journey in every],
            [
                {"contact", "delivery"},
                {"delivery"},
                {"delivery"},
                set(),
                {"enquiry", "quotation"},
                set(),
            ],
        )
        self.assertEqual(set(every.clock_ids.mapped("started_at")), {self._utc(TUESDAY_10)})
        self._cron_at(TUESDAY_10)
        self.assertFalse(any(every.clock_ids.mapped("is_late")))
        self.assertFalse(every.clock_ids.alert_ids, "nobody is told of the past")

    def test_another_team_customer_or_tier_changes_what_a_journey_is_promised(self):
        journey = self._enquiry()
        clock = self._of(journey, "enquiry")
        self.assertEqual(clock.seconds, 2 * 3600)
        tier = self.env["care.tier"].create({"name": "Founders"})
        self._sla(
            [("enquiry", "any", "hours", 1)],
            name="Founders",
            about="care.journey",
            tier_ids=tier.ids,
        )
        with self._at(MONDAY_9):
            self.customer.with_company(self.company).care_tier_id = tier
            self.assertEqual(clock.seconds, 3600)
            self.customer.with_company(self.company).care_tier_id = False
            self.assertEqual(clock.seconds, 2 * 3600)
            hours = self.company.resource_calendar_id.copy({"name": "Late"})
            hours.attendance_ids.hour_from = 12
            team = self.team.copy({"name": "Late", "calendar_id": hours.id})
            journey.team_id = team
            self.assertEqual(clock.worktime_id.calendar_id, hours)
            self.assertEqual(clock.started_at, self._utc(MONDAY_9))

    def test_many_tiers_change_in_as_many_searches_as_one(self):
        partners = self.env["res.partner"].create([{"name": f"P{n}"} for n in range(20)])
        reconsider = self.env["care.profile"]._reconsider_customers
        self.env.flush_all()

        def cost(customers):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            reconsider([(partner, self.company) for partner in customers])
            return self.env.cr.sql_log_count - before

        cost(partners[:1])
        self.assertLessEqual(cost(partners), cost(partners[:1]))

    def test_policies_of_journeys_and_of_cases_keep_to_themselves(self):
        self.assertEqual(
            set(self._case_at(MONDAY_9).clock_ids.mapped("measure")),
            {"first_response", "resolution"},
        )
        for vals in (
            {"measure": "first_response", "kind": "hours"},
            {"measure": "contact", "severity": "3", "kind": "hours"},
            {"measure": "delivery", "kind": "hours"},
        ):
            self.promises.target_ids.filtered(lambda t: t.measure == "delivery").unlink()
            with self.assertRaises(ValidationError), self.cr.savepoint():
                self.promises.target_ids = [Command.create(vals)]
        with self.assertRaises(ValidationError), self.cr.savepoint():
            self.promises.about = "care.case"
        with self.assertRaises(ValidationError), self.cr.savepoint():
            self.promises.level_ids = [Command.create({"timing": "at", "action": "severity"})]

    def test_a_policy_of_journeys_is_filtered_by_what_journeys_have(self):
        self.promises.filter_domain = "[('order_id.amount_total', '>', 1000)]"
        self.assertFalse(self._of(self._sold()))
        lines = [Command.create({"product_id": self.product.id, "product_uom_qty": 2})]
        self.assertTrue(self._of(self._sold(order_line=lines)))
        with self.assertRaises(ValidationError):
            self.promises.filter_domain = "[('severity', '=', '1')]"

    def test_orders_of_before_the_start_promise_nothing(self):
        self.company.care_start_date = fields.Date.to_date("2026-11-23") + timedelta(days=30)
        self.assertFalse(self._sold().clock_ids)

    def test_who_sees_a_journey_sees_its_promises_and_nobody_else(self):
        journey = self._sold()
        clock = self._of(journey)
        self._cron_at(TUESDAY_10)
        self.assertTrue(clock.alert_ids)
        stranger = self._user("care_stranger", "customer_care.group_agent")
        for user in (self.rep, self.manager):
            self.assertIn(clock, clock.with_user(user).search([]))
            clock.with_user(user).read(["due_at"])
            clock.alert_ids.with_user(user).read(["summary"])
        for record in (clock, clock.alert_ids):
            with self.assertRaises(AccessError):
                record.with_user(stranger).read(["company_id"])
        with self.assertRaises(AccessError):
            clock.with_user(self.rep).write({"due_at": WEDNESDAY_10})
        with self.assertRaises(AccessError):
            journey.with_user(self.rep).write(
                {"clock_ids": [Command.update(clock.id, {"state": "met"})]}
            )
