"""What was answered anonymously: numbers in boxes while a round is open, results afterwards."""

import random

from odoo import api, fields, models
from odoo.exceptions import AccessError

#: Answers that are words.
WORDS = ("text_box", "char_box")


class CareStaffBox(models.Model):
    """The numbers of one question while people are asked. Nobody reads it through any screen or
    call, whatever rights they give themselves: only the engine does, to count and to close.

    All boxes are there before anybody answers, and nothing in them is in the order of answers.
    """

    _name = "care.staff.box"
    _description = "Box of a staff survey"
    _order = "sequence, id"
    _log_access = False

    staff_survey_id = fields.Many2one(
        "care.staff.survey", required=True, index=True, ondelete="cascade"
    )
    question_id = fields.Many2one("survey.question", required=True, index=True, ondelete="cascade")
    team_id = fields.Many2one("care.team", ondelete="cascade", index="btree_not_null")
    sequence = fields.Integer()
    kind = fields.Char(required=True)
    name = fields.Char(required=True)
    choices = fields.Json(help="[[key, words], …] as they were when people were asked.")
    data = fields.Json(help="Number of people, counts by key, words in no order.")

    def _check_access(self, operation):
        if self.env.su:
            return super()._check_access(operation)
        return self, self._refusal

    def _refusal(self):
        return AccessError(
            self.env._("Answers of a staff survey are seen by nobody before it is closed.")
        )

    @api.model
    def _search(self, domain, *args, **kwargs):
        if not self.env.su:
            raise self._refusal()
        return super()._search(domain, *args, **kwargs)

    @api.model
    def _open(self, staff_survey, users, least):
        """The boxes of a round. A team has its own if it is large enough to be shown.

        :param users: who is asked
        :param int least: from how many answers on results are shown
        """
        # results are read in the company's language
        staff_survey = staff_survey.with_context(lang=staff_survey.company_id.partner_id.lang)
        teams, left = self.env["care.team"], users
        for team in staff_survey.team_ids.sorted("id"):
            # whoever is in two teams counts in the first, as when they answer
            mine = left & (team.member_ids | team.leader_id)
            if len(mine) >= least:
                teams |= team
                left -= mine
        return self.create(
            [
                {
                    "staff_survey_id": staff_survey.id,
                    "question_id": question.id,
                    "team_id": team.id,
                    "sequence": number,
                    "kind": question.question_type,
                    "name": question.title,
                    "choices": question._care_staff_choices(),
                    "data": {"people": 0, "counts": {}, "words": []},
                }
                for number, question in enumerate(staff_survey.survey_id.question_ids)
                for team in [*teams, self.env["care.team"]]
            ]
        )

    # ------------------------------------------------------------
    # Answers
    # ------------------------------------------------------------

    def _keys(self, answer):
        """What is chosen: keys of this box's choices."""
        self.ensure_one()
        chosen = answer if isinstance(answer, list) else [answer]
        known = {key for key, _words in self.choices or []}
        keys = [str(key) for key in chosen if str(key) in known]
        return keys if self.kind == "multiple_choice" else keys[:1]

    def _errors(self, given):
        """dict question id -> what is missing."""
        errors = {}
        for box in self:
            answer = given.get(box.question_id.id)
            said = (answer or "").strip() if box.kind in WORDS else box._keys(answer)
            if box.question_id.constr_mandatory and not said:
                errors[box.question_id.id] = self.env._("Please answer this question.")
        return errors

    def _add(self, given):
        for box in self:
            answer, data = given.get(box.question_id.id), box.data
            counts, words = dict(data["counts"]), list(data["words"])
            if box.kind in WORDS:
                said = (answer or "").strip()
                if not said:
                    continue
                words.insert(random.SystemRandom().randint(0, len(words)), said)
            else:
                keys = box._keys(answer)
                if not keys:
                    continue
                for key in set(keys):
                    counts[key] = counts.get(key, 0) + 1
            box.data = {"people": data["people"] + 1, "counts": counts, "words": words}
        self.flush_recordset()

    # ------------------------------------------------------------
    # Closing
    # ------------------------------------------------------------

    def _results(self, least):
        """Values of the results that may be shown: none of fewer than so many people, nor so that
        the difference of two would be of fewer.

        :param int least: number of people
        """
        vals_list = []
        for boxes in (
            self.sorted(lambda box: (box.sequence, box.id)).grouped("question_id").values()
        ):
            total = sum(box.data["people"] for box in boxes)
            if total < least:
                vals_list.append(boxes._prepare_result("all", least))
                continue
            vals_list.append(boxes._prepare_result("all", least))
            shown = boxes.filtered(lambda box: box.team_id and box.data["people"] >= least)
            shown = shown.sorted(lambda box: (-box.data["people"], box.id))
            rest = boxes - shown
            while shown and 0 < sum(box.data["people"] for box in rest) < least:
                rest, shown = rest + shown[-1], shown[:-1]
            others = sum(box.data["people"] for box in rest)
            if not shown or (len(shown) == 1 and not others):
                continue  # the same as all together
            vals_list += [box._prepare_result("team", least) for box in shown]
            if others:
                vals_list.append(rest._prepare_result("rest", least))
        return vals_list

    def _prepare_result(self, part, least):
        """Values of what the people of these boxes of one question said together."""
        first = self[0]
        people = sum(box.data["people"] for box in self)
        vals = {
            "staff_survey_id": first.staff_survey_id.id,
            "company_id": first.staff_survey_id.company_id.id,
            "sequence": first.sequence,
            "name": first.name,
            "kind": first.kind,
            "part": part,
            "team_id": first.team_id.id if part == "team" else False,
        }
        if people < least:
            return {**vals, "is_hidden": True}
        if first.kind in WORDS:
            words = [said for box in self for said in box.data["words"]]
            values = [(said, 1) for said in random.SystemRandom().sample(words, len(words))]
        else:
            values = [
                (words, sum(box.data["counts"].get(key, 0) for box in self))
                for key, words in first.choices
            ]
        average = 0
        if first.kind == "scale":
            average = sum(
                int(key) * box.data["counts"].get(key, 0)
                for box in self
                for key, _words in first.choices
            )
        return {
            **vals,
            "count": people,
            "average": average / people,
            "value_ids": [
                fields.Command.create(
                    {"sequence": number, "name": words, "count": count, "share": count / people}
                )
                for number, (words, count) in enumerate(values)
            ],
        }


class CareStaffResult(models.Model):
    """What enough people said to one question of a staff survey that is closed."""

    _name = "care.staff.result"
    _description = "Result of a staff survey"
    _inherit = ["care.engine.mixin"]
    _order = "staff_survey_id desc, sequence, part, id"
    _log_access = False

    staff_survey_id = fields.Many2one(
        "care.staff.survey", "Staff Survey", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one("res.company", required=True, index=True, ondelete="cascade")
    sequence = fields.Integer(aggregator=None)
    name = fields.Char("Question", required=True)
    kind = fields.Char(required=True)
    part = fields.Selection(
        [("all", "Everybody"), ("team", "A team"), ("rest", "All others")], "Of", required=True
    )
    team_id = fields.Many2one("care.team", "Team", index="btree_not_null", ondelete="cascade")
    count = fields.Integer("People", aggregator=None)
    average = fields.Float(digits=(5, 2), aggregator=None)
    is_hidden = fields.Boolean(
        "Too Few", help="Too few people answered this question: what they said was deleted."
    )
    value_ids = fields.One2many("care.staff.result.value", "result_id", "Answers")


class CareStaffResultValue(models.Model):
    """How many people chose an answer, or what one wrote, in no order."""

    _name = "care.staff.result.value"
    _description = "Answer in the results of a staff survey"
    _inherit = ["care.engine.mixin"]
    _order = "result_id, sequence, id"
    _log_access = False

    result_id = fields.Many2one(
        "care.staff.result", "Question", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(aggregator=None)
    name = fields.Text("Answer", required=True)
    count = fields.Integer("People")
    share = fields.Float(aggregator=None)


class SurveyQuestion(models.Model):
    _inherit = "survey.question"  # pylint: disable=consider-merging-classes-inherited

    def _care_staff_choices(self):
        """[[key, words], …] of what can be chosen; empty for words."""
        self.ensure_one()
        if self.question_type == "scale":
            return [[str(n), str(n)] for n in range(self.scale_min, self.scale_max + 1)]
        if self.question_type in WORDS:
            return []
        return [[str(choice.id), choice.value or ""] for choice in self.suggested_answer_ids]
