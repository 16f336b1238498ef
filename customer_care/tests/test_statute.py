"""Dates that the law sets: written once, never paused, reminded of before."""

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestStatute(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "care_silence_days": 0})
        cls.belgium, cls.france = cls.env.ref("base.be"), cls.env.ref("base.fr")
        cls.customer.country_id = cls.belgium
        cls.env["care.statute"].search([]).active = False

    def _statute(self, **vals):
        return self.env["care.statute"].create(
            {
                "name": "By law",
                "target": "final",
                "days": 10,
                "reference": "Art. 1",
                "company_id": self.company.id,
                **vals,
            }
        )

    def _received(self, moment="2026-03-04 10:00:00", **vals):
        with self._at(moment):
            return self._case(received_at=moment, owner_id=self.agent.id, **vals)

    def test_calendar_days_end_with_the_day_in_the_companys_zone(self):
        statute = self._statute(days=10)
        case = self._received()
        self.assertEqual(case.statutory_final_id, statute)
        # the end of 14 March in Brussels
        self.assertEqual(str(case.statutory_final_at), "2026-03-14 22:59:59")
        self.assertFalse(case.statutory_ack_at)

    def test_the_day_it_was_received_is_the_companys_own(self):
        self._statute(days=1)
        # already Thursday in Brussels
        case = self._received("2026-03-04 23:30:00")
        self.assertEqual(str(case.statutory_final_at), "2026-03-06 22:59:59")

    def test_working_days_leave_out_weekends_and_holidays(self):
        self._statute(target="acknowledgement", days=3, days_type="working")
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holiday",
                "company_id": self.company.id,
                "calendar_id": self.company.resource_calendar_id.id,
                "date_from": "2026-03-08 23:00:00",
                "date_to": "2026-03-09 22:59:59",
            }
        )
        # Thursday: Friday 1, Tuesday 2 (Monday is off), Wednesday 3
        case = self._received("2026-03-05 10:00:00")
        self.assertEqual(str(case.statutory_ack_at), "2026-03-11 22:59:59")

    def test_a_case_received_in_the_past_counts_from_then(self):
        self._statute(days=10)
        with self._at("2026-03-20 10:00:00"):
            case = self._case(received_at="2026-03-04 10:00:00")
            self.assertEqual(str(case.statutory_final_at), "2026-03-14 22:59:59")
            self.assertEqual(case.statutory_state, "over")

    def test_the_earliest_of_several_counts(self):
        self._statute(days=30)
        strict = self._statute(days=5)
        self.assertEqual(self._received().statutory_final_id, strict)

    def test_country_kind_category_and_company_decide(self):
        category = self.env["care.category"].create({"name": "Loan"})
        other = self.env["res.company"].create({"name": "Other"})
        for vals, holds in (
            ({"country_id": self.belgium.id}, True),
            ({"country_id": self.france.id}, False),
            ({"kind": "complaint"}, True),
            ({"kind": "enquiry"}, False),
            ({"category_ids": [(6, 0, category.ids)]}, False),
            ({"company_id": False}, True),
            ({"company_id": other.id}, False),
            ({"active": False}, False),
        ):
            with self.subTest(vals):
                statute = self._statute(**vals)
                self.assertEqual(bool(self._received().statutory_final_at), holds)
                statute.unlink() if not holds else statute.write({"active": False})
        self._statute(category_ids=[(6, 0, category.ids)])
        self.assertTrue(self._received(category_id=category.id).statutory_final_at)

    def test_a_customer_without_a_country_counts_as_in_the_companys(self):
        self.customer.country_id = False
        self.company.country_id = self.france
        self._statute(country_id=self.france.id)
        self.assertTrue(self._received().statutory_final_at)

    def test_they_never_pause_and_a_changed_law_is_for_new_cases(self):
        statute = self._statute(days=10)
        case = self._received()
        date = case.statutory_final_at
        with self._at("2026-03-05 10:00:00"):
            case.stage_id = self.env.ref("customer_care.stage_case_waiting_customer")
        statute.days = 99
        with self._at("2026-03-12 10:00:00"):
            case.stage_id = self.env.ref("customer_care.stage_case_progress")
        self.assertEqual(case.statutory_final_at, date)
        for name in ("statutory_final_at", "statutory_ack_at", "acknowledged_at"):
            with self.assertRaises(AccessError):
                case.with_user(self.agent).write({name: fields.Datetime.now()})

    def _notice(self, case, target="final"):
        return self.env["care.notice"].search(
            [("case_id", "=", case.id), ("kind", "=", f"statute_{target}")]
        )

    def test_a_case_that_gets_its_category_later_gets_its_dates(self):
        category = self.env["care.category"].create({"name": "Loan"})
        statute = self._statute(days=10, warn_days=2, category_ids=[(6, 0, category.ids)])
        case = self._received()
        self.assertFalse(case.statutory_final_at)
        with self._at("2026-03-06 10:00:00"):
            case.with_user(self.agent).category_id = category
        self.assertEqual(case.statutory_final_id, statute)
        self.assertEqual(str(case.statutory_final_at), "2026-03-14 22:59:59")
        self.assertEqual(str(self._notice(case).next_at), "2026-03-12 22:59:59")
        with self._at("2026-03-07 10:00:00"):
            case.with_user(self.agent).category_id = False
        self.assertFalse(case.statutory_final_at or case.statutory_final_id)
        self.assertEqual(self._notice(case).state, "cancelled")

    def test_dates_and_warnings_follow_when_it_was_received_and_by_whom(self):
        self._statute(days=10, warn_days=2, country_id=self.belgium.id)
        french = self._statute(days=20, warn_days=2, country_id=self.france.id)
        case = self._received()
        with self._at("2026-03-05 10:00:00"):
            case.with_user(self.agent).received_at = "2026-03-01 10:00:00"
            self.assertEqual(str(case.statutory_final_at), "2026-03-11 22:59:59")
            self.assertEqual(str(self._notice(case).next_at), "2026-03-09 22:59:59")
            case.partner_id = self.env["res.partner"].create(
                {"name": "Luc", "country_id": self.france.id}
            )
            self.assertEqual(case.statutory_final_id, french)
            self.assertEqual(str(case.statutory_final_at), "2026-03-21 22:59:59")
            self.assertEqual(len(self._notice(case)), 1)
            case.kind = "enquiry"
            french.kind = "complaint"
            case.received_at = "2026-03-02 10:00:00"
            self.assertFalse(case.statutory_final_at)

    def test_who_was_reminded_is_reminded_of_the_new_date_and_not_of_the_old_one(self):
        self._statute(days=10, warn_days=2)
        case = self._received()
        law = self.env.ref("customer_care.mail_activity_type_statute")
        with self._at("2026-03-13 10:00:00"):
            self._notice(case)._run_due()
            self.assertIn(law, case.activity_ids.activity_type_id)
            case.received_at = "2026-03-10 10:00:00"
            self.assertNotIn(law, case.activity_ids.activity_type_id)
            self.assertEqual(str(self._notice(case).next_at), "2026-03-18 22:59:59")
        with self._at("2026-03-19 10:00:00"):
            self._notice(case)._run_due()
        told = case.activity_ids.filtered(lambda row: row.activity_type_id == law)
        self.assertEqual(str(told.date_deadline), "2026-03-20")

    def test_dates_that_were_met_stay(self):
        self._statute(days=10)
        self._statute(target="acknowledgement", days=2)
        case = self._received(resolution="Done")
        ack, final = case.statutory_ack_at, case.statutory_final_at
        with self._at("2026-03-05 10:00:00"):
            case._acknowledged()
            case.received_at = "2026-03-02 10:00:00"
            self.assertEqual(case.statutory_ack_at, ack)
            self.assertLess(case.statutory_final_at, final)
            final = case.statutory_final_at
            case.action_resolve()
            case.received_at = "2026-03-01 10:00:00"
        self.assertEqual((case.statutory_ack_at, case.statutory_final_at), (ack, final))

    def test_the_date_of_what_was_merged_into_it_is_not_lost(self):
        self._statute(days=10)
        early = self._received("2026-03-02 10:00:00")
        case = self._received()
        date = early.statutory_final_at
        with self._at("2026-03-05 10:00:00"):
            early._merge_into(case)
            case.category_id = self.env["care.category"].create({"name": "Loan"})
        self.assertEqual(case.statutory_final_at, date)

    def test_nobody_receives_a_case_in_the_future_and_a_change_is_tracked(self):
        case = self._case(owner_id=self.agent.id).with_user(self.agent)
        now = fields.Datetime.now()
        for later in (now + timedelta(hours=1), "2130-01-01 10:00:00"):
            with self.assertRaisesRegex(UserError, "in the future"):
                case.received_at = later
            with self.assertRaisesRegex(UserError, "in the future"):
                case.create({"name": "x", "partner_id": self.customer.id, "received_at": later})
        # a clock that goes a little fast
        case.received_at = now + timedelta(minutes=2)
        self.env.cr.flush()
        case = case.with_context(tracking_disable=False)
        case.received_at = now - timedelta(days=1)
        self.env.flush_all()
        self.env.cr.flush()
        self.env.invalidate_all()
        tracked = case.sudo().message_ids.tracking_value_ids.field_id
        self.assertIn("received_at", tracked.mapped("name"))

    def test_near_and_over_are_told_without_a_cron(self):
        self._statute(days=10)
        case = self._received()
        cases = self.env["care.case"]
        mine = [("id", "=", case.id)]
        for moment, state in (
            ("2026-03-10 10:00:00", False),
            ("2026-03-12 10:00:00", "near"),
            ("2026-03-15 10:00:00", "over"),
        ):
            with self._at(moment):
                self.env.invalidate_all()
                self.assertEqual(case.statutory_state, state)
                for wanted in ("near", "over"):
                    found = cases.search([*mine, ("statutory_state", "=", wanted)])
                    self.assertEqual(bool(found), wanted == state, (moment, wanted))
                self.assertEqual(
                    bool(cases.search([*mine, ("statutory_state", "=", False)])), not state
                )

    def test_what_was_answered_is_not_outstanding(self):
        self._statute(days=10)
        self._statute(target="acknowledgement", days=2)
        case = self._received()
        with self._at("2026-03-20 10:00:00"):
            self.assertEqual(case.statutory_state, "over")
            case._acknowledged()
            case.resolution = "Done"
            case.action_resolve()
            self.assertFalse(case.statutory_state)
            self.assertEqual(str(case.final_answered_at), "2026-03-20 10:00:00")
            self.assertFalse(
                self.env["care.case"].search(
                    [("id", "=", case.id), ("statutory_state", "=", "over")]
                )
            )
        with self._at("2026-03-21 10:00:00"):
            case._customer_answers("no")
            self.assertEqual(case.statutory_state, "over")
            self.assertEqual(str(case.final_answered_at), "2026-03-20 10:00:00")

    def test_the_acknowledging_mail_counts_and_so_does_a_person(self):
        by_mail, by_person, note_only = self._case(), self._case(), self._case()
        (by_person | note_only).partner_id = self.env["res.partner"].create({"name": "No mail"})
        self._run("care.notice")
        self.assertTrue(by_mail.acknowledged_at)
        self.assertFalse(by_person.acknowledged_at)
        by_person.with_user(self.manager).message_post(
            body="We are on it", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        note_only.with_user(self.manager).message_post(body="Ours", message_type="comment")
        note_only.message_post(
            body="And?",
            author_id=self.customer.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        self.assertTrue(by_person.acknowledged_at)
        self.assertFalse(note_only.acknowledged_at)

    def test_the_owner_is_reminded_before_once(self):
        statute = self._statute(days=10, warn_days=2, name="Answer in ten days")
        case = self._case(owner_id=self.agent.id)
        law = self.env.ref("customer_care.mail_activity_type_statute")
        rows = self.env["care.notice"].search(
            [("case_id", "=", case.id), ("kind", "=", "statute_final")]
        )
        self.assertEqual(rows.next_at, case.statutory_final_at - timedelta(days=2))
        self._run("care.notice", days=9)
        self._run("care.notice", days=9)
        told = case.activity_ids.filtered(lambda row: row.activity_type_id == law)
        self.assertEqual(len(told), 1)
        self.assertEqual(told.user_id, self.agent)
        self.assertIn("Answer in ten days", told.summary)
        self.assertIn(statute.reference, told.note)
        local = fields.Datetime.context_timestamp(
            case.with_context(tz="Europe/Brussels"), case.statutory_final_at
        )
        self.assertEqual(told.date_deadline, local.date())

    def test_nobody_is_reminded_of_what_was_answered(self):
        self._statute(days=10, warn_days=2)
        case = self._case(owner_id=self.agent.id, resolution="Done")
        case.action_resolve()
        self._run("care.notice", days=9)
        row = self.env["care.notice"].search(
            [("case_id", "=", case.id), ("kind", "=", "statute_final")]
        )
        self.assertEqual(row.state, "cancelled")
        self.assertFalse(case.activity_ids)

    def test_the_examples_are_switched_off(self):
        for name in ("statute_gb_final", "statute_ie_acknowledgement"):
            self.assertFalse(self.env.ref(f"customer_care.{name}").active)

    def test_hours_that_cannot_be_used_count_calendar_days(self):
        self._statute(days=3, days_type="working")
        self.company.resource_calendar_id = False
        case = self._received("2026-03-06 10:00:00")  # Friday
        self.assertTrue(case.statutory_final_at)
