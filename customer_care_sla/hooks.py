from odoo.addons.customer_care.hooks import release_inherited


def post_init_hook(env):
    """Open cases get their promises too, counted from now: see ``_start_live``."""
    env["care.sla.clock"]._start_live()


def uninstall_hook(env):
    """Take away the activities that this addon made, whose types go with it, and the clocks,
    which keep policies from being deleted.
    """
    types = env["mail.activity.type"].browse()
    for name in ("at_risk", "broken", "waited"):
        types |= (
            env.ref(f"customer_care_sla.mail_activity_type_{name}", raise_if_not_found=False)
            or types.browse()
        )
    env["mail.activity"].with_context(active_test=False).search(
        [("activity_type_id", "in", types.ids)]
    ).unlink()
    env.cr.execute("DELETE FROM care_sla_clock")
    env.invalidate_all(flush=False)
    release_inherited(env, "customer_care_sla")
