"""What was asked about a case goes with it when it becomes one with another."""

from odoo.tests import tagged

from .common import CareSurveyCase


@tagged("post_install", "-at_install")
class TestMerge(CareSurveyCase):
    def _invitation(self, case, **vals):
        return self.env["care.survey.invitation"].create(
            {
                "case_id": case.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "trigger_id": self.trigger.id,
                **vals,
            }
        )

    def test_what_was_asked_moves_and_what_was_only_planned_ends(self):
        target, source = self._case(name="First"), self._case(name="Second")
        asked = self._invitation(source, state="answered", occurrence=1)
        planned = self._invitation(source, state="planned", occurrence=2)
        source._merge_into(target)
        self.assertEqual(asked.case_id, target)
        self.assertEqual(asked.state, "answered")
        self.assertEqual(planned.state, "cancelled")
        source._merge_into(target)
        self.assertEqual(asked.case_id, target)

    def test_what_the_target_was_asked_itself_stays_its_own(self):
        target, source = self._case(name="First"), self._case(name="Second")
        own, other = (self._invitation(case, state="sent") for case in (target, source))
        source._merge_into(target)
        self.assertEqual(own.case_id, target)
        self.assertEqual(other.case_id, source)
