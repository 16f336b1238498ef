"""What happens to promises when two cases become one, and to those of imported cases."""

from odoo.tests import tagged

from .common import FRIDAY_16, MONDAY_9, MONDAY_10, MONDAY_13, MONDAY_17, SlaCase


@tagged("post_install", "-at_install")
class TestMerge(SlaCase):
    def _two(self):
        """A case of nine o'clock and one of one o'clock, the same day."""
        return self._case_at(MONDAY_9, name="First"), self._case_at(MONDAY_13, name="Second")

    def _merge_at(self, moment, source, target):
        with self._at(moment):
            source._merge_into(target)
            self.env.flush_all()
        self.env.invalidate_all()

    def test_merging_the_older_case_into_the_newer_gains_no_time(self):
        first, second = self._two()
        due = self._clock(first).due_at
        late = self._clock(second)
        self.assertLess(due, late.due_at)
        self._merge_at(MONDAY_13, first, second)
        self.assertEqual(self._clock(second).due_at, due)
        self.assertEqual(self._clock(second).state, "running")
        self.assertEqual(late.case_id, first)
        self.assertEqual(late.state, "cancelled")

    def test_merging_the_newer_into_the_older_changes_no_promise(self):
        first, second = self._two()
        clocks = first.clock_ids
        before = clocks.read(["state", "due_at", "case_id"])
        self._merge_at(MONDAY_13, second, first)
        self.assertEqual(clocks.read(["state", "due_at", "case_id"]), before)
        self.assertEqual(set(second.clock_ids.mapped("state")), {"cancelled"})

    def test_a_broken_promise_stays_broken(self):
        first, second = self._case_at(FRIDAY_16, name="First"), self._case_at(MONDAY_17, name="New")
        self._cron_at(MONDAY_17)
        self._merge_at(MONDAY_17, first, second)
        self.assertTrue(self._clock(second).is_late)
        self.assertTrue(self._clock(second).alert_ids)

    def test_an_answer_to_one_of_them_answers_both(self):
        first, second = self._two()
        with self._at(MONDAY_13):
            first.with_user(self.agent).sudo().message_post(
                body="I am on my way",
                author_id=self.agent.partner_id.id,
                message_type="comment",
                subtype_xmlid="mail.mt_comment",
            )
        self.assertEqual(self._clock(first).state, "met")
        self._merge_at(MONDAY_17, first, second)
        self.assertEqual(self._clock(second).state, "met")
        self.assertEqual(self._clock(second).met_by_id, self.agent)

    def test_a_provider_who_answered_one_of_them_owes_the_other_nothing(self):
        self._sla([("provider", "any", "hours", 8)], sequence=1)
        provider = self.env["res.partner"].create({"name": "Repairs", "email": "fix@example.com"})
        first = self._case_at(FRIDAY_16, name="First", provider_id=provider.id)
        with self._at(FRIDAY_16):
            first.sudo().provider_sent_at = FRIDAY_16
            self.env.flush_all()
            first._tell_owner_provider_wrote()
        self.assertEqual(self._clock(first, "provider").state, "met")
        second = self._case_at(MONDAY_9, name="Second")
        self._merge_at(MONDAY_17, first, second)
        self.assertEqual(second.provider_id, provider)
        self.assertFalse(self._clock(second, "provider").filtered("is_late"))
        self.assertNotIn("running", self._clock(second, "provider").mapped("state"))

    def test_a_promise_that_comes_to_a_waiting_case_stands_still(self):
        first, second = self._two()
        self._stage(second, "waiting_customer", MONDAY_13)
        self._merge_at(MONDAY_13, first, second)
        self.assertEqual(self._clock(second, "resolution").state, "paused")
        self.assertEqual(self._clock(second).state, "running")

    def test_merged_into_a_solved_case_nothing_runs_on(self):
        first, second = self._two()
        self._resolve(second, MONDAY_13)
        self._merge_at(MONDAY_17, first, second)
        self.assertEqual(set(first.clock_ids.mapped("state")), {"cancelled"})
        self.assertEqual(set(second.clock_ids.mapped("state")), {"met"})

    def test_an_imported_case_promises_nothing(self):
        with self._at(MONDAY_10):
            case = self._case(channel="import", received_at=MONDAY_9)
        self.assertFalse(case.clock_ids)
