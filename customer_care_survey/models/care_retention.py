from odoo import models


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _anonymize_linked(self, scrubbers):
        """What customers wrote in surveys loses its persons; scores stay."""
        result = super()._anonymize_linked(scrubbers)
        scores = self.env["care.survey.score"].search([("case_id", "in", self.ids)])
        for score in scores:
            partner = score.company_id._care_anonymous_partner()
            score.write(
                {
                    "comment": scrubbers[score.case_id](score.comment),
                    "partner_id": partner.id,
                    "commercial_partner_id": partner.id,
                }
            )
        invitations = self.env["care.survey.invitation"].search([("case_id", "in", self.ids)])
        for row in invitations:
            scrub = scrubbers[row.case_id]
            row.write(
                {
                    "partner_id": row.company_id._care_anonymous_partner().id,
                    # the words of a mail server name the address
                    **dict.fromkeys(("address", "skip_note", "error"), False),
                }
            )
            answers = row._attempts()
            answers.write({"partner_id": False, "email": False, "nickname": False})
            # who followed the survey was told who had answered
            answers.message_ids.unlink()
            for line in answers.user_input_line_ids:
                names = ("value_char_box", "value_text_box")
                line.write({name: scrub(line[name]) for name in names if line[name]})
        return result
