import hashlib
import json
from functools import lru_cache

from dateutil.relativedelta import relativedelta
from pytz import timezone, utc

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, format_date
from odoo.tools.lru import LRU

from ..tools.worktime import HorizonError, NoWorkingTime, WorkTime

# A snapshot starts this many months before the month it is asked for in, and knows
# this many after it. Whole months, so that a month's clocks share one row.
MONTHS_BEFORE = 1
MONTHS_AFTER = 36
# Clocks start at their creation, or soon after: room for them when none is asked for
MONTHS_MARGIN = 12
# One that has to know more is made longer in these steps, up to ten years
MONTHS_STEP = 24
MONTHS_LIMIT = 120
# Snapshots kept in each process
KNOWN = 128


@lru_cache(maxsize=128)
def _decode(payload):
    """The value of a stored text: immutable, so never out of date."""
    return WorkTime.loads(payload)


class CareWorktime(models.Model):
    """The opening hours of a calendar for one company, frozen.

    A row is never changed. Who plans something keeps a link to the row it was planned
    with; whoever edits the calendar or its time off thereby gets a new row the next
    time, and what was planned before stays as it was promised. Rows are found again
    by what they were made of, so there is no cache that has to be invalidated.

    Nobody has rights to write here: rows are made by :meth:`_get`.
    """

    _name = "care.worktime"
    _description = "Frozen Working Time"
    _order = "id desc"
    _rec_name = "calendar_id"

    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Hours",
        readonly=True,
        index="btree_not_null",
        # what was promised outlives the calendar it was promised by
        ondelete="set null",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    tz = fields.Char("Time Zone", required=True, readonly=True)
    date_start = fields.Datetime("Known From", required=True, readonly=True)
    date_end = fields.Datetime("Known Until", required=True, readonly=True)
    digest = fields.Char(
        required=True, readonly=True, help="Identifies the working hours themselves."
    )
    source_digest = fields.Char(
        "Digest of the Source",
        required=True,
        readonly=True,
        help="Identifies the definition the working hours were made of.",
    )
    payload = fields.Text("Working Hours, Encoded", required=True, readonly=True)

    _source_uniq = models.UniqueIndex(
        "(calendar_id, company_id, date_start, date_end, source_digest)"
    )

    # ------------------------------------------------------------------
    # Create, write
    # ------------------------------------------------------------------

    def write(self, vals):  # pylint: disable=method-required-super
        raise UserError(self.env._("Frozen working time cannot be changed."))

    # ------------------------------------------------------------------
    # Finding and making
    # ------------------------------------------------------------------

    @api.model
    def _get(self, calendar, company, at=None, until=None):
        """Return the snapshot of a calendar as it is defined now.

        :param calendar: one ``resource.calendar``
        :param company: one ``res.company``, whose time off counts
        :param datetime at: first moment that will be asked for; now by default
        :param datetime until: last one, if it is known to be far away
        :return: one ``care.worktime``, whose horizon holds both and a year from now
        :raise UserError: the calendar is refused (see :meth:`_check_calendar`), has
            no working time within the horizon, or the span is above ten years
        """
        calendar.ensure_one()
        return self._get_batch(calendar, company, at=at, until=until)[calendar]

    @api.model
    def _get_batch(self, calendars, company, at=None, until=None):
        """Return ``{calendar: snapshot}``, as :meth:`_get`, in two queries for all
        (and more for each one that has to be made)."""
        return self._find_or_make(calendars, company, *self._get_horizon(at, until))

    @api.model
    def _get_horizon(self, at=None, until=None):
        """Return ``(date_start, date_end)``, beginnings of months, in UTC."""
        now = fields.Datetime.now()
        at = at or now
        month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        needed = max(until or at, max(at, now) + relativedelta(months=MONTHS_MARGIN))
        date_start = month - relativedelta(months=MONTHS_BEFORE)
        date_end = month + relativedelta(months=MONTHS_AFTER)
        while date_end < needed:
            date_start, date_end = self._widen(date_start, date_end, "end")
        return date_start, date_end

    @api.model
    def _widen(self, date_start, date_end, side):
        """Return a longer horizon, at one side, within the limit."""
        total = MONTHS_BEFORE + MONTHS_LIMIT
        if date_start + relativedelta(months=total) <= date_end:
            raise UserError(
                self.env._(
                    "Working time is planned for %(years)s years at most, and this "
                    "lies outside of %(start)s to %(end)s. Please choose nearer "
                    "dates or a shorter duration.",
                    years=MONTHS_LIMIT // 12,
                    start=format_date(self.env, date_start),
                    end=format_date(self.env, date_end),
                )
            )
        if side == "end":
            limit = date_start + relativedelta(months=total)
            date_end = min(date_end + relativedelta(months=MONTHS_STEP), limit)
        else:
            limit = date_end - relativedelta(months=total)
            date_start = max(date_start - relativedelta(months=MONTHS_STEP), limit)
        return date_start, date_end

    @api.model
    def _find_or_make(self, calendars, company, date_start, date_end):
        company.ensure_one()
        sources = self._read_sources(calendars, company, date_start, date_end)
        digests = {}
        for calendar in calendars:
            source = sources.get(calendar.id)
            if reason := self._get_refusal(calendar, company, source):
                raise UserError(reason)
            digests[calendar] = self._get_source_digest(source)
        found = self._find(calendars, company, date_start, date_end, digests.values())
        rows = {}
        for calendar, digest in digests.items():
            row_id = found.get((calendar.id, digest))
            if not row_id:
                worktime = self._make_or_recall(
                    calendar, company, sources[calendar.id], date_start, date_end
                )
                row_id = self._store(calendar, company, worktime, digest)
            rows[calendar] = row_id
        # browsed together: one prefetch for all of them
        return dict(zip(rows, self.browse(rows.values()), strict=True))

    @api.model
    def _find(self, calendars, company, date_start, date_end, digests):
        """Return ``{(calendar id, source digest): row id}``."""
        # sudo: found on behalf of the record that is planned; who may see that
        # record is decided there
        rows = self.sudo().search_fetch(
            [
                ("calendar_id", "in", calendars.ids),
                ("company_id", "=", company.id),
                ("date_start", "=", date_start),
                ("date_end", "=", date_end),
                ("source_digest", "in", list(digests)),
            ],
            ["calendar_id", "source_digest", "digest", "payload"],
        )
        return {(row.calendar_id.id, row.source_digest): row.id for row in rows}

    @api.model
    def _store(self, calendar, company, worktime, source_digest):
        """Insert a row, or find the one that another transaction just inserted.

        Under REPEATABLE READ a duplicate that this transaction cannot see raises a
        serialization error here, which Odoo answers by trying the request again.

        :rtype: int
        """
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO care_worktime (
                    calendar_id, company_id, tz, date_start, date_end, digest,
                    source_digest, payload,
                    create_uid, create_date, write_uid, write_date
                ) VALUES (
                    %(calendar)s, %(company)s, %(tz)s, %(start)s, %(end)s, %(digest)s,
                    %(source_digest)s, %(payload)s, %(uid)s, %(now)s, %(uid)s, %(now)s
                )
                ON CONFLICT DO NOTHING RETURNING id
                """,
                calendar=calendar.id,
                company=company.id,
                tz=worktime.tz,
                start=worktime.start,
                end=worktime.end,
                digest=worktime.digest,
                source_digest=source_digest,
                payload=worktime.dumps(),
                uid=self.env.uid,
                now=self.env.cr.now(),
            )
        )
        if rows:
            return rows[0][0]
        found = self._find(calendar, company, worktime.start, worktime.end, [source_digest])
        return found[calendar.id, source_digest]

    # ------------------------------------------------------------------
    # The definition
    # ------------------------------------------------------------------

    @api.model
    def _get_leave_domain(self, company):
        """The time off that closes a calendar for a company; never of a person."""
        return [
            ("time_type", "=", "leave"),
            ("company_id", "in", [False, company.id]),
            ("resource_id", "=", False),
        ]

    @api.model
    def _read_sources(self, calendars, company, date_start, date_end):
        """Return ``{calendar id: dict}`` of all that the working time depends on, in
        one query, of no rights of the user: his calendars are the company's.

        An add-on that lets working time depend on more has to add that here, as new
        keys with values that JSON can hold.
        """
        for name in ("", ".attendance", ".leaves"):
            self.env[f"resource.calendar{name}"].flush_model()
        rows = self.env.execute_query_dict(
            SQL(
                """
                SELECT calendar.id,
                       calendar.company_id AS company,
                       calendar.tz,
                       calendar.two_weeks_calendar AS two_weeks,
                       (calendar.schedule_type = 'flexible'
                        OR calendar.flexible_hours IS TRUE) AS flexible,
                       (SELECT json_agg(
                            json_build_array(
                                week_type, dayofweek, hour_from, hour_to)
                            ORDER BY week_type, dayofweek, hour_from, hour_to)
                          FROM resource_calendar_attendance
                         WHERE calendar_id = calendar.id
                           AND display_type IS NULL
                           AND day_period != 'lunch') AS hours,
                       (SELECT json_agg(
                            json_build_array(date_from, date_to)
                            ORDER BY date_from, date_to)
                          FROM resource_calendar_leaves
                         WHERE (calendar_id = calendar.id OR calendar_id IS NULL)
                           AND (company_id = %(company)s OR company_id IS NULL)
                           AND resource_id IS NULL
                           AND time_type = 'leave'
                           AND date_from <= %(end)s
                           AND date_to >= %(start)s) AS leaves
                  FROM resource_calendar AS calendar
                 WHERE calendar.id = ANY(%(calendars)s)
                """,
                company=company.id or None,
                start=date_start,
                end=date_end,
                calendars=calendars.ids,
            )
        )
        return {row.pop("id"): row for row in rows}

    @api.model
    def _get_source_digest(self, source):
        text = json.dumps(source, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @api.model
    def _get_refusal(self, calendar, company, source):
        """Return why a calendar cannot be planned with and what to do, or False."""
        if not source:
            return self.env._("There are no working hours to plan with. Please choose some.")
        foreign = source["company"] and source["company"] != company.id
        hours = source["hours"] or []
        empty = not any(hour_from < hour_to for *_day, hour_from, hour_to in hours)
        if not (foreign or source["flexible"] or empty):
            return False
        # sudo: the name, for a message to who may see less than the engine
        name = calendar.sudo().display_name
        if foreign and not company:
            return self.env._(
                "The working hours “%(calendar)s” belong to one company, and this is "
                "for all of them. Please choose some that belong to no company.",
                calendar=name,
            )
        if foreign:
            return self.env._(
                "The working hours “%(calendar)s” belong to another company. Please "
                "choose some of this company, or some that belong to no company.",
                calendar=name,
            )
        if source["flexible"]:
            return self.env._(
                "The working hours “%(calendar)s” are flexible: they do not say when "
                "work begins and ends, so nothing can be due by them. Please choose "
                "working hours with a fixed schedule.",
                calendar=name,
            )
        return self.env._(
            "The working hours “%(calendar)s” have no hours. Please add them, or "
            "choose other working hours.",
            calendar=name,
        )

    @api.model
    def _check_calendar(self, calendar, company):
        """Refuse, where it is chosen, a calendar nothing can be planned with.

        :param calendar: one ``resource.calendar``
        :param company: one ``res.company``; or none for what all companies share:
            then only a calendar without a company will do
        :raise ValidationError: none, no hours, flexible, of another company; the
            message says what to do
        """
        now = fields.Datetime.now()
        sources = self._read_sources(calendar, company, now, now)
        reason = self._get_refusal(calendar, company, sources.get(calendar.id))
        if reason:
            raise ValidationError(reason)

    @api.model
    def _make_or_recall(self, calendar, company, source, date_start, date_end):
        """The same hours are worked out once in each process, whosever they are."""
        made = self.pool.__dict__.setdefault("_care_worktimes_made", LRU(KNOWN))
        key = (self._get_source_digest({**source, "company": None}), date_start, date_end)
        worktime = made.get(key)
        if worktime is None:
            made[key] = worktime = self._make_worktime(calendar, company, date_start, date_end)
        return worktime

    @api.model
    def _make_worktime(self, calendar, company, date_start, date_end):
        """Ask Odoo for the opening hours of a calendar.

        :rtype: WorkTime
        :raise UserError: there are none, or they cannot be read
        """
        # sudo: opening hours are the same for everyone, whatever he may read
        calendar = calendar.sudo().with_company(company)
        try:
            intervals = calendar._work_intervals_batch(
                date_start.replace(tzinfo=utc),
                date_end.replace(tzinfo=utc),
                domain=self._get_leave_domain(company),
                # given, so that no zone of an employee in the context replaces it
                tz=timezone(calendar.tz),
            )[False]
            return WorkTime.build(
                calendar.tz,
                [(opening, closing) for opening, closing, _hours in intervals],
                date_start,
                date_end,
            )
        except NoWorkingTime as error:
            raise UserError(
                self.env._(
                    "The working hours “%(calendar)s” have no working time from "
                    "%(start)s to %(end)s: all of it is time off. Please correct the "
                    "time off, or choose other working hours.",
                    calendar=calendar.display_name,
                    start=format_date(self.env, date_start),
                    end=format_date(self.env, date_end),
                )
            ) from error
        except ValueError as error:
            # such as 8.999 hours, which Odoo itself cannot turn into a time
            raise UserError(
                self.env._(
                    "The working hours “%(calendar)s” cannot be read (%(error)s). "
                    "Please correct them.",
                    calendar=calendar.display_name,
                    error=error,
                )
            ) from error

    # ------------------------------------------------------------------
    # Using
    # ------------------------------------------------------------------

    def _worktime(self):
        """Return the opening hours of this row, read and decoded once in each process: a row
        never changes, and no other will ever have its id.

        :rtype: odoo.addons.customer_care.tools.worktime.WorkTime
        """
        self.ensure_one()
        known = self.pool.__dict__.setdefault("_care_worktimes", LRU(KNOWN))
        worktime = known.get(self.id)
        if worktime is None:
            known[self.id] = worktime = self._read_worktime()
        return worktime

    def _read_worktime(self):
        # sudo: who may read the record that is planned may know its hours
        row = self.sudo()
        worktime = _decode(row.payload)
        if worktime.digest != row.digest:
            raise UserError(self.env._("This frozen working time has been damaged."))
        return worktime

    def _apply(self, method, *args):
        """Call a method of :class:`WorkTime`, with a longer row if this one ends
        too early (or starts too late) for it.

        :param method: ``"add"``, ``"elapsed"``, ``"plan"``, …; or a function of the
            :class:`WorkTime` and the arguments
        :return: ``(row, result)``: keep the link to that row
        :raise UserError: it would take more than ten years
        """
        row = self
        call = method if callable(method) else getattr(WorkTime, method)
        while True:
            try:
                return row, call(row._worktime(), *args)
            except HorizonError as error:
                row = row._get_longer(error.side)

    @api.model
    def _plan(self, calendar, company, start, spec):
        """Plan one duration with a calendar as it is defined now.

        :param datetime start: naive UTC
        :param Spec spec: of ``tools.worktime``
        :return: ``(row, Plan(seconds, due))``
        :raise UserError: as :meth:`_get`
        """
        return self._get(calendar, company, at=start)._apply("plan", start, spec)

    def _get_longer(self, side):
        """Return a row that knows more at one side: within its own horizon it says
        what this one says, and beyond it what the calendar says now.

        :param str side: ``"start"`` or ``"end"``
        :raise UserError: the calendar is gone or refused, or the limit is reached
        """
        self.ensure_one()
        # sudo: see _worktime
        row = self.sudo()
        calendar, company = row.calendar_id, row.company_id
        date_start, date_end = self._widen(row.date_start, row.date_end, side)
        if not calendar:
            raise UserError(
                self.env._(
                    "The working hours this was planned with have been deleted, and "
                    "are known from %(start)s to %(end)s only. Please choose other "
                    "working hours.",
                    start=format_date(self.env, row.date_start),
                    end=format_date(self.env, row.date_end),
                )
            )
        current = self._find_or_make(calendar, company, date_start, date_end)[calendar]
        worktime = current._worktime().replaced(row._worktime())
        if worktime == current._worktime():
            return current
        source = f"{row.digest}+{current.sudo().source_digest}"
        digest = hashlib.sha256(source.encode()).hexdigest()
        found = self._find(calendar, company, date_start, date_end, [digest])
        row_id = found.get((calendar.id, digest)) or self._store(
            calendar, company, worktime, digest
        )
        return self.browse(row_id)
