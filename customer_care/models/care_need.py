from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_guard import check_same_customer, check_targets, refuse_forged


class CareNeed(models.Model):
    """What a customer needs, as heard by one of us: for all who serve them later."""

    _name = "care.need"
    _description = "Need"
    _inherit = ["care.customer.mixin"]
    _order = "heard_at desc, id desc"
    #: What need is whose: fixed when it is taken down.
    _fixed_fields = frozenset({"partner_id", "company_id", "heard_at", "user_id"})
    #: What it may hang on: of the same customer.
    _link_fields = ("journey_id", "followup_id", "order_id")

    name = fields.Char("What They Need", required=True)
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
        ondelete="cascade",
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    budget = fields.Monetary("Budget Heard", help="What they said they would spend.")
    date_wanted = fields.Date("Wanted By")
    advice = fields.Text("Advice Given", help="What we told them, honestly.")
    elsewhere = fields.Boolean(
        "Better Served Elsewhere",
        help="We advised them to get it elsewhere, because that is better for them.",
    )
    state = fields.Selection(
        [("open", "Open"), ("met", "Met"), ("gone", "No Longer")],
        default="open",
        required=True,
        index=True,
    )
    user_id = fields.Many2one(
        "res.users",
        "Heard By",
        required=True,
        readonly=True,
        default=lambda self: self.env.user,
        index=True,
    )
    heard_at = fields.Datetime("Heard On", required=True, readonly=True, copy=False)
    journey_id = fields.Many2one("care.journey", index="btree_not_null", ondelete="set null")
    followup_id = fields.Many2one(
        "care.followup", "Follow-up", index="btree_not_null", ondelete="set null"
    )
    order_id = fields.Many2one("sale.order", "Order", index="btree_not_null", ondelete="set null")

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals) for vals in vals_list]
        for vals in vals_list:
            if not self.env.su:
                refuse_forged(self, {"heard_at", "user_id"} & set(vals))
            # what a default in the context says is nobody's word
            vals.setdefault("user_id", self.env.uid)
            vals.setdefault("heard_at", self.env.cr.now())
        needs = super().create(vals_list)
        needs._check_pointed_at()
        return needs

    def write(self, vals):
        if not self.env.su:
            refuse_forged(self, self._fixed_fields & set(vals))
            check_targets(self, [vals])
        result = super().write(vals)
        if not self.env.su and not vals.keys().isdisjoint(self._link_fields):
            check_same_customer(self, self._link_fields)
        return result

    def _check_pointed_at(self):
        """Refuse a need on a record which the person may not read."""
        if not self.env.su:
            for name in ("partner_id", *self._link_fields):
                # whoever works without an app has nothing of it to point to
                if self[name]:
                    self[name].check_access("read")
            check_same_customer(self, self._link_fields)

    def action_met(self):
        self._set_state("met")

    def action_gone(self):
        self._set_state("gone")

    def _set_state(self, state):
        self.check_access("write")
        if any(need.state != "open" for need in self):
            raise UserError(self.env._("Only an open need can be met or given up."))
        self.write({"state": state})

    def _label(self, name):
        """The word for the value of a selection, in the reader's language."""
        self.ensure_one()
        return dict(self._fields[name]._description_selection(self.env)).get(self[name])

    @api.model
    def _from_followup(self, followup, **vals):
        """The need that was heard in a follow-up: taken down once.

        :param vals: what is known better than from the follow-up, e.g. ``name``, ``date_wanted``
        :return: the need
        """
        followup.ensure_one()
        # sudo: whoever does the follow-up takes down what was said in it; the values are the
        # follow-up's own
        needs = self.sudo()
        need = needs.search([("followup_id", "=", followup.id)], limit=1)
        return (
            need
            or needs.create(
                {
                    "name": followup.feedback or followup.name,
                    "partner_id": followup.partner_id.id,
                    "company_id": followup.company_id.id,
                    "followup_id": followup.id,
                    "journey_id": followup.journey_id.id,
                    "user_id": self.env.uid,
                    **vals,
                }
            )
        ).sudo(False)
