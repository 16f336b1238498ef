from odoo import api, fields, models
from odoo.fields import Domain


class CareNamingMixin(models.AbstractModel):
    """Configuration that names people, and says when one of them has left.

    Nobody's work waits for that: whoever stands in for them is asked. See
    ``res.users._care_naming``.
    """

    _name = "care.naming.mixin"
    _description = "Names people"

    left_names = fields.Char(
        "Who Left",
        compute="_compute_left_names",
        search="_search_left_names",
        help="People named here whose user is archived. Others stand in for them until you "
        "choose somebody else.",
    )

    @api.depends(lambda self: self._depends_left_names())
    def _compute_left_names(self):
        naming = self.env["res.users"]._care_naming()[self._name]
        for record in self:
            # sudo: that a colleague is gone is no secret
            people = self.env["res.users"].sudo()
            for name, domain in naming.items():
                people |= record.sudo().filtered_domain(domain)[name]
            gone = people.filtered(lambda user: not user.active)
            record.left_names = ", ".join(gone.mapped("name"))

    def _depends_left_names(self):
        naming = self.env["res.users"]._care_naming().get(self._name, {})
        names = [f"{name}.active" for name in naming]
        return names + [condition[0] for domain in naming.values() for condition in domain]

    @api.model
    def _search_left_names(self, operator, value):
        if operator != "in" or set(value) != {False}:
            return NotImplemented
        naming = self.env["res.users"]._care_naming()[self._name]
        return ~Domain.OR(
            Domain(domain) & Domain(f"{name}.active", "=", False) for name, domain in naming.items()
        )
