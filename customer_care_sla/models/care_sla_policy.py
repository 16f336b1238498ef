from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import ormcache

from odoo.addons.customer_care.models.care_due_mixin import reraise_if_concurrent

from .care_sla_measure import MEASURES_BY_NAME

#: Whom a record may wait for, and the policy's fields that say whether, and for how long, its
#: clocks stand still then.
PAUSES = {
    "customer": ("pause_customer", "pause_customer_cap"),
    "third_party": ("pause_third_party", "pause_third_party_cap"),
}


#: How near a policy may be to a record, the nearest first; clocks keep these words.
RANKS = ("customer", "sold", "tier", "everybody")
CUSTOMER, SOLD, TIER, EVERYBODY = range(len(RANKS))


class Line(NamedTuple):
    """What a policy says about one measure."""

    target_id: int
    kind: str
    amount: float


class Policy(NamedTuple):
    """A policy as plain values."""

    id: int
    model: str  # of the records that it is about
    partners: frozenset
    tiers: frozenset
    filtered: bool
    calendar_id: int
    lines: dict  # (measure, severity or any, stage id, category or False) -> Line
    levels: tuple  # of care_sla_level.Level
    terms: dict  # see `care.sla.clock.terms`

    def line(self, measure, severity, stage_id=0, category=""):
        """The line for this stage comes before the one for its category, and the line for this
        severity before the one for any.
        """
        where = (stage_id, category) if measure == "stage" else (False,)
        for place in where:
            for known in (severity, "any"):
                line = self.lines.get((measure, known, place))
                if line:
                    return line
        return None


class Book(NamedTuple):
    """What a company promises."""

    policies: tuple  # of :class:`Policy`, in order
    promised: frozenset  # (model, measure) of all their lines

    def of(self, model):
        return [policy for policy in self.policies if policy.model == model]


class Choice(NamedTuple):
    """The policy that makes a promise, and why it is this one."""

    policy: Policy | None
    line: Line | None
    why: list  # [policy id, code] for each policy that was looked at, in order
    error: str = ""


class CareSlaPolicy(models.Model):
    """The promise made to a class of customers.

    Policies are read through :meth:`_book`: plain values, fetched once and kept in each
    process under a version that stands on the company. The version is read in the same
    transaction as all the rest, so what is kept can never be out of date.
    """

    _name = "care.sla.policy"
    _description = "SLA policy"
    _inherit = ["care.rule.mixin"]
    _check_company_auto = True

    event = fields.Selection(default="case_opened", readonly=True)
    # a new one never takes precedence by itself
    sequence = fields.Integer(default=lambda self: self._default_sequence())
    partner_ids = fields.Many2many(
        "res.partner",
        "care_sla_policy_partner_rel",
        "policy_id",
        "partner_id",
        string="Customers",
        ondelete="restrict",
        help="Promised to these customers and their contacts, before anything else.",
    )
    tier_ids = fields.Many2many(
        "care.tier",
        "care_sla_policy_tier_rel",
        "policy_id",
        "tier_id",
        string="Tiers",
        ondelete="restrict",
        help="Promised to the customers of these tiers. Without customers and tiers the "
        "promise is made to everybody.",
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        "Working Hours",
        check_company=True,
        help="The hours that count. Empty: those of the team, or else of the company.",
    )
    pause_customer = fields.Boolean(
        "Wait for the Customer",
        default=True,
        help="While a case waits for its customer, the time to its solution stands still. "
        "Answers never stand still, and what the law says does not either.",
    )
    pause_customer_cap = fields.Float(
        "At Most",
        help="Working hours that a promise stands still in all, waiting for the customer. Then it "
        "runs on, and the owner is told. 0: as long as it takes.",
    )
    pause_third_party = fields.Boolean(
        "Wait for a Third Party",
        help="The customer did not choose our suppliers: usually the time runs on.",
    )
    pause_third_party_cap = fields.Float(
        "At Most for Them",
        help="Working hours that a promise stands still in all, waiting for a third party. 0: as "
        "long as it takes.",
    )
    reopen_mode = fields.Selection(
        [
            ("resume", "Go on with the promise"),
            ("new", "Make a new promise"),
        ],
        "When It Is Not Solved After All",
        required=True,
        default="resume",
        help="Go on: what is left of the time is left, and the days in which we thought that it "
        "was solved do not count. A new promise has the whole time again; what the first one came "
        "to stays as it is.",
    )
    target_ids = fields.One2many("care.sla.target", "policy_id", "Promises", copy=True)
    level_ids = fields.One2many("care.sla.level", "policy_id", "Who Is Told", copy=True)
    has_stage_lines = fields.Boolean(compute="_compute_has_stage_lines")
    clock_ids = fields.One2many("care.sla.clock", "policy_id", "Clocks")
    clock_count = fields.Integer(compute="_compute_clock_count")

    _cap_check = models.Constraint(
        "CHECK (pause_customer_cap >= 0 AND pause_third_party_cap >= 0)",
        "A promise stands still for 0 hours or more.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _default_sequence(self):
        every = [("active", "in", [True, False])]
        last = self.search(every, order="sequence desc", limit=1)
        return last.sequence + 10

    @api.model
    def _selection_event(self):
        return [("case_opened", self.env._("Case opened"))]

    @api.depends("target_ids.measure")
    def _compute_has_stage_lines(self):
        for policy in self:
            policy.has_stage_lines = "stage" in policy.target_ids.mapped("measure")

    def _compute_clock_count(self):
        counts = dict(
            self.env["care.sla.clock"]._read_group(
                [("policy_id", "in", self.ids), ("state", "in", ("running", "paused"))],
                ["policy_id"],
                ["__count"],
            )
        )
        for policy in self:
            policy.clock_count = counts.get(policy, 0)

    def _compute_retry_ids(self):
        """Clocks that cannot be planned wait themselves: see ``care.sla.clock``."""
        result = super()._compute_retry_ids()
        # sudo: a policy's reader sees its errors, whatever cases they may see
        clocks = self.env["care.sla.clock"].sudo()
        waiting = {
            policy.id: (count, clocks.browse(last))
            for policy, count, last in clocks._read_group(
                [("policy_id", "in", self.ids), ("state", "in", clocks._waiting_states)],
                ["policy_id"],
                ["__count", "id:max"],
            )
        }
        for policy in self:
            count, last = waiting.get(policy.id, (0, clocks))
            policy.retry_count += count
            policy.last_error = last.error or policy.last_error
        return result

    @api.constrains("calendar_id", "company_id")
    def _check_calendar(self):
        for policy in self.filtered("calendar_id"):
            self.env["care.worktime"]._check_calendar(policy.calendar_id, policy.company_id)

    @api.constrains("target_ids", "active")
    def _check_target_ids(self):
        for policy in self:
            if policy.active and not policy.target_ids:
                raise ValidationError(
                    self.env._(
                        "“%s” promises nothing yet: add what is promised, and by when.",
                        policy.name,
                    )
                )

    # ------------------------------------------------------------
    # Create, write, unlink
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        policies = super().create(vals_list)
        policies._changed()
        return policies

    def write(self, vals):
        companies = self._companies()
        result = super().write(vals)
        if "company_id" in vals:
            # the rules again: nobody promises for a company in which they do not work
            self.check_access("write")
        self._changed(companies)
        return result

    def unlink(self):
        companies = self._companies()
        result = super().unlink()
        self.browse()._changed(companies)
        return result

    def action_open_clocks(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_sla.care_sla_clock_action"
        )
        action["domain"] = [("policy_id", "=", self.id)]
        action["context"] = {}
        return action

    # ------------------------------------------------------------
    # The book of policies
    # ------------------------------------------------------------

    def _companies(self):
        """The companies whose cases these policies may be for."""
        # sudo: a policy without a company is for companies its editor may not see
        companies = self.sudo().mapped("company_id")
        if any(not policy.company_id for policy in self.sudo()):
            companies = companies.search(fields.Domain.TRUE)  # there are few
        return companies

    def _changed(self, companies=None):
        """A new version of the book, and another try for what could not be planned."""
        companies = self._companies() | (companies or self.env["res.company"])
        companies._care_sla_changed()
        self.env["care.sla.clock"]._wake(companies)

    @api.model
    def _book_of(self, company):
        """The policies of a company, in order: a :class:`Book`."""
        # sudo: policies and their version belong to the company, not to the user
        return self.sudo()._book(company.id, company.sudo().care_sla_version)

    @api.model
    @ormcache("company_id", "version")
    def _book(self, company_id, version):
        policies = self.with_context(active_test=True, prefetch_langs=False).search(
            [("company_id", "in", (False, company_id))]
        )
        # a promise to an archived customer or tier is no promise to everybody
        return policies.with_context(active_test=False)._as_book()

    def _as_book(self):
        """These policies, in their order, as plain values."""
        book = tuple(
            Policy(
                policy.id,
                policy.res_model,
                frozenset(policy.partner_ids._ids),
                frozenset(policy.tier_ids._ids),
                (policy.filter_domain or "[]").strip() != "[]",
                policy.calendar_id.id,
                {
                    (target.measure, target.severity, target._place()): Line(
                        target.id, target.kind, target.amount
                    )
                    for target in policy.target_ids
                },
                policy.level_ids._plain(),
                policy._terms(),
            )
            for policy in self
        )
        return Book(
            book, frozenset((policy.model, line[0]) for policy in book for line in policy.lines)
        )

    def _terms(self):
        """What holds for the clocks of this policy while they run: see ``care.sla.clock``."""
        self.ensure_one()
        waits = {
            reason: round(self[cap] * 3600)
            for reason, (allowed, cap) in PAUSES.items()
            if self[allowed]
        }
        return {"waits": waits, "reopen": self.reopen_mode}

    # ------------------------------------------------------------
    # Choosing
    # ------------------------------------------------------------

    def _apply(self, records, event, when):
        """As every rule: plan what is missing. Policies are chosen among, never applied
        one by one."""
        return self.env["care.sla.clock"]._start(records)

    @api.model
    def _choose(self, records, measures=None):
        """Per measure the first policy with a line for it and the record's severity: the
        customer's own policies first, then those of the tier, then the others.

        :param records: cases or journeys, as superuser
        :param measures: only these
        :return: dict record -> dict measure -> :class:`Choice`; no entry where nothing is
            promised
        """
        choices = {}
        for company, mine in records.grouped("company_id").items():
            book = self._book_of(company)
            promised = [
                name
                for name in MEASURES_BY_NAME
                if (records._name, name) in book.promised and (not measures or name in measures)
            ]
            if not promised:
                continue
            candidates = self._candidates(mine, company)
            memo = {}
            for record in mine:
                about = self._line_key(record, "stage" in promised)
                key = (about, *((rank, p.id, match) for rank, p, match in candidates[record]))
                if key not in memo:
                    memo[key] = self._choose_among(candidates[record], promised, about)
                choices[record] = memo[key]
        return choices

    @api.model
    def _candidates(self, records, company):
        """The policies that may be for these records of a company, the nearest first.

        :return: dict record -> list of (rank, policy, True, False or why the filter cannot tell)
        """
        policies = self._book_of(company).of(records._name)
        tiers = any(policy.tiers for policy in policies)
        filtered = self.browse(p.id for p in policies if p.filtered).with_company(company)
        matches = filtered._matches(records.with_company(company))
        return {
            record: sorted(
                (
                    (rank, policy, self._match_of(matches, policy, record))
                    for policy in policies
                    if (rank := self._rank(policy, record, tiers)) is not None
                ),
                key=lambda candidate: candidate[0],
            )
            for record in records
        }

    @api.model
    def _line_key(self, record, staged):
        """What decides which line of a policy is a record's: severity, stage and category."""
        severity = record.severity if "severity" in record._fields else "any"
        if staged:
            return (severity, record.stage_id.id, record.stage_category)
        return (severity, 0, "")

    @api.model
    def _rank(self, policy, record, tiers):
        """How near a policy is to a customer, as an index of :data:`RANKS`: their own, their
        tier's, anybody's; None when it is for others."""
        if policy.partners and not policy.partners.isdisjoint(
            (record.partner_id.id, record.commercial_partner_id.id)
        ):
            return CUSTOMER
        if policy.tiers and tiers and record.tier_id.id in policy.tiers:
            return TIER
        return None if policy.partners or policy.tiers else EVERYBODY

    @api.model
    def _match_of(self, matches, policy, record):
        """Whether the filter lets the record through; a text when it cannot tell."""
        match = matches.get(policy.id, True)
        return record.id in match if isinstance(match, set) else match

    @api.model
    def _choose_among(self, candidates, measures, about):
        """:class:`Choice` per measure, from policies in the order of their nearness.

        :param candidates: (rank, policy, True, False or why the filter cannot tell)
        :param about: see :meth:`_line_key`
        """
        choices = {}
        for measure in measures:
            choice = self._look_for(candidates, measure, about)
            if choice.policy:
                choices[measure] = choice
        return choices

    @api.model
    def _look_for(self, candidates, measure, about):
        """Who promises one measure, and why.

        :return: a :class:`Choice`. Without a policy nobody does: its line is then the one that
            says so, None where there is no line at all
        """
        why = []
        for rank, policy, match in candidates:
            line = policy.line(measure, *about)
            if not line:
                why.append([policy.id, "no_line"])
            elif match is False:
                why.append([policy.id, "filter"])
            elif line.kind == "none" and match is True:
                return Choice(None, line, [*why, [policy.id, "none"]])
            else:
                error = match if isinstance(match, str) else ""
                return Choice(policy, line, [*why, [policy.id, RANKS[rank]]], error)
        return Choice(None, None, why)

    @api.model
    def _why_texts(self):
        """Code of what a policy was found to be -> a text with a place for its name."""
        return {
            "customer": self.env._("%s: promised to this customer."),
            "sold": self.env._("%s: promised with what was sold."),
            "tier": self.env._("%s: promised to the customer's tier."),
            "everybody": self.env._("%s: promised to everybody."),
            "no_line": self.env._("Not %s: it promises nothing for this and the severity."),
            "filter": self.env._("Not %s: its filter leaves this case out."),
        }

    def _matches(self, records):
        """Which records match the filters of these policies, all in one pass.

        :return: dict policy id -> set of record ids, or why the filter cannot tell
        """
        if not self:
            return {}
        try:
            with self.env.cr.savepoint():
                return {policy.id: set(policy._match(records)._ids) for policy in self}
        except Exception as error:  # pylint: disable=broad-except
            reraise_if_concurrent(error)
            if len(self) == 1:
                return {
                    self.id: self.env._(
                        "The filter of “%(policy)s” cannot be used: %(error)s",
                        policy=self.name,
                        error=error,
                    )
                }
            middle = len(self) // 2
            return {**self[:middle]._matches(records), **self[middle:]._matches(records)}
