from odoo import fields, models


class SurveyUserInput(models.Model):
    _inherit = "survey.user_input"

    # the ways of record rules to the case: nobody else needs them
    care_invitation_ids = fields.One2many(
        "care.survey.invitation", "user_input_id", groups=fields.NO_ACCESS
    )
    care_earlier_of_ids = fields.Many2many(
        "care.survey.invitation",
        "care_survey_invitation_earlier_rel",
        "user_input_id",
        "invitation_id",
        groups=fields.NO_ACCESS,
    )

    def _care_lines(self):
        """What was answered, in the order of the questions."""
        return self.user_input_line_ids.filtered(lambda line: not line.skipped).sorted(
            lambda line: (line.question_id.sequence, line.id)
        )

    def _care_words(self):
        """All that was written in free words, as text."""
        return "\n".join(filter(None, [line._care_text() for line in self._care_lines()]))

    def _care_told(self):
        """The whole answer as text: each question, and what was answered."""
        return "\n\n".join(
            f"{line.question_id.title}\n{line._care_quote()}" for line in self._care_lines()
        )

    def _mark_done(self):
        result = super()._mark_done()
        self.env["care.survey.invitation"]._answers_arrived(self)
        return result

    def _get_line_answer_values(self, question, answer, answer_type):
        # Surveys takes a number 0 for "skipped", though not the text "0"
        if answer_type == "scale" and answer == 0 and not isinstance(answer, bool):
            answer = "0"
        return super()._get_line_answer_values(question, answer, answer_type)


class SurveyUserInputLine(models.Model):
    _inherit = "survey.user_input.line"

    def _care_text(self):
        """What was written in free words; empty for anything else."""
        self.ensure_one()
        if self.answer_type == "text_box":
            return (self.value_text_box or "").strip()
        if self.answer_type == "char_box":
            return (self.value_char_box or "").strip()
        return ""

    def _care_quote(self):
        """The answer as a person would quote it."""
        self.ensure_one()
        if self.answer_type == "scale":
            return f"{self.value_scale} / {self.question_id.scale_max}"
        text = self._care_text()
        return f"“{text}”" if text else self.display_name
