from datetime import timedelta

import pytz

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..tools.workdays import Workdays


class ResCompany(models.Model):
    _inherit = "res.company"

    # Nullable: a required column on a core table breaks companies created while this
    # addon is not loaded yet.
    care_start_date = fields.Date(
        "Customer Care Since",
        default=fields.Date.context_today,
        help="Orders before this date get no journey, no follow-up and no mail. Empty: "
        "Customer Care has not started in this company.",
    )
    care_default_owner_id = fields.Many2one(
        "res.users",
        "Default Owner",
        domain="[('share', '=', False), ('company_ids', 'in', id)]",
        help="Answers for what has nobody else: absent owners without a substitute or a "
        "team leader.",
    )
    care_promise_grace_days = fields.Integer(
        "Grace for Promises",
        default=3,
        help="Working days after which a promise that is still not done counts as broken.",
    )

    care_handoff_hours = fields.Float(
        "Time to Accept",
        default=4.0,
        help="Working hours in which a hand-off has to be answered; then the team leader decides.",
    )
    care_weekly_limit = fields.Integer(
        "Contacts a Week",
        default=0,
        help="A customer gets at most so many follow-ups within seven days; more of them wait. "
        "0: no limit.",
    )
    care_merge_days = fields.Integer(
        "One Call for Several Orders",
        default=7,
        help="The same call about several orders of a customer, due within so many days, "
        "becomes one. 0: each order has its own.",
    )
    care_checkback_days = fields.Integer(
        "Check Back After",
        default=3,
        help="Working days after which a case's first owner asks a customer who has not said "
        "whether it is solved. 0: only after hand-offs.",
    )

    def _care_numbers(self):
        """Settings that are numbers, those of other add-ons of ours too."""
        return [
            name
            for name, field in self._fields.items()
            if name.startswith("care_") and field.type in ("integer", "float")
        ]

    @api.constrains(lambda self: self._care_numbers())
    def _check_care_numbers(self):
        for company in self:
            for name in self._care_numbers():
                if company[name] < 0:
                    raise ValidationError(
                        self.env._(
                            "“%(setting)s” cannot be %(number)s: enter 0 or more.",
                            setting=self._fields[name]._description_string(self.env),
                            number=company[name],
                        )
                    )

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        self.env["care.case"]._create_sequences(companies)
        return companies

    def write(self, vals):
        if "user_ids" not in vals:
            return super().write(vals)
        # sudo: who works there, for what they answer for
        before = {company: company.user_ids for company in self.sudo()}
        result = super().write(vals)
        users = self.env["res.users"].sudo()
        users.union(
            *(was - company.user_ids for company, was in before.items())
        )._care_lost_places()
        return result

    def _care_covers(self, moment):
        """Whether Customer Care had started here at a moment (UTC): the day is the
        company's own.
        """
        self.ensure_one()
        if not self.care_start_date or not moment:
            return False
        if abs((moment.date() - self.care_start_date).days) > 1:  # the same day in no zone
            return moment.date() > self.care_start_date
        local = fields.Datetime.context_timestamp(self.with_context(tz=self._care_tz()), moment)
        return local.date() >= self.care_start_date

    def _care_present(self, user, team, leaving=()):
        """``user``, or who stands in: substitute, team leader, this company's default.

        :param leaving: users who are about to go and are not chosen any more
        """
        owned = self.env["care.owned.mixin"]

        def candidates():
            # one after the other: most people are there, and nobody else is read then
            yield user
            # sudo: who stands in for a colleague
            yield user.sudo().care_substitute_id
            yield team.leader_id
            yield team.leader_id.sudo().care_substitute_id

        for candidate in candidates():
            if (
                candidate
                and candidate not in leaving
                and owned._may_own(candidate, self)
                and not candidate.sudo().care_is_away
            ):
                return candidate
        return self._care_default_owner(leaving)

    def _care_default_owner(self, leaving=()):
        """Somebody, whatever happened to everybody else (and to who is leaving)."""
        self.ensure_one()
        # sudo: choosing an owner needs users that the present user may not see
        company = self.sudo()
        owned = self.env["care.owned.mixin"]
        owner = company.care_default_owner_id
        if owner and owner not in leaving and owned._may_own(owner, company):
            return owner.sudo(False)
        group = self.env["ir.model.data"]._xmlid_to_res_id("customer_care.group_manager")
        managers = self.env["res.groups"].sudo().browse(group).all_user_ids
        for user in managers.sorted("id"):
            if user.id != SUPERUSER_ID and user not in leaving and owned._may_own(user, company):
                return user.sudo(False)
        return self.env["res.users"].browse(SUPERUSER_ID)

    def _care_tz(self):
        """The zone in which this company's days begin and end."""
        return self.resource_calendar_id.tz or self.partner_id.tz or self.env.user.tz or "UTC"

    def _care_answer_by(self, moment):
        """When a hand-off of ``moment`` has to be answered (both naive UTC)."""
        self.ensure_one()
        # sudo: a figure of the company, whoever hands over
        company = self.sudo()
        hours = company.care_handoff_hours or 4.0
        try:
            worktime = self.env["care.worktime"]._get(company.resource_calendar_id, company)
            return worktime._apply("add", moment.replace(microsecond=0), round(hours * 3600))[1]
        except UserError:  # no usable hours: the same time tomorrow
            return moment + timedelta(days=1)

    def _care_promised_hours(self, measures, tier=None):
        """What everybody in this company is promised, or the customers of a tier: a hook.

        Without service levels nothing is promised.

        :param measures: names of measures, such as ``first_response``
        :param tier: a tier; empty for everybody
        :return: dict measure -> open hours, of those that have a promise
        """
        return {}

    def _care_worktime_of(self, calendar):
        """Working time of ``calendar`` in this company; None where the hours are unusable.

        A follow-up then falls on the plain calendar day: a promise to a customer is
        not lost because a calendar has no hours.
        """
        self.ensure_one()
        if not calendar:
            return None
        try:
            return self.env["care.worktime"]._get(calendar, self)
        except UserError:
            return None

    def _care_workdays(self, users):
        """The days on which ``users`` work in this company: opening hours less their own
        time off.

        :return: dict user -> :class:`Workdays`
        """
        self.ensure_one()
        # sudo: when a colleague is away
        users = users.sudo()
        away = (
            self.env["resource.calendar.leaves"]
            .sudo()
            .search_fetch(
                [
                    ("resource_id.user_id", "in", users.ids),
                    ("time_type", "=", "leave"),
                    ("date_to", ">=", self.env.cr.now()),
                ],
                ["resource_id", "date_from", "date_to"],
            )
        )
        away = away.grouped(lambda leave: leave.resource_id.user_id)
        memo = {}
        return {
            user.sudo(self.env.su): self._care_workdays_of(user, away.get(user, ()), memo)
            for user in users
        }

    def _care_workdays_of(self, user, away, memo):
        """
        :param dict memo: calendar -> its working time, what a batch shares, filled here
        """
        # sudo: a colleague's calendar
        calendar = user.sudo().resource_calendar_id or self.resource_calendar_id
        if calendar not in memo:
            memo[calendar] = self._care_worktime_of(calendar)
        worktime = memo[calendar]
        if worktime:
            # sudo: a snapshot of opening hours, read by the engine
            zone = worktime.sudo().tz
        else:
            zone = user.tz or self._care_tz()
        known = [worktime]

        def segments(start, end):
            try:
                known[0], pieces = known[0]._apply("segments", start, end)
            except UserError:  # further away than anything is known
                return [(start, end)]
            return pieces

        return Workdays(
            pytz.timezone(zone),
            segments if worktime else None,
            [(leave.date_from, leave.date_to) for leave in away],
        )
