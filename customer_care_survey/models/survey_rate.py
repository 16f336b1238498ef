"""The first answer of a survey, given by a click in the mail; thanks by what was answered."""

import logging

from odoo import api, fields, models

from odoo.addons.customer_care.models.care_due_mixin import reraise_if_concurrent

_logger = logging.getLogger(__name__)

#: From worst to best; a scale with fewer steps takes the ones at its ends first.
FACES = {
    2: ("🙁", "🙂"),
    3: ("🙁", "😐", "🙂"),
    4: ("😞", "🙁", "🙂", "😀"),
    5: ("😞", "🙁", "😐", "🙂", "😀"),
}
TEXTS = ("text_box", "char_box")


class SurveySurvey(models.Model):
    _inherit = "survey.survey"  # pylint: disable=consider-merging-classes-inherited

    care_thanks_good = fields.Html(
        "Thanks for a Good Answer",
        translate=True,
        help="What is shown after a good answer; empty: the end message.",
    )
    care_thanks_bad = fields.Html(
        "Thanks for a Bad Answer",
        translate=True,
        help="What is shown after a bad answer; empty: the end message.",
    )

    def _care_first_question(self):
        """The question that the mail asks: the first that is measured; empty if there is none."""
        self.ensure_one()
        if self.questions_selection != "all":
            return self.env["survey.question"]
        return self.question_ids.filtered(
            lambda question: (
                question.care_measure
                and question.question_type == "scale"
                and not question.triggering_answer_ids
            )
        )[:1]


class SurveyQuestion(models.Model):
    _inherit = "survey.question"  # pylint: disable=consider-merging-classes-inherited

    care_faces = fields.Boolean(
        "Show Faces",
        help="In the mail, and on the page that it opens, up to five steps are shown as faces.",
    )

    def _care_scale(self):
        """The steps of a scale.

        :return: list of dicts with ``value``, ``face`` (empty: none) and ``label``, in words
        """
        self.ensure_one()
        values = range(self.scale_min, self.scale_max + 1)
        faces = FACES.get(len(values), ()) if self.care_faces else ()
        ends = {self.scale_min: self.scale_min_label, self.scale_max: self.scale_max_label}
        steps = []
        for place, value in enumerate(values):
            label = self.env._("%(value)s of %(best)s", value=value, best=self.scale_max)
            if ends.get(value):
                label = f"{label}: {ends[value]}"
            face = faces[place] if faces else ""
            steps.append({"value": value, "face": face, "label": label})
        return steps


class SurveyUserInput(models.Model):
    _inherit = "survey.user_input"  # pylint: disable=consider-merging-classes-inherited

    def _save_lines(self, question, answer, comment=None, overwrite_existing=True):
        if not overwrite_existing and question.care_measure:
            # what was clicked in the mail is asked once more with the rest, and may be changed
            row = self.env["care.survey.invitation"]._of_answer(self)
            overwrite_existing = bool(row.first_answer_at)
        return super()._save_lines(question, answer, comment, overwrite_existing)

    def _care_first_question(self):
        """See the survey; empty if this person is not asked it."""
        self.ensure_one()
        return self.survey_id._care_first_question() & self.predefined_question_ids

    def _care_texts_on_page(self):
        """The free words that are asked on the same page, where that is all there is."""
        self.ensure_one()
        survey = self.survey_id
        questions = self.predefined_question_ids.sorted("sequence") - self._care_first_question()
        texts = questions.filtered(
            lambda question: (
                question.question_type in TEXTS
                and not question.triggering_answer_ids
                and not (question.save_as_email or question.validation_email)
            )
        )
        if survey.is_time_limited or survey.scoring_type != "no_scoring" or texts != questions:
            return questions.browse()
        return texts

    def _care_is_one_page(self):
        """Whether the page that the mail opens asks everything."""
        rest = self.predefined_question_ids - self._care_first_question()
        return rest == self._care_texts_on_page() and not (
            self.survey_id.is_time_limited or self.survey_id.scoring_type != "no_scoring"
        )

    def _care_kept(self, question):
        """What was answered so far, as text; empty for nothing."""
        self.ensure_one()
        line = self.user_input_line_ids.filtered(
            lambda line: line.question_id == question and not line.skipped
        )[-1:]
        if line.answer_type == "scale":
            return str(line.value_scale)
        return line._care_text() if line else ""

    def _care_take_page(self, row, score, post):
        """The customer has pressed the button: keep what was answered, as superuser.

        What can be kept is kept even if something else is wrong.

        :param row: the invitation
        :param score: the score as it was sent, any text
        :param dict post: the form, ``text_<question id>`` -> words
        :return: dict id of question -> what is wrong
        """
        self.ensure_one()
        question = self._care_first_question()
        value = (score or "").strip()
        allowed = [str(step["value"]) for step in question._care_scale()]
        if value not in allowed and (value or question.constr_mandatory):
            return {question.id: self.env._("Please choose one of the answers.")}
        if not self.survey_id._has_attempts_left(self.partner_id, self.email, self.invite_token):
            return {question.id: self.env._("You have answered this already.")}
        if self.state == "new":
            self._mark_in_progress()
        self._save_lines(question, value)
        row._note_first_answer()
        errors = {}
        for text in self._care_texts_on_page():
            words = post.get(f"text_{text.id}", "").strip()
            wrong = text.validate_question(words)
            errors.update(wrong)
            if not wrong:
                self._save_lines(text, words)
        if not errors and self._care_is_one_page():
            self._mark_done()
        return errors

    def _care_mood(self, row=None):
        """What to thank for.

        :param row: the invitation; looked for if it is not given
        :return: ``good``, ``bad`` or empty
        """
        self.ensure_one()
        if row is None:
            row = self.env["care.survey.invitation"]._of_answer(self)
        lines = self.user_input_line_ids.filtered(
            lambda line: (
                line.question_id.care_measure and line.answer_type == "scale" and not line.skipped
            )
        )
        mood = ""
        for line in lines:
            question = line.question_id
            if line.value_scale <= row.trigger_id._bad_up_to(
                question.scale_min, question.scale_max
            ):
                return "bad"
            if question._care_points(line.value_scale) > 0:
                mood = "good"
        return mood


class CareSurveyInvitation(models.Model):
    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    first_answer_at = fields.Datetime(
        "First Answer At",
        readonly=True,
        copy=False,
        help="When a score of the mail was confirmed. What was not finished a day later counts "
        "as it is.",
    )

    earlier_ids = fields.Many2many(
        "survey.user_input",
        "care_survey_invitation_earlier_rel",
        "invitation_id",
        "user_input_id",
        string="Other Attempts",
        readonly=True,
        copy=False,
        # as the answer itself
        groups="survey.group_survey_user",
    )

    _half_answered_idx = models.Index(
        "(first_answer_at) WHERE first_answer_at IS NOT NULL AND answered_at IS NULL"
    )

    @api.model
    def _of_answer(self, answer):
        """The invitation, as superuser, that this answer or another attempt of it belongs to."""
        # sudo: the link is the customer's right to their own answer
        model, answer = self.sudo(), answer.sudo()
        row = model.search([("user_input_id", "=", answer.id)]) if answer else model
        if not row and answer.invite_token:
            row = model.search(
                [
                    ("user_input_id.invite_token", "=", answer.invite_token),
                    ("user_input_id.survey_id", "=", answer.survey_id.id),
                    ("user_input_id.partner_id", "=", answer.partner_id.id),
                ],
                limit=1,
            )
        return row

    def _attempts(self):
        """All answers by the links of these: the last attempts, and those before them."""
        answers = self.user_input_id | self.earlier_ids
        tokens = [token for token in answers.mapped("invite_token") if token]
        return answers | answers.search([("invite_token", "in", tokens)])

    def _rate_url(self, value=None):
        """The page on which this person confirms a score.

        :param value: the score; empty: none is chosen
        """
        self.ensure_one()
        # sudo: as in `_survey_url`
        answer = self.sudo().user_input_id
        if not answer:
            return self.get_base_url()
        survey = answer.survey_id
        chosen = "" if value is None else f"?score={value}"
        base = survey.get_base_url()
        return f"{base}/care/survey/rate/{survey.access_token}/{answer.access_token}{chosen}"

    def _scale_html(self):
        """The scale for the mail: a link for each score; empty if nothing is measured."""
        self.ensure_one()
        # sudo: as in `_survey_url`
        answer = self.sudo().user_input_id.with_context(lang=self.env.context.get("lang"))
        question = answer._care_first_question() if answer else None
        if not question:
            return ""
        return self.env["ir.qweb"]._render(
            "customer_care_survey.mail_scale",
            {"row": self, "question": question, "scale": question._care_scale()},
        )

    def _note_first_answer(self):
        """Note that a score was confirmed; whatever goes wrong with that, the answer stays."""
        try:
            with self.env.cr.savepoint():
                if not self.first_answer_at:
                    self.first_answer_at = self.env.cr.now()
        except Exception as error:  # pylint: disable=broad-except
            reraise_if_concurrent(error)
            _logger.exception("The first answer of %s was not noted", self.ids)

    @api.autovacuum
    def _gc_half_answered(self):
        """A score that was confirmed counts, though the rest was never answered."""
        since = fields.Datetime.subtract(self.env.cr.now(), days=1)
        rows = self.search(
            [
                ("first_answer_at", "<", since),
                ("answered_at", "=", False),
                ("user_input_id.state", "=", "in_progress"),
            ]
        )
        for answer in rows.user_input_id:
            answer._mark_done()

    @api.model
    def _answers_arrived(self, answers):
        try:
            self.env.flush_all()
            with self.env.cr.savepoint():
                self._take_last_attempt(answers)
        except Exception as error:  # pylint: disable=broad-except
            reraise_if_concurrent(error)
            _logger.exception("The attempts %s were not noted", answers.ids)
        return super()._answers_arrived(answers)

    @api.model
    def _take_last_attempt(self, answers):
        """Of several attempts the last one counts: the invitation is answered anew."""
        # sudo: the customer is nobody of ours
        for answer in answers.sudo().filtered("invite_token"):
            row = self._of_answer(answer)
            if row and row.user_input_id != answer:
                earlier = [fields.Command.unlink(answer.id)]
                if row.user_input_id:
                    earlier.append(fields.Command.link(row.user_input_id.id))
                # should it not be noted at once: what was sent and answered is found later
                row.write(
                    {
                        "user_input_id": answer.id,
                        "state": "sent",
                        "answered_at": False,
                        "earlier_ids": earlier,
                    }
                )
                row.score_ids.unlink()
