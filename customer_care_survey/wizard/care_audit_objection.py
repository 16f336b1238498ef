from odoo import fields, models


class CareAuditObjection(models.TransientModel):
    """Asks for the words of an objection to a visit, or of the answer to it."""

    _name = "care.audit.objection"
    _description = "Objection to an audit"

    audit_id = fields.Many2one("care.audit", required=True, readonly=True)
    kind = fields.Selection(
        [("object", "Object"), ("accept", "Accept"), ("reject", "Do not accept")],
        required=True,
        readonly=True,
    )
    words = fields.Text("Why", required=True)
    line_ids = fields.Many2many(
        "care.audit.line",
        string="Answers Meant",
        domain="[('audit_id', '=', audit_id)]",
        help="Empty: the whole visit.",
    )

    def action_send(self):
        """Rights are checked where it is written: whoever may object, or may answer."""
        self.ensure_one()
        if self.kind == "object":
            self.audit_id._object(self.words, self.line_ids)
        else:
            self.audit_id._reply(self.words, self.kind == "accept")
        return {"type": "ir.actions.act_window_close"}
