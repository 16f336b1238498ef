from odoo.tests import tagged

from .common import StockCase


@tagged("post_install", "-at_install")
class TestInstall(StockCase):
    def test_no_column_on_tables_of_others(self):
        self.env.cr.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_name LIKE 'stock%' AND column_name LIKE 'care%'"
        )
        self.assertFalse(self.env.cr.fetchall())

    def test_what_people_edit_is_never_updated(self):
        data = self.env["ir.model.data"].search(
            [
                ("module", "=", "customer_care_stock"),
                ("model", "in", ("care.policy", "mail.activity.plan.template")),
            ]
        )
        self.assertEqual(len(data), 2)
        self.assertTrue(all(data.mapped("noupdate")))
