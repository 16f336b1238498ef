from odoo.tests import tagged
from odoo.tools import file_open

from odoo.addons.customer_care.hooks import post_init_hook, uninstall_hook

from .common import CareCase


@tagged("post_install", "-at_install")
class TestInstall(CareCase):
    def _sequences(self):
        return self.env["ir.sequence"].search([("code", "=", "care.case")])

    def test_each_company_gets_one_sequence_however_often_it_is_installed(self):
        case = self._case()
        post_init_hook(self.env)
        post_init_hook(self.env)
        companies = self.env["res.company"].with_context(active_test=False).search([])
        found = self._sequences().mapped("company_id")
        self.assertEqual(len(self._sequences()), len(found))
        self.assertLessEqual(self.company, found)
        self.assertLessEqual(companies.filtered("active"), found)
        self.assertEqual(int(self._case().number[-4:]), int(case.number[-4:]) + 1)

    def test_a_new_company_registers_its_first_case(self):
        company = self.env["res.company"].create({"name": "New"})
        self.assertEqual(self._case(company_id=company.id, team_id=False).number[-4:], "0001")

    def test_what_people_edit_is_never_updated(self):
        """Rules, crons, mails, stages, policies: an upgrade leaves them as they are."""
        data = self.env["ir.model.data"].search(
            [
                ("module", "=", "customer_care"),
                "|",
                ("model", "=like", "care.%"),
                (
                    "model",
                    "in",
                    [
                        "ir.cron",
                        "ir.rule",
                        "mail.template",
                        "mail.activity.type",
                        "mail.activity.plan",
                        "mail.activity.plan.template",
                    ],
                ),
            ]
        )
        self.assertGreater(len(data), 40)
        self.assertEqual(data.filtered(lambda row: not row.noupdate).mapped("name"), [])

    def test_a_neutralized_copy_has_nothing_due(self):
        self._policy(((0, "care_owner"), (30, "care_owner")))
        self._confirmed()
        self._case()
        models = ("care.followup", "care.notice")
        planned = [("next_at", "!=", False)]
        for model in models:
            self.assertTrue(self.env[model].search_count(planned))
        self.env.flush_all()
        with file_open("customer_care/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        for model in models:
            self.assertFalse(self.env[model].search_count(planned))
            self.assertFalse(self.env[model].search_count([("state", "=", "planned")]))

    def test_uninstalling_takes_away_what_stands_in_tables_of_others(self):
        self._policy()
        journey = self._journey(self._confirmed())
        self._run("care.followup", days=7)
        self.assertTrue(journey.activity_ids)
        uninstall_hook(self.env)
        everything = {"active_test": False}
        ours = [("res_model", "in", ("care.journey", "care.case"))]
        self.assertFalse(self._sequences())
        for model in ("mail.activity", "mail.activity.plan"):
            self.assertFalse(self.env[model].with_context(**everything).search(ours))
        # what its types and plans are deleted with
        self.env.ref("customer_care.mail_activity_type_followup").unlink()

    def test_every_model_has_an_access_line_and_none_is_for_everybody(self):
        models = self.env["ir.model"].search([("model", "=like", "care.%")])
        for model in models.filtered(lambda row: not row.abstract):
            with self.subTest(model.model):
                self.assertTrue(model.access_ids)
                self.assertFalse(model.access_ids.filtered(lambda line: not line.group_id))
