"""The complaint file and the period report: what they say, and to whom."""

import re

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import format_amount, html2plaintext, mute_logger

from .common import CareCase


@tagged("post_install", "-at_install")
class TestCaseReport(CareCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "care_silence_days": 0})
        cls.category = cls.env["care.category"].create(
            {"name": "Scratched", "company_id": cls.company.id}
        )
        cls.order = cls._confirmed()
        with cls._moment("2026-03-04 10:00:00"):
            cls.case = cls._case(
                owner_id=cls.agent.id,
                order_id=cls.order.id,
                category_id=cls.category.id,
                product_id=cls.product.id,
                received_at="2026-03-04 10:00:00",
                resolution="The element was replaced.",
            )
            cls.case.message_post(
                body="It is cold",
                author_id=cls.customer.id,
                message_type="email",
                subtype_xmlid="mail.mt_comment",
                attachments=[("photo.txt", b"x")],
            )
            cls.case.message_post(body="He sounds angry", message_type="comment")

    @classmethod
    def _moment(cls, moment):
        # as `_at`, for the set-up
        return CareCase._at(cls, moment)

    def _html(self, report, records, user=None):
        reports = self.env["ir.actions.report"].with_user(user or self.manager)
        content, _type = reports._render_qweb_html(report, records.ids)
        return content.decode()

    def _file(self, cases=None, user=None):
        return self._html("customer_care.report_case_file", cases or self.case, user)

    def _text(self, html):
        return re.sub(r"\s+", " ", html2plaintext(html))

    # ------------------------------------------------------------
    # The complaint file
    # ------------------------------------------------------------

    def test_the_file_says_everything_about_one_case(self):
        self.case.action_resolve()
        self.case._customer_answers("yes", "Thank you")
        text = self._text(self._file(user=self.agent))
        for word in (
            self.case.number,
            "The oven does not heat",
            "It stays cold.",
            "The element was replaced.",
            "Clara Moreau",
            "clara@example.com",
            "Scratched",
            "Oven",
            self.order.name,
            "care_agent",
            "It is cold",
            "He sounds angry",
            "photo.txt",
            "Thank you",
            "Solved",
        ):
            self.assertIn(word, text, word)
        self.assertIn("11:00:00", text, "in the company's zone")

    def test_the_file_says_what_was_behind_it_and_what_was_promised(self):
        cause = self.env["care.cause"].create({"name": "Wrong glue"})
        self.case.cause_id = cause
        action = self.env["care.action"].create(
            {
                "name": "Another supplier",
                "cause_id": cause.id,
                "case_ids": [Command.set(self.case.ids)],
                "owner_id": self.agent.id,
                "company_id": self.company.id,
            }
        )
        action.sudo().result = "None came back in two months"
        self.env["care.promise"].create(
            {
                "name": "Send the drawing",
                "partner_id": self.customer.id,
                "user_id": self.agent.id,
                "company_id": self.company.id,
                "case_id": self.case.id,
                "date_due": "2026-03-10",
            }
        )
        double = self._case(name="Told twice", owner_id=self.agent.id)
        double._merge_into(self.case)
        text = self._text(self._file(user=self.agent))
        for word in (
            "Wrong glue",
            "Another supplier",
            "None came back in two months",
            "Send the drawing",
            f"Told before as {double.number}",
        ):
            self.assertIn(word, text, word)
        self.assertIn(f"Goes on as {self.case.number}", self._text(self._file(double)))

    def test_a_mentions_source_and_our_answer_stand_in_the_file(self):
        mention = self._case(
            kind="mention",
            name="One star",
            source_name="A portal",
            source_url="https://reviews.example.com/1",
            stars="1",
            owner_id=self.agent.id,
        )
        mention.public_answer = "We are sorry."
        mention.action_answered_publicly()
        text = self._text(self._file(mention))
        for word in ("A portal", "https://reviews.example.com/1", "1 of 5 stars", "We are sorry."):
            self.assertIn(word, text, word)

    def test_messages_are_marked_as_internal_or_the_customers(self):
        html = self._file()
        pieces = {
            name: html[: html.index(name)].rsplit("<strong", 1)[1]
            for name in ("It is cold", "He sounds angry")
        }
        self.assertIn("to or from the customer", pieces["It is cold"])
        self.assertIn("internal", pieces["He sounds angry"])

    def test_what_was_changed_is_told_as_people_write_it(self):
        self.env.cr.flush()
        case = self.case.with_context(tracking_disable=False)
        case.write({"received_at": "2026-03-04 09:00:00", "safety": True})
        self.env.flush_all()
        self.env.cr.flush()
        self.env.invalidate_all()
        text = self._text(self._file())
        self.assertIn("Received At : 03/04/2026 11:00:00 AM → 03/04/2026 10:00:00 AM", text)
        self.assertIn("Danger to People : No → Yes", text)

    def test_what_a_customer_writes_is_text_in_the_file(self):
        self.case.description = "<script>alert(1)</script>"
        self.assertNotIn("<script>alert(1)", self._file())

    def test_no_link_of_the_customer_stands_in_the_file(self):
        self.case.action_resolve()
        self._run("care.notice")
        told = "".join(self.case.message_ids.mapped("body"))
        self.assertIn(f"/my/cases/{self.case.id}", told)
        html = self._file()
        self.assertIn("Say whether it is solved", html)
        self.assertNotIn("access_token", html)
        self.assertNotIn(self.case.access_token, html)

    def test_several_cases_are_several_files(self):
        other = self._case(name="A cracked hob")
        html = self._file(self.case | other)
        self.assertEqual(html.count("o_care_case_file"), 2)
        self.assertIn("A cracked hob", html)

    def test_the_file_is_for_who_may_read_the_case(self):
        outsider = self._user("care_outside", "customer_care.group_agent")
        client = self._user("care_client", "base.group_portal", partner_id=self.customer.id)
        for user in (outsider, client):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._file(user=user)
        self.assertIn("He sounds angry", self._file(user=self.agent2))
        for login in (None, "care_outside", "care_client"):
            self.authenticate(login, login)
            with mute_logger("odoo.http", "odoo.addons.base.models.ir_rule"):
                for kind in ("html", "text"):
                    answer = self.url_open(
                        f"/report/{kind}/customer_care.report_case_file/{self.case.id}"
                    )
                    self.assertNotIn("He sounds angry", answer.text)

    def test_a_confidential_file_is_for_the_group(self):
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        self.case.action_seal()
        with self.assertRaises(AccessError):
            self._file(user=self.manager)
        self.assertIn("Confidential", self._file(user=keeper))

    def test_danger_and_dates_of_the_law_stand_in_it(self):
        self.env["care.statute"].create(
            {"name": "Ten days", "days": 10, "reference": "Art. 7", "company_id": self.company.id}
        )
        case = self._case(safety=True)
        text = self._text(self._file(case))
        self.assertIn("Danger to people", text)
        self.assertIn("Art. 7", text)

    def test_it_is_printed_from_the_case(self):
        report = self.env.ref("customer_care.action_report_case_file")
        self.assertEqual(report.binding_model_id.model, "care.case")
        self.assertEqual(report.report_type, "qweb-pdf")
        actions = self.env["ir.actions.actions"].with_user(self.agent).get_bindings("care.case")
        self.assertIn(report.id, [action["id"] for action in actions["report"]])

    # ------------------------------------------------------------
    # The period
    # ------------------------------------------------------------

    def _wizard(self, user=None, **vals):
        return (
            self.env["care.period.report"]
            .with_user(user or self.leader)
            .create(
                {
                    "company_id": self.company.id,
                    "date_from": "2026-03-01",
                    "date_to": "2026-03-31",
                    **vals,
                }
            )
        )

    def _period(self, wizard):
        return self._text(self._html("customer_care.report_period", wizard, wizard.create_uid))

    def test_the_report_counts_what_was_received_in_the_period(self):
        # still the 31st in UTC, April in Brussels
        self._case(received_at="2026-03-31 22:30:00", kind="enquiry")
        # already March in Brussels
        self._case(received_at="2026-02-28 23:30:00", kind="suggestion")
        values = self.env["report.customer_care.report_period"].with_user(self.leader)
        counts = dict(values._counts(self._wizard()))
        self.assertEqual(dict(counts["Kind"]), {"Complaint": 1, "Suggestion": 1})
        self.assertEqual(dict(counts["Category"]), {"Scratched": 1, "None": 1})
        text = self._period(self._wizard())
        self.assertIn("Scratched", text)
        self.assertIn("Hearth and Home", text)

    def test_the_report_says_what_customers_said(self):
        self.case.action_resolve()
        self.case._customer_answers("no")
        values = self.env["report.customer_care.report_period"].with_user(self.leader)
        answers = dict(values._answers(self._wizard()))
        self.assertEqual(answers["Not solved"], 1)
        self.assertEqual(answers["Reopened"], 1)

    def test_the_report_reads_times_from_facts_and_marks_small_samples(self):
        self.env["care.fact"].create(
            [
                {
                    "day": "2026-03-05",
                    "measure": measure,
                    "seconds": 7200,
                    "numerator": 0,
                    "denominator": 0,
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                    "res_model": "care.case",
                    "res_id": number,
                    "cycle": 99,
                }
                for measure, count in (("resolution", 12), ("tenure", 3))
                for number in range(count)
            ]
        )
        values = self.env["report.customer_care.report_period"].with_user(self.leader)
        figures = {row["measure"]: row for row in values._figures(self._wizard())}
        self.assertEqual(figures["Time to resolve"]["median"], 2)
        self.assertFalse(figures["Time to resolve"]["small"])
        self.assertTrue(figures["Time with one owner"]["small"])
        text = self._period(self._wizard())
        self.assertIn("Time to resolve 12 2.0 2.0 2.0", text.replace("  ", " "))

    def _values(self, user=None):
        return self.env["report.customer_care.report_period"].with_user(user or self.leader)

    def test_received_still_open_and_closed_add_up_by_kind(self):
        for kind, moves in (
            ("enquiry", ()),
            ("enquiry", ("resolved",)),
            ("enquiry", ("resolved", "closed")),
            ("complaint", ("cancelled",)),
        ):
            case = self._case(
                kind=kind,
                received_at="2026-03-10 10:00:00",
                owner_id=self.agent.id,
                resolution="Done.",
                cancel_reason="Twice",
            )
            for category in moves:
                case._enter_category(category)
        register = self._values()._received(self._wizard())
        rows = {row["kind"]: row for row in register["rows"]}
        self.assertEqual(
            rows["Enquiry"],
            {
                "kind": "Enquiry",
                "received": 3,
                "open": 1,
                "resolved": 1,
                "closed": 1,
                "cancelled": 0,
            },
        )
        self.assertEqual(rows["Complaint"]["received"], 2)
        self.assertEqual(rows["Complaint"]["cancelled"], 1)
        self.assertEqual(register["total"]["received"], 5)
        self.assertIn("Enquiry 3 1 1 1 0", self._period(self._wizard()))

    def test_what_was_closed_in_the_period_counts_whenever_it_was_received(self):
        case = self._case(
            received_at="2026-02-10 10:00:00", owner_id=self.agent.id, resolution="Done."
        )
        with self._at("2026-03-12 10:00:00"):
            case._enter_category("closed")
        register = self._values()._received(self._wizard())
        self.assertEqual(register["closed"], 1)
        self.assertEqual(register["total"]["received"], 1)
        self.assertEqual(register["open"], 1)

    def test_shares_are_percent_and_hand_offs_are_per_case(self):
        self.env["care.fact"].create(
            [
                {
                    "day": "2026-03-05",
                    "measure": measure,
                    "numerator": numerator,
                    "denominator": 1,
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                    "res_model": "care.case",
                    "res_id": number,
                    "cycle": 99,
                }
                for measure in ("first_contact", "handoffs", "remedy_cost")
                for number, numerator in enumerate((1, 1, 1, 0))
            ]
        )
        figures = {row["measure"]: row for row in self._values()._figures(self._wizard())}
        self.assertEqual(figures["Solved at first contact"]["rate"], "75 %")
        self.assertEqual(figures["Hand-offs per case"]["rate"], "0.75")
        cost = format_amount(self.env, 0.75, self.company.currency_id)
        self.assertEqual(figures["Cost of remedies per case"]["rate"], cost)

    def test_causes_and_products_of_complaints_are_counted(self):
        cause = self.env["care.cause"].create({"name": "Bad seal", "company_id": self.company.id})
        self.case.cause_id = cause
        self._case(received_at="2026-03-11 10:00:00", cause_id=cause.id, owner_id=self.agent.id)
        self._case(received_at="2026-03-11 10:00:00", kind="enquiry", owner_id=self.agent.id)
        self._case(received_at="2026-03-11 10:00:00", owner_id=self.agent.id)
        values = self._values()
        causes = values._behind(self._wizard(), "cause_id")
        self.assertEqual(
            [(row["name"], row["count"]) for row in causes], [("Bad seal", 2), ("Not known", 1)]
        )
        self.assertAlmostEqual(causes[0]["share"], 2 / 3)
        products = values._behind(self._wizard(), "product_id.product_tmpl_id")
        self.assertEqual(
            [(row["name"], row["count"]) for row in products], [("Not known", 2), ("Oven", 1)]
        )
        self.assertIn("Bad seal 2 67 %", self._period(self._wizard()))

    def _given(self, case, moment="2026-03-20 10:00:00", kind="compensation", amount=30):
        with self._at(moment):
            remedy = self.env["care.remedy"].create(
                {"case_id": case.id, "kind": kind, "amount": amount, "text": "Sorry."}
            )
            remedy.sudo().write({"state": "executed", "executed_at": moment, "cost": amount})
            case._add_up_cost()
        return remedy

    def test_costs_of_remedies_are_by_cause_and_kind(self):
        cause = self.env["care.cause"].create({"name": "Bad seal", "company_id": self.company.id})
        self.case.cause_id = cause
        self._given(self.case)
        self._given(self.case, kind="repair", amount=70)
        self._given(self._case(owner_id=self.agent.id), amount=5)
        self._given(self.case, moment="2026-04-02 10:00:00", amount=1000)
        costs = self._values()._costs(self._wizard())
        self.assertEqual(costs["kinds"], ["Compensation", "Repair"])
        self.assertEqual(
            costs["rows"],
            [
                {"name": "Bad seal", "costs": [30, 70], "sum": 100},
                {"name": "Not known", "costs": [5, 0], "sum": 5},
            ],
        )
        self.assertEqual(costs["total"], {"costs": [35, 70], "sum": 105})

    def test_promises_and_actions_of_the_period_are_counted(self):
        def promise(done, due="2026-03-10"):
            row = self.env["care.promise"].create(
                {
                    "name": "Call",
                    "partner_id": self.customer.id,
                    "user_id": self.agent.id,
                    "company_id": self.company.id,
                    "date_due": due,
                }
            )
            if done:
                with self._at(done):
                    row.action_keep()
            return row

        with self._at("2026-03-01 10:00:00"):
            promise("2026-03-09 10:00:00")
            promise("2026-03-11 09:00:00")
            promise(False)
            promise("2026-03-09 10:00:00", due="2026-04-10")
        self.assertEqual(
            [count for _label, count in self._values()._promises(self._wizard())], [1, 1, 1, 0]
        )
        with self._at("2026-03-05 10:00:00"):
            action = self.env["care.action"].create(
                {
                    "name": "New seals",
                    "company_id": self.company.id,
                    "category_id": self.category.id,
                    "owner_id": self.agent.id,
                }
            )
            action.action_done()
        with self._at("2026-03-07 10:00:00"):
            action.result = "They leak."
            action.action_not_effective()
        counts = dict(self._values()._actions(self._wizard()))
        self.assertEqual(counts["Done"], 1)
        self.assertEqual(counts["Reopened: it did not"], 1)
        self.assertEqual(counts["Checked: it worked"], 0)

    def test_what_is_confidential_is_counted_for_its_group_alone(self):
        keeper = self._user(
            "care_keeper", "customer_care.group_confidential,customer_care.group_manager"
        )
        self.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(self.env.ref("base.user_admin").id)
        ]
        cause = self.env["care.cause"].create({"name": "Bad seal", "company_id": self.company.id})
        self.case.cause_id = cause
        self._given(self.case)
        self.env["care.promise"].create(
            {
                "name": "Call",
                "partner_id": self.customer.id,
                "user_id": self.manager.id,
                "company_id": self.company.id,
                "case_id": self.case.id,
                "date_due": "2026-03-10",
            }
        )
        self.case.action_seal()
        self.env.flush_all()
        for user, seen in ((self.manager, 0), (keeper, 1)):
            with self.subTest(user.login):
                parts = self._values(user)._parts(self._wizard(user))
                self.assertEqual(parts["register"]["total"]["received"], seen)
                self.assertEqual(len(parts["causes"]), seen)
                self.assertEqual(len(parts["costs"]["rows"]), seen)
                if not seen:
                    self.assertEqual([count for _label, count in parts["promises"]], [0] * 4)
                self.assertEqual("Bad seal" in self._period(self._wizard(user)), bool(seen))

    def test_a_case_that_was_merged_is_received_once(self):
        double = self._case(received_at="2026-03-10 10:00:00", owner_id=self.agent.id)
        values = self.env["report.customer_care.report_period"].with_user(self.leader)
        before = dict(dict(values._counts(self._wizard()))["Kind"])
        double._merge_into(self.case)
        self.env.invalidate_all()
        after = dict(dict(values._counts(self._wizard()))["Kind"])
        self.assertEqual(after["Complaint"], before["Complaint"] - 1)

    def test_a_merged_case_is_received_once_after_its_persons_are_gone_too(self):
        double = self._case(received_at="2026-03-10 10:00:00", owner_id=self.agent.id)
        for case in (self.case, double):
            case.resolution = "Mended"
            case.sudo()._enter_category("closed")
        double.sudo().closed_at = self.case.sudo().closed_at = "2026-03-20 10:00:00"
        double._merge_into(self.case)
        values = self.env["report.customer_care.report_period"].with_user(self.leader)
        before = values._received(self._wizard())
        self.assertEqual((before["total"]["received"], before["closed"]), (1, 1))
        double.sudo()._anonymize()
        self.assertFalse(double.merged_into_id)
        self.env.invalidate_all()
        self.assertEqual(values._received(self._wizard()), before)

    def test_the_report_has_the_rights_of_who_prints(self):
        team = self.env["care.team"].create(
            {"name": "Other", "company_id": self.company.id, "leader_id": self.manager.id}
        )
        self._case(received_at="2026-03-10 10:00:00", team_id=team.id, owner_id=self.manager.id)
        values = self.env["report.customer_care.report_period"]
        for user, count in ((self.leader, 1), (self.manager, 2)):
            with self.subTest(user.login):
                counts = dict(values.with_user(user)._counts(self._wizard(user)))
                self.assertEqual(sum(number for _label, number in counts["Kind"]), count)
        wizard = self._wizard(self.manager)
        with self.assertRaises(AccessError):
            self._html("customer_care.report_period", wizard, self.leader)
        with self.assertRaises(AccessError):
            self._wizard(self.agent)

    def test_another_companys_cases_are_not_counted(self):
        other = self.env["res.company"].create({"name": "Other"})
        manager = self._user("care_manager_b", "customer_care.group_manager", other)
        values = self.env["report.customer_care.report_period"].with_user(manager)
        counts = dict(values._counts(self._wizard(manager, company_id=other.id)))
        self.assertEqual(counts["Kind"], [])
        with self.assertRaises(AccessError):
            values._counts(self._wizard(manager))

    def test_a_team_narrows_it_down(self):
        team = self.env["care.team"].create(
            {"name": "Other", "company_id": self.company.id, "leader_id": self.leader.id}
        )
        values = self.env["report.customer_care.report_period"].with_user(self.manager)
        counts = dict(values._counts(self._wizard(self.manager, team_id=team.id)))
        self.assertEqual(counts["Kind"], [])

    def test_a_period_that_ends_before_it_begins_is_refused(self):
        with self.assertRaisesRegex(UserError, "swap the dates"):
            self._wizard(date_from="2026-04-01", date_to="2026-03-01")

    def test_the_last_month_is_proposed(self):
        with self._at("2026-03-15 10:00:00"):
            wizard = self.env["care.period.report"].with_user(self.leader).new({})
            self.assertEqual(str(wizard.date_from), "2026-02-01")
            self.assertEqual(str(wizard.date_to), "2026-02-28")
        action = self._wizard().action_print()
        self.assertEqual(action["report_name"], "customer_care.report_period")
