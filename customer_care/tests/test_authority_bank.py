"""Bank statements that pay out to customers: never stopped, listed daily."""

from odoo import Command
from odoo.tests import tagged

from .test_authority import AuthorityCase


@tagged("post_install", "-at_install")
class TestAuthorityBank(AuthorityCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.receivable = cls.customer.with_company(cls.company).property_account_receivable_id

    def _line(self, amount, user=None, account=None, **vals):
        return (
            self.env["account.bank.statement.line"]
            .with_user(user or self.accountant)
            .with_company(self.company)
            .create(
                {
                    "journal_id": self.bank.id,
                    "payment_ref": "Paid back",
                    "partner_id": self.customer.id,
                    "amount": amount,
                    **({"counterpart_account_id": account.id} if account else {}),
                    **vals,
                }
            )
        )

    def _match(self, line, account):
        """As a reconciliation does: the suspense account becomes the customer's."""
        _liquidity, suspense, _other = line.sudo()._seek_for_lines()
        line.move_id.with_context(skip_readonly_check=True).line_ids = [
            Command.update(suspense.id, {"account_id": account.id})
        ]

    def _listed(self, line):
        return self.env["care.outlay"].search([("statement_line_id", "=", line.id)])

    def test_a_line_that_pays_a_customer_is_listed_and_not_stopped(self):
        line = self._line(-400, account=self.receivable)
        row = self._listed(line)
        self.assertEqual(row.amount, 400)
        self.assertEqual(row.decision, "outside")
        self.assertEqual(row.reason, "bank")
        self.assertEqual(row.source, "statement")
        self.assertEqual(row.partner_id, self.customer)
        self.assertEqual(row.user_id, self.accountant)

    def test_it_is_listed_once_when_it_is_matched_with_the_customers_account(self):
        line = self._line(-400)
        self.assertFalse(self._listed(line), "nobody knows yet whose it is")
        self._match(line, self.receivable)
        self.assertEqual(self._listed(line).amount, 400)
        self.env.flush_all()
        line.sudo()._care_list_payouts()
        self.assertEqual(len(self._listed(line)), 1)

    def test_it_stands_in_the_managers_daily_list(self):
        line = self._line(-400, account=self.receivable)
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_outlays").method_direct_trigger()
        self.env.invalidate_all()
        self.assertTrue(self._listed(line).told_at)
        mails = self.env["mail.mail"].search([("email_to", "ilike", self.manager.email)])
        self.assertIn("Bank statement: Paid back", "".join(mails.mapped("body_html")))

    def test_what_a_credit_note_asked_for_gives_nothing_more(self):
        note = self._note(300, user=self.accountant)
        note.action_post()
        line = self._line(-400, account=self.receivable)
        self.assertEqual(self._listed(line).amount, 100)
        (note | line.move_id).line_ids.filtered(
            lambda row: row.account_id == self.receivable
        ).sudo().reconcile()
        second = self._line(-50, account=self.receivable)
        self.assertEqual(self._listed(second).amount, 50)

    def test_the_banks_line_of_a_payment_is_not_listed_a_second_time(self):
        payment = self._payment(90)
        payment.action_post()
        line = self._line(-90)
        outstanding = payment.move_id.line_ids.account_id - self.receivable
        self._match(line, outstanding[:1] or self.receivable)
        self.assertFalse(self._listed(line))

    def test_money_that_comes_and_money_for_vendors_are_none_of_it(self):
        payable = self.customer.with_company(self.company).property_account_payable_id
        for line in (
            self._line(400, account=self.receivable),
            self._line(-400, account=payable),
            self._line(-400, partner_id=False),
        ):
            self.assertFalse(self._listed(line))
