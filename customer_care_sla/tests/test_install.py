from odoo.tests import tagged
from odoo.tools import file_open

from odoo.addons.customer_care_sla.hooks import (
    NEXT_COLUMNS,
    post_init_hook,
    pre_init_hook,
    uninstall_hook,
)
from odoo.addons.customer_care_sla.models.care_sla_next import NEXT

from .common import MONDAY_9, MONDAY_10, TUESDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestInstall(SlaCase):
    def setUp(self):
        super().setUp()
        self.policy.target_ids = [
            (0, 0, {"measure": "acknowledgement", "kind": "minutes", "amount": 30})
        ]

    def _live(self, **vals):
        """A case as it was before the addon came."""
        case = self._case_at(MONDAY_9, **vals)
        case.clock_ids.unlink()
        return case

    def _install(self):
        with self._at(TUESDAY_10):
            post_init_hook(self.env)
        self.env.invalidate_all()
        return self.env["care.sla.apply"].search(
            [("company_id", "=", self.company.id), ("state", "=", "draft")]
        )

    def _promise(self, row):
        with self._at(TUESDAY_10):
            row.with_user(self.manager).action_start()
            self._run("care.sla.apply")
        self.env.invalidate_all()

    def test_open_cases_get_their_promises_once_somebody_has_seen_how_many_they_are(self):
        fresh, told, answered, over = (self._live() for _case in range(4))
        told_notice = self.env["care.notice"].search([("case_id", "=", told.id)])
        told_notice.write({"state": "done", "next_at": False})
        answered.with_user(self.agent).message_post(
            body="We are on it", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        self._resolve(over, MONDAY_10)
        over.clock_ids.unlink()
        row = self._install()
        self.assertFalse((fresh | told | answered).clock_ids, "asked first")
        self.assertGreaterEqual(row.with_user(self.manager).new_count, 3)
        self._promise(row)
        self.assertEqual(
            set(fresh.clock_ids.mapped("measure")),
            {"acknowledgement", "first_response", "resolution"},
        )
        self.assertEqual(set(told.clock_ids.mapped("measure")), {"first_response", "resolution"})
        self.assertEqual(answered.clock_ids.mapped("measure"), ["resolution"])
        self.assertFalse(over.clock_ids)
        clocks = (fresh | told | answered).clock_ids
        self.assertEqual(set(clocks.mapped("started_at")), {self._utc(TUESDAY_10)})
        self._cron_at(TUESDAY_10)
        self.assertFalse(any(clocks.mapped("is_late")))
        self.assertFalse(clocks.alert_ids, "nobody is told of the past")

    def test_the_columns_made_before_the_installation_are_those_of_the_fields(self):
        for model in ("care.case", "care.journey"):
            record = self.env[model]
            self.assertEqual(
                NEXT_COLUMNS, {name: record._fields[name].column_type[0] for name in NEXT}
            )
            self.env.cr.execute(f"ALTER TABLE {record._table} DROP COLUMN promise_paused")
            pre_init_hook(self.env)
            self.env.cr.execute(
                "SELECT data_type FROM information_schema.columns"
                " WHERE table_name = %s AND column_name = 'promise_paused'",
                [record._table],
            )
            self.assertEqual(self.env.cr.fetchall(), [("boolean",)])

    def test_installing_twice_makes_nothing_twice(self):
        case = self._live()
        for _time in range(2):
            self._promise(
                self._install()[:1]
                or self.env["care.sla.apply"].create(
                    {"company_id": self.company.id, "also_new": True}
                )
            )
        self.assertEqual(len(case.clock_ids), 3)

    def test_uninstalling_takes_the_activities_along(self):
        case = self._case_at(MONDAY_9)
        self._cron_at(TUESDAY_10)
        self.assertTrue(case.activity_ids)
        uninstall_hook(self.env)
        self.assertFalse(
            self.env["mail.activity"]
            .with_context(active_test=False)
            .search(
                [
                    (
                        "activity_type_id",
                        "=",
                        self.env.ref("customer_care_sla.mail_activity_type_broken").id,
                    )
                ]
            )
        )
        self.env.ref("customer_care_sla.mail_activity_type_broken").unlink()

    def test_a_neutralized_copy_has_nothing_due(self):
        case = self._case_at(MONDAY_9)
        self.env.flush_all()
        with file_open("customer_care_sla/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.assertFalse(any(case.clock_ids.mapped("next_at")))
        self._cron_at(TUESDAY_10)
        self.assertFalse(self._alerts(case))

    def test_the_policy_that_comes_along_promises_something(self):
        policy = self.env.ref("customer_care_sla.policy_standard")
        self.assertFalse(policy.company_id)
        self.assertEqual(
            {(t.measure, t.severity, t.kind, t.amount) for t in policy.target_ids},
            {
                ("first_response", "any", "hours", 4),
                ("first_response", "3", "hours", 1),
                ("resolution", "any", "days", 2),
                ("resolution", "3", "days", 1),
            },
        )
