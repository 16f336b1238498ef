from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .care_guard import refuse_forged, take_from_person

#: States in which somebody still has to answer.
WAITING = ("planned", "open")


class CareHandoff(models.Model):
    """A person passes a record to another; until it is accepted the giver stays the owner."""

    _name = "care.handoff"
    _description = "Hand-off"
    _inherit = ["care.due.mixin", "care.linked.mixin"]
    _order = "id desc"
    _due_cron = "customer_care.ir_cron_handoffs"
    _due_user_fields = frozenset({"answer_note"})
    #: What a person says when they offer a hand-off.
    _offer_fields = frozenset({"journey_id", "case_id", "to_user_id", "note"})

    state = fields.Selection(
        selection_add=[("open", "With the leader"), ("done",)],
        ondelete={"open": "set default"},
    )
    answer = fields.Selection(
        [
            ("waiting", "Waiting for an answer"),
            ("late", "No answer: with the team leader"),
            ("accepted", "Accepted"),
            ("declined", "Declined"),
            ("withdrawn", "Withdrawn"),
            ("overtaken", "Overtaken: it has another owner"),
        ],
        default="waiting",
        required=True,
        readonly=True,
        copy=False,
    )
    journey_id = fields.Many2one(readonly=False)
    case_id = fields.Many2one(readonly=False)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    subject = fields.Char("Customer", compute="_compute_subject")
    tier_id = fields.Many2one("care.tier", "Tier", compute="_compute_subject")
    is_key = fields.Boolean("Key Customer", compute="_compute_subject")
    from_user_id = fields.Many2one(
        "res.users", "From", required=True, readonly=True, index=True, copy=False
    )
    to_user_id = fields.Many2one(
        "res.users",
        "To",
        required=True,
        index=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        help="Stays without it until they accept.",
    )
    note = fields.Text(
        "What They Should Know",
        help="What was agreed with the customer, what is open, what comes next.",
    )
    answer_note = fields.Text("Why Not", copy=False)
    deadline_at = fields.Datetime("Answer By", readonly=True, copy=False)
    answered_at = fields.Datetime(readonly=True, copy=False)
    activity_id = fields.Many2one(
        "mail.activity", readonly=True, ondelete="set null", index="btree_not_null", copy=False
    )
    leader_activity_id = fields.Many2one(
        "mail.activity", readonly=True, ondelete="set null", index="btree_not_null", copy=False
    )
    decider_id = fields.Many2one(
        "res.users",
        "With Whom It Is",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Who was asked to decide when nobody had answered: the team leader, or who stands in.",
    )
    is_mine = fields.Boolean("To Me", compute="_compute_is_mine")
    is_given = fields.Boolean("By Me", compute="_compute_is_mine")

    _journey_uniq = models.UniqueIndex(
        "(journey_id) WHERE state IN ('planned', 'open') AND journey_id IS NOT NULL",
        "This journey is being handed over already: withdraw that first.",
    )
    _case_uniq = models.UniqueIndex(
        "(case_id) WHERE state IN ('planned', 'open') AND case_id IS NOT NULL",
        "This case is being handed over already: withdraw that first.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("journey_id", "case_id")
    def _compute_subject(self):
        for handoff in self:
            record = handoff.sudo()._record()
            if not handoff._origin:
                # being typed in: only of what the person may read anyway
                record = record.sudo(False)._origin._filtered_access("read")
            # sudo: who is asked to take something may know what it is, and whose
            handoff.subject = record.display_name
            handoff.tier_id, handoff.is_key = record.tier_id, record.is_key

    @api.depends("subject", "to_user_id")
    def _compute_display_name(self):
        for handoff in self:
            handoff.display_name = self.env._(
                "%(what)s to %(who)s", what=handoff.subject, who=handoff.to_user_id.name
            )

    @api.depends_context("uid")
    def _compute_is_mine(self):
        for handoff in self:
            waiting = handoff.state in WAITING
            handoff.is_mine = waiting and handoff.to_user_id == self.env.user
            handoff.is_given = waiting and handoff.from_user_id == self.env.user

    # ------------------------------------------------------------
    # Offering
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            self, vals_list, _commands = take_from_person(  # noqa: PLW0642
                self, vals_list, set(self._fields) - self._offer_fields
            )
        prepared = []
        for vals in vals_list:
            refuse_forged(self, set(vals) - self._offer_fields)
            record = self._record_in(vals)
            receiver = self.env["res.users"].browse(vals.get("to_user_id"))
            if not record or not receiver:
                raise UserError(self.env._("Choose what is handed over, and to whom."))
            record._check_may_hand_off(receiver)
            # sudo: the name of the owner, whoever hands over
            company = record.sudo().company_id
            deadline = company._care_answer_by(self.env.cr.now())
            prepared.append(
                {
                    **vals,
                    "company_id": company.id,
                    "from_user_id": record.sudo().owner_id.id,
                    "deadline_at": deadline,
                    "next_at": deadline,
                }
            )
        # sudo: the engine's own values are added above, where the person's rights to the
        # records were checked
        handoffs = super(CareHandoff, self.sudo()).create(prepared)
        handoffs._ask()
        handoffs._trigger_due()
        return handoffs.sudo(self.env.su)

    def _ask(self):
        """Put the question before the receivers."""
        vals_list = []
        for handoff in self:
            receiver = handoff.to_user_id
            told = handoff.with_context(lang=receiver.lang)
            vals_list.append(
                handoff._prepare_activity_vals(
                    receiver,
                    told.env._("%s hands this over to you", handoff.from_user_id.name),
                    handoff.note,
                )
            )
        for handoff, activity in zip(self, self._make_activities(vals_list), strict=True):
            handoff.activity_id = activity

    def _prepare_activity_vals(self, user, summary, note):
        record = self._record()
        local = self.with_context(tz=user.tz or self.company_id._care_tz())
        return {
            "res_model_id": self.env["ir.model"]._get_id(record._name),
            "res_id": record.id,
            "activity_type_id": self.env.ref("customer_care.mail_activity_type_handoff").id,
            "summary": summary,
            "note": note,
            "user_id": user.id,
            "date_deadline": fields.Date.context_today(local),
            "automated": True,
        }

    @api.model
    def _make_activities(self, vals_list):
        return (
            self.env["mail.activity"]
            .with_context(mail_activity_quick_update=True)
            .create(vals_list)
        )

    def write(self, vals):
        if not self.env.su and any(
            handoff.to_user_id != self.env.user or handoff.state not in WAITING for handoff in self
        ):
            raise AccessError(self.env._("Only who was asked says why not, and while it waits."))
        return super().write(vals)

    # ------------------------------------------------------------
    # Answering
    # ------------------------------------------------------------

    def action_accept(self):
        """The receiver takes it, and answers for it from now on."""
        self._check_waiting()
        if any(handoff.to_user_id != self.env.user for handoff in self):
            raise AccessError(self.env._("Only who was asked can accept: nobody is given work."))
        for handoff in self:
            handoff._record()._check_may_own(self.env.user)
        # sudo: the giver offered it and the receiver accepts; before, it is not theirs
        handoffs = self.sudo()
        handoffs._close("accepted")
        for link in ("journey_id", "case_id"):
            handoffs[link]._set_owner(self.env.user, chosen=True)
        return self[:1]._record()._get_records_action() if len(self) == 1 else None

    def action_decline(self):
        """The receiver cannot take it, and says why; it stays where it is."""
        self._check_waiting()
        if any(handoff.to_user_id != self.env.user for handoff in self):
            raise AccessError(self.env._("Only who was asked can decline."))
        if any(not (handoff.answer_note or "").strip() for handoff in self):
            raise UserError(
                self.env._("Say why not: %s has to find another way.", self.from_user_id[:1].name)
            )
        # sudo: as in `action_accept`
        handoffs = self.sudo()
        handoffs._close("declined")
        vals_list = []
        for handoff in handoffs:
            giver = handoff._record().owner_id
            told = handoff.with_context(lang=giver.lang)
            vals_list.append(
                handoff._prepare_activity_vals(
                    giver,
                    told.env._("%s cannot take this over", handoff.to_user_id.name),
                    handoff.answer_note,
                )
            )
        handoffs._make_activities(vals_list)
        return {"type": "ir.actions.act_window_close"}

    def action_decline_dialog(self):
        """Ask for the reason in a dialog."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Why not?"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref("customer_care.care_handoff_view_form_decline").id, "form")],
            "target": "new",
        }

    def action_withdraw(self):
        """The giver keeps it."""
        self._check_waiting()
        for handoff in self:
            if self.env.user != handoff.from_user_id:
                handoff._record()._check_may_assign(self.env["res.users"])
        # sudo: the state belongs to the engine; the right is checked above
        self.sudo()._close("withdrawn")

    def action_open_record(self):
        self.ensure_one()
        return self._record()._get_records_action()

    def _check_waiting(self):
        self.check_access("read")
        if any(handoff.state not in WAITING for handoff in self):
            raise UserError(self.env._("This hand-off has been answered already."))

    def _close(self, answer):
        """Over, and out of everybody's activities."""
        self.write(
            {
                "state": "done" if answer in ("accepted", "declined") else "cancelled",
                "answer": answer,
                "next_at": False,
                "answered_at": self.env.cr.now(),
            }
        )
        (self.activity_id | self.leader_activity_id).unlink()

    @api.model
    def _overtake(self, records):
        """These records have another owner now, whoever was asked to take them."""
        # sudo: the engine's rows, whoever changed the owner
        waiting = self.sudo().search(
            [(records._care_link, "in", records.ids), ("state", "in", WAITING)]
        )
        taken = waiting.filtered(lambda handoff: handoff._record().owner_id == handoff.to_user_id)
        taken._close("accepted")
        (waiting - taken)._close("overtaken")

    @api.model
    def _to_decide(self, records):
        """Of these records, those of which the present user was asked who takes them."""
        # sudo: the question was put to this user
        asked = self.sudo().search(
            [
                (records._care_link, "in", records.ids),
                ("state", "=", "open"),
                ("decider_id", "=", self.env.uid),
            ]
        )
        return asked[records._care_link].with_env(records.env)

    # ------------------------------------------------------------
    # Nobody answers
    # ------------------------------------------------------------

    @api.model
    def _without_receiver(self, users, leaving):
        """Who was asked, or was to decide, is gone: who leads now decides at once."""
        waiting = self.search(
            [
                "|",
                *("&", ("to_user_id", "in", users.ids), ("state", "=", "planned")),
                *("&", ("leader_activity_id.user_id", "in", users.ids), ("state", "=", "open")),
            ]
        ).filtered(
            lambda row: (
                row.to_user_id if row.state == "planned" else row.leader_activity_id.user_id
            )._care_has_to_go(row.company_id, leaving)
        )
        waiting.write({"next_at": self.env.cr.now()})
        waiting._trigger_due()

    def _run_due(self):
        """The time to answer is over: the team leader decides."""
        vals_list = []
        for handoff in self:
            record = handoff._record()
            leader = record._present(record.team_id.leader_id, record.team_id)
            told = handoff.with_context(lang=leader.lang)
            vals_list.append(
                handoff._prepare_activity_vals(
                    leader,
                    told.env._(
                        "%(receiver)s has not answered %(giver)s: who takes it?",
                        receiver=handoff.to_user_id.name,
                        giver=handoff.from_user_id.name,
                    ),
                    handoff.note,
                )
            )
        for handoff, activity in zip(self, self._make_activities(vals_list), strict=True):
            handoff.leader_activity_id = activity
            handoff.decider_id = activity.user_id
        self.write({"state": "open", "answer": "late", "next_at": False, "error": False})
