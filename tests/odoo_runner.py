"""Odoo's command line, for tests: they wait for no page's assets but the ones that a page asks
for, keep what they have only read, and seldom search for garbage through all that Odoo is made of.
"""

import gc

from odoo_kept import keep_what_was_only_read

from odoo.cli.command import main
from odoo.tests.suite import OdooSuite

# what it is asked for: shall all bundles be made before the first test
OdooSuite.has_http_case = lambda self: False
gc.set_threshold(100_000, 50, 100)
keep_what_was_only_read()
main()
