"""Odoo's command line, whose tests wait for no page's assets but the ones that a page asks for."""

from odoo.cli.command import main
from odoo.tests.suite import OdooSuite

# what it is asked for: shall all bundles be made before the first test
OdooSuite.has_http_case = lambda self: False
main()
