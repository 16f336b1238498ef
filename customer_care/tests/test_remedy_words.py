"""What people read who decide a remedy: why it is asked, what is next, what went wrong."""

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_remedy import RemedyCase


@tagged("post_install", "-at_install")
class TestRemedyWords(RemedyCase):
    def _propose(self, gesture="action_go", user=None, **vals):
        remedies = self.env["care.remedy"].with_user(user or self.agent)
        vals = {"case_id": self.case.id, "kind": "compensation", "text": "We are sorry.", **vals}
        return remedies.action_propose(vals, gesture)

    def _made(self):
        return self.env["care.remedy"].search([("case_id", "=", self.case.id)])

    def _refund_line(self, amount=90):
        return [Command.create({"sale_line_id": self.line.id, "quantity": 1, "amount": amount})]

    # ------------------------------------------------------------
    # Why it is asked
    # ------------------------------------------------------------

    def test_the_approver_reads_whose_limit_how_much_and_what_was_given(self):
        self._remedy(amount=60, proceed="wait").action_go()
        remedy = self._remedy(amount=120)
        remedy.action_ask()
        note = remedy.with_user(self.leader).exceed_note.replace("\xa0", " ")
        self.assertIn("care_agent may give up to $ 100.00 at once: this is $ 120.00.", note)
        self.assertIn("On this case: up to $ 100.00; $ 60.00 given so far, $ 180.00", note)
        self.assertIn("On this order: up to $ 150.00; $ 60.00 given so far, $ 180.00", note)
        self.assertNotIn("today", note, "the day's limit has room")
        self.assertEqual(remedy.with_user(self.leader).case_text, "It stays cold.")

    def test_who_has_no_authority_is_said(self):
        self.limit.active = False
        remedy = self._remedy(amount=5)
        remedy.action_ask()
        self.assertIn("care_agent has no authority", remedy.with_user(self.leader).exceed_note)

    def test_what_is_not_asked_says_nothing(self):
        remedy = self._remedy(amount=120)
        self.assertFalse(remedy.exceed_note)
        remedy.action_ask()
        self.limit.write({"is_unlimited": True})
        self.env.invalidate_all()
        self.assertIn("may give this alone by now", remedy.exceed_note)

    # ------------------------------------------------------------
    # What is next
    # ------------------------------------------------------------

    def _said(self, action):
        self.assertEqual(action["tag"], "display_notification")
        self.assertEqual(action["params"]["next"]["type"], "ir.actions.act_window_close")
        return action["params"]["message"]

    def test_who_decides_is_told_what_happens_next(self):
        self._invoiced()
        for vals, words in (
            ({"amount": 5}, "Clara Moreau gets the offer by mail"),
            ({"amount": 5, "proceed": "execute"}, "draft credit note of"),
            ({"amount": 5, "proceed": "wait"}, "It is decided and kept"),
            ({"kind": "apology", "proceed": "execute"}, "gets your words by mail"),
            ({"kind": "repair", "amount": 5, "proceed": "execute"}, "care_agent has it as an"),
            ({"kind": "discount", "amount": 5, "proceed": "execute"}, "The next order of Clara"),
        ):
            with self.subTest(words):
                self.assertIn(words, self._said(self._propose(**vals)))

    def test_a_replacement_says_which_order_it_made(self):
        line = [Command.create({"sale_line_id": self.line.id, "quantity": 1})]
        said = self._said(
            self._propose(kind="replacement", line_ids=line, proceed="execute", user=self.manager)
        )
        self.assertIn(self._made().document_ids.order_id.name, said)

    def test_who_asks_is_told_who_is_asked(self):
        self.assertIn("care_leader is asked", self._said(self._propose("action_ask", amount=400)))
        self.assertEqual(self._made().state, "asked")

    def test_who_approves_is_told_who_goes_on(self):
        self._propose("action_ask", amount=400, proceed="wait")
        said = self._said(self._made().with_user(self.leader).action_approve())
        self.assertIn("care_agent goes on with it", said)

    def test_an_offer_to_somebody_without_a_mail_address_is_made_on_the_phone(self):
        self.customer.email = False
        self.assertIn("on the phone", self._said(self._propose(amount=5)))

    # ------------------------------------------------------------
    # What cannot be done
    # ------------------------------------------------------------

    def test_what_cannot_be_done_leaves_no_proposal(self):
        for vals, words in (
            ({"kind": "refund", "line_ids": self._refund_line()}, "Have it invoiced first"),
            ({"amount": 400}, "Ask for Approval"),
            ({"amount": 0}, "enter an amount"),
        ):
            with self.subTest(words), self.assertRaisesRegex(UserError, words):
                self._propose(**vals)
        self.assertFalse(self._made())

    def test_what_was_kept_as_a_proposal_stays_one(self):
        remedy = self._remedy("refund", line_ids=self._refund_line())
        with self.assertRaisesRegex(UserError, "only what was invoiced"):
            remedy.action_go()
        self.assertEqual(remedy.state, "draft")
        self.assertEqual(remedy.line_ids.amount, 90)

    def test_proposing_gives_no_more_rights_than_creating(self):
        outsider = self._user("care_outside", "customer_care.group_agent")
        with self.assertRaises(AccessError):
            self._propose(amount=5, user=outsider)
        with self.assertRaises(AccessError):
            self._propose(amount=5, state="approved")
        with self.assertRaisesRegex(UserError, "Decide it"):
            self._propose("action_cancel", amount=5)
        self.assertFalse(self._made())
