from odoo import api, fields, models
from odoo.exceptions import ValidationError

CARE_MODELS = ("care.journey", "care.case")
#: Responsible types that this addon adds, and the models they need.
CARE_RESPONSIBLES = dict.fromkeys(
    ("care_owner", "care_salesperson", "care_account_manager", "care_leader"), CARE_MODELS
)


class MailActivityPlan(models.Model):
    _inherit = "mail.activity.plan"

    @api.constrains("res_model")
    def _check_care_model(self):
        # sudo: as for its steps
        self.env["care.policy"].sudo().search([("plan_id", "in", self.ids)])._check_plan()


class MailActivityType(models.Model):
    _inherit = "mail.activity.type"

    @api.constrains("chaining_type")
    def _check_care_chaining(self):
        # sudo: as for the steps of a plan
        policies = self.env["care.policy"].sudo()
        policies.search([("plan_id.template_ids.activity_type_id", "in", self.ids)])._check_plan()


class MailActivityPlanTemplate(models.Model):
    _inherit = "mail.activity.plan.template"

    responsible_type = fields.Selection(
        selection_add=[
            ("care_owner", "Stage owner"),
            ("care_salesperson", "Salesperson"),
            ("care_account_manager", "Account manager"),
            ("care_leader", "Team leader"),
        ],
        ondelete={name: "cascade" for name in CARE_RESPONSIBLES},
    )

    @api.constrains("plan_id", "responsible_type", "activity_type_id", "delay_from")
    def _check_care_responsible(self):
        for step in self:
            models_ok = CARE_RESPONSIBLES.get(step.responsible_type)
            if models_ok and step.plan_id.res_model not in models_ok:
                raise ValidationError(
                    self.env._(
                        "“%(responsible)s” is known only for journeys and cases.",
                        responsible=dict(
                            self._fields["responsible_type"]._description_selection(self.env)
                        )[step.responsible_type],
                    )
                )
        # sudo: a policy that its editor may not see must not break either
        self.env["care.policy"].sudo().search([("plan_id", "in", self.plan_id.ids)])._check_plan()

    def _care_problem(self):
        """Why this step cannot be planned by a policy; empty when it can."""
        self.ensure_one()
        if self.responsible_type == "on_demand":
            return self.env._(
                "nobody is there to be asked for a responsible. Choose who it is in the plan."
            )
        if self.delay_from != "after_plan_date":
            return self.env._("a follow-up comes after its event. Choose “After”.")
        if self.activity_type_id.chaining_type == "trigger":
            return self.env._(
                "its activity type starts another activity by itself. Choose a type "
                "that does not, and add the next step to the plan."
            )
        return False

    def _determine_responsible(self, on_demand_responsible, applied_on_record):
        record = applied_on_record
        if self.responsible_type not in CARE_RESPONSIBLES:
            found = super()._determine_responsible(on_demand_responsible, record)
            if self.plan_id.res_model in CARE_MODELS and found["responsible"]:
                # whom the plan names may have left
                found["responsible"] = record._present(found["responsible"], record.team_id)
            return found
        user = {
            "care_owner": lambda: record.owner_id,
            "care_salesperson": record._care_salesperson,
            "care_account_manager": record._care_account_manager,
            "care_leader": lambda: record.team_id.leader_id,
        }[self.responsible_type]()
        return {
            "responsible": record._present(user or record.owner_id, record.team_id),
            "error": False,
            "warning": False,
        }
