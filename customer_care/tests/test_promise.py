"""Promises: what, to whom, by when; kept, late or broken by the clock."""

import random
from datetime import datetime, timedelta

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import CareCase

#: A Monday, ten in the morning in Brussels.
MONDAY = datetime(2030, 3, 4, 9, 0)


@tagged("post_install", "-at_install")
class TestPromise(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.order = cls._confirmed()
        cls.journey = cls.env["care.journey"].search([("order_id", "=", cls.order.id)])
        cls.journey.team_id = cls.team

    def _promise(self, user=None, **vals):
        """Promised on the journey; by default by its owner, for Monday evening."""
        promises = self.env["care.promise"].with_user(user or self.rep)
        return promises.create(
            {
                "name": "Bring the missing shelf",
                "partner_id": self.customer.id,
                "journey_id": self.journey.id,
                "date_due": MONDAY.date(),
                **vals,
            }
        )

    def _due(self, moment):
        """Let the engine do what is due at ``moment``."""
        with self._at(moment):
            self.env["care.promise"].sudo().search([("next_at", "<=", moment)])._run_guarded()
            self.env.flush_all()
        self.env.invalidate_all()

    def _activities(self, promise):
        return self.env["mail.activity"].search(
            [("res_model", "=", "care.promise"), ("res_id", "=", promise.id)]
        )

    # ------------------------------------------------------------
    # Kept, late, broken
    # ------------------------------------------------------------

    def test_what_became_of_a_promise_follows_from_the_times(self):
        """Due on Monday evening; three working days later it is Thursday, by closing time."""
        with self._at(MONDAY - timedelta(days=3)):
            promise = self._promise(hour_due=15)
        self.assertEqual(promise.due_at, datetime(2030, 3, 4, 14, 0))  # in Brussels
        self.assertEqual(promise.break_at, datetime(2030, 3, 7, 14, 0))
        for moment, status in (
            (promise.due_at, "kept"),
            (promise.due_at + timedelta(seconds=1), "late"),
            (promise.break_at - timedelta(seconds=1), "late"),
            (promise.break_at, "broken"),
        ):
            with self.subTest(moment), self._at(moment):
                one = promise.sudo().copy({"due_at": promise.due_at, "break_at": promise.break_at})
                one.write({"due_at": promise.due_at, "break_at": promise.break_at})
                one.invalidate_recordset()
                self.assertEqual(one.status, "broken" if status == "broken" else "open")
                one.with_user(self.rep).action_keep()
                self.assertEqual(one.status, status)
                self.assertEqual(one.done_at, moment)

    def test_at_any_time_each_promise_has_one_state_and_is_found_by_it(self):
        """Property: over random times, the state, its filter and the definition agree."""
        rng = random.Random(7)
        promises = self.env["care.promise"]
        definition = {}
        with self._at(MONDAY - timedelta(days=10)):
            for _n in range(40):
                day = (MONDAY + timedelta(days=rng.randrange(12))).date()
                promises |= self._promise(date_due=day, hour_due=rng.randrange(0, 24))
        events = sorted(
            (MONDAY + timedelta(minutes=rng.randrange(25 * 1440)), rng.random(), promise)
            for promise in promises
        )
        for moment, draw, promise in events:
            with self._at(moment):
                self.env.invalidate_all()
                if draw < 0.3:
                    self.env["care.promise"].sudo().search(
                        [("next_at", "<=", moment)]
                    )._run_guarded()
                if draw < 0.6:
                    promise.with_user(self.rep).action_keep()
                    definition[promise] = (
                        "kept"
                        if moment <= promise.due_at
                        else "late"
                        if moment < promise.break_at
                        else "broken"
                    )
                elif draw < 0.7 and moment < promise.break_at:
                    promise.with_user(self.rep).note = "No van"
                    promise.with_user(self.rep).action_break()
                    definition[promise] = "broken"
                self.env.flush_all()
                self.env.invalidate_all()
                for one in promises:
                    expected = definition.get(one, "broken" if one.break_at <= moment else "open")
                    self.assertEqual(one.status, expected)
                for status in ("open", "kept", "late", "broken"):
                    self.assertEqual(
                        promises.search([("id", "in", promises.ids), ("status", "=", status)]),
                        promises.filtered(lambda one, s=status: one.status == s).sorted(
                            lambda one: (one.due_at, one.id)
                        ),
                    )

    def test_what_is_broken_stays_broken_when_it_is_done_in_the_end(self):
        promise = self._promise()
        self._due(promise.break_at)
        with self._at(promise.break_at + timedelta(days=1)):
            promise.action_keep()
            self.assertEqual(promise.status, "broken")
            self.assertTrue(promise.done_at)

    def test_a_day_is_a_day_of_the_person_who_promised(self):
        self.rep.tz = "Asia/Kolkata"
        promise = self._promise()
        self.assertEqual(promise.due_at, datetime(2030, 3, 4, 18, 29, 59))
        self.assertEqual(promise.next_at, datetime(2030, 3, 3, 18, 30))

    def test_the_grace_is_the_companys_and_counts_working_days(self):
        self.company.care_promise_grace_days = 1
        self.assertEqual(
            self._promise(date_due="2030-03-08", hour_due=12).break_at,
            datetime(2030, 3, 11, 11, 0),  # Friday to Monday
        )
        self.company.care_promise_grace_days = 0
        promise = self._promise(hour_due=12)
        self.assertEqual(promise.break_at, promise.due_at)

    def test_the_persons_own_leave_does_not_count_as_grace(self):
        """As for follow-ups: due on Monday, away on Tuesday and Wednesday."""
        self.company.care_promise_grace_days = 1
        resource = self.env["resource.resource"].create(
            {"name": "Rep", "user_id": self.rep.id, "company_id": self.company.id}
        )
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Away",
                "resource_id": resource.id,
                "company_id": self.company.id,
                "time_type": "leave",
                "date_from": datetime(2030, 3, 4, 23, 0),
                "date_to": datetime(2030, 3, 6, 22, 59, 59),
            }
        )
        self.assertEqual(self._promise(hour_due=12).break_at, datetime(2030, 3, 7, 11, 0))

    # ------------------------------------------------------------
    # Reminder and leader
    # ------------------------------------------------------------

    def test_on_the_morning_it_is_due_the_person_is_reminded_once_in_their_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        activity_type = self.env.ref("customer_care.mail_activity_type_promise")
        activity_type.with_context(lang="fr_FR").summary = "Nous avons promis"
        self.rep.lang = "fr_FR"
        promise = self._promise()
        self._due(promise.next_at - timedelta(minutes=1))
        self.assertFalse(self._activities(promise))
        for _again in range(2):
            self._due(promise.next_at)
            if promise.next_at == promise.break_at:
                break
        activity = self._activities(promise)
        self.assertEqual(len(activity), 1)
        self.assertEqual(activity.user_id, self.rep)
        self.assertEqual(activity.date_deadline, MONDAY.date())
        self.assertEqual(activity.summary, "Nous avons promis: Bring the missing shelf")
        self.assertEqual(promise.next_at, promise.break_at)

    def test_the_leader_is_told_once_when_it_is_broken(self):
        promise = self._promise()
        self._due(promise.next_at)
        for _again in range(3):
            self._due(promise.break_at + timedelta(hours=1))
        told = self._activities(promise).filtered(lambda a: a.user_id == self.leader)
        self.assertEqual(len(told), 1)
        self.assertEqual(
            told.activity_type_id,
            self.env.ref("customer_care.mail_activity_type_promise_broken"),
        )
        self.assertFalse(promise.next_at)
        self.assertEqual(promise.result, "broken")

    def test_who_is_told_in_the_leaders_place_reads_it_and_makes_it_a_case(self):
        stand_in = self._user("care_stand_in", "customer_care.group_agent")
        promise, other = self._promise(), self._promise(name="Call on Friday")
        self.leader.write({"out_of_office_from": MONDAY, "care_substitute_id": stand_in.id})
        mine = promise.sudo().with_user(stand_in)
        self.assertFalse(mine.has_access("read"))
        with self.assertRaises(AccessError):
            promise.write({"told_id": self.rep.id})
        self._due(promise.break_at + timedelta(hours=1))
        self.assertEqual(self._activities(promise).user_id, stand_in)
        self.assertIn(promise, mine.search([("id", "in", (promise | other).ids)]).sudo())
        with self._at(promise.break_at + timedelta(hours=2)):
            mine.action_open_case()
        self.assertTrue(self.env["care.case"].search([("promise_id", "=", promise.id)]))
        with self.assertRaisesRegex(UserError, "is over"):
            mine.name = "Something else"

    def test_who_says_that_it_cannot_be_kept_says_why_and_the_leader_is_told(self):
        promise = self._promise()
        with self.assertRaises(UserError):
            promise.action_break()
        promise.note = "The shelf is not made any more."
        promise.action_break()
        self.assertEqual(promise.status, "broken")
        self._due(promise.next_at)
        self._due(promise.break_at + timedelta(days=9))
        self.assertEqual(
            self._activities(promise).mapped("user_id"), self.leader, "and the person no more"
        )

    def test_one_that_was_kept_reminds_nobody(self):
        promise = self._promise()
        promise.action_keep()
        self._due(promise.break_at + timedelta(days=9))
        self.assertFalse(self._activities(promise))

    def test_one_done_after_it_broke_unnoticed_is_told_to_the_leader_all_the_same(self):
        promise = self._promise()
        with self._at(promise.break_at + timedelta(hours=1)):
            promise.action_keep()
        self._due(promise.break_at + timedelta(hours=2))
        self.assertEqual(self._activities(promise).user_id, self.leader)

    def test_the_reminder_ticked_off_anywhere_says_that_it_is_kept(self):
        promise = self._promise()
        self._due(promise.next_at)
        with self._at(MONDAY):
            self._activities(promise).with_user(self.rep)._action_done(feedback="Brought it")
        self.assertEqual(promise.status, "kept")
        self.assertEqual(promise.note, "Brought it")
        self.assertEqual(promise.done_by_id, self.rep)

    def test_keeping_it_ticks_off_the_reminder(self):
        promise = self._promise()
        self._due(promise.next_at)
        with self._at(MONDAY):
            promise.action_keep()
        self.assertFalse(self._activities(promise))

    def test_moved_to_another_day_it_reminds_on_that_day(self):
        promise = self._promise()
        promise.date_due = "2030-03-06"
        self.assertEqual(promise.due_at.date().isoformat(), "2030-03-06")
        self._due(MONDAY)
        self.assertFalse(self._activities(promise))
        self._due(promise.next_at)
        self.assertEqual(self._activities(promise).date_deadline.isoformat(), "2030-03-06")
        promise.date_due = "2030-03-07"
        self._due(datetime(2030, 3, 7, 8))
        activity = self._activities(promise)
        self.assertEqual(len(activity), 1, "one reminder, which moved along")
        self.assertEqual(activity.date_deadline.isoformat(), "2030-03-07")

    def test_a_promise_whose_time_has_passed_cannot_be_moved_away(self):
        promise = self._promise()
        with self._at(promise.due_at + timedelta(minutes=1)):
            self.env.invalidate_all()
            with self.assertRaises(UserError):
                promise.date_due = "2030-03-20"
            promise.with_user(self.leader).date_due = "2030-03-20"

    def test_only_what_is_not_due_yet_can_be_deleted_by_who_promised_it(self):
        self._promise().unlink()
        promise = self._promise()
        with self._at(promise.due_at):
            self.env.invalidate_all()
            with self.assertRaises(UserError):
                promise.unlink()
            self.assertTrue(promise.exists())
            promise.with_user(self.leader).unlink()
        self.assertFalse(promise.exists())

    def test_nobody_gives_a_promise_away_but_the_leader(self):
        promise = self._promise()
        for moment in (promise.due_at - timedelta(hours=1), promise.due_at):
            with self.subTest(moment), self._at(moment):
                self.env.invalidate_all()
                with self.assertRaises(UserError):
                    promise.user_id = self.agent
                promise.user_id = self.rep  # as it is
        self.assertEqual(promise.user_id, self.rep)
        promise.with_user(self.leader).user_id = self.agent
        self.assertEqual(promise.user_id, self.agent)

    def test_the_owner_of_the_journey_takes_a_promise_over_only_before_it_is_due(self):
        promise = self._promise()
        promise.with_user(self.leader).user_id = self.agent
        with self._at(promise.due_at):
            self.env.invalidate_all()
            with self.assertRaises(UserError):
                promise.user_id = self.rep  # whose journey it is
        promise.user_id = self.rep
        self.assertEqual(promise.user_id, self.rep)

    def test_nothing_is_promised_for_a_time_that_has_passed(self):
        with self.assertRaises(UserError):
            self._promise(date_due="2020-01-01")

    def test_over_it_stays_as_it_was_promised(self):
        promise = self._promise()
        promise.action_keep()
        for vals in ({"name": "x"}, {"date_due": "2031-01-01"}, {"user_id": self.agent.id}):
            with self.subTest(vals), self.assertRaises(UserError):
                promise.write(vals)
        with self.assertRaises(UserError):
            promise.action_keep()
        with self.assertRaises(UserError):
            promise.unlink()

    # ------------------------------------------------------------
    # Nobody is dropped
    # ------------------------------------------------------------

    def test_what_an_archived_user_promised_goes_to_who_stands_in(self):
        promise = self._promise()
        done = self._promise()
        done.action_keep()
        self._due(promise.next_at)
        self.rep.care_substitute_id = self.agent
        self.rep.action_archive()
        self.assertEqual(promise.user_id, self.agent)
        self.assertEqual(self._activities(promise).user_id, self.agent)
        self.assertEqual(done.user_id, self.rep)

    def test_who_is_out_of_office_is_not_reminded_but_who_stands_in(self):
        promise = self._promise(user_id=self.rep.id)
        self.rep.care_substitute_id = self.agent
        self.patch(type(self.env["res.users"]), "is_out_of_office", _Away(self.rep.id))
        self._due(promise.next_at)
        self.assertEqual(promise.user_id, self.agent)
        self.assertEqual(self._activities(promise).user_id, self.agent)

    def test_who_has_the_day_off_on_which_it_is_due_is_not_reminded_but_who_stands_in(self):
        promise = self._promise(user_id=self.rep.id)
        self.rep.care_substitute_id = self.agent
        resource = self.env["resource.resource"].create(
            {"name": "Rep", "user_id": self.rep.id, "company_id": self.company.id}
        )
        self.env["resource.calendar.leaves"].create(
            {
                "resource_id": resource.id,
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": "2030-03-04 08:00:00",
                "date_to": "2030-03-04 16:00:00",
            }
        )
        self._due(promise.next_at)
        self.assertEqual(promise.user_id, self.agent)
        self.assertEqual(self._activities(promise).user_id, self.agent)

    # ------------------------------------------------------------
    # A cancelled order
    # ------------------------------------------------------------

    def test_a_cancelled_order_ends_what_was_promised_about_it(self):
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask", "journey_id": self.journey.id})
        )
        about = {"journey_id": False}
        open_ones = (
            self._promise()
            | self._promise(**about, order_id=self.order.id)
            | self._promise(**about, followup_id=followup.id)
        )
        kept = self._promise()
        kept.action_keep()
        broken = self._promise(note="No van")
        broken.action_break()
        elsewhere = self._promise(**about)
        promise = open_ones[0]
        self._due(promise.next_at)
        self.assertTrue(self._activities(promise))
        self.order._action_cancel()
        self.assertEqual(set(open_ones.mapped("status")), {"cancelled"})
        self.assertEqual(set(open_ones.mapped("due_group")), {"over"})
        self.assertFalse(any(open_ones.mapped("next_at")))
        self.assertFalse(self._activities(promise), "out of the person's activities")
        self.assertEqual((kept | broken | elsewhere).mapped("status"), ["kept", "broken", "open"])
        self._due(promise.break_at + timedelta(days=9))
        self.assertFalse(self._activities(promise))
        self.assertEqual(set(open_ones.mapped("status")), {"cancelled"})
        found = self.env["care.promise"].search(
            [("status", "=", "cancelled"), ("partner_id", "=", self.customer.id)]
        )
        self.assertEqual(found, open_ones.sudo().sorted())
        self.assertFalse(
            self.env["care.promise"].search(
                [("status", "in", ["open", "broken"]), ("id", "in", open_ones.ids)]
            )
        )
        for gesture in ("action_open_case", "action_keep", "unlink"):
            with self.subTest(gesture), self.assertRaises(UserError):
                getattr(promise, gesture)()
        with self.assertRaises(UserError):
            promise.date_due = "2031-01-01"

    def test_a_cancelled_order_without_a_journey_ends_its_promises_too(self):
        order = self._order()
        promise = self._promise(journey_id=False, order_id=order.id)
        order._action_cancel()
        self.assertEqual(promise.status, "cancelled")

    def test_what_was_broken_before_the_order_was_cancelled_stays_broken(self):
        promise = self._promise()
        with self._at(promise.break_at):
            self.env.invalidate_all()
            self.order._action_cancel()
            self.assertEqual(promise.status, "broken")

    def test_orders_cancelled_together_end_their_promises_in_one_go(self):
        def cost(number):
            orders = self.env["sale.order"].browse()
            for _n in range(number):
                orders |= self._order()
            self.env["care.promise"].create(
                [
                    {
                        "name": "Bring it",
                        "partner_id": self.customer.id,
                        "order_id": order.id,
                        "user_id": self.rep.id,
                        "date_due": MONDAY.date(),
                    }
                    for order in orders
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.env["care.promise"].sudo()._no_longer_due(self.journey.browse(), orders)
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        cost(2)
        self.assertLessEqual(cost(12), cost(3) + 1)

    # ------------------------------------------------------------
    # Made from any screen in two fields
    # ------------------------------------------------------------

    def test_from_every_screen_two_fields_make_a_promise(self):
        case = self._case(owner_id=self.agent.id)
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask", "journey_id": self.journey.id})
        )
        for record, user, link in (
            (self.journey, self.rep, "journey_id"),
            (case, self.agent, "case_id"),
            (followup, self.rep, "followup_id"),
            (self.order, self.rep, "order_id"),
            (self.customer, self.agent, None),
        ):
            with self.subTest(record):
                action = record.with_user(user).action_care_promise()
                promises = self.env["care.promise"].with_user(user)
                form = Form(promises.with_context(**action["context"]), view=action["views"][0][0])
                form.name = "Call back"
                form.date_due = MONDAY.date()
                promise = form.save()
                self.assertEqual(promise.partner_id, self.customer)
                self.assertEqual(promise.user_id, user)
                self.assertEqual(promise.company_id, self.company)
                self.assertTrue(promise.team_id)
                if link:
                    self.assertEqual(promise[link], record)

    def test_what_is_promised_on_the_phone_is_written_down_with_the_outcome(self):
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask", "journey_id": self.journey.id})
        )
        view = self.env.ref("customer_care.care_followup_view_form_done")
        with Form(followup, view=view) as form:
            form.outcome_id = self.env.ref("customer_care.outcome_satisfied")
            form.promise_name = "Send the manual"
            form.promise_date = MONDAY.date()
        followup.action_done()
        promise = self.env["care.promise"].search([("followup_id", "=", followup.id)])
        self.assertEqual(promise.name, "Send the manual")
        self.assertEqual(promise.date_due, MONDAY.date())
        self.assertEqual(promise.user_id, self.rep)
        self.assertEqual(promise.partner_id, self.customer)

    # ------------------------------------------------------------
    # A broken one is offered as a case, once
    # ------------------------------------------------------------

    def test_a_broken_promise_opens_one_case_that_is_filled_in(self):
        promise = self._promise()
        with self.assertRaises(UserError):
            promise.action_open_case()
        self._due(promise.break_at)
        action = promise.action_open_case()
        again = promise.action_open_case()
        self.assertEqual(action["res_id"], again["res_id"])
        case = self.env["care.case"].search([("promise_id", "=", promise.id)])
        self.assertEqual(len(case), 1)
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.journey_id, self.journey)
        self.assertEqual(case.order_id, self.order)
        self.assertEqual(case.channel, "promise")
        self.assertIn("Bring the missing shelf", case.description)
        with self.assertRaises(psycopg2.IntegrityError), mute_logger("odoo.sql_db"):
            case.copy({"promise_id": promise.id, "number": "X"}).flush_recordset()

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_who_reads_and_changes_a_promise(self):
        promise = self._promise().sudo(False)
        rep2 = self._user("care_rep2", "customer_care.group_agent,sales_team.group_sale_salesman")
        leader2 = self._user("care_leader2", "customer_care.group_leader")
        for user, letters in {
            self.rep: "rwu",
            self.agent: "r",  # of the same team
            rep2: "",
            self.leader: "rwu",
            leader2: "",
            self.manager: "rwu",
        }.items():
            for letter, operation in (("r", "read"), ("w", "write"), ("u", "unlink")):
                with self.subTest(user=user.login, operation=operation):
                    self.assertEqual(
                        promise.with_user(user).has_access(operation), letter in letters
                    )

    def test_nobody_forges_what_became_of_a_promise(self):
        promise = self._promise()
        now = fields.Datetime.now()
        for name, value in {
            "result": "kept",
            "done_at": now,
            "done_by_id": self.agent.id,
            "due_at": now,
            "break_at": now,
            "promised_at": now,
            "state": "done",
            "next_at": False,
            "team_id": False,
            "partner_id": self.manager.partner_id.id,
            "journey_id": False,
        }.items():
            for user in (self.rep, self.leader, self.manager):
                with self.subTest(name=name, user=user.login), self.assertRaises(AccessError):
                    promise.with_user(user).write({name: value})
        forged = self.env["care.promise"].with_user(self.rep)
        forged = forged.with_context(default_result="kept", default_done_at=now)
        promise = forged.create(
            {"name": "x", "partner_id": self.customer.id, "date_due": MONDAY.date()}
        )
        self.assertFalse(promise.result)
        self.assertFalse(promise.done_at)
        with self.assertRaises(AccessError):
            self._promise(result="kept")

    def test_a_promise_points_to_nothing_that_the_person_may_not_read(self):
        rep2 = self._user("care_rep2", "customer_care.group_agent,sales_team.group_sale_salesman")
        with self.assertRaises(AccessError):
            self._promise(user=rep2)

    def test_only_who_works_here_answers_for_a_promise(self):
        portal = self._user("care_portal", "base.group_portal")
        with self.assertRaises(UserError):
            self._promise(user_id=portal.id)
        with self.assertRaises(UserError):
            self._promise().write({"user_id": portal.id})

    def test_a_promise_is_about_one_thing(self):
        with self.assertRaises(psycopg2.IntegrityError), mute_logger("odoo.sql_db"):
            self._promise(order_id=self.order.id).flush_recordset()

    # ------------------------------------------------------------
    # Cost
    # ------------------------------------------------------------

    def test_many_promises_are_reminded_and_told_without_queries_each(self):
        def cost(number):
            promises = self.env["care.promise"].create(
                [
                    {
                        "name": f"Promise {n}",
                        "partner_id": self.customer.id,
                        "journey_id": self.journey.id,
                        "user_id": self.rep.id,
                        "company_id": self.company.id,
                        "date_due": MONDAY.date(),
                    }
                    for n in range(number)
                ]
            )
            counts = []
            for moment in (MONDAY, MONDAY + timedelta(days=9)):
                with self._at(moment):
                    self.env.flush_all()
                    self.env.invalidate_all()
                    start = self.env.cr.sql_log_count
                    promises.sudo()._run_due()
                    self.env.flush_all()
                    counts.append(self.env.cr.sql_log_count - start)
            return counts

        cost(5)
        few, many = cost(10), cost(60)
        for before, after in zip(few, many, strict=True):
            self.assertLess(after - before, 5, "50 more promises, hardly a query more")


class _Away:
    """`is_out_of_office` as a property: one user is away."""

    def __init__(self, user_id):
        self.user_id = user_id

    def __get__(self, record, owner):
        return record.id == self.user_id if record is not None else self
