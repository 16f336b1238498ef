from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_due_mixin import insert_new
from .care_followup import ALIVE
from .care_owned_mixin import UNFINISHED, CareOwnedMixin
from .care_stage import ENTRY_EVENTS, OVER

#: Event of an order -> when it first happened to the journey: each happens once, however often
#: the order's figures go to and fro.
MILESTONES = {
    "order_partly_delivered": "partly_delivered_at",
    "order_delivered": "delivered_at",
    "order_invoiced": "invoiced_at",
    "order_paid": "paid_at",
}


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
    #: Models of documents on which people write to a journey's customer: see `_of_documents`.
    _care_documents = frozenset({"care.journey", "sale.order"})
    _care_engine_fields = CareOwnedMixin._care_engine_fields | {
        "order_id",
        "name",
        "partner_id",
        "type_id",
        *MILESTONES.values(),
    }

    name = fields.Char(required=True, readonly=True, index="trigram")
    order_id = fields.Many2one(
        "sale.order",
        "Order",
        readonly=True,
        ondelete="cascade",
        help="Empty while the journey is before the sale.",
    )
    delivery_state = fields.Selection(
        [("none", "Nothing delivered"), ("partial", "Partly delivered"), ("full", "Delivered")],
        "Delivery",
        compute="_compute_delivery_state",
        store=True,
    )
    partly_delivered_at = fields.Datetime(readonly=True, copy=False)
    delivered_at = fields.Datetime("Delivered", readonly=True, copy=False)
    invoiced_at = fields.Datetime("Invoiced", readonly=True, copy=False)
    paid_at = fields.Datetime("Paid", readonly=True, copy=False)
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
    # for the record rules alone: what they read as superuser stays in Odoo's cache, and would be
    # taken for what the user may read of `followup_ids`
    called_by_ids = fields.One2many("care.followup", "journey_id", "Callers")
    tenure_ids = fields.One2many("care.tenure", "journey_id", "Owners")
    handoff_ids = fields.One2many("care.handoff", "journey_id", "Hand-offs")
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

    @api.depends(
        "order_id.order_line.qty_delivered",
        "order_id.order_line.product_uom_qty",
        "order_id.order_line.product_id",
    )
    def _compute_delivery_state(self):
        for journey in self:
            journey.delivery_state = journey._delivery_state()
        begun = self.filtered(lambda journey: journey.delivery_state != "none")
        if begun:
            # told once everything is written: a computation has no effects of its own
            waiting = self.env.cr.precommit.data.setdefault("care.delivered", set())
            waiting.update(begun.ids)
            self.env.cr.precommit.add(self.browse()._announce_deliveries)

    def _delivery_state(self):
        """How much of what was ordered has arrived; services count where there are no goods."""
        self.ensure_one()
        # a combo is a heading: what it is made of has lines of its own
        lines = self.order_id.order_line.filtered(
            lambda line: (
                line.product_id
                and not line.display_type
                and not line.is_downpayment
                and line.product_id.type != "combo"
            )
        )
        goods = lines.filtered(lambda line: line.product_id.type != "service") or lines
        if not any(line.qty_delivered > 0 for line in goods):
            return "none"
        return "partial" if self._undelivered(goods) else "full"

    def _undelivered(self, lines):
        """Of these order lines, those of which more is to come."""
        return lines.filtered(
            lambda line: line.product_uom_id.compare(line.qty_delivered, line.product_uom_qty) < 0
        )

    def _compute_next_followup_date(self):
        dates = dict(
            self.env["care.followup"]._read_group(
                [
                    ("journey_id", "in", self.ids),
                    ("state", "in", ALIVE),
                ],
                ["journey_id"],
                ["date_due:min"],
            )
        )
        for journey in self:
            journey.next_followup_date = dates.get(journey, False)

    @api.model
    @api.readonly
    def web_read_group(self, *args, **kwargs):
        # columns of several journey types stand side by side
        journeys = self.with_context(care_stage_type=True)
        return super(CareJourney, journeys).web_read_group(*args, **kwargs)

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
    def _start_for(self, orders, at=None):
        """Start the journeys of orders that were confirmed, each once.

        A journey that a cancelled order left behind starts again. Orders of companies
        that have not started with Customer Care, or dated before they did, have none.

        :param orders: confirmed sale orders, as superuser
        :param datetime at: when they were confirmed; now by default
        """
        orders = orders.with_context(active_test=True)
        orders = orders.filtered(lambda order: order.company_id._care_covers(order.date_order))
        if not orders:
            return self.browse()
        joined = self._join(orders)
        orders -= joined.order_id
        # one read for all
        sellers = orders.user_id | orders.partner_id.commercial_partner_id.user_id
        sellers.mapped("care_is_away")
        sellers.mapped("company_ids")
        types = self.env["care.journey.type"].with_context(active_test=True)
        vals_list = [
            self._prepare_order_vals(order, journey_type)
            for journey_type, mine in types._for_orders(orders).items()
            for order in mine
        ]
        new = self._begin(vals_list)
        old = self.search([("order_id", "in", orders.ids), ("id", "not in", new.ids)]).filtered(
            lambda journey: journey.stage_category == "cancelled"
        )
        old._restart({vals["order_id"]: vals for vals in vals_list})
        (new | old | joined)._care_event("order_confirmed", at)
        new._care_event("stage_entered", at)
        return new | old | joined

    @api.model
    def _begin(self, vals_list):
        """New journeys in their first stage: those that no unique index knows yet."""
        new = insert_new(self, self._prepare_first_stage(vals_list))
        # sudo: who has it from the first moment on is noted by the engine
        self.env["care.tenure"]._turn_over(new.sudo())
        for owner, journeys in new.grouped("owner_id").items():
            journeys.message_subscribe(partner_ids=owner.partner_id.ids)
        return new

    @api.model
    def _join(self, orders):
        """Give orders to journeys that began before their sale.

        :param orders: confirmed orders of companies that have started with Customer Care
        :return: the journeys that have their order now
        """
        return self.browse()

    @api.model
    def _of_documents(self, model, ids):
        """The journeys that these documents belong to, on which people write to and call the
        customer: extended for those of before the sale.

        :param str model: one of :attr:`_care_documents`
        """
        if model == "sale.order":
            return self.search([("order_id", "in", ids)])
        return self.browse(ids) if model == self._name else self.browse()

    def _documents_of(self, before=False):
        """The documents on which people write to and call the customers of these journeys: the
        other way round than :meth:`_of_documents`.

        :param bool before: those of before the sale, too, whatever became of it
        :return: dict model -> dict id of a document -> its journey
        """
        return {
            self._name: {journey.id: journey for journey in self},
            "sale.order": {j.order_id.id: j for j in self if j.order_id},
        }

    def _began_early(self):
        """The ones among these journeys that began before a sale: extended where they can."""
        return self.filtered(lambda journey: not journey.order_id)

    def _quoted(self):
        """The ones among these journeys of before the sale that have had a quotation: extended
        where journeys begin before the sale."""
        return self.browse()

    @api.model
    def _prepare_order_vals(self, order, journey_type):
        """What a journey knows of its order."""
        return {
            "order_id": order.id,
            "name": order.name,
            "partner_id": order.partner_id.id,
            "company_id": order.company_id.id,
            "type_id": journey_type.id,
            "delivery_state": "none",
        }

    def _restart(self, vals_by_order):
        """Begin again what a cancelled order had ended: the order may say something else now."""
        for journey in self:
            vals = vals_by_order.get(journey.order_id.id, {})
            journey.write({**vals, **dict.fromkeys(MILESTONES.values(), False)})
        memo = {}
        for stage, journeys in self.grouped(lambda j: j._first_stage(memo)).items():
            journeys._enter_stage(stage)

    @api.model
    def _first_stage_key(self, vals):
        order = self.env["sale.order"].sudo().browse(vals.get("order_id"))
        partner = order.partner_id or self.env["res.partner"].sudo().browse(vals["partner_id"])
        return (
            vals["type_id"],
            vals["company_id"],
            order.user_id,
            partner.user_id or partner.commercial_partner_id.user_id,
        )

    def _follow_salesperson(self, before):
        """Another salesperson: the journeys that were with the one before go along.

        :param dict before: journey -> salesperson of before
        """
        memo, by_owner = {}, defaultdict(self.browse)
        for journey in self.filtered(lambda j: j.stage_id.owner_rule == "salesperson"):
            seller = before[journey]
            if journey.stage_category in UNFINISHED and (not seller or journey.owner_id == seller):
                by_owner[journey._stage_owner(journey.stage_id, memo)] |= journey
        for owner, journeys in by_owner.items():
            journeys._set_owner(owner, chosen=True)

    def _end(self):
        """The orders were cancelled: the journeys end, and so does what they planned."""
        self._break_off()
        self._care_event("order_cancelled")

    def _break_off(self):
        """Go to the stage for what came to nothing: what was planned ends there."""
        journeys = self.filtered(lambda journey: journey.stage_category != "cancelled")
        for journey_type, mine in journeys.grouped("type_id").items():
            stages = journey_type.stage_ids.filtered("active").sorted("sequence")
            stage = (
                stages.filtered(lambda stage: stage.entry_event == "order_cancelled")
                or stages.filtered(lambda stage: stage.category == "cancelled")
            )[:1]
            if stage:
                mine._enter_stage(stage)
        self.env["care.promise"]._no_longer_due(self, self.order_id)

    # ------------------------------------------------------------
    # What happens to the order
    # ------------------------------------------------------------

    def _care_state(self, event, at=None):
        result = super()._care_state(event, at)
        if event in self._entry_events():
            self._enter_on(event)
        return result

    @api.model
    def _entry_events(self):
        """Events of an order that may bring its journey on to a stage."""
        return {event for event, _label in ENTRY_EVENTS if event != "order_cancelled"}

    def _enter_on(self, event):
        """Go to the stage that the event brings a journey to; never back."""
        under_way = self.filtered(lambda journey: journey.stage_category in ("open", "waiting"))
        for journey_type, mine in under_way.grouped("type_id").items():
            stage = journey_type.stage_ids.filtered(
                lambda stage: stage.active and stage.entry_event == event
            ).sorted(lambda stage: stage._position())[:1]
            if stage:
                mine.filtered(lambda journey, s=stage: journey.stage_id._is_before(s))._enter_stage(
                    stage
                )

    def _reach(self, event):
        """Announce a milestone to the journeys that had not reached it."""
        name = MILESTONES[event]
        fresh = self.filtered(lambda journey: not journey[name])
        if fresh:
            fresh.write({name: self.env.cr.now()})
            fresh._care_event(event)

    @api.model
    def _announce_deliveries(self):
        """Before the commit: what has arrived in this transaction."""
        ids = self.env.cr.precommit.data.pop("care.delivered", ())
        # sudo: whoever delivers, the journey is the company's
        journeys = self.sudo().browse(sorted(ids)).exists()
        journeys = journeys.filtered(lambda journey: journey.stage_category != "cancelled")
        # what was delivered in full is not partly delivered because some of it came back
        partly = journeys.filtered(lambda j: j.delivery_state == "partial" and not j.delivered_at)
        partly._reach("order_partly_delivered")
        journeys.filtered(lambda j: j.delivery_state == "full")._reach("order_delivered")
        self.env.flush_all()

    @api.model
    def _bill(self, orders):
        """Invoices of these orders were posted or paid.

        An order is invoiced when nothing of it is left to invoice, and paid when all of that
        is paid.
        """
        journeys = self.search(
            [
                ("order_id", "in", orders.ids),
                ("paid_at", "=", False),
                ("stage_category", "!=", "cancelled"),
            ]
        )
        invoiced, paid = self.browse(), self.browse()
        for journey in journeys:
            order = journey.order_id
            invoices = order.invoice_ids.filtered(
                lambda move: move.move_type == "out_invoice" and move.state != "cancel"
            )
            if order.invoice_status not in ("invoiced", "upselling") or any(
                move.state == "draft" for move in invoices
            ):
                continue
            invoiced |= journey
            if all(move.payment_state in ("in_payment", "paid", "reversed") for move in invoices):
                paid |= journey
        invoiced._reach("order_invoiced")
        paid._reach("order_paid")

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
        if stage.category == "cancelled" and not self.env.su:
            # sudo: whether the order lives, whoever moves the journey
            living = self.sudo().filtered(lambda journey: journey.order_id.state == "sale")
            if living:
                raise UserError(
                    self.env._(
                        "Cancel the order %s: its journey ends with it, and so does what was "
                        "planned.",
                        living[0].order_id.name,
                    )
                )
        if any(journey.type_id != stage.type_id for journey in self):
            raise UserError(
                self.env._("“%(stage)s” is a stage of another journey type.", stage=stage.name)
            )
        return super()._check_stage(stage)

    def _care_covered(self):
        # sudo: only a date is looked at
        order = self.order_id.sudo()
        return self.company_id._care_covers(order.date_order if order else self.create_date)

    def _care_salesperson(self):
        # sudo: the owner rule reads the order whoever moves the journey
        return self.order_id.sudo().user_id
