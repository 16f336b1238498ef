"""The short ways of what is no complaint, the playbook, the quick entry and the import."""

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import file_open

from .common import CareCase


@tagged("post_install", "-at_install")
class TestCaseKind(CareCase):
    def _mine(self, kind, **vals):
        case = self._case(kind=kind, owner_id=self.agent.id, **vals)
        self._run("care.notice")
        return case.with_user(self.agent)

    def _told(self, case):
        self._run("care.notice")
        self._run("care.notice", days=1)
        messages = case.sudo().message_ids.filtered(lambda m: m.message_type == "auto_comment")
        return messages.sorted("id")[1:]

    def test_a_suggestion_that_is_declined_needs_a_reason_which_the_customer_reads(self):
        case = self._mine("suggestion", name="Open on Sundays")
        with self.assertRaisesRegex(UserError, "why"):
            case.action_decline()
        case.verdict_reason = "Our people are with their families."
        case.action_decline()
        self.assertEqual(case.verdict, "declined")
        self.assertTrue(case.verdict_at)
        self.assertEqual(case.stage_category, "closed")
        mail = self._told(case)
        self.assertEqual(len(mail), 1)
        self.assertIn("with their families", mail.body)
        self.assertIn("cannot take it over", mail.body)
        self.assertIn(self.customer, mail.notified_partner_ids)

    def test_a_suggestion_that_is_taken_over_is_thanked_for_once(self):
        case = self._mine("suggestion")
        case.action_take_over()
        self.assertEqual(case.verdict, "taken")
        with self.assertRaisesRegex(UserError, "over"):
            case.action_take_over()
        self.assertEqual(len(self._told(case)), 1)

    def test_a_compliment_reaches_the_person_it_is_about(self):
        case = self._mine("compliment", name="So kind", description="He <b>stayed</b> late.")
        with self.assertRaisesRegex(UserError, "whom"):
            case.action_pass_on()
        case.praised_user_id = self.agent2
        case.action_pass_on()
        self.assertEqual(case.stage_category, "closed")
        self.assertTrue(case.passed_on_at)
        praise = (
            self.env["mail.message"]
            .search([("model", "=", "care.case"), ("res_id", "=", case.id)], order="id")
            .filtered(
                lambda m: (
                    self.agent2.partner_id in m.notified_partner_ids
                    and "praises" in (m.subject or "")
                )
            )
        )
        self.assertEqual(len(praise), 1)
        self.assertIn("&lt;b&gt;stayed", praise.body)
        self.assertIn(self.agent2.name, self._told(case).body)

    def test_an_enquiry_is_answered_before_it_is_answered(self):
        case = self._mine("enquiry")
        with self.assertRaisesRegex(UserError, "Answer the customer first"):
            case.action_answered()
        case.sudo().message_post(
            body="Press twice",
            author_id=self.agent.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )
        case.action_answered()
        self.assertEqual(case.stage_category, "resolved", "the customer has the last word")
        on_the_phone = self._mine("enquiry", resolution="I told her on the phone.")
        on_the_phone.action_answered()
        self.assertEqual(on_the_phone.stage_category, "resolved")

    def test_a_mention_keeps_its_source_and_our_answer(self):
        case = (
            self.env["care.case"]
            .with_user(self.agent)
            .create(
                {
                    "name": "Two stars",
                    "kind": "mention",
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                    "owner_id": self.agent.id,
                    "source_name": "Kim on a map",
                    "source_url": "https://example.com/r/1",
                    "stars": "2",
                }
            )
        )
        self.assertEqual(case.partner_id.sudo(), self.company.care_unknown_partner_id)
        self._run("care.notice")
        self.assertFalse(self.env["care.notice"].search([("case_id", "=", case.id)]))
        with self.assertRaisesRegex(UserError, "word for word"):
            case.action_answered_publicly()
        case.public_answer = "Dear Kim, we are sorry."
        case.action_answered_publicly()
        self.assertEqual(case.public_answer_by_id, self.agent)
        self.assertTrue(case.public_answer_at)
        self.assertEqual(case.stage_category, "closed")

    def test_a_way_is_gone_by_its_own_kind_and_by_who_may_write_alone(self):
        case = self._mine("complaint", resolution="x", verdict_reason="x", public_answer="x")
        for method in (
            "action_decide",
            "action_take_over",
            "action_decline",
            "action_pass_on",
            "action_answered",
            "action_answered_publicly",
        ):
            with self.subTest(method), self.assertRaisesRegex(UserError, "This is for"):
                getattr(case, method)()
        stranger = self._user("care_outside3", "customer_care.group_agent")
        suggestion = self._case(kind="suggestion", verdict_reason="x")
        with self.assertRaises(AccessError):
            suggestion.with_user(stranger).action_decline()
        for vals in (
            {"verdict": "taken"},
            {"passed_on_at": "2026-01-01"},
            {"public_answer_by_id": self.agent2.id},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                case.write(vals)

    # ------------------------------------------------------------
    # The playbook
    # ------------------------------------------------------------

    def test_an_answer_that_is_written_already_opens_the_composer_with_it(self):
        template = self.env["mail.template"].create(
            {
                "name": "Sorry",
                "model_id": self.env["ir.model"]._get_id("care.case"),
                "subject": "About {{ object.number }}",
                "body_html": "<p>We are sorry, <t t-out='object.partner_id.name'/>.</p>",
                "partner_to": "{{ object.partner_id.id }}",
                "use_default_to": False,
            }
        )
        category = self.env["care.category"].create(
            {
                "name": "Late",
                "company_id": self.company.id,
                "template_ids": [Command.set(template.ids)],
                "questions": "Since when?",
            }
        )
        case = self._mine("complaint", category_id=category.id)
        self.assertEqual(case.playbook_questions, "Since when?")
        self.assertEqual(case.playbook_template_ids, template)
        for action in (
            case.action_reply(),
            template.with_user(self.agent).with_context(care_case_id=case.id).action_care_reply(),
        ):
            composer = Form(
                self.env["mail.compose.message"]
                .with_user(self.agent)
                .with_context(**action["context"])
            ).save()
            self.assertIn("We are sorry, Clara Moreau.", composer.body)
            self.assertEqual(composer.subject, f"About {case.number}")
        composer._action_send_mail()
        answer = case.message_ids[0]
        self.assertEqual(answer.author_id, self.agent.partner_id)
        self.assertIn(self.customer, answer.notified_partner_ids)

    def test_the_playbook_is_read_by_every_agent_and_written_by_managers(self):
        category = self.env["care.category"].create(
            {"name": "Late", "company_id": self.company.id, "symptoms": "Where is my parcel?"}
        )
        mine = category.with_user(self.agent)
        self.assertEqual(mine.search([("symptoms", "ilike", "parcel")]), category)
        with self.assertRaises(AccessError):
            mine.symptoms = "x"
        category.with_user(self.manager).symptoms = "y"
        self._case(category_id=category.id)
        self.assertEqual(mine.case_count, 1)
        stranger = self._user("care_outside4", "customer_care.group_agent")
        case = self._case(category_id=category.id)
        with self.assertRaises(AccessError):
            self.env["mail.template"].browse(1).with_user(stranger)
            case.with_user(stranger).action_reply()

    def test_the_situations_that_come_with_the_addon_have_answers(self):
        for name in ("damaged", "late", "faulty"):
            category = self.env.ref(f"customer_care.category_{name}")
            self.assertTrue(category.template_ids)
            self.assertTrue(category.is_offered)


@tagged("post_install", "-at_install")
class TestQuickEntry(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # nobody of the demo data is called so
        cls.customer.write({"name": "Clara Moreaux", "phone": "+32 475 12 34 56"})
        cls.order = cls._confirmed()

    def _entry(self, who, text="It leaks\nunder the sink", **vals):
        form = Form(self.env["care.quick.entry"].with_user(self.agent).with_company(self.company))
        form.who = who
        form.text = text
        for name, value in vals.items():
            setattr(form, name, value)
        return form.save()

    def test_the_customer_is_found_however_they_are_named(self):
        for who in (
            "0475/12.34.56",
            "+32475123456",
            "0032 475 123456",
            "Moreaux",
            "clara MOREAUX",
            "Clara@Example.com",
            self.order.name,
            self.order.name.lower(),
        ):
            with self.subTest(who):
                self.assertEqual(self._entry(who).partner_id, self.customer)
        self.assertFalse(self._entry("%").partner_id)
        self.assertFalse(self._entry("___").partner_id)

    def test_three_fields_make_a_case(self):
        category = self.env["care.category"].create(
            {"name": "Water", "company_id": self.company.id, "severity": "3"}
        )
        action = self._entry(self.order.name, category_id=category).action_file()
        case = self.env["care.case"].browse(action["res_id"])
        self.assertEqual(case.partner_id, self.customer)
        self.assertEqual(case.order_id, self.order)
        self.assertEqual(case.name, "It leaks")
        self.assertEqual(case.description, "It leaks\nunder the sink")
        self.assertEqual(case.category_id, category)
        self.assertEqual(case.severity, "3")
        self.assertEqual(case.channel, "phone")
        self.assertEqual(case.create_uid, self.agent)
        self.assertTrue(case.with_user(self.agent).has_access("read"))

    def _filed(self, *args, **vals):
        return self.env["care.case"].browse(self._entry(*args, **vals).action_file()["res_id"])

    def test_who_takes_the_call_sees_it_through(self):
        # somebody else is less busy
        self._case(owner_id=self.agent.id)
        case = self._filed("Moreaux")
        self.assertEqual(case.owner_id, self.agent)
        self.assertEqual(case.first_owner_id, self.agent)
        self.assertEqual(case.team_id, self.team)

    def test_a_rule_that_names_an_owner_goes_before_who_took_the_call(self):
        other = self.env["care.team"].create(
            {
                "name": "Kitchens",
                "company_id": self.company.id,
                "leader_id": self.leader.id,
                "member_ids": [Command.set(self.agent2.ids)],
            }
        )
        category = self.env["care.category"].create(
            {"name": "Water", "company_id": self.company.id, "team_id": other.id}
        )
        case = self._filed("Moreaux", category_id=category)
        self.assertEqual(case.owner_id, self.agent2)
        self.assertEqual(case.team_id, other)
        category.team_id = self.team
        self.assertEqual(self._filed("Moreaux", category_id=category).owner_id, self.agent)
        stage = self.env["care.stage"]._in_category("care.case", "open")
        stage.write({"owner_rule": "user", "owner_id": self.leader.id})
        self.assertEqual(self._filed("Moreaux").owner_id, self.leader)

    def test_the_customers_orders_are_offered_and_one_is_chosen(self):
        second = self._confirmed()
        self._order()  # a quotation is none yet
        self._confirmed(partner=self.env["res.partner"].create({"name": "Zed Zedder"}))
        entry = self._entry("Moreaux")
        self.assertEqual(entry.order_ids, self.order | second)
        self.assertFalse(entry.order_id, "nobody guesses which one")
        self.assertEqual(self._filed("Moreaux", order_id=second).order_id, second)
        self.assertEqual(self._entry(self.order.name).order_id, self.order)
        told = second.with_user(self.agent).with_context(care_order_told=True).display_name
        self.assertIn("Oven", told)
        self.assertIn(second.name, told)

    def test_another_customers_order_is_not_taken(self):
        other = self._confirmed(partner=self.env["res.partner"].create({"name": "Zed Zedder"}))
        entry = self._entry("Moreaux")
        entry.order_id = other
        with self.assertRaisesRegex(UserError, "not an order of"):
            entry.action_file()

    def test_several_who_match_are_offered_and_one_is_chosen(self):
        sister = self.env["res.partner"].create({"name": "Chloe Moreaux"})
        entry = self._entry("Moreaux")
        self.assertEqual(entry.candidate_ids, self.customer | sister)
        with self.assertRaisesRegex(UserError, "2 customers match"):
            entry.action_file()
        entry.partner_id = sister
        case = self.env["care.case"].browse(entry.action_file()["res_id"])
        self.assertEqual(case.partner_id, sister)

    def test_somebody_unknown_becomes_a_contact(self):
        for who, name, phone in (
            ("Nina Neighbour", "Nina Neighbour", False),
            ("0470 99 88 77", "0470 99 88 77", "0470 99 88 77"),
            ("Otto Outside, 0470 11 22 33", "Otto Outside", "0470 11 22 33"),
        ):
            with self.subTest(who):
                case = self.env["care.case"].browse(self._entry(who).action_file()["res_id"])
                self.assertEqual(case.partner_id.name, name)
                self.assertEqual(case.partner_id.phone, phone)
                self.assertEqual(case.partner_id.company_id, self.company)

    def test_what_is_missing_is_said(self):
        with self.assertRaisesRegex(UserError, "what it is about"):
            self._entry("Moreaux", text=" ").action_file()
        with self.assertRaisesRegex(UserError, "who it is"):
            self._entry("", text="x").action_file()

    def test_the_next_call_gets_an_empty_dialog(self):
        action = self._entry("Moreaux").action_file_next()
        self.assertEqual(action["res_model"], "care.quick.entry")
        self.assertFalse(action.get("res_id"))

    def test_nobody_of_another_company_is_found_or_filed(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.customer.company_id = other
        self.order.company_id = other
        self.env.flush_all()
        self.assertFalse(self._entry("0475123456").partner_id)
        self.assertFalse(self._entry("Moreaux").partner_id)
        with self.assertRaises(AccessError):
            self._entry("x", partner_id=self.customer).action_file()

    def test_nothing_is_filed_into_a_company_that_one_may_not_enter(self):
        other = self.env["res.company"].create(
            {"name": "Other", "care_default_owner_id": self.env.uid}
        )
        before = self.env["care.case"].search_count([("company_id", "=", other.id)])
        entries = self.env["care.quick.entry"].with_user(self.agent).with_company(self.company)
        vals = {"who": "Zed Zedder", "text": "Hello"}
        with self.assertRaises(AccessError):
            entries.create({**vals, "company_id": other.id})
        entry = entries.create(vals)
        with self.assertRaises(AccessError):
            entry.company_id = other
        entry = entries.create(vals)
        entry.sudo().with_context(allowed_company_ids=other.ids).company_id = other
        self.env.flush_all()
        with self.assertRaises(AccessError):
            entry.action_file()
        self.assertEqual(
            self.env["care.case"].search_count([("company_id", "=", other.id)]), before
        )

    def test_a_stranger_has_no_quick_entry(self):
        stranger = self._user("care_stranger2", "base.group_user")
        with self.assertRaises(AccessError):
            self.env["care.quick.entry"].with_user(stranger).create({"who": "x", "text": "y"})

    def test_a_phone_number_and_a_name_are_found_by_an_index(self):
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for query in (
            "SELECT id FROM res_partner WHERE phone IS NOT NULL AND active AND"
            " reverse(regexp_replace(phone, '[^0-9]', '', 'g')) LIKE '654321574%%' LIMIT 32",
        ):
            self.env.cr.execute(f"EXPLAIN {query}")
            plan = "".join(row[0] for row in self.env.cr.fetchall())
            self.assertIn("care_phone_idx", plan)


@tagged("post_install", "-at_install")
class TestImport(CareCase):
    FIELDS = ["name", "partner_id", "received_at", "kind", "description"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # nobody of the demo data is called so
        cls.customer.name = "Clara Moreaux"

    def _load(self, *rows, names=None, user=None):
        cases = self.env["care.case"].with_user(user or self.agent).with_company(self.company)
        return cases.with_context(import_file=True).load(
            names or self.FIELDS, [list(row) for row in rows]
        )

    def test_old_cases_are_imported_silently_with_their_own_date(self):
        policy = self._policy(event="case_opened")
        result = self._load(
            ("Cold", "Clara Moreaux", "2024-03-04 09:30:00", "Complaint", "It stays cold"),
            ("Warm", " CLARA@example.com ", "", "Suggestion", ""),
        )
        self.assertFalse(result["messages"])
        cases = self.env["care.case"].browse(result["ids"])
        self.assertEqual(cases.mapped("partner_id"), self.customer)
        self.assertEqual(set(cases.mapped("channel")), {"import"})
        # as typed in by somebody in Brussels
        self.assertEqual(str(cases[0].received_at), "2024-03-04 08:30:00")
        self.assertEqual(cases.mapped("kind"), ["complaint", "suggestion"])
        self.assertTrue(all(cases.mapped("number")))
        self.assertFalse(self.env["care.notice"].search([("case_id", "in", cases.ids)]))
        self.assertFalse(policy.followup_ids)
        self._run("care.notice")
        self.assertFalse(cases.message_ids.filtered(lambda m: m.message_type == "auto_comment"))

    def test_an_imported_case_is_worked_on_like_any_other(self):
        result = self._load(("Cold", "Clara Moreaux", "", "Complaint", ""))
        case = self.env["care.case"].browse(result["ids"])
        case.resolution = "Mended"
        case.action_resolve()
        self._run("care.notice")
        told = case.message_ids.filtered(lambda m: m.message_type == "auto_comment")
        self.assertIn("Mended", told.body)

    HISTORY = ["name", "partner_id", "received_at", "was_closed_at", "kind"]

    def test_closed_history_is_imported_closed_and_nobody_is_written_to(self):
        self.company.care_start_date = "2020-01-01"
        policies = self._policy(event="case_opened") | self._policy(event="case_closed")
        result = self._load(
            # Monday half past nine to Tuesday half past ten, in Brussels
            ("Cold", "Clara Moreaux", "2024-03-04 09:30:00", "2024-03-05 10:30:00", "Complaint"),
            ("Warm", "Clara Moreaux", "2024-03-06 09:00:00", "", "Complaint"),
            names=self.HISTORY,
        )
        self.assertFalse(result["messages"])
        case, still_open = self.env["care.case"].browse(result["ids"])
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual(still_open.stage_category, "open")
        self.assertEqual(str(case.closed_at), "2024-03-05 09:30:00")
        self.assertEqual(case.resolved_at, case.closed_at)
        self.assertEqual(case.stage_since, case.closed_at)
        pieces = case.tenure_ids.sorted("since")
        self.assertEqual(pieces.mapped("since"), [case.received_at, case.closed_at])
        self.assertEqual(pieces[0].seconds, 9 * 3600)
        self._run("care.notice", days=90)
        self._run("care.followup", days=90)
        self.env.invalidate_all()
        self.assertFalse(case.message_ids.filtered(lambda m: m.message_type == "auto_comment"))
        self.assertFalse(self.env["care.notice"].search([("case_id", "=", case.id)]))
        self.assertFalse(policies.followup_ids.filtered(lambda row: row.case_id == case))
        self.assertFalse(case.activity_ids)

    def test_imported_history_is_counted_where_it_belongs(self):
        result = self._load(
            ("Cold", "Clara Moreaux", "2024-03-04 09:30:00", "2024-03-05 10:30:00", "Complaint"),
            names=self.HISTORY,
        )
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_facts").method_direct_trigger()
        self.env.invalidate_all()
        facts = self.env["care.fact"].search([("case_id", "in", result["ids"])])
        self.assertEqual(
            facts.mapped(lambda fact: (fact.measure, str(fact.day), fact.seconds)),
            [("resolution", "2024-03-05", 9 * 3600)],
        )
        report = self.env["care.period.report"].with_user(self.manager)
        wizard = report.create(
            {
                "company_id": self.company.id,
                "date_from": "2024-03-01",
                "date_to": "2024-03-31",
            }
        )
        values = self.env["report.customer_care.report_period"].with_user(self.manager)
        register = values._received(wizard)
        self.assertEqual(register["total"]["received"], 1)
        self.assertEqual(register["total"]["closed"], 1)
        self.assertEqual(register["closed"], 1)

    def test_history_that_cannot_be_is_refused_with_what_to_do(self):
        for closed, words in (
            ("2999-01-01 00:00:00", "lies in the future"),
            ("2024-03-01 00:00:00", "swap the dates"),
        ):
            with self.subTest(words):
                row = ("Cold", "Clara Moreaux", "2024-03-04 09:30:00", closed, "Complaint")
                result = self._load(row, names=self.HISTORY)
                self.assertFalse(result["ids"])
                self.assertIn(words, result["messages"][0]["message"])

    def test_nobody_closes_a_case_by_saying_that_it_was_closed(self):
        cases = self.env["care.case"].with_user(self.manager).with_company(self.company)
        vals = {
            "name": "x",
            "partner_id": self.customer.id,
            "was_closed_at": "2024-03-05 10:00:00",
        }
        with self.assertRaisesRegex(UserError, "for the import"):
            cases.create(vals)
        with self.assertRaisesRegex(UserError, "for the import"):
            cases.with_context(care_import=True, import_file=True).create(vals)
        case = self._case()
        case.write({"was_closed_at": "2024-03-05 10:00:00"})
        self.assertFalse(case.closed_at)

    def test_bad_rows_are_told_what_is_wrong_and_nothing_is_imported(self):
        self.env["res.partner"].create([{"name": "Twin"}, {"name": "Twin"}])
        before = self.env["care.case"].search_count([])
        result = self._load(
            ("Cold", "Clara Moreaux", "", "Complaint", ""),
            ("Cold", "Nobody At All", "", "Complaint", ""),
            ("Cold", "Twin", "", "Complaint", ""),
            ("Cold", "far@example.com", "", "Complaint", ""),
        )
        self.assertFalse(result["ids"])
        said = [(message["record"], message["message"]) for message in result["messages"]]
        self.assertEqual([row for row, _text in said], [1, 2, 3])
        self.assertIn("no customer “Nobody At All”", said[0][1])
        self.assertIn("2 customers are called “Twin”", said[1][1])
        self.assertEqual(self.env["care.case"].search_count([]), before)

    def test_a_date_to_come_a_wrong_kind_and_a_number_are_refused(self):
        for row, names in (
            (("x", "Clara Moreaux", "2999-01-01 00:00:00", "Complaint", ""), None),
            (("x", "Clara Moreaux", "", "Nonsense", ""), None),
            (("x", "Clara Moreaux", "yesterday", "Complaint", ""), None),
            (("x", "", "", "Complaint", ""), None),
            (("x", "Clara Moreaux", "C1"), ["name", "partner_id", "number"]),
        ):
            with self.subTest(row):
                result = self._load(row, names=names)
                self.assertFalse(result["ids"])
                self.assertTrue(result["messages"][0]["message"])

    def test_a_customer_of_another_company_is_not_found(self):
        self.customer.company_id = self.env["res.company"].create({"name": "Other"})
        self.assertFalse(self._load(("x", "clara@example.com", "", "Complaint", ""))["ids"])

    def test_the_template_is_imported_as_it_is_given_out(self):
        self.env["res.partner"].create(
            [
                {"name": "Clara", "email": "clara.moreau@example.com"},
                {"name": "Hugo Whitfield"},
            ]
        )
        template = self.env["care.case"].get_import_templates()[0]["template"]
        with file_open(template.removeprefix("/"), "rb") as sample:
            content = sample.read()
        wizard = (
            self.env["base_import.import"]
            .with_user(self.agent)
            .with_company(self.company)
            .create(
                {
                    "res_model": "care.case",
                    "file": content,
                    "file_name": "cases.csv",
                    "file_type": "text/csv",
                }
            )
        )
        options = {
            "has_headers": True,
            "quoting": '"',
            "separator": ",",
            "date_format": "%Y-%m-%d",
            "datetime_format": "%Y-%m-%d %H:%M:%S",
        }
        preview = wizard.parse_preview(options)
        columns = preview["headers"]
        matches = [preview["matches"].get(index) for index in range(len(columns))]
        self.assertTrue(all(matches), f"{columns}: {matches}")
        result = wizard.execute_import(["/".join(m) for m in matches], columns, options)
        self.assertFalse(result["messages"])
        cases = self.env["care.case"].browse(result["ids"])
        self.assertEqual(len(cases), 3)
        self.assertEqual(cases[1].kind, "compliment")
        self.assertEqual(cases[0].severity, "2")
        self.assertEqual(
            cases.mapped("stage_category"), ["closed", "closed", "open"], "two are history"
        )
        self.assertEqual(str(cases[2].received_at.date()), "2024-03-11")
