from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CarePolicy(models.Model):
    """Follow-up policy: an event plans the steps of an activity plan."""

    _name = "care.policy"
    _description = "Follow-up policy"
    _inherit = ["care.rule.mixin"]
    _check_company_auto = True

    plan_id = fields.Many2one(
        "mail.activity.plan",
        "Activity Plan",
        required=True,
        ondelete="restrict",
        domain="[('res_model', '=', res_model)]",
        check_company=True,
        help="Its steps become the follow-ups: what, how long after the event, by whom.",
    )
    step_ids = fields.One2many(related="plan_id.template_ids", string="Steps")
    followup_ids = fields.One2many("care.followup", "policy_id", "Follow-ups")
    followup_count = fields.Integer(compute="_compute_followup_count")

    def _compute_followup_count(self):
        counts = dict(
            self.env["care.followup"]._read_group(
                [("policy_id", "in", self.ids)], ["policy_id"], ["__count"]
            )
        )
        for policy in self:
            policy.followup_count = counts.get(policy, 0)

    @api.constrains("plan_id", "event")
    def _check_plan(self):
        for policy in self:
            plan = policy.plan_id
            if plan.res_model != policy.res_model:
                raise ValidationError(
                    self.env._(
                        "“%(plan)s” is a plan for another kind of document. Choose or "
                        "make a plan for %(model)s.",
                        plan=plan.name,
                        model=self.env[policy.res_model]._description,
                    )
                )
            for step in plan.template_ids:
                problem = step._care_problem()
                if problem:
                    raise ValidationError(
                        self.env._(
                            "Step “%(step)s” of “%(plan)s” cannot be planned: %(problem)s",
                            step=step.summary or step.activity_type_id.name,
                            plan=plan.name,
                            problem=problem,
                        )
                    )

    @api.model
    def _selection_event(self):
        # a cancelled order ends what is planned, and plans nothing
        return [event for event in super()._selection_event() if event[0] != "order_cancelled"]

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    def _apply(self, records, event, when):
        """Plan one follow-up per step and record, once per cycle of the record."""
        self.ensure_one()
        records = records.filtered(lambda record: record.stage_category != "cancelled")
        if not records:
            return self.env["care.followup"]
        days, memo = {}, {}
        for record in records:
            key = record.company_id, when[record][0]
            if key not in days:
                zone = self.with_context(tz=record.company_id._care_tz())
                days[key] = fields.Datetime.context_timestamp(zone, key[1]).date()
        vals_list = [
            self.env["care.followup"]._prepare_step_vals(
                self,
                step,
                record,
                days[record.company_id, when[record][0]],
                when[record][1],
                memo,
            )
            for step in self.plan_id.template_ids
            for record in records
        ]
        return self.env["care.followup"]._plan(vals_list)

    def action_open_followups(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care.care_followup_action_all"
        )
        action["domain"] = [("policy_id", "=", self.id)]
        return action
