from datetime import datetime, time, timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models

#: Who answers in turn, of which team and person they are customers.
CUSTOMERS = (
    ("raman", "sales", "nora"),
    ("oliveira", "sales", "nora"),
    ("adeyemi", "service", "amir"),
    ("lindqvist", "service", "lena"),
    ("tanaka", "sales", "nora"),
    ("novak", "service", "lena"),
    ("whitfield", "service", "amir"),
)
#: Scores of eleven months, the oldest first: it got better after a bad spring.
MONTHS = (
    (9, 7, 6, 8, 10, 4),
    (8, 6, 9, 5, 7, 9),
    (7, 3, 6, 8, 2, 9, 5),
    (6, 8, 2, 5, 9, 7),
    (4, 9, 7, 6, 3, 8, 10),
    (8, 7, 9, 5, 10, 6),
    (9, 8, 10, 6, 7, 9, 4),
    (10, 9, 7, 8, 9, 5),
    (9, 10, 8, 9, 6, 10, 7),
    (10, 9, 9, 7, 8, 10),
    (9, 10, 10, 8, 9, 3, 10),
)
COMMENTS = {
    2: "Four weeks of waiting, and nobody called.",
    3: "The fitters were rude and the worktop was scratched.",
    4: "Delayed twice. Tell me before, not after.",
    5: "A fine hob, but the date moved three times.",
    6: "The quality is good. The driver came late.",
    9: "Friendly people, and on time.",
    10: "The fitter was kind and left everything clean.",
}


class CareDemo(models.AbstractModel):
    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _load_results(self):
        """A regular survey that was asked each month, with good and bad answers: so that the
        results show something. Nothing is sent, and no case is opened for what is long past.
        """
        company = self.env.ref("base.main_company")
        # a shop with few customers
        company.care_survey_min_count = 5
        survey = self.env.ref("customer_care_survey.survey_how_did_we_do")
        trigger = (
            self.env["care.survey.trigger"]
            .sudo()
            .create(
                {
                    "name": "How are we doing? Every month, until last month",
                    "event": "periodic",
                    "company_id": company.id,
                    "survey_id": survey.id,
                    "kind_id": self.env.ref("customer_care_survey.kind_regular").id,
                    "period_every": 1,
                    "open_case": True,
                    "active": False,
                }
            )
        )
        first = fields.Date.today().replace(day=5) - relativedelta(months=len(MONTHS))
        turn = 0
        for place, values in enumerate(MONTHS):
            day = first + relativedelta(months=place)
            round_ = (
                self.env["care.survey.round"]
                .sudo()
                .create(
                    {
                        "trigger_id": trigger.id,
                        "company_id": company.id,
                        "day": day,
                        "state": "done",
                        "planned_count": len(values),
                    }
                )
            )
            for number, value in enumerate(values):
                who = CUSTOMERS[turn % len(CUSTOMERS)]
                turn += 1
                self._answered_long_ago(round_, who, value, day + timedelta(days=number))

    @api.model
    def _answered_long_ago(self, round_, who, value, day):
        name, team, owner = who
        partner = self.env.ref(f"customer_care.partner_{name}")
        survey = round_.trigger_id.survey_id
        moment = datetime.combine(day, time(17, 20))
        answer = (
            self.env["survey.user_input"]
            .sudo()
            .with_context(tracking_disable=True)
            .create(
                {
                    "survey_id": survey.id,
                    "partner_id": partner.id,
                    "email": partner.email,
                    "nickname": partner.name,
                    "state": "done",
                    "start_datetime": moment,
                    "end_datetime": moment,
                }
            )
        )
        answer._save_lines(
            self.env.ref("customer_care_survey.survey_question_recommend"), str(value)
        )
        if value in COMMENTS:
            better = self.env.ref("customer_care_survey.survey_question_better")
            answer._save_lines(better, COMMENTS[value])
        row = (
            self.env["care.survey.invitation"]
            .sudo()
            .create(
                {
                    "state": "done",
                    "next_at": False,
                    "trigger_id": round_.trigger_id.id,
                    "round_id": round_.id,
                    "company_id": round_.company_id.id,
                    "partner_id": partner.id,
                    "address": partner.email_normalized,
                    "planned_for": moment - timedelta(days=1),
                    "sent_at": moment - timedelta(days=1),
                    "answered_at": moment,
                    "user_input_id": answer.id,
                }
            )
        )
        # in the customer's story when it was said
        with self._at(moment):
            row._take_scores()
            row._take_comments()
        # who looked after them at that time
        row.score_ids.sudo().write(
            {
                "team_id": self.env.ref(f"customer_care.team_{team}").id,
                "owner_id": self.env.ref(f"customer_care.user_{owner}").id,
            }
        )
