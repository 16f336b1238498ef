from odoo.tools import SQL
from odoo.tools.sql import create_column

from odoo.addons.customer_care.hooks import release_inherited

#: Columns of a case or a journey that say what is due next.
NEXT_COLUMNS = {
    "promise_due_at": "timestamp",
    "promise_risk_at": "timestamp",
    "promise_measure": "varchar",
    "promise_paused": "bool",
    "promise_broken": "bool",
    "promise_failed": "bool",
}


def pre_init_hook(env):
    """Make the columns of cases and journeys before Odoo does, which would compute them for each
    old one: nothing is promised for one yet.
    """
    for table in ("care_case", "care_journey"):
        have = env.execute_query(
            SQL("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)
        )
        for name in NEXT_COLUMNS.keys() - {name for (name,) in have}:
            create_column(env.cr, table, name, NEXT_COLUMNS[name])


def post_init_hook(env):
    """Nothing is promised for what is there already before somebody has seen how much that is."""
    env["care.sla.apply"]._offer_live()


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
