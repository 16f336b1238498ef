"""The doors for people: the portal's form, the public one, “call me”."""

import re
import time
from datetime import timedelta
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..controllers.filing import PER_USER, TOO_LONG
from ..tools import filing
from .common import CareCase
from .test_case_filing import PNG


class DoorCase(CareCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls._user("care_client", "base.group_portal", partner_id=cls.customer.id)
        # a new user's mail comes from its login
        cls.customer.email = "clara@example.com"
        cls.env["ir.config_parameter"].set_param("customer_care.form_seconds", 0)
        cls.order = cls._confirmed()
        cls.company.phone = "+32 2 555 01 00"
        cls.neighbour = cls.env["res.partner"].create(
            {"name": "Nina Neighbour", "email": "nina@example.com"}
        )

    def _hidden(self, page):
        """The hidden fields of the page's form of ours, as a browser would send them."""
        form = re.search(
            r'<form[^>]*method="post"(?:(?!</form>).)*name="csrf_token".*?</form>', page.text, re.S
        )
        self.assertTrue(form, "the page asks nothing")
        return {
            name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', form[0])[1]
            for name in ("csrf_token", "stamp", "access_token", "call")
            if re.search(rf'name="{name}"[^>]*value=', form[0])
        }

    def _send(self, url, files=(), page=None, **typed):
        data = {**self._hidden(page or self.url_open(url)), **typed}
        sent = [("files", file) for file in files] or None
        answer = self.url_open(url.partition("?")[0], data=data, files=sent)
        self.env.invalidate_all()
        return answer

    def _cases(self):
        return self.env["care.case"].search([("company_id", "=", self.company.id)], order="id desc")


@tagged("post_install", "-at_install")
class TestPortalForm(DoorCase):
    def setUp(self):
        super().setUp()
        self.authenticate("care_client", "care_client")

    WORDS = {"kind": "complaint", "subject": "Scratched", "text": "The door has\na scratch."}

    def test_a_customer_files_a_case_about_a_line_of_an_order_with_photos(self):
        line = self.order.order_line
        page = self._send(
            "/my/cases/new",
            [("a.png", PNG, "image/png"), ("b.png", PNG, "image/png")],
            about=f"line-{line.id}",
            phone="+32 475 1",
            **self.WORDS,
        )
        case = self._cases()[:1]
        self.assertEqual(case.order_id, self.order)
        self.assertEqual(case.product_id, self.product)
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.journey_id, self._journey(self.order))
        self.assertEqual(case.channel, "portal")
        self.assertEqual(case.description, "The door has\na scratch.")
        self.assertEqual(case.contact_phone, "+32 475 1")
        files = case.message_ids.attachment_ids
        self.assertEqual(sorted(files.mapped("name")), ["a.png", "b.png"])
        self.assertEqual(files[0].raw, PNG)
        self.assertIn(case.number, page.text, "one lands on the case")
        self._run("care.notice")
        self.assertTrue(case.message_ids.filtered(lambda m: m.message_type == "auto_comment"))

    def test_the_form_offers_ones_own_orders_and_takes_no_others(self):
        theirs = self._confirmed(partner=self.neighbour)
        page = self.url_open("/my/cases/new")
        self.assertIn(self.order.name, page.text)
        self.assertIn(f"line-{self.order.order_line.id}", page.text)
        self.assertNotIn(theirs.name, page.text)
        for about in (f"order-{theirs.id}", f"line-{theirs.order_line.id}", "order-x", "x-1"):
            with self.subTest(about):
                self._send("/my/cases/new", about=about, **self.WORDS)
                case = self._cases()[:1]
                self.assertFalse(case.order_id)
                self.assertFalse(case.product_id)
                self.assertEqual(case.partner_id, self.customer)

    def test_an_orders_page_leads_to_the_form_about_it(self):
        page = self.url_open(f"/my/orders/{self.order.id}")
        self.assertIn(f"/my/cases/new?about=order-{self.order.id}", page.text)
        form = self.url_open(f"/my/cases/new?about=order-{self.order.id}")
        self.assertRegex(form.text, rf'value="order-{self.order.id}"\s+selected="')
        self.assertIn("/my/cases/new", self.url_open("/my/cases").text)

    def test_a_form_with_something_missing_comes_back_filled_in(self):
        before = self._cases()
        page = self._send(
            "/my/cases/new",
            about=f"order-{self.order.id}",
            kind="suggestion",
            subject="",
            text="A <b>long</b> story",
        )
        self.assertEqual(self._cases(), before)
        self.assertIn("It has not been sent yet", page.text)
        self.assertIn("A &lt;b&gt;long&lt;/b&gt; story", page.text)
        self.assertRegex(page.text, r'value="suggestion"\s+selected="')
        self.assertRegex(page.text, rf'value="order-{self.order.id}"\s+selected="')
        self.assertIn('aria-invalid="true"', page.text)

    def test_files_that_may_not_be_sent_are_named_and_nothing_typed_is_lost(self):
        before = self._cases()
        for name, content in (
            ("a.svg", b"<svg onload='alert(1)'/>"),
            ("a.html", b"<script>alert(1)</script>"),
            ("evil.png", b"<script>alert(1)</script>"),
            ("<img src=x>.exe", b"MZ"),
            ("big.png", PNG + b"0" * filing.FILE_BYTES),
        ):
            with self.subTest(name):
                page = self._send("/my/cases/new", [(name, content)], **self.WORDS)
                self.assertIn(filing.clean_name(name), page.text)
                self.assertIn("The door has", page.text)
                self.assertIn("choose your files again", page.text)
                self.assertNotIn("<img src=x>", page.text)
        page = self._send("/my/cases/new", [(f"{i}.png", PNG) for i in range(11)], **self.WORDS)
        self.assertIn("at most 10 files", page.text)
        self.assertEqual(self._cases(), before)

    def test_a_form_that_is_sent_twice_opens_one_case(self):
        page = self.url_open("/my/cases/new")
        before = self._cases()
        for _press in range(2):
            answer = self._send("/my/cases/new", page=page, **self.WORDS)
            self.assertEqual(answer.status_code, 200)
        self.assertEqual(len(self._cases() - before), 1)

    def test_a_stamp_that_is_none_or_too_old_asks_to_send_again_and_loses_nothing(self):
        before = self._cases()
        old = time.time() - TOO_LONG - 60
        with patch("odoo.addons.customer_care.controllers.filing.time.time", lambda: old):
            page = self.url_open("/my/cases/new")
        for stamp in (
            self._hidden(page)["stamp"],
            "1.é",
            "é",
            "\udcff.x".encode("utf-8", "replace"),
        ):
            with self.subTest(stamp):
                answer = self._send("/my/cases/new", stamp=stamp, **self.WORDS)
                self.assertEqual(answer.status_code, 200)
                self.assertIn("once more", answer.text)
                self.assertIn("The door has", answer.text)
        self.assertEqual(self._cases(), before)

    def test_one_login_may_write_twenty_times_an_hour(self):
        self.env["care.door"]._let_in(*[("user", self.client.id)] * PER_USER)
        before = self._cases()
        answer = self._send("/my/cases/new", **self.WORDS)
        self.assertEqual(answer.status_code, 429)
        self.assertIn("The door has", answer.text)
        self.assertEqual(self._cases(), before)

    def test_a_form_from_elsewhere_is_refused(self):
        before = self._cases()
        with mute_logger("odoo.http"):
            answer = self.url_open("/my/cases/new", data=self.WORDS)
        self.assertEqual(answer.status_code, 400)
        self._send("/my/cases/new", **{**self.WORDS, "stamp": "1.a.b"})
        self.assertEqual(self._cases(), before)

    def test_nobody_files_without_a_login(self):
        self.authenticate(None, None)
        self.assertIn("/web/login", self.url_open("/my/cases/new").url)

    def test_guides_that_fit_are_offered_before_filing(self):
        document = self.env["product.document"].create(
            {
                "name": "manual.txt",
                "raw": b"Press the button",
                "res_model": "product.product",
                "res_id": self.product.id,
            }
        )
        service = self.env["care.service"].create(
            {
                "name": "First use of your oven",
                "company_id": self.company.id,
                "product_ids": [Command.set(self.product.ids)],
                "document_ids": [Command.set(document.ids)],
            }
        )
        other = self.env["care.service"].create(
            {"name": "A hob's guide", "company_id": self.company.id}
        )
        other.document_ids = document
        self.assertNotIn(service.name, self.url_open("/my/cases/new").text)
        page = self.url_open(f"/my/cases/new?about=line-{self.order.order_line.id}")
        self.assertIn(service.name, page.text)
        self.assertNotIn(other.name, page.text)
        before = self._cases()
        page = self._send(
            "/my/cases/new", about=f"order-{self.order.id}", step="guides", text="It is <cold>"
        )
        self.assertIn(service.name, page.text)
        self.assertIn("It is &lt;cold&gt;", page.text)
        self.assertEqual(self._cases(), before)
        url = f"/care/guide/{service.id}/document/{document.id}"
        self.assertEqual(self.url_open(url).content, b"Press the button")
        far = self.url_open(f"/care/guide/{other.id}/document/{document.id}")
        self.assertEqual(far.status_code, 404)
        self.authenticate(None, None)
        self.assertEqual(self.url_open(url).status_code, 404)

    def test_each_field_has_its_label_and_the_page_needs_no_script(self):
        page = self.url_open("/my/cases/new").text
        form = re.search(r'<form[^>]*action="/my/cases/new".*?</form>', page, re.S)[0]
        fields = re.findall(r"<(?:input|select|textarea)[^>]*>", form)
        for field in fields:
            if 'type="hidden"' not in field:
                name = re.search(r'id="(\w+)"', field)[1]
                self.assertIn(f'for="{name}"', form)
        self.assertNotIn("<script", form)
        self.assertNotIn("onclick", form)

    def test_a_case_that_was_merged_leads_to_the_one_that_goes_on(self):
        target, source = self._case(name="One"), self._case(name="Two")
        token = source._portal_ensure_token()
        source._merge_into(target)
        page = self.url_open(f"/my/cases/{source.id}")
        self.assertIn(target.number, page.text)
        self.authenticate(None, None)
        page = self.url_open(f"/my/cases/{source.id}?access_token={token}")
        self.assertIn(f"/my/cases/{target.id}", page.url)
        self.assertIn(target.number, page.text)
        target.partner_id = self.neighbour
        self.env.flush_all()
        page = self.url_open(f"/my/cases/{source.id}?access_token={token}")
        self.assertNotIn(target.number, page.text)


@tagged("post_install", "-at_install")
class TestPublicForm(DoorCase):
    def setUp(self):
        super().setUp()
        self.authenticate(None, None)
        self.url = f"/care/contact/{self.company.id}"

    TYPED = {
        "name": "Otto Outside",
        "email": "Otto@Example.com",
        "kind": "complaint",
        "subject": "Loud fitters",
        "text": "They sang.",
    }

    def _typed(self, **values):
        return {**self.TYPED, **values}

    def test_somebody_without_a_login_writes_to_us(self):
        page = self._send(self.url, [("a.png", PNG)], **self._typed(phone="+32 475 2"))
        case = self._cases()[:1]
        self.assertEqual(case.partner_id.name, "Otto Outside")
        self.assertEqual(case.partner_id.email, "otto@example.com")
        self.assertEqual(case.partner_id.company_id, self.company)
        self.assertEqual(case.company_id, self.company)
        self.assertEqual(case.channel, "form")
        self.assertEqual(case.message_ids.attachment_ids.name, "a.png")
        self.assertIn(case.number, page.text)
        self.assertNotIn("access_token", page.text, "the link goes to the address alone")
        self._run("care.notice")
        mail = self.env["mail.mail"].search([("recipient_ids", "=", case.partner_id.id)])
        self.assertIn("access_token", mail.body_html)

    def test_an_order_is_linked_for_its_customers_mail_alone_and_nobody_learns_of_it(self):
        pages = {}
        for email, number in (
            ("clara@example.com", self.order.name.lower()),
            ("otto@example.com", self.order.name),
            ("nina@example.com", "S99999"),
            ("clara@example.com", "%"),
        ):
            self.authenticate(None, None)
            answer = self._send(self.url, **self._typed(email=email, order=number))
            case = self._cases()[:1]
            pages[email, number] = re.sub(r"csrf_token[^,>]*|C\d\d-\d+", "", answer.text)
            mine = email == "clara@example.com" and number != "%"
            self.assertEqual(case.order_id, self.order if mine else self.env["sale.order"])
            if not mine:
                self.assertIn(f"Order number given: {number}", case.description)
        self.assertEqual(len(set(pages.values())), 1, "all see the same page")

    def test_another_companys_order_and_form_are_not_reached(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        other.care_start_date = self.company.care_start_date
        self._send(
            f"/care/contact/{other.id}",
            **self._typed(email="clara@example.com", order=self.order.name, company_id="1"),
        )
        case = self.env["care.case"].search([("company_id", "=", other.id)])
        self.assertEqual(len(case), 1)
        self.assertFalse(case.order_id)
        other.care_public_form = False
        self.env.flush_all()
        for number in (other.id, 0, 999999):
            self.assertEqual(self.url_open(f"/care/contact/{number}").status_code, 404)
            self.assertEqual(self.url_open(f"/care/contact/{number}/thanks").status_code, 404)

    def test_a_company_that_has_not_started_has_no_form(self):
        self.company.care_start_date = False
        self.env.flush_all()
        self.assertEqual(self.url_open(self.url).status_code, 404)

    def test_who_fills_in_the_hidden_field_is_thanked_and_forgotten(self):
        before = self._cases()
        page = self._send(self.url, **self._typed(homepage="https://spam.example.com"))
        self.assertIn("Thank you", page.text)
        self.assertEqual(self._cases(), before)

    def test_who_is_too_fast_is_asked_to_look_again_and_loses_nothing(self):
        self.env["ir.config_parameter"].set_param("customer_care.form_seconds", 30)
        before = self._cases()
        page = self._send(self.url, **self._typed())
        self.assertIn("That was quick", page.text)
        self.assertIn("They sang.", page.text)
        self.assertIn('value="Otto Outside"', page.text)
        self.assertEqual(self._cases(), before)

    def test_one_mail_address_may_write_five_times_an_hour(self):
        before = self._cases()
        answers = [self._send(self.url, **self._typed(subject=f"{i}")) for i in range(7)]
        self.assertEqual(len(self._cases() - before), 5)
        self.assertEqual([answer.status_code for answer in answers][-2:], [429, 429])
        self.assertIn("They sang.", answers[-1].text)
        self.env.cr.execute(
            "UPDATE care_door SET create_date = create_date - %s", (timedelta(hours=2),)
        )
        self._send(self.url, **self._typed(subject="Later"))
        self.assertEqual(len(self._cases() - before), 6)

    def test_one_address_of_the_network_may_write_twenty_times_an_hour(self):
        door = self.env["care.door"]
        door._let_in(*[("ip", "127.0.0.1")] * 20)
        before = self._cases()
        self.assertEqual(self._send(self.url, **self._typed()).status_code, 429)
        self.assertEqual(self._cases(), before)

    def test_nothing_readable_is_kept_of_who_came_and_that_not_for_long(self):
        self._send(self.url, **self._typed())
        doors = self.env["care.door"].search([])
        self.assertTrue(doors)
        for key in doors.mapped("key"):
            self.assertNotIn("otto", key)
            self.assertNotIn("127.0.0.1", key)
        self.env.cr.execute(
            "UPDATE care_door SET create_date = create_date - %s", (timedelta(hours=49),)
        )
        self.env["care.door"]._gc_doors()
        self.assertFalse(self.env["care.door"].search([]))

    def test_missing_fields_are_named_and_what_was_typed_comes_back(self):
        before = self._cases()
        for missing in ("name", "email", "subject", "text"):
            with self.subTest(missing):
                page = self._send(self.url, **self._typed(**{missing: "  "}))
                self.assertIn(f"care_error_{missing}", page.text)
                for name, value in self.TYPED.items():
                    if name not in (missing, "kind"):
                        self.assertIn(value, page.text)
        page = self._send(self.url, **self._typed(email="not a mail"))
        self.assertIn("This is no mail address", page.text)
        self.assertIn("not a mail", page.text)
        self.assertEqual(self._cases(), before)

    def test_html_in_names_and_texts_stays_text(self):
        evil = "<script>alert(1)</script>"
        self._send(self.url, **self._typed(name=evil, subject=evil, text=evil))
        case = self._cases()[:1]
        self.assertEqual(case.description, evil)
        self._run("care.notice")
        bodies = "".join(case.message_ids.mapped("body"))
        self.assertNotIn("<script", bodies)
        page = self._send(self.url, **self._typed(name=evil, subject=""))
        self.assertNotIn(evil, page.text)

    def test_a_huge_file_and_a_wrong_one_are_refused_with_the_form_filled_in(self):
        before = self._cases()
        for name, content in (("a.png", PNG + b"0" * filing.FILE_BYTES), ("a.js", b"alert(1)")):
            page = self._send(self.url, [(name, content)], **self._typed())
            self.assertIn("They sang.", page.text)
            self.assertIn("It has not been sent yet", page.text)
        self.assertEqual(self._cases(), before)

    def test_a_form_without_the_pages_token_or_with_a_made_up_stamp_is_refused(self):
        before = self._cases()
        with mute_logger("odoo.http"):
            answer = self.url_open(self.url, data=self._typed())
        self.assertEqual(answer.status_code, 400)
        for stamp in ("", "1.2.3", "x"):
            page = self._send(self.url, **self._typed(stamp=stamp))
            self.assertIn("They sang.", page.text)
        self.assertEqual(self._cases(), before)

    def test_a_captcha_that_is_set_up_is_asked(self):
        asked, robot = [], "You seem to be a robot"

        def verify(model, action):
            asked.append(action)
            raise UserError(robot)

        before = self._cases()
        with patch.object(self.env.registry["ir.http"], "_verify_request_recaptcha_token", verify):
            page = self._send(self.url, **self._typed())
        self.assertEqual(asked, ["care_contact"])
        self.assertIn(robot, page.text)
        self.assertIn("They sang.", page.text)
        self.assertEqual(self._cases(), before)
        self.assertIn('data-captcha="care_contact"', self.url_open(self.url).text)

    def test_only_what_we_offer_can_be_chosen(self):
        categories = self.env["care.category"].create(
            [
                {"name": "Offered one", "is_offered": True, "company_id": self.company.id},
                {"name": "Grumbler", "company_id": self.company.id},
            ]
        )
        page = self.url_open(self.url)
        self.assertIn("Offered one", page.text)
        self.assertNotIn("Grumbler", page.text)
        for category, kept in zip(categories, (True, False), strict=True):
            self._send(self.url, **self._typed(category=str(category.id), subject=category.name))
            self.assertEqual(bool(self._cases()[:1].category_id), kept)
        self._send(self.url, **self._typed(kind="mention", subject="A mention?"))
        self.assertEqual(self._cases()[:1].kind, "complaint")


@tagged("post_install", "-at_install")
class TestCallMe(DoorCase):
    def test_opening_the_page_asks_for_nothing(self):
        case = self._case()
        token = case._portal_ensure_token()
        before = self._cases()
        self.authenticate("care_client", "care_client")
        self.url_open("/my/call")
        self.authenticate(None, None)
        self.url_open(f"/my/cases/{case.id}/call?access_token={token}&phone=1234567")
        self.url_open(f"/care/contact/{self.company.id}?call=1")
        self.assertEqual(self._cases(), before)

    def test_pressing_the_button_opens_an_enquiry_once_a_day(self):
        self.authenticate("care_client", "care_client")
        before = self._cases()
        for when in ("After five", "Now!"):
            page = self._send("/my/call", when=when, phone="+32 475 99 99 99")
            self.assertIn("we call you", page.text)
        case = self._cases() - before
        self.assertEqual(len(case), 1)
        self.assertEqual(case.kind, "enquiry")
        self.assertEqual(case.channel, "callback")
        self.assertEqual(case.contact_when, "After five")
        self.assertEqual(case.contact_phone, "+32 475 99 99 99")
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.company_id, self.company)
        self.env.cr.execute("DELETE FROM care_door")
        self._send("/my/call")
        self.assertEqual(len(self._cases() - before), 2, "tomorrow is another day")

    def test_the_link_of_a_mail_asks_for_its_customer_and_shows_no_number(self):
        case = self._case()
        self._run("care.notice")
        mail = self.env["mail.mail"].search(
            [
                ("res_id", "=", case.id),
                ("model", "=", "care.case"),
                ("recipient_ids", "=", self.customer.id),
            ]
        )
        link = re.search(rf'href="[^"]*(/my/cases/{case.id}/call[^"]*)"', mail[:1].body_html)[1]
        self.assertIn("+32 2 555 01 00", mail[:1].body_html)
        body = " ".join(mail[:1].body_html.split())
        self.assertIn("Mon–Fri 9:00 AM–5:00 PM", body)
        link = link.replace("&amp;", "&")
        self.authenticate(None, None)
        page = self.url_open(link)
        self.assertNotIn(self.customer.phone, page.text)
        before = self._cases()
        data = self._hidden(page)
        self.url_open(link, data={**data, "when": "Tomorrow"})
        self.env.invalidate_all()
        new = self._cases() - before
        self.assertEqual(new.partner_id, self.customer)
        self.assertIn(case.number, new.description)
        self.assertEqual(new.team_id, case.team_id)

    def test_another_customers_case_is_no_way_in(self):
        case = self._case(partner_id=self.neighbour.id)
        before = self._cases()
        for login in (None, "care_client"):
            self.authenticate(login, login)
            csrf = re.search(r'csrf_token: "(\w+)"', self.url_open("/web/login?x=1").text)[1]
            self.url_open(
                f"/my/cases/{case.id}/call",
                data={"csrf_token": csrf, "access_token": "x", "phone": "123456789"},
            )
        self.assertEqual(self._cases(), before)

    def test_nobody_of_ours_asks_in_the_customers_name(self):
        case = self._case(owner_id=self.agent.id)
        before = self._cases()
        self.authenticate("care_agent", "care_agent")
        url = f"/my/cases/{case.id}/call"
        data = self._hidden(self.url_open(url))
        answer = self.url_open(url, data={**data, "phone": "123456789"}, allow_redirects=False)
        self.assertEqual(self._cases(), before)
        self.assertTrue(answer.headers["Location"].endswith(case.access_url))
        self.assertFalse(case.access_token, "nor is one of ours given the customer's link")

    def test_without_a_login_a_number_is_enough(self):
        self.authenticate(None, None)
        url = f"/care/contact/{self.company.id}?call=1"
        before = self._cases()
        page = self._send(url, name="Otto", phone="12")
        self.assertIn("Tell us on which number to call you", page.text)
        self.assertEqual(self._cases(), before)
        self._send(url, name="Otto", phone="+32 475 12 34", when="Evenings")
        case = self._cases() - before
        self.assertEqual(case.partner_id.phone, "+32 475 12 34")
        self.assertEqual(case.channel, "callback")
        self.assertEqual(case.kind, "enquiry")

    def test_the_button_stands_on_each_of_our_pages(self):
        case = self._case()
        self.authenticate("care_client", "care_client")
        for url in ("/my/cases", f"/my/cases/{case.id}", "/my/guides", "/my/cases/new"):
            with self.subTest(url):
                self.assertRegex(self.url_open(url).text, r'href="/my/(cases/\d+/)?call')
