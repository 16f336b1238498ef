from odoo import api, models


class AccountMove(models.Model):
    _inherit = "account.move"

    def _post(self, soft=True):
        posted = super()._post(soft)
        posted._care_billed()
        refunds = posted.filtered(lambda move: move.move_type == "out_refund")
        if refunds:
            self.env["care.followup"]._look_again(refunds.partner_id)
        return posted

    def _invoice_paid_hook(self):
        result = super()._invoice_paid_hook()
        self._care_billed()
        refunds = self.filtered(lambda move: move.move_type == "out_refund")
        if refunds:
            # sudo: what waits for the refund is the engine's, whoever pays it
            self.env["care.followup"].sudo()._release_held(("unpaid_refund",), refunds.partner_id)
        return result

    def _care_billed(self):
        """What these invoices mean for the journeys of their orders."""
        invoices = self.filtered(lambda move: move.move_type == "out_invoice")
        if invoices:
            # sudo: whoever posts or pays an invoice, the journey is the company's
            orders = invoices.sudo().line_ids.sale_line_ids.order_id
            self.env["care.journey"].sudo()._bill(orders)

    @api.model
    def _care_owed(self, companies, partners):
        """What these companies have still to pay back to these customers.

        :return: dict (company, commercial partner) -> a refund that is not paid yet
        """
        refunds = self.search_fetch(
            [
                ("move_type", "=", "out_refund"),
                ("state", "=", "posted"),
                ("payment_state", "in", ("not_paid", "partial")),
                ("amount_residual", ">", 0),
                ("company_id", "in", companies.ids),
                ("commercial_partner_id", "in", partners.commercial_partner_id.ids),
            ],
            ["name", "company_id", "commercial_partner_id"],
        )
        return {(move.company_id, move.commercial_partner_id): move for move in refunds}
