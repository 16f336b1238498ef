from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from .care_due_mixin import ENGINE
from .care_guard import check_same_customer, check_targets, take_from_person


class CarePromise(models.Model):
    """Something a person said we would do: what, to whom, by when.

    What became of it is derived from the times, never typed in: kept when it was done by then,
    late when it was done after that, broken when somebody says so or when the grace has passed.
    What is broken stays broken, even if it is done in the end.
    """

    _name = "care.promise"
    _description = "Promise"
    _inherit = ["care.due.mixin", "care.customer.mixin", "mail.thread", "mail.activity.mixin"]
    _order = "due_at, id"
    _due_cron = "customer_care.ir_cron_promises"
    _due_user_fields = frozenset({"name", "date_due", "hour_due", "user_id", "note"})
    #: What a person may say of a new promise, besides.
    _manual_fields = frozenset(
        {"partner_id", "journey_id", "case_id", "followup_id", "order_id", "company_id"}
    )
    #: What it may be about: of the same customer.
    _link_fields = ("journey_id", "case_id", "followup_id", "order_id")

    name = fields.Char("What", required=True, tracking=True)
    partner_id = fields.Many2one(
        "res.partner", "To Whom", required=True, index=True, ondelete="cascade"
    )
    date_due = fields.Date(
        "By When", required=True, default=fields.Date.context_today, tracking=True
    )
    hour_due = fields.Float(
        "At", tracking=True, help="The time of day; empty: by the end of the day."
    )
    due_at = fields.Datetime(
        "Due", readonly=True, copy=False, index=True, help="The moment by which it has to be done."
    )
    break_at = fields.Datetime(
        "Broken From",
        readonly=True,
        copy=False,
        help="When it counts as broken if it is still not done: the company's grace has passed.",
    )
    user_id = fields.Many2one(
        "res.users",
        "Promised By",
        required=True,
        default=lambda self: self.env.user,
        index=True,
        tracking=True,
        domain="[('share', '=', False)]",
        help="The one person who answers for it.",
    )
    team_id = fields.Many2one(
        "care.team", readonly=True, index="btree_not_null", ondelete="set null"
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
        ondelete="cascade",
    )
    journey_id = fields.Many2one("care.journey", index="btree_not_null", ondelete="cascade")
    case_id = fields.Many2one("care.case", index="btree_not_null", ondelete="cascade")
    followup_id = fields.Many2one(
        "care.followup", "Follow-up", index="btree_not_null", ondelete="cascade"
    )
    order_id = fields.Many2one("sale.order", "Order", index="btree_not_null", ondelete="cascade")
    phone = fields.Char(related="partner_id.phone")
    promised_at = fields.Datetime(readonly=True, copy=False)
    note = fields.Text("What Came of It", copy=False)
    done_at = fields.Datetime("Done At", readonly=True, copy=False)
    done_by_id = fields.Many2one("res.users", "Done By", readonly=True, copy=False)
    result = fields.Selection(
        [("kept", "Kept"), ("late", "Late"), ("broken", "Broken")],
        readonly=True,
        copy=False,
        tracking=True,
        index="btree_not_null",
    )
    status = fields.Selection(
        [
            ("open", "Open"),
            ("kept", "Kept"),
            ("late", "Late"),
            ("broken", "Broken"),
            ("cancelled", "No Longer Due"),
        ],
        "Promise",
        compute="_compute_status",
        search="_search_status",
        help="Kept: done by then. Late: done after that. Broken: said to be, or not done when the "
        "grace had passed. No longer due: the order was cancelled before.",
    )
    due_group = fields.Selection(
        [("overdue", "Overdue"), ("today", "Today"), ("coming", "Coming"), ("over", "Over")],
        "When",
        compute="_compute_due_group",
    )
    told_id = fields.Many2one(
        "res.users",
        "Told That It Is Broken",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The team leader, or who stood in for them on that day.",
    )
    case_opened_id = fields.Many2one("care.case", compute="_compute_case_opened_id")

    _one_record = models.Constraint(
        "CHECK (num_nonnulls(journey_id, case_id, followup_id, order_id) <= 1)",
        "A promise is about one journey, case, follow-up or order.",
    )
    _hour = models.Constraint(
        "CHECK (hour_due >= 0 AND hour_due < 24)", "Choose a time of day between 0:00 and 23:59."
    )
    _mine_idx = models.Index("(user_id, due_at, id) WHERE done_at IS NULL")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("name", "partner_id")
    def _compute_display_name(self):
        for promise in self:
            promise.display_name = " · ".join(filter(None, (promise.partner_id.name, promise.name)))

    @api.depends("result", "break_at", "state")
    def _compute_status(self):
        for promise in self:
            promise.status = promise._status_now()

    def _status_now(self):
        """What is true at this moment, without waiting for the cron."""
        self.ensure_one()
        if self.state == "cancelled":
            return "cancelled"
        gone = self.break_at and self.break_at <= self.env.cr.now()
        return self.result or ("broken" if gone else "open")

    def _search_status(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = self.env.cr.now()
        domains = [[("result", "in", [status for status in value if status != "open"])]]
        waiting = [("result", "=", False), ("state", "!=", "cancelled")]
        if "open" in value:
            domains.append([*waiting, ("break_at", ">", now)])
        if "broken" in value:
            domains.append([*waiting, ("break_at", "<=", now)])
        if "cancelled" in value:
            domains.append([("state", "=", "cancelled")])
        return fields.Domain.OR(domains)

    @api.depends("due_at", "done_at", "state")
    @api.depends_context("tz")
    def _compute_due_group(self):
        now, today = self.env.cr.now(), fields.Date.context_today(self)
        for promise in self:
            if promise.done_at or promise.state == "cancelled":
                promise.due_group = "over"
            elif promise.due_at and promise.due_at < now:
                promise.due_group = "overdue"
            else:
                promise.due_group = "today" if promise.date_due == today else "coming"

    def _compute_case_opened_id(self):
        cases = self.env["care.case"].search([("promise_id", "in", self.ids)])
        by_promise = {case.promise_id: case for case in cases}
        for promise in self:
            promise.case_opened_id = by_promise.get(promise, False)

    def _label(self, name):
        """The word for the value of a selection, in the reader's language."""
        self.ensure_one()
        return dict(self._fields[name]._description_selection(self.env)).get(self[name])

    # ------------------------------------------------------------
    # People's gestures
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        person = not self.env.su
        if person:
            theirs = self._manual_fields | self._due_user_fields
            self, vals_list, _commands = take_from_person(  # noqa: PLW0642
                self, vals_list, set(self._fields) - theirs
            )
            for vals in vals_list:
                self._check_engine_fields(
                    {k: v for k, v in vals.items() if k not in self._manual_fields}
                )
        memo = {}
        # sudo: the moments and the team are written by the engine; the person's own rights are
        # checked right below
        rows = super(CarePromise, self.sudo()).create(
            [self._prepare_promise(vals, memo) for vals in vals_list]
        )
        if person:
            rows = rows.sudo(False)
            rows.check_access("create")
            rows._check_promised_oneself()
            check_same_customer(rows, self._link_fields)
            rows._check_to_come()
        rows._trigger_due()
        return rows

    @api.model
    def _prepare_promise(self, vals, memo):
        """Complete what a person says: team, moments, and when the engine looks at it."""
        # sudo: to look up whom the given record belongs to
        draft = self.sudo().new(vals)
        record = (draft.journey_id or draft.case_id or draft.followup_id)._origin
        company = draft.company_id._origin
        if draft.order_id:
            company = draft.order_id.company_id._origin
        elif record:
            company = record.company_id
        user = draft.user_id._origin or self.env.user
        self._check_may_answer(user, company)
        team = record.team_id or self.env["care.team"].sudo().search(
            [("company_id", "=", company.id)]
        )._of(user)
        date_due = draft.date_due or fields.Date.context_today(self)
        return {
            **vals,
            "company_id": company.id,
            "user_id": user.id,
            "team_id": team.id,
            "date_due": date_due,
            "promised_at": self.env.cr.now(),
            **self._moments(date_due, draft.hour_due, user, company, memo),
        }

    def write(self, vals):
        moving = {"date_due", "hour_due"} & set(vals)
        if not self.env.su:
            self._check_person_may_change(vals, moving)
        result = super().write(vals)
        if moving:
            memo = {}
            # sudo: the engine's moments follow what the person changed by right
            for promise in self.sudo():
                moments = promise._moments(
                    promise.date_due, promise.hour_due, promise.user_id, promise.company_id, memo
                )
                if promise._reminders():
                    moments["next_at"] = moments["break_at"]
                promise.write(moments)
            if not self.env.su:
                self._check_to_come()
            self._trigger_due()
        changes = {
            name: vals[field]
            for name, field in (("user_id", "user_id"), ("date_deadline", "date_due"))
            if field in vals
        }
        if changes:
            self._reminders().with_context(mail_activity_quick_update=True).write(changes)
        return result

    def _check_person_may_change(self, vals, moving):
        check_targets(self, [vals])
        over = any(row.done_at or row.result or row.state == "cancelled" for row in self)
        if over and set(vals) - {"note"}:
            raise UserError(self.env._("This promise is over: what was promised stays as it is."))
        leader = self.env.user.has_group("customer_care.group_leader")
        if "user_id" in vals and not leader:
            self._check_person_may_take(vals["user_id"])
        if moving and not leader and any(promise.due_at < self.env.cr.now() for promise in self):
            raise UserError(
                self.env._(
                    "The time of this promise has passed: it will be kept late or broken. "
                    "Make a new one if the customer agreed to another day."
                )
            )
        if vals.get("user_id"):
            user = self.env["res.users"].browse(vals["user_id"])
            for company in self.company_id:
                self._check_may_answer(user, company)

    def _check_person_may_take(self, user_id):
        """A colleague may take a promise over before it is due; nobody gives their own away."""
        now = self.env.cr.now()
        changed = self.filtered(lambda promise: promise.user_id.id != user_id)
        if changed and (user_id != self.env.uid or any(row.due_at <= now for row in changed)):
            raise UserError(
                self.env._(
                    "Who promised answers for it. Ask your team leader if somebody else has to."
                )
            )

    def _check_promised_oneself(self):
        """Nobody promises in a colleague's name, but who leads them."""
        if not self.env.user.has_group("customer_care.group_leader") and any(
            row.user_id != self.env.user for row in self
        ):
            raise UserError(
                self.env._(
                    "You promise in your own name. Ask your colleague to promise, or your team "
                    "leader to write it down for them."
                )
            )

    def _check_to_come(self):
        if any(promise.due_at <= self.env.cr.now() for promise in self):
            raise UserError(self.env._("Promise for a time that is still to come."))

    @api.model
    def _check_may_answer(self, user, company):
        if not self.env["care.owned.mixin"]._may_own(user, company):
            raise UserError(
                self.env._(
                    "%(user)s cannot answer for a promise of %(company)s. Choose an active "
                    "internal user of that company.",
                    user=user.sudo().name,
                    company=company.sudo().name,
                )
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_over(self):
        if not self.env.su and any(promise.status != "open" for promise in self):
            raise UserError(
                self.env._("What became of a promise stays. Only an open one can be deleted.")
            )
        leader = self.env.su or self.env.user.has_group("customer_care.group_leader")
        if not leader and any(promise.due_at <= self.env.cr.now() for promise in self):
            raise UserError(
                self.env._(
                    "The time of this promise has passed: it stays, and will be kept late or "
                    "broken."
                )
            )

    def action_done_dialog(self):
        """Ask in a dialog what came of it."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What came of it?"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref("customer_care.care_promise_view_form_done").id, "form")],
            "target": "new",
        }

    def action_keep(self):
        """Done: the clock says whether it is kept or late."""
        self.check_access("write")
        if any(promise.done_at for promise in self):
            raise UserError(self.env._("This promise is done already."))
        if any(promise.state == "cancelled" for promise in self):
            raise UserError(self.env._("This promise is no longer due: the order was cancelled."))
        self._finish()
        return {"type": "ir.actions.act_window_close"}

    def action_break(self):
        """We say ourselves that it cannot be kept, and why."""
        self.ensure_one()
        self.check_access("write")
        if self.done_at or self.status != "open":
            raise UserError(self.env._("This promise is over already."))
        if not (self.note or "").strip():
            raise UserError(self.env._("Write down why it cannot be kept: the customer will ask."))
        # sudo: the engine's fields; rights checked above. The team leader is told by the cron
        self.sudo().write({"result": "broken", "next_at": self.env.cr.now()})
        self._trigger_due()
        self._close_reminders()
        return self._get_records_action()

    def action_open_case(self):
        """The case about a broken promise: opened once, filled in."""
        self.ensure_one()
        self.check_access("write")
        if self.status != "broken":
            raise UserError(self.env._("Only a broken promise becomes a case."))
        return (self._case_of() or self._open_case())._get_records_action()

    def _case_of(self):
        # sudo: whether there is one; opening it asks for the person's rights
        return self.env["care.case"].sudo().search([("promise_id", "=", self.id)]).sudo(False)

    def _open_case(self):
        # sudo: reporting a problem is everybody's right, working the register is not; every
        # value comes from the promise, whose rights are checked
        promise = self.sudo()
        journey = (
            promise.journey_id
            or promise.case_id.journey_id
            or promise.followup_id.journey_id
            or promise.followup_id.case_id.journey_id
            or promise.order_id.care_journey_ids[:1]
        )
        said = self.env._(
            "%(user)s promised on %(day)s: %(what)s. It was due on %(due)s.",
            user=promise.user_id.name,
            day=format_date(self.env, promise.promised_at),
            what=promise.name,
            due=format_date(self.env, promise.date_due),
        )
        case = (
            self.env["care.case"]
            .sudo()
            .create(
                {
                    "name": self.env._("Promise broken: %s", promise.name),
                    "description": "\n".join(filter(None, (said, promise.note))),
                    "kind": "complaint",
                    "channel": "promise",
                    "company_id": promise.company_id.id,
                    "partner_id": promise.partner_id.id,
                    "journey_id": journey.id,
                    "order_id": (promise.order_id or journey.order_id).id,
                    "promise_id": promise.id,
                }
            )
        )
        return case.sudo(False)

    def action_open_record(self):
        """What the promise is about."""
        self.ensure_one()
        record = self.journey_id or self.case_id or self.followup_id or self.order_id
        return (record or self.partner_id)._get_records_action()

    # ------------------------------------------------------------
    # Times
    # ------------------------------------------------------------

    @api.model
    def _moments(self, day, hour, user, company, memo):
        """When a promise is due and broken, and when the engine reminds: column values."""
        # sudo: a colleague's time zone
        zone = pytz.timezone(user.sudo().tz or company._care_tz())
        clock = timedelta(hours=hour) if hour else timedelta(hours=24, seconds=-1)

        def at(date):
            moment = zone.localize(datetime.combine(date, time.min) + clock)
            return moment.astimezone(pytz.utc).replace(tzinfo=None)

        return {
            "due_at": at(day),
            "break_at": at(self._after_grace(day, user, company, memo)),
            "state": "planned",
            "next_at": self.env["care.followup"]._morning(day, user, company),
        }

    @api.model
    def _after_grace(self, day, user, company, memo):
        """The end of the company's grace: so many days on which the person works later."""
        days = company.care_promise_grace_days
        if not days:
            return day
        return self.env["care.followup"]._workdays(user, company, memo).add(day, days)

    def _finish(self):
        """Done now, by whoever is at it."""
        rows = self.filtered(lambda row: not row.done_at and row.state != "cancelled")
        now = self.env.cr.now()
        for promise in rows:
            result = promise._status_now()
            if result == "open":
                result = "kept" if now <= promise.due_at else "late"
            # one that broke without being noticed yet is told to the leader all the same
            told = promise.state == "done" or result != "broken"
            # sudo: the engine's fields; whoever calls has checked the person's rights
            promise.sudo().write(
                {
                    "done_at": now,
                    "done_by_id": self.env.uid,
                    "result": result,
                    "state": "done" if told else "planned",
                    "next_at": False if told else now,
                }
            )
        rows._trigger_due()
        rows._close_reminders()

    @api.model
    def _no_longer_due(self, journeys, orders):
        """These sales came to nothing: what was promised about them, and in their follow-ups, and
        is still open ends. What is broken stays broken.
        """
        if not journeys and not orders:
            return
        rows = self.search(
            [
                ("status", "=", "open"),
                "|",
                "|",
                ("journey_id", "in", journeys.ids),
                ("followup_id.journey_id", "in", journeys.ids),
                ("order_id", "in", orders.ids),
            ]
        )._cancel_due()
        if rows:
            rows._reminders().unlink()

    # ------------------------------------------------------------
    # Running: the reminder on its morning, the leader when it is broken
    # ------------------------------------------------------------

    def _run_due(self):
        broken = self.filtered(lambda promise: promise._status_now() == "broken")
        remind = self.env.ref("customer_care.mail_activity_type_promise")
        tell = self.env.ref("customer_care.mail_activity_type_promise_broken")
        vals_list = []
        coming = self - broken
        memo = {"batch": coming}
        for user, mine in coming.grouped(lambda promise: promise._who_is_there(memo)).items():
            mine.filtered(lambda promise, user=user: promise.user_id != user).user_id = user
            vals_list += [row._prepare_activity(user, remind, row.date_due) for row in mine]
        for promise in coming:
            promise.next_at = promise.break_at
        for promise in broken:
            leader = promise._present(promise.team_id.leader_id or promise.user_id)
            promise.told_id = leader
            today = fields.Date.context_today(promise.with_context(tz=leader.tz))
            vals_list.append(promise._prepare_activity(leader, tell, today))
        broken.write({"result": "broken", "state": "done", "next_at": False, "error": False})
        self.env["mail.activity"].with_context(mail_activity_quick_update=True).create(vals_list)

    def _prepare_activity(self, user, activity_type, day):
        """The values of an activity, in the language of who will read it."""
        activity_type = activity_type.with_context(lang=user.lang)
        return {
            "res_model_id": self.env["ir.model"]._get_id(self._name),
            "res_id": self.id,
            "activity_type_id": activity_type.id,
            "summary": f"{activity_type.summary}: {self.name}",
            "user_id": user.id,
            "date_deadline": day,
            "automated": True,
        }

    def _present(self, user, leaving=()):
        """``user``, or who stands in, as for a record that they own."""
        return self.company_id._care_present(user, self.team_id, leaving)

    def _who_is_there(self, memo):
        """Who promised, or who stands in today.

        :param dict memo: what a batch shares, filled here
        """
        return self.env["care.followup"]._who_is_there(
            self.user_id, self.company_id, self.team_id, memo
        )

    @api.model
    def _open_domain(self):
        return [("done_at", "=", False), ("state", "!=", "cancelled")]

    @api.model
    def _hand_over(self, users, leaving):
        """What these users promised and have not done is answered for by who stands in."""
        rows = self.search([("user_id", "in", users.ids), *self._open_domain()]).filtered(
            lambda row: row.user_id._care_has_to_go(row.company_id, leaving)
        )
        for user, mine in rows.grouped(lambda row: row._present(row.user_id, leaving)).items():
            mine.write({"user_id": user.id})

    def _reminders(self):
        """The open activities that remind of these promises, as superuser."""
        # sudo: the promise is this person's; its activity may be another's
        return (
            self.env["mail.activity"]
            .sudo()
            .search(
                [
                    ("res_model", "=", self._name),
                    ("res_id", "in", self.ids),
                    (
                        "activity_type_id",
                        "=",
                        self.env.ref("customer_care.mail_activity_type_promise").id,
                    ),
                ]
            )
        )

    def _close_reminders(self):
        reminders = self._reminders()
        if reminders:
            reminders.with_context(care_from_promise=ENGINE)._action_done()

    @api.model
    def _from_activities(self, activities):
        """The promises of which these activities remind, as superuser."""
        if self.env.context.get("care_from_promise") is ENGINE:
            return self.sudo()
        ours = activities.filtered(lambda activity: activity.res_model == self._name)
        if not ours:
            return self.sudo()
        reminder = self.env.ref("customer_care.mail_activity_type_promise", False)
        # sudo: the activity's holder may do with it what the widgets offer
        return self.sudo().browse(
            ours.filtered(lambda activity: activity.activity_type_id == reminder).mapped("res_id")
        )
