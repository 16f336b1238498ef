from odoo import api, models


class CareRuleMixin(models.AbstractModel):
    _inherit = "care.rule.mixin"

    @api.model
    def _selection_event(self):
        return [
            ("opportunity_created", self.env._("Opportunity created")),
            *super()._selection_event(),
        ]
