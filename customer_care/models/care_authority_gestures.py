"""Where money leaves outside of the register: credit notes, payments, providers' refunds."""

from odoo import SUPERUSER_ID, api, models
from odoo.exceptions import UserError
from odoo.tools import groupby

from .care_due_mixin import ENGINE

#: States of a payment whose money is gone, or on its way.
GONE = ("in_process", "paid")
#: What makes of a payment another one, though its money is gone.
PAYMENT_TERMS = frozenset(
    {
        "amount",
        "currency_id",
        "date",
        "payment_type",
        "partner_type",
        "partner_id",
        "company_id",
    }
)
#: What makes another credit note of one that waits to be posted by itself.
REFUND_TERMS = frozenset(
    {
        "auto_post",
        "move_type",
        "partner_id",
        "currency_id",
        "date",
        "invoice_line_ids",
        "line_ids",
        "company_id",
    }
)


class AccountMove(models.Model):
    _inherit = "account.move"  # pylint: disable=consider-merging-classes-inherited

    def _post(self, soft=True):
        refunds = self.filtered(lambda move: move.move_type == "out_refund")
        if refunds and not self.env.su:
            # before it is done; what is dated later is posted by the system without asking again
            refunds._care_check_refunds()
        if refunds and self.env.su:
            refunds._care_check_waiting()
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
        result = super().write(vals)
        if not REFUND_TERMS.isdisjoint(vals):
            self._care_check_auto_post()
        return result

    @api.model_create_multi
    def create(self, vals_list):
        moves = super().create(vals_list)
        moves._care_check_auto_post()
        return moves

    def _care_check_auto_post(self):
        """To leave a credit note to the system is to give: it is posted without asking again."""
        if self.env.su or self.env.context.get("care_posting") is ENGINE:
            return
        self.filtered(
            lambda move: (
                move.move_type == "out_refund" and move.state == "draft" and move.auto_post != "no"
            )
        )._care_check_refunds()

    def _care_check_waiting(self):
        """What the system posts by itself is no more than what somebody gave: a line may have
        been changed since.

        :raise UserError: if somebody whom a limit stops has changed it; Odoo writes that on the
            credit note and goes on
        """
        waiting = self.filtered(lambda move: move.auto_post != "no" and move.state == "draft")
        if not waiting:
            return
        outlay, authority = self.env["care.outlay"], self.env["care.authority"]
        known = outlay._known("move_id", waiting)
        allowed = self.env["care.remedy"]._allowed_on(waiting)
        for move in waiting:
            rest = move._care_worth()[0] - allowed.get(move, 0.0) - known[move]
            if move.company_id.currency_id.compare_amounts(rest, 0) <= 0:
                continue
            lines = move.invoice_line_ids
            writers = move.create_uid | move.write_uid | lines.create_uid | lines.write_uid
            if any(authority._binds(user, move.company_id) for user in writers):
                raise UserError(
                    self.env._(
                        "%s was changed after it was left to be posted by itself. Post it by hand.",
                        move.name or move.ref or move.display_name,
                    )
                )

    def _care_worth(self):
        """What it gives in the company's currency, and whether there is a rate to tell."""
        self.ensure_one()
        return self.env["care.outlay"]._worth(
            self.amount_total, self.currency_id, self.company_id, self.invoice_date or self.date
        )

    def _care_check_refunds(self):
        if not self:
            return
        # sudo: the limits look at the orders behind, whoever posts
        moves = self.sudo()
        allowed = self.env["care.remedy"]._allowed_on(moves)
        known = self.env["care.outlay"]._known("move_id", moves)
        gestures = []
        for move in moves:
            # not as it stands in the books: whoever writes it may choose that rate
            amount, rated = move._care_worth()
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
                    "rated": rated,
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
        payments.filtered(lambda payment: payment._care_gives())._care_check_payments()
        return payments

    def write(self, vals):
        if vals.get("state") not in GONE and PAYMENT_TERMS.isdisjoint(vals):
            return super().write(vals)
        before = {payment: payment._care_terms() for payment in self}
        result = super().write(vals)
        # again where its money is gone already and it has become another payment
        self.filtered(
            lambda payment: payment._care_gives() and before[payment] != payment._care_terms()
        )._care_check_payments()
        return result

    def _care_terms(self):
        """What the limits look at; nothing where no money has left."""
        self.ensure_one()
        if self.state not in GONE:
            return ()
        return tuple(self[name] for name in sorted(PAYMENT_TERMS))

    def _care_gives(self):
        """Whether it has paid money to a customer."""
        self.ensure_one()
        return (
            self.state in GONE
            and self.payment_type == "outbound"
            and self.partner_type == "customer"
        )

    def _care_settled(self):
        """What of this payment has paid credit notes already: that was owed, and is no more."""
        self.ensure_one()
        partials = self.move_id.line_ids.matched_credit_ids
        return sum(
            partials.filtered(
                lambda partial: partial.credit_move_id.move_id.move_type == "out_refund"
            ).mapped("amount")
        )

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
                amount, rated = self.env["care.outlay"]._worth(
                    payment.amount, payment.currency_id, company, payment.date
                )
                amount = max(amount - payment._care_settled(), 0.0)
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
                        "rated": rated,
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
            amount, rated = self.env["care.outlay"]._worth(
                amount_to_refund or transaction.amount, transaction.currency_id, company
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
                    "rated": rated,
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
        coming = sum(
            self._worth(record.amount, record.currency_id, company)[0]
            for records in (payments, asked)
            for record in records
        )
        due = 0.0
        for refund in refunds:
            amount, rated = self._worth(refund.amount_residual, refund.currency_id, company)
            due += amount if rated else 0.0
        return max(due - coming, 0.0)
