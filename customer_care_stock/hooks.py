from odoo.addons.customer_care.hooks import release_inherited


def uninstall_hook(env):
    """The addon leaves nothing in tables of others: only what describes it is forgotten."""
    release_inherited(env, "customer_care_stock")
