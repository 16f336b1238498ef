import json
from unittest.mock import patch

from lxml import etree

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import HttpCase, tagged

from odoo.addons.customer_care.tests.common import CareCase

#: What only one person would write.
SECRET = "The zebra in the stairwell"


class StaffCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["care.survey.trigger"].search([]).active = False
        cls.company.partner_id.email = "care@hearth.example.com"
        cls.survey = cls.env["survey.survey"].create(
            {
                "title": "Zest at work",
                "care_staff": True,
                "access_mode": "public",
                "scoring_type": "no_scoring",
                "question_and_page_ids": [
                    Command.create(
                        {
                            "title": "I have what I need",
                            "sequence": 1,
                            "question_type": "scale",
                            "scale_min": 1,
                            "scale_max": 5,
                            "constr_mandatory": True,
                        }
                    ),
                    Command.create(
                        {
                            "title": "Where",
                            "sequence": 2,
                            "question_type": "multiple_choice",
                            "suggested_answer_ids": [
                                Command.create({"value": "Shop"}),
                                Command.create({"value": "Office"}),
                            ],
                        }
                    ),
                    Command.create(
                        {"title": "In your words", "sequence": 3, "question_type": "text_box"}
                    ),
                ],
            }
        )
        cls.scale, cls.choice, cls.words = cls.survey.question_ids
        cls.shop = cls.choice.suggested_answer_ids[0]
        cls.people = cls._users(
            **{f"care_worker{number}": "base.group_user" for number in range(8)}
        )

    @classmethod
    def _round(cls, **vals):
        return cls.env["care.staff.survey"].create(
            {
                "name": "Zest, spring",
                "survey_id": cls.survey.id,
                "company_id": cls.company.id,
                **vals,
            }
        )

    @classmethod
    def _asked(cls, **vals):
        row = cls._round(**vals)
        row._ask()
        return row

    def _answer(self, row, user, value, words=""):
        return row._take(
            user,
            {
                self.scale.id: str(value),
                self.choice.id: [str(self.shop.id)],
                self.words.id: words,
            },
        )

    def _mails(self, row):
        return self.env["mail.mail"].search(
            [
                ("model", "=", "care.staff.invitation"),
                ("res_id", "in", row.invitation_ids.ids),
            ]
        )

    def _all(self, row):
        """The results of everybody together, by question."""
        found = row.result_ids.filtered(lambda result: result.part == "all")
        return {result.name: result for result in found}


@tagged("post_install", "-at_install")
class TestStaffSurvey(StaffCase):
    # ------------------------------------------------------------
    # Asking
    # ------------------------------------------------------------

    def test_everybody_of_the_company_is_asked_and_nobody_else(self):
        other = self.env["res.company"].create({"name": "Other"})
        far = self._user("care_far", "base.group_user", company=other)
        guest = self._user("care_guest", "base.group_portal")
        row = self._asked()
        users = row.invitation_ids.user_id
        self.assertTrue(self.people | self.agent | self.manager <= users)
        self.assertFalse(users & (far | guest))
        self.assertEqual(row.asked_count, len(users))

    def test_teams_are_asked_about_another_team_and_never_the_team_itself(self):
        team = self.env["care.team"].create(
            {
                "name": "Shop",
                "company_id": self.company.id,
                "leader_id": self.leader.id,
                "member_ids": [Command.set((self.people | self.agent).ids)],
            }
        )
        row = self._asked(team_ids=[Command.set(team.ids)], about_id=self.team.id)
        self.assertEqual(row.invitation_ids.user_id, self.people)
        with self.assertRaisesRegex(ValidationError, "own service"):
            self._round(team_ids=[Command.set(self.team.ids)], about_id=self.team.id)

    def test_fewer_people_than_results_are_shown_from_are_not_asked(self):
        row = self._round(team_ids=[Command.set(self.team.ids)])
        with self.assertRaisesRegex(UserError, "Only 3 people"):
            row._ask()

    def test_everybody_gets_one_mail_with_the_same_link_and_no_token(self):
        row = self._asked()
        for _time in range(3):
            self._run("care.staff.survey")
        mails = self._mails(row)
        self.assertEqual(len(mails), row.asked_count)
        links = {
            link
            for mail in mails
            for link in etree.HTML(mail.body_html).xpath("//a/@href")
            if "/care/" in link
        }
        self.assertEqual(len(links), 1, links)
        self.assertTrue(links.pop().endswith(f"/care/staff/{row.id}"))

    def test_only_who_has_not_answered_is_reminded_once(self):
        row = self._asked()
        self._run("care.staff.survey")
        first = self._mails(row)
        self._answer(row, self.people[0], 4)
        for _time in range(3):
            self._run("care.staff.survey", days=7 if not _time else 0)
        again = self._mails(row) - first
        self.assertEqual(len(again), row.asked_count - 1)
        self.assertNotIn(self.people[0].partner_id, again.recipient_ids)
        self.assertIn(self.people[1].partner_id, again.recipient_ids)

    def test_killed_between_two_batches_nobody_is_asked_twice_or_forgotten(self):
        row = self._asked()
        with patch("odoo.addons.customer_care_survey.models.care_staff_survey.CHUNK", 4):
            row._run_due()
            first = self._mails(row)
            self.assertEqual(len(first), 4)
            # what was committed stays, what follows is begun anew
            self.env.invalidate_all()
            while row.step == "ask":
                row._run_due()
        mails = self._mails(row)
        self.assertEqual(len(mails), row.asked_count)
        self.assertEqual(len(mails.recipient_ids), row.asked_count)

    def test_it_closes_by_itself_after_its_last_day(self):
        row = self._asked(reminder_days=0)
        for user in self.people[:5]:
            self._answer(row, user, 3)
        for _time in range(2):
            self._run("care.staff.survey")
        self.assertEqual((row.state, row.step), ("planned", "close"))
        self._run("care.staff.survey", days=16)
        self.assertEqual((row.state, row.answer_count, row.is_shown), ("done", 5, True))

    def test_the_periodic_trigger_asks_the_staff_and_no_customer(self):
        customer = self.customer
        trigger = self.env["care.survey.trigger"].create(
            {
                "name": "Zest, regularly",
                "event": "periodic",
                "survey_id": self.survey.id,
                "company_id": self.company.id,
                "open_case": False,
                "filter_domain": f"[('id', '=', {customer.id})]",
            }
        )
        self.assertTrue(trigger.is_staff)
        for _time in range(2):
            self._run("care.survey.round", days=1)
        row = self.env["care.staff.survey"].search([("trigger_id", "=", trigger.id)])
        self.assertEqual(len(row), 1)
        self.assertEqual(row.state, "planned")
        self.assertTrue(self.people <= row.invitation_ids.user_id)
        self.assertFalse(
            self.env["care.survey.invitation"].search([("trigger_id", "=", trigger.id)])
        )

    def test_no_event_of_a_customer_asks_a_staff_survey(self):
        with self.assertRaisesRegex(ValidationError, "anonymous staff survey"):
            self.env["care.survey.trigger"].create(
                {
                    "name": "Wrong",
                    "event": "case_closed",
                    "survey_id": self.survey.id,
                    "company_id": self.company.id,
                    "open_case": False,
                }
            )

    def test_the_ready_made_surveys_are_marked_and_can_be_asked(self):
        for name in ("survey_staff", "survey_internal"):
            survey = self.env.ref(f"customer_care_survey.{name}")
            self.assertTrue(survey.care_staff)
            row = self._asked(survey_id=survey.id)
            boxes = self.env["care.staff.box"].search([("staff_survey_id", "=", row.id)])
            self.assertEqual(boxes.question_id, survey.question_ids)
        trigger = self.env.ref("customer_care_survey.trigger_staff")
        self.assertTrue(trigger.is_staff)
        self.assertFalse(trigger.active)

    def test_neutralize_asks_and_reminds_nobody(self):
        row = self._asked()
        self.env.flush_all()
        for query in get_neutralization_queries(["customer_care_survey"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual((row.state, row.next_at), ("cancelled", False))

    # ------------------------------------------------------------
    # What a survey has to be like
    # ------------------------------------------------------------

    def test_a_survey_that_was_answered_with_names_is_not_made_anonymous(self):
        survey = self.env["survey.survey"].create(
            {
                "title": "Named",
                "question_and_page_ids": [
                    Command.create({"title": "Why", "question_type": "text_box"})
                ],
            }
        )
        survey._create_answer(user=self.agent)
        with self.assertRaisesRegex(ValidationError, "Duplicate it"):
            survey.care_staff = True

    def test_questions_that_cannot_be_counted_are_refused(self):
        for vals in (
            {"question_type": "date"},
            {"question_type": "matrix"},
            {"question_type": "scale", "care_measure": "csat", "scale_min": 1, "scale_max": 5},
        ):
            with self.subTest(vals), self.assertRaises(ValidationError):
                self.env["survey.question"].create(
                    {"title": "Q", "survey_id": self.survey.id, **vals}
                )

    def test_while_people_are_asked_the_mark_stays(self):
        self._asked()
        with self.assertRaises(UserError):
            self.survey.care_staff = False

    def test_the_minimum_is_three_at_least_and_does_not_change_while_people_are_asked(self):
        with self.assertRaises(ValidationError):
            self.company.care_staff_min_count = 2
        row = self._asked()
        self.assertEqual(row.least, 5)
        self.company.care_staff_min_count = 3
        for user in self.people[:4]:
            self._answer(row, user, 3)
        row._close()
        self.assertFalse(row.is_shown)

    # ------------------------------------------------------------
    # Answering
    # ------------------------------------------------------------

    def test_nobody_answers_twice_or_without_being_asked(self):
        row = self._asked()
        self._answer(row, self.people[0], 5)
        outsider = self._user("care_new", "base.group_user")
        for user in (self.people[0], outsider):
            with self.subTest(user.login), self.assertRaises(UserError):
                self._answer(row, user, 1)
        row._close()
        with self.assertRaises(UserError):
            self._answer(row, self.people[1], 1)

    def test_an_answer_that_is_missing_is_asked_for_and_nothing_is_counted(self):
        row = self._asked()
        errors = row._take(self.people[0], {self.words.id: SECRET})
        self.assertEqual(list(errors), [self.scale.id])
        self.assertFalse(row.invitation_ids.filtered("answered"))
        self.assertFalse(self._answer(row, self.people[0], 5))

    def test_made_up_answers_are_not_counted(self):
        row = self._asked()
        errors = row._take(self.people[0], {self.scale.id: "99", self.choice.id: ["0"]})
        self.assertEqual(list(errors), [self.scale.id])

    # ------------------------------------------------------------
    # Results
    # ------------------------------------------------------------

    def test_results_count_everybody_and_the_average_is_right(self):
        row = self._asked()
        for user, value in zip(self.people, (1, 2, 3, 4, 5, 5), strict=False):
            self._answer(row, user, value, f"{SECRET} {value}")
        row._close()
        results = self._all(row)
        scale = results["I have what I need"]
        self.assertEqual((scale.count, scale.average), (6, 3.33))
        self.assertEqual(scale.value_ids.mapped("count"), [1, 1, 1, 1, 2])
        self.assertEqual(results["Where"].value_ids.mapped("count"), [6, 0])
        self.assertEqual(len(results["In your words"].value_ids), 6)

    def test_fewer_answers_than_the_minimum_are_deleted_unseen(self):
        row = self._asked()
        for user in self.people[:2]:
            self._answer(row, user, 1, SECRET)
        row._close()
        self.assertEqual((row.is_shown, row.answer_count), (False, 2))
        self.assertFalse(row.result_ids)
        self.assertFalse(self.env["care.staff.box"].search([("staff_survey_id", "=", row.id)]))

    def test_a_question_that_few_answered_is_hidden(self):
        row = self._asked()
        for number, user in enumerate(self.people[:6]):
            self._answer(row, user, 3, SECRET if number < 4 else "")
        row._close()
        words = self._all(row)["In your words"]
        self.assertTrue(words.is_hidden)
        self.assertFalse(words.value_ids)
        self.assertEqual(words.count, 0)

    def _two_teams(self, first, second):
        self.company.care_staff_min_count = 3
        people = self.people
        teams = self.env["care.team"].create(
            [
                {
                    "name": name,
                    "company_id": self.company.id,
                    "leader_id": self.leader.id,
                    "member_ids": [Command.set(mine.ids)],
                }
                for name, mine in (("East", people[:4]), ("West", people[4:]))
            ]
        )
        row = self._asked(team_ids=[Command.set(teams.ids)])
        for user in [*people[:first], *people[4 : 4 + second]]:
            self._answer(row, user, 3)
        row._close()
        return row.result_ids.filtered(lambda result: result.name == "I have what I need")

    def test_teams_with_enough_answers_are_shown_each(self):
        found = self._two_teams(3, 4)
        self.assertEqual(
            sorted((result.part, result.team_id.name or "", result.count) for result in found),
            [("all", "", 7), ("team", "East", 3), ("team", "West", 4)],
        )

    def test_no_difference_of_two_figures_tells_about_fewer(self):
        found = self._two_teams(4, 2)
        # East alone would leave the two of West
        self.assertEqual([(result.part, result.count) for result in found], [("all", 6)])

    def test_every_difference_of_shown_figures_is_nobody_or_enough_people(self):
        for first in range(5):
            for second in range(5):
                with self.subTest(first=first, second=second):
                    self.people = self._users(
                        **{f"care_w{first}{second}{n}": "base.group_user" for n in range(8)}
                    )
                    found = self._two_teams(first, second)
                    shown = [result for result in found if not result.is_hidden]
                    parts = [result.count for result in shown if result.part != "all"]
                    total = [result.count for result in shown if result.part == "all"]
                    for count in total + parts:
                        self.assertGreaterEqual(count, 3)
                    if parts:
                        self.assertEqual(sum(parts), total[0])

    # ------------------------------------------------------------
    # Anonymous, by every route
    # ------------------------------------------------------------

    def _everybody(self):
        admin = self.env.ref("base.user_admin")
        admin.company_ids |= self.company
        admin.group_ids |= self.env.ref("customer_care.group_manager")
        officer = self._user("care_officer", "base.group_user,survey.group_survey_manager")
        users = self.agent | self.leader | self.manager | officer | admin
        users.group_ids |= self.env.ref("base.group_allow_export")
        return users

    def test_the_five_models_of_surveys_hold_nothing_of_it(self):
        row = self._asked()
        for user in self.people[:2]:
            self._answer(row, user, 1, SECRET)
        self.env.flush_all()
        self.assertFalse(
            self.env["survey.user_input"]
            .with_context(active_test=False)
            .search([("survey_id", "=", self.survey.id)])
        )
        self.assertFalse(
            self.env["survey.user_input.line"].search([("survey_id", "=", self.survey.id)])
        )
        for user in self._everybody():
            for model in (
                "survey.survey",
                "survey.question",
                "survey.question.answer",
                "survey.user_input",
                "survey.user_input.line",
            ):
                records = self.env[model].with_user(user)
                if not records.has_access("read"):
                    continue
                found = records.search([])
                for name in found.fields_get():
                    try:
                        values = found.read([name])
                    except AccessError:
                        continue
                    with self.subTest(user=user.login, model=model, field=name):
                        self.assertNotIn(SECRET, str(values))

    def test_the_boxes_are_read_by_nobody_whatever_rights_they_give_themselves(self):
        row = self._asked()
        for user in self.people[:2]:
            self._answer(row, user, 1, SECRET)
        model = self.env["ir.model"]._get("care.staff.box")
        self.env["ir.model.access"].create(
            {
                "name": "All to everybody",
                "model_id": model.id,
                "group_id": self.env.ref("base.group_user").id,
                "perm_read": True,
                "perm_write": True,
                "perm_create": True,
                "perm_unlink": True,
            }
        )
        boxes = self.env["care.staff.box"].search([("staff_survey_id", "=", row.id)])
        for user in self._everybody():
            mine = boxes.with_user(user)
            for name, call in {
                "read": lambda m=mine: m.read(["data"]),
                "search": lambda m=mine: m.search([]),
                "search_read": lambda m=mine: m.search_read([], ["data"]),
                "count": lambda m=mine: m.search_count([("data", "!=", False)]),
                "name_search": lambda m=mine: m.name_search(""),
                "read_group": lambda m=mine: m.formatted_read_group([], ["kind"], ["__count"]),
                "web_read": lambda m=mine: m.web_read({"data": {}}),
                "export": lambda m=mine: m.export_data(["id", "data"]),
                "write": lambda m=mine: m.write({"data": {}}),
                "unlink": lambda m=mine: m.unlink(),
                "copy": lambda m=mine: m.copy(),
            }.items():
                with self.subTest(user=user.login, call=name), self.assertRaises(AccessError):
                    call()
        self.assertEqual(sum(boxes.mapped(lambda box: box.data["people"])), 6)

    def test_whether_somebody_answered_is_read_and_searched_by_nobody(self):
        row = self._asked()
        self._answer(row, self.people[0], 1)
        for user in self._everybody():
            mine, theirs = row.invitation_ids.with_user(user), row.with_user(user)
            for name, call in {
                "read": lambda m=mine: m.read(["answered"]),
                "search": lambda m=mine: m.search([("answered", "=", True)]),
                "group": lambda m=mine: m.formatted_read_group([], ["answered"], ["__count"]),
                "order": lambda m=mine: m.search([], order="answered"),
                "export": lambda m=mine: m.export_data(["answered"]),
                "path": lambda r=theirs: r.search([("invitation_ids.answered", "=", True)]),
            }.items():
                with self.subTest(user=user.login, call=name), self.assertRaises(AccessError):
                    call()

    def test_nothing_of_an_answer_knows_a_person_a_moment_or_an_order(self):
        for name in (
            "care.staff.invitation",
            "care.staff.box",
            "care.staff.result",
            "care.staff.result.value",
        ):
            self.env.cr.execute(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_name = %s",
                (name.replace(".", "_"),),
            )
            columns = dict(self.env.cr.fetchall())
            with self.subTest(name):
                self.assertFalse(
                    {"create_uid", "create_date", "write_uid", "write_date"} & set(columns)
                )
                self.assertFalse(
                    [column for column, kind in columns.items() if "time" in kind], columns
                )
                self.assertFalse([column for column in columns if "token" in column])
                if name != "care.staff.invitation":
                    comodels = {field.comodel_name for field in self.env[name]._fields.values()}
                    self.assertFalse(
                        comodels & {"res.users", "res.partner", "care.staff.invitation"}
                    )

    def test_an_answer_changes_no_other_record_and_makes_none(self):
        row = self._asked()
        self.env.flush_all()
        before = self._snapshot()
        stamp = row.write_date
        self._answer(row, self.people[3], 2, SECRET)
        self.env.flush_all()
        self.assertEqual(self._snapshot(), before)
        self.env.invalidate_all()
        self.assertEqual(row.write_date, stamp)

    def _snapshot(self):
        """How many rows every table has."""
        self.env.cr.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            " AND table_type = 'BASE TABLE'"
        )
        counts = {}
        for (table,) in self.env.cr.fetchall():
            self.env.cr.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = self.env.cr.fetchone()[0]
        return counts

    def test_two_rounds_answered_the_other_way_round_look_the_same(self):
        """Whoever answered first: every column of every table says the same afterwards."""
        self.company.care_staff_min_count = 3
        people = self.people[:3]
        answers = dict(zip(people, (1, 4, 5), strict=True))
        seen = []
        for order in (list(people), list(people)[::-1]):
            row = self._asked()
            for user in order:
                self._answer(row, user, answers[user])
            boxes = self.env["care.staff.box"].search([("staff_survey_id", "=", row.id)])
            first = [(box.name, box.data) for box in boxes]
            row._close()
            invitations = row.invitation_ids.sorted("id")
            seen.append(
                json.dumps(
                    [
                        first,
                        [(i.user_id.id, i.answered) for i in invitations],
                        [
                            (r.name, r.part, r.count, r.value_ids.mapped("count"))
                            for r in row.result_ids
                        ],
                    ],
                    sort_keys=True,
                )
            )
        self.assertEqual(*seen)

    def test_words_stand_in_no_order(self):
        self.company.care_staff_min_count = 3
        said = [f"Word {number}" for number in range(8)]
        orders = set()
        for _time in range(4):
            row = self._asked()
            for user, words in zip(self.people, said, strict=True):
                self._answer(row, user, 3, words)
            row._close()
            found = self._all(row)["In your words"].value_ids.mapped("name")
            self.assertEqual(sorted(found), said)
            orders.add(tuple(found))
        self.assertGreater(len(orders), 1)

    def test_scores_and_facts_know_nothing_of_it(self):
        row = self._asked()
        scores = self.env["care.survey.score"].search_count([])
        facts = self.env["care.fact"].search_count([])
        for user in self.people[:6]:
            self._answer(row, user, 1, SECRET)
        row._close()
        self.assertEqual(self.env["care.survey.score"].search_count([]), scores)
        self.assertEqual(self.env["care.fact"].search_count([]), facts)

    def test_surveys_itself_makes_no_answer_with_a_name(self):
        for call in (
            lambda: self.survey._create_answer(user=self.agent),
            lambda: self.survey._create_answer(
                user=self.env.ref("base.user_admin"), test_entry=True
            ),
            lambda: self.env["survey.user_input"].create({"survey_id": self.survey.id}),
            lambda: (
                self.env["survey.user_input"]
                .with_context(default_survey_id=self.survey.id)
                .create({})
            ),
        ):
            with self.assertRaises(ValidationError):
                call()
        with self.assertRaises(UserError):
            self.survey.action_start_session()
        other = self.survey.copy({"care_staff": False, "title": "Named"})
        answer = other._create_answer(user=self.agent)
        with self.assertRaises(ValidationError):
            answer.survey_id = self.survey

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_who_may_do_what(self):
        rights = {
            "care.staff.survey": {"agent": "r", "manager": "rwcu"},
            "care.staff.invitation": {"manager": "r"},
            "care.staff.box": {},
            "care.staff.result": {"agent": "r", "manager": "r"},
            "care.staff.result.value": {"agent": "r", "manager": "r"},
        }
        letters = {"r": "read", "w": "write", "c": "create", "u": "unlink"}
        guest = self._user("care_guest", "base.group_portal")
        for model, roles in rights.items():
            for user, role in (
                (self.agent, "agent"),
                (self.leader, "agent"),
                (self.manager, "manager"),
                (self.people[0], None),
                (guest, None),
            ):
                may = {
                    letter
                    for letter, name in letters.items()
                    if self.env[model].with_user(user).has_access(name)
                }
                with self.subTest(model=model, user=user.login):
                    self.assertEqual(may, set(roles.get(role, "")))

    def test_only_managers_ask_and_close(self):
        row = self._round()
        for user in (self.agent, self.leader):
            with self.assertRaises(AccessError):
                row.with_user(user).action_ask()
        row.with_user(self.manager).action_ask()
        self.assertEqual(row.state, "planned")
        with self.assertRaises(AccessError):
            row.with_user(self.agent).action_close()
        with self.assertRaises(UserError):
            row.with_user(self.manager).date_end = fields.Date.today()
        row.with_user(self.manager).action_close()
        self.assertEqual(row.state, "done")

    def test_nobody_forges_a_round_or_its_results(self):
        row = self._round()
        mine = row.with_user(self.manager)
        for vals in ({"least": 1}, {"state": "done"}, {"answer_count": 9}, {"last_id": 1}):
            with self.subTest(vals), self.assertRaises(AccessError):
                mine.write(vals)
        forged = (
            self.env["care.staff.survey"]
            .with_user(self.manager)
            .with_company(self.company)
            .with_context(default_state="planned", default_least=1, default_step="close")
            .create({"name": "Forged", "company_id": self.company.id, "survey_id": self.survey.id})
        )
        self.assertEqual((forged.state, forged.least, forged.step), ("draft", 0, False))
        with self.assertRaises(AccessError):
            self.env["care.staff.result"].with_user(self.manager).create({"name": "x"})

    def test_people_see_what_asks_them_and_what_is_closed(self):
        mine = self._asked()
        agent = self.env["care.staff.survey"].with_user(self.agent)
        draft = self._round(name="Not yet")
        self.assertIn(mine, agent.search([]))
        self.assertNotIn(draft, agent.search([]))
        self.assertTrue(mine.with_user(self.agent).can_answer)
        self._answer(mine, self.agent, 3)
        mine.invalidate_recordset()
        self.assertFalse(mine.with_user(self.agent).can_answer)
        for user in self.people[:5]:
            self._answer(mine, user, 3)
        mine._close()
        self.assertTrue(mine.result_ids.with_user(self.agent).has_access("read"))
        self.assertTrue(mine.result_ids.value_ids.with_user(self.agent).has_access("read"))

    def test_another_company_sees_nothing_of_it(self):
        row = self._asked()
        for user in self.people[:5]:
            self._answer(row, user, 3)
        row._close()
        other = self.env["res.company"].create({"name": "Other"})
        far = self._user("care_far", "customer_care.group_manager", company=other)
        for records in (row, row.invitation_ids, row.result_ids, row.result_ids.value_ids):
            with self.subTest(records._name):
                self.assertTrue(records)
                self.assertFalse(records.with_user(far)._filtered_access("read"))


@tagged("post_install", "-at_install")
class TestStaffPage(StaffCase, HttpCase):
    def _press(self, row, **answers):
        page = self.url_open(f"/care/staff/{row.id}")
        self.assertEqual(page.status_code, 200)
        token = etree.HTML(page.text).xpath("//form//input[@name='csrf_token']/@value")
        return self.url_open(
            f"/care/staff/{row.id}", {"csrf_token": token[0] if token else "", **answers}
        )

    def test_a_colleague_answers_once_on_the_page(self):
        row = self._asked()
        user = self.people[0]
        self.authenticate(user.login, user.login)
        page = self._press(row, **{f"q{self.words.id}": SECRET})
        with self.subTest("what is missing is asked for, what was written stays"):
            self.assertIn("Please answer this question", page.text)
            self.assertIn(SECRET, page.text)
        page = self._press(
            row,
            **{
                f"q{self.scale.id}": "4",
                f"q{self.choice.id}": str(self.shop.id),
                f"q{self.words.id}": SECRET,
            },
        )
        self.assertIn("Thank you", page.text)
        self.env.invalidate_all()
        self.assertEqual(row.invitation_ids.filtered("answered").user_id, user)
        boxes = self.env["care.staff.box"].search([("staff_survey_id", "=", row.id)])
        self.assertEqual([box.data["people"] for box in boxes], [1, 1, 1])
        with self.subTest("opened again it shows no answer"):
            again = self.url_open(f"/care/staff/{row.id}")
            self.assertIn("You have answered", again.text)
            self.assertNotIn(SECRET, again.text)

    def test_opening_the_page_changes_nothing(self):
        row = self._asked()
        self.authenticate(self.people[0].login, self.people[0].login)
        self.url_open(f"/care/staff/{row.id}")
        self.env.invalidate_all()
        self.assertFalse(row.invitation_ids.filtered("answered"))

    def test_who_is_not_asked_finds_no_page_and_without_login_neither(self):
        row = self._asked()
        outsider = self._user("care_outside", "base.group_user")
        self.authenticate(outsider.login, outsider.login)
        self.assertEqual(self.url_open(f"/care/staff/{row.id}").status_code, 404)
        self.authenticate(None, None)
        self.assertIn("/web/login", self.url_open(f"/care/staff/{row.id}").url)

    def test_every_page_of_surveys_leads_away_from_answers_with_names(self):
        row = self._asked()
        officer = self._user(
            "care_officer", "base.group_user,survey.group_survey_manager,base.group_system"
        )
        token = self.survey.access_token
        for user in (officer, self.env.ref("base.user_admin")):
            self.authenticate(user.login, user.login)
            for url in (f"/survey/start/{token}", f"/survey/test/{token}"):
                with self.subTest(url):
                    self.assertNotIn("/survey/", self.url_open(url).url)
            with self.subTest("results"):
                page = self.url_open(f"/survey/results/{self.survey.id}?finished=true")
                self.assertIn("/odoo/action-", page.url)
        for user in self.people[:6]:
            self._answer(row, user, 2, SECRET)
        page = self.url_open(f"/survey/print/{token}?review=True")
        self.assertNotIn(SECRET, page.text)
        self.env.invalidate_all()
        self.assertFalse(self.env["survey.user_input"].search([("survey_id", "=", self.survey.id)]))
