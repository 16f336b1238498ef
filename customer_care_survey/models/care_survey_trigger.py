import hashlib
from datetime import timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from odoo.addons.customer_care.models.care_category import SEVERITIES
from odoo.addons.customer_care.models.care_due_mixin import reraise_if_concurrent

from ..tools.scale import usual_bad

#: What was told in a survey is not asked about again.
NOT_BY_SURVEY = "[('channel', '!=', 'survey')]"
#: Whom a regular survey asks if nothing else is said.
CUSTOMERS = "[('sale_order_ids.state', '=', 'sale')]"
#: Days that are looked back to say how many customers a trigger means.
REACH_DAYS = 90
#: Events that are told for a contact: which contact is their occurrence.
CONTACTS = ("contact_done", "case_contact_done")
#: Events that are told for a message: which message is their occurrence.
MESSAGES = ("case_customer_wrote", "case_staff_replied")
#: A case goes on, as :data:`stage_entered` says it of journeys.
CASE_STAGE = "case_stage_entered"
#: Not an event: the calendar says when.
PERIODIC = "periodic"
PRIORITIES = [
    ("0", "Low"),
    ("1", "Normal"),
    ("2", "Important"),
    ("3", "Very important"),
]


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
    language_ids = fields.One2many(
        "care.survey.trigger.language",
        "trigger_id",
        "Other Languages",
        copy=True,
        help="A survey of its own for customers who speak another language. Without a line the "
        "survey above is sent, in their language where it is translated.",
    )
    kind_id = fields.Many2one(
        "care.survey.kind",
        "Kind",
        ondelete="restrict",
        index=True,
        default=lambda self: self.env.ref(
            "customer_care_survey.kind_experience", raise_if_not_found=False
        ),
        help="What customers can refuse in one: the mail offers to send no more of this kind.",
    )
    priority = fields.Selection(
        PRIORITIES,
        default="1",
        required=True,
        help="Who may be asked only one thing at a time is asked the most important: a survey "
        "that would take the place of a more important one that waits is not sent.",
    )
    measures = fields.Char(compute="_compute_measures", help="What the answers are counted as.")
    delay_count = fields.Integer("Ask After", default=1)
    delay_unit = fields.Selection(
        [("hours", "Hours"), ("days", "Days")], default="days", required=True
    )
    delay_kind = fields.Selection(
        [("calendar", "Calendar time"), ("working", "Working time")],
        "Counted In",
        default="calendar",
        required=True,
        help="Working time is that of the company: hours in which it is open, days on which it "
        "works.",
    )
    at_hour = fields.Boolean(
        "At a Certain Hour", help="Send at this time of the customer's own day."
    )
    hour = fields.Float(
        default=10.0, help="Time of day in the customer's own zone, or the company's."
    )
    patience_days = fields.Integer(
        "Wait at Most",
        default=5,
        help="Days that it waits for its turn, where the customer was asked something else a "
        "short time ago. After that the moment has passed and it is not sent.",
    )
    share = fields.Integer(
        "Ask",
        default=100,
        help="Percent of the customers. Who is among them is decided once: the same customer is "
        "always asked by this trigger, or never.",
    )
    reminder_count = fields.Integer(
        "Reminders", default=0, help="Mails to whoever has not answered; 0: none."
    )
    reminder_days = fields.Integer("Remind After", default=4, help="Days after the last mail.")
    reminder_template_id = fields.Many2one(
        "mail.template",
        "Reminder Mail",
        ondelete="restrict",
        domain="[('model', '=', 'care.survey.invitation')]",
        default=lambda self: self.env.ref(
            "customer_care_survey.mail_template_reminder", raise_if_not_found=False
        ),
        help="Empty: the invitation once more.",
    )
    team_ids = fields.Many2many(
        "care.team",
        "care_survey_trigger_team_rel",
        "trigger_id",
        "team_id",
        string="Teams",
        check_company=True,
        help="Only what these teams look after; empty: of all.",
    )
    tier_ids = fields.Many2many(
        "care.tier",
        "care_survey_trigger_tier_rel",
        "trigger_id",
        "tier_id",
        string="Tiers",
        help="Only customers of these tiers; empty: all.",
    )
    categ_ids = fields.Many2many(
        "product.category",
        "care_survey_trigger_categ_rel",
        "trigger_id",
        "categ_id",
        string="Product Categories",
        help="Only about products of these categories, or of those below them.",
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
        "less is bad. It holds for the scale that the first counted question has when it is said; "
        "on another scale of the same survey it is what is usual there.",
    )
    # questions are moved and deleted later: what was said is said of that scale
    bad_scale_min = fields.Integer(
        "Lowest Answer", compute="_compute_bad_scale", store=True, readonly=False, copy=True
    )
    bad_scale_max = fields.Integer(
        "Best Answer", compute="_compute_bad_scale", store=True, readonly=False, copy=True
    )
    case_category_id = fields.Many2one("care.category", "Category of the Case", check_company=True)
    case_severity = fields.Selection(SEVERITIES, "Severity of the Case", default="2", required=True)
    reach = fields.Char("Whom It Means", compute="_compute_reach")
    invitation_count = fields.Integer("Sent", compute="_compute_invitation_count")
    answer_count = fields.Integer("Answered", compute="_compute_invitation_count")
    planned_count = fields.Integer("Planned", compute="_compute_invitation_count")
    skip_count = fields.Integer("Not Sent", compute="_compute_invitation_count")
    answer_rate = fields.Float(
        "Answer Rate", compute="_compute_invitation_count", help="Of what was sent."
    )
    skip_summary = fields.Char(
        "Why Not Sent", compute="_compute_invitation_count", help="How often for which reason."
    )

    _delay_check = models.Constraint(
        "CHECK (delay_count >= 0 AND valid_days >= 0)",
        "Delays cannot be negative.",
    )
    _share_check = models.Constraint(
        "CHECK (share BETWEEN 1 AND 100)", "Ask 1 to 100 percent of the customers."
    )
    _hour_check = models.Constraint(
        "CHECK (hour >= 0 AND hour < 24)", "Times of day lie between 0:00 and 24:00."
    )
    _reminder_check = models.Constraint(
        "CHECK (reminder_count BETWEEN 0 AND 5 AND (reminder_count = 0 OR reminder_days >= 1))",
        "At most five reminders, each a day or more after the mail before it.",
    )
    _patience_check = models.Constraint(
        "CHECK (patience_days >= 1)",
        "“Wait at Most” is one day or more: mails are not sent to the second.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _selection_event(self):
        return [
            *super()._selection_event(),
            ("coverage_end", self.env._("Free service ends")),
            ("contact_done", self.env._("Contact about an order (follow-up done)")),
            ("case_contact_done", self.env._("Contact about a case (follow-up done)")),
            (CASE_STAGE, self.env._("Case entered another stage")),
            ("case_customer_wrote", self.env._("Customer wrote about a case")),
            ("case_staff_replied", self.env._("Somebody of ours answered about a case")),
            ("first_service", self.env._("First order of a service")),
            (PERIODIC, self.env._("Regularly, customers who match")),
        ]

    @api.depends("event")
    def _compute_res_model(self):
        result = super()._compute_res_model()
        self.filtered(lambda trigger: trigger.event == PERIODIC).res_model = "res.partner"
        return result

    @api.depends("survey_id")
    def _compute_measures(self):
        labels = dict(self._measure_selection())
        for trigger in self:
            # sudo: who sets up triggers need not be a user of Surveys; only which
            # measures the survey takes is shown
            questions = trigger.sudo().survey_id.question_ids
            measures = [m for m in questions.mapped("care_measure") if m]
            trigger.measures = ", ".join(labels[m] for m in dict.fromkeys(measures))

    @api.depends("survey_id", "bad_score_max", "open_case")
    def _compute_bad_scale(self):
        for trigger in self:
            first = trigger._first_counted()
            trigger.bad_scale_min, trigger.bad_scale_max = first.scale_min, first.scale_max

    @api.model
    def _measure_selection(self):
        field = self.env["survey.question"]._fields["care_measure"]
        return field._description_selection(self.env)

    @api.depends("event", "res_model", "filter_domain", "company_id")
    def _compute_reach(self):
        since = fields.Datetime.now() - timedelta(days=REACH_DAYS)
        for trigger in self:
            if trigger.event == PERIODIC:
                trigger.reach = trigger._reach_of_customers()
                continue
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
        invitations = self.env["care.survey.invitation"]
        mine = [("trigger_id", "in", self.ids)]
        sent = {
            trigger: (count, answered)
            for trigger, count, answered in invitations._read_group(
                [*mine, ("sent_at", "!=", False)],
                ["trigger_id"],
                ["__count", "answered_at:count"],
            )
        }
        planned = dict(
            invitations._read_group([*mine, ("state", "=", "planned")], ["trigger_id"], ["__count"])
        )
        reasons = dict(invitations._fields["skip_reason"]._description_selection(self.env))
        skipped = {}
        for trigger, reason, count in invitations._read_group(
            [*mine, ("state", "=", "skipped")],
            ["trigger_id", "skip_reason"],
            ["__count"],
            order="__count desc",
        ):
            skipped.setdefault(trigger, []).append((count, reasons.get(reason, "?")))
        for trigger in self:
            count, answered = sent.get(trigger, (0, 0))
            trigger.invitation_count, trigger.answer_count = count, answered
            trigger.answer_rate = answered / count if count else 0
            trigger.planned_count = planned.get(trigger, 0)
            why = skipped.get(trigger, [])
            trigger.skip_count = sum(number for number, _reason in why)
            trigger.skip_summary = ", ".join(f"{reason}: {number}" for number, reason in why)

    @api.constrains("survey_id", "open_case", "language_ids")
    def _check_survey(self):
        for trigger in self:
            # sudo: as in `_compute_measures`
            for survey in trigger.sudo()._surveys():
                if problem := survey._care_problem():
                    raise ValidationError(problem)
            if trigger.open_case and not trigger.measures:
                raise ValidationError(
                    self.env._(
                        "No question of “%s” is measured, so no answer is bad. In Surveys, open a "
                        "question with a scale and choose what its answers count as: "
                        "recommendation (NPS), satisfaction (CSAT) or effort (CES). Or do not "
                        "open cases for bad answers.",
                        trigger.sudo().survey_id.title,
                    )
                )

    @api.constrains("survey_id", "bad_score_max", "open_case", "active")
    def _check_bad_score_max(self):
        """The best answer of a scale must never be a bad one."""
        for trigger in self.filtered(lambda trigger: trigger.active and trigger.open_case):
            low, best = trigger.bad_scale_min, trigger.bad_scale_max
            if best and trigger.bad_score_max >= best:
                questions = trigger._counted()
                question = (
                    questions.filtered(
                        lambda q, scale=(low, best): (q.scale_min, q.scale_max) == scale
                    )
                    or questions
                )[:1]
                raise ValidationError(
                    self.env._(
                        "“%(trigger)s” takes answers up to %(bad)s as bad, but the best "
                        "answer to “%(question)s” is %(best)s: every customer would get a "
                        "case. Lower “Bad Up To” to less than %(best)s (%(proposal)s, for "
                        "example), or do not open cases for bad answers.",
                        trigger=trigger.name,
                        bad=trigger.bad_score_max,
                        question=question.title,
                        best=best,
                        proposal=usual_bad(low, best),
                    )
                )

    @api.onchange("event")
    def _onchange_event(self):
        """Propose not to ask again about what was told in a survey, and whom to ask regularly."""
        regular = self.env.ref(
            "customer_care_survey.mail_template_regular", raise_if_not_found=False
        )
        usual = self.env.ref(
            "customer_care_survey.mail_template_invitation", raise_if_not_found=False
        )
        if self.event == PERIODIC:
            if self._filter().is_true() or self.filter_domain == NOT_BY_SURVEY:
                self.filter_domain = CUSTOMERS
            if self.mail_template_id == usual:
                self.mail_template_id = regular
            return
        if self.filter_domain == CUSTOMERS:
            self.filter_domain = "[]"
        if self.mail_template_id == regular:
            self.mail_template_id = usual
        if self.res_model == "care.case" and self._filter().is_true():
            self.filter_domain = NOT_BY_SURVEY
        elif self.res_model != "care.case" and self.filter_domain == NOT_BY_SURVEY:
            self.filter_domain = "[]"

    @api.onchange("survey_id")
    def _onchange_survey_id(self):
        """Propose what is bad on the scale of this survey."""
        if question := self._first_counted():
            self.bad_score_max = usual_bad(question.scale_min, question.scale_max)

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_open_invitations(self):
        """What was sent."""
        return self._open_invitations([("sent_at", "!=", False)])

    def action_open_planned(self):
        return self._open_invitations([("state", "=", "planned")])

    def action_open_skipped(self):
        """What was not sent, by reason."""
        return self._open_invitations(
            [("state", "=", "skipped")], {"search_default_group_reason": 1}
        )

    def _open_invitations(self, domain, context=None):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_invitation_action"
        )
        action["domain"] = [("trigger_id", "=", self.id), *domain]
        action["context"] = context or {}
        return action

    def action_open_survey(self):
        self.ensure_one()
        return self.survey_id._get_records_action()

    # ------------------------------------------------------------
    # Whom it asks, and what
    # ------------------------------------------------------------

    def _surveys(self):
        """All surveys that this trigger may send."""
        return self.survey_id | self.language_ids.survey_id

    def _survey_for(self, partner):
        """The survey for a person: the one in their language, where there is one. What they
        speak in another country will do, unless the survey itself is in their language.
        """
        self.ensure_one()
        lines = self.language_ids
        line = lines.filtered(lambda line: line.lang_id.code == partner.lang)
        if not line and partner.lang not in self._own_languages():
            spoken = (partner.lang or "").partition("_")[0]
            line = lines.filtered(lambda line: line.lang_id.code.partition("_")[0] == spoken)
        return line[:1].survey_id or self.survey_id

    def _own_languages(self):
        """Codes of the languages that the trigger's own survey is written in."""
        # sudo: as in `_compute_measures`
        codes = self.sudo().survey_id.lang_ids.mapped("code")
        return codes or [(self.company_id or self.env.company).partner_id.lang]

    def _counted(self):
        """The questions whose answers are counted."""
        # sudo: as in `_compute_measures`
        return self.sudo().survey_id.question_ids.filtered("care_measure")

    def _first_counted(self):
        """The question that the mail asks, and on whose scale it is said what is bad."""
        return self._counted()[:1]

    def _bad_up_to(self, low, high):
        """Up to where an answer is bad on a scale from ``low`` to ``high``: never its best one."""
        said = self.open_case and (self.bad_scale_min, self.bad_scale_max) == (low, high)
        return self.bad_score_max if said and self.bad_score_max < high else usual_bad(low, high)

    def _follow_scales(self, scales):
        """What was said of a scale that is no longer asked holds for what it has become.

        :param dict scales: scale -> the scale that a question has instead; each a pair of its
            lowest and highest answer
        """
        for trigger in self:
            said = (trigger.bad_scale_min, trigger.bad_scale_max)
            asked = {(question.scale_min, question.scale_max) for question in trigger._counted()}
            if said in scales and said not in asked:
                low, best = scales[said]
                trigger.write({"bad_scale_min": low, "bad_scale_max": best})
        self._check_bad_score_max()

    def _match(self, records):
        records = super()._match(records)
        if records._name == "res.partner":
            return records
        if self.team_ids:
            records = records.filtered(lambda record: record.team_id in self.team_ids)
        if self.tier_ids:
            records = records.filtered(lambda record: record.tier_id in self.tier_ids)
        if self.categ_ids:
            about = self._about_categories(records)
            records = records.filtered(lambda record: record in about)
        return records

    def _about_categories(self, records):
        """Those of these records that are about products of the trigger's categories: a case
        by its product, or else by its order, a journey by its order.
        """
        wanted = self.env["product.category"].search([("id", "child_of", self.categ_ids.ids)])
        # sudo: what was ordered, whoever causes the event
        orders = records.sudo().order_id
        lines = (
            self.env["sale.order.line"]
            .sudo()
            .search_fetch(
                [
                    ("order_id", "in", orders.ids),
                    ("product_uom_qty", ">", 0),
                    ("product_id.categ_id", "in", wanted.ids),
                ],
                ["order_id"],
            )
        )
        bought = set(lines.order_id.ids)

        def is_about(record):
            product = record._name == "care.case" and record.product_id
            if product:
                return product.categ_id in wanted
            return bool(bought & set(record.order_id.ids))

        return records.filtered(is_about)

    def _is_drawn(self, partner):
        """Whether this person is among the share that is asked: the same every time."""
        self.ensure_one()
        if self.share >= 100:
            return True
        drawn = hashlib.sha256(f"{self.id}-{partner.id}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") % 100 < self.share

    # ------------------------------------------------------------
    # When
    # ------------------------------------------------------------

    def _ask_at(self, company, partner, moment, memo):
        """When to ask a person about what happened at ``moment``.

        :param datetime moment: naive UTC
        :param dict memo: what one batch shares, filled here
        :return: naive UTC
        """
        self.ensure_one()
        key = (company, moment)
        if key not in memo:
            memo[key] = self._delayed(company, moment)
        at = memo[key]
        if not self.at_hour:
            return at
        zone = partner.tz or company._care_tz()
        key = (company, moment, zone)
        if key not in memo:
            # on the day that the delay reaches; of hours, and of today, what has not passed
            day = pytz.utc.localize(at).astimezone(pytz.timezone(zone)).date()
            memo[key] = self._at_hour_of(zone, day, self.hour)
            if memo[key] < at and not (self.delay_unit == "days" and self.delay_count):
                memo[key] = self._at_hour_of(zone, day + timedelta(days=1), self.hour)
        return memo[key]

    @api.model
    def _at_hour_of(self, zone, day, hour):
        """A time of a day in a zone, naive UTC.

        :param str zone: its name
        """
        at = self.env["care.followup"]._at_hour(pytz.timezone(zone), day, hour)
        return at.astimezone(pytz.utc).replace(tzinfo=None)

    def _delayed(self, company, moment):
        """``moment`` and the delay."""
        if not self.delay_count:
            return moment
        plain = moment + timedelta(**{self.delay_unit: self.delay_count})
        worktime = None
        if self.delay_kind == "working":
            worktime = company._care_worktime_of(company.resource_calendar_id)
        if not worktime:
            return plain
        method, one = ("add_days", 1) if self.delay_unit == "days" else ("add", 3600)
        start, amount = moment.replace(microsecond=0), self.delay_count * one
        try:
            return worktime._apply(method, start, amount)[1]
        except UserError:  # further away than opening hours are known
            return plain

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    def _apply(self, records, event, when):
        """Plan one invitation a record and cycle; whether to send it is decided then."""
        self.ensure_one()
        return self.env["care.survey.invitation"]._plan(self._prepare_rows(records, event, when))

    def _prepare_rows(self, records, event, when):
        """Column values of the invitations that ``event`` plans: nothing is written.

        :param dict when: record -> (moment of the event, its occurrence)
        """
        ends = self._coverage_ends(records) if event == "coverage_end" else {}
        memo, vals_list = {}, []
        for record in records:
            partner = record._care_partner()
            moment, occurrence = when[record]
            if event == "coverage_end":
                moment = ends.get(record)
            if not moment or not self._is_drawn(partner):
                continue
            at = self._ask_at(record.company_id, partner, moment, memo)
            vals_list.append(
                {
                    "state": "planned",
                    "attempts": 0,
                    "trigger_id": self.id,
                    record._care_link: record.id,
                    "followup_id": occurrence if event in CONTACTS else False,
                    "occurrence": occurrence,
                    "cycle": record.cycle,
                    "company_id": record.company_id.id,
                    "partner_id": partner.id,
                    "address": partner.email_normalized,
                    "reminder_count": 0,
                    "planned_for": at,
                    "next_at": max(at, self.env.cr.now()),
                }
            )
        return vals_list

    def _coverage_ends(self, records):
        """When the free service of these journeys ends: dict journey -> naive UTC."""
        last = {}
        for line, day in self.env["care.policy"]._covered_lines(records).items():
            order = line.order_id
            last[order] = max(day, last.get(order, day))
        ends = {}
        for record in records:
            if day := last.get(record.sudo().order_id):
                ends[record] = self._at_hour_of(record.company_id._care_tz(), day, 24)
        return ends


class CareSurveyTriggerLanguage(models.Model):
    """The survey for customers who speak another language."""

    _name = "care.survey.trigger.language"
    _description = "Survey in another language"
    _order = "lang_id, id"
    _rec_name = "lang_id"

    trigger_id = fields.Many2one(
        "care.survey.trigger", required=True, ondelete="cascade", index=True
    )
    lang_id = fields.Many2one(
        "res.lang",
        "Language",
        required=True,
        ondelete="cascade",
        domain="[('active', '=', True)]",
    )
    survey_id = fields.Many2one(
        "survey.survey",
        "Survey",
        required=True,
        ondelete="restrict",
        index=True,
        domain="[('users_login_required', '=', False)]",
    )

    _lang_uniq = models.UniqueIndex(
        "(trigger_id, lang_id)", "There is already a survey in this language."
    )

    @api.constrains("survey_id")
    def _check_survey(self):
        self.trigger_id._check_survey()
