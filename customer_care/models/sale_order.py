from odoo import api, fields, models
from odoo.tools import format_date


class SaleOrder(models.Model):
    _name = "sale.order"
    _inherit = ["sale.order", "care.story.mixin", "care.mark.mixin"]

    # One2many only: no column is added to the table.
    care_journey_ids = fields.One2many(
        "care.journey", "order_id", "Journey", groups="customer_care.group_agent"
    )
    care_case_ids = fields.One2many(
        "care.case", "order_id", "Cases", groups="customer_care.group_agent"
    )
    care_case_count = fields.Integer(
        compute="_compute_care_case_count", groups="customer_care.group_agent"
    )

    @api.depends_context("care_order_told", "lang", "tz")
    def _compute_display_name(self):
        super()._compute_display_name()
        if not self.env.context.get("care_order_told"):
            return
        for order in self:
            # by what a customer on the phone says: when, and what
            day = order.date_order and format_date(self.env, order.date_order)
            sold = order.order_line.filtered(lambda line: line._care_is_product())
            words = (order.display_name, day, sold[:1].product_id.name)
            order.display_name = " · ".join(filter(None, words))

    def _compute_care_case_count(self):
        counts = dict(
            self.env["care.case"]._read_group(
                [("order_id", "in", self.ids)], ["order_id"], ["__count"]
            )
        )
        for order in self:
            order.care_case_count = counts.get(order, 0)

    def write(self, vals):
        if "user_id" not in vals:
            return super().write(vals)
        before = {order: order.user_id for order in self}
        result = super().write(vals)
        # sudo: whoever changes the salesperson; the journey is the company's
        journeys = self.env["care.journey"].sudo().search([("order_id", "in", self.ids)])
        journeys._follow_salesperson({j: before[j.order_id.with_env(self.env)] for j in journeys})
        return result

    def unlink(self):
        # sudo: with its order a journey goes, and with it what hangs on it (messages,
        # activities), which the database's own cascade would leave behind
        self.env["care.journey"].sudo().search([("order_id", "in", self.ids)]).unlink()
        return super().unlink()

    def _action_confirm(self):
        result = super()._action_confirm()
        # sudo: the customer may confirm on the portal, and the journey is the company's
        self.env["care.journey"].sudo()._start_for(self.sudo())
        return result

    def _action_cancel(self):
        result = super()._action_cancel()
        # sudo: as in `_action_confirm`
        journeys = self.env["care.journey"].sudo().search([("order_id", "in", self.ids)])
        journeys._end()
        # sudo: as above; of orders that have no journey
        self.env["care.promise"].sudo()._no_longer_due(
            journeys.browse(), self - journeys.order_id.with_env(self.env)
        )
        return result

    def action_care_open_journey(self):
        self.ensure_one()
        return self.care_journey_ids[:1]._get_records_action()

    def action_care_open_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [("order_id", "=", self.id)]
        action["context"] = {
            "default_order_id": self.id,
            "default_partner_id": self.partner_id.id,
            "default_journey_id": self.care_journey_ids[:1].id,
        }
        return action
