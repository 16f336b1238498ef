import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import consteq, format_date, hmac

from odoo.addons.customer_care.models.care_due_mixin import reraise_if_concurrent
from odoo.addons.customer_care.models.care_technical_mixin import TECHNICAL

from .mail_batch import MailBatch

_logger = logging.getLogger(__name__)

#: Why something is not sent, or not yet: see ``care_survey_guard``.
REASONS = [
    ("record_over", "Reopened or cancelled"),
    ("order_cancelled", "The order was cancelled"),
    ("trigger_off", "Trigger switched off"),
    ("survey_closed", "Survey cannot be answered"),
    ("expired", "The moment has passed"),
    ("no_survey", "Wants no surveys"),
    ("opted_out", "Wants none of this kind"),
    ("no_consent", "Has not agreed to this kind"),
    ("no_email", "No valid e-mail address"),
    ("bounced", "Mails come back"),
    ("open_complaint", "Open complaint"),
    ("unpaid_refund", "Refund not paid yet"),
    ("customer_hours", "Outside the customer's hours"),
    ("quiet", "Asked only recently"),
    ("often", "Asked often enough"),
    ("reserved", "A more important one comes first"),
]


class CareSurveyInvitation(models.Model):
    """A survey sent to one person about one journey or case, or in one round of a regular
    survey, and what came of it.

    The answer itself belongs to Surveys; this row knows why it was asked, whether it
    was sent and, when it was not, why not.
    """

    _name = "care.survey.invitation"
    _description = "Survey"
    _inherit = ["care.due.mixin", "care.linked.mixin"]
    _order = "id desc"
    _due_cron = "customer_care_survey.ir_cron_invitations"
    # what a batch asks once (complaints, refunds, turns, the template) is shared by more rows
    _due_batch = 500
    _technical_fields = TECHNICAL | {"address", "cycle"}

    state = fields.Selection(
        selection_add=[
            ("planned",),
            ("sent", "Sent"),
            ("answered", "Answered"),
            ("done", "Handled"),
            ("skipped", "Not Sent"),
            ("cancelled",),
        ],
        ondelete={
            "sent": "set default",
            "answered": "set default",
            "skipped": "set default",
        },
    )
    trigger_id = fields.Many2one(
        "care.survey.trigger",
        "Trigger",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="Why this survey is sent.",
    )
    kind_id = fields.Many2one(related="trigger_id.kind_id")
    round_id = fields.Many2one(
        "care.survey.round",
        "Round",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
        help="The round of the regular survey, where it is about no journey or case.",
    )
    followup_id = fields.Many2one(
        "care.followup",
        "Contact",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The contact that the customer is asked about.",
    )
    occurrence = fields.Integer(
        default=1,
        readonly=True,
        help="Which time it is that the event happened; of contacts, which contact.",
    )
    cycle = fields.Integer(default=1, readonly=True, help="The cycle of the journey or case.")
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, index=True
    )
    subject = fields.Char("About", compute="_compute_subject")
    planned_for = fields.Datetime("Planned For", readonly=True, copy=False)
    sent_at = fields.Datetime("Sent At", readonly=True, copy=False)
    answered_at = fields.Datetime("Answered At", readonly=True, copy=False)
    address = fields.Char(
        "Sent To",
        readonly=True,
        copy=False,
        help="Of what is planned: to be sent to. Whoever has the same address is the same person.",
    )
    skip_reason = fields.Selection(
        REASONS,
        "Why Not Sent",
        readonly=True,
        copy=False,
        help="Of what is still planned: why not yet.",
    )
    skip_note = fields.Char("More on That", readonly=True, copy=False)
    reminder_count = fields.Integer("Reminders", readonly=True, copy=False)
    reminded_at = fields.Datetime("Reminded At", readonly=True, copy=False)
    reminder_reason = fields.Selection(
        REASONS,
        "Why No Reminder",
        readonly=True,
        copy=False,
        help="Of a reminder that is still to come: why not yet.",
    )
    user_input_id = fields.Many2one(
        "survey.user_input",
        "Answer",
        readonly=True,
        copy=False,
        ondelete="set null",
        # who works the register is no user of Surveys
        groups="survey.group_survey_user",
    )
    score_ids = fields.One2many("care.survey.score", "invitation_id", "Scores")
    score_text = fields.Char("Score", compute="_compute_score_text")
    comment = fields.Text("What They Wrote", compute="_compute_score_text")
    recovery_case_ids = fields.One2many("care.case", "survey_invitation_id")
    suggestion_case_ids = fields.One2many("care.case", "survey_suggestion_id")
    recovery_case_id = fields.Many2one(
        "care.case", "Case Opened", compute="_compute_recovery_case_id"
    )

    _one_record = models.Constraint(
        "CHECK (num_nonnulls(journey_id, case_id, round_id) = 1)",
        "Each row is about one journey, one case or one round of a regular survey.",
    )
    _round_uniq = models.UniqueIndex(
        "(round_id, partner_id) WHERE round_id IS NOT NULL",
        "This customer is asked already.",
    )
    _journey_uniq = models.UniqueIndex(
        "(trigger_id, journey_id, occurrence) WHERE journey_id IS NOT NULL",
        "This customer is asked already.",
    )
    _case_uniq = models.UniqueIndex(
        "(trigger_id, case_id, occurrence) WHERE case_id IS NOT NULL",
        "This customer is asked already.",
    )
    _user_input_uniq = models.UniqueIndex(
        "(user_input_id) WHERE user_input_id IS NOT NULL",
        "This answer belongs to another invitation.",
    )
    _recent_idx = models.Index("(partner_id, sent_at) WHERE sent_at IS NOT NULL")
    _address_idx = models.Index("(address, sent_at) WHERE address IS NOT NULL")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("subject")
    def _compute_display_name(self):
        # also the title that the mail's layout shows to the customer
        for row in self:
            row.display_name = row.subject

    @api.depends("case_id", "journey_id", "round_id")
    def _compute_subject(self):
        # sudo: number or order of what the customer is asked about, nothing more
        for row in self.sudo():
            if row.round_id:
                row.subject = row._survey().title or row.round_id.display_name
            else:
                record = row._record()
                row.subject = record.display_name if row.case_id else record.name

    @api.depends("score_ids")
    def _compute_score_text(self):
        for row in self:
            row.score_text = ", ".join(row.score_ids.mapped("display_name"))
            row.comment = row.score_ids[:1].comment

    def _compute_recovery_case_id(self):
        cases = self.env["care.case"].search([("survey_invitation_id", "in", self.ids)])
        by_row = {case.survey_invitation_id.id: case for case in cases}
        for row in self:
            row.recovery_case_id = by_row.get(row.id, False)

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_retry(self):
        rows = self.sudo().filtered(lambda row: row.state == "failed")
        result = super().action_retry()
        # what was answered is not asked again: only the effects are tried once more
        rows.filtered("answered_at").write({"state": "answered"})
        # nor is what was sent: only its mail, if no server took it, or the reminder
        waiting = rows.filtered(lambda row: row.sent_at and not row.answered_at)
        waiting.write({"state": "sent"})
        (waiting - waiting._with_refused_mails()).filtered(
            lambda row: row._is_reminder_early()
        )._await_reminder()
        return result

    def action_open_record(self):
        self.ensure_one()
        about = self._record() or self.partner_id
        return about._get_records_action()

    def action_open_recovery_case(self):
        self.ensure_one()
        return self.recovery_case_id._get_records_action()

    def action_open_answer(self):
        """The whole answer, for users of Surveys."""
        self.ensure_one()
        return self.user_input_id._get_records_action()

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    @api.model
    def _cancel_of(self, records, of_now=True):
        """Do not ask about journeys or cases that go on or were cancelled.

        :param of_now: also about what has happened since they were opened the last time
        """
        if not records:
            return
        rows = self.sudo().search(
            [
                (records._care_link, "in", records.ids),
                ("state", "in", ("planned", "failed")),
                ("answered_at", "=", False),
            ]
        )
        if not of_now:
            rows = rows.filtered(lambda row: row.cycle < row[records._care_link].cycle)
        rows._cancel_due({"skip_reason": "record_over"})

    # ------------------------------------------------------------
    # Running
    # ------------------------------------------------------------

    @api.model
    def _claim_due(self):
        """What is due for one person comes in one batch, the most important first: who is
        asked what must not hang on where a batch ends.
        """
        rows = super()._claim_due()
        if not rows:
            return rows
        more = self.search(
            [
                *self._due_domain(),
                ("id", "not in", rows.ids),
                ("company_id", "in", rows.company_id.ids),
                ("answered_at", "=", False),
                "|",
                ("partner_id", "in", rows.partner_id.ids),
                ("address", "in", [a for a in rows.partner_id.mapped("email_normalized") if a]),
            ]
        )
        rows |= more.try_lock_for_update(allow_referencing=True)
        # cut in halves, it is still the most important that comes first
        return rows.sorted(lambda row: row._rank())

    def _run_due(self):
        # without us noticing: our part of answering must never stop theirs
        self.filtered(
            lambda row: row.sent_at and not row.answered_at and row.user_input_id.state == "done"
        )._note_answers()
        answered = self.filtered("answered_at")
        waiting = (self - answered).filtered("sent_at")
        waiting._remind()
        (self - answered - waiting)._ask()
        answered._act_on_answers()

    def _survey(self):
        """The survey that this person was sent, or will be: in their language, where there is
        one; empty where nothing says any more.
        """
        self.ensure_one()
        if sent := self.user_input_id.survey_id:
            return sent
        trigger = self.trigger_id
        return trigger._survey_for(self.partner_id) if trigger else trigger.survey_id

    def _ask(self):
        """Check once more, and send what may be sent."""
        for row in self.filtered(lambda row: row._record()):
            partner = row._record()._care_partner()
            if partner != row.partner_id:
                row.write({"partner_id": partner.id, "address": partner.email_normalized})
        held = self._held_back()
        for row, (reason, note, again) in held.items():
            row.write(
                {
                    "state": "planned" if again else "skipped",
                    "next_at": again and max(again, self._soon()),
                    "error": False,
                    "attempts": 0,
                    "skip_reason": reason,
                    "skip_note": note,
                }
            )
        self._trigger_at([again for _reason, _note, again in held.values()])
        self.filtered(lambda row: row not in held)._send()

    def _soon(self):
        """The first moment that is not now: the engine has looked already."""
        return self.env.cr.now().replace(microsecond=0) + timedelta(minutes=1)

    # ------------------------------------------------------------
    # Sending
    # ------------------------------------------------------------

    def _send(self):
        """One answer row and one mail each; both are only queued here.

        A new answer row for every invitation: one of an earlier survey is never used
        again, so each answer tells of one journey or case.
        """
        if not self:
            return
        surveys = {row: row._survey() for row in self}
        predefined = {
            survey: survey._prepare_user_input_predefined_questions().ids
            for survey in self.env["survey.survey"].union(*surveys.values())
            if survey.questions_selection == "all"
        }
        answers = (
            self.env["survey.user_input"]
            .with_context(tracking_disable=True)
            .create([row._prepare_answer_vals(surveys[row], predefined) for row in self])
        )
        now = self.env.cr.now()
        for row, answer in zip(self, answers, strict=True):
            row.write(
                {
                    "state": "sent",
                    "next_at": row._next_reminder(now, answer.deadline),
                    "error": False,
                    "attempts": 0,
                    "skip_reason": False,
                    "skip_note": False,
                    "sent_at": now,
                    "address": row.partner_id.email_normalized,
                    "user_input_id": answer.id,
                }
            )
        self._trigger_due()
        self._mail("mail_template_id")

    def _mail(self, name):
        """Queue the mails of a batch.

        :param str name: the trigger's field that names the template
        """
        for (company, template), rows in self.grouped(
            lambda row: (row.company_id, row.trigger_id[name] or row.trigger_id.mail_template_id)
        ).items():
            sender = template.with_company(company).with_context(care_mail_batch=MailBatch())
            sender.send_mail_batch(
                rows.ids,
                email_values={"author_id": company.partner_id.id},
                email_layout_xmlid="customer_care.mail_layout",
            )
        if self:
            self._wake_mail_queue()

    # ------------------------------------------------------------
    # Reminders
    # ------------------------------------------------------------

    def _last_mail(self):
        """When this person got the last mail about this survey."""
        self.ensure_one()
        return max(filter(None, (self.sent_at, self.reminded_at)))

    def _next_reminder(self, last, deadline):
        """When to remind whoever has not answered by then; False for not any more.

        :param datetime last: the mail before it
        :param deadline: until when the link works; False for good
        """
        self.ensure_one()
        trigger = self.trigger_id
        if not trigger or self.reminder_count >= trigger.reminder_count:
            return False
        moment = last + timedelta(days=trigger.reminder_days)
        return False if deadline and moment >= deadline else moment

    def _is_reminder_early(self):
        """Whether it is not yet the time to remind, or will never be: somebody may have sent
        the mail again by hand, or have changed the trigger.
        """
        self.ensure_one()
        moment = self._next_reminder(self._last_mail(), False)
        return bool(self.trigger_id) and (not moment or moment > self.env.cr.now())

    def _await_reminder(self):
        """What was sent has reached the person: next comes the reminder, if there is one."""
        for row in self:
            moment = row._next_reminder(row._last_mail(), row.user_input_id.deadline)
            row.write(
                {
                    "next_at": moment and max(moment, self._soon()),
                    "error": False,
                    "attempts": 0,
                }
            )
        self._trigger_due()

    def _remind(self):
        """Remind whoever has not answered, if that is still right; the link stays the same."""
        # fewer reminders than when it was sent
        over = self.filtered(
            lambda row: row.trigger_id and row.reminder_count >= row.trigger_id.reminder_count
        )
        over._await_reminder()
        (self - over)._remind_now()

    def _remind_now(self):
        if not self:
            return
        held = self._held_back()
        for row, (reason, _note, again) in held.items():
            row.write(
                {
                    "next_at": again and max(again, self._soon()),
                    "reminder_reason": reason,
                    "error": False,
                    "attempts": 0,
                }
            )
        now = self.env.cr.now()
        due = self.filtered(lambda row: row not in held)
        for row in due:
            row.write({"reminder_count": row.reminder_count + 1, "reminded_at": now})
            row.write(
                {
                    "next_at": row._next_reminder(now, row.user_input_id.deadline),
                    "reminder_reason": False,
                    "error": False,
                    "attempts": 0,
                }
            )
        self._trigger_due()
        due._mail("reminder_template_id")

    def _prepare_answer_vals(self, survey, predefined):
        """Values of the row that will take the answer, as Surveys would make it.

        :param survey: the one that this person is asked
        :param dict predefined: survey -> ids of its questions, where they are the
            same for everybody
        """
        self.ensure_one()
        trigger, partner = self.trigger_id, self.partner_id
        vals = {
            "survey_id": survey.id,
            "partner_id": partner.id,
            "email": partner.email,
            "nickname": partner.name,
        }
        if survey in predefined:
            vals["predefined_question_ids"] = [fields.Command.set(predefined[survey])]
        if trigger.valid_days:
            vals["deadline"] = self.env.cr.now() + timedelta(days=trigger.valid_days)
        if partner.lang and partner.lang in survey._get_supported_lang_codes():
            vals["lang_id"] = self.env["res.lang"]._get_data(code=partner.lang).id
        # attempts are counted for this invitation alone, and found by it
        vals["invite_token"] = self.env["survey.user_input"]._generate_invite_token()
        return vals

    def _survey_url(self):
        """The customer's own link to the survey."""
        self.ensure_one()
        # sudo: the mail's template is rendered for whoever looks at it
        answer = self.sudo().user_input_id
        if not answer:
            return self.get_base_url()
        return answer.survey_id.get_base_url() + answer.get_start_url()

    def _survey_deadline(self):
        """Until when the link works, in the customer's words; empty: for good."""
        self.ensure_one()
        # sudo: as in `_survey_url`
        deadline = self.sudo().user_input_id.deadline
        return format_date(self.env, deadline) if deadline else ""

    # ------------------------------------------------------------
    # No more of these
    # ------------------------------------------------------------

    def _stop_token(self):
        """What opens this person's page to refuse surveys: of this row and this person."""
        self.ensure_one()
        told = f"{self.id}-{self.partner_id.id}"
        return hmac(self.env(su=True), "customer_care_survey.stop", told)

    def _stop_url(self):
        """The page on which the customer says that they want no more of these."""
        self.ensure_one()
        return f"{self.get_base_url()}/care/survey/stop/{self.id}/{self._stop_token()}"

    @api.model
    def _of_stop_link(self, row_id, token):
        """The row whose link this is, as superuser; empty if it is none of ours."""
        # sudo: the link is the customer's right to their own choice, nothing else is shown
        row = self.sudo().browse(row_id if row_id < 2**31 else []).exists()
        # as bytes: of texts, only plain ones can be compared
        if row and consteq(row._stop_token().encode(), (token or "").encode()):
            return row
        return row.browse()

    def _stop(self, what):
        """The customer refuses surveys, or takes it back; see the route."""
        self.ensure_one()
        consents = self.env["care.survey.consent"]
        everything = self.env["care.survey.kind"]
        kind = self.trigger_id.kind_id
        if what == "again":
            for refused in self._refused():
                consents._say(self.partner_id, self.company_id, refused, "yes")
        else:
            chosen = kind if what == "kind" else everything
            consents._say(self.partner_id, self.company_id, chosen, "no")

    def _refused(self):
        """The kinds that this person has refused, as far as this row's page says: a list with
        its kind, and an empty one for all.
        """
        self.ensure_one()
        said = self.env["care.survey.consent"].search(
            [
                ("partner_id", "=", self.partner_id.id),
                ("company_id", "=", self.company_id.id),
                ("kind_id", "in", [False, self.trigger_id.kind_id.id]),
                ("choice", "=", "no"),
            ]
        )
        return [row.kind_id for row in said]

    # ------------------------------------------------------------
    # Answers
    # ------------------------------------------------------------

    @api.model
    def _answers_arrived(self, answers):
        """Customers have answered: note it, and leave the rest to the cron.

        Runs in the customer's request. Whatever goes wrong with what we make of an
        answer, the answer itself stays.
        """
        self.env.flush_all()
        # sudo: the customer is nobody of ours
        model = self.sudo()
        try:
            with self.env.cr.savepoint():
                rows = model.search(
                    [("user_input_id", "in", answers.ids), ("answered_at", "=", False)]
                )
                rows._note_answers()
        except Exception as error:  # pylint: disable=broad-except
            reraise_if_concurrent(error)
            _logger.exception("The answers %s were not noted", answers.ids)
            return
        try:
            with self.env.cr.savepoint():
                rows._take_scores()
        except Exception as error:  # pylint: disable=broad-except
            reraise_if_concurrent(error)
            _logger.exception("No scores yet from the answers %s", answers.ids)

    def _note_answers(self):
        now = self.env.cr.now()
        if self:
            self.write({"state": "answered", "answered_at": now, "next_at": now})
            self._trigger_due()

    @api.autovacuum
    def _gc_unnoticed_answers(self):
        """The net under :meth:`_answers_arrived`."""
        self.search([("state", "=", "sent"), ("user_input_id.state", "=", "done")])._note_answers()

    def _take_scores(self):
        """Append the scores of these answers, each once."""
        scores = self.env["care.survey.score"]
        return scores._insert_new([vals for row in self for vals in row._prepare_scores_vals()])

    def _prepare_scores_vals(self):
        self.ensure_one()
        comment = self.user_input_id._care_words()
        record = self._record()
        vals_by_measure = {}
        for line in self.user_input_id._care_lines():
            question = line.question_id
            measure = question.care_measure
            # the question may have been changed since it was answered
            if measure and line.answer_type == "scale" and measure not in vals_by_measure:
                vals_by_measure[measure] = {
                    "invitation_id": self.id,
                    "measure": measure,
                    "value": line.value_scale,
                    "scale_min": question.scale_min,
                    "scale_max": question.scale_max,
                    "points": question._care_points(line.value_scale),
                    "comment": comment,
                    "day": fields.Datetime.context_timestamp(
                        self.with_context(tz=self.company_id._care_tz()),
                        self.answered_at,
                    ).date(),
                    "company_id": self.company_id.id,
                    "partner_id": self.partner_id.id,
                    "commercial_partner_id": self.partner_id.commercial_partner_id.id,
                    "case_id": self.case_id.id,
                    "journey_id": self.journey_id.id,
                    "owner_id": record.owner_id.id,
                    "team_id": record.team_id.id,
                }
        return list(vals_by_measure.values())

    def _act_on_answers(self):
        """What an answer asks for, in the cron: a bad one opens a case, once."""
        if not self:
            return
        self._take_scores()
        self.filtered(lambda row: row._is_bad())._open_recovery_cases()
        self.write({"state": "done", "next_at": False, "error": False})

    def _is_bad(self):
        self.ensure_one()
        return self.trigger_id.open_case and any(self.score_ids.mapped("is_bad"))

    def _open_recovery_cases(self):
        cases = self.env["care.case"]
        have = cases.search([("survey_invitation_id", "in", self.ids)])
        for company, rows in (self - have.survey_invitation_id).grouped("company_id").items():
            # who reads the register reads it in the company's language
            rows = rows.with_company(company).with_context(lang=company.partner_id.lang)
            cases.with_env(rows.env).create([row._prepare_recovery_case_vals() for row in rows])

    def _prepare_recovery_case_vals(self):
        """A case that says what the customer answered, and about what."""
        self.ensure_one()
        trigger = self.trigger_id
        category = trigger.case_category_id
        record = self._record()
        worst = min(self.score_ids, key=lambda score: score.value)
        return {
            "name": self.env._(
                # the customer reads it
                "Your feedback on %s",
                self.case_id.number or record.name or self.subject,
            ),
            "description": self.user_input_id._care_told() or worst.display_name,
            "kind": "complaint",
            "channel": "survey",
            "category_id": category.id,
            "severity": trigger.case_severity,
            "team_id": category.team_id.id or record.team_id.id,
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "order_id": record.order_id.id,
            "product_id": self.case_id.product_id.id,
            "journey_id": self.journey_id.id or self.case_id.journey_id.id,
            "received_at": self.answered_at,
            "survey_invitation_id": self.id,
            # an answer about what is confidential is so too
            "confidential": self.case_id.confidential,
        }
