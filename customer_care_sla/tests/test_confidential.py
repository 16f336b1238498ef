from odoo import Command
from odoo.tests import tagged

from .common import MONDAY_9, TUESDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestConfidential(SlaCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keeper = cls._user("care_keeper", "customer_care.group_confidential")
        cls.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(cls.env.ref("base.user_admin").id)
        ]

    def test_what_was_promised_for_a_confidential_case_is_for_its_group(self):
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        rows = (case.clock_ids, self._alerts(case))
        self.assertTrue(all(rows))
        for sealed in (False, True):
            if sealed:
                case.action_seal()
            for records in rows:
                for user, sees in ((self.manager, not sealed), (self.keeper, sealed)):
                    with self.subTest(records=records, user=user.login, sealed=sealed):
                        mine = records.with_user(user)
                        found = mine.search([("id", "in", records.ids)])
                        self.assertEqual(bool(found), sees)
                        self.assertEqual(mine.has_access("read"), sees)

    def test_who_is_told_of_its_late_promise_may_know_it(self):
        case = self._case_at(MONDAY_9)
        case.action_seal()
        self._cron_at(TUESDAY_10)
        alerts = self._alerts(case)
        self.assertTrue(alerts)
        self.assertEqual(alerts.user_id, self.keeper)
        self.assertEqual(alerts.activity_id.user_id, self.keeper)
