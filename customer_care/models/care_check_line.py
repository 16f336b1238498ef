from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: An id says which line it is: record, kind of record, standard. So a button finds its line
#: by the indexes of the record, and nothing has to be stored before something is done.
STANDARD_BITS = 20


class CareCheckLine(models.Model):
    """What the present stage of a journey or case asks for before it may be left, and what
    of it is done. Nothing is stored: a check that is published today holds at once.
    """

    _name = "care.check.line"
    _description = "Check before leaving a stage"
    _auto = False
    _order = "standard_sequence, standard_id"
    _depends = {
        "care.journey": ["stage_id", "entries", "company_id"],
        "care.case": ["stage_id", "entries", "company_id"],
        "care.standard": ["state", "is_check", "company_id", "version_id", "sequence"],
        "care.standard.version": ["name"],
    }

    journey_id = fields.Many2one("care.journey", readonly=True)
    case_id = fields.Many2one("care.case", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    stage_id = fields.Many2one("care.stage", readonly=True)
    standard_id = fields.Many2one("care.standard", readonly=True)
    standard_sequence = fields.Integer(readonly=True)
    version_id = fields.Many2one("care.standard.version", readonly=True)
    name = fields.Char("Check", readonly=True)
    entry = fields.Integer(readonly=True)
    check_id = fields.Many2one("care.check", "Decision", readonly=True)
    state = fields.Selection(
        [("open", "To do"), ("done", "Done"), ("waived", "Waived")], readonly=True
    )
    user_id = fields.Many2one("res.users", "By", readonly=True)
    decided_at = fields.Datetime("On", readonly=True)
    reason = fields.Char(readonly=True)

    @property
    def _table_query(self):
        return SQL(" UNION ALL ").join(
            SQL(
                """
                SELECT (((r.id::bigint << 1) | %(is_case)s) << %(bits)s) | s.id AS id,
                    %(journey)s AS journey_id, %(case)s AS case_id, r.company_id, r.stage_id,
                    s.id AS standard_id, s.sequence AS standard_sequence, s.version_id, v.name,
                    r.entries AS entry, c.id AS check_id, COALESCE(c.state, 'open') AS state,
                    c.user_id, c.decided_at, c.reason
                FROM %(table)s r
                JOIN care_standard_stage_rel rel ON rel.stage_id = r.stage_id
                JOIN care_standard s ON s.id = rel.standard_id AND s.is_check
                    AND s.state = 'published'
                    AND (s.company_id IS NULL OR s.company_id = r.company_id)
                JOIN care_standard_version v ON v.id = s.version_id
                LEFT JOIN care_check c ON c.%(link)s = r.id AND c.standard_id = s.id
                    AND c.entry = r.entries
                """,
                is_case=int(link == "case_id"),
                bits=STANDARD_BITS,
                journey=SQL("r.id") if link == "journey_id" else SQL("NULL::int"),
                case=SQL("r.id") if link == "case_id" else SQL("NULL::int"),
                table=SQL.identifier(self.env[model]._table),
                link=SQL.identifier(link),
            )
            for model, link in (("care.journey", "journey_id"), ("care.case", "case_id"))
        )

    def _rows(self, domain):
        """The lines of a domain as they are now: this table has no cache to be right."""
        self.invalidate_model(flush=False)
        return self.search(domain)

    def _target(self):
        """The record and the standard of this line, by its id alone: nothing is read."""
        self.ensure_one()
        standard = self.env["care.standard"].browse(self.id & ((1 << STANDARD_BITS) - 1))
        number = self.id >> STANDARD_BITS
        model = "care.case" if number & 1 else "care.journey"
        return self.env[model].browse(number >> 1), standard

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_done(self):
        for line in self:
            self.env["care.check"]._done(*line._target())

    def action_take_back(self):
        for line in self:
            self.env["care.check"]._take_back(*line._target())

    def action_waive(self):
        """Ask why it is not needed here."""
        record, standard = self._target()
        record.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Waive this check"),
            "res_model": "care.check.waiver",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                f"default_{record._care_link}": record.id,
                "default_standard_id": standard.id,
            },
        }

    def action_open_standard(self):
        """What exactly is asked, and why."""
        _record, standard = self._target()
        return {**standard.action_read(), "target": "new"}

    # ------------------------------------------------------------
    # Leaving a stage
    # ------------------------------------------------------------

    def _refuse_open(self, records):
        """Refuse that a person moves ``records`` while checks of their stages are open.

        One query, however many records there are.
        """
        # sudo: what a stage asks for is asked of everybody who moves its records
        lines = self.sudo()._rows([(records._care_link, "in", records.ids), ("state", "=", "open")])
        if not lines:
            return
        shown = []
        for record, theirs in lines.grouped(records._care_link).items():
            shown.append(
                self.env._(
                    "%(record)s, in “%(stage)s”:",
                    record=record.display_name,
                    stage=record.stage_id.name,
                )
            )
            shown += [f"  • {line.name}" for line in theirs]
            if len(shown) > 10:
                shown.append("…")
                break
        raise UserError(
            self.env._(
                "Before leaving this stage, tick what was done, on the record under “Before "
                "leaving this stage”. A team leader can waive a check with a reason.\n\n%s",
                "\n".join(shown),
            )
        )
