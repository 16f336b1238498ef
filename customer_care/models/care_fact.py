"""Facts: one measured thing each, written once when it is known; every report reads them."""

from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from .care_category import KINDS, SEVERITIES
from .care_due_mixin import insert_new, run_domain

#: Pieces of tenures worked on in one transaction.
BATCH = 500
#: Fewer facts than this say little.
SMALL = 10
#: What a customer sends so soon after the start still belongs to the start.
AT_ONCE = timedelta(minutes=1)
WORKING = ("open", "waiting")
#: What has to be solved: praise, ideas and mentions would embellish the figures.
TO_SOLVE = ("complaint", "enquiry")
#: Aggregates of fields that no column has.
AGGREGATES = {
    "hours:avg": "AVG({seconds}) FILTER (WHERE COALESCE({denominator}, 0) = 0) / 3600.0",
    "median_hours:avg": "percentile_cont(0.5) WITHIN GROUP (ORDER BY {seconds})"
    " FILTER (WHERE COALESCE({denominator}, 0) = 0) / 3600.0",
    "p90_hours:avg": "percentile_cont(0.9) WITHIN GROUP (ORDER BY {seconds})"
    " FILTER (WHERE COALESCE({denominator}, 0) = 0) / 3600.0",
    "rate:avg": "SUM({numerator}) / NULLIF(SUM({denominator}), 0)",
}
MEASURES = [
    ("first_contact", "Solved at first contact"),
    ("handoffs", "Hand-offs per case"),
    ("repeat", "Repeat contact"),
    ("reopened", "Reopened"),
    ("resolution", "Time to resolve"),
    ("tenure", "Time with one owner"),
    ("stage_time", "Time in a stage"),
]


class CareFact(models.Model):
    """One measured thing. A rate has a numerator and a denominator, a time has seconds; of the
    other kind's columns both are 0.
    """

    _name = "care.fact"
    _description = "Fact"
    _inherit = ["care.engine.mixin"]
    _order = "day desc, id desc"

    #: Measures whose rate is a share of the cases; that of others is so many per case.
    _share_measures = ("first_contact", "repeat", "reopened")

    day = fields.Date(required=True, readonly=True, help="When it was known, in the company.")
    measure = fields.Selection(MEASURES, required=True, readonly=True)
    numerator = fields.Float(readonly=True, aggregator="sum")
    denominator = fields.Float(readonly=True, aggregator="sum")
    seconds = fields.Integer("Working Seconds", readonly=True, aggregator="sum")
    hours = fields.Float(
        "Average Hours", compute="_compute_figures", aggregator="avg", help="Working hours."
    )
    median_hours = fields.Float(
        "Median Hours",
        compute="_compute_figures",
        aggregator="avg",
        help="Working hours: half of them took less.",
    )
    p90_hours = fields.Float(
        "90th Percentile (Hours)",
        compute="_compute_figures",
        aggregator="avg",
        help="Working hours: nine of ten took less.",
    )
    rate = fields.Float(
        compute="_compute_figures",
        aggregator="avg",
        help="Numerator by denominator: a share, or so many per case.",
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    team_id = fields.Many2one("care.team", "Team", readonly=True, ondelete="set null")
    user_id = fields.Many2one("res.users", "Person", readonly=True, ondelete="set null")
    stage_id = fields.Many2one("care.stage", "Stage", readonly=True, ondelete="set null")
    curator_id = fields.Many2one("res.users", "Curator", readonly=True, ondelete="set null")
    tier_id = fields.Many2one("care.tier", "Tier", readonly=True, ondelete="set null")
    product_id = fields.Many2one("product.product", "Product", readonly=True, ondelete="set null")
    category_id = fields.Many2one("care.category", "Category", readonly=True, ondelete="set null")
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null")
    kind = fields.Selection(KINDS, readonly=True, help="The kind of the case.")
    severity = fields.Selection(SEVERITIES, readonly=True, help="The severity of the case.")
    confidential = fields.Boolean(readonly=True)
    case_id = fields.Many2one(
        "care.case", "Case", readonly=True, ondelete="set null", index="btree_not_null"
    )
    journey_id = fields.Many2one(
        "care.journey", "Journey", readonly=True, ondelete="set null", index="btree_not_null"
    )
    res_model = fields.Char("Measured On", required=True, readonly=True)
    res_id = fields.Integer("Measured On Id", required=True, readonly=True, aggregator=None)
    cycle = fields.Integer(required=True, readonly=True, aggregator=None)

    _once = models.UniqueIndex("(measure, res_model, res_id, cycle)", "This is counted already.")
    _report_idx = models.Index("(company_id, measure, day)")
    _team_idx = models.Index("(team_id, day) WHERE team_id IS NOT NULL")
    _stage_idx = models.Index("(stage_id, measure, day) WHERE stage_id IS NOT NULL")
    _sealed_idx = models.Index("(case_id) WHERE confidential IS TRUE")

    def init(self):
        """PostgreSQL cannot know how few months there are, and would sort all facts of a report
        where it is enough to add them up (it learns such things from version 14 on).
        """
        result = super().init()
        if self.env.cr._cnx.server_version >= 140000:
            self.env.cr.execute(
                """
                CREATE STATISTICS IF NOT EXISTS care_fact_month_stats
                    ON (date_trunc('month', day::timestamp)::date) FROM care_fact
                """
            )
        return result

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("seconds", "numerator", "denominator")
    def _compute_figures(self):
        for fact in self:
            hours = fact.seconds / 3600
            fact.hours = fact.median_hours = fact.p90_hours = hours
            fact.rate = fact.denominator and fact.numerator / fact.denominator

    @api.depends("measure", "day")
    def _compute_display_name(self):
        words = dict(self._fields["measure"]._description_selection(self.env))
        for fact in self:
            day = format_date(fact.env, fact.day)
            fact.display_name = f"{words.get(fact.measure)}, {day}"

    @api.model
    def _read_group_select(self, aggregate_spec, query):
        if aggregate_spec not in AGGREGATES:
            return super()._read_group_select(aggregate_spec, query)
        return self._aggregate(aggregate_spec, query)

    @api.model
    def _aggregate(self, spec, query=None):
        """The SQL of a figure over many facts.

        :param str spec: a key of :data:`AGGREGATES`
        """
        columns = {
            name: self._field_to_sql(self._table, name, query)
            for name in ("seconds", "numerator", "denominator")
        }
        template = AGGREGATES[spec].format(**{name: f"%({name})s" for name in columns})
        used = {name: sql for name, sql in columns.items() if f"%({name})s" in template}
        return SQL(template, **used)

    def action_open_record(self):
        """What was measured."""
        self.ensure_one()
        record = self.case_id or self.journey_id
        return record._get_records_action() if record else None

    # ------------------------------------------------------------
    # Kept in step with their case
    # ------------------------------------------------------------

    @api.model
    def _seal(self, cases, sealed):
        """These cases are confidential now, or not any more."""
        # sudo: facts belong to the engine
        self.sudo().search([("case_id", "in", cases.ids), ("confidential", "!=", sealed)]).write(
            {"confidential": sealed}
        )

    @api.model
    def _forget_customers(self, cases):
        """These cases have lost their persons: figures stay, customers go."""
        facts = self.sudo().search([("case_id", "in", cases.ids)])
        for company, mine in facts.grouped("company_id").items():
            mine.write({"partner_id": company._care_anonymous_partner().id})

    # ------------------------------------------------------------
    # Collecting
    # ------------------------------------------------------------

    @api.model
    def _cron_collect(self):
        """Write the facts of what has ended since: one transaction a batch; killed at any point,
        what was not committed is collected in the next run. What fails is passed over and logged.
        """
        # sudo: a cron of the engine
        facts = self.sudo()

        def work(pieces):
            facts._collect(pieces)
            pieces.write({"counted_at": self.env.cr.now()})

        run_domain(
            facts.env["care.tenure"],
            [("until", "!=", False), ("counted_at", "=", False)],
            work,
            order="id",
            limit=BATCH,
        )

    @api.model
    def _collect(self, pieces):
        """Append what these ended pieces of tenures tell, each thing once.

        :return: the facts that are new
        """
        # told twice is one case: the one that goes on is measured
        pieces = pieces.filtered(lambda piece: not piece.case_id.merged_into_id)
        chains = self._chains(pieces)
        tiers = self._tiers(pieces)
        vals_list, begun, closed = [], {}, {}
        for piece in pieces:
            record = piece._record()
            chain = chains[record]
            place = chain.ids.index(piece.id)
            following = chain[place + 1 : place + 2]
            common = self._dimensions(piece, record, tiers)
            vals_list.append(
                {
                    **common,
                    **self._measured_on(piece, piece.cycle),
                    "measure": "tenure",
                    "seconds": piece.seconds,
                }
            )
            if following.stage_id != piece.stage_id:
                stay = self._stay(chain, place)
                vals_list.append(
                    {
                        **common,
                        **self._measured_on(stay[0], piece.cycle),
                        "measure": "stage_time",
                        "seconds": sum(stay.mapped("seconds")),
                    }
                )
            if record._name != "care.case":
                continue
            if not place:
                begun[record] = common
            category = following.stage_id.category
            if piece.stage_id.category in WORKING and category in ("resolved", "closed"):
                working = chain.filtered(
                    lambda part, cycle=piece.cycle: (
                        part.cycle == cycle and part.stage_id.category in WORKING
                    )
                )
                vals_list.append(
                    {
                        **common,
                        **self._measured_on(record, piece.cycle),
                        "measure": "resolution",
                        "seconds": sum(working.mapped("seconds")),
                    }
                )
            if category == "closed" and piece.stage_id.category != "closed":
                closed[piece] = common
        vals_list += self._of_begun(begun)
        vals_list += self._of_closed(closed, chains)
        return insert_new(self, [{**self._blank(), **vals} for vals in vals_list])

    @api.model
    def _blank(self):
        return {"numerator": 0, "denominator": 0, "seconds": 0}

    @api.model
    def _chains(self, pieces):
        """All pieces of the records of ``pieces``, in their order.

        :return: dict record -> tenures
        """
        chains = pieces.search(
            [
                "|",
                ("case_id", "in", pieces.case_id.ids),
                ("journey_id", "in", pieces.journey_id.ids),
            ],
            order="since, id",
        )
        return chains.grouped(lambda piece: piece._record())

    @api.model
    def _stay(self, chain, place):
        """The pieces of one stay in a stage of which ``place`` is the last."""
        first = place
        while first and chain[first - 1].stage_id == chain[place].stage_id:
            first -= 1
        return chain[first : place + 1]

    @api.model
    def _tiers(self, pieces):
        """dict (customer, company) -> tier, for the customers of these pieces."""
        tiers = {}
        for company, mine in pieces.grouped("company_id").items():
            partners = mine.case_id.partner_id | mine.journey_id.partner_id
            for partner, profile in self.env["care.profile"]._for(partners, company).items():
                tiers[partner.id, company.id] = profile.tier_id.id
        return tiers

    @api.model
    def _dimensions(self, piece, record, tiers, at=None):
        """What a fact of this piece is filed under.

        :param datetime at: when it was known; the end of the piece by default
        """
        is_case = record._name == "care.case"
        company = piece.company_id
        customer = record.partner_id.commercial_partner_id
        zone = company.with_context(tz=company._care_tz())
        return {
            "day": fields.Datetime.context_timestamp(zone, at or piece.until).date(),
            "company_id": company.id,
            "team_id": piece.team_id.id,
            "user_id": piece.user_id.id,
            "stage_id": piece.stage_id.id,
            "curator_id": piece.stage_id.curator_id.id,
            "tier_id": tiers.get((customer.id, company.id), False),
            "product_id": is_case and record.product_id.id,
            "category_id": is_case and record.category_id.id,
            "kind": is_case and record.kind,
            "severity": is_case and record.severity,
            "partner_id": customer.id,
            "confidential": is_case and record.confidential,
            piece.case_id and "case_id" or "journey_id": record.id,
        }

    @api.model
    def _measured_on(self, record, cycle):
        return {"res_model": record._name, "res_id": record.id, "cycle": cycle}

    @api.model
    def _of_begun(self, begun):
        """Whether these new cases are a repeat contact.

        :param dict begun: case -> dimensions
        """
        return [
            {
                **begun[case],
                **self._measured_on(case, 1),
                "measure": "repeat",
                "numerator": int(again),
                "denominator": 1,
            }
            for case, again in self._repeats(self.env["care.case"].union(*begun)).items()
        ]

    @api.model
    def _repeats(self, cases):
        """Whether these cases are a repeat contact: their customer came before, not long ago.

        :return: dict case -> bool; cases that are not counted are left out
        """
        # who stand for customers of whom nothing is known are many people
        companies = cases.company_id
        nobody = companies.care_unknown_partner_id | companies.care_anonymous_partner_id
        cases = cases.filtered(
            lambda case: (
                case.kind in TO_SOLVE
                and case.stage_category != "cancelled"
                and not case.merged_into_id
                and case.commercial_partner_id not in nobody
            )
        )
        if not cases:
            return {}
        longest = max(cases.company_id.mapped("care_repeat_days"))
        earlier = cases.search_fetch(
            [
                ("company_id", "in", cases.company_id.ids),
                ("commercial_partner_id", "in", cases.commercial_partner_id.ids),
                ("kind", "in", TO_SOLVE),
                # told twice at once is no second contact
                ("merged_into_id", "=", False),
                ("stage_category", "!=", "cancelled"),
                (
                    "received_at",
                    ">=",
                    min(cases.mapped("received_at")) - timedelta(days=longest),
                ),
                ("received_at", "<=", max(cases.mapped("received_at"))),
            ],
            ["company_id", "commercial_partner_id", "received_at"],
        )
        by_customer = earlier.grouped(lambda case: (case.company_id, case.commercial_partner_id))
        repeats = {}
        for case in cases:
            window = timedelta(days=case.company_id.care_repeat_days)
            others = by_customer.get((case.company_id, case.commercial_partner_id), cases.browse())
            repeats[case] = any(
                other != case
                and (other.received_at, other.id) < (case.received_at, case.id)
                and other.received_at >= case.received_at - window
                for other in others
            )
        return repeats

    @api.model
    def _of_closed(self, closed, chains):
        """What is known of cases when they are closed.

        :param dict closed: the piece that ended with it -> dimensions
        """
        cases = self.env["care.case"].union(*(piece.case_id for piece in closed))
        if not cases:
            return []
        wrote = self._customers_messages(cases)
        more = cases._fact_values("case_closed")
        vals_list = []
        for piece, common in closed.items():
            case, cycle = piece.case_id, piece.cycle
            chain = chains[case]
            mine = chain.filtered(lambda part, cycle=cycle: part.cycle == cycle)
            changes = sum(
                before.user_id != after.user_id
                for before, after in zip(mine, mine[1:], strict=False)
            )
            resolved = mine.filtered(lambda part: part.stage_id.category not in WORKING)
            until = resolved[:1].since or piece.until
            again = any(chain[0].since + AT_ONCE < moment < until for moment in wrote[case.id])
            first = cycle == 1 and not changes and not again
            counts = [*more.get(case, ())]
            if case.kind in TO_SOLVE:
                counts[:0] = [
                    {"measure": "first_contact", "numerator": int(first), "denominator": 1},
                    {"measure": "handoffs", "numerator": changes, "denominator": 1},
                    {"measure": "reopened", "numerator": int(cycle > 1), "denominator": 1},
                ]
            vals_list += [
                {**common, **self._measured_on(case, cycle), **values} for values in counts
            ]
        return vals_list

    @api.model
    def _customers_messages(self, cases):
        """dict id of case -> moments at which its customer wrote."""
        moments = defaultdict(list)
        messages = self.env["mail.message"].search_fetch(
            [
                ("model", "=", "care.case"),
                ("res_id", "in", cases.ids),
                ("message_type", "in", ("email", "comment")),
                ("author_id.partner_share", "=", True),
            ],
            ["res_id", "date"],
        )
        for message in messages:
            moments[message.res_id].append(message.date)
        return moments


class CareFigureMixin(models.AbstractModel):
    """A row that is made of facts, by a query that holds the rules of who reads."""

    _name = "care.figure.mixin"
    _description = "Figure made of facts"

    def _check_access(self, operation):
        """A figure is there for who sees one of the facts that it is made of.

        Looked for with the rules of the model itself: read once, not once more to apply them.
        """
        result = super(CareFigureMixin, self.browse())._check_access(operation)
        if result:
            return self, result[1]
        if not self or self.env.su:
            return None
        hidden = self - self.search([("id", "in", self.ids)])
        if not hidden:
            return None
        return hidden, lambda: self.env["ir.rule"]._make_access_error(operation, hidden)


class CareFactSummary(models.Model):
    """Facts by month, measure, team and kind of case, with how many they are: read with the rights
    to facts of who reads.
    """

    _name = "care.fact.summary"
    _inherit = ["care.figure.mixin"]
    _description = "Figures by month"
    _auto = False
    _order = "month desc, measure, team_id, kind"
    _depends = {
        "care.fact": [
            *("day", "measure", "company_id", "team_id", "kind"),
            *("seconds", "numerator", "denominator"),
        ]
    }

    month = fields.Date(readonly=True)
    measure = fields.Selection(selection="_selection_measure", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    team_id = fields.Many2one("care.team", "Team", readonly=True)
    kind = fields.Selection(KINDS, readonly=True, help="The kind of the cases.")
    count = fields.Integer("Facts", readonly=True, help="Fewer than ten say little.")
    rate = fields.Float(readonly=True, aggregator=None)
    nature = fields.Selection(
        [("share", "A share of the cases"), ("per_case", "So many per case"), ("time", "A time")],
        "What It Is",
        readonly=True,
    )
    share = fields.Float(readonly=True, aggregator=None, help="Of the cases.")
    per_case = fields.Float(readonly=True, aggregator=None)
    hours = fields.Float("Average Hours", readonly=True, aggregator=None)
    median_hours = fields.Float("Median Hours", readonly=True, aggregator=None)
    p90_hours = fields.Float("90th Percentile (Hours)", readonly=True, aggregator=None)
    is_small = fields.Boolean("Small Sample", readonly=True)

    @api.model
    def _selection_measure(self):
        return self.env["care.fact"]._fields["measure"]._description_selection(self.env)

    @property
    def _table_query(self):
        facts = self.env["care.fact"]
        # the rules of who reads hold inside
        mine = facts._search([], order="id")
        return SQL(
            """
            SELECT min(care_fact.id) AS id, date_trunc('month', day::timestamp)::date AS month,
                measure, company_id, team_id, kind, count(*) AS count,
                count(*) < %(small)s AS is_small,
                %(rate)s AS rate, %(nature)s AS nature,
                CASE WHEN %(nature)s = 'share' THEN %(rate)s END AS share,
                CASE WHEN %(nature)s = 'per_case' THEN %(rate)s END AS per_case,
                %(hours)s AS hours, %(median)s AS median_hours,
                %(p90)s AS p90_hours
            FROM care_fact WHERE care_fact.id IN %(mine)s
            GROUP BY date_trunc('month', day::timestamp), measure, company_id, team_id, kind
            """,
            small=SMALL,
            nature=SQL(
                "CASE WHEN COALESCE(SUM(denominator), 0) = 0 THEN 'time'"
                " WHEN measure IN %s THEN 'share' ELSE 'per_case' END",
                facts._share_measures,
            ),
            rate=facts._aggregate("rate:avg"),
            hours=facts._aggregate("hours:avg"),
            median=facts._aggregate("median_hours:avg"),
            p90=facts._aggregate("p90_hours:avg"),
            mine=mine.subselect(),
        )

    @api.depends("measure", "month")
    def _compute_display_name(self):
        words = dict(self._selection_measure())
        for row in self:
            month = format_date(row.env, row.month, date_format="MMMM yyyy")
            row.display_name = f"{words.get(row.measure)}, {month}"

    def action_open_facts(self):
        """What the figure is made of."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_fact_action")
        until = fields.Date.add(self.month, months=1)
        action["domain"] = [
            ("measure", "=", self.measure),
            ("team_id", "=", self.team_id.id),
            ("kind", "=", self.kind),
            ("company_id", "=", self.company_id.id),
            ("day", ">=", self.month),
            ("day", "<", until),
        ]
        action["views"] = [(False, "list"), (False, "pivot"), (False, "graph")]
        action["context"] = {}
        return action


class CareTenure(models.Model):
    _inherit = "care.tenure"  # pylint: disable=consider-merging-classes-inherited

    counted_at = fields.Datetime(readonly=True, copy=False, help="When its facts were written.")

    _uncounted_idx = models.Index("(id) WHERE until IS NOT NULL AND counted_at IS NULL")


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _fact_values(self, event):
        """What else is known of these cases at ``event``; for addons that measure something.

        Asked in a cron, as superuser, for a whole batch. Each measure has to be one of
        ``care.fact.measure``, and is kept once a case and cycle.

        :param str event: ``case_closed``
        :return: dict case -> list of dicts with ``measure`` and, for a rate or an amount,
            ``numerator`` and ``denominator``, for a time ``seconds``
        """
        return {}


class CareStage(models.Model):
    _inherit = "care.stage"  # pylint: disable=consider-merging-classes-inherited

    p90_hours = fields.Float(
        "90th Percentile of Hours",
        compute="_compute_fact_figures",
        help="Nine of ten that left this stage in the last 90 days took less.",
    )
    fact_count = fields.Integer(
        "Left in 90 Days",
        compute="_compute_fact_figures",
        help="How many the figures are made of: fewer than ten say little.",
    )
    small_sample = fields.Boolean(compute="_compute_fact_figures")

    @api.depends_context("uid")
    def _compute_figures(self):
        super()._compute_figures()
        if self.env.user._care_sees_confidential():
            return
        # sudo: to take off what may not even be counted
        cases = self.env["care.case"].sudo()
        hidden = [
            ("stage_id", "in", self.ids),
            ("company_id", "in", self.env.companies.ids),
            ("confidential", "=", True),
            ("owner_id", "!=", self.env.uid),
        ]
        counts = dict(cases._read_group(hidden, ["stage_id"], ["__count"]))
        hidden.append(("limit_state", "=", "over"))
        over = dict(cases._read_group(hidden, ["stage_id"], ["__count"]))
        for stage in self:
            stage.record_count -= counts.get(stage.sudo(), 0)
            stage.over_count -= over.get(stage.sudo(), 0)

    @api.depends_context("allowed_company_ids", "uid")
    def _compute_fact_figures(self):
        # sudo: figures of a stage, no names: whoever curates it has to know them; of what is
        # confidential only who may see that
        facts = self.env["care.fact"].sudo()
        domain = [
            ("stage_id", "in", self.ids),
            ("measure", "=", "stage_time"),
            ("company_id", "in", self.env.companies.ids),
            ("day", ">=", fields.Date.today() - timedelta(days=90)),
        ]
        if not self.env.user._care_sees_confidential():
            domain.append(("confidential", "=", False))
        groups = facts._read_group(domain, ["stage_id"], ["p90_hours:avg", "__count"])
        found = {stage.id: (p90, count) for stage, p90, count in groups}
        for stage in self:
            stage.p90_hours, stage.fact_count = found.get(stage._origin.id, (0, 0))
            stage.small_sample = stage.fact_count < SMALL

    def action_open_facts(self):
        """The times of this stage."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_fact_action")
        action["domain"] = [("stage_id", "=", self.id), ("measure", "=", "stage_time")]
        action["context"] = {}
        return action


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_repeat_days = fields.Integer(
        "Repeat Contact Within",
        default=30,
        help="Days in which a customer's second case counts as a repeat contact.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_repeat_days = fields.Integer(related="company_id.care_repeat_days", readonly=False)
