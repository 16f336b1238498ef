from odoo import api, models

#: What nobody filters or groups by in any model.
TECHNICAL = frozenset(
    {
        "access_token",
        "activity_exception_decoration",
        "activity_type_icon",
        "attempts",
        "called_by_ids",
        "color",
        "entries",
        "has_message",
        "message_has_error",
        "message_has_sms_error",
        "message_needaction",
        "next_at",
        "occurrence",
        "website_message_ids",
    }
)


class CareTechnicalMixin(models.AbstractModel):
    """A record with fields that only the engine has a use for.

    They can be read and searched like all others; Custom Filter and Custom Group do not
    offer them.
    """

    _name = "care.technical.mixin"
    _description = "Record with fields of the engine"

    #: Fields that nobody filters or groups by.
    _technical_fields = TECHNICAL

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        result = super().fields_get(allfields, attributes)
        for name in self._technical_fields & result.keys():
            for offered in ("searchable", "groupable"):
                if offered in result[name]:
                    result[name][offered] = False
        return result
