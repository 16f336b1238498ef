"""The customer of open cases and journeys joins a firm, leaves it or goes to another."""

from unittest.mock import patch

from odoo.tests import tagged

from .common import MONDAY_9, MONDAY_10, MONDAY_13, SlaCase


@tagged("post_install", "-at_install")
class TestCustomerMoves(SlaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tier = cls.env.ref("customer_care.tier_key")
        cls.firm = cls._firm("Moreau SA")
        cls.line = [("first_response", "any", "hours", 1), ("resolution", "any", "days", 2)]
        cls.key = cls._sla(cls.line, name="Key", tier_ids=cls.tier.ids)

    @classmethod
    def _firm(cls, name):
        return cls.env["res.partner"].create({"name": name, "is_company": True})

    def _make_key(self, firm, company=None):
        return self.env["care.profile"].create(
            {
                "partner_id": firm.id,
                "company_id": (company or self.company).id,
                "tier_id": self.tier.id,
            }
        )

    def _own(self, firm, **vals):
        return self._sla(self.line, name=f"Only {firm.name}", partner_ids=firm.ids, **vals)

    def _move(self, partners, user=None, moment=MONDAY_10, **vals):
        with self._at(moment):
            partners.with_user(user or self.env.user).write(vals)
            self.env.flush_all()
        self.env.invalidate_all()

    def _promised(self, case, measure="first_response"):
        clock = self._clock(case, measure)
        self.assertEqual(len(clock), 1)
        return clock.policy_id

    # ------------------------------------------------------------
    # Joining, leaving, changing
    # ------------------------------------------------------------

    def test_who_joins_a_firm_of_a_tier_is_promised_what_the_tier_is(self):
        self._make_key(self.firm)
        case = self._case_at(MONDAY_9)
        self.assertEqual(self._promised(case), self.policy)
        self._move(self.customer, parent_id=self.firm.id)
        clock = self._clock(case)
        self.assertEqual(case.tier_id, self.tier)
        self.assertEqual(clock.policy_id, self.key)
        self.assertEqual(str(clock.due_at), MONDAY_10, "an hour from the same start")
        self.assertIn("instead of", clock.reason)

    def test_who_joins_a_firm_with_a_policy_of_its_own_is_promised_what_that_says(self):
        own = self._own(self.firm)
        case = self._case_at(MONDAY_9)
        self._move(self.customer, parent_id=self.firm.id)
        self.assertEqual(self._promised(case), own)
        self.assertEqual(case.commercial_partner_id, self.firm)

    def test_the_firm_that_takes_the_contact_in_promises_the_same(self):
        own = self._own(self.firm)
        case = self._case_at(MONDAY_9)
        self._move(self.firm, child_ids=[(4, self.customer.id)])
        self.assertEqual(self._promised(case), own)

    def test_who_goes_from_one_firm_to_another_takes_the_promise_of_the_other(self):
        other = self._firm("Dubois SA")
        own, others = self._own(self.firm), self._own(other)
        self.customer.parent_id = self.firm
        case = self._case_at(MONDAY_9)
        self.assertEqual(self._promised(case), own)
        self._move(self.customer, parent_id=other.id)
        self.assertEqual(self._promised(case), others)

    def test_who_leaves_a_firm_is_promised_what_everybody_is(self):
        self._make_key(self.firm)
        self.customer.parent_id = self.firm
        case = self._case_at(MONDAY_9)
        self.assertEqual(self._promised(case), self.key)
        self._move(self.customer, parent_id=False)
        self.assertFalse(case.tier_id)
        self.assertEqual(self._promised(case), self.policy)

    def test_a_part_of_a_firm_that_moves_takes_its_people_along(self):
        part = self._firm("Workshop")
        self.customer.parent_id = part
        case = self._case_at(MONDAY_9)
        own = self._own(self.firm)
        self._move(part, parent_id=self.firm.id, is_company=False)
        self.assertEqual(case.commercial_partner_id, self.firm)
        self.assertEqual(self._promised(case), own)

    def test_a_journey_follows_as_well(self):
        self._sla([("contact", "any", "days", 2)], about="care.journey", name="Journeys")
        key = self._sla(
            [("contact", "any", "days", 1)],
            about="care.journey",
            name="Key journeys",
            tier_ids=self.tier.ids,
        )
        self._make_key(self.firm)
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
            self.env.flush_all()
        self.assertEqual(journey.clock_ids.policy_id.name, "Journeys")
        self._move(self.customer, parent_id=self.firm.id)
        self.assertEqual(journey.clock_ids.policy_id, key)

    def test_what_is_over_is_promised_anew_when_it_goes_on(self):
        self._make_key(self.firm)
        case = self._case_at(MONDAY_9)
        self._resolve(case, MONDAY_10)
        self._move(self.customer, parent_id=self.firm.id)
        self.assertEqual(self._promised(case, "resolution"), self.policy)
        self._stage(case, "progress", MONDAY_13)
        self.assertEqual(self._clock(case, "resolution")[-1:].policy_id, self.key)

    # ------------------------------------------------------------
    # Who moves them, and what it costs
    # ------------------------------------------------------------

    def test_a_clerk_who_sees_no_case_moves_the_promises_of_all_companies(self):
        clerk = self._user("care_clerk", "base.group_user,base.group_partner_manager")
        company = self.env["res.company"].create({"name": "Elsewhere"})
        company.care_start_date = "2020-01-01"
        team = self.env["care.team"].create({"name": "Elsewhere", "company_id": company.id})
        owner = self.env.ref("base.user_admin")
        owner.company_ids |= company
        there = self._own(self.firm, company_id=company.id)
        self._sla(company_id=company.id)
        self._make_key(self.firm)
        here = self._case_at(MONDAY_9)
        with self._at(MONDAY_9):
            far = self.env["care.case"].create(
                {
                    "name": "The pump leaks",
                    "partner_id": self.customer.id,
                    "company_id": company.id,
                    "team_id": team.id,
                    "owner_id": owner.id,
                    "received_at": MONDAY_9,
                }
            )
        self._move(self.customer, clerk, parent_id=self.firm.id)
        self.assertEqual(self._promised(here), self.key)
        self.assertEqual(self._promised(far), there)

    def _spent(self, partners, **vals):
        """Queries that following these partners costs, each time somebody moves."""
        spent = []
        moved = type(partners)._care_moved

        def counted(people):
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            moved(people)
            self.env.flush_all()
            spent.append(self.env.cr.sql_log_count - before)

        with patch.object(type(partners), "_care_moved", counted):
            self._move(partners, **vals)
        return spent

    def test_following_many_contacts_costs_as_many_queries_as_following_one(self):
        self._make_key(self.firm)
        people = self.env["res.partner"].create([{"name": f"Person {n}"} for n in range(42)])
        cases = self._cases_of(people, MONDAY_9)
        self._spent(people[0], parent_id=self.firm.id)
        (one,) = self._spent(people[1], parent_id=self.firm.id)
        (many,) = self._spent(people[2:], parent_id=self.firm.id)
        self.assertEqual(cases.clock_ids.policy_id, self.key)
        self.assertLessEqual(many, one + 5)

    def test_following_contacts_without_cases_costs_a_look_at_each_kind(self):
        other = self.env["res.partner"].create({"name": "Nobody yet"})
        self._spent(other, parent_id=self.firm.id)
        (nothing,) = self._spent(other, parent_id=False)
        # who is below them and has a user: two; cases, journeys, and promises that are over of
        # either: two each, as who is below is looked up for each
        self.assertLessEqual(nothing, 10)

    def test_an_address_that_is_saved_as_it_is_moves_nobody(self):
        self.customer.parent_id = self.firm
        self.assertEqual(self._spent(self.customer, parent_id=self.firm.id, phone="1"), [])

    # ------------------------------------------------------------
    # Two contacts become one
    # ------------------------------------------------------------

    def _merge(self, gone, left):
        with self._at(MONDAY_10):
            self.env["base.partner.merge.automatic.wizard"]._merge((gone | left).ids, left)
            self.env.flush_all()
        self.env.invalidate_all()

    def test_who_is_merged_into_a_contact_of_a_firm_is_promised_what_the_firm_is(self):
        self._make_key(self.firm)
        contact = self.env["res.partner"].create(
            {"name": "Clara M.", "email": self.customer.email, "parent_id": self.firm.id}
        )
        case = self._case_at(MONDAY_9)
        self._merge(self.customer, contact)
        self.assertEqual(case.partner_id, contact)
        self.assertEqual(case.commercial_partner_id, self.firm)
        self.assertEqual(case.tier_id, self.tier)
        self.assertEqual(self._promised(case), self.key)

    def test_who_is_merged_into_a_customer_with_a_policy_of_their_own_has_that(self):
        other = self.customer.copy({"name": "Clara M."})
        own = self._own(other)
        case = self._case_at(MONDAY_9)
        self._merge(self.customer, other)
        self.assertEqual(self._promised(case), own)

    def test_an_own_policy_of_who_is_merged_holds_for_what_is_open_of_the_other(self):
        other = self.customer.copy({"name": "Clara M."})
        own = self._own(other)
        case = self._case_at(MONDAY_9)
        self._merge(other, self.customer)
        self.assertEqual(self._promised(case), own)
