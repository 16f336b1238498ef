"""Upgrading announces nothing of the past."""

import runpy
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged
from odoo.tools.misc import file_path

from .common import CareCase


@tagged("post_install", "-at_install")
class TestMigration(CareCase):
    def _sold(self, invoiced=False, posted=True, payment_state="not_paid"):
        """The journey of an order of before the upgrade: nothing is known of its invoices."""
        order = self._confirmed()
        if invoiced:
            invoice = order._create_invoices()
            if posted:
                invoice.action_post()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET payment_state = %s WHERE id = ANY(%s)",
            (payment_state, order.invoice_ids.ids),
        )
        self.env.cr.execute(
            "UPDATE care_journey SET invoiced_at = NULL, paid_at = NULL WHERE order_id = %s",
            (order.id,),
        )
        self.env.invalidate_all()
        return self._journey(order)

    def test_what_was_invoiced_and_paid_before_is_known_and_announced_to_nobody(self):
        company_env = self.env(
            context={**self.env.context, "allowed_company_ids": self.company.ids}
        )
        company_env["account.chart.template"].try_loading(
            "generic_coa", self.company, install_demo=False
        )
        self.product.with_company(self.company).invoice_policy = "order"
        journeys = waiting, draft, invoiced, paid = (
            self._sold(),
            self._sold(invoiced=True, posted=False),
            self._sold(invoiced=True),
            self._sold(invoiced=True, payment_state="paid"),
        )
        for event in ("order_invoiced", "order_paid"):
            self._policy(event=event)
        path = file_path("customer_care/migrations/19.0.1.1.0/pre-migrate.py")
        runpy.run_path(path)["migrate"](self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertEqual(
            [(bool(journey.invoiced_at), bool(journey.paid_at)) for journey in journeys],
            [(False, False), (False, False), (True, False), (True, True)],
        )
        all_of_them = waiting | draft | invoiced | paid
        all_of_them._bill(all_of_them.order_id)
        self.assertFalse(all_of_them.followup_ids)

    def test_who_had_what_before_the_upgrade_knows_which_stage_it_was(self):
        journey = self._journey(self._confirmed())
        tenures = [(journey.owner_id, 1)]
        first, second = self.journey_type.stage_ids.sorted("sequence")[:2]
        for hours, change, entry in (
            (1, lambda: journey._set_owner(self.agent), 1),
            (2, lambda: journey._enter_stage(second), 2),
            (3, lambda: journey._set_owner(self.agent2), 2),
            (4, lambda: journey._enter_stage(first), 3),
        ):
            with self._at(fields.Datetime.now() + timedelta(hours=hours)):
                change()
                self.env.flush_all()
            tenures.append((journey.owner_id, entry))
        case = self._case()
        self.env.flush_all()
        self.env.cr.execute("UPDATE care_tenure SET entry = NULL")
        path = file_path("customer_care/migrations/19.0.1.3.0/post-entries.py")
        runpy.run_path(path)["migrate"](self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        pieces = journey.tenure_ids.sorted("since")
        self.assertEqual([(piece.user_id, piece.entry) for piece in pieces], tenures)
        self.assertEqual(case.tenure_ids.mapped("entry"), [1])

    def test_rules_of_before_find_cases_by_indexes_and_what_was_added_to_them_stays(self):
        rule = self.env.ref("customer_care.care_case_rule_agent")
        written = rule.domain_force
        path = file_path("customer_care/migrations/19.0.1.3.0/post-migrate.py")
        migration = runpy.run_path(path)
        before = written
        for old, new in migration["REPLACED"].items():
            before = before.replace(new, old)
        self.assertNotEqual(before, written)
        rule.domain_force = f"['|', ('number', '=', 'X')] + {before}"
        migration["migrate"](self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertEqual(rule.domain_force, f"['|', ('number', '=', 'X')] + {written}")
