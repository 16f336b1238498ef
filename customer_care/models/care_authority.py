import math
from collections import defaultdict, namedtuple

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_amount

REMEDIES = [
    ("explanation", "Explanation"),
    ("apology", "Apology"),
    ("refund", "Refund"),
    ("compensation", "Compensation"),
    ("replacement", "Replacement"),
    ("repair", "Repair"),
    ("discount", "Discount on the next order"),
    ("return", "Return"),
]
#: Remedies that give nothing away: anybody may.
FREE = ("explanation", "apology", "return")
ROLES = [("agent", "Agents"), ("leader", "Team leaders"), ("manager", "Managers")]
#: The highest first.
LADDER = ("manager", "leader", "agent")

#: What one's authority says of one amount. ``left`` is None where there is no limit.
Verdict = namedtuple("Verdict", "allowed rule left scope")


def check_amounts(model, vals):
    """Refuse what is no amount or quantity: less than nothing, endless, not a number."""
    for name in ("amount", "quantity"):
        # also refuses what is not a number, which is greater and smaller than nothing
        if not 0 <= (vals.get(name) or 0) < 1e12:
            raise UserError(model.env._("Enter an amount of 0 or more."))


class CareAuthority(models.Model):
    """How much somebody may give away alone: at once, on one case, on one order, in one day.

    The most specific row decides: for the person, then for their team, then for their role; among
    those a row for the kind of remedy before one for all, the company's own before a shared one.
    Without any row somebody decides nothing alone that costs.
    """

    _name = "care.authority"
    _description = "Limit of authority"
    _order = "sequence, id"
    _check_company_auto = True

    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", index=True, help="Leave empty for all companies.")
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
        help="The currency of these limits; elsewhere they are converted at the day's rate.",
    )
    who = fields.Selection(
        [("role", "A role"), ("team", "The agents of a team"), ("user", "A person")],
        "For",
        required=True,
        default="role",
    )
    role = fields.Selection(ROLES)
    team_id = fields.Many2one(
        "care.team", "Team", check_company=True, index="btree_not_null", ondelete="cascade"
    )
    user_id = fields.Many2one(
        "res.users",
        "Person",
        index="btree_not_null",
        ondelete="cascade",
        domain="[('share', '=', False)]",
    )
    kind = fields.Selection(REMEDIES, "Remedy", help="Leave empty for all that cost something.")
    is_unlimited = fields.Boolean("No Limit")
    amount = fields.Monetary("At Once")
    case_amount = fields.Monetary(
        "On One Case",
        help="What may be given on one case in all, whoever gives it without asking. "
        "0: as much as at once.",
    )
    order_amount = fields.Monetary(
        "On One Order",
        help="What may be given on one order in all, whoever gives it without asking. "
        "0: as much as at once.",
    )
    day_amount = fields.Monetary(
        "In One Day", help="What one person may give in one day. 0: as much as at once."
    )

    _amounts = models.Constraint(
        "CHECK (amount >= 0 AND case_amount >= 0 AND order_amount >= 0 AND day_amount >= 0)",
        "Limits are amounts of 0 or more.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("who", "role", "team_id", "user_id", "kind")
    def _compute_display_name(self):
        roles = dict(self._fields["role"]._description_selection(self.env))
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for rule in self:
            who = {
                "role": roles.get(rule.role),
                "team": rule.team_id.display_name,
                "user": rule.user_id.display_name,
            }.get(rule.who)
            rule.display_name = f"{who or ''}: {kinds.get(rule.kind) or self.env._('all remedies')}"

    @api.constrains("who", "role", "team_id", "user_id")
    def _check_who(self):
        for rule in self:
            given = {"role": rule.role, "team": rule.team_id, "user": rule.user_id}
            if not given[rule.who]:
                raise ValidationError(self.env._("Say for whom this limit is."))

    @api.onchange("who")
    def _onchange_who(self):
        for rule in self:
            if rule.who != "role":
                rule.role = False
            if rule.who != "team":
                rule.team_id = False
            if rule.who != "user":
                rule.user_id = False

    @api.model
    def _create_defaults(self):
        """Limits to start with, for an upgrade: those that data give a new database. Where there
        is any limit already, nothing is added.
        """
        if self.with_context(active_test=False).search_count([], limit=1):
            return self.browse()
        shared = {"who": "role", "company_id": False}
        return self.create(
            [
                {
                    **shared,
                    "role": "agent",
                    "sequence": 30,
                    "amount": 50,
                    "case_amount": 50,
                    "order_amount": 100,
                    "day_amount": 200,
                },
                {
                    **shared,
                    "role": "leader",
                    "sequence": 20,
                    "amount": 500,
                    "case_amount": 500,
                    "order_amount": 1000,
                    "day_amount": 2000,
                },
                {**shared, "role": "manager", "sequence": 10, "is_unlimited": True},
            ]
        )

    # ------------------------------------------------------------
    # Which limit
    # ------------------------------------------------------------

    @api.model
    def _rules(self, company):
        """The limits that count in ``company``, as superuser."""
        # sudo: limits are looked up for whoever asks
        return self.sudo().search([("company_id", "in", (False, company.id))])

    @api.model
    def _rule_of(self, user, company, kind, rules=None):
        """The row that says how much ``user`` may give alone; empty if none does."""
        rules = self._rules(company) if rules is None else rules
        # sudo: somebody's role and teams
        user = user.sudo()
        if not user.active or user.share or company not in user.company_ids:
            return rules.browse()
        roles = [role for role in LADDER if user.has_group(f"customer_care.group_{role}")]
        if not roles:
            return rules.browse()

        def nearness(rule):
            if rule.who == "user":
                near = 0 if rule.user_id == user else None
            elif rule.who == "team":
                # a leader has a leader's limit in their team too
                inside = roles[0] == "agent" and user in rule.team_id.member_ids
                near = 1 if inside else None
            else:
                near = 2 + roles.index(rule.role) if rule.role in roles else None
            if near is None or rule.kind not in (False, kind):
                return None
            return (near, not rule.kind, not rule.company_id, rule.sequence, rule.id)

        known = [(near, rule) for rule in rules if (near := nearness(rule)) is not None]
        return min(known, key=lambda pair: pair[0])[1] if known else rules.browse()

    def _limits(self, company):
        """What this row allows, in ``company``'s currency at today's rate: nothing without one.

        :return: dict ``once``, ``case``, ``order``, ``day`` -> amount
        """
        self.ensure_one()
        names = {
            "once": self.amount,
            "case": self.case_amount or self.amount,
            "order": self.order_amount or self.amount,
            "day": self.day_amount or self.amount,
        }
        worth = self.env["care.outlay"]._worth
        limits = {}
        for scope, amount in names.items():
            limit, rated = worth(amount, self.currency_id, company)
            limits[scope] = limit if rated else 0.0
        return limits

    # ------------------------------------------------------------
    # What is left of it
    # ------------------------------------------------------------

    @api.model
    def _verdict(self, user, company, kind, parts, **context):
        """Whether ``user`` may give this away alone.

        :param list parts: (case, order, amount in the company's currency) of one gesture
        :param context: as for :class:`Purse`
        :rtype: Verdict
        """
        return Purse(self, user, company, **context).verdict(kind, parts)

    @api.model
    def _approvers(self, company, team, kind, parts, among=None, **context):
        """Who may say yes to this: the leader of ``team`` and the company's managers, as far as
        their own authority goes. The leader comes first.

        :param among: look at these users alone
        """
        # sudo: who leads is no secret
        candidates = team.sudo().leader_id | company._care_managers().sorted("name")
        if among is not None:
            candidates &= among
        rules = self._rules(company)
        return candidates.filtered(
            lambda user: (
                Purse(self, user, company, rules=rules, **context).verdict(kind, parts).allowed
            )
        ).sudo(False)

    @api.model
    def _explain(self, verdict, company):
        """A sentence about what is left, in the reader's language."""
        if verdict.left is None:
            return (
                self.env._("There is no limit for you.")
                if verdict.rule
                else self.env._("It gives nothing away.")
            )
        left = format_amount(self.env, max(verdict.left, 0), company.currency_id)
        scopes = {
            "once": self.env._("You may give up to %s at once.", left),
            "case": self.env._("You may give up to %s more on this case.", left),
            "order": self.env._("You may give up to %s more on this order.", left),
            "day": self.env._("You may give up to %s more today.", left),
            "none": self.env._("You have no authority to give this alone."),
            "rate": self.env._("There is no rate for this currency."),
        }
        return scopes[verdict.scope]

    # ------------------------------------------------------------
    # Gestures outside of our own screens
    # ------------------------------------------------------------

    @api.model
    def _binds(self, user, company):
        """Whether a limit stops ``user`` from posting and paying: it stops people of Customer
        Care who are not accountants, or whom the company says.
        """
        # sudo: a setting of the company and somebody's groups
        user, scope = user.sudo(), company.sudo().care_authority_scope
        if user.share or scope == "remedies":
            return False
        if scope == "all":
            return True
        accountant = user.has_group("account.group_account_user") or user.has_group(
            "account.group_account_manager"
        )
        return user.has_group("customer_care.group_agent") and not accountant

    @api.model
    def _gestures(self, gestures):
        """Somebody, or the machine, is giving money away outside of the register: stop who is
        bound by a limit and goes beyond it; write down the rest.

        :param list[dict] gestures: ``company``, ``kind``, ``parts`` as for :meth:`_verdict`,
            ``known`` (the part of it that was written down before), ``rated`` (whether there is
            a rate for its currency; without one nobody has authority), ``free`` (why nobody is
            stopped, or False), and ``vals`` of the rows
        :raise UserError: beyond a limit
        """
        user, rows = self.env.user, defaultdict(list)
        purses = {}
        for gesture in gestures:
            company, total = gesture["company"], sum(part[2] for part in gesture["parts"])
            new = total - gesture["known"]
            if company.currency_id.compare_amounts(total, 0) <= 0:
                continue
            if company not in purses:
                purses[company] = Purse(self, user, company, skip=gestures)
            purse = purses[company]
            verdict = purse.verdict(gesture["kind"], gesture["parts"])
            if not gesture["rated"] and (not verdict.rule or not verdict.rule.is_unlimited):
                verdict = Verdict(False, None, 0.0, "rate")
            free = gesture["free"] or (
                not self._binds(user, company)
                and ("scope" if company.sudo().care_authority_scope == "remedies" else "accountant")
            )
            if not verdict.allowed and not free:
                raise UserError(self._refusal(verdict, company, total, gesture))
            purse.spend(gesture["kind"], gesture["parts"])
            if company.currency_id.compare_amounts(new, 0) > 0:
                decision = "alone" if verdict.allowed else "outside"
                rows[bool(free)] += [
                    {
                        "decision": decision,
                        "reason": False if verdict.allowed else free,
                        "company_id": company.id,
                        "kind": gesture["kind"],
                        "case_id": case.id,
                        "order_id": order.id,
                        "amount": amount * new / total,
                        **gesture["vals"],
                    }
                    for case, order, amount in gesture["parts"]
                ]
        for free, vals_list in rows.items():
            # nothing that may not be stopped waits for, or fails because of, somebody else
            self.env["care.outlay"]._record(vals_list, exclusive=not free)

    @api.model
    def _refusal(self, verdict, company, total, gesture):
        amount = format_amount(self.env, total, company.currency_id)
        who = self._approvers(
            company, self.env["care.team"], gesture["kind"], gesture["parts"]
        ).sudo()
        return self.env._(
            "%(amount)s for %(customer)s is more than you may give alone. %(left)s Offer it as a "
            "remedy on the customer's case and ask for approval there%(who)s.",
            amount=amount,
            customer=gesture["customer"].display_name,
            left=self._explain(verdict, company),
            who=who and self.env._(" (%s can approve)", ", ".join(who.mapped("name"))) or "",
        )


class Purse:
    """What one person has given so far, read once, and what is left of it.

    :param skip: a remedy, or gestures, whose own rows do not count
    """

    def __init__(self, authority, user, company, rules=None, skip=None):
        self.authority, self.user, self.company = authority, user, company
        self.rules = authority._rules(company) if rules is None else rules
        self.skip = skip
        self.limits, self.used = {}, {}

    def verdict(self, kind, parts):
        """Whether this may be given now, and what is left by the tightest limit."""
        total = sum(amount for _case, _order, amount in parts)
        compare = self.company.currency_id.compare_amounts
        if not math.isfinite(total) or any(amount < 0 for _case, _order, amount in parts):
            return Verdict(False, None, 0.0, "none")
        if kind in FREE and not compare(total, 0):
            return Verdict(True, None, None, "once")
        rule = self.authority._rule_of(self.user, self.company, kind, self.rules)
        if not rule:
            return Verdict(False, rule, 0.0, "none")
        if rule.is_unlimited:
            return Verdict(True, rule, None, "once")
        sheet = self.sheet(rule, parts)
        scope, limit, given, _amount = min(sheet, key=lambda item: item[1] - item[2])
        allowed = all(compare(amount, limit - given) <= 0 for _scope, limit, given, amount in sheet)
        return Verdict(allowed, rule, limit - given, scope)

    def sheet(self, rule, parts):
        """How much of all this may be given, by each limit of ``rule``.

        :return: list of tuples scope, limit, what was given so far, what is given now
        """
        if rule not in self.limits:
            self.limits[rule] = rule._limits(self.company)
        limits = self.limits[rule]
        total = sum(amount for _case, _order, amount in parts)
        # a shared row is one limit, wherever the person works
        day = self._spent("day" if rule.company_id else "everywhere", False, rule)
        sheet = [("once", limits["once"], 0.0, total), ("day", limits["day"], day, total)]
        for scope, place in (("case", 0), ("order", 1)):
            sums = defaultdict(float)
            for part in parts:
                if part[place]:
                    sums[part[place]] += part[2]
            sheet += [
                (scope, limits[scope], self._spent(scope, record, rule), amount)
                for record, amount in sums.items()
            ]
        return sheet

    def spend(self, kind, parts):
        """Count this as given, for what follows in the same gesture."""
        for case, order, amount in parts:
            for scope, record in (("day", False), ("case", case), ("order", order)):
                if scope == "day" or record:
                    self._sums(scope, record)[kind] += amount
            self._sums("everywhere", False)[kind] += amount

    def _spent(self, scope, record, rule):
        sums = self._sums(scope, record)
        # a limit for one kind of remedy counts that kind, one for all counts all
        return sums[rule.kind] if rule.kind else sum(sums.values())

    def _sums(self, scope, record):
        key = (scope, record and record.id)
        if key not in self.used:
            self.used[key] = self.authority.env["care.outlay"]._spent(
                self.user, self.company, scope, record, self.skip
            )
        return self.used[key]
