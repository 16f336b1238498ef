"""The service guide: sent once, at the first order, in the customer's language; asked about."""

from psycopg2 import IntegrityError

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import CareCase


class GuideCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.file = cls.env["product.document"].create(
            {
                "name": "before.txt",
                "raw": b"Clear the way",
                "res_model": "product.product",
                "res_id": cls.product.id,
            }
        )
        cls.service = cls.env["care.service"].create(
            {
                "name": "Installation",
                "company_id": cls.company.id,
                "description": "We connect & explain <it>",
                "included": "Carrying it in\n\nConnecting it",
                "excluded": "New pipes",
                "product_ids": [Command.set(cls.product.ids)],
                "document_ids": [Command.set(cls.file.ids)],
                "videos": "How to level it https://video.example.com/level",
            }
        )

    def _guides(self, partner=None):
        return self.env["care.guide"].search(
            [("commercial_partner_id", "=", (partner or self.customer).commercial_partner_id.id)]
        )

    def _mails(self):
        return self.env["mail.mail"].search([("subject", "like", "Your guide")])

    def _sent(self, **vals):
        """An order whose guide has gone out."""
        order = self._confirmed(**vals)
        self._run("care.notice")
        return order


@tagged("post_install", "-at_install")
class TestGuide(GuideCase):
    def test_the_guide_goes_out_once_at_the_first_order_of_the_service(self):
        order = self._confirmed()
        guide = self._guides()
        self.assertEqual(guide.service_id, self.service)
        self.assertFalse(guide.sent_at, "the seller's transaction only plans")
        self.assertFalse(self._mails())
        self._run("care.notice")
        self.assertTrue(guide.sent_at)
        mail = self._mails()
        self.assertEqual(len(mail), 1)
        self.assertIn("Your guide: Installation", mail.subject)
        self.assertIn(self.customer, mail.recipient_ids)
        self.assertEqual(mail.res_id, self._journey(order).id)
        self._confirmed()
        self._run("care.notice")
        self.assertEqual(len(self._guides()), 1)
        self.assertEqual(len(self._mails()), 1)

    def test_the_mail_tells_what_the_guide_says_and_is_well_formed(self):
        self._sent()
        body = str(self._mails().body_html)
        for text in ("Carrying it in", "New pipes", "We connect &amp; explain &lt;it&gt;"):
            self.assertIn(text, body)
        guide = self._guides()
        self.assertIn(guide._url().replace("&", "&amp;"), body)
        self.assertIn(f"/my/guides/{guide.id}/document/{self.file.id}", body)
        self.assertIn("https://video.example.com/level", body)
        self.assertNotIn("<it>", body)
        self.assertNotIn("<li></li>", body)
        self.assertEqual(body.count("<ul>"), body.count("</ul>"))

    def test_the_mail_is_in_the_customers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.service.with_context(lang="fr_FR").write({"name": "Pose", "included": "Raccordement"})
        self.customer.lang = "fr_FR"
        self._sent()
        mail = self._mails()
        self.assertIn("Pose", mail.subject)
        self.assertIn("Raccordement", mail.body_html)
        self.assertNotIn("Carrying", mail.body_html)

    def test_one_mail_tells_all_new_guides_of_an_order(self):
        category = self.env["product.category"].create({"name": "Ovens"})
        child = self.env["product.category"].create({"name": "Small", "parent_id": category.id})
        self.product.categ_id = child
        self.env["care.service"].create(
            {
                "name": "Five-year care",
                "company_id": self.company.id,
                "category_ids": [Command.set(category.ids)],
            }
        )
        self._sent()
        self.assertEqual(len(self._guides()), 2)
        self.assertEqual(len(self._mails()), 1)
        self.assertIn("Five-year care", self._mails().body_html)

    def test_a_company_gets_it_once_whichever_of_its_people_orders(self):
        company = self.env["res.partner"].create({"name": "Lakeside", "is_company": True})
        one, two = self.env["res.partner"].create(
            [
                {"name": name, "parent_id": company.id, "email": f"{name}@example.com"}
                for name in ("Ann", "Bob")
            ]
        )
        self._sent(partner=one)
        self._sent(partner=two)
        self.assertEqual(self._guides(company).partner_id, one)
        self.assertEqual(len(self._mails()), 1)

    def test_the_database_itself_refuses_a_second_one(self):
        self._sent()
        guide = self._guides()
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            guide.copy().flush_recordset()

    def test_other_products_other_companies_and_archived_services_send_nothing(self):
        other = self.env["product.product"].create({"name": "Cable"})
        self._sent(order_line=[Command.create({"product_id": other.id})])
        self.assertFalse(self._guides())
        self.service.company_id = self.env["res.company"].create({"name": "Elsewhere"})
        self._sent()
        self.assertFalse(self._guides())
        self.service.write({"company_id": self.company.id, "active": False})
        self._sent()
        self.assertFalse(self._guides())

    def test_nothing_before_the_companys_start_and_nothing_to_who_opted_out(self):
        self.company.care_start_date = "2099-01-01"
        early = self._sent()
        self.assertFalse(self._guides())
        early._action_cancel()  # else they had it already
        self.company.care_start_date = fields.Date.today()
        profile = self.env["care.profile"].create(
            {
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "no_followup": True,
            }
        )
        order = self._sent()
        self.assertFalse(self._mails())
        notice = self.env["care.notice"].search(
            [("journey_id", "=", self._journey(order).id), ("kind", "=", "service_guide")]
        )
        self.assertEqual(notice.state, "cancelled")
        self.assertIn("asked not to be contacted", notice.error)
        profile.no_followup = False
        self._sent()
        self.assertEqual(len(self._mails()), 1, "the next order sends it")

    def test_without_an_address_or_for_a_cancelled_order_it_waits_for_the_next_order(self):
        self.customer.email = False
        self._sent()
        self.customer.email = "clara@example.com"
        order = self._confirmed()
        order._action_cancel()
        self._run("care.notice")
        self.assertFalse(self._mails())
        self._sent()
        self.assertEqual(len(self._mails()), 1)
        self.assertTrue(self._guides().sent_at)

    def test_the_cron_killed_after_sending_sends_nothing_twice(self):
        self._sent()
        self.env["care.notice"].search([("kind", "=", "service_guide")]).write(
            {"state": "planned", "next_at": self.env.cr.now()}
        )
        self._run("care.notice")
        self.assertEqual(len(self._mails()), 1)

    def test_planning_costs_the_same_for_one_order_and_for_fifty(self):
        def cost(number):
            partners = self.env["res.partner"].create(
                [{"name": f"P{n}", "email": f"p{n}@example.com"} for n in range(number)]
            )
            orders = self.env["sale.order"].concat(
                *(self._order(partner=partner) for partner in partners)
            )
            self.service.active = False
            orders.action_confirm()
            self.service.active = True
            journeys = self.env["care.journey"].search([("order_id", "in", orders.ids)])
            self.env.flush_all()
            start = self.env.cr.sql_log_count
            self.env["care.guide"]._plan_for(journeys)
            spent = self.env.cr.sql_log_count - start
            self.assertEqual(
                self.env["care.guide"].search_count([("journey_id", "in", journeys.ids)]), number
            )
            return spent

        cost(1)
        self.assertLessEqual(abs(cost(50) - cost(1)), 2)

    # ------------------------------------------------------------
    # Asked about
    # ------------------------------------------------------------

    def test_the_next_follow_up_asks_whether_it_was_clear_and_the_answer_is_kept(self):
        order = self._sent()
        guide = self._guides()
        followups = self.env["care.followup"].with_user(self.rep)
        journey = self._journey(order)
        followup = followups.create({"name": "Ask", "journey_id": journey.id})
        self.assertEqual(followup.guide_ids, guide)
        followup.write(
            {
                "guide_ids": [
                    Command.update(guide.id, {"clear": "no", "unclear": "Which tap to close?"})
                ],
                "outcome_id": self.env.ref("customer_care.outcome_satisfied").id,
            }
        )
        followup.action_done()
        self.assertEqual(guide.clear, "no")
        self.assertEqual(guide.unclear, "Which tap to close?")
        self.assertEqual(guide.answered_by_id, self.rep)
        self.assertEqual(guide.followup_id, followup)
        self.env.invalidate_all()
        self.assertEqual(followup.guide_ids, guide, "it shows what was answered in it")
        self.assertFalse(
            followups.create({"name": "Again", "journey_id": journey.id}).guide_ids,
            "asked once",
        )
        self.env.invalidate_all()
        service = self.service.with_user(self.manager)
        self.assertEqual((service.guide_count, service.unclear_count), (1, 1))
        self.assertEqual(service.clear_share, 0)

    def test_a_guide_that_was_not_sent_is_not_asked_about(self):
        order = self._confirmed()
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask", "journey_id": self._journey(order).id})
        )
        self.assertFalse(followup.guide_ids)
        with self.assertRaises(UserError):
            self._guides().with_user(self.rep).clear = "yes"

    def test_only_the_answer_is_written_by_people(self):
        self._sent()
        guide = self._guides()
        for name, value in {
            "sent_at": False,
            "service_id": self.service.copy().id,
            "partner_id": self.rep.partner_id.id,
            "access_token": "guessed",
            "answered_by_id": self.agent.id,
            "followup_id": False,
        }.items():
            for user in (self.rep, self.manager):
                with self.subTest(name=name), self.assertRaises(AccessError):
                    guide.with_user(user).write({name: value})
        with self.assertRaises(AccessError):
            self.env["care.guide"].with_user(self.manager).create(
                {"service_id": self.service.id, "partner_id": self.customer.id}
            )

    def test_by_a_follow_up_no_guide_of_another_customer_is_marked(self):
        self._sent()
        guide = self._guides()
        guide.clear = "yes"
        other = self.env["res.partner"].create({"name": "Other", "email": "o@example.com"})
        journey = self._journey(self._confirmed(partner=other))
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask", "journey_id": journey.id})
        )
        followup.write({"guide_ids": [Command.link(guide.id)]})
        self.assertFalse(guide.followup_id)

    def test_a_video_needs_an_address(self):
        with self.assertRaises(ValidationError):
            self.service.videos = "javascript:alert(1)"
        with self.assertRaises(ValidationError):
            self.service.videos = "How to level it"


@tagged("post_install", "-at_install")
class TestGuidePortal(GuideCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.victim = cls._user("guide_victim", "base.group_portal", partner_id=cls.customer.id)
        cls.thief = cls._user("guide_thief", "base.group_portal")
        cls.stranger = cls._user("guide_stranger", "base.group_user")

    def setUp(self):
        super().setUp()
        self._sent()
        self.guide = self._guides()
        self.env.flush_all()

    def test_the_customer_finds_the_guide_on_the_portal(self):
        self.authenticate(self.victim.login, self.victim.login)
        counters = self.make_jsonrpc_request("/my/counters", {"counters": ["care_guide_count"]})
        self.assertEqual(counters["care_guide_count"], 1)
        self.assertIn("Installation", self.url_open("/my/guides").text)
        page = self.url_open(f"/my/guides/{self.guide.id}").text
        for text in ("Carrying it in", "New pipes", "before.txt", "How to level it"):
            self.assertIn(text, page)
        self.assertIn("We connect &amp; explain &lt;it&gt;", page)
        file = self.url_open(f"/my/guides/{self.guide.id}/document/{self.file.id}")
        self.assertEqual(file.content, b"Clear the way")

    def test_the_link_in_the_mail_opens_it_without_a_login(self):
        self.assertIn("Carrying it in", self.url_open(self.guide._url()).text)
        url = self.guide._document_url(self.file).replace(self.guide.get_base_url(), "")
        self.assertEqual(self.url_open(url).content, b"Clear the way")

    def test_nobody_else_opens_it(self):
        page = f"/my/guides/{self.guide.id}"
        token = self.guide.access_token
        for login in (None, self.thief.login, self.stranger.login):
            self.authenticate(login, login)
            for query in ("", "?access_token=", f"?access_token={token[:-1]}", "?access_token=x"):
                for url in (page + query, f"{page}/document/{self.file.id}{query}"):
                    with self.subTest(login=login, url=url), mute_logger("odoo.http"):
                        answer = self.url_open(url)
                        self.assertNotIn("Carrying it in", answer.text)
                        self.assertNotIn("Clear the way", answer.text)
        self.authenticate(self.thief.login, self.thief.login)
        self.assertNotIn("Installation", self.url_open("/my/guides").text)

    def test_a_guide_opens_no_other_document(self):
        secret = self.env["product.document"].create(
            {
                "name": "secret.txt",
                "raw": b"Secret",
                "res_model": "product.product",
                "res_id": self.product.id,
            }
        )
        with mute_logger("odoo.http"):
            answer = self.url_open(
                f"/my/guides/{self.guide.id}/document/{secret.id}"
                f"?access_token={self.guide.access_token}"
            )
        self.assertEqual(answer.status_code, 404)

    def test_one_that_was_not_sent_is_not_shown(self):
        self.guide.sent_at = False
        self.env.flush_all()
        self.authenticate(self.victim.login, self.victim.login)
        self.assertNotIn("Installation", self.url_open("/my/guides").text)
        self.assertNotIn("Carrying it in", self.url_open(self.guide._url()).text)

    def test_a_customer_gets_nothing_by_rpc(self):
        self.authenticate(self.victim.login, self.victim.login)
        for model in ("care.guide", "care.service", "care.promise", "care.need"):
            for method, args in (("search_read", [[]]), ("read", [[1], ["display_name"]])):
                with self.subTest(model=model, method=method), mute_logger("odoo.http"):
                    with self.assertRaises(Exception) as caught:
                        self.make_jsonrpc_request(
                            f"/web/dataset/call_kw/{model}/{method}",
                            {"model": model, "method": method, "args": args, "kwargs": {}},
                        )
                    self.assertIn("AccessError", str(caught.exception))
