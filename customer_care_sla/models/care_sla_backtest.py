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
from odoo.addons.customer_care.tools.worktime import Spec, WorkTimeError

from ..tools.replay import Stretch, Terms, replay
from .care_sla_clock import START_WITHIN
from .care_sla_measure import MEASURES, MEASURES_BY_NAME
from .care_sla_policy import Book, Choice

#: Cases looked at in one transaction.
CHUNK = 500
#: Known working hours around the time that is looked at: a pause or a promise may end later.
MONTHS_BEFORE, MONTHS_AFTER = 2, 36
#: Measures whose history says when they began and ended.
REPLAYED = ("acknowledgement", "first_response", "stage", "resolution")
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
    """What happened to one case, as far as promises are about it."""

    started: datetime
    stretches: list
    #: when one of ours answered
    answers: list
    #: when it was acknowledged in writing
    told: datetime | None = None


class Job(NamedTuple):
    """A promise to play."""

    case: models.Model
    measure: str
    choice: Choice
    story: Story
    #: which time it is promised
    number: int = 1


class CareSlaBacktest(models.Model):
    """The cases of the last days played under a policy, in batches, by the engine's arithmetic.

    It writes nothing but its own lines. Working hours, severity, tier and filters are those of
    now; what happened to a case (its stages, answers, mails) is read as it was.
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
        help="Cases that customers told us of within so many days.",
    )
    since = fields.Datetime("From", readonly=True)
    until = fields.Datetime("To", readonly=True, help="Nothing later is looked at.")
    total = fields.Integer("Cases")
    without_count = fields.Integer(
        "Not Promised", readonly=True, help="Cases to which the policy promises nothing."
    )
    failed_count = fields.Integer(
        "Cannot Be Planned", readonly=True, help="Promises whose working hours cannot be used."
    )
    note = fields.Text("Why Not", readonly=True)
    book_version = fields.Char(readonly=True)
    line_ids = fields.One2many("care.sla.backtest.line", "backtest_id", readonly=True)
    left_out = fields.Char("Not Looked At", compute="_compute_left_out")
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

    @api.depends("policy_id.target_ids.measure")
    @api.depends_context("lang")
    def _compute_left_out(self):
        labels = dict(
            self.env["care.sla.target"]._fields["measure"]._description_selection(self.env)
        )
        for row in self:
            promised = row.policy_id.target_ids.filtered(lambda t: t.kind != "none")
            names = {t.measure for t in promised if t.measure not in REPLAYED or t.kind == "date"}
            row.left_out = ", ".join(labels[name] for name, _label in MEASURES if name in names)

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
            groups, key=lambda group: (order.index(group[0]), group[1])
        ):
            body.append(
                cells(
                    "td",
                    [
                        measures[measure],
                        severities[severity],
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
                if policy.res_model != "care.case":
                    raise ValidationError(
                        self.env._(
                            "“%s” is not about cases: only what is promised about cases can be "
                            "tried out.",
                            policy.name,
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
                "total": self._cases().search_count(self._domain()),
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

    def _cases(self):
        return self.env["care.case"].with_company(self.company_id).with_context(active_test=False)

    def _domain(self):
        self.ensure_one()
        return (
            Domain("company_id", "=", self.company_id.id)
            & Domain("received_at", ">=", self.since)
            & Domain("received_at", "<", self.until)
        )

    def _run_due(self):
        for row in self:
            if row.book_version != row.company_id.care_sla_version:
                # half of the cases under one policy and half under another say nothing
                row._begin()
            cases = row._cases().search(
                row._domain() & Domain("id", ">", row.last_id), order="id", limit=CHUNK
            )
            if not cases:
                row._job_done()
                continue
            row._replay(cases.filtered(lambda case: case._care_covered()))
            row._next_chunk(
                {
                    "last_id": cases[-1].id,
                    "done_count": row.done_count + len(cases),
                }
            )

    def _replay(self, cases):
        """Play what happened to these cases and note what it came to.

        Never stops for what a policy or a calendar says: such promises are counted.
        """
        self.ensure_one()
        # sudo: policies belong to the company
        policies = self.env["care.sla.policy"].sudo()
        trial = Trial(policies._book_with(self.company_id, self.policy_id, self.instead_of_id))
        stories = self._stories(cases)
        chosen = policies.with_context(**{TRIAL: trial})._choose(cases, REPLAYED)
        jobs = [
            Job(case, measure, choice, stories[case])
            for case, choices in chosen.items()
            for measure, choice in choices.items()
            if measure != "stage"
        ]
        jobs += self._stage_jobs(stories, trial)
        jobs = [job for job in jobs if job.choice.policy.id == self.policy_id.id]
        today = self._today(cases)
        rows, hours, errors = [], {}, []
        for job in jobs:
            if job.choice.line.kind == "date":
                continue
            try:
                runs = self._runs(job, hours)
            except (UserError, WorkTimeError) as error:
                errors.append(str(error))
                continue
            for number, run in enumerate(runs, job.number):
                if run.state != "cancelled" or run.late:
                    clock = today.get((job.case.id, job.measure, number))
                    rows.append(self._prepare_line(job, number, run, clock))
        insert_new(self.env["care.sla.backtest.line"], rows)
        self.write(
            {
                "without_count": self.without_count + len(cases) - len({job.case for job in jobs}),
                "failed_count": self.failed_count + len(errors),
                "note": self.note or (errors and errors[0]),
            }
        )

    def _runs(self, job, hours):
        """What became of one promise, as :func:`replay` tells it.

        :param dict hours: calendar -> its working hours, filled here
        :raise UserError: they cannot be used, or the filter cannot be read
        """
        case, measure, choice, story, _number = job
        policy, line = choice.policy, choice.line
        if choice.error:
            raise UserError(choice.error)
        calendar = (
            self.env["resource.calendar"].browse(policy.calendar_id)
            if policy.calendar_id
            else case.team_id._calendar(case.company_id)
        )
        if calendar not in hours:
            hours[calendar] = self._hours(calendar)
        if isinstance(hours[calendar], str):
            raise UserError(hours[calendar])
        traits = MEASURES_BY_NAME[measure]
        terms = Terms(traits.pauses, policy.terms["waits"], traits.over)
        answers = story.answers
        if measure == "resolution":
            terms, answers = terms._replace(reopens=policy.terms["reopen"]), []
        elif measure == "acknowledgement" and story.told:
            answers = [*answers, story.told]
        elif measure == "stage":
            terms = terms._replace(over="")
        spec = Spec(line.kind, line.amount)
        return replay(
            hours[calendar],
            lambda known, start: known.plan(start, spec).due,
            story.started,
            story.stretches,
            self.until,
            terms,
            answers,
        )

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

    # ------------------------------------------------------------
    # What happened
    # ------------------------------------------------------------

    def _stories(self, cases):
        """What happened to these cases until the back-test began: few queries for all.

        :return: dict case -> :class:`Story`
        """
        stretches = self._stretches(cases)
        answers = self._answers(cases)
        told = dict(
            self.env["care.notice"]._read_group(
                [
                    ("case_id", "in", cases.ids),
                    ("kind", "=", "case_received"),
                    ("state", "=", "done"),
                    ("write_date", "<=", self.until),
                ],
                ["case_id"],
                ["write_date:min"],
            )
        )
        stories = {}
        for case in cases:
            created = case.create_date.replace(microsecond=0)
            received = case.received_at.replace(microsecond=0)
            inside = created - START_WITHIN <= received <= created
            stories[case] = Story(
                received if inside else created,
                stretches.get(case.id, []),
                answers.get(case.id, []),
                told[case].replace(microsecond=0) if case in told else None,
            )
        return stories

    def _stretches(self, cases):
        """Case id -> its stages, one after the other; a change of owner makes no new one."""
        pieces = self.env["care.tenure"].search_fetch(
            [("case_id", "in", cases.ids), ("since", "<=", self.until)],
            ["case_id", "stage_id", "since"],
            order="since, id",
        )
        stretches = defaultdict(list)
        for piece in pieces:
            mine, stage = stretches[piece.case_id.id], piece.stage_id
            if not mine or mine[-1].stage_id != stage.id:
                mine.append(Stretch(piece.since, stage.category, stage.waiting_for or "", stage.id))
        return stretches

    def _answers(self, cases):
        """Case id -> when one of ours answered; what opened the case answers nothing."""
        called = Domain("mail_activity_type_id.category", "=", "phonecall")
        messages = self.env["mail.message"].search_fetch(
            Domain("model", "=", cases._name)
            & Domain("res_id", "in", cases.ids)
            & Domain("create_date", "<=", self.until)
            & (cases._care_reply_domain() | called),
            ["res_id", "author_id", "create_date"],
            order="id",
        )
        answers = defaultdict(list)
        for message in messages:
            case = cases.browse(message.res_id).with_prefetch(cases.ids)
            customers = case.partner_id | case.commercial_partner_id
            if message.create_date > case.create_date and message.author_id not in customers:
                answers[case.id].append(message.create_date.replace(microsecond=0))
        return answers

    def _stage_jobs(self, stories, trial):
        """A job for each stay in a stage in which something is promised."""
        if ("care.case", "stage") not in trial.book.promised:
            return []
        stays = defaultdict(dict)
        for case, story in stories.items():
            for number, stretch in enumerate(story.stretches):
                if stretch.category in ("open", "waiting"):
                    place = stretch.stage_id, stretch.category
                    stays[place].setdefault(case, []).append(number)
        jobs = []
        for place, mine in stays.items():
            # sudo: policies belong to the company
            policies = self.env["care.sla.policy"].sudo()
            policies = policies.with_context(**{TRIAL: trial._replace(stage=place)})
            cases = self.env["care.case"].concat(*mine)
            for case, choices in policies._choose(cases, ["stage"]).items():
                for measure, choice in choices.items():
                    for number in mine[case]:
                        here, *after = stories[case].stretches[number : number + 2]
                        story = Story(here.since, [here], [stretch.since for stretch in after])
                        jobs.append(Job(case, measure, choice, story, number + 1))
        return jobs

    def _today(self, cases):
        """(case id, measure, number) -> what the real clock came to, as column values."""
        clocks = self.env["care.sla.clock"].search(
            [("case_id", "in", cases.ids), ("measure", "in", REPLAYED)]
        )
        return {
            (clock.case_id.id, clock.measure, clock.cycle): self._came_to(clock)
            for clock in clocks
            if clock.state not in clock._waiting_states
            and (clock.state != "cancelled" or (clock.breached_at and not clock.needless))
        }

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
            "case_id": job.case.id,
            "measure": job.measure,
            "severity": job.case.severity,
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
            return (record.severity, *trial.stage)
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
