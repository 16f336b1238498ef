"""Whose promise it is: of the case or of the journey, read by one name in lists and reports."""

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

#: Fields that a row takes from its record.
OF_RECORD = ("owner_id", "partner_id", "team_id")


class CareSlaRecordMixin(models.AbstractModel):
    _name = "care.sla.record.mixin"
    _description = "Whose case or journey it is"
    _inherit = ["care.linked.mixin"]

    owner_id = fields.Many2one(
        "res.users", "Owner", compute="_compute_of_record", search="_search_owner_id"
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", compute="_compute_of_record", search="_search_partner_id"
    )
    team_id = fields.Many2one(
        "care.team", "Team", compute="_compute_of_record", search="_search_team_id"
    )

    record_name = fields.Char("About", compute="_compute_record_name")

    @api.depends("case_id.display_name", "journey_id.display_name")
    def _compute_record_name(self):
        for row in self:
            # sudo: as in `_compute_of_record`
            row.record_name = row.sudo()._record().display_name

    @api.depends(*(f"{link}.{name}" for link in ("case_id", "journey_id") for name in OF_RECORD))
    def _compute_of_record(self):
        for row in self:
            # sudo: whoever sees the promise may know whose it is
            record = row.sudo()._record()
            for name in OF_RECORD:
                row[name] = record[name]

    @api.model
    def _search_owner_id(self, operator, value):
        return self._search_of_record("owner_id", operator, value)

    @api.model
    def _search_partner_id(self, operator, value):
        return self._search_of_record("partner_id", operator, value)

    @api.model
    def _search_team_id(self, operator, value):
        return self._search_of_record("team_id", operator, value)

    @api.model
    def _search_of_record(self, name, operator, value):
        """What either record says; without one only where neither has one."""
        if operator.startswith("not "):
            return NotImplemented
        case, journey = f"case_id.{name}", f"journey_id.{name}"
        if operator == "in" and False in value:
            none = Domain(case, "=", False) & Domain(journey, "=", False)
            some = [each for each in value if each]
            return none | self._search_of_record(name, "in", some) if some else none
        return Domain(case, operator, value) | Domain(journey, operator, value)

    def _field_to_sql(self, alias, field_expr, query=None):
        if field_expr not in OF_RECORD:
            return super()._field_to_sql(alias, field_expr, query)
        self._check_field_access(self._fields[field_expr], "read")
        # sudo: as in `_compute_of_record`
        values = []
        for link in ("case_id", "journey_id"):
            records, of_link = self._fields[link].join(self.sudo(), alias, query)
            values.append(records._field_to_sql(of_link, field_expr, query))
        return SQL("COALESCE(%s)", SQL(", ").join(values))
