"""Why a survey, or a reminder of it, is not sent, or not yet."""

from collections import defaultdict
from datetime import timedelta

from odoo import fields, models
from odoo.tools import format_date

from odoo.addons.customer_care.models.care_stage import OVER

from ..tools.turns import Limits, Turns

#: What is looked at before something is sent, in this order: methods ``_guard_<name>``.
GUARDS = (
    "record_over",
    "order_cancelled",
    "trigger_off",
    "survey_closed",
    "expired",
    "no_survey",
    "opted_out",
    "no_consent",
    "no_email",
    "bounced",
    "open_complaint",
    "unpaid_refund",
    "customer_hours",
    "turn",
)


class CareSurveyInvitation(models.Model):
    """The guard at sending, a batch at once."""

    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    def _held_back(self):
        """Rows that must not be sent now.

        Each guard answers for a whole batch with a dict row -> note, or row -> (reason, note,
        when to look again, which is False for never).

        :return: dict row -> (reason, note, moment or False)
        """
        held = {}
        rest = self
        for guard in GUARDS:
            for row, found in getattr(rest, f"_guard_{guard}")().items():
                held[row] = found if isinstance(found, tuple) else (guard, found, False)
            rest = rest.filtered(lambda row: row not in held)
            if not rest:
                break
        return held

    def _until(self):
        """The last moment at which it makes sense to send this, or the reminder of it."""
        self.ensure_one()
        trigger = self.trigger_id
        start = self.planned_for or self.create_date
        if self.sent_at:
            start = self._last_mail() + timedelta(days=trigger.reminder_days)
        return start + timedelta(days=max(trigger.patience_days, 1))

    def _guard_record_over(self):
        """Reopened, or cancelled (unless that is what the customer is asked about)."""
        held = {}
        for row in self:
            record = row._record()
            cancelled = record.stage_category == "cancelled"
            if record and (
                record.cycle != row.cycle
                or (cancelled and row.trigger_id.event != "order_cancelled")
            ):
                held[row] = record.stage_id.name
        return held

    def _guard_order_cancelled(self):
        """The order of a case was cancelled since it was planned to ask about the case: what
        was cancelled before is a part of what was dealt with.
        """
        rows = self.filtered(
            lambda row: (
                row.case_id.order_id.state == "cancel" and row.trigger_id.event != "order_cancelled"
            )
        )
        if not rows:
            return {}
        journeys = self.env["care.journey"].search(
            [("order_id", "in", rows.case_id.order_id.ids), ("stage_category", "=", "cancelled")]
        )
        ended = {journey.order_id: journey.stage_since for journey in journeys}
        return {
            row: row.case_id.order_id.name
            for row in rows
            if ended.get(row.case_id.order_id, row.create_date) >= row.create_date
        }

    def _guard_trigger_off(self):
        off = self.filtered(lambda row: not row.trigger_id.active)
        return dict.fromkeys(off, False)

    def _guard_survey_closed(self):
        closed = {
            row: problem
            for survey, rows in self.grouped(lambda row: row._survey()).items()
            if (problem := survey._care_problem())
            for row in rows
        }
        now = self.env.cr.now()
        for row in self.filtered("sent_at") - self.browse([row.id for row in closed]):
            answer = row.user_input_id
            if not answer or (answer.deadline and answer.deadline <= now):
                closed[row] = self.env._("The link has expired.")
        return closed

    def _guard_expired(self):
        now = self.env.cr.now()
        return {row: format_date(self.env, row._until()) for row in self if row._until() < now}

    def _guard_no_survey(self):
        held = {}
        for company, rows in self.grouped("company_id").items():
            profiles = self.env["care.profile"]._for(rows.partner_id, company)
            for row in rows:
                profile = profiles.get(row.partner_id.commercial_partner_id)
                if profile and profile.no_survey:
                    held[row] = False
                elif row.partner_id.is_blacklisted:
                    held[row] = row.partner_id.email_normalized
        return held

    def _said(self):
        """dict row -> what its person said of its kind: ``yes``, ``no`` or None."""
        said = {}
        everything = self.env["care.survey.kind"]
        for company, rows in self.grouped("company_id").items():
            words = self.env["care.survey.consent"]._words(rows.partner_id, company)
            for row in rows:
                partner, kind = row.partner_id, row.trigger_id.kind_id
                known = {
                    words.get((who, what))
                    for who in (partner, partner.email_normalized)
                    for what in (kind, everything)
                }
                said[row] = "no" if "no" in known else "yes" if "yes" in known else None
        return said

    def _guard_opted_out(self):
        return {
            row: row.trigger_id.kind_id.name for row, word in self._said().items() if word == "no"
        }

    def _guard_no_consent(self):
        rows = self.filtered("trigger_id.kind_id.needs_consent")
        return {
            row: row.trigger_id.kind_id.name for row, word in rows._said().items() if word != "yes"
        }

    def _guard_no_email(self):
        missing = self.filtered(lambda row: not row.partner_id.email_normalized)
        return {row: row.partner_id.email for row in missing}

    def _guard_bounced(self):
        return {
            row: row.partner_id.email_normalized for row in self if row.partner_id.message_bounce
        }

    def _guard_open_complaint(self):
        held = {}
        for company, rows in self.grouped("company_id").items():
            open_cases = dict(
                self.env["care.case"]._read_group(
                    [
                        (
                            "commercial_partner_id",
                            "in",
                            rows.partner_id.commercial_partner_id.ids,
                        ),
                        ("company_id", "=", company.id),
                        ("kind", "=", "complaint"),
                        ("stage_category", "not in", OVER),
                    ],
                    ["commercial_partner_id"],
                    ["id:recordset"],
                )
            )
            for row in rows:
                cases = open_cases.get(row.partner_id.commercial_partner_id)
                if cases and (cases := cases - row.case_id):
                    # the number of a confidential case is nobody's business
                    held[row] = next((c.number for c in cases if not c.confidential), False)
        return held

    def _guard_unpaid_refund(self):
        owed = self.env["account.move"]._care_owed(self.company_id, self.partner_id)
        return {
            row: move.name
            for row in self
            if (move := owed.get((row.company_id, row.partner_id.commercial_partner_id)))
        }

    def _guard_customer_hours(self):
        """A mail waits for the hours in which the customer wants to hear from us."""
        held = {}
        now = self.env.cr.now()
        for company, rows in self.grouped("company_id").items():
            profiles = self.env["care.profile"]._for(rows.partner_id, company)
            for row in rows:
                profile = profiles.get(row.partner_id.commercial_partner_id)
                if not profile:
                    continue
                # when they may be contacted is known where contacts are planned
                contact = self.env["care.followup"].new(
                    {"partner_id": row.partner_id.id, "company_id": company.id}
                )
                opens = contact._customer_opens(profile)
                if opens > now:
                    held[row] = row._held_until("customer_hours", opens)
        return held

    def _held_until(self, reason, moment):
        """Held back, and looked at again, unless the moment will have passed by then."""
        self.ensure_one()
        if not moment or moment > self._until():
            return (reason, False, False)
        zone = (
            self.env["care.followup"]
            .new({"partner_id": self.partner_id.id, "company_id": self.company_id.id})
            ._customer_zone()
        )
        local = fields.Datetime.context_timestamp(self.with_context(tz=zone.zone), moment)
        return (reason, self.env._("Until %s", format_date(self.env, local.date())), moment)

    # ------------------------------------------------------------
    # How often: a turn for each, the most important first
    # ------------------------------------------------------------

    def _person(self):
        """Who is asked: two contacts with one address are one person."""
        self.ensure_one()
        return self.partner_id.email_normalized or self.partner_id.id

    def _rank(self):
        """Sorts what is more important before what is less, then what was planned first."""
        trigger = self.trigger_id
        return (
            -int(trigger.priority or 0),
            self.planned_for or self.create_date,
            trigger.sequence,
            self.id,
        )

    def _guard_turn(self):
        """One survey at a time to one person, whatever the survey; what is more important and
        waits keeps its place.
        """
        held = {}
        for company, rows in self.grouped("company_id").items():
            limits = company._care_survey_limits()
            if limits.gap or (limits.window and limits.most):
                held.update(rows._find_turns(company, limits))
        return held

    def _find_turns(self, company, limits):
        now = self.env.cr.now()
        mails = self._known_mails(company, limits)
        waiting = self._known_waiting(company)
        held = {}
        for row in self.sorted(lambda row: row._rank()):
            person, priority = row._person(), int(row.trigger_id.priority or 0)
            known = [mail for mail in mails[person] if mail[2] != row.id]
            turns = Turns(
                limits,
                [moment for moment, counts, _id in known if counts],
                [moment for moment, counts, _id in known if not counts],
            )
            # of what is equally important, who comes first is served first
            before = sorted(
                (
                    (rank[0], max(start, now), rank, until)
                    for rank, start, until in waiting[person]
                    if -rank[0] > priority
                ),
            )
            free = turns.with_waiting([(start, until) for _p, start, _rank, until in before])
            if row.sent_at:
                # a reminder keeps the gap, and is not counted
                free.limits = turns.limits = limits._replace(most=0)
            moment = free.first(now, row._until())
            if moment == now:
                mails[person].append((now, not row.sent_at, row.id))
                continue
            reason = "quiet" if turns.quiet(now) else "often" if turns.often(now) else "reserved"
            held[row] = row._held_until(reason, moment)
            if moment and not row.sent_at:
                waiting[person].append((row._rank(), moment, row._until()))
        return held

    def _known_mails(self, company, limits):
        """dict person -> list of (moment, whether it counts in the window, id) of what they
        were sent and still matters, in one query.
        """
        since = self.env.cr.now() - max(limits.gap, limits.window)
        by_partner = {row.partner_id.id: row._person() for row in self}
        people = set(by_partner.values())
        mails = defaultdict(list)
        for row in self.search_fetch(
            [
                ("company_id", "=", company.id),
                "|",
                ("partner_id", "in", list(by_partner)),
                ("address", "in", [person for person in people if isinstance(person, str)]),
                "|",
                ("sent_at", ">", since),
                ("reminded_at", ">", since),
            ],
            ["partner_id", "address", "sent_at", "reminded_at"],
        ):
            for person in {row.address, by_partner.get(row.partner_id.id)} & people:
                mails[person].append((row.sent_at, True, row.id))
                if row.reminded_at:
                    mails[person].append((row.reminded_at, False, row.id))
        return mails

    def _known_waiting(self, company):
        """dict person -> list of (rank, from, until) of what waits for them besides these
        rows, in one query.
        """
        by_partner = {row.partner_id.id: row._person() for row in self}
        addresses = [person for person in by_partner.values() if isinstance(person, str)]
        waiting = defaultdict(list)
        for row in self.search(
            [
                ("company_id", "=", company.id),
                "|",
                ("partner_id", "in", list(by_partner)),
                ("address", "in", addresses),
                ("state", "=", "planned"),
                ("next_at", "!=", False),
                ("sent_at", "=", False),
                ("trigger_id.active", "=", True),
                ("id", "not in", self.ids),
            ]
        ):
            person = by_partner.get(row.partner_id.id) or row.address
            waiting[person].append((row._rank(), row.next_at, row._until()))
        return waiting


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    def _care_survey_limits(self):
        """How often this company asks one person.

        :rtype: Limits
        """
        self.ensure_one()
        return Limits(
            timedelta(days=self.care_survey_gap_days),
            timedelta(days=self.care_survey_window_days),
            self.care_survey_max,
        )
