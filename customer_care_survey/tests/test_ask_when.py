"""Which event asks whom, and when."""

from datetime import datetime, timedelta

from psycopg2.errors import CheckViolation

from odoo import Command, fields
from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.mail.tests.common import MockEmail

from .common import CareSurveyCase

MONDAY = datetime(2026, 3, 2, 10)  # 11:00 in Brussels, before the clocks change


@tagged("post_install", "-at_install")
class TestAskWhen(MockEmail, CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trigger.active = False
        cls.company.care_start_date = "2020-01-01"

    def _about(self, record, trigger):
        return self._invitations(record).filtered(lambda row: row.trigger_id == trigger)

    # ------------------------------------------------------------
    # Events
    # ------------------------------------------------------------

    def test_every_event_of_core_can_ask(self):
        mine = dict(self.env["care.survey.trigger"]._selection_event())
        policies = dict(self.env["care.policy"]._selection_event())
        self.assertLessEqual(set(policies), set(mine))
        for event in mine:
            with self.subTest(event=event):
                trigger = self._trigger(event=event, filter_domain="[]")
                self.assertIn(trigger.res_model, ("care.case", "care.journey", "res.partner"))

    def test_a_contact_about_an_order_is_asked_about(self):
        trigger = self._trigger(event="contact_done", filter_domain="[]")
        self._policy()
        journey = self._journey(self._confirmed())
        self._run("care.followup")
        followup = self.env["care.followup"].search([("journey_id", "=", journey.id)])
        followup.outcome_id = self.env.ref("customer_care.outcome_satisfied")
        followup.action_done()
        row = self._about(journey, trigger)
        self.assertEqual(row.followup_id, followup)
        followup.with_context(x=1)._tell_contacts()
        self.assertEqual(self._about(journey, trigger), row, "told twice, asked once")
        again = followup.copy({"state": "planned", "policy_id": False})
        again.action_all_well()
        self.assertEqual(self._about(journey, trigger).followup_id, followup | again)
        self._run_invitations()
        self.assertEqual(set(self._about(journey, trigger).mapped("state")), {"sent"})

    def test_who_was_not_reached_is_not_asked(self):
        trigger = self._trigger(event="contact_done", filter_domain="[]")
        self._policy()
        journey = self._journey(self._confirmed())
        self._run("care.followup")
        self.env["care.followup"].search([("journey_id", "=", journey.id)]).action_no_answer()
        self.assertFalse(self._about(journey, trigger))

    def _called(self, case):
        """A call about a case, by the agent who has it."""
        call = self.env["care.followup"].with_user(self.agent)
        call = call.create({"case_id": case.id, "name": "Call"})
        call.action_all_well()
        return call.sudo(self.env.su).with_env(self.env)

    def test_a_contact_about_a_case_is_asked_about(self):
        trigger = self._trigger(event="case_contact_done", filter_domain="[]")
        case = self._case(kind="enquiry", owner_id=self.agent.id)
        followup = self._called(case)
        row = self._about(case, trigger)
        self.assertEqual((row.followup_id, row.case_id), (followup, case))

    def test_each_stage_that_a_case_enters_is_asked_about_once(self):
        trigger = self._trigger(
            event="case_stage_entered", filter_domain="[('stage_category', '=', 'open')]"
        )
        case = self._case(kind="enquiry", owner_id=self.agent.id)
        self.assertFalse(self._about(case, trigger), "it began there")
        case._enter_category("waiting")
        case._enter_category("open")
        row = self._about(case, trigger)
        self.assertEqual((len(row), row.occurrence), (1, case.entries))
        trigger._handle(case, "case_stage_entered")
        self.assertEqual(self._about(case, trigger), row, "told twice, asked once")
        case._enter_category("waiting")
        case._enter_category("open")
        self.assertEqual(len(self._about(case, trigger)), 2)

    def test_stage_that_a_case_enters_by_being_opened_again_is_asked_about(self):
        trigger = self._trigger(
            event="case_stage_entered", filter_domain="[('stage_category', '=', 'open')]"
        )
        case = self._closed(kind="enquiry", owner_id=self.agent.id)
        case.action_reopen()
        row = self._about(case, trigger)
        self.assertEqual((len(row), row.state), (1, "planned"))
        self._close(case)
        case.action_reopen()
        self.assertEqual(self._about(case, trigger).mapped("state"), ["cancelled", "planned"])

    def test_nobody_is_asked_about_the_stage_of_what_is_cancelled(self):
        trigger = self._trigger(event="case_stage_entered", filter_domain="[]")
        case = self._case(kind="enquiry", cancel_reason="A mistake.")
        case.action_cancel()
        self.assertFalse(self._about(case, trigger))

    def test_who_writes_about_a_case_can_be_asked_and_notes_and_machines_are_no_words(self):
        trigger = self._trigger(event="case_customer_wrote", filter_domain="[]")
        case = self._case(kind="enquiry", owner_id=self.agent.id)
        by_us = case.with_user(self.agent)
        by_us.message_post(
            body="We look into it.", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        theirs = {
            "author_id": self.customer.id,
            "body": "Any news?",
            "subtype_xmlid": "mail.mt_comment",
        }
        case.message_post(**theirs, message_type="auto_comment")
        self.assertFalse(self._about(case, trigger))
        message = case.message_post(**theirs, message_type="email")
        row = self._about(case, trigger)
        self.assertEqual((len(row), row.occurrence), (1, message.id))
        case.message_post(**theirs, message_type="email")
        self.assertEqual(len(self._about(case, trigger)), 2)

    def test_who_was_answered_about_a_case_can_be_asked(self):
        trigger = self._trigger(event="case_staff_replied", filter_domain="[]")
        case = self._case(kind="enquiry", owner_id=self.agent.id)
        case.message_post(
            author_id=self.customer.id,
            body="Any news?",
            message_type="email",
            subtype_xmlid="mail.mt_comment",
        )
        by_us = case.with_user(self.agent)
        by_us.message_post(body="Ask the fitter", subtype_xmlid="mail.mt_note")
        self.assertFalse(self._about(case, trigger))
        message = by_us.message_post(
            body="It comes on Monday.", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        row = self._about(case, trigger)
        self.assertEqual((len(row), row.occurrence), (1, message.id))
        self._run_invitations()
        self.assertEqual((row.state, row.followup_id.id), ("sent", False))

    def test_who_is_answered_beside_many_others_can_be_asked(self):
        trigger = self._trigger(event="case_staff_replied", filter_domain="[]")
        cases = self._case(kind="enquiry") | self._case(kind="enquiry")
        composer = self.env["mail.compose.message"].with_user(self.manager)
        composer.create(
            {
                "composition_mode": "mass_mail",
                "model": "care.case",
                "res_ids": str(cases.ids),
                "subject": "The part has arrived",
                "body": "<p>We come tomorrow.</p>",
            }
        )._action_send_mail()
        for case in cases:
            self.assertEqual(len(self._about(case, trigger)), 1)

    def test_who_is_answered_by_a_mail_that_waits_can_be_asked_once_it_went_out(self):
        trigger = self._trigger(event="case_staff_replied", filter_domain="[]")
        cases = self._case(kind="enquiry") | self._case(kind="enquiry")
        template = self.env["mail.template"].create(
            {
                "name": "Later",
                "model_id": self.env["ir.model"]._get_id("care.case"),
                "use_default_to": True,
                "scheduled_date": fields.Datetime.now() + timedelta(days=1),
                "auto_delete": False,
            }
        )
        composer = self.env["mail.compose.message"].with_user(self.manager)
        mails = composer.create(
            {
                "composition_mode": "mass_mail",
                "model": "care.case",
                "res_ids": str(cases.ids),
                "subject": "The part has arrived",
                "body": "<p>We come tomorrow.</p>",
                "template_id": template.id,
            }
        )._action_send_mail()[0]
        for case in cases:
            self.assertFalse(self._about(case, trigger))
        for _time in range(2):
            mails.sudo().filtered(lambda mail: mail.state != "cancel").state = "outgoing"
            with self.mock_mail_gateway():
                mails.sudo().send()
                self.env.cr.flush()
            for case in cases:
                message = mails.filtered(lambda mail, case=case: mail.res_id == case.id)
                row = self._about(case, trigger)
                self.assertEqual((len(row), row.occurrence), (1, message.mail_message_id.id))

    def test_broken_filter_of_a_contact_is_retried_for_that_contact(self):
        trigger = self._trigger(event="case_contact_done", filter_domain="[]")
        self.env.cr.execute(
            "UPDATE care_survey_trigger SET filter_domain = %s WHERE id = %s",
            ("[('no_such_field', '=', 1)]", trigger.id),
        )
        trigger.invalidate_recordset()
        case = self._case(kind="enquiry", owner_id=self.agent.id)
        with self.assertLogs("odoo.addons.customer_care.models.care_rule_mixin", "WARNING"):
            followup = self._called(case)
        self.assertEqual(followup.state, "done")
        trigger.filter_domain = "[]"
        self._run("care.retry")
        self.assertEqual(self._about(case, trigger).followup_id, followup)

    def test_the_first_order_of_a_service_is_asked_about_and_no_other(self):
        trigger = self._trigger(event="first_service", filter_domain="[]", delay_count=7)
        self.env["care.service"].create(
            {
                "name": "Fitting",
                "company_id": self.company.id,
                "product_ids": [Command.set(self.product.ids)],
            }
        )
        first, second = (self._journey(self._confirmed()) for _i in range(2))
        self.assertTrue(self._about(first, trigger))
        self.assertFalse(self._about(second, trigger))

    def test_the_end_of_a_free_service_is_asked_about_when_it_ends(self):
        trigger = self._trigger(event="coverage_end", filter_domain="[]", delay_count=0)
        self.env["care.service.plan"].create(
            {
                "name": "Two years",
                "company_id": self.company.id,
                "months": 24,
                "product_tmpl_ids": [Command.set(self.product.product_tmpl_id.ids)],
            }
        )
        order = self._confirmed()
        journey = self._journey(order)
        self.assertFalse(self._about(journey, trigger))
        order.order_line.qty_delivered = 1
        self.env.cr.flush()  # as a commit does
        row = self._about(journey, trigger)
        last_day = journey.coverage_ids.date_end
        self.assertEqual(row.planned_for.date(), last_day, "in Brussels it is over")
        self.assertIn(row.planned_for.hour, (22, 23))

    # ------------------------------------------------------------
    # Whom
    # ------------------------------------------------------------

    def test_only_the_teams_named_are_asked_about(self):
        other = self.team.copy({"name": "Fitters"})
        trigger = self._trigger(team_ids=[Command.set(other.ids)])
        mine, theirs = self._case(), self._case(team_id=other.id)
        self._close(mine | theirs)
        self.assertFalse(self._about(mine, trigger))
        self.assertTrue(self._about(theirs, trigger))

    def test_only_the_tiers_named_are_asked(self):
        key = self.env["care.tier"].create({"name": "Key of a test"})
        trigger = self._trigger(tier_ids=[Command.set(key.ids)])
        self.assertFalse(self._about(self._closed(), trigger))
        self.env["care.profile"].create(
            {"partner_id": self.customer.id, "company_id": self.company.id, "tier_id": key.id}
        )
        self.assertTrue(self._about(self._closed(), trigger))

    def test_only_the_product_categories_named_are_asked_about(self):
        parent = self.env["product.category"].create({"name": "White goods"})
        ovens = self.env["product.category"].create({"name": "Ovens", "parent_id": parent.id})
        about = self._trigger(event="order_confirmed", filter_domain="[]")
        about.categ_ids = parent
        case = self._trigger(categ_ids=[Command.set(parent.ids)])
        journey = self._journey(self._confirmed())
        self.assertFalse(self._about(journey, about))
        self.product.categ_id = ovens
        order = self._confirmed()
        self.assertTrue(self._about(self._journey(order), about))
        self.assertTrue(self._about(self._closed(order_id=order.id), case))
        lamp = self.env["product.product"].create({"name": "Lamp"})
        self.assertFalse(
            self._about(self._closed(order_id=order.id, product_id=lamp.id), case),
            "the case is about another product",
        )

    def test_a_share_is_drawn_and_the_same_every_time(self):
        trigger = self._trigger(share=30)
        people = self.env["res.partner"].create([{"name": f"P{n}"} for n in range(400)])
        drawn = people.filtered(trigger._is_drawn)
        self.assertEqual(drawn, people.filtered(trigger._is_drawn))
        self.assertTrue(80 < len(drawn) < 160, len(drawn))
        trigger.share = 60
        self.assertLess(drawn, people.filtered(trigger._is_drawn), "who was asked still is")
        others = people.filtered(self._trigger(share=30)._is_drawn)
        self.assertNotEqual(drawn, others, "another trigger draws others")

    def test_who_is_not_drawn_is_not_planned(self):
        trigger = self._trigger(share=1)
        people = self.env["res.partner"].create([{"name": f"P{n}"} for n in range(40)])
        out = people.filtered(lambda partner: not trigger._is_drawn(partner))[0]
        case = self._closed(partner_id=out.id)
        self.assertFalse(self._about(case, trigger))

    def test_numbers_that_make_no_sense_are_refused(self):
        for vals in (
            {"share": 0},
            {"share": 101},
            {"hour": 24},
            {"patience_days": 0},
            {"reminder_count": -1},
            {"reminder_count": 1, "reminder_days": 0},
        ):
            with (
                self.subTest(vals=vals),
                mute_logger("odoo.sql_db"),
                self.assertRaises(CheckViolation),
                self.env.cr.savepoint(),
            ):
                self.trigger.write(vals)
                self.env.flush_all()

    # ------------------------------------------------------------
    # When
    # ------------------------------------------------------------

    def _ask_at(self, moment, partner=None, **vals):
        trigger = self._trigger(**vals)
        return trigger._ask_at(self.company, partner or self.customer, moment, {})

    def test_calendar_delays(self):
        self.assertEqual(
            self._ask_at(MONDAY, delay_count=3, delay_unit="hours"), datetime(2026, 3, 2, 13)
        )
        self.assertEqual(
            self._ask_at(MONDAY, delay_count=3, delay_unit="days"), datetime(2026, 3, 5, 10)
        )

    def test_working_delays_go_by_the_companys_hours(self):
        friday = datetime(2026, 3, 6, 15)  # 16:00, an hour before it closes
        self.assertEqual(
            self._ask_at(friday, delay_count=2, delay_unit="hours", delay_kind="working"),
            datetime(2026, 3, 9, 9),  # Monday at 10:00
        )
        self.assertEqual(
            self._ask_at(friday, delay_count=1, delay_unit="days", delay_kind="working"),
            datetime(2026, 3, 9, 15),
        )

    def test_working_delay_without_usable_hours_is_a_calendar_delay(self):
        self.company.resource_calendar_id.attendance_ids.unlink()
        self.assertEqual(
            self._ask_at(MONDAY, delay_count=2, delay_unit="hours", delay_kind="working"),
            datetime(2026, 3, 2, 12),
        )

    def test_the_hour_is_that_of_the_customers_own_zone(self):
        hour = {"at_hour": True, "hour": 9.5, "delay_count": 1, "delay_unit": "days"}
        expected = {
            False: datetime(2026, 3, 3, 8, 30),  # the company's: Brussels
            "Asia/Kolkata": datetime(2026, 3, 3, 4, 0),
            "America/New_York": datetime(2026, 3, 3, 14, 30),
            "Pacific/Auckland": datetime(2026, 3, 2, 20, 30),  # it is Tuesday there
        }
        for zone, at in expected.items():
            with self.subTest(zone=zone):
                self.customer.tz = zone
                self.assertEqual(self._ask_at(MONDAY, **hour), at)

    def test_an_hour_that_has_passed_is_that_of_the_next_day(self):
        self.assertEqual(
            self._ask_at(MONDAY, at_hour=True, hour=9, delay_count=0), datetime(2026, 3, 3, 8)
        )
        self.assertEqual(
            self._ask_at(MONDAY, at_hour=True, hour=15, delay_count=2, delay_unit="hours"),
            datetime(2026, 3, 2, 14),
        )

    def test_the_hour_stays_when_the_clocks_change(self):
        saturday = datetime(2026, 3, 28, 11)
        at = self._ask_at(saturday, at_hour=True, hour=10, delay_count=1, delay_unit="days")
        self.assertEqual(at, datetime(2026, 3, 29, 8), "10:00 in summer time")
        at = self._ask_at(saturday, at_hour=True, hour=2.5, delay_count=1, delay_unit="days")
        self.assertEqual(at.date(), datetime(2026, 3, 29).date(), "an hour that does not exist")
        october = datetime(2026, 10, 24, 11)
        at = self._ask_at(october, at_hour=True, hour=10, delay_count=1, delay_unit="days")
        self.assertEqual(at, datetime(2026, 10, 25, 9))

    # ------------------------------------------------------------
    # What
    # ------------------------------------------------------------

    def test_a_survey_for_each_language(self):
        french = self.env["res.lang"]._activate_lang("fr_FR")
        other = self.survey.copy({"title": "C'était comment ?"})
        trigger = self._trigger(
            language_ids=[Command.create({"lang_id": french.id, "survey_id": other.id})]
        )
        rows = self.env["care.survey.invitation"]
        self.env["res.lang"]._activate_lang("fr_BE")
        # a customer in Belgium speaks French too
        for lang, survey in (("fr_FR", other), ("fr_BE", other), ("en_US", self.survey)):
            partner = self.env["res.partner"].create(
                {"name": lang, "lang": lang, "email": f"{lang}@example.com"}
            )
            row = self._about(self._closed(partner_id=partner.id), trigger)
            rows |= row
            self._run_invitations()
            self.assertEqual(row.user_input_id.survey_id, survey)
        self.assertEqual(set(rows.mapped("state")), {"sent"})

    def test_who_speaks_the_surveys_own_language_is_not_sent_another_countrys(self):
        taiwan, china, singapore = (
            self.env["res.lang"]._activate_lang(code) for code in ("zh_TW", "zh_CN", "zh_HK")
        )
        other = self.survey.copy({"title": "你好"})
        trigger = self._trigger(
            language_ids=[Command.create({"lang_id": taiwan.id, "survey_id": other.id})]
        )
        partners = [
            self.env["res.partner"].create({"name": lang.code, "lang": lang.code})
            for lang in (china, taiwan, singapore)
        ]

        def sent():
            return [trigger._survey_for(partner) for partner in partners]

        self.company.partner_id.lang = "en_US"
        self.assertEqual(sent(), [other, other, other], "the survey is in English")
        self.survey.lang_ids = china
        self.assertEqual(sent(), [self.survey, other, other])
        self.survey.lang_ids = False
        self.company.partner_id.lang = "zh_CN"
        self.assertEqual(sent(), [self.survey, other, other], "in the company's language")

    def test_a_survey_in_another_language_has_to_fit_too(self):
        french = self.env["res.lang"]._activate_lang("fr_FR")
        other = self.survey.copy({"title": "Autre"})
        other.users_login_required = True
        wrong = self.assertRaisesRegex(ValidationError, "requires a login")
        with wrong, self.env.cr.savepoint():
            self._trigger(
                language_ids=[Command.create({"lang_id": french.id, "survey_id": other.id})]
            )
        other.users_login_required = False
        trigger = self._trigger(
            language_ids=[Command.create({"lang_id": french.id, "survey_id": other.id})]
        )
        # 6 of 10 is bad, and on a scale of another length what is usual there
        question = other.question_ids.filtered("care_measure")
        question.write({"care_measure": "csat", "scale_min": 1, "scale_max": 5})
        self.assertEqual([trigger._bad_up_to(*scale) for scale in ((0, 10), (1, 5))], [6, 2])

    def test_a_survey_without_a_measure_may_ask_if_no_answer_is_bad(self):
        self.nps.care_measure = False
        with self.assertRaisesRegex(ValidationError, "do not open cases"):
            self._trigger()
        self.assertTrue(self._trigger(open_case=False))

    def test_choosing_regularly_proposes_customers_and_another_mail(self):
        with Form(self.env["care.survey.trigger"].with_company(self.company)) as form:
            form.name = "Every quarter"
            form.survey_id = self.survey
            form.event = "periodic"
            self.assertIn("sale_order_ids", form.filter_domain)
            self.assertEqual(
                form.mail_template_id,
                self.env.ref("customer_care_survey.mail_template_regular"),
            )
            form.event = "order_confirmed"
            self.assertEqual(form.filter_domain, "[]")

    # ------------------------------------------------------------
    # Preview
    # ------------------------------------------------------------

    def test_the_preview_says_who_would_have_been_asked_and_writes_nothing(self):
        case = self._case()
        self._closed(channel="survey")
        self._close(case)
        trigger = self._trigger()
        action = trigger.with_user(self.manager).action_preview()
        self.assertEqual(action["res_id"], trigger.id)
        page = trigger.with_user(self.manager).with_company(self.company).preview_html
        self.assertIn("1 of 2 would have been asked", page)
        self.assertIn("Clara Moreau", page)
        self.assertIn("do not match", page)
        self.assertFalse(self._about(case, trigger))

    def test_each_event_has_a_preview_or_says_why_not(self):
        for event, _label in self.env["care.survey.trigger"]._selection_event():
            with self.subTest(event=event):
                trigger = self._trigger(event=event, filter_domain="[]")
                page = trigger.with_user(self.manager).with_company(self.company).preview_html
                self.assertRegex(page, "would have been asked|no date behind")

    def test_the_preview_of_contacts_knows_when_they_were(self):
        self._called(self._case(kind="enquiry", owner_id=self.agent.id))
        trigger = self._trigger(event="case_contact_done", filter_domain="[]")
        page = trigger.with_user(self.manager).with_company(self.company).preview_html
        self.assertIn("1 of 1 would have been asked", page)
