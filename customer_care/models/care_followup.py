from datetime import datetime, time, timedelta
from textwrap import shorten

import pytz
from markupsafe import Markup

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.tools import format_date, format_datetime

from .care_due_mixin import ENGINE
from .care_guard import take_from_person
from .care_technical_mixin import TECHNICAL

#: States in which somebody still has to call; one that failed is a call like any other.
ALIVE = ("planned", "held", "open", "failed")
#: Why a follow-up was cancelled that does not end its rhythm.
GOES_ON = ("merged", "activity_deleted")
#: Why a follow-up was cancelled that says nothing of the orders it was one call with.
OWN_END = ("ended", "reordered")


class CareFollowup(models.Model):
    """A planned contact with a customer. The activity is its face, not its record:
    activities get deleted and archived, this row stays.
    """

    _name = "care.followup"
    _description = "Follow-up"
    _inherit = ["care.due.mixin", "care.linked.mixin", "care.customer.mixin"]
    _order = "date_due, id"
    _due_cron = "customer_care.ir_cron_followups"
    # what a batch asks once (complaints, refunds, limits) is shared by more rows
    _due_batch = 500
    _due_user_fields = frozenset(
        {"outcome_id", "feedback", "user_id", "date_due", "need_text", "need_date", "advice"}
    )
    _technical_fields = TECHNICAL | {
        "activity_id",
        "check_back",
        "chosen_user_id",
        "event",
        "hold_override",
        "repeat_from",
        "trail",
    }
    #: What a person may say of a follow-up that they plan by hand.
    _manual_fields = frozenset({"name", "journey_id", "case_id", "activity_type_id"})

    name = fields.Char("Summary", required=True)
    state = fields.Selection(
        selection_add=[("held", "Held Back"), ("open", "Open"), ("done",)],
        ondelete={"held": "set default", "open": "set default"},
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
    journey_id = fields.Many2one(readonly=False)
    case_id = fields.Many2one(readonly=False)
    sale_line_id = fields.Many2one(
        "sale.order.line",
        "Order Line",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
        help="The product it is about, where the policy follows up single products.",
    )
    event = fields.Char(readonly=True, help="The event that planned it.")
    happened_at = fields.Datetime("Event At", readonly=True)
    order_name = fields.Char("Order", compute="_compute_order_name")
    products = fields.Char("Bought", compute="_compute_order_name")
    occurrence = fields.Integer(default=1, readonly=True, help="The cycle of the journey or case.")
    occurrence_try = fields.Integer(
        "Try", default=1, readonly=True, help="How often it was tried to reach them."
    )
    repetition = fields.Integer(
        default=1, readonly=True, help="How often it has come back, the first time included."
    )
    repeat_from = fields.Date(
        readonly=True, help="The day from which its rhythm counts, where it comes back."
    )
    origin_id = fields.Many2one(
        "care.followup",
        "Because Of",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The follow-up in which the need was heard.",
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
    passed_by_id = fields.Many2one(
        "res.users",
        "Passed On By",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Who gave it to somebody else last, and may still look where it went.",
    )
    responsible_type = fields.Char(readonly=True)
    chosen_user_id = fields.Many2one(
        "res.users", "Chosen at First", readonly=True, help="Whom the step named when planned."
    )
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
    opened_at = fields.Datetime(readonly=True, copy=False)
    outcome_id = fields.Many2one("care.outcome", ondelete="restrict", index="btree_not_null")
    consequence = fields.Selection(related="outcome_id.consequence")
    need_text = fields.Text(
        "What They Need", copy=False, help="What the customer needs, and the budget they named."
    )
    need_date = fields.Date("Until When", copy=False, help="When to come back to them.")
    advice = fields.Text(
        "Advice Given",
        copy=False,
        help="Who serves them better, and why: honest advice is kept, and counts as a success.",
    )
    feedback = fields.Text("What Was Said", help="In the customer's words where it matters.")
    done_at = fields.Datetime(readonly=True, copy=False)
    done_by_id = fields.Many2one("res.users", "Done By", readonly=True, copy=False)
    cancel_reason = fields.Selection(
        [
            ("ended", "The journey or case ended"),
            ("opted_out", "The customer does not want to be contacted"),
            ("activity_deleted", "Its activity was deleted"),
            ("merged", "One call with another follow-up"),
            ("returned", "The product was returned"),
            ("reordered", "The customer has ordered it again"),
            ("answered", "The customer has answered"),
        ],
        "Why Cancelled",
        readonly=True,
        copy=False,
    )
    merged_into_id = fields.Many2one(
        "care.followup",
        "One Call With",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )
    merged_ids = fields.One2many("care.followup", "merged_into_id", "Also About")
    trail = fields.Text(
        "What Happened to It",
        readonly=True,
        copy=False,
        help="What Customer Care itself has changed since it was planned, and why.",
    )
    script = fields.Html("Call Script", compute="_compute_script")
    explanation = fields.Html("Why Did I Get This?", compute="_compute_explanation")
    case_opened_id = fields.Many2one("care.case", compute="_compute_case_opened_id")
    due_group = fields.Selection(
        [
            ("late", "Late"),
            ("today", "Today"),
            ("coming", "Coming"),
            ("held", "Held back"),
            ("over", "Over"),
        ],
        "When",
        compute="_compute_due_group",
        search="_search_due_group",
    )

    _journey_uniq = models.UniqueIndex(
        "(policy_id, step_id, journey_id, occurrence, occurrence_try, repetition,"
        " COALESCE(sale_line_id, 0)) WHERE journey_id IS NOT NULL",
        "This follow-up is planned already.",
    )
    _case_uniq = models.UniqueIndex(
        "(policy_id, step_id, case_id, occurrence, occurrence_try, repetition,"
        " COALESCE(sale_line_id, 0)) WHERE case_id IS NOT NULL",
        "This follow-up is planned already.",
    )
    _mine_idx = models.Index(
        "(user_id, date_due, id) WHERE state IN ('planned', 'held', 'open', 'failed')"
    )
    _opened_idx = models.Index("(user_id, opened_at) WHERE opened_at IS NOT NULL")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("partner_id", "name")
    def _compute_display_name(self):
        for followup in self:
            followup.display_name = " · ".join(
                filter(None, (followup.partner_id.name, followup.name))
            )

    @api.depends("journey_id", "case_id.journey_id", "sale_line_id", "merged_ids")
    def _compute_order_name(self):
        # sudo: whoever has to call the customer may know about what
        for row in self.filtered(lambda row: not row._origin):
            # being typed in: only of what the person may read anyway
            row.order_name = row.products = False
            if not row._record()._origin._filtered_access("read"):
                self -= row  # noqa: PLW0642
        everything = self.sudo() | self.sudo().merged_ids
        # read for all at once: below, each union of rows would read for itself
        everything.sale_line_id.product_id.mapped("name")
        (everything.journey_id | everything.case_id.journey_id).mapped("products")
        for followup in self.sudo():
            all_rows = followup | followup.merged_ids
            journeys = all_rows.journey_id | all_rows.case_id.journey_id
            followup.order_name = ", ".join(journeys.mapped("name"))
            # a row about a single product says which; the others, what was ordered
            products = all_rows.sale_line_id.product_id.mapped("name")
            whole = all_rows.filtered(lambda row: not row.sale_line_id)
            journeys = whole.journey_id | whole.case_id.journey_id
            products += [name for name in journeys.mapped("products") if name]
            followup.products = ", ".join(dict.fromkeys(products))

    @api.depends("step_id", "policy_id")
    @api.depends_context("lang")
    def _compute_script(self):
        # sudo: the aid is for who makes the call, whatever they may read of plans
        for followup in self.sudo():
            parts = [followup.step_id.note, followup.policy_id.script]
            followup.script = Markup("").join(part for part in parts if part) or False

    @api.depends("policy_id", "step_id", "user_id", "trail", "event", "happened_at", "check_back")
    def _compute_explanation(self):
        # sudo: names of what led to a follow-up that the person may read
        for followup in self.sudo():
            lines = followup._explain()
            followup.explanation = Markup("").join(
                Markup("<p class='mb-1'><strong>%s</strong> %s</p>") % line for line in lines
            )

    def _explain(self):
        """Why this follow-up is there, as pairs (what, the answer)."""
        self.ensure_one()
        who = self.user_id.name
        lines = self._explain_policy() if self.policy_id else self._explain_without_policy()
        if self.occurrence_try > 1:
            lines.append(
                (
                    self.env._("Again:"),
                    self.env._("nobody answered; this is try no. %s", self.occurrence_try),
                )
            )
        types = dict(
            self.env["mail.activity.plan.template"]
            ._fields["responsible_type"]
            ._description_selection(self.env)
        )
        chosen = self.chosen_user_id
        if chosen and chosen != self.user_id:
            who = self.env._("%(now)s; at first %(before)s", now=who, before=chosen.name)
        if self.responsible_type in types:
            who = self.env._("%(who)s, as %(role)s", who=who, role=types[self.responsible_type])
        lines.append((self.env._("Responsible:"), who))
        lines += [("", line) for line in (self.trail or "").splitlines()]
        return lines

    def _explain_policy(self):
        lines = [
            (self.env._("Policy:"), self.policy_id.name),
            (self.env._("Event:"), self._explain_event()),
            (self.env._("Step:"), self.step_id.summary or self.name),
        ]
        if self.sale_line_id:
            lines.append((self.env._("Product:"), self.sale_line_id.product_id.display_name))
        if self.repetition > 1:
            lines.append((self.env._("Comes back:"), self.env._("time no. %s", self.repetition)))
        return lines

    def _explain_event(self):
        """What happened to which record, and when."""
        events = dict(self.env["care.policy"]._selection_event())
        event = self.event or self.policy_id.event
        return self.env._(
            "%(event)s, %(record)s, %(moment)s",
            event=events.get(event, event),
            record=self._record().display_name,
            moment=format_datetime(
                self.env, self.happened_at or self.create_date, dt_format="short"
            ),
        )

    def _explain_without_policy(self):
        """Who or what planned it: a check-back, a policy that is gone, a need, a person."""
        if self.check_back:
            reasons = dict(self._fields["check_back"]._description_selection(self.env))
            return [
                (
                    self.env._("Why:"),
                    self.env._(
                        "The first owner asks the customer whether it is solved. %s.",
                        reasons[self.check_back],
                    ),
                ),
                (self.env._("Event:"), self._explain_event()),
            ]
        if self.event:
            return [
                (self.env._("Why:"), self.env._("A policy planned it that is gone since.")),
                (self.env._("Event:"), self._explain_event()),
            ]
        if self.origin_id:
            why = self.env._("A need was heard in “%s”.", self.origin_id.display_name)
        elif (
            # whoever tried before has planned the next try, not the call
            self.occurrence_try > 1 or self.create_uid.share or self.create_uid._is_superuser()
        ):
            why = self.env._("Customer Care planned it.")
        else:
            why = self.env._("%s planned it by hand.", self.create_uid.name)
        return [(self.env._("Why:"), why)]

    def _words(self):
        """The environment that speaks the language of who is responsible."""
        self.ensure_one()
        # sudo: a colleague's language
        return self.with_context(lang=self.sudo().user_id.lang).env

    def _note(self, text):
        """Write down what the engine changed, for who asks why."""
        for row in self:
            day = format_date(row._words(), fields.Date.context_today(row))
            row.trail = "\n".join(filter(None, (row.trail, f"{day}: {text}")))

    @api.depends("journey_id.team_id", "case_id.team_id")
    def _compute_team_id(self):
        for followup in self:
            # sudo: who is responsible for a follow-up may know the team it belongs to
            record = followup._record().sudo()
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
            elif followup.state == "held":
                followup.due_group = "held"
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
            "held": [("state", "=", "held")],
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
            record = self._record_in(vals)
            if not record:
                raise UserError(self.env._("Choose the journey or the case to follow up."))
            record.check_access("read")
            # sudo: whether it is over
            if record.sudo().stage_category == "cancelled":
                raise UserError(
                    self.env._(
                        "%s was cancelled: nobody is called about it. Put it back first.",
                        record.display_name,
                    )
                )
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
        if not self.env.su and "user_id" in vals:
            # sudo: who passed it on is noted by the engine
            self.sudo().write({"passed_by_id": self.env.uid})
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

    def unlink(self):
        # sudo: whoever may delete the follow-up takes its face along; what was done stays
        faces = self.sudo().activity_id.filtered("active")
        result = super().unlink()
        faces.with_context(care_from_followup=ENGINE).unlink()
        return result

    def action_done(self):
        """Done, with the outcome chosen; returns what the outcome leads to."""
        self.ensure_one()
        self.check_access("write")
        if self.state not in ALIVE:
            raise UserError(self.env._("This follow-up is over already."))
        if not self.outcome_id:
            raise UserError(self.env._("Choose what came of it."))
        self._check_outcome()
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

    def _check_outcome(self):
        """Refuse an outcome without what its consequence needs."""
        consequence = self.outcome_id.consequence
        if consequence == "case" and not (self.feedback or "").strip():
            raise UserError(
                self.env._("Write down what the customer said: whoever solves it starts there.")
            )
        if consequence == "need" and not ((self.need_text or "").strip() and self.need_date):
            raise UserError(self.env._("Write down what the customer needs, and until when."))
        if consequence == "advice" and not (self.advice or "").strip():
            raise UserError(
                self.env._("Write down what you advised: it is kept, so that it can be seen.")
            )

    def action_all_well(self):
        """One tap: the first outcome from which nothing follows."""
        return self._done_at_once("none")

    def action_no_answer(self):
        """One tap: the first outcome that tries again."""
        return self._done_at_once("again")

    def _done_at_once(self, consequence):
        self.ensure_one()
        self.check_access("write")
        outcome = self.env["care.outcome"].search([("consequence", "=", consequence)], limit=1)
        if not outcome:
            raise UserError(
                self.env._(
                    "There is no outcome for this. Ask a manager to add one in Customer Care → "
                    "Configuration → Follow-up Outcomes."
                )
            )
        self.outcome_id = outcome
        return self.action_done()

    def action_release(self):
        """A person decides that it is not held back any longer."""
        self.check_access("write")
        # sudo: the engine's fields; the person's right to the follow-up is checked above
        rows = self.sudo().filtered(lambda row: row.state == "held")
        if not rows:
            raise UserError(self.env._("Only follow-ups that are held back can be released."))
        rows.write({"hold_override": True, "next_at": self.env.cr.now().replace(microsecond=0)})
        for row in rows:
            env = row._words()
            row._note(
                env._("%(who)s released it: %(why)s", who=self.env.user.name, why=row.hold_note)
            )
        rows._trigger_due()

    def action_next(self):
        """The next of the person's own follow-ups, by day."""
        return self._neighbour("date_due, id", ">")

    def action_previous(self):
        return self._neighbour("date_due desc, id desc", "<")

    def _neighbour(self, order, operator):
        self.ensure_one()
        self.check_access("read")
        mine = fields.Domain("user_id", "=", self.env.uid) & fields.Domain("state", "in", ALIVE)
        beside = fields.Domain("date_due", operator, self.date_due) | fields.Domain(
            "date_due", "=", self.date_due
        ) & fields.Domain("id", operator, self.id)
        found = self.search(mine & beside, order=order, limit=1)
        if not found:
            raise UserError(self.env._("That was the last one in this direction."))
        return {
            **self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_followup_action"),
            "views": [(False, "form")],
            "view_mode": "form",
            "res_id": found.id,
        }

    def action_open_merged_into(self):
        self.ensure_one()
        return self.merged_into_id._get_records_action()

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
                "hold_reason": False,
                "hold_note": False,
            }
        )
        self.sudo()._plan_repetitions()

    def _consequence(self):
        """What the outcome asks for.

        :return: an action for the person, or True
        """
        self.ensure_one()
        if self.outcome_id.consequence == "case":
            return self._open_case()._get_records_action()
        if self.outcome_id.consequence == "again":
            self._plan_again()
        if self.outcome_id.consequence == "need":
            self._record_need()
        if self.outcome_id.consequence == "advice":
            # what they were told is kept with what they needed
            self.env["care.need"]._from_followup(self, advice=self.advice, elsewhere=True)
        return {"type": "ir.actions.act_window_close"}

    def _case_subject(self):
        said = " ".join((self.feedback or "").split()).strip("“”\"'")
        about = self.sale_line_id.product_id.name or (self.products or "").split(", ")[0]
        return ": ".join(filter(None, (about, shorten(said, 60, placeholder=" …"))))

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
                    # the customer reads it: their own words, and what it is about
                    "name": self._case_subject(),
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

    def _record_need(self):
        """Keep what the customer needs, and come back to them in time.

        :return: the follow-up planned for the day named
        """
        self.ensure_one()
        self.env["care.need"]._from_followup(
            self, name=self.need_text.strip(), date_wanted=self.need_date
        )
        # sudo: planned rows are written by the engine; every value is of the follow-up,
        # whose rights are checked
        row = self.sudo()
        record = row._record()
        user = record._present(row.user_id, record.team_id)
        planned = row.create(
            {
                "name": self.env._("Need: %s", row.need_text.strip().splitlines()[0][:100]),
                record._care_link: record.id,
                "company_id": row.company_id.id,
                "partner_id": row.partner_id.id,
                "user_id": user.id,
                "activity_type_id": row.activity_type_id.id,
                "origin_id": row.id,
                **row._when(row.need_date, user, row.company_id),
            }
        )
        planned._trigger_due()
        return planned

    def _plan_again(self):
        """Another try after the outcome's days; after the last one the leader's."""
        self.ensure_one()
        outcome = self.outcome_id
        # sudo: planned rows are written by the engine
        row = self.sudo()
        record = row._record()
        user = row.user_id
        if row.occurrence_try >= outcome.retry_max:
            leader = record.team_id.leader_id and record._present(
                record.team_id.leader_id, record.team_id
            )
            if leader in (user, self.env["res.users"]):
                record.message_post(
                    body=self.env._(
                        "“%(call)s”: no answer (tries: %(tries)s), and there is nobody else who "
                        "could call. Decide how to reach %(customer)s.",
                        call=row.name,
                        tries=row.occurrence_try,
                        customer=row.partner_id.name,
                    ),
                    subtype_xmlid="mail.mt_note",
                    author_id=self.env.user.partner_id.id,
                )
                return self.browse()
            user = leader
        when = row._when(
            fields.Date.context_today(self) + timedelta(days=outcome.retry_days),
            user,
            row.company_id,
        )
        again = row._plan(
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
                    "chosen_user_id": row.chosen_user_id.id,
                    "sale_line_id": row.sale_line_id.id,
                    "event": row.event,
                    "happened_at": row.happened_at,
                    "repetition": row.repetition,
                    "repeat_from": row.repeat_from,
                    "check_back": row.check_back,
                    **when,
                }
            ]
        )
        if again:
            # still one call about all of them
            row.merged_ids.merged_into_id = again
        return again

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
            if policy.delay_kind == "working" and step.delay_unit == "days":
                due = self._workdays(user, company, memo).add(day, step.delay_count)
            else:
                due = step._get_date_deadline(day)
            memo[key] = self._when(due, user, company, memo)
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
            "chosen_user_id": user.id,
            "responsible_type": step.responsible_type,
            "activity_type_id": step.activity_type_id.id,
            "name": step.summary
            # sudo: in the language of who will read it
            or step.with_context(lang=user.sudo().lang).activity_type_id.name,
            **memo[key],
        }

    @api.model
    def _workdays(self, user, company, memo):
        """The working days of ``user``, kept in ``memo`` for the batch."""
        key = ("workdays", user, company)
        if key not in memo:
            # of all who are looked at together
            users = user.browse({*user._prefetch_ids, user.id})
            for other, days in company._care_workdays(users).items():
                memo["workdays", other, company] = days
        return memo[key]

    @api.model
    def _when(self, day, user, company, memo=None):
        """The day, or the next on which ``user`` works, and when the engine acts."""
        day = self._workdays(user, company, {} if memo is None else memo).next(day)
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
        rows = self._cancel_due({"cancel_reason": reason, "hold_reason": False, "hold_note": False})
        activities = rows.activity_id
        if activities:
            activities.with_context(care_from_followup=ENGINE).unlink()
        if reason in GOES_ON:
            rows._plan_repetitions()
        if reason in OWN_END:
            rows._bring_back(self.browse())
        return rows

    def _bring_back(self, gone):
        """The head of a merged call is over: plan anew what it was about besides.

        :param gone: follow-ups that are about to be deleted
        """
        rows = (self.merged_ids - gone).filtered(
            lambda row: (
                row.cancel_reason == "merged" and row._record().stage_category != "cancelled"
            )
        )
        memo = {}
        for row in rows:
            row.with_context(care_from_activity=ENGINE).write(
                {
                    "state": "planned",
                    "cancel_reason": False,
                    "merged_into_id": False,
                    **row._when(row.date_due, row.user_id, row.company_id, memo),
                }
            )
            env = row._words()
            row._note(env._("Planned again: the call that it was a part of is over."))
        rows._trigger_due()

    def _plan_repetitions(self):
        """Plan the next time of what comes back, now that these rows are over."""
        vals_list, memo = [], {}
        for row in self:
            record = row._record()
            if not (row.policy_id and row.repeat_from and row.policy_id._repeats_for(record)):
                continue
            today = fields.Date.context_today(row.with_context(tz=row.company_id._care_tz()))
            found = row.policy_id._next_repetition(row.repeat_from, max(today, row.date_due))
            if not found or not row.step_id:
                continue
            number, day = found
            user = row.step_id._determine_responsible(False, record)["responsible"]
            vals_list.append(
                {
                    "state": "planned",
                    "attempts": 0,
                    "occurrence_try": 1,
                    "repetition": number,
                    record._care_link: record.id,
                    "user_id": user.id,
                    "chosen_user_id": user.id,
                    **{
                        name: row[name]
                        for name in ("name", "event", "happened_at", "repeat_from", "occurrence")
                    },
                    **{
                        name: row[name].id
                        for name in ("policy_id", "step_id", "company_id", "partner_id")
                    },
                    "sale_line_id": row.sale_line_id.id,
                    "responsible_type": row.step_id.responsible_type,
                    "activity_type_id": row.step_id.activity_type_id.id,
                    **self._when(day, user, row.company_id, memo),
                }
            )
        return self._plan(vals_list)

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
        memo = {}
        rows = self - self._cancel_outdated(memo)
        listed = rows.filtered(lambda row: row.state == "open")
        if listed:
            listed._take_off(memo)
        rows -= listed
        rows -= rows._merge()
        rows -= rows._hold(memo)
        rows._use_channels(memo)
        rows._open(memo)

    def _planned_by_engine(self):
        """What an event has planned, even if its policy is gone. What a person has planned or
        agreed with the customer is theirs to decide.
        """
        return self.filtered("event")

    def _profile(self, memo):
        """The customer's profile, read once for the batch; None where there is none."""
        self.ensure_one()
        if "profiles" not in memo:
            found = self.env["care.profile"].search(
                [
                    ("partner_id", "in", memo["batch"].partner_id.commercial_partner_id.ids),
                    ("company_id", "in", memo["batch"].company_id.ids),
                ]
            )
            memo["profiles"] = {
                (profile.partner_id, profile.company_id): profile for profile in found
            }
        key = (self.partner_id.commercial_partner_id, self.company_id)
        return memo["profiles"].get(key)

    def _cancel_outdated(self, memo):
        """End what makes no sense any more; decided on the day.

        :return: the rows that are over now
        """
        memo["batch"] = self
        # to ask whether their case is solved is part of solving it
        refused = self._planned_by_engine().filtered(
            lambda row: (
                not row.check_back and (profile := row._profile(memo)) and profile.no_followup
            )
        )
        refused._cancel("opted_out")
        rest = self - refused
        ended = rest.filtered(
            lambda row: (
                # planned by hand, or by a retry, while the order was being cancelled
                row._record().stage_category == "cancelled"
                or (row.repetition > 1 and not row.policy_id._repeats_for(row._record()))
            )
        )
        ended._cancel("ended")
        rest -= ended
        again = rest._ordered_again()
        again._cancel("reordered")
        return refused | ended | again

    def _ordered_again(self):
        """Rows about a product that runs out, which the customer has bought again since."""
        rows = self.filtered(lambda row: row.policy_id.reorder_days and row.sale_line_id)
        if not rows:
            return rows
        later = self.env["sale.order.line"].search(
            [
                ("product_id", "in", rows.sale_line_id.product_id.ids),
                ("order_id.state", "=", "sale"),
                ("order_id.company_id", "in", rows.company_id.ids),
                (
                    "order_id.partner_id.commercial_partner_id",
                    "in",
                    rows.partner_id.commercial_partner_id.ids,
                ),
                ("order_id.date_order", ">", min(rows.sale_line_id.order_id.mapped("date_order"))),
            ]
        )
        latest = {}
        for line in later:
            key = (
                line.product_id,
                line.order_id.partner_id.commercial_partner_id,
                line.order_id.company_id,
            )
            latest[key] = max(latest.get(key, datetime.min), line.order_id.date_order)
        return rows.filtered(
            lambda row: (
                latest.get(
                    (
                        row.sale_line_id.product_id,
                        row.partner_id.commercial_partner_id,
                        row.company_id,
                    ),
                    datetime.min,
                )
                > row.sale_line_id.order_id.date_order
            )
        )

    def _open(self, memo):
        """Make the activities, all at once and quietly."""
        self.journey_id.mapped("display_name")
        self.case_id.mapped("display_name")
        now = self.env.cr.now().replace(microsecond=0)
        rows, vals_list = [], []
        for (company, chosen, team), mine in (
            self.with_context(care_from_activity=ENGINE)
            .grouped(lambda row: (row.company_id, row.user_id, row._record().team_id))
            .items()
        ):
            user = self._who_is_there(chosen, company, team, memo)
            if user != chosen:
                mine.user_id = user
                env = mine[:1]._words()
                mine._note(env._("%(who)s stands in.", who=user.name))
            if held := mine.filtered(lambda row: row.state == "held"):
                # it was not their fault: it is not late when it comes
                today = self._workdays(user, company, memo).today(now)
                held.filtered(lambda row, today=today: row.date_due < today).date_due = today
                held.write({"hold_reason": False, "hold_note": False})
            mine.write(
                {
                    "state": "open",
                    "next_at": False,
                    "opened_at": now,
                    "error": False,
                    "attempts": 0,
                }
            )
            rows.extend(mine)
            # in the language of who will read it
            vals_list += [row._activity_vals() for row in mine.with_context(lang=user.lang)]
        activities = (
            self.env["mail.activity"]
            .with_context(mail_activity_quick_update=True, care_followers_later=ENGINE)
            .create(vals_list)
        )
        for row, activity in zip(rows, activities, strict=True):
            row.activity_id = activity
        self._follow()

    @api.model
    def _who_is_there(self, chosen, company, team, memo):
        """``chosen``, or who stands in for them today.

        The day begins at midnight, when a day off of nine to five has not begun: whoever has
        all of today off is not there.
        """
        first = user = company._care_present(chosen, team)
        off = user.browse()
        while self._is_off_today(user, company, memo):
            off |= user
            user = company._care_present(chosen, team, off)
        # where nobody is there it stays with who is asked first, instead of with no person
        return first if user.id == SUPERUSER_ID else user

    @api.model
    def _is_off_today(self, user, company, memo):
        now = self.env.cr.now()
        soon = now + timedelta(days=1)
        if "off soon" not in memo:
            # most have no time off, and are asked for together
            everybody = memo["batch"].user_id
            memo["off soon"] = everybody._care_on_leave(now, soon)
            memo["asked"] = everybody
        away = user._care_out_of_office(now, soon)
        if not away and user in memo["asked"] and user not in memo["off soon"]:
            return False
        # sudo: a colleague's time zone
        local = self.with_context(tz=user.sudo().tz or company._care_tz())
        day = fields.Datetime.context_timestamp(local, now).date()
        return self._workdays(user, company, memo).is_off(day, away)

    @api.model
    def _stand_in(self, users):
        """What is on the lists of these users today goes to who stands in, if they have all of
        today off: nobody waits for their return.
        """
        # sudo: as in the cron of follow-ups
        rows = self.sudo().search(
            [
                ("user_id", "in", users.ids),
                ("state", "=", "open"),
                ("date_due", "<=", fields.Date.context_today(self)),
            ]
        )
        memo = {"batch": rows}
        for (company, chosen, team), mine in rows.grouped(
            lambda row: (row.company_id, row.user_id, row._record().team_id)
        ).items():
            if not self._is_off_today(chosen, company, memo):
                continue  # back within the day, or here until they went
            user = self._who_is_there(chosen, company, team, memo)
            mine = mine._that_may_go_to(user)
            if user != chosen and mine:
                mine.user_id = user
                env = mine[:1]._words()
                mine._note(env._("%(who)s stands in.", who=user.name))
        rows._follow()

    def _that_may_go_to(self, user):
        """Of these follow-ups, those that ``user`` may make."""
        return self

    def _activity_vals(self):
        self.ensure_one()
        record = self._record()
        return {
            "res_model_id": self.env["ir.model"]._get_id(record._name),
            "res_id": record.id,
            "activity_type_id": self.activity_type_id.id,
            "summary": self.name,
            "note": self.script,
            "user_id": self.user_id.id,
            "date_deadline": self.date_due,
            "automated": True,
        }

    def _follow(self):
        """Whoever is responsible follows the journey or case: who does is asked once for all,
        not user by user as Odoo does with each activity.
        """
        for records in (self.journey_id, self.case_id):
            known = self.env["mail.followers"].search_fetch(
                [
                    ("res_model", "=", records._name),
                    ("res_id", "in", records.ids),
                    ("partner_id", "in", self.user_id.partner_id.ids),
                ],
                ["res_id", "partner_id"],
            )
            following = {(follower.res_id, follower.partner_id) for follower in known}
            mine = self.filtered(records._care_link)
            for user, rows in mine.grouped("user_id").items():
                rows[records._care_link].filtered(
                    lambda record, who=user.partner_id, known=following: (
                        (record.id, who) not in known
                    )
                ).message_subscribe(partner_ids=user.partner_id.ids)

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
        waiting = rows.filtered(lambda row: row.state in ("planned", "held") and row.next_at)
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

    def _check_ticked_off(self):
        """Refuse that a person ticks off what has a question of its own: the answer counts."""
        asking = self.filtered("check_back")[:1]
        if asking:
            raise RedirectWarning(
                self.env._(
                    "“%s” is done when you say what the customer answered.", asking.display_name
                ),
                asking.action_done_dialog(),
                self.env._("What came of it?"),
            )

    def _ticked_off(self):
        """Done in Odoo's own widgets, where nobody is asked what came of it: what was chosen
        before counts; otherwise that they were contacted is all that is known.
        """
        if not self:
            return
        done = self.env.ref("customer_care.outcome_done", raise_if_not_found=False)
        if done and done.active:
            self.filtered(lambda row: not row.outcome_id).outcome_id = done
        for row in self:
            row._check_outcome()
        self._finish()
        for row in self:
            row._consequence()
