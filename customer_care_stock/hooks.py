from odoo.addons.customer_care.hooks import drop_rules, release_inherited


def uninstall_hook(env):
    """What answers to returned goods goes: without deliveries nobody would ever tell of them."""
    drop_rules(env, "order_returned")
    release_inherited(env, "customer_care_stock")
