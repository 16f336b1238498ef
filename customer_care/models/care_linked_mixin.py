from odoo import api, fields, models


class CareLinkedMixin(models.AbstractModel):
    """A row about exactly one journey or one case: real foreign keys, so that cascades, record
    rules and indexes work.
    """

    _name = "care.linked.mixin"
    _description = "About one journey or one case"

    journey_id = fields.Many2one(
        "care.journey", "Journey", readonly=True, ondelete="cascade", index="btree_not_null"
    )
    case_id = fields.Many2one(
        "care.case", "Case", readonly=True, ondelete="cascade", index="btree_not_null"
    )

    _one_record = models.Constraint(
        "CHECK (num_nonnulls(journey_id, case_id) = 1)",
        "Each row is about one journey or one case.",
    )

    def _record(self):
        """The journey or the case."""
        self.ensure_one()
        return self.journey_id or self.case_id

    @api.model
    def _record_in(self, vals):
        """The journey or the case that values name, as the person; empty if they name none."""
        return self.env["care.journey"].browse(vals.get("journey_id")) or self.env[
            "care.case"
        ].browse(vals.get("case_id"))
