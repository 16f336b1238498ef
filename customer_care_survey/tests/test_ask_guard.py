"""Why a survey is not sent, or not yet."""

from datetime import datetime, timedelta

from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestAskGuard(CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = cls.env.cr.now().replace(microsecond=0)

    def _row(self, trigger=None, partner=None, days=0, company=None, **vals):
        """An invitation that is planned so many days from now, about a case of its own."""
        partner = partner or self.customer
        case = self._case(partner_id=partner.id, kind="enquiry")
        at = self.now + timedelta(days=days)
        return self.env["care.survey.invitation"].create(
            {
                "trigger_id": (trigger or self.trigger).id,
                "case_id": case.id,
                "company_id": (company or self.company).id,
                "partner_id": partner.id,
                "planned_for": at,
                "next_at": at,
                **vals,
            }
        )

    def _on(self, days):
        """Work off what is due so many days from now."""
        with self._at(self.now + timedelta(days=days)):
            self._tick()
        self.env.invalidate_all()

    def _not_sent(self, row, reason):
        self.assertEqual((row.state, row.skip_reason), ("skipped", reason))
        self.assertFalse(row.next_at)
        self.assertFalse(row.user_input_id)
        self.assertFalse(self._mails(row))

    # ------------------------------------------------------------
    # What must not be asked
    # ------------------------------------------------------------

    def _refund(self):
        move = self.env["account.move"].create(
            {
                "move_type": "out_refund",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "invoice_line_ids": [
                    Command.create({"name": "Back", "quantity": 1, "price_unit": 50})
                ],
            }
        )
        move.action_post()
        return move

    def test_customer_who_waits_for_a_refund_is_not_asked(self):
        self.env["account.chart.template"].try_loading(
            "generic_coa", company=self.company, install_demo=False
        )
        row, other = self._row(), self._row(partner=self._contact("Noor"))
        refund = self._refund()
        self._on(0)
        self._not_sent(row, "unpaid_refund")
        self.assertEqual(row.skip_note, refund.name)
        self.assertEqual(other.state, "sent")

    def test_a_case_about_a_cancelled_order_is_not_asked_about(self):
        order = self._confirmed()
        row = self._row()
        row.case_id.order_id = order
        order._action_cancel()
        self._on(0)
        self._not_sent(row, "order_cancelled")
        self.assertEqual(row.skip_note, order.name)

    def test_how_a_cancellation_was_dealt_with_may_be_asked(self):
        order = self._confirmed()
        order._action_cancel()
        journey = self._journey(order)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_journey SET stage_since = stage_since - interval '1 day' WHERE id = %s",
            (journey.id,),
        )
        self.env.invalidate_all()
        row = self._row()
        row.case_id.order_id = order
        self._on(0)
        self.assertEqual(row.state, "sent")

    def test_why_it_was_cancelled_may_be_asked(self):
        trigger = self._trigger(event="order_cancelled", filter_domain="[]")
        order = self._confirmed()
        order._action_cancel()
        row = self._invitations(self._journey(order)).filtered(lambda r: r.trigger_id == trigger)
        self._run_invitations()
        self.assertEqual(row.state, "sent")

    def test_address_whose_mails_come_back_is_not_written_to(self):
        row = self._row()
        self.customer.message_bounce = 1
        self._on(0)
        self._not_sent(row, "bounced")
        self.assertEqual(row.skip_note, "clara@example.com")

    def test_a_moment_that_has_passed_is_not_asked_about(self):
        self.trigger.patience_days = 3
        late, in_time = self._row(), self._row(days=4)
        self._on(4)
        self._not_sent(late, "expired")
        self.assertEqual(in_time.state, "sent")

    def test_number_of_a_confidential_complaint_is_not_told(self):
        self._user("care_keeper", "customer_care.group_confidential")
        row = self._row()
        complaint = self._case(kind="complaint")
        complaint.action_seal()
        self._on(0)
        self._not_sent(row, "open_complaint")
        self.assertFalse(row.skip_note)

    def test_mail_waits_for_the_hours_of_the_customer(self):
        self.customer.tz = "America/New_York"
        self.env["care.profile"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "contact_from": 15,
                "contact_to": 18,
            }
        )
        self.now = datetime(2026, 3, 2, 14)  # 9:00 there
        row = self._row()
        self._on(0)
        self.assertEqual((row.state, row.skip_reason), ("planned", "customer_hours"))
        self.assertEqual(row.next_at, datetime(2026, 3, 2, 20))
        self._on(0.25)
        self.assertEqual(row.state, "sent")
        self.assertFalse(row.skip_reason)

    def test_mail_that_would_wait_too_long_for_those_hours_is_not_sent(self):
        self.trigger.patience_days = 1
        self.now = datetime(2026, 3, 2, 14)  # a Monday
        self.env["care.profile"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "contact_days": "4",
            }
        )
        row = self._row()
        self._on(0)
        self._not_sent(row, "customer_hours")

    # ------------------------------------------------------------
    # Consent
    # ------------------------------------------------------------

    def _kind(self, **vals):
        return self.env["care.survey.kind"].create({"name": "Of a test", **vals})

    def _said(self, choice, kind=None, partner=None):
        return self.env["care.survey.consent"].create(
            {
                "partner_id": (partner or self.customer).id,
                "company_id": self.company.id,
                "kind_id": kind and kind.id,
                "choice": choice,
            }
        )

    def test_a_refused_kind_is_not_sent_and_others_are(self):
        mine, other = self._kind(), self._kind()
        self.trigger.kind_id = mine
        rows = self._row(), self._row(self._trigger(kind_id=other.id))
        self._said("no", mine)
        self._on(0)
        self._not_sent(rows[0], "opted_out")
        self.assertEqual(rows[0].skip_note, "Of a test")
        self.assertEqual(rows[1].state, "sent")

    def test_who_refused_all_gets_none_of_any_kind(self):
        self.trigger.kind_id = self._kind()
        row = self._row()
        self._said("no")
        self._on(0)
        self._not_sent(row, "opted_out")

    def test_a_kind_that_needs_consent_is_sent_to_who_agreed(self):
        self.trigger.kind_id = kind = self._kind(needs_consent=True)
        noor = self._contact("Noor")
        rows = self._row(), self._row(partner=noor)
        self._said("yes", kind, noor)
        self._on(0)
        self._not_sent(rows[0], "no_consent")
        self.assertEqual(rows[1].state, "sent")

    def test_a_refusal_is_the_persons_own_and_holds_for_their_address(self):
        firm = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        self.customer.parent_id = firm
        colleague = self._contact("Noor", parent_id=firm.id)
        twin = self._contact("Clara again", email="CLARA@example.com")
        self._said("no")
        rows = self._row(), self._row(partner=colleague), self._row(partner=twin)
        self._on(0)
        self.assertEqual([row.state for row in rows], ["skipped", "sent", "skipped"])

    def test_what_was_said_in_another_company_counts_there(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.env["care.survey.consent"].create(
            {"partner_id": self.customer.id, "company_id": other.id, "choice": "no"}
        )
        row = self._row()
        self._on(0)
        self.assertEqual(row.state, "sent")

    # ------------------------------------------------------------
    # How often
    # ------------------------------------------------------------

    def _contact(self, name, **vals):
        return self.env["res.partner"].create(
            {"name": name, "email": f"{name.lower().replace(' ', '')}@example.com", **vals}
        )

    def _limits(self, gap=0, most=0, window=0, company=None):
        (company or self.company).write(
            {
                "care_survey_gap_days": gap,
                "care_survey_max": most,
                "care_survey_window_days": window,
            }
        )

    def test_a_second_survey_waits_until_the_gap_is_over(self):
        self._limits(gap=3)
        first, second = self._row(), self._row(days=1)
        self._on(0)
        self._on(1)
        self.assertEqual((second.state, second.skip_reason), ("planned", "quiet"))
        self.assertEqual(second.next_at, self.now + timedelta(days=3))
        self.assertTrue(second.skip_note)
        self._on(3)
        self.assertEqual(second.state, "sent")
        self.assertEqual(second.sent_at - first.sent_at, timedelta(days=3))
        self.assertFalse(second.skip_reason or second.skip_note)

    def test_one_that_would_wait_too_long_is_not_sent(self):
        self._limits(gap=10)
        self._row()
        second = self._row(days=1)
        self._on(0)
        self._on(1)
        self._not_sent(second, "quiet")

    def test_no_more_than_so_many_in_a_window(self):
        self._limits(most=2, window=30)
        rows = [self._row(days=days) for days in (0, 5, 10, 28)]
        for days in (0, 5, 10, 28):
            self._on(days)
        self.assertEqual([row.state for row in rows], ["sent", "sent", "skipped", "planned"])
        self.assertEqual(rows[2].skip_reason, "often")
        self.assertEqual(rows[3].skip_reason, "often")
        self._on(30)
        self.assertEqual(rows[3].state, "sent")

    def test_an_important_survey_that_waits_keeps_its_place(self):
        self._limits(gap=7)
        important = self._trigger(name="Important", priority="3")
        later = self._row(important, days=3)
        frequent = self._row()
        self._on(0)
        self._not_sent(frequent, "reserved")
        self._on(3)
        self.assertEqual(later.state, "sent")

    def test_a_frequent_survey_goes_where_it_takes_nobodys_place(self):
        self._limits(gap=7)
        later = self._row(self._trigger(priority="3"), days=8)
        frequent = self._row()
        self._on(0)
        self.assertEqual(frequent.state, "sent")
        self._on(8)
        self.assertEqual(later.state, "sent")

    def test_a_frequent_survey_waits_behind_an_important_one_that_is_near(self):
        self._limits(gap=2)
        self.trigger.patience_days = 10
        later = self._row(self._trigger(priority="3"), days=1)
        frequent = self._row()
        self._on(0)
        self.assertEqual((frequent.state, frequent.skip_reason), ("planned", "reserved"))
        self.assertEqual(frequent.next_at, self.now + timedelta(days=3))
        self._on(1)
        self._on(3)
        self.assertEqual((later.state, frequent.state), ("sent", "sent"))

    def test_the_last_one_of_a_window_is_kept_for_what_is_important(self):
        self._limits(most=2, window=30)
        self._row()
        self._on(0)
        later = self._row(self._trigger(priority="3"), days=20)
        frequent = self._row(days=5)
        self._on(5)
        self._not_sent(frequent, "reserved")
        self._on(20)
        self.assertEqual(later.state, "sent")

    def test_in_one_batch_the_important_one_is_sent(self):
        self._limits(gap=30)
        frequent = self._row()
        important = self._row(self._trigger(priority="2"))
        self._on(0)
        self.assertEqual((frequent.state, important.state), ("skipped", "sent"))

    def test_a_batch_of_one_knows_the_others_that_are_due(self):
        self._limits(gap=30)
        frequent = self._row()
        important = self._row(self._trigger(priority="2"))
        with self._at(self.now):
            frequent._run_guarded()
        self.assertEqual((frequent.state, frequent.skip_reason), ("skipped", "reserved"))
        self.assertEqual(important.state, "planned")

    def test_one_whose_trigger_is_off_keeps_no_place(self):
        self._limits(gap=7)
        off = self._trigger(priority="3")
        self._row(off, days=3)
        off.active = False
        frequent = self._row()
        self._on(0)
        self.assertEqual(frequent.state, "sent")

    def test_two_contacts_of_one_customer_are_two_persons(self):
        self._limits(gap=30)
        firm = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        self.customer.parent_id = firm
        rows = self._row(), self._row(partner=self._contact("Noor", parent_id=firm.id))
        self._on(0)
        self.assertEqual([row.state for row in rows], ["sent", "sent"])

    def test_two_contacts_with_one_address_are_one_person(self):
        self._limits(gap=30)
        twin = self._contact("Clara again", email="Clara@Example.com")
        first = self._row()
        self._on(0)
        second = self._row(partner=twin, days=1)
        self._on(1)
        self.assertEqual(first.state, "sent")
        self._not_sent(second, "quiet")

    def test_a_place_is_kept_for_a_person_whichever_contact_they_are(self):
        self._limits(gap=7)
        twin = self._contact("Clara again", email="Clara@Example.com")
        case = self._closed(partner_id=twin.id)
        self._trigger(priority="3", delay_count=3, delay_unit="days")
        later = self._closed(partner_id=twin.id)
        self.assertTrue(case and self._invitations(later))
        self._invitations(case).write({"state": "cancelled", "next_at": False})
        waiting = self._invitations(later).filtered(lambda row: row.trigger_id.priority == "3")
        (self._invitations(later) - waiting).write({"state": "cancelled", "next_at": False})
        frequent = self._row()
        self._on(0)
        self._not_sent(frequent, "reserved")

    def test_each_company_has_limits_of_its_own(self):
        other = self.env["res.company"].create(
            {"name": "Other", "care_start_date": "2020-01-01", "care_default_owner_id": 1}
        )
        self._limits(gap=30)
        self._limits(company=other)
        theirs = self._trigger(company_id=other.id)
        self.env.user.company_ids = [Command.link(other.id)]
        rows = [self._row()]
        self._on(0)
        case = self.env["care.case"].create(
            {
                "name": "There",
                "partner_id": self.customer.id,
                "company_id": other.id,
                "kind": "enquiry",
            }
        )
        for days in (1, 2):
            at = self.now + timedelta(days=days)
            rows.append(
                self.env["care.survey.invitation"].create(
                    {
                        "trigger_id": theirs.id,
                        "case_id": case.id,
                        "occurrence": days,
                        "company_id": other.id,
                        "partner_id": self.customer.id,
                        "planned_for": at,
                        "next_at": at,
                    }
                )
            )
            self._on(days)
        self.assertEqual([row.state for row in rows], ["sent"] * 3)
        here = self._row(days=3)
        self._on(3)
        self._not_sent(here, "quiet")

    def test_settings_are_not_negative(self):
        for name in ("care_survey_max", "care_survey_window_days"):
            with self.subTest(name=name), self.assertRaisesRegex(ValidationError, "0 or more"):
                self.company[name] = -1

    # ------------------------------------------------------------
    # Counted
    # ------------------------------------------------------------

    def test_each_reason_is_counted_on_the_trigger(self):
        self.customer.message_bounce = 1
        self._row()
        self._row()
        self._row(partner=self._contact("Nobody", email=False))
        sent = self._row(partner=self._contact("Noor"))
        self._row(partner=self._contact("Later"), days=3)
        self._on(0)
        trigger = self.trigger
        self.assertEqual(
            (trigger.invitation_count, trigger.planned_count, trigger.skip_count), (1, 1, 3)
        )
        self.assertEqual(trigger.skip_summary, "Mails come back: 2, No valid e-mail address: 1")
        self._answer(sent, 9)
        trigger.invalidate_recordset()
        self.assertEqual((trigger.answer_count, trigger.answer_rate), (1, 1.0))
        for action, count in (
            (trigger.action_open_invitations(), 1),
            (trigger.action_open_planned(), 1),
            (trigger.action_open_skipped(), 3),
        ):
            found = self.env[action["res_model"]].search_count(action["domain"])
            self.assertEqual(found, count)
