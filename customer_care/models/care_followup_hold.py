from collections import Counter, defaultdict
from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.tools import format_date

from ..tools.clock import clock
from .care_due_mixin import ENGINE
from .care_followup import ALIVE

#: How a customer prefers to be contacted -> the activity type that does it.
CHANNEL_TYPES = {
    "phone": "customer_care.mail_activity_type_followup",
    "email": "mail.mail_activity_data_email",
    "visit": "customer_care.mail_activity_type_visit",
}

#: What takes a call off the list of who was to make it today.
CAME_UP = ("open_complaint", "unpaid_refund")


class CareFollowup(models.Model):
    """Merging and holding back: decided on the day, in the cron, a batch at once."""

    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    hold_reason = fields.Selection(
        [
            ("open_complaint", "Open complaint"),
            ("unpaid_refund", "Refund not paid yet"),
            ("customer_hours", "Outside the customer's hours"),
            ("weekly_limit", "Contacted often this week"),
            ("daily_cap", "The day is full"),
        ],
        "Held Back Because",
        readonly=True,
        copy=False,
    )
    hold_note = fields.Char("More on That", readonly=True, copy=False)
    remark = fields.Char(
        "Remark",
        compute="_compute_remark",
        help="Why it is held back, or what the customer's profile says.",
    )
    hold_override = fields.Boolean(
        "Released by Hand", readonly=True, copy=False, help="A person has decided: not held again."
    )

    _held_idx = models.Index("(partner_id) WHERE state = 'held'")

    @api.depends("hold_reason", "partner_id", "company_id")
    def _compute_remark(self):
        reasons = dict(self._fields["hold_reason"]._description_selection(self.env))
        for followup in self:
            followup.remark = reasons.get(followup.hold_reason) or followup.customer_note

    # ------------------------------------------------------------
    # Merging
    # ------------------------------------------------------------

    def _merge(self):
        """Make one call of the same step for several orders of a customer.

        The earliest stays and knows the others; those end as merged into it.

        :return: the rows of ``self`` that are over now
        """
        rows = self.filtered("step_id")
        if not rows:
            return rows
        window = timedelta(days=max(rows.company_id.mapped("care_merge_days")))
        candidates = rows | self.search(
            [
                ("step_id", "in", rows.step_id.ids),
                ("user_id", "in", rows.user_id.ids),
                ("company_id", "in", rows.company_id.ids),
                ("state", "in", ALIVE),
                # not with one that cannot be made, or may not be: it would take this one along
                ("state", "!=", "failed"),
                ("error", "=", False),
                # what comes later is looked at on its own day
                ("date_due", "<=", max(rows.mapped("date_due")) + window),
                (
                    "partner_id.commercial_partner_id",
                    "in",
                    rows.partner_id.commercial_partner_id.ids,
                ),
            ]
        )
        merged = self.browse()
        for group in candidates.grouped(
            lambda row: (
                row.step_id,
                row.user_id,
                row.company_id,
                row.partner_id.commercial_partner_id,
            )
        ).values():
            if len(group) > 1:
                merged |= group.sorted(lambda row: (row.date_due, row.id))._merge_group()
        merged._cancel("merged")
        return merged & self

    def _merge_group(self):
        """Merge rows of the same call, in the order of their days."""
        window = timedelta(days=self.company_id.care_merge_days)
        merged, head = self.browse(), self.browse()
        for row in self:
            same_call = head and (
                (window and row.date_due <= head.date_due + window)
                # several products of one order are always one call
                or (row._record() == head._record() and row.date_due == head.date_due)
            )
            if same_call and row.state != "open":
                row.merged_into_id = head
                row.merged_ids.merged_into_id = head
                env = head._words()
                head._note(
                    env._(
                        "One call with “%(name)s” of %(order)s, due %(day)s.",
                        name=row.name,
                        order=row._record().display_name,
                        day=format_date(env, row.date_due),
                    )
                )
                merged |= row
            elif not same_call:
                head = row
        return merged

    # ------------------------------------------------------------
    # Holding back
    # ------------------------------------------------------------

    def _hold(self, memo, reasons=None):
        """Hold back what must not happen now, with the reason, until the next look.

        The reasons of ``hold_reason``, in their order, are looked for by methods named after
        them; each answers for a whole batch with a dict row -> (note, moment of the next
        look or False for the next working morning).

        :param reasons: those to look for; all by default
        :return: the rows that are held back
        """
        rest = self._planned_by_engine().filtered(lambda row: not row.hold_override)
        held = self.browse()
        for reason in reasons or self._fields["hold_reason"].get_values(self.env):
            if not rest:
                break
            for row, (note, until) in getattr(rest, f"_hold_{reason}")(memo).items():
                days = self._workdays(row.user_id, row.company_id, memo)
                if not until:
                    tomorrow = days.today(self.env.cr.now()) + timedelta(days=1)
                    until = self._morning(days.next(tomorrow), row.user_id, row.company_id)
                row.with_context(care_from_activity=ENGINE).write(
                    {
                        "state": "held",
                        "hold_reason": reason,
                        "hold_note": note,
                        "next_at": max(until, self._soon()),
                        "error": False,
                        "attempts": 0,
                    }
                )
                held |= row
            rest -= held
        self._trigger_at(held.mapped("next_at"))
        return held

    def _take_off(self, memo):
        """Hold back calls that are on somebody's list already, if something has come up since
        that speaks against them; the others stay there.
        """
        held = self._hold(memo, CAME_UP)
        faces = held.activity_id
        held.with_context(care_from_activity=ENGINE).write({"activity_id": False})
        faces.with_context(care_from_followup=ENGINE).unlink()
        (self - held).write({"next_at": False, "error": False, "attempts": 0})

    @api.model
    def _look_again(self, partners):
        """Something has come up with these customers: what is planned is looked at on its day,
        what is on somebody's list already is looked at now, in the cron.
        """
        # sudo: planned rows belong to the engine, whoever registers a complaint
        partners = partners.sudo().commercial_partner_id
        if not partners:
            return
        rows = self.sudo().search(
            [
                ("state", "=", "open"),
                # what a person has planned or decided, and a check-back, stay
                ("event", "!=", False),
                ("check_back", "=", False),
                ("hold_override", "=", False),
                ("partner_id.commercial_partner_id", "in", partners.ids),
            ]
        )
        if rows:
            rows.write({"next_at": self.env.cr.now().replace(microsecond=0)})
            rows._trigger_due()

    def _soon(self):
        """The first moment that is not now: the engine has looked already."""
        return self.env.cr.now().replace(microsecond=0) + timedelta(minutes=1)

    @api.model
    def _release_held(self, reasons, partners):
        """Look again, now, at what waited for this; for whoever ends the wait."""
        # sudo: planned rows belong to the engine, whoever ended what they waited for
        rows = self.sudo().search(
            [
                ("state", "=", "held"),
                ("hold_reason", "in", reasons),
                ("partner_id.commercial_partner_id", "in", partners.commercial_partner_id.ids),
            ]
        )
        if rows:
            rows.write({"next_at": self.env.cr.now().replace(microsecond=0)})
            rows._trigger_due()
        return rows

    def _customer_key(self):
        return (self.company_id, self.partner_id.commercial_partner_id)

    def _hold_open_complaint(self, memo):
        # what belongs to a case is part of its solving
        rows = self.filtered("journey_id")
        cases = self.env["care.case"].search_fetch(
            [
                ("kind", "=", "complaint"),
                ("stage_category", "in", ("open", "waiting")),
                ("company_id", "in", rows.company_id.ids),
                ("commercial_partner_id", "in", rows.partner_id.commercial_partner_id.ids),
            ],
            ["number", "confidential", "company_id", "commercial_partner_id"],
            order="received_at",
        )
        open_cases = {(case.company_id, case.commercial_partner_id): case for case in cases}
        held = {}
        for row in rows:
            if case := open_cases.get(row._customer_key()):
                env = row._words()
                note = (
                    env._("Another matter of this customer is solved first.")
                    if case.confidential
                    else env._("Case %s is solved first.", case.number)
                )
                held[row] = (note, False)
        return held

    def _hold_unpaid_refund(self, memo):
        rows = self.filtered("journey_id")
        unpaid = self.env["account.move"]._care_owed(rows.company_id, rows.partner_id)
        held = {}
        for row in rows:
            if move := unpaid.get(row._customer_key()):
                env = row._words()
                held[row] = (env._("%s is to be paid back first.", move.name), False)
        return held

    def _use_channels(self, memo):
        """What comes due takes the channel that its customer prefers, and says so."""
        for row in self._planned_by_engine():
            profile, channel = row._profile(memo), row._channel()
            preferred = profile.preferred_channel if profile else False
            if not channel or not preferred or channel == preferred:
                continue
            kind = self.env.ref(CHANNEL_TYPES[preferred], raise_if_not_found=False)
            if not kind:
                continue
            env = row._words()
            names = dict(profile._fields["preferred_channel"]._description_selection(env))
            before = row.activity_type_id.with_env(env).name
            row.with_context(care_from_activity=ENGINE).activity_type_id = kind
            row._note(
                env._(
                    "%(now)s instead of %(before)s: the customer prefers %(channel)s.",
                    now=kind.with_env(env).name,
                    before=before,
                    channel=names[preferred],
                )
            )

    def _channel(self):
        """Which of the customer's channels this follow-up takes; None if it is not known."""
        self.ensure_one()
        if self.activity_type_id.category == "phonecall":
            return "phone"
        for channel, xmlid in CHANNEL_TYPES.items():
            if self.activity_type_id == self.env.ref(xmlid, raise_if_not_found=False):
                return channel
        return None

    def _hold_customer_hours(self, memo):
        held = {}
        for row in self:
            profile = row._profile(memo)
            if not profile:
                continue
            opens = row._customer_opens(profile)
            if opens > self.env.cr.now():
                env = row._words()
                local = fields.Datetime.context_timestamp(
                    row.with_context(tz=row._customer_zone().zone), opens
                )
                held[row] = (
                    env._(
                        "The customer wants to be contacted from %(time)s on %(day)s on.",
                        time=clock(env, local.time()),
                        day=format_date(env, local.date()),
                    ),
                    opens.replace(microsecond=0),
                )
        return held

    def _customer_zone(self):
        return pytz.timezone(self.partner_id.tz or self.company_id._care_tz())

    def _customer_opens(self, profile):
        """When the customer may be contacted next, naive UTC; now, if they may."""
        zone = self._customer_zone()
        now = pytz.utc.localize(self.env.cr.now()).astimezone(zone)
        for ahead in range(8):
            day = now.date() + timedelta(days=ahead)
            if profile.contact_days and str(day.weekday()) not in profile.contact_days:
                continue
            start = self._at_hour(zone, day, profile.contact_from)
            end = self._at_hour(zone, day, profile.contact_to or 24)
            if now < end:
                moment = max(now, start)
                return moment.astimezone(pytz.utc).replace(tzinfo=None)
        return self.env.cr.now()

    @api.model
    def _at_hour(self, zone, day, hour):
        if hour >= 24:
            day, hour = day + timedelta(days=1), 0
        clock = time(int(hour), round(hour % 1 * 60) % 60)
        return zone.localize(datetime.combine(day, clock))

    def _hold_weekly_limit(self, memo):
        rows = self.filtered("company_id.care_weekly_limit")
        if not rows:
            return {}
        since = self.env.cr.now() - timedelta(days=7)
        contacts = self.search_fetch(
            [
                ("opened_at", ">=", since),
                ("state", "in", ("open", "done")),
                # who was not reached was not contacted
                "|",
                ("outcome_id", "=", False),
                ("outcome_id.consequence", "!=", "again"),
                ("company_id", "in", rows.company_id.ids),
                (
                    "partner_id.commercial_partner_id",
                    "in",
                    rows.partner_id.commercial_partner_id.ids,
                ),
            ],
            ["partner_id", "company_id"],
        )
        counts = defaultdict(int)
        for contact in contacts:
            counts[contact._customer_key()] += 1
        held = {}
        for row in rows:
            key, limit = row._customer_key(), row.company_id.care_weekly_limit
            if counts[key] >= limit:
                env = row._words()
                held[row] = (
                    env._("Contacted %(count)s times within seven days.", count=counts[key]),
                    False,
                )
            else:
                counts[key] += 1
        return held

    # ------------------------------------------------------------
    # What one person can do on one day
    # ------------------------------------------------------------

    def _day_of(self, user, team, load):
        """How many follow-ups have come to ``user`` today, and how many may; 0: no limit.

        A person's own number counts wherever they work, a team's in its company alone.
        """
        # sudo: a colleague's limit
        own = user.sudo().care_daily_cap
        return (load[user], own) if own else (load[user, self.company_id], team.daily_cap)

    def _has_room(self, user, team, load):
        count, cap = self._day_of(user, team, load)
        return not cap or count < cap

    def _hold_daily_cap(self, memo):
        """Beyond the day's limit it goes to a colleague or to the next working day."""
        teams = self.mapped(lambda row: row._record().team_id)
        # sudo: as in `_day_of`
        if not any(teams.mapped("daily_cap") + self.user_id.sudo().mapped("care_daily_cap")):
            return {}
        helping = teams.filtered(lambda team: team.overflow == "colleague").member_ids
        return self._within_cap(self._load(self.user_id | helping, memo), memo)

    def _within_cap(self, load, memo):
        """Take what still fits in each one's day, to a colleague or not: ``load`` grows.

        :return: as of :meth:`_hold`, what does not fit
        """
        now = self.env.cr.now()
        held = {}
        for row in self:
            team, user, company = row._record().team_id, row.user_id, row.company_id
            if row._has_room(user, team, load):
                load.update((user, (user, company)))
                continue
            count, _cap = row._day_of(user, team, load)
            env = row._words()
            helper = row._helper(team, load, memo)
            if helper:
                load.update((helper, (helper, company)))
                row.with_context(care_from_activity=ENGINE).user_id = helper
                row._note(
                    env._(
                        "From %(user)s to %(helper)s: %(user)s has %(count)s for this day.",
                        user=user.name,
                        helper=helper.name,
                        count=count,
                    )
                )
                continue
            days = self._workdays(user, company, memo)
            day = days.next(days.today(now) + timedelta(days=1))
            row.with_context(care_from_activity=ENGINE).date_due = max(row.date_due, day)
            note = env._("%(user)s has %(count)s for this day.", user=user.name, count=count)
            row._note(
                env._(
                    "To the next working day, %(day)s: %(why)s",
                    day=format_date(env, day),
                    why=note,
                )
            )
            held[row] = (note, self._morning(day, user, company))
        return held

    def _load(self, users, memo):
        """How many follow-ups have come to each user today, a company's by its own day.

        :return: Counter of user and of (user, company)
        """
        now = self.env.cr.now()
        opened = self.search_fetch(
            [
                ("user_id", "in", users.ids),
                # wherever it is counted, today began later
                ("opened_at", ">=", now - timedelta(days=2)),
                ("state", "in", ("open", "done")),
            ],
            ["user_id", "company_id", "opened_at"],
        )
        load = Counter()
        for (user, company), rows in opened.grouped(
            lambda row: (row.user_id, row.company_id)
        ).items():
            days = self._workdays(user, company, memo)
            start = days.at(days.today(now))
            load[user, company] = sum(row.opened_at >= start for row in rows)
            load[user] += load[user, company]
        return load

    def _helper(self, team, load, memo):
        """The least loaded colleague who has room, where the team shares its overflow."""
        if team.overflow != "colleague":
            return None
        record, now = self._record(), self.env.cr.now()
        free = []
        for user in team.member_ids - self.user_id:
            days = self._workdays(user, self.company_id, memo)
            if (
                record._present(user, team) == user
                and self._has_room(user, team, load)
                and days.works(days.today(now))
            ):
                free.append(user)
        return min(free, key=lambda user: (load[user], user.id)) if free else None
