"""What is promised about journeys: contacts, quotations, deliveries."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from odoo.addons.customer_care.models.care_guard import refuse_forged

from .care_sla_change import what_decides, whose_changed
from .care_sla_measure import MEASURES_BY_NAME

#: Fields of a journey on which it depends what is promised.
DECIDING_JOURNEY = ("team_id", "partner_id", "type_id")


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _numbers_of(self, records):
        """A journey whose order was cancelled and confirmed again has its promises anew."""
        if records._name == "care.journey":
            return {journey: journey.cycle for journey in records}
        return super()._numbers_of(records)

    @api.model
    def _date_of(self, record, measure):
        if measure == "delivery":
            # sudo: the order's date, whoever moves the journey
            return record.order_id.sudo().commitment_date
        return super()._date_of(record, measure)

    @api.model
    def _start_begun(self, records, now):
        """Of journeys: the first contact that nobody has had yet, the quotation that was not
        sent, and the delivery on a date that is ahead.
        """
        if records._name != "care.journey":
            return super()._start_begun(records, now)
        sold = records.filtered("order_id")
        quiet = records - records._care_contacted()
        ahead = sold.filtered(
            lambda journey: (
                not journey.delivered_at and (self._date_of(journey, "delivery") or now) > now
            )
        )
        numbers = self._numbers_of(records)
        self._start(quiet & sold, now, ["contact"], numbers)
        self._start(ahead, now, ["delivery"], numbers)
        self._start(quiet - sold, now, ["enquiry"], numbers)
        self._start(records - sold - records._quoted(), now, ["quotation"], numbers)
        return None

    @api.model
    def _redate(self, journeys):
        """The customer was promised another date of delivery, the first one, or none any more.

        What was due first stays known, and what was broken stays broken.

        :param journeys: as superuser
        """
        self._reconsider(journeys)
        waiting = journeys.filtered(
            lambda journey: (
                journey.order_id.commitment_date
                and not journey.delivered_at
                and journey.stage_category in ("open", "waiting")
            )
        )
        waiting -= self._live(waiting, ["delivery"]).journey_id
        if waiting:
            numbers = self._next_numbers(waiting, "delivery")
            self._start(waiting, self._now(), ["delivery"], numbers)


class CareSlaPolicy(models.Model):
    _inherit = "care.sla.policy"  # pylint: disable=consider-merging-classes-inherited

    about = fields.Selection(
        [("care.case", "Cases"), ("care.journey", "Journeys")],
        required=True,
        default="care.case",
        help="Cases: answers and solutions. Journeys: quotations, contacts and deliveries.",
    )
    event = fields.Selection(compute="_compute_event", store=True, precompute=True, default=None)
    measures = fields.Json(compute="_compute_measures", help="What may be promised.")

    @api.depends("about")
    def _compute_event(self):
        """By which the base of all rules knows what the filter is about."""
        for policy in self:
            policy.event = "order_confirmed" if policy.about == "care.journey" else "case_opened"

    @api.model
    def _selection_event(self):
        return [*super()._selection_event(), ("order_confirmed", self.env._("Order confirmed"))]

    @api.depends("about")
    def _compute_measures(self):
        for policy in self:
            policy.measures = [
                name for name, measure in MEASURES_BY_NAME.items() if policy.about in measure.models
            ]

    @api.constrains("about", "target_ids", "level_ids")
    def _check_about(self):
        for policy in self:
            policy.target_ids._check_measure()
            policy.level_ids._check_measure()
            policy.level_ids._check_action()


class CareSlaPart(models.AbstractModel):
    _inherit = "care.sla.part"

    measures = fields.Json(compute="_compute_measures", help="What may be promised.")

    @api.depends("policy_id.about")
    def _compute_measures(self):
        for part in self:
            part.measures = part.policy_id.measures or list(MEASURES_BY_NAME)

    def _check_about(self):
        """What is promised about a case is not promised about a journey."""
        for part in self.filtered("measure"):
            if part.policy_id.about not in MEASURES_BY_NAME[part.measure].models:
                about = dict(part.policy_id._fields["about"]._description_selection(self.env))
                measures = dict(part._fields["measure"]._description_selection(self.env))
                raise ValidationError(
                    self.env._(
                        "“%(measure)s” cannot be promised about %(about)s.",
                        measure=measures[part.measure],
                        about=about[part.policy_id.about],
                    )
                )


class CareSlaLevel(models.Model):
    _inherit = "care.sla.level"

    @api.constrains("measure", "policy_id")
    def _check_measure(self):
        self._check_about()


class CareSlaTarget(models.Model):
    _inherit = "care.sla.target"

    @api.constrains("measure", "policy_id", "kind", "severity", "stage_id")
    def _check_measure(self):
        self._check_about()
        for target in self:
            if target.measure == "delivery" and target.kind not in ("date", "none"):
                raise ValidationError(
                    self.env._(
                        "A delivery is due on the date that the order promises: choose “On the "
                        "date itself”."
                    )
                )
            if target.policy_id.about == "care.journey" and target.severity != "any":
                raise ValidationError(self.env._("Journeys have no severity: choose “Any”."))
            if target.stage_id and target.stage_id.res_model != target.policy_id.about:
                raise ValidationError(
                    self.env._(
                        "“%s” is a stage of other records than those of this policy.",
                        target.stage_id.name,
                    )
                )

    @api.onchange("measure")
    def _onchange_measure_dated(self):
        for target in self.filtered(lambda target: target.measure == "delivery"):
            target.kind, target.amount = "date", 0


class CareJourney(models.Model):
    _inherit = "care.journey"

    clock_ids = fields.One2many("care.sla.clock", "journey_id", "Promises", readonly=True)
    # orders do not keep it
    quoted_at = fields.Datetime(
        "Quotation Sent",
        readonly=True,
        copy=False,
        help="When the customer was first sent a quotation.",
    )

    @api.model
    def _check_engine_fields(self, vals):
        refuse_forged(self, {"quoted_at"} & set(vals))
        return super()._check_engine_fields(vals)

    def write(self, vals):
        before = what_decides(self, DECIDING_JOURNEY, vals)
        result = super().write(vals)
        if changed := whose_changed(before):
            self.env["care.sla.clock"]._reconsider(changed)
        return result

    def _care_state(self, event, at=None):
        if event == "opportunity_created":
            # taken up again: another quotation is to come
            self.filtered("quoted_at").write({"quoted_at": False})
        return super()._care_state(event, at)

    def _care_contacted(self):
        """The ones among these journeys whose customer one of us has been in touch with: since
        the order was confirmed, where there is one.
        """
        called = Domain("mail_activity_type_id.category", "=", "phonecall")
        reply = self.env["care.case"]._care_reply_domain() | called
        # sudo: whether somebody wrote or called, whoever may read it
        messages = self.env["mail.message"].sudo()
        reached = self.sudo().followup_ids.filtered(
            lambda row: row.state == "done" and row.outcome_id.consequence != "again"
        )
        contacted = self & reached.journey_id
        for model, journeys in self._documents_of().items():
            last = messages._read_group(
                Domain("model", "=", model) & Domain("res_id", "in", list(journeys)) & reply,
                ["res_id"],
                ["date:max"],
            )
            for res_id, moment in last:
                journey = journeys[res_id]
                # sudo: as above
                since = journey.order_id.sudo().date_order
                if not since or moment >= since:
                    contacted |= journey
        return contacted

    @api.model
    def _heard(self, model, ids, user):
        """One of us has written to or spoken with the customers of these documents.

        :param user: who; nobody for an author who is none of us
        """
        if user and user.active and not user.share and model in self._care_documents:
            # sudo: promises follow the journey, whoever keeps them
            journeys = self.sudo()._of_documents(model, ids)
            if journeys:
                self.env["care.sla.clock"]._answered(journeys, user)


class MailThread(models.AbstractModel):
    """What is written on a journey, its order or its opportunity."""

    _inherit = "mail.thread"

    def _message_post_after_hook(self, message, msg_values):
        result = super()._message_post_after_hook(message, msg_values)
        if self._name in self.env["care.journey"]._care_documents:
            # sudo: the author's users are looked at, whoever posts
            message = message.sudo()
            customers = self.sudo().partner_id
            cases = self.env["care.case"]
            if (
                cases._care_own_words(message)
                and message.author_id not in customers | customers.commercial_partner_id
                and message.filtered_domain(cases._care_reply_domain())
            ):
                self.env["care.journey"]._heard(
                    self._name, self.ids, message.author_id.main_user_id
                )
        return result

    def _care_wrote(self, user, replies):
        result = super()._care_wrote(user, replies)
        self.env["care.journey"]._heard(self._name, self.ids, user)
        return result


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    def _finish(self):
        result = super()._finish()
        reached = self.sudo().filtered(lambda row: row.journey_id and row._care_reached())
        self.env["care.journey"]._heard("care.journey", reached.journey_id.ids, self.env.user)
        return result


class MailActivity(models.Model):
    _inherit = "mail.activity"  # pylint: disable=consider-merging-classes-inherited

    def _action_done(self, feedback=False, attachment_ids=None):
        journeys = self.env["care.journey"]
        called = self.filtered(
            lambda activity: (
                activity.res_model in journeys._care_documents
                and activity.activity_category == "phonecall"
            )
        )
        # sudo: whether it is a follow-up, whose outcome says what came of it
        followups = self.env["care.followup"].sudo()
        if called:
            called -= followups.search([("activity_id", "in", called.ids)]).activity_id
        documents = {
            model: activities.mapped("res_id")
            for model, activities in called.grouped("res_model").items()
        }
        result = super()._action_done(feedback=feedback, attachment_ids=attachment_ids)
        for model, ids in documents.items():
            journeys._heard(model, ids, self.env.user)
        return result


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def write(self, vals):
        result = super().write(vals)
        if vals.get("state") == "sent":
            self._care_quotation_sent()
        if "commitment_date" in vals:
            # sudo: as in `_heard`
            journeys = self.env["care.journey"].sudo().search([("order_id", "in", self.ids)])
            self.env["care.sla.clock"].sudo()._redate(journeys)
        return result

    def _care_quotation_sent(self):
        """Quotations of before the sale: a cart in a web shop is none."""
        quotations = self
        if "website_id" in self._fields:
            quotations = self.filtered(lambda order: not order.website_id)
        # sudo: as in `_heard`
        journeys = self.env["care.journey"].sudo()._of_documents("sale.order", quotations.ids)
        clocks = self.env["care.sla.clock"]
        journeys.filtered(lambda j: not j.quoted_at).write({"quoted_at": clocks._now()})
        clocks._meet(journeys, ["quotation"], user=clocks._person())
