from datetime import timedelta

from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from .care_due_mixin import ENGINE
from .care_guard import check_targets, refuse_forged

STATES = [
    ("open", "Open"),
    ("reopened", "Reopened"),
    ("done", "Done"),
    ("checking", "Being Checked"),
    ("effective", "Effective"),
    ("cancelled", "Cancelled"),
]
#: States in which something has to be done about the cause.
TO_DO = ("open", "reopened")
#: States in which what was done is watched: does the cause come back?
WATCHED = ("done", "checking", "effective")
#: States in which the action is not over.
UNFINISHED = ("open", "reopened", "done", "checking")
#: Days in which what the engine asks for has to be done.
DAYS_TO_ACT = 7


class CareAction(models.Model):
    """What is done so that something does not happen again, and whether it worked.

    An action names what it is about: a cause, a category or a product, or several at once. It
    is done by its due date and checked on its check date. If a complaint about the same comes
    within the window after it was done, it is reopened by itself.
    """

    _name = "care.action"
    _description = "Corrective action"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date_due, id"
    _check_company_auto = True

    #: Written by buttons and by the engine alone.
    _engine_fields = frozenset(
        {"state", "is_alarm", "done_at", "done_by_id", "watch_until", "finished_at"}
        | {"reopened_at", "reopened_case_id", "reopen_count", "checked_by_id", "team_id"}
    )
    #: What it is about.
    _subject_fields = ("cause_id", "category_id", "product_tmpl_id")
    #: Activities in one go.
    _activity_names = ("action", "action_check", "action_back")

    name = fields.Char("What Is Done", required=True, tracking=True)
    description = fields.Html(help="What was found, and what changes.")
    state = fields.Selection(
        STATES,
        required=True,
        readonly=True,
        default="open",
        copy=False,
        index=True,
        tracking=True,
        group_expand="_group_expand_state",
        help="Open: to be done. Done: its window is running. Being checked: somebody says "
        "whether it worked. Effective: it worked. Reopened: it did not.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    cause_id = fields.Many2one(
        "care.cause",
        "Cause",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        tracking=True,
    )
    category_id = fields.Many2one(
        "care.category",
        "Category",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
    )
    product_tmpl_id = fields.Many2one(
        "product.template",
        "Product",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="All of its variants.",
    )
    case_ids = fields.Many2many(
        "care.case",
        "care_action_case_rel",
        "action_id",
        "case_id",
        "Cases",
        copy=False,
        help="The cases that led to it, and those that came back.",
    )
    case_count = fields.Integer("Case Count", compute="_compute_case_count")
    owner_id = fields.Many2one(
        "res.users",
        "Owner",
        required=True,
        default=lambda self: self.env.user,
        index=True,
        tracking=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        help="The one person who sees to it.",
    )
    team_id = fields.Many2one(
        "care.team", "Team", readonly=True, index="btree_not_null", ondelete="set null"
    )
    date_due = fields.Date(
        "Due",
        required=True,
        default=lambda self: fields.Date.context_today(self) + timedelta(days=DAYS_TO_ACT),
        index=True,
        tracking=True,
    )
    check_how = fields.Text(
        "How It Is Checked",
        help="What has to be true for it to have worked: a figure, and by when.",
    )
    checker_id = fields.Many2one(
        "res.users",
        "Checked By",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        index="btree_not_null",
        tracking=True,
        help="Who says whether it worked. Empty: whoever answers for the cause, or the team "
        "leader.",
    )
    window_days = fields.Integer(
        "Window (days)",
        default=90,
        help="A complaint about the same, received within so many days after it was done, "
        "reopens it. 0: it is checked by hand alone.",
    )
    date_check = fields.Date(
        "Check On",
        copy=False,
        help="When somebody looks whether it worked. Empty: at the end of the window.",
    )
    result = fields.Text(
        "Result of the Check", copy=False, help="What was found, and by what it was measured."
    )
    checked_by_id = fields.Many2one("res.users", "Judged By", readonly=True, copy=False)
    done_at = fields.Datetime("Done On", readonly=True, copy=False)
    done_by_id = fields.Many2one("res.users", "Done By", readonly=True, copy=False)
    watch_until = fields.Datetime("Watched Until", readonly=True, copy=False)
    finished_at = fields.Datetime("Over Since", readonly=True, copy=False)
    reopened_at = fields.Datetime("Reopened On", readonly=True, copy=False)
    reopened_case_id = fields.Many2one(
        "care.case",
        "Reopened By",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )
    reopen_count = fields.Integer("Times Reopened", readonly=True, copy=False)
    is_alarm = fields.Boolean(
        "Product Alarm",
        readonly=True,
        copy=False,
        help="Raised by the number of complaints about one product or category.",
    )
    may_work = fields.Boolean(compute="_compute_may_work")
    may_check = fields.Boolean(compute="_compute_may_work")
    is_late = fields.Boolean("Late", compute="_compute_is_late", search="_search_is_late")
    color = fields.Integer()

    _window_check = models.Constraint(
        "CHECK (window_days >= 0)", "The window is a number of days of 0 or more."
    )
    _alarm_subject_check = models.Constraint(
        "CHECK (is_alarm IS NOT TRUE OR num_nonnulls(product_tmpl_id, category_id) = 1)",
        "A product alarm is about one product or one category.",
    )
    _alarm_uniq = models.UniqueIndex(
        "(company_id, COALESCE(product_tmpl_id, 0), COALESCE(category_id, 0))"
        " WHERE is_alarm AND state NOT IN ('effective', 'cancelled')",
        "There is an alarm about this already.",
    )
    _watch_idx = models.Index("(watch_until) WHERE state IN ('done', 'checking', 'effective')")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _group_expand_state(self, states, domain):
        return [state for state, _label in STATES]

    @api.depends("case_ids")
    def _compute_case_count(self):
        for action in self:
            action.case_count = len(action.case_ids)

    @api.depends_context("uid")
    @api.depends("owner_id", "checker_id", "done_by_id")
    def _compute_may_work(self):
        mine = self._origin._filtered_access("write")
        user = self.env.user
        leads = user.has_group("customer_care.group_leader")
        manages = user.has_group("customer_care.group_manager")
        for action in self:
            action.may_work = not action._origin or action._origin in mine
            # a manager may judge his own work: the result that he has to write says why
            checks = (leads or action.checker_id == user) and (
                manages or user not in action.owner_id | action.done_by_id
            )
            action.may_check = action.may_work and checks

    @api.depends("date_due", "state")
    @api.depends_context("tz")
    def _compute_is_late(self):
        today = fields.Date.context_today(self)
        for action in self:
            action.is_late = bool(
                action.state in TO_DO and action.date_due and action.date_due < today
            )

    @api.model
    def _search_is_late(self, operator, value):
        if operator != "in":
            return NotImplemented
        late = fields.Domain("state", "in", TO_DO) & fields.Domain(
            "date_due", "<", fields.Date.context_today(self)
        )
        return fields.Domain.OR(late if wanted else ~late for wanted in value)

    @api.constrains("owner_id", "checker_id", "company_id")
    def _check_people(self):
        if self.env.context.get("care_handing_over") is ENGINE:
            return  # the last resort is whoever the company names
        for action in self:
            for user in action.owner_id | action.checker_id:
                if not self.env["care.owned.mixin"]._may_own(user, action.company_id):
                    raise ValidationError(
                        self.env._(
                            "%(user)s cannot answer for an action of %(company)s. Choose an "
                            "active user of Customer Care who may work in that company.",
                            user=user.sudo().name,
                            company=action.company_id.name,
                        )
                    )

    # ------------------------------------------------------------
    # Create, write
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals) for vals in vals_list]
        if not self.env.su:
            for vals in vals_list:
                refuse_forged(self, self._engine_fields & set(vals))
            # defaults in a context forge nothing
            self = self.with_context(  # noqa: PLW0642
                **{f"default_{name}": None for name in self._engine_fields}
            )
            for vals in vals_list:
                vals.update(state="open", is_alarm=False)
            check_targets(self, vals_list)
        actions = super().create(vals_list)
        if not self.env.su:
            actions.case_ids.check_access("read")
        actions._complete()
        actions._remind()
        return actions

    def write(self, vals):
        if not self.env.su:
            refuse_forged(self, self._engine_fields & set(vals))
            self._check_person_may_change(vals)
        result = super().write(vals)
        if not self.env.su and "case_ids" in vals:
            self.case_ids.check_access("read")
        if {"owner_id", "date_due", "checker_id", "date_check"} & set(vals):
            self._follow_changes(vals)
        return result

    def _check_person_may_change(self, vals):
        check_targets(self, [vals])
        if "company_id" in vals and any(a.company_id.id != vals["company_id"] for a in self):
            raise UserError(
                self.env._("An action stays in its company. Make a new one in the other company.")
            )
        if any(action.finished_at for action in self) and set(vals) - {"color", "description"}:
            raise UserError(
                self.env._("This action is over. Reopen it, or make a new one, to go on.")
            )
        if {"product_tmpl_id", "category_id"} & set(vals) and any(a.is_alarm for a in self):
            raise UserError(
                self.env._(
                    "What an alarm is about stays as it is. Set the cause, once it is known."
                )
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_worked_on(self):
        if not self.env.su and any(action.done_at or action.is_alarm for action in self):
            raise UserError(
                self.env._("What was done, or raised by an alarm, is kept. Cancel it instead.")
            )

    def _complete(self):
        """Whoever checks, and the team, where nobody said so."""
        teams = {}
        # sudo: the team and who checks follow from the company's own set-up
        for action in self.sudo():
            company = action.company_id
            if company not in teams:
                teams[company] = (
                    self.env["care.team"].sudo().search([("company_id", "=", company.id)])
                )
            team = action.case_ids.team_id[:1] or teams[company]._of(action.owner_id)
            action.write(
                {
                    "team_id": team.id,
                    "checker_id": (action.checker_id or action._default_checker(team)).id,
                }
            )

    def _default_checker(self, team):
        """Who answers for the cause, or the team leader; somebody else than the owner if there
        is one.
        """
        for user in (self.cause_id.curator_id, team.leader_id):
            if user and user != self.owner_id:
                present = self.company_id._care_present(user, team)
                if present != self.owner_id:
                    return present
        return self.company_id._care_default_owner()

    # ------------------------------------------------------------
    # People's gestures
    # ------------------------------------------------------------

    def _check_gesture(self, states, message):
        self.check_access("write")
        if any(action.state not in states for action in self):
            raise UserError(message)

    def action_done(self):
        """What was to be done is done; from now on it is watched."""
        self._check_gesture(TO_DO, self.env._("This action is done already."))
        self._done()
        return True

    def action_start_check(self):
        """Look now whether it worked, before the day that was set."""
        self._check_gesture(("done",), self.env._("Only what is done can be checked."))
        self._begin_check()
        return True

    def action_effective(self):
        """It worked."""
        self._check_judgement()
        # sudo: the state is written by the engine; rights checked above
        self.sudo().write(
            {
                "state": "effective",
                "finished_at": self.env.cr.now(),
                "checked_by_id": self.env.uid,
            }
        )
        self._end_activities()
        return True

    def action_not_effective(self):
        """It did not work: something else has to be done."""
        self._check_judgement()
        self.sudo().write({"checked_by_id": self.env.uid})
        self._reopen()
        return True

    def _check_judgement(self):
        self._check_gesture(("done", "checking"), self.env._("Only what is done can be judged."))
        if any(not action.may_check for action in self):
            raise AccessError(
                self.env._(
                    "Whether it worked is said by who checks it, by a team leader or a manager: "
                    "not by who did it or answers for it."
                )
            )
        if any(not (action.result or "").strip() for action in self):
            raise UserError(
                self.env._("Write the result of the check first: what was found, by what figure.")
            )

    def action_cancel(self):
        self._check_gesture(UNFINISHED, self.env._("This action is over already."))
        # sudo: as in `action_effective`
        self.sudo().write({"state": "cancelled", "finished_at": self.env.cr.now()})
        self._end_activities()
        return True

    def action_resume(self):
        """Cancelled or judged too early: it is to be done again."""
        self._check_gesture(
            ("cancelled", "effective"), self.env._("Only what is over can be taken up again.")
        )
        # whoever did it may say that it did not last
        leads = self.env.user.has_group("customer_care.group_leader")
        if not leads and any(
            action.state == "effective" and self.env.user != action.checker_id for action in self
        ):
            raise AccessError(self.env._("Ask who checked it, or a team leader, to reopen it."))
        self._reopen()
        return True

    def action_open_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [("id", "in", self.case_ids.ids)]
        action["context"] = {}
        return action

    def action_open_followups(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care.care_followup_action_all"
        )
        action["domain"] = [("action_id", "=", self.id)]
        action["context"] = {}
        return action

    # ------------------------------------------------------------
    # From state to state
    # ------------------------------------------------------------

    def _done(self):
        now = self.env.cr.now().replace(microsecond=0)
        # sudo: the state is written by the engine; whoever calls has checked the rights.
        # The day of check in it plans the look at it.
        for action in self.sudo():
            today = action._today()
            window = timedelta(days=action.window_days)
            action.write(
                {
                    "state": "done",
                    "done_at": now,
                    "done_by_id": self.env.uid,
                    "watch_until": now + window,
                    "date_check": max(action.date_check or today + window, today),
                    "result": False,
                }
            )
        self._end_activities()

    def _begin_check(self):
        # sudo: as in `_done`
        self.sudo().write({"state": "checking"})
        self._remind()

    def _reopen(self, case=None):
        """To be done anew: somebody said so, or the cause has come back."""
        if not self:
            return
        self._end_activities()
        # sudo: as in `_done`
        for action in self.sudo():
            today = action._today()
            action.write(
                {
                    "state": "reopened",
                    "reopened_at": self.env.cr.now().replace(microsecond=0),
                    "reopened_case_id": case and case.id,
                    "reopen_count": action.reopen_count + 1,
                    "finished_at": False,
                    "date_check": False,
                    "date_due": max(action.date_due, today + timedelta(days=DAYS_TO_ACT)),
                }
            )
        self._remind()

    def _today(self):
        """The day in the action's company."""
        self.ensure_one()
        zone = self.with_context(tz=self.company_id._care_tz())
        return fields.Datetime.context_timestamp(zone, self.env.cr.now()).date()

    # ------------------------------------------------------------
    # Activities
    # ------------------------------------------------------------

    @api.model
    def _activity_type(self, name):
        return self.env.ref(f"customer_care.mail_activity_type_{name}")

    def _activities(self, *names):
        """The open activities of these kinds, as superuser."""
        types = [self._activity_type(name).id for name in names or self._activity_names]
        # sudo: the action is worked on by right; its activity may be another's
        return (
            self.env["mail.activity"]
            .sudo()
            .search(
                [
                    ("res_model", "=", self._name),
                    ("res_id", "in", self.ids),
                    ("activity_type_id", "in", types),
                ]
            )
        )

    def _end_activities(self):
        activities = self._activities()
        if activities:
            activities.with_context(care_from_action=ENGINE).action_archive()

    def _remind(self):
        """One activity for whoever has to do something about each of these actions."""
        vals_list = []
        model_id = self.env["ir.model"]._get_id(self._name)
        # sudo: activities are made by the engine, in the language of who gets them
        for action in self.sudo():
            if action.state in TO_DO:
                user, day = action.owner_id, action.date_due
                name = "action_back" if action.reopened_case_id else "action"
            elif action.state == "checking":
                user, day, name = action.checker_id, action._today(), "action_check"
            else:
                continue
            activity_type = self._activity_type(name).sudo().with_context(lang=user.lang)
            summary = f"{activity_type.summary}: {action.name}"
            # a confidential case has no number for those who may not know of it
            if name == "action_back" and action.reopened_case_id._may_be_told(user):
                summary = f"{activity_type.summary}: {action.reopened_case_id.number}"
            vals_list.append(
                {
                    "res_model_id": model_id,
                    "res_id": action.id,
                    "activity_type_id": activity_type.id,
                    "summary": summary,
                    "user_id": user.id,
                    "date_deadline": day,
                    "automated": True,
                }
            )
        # sudo: as above
        self.env["mail.activity"].sudo().with_context(mail_activity_quick_update=True).create(
            vals_list
        )

    def _follow_changes(self, vals):
        """The activities go where the action goes."""
        todo = {
            name: vals[field]
            for name, field in (("user_id", "owner_id"), ("date_deadline", "date_due"))
            if vals.get(field)
        }
        quiet = {"mail_activity_quick_update": True}
        if todo:
            self._activities("action", "action_back").with_context(**quiet).write(todo)
        if vals.get("checker_id"):
            self._activities("action_check").with_context(**quiet).write(
                {"user_id": vals["checker_id"]}
            )
        if vals.get("date_check"):
            self.env["care.signal"]._plan_checks(
                self.filtered(lambda action: action.state == "done")
            )

    @api.model
    def _hand_over(self, users, leaving):
        """Unfinished actions of users who may not work there go to who stands in for them."""
        for name in ("owner_id", "checker_id"):
            actions = self.search([(name, "in", users.ids), ("state", "in", UNFINISHED)]).filtered(
                lambda action, name=name: action[name]._care_has_to_go(action.company_id, leaving)
            )
            by_user = actions.grouped(
                lambda action, name=name: action.company_id._care_present(
                    action[name], action.team_id, leaving
                )
            )
            for user, mine in by_user.items():
                mine.with_context(care_handing_over=ENGINE).write({name: user.id})

    # ------------------------------------------------------------
    # The cause comes back
    # ------------------------------------------------------------

    @api.model
    def _returned(self, cases):
        """Reopen what was done about the same as these new complaints say, in its window.

        :param cases: complaints, as superuser
        :return: the actions that were reopened
        """
        if not cases:
            return self.browse()
        watched = self.search(
            [
                ("company_id", "in", cases.company_id.ids),
                ("state", "in", WATCHED),
                ("watch_until", ">=", min(cases.mapped("received_at"))),
            ],
            order="done_at desc, id desc",
        )
        if not watched:
            return watched
        reopened = self.browse()
        for case in cases.sorted("received_at"):
            back = watched.filtered(lambda action, case=case: action._is_about(case))
            for action in back:
                action.case_ids = [Command.link(case.id)]
            back._reopen(case)
            watched -= back
            reopened |= back
        return reopened

    def _is_about(self, case):
        """Whether a complaint says that it has happened again after it was done."""
        self.ensure_one()
        subject = [self[name] for name in self._subject_fields]
        return (
            any(subject)
            and case.company_id == self.company_id
            and self.done_at < case.received_at <= self.watch_until
            and (not self.cause_id or self._is_part(case.cause_id))
            and self.category_id in (case.category_id, self.category_id.browse())
            and self.product_tmpl_id
            in (case.product_id.product_tmpl_id, self.product_tmpl_id.browse())
        )

    def _is_part(self, cause):
        return bool(cause) and (cause.parent_path or "").startswith(self.cause_id.parent_path)


class MailActivity(models.Model):
    _inherit = "mail.activity"  # pylint: disable=consider-merging-classes-inherited

    def _action_done(self, feedback=False, attachment_ids=None):
        """Whoever ticks off that it is to be done says that it is done."""
        actions = self.env["care.action"].sudo()
        if self.env.context.get("care_from_action") is not ENGINE:
            ours = self.filtered(lambda activity: activity.res_model == "care.action")
            if ours:
                types = [actions._activity_type(name).id for name in ("action", "action_back")]
                # sudo: the activity's holder is the action's owner
                actions = actions.browse(
                    ours.filtered(lambda a: a.activity_type_id.id in types).mapped("res_id")
                ).filtered(lambda action: action.state in TO_DO)
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        if actions:
            actions._done()
        return result


class ResUsers(models.Model):
    _inherit = "res.users"  # pylint: disable=consider-merging-classes-inherited

    def _care_answering(self):
        return [
            *super()._care_answering(),
            ("care.action", "owner_id", [("state", "in", UNFINISHED)]),
            ("care.action", "checker_id", [("state", "in", UNFINISHED)]),
        ]

    def _care_move_work(self, leaving):
        self.env["care.action"]._hand_over(self, leaving)
        return super()._care_move_work(leaving)

    @api.model
    def _care_naming(self):
        return {**super()._care_naming(), "care.cause": {"owner_id": []}}
