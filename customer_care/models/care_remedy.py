from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import format_amount, format_date

from .care_authority import FREE, REMEDIES, check_amounts
from .care_guard import check_targets, refuse_forged, take_from_person

#: Remedies about lines of the order, and those whose amount the lines say.
BY_LINES = ("refund", "replacement", "return")
SUMMED = ("refund", "replacement")
#: Remedies for which the customer is told something.
TOLD = ("explanation", "apology", "return")
#: States in which nothing is to come any more.
OVER = ("executed", "declined", "cancelled")


class CareRemedy(models.Model):
    """What we do for a customer to put a case right.

    Within one's authority one decides alone; beyond it somebody is asked who may. What was decided
    stays as it is. The customer may be asked first; what is done makes a real document.
    """

    _name = "care.remedy"
    _description = "Remedy"
    _inherit = [
        "care.engine.mixin",
        "care.technical.mixin",
        "mail.thread",
        "mail.activity.mixin",
    ]
    _order = "id desc"
    _check_company_auto = True

    #: What a person says, as long as it is a proposal.
    _draft_fields = frozenset(
        {
            "kind",
            "usual_id",
            "currency_id",
            "amount",
            "line_ids",
            "text",
            "proceed",
            "valid_until",
        }
    )

    case_id = fields.Many2one("care.case", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, copy=False, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        "res.partner",
        "Customer",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        ondelete="restrict",
    )
    order_id = fields.Many2one(
        "sale.order",
        "Order",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )
    journey_id = fields.Many2one(related="case_id.journey_id")
    team_id = fields.Many2one(related="case_id.team_id")
    category_id = fields.Many2one(related="case_id.category_id")
    usual_id = fields.Many2one(
        "care.category.remedy",
        "Usual Here",
        ondelete="set null",
        domain="[('category_id', '=', category_id)]",
        help="What the case's category says is usually done.",
    )
    kind = fields.Selection(REMEDIES, required=True, default="apology", tracking=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True)
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    amount = fields.Monetary(
        compute="_compute_amount",
        store=True,
        readonly=False,
        tracking=True,
        help="What the customer gets, taxes included; of a repair, what it costs us.",
    )
    amount_company = fields.Monetary(
        "In Company Currency",
        currency_field="company_currency_id",
        readonly=True,
        copy=False,
        help="At the rate of the day on which it was decided.",
    )
    cost = fields.Monetary(
        currency_field="company_currency_id",
        readonly=True,
        copy=False,
        help="What it cost, once it is done.",
    )
    line_ids = fields.One2many("care.remedy.line", "remedy_id", "Products", copy=True)
    text = fields.Text(
        "To the Customer", help="What the customer reads: the explanation, the offer, what to do."
    )
    proceed = fields.Selection(
        [
            ("offer", "Ask the customer first"),
            ("execute", "Do it at once"),
            ("wait", "Keep it for later"),
        ],
        "Then",
        required=True,
        default="offer",
    )
    valid_until = fields.Date(
        "Discount Until", copy=False, help="When a discount has to be used. Empty: no end."
    )
    state = fields.Selection(
        [
            ("draft", "Proposed"),
            ("asked", "Waiting for approval"),
            ("approved", "Approved"),
            ("offered", "Offered"),
            ("accepted", "Accepted"),
            ("executed", "Done"),
            ("declined", "Declined"),
            ("cancelled", "Cancelled"),
        ],
        "Status",
        group_expand=True,
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        index=True,
        tracking=True,
    )
    user_id = fields.Many2one(
        "res.users", "Proposed By", required=True, readonly=True, copy=False, index=True
    )
    asked_at = fields.Datetime(readonly=True, copy=False)
    approved_by_id = fields.Many2one(
        "res.users", "Decided By", readonly=True, copy=False, index="btree_not_null"
    )
    approved_at = fields.Datetime("Decided At", readonly=True, copy=False)
    refuse_reason = fields.Char("Refused Because", copy=False)
    offered_at = fields.Datetime(readonly=True, copy=False)
    offer_until = fields.Date("Offer Until", readonly=True, copy=False)
    answered_at = fields.Datetime(readonly=True, copy=False)
    answered_by_id = fields.Many2one("res.partner", "Answered By", readonly=True, copy=False)
    executed_at = fields.Datetime("Done At", readonly=True, copy=False)
    executed_by_id = fields.Many2one("res.users", "Done By", readonly=True, copy=False)
    trouble = fields.Text("What Went Wrong", readonly=True, copy=False)
    document_ids = fields.One2many("care.remedy.document", "remedy_id", "Documents", readonly=True)
    move_count = fields.Integer(compute="_compute_documents")
    order_count = fields.Integer(compute="_compute_documents")

    within = fields.Boolean("Within My Authority", compute="_compute_within")
    limit_note = fields.Char("My Authority", compute="_compute_within")
    approver_ids = fields.Many2many(
        "res.users", string="Who Can Approve", compute="_compute_within"
    )
    may_approve = fields.Boolean(compute="_compute_may_approve")
    may_work = fields.Boolean(compute="_compute_may_work")

    # NaN is greater than every number to PostgreSQL
    _amount = models.Constraint(
        "CHECK (amount >= 0 AND amount < 1000000000000)", "Enter an amount of 0 or more."
    )
    _discount_idx = models.Index(
        "(partner_id) WHERE kind = 'discount' AND state = 'executed'",
    )
    _asked_idx = models.Index("(company_id, id) WHERE state = 'asked'")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("kind", "amount", "currency_id", "case_id")
    def _compute_display_name(self):
        for remedy in self:
            words = [remedy._label("kind")]
            if remedy.amount and remedy.currency_id:
                words.append(format_amount(self.env, remedy.amount, remedy.currency_id))
            # sudo: the number of the case, for who sees the remedy
            words.append(remedy.sudo().case_id.number)
            remedy.display_name = " · ".join(filter(None, words))

    def _label(self, name):
        """The word for the value of a selection, in the reader's language."""
        self.ensure_one()
        return dict(self._fields[name]._description_selection(self.env)).get(self[name])

    @api.depends("kind", "line_ids.amount")
    def _compute_amount(self):
        for remedy in self:
            if remedy.kind in FREE:
                remedy.amount = 0
            elif remedy.kind in SUMMED:
                remedy.amount = sum(remedy.line_ids.mapped("amount"))
            else:
                remedy.amount = remedy.amount or 0  # as typed in

    def _compute_documents(self):
        for remedy in self:
            documents = remedy.document_ids
            remedy.move_count = len(documents.move_id)
            remedy.order_count = len(documents.order_id)

    @api.depends_context("uid")
    @api.depends("kind", "amount", "currency_id", "state", "case_id", "company_id")
    def _compute_within(self):
        authority = self.env["care.authority"]
        for remedy in self:
            # sudo: the limits look at the case, whoever may see it
            case = remedy.sudo().case_id._origin
            company = remedy.company_id._origin or case.company_id
            if not case or remedy.state not in ("draft", "asked"):
                remedy.within = remedy.limit_note = remedy.approver_ids = False
                continue
            parts = remedy._parts(case)
            verdict = authority._verdict(
                self.env.user, company, remedy.kind, parts, skip=remedy._origin
            )
            remedy.within = verdict.allowed
            remedy.limit_note = authority._explain(verdict, company)
            remedy.approver_ids = (
                False
                if verdict.allowed
                else authority._approvers(
                    company, case.team_id, remedy.kind, parts, skip=remedy._origin
                )
            )

    @api.depends_context("uid")
    @api.depends("state")
    def _compute_may_approve(self):
        for remedy in self:
            remedy.may_approve = remedy.state == "asked" and bool(
                remedy.sudo()._who_approves(among=self.env.user)
            )

    @api.depends_context("uid")
    def _compute_may_work(self):
        mine = self._origin._filtered_access("write")
        for remedy in self:
            remedy.may_work = not remedy._origin or remedy._origin in mine

    def _parts(self, case=None):
        """What the limits reckon with: see ``care.authority``."""
        self.ensure_one()
        case = case or self.case_id
        order = self.order_id._origin or (case.order_id if self.state == "draft" else False)
        order = order or self.env["sale.order"]
        return [(case, order._care_first_order(), self._in_company_currency())]

    def _in_company_currency(self):
        """The amount at today's rate."""
        self.ensure_one()
        company = self.company_id or self.sudo().case_id.company_id
        currency = self.currency_id or company.currency_id
        return self.env["care.outlay"]._worth(self.amount or 0, currency, company)[0]

    def _who_approves(self, among=None):
        """Who may say yes to this remedy: not who proposed it.

        :param among: look at these users alone
        """
        self.ensure_one()
        approvers = self.env["care.authority"]._approvers(
            self.company_id, self.case_id.team_id, self.kind, self._parts(), among, skip=self
        )
        return approvers - self.user_id

    @api.onchange("case_id")
    def _onchange_case_id(self):
        for remedy in self.filtered("case_id"):
            # sudo: what the case says, which the person can see
            case = remedy.case_id._origin.sudo()
            remedy.company_id = case.company_id
            remedy.partner_id = case.partner_id
            remedy.order_id = case.order_id
            remedy.currency_id = case.order_id.currency_id or case.company_id.currency_id
            if not remedy.usual_id:
                remedy.usual_id = case.category_id.remedy_ids[:1]
                remedy._onchange_usual_id()

    @api.onchange("usual_id")
    def _onchange_usual_id(self):
        for remedy in self.filtered("usual_id"):
            usual = remedy.usual_id
            remedy.kind = usual.kind
            remedy.text = usual.with_context(lang=remedy.partner_id.lang).text or remedy.text
            if usual.amount and remedy.kind not in SUMMED + FREE:
                remedy.amount = usual.currency_id._convert(
                    usual.amount,
                    remedy.currency_id,
                    remedy.company_id,
                    fields.Date.context_today(self),
                )

    @api.onchange("kind")
    def _onchange_kind(self):
        for remedy in self:
            usual = remedy.usual_id
            if usual.kind != remedy.kind:
                remedy.usual_id = False
                # the words and the amount of another kind of remedy
                if usual and remedy.text == usual.text:
                    remedy.text = False
                    remedy.amount = 0
            remedy.proceed = "execute" if remedy.kind in TOLD else "offer"
            if remedy.kind not in BY_LINES:
                remedy.line_ids = False
            elif not remedy.line_ids:
                remedy._propose_lines()
            days = remedy.company_id.care_discount_days
            remedy.valid_until = (
                fields.Date.context_today(self) + timedelta(days=days)
                if remedy.kind == "discount" and days
                else False
            )

    def _propose_lines(self):
        """The line of the case's product, or the only one there is."""
        self.ensure_one()
        # sudo: lines of an order that the person sees by the case
        case = self.case_id._origin.sudo()
        lines = case.order_id.order_line.filtered(lambda line: line._care_is_product())
        about = lines.filtered(lambda line: line.product_id == case.product_id)
        chosen = about or (lines if len(lines) == 1 else lines.browse())
        self.line_ids = [
            # of several pieces mostly one is at fault
            fields.Command.create(
                {"sale_line_id": line.id, "quantity": min(1, line.product_uom_qty)}
            )
            for line in chosen
        ]

    @api.constrains("currency_id", "kind")
    def _check_currency(self):
        for remedy in self:
            company, currency = remedy.company_id, remedy.currency_id
            order = remedy.sudo().order_id
            if remedy.kind in BY_LINES and order and currency != order.currency_id:
                raise ValidationError(
                    self.env._(
                        "%(order)s is in %(currency)s: so is what you give back of it.",
                        order=order.name,
                        currency=order.currency_id.name,
                    )
                )
            # without a rate it would count one for one
            if not self.env["care.outlay"]._is_rated(currency, company):
                raise ValidationError(
                    self.env._(
                        "There is no rate for %(currency)s. Choose %(other)s.",
                        currency=currency.name,
                        other=company.currency_id.name,
                    )
                )

    @api.constrains("usual_id")
    def _check_usual(self):
        for remedy in self.filtered("usual_id"):
            if remedy.usual_id.category_id != remedy.sudo().case_id.category_id:
                raise ValidationError(self.env._("That is usual in another category."))

    # ------------------------------------------------------------
    # What a person says, and what stays as it was decided
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        person = not self.env.su
        commands = [{} for _vals in vals_list]
        if person:
            theirs = self._draft_fields | {"case_id"}
            for vals in vals_list:
                refuse_forged(self, set(vals) - theirs)
                check_amounts(self, vals)
            self, vals_list, commands = take_from_person(  # noqa: PLW0642
                self, vals_list, set(self._fields) - theirs
            )
        # sudo: company, customer and order are the case's, written by the engine; the person's
        # own rights are checked right below
        rows = super(CareRemedy, self.sudo()).create(
            [self._prepare_remedy(vals) for vals in vals_list]
        )
        if person:
            rows = rows.sudo(False)
            rows.check_access("create")
            rows._check_may_propose()
            for row, rest in zip(rows, commands, strict=True):
                if rest:
                    row.write(rest)
        return rows

    @api.model
    def _prepare_remedy(self, vals):
        # sudo: what the case says
        case = self.env["care.case"].sudo().browse(vals.get("case_id"))
        if not case.exists():
            raise UserError(self.env._("A remedy belongs to a case: open it there."))
        order = case.order_id
        return {
            "currency_id": (order.currency_id or case.company_id.currency_id).id,
            "user_id": self.env.uid,
            **vals,
            "company_id": case.company_id.id,
            "partner_id": case.partner_id.id,
            "order_id": order.id,
        }

    def _check_may_propose(self):
        self.case_id.check_access("write")
        for remedy in self:
            if remedy.case_id.stage_category in ("closed", "cancelled"):
                raise UserError(
                    self.env._("%s is over. Reopen it first.", remedy.case_id.display_name)
                )

    def write(self, vals):
        if not self.env.su:
            refuse_forged(self, set(vals) - self._draft_fields - {"refuse_reason"})
            self.check_access("write")
            check_targets(self, [vals])
            check_amounts(self, vals)
            if "refuse_reason" in vals:
                self._check_may_approve()
            if set(vals) - {"refuse_reason"} and any(row.state != "draft" for row in self):
                raise UserError(
                    self.env._(
                        "What was asked for or decided stays as it is. Take it back, or make a "
                        "new remedy."
                    )
                )
        return super().write(vals)

    @api.model
    def _check_engine_fields(self, vals):
        refuse_forged(self, set(vals) - self._draft_fields - {"refuse_reason"})

    @api.ondelete(at_uninstall=False)
    def _unlink_except_decided(self):
        if any(remedy.state != "draft" for remedy in self):
            raise UserError(self.env._("Only a proposal can be deleted. Cancel this one."))

    def _claim(self, *states):
        """Take these rows for oneself and refuse where somebody was faster: what is decided or
        done is so once.
        """
        self.check_access("read")
        self.flush_recordset()
        rows = self.sudo()
        rows.lock_for_update(allow_referencing=True)
        rows.invalidate_recordset(["state"])
        wrong = rows.filtered(lambda remedy: remedy.state not in states)
        if wrong:
            raise UserError(
                self.env._(
                    "%(remedy)s is “%(state)s” by now.",
                    remedy=wrong[0].display_name,
                    state=wrong[0].with_env(self.env).sudo()._label("state"),
                )
            )

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_go(self):
        """Decide it alone, within one's authority, and go on with it."""
        self.check_access("write")
        self._claim("draft")
        for remedy in self:
            remedy._check_ready()
            remedy._decide(approving=False)
        return self._close_dialog()

    def action_ask(self):
        """Ask those who may for approval."""
        self.check_access("write")
        self._claim("draft")
        for remedy in self:
            remedy._check_ready()
            approvers = remedy.sudo()._who_approves()
            if not approvers:
                raise UserError(
                    self.env._("Nobody can approve that much. Propose less, or ask a manager.")
                )
            # sudo: the state is the engine's; rights checked above
            remedy.sudo().write(
                {"state": "asked", "asked_at": self.env.cr.now(), "refuse_reason": False}
            )
            remedy._ask(approvers)
        return self._close_dialog()

    def action_withdraw(self):
        """It is a proposal again."""
        self.check_access("write")
        self._claim("asked")
        self.sudo().write({"state": "draft", "asked_at": False})
        self._close_activities("approve")

    def action_approve(self):
        """Yes, by somebody whose authority goes so far."""
        self._check_may_approve()
        self._claim("asked")
        for remedy in self:
            remedy._decide(approving=True)
        self._close_activities("approve")

    def action_refuse_dialog(self):
        """Ask why not."""
        self.ensure_one()
        self._check_may_approve()
        return self._dialog("customer_care.care_remedy_view_form_refuse", self.env._("Why Not?"))

    def action_refuse(self):
        """No, with a reason: it is a proposal again, to be changed."""
        self._check_may_approve()
        self._claim("asked")
        for remedy in self:
            if not (remedy.refuse_reason or "").strip():
                raise UserError(self.env._("Write why: whoever asked needs to know what to do."))
        self.sudo().write({"state": "draft", "asked_at": False})
        self._close_activities("approve")
        for remedy in self:
            remedy._tell_owner(
                remedy.user_id,
                lambda env, remedy=remedy: env._(
                    "%(who)s refuses: %(why)s",
                    who=self.env.user.name,
                    why=remedy.refuse_reason,
                ),
            )
        return {"type": "ir.actions.act_window_close"}

    def action_offer(self):
        """Ask the customer."""
        self.check_access("write")
        self._claim("approved")
        self._offer()

    def action_accepted(self):
        """The customer has accepted on the phone."""
        self.check_access("write")
        self._claim("offered")
        for remedy in self:
            remedy._answered("accepted", remedy.partner_id)
            remedy._finish()

    def action_declined(self):
        """The customer has declined on the phone."""
        self.check_access("write")
        self._claim("offered")
        for remedy in self:
            remedy._answered("declined", remedy.partner_id)

    def action_execute(self):
        """Do it now."""
        self.check_access("write")
        self._claim("approved", "accepted")
        for remedy in self:
            remedy._check_ready()
            remedy._execute()
        return self._close_dialog()

    def action_cancel(self):
        """It is not done after all."""
        self.check_access("write")
        self._claim("draft", "asked", "approved", "offered", "accepted")
        self.sudo().write({"state": "cancelled"})
        self._close_activities("approve", "next")
        self.env["care.notice"]._cancel_remedies(self)

    def action_open_case(self):
        self.ensure_one()
        return self.case_id._get_records_action()

    def action_open_moves(self):
        """The credit notes it made."""
        self.ensure_one()
        return self.document_ids.move_id._get_records_action(name=self.env._("Credit Notes"))

    def action_open_orders(self):
        """The orders it made or was used on."""
        self.ensure_one()
        return self.document_ids.order_id._get_records_action(name=self.env._("Orders"))

    def _close_dialog(self):
        return {"type": "ir.actions.act_window_close"}

    def _dialog(self, view, title):
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref(view).id, "form")],
            "target": "new",
        }

    # ------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------

    def _check_ready(self):
        """Refuse what could not be done anyway, with what to do about it."""
        self.ensure_one()
        kind = self._label("kind")
        if self.kind == "replacement" and self.state == "draft":
            # sudo: prices may have changed since it was proposed
            for line in self.sudo().line_ids:
                line.amount = line._price()
        if self.kind in TOLD and not (self.text or "").strip():
            raise UserError(
                self.env._("%s: write what the customer should read.", kind),
            )
        if self.kind in BY_LINES:
            if not self.order_id:
                raise UserError(
                    self.env._("%s: enter on the case which order it is about, first.", kind)
                )
            if not self.line_ids:
                raise UserError(self.env._("%s: choose the products it is about.", kind))
        if self.kind in SUMMED and self.currency_id.compare_amounts(
            self.amount, sum(self.line_ids.mapped("amount"))
        ):
            raise UserError(self.env._("%s: the amount is the sum of its products.", kind))
        if self.kind not in FREE + ("repair", "replacement") and not self.amount:
            raise UserError(self.env._("%s: enter an amount.", kind))
        if (
            self.kind == "repair"
            and self.state == "draft"
            and not self.amount
            # sudo: what the case says of its product
            and self.sudo().case_id.coverage_term != "free"
        ):
            raise UserError(
                self.env._(
                    "%s: enter what it costs us. Only where a free service runs on the product "
                    "of the case it may be 0.",
                    kind,
                )
            )
        self.line_ids._check_line()
        if self.kind == "replacement":
            self.line_ids._check_left()
        if self.kind == "refund":
            # sudo: what was invoiced, whoever gives it back
            self.sudo()._refund_parts()
        if self.kind == "discount" and self.valid_until:
            if self.valid_until < fields.Date.context_today(self):
                raise UserError(self.env._("The discount is over before it begins."))

    def _check_may_approve(self):
        self.check_access("read")
        for remedy in self:
            if not remedy.sudo()._who_approves(among=self.env.user):
                raise AccessError(
                    self.env._(
                        "Not yours to decide: %s can.",
                        ", ".join(remedy.sudo()._who_approves().mapped("name"))
                        or self.env._("nobody"),
                    )
                )

    def _decide(self, approving):
        """Yes, by the present user: written down, so that it counts for what comes next."""
        self.ensure_one()
        remedy, authority = self.sudo(), self.env["care.authority"]
        user, parts = self.env.user, remedy._parts()
        if approving and remedy.kind == "replacement":
            # something may have been given since it was asked for
            remedy.line_ids._check_left()
        verdict = authority._verdict(user, remedy.company_id, remedy.kind, parts, skip=remedy)
        if not verdict.allowed:
            names = ", ".join(remedy._who_approves().sudo().mapped("name"))
            raise UserError(
                " ".join(
                    filter(
                        None,
                        (
                            authority._explain(verdict, remedy.company_id),
                            names and self.env._("Press Ask for Approval: %s can approve.", names),
                        ),
                    )
                )
            )
        ((case, order, amount),) = parts
        if amount:
            self.env["care.outlay"]._record(
                [
                    {
                        "name": remedy.display_name,
                        "decision": "approved" if approving else "alone",
                        "source": "remedy",
                        "kind": remedy.kind,
                        "amount": amount,
                        "company_id": remedy.company_id.id,
                        "partner_id": remedy.partner_id.id,
                        "case_id": case.id,
                        "order_id": order.id,
                        "remedy_id": remedy.id,
                    }
                ]
            )
        remedy.write(
            {
                "state": "approved",
                "amount_company": amount,
                "approved_by_id": user.id,
                "approved_at": self.env.cr.now(),
            }
        )
        if approving:
            remedy.case_id._message_log(
                body=self.env._(
                    "%(remedy)s, proposed by %(who)s: approved.",
                    remedy=remedy.display_name,
                    who=remedy.user_id.name,
                ),
                author_id=user.partner_id.id,
            )
        self._go_on(approving)

    def _go_on(self, approving):
        """What was to be done once it is decided."""
        if self.proceed == "offer":
            self._offer()
        elif self.proceed == "execute":
            if approving:
                self._finish()
            else:
                self._execute()
        elif self.approved_by_id != self.user_id:
            self._tell_owner(self.user_id, lambda env: env._("Approved: go on with it"))

    def _finish(self):
        """Do it; if it cannot be done, keep the yes and tell whose case it is."""
        self.ensure_one()
        remedy, trouble = self.sudo(), None
        try:
            with self.env.cr.savepoint():
                self._execute()
        except UserError as error:
            trouble = str(error)
        if trouble:
            remedy.trouble = trouble
            self._tell_owner(
                remedy.case_id.owner_id, lambda env: env._("It could not be done: %s", trouble)
            )

    # ------------------------------------------------------------
    # Activities
    # ------------------------------------------------------------

    def _ask(self, approvers):
        """An activity for who leads the team, or, beyond a leader's authority, for the managers."""
        self.ensure_one()
        remedy = self.sudo()
        leader = remedy.case_id.team_id.leader_id
        asked = leader if leader in approvers and not leader.care_is_away else approvers - leader
        self._plan_activities(
            "approve",
            asked or approvers,
            lambda env: env._(
                "%(who)s asks: %(remedy)s",
                who=remedy.user_id.name,
                remedy=remedy.with_env(env).display_name,
            ),
        )

    def _tell_owner(self, user, say):
        self._plan_activities("next", user, say)

    def _plan_activities(self, which, users, say):
        """One activity each, in the language and on the day of who will read it.

        :param say: environment -> the summary
        """
        self.ensure_one()
        # sudo: an activity for somebody else, written by the engine
        remedy = self.sudo()
        remedy.env["mail.activity"]._care_tell(
            f"customer_care.mail_activity_type_remedy_{which}",
            ((remedy, user, lambda told: {"summary": say(told.env)}) for user in users.sudo()),
        )

    def _close_activities(self, *which):
        # sudo: they are the engine's; whoever ends the question
        self.sudo().activity_unlink(
            [f"customer_care.mail_activity_type_remedy_{name}" for name in which]
        )

    # ------------------------------------------------------------
    # Offering, and the customer's answer
    # ------------------------------------------------------------

    def _offer(self):
        for remedy in self.sudo():
            days = remedy.company_id.care_offer_days
            remedy.write(
                {
                    "state": "offered",
                    "offered_at": self.env.cr.now(),
                    "offer_until": (
                        self.env["care.outlay"]._today(remedy.company_id) + timedelta(days=days)
                        if days
                        else False
                    ),
                }
            )
        self.env["care.notice"]._announce_remedies(self)

    def _is_open_offer(self):
        """Whether the customer may still accept it."""
        self.ensure_one()
        today = self.env["care.outlay"]._today(self.company_id)
        return self.state == "offered" and (not self.offer_until or today <= self.offer_until)

    def _customer_answers(self, answer, author=None):
        """The customer accepts or declines what was offered. Saying so twice changes nothing.

        :param str answer: ``accept`` or ``decline``
        :param author: the partner who speaks; the customer when nobody is logged in
        :return: whether the answer was taken
        """
        self.ensure_one()
        # sudo: the customer's word is taken by the engine; the route has checked the token
        remedy = self.sudo()
        customer = remedy.case_id.partner_id.commercial_partner_id
        if (
            answer not in ("accept", "decline")
            or not remedy._is_open_offer()
            # the case is another customer's by now
            or remedy.partner_id.commercial_partner_id != customer
        ):
            return False
        remedy._claim("offered")
        author = author or remedy.partner_id
        remedy._answered("accepted" if answer == "accept" else "declined", author)
        remedy.case_id._post_customers_words(
            self.env._("I accept: %s", remedy._offer_name())
            if answer == "accept"
            else self.env._("I do not accept: %s", remedy._offer_name()),
            author,
        )
        if answer == "accept":
            remedy._finish()
        return True

    def _answered(self, state, author):
        remedy = self.sudo()
        remedy.write(
            {
                "state": state,
                "answered_at": self.env.cr.now(),
                "answered_by_id": author.id,
            }
        )
        self.env["care.notice"]._cancel_remedies(remedy)
        self._tell_owner(
            remedy.case_id.owner_id,
            lambda env: (
                env._("The customer accepts: %s", remedy.with_env(env).display_name)
                if state == "accepted"
                else env._("The customer declines: %s", remedy.with_env(env).display_name)
            ),
        )

    def _offer_name(self):
        """What is offered, in words for the customer."""
        self.ensure_one()
        label = self._label("kind")
        shown = self.kind not in FREE + ("repair", "replacement") and self.amount
        return f"{label}: {self.currency_id.format(self.amount)}" if shown else label

    # ------------------------------------------------------------
    # Doing it
    # ------------------------------------------------------------

    def _execute(self):
        """Do what was decided: the documents, the customer's message, the cost. Once."""
        self.ensure_one()
        # sudo: the authority was checked when it was decided; who gives need not be an accountant
        # or a seller
        remedy = self.sudo().with_company(self.sudo().company_id)
        was_offered = bool(remedy.offered_at)
        getattr(remedy, f"_execute_{remedy.kind}")()
        remedy.write(
            {
                "state": "executed",
                "executed_at": self.env.cr.now(),
                "executed_by_id": self.env.uid,
                # a discount costs once it is used
                "cost": 0 if remedy.kind == "discount" else remedy.amount_company,
                "trouble": False,
            }
        )
        remedy.case_id._add_up_cost()
        if remedy.text and not was_offered:
            author = remedy.user_id
            remedy.case_id.with_context(lang=remedy.partner_id.lang).message_post(
                body=remedy.text,
                author_id=author.partner_id.id,
                email_from=author.email_formatted,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        remedy.case_id._message_log(
            body=self.env._("Done: %s", remedy.display_name),
            author_id=self.env.user.partner_id.id,
        )

    def _execute_explanation(self):
        """The message to the customer is all of it."""

    def _execute_apology(self):
        """The message to the customer is all of it."""

    def _execute_return(self):
        """The customer is told how to send it back; where goods are kept, a transfer waits."""

    def _execute_repair(self):
        """Somebody has to see to it: the case's owner."""
        owner = self.case_id.owner_id
        self._tell_owner(owner, lambda env: env._("Arrange the repair"))

    def _execute_discount(self):
        """Nothing yet: the customer's next order takes it."""

    def _execute_refund(self):
        """Draft credit notes of the invoices that the lines are on."""
        moves = self.env["account.move"]
        for invoice, parts in self._refund_parts().items():
            moves |= self._credit(invoice, parts)
        self._link([{"move_id": move.id} for move in moves])

    def _refund_parts(self):
        """Which part of which invoice line is given back.

        :return: dict invoice -> list of (remedy line, invoice line, quantity in its unit, amount)
        :raise UserError: if it was not invoiced, or is given back already
        """
        self.ensure_one()
        result = {}
        for line in self.line_ids:
            left, money = line.quantity, line.amount
            unit = line.sale_line_id.product_uom_id
            for source, free, rest in line._refundable():
                taken = min(left, free)
                if unit.compare(taken, 0) <= 0:
                    continue
                left -= taken
                share = money
                if not unit.is_zero(left):
                    share = self.currency_id.round(line.amount * taken / line.quantity)
                share = min(share, max(rest, 0.0))
                money -= share
                quantity = unit._compute_quantity(taken, source.product_uom_id, round=False)
                result.setdefault(source.move_id, []).append((line, source, quantity, share))
                if unit.is_zero(left):
                    left = 0
                    break
            if left:
                raise UserError(
                    self.env._(
                        "%(product)s: only what was invoiced and not given back yet can be "
                        "refunded; that is %(count)s less than you chose. Have it invoiced first, "
                        "or offer a compensation.",
                        product=line.product_id.display_name,
                        count=f"{left:g}",
                    )
                )
            if self.currency_id.compare_amounts(money, 0) > 0:
                raise UserError(
                    self.env._(
                        "%(product)s: a part of its price was given back already; that leaves "
                        "%(amount)s.",
                        product=line.product_id.display_name,
                        amount=format_amount(self.env, line.amount - money, self.currency_id),
                    )
                )
        return result

    def _credit(self, invoice, parts):
        """A draft credit note of parts of ``invoice``, by Odoo's own reversal.

        What is less than the price lowers it: no product comes back, so that Sales does not take
        it for one that is to be invoiced again.
        """
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"reason": self.case_id.number, "journal_id": invoice.journal_id.id})
        )
        reversal.refund_moves()
        move = reversal.new_move_ids
        copies = dict(
            zip(
                invoice.invoice_line_ids.sorted("id"),
                move.invoice_line_ids.sorted("id"),
                strict=True,
            )
        )
        commands, kept = [], move.invoice_line_ids.browse()
        for line, source, quantity, amount in parts:
            copy = copies[source]
            kept |= copy
            full = source.price_total / source.quantity * quantity
            price = source.price_unit * (amount / full if full else 0)
            vals = {"quantity": quantity, "price_unit": price}
            if self.currency_id.compare_amounts(amount, full) < 0:
                vals["sale_line_ids"] = [fields.Command.clear()]
                line.credit_line_ids |= copy
            commands.append(fields.Command.update(copy.id, vals))
        commands += [fields.Command.delete(copy.id) for copy in move.invoice_line_ids - kept]
        move.write({"invoice_line_ids": commands})
        return move

    def _execute_compensation(self):
        """A draft credit note of its own."""
        product = self.company_id.care_compensation_product_id
        customer = self.order_id.partner_invoice_id or self.partner_id
        lang = self.with_context(lang=customer.lang)
        line = {
            "name": lang.env._("Compensation, case %s", self.case_id.number),
            "product_id": product.id,
            "quantity": 1,
            "price_unit": self.amount,
            # money for trouble: no sale is taken back
            "tax_ids": [fields.Command.clear()],
        }
        move = (
            self.env["account.move"]
            .with_context(default_move_type="out_refund")
            .create(
                {
                    "move_type": "out_refund",
                    "company_id": self.company_id.id,
                    "partner_id": customer.id,
                    "currency_id": self.currency_id.id,
                    "invoice_origin": self.case_id.number,
                    "invoice_line_ids": [fields.Command.create(line)],
                }
            )
        )
        self._link([{"move_id": move.id}])

    def _execute_replacement(self):
        """A confirmed order at no price: a part of the old sale, no new one."""
        old = self.order_id
        order = self.env["sale.order"].create(
            {
                "company_id": self.company_id.id,
                "partner_id": old.partner_id.id,
                "partner_invoice_id": old.partner_invoice_id.id,
                "partner_shipping_id": old.partner_shipping_id.id,
                "pricelist_id": old.pricelist_id.id,
                "user_id": old.user_id.id,
                "origin": f"{old.name}, {self.case_id.number}",
                "client_order_ref": old.client_order_ref,
                "order_line": [
                    fields.Command.create(
                        {
                            "product_id": line.product_id.id,
                            "product_uom_id": line.sale_line_id.product_uom_id.id,
                            "product_uom_qty": line.quantity,
                            "price_unit": 0.0,
                        }
                    )
                    for line in self.line_ids
                ],
            }
        )
        # linked first: a replacement starts no journey
        self._link([{"order_id": order.id}])
        order.action_confirm()

    def _link(self, vals_list):
        """Write down the documents, each once."""
        return self.env["care.remedy.document"]._link(self, vals_list)

    def _documents_gone(self):
        """What these remedies made was deleted or cancelled: they are still to be done."""
        gone = self.filtered(
            lambda remedy: remedy.state == "executed" and not remedy._live_documents()
        )
        if not gone:
            return
        gone.write({"state": "approved", "executed_at": False, "cost": 0})
        gone.document_ids.unlink()
        gone.case_id._add_up_cost()
        for remedy in gone:
            remedy._tell_owner(
                remedy.case_id.owner_id,
                lambda env: env._("Its document was taken away: do it again or cancel it"),
            )

    def _live_documents(self):
        """The documents that are still there and count."""
        return self.document_ids.exists().filtered(
            lambda document: (
                document.move_id.state not in (False, "cancel")
                or document.order_id.state not in (False, "cancel")
            )
        )

    # ------------------------------------------------------------
    # Discounts on the next order
    # ------------------------------------------------------------

    @api.model
    def _waiting_discounts(self, partners, company):
        """Discounts that customers may use, the oldest first; as superuser."""
        # sudo: whoever sells to a customer, the discount is theirs
        remedies = self.sudo().search(
            [
                ("kind", "=", "discount"),
                ("state", "=", "executed"),
                ("company_id", "=", company.id),
                (
                    "partner_id.commercial_partner_id",
                    "in",
                    partners.commercial_partner_id.ids,
                ),
                "|",
                ("valid_until", "=", False),
                ("valid_until", ">=", self.env["care.outlay"]._today(company)),
            ],
            order="executed_at, id",
        )
        return remedies.filtered(lambda remedy: not remedy._is_used())

    def _is_used(self):
        """Whether an order has taken it; one that was given up leaves no document."""
        self.ensure_one()
        return bool(self.document_ids.exists())

    def _use_discount(self, order):
        """Take it off this order, by Odoo's own discount, just before it is confirmed."""
        self.ensure_one()
        amount = self.currency_id._convert(
            self.amount,
            order.currency_id,
            order.company_id,
            self.env["care.outlay"]._today(order.company_id),
        )
        paid = sum(
            order.transaction_ids.filtered(
                lambda tx: tx.state in ("pending", "authorized", "done")
            ).mapped("amount")
        )
        if order.currency_id.compare_amounts(amount, order.amount_total - paid) > 0:
            return  # too small an order, or paid already: it waits for one that can bear it
        before = order.order_line
        self.env["sale.order.discount"].create(
            {"sale_order_id": order.id, "discount_type": "amount", "discount_amount": amount}
        ).action_apply_discount()
        lines = order.order_line - before
        lang = self.with_context(lang=order.partner_id.lang)
        lines.name = lang.env._("With our apologies, case %s", self.case_id.number)
        self._link([{"order_id": order.id, "sale_line_id": line.id} for line in lines])
        self.cost = self.amount_company
        self.case_id._add_up_cost()

    # ------------------------------------------------------------
    # The ledger's view
    # ------------------------------------------------------------

    @api.model
    def _allowed_on(self, moves):
        """How much of these credit notes was decided as remedies: nobody needs to decide it
        again, whoever posts them.

        :return: dict credit note -> amount in the company's currency
        """
        # sudo: whoever posts it
        documents = self.env["care.remedy.document"].sudo().search([("move_id", "in", moves.ids)])
        allowed = {}
        for document in documents:
            remedy, move = document.remedy_id, document.move_id
            partners = remedy.partner_id | remedy.order_id.partner_invoice_id
            if (
                remedy.state != "executed"
                or move.commercial_partner_id not in partners.commercial_partner_id
            ):
                continue
            others = (remedy.document_ids.move_id - move).filtered(
                lambda other: other.state == "posted"
            )
            if remedy.currency_id == move.currency_id:
                # the rate of one day or another gives nothing more away
                rest = remedy.amount - sum(others.mapped("amount_total"))
                worth = self.env["care.outlay"]._worth
                rest = worth(max(rest, 0), move.currency_id, move.company_id, move.invoice_date)[0]
            else:
                rest = remedy.amount_company - sum(map(abs, others.mapped("amount_total_signed")))
            # taxes and rates are rounded line by line
            slack = move.company_currency_id.rounding * (len(move.invoice_line_ids) + 1)
            allowed[move] = max(rest, 0) + slack
        return allowed

    def _offer_line(self):
        """What the mail and the page say of the offer, for the customer."""
        self.ensure_one()
        return {
            "id": self.id,
            "name": self._offer_name(),
            "text": self.text,
            "until": self.offer_until and format_date(self.env, self.offer_until),
            "products": [
                f"{line.quantity:g} × {line.product_id.display_name}" for line in self.line_ids
            ],
        }
