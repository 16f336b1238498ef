from odoo import api, models
from odoo.fields import Domain

from ..models.care_sla_fact import BROKEN


class CareDemo(models.AbstractModel):
    """What the reports of the demo data read."""

    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _load_promise_facts(self):
        """Count what was promised, and once more what the cases tell: they were counted before
        anything was promised for them."""
        known = Domain("state", "=", "met") | Domain(BROKEN)
        clocks = self.env["care.sla.clock"].sudo().search(known)
        facts = self.env["care.fact"].sudo()
        facts._collect_promises(clocks)
        clocks.write({"counted_at": self.env.cr.now()})
        facts._collect(clocks.case_id.tenure_ids.filtered("until"))
