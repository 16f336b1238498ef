"""Dates that the law sets: data, written when a case is opened, and never paused. They follow
what they were counted from as long as the law still waits.
"""

from datetime import time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..tools.workdays import Workdays
from .care_category import KINDS

#: Days before a date of the law in which it is near.
NEAR_DAYS = 3
#: target -> the case's field with the date, and with the statute that sets it
TARGETS = {
    "acknowledgement": ("statutory_ack_at", "statutory_ack_id"),
    "final": ("statutory_final_at", "statutory_final_id"),
}
#: What decides which statutes hold for a case, and from when they count.
COUNTED_FROM = {"category_id", "kind", "received_at", "partner_id", "company_id"}
#: Clocks differ: so much later than ours is not the future yet.
CLOCKS = timedelta(minutes=5)


class CareStatute(models.Model):
    """What the law asks for: an answer within so many days."""

    _name = "care.statute"
    _description = "Statutory date"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True, help="Leave empty for all companies.")
    country_id = fields.Many2one(
        "res.country",
        "Country",
        help="Holds for customers in this country; one without a country counts as in the "
        "company's. Empty: everywhere.",
    )
    kind = fields.Selection(KINDS, help="Empty: all kinds of cases.")
    category_ids = fields.Many2many(
        "care.category", string="Categories", help="Empty: all categories."
    )
    target = fields.Selection(
        [("acknowledgement", "Acknowledgement"), ("final", "Final response")],
        "What Is Due",
        required=True,
        default="final",
    )
    days = fields.Integer(required=True, default=30)
    days_type = fields.Selection(
        [("calendar", "Calendar days"), ("working", "Working days")],
        "Counted In",
        required=True,
        default="calendar",
    )
    warn_days = fields.Integer(
        "Warn Before", default=3, help="Days before the date on which the owner is reminded."
    )
    reference = fields.Char(
        "Legal Reference", help="Where it says so: law, article, the supervisor's rule."
    )
    note = fields.Text(translate=True)

    _days_check = models.Constraint(
        "CHECK (days > 0 AND warn_days >= 0)",
        "A statutory date is at least one day away, and the warning is not after it.",
    )

    @api.constrains("company_id", "category_ids")
    def _check_categories(self):
        for statute in self.filtered("company_id"):
            wrong = statute.category_ids.company_id - statute.company_id
            if wrong:
                raise ValidationError(
                    self.env._("“%s” names categories of another company.", statute.name)
                )

    def _holds_for(self, case):
        self.ensure_one()
        country = case.partner_id.country_id or case.commercial_partner_id.country_id
        country = country or case.company_id.country_id
        return (
            (not self.company_id or self.company_id == case.company_id)
            and (not self.country_id or self.country_id == country)
            and (not self.kind or self.kind == case.kind)
            and (not self.category_ids or case.category_id in self.category_ids)
        )

    def _date_of(self, case, memo):
        """The end of the day by which it is due (naive UTC).

        :param dict memo: company -> its working days, what a batch shares, filled here
        """
        self.ensure_one()
        company = case.company_id
        if company not in memo:
            # sudo: the company's opening hours, whoever registers the case
            worktime = company._care_worktime_of(company.sudo().resource_calendar_id)
            memo[company] = company._care_company_days(worktime)
        days = memo[company]
        start = days.today(case.received_at)
        if self.days_type == "working":
            day = days.add(start, self.days)
        else:
            day = start + timedelta(days=self.days)
        return days.at(day, time(23, 59, 59))


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    def _care_company_days(self, worktime):
        """The days on which this company works.

        :param worktime: its working time, None where the hours are unusable
        :rtype: Workdays
        """
        self.ensure_one()
        known = [worktime]

        def segments(start, end):
            known[0], pieces = known[0]._apply("segments", start, end)
            return pieces

        # sudo: a snapshot of opening hours, read by the engine
        zone = worktime.sudo().tz if worktime else self._care_tz()
        return Workdays(pytz.timezone(zone), segments if worktime else None)


class CareNotice(models.Model):
    _inherit = "care.notice"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[
            ("statute_acknowledgement", "Statutory date near: acknowledgement"),
            ("statute_final", "Statutory date near: final response"),
        ],
        ondelete={"statute_acknowledgement": "cascade", "statute_final": "cascade"},
    )

    def _is_true(self):
        if self.kind in ("statute_acknowledgement", "statute_final"):
            return self.case_id._statute_outstanding(self.kind.removeprefix("statute_"))
        return super()._is_true()

    def _tell(self):
        mine = self.filtered(lambda row: (row.kind or "").startswith("statute_"))
        result = super(CareNotice, self - mine)._tell()
        if mine:
            mine._tell_of_statute()
            mine.write({"state": "done", "next_at": False, "error": False})
        return result

    def _tell_of_statute(self):
        told = []
        for row in self:
            field, statute = TARGETS[row.kind.removeprefix("statute_")]

            def say(case, field=field, statute=statute):
                return {
                    "summary": case.env._("Required by law: %s", case[statute].name),
                    "note": case[statute].reference,
                    "date_deadline": fields.Datetime.context_timestamp(case, case[field]).date(),
                }

            told.append((row.case_id, row.case_id.owner_id, say))
        self.env["mail.activity"]._care_tell("customer_care.mail_activity_type_statute", told)

    @api.model
    def _announce_anew(self, kind, case, moment):
        """Tell of something once more, or at another time than was planned."""
        rows = self.search([("kind", "=", kind), ("case_id", "=", case.id)])
        waiting = rows.filtered(lambda row: row.occurrence == case.cycle)
        if waiting:
            waiting.write({"state": "planned", "attempts": 0, "next_at": moment})
            waiting._trigger_due()
        elif case._care_covered():
            self._announce_at(kind, {case: moment})

    def _after_told(self, kind):
        result = super()._after_told(kind)
        if kind == "case_received":
            self.case_id._acknowledged()
        return result


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    statutory_ack_at = fields.Datetime(
        "Acknowledge by Law", readonly=True, copy=False, groups="base.group_user"
    )
    statutory_ack_id = fields.Many2one(
        "care.statute", "Says So", readonly=True, copy=False, groups="base.group_user"
    )
    statutory_final_at = fields.Datetime(
        "Final Response by Law", readonly=True, copy=False, groups="base.group_user"
    )
    statutory_final_id = fields.Many2one(
        "care.statute", "Says so", readonly=True, copy=False, groups="base.group_user"
    )
    acknowledged_at = fields.Datetime(
        "Acknowledged", readonly=True, copy=False, groups="base.group_user"
    )
    final_answered_at = fields.Datetime(
        "Final Response Given",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="When the customer was first told what was done.",
    )
    statutory_state = fields.Selection(
        [("near", "Near"), ("over", "Missed")],
        "By Law",
        compute="_compute_statutory_state",
        search="_search_statutory_state",
        groups="base.group_user",
    )

    _statutory_ack_idx = models.Index(
        "(statutory_ack_at) WHERE statutory_ack_at IS NOT NULL AND acknowledged_at IS NULL"
    )
    _statutory_final_idx = models.Index(
        "(statutory_final_at) WHERE statutory_final_at IS NOT NULL"
        " AND stage_category IN ('open', 'waiting')"
    )

    @property
    def _care_engine_fields(self):
        ours = {"acknowledged_at", "final_answered_at"}.union(*TARGETS.values())
        return super()._care_engine_fields | ours

    @api.depends("statutory_ack_at", "statutory_final_at", "acknowledged_at", "stage_category")
    def _compute_statutory_state(self):
        now = self.env.cr.now()
        for case in self:
            dates = [
                case[field]
                for target, (field, _statute) in TARGETS.items()
                if case._statute_outstanding(target)
            ]
            first = min(dates, default=None)
            if not first or first > now + timedelta(days=NEAR_DAYS):
                case.statutory_state = False
            else:
                case.statutory_state = "over" if first < now else "near"

    @api.model
    def _search_statutory_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = self.env.cr.now()
        working = Domain("stage_category", "in", ("open", "waiting"))
        ack = working & Domain("acknowledged_at", "=", False)

        def before(moment):
            return (ack & Domain("statutory_ack_at", "<=", moment)) | (
                working & Domain("statutory_final_at", "<=", moment)
            )

        near = before(now + timedelta(days=NEAR_DAYS))
        domains = {"over": before(now), "near": near & ~before(now), False: ~near}
        return Domain.OR(domains[wanted] for wanted in value if wanted in domains)

    def _statute_outstanding(self, target):
        """Whether the law still waits for this."""
        self.ensure_one()
        field = TARGETS[target][0]
        return (
            bool(self[field])
            and self.stage_category in ("open", "waiting")
            and (target == "final" or not self.acknowledged_at)
        )

    def _after_create(self):
        self.sudo()._set_statutory_dates()
        return super()._after_create()

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_received(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_received(vals)
        result = super().write(vals)
        if COUNTED_FROM & set(vals):
            # sudo: what follows from it is the engine's
            self.sudo()._follow_statutes()
        return result

    def _check_received(self, vals):
        """Refuse a person who says that it will be received: no date would count from then."""
        if self.env.su or not vals.get("received_at"):
            return
        if fields.Datetime.to_datetime(vals["received_at"]) > fields.Datetime.now() + CLOCKS:
            raise UserError(
                self.env._(
                    "“Received At” lies in the future: give the moment at which the customer "
                    "told us."
                )
            )

    def _statutory_vals(self):
        """What the law says for these cases, as superuser: the earliest date counts.

        :return: dict case -> values of all fields in :data:`TARGETS`, empty where there is none
        """
        statutes = self.env["care.statute"].search(
            [("company_id", "in", [False, *self.company_id.ids])]
        )
        memo, found = {}, {}
        for case in self:
            found[case] = vals = {}
            for target, (field, link) in TARGETS.items():
                dates = [
                    (statute._date_of(case, memo), statute)
                    for statute in statutes
                    if statute.target == target and statute._holds_for(case)
                ]
                # of what was made one with it the customer told us earlier
                merged = case.merged_ids.filtered(field)
                dates += [(other[field], other[link]) for other in merged]
                moment, statute = min(dates, key=lambda pair: pair[0], default=(False, statutes))
                vals.update({field: moment, link: statute.id if moment else False})
        return found

    def _warn_at(self, target):
        """When the owner is reminded of this date."""
        self.ensure_one()
        field, link = TARGETS[target]
        warn = self[field] - timedelta(days=self[link].warn_days)
        return max(warn, self.env.cr.now()).replace(microsecond=0)

    def _set_statutory_dates(self):
        """Write what the law says for these new cases, as superuser."""
        warnings = {target: {} for target in TARGETS}
        for case, vals in self._statutory_vals().items():
            if not any(vals.values()):
                continue
            case.write(vals)
            for target, (field, _link) in TARGETS.items():
                if vals[field] and case._care_covered():
                    warnings[target][case] = case._warn_at(target)
        for target, moments in warnings.items():
            self.env["care.notice"]._announce_at(f"statute_{target}", moments)

    def _merge_fields(self, sources):
        """The law counts from the first time that the customer told us; who has had an answer
        about one of the cases has had it about both.
        """
        result = super()._merge_fields(sources)
        everything = self | sources
        known = everything.filtered("acknowledged_at").sorted("acknowledged_at")[:1]
        if known and known != self:
            self.acknowledged_at = known.acknowledged_at
        for target, (field, link) in TARGETS.items():
            first = everything.filtered(field).sorted(field)[:1]
            if not first or first == self:
                continue
            self.write({field: first[field], link: first[link].id})
            kind = f"statute_{target}"
            warn = first[field] - timedelta(days=first[link].warn_days)
            self.env["care.notice"]._announce_anew(kind, self, max(warn, self.env.cr.now()))
        return result

    def _follow_statutes(self):
        """The dates that are still open, as superuser, go where the law puts them now; those
        that were met stay.
        """
        notices = self.env["care.notice"]
        waiting = self.filtered(lambda case: case.stage_category in ("open", "waiting"))
        for case, vals in waiting._statutory_vals().items():
            changed = {}
            for (field, link), met in zip(
                TARGETS.values(), (case.acknowledged_at, case.final_answered_at), strict=True
            ):
                if not met and (vals[field], vals[link]) != (case[field], case[link].id):
                    changed.update({field: vals[field], link: vals[link]})
            if not changed:
                continue
            case.write(changed)
            # what its owner was told is not so any more
            case.activity_unlink(["customer_care.mail_activity_type_statute"])
            for target in TARGETS:
                if case._statute_outstanding(target):
                    notices._announce_anew(f"statute_{target}", case, case._warn_at(target))
                else:
                    notices._cancel_of(case, [f"statute_{target}"])

    def _acknowledged(self):
        """The customer knows that we know, by mail or by a person's answer."""
        # sudo: noted by the engine, whoever answers
        fresh = self.sudo().filtered(lambda case: not case.acknowledged_at)
        if fresh:
            fresh.write({"acknowledged_at": self.env.cr.now()})

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        # sudo: who writes and whether the customer reads it
        note = message.sudo()
        if self.sudo().acknowledged_at:
            return result
        users = note.author_id.user_ids
        if (
            note.message_type in ("comment", "email")
            and not note.is_internal
            and note.subtype_id
            and not note.subtype_id.internal
            and any(not user.share for user in users)
        ):
            self._acknowledged()
        return result

    def _stage_events(self, before):
        if self[:1].stage_category in ("resolved", "closed"):
            self.filtered(lambda case: not case.final_answered_at).write(
                {"final_answered_at": self.env.cr.now()}
            )
        return super()._stage_events(before)
