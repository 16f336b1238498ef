"""No more surveys, in one click that is confirmed; and who may set up and see what."""

import re

from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestAskStop(CareSurveyCase, HttpCase):
    def _run_invitations(self, days=0):
        # cursors are shared already
        self.env.ref(self.env["care.survey.invitation"]._due_cron).method_direct_trigger()
        self.env.invalidate_all()

    def _said(self):
        self.env.invalidate_all()
        return self.env["care.survey.consent"].search([("partner_id", "=", self.customer.id)])

    def _link(self, row):
        """The link in the mail, as the customer clicks it."""
        found = re.search(r'href="([^"]*/care/survey/stop/[^"]+)"', self._mails(row)[0].body_html)
        return found[1].replace(row.get_base_url(), "")

    def _press(self, page, what, **post):
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        return self.url_open(page.url, data={"csrf_token": token[1], "what": what, **post})

    def test_opening_the_link_changes_nothing_and_the_button_does(self):
        row = self._sent()
        link = self._link(row)
        for _scanner in range(3):
            page = self.url_open(link)
            self.assertEqual(page.status_code, 200)
        self.url_open(link, method="HEAD")
        for what in ("kind", "all"):
            self.assertEqual(self.url_open(f"{link}?what={what}").status_code, 200)
        self.assertFalse(self._said())
        self.assertIn(row.trigger_id.kind_id.name, page.text)
        done = self._press(page, "kind")
        self.assertIn("You get no more surveys of this kind", done.text)
        said = self._said()
        self.assertEqual((said.kind_id, said.choice), (row.trigger_id.kind_id, "no"))
        self.assertFalse(said.said_by_id, "the customer said it")
        self.assertEqual(said.address, "clara@example.com")

    def test_after_that_nobody_asks_them_this_any_more(self):
        row = self._sent()
        self._press(self.url_open(self._link(row)), "kind")
        again = self._invitations(self._closed())
        self._run_invitations()
        self.assertEqual((again.state, again.skip_reason), ("skipped", "opted_out"))
        other = self.env["care.survey.kind"].create({"name": "Of a test"})
        self.trigger.kind_id = other
        self.assertTrue(self._sent(), "another kind is another matter")

    def test_none_at_all_and_taken_back(self):
        row = self._sent()
        page = self._press(self.url_open(self._link(row)), "all")
        self.assertIn("You get no more surveys from us", page.text)
        self.assertFalse(self._said().kind_id)
        page = self.url_open(self._link(row))
        self.assertIn("You have told us", page.text)
        self.assertNotIn("No more surveys at all", page.text)
        page = self._press(page, "again")
        self.assertIn("We may ask you again", page.text)
        self.assertEqual(self._said().mapped("choice"), ["yes"])
        self.assertTrue(self._sent())

    def test_somebody_of_ours_does_not_press_it_for_the_customer(self):
        link = self._link(self._sent())
        self.authenticate("care_agent", "care_agent")
        self._press(self.url_open(link), "all")
        self.assertFalse(self._said())

    def test_pressed_twice_is_said_once(self):
        page = self.url_open(self._link(self._sent()))
        self._press(page, "kind")
        self._press(page, "kind")
        self.assertEqual(len(self._said()), 1)

    # ------------------------------------------------------------
    # The button of mail programs
    # ------------------------------------------------------------

    def _header(self, row):
        """What the mail's headers say, as a mail program reads it."""
        mail = self._mails(row)[-1]
        headers = mail._prepare_outgoing_list()[0]["headers"]
        self.assertEqual(headers["List-Unsubscribe-Post"], "List-Unsubscribe=One-Click")
        found = re.fullmatch(r"<(https?://[^>]+)>", headers["List-Unsubscribe"])
        return found[1].replace(row.get_base_url(), "")

    def _one_click(self, link, **how):
        return self.url_open(
            link, data={"List-Unsubscribe": "One-Click"}, allow_redirects=False, **how
        )

    def test_the_button_of_a_mail_program_refuses_the_kind_without_a_page(self):
        row = self._sent()
        answer = self._one_click(self._header(row))
        self.assertEqual((answer.status_code, answer.text), (200, ""))
        said = self._said()
        self.assertEqual((said.kind_id, said.choice), (row.trigger_id.kind_id, "no"))
        self.assertFalse(said.said_by_id, "the customer said it")
        self._one_click(self._header(row))
        self.assertEqual(len(self._said()), 1, "pressed twice is said once")

    def test_as_a_form_of_several_parts_it_is_pressed_too(self):
        link = self._header(self._sent())
        answer = self.url_open(link, files={"List-Unsubscribe": (None, "One-Click")})
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(self._said().choice, "no")

    def test_opening_the_link_of_that_button_never_refuses_and_shows_the_page(self):
        link = self._header(self._sent())
        for query in ("", "?List-Unsubscribe=One-Click"):
            page = self.url_open(link + query)
            self.assertEqual(page.status_code, 200)
            self.assertIn("No more surveys at all", page.text)
            self.url_open(link + query, method="HEAD")
        self.assertFalse(self._said())

    def test_another_form_or_a_wrong_link_refuses_nothing(self):
        row = self._sent()
        link = self._header(row)
        with mute_logger("odoo.http"):
            for url, data in (
                (link, {"what": "all"}),
                (f"{link}?List-Unsubscribe=One-Click", {"a": "b"}),
            ):
                self.assertEqual(self.url_open(url, data=data).status_code, 400)
        wrong = link.replace("/oneclick", "x/oneclick")
        self.assertEqual(self._one_click(wrong).status_code, 404)
        self.assertFalse(self._said())

    def test_reminders_have_that_button_too_and_staff_cannot_read_its_link(self):
        self.trigger.write({"reminder_count": 1, "reminder_days": 1})
        row = self._sent()
        row.next_at = self.env.cr.now()
        self._run_invitations()
        self.assertEqual(len(self._mails(row)), 2)
        self.assertEqual(self._one_click(self._header(row)).status_code, 200)
        with self.assertRaises(AccessError):
            self._mails(row).with_user(self.manager).read(["headers"])

    def test_a_trigger_without_a_kind_offers_all_alone(self):
        self.trigger.kind_id = False
        page = self.url_open(self._link(self._sent()))
        self.assertNotIn('value="kind"', page.text)
        self._press(page, "kind")
        self.assertFalse(self._said().kind_id)

    def test_a_wrong_link_and_a_wrong_button_change_nothing(self):
        row = self._sent()
        link = self._link(row)
        for wrong in (
            link[:-1] + ("0" if link[-1] != "0" else "1"),
            f"/care/survey/stop/{row.id}/é",
            f"/care/survey/stop/{10**15}/x",
            f"/care/survey/stop/{row.id + 1000}/{link.rsplit('/', 1)[1]}",
        ):
            with self.subTest(link=wrong):
                self.assertEqual(self.url_open(wrong).status_code, 404)
        self._press(self.url_open(link), "everything")
        self.assertFalse(self._said())
        with mute_logger("odoo.http"):
            no_token = self.url_open(link, data={"what": "all"})
        self.assertEqual(no_token.status_code, 400, "a page elsewhere cannot press it for them")
        self.assertFalse(self._said())

    def test_the_link_of_another_person_is_not_theirs(self):
        row = self._sent()
        link = self._link(row)
        row.partner_id = self.env["res.partner"].create({"name": "Noor"})
        self.env.flush_all()
        self.assertEqual(self.url_open(link).status_code, 404)

    def test_the_page_tells_nothing_of_the_case(self):
        row = self._sent()
        page = self.url_open(self._link(row)).text
        self.assertNotIn(row.case_id.number, page)
        self.assertNotIn("The oven does not heat", page)
        self.assertIn("Hearth and Home", page)

    def test_the_page_speaks_the_language_of_the_mail(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.trigger.kind_id.with_context(lang="fr_FR").name = "Comment ça s'est passé"
        self.customer.lang = "fr_FR"
        page = self.url_open(self._link(self._sent()))
        self.assertIn("Comment ça s", page.text)

    def test_customers_reach_none_of_the_models(self):
        row = self._sent()
        self._press(self.url_open(self._link(row)), "kind")
        portal = new_test_user(
            self.env,
            "care_portal",
            "base.group_portal",
            partner_id=self.customer.id,
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        for model in (
            "care.survey.consent",
            "care.survey.kind",
            "care.survey.round",
            "care.survey.trigger.language",
        ):
            for user in (portal, self.env.ref("base.public_user")):
                with self.subTest(model=model, user=user.login), self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([])


@tagged("post_install", "-at_install")
class TestAskRights(CareSurveyCase):
    def _consent(self, user, **vals):
        return (
            self.env["care.survey.consent"]
            .with_user(user)
            .create({"partner_id": self.customer.id, "company_id": self.company.id, **vals})
        )

    def test_what_somebody_says_on_the_phone_is_entered_by_who_hears_it(self):
        said = self._consent(self.agent, choice="no")
        self.assertEqual(said.said_by_id, self.agent)
        self.assertTrue(said.said_at)
        self.assertEqual(said.address, "clara@example.com")
        said.with_user(self.agent2).choice = "yes"
        self.assertEqual(said.said_by_id, self.agent2)
        with self.assertRaises(AccessError):
            said.with_user(self.agent).unlink()
        said.with_user(self.manager).unlink()

    def test_who_said_it_and_when_cannot_be_forged(self):
        said = self._consent(self.agent)
        for vals in (
            {"said_by_id": self.agent2.id},
            {"said_at": "2020-01-01"},
            {"address": "other@example.com"},
        ):
            for user in (self.agent, self.manager):
                with self.subTest(vals=vals, user=user.login):
                    with self.assertRaises(AccessError):
                        said.with_user(user).write(vals)
                    with self.assertRaises(AccessError):
                        self._consent(user, **vals)
        forged = self.env["care.survey.consent"].with_user(self.agent)
        said = forged.with_context(care_said_by_customer=True).create(
            {
                "partner_id": self.env["res.partner"].create({"name": "Noor"}).id,
                "company_id": self.company.id,
            }
        )
        self.assertEqual(said.said_by_id, self.agent)

    def test_one_entry_of_a_person_and_kind(self):
        self._consent(self.agent)
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self._consent(self.agent)

    def test_other_companies_see_none_of_it(self):
        said = self._consent(self.agent)
        other = self.env["res.company"].create({"name": "Other"})
        manager = self._user("care_other", "customer_care.group_manager", company=other)
        self.assertFalse(said.with_user(manager).has_access("read"))
        self.assertFalse(
            self.env["care.survey.consent"].with_user(manager).search([("id", "=", said.id)])
        )
        french = self.env["res.lang"]._activate_lang("fr_FR")
        line = self.env["care.survey.trigger.language"].create(
            {
                "trigger_id": self.trigger.id,
                "lang_id": french.id,
                "survey_id": self.survey.copy().id,
            }
        )
        self.assertFalse(line.with_user(manager).has_access("read"))

    def test_only_managers_set_up_kinds_and_languages(self):
        kind = self.trigger.kind_id
        french = self.env["res.lang"]._activate_lang("fr_FR")
        vals = {
            "trigger_id": self.trigger.id,
            "lang_id": french.id,
            "survey_id": self.survey.copy().id,
        }
        lines = self.env["care.survey.trigger.language"]
        for user in (self.agent, self.leader):
            with self.subTest(user=user.login):
                self.assertTrue(kind.with_user(user).name)
                with self.assertRaises(AccessError):
                    kind.with_user(user).name = "Mine"
                with self.assertRaises(AccessError):
                    lines.with_user(user).create(vals)
        kind.with_user(self.manager).name = "Ours"
        self.assertTrue(lines.with_user(self.manager).create(vals))

    def test_an_agent_does_not_preview_and_a_manager_does(self):
        with self.assertRaises(AccessError):
            self.trigger.with_user(self.agent).read(["preview_html"])
        self.assertTrue(self.trigger.with_user(self.manager).read(["preview_html"]))

    def test_every_screen_opens(self):
        for model, kinds in (
            ("care.survey.trigger", ("list", "form", "search")),
            ("care.survey.invitation", ("list", "form", "search", "pivot", "graph")),
            ("care.survey.kind", ("list", "search")),
            ("care.survey.consent", ("list", "search")),
        ):
            views = self.env[model].with_user(self.manager)
            for kind in kinds:
                with self.subTest(model=model, kind=kind):
                    self.assertTrue(views.get_view(view_type=kind)["arch"])

    def test_what_comes_ready_made_can_be_switched_on(self):
        ready = self.env["care.survey.trigger"].with_context(active_test=False)
        for name in (
            "trigger_nps_delivered",
            "trigger_csat_case",
            "trigger_ces_contact",
            "trigger_first_service",
            "trigger_services",
        ):
            with self.subTest(name=name):
                trigger = ready.browse(self.env.ref(f"customer_care_survey.{name}").id)
                self.assertFalse(trigger.active, "a company chooses")
                trigger.active = True
                self.assertTrue(trigger.kind_id and trigger.mail_template_id)
        self.assertTrue(trigger.next_round)
        staff = self.env.ref("customer_care_survey.survey_staff")
        self.assertFalse(staff._care_problem())
        self.assertFalse(staff.users_login_required)
        self.assertEqual(staff.access_mode, "public")
