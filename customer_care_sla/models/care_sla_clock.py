import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_datetime, split_every
from odoo.tools.lru import LRU

from odoo.addons.customer_care.models.care_technical_mixin import TECHNICAL
from odoo.addons.customer_care.tools.worktime import Plan, Spec, WorkTimeError

from ..tools import clockwork
from .care_sla_level import unit_of
from .care_sla_measure import MEASURES, MEASURES_BY_NAME, ended_by, those
from .care_sla_pause import REASONS
from .care_sla_target import KINDS

_logger = logging.getLogger(__name__)

#: A clock starts when the customer told us, if that is no longer ago than this. The
#: working hours of the present month are known that far back.
START_WITHIN = timedelta(days=28)
#: The cron looks by itself every five minutes, and for what is due until then it is woken.
AHEAD = timedelta(minutes=6)
#: Snapshots of working hours that each process knows.
SNAPSHOTS = 256
#: Terms of a clock that says nothing of them.
TERMS = {"waits": {"customer": 0}, "reopen": "resume"}
#: How often a clock is looked at again in one run because its own levels changed its record:
#: each level passes once, and raises the severity by one step at most.
ROUNDS = 8
#: Records in one transaction's worth of planning when the addon is installed.
LIVE_BATCH = 1000
#: Promises that are set going again in one transaction.
WAKE_BATCH = 1000


class CareSlaClock(models.Model):
    """One promise running on one record.

    The link to the working time *is* the snapshot: whatever happens to the calendar, what
    was promised stays. Whether a clock is late follows from ``due_at`` and the present
    moment, so it is right when no cron runs; ``breached_at`` keeps it for ever.

    Moments are whole seconds. A promise kept in its very last second is kept.
    """

    _name = "care.sla.clock"
    _description = "Promise"
    _inherit = ["care.due.mixin", "care.sla.record.mixin"]
    _order = "due_at, id"
    _due_cron = "customer_care_sla.ir_cron_clocks"
    _due_batch = 200
    _technical_fields = TECHNICAL | {
        "counted_at",
        "held_due_at",
        "levels",
        "levels_passed",
        "needless",
        "outdated",
        "paused_by",
        "paused_for",
        "remaining",
        "seconds",
        "solved_seconds",
        "spec_amount",
        "spec_kind",
        "terms",
        "why",
        "worktime_id",
    }

    #: States in which the promise is still open.
    _live_states = ("running", "paused", "planned", "failed")
    #: States of a clock that could not be planned yet.
    _waiting_states = ("planned", "failed")

    # A method: these are all the states there are, nothing adds to them.
    state = fields.Selection(selection="_selection_state", default="planned", index=False)
    # the unique indexes below find the clocks of a record
    journey_id = fields.Many2one(index=False)
    case_id = fields.Many2one(index=False)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    measure = fields.Selection(MEASURES, "Promise", required=True, readonly=True)
    cycle = fields.Integer(
        "Number",
        default=1,
        required=True,
        readonly=True,
        help="Which time this is promised on the record: the entry into a stage, the remedy, the "
        "message, or how often it was opened.",
    )
    policy_id = fields.Many2one(
        "care.sla.policy",
        "Policy",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    target_id = fields.Many2one(
        "care.sla.target",
        "Line of the Policy",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    why = fields.Json("Policies Looked At", readonly=True)

    # what was promised
    spec_kind = fields.Selection(KINDS, "Unit", readonly=True)
    spec_amount = fields.Float("Within", readonly=True)
    seconds = fields.Integer("Working Seconds", readonly=True)
    worktime_id = fields.Many2one(
        "care.worktime",
        "Frozen Working Hours",
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    terms = fields.Json(
        readonly=True,
        help="Whom it waits for, each with the working seconds it stands still in all (0: as long "
        "as it takes), and what reopening does.",
    )
    levels = fields.Json(
        readonly=True, help="Seconds left, the level, who is told and what is done, for each level."
    )
    levels_passed = fields.Integer(readonly=True)

    # how it runs
    started_at = fields.Datetime(required=True, readonly=True)
    due_at = fields.Datetime("Due", readonly=True, help="Empty while the clock is paused.")
    first_due_at = fields.Datetime("First Due", readonly=True)
    breached_at = fields.Datetime(
        "Broken", readonly=True, help="When it was due, once that has passed unkept."
    )
    paused_at = fields.Datetime(readonly=True)
    paused_for = fields.Selection(REASONS, "Waits For", readonly=True)
    paused_by = fields.Json(
        "Paused, by Reason", readonly=True, help="Working seconds of the pauses that are over."
    )
    held_due_at = fields.Datetime(
        "Due Before the Pause", readonly=True, help="Moves on by the pause when it ends."
    )
    remaining = fields.Integer("Seconds Left at the Pause", readonly=True)
    paused_seconds = fields.Integer("Paused", readonly=True)
    solved_seconds = fields.Integer(
        readonly=True, help="Between resolved and reopened: neither elapsed nor paused."
    )
    stopped_at = fields.Datetime("Ended", readonly=True)
    elapsed_seconds = fields.Integer(
        "Elapsed", readonly=True, help="Working seconds from start to end, without pauses."
    )
    met_by_id = fields.Many2one(
        "res.users",
        "Met By",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="Of what was not kept: who said that no answer is needed.",
    )

    pause_ids = fields.One2many("care.sla.pause", "clock_id", "Pauses", readonly=True)
    alert_ids = fields.One2many("care.sla.alert", "clock_id", "Alerts", readonly=True)
    severity = fields.Selection(related="case_id.severity")

    is_late = fields.Boolean("Late", compute="_compute_is_late", search="_search_is_late")
    status = fields.Selection(
        [
            ("failed", "Cannot be planned"),
            ("late", "Late"),
            ("risk", "At risk"),
            ("running", "Running"),
            ("paused", "Paused"),
            ("met_late", "Met late"),
            ("met", "Met"),
            ("cancelled", "Cancelled"),
        ],
        compute="_compute_is_late",
    )
    time_left = fields.Char("Working Time Left", compute="_compute_time_left")
    promised = fields.Char("Promised Time", compute="_compute_promised")
    reason = fields.Text("Why This Promise", compute="_compute_reason")

    _due_check = models.Constraint(
        "CHECK ((state <> 'running' OR (due_at IS NOT NULL AND worktime_id IS NOT NULL))"
        " AND ((state = 'paused') = (paused_at IS NOT NULL))"
        " AND (state <> 'paused' OR (due_at IS NULL AND held_due_at IS NOT NULL)))",
        "A running clock is due, a paused one is not.",
    )
    # These find the clocks of a record, too.
    _case_uniq = models.UniqueIndex("(case_id, measure, cycle) WHERE case_id IS NOT NULL")
    _journey_uniq = models.UniqueIndex("(journey_id, measure, cycle) WHERE journey_id IS NOT NULL")
    _running_idx = models.Index("(due_at, id) WHERE state = 'running'")
    _broken_idx = models.Index(
        "(breached_at, id) WHERE breached_at IS NOT NULL AND state IN ('running', 'paused')"
    )
    _waiting_idx = models.Index("(company_id, id) WHERE state IN ('planned', 'failed')")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _selection_state(self):
        return [
            ("planned", self.env._("To be planned")),
            ("running", self.env._("Running")),
            ("paused", self.env._("Paused")),
            ("met", self.env._("Met")),
            ("cancelled", self.env._("Cancelled")),
            ("failed", self.env._("Cannot be planned")),
        ]

    @api.depends("measure", "case_id")
    def _compute_display_name(self):
        measures = dict(self._fields["measure"]._description_selection(self.env))
        for clock in self:
            clock.display_name = " · ".join(
                filter(None, (measures.get(clock.measure), clock._record().display_name))
            )

    @api.depends("state", "due_at", "breached_at", "stopped_at", "levels_passed")
    def _compute_is_late(self):
        now = self._now()
        for clock in self:
            running = clock.state == "running"
            clock.is_late = bool(
                clock.breached_at or (running and clock.due_at and clock.due_at < now)
            )
            if running:
                clock.status = (
                    "late" if clock.is_late else "risk" if clock.levels_passed else "running"
                )
            elif clock.state == "met":
                clock.status = "met_late" if clock.is_late else "met"
            elif clock.state == "paused":
                clock.status = "late" if clock.is_late else "paused"
            else:
                clock.status = "failed" if clock.state == "planned" else clock.state

    @api.model
    def _search_is_late(self, operator, value):
        if operator != "in":
            return NotImplemented
        late = Domain("breached_at", "!=", False) | self._late_domain()
        if len(set(value)) > 1:
            return Domain.TRUE
        return late if True in value else ~late

    @api.model
    def _late_domain(self):
        """Open promises that are late now: read from two small indexes."""
        overdue = Domain("state", "=", "running") & Domain("due_at", "<", self._now())
        broken = Domain("breached_at", "!=", False) & Domain("state", "in", ("running", "paused"))
        return overdue | broken

    @api.depends("state", "due_at", "held_due_at", "paused_at", "stopped_at")
    def _compute_time_left(self):
        now = self._now()
        for clock in self:
            due = clock.due_at or clock.held_due_at
            until = clock.stopped_at or clock.paused_at or now
            if not due or not clock.worktime_id or clock.state not in ("running", "paused"):
                clock.time_left = False
            elif due < until:
                clock.time_left = self.env._(
                    "late by %s", self._format_seconds(clock._worked(due, until))
                )
            else:
                clock.time_left = self.env._(
                    "%s left", self._format_seconds(clock._worked(until, due))
                )

    @api.depends("spec_kind", "spec_amount")
    def _compute_promised(self):
        for clock in self:
            clock.promised = clock.spec_kind and self.env["care.sla.target"]._describe(
                clock.spec_kind, clock.spec_amount
            )

    @api.depends("why", "error")
    @api.depends_context("lang")
    def _compute_reason(self):
        texts = self.env["care.sla.policy"]._why_texts()
        # sudo: the names of the company's policies, which agents may read anyway
        policies = self.env["care.sla.policy"].sudo().with_context(active_test=False)
        ids = {policy_id for clock in self for policy_id, _code in clock.why or []}
        names = {
            policy.id: self.env._("“%s”", policy.name)
            for policy in policies.search([("id", "in", list(ids))])
        }
        for clock in self:
            clock.reason = "\n".join(
                texts[code] % names.get(policy_id, self.env._("a policy that was deleted"))
                for policy_id, code in reversed(clock.why or [])
                if code in texts
            )

    @api.model
    def _format_seconds(self, seconds):
        """Working time in words: hours and minutes, days have no fixed length."""
        minutes = seconds // 60
        hours, minutes = divmod(minutes, 60)
        if hours and minutes:
            return self.env._("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes)
        if hours:
            return self.env._("%s h", hours)
        return self.env._("%s min", minutes)

    def _now(self):
        return self.env.cr.now().replace(microsecond=0)

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_open_record(self):
        self.ensure_one()
        # without the context: it names the views of clocks
        return self._record()._get_records_action(context={})

    def action_no_answer(self):
        """What the customer wrote asks for no answer."""
        clocks = self.filtered(
            lambda clock: clock.measure == "next_response" and clock.state in self._live_states
        )
        clocks.check_access("read")
        clocks.case_id.check_access("write")
        leader = self.env.user.has_group("customer_care.group_leader")
        if not leader and any(clock.is_late for clock in clocks):
            # or what was broken would be gone from all figures
            raise UserError(
                self.env._(
                    "The answer is late already: ask the team leader to say that none was needed."
                )
            )
        # sudo: clocks belong to the engine; rights checked above
        clocks.sudo()._needs_no_answer(self.env.user)
        for case in clocks.sudo().case_id:
            case._message_log(
                body=self.env._("What the customer wrote asks for no answer."),
                author_id=self.env.user.partner_id.id,
            )

    def _needs_no_answer(self, user):
        """Nobody waits for these answers, says a person."""
        return self._give_up(user)

    def action_retry(self):
        """Also where the clock runs and only its last alert failed."""
        alerts = self.filtered(lambda clock: clock.state == "running" and clock.error)
        if alerts:
            alerts.check_access("write")
            if not self.env.user.has_group("customer_care.group_leader"):
                raise AccessError(self.env._("Only team leaders and managers may retry."))
            # sudo: clocks belong to the engine; rights checked above
            alerts.sudo().write({"attempts": 0, "error": False, "next_at": self._now()})
            alerts._trigger_due()
        if self - alerts:
            return super(CareSlaClock, self - alerts).action_retry()
        return None

    # ------------------------------------------------------------
    # Events
    # ------------------------------------------------------------

    @api.model
    def _follow(self, records, event):
        """What an event of these records means for their clocks.

        :param records: cases or journeys, as superuser
        """
        if not records:
            return
        if event == "stage_entered":
            self._stage_entered(records)
        elif event in ("case_resolved", "case_closed"):
            self._over(records)
        else:
            if event == "case_reopened":
                self._reopen(records)
                # "it is not solved" asks for an answer
                self._customer_wrote(records.filtered(lambda c: c.customer_answer == "no"))
            if kept := ended_by(records._name, event):
                self._meet(records, kept, user=self._person())
            measures = those(records._name, event)
            if measures:
                self._start(records, measures=measures, numbers=self._numbers_of(records))

    @api.model
    def _live(self, records, measures=None):
        """The open promises of these records, as superuser: one query."""
        domain = Domain(records._care_link, "in", records.ids) & Domain(
            "state", "in", self._live_states
        )
        if measures:
            domain &= Domain("measure", "in", list(measures))
        columns = [name for name, field in self._fields.items() if field.store and field.prefetch]
        # sudo: clocks follow the record, whoever moves it
        return self.sudo().search_fetch(domain, columns)

    @api.model
    def _stage_entered(self, records):
        """They have left one stage and are in another now."""
        now = self._now()
        working = records.filtered(lambda r: r.stage_category in ("open", "waiting"))
        cancelled = records.filtered(lambda r: r.stage_category == "cancelled")
        if records._name == "care.case":
            # of what is resolved or closed an event of its own follows
            records = working | cancelled
        if not records:
            return
        clocks = self._live(records)
        # what came with the stage, another team, may have begun its time already
        left = clocks.filtered(lambda c: c.measure == "stage" and not c._is_of_now())
        left._stop("met", now, self._person())
        clocks -= left
        over = clocks.filtered(lambda c: c._record() not in working)
        over.filtered(lambda c: MEASURES_BY_NAME[c.measure].over)._stop("cancelled", now)
        (clocks - over)._fit(now)
        self._start(working, now, ["stage"], {record: record.entries for record in working})

    @api.model
    def _numbers_of(self, records):
        """Which time it is that what begins with a record begins."""
        return {}

    @api.model
    def _person(self):
        """Whose gesture this is; None for the engine and for customers."""
        user = self.env.user
        return user if user.active and not user.share and user._is_internal() else None

    @api.model
    def _over(self, cases):
        """The customers are told the solution: that answers whatever was open."""
        ends = self._live(cases).grouped(lambda clock: MEASURES_BY_NAME[clock.measure].over)
        for state, clocks in ends.items():
            if state:
                clocks._stop(state, user=self._person() if state == "met" else None)

    @api.model
    def _answered(self, cases, user):
        """Somebody of ours has answered these customers, who hear from us again by the next
        date that is promised.
        """
        now = self._now()
        clocks = self._live(cases, those(answer=True))
        clocks._stop("met", now, user)
        told = clocks.filtered(
            lambda clock: (
                clock.measure == "update" and clock.case_id.stage_category in ("open", "waiting")
            )
        )
        if told:
            self._start(
                told.case_id, now, ["update"], {clock.case_id: clock.cycle + 1 for clock in told}
            )

    @api.model
    def _customer_wrote(self, cases):
        """These customers have written and wait for an answer, if they did not already."""
        working = cases.filtered(lambda case: case.stage_category in ("open", "waiting"))
        # the first answer is one to this message, too
        waiting = self._live(working, ["first_response", "next_response"]).case_id
        working -= waiting
        if working:
            numbers = self._next_numbers(working, "next_response")
            self._start(working, self._now(), ["next_response"], numbers)

    @api.model
    def _sent_to_provider(self, cases):
        """Whoever does the service has been written to, and answers in time, if they do not owe
        an answer already.
        """
        cases -= self._live(cases, ["provider"]).case_id
        numbers = self._next_numbers(cases, "provider")
        for moment, mine in cases.grouped("provider_sent_at").items():
            self._start(mine, moment, ["provider"], numbers)

    @api.model
    def _next_numbers(self, records, measure):
        """Which time this is promised next on each of these records."""
        # sudo: as in `_live`
        last = dict(
            self.sudo()._read_group(
                [(records._care_link, "in", records.ids), ("measure", "=", measure)],
                [records._care_link],
                ["cycle:max"],
            )
        )
        return {record: last.get(record, 0) + 1 for record in records}

    @api.model
    def _meet(self, records, measures=None, at=None, user=None):
        """The promises of these records are kept; they may be late.

        :param measures: all by default: a customer who is told the solution has had an
            answer
        :param datetime at: now by default; another moment only for what was long ago
        """
        if records:
            self._live(records, measures)._stop("met", at, user)

    # ------------------------------------------------------------
    # Starting
    # ------------------------------------------------------------

    @api.model
    def _start(self, records, at=None, measures=None, numbers=None, late=False):
        """Start the clocks of these records, each measure and number once.

        They count from the moment when the customer told us (``received_at``), if it is
        not in the future and not too long ago. What has passed by then is known as late
        where it is, but nobody is told: alerts are for what can still be helped.

        Never raises for what a policy or a calendar says: a promise that cannot be planned
        is inserted with its error and planned by the cron once that is mended.

        :param records: cases or journeys
        :param datetime at: the moment to count from instead
        :param measures: only these; what begins by itself by default
        :param dict numbers: record -> which time it is promised; the first by default
        :param bool late: whether their records may have waited since the moment to count from
        :return: the clocks that this call started, in no particular order
        """
        # sudo: promises are the company's, whoever registers the case
        records = records.sudo().filtered(lambda record: record._care_covered())
        measures = measures or those(records._name, "case_opened")
        now = self._now()
        jobs = []
        for record, choices in self.env["care.sla.policy"]._choose(records, measures).items():
            for measure, choice in choices.items():
                if choice.line.kind == "date" and not self._date_of(record, measure):
                    continue
                started = at or self._start_of(record, measure, now)
                jobs.append((record, measure, choice, started))
        rows = [
            {
                record._care_link: record.id,
                "company_id": record.company_id.id,
                "measure": measure,
                "cycle": (numbers or {}).get(record, 1),
                "started_at": started,
                **vals,
            }
            for (record, measure, _choice, started), vals in zip(
                jobs, self._prepare_plans(jobs, now, silent=True, resting=not late), strict=True
            )
        ]
        # columns that are empty everywhere cost time and say nothing
        used = {name for vals in rows for name, value in vals.items() if value}
        clocks = self.sudo()._plan(
            [{name: vals.get(name, False) for name in used} for vals in rows]
        )
        if any(vals["state"] == "paused" for vals in rows):
            clocks.filtered(lambda clock: clock.state == "paused")._note_pauses()
        if late:
            clocks._relive_all(silent=True)
        return clocks

    @api.model
    def _start_of(self, record, measure, now):
        """From when a promise counts that begins by itself."""
        if measure == "stage":
            return record.stage_since.replace(microsecond=0)
        if "received_at" not in record._fields:
            return now
        received = record.received_at.replace(microsecond=0)
        return received if now - START_WITHIN <= received <= now else now

    @api.model
    def _date_of(self, record, measure):
        """The date that is set for a promise by itself, False for none: that of the law."""
        if measure == "final_response" and not record.final_answered_at:
            return record.statutory_final_at
        return False

    @api.model
    def _start_live(self, records):
        """Open records that are there already get their promises, counted from now.

        Nobody had promised them anything before, so nothing is late and nobody is told.
        What has been done already (acknowledged, answered) is not promised any more.

        :param records: cases or journeys
        """
        for ids in split_every(LIVE_BATCH, records.ids):
            mine = records.browse(ids)
            entries = {record: record.entries for record in mine}
            self._start(mine, self._now(), ["stage"], entries)
            self._start_begun(mine, self._now())
            self.env.cr.flush()

    @api.model
    def _start_begun(self, cases, now):
        """What has begun with these open cases and is not done yet."""
        rest = set(those("care.case", "case_opened")) - {"stage"}
        answered = cases._care_answered()
        told = (
            self.env["care.notice"]
            .search(
                [
                    ("case_id", "in", (cases - answered).ids),
                    ("kind", "=", "case_received"),
                    ("state", "=", "done"),
                ]
            )
            .case_id
        )
        self._start(answered, now, rest - {"acknowledgement", "first_response"})
        self._start(told, now, rest - {"acknowledgement"})
        self._start(cases - answered - told, now, rest)

    @api.model
    def _prepare_plans(self, jobs, now, silent=False, resting=True):
        """Column values of a clock for each job: the plan, or why there is none.

        :param jobs: list of (record, measure, :class:`Choice`, start)
        :param bool silent: whether what has passed is passed in silence
        :param bool resting: whether it stands still where its record waits
        """
        calendars = self._calendars(jobs)
        worktimes = self._worktimes(jobs, calendars)
        memo = {}
        rows = []
        for job, calendar in zip(jobs, calendars, strict=True):
            record, measure, choice, started = job
            # alike for all that start together
            key = (record.company_id, calendar, choice.policy.id, choice.line, measure, started)
            alike = not choice.error and choice.line.kind != "date"
            if not alike or key not in memo:
                worktime = choice.error or worktimes[record.company_id, calendar]
                memo[key] = self._prepare_plan(job, worktime, now, silent)
            vals = {**memo[key], "why": choice.why}
            terms = choice.policy.terms
            reason = resting and self._rest_reason(record, measure, terms)
            if vals["state"] == "running" and reason:
                worktime = self.env["care.worktime"].browse(vals["worktime_id"])
                since = max(started, record.stage_since.replace(microsecond=0))
                vals.update(self._prepare_pause(worktime, vals["due_at"], since, reason, terms))
            rows.append(vals)
        return rows

    @api.model
    def _prepare_plan(self, job, worktime, now, silent):
        """
        :param worktime: the snapshot, or why there is none
        """
        record, measure, choice, started = job
        vals = {
            **dict.fromkeys(self._plan_fields, False),
            "policy_id": choice.policy.id,
            "target_id": choice.line.target_id,
        }
        try:
            if isinstance(worktime, str):
                raise UserError(worktime)
            worktime, plan = self._plan_of(job, worktime)
            levels = self._prepare_levels(choice.policy, measure, plan.seconds, worktime, plan.due)
            passed, next_at = self._next_level(worktime, plan.due, levels, 0, now)
            vals.update(
                state="running",
                spec_kind=choice.line.kind,
                spec_amount=choice.line.amount,
                seconds=plan.seconds,
                worktime_id=worktime.id,
                terms=MEASURES_BY_NAME[measure].pauses and choice.policy.terms,
                due_at=plan.due,
                first_due_at=plan.due,
                breached_at=plan.due < now and plan.due,
                levels=levels,
                levels_passed=passed if silent else 0,
                next_at=next_at if silent or not passed else now,
            )
        except (UserError, WorkTimeError) as error:
            _logger.warning("%s %s: no promise, %s", record, measure, error)
            vals.update(
                state="failed",
                error=str(error),
                attempts=1,
                next_at=self._next_attempt(1),
            )
        return vals

    @api.model
    def _plan_of(self, job, worktime):
        """How much working time is promised, and when that is over.

        :return: the snapshot that knows so far, and a ``Plan``
        """
        record, measure, choice, started = job
        line = choice.line
        if line.kind == "date":
            due = self._date_of(record, measure).replace(microsecond=0)
            worktime, seconds = worktime._apply("elapsed", started, due)
            return worktime, Plan(seconds, due)
        return worktime._apply("plan", started, Spec(line.kind, line.amount))

    #: What a plan says anew.
    _plan_fields = (
        *("state", "policy_id", "target_id", "why", "spec_kind", "spec_amount", "seconds"),
        *("worktime_id", "terms", "levels", "levels_passed"),
        *("due_at", "first_due_at", "breached_at"),
        *("paused_at", "paused_for", "held_due_at", "remaining"),
        *("paused_by", "paused_seconds", "solved_seconds"),
        *("next_at", "attempts", "error"),
    )

    @api.model
    def _calendars(self, jobs):
        """For each job the working hours of the policy, or else of the team or the company."""
        memo = {}
        calendars = []
        for record, _measure, choice, _started in jobs:
            key = (choice.policy.calendar_id, record.team_id, record.company_id)
            if key not in memo:
                calendar_id, team, company = key
                memo[key] = (
                    self.env["resource.calendar"].browse(calendar_id)
                    if calendar_id
                    else team._calendar(company)
                )
            calendars.append(memo[key])
        return calendars

    @api.model
    def _worktimes(self, jobs, calendars):
        """The snapshots that these jobs need: two queries for all calendars of a company.

        :return: dict (company, calendar) -> snapshot, or why there is none
        """
        wanted = {}
        for (record, _measure, choice, _started), calendar in zip(jobs, calendars, strict=True):
            if not choice.error:
                wanted.setdefault(record.company_id, {})[calendar] = True
        worktimes = {}
        for company, calendars in wanted.items():
            for calendar, worktime in self._worktimes_of(company, list(calendars)).items():
                worktimes[company, calendar] = worktime
        return worktimes

    @api.model
    def _worktimes_of(self, company, calendars):
        """The present snapshots of a company's calendars.

        Known ones are kept in each process under the company's version, which changes with every
        calendar and day off, and with the month, in which a snapshot begins.
        """
        company = company.sudo()
        known = self.pool.__dict__.setdefault("_care_sla_snapshots", LRU(SNAPSHOTS))
        now = self._now()
        # no version, no policy: somebody goes by the engine
        version = company.care_sla_version or object()
        keys = {c: (company.id, c.id, version, now.year, now.month) for c in calendars}
        worktimes = self.env["care.worktime"]
        found = {c: worktimes.browse(known[key]) for c, key in keys.items() if key in known}
        rest = [calendar for calendar in calendars if calendar not in found]
        fresh = self._find_worktimes(company, rest) if rest else {}
        lasting = self._lasting([w.id for w in fresh.values() if not isinstance(w, str)])
        for calendar, worktime in fresh.items():
            found[calendar] = worktime
            if not isinstance(worktime, str) and worktime.id in lasting:
                known[keys[calendar]] = worktime.id
        return found

    @api.model
    def _lasting(self, worktime_ids):
        """Those of these snapshots that no rollback takes away any more: what made them is
        committed, and is not this transaction.
        """
        if not worktime_ids:
            return set()
        rows = self.env.execute_query(
            SQL(
                """
                WITH at AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid),
                made AS (
                    SELECT id, at.xid, (at.xid - xmin::text::bigint) & 4294967295 AS ago
                      FROM care_worktime, at WHERE id = ANY(%s)
                )
                SELECT id FROM made
                 WHERE CASE
                       -- numbered after this transaction began to look: its own
                       WHEN ago > 2147483648 OR ago = 0 THEN FALSE
                       -- long ago: not known any more
                       WHEN ago >= xid THEN TRUE
                       ELSE COALESCE(
                           pg_xact_status((xid - ago)::text::xid8), 'committed') = 'committed'
                       END
                """,
                worktime_ids,
            )
        )
        return {row_id for (row_id,) in rows}

    @api.model
    def _find_worktimes(self, company, calendars):
        none = [calendar for calendar in calendars if not calendar]
        calendars = [calendar for calendar in calendars if calendar]
        found = dict.fromkeys(none, self.env._("No working hours are set for this."))
        try:
            if calendars:
                together = calendars[0].union(*calendars)
                found.update(self.env["care.worktime"]._get_batch(together, company))
        except UserError as error:
            if len(calendars) == 1:
                found[calendars[0]] = str(error)
            else:
                for calendar in calendars:
                    found.update(self._find_worktimes(company, [calendar]))
        return found

    # ------------------------------------------------------------
    # Levels
    # ------------------------------------------------------------

    @api.model
    def _prepare_levels(self, policy, measure, seconds, worktime, due):
        """The levels of one clock, in the order in which they pass. Frozen, as all that was
        promised.

        Several levels may pass at the same moment, and each is kept. There is always one when
        it is due, where the breach is written down.

        :return: lists of seconds left (less than 0: after it is due), the level, who is told,
            and, if it is more than telling somebody in working time, what: see
            :meth:`care.sla.level._how`; ``unit`` there says that the seconds are not working
            time: ``wall`` by the clock on the wall, ``days`` 86400 a working day
        """
        levels = [
            level._frozen(seconds)
            for level in policy.levels
            if not level.measure or level.measure == measure
        ]
        if all(level[0] for level in levels):
            levels.append([0, False, False])
        return self._sort_levels(worktime, due, levels)

    @api.model
    def _sort_levels(self, worktime, due, levels, rested=0):
        if all(unit_of(level) is None for level in levels):
            return sorted(levels, key=lambda level: -level[0])
        return sorted(levels, key=lambda level: self._level_moment(worktime, due, level, rested))

    @api.model
    def _level_moment(self, worktime, due, level, rested=0):
        """When a level passes. A promise is broken in the second after it is due.

        :param int rested: working seconds in which the clock stood still since it was due
        """
        left, unit = level[0], unit_of(level)
        if not left:
            return due + timedelta(seconds=1)
        if unit == "wall":
            return due - timedelta(seconds=left)
        if left < 0 and rested:
            due = worktime._apply("add", due, rested)[1]
        if unit == "days":
            return worktime._apply("plan", due, Spec("days", -left // 86400))[1].due
        if left > 0:
            return worktime._apply("subtract", due, left)[1]
        return worktime._apply("add", due, -left)[1]

    @api.model
    def _next_level(self, worktime, due, levels, passed, now, rested=0):
        """How many levels have passed by now, and when the next one does."""
        while passed < len(levels):
            moment = self._level_moment(worktime, due, levels[passed], rested)
            if moment > now:
                return passed, moment
            passed += 1
        return passed, False

    # ------------------------------------------------------------
    # Stopping, pausing, going on
    # ------------------------------------------------------------

    def _worked(self, start, end):
        """Working seconds between two moments, by the clock's own hours."""
        self.ensure_one()
        try:
            return self.worktime_id._apply("elapsed", start, end)[1]
        except UserError as error:
            # beyond ten years, or beyond what is known of deleted working hours
            _logger.warning("%s: %s", self, error)
            return 0

    def _stop(self, state, at=None, user=None):
        at = at or self._now()
        self.filtered(lambda clock: clock.state == "paused")._resume(at)
        for clock in self:
            vals = {
                "state": state,
                "stopped_at": at,
                "next_at": False,
                "error": False,
                "met_by_id": user.id if user else False,
            }
            if clock.due_at:
                past = clock.paused_seconds + clock.solved_seconds
                worked = clock._worked(clock.started_at, at)
                vals["elapsed_seconds"] = max(0, worked - past)
                vals["breached_at"] = clock.breached_at or (clock.due_at < at and clock.due_at)
            clock.write(vals)
        self.filtered("levels_passed").alert_ids._withdraw()

    @api.model
    def _rest_reason(self, place, measure, terms, used=None):
        """Whom a clock waits for where its record is; False while it runs.

        :param place: the record, or a :class:`~.care_sla_relive.Stay` of it
        :param dict terms: see the field
        :param dict used: working seconds that it has stood still already, by reason
        """
        reason = place.stage_category == "waiting" and place.stage_id.waiting_for
        waits = (terms or TERMS)["waits"]
        if not reason or reason not in waits or not MEASURES_BY_NAME[measure].pauses:
            return False
        cap = waits[reason]
        return not (cap and (used or {}).get(reason, 0) >= cap) and reason

    def _fit(self, at=None):
        """Stand still or go on, as the records do now."""
        pausing = self.filtered(lambda clock: MEASURES_BY_NAME[clock.measure].pauses)
        reasons = {
            clock: self._rest_reason(clock._record(), clock.measure, clock.terms, clock.paused_by)
            for clock in pausing
        }
        resumed = pausing.filtered(
            lambda clock: clock.state == "paused" and reasons[clock] != clock.paused_for
        )
        resumed._resume(at)
        still = pausing.filtered(lambda clock: clock.state == "running" and reasons[clock])
        for reason, clocks in still.grouped(lambda clock: reasons[clock]).items():
            clocks._pause(at, reason)
        (resumed | still)._trigger_due()

    def _pause(self, at=None, reason="customer"):
        """Stand still, for what policies call a reason."""
        self._pause_each(dict.fromkeys(self, (at or self._now(), reason)))

    @api.model
    def _pause_each(self, places):
        """
        :param dict places: clock -> from when, and for what reason
        """
        for clock, (at, reason) in places.items():
            clock.write(
                self._prepare_pause(
                    clock.worktime_id,
                    clock.due_at,
                    at,
                    reason,
                    clock.terms,
                    clock.paused_by,
                    clock.breached_at,
                )
            )
        self.browse(clock.id for clock in places)._note_pauses()

    @api.model
    def _prepare_pause(self, worktime, due, at, reason, terms, used=None, breached_at=False):
        cap = (terms or TERMS)["waits"].get(reason)
        next_at = False
        if cap:
            left = max(0, cap - (used or {}).get(reason, 0))
            try:
                next_at = worktime._apply("add", at, left)[1]
            except UserError:  # it may wait longer than hours are known: no case is held up by it
                next_at = False
        return {
            "state": "paused",
            "paused_at": at,
            "paused_for": reason,
            "held_due_at": due,
            "due_at": False,
            "next_at": next_at,
            "remaining": worktime._apply(clockwork.remaining, due, at)[1],
            "breached_at": breached_at or (due < at and due),
        }

    def _note_pauses(self):
        """A row for each of these pauses that have just begun."""
        self.env["care.sla.pause"]._begin(self)

    def _resume(self, at=None):
        """Go on after a pause. The due time moves on by the working time of the pause; one
        that had passed already stays.

        A pause that the policy ends earlier has ended then, even if nobody looked.
        """
        self._resume_each(dict.fromkeys(self, at or self._now()))

    @api.model
    def _resume_each(self, moments):
        """
        :param dict moments: clock -> when it goes on
        """
        ended = {}
        for clock, at in moments.items():
            reason, used = clock.paused_for, dict(clock.paused_by or {})
            cap = (clock.terms or TERMS)["waits"].get(reason)
            left = max(0, cap - used.get(reason, 0)) if cap else None
            worktime, (stop, worked) = clock._reckon(
                clockwork.rested, clock.paused_at, at, left, default=(at, 0)
            )
            ended[clock] = (stop, worked)
            used[reason] = used.get(reason, 0) + worked
            vals = {
                "paused_at": False,
                "paused_for": False,
                "held_due_at": False,
                "remaining": 0,
                "paused_by": used,
                "paused_seconds": clock.paused_seconds + worked,
                "worktime_id": worktime.id,
            }
            clock._go_on(clock.held_due_at, clock.paused_at, stop, vals)
        self.env["care.sla.pause"]._end(ended)

    def _reckon(self, function, *args, default=None):
        """What a function of ``tools.clockwork`` says by this clock's hours.

        :param default: the answer beyond ten years, or beyond what is known of deleted
            working hours
        :return: the snapshot that knows so far, and the answer
        """
        self.ensure_one()
        try:
            return self.worktime_id._apply(function, *args)
        except UserError as error:
            _logger.warning("%s: %s", self, error)
            return self.worktime_id, default

    def _go_on(self, due, since, until, vals):
        """Run (again) until ``due``, moved on by the working time in which it stood still."""
        worktime, due = self._reckon(clockwork.moved, due, since, until)
        if due is None:
            # planned anew by the cron, from the hours as they are then
            self.write({**vals, "state": "planned", "next_at": self._now()})
            return
        passed = self.levels_passed
        next_at = False
        if passed < len(self.levels or []):
            next_at = self._level_moment(worktime, due, self.levels[passed])
        self.write(
            {
                **vals,
                "state": "running",
                "due_at": due,
                "next_at": next_at,
                "worktime_id": worktime.id,
            }
        )

    @api.model
    def _reopen(self, records):
        """Promises that had ended with these records go on, or are made anew, as their policy
        said: the time in between counts for nothing. An answer that was given stays given.
        """
        now = self._now()
        # sudo: as in `_live`
        clocks = self.sudo().search(
            [(records._care_link, "in", records.ids), ("state", "in", ("met", "cancelled"))],
            order="cycle, id",
        )
        # of each promise the last one
        last = {(clock._record(), clock.measure): clock for clock in clocks}
        again, anew, news = self.browse(), {}, {}
        for (record, measure), clock in last.items():
            how = MEASURES_BY_NAME[measure].reopens
            if how == "terms":
                how = (clock.terms or TERMS)["reopen"]
                if how == "new":
                    anew[record] = max(record.cycle, clock.cycle + 1)
                elif not clock.given_up:
                    again |= clock
            elif how == "anew":
                news[record] = clock.cycle + 1
            elif how == "resume" and clock.state == "cancelled" and not clock.given_up:
                again |= clock
        again._run_again(now)
        for measure, numbers in (("resolution", anew), ("update", news)):
            if numbers:
                self._start(records.browse(r.id for r in numbers), now, [measure], numbers)
        # cases that were over when the addon was installed
        known = {record for record, measure in last if measure == "resolution"}
        self._start(records.filtered(lambda r: r not in known), now, ["resolution"])
        # what nobody promised any more may be promised today
        given_up = {record.id for (record, _measure), clock in last.items() if clock.given_up}
        if given_up:
            self._reconsider(records.browse(given_up))

    def _run_again(self, now):
        """Go on after the record was over."""
        gaps = {}
        for clock in self:
            vals = {"stopped_at": False, "elapsed_seconds": 0, "met_by_id": False}
            if not clock.due_at:
                clock.write({**vals, "state": "planned", "attempts": 0, "next_at": now})
                continue
            gaps[clock] = clock._skip(clock.stopped_at, now, vals)
        self.env["care.sla.pause"]._note_solved(gaps)
        self.filtered(lambda clock: clock.state == "running")._fit(now)
        self._trigger_due()

    def _skip(self, since, until, vals):
        """Go on after a time in which its record was over, which counts for nothing.

        :return: its beginning, its end, and its working seconds
        """
        worktime, worked = self._reckon(clockwork.rested, since, until, default=(until, 0))
        solved = {
            "solved_seconds": self.solved_seconds + worked[1],
            "worktime_id": worktime.id,
        }
        self._go_on(self.due_at, since, until, {**vals, **solved})
        return since, *worked

    # ------------------------------------------------------------
    # Merging
    # ------------------------------------------------------------

    @api.model
    def _merge(self, sources, target):
        """Cases become one with ``target``: of two promises of a kind the earlier one counts,
        with what it has gone through; the other ends with the case that is merged. Nobody
        gains time by merging, and a promise that was broken stays broken.

        An answer that the customer has had to one of the cases answers both. With a case that is
        solved already only what is owed goes along.
        """
        clocks = self.search([("case_id", "in", (sources | target).ids)], order="id")
        clocks = clocks.filtered(lambda clock: clock.measure != "stage")
        owed = clocks.filtered(
            lambda clock: clock.case_id in sources and not MEASURES_BY_NAME[clock.measure].over
        )
        # they are numbered by what they are about, which goes along
        owed.write({"case_id": target.id})
        if target.stage_category not in ("open", "waiting"):
            return
        for measure, mine in (clocks - owed).grouped("measure").items():
            kept = mine.filtered(lambda clock: clock.case_id == target).sorted("cycle")[-1:]
            theirs = mine.filtered(lambda clock: clock.case_id in sources)
            if measure in ("acknowledgement", "first_response") and kept.state in self._live_states:
                met = theirs.filtered(lambda clock: clock.state == "met").sorted("stopped_at")[:1]
                if met:
                    kept._stop("met", max(met.stopped_at, kept.started_at), met.met_by_id)
            live = theirs.filtered(lambda clock: clock.state in ("running", "paused"))
            first = live.sorted(lambda clock: (clock._promised_until(), clock.id))[:1]
            if not first:
                continue
            many = first._is_repeated()
            if not kept or (many and kept.state not in self._live_states):
                number = max(target.cycle, kept.cycle + 1) if not many or kept else 1
                first.write({"case_id": target.id, "cycle": number})
                first._fit()
            elif kept.state in self._live_states:
                until = kept._promised_until()
                if not until or first._promised_until() < until:
                    self._swap(kept, first)
                    first._fit()

    def _is_repeated(self):
        """Whether a case is promised this more than once."""
        self.ensure_one()
        return not MEASURES_BY_NAME[self.measure].begins or self.measure == "update"

    def _promised_until(self):
        """When it is due, or was before the pause; False while it is not planned."""
        self.ensure_one()
        return self.due_at or self.held_due_at

    @api.model
    def _swap(self, one, other):
        """Let two clocks of one measure change places."""
        places = (one.case_id.id, one.cycle), (other.case_id.id, other.cycle)
        # out of the way of the unique index
        one.write({"cycle": -one.id})
        one.flush_recordset()
        other.write({"case_id": places[0][0], "cycle": places[0][1]})
        other.flush_recordset()
        one.write({"case_id": places[1][0], "cycle": places[1][1]})
        one.flush_recordset()

    # ------------------------------------------------------------
    # Planned rows
    # ------------------------------------------------------------

    @api.model
    def _wake(self, companies=None):
        """What could not be planned is tried again: something was mended. The cron goes through
        it in batches, of which there may be very many: see :meth:`_claim_waiting`.

        :param companies: all by default
        """
        # sudo: whoever mends it sets the engine going
        clocks = self.sudo()
        if companies is None:
            companies = self.env["res.company"].sudo().search(Domain.TRUE)  # there are few
        domain = [("state", "in", self._waiting_states), ("company_id", "in", companies.ids)]
        if clocks.search_count(domain, limit=1):
            now = self._now()
            companies.sudo().write({"care_sla_woken_at": now})
            clocks._trigger_at([now])

    @api.model
    def _claim_waiting(self):
        """The next ones of a company in which something was mended that were not tried since,
        locked. When none is left the company is done with.
        """
        for company in self.env["res.company"].search([("care_sla_woken_at", "!=", False)]):
            woken = company.care_sla_woken_at
            clocks = self.search(
                [
                    ("company_id", "=", company.id),
                    ("state", "in", self._waiting_states),
                    *("|", "|", ("attempts", ">", 0), ("next_at", "=", False)),
                    ("next_at", ">", woken),
                ],
                order="company_id, id",
                limit=WAKE_BATCH,
            )
            if clocks:
                return clocks.try_lock_for_update(allow_referencing=True)
            company.care_sla_woken_at = False
            company.flush_recordset()
        return self.browse()

    def _wake_up(self):
        self.write(
            {
                "state": "planned",
                "attempts": 0,
                "next_at": self.company_id.care_sla_woken_at,
            }
        )

    @api.model
    def _trigger_at(self, moments):
        """Wake the cron only for what is due before it looks ahead by itself: most promises are
        due much later, and each would leave a row.
        """
        until = self.env.cr.now() + AHEAD
        return super()._trigger_at([moment for moment in moments if moment and moment <= until])

    @api.model
    def _claim_due(self):
        """One look tells that nothing is due, and when the cron is to look again."""
        coming, woken = self._look_ahead()
        if woken:
            self._wake_waiting()
            coming, _woken = self._look_ahead()
        if coming and coming <= self.env.cr.now():
            return super()._claim_due()
        self._trigger_at([coming])
        return self.browse()

    @api.model
    def _wake_waiting(self):
        """Go through what could not be planned, one transaction a batch."""
        while waiting := self._claim_waiting():
            waiting._wake_up()
            if not self.env["ir.cron"]._commit_progress(len(waiting), remaining=1):
                return

    @api.model
    def _look_ahead(self):
        """
        :return: when something is due before the cron looks by itself again, None where nothing
            is; and whether something was mended for what could not be planned
        """
        self.flush_model(["next_at"])
        self.env["res.company"].flush_model(["care_sla_woken_at"])
        (row,) = self.env.execute_query(
            SQL(
                """
                SELECT (SELECT min(next_at) FROM care_sla_clock WHERE next_at <= %s),
                        EXISTS (SELECT 1 FROM res_company WHERE care_sla_woken_at IS NOT NULL)
                """,
                self.env.cr.now() + AHEAD,
            )
        )
        return row

    def _set_aside(self, error):
        """A running clock runs on, whatever hinders its alerts."""
        state = self.state
        result = super()._set_aside(error)
        if self.exists() and state == "running":
            self.state = state
        return result

    def _run_due(self):
        now = self._now()
        clocks = self
        for _round in range(ROUNDS):
            clocks._run_once(now)
            # a level may have changed the record, and with it what is promised and due
            clocks = clocks.filtered(lambda clock: clock.next_at and clock.next_at <= now)
            if not clocks:
                return

    def _run_once(self, now):
        # what is planned now may stand still from the first
        paused = self.filtered(lambda clock: clock.state == "paused")
        self.filtered(lambda clock: clock.state in self._waiting_states)._replan(now)
        paused._stop_waiting(now)
        self.filtered(lambda clock: clock.state == "running")._pass_levels(now)
        self.filtered(lambda clock: clock.state not in self._live_states).write({"next_at": False})

    def _stop_waiting(self, now):
        """They have waited as long as their policy lets them: time runs on, and the owner is
        told.
        """
        told = []
        for clock in self:

            def say(record, measure=clock.measure):
                promise = record.env["care.sla.clock"]._label(measure)
                return {"summary": record.env._("%s runs on: we have waited long enough", promise)}

            record = clock._record()
            told.append((record, record._present(record.owner_id, record.team_id), say))
        self._resume(now)
        self.env["mail.activity"]._care_tell("customer_care_sla.mail_activity_type_waited", told)

    @api.model
    def _label(self, measure):
        """The name of a measure, in the reader's language."""
        return dict(self._fields["measure"]._description_selection(self.env))[measure]

    def _replan(self, now):
        """Try again to plan what could not be planned; it counts from the same moment."""
        jobs, clocks = [], self.browse()
        for mine in self.grouped(lambda clock: clock._record()._name).values():
            records = mine[0]._record().browse(clock._record().id for clock in mine)
            measures = set(mine.mapped("measure"))
            choices = self.env["care.sla.policy"]._choose(records, measures)
            for clock in mine:
                record, measure = clock._record(), clock.measure
                choice = choices.get(record, {}).get(measure)
                if choice and (choice.line.kind != "date" or self._date_of(record, measure)):
                    clocks |= clock
                    jobs.append((record, measure, choice, clock.started_at))
        # nothing promises this any more
        (self - clocks)._give_up()
        plans = self._prepare_plans(jobs, now, resting=False)
        broken = {clock: clock.breached_at for clock in clocks}
        for clock, vals in zip(clocks, plans, strict=True):
            if vals["state"] == "failed":
                attempts = clock.attempts + 1
                vals["attempts"] = attempts
                vals["next_at"] = (
                    self._next_attempt(attempts) if attempts < self._due_attempts else False
                )
            clock.write(vals)
        clocks._relive_all(broken)

    def _rested_since_due(self):
        """Working seconds in which it stood still since it was due: what comes after that waits
        as long."""
        self.ensure_one()
        if not self.breached_at or not (self.paused_seconds or self.solved_seconds):
            return 0
        since = self.pause_ids.filtered(lambda pause: pause.started_at >= self.due_at)
        return sum(since.mapped("seconds"))

    def _pass_levels(self, now):
        """Tell of the last moment that each clock has newly passed, all of its levels, and
        go on."""
        passed = []
        for clock in self:
            before, due, worktime = clock.levels_passed, clock.due_at, clock.worktime_id
            levels = clock.levels or []
            rested = clock._rested_since_due()
            # a pause may have changed which of them comes next
            levels = levels[:before] + self._sort_levels(worktime, due, levels[before:], rested)
            count, next_at = self._next_level(worktime, due, levels, before, now, rested)
            if count > before:
                last = levels[count - 1]
                passed.extend(
                    (clock, level)
                    for level in levels[before:count]
                    if (level[0], unit_of(level)) == (last[0], unit_of(last))
                )
            vals = {
                "levels_passed": count,
                "next_at": next_at,
                "attempts": 0,
                "error": False,
            }
            if levels != clock.levels:
                vals["levels"] = levels
            if due < now and not clock.breached_at:
                vals["breached_at"] = due
            clock.write(vals)
        self.env["care.sla.alert"]._tell(passed)

    # ------------------------------------------------------------
    # What customers are told
    # ------------------------------------------------------------

    def _due_for(self, lang, tz):
        """When it is due, in the customer's words: with the zone's name."""
        return format_datetime(
            self.env, self.due_at, tz=tz, dt_format="EEE d MMM, HH:mm (VVV)", lang_code=lang
        )

    def _promise_line(self, lang, tz):
        """The promise as the customer reads it, in their language and zone."""
        self.ensure_one()
        clock = self.with_context(lang=lang)
        moment = clock._due_for(lang, tz)
        if clock.measure == "first_response":
            return clock.env._("A first answer by %s", moment)
        if clock.measure == "resolution":
            return clock.env._("Solved by %s", moment)
        if clock.measure == "final_response":
            return clock.env._("Our final response by %s", moment)
        if clock.measure == "next_response":
            return clock.env._("An answer by %s", moment)
        if clock.measure == "update":
            return clock.env._("News from us by %s", moment)
        return clock.env._("A confirmation by %s", moment)
