"""Whoever does the service answers by mail: read by us, and by nobody else."""

from odoo.tests import tagged

from .test_case_filing import PNG, MailCase


@tagged("post_install", "-at_install")
class TestProviderMail(MailCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.firm = cls.env["res.partner"].create(
            {"name": "Aqua Service", "email": "aqua@example.com", "is_company": True}
        )
        cls.fitter = cls.env["res.partner"].create(
            {"name": "Ben", "email": "ben@aqua.example.com", "parent_id": cls.firm.id}
        )

    def _sent(self, **vals):
        """A case that was mailed to its provider, and the mail."""
        case = self._case(provider_id=self.firm.id, owner_id=self.agent.id, **vals)
        self._run("care.notice")
        known = case.message_ids
        case.action_send_to_provider()
        self._run("care.notice")
        return case, (case.message_ids - known).filtered("message_id").sorted("id")[-1:].message_id

    def _wrote(self, case):
        kind = self.env.ref("customer_care.mail_activity_type_provider_wrote")
        return case.activity_ids.filtered(lambda row: row.activity_type_id == kind)

    def test_a_providers_answer_is_kept_with_the_case_as_a_note_with_its_files(self):
        case, told = self._sent()
        for sender in ("Aqua <aqua@example.com>", "Ben <ben@aqua.example.com>"):
            opened = self._receive(
                sender, "We come on Friday", answers=told, files=[("plan.png", PNG, "image/png")]
            )
            self.assertFalse(opened, "no case of its own")
        answers = case.message_ids.filtered(lambda m: "We come on Friday" in (m.body or ""))
        self.assertEqual(len(answers), 2)
        for answer in answers:
            self.assertTrue(answer.subtype_id.internal)
            self.assertEqual(answer.attachment_ids.mapped("name"), ["plan.png"])
            self.assertNotIn(self.customer, answer.notified_partner_ids)
        self.assertEqual(answers.author_id, self.firm | self.fitter)

    def test_the_owner_is_told_once_that_the_provider_has_answered(self):
        case, told = self._sent()
        self._receive("aqua@example.com", "On Friday", answers=told)
        self._receive("aqua@example.com", "On Monday rather", answers=told)
        self.assertEqual(self._wrote(case).user_id, self.agent)
        self.assertEqual(len(self._wrote(case)), 1)
        self.assertIn("Aqua Service", self._wrote(case).summary)

    def test_a_providers_answer_reopens_nothing_and_ends_no_wait(self):
        waits, told = self._sent()
        waits.stage_id = self.env.ref("customer_care.stage_case_waiting_customer")
        self._receive("aqua@example.com", "On Friday", answers=told)
        self.assertEqual(waits.stage_category, "waiting")
        solved, told = self._sent()
        solved.resolution = "Mended"
        solved.action_resolve()
        self._receive("aqua@example.com", "It is mended", answers=told)
        self.assertEqual(solved.stage_category, "resolved")
        self.assertTrue(self._wrote(solved))

    def test_a_provider_who_answers_the_customers_mail_writes_to_us_alone(self):
        case, _told = self._sent()
        mail = case.message_post(
            body="It stays cold",
            author_id=self.customer.id,
            message_type="email",
            subtype_xmlid="mail.mt_comment",
        )
        self._receive("aqua@example.com", "Not our fault", answers=mail.message_id)
        answer = case.message_ids.filtered(lambda m: "Not our fault" in (m.body or ""))
        self.assertTrue(answer.subtype_id.internal)
        self.assertNotIn(self.customer, answer.notified_partner_ids)

    def test_a_provider_finds_a_case_that_was_merged(self):
        case, told = self._sent()
        target = self._case(owner_id=self.agent.id)
        case._merge_into(target)
        self.assertFalse(self._receive("aqua@example.com", "On Friday", answers=told))
        answer = target.message_ids.filtered(lambda m: "On Friday" in (m.body or ""))
        self.assertTrue(answer.subtype_id.internal)

    def test_another_firm_gets_a_case_of_its_own(self):
        case, told = self._sent()
        opened = self._receive("other@example.org", "Me too", answers=told)
        self.assertEqual(len(opened), 1)
        self.assertFalse(case.message_ids.filtered(lambda m: "Me too" in (m.body or "")))
