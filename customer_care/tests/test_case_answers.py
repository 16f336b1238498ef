"""After a case is resolved: yes, no, a person, silence, too late; and who only opens links."""

import re
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import CareCase


@tagged("post_install", "-at_install")
class TestCaseAnswers(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {
                "care_start_date": "2020-01-01",
                "care_reminder_days": 3,
                "care_silence_days": 7,
                "care_reopen_days": 30,
            }
        )

    def _resolved(self, **vals):
        case = self._case(resolution="Mended", owner_id=self.agent.id, **vals)
        case.action_resolve()
        return case

    def _notices(self, case, kind):
        return self.env["care.notice"].search([("case_id", "=", case.id), ("kind", "=", kind)])

    def _mails(self, case):
        return case.message_ids.filtered(lambda m: m.message_type == "auto_comment")

    def _calls(self, case):
        person = self.env.ref("customer_care.mail_activity_type_person")
        return case.activity_ids.filtered(lambda row: row.activity_type_id == person)

    # ------------------------------------------------------------
    # A person
    # ------------------------------------------------------------

    def test_who_wants_a_person_is_called_today_by_the_owner(self):
        case = self._resolved()
        self.assertTrue(
            case._customer_answers(
                "person", "Your answer is no answer", phone="+32 2 99", when="after 5"
            )
        )
        self.assertEqual(case.stage_category, "open")
        self.assertEqual(case.cycle, 2)
        self.assertEqual(case.customer_answer, "person")
        self.assertEqual((case.callback_phone, case.callback_when), ("+32 2 99", "after 5"))
        self.assertIn("Your answer is no answer", case.message_ids[0].body)
        self.assertEqual(case.message_ids[0].author_id, self.customer)
        self._run("care.notice")
        self._run("care.notice", days=1)
        call = self._calls(case)
        self.assertEqual(len(call), 1)
        self.assertEqual(call.user_id, self.agent)
        self.assertIn("+32 2 99", call.note)
        self.assertIn("after 5", call.note)
        zone = case.with_context(tz="Europe/Brussels")
        self.assertEqual(call.date_deadline, fields.Date.context_today(zone))

    def test_an_open_case_is_not_started_anew_by_asking_for_a_person(self):
        case = self._case(owner_id=self.agent.id)
        self.assertTrue(case._customer_answers("person"))
        self.assertEqual(case.cycle, 1)
        self._run("care.notice")
        self.assertEqual(self._calls(case).user_id, self.agent)

    def test_who_asks_again_later_is_called_again_but_not_twice_at_once(self):
        case = self._case(owner_id=self.agent.id)
        case._customer_answers("person")
        case._customer_answers("person", "Please!")
        self._run("care.notice")
        self.assertEqual(len(self._calls(case)), 1)
        self._calls(case)._action_done()
        case._customer_answers("person", "Once more")
        self._run("care.notice")
        self.assertEqual(len(self._calls(case)), 1)

    def test_what_is_typed_for_the_call_back_is_cut(self):
        case = self._case()
        case._customer_answers("person", phone="1" * 5000, when="x" * 5000)
        self.assertEqual(len(case.callback_phone), 100)
        self.assertEqual(len(case.callback_when), 100)

    def test_nobody_forges_what_the_customer_said(self):
        case = self._case(owner_id=self.agent.id).with_user(self.agent)
        for vals in (
            {"callback_phone": "1"},
            {"callback_when": "now"},
            {"closed_silently": True},
            {"previous_id": case.id},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                case.write(vals)

    # ------------------------------------------------------------
    # Silence
    # ------------------------------------------------------------

    def test_a_silent_customer_is_reminded_once(self):
        case = self._resolved()
        self._run("care.notice")
        before = self._mails(case)
        self._run("care.notice", days=2)
        self.assertEqual(self._mails(case), before)
        self._run("care.notice", days=2)
        mail = self._mails(case) - before
        self.assertIn("have not heard", mail.subject)
        self.assertIn("answer", mail.body)
        self._run("care.notice", days=1)
        self.assertEqual(self._mails(case), before | mail)

    def test_silence_closes_by_policy_and_says_so_once(self):
        case = self._resolved()
        self._run("care.notice", days=6)
        self.assertEqual(case.stage_category, "resolved")
        self._run("care.notice", days=2)
        self.assertEqual(case.stage_category, "closed")
        self.assertTrue(case.closed_silently)
        self.assertFalse(case.customer_answer)
        notes = case.message_ids.filtered(lambda m: "did not answer" in (m.body or ""))
        self.assertEqual(len(notes), 1)
        self.assertTrue(notes.subtype_id.internal or notes.is_internal or not notes.subtype_id)
        closed_at = case.closed_at
        self._run("care.notice", days=30)
        self.assertEqual(case.closed_at, closed_at)
        self.assertEqual(
            len(case.message_ids.filtered(lambda m: "did not answer" in (m.body or ""))), 1
        )

    def test_a_killed_run_closes_it_in_the_next_one(self):
        case = self._resolved()
        row = self._notices(case, "case_silent")
        with self._at(row.next_at + timedelta(minutes=1)):
            with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                row._run_due()
                self.assertEqual(case.stage_category, "closed")
                raise ZeroDivisionError  # killed before it was committed
            self.env.invalidate_all()
            self.assertEqual(case.stage_category, "resolved")
            row._run_due()
        self.assertEqual(case.stage_category, "closed")

    def test_0_days_mean_never(self):
        self.company.write({"care_reminder_days": 0, "care_silence_days": 0})
        case = self._resolved()
        self.assertFalse(self._notices(case, "case_reminder"))
        self.assertFalse(self._notices(case, "case_silent"))
        self._run("care.notice", days=60)
        self.assertEqual(case.stage_category, "resolved")

    def test_an_answer_ends_what_was_planned_for_silence(self):
        for answer in ("yes", "no", "person"):
            with self.subTest(answer):
                case = self._resolved()
                case._customer_answers(answer)
                rows = self._notices(case, "case_silent") | self._notices(case, "case_reminder")
                self.assertEqual(set(rows.mapped("state")), {"cancelled"})

    def test_a_customer_who_wrote_is_not_silent(self):
        case = self._resolved()
        case.message_post(
            body="I will look at it on Monday",
            author_id=self.customer.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        self.assertEqual(case.stage_category, "open", "as if it were not solved")
        self._run("care.notice", days=30)
        self.assertEqual(case.stage_category, "open")
        rows = self._notices(case, "case_silent") | self._notices(case, "case_reminder")
        self.assertEqual(set(rows.mapped("state")), {"cancelled"})

    def test_the_first_owners_call_is_the_only_one_and_comes_before_closing(self):
        self.company.care_checkback_days = 3
        with self._at("2026-03-04 10:00:00"):  # Wednesday
            case = self._resolved()
        check = case.followup_ids.filtered("check_back")
        self.assertEqual(len(check), 1)
        self.assertEqual(str(check.date_due), "2026-03-09")
        closing = self._notices(case, "case_silent").next_at
        self.assertEqual(str(closing.date()), "2026-03-16")
        with self._at("2026-03-09 08:00:00"):
            check._run_due()
        self.assertEqual(check.state, "open")
        with self._at("2026-03-16 12:00:00"):
            self._notices(case, "case_silent")._run_due()
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual(check.state, "cancelled")

    def test_a_call_that_was_moved_gives_the_customer_as_much_time_after_it(self):
        self.company.care_checkback_days = 3
        with self._at("2026-03-04 10:00:00"):
            case = self._resolved()
            check = case.followup_ids.filtered("check_back")
            check.date_due = "2026-03-13"
        row = self._notices(case, "case_silent")
        with self._at("2026-03-16 12:00:00"):
            row._run_due()
            self.assertEqual(case.stage_category, "resolved")
            self.assertEqual(str(row.next_at.date()), "2026-03-20")

    def test_satisfied_on_the_phone_is_the_customers_yes(self):
        self.company.care_checkback_days = 3
        case = self._resolved()
        check = case.followup_ids.filtered("check_back").with_user(self.agent)
        check.write(
            {
                "outcome_id": self.env.ref("customer_care.outcome_satisfied").id,
                "feedback": "It bakes again",
            }
        )
        check.action_done()
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual(case.customer_answer, "yes")

    def test_a_second_resolution_starts_a_silence_of_its_own(self):
        case = self._resolved()
        case._customer_answers("no")
        case.action_resolve()
        self.assertEqual(
            self._notices(case, "case_silent").sorted("id").mapped("state"),
            ["cancelled", "planned"],
        )

    def test_nothing_of_before_the_start_is_closed_for_silence(self):
        self.company.care_start_date = "2026-03-01"
        case = self._resolved(received_at="2026-02-01 10:00:00", channel="import")
        self.assertFalse(self._notices(case, "case_silent"))

    def test_planning_the_silence_of_many_costs_no_query_each(self):
        def cost(count):
            cases = self.env["care.case"].union(
                *(self._case(resolution="x", owner_id=self.agent.id) for _i in range(count))
            )
            self.env.flush_all()
            start = self.env.cr.sql_log_count
            cases._plan_silence()
            return self.env.cr.sql_log_count - start

        cost(2)
        self.assertLessEqual(cost(30) - cost(3), 3)

    # ------------------------------------------------------------
    # Too late
    # ------------------------------------------------------------

    def test_no_soon_after_closing_opens_it_again(self):
        case = self._resolved()
        case._customer_answers("yes")
        self.assertFalse(case._customer_answers("no"), "an old page changes nothing")
        self.assertTrue(case._customer_answers("no", "Cold again", late=True))
        self.assertEqual(case.stage_category, "open")
        self.assertEqual(case.cycle, 2)
        self.assertEqual(case.customer_answer, "no")
        self.assertFalse(case.next_ids)
        self._run("care.notice")
        reopened = self.env.ref("customer_care.mail_activity_type_reopened")
        self.assertEqual(
            case.activity_ids.filtered(lambda a: a.activity_type_id == reopened).user_id,
            self.agent,
        )

    def _long_closed(self):
        case = self._resolved()
        case._customer_answers("yes")
        case.closed_at = fields.Datetime.now() - timedelta(days=31)
        return case

    def test_no_long_after_closing_opens_a_new_case_once(self):
        case = self._long_closed()
        self.assertTrue(case._customer_answers("no", "Cold again", late=True))
        self.assertEqual(case.stage_category, "closed")
        new = case.next_ids
        self.assertEqual(len(new), 1)
        self.assertNotEqual(new.number, case.number)
        self.assertEqual(new.previous_id, case)
        self.assertEqual((new.partner_id, new.kind), (case.partner_id, case.kind))
        self.assertEqual(new.description, "Cold again")
        self.assertFalse(case._customer_answers("no", "Still cold", late=True))
        self.assertEqual(case.next_ids, new)

    def test_a_person_asked_for_long_after_closing_calls_about_the_new_case(self):
        case = self._long_closed()
        self.assertTrue(case._customer_answers("person", phone="+32 9", late=True))
        self.assertEqual(case.next_ids.callback_phone, "+32 9")
        self._run("care.notice")
        self.assertTrue(self._calls(case.next_ids))

    def test_with_0_days_a_closed_case_is_never_opened_again(self):
        self.company.care_reopen_days = 0
        case = self._resolved()
        case._customer_answers("yes")
        case._customer_answers("no", late=True)
        self.assertEqual(case.stage_category, "closed")
        self.assertTrue(case.next_ids)

    def test_the_hook_for_mail_opens_what_may_be_opened_again(self):
        resolved, old, open_case = self._resolved(), self._long_closed(), self._case()
        opened = (resolved | old | open_case)._reopen_by_customer()
        self.assertEqual(opened, resolved)
        self.assertEqual(resolved.stage_category, "open")
        self.assertEqual(old.stage_category, "closed")
        self.assertEqual(open_case.cycle, 1)

    def test_a_cancelled_case_hears_nothing(self):
        case = self._case(cancel_reason="Twice")
        case.action_cancel()
        for answer in ("yes", "no", "person"):
            self.assertFalse(case._customer_answers(answer, late=True))
        self.assertEqual(case.stage_category, "cancelled")


@tagged("post_install", "-at_install")
class TestAnswersOnThePortal(CareCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "phone": "+32 2 555"})
        cls.client = cls._user("care_client", "base.group_portal", partner_id=cls.customer.id)
        cls.neighbour = cls.env["res.partner"].create({"name": "Nina", "email": "n@example.com"})
        cls.other = cls._user("care_nina", "base.group_portal", partner_id=cls.neighbour.id)
        cls.case = cls._case(owner_id=cls.agent.id, resolution="The element was replaced.")
        cls.case._portal_ensure_token()

    def _page(self, **params):
        return self.url_open(f"/my/cases/{self.case.id}", params=params)

    def _press(self, answer, token=None, **fields_):
        page = self._page(**({"access_token": token} if token else {}))
        form = re.search(r'<form[^>]*action="/my/cases/\d+/answer".*?</form>', page.text, re.S)
        data = dict(re.findall(r'type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', form[0]))
        landed = self.url_open(
            f"/my/cases/{self.case.id}/answer", data={**data, "answer": answer, **fields_}
        )
        self.env.invalidate_all()
        return landed

    def test_the_page_offers_a_person_and_takes_phone_and_time(self):
        self.case.action_resolve()
        self.authenticate(None, None)
        landed = self._press(
            "person", self.case.access_token, phone="+32 2 777", when="in the evening"
        )
        self.assertIn("Somebody calls you", landed.text)
        self.assertEqual(self.case.callback_phone, "+32 2 777")
        self.assertEqual(self.case.stage_category, "open")

    def test_the_closed_page_opens_the_case_again(self):
        self.case.action_resolve()
        self.case._customer_answers("yes")
        self.authenticate("care_client", "care_client")
        self.assertIn("Not solved after all?", self._page().text)
        landed = self._press("no", text="Cold again")
        self.assertIn("is open again", landed.text)
        self.assertEqual(self.case.stage_category, "open")

    def test_long_after_closing_the_page_leads_to_the_new_case(self):
        self.case.action_resolve()
        self.case._customer_answers("yes")
        self.case.closed_at = fields.Datetime.now() - timedelta(days=40)
        self.env.flush_all()
        self.authenticate(None, None)
        token = self.case.access_token
        self.assertIn("/care/hours", self._page(access_token=token).text)
        landed = self._press("no", token, text="Cold again")
        self.assertIn(self.case.next_ids.number, landed.text)
        self.assertIn("This is a new case", landed.text)
        self.assertIn(self.case.next_ids.number, self._page(access_token=token).text)

    def test_scanners_that_open_every_link_change_nothing(self):
        self.case.action_resolve()
        self.case._portal_ensure_token()
        self.env.flush_all()
        token = self.case.access_token

        def snapshot():
            self.env.flush_all()
            self.env.invalidate_all()
            return (
                self.case.read(["stage_id", "cycle", "customer_answer", "callback_phone"]),
                self.case.message_ids.ids,
                self.env["care.notice"].search([("case_id", "=", self.case.id)]).mapped("state"),
                self.env["care.case"].search_count([]),
            )

        before = snapshot()
        self.authenticate(None, None)
        page = f"/my/cases/{self.case.id}?access_token={token}"
        links = set(re.findall(r'(?:href|action|src)="(/[^"#]*)', self.url_open(page).text))
        ours = {link.replace("&amp;", "&") for link in links if "/my/" in link or "/care" in link}
        self.assertTrue(any("/answer" in link for link in ours))
        for link in [page, page + "&answer=no", page + "&answer=person&late=1", *sorted(ours)]:
            for method in ("GET", "HEAD"):
                with self.subTest(link=link, method=method), mute_logger("odoo.http"):
                    self.url_open(link, method=method, allow_redirects=False)
        self.assertEqual(snapshot(), before)

    def test_a_wrong_token_answers_nothing(self):
        self.case.action_resolve()
        self.env.flush_all()
        self.authenticate("care_nina", "care_nina")
        csrf = re.search(r'csrf_token: "(\w+)"', self.url_open("/my/home").text)[1]
        for token in ("", "x"):
            self.url_open(
                f"/my/cases/{self.case.id}/answer",
                data={"csrf_token": csrf, "access_token": token, "answer": "person", "late": 1},
            )
        self.env.invalidate_all()
        self.assertEqual(self.case.stage_category, "resolved")
        self.assertFalse(self.case.callback_phone)

    def test_a_mails_link_is_read_in_the_customers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        stage = self.case.stage_id
        stage.with_context(lang="fr_FR").name = "Tout neuf"
        self.env.flush_all()
        self.authenticate(None, None)
        text = self._page(access_token=self.case.access_token).text
        self.assertIn("Tout neuf", text)

    # ------------------------------------------------------------
    # Files, promises, hours
    # ------------------------------------------------------------

    def _file(self, name, **post):
        file = self.env["ir.attachment"].create(
            {
                "name": name,
                "raw": name.encode(),
                "res_model": "care.case",
                "res_id": self.case.id,
            }
        )
        self.case.message_post(attachment_ids=file.ids, **post)
        return file

    def test_the_page_lists_files_of_the_conversation_and_none_of_ours(self):
        shown = self._file(
            "photo.txt", message_type="comment", subtype_xmlid="mail.mt_comment", body="Look"
        )
        ours = self._file("verdict.txt", message_type="comment", body="He always complains")
        self.env.flush_all()
        token = self.case.access_token
        self.authenticate(None, None)
        text = self._page(access_token=token).text
        self.assertIn("photo.txt", text)
        self.assertNotIn("verdict.txt", text)
        route = f"/my/cases/{self.case.id}/file"
        self.assertEqual(
            self.url_open(f"{route}/{shown.id}?access_token={token}").content, b"photo.txt"
        )
        with mute_logger("odoo.http"):
            for url in (
                f"{route}/{ours.id}?access_token={token}",
                f"{route}/{shown.id}?access_token=x",
                f"{route}/{shown.id}",
            ):
                self.assertEqual(self.url_open(url).status_code, 404, url)

    def test_a_customer_sees_what_was_promised_to_them_alone(self):
        for partner, name in ((self.customer, "Call about the hood"), (self.neighbour, "A secret")):
            self.env["care.promise"].create(
                {
                    "name": name,
                    "partner_id": partner.id,
                    "company_id": self.company.id,
                    "user_id": self.agent.id,
                    "date_due": fields.Date.today() + timedelta(days=3),
                    "note": "internal",
                }
            )
        self.authenticate("care_client", "care_client")
        text = self.url_open("/my/promises").text
        self.assertIn("Call about the hood", text)
        self.assertNotIn("A secret", text)
        self.assertNotIn("internal", re.sub(r"<script.*?</script>", "", text, flags=re.S))
        home = self.url_open("/my/counters", json={"params": {"counters": ["care_promise_count"]}})
        self.assertEqual(home.json()["result"], {"care_promise_count": 1})
        self.authenticate(None, None)
        self.assertIn("/web/login", self.url_open("/my/promises").url)

    def test_everybody_reads_hours_and_holidays(self):
        website = self.env.ref("base.main_company")
        calendar = self._calendar(website)
        website.write({"phone": "+32 2 555", "resource_calendar_id": calendar.id})
        today = fields.Date.today()
        monday = today + timedelta(days=7 - today.weekday())
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Company outing",
                "company_id": website.id,
                "calendar_id": calendar.id,
                "date_from": f"{monday} 00:00:00",
                "date_to": f"{monday} 20:00:00",
            }
        )
        stranger = self.env["res.company"].create({"name": "Elsewhere"})
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Not ours",
                "calendar_id": self._calendar(stranger).id,
                "company_id": stranger.id,
                "date_from": f"{monday} 00:00:00",
                "date_to": f"{monday} 20:00:00",
            }
        )
        self.env.flush_all()
        self.authenticate(None, None)
        text = self.url_open("/care/hours").text
        self.assertIn("+32 2 555", text)
        self.assertIn("Company outing", text)
        self.assertNotIn("Not ours", text)
        self.assertIn("9:00", text)
        self.assertIn("Closed", text)

    def test_the_list_is_searched_sorted_and_flat_in_queries(self):
        self._case(name="A cracked hob", description="On the left")
        self.env.flush_all()
        self.authenticate("care_client", "care_client")
        self.assertIn("A cracked hob", self.url_open("/my/cases?search=cracked").text)
        self.assertNotIn("The oven does not", self.url_open("/my/cases?search=cracked").text)
        self.assertIn("A cracked hob", self.url_open("/my/cases?search=LEFT&search_in=all").text)
        self.assertNotIn(
            "A cracked hob", self.url_open("/my/cases?search=LEFT&search_in=name").text
        )
        for query in ("sortby=stage", "sortby=number", "sortby=x", "search_in=owner_id&search=a"):
            self.assertEqual(self.url_open(f"/my/cases?{query}").status_code, 200, query)

        def cost():
            self.url_open("/my/cases")
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.url_open("/my/cases")
            return self.env.cr.sql_log_count - start

        few = cost()
        for number in range(15):
            self._case(name=f"Case {number}")
        self.env.flush_all()
        self.assertLessEqual(cost() - few, 2)

    def test_each_field_on_the_page_has_a_label_and_an_id_of_its_own(self):
        self.case.action_resolve()
        self.env.flush_all()
        self.authenticate(None, None)
        for closed in (False, True):
            if closed:
                self.case._customer_answers("yes")
                self.env.flush_all()
            text = self._page(access_token=self.case.access_token).text
            body = (
                text[text.index("o_care_case") : text.index('id="discussion"')]
                if ('id="discussion"' in text)
                else text[text.index("o_care_case") :]
            )
            ids = re.findall(r'\sid="(care_\w+)"', body)
            self.assertEqual(len(ids), len(set(ids)))
            labels = set(re.findall(r'<label for="(\w+)"', body))
            self.assertLessEqual(set(ids), labels)
