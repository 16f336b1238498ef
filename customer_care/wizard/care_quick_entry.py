import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

#: Orders of a customer that are offered, the newest first.
OFFERED_ORDERS = 20


class CareQuickEntry(models.TransientModel):
    """While on the phone: who, what, which situation, and Enter."""

    _name = "care.quick.entry"
    _description = "Quick entry of a case"

    who = fields.Char(
        "Who", help="A name, a phone number, a mail address or the number of an order."
    )
    text = fields.Text("What")
    category_id = fields.Many2one(
        "care.category",
        "Situation",
        domain="[('company_id', 'in', (False, company_id))]",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )
    candidate_ids = fields.Many2many("res.partner", compute="_compute_candidate_ids")
    candidate_count = fields.Integer(compute="_compute_candidate_ids")
    partner_id = fields.Many2one(
        "res.partner",
        "Which One",
        compute="_compute_partner_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', candidate_ids)]",
    )
    order_id = fields.Many2one(
        "sale.order",
        "About the Order",
        compute="_compute_order_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', order_ids)]",
    )
    order_ids = fields.Many2many("sale.order", compute="_compute_order_ids")
    answer = fields.Text(related="category_id.description", string="What to Do")

    @api.depends("who")
    def _compute_candidate_ids(self):
        for entry in self:
            partners = self.env["res.partner"].with_company(entry.company_id)
            entry.candidate_ids = partners._care_find(entry.who)
            entry.candidate_count = len(entry.candidate_ids)

    @api.depends("candidate_ids")
    def _compute_partner_id(self):
        for entry in self:
            found = entry.candidate_ids._origin
            if len(found) == 1:
                entry.partner_id = found
            elif entry.partner_id not in found:
                entry.partner_id = False

    @api.depends("partner_id")
    def _compute_order_ids(self):
        for entry in self:
            customer = entry.partner_id.commercial_partner_id
            orders = self.env["sale.order"]
            if customer:
                orders = orders.search(
                    [
                        ("partner_id", "child_of", customer.id),
                        ("company_id", "=", entry.company_id.id),
                        ("state", "=", "sale"),
                    ],
                    order="date_order desc, id desc",
                    limit=OFFERED_ORDERS,
                )
            entry.order_ids = orders

    @api.depends("who", "partner_id")
    def _compute_order_id(self):
        for entry in self:
            order = entry._order_typed()
            if order or entry.order_id not in entry.order_ids._origin:
                entry.order_id = order

    @api.model_create_multi
    def create(self, vals_list):
        entries = super().create(vals_list)
        entries._check_company_entered()
        return entries

    def write(self, vals):
        result = super().write(vals)
        self._check_company_entered()
        return result

    def _check_company_entered(self):
        """The case is filed by the engine: into a company in which the person is, no other."""
        if self.sudo().company_id - self.env.companies:
            raise AccessError(
                self.env._("Switch to the company first into which the case is to be filed.")
            )

    def action_file(self):
        """File the case and open it."""
        return self._file()._get_records_action()

    def action_file_next(self):
        """File the case and take the next call."""
        self._file()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care.care_quick_entry_action"
        )

    def _file(self):
        """File the case that was typed in.

        :return: the case, with the person's own rights
        """
        self.ensure_one()
        self.check_access("write")
        self._check_company_entered()
        cases = self.env["care.case"]
        cases.check_access("create")
        who, text = (self.who or "").strip(), (self.text or "").strip()
        if not (who or self.partner_id):
            raise UserError(self.env._("Say who it is: a name, a phone number, an order."))
        if not text:
            raise UserError(self.env._("Say what it is about."))
        partner = self.partner_id
        if not partner and self.candidate_count > 1:
            raise UserError(
                self.env._("%s customers match: choose the right one.", self.candidate_count)
            )
        partner.check_access("read")
        order = self._order_typed() or self.order_id
        order.check_access("read")
        self.category_id.check_access("read")
        vals = {
            "company_id": self.company_id.id,
            "partner_id": partner.id,
            "name": text.splitlines()[0],
            "description": text,
            "category_id": self.category_id.id,
        }
        if partner and order:
            vals["order_id"] = order.id
        if self._takes_it():
            vals["owner_id"] = self.env.uid
        case = cases._file_case(vals, "phone", self._sender(who)).sudo(False)
        case.check_access("create")
        return case

    def _takes_it(self):
        """Whether the case is for whoever took the call: the first one sees it through, unless
        the situation is another team's, or the first stage names an owner.
        """
        self.ensure_one()
        user, cases = self.env.user, self.env["care.case"]
        # sudo: to whom a case goes follows from the company's own set-up
        team = self.sudo().category_id.team_id
        if team and user not in team.leader_id | team.member_ids:
            return False
        stage = self.env["care.stage"].sudo()._in_category(cases._name, "open")
        return stage.owner_rule in ("least_busy", "keep") and cases._may_own(user, self.company_id)

    def _order_typed(self):
        """The order, where its number was what was typed."""
        who, partner = (self.who or "").strip(), self.partner_id
        orders = self.env["sale.order"]
        if not (who and partner):
            return orders
        return orders.search(
            [
                ("name", "=ilike", re.sub(r"([\\%_])", r"\\\1", who)),
                ("company_id", "=", self.company_id.id),
                ("partner_id", "child_of", partner.commercial_partner_id.id),
            ],
            limit=1,
        )

    @api.model
    def _sender(self, who):
        """What a text tells of somebody we do not know yet."""
        if "@" in who:
            return {"email": who}
        if len(re.sub(r"\D", "", who)) >= 5 and not re.search(r"[^\W\d_]", who):
            return {"phone": who}
        number = re.search(r"\+?\d[\d\s/.()-]{5,}\d", who)
        if number:
            return {"name": who.replace(number[0], "").strip(" ,;"), "phone": number[0]}
        return {"name": who}
