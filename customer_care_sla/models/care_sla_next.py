"""The promise of a case or a journey to look at next, in plain columns of the record.

Whether it is late, at risk or due today follows from these columns and the present moment, so
lists that sort, filter and group by it are right when no cron runs.
"""

from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime

from odoo.addons.customer_care.models.care_due_mixin import insert_new
from odoo.addons.customer_care.tools.ranking import rank

#: The columns that follow the clocks of a record.
NEXT = (
    *("promise_due_at", "promise_risk_at", "promise_measure"),
    *("promise_paused", "promise_broken", "promise_failed"),
)
#: What reads these columns, of which the cache does not know.
FOLLOWING = ("promise_status", "promise_late", "promise_label")
#: What of a clock shows on its record.
SHOWN = {"case_id", "due_at", "held_due_at", "journey_id", "measure", "risk_at", "state"}
#: By what a clock points to its record.
LINKS = ("case_id", "journey_id")
#: How a promise stands, the one to look at first before the others.
STATUSES = [
    ("late", "Late"),
    ("risk", "At risk"),
    ("today", "Due today"),
    ("running", "Due later"),
    ("paused", "Paused"),
    ("failed", "Cannot be planned"),
]


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    risk_at = fields.Datetime(
        "At Risk From",
        readonly=True,
        help="When the first warning passes, while the promise is running.",
    )
    time_used = fields.Integer(
        "Time Used (%)",
        compute="_compute_time_used",
        aggregator=None,
        help="How much of the promised working time is used; 100 when it is late.",
    )

    _risk_idx = models.Index("(risk_at, id) WHERE state = 'running' AND risk_at IS NOT NULL")

    @api.depends("risk_at")
    def _compute_is_late(self):
        """At risk by the time, too: the cron that says so may not have run yet."""
        result = super()._compute_is_late()
        now = self._now()
        for clock in self:
            if clock.status == "running" and clock.risk_at and clock.risk_at <= now:
                clock.status = "risk"
        return result

    @api.depends("state", "due_at", "held_due_at", "paused_at", "seconds", "elapsed_seconds")
    def _compute_time_used(self):
        now = self._now()
        for clock in self:
            used = clock.elapsed_seconds
            due = clock.due_at or clock.held_due_at
            if clock.state in ("running", "paused") and due and clock.worktime_id:
                until = clock.paused_at or now
                left = clock._worked(until, due) if until < due else 0
                used = clock.seconds - left
            share = 100 * used // clock.seconds if clock.seconds else 0
            clock.time_used = min(100, max(0, share))

    # ------------------------------------------------------------
    # Create, write, unlink: the records follow
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        clocks = super().create(vals_list)
        clocks._follow_risk()
        clocks._show_on_records()
        return clocks

    @api.model
    def _insert_new(self, vals_list):
        memo = {}
        for vals in vals_list:
            if vals.get("state") != "running":
                continue
            levels = vals.get("levels") or []
            key = (vals["worktime_id"], vals["due_at"], id(levels))
            if key not in memo:
                worktime = self.env["care.worktime"].browse(vals["worktime_id"])
                memo[key] = self._risk_moment(worktime, vals["due_at"], levels)
            vals["risk_at"] = memo[key]
        # sudo: the record shows its promises, whoever made them
        records = [
            self.env[self._fields[link].comodel_name]
            .sudo()
            .browse({vals[link] for vals in vals_list if vals.get(link)})
            for link in LINKS
        ]
        # what starts together is of one kind
        mine, others = sorted(records, key=len, reverse=True)
        # as they were before and the new ones, which the statement cannot see yet
        live = SQL(
            "SELECT * FROM care_sla_clock WHERE %s = ANY(%s) UNION ALL SELECT * FROM new",
            SQL.identifier(mine._care_link),
            list(mine.ids),
        )
        clocks = mine._show_together(live, lambda show: insert_new(self, vals_list, show))
        self._show_next(others)
        return clocks

    def write(self, vals):
        before = [self[link] for link in LINKS if link in vals]
        result = super().write(vals)
        if vals.keys() & {"due_at", "levels", "state", "worktime_id"}:
            self._follow_risk()
        if vals.keys() & SHOWN:
            self._show_on_records()
            for records in before:
                self._show_next(records)
        return result

    def unlink(self):
        before = [self[link] for link in LINKS]
        result = super().unlink()
        for records in before:
            self._show_next(records.exists())
        return result

    def _follow_risk(self):
        for clock in self:
            moment = False
            if clock.state == "running":
                moment = self._risk_moment(clock.worktime_id, clock.due_at, clock.levels or [])
            if clock.risk_at != moment:
                clock.risk_at = moment

    @api.model
    def _risk_moment(self, worktime, due, levels):
        """When the first warning before ``due`` passes; False when there is none.

        :param levels: as :meth:`_prepare_levels` gives them, the first to pass first
        """
        if not levels or levels[0][0] <= 0:
            return False
        return self._next_level(worktime, due, levels[:1], 0, datetime.min)[1]

    def _show_on_records(self):
        for link in LINKS:
            self._show_next(self[link])

    @api.model
    def _show_next(self, records):
        """The columns of these cases or journeys are out of date: they are brought up to date
        when somebody asks for them, or at the end of the transaction, all in one statement.
        """
        if not records:
            return
        # sudo: the record shows its promises, whoever changed them
        records = records.sudo()
        for name in NEXT:
            self.env.add_to_compute(records._fields[name], records)
        # they read these columns, whose changes the cache does not see
        records.invalidate_recordset(FOLLOWING, flush=False)


class CareOwnedMixin(models.AbstractModel):
    _inherit = "care.owned.mixin"  # pylint: disable=consider-merging-classes-inherited

    # No dependencies are declared: the clocks say when, see `_show_next`.
    promise_due_at = fields.Datetime(
        "Next Due", compute="_compute_next", store=True, groups="base.group_user"
    )
    promise_risk_at = fields.Datetime(
        "At Risk From",
        compute="_compute_next",
        store=True,
        groups="base.group_user",
        help="When the first of its running promises is at risk.",
    )
    promise_measure = fields.Selection(
        selection="_selection_promise_measure",
        string="Next Promise",
        compute="_compute_next",
        store=True,
        groups="base.group_user",
    )
    promise_paused = fields.Boolean(
        "Paused Promise", compute="_compute_next", store=True, groups="base.group_user"
    )
    promise_broken = fields.Boolean(
        "Promise Broken Before",
        compute="_compute_next",
        store=True,
        groups="base.group_user",
        help="A promise that is still open was broken before it was put off or paused.",
    )
    promise_failed = fields.Boolean(
        "Promise Cannot Be Planned", compute="_compute_next", store=True, groups="base.group_user"
    )
    promise_status = fields.Selection(
        STATUSES,
        "Promise",
        compute="_compute_promise_status",
        search="_search_promise_status",
        group_expand=True,
        groups="base.group_user",
    )
    promise_late = fields.Boolean(
        "Late Promise",
        compute="_compute_promise_status",
        search="_search_promise_late",
        groups="base.group_user",
    )
    promise_label = fields.Char(
        "Promised", compute="_compute_promise_label", groups="base.group_user"
    )

    _promise_due_idx = models.Index("(promise_due_at, id)")
    _promise_risk_idx = models.Index("(promise_risk_at) WHERE promise_risk_at IS NOT NULL")
    _promise_paused_idx = models.Index("(id) WHERE promise_paused IS TRUE")
    _promise_broken_idx = models.Index("(id) WHERE promise_broken IS TRUE")
    _promise_failed_idx = models.Index("(id) WHERE promise_failed IS TRUE")

    def init(self):
        """The late ones are few at the end of a long line: PostgreSQL has to know the ends well,
        or it reads the whole register in its order to find them.
        """
        result = super().init()
        if not self._abstract:
            self.env.cr.execute(
                SQL(
                    "ALTER TABLE %s ALTER promise_due_at SET STATISTICS 1000",
                    SQL.identifier(self._table),
                )
            )
        return result

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _selection_promise_measure(self):
        return self.env["care.sla.clock"]._fields["measure"]._description_selection(self.env)

    def _compute_next(self):
        """One statement for all records of a batch; rows that stay as they are are not written.

        A promise that runs and is late needs no mark: its due time says so.
        """
        clocks = self.env["care.sla.clock"]
        clocks.flush_model([*SHOWN, "breached_at"])
        fresh = self.filtered(lambda record: not record.id)
        fresh.update(dict.fromkeys(NEXT, False))
        records = self - fresh
        if not records:
            return
        table = SQL.identifier(clocks._table)
        self.env.execute_query(SQL("WITH %s SELECT id FROM shown", records._next_sql(table)))
        records.invalidate_recordset(NEXT, flush=False)

    def _show_together(self, clocks, work):
        """Bring these records up to date in the statement that writes something else.

        :param SQL clocks: their clocks, as a query; ``new`` there is what the statement writes
        :param work: called with what makes the statement of both of that of the other, which
            returns ids; None where there are no records
        :return: what ``work`` returns
        """
        if not self:
            return work(None)
        for name in NEXT:
            # or they would be brought up to date once more, before
            self.env.remove_to_compute(self._fields[name], self)
        result = work(
            lambda other: SQL(
                "WITH new AS (%s), clocks AS (%s), %s SELECT id FROM new",
                other,
                clocks,
                self._next_sql(SQL("clocks")),
            )
        )
        self.invalidate_recordset([*NEXT, *FOLLOWING], flush=False)
        return result

    def _next_sql(self, clocks):
        """The parts of a statement that bring these records up to date, under the name ``shown``.

        :param SQL clocks: name of what has the columns of clocks
        """
        new = [SQL.identifier("next", name) for name in NEXT]
        changes = zip((SQL.identifier(name) for name in NEXT), new, strict=True)
        return SQL(
            """
            next AS (
                SELECT asked.id,
                    min(c.due_at) FILTER (WHERE c.state = 'running') AS promise_due_at,
                    min(c.risk_at) FILTER (WHERE c.state = 'running') AS promise_risk_at,
                    (array_agg(c.measure ORDER BY c.state = 'running' DESC,
                        c.state = 'paused' DESC, COALESCE(c.due_at, c.held_due_at), c.id
                    ))[1] AS promise_measure,
                    bool_or(c.state = 'paused') AS promise_paused,
                    bool_or(c.breached_at IS NOT NULL
                        AND (c.due_at IS NULL OR c.breached_at < c.due_at)) AS promise_broken,
                    bool_or(c.state NOT IN ('running', 'paused')) AS promise_failed
                FROM unnest(%(ids)s) AS asked(id)
                LEFT JOIN %(clocks)s c ON c.%(link)s = asked.id AND c.state IN %(live)s
                GROUP BY asked.id
            ),
            shown AS (
                UPDATE %(table)s SET %(changes)s
                FROM next WHERE %(table)s.id = next.id AND (%(old)s) IS DISTINCT FROM (%(new)s)
                RETURNING %(table)s.id
            )
            """,
            ids=list(self.ids),
            clocks=clocks,
            link=SQL.identifier(self._care_link),
            table=SQL.identifier(self._table),
            live=self.env["care.sla.clock"]._live_states,
            changes=SQL(", ").join(SQL("%s = %s", *change) for change in changes),
            old=SQL(", ").join(SQL.identifier(self._table, name) for name in NEXT),
            new=SQL(", ").join(new),
        )

    @api.depends(*NEXT)
    def _compute_promise_status(self):
        now = self._promise_now()
        tomorrow = self._promise_tomorrow()
        for record in self:
            due, risk = record.promise_due_at, record.promise_risk_at
            status = False
            if record.promise_broken or (due and due < now):
                status = "late"
            elif risk and risk <= now:
                status = "risk"
            elif due:
                status = "today" if due < tomorrow else "running"
            elif record.promise_paused:
                status = "paused"
            elif record.promise_failed:
                status = "failed"
            record.promise_status = status
            record.promise_late = status == "late"

    @api.depends(*NEXT)
    @api.depends_context("tz", "lang")
    def _compute_promise_label(self):
        """A few words for exports."""
        measures = dict(self._fields["promise_measure"]._description_selection(self.env))
        for record in self:
            measure = measures.get(record.promise_measure)
            if record.promise_due_at:
                moment = format_datetime(
                    self.env, record.promise_due_at, dt_format="EEE d MMM, HH:mm"
                )
                label = self.env._("%(promise)s: %(due)s", promise=measure, due=moment)
            elif record.promise_paused:
                label = self.env._("%(promise)s: paused", promise=measure)
            elif record.promise_failed:
                label = self.env._("%(promise)s: cannot be planned", promise=measure)
            else:
                label = False
            record.promise_label = label

    @api.model
    def _promise_now(self):
        return self.env["care.sla.clock"]._now()

    @api.model
    def _promise_tomorrow(self):
        """The end of today where the user is, as a naive moment in UTC."""
        zone = self.env.tz
        today = pytz.utc.localize(self._promise_now()).astimezone(zone).date()
        midnight = zone.localize(datetime.combine(today + timedelta(days=1), time.min))
        return midnight.astimezone(pytz.utc).replace(tzinfo=None)

    # ------------------------------------------------------------
    # Filter, group and sort
    # ------------------------------------------------------------

    @api.model
    def _promise_domains(self):
        """dict status -> domain; each record is in one of them at most. Read from the indexes."""
        now = self._promise_now()
        tomorrow = self._promise_tomorrow()
        broken = Domain("promise_broken", "=", True)
        ahead = ~broken & Domain("promise_due_at", ">=", now)
        calm = Domain("promise_risk_at", "=", False) | Domain("promise_risk_at", ">", now)
        still = ~broken & Domain("promise_due_at", "=", False)
        paused = Domain("promise_paused", "=", True)
        return {
            "late": broken | Domain("promise_due_at", "<", now),
            "risk": ahead & Domain("promise_risk_at", "<=", now),
            "today": ahead & calm & Domain("promise_due_at", "<", tomorrow),
            "running": ahead & calm & Domain("promise_due_at", ">=", tomorrow),
            "paused": still & paused,
            "failed": still & ~paused & Domain("promise_failed", "=", True),
        }

    @api.model
    def _search_promise_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        domains = self._promise_domains()
        found = [domains[status] for status in domains if status in value]
        if False in value:
            found.append(
                Domain("promise_measure", "=", False)
                & Domain("promise_due_at", "=", False)
                & Domain("promise_broken", "!=", True)
            )
        return Domain.OR(found)

    @api.model
    def _search_promise_late(self, operator, value):
        if operator != "in" or set(value) not in ({True}, {False}):
            return NotImplemented
        late = self._promise_domains()["late"]
        return late if True in value else ~late

    def _field_to_sql(self, alias, field_expr, query=None):
        if field_expr != "promise_status":
            return super()._field_to_sql(alias, field_expr, query)
        self._check_field_access(self._fields[field_expr], "read")
        now = self._promise_now()
        column = {name: self._field_to_sql(alias, name, query) for name in NEXT}
        return SQL(
            """
            CASE WHEN %(broken)s IS TRUE OR %(due)s < %(now)s THEN 'late'
                WHEN %(due)s IS NOT NULL AND %(risk)s <= %(now)s THEN 'risk'
                WHEN %(due)s < %(tomorrow)s THEN 'today'
                WHEN %(due)s IS NOT NULL THEN 'running'
                WHEN %(paused)s IS TRUE THEN 'paused'
                WHEN %(failed)s IS TRUE THEN 'failed' END
            """,
            broken=column["promise_broken"],
            due=column["promise_due_at"],
            risk=column["promise_risk_at"],
            paused=column["promise_paused"],
            failed=column["promise_failed"],
            now=now,
            tomorrow=self._promise_tomorrow(),
        )

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        """The most urgent first, not the first in the alphabet; without a promise last."""
        if field_name == "promise_due_at" and direction.code == "DESC" and not nulls.code:
            nulls = SQL("NULLS LAST")
        if field_name != "promise_status":
            return super()._order_field_to_sql(alias, field_name, direction, nulls, query)
        rank = self._promise_rank(self._field_to_sql(alias, field_name, query))
        query._order_groupby.append(rank)
        return SQL("%s %s %s", rank, direction, nulls)

    def _read_group_orderby(self, order, groupby_terms, query):
        status = groupby_terms.get("promise_status")
        if not status:
            return super()._read_group_orderby(order, groupby_terms, query)
        groupby_terms["promise_status"] = self._promise_rank(status)
        result = super()._read_group_orderby(order, groupby_terms, query)
        groupby_terms["promise_status"] = status
        return result

    @api.model
    def _promise_rank(self, status):
        return rank([value for value, _label in STATUSES], status)


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | set(NEXT)


class CareJourney(models.Model):
    _inherit = "care.journey"  # pylint: disable=consider-merging-classes-inherited

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | set(NEXT)
