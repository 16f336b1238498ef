from odoo.addons.customer_care.hooks import drop_rules, release_inherited


def uninstall_hook(env):
    """Journeys that are still before their sale go, and what answers to their beginning:
    without opportunities nothing would ever come of them.
    """
    env["care.journey"].search([("order_id", "=", False)]).unlink()
    drop_rules(env, "opportunity_created")
    release_inherited(env, "customer_care_crm")
