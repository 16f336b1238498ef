"""What was known when a promise was made has changed: another line of another policy holds now."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_datetime

from odoo.addons.customer_care.models.care_due_mixin import ENGINE
from odoo.addons.customer_care.tools.worktime import WorkTimeError

from ..tools import clockwork
from .care_sla_clock import TERMS
from .care_sla_measure import MEASURES_BY_NAME, those

#: Fields of a case on which it depends what is promised.
DECIDING = (
    *("severity", "category_id", "team_id", "partner_id", "kind", "statutory_final_at"),
    # what was sold with its order
    "journey_id",
)
#: Promises of which it is known whether they have been kept while nobody made them.
TAKEN_UP = (
    *("acknowledgement", "first_response", "next_response", "update", "stage", "resolution"),
    *("final_response", "enquiry", "contact"),
)


#: Promises that may go on when their record does.
GOING_ON = Domain("given_up", "=", False) & (
    Domain("state", "=", "cancelled") & Domain("measure", "in", those(reopens="resume"))
    | Domain("state", "in", ("met", "cancelled")) & Domain("measure", "in", those(reopens="terms"))
)


#: Categories of stages by which a case is solved.
SOLVED = {"resolved", "closed"}
#: How long after it is over a record may go on with what its customer was sold since: of older
#: ones there may be very many.
MAY_GO_ON = timedelta(days=365)


def what_decides(records, names, vals):
    """What is about to be written of the fields on which promises depend.

    :return: the records, as superuser, the names, and their values: see :func:`whose_changed`
    """
    names = [name for name in names if name in vals]
    # sudo: compared by the engine, whoever writes
    records = records.sudo() if names else records.browse()
    return records, names, [[record[name] for name in names] for record in records]


def whose_changed(before):
    """The records whose values are not those of :func:`what_decides` any more."""
    records, names, values = before
    kept = dict(zip(records, values, strict=True))
    return records.filtered(lambda record: [record[name] for name in names] != kept[record])


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"

    changes = fields.Json(
        "Changed Since",
        readonly=True,
        help="For each change its moment, why, the promise before and after it, and when it was "
        "due before and after.",
    )
    given_up = fields.Boolean(
        readonly=True, help="Nobody promises it any more: reopening does not bring it back."
    )
    outdated = fields.Boolean(
        readonly=True,
        help="What is known of the record has changed since it was over: the promise follows when "
        "it goes on.",
    )

    # ------------------------------------------------------------
    # The record has changed
    # ------------------------------------------------------------

    @api.model
    def _reconsider(self, records):
        """Something is known of these records that was not when they were promised something.

        Their open promises become those that hold now, at once; what has elapsed and what was
        paused stays, and so does a breach that happened. What is promised now for the first time
        begins to count from when it would have.

        :param records: cases or journeys
        """
        # sudo: promises follow the record, whoever changes it
        over = records.sudo().filtered(
            lambda record: record.stage_category not in ("open", "waiting")
        )
        if over:
            self._outdate(Domain(records._care_link, "in", over.ids))
        records = records.sudo() - over
        if not records:
            return
        clocks = self.sudo().search([(records._care_link, "in", records.ids)])
        clocks._settle()
        live = clocks.filtered(lambda clock: clock.state in self._live_states)
        dropped = clocks._dropped()
        measures = {*those(records._name, "case_opened"), *(live | dropped).mapped("measure")}
        choices = self.env["care.sla.policy"]._choose(records, measures)
        live |= dropped._take_up(choices)
        changes = live._prepare_changes("record", choices)
        spared = live.filtered("outdated")._spared(changes)
        live._change_to({clock: vals for clock, vals in changes.items() if clock not in spared})
        (live - spared).filtered("outdated").write({"outdated": False})
        waiting = live.filtered(lambda clock: clock.state in self._waiting_states)
        if waiting:
            waiting.write({"next_at": self._now(), "attempts": 0})
            waiting._trigger_due()
        known = {
            (clock._record(), clock.measure): clock
            for clock in clocks.sorted("cycle")
            if clock.measure != "stage" or clock._is_of_now()
        }
        self._start_missing(records, choices, known)

    def _dropped(self):
        """The last ones of their kind among these promises, of all that their records have, that
        nobody makes any more; not those of which a person said that they need not be kept.
        """
        if not any(self.mapped("given_up")):
            return self.browse()
        last = {(clock._record(), clock.measure): clock for clock in self.sorted("cycle")}
        return self.browse(clock.id for clock in last.values()).filtered(
            lambda clock: (
                clock.given_up
                and not clock.met_by_id
                and clock.measure in TAKEN_UP
                and clock._is_of_now()
            )
        )

    def _is_past(self):
        """Whether it ended as one should."""
        return self.state not in self._live_states and not self.given_up

    def _is_of_now(self):
        """Whether it is about the stage that its record is in, or the order that is confirmed."""
        self.ensure_one()
        if self.measure == "stage":
            return self.cycle == self._record().entries
        return not self.journey_id or self.cycle == self.journey_id.cycle

    def _take_up(self, choices):
        """What nobody promised any more is promised again, and was not kept in between: it goes
        on from the same start. Nobody gains time by a change that is taken back.

        :param dict choices: of ``care.sla.policy._choose``
        :return: the clocks that go on
        """

        def promised(clock):
            record = clock._record()
            choice = choices.get(record, {}).get(clock.measure)
            return choice and (choice.line.kind != "date" or self._date_of(record, clock.measure))

        now = self._now()
        again = self.filtered(promised)
        ended = {clock: clock.stopped_at or now for clock in again}
        stays = again._stays(ended)
        kept = again._kept_meanwhile(stays)
        again -= kept
        if news := kept.filtered(lambda clock: clock.measure == "update"):
            numbers = {clock.case_id: clock.cycle + 1 for clock in news}
            self._start(news.case_id, now, ["update"], numbers)
        anew = again.filtered(lambda clock: clock._begins_anew(stays[clock]))
        again -= anew
        for clock in anew:
            reopened = [stay.until or now for stay in stays[clock] if stay.is_over][-1]
            case = clock.case_id
            numbers = {case: max(case.cycle, clock.cycle + 1)}
            self._start(case, reopened, ["resolution"], numbers, late=True)
        if again:
            vals = {"given_up": False, "stopped_at": False, "elapsed_seconds": 0, "next_at": now}
            planned = again.filtered("due_at")
            planned.write({**vals, "state": "running"})
            (again - planned).write({**vals, "state": "planned", "attempts": 0})
            planned._relive(stays)
            again._trigger_due()
        return again

    def _begins_anew(self, stays):
        """Whether it was solved in between, and the policy promises anew what is reopened."""
        self.ensure_one()
        return (
            MEASURES_BY_NAME[self.measure].reopens == "terms"
            and (self.terms or TERMS)["reopen"] == "new"
            and any(stay.is_over for stay in stays)
        )

    def _kept_meanwhile(self, stays):
        """The ones among these promises that were kept after they had been given up, or ended
        with their records for good.

        :param dict stays: see :meth:`_stays`
        """
        cases, journeys = self.case_id, self.journey_id
        answers = cases._care_last_answers() if cases else {}
        contacted = journeys._care_contacted() if journeys else journeys

        def kept(clock):
            measure = MEASURES_BY_NAME[clock.measure]
            over = {stay.stage_category for stay in stays[clock] if stay.is_over}
            if measure.reopens != "terms" and (
                # what solves a case keeps what was promised on the way
                (measure.over == "met" and over & SOLVED) or (over and measure.reopens != "resume")
            ):
                return True
            if clock.measure == "acknowledgement" and clock.case_id.acknowledged_at:
                return True
            if not measure.answer:
                return False
            if clock.measure == "enquiry" and clock.journey_id.order_id:
                return True
            if clock.journey_id:
                return clock.journey_id in contacted
            answer = answers.get(clock.case_id.id)
            return bool(answer) and answer.replace(microsecond=0) >= clock.stopped_at

        return self.filtered(kept)

    @api.model
    def _outdate(self, domain):
        """Promises that are over become what is promised then, should they go on.

        :param Domain domain: which ones
        """
        # sudo: as in `_reconsider`
        self.sudo().search(domain & GOING_ON & Domain("outdated", "=", False)).write(
            {"outdated": True}
        )

    @api.model
    def _reconsider_those(self, domain):
        """Of the customers of these records something is known that was not: what is under way
        is promised anew, what is over when it goes on. Two searches for all records of a kind.

        :param Domain domain: which cases, and which journeys
        """
        under_way = Domain("stage_category", "in", ("open", "waiting"))
        # long ago, it does not go on
        over = ~under_way & Domain("stage_since", ">", self._now() - MAY_GO_ON)
        # sudo: promises follow the customer, whoever changes them: a clerk who keeps addresses
        # sees none of the cases, and those of other companies are about the same customer
        clocks = self.sudo()
        for model in ("care.case", "care.journey"):
            records = clocks.env[model].search(domain & under_way)
            records.invalidate_recordset(["tier_id", "is_key"], flush=False)
            clocks._reconsider(records)
            clocks._outdate(Domain(records._care_link, "any", domain & over))

    def _run_again(self, now):
        result = super()._run_again(now)
        outdated = self.filtered("outdated")
        if outdated:
            outdated.write({"outdated": False})
            for clocks in outdated.grouped("measure").values():
                records = clocks[0]._record().browse(clock._record().id for clock in clocks)
                choices = self.env["care.sla.policy"]._choose(records, [clocks[0].measure])
                changes = clocks._prepare_changes("record", choices)
                spared = clocks._spared(changes)
                clocks._change_to({c: vals for c, vals in changes.items() if c not in spared})
                # looked at again with what changes next
                spared.write({"outdated": True})
        return result

    def _spared(self, changes):
        """What ended in time is not broken by what is promised later.

        :param dict changes: of :meth:`_prepare_changes`
        :return: those of these promises that such a change would have broken before their
            records were over
        """
        late = {
            clock: vals["breached_at"]
            for clock, vals in changes.items()
            if clock in self and vals and vals.get("breached_at") and not clock.breached_at
        }
        stills = self.env["care.sla.pause"]._stills(self.browse(c.id for c in late)) if late else {}
        return self.filtered(
            lambda clock: any(
                still.reason == clockwork.SOLVED and still.start >= late[clock]
                for still in stills.get(clock, ())
            )
        )

    def _settle(self):
        """What has waited as long as it may runs already, though the cron has not looked yet."""
        now = self._now()
        self.filtered(
            lambda clock: clock.state == "paused" and clock.next_at and clock.next_at <= now
        )._stop_waiting(now)

    @api.model
    def _start_missing(self, records, choices, known):
        """Start what begins with a case and was never promised for it before.

        :param dict known: (record, measure) -> the last promise of that kind
        """
        missing = {}
        for record in records:
            for measure in choices.get(record, {}):
                begins = "case_opened" in MEASURES_BY_NAME[measure].begins
                last = known.get((record, measure))
                # one that ended with a case that is open again is another one's
                if begins and (not last or (measure == "resolution" and last._is_past())):
                    missing.setdefault(measure, []).append(record.id)
        over = self._over_before(records) if missing else {}
        for measure, ids in missing.items():
            mine = records.browse(ids)
            if measure in ("acknowledgement", "first_response"):
                # what solved it has answered
                mine = mine.filtered(lambda case: not over.get(case, {}).keys() & SOLVED)
            if measure == "acknowledgement":
                mine = mine.filtered(lambda case: not case.acknowledged_at)
            elif measure == "first_response":
                mine -= mine._care_answered()

            def begins_at(record, measure=measure):
                if measure == "update":
                    return self._now()
                # of what was over already from when it went on
                went_on = over.get(record, {}).values() if measure == "resolution" else ()
                return max(went_on, default=None)

            numbers = None
            if measure == "stage":
                numbers = {case: case.entries for case in mine}
            elif measure == "resolution":
                lasts = {case: known.get((case, measure)) for case in mine}
                numbers = {c: max(c.cycle, last.cycle + 1) for c, last in lasts.items() if last}
            for at, cases in mine.grouped(begins_at).items():
                self._start(cases, at, [measure], numbers, late=True)

    # ------------------------------------------------------------
    # Another promise
    # ------------------------------------------------------------

    def _prepare_changes(self, code, choices, about=None):
        """What would be promised now instead.

        :param str code: why it changes: ``record`` or ``apply``. The former keeps the working
            hours that were frozen where the calendar is still the same one, and changes nothing
            where the line of the policy is; the latter takes both as they are now
        :param dict choices: of ``care.sla.policy._choose``
        :param about: only what is promised by this policy, before or after
        :return: dict clock -> values; None for a promise that nobody makes any more. What stays
            as it is is left out
        """
        result, jobs, clocks = {}, [], self.browse()
        for clock in self.filtered(lambda clock: clock.state in ("running", "paused")):
            record = clock._record()
            if clock.measure == "stage" and clock.cycle != record.entries:
                continue  # of the stage that it is just leaving
            choice = choices.get(record, {}).get(clock.measure)
            if about and about not in (clock.policy_id.id, choice and choice.policy.id):
                continue
            dated = choice and choice.line.kind == "date"
            if not choice or (dated and not self._date_of(record, clock.measure)):
                result[clock] = None
            else:
                clocks |= clock
                jobs.append((record, clock.measure, choice, clock.started_at))
        calendars = self._calendars(jobs)
        work = [
            (clock, job, calendar)
            for clock, job, calendar in zip(clocks, jobs, calendars, strict=True)
            if code == "apply" or not clock._holds(job, calendar)
        ]
        if not work:
            return result
        worktimes = self._worktimes([job for _c, job, _k in work], [k for _c, _j, k in work])
        stills = self.env["care.sla.pause"]._stills(clocks)
        for clock, job, calendar in work:
            worktime = job[2].error or worktimes[job[0].company_id, calendar]
            kept = clock.worktime_id
            if calendar and kept.calendar_id == calendar and not isinstance(worktime, str):
                same = code == "record" or clockwork.same_hours(
                    kept._worktime(), worktime._worktime()
                )
                worktime = kept if same else worktime
            vals = clock._prepare_change(code, job, worktime, stills.get(clock, []))
            if vals:
                result[clock] = vals
        return result

    def _holds(self, job, calendar):
        """Whether this promise is what the job says anyway."""
        self.ensure_one()
        record, measure, choice, _started = job
        return (
            self.policy_id.id == choice.policy.id
            and self.target_id.id == choice.line.target_id
            and self.worktime_id.calendar_id == calendar
            and (
                self.spec_kind != "date"
                or self._promised_until() == self._date_of(record, measure).replace(microsecond=0)
            )
        )

    def _prepare_change(self, code, job, worktime, stills):
        """The promise anew, from the same start, with all the times at which it stood still.

        Where that cannot be planned the promise stays what it was, with the error.
        """
        self.ensure_one()
        _record, measure, choice, _started = job
        now = self.paused_at or self._now()
        try:
            if isinstance(worktime, str):
                raise UserError(worktime)
            worktime, plan = self._plan_of(job, worktime)
            due = plan.due
            ended = [still for still in stills if still.stop]
            if choice.line.kind != "date":
                worktime, due = worktime._apply(clockwork.due_after, due, ended)
            # by other hours what was paused is another time, too
            worktime, stood = worktime._apply(clockwork.standing, ended, now)
            terms = MEASURES_BY_NAME[measure].pauses and choice.policy.terms
            solved = stood.pop(clockwork.SOLVED, 0)
            levels = self._prepare_levels(choice.policy, measure, plan.seconds, worktime, due)
            paused = {}
            if self.state == "paused":
                paused = self._prepare_pause(
                    worktime, due, self.paused_at, self.paused_for, terms, stood
                )
            passed, next_at = self._next_level(worktime, due, levels, 0, now)
        except (UserError, WorkTimeError) as error:
            return {"error": str(error)}
        vals = {
            "policy_id": choice.policy.id,
            "target_id": choice.line.target_id,
            "spec_kind": choice.line.kind,
            "spec_amount": choice.line.amount,
            "seconds": plan.seconds,
            "worktime_id": worktime.id,
            "terms": terms,
            "levels": levels,
            "paused_by": stood,
            "paused_seconds": sum(stood.values()),
            "solved_seconds": solved,
        }
        before = self._promised_until()
        if before == due and self._is_promised(vals):
            return {}
        # what was late by the promise before was late, whoever has looked
        late = next((moment for moment in (before, due) if moment < now), False)
        return {
            **vals,
            "why": choice.why,
            "error": False,
            # applied it is silent for what has passed by that; else the cron sees to who is told
            "levels_passed": passed if code == "apply" else 0,
            "due_at": due,
            "next_at": now if passed and code != "apply" else next_at,
            "changes": [
                *(self.changes or []),
                [
                    fields.Datetime.to_string(self._now()),
                    code,
                    [self.spec_kind, self.spec_amount],
                    [choice.line.kind, choice.line.amount],
                    fields.Datetime.to_string(before),
                    fields.Datetime.to_string(due),
                ],
            ],
            **paused,
            "breached_at": self.breached_at or late,
        }

    def _is_promised(self, vals):
        """Whether these values are those of this clock."""
        return all(
            (self[name].id if self._fields[name].relational else self[name] or False)
            == (value or False)
            for name, value in vals.items()
        )

    @api.model
    def _change_to(self, changes):
        """
        :param changes: of :meth:`_prepare_changes`
        :return: the clocks that changed
        """
        changed, over = self.browse(), self.browse()
        for clock, vals in changes.items():
            if vals is None:
                over |= clock
            else:
                clock.write(vals)
                changed |= clock
        changed.pause_ids._reckon()
        over._give_up()
        running = changed.filtered(lambda clock: clock.state in ("running", "paused"))
        running._fit()
        running._trigger_due()
        return changed | over

    def _give_up(self, user=None):
        """End promises that nobody makes any more; reopening does not bring them back.

        :param user: who said that they need not be kept
        """
        if self:
            self._stop("cancelled", user=user)
            self.write({"given_up": True})

    # ------------------------------------------------------------
    # Telling why
    # ------------------------------------------------------------

    @api.depends("changes")
    @api.depends_context("tz", "lang")
    def _compute_reason(self):
        result = super()._compute_reason()
        because = {
            "record": self.env._("what is known of it changed"),
            "apply": self.env._("the policy was changed and applied to open promises"),
        }
        describe = self.env["care.sla.target"]._describe
        for clock in self.filtered("changes"):
            lines = [
                self.env._(
                    "%(when)s: %(after)s instead of %(before)s, because %(why)s.",
                    when=format_datetime(self.env, moment, dt_format="short"),
                    before=describe(*before),
                    after=describe(*after),
                    why=because[code],
                )
                for moment, code, before, after, _was_due, _is_due in clock.changes
            ]
            clock.reason = "\n".join(filter(None, [clock.reason, *lines]))
        return result


class CareSlaPause(models.Model):
    _inherit = "care.sla.pause"

    @api.model
    def _stills(self, clocks):
        """The times at which these clocks stood still, in their order: one query.

        :return: dict clock -> list of ``tools.clockwork.Still``
        """
        # sudo: pauses belong to the promise, whoever sees it
        pauses = self.sudo().search_fetch(
            [("clock_id", "in", clocks.ids)],
            ["clock_id", "reason", "started_at", "stopped_at"],
            order="started_at, id",
        )
        stills = {}
        for pause in pauses:
            stills.setdefault(pause.clock_id.with_env(clocks.env), []).append(pause._still())
        return stills

    def _reckon(self):
        """By the hours that their promises go by now."""
        for pause in self.filtered("stopped_at"):
            seconds = pause.clock_id._worked(pause.started_at, pause.stopped_at)
            if seconds != pause.seconds:
                pause.seconds = seconds


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def write(self, vals):
        before = what_decides(self, DECIDING, vals)
        result = super().write(vals)
        clocks = self.env["care.sla.clock"]
        if changed := whose_changed(before):
            clocks._reconsider(changed)
        if vals.get("provider_sent_at") and self.env.context.get("care_merging") is not ENGINE:
            clocks._sent_to_provider(self.sudo())
        return result

    def _merge_fields(self, sources):
        # a promise of the provider to one of them goes along by itself
        merging = self.with_context(care_merging=ENGINE)
        return super(CareCase, merging)._merge_fields(sources)


class CareProfile(models.Model):
    _inherit = "care.profile"

    @api.model_create_multi
    def create(self, vals_list):
        profiles = super().create(vals_list)
        profiles.filtered("tier_id")._reconsider_promises()
        return profiles

    def write(self, vals):
        result = super().write(vals)
        if "tier_id" in vals or "partner_id" in vals:
            self._reconsider_promises()
        return result

    def unlink(self):
        customers = [(p.partner_id, p.company_id) for p in self.sudo() if p.tier_id]
        result = super().unlink()
        self._reconsider_customers(customers)
        return result

    def _reconsider_promises(self):
        self._reconsider_customers([(p.partner_id, p.company_id) for p in self.sudo()])

    @api.model
    def _reconsider_customers(self, customers):
        """The cases and journeys of these customers, whose tier is another now: two searches a
        company.

        :param customers: list of (commercial partner, company)
        """
        by_company = {}
        for partner, company in customers:
            by_company.setdefault(company, []).append(partner.id)
        for company, partner_ids in by_company.items():
            self.env["care.sla.clock"]._reconsider_those(
                Domain("commercial_partner_id", "in", partner_ids)
                & Domain("company_id", "=", company.id)
            )


class ResPartner(models.Model):
    _inherit = "res.partner"  # pylint: disable=consider-merging-classes-inherited

    def _care_moved(self):
        result = super()._care_moved()
        # the firm's own policies and its tier promise now
        clocks = self.env["care.sla.clock"]
        clocks._reconsider_those(Domain("partner_id", "child_of", self.ids))
        return result
