"""A policy tried out on what really happened: what it would have come to, beside today's."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from dateutil.relativedelta import relativedelta
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain

from odoo.addons.customer_care.models.care_due_mixin import insert_new
from odoo.addons.customer_care.tools.worktime import WorkTimeError

from ..tools.replay import WORKING
from .care_sla_measure import MEASURES
from .care_sla_policy import Book, Choice

#: Records looked at in one transaction.
CHUNK = 500
#: Known working hours around the time that is looked at: a pause or a promise may end later.
MONTHS_BEFORE, MONTHS_AFTER = 2, 36
#: When it was that a customer told us of a case, or that a journey began.
BEGAN = {"care.case": "received_at", "care.journey": "create_date"}
#: What the job has to read anew of the book of policies; by identity of its type, no remote
#: call can put one in a context.
TRIAL = "care_sla_trial"


class Trial(NamedTuple):
    """What is tried out."""

    #: what the company would promise
    book: Book
    #: for promises of time in a stage: the stage, and its category
    stage: tuple | None = None


class Story(NamedTuple):
    """What happened to one case or journey. Moments are whole seconds."""

    #: when what begins by itself began
    started: datetime
    stretches: list
    #: when one of ours answered or called
    answers: list = ()
    #: when it was acknowledged in writing
    told: datetime | None = None
    #: when the customer wrote and waited for an answer
    asks: list = ()
    #: when somebody said that none is needed, by when it was asked
    spared: dict = {}
    remedies: list = ()
    #: when whoever does the service wrote back
    provider_answers: list = ()
    #: event of a journey -> which time it was -> when
    begun: dict = {}
    #: when one of ours was in touch with the customer of a journey before the sale
    contacts: list = ()


class Job(NamedTuple):
    """A promise to play."""

    record: models.Model
    measure: str
    choice: Choice
    story: Story
    #: which time it is promised
    number: int = 1
    #: of an answer to a later message: the promise of the first one
    first: tuple | None = None


class CareSlaBacktest(models.Model):
    """The cases or journeys of the last days played under a policy, in batches, by the engine's
    arithmetic.

    It writes nothing but its own lines. Working hours, severity, tier, filters and dates that
    were set for something are those of now; what happened to a record (its stages, answers,
    mails) is read as it was. What is not on record is counted, with the reason.
    """

    _name = "care.sla.backtest"
    _description = "Back-test of an SLA policy"
    _inherit = ["care.job.mixin"]
    _order = "id desc"
    _due_cron = "customer_care_sla.ir_cron_backtests"
    # one chunk of one back-test in each transaction
    _due_batch = 1
    _due_user_fields = frozenset({"policy_id", "instead_of_id", "company_id", "days"})

    state = fields.Selection(
        selection_add=[("draft", "New"), ("planned", "Running"), ("done",)],
        default="draft",
        ondelete={"draft": "cascade"},
    )
    policy_id = fields.Many2one(
        "care.sla.policy",
        "Policy",
        required=True,
        ondelete="cascade",
        index=True,
        domain="[('active', 'in', [True, False]), ('company_id', 'in', [company_id, False])]",
        context={"active_test": False},
        help="Archived ones are drafts: they promise nothing until they are active.",
    )
    instead_of_id = fields.Many2one(
        "care.sla.policy",
        "Instead Of",
        ondelete="set null",
        index="btree_not_null",
        domain="[('id', '!=', policy_id), ('company_id', 'in', [company_id, False])]",
        help="The policy that it is to replace. Empty: it stands beside all others, at its place "
        "in their order.",
    )
    days = fields.Integer(
        "Last Days",
        required=True,
        default=90,
        help="Cases that customers told us of within so many days, or journeys that began.",
    )
    since = fields.Datetime("From", readonly=True)
    until = fields.Datetime("To", readonly=True, help="Nothing later is looked at.")
    total = fields.Integer("To Look At")
    without_count = fields.Integer(
        "Not Promised",
        readonly=True,
        help="Cases or journeys to which the policy promises nothing.",
    )
    failed_count = fields.Integer(
        "Cannot Be Told",
        readonly=True,
        help="Promises whose working hours cannot be used, or whose history is not on record.",
    )
    note = fields.Text("Why Not", readonly=True)
    book_version = fields.Char(readonly=True)
    line_ids = fields.One2many("care.sla.backtest.line", "backtest_id", readonly=True)
    summary_html = fields.Html("Result", compute="_compute_summary_html")

    _days_check = models.Constraint(
        "CHECK (days BETWEEN 1 AND 730)",
        "A back-test looks back 1 to 730 days.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("policy_id", "days", "company_id")
    def _compute_display_name(self):
        for row in self:
            row.display_name = self.env._(
                "%(policy)s, last %(days)s days", policy=row.policy_id.name or "", days=row.days
            )

    @api.depends("state", "done_count", "line_ids")
    @api.depends_context("lang", "uid")
    def _compute_summary_html(self):
        """Of what this user may see: lines of confidential cases are for their group."""
        lines = self.env["care.sla.backtest.line"]
        sums = ["met:sum", "decided:sum", "today_met:sum", "today_decided:sum"]
        sums += ["late_seconds:max", "late_hours:avg", "worse:sum", "better:sum", "__count"]
        groups = lines._read_group(
            [("backtest_id", "in", self.ids)],
            ["backtest_id", "measure", "severity"],
            sums,
            order="backtest_id, measure, severity",
        )
        by_row = defaultdict(list)
        for backtest, *group in groups:
            by_row[backtest.id].append(group)
        for row in self:
            row.summary_html = by_row[row.id] and row._summary(by_row[row.id])

    def _summary(self, groups):
        """A table: a row for each measure and severity, draft and today beside each other."""
        lines = self.env["care.sla.backtest.line"]
        measures, severities = (
            dict(lines._fields[name]._description_selection(self.env))
            for name in ("measure", "severity")
        )
        order = [name for name, _label in MEASURES]

        def cells(tag, values):
            shown = Markup("").join(
                Markup('<{0} class="{1}">{2}</{0}>').format(
                    tag, "text-end" if nr > 1 else "", value
                )
                for nr, value in enumerate(values)
            )
            return Markup("<tr>%s</tr>") % shown

        head = cells(
            "th",
            [
                self.env._("Promise"),
                self.env._("Severity"),
                self.env._("Decided"),
                self.env._("Kept"),
                self.env._("Kept Today"),
                self.env._("Broken"),
                self.env._("Newly Broken"),
                self.env._("Newly Kept"),
                self.env._("Late on Average"),
                self.env._("Latest"),
            ],
        )
        body = []
        for measure, severity, met, decided, today, known, most, hours, worse, better, _n in sorted(
            groups, key=lambda group: (order.index(group[0]), group[1] or "")
        ):
            body.append(
                cells(
                    "td",
                    [
                        measures[measure],
                        severities.get(severity, "–"),
                        decided,
                        self._share(met, decided),
                        self._share(today, known),
                        decided - met,
                        worse,
                        better,
                        self.env._("%s h", round(hours or 0, 1)) if decided > met else "",
                        self.env._("%s h", round(most / 3600, 1)) if decided > met else "",
                    ],
                )
            )
        return Markup(
            '<div class="table-responsive"><table class="table table-sm">'
            "<thead>%s</thead><tbody>%s</tbody></table></div>"
        ) % (head, Markup("").join(body))

    @api.model
    def _share(self, met, decided):
        return self.env._("%s %%", round(100 * met / decided)) if decided else "–"

    @api.constrains("policy_id", "instead_of_id", "company_id")
    def _check_policies(self):
        for row in self:
            for policy in row.policy_id | row.instead_of_id:
                if policy.company_id and policy.company_id != row.company_id:
                    raise ValidationError(
                        self.env._(
                            "The policy “%(policy)s” is of another company than %(company)s: "
                            "choose one of this company, or the other company.",
                            policy=policy.name,
                            company=row.company_id.name,
                        )
                    )
            if row.instead_of_id and row.instead_of_id.res_model != row.policy_id.res_model:
                raise ValidationError(
                    self.env._(
                        "“%s” is about other records: it can replace nothing here.",
                        row.policy_id.name,
                    )
                )
            if row.instead_of_id == row.policy_id:
                raise ValidationError(self.env._("A policy does not replace itself."))

    @api.onchange("policy_id")
    def _onchange_policy_id(self):
        if not self.instead_of_id:
            self.instead_of_id = self.policy_id.draft_of_id
        if self.policy_id.company_id:
            self.company_id = self.policy_id.company_id

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def _check_manager(self):
        self.check_access("write")
        if not self.env.user.has_group("customer_care.group_manager"):
            raise AccessError(self.env._("Only managers try out policies."))

    def _may_be_changed(self):
        # it is run again with whatever it says then
        self.ensure_one()
        return self.state not in ("planned", "failed")

    def action_start(self):
        """Start, or start anew: what an earlier run has found goes."""
        self._check_manager()
        for row in self:
            if row.state == "planned":
                raise UserError(self.env._("It is running already: wait for it, or stop it."))
            if not row.policy_id.target_ids:
                raise UserError(
                    self.env._(
                        "“%s” promises nothing yet: add what is promised, and by when.",
                        row.policy_id.name,
                    )
                )
        # sudo: the engine's fields; the right to start it is checked above
        rows = self.sudo()
        now = self.env.cr.now().replace(microsecond=0)
        for row in rows:
            row.write({"since": now - timedelta(days=row.days), "until": now})
            row._begin()
        rows._trigger_due()

    def action_stop(self):
        """Not any further; what was found stays."""
        self._check_manager()
        self._stop_job()

    def action_refresh(self):
        """Saved by the button itself: the form shows how far it has come."""
        self.check_access("read")
        return True

    def action_open_lines(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_sla.care_sla_backtest_line_action"
        )
        return {**action, "domain": [("backtest_id", "=", self.id)]}

    # ------------------------------------------------------------
    # Running
    # ------------------------------------------------------------

    def _begin(self):
        """From the first case on; what was found before goes."""
        self.ensure_one()
        self.line_ids.unlink()
        self.write(
            {
                "state": "planned",
                "total": self._records().search_count(self._domain()),
                "done_count": 0,
                "without_count": 0,
                "failed_count": 0,
                "note": False,
                "last_id": 0,
                "attempts": 0,
                "error": False,
                "book_version": self.company_id.care_sla_version,
                "next_at": self.env.cr.now().replace(microsecond=0),
            }
        )

    def _records(self):
        records = self.env[self.policy_id.res_model].with_company(self.company_id)
        return records.with_context(active_test=False)

    def _domain(self):
        self.ensure_one()
        began = BEGAN[self.policy_id.res_model]
        return (
            Domain("company_id", "=", self.company_id.id)
            & Domain(began, ">=", self.since)
            & Domain(began, "<", self.until)
        )

    def _run_due(self):
        for row in self:
            if row.book_version != row.company_id.care_sla_version:
                # half of the cases under one policy and half under another say nothing
                row._begin()
            records = row._records().search(
                row._domain() & Domain("id", ">", row.last_id), order="id", limit=CHUNK
            )
            if not records:
                row._job_done()
                continue
            row._replay(records.filtered(lambda record: record._care_covered()))
            row._next_chunk(
                {
                    "last_id": records[-1].id,
                    "done_count": row.done_count + len(records),
                }
            )

    def _replay(self, records):
        """Play what happened to these records and note what it came to.

        Never stops for what a policy, a calendar or the past says: such promises are counted.
        """
        self.ensure_one()
        jobs = self._jobs(records)
        today = self._today(records)
        rows, hours, errors = [], {}, []
        for job in jobs:
            try:
                runs = self._runs(job, hours)
            except (UserError, WorkTimeError) as error:
                errors.append(str(error))
                continue
            for number, run in runs:
                if run.state != "cancelled" or run.late:
                    key = self._which(job.measure, number, run.started)
                    clock = today.get((job.record.id, job.measure, key))
                    rows.append(self._prepare_line(job, number, run, clock))
        insert_new(self.env["care.sla.backtest.line"], rows)
        without = len(records) - len({job.record for job in jobs})
        self.write(
            {
                "without_count": self.without_count + without,
                "failed_count": self.failed_count + len(errors),
                "note": self.note or (errors[0] if errors else False),
            }
        )

    def _jobs(self, records):
        """What the policy promises to these records."""
        # sudo: policies belong to the company
        policies = self.env["care.sla.policy"].sudo()
        trial = Trial(policies._book_with(self.company_id, self.policy_id, self.instead_of_id))
        measures = set(self.policy_id.target_ids.mapped("measure"))
        # a message that the first answer answers asks for no other
        also = {"first_response"} if "next_response" in measures else set()
        chosen = policies.with_context(**{TRIAL: trial})._choose(records, measures | also)
        stories = self._stories(records, measures)
        jobs = [
            Job(record, measure, choice, stories[record])
            for record, choices in chosen.items()
            for measure, choice in choices.items()
            if measure != "stage"
        ]
        jobs += self._stage_jobs(stories, trial)
        if also:
            first = {job.record: job for job in jobs if job.measure == "first_response"}
            jobs = [
                job._replace(first=first.get(job.record)) if job.measure == "next_response" else job
                for job in jobs
            ]
        return [job for job in jobs if job.choice.policy.id == self.policy_id.id]

    def _hours(self, calendar):
        """The working hours of a calendar as it is now, kept nowhere; or why there are none."""
        worktimes = self.env["care.worktime"]
        if not calendar:
            return self.env._("No working hours are set for this.")
        start = self.since.replace(day=1, hour=0, minute=0, second=0)
        start -= relativedelta(months=MONTHS_BEFORE)
        end = start + relativedelta(months=MONTHS_BEFORE + MONTHS_AFTER, days=self.days)
        source = worktimes._read_sources(calendar, self.company_id, start, end)
        reason = worktimes._get_refusal(calendar, self.company_id, source.get(calendar.id))
        if reason:
            return reason
        try:
            return worktimes._make_worktime(calendar, self.company_id, start, end)
        except UserError as error:
            return str(error)

    def _stage_jobs(self, stories, trial):
        """A job for each stay in a stage in which something is promised."""
        if "stage" not in self.policy_id.target_ids.mapped("measure"):
            return []
        stays = defaultdict(dict)
        for record, story in stories.items():
            for number, stretch in enumerate(story.stretches):
                if stretch.category in WORKING:
                    place = stretch.stage_id, stretch.category
                    stays[place].setdefault(record, []).append(number)
        jobs = []
        for place, mine in stays.items():
            # sudo: policies belong to the company
            policies = self.env["care.sla.policy"].sudo()
            policies = policies.with_context(**{TRIAL: trial._replace(stage=place)})
            records = self._records().concat(*mine)
            for record, choices in policies._choose(records, ["stage"]).items():
                for measure, choice in choices.items():
                    for number in mine[record]:
                        here, *after = stories[record].stretches[number : number + 2]
                        story = Story(here.since, [here], [stretch.since for stretch in after])
                        jobs.append(Job(record, measure, choice, story, number + 1))
        return jobs

    def _today(self, records):
        """(record id, measure, which) -> what the real clock came to, as column values."""
        measures = self.policy_id.target_ids.mapped("measure")
        clocks = self.env["care.sla.clock"].search(
            [
                (records._care_link, "in", records.ids),
                ("measure", "in", measures),
                ("state", "in", ("running", "paused", "met", "cancelled")),
            ],
            order="cycle, id",
        )
        return {
            (
                clock._record().id,
                clock.measure,
                self._which(clock.measure, clock.cycle, clock.started_at),
            ): self._came_to(clock)
            for clock in clocks
            if clock.state != "cancelled" or (clock.breached_at and not clock.needless)
        }

    @api.model
    def _which(self, measure, number, started):
        """By what a promise that is played and a real one are the same."""
        if measure == "next_response":
            return started
        # the last one counts
        return number if measure not in ("delivery", "quotation") else 0

    def _came_to(self, clock):
        """As facts count it: broken as soon as it is due, whatever becomes of it then."""
        due = clock.due_at or clock.held_due_at
        end = clock.stopped_at or clock.paused_at or self.until
        late = bool(clock.breached_at or due < end)
        return {
            "today_due_at": due,
            "today_ended_at": clock.stopped_at,
            "today_late_seconds": clock._worked(due, end) if late and due < end else 0,
            "today_decided": int(late or clock.state == "met"),
            "today_met": int(clock.state == "met" and not late),
        }

    def _prepare_line(self, job, number, run, today):
        today = today or {}
        met = int(run.decided and not run.late)
        both = run.decided and today.get("today_decided")
        return {
            "backtest_id": self.id,
            "company_id": self.company_id.id,
            job.record._care_link: job.record.id,
            "measure": job.measure,
            "severity": "severity" in job.record._fields and job.record.severity,
            "number": number,
            "started_at": run.started,
            "due_at": run.due,
            "ended_at": run.ended or False,
            "late_seconds": run.late_seconds,
            "decided": int(run.decided),
            "met": met,
            "worse": int(bool(both and today["today_met"] and not met)),
            "better": int(bool(both and met and not today["today_met"])),
            **today,
        }


class CareSlaPolicy(models.Model):
    _inherit = "care.sla.policy"  # pylint: disable=consider-merging-classes-inherited

    draft_of_id = fields.Many2one(
        "care.sla.policy",
        "Draft Of",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The policy of which this is a changed copy.",
    )

    @api.model
    def _book_of(self, company):
        trial = self.env.context.get(TRIAL)
        return trial.book if isinstance(trial, Trial) else super()._book_of(company)

    @api.model
    def _book_with(self, company, policy, instead):
        """What a company would promise with this policy, active or not.

        :param instead: the one that it replaces; empty for none
        """
        # sudo: as for the book itself
        policies = self.sudo().with_context(active_test=True, prefetch_langs=False)
        policies = policies.search([("company_id", "in", (False, company.id))])
        policies = (policies - instead.sudo()) | policies.browse(policy.id)
        policies = policies.sorted(lambda policy: (policy.sequence, policy.id))
        return policies.with_context(active_test=False)._as_book()

    @api.model
    def _line_key(self, record, staged):
        trial = self.env.context.get(TRIAL)
        if isinstance(trial, Trial) and trial.stage:
            severity, *_place = super()._line_key(record, staged)
            return (severity, *trial.stage)
        return super()._line_key(record, staged)

    def action_draft(self):
        """A copy that promises nothing yet, to change and to try out."""
        self.ensure_one()
        self.check_access("write")
        draft = self.copy(
            {
                "active": False,
                "name": self.env._("%s (draft)", self.name),
                # right behind this one
                "sequence": self.sequence,
                "draft_of_id": self.id,
            }
        )
        return draft._get_records_action(context={"active_test": False})

    def action_backtest(self):
        """Try it out on the last days."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Back-test"),
            "res_model": "care.sla.backtest",
            "views": [(False, "form")],
            "context": {
                "default_policy_id": self.id,
                "default_instead_of_id": self.draft_of_id.filtered("active").id,
                "default_company_id": (self.company_id or self.env.company).id,
            },
        }
