"""What a person gives for a record that the engine then creates as superuser.

As superuser neither the rights to a field nor those to the records pointed at are asked for,
commands would reach whatever record they name, and a default in the context would pass for a
value of the engine.
"""

from collections import defaultdict

from odoo import api, models
from odoo.exceptions import AccessError, ValidationError


class CareEngineMixin(models.AbstractModel):
    """Rows that the engine writes: nothing of them can be forged, however somebody tries."""

    _name = "care.engine.mixin"
    _description = "Written by Customer Care itself"

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_engine_fields(vals)
        return super().create(vals_list)

    def write(self, vals):
        self._check_engine_fields(vals)
        return super().write(vals)

    @api.model
    def _check_engine_fields(self, vals):
        """Refuse what people may not write; by default all."""
        refuse_forged(self, set(vals))


def refuse_forged(model, names):
    """Refuse values for fields that only the engine fills.

    The engine works as superuser, which no remote call can claim.

    :param names: fields of the engine for which a person gave a value
    :raise AccessError: if there are any
    """
    if names and not model.env.su:
        raise AccessError(
            model.env._(
                "%(fields)s of “%(model)s” are kept by Customer Care itself and "
                "cannot be changed by hand.",
                fields=", ".join(sorted(names)),
                model=model._description,
            )
        )


def check_targets(model, vals_list):
    """Refuse values that point to a record which the person may not read.

    Its name would come along, and with related fields its mail and phone.
    """
    targets = defaultdict(set)
    for vals in vals_list:
        for name, value in vals.items():
            field = model._fields.get(name)
            if field is not None and field.type == "many2one" and value:
                targets[field.comodel_name].add(value)
    for comodel, ids in targets.items():
        model.env[comodel].browse(ids).check_access("read")


def check_same_customer(records, names):
    """Refuse what hangs on a journey, case, follow-up or order of another customer.

    :param names: many2one fields of these records that lead there
    :raise ValidationError: it would be shown in the other customer's story
    """
    for record in records.sudo():  # sudo: whose they are, whoever writes it down
        for name in names:
            other = record[name]
            partners = other.partner_id
            if other._name == "sale.order":
                partners |= other.partner_shipping_id | other.partner_invoice_id
            mine = record.partner_id.commercial_partner_id
            if partners and mine not in partners.commercial_partner_id:
                raise ValidationError(
                    records.env._(
                        "%(what)s is not of %(customer)s. Choose one of theirs, or none.",
                        what=other.display_name,
                        customer=record.partner_id.display_name,
                    )
                )


def take_from_person(model, vals_list, engine_fields):
    """Separate what a person gives into what the engine may take over and the rest.

    :param engine_fields: names of fields that only the engine fills
    :return: the model without defaults in its context; the values to create with; for each
        record the commands on other records, for a write with the person's own rights
    """
    defaults, context = {}, {}
    for key, value in model.env.context.items():
        name = key.removeprefix("default_")
        if name == key:
            context[key] = value
        elif name in model._fields and name not in engine_fields:
            defaults[name] = value
    taken, commands = [], []
    for vals in vals_list:
        vals = {**defaults, **vals}
        rest = {}
        for name in list(vals):
            field = model._fields.get(name)
            if field is None:
                continue
            model._check_field_access(field, "write")
            if field.type in ("one2many", "many2many"):
                rest[name] = vals.pop(name)
        taken.append(vals)
        commands.append(rest)
    check_targets(model, taken)
    # the whole context anew: the defaults have to go
    return model.with_context(context), taken, commands  # pylint: disable=context-overridden
