import logging
from collections import defaultdict

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError
from odoo.fields import Domain
from odoo.tools import SQL

from .care_authority import REMEDIES
from .care_due_mixin import insert_new, run_guarded

_logger = logging.getLogger(__name__)


class CareOutlay(models.Model):
    """Something given away: what, how much, who, for whom. Written by the engine, never changed.

    What was decided within a limit is what the limits are reckoned from; what went past one is
    listed for the manager, with why nobody stopped it.
    """

    _name = "care.outlay"
    _description = "Given away"
    _inherit = ["care.engine.mixin"]
    _order = "id desc"
    _rec_name = "name"

    name = fields.Char("What", required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    amount = fields.Monetary(required=True, readonly=True)
    kind = fields.Selection(REMEDIES, "Kind", required=True, readonly=True)
    source = fields.Selection(
        [
            ("remedy", "Remedy"),
            ("credit_note", "Credit note"),
            ("payment", "Payment"),
            ("provider", "Refund by the payment provider"),
        ],
        "By",
        required=True,
        readonly=True,
    )
    decision = fields.Selection(
        [
            ("alone", "Within the limit"),
            ("approved", "Approved"),
            ("outside", "Outside authority"),
        ],
        required=True,
        readonly=True,
    )
    reason = fields.Selection(
        [
            ("accountant", "An accountant is not stopped"),
            ("scope", "Only remedies have limits here"),
            ("provider", "The provider had paid already"),
            ("till", "A till is not stopped"),
            ("machine", "Done by the system"),
        ],
        "Why Not Stopped",
        readonly=True,
    )
    user_id = fields.Many2one(
        "res.users", "Who", required=True, readonly=True, ondelete="restrict", index=True
    )
    day = fields.Date(required=True, readonly=True, help="The company's own day.")
    partner_id = fields.Many2one(
        "res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null"
    )
    case_id = fields.Many2one("care.case", readonly=True, ondelete="set null")
    order_id = fields.Many2one("sale.order", "Order", readonly=True, ondelete="set null")
    remedy_id = fields.Many2one(
        "care.remedy", readonly=True, ondelete="set null", index="btree_not_null"
    )
    move_id = fields.Many2one(
        "account.move", "Credit Note", readonly=True, ondelete="set null", index="btree_not_null"
    )
    payment_id = fields.Many2one(
        "account.payment", "Payment", readonly=True, ondelete="set null", index="btree_not_null"
    )
    transaction_id = fields.Many2one(
        "payment.transaction", readonly=True, ondelete="set null", index="btree_not_null"
    )
    number = fields.Integer(readonly=True)
    told_at = fields.Datetime("In the Daily List", readonly=True)

    _amount = models.Constraint(
        "CHECK (amount >= 0 AND amount < 1000000000000)", "An amount of 0 or more."
    )
    # Two decisions at once take the same number: the second starts again and sees the first.
    _number_uniq = models.UniqueIndex("(company_id, number) WHERE number > 0")
    _day_idx = models.Index("(user_id, day, company_id) WHERE decision <> 'outside'")
    _case_idx = models.Index("(case_id) WHERE case_id IS NOT NULL")
    _order_idx = models.Index("(order_id) WHERE order_id IS NOT NULL")
    _outside_idx = models.Index("(company_id, day, id) WHERE decision = 'outside'")
    _untold_idx = models.Index("(company_id) WHERE decision = 'outside' AND told_at IS NULL")

    # ------------------------------------------------------------
    # Writing down
    # ------------------------------------------------------------

    @api.model
    def _record(self, vals_list, exclusive=True):
        """Write down what is given now by the present user.

        :param bool exclusive: nobody else in the company decides at the same moment; whoever is
            second starts again
        :return: the rows, as superuser
        """
        # sudo: the ledger is the engine's, whoever gives
        rows = self.sudo()
        number, shared = {}, {"user_id": self.env.uid}
        prepared = []
        for vals in vals_list:
            company = self.env["res.company"].browse(vals["company_id"])
            if exclusive and company not in number:
                number[company] = rows._last_number(company)
            if exclusive:
                number[company] += 1
            prepared.append(
                {
                    "reason": False,
                    "partner_id": False,
                    "case_id": False,
                    "order_id": False,
                    "remedy_id": False,
                    "move_id": False,
                    "payment_id": False,
                    "transaction_id": False,
                    "statement_line_id": False,
                    **shared,
                    "day": rows._today(company),
                    "number": number[company] if exclusive else 0,
                    **vals,
                }
            )
        new = insert_new(rows, prepared)
        if len(new) != len(prepared):
            raise ConcurrencyError("Somebody else has decided at the same moment")
        return new

    @api.model
    def _last_number(self, company):
        self.flush_model(["number", "company_id"])
        ((number,),) = self.env.execute_query(
            SQL(
                "SELECT COALESCE(MAX(number), 0) FROM care_outlay"
                " WHERE company_id = %s AND number > 0",
                company.id,
            )
        )
        return number

    @api.model
    def _today(self, company):
        return fields.Date.context_today(
            self.with_context(tz=company._care_tz()), self.env.cr.now()
        )

    # ------------------------------------------------------------
    # Reckoning
    # ------------------------------------------------------------

    @api.model
    def _worth(self, amount, currency, company, day=None):
        """What is given, in the company's currency: at today's rate, or at that of a later
        ``day``. An older day is no way to a better rate.

        :return: tuple amount, whether there is a rate; without one it counts one for one
        """
        today = self._today(company)
        day = max(day or today, today)
        worth = currency._convert(abs(amount), company.currency_id, company, day)
        return worth, self._is_rated(currency, company)

    @api.model
    def _is_rated(self, currency, company):
        """Whether amounts in ``currency`` say how much they are in the company's own."""
        # sudo: rates, for whoever gives
        return currency == company.currency_id or bool(
            self.env["res.currency.rate"]
            .sudo()
            .search_count(
                [
                    ("currency_id", "=", currency.id),
                    ("company_id", "in", (False, company.root_id.id)),
                ],
                limit=1,
            )
        )

    @api.model
    def _live_domain(self):
        """What counts as given: a remedy that was called off and a credit note that is not posted
        do not; money that went does, whatever became of the record.
        """
        return Domain(
            [
                "|",
                ("source", "!=", "remedy"),
                ("remedy_id.state", "not in", ("draft", "asked", "declined", "cancelled")),
                "|",
                ("source", "!=", "credit_note"),
                "|",
                ("move_id.state", "=", "posted"),
                "&",
                ("move_id.state", "=", "draft"),
                ("move_id.auto_post", "!=", "no"),
            ]
        )

    @api.model
    def _spent(self, user, company, scope, record, skip):
        """What was given so far in one scope.

        On a case or an order counts what anybody gave alone, and what ``user`` approved: passing
        it on makes no new limit.

        :param str scope: ``day``, ``case`` or ``order``, or ``everywhere``: the day in all
            companies, in the currency of ``company``
        :param skip: see :class:`Purse`
        :return: dict kind of remedy -> amount
        """
        domain = self._live_domain()
        if scope != "everywhere":
            domain &= Domain("company_id", "=", company.id)
        if scope in ("day", "everywhere"):
            domain &= Domain("user_id", "=", user.id) & Domain("day", "=", self._today(company))
            domain &= Domain("decision", "in", ("alone", "approved"))
        else:
            mine = Domain("decision", "=", "alone")
            mine |= Domain("decision", "=", "approved") & Domain("user_id", "=", user.id)
            domain &= Domain(f"{scope}_id", "=", record.id) & mine
        domain &= self._skipped(skip)
        # sudo: the sums are reckoned for whoever decides
        sums = self.sudo()._read_group(domain, ["company_id", "kind"], ["amount:sum"])
        result = defaultdict(float)
        for where, kind, amount in sums:
            result[kind] += self._worth(amount, where.currency_id, company)[0]
        return result

    @api.model
    def _skipped(self, skip):
        if not skip:
            return Domain.TRUE
        if isinstance(skip, models.BaseModel):
            return Domain("remedy_id", "not in", skip.ids)
        domain = Domain.TRUE
        for name in ("move_id", "payment_id", "statement_line_id"):
            ids = [gesture["vals"][name] for gesture in skip if gesture["vals"].get(name)]
            if ids:
                domain &= Domain(name, "not in", ids)
        return domain

    @api.model
    def _known(self, name, records):
        """What was written down of these documents so far.

        :return: dict document -> amount
        """
        # sudo: as in `_spent`
        return defaultdict(
            float, self.sudo()._read_group([(name, "in", records.ids)], [name], ["amount:sum"])
        )

    # ------------------------------------------------------------
    # The daily list
    # ------------------------------------------------------------

    @api.model
    def _cron_tell(self):
        """Tell the managers of each company what went past a limit, each thing once."""
        # sudo: a cron of the engine
        outlays = self.sudo()
        untold = [("decision", "=", "outside"), ("told_at", "=", False)]
        groups = outlays._read_group(untold, ["company_id"])
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=len(groups))

        def tell(company):
            rows = outlays.search([*untold, ("company_id", "=", company.id)])
            rows.try_lock_for_update(allow_referencing=True)._tell_managers(company)

        def log(company, error):
            _logger.warning("The daily list of %s: %s", company, error, exc_info=error)

        for (company,) in groups:
            try:
                run_guarded(company, tell, log)
            except (ConcurrencyError, psycopg2.extensions.TransactionRollbackError):
                # somebody was faster: what was not told is told by the next run
                self.env.cr.rollback()
            if not cron._commit_progress(1):
                break

    def _tell_managers(self, company):
        """Mail the list to the managers; to whom no mail goes, it is an activity."""
        if not self:
            return
        template = self.env.ref("customer_care.mail_template_outlays", raise_if_not_found=False)
        managers = company._care_managers() or company.care_default_owner_id
        mailed = managers.filtered("email") if template else managers.browse()
        for manager in mailed:
            told = template.with_context(lang=manager.lang, care_outlays=self.ids)
            told.send_mail(
                company.id,
                email_values={
                    "email_to": manager.email_formatted,
                    "recipient_ids": [],
                },
            )
        if mailed:
            self.env["care.due.mixin"]._wake_mail_queue()
        elif managers:
            self._plan_reading(company, managers)
        else:
            return  # nobody has read it: it waits for a manager
        self.write({"told_at": self.env.cr.now()})

    def _plan_reading(self, company, managers):
        """An activity on the company's contact: to whom no mail can go."""
        today = self._today(company)

        def say(contact):
            return {
                "summary": contact.env._(
                    "%(count)s things went past a limit: look at Outside Authority",
                    count=len(self),
                ),
                "date_deadline": today,
            }

        self.env["mail.activity"]._care_tell(
            "mail.mail_activity_data_todo",
            ((company.partner_id, manager, say) for manager in managers),
        )
