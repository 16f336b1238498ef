from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError


class CarePeriodReport(models.TransientModel):
    """What the register says about a period: for the management review, on paper."""

    _name = "care.period.report"
    _description = "Period report"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date_from = fields.Date("From", required=True, default=lambda self: self._default_from())
    date_to = fields.Date("To", required=True, default=lambda self: self._default_to())
    team_id = fields.Many2one(
        "care.team",
        "Team",
        domain="[('company_id', '=', company_id)]",
        help="Empty: all teams that you may see.",
    )

    @api.model
    def _default_to(self):
        """The last day of the last month."""
        return fields.Date.context_today(self).replace(day=1) - timedelta(days=1)

    @api.model
    def _default_from(self):
        return self._default_to().replace(day=1)

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for wizard in self:
            if wizard.date_from > wizard.date_to:
                raise UserError(self.env._("The period ends before it begins: swap the dates."))

    def action_print(self):
        """The report as PDF."""
        self.ensure_one()
        self.check_access("read")
        return self.env.ref("customer_care.action_report_period").report_action(self)

    def _moments(self):
        """The period in naive UTC: from, and the moment after it."""
        zone = pytz.timezone(self.company_id._care_tz())

        def start(day):
            local = zone.localize(datetime.combine(day, time.min))
            return local.astimezone(pytz.utc).replace(tzinfo=None)

        return start(self.date_from), start(self.date_to + timedelta(days=1))

    def _domain(self):
        """What belongs to the company and team of this report; of any model that has both."""
        domain = [("company_id", "=", self.company_id.id)]
        if self.team_id:
            domain.append(("team_id", "=", self.team_id.id))
        return domain

    def _domain_between(self, moment):
        """The same, with a moment that lies in the period.

        :param str moment: a field with date and time
        """
        start, end = self._moments()
        return [*self._domain(), (moment, ">=", start), (moment, "<", end)]

    def _cases_domain(self):
        # told twice is received once
        return [*self._domain_between("received_at"), ("told_twice", "=", False)]

    def _facts_domain(self):
        return [*self._domain(), ("day", ">=", self.date_from), ("day", "<=", self.date_to)]
