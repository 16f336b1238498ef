from odoo import api, models


class CareRuleMixin(models.AbstractModel):
    _inherit = "care.rule.mixin"

    @api.model
    def _selection_event(self):
        return [*super()._selection_event(), ("order_returned", self.env._("Goods returned"))]
