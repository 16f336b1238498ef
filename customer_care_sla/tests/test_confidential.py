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

    def test_who_is_told_of_one_case_is_not_told_of_a_confidential_one_beside_it(self):
        self.policy.level_ids.unlink()
        self.policy.level_ids = [
            Command.create({"timing": "at", "tell": "leader"}),
            Command.create({"timing": "at", "action": "reassign", "assign_to": "leader"}),
            Command.create(
                {
                    "timing": "at",
                    "action": "mail",
                    "tell": "leader",
                    "template_id": self.env.ref("customer_care_sla.mail_template_level_staff").id,
                }
            ),
        ]
        plain, sealed = self._case_at(MONDAY_9), self._case_at(MONDAY_9)
        sealed.action_seal()
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._alerts(plain).user_id, self.leader)
        self.assertEqual(self._alerts(sealed).user_id, self.keeper)
        self.assertEqual((plain.owner_id, sealed.owner_id), (self.leader, self.keeper))
        mails = self.env["mail.mail"].search(
            [("model", "=", "care.sla.alert"), ("res_id", "in", self._alerts(sealed).ids)]
        )
        self.assertEqual(mails.recipient_ids, self.keeper.partner_id)
