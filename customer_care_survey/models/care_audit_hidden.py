"""Whom a visit is hidden from until it is published: the people of the day when it was drawn."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CareAudit(models.Model):
    _inherit = "care.audit"  # pylint: disable=consider-merging-classes-inherited

    hidden_user_ids = fields.Many2many(
        "res.users",
        "care_audit_hidden_rel",
        "audit_id",
        "user_id",
        string="Hidden From",
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="The audited person, and the members and leader of the team when it was drawn: who "
        "leaves the team does not see it before it is published either.",
    )

    @property
    def _engine_fields(self):
        return super()._engine_fields | {"hidden_user_ids"}

    @api.model_create_multi
    def create(self, vals_list):
        audits = super().create(vals_list)
        audits._hide()
        return audits

    def write(self, vals):
        result = super().write(vals)
        if {"audited_id", "team_id"} & set(vals):
            self._hide()
        return result

    def _hide(self):
        # sudo: the engine keeps from whom it is hidden
        for audit in self.sudo():
            team = audit.team_id
            audit.hidden_user_ids |= audit.audited_id | team.member_ids | team.leader_id


class CareAuditPlan(models.Model):
    _inherit = "care.audit.plan"  # pylint: disable=consider-merging-classes-inherited

    @api.constrains("owner_id", "team_ids", "user_ids")
    def _check_owner_was_not_drawn(self):
        """Who was among the visited does not become the owner before their visits are published."""
        # sudo: whoever was drawn, though it is hidden from who changes the plan
        drawn = self.env["care.audit"].sudo()
        for plan in self:
            mine = drawn.search(
                [
                    ("plan_id", "=", plan.id),
                    ("state", "in", ("planned", "done")),
                    ("hidden_user_ids", "in", plan.owner_id.ids),
                ],
                limit=1,
            )
            if mine:
                raise ValidationError(
                    self.env._(
                        "%(user)s was among the visited when visits of “%(plan)s” were drawn that "
                        "are not published yet. Choose another owner.",
                        user=plan.owner_id.sudo().name,
                        plan=plan.name,
                    )
                )
