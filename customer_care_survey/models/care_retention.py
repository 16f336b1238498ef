from odoo import models


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _anonymize_linked(self, scrubbers):
        """What customers wrote in surveys loses its persons; scores stay."""
        result = super()._anonymize_linked(scrubbers)
        answers = self._scrubbed_answers(scrubbers)
        scores = self.env["care.survey.score"].search(
            ["|", ("case_id", "in", self.ids), ("invitation_id", "in", [row.id for row in answers])]
        )
        for score in scores:
            scrub = answers.get(score.invitation_id) or scrubbers[score.case_id]
            partner = score.company_id._care_anonymous_partner()
            score.write(
                {
                    "comment": scrub(score.comment),
                    "partner_id": partner.id,
                    "commercial_partner_id": partner.id,
                }
            )
        for row, scrub in answers.items():
            row.write(
                {
                    "partner_id": row.company_id._care_anonymous_partner().id,
                    # the words of a mail server name the address
                    **dict.fromkeys(("address", "skip_note", "error"), False),
                }
            )
            attempts = row._attempts()
            attempts.write({"partner_id": False, "email": False, "nickname": False})
            # who followed the survey was told who had answered
            attempts.message_ids.unlink()
            for line in attempts.user_input_line_ids:
                names = ("value_char_box", "value_text_box")
                line.write({name: scrub(line[name]) for name in names if line[name]})
        return result

    def _scrubbed_answers(self, scrubbers):
        """What was asked about these cases, and the answers that have opened them.

        :param dict scrubbers: case -> what takes its persons out of a text
        :return: dict invitation -> what takes those of its cases out
        """
        links = ("case_id", "recovery_case_ids", "suggestion_case_ids")
        rows = self.env["care.survey.invitation"].search(
            ["|", "|", *((name, "in", self.ids) for name in links)]
        )

        def scrubber(row):
            mine = [scrubbers[case] for case in row._cases() if case in self]

            def scrub(text):
                for one in mine:
                    text = one(text)
                return text

            return scrub

        return {row: scrubber(row) for row in rows}

    def _prepare_anonymous_vals(self, scrub):
        # the answer that opened it has lost its person; the good one since is about another case
        return {**super()._prepare_anonymous_vals(scrub), "survey_good_id": False}
