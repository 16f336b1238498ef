from odoo import Command

from odoo.addons.customer_care.tests.common import CareCase


class CrmCase(CareCase):
    """The small company, whose kitchens are planned before they are sold."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["care.journey.type"].search([("id", "!=", cls.journey_type.id)]).active = False
        cls.kitchens = cls.env["crm.team"].create(
            {"name": "Kitchens", "company_id": cls.company.id}
        )
        cls.seller2 = cls._user(
            "care_seller2", "customer_care.group_agent,sales_team.group_sale_salesman"
        )
        cls.kitchen = cls.env["care.journey.type"].create(
            {
                "name": "Kitchen with planning",
                "sequence": 1,
                "sales_team_ids": [Command.set(cls.kitchens.ids)],
            }
        )
        cls.planning = cls.env["care.stage"].create(
            {
                "name": "Planning",
                "type_id": cls.kitchen.id,
                "entry_event": "opportunity_created",
                "owner_rule": "salesperson",
                "sequence": 1,
            }
        )
        ordered, _completed, cls.cancelled = (cls.kitchen.stage_ids - cls.planning).sorted(
            "sequence"
        )
        cls.ordered = ordered
        cls.early = cls._policy(event="opportunity_created")

    @classmethod
    def _lead_vals(cls, **vals):
        return {
            "type": "opportunity",
            "name": "A kitchen by the lake",
            "partner_id": cls.customer.id,
            "user_id": cls.rep.id,
            "team_id": cls.kitchens.id,
            "company_id": cls.company.id,
            "expected_revenue": 12000,
            **vals,
        }

    @classmethod
    def _lead(cls, **vals):
        return cls.env["crm.lead"].create(cls._lead_vals(**vals))

    def _before(self, lead):
        """The journey that began with the opportunity."""
        return self.env["care.journey"].search([("lead_id", "=", lead.id)])

    def _quotation(self, lead, **vals):
        return self._order(opportunity_id=lead.id, team_id=self.kitchens.id, **vals)

    def _calls(self, journey, *states):
        return journey.followup_ids.filtered(
            lambda f: f.policy_id == self.early and (not states or f.state in states)
        )
