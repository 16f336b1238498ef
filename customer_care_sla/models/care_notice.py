from odoo import models


class CareNotice(models.Model):
    _inherit = "care.notice"

    def _after_told(self, kind):
        result = super()._after_told(kind)
        if kind == "case_received":
            self.env["care.sla.clock"]._meet(self.case_id, ["acknowledgement"])
        return result
