"""The customer accepts or declines what is offered, on the page of their case."""

import re

from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .test_remedy import RemedyCase


@tagged("post_install", "-at_install")
class TestRemedyPortal(RemedyCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls._user("care_client", "base.group_portal", partner_id=cls.customer.id)
        cls.neighbour = cls.env["res.partner"].create(
            {"name": "Nina Neighbour", "email": "nina@example.com"}
        )
        cls.nina = cls._user("care_nina", "base.group_portal", partner_id=cls.neighbour.id)
        cls.case._portal_ensure_token()
        cls.token = cls.case.access_token

    def _offered(self, **vals):
        remedy = self._remedy(amount=30, text="Thirty for your trouble.", **vals)
        remedy.action_go()
        self.env.flush_all()
        return remedy

    def _page(self, token=None, case=None, **params):
        query = {**({"access_token": token} if token else {}), **params}
        return self.url_open(f"/my/cases/{(case or self.case).id}", params=query)

    def _press(self, remedy, answer, page=None, token=None, case=None, **data):
        csrf = re.search(r'csrf_token: "(\w+)"', (page or self._page(token)).text)[1]
        landed = self.url_open(
            f"/my/cases/{(case or self.case).id}/remedies/{remedy.id}",
            data={"csrf_token": csrf, "access_token": token or "", "answer": answer, **data},
        )
        self.env.invalidate_all()
        return landed

    def test_the_page_shows_what_is_offered_and_nothing_else(self):
        offered = self._offered()
        self._remedy(amount=20, text="Secret proposal")
        asked = self._remedy(amount=400, text="Secret question")
        asked.action_ask()
        self.env.flush_all()
        self.authenticate("care_client", "care_client")
        text = self._page().text
        self.assertIn("Thirty for your trouble.", text)
        self.assertIn("30.00", text)
        self.assertIn(f"/remedies/{offered.id}", text)
        self.assertNotIn("Secret", text)
        self.assertNotIn("care_leader", text)

    def test_opening_changes_nothing(self):
        remedy = self._offered()
        for login in (None, "care_client"):
            self.authenticate(login, login)
            for answer in ("accept", "decline"):
                self._page(self.token, offered=answer, answer=answer)
                with mute_logger("odoo.http"):
                    got = self.url_open(
                        f"/my/cases/{self.case.id}/remedies/{remedy.id}",
                        params={"access_token": self.token, "answer": answer},
                    )
                self.assertGreaterEqual(got.status_code, 400)
        self.env.invalidate_all()
        self.assertEqual(remedy.state, "offered")

    def test_accepting_without_login_does_it(self):
        remedy = self._offered()
        self.authenticate(None, None)
        landed = self._press(remedy, "accept", token=self.token)
        self.assertIn("We see to it", landed.text)
        self.assertEqual(remedy.state, "executed")
        self.assertEqual(remedy.answered_by_id, self.customer)
        self.assertEqual(remedy.sudo().document_ids.move_id.amount_total, 30)
        message = self.case.message_ids.filtered(lambda m: "I accept" in (m.body or ""))
        self.assertEqual(message.author_id, self.customer)
        landed = self._press(remedy, "decline", token=self.token)
        self.assertIn("answered or withdrawn", landed.text)
        self.assertEqual(remedy.state, "executed")

    def test_declining_logged_in_says_who(self):
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        (self.customer | self.neighbour).parent_id = firm
        remedy = self._offered()
        self.authenticate("care_nina", "care_nina")
        landed = self._press(remedy, "decline")
        self.assertIn("do not want it", landed.text)
        self.assertEqual(remedy.state, "declined")
        self.assertEqual(remedy.answered_by_id, self.neighbour)

    def test_a_stranger_and_a_forged_form_answer_nothing(self):
        remedy = self._offered()
        own = self._case(partner_id=self.neighbour.id)
        own._portal_ensure_token()
        self.env.flush_all()
        self.authenticate("care_nina", "care_nina")
        home = self.url_open("/my/home")
        for token in ("", "x", own.access_token):
            self._press(remedy, "accept", page=home, token=token)
            self.assertEqual(remedy.state, "offered")
        # another's remedy under one's own case
        self._press(remedy, "accept", page=home, token=own.access_token, case=own)
        self.assertEqual(remedy.state, "offered")
        self.authenticate("care_client", "care_client")
        with mute_logger("odoo.http"):
            self._press(remedy, "accept", csrf_token="x")
        self.assertEqual(remedy.state, "offered")
        for answer in ("", "executed", "yes"):
            self._press(remedy, answer)
            self.assertEqual(remedy.state, "offered")

    def test_our_own_people_do_not_answer_for_the_customer(self):
        remedy = self._offered()
        self.authenticate("care_agent", "care_agent")
        home = self.url_open("/my/home")
        self._press(remedy, "accept", page=home)
        self.assertEqual(remedy.state, "offered")
