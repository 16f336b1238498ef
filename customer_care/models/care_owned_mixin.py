from collections import defaultdict
from datetime import timedelta

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError
from odoo.fields import Domain

from .care_due_mixin import ENGINE
from .care_guard import check_targets, refuse_forged
from .care_stage import CATEGORIES, OVER

#: Compared by identity: no remote call can put this object in a context.
ENTERING = object()
#: Categories of what somebody still answers for.
UNFINISHED = ("open", "waiting", "resolved")
#: Share of a stage's days from which on its limit is near.
NEAR = 0.8


class CareOwnedMixin(models.AbstractModel):
    """A record that passes through stages and has exactly one owner at any moment.

    Every change of stage passes :meth:`_enter_stage`, and every change of owner
    :meth:`_set_owner`: a write of either field from wherever is led there.
    """

    _name = "care.owned.mixin"
    _description = "Record with a stage and an owner"
    _inherit = ["care.technical.mixin"]
    _check_company_auto = True

    #: The column by which planned rows point to records of this model.
    _care_link = None
    #: Written by the engine alone.
    _care_engine_fields = frozenset(
        {
            *("stage_category", "stage_since", "owner_since", "first_owner_id", "cycle"),
            *("entries", "passed_by_id"),
        }
    )

    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    stage_id = fields.Many2one(
        "care.stage",
        required=True,
        ondelete="restrict",
        index=True,
        tracking=True,
        copy=False,
        group_expand="_group_expand_stage_id",
    )
    stage_category = fields.Selection(CATEGORIES, "Status", readonly=True, index=True, copy=False)
    stage_since = fields.Datetime("In Stage Since", readonly=True, copy=False)
    owner_id = fields.Many2one(
        "res.users",
        "Owner",
        required=True,
        index=True,
        tracking=True,
        copy=False,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        help="The one person who answers for this record now.",
    )
    owner_since = fields.Datetime(readonly=True, copy=False)
    first_owner_id = fields.Many2one(
        "res.users",
        "First Owner",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Who took it first and checks with the customer at the end.",
    )
    passed_by_id = fields.Many2one(
        "res.users",
        "Passed On By",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="Who moved it on by hand last, and may still look where it went.",
    )
    team_id = fields.Many2one(
        "care.team", "Team", index=True, tracking=True, check_company=True, ondelete="restrict"
    )
    curator_id = fields.Many2one(related="stage_id.curator_id", string="Stage Curator")
    cycle = fields.Integer(
        readonly=True,
        copy=False,
        default=1,
        help="How often it was started: 1, and one more each time it is reopened.",
    )
    entries = fields.Integer(
        readonly=True,
        copy=False,
        default=1,
        help="How many stages it has entered so far, coming back included.",
    )
    check_line_ids = fields.One2many(
        "care.check.line",
        compute="_compute_check_line_ids",
        string="Before Leaving This Stage",
        groups="base.group_user",
    )

    limit_at = fields.Datetime(
        "Stage Limit",
        compute="_compute_limit_at",
        help="By when it should have left its stage.",
    )
    limit_state = fields.Selection(
        [("near", "Limit near"), ("over", "Over the limit")],
        "Time in Stage",
        compute="_compute_limit_at",
        search="_search_limit_state",
    )
    may_work = fields.Boolean(
        compute="_compute_may_work", help="Whether the present user may change it."
    )
    handoff_state = fields.Char("Hand-off", compute="_compute_handoff_state")

    # ------------------------------------------------------------
    # Stage and owner as fields
    # ------------------------------------------------------------

    @api.model
    def _group_expand_stage_id(self, stages, domain):
        """Show empty columns too: all stages of the journey types on the screen."""
        types = stages.type_id or self.env["care.journey.type"].search([], limit=1)
        shown = self.env["care.stage"].search(
            [
                ("res_model", "=", self._name),
                ("type_id", "in", [False, *types.ids]),
            ]
        )
        # the way of most orders first, those of some after it
        return shown.sorted(lambda stage: bool(stage.type_id) and not stage.type_id._takes_all())

    @api.depends("stage_id.days_limit", "stage_since", "stage_category")
    def _compute_limit_at(self):
        now = self.env.cr.now()
        for record in self:
            days = record.stage_id.days_limit
            if not days or record.stage_category in OVER or not record.stage_since:
                record.limit_at = record.limit_state = False
                continue
            record.limit_at = record.stage_since + timedelta(days=days)
            near = record.stage_since + timedelta(days=days * NEAR)
            record.limit_state = "over" if record.limit_at <= now else near <= now and "near"

    @api.model
    def _search_limit_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = self.env.cr.now()
        # sudo: the limits of stages, to find records by them
        stages = self.env["care.stage"].sudo()
        limited = stages.search([("res_model", "=", self._name), ("days_limit", ">", 0)])

        def beyond(share):
            return Domain.OR(
                Domain("stage_id", "in", mine.ids)
                & Domain("stage_since", "<=", now - timedelta(days=days * share))
                for days, mine in limited.grouped("days_limit").items()
            ) & Domain("stage_category", "not in", OVER)

        domains = {"over": beyond(1), "near": beyond(NEAR) & ~beyond(1), False: ~beyond(NEAR)}
        return Domain.OR(domains[wanted] for wanted in value if wanted in domains)

    @api.depends_context("uid")
    def _compute_may_work(self):
        # what is being typed in is one's own
        mine = self._origin._filtered_access("write")
        for record in self:
            record.may_work = not record._origin or record._origin in mine

    def _compute_handoff_state(self):
        # sudo: whoever sees the record may know that it is being handed over
        handoffs = (
            self.env["care.handoff"]
            .sudo()
            .search([(self._care_link, "in", self.ids), ("state", "in", ("planned", "open"))])
        )
        by_record = {handoff._record().id: handoff for handoff in handoffs}
        for record in self:
            handoff = by_record.get(record.id)
            record.handoff_state = handoff and self.env._(
                "%(giver)s hands it over to %(receiver)s, who has not accepted yet.",
                giver=handoff.from_user_id.name,
                receiver=handoff.to_user_id.name,
            )

    @api.depends("stage_id", "entries")
    def _compute_check_line_ids(self):
        lines = self.env["care.check.line"]._rows([(self._care_link, "in", self.ids)])
        by_record = lines.grouped(self._care_link)
        for record in self:
            record.check_line_ids = by_record.get(record._origin)

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_engine_fields(vals)
        records = super().create(self._prepare_first_stage(vals_list))
        # sudo: who has a record from its first moment on is noted by the engine
        self.env["care.tenure"]._turn_over(records.sudo())
        return records

    def write(self, vals):
        if self.env.context.get("care_entering") is ENTERING:
            return super().write(vals)
        self._check_engine_fields(vals)
        if not self.env.su:
            check_targets(self, [vals])
            self._check_stays(vals)
        gestures = {k: vals[k] for k in ("stage_id", "owner_id") if k in vals}
        if gestures:
            self.check_access("write")
        owner = self.env["res.users"].browse(gestures.get("owner_id") or [])
        if owner:
            # by the team that has it, not by one that the same write gives it to
            self.filtered(lambda record: record.owner_id != owner)._check_may_assign(owner)
        rest = {k: v for k, v in vals.items() if k not in gestures}
        if "team_id" in rest:
            rest.update(self._passed_on())
        if rest:
            super().write(rest)
        if "team_id" in rest:
            # sudo: who has it is noted by the engine, whoever changes it
            self.env["care.tenure"]._turn_over(self.sudo())
        if "stage_id" in gestures:
            self._enter_stage(self.env["care.stage"].browse(gestures["stage_id"]))
        if "owner_id" in gestures:
            self._set_owner(owner)
        return True

    def _passed_on(self):
        """What is noted when a person passes these records on: they still see where they went."""
        return {} if self.env.su else {"passed_by_id": self.env.uid}

    @api.model
    def _check_engine_fields(self, vals):
        refuse_forged(self, self._care_engine_fields & set(vals))

    def _check_stays(self, vals):
        """Refuse to move a record to another company: its number, its owner and what it
        planned are of this one.
        """
        if "company_id" in vals and any(
            record.company_id.id != vals["company_id"] for record in self
        ):
            raise UserError(
                self.env._("A record stays in its company. Open a new one in the other company.")
            )

    # ------------------------------------------------------------
    # Entering a stage
    # ------------------------------------------------------------

    @api.model
    def _prepare_first_stage(self, vals_list):
        """Complete the values of new records with stage, owner and team.

        A stage or an owner in the values is kept.
        """
        now = self.env.cr.now()
        memo, same = {}, {}
        prepared = []
        for vals in vals_list:
            vals = {"company_id": self.env.company.id, **vals}
            key = self._first_stage_key(vals)
            start = same.get(key) if key else None
            if not start:
                start, shared = self._first_stage_vals(vals, memo)
                if key and shared:
                    same[key] = start
            prepared.append(
                {**vals, "stage_since": now, "owner_since": now, "cycle": 1, "entries": 1, **start}
            )
        return prepared

    @api.model
    def _first_stage_key(self, vals):
        """Values with the same (true) key start in the same stage with the same owner."""
        return None

    @api.model
    def _first_stage_vals(self, vals, memo):
        """Stage, owner and team in which a record with these values starts.

        :return: the values, and whether a like record may share them
        """
        # sudo: the owner rule reads order, partner and users whoever starts the record
        draft = self.env[self._name].sudo().with_context(active_test=True).new(vals)
        stage = draft.stage_id._origin or draft._first_stage(memo)
        if not stage:
            raise UserError(
                self.env._(
                    "There is no stage to start in. Ask an administrator to add one in "
                    "Customer Care → Configuration → Stages."
                )
            )
        draft._check_stage(stage)
        team = (
            draft.team_id._origin
            or stage.team_id._in(draft.company_id)
            or draft._default_team()._in(draft.company_id)
        )
        draft.team_id = team
        owner = draft.owner_id._origin or draft._stage_owner(stage, memo)
        if not team:
            if ("teams", draft.company_id) not in memo:
                memo["teams", draft.company_id] = draft.env["care.team"].search(
                    [("company_id", "=", draft.company_id.id)]
                )
            team = memo["teams", draft.company_id]._of(owner)
        return {
            "stage_id": stage.id,
            "stage_category": stage.category,
            "owner_id": owner.id,
            "first_owner_id": owner.id,
            "team_id": team.id,
        }, stage.owner_rule != "least_busy"

    def _first_stage(self, memo):
        """The stage in which this record starts.

        :param dict memo: what one batch shares, filled here
        """
        self.ensure_one()
        if "first" not in memo:
            memo["first"] = self.env["care.stage"]._in_category(self._name, "open")
        return memo["first"]

    def _default_team(self):
        """The team that answers for this (maybe new) record, where something says so."""
        self.ensure_one()
        return self.env["care.team"]

    def _check_stage(self, stage):
        """Refuse a stage that is not of this record's kind."""
        if stage.res_model != self._name:
            raise UserError(
                self.env._(
                    "“%(stage)s” is not a stage of a %(model)s.",
                    stage=stage.name or "?",
                    model=self._description,
                )
            )

    def _enter_stage(self, stage):
        """Move these records into ``stage``: the one way in, for people and engine.

        The owner follows the stage's rule, and what the move means is announced.
        """
        moving = self.filtered(lambda record: record.stage_id != stage)
        if not moving:
            return
        # sudo: stages are shared by companies, and the team of one may be another's
        stage = stage.sudo()
        moving._check_stage(stage)
        skipped = moving._skipped_stages(stage)
        if not self.env.su:
            moving._check_leaving(stage)
            moving._check_way(stage, skipped)
        elif skipped:
            # the engine stops where somebody has to see to it first
            for first, records in moving.grouped(lambda record: skipped.get(record)).items():
                records._enter_stage(first or stage)
            return
        now, passed_on = self.env.cr.now(), self._passed_on()
        # sudo: the move is allowed (checked by `write` or the caller); what it brings
        # with it is written by the engine, whoever moves the record
        moving = moving.sudo().with_context(care_entering=ENTERING)
        before = {record: record.stage_category for record in moving}
        memo = {}
        by_values, by_owner = defaultdict(moving.browse), defaultdict(moving.browse)
        for record in moving:
            team = stage.team_id._in(record.company_id) or record.team_id
            restart = before[record] not in ("open", "waiting") and (
                stage.category in ("open", "waiting")
            )
            cycle = restart and record.cycle + 1
            by_values[team, cycle, record.entries + 1] |= record
            by_owner[record._stage_owner(stage, memo)] |= record
        for (team, cycle, entries), records in by_values.items():
            vals = {
                "stage_id": stage.id,
                "stage_category": stage.category,
                "stage_since": now,
                "team_id": team.id,
                "entries": entries,
                **passed_on,
            }
            if cycle:
                vals["cycle"] = cycle
            # read together
            records.with_prefetch(moving.ids).write(vals)
        for owner, records in by_owner.items():
            records.with_prefetch(moving.ids)._set_owner(owner, chosen=True, turn=False)
        moving = moving.with_context(care_entering=None)
        self.env["care.tenure"]._turn_over(moving)
        if stage.category in OVER:
            self.env["care.handoff"]._overtake(moving)
        for event, records in moving._stage_events(before).items():
            records._care_event(event)

    def _check_leaving(self, stage):
        """Refuse that a person moves these records to ``stage`` before the checks of the stage
        they are in are done or waived. What is cancelled needs none; it goes on from where it
        was, so that nothing is got round by cancelling.
        """
        if stage.category == "cancelled":
            return
        cancelled = self.filtered(lambda record: record.stage_category == "cancelled")
        for record, last in cancelled._stages_before().items():
            if stage != last and not stage._is_before(last):
                raise UserError(
                    self.env._(
                        "%(record)s was cancelled in “%(last)s”: put it back there first.",
                        record=record.display_name,
                        last=last.name,
                    )
                )
        self.env["care.check.line"]._refuse_open(self - cancelled)

    def _stages_before(self):
        """The stage in which each of these records was last before it was cancelled.

        :return: dict record -> stage; records that were in none are left out
        """
        if not self:
            return {}
        # sudo: where it has been, whoever had it there
        pieces = (
            self.env["care.tenure"]
            .sudo()
            .search(
                [
                    (self._care_link, "in", self.ids),
                    ("stage_id.category", "!=", "cancelled"),
                ],
                order="id",
            )
        )
        return {self.browse(piece[self._care_link].id): piece.stage_id for piece in pieces}

    def _check_way(self, stage, skipped):
        """Refuse a person's move past a stage that may not be skipped."""
        for record, first in skipped.items():
            raise UserError(
                self.env._(
                    "%(record)s has to pass “%(first)s” before “%(stage)s”: that stage may not "
                    "be skipped.",
                    record=record.display_name or self.env._("It"),
                    first=first.name,
                    stage=stage.name,
                )
            )

    def _skipped_stages(self, stage):
        """Which stages that may not be skipped these records would skip on their way.

        :return: dict record -> the first of them; records that skip none are left out
        """
        if stage.category == "cancelled":
            return {}
        # sudo: the way is the company's, whoever goes it
        must = (
            self.env["care.stage"]
            .sudo()
            .search(
                [
                    ("res_model", "=", self._name),
                    ("type_id", "=", stage.type_id.id),
                    ("may_skip", "=", False),
                    ("sequence", "<=", stage.sequence),
                ]
            )
            .filtered(lambda other: other._is_before(stage) and other.category != "cancelled")
            .sorted(lambda other: other._position())
        )
        if not must:
            return {}
        known = self.filtered("id")
        passed = {
            (record.id, mandatory)
            for record, mandatory, cycle in self.env["care.tenure"]
            .sudo()
            ._read_group(
                [(self._care_link, "in", known.ids), ("stage_id", "in", must.ids)],
                [self._care_link, "stage_id", "cycle"],
            )
            if record.cycle == cycle
        }
        skipped = {}
        for record in self:
            for mandatory in must:
                # what was cancelled or closed has not come by the stages before that
                behind = (
                    record.stage_id
                    and record.stage_category not in OVER
                    and (mandatory == record.stage_id or mandatory._is_before(record.stage_id))
                )
                if not behind and (record.id, mandatory) not in passed:
                    skipped[record] = mandatory
                    break
        return skipped

    def _stage_events(self, before):
        """What a move means.

        :param dict before: record -> category it comes from
        :return: dict event -> records, in the order of their announcement
        """
        return {"stage_entered": self}

    # ------------------------------------------------------------
    # Owners
    # ------------------------------------------------------------

    def _set_owner(self, owner, chosen=False, turn=True):
        """Give these records to ``owner``; their open work follows.

        :param bool chosen: by the engine, whose last resort is allowed
        :param bool turn: whether to note the change; a caller that goes on does so itself
        """
        records = self.filtered(lambda record: record.owner_id != owner)
        if not records:
            return
        if not owner:
            raise UserError(self.env._("Somebody has to answer for this: choose another owner."))
        if not chosen:
            records._check_may_own(owner)
        vals = {"owner_id": owner.id, "owner_since": self.env.cr.now(), **self._passed_on()}
        # sudo: as in `_enter_stage`
        records = records.sudo().with_context(care_entering=ENTERING)
        records.write(vals)
        records = records.with_context(care_entering=None)
        if turn:
            self.env["care.tenure"]._turn_over(records)
        records._owner_changed(owner)

    def _owner_changed(self, owner):
        """Open work that answers to the owner moves with the record."""
        self.message_subscribe(partner_ids=owner.partner_id.ids)
        self.env["care.followup"]._follow_owner(self)
        self.env["care.handoff"]._overtake(self)

    def message_subscribe(self, partner_ids=None, subtype_ids=None):
        # with the activities of follow-ups, which see to it for all at once
        if self.env.context.get("care_followers_later") is ENGINE:
            return True
        try:
            return super().message_subscribe(partner_ids, subtype_ids)
        except UniqueViolation as error:
            # somebody else made them follow a moment ago: whoever is later starts again
            raise ConcurrencyError("Followed by another transaction meanwhile") from error

    def action_hand_off(self):
        """Ask for the receiver in a dialog."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Hand over"),
            "res_model": "care.handoff",
            "views": [(self.env.ref("customer_care.care_handoff_view_form_offer").id, "form")],
            "target": "new",
            "context": {
                f"default_{self._care_link}": self.id,
                "care_company": self.company_id.id,
            },
        }

    def action_take(self):
        """Whoever presses it answers for these records from now on."""
        self.check_access("write")
        self.owner_id = self.env.user

    def _check_may_assign(self, owner):
        """Who may give these records to ``owner`` without being asked: oneself, who leads
        their team, who was asked to decide in the leader's place, a manager.
        """
        user = self.env.user
        if self.env.su or owner == user or user.has_group("customer_care.group_manager"):
            return
        others = self.filtered(lambda record: record.team_id.leader_id != user)
        if others and others - self.env["care.handoff"]._to_decide(others):
            raise UserError(
                self.env._(
                    "Press Hand Over: it stays with its owner until the other has accepted. "
                    "Only the team leader gives work without asking."
                )
            )

    def _check_may_hand_off(self, receiver):
        """Refuse to offer these records to somebody who cannot take them, or by somebody
        whose they are not.
        """
        self.check_access("write")
        for record in self:
            if record.owner_id != self.env.user:
                record._check_may_assign(self.env["res.users"])
            if record.stage_category in OVER:
                raise UserError(self.env._("It is over: nobody has to answer for it any more."))
            if record.owner_id == receiver:
                raise UserError(self.env._("%s has it already.", receiver.sudo().name))
        self._check_may_own(receiver)
        # sudo: whether a colleague is there
        receiver = receiver.sudo()
        if receiver.care_is_away:
            substitute = receiver.care_substitute_id
            raise UserError(
                self.env._(
                    "%(who)s is away. Ask %(other)s instead.",
                    who=receiver.name,
                    other=substitute.name,
                )
                if substitute
                else self.env._("%s is away. Choose somebody who is there.", receiver.name)
            )

    def _check_may_own(self, user):
        """Refuse somebody who cannot work in these records' companies."""
        for company in self.company_id:
            if not self._may_own(user, company):
                raise UserError(
                    self.env._(
                        "%(user)s cannot answer for records of %(company)s. Choose an "
                        "active user of Customer Care who may work in that company.",
                        user=user.sudo().name,
                        company=company.name,
                    )
                )

    @api.model
    def _may_own(self, user, company):
        # sudo: whether somebody may work in a company is no secret to the engine
        user = user.sudo()
        return (
            user.active
            and not user.share
            and company in user.company_ids
            and user.has_group("customer_care.group_agent")
        )

    def _stage_owner(self, stage, memo):
        """Who owns this record from its entry into ``stage`` on: never nobody.

        :param dict memo: what one batch shares, filled here
        """
        self.ensure_one()
        rule = stage.owner_rule
        team = stage.team_id._in(self.company_id) or self.team_id
        owner = self.owner_id
        if rule == "salesperson":
            owner = self._care_salesperson()
        elif rule == "account_manager":
            owner = self._care_account_manager()
        elif rule == "user":
            owner = stage.owner_id
        elif rule == "leader":
            owner = team.leader_id
        elif rule == "least_busy" and owner not in team.member_ids:
            # whoever has it already keeps it: a case that is reopened stays in its hands
            owner = self._least_busy(team, memo)
        return self._present(owner or self.owner_id, team)

    def _present(self, user, team, leaving=()):
        """``user``, or who stands in: substitute, team leader, the company's default.

        :param leaving: users who are about to go and are not chosen any more
        """
        return self.company_id._care_present(user, team, leaving)

    def _least_busy(self, team, memo, without=()):
        """
        :param dict memo: what one batch shares, filled here
        :param without: users who are not to have it
        """
        members = team.member_ids.filtered(
            lambda user: (
                user not in without
                and self._may_own(user, self.company_id)
                and not user.sudo().care_is_away
            )
        )
        if not members:
            return team.leader_id
        if ("busy", team) not in memo:
            counts = self.sudo()._read_group(
                [
                    ("owner_id", "in", team.member_ids.ids),
                    ("stage_category", "not in", ("resolved", *OVER)),
                ],
                ["owner_id"],
                ["__count"],
            )
            memo["busy", team] = {**dict.fromkeys(team.member_ids, 0), **dict(counts)}
        busy = memo["busy", team]
        owner = min(members, key=lambda user: (busy[user], user.id))
        busy[owner] += 1
        return owner

    def _care_salesperson(self):
        """The seller behind this record."""
        return self.env["res.users"]

    def _care_account_manager(self):
        """The partner's own salesperson."""
        self.ensure_one()
        # sudo: the engine has to know whom a customer belongs to
        partner = self._care_partner().sudo()
        return partner.user_id or partner.commercial_partner_id.user_id

    def _care_partner(self):
        """The customer."""
        return self.partner_id

    @api.ondelete(at_uninstall=False)
    def _unlink_bring_back_merged(self):
        """What was one call with a follow-up that goes is called on its own."""
        # sudo: follow-ups of other orders, whoever may delete this one
        followups = self.env["care.followup"].sudo()
        gone = followups.search([(self._care_link, "in", self.ids)])
        followups._of(self)._bring_back(gone)

    # ------------------------------------------------------------
    # Events
    # ------------------------------------------------------------

    def _care_event(self, event, at=None):
        """Announce ``event`` of a whole recordset, in two phases.

        State first (rows are planned, clocks start), then the notices, whose mails may
        quote what the first phase set.

        :param datetime at: when it happened; now by default
        """
        if not self:
            return
        # sudo: whoever causes an event, the company's rules answer it
        records = self.sudo().with_context(active_test=True)
        records._care_state(event, at)
        records._care_notify(event)

    def _care_covered(self):
        """Whether the company had started with Customer Care by then: nothing of before is
        followed up, promised, asked about or told by mail.
        """
        self.ensure_one()
        return True

    def _care_occurrence(self, event):
        """Which time it is that ``event`` happens to this record: rows are planned once each."""
        self.ensure_one()
        return self.entries if event == "stage_entered" else self.cycle

    def _care_state(self, event, at=None):
        """First phase: plan what the event asks for. Extended by other addons."""
        over = self.filtered(
            lambda record: event == "order_cancelled" or record.stage_category == "cancelled"
        )
        self.env["care.followup"]._cancel_of(over)
        self.env["care.followup"]._heard(self, event)
        self.env["care.policy"]._handle(self, event, at)

    def _care_notify(self, event):
        """Second phase: plan the mails that tell of the event."""
