from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize, format_date

from .care_case import STAFF
from .care_service_plan import TERMS


class CareCase(models.Model):
    """What after-sale service applies to a case, and who does it."""

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    coverage_id = fields.Many2one(
        "care.coverage",
        "Coverage",
        compute="_compute_coverage_id",
        groups=STAFF,
        help="What was running on the product when the customer told us.",
    )
    coverage_term = fields.Selection(
        TERMS, "After-sale Service", compute="_compute_coverage_id", groups=STAFF
    )
    coverage_note = fields.Text("What Applies", compute="_compute_coverage_id", groups=STAFF)
    provider_id = fields.Many2one(
        "res.partner",
        "Provider",
        tracking=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        groups=STAFF,
        help="The dealer or third party who does the service.",
    )
    provider_sent_at = fields.Datetime(
        "Sent to the Provider", readonly=True, copy=False, groups=STAFF
    )
    quotation_id = fields.Many2one(
        "sale.order",
        "Quotation",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        groups=STAFF,
        help="For the service that is not free.",
    )

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"provider_sent_at", "quotation_id"}

    @api.depends("order_id", "product_id", "partner_id", "received_at", "company_id")
    def _compute_coverage_id(self):
        answers = self.env["care.coverage"]._find(
            [
                (
                    case.order_id._origin.id,
                    case.product_id._origin.id,
                    case.partner_id.commercial_partner_id._origin.id,
                    case.company_id.id,
                    case._received_on(),
                )
                for case in self
            ]
        )
        for case, (row, ended) in zip(self, answers, strict=True):
            # only an id: who may not read coverages reads none
            case.coverage_id = row.sudo(False)
            case.coverage_term = row.term
            case.coverage_note = row._say() or ended._say_ended()

    def _received_on(self):
        """The day on which the customer told us, in the company's zone."""
        self.ensure_one()
        company = self.company_id or self.env.company
        zone = self.with_context(tz=company._care_tz())
        moment = self.received_at or self.env.cr.now()
        return fields.Datetime.context_timestamp(zone, moment).date()

    @api.onchange("product_id", "order_id")
    def _onchange_product_id(self):
        for case in self:
            # sudo: the team that serves the product, whoever registers the case
            plan = case.coverage_id.sudo().plan_id
            if plan.provider == "own" and plan.team_id:
                case.team_id = plan.team_id

    # ------------------------------------------------------------
    # Who does it
    # ------------------------------------------------------------

    def _complete_vals(self, vals_list):
        """Own staff: the team of the plan, unless somebody chose another; it knows the product
        better than the category does.
        """
        open_ones = [vals for vals in vals_list if not vals.get("team_id")]
        result = super()._complete_vals(vals_list)
        about = [vals for vals in open_ones if vals.get("product_id") or vals.get("order_id")]
        if not about:
            return result
        drafts = [self.sudo().new(self._coverage_vals(vals)) for vals in about]
        answers = self.env["care.coverage"]._find(
            [
                (
                    draft.order_id._origin.id,
                    draft.product_id._origin.id,
                    draft.partner_id.commercial_partner_id._origin.id,
                    draft.company_id._origin.id,
                    draft._received_on(),
                )
                for draft in drafts
            ]
        )
        for vals, (row, _ended) in zip(about, answers, strict=True):
            if row.plan_id.provider == "own" and row.plan_id.team_id:
                vals["team_id"] = row.plan_id.team_id.id
        return result

    @api.model
    def _coverage_vals(self, vals):
        names = ("order_id", "product_id", "partner_id", "company_id", "received_at")
        return {name: vals[name] for name in names if vals.get(name)}

    def _care_state(self, event, at=None):
        result = super()._care_state(event, at)
        if event == "case_opened":
            complaints = self.filtered(
                lambda case: case.kind == "complaint" and not case.provider_id
            )
            for case in complaints:
                partner = case.coverage_id.plan_id.partner_id
                if partner:
                    case.provider_id = partner
        return result

    def _care_notify(self, event):
        result = super()._care_notify(event)
        if event == "case_opened":
            # sudo: planned rows are written by the engine
            sent = self.filtered(
                lambda case: (
                    # what is confidential leaves the house by somebody's hand alone
                    not case.confidential
                    and case._care_covered()
                    and case.provider_id
                    and case.coverage_id.plan_id.partner_id == case.provider_id
                    and case.coverage_id.plan_id.send_at_once
                )
            )
            self.env["care.notice"]._announce("case_provider", sent)
        return result

    def action_send_to_provider(self):
        """Mail the case to whoever does the service: once each time the case is opened."""
        self.ensure_one()
        self.check_access("write")
        # sudo: who does it, whatever the person may read of plans
        provider = self.provider_id or self.sudo().coverage_id.plan_id.partner_id
        if not provider:
            raise UserError(self.env._("Choose the provider first."))
        if not provider.email:
            raise UserError(
                self.env._(
                    "%s has no e-mail address. Write it on the contact, or call them.",
                    provider.display_name,
                )
            )
        self.provider_id = provider
        # sudo: planned rows are the engine's
        notices = self.env["care.notice"].sudo()
        stopped = notices.search(
            [
                ("kind", "=", "case_provider"),
                ("case_id", "=", self.id),
                ("occurrence", "=", self.cycle),
                ("state", "=", "cancelled"),
            ]
        )
        if stopped:
            # it was planned, and stopped before it was sent
            stopped.write({"state": "planned", "attempts": 0, "next_at": self.env.cr.now()})
            stopped._trigger_due()
        elif not notices._announce("case_provider", self):
            raise UserError(
                self.env._("It has been sent to the provider already. Write them in the chatter.")
            )
        return True

    # ------------------------------------------------------------
    # Who does it answers by mail
    # ------------------------------------------------------------

    def _mail_may_answer(self, sender):
        return super()._mail_may_answer(sender) or self._mail_is_provider(sender)

    def _mail_is_provider(self, sender):
        """Whether ``sender`` (normalised) is whoever does the service, or their firm: neither
        the customer nor one of us.
        """
        self.ensure_one()
        firms = (self | self.merged_ids).provider_id.commercial_partner_id
        firms -= self.commercial_partner_id
        if not sender or not firms or self._mail_is_staff(sender):
            return False
        partners = self.env["res.partner"].with_context(active_test=False)
        writers = partners.search([("email_normalized", "=", sender)]).commercial_partner_id
        return bool(writers & firms) and self.commercial_partner_id not in writers

    @api.model
    def _mail_route(self, message_dict, route, automatic):
        result = super()._mail_route(message_dict, route, automatic)
        # sudo: the gateway decides by what is, not by what its user may see
        case = self.sudo().browse(result and result[1] or [])
        if case and case._mail_is_provider(email_normalize(message_dict.get("email_from") or "")):
            # between them and us: the author of what it answers may be the customer
            message_dict["is_internal"] = True
            message_dict.pop("parent_id", None)
        return result

    @api.private
    def message_update(self, msg_dict, update_vals=None):
        result = super().message_update(msg_dict, update_vals)
        sender = email_normalize(msg_dict.get("email_from") or "")
        # sudo: the gateway's; the owner is told by the engine
        case = self.sudo()
        if msg_dict.get("message_type") == "email" and case._mail_is_provider(sender):
            case._tell_owner_provider_wrote()
        return result

    def _tell_owner_provider_wrote(self):
        """Whoever does the service has answered: the owner reads it. One reminder at a time."""
        self.ensure_one()
        self._tell_owner_once(
            "customer_care.mail_activity_type_provider_wrote",
            lambda case: {
                "summary": case.env._(
                    "%s has answered", (case.provider_id or case.merged_ids.provider_id)[:1].name
                )
            },
        )

    # ------------------------------------------------------------
    # The service that is not free
    # ------------------------------------------------------------

    def action_quote_service(self):
        """A quotation for the paid service, made once."""
        self.ensure_one()
        self.check_access("write")
        # sudo: who works on the case quotes what the plan says, and nothing else, whether or
        # not they may sell
        case = self.sudo()
        if case.quotation_id and case.quotation_id.state != "cancel":
            return self._open_quotation()
        plan = case.coverage_id.plan_id
        if case.coverage_term != "paid" or not plan.product_id:
            raise UserError(
                self.env._(
                    "Nothing is to be paid here: no paid service runs on this product. Choose "
                    "the product and the order first, or make a quotation in Sales."
                )
            )
        seller = case.order_id.user_id or case._care_account_manager() or case.owner_id
        order = (
            self.env["sale.order"]
            .sudo()
            .with_company(case.company_id)
            .create(
                {
                    "partner_id": case.partner_id.id,
                    "company_id": case.company_id.id,
                    "origin": case.number,
                    "user_id": seller.id,
                    "order_line": [
                        Command.create({"product_id": plan.product_id.id, "product_uom_qty": 1})
                    ],
                }
            )
        )
        case.quotation_id = order
        case._message_log(
            body=self.env._("%(plan)s is quoted: %(order)s.", plan=plan.name, order=order.name),
            author_id=self.env.user.partner_id.id,
        )
        return self._open_quotation()

    def _open_quotation(self):
        return self.quotation_id._get_records_action()

    def action_open_quotation(self):
        self.ensure_one()
        self.check_access("read")
        return self._open_quotation()


class CareCoverage(models.Model):
    _inherit = "care.coverage"  # pylint: disable=consider-merging-classes-inherited

    def _say_ended(self):
        """That it ran and has ended; False for none."""
        if not self:
            return False
        self.ensure_one()
        return self.env._(
            "“%(plan)s” ended on %(day)s.",
            plan=self.plan_id.name,
            day=format_date(self.env, self.ended_on or self.date_end),
        )

    def _say(self):
        """What applies, in a line; False for none."""
        if not self:
            return False
        self.ensure_one()
        provider = self.plan_id.partner_id.display_name or self._label("provider")
        until = self.date_end and format_date(self.env, self.date_end)
        if self.term == "none":
            return self.plan_id.response or self.env._("No service after the sale.")
        if self.term == "paid":
            what = self.env._("To be paid: %(plan)s", plan=self.plan_id.name)
        elif until:
            what = self.env._("Free until %(day)s: %(plan)s", day=until, plan=self.plan_id.name)
        else:
            what = self.env._("Free: %(plan)s", plan=self.plan_id.name)
        return self.env._("%(what)s, by %(provider)s", what=what, provider=provider)


class CareNotice(models.Model):
    _inherit = "care.notice"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[("case_provider", "Sent to the provider")],
        ondelete={"case_provider": "cascade"},
    )

    def _is_true(self):
        if self.kind == "case_provider":
            case = self.case_id
            return bool(case.provider_id) and case.stage_category in ("open", "waiting")
        return super()._is_true()

    def _tell(self):
        rows = self.filtered(lambda row: row.kind == "case_provider")
        rows._tell_provider()
        return super(CareNotice, self - rows)._tell()

    def _tell_provider(self):
        """Mail what the provider has to know; the owner calls who has no address."""
        if not self:
            return
        mailed = self.filtered("case_id.provider_id.email")
        template = self.env.ref("customer_care.mail_template_case_provider")
        for company, rows in mailed.grouped("company_id").items():
            rows.with_company(company).case_id.message_post_with_source(
                template,
                message_type="auto_comment",
                # a note: it goes to the provider alone
                subtype_xmlid="mail.mt_note",
                email_layout_xmlid="mail.mail_notification_light",
            )
        mailed.case_id.write({"provider_sent_at": self.env.cr.now().replace(microsecond=0)})
        if mailed:
            self._wake_mail_queue()
        self.env["mail.activity"]._care_tell(
            "customer_care.mail_activity_type_provider",
            (
                (
                    case,
                    case.owner_id,
                    lambda case: {"summary": case.env._("Call %s", case.provider_id.name)},
                )
                for case in (self - mailed).case_id
            ),
        )
        self.write({"state": "done", "next_at": False, "error": False})
