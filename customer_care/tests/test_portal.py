"""The customer's side: what they see, and what their word does."""

import contextlib
import re

from odoo import Command, fields
from odoo.tests import HttpCase, JsonRpcException, tagged
from odoo.tools import mute_logger

from .common import CareCase

SIGNATURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJ"
    "RU5ErkJggg=="
)


@tagged("post_install", "-at_install")
class TestPortal(CareCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls._user("care_client", "base.group_portal", partner_id=cls.customer.id)
        cls.neighbour = cls.env["res.partner"].create(
            {"name": "Nina Neighbour", "email": "nina@example.com"}
        )
        cls.other = cls._user("care_nina", "base.group_portal", partner_id=cls.neighbour.id)
        cls.case = cls._case(owner_id=cls.agent.id)
        cls.elsewhere = cls._case(name="A cracked hob", partner_id=cls.neighbour.id)

    def _resolve(self):
        self.case.resolution = "The heating element was replaced."
        self.case.action_resolve()
        self.case._portal_ensure_token()
        self.env.flush_all()
        return self.case.access_token

    def _page(self, token=None, **params):
        query = {**({"access_token": token} if token else {}), **params}
        return self.url_open(f"/my/cases/{self.case.id}", params=query)

    def _form(self, page):
        """The hidden fields of the page's form, as a browser would send them."""
        form = re.search(r'<form[^>]*action="/my/cases/\d+/answer".*?</form>', page.text, re.S)
        self.assertTrue(form, "the page asks nothing")
        return {
            name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', form[0])[1]
            for name in ("csrf_token", "access_token")
            if re.search(rf'name="{name}"[^>]*value=', form[0])
        }

    def _answer(self, answer, text="", token=None):
        """Open the page, write, press the button: the page one lands on."""
        data = self._form(self._page(token))
        landed = self.url_open(
            f"/my/cases/{self.case.id}/answer", data={**data, "answer": answer, "text": text}
        )
        self.env.invalidate_all()
        return landed

    def _snapshot(self):
        self.env.flush_all()
        self.env.invalidate_all()
        return (
            self.case.read(["stage_id", "customer_answer", "cycle", "closed_at", "owner_id"]),
            self.case.message_ids.ids,
            self.env["care.notice"].search([("case_id", "=", self.case.id)]).ids,
        )

    # ------------------------------------------------------------
    # Seeing
    # ------------------------------------------------------------

    def test_a_customer_sees_his_own_cases_and_no_others(self):
        self._resolve()
        self.authenticate("care_client", "care_client")
        text = self.url_open("/my/cases").text
        self.assertIn(self.case.number, text)
        self.assertIn("The oven does not heat", text)
        self.assertIn("Is it solved?", text)
        self.assertNotIn(self.elsewhere.number, text)
        self.assertNotIn("A cracked hob", text)
        page = self._page()
        self.assertIn("It stays cold.", page.text)
        self.assertIn("The heating element was replaced.", page.text)
        home = self.url_open("/my/counters", json={"params": {"counters": ["care_case_count"]}})
        self.assertEqual(home.json()["result"], {"care_case_count": 1})
        self.authenticate("care_nina", "care_nina")
        self.assertNotIn("It stays cold.", self._page().text)

    def test_a_colleague_of_the_customer_sees_their_companys_cases(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        (self.customer | self.neighbour).parent_id = firm
        self.authenticate("care_nina", "care_nina")
        text = self.url_open("/my/cases").text
        self.assertIn(self.case.number, text)
        self.assertIn(self.elsewhere.number, text)

    def test_the_link_of_the_mail_opens_the_case_without_login(self):
        token = self._resolve()
        self._run("care.notice")
        mail = (
            self.env["mail.mail"]
            .search([("recipient_ids", "=", self.customer.id)])
            .filtered(lambda mail: "heating element" in mail.body_html)
        )
        link = re.search(r'href="[^"]*(/my/cases/[^"]+)"', mail.body_html)[1]
        self.authenticate(None, None)
        page = self.url_open(link)
        self.assertIn("Is it solved for you?", page.text)
        self.assertIn("The heating element was replaced.", page.text)
        self.assertNotIn("Is it solved for you?", self._page(token + "x").text)
        self.assertNotIn("Is it solved for you?", self._page().text)

    def test_a_page_tells_nothing_that_is_ours(self):
        self._resolve()
        self.case.message_post(body="He always complains", message_type="comment")
        self.case.message_post(body="Told by the engine")
        self.case.category_id = self.env["care.category"].create({"name": "Grumbler"})
        self.authenticate("care_client", "care_client")
        text = self._page().text
        for ours in ("He always complains", "Told by the engine", "Grumbler"):
            self.assertNotIn(ours, text)

    # ------------------------------------------------------------
    # Answering
    # ------------------------------------------------------------

    def test_opening_a_link_changes_nothing(self):
        token = self._resolve()
        before = self._snapshot()
        for login in (None, "care_client"):
            self.authenticate(login, login)
            for answer in ("yes", "no"):
                self._page(token, answer=answer)
                self._page(token, answered=answer)
                with mute_logger("odoo.http"):
                    got = self.url_open(
                        f"/my/cases/{self.case.id}/answer",
                        params={"access_token": token, "answer": answer},
                    )
                self.assertGreaterEqual(got.status_code, 400)
        self.assertEqual(self._snapshot(), before)

    def test_yes_closes_the_case(self):
        token = self._resolve()
        self.authenticate(None, None)
        landed = self._answer("yes", "All is well, thank you", token)
        self.assertIn("The case is closed", landed.text)
        self.assertEqual(self.case.stage_category, "closed")
        self.assertEqual(self.case.customer_answer, "yes")
        self.assertTrue(self.case.customer_answer_at)
        message = self.case.message_ids.filtered(lambda m: "All is well" in m.body)
        self.assertEqual(message.author_id, self.customer)
        self.assertEqual(len(message), 1)

    def test_no_reopens_the_case_and_keeps_the_words(self):
        self._resolve()
        self.authenticate("care_client", "care_client")
        landed = self._answer("no", "It is <b>still</b> cold\nsince Monday")
        self.assertIn("open again", landed.text)
        self.assertEqual(self.case.stage_category, "open")
        self.assertEqual(self.case.cycle, 2)
        self.assertEqual(self.case.owner_id, self.agent)
        message = self.case.message_ids.filtered(lambda m: "still" in (m.body or ""))
        self.assertIn("&lt;b&gt;still&lt;/b&gt;", message.body)
        self.assertIn("since Monday", message.body)
        self.assertEqual(message.author_id, self.customer)
        self._run("care.notice")
        self.assertEqual(self.case.activity_ids.user_id, self.agent)
        self.assertEqual(len(self.case.activity_ids), 1)

    def test_an_answer_from_elsewhere_than_the_page_is_refused(self):
        token = self._resolve()
        before = self._snapshot()
        for login in (None, "care_client"):
            self.authenticate(login, login)
            for forged in ({}, {"csrf_token": ""}, {"csrf_token": "0123456789abcdefo9999999999"}):
                with mute_logger("odoo.http"):
                    got = self.url_open(
                        f"/my/cases/{self.case.id}/answer",
                        data={"access_token": token, "answer": "yes", **forged},
                    )
                self.assertEqual(got.status_code, 400)
        self.assertEqual(self._snapshot(), before)

    def test_an_answer_without_the_right_to_the_case_is_refused(self):
        self._resolve()
        before = self._snapshot()
        for login in (None, "care_nina"):
            self.authenticate(login, login)
            csrf = re.search(r'csrf_token: "(\w+)"', self.url_open("/web/login?x=1").text)[1]
            for token in ("", "x", self.elsewhere._portal_ensure_token()):
                got = self.url_open(
                    f"/my/cases/{self.case.id}/answer",
                    data={"csrf_token": csrf, "access_token": token, "answer": "yes"},
                )
                self.assertNotIn("closed", got.text)
        self.assertEqual(self._snapshot()[0], before[0])

    def test_nobody_of_ours_answers_for_the_customer(self):
        token = self._resolve()
        before = self._snapshot()
        for user in (self.agent, self.leader, self.manager, self.env.ref("base.user_admin")):
            self.authenticate(user.login, user.login)
            for answer in ("yes", "no"):
                self._answer(answer, "Forged", token)
        self.assertEqual(self._snapshot(), before)

    def test_the_customers_link_is_never_given_to_one_of_ours(self):
        self._resolve()
        other = self.case.copy({"name": "The same once more", "partner_id": self.customer.id})
        other.sudo()._merge_into(self.case.sudo())
        self.authenticate(self.agent.login, self.agent.login)
        csrf = re.search(r'csrf_token: "(\w+)"', self.url_open("/web/login?x=1").text)[1]
        for case, path, data in (
            (other, "", None),
            (self.case, "/answer", {"csrf_token": csrf, "answer": "yes"}),
            (self.case, "/remedies/1", {"csrf_token": csrf, "answer": "accept"}),
        ):
            url = f"/my/cases/{case.id}{path}"
            landed = self.url_open(url, data=data, allow_redirects=False)
            self.assertIn(landed.status_code, (302, 303), url)
            self.assertIn(f"/my/cases/{self.case.id}", landed.headers["Location"])
            self.assertNotIn("access_token", landed.headers["Location"])

    def test_answering_twice_is_told_in_a_friendly_way_and_changes_nothing(self):
        token = self._resolve()
        self.authenticate(None, None)
        data = self._form(self._page(token))
        self._answer("yes", "", token)
        before = self._snapshot()
        for answer in ("yes", "no"):
            late = self.url_open(
                f"/my/cases/{self.case.id}/answer", data={**data, "answer": answer}
            )
            self.assertEqual(late.status_code, 200)
            self.assertIn("answered already", late.text)
        self.assertEqual(self._snapshot(), before)

    def test_an_answer_that_is_none_is_taken_for_none(self):
        token = self._resolve()
        before = self._snapshot()
        self.authenticate(None, None)
        for answer in ("", "maybe", "closed", "YES"):
            self.assertEqual(self._answer(answer, "x", token).status_code, 200)
        self.assertEqual(self._snapshot(), before)

    def test_a_case_that_is_not_resolved_asks_nothing(self):
        token = self.case._portal_ensure_token()
        self.authenticate(None, None)
        page = self._page(token)
        self.assertIn("It stays cold.", page.text)
        self.assertNotIn("Is it solved for you?", page.text)
        csrf = re.search(r'csrf_token: "(\w+)"', page.text)[1]
        self.url_open(
            f"/my/cases/{self.case.id}/answer",
            data={"csrf_token": csrf, "access_token": token, "answer": "yes"},
        )
        self.env.invalidate_all()
        self.assertEqual(self.case.stage_category, "open")

    def test_a_customer_writes_on_the_page_of_his_case(self):
        token = self.case._portal_ensure_token()
        self.env.flush_all()
        self.authenticate(None, None)
        self.make_jsonrpc_request(
            "/mail/message/post",
            {
                "thread_model": "care.case",
                "thread_id": self.case.id,
                "post_data": {
                    "body": "When do you come?",
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                },
                "token": token,
            },
        )
        self.env.invalidate_all()
        message = self.case.message_ids[0]
        self.assertIn("When do you come?", message.body)
        self.assertEqual(message.author_id, self.customer)
        fetched = self.make_jsonrpc_request(
            "/mail/chatter_fetch",
            {"thread_model": "care.case", "thread_id": self.case.id, "token": token},
        )
        self.assertIn(message.id, fetched["messages"])

    def test_writing_on_the_page_of_a_resolved_case_opens_it_again(self):
        self.case.resolution = "Mended"
        self.case.action_resolve()
        token = self.case._portal_ensure_token()
        self.env.flush_all()
        self.authenticate(None, None)
        self.make_jsonrpc_request(
            "/mail/message/post",
            {
                "thread_model": "care.case",
                "thread_id": self.case.id,
                "post_data": {
                    "body": "It is cold again",
                    "message_type": "comment",
                    "subtype_xmlid": "mail.mt_comment",
                },
                "token": token,
            },
        )
        self.env.invalidate_all()
        self.assertEqual(self.case.stage_category, "open")
        self.assertEqual(self.case.cycle, 2)

    # ------------------------------------------------------------
    # Confirming a quotation
    # ------------------------------------------------------------

    def _quotation(self, **vals):
        order = self._order(**vals)
        order.write({"require_signature": True, "require_payment": False})
        order.action_quotation_sent()
        order._portal_ensure_token()
        self.env.flush_all()
        return order

    def _sign(self, order, token=None):
        with mute_logger("odoo.addons.base.models.ir_actions_report"):
            answer = self.make_jsonrpc_request(
                f"/my/orders/{order.id}/accept",
                {
                    "access_token": token or order.access_token,
                    "name": "Clara Moreau",
                    "signature": SIGNATURE,
                },
                timeout=60,
            )
        self.env.invalidate_all()
        return answer

    def test_signing_a_quotation_without_login_starts_a_journey_with_its_owner(self):
        self._policy(((0, "care_owner"), (7, "care_salesperson")))
        order = self._quotation()
        self.authenticate(None, None)
        answer = self._sign(order)
        self.assertIn("redirect_url", answer)
        self.assertEqual(order.state, "sale")
        journey = self._journey(order)
        self.assertEqual(len(journey), 1)
        self.assertEqual(journey.owner_id, self.rep)
        self.assertEqual(journey.first_owner_id, self.rep)
        self.assertEqual(journey.stage_id, self.stages[0])
        self.assertEqual(journey.company_id, self.company)
        self.assertEqual(journey.followup_ids.user_id, self.rep)
        self.assertEqual(len(journey.followup_ids), 2)
        # an open complaint would hold the call back
        self.env["care.case"].search([("partner_id", "=", self.customer.id)]).kind = "enquiry"
        self._run("care.followup", days=3)
        self.assertEqual(journey.activity_ids.user_id, self.rep)

    def test_signing_as_a_portal_user_starts_the_same_journey(self):
        self._policy()
        order = self._quotation(user_id=False)
        order.user_id = False
        self.customer.user_id = self.agent
        self.env.flush_all()
        self.authenticate("care_client", "care_client")
        self._sign(order)
        journey = self._journey(order)
        self.assertEqual(journey.owner_id, self.manager, "the company's default owner")
        self.assertFalse(journey.owner_id.share)
        self.assertEqual(len(journey.followup_ids), 1)
        self.assertFalse(journey.followup_ids.user_id.share)

    def test_signing_with_a_broken_rule_still_sells(self):
        broken = self._policy()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_policy SET filter_domain = %s WHERE id = %s",
            ("[('field_that_went', '=', 1)]", broken.id),
        )
        self.env.invalidate_all()
        order = self._quotation()
        self.authenticate(None, None)
        with mute_logger("odoo.addons.customer_care.models.care_rule_mixin"):
            self._sign(order)
        self.assertEqual(order.state, "sale")
        self.assertTrue(self._journey(order))
        self.assertIn("field_that_went", broken.last_error)

    def test_signing_with_a_wrong_token_starts_nothing(self):
        order = self._quotation()
        self.authenticate(None, None)
        for token in ("x", order.access_token + "x", self._quotation().access_token):
            with contextlib.suppress(JsonRpcException):
                self.assertIn("error", self._sign(order, token))
        self.assertEqual(order.state, "sent")
        self.assertFalse(self._journey(order))

    def test_signing_twice_starts_one_journey(self):
        order = self._quotation()
        self.authenticate(None, None)
        self._sign(order)
        self.assertIn("error", self._sign(order))
        self.assertEqual(len(self._journey(order)), 1)

    def test_a_customer_of_two_companies_gets_an_owner_of_the_right_one(self):
        second = self.env["res.company"].create(
            {"name": "Second", "care_start_date": fields.Date.today()}
        )
        self.env.user.company_ids = [Command.link(second.id)]
        owner = self._user("care_second", "customer_care.group_agent", second)
        second.care_default_owner_id = owner
        order = self._quotation(company_id=second.id, user=self.env["res.users"])
        order.user_id = owner
        self.env.flush_all()
        self.authenticate(None, None)
        self._sign(order)
        journey = self._journey(order)
        self.assertEqual(journey.company_id, second)
        self.assertEqual(journey.owner_id, owner)
