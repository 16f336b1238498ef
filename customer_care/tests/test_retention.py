"""Old cases lose their persons and keep their figures."""

import re
from contextlib import suppress
from datetime import timedelta
from unittest.mock import patch

from dateutil.relativedelta import relativedelta
from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.care_retention import Scrubber
from .common import CareCase


class Killed(BaseException):
    """As when the server goes down: nobody catches it."""


PERSONAL = ("Clara", "Moreau", "clara@example.com", "+32 2 123 45 67")


@tagged("post_install", "-at_install")
class TestRetention(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "care_retention_months": 12})
        cls.customer.write({"phone": "+32 2 123 45 67", "street": "Rue Haute 7"})

    def _old(self, months=13, **vals):
        """A closed case, told of in all places in which a person can be named."""
        case = self._case(
            name="Clara Moreau's oven",
            description="I am Clara, call +32 2 123 45 67 or clara@example.com. Rue Haute 7.",
            resolution="Told Mrs Moreau",
            owner_id=self.agent.id,
            **vals,
        )
        case.message_post(
            body="Moreau here, answer to other.mail@example.org",
            subject="From Clara",
            author_id=self.customer.id,
            email_from=self.customer.email_formatted,
            message_type="email",
            subtype_xmlid="mail.mt_comment",
            attachments=[("clara.txt", b"Clara Moreau")],
        )
        self.env["care.promise"].create(
            {
                "name": "Call Clara",
                "partner_id": self.customer.id,
                "case_id": case.id,
                "user_id": self.agent.id,
                "company_id": self.company.id,
                "date_due": fields.Date.add(fields.Date.today(), days=3),
            }
        )
        self.env["care.followup"].create(
            {
                "name": "Call Clara",
                "feedback": "Clara was happy",
                "case_id": case.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "user_id": self.agent.id,
                "activity_type_id": self.env.ref("customer_care.mail_activity_type_followup").id,
                "date_due": fields.Date.today(),
            }
        )
        case.activity_schedule(
            "mail.mail_activity_data_todo", summary="Clara", user_id=self.agent.id
        )
        with self._at(fields.Datetime.now() + timedelta(hours=2)):
            case.action_resolve()
        with self._at(fields.Datetime.now() + timedelta(hours=4)):
            case._customer_answers("yes", "Thanks, Clara")
        self.env["care.fact"]._collect(case.tenure_ids.filtered("until"))
        self.env["mail.tracking.value"].create(
            {
                "mail_message_id": case.message_ids[0].id,
                "field_id": self.env["ir.model.fields"]._get("care.case", "partner_id").id,
                "new_value_char": "Clara Moreau",
            }
        )
        self._age(case, months)
        return case

    def _age(self, case, months):
        self.env.flush_all()
        moment = fields.Datetime.now() - relativedelta(months=months)
        self.env.cr.execute(
            "UPDATE care_case SET stage_since = %s, closed_at = %s WHERE id = %s",
            (moment, moment, case.id),
        )
        self.env.invalidate_all()

    def _run_retention(self):
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_retention").method_direct_trigger()
        self.env.invalidate_all()

    def _everything(self, case):
        """All that is kept of a case, as text, straight from the tables."""
        self.env.flush_all()
        texts = []
        for table, where in (
            ("care_case", "id = %(id)s"),
            ("care_followup", "case_id = %(id)s"),
            ("care_promise", "case_id = %(id)s"),
            ("care_handoff", "case_id = %(id)s"),
            ("care_notice", "case_id = %(id)s"),
            ("care_fact", "case_id = %(id)s"),
            ("mail_message", "model = 'care.case' AND res_id = %(id)s"),
            ("mail_activity", "res_model = 'care.case' AND res_id = %(id)s"),
            ("ir_attachment", "res_model = 'care.case' AND res_id = %(id)s"),
        ):
            self.env.cr.execute(f"SELECT t::text FROM {table} t WHERE {where}", {"id": case.id})
            texts += [row for (row,) in self.env.cr.fetchall()]
        return "\n".join(texts)

    # ------------------------------------------------------------
    # What goes and what stays
    # ------------------------------------------------------------

    def test_persons_go_and_figures_stay(self):
        case = self._old()
        number, facts = case.number, self.env["care.fact"].search([("case_id", "=", case.id)])
        figures = facts.read(["measure", "numerator", "denominator", "seconds", "day"])
        self.assertTrue(facts)
        for word in PERSONAL:
            self.assertIn(word, self._everything(case))
        self._run_retention()
        left = self._everything(case)
        for word in (*PERSONAL, "Rue Haute", "other.mail@example.org", "clara.txt"):
            self.assertFalse(re.findall(f".{{80}}{re.escape(word)}.{{80}}", left), word)
        self.assertTrue(case.anonymized_at)
        self.assertEqual(case.number, number)
        self.assertEqual(case.partner_id, self.company.care_anonymous_partner_id)
        self.assertEqual(case.commercial_partner_id, self.company.care_anonymous_partner_id)
        self.assertFalse(case.order_id or case.journey_id or case.access_token)
        self.assertNotIn(self.customer, case.message_partner_ids)
        self.assertEqual(
            facts.read(["measure", "numerator", "denominator", "seconds", "day"]), figures
        )
        self.assertEqual(facts.partner_id, self.company.care_anonymous_partner_id)
        self.assertEqual(case.stage_category, "closed")
        self.assertTrue(case.tenure_ids)
        messages = case.message_ids
        self.assertNotIn(self.customer, messages.author_id)
        self.assertFalse(messages.attachment_ids)
        self.assertFalse(messages.sudo().tracking_value_ids)

    #: Texts and links of a case that stay: none of them names the customer.
    KEPT = frozenset(
        {"number"}  # the register's own
        | {
            "company_id",
            "owner_id",
            "first_owner_id",
            "passed_by_id",
            "praised_user_id",
            "public_answer_by_id",
        }
        | {"safety_cleared_by_id", "create_uid", "write_uid"}  # our own people
        | {"provider_id"}  # who does the service: a firm
        | {"partner_id", "commercial_partner_id"}  # the anonymous customer
    )
    #: Those that lose what they say.
    GONE = frozenset(
        {"name", "description", "resolution", "cancel_reason", "verdict_reason", "public_answer"}
        | {"email_cc", "callback_phone", "callback_when", "access_token"}
        | {"contact_name", "contact_phone", "contact_when", "source_name", "source_url"}
        | {"order_id", "quotation_id", "journey_id", "followup_id", "promise_id"}
        | {"previous_id", "merged_into_id"}
    )

    def _telling_fields(self):
        """The stored texts of a case, and its links to who or what has a customer."""
        return {
            name: field
            for name, field in self.env["care.case"]._fields.items()
            if field.store
            and "customer_care" in field._modules
            and (
                field.type in ("char", "text", "html")
                or field.type == "many2one"
                and (
                    field.comodel_name == "res.partner"
                    or "partner_id" in self.env[field.comodel_name]._fields
                )
            )
        }

    def test_every_text_and_link_of_a_case_is_decided_on(self):
        unknown = set(self._telling_fields()) - self.KEPT - self.GONE
        self.assertFalse(unknown, "may it name the customer? see _prepare_anonymous_vals")

    def test_no_text_or_link_of_a_case_names_the_customer_afterwards(self):
        order = self._confirmed()
        case = self._old(order_id=order.id)
        other = self._case(name="Clara again")
        later = self._case(name="And again")
        later.sudo().previous_id = case
        links = {
            "sale.order": order.id,
            "care.case": other.id,
            "care.followup": case.followup_ids[:1].id,
            "care.promise": self.env["care.promise"].search([("case_id", "=", case.id)]).id,
            "care.journey": case.journey_id.id,
        }
        self.env.flush_all()
        for name, field in self._telling_fields().items():
            if name in self.KEPT:
                continue
            value = "Clara Moreau, +32 2 123 45 67"
            if field.type == "many2one":
                value = links[field.comodel_name]
            self.env.cr.execute(f"UPDATE care_case SET {name} = %s WHERE id = %s", (value, case.id))
        self.env.invalidate_all()
        self._run_retention()
        self.assertTrue(case.anonymized_at)
        for name, field in self._telling_fields().items():
            with self.subTest(name):
                if field.type != "many2one":
                    for word in PERSONAL:
                        self.assertNotIn(word, case[name] or "")
                elif name in self.GONE:
                    self.assertFalse(case[name])
        self.assertFalse(later.previous_id)

    def test_a_name_and_a_phone_that_were_typed_in_go_from_all_texts(self):
        case = self._old(contact_name="Wilhelmina Okonkwo", contact_phone="0475-11")
        case.description = "Okonkwo here, call 0475-11."
        promise = self.env["care.promise"].search([("case_id", "=", case.id)])
        promise.message_post(body="Call Wilhelmina")
        self._run_retention()
        left = self._everything(case)
        for word in ("Wilhelmina", "Okonkwo", "0475-11"):
            self.assertNotIn(word, left)
        self.assertFalse(promise.message_ids)

    def test_the_customer_and_their_other_cases_are_untouched(self):
        case = self._old()
        young = self._case(description="Clara again")
        self._run_retention()
        self.assertTrue(case.anonymized_at)
        self.assertEqual(self.customer.name, "Clara Moreau")
        self.assertEqual(young.partner_id, self.customer)
        self.assertIn("Clara", young.description)

    def test_our_own_people_keep_their_names(self):
        self.agent.name = "Amir Haddad"
        case = self._old()
        case.message_post(
            body="Amir Haddad replaced it for Clara",
            author_id=self.agent.partner_id.id,
            message_type="comment",
        )
        self._run_retention()
        message = case.message_ids.filtered(lambda m: "replaced it" in m.body)
        self.assertEqual(message.author_id, self.agent.partner_id)
        self.assertIn("Amir Haddad replaced it for", message.body)
        self.assertNotIn("Clara", message.body)

    def test_an_order_does_not_lead_back(self):
        order = self._confirmed()
        case = self._old(order_id=order.id)
        self._run_retention()
        self.assertFalse(case.order_id)
        self.assertFalse(case.journey_id)
        self.assertTrue(order.exists())

    # ------------------------------------------------------------
    # Which ones
    # ------------------------------------------------------------

    def test_young_open_and_held_cases_are_kept(self):
        young = self._old(months=11)
        held = self._old()
        held.with_user(self.leader).legal_hold = True
        open_case = self._case()
        self._age(open_case, 40)
        self._run_retention()
        for case in (young, held, open_case):
            self.assertFalse(case.anonymized_at)
            self.assertEqual(case.partner_id, self.customer)
        held.with_user(self.leader).legal_hold = False
        self._run_retention()
        self.assertTrue(held.anonymized_at)

    def test_cancelled_ones_go_too(self):
        case = self._case(cancel_reason="Clara called twice")
        case.action_cancel()
        self._age(case, 13)
        self._run_retention()
        self.assertNotIn("Clara", case.cancel_reason)

    def test_0_months_mean_never_and_each_company_decides_for_itself(self):
        other = self.env["res.company"].create({"name": "Other", "care_retention_months": 1})
        case = self._old()
        self.company.care_retention_months = 0
        self._run_retention()
        self.assertFalse(case.anonymized_at)
        self.assertFalse(other.care_anonymous_partner_id)

    def test_an_agent_sets_no_legal_hold(self):
        case = self._case(owner_id=self.agent.id)
        with self.assertRaises(AccessError):
            case.with_user(self.agent).legal_hold = True
        with self.assertRaises(AccessError):
            case.with_user(self.manager).write({"anonymized_at": fields.Datetime.now()})

    def test_the_settings_preview_how_many(self):
        self._old()
        self._old()
        self._old(months=3)
        settings = self.env["res.config.settings"].with_company(self.company).new({})
        settings.company_id = self.company
        for months, count in ((12, 2), (2, 3), (0, 0), (24, 0)):
            settings.care_retention_months = months
            self.assertEqual(settings.care_retention_count, count, months)

    # ------------------------------------------------------------
    # Again, and killed
    # ------------------------------------------------------------

    def test_a_second_run_does_nothing_more(self):
        case = self._old()
        self._run_retention()
        before = self._everything(case), case.anonymized_at
        self._run_retention()
        self.assertEqual((self._everything(case), case.anonymized_at), before)

    def test_killed_in_the_middle_it_goes_on_in_the_next_run(self):
        cases = self._old() | self._old() | self._old()
        done = []

        def killed(records):
            if done:
                raise Killed
            done.append(records)
            return original(records)

        model = self.env.registry["care.case"]
        original = model._anonymize
        with (
            patch.object(model, "_anonymize", killed),
            patch("odoo.addons.customer_care.models.care_retention.BATCH", 1),
            # not assertRaises, which would take back what was committed
            suppress(Killed),
        ):
            self._run_retention()
        self.env.invalidate_all()
        self.assertEqual(len(cases.filtered("anonymized_at")), 1)
        self._run_retention()
        self.assertEqual(len(cases.filtered("anonymized_at")), 3)
        for case in cases:
            self.assertNotIn("Clara", self._everything(case))

    def test_one_case_at_fault_does_not_keep_the_others(self):
        cases = self._old() | self._old() | self._old()
        model = self.env.registry["care.case"]
        original = model._prepare_anonymous_vals

        def poisoned(case, scrub):
            if case.id == cases[0].id:
                raise ZeroDivisionError
            return original(case, scrub)

        with (
            patch.object(model, "_prepare_anonymous_vals", poisoned),
            mute_logger("odoo.addons.customer_care.models.care_due_mixin"),
        ):
            self._run_retention()
        self.assertEqual(cases.filtered("anonymized_at"), cases[1:])
        self.assertIn("Clara", self._everything(cases[0]), "nothing was done by halves")
        self._run_retention()
        self.assertTrue(cases[0].anonymized_at)

    def test_a_conflict_with_a_user_starts_afresh(self):
        case = self._old()
        model = self.env.registry["care.case"]
        original, times = model._anonymize, []

        def conflict(records):
            times.append(records)
            if len(times) == 1:
                raise SerializationFailure
            return original(records)

        with patch.object(model, "_anonymize", conflict):
            self._run_retention()
        self.assertTrue(case.anonymized_at)
        self.assertEqual(len(times), 2)

    def test_a_customer_finds_nothing_by_the_old_link(self):
        case = self._old()
        case._portal_ensure_token()
        self._run_retention()
        self.assertFalse(case.access_token)
        self.assertFalse(case._customer_answers("no", late=True))

    def test_the_scrubber_takes_persons_and_leaves_figures(self):
        scrub = Scrubber(["Clara Moreau", "Al"], ["clara@example.com", "02 123"])
        for text, left in (
            ("Clara's oven", "[…]'s oven"),
            ("MOREAU called", "[…] called"),
            ("Moreaux is a town", "Moreaux is a town"),
            ("Al said, although", "[…] said, although"),
            ("write to a.b+c@mail.example.org now", "write to […] now"),
            ("call 0032 475 12 34 56!", "call […]!"),
            (
                "C26-0001 of 2026-03-04, 129.00 paid",
                "C26-0001 of 2026-03-04, 129.00 paid",
            ),
            ("<p style='margin:16px 0'>Clara</p>", "<p style='margin:16px 0'>[…]</p>"),
            ("", ""),
            (False, False),
        ):
            with self.subTest(text):
                self.assertEqual(scrub(text), left)
