from odoo.addons.customer_care.hooks import release_inherited


def uninstall_hook(env):
    """Journeys that are still before their sale go, and what answers to their beginning:
    without opportunities nothing would ever come of them.
    """
    env["care.journey"].search([("order_id", "=", False)]).unlink()
    for name in env.registry.descendants(["care.rule.mixin"], "_inherit"):
        if not env[name]._abstract:
            rules = env[name].with_context(active_test=False)
            rules.search([("event", "=", "opportunity_created")]).unlink()
    release_inherited(env, "customer_care_crm")
