"""Cases that are the same one: shown, made one, and leading to it ever after."""

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_case_filing import PNG, MailCase


@tagged("post_install", "-at_install")
class TestCaseMerge(MailCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.target = cls._case(name="The oven is cold", owner_id=cls.agent.id)
        cls.source = cls._case(
            name="Cold oven again",
            description="Nobody came.",
            severity="3",
            owner_id=cls.agent.id,
            email_cc="cecil@example.com",
        )

    def _merge(self, user=None, source=None, target=None):
        cases = (source or self.source) | (target or self.target)
        wizard = (
            self.env["care.case.merge"]
            .with_user(user or self.agent)
            .create(
                {
                    "case_ids": [Command.set(cases.ids)],
                    "target_id": (target or self.target).id,
                }
            )
        )
        wizard.action_merge()
        self.env.flush_all()
        self.env.invalidate_all()

    # ------------------------------------------------------------
    # Likely the same
    # ------------------------------------------------------------

    def test_cases_of_one_customer_about_the_same_are_shown(self):
        order = self._confirmed()
        neighbour = self.env["res.partner"].create({"name": "Nina"})
        same_words = self._case(name="My OVEN stays cold")
        self._case(name="The oven is cold", partner_id=neighbour.id)
        other = self._case(name="An invoice is missing")
        self.assertEqual(self.target.duplicate_ids, same_words | self.source)
        self.assertFalse(other.duplicate_ids)
        by_order = self._case(name="Scratched", order_id=order.id)
        self.assertFalse(by_order.duplicate_ids)
        again = self._case(name="When do you come?", order_id=order.id)
        by_order.invalidate_recordset(["duplicate_ids"])
        self.assertEqual(by_order.duplicate_ids, again)

    def test_two_products_are_two_matters_and_one_product_is_one(self):
        hob = self.env["product.product"].create({"name": "Hob"})
        cases = [
            self._case(name="The oven is cold", product_id=product.id)
            for product in (self.product, hob, self.product)
        ]
        self.assertIn(cases[2], cases[0].duplicate_ids)
        self.assertNotIn(cases[1], cases[0].duplicate_ids)

    def test_what_is_long_over_or_of_a_colleague_of_the_customer(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        contact = self.env["res.partner"].create({"name": "Ann", "parent_id": firm.id})
        self.customer.parent_id = firm
        ann = self._case(name="Oven cold", partner_id=contact.id)
        self.assertIn(ann, self.target.duplicate_ids)
        ann.write({"resolution": "Mended", "received_at": "2020-01-01 10:00:00"})
        ann._enter_category("closed")
        self.target.invalidate_recordset(["duplicate_ids"])
        self.assertNotIn(ann, self.target.duplicate_ids)

    def test_a_reader_is_shown_no_case_that_is_not_his_to_read(self):
        outsider = self._user("care_outsider", "customer_care.group_agent")
        mine = self._case(name="The oven is cold", owner_id=outsider.id)
        mine.team_id = False
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertFalse(mine.with_user(outsider).duplicate_ids)

    def test_a_customer_with_many_cases_costs_no_more(self):
        def cost():
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.target.with_user(self.agent).duplicate_ids.mapped("name")
            return self.env.cr.sql_log_count - start

        cost()
        few = cost()
        self.env["care.case"].create(
            [
                {
                    "name": f"Oven {number} is cold",
                    "partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                    "owner_id": self.agent.id,
                }
                for number in range(30)
            ]
        )
        self.assertLessEqual(cost(), few + 1)
        self.assertGreater(len(self.target.duplicate_ids), 20)

    # ------------------------------------------------------------
    # Merging
    # ------------------------------------------------------------

    def test_merging_keeps_conversation_files_people_and_words(self):
        follower = self.env["res.partner"].create({"name": "Fay", "email": "fay@example.com"})
        self.source.message_subscribe(partner_ids=follower.ids)
        message = self.source.message_post(
            body="A photo",
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            attachments=[("photo.png", PNG)],
        )
        file = message.attachment_ids
        order = self._confirmed()
        self.source.write({"order_id": order.id, "product_id": self.product.id})
        self._merge()
        self.assertEqual(message.res_id, self.target.id)
        self.assertEqual(file.res_id, self.target.id)
        self.assertIn(follower, self.target.message_partner_ids)
        self.assertEqual(self.target.order_id, order)
        self.assertEqual(self.target.product_id, self.product)
        self.assertEqual(self.target.severity, "3")
        self.assertIn("It stays cold.", self.target.description)
        self.assertIn("Nobody came.", self.target.description)
        self.assertIn("cecil@example.com", self.target.email_cc)
        self.assertEqual(self.source.stage_category, "cancelled")
        self.assertEqual(self.source.merged_into_id, self.target)
        self.assertIn(self.target.number, self.source.cancel_reason)

    def test_work_goes_on_at_the_target_once(self):
        self._policy(event="case_opened")
        target, source = self._case(name="Cold one"), self._case(name="Cold two")
        own = (
            self.env["care.followup"]
            .with_user(self.agent)
            .create(
                {
                    "name": "Look at it",
                    "case_id": source.id,
                    "user_id": self.agent.id,
                    "date_due": fields.Date.today(),
                    "activity_type_id": self.env.ref("customer_care.mail_activity_type_visit").id,
                }
            )
        )
        promise = self.env["care.promise"].create(
            {
                "name": "A new door",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "case_id": source.id,
                "user_id": self.agent.id,
            }
        )
        activity = source.activity_schedule("mail.mail_activity_data_todo", user_id=self.agent.id)
        self._merge(self.leader, source, target)
        own = own.sudo()
        self.assertEqual(own.case_id, target)
        self.assertNotEqual(own.state, "cancelled")
        self.assertEqual(promise.case_id, target)
        self.assertEqual(activity.res_id, target.id)
        alive = target.followup_ids.filtered(lambda row: row.state != "cancelled")
        self.assertEqual(len(alive - own), 1, "the policy has one call for both")

    # ------------------------------------------------------------
    # What other parts of the register know of it
    # ------------------------------------------------------------

    def test_a_danger_stays_one_and_the_leader_is_told_where_it_goes_on(self):
        self.source.safety = True
        self._run("care.notice")
        self.source.activity_ids.unlink()
        self._merge()
        self.assertTrue(self.target.safety)
        self.assertEqual(self.target.severity, "3")
        self._run("care.notice")
        danger = self.env.ref("customer_care.mail_activity_type_safety")
        told = self.target.activity_ids.filtered(lambda row: row.activity_type_id == danger)
        self.assertEqual(told.user_id, self.leader)

    def test_with_a_confidential_case_the_whole_is_confidential(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        self.target.message_subscribe(partner_ids=self.leader.partner_id.ids)
        activity = self.target.activity_schedule(
            "mail.mail_activity_data_todo", user_id=self.leader.id
        )
        self.source.action_seal()
        self.source._set_owner(self.agent, chosen=True)
        wizard = (
            self.env["care.case.merge"]
            .with_user(self.agent)
            .create(
                {
                    "case_ids": [Command.set((self.source | self.target).ids)],
                    "target_id": self.target.id,
                }
            )
        )
        action = wizard.action_merge()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertTrue(self.target.confidential)
        self.assertEqual(self.target.owner_id, keeper)
        self.assertEqual(activity.user_id, keeper)
        self.assertNotIn(self.leader.partner_id, self.target.message_partner_ids)
        self.assertEqual(action["tag"], "display_notification", "the agent sees it no more")
        for user in self.agent | self.leader | self.manager:
            self.assertFalse(self.target.with_user(user).has_access("read"))
            said = self.env["mail.message"].with_user(user).search([("body", "ilike", "Nobody")])
            self.assertFalse(said)

    def test_who_followed_an_open_case_does_not_follow_it_into_a_confidential_one(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self.target._set_owner(keeper, chosen=True)
        self.target.action_seal()
        self.source.message_subscribe(partner_ids=self.leader.partner_id.ids)
        activity = self.source.activity_schedule(
            "mail.mail_activity_data_todo", user_id=self.leader.id
        )
        self.source._merge_into(self.target)
        self.assertNotIn(self.leader.partner_id, self.target.message_partner_ids)
        self.assertEqual(activity.res_id, self.target.id)
        self.assertEqual(activity.user_id, keeper)
        self.assertFalse(self.source.confidential)

    def test_cause_provider_quotation_and_hold_come_along_if_there_are_none(self):
        cause = self.env["care.cause"].create({"name": "Seal", "company_id": self.company.id})
        other = cause.copy({"name": "Fan"})
        provider = self.env["res.partner"].create({"name": "Fixit"})
        quotation = self._order()
        self.source.write(
            {
                "cause_id": cause.id,
                "provider_id": provider.id,
                "provider_sent_at": "2026-03-02 10:00:00",
                "quotation_id": quotation.id,
                "legal_hold": True,
                "callback_phone": "+32 475 1",
                "callback_when": "in the evening",
            }
        )
        self._merge()
        taken = self.target
        self.assertEqual(taken.cause_id, cause)
        self.assertEqual(taken.provider_id, provider)
        self.assertEqual(taken.provider_sent_at, self.source.provider_sent_at)
        self.assertEqual(taken.quotation_id, quotation)
        self.assertTrue(taken.legal_hold)
        self.assertEqual(taken.callback_phone, "+32 475 1")
        self.assertEqual(taken.callback_when, "in the evening")
        third = self._case(name="Third", cause_id=other.id)
        third._merge_into(taken)
        self.assertEqual(taken.cause_id, cause, "what it knows stays")

    def test_actions_lead_to_where_it_goes_on(self):
        action, back = self.env["care.action"].create(
            [
                {
                    "name": name,
                    "company_id": self.company.id,
                    "case_ids": [Command.set(self.source.ids)],
                    "owner_id": self.agent.id,
                }
                for name in ("Train", "Replace")
            ]
        )
        back.action_done()
        back._reopen(self.source)
        self._merge()
        self.assertEqual(action.case_ids, self.target)
        self.assertEqual(self.target.action_ids, action | back)
        self.assertEqual(back.reopened_case_id, self.target)

    def test_the_law_counts_from_the_first_of_them(self):
        self.company.care_start_date = "2020-01-01"
        self.env["care.statute"].create(
            [
                {"name": "Answer", "days": 10, "company_id": self.company.id, "target": target}
                for target in ("acknowledgement", "final")
            ]
        )
        old, new = (
            self._case(name=name, received_at=moment)
            for name, moment in (("Old", "2026-03-02 10:00:00"), ("New", "2026-03-06 10:00:00"))
        )
        self.assertLess(old.statutory_final_at, new.statutory_final_at)
        old.acknowledged_at = "2026-03-03 10:00:00"
        first = old.statutory_final_at
        old._merge_into(new)
        self.assertEqual(new.statutory_final_at, first)
        self.assertEqual(new.statutory_ack_at, old.statutory_ack_at)
        self.assertEqual(new.acknowledged_at, old.acknowledged_at)
        due = self.env["care.notice"].search(
            [("kind", "=", "statute_final"), ("state", "=", "planned")]
        )
        self.assertNotIn(old, due.case_id)
        self.assertEqual(len(due.filtered(lambda row: row.case_id == new)), 1)

    def test_who_waits_to_be_called_is_called(self):
        self.source._customer_answers("person", phone="+32 9")
        self._merge()
        self._run("care.notice")
        person = self.env.ref("customer_care.mail_activity_type_person")
        calls = self.target.activity_ids.filtered(lambda row: row.activity_type_id == person)
        self.assertEqual(len(calls), 1)
        self.assertIn("+32 9", calls.note)

    def test_what_the_source_was_asked_does_not_stop_the_target_from_being_asked(self):
        for case in (self.source, self.target):
            case.resolution = "Mended"
        self.source.action_resolve()
        self._merge()
        self.target.action_resolve()
        planned = self.env["care.notice"].search(
            [("case_id", "=", self.target.id), ("state", "=", "planned")]
        )
        self.assertIn("case_reminder", planned.mapped("kind"))
        self.assertIn("case_silent", planned.mapped("kind"))

    def test_the_case_before_and_the_case_after_lead_to_it(self):
        before, after = self._case(name="Before"), self._case(name="After")
        self.source.sudo().previous_id = before
        after.sudo().previous_id = self.source
        self._merge()
        self.assertEqual(self.target.previous_id, before)
        self.assertEqual(after.previous_id, self.target)
        self.assertFalse(self.source.previous_id)

    def test_a_remedy_and_what_it_cost_go_along(self):
        remedy = self.env["care.remedy"].create(
            {"case_id": self.source.id, "kind": "apology", "text": "Sorry", "proceed": "wait"}
        )
        self._merge()
        self.assertEqual(remedy.case_id, self.target)
        self.assertEqual(self.target.remedy_ids, remedy)
        self.assertFalse(self.source.remedy_ids)

    def test_the_customer_is_told_one_number_and_asked_once(self):
        self._merge()
        self._run("care.notice")
        notices = self.env["care.notice"].search(
            [("case_id", "in", (self.source | self.target).ids), ("state", "=", "done")]
        )
        self.assertEqual(notices.case_id, self.target)
        self.assertEqual(len(notices), 1)

    def test_merging_twice_does_nothing(self):
        self._merge()
        before = (
            self.target.read(["description", "severity", "email_cc"]),
            len(self.target.message_ids),
        )
        self.assertFalse(self.source._merge_into(self.target))
        self.env.invalidate_all()
        after = (
            self.target.read(["description", "severity", "email_cc"]),
            len(self.target.message_ids),
        )
        self.assertEqual(before, after)

    def test_what_cannot_be_merged_is_refused_with_its_reason(self):
        neighbour = self.env["res.partner"].create({"name": "Nina"})
        other = self.env["res.company"].create({"name": "Other"})
        self.env["care.stage"].search([]).owner_rule = "keep"
        cases = {
            "of one customer": self._case(partner_id=neighbour.id),
            "another company": self._case(company_id=other.id, team_id=False),
        }
        for reason, case in cases.items():
            with self.subTest(reason), self.assertRaisesRegex(UserError, reason):
                case._merge_into(self.target)
        with self.assertRaisesRegex(UserError, "itself"):
            self.target._merge_into(self.target)
        self._merge()
        with self.assertRaisesRegex(UserError, "cancelled"):
            self._case()._merge_into(self.source)
        third = self._case()
        with self.assertRaisesRegex(UserError, "merged into"):
            self.source._merge_into(third)
        with self.assertRaisesRegex(UserError, "go on there"):
            self.source.action_reopen()

    def test_only_who_may_write_both_merges_them(self):
        stranger = self._user("care_outside2", "customer_care.group_agent")
        with self.assertRaises(AccessError):
            self._merge(stranger)
        theirs = self._case(owner_id=stranger.id)
        theirs.team_id = False
        with self.assertRaises(AccessError):
            self._merge(stranger, self.source, theirs)
        self.assertFalse(self.source.merged_into_id)
        with self.assertRaises(AccessError):
            self.source.with_user(self.agent).merged_into_id = self.target

    def test_the_oldest_is_proposed_to_go_on(self):
        self.source.received_at = "2026-01-01 10:00:00"
        action = self.target.with_user(self.agent).action_merge()
        self.assertEqual(action["context"]["default_target_id"], self.source.id)
        wizard = (
            self.env["care.case.merge"]
            .with_user(self.agent)
            .with_context(active_model="care.case", active_ids=(self.source | self.target).ids)
            .new({})
        )
        vals = wizard.default_get(["case_ids", "target_id"])
        self.assertEqual(vals["target_id"], self.source.id)

    # ------------------------------------------------------------
    # Afterwards
    # ------------------------------------------------------------

    def test_mail_that_answers_the_source_reaches_the_target(self):
        self._run("care.notice")
        told = self.source.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        reference = told.message_id
        self._merge()
        self.assertFalse(self._receive(answers=reference, text="When do you come?"))
        self.assertIn("When do you come?", self.target.message_ids[0].body)
        note = self.source.message_post(body="x", subtype_xmlid="mail.mt_comment")
        self._receive(answers=note.message_id, text="And now?")
        self.assertIn("And now?", self.target.message_ids[0].body)
        self.assertEqual(self.source.stage_category, "cancelled")

    def test_a_chain_of_merges_leads_to_its_end(self):
        last = self._case(name="The last")
        self._merge()
        self._merge(self.leader, self.target, last)
        self.assertEqual(self.source._merged_end(), last)
        last.partner_id = self.env["res.partner"].create({"name": "Nina"})
        self.assertEqual(self.source._merged_end(), self.source, "another customer's by now")
