from collections import defaultdict

import pytz
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from .care_due_mixin import insert_new
from .care_service_plan import TERMS

#: Journeys that are looked at in one go when a plan is applied to what is sold already.
APPLY_CHUNK = 500


class CareCoverage(models.Model):
    """A service plan running on one sold line, or on a part of it.

    The order plans a row for what was ordered. What is delivered starts: a part of the line
    gets a row of its own. What comes back ends its part; a cancelled order ends all. Dates say
    what the state is, so that no job has to change it. Written by the engine alone.
    """

    _name = "care.coverage"
    _description = "Coverage"
    _inherit = ["care.engine.mixin", "care.customer.mixin"]
    _order = "date_start desc, id desc"

    plan_id = fields.Many2one(
        "care.service.plan",
        "Service Plan",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    sale_line_id = fields.Many2one(
        "sale.order.line",
        "Order Line",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    order_id = fields.Many2one(
        "sale.order", "Order", required=True, readonly=True, ondelete="cascade", index=True
    )
    journey_id = fields.Many2one(
        "care.journey", "Journey", required=True, readonly=True, ondelete="cascade", index=True
    )
    product_id = fields.Many2one(
        "product.product",
        "Product",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, ondelete="restrict", index=True
    )
    # a plain column: the portal searches by it
    commercial_partner_id = fields.Many2one(
        "res.partner",
        "Customer Company",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    part = fields.Integer(
        required=True, readonly=True, help="Which part of the line: deliveries may come apart."
    )
    quantity = fields.Float(readonly=True, digits="Product Unit", help="In the line's unit.")
    uom_id = fields.Many2one(related="sale_line_id.product_uom_id", string="Unit")
    term = fields.Selection(TERMS, "Service", readonly=True, help="As it was when it was sold.")
    provider = fields.Selection(related="plan_id.provider")
    provider_id = fields.Many2one(related="plan_id.partner_id", string="Provider")
    response = fields.Text(related="plan_id.response")
    started_at = fields.Datetime("Started", readonly=True)
    date_start = fields.Date("From", readonly=True, index=True)
    date_end = fields.Date(
        "Until", readonly=True, index=True, help="The last day. Empty: without an end."
    )
    ended_on = fields.Date("Ended On", readonly=True, help="Before its time.")
    end_reason = fields.Selection(
        [("returned", "The goods came back"), ("cancelled", "The order was cancelled")],
        "Why It Ended",
        readonly=True,
    )
    state = fields.Selection(
        [
            ("planned", "Planned"),
            ("running", "Running"),
            ("ended", "Ended"),
            ("cancelled", "Cancelled"),
        ],
        compute="_compute_state",
        search="_search_state",
        help="Planned: not delivered yet. It follows from the dates.",
    )

    _part_uniq = models.UniqueIndex(
        "(sale_line_id, plan_id, part)", "This part of the order line is covered already."
    )
    _product_idx = models.Index("(product_id, commercial_partner_id)")
    _ending_idx = models.Index(
        "(company_id, date_end) WHERE end_reason IS NULL AND date_end IS NOT NULL"
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("plan_id", "product_id")
    def _compute_display_name(self):
        for row in self:
            row.display_name = " · ".join(filter(None, (row.product_id.name, row.plan_id.name)))

    @api.depends("date_start", "date_end", "end_reason")
    @api.depends_context("tz")
    def _compute_state(self):
        today = fields.Date.context_today(self)
        for row in self:
            row.state = row._state_on(today)

    def _state_on(self, day):
        """What is true on a day, but for what ended before its time."""
        self.ensure_one()
        if self.end_reason:
            return "cancelled" if self.end_reason == "cancelled" else "ended"
        if self.date_end and self.date_end < day:
            return "ended"
        return "running" if self.date_start and self.date_start <= day else "planned"

    @api.model
    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        today = fields.Date.context_today(self)
        alive = Domain("end_reason", "=", False)
        over = alive & Domain("date_end", "<", today)
        begun = alive & Domain("date_start", "<=", today)
        domains = {
            "cancelled": Domain("end_reason", "=", "cancelled"),
            "ended": Domain("end_reason", "=", "returned") | over,
            "running": begun & ~Domain("date_end", "<", today),
            "planned": alive
            & (Domain("date_start", "=", False) | Domain("date_start", ">", today)),
        }
        return Domain.OR(domains[state] for state in value if state in domains)

    def _label(self, name):
        """The word for the value of a selection, in the reader's language."""
        self.ensure_one()
        return dict(self._fields[name]._description_selection(self.env)).get(self[name])

    def action_open_order(self):
        self.ensure_one()
        return self.order_id._get_records_action()

    # ------------------------------------------------------------
    # What happens to the order
    # ------------------------------------------------------------

    @api.model
    def _follow(self, journeys, returned=None, past=False):
        """Bring the coverages of these journeys' orders up to what was ordered and delivered.

        Called again when nothing has changed it does nothing.

        :param dict returned: order line -> quantity that has come back so far, where known
        :param bool past: it happened when the order says so, not now
        """
        # sudo: whoever sells or delivers, the coverage is the company's
        living = journeys.sudo().filtered(
            lambda journey: journey.order_id and journey.stage_category != "cancelled"
        )
        for company, mine in living.grouped("company_id").items():
            self.sudo().with_company(company)._follow_in(company, mine, returned or {}, past)

    def _follow_in(self, company, journeys, returned, past):
        rows = self.search([("journey_id", "in", journeys.ids)], order="part")
        if not rows and not self.env["care.service.plan"]._any(company):
            return
        lines = self._lines(journeys)
        plans = self.env["care.service.plan"]._of_products(lines.product_id, company)
        known = rows.grouped("sale_line_id")
        shares = self._with_customer(lines)
        returned = {**returned, **self._returned_quantities(lines)}
        by_order = {journey.order_id.id: journey for journey in journeys}
        memo, vals_list, fresh = {}, [], self.env["care.journey"].sudo()
        for line in lines:
            journey = by_order[line.order_id.id]
            mine = known.get(line, self.browse())
            running = mine.filtered(lambda row: row.end_reason != "cancelled").plan_id
            for plan in plans[line.product_id] | running:
                of_plan = mine.filtered(lambda row, plan=plan: row.plan_id == plan)
                moments = self._moments(journey, plan, past, memo)
                new, begun = of_plan._follow_line(
                    line, plan, journey, shares[line], returned.get(line), moments
                )
                vals_list += new
                if begun:
                    fresh |= journey
        insert_new(self, vals_list)
        self.flush_model()
        if fresh:
            self.env["care.policy"]._handle(fresh, "coverage_end")

    @api.model
    def _lines(self, journeys):
        """What was sold: goods and services, without headings, down payments and tips."""
        lines = self.env["sale.order.line"].search(
            [("order_id", "in", journeys.order_id.ids), ("product_id", "!=", False)],
            order="order_id, sequence, id",
        )
        return lines.filtered(
            lambda line: (
                not line.display_type
                and not line.is_downpayment
                and line.product_id.type != "combo"
                and (line.product_uom_qty > 0 or line.qty_delivered > 0)
            )
        )

    @api.model
    def _with_customer(self, lines):
        """What of each line the customer has now.

        :return: dict line -> dict key -> quantity; a key is a tuple of (column, value) by which
            parts are told apart, such as lots
        """
        return {line: {(): line.qty_delivered} if line.qty_delivered > 0 else {} for line in lines}

    @api.model
    def _returned_quantities(self, lines):
        """What of each line has come back so far, where this is known: dict line -> quantity."""
        return {}

    def _key(self):
        """By what this part is told apart from others of its line."""
        return ()

    @api.model
    def _moments(self, journey, plan, past, memo):
        """(when it was ordered, when it arrived), UTC: now, or as the past has it."""
        now = self.env.cr.now().replace(microsecond=0)
        if not past:
            return now, now
        arrived = journey.delivered_at or journey.partly_delivered_at or now
        return journey.order_id.date_order or now, arrived

    def _follow_line(self, line, plan, journey, share, back, moments):
        """Bring the rows of one plan on one line up to date.

        :param dict share: key -> quantity that the customer has now
        :param back: quantity that has come back so far; None where it is not known
        :param moments: when it was ordered, and when it arrived
        :return: column values of new rows; whether any of it has started
        """
        at_once = plan.start == "confirmation" or line.product_id.type == "service"
        ordered = line.product_uom_qty
        base = {
            "plan_id": plan.id,
            "sale_line_id": line.id,
            "order_id": line.order_id.id,
            "journey_id": journey.id,
            "product_id": line.product_id.id,
            "partner_id": journey.partner_id.id,
            "commercial_partner_id": journey.partner_id.commercial_partner_id.id,
            "company_id": journey.company_id.id,
            "term": plan.term,
        }
        alive = self.filtered(lambda row: row.end_reason != "cancelled")
        live = alive.filtered(lambda row: row.date_start and not row.end_reason)
        today = self._local(moments[1], journey.company_id)
        beyond = line.product_uom_id.compare
        begun, split = [], []
        if at_once:
            # planned while the plan still waited for a delivery
            idle = alive.filtered(lambda row: not row.date_start)
            idle.write(self._start(plan, moments[0], journey))
            more = ordered - sum(alive.mapped("quantity"))
            if beyond(more, 0) > 0:
                begun.append({**base, "quantity": more, **self._start(plan, moments[0], journey)})
            elif beyond(more, 0) < 0:
                split += live._end(-more, "cancelled", today, base, beyond)
            gone = alive.filtered(lambda row: row.end_reason == "returned")
            more_back = (back or 0) - sum(gone.mapped("quantity"))
            if beyond(more_back, 0) > 0:
                split += live.filtered(lambda row: not row.end_reason)._end(
                    more_back, "returned", today, base, beyond
                )
            waiting, rest = self.browse(), 0
        else:
            by_key = live.grouped(lambda row: row._key())
            for key in dict.fromkeys((*by_key, *share)):
                rows = by_key.get(key, self.browse())
                more = share.get(key, 0) - sum(rows.mapped("quantity"))
                if beyond(more, 0) > 0:
                    start = self._start(plan, moments[1], journey)
                    begun.append({**base, **dict(key), "quantity": more, **start})
                elif beyond(more, 0) < 0:
                    split += rows._end(-more, "returned", today, {**base, **dict(key)}, beyond)
            waiting = alive.filtered(lambda row: not row.date_start)
            started = alive.filtered("date_start")
            rest = ordered - sum(started.mapped("quantity"))
            # a part that was cut in two is counted with what is left of it, and with its rest
            rest -= sum(vals["quantity"] for vals in begun + split)
        return self._number(waiting, rest, begun, split, base, beyond), bool(begun)

    def _number(self, waiting, rest, begun, split, base, beyond):
        """Where what is still to come stands, and the numbers of new parts."""
        number = max(self.mapped("part"), default=0)
        new = list(split)
        started = list(begun)
        if beyond(rest, 0) > 0:
            if not waiting:
                new.append({**base, "quantity": rest})
            elif beyond(waiting.quantity, rest):
                waiting.quantity = rest
        elif waiting and started:
            # all of it has arrived: the row that was planned is the one that starts
            first = started.pop(0)
            waiting.write({name: first[name] for name in first if name not in base})
        elif waiting:
            waiting.unlink()
        return [{**vals, "part": number + place} for place, vals in enumerate(new + started, 1)]

    @api.model
    def _local(self, moment, company):
        zone = pytz.timezone(company._care_tz())
        return pytz.utc.localize(moment).astimezone(zone).date()

    @api.model
    def _start(self, plan, moment, journey):
        """Column values of what starts at a moment."""
        day = self._local(moment, journey.company_id)
        return {
            "started_at": moment,
            "date_start": day,
            "date_end": day + relativedelta(months=plan.months) if plan.months else False,
        }

    def _end(self, quantity, reason, day, base, beyond):
        """End so much of these running parts, the latest first.

        :return: column values of the ended pieces of parts that go on
        """
        pieces = []
        for row in self.sorted(lambda row: (row.date_start, row.part), reverse=True):
            if beyond(quantity, 0) <= 0:
                break
            if beyond(row.quantity, quantity) <= 0:
                quantity -= row.quantity
                row.write({"end_reason": reason, "ended_on": day})
                continue
            pieces.append(
                {
                    **base,
                    "quantity": quantity,
                    "started_at": row.started_at,
                    "date_start": row.date_start,
                    "date_end": row.date_end,
                    "term": row.term,
                    "end_reason": reason,
                    "ended_on": day,
                }
            )
            row.quantity -= quantity
            quantity = 0
        return pieces

    @api.model
    def _cancel_of(self, journeys):
        """The orders were cancelled."""
        # sudo: as in `_follow`
        rows = self.sudo().search([("journey_id", "in", journeys.ids), ("end_reason", "=", False)])
        for company, mine in rows.grouped("company_id").items():
            mine.write(
                {"end_reason": "cancelled", "ended_on": self._local(self.env.cr.now(), company)}
            )

    # ------------------------------------------------------------
    # Which one applies
    # ------------------------------------------------------------

    @api.model
    def _find(self, wants):
        """Which coverage applies: the first plan in the list's order that was running.

        :param list wants: for each question, a tuple of ids and a day: order, product, the
            customer's company, company, day; order and product may be False
        :return: for each question (the coverage that applies, the last one that has ended), as
            superuser; empty where there is none
        """
        # sudo: whoever works on a case may know what applies to it
        rows = self.sudo()
        partners = {want[2] for want in wants if want[1] and not want[0]}
        orders = {want[0] for want in wants if want[0]}
        products = {want[1] for want in wants if want[1]}
        if not orders and not partners:
            return [(rows.browse(), rows.browse())] * len(wants)
        domain = Domain("date_start", "!=", False) & (
            Domain("order_id", "in", list(orders))
            | Domain("commercial_partner_id", "in", list(partners))
            & Domain("product_id", "in", list(products))
        )
        by_customer = defaultdict(rows.browse)
        found = rows.search(domain)
        for row in found.sorted(lambda r: (r.plan_id.sequence, r.plan_id.id, -r.id)):
            by_customer[row.order_id.id, False] |= row
            by_customer[False, row.commercial_partner_id.id] |= row
        return [self._choose(by_customer, *want) for want in wants]

    @api.model
    def _choose(self, by_customer, order, product, partner, company, day):
        nothing = self.sudo().browse()
        rows = by_customer.get((order, False) if order else (False, partner), nothing)
        if product:
            rows = rows.filtered(lambda row: row.product_id.id == product)
        elif not order or len(rows.product_id) > 1:
            # of several products it is not known which is meant
            return nothing, nothing
        rows = rows.filtered(
            lambda row: (
                row.company_id.id == company
                and row.date_start <= day
                and row.end_reason != "cancelled"
            )
        )
        runs = rows.filtered(
            lambda row: (
                (not row.date_end or row.date_end >= day)
                and (not row.ended_on or row.ended_on > day)
            )
        )
        ended = (rows - runs).sorted(lambda row: row.ended_on or row.date_end)
        return runs[:1], ended[-1:]

    @api.model
    def _domain_of_visitor(self):
        """The coverages that the customer who is logged in sees: their own."""
        partner = self.env.user.commercial_partner_id
        return self._domain_of_customer([("commercial_partner_id", "=", partner.id)])

    @api.model
    def _domain_of_customer(self, domain):
        """What of these rows a customer is shown: what is free, and what is to be paid where
        nothing free is running or to come.
        """
        alive = Domain(domain) & Domain("end_reason", "!=", "cancelled")
        today = fields.Date.context_today(self)
        free = (
            Domain("term", "=", "free")
            & Domain("end_reason", "=", False)
            & ~Domain("date_end", "<", today)
        )
        # sudo: the customer's own rows, which the domain names
        covered = self.sudo()._search(alive & free).subselect("sale_line_id")
        return alive & (
            Domain("term", "=", "free")
            | (Domain("term", "=", "paid") & Domain("sale_line_id", "not in", covered))
        )


class CareServicePlan(models.Model):
    _inherit = "care.service.plan"  # pylint: disable=consider-merging-classes-inherited

    def action_apply(self):
        """Cover what was sold before the plan was there: from when it was delivered."""
        self.check_access("write")
        if not self.env.user.has_group("customer_care.group_manager"):
            raise UserError(self.env._("Only managers apply a plan to what is sold."))
        companies = self.company_id or self.env.companies
        # sudo: journeys of the whole company, whoever of its managers asks
        journeys = self.env["care.journey"].sudo()
        domain = [
            ("company_id", "in", (companies & self.env.companies).ids),
            ("order_id", "!=", False),
            ("stage_category", "!=", "cancelled"),
        ]
        before = self.sudo().coverage_ids
        last = 0
        while mine := journeys.search([*domain, ("id", ">", last)], order="id", limit=APPLY_CHUNK):
            self.env["care.coverage"]._follow(mine, past=True)
            last = mine[-1].id
        self.invalidate_recordset()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%s more order lines are covered.", len(self.sudo().coverage_ids - before)
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }


class CareJourney(models.Model):
    _inherit = "care.journey"  # pylint: disable=consider-merging-classes-inherited

    coverage_ids = fields.One2many("care.coverage", "journey_id", "Coverages")

    def _compute_delivery_state(self):
        result = super()._compute_delivery_state()
        # what comes back leaves no trace in the state: quantities are looked at themselves
        waiting = self.env.cr.precommit.data.setdefault("care.covered", set())
        waiting.update(self._origin.ids)
        self.env.cr.precommit.add(self.browse()._announce_coverage)
        return result

    @api.model
    def _announce_coverage(self):
        """Before the commit: what was delivered in this transaction is covered."""
        ids = self.env.cr.precommit.data.pop("care.covered", ())
        if ids:
            # sudo: whoever delivers, the coverage is the company's
            self.env["care.coverage"]._follow(self.sudo().browse(sorted(ids)).exists())
            self.env.flush_all()

    def _care_state(self, event, at=None):
        result = super()._care_state(event, at)
        if event == "order_confirmed":
            self.env["care.coverage"]._follow(self)
        elif event == "order_cancelled":
            self.env["care.coverage"]._cancel_of(self)
        return result


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _order_lines_returned(self, quantities):
        ended = super()._order_lines_returned(quantities)
        # sudo: whoever takes goods back, the coverage is the company's
        orders = self.env["sale.order"].browse({line.order_id.id for line in quantities})
        journeys = self.env["care.journey"].sudo().search([("order_id", "in", orders.ids)])
        back = {line.sudo(): quantity for line, quantity in quantities.items()}
        self.env["care.coverage"]._follow(journeys, returned=back)
        return ended


class SaleOrder(models.Model):
    _inherit = "sale.order"  # pylint: disable=consider-merging-classes-inherited

    care_coverage_ids = fields.One2many(
        "care.coverage", "order_id", "Coverages", groups="customer_care.group_agent"
    )
    care_coverage_count = fields.Integer(
        compute="_compute_care_coverage_count", groups="customer_care.group_agent"
    )

    def _compute_care_coverage_count(self):
        counts = dict(
            self.env["care.coverage"]._read_group(
                [("order_id", "in", self.ids), ("end_reason", "!=", "cancelled")],
                ["order_id"],
                ["__count"],
            )
        )
        for order in self:
            order.care_coverage_count = counts.get(order, 0)

    def action_care_open_coverages(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_coverage_action")
        action["domain"] = [("order_id", "=", self.id)]
        action["context"] = {}
        return action

    def _care_portal_coverages(self):
        """The coverages of this order, for the page of who may see the order."""
        self.ensure_one()
        # sudo: the page has checked that it is this visitor's order
        return (
            self.env["care.coverage"]
            .sudo()
            .search(
                self.env["care.coverage"]._domain_of_customer([("order_id", "=", self.id)]),
                order="sale_line_id, date_start, id",
            )
        )


class CarePolicy(models.Model):
    """Follow-ups before a free service ends: planned when it starts, for each line."""

    _inherit = "care.policy"  # pylint: disable=consider-merging-classes-inherited

    before_days = fields.Integer(
        "Days Before the End",
        default=30,
        help="The steps count from so many days before the free service ends.",
    )

    _before_check = models.Constraint(
        "CHECK (before_days >= 0)", "“Days Before the End” is a number of 0 or more."
    )

    @api.model
    def _selection_event(self):
        return [*super()._selection_event(), ("coverage_end", self.env._("Free service ends"))]

    @api.model
    def _event_dates(self):
        # what is made up for are coverages planned in the span
        return {**super()._event_dates(), "coverage_end": "coverage_ids.create_date"}

    def _covered_lines(self, records):
        """Order lines of these journeys whose free service ends on a day to come.

        :return: dict line -> the last day
        """
        # sudo: what is covered, whoever delivers it
        rows = (
            self.env["care.coverage"]
            .sudo()
            .search(
                [
                    ("journey_id", "in", records.ids),
                    ("term", "=", "free"),
                    ("end_reason", "=", False),
                    ("date_end", ">=", self.env.cr.now().date()),
                ]
            )
        )
        ends = {}
        for row in rows:
            # one call a line: before the first of its parts ends
            line = row.sale_line_id
            ends[line] = min(row.date_end, ends.get(line, row.date_end))
        return ends

    def _lines_of(self, records):
        found = super()._lines_of(records)
        if self.event != "coverage_end":
            return found
        ends = self._covered_lines(records)
        by_order = defaultdict(self.env["sale.order.line"].sudo().browse)
        for line in ends:
            by_order[line.order_id] |= line
        lines = {}
        for record, wanted in found.items():
            mine = by_order[record.sudo().order_id]
            if self._is_product_aware():
                mine &= wanted
            if mine:
                lines[record] = mine
        return lines

    def _prepare_rows(self, records, event, when):
        rows = super()._prepare_rows(records, event, when)
        if event != "coverage_end":
            return rows
        ends = {line.id: day for line, day in self._covered_lines(records).items()}
        memo, kept = {}, []
        steps = {step.id: step for step in self.plan_id.template_ids}
        for vals in rows:
            end = ends.get(vals["sale_line_id"])
            if not end:
                continue
            company = self.env["res.company"].browse(vals["company_id"])
            user = self.env["res.users"].browse(vals["user_id"])
            day = end - relativedelta(days=self.before_days)
            step = steps[vals["step_id"]]
            due = step._get_date_deadline(day)
            if self.delay_kind == "working" and step.delay_unit == "days":
                days = self.env["care.followup"]._workdays(user, company, memo)
                due = days.add(day, step.delay_count)
            # it has begun so late that the day has passed: at once, while there is time
            today = fields.Date.context_today(self.with_context(tz=company._care_tz()))
            when_vals = self.env["care.followup"]._when(max(due, today), user, company, memo)
            kept.append({**vals, **when_vals, "repeat_from": vals["repeat_from"] and due})
        return kept
