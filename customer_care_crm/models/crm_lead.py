from odoo import api, fields, models


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ["crm.lead", "care.story.mixin", "care.mark.mixin"]

    # One2many only: no column is added to the table.
    care_journey_ids = fields.One2many(
        "care.journey", "lead_id", "Journey", groups="customer_care.group_agent"
    )
    care_journey_count = fields.Integer(
        compute="_compute_care_journey_count", groups="customer_care.group_agent"
    )

    def _compute_care_journey_count(self):
        # sudo: what the orders of journeys belong to; the journeys are those the user may see
        journeys = self._care_journeys().sudo()
        for lead in self:
            lead.care_journey_count = sum(
                lead.id in (journey.lead_id.id, journey.order_id.opportunity_id.id)
                for journey in journeys
            )

    def _care_journeys(self):
        """The journeys that began here, and those of further orders."""
        return self.env["care.journey"].search(
            ["|", ("lead_id", "in", self.ids), ("order_id.opportunity_id", "in", self.ids)]
        )

    def action_care_open_journeys(self):
        self.ensure_one()
        self.check_access("read")
        return self._care_journeys()._get_records_action(name=self.env._("Journeys"))

    def _care_about(self):
        """Of the opportunity's company; of one without, as its journey."""
        # sudo: the salesperson's company only
        company = self.company_id or self.sudo().user_id.company_id.sudo(False)
        if company not in self.env.companies:
            company = self.env.company
        return {**super()._care_about(), "lead_id": self.id, "company_id": company.id}

    # ------------------------------------------------------------
    # What happens to the opportunity
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        leads = super().create(vals_list)
        leads._care_start()
        return leads

    def write(self, vals):
        # sudo: the journey is the company's, whoever works on the opportunity
        leads = self.sudo()
        sellers = {lead: lead.user_id for lead in leads} if "user_id" in vals else {}
        # the sales team follows type and salesperson
        before = {}
        if {"type", "partner_id", "team_id", "user_id"} & set(vals):
            before = {lead: lead._care_begins_by() for lead in leads}
        result = super().write(vals)
        leads.filtered(
            lambda lead: lead in before and lead._care_begins_by() != before[lead]
        )._care_start()
        if {"name", "partner_id", "user_id"} & set(vals):
            leads._care_changed(vals, sellers)
        return result

    def unlink(self):
        # sudo: with its opportunity goes a journey that has no order, and with it what hangs
        # on it (messages, activities)
        self.env["care.journey"].sudo()._before_sale(self).unlink()
        return super().unlink()

    def _care_begins_by(self):
        """What decides whether, and how, a journey begins here."""
        self.ensure_one()
        return self.type, bool(self.partner_id), self.team_id

    def _care_start(self):
        leads = self.sudo().filtered(lambda lead: lead.type == "opportunity")
        if leads:
            self.env["care.journey"].sudo()._start_before_sale(leads)

    def _care_changed(self, vals, sellers):
        """The journeys without an order are about what the opportunity says."""
        journeys = self.env["care.journey"]._before_sale(self)
        if not journeys:
            return
        if vals.get("name"):
            journeys.write({"name": vals["name"]})
        if vals.get("partner_id"):
            journeys._now_of(self.env["res.partner"].browse(vals["partner_id"]))
        if sellers:
            journeys._follow_salesperson({j: sellers[j.lead_id] for j in journeys})

    def _handle_won_lost(self, old_status_by_lead, new_status_by_lead):
        result = super()._handle_won_lost(old_status_by_lead, new_status_by_lead)

        def changed(before, after):
            return self.filtered(
                lambda lead: (
                    old_status_by_lead.get(lead.id, {}).get("is_lost", False) is before
                    and new_status_by_lead.get(lead.id, {}).get("is_lost", False) is after
                )
            )

        # sudo: as in `write`
        journeys = self.env["care.journey"].sudo()
        if lost := changed(False, True):
            journeys._before_sale(lost)._break_off()
        if again := changed(True, False):
            journeys._before_sale(again)._take_up_again()
        return result

    def _merge_dependences(self, opportunities):
        """The journey that is under way goes on with the opportunity that stays."""
        # sudo: as in `write`
        for model in ("care.need", "care.promise"):
            rows = self.env[model].sudo().search([("lead_id", "in", opportunities.ids)])
            rows.write({"lead_id": self.id})
        journeys = self.env["care.journey"].sudo()
        if not journeys.search_count([("lead_id", "=", self.id)], limit=1):
            journeys._before_sale(opportunities).sorted("id")[:1].write({"lead_id": self.id})
            self.sudo()._care_changed({"name": self.name, "partner_id": self.partner_id.id}, {})
        return super()._merge_dependences(opportunities)
