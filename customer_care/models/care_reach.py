"""How record rules find the few records of a person among many.

A rule that leads through another table (``order_id.user_id``) is a join for every record that is
looked at. Here what it leads to is read first, so that PostgreSQL can go by the indexes of what
the person has, or by the order of the list, whichever is less.
"""

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL


class ResUsers(models.Model):
    _inherit = "res.users"  # pylint: disable=consider-merging-classes-inherited

    def write(self, vals):
        result = super().write(vals)
        if "care_team_ids" in vals:
            self.env.registry.clear_cache()
        return result

    def _care_ids_of(self, model, name):
        """Ids of the teams or stages whose field ``name`` names this user, for record rules.

        Rules are kept in Odoo's cache, which teams and stages clear: there are few of them, and
        they seldom change.
        """
        self.ensure_one()
        # sudo: which ones they are, whatever the user may read of them
        records = self.env[model].sudo().with_context(active_test=False)
        return records.search([(name, "in", self.ids)]).ids

    def _care_through(self, path, name, domain=()):
        """The same as ``[(path, "any", [(name, "=", user.id), *domain])]``, for record rules.

        :param str path: a many2one or one2many field of the rule's model
        :param str name: a field of the records it leads to
        """
        self.ensure_one()
        inner = Domain(name, "=", self.id) & Domain(list(domain))

        def to_sql(model, alias, query):
            field = model._fields[path]
            # sudo: what leads to a record is not read by whoever it leads
            others = model.env[field.comodel_name].sudo().with_context(active_test=False)
            if field.type == "many2one":
                mine = others._search(inner).subselect()
                return SQL("%s = ANY(ARRAY(%s))", model._field_to_sql(alias, path, query), mine)
            inverse = field.inverse_name
            mine = others._search(inner & Domain(inverse, "!=", False)).subselect(inverse)
            return SQL("%s = ANY(ARRAY(%s))", SQL.identifier(alias, "id"), mine)

        def predicate(record):
            return bool(record[path].filtered_domain(inner))

        return Domain.custom(to_sql=to_sql, predicate=predicate)


class CareTeam(models.Model):
    _inherit = "care.team"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self.env.registry.clear_cache()
        return records

    def write(self, vals):
        result = super().write(vals)
        if {"leader_id", "member_ids"} & set(vals):
            self.env.registry.clear_cache()
        return result


class CareStage(models.Model):
    _inherit = "care.stage"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self.env.registry.clear_cache()
        return records

    def write(self, vals):
        result = super().write(vals)
        if "curator_id" in vals:
            self.env.registry.clear_cache()
        return result
