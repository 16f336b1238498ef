from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from odoo.addons.customer_care.models.care_category import SEVERITIES
from odoo.addons.customer_care.models.care_due_mixin import reraise_if_concurrent

#: What was told in a survey is not asked about again.
NOT_BY_SURVEY = "[('channel', '!=', 'survey')]"
#: Days that are looked back to say how many customers a trigger means.
REACH_DAYS = 90


class CareSurveyTrigger(models.Model):
    """Which event asks which customers which survey, and what a bad answer does."""

    _name = "care.survey.trigger"
    _description = "Survey trigger"
    _inherit = ["care.rule.mixin"]
    _check_company_auto = True

    event = fields.Selection(default="case_closed")
    survey_id = fields.Many2one(
        "survey.survey",
        "Survey",
        required=True,
        ondelete="restrict",
        index=True,
        domain="[('users_login_required', '=', False)]",
    )
    measures = fields.Char(compute="_compute_measures", help="What the answers are counted as.")
    delay_count = fields.Integer("Ask After", default=1)
    delay_unit = fields.Selection(
        [("hours", "Hours"), ("days", "Days")], default="days", required=True
    )
    valid_days = fields.Integer(
        "Answer Within",
        default=30,
        help="Days after which the link no longer works; 0: it always does.",
    )
    mail_template_id = fields.Many2one(
        "mail.template",
        "Invitation Mail",
        required=True,
        ondelete="restrict",
        domain="[('model', '=', 'care.survey.invitation')]",
        default=lambda self: self.env.ref(
            "customer_care_survey.mail_template_invitation", raise_if_not_found=False
        ),
    )
    open_case = fields.Boolean(
        "Open a Case for a Bad Answer",
        default=True,
        help="Somebody calls the customer: one case for each bad answer.",
    )
    bad_score_max = fields.Integer(
        "Bad Up To",
        default=6,
        help="An answer of this many points or fewer is bad. For the question whether "
        "they would recommend us, 0 to 6 are the detractors; on a scale from 1 to 5, 2 or "
        "less is bad.",
    )
    case_category_id = fields.Many2one("care.category", "Category of the Case", check_company=True)
    case_severity = fields.Selection(SEVERITIES, "Severity of the Case", default="2", required=True)
    reach = fields.Char("Whom It Means", compute="_compute_reach")
    invitation_count = fields.Integer(compute="_compute_invitation_count")
    answer_count = fields.Integer(compute="_compute_invitation_count")

    _delay_check = models.Constraint(
        "CHECK (delay_count >= 0 AND valid_days >= 0)",
        "Delays cannot be negative.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("survey_id")
    def _compute_measures(self):
        labels = dict(self._measure_selection())
        for trigger in self:
            # sudo: who sets up triggers need not be a user of Surveys; only which
            # measures the survey takes is shown
            questions = trigger.sudo().survey_id.question_ids
            measures = [m for m in questions.mapped("care_measure") if m]
            trigger.measures = ", ".join(labels[m] for m in dict.fromkeys(measures))

    @api.model
    def _measure_selection(self):
        field = self.env["survey.question"]._fields["care_measure"]
        return field._description_selection(self.env)

    @api.depends("event", "res_model", "filter_domain", "company_id")
    def _compute_reach(self):
        since = fields.Datetime.now() - timedelta(days=REACH_DAYS)
        for trigger in self:
            records = self.env[trigger.res_model or "care.case"]
            day = "received_at" if records._name == "care.case" else "create_date"
            domain = Domain(day, ">=", since) & Domain(
                "company_id", "in", (trigger.company_id or self.env.companies).ids
            )
            try:
                wanted = trigger._filter()
                of, count = records.search_count(domain), records.search_count(domain & wanted)
            except Exception as error:  # pylint: disable=broad-except
                reraise_if_concurrent(error)
                trigger.reach = False  # it is refused when it is saved
                continue
            if wanted.is_true():
                trigger.reach = self.env._(
                    "No filter: every customer is asked. The last %(days)s days had %(of)s such "
                    "records.",
                    days=REACH_DAYS,
                    of=of,
                )
            else:
                trigger.reach = self.env._(
                    "%(count)s of the %(of)s records of the last %(days)s days match.",
                    count=count,
                    of=of,
                    days=REACH_DAYS,
                )

    def _compute_invitation_count(self):
        counts = {
            trigger: (count, answered)
            for trigger, count, answered in self.env["care.survey.invitation"]._read_group(
                [("trigger_id", "in", self.ids), ("sent_at", "!=", False)],
                ["trigger_id"],
                ["__count", "answered_at:count"],
            )
        }
        for trigger in self:
            trigger.invitation_count, trigger.answer_count = counts.get(trigger, (0, 0))

    @api.constrains("survey_id")
    def _check_survey(self):
        for trigger in self:
            # sudo: as in `_compute_measures`
            problem = trigger.sudo().survey_id._care_problem()
            if problem:
                raise ValidationError(problem)
            if not trigger.measures:
                raise ValidationError(
                    self.env._(
                        "No question of “%s” is measured. In Surveys, open a question "
                        "with a scale and choose what its answers count as: "
                        "recommendation (NPS), satisfaction (CSAT) or effort (CES).",
                        trigger.sudo().survey_id.title,
                    )
                )

    @api.constrains("survey_id", "bad_score_max", "open_case", "active")
    def _check_bad_score_max(self):
        """The best answer of a scale must never be a bad one."""
        for trigger in self.filtered("open_case"):
            # sudo: as in `_compute_measures`
            questions = trigger.sudo().survey_id.question_ids.filtered("care_measure")
            for question in questions.sorted("scale_max")[:1]:
                if trigger.bad_score_max >= question.scale_max:
                    raise ValidationError(
                        self.env._(
                            "“%(trigger)s” takes answers up to %(bad)s as bad, but the best "
                            "answer to “%(question)s” is %(best)s: every customer would get a "
                            "case. Lower “Bad Up To” to less than %(best)s (%(proposal)s, for "
                            "example), or do not open cases for bad answers.",
                            trigger=trigger.name,
                            bad=trigger.bad_score_max,
                            question=question.title,
                            best=question.scale_max,
                            proposal=questions._care_bad_score_max(),
                        )
                    )

    @api.onchange("event")
    def _onchange_event(self):
        """Propose not to ask again about what was told in a survey."""
        if self.res_model == "care.case" and self._filter().is_true():
            self.filter_domain = NOT_BY_SURVEY
        elif self.res_model != "care.case" and self.filter_domain == NOT_BY_SURVEY:
            self.filter_domain = "[]"

    @api.onchange("survey_id")
    def _onchange_survey_id(self):
        """Propose what is bad on the scale of this survey."""
        # sudo: as in `_compute_measures`
        questions = self.sudo().survey_id.question_ids.filtered("care_measure")
        if questions:
            self.bad_score_max = questions._care_bad_score_max()

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_open_invitations(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_invitation_action"
        )
        action["domain"] = [("trigger_id", "=", self.id)]
        return action

    def action_open_survey(self):
        self.ensure_one()
        return self.survey_id._get_records_action()

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    def _apply(self, records, event, when):
        """Plan one invitation a record and cycle; whether to send it is decided then."""
        self.ensure_one()
        if not records:
            return self.env["care.survey.invitation"]
        delay = timedelta(**{self.delay_unit: self.delay_count})
        return self.env["care.survey.invitation"]._plan(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "trigger_id": self.id,
                    record._care_link: record.id,
                    "occurrence": when[record][1],
                    "cycle": record.cycle,
                    "company_id": record.company_id.id,
                    "partner_id": record._care_partner().id,
                    "planned_for": when[record][0] + delay,
                    "next_at": max(when[record][0] + delay, self.env.cr.now()),
                }
                for record in records
            ]
        )
