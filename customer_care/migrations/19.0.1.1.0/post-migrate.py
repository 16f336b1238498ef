from odoo import SUPERUSER_ID, api
from odoo.tools import split_every


def migrate(cr, version):
    """Who has what is noted from the upgrade on."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    for model in ("care.journey", "care.case"):
        for ids in split_every(1000, env[model].search([], order="id").ids):
            env["care.tenure"]._turn_over(env[model].browse(ids))
