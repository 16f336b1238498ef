from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import RecordCapturer, tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestCase(CareCase):
    def _resolved(self, **vals):
        case = self._case(**vals)
        case.resolution = "The heating element was replaced."
        case.action_resolve()
        return case

    def test_numbers_come_from_the_companys_sequence_without_gaps_between(self):
        other = self.env["res.company"].create({"name": "Other"})
        first, second = self._case(), self._case()
        self.assertEqual(int(second.number[-4:]), int(first.number[-4:]) + 1)
        self.env["care.stage"].search([]).owner_rule = "keep"
        elsewhere = self._case(company_id=other.id, team_id=False)
        self.assertEqual(elsewhere.number[-4:], "0001")

    def test_a_case_has_an_owner_from_its_team(self):
        cases = self._case() | self._case()
        self.assertEqual(cases.owner_id, self.agent | self.agent2)

    def test_the_acknowledgement_quotes_the_number_once_and_by_the_cron(self):
        case = self._case()
        self.assertFalse(self._mails(case))
        self._run("care.notice")
        self._run("care.notice", days=1)
        mail = self._mails(case)
        self.assertEqual(len(mail), 1)
        self.assertIn(case.number, mail.subject)
        self.assertIn(case.number, mail.body)
        self.assertIn(f"/my/cases/{case.id}", mail.body)
        self.assertEqual(mail.notified_partner_ids & self.customer, self.customer)
        self.assertEqual(mail.message_type, "auto_comment")

    def _mails(self, case):
        return case.message_ids.filtered(lambda m: m.message_type == "auto_comment")

    def test_a_mail_does_not_wait_for_the_hourly_queue(self):
        queue = self.env.ref("mail.ir_cron_mail_scheduler_action")
        with RecordCapturer(self.env["ir.cron.trigger"], [("cron_id", "=", queue.id)]) as new:
            self._case()
            self._run("care.notice")
        self.assertEqual(len(new.records), 1)
        self.assertLessEqual(new.records.call_at, fields.Datetime.now())

    def test_a_customer_without_an_address_is_no_error(self):
        self.customer.email = False
        case = self._case()
        self._run("care.notice")
        notice = self.env["care.notice"].search([("case_id", "=", case.id)])
        self.assertEqual(notice.state, "cancelled")
        self.assertIn("e-mail", notice.error)

    def test_resolving_says_what_was_done_and_asks_the_customer(self):
        case = self._case()
        self._run("care.notice")
        asked = case.action_resolve()
        self.assertEqual((asked["target"], case.stage_category), ("new", "open"))
        self.assertIn("What was done", asked["name"])
        with self.assertRaisesRegex(UserError, "what was done"):
            case._enter_category("resolved")
        case.resolution = "The heating element was replaced."
        case.action_resolve()
        self.assertEqual(case.stage_category, "resolved")
        self.assertTrue(case.resolved_at)
        self._run("care.notice")
        mail = self._mails(case).sorted("id")[-1]
        self.assertIn("heating element", mail.body)
        self.assertIn("answer", mail.body)

    def test_who_looks_at_the_customers_page_gets_no_link_of_the_customer(self):
        case = self._case(owner_id=self.agent.id)
        case._portal_ensure_token()
        address = case.with_user(self.agent).action_preview()["url"]
        self.assertEqual(address, f"/my/cases/{case.id}")

    def test_a_case_with_a_colleagues_call_is_saved_by_who_may_not_read_the_call(self):
        case = self._case(owner_id=self.leader.id)
        call = (
            self.env["care.followup"]
            .with_user(self.leader)
            .create({"name": "Ask", "case_id": case.id, "user_id": self.leader.id})
        )
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertFalse(call.with_user(self.agent).has_access("read"))
        wanted = {"resolution": {}, "followup_ids": {"fields": {"name": {}}}}
        (saved,) = case.with_user(self.agent).web_save({"resolution": "Mended"}, wanted)
        self.assertEqual((saved["resolution"], saved["followup_ids"]), ("Mended", []))

    def test_yes_closes(self):
        case = self._resolved()
        self.assertTrue(case._customer_answers("yes", "Great"))
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual(case.customer_answer, "yes")
        self.assertTrue(case.closed_at)
        self.assertIn("Great", case.message_ids[0].body)
        self.assertEqual(case.message_ids[0].author_id, self.customer)

    def test_no_reopens_and_tells_the_owner_once(self):
        case = self._resolved()
        self.assertTrue(case._customer_answers("no", "Still cold"))
        self.assertEqual(case.stage_id, self.env.ref("customer_care.stage_case_progress"))
        self.assertEqual(case.cycle, 2)
        self.assertFalse(case.resolved_at)
        self._run("care.notice")
        self._run("care.notice", days=1)
        self.assertEqual(len(case.activity_ids), 1)
        self.assertEqual(case.activity_ids.user_id, case.owner_id)

    def test_answering_twice_changes_nothing(self):
        case = self._resolved()
        self.assertTrue(case._customer_answers("yes"))
        closed = case.closed_at
        self.assertFalse(case._customer_answers("no"))
        self.assertFalse(case._customer_answers("yes"))
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual(case.closed_at, closed)

    def test_a_question_overtaken_by_reopening_is_not_asked(self):
        case = self._resolved()
        case.action_reopen()
        self._run("care.notice")
        self.assertNotIn("heating element", "".join(self._mails(case).mapped("body")))

    def test_only_a_leader_closes_for_the_customer(self):
        case = self._resolved()
        with self.assertRaises(AccessError):
            case.with_user(case.owner_id).action_close()
        case.with_user(self.leader).action_close()
        self.assertEqual(case.stage_category, "closed")

    def test_an_agent_cannot_close_by_moving_the_card_either(self):
        case = self._resolved()
        with self.assertRaises(AccessError):
            case.with_user(case.owner_id).write(
                {"stage_id": self.env.ref("customer_care.stage_case_closed").id}
            )
        self.assertEqual(case.stage_category, "resolved")

    def test_a_case_is_not_born_closed(self):
        for stage in ("closed", "resolved", "cancelled"):
            with self.subTest(stage), self.assertRaises(UserError):
                self.env["care.case"].with_user(self.agent).create(
                    {
                        "name": "Done already",
                        "partner_id": self.customer.id,
                        "stage_id": self.env.ref(f"customer_care.stage_case_{stage}").id,
                    }
                )

    def test_cancelling_needs_a_reason(self):
        case = self._case()
        with self.assertRaisesRegex(UserError, "why"):
            case.stage_id = self.env.ref("customer_care.stage_case_cancelled")
        case.cancel_reason = "Registered twice"
        case.action_cancel()
        self.assertEqual(case.stage_category, "cancelled")

    def test_an_agent_registers_a_case_and_the_engine_fills_it_in(self):
        order = self._confirmed()
        case = (
            self.env["care.case"]
            .with_user(self.agent)
            .create({"name": "Scratched", "order_id": order.id})
        )
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.journey_id.sudo(), self._journey(order))
        self.assertTrue(case.number)
        self.assertEqual(case.company_id, self.company)
        self.assertEqual(case.create_uid, self.agent)

    def test_the_engines_fields_of_a_case_cannot_be_forged(self):
        case = self._case(owner_id=self.agent.id).with_user(self.agent)
        for vals in (
            {"number": "X"},
            {"stage_category": "closed"},
            {"first_owner_id": self.agent2.id},
            {"customer_answer": "yes"},
            {"closed_at": "2020-01-01 00:00:00"},
            {"resolved_at": False},
            {"cycle": 9},
            {"access_token": "guess"},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                case.write(vals)
            with self.subTest(vals), self.assertRaises(AccessError):
                case.create({"name": "x", "partner_id": self.customer.id, **vals})

    def test_a_category_sets_kind_severity_and_team(self):
        team = self.env["care.team"].create(
            {
                "name": "Transport",
                "company_id": self.company.id,
                "leader_id": self.leader.id,
                "member_ids": [Command.set(self.agent2.ids)],
            }
        )
        category = self.env["care.category"].create(
            {
                "name": "Damaged",
                "severity": "3",
                "team_id": team.id,
                "company_id": self.company.id,
            }
        )
        case = self._case(category_id=category.id, team_id=False)
        self.assertEqual(case.severity, "3")
        self.assertEqual(case.team_id, team)
        self.assertEqual(case.owner_id, self.agent2)

    def test_a_case_policy_plans_follow_ups_of_the_case(self):
        self._policy(event="case_resolved")
        case = self._resolved()
        self.assertEqual(case.followup_ids.user_id, case.owner_id)
        case.action_reopen()
        case.action_resolve()
        self.assertEqual(len(case.followup_ids), 2, "once per cycle")

    def test_a_batch_of_cases_costs_no_extra_query_each_but_the_number(self):
        def cost(count):
            self.env.flush_all()
            start = self.env.cr.sql_log_count
            self.env["care.case"].create(
                [
                    {
                        "name": f"Case {i}",
                        "partner_id": self.customer.id,
                        "company_id": self.company.id,
                        "team_id": self.team.id,
                        "owner_id": self.agent.id,
                    }
                    for i in range(count)
                ]
            )
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        cost(2)
        few, many = cost(5), cost(45)
        # one nextval a case is Odoo's sequence
        self.assertLessEqual(many - few, 40 + 5)

    def test_the_customer_it_was_first_written_for_gets_no_word_of_a_corrected_case(self):
        case = self._case()
        self._run("care.notice")
        token = case._portal_ensure_token()
        other = self.env["res.partner"].create({"name": "Otto", "email": "otto@example.com"})
        case.with_user(case.owner_id).partner_id = other
        self.assertNotEqual(case._portal_ensure_token(), token)
        self.assertNotIn(self.customer, case.message_partner_ids)
        case.resolution = "Done."
        case.action_resolve()
        self._run("care.notice")
        mail = self._mails(case).sorted("id")[-1]
        self.assertIn(other, mail.notified_partner_ids)
        self.assertNotIn(self.customer, mail.notified_partner_ids)

    def test_a_case_of_before_the_companys_start_gets_no_mail_and_no_follow_up(self):
        policy = self._policy(event="case_opened")
        old = self._case(received_at="2020-01-01 10:00:00", channel="import")
        self.company.care_start_date = False
        never = self._case()
        self.assertFalse(policy.followup_ids)
        self.assertFalse(self.env["care.notice"].search([("case_id", "in", (old | never).ids)]))

    def test_the_start_day_is_the_companys_own(self):
        self.company.resource_calendar_id.tz = "Pacific/Auckland"
        self.company.care_start_date = "2026-05-02"
        # ten in the morning there is still the day before in UTC
        self.assertTrue(
            self.company._care_covers(fields.Datetime.to_datetime("2026-05-01 22:00:00"))
        )
        self.assertFalse(
            self.company._care_covers(fields.Datetime.to_datetime("2026-05-01 09:00:00"))
        )

    def test_a_team_on_a_shared_stage_stays_in_its_company(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.env["care.stage"].search([]).write({"team_id": self.team.id})
        self.env["care.journey.type"].search([]).write({"team_id": self.team.id})
        case = self._case(company_id=other.id, team_id=False)
        self.assertFalse(case.team_id)
        order = self._confirmed(company_id=other.id, user=self.env.user)
        self.assertFalse(self._journey(order).team_id)
        order._action_cancel()
        self.assertEqual(self._journey(order).stage_category, "cancelled")

    def test_a_cancellation_is_not_stopped_by_a_lack_of_people(self):
        order = self._confirmed()
        journey = self._journey(order)
        self.company.care_default_owner_id = False
        users = self.env["res.users"].search([("company_ids", "in", self.company.ids)])
        (users - self.env.user).action_archive()
        self.env.user.company_ids -= self.company
        order._action_cancel()
        self.assertEqual(journey.stage_category, "cancelled")
        self.assertTrue(journey.owner_id)

    def test_the_last_closed_stage_is_not_archived(self):
        for name in ("resolved", "closed", "cancelled"):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.env.ref(f"customer_care.stage_case_{name}").active = False

    def test_a_case_shows_its_customer_no_order_of_another(self):
        order = self._confirmed()
        stranger = self.env["res.partner"].create({"name": "Theo"})
        with self.assertRaisesRegex(ValidationError, "is not an order of Theo"):
            self._case(partner_id=stranger.id, order_id=order.id)
        contact = self.env["res.partner"].create({"name": "Ann", "parent_id": self.customer.id})
        self.assertTrue(self._case(partner_id=contact.id, order_id=order.id))

    def test_what_is_no_longer_true_is_not_told(self):
        case = self._case(resolution="Mended", cancel_reason="Sent twice")
        self._run("care.notice")
        case._enter_category("resolved")
        case._enter_category("cancelled")
        self._run("care.notice")
        notice = self.env["care.notice"].search(
            [("case_id", "=", case.id), ("kind", "=", "case_resolved")]
        )
        self.assertEqual(notice.state, "cancelled")
        self.assertFalse(
            case.message_ids.filtered(lambda m: m.subject and "solved" in m.subject.lower())
        )

    def test_one_tier_for_two_contacts_of_a_company_is_one_profile(self):
        company = self.env["res.partner"].create({"name": "Bistro", "is_company": True})
        contacts = self.env["res.partner"].create(
            [{"name": name, "parent_id": company.id} for name in ("Ann", "Ben")]
        )
        key = self.env.ref("customer_care.tier_key")
        contacts.with_company(self.company).care_tier_id = key
        profiles = self.env["care.profile"].search([("partner_id", "=", company.id)])
        self.assertEqual(profiles.mapped("tier_id"), key)
        self.assertEqual(len(profiles), 1)
