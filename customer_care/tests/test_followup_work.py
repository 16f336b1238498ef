from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CareCase


@tagged("post_install", "-at_install")
class TestFollowupWork(CareCase):
    """What people do with follow-ups: outcomes, the first owner's call, the morning mail."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "care_checkback_days": 3})

    def _open_followup(self, **policy):
        self._policy(**policy)
        journey = self._journey(self._confirmed())
        self._run("care.followup", days=7)
        return journey.followup_ids

    def _ends_with(self, followup, name, **vals):
        followup = followup.with_user(followup.user_id)
        followup.write({"outcome_id": self.env.ref(f"customer_care.outcome_{name}").id, **vals})
        return followup.action_done()

    # ------------------------------------------------------------
    # Outcomes
    # ------------------------------------------------------------

    def test_a_need_is_kept_and_followed_up_in_time(self):
        followup = self._open_followup()
        day = fields.Date.today() + timedelta(days=30)
        with self.assertRaisesRegex(UserError, "what the customer needs"):
            self._ends_with(followup, "need", need_text="A quieter dishwasher")
        self._ends_with(followup, "need", need_date=day)
        self.assertEqual((followup.state, followup.need_date), ("done", day))
        planned = followup.journey_id.followup_ids - followup
        self.assertIn("A quieter dishwasher", planned.name)
        self.assertEqual(planned.origin_id, followup)
        self.assertEqual(planned.user_id, self.rep)
        self.assertGreaterEqual(planned.date_due, day)
        self.assertLess(planned.date_due, day + timedelta(days=4))
        self._run("care.followup", days=40)
        self.assertEqual(planned.state, "open")

    def test_honest_advice_is_kept(self):
        followup = self._open_followup()
        with self.assertRaisesRegex(UserError, "what you advised"):
            self._ends_with(followup, "elsewhere")
        self._ends_with(followup, "elsewhere", advice="The shop round the corner repairs it.")
        self.assertEqual(followup.advice, "The shop round the corner repairs it.")
        self.assertEqual(len(followup.journey_id.followup_ids), 1)

    def test_not_needed_ends_it(self):
        followup = self._open_followup()
        self._ends_with(followup, "not_needed")
        self.assertEqual(followup.state, "done")
        self.assertEqual(len(followup.journey_id.followup_ids), 1)

    def test_two_outcomes_take_one_tap(self):
        followup = self._open_followup()
        followup.with_user(self.rep).action_no_answer()
        self.assertEqual(followup.outcome_id, self.env.ref("customer_care.outcome_no_answer"))
        again = followup.journey_id.followup_ids - followup
        again.with_user(self.rep).action_all_well()
        self.assertEqual(again.outcome_id, self.env.ref("customer_care.outcome_satisfied"))
        self.assertEqual(again.state, "done")
        self.assertFalse(followup.journey_id.activity_ids)

    def test_what_was_held_can_be_done_all_the_same(self):
        self._policy()
        journey = self._journey(self._confirmed())
        self._case()
        self._run("care.followup", days=7)
        self.assertEqual(journey.followup_ids.state, "held")
        journey.followup_ids.with_user(self.rep).action_all_well()
        self.assertEqual(journey.followup_ids.state, "done")
        self.assertFalse(journey.followup_ids.hold_reason)

    def test_next_and_previous_walk_through_ones_own(self):
        self._policy(((0, "care_owner"), (7, "care_owner")))
        first, second = self._journey(self._confirmed()).followup_ids.sorted("date_due")
        mine = first.with_user(self.rep)
        self.assertEqual(mine.action_next()["res_id"], second.id)
        self.assertEqual(second.with_user(self.rep).action_previous()["res_id"], first.id)
        with self.assertRaises(UserError):
            second.with_user(self.rep).action_next()

    def test_the_call_script_stands_beside_the_follow_up(self):
        followup = self._open_followup(script="<p>Ask about the noise</p>")
        followup.step_id.note = "<p>Have the invoice ready</p>"
        self.assertIn("Ask about the noise", followup.with_user(self.rep).script)
        self.assertIn("Have the invoice ready", followup.with_user(self.rep).script)

    # ------------------------------------------------------------
    # The first owner checks back
    # ------------------------------------------------------------

    def _checks(self, case):
        return case.followup_ids.filtered("check_back")

    def _resolved(self, **vals):
        case = self._case(resolution="Mended", owner_id=self.agent.id, **vals)
        case.action_resolve()
        return case

    def test_the_first_owner_asks_a_silent_customer_after_some_working_days(self):
        with self._at("2026-03-04 10:00:00"):  # Wednesday
            case = self._resolved()
        check = self._checks(case)
        self.assertEqual(str(check.date_due), "2026-03-09")
        self.assertEqual((check.user_id, check.check_back), (self.agent, "silent"))

    def test_after_a_hand_off_the_first_owner_asks_the_next_working_day(self):
        with self._at("2026-03-06 10:00:00"):  # Friday
            case = self._case(resolution="Mended", owner_id=self.agent.id)
            case.owner_id = self.agent2
            case.action_resolve()
        check = self._checks(case)
        self.assertEqual(str(check.date_due), "2026-03-09")
        self.assertEqual((check.user_id, check.check_back), (self.agent, "handed_over"))

    def test_the_customers_answer_cancels_it_and_a_new_resolution_revives_it(self):
        case = self._resolved()
        check = self._checks(case)
        case._customer_answers("no", "It is cold again")
        self.assertEqual((check.state, check.cancel_reason), ("cancelled", "answered"))
        self.assertFalse(check.next_at)
        case.action_resolve()
        self.assertEqual(self._checks(case), check)
        self.assertEqual((check.state, check.cancel_reason), ("planned", False))
        case._customer_answers("yes")
        self.assertEqual((check.state, check.cancel_reason), ("cancelled", "answered"))

    def test_once_done_it_is_not_asked_again(self):
        case = self._resolved()
        check = self._checks(case)
        check.with_user(self.agent).action_all_well()
        case.action_reopen()
        case.action_resolve()
        self.assertEqual(self._checks(case), check)
        self.assertEqual(check.state, "done")

    def test_the_check_back_is_not_ticked_off_without_the_customers_answer(self):
        check = self._checks(self._resolved())
        self._run("care.followup", days=10)
        self.assertEqual(check.state, "open")
        for gesture in ("action_done", "action_archive"):
            with self.subTest(gesture), self.assertRaises(RedirectWarning) as raised:
                getattr(check.activity_id.with_user(self.agent), gesture)()
            self.assertEqual(raised.exception.args[1]["res_id"], check.id)
        self.assertEqual(check.state, "open")
        check.with_user(self.agent).action_all_well()
        self.assertFalse(check.activity_id.active)

    def test_a_problem_heard_in_the_check_back_reopens_the_case_and_tells_its_owner(self):
        case = self._resolved()
        case.owner_id = self.agent2
        check = self._checks(case).with_user(self.agent)
        check.write(
            {
                "outcome_id": self.env.ref("customer_care.outcome_problem").id,
                "feedback": "It is cold again.",
            }
        )
        action = check.action_done()
        self.assertEqual((action["res_model"], action["res_id"]), ("care.case", case.id))
        self.assertEqual(case.stage_category, "open")
        self.assertEqual(check.state, "done")
        self.assertFalse(check.case_opened_id, "no second case about the same")
        self.assertIn("It is cold again.", "".join(case.message_ids.mapped("body")))
        self._run("care.notice")
        reopened = self.env.ref("customer_care.mail_activity_type_reopened")
        told = case.activity_ids.filtered(lambda row: row.activity_type_id == reopened)
        self.assertEqual(told.user_id, self.agent2)

    def test_the_check_back_comes_in_the_customers_hours_and_by_their_channel(self):
        self.customer.tz = "Europe/Brussels"
        self.env["care.profile"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "contact_from": 14,
                "preferred_channel": "email",
            }
        )
        with self._at("2026-03-04 10:00:00"):
            check = self._checks(self._resolved())
        with self._at("2026-03-09 09:00:00"):
            check._run_due()
            self.assertEqual((check.state, check.hold_reason), ("held", "customer_hours"))
        with self._at("2026-03-09 13:00:00"):
            check._run_due()
            self.assertEqual(check.state, "open")
            self.assertEqual(check.activity_type_id, self.env.ref("mail.mail_activity_data_email"))

    def test_a_check_back_says_that_customer_care_asks_for_it_and_no_person(self):
        for handed_over, word in ((False, "has not answered"), (True, "has changed hands")):
            with self.subTest(word):
                case = self._case(resolution="Mended", owner_id=self.agent.id)
                if handed_over:
                    case.owner_id = self.agent2
                # whoever resolves it has not planned the call
                case.with_user(self.manager).action_resolve()
                check = self._checks(case).with_user(self.agent)
                self.assertIn(word, check.explanation)
                self.assertIn(f"Case resolved, {case.display_name}", check.explanation)
                self.assertNotIn("by hand", check.explanation)
                self.assertNotIn(self.manager.name, check.explanation)

    def test_there_is_one_check_back_in_the_database(self):
        check = self._checks(self._resolved())
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            check.copy({"check_back": "silent"}).flush_recordset()

    def test_an_absent_first_owner_is_stood_in_for(self):
        case = self._case(resolution="Mended", owner_id=self.agent.id)
        self.agent.active = False
        case.action_resolve()
        check = self._checks(case)
        self.assertEqual(check.user_id, self.leader)

    def test_a_customer_who_wrote_is_not_silent(self):
        case = self._resolved()
        case.message_post(
            body="It is cold again",
            author_id=self.customer.id,
            message_type="email",
            subtype_xmlid="mail.mt_comment",
        )
        self.assertEqual(case.stage_category, "open")
        self._run("care.followup", days=10)
        check = self._checks(case)
        self.assertEqual((check.state, check.cancel_reason), ("cancelled", "ended"))

    def test_nobody_is_asked_whether_their_praise_is_solved(self):
        self.assertFalse(self._checks(self._resolved(kind="compliment")))

    # ------------------------------------------------------------
    # Activities
    # ------------------------------------------------------------

    def test_making_activities_mails_nobody(self):
        mails = self.env["mail.mail"].search_count([])
        messages = self.env["mail.message"].search_count([("model", "=", "care.journey")])
        self._policy()
        orders = self._order() | self._order() | self._order()
        orders.action_confirm()
        self.env["care.followup"].search([("company_id", "=", self.company.id)]).write(
            {"next_at": fields.Datetime.now() - timedelta(minutes=1)}
        )
        self._run("care.followup")
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)
        self.assertEqual(
            self.env["mail.message"].search_count([("model", "=", "care.journey")]), messages
        )

    def test_making_an_activity_takes_a_tenth_of_a_query(self):
        self._policy()
        orders = self.env["sale.order"]
        for _i in range(100):
            orders |= self._order()
        orders.action_confirm()
        rows = self.env["care.followup"].search([("company_id", "=", self.company.id)])
        rows.write({"next_at": fields.Datetime.now() - timedelta(minutes=1)})

        def cost(rows):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            rows._run_guarded()
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        cost(rows[:2])
        few, many = cost(rows[2:18]), cost(rows[18:])
        self.assertLessEqual(many - few, 0.1 * (82 - 16))

    def test_a_long_list_costs_as_many_queries_as_a_short_one(self):
        self._policy()
        orders = self.env["sale.order"]
        for number in range(24):
            partner = self.env["res.partner"].create({"name": f"Customer {number}"})
            orders |= self._order(partner=partner)
        orders.action_confirm()
        rows = self.env["care.followup"].search([("company_id", "=", self.company.id)])
        view = rows.get_view(view_type="list")
        names = [name for name in view["models"]["care.followup"] if name in rows._fields]

        def cost(rows):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            rows.web_read({name: {} for name in names})
            return self.env.cr.sql_log_count - start

        cost(rows[:1])
        self.assertEqual(cost(rows[4:]), cost(rows[2:4]))

    def test_the_script_on_the_activity_is_in_the_language_of_who_reads_it(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.rep.lang = "fr_FR"
        policy = self._policy(script="<p>Ask about the noise</p>")
        policy.update_field_translations(
            "script", {"fr_FR": {"Ask about the noise": "Parlez du bruit"}}
        )
        rows = self._journey(self._confirmed()).followup_ids
        other = self._journey(self._confirmed(user=self.agent)).followup_ids
        (rows | other)._run_due()
        self.assertIn("Parlez du bruit", rows.activity_id.note)
        self.assertIn("Ask about the noise", other.activity_id.note)

    def test_a_deleted_follow_up_leaves_no_activity_behind(self):
        journey = self._journey(self._confirmed())
        row = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask about the filter", "journey_id": journey.id})
        )
        self._run("care.followup", days=1)
        self.assertTrue(journey.activity_ids)
        row.with_user(self.manager).unlink()
        self.assertFalse(journey.activity_ids)

    # ------------------------------------------------------------
    # The morning mail
    # ------------------------------------------------------------

    def _morning_mails(self):
        self.env["care.digest"]._plan_mornings()
        rows = self.env["care.digest"].search([("user_id", "=", self.rep.id)])
        rows.filtered(lambda row: row.state == "planned")._run_due()
        return self.env["mail.mail"].search(
            [("model", "=", "care.digest"), ("res_id", "in", rows.ids)]
        )

    def test_one_mail_a_morning_lists_todays_and_late_follow_ups_with_links(self):
        self.rep.email = "rep@example.com"
        self.env["care.followup"].search([("state", "=", "open")])._cancel("ended")
        self._policy(((0, "care_owner"), (1, "care_owner"), (9, "care_owner")))
        with self._at("2026-03-03 08:00:00"):  # Tuesday
            rows = self._journey(self._confirmed()).followup_ids.sorted("date_due")
            rows[0]._run_due()
        with self._at("2026-03-04 04:30:00"):  # 5:30 in Brussels
            rows[1]._run_due()
            self.assertFalse(self._morning_mails())
        with self._at("2026-03-04 06:15:00"):
            mail = self._morning_mails()
            self.assertEqual(len(mail), 1)
            self.assertIn("rep@example.com", mail.email_to)
            for row in rows[:2]:
                self.assertIn(f"/odoo/my-follow-ups/{row.id}", mail.body_html)
            self.assertNotIn(f"/odoo/my-follow-ups/{rows[2].id}", mail.body_html)
            self.assertIn("Clara Moreau", mail.body_html)
            # the cron again, on the same morning
            self.assertEqual(self._morning_mails(), mail)
        with self._at("2026-03-04 14:00:00"):
            self.assertEqual(self._morning_mails(), mail)
        with self._at("2026-03-05 06:15:00"):
            self.assertEqual(len(self._morning_mails()), 2)
        with self._at("2026-03-07 06:15:00"):  # a Saturday
            self.assertEqual(len(self._morning_mails()), 2)

    def test_who_does_not_want_the_mail_gets_none(self):
        self.rep.write({"email": "rep@example.com", "care_no_digest": True})
        self._policy()
        with self._at("2026-03-04 06:15:00"):
            self._journey(self._confirmed()).followup_ids._run_due()
            self.assertFalse(self._morning_mails())

    def test_the_mail_is_in_the_persons_own_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        template = self.env.ref("customer_care.mail_template_digest")
        template.with_context(lang="fr_FR").subject = "Vos appels : {{ len(object._followups()) }}"
        self.rep.write({"email": "rep@example.com", "lang": "fr_FR"})
        self._policy()
        with self._at("2026-03-04 06:15:00"):
            self._journey(self._confirmed()).followup_ids._run_due()
            self.assertIn("Vos appels", self._morning_mails().subject)

    # ------------------------------------------------------------
    # People leave
    # ------------------------------------------------------------

    def test_what_is_held_goes_along_when_its_person_leaves(self):
        self._policy()
        journey = self._journey(self._confirmed())
        self._case()
        self._run("care.followup", days=7)
        self.assertEqual(journey.followup_ids.state, "held")
        self.rep.action_archive()
        self.assertNotEqual(journey.followup_ids.user_id, self.rep)
        self.assertTrue(journey.followup_ids.user_id.active)
        self.assertEqual(journey.followup_ids.state, "held")

    def test_moving_what_is_held_decides_it_anew_on_that_day(self):
        self._policy()
        journey = self._journey(self._confirmed())
        self._case()
        self._run("care.followup", days=7)
        day = fields.Date.today() + timedelta(days=5)
        journey.followup_ids.with_user(self.rep).date_due = day
        self.assertEqual(journey.followup_ids.state, "held")
        self.assertGreater(journey.followup_ids.next_at, fields.Datetime.now() + timedelta(days=3))

    def test_new_fields_of_the_engine_cannot_be_forged(self):
        followup = self._open_followup().with_user(self.rep)
        for vals in (
            {"hold_reason": "daily_cap"},
            {"hold_override": True},
            {"merged_into_id": followup.id},
            {"trail": "x"},
            {"sale_line_id": False},
            {"check_back": "silent"},
            {"opened_at": False},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                followup.write(vals)
        backfill = self.env["care.backfill"].create(
            {"policy_id": followup.policy_id.id, "company_id": self.company.id}
        )
        with self.assertRaises(AccessError):
            backfill.with_user(self.leader).action_start()
        with self.assertRaises(AccessError):
            backfill.with_user(self.manager).write({"done_count": 5})
