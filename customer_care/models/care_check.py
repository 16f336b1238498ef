from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .care_due_mixin import insert_new


class CareCheck(models.Model):
    """A stage rule that was seen to, or waived, for one record's stay in a stage.

    What is still to be done has no row: see ``care.check.line``.
    """

    _name = "care.check"
    _description = "Check of a stage"
    _inherit = ["care.engine.mixin", "care.linked.mixin"]
    _order = "decided_at desc, id desc"

    # the unique indexes below find the rows of a record
    journey_id = fields.Many2one(index=False)
    case_id = fields.Many2one(index=False)
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    stage_id = fields.Many2one("care.stage", readonly=True, ondelete="set null", index=True)
    standard_id = fields.Many2one(
        "care.standard", required=True, readonly=True, ondelete="cascade", index=True
    )
    version_id = fields.Many2one(
        "care.standard.version", "Version", readonly=True, ondelete="cascade"
    )
    entry = fields.Integer(
        required=True, readonly=True, help="Which stage of its way the record was in."
    )
    state = fields.Selection([("done", "Done"), ("waived", "Waived")], required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", "By", required=True, readonly=True, ondelete="restrict", index=True
    )
    decided_at = fields.Datetime("On", required=True, readonly=True)
    reason = fields.Char(readonly=True, help="Why it was waived.")

    _reason_check = models.Constraint(
        "CHECK (state <> 'waived' OR reason IS NOT NULL)", "A check is waived for a reason."
    )
    _journey_uniq = models.UniqueIndex(
        "(journey_id, standard_id, entry) WHERE journey_id IS NOT NULL"
    )
    _case_uniq = models.UniqueIndex("(case_id, standard_id, entry) WHERE case_id IS NOT NULL")

    @api.depends("standard_id", "state")
    def _compute_display_name(self):
        states = dict(self._fields["state"]._description_selection(self.env))
        for check in self:
            check.display_name = f"{check.standard_id.display_name}: {states.get(check.state)}"

    # ------------------------------------------------------------
    # Doing, waiving and taking back
    # ------------------------------------------------------------

    @api.model
    def _line_of(self, record, standard):
        """The line of a record's present stage for ``standard``; the person may write it."""
        record.ensure_one()
        record.check_access("write")
        # sudo: whoever works the record may see what its stage asks for
        line = (
            self.env["care.check.line"]
            .sudo()
            ._rows([(record._care_link, "=", record.id), ("standard_id", "=", standard.id)])
        )
        if not line:
            raise UserError(
                self.env._(
                    "%s has left the stage of this check, or the check was withdrawn. Reload "
                    "the page.",
                    record.display_name,
                )
            )
        return line

    @api.model
    def _done(self, record, standard):
        """The person has seen to it. Pressing twice makes one."""
        self._insert(record, self._line_of(record, standard), {"state": "done"})

    @api.model
    def _waive(self, record, standard, reason):
        """A leader lets the record pass without it."""
        line = self._line_of(record, standard)
        if not self.env.user.has_group("customer_care.group_leader"):
            raise AccessError(
                self.env._("Only team leaders and managers may waive a check. Ask yours.")
            )
        if not (reason or "").strip():
            raise UserError(self.env._("Say why this check is not needed here."))
        self._insert(record, line, {"state": "waived", "reason": reason.strip()})

    @api.model
    def _insert(self, record, line, vals):
        # sudo: rows are written by these methods alone, which have checked the right
        rows = insert_new(
            self.sudo(),
            [
                {
                    record._care_link: record.id,
                    "company_id": line.company_id.id,
                    "stage_id": line.stage_id.id,
                    "standard_id": line.standard_id.id,
                    "version_id": line.version_id.id,
                    "entry": line.entry,
                    "user_id": self.env.uid,
                    "decided_at": self.env.cr.now(),
                    **vals,
                }
            ],
        )
        record.invalidate_recordset(["check_line_ids"])
        return rows

    @api.model
    def _take_back(self, record, standard):
        """Ticked by mistake: whoever did it, or a leader, takes it back."""
        check = self._line_of(record, standard).check_id
        if not check:
            return
        leads = self.env.user.has_group("customer_care.group_leader")
        if not leads and (check.user_id != self.env.user or check.state == "waived"):
            raise AccessError(
                self.env._("%s has done this. Ask them or a leader.", check.user_id.name)
            )
        # the line is the superuser's: the right to take it back is checked above
        check.unlink()
        record.invalidate_recordset(["check_line_ids"])
