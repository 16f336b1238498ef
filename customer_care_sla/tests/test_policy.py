from psycopg2 import IntegrityError

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MONDAY_9, SlaCase


@tagged("post_install", "-at_install")
class TestPolicy(SlaCase):
    def _policy_of(self, case, measure="first_response"):
        case.invalidate_recordset()
        return self._clock(case, measure).policy_id

    def test_the_customers_own_policy_comes_before_the_tiers_and_the_tiers_before_others(self):
        tier = self.env.ref("customer_care.tier_key")
        line = [("first_response", "any", "hours", 2)]
        tiers = self._sla(line, name="Key", tier_ids=tier.ids, sequence=50)
        own = self._sla(line, name="Contract", partner_ids=self.customer.ids, sequence=60)
        self.assertEqual(self._policy_of(self._case()), own)
        own.active = False
        self.assertEqual(self._policy_of(self._case()), self.policy, "no tier yet")
        self.customer.with_company(self.company).care_tier_id = tier
        self.assertEqual(self._policy_of(self._case()), tiers)
        contact = self.customer.create({"name": "Paul", "parent_id": self.customer.id})
        self.assertEqual(self._policy_of(self._case(partner_id=contact.id)), tiers)

    def test_a_measure_without_a_line_falls_through_to_the_next_policy(self):
        own = self._sla([("first_response", "any", "hours", 1)], partner_ids=self.customer.ids)
        case = self._case()
        self.assertEqual(self._policy_of(case), own)
        self.assertEqual(self._policy_of(case, "resolution"), self.policy)

    def test_a_line_that_promises_nothing_ends_the_search(self):
        self._sla([("first_response", "any", "none", 0)], partner_ids=self.customer.ids)
        self.assertEqual(self._case().clock_ids.mapped("measure"), ["resolution"])

    def test_the_line_of_the_severity_comes_before_the_line_of_any(self):
        self.policy.target_ids = [
            (0, 0, {"measure": "first_response", "severity": "3", "kind": "hours", "amount": 1})
        ]
        self.assertEqual(self._clock(self._case(severity="3")).seconds, 3600)
        self.assertEqual(self._clock(self._case(severity="2")).seconds, 4 * 3600)

    def test_a_promise_to_an_archived_tier_is_no_promise_to_everybody(self):
        tier = self.env["care.tier"].create({"name": "Founders"})
        self._sla(
            [("first_response", "any", "hours", 1)], tier_ids=tier.ids, sequence=1, name="Founders"
        )
        tier.active = False
        self.policy.sequence = 20  # the book is read anew
        self.assertEqual(self._policy_of(self._case()), self.policy)
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            tier.unlink()

    def test_policies_go_by_sequence_and_filter(self):
        line = [("first_response", "any", "hours", 1)]
        first = self._sla(
            line, name="Praise", sequence=1, filter_domain="[('kind', '=', 'compliment')]"
        )
        self.assertEqual(self._policy_of(self._case(kind="compliment")), first)
        self.assertEqual(self._policy_of(self._case()), self.policy)

    def test_another_companys_policy_never_attaches_even_under_superuser(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        line = [("first_response", "any", "hours", 1)]
        foreign = self._sla(line, company_id=other.id, sequence=1)
        shared = self._sla(line, company_id=False, sequence=2)
        self.assertEqual(self._policy_of(self._case()), shared)
        case = self._case(company_id=other.id, team_id=False)
        self.assertEqual(self._policy_of(case), foreign)

    def test_the_clock_says_why_this_policy_and_why_not_the_others(self):
        praise = self._sla(
            [("first_response", "any", "hours", 1)],
            name="Praise",
            sequence=1,
            filter_domain="[('kind', '=', 'compliment')]",
        )
        self._sla([("resolution", "any", "hours", 1)], name="Solutions", sequence=2)
        clock = self._clock(self._case())
        self.assertRegex(
            clock.reason,
            r"(?s)“Four hours”: promised to everybody.*Not “Solutions”.*Not “Praise”",
        )
        praise.unlink()
        self.env.invalidate_all()
        self.assertRegex(clock.reason, r"(?s)Not “Solutions”.*Not a policy that was deleted: ")

    def test_a_policy_edited_in_a_transaction_counts_at_once(self):
        self.assertEqual(self._clock(self._case()).seconds, 4 * 3600)
        self.policy.target_ids[0].amount = 3
        self.assertEqual(self._clock(self._case()).seconds, 3 * 3600)
        self.policy.target_ids[0].unlink()
        self.assertFalse(self._clock(self._case()))
        self.policy.active = False
        self.assertFalse(self._case().clock_ids)

    def test_what_is_promised_to_a_customer_is_promised_to_whom_they_are_merged_into(self):
        double = self.customer.copy({"name": "Clara Moreau (2)"})
        own = self._sla([("first_response", "any", "hours", 1)], partner_ids=double.ids)
        self.assertEqual(self._clock(self._case_at(MONDAY_9)).policy_id, self.policy)
        self.env["base.partner.merge.automatic.wizard"]._merge(
            (self.customer | double).ids, self.customer
        )
        self.env.invalidate_all()
        self.assertEqual(own.partner_ids, self.customer)
        self.assertEqual(self._clock(self._case_at(MONDAY_9)).policy_id, own)

    def test_a_policy_in_use_is_archived_and_not_deleted(self):
        case = self._case_at(MONDAY_9)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self.policy.unlink()
        self.policy.active = False
        self.assertEqual(self._clock(case).policy_id, self.policy)

    def test_what_cannot_be_promised_is_refused_where_it_is_entered(self):
        with self.assertRaises(ValidationError):
            self._sla([])
        flexible = self.env["resource.calendar"].create(
            {"name": "Any", "company_id": self.company.id, "schedule_type": "flexible"}
        )
        with self.assertRaisesRegex(ValidationError, "flexible"):
            self.policy.calendar_id = flexible
        with self.assertRaisesRegex(ValidationError, "filter"):
            self.policy.filter_domain = "[('nonsense', '=', 1)]"
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self.policy.target_ids[0].amount = 0
            self.env.flush_all()

    def test_a_new_policy_comes_last_and_takes_nothing_from_the_others(self):
        later = self._sla([("first_response", "any", "hours", 1)], name="Later")
        self.assertGreater(later.sequence, self.policy.sequence)
        self.assertEqual(self._clock(self._case()).policy_id, self.policy)

    def test_the_list_of_policies_says_in_short_what_is_promised(self):
        policy = self._sla(
            [
                ("first_response", "3", "hours", 1),
                ("first_response", "any", "minutes", 30),
                ("resolution", "any", "days", 2),
                ("acknowledgement", "any", "end_of_day", 0),
            ]
        )
        self.assertEqual(
            set(policy.target_ids.mapped("display_name")),
            {
                "First answer if Critical: 1 h",
                "First answer: 30 min",
                "Solution: 2 days",
                "Acknowledgement: the same day",
            },
        )
