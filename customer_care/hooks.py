from odoo.tools import SQL

#: Models of ours on which activities stand.
OUR_THREADS = (
    "care.journey",
    "care.case",
    "care.promise",
    "care.standard",
    "care.action",
    "care.remedy",
)


def post_init_hook(env):
    """Each company gets its sequence of case numbers; nothing old is touched."""
    env["care.case"]._create_sequences(env["res.company"].search([]))


def uninstall_hook(env):
    """Take away what stands in tables of others and has no XML id of its own."""
    env["ir.sequence"].search([("code", "=", "care.case")]).unlink()
    # the teams' addresses
    teams = env["care.team"].with_context(active_test=False).search([("alias_id", "!=", False)])
    aliases = teams.alias_id
    teams.write({"alias_id": False})
    aliases.unlink()
    # what keeps plans and activity types from being deleted
    env["care.policy"].with_context(active_test=False).search([]).unlink()
    env.flush_all()
    env.cr.execute("DELETE FROM care_followup")
    env.invalidate_all(flush=False)
    for model in ("mail.activity", "mail.activity.plan"):
        env[model].with_context(active_test=False).search(
            [("res_model", "in", OUR_THREADS)]
        ).unlink()
    release_inherited(env, "customer_care")


def drop_rules(env, event):
    """Delete the rules that answer to an event which nobody will tell of any more."""
    for name in env.registry.descendants(["care.rule.mixin"], "_inherit"):
        if not env[name]._abstract:
            env[name].with_context(active_test=False).search([("event", "=", event)]).unlink()


def release_inherited(env, module):
    """Forget XML ids under other addons' names that describe models of ``module``.

    Odoo files what a model inherits (an index, a selection value, the inheritance itself) under
    the addon it comes from. When the model goes with its own addon, such an XML id would stay
    and point nowhere. For uninstall hooks, also of the addons that build on this one.
    """
    rows = env.execute_query(
        SQL(
            """
            WITH gone AS (
                SELECT theirs.res_id AS model_id FROM ir_model_data theirs
                WHERE theirs.model = 'ir.model' AND theirs.module = %s AND NOT EXISTS (
                    SELECT 1 FROM ir_model_data others
                    JOIN ir_module_module stays
                        ON stays.name = others.module AND stays.state <> 'to remove'
                    WHERE others.model = 'ir.model' AND others.res_id = theirs.res_id
                    AND others.module <> %s)
            )
            SELECT d.id FROM ir_model_data d
            WHERE d.module <> %s AND (
                d.model = 'ir.model.constraint' AND d.res_id IN (
                    SELECT c.id FROM ir_model_constraint c JOIN gone ON gone.model_id = c.model)
                OR d.model = 'ir.model.inherit' AND d.res_id IN (
                    SELECT i.id FROM ir_model_inherit i JOIN gone USING (model_id))
                OR d.model = 'ir.model.fields.selection' AND d.res_id IN (
                    SELECT s.id FROM ir_model_fields_selection s
                    JOIN ir_model_fields f ON f.id = s.field_id JOIN gone USING (model_id)))
            """,
            module,
            module,
            module,
        )
    )
    env["ir.model.data"].browse(row_id for (row_id,) in rows).unlink()
