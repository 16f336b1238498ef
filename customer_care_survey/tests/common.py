from datetime import timedelta

from odoo import Command, fields

from odoo.addons.customer_care.tests.common import CareCase


class CareSurveyCase(CareCase):
    """One trigger: closed cases are asked about at once, 0 to 6 of 10 is bad."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # how often somebody is asked has tests of its own
        cls.company.write({"care_survey_gap_days": 0, "care_survey_max": 0})
        cls.company.partner_id.email = "care@hearth.example.com"
        cls.env["care.survey.trigger"].search([]).active = False
        cls.survey = cls.env["survey.survey"].create(
            {
                "title": "How was it?",
                "survey_type": "survey",
                "access_mode": "token",
                "questions_layout": "one_page",
                "question_and_page_ids": [
                    Command.create(
                        {
                            "title": "Would you recommend us?",
                            "sequence": 1,
                            "question_type": "scale",
                            "care_measure": "nps",
                        }
                    ),
                    Command.create(
                        {
                            "title": "What should we do better?",
                            "sequence": 2,
                            "question_type": "text_box",
                        }
                    ),
                ],
            }
        )
        cls.nps, cls.why = cls.survey.question_ids
        cls.trigger = cls._trigger()

    @classmethod
    def _trigger(cls, **vals):
        return cls.env["care.survey.trigger"].create(
            {
                "name": "After a case",
                "event": "case_closed",
                "filter_domain": "[('channel', '!=', 'survey')]",
                "company_id": cls.company.id,
                "survey_id": cls.survey.id,
                "delay_count": 0,
                **vals,
            }
        )

    @classmethod
    def _close(cls, cases):
        for case in cases:
            case.resolution = case.resolution or "A new heating element."
        cases._enter_category("resolved")
        cases._enter_category("closed")

    @classmethod
    def _closed(cls, **vals):
        case = cls._case(**vals)
        cls._close(case)
        return case

    @classmethod
    def _earlier(cls):
        """Two hours ago: stages of a single moment leave no trace."""
        return cls._at(cls, fields.Datetime.now() - timedelta(hours=2))

    def _invitations(self, records):
        return self.env["care.survey.invitation"].search(
            [(records._care_link, "in", records.ids)], order="id"
        )

    def _tick(self):
        """Work off what is due at the moment that :meth:`_at` has set."""
        model = self.env["care.survey.invitation"].sudo()
        self.env.flush_all()
        while rows := model._claim_due():
            rows._run_guarded()
            self.env.flush_all()

    def _mails(self, invitations):
        return self.env["mail.mail"].search(
            [("model", "=", "care.survey.invitation"), ("res_id", "in", invitations.ids)],
            order="id",
        )

    def _run_invitations(self, days=0):
        self._run("care.survey.invitation", days)
        self.env.invalidate_all()

    def _sent(self, **vals):
        """An invitation that is sent."""
        invitation = self._invitations(self._closed(**vals))
        self._run_invitations()
        self.assertEqual(invitation.state, "sent")
        return invitation

    def _answer(self, invitation, value, text=""):
        """The customer answers, through the same methods as the page."""
        answer = invitation.user_input_id
        answer._mark_in_progress()
        answer._save_lines(self.nps, str(value))
        answer._save_lines(self.why, text)
        answer._mark_done()

    def _recovery_cases(self, partner=None):
        return self.env["care.case"].search(
            [
                ("channel", "=", "survey"),
                ("partner_id", "=", (partner or self.customer).id),
            ]
        )
