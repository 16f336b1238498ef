from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_amount

from .care_authority import check_amounts
from .care_guard import check_targets


class CareRemedyLine(models.Model):
    """A product of the order that a remedy is about."""

    _name = "care.remedy.line"
    _description = "Product of a remedy"
    _order = "id"

    remedy_id = fields.Many2one("care.remedy", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="remedy_id.company_id")
    currency_id = fields.Many2one(related="remedy_id.currency_id")
    order_id = fields.Many2one(related="remedy_id.order_id")
    sale_line_id = fields.Many2one(
        "sale.order.line",
        "Order Line",
        required=True,
        ondelete="cascade",
        index=True,
        domain="[('order_id', '=', order_id), ('display_type', '=', False),"
        " ('is_downpayment', '=', False)]",
    )
    product_id = fields.Many2one(related="sale_line_id.product_id")
    quantity = fields.Float(required=True, default=1.0, digits="Product Unit")
    amount = fields.Monetary(
        compute="_compute_amount",
        store=True,
        readonly=False,
        help="What of its price is given back, taxes included.",
    )
    credit_line_ids = fields.Many2many(
        "account.move.line",
        "care_remedy_line_credit_rel",
        "remedy_line_id",
        "move_line_id",
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="Lines of credit notes that give back a part of its price, and no product.",
    )

    _amounts = models.Constraint(
        "CHECK (quantity > 0 AND quantity < 1000000000 AND amount >= 0 AND amount < 1000000000000)",
        "Enter a quantity above 0, and an amount of 0 or more.",
    )

    @api.depends("sale_line_id", "quantity", "remedy_id.kind")
    def _compute_amount(self):
        for line in self:
            line.amount = 0 if line.remedy_id.kind == "return" else line._price()

    def _price(self):
        """What this quantity is worth, taxes included: what the customer paid; of a replacement
        no less than what it costs to give it again, for nothing may have been paid for it.
        """
        self.ensure_one()
        # sudo: an order that the person sees by the case
        sold = self.sudo().sale_line_id
        if not sold.product_uom_qty:
            return 0.0
        unit = sold.price_total / sold.product_uom_qty
        if self.remedy_id.kind == "replacement":
            unit = max(unit, *self.sudo()._unit_values(sold))
        return (self.currency_id or sold.currency_id).round(max(unit * self.quantity, 0.0))

    def _unit_values(self, sold):
        """What one unit of ``sold`` is worth, whatever was paid for it: the prices of the
        product, and what the line counted that it replaces.
        """
        company, currency = sold.company_id, self.currency_id or sold.currency_id
        product = sold.product_id.with_company(company)
        today = self.env["care.outlay"]._today(company)
        values = [0.0]
        for price, of in (
            (product.lst_price, product.currency_id),
            (product.standard_price, product.cost_currency_id),
        ):
            price = product.uom_id._compute_price(price, sold.product_uom_id)
            values.append(of._convert(price, currency, company, today, round=False))
        for line in self._replaced_by(sold):
            unit = line.amount / line.quantity
            values.append(line.currency_id._convert(unit, currency, company, today, round=False))
        return values

    @api.model
    def _replaced_by(self, sold):
        """The lines in whose stead the order line ``sold`` was delivered, as superuser."""
        # sudo: what a remedy made, whoever looks at the order
        made = self.env["care.remedy.document"].sudo()
        remedies = made.search(
            [("order_id", "=", sold.order_id._origin.id), ("remedy_id.kind", "=", "replacement")]
        ).remedy_id
        return remedies.line_ids.filtered(lambda line: line.product_id == sold.product_id)

    def _check_left(self):
        """Refuse to replace what was replaced or paid back already.

        A replacement that fails is replaced on its own order; it counts at what the first cost.
        """
        for line in self:
            # sudo: what was given on this line, whoever sees those cases
            line = line.sudo()
            sold, quantity = line.sale_line_id, line.quantity
            unit = sold.product_uom_id
            gone = line._given_on(sold, ("replacement", "refund"))
            left = sold.product_uom_qty - gone
            seen, before = sold, line._replaced_by(sold).sale_line_id
            while before - seen:
                seen |= before
                paid_back = sum(line._given_on(first, ("refund",)) for first in before)
                left = min(left, sum(before.mapped("product_uom_qty")) - paid_back)
                before = (
                    self.browse()
                    .union(*(line._replaced_by(first) for first in before))
                    .sale_line_id
                )
            if unit.compare(quantity, left) > 0:
                raise UserError(
                    self.env._(
                        "%(product)s: only %(count)s are left to replace. What was replaced "
                        "and fails again is replaced on the order of its replacement.",
                        product=sold.product_id.display_name,
                        count=f"{max(left, 0):g}",
                    )
                )

    def _given_on(self, sold, kinds):
        """How many of ``sold`` other live remedies replace or pay back in full."""
        others = self.search(
            [
                ("sale_line_id", "=", sold.id),
                ("id", "not in", self.remedy_id.line_ids.ids),
                ("remedy_id.kind", "in", kinds),
                ("remedy_id.state", "in", ("approved", "offered", "accepted", "executed")),
            ]
        )
        replaced = others.filtered(lambda other: other.remedy_id.kind == "replacement")
        refunded = others - replaced
        full = refunded.filtered(
            lambda other: other.currency_id.compare_amounts(other.amount, other._price()) >= 0
        )
        count = sum((replaced | full).mapped("quantity"))
        back = sum(refunded.mapped("amount"))
        if back and sold.currency_id.compare_amounts(back, sold.price_total) >= 0:
            return sold.product_uom_qty  # bit by bit, all of it
        return count

    @api.constrains("sale_line_id", "quantity", "amount", "remedy_id")
    def _check_line(self):
        for line in self:
            # sudo: as in `_price`
            sold, remedy = line.sudo().sale_line_id, line.sudo().remedy_id
            if sold.order_id != remedy.order_id or not sold._care_is_product():
                raise ValidationError(
                    self.env._("Choose a product of %s.", remedy.order_id.name or "")
                )
            same = remedy.line_ids.filtered(lambda other, sold=sold: other.sale_line_id == sold)
            if sold.product_uom_id.compare(sum(same.mapped("quantity")), sold.product_uom_qty) > 0:
                raise ValidationError(
                    self.env._(
                        "%(product)s: %(count)s were sold, not more.",
                        product=sold.product_id.display_name,
                        count=f"{sold.product_uom_qty:g}",
                    )
                )
            difference = remedy.currency_id.compare_amounts(line.amount, line._price())
            if difference > 0 and remedy.kind != "replacement":
                raise ValidationError(
                    self.env._(
                        "%s: no more can be given back than was paid. What is beyond that is a "
                        "compensation.",
                        sold.product_id.display_name,
                    )
                )
            # prices change; what was decided stays
            if difference and remedy.kind == "replacement" and remedy.state == "draft":
                raise ValidationError(
                    self.env._(
                        "A replacement counts at what it is worth: %s.",
                        format_amount(self.env, line._price(), remedy.currency_id),
                    )
                )

    def _refundable(self):
        """The invoice lines on which this was sold, the newest first, each with the quantity
        (in the order line's unit) and the money (taxes included) that were not given back yet.
        """
        self.ensure_one()
        sold = self.sale_line_id
        sources = sold.invoice_lines.filtered(
            lambda line: line.move_id.move_type == "out_invoice" and line.move_id.state == "posted"
        )
        back = sold.invoice_lines.filtered(
            lambda line: line.move_id.move_type == "out_refund" and line.move_id.state != "cancel"
        )
        # what lowered the price takes no product back
        lowered = self.search([("sale_line_id", "=", sold.id)]).credit_line_ids.filtered(
            lambda line: line.move_id.state != "cancel"
        )

        def counted(line):
            return line.product_uom_id._compute_quantity(
                line.quantity, sold.product_uom_id, round=False
            )

        result = []
        for source in sources.sorted("id", reverse=True):
            given, less = (
                lines.filtered(
                    lambda line, source=source: line.move_id.reversed_entry_id == source.move_id
                )
                for lines in (back, lowered - back)
            )
            quantity = counted(source) - sum(map(counted, given))
            money = source.price_total - sum((given | less).mapped("price_total"))
            result.append((source, quantity, money))
        return result

    # ------------------------------------------------------------
    # Changed only as long as the remedy is a proposal
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            check_targets(self, vals_list)
        for vals in vals_list:
            check_amounts(self, vals)
        lines = super().create(vals_list)
        lines._check_proposal()
        return lines

    def write(self, vals):
        if not self.env.su:
            check_targets(self, [vals])
        check_amounts(self, vals)
        self._check_proposal()
        result = super().write(vals)
        self._check_proposal()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_decided(self):
        self._check_proposal()

    def _check_proposal(self):
        if self.env.su:
            return
        self.remedy_id.check_access("write")
        if any(remedy.state != "draft" for remedy in self.remedy_id):
            raise UserError(self.env._("What was asked for or decided stays as it is."))
