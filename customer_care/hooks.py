def post_init_hook(env):
    """Each company gets its sequence of case numbers; nothing old is touched."""
    env["care.case"]._create_sequences(env["res.company"].search([]))


def uninstall_hook(env):
    """Take away what was made for companies and has no XML id of its own."""
    env["ir.sequence"].search([("code", "=", "care.case")]).unlink()
    env["mail.activity.plan"].with_context(active_test=False).search(
        [("res_model", "in", ("care.journey", "care.case"))]
    ).unlink()
