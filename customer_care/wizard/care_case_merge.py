from odoo import api, fields, models
from odoo.exceptions import UserError


class CareCaseMerge(models.TransientModel):
    """Asks which of several cases stays."""

    _name = "care.case.merge"
    _description = "Merge cases"

    case_ids = fields.Many2many("care.case", string="Cases", required=True)
    target_id = fields.Many2one(
        "care.case",
        "Goes On",
        required=True,
        domain="[('id', 'in', case_ids)]",
        help="The others are cancelled and lead to it. The oldest keeps what was promised first.",
    )

    @api.model
    def default_get(self, fields_list):
        vals = super().default_get(fields_list)
        active = self.env.context.get("active_ids")
        if "case_ids" in fields_list and not vals.get("case_ids") and active:
            if self.env.context.get("active_model") == "care.case":
                cases = self.env["care.case"].browse(active)
                cases.check_access("read")
                vals.update(case_ids=cases.ids, target_id=cases._oldest().id)
        return vals

    def action_merge(self):
        """Merge the others into the one that goes on."""
        self.ensure_one()
        self.check_access("write")
        cases = self.case_ids | self.target_id
        if len(cases) < 2:
            raise UserError(self.env._("Choose the case that is the same as this one."))
        # both sides, with the person's own rights
        cases.check_access("write")
        (cases - self.target_id)._merge_into(self.target_id)
        return self.target_id._led_back() or self.target_id._get_records_action()
