from dateutil.relativedelta import relativedelta

from odoo import api, fields, models

#: What six people answered to the five statements, and in their own words.
ANSWERS = [
    ("43354", "The parts list is a week behind. Customers ask and I have to guess."),
    ("54445", "Nothing much. Somebody at the door on Saturdays, perhaps."),
    ("32243", "Two colleagues are ill and the telephone does not know it."),
    ("44354", "Fewer meetings on Saturday, please: that is when the shop is full."),
    ("55345", ""),
    ("43234", "I wait two days for the workshop's answer, and so does the customer."),
]


class CareDemo(models.AbstractModel):
    """What the people of the shop said last spring, and what they are being asked now."""

    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _load_staff_surveys(self):
        ours = "customer_care_survey"
        company = self.env.ref("base.main_company")
        users = self.env["res.users"].browse(
            self.env.ref(f"customer_care.user_{name}").id
            for name in ("rita", "amir", "nora", "lena", "otto", "marc")
        )
        # sudo: the manager's rounds, whoever loads the demo data
        rounds = self.env["care.staff.survey"].sudo().with_user(users[-1]).sudo()
        rounds = rounds.with_company(company)
        sales = self.env.ref("customer_care.team_sales")
        last, now = rounds.create(
            [
                {
                    "name": "How is it to work here?",
                    "survey_id": self.env.ref(f"{ours}.survey_staff").id,
                    "company_id": company.id,
                },
                {
                    "name": "How do they serve us? Sales and Delivery",
                    "survey_id": self.env.ref(f"{ours}.survey_internal").id,
                    "company_id": company.id,
                    "about_id": sales.id,
                },
            ]
        )
        if len(last._people() & users) < len(ANSWERS):
            return
        last._ask()
        for user, (points, words) in zip(users, ANSWERS, strict=True):
            questions = last.survey_id.question_ids
            last._take(
                user,
                {
                    question.id: said
                    for question, said in zip(questions, [*points, words], strict=True)
                },
            )
        last._close()
        day = fields.Date.today() - relativedelta(months=2)
        last.write({"asked_on": day, "date_end": day + relativedelta(days=14)})
        # asked when somebody presses the button
        now.date_end = fields.Date.today() + relativedelta(days=14)
