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
