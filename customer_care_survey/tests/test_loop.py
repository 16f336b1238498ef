from datetime import datetime, timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestLoop(CareSurveyCase):
    """A bad answer, who hears of it, and what ends it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.curator = cls._user("care_curator", "customer_care.group_leader")
        cls.working = cls.env["care.stage"]._in_category("care.case", "open")
        cls.working.curator_id = cls.curator

    @classmethod
    def _closed(cls, **vals):
        with cls._earlier():
            case = cls._case(**vals)
        cls._close(case)
        return case

    def _bad(self, value=1, text="", **vals):
        invitation = self._sent(owner_id=self.agent.id, **vals)
        self._answer(invitation, value, text)
        self._run_invitations()
        return invitation

    def _suggestions(self):
        return self.env["care.case"].search(
            [("partner_id", "=", self.customer.id), ("kind", "=", "suggestion")]
        )

    # ------------------------------------------------------------
    # Who
    # ------------------------------------------------------------

    def test_answer_about_somebodys_own_case_goes_to_the_curator(self):
        case = self._bad().recovery_case_id
        self.assertEqual(case.owner_id, self.curator)
        self.assertEqual(case.team_id, self.team)

    def test_curator_who_had_the_case_leaves_it_to_the_leader(self):
        self.working.curator_id = self.agent.id
        self.assertEqual(self._bad().recovery_case_id.owner_id, self.leader)

    def test_nobody_but_the_person_complained_of_is_not_chosen(self):
        self.working.curator_id = self.agent.id
        self.agent.group_ids += self.env.ref("customer_care.group_leader")
        self.team.leader_id = self.agent.id
        owner = self._bad().recovery_case_id.owner_id
        self.assertTrue(owner)
        self.assertNotEqual(owner, self.agent)

    def test_answer_about_an_order_goes_to_the_owner_of_its_stage(self):
        order = self._confirmed()
        journey = self._journey(order)
        row = self.env["care.survey.invitation"].create(
            {
                "journey_id": journey.id,
                "trigger_id": self.trigger.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
            }
        )
        row._send()
        self._answer(row, 2, "It came broken")
        self._run_invitations()
        case = row.recovery_case_id
        self.assertEqual(case.owner_id, journey.owner_id)
        self.assertIn("It came broken", case.description)

    def test_answer_made_anonymous_or_deleted_in_between_opens_its_case_all_the_same(self):
        for what in ("anonymous", "deleted"):
            with self.subTest(what=what):
                invitation = self._sent()
                self._answer(invitation, 0, "Bad")
                answer = invitation.user_input_id
                if what == "anonymous":
                    answer.write({"partner_id": False, "email": False, "nickname": False})
                else:
                    answer.unlink()
                self._run_invitations()
                case = invitation.recovery_case_id
                self.assertEqual(case.partner_id, self.customer)
                self.assertIn("0 / 10", case.description)
                self._close(case)

    def test_survey_deleted_in_between_loses_neither_score_nor_case(self):
        invitation = self._sent()
        self._answer(invitation, 0, "Bad")
        score = invitation.score_ids
        self.survey.with_context(active_test=False).user_input_ids.unlink()
        self._run_invitations()
        self.assertEqual(score.exists().value, 0)
        self.assertEqual(len(self._recovery_cases()), 1)

    # ------------------------------------------------------------
    # Hearing back
    # ------------------------------------------------------------

    def _open_since(self, case):
        """The case was opened two hours ago: what begins and ends at once leaves no trace."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_tenure SET since = since - interval '2 hours' WHERE case_id = %s",
            [case.id],
        )
        self.env.invalidate_all()

    def _facts(self, case):
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_facts").method_direct_trigger()
        self.env.invalidate_all()
        return {
            fact.measure: fact
            for fact in self.env["care.fact"].search(
                [("case_id", "=", case.id), ("measure", "in", ("survey_heard", "survey_back"))]
            )
        }

    def test_customer_who_heard_back_is_a_fact_with_the_time(self):
        case = self._bad().recovery_case_id
        self._open_since(case)
        case.with_user(self.curator).message_post(
            body="May I call you?", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        self._close(case)
        facts = self._facts(case)
        self.assertEqual(facts["survey_heard"].rate, 1)
        self.assertIn("survey_back", facts)
        self.assertGreaterEqual(facts["survey_back"].seconds, 0)

    def test_customer_who_never_heard_back_is_a_fact_too(self):
        case = self._bad().recovery_case_id
        self._open_since(case)
        case.message_post(
            body="Internal only", message_type="comment", subtype_xmlid="mail.mt_note"
        )
        self._close(case)
        facts = self._facts(case)
        self.assertEqual(facts["survey_heard"].rate, 0)
        self.assertNotIn("survey_back", facts)

    def _hours_later(self, hours=3):
        return self._at(fields.Datetime.now() + timedelta(hours=hours))

    def _count(self, case, measure="survey_heard"):
        self._facts(case)
        return self.env["care.fact"].search_count(
            [("case_id", "=", case.id), ("measure", "=", measure)]
        )

    def test_case_that_is_closed_twice_counts_its_bad_answer_once(self):
        for between in (True, False):
            with self.subTest(counted_between=between):
                case = self._bad().recovery_case_id
                self._open_since(case)
                self._close(case)
                if between:
                    self.assertEqual(self._count(case), 1)
                with self._hours_later(1):
                    case.action_reopen()
                    case.message_post(
                        body="Better now?",
                        author_id=self.curator.partner_id.id,
                        message_type="comment",
                        subtype_xmlid="mail.mt_comment",
                    )
                with self._hours_later():
                    self._close(case)
                self.assertEqual(self._count(case), 1)
                self.assertEqual(case.cycle, 2)
                self.assertEqual(self._count(case, "reopened"), 2)

    def test_second_attempt_does_not_make_the_answer_sooner(self):
        invitation = self._bad()
        case = invitation.recovery_case_id
        self._open_since(case)
        case.received_at = asked = datetime(2026, 3, 2, 9)
        with self._at("2026-03-02 10:00:00"):
            case.with_user(self.curator).message_post(
                body="May I call you?", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
        self.assertGreater(invitation.answered_at, asked + timedelta(hours=1))
        self._close(case)
        self.assertEqual(self._facts(case)["survey_back"].seconds, 3600)

    def test_loop_goes_on_in_the_case_that_it_is_merged_into(self):
        source, later = self._bad_yesterday()
        invitation = source.survey_invitation_id
        with self._at(fields.Datetime.now() - timedelta(days=3)):
            target = self._case(name="The oven again", owner_id=self.agent.id)
            target.with_user(self.agent).message_post(
                body="We are on it", message_type="comment", subtype_xmlid="mail.mt_comment"
            )
        source._merge_into(target)
        self.assertEqual(target.survey_invitation_id, invitation)
        self.assertFalse(source.survey_invitation_id)
        self.assertEqual(invitation.recovery_case_id, target)
        invitation._act_on_answers()
        self.assertEqual(self._recovery_cases(), source, "no other case for the same answer")
        self._answered_well(later)
        self.assertEqual(target.survey_good_id, later)
        self._close(target)
        facts = self._facts(target)
        self.assertEqual(facts["survey_heard"].rate, 0, "what was said before is no answer to it")
        self.assertEqual(self._count(source), 0)

    def test_merged_case_keeps_its_answer_where_the_other_has_one_of_its_own(self):
        one, other = self._sent(), self._sent()
        for invitation in (one, other):
            self._answer(invitation, 1)
        self._run_invitations()
        source, target = other.recovery_case_id, one.recovery_case_id
        source._merge_into(target)
        self.assertEqual(target.survey_invitation_id, one)
        self.assertEqual(source.survey_invitation_id, other)

    def test_suggestion_goes_on_in_the_case_that_it_is_merged_into(self):
        self.why.care_suggestion = True
        invitation = self._bad(9, "Open on Sundays.")
        source, target = self._suggestions(), self._case(kind="suggestion")
        source._merge_into(target)
        self.assertEqual(target.survey_suggestion_id, invitation)
        invitation._act_on_answers()
        self.assertEqual(self._suggestions(), source | target)

    # ------------------------------------------------------------
    # What ends it
    # ------------------------------------------------------------

    def _bad_yesterday(self, others=1):
        """A bad answer of yesterday, and questions that are still open."""
        first, *later = (self._sent() for _question in range(1 + others))
        self._answer(first, 1)
        self._run_invitations()
        self.env.cr.execute(
            "UPDATE care_survey_invitation SET answered_at = answered_at - interval '1 day' "
            "WHERE id = %s",
            [first.id],
        )
        self.env.invalidate_all()
        return first.recovery_case_id, *later

    def _answered_well(self, invitation):
        self._answer(invitation, 10)
        self._run_invitations()

    def test_later_good_answer_ends_what_only_waits_for_the_customers_word(self):
        case, second = self._bad_yesterday()
        case.resolution = "Money back."
        case.action_resolve()
        self._answered_well(second)
        self.assertEqual(case.survey_good_id, second)
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual(case.resolution, "Money back.")
        body = case.message_ids.filtered(lambda message: "10 / 10" in message.body).body
        self.assertIn("That ends it", body)
        self._run_invitations()
        self.assertEqual(len(case.message_ids.filtered(lambda m: "10 / 10" in m.body)), 1)

    def test_later_good_answer_closes_no_danger_and_loses_nothing_of_itself(self):
        self.why.care_suggestion = True
        case, second = self._bad_yesterday()
        case.write({"safety": True, "resolution": "The pipe was changed."})
        case.action_resolve()
        self._answer(second, 10, "Ring before you come.")
        self._run_invitations()
        self.assertEqual((case.stage_category, case.survey_good_id), ("resolved", second))
        self.assertEqual((second.state, second.error), ("done", False))
        self.assertEqual(len(self._suggestions()), 1)

    def test_case_that_goes_on_after_a_good_answer_is_ended_by_the_next_one(self):
        case, second, third = self._bad_yesterday(others=2)
        case.resolution = "Money back."
        case.action_resolve()
        self._answered_well(second)
        self.assertEqual(case.stage_category, "closed")
        case.action_reopen()
        self.assertFalse(case.survey_good_id, "not content after all")
        self._answered_well(third)
        self.assertEqual(case.survey_good_id, third)

    def test_later_good_answer_of_the_same_person_proposes_to_close_what_is_worked_on(self):
        case, second = self._bad_yesterday()
        with self.assertRaises(UserError):
            case.action_end_loop()
        self._answered_well(second)
        self.assertEqual(case.survey_good_id, second)
        self.assertIn("10 / 10", case.message_ids[:1].body)
        self.assertEqual(case.stage_category, "open", "a person decides")
        case.owner_id = self.agent
        case.with_user(self.agent).action_end_loop()
        self.assertEqual(case.stage_category, "closed")
        self.assertIn("10 / 10", case.resolution)

    def _resolved_yesterday(self, others=1):
        """The same, resolved: it waits for the customer's word."""
        case, *later = self._bad_yesterday(others)
        case.resolution = "Money back."
        case.action_resolve()
        return case, *later

    def _customer_writes(self, case, body="It broke again."):
        case.message_post(
            body=body,
            author_id=self.customer.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )

    def _must_pass(self, category="open"):
        """A stage between resolved and closed that may not be skipped."""
        return self.env["care.stage"].create(
            {
                "name": "Checked by the workshop",
                "res_model": "care.case",
                "category": category,
                "sequence": self.env["care.stage"]._in_category("care.case", "closed").sequence - 1,
                "may_skip": False,
            }
        )

    def test_good_answer_withdraws_nothing_that_is_offered_and_only_proposes(self):
        for state in ("draft", "asked", "offered"):
            with self.subTest(state=state):
                case, second = self._resolved_yesterday()
                remedy = self.env["care.remedy"].create(
                    {"case_id": case.id, "kind": "compensation", "amount": 20.0, "text": "Sorry."}
                )
                remedy.write({"state": state})
                self._answered_well(second)
                self.assertEqual((case.stage_category, case.survey_good_id), ("resolved", second))
                self.assertEqual(remedy.state, state)
                self.assertIn("this can be closed", case.message_ids[:1].body)
                remedy.action_cancel()
                self._close(case)

    def test_good_answer_stops_before_a_stage_that_may_not_be_skipped_and_says_so(self):
        for category in ("open", "resolved"):
            with self.subTest(category=category):
                case, second = self._resolved_yesterday()
                stage = self._must_pass(category)
                before = case.stage_id
                self._answered_well(second)
                self.assertEqual((case.stage_id, case.cycle), (before, 1))
                self.assertEqual(case.survey_good_id, second)
                self.assertEqual(second.state, "done")
                said = case.message_ids.filtered(lambda m: "10 / 10" in m.body).body
                self.assertIn("this can be closed", said)
                stage.active = False
                self._close(case)

    def test_second_good_answer_closes_what_was_worked_on_at_the_first(self):
        case, second, third = self._bad_yesterday(others=2)
        self._answered_well(second)
        self.assertEqual(case.stage_category, "open")
        case.resolution = "Money back."
        case.action_resolve()
        self._answered_well(third)
        self.assertEqual((case.stage_category, case.survey_good_id), ("closed", third))

    def test_nothing_left_leads_an_agent_past_no_check_of_the_resolved_stage(self):
        resolved = self.env["care.stage"]._in_category("care.case", "resolved")
        case, second, third = self._bad_yesterday(others=2)
        case.owner_id = self.agent
        self._answered_well(second)
        standards = self.env["care.standard"].with_user(self.manager)
        standards.create(
            {
                "name": "The customer was rung",
                "kind": "stage",
                "text": "<p>Ring them.</p>",
                "is_check": True,
                "stage_ids": resolved.ids,
                "company_id": self.company.id,
            }
        ).action_publish()
        with self.assertRaisesRegex(UserError, "was rung"), self.env.cr.savepoint():
            case.with_user(self.agent).action_end_loop()
        self.assertEqual(case.stage_category, "open")
        case.with_user(self.agent).write({"resolution": "Money back."})
        case.with_user(self.agent).action_resolve()
        with self.assertRaisesRegex(UserError, "was rung"):
            case.with_user(self.agent).action_end_loop()
        self.env.invalidate_all()
        line = case.with_user(self.agent).check_line_ids
        line.action_done()
        case.with_user(self.agent).action_end_loop()
        self.assertEqual(case.stage_category, "closed")

    def test_nothing_left_leads_an_agent_past_no_stage_that_may_not_be_skipped(self):
        case, second = self._bad_yesterday()
        case.owner_id = self.agent
        self._answered_well(second)
        self._must_pass()
        with self.assertRaisesRegex(UserError, "may not be skipped"), self.env.cr.savepoint():
            case.with_user(self.agent).action_end_loop()
        self.assertEqual(case.stage_category, "open")

    def test_good_answer_is_stale_once_the_customer_writes_again(self):
        case, second, third = self._bad_yesterday(others=2)
        case.owner_id = self.agent
        self._answered_well(second)
        self._customer_writes(case)
        self.assertFalse(case.survey_good_id)
        with self.assertRaisesRegex(UserError, "no good answer"):
            case.with_user(self.agent).action_end_loop()
        self._answered_well(third)
        self.assertEqual(case.survey_good_id, third)

    def test_good_answer_is_stale_once_the_customer_wants_a_person(self):
        case, second = self._bad_yesterday()
        self._answered_well(second)
        case._wants_person("Ring me", self.customer, "", "")
        self.assertFalse(case.survey_good_id)

    def test_good_answer_is_stale_after_a_bad_one_of_the_same_person_alone(self):
        case, second, third, fourth = self._bad_yesterday(others=3)
        self._answered_well(second)
        other = self._sent(
            partner_id=self.env["res.partner"]
            .create({"name": "Somebody Else", "email": "else@example.com"})
            .id
        )
        self._answer(other, 1)
        self._run_invitations()
        self.assertEqual(case.survey_good_id, second)
        self._answer(third, 2)
        self._run_invitations()
        self.assertFalse(case.survey_good_id)
        self._answered_well(fourth)
        self.assertEqual(case.survey_good_id, fourth)

    def test_of_answers_worked_off_together_the_last_one_counts(self):
        case, *rows = self._bad_yesterday(others=2)
        for minutes, row, value in ((2, rows[0], 2), (1, rows[1], 10)):
            self._answer(row, value)
            row.answered_at -= timedelta(minutes=minutes)
        self._run_invitations()
        self.assertEqual(case.survey_good_id, rows[1], "the bad one came before")
        self.assertEqual(rows[0].recovery_case_id.survey_good_id, rows[1])

    def test_so_so_or_somebody_elses_good_answer_ends_nothing(self):
        first, second = self._sent(), self._sent()
        other = self._sent(
            partner_id=self.env["res.partner"]
            .create({"name": "Somebody Else", "email": "else@example.com"})
            .id
        )
        self._answer(first, 1)
        self._run_invitations()
        self._answer(second, 8)
        self._answer(other, 10)
        self._run_invitations()
        self.assertFalse(first.recovery_case_id.survey_good_id)

    def test_nobody_forges_the_good_answer(self):
        case = self._bad().recovery_case_id
        for name in ("survey_good_id", "survey_suggestion_id"):
            with self.assertRaises(AccessError):
                case.with_user(self.manager).write({name: case.survey_invitation_id.id})

    # ------------------------------------------------------------
    # Suggestions
    # ------------------------------------------------------------

    def test_suggestion_reaches_the_register_once(self):
        self.why.care_suggestion = True
        invitation = self._bad(9, "Open on Sundays.")
        self._run_invitations()
        invitation._act_on_answers()
        case = self._suggestions()
        self.assertEqual(len(case), 1)
        self.assertEqual(case.description, "Open on Sundays.")
        self.assertEqual((case.channel, case.survey_suggestion_id), ("survey", invitation))
        self.assertFalse(self._recovery_cases() - case)

    def test_bad_answer_is_one_case_with_the_suggestion_in_it(self):
        self.why.care_suggestion = True
        self._bad(1, "Open on Sundays.")
        self.assertFalse(self._suggestions())
        self.assertIn("Open on Sundays.", self._recovery_cases().description)

    def test_nothing_written_is_no_suggestion(self):
        self.why.care_suggestion = True
        self._bad(9, "  ")
        self.assertFalse(self._suggestions())

    # ------------------------------------------------------------
    # Content or not
    # ------------------------------------------------------------

    def test_case_with_a_bad_answer_is_one_of_the_unhappy(self):
        bad, good = self._sent(), self._sent()
        self._answer(bad, 2)
        self._answer(good, 9)
        cases = (bad | good).case_id
        self.assertEqual(cases._unhappy(), bad.case_id)


@tagged("post_install", "-at_install")
class TestTags(CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["care.survey.tag"].search([]).active = False
        cls.late = cls._tag("Late", {False: "tardé, waited too long\nlate"})
        cls.people = cls._tag("People", {"en_US": "friendly"})

    @classmethod
    def _tag(cls, name, words):
        langs = {code: cls.env["res.lang"]._get_data(code=code).id for code in words if code}
        return cls.env["care.survey.tag"].create(
            {
                "name": name,
                "word_ids": [
                    (0, 0, {"lang_id": langs.get(code, False), "words": text})
                    for code, text in words.items()
                ],
            }
        )

    def _said(self, text, value=9):
        self.trigger.open_case = False
        invitation = self._sent()
        self._answer(invitation, value, text)
        self._run_invitations()
        return invitation

    def test_comments_are_tagged_by_whole_words(self):
        self.customer.lang = "en_US"
        for text, tags in (
            ("LATE, and not friendly", self.late | self.people),
            ("Ha TARDE mucho", self.late),
            ("I have waited  too\nlong", self.late),
            ("Chocolate for the unfriendly", self.env["care.survey.tag"]),
        ):
            with self.subTest(text=text):
                row = self._said(text)
                self.assertEqual(row.tag_ids, tags)
                self.assertEqual(row.said, text)

    def test_words_of_another_language_do_not_count(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        row = self._said("friendly and late")
        self.assertEqual(row.tag_ids, self.late)

    def test_comment_without_a_score_is_kept_and_tagged(self):
        row = self._said("late", value="")
        self.assertFalse(row.score_ids)
        self.assertEqual((row.said, row.tag_ids), ("late", self.late))

    def test_words_added_later_reach_earlier_comments_on_request(self):
        row = self._said("The oven smells")
        self.assertFalse(row.tag_ids)
        smell = self._tag("Smell", {False: "smells"})
        smell.with_user(self.manager).with_company(self.company).action_tag_again()
        self.assertEqual(row.tag_ids, smell)
        self.assertEqual(smell.comment_count, 1)
        self.assertEqual(
            self.env["care.survey.invitation"].search(smell.action_open_comments()["domain"]), row
        )
        with self.assertRaises(AccessError):
            smell.with_user(self.agent).action_tag_again()

    def test_list_without_a_word_or_twice_the_same_language_is_refused(self):
        with self.assertRaises(ValidationError):
            self._tag("Empty", {False: " ,; "})

    def test_only_managers_set_words_and_nobody_forges_comments(self):
        row = self._said("late")
        for user in (self.agent, self.leader):
            with self.assertRaises(AccessError):
                self.late.with_user(user).name = "Mine"
        self.late.with_user(self.manager).name = "Waiting"
        for vals in ({"said": "x"}, {"tag_ids": [(5,)]}):
            with self.assertRaises(AccessError):
                row.with_user(self.manager).write(vals)

    def test_whole_answer_is_shown_to_who_may_see_the_invitation(self):
        row = self._said("late")
        self.assertIn("Would you recommend us?", row.with_user(self.leader).answer_text)
        self.assertIn("“late”", row.with_user(self.leader).answer_text)
