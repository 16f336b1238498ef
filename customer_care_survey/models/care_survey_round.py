"""Regular surveys: asked by the calendar, whoever matches."""

from datetime import datetime, time, timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import format_date

from odoo.addons.customer_care.models.care_due_mixin import reraise_if_concurrent

from .care_survey_trigger import PERIODIC

#: Customers planned in one transaction.
CHUNK = 500
#: When regular surveys are sent if no hour is chosen.
USUAL_HOUR = 10.0
#: Somewhere on earth a day has begun so long before it does in UTC.
EARLIEST = timedelta(hours=14)
#: What changes when a regular survey is asked, or whether.
RHYTHM = {
    "active",
    "event",
    "company_id",
    "period_every",
    "period_unit",
    "period_start",
    "period_until",
}


class CareSurveyTrigger(models.Model):
    _name = "care.survey.trigger"
    _inherit = ["care.survey.trigger", "care.rhythm.mixin"]

    period_start = fields.Date(
        "From", default=fields.Date.context_today, help="The first round, and where it counts from."
    )
    period_until = fields.Date("Until", help="No round after this day; empty: it goes on.")
    round_ids = fields.One2many("care.survey.round", "trigger_id", "Rounds")
    next_round = fields.Date("Next Round", compute="_compute_next_round")

    _period_check = models.Constraint(
        "CHECK (period_every >= 1)", "A rhythm is every 1 or more days, weeks or months."
    )

    @api.depends("round_ids.state")
    def _compute_next_round(self):
        # sudo: when, for who may see the trigger
        rounds = self.sudo().round_ids.filtered(lambda row: row.state == "planned")
        for trigger in self:
            mine = rounds.filtered(lambda row, t=trigger: row.trigger_id == t._origin)
            trigger.next_round = min(mine.mapped("day"), default=False)

    @api.constrains("event", "company_id", "period_start", "period_until")
    def _check_period(self):
        for trigger in self.filtered(lambda trigger: trigger.event == PERIODIC):
            if not trigger.company_id:
                raise ValidationError(
                    self.env._(
                        "Choose the company of “%s”: customers belong to no company, so nothing "
                        "else says whose regular survey it is.",
                        trigger.name,
                    )
                )
            if not trigger.period_start:
                raise ValidationError(self.env._("Say from which day on “%s” asks.", trigger.name))
            if trigger.period_until and trigger.period_until < trigger.period_start:
                raise ValidationError(self.env._("“Until” has to be after “From”."))

    @api.model_create_multi
    def create(self, vals_list):
        triggers = super().create(vals_list)
        triggers._plan_rounds()
        return triggers

    def write(self, vals):
        result = super().write(vals)
        if not RHYTHM.isdisjoint(vals):
            self._plan_rounds()
        return result

    # ------------------------------------------------------------
    # Rounds
    # ------------------------------------------------------------

    def _plan_rounds(self):
        """Plan the next round anew; what has begun goes on."""
        # sudo: planned rows are written by the engine, whoever sets the rhythm
        triggers = self.sudo()
        triggers.round_ids.filtered(lambda row: row.state == "planned" and not row.last_id).unlink()
        for trigger in triggers.filtered(lambda t: t.active and t.event == PERIODIC):
            zone = trigger.with_context(tz=trigger.company_id._care_tz())
            today = fields.Date.context_today(zone)
            trigger._plan_round(today - timedelta(days=1))

    def _plan_round(self, after):
        """Plan the first round after a day, if there is one; a day that had its round already
        gets no other.
        """
        self.ensure_one()
        after = max([after, *self.round_ids.mapped("day")])
        day = self._next_period(after)
        if day:
            self.env["care.survey.round"]._plan(
                [
                    {
                        "state": "planned",
                        "attempts": 0,
                        "trigger_id": self.id,
                        "company_id": self.company_id.id,
                        "day": day,
                        "last_id": 0,
                        "planned_count": 0,
                        "next_at": max(
                            datetime.combine(day, time.min) - EARLIEST,
                            self.env.cr.now().replace(microsecond=0),
                        ),
                    }
                ]
            )

    def _customers_domain(self):
        """Whom a regular survey asks, as far as a search can say."""
        self.ensure_one()
        domain = self._filter().map_conditions(self._of_own_orders)
        domain &= Domain("company_id", "in", [False, self.company_id.id])
        if self.tier_ids:
            domain &= Domain("care_tier_id", "in", self.tier_ids.ids)
        return domain

    def _of_own_orders(self, condition):
        """A condition on a customer's orders, of the orders of the company that asks: customers
        are shared, and a round is planned as superuser, who sees the orders of all.
        """
        name, _dot, path = condition.field_expr.partition(".")
        if name != "sale_order_ids":
            return condition
        mine = Domain("company_id", "=", self.company_id.id)
        if path:
            return Domain(name, "any", mine & Domain(path, condition.operator, condition.value))
        if condition.operator in ("any", "not any"):
            return Domain(name, condition.operator, mine & Domain(condition.value))
        return condition

    def _customers(self):
        """The model of customers, as the company of a regular survey sees them."""
        return self.env["res.partner"].with_company(self.company_id)

    def _prepare_regular_rows(self, survey_round, partners):
        """Column values of the invitations of a round."""
        memo, vals_list = {}, []
        hour = self.hour if self.at_hour else USUAL_HOUR
        company = self.company_id
        for partner in partners:
            if not self._is_drawn(partner):
                continue
            zone = partner.tz or company._care_tz()
            if zone not in memo:
                memo[zone] = self._at_hour_of(zone, survey_round.day, hour)
            vals_list.append(
                {
                    "state": "planned",
                    "attempts": 0,
                    "trigger_id": self.id,
                    "round_id": survey_round.id,
                    "occurrence": 1,
                    "cycle": 1,
                    "company_id": company.id,
                    "partner_id": partner.id,
                    "address": partner.email_normalized,
                    "reminder_count": 0,
                    "planned_for": memo[zone],
                    "next_at": max(memo[zone], self.env.cr.now()),
                }
            )
        return vals_list

    def _reach_of_customers(self):
        """How many customers a regular survey would ask today, in words."""
        self.ensure_one()
        try:
            count = self._customers().search_count(self._customers_domain())
        except Exception as error:  # pylint: disable=broad-except
            reraise_if_concurrent(error)
            return False  # it is refused when it is saved
        if not self.next_round:
            return self.env._("%s customers match today. No round is planned.", count)
        return self.env._(
            "%(count)s customers match today. The next round is on %(day)s.",
            count=count,
            day=format_date(self.env, self.next_round),
        )


class CareSurveyRound(models.Model):
    """One day of a regular survey: whoever matches on that day is planned, a batch after the
    other. The cron goes on where it was stopped, and nobody is planned twice.
    """

    _name = "care.survey.round"
    _description = "Round of a regular survey"
    _inherit = ["care.due.mixin"]
    _order = "day desc, id desc"
    _due_cron = "customer_care_survey.ir_cron_rounds"

    trigger_id = fields.Many2one(
        "care.survey.trigger", "Trigger", readonly=True, ondelete="set null", index=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    day = fields.Date(required=True, readonly=True)
    last_id = fields.Integer(readonly=True, aggregator=None)
    planned_count = fields.Integer("Customers", readonly=True)

    _day_uniq = models.UniqueIndex("(trigger_id, day)", "This round is planned already.")

    @api.depends("trigger_id", "day")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for row in self:
            # sudo: the name of what it belongs to, for who may see the row
            name = row.sudo().trigger_id.name or self.env._("Regular survey")
            row.display_name = f"{name}, {format_date(self.env, row.day)}"

    @api.model
    def _due_domain(self):
        # one chunk after the other: `_run_due` puts the next a moment ahead
        return [("next_at", "<=", self.env.cr.now() + timedelta(seconds=1))]

    def _run_due(self):
        for row in self:
            trigger = row.trigger_id.with_company(row.company_id)
            if not trigger.active or trigger.event != PERIODIC:
                row._cancel_due()
                continue
            partners = trigger._customers().search(
                trigger._customers_domain() & Domain("id", ">", row.last_id),
                order="id",
                limit=CHUNK,
            )
            if not partners:
                row.write({"state": "done", "next_at": False, "error": False, "attempts": 0})
                # what was missed while nothing ran is not made up for
                trigger._plan_round(self.env.cr.now().date() - timedelta(days=1))
                continue
            planned = self.env["care.survey.invitation"]._plan(
                trigger._prepare_regular_rows(row, partners)
            )
            row.write(
                {
                    "last_id": partners[-1].id,
                    "planned_count": row.planned_count + len(planned),
                    "next_at": self.env.cr.now().replace(microsecond=0) + timedelta(seconds=1),
                    "error": False,
                    "attempts": 0,
                }
            )
            row._trigger_due()
