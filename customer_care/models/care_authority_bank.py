"""Money that a bank statement says has gone to a customer: nobody can be stopped, all is listed."""

from odoo import api, fields, models


class CareOutlay(models.Model):
    _inherit = "care.outlay"  # pylint: disable=consider-merging-classes-inherited

    source = fields.Selection(
        selection_add=[("statement", "Bank statement")], ondelete={"statement": "cascade"}
    )
    reason = fields.Selection(
        selection_add=[("bank", "The bank had paid already")], ondelete={"bank": "set null"}
    )
    statement_line_id = fields.Many2one(
        "account.bank.statement.line",
        "Statement Line",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )

    @api.model
    def _promised_without_entry(self, company, customer):
        """Payments to ``customer`` that were written down when they were posted, and have no
        entry of their own: the bank's line is theirs.
        """
        # sudo: the customer's account, whoever reads the statement
        payments = (
            self.env["account.payment"]
            .sudo()
            .search(
                [
                    ("payment_type", "=", "outbound"),
                    ("partner_type", "=", "customer"),
                    ("state", "=", "in_process"),
                    ("move_id", "=", False),
                    ("company_id", "=", company.id),
                    ("partner_id", "child_of", customer.id),
                ]
            )
        )
        return sum(
            self._worth(payment.amount, payment.currency_id, company)[0] for payment in payments
        )


class AccountBankStatementLine(models.Model):
    _inherit = "account.bank.statement.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._care_list_payouts()
        return lines

    def _care_payout(self):
        """What of this line has gone to a customer, and to whom.

        :return: tuple customer, amount in the company's currency that no credit note asked for
        """
        self.ensure_one()
        given = self.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable" and line.balance > 0
        )
        customer = (given.partner_id[:1] or self.partner_id).commercial_partner_id
        settled = given.matched_credit_ids.filtered(
            lambda partial: partial.credit_move_id.move_id.move_type == "out_refund"
        )
        return customer, sum(given.mapped("balance")) - sum(settled.mapped("amount"))

    def _care_list_payouts(self):
        """Write down what has gone to customers beyond what they had to get: each line once, as
        soon as it is matched with a customer's account.
        """
        # sudo: the ledger looks at the customer's account, whoever reads the statement
        lines = self.sudo().filtered(lambda line: line.amount < 0 and line.state == "posted")
        if not lines:
            return
        outlays = self.env["care.outlay"]
        known = outlays._known("statement_line_id", lines)
        gestures = []
        for line in lines:
            customer, amount = line._care_payout()
            if not customer or amount <= 0 or known[line] >= amount:
                continue
            company = line.company_id
            asked = outlays._owed(company, customer) + outlays._promised_without_entry(
                company, customer
            )
            gestures.append(
                {
                    "company": company,
                    "customer": customer,
                    "kind": "refund",
                    "parts": [
                        (
                            self.env["care.case"],
                            self.env["sale.order"],
                            max(amount - asked, 0.0),
                        )
                    ],
                    "known": min(known[line], max(amount - asked, 0.0)),
                    "rated": True,
                    "free": "bank",
                    "vals": {
                        "name": self.env._("Bank statement: %s", line.payment_ref or customer.name),
                        "source": "statement",
                        "partner_id": customer.id,
                        "statement_line_id": line.id,
                        **self.env["account.move"]._care_author(line),
                    },
                }
            )
        if gestures:
            # sudo is over: it is the person who gives
            self.env["care.authority"]._gestures(gestures)


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    # whichever way a statement is reconciled, a line of its entry gets the customer's account

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.statement_line_id._care_list_payouts()
        return lines

    def write(self, vals):
        result = super().write(vals)
        if "account_id" in vals:
            self.statement_line_id._care_list_payouts()
        return result
