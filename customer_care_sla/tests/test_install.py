import logging
import os
import resource
from datetime import date, timedelta
from random import Random
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged
from odoo.tools import SQL, file_open

from odoo.addons.customer_care_sla.hooks import (
    NEXT_COLUMNS,
    post_init_hook,
    pre_init_hook,
    uninstall_hook,
)
from odoo.addons.customer_care_sla.models.care_sla_next import NEXT

from . import oracle
from .common import MONDAY_9, MONDAY_10, TUESDAY_10, SlaCase

_logger = logging.getLogger(__name__)

#: ``CARE_LIVE_CASES`` says how many cases are there when the add-on comes: 250 by default.
LIVE_CASES = int(os.environ.get("CARE_LIVE_CASES") or 250)
APPLY = "odoo.addons.customer_care_sla.models.care_sla_apply"


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


@tagged("post_install", "-at_install")
class TestLiveCases(SlaCase):
    """A register that is in use when the add-on comes: what is open is promised in silence."""

    #: what a case of each kind is promised
    PROMISED = {
        "fresh": {"acknowledgement", "first_response", "update", "resolution", "stage"},
        "urgent": {"acknowledgement", "first_response", "update", "resolution", "stage"},
        "told": {"first_response", "update", "resolution", "stage"},
        "answered": {"update", "resolution", "stage"},
        "waiting": {"acknowledgement", "first_response", "update", "resolution"},
        "solved": set(),
    }
    #: what nobody may find more of afterwards
    SILENT = (
        *("mail_activity", "mail_mail", "mail_message", "mail_notification", "care_notice"),
        "care_sla_alert",
    )

    def setUp(self):
        super().setUp()
        self.policy.write(
            {
                "active": False,
                "target_ids": [
                    Command.create(dict(zip(("measure", "kind", "amount"), line, strict=True)))
                    for line in (("acknowledgement", "minutes", 30), ("update", "hours", 12))
                ]
                + [
                    Command.create(
                        {
                            "measure": "first_response",
                            "severity": "3",
                            "kind": "hours",
                            "amount": 1,
                        }
                    ),
                    Command.create(
                        {
                            "measure": "stage",
                            "stage_category": "open",
                            "kind": "hours",
                            "amount": 3,
                        }
                    ),
                ],
            }
        )
        # one kind is over already
        self.kinds = self._register(LIVE_CASES // (len(self.PROMISED) - 1))
        self.policy.active = True

    def _register(self, count):
        """So many cases of each kind: one through the door, the others copied in SQL.

        :return: dict kind -> cases
        """
        models = {kind: self._case_at(MONDAY_9) for kind in self.PROMISED}
        models["urgent"].severity = "3"
        self._stage(models["waiting"], "waiting_customer", MONDAY_10)
        self._resolve(models["solved"], MONDAY_10)
        notices = self.env["care.notice"].search([("case_id", "=", models["told"].id)])
        notices.write({"state": "done", "next_at": False})
        with self._at(MONDAY_10):
            message = (
                models["answered"]
                .with_user(self.agent)
                .message_post(
                    body="We are on it",
                    message_type="comment",
                    subtype_xmlid="mail.mt_comment",
                )
            )
        self.env.flush_all()
        kinds = {}
        for kind, case in models.items():
            series = SQL("generate_series(1, %s) AS n(id)", count - 1)
            number = SQL("number || '-' || n.id")
            copies = self._copies("care_case", case.id, series, number=number, access_token=None)
            over = SQL("unnest(%s) AS n(id)", copies)
            piece = case.tenure_ids.filtered(lambda piece: not piece.until)
            self._copies("care_tenure", piece.id, over, case_id=SQL("n.id"))
            if kind == "told":
                for notice in notices:
                    self._copies("care_notice", notice.id, over, case_id=SQL("n.id"))
            if kind == "answered":
                self._copies("mail_message", message.id, over, res_id=SQL("n.id"))
            kinds[kind] = case.browse([case.id, *copies])
        self.env.invalidate_all()
        return kinds

    def _copies(self, table, row_id, over, **values):
        """Copies of a row, one for each row of ``over``, with some values of their own."""
        rows = self.env.execute_query(
            SQL(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = current_schema AND table_name = %s",
                table,
            )
        )
        names = [name for (name,) in rows if name != "id"]
        taken = [
            SQL("%s", values[name]) if name in values else SQL("t.%s", SQL.identifier(name))
            for name in names
        ]
        copies = self.env.execute_query(
            SQL(
                "INSERT INTO %s (%s) SELECT %s FROM %s t, %s WHERE t.id = %s RETURNING id",
                SQL.identifier(table),
                SQL(", ").join(map(SQL.identifier, names)),
                SQL(", ").join(taken),
                SQL.identifier(table),
                over,
                row_id,
            )
        )
        return [copy_id for (copy_id,) in copies]

    def _count(self):
        self.env.flush_all()
        return {
            table: self.env.execute_query(SQL("SELECT count(*) FROM %s", SQL.identifier(table)))
            for table in self.SILENT
        }

    def _clocks(self):
        """All that is promised in the company, in plain values."""
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                "SELECT case_id, measure, cycle, state, started_at, due_at, held_due_at"
                "  FROM care_sla_clock WHERE company_id = %s ORDER BY 1, 2, 3",
                self.company.id,
            )
        )

    def _apply(self, row):
        with self._at(TUESDAY_10):
            self._run("care.sla.apply")
        self.env.invalidate_all()
        self.assertEqual(row.state, "done")

    def test_what_is_open_is_counted_first_and_promised_in_silence_and_once(self):
        open_cases = sum(len(cases) for kind, cases in self.kinds.items() if kind != "solved")
        self.assertFalse(self._clocks())
        before = self._count()
        # time itself stands still here
        since = os.times().elapsed
        with self._at(TUESDAY_10):
            post_init_hook(self.env)
        row = self.env["care.sla.apply"].search(
            [("company_id", "=", self.company.id), ("state", "=", "draft")]
        )
        self.env.invalidate_all()
        self.assertEqual(row.with_user(self.manager).new_count, open_cases)
        self.assertFalse(self._clocks(), "asked first")
        with self._at(TUESDAY_10):
            row.with_user(self.manager).action_start()
        self.assertEqual(row.total, open_cases)
        self._apply(row)
        _logger.info(
            "%s live cases: %.1f s, at most %d MB",
            open_cases,
            os.times().elapsed - since,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )
        self.assertEqual((row.done_count, row.started_count), (open_cases, len(self._clocks())))
        self.assertEqual(self._count(), before, "nobody is told anything")
        self._check_promised()
        self._check_due()
        found = self._clocks()
        again = self.env["care.sla.apply"].create({"company_id": self.company.id, "also_new": True})
        with self._at(TUESDAY_10):
            again.with_user(self.manager).action_start()
        self._apply(again)
        self.assertEqual(self._clocks(), found)
        # the next look of the engine finds nothing to tell
        self._cron_at(TUESDAY_10)
        self.assertEqual(self._count(), before)
        self.assertFalse(
            self.env["care.sla.clock"].search_count(
                [("company_id", "=", self.company.id), ("is_late", "=", True)]
            )
        )

    def test_killed_in_the_middle_it_comes_to_the_same(self):
        row = self.env["care.sla.apply"].create({"company_id": self.company.id, "also_new": True})
        chunk = max(50, LIVE_CASES // 5)
        with patch(f"{APPLY}.CHUNK", chunk):
            with self._at(TUESDAY_10):
                row.with_user(self.manager).action_start()
                row._run_due()
                first = self._clocks()
                # the second piece is begun, and the server dies
                with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
                    with patch.object(type(row), "_trigger_due", lambda rows: 1 / 0):
                        row._run_due()
            self.env.invalidate_all()
            self.assertEqual(row.done_count, chunk)
            self.assertEqual(self._clocks(), first)
            self._apply(row)
        self._check_promised()
        self._check_due()
        self.assertEqual(row.started_count, len(self._clocks()))

    def _check_promised(self):
        """Each case has what is still to be done, once, and nothing else."""
        entries = {case.id: case.entries for mine in self.kinds.values() for case in mine}
        measures = {}
        for case_id, measure, cycle, *_rest in self._clocks():
            self.assertEqual(cycle, entries[case_id] if measure == "stage" else 1)
            measures.setdefault(case_id, []).append(measure)
        for kind, cases in self.kinds.items():
            expected = sorted(self.PROMISED[kind])
            wrong = [case for case in cases.ids if sorted(measures.get(case, [])) != expected]
            self.assertFalse(wrong, kind)

    def _check_due(self):
        """Some of them by the slow oracle: due from now on, by what each case is."""
        draw = Random(8)
        now = self._utc(TUESDAY_10)
        week = tuple((day, 9, 17) for day in range(5))
        hours = oracle.opening_hours("Europe/Brussels", week, (), date(2026, 11, 1), 60)
        seconds = {"acknowledgement": 1800, "first_response": 14400, "update": 43200}
        due = {name: oracle.later(hours, now, amount) for name, amount in seconds.items()}
        due["stage"] = oracle.later(hours, now, 3 * 3600)
        due["resolution"] = oracle.days_later(hours, "Europe/Brussels", now, 2)
        for kind, cases in self.kinds.items():
            for case in cases.browse(draw.sample(cases.ids, min(20, len(cases)))):
                for clock in case.clock_ids:
                    expected = due[clock.measure]
                    if (kind, clock.measure) == ("urgent", "first_response"):
                        expected = now + timedelta(hours=1)
                    still = (kind, clock.measure) == ("waiting", "resolution")
                    self.assertEqual(clock.state, "paused" if still else "running")
                    self.assertEqual(clock.due_at or clock.held_due_at, expected, clock.measure)
                    self.assertEqual(clock.started_at, now)
                running = case.clock_ids.filtered("due_at")
                self.assertEqual(
                    case.promise_due_at, min(running.mapped("due_at")) if running else False
                )
