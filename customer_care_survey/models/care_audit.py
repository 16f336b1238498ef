"""Visits: how a team, a person or a competitor serves, seen by somebody who looks on purpose."""

from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from odoo.addons.customer_care.models.care_guard import check_targets, refuse_forged

MANAGER = "customer_care.group_manager"
STATES = [
    ("planned", "To Be Made"),
    ("done", "Handed In"),
    ("published", "Published"),
    ("cancelled", "Cancelled"),
]
#: What an auditor fills in.
OF_AUDITOR = {"note", "date_visit", "line_ids"}
#: Kept beside the sheet by the chatter.
OF_CHATTER = {"message_main_attachment_id", "message_follower_ids", "activity_ids", "message_ids"}


class CareAudit(models.Model):
    """One visit. Until it is published it is hidden from whom it is about: the audited person
    and the people and the leader of the team, whatever else they may see; see
    ``care_audit_rule_hidden``. Only the auditor and the plan's owner see it before, who are
    never the audited person.
    """

    _name = "care.audit"
    _description = "Audit visit"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date_planned desc, id desc"
    _check_company_auto = True

    #: Written by buttons and by the engine alone.
    _engine_fields = frozenset(
        {"state", "round_id", "score", "published_at", "published_by_id", "objection_state"}
        | {"objection", "objected_at", "objected_by_id", "objection_until"}
        | {"reply", "replied_at", "replied_by_id"}
    )

    plan_id = fields.Many2one(
        "care.audit.plan",
        "Plan",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        groups=MANAGER,
    )
    round_id = fields.Many2one(
        "care.audit.round",
        "Round",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups=MANAGER,
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    state = fields.Selection(
        STATES, required=True, readonly=True, default="planned", copy=False, index=True
    )
    # not named user_id: Odoo would make whoever is audited a follower
    audited_id = fields.Many2one(
        "res.users",
        "Audited",
        index="btree_not_null",
        ondelete="restrict",
        domain=lambda self: self.env["care.standard"]._domain_people(),
    )
    team_id = fields.Many2one(
        "care.team", "Team", index="btree_not_null", ondelete="restrict", check_company=True
    )
    stage_id = fields.Many2one("care.stage", "Stage", index="btree_not_null", ondelete="restrict")
    rival_id = fields.Many2one(
        "res.partner",
        "Competitor",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="Somebody else's shop or service, looked at with the same sheet.",
    )
    whose = fields.Selection(
        [("own", "We"), ("rival", "A competitor")],
        "Whose Service",
        compute="_compute_whose",
        store=True,
    )
    auditor_id = fields.Many2one(
        "res.users",
        "Auditor",
        required=True,
        index=True,
        default=lambda self: self.env.user,
        domain=lambda self: self.env["care.standard"]._domain_people(),
    )
    date_planned = fields.Date(
        "Planned For", required=True, default=fields.Date.context_today, index=True
    )
    date_visit = fields.Date("Visited On", copy=False)
    note = fields.Text("What Happened", copy=False)
    line_ids = fields.One2many("care.audit.line", "audit_id", "Sheet", copy=False)
    score = fields.Float(
        compute="_compute_score",
        store=True,
        digits=(5, 1),
        aggregator="avg",
        help="Of 100 points, over the answers that count.",
    )
    has_score = fields.Boolean(compute="_compute_score", store=True)
    published_at = fields.Datetime("Published On", readonly=True, copy=False)
    published_by_id = fields.Many2one("res.users", "Published By", readonly=True, copy=False)
    objection_until = fields.Date("Objections Until", readonly=True, copy=False)
    objection_state = fields.Selection(
        [("open", "Objection"), ("accepted", "Accepted"), ("rejected", "Not Accepted")],
        "Objection State",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    objection = fields.Text(readonly=True, copy=False)
    objected_at = fields.Datetime("Objected On", readonly=True, copy=False)
    objected_by_id = fields.Many2one("res.users", "Objected By", readonly=True, copy=False)
    reply = fields.Text("Answer", readonly=True, copy=False)
    replied_at = fields.Datetime("Answered On", readonly=True, copy=False)
    replied_by_id = fields.Many2one("res.users", "Answered By", readonly=True, copy=False)
    may_fill = fields.Boolean(compute="_compute_may")
    may_judge = fields.Boolean(compute="_compute_may")
    may_object = fields.Boolean(compute="_compute_may")
    may_reply = fields.Boolean(compute="_compute_may")

    _subject_check = models.Constraint(
        "CHECK (num_nonnulls(audited_id, team_id) = 0 OR rival_id IS NULL)",
        "A visit is to our own people or to a competitor.",
    )
    _somebody_check = models.Constraint(
        "CHECK (num_nonnulls(audited_id, team_id, rival_id) > 0)",
        "Say who is visited: a person, a team or a competitor.",
    )
    _auditor_check = models.Constraint(
        "CHECK (audited_id IS NULL OR audited_id <> auditor_id)",
        "Nobody audits themselves. Choose another auditor.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("audited_id", "team_id", "rival_id", "date_planned")
    def _compute_display_name(self):
        for audit in self:
            # sudo: the name of who was visited, for who may see the visit
            it = audit.sudo()
            who = it.audited_id.name or it.team_id.name or it.rival_id.name or ""
            day = fields.Date.to_string(it.date_visit or it.date_planned)
            audit.display_name = ", ".join(filter(None, (who, it.stage_id.name, day)))

    @api.depends("rival_id")
    def _compute_whose(self):
        for audit in self:
            audit.whose = "rival" if audit.rival_id else "own"

    @api.depends("line_ids.points", "line_ids.counts", "line_ids.weight")
    def _compute_score(self):
        for audit in self:
            lines = audit.line_ids.filtered("counts")
            weight = sum(lines.mapped("weight"))
            audit.has_score = bool(weight)
            audit.score = sum(line.points * line.weight for line in lines) / weight if weight else 0

    @api.depends_context("uid")
    @api.depends(
        "state",
        "auditor_id",
        "audited_id",
        "team_id",
        "objection_state",
        "objection_until",
        "objected_by_id",
    )
    def _compute_may(self):
        user = self.env.user
        manages = user.has_group(MANAGER)
        today = fields.Date.context_today(self)
        for audit in self:
            concerned = audit._concerned()
            audit.may_fill = audit.state == "planned" and (manages or audit.auditor_id == user)
            audit.may_judge = manages and audit.audited_id != user
            audit.may_object = (
                audit.state == "published"
                and not audit.objection_state
                and user in concerned
                and bool(audit.objection_until and today <= audit.objection_until)
            )
            audit.may_reply = (
                audit.may_judge
                and audit.state == "published"
                and audit.objection_state == "open"
                and user not in audit._parties()
            )

    def _parties(self):
        """Whose objection it may be: who made it, and who else might have."""
        return self._concerned() | self.sudo().objected_by_id.sudo(False)

    def _concerned(self):
        """Who may object: the audited person and the leader of the team."""
        it = self.sudo()  # sudo: who leads a team is no secret
        return (it.audited_id | it.team_id.leader_id).sudo(False)

    # ------------------------------------------------------------
    # Checks, create, write
    # ------------------------------------------------------------

    @api.constrains("auditor_id", "audited_id", "company_id")
    def _check_people(self):
        owned = self.env["care.owned.mixin"]
        for audit in self:
            if audit.state != "planned":
                continue
            for user in audit.auditor_id | audit.audited_id:
                if not owned._may_own(user, audit.company_id):
                    raise ValidationError(
                        self.env._(
                            "%(user)s does not work with Customer Care in %(company)s.",
                            user=user.sudo().name,
                            company=audit.company_id.name,
                        )
                    )

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals) for vals in vals_list]
        if not self.env.su:
            for vals in vals_list:
                refuse_forged(self, self._engine_fields & set(vals))
                vals["state"] = "planned"
            # defaults in a context forge nothing
            self = self.with_context(  # noqa: PLW0642
                **{f"default_{name}": None for name in self._engine_fields}
            )
            check_targets(self, vals_list)
        audits = super().create(vals_list)
        audits._fill_sheets()
        return audits

    def write(self, vals):
        if not self.env.su:
            refuse_forged(self, self._engine_fields & set(vals))
            self._check_person_may_change(set(vals) - OF_CHATTER)
            check_targets(self, [vals])
        return super().write(vals)

    def _check_person_may_change(self, names):
        if not names:
            return
        if any(audit.state != "planned" for audit in self):
            raise UserError(
                self.env._("The sheet was handed in. It can be changed only when it is sent back.")
            )
        if not self.env.user.has_group(MANAGER) and names - OF_AUDITOR:
            raise AccessError(
                self.env._("Who is visited, by whom and when, is set by managers alone.")
            )
        if names & {"plan_id", "company_id"}:
            raise UserError(
                self.env._("A visit stays with its plan. Cancel it and make a new one.")
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_made(self):
        if not self.env.su and any(audit.state in ("done", "published") for audit in self):
            raise UserError(self.env._("Visits that were made are kept."))

    def _fill_sheets(self):
        """The questions of the plan, as they are now."""
        # sudo: the sheet is the plan's, which auditors do not see
        self.env["care.audit.line"].sudo().create(
            [
                {
                    "audit_id": audit.id,
                    "question_id": question.id,
                    "name": question.name,
                    "sequence": question.sequence,
                    "standard_id": question.standard_id.id,
                    "weight": question.weight,
                }
                for audit in self.sudo()
                for question in audit.plan_id.question_ids
            ]
        )

    # ------------------------------------------------------------
    # People's gestures
    # ------------------------------------------------------------

    def action_hand_in(self):
        """The auditor has filled in the sheet."""
        self.check_access("write")
        for audit in self:
            if not audit.may_fill:
                raise UserError(self.env._("This sheet was handed in already."))
            missing = audit.line_ids.filtered(lambda line: not line.choice_id)
            if missing or not audit.line_ids:
                raise UserError(
                    self.env._(
                        "Answer what is left: %s",
                        ", ".join(missing.mapped("name")) or self.env._("the sheet is empty"),
                    )
                )
        for audit in self:
            # sudo: the state is written by the engine; rights checked above
            audit.sudo().write(
                {
                    "state": "done",
                    "date_visit": audit.date_visit or fields.Date.context_today(audit),
                }
            )
        self.sudo().activity_ids.unlink()
        self.sudo()._tell_owners()
        return True

    def _check_judge(self, states):
        self.check_access("write")
        if any(not audit.may_judge for audit in self):
            raise AccessError(
                self.env._("Managers decide about visits, and never about visits to themselves.")
            )
        if any(audit.state not in states for audit in self):
            raise UserError(self.env._("This cannot be done with the visit as it is now."))

    def action_send_back(self):
        """Something is missing: the auditor fills in the sheet again."""
        self._check_judge(("done",))
        self.sudo().write({"state": "planned"})
        self.sudo().activity_ids.unlink()
        self.sudo()._tell_auditors()
        return True

    def action_publish(self):
        """From now on those who were audited see it; the lowest standards are to grow."""
        self._check_judge(("done",))
        for audit in self.sudo():  # sudo: the engine writes; rights checked above
            today = fields.Date.context_today(audit)
            audit.write(
                {
                    "state": "published",
                    "published_at": self.env.cr.now(),
                    "published_by_id": self.env.uid,
                    "objection_until": today + timedelta(days=audit.plan_id.objection_days),
                }
            )
        self.sudo().activity_ids.unlink()
        self.sudo()._tell_audited()
        self.env["care.audit.growth"].sudo()._grow(self.sudo())
        return True

    def action_cancel(self):
        self._check_judge(("planned", "done"))
        self.sudo().write({"state": "cancelled"})
        self.sudo().activity_ids.unlink()
        return True

    def action_object(self):
        """Ask the audited person why it is not right."""
        self.ensure_one()
        self.check_access("read")
        self._check_may_object()
        return self._ask_words(self.env._("Objection"), "object")

    def action_reply_accept(self):
        return self._ask_reply(self.env._("Accept the Objection"), "accept")

    def action_reply_reject(self):
        return self._ask_reply(self.env._("Do Not Accept the Objection"), "reject")

    def _ask_reply(self, name, kind):
        self.ensure_one()
        self._check_may_reply()
        return self._ask_words(name, kind)

    def _ask_words(self, name, kind):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "care.audit.objection",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_audit_id": self.id, "default_kind": kind},
        }

    def _check_may_object(self):
        if not self.may_object:
            raise UserError(
                self.env._(
                    "The audited person, or the leader of the team, may object once, until the "
                    "day that stands on the visit."
                )
            )

    def _check_may_reply(self):
        self._check_judge(("published",))
        if self.objection_state != "open":
            raise UserError(self.env._("There is no objection to be answered."))
        if not self.may_reply:
            raise AccessError(
                self.env._(
                    "Nobody answers their own objection, or one about their own team: another "
                    "manager does."
                )
            )

    def _object(self, words, lines):
        """The audited person says why it is not right.

        :param lines: the answers meant; none: all of them
        """
        self.ensure_one()
        self.check_access("read")
        self._check_may_object()
        it = self.sudo()  # sudo: the engine writes; rights checked above
        (it.line_ids & lines.sudo() if lines else it.line_ids).write({"is_objected": True})
        it.write(
            {
                "objection_state": "open",
                "objection": words,
                "objected_at": self.env.cr.now(),
                "objected_by_id": self.env.uid,
            }
        )
        it._tell_owners()

    def _reply(self, words, accepted):
        """The plan's owner answers; what is accepted does not count any more."""
        self.ensure_one()
        self._check_may_reply()
        it = self.sudo()  # sudo: the engine writes; rights checked above
        it.write(
            {
                "objection_state": "accepted" if accepted else "rejected",
                "reply": words,
                "replied_at": self.env.cr.now(),
                "replied_by_id": self.env.uid,
            }
        )
        if accepted:
            it.line_ids.filtered("is_objected").write({"is_excluded": True})
        it.activity_ids.unlink()
        it._notify_people(
            it.objected_by_id,
            lambda audit: audit.env._("Your objection was answered: %s", audit.display_name),
            words,
        )

    # ------------------------------------------------------------
    # Telling people
    # ------------------------------------------------------------

    def _tell_auditors(self):
        """One task for each auditor and visit."""
        self.env["mail.activity"]._care_tell(
            "customer_care_survey.mail_activity_type_audit",
            [
                (
                    audit,
                    audit.auditor_id,
                    lambda theirs: {
                        "summary": theirs.env._("Visit: %s", theirs.display_name),
                        "date_deadline": theirs.date_planned,
                    },
                )
                for audit in self
            ],
        )

    def _tell_owners(self):
        """One task for the plan's owner: a sheet to publish, an objection to answer; never about
        a visit to themselves, nor about an objection of their own or their team's.
        """
        told = []
        for audit in self:
            owner = audit.plan_id.owner_id
            barred = audit._parties() if audit.objection_state == "open" else audit.audited_id
            if owner in barred:
                owner = audit.company_id._care_default_owner(leaving=barred)
            told.append((audit, owner, lambda theirs: {"summary": theirs._word_for_owner()}))
        self.env["mail.activity"]._care_tell("customer_care_survey.mail_activity_type_audit", told)

    def _word_for_owner(self):
        if self.objection_state == "open":
            return self.env._("Objection to be answered: %s", self.display_name)
        return self.env._("Visit to be published: %s", self.display_name)

    def _tell_audited(self):
        for audit in self.filtered(lambda audit: audit.whose == "own"):
            audit._notify_people(
                audit._concerned(),
                lambda it: it.env._("A visit was published: %s", it.display_name),
                audit.env._("You can object until %s.", audit.objection_until),
            )

    def _notify_people(self, users, say, body):
        for user in users:
            theirs = self.with_context(lang=user.lang)
            theirs.message_notify(
                partner_ids=user.partner_id.ids,
                subject=say(theirs),
                body=Markup("<p>%s</p>") % body,
                email_layout_xmlid="mail.mail_notification_light",
            )

    # ------------------------------------------------------------
    # The chatter tells nobody what is hidden from them
    # ------------------------------------------------------------

    def _readers(self, partner_ids):
        """Of these contacts, those with a user who may read all of these visits."""
        partners = self.env["res.partner"].sudo().browse(partner_ids)
        return [
            partner.id
            for partner in partners
            if any(
                all(record.with_user(user).has_access("read") for record in self)
                for user in partner.user_ids
            )
        ]

    def message_subscribe(self, partner_ids=None, subtype_ids=None):
        return super().message_subscribe(self._readers(partner_ids or []), subtype_ids)

    def message_post(self, *, partner_ids=None, **kwargs):
        return super().message_post(partner_ids=self._readers(partner_ids or []), **kwargs)

    def message_notify(self, *, partner_ids=False, **kwargs):
        if self:
            partner_ids = self._readers(partner_ids or [])
            if not partner_ids:
                return self.env["mail.message"]
        return super().message_notify(partner_ids=partner_ids, **kwargs)

    def _notify_get_recipients(self, message, msg_vals=False, **kwargs):
        recipients = super()._notify_get_recipients(message, msg_vals, **kwargs)
        readers = set(self._readers([data["id"] for data in recipients])) if self else set()
        return [data for data in recipients if not self or data["id"] in readers]


class CareAuditLine(models.Model):
    """One answer on the sheet of a visit; question and points are kept as they were then."""

    _name = "care.audit.line"
    _description = "Answer of an audit"
    _order = "audit_id desc, sequence, id"

    audit_id = fields.Many2one("care.audit", required=True, index=True, ondelete="cascade")
    sequence = fields.Integer(default=10, readonly=True)
    question_id = fields.Many2one(
        "care.audit.question",
        "Question of the Plan",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    name = fields.Char("Question", required=True, readonly=True)
    standard_id = fields.Many2one(
        "care.standard",
        "Standard",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    weight = fields.Integer(default=1, readonly=True, aggregator=None)
    choice_id = fields.Many2one(
        "care.audit.choice",
        "Answer",
        index="btree_not_null",
        ondelete="restrict",
        domain="[('question_id', '=', question_id)]",
    )
    note = fields.Char()
    photo = fields.Image(max_width=1920, max_height=1920)
    points = fields.Float(compute="_compute_points", store=True, aggregator="avg", digits=(5, 1))
    counts = fields.Boolean(compute="_compute_points", store=True)
    is_objected = fields.Boolean("Objected To", readonly=True)
    is_excluded = fields.Boolean("Does Not Count", readonly=True)
    state = fields.Selection(related="audit_id.state", store=True, index=True)
    whose = fields.Selection(related="audit_id.whose", store=True)
    company_id = fields.Many2one(related="audit_id.company_id", store=True, index=True)
    audited_id = fields.Many2one(related="audit_id.audited_id", store=True)
    team_id = fields.Many2one(related="audit_id.team_id", store=True)
    stage_id = fields.Many2one(related="audit_id.stage_id", store=True)
    rival_id = fields.Many2one(related="audit_id.rival_id", store=True)
    day = fields.Date("Visited On", related="audit_id.date_visit", store=True)

    _standard_idx = models.Index("(standard_id, day) WHERE counts IS TRUE AND state = 'published'")

    # points as they are when it is chosen: a sheet that is edited later changes no visit
    @api.depends("choice_id", "is_excluded")
    def _compute_points(self):
        for line in self:
            line.counts = bool(line.choice_id.is_seen and not line.is_excluded)
            line.points = line.choice_id.points

    @api.constrains("choice_id", "question_id")
    def _check_choice(self):
        for line in self:
            if line.choice_id and line.choice_id.question_id != line.question_id:
                raise ValidationError(self.env._("Choose one of the answers to “%s”.", line.name))

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise AccessError(
                self.env._("The sheet follows from the plan: add the question there.")
            )
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            refuse_forged(self, set(vals) - {"choice_id", "note", "photo"})
            self.audit_id._check_person_may_change({"line_ids"})
        return super().write(vals)
