from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Roles get the limits of authority that a new database has."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    env["care.authority"]._create_defaults()
