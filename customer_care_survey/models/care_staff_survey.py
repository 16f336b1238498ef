"""Asking our own people, anonymously.

Who was asked and what was answered never meet. An invitation knows a person and whether they
still need a reminder. An answer is no record at all: while a round is open, it is added to the
numbers in the boxes of :mod:`care_staff_box`; when it is closed, the boxes become results, as far
as enough people answered, and are gone.
"""

from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, format_date

from odoo.addons.customer_care.models.care_guard import check_targets
from odoo.addons.customer_care.models.care_technical_mixin import TECHNICAL

#: Fewer answers than this are never shown, whatever the settings say.
LEAST = 3
#: Unless the settings say otherwise.
USUAL_LEAST = 5
#: People written to in one transaction.
CHUNK = 50


class CareStaffSurvey(models.Model):
    """One round: whom we ask which survey, until when."""

    _name = "care.staff.survey"
    _description = "Staff survey"
    _inherit = ["care.due.mixin"]
    _order = "date_end desc, id desc"
    _check_company_auto = True
    _due_cron = "customer_care_survey.ir_cron_staff_surveys"
    _due_batch = 1
    _technical_fields = TECHNICAL | {"last_id", "step", "least"}
    _due_user_fields = frozenset(
        {"name", "survey_id", "company_id", "team_ids", "about_id", "date_end", "reminder_days"}
    )

    name = fields.Char(required=True, translate=True)
    state = fields.Selection(
        selection_add=[("draft", "Draft"), ("planned", "Open"), ("done", "Closed")],
        default="draft",
        copy=False,
        ondelete={"draft": "cascade"},
    )
    step = fields.Selection(
        [("ask", "Asking"), ("remind", "Reminding"), ("close", "Open")],
        readonly=True,
        copy=False,
    )
    survey_id = fields.Many2one(
        "survey.survey",
        "Survey",
        index=True,
        ondelete="set null",
        domain="[('care_staff', '=', True)]",
        help="One that is marked as an anonymous staff survey.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    team_ids = fields.Many2many(
        "care.team",
        "care_staff_survey_team_rel",
        "staff_survey_id",
        "team_id",
        string="Who Is Asked",
        check_company=True,
        help="The members and leaders of these teams; empty: everybody who works in the company.",
    )
    about_id = fields.Many2one(
        "care.team",
        "About the Service Of",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="Another team, whose internal customers are asked. Its own people are not.",
    )
    date_end = fields.Date(
        "Open Until",
        required=True,
        default=lambda self: fields.Date.context_today(self) + timedelta(days=14),
        help="The last day on which it can be answered. Then the results are shown.",
    )
    reminder_days = fields.Integer(
        "Remind After (days)",
        default=7,
        help="One reminder to whoever has not answered by then; 0: none.",
    )
    trigger_id = fields.Many2one(
        "care.survey.trigger", "Trigger", readonly=True, index="btree_not_null", ondelete="set null"
    )
    least = fields.Integer(
        "Shown From (answers)",
        readonly=True,
        copy=False,
        help="As the settings said when people were asked: it does not change any more.",
    )
    asked_on = fields.Date("Asked On", readonly=True, copy=False)
    last_id = fields.Integer(readonly=True, copy=False, aggregator=None)
    asked_count = fields.Integer("Asked", readonly=True, copy=False)
    answer_count = fields.Integer(
        "Answered",
        readonly=True,
        copy=False,
        help="How many people answered, known when it is closed.",
    )
    is_shown = fields.Boolean(
        "Results Shown",
        readonly=True,
        copy=False,
        help="Enough people answered. Otherwise what they said was deleted unseen.",
    )
    invitation_ids = fields.One2many(
        "care.staff.invitation", "staff_survey_id", "Who Was Asked", readonly=True
    )
    result_ids = fields.One2many(
        "care.staff.result", "staff_survey_id", "Results", readonly=True, copy=False
    )
    can_answer = fields.Boolean(compute="_compute_can_answer")

    _reminder_check = models.Constraint(
        "CHECK (reminder_days >= 0)", "Days to the reminder are a number of 0 or more."
    )

    # ------------------------------------------------------------
    # Fields and checks
    # ------------------------------------------------------------

    @api.depends_context("uid")
    @api.depends("state")
    def _compute_can_answer(self):
        # sudo: the person's own invitation
        open_ones = self.env["care.staff.invitation"].sudo()._open_for(self.env.user)
        for row in self:
            row.can_answer = row._origin in open_ones.staff_survey_id

    @api.constrains("survey_id")
    def _check_survey(self):
        for row in self:
            # sudo: who asks need not be a user of Surveys
            survey = row.sudo().survey_id
            if survey and not survey.care_staff:
                raise ValidationError(
                    self.env._(
                        "“%s” is not marked as an anonymous staff survey: its answers have names.",
                        survey.title,
                    )
                )

    @api.constrains("team_ids", "about_id")
    def _check_about(self):
        for row in self:
            if row.about_id in row.team_ids:
                raise ValidationError(
                    self.env._(
                        "“%s” is asked about its own service. Ask the teams that it serves.",
                        row.about_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            check_targets(self, vals_list)
            # defaults in a context forge nothing
            forged = {f"default_{name}" for name in set(self._fields) - self._due_user_fields}
            context = {k: v for k, v in self.env.context.items() if k not in forged}
            # pylint: disable-next=context-overridden
            self = self.with_context(context)  # noqa: PLW0642
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su:
            check_targets(self, [vals])
            if any(row.state != "draft" for row in self):
                raise UserError(
                    self.env._(
                        "People were asked already: what they were told stays as it is. Close it "
                        "and ask anew."
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_asked(self):
        if not self.env.su and any(row.state != "draft" for row in self):
            raise UserError(self.env._("People were asked already: this is kept."))

    # ------------------------------------------------------------
    # People's gestures
    # ------------------------------------------------------------

    def _check_manages(self):
        self.check_access("write")
        if not self.env.user.has_group("customer_care.group_manager"):
            raise AccessError(self.env._("Managers ask the staff."))

    def action_ask(self):
        """Ask these people now."""
        self._check_manages()
        for row in self:
            if row.state != "draft":
                raise UserError(self.env._("This was asked already."))
        # sudo: the engine writes; rights checked above
        self.sudo()._ask()
        return True

    def action_close(self):
        """Before the day that people were told, if everybody answered or nobody should."""
        self._check_manages()
        for row in self:
            if row.state not in ("planned", "failed"):
                raise UserError(self.env._("Only what is open can be closed."))
        # sudo: the engine writes; rights checked above
        self.sudo()._close()
        return True

    def action_answer(self):
        """The page on which the present user answers, or how it looks."""
        self.ensure_one()
        self.check_access("read")
        return {"type": "ir.actions.act_url", "url": self._page_url(), "target": "new"}

    def action_open_results(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_staff_result_action"
        )
        action["domain"] = [("staff_survey_id", "=", self.id)]
        return action

    def _page_url(self):
        """The same for everybody: nothing in it says whose answer it will be."""
        self.ensure_one()
        return f"/care/staff/{self.id}"

    # ------------------------------------------------------------
    # Asking
    # ------------------------------------------------------------

    def _people(self):
        """Who is asked."""
        self.ensure_one()
        if self.team_ids:
            users = self.team_ids.member_ids | self.team_ids.leader_id
        else:
            users = self.env["res.users"].search([("company_id", "=", self.company_id.id)])
        users = users.filtered(
            lambda user: user.active and not user.share and self.company_id in user.company_ids
        )
        return users - (self.about_id.member_ids | self.about_id.leader_id)

    def _ask(self):
        """Open the boxes and plan the invitations; mails are sent by the cron."""
        for row in self:
            problem = row._problem()
            if problem:
                raise UserError(problem)
            users = row._people()
            least = max(row.company_id.care_staff_min_count or USUAL_LEAST, LEAST)
            if len(users) < least:
                raise UserError(
                    self.env._(
                        "Only %(count)s people would be asked, and results are shown from "
                        "%(least)s answers on. Ask more people.",
                        count=len(users),
                        least=least,
                    )
                )
            # by name, so that the order says nothing
            self.env["care.staff.invitation"].create(
                [
                    {"staff_survey_id": row.id, "company_id": row.company_id.id, "user_id": user.id}
                    for user in users.sorted(lambda user: (user.name, user.id))
                ]
            )
            self.env["care.staff.box"]._open(row, users, least)
            row.write(
                {
                    "state": "planned",
                    "step": "ask",
                    "least": least,
                    "asked_on": row._today(),
                    "asked_count": len(users),
                    "last_id": 0,
                    "attempts": 0,
                    "error": False,
                    "next_at": self.env.cr.now().replace(microsecond=0),
                }
            )
        self._trigger_due()

    def _problem(self):
        """Why this cannot be asked; empty when it can."""
        survey = self.survey_id
        if not survey or not survey.care_staff:
            return self.env._("Choose a survey that is marked as an anonymous staff survey.")
        if not survey.active or not survey.question_ids:
            return self.env._("The survey “%s” is closed or has no questions.", survey.title)
        if self.date_end < self._today():
            return self.env._("“Open Until” is over already. Choose a later day.")
        return ""

    def _today(self):
        return fields.Date.context_today(self.with_context(tz=self.company_id._care_tz()))

    def _ends_at(self):
        """The end of the last day, naive UTC."""
        zone = pytz.timezone(self.company_id._care_tz())
        end = zone.localize(datetime.combine(self.date_end + timedelta(days=1), time.min))
        return end.astimezone(pytz.utc).replace(tzinfo=None)

    @api.model
    def _due_domain(self):
        # one chunk after the other: `_run_due` puts the next a moment ahead
        return [("next_at", "<=", self.env.cr.now() + timedelta(seconds=1))]

    def _run_due(self):
        for row in self:
            end = row._ends_at()
            if row.step == "close" or end <= self.env.cr.now():
                row._close()
                continue
            template = f"customer_care_survey.mail_template_staff_{row.step}"
            domain = [("staff_survey_id", "=", row.id), ("id", ">", row.last_id)]
            if row.step == "remind":
                domain.append(("answered", "=", False))
            people = self.env["care.staff.invitation"].search(domain, order="id", limit=CHUNK)
            if people:
                people._mail(template)
                row.write(
                    {
                        "last_id": people[-1].id,
                        "next_at": self.env.cr.now().replace(microsecond=0) + timedelta(seconds=1),
                        "attempts": 0,
                        "error": False,
                    }
                )
                continue
            remind = self.env.cr.now().replace(microsecond=0) + timedelta(days=row.reminder_days)
            again = row.step == "ask" and row.reminder_days and remind < end
            row.write(
                {
                    "step": "remind" if again else "close",
                    "last_id": 0,
                    "next_at": remind if again else end,
                    "attempts": 0,
                    "error": False,
                }
            )
        self._trigger_due()

    # ------------------------------------------------------------
    # Answering
    # ------------------------------------------------------------

    def _take(self, user, given):
        """Count what somebody answers; nothing keeps who it was.

        :param user: who answers
        :param dict given: question id -> a text, or for several choices a list of ids
        :return: dict question id -> what is wrong with its answer; empty: it was counted
        :raise UserError: this person may not answer, or has done so already
        """
        self.ensure_one()
        boxes = self._boxes_for(user)
        errors = boxes._errors(given)
        if errors:
            return errors
        self.env.flush_all()
        # who presses twice is counted once: the second has to wait for the first
        done = self.env.execute_query(
            SQL(
                """UPDATE care_staff_invitation SET answered = TRUE
                WHERE staff_survey_id = %s AND user_id = %s AND answered IS NOT TRUE
                RETURNING id""",
                self.id,
                user.id,
            )
        )
        self.env["care.staff.invitation"].invalidate_model(["answered"])
        if self.state != "planned" or not done:
            raise UserError(self.env._("This was answered already, or is closed."))
        boxes._add(given)
        return {}

    def _boxes_for(self, user):
        """The boxes that the answers of this person go to, as superuser."""
        boxes = self.env["care.staff.box"].sudo()
        boxes = boxes.search([("staff_survey_id", "=", self.id)], order="sequence, id")
        teams = boxes.team_id.filtered(lambda team: user in team.member_ids | team.leader_id)
        return boxes.filtered(lambda box: box.team_id == teams[:1])

    def _close(self):
        """Show what may be shown, and forget the rest."""
        for row in self:
            count = self.env["care.staff.invitation"].search_count(
                [("staff_survey_id", "=", row.id), ("answered", "=", True)]
            )
            boxes = self.env["care.staff.box"].search([("staff_survey_id", "=", row.id)])
            if count >= row.least:
                self.env["care.staff.result"].create(boxes._results(row.least))
            boxes.unlink()
            row.invitation_ids.write({"answered": False})
            row.write(
                {
                    "state": "done",
                    "step": False,
                    "answer_count": count,
                    "is_shown": count >= row.least,
                    "next_at": False,
                    "attempts": 0,
                    "error": False,
                }
            )


class CareStaffInvitation(models.Model):
    """Who was asked, and whether a reminder is still needed. It keeps no time of anything."""

    _name = "care.staff.invitation"
    _description = "Invitation to a staff survey"
    _inherit = ["care.engine.mixin"]
    _order = "staff_survey_id desc, id"
    _rec_name = "user_id"
    _log_access = False

    staff_survey_id = fields.Many2one(
        "care.staff.survey", "Staff Survey", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, index=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", "Who", required=True, index=True, ondelete="cascade")
    answered = fields.Boolean("Needs No Reminder", groups=fields.NO_ACCESS)

    _once = models.UniqueIndex("(staff_survey_id, user_id)", "This person is asked already.")

    @api.model
    def _open_for(self, user):
        """What this person can answer now, as superuser."""
        return self.search(
            [
                ("user_id", "=", user.id),
                ("answered", "=", False),
                ("staff_survey_id.state", "=", "planned"),
            ]
        )

    def _mail(self, template):
        """Queue the mails of a batch."""
        for company, rows in self.grouped("company_id").items():
            self.env.ref(template).with_company(company).send_mail_batch(
                rows.ids, email_values={"author_id": company.partner_id.id}
            )
        self.env["care.staff.survey"]._wake_mail_queue()

    def _url(self):
        self.ensure_one()
        return self.get_base_url() + self.staff_survey_id._page_url()

    def _until(self):
        self.ensure_one()
        return format_date(self.env, self.staff_survey_id.date_end)


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_staff_min_count = fields.Integer(
        "Staff Survey Results From",
        default=USUAL_LEAST,
        help="Results of an anonymous staff survey are shown from so many answers on, three at "
        "least; fewer are deleted unseen.",
    )

    @api.constrains("care_staff_min_count")
    def _check_care_staff_min_count(self):
        for company in self:
            if company.care_staff_min_count < LEAST:
                raise ValidationError(
                    self.env._(
                        "Of fewer than %s answers, everybody could guess whose they are.", LEAST
                    )
                )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_staff_min_count = fields.Integer(related="company_id.care_staff_min_count", readonly=False)
