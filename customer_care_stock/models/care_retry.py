from odoo import models


class CareRetry(models.Model):
    _inherit = "care.retry"

    def _overtaken(self):
        # its occurrence counts returns, not how often the journey was started
        return self.event != "order_returned" and super()._overtaken()
