from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

from dateutil.relativedelta import relativedelta
from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .care_stage import OVER

FREQUENCIES = {"days": DAILY, "weeks": WEEKLY, "months": MONTHLY}


class CarePolicy(models.Model):
    """Follow-up policy: an event plans the steps of an activity plan."""

    _name = "care.policy"
    _description = "Follow-up policy"
    _inherit = ["care.rule.mixin"]
    _check_company_auto = True

    plan_id = fields.Many2one(
        "mail.activity.plan",
        "Activity Plan",
        required=True,
        ondelete="restrict",
        domain="[('res_model', '=', res_model)]",
        check_company=True,
        help="Its steps become the follow-ups: what, how long after the event, by whom.",
    )
    step_ids = fields.One2many(related="plan_id.template_ids", string="Steps")
    delay_kind = fields.Selection(
        [("calendar", "Calendar days"), ("working", "Working days")],
        "Days Are",
        required=True,
        default="calendar",
        help="How the days of a step are counted. A day on which the responsible does not work "
        "moves to their next working day in either case.",
    )
    categ_ids = fields.Many2many(
        "product.category",
        "care_policy_categ_rel",
        "policy_id",
        "categ_id",
        string="Product Categories",
        help="Only for orders with products of these categories, a follow-up for each.",
    )
    product_tmpl_ids = fields.Many2many(
        "product.template",
        "care_policy_product_rel",
        "policy_id",
        "product_tmpl_id",
        string="Products",
        help="Only for orders with these products, a follow-up for each.",
    )
    reorder_days = fields.Integer(
        "Runs Out After (days)",
        default=0,
        help="The steps count from when the product probably runs out. Who has ordered it "
        "again by then is not called.",
    )
    repeat_every = fields.Integer(
        "Again Every",
        default=0,
        help="The last step comes back in this rhythm, each time planned when the one before "
        "it is over. It stops when the journey or case ends. 0: it does not come back.",
    )
    repeat_unit = fields.Selection(
        [("days", "Days"), ("weeks", "Weeks"), ("months", "Months")],
        required=True,
        default="months",
    )
    repeat_end = fields.Selection(
        [
            ("count", "After a number of times"),
            ("until", "On a day"),
            ("never", "When the journey ends"),
        ],
        "Ends",
        required=True,
        default="never",
    )
    repeat_count = fields.Integer("Times", default=4)
    repeat_until = fields.Date("Until")
    script = fields.Html(
        "Call Script",
        translate=True,
        help="An aid beside the follow-up: what to ask, in which order. A note on a step goes "
        "before it.",
    )
    followup_ids = fields.One2many("care.followup", "policy_id", "Follow-ups")
    followup_count = fields.Integer(compute="_compute_followup_count")

    _repeat_check = models.Constraint(
        "CHECK (repeat_every >= 0 AND reorder_days >= 0)",
        "Days and rhythms of a policy are not negative.",
    )

    def _compute_followup_count(self):
        counts = dict(
            self.env["care.followup"]._read_group(
                [("policy_id", "in", self.ids)], ["policy_id"], ["__count"]
            )
        )
        for policy in self:
            policy.followup_count = counts.get(policy, 0)

    @api.constrains("plan_id", "event")
    def _check_plan(self):
        for policy in self:
            plan = policy.plan_id
            if plan.res_model != policy.res_model:
                raise ValidationError(
                    self.env._(
                        "“%(plan)s” is a plan for another kind of document. Choose or "
                        "make a plan for %(model)s.",
                        plan=plan.name,
                        model=self.env[policy.res_model]._description,
                    )
                )
            for step in plan.template_ids:
                problem = step._care_problem()
                if problem:
                    raise ValidationError(
                        self.env._(
                            "Step “%(step)s” of “%(plan)s” cannot be planned: %(problem)s",
                            step=step.summary or step.activity_type_id.name,
                            plan=plan.name,
                            problem=problem,
                        )
                    )

    @api.constrains("repeat_every", "repeat_end", "repeat_count", "repeat_until")
    def _check_repeat(self):
        for policy in self.filtered("repeat_every"):
            if policy.repeat_end == "count" and policy.repeat_count < 1:
                raise ValidationError(self.env._("Say how many times it comes back."))
            if policy.repeat_end == "until" and not policy.repeat_until:
                raise ValidationError(self.env._("Say until which day it comes back."))

    @api.constrains("reorder_days", "categ_ids", "product_tmpl_ids")
    def _check_reorder(self):
        for policy in self:
            if policy.reorder_days and not policy._is_product_aware():
                raise ValidationError(
                    self.env._(
                        "Choose the products that run out after %s days.", policy.reorder_days
                    )
                )

    @api.model
    def _selection_event(self):
        # a cancelled order ends what is planned, and plans nothing
        return [event for event in super()._selection_event() if event[0] != "order_cancelled"]

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    def _apply(self, records, event, when):
        """Plan one follow-up per step and record, once per cycle of the record."""
        self.ensure_one()
        return self.env["care.followup"]._plan(self._prepare_rows(records, event, when))

    def _prepare_rows(self, records, event, when):
        """Column values of the follow-ups that ``event`` plans: nothing is written.

        :param dict when: record -> (moment of the event, its occurrence)
        """
        self.ensure_one()
        records = records.filtered(lambda record: record.stage_category != "cancelled")
        lines = self._lines_of(records)
        days, memo, vals_list = {}, {}, []
        for record in records:
            key = record.company_id, when[record][0]
            if key not in days:
                zone = self.with_context(tz=record.company_id._care_tz())
                days[key] = fields.Datetime.context_timestamp(zone, key[1]).date()
        last = self._last_step()
        for step in self.plan_id.template_ids:
            for record in records:
                moment, occurrence = when[record]
                day = days[record.company_id, moment] + timedelta(days=self.reorder_days)
                for line in lines.get(record, ()):
                    vals_list.append(
                        {
                            **self.env["care.followup"]._prepare_step_vals(
                                self, step, record, day, occurrence, memo
                            ),
                            "event": event,
                            "happened_at": moment,
                            "sale_line_id": line.id,
                            "repetition": 1,
                            "repeat_from": step == last and step._get_date_deadline(day),
                        }
                    )
        return vals_list

    def _is_product_aware(self):
        return bool(self.categ_ids or self.product_tmpl_ids)

    def _product_domain(self):
        domains = []
        if self.categ_ids:
            domains.append([("product_id.categ_id", "child_of", self.categ_ids.ids)])
        if self.product_tmpl_ids:
            domains.append([("product_id.product_tmpl_id", "in", self.product_tmpl_ids.ids)])
        return fields.Domain.OR(domains)

    def _lines_of(self, records):
        """What the policy follows up of each record: its lines with the policy's products, or
        the record as a whole.

        :return: dict record -> order lines, an empty one for the whole; a record of which
            there is nothing to follow up is missing
        """
        # sudo: what was ordered, whoever confirms it
        lines = self.env["sale.order.line"].sudo()
        if not self._is_product_aware():
            return {record: [lines] for record in records}
        orders = records.sudo().order_id
        found = (
            lines.search(
                fields.Domain("order_id", "in", orders.ids)
                & fields.Domain("product_uom_qty", ">", 0)
                & self._product_domain(),
                order="sequence, id",
            )
            if orders
            else lines
        )
        by_order = found.grouped("order_id")
        return {
            record: by_order[record.sudo().order_id]
            for record in records
            if record.sudo().order_id in by_order
        }

    # ------------------------------------------------------------
    # Coming back
    # ------------------------------------------------------------

    def _last_step(self):
        """The step that comes back: the latest; none without a rhythm."""
        steps = self.plan_id.template_ids
        if not self.repeat_every or not steps:
            return steps.browse()
        day = date(2000, 1, 1)
        return max(steps, key=lambda step: (step._get_date_deadline(day), step.sequence, step.id))

    def _next_repetition(self, first, after):
        """When the last step comes back next.

        :param date first: the day of its first time, before days off moved it
        :param date after: the occurrence lies after this day
        :return: (its number, the day); None when it does not come back any more
        """
        self.ensure_one()
        if not self.active or not self.repeat_every:
            return None
        rule = {"interval": self.repeat_every, "dtstart": fields.Datetime.to_datetime(first)}
        if self.repeat_end == "count":
            rule["count"] = self.repeat_count + 1
        elif self.repeat_end == "until":
            rule["until"] = fields.Datetime.to_datetime(self.repeat_until)
        if self.repeat_unit == "months" and first.day > 28:
            # the last day of a shorter month stands for the missing one
            rule.update(bymonthday=tuple(range(28, first.day + 1)), bysetpos=-1)
        for number, moment in enumerate(rrule(FREQUENCIES[self.repeat_unit], **rule), 1):
            if moment.date() > max(first, after):
                return number, moment.date()
        return None

    def _repeats_for(self, record):
        """Whether it still comes back for this journey or case."""
        return record.stage_category not in OVER

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_open_followups(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care.care_followup_action_all"
        )
        action["domain"] = [("policy_id", "=", self.id)]
        return action

    # ------------------------------------------------------------
    # The past: for preview and back-fill
    # ------------------------------------------------------------

    @api.model
    def _event_dates(self):
        """Where a record remembers when an event happened: event -> path of a field.

        Extended where an event leaves a date of its own.
        """
        return {
            "order_confirmed": "order_id.date_order",
            "stage_entered": "tenure_ids.since",
            "order_partly_delivered": "partly_delivered_at",
            "order_delivered": "delivered_at",
            "order_invoiced": "invoiced_at",
            "order_paid": "paid_at",
            "case_opened": "received_at",
            "case_resolved": "resolved_at",
            "case_closed": "closed_at",
        }

    def _event_path(self):
        """The field that dates the event; None where it leaves no date of its own."""
        return self._event_dates().get(self.event)

    def _undated(self):
        """Why the past of the policy's event is not known; False where it is."""
        self.ensure_one()
        if self._event_path():
            return False
        return self.env._(
            "“%s” leaves no date behind: what would have been planned for the past is not known.",
            dict(self._selection_event()).get(self.event, self.event),
        )

    def _check_dated(self):
        for policy in self:
            if why := policy._undated():
                raise ValidationError(why)

    def _past_domain(self, since, until):
        """Records to which the event happened between two moments (UTC), as far as known."""
        self.ensure_one()
        self._check_dated()
        path = self._event_path()
        if "_ids." in path:
            # in the span is one and the same row
            many, name = path.split(".")
            inside = fields.Domain(name, ">=", since) & fields.Domain(name, "<", until)
            domain = fields.Domain(many, "any", inside)
        else:
            domain = fields.Domain(path, ">=", since) & fields.Domain(path, "<", until)
        if self.company_id:
            domain &= fields.Domain("company_id", "=", self.company_id.id)
        return domain

    def _past_rounds(self, records, since=datetime.min, until=datetime.max):
        """What happened to these records between two moments (UTC), as far as known.

        :return: list of (records that match as they were then, record -> (moment of the event,
            its occurrence) as :meth:`_apply` wants it), in each of which a record stands once
        """
        if self.event == "stage_entered":
            return self._past_stages(records, since, until)
        path = self._event_path()
        when = {
            record: (moment, record._care_occurrence(self.event))
            for record in records
            if path and (moment := next(iter(record.sudo().mapped(path)), False))
        }
        return [(self._match(records.filtered(lambda record: record in when)), when)]

    def _past_stages(self, records, since, until):
        """Every stage they have entered counts, not only the one they are in today."""
        rounds, times = defaultdict(dict), Counter()
        for (record, entry), piece in self.env["care.tenure"]._stages_entered(records).items():
            if since <= piece.since < until:
                times[record, piece.stage_id] += 1
                number = times[record, piece.stage_id]
                rounds[piece.stage_id, number][record] = (piece.since, entry)
        return [
            (self._match_in(records.filtered(lambda record, w=when: record in w), stage), when)
            for (stage, _number), when in rounds.items()
        ]

    @api.model
    def _back(self, days):
        """So many days ago."""
        return self.env.cr.now().replace(microsecond=0) - relativedelta(days=days)
