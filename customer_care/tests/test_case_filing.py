"""The doors' common core and the door for mail, also for mail that means harm."""

import base64
from email.message import EmailMessage

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..tools.filing import clean_name, file_type, plain_text, subject_of
from .common import CareCase

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GATEWAY = ("odoo.addons.mail.models.mail_thread", "odoo.addons.customer_care.models.care_mailgate")


class MailCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.domain = cls.env["mail.alias.domain"].create({"name": "care.test.example.com"})
        cls.company.alias_domain_id = cls.domain
        cls.team.alias_name = "help"
        cls.count = 0

    def _mail(self, sender="Clara Moreau <clara@example.com>", text="It stays cold.", **kwargs):
        """A mail to the team, as it comes in."""
        type(self).count += 1
        mail = EmailMessage()
        if sender:
            mail["From"] = sender
        mail["To"] = kwargs.pop("to", "help@care.test.example.com")
        mail["Subject"] = kwargs.pop("subject", "The oven is cold")
        mail["Message-Id"] = kwargs.pop("message_id", f"<care-{self.count}@example.com>")
        answers = kwargs.pop("answers", None)
        if answers:
            mail["In-Reply-To"] = answers
            mail["References"] = answers
        html = kwargs.pop("html", None)
        files = kwargs.pop("files", ())
        for name, value in kwargs.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
        for name, content, mimetype in files:
            main, _slash, sub = mimetype.partition("/")
            mail.add_attachment(content, maintype=main, subtype=sub, filename=name)
        return mail

    def _receive(self, *args, **kwargs):
        """The case that a mail has opened; empty if none."""
        mail = args[0] if args and not isinstance(args[0], str) else self._mail(*args, **kwargs)
        known = self._all()
        raw = mail if isinstance(mail, bytes) else mail.as_bytes()
        with mute_logger(*GATEWAY):
            self.env["mail.thread"].with_user(self.env.ref("base.user_root")).message_process(
                None, raw
            )
        self.env.flush_all()
        self.env.invalidate_all()
        return self._all() - known

    def _all(self):
        return self.env["care.case"].search([("company_id", "=", self.company.id)])

    def _acknowledged(self, **vals):
        """A case whose customer has been told its number, and the mail that told it."""
        case = self._case(**vals)
        self._run("care.notice")
        told = case.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        return case, told.message_id

    def _resolved(self):
        case, told = self._acknowledged()
        case.resolution = "Mended"
        case.action_resolve()
        return case, told


@tagged("post_install", "-at_install")
class TestCaseFiling(CareCase):
    def _file(self, sender=None, channel="form", files=(), **vals):
        return self.env["care.case"]._file_case(
            {"company_id": self.company.id, "name": "Broken", **vals}, channel, sender, files
        )

    def test_a_known_mail_finds_its_customer_however_it_is_written(self):
        case = self._file({"name": "C. Moreau", "email": "  CLARA@Example.COM "})
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(self.customer.name, "Clara Moreau", "nobody renames our customers")
        self.assertEqual(case.contact_name, "C. Moreau")
        self.assertEqual(case.channel, "form")
        self.assertTrue(case.received_at)

    def test_an_unknown_mail_makes_a_contact_of_the_company_once(self):
        cases = [
            self._file({"name": "Nina", "email": email, "phone": "+32 475 1"})
            for email in ("nina@example.com", "Nina@Example.com")
        ]
        partner = cases[0].partner_id
        self.assertEqual(partner, cases[1].partner_id)
        self.assertEqual(partner.email, "nina@example.com")
        self.assertEqual(partner.name, "Nina")
        self.assertEqual(partner.phone, "+32 475 1")
        self.assertEqual(partner.company_id, self.company)

    def test_a_customer_of_another_company_is_not_ours(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.customer.company_id = other
        case = self._file({"name": "Clara", "email": "clara@example.com"})
        self.assertNotEqual(case.partner_id, self.customer)
        self.assertEqual(case.partner_id.company_id, self.company)

    def test_our_own_contact_comes_before_one_of_all_companies(self):
        ours = self.customer.copy({"email": "clara@example.com", "company_id": self.company.id})
        self.assertEqual(self._file({"email": "clara@example.com"}).partner_id, ours)

    def test_who_says_nothing_of_himself_is_the_customer_nobody_knows(self):
        first, second = self._file(), self._file()
        self.assertEqual(first.partner_id, second.partner_id)
        self.assertEqual(first.partner_id, self.company.care_unknown_partner_id)
        self.assertFalse(first.duplicate_ids, "strangers have nothing in common")

    def test_a_case_that_is_filed_is_acknowledged_by_mail(self):
        case = self._file({"name": "Nina", "email": "nina@example.com"})
        self._run("care.notice")
        mail = case.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        self.assertIn(case.number, mail.subject)
        self.assertIn(case.partner_id, mail.notified_partner_ids)

    def test_how_a_case_came_in_is_not_said_by_hand_where_the_engine_knows(self):
        cases = self.env["care.case"].with_user(self.agent)
        vals = {"name": "Oven", "partner_id": self.customer.id, "team_id": self.team.id}
        for channel in ("import", "portal", "form", "survey", "followup", "promise"):
            with self.subTest(channel):
                with self.assertRaises(AccessError):
                    cases.create({**vals, "channel": channel})
                with self.assertRaises(AccessError):
                    cases.with_context(
                        default_channel=channel, import_file=True, care_import=True
                    ).create(vals)
        for channel in ("phone", "mail", "public", "callback"):
            case = cases.create({**vals, "channel": channel})
            self.assertEqual(case.channel, channel)
            self.assertTrue(
                self.env["care.notice"].search_count([("case_id", "=", case.id)]), channel
            )
        with self.assertRaises(AccessError):
            case.channel = "import"
        case.channel = "mail"
        case.sudo().channel = "portal"
        with self.assertRaises(AccessError):
            case.channel = "mail"
        case.write({"channel": "portal", "name": "Oven again"})
        self.assertEqual(case.name, "Oven again")
        self.assertEqual(case.copy().channel, "phone")

    def test_a_customer_lists_cases_in_an_order_that_tells_nothing(self):
        client = self._user("care_client9", "base.group_portal", partner_id=self.customer.id)
        old = self._case(severity="3", received_at="2026-01-01 10:00:00")
        new = self._case(severity="0", received_at="2026-01-02 10:00:00")
        mine = self.env["care.case"].with_user(client)
        self.assertEqual(mine.search([]), new | old)
        self.assertEqual(mine.search_read([], ["name"])[0]["id"], new.id)
        self.assertEqual(mine.search_count([]), 2)
        with self.assertRaises(AccessError):
            mine.search([], order="severity desc")
        staff = self.env["care.case"].with_user(self.agent)
        self.assertEqual(staff.search([("id", "in", (old | new).ids)]), old | new)

    def test_files_are_kept_with_names_that_do_no_harm_and_the_customer_sees_them(self):
        case = self._file(
            {"email": "clara@example.com"}, files=[("../../<b>cold</b>.png", PNG), ("a.txt", b"hi")]
        )
        message = case.message_ids.filtered("attachment_ids")
        self.assertEqual(message.author_id, self.customer)
        self.assertEqual(message.subtype_id, self.env.ref("mail.mt_comment"))
        self.assertEqual(sorted(message.attachment_ids.mapped("name")), ["a.txt", "b_.png"])
        self.assertEqual(set(message.attachment_ids.mapped("res_id")), {case.id})

    def test_a_subject_is_made_of_the_text_where_there_is_none(self):
        case = self._file(name="", description="It leaks.\nSince Monday.")
        self.assertEqual(case.name, "It leaks.")
        self.assertEqual(self._file(name=" ").name, "Without a subject")
        self.assertLessEqual(len(self._file(name="x" * 5000).name), 200)
        self.assertEqual(self._file(name="a\r\nBcc: b").name, "a Bcc: b")

    def test_names_of_files(self):
        for name, cleaned in {
            "photo.jpg": "photo.jpg",
            "C:\\temp\\photo.jpg": "photo.jpg",
            "../../etc/passwd": "passwd",
            "<script>alert(1)</script>.png": "script_.png",
            "exe\u202egpj.exe": "exegpj.exe",
            "a\x00b\n.png": "ab.png",
            "": "file",
            "...": "file",
        }.items():
            with self.subTest(name):
                self.assertEqual(clean_name(name), cleaned)
        self.assertTrue(clean_name("x" * 300 + ".jpeg").endswith(".jpeg"))
        self.assertLessEqual(len(clean_name("x" * 300 + ".jpeg")), 100)

    def test_types_of_files_go_by_name_and_content(self):
        self.assertEqual(file_type("a.PNG", PNG), "image/png")
        self.assertEqual(file_type("a.txt", b"hello"), "text/plain")
        for name, content in {
            "a.svg": b"<svg onload='alert(1)'/>",
            "a.html": b"<script>1</script>",
            "a.png": b"<script>1</script>",
            "a.txt": b" <html>",
            "a.jpg": PNG,
            "a.exe": b"MZ",
            "a": PNG,
            "a.png.js": PNG,
        }.items():
            with self.subTest(name):
                self.assertIsNone(file_type(name, content))

    def test_what_a_mail_says_without_what_it_quotes(self):
        for body, text in {
            "<p>It is <b>cold</b></p><script>alert(1)</script>": "It is *cold*",
            "<pre>Still cold.\n\nOn Mon, Anna wrote:\n&gt; Is it solved?\n&gt; Anna</pre>": (
                "Still cold."
            ),
            "<div>Yes</div><div class='gmail_quote'>On Monday we wrote: x</div>": "Yes",
            "<pre>&gt; only a quote</pre>": "> only a quote",
            "<pre>Hello\n-- \nClara\nHead of nothing</pre>": "Hello",
            "": "",
        }.items():
            with self.subTest(body):
                self.assertEqual(plain_text(body), text)
        self.assertEqual(subject_of("Re: AW: Fwd: cold\n oven"), "cold oven")


@tagged("post_install", "-at_install")
class TestMailDoor(MailCase):
    # ------------------------------------------------------------
    # Opening
    # ------------------------------------------------------------

    def test_a_mail_to_the_teams_address_opens_a_case_of_its_customer(self):
        case = self._receive(subject="Re: The oven is cold", text="It stays cold.\n\n> old")
        self.assertEqual(len(case), 1)
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.team_id, self.team)
        self.assertEqual(case.company_id, self.company)
        self.assertEqual(case.channel, "mail")
        self.assertEqual(case.name, "The oven is cold")
        self.assertEqual(case.description, "It stays cold.")
        self.assertEqual(case.message_ids.filtered("body")[:1].author_id, self.customer)
        self._run("care.notice")
        self.assertTrue(case.message_ids.filtered(lambda m: m.message_type == "auto_comment"))

    def test_an_unknown_sender_becomes_a_contact(self):
        case = self._receive("Nina Neighbour <Nina@Example.com>")
        self.assertEqual(case.partner_id.name, "Nina Neighbour")
        self.assertEqual(case.partner_id.email, "nina@example.com")
        self.assertEqual(case.partner_id.company_id, self.company)
        again = self._receive("Nina <nina@example.com>", subject="Another thing")
        self.assertEqual(again.partner_id, case.partner_id)

    def test_a_teams_address_has_its_defaults_and_is_changed_on_its_form(self):
        self.assertEqual(self.team.alias_email, "help@care.test.example.com")
        self.team.with_user(self.manager).alias_name = "care-desk"
        self.assertFalse(self._received_or_error(to="help@care.test.example.com"))
        self.assertTrue(self._receive(to="care-desk@care.test.example.com"))

    def _received_or_error(self, **kwargs):
        try:
            return self._receive(**kwargs)
        except ValueError:  # Odoo says so of mail that goes nowhere
            return self.env["care.case"]

    def test_files_of_a_mail_are_kept(self):
        case = self._receive(files=[("photo.png", PNG, "image/png")])
        file = self.env["ir.attachment"].search(
            [("res_model", "=", "care.case"), ("res_id", "=", case.id)]
        )
        self.assertEqual(file.name, "photo.png")
        self.assertEqual(file.raw, PNG)

    # ------------------------------------------------------------
    # Answering
    # ------------------------------------------------------------

    def test_a_reply_lands_on_its_case(self):
        case, told = self._acknowledged()
        self.assertFalse(self._receive(answers=told, text="Monday suits me"))
        self.assertIn("Monday suits me", case.message_ids[0].body)
        self.assertEqual(case.message_ids[0].author_id, self.customer)
        self.assertEqual(case.stage_category, "open")

    def test_a_reply_reopens_what_was_resolved_and_its_owner_is_told(self):
        case, told = self._resolved()
        self._receive(answers=told, text="It is cold again")
        self.assertEqual(case.stage_category, "open")
        self.assertEqual(case.cycle, 2)
        self._run("care.notice")
        self.assertEqual(case.activity_ids.user_id, case.owner_id)

    def test_a_reply_to_a_closed_case_is_posted_and_its_owner_gets_one_activity(self):
        for category in ("closed", "cancelled"):
            with self.subTest(category):
                case, told = self._acknowledged()
                case.write({"resolution": "Mended", "cancel_reason": "Twice"})
                case._enter_category(category)
                self._receive(answers=told, text="One more thing")
                self._receive(answers=told, text="And another")
                self.assertEqual(case.stage_category, category)
                bodies = "".join(case.message_ids.mapped("body"))
                self.assertIn("One more thing", bodies)
                self.assertIn("And another", bodies)
                self.assertEqual(case.activity_ids.user_id, case.owner_id)
                self.assertEqual(len(case.activity_ids), 1)

    def test_the_customers_answer_ends_the_wait_for_the_customer(self):
        case, told = self._acknowledged()
        case.stage_id = self.env.ref("customer_care.stage_case_waiting_customer")
        self._receive(answers=told, text="Here is the number")
        self.assertEqual(case.stage_category, "open")
        case.stage_id = self.env.ref("customer_care.stage_case_waiting_third")
        self._receive(answers=told, text="And?")
        self.assertEqual(case.stage_category, "waiting", "the supplier has not answered")

    def test_an_answer_on_the_page_ends_the_wait_too_and_ours_does_not(self):
        case = self._case()
        waiting = self.env.ref("customer_care.stage_case_waiting_customer")
        case.stage_id = waiting
        case.message_post(
            body="Please",
            author_id=self.agent.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        case.message_post(body="Note", author_id=self.customer.id, message_type="comment")
        self.assertEqual(case.stage_id, waiting)
        case.message_post(
            body="Here",
            author_id=self.customer.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        self.assertEqual(case.stage_category, "open")

    def _write(self, case, author, **vals):
        """Somebody writes on the page of a case."""
        return case.message_post(
            **{
                "body": "It is cold again",
                "author_id": author.id,
                "message_type": "comment",
                "subtype_xmlid": "mail.mt_comment",
                **vals,
            }
        )

    def test_a_message_on_the_page_reopens_what_was_resolved_as_a_mail_does(self):
        case, _told = self._resolved()
        self._write(case, self.customer)
        self.assertEqual(case.stage_category, "open")
        self.assertEqual(case.cycle, 2)
        self.assertFalse(case.customer_answer, "they have written, and not pressed a button")
        self._run("care.notice")
        self.assertEqual(case.activity_ids.user_id, case.owner_id)

    def test_neither_we_nor_a_note_nor_a_machine_nor_the_provider_reopens(self):
        provider = self.env["res.partner"].create({"name": "Fixit", "email": "fix@example.com"})
        case, _told = self._resolved()
        case.provider_id = provider
        self._write(case, self.agent.partner_id)
        self._write(case, self.customer, subtype_xmlid="mail.mt_note")
        self._write(case, self.customer, message_type="auto_comment")
        self._write(case, self.customer, message_type="out_of_office")
        self._write(case, provider)
        self.assertEqual(case.stage_category, "resolved")
        self.assertEqual(case.cycle, 1)

    def test_a_message_on_the_page_of_a_closed_case_is_told_its_owner_once(self):
        case, _told = self._resolved()
        case._customer_answers("yes")
        self.assertFalse(case.activity_ids, "the answer itself is none")
        self._write(case, self.customer)
        self._write(case, self.customer)
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual(case.activity_ids.user_id, case.owner_id)
        self.assertEqual(len(case.activity_ids), 1)

    def test_a_message_on_an_old_page_of_a_merged_case_is_read_where_it_goes_on(self):
        source, (target, _told) = self._case(), self._resolved()
        source._merge_into(target)
        message = self._write(source, self.customer, attachments=[("photo.png", PNG)])
        self.assertEqual(message.res_id, target.id)
        self.assertEqual(message.attachment_ids.res_id, target.id)
        self.assertEqual(target.stage_category, "open")
        self.assertEqual(source.stage_category, "cancelled")
        self.assertFalse(source.activity_ids)

    def test_a_colleague_of_the_customer_and_who_was_copied_in_may_answer(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        self.customer.parent_id = firm
        self.env["res.partner"].create(
            {"name": "Ann", "email": "ann@example.com", "parent_id": firm.id}
        )
        case, told = self._acknowledged(email_cc="Cecil <cecil@example.com>")
        for sender in ("ann@example.com", "cecil@example.com"):
            self.assertFalse(self._receive(sender, answers=told, text=f"from {sender}"))
            self.assertIn(f"from {sender}", case.message_ids[0].body)

    def test_our_own_reply_from_a_mail_program_reopens_nothing(self):
        case, told = self._resolved()
        self._receive("care_agent@example.com", answers=told, text="I was there")
        self.assertEqual(case.stage_category, "resolved")
        self.assertIn("I was there", case.message_ids[0].body)

    # ------------------------------------------------------------
    # Mail that means harm, or nothing
    # ------------------------------------------------------------

    def test_a_mail_without_a_sender_opens_a_case_of_nobody(self):
        case = self._receive(sender=None)
        self.assertEqual(case.partner_id, self.company.care_unknown_partner_id)
        self.assertEqual(case.description, "It stays cold.")
        self._run("care.notice")
        notice = self.env["care.notice"].search([("case_id", "=", case.id)])
        self.assertEqual(notice.state, "cancelled", "there is nobody to tell")

    def test_mails_without_a_sender_are_limited(self):
        cases = [self._receive(sender=None, subject=f"{i}") for i in range(24)]
        self.assertEqual(sum(map(bool, cases)), 20)

    def test_ten_megabytes_come_through(self):
        big = b"x" * (10 * 1024 * 1024)
        case = self._receive(files=[("video.mp4", big, "video/mp4")])
        file = self.env["ir.attachment"].search(
            [("res_model", "=", "care.case"), ("res_id", "=", case.id)]
        )
        self.assertEqual(file.file_size, len(big))

    def test_a_broken_mail_is_read_as_far_as_it_goes(self):
        raw = (
            b"From: clara@example.com\r\nTo: help@care.test.example.com\r\n"
            b"Subject: =?utf-8?q?broken=ZZ?=\r\nMessage-Id: <broken@example.com>\r\n"
            b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=never\r\n\r\n"
            b"--never\r\nContent-Type: text/plain; charset=no-such\r\n\r\nIt is cold \xff\xfe\r\n"
        )
        case = self._receive(raw)
        self.assertEqual(case.partner_id, self.customer)
        self.assertIn("It is cold", case.description)

    def test_a_mail_with_nothing_in_it_opens_a_case(self):
        case = self._receive(subject="", text="")
        self.assertEqual(case.name, "Without a subject")
        self.assertFalse(case.description)

    def test_scripts_in_a_mail_and_in_the_names_of_its_files_run_nowhere(self):
        case = self._receive(
            sender='"<img src=x onerror=alert(1)>" <evil@example.com>',
            subject="<script>alert(1)</script>",
            html="<p onclick='alert(1)'>Hi<script>alert(2)</script></p>",
            files=[
                ("<svg onload=alert(1)>.svg", b"<svg onload='alert(1)'/>", "image/svg+xml"),
                ("page.html", b"<script>alert(1)</script>", "text/html"),
            ],
        )
        body = "".join(case.message_ids.mapped("body"))
        self.assertNotIn("<script", body)
        self.assertNotIn("onclick", body)
        self.assertEqual(case.description, "Hi")
        files = self.env["ir.attachment"].search(
            [("res_model", "=", "care.case"), ("res_id", "=", case.id)]
        )
        self.assertEqual(len(files), 2)
        self.assertEqual(set(files.mapped("mimetype")), {"text/plain"})
        self.assertNotIn("<", "".join(files.mapped("name")))
        self._run("care.notice")
        told = case.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        self.assertNotIn("<script", told.body)
        self.assertNotIn("<img src=x", told.body)

    def test_a_forged_reference_opens_a_case_of_its_own_and_shows_nothing(self):
        case, told = self._acknowledged(description="Secret words")
        before = case.message_ids
        for to in ("help@care.test.example.com", "catchall@care.test.example.com"):
            with self.subTest(to):
                new = self._receive(
                    "Theo <theo@example.com>", answers=told, text="Tell me", to=to, subject="Re: x"
                )
                self.assertEqual(len(new), 1)
                self.assertEqual(new.partner_id.email, "theo@example.com")
                self.assertEqual(new.team_id, self.team)
                self.assertEqual(case.message_ids, before)
                self.assertNotIn(new.partner_id, case.message_partner_ids)
                self._run("care.notice")
                said = "".join(new.message_ids.mapped("body")) + (new.description or "")
                self.assertNotIn("Secret", said)
                self.assertNotIn(case.number, said)
                self.assertFalse(new.message_ids.parent_id & case.message_ids)

    def test_a_forged_reference_reopens_nothing(self):
        case, told = self._resolved()
        self._receive("theo@example.com", answers=told)
        self.assertEqual(case.stage_category, "resolved")

    def test_staff_of_another_company_is_nobody_here(self):
        case, told = self._acknowledged()
        other = self.env["res.company"].create({"name": "Other"})
        self._user("care_far", "customer_care.group_agent", other)
        new = self._receive("care_far@example.com", answers=told)
        self.assertNotIn("It stays cold.", "".join(case.message_ids.mapped("body")))
        self.assertEqual(len(new), 1)

    AUTOMATIC = (
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated (vacation)"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"Precedence": "list", "X_Auto_Response_Suppress": "All"},
        {"X_Autoreply": "yes"},
        {"X_Autorespond": "on"},
        {"Return_Path": "<>"},
        {"Return_Path": ""},
        {"sender": "MAILER-DAEMON@example.com"},
        {"sender": "Postmaster <postmaster@example.com>"},
        {"sender": "help@care.test.example.com"},
        {"sender": "catchall@care.test.example.com"},
        {"to": "bounce@care.test.example.com"},
    )

    def test_automatic_mail_opens_nothing(self):
        for headers in self.AUTOMATIC:
            with self.subTest(headers):
                self.assertFalse(self._receive(**headers))

    def test_automatic_mail_reopens_nothing_and_is_noted_once_a_day(self):
        case, told = self._resolved()
        before = case.message_ids
        for headers in self.AUTOMATIC:
            with self.subTest(headers):
                self.assertFalse(self._receive(answers=told, text="I am away", **headers))
                self.assertEqual(case.stage_category, "resolved")
        new = case.message_ids - before
        self.assertEqual(len(new), 1)
        self.assertIn("I am away", new.body)
        self.assertTrue(new.subtype_id.internal)

    def test_automatic_mail_does_not_end_a_wait(self):
        case, told = self._acknowledged()
        case.stage_id = self.env.ref("customer_care.stage_case_waiting_customer")
        self._receive(answers=told, Auto_Submitted="auto-replied")
        self.assertEqual(case.stage_category, "waiting")

    def test_a_mail_that_says_it_is_no_machine_is_none(self):
        self.assertTrue(self._receive(Auto_Submitted="no"))

    def test_what_a_person_writes_to_a_group_of_addresses_opens_a_case(self):
        self.assertTrue(self._receive(Precedence="list", List_ID="<help.example.com>"))

    def test_a_sender_who_writes_without_end_is_stopped(self):
        cases = [self._receive(subject=f"Loop {i}") for i in range(24)]
        self.assertEqual(sum(map(bool, cases)), 20)

    def test_the_same_mail_twice_opens_one_case(self):
        mail = self._mail()
        self.assertTrue(self._receive(mail))
        self.assertFalse(self._receive(mail))
