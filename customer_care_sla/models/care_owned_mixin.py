from odoo import models


class CareOwnedMixin(models.AbstractModel):
    _inherit = "care.owned.mixin"

    def _care_state(self, event, at=None):
        # after the rest of the first phase, before any mail is planned
        result = super()._care_state(event, at)
        self.env["care.sla.clock"]._follow(self, event)
        return result
