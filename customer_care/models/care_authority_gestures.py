"""Where money leaves outside of the register: credit notes, payments, providers' refunds."""

from odoo import SUPERUSER_ID, api, models
from odoo.tools import groupby

from .care_due_mixin import ENGINE

#: States of a payment whose money is gone, or on its way.
GONE = ("in_process", "paid")


class AccountMove(models.Model):
    _inherit = "account.move"  # pylint: disable=consider-merging-classes-inherited

    def _post(self, soft=True):
        refunds = self.filtered(lambda move: move.move_type == "out_refund")
        if refunds and not self.env.su:
            # before it is done; what is dated later is posted by the system without asking again
            refunds._care_check_refunds()
        checked = self.with_context(care_posting=ENGINE) if refunds else self
        posted = super(AccountMove, checked)._post(soft).with_env(self.env)
        if refunds and self.env.su:
            (posted & refunds)._care_check_refunds()
        return posted

    def write(self, vals):
        if vals.get("state") == "posted" and self.env.context.get("care_posting") is not ENGINE:
            # not by the button, but posted all the same
            self.filtered(
                lambda move: move.move_type == "out_refund" and move.state != "posted"
            )._care_check_refunds()
        return super().write(vals)

    def _care_check_refunds(self):
        if not self:
            return
        # sudo: the limits look at the orders behind, whoever posts
        moves = self.sudo()
        allowed = self.env["care.remedy"]._allowed_on(moves)
        known = self.env["care.outlay"]._known("move_id", moves)
        gestures = []
        for move in moves:
            amount = abs(move.amount_total_signed)
            rest = max(amount - allowed.get(move, 0.0), 0.0)
            free = False
            if self.env.su:
                till = "pos_order_ids" in move._fields and move.pos_order_ids
                free = "till" if till else "machine"
            gestures.append(
                {
                    "company": move.company_id,
                    "customer": move.partner_id,
                    "kind": "refund" if move._care_orders() else "compensation",
                    "parts": move._care_parts(rest),
                    "known": min(known[move], rest),
                    "free": free,
                    "vals": {
                        "name": self.env._(
                            "Credit note %s", move.name or move.ref or move.display_name
                        ),
                        "source": "credit_note",
                        "partner_id": move.partner_id.id,
                        "move_id": move.id,
                        **self._care_author(move),
                    },
                }
            )
        # sudo is over: it is the person who gives
        self.env["care.authority"]._gestures(gestures)

    @api.model
    def _care_author(self, record):
        """What the system posts by itself is by whoever wrote it."""
        return {"user_id": record.create_uid.id} if self.env.uid == SUPERUSER_ID else {}

    def _care_orders(self):
        """The orders that this gives back something of."""
        return (self | self.reversed_entry_id).invoice_line_ids.sale_line_ids.order_id

    def _care_parts(self, amount):
        """``amount`` by order, in proportion to the lines; for ``care.authority``."""
        no_case = self.env["care.case"]
        orders = self._care_orders()
        total = sum(map(abs, self.invoice_line_ids.mapped("price_total")))
        if len(orders) <= 1 or not total:
            return [(no_case, orders, amount)]
        shares = {}
        for line in self.invoice_line_ids:
            order = line.sale_line_ids.order_id[:1]
            shares[order] = shares.get(order, 0.0) + abs(line.price_total)
        return [(no_case, order, amount * share / total) for order, share in shares.items()]


class AccountPayment(models.Model):
    _inherit = "account.payment"

    # Odoo posts a payment by its state alone: by the button, or without it.

    @api.model_create_multi
    def create(self, vals_list):
        payments = super().create(vals_list)
        payments.filtered(
            lambda payment: payment.state in GONE and payment._care_gives()
        )._care_check_payments()
        return payments

    def write(self, vals):
        if vals.get("state") in GONE:
            self.filtered(
                lambda payment: payment.state not in GONE and payment._care_gives()
            )._care_check_payments()
        return super().write(vals)

    def _care_gives(self):
        """Whether it pays money to a customer."""
        self.ensure_one()
        return self.payment_type == "outbound" and self.partner_type == "customer"

    def _care_check_payments(self):
        if not self:
            return
        # sudo: the limits look at the customer's account, whoever pays
        payments = self.sudo()
        known = self.env["care.outlay"]._known("payment_id", payments)
        gestures = []
        for (company, customer), mine in groupby(
            payments, lambda payment: (payment.company_id, payment.partner_id.commercial_partner_id)
        ):
            owed = self.env["care.outlay"]._owed(company, customer, payments)
            for payment in mine:
                amount = payment.currency_id._convert(
                    payment.amount, company.currency_id, company, payment.date
                )
                rest = max(amount - owed, 0.0)
                owed = max(owed - amount, 0.0)
                orders = payment.invoice_ids._care_orders()
                free = False
                if payment.payment_transaction_id:
                    free = "provider"
                elif self.env.su:
                    till = "pos_session_id" in payment._fields and payment.pos_session_id
                    free = "till" if till else "machine"
                gestures.append(
                    {
                        "company": company,
                        "customer": customer,
                        "kind": "refund",
                        "parts": [(self.env["care.case"], orders[:1], rest)],
                        "known": min(known[payment], rest),
                        "free": free,
                        "vals": {
                            "name": self.env._(
                                "Payment %s", payment.name or payment.memo or customer.name
                            ),
                            "source": "payment",
                            "partner_id": customer.id,
                            "payment_id": payment.id,
                            **self.env["account.move"]._care_author(payment),
                        },
                    }
                )
        self.env["care.authority"]._gestures(gestures)


class PaymentTransaction(models.Model):
    _inherit = "payment.transaction"

    def action_refund(self, amount_to_refund=None):
        self._care_check_provider(amount_to_refund)
        return super().action_refund(amount_to_refund=amount_to_refund)

    def _care_check_provider(self, amount_to_refund):
        """Before the provider hears of it: a refund there cannot be taken back."""
        gestures = []
        # sudo: the limits look at the customer's account, whoever asks
        for transaction in self.sudo():
            company = transaction.company_id
            customer = transaction.partner_id.commercial_partner_id
            amount = transaction.currency_id._convert(
                abs(amount_to_refund or transaction.amount),
                company.currency_id,
                company,
                self.env["care.outlay"]._today(company),
            )
            owed = self.env["care.outlay"]._owed(company, customer)
            gestures.append(
                {
                    "company": company,
                    "customer": customer,
                    "kind": "refund",
                    "parts": [
                        (
                            self.env["care.case"],
                            transaction.sale_order_ids[:1]
                            or transaction.invoice_ids._care_orders()[:1],
                            max(amount - owed, 0.0),
                        )
                    ],
                    "known": 0.0,
                    "free": "machine" if self.env.su else False,
                    "vals": {
                        "name": self.env._("Refund of %s", transaction.reference),
                        "source": "provider",
                        "partner_id": customer.id,
                        "transaction_id": transaction.id,
                    },
                }
            )
        self.env["care.authority"]._gestures(gestures)


class CareOutlay(models.Model):
    _inherit = "care.outlay"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _owed(self, company, customer, paying=()):
        """What ``customer`` has to get anyway: credit notes that are posted and not paid, less
        what is on its way. Paying that gives nothing more away.

        :param paying: payments that are being made now
        :return: amount in the company's currency
        """
        # sudo: the customer's account, whoever pays
        refunds = (
            self.env["account.move"]
            .sudo()
            .search(
                [
                    ("move_type", "=", "out_refund"),
                    ("state", "=", "posted"),
                    ("amount_residual", ">", 0),
                    ("company_id", "=", company.id),
                    ("commercial_partner_id", "=", customer.id),
                ]
            )
        )
        if not refunds:
            return 0.0
        payments = (
            self.env["account.payment"]
            .sudo()
            .search(
                [
                    ("payment_type", "=", "outbound"),
                    ("partner_type", "=", "customer"),
                    ("state", "in", GONE),
                    ("is_reconciled", "=", False),
                    ("company_id", "=", company.id),
                    ("partner_id", "child_of", customer.id),
                ]
            )
        )
        if paying:
            payments -= paying
        asked = (
            self.env["payment.transaction"]
            .sudo()
            .search(
                [
                    ("operation", "=", "refund"),
                    ("state", "in", ("draft", "pending", "authorized", "done")),
                    ("payment_id", "=", False),
                    ("company_id", "=", company.id),
                    ("partner_id", "child_of", customer.id),
                ]
            )
        )
        today = self._today(company)
        coming = sum(
            record.currency_id._convert(abs(record.amount), company.currency_id, company, today)
            for records in (payments, asked)
            for record in records
        )
        return max(sum(map(abs, refunds.mapped("amount_residual_signed"))) - coming, 0.0)
