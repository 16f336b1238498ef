from dateutil.relativedelta import relativedelta

from odoo import Command, api, fields, models

#: partner -> importance, ours, the competitor's (1 to 5 for each of the six services), and
#: within how many hours an answer and a solution are wanted
RATINGS = {
    "partner_moreau": ("544353", "244344", "433334", 4, 16),
    "partner_whitfield": ("535354", "345334", "443225", 4, 40),
    "partner_novak": ("454253", "355443", "544335", 1, 16),
    "partner_amrani": ("555353", "123243", "444334", 4, 8),
    "partner_tanaka": ("443454", "254534", "433344", 8, 16),
    "partner_raman": ("535242", "344333", "544344", 4, 16),
    "partner_adeyemi": ("545353", "235342", "434333", 1, 8),
    "partner_oliveira": ("434344", "343443", "343434", 12, 40),
}
#: (days ago, who is visited, auditor, points of the four questions, what happened, how far)
VISITS = [
    (
        *(24, "user_amir", "user_rita", (100, 100, 50, 0), "published"),
        "I rang as a customer whose fridge is warm. Friendly, he gave his name at once and asked "
        "what is in it. No word by when somebody calls back.",
    ),
    (
        *(20, None, "user_otto", (50, 100, 0, 50), "published"),
        "The shop in the High Street, a Saturday. Nobody at the door, but good advice.",
    ),
    (
        *(3, "user_nora", "user_otto", (100, 50, 100, 50), "done"),
        "I wrote at 16:40 and had an answer at 17:20, with a name under it.",
    ),
    (-4, "user_lena", "user_rita", (), "planned", ""),
]


class CareDemo(models.AbstractModel):
    """The visits of the last quarter, and what customers say of the services."""

    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _load_audits(self):
        plan = self._demo_audit_plan()
        rival = plan.rival_ids
        stage = self.env.ref("customer_care.stage_case_new")
        team = self.env.ref("customer_care.team_service")
        for ago, audited, auditor, points, state, note in VISITS:
            day = fields.Date.today() - relativedelta(days=ago)
            whom = {"rival_id": rival.id}
            if audited:
                user = self.env.ref(f"customer_care.{audited}")
                whom = {"audited_id": user.id, "team_id": team.id}
            audit = plan.env["care.audit"].create(
                {
                    **whom,
                    "plan_id": plan.id,
                    "company_id": plan.company_id.id,
                    "stage_id": stage.id,
                    "auditor_id": self.env.ref(f"customer_care.{auditor}").id,
                    "date_planned": day,
                }
            )
            if state == "planned":
                audit._tell_auditors()
                continue
            audit.write({"date_visit": day, "note": note})
            for line, wanted in zip(audit.line_ids, points, strict=True):
                line.choice_id = line.question_id.choice_ids.filtered(
                    lambda choice, w=wanted: choice.is_seen and choice.points == w
                )
            audit.with_user(audit.auditor_id).action_hand_in()
            if state == "published":
                audit.with_user(plan.owner_id).action_publish()

    def _demo_audit_plan(self):
        manager = self.env.ref("customer_care.user_marc")
        rival = self.env["res.partner"].create({"name": "Ember & Oak Appliances"})
        # sudo: the plan is the manager's, whoever loads the demo data
        plans = self.env["care.audit.plan"].sudo().with_context(mail_notify_force_send=False)
        return plans.create(
            {
                "name": "Mystery calls and visits",
                "owner_id": manager.id,
                "company_id": self.env.ref("base.main_company").id,
                "period_start": fields.Date.today() + relativedelta(months=1, day=1),
                "team_ids": [Command.set(self.env.ref("customer_care.team_service").ids)],
                "stage_ids": [
                    Command.set(
                        [
                            self.env.ref(f"customer_care.{name}").id
                            for name in ("stage_case_new", "stage_case_progress")
                        ]
                    )
                ],
                "auditor_ids": [
                    Command.set(
                        [
                            self.env.ref(f"customer_care.{name}").id
                            for name in ("user_rita", "user_otto")
                        ]
                    )
                ],
                "visit_count": 3,
                "rival_count": 1,
                "rival_ids": [Command.set(rival.ids)],
                "question_ids": [
                    Command.create(
                        {
                            "name": question,
                            "sequence": number,
                            "standard_id": self.env.ref(f"customer_care.{standard}").id,
                        }
                    )
                    for number, (question, standard) in enumerate(
                        (
                            ("Were you greeted, with a name?", "standard_phone"),
                            ("Did one person see it through?", "standard_first_owner"),
                            ("Was it the honest advice?", "standard_truth"),
                            ("Did they say by when they call back?", "standard_within_the_hour"),
                        ),
                        1,
                    )
                ],
            }
        )

    @api.model
    def _load_ratings(self):
        """Eight customers have answered which services matter to them."""
        ours = "customer_care_survey.survey_services"
        survey = self.env.ref(ours).sudo()
        # answers that no invitation of a company brought belong to that of who is responsible
        for name, (*ratings, answer_hours, solution_hours) in RATINGS.items():
            partner = self.env.ref(f"customer_care.{name}")
            answer = survey.user_input_ids.create(
                {"survey_id": survey.id, "partner_id": partner.id, "email": partner.email}
            )
            for part, values in zip(
                ("importance", "performance", "competitor_performance"), ratings, strict=True
            ):
                question = self.env.ref(f"{ours}_{part}").sudo()
                columns = question.suggested_answer_ids.sorted("sequence")
                answer._save_lines(
                    question,
                    {
                        row.id: [columns[int(value) - 1].id]
                        for row, value in zip(
                            question.matrix_row_ids.sorted("sequence"), values, strict=True
                        )
                    },
                )
            for part, hours in (("answer", answer_hours), ("solution", solution_hours)):
                question = self.env.ref(f"{ours}_level_{part}").sudo()
                chosen = question.suggested_answer_ids.filtered(
                    lambda choice, h=hours: choice.care_hours == h
                )
                answer._save_lines(question, chosen.id)
            answer._mark_done()
