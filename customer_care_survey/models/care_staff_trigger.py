"""Regular staff surveys: the periodic trigger asks our own people in place of customers."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .care_survey_trigger import PERIODIC


class CareSurveyTrigger(models.Model):
    _inherit = "care.survey.trigger"  # pylint: disable=consider-merging-classes-inherited

    is_staff = fields.Boolean("Asks the Staff", compute="_compute_is_staff", compute_sudo=True)
    staff_team_ids = fields.Many2many(
        "care.team",
        "care_survey_trigger_staff_rel",
        "trigger_id",
        "team_id",
        string="Who Is Asked",
        check_company=True,
        help="The members and leaders of these teams; empty: everybody who works in the company.",
    )
    staff_about_id = fields.Many2one(
        "care.team",
        "About the Service Of",
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="Another team, whose internal customers are asked. Its own people are not.",
    )

    @api.depends("survey_id.care_staff")
    def _compute_is_staff(self):
        for trigger in self:
            trigger.is_staff = trigger.survey_id.care_staff

    @api.constrains("survey_id", "event", "language_ids", "open_case")
    def _check_staff(self):
        for trigger in self:
            # sudo: who sets up triggers need not be a user of Surveys
            surveys = trigger.sudo()._surveys()
            if not any(surveys.mapped("care_staff")):
                continue
            if len(surveys) > 1:
                raise ValidationError(
                    self.env._(
                        "“%s” is a staff survey. Translate its questions in place of using other "
                        "surveys for other languages.",
                        trigger.sudo().survey_id.title,
                    )
                )
            if trigger.event != PERIODIC:
                raise ValidationError(
                    self.env._(
                        "“%s” is an anonymous staff survey: customers are not asked it. It can be "
                        "asked regularly, or by hand in Surveys → Staff Surveys.",
                        surveys.title,
                    )
                )

    @api.onchange("survey_id")
    def _onchange_survey_id_staff(self):
        if self.is_staff:
            self.event = PERIODIC
            self.open_case = False

    def _reach_of_customers(self):
        if not self.is_staff:
            return super()._reach_of_customers()
        count = len(self.env["care.staff.survey"].new(self._prepare_staff_survey(False))._people())
        return self.env._("%s people would be asked today.", count)

    def action_open_staff_surveys(self):
        """What was asked because of this trigger."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_staff_survey_action"
        )
        action["domain"] = [("trigger_id", "=", self.id)]
        return action

    def _prepare_staff_survey(self, day):
        """Values of the round of a day."""
        self.ensure_one()
        day = day or fields.Date.context_today(self)
        return {
            "name": self.name,
            "survey_id": self.survey_id.id,
            "company_id": self.company_id.id,
            "team_ids": [fields.Command.set(self.staff_team_ids.ids)],
            "about_id": self.staff_about_id.id,
            "date_end": day + timedelta(days=self.valid_days or 14),
            "reminder_days": self.reminder_days if self.reminder_count else 0,
            "trigger_id": self.id,
        }


class CareSurveyRound(models.Model):
    _inherit = "care.survey.round"  # pylint: disable=consider-merging-classes-inherited

    def _run_due(self):
        staff = self.filtered(
            lambda row: (
                row.trigger_id.active
                and row.trigger_id.event == PERIODIC
                and row.trigger_id.is_staff
            )
        )
        for row in staff:
            trigger = row.trigger_id.with_company(row.company_id)
            asked = self.env["care.staff.survey"].create(
                trigger._prepare_staff_survey(max(row.day, fields.Date.today()))
            )
            asked._ask()
            row.write(
                {
                    "state": "done",
                    "next_at": False,
                    "error": False,
                    "attempts": 0,
                    "planned_count": asked.asked_count,
                }
            )
            # what was missed while nothing ran is not made up for
            trigger._plan_round(self.env.cr.now().date() - timedelta(days=1))
        return super(CareSurveyRound, self - staff)._run_due()
