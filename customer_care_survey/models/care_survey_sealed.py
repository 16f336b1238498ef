"""What hangs on a confidential case through a survey is confidential with it."""

from odoo import models


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _seal(self):
        result = super()._seal()
        self._seal_opened_by_answers()
        return result

    def _merge_rows(self, target):
        result = super()._merge_rows(target)
        # what was asked about these is about it now
        target.filtered("confidential")._seal_opened_by_answers()
        return result

    def _seal_opened_by_answers(self):
        """Seal, as superuser, what answers about these cases have opened: it quotes them."""
        answers = self.env["care.survey.invitation"].search([("case_id", "in", self.ids)])
        answers._opened_cases().filtered(lambda case: not case.confidential).write(
            {"confidential": True}
        )
