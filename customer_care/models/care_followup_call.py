from odoo import api, fields, models

from .care_followup import ALIVE

#: What the dialog that ends a call takes down besides: kept by other models, guarded there.
CALL_FIELDS = frozenset({"guide_ids", "promise_name", "promise_date"})


class CareFollowup(models.Model):
    """What a call is also for: whether the guides were clear, and what is promised in it."""

    _inherit = "care.followup"

    guide_ids = fields.One2many(
        "care.guide",
        compute="_compute_guide_ids",
        inverse="_inverse_guide_ids",
        string="Guides to Ask About",
        help="Guides this customer was sent and has not been asked about; or was asked in this "
        "follow-up.",
    )
    promise_name = fields.Char(
        "We Promise", compute="_compute_promise_name", inverse="_inverse_promise_name"
    )
    promise_date = fields.Date(
        "By", compute="_compute_promise_name", inverse="_inverse_promise_name"
    )

    def _compute_guide_ids(self):
        guides = self.env["care.guide"]
        if guides.has_access("read"):
            guides = guides.search(
                [
                    ("commercial_partner_id", "in", self.partner_id.commercial_partner_id.ids),
                    ("sent_at", "!=", False),
                    "|",
                    ("clear", "=", False),
                    ("followup_id", "in", self.ids),
                ]
            )
        for followup in self:
            alive = followup.state in ALIVE
            followup.guide_ids = guides.filtered(
                lambda guide, f=followup, alive=alive: (
                    guide.followup_id == f
                    or (
                        alive
                        and not guide.clear
                        and guide.company_id == f.company_id
                        and guide.commercial_partner_id == f.partner_id.commercial_partner_id
                    )
                )
            )

    def _inverse_guide_ids(self):
        """The lines themselves are written with the person's own rights; here it is kept in
        which follow-up they were asked about."""
        for followup in self:
            # sudo: the engine's field, on guides of the follow-up's own customer
            followup.guide_ids.sudo().filtered(
                lambda guide, f=followup: (
                    guide.clear
                    and not guide.followup_id
                    and guide.company_id == f.company_id
                    and guide.commercial_partner_id == f.partner_id.commercial_partner_id
                )
            ).followup_id = followup

    def _compute_promise_name(self):
        self.promise_name = False
        self.promise_date = False

    def _inverse_promise_name(self):
        promises = [
            {
                **followup._care_about(),
                "name": followup.promise_name,
                "date_due": followup.promise_date or fields.Date.context_today(self),
            }
            for followup in self
            if followup.promise_name
        ]
        if promises:
            self.env["care.promise"].create(promises)
            self.invalidate_recordset(["promise_name", "promise_date"], flush=False)

    @api.model
    def _check_engine_fields(self, vals):
        return super()._check_engine_fields({k: vals[k] for k in vals if k not in CALL_FIELDS})
