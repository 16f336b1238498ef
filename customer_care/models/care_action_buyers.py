from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import split_every

#: Other buyers whose calls are planned at once.
BUYERS_BATCH = 1000


class CareAction(models.Model):
    """Who else has bought what fails: looked up when asked for, and called."""

    _inherit = "care.action"  # pylint: disable=consider-merging-classes-inherited

    buyer_question = fields.Char(
        "Question to Other Buyers",
        help="What is asked when the other buyers are called. Empty: whether all is well.",
    )
    buyer_count = fields.Integer("Other Buyers", compute="_compute_buyer_count")
    followup_ids = fields.One2many("care.followup", "action_id", "Follow-ups")
    followup_count = fields.Integer("Calls", compute="_compute_followup_count")

    def _compute_followup_count(self):
        counts = dict(
            self.env["care.followup"]._read_group(
                [("action_id", "in", self.ids)], ["action_id"], ["__count"]
            )
        )
        for action in self:
            action.followup_count = counts.get(action, 0)

    @api.depends_context("uid")
    def _compute_buyer_count(self):
        for action in self:
            action.buyer_count = action._count_buyers() if action.may_work else 0

    # ------------------------------------------------------------
    # Other buyers
    # ------------------------------------------------------------

    def _products(self):
        """What the other buyers have bought: the product it is about, or those of its cases."""
        self.ensure_one()
        return self.product_tmpl_id or self.case_ids.product_id.product_tmpl_id

    def _buyer_domain(self):
        """Order lines that count: confirmed, in the last months, not of who complained."""
        self.ensure_one()
        since = self.env.cr.now() - relativedelta(months=self.company_id.care_alarm_months or 12)
        return [
            ("company_id", "=", self.company_id.id),
            ("state", "=", "sale"),
            ("product_uom_qty", ">", 0),
            ("product_id.product_tmpl_id", "in", self._products().ids),
            ("order_id.date_order", ">=", since),
            (
                "order_partner_id.commercial_partner_id",
                "not in",
                self.case_ids.commercial_partner_id.ids,
            ),
        ]

    def _other_buyers(self):
        """Customers who have bought the same: looked up when asked for, never stored."""
        self.ensure_one()
        # sudo: who bought a product that fails, for whoever sees to it
        action = self.sudo()
        if not action._products():
            return self.env["res.partner"]
        groups = action.env["sale.order.line"]._read_group(
            action._buyer_domain(), ["order_partner_id"]
        )
        return self.env["res.partner"].browse([partner.id for (partner,) in groups])

    def _count_buyers(self):
        """How many they are, by the database."""
        self.ensure_one()
        # sudo: as in `_other_buyers`
        action = self.sudo()
        if not action._products():
            return 0
        [(count,)] = action.env["sale.order.line"]._read_group(
            action._buyer_domain(), [], ["order_partner_id:count_distinct"]
        )
        return count

    def _check_buyers(self):
        self.ensure_one()
        self.check_access("write")
        buyers = self._other_buyers()
        if not buyers:
            raise UserError(
                self.env._(
                    "Nobody else bought this in the last %s months, or the action names no "
                    "product.",
                    self.company_id.sudo().care_alarm_months or 12,
                )
            )
        return buyers

    def action_open_buyers(self):
        """The list of the other buyers."""
        buyers = self._check_buyers()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Other Buyers"),
            "res_model": "res.partner",
            "view_mode": "list,kanban,form",
            "views": [(False, "list"), (False, "kanban"), (False, "form")],
            "domain": [("id", "in", buyers.ids)],
        }

    def action_plan_followups(self):
        """One call to each other buyer, by whoever owns their journey; planned once."""
        buyers = self._check_buyers()
        planned = self._plan_calls(buyers)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if planned else "info",
                "message": self.env._(
                    "%(planned)s calls planned for %(buyers)s other buyers. Whoever has no "
                    "journey, or is planned already, is left out: they are in the list of other "
                    "buyers.",
                    planned=len(planned),
                    buyers=len(buyers),
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _plan_calls(self, buyers):
        """The unique index says who is planned already: pressing twice plans nothing twice."""
        planned = self.env["care.followup"].sudo()
        memo = {}
        for ids in split_every(BUYERS_BATCH, buyers.ids):
            planned |= self._plan_batch(ids, memo)
        return planned

    def _journeys_of(self, buyer_ids):
        """The latest journey of each of these buyers on which it was bought, as superuser."""
        action = self.sudo()
        orders = action.env["sale.order.line"]._read_group(
            [*action._buyer_domain(), ("order_partner_id", "in", buyer_ids)],
            ["order_partner_id"],
            ["order_id:array_agg_distinct"],
        )
        journeys = action.env["care.journey"].search_fetch(
            [
                ("order_id", "in", [order for _partner, ids in orders for order in ids]),
                ("stage_category", "!=", "cancelled"),
            ],
            ["order_id"],
            order="id",
        )
        latest = {}
        for journey in journeys.sorted(lambda journey: journey.order_id.id):
            latest[journey.order_id.partner_id] = journey
        return journeys.union(*latest.values())

    def _plan_batch(self, buyer_ids, memo):
        # sudo: planned rows are written by the engine; the right to the action is checked
        action = self.sudo()
        journeys = action._journeys_of(buyer_ids)
        vals_list = []
        followups = self.env["care.followup"].sudo()
        day = action._today() + timedelta(days=1)
        product = ", ".join(action._products().mapped("name"))
        for journey in journeys:
            user = journey._present(journey.owner_id, journey.team_id)
            words = self.with_context(lang=user.sudo().lang).env
            vals_list.append(
                {
                    "state": "planned",
                    "attempts": 0,
                    "action_id": action.id,
                    "journey_id": journey.id,
                    "company_id": journey.company_id.id,
                    "partner_id": journey.partner_id.id,
                    "user_id": user.id,
                    "chosen_user_id": user.id,
                    "event": "action",
                    "happened_at": self.env.cr.now().replace(microsecond=0),
                    "occurrence": journey.cycle,
                    "occurrence_try": 1,
                    "repetition": 1,
                    "name": action.buyer_question or words._("Is all well with it? %s", product),
                    "activity_type_id": self.env.ref(
                        "customer_care.mail_activity_type_followup"
                    ).id,
                    **followups._when(day, user, journey.company_id, memo),
                }
            )
        return followups._plan(vals_list)


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    action_id = fields.Many2one(
        "care.action",
        "Because Of the Action",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The corrective action for which the other buyers are called.",
    )

    _action_uniq = models.UniqueIndex(
        "(action_id, journey_id, occurrence_try) WHERE action_id IS NOT NULL",
        "This customer is called for this action already.",
    )

    def _explain_without_policy(self):
        if self.event != "action":
            return super()._explain_without_policy()
        if self.action_id:
            return [(self.env._("Action:"), self.action_id.name)]
        return [(self.env._("Why:"), self.env._("An action that is gone since asked for it."))]

    def _plan_again(self):
        again = super()._plan_again()
        if again and self.action_id:
            # sudo: planned rows are written by the engine
            again.sudo().action_id = self.sudo().action_id
        return again
