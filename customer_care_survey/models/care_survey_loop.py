"""The closed loop: who hears of a bad answer, when the customer heard back, and what ends it."""

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.customer_care.models.care_due_mixin import ENGINE
from odoo.addons.customer_care.models.care_stage import OVER

from .care_case import STAFF
from .care_events import FROM_US

MEASURES = [
    ("survey_heard", "Bad answer: customer heard back"),
    ("survey_back", "Bad answer: time until the customer heard back"),
]


class SurveyQuestion(models.Model):
    _inherit = "survey.question"  # pylint: disable=consider-merging-classes-inherited

    care_suggestion = fields.Boolean(
        "Suggestions",
        help="What customers write here becomes a suggestion in the register. With a bad answer "
        "it stands in the case that the answer opens.",
    )


class CareSurveyInvitation(models.Model):
    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    def _cases(self):
        """The cases that these answers are about, and those that they have opened."""
        return self.case_id | self._opened_cases()

    def _opened_cases(self):
        """The cases that these answers have opened."""
        return self.recovery_case_ids | self.suggestion_case_ids

    def _act_on_answers(self):
        result = super()._act_on_answers()
        self._open_suggestions()
        unhappy = self.filtered(lambda row: any(row.score_ids.mapped("is_bad")))
        unhappy.case_id._turned_unhappy()
        (self - unhappy)._end_loops()
        unhappy._begin_anew()
        return result

    # ------------------------------------------------------------
    # A bad answer
    # ------------------------------------------------------------

    def _prepare_recovery_case_vals(self):
        vals = super()._prepare_recovery_case_vals()
        # the team that a category names has its own way to choose; what is confidential goes
        # to who may see it
        if not vals["confidential"] and not self.trigger_id.case_category_id.team_id:
            owner = self._loop_owner()
            if owner:
                vals["owner_id"] = owner.id
        return vals

    def _loop_owner(self):
        """Who answers for what the customer complains of: the owner of the stage; where the
        answer is about that person's own work, the stage's curator or the team's leader.

        :return: a user, maybe empty
        """
        self.ensure_one()
        piece = self._pieces_about()[self]
        record = self._record()
        if not piece or not record:
            return self.env["res.users"]
        team = record.team_id
        judged = self._judged(piece)
        if piece.user_id not in judged:
            return record._present(piece.user_id, team)
        for user in (piece.stage_id.curator_id, team.leader_id):
            if (
                user
                and user not in judged
                and record._may_own(user, self.company_id)
                # sudo: whether somebody is there
                and not user.sudo().care_is_away
            ):
                return user
        return self.company_id._care_default_owner(tuple(judged))

    def _judged(self, piece):
        """The persons whose own work the answer is about: who had the case, or the contact."""
        self.ensure_one()
        people = self.followup_id.user_id
        if self.case_id:
            people |= piece.user_id
        return people

    def _begin_anew(self):
        """After a bad answer, a good one before it ends nothing any more."""
        if not self:
            return
        ended = self.env["care.case"].search(
            [
                ("survey_good_id", "!=", False),
                ("partner_id", "in", self.partner_id.ids),
                ("company_id", "in", self.company_id.ids),
                ("stage_category", "not in", OVER),
            ]
        )
        last = {
            (row.partner_id, row.company_id): row.answered_at for row in self.sorted("answered_at")
        }

        def is_past(case):
            bad_at = last.get((case.partner_id, case.company_id))
            good_at = case.survey_good_id.answered_at
            return bad_at and (not good_at or good_at <= bad_at)

        ended.filtered(is_past)._forget_good_answer()

    # ------------------------------------------------------------
    # Suggestions
    # ------------------------------------------------------------

    def _open_suggestions(self):
        """What was suggested goes to the register; once, and not beside the case of the same
        answer."""
        cases = self.env["care.case"]
        told = cases.search(
            [
                "|",
                ("survey_suggestion_id", "in", self.ids),
                ("survey_invitation_id", "in", self.ids),
            ]
        )
        rows = self - told.survey_suggestion_id - told.survey_invitation_id
        for company, mine in rows.grouped("company_id").items():
            mine = mine.with_company(company).with_context(lang=company.partner_id.lang)
            vals_list = [
                row._prepare_suggestion_vals(words)
                for row in mine
                if (words := row._suggestion()) and not row._is_bad()
            ]
            if vals_list:
                cases.with_env(mine.env).create(vals_list)

    def _suggestion(self):
        """The words of a suggestion; empty if there is none."""
        self.ensure_one()
        lines = self.user_input_id.user_input_line_ids.filtered(
            lambda line: line.question_id.care_suggestion and not line.skipped
        )
        return "\n".join(filter(None, [line._care_text() for line in lines]))

    def _prepare_suggestion_vals(self, words):
        self.ensure_one()
        record = self._record()
        return {
            # the customer reads it
            "name": self.env._("Your suggestion"),
            "description": words,
            "kind": "suggestion",
            "channel": "survey",
            "team_id": record.team_id.id,
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "order_id": record.order_id.id if record else False,
            "product_id": self.case_id.product_id.id,
            "journey_id": self.journey_id.id or self.case_id.journey_id.id,
            "received_at": self.answered_at,
            "survey_suggestion_id": self.id,
            "confidential": self.case_id.confidential,
        }

    # ------------------------------------------------------------
    # A good answer after it
    # ------------------------------------------------------------

    def _end_loops(self):
        """End what bad answers of the same persons opened: they are content now. What only waits
        for their word is closed; where somebody is still at work it is proposed to them.
        """
        good = self.filtered(
            lambda row: row.score_ids and all(score.points > 0 for score in row.score_ids)
        )
        if not good:
            return
        open_cases = self.env["care.case"].search(
            [
                ("survey_invitation_id", "!=", False),
                ("partner_id", "in", good.partner_id.ids),
                ("company_id", "in", good.company_id.ids),
                ("stage_category", "not in", OVER),
            ]
        )
        for row in good.sorted("answered_at"):
            ended = open_cases.filtered(
                lambda case, row=row: (
                    case.partner_id == row.partner_id
                    and case.company_id == row.company_id
                    and (
                        case.survey_invitation_id == row
                        or case.survey_invitation_id.answered_at
                        and case.survey_invitation_id.answered_at < row.answered_at
                    )
                    and case.survey_good_id != row
                    # a second one ends what was still worked on at the first
                    and (not case.survey_good_id or case.stage_category == "resolved")
                )
            )
            if not ended:
                continue
            ended.write({"survey_good_id": row.id})
            for case in ended:
                if case.stage_category == "resolved" and case._close_content():
                    body = self.env._(
                        "The customer has answered another question since: %(score)s. That ends "
                        "it: this is closed.",
                        score=row.score_text,
                    )
                else:
                    body = self.env._(
                        "The customer has answered another question since: %(score)s. If nothing "
                        "is left to do, this can be closed.",
                        score=row.score_text,
                    )
                case.message_post(
                    body=body,
                    subtype_xmlid="mail.mt_note",
                    partner_ids=case.owner_id.partner_id.ids,
                )


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    survey_suggestion_id = fields.Many2one(
        "care.survey.invitation",
        "From a Suggestion in a Survey",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups=STAFF,
    )
    survey_good_id = fields.Many2one(
        "care.survey.invitation",
        "Good Answer Since",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        groups=STAFF,
        help="The same person has given a good answer after the one that opened this case.",
    )
    # sudo: the score alone, for whoever may see the case
    survey_good_score = fields.Char(
        compute="_compute_survey_good_score", compute_sudo=True, groups=STAFF
    )

    _survey_suggestion_uniq = models.UniqueIndex(
        "(survey_suggestion_id) WHERE survey_suggestion_id IS NOT NULL",
        "This suggestion is in the register already.",
    )

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"survey_suggestion_id", "survey_good_id"}

    @api.depends("survey_good_id")
    def _compute_survey_good_score(self):
        for case in self:
            case.survey_good_score = case.survey_good_id.score_text

    def _close_content(self):
        """Close, as superuser, what a good answer has ended; not where something else is still
        wanted: a yes to what was offered, a leader's word that a danger is over, or a stage that
        may not be skipped.

        :return: whether it is closed
        """
        self.ensure_one()
        if any(remedy.state in ("draft", "asked", "offered") for remedy in self.remedy_ids):
            return False
        try:
            with self.env.cr.savepoint():
                self._enter_category("closed")
                if self.stage_category != "closed":
                    raise UserError(
                        self.env._("“%s” comes before it is closed.", self.stage_id.name)
                    )
        except UserError:
            self.invalidate_recordset()
            return False
        return True

    def _stage_events(self, before):
        if self[:1].stage_category in ("open", "waiting"):
            # the customer is not content after all
            self.filtered(
                lambda case: before[case] not in ("open", "waiting")
            )._forget_good_answer()
        return super()._stage_events(before)

    def _customer_wrote(self, message):
        result = super()._customer_wrote(message)
        # an answer to a question of ours says itself what follows
        if self.env.context.get("care_answering") is not ENGINE:
            self._forget_good_answer()
        return result

    def _wants_person(self, text, author, phone, when):
        result = super()._wants_person(text, author, phone, when)
        self._forget_good_answer()
        return result

    def _forget_good_answer(self):
        """The customer has more to say: a good answer from before closes these cases no more."""
        # sudo: the engine's field, whoever brings the news
        self.sudo().filtered(
            lambda case: case.survey_good_id and case.stage_category not in OVER
        ).write({"survey_good_id": False})

    def action_end_loop(self):
        """Close what a good answer since has ended."""
        self.ensure_one()
        self.check_access("write")
        if not self.survey_good_id or self.stage_category in OVER:
            raise UserError(
                self.env._("There is no good answer that could close %s.", self.display_name)
            )
        if not self.resolution:
            self.resolution = self.env._(
                "You have told us that it is well now (%s).", self.survey_good_score
            )
        if self.stage_category != "resolved":
            self._enter_category("resolved")
        if not self.env.su:
            # past no check and no stage: the customer's word replaces the leader's, nothing else
            closed = self.env["care.stage"].sudo()._in_category(self._name, "closed")
            self._check_leaving(closed)
            self._check_way(closed, self._skipped_stages(closed))
        # sudo: otherwise only leaders close for a customer, who has had their say here
        self.sudo()._enter_category("closed")
        return True

    # ------------------------------------------------------------
    # Figures
    # ------------------------------------------------------------

    def _unhappy(self):
        """Also those about which customers gave a bad answer."""
        scores = self.env["care.survey.score"].search(
            [("case_id", "in", self.ids), ("is_bad", "=", True)]
        )
        return super()._unhappy() | (scores.case_id & self)

    def _fact_values(self, event):
        """Of cases from bad answers: whether the customer heard back, and how soon."""
        values = super()._fact_values(event)
        loops = self.filtered("survey_invitation_id")
        if event != "case_closed" or not loops:
            return values
        told = {case: case._answer_came_at() for case in loops}
        heard = loops._heard_back_at(told)
        for case, asked in told.items():
            moment = heard.get(case.id)
            facts = [{"measure": "survey_heard", "numerator": int(bool(moment)), "denominator": 1}]
            company = case.company_id
            worktime = company._care_worktime_of(company.resource_calendar_id)
            if moment and worktime:
                try:
                    seconds = worktime._apply(
                        "elapsed", asked.replace(microsecond=0), max(moment, asked)
                    )[1]
                except UserError:  # hours are not known so far away
                    seconds = None
                if seconds is not None:
                    facts.append({"measure": "survey_back", "seconds": seconds})
            values[case] = [*values.get(case, ()), *facts]
        return values

    def _answer_came_at(self):
        """When the bad answer came: the first attempt, if there are several. Where the case from
        it was merged into this one, that was when that one was told.
        """
        self.ensure_one()
        opened = self._opened_by_answers()
        return min((opened or self).mapped("received_at"))

    def _opened_by_answers(self):
        """Cases from bad answers that go on in this one."""
        if self.channel == "survey":
            return self.browse()
        return self.merged_ids.filtered(
            lambda case: case.channel == "survey" and not case.survey_invitation_id
        )

    def _heard_back_at(self, told):
        """When a person of ours first answered these customers, by message or by call.

        :param dict told: case -> when the customer has told us
        :return: dict id of case -> moment
        """
        moments = defaultdict(list)
        messages = self.env["mail.message"].search_fetch(
            [
                ("model", "=", "care.case"),
                ("res_id", "in", self.ids),
                *FROM_US,
            ],
            ["res_id", "date"],
        )
        for message in messages:
            moments[message.res_id].append(message.date)
        calls = self.env["care.followup"].search(
            [
                ("case_id", "in", self.ids),
                ("done_at", "!=", False),
                ("outcome_id.consequence", "!=", "again"),
            ]
        )
        for call in calls:
            moments[call.case_id.id].append(call.done_at.replace(microsecond=0))
        answered = {}
        for case, asked in told.items():
            # messages know seconds alone
            since = [at for at in moments[case.id] if at >= asked.replace(microsecond=0)]
            if since:
                answered[case.id] = min(since)
        return answered


class CareFact(models.Model):
    _inherit = "care.fact"

    measure = fields.Selection(
        selection_add=MEASURES, ondelete={name: "cascade" for name, _label in MEASURES}
    )

    @property
    def _share_measures(self):
        return (*super()._share_measures, "survey_heard")

    @api.model
    def _of_closed(self, closed, chains):
        """A bad answer counts once, however often its case is opened again and closed."""
        vals_list = super()._of_closed(closed, chains)
        measures = dict(MEASURES)
        loops = self.env["care.case"].browse(
            {vals["res_id"] for vals in vals_list if vals["measure"] in measures}
        )
        if not loops:
            return vals_list
        goes_on = {case.id: loop.id for loop in loops for case in loop._opened_by_answers() | loop}
        counted = self.search([("measure", "in", list(measures)), ("case_id", "in", list(goes_on))])
        first = {goes_on[fact.case_id.id]: None for fact in counted}
        return [
            vals
            for vals in vals_list
            if vals["measure"] not in measures
            or first.setdefault(vals["res_id"], vals["cycle"]) == vals["cycle"]
        ]
