from unittest.mock import patch

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import CareSurveyCase

ENGINE = (
    "odoo.addons.customer_care.models.care_due_mixin",
    "odoo.addons.customer_care.models.care_rule_mixin",
)


@tagged("post_install", "-at_install")
class TestInvitation(CareSurveyCase):
    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    def test_closing_plans_one_invitation(self):
        self.trigger.write({"delay_count": 2, "delay_unit": "days"})
        case = self._case()
        self.assertFalse(self._invitations(case))
        self._close(case)
        invitation = self._invitations(case)
        self.assertEqual(len(invitation), 1)
        self.assertEqual(invitation.state, "planned")
        self.assertEqual((invitation.planned_for - case.closed_at).days, 2)
        self.assertFalse(invitation.user_input_id, "nothing but the row is made now")

    def test_closing_twice_plans_once(self):
        case = self._closed()
        case._enter_category("resolved")
        case._enter_category("closed")
        case._care_event("case_closed")
        self.assertEqual(len(self._invitations(case)), 1)

    def test_reopened_and_closed_again_is_a_second_occurrence(self):
        case = self._closed()
        case._enter_category("open")
        first = self._invitations(case)
        self.assertEqual(first.state, "cancelled")
        self.assertEqual(first.skip_reason, "record_over")
        self._close(case)
        second = self._invitations(case) - first
        self.assertEqual((second.state, second.occurrence), ("planned", 2))
        self._run_invitations()
        self.assertEqual((first.state, second.state), ("cancelled", "sent"))

    def test_cancelled_case_is_not_asked_about(self):
        case = self._closed()
        case.cancel_reason = "A duplicate"
        case._enter_category("cancelled")
        self.assertEqual(self._invitations(case).state, "cancelled")

    def test_case_that_a_survey_opened_is_not_surveyed_again(self):
        case = self._closed(channel="survey")
        self.assertFalse(self._invitations(case))
        default = self.env.ref("customer_care_survey.trigger_case_closed")
        self.assertFalse(default._match(case), "nor by the trigger that comes with us")
        self.assertTrue(default._match(self._case()))

    def test_cases_closed_before_the_trigger_are_left_alone(self):
        case = self._case()
        self.trigger.active = False
        self._close(case)
        self.trigger.active = True
        self._run_invitations()
        self.assertFalse(self._invitations(case))

    def test_confirmed_order_plans_an_invitation_about_the_journey(self):
        self._trigger(event="order_confirmed", filter_domain="[]")
        journey = self._journey(self._confirmed())
        invitation = self._invitations(journey)
        self.assertEqual(len(invitation), 1)
        self._run_invitations()
        self.assertEqual(invitation.state, "sent")

    def test_cancelled_order_cancels_its_invitation(self):
        self._trigger(event="order_confirmed", filter_domain="[]", delay_count=3)
        order = self._confirmed()
        order._action_cancel()
        self.assertEqual(self._invitations(self._journey(order)).state, "cancelled")

    def test_other_companies_trigger_does_not_ask(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.trigger.company_id = other
        self.assertFalse(self._invitations(self._closed()))

    def test_broken_filter_does_not_stop_closing_and_is_retried_when_mended(self):
        # a field that was removed since: nobody could save such a filter
        self.env.cr.execute(
            "UPDATE care_survey_trigger SET filter_domain = %s WHERE id = %s",
            ("[('no_such_field', '=', 1)]", self.trigger.id),
        )
        self.trigger.invalidate_recordset()
        with mute_logger(*ENGINE):
            case = self._closed()
        self.assertEqual(case.stage_category, "closed")
        self.assertFalse(self._invitations(case))
        self.assertIn("no_such_field", self.trigger.last_error)
        self.trigger.filter_domain = "[]"
        self._run("care.retry")
        self.assertEqual(len(self._invitations(case)), 1)

    # ------------------------------------------------------------
    # Setting up
    # ------------------------------------------------------------

    def test_survey_that_nobody_could_answer_is_refused(self):
        self.survey.users_login_required = True
        with self.assertRaisesRegex(ValidationError, "requires a login"):
            self._trigger()
        self.survey.users_login_required = False
        self.nps.care_measure = False
        with self.assertRaisesRegex(ValidationError, "No question"):
            self._trigger()

    def test_measure_needs_a_scale_that_fits(self):
        with self.assertRaisesRegex(ValidationError, "0 to 10"):
            self.nps.scale_max = 5
        with self.assertRaisesRegex(ValidationError, "with a scale"):
            self.why.care_measure = "csat"

    def _five(self):
        """A survey on a scale from 1 to 5."""
        survey = self.survey.copy({"title": "Satisfied?"})
        question = survey.question_ids.filtered("care_measure")
        question.write({"care_measure": "csat", "scale_min": 1, "scale_max": 5})
        return survey

    def test_best_answer_of_a_scale_is_never_bad(self):
        survey = self._five()
        for bad in (5, 6):
            with self.assertRaisesRegex(ValidationError, r"Bad Up To.*less than 5 \(2,"):
                self._trigger(survey_id=survey.id, bad_score_max=bad)
        trigger = self._trigger(survey_id=survey.id, bad_score_max=4)
        with self.assertRaisesRegex(ValidationError, "Bad Up To"):
            trigger.bad_score_max = 5
        with self.assertRaisesRegex(ValidationError, "Bad Up To"):
            self.trigger.survey_id = survey
        trigger.write({"open_case": False, "bad_score_max": 6})
        with self.assertRaisesRegex(ValidationError, "Bad Up To"):
            trigger.open_case = True

    def test_scale_cannot_shrink_below_what_a_trigger_calls_bad(self):
        survey = self._five()
        self._trigger(survey_id=survey.id, bad_score_max=4)
        with self.assertRaisesRegex(ValidationError, "“Bad Up To” to less than 4"):
            survey.question_ids.filtered("care_measure").scale_max = 4

    def test_bad_is_said_on_the_scale_of_the_first_question_and_as_usual_on_another(self):
        self.why.write(
            {"question_type": "scale", "scale_min": 1, "scale_max": 7, "care_measure": "ces"}
        )
        self.trigger.bad_score_max = 7
        for first, second, bad in ((8, 4, False), (7, 4, True), (8, 3, True), (10, 7, False)):
            with self.subTest(first=first, second=second):
                invitation = self._sent()
                answer = invitation.user_input_id
                answer._save_lines(self.nps, first)
                answer._save_lines(self.why, second)
                answer._mark_done()
                self._run_invitations()
                self.assertEqual(bool(invitation.recovery_case_id), bad)
                self.assertEqual(any(invitation.score_ids.mapped("is_bad")), bad)
                if bad:
                    self._close(invitation.recovery_case_id)
        with self.assertRaisesRegex(ValidationError, "Bad Up To"):
            self.trigger.bad_score_max = 10

    def _two_scales(self):
        """0 to 10 first, then 1 to 5."""
        self.why.write(
            {"question_type": "scale", "scale_min": 1, "scale_max": 5, "care_measure": "csat"}
        )
        return [self.trigger._bad_up_to(*scale) for scale in ((0, 10), (1, 5))]

    def _bad_when(self, value):
        """Whether the answer of so many of 5 is a bad one, and opens a case."""
        invitation = self._sent()
        answer = invitation.user_input_id
        answer._save_lines(self.why, value)
        answer._mark_done()
        self._run_invitations()
        case = invitation.recovery_case_id
        self.assertEqual(any(invitation.score_ids.mapped("is_bad")), bool(case))
        if case:
            self._close(case)
        return bool(case)

    def test_moving_a_question_to_the_top_changes_no_answer_to_good_or_bad(self):
        self.trigger.bad_score_max = 4
        self.assertEqual(self._two_scales(), [4, 2])
        self.why.sequence, self.nps.sequence = 1, 2
        self.env.invalidate_all()
        self.assertEqual(self.trigger._first_counted(), self.why)
        self.assertEqual(self._two_scales(), [4, 2])
        self.assertEqual([self._bad_when(value) for value in (2, 3, 5)], [True, False, False])
        # what is not meant by it is not refused either
        self.trigger.priority = "2"
        self.trigger.active = False
        self.trigger.active = True
        self.assertEqual(self.trigger.copy()._bad_up_to(0, 10), 4)

    def test_deleting_the_question_that_it_was_said_for_makes_no_other_answer_bad(self):
        self.trigger.bad_score_max = 6
        self._two_scales()
        self.nps.unlink()
        self.assertEqual([self._bad_when(value) for value in (2, 5)], [True, False])

    def test_what_is_said_after_a_question_was_moved_is_said_of_the_new_scale(self):
        self._two_scales()
        self.why.sequence, self.nps.sequence = 1, 2
        self.env.invalidate_all()
        self.trigger.bad_score_max = 3
        self.assertEqual(self._two_scales(), [6, 3])
        with self.assertRaisesRegex(ValidationError, "best answer to “What should we do.*is 5"):
            self.trigger.bad_score_max = 5

    def test_number_goes_with_the_question_whose_scale_is_changed(self):
        survey = self._five()
        trigger = self._trigger(survey_id=survey.id, bad_score_max=1)
        question = survey.question_ids.filtered("care_measure")
        question.write({"scale_min": 1, "scale_max": 7})
        self.assertEqual(trigger._bad_up_to(1, 7), 1)
        trigger.active = False
        question.scale_max = 9
        self.assertEqual(trigger._bad_up_to(1, 9), 1)

    def test_best_answer_is_not_bad_whatever_the_number_says(self):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_survey_trigger SET bad_score_max = 12 WHERE id = %s", [self.trigger.id]
        )
        self.env.invalidate_all()
        self.assertEqual(self.trigger._bad_up_to(0, 10), 6)

    def test_choosing_a_survey_proposes_what_is_bad(self):
        with Form(self.trigger) as form:
            form.survey_id = self._five()
            self.assertEqual(form.bad_score_max, 2)
            form.survey_id = self.survey
            self.assertEqual(form.bad_score_max, 6)
            form.bad_score_max = 3
        self.assertEqual(self.trigger.bad_score_max, 3)

    # ------------------------------------------------------------
    # Sending
    # ------------------------------------------------------------

    def test_sent_when_due_with_a_link_of_its_own(self):
        self.trigger.write({"delay_count": 1, "delay_unit": "days"})
        invitation = self._invitations(self._closed())
        self._run_invitations()
        self.assertEqual(invitation.state, "planned")
        self._run_invitations(days=1)
        self.assertEqual(invitation.state, "sent")
        self.assertTrue(invitation.sent_at)
        mail = self._mails(invitation)
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.recipient_ids, self.customer)
        self.assertEqual(mail.state, "outgoing")
        answer = invitation.user_input_id
        self.assertIn(answer.get_start_url(), mail.body_html)
        outgoing = mail._prepare_outgoing_list()
        self.assertEqual(outgoing[0]["email_to"], ['"Clara Moreau" <clara@example.com>'])
        self.assertIn(answer.get_start_url(), outgoing[0]["body"])
        self.assertNotIn(answer.access_token, mail.mail_message_id.body or "")
        self.assertIn("Hearth and Home", mail.body_html)
        self.assertIn("Hearth and Home", mail.email_from)
        self.assertEqual(answer.partner_id, self.customer)
        self.assertEqual(answer.email, "clara@example.com")
        self.assertEqual(answer.predefined_question_ids, self.nps | self.why)

    def test_every_invitation_has_an_answer_of_its_own(self):
        first, second = self._sent(), self._sent()
        self.assertNotEqual(first.user_input_id, second.user_input_id)
        self.assertNotEqual(first.user_input_id.access_token, second.user_input_id.access_token)

    def test_mail_in_the_customers_language(self):
        self.survey.lang_ids |= self.env["res.lang"]._activate_lang("fr_FR")
        template = self.trigger.mail_template_id
        template.with_context(lang="fr_FR").subject = "Êtes-vous content ?"
        self.customer.lang = "fr_FR"
        invitation = self._sent()
        self.assertEqual(self._mails(invitation).subject, "Êtes-vous content ?")
        self.assertEqual(invitation.user_input_id.lang_id.code, "fr_FR")

    def test_cron_killed_between_link_and_commit_asks_once(self):
        invitation = self._invitations(self._closed())
        send = self.registry["mail.template"].send_mail_batch

        def killed(*args, **kwargs):
            send(*args, **kwargs)
            raise KeyboardInterrupt

        before = self.env["survey.user_input"].search_count([])
        with (
            patch.object(self.registry["mail.template"], "send_mail_batch", killed),
            self.enter_registry_test_mode(),
            self.assertRaises(KeyboardInterrupt),
            self.registry.cursor() as cr,
        ):
            invitation.with_env(self.env(cr=cr))._cron_run_due()
        self.env.invalidate_all()
        self.assertEqual(invitation.state, "planned")
        self.assertFalse(self._mails(invitation))
        self._run_invitations()
        self._run_invitations()
        self.assertEqual(invitation.state, "sent")
        self.assertEqual(len(self._mails(invitation)), 1)
        self.assertEqual(self.env["survey.user_input"].search_count([]), before + 1)

    def test_one_bad_row_does_not_hold_up_the_others(self):
        cases = self._case() | self._case() | self._case()
        self._close(cases)
        rows = self._invitations(cases)
        prepare = type(rows)._prepare_answer_vals

        def prepare_or_fail(row, survey, predefined):
            if row == rows[1]:
                raise ValueError("Something is wrong with this one")
            return prepare(row, survey, predefined)

        with (
            patch.object(type(rows), "_prepare_answer_vals", prepare_or_fail),
            mute_logger(*ENGINE),
        ):
            self._run_invitations()
        self.assertEqual(rows.mapped("state"), ["sent", "planned", "sent"])
        self.assertIn("wrong with this one", rows[1].error)
        self._run_invitations(days=1)
        self.assertEqual(rows.mapped("state"), ["sent"] * 3)
        self.assertEqual(len(self._mails(rows)), 3)

    def test_two_hundred_invitations_cost_few_queries(self):
        def batch(number):
            partners = self.env["res.partner"].create(
                [{"name": f"Customer {i}", "email": f"c{i}@example.com"} for i in range(number)]
            )
            cases = self.env["care.case"].create(
                [
                    {
                        "name": "Cold",
                        "resolution": "Warm",
                        "company_id": self.company.id,
                        "team_id": self.team.id,
                        "partner_id": partner.id,
                    }
                    for partner in partners
                ]
            )
            cases._enter_category("resolved")
            cases._enter_category("closed")
            rows = self._invitations(cases)
            self.assertEqual(len(rows), number)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            rows._run_due()
            self.env.flush_all()
            self.assertEqual(set(rows.mapped("state")), {"sent"})
            return self.cr.sql_log_count - before

        batch(1)
        one, many = batch(1), batch(200)
        per_row = (many - one) / 199
        self.assertLessEqual(per_row, 2, f"1 invitation: {one} queries, 200 invitations: {many}")

    # ------------------------------------------------------------
    # Not sent, and why
    # ------------------------------------------------------------

    def _skipped(self, invitation, reason):
        before = self.env["survey.user_input"].search_count([])
        self._run_invitations()
        self.assertEqual((invitation.state, invitation.skip_reason), ("skipped", reason))
        self.assertFalse(invitation.next_at)
        self.assertFalse(invitation.user_input_id)
        self.assertFalse(self._mails(invitation))
        self.assertEqual(self.env["survey.user_input"].search_count([]), before)

    def test_opted_out_customer_is_not_asked(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        self.customer.parent_id = company
        invitation = self._invitations(self._closed())
        self.env["care.profile"].create(
            {
                "partner_id": company.id,
                "company_id": self.company.id,
                "no_survey": True,
            }
        )
        self._skipped(invitation, "no_survey")

    def test_blacklisted_address_is_not_asked(self):
        invitation = self._invitations(self._closed())
        self.env["mail.blacklist"]._add("clara@example.com")
        self._skipped(invitation, "no_survey")

    def test_customer_without_email_is_not_asked(self):
        for email in (False, "not an address"):
            with self.subTest(email=email):
                self.customer.email = "clara@example.com"
                invitation = self._invitations(self._closed())
                self.customer.email = email
                self._skipped(invitation, "no_email")

    def test_customer_with_an_open_complaint_is_not_asked(self):
        invitation = self._invitations(self._closed())
        complaint = self._case()
        self._skipped(invitation, "open_complaint")
        self.assertEqual(invitation.skip_note, complaint.number)

    def test_open_enquiry_does_not_hold_back(self):
        self._case(kind="enquiry")
        self.assertTrue(self._sent())

    def test_quiet_days_hold_back_the_second_survey(self):
        self.company.care_survey_gap_days = 10
        first, second = (self._invitations(self._closed()) for _i in range(2))
        self._run_invitations()
        self.assertEqual((first.state, second.state), ("sent", "skipped"))
        self.assertEqual(second.skip_reason, "quiet")
        third = self._invitations(self._closed())
        self._skipped(third, "quiet")
        self.env.cr.execute(
            "UPDATE care_survey_invitation SET sent_at = sent_at - interval '11 days'"
        )
        self.env.invalidate_all()
        self.assertTrue(self._sent())

    def test_within_a_batch_the_first_trigger_is_preferred(self):
        self.company.care_survey_gap_days = 10
        important = self._trigger(sequence=1)
        case = self._closed()
        self._run_invitations()
        sent = self._invitations(case).filtered(lambda row: row.state == "sent")
        self.assertEqual(sent.trigger_id, important)

    def test_closed_survey_is_not_sent(self):
        invitation = self._invitations(self._closed())
        self.survey.active = False
        self._skipped(invitation, "survey_closed")
        self.assertIn("How was it?", invitation.skip_note)

    def test_trigger_switched_off_asks_no_more(self):
        invitation = self._invitations(self._closed())
        self.trigger.active = False
        self._skipped(invitation, "trigger_off")

    def test_deleted_trigger_asks_no_more(self):
        invitation = self._invitations(self._closed())
        self.trigger.unlink()
        self._skipped(invitation, "trigger_off")

    def test_what_was_corrected_meanwhile_counts(self):
        invitation = self._invitations(self._closed())
        other = self.env["res.partner"].create({"name": "Noor", "email": "noor@example.com"})
        invitation.case_id.partner_id = other
        self._run_invitations()
        self.assertEqual(invitation.partner_id, other)
        self.assertEqual(self._mails(invitation).recipient_ids, other)

    def test_quiet_days_are_not_negative(self):
        with self.assertRaisesRegex(ValidationError, "Quiet Days.*0 or more"):
            self.company.care_survey_gap_days = -1

    def test_a_trigger_says_whom_it_asks(self):
        self._case(channel="survey")
        self._case()
        self.assertIn("1 of the 2 records", self.trigger.reach)
        self.trigger.filter_domain = "[]"
        self.assertIn("every customer is asked", self.trigger.reach)

    def test_a_new_trigger_does_not_ask_again_about_what_a_survey_told(self):
        with Form(self.env["care.survey.trigger"]) as form:
            form.name = "Mine"
            form.survey_id = self.survey
            self.assertIn("survey", form.filter_domain)
            form.event = "order_confirmed"
            self.assertEqual(form.filter_domain, "[]")
