"""What is known of a customer stays known when the contact gets a company."""

from odoo import Command
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestProfileFollows(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.profile = cls._profile(
            cls.customer,
            no_followup=True,
            preferred_channel="email",
            contact_from=9,
            contact_to=12,
            contact_days="01",
            note="Works at night",
        )
        cls.firm = cls.env["res.partner"].create({"name": "Moreau SA", "is_company": True})

    @classmethod
    def _profile(cls, partner, company=None, **vals):
        return cls.env["care.profile"].create(
            {"partner_id": partner.id, "company_id": (company or cls.company).id, **vals}
        )

    def _of(self, partner, company=None):
        company = company or self.company
        profiles = self.env["care.profile"]._for(partner, company)
        return profiles.get(partner.commercial_partner_id)

    def test_the_profile_goes_along_when_a_contact_gets_a_company(self):
        partner = self.customer.with_company(self.company)
        self.assertTrue(partner.care_no_followup)
        self.customer.parent_id = self.firm
        self.assertEqual(self.profile.partner_id, self.firm)
        self.assertTrue(self._of(self.customer).no_followup)
        self.assertTrue(partner.care_no_followup)
        self.assertTrue(self.firm.with_company(self.company).care_no_followup)

    def test_it_goes_along_when_the_firm_takes_the_contact_in(self):
        self.firm.child_ids = [Command.link(self.customer.id)]
        self.assertEqual(self.profile.partner_id, self.firm)

    def test_it_goes_along_when_a_part_of_a_firm_is_no_company_any_more(self):
        part = self.env["res.partner"].create(
            {"name": "Workshop", "is_company": True, "parent_id": self.firm.id}
        )
        profile = self._profile(part, no_survey=True)
        part.is_company = False
        self.assertEqual(profile.partner_id, self.firm)

    def test_who_edits_contacts_without_customer_care_moves_it_too(self):
        clerk = self._user("care_clerk", "base.group_user,base.group_partner_manager")
        self.customer.with_user(clerk).parent_id = self.firm
        self.assertEqual(self.profile.partner_id, self.firm)

    def test_where_the_firm_has_one_the_stricter_wins(self):
        theirs = self._profile(
            self.firm, no_survey=True, preferred_channel="phone", contact_from=14, contact_to=18
        )
        self.customer.parent_id = self.firm
        self.assertFalse(self.profile.exists())
        self.assertRecordValues(
            theirs,
            [
                {
                    "no_followup": True,
                    "no_survey": True,
                    "preferred_channel": "phone",
                    "contact_from": 14,
                    "contact_to": 18,
                    "contact_days": "01",
                    "note": "Works at night",
                }
            ],
        )

    def test_each_company_keeps_its_own_view(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        theirs = self._profile(self.customer, other, no_survey=True)
        mine = self._profile(self.firm)
        self.customer.parent_id = self.firm
        self.assertEqual(theirs.partner_id, self.firm)
        self.assertFalse(theirs.no_followup)
        self.assertTrue(mine.no_followup)
        self.assertFalse(mine.no_survey)

    def test_several_contacts_become_one_customer(self):
        colleague = self.env["res.partner"].create({"name": "Paul"})
        self._profile(colleague, no_survey=True, note="Deaf")
        (self.customer | colleague).write({"parent_id": self.firm.id})
        profile = self.env["care.profile"].search([("partner_id", "=", self.firm.id)])
        self.assertRecordValues(
            profile, [{"no_followup": True, "no_survey": True, "note": "Works at night"}]
        )
        self.assertFalse(
            self.env["care.profile"].search([("partner_id", "in", (self.customer | colleague).ids)])
        )

    def test_a_contact_who_leaves_a_firm_takes_nothing_from_it(self):
        self.customer.parent_id = self.firm
        self.customer.parent_id = False
        self.assertEqual(self.profile.partner_id, self.firm)

    # ------------------------------------------------------------
    # Two contacts become one
    # ------------------------------------------------------------

    def _merge(self, gone, left):
        self.env["base.partner.merge.automatic.wizard"]._merge((gone | left).ids, left)
        self.env.flush_all()
        self.env.invalidate_all()

    def test_what_either_of_two_merged_customers_asked_for_is_kept(self):
        double = self.env["res.partner"].create({"name": "Clara M.", "email": self.customer.email})
        mine = self._profile(double, no_survey=True, note="Deaf")
        self._merge(self.customer, double)
        self.assertFalse(self.profile.exists())
        self.assertRecordValues(
            mine, [{"no_followup": True, "no_survey": True, "note": "Deaf", "contact_days": "01"}]
        )

    def test_who_is_merged_into_a_contact_of_a_firm_brings_the_profile_to_the_firm(self):
        contact = self.env["res.partner"].create(
            {"name": "Clara M.", "email": self.customer.email, "parent_id": self.firm.id}
        )
        case = self._case()
        self._merge(self.customer, contact)
        self.assertEqual(self.profile.partner_id, self.firm)
        self.assertRecordValues(
            case, [{"partner_id": contact.id, "commercial_partner_id": self.firm.id}]
        )
