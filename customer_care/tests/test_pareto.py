"""Which few things make most of the complaints."""

from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestPareto(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_alarm_count": 0, "care_start_date": "2020-01-01"})
        cls.causes = cls.env["care.cause"].create(
            [
                {"name": name, "company_id": cls.company.id}
                for name in ("Transport", "Appointment", "Manual")
            ]
        )
        for cause, count, cost in zip(cls.causes, (6, 3, 1), (10, 100, 0), strict=True):
            for _n in range(count):
                case = cls._case(cause_id=cause.id, product_id=cls.product.id)
                case.cost = cost
        cls.env.flush_all()

    def _rows(self, user=None, order=None, **wanted):
        wanted = {"dimension": "cause", "period": "90", **wanted}
        self.env.invalidate_all()
        return (
            self.env["care.pareto"]
            .with_user(user or self.manager)
            .with_company(self.company)
            .search([(name, "=", value) for name, value in wanted.items()], order=order)
        )

    def test_by_number_with_cumulative_share(self):
        rows = self._rows()
        self.assertEqual(rows.mapped("subject"), ["Transport", "Appointment", "Manual"])
        self.assertEqual(rows.mapped("case_count"), [6, 3, 1])
        self.assertEqual([round(share, 2) for share in rows.mapped("case_share")], [0.6, 0.3, 0.1])
        self.assertEqual(
            [round(share, 2) for share in rows.mapped("case_cumulative")], [0.6, 0.9, 1.0]
        )
        self.assertEqual(rows.mapped("case_rank"), [1, 2, 3])

    def test_the_first_80_percent_reach_over_them(self):
        self.assertEqual(self._rows(is_vital=True).mapped("subject"), ["Transport", "Appointment"])
        for _n in range(40):
            self._case(cause_id=self.causes[0].id)
        self.assertEqual(self._rows(is_vital=True).mapped("subject"), ["Transport"])

    def test_a_phone_gets_cards_of_figures_instead_of_columns(self):
        for name, model in (
            ("care_pareto_action", "care.pareto"),
            ("care_pareto_action_cost", "care.pareto"),
            ("care_fact_summary_action", "care.fact.summary"),
        ):
            with self.subTest(name):
                action = self.env["ir.actions.act_window"]._for_xml_id(f"customer_care.{name}")
                view_id = dict((kind, view) for view, kind in action["views"])[
                    action["mobile_view_mode"]
                ]
                arch = self.env[model].with_user(self.manager).get_view(view_id, "kanban")["arch"]
                self.assertIn("share", arch)
                self.assertEqual("cost_rank" in arch, name.endswith("cost"))

    def test_by_cost_with_cumulative_share(self):
        rows = self._rows(order="cost_rank")
        self.assertEqual(rows.mapped("subject"), ["Appointment", "Transport", "Manual"])
        self.assertEqual(rows.mapped("cost"), [300, 60, 0])
        self.assertEqual(
            [round(share, 3) for share in rows.mapped("cost_cumulative")], [0.833, 1.0, 1.0]
        )
        self.assertEqual(rows.currency_id, self.company.currency_id)

    def test_without_cost_nothing_divides_by_zero(self):
        self.env["care.case"].search([]).write({"cost": 0})
        self.assertEqual(set(self._rows().mapped("cost_cumulative")), {0})

    def test_by_category_and_product_and_what_is_not_known(self):
        category = self.env["care.category"].create({"name": "Noise"})
        self._case(category_id=category.id)
        by_category = self._rows(dimension="category")
        self.assertEqual(
            [(row.subject, row.case_count) for row in by_category],
            [("Not known", 10), ("Noise", 1)],
        )
        by_product = self._rows(dimension="product")
        self.assertEqual(
            [(row.subject, row.case_count) for row in by_product], [("Oven", 10), ("Not known", 1)]
        )
        self.assertEqual(by_product[0].product_tmpl_id, self.product.product_tmpl_id)

    def test_periods_kinds_and_what_was_cancelled(self):
        self._case(
            cause_id=self.causes[2].id,
            received_at=fields.Datetime.subtract(fields.Datetime.now(), days=200),
        )
        self._case(cause_id=self.causes[2].id, kind="suggestion")
        self._case(cause_id=self.causes[2].id, cancel_reason="x")._enter_category("cancelled")
        counts = {
            period: self._rows(period=period, cause_id=self.causes[2].id).case_count
            for period in ("30", "90", "365", "all")
        }
        self.assertEqual(counts, {"30": 1, "90": 1, "365": 2, "all": 2})

    def test_grouped_as_graph_and_pivot_do(self):
        groups = (
            self.env["care.pareto"]
            .with_user(self.manager)
            .formatted_read_group(
                [("dimension", "=", "cause"), ("period", "=", "90")],
                ["subject"],
                ["case_count:sum", "case_cumulative:max", "cost:sum"],
            )
        )
        self.assertEqual(
            {group["subject"]: group["case_count:sum"] for group in groups},
            {"Transport": 6, "Appointment": 3, "Manual": 1},
        )

    def test_it_counts_the_cases_that_the_reader_may_read(self):
        other = self._user("care_leader2", "customer_care.group_leader")
        team = self.env["care.team"].create(
            {"name": "Second", "company_id": self.company.id, "leader_id": other.id}
        )
        case = self._case(cause_id=self.causes[2].id, team_id=team.id)
        self.assertEqual(sum(self._rows(self.manager).mapped("case_count")), 11)
        self.assertEqual(sum(self._rows(self.leader).mapped("case_count")), 10)
        mine = self._rows(other)
        self.assertEqual((mine.subject, mine.case_count, mine.case_share), ("Manual", 1, 1.0))
        for user in (self.agent, self.rep):
            with self.assertRaises(AccessError):
                self._rows(user)
        action = mine.action_open_cases()
        self.assertEqual(self.env["care.case"].with_user(other).search(action["domain"]), case)

    def test_opening_a_rows_cases_counts_nothing_anew_and_finds_what_it_counted(self):
        self._case(cause_id=False, product_id=self.product.id)
        rows = self.env["care.pareto"].with_user(self.manager).search([])
        self.assertEqual(len({(row.dimension, row.period) for row in rows}), 12)
        counted = [(row, row.case_count) for row in rows]
        self.env.flush_all()
        self.env.invalidate_all()
        statements = []
        execute = type(self.env.cr).execute

        def noted(cursor, query, *args, **kwargs):
            statements.append(str(query))
            return execute(cursor, query, *args, **kwargs)

        with patch.object(type(self.env.cr), "execute", noted):
            actions = [row.action_open_cases() for row, _count in counted]
        self.assertFalse([query for query in statements if "case_rank" in query])
        cases = self.env["care.case"].with_user(self.manager)
        for (row, count), action in zip(counted, actions, strict=True):
            self.assertEqual(
                cases.search_count(action["domain"]), count, (row.dimension, row.period)
            )

    def test_each_company_by_itself(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self._case(company_id=other.id, team_id=False)
        self.assertNotIn(other, self._rows().company_id)
        both = self._user("care_both", "customer_care.group_manager")
        both.company_ids = [Command.link(other.id)]
        rows = (
            self.env["care.pareto"]
            .with_user(both)
            .with_context(allowed_company_ids=[self.company.id, other.id])
            .search([("dimension", "=", "cause"), ("period", "=", "90")])
        )
        self.assertEqual(
            rows.filtered(lambda row: row.company_id == other).mapped("case_count"), [1]
        )
        self.assertEqual(set(rows.mapped("case_rank")), {1, 2, 3}, "ranked in each company anew")
        self.assertTrue(foreign)

    def test_another_companys_row_is_not_there_however_it_is_asked_for(self):
        row = self._rows()[0].sudo(False)
        other = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self._user("care_b_manager", "customer_care.group_manager", other)
        self.env.invalidate_all()
        theirs = row.with_user(foreign).with_context(allowed_company_ids=other.ids)
        self.assertFalse(theirs.read(["subject", "case_count"]))
        with self.assertRaises(UserError):
            theirs.action_open_cases()
        for vals in ({"case_count": 1}, {"subject": "x"}):
            with self.assertRaises(AccessError):
                row.with_user(self.manager).write(vals)

    def test_the_name_is_in_the_readers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.causes[0].with_context(lang="fr_FR").name = "Le transport"
        rows = self._rows()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(rows[0].with_context(lang="fr_FR").subject, "Le transport")

    def test_one_query_whatever_the_number_of_rows(self):
        domain = [("dimension", "=", "cause"), ("period", "=", "90")]
        report = self.env["care.pareto"].with_user(self.manager)
        report.search_fetch(domain, ["subject", "case_count"])
        self.env.invalidate_all()
        report.env["res.users"].browse(report.env.uid).has_group("base.group_user")
        before = self.env.cr.sql_log_count
        report.search_fetch(domain, ["subject", "case_count"])
        self.assertLessEqual(self.env.cr.sql_log_count - before, 12)
