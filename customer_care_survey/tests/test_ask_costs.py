"""What asking costs in queries: as many for two hundred as for twenty, but for the mails."""

from odoo.tests import tagged

from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestAskCosts(CareSurveyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {"care_survey_gap_days": 7, "care_survey_max": 4, "care_survey_window_days": 90}
        )

    def _rows(self, count, **vals):
        """So many that are due, each of another customer."""
        partners = self.env["res.partner"].create(
            [{"name": f"Customer {i}", "email": f"c{i}.{count}@example.com"} for i in range(count)]
        )
        cases = self.env["care.case"].create(
            [
                {
                    "name": "Cold",
                    "kind": "enquiry",
                    "company_id": self.company.id,
                    "team_id": self.team.id,
                    "partner_id": partner.id,
                }
                for partner in partners
            ]
        )
        now = self.env.cr.now()
        return self.env["care.survey.invitation"].create(
            [
                {
                    "trigger_id": self.trigger.id,
                    "case_id": case.id,
                    "company_id": self.company.id,
                    "partner_id": case.partner_id.id,
                    "address": case.partner_id.email_normalized,
                    "planned_for": now,
                    "next_at": now,
                    **vals,
                }
                for case in cases
            ]
        )

    def _queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        result = work()
        self.env.flush_all()
        return self.cr.sql_log_count - before, result

    def test_the_guard_asks_as_many_questions_for_two_hundred_as_for_twenty(self):
        self._queries(self._rows(2)._held_back)
        few, many = (self._queries(self._rows(count)._held_back) for count in (20, 200))
        self.assertFalse(few[1] or many[1])
        # some rows are fetched in several pieces
        self.assertLessEqual(many[0], few[0] + 6)
        self.assertLessEqual(many[0], 50)

    def test_a_batch_is_claimed_by_three_questions(self):
        rows = self._rows(30)
        model = self.env["care.survey.invitation"].sudo()
        model._claim_due()
        count, claimed = self._queries(lambda: model._claim_due().ids)
        self.assertEqual(set(claimed), set(rows.ids))
        # the search and its lock, the others of the same people, what sorts them
        self.assertLessEqual(count, 9)

    def test_two_hundred_invitations_cost_two_queries_each_at_most(self):
        self._rows(2)._run_due()
        count, _result = self._queries(self._rows(200)._run_due)
        self.assertLessEqual(count / 200, 2)

    def test_a_cron_with_nothing_to_do_asks_two_questions(self):
        model = self.env["care.survey.invitation"].sudo()
        model.search([("next_at", "!=", False)]).write({"next_at": False})
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            idle = model.with_env(self.env(cr=cr)).sudo()
            idle._cron_run_due()
            before = cr.sql_log_count
            idle._cron_run_due()
            asked = cr.sql_log_count - before
        self.assertLessEqual(asked, 4)  # with what a test's commit costs: two savepoints
