"""What remedies make, seen from the orders and credit notes themselves."""

from odoo import api, fields, models

AGENT = "customer_care.group_agent"


class SaleOrder(models.Model):
    _inherit = "sale.order"  # pylint: disable=consider-merging-classes-inherited

    care_remedy_count = fields.Integer(compute="_compute_care_remedy_count", groups=AGENT)

    def _compute_care_remedy_count(self):
        found = self._care_remedies()
        for order in self:
            order.care_remedy_count = len(found.get(order.id, ()))

    def _care_remedies(self):
        """Remedies about these orders, made by them or used on them, as the person sees them.

        :return: dict id of the order -> remedies
        """
        remedies = self.env["care.remedy"].search(
            [
                ("state", "!=", "cancelled"),
                "|",
                ("order_id", "in", self.ids),
                ("document_ids.order_id", "in", self.ids),
            ]
        )
        found = {}
        for remedy in remedies:
            for order in remedy.order_id | remedy.document_ids.order_id:
                found[order.id] = found.get(order.id, remedies.browse()) | remedy
        return found

    def _care_first_order(self):
        """The order that was sold, where this one replaces something of it."""
        order, seen = self, self.browse()
        while order and order not in seen:
            seen |= order
            # sudo: what a remedy made, whoever looks at the order
            made = self.env["care.remedy.document"].sudo()
            document = made.search(
                [("order_id", "=", order.id), ("remedy_id.kind", "=", "replacement")], limit=1
            )
            order = document.remedy_id.order_id.with_env(self.env) or order
        return order

    def action_care_open_remedies(self):
        self.ensure_one()
        remedies = self._care_remedies().get(self.id, self.env["care.remedy"])
        return remedies._get_records_action(name=self.env._("Remedies"))

    def action_confirm(self):
        # a quotation may be given up, or become somebody else's: an order may not
        self._care_use_discounts()
        return super().action_confirm()

    def write(self, vals):
        result = super().write(vals)
        if vals.get("state") in ("draft", "sent", "cancel"):
            self._care_give_back_discounts()
        if vals.get("state") == "cancel":
            self._care_made_by()._documents_gone()
        return result

    def unlink(self):
        remedies = self._care_made_by()
        result = super().unlink()
        remedies._documents_gone()
        return result

    def _care_made_by(self):
        """The remedies that made these orders, as superuser: replacements. A discount is used on
        an order, which is another one's.
        """
        # sudo: whoever takes the order away, its remedy hears of it
        documents = self.env["care.remedy.document"].sudo()
        return documents.search(
            [("order_id", "in", self.ids), ("remedy_id.kind", "=", "replacement")]
        ).remedy_id

    def _care_use_discounts(self):
        """Take off these orders what their customers were promised, each discount once."""
        orders = self.filtered(
            lambda order: order.state in ("draft", "sent") and order.amount_total > 0
        )
        for company, mine in orders.grouped("company_id").items():
            # sudo: whose order it is, whoever confirms it
            customers = mine.sudo().partner_id
            waiting = self.env["care.remedy"]._waiting_discounts(customers, company)
            for order in mine if waiting else ():
                # sudo: whoever confirms the order, the customer's discount is on it
                customer = order.sudo().partner_id.commercial_partner_id
                for remedy in waiting.filtered(
                    lambda remedy, customer=customer: (
                        remedy.partner_id.commercial_partner_id == customer
                    )
                ):
                    if not remedy._is_used():
                        remedy._use_discount(order.sudo())

    def _care_give_back_discounts(self):
        """What was not sold in the end uses up no discount: it waits for the next order."""
        # sudo: whoever gives the order up, the customer's discount is theirs again
        documents = self.env["care.remedy.document"].sudo()
        documents = documents.search(
            [("order_id", "in", self.ids), ("remedy_id.kind", "=", "discount")]
        ).filtered(
            lambda document: all(
                line.parent_state != "posted" for line in document.sale_line_id.invoice_lines
            )
        )
        if not documents:
            return
        remedies = documents.remedy_id
        documents.sale_line_id.unlink()
        documents.exists().unlink()
        remedies.write({"cost": 0})
        remedies.case_id._add_up_cost()


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    def _care_is_product(self):
        """Whether it sells something: no title, note, down payment or discount."""
        self.ensure_one()
        return not self.display_type and not self.is_downpayment and self.product_uom_qty > 0


class CareJourney(models.Model):
    _inherit = "care.journey"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _start_for(self, orders, at=None):
        # a replacement is a part of the sale that it mends
        documents = self.env["care.remedy.document"].search(
            [("order_id", "in", orders.ids), ("remedy_id.kind", "=", "replacement")]
        )
        return super()._start_for(orders - documents.order_id.with_env(orders.env), at)


class AccountMove(models.Model):
    _inherit = "account.move"  # pylint: disable=consider-merging-classes-inherited

    care_remedy_count = fields.Integer(compute="_compute_care_remedy_count", groups=AGENT)

    def _compute_care_remedy_count(self):
        found = self._care_remedies()
        for move in self:
            move.care_remedy_count = len(found.get(move.id, ()))

    def _care_remedies(self):
        """Remedies that made these credit notes, or gave back parts of these invoices.

        :return: dict id of the move -> remedies
        """
        remedies = self.env["care.remedy"].search(
            [
                "|",
                ("document_ids.move_id", "in", self.ids),
                ("document_ids.move_id.reversed_entry_id", "in", self.ids),
            ]
        )
        found = {}
        for remedy in remedies:
            # sudo: which invoice it is about, for who sees both
            moves = remedy.sudo().document_ids.move_id
            for move_id in (moves | moves.reversed_entry_id).ids:
                found[move_id] = found.get(move_id, remedies.browse()) | remedy
        return found

    def action_care_open_remedies(self):
        self.ensure_one()
        remedies = self._care_remedies().get(self.id, self.env["care.remedy"])
        return remedies._get_records_action(name=self.env._("Remedies"))

    def button_cancel(self):
        result = super().button_cancel()
        self._care_made_by()._documents_gone()
        return result

    def unlink(self):
        remedies = self._care_made_by()
        result = super().unlink()
        remedies._documents_gone()
        return result

    def _care_made_by(self):
        """The remedies whose credit notes these are, as superuser."""
        moves = self.filtered(lambda move: move.move_type == "out_refund")
        if not moves:
            return self.env["care.remedy"].sudo()
        # sudo: whoever takes the document away, its remedy hears of it
        documents = self.env["care.remedy.document"].sudo()
        return documents.search([("move_id", "in", moves.ids)]).remedy_id


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    def _hold_unpaid_refund(self, memo):
        """Money that was promised and is not even posted holds back as well."""
        held = super()._hold_unpaid_refund(memo)
        rows = self.filtered("journey_id") - self.browse(row.id for row in held)
        if not rows:
            return held
        remedies = self.env["care.remedy"].search(
            [
                ("kind", "in", ("refund", "compensation")),
                ("state", "in", ("accepted", "executed")),
                "|",
                ("state", "=", "accepted"),
                ("document_ids.move_id.state", "=", "draft"),
                ("company_id", "in", rows.company_id.ids),
                (
                    "partner_id.commercial_partner_id",
                    "in",
                    rows.partner_id.commercial_partner_id.ids,
                ),
            ]
        )
        unpaid = {
            (remedy.company_id, remedy.partner_id.commercial_partner_id): remedy
            for remedy in remedies
        }
        for row in rows:
            if remedy := unpaid.get(row._customer_key()):
                env = row._words()
                note = env._("%s is to be paid back first.", remedy.with_env(env).display_name)
                held[row] = (note, False)
        return held
