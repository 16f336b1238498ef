from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from ..tools.interval import difference, wilson
from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestResult(CareSurveyCase):
    """NPS, CSAT and CES against worked examples and what Odoo has stored."""

    def setUp(self):
        super().setUp()
        self.trigger.open_case = False

    def _asked(self, *values, **vals):
        """Closed cases whose customers answer these values; None: skipped."""
        cases = self.env["care.case"]
        with self._earlier():
            for _value in values:
                cases |= self._case(**vals)
        self._close(cases)
        self._run_invitations()
        rows = self._invitations(cases)
        for row, value in zip(rows, values, strict=True):
            self._answer(row, "" if value is None else value)
        self._run_invitations()
        return rows

    def _result(self, dimension, **match):
        found = self.env["care.survey.result"].search(
            [
                ("dimension", "=", dimension),
                ("company_id", "=", self.company.id),
                ("month", "=", match.pop("month", False)),
                *((name, "=", value) for name, value in match.items()),
            ]
        )
        self.assertLessEqual(len(found), 1)
        return found

    def test_nps_of_a_worked_example(self):
        # 5 promoters, 3 passives, 2 detractors, one of them 0, and two who skipped
        values = [10, 10, 9, 9, 9, 8, 7, 7, 6, 0, None, None]
        rows = self._asked(*values)
        result = self._result("company")
        self.assertEqual((result.count, result.score), (10, 30))
        low, high = difference(5, 2, 10)
        self.assertAlmostEqual(result.low, 100 * low, places=3)
        self.assertAlmostEqual(result.high, 100 * high, places=3)
        self.assertFalse(result.is_small)
        # what Odoo has stored says the same
        lines = rows.user_input_id.user_input_line_ids.filtered(
            lambda line: line.question_id == self.nps and not line.skipped
        )
        stored = sorted(lines.mapped("value_scale"))
        self.assertEqual(stored, sorted(value for value in values if value is not None))
        self.assertEqual(sorted(rows.score_ids.mapped("value")), stored)
        promoters = sum(value >= 9 for value in stored)
        detractors = sum(value <= 6 for value in stored)
        self.assertEqual(result.score, 100 * (promoters - detractors) / len(stored))

    def test_csat_and_ces_are_shares_with_wilsons_interval(self):
        for measure, scale, values, hits in (
            ("csat", (1, 5), [5, 5, 4, 3, 3, 1, 2], 3),
            ("ces", (1, 7), [7, 6, 5, 4, 4, 1], 3),
            ("csat", (0, 10), [0, 5, 6, 10], 2),
        ):
            with self.subTest(measure=measure, scale=scale):
                self.env["care.survey.score"].search([]).unlink()
                self.nps.write(
                    {"care_measure": measure, "scale_min": scale[0], "scale_max": scale[1]}
                )
                self._asked(*values)
                result = self._result("company")
                count = len(values)
                self.assertEqual((result.measure, result.count), (measure, count))
                self.assertAlmostEqual(result.score, 100 * hits / count)
                low, high = wilson(hits, count)
                self.assertAlmostEqual(result.low, 100 * low, places=3)
                self.assertAlmostEqual(result.high, 100 * high, places=3)
                self.assertAlmostEqual(result.average, sum(values) / count, places=5)

    def test_changed_answer_before_the_end_counts_as_changed(self):
        invitation = self._sent()
        answer = invitation.user_input_id
        answer._save_lines(self.nps, "2")
        answer._save_lines(self.nps, "10")
        answer._mark_done()
        self.assertEqual(self._result("company").score, 100)

    def test_question_edited_after_the_answer_changes_no_score(self):
        self._asked(9)
        self.nps.write({"care_measure": "csat", "scale_min": 1, "scale_max": 5})
        result = self._result("company")
        self.assertEqual((result.measure, result.score), ("nps", 100))

    def test_each_thing_that_answers_are_about_has_its_figure(self):
        product = self.env["product.product"].create({"name": "Oven with answers"})
        row = self._asked(9, product_id=product.id, owner_id=self.agent.id)
        score = row.score_ids
        stage = score.stage_id
        self.assertEqual(stage.category, "open", "not the closing itself")
        self.assertEqual(score.curator_id, stage.curator_id)
        for dimension, match in (
            ("company", {}),
            ("team", {"team_id": self.team.id}),
            ("owner", {"owner_id": self.agent.id}),
            ("curator", {"curator_id": stage.curator_id.id}),
            ("stage", {"stage_id": stage.id}),
            ("product", {"product_id": product.id}),
            ("customer", {"commercial_partner_id": self.customer.commercial_partner_id.id}),
            ("trigger", {"trigger_id": self.trigger.id}),
            ("case", {"case_id": row.case_id.id}),
        ):
            with self.subTest(dimension=dimension):
                result = self._result(dimension, **match)
                self.assertEqual((result.count, result.score), (1, 100))
                self.assertTrue(result.is_small)
                self.assertTrue(result.what)
                action = result.action_open_scores()
                self.assertEqual(self.env["care.survey.score"].search(action["domain"]), score)
        self.assertEqual(product.care_score_figures, "NPS 100 (only 1)")
        self.assertEqual(product.product_tmpl_id.care_score_figures, "NPS 100 (only 1)")
        self.assertEqual(self.team.care_score_figures, "NPS 100 (only 1)")
        # others have answered about it, too, where there is demo data
        self.assertIn("NPS", stage.care_score_figures)
        action = stage.action_care_open_scores()
        self.assertIn(score, self.env["care.survey.score"].search(action["domain"]))
        self.assertEqual(self.customer.care_score_figures, "NPS 100 (only 1)")

    def test_answer_about_a_journey_has_its_figure(self):
        order = self._confirmed()
        journey = self._journey(order)
        row = self.env["care.survey.invitation"].create(
            {
                "journey_id": journey.id,
                "trigger_id": self.trigger.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
            }
        )
        row._send()
        self._answer(row, 10)
        self.assertEqual(self._result("journey", journey_id=journey.id).score, 100)
        self.assertEqual(row.score_ids.owner_id, journey.owner_id)

    def test_over_time(self):
        now, then = self._asked(10, 0)
        day = fields.Date.today().replace(day=1) - timedelta(days=40)
        then.score_ids.day = day
        self.env.flush_all()
        this_month = self._result("company", month=fields.Date.today().replace(day=1))
        if now.score_ids.day.month == fields.Date.today().month:
            self.assertEqual(this_month.score, 100)
        self.assertEqual(self._result("company", month=day.replace(day=1)).score, -100)
        self.assertEqual(self._result("company").score, 0)
        then.score_ids.day = fields.Date.today() - timedelta(days=400)
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self._result("company").score, 100, "what is a year old is over")

    def test_settings_say_how_many_answers_say_something(self):
        self._asked(9, 9)
        self.company.care_survey_min_count = 3
        self.env.flush_all()
        self.assertTrue(self._result("company").is_small)
        self.company.care_survey_min_count = 2
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertFalse(self._result("company").is_small)

    def test_pivot_shows_the_interval_and_none_of_several_measures(self):
        self._asked(10, 9, 0)
        scores = self.env["care.survey.score"]
        mine = [("company_id", "=", self.company.id)]
        [(low, high)] = scores._read_group(mine, aggregates=["low:avg", "high:avg"])
        expected = difference(2, 1, 3)
        self.assertAlmostEqual(low, 100 * expected[0], places=3)
        self.assertAlmostEqual(high, 100 * expected[1], places=3)
        scores.search(mine, limit=1).measure = "ces"
        [(low,)] = scores._read_group(mine, aggregates=["low:avg"])
        self.assertFalse(low)

    def test_curator_and_owner_see_the_figures_under_their_names(self):
        curator = self._user("care_curator", "customer_care.group_agent")
        had_it = self._user("care_had_it", "customer_care.group_agent")
        self._user("care_keeper", "customer_care.group_confidential")
        row = self._asked(9, owner_id=self.agent.id)
        score = row.score_ids
        # who had the case is nobody of its team, and it is with somebody else by now
        score.write({"curator_id": curator.id, "owner_id": had_it.id})
        self.env.flush_all()
        for dimension, user in (("curator", curator), ("owner", had_it)):
            with self.subTest(dimension=dimension):
                found = self.env["care.survey.result"].with_user(user)
                found = found.search([("dimension", "=", dimension), ("month", "=", False)])
                self.assertEqual((found[f"{dimension}_id"], found.score), (user, 100))
                self.assertIn("NPS 100", score.stage_id.with_user(user).care_score_figures)
        row.case_id.action_seal()
        self.env.flush_all()
        for user in curator | had_it:
            self.assertFalse(score.with_user(user).has_access("read"), user.login)

    def test_who_sees_which_figures(self):
        row = self._asked(9, owner_id=self.agent.id)
        other_team = self._user("care_other", "customer_care.group_agent")
        other = self.env["res.company"].create({"name": "Other"})
        abroad = self._user("care_abroad", "customer_care.group_manager", company=other)
        keeper = self._user("care_keeper", "customer_care.group_confidential")
        results = self.env["care.survey.result"]
        mine = [("company_id", "=", self.company.id), ("measure", "=", "nps")]

        def check(seeing, blind):
            for user in seeing:
                found = results.with_user(user).search(mine)
                self.assertTrue(found, user.login)
                self.assertTrue(all(found.mapped("what")))
            for user in blind:
                self.assertFalse(results.with_user(user).search(mine), user.login)

        check((self.agent, self.leader, self.manager), (other_team, self.rep, abroad))
        one = results.search(mine, limit=1)
        self.assertFalse(one.with_user(other_team).has_access("read"))
        row.case_id.action_seal()
        self.env.flush_all()
        check((keeper,), (self.manager, self.leader))
