from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_due_mixin import ENGINE
from .care_guard import take_from_person

#: States in which somebody still has to call; one that failed is a call like any other.
ALIVE = ("planned", "open", "failed")


class CareFollowup(models.Model):
    """A planned contact with a customer. The activity is its face, not its record:
    activities get deleted and archived, this row stays.
    """

    _name = "care.followup"
    _description = "Follow-up"
    _inherit = ["care.due.mixin", "care.customer.mixin"]
    _order = "date_due, id"
    _due_cron = "customer_care.ir_cron_followups"
    _due_user_fields = frozenset({"outcome_id", "feedback", "user_id", "date_due"})
    #: What a person may say of a follow-up that they plan by hand.
    _manual_fields = frozenset({"name", "journey_id", "case_id", "activity_type_id"})

    name = fields.Char("Summary", required=True)
    state = fields.Selection(
        selection_add=[("open", "Open"), ("done",)], ondelete={"open": "set default"}
    )
    policy_id = fields.Many2one(
        "care.policy",
        "Policy",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="Why this follow-up was planned; empty when a person planned it.",
    )
    step_id = fields.Many2one(
        "mail.activity.plan.template",
        "Step",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    journey_id = fields.Many2one("care.journey", "Journey", ondelete="cascade", index=True)
    case_id = fields.Many2one("care.case", "Case", ondelete="cascade", index="btree_not_null")
    order_name = fields.Char("Order", compute="_compute_order_name")
    products = fields.Char("Bought", compute="_compute_order_name")
    occurrence = fields.Integer(default=1, readonly=True, help="The cycle of the journey or case.")
    occurrence_try = fields.Integer(
        "Try", default=1, readonly=True, help="How often it was tried to reach them."
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    team_id = fields.Many2one("care.team", compute="_compute_team_id", search="_search_team_id")
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, index=True
    )
    phone = fields.Char(related="partner_id.phone")
    email = fields.Char(related="partner_id.email")
    user_id = fields.Many2one(
        "res.users",
        "Responsible",
        required=True,
        index=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
    responsible_type = fields.Char(readonly=True)
    activity_type_id = fields.Many2one(
        "mail.activity.type", "Type", required=True, ondelete="restrict", index=True
    )
    date_due = fields.Date("Due Date", required=True, index=True)
    activity_id = fields.Many2one(
        "mail.activity",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        copy=False,
    )
    outcome_id = fields.Many2one("care.outcome", ondelete="restrict", index="btree_not_null")
    feedback = fields.Text("What Was Said", help="In the customer's words where it matters.")
    done_at = fields.Datetime(readonly=True, copy=False)
    done_by_id = fields.Many2one("res.users", "Done By", readonly=True, copy=False)
    cancel_reason = fields.Selection(
        [
            ("ended", "The journey or case ended"),
            ("opted_out", "The customer does not want to be contacted"),
            ("activity_deleted", "Its activity was deleted"),
        ],
        "Why Cancelled",
        readonly=True,
        copy=False,
    )
    case_opened_id = fields.Many2one("care.case", compute="_compute_case_opened_id")
    due_group = fields.Selection(
        [("late", "Late"), ("today", "Today"), ("coming", "Coming"), ("over", "Over")],
        "When",
        compute="_compute_due_group",
        search="_search_due_group",
    )

    _one_record = models.Constraint(
        "CHECK (num_nonnulls(journey_id, case_id) = 1)",
        "A follow-up belongs to one journey or one case.",
    )
    _journey_uniq = models.UniqueIndex(
        "(policy_id, step_id, journey_id, occurrence, occurrence_try) WHERE journey_id IS NOT NULL",
        "This follow-up is planned already.",
    )
    _case_uniq = models.UniqueIndex(
        "(policy_id, step_id, case_id, occurrence, occurrence_try) WHERE case_id IS NOT NULL",
        "This follow-up is planned already.",
    )
    _mine_idx = models.Index("(user_id, date_due, id) WHERE state IN ('planned', 'open', 'failed')")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("partner_id", "name")
    def _compute_display_name(self):
        for followup in self:
            followup.display_name = " · ".join(
                filter(None, (followup.partner_id.name, followup.name))
            )

    @api.depends("journey_id", "case_id.journey_id")
    def _compute_order_name(self):
        for followup in self:
            # sudo: whoever has to call the customer may know about what
            journey = (followup.journey_id or followup.case_id.journey_id).sudo()
            followup.order_name = journey.name
            followup.products = journey.products

    @api.depends("journey_id.team_id", "case_id.team_id")
    def _compute_team_id(self):
        for followup in self:
            # sudo: who is responsible for a follow-up may know the team it belongs to
            record = (followup.journey_id or followup.case_id).sudo()
            followup.team_id = record.team_id

    def _search_team_id(self, operator, value):
        if operator != "in":
            return NotImplemented
        return [
            "|",
            ("journey_id.team_id", "in", value),
            ("case_id.team_id", "in", value),
        ]

    def _compute_case_opened_id(self):
        cases = self.env["care.case"].search([("followup_id", "in", self.ids)])
        by_followup = {case.followup_id: case for case in cases}
        for followup in self:
            followup.case_opened_id = by_followup.get(followup, False)

    @api.depends("state", "date_due")
    @api.depends_context("tz", "uid")
    def _compute_due_group(self):
        today = fields.Date.context_today(self)
        for followup in self:
            if followup.state not in ALIVE:
                followup.due_group = "over"
            elif not followup.date_due or followup.date_due == today:
                followup.due_group = "today"
            else:
                followup.due_group = "late" if followup.date_due < today else "coming"

    def _search_due_group(self, operator, value):
        if operator != "in":
            return NotImplemented
        today = fields.Date.context_today(self)
        alive = ("state", "in", ALIVE)
        domains = {
            "late": [alive, ("date_due", "<", today)],
            "today": [alive, ("date_due", "=", today)],
            "coming": [alive, ("date_due", ">", today)],
            "over": [("state", "not in", ALIVE)],
        }
        return fields.Domain.OR(domains[group] for group in value if group in domains)

    # ------------------------------------------------------------
    # People's gestures
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        if self.env.su:
            return super().create(vals_list)
        theirs = self._manual_fields | self._due_user_fields
        self, vals_list, _commands = take_from_person(  # noqa: PLW0642
            self, vals_list, set(self._fields) - theirs
        )
        prepared = []
        for vals in vals_list:
            self._check_engine_fields(
                {k: v for k, v in vals.items() if k not in self._manual_fields}
            )
            record = self.env["care.journey"].browse(vals.get("journey_id")) or self.env[
                "care.case"
            ].browse(vals.get("case_id"))
            if not record:
                raise UserError(self.env._("Choose the journey or the case to follow up."))
            record.check_access("read")
            user = self.env["res.users"].browse(vals.get("user_id")) or self.env.user
            record._check_may_own(user)
            date_due = fields.Date.to_date(vals.get("date_due")) or (
                fields.Date.context_today(self)
            )
            prepared.append(
                {
                    "activity_type_id": self.env.ref(
                        "customer_care.mail_activity_type_followup"
                    ).id,
                    **vals,
                    "user_id": user.id,
                    "date_due": date_due,
                    "company_id": record.company_id.id,
                    "partner_id": record._care_partner().id,
                    "next_at": self._morning(date_due, user, record.company_id),
                }
            )
        # sudo: the engine's own values are added above; the record's rights are
        # checked again below, as the person
        rows = super(CareFollowup, self.sudo()).create(prepared).sudo(False)
        rows.check_access("create")
        rows._trigger_due()
        return rows

    def write(self, vals):
        if not self.env.su:
            if any(row.state not in ALIVE for row in self):
                raise UserError(
                    self.env._("This follow-up is over: what came of it stays as it is.")
                )
            if vals.get("user_id"):
                user = self.env["res.users"].browse(vals["user_id"])
                for row in self:
                    # sudo: only the company is looked at
                    row.sudo()._record()._check_may_own(user)
        result = super().write(vals)
        if self.env.context.get("care_from_activity") is not ENGINE:
            self._push_to_activity(vals)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_planned_by_policy(self):
        if not self.env.su and self.policy_id:
            raise UserError(
                self.env._(
                    "A follow-up that a policy planned is not deleted but done, with "
                    "the outcome that fits."
                )
            )

    def action_done(self):
        """Done, with the outcome chosen; returns what the outcome leads to."""
        self.ensure_one()
        self.check_access("write")
        if self.state not in ALIVE:
            raise UserError(self.env._("This follow-up is over already."))
        if not self.outcome_id:
            raise UserError(self.env._("Choose what came of it."))
        if self.outcome_id.consequence == "case" and not (self.feedback or "").strip():
            raise UserError(
                self.env._("Write down what the customer said: whoever solves it starts there.")
            )
        activity = self.activity_id
        self._finish()
        if activity:
            # sudo: the follow-up is this person's; its activity may be another's
            activity.sudo().with_context(care_from_followup=ENGINE)._action_done(
                feedback=self.env._(
                    "%(outcome)s. %(feedback)s",
                    outcome=self.outcome_id.name,
                    feedback=self.feedback or "",
                ).strip()
            )
        return self._consequence()

    def action_done_dialog(self):
        """Ask for the outcome in a dialog."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What came of it?"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref("customer_care.care_followup_view_form_done").id, "form")],
            "target": "new",
        }

    def action_open_record(self):
        self.ensure_one()
        return self._record()._get_records_action()

    def action_open_case(self):
        self.ensure_one()
        return self.case_opened_id._get_records_action()

    def _finish(self):
        """Over: by a person, with or without an outcome."""
        # sudo: the engine's fields; whoever calls has checked the person's rights
        self.sudo().write(
            {
                "state": "done",
                "next_at": False,
                "done_at": self.env.cr.now(),
                "done_by_id": self.env.uid,
            }
        )

    def _consequence(self):
        """What the outcome asks for.

        :return: an action for the person, or True
        """
        self.ensure_one()
        if self.outcome_id.consequence == "case":
            return self._open_case()._get_records_action()
        if self.outcome_id.consequence == "again":
            self._plan_again()
        return {"type": "ir.actions.act_window_close"}

    def _open_case(self):
        """A case that knows the customer, the order and what was said."""
        self.ensure_one()
        journey = self.journey_id or self.case_id.journey_id
        # sudo: reporting a problem is everybody's right, working the register is not;
        # every value comes from the follow-up, whose rights are checked
        case = (
            self.env["care.case"]
            .sudo()
            .create(
                {
                    "name": self.env._("Problem reported: %s", self.name),
                    "description": self.feedback,
                    "kind": "complaint",
                    "channel": "followup",
                    "company_id": self.company_id.id,
                    "partner_id": self.partner_id.id,
                    "journey_id": journey.id,
                    "order_id": journey.order_id.id,
                    "followup_id": self.id,
                }
            )
        )
        return case.sudo(False)

    def _plan_again(self):
        """Another try after the outcome's days; after the last one the leader's."""
        self.ensure_one()
        outcome = self.outcome_id
        # sudo: planned rows are written by the engine
        row = self.sudo()
        record = row._record()
        user = row.user_id
        if row.occurrence_try >= outcome.retry_max:
            if record.team_id.leader_id in (user, self.env["res.users"]):
                return self.browse()
            user = record.team_id.leader_id
        when = row._when(
            fields.Date.context_today(self) + timedelta(days=outcome.retry_days),
            user,
            row.company_id,
        )
        return row._plan(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "policy_id": row.policy_id.id,
                    "step_id": row.step_id.id,
                    record._care_link: record.id,
                    "occurrence": row.occurrence,
                    "company_id": row.company_id.id,
                    "partner_id": row.partner_id.id,
                    "responsible_type": row.responsible_type,
                    "activity_type_id": row.activity_type_id.id,
                    "name": row.name,
                    "user_id": user.id,
                    "occurrence_try": row.occurrence_try + 1,
                    **when,
                }
            ]
        )

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    @api.model
    def _prepare_step_vals(self, policy, step, record, day, occurrence, memo):
        """Column values of the follow-up that a policy's step plans for a record.

        :param day: the day of the event in the company's zone
        :param int occurrence: which time it is that the event happened to the record
        :param dict memo: what one batch shares, filled here
        """
        user = step._determine_responsible(False, record)["responsible"]
        company = record.company_id
        key = (step, user, company, day)
        if key not in memo:
            memo[key] = self._when(step._get_date_deadline(day), user, company)
        return {
            "state": "planned",
            "policy_id": policy.id,
            "step_id": step.id,
            record._care_link: record.id,
            "occurrence": occurrence,
            "occurrence_try": 1,
            "attempts": 0,
            "company_id": company.id,
            "partner_id": record._care_partner().id,
            "user_id": user.id,
            "responsible_type": step.responsible_type,
            "activity_type_id": step.activity_type_id.id,
            "name": step.summary
            # sudo: in the language of who will read it
            or step.with_context(lang=user.sudo().lang).activity_type_id.name,
            **memo[key],
        }

    @api.model
    def _when(self, day, user, company):
        """The day, or the next on which ``user`` works, and when the engine acts."""
        worktime = company._care_worktime_of(user)
        if worktime:
            # sudo: a snapshot of opening hours, read by the engine
            zone = pytz.timezone(worktime.sudo().tz)
            midnight = zone.localize(datetime.combine(day, time.min))
            _row, opening = worktime._apply(
                "next_opening", midnight.astimezone(pytz.utc).replace(tzinfo=None)
            )
            day = pytz.utc.localize(opening).astimezone(zone).date()
        return {"date_due": day, "next_at": self._morning(day, user, company)}

    @api.model
    def _morning(self, day, user, company):
        """When the day starts where ``user`` lives, naive UTC; never in the past."""
        # sudo: a colleague's time zone
        zone = pytz.timezone(user.sudo().tz or company._care_tz())
        start = zone.localize(datetime.combine(day, time.min))
        return max(
            start.astimezone(pytz.utc).replace(tzinfo=None),
            self.env.cr.now().replace(microsecond=0),
        )

    def _record(self):
        """The journey or the case."""
        self.ensure_one()
        return self.journey_id or self.case_id

    @api.model
    def _of(self, records):
        """Follow-ups of these journeys or cases that are not over."""
        return self.sudo().search(
            [
                (records._care_link, "in", records.ids),
                ("state", "in", ALIVE),
            ]
        )

    @api.model
    def _cancel_of(self, records):
        """End what is planned for journeys or cases that ended."""
        if records:
            self._of(records)._cancel("ended")

    def _cancel(self, reason):
        rows = self._cancel_due({"cancel_reason": reason})
        activities = rows.activity_id
        if activities:
            activities.with_context(care_from_followup=ENGINE).unlink()
        return rows

    @api.model
    def _follow_owner(self, records):
        """What the stage owner is responsible for goes to the new owner."""
        rows = self._of(records).filtered(lambda row: row.responsible_type == "care_owner")
        for owner, mine in rows.grouped(lambda row: row._record().owner_id).items():
            mine.filtered(lambda row, o=owner: row.user_id != o).write({"user_id": owner.id})

    # ------------------------------------------------------------
    # Running: the activity on its day
    # ------------------------------------------------------------

    def _run_due(self):
        opted_out = self.browse()
        for company, mine in self.grouped("company_id").items():
            profiles = self.env["care.profile"]._for(mine.partner_id, company)
            refused = self.env["res.partner"].union(
                *(p for p, profile in profiles.items() if profile.no_followup)
            )
            opted_out |= mine.filtered(
                lambda row, r=refused: row.partner_id.commercial_partner_id in r
            )
        opted_out._cancel("opted_out")
        # planned by hand, or by a retry, while the order was being cancelled
        ended = (self - opted_out).filtered(lambda row: row._record().stage_category == "cancelled")
        ended._cancel("ended")
        rows = self - opted_out - ended
        rows.journey_id.mapped("display_name")
        rows.case_id.mapped("display_name")
        vals_list = []
        for row in rows:
            record = row._record()
            user = record._present(row.user_id, record.team_id)
            if user != row.user_id:
                row.with_context(care_from_activity=ENGINE).user_id = user
            vals_list.append(
                {
                    "res_model_id": self.env["ir.model"]._get_id(record._name),
                    "res_id": record.id,
                    "activity_type_id": row.activity_type_id.id,
                    "summary": row.name,
                    "note": row.step_id.note or False,
                    "user_id": user.id,
                    "date_deadline": row.date_due,
                    "automated": True,
                }
            )
        activities = (
            self.env["mail.activity"]
            .with_context(mail_activity_quick_update=True)
            .create(vals_list)
        )
        for row, activity in zip(rows, activities, strict=True):
            row.with_context(care_from_activity=ENGINE).write(
                {"state": "open", "next_at": False, "activity_id": activity.id}
            )
        return rows

    # ------------------------------------------------------------
    # The activity, both ways
    # ------------------------------------------------------------

    def _push_to_activity(self, vals):
        """Reassigned or moved here: the activity follows."""
        changes = {}
        if "user_id" in vals:
            changes["user_id"] = vals["user_id"]
        if "date_due" in vals:
            changes["date_deadline"] = vals["date_due"]
        if not changes:
            return
        # sudo: who may change the follow-up may change its face
        rows = self.sudo()
        rows.activity_id.with_context(
            care_from_followup=ENGINE, mail_activity_quick_update=True
        ).write(changes)
        waiting = rows.filtered(lambda row: row.state == "planned" and row.next_at)
        for row in waiting:
            row.next_at = self._morning(row.date_due, row.user_id, row.company_id)
        waiting._trigger_due()

    @api.model
    def _from_activities(self, activities):
        """Open follow-ups whose face is among ``activities``."""
        if self.env.context.get("care_from_followup") is ENGINE:
            return self.browse()
        ours = activities.filtered(
            lambda activity: activity.res_model in ("care.journey", "care.case")
        )
        if not ours:
            return self.browse()
        # sudo: the activity's holder may do with it what the widgets offer
        return self.sudo().search([("activity_id", "in", ours.ids), ("state", "=", "open")])
