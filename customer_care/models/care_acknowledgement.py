from odoo import api, fields, models

from .care_due_mixin import insert_new


class CareAcknowledgement(models.Model):
    """Somebody has read and understood a version of a standard; once more each time it is
    renewed. Written only when people say so themselves.
    """

    _name = "care.acknowledgement"
    _description = "Acknowledgement of a standard"
    _inherit = ["care.engine.mixin"]
    _order = "acknowledged_at desc, id desc"

    version_id = fields.Many2one(
        "care.standard.version", required=True, readonly=True, ondelete="cascade"
    )
    standard_id = fields.Many2one(
        "care.standard", required=True, readonly=True, ondelete="cascade", index=True
    )
    user_id = fields.Many2one(
        "res.users", "Who", required=True, readonly=True, ondelete="restrict", index=True
    )
    occurrence = fields.Integer(
        required=True, readonly=True, default=1, help="1, and one more for each renewal."
    )
    acknowledged_at = fields.Datetime(required=True, readonly=True)

    _once = models.UniqueIndex(
        "(version_id, user_id, occurrence)", "This has been acknowledged already."
    )

    @api.depends("version_id", "user_id")
    def _compute_display_name(self):
        for row in self:
            row.display_name = f"{row.user_id.name}: {row.version_id.display_name}"

    @api.model
    def _add(self, rows):
        """Keep that the present user has read what these reader rows ask for.

        Pressing twice, or in two windows at once, makes one.

        :param rows: own rows of ``care.standard.reader`` that are missing or to be renewed
        """
        # sudo: nobody may write acknowledgements but by this method, for themselves
        new = insert_new(
            self.sudo(),
            [
                {
                    "version_id": row.version_id.id,
                    "standard_id": row.standard_id.id,
                    "user_id": self.env.uid,
                    "occurrence": row.occurrence + 1,
                    "acknowledged_at": self.env.cr.now(),
                }
                for row in rows.sudo()
            ],
        )
        return new.sudo(False)
