from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from .care_category import KINDS, SEVERITIES
from .care_due_mixin import ENGINE
from .care_guard import take_from_person
from .care_owned_mixin import CareOwnedMixin

#: Fields that a customer may read of their own case; the rest is for staff.
STAFF = "base.group_user"


class CareCase(models.Model):
    """One entry of the register."""

    _name = "care.case"
    _description = "Case"
    _inherit = [
        "care.owned.mixin",
        "care.customer.mixin",
        "portal.mixin",
        "mail.thread.cc",
        "mail.activity.mixin",
    ]
    _order = "severity desc, received_at desc, id desc"
    _rec_names_search = ["number", "name", "partner_id.name"]
    _mail_post_access = "read"
    _care_link = "case_id"
    _care_engine_fields = (
        CareOwnedMixin._care_engine_fields
        | {"number", "resolved_at", "closed_at", "followup_id", "access_token"}
        | {"customer_answer", "customer_answer_at", "promise_id"}
    )

    number = fields.Char(readonly=True, copy=False, index="trigram")
    name = fields.Char("Subject", required=True, index="trigram")
    description = fields.Text(help="What the customer said, in their words.")
    kind = fields.Selection(KINDS, required=True, default="complaint", tracking=True, index=True)
    category_id = fields.Many2one(
        "care.category",
        "Category",
        tracking=True,
        index="btree_not_null",
        check_company=True,
        groups=STAFF,
    )
    severity = fields.Selection(
        SEVERITIES,
        required=True,
        default="1",
        tracking=True,
        groups=STAFF,
    )
    channel = fields.Selection(
        [
            ("phone", "Phone"),
            ("mail", "Mail"),
            ("portal", "Portal"),
            ("form", "Public form"),
            ("followup", "Follow-up"),
            ("survey", "Survey"),
            ("promise", "Broken promise"),
            ("callback", "“Call me”"),
            ("public", "Said in public"),
            ("import", "Import"),
        ],
        "Reported By",
        required=True,
        default="phone",
        groups=STAFF,
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, tracking=True, index=True
    )
    commercial_partner_id = fields.Many2one(
        related="partner_id.commercial_partner_id", store=True, index=True
    )
    partner_email = fields.Char(related="partner_id.email", groups=STAFF)
    partner_phone = fields.Char(related="partner_id.phone", groups=STAFF)
    order_id = fields.Many2one(
        "sale.order",
        "Order",
        index="btree_not_null",
        check_company=True,
        domain="[('partner_id', 'child_of', commercial_partner_id)]",
    )
    product_id = fields.Many2one(
        "product.product", "Product", index="btree_not_null", check_company=True
    )
    journey_id = fields.Many2one(
        "care.journey",
        "Journey",
        index="btree_not_null",
        ondelete="set null",
        check_company=True,
        domain="[('partner_id', 'child_of', commercial_partner_id)]",
        groups=STAFF,
    )
    followup_id = fields.Many2one(
        "care.followup",
        "From Follow-up",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups=STAFF,
    )
    followup_ids = fields.One2many("care.followup", "case_id", "Follow-ups", groups=STAFF)
    # for the record rules alone: what they read as superuser stays in Odoo's cache, and would be
    # taken for what the user may read of `followup_ids`
    called_by_ids = fields.One2many("care.followup", "case_id", "Callers", groups=STAFF)
    tenure_ids = fields.One2many("care.tenure", "case_id", "Owners", groups=STAFF)
    handoff_ids = fields.One2many("care.handoff", "case_id", "Hand-offs", groups=STAFF)
    limit_at = fields.Datetime(groups=STAFF)
    limit_state = fields.Selection(groups=STAFF)
    handoff_state = fields.Char(groups=STAFF)
    promise_id = fields.Many2one(
        "care.promise",
        "Broken Promise",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups=STAFF,
    )
    received_at = fields.Datetime(
        required=True,
        default=fields.Datetime.now,
        tracking=True,
        help="When the customer told us; not when we wrote it down.",
    )
    resolution = fields.Text(
        "What Was Done",
        copy=False,
        groups=STAFF,
        help="Told to the customer when the case is solved.",
    )
    cancel_reason = fields.Char(copy=False, groups=STAFF)
    resolved_at = fields.Datetime(readonly=True, copy=False)
    closed_at = fields.Datetime(readonly=True, copy=False)
    customer_answer = fields.Selection(
        [("yes", "Solved"), ("no", "Not solved")], readonly=True, copy=False
    )
    customer_answer_at = fields.Datetime(readonly=True, copy=False)
    color = fields.Integer(groups=STAFF)

    # staff's side of the mixins
    email_cc = fields.Char(groups=STAFF)
    # a search through these would tell of internal notes
    message_ids = fields.One2many(groups=STAFF)
    website_message_ids = fields.One2many(groups=STAFF)
    activity_type_icon = fields.Char(groups=STAFF)
    activity_exception_decoration = fields.Selection(groups=STAFF)
    activity_exception_icon = fields.Char(groups=STAFF)
    owner_id = fields.Many2one(groups=STAFF)
    owner_since = fields.Datetime(groups=STAFF)
    first_owner_id = fields.Many2one(groups=STAFF)
    passed_by_id = fields.Many2one(groups=STAFF)
    team_id = fields.Many2one(groups=STAFF)
    # not by superuser: a search would tell a customer who it is
    curator_id = fields.Many2one(groups=STAFF, related_sudo=False)
    cycle = fields.Integer(groups=STAFF)
    entries = fields.Integer(groups=STAFF)
    stage_id = fields.Many2one(domain="[('res_model', '=', 'care.case')]")

    _number_uniq = models.UniqueIndex("(company_id, number)", "This case number is taken already.")
    _followup_uniq = models.UniqueIndex(
        "(followup_id) WHERE followup_id IS NOT NULL",
        "This follow-up has opened its case already.",
    )
    _promise_uniq = models.UniqueIndex(
        "(promise_id) WHERE promise_id IS NOT NULL",
        "This promise has its case already.",
    )
    # the record rule of who registered it
    _creator_idx = models.Index("(create_uid)")
    _register_idx = models.Index("(severity DESC, received_at DESC, id DESC)")
    _open_idx = models.Index(
        "(company_id, stage_id, severity DESC, received_at DESC, id DESC)"
        " WHERE stage_category IN ('open', 'waiting')"
    )
    _open_list_idx = models.Index(
        "(severity DESC, received_at DESC, id DESC) WHERE stage_category IN ('open', 'waiting')"
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("number", "name")
    def _compute_display_name(self):
        for case in self:
            case.display_name = " · ".join(filter(None, (case.number, case.name)))

    def _compute_access_url(self):
        for case in self:
            case.access_url = f"/my/cases/{case.id}"

    @api.onchange("category_id")
    def _onchange_category_id(self):
        for case in self.filtered("category_id"):
            case.kind = case.category_id.kind
            case.severity = case.category_id.severity
            case.team_id = case.category_id.team_id or case.team_id

    @api.onchange("order_id")
    def _onchange_order_id(self):
        for case in self.filtered("order_id"):
            case.partner_id = case.partner_id or case.order_id.partner_id
            case.journey_id = case.order_id.care_journey_ids[:1]

    @api.constrains("partner_id", "order_id", "journey_id")
    def _check_belongs(self):
        """A customer is not shown another customer's order."""
        for case in self:
            # sudo: whose order it is, whoever registers the case
            order, journey = case.sudo().order_id, case.sudo().journey_id
            if journey and order and journey.order_id != order:
                raise ValidationError(self.env._("The journey is of another order. Empty it."))
            partners = order.partner_id | order.partner_shipping_id | order.partner_invoice_id
            if order and case.commercial_partner_id not in partners.commercial_partner_id:
                raise ValidationError(
                    self.env._(
                        "%(order)s is not an order of %(customer)s. Choose one of theirs, or none.",
                        order=order.name,
                        customer=case.partner_id.display_name,
                    )
                )

    # ------------------------------------------------------------
    # Create
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals) for vals in vals_list]
        for vals in vals_list:
            self._check_engine_fields(vals)
        if not self.env.su:
            self, vals_list, commands = take_from_person(  # noqa: PLW0642
                self, vals_list, self._care_engine_fields
            )
            stages = self.env["care.stage"].browse(
                {vals["stage_id"] for vals in vals_list if vals.get("stage_id")}
            )
            if any(stage.category not in ("open", "waiting") for stage in stages):
                raise UserError(self.env._("A new case starts in a stage in which it is open."))
            for stage in stages:
                draft = self.new({"name": self.env._("It")})
                draft._check_way(stage, draft._skipped_stages(stage))
        self._complete_vals(vals_list)
        # sudo: number, owner and first stage are written by the engine, whoever
        # reports; the person's own rights are checked right below
        cases = super(CareCase, self.sudo()).create(vals_list)
        if not self.env.su:
            cases = cases.sudo(False)
            cases.check_access("create")
            cases._check_given_owners(vals_list)
        cases._after_create()
        if not self.env.su:
            for case, rest in zip(cases, commands, strict=True):
                if rest:
                    case.write(rest)
        return cases

    def write(self, vals):
        if not vals.get("partner_id"):
            return super().write(vals)
        moved = self.filtered(lambda case: case.partner_id.id != vals["partner_id"])
        before = moved.sudo().partner_id
        result = super().write(vals)
        if moved:
            # sudo: the case was written by right; the one it did not belong to gets no more
            # mail about it, and the link they may have does not open it any more
            cases = moved.sudo()
            cases.message_unsubscribe(partner_ids=(before - cases.partner_id).ids)
            cases.message_subscribe(partner_ids=cases.partner_id.ids)
            cases.write({"access_token": False})
        return result

    def _check_given_owners(self, vals_list):
        for case, vals in zip(self, vals_list, strict=True):
            if vals.get("owner_id"):
                case._check_may_own(case.owner_id)
                case._check_may_assign(case.owner_id)

    def _complete_vals(self, vals_list):
        """Number, customer, order, journey and category's defaults of new cases."""
        # sudo: only to look up what the given order, journey and category say
        env = self.sudo().env
        orders = env["sale.order"].browse(
            [vals["order_id"] for vals in vals_list if vals.get("order_id")]
        )
        journeys = {
            journey.order_id.id: journey.id
            for journey in env["care.journey"].search([("order_id", "in", orders.ids)])
        }
        numbers = {}
        for vals in vals_list:
            journey = env["care.journey"].browse(vals.get("journey_id") or [])
            if journey and not vals.get("order_id"):
                vals["order_id"] = journey.order_id.id
            order = env["sale.order"].browse(vals.get("order_id") or [])
            if order:
                vals.setdefault("company_id", order.company_id.id)
                vals["partner_id"] = vals.get("partner_id") or order.partner_id.id
                vals["journey_id"] = vals.get("journey_id") or journeys.get(order.id)
            vals.setdefault("company_id", self.env.company.id)
            category = env["care.category"].browse(vals.get("category_id") or [])
            if category:
                vals.setdefault("kind", category.kind)
                vals.setdefault("severity", category.severity)
                vals["team_id"] = vals.get("team_id") or category.team_id.id
            if not vals.get("number"):
                company = vals["company_id"]
                if company not in numbers:
                    numbers[company] = self._sequence(env["res.company"].browse(company))
                vals["number"] = numbers[company].next_by_id()

    def _after_create(self):
        cases = self.sudo()
        for owner, mine in cases.grouped("owner_id").items():
            mine.message_subscribe(partner_ids=owner.partner_id.ids)
        for partner, mine in cases.grouped("partner_id").items():
            mine.message_subscribe(partner_ids=partner.ids)
        self._care_event("case_opened")

    @api.model
    def _create_sequences(self, companies):
        """One sequence of case numbers a company; the ones that exist are kept."""
        # sudo: sequences are made with companies and when the addon is installed
        sequences = self.env["ir.sequence"].sudo()
        have = sequences.with_context(active_test=False).search(
            [("code", "=", "care.case"), ("company_id", "in", companies.ids)]
        )
        return sequences.create(
            [
                {
                    "name": self.env._("Cases of %s", company.name),
                    "code": "care.case",
                    "prefix": "C%(y)s-",
                    "padding": 4,
                    "company_id": company.id,
                }
                for company in companies - have.company_id
            ]
        )

    @api.model
    def _sequence(self, company):
        """The sequence of case numbers of ``company``, as superuser."""
        sequence = (
            self.env["ir.sequence"]
            .sudo()
            .search([("code", "=", "care.case"), ("company_id", "=", company.id)], limit=1)
        )
        return sequence or self._create_sequences(company)

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_resolve(self):
        """Solved, we think: the customer is asked. Of a single one of which nobody has written
        what was done, that is asked for first.
        """
        self.check_access("write")
        if len(self) == 1 and not (self.resolution or "").strip():
            return self._ask_first(
                "customer_care.care_case_view_form_resolve",
                self.env._("What was done for %s?", self.number),
            )
        self._enter_category("resolved")
        return True

    def action_close(self):
        """Closed without the customer's word, by a leader."""
        self.check_access("write")
        self._enter_category("closed")

    def action_reopen(self):
        self.check_access("write")
        self._enter_category("open")

    def action_cancel(self):
        """Cancel these cases; of a single one without a reason, ask for it first."""
        self.check_access("write")
        if len(self) == 1 and not (self.cancel_reason or "").strip():
            return self._ask_first(
                "customer_care.care_case_view_form_cancel",
                self.env._("Why is %s cancelled?", self.number),
            )
        self._enter_category("cancelled")
        return True

    def _ask_first(self, view, title):
        """A dialog in which what is missing is written; its button goes on."""
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref(view).id, "form")],
            "target": "new",
        }

    def action_open_order(self):
        self.ensure_one()
        return self.order_id._get_records_action()

    def action_open_journey(self):
        self.ensure_one()
        return self.journey_id._get_records_action()

    def action_preview(self):
        """The case as its customer sees it, by one's own right: the customer's link is theirs."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "target": "self",
            "url": self.access_url,
        }

    # ------------------------------------------------------------
    # Stages
    # ------------------------------------------------------------

    def _enter_category(self, category):
        # only what was open before comes back to where it is open
        again = category == "open"
        stage = self.env["care.stage"]._in_category(self._name, category, again=again)
        if not stage:
            raise UserError(
                self.env._(
                    "There is no stage for this. Ask an administrator to add one in "
                    "Customer Care → Configuration → Stages."
                )
            )
        self._enter_stage(stage)

    def _default_team(self):
        team = self.category_id.team_id
        if not team and not self.owner_id:
            # what nobody's category claims goes to the company's first team
            team = team.search([("company_id", "=", self.company_id.id)], limit=1)
        return team

    def _check_stage(self, stage):
        if (
            stage.category == "closed"
            and not self.env.su
            and not self.env.user.has_group("customer_care.group_leader")
        ):
            raise AccessError(
                self.env._(
                    "The customer closes a case by confirming that it is solved. Only "
                    "a team leader may close it for them."
                )
            )
        if stage.category == "resolved":
            for case in self:
                if not (case.resolution or "").strip():
                    raise UserError(
                        self.env._(
                            "Write what was done for %s before resolving it: the "
                            "customer reads it and says whether it is solved.",
                            case.display_name or self.env._("this case"),
                        )
                    )
        if stage.category == "cancelled":
            for case in self:
                if not (case.cancel_reason or "").strip():
                    raise UserError(
                        self.env._(
                            "Write why %s is cancelled first.",
                            case.display_name or self.env._("this case"),
                        )
                    )
        return super()._check_stage(stage)

    def _skipped_stages(self, stage):
        skipped = super()._skipped_stages(stage)
        if stage.category != "closed" or not self.env.su:
            return skipped
        # the customer's own word closes a case, whatever we still wanted to see to
        return {case: first for case, first in skipped.items() if case.customer_answer != "yes"}

    def _stage_events(self, before):
        now = self.env.cr.now()
        events = {"stage_entered": self}
        category = self[:1].stage_category
        if category == "resolved":
            self.write({"resolved_at": now, "customer_answer": False})
            events["case_resolved"] = self
        elif category == "closed":
            self.write({"closed_at": now})
            for case in self.filtered(lambda case: not case.resolved_at):
                case.resolved_at = now
            events["case_closed"] = self
        elif category in ("open", "waiting"):
            again = self.filtered(lambda case: before[case] not in ("open", "waiting"))
            if again:
                again.write({"resolved_at": False, "closed_at": False})
                events["case_reopened"] = again
        return events

    def _care_salesperson(self):
        # sudo: the owner rule reads the order whoever moves the case
        return self.order_id.sudo().user_id

    def _care_covered(self):
        return self.company_id._care_covers(self.received_at)

    def _care_notify(self, event):
        covered = self.filtered(lambda case: case._care_covered())
        notices = self.env["care.notice"]
        if event == "case_opened":
            notices._announce("case_received", covered)
        elif event == "case_resolved":
            notices._announce("case_resolved", covered)
        elif event in ("case_reopened", "case_closed"):
            notices._cancel_of(self, ["case_resolved"])
        if event in ("case_resolved", "case_closed"):
            # "says it is not solved" has been heard
            self.activity_unlink(["customer_care.mail_activity_type_reopened"])
        return super()._care_notify(event)

    # ------------------------------------------------------------
    # The customer's word
    # ------------------------------------------------------------

    def _customer_answers(self, answer, text="", author=None):
        """The customer says whether it is solved. Saying so twice changes nothing.

        :param str answer: ``yes`` closes, ``no`` reopens
        :param str text: what they add
        :param author: the partner who speaks; the customer when nobody is logged in
        :return: whether the answer was taken; False when the case is not resolved
        """
        self.ensure_one()
        # Two answers at once write the same row: the second is run again by Odoo and
        # then finds the case answered.
        # sudo: the customer's word is taken by the engine; the route checked the token
        case = self.sudo()
        if case.stage_category != "resolved" or answer not in ("yes", "no"):
            return False
        case.write({"customer_answer": answer, "customer_answer_at": self.env.cr.now()})
        said = {
            "yes": self.env._("Yes, it is solved. Thank you."),
            "no": self.env._("No, it is not solved."),
        }
        case._post_customers_words(text.strip() or said[answer], author)
        case._enter_category("closed" if answer == "yes" else "open")
        if answer == "no":
            self.env["care.notice"]._announce("case_reopened", case)
        return True

    def _post_customers_words(self, text, author=None):
        """Post an answer of the customer to a question of ours; what follows from it is the
        caller's.

        :param author: the partner who speaks; the customer when nobody is logged in
        """
        self.ensure_one()
        author = author or self.partner_id
        self.with_context(care_answering=ENGINE).message_post(
            body=text.strip(),
            author_id=author.id,
            email_from=author.email_formatted,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
        )

    # ------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------

    def _care_promise_lines(self):
        """What the acknowledgement promises, a line each; addons that promise add."""
        self.ensure_one()
        return []

    def message_post(self, **kwargs):
        if not self.env.su and self.env.user.share:
            # a customer writes in their own name, and to nobody else; what the portal's
            # chatter posts is checked by Odoo and comes as superuser
            kwargs = {
                "body": kwargs.get("body", ""),
                "message_type": "comment",
                "subtype_xmlid": "mail.mt_comment",
            }
        return super().message_post(**kwargs)

    def _mail_get_partner_fields(self, introspect_fields=False):
        return ["partner_id"]
