from odoo import fields, models

from .care_case import STAFF

#: What a case may say more by than by itself: a change is looked at anew.
TELLING = frozenset({"cause_id", "product_id", "category_id", "kind", "confidential"})


class CareCase(models.Model):
    """Why it happened, what is done against it, and that it may have happened before."""

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    cause_id = fields.Many2one(
        "care.cause",
        "Cause",
        tracking=True,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        groups=STAFF,
        help="What was behind it, not what was seen: known when the case is looked into.",
    )
    action_ids = fields.Many2many(
        "care.action",
        "care_action_case_rel",
        "case_id",
        "action_id",
        "Actions",
        readonly=True,
        copy=False,
        groups=STAFF,
        help="What is done so that it does not happen again.",
    )
    action_count = fields.Integer(compute="_compute_action_count", groups=STAFF)

    @property
    def _care_engine_fields(self):
        # an action chooses its cases, by the rights to the action
        return super()._care_engine_fields | {"action_ids"}

    def _compute_action_count(self):
        for case in self:
            case.action_count = len(case.action_ids)

    def write(self, vals):
        result = super().write(vals)
        if TELLING & set(vals):
            self.env["care.signal"]._notice(self)
        return result

    def _care_state(self, event, at=None):
        result = super()._care_state(event, at)
        if event == "case_opened":
            self.env["care.signal"]._notice(self)
        return result

    def action_open_actions(self):
        """What is done against its cause, or a new action that knows the case."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_action_action")
        action["domain"] = [("case_ids", "in", self.ids)]
        action["context"] = {
            "default_cause_id": self.cause_id.id,
            "default_product_tmpl_id": self.product_id.product_tmpl_id.id,
            "default_category_id": self.category_id.id,
            "default_case_ids": self.ids,
            "default_company_id": self.company_id.id,
        }
        if not self.action_ids:
            action["views"] = [(False, "form")]
        return action
