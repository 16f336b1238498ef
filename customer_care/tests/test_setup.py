from lxml import etree
from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from .common import CareCase


@tagged("post_install", "-at_install")
class TestSetup(CareCase):
    """What somebody who sets it up may get wrong, and what they are told."""

    # ------------------------------------------------------------
    # Numbers
    # ------------------------------------------------------------

    def test_negative_settings_are_refused_by_name(self):
        for name in self.company._care_numbers():
            with self.subTest(name), self.assertRaisesRegex(ValidationError, "0 or more"):
                self.company[name] = -1

    def test_settings_say_where_the_form_is_and_what_mail_lacks(self):
        settings = self.env["res.config.settings"].with_company(self.company).create({})
        self.assertTrue(settings.care_form_url.endswith(f"/care/contact/{self.company.id}"))
        self.company.alias_domain_id = False
        self.team.alias_domain_id = False
        self.env.invalidate_all()
        self.assertFalse(settings.care_has_mail_domain)
        self.assertFalse(self.team.has_mail_domain)
        self.company.alias_domain_id = self.env["mail.alias.domain"].create(
            {"name": "hearth.example.com"}
        )
        self.env.invalidate_all()
        self.assertTrue(settings.care_has_mail_domain)
        self.assertTrue(self.team.has_mail_domain)

    def test_zero_is_a_setting(self):
        self.company.care_weekly_limit = 0
        self.assertEqual(self.company.care_weekly_limit, 0)

    def test_negative_caps_and_limits_are_refused(self):
        with self.assertRaisesRegex(ValidationError, "0 or more"):
            self.rep.care_daily_cap = -1
        with mute_logger("odoo.sql_db"):
            for record, name in ((self.team, "daily_cap"), (self.stages[0], "days_limit")):
                with (
                    self.subTest(name),
                    self.assertRaises(IntegrityError),
                    self.env.cr.savepoint(),
                ):
                    record[name] = -1
                    record.flush_recordset()

    # ------------------------------------------------------------
    # Teams
    # ------------------------------------------------------------

    def test_an_agent_who_is_no_leader_cannot_lead_a_team(self):
        with self.assertRaisesRegex(ValidationError, "make them a team leader"):
            self.team.leader_id = self.agent
        self.agent.group_ids = [Command.link(self.env.ref("customer_care.group_leader").id)]
        self.team.leader_id = self.agent
        self.assertEqual(self.team.leader_id, self.agent)

    def test_only_leaders_are_offered_for_a_team(self):
        field = self.env["care.team"].with_user(self.manager).fields_get(["leader_id"])
        domain = field["leader_id"]["domain"].replace("company_id)", f"{self.company.id})")
        offered = self.env["res.users"].with_user(self.manager).search(safe_eval(domain))
        self.assertIn(self.leader, offered)
        self.assertNotIn(self.agent, offered)

    # ------------------------------------------------------------
    # Journey types
    # ------------------------------------------------------------

    def test_a_new_type_with_a_condition_gets_its_orders(self):
        kitchens = self.env["care.journey.type"].create(
            {"name": "Kitchens", "filter_domain": "[('client_order_ref', '=', 'kitchen')]"}
        )
        self.assertFalse(kitchens.warning)
        journey = self._journey(self._confirmed(client_order_ref="kitchen"))
        self.assertEqual(journey.type_id, kitchens)
        self.assertEqual(self._journey(self._confirmed()).type_id, self.journey_type)

    def test_a_new_type_without_a_condition_takes_no_orders_from_others_and_says_so(self):
        everything = self.env["care.journey.type"].create({"name": "Everything"})
        self.assertEqual(self._journey(self._confirmed()).type_id, self.journey_type)
        self.assertIn("No order comes here", everything.warning)
        self.assertIn(self.journey_type.name, everything.warning)

    def test_a_type_that_takes_what_others_wait_for_says_so(self):
        behind = self.env["care.journey.type"].create(
            {"name": "Behind", "filter_domain": "[('client_order_ref', '=', 'x')]"}
        )
        behind.sequence = self.journey_type.sequence + 1
        self.assertIn("Behind", self.journey_type.warning)
        self.assertIn("No order comes here", behind.warning)

    def test_types_of_another_company_hide_nothing(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        self.journey_type.company_id = elsewhere
        ours = self.env["care.journey.type"].create({"name": "Ours", "company_id": self.company.id})
        self.assertFalse(ours.warning)
        self.assertFalse(self.journey_type.warning)

    def test_columns_of_the_same_name_say_which_journey_they_are_of(self):
        kitchens = self.env["care.journey.type"].create(
            {"name": "Kitchens", "filter_domain": "[('client_order_ref', '=', 'kitchen')]"}
        )
        self._confirmed(client_order_ref="kitchen")
        self._confirmed()
        groups = (
            self.env["care.journey"]
            .with_context(read_group_expand=True)
            .web_read_group([("company_id", "=", self.company.id)], ["stage_id"])["groups"]
        )
        titles = [group["stage_id"][1] for group in groups if group["stage_id"]]
        self.assertIn(f"Ordered · {kitchens.name}", titles)
        self.assertEqual(len(titles), len(set(titles)), titles)
        # the way of most orders stands first
        own = [s.id for s in self.journey_type.stage_ids.sorted("sequence")]
        self.assertEqual([group["stage_id"][0] for group in groups][: len(own)], own)
        self.assertEqual(kitchens.stage_ids[0].display_name, "Ordered")

    # ------------------------------------------------------------
    # Cases
    # ------------------------------------------------------------

    def test_a_case_that_is_opened_again_is_not_new(self):
        case = self._case(resolution="A new element.")
        progress = self.env.ref("customer_care.stage_case_progress")
        owner = case.owner_id
        case.action_resolve()
        case._customer_answers("no")
        self.assertEqual(case.stage_id, progress)
        self.assertEqual(case.owner_id, owner)
        case.cancel_reason = "Registered twice"
        case.action_cancel()
        case.action_reopen()
        self.assertEqual(case.stage_id, progress)

    def test_with_one_open_stage_a_case_is_opened_again_there(self):
        self.env.ref("customer_care.stage_case_progress").active = False
        case = self._case(resolution="A new element.")
        case.action_resolve()
        case.action_reopen()
        self.assertEqual(case.stage_id, self.env.ref("customer_care.stage_case_new"))

    def test_cancelling_asks_why(self):
        case = self._case(owner_id=self.agent.id).with_user(self.agent)
        action = case.action_cancel()
        self.assertEqual((action["res_id"], action["target"]), (case.id, "new"))
        view = case.get_view(action["views"][0][0], "form")["arch"]
        field = etree.fromstring(view).find(".//field[@name='cancel_reason']")
        self.assertEqual(field.get("required"), "1")
        self.assertEqual(case.stage_category, "open")

    # ------------------------------------------------------------
    # Lists
    # ------------------------------------------------------------

    def test_what_is_archived_can_be_found_in_every_configuration_list(self):
        missing = [
            model
            for model in self.env.registry
            if model.startswith("care.")
            and "active" in self.env[model]._fields
            and not self.env[model]._abstract
            and self.env["ir.actions.act_window"].search_count([("res_model", "=", model)])
            and "('active', '=', False)" not in self.env[model].get_view(view_type="search")["arch"]
        ]
        self.assertFalse(missing)

    def test_fields_of_the_engine_are_not_offered_to_filter_and_group_by(self):
        for model in ("care.followup", "care.case", "care.journey"):
            for name, field in self.env[model].fields_get().items():
                if name in self.env[model]._technical_fields:
                    self.assertFalse(field["searchable"] or field["groupable"], (model, name))
        fields = self.env["care.followup"].fields_get(["next_at", "date_due"])
        self.assertFalse(fields["next_at"]["searchable"])
        self.assertTrue(fields["date_due"]["searchable"] and fields["date_due"]["groupable"])

    def test_the_list_of_follow_ups_says_what_is_good_to_know(self):
        self._policy()
        followup = self._journey(self._confirmed()).followup_ids
        self.assertFalse(followup.remark)
        self.customer.with_company(self.company).care_note = "Works nights"
        followup.invalidate_recordset()
        self.assertEqual(followup.remark, "Works nights")
        followup.hold_reason = "open_complaint"
        self.assertEqual(followup.remark, "Open complaint")

    def test_the_order_says_what_is_good_to_know(self):
        order = self._order()
        self.customer.with_company(self.company).care_note = "Works nights"
        order.invalidate_recordset()
        self.assertEqual(order.with_user(self.rep).care_customer_note, "Works nights")


@tagged("post_install", "-at_install")
class TestWhatTestsLeave(CareCase):
    """Each of the two fails if the other one leaves what it has changed in Odoo's caches."""

    def _change_what_is_cached(self):
        parameters = self.env["ir.config_parameter"]
        self.assertFalse(parameters.get_param("customer_care.left"))
        self.assertFalse(self.agent.has_group("base.group_system"))
        self.assertFalse(self.env.ref("customer_care.left", raise_if_not_found=False))
        parameters.set_param("customer_care.left", "something")
        self.agent.group_ids += self.env.ref("base.group_system")
        self.env["ir.model.data"].create(
            {
                "module": "customer_care",
                "name": "left",
                "model": "res.users",
                "res_id": self.agent.id,
            }
        )
        self.assertEqual(parameters.get_param("customer_care.left"), "something")
        self.assertTrue(self.agent.has_group("base.group_system"))
        self.assertEqual(self.env.ref("customer_care.left"), self.agent)

    def test_what_the_one_changes_is_not_there_for_the_other(self):
        self._change_what_is_cached()

    def test_what_the_other_changes_is_not_there_for_the_one(self):
        self._change_what_is_cached()
