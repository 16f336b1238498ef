from odoo import fields, models


class ResUsers(models.Model):
    _inherit = "res.users"

    care_substitute_id = fields.Many2one(
        "res.users",
        "Substitute",
        domain=[("share", "=", False)],
        help="Takes over what would come to this user while they are out of office.",
    )

    @property
    def SELF_READABLE_FIELDS(self):
        return super().SELF_READABLE_FIELDS + ["care_substitute_id"]

    @property
    def SELF_WRITEABLE_FIELDS(self):
        return super().SELF_WRITEABLE_FIELDS + ["care_substitute_id"]
