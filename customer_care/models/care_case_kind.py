from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import plaintext2html

from .care_case import STAFF
from .mail_message import AUTOMATIC


class CareCase(models.Model):
    """The short ways of what is no complaint: each kind ends with a word to the customer."""

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    # suggestions
    verdict = fields.Selection(
        [("taken", "Taken over"), ("declined", "Declined")],
        "Decision",
        readonly=True,
        copy=False,
        tracking=True,
        groups=STAFF,
    )
    verdict_reason = fields.Text(
        "Why", copy=False, groups=STAFF, help="Told to the customer who suggested it."
    )
    verdict_at = fields.Datetime("Decided", readonly=True, copy=False, groups=STAFF)
    # compliments
    praised_user_id = fields.Many2one(
        "res.users",
        "Whom It Praises",
        copy=False,
        index="btree_not_null",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        groups=STAFF,
    )
    passed_on_at = fields.Datetime("Passed On", readonly=True, copy=False, groups=STAFF)
    # public mentions
    source_name = fields.Char(
        "Where", groups=STAFF, help="The site or paper, and who wrote it there."
    )
    source_url = fields.Char("Link", groups=STAFF)
    stars = fields.Selection(
        [(str(number), str(number)) for number in range(6)],
        default="0",
        groups=STAFF,
        help="As given there; none if there are none.",
    )
    public_answer = fields.Text(
        "Our Public Answer", copy=False, groups=STAFF, help="Word for word, as it stands there."
    )
    public_answer_at = fields.Datetime("Answered", readonly=True, copy=False, groups=STAFF)
    public_answer_by_id = fields.Many2one(
        "res.users", "Answered By", readonly=True, copy=False, groups=STAFF
    )

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {
            "verdict",
            "verdict_at",
            "passed_on_at",
            "public_answer_at",
            "public_answer_by_id",
        }

    @api.onchange("kind")
    def _onchange_kind(self):
        for case in self:
            if case.kind == "mention" and case.channel == "phone":
                case.channel = "public"

    def _complete_vals(self, vals_list):
        result = super()._complete_vals(vals_list)
        for vals in vals_list:
            if vals.get("kind") != "mention":
                continue
            vals.setdefault("channel", "public")
            if not vals.get("partner_id"):
                company = self.env["res.company"].browse(vals["company_id"])
                vals["partner_id"] = company._care_unknown_partner().id
        return result

    def _check_kind(self, kind):
        """Refuse what belongs to another kind, to who may not write, or to what is over."""
        self.ensure_one()
        self.check_access("write")
        if self.kind != kind:
            kinds = dict(self._fields["kind"]._description_selection(self.env))
            raise UserError(self.env._("This is for: %s.", kinds[kind]))
        if self.stage_category in ("closed", "cancelled"):
            raise UserError(self.env._("%s is over.", self.display_name))

    def _close_told(self, resolution, vals, notice=None):
        """End a case whose short way is gone: there is nothing that the customer has to confirm.

        :param notice: kind of the ``care.notice`` that tells the customer
        """
        self.ensure_one()
        if not self.env.su:
            # a kind is easily changed: its short way leads past no check and no stage
            closed = self.env["care.stage"].sudo()._in_category(self._name, "closed")
            self._check_leaving(closed)
            self._check_way(closed, self._skipped_stages(closed))
        # sudo: the way of the kind closes it; who may go it was checked
        case = self.sudo()
        case.write({"resolution": (case.resolution or "").strip() or resolution, **vals})
        if notice and case._care_covered():
            self.env["care.notice"]._announce(notice, case)
        case._enter_category("closed")

    # ------------------------------------------------------------
    # Suggestions
    # ------------------------------------------------------------

    def action_decide(self):
        """Ask in a dialog whether the suggestion is taken over, and why."""
        self._check_kind("suggestion")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What becomes of %s?", self.number),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref("customer_care.care_case_view_form_verdict").id, "form")],
            "target": "new",
        }

    def action_take_over(self):
        """The suggestion is taken over; the customer is thanked and told."""
        self._decide("taken")
        return {"type": "ir.actions.act_window_close"}

    def action_decline(self):
        """The suggestion is declined; the customer is thanked and told why."""
        self._decide("declined")
        return {"type": "ir.actions.act_window_close"}

    def _decide(self, verdict):
        self._check_kind("suggestion")
        reason = (self.verdict_reason or "").strip()
        if verdict == "declined" and not reason:
            raise UserError(
                self.env._("Write why it is declined: the customer thought about it, and is told.")
            )
        self._close_told(
            reason or self.env._("We take it over."),
            {"verdict": verdict, "verdict_at": self.env.cr.now()},
            "suggestion_decided",
        )

    # ------------------------------------------------------------
    # Compliments
    # ------------------------------------------------------------

    def action_pass_on(self):
        """The person who is praised reads it; the customer is thanked."""
        self._check_kind("compliment")
        user = self.praised_user_id
        if not user:
            raise UserError(self.env._("Choose whom it praises first."))
        # sudo: whoever is praised may read the praise, not the case
        case = self.sudo()
        case.with_context(lang=user.lang).message_notify(
            partner_ids=user.partner_id.ids,
            author_id=self.env.user.partner_id.id,
            subject=case.env._("%s praises you", case.partner_id.name),
            body=Markup("<p><strong>%s</strong></p>%s")
            % (case.name, plaintext2html(case.description or "")),
        )
        self._close_told(
            self.env._("Passed on to %s. Thank you!", user.name),
            {"passed_on_at": self.env.cr.now()},
            "compliment_passed",
        )
        return True

    # ------------------------------------------------------------
    # Enquiries
    # ------------------------------------------------------------

    def action_answered(self):
        """The question has been answered: the customer is asked whether that was all."""
        self._check_kind("enquiry")
        if not (self.resolution or "").strip():
            if not self._answered_by_us():
                raise UserError(
                    self.env._(
                        "Answer the customer first: press Answer, or write under “What Was Done” "
                        "what you told them on the phone."
                    )
                )
            self.resolution = self.env._("We have answered your question.")
        self._enter_category("resolved")
        return True

    def _answered_by_us(self):
        """Whether one of us has written to the customer."""
        self.ensure_one()
        staff = [("user_ids", "any", [("share", "=", False)])]
        # sudo: whether there was an answer, whoever may read it
        return bool(
            self.env["mail.message"]
            .sudo()
            .search_count(
                [
                    ("model", "=", self._name),
                    ("res_id", "=", self.id),
                    ("message_type", "not in", AUTOMATIC),
                    ("subtype_id.internal", "=", False),
                    ("subtype_id", "!=", False),
                    ("author_id", "any", staff),
                ],
                limit=1,
            )
        )

    # ------------------------------------------------------------
    # Public mentions
    # ------------------------------------------------------------

    def action_answered_publicly(self):
        """Our answer stands where they wrote: it is kept, with who gave it and when."""
        self._check_kind("mention")
        answer = (self.public_answer or "").strip()
        if not answer:
            raise UserError(self.env._("Write our public answer down first, word for word."))
        self._close_told(
            answer,
            {"public_answer_at": self.env.cr.now(), "public_answer_by_id": self.env.uid},
        )
        return True
