from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError


class CareJobMixin(models.AbstractModel):
    """Work that a manager asks for and a cron does in the background, a chunk in each transaction:
    killed at any point it goes on behind the last chunk that was committed.
    """

    _name = "care.job.mixin"
    _description = "Work in the background of Customer Care"
    _inherit = ["care.due.mixin"]

    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
        index=True,
    )
    total = fields.Integer("Records", readonly=True)
    done_count = fields.Integer("Looked At", readonly=True)
    progress = fields.Float(compute="_compute_progress")
    last_id = fields.Integer(readonly=True)

    @api.depends("done_count", "total", "state")
    def _compute_progress(self):
        for row in self:
            row.progress = 100 * row.done_count / row.total if row.total else 0
            if row.state == "done":
                row.progress = 100

    def write(self, vals):
        # what the engine works through is what its rights were checked for
        if self._due_user_fields & vals.keys() and not self.env.su:
            if any(not row._may_be_changed() for row in self):
                raise UserError(
                    self.env._(
                        "It has been started: what it is about stays as it was. Stop it, or make "
                        "a new one."
                    )
                )
        result = super().write(vals)
        if "company_id" in vals:
            # the rules again: it may be nobody's any more who moves it
            self.check_access("write")
        return result

    def _may_be_changed(self):
        """Whether people may still say what it is about."""
        self.ensure_one()
        return self.state == "draft"

    def _stop_job(self):
        """Not any further; what has been done stays. Who may is checked by the caller."""
        # sudo: the engine's fields
        self.sudo().filtered(lambda row: row.state in ("planned", "failed"))._cancel_due()

    @api.model
    def _due_domain(self):
        # one chunk after the other: `_next_chunk` puts the next a moment ahead
        return [("next_at", "<=", self.env.cr.now() + timedelta(seconds=1))]

    def _next_chunk(self, vals):
        """A chunk is done.

        :param dict vals: how far it has come
        """
        self.ensure_one()
        soon = self.env.cr.now().replace(microsecond=0) + timedelta(seconds=1)
        self.write({**vals, "next_at": soon, "error": False, "attempts": 0})
        self._trigger_due()

    def _job_done(self):
        self.write({"state": "done", "next_at": False, "error": False, "attempts": 0})
