from odoo import api, models


class CareJourneyType(models.Model):
    _inherit = "care.journey.type"

    @api.model
    def _for_opportunities(self, leads, companies):
        """Which journey each opportunity begins: the first type of its sales team that has a
        stage before the sale. What is asked of an order is not asked of an opportunity.

        :param dict companies: opportunity -> the company whose journey it is
        :return: dict opportunity -> journey type; those that begin none are left out
        """
        stages = self.env["care.stage"].search([("entry_event", "=", "opportunity_created")])
        types = stages.type_id.filtered("active").sorted()
        found = {}
        for lead in leads:
            for journey_type in types:
                teams = journey_type.sales_team_ids
                if journey_type.company_id in (self.env["res.company"], companies[lead]) and (
                    not teams or lead.team_id in teams
                ):
                    found[lead] = journey_type
                    break
        return found
