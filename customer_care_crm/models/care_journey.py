from odoo import api, fields, models

from odoo.addons.customer_care.models import care_journey
from odoo.addons.customer_care.models.care_guard import refuse_forged
from odoo.addons.customer_care.models.care_stage import OVER


class CareJourney(models.Model):
    _inherit = "care.journey"
    _care_documents = care_journey.CareJourney._care_documents | {"crm.lead"}

    lead_id = fields.Many2one(
        "crm.lead",
        "Opportunity",
        readonly=True,
        ondelete="set null",
        help="Where the journey began, before the sale.",
    )
    expected_revenue = fields.Monetary(
        compute="_compute_expected_revenue",
        currency_field="currency_id",
        help="Of the opportunity, for those who may read it.",
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    salesperson_id = fields.Many2one(
        "res.users", related=None, compute="_compute_salesperson_id", compute_sudo=True
    )

    _lead_uniq = models.UniqueIndex(
        "(lead_id) WHERE lead_id IS NOT NULL", "This opportunity has its journey already."
    )

    @api.depends("lead_id.expected_revenue", "order_id")
    @api.depends_context("uid")
    def _compute_expected_revenue(self):
        readable = self.lead_id._filtered_access("read")
        for journey in self:
            lead = journey.lead_id
            before = not journey.order_id and lead in readable
            journey.expected_revenue = before and lead.expected_revenue

    @api.depends("order_id.user_id", "lead_id.user_id")
    def _compute_salesperson_id(self):
        for journey in self:
            journey.salesperson_id = journey._care_salesperson()

    @api.model
    def _check_engine_fields(self, vals):
        refuse_forged(self, {"lead_id"} & set(vals))
        return super()._check_engine_fields(vals)

    def action_open_opportunity(self):
        self.ensure_one()
        return self.lead_id._get_records_action()

    # ------------------------------------------------------------
    # Before the sale
    # ------------------------------------------------------------

    @api.model
    def _start_before_sale(self, leads):
        """Start the journeys of opportunities, each once.

        Those of companies that have not started with Customer Care or dated before they did
        have none, nor those that sold something already or whose customer nobody knows yet.

        :param leads: opportunities, as superuser
        """
        leads = leads.filtered(lambda lead: lead.partner_id and lead.won_status == "pending")
        companies = {
            lead: lead.company_id or lead.user_id.company_id or self.env.company for lead in leads
        }
        leads = leads.filtered(
            lambda lead: companies[lead]._care_covers(lead.date_conversion or lead.create_date)
        )
        if not leads:
            return self.browse()
        types = self.env["care.journey.type"].with_context(active_test=True)
        new = self._begin(
            [
                {
                    "lead_id": lead.id,
                    "name": lead.name,
                    "partner_id": lead.partner_id.id,
                    "company_id": companies[lead].id,
                    "type_id": journey_type.id,
                    "delivery_state": "none",
                }
                for lead, journey_type in types._for_opportunities(leads, companies).items()
                if "sale" not in lead.order_ids.mapped("state")
            ]
        )
        new._care_event("opportunity_created")
        new._care_event("stage_entered")
        return new

    @api.model
    def _start_for(self, orders, at=None):
        journeys = super()._start_for(orders, at)
        journeys._take_along()
        return journeys

    def _take_along(self):
        """What was needed and promised in the opportunities is for whoever serves the customer
        after the sale.
        """
        journeys = {
            (journey.lead_id or journey.order_id.opportunity_id, journey.company_id): journey
            for journey in self.sorted(lambda journey: bool(journey.lead_id))
        }
        leads = self.lead_id | self.order_id.opportunity_id
        if not leads:
            return
        for model, links in (
            ("care.need", ("journey_id",)),
            ("care.promise", ("journey_id", "case_id", "followup_id", "order_id")),
        ):
            rows = self.env[model].search(
                [("lead_id", "in", leads.ids), *((link, "=", False) for link in links)]
            )
            for key, mine in rows.grouped(lambda row: (row.lead_id, row.company_id)).items():
                if key in journeys:
                    mine.write({"journey_id": journeys[key].id})

    @api.model
    def _before_sale(self, leads):
        """The journeys of these opportunities that have no order yet."""
        return self.search([("lead_id", "in", leads.ids), ("order_id", "=", False)])

    @api.model
    def _of_documents(self, model, ids):
        """Also the opportunity and its quotations, as long as nothing is sold."""
        journeys = super()._of_documents(model, ids)
        if model == "crm.lead":
            journeys |= self._before_sale(self.env["crm.lead"].browse(ids))
        elif model == "sale.order":
            # sudo: whose quotations they are, whoever works on them
            leads = self.env["sale.order"].sudo().browse(ids).opportunity_id
            journeys |= self._before_sale(leads)
        return journeys

    def _documents_of(self, before=False):
        """Also the opportunities, and their quotations."""
        documents = super()._documents_of(before)
        mine = self.filtered("lead_id")
        documents["crm.lead"] = {journey.lead_id.id: journey for journey in mine}
        # sudo: whose quotations they are, whoever may read them
        for journey in before and mine.sudo() or ():
            for order in journey.lead_id.order_ids:
                documents["sale.order"].setdefault(order.id, journey)
        return documents

    def _began_early(self):
        return super()._began_early() | self.filtered("lead_id")

    def _quoted(self):
        # sudo: whether there is a quotation, whoever may read it
        return super()._quoted() | self.filtered(
            lambda journey: {"sent", "sale"} & set(journey.lead_id.sudo().order_ids.mapped("state"))
        )

    @api.model
    def _join(self, orders):
        """A quotation of the opportunity became an order: the journey goes on with it."""
        joined = super()._join(orders)
        waiting = self._before_sale(orders.opportunity_id)
        if not waiting:
            return joined
        travelling = self.search([("order_id", "in", orders.ids)]).order_id
        by_lead = (orders - travelling).sorted("id").grouped("opportunity_id")
        for journey in waiting:
            order = by_lead.get(journey.lead_id, orders.browse()).filtered(
                lambda order, company=journey.company_id: order.company_id == company
            )[:1]
            if order:
                journey._now_of(order.partner_id)
                journey.write(self._prepare_order_vals(order, journey.type_id))
                joined |= journey
        memo = {}
        ended = joined.filtered(lambda journey: journey.stage_category in OVER)
        for stage, journeys in ended.grouped(lambda j: j._first_stage(memo)).items():
            journeys._enter_stage(stage)
        return joined

    def _take_up_again(self):
        """The opportunities were lost, and are none the less open again."""
        journeys = self.filtered(lambda journey: journey.stage_category == "cancelled")
        memo = {}
        for stage, mine in journeys.grouped(lambda j: j._first_stage(memo)).items():
            mine._enter_stage(stage)
        journeys._care_event("opportunity_created")

    def _now_of(self, partner):
        """The customer is another one: so it is for whoever is to call."""
        journeys = self.filtered(lambda journey: journey.partner_id != partner)
        if journeys:
            journeys.write({"partner_id": partner.id})
            self.env["care.followup"]._of(journeys).write({"partner_id": partner.id})

    # ------------------------------------------------------------
    # Owned mixin
    # ------------------------------------------------------------

    def _first_stage(self, memo):
        before = self.type_id.stage_ids.filtered(
            lambda stage: stage.active and stage.entry_event == "opportunity_created"
        ).sorted(lambda stage: stage._position())
        if before and self.lead_id and not self.order_id:
            return before[0]
        return super()._first_stage(memo)

    @api.model
    def _first_stage_key(self, vals):
        # sudo: as for the order
        lead = self.env["crm.lead"].sudo().browse(vals.get("lead_id"))
        return (*super()._first_stage_key(vals), bool(lead), lead.user_id)

    def _care_salesperson(self):
        # sudo: the owner rule reads the opportunity whoever moves the journey
        return super()._care_salesperson() or self.lead_id.sudo().user_id
