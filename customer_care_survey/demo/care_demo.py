from dateutil.relativedelta import relativedelta

from odoo import api, fields, models


class CareDemo(models.AbstractModel):
    """The surveys of the demo data: answered, not answered, not sent."""

    _inherit = "care.demo"

    @api.model
    def _load_survey(self):
        """Ask about the cases that were closed, and let the customers answer."""
        self._retell("customer_care_survey", self._story_answers())
        # asked at once, so that the whole way can be walked in five minutes
        trigger = self.env.ref("customer_care_survey.trigger_case_closed")
        trigger.sudo().write({"delay_count": 0, "delay_unit": "hours", "reminder_count": 1})
        self._choose_surveys()
        self._count_facts()

    @api.model
    def _choose_surveys(self):
        """The shop asks after deliveries and every half year; two customers want none of it."""
        ours = "customer_care_survey"
        self.env.ref(f"{ours}.trigger_nps_delivered").sudo().active = True
        self.env.ref(f"{ours}.trigger_services").sudo().write(
            {
                "active": True,
                "period_start": fields.Date.today() + relativedelta(months=1, day=1),
            }
        )
        company = self.env.ref("base.main_company")
        kinds = {name: self.env.ref(f"{ours}.kind_{name}") for name in ("experience", "regular")}
        # on the phone
        amir = self.env.ref("customer_care.user_amir")
        self.env["care.survey.consent"].with_user(amir).create(
            {
                "partner_id": self.env.ref("customer_care.partner_marlow").id,
                "company_id": company.id,
                "kind_id": kinds["regular"].id,
                "choice": "no",
            }
        )
        # by the link in a mail
        self.env["care.survey.consent"]._say(
            self.env.ref("customer_care.partner_okafor"), company, kinds["experience"], "no"
        )

    @api.model
    def _story_answers(self):
        return [
            (53, "21:10", "rate", "case_whitfield", 9, "Quick, and no argument about it."),
            # a bad answer that ended well
            (
                *(54, "12:30", "rate", "case_lakeside_floor", 4),
                "Two visits for one machine, and each time somebody who knew nothing of the other.",
            ),
            (54, "12:31", "recover", "case_lakeside_floor", "case_lakeside_recovery"),
            (54, "14:00", "work", "case_lakeside_recovery"),
            (
                *(54, "14:20", "says", "case_lakeside_recovery", "owner"),
                "You are right: the second fitter had no note of the first visit. Whoever comes to "
                "you now reads what was done before. May I ring you tomorrow at ten?",
            ),
            (
                *(52, "10:30", "resolve", "case_lakeside_recovery"),
                "We spoke; the fitters see earlier visits on their phones from now on.",
            ),
            (52, "18:15", "answer", "case_lakeside_recovery", "yes", ""),
            (9, "18:45", "rate", "case_novak", 10, "Keep those two. And the dog agrees."),
            (6, "20:20", "rate", "case_moreau_late", 8, "Tell me the time before I have to ask."),
            (
                *(6, "08:15", "rate", "case_amrani", 2),
                "Three dates and no call. You were kind afterwards, but I had no oven for "
                "two weeks.",
            ),
            (6, "09:00", "recover", "case_amrani", "case_amrani_recovery"),
            (6, "09:20", "work", "case_amrani_recovery"),
            (
                *(6, "09:45", "says", "case_amrani_recovery", "owner"),
                "Thank you for telling us so plainly. From this week on our fitters' planner "
                "rings every customer the day before. May I call you to hear the rest?",
            ),
        ]

    def _hear(self, case, event):
        result = super()._hear(case, event)
        if self.env.context["care_demo_module"] == "customer_care_survey":
            if event == "case_reopened":
                self.env["care.survey.invitation"]._cancel_of(case)
            self.env["care.survey.trigger"]._handle(case, event)
        return result

    def _play_rate(self, name, score, comment):
        """The customer answers the survey about a case."""
        case = self._there(name)
        invitation = self.env["care.survey.invitation"].search(
            [("case_id", "=", case.id), ("state", "=", "sent")]
        )
        answer = invitation.user_input_id
        answer._save_lines(self._there("survey_question_recommend"), str(score))
        if comment:
            answer._save_lines(self._there("survey_question_better"), comment)
        now = self.env.cr.now()
        answer.start_datetime = now
        answer._mark_done()
        answer.end_datetime = now

    def _play_recover(self, name, recovery):
        """The case that a bad answer has opened."""
        case = self.env["care.case"].search(
            [("survey_invitation_id.case_id", "=", self._there(name).id)]
        )
        self._name_it(recovery, case)
