"""The customer's link: in their mail, and nowhere that somebody of ours reads."""

import re

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestCaseLink(CareCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._case(owner_id=cls.agent.id, resolution="The element was replaced.")
        # staff who are told by mail, as the customer is
        cls.agent.notification_type = "email"
        cls.case.message_subscribe(partner_ids=cls.leader.partner_id.ids)
        cls.leader.notification_type = "email"

    def _mails(self, partner):
        return (
            self.env["mail.mail"]
            .search([("model", "=", "care.case"), ("res_id", "=", self.case.id)])
            .filtered(lambda mail: partner in mail.recipient_ids)
        )

    def _links(self, html):
        return re.findall(r"/my/cases/[^\"'<>\s]*", str(html))

    def test_the_customers_mail_has_their_link_and_the_conversation_has_the_address(self):
        self.case.action_resolve()
        self._run("care.notice")
        token = self.case.access_token
        told = self.case.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        self.assertEqual(len(told), 2)
        for message in told:
            self.assertTrue(self._links(message.body))
            self.assertNotIn(token, message.body)
        mails = self._mails(self.customer)
        self.assertEqual(len(mails), 2)
        for mail in mails:
            links = self._links(mail.body_html)
            self.assertEqual(len(links), 2, "the case, and “call me”")
            for link in links:
                self.assertIn(f"?access_token={token}", link)
        self.assertIn(f"?access_token={token}#answer", "".join(map(str, mails.mapped("body_html"))))

    def test_the_mail_to_one_of_us_opens_nothing_as_the_customer(self):
        self.case.action_resolve()
        self._run("care.notice")
        mails = self._mails(self.leader.partner_id)
        self.assertTrue(mails)
        for mail in mails:
            self.assertTrue(self._links(mail.body_html))
            self.assertNotIn(self.case.access_token, mail.body_html)

    def test_the_link_in_the_mail_opens_the_case_and_takes_the_answer(self):
        self.case.action_resolve()
        self._run("care.notice")
        link = next(
            link
            for mail in self._mails(self.customer)
            for link in self._links(mail.body_html)
            if link.endswith("#answer")
        )
        self.env.flush_all()
        page = self.url_open(link)
        self.assertIn(self.case.number, page.text)
        csrf = re.search(r'name="csrf_token"[^>]*value="([^"]*)"', page.text)[1]
        self.url_open(
            f"/my/cases/{self.case.id}/answer",
            data={"csrf_token": csrf, "access_token": self.case.access_token, "answer": "yes"},
        )
        self.env.invalidate_all()
        self.assertEqual(self.case.customer_answer, "yes")
        notes = self.case.message_ids.filtered("subtype_id.internal").mapped("body")
        self.assertIn("Answered by the link in our mail", "".join(notes))

    def test_the_address_in_the_conversation_opens_nothing_without_rights(self):
        self.case.action_resolve()
        self._run("care.notice")
        told = self.case.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        self.env.flush_all()
        for link in self._links(told[:1].body):
            self.assertNotIn(self.case.name, self.url_open(link).text)

    def test_what_a_customer_quotes_of_our_mail_keeps_no_link(self):
        token = self.case._portal_ensure_token()
        link = f"https://x.test/my/cases/{self.case.id}?access_token={token}"
        message = self.case.message_post(
            body=f"Still cold. You wrote: {link}&a=1",
            author_id=self.customer.id,
            message_type="email",
            subtype_xmlid="mail.mt_comment",
        )
        self.assertNotIn("access_token", message.body)
        self.assertIn(f"/my/cases/{self.case.id}?a=1", message.body)

    def test_nobody_of_ours_is_given_the_link(self):
        token = self.case._portal_ensure_token()
        for user in (self.agent, self.leader, self.manager):
            case = self.case.with_user(user)
            self.assertNotIn(token, case.get_portal_url(anchor="answer"))
            self.assertEqual(case.get_portal_url(anchor="answer"), f"{case.access_url}#answer")
            self.assertNotIn(token, case._get_share_url(redirect=True, pid=self.customer.id))
            with self.assertRaises(AccessError):
                case.read(["access_token"])
            with self.assertRaises(AccessError):
                case.search([("access_token", "=", token)])

    def test_a_reply_of_one_of_us_reaches_the_customer_with_their_button(self):
        self.case.with_user(self.agent).message_post(
            body="We come on Monday.",
            partner_ids=self.customer.ids,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        mail = self._mails(self.customer)
        self.assertEqual(len(mail), 1)
        self.assertIn(self.case.access_token, mail.body_html)

    def test_a_template_sent_to_many_has_each_customers_own_link(self):
        other = self._case(
            name="A cracked hob",
            partner_id=self.env["res.partner"].create({"name": "N", "email": "n@example.com"}).id,
        )
        cases = self.case | other
        template = self.env.ref("customer_care.mail_template_case_received")
        composer = (
            self.env["mail.compose.message"]
            .with_user(self.manager)
            .with_context(active_ids=cases.ids)
            .create(
                {
                    "composition_mode": "mass_mail",
                    "model": "care.case",
                    "res_ids": cases.ids,
                    "template_id": template.id,
                    "force_send": False,
                }
            )
        )
        composer._action_send_mail()
        for case in cases:
            mail = self.env["mail.mail"].search(
                [("model", "=", "care.case"), ("res_id", "=", case.id)], limit=1, order="id desc"
            )
            self.assertIn(f"/my/cases/{case.id}?access_token={case.access_token}", mail.body_html)
            self.assertNotIn("access_token", mail.mail_message_id.body)

    def test_who_answered_and_how_stands_in_the_conversation(self):
        client = self._user("care_client", "base.group_portal", partner_id=self.customer.id)
        for user, words in (
            (self.env.ref("base.public_user"), "by the link in our mail"),
            (client, f"Answered by {client.name}, logged in"),
            (self.agent, f"Told to {self.agent.name}"),
        ):
            with self.subTest(user.login):
                case = self._case(owner_id=self.agent.id, resolution="Done.")
                case.action_resolve()
                case.with_user(user).sudo()._customer_answers("yes")
                notes = case.message_ids.filtered("subtype_id.internal")
                self.assertTrue(any(words in (note.body or "") for note in notes))
