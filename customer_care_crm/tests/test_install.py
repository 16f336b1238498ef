from odoo.tests import tagged

from odoo.addons.customer_care_crm.hooks import uninstall_hook

from .common import CrmCase


@tagged("post_install", "-at_install")
class TestInstall(CrmCase):
    def test_no_column_on_tables_of_others(self):
        self.env.cr.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_name LIKE 'crm%' AND column_name LIKE 'care%'"
        )
        self.assertFalse(self.env.cr.fetchall())

    def test_rules_are_never_updated(self):
        data = self.env["ir.model.data"].search(
            [("module", "=", "customer_care_crm"), ("model", "=", "ir.rule")]
        )
        self.assertEqual(len(data), 3)
        self.assertTrue(all(data.mapped("noupdate")))

    def test_uninstalling_takes_what_has_no_order_and_leaves_the_rest(self):
        lead, sold = self._lead(), self._lead()
        order = self._quotation(sold)
        order.action_confirm()
        journey = self._before(lead)
        uninstall_hook(self.env)
        self.assertFalse(journey.exists())
        self.assertTrue(self._journey(order))
        self.assertFalse(self.early.exists())
        self.assertTrue(lead.exists())
