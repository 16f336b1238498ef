from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_due_mixin import insert_new
from .care_stage import OVER


class CareJourney(models.Model):
    """A customer's way after one sale."""

    _name = "care.journey"
    _description = "Journey"
    _inherit = [
        "care.owned.mixin",
        "care.customer.mixin",
        "mail.thread",
        "mail.activity.mixin",
    ]
    _order = "stage_since desc, id desc"
    _care_link = "journey_id"
    _care_engine_fields = frozenset(
        {"stage_category", "stage_since", "owner_since", "first_owner_id", "cycle", "entries"}
        | {"order_id", "name", "partner_id", "type_id"}
    )

    name = fields.Char(required=True, readonly=True, index="trigram")
    order_id = fields.Many2one(
        "sale.order", "Order", required=True, readonly=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, index=True
    )
    commercial_partner_id = fields.Many2one(related="partner_id.commercial_partner_id")
    type_id = fields.Many2one(
        "care.journey.type",
        "Journey Type",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    stage_id = fields.Many2one(domain="[('type_id', '=', type_id)]")
    salesperson_id = fields.Many2one(related="order_id.user_id", string="Salesperson")
    followup_ids = fields.One2many("care.followup", "journey_id", "Follow-ups")
    case_ids = fields.One2many("care.case", "journey_id", "Cases")
    case_count = fields.Integer("All Cases", compute="_compute_case_count")
    open_case_count = fields.Integer("Open Cases", compute="_compute_case_count")
    next_followup_date = fields.Date("Next Follow-up", compute="_compute_next_followup_date")
    products = fields.Char(
        "Bought",
        compute="_compute_products",
        help="What the customer has ordered; services only where there are no goods.",
    )
    color = fields.Integer()

    _order_uniq = models.UniqueIndex("(order_id)", "This order has its journey already.")
    _open_idx = models.Index(
        "(company_id, stage_id, stage_since DESC, id DESC)"
        " WHERE stage_category IN ('open', 'waiting')"
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("name", "partner_id")
    def _compute_display_name(self):
        for journey in self:
            journey.display_name = " · ".join(filter(None, (journey.name, journey.partner_id.name)))

    def _compute_case_count(self):
        counts = defaultdict(int)
        groups = self.env["care.case"]._read_group(
            [("journey_id", "in", self.ids)], ["journey_id", "stage_category"], ["__count"]
        )
        for journey, category, count in groups:
            counts[journey, category in OVER] += count
        for journey in self:
            journey.open_case_count = counts[journey, False]
            journey.case_count = counts[journey, False] + counts[journey, True]

    def _compute_products(self):
        # sudo: whoever sees the journey may know what it is about; the order's own rules
        # stay
        lines = (
            self.env["sale.order.line"]
            .sudo()
            .search_fetch(
                [("order_id", "in", self.order_id.ids), ("product_id", "!=", False)],
                ["order_id", "product_id", "product_uom_qty"],
                order="sequence, id",
            )
        )
        by_order = lines.grouped("order_id")
        for journey in self:
            mine = by_order.get(journey.order_id.sudo(), lines.browse())
            goods = mine.filtered(lambda line: line.product_id.type != "service") or mine
            journey.products = ", ".join(
                f"{line.product_uom_qty:g} × {line.product_id.name}"
                if line.product_uom_qty != 1
                else line.product_id.name
                for line in goods
            )

    def _compute_next_followup_date(self):
        dates = dict(
            self.env["care.followup"]._read_group(
                [
                    ("journey_id", "in", self.ids),
                    ("state", "in", ("planned", "held", "open")),
                ],
                ["journey_id"],
                ["date_due:min"],
            )
        )
        for journey in self:
            journey.next_followup_date = dates.get(journey, False)

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_open_order(self):
        self.ensure_one()
        return self.order_id._get_records_action()

    def action_open_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [("journey_id", "=", self.id)]
        action["context"] = {
            "default_journey_id": self.id,
            "default_partner_id": self.partner_id.id,
            "default_order_id": self.order_id.id,
            "default_company_id": self.company_id.id,
        }
        return action

    # ------------------------------------------------------------
    # Orders
    # ------------------------------------------------------------

    @api.model
    def _start_for(self, orders):
        """Start the journeys of orders that were just confirmed, each once.

        A journey that a cancelled order left behind starts again. Orders of companies
        that have not started with Customer Care, or dated before they did, have none.

        :param orders: confirmed sale orders, as superuser
        """
        orders = orders.with_context(active_test=True)
        orders = orders.filtered(lambda order: order.company_id._care_covers(order.date_order))
        if not orders:
            return self.browse()
        orders.partner_id.commercial_partner_id.mapped("user_id")  # one read for all
        vals_list = []
        types = self.env["care.journey.type"].with_context(active_test=True)
        for journey_type, mine in types._for_orders(orders).items():
            for order in mine:
                vals_list.append(
                    {
                        "order_id": order.id,
                        "name": order.name,
                        "partner_id": order.partner_id.id,
                        "company_id": order.company_id.id,
                        "type_id": journey_type.id,
                    }
                )
        new = insert_new(self, self._prepare_first_stage(vals_list))
        old = self.search([("order_id", "in", orders.ids), ("id", "not in", new.ids)]).filtered(
            lambda journey: journey.stage_category == "cancelled"
        )
        for journey in old:
            journey._enter_stage(journey._first_stage({}))
        for owner, journeys in new.grouped("owner_id").items():
            journeys.message_subscribe(partner_ids=owner.partner_id.ids)
        (new | old)._care_event("order_confirmed")
        new._care_event("stage_entered")
        return new | old

    @api.model
    def _first_stage_key(self, vals):
        order = self.env["sale.order"].sudo().browse(vals["order_id"])
        partner = order.partner_id
        return (
            vals["type_id"],
            vals["company_id"],
            order.user_id,
            partner.user_id or partner.commercial_partner_id.user_id,
        )

    def _end(self):
        """The orders were cancelled: the journeys end, and so does what they planned."""
        journeys = self.filtered(lambda journey: journey.stage_category != "cancelled")
        for journey_type, mine in journeys.grouped("type_id").items():
            stages = journey_type.stage_ids.filtered("active").sorted("sequence")
            stage = (
                stages.filtered(lambda stage: stage.entry_event == "order_cancelled")
                or stages.filtered(lambda stage: stage.category == "cancelled")
            )[:1]
            if stage:
                mine._enter_stage(stage)
        self._care_event("order_cancelled")

    # ------------------------------------------------------------
    # Owned mixin
    # ------------------------------------------------------------

    def _first_stage(self, memo):
        self.ensure_one()
        stages = self.type_id.stage_ids.filtered("active").sorted("sequence")
        return (
            stages.filtered(lambda stage: stage.entry_event == "order_confirmed")
            or stages.filtered(lambda stage: stage.category == "open")
        )[:1]

    def _default_team(self):
        return self.type_id.team_id

    def _check_stage(self, stage):
        if any(journey.type_id != stage.type_id for journey in self):
            raise UserError(
                self.env._("“%(stage)s” is a stage of another journey type.", stage=stage.name)
            )
        return super()._check_stage(stage)

    def _care_covered(self):
        # sudo: only a date is looked at
        return self.company_id._care_covers(self.order_id.sudo().date_order)

    def _care_salesperson(self):
        # sudo: the owner rule reads the order whoever moves the journey
        return self.order_id.sudo().user_id
