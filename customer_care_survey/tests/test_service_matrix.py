from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.customer_care.tests.common import CareCase


class MatrixCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.delivery, cls.repair = cls.env["care.rated.service"].create(
            [{"name": "Delivery as promised"}, {"name": "Repairs in time"}]
        )
        cls.env.user.company_id = cls.company
        cls.survey = cls.env["survey.survey"].create(
            {"title": "What matters?", "user_id": cls.env.user.id}
        )
        cls.matrices = {
            aspect: cls._question(aspect) for aspect in ("importance", "performance", "rival")
        }
        cls.level = cls.env["survey.question"].create(
            {
                "survey_id": cls.survey.id,
                "title": "How soon?",
                "question_type": "simple_choice",
                "care_aspect": "level",
                "care_rated_id": cls.repair.id,
                "suggested_answer_ids": [
                    Command.create({"value": f"{hours} h", "sequence": hours, "care_hours": hours})
                    for hours in (4, 8, 40)
                ],
            }
        )

    @classmethod
    def _question(cls, aspect):
        return cls.env["survey.question"].create(
            {
                "survey_id": cls.survey.id,
                "title": aspect,
                "question_type": "matrix",
                "care_aspect": aspect,
                "suggested_answer_ids": [
                    Command.create({"value": str(number), "sequence": number})
                    for number in range(1, 6)
                ],
                "matrix_row_ids": [
                    Command.create({"value": service.name, "care_rated_id": service.id})
                    for service in (cls.delivery, cls.repair)
                ],
            }
        )

    @classmethod
    def _answers(cls, partner=None, done=True, level=None, **ratings):
        """One answer; by aspect, 1 to 5 for both services, None: left out."""
        answer = cls.env["survey.user_input"].create(
            {
                "survey_id": cls.survey.id,
                "partner_id": (partner or cls.customer).id,
                "invite_token": False,
            }
        )
        for aspect, values in ratings.items():
            question = cls.matrices[aspect]
            columns = question.suggested_answer_ids.sorted("sequence")
            answer._save_lines(
                question,
                {
                    row.id: [columns[value - 1].id]
                    for row, value in zip(question.matrix_row_ids, values, strict=True)
                    if value
                },
            )
        if level:
            chosen = cls.level.suggested_answer_ids.filtered(lambda a: a.care_hours == level)
            answer._save_lines(cls.level, chosen.id)
        if done:
            answer._mark_done()
        return answer

    def _matrix(self, **filters):
        matrix = self.env["care.service.matrix"].create({"company_id": self.company.id, **filters})
        return {row["id"]: row for row in matrix.data["services"]}


@tagged("post_install", "-at_install")
class TestServiceMatrix(MatrixCase):
    def test_worked_example(self):
        self._answers(importance=(5, 4), performance=(2, 5), rival=(3, 4), level=4)
        self._answers(importance=(5, 2), performance=(3, 4), rival=(5, 4), level=8)
        self._answers(importance=(4, 3), performance=(1, 3), rival=(4, None), level=40)
        rows = self._matrix()
        delivery, repair = rows[self.delivery.id], rows[self.repair.id]
        # (100 + 100 + 75) / 3, (25 + 50 + 0) / 3, (50 + 100 + 75) / 3
        self.assertEqual(
            (delivery["importance"], delivery["performance"], delivery["rival"]),
            (91.7, 25.0, 75.0),
        )
        self.assertEqual((delivery["gap"], delivery["lead"]), (66.7, -50.0))
        # the competitor's: skipped by one, so the average of two
        self.assertEqual((repair["importance"], repair["rival"]), (50.0, 75.0))
        self.assertEqual((repair["gap"], repair["wanted"]), (-25.0, 8.0))
        self.assertEqual((delivery["count"], delivery["few"]), (3, True))
        self.assertEqual((delivery["quadrant"], repair["quadrant"]), ("first", "enough"))

    def test_the_widest_gaps_come_first(self):
        self._answers(importance=(2, 5), performance=(4, 1))
        self.assertEqual(list(self._matrix()), [self.repair.id, self.delivery.id])

    def test_enough_answers_are_not_grey(self):
        self.company.care_survey_min_count = 5
        for _number in range(5):
            self._answers(importance=(5, 4))
        row = self._matrix()[self.delivery.id]
        self.assertEqual((row["count"], row["few"]), (5, False))
        self.assertEqual((row["performance"], row["gap"], row["quadrant"]), (None, None, ""))

    def test_what_is_not_finished_or_only_tried_out_does_not_count(self):
        self._answers(importance=(5, 4), done=False)
        self._answers(importance=(5, 4)).test_entry = True
        self.assertFalse(self._matrix())

    def test_of_several_attempts_by_one_link_the_last_counts(self):
        for values in ((1, 1), (5, 5)):
            self._answers(importance=values).invite_token = "care-again"
        row = self._matrix()[self.delivery.id]
        self.assertEqual((row["importance"], row["count"]), (100.0, 1))

    def test_a_changed_answer_counts_as_it_is_now(self):
        answer = self._answers(importance=(1, 1))
        question = self.matrices["importance"]
        last = question.suggested_answer_ids.sorted("sequence")[-1]
        answer.user_input_line_ids.suggested_answer_id = last
        self.assertEqual(self._matrix()[self.delivery.id]["importance"], 100.0)

    def test_a_scale_counts_with_its_zero(self):
        question = self.env["survey.question"].create(
            {
                "survey_id": self.survey.id,
                "title": "Advice?",
                "question_type": "scale",
                "care_aspect": "importance",
                "care_rated_id": self.delivery.id,
            }
        )
        for value in ("0", "10"):
            answer = self._answers(done=False)
            answer._save_lines(question, value)
            answer._mark_done()
        row = self._matrix()[self.delivery.id]
        self.assertEqual((row["importance"], row["count"]), (50.0, 2))

    def test_by_tier_category_and_period(self):
        tier = self.env["care.tier"].create({"name": "Gold"})
        tag = self.env["res.partner.category"].create({"name": "Restaurants"})
        other = self.env["res.partner"].create(
            {"name": "Lakeside", "category_id": [Command.set(tag.ids)]}
        )
        clerk = self.env["res.partner"].create({"name": "Clerk", "parent_id": other.id})
        self.env["care.profile"].create(
            {"partner_id": other.id, "company_id": self.company.id, "tier_id": tier.id}
        )
        self._answers(importance=(1, 1)).end_datetime = "2026-01-31 23:30:00"  # February there
        self._answers(partner=clerk, importance=(5, 5)).end_datetime = "2026-03-01 10:00:00"
        for filters, wanted in (
            ({}, 50.0),
            ({"tier_id": tier.id}, 100.0),
            ({"category_id": tag.id}, 100.0),
            ({"date_to": "2026-02-28"}, 0.0),
            ({"date_from": "2026-02-02"}, 100.0),
            ({"date_to": "2026-01-31"}, None),
        ):
            with self.subTest(filters):
                row = self._matrix(**filters).get(self.delivery.id)
                self.assertEqual(row and row["importance"], wanted)

    def test_another_companys_answers_do_not_count(self):
        self._answers(importance=(5, 5))
        other = self.env["res.company"].create({"name": "Other"})
        boss = self._user("care_far", "customer_care.group_manager", company=other)
        matrix = self.env["care.service.matrix"].with_user(boss).create({})
        self.assertFalse(matrix.data["services"])
        with self.assertRaises(AccessError):
            self.env["care.service.matrix"].with_user(boss).create(
                {"company_id": self.company.id}
            )._matrix()

    def test_it_is_for_leaders_and_says_nothing_of_persons(self):
        self._answers(importance=(5, 5))
        for user in (self.agent, self.rep):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.env["care.service.matrix"].with_user(user).action_open()
        action = self.env["care.service.matrix"].with_user(self.leader).action_open()
        matrix = self.env["care.service.matrix"].with_user(self.leader).browse(action["res_id"])
        self.assertIn(self.delivery.id, [row["id"] for row in matrix.data["services"]])
        self.assertNotIn(self.customer.name, str(matrix.data))
        self.assertFalse({"partner_id", "email"} & set(matrix.fields_get()))

    def test_choosing_a_segment_shows_it_at_once(self):
        self._answers(importance=(5, 5))
        tier = self.env["care.tier"].create({"name": "Gold"})
        matrix = self.env["care.service.matrix"].create({"company_id": self.company.id})
        with Form(matrix) as form:
            self.assertTrue(form.data["services"])
            form.tier_id = tier
            self.assertFalse(form.data["services"])

    def test_the_level_stands_beside_what_is_promised(self):
        self._answers(level=8)
        self.assertIsNone(self._matrix()[self.repair.id]["promised"])
        self.repair.promise = "first_response"
        self.patch(
            self.env.registry["res.company"],
            "_care_promised_hours",
            lambda company, measures, tier: dict.fromkeys(measures, 2.0 if tier else 4.0),
        )
        row = self._matrix()[self.repair.id]
        self.assertEqual((row["wanted"], row["promised"]), (8.0, 4.0))
        tier = self.env["care.tier"].create({"name": "Twice as fast"})
        self.env["care.profile"].create(
            {
                "partner_id": self.customer.commercial_partner_id.id,
                "company_id": self.company.id,
                "tier_id": tier.id,
            }
        )
        row = self._matrix(tier_id=tier.id)[self.repair.id]
        self.assertEqual((row["wanted"], row["promised"]), (8.0, 2.0))

    def test_free_words_rate_nothing(self):
        with self.assertRaises(ValidationError):
            self.env["survey.question"].create(
                {
                    "survey_id": self.survey.id,
                    "title": "Words",
                    "question_type": "text_box",
                    "care_aspect": "importance",
                }
            )

    def test_the_survey_that_is_ready_rates_all_its_services(self):
        prefix = "customer_care_survey.survey_services_"
        for name in ("importance", "performance", "competitor_performance"):
            question = self.env.ref(prefix + name)
            self.assertTrue(question.care_aspect)
            self.assertEqual(len(question.matrix_row_ids.care_rated_id), 6)
        hours = self.env.ref(prefix + "level_answer").suggested_answer_ids.mapped("care_hours")
        self.assertEqual(hours, sorted(hours))
