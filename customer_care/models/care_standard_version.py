from odoo import api, fields, models


class CareStandardVersion(models.Model):
    """A standard as it was published: frozen, and written by the engine alone."""

    _name = "care.standard.version"
    _description = "Version of a standard"
    _inherit = ["care.engine.mixin"]
    _order = "standard_id, number desc"

    standard_id = fields.Many2one("care.standard", required=True, readonly=True, ondelete="cascade")
    number = fields.Integer("Version", required=True, readonly=True)
    name = fields.Char("Title", required=True, readonly=True)
    text = fields.Html("What Holds", readonly=True)
    dos = fields.Html("Do", readonly=True)
    donts = fields.Html("Don't", readonly=True)
    changes = fields.Char("What Changed", readonly=True)
    published_at = fields.Datetime(required=True, readonly=True)
    published_by_id = fields.Many2one(
        "res.users", "Published By", required=True, readonly=True, ondelete="restrict"
    )
    acknowledgement_count = fields.Integer(
        "Acknowledged By", compute="_compute_acknowledgement_count"
    )

    _number_uniq = models.UniqueIndex(
        "(standard_id, number)", "This version has been published already."
    )

    @api.depends("standard_id", "number")
    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._(
                "%(reference)s version %(number)s",
                reference=version.standard_id.reference or version.name,
                number=version.number,
            )

    def _compute_acknowledgement_count(self):
        counts = dict(
            self.env["care.acknowledgement"]._read_group(
                [("version_id", "in", self.ids)], ["version_id"], ["user_id:count_distinct"]
            )
        )
        for version in self:
            version.acknowledgement_count = counts.get(version, 0)
