"""Confidential cases are for their group and their owner alone, whatever way one looks."""

from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import CareCase

SECRET = "A fitter has shouted at me"


@tagged("post_install", "-at_install")
class TestConfidential(CareCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"
        cls.keeper = cls._user("care_keeper", "customer_care.group_confidential")
        cls.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(cls.env.ref("base.user_admin").id)
        ]
        cls.case = cls._case(name=SECRET, description=SECRET, owner_id=cls.agent.id)
        cls.note = cls.case.with_user(cls.agent).message_post(
            body=SECRET, partner_ids=cls.agent2.partner_id.ids, message_type="comment"
        )
        cls.file = cls.env["ir.attachment"].create(
            {
                "name": f"{SECRET}.txt",
                "raw": b"x",
                "res_model": "care.case",
                "res_id": cls.case.id,
            }
        )
        # with the right to export, so that it is not that which stops them
        cls.env.ref("base.group_allow_export").user_ids = [
            Command.link(user.id)
            for user in (cls.agent, cls.agent2, cls.leader, cls.manager, cls.rep)
        ]
        cls.outsiders = cls.agent | cls.agent2 | cls.leader | cls.manager | cls.rep

    def _seal(self, user=None):
        case = self.case.with_user(user) if user else self.case
        result = case.action_seal()
        self.env.flush_all()
        return result

    # ------------------------------------------------------------
    # Sealing
    # ------------------------------------------------------------

    def test_the_owner_may_seal_it_and_it_goes_to_somebody_who_may_see_it(self):
        self._seal(self.agent)
        self.assertTrue(self.case.confidential)
        self.assertEqual(self.case.owner_id, self.keeper)
        self.assertFalse(self.case.with_user(self.agent).has_access("read"))

    def test_who_does_not_see_it_any_more_is_led_back_and_gets_no_error(self):
        action = self._seal(self.agent)
        self.assertEqual(action["tag"], "display_notification")
        self.assertEqual(action["params"]["next"]["res_model"], "care.case")
        self.assertNotIn(SECRET, str(action))

    def test_a_group_of_nobody_is_said_before_anything_is_sealed(self):
        self.keeper.active = False
        with self.assertRaisesRegex(UserError, "add somebody"):
            self.case.with_user(self.agent).action_seal()

    def test_only_the_group_unseals(self):
        self._seal()
        self.case._set_owner(self.agent, chosen=True)
        with self.assertRaises(AccessError):
            self.case.with_user(self.agent).action_unseal()
        with self.assertRaises(AccessError):
            self.case.with_user(self.agent).write({"confidential": False})
        self.case.with_user(self.keeper).action_unseal()
        self.assertFalse(self.case.confidential)
        self.assertTrue(self.case.with_user(self.leader).has_access("read"))

    def test_it_is_registered_first_and_sealed_then(self):
        vals = {"name": "x", "partner_id": self.customer.id, "confidential": True}
        with self.assertRaises(UserError):
            self.env["care.case"].with_user(self.agent).create(vals)
        case = self.env["care.case"].with_user(self.keeper).create(vals)
        self.assertEqual(case.owner_id, self.keeper)

    def test_followers_notifications_and_work_of_others_end(self):
        case = self.case
        case.message_subscribe(partner_ids=self.leader.partner_id.ids)
        activity = case.activity_schedule(
            "mail.mail_activity_data_todo", user_id=self.agent2.id, summary="Ask the fitter"
        )
        followup = (
            self.env["care.followup"]
            .with_user(self.agent)
            .create({"name": "Call", "case_id": case.id, "user_id": self.agent2.id})
        )
        handoff = self.env["care.handoff"].create(
            {"case_id": case.id, "to_user_id": self.agent2.id}
        )
        promise = self.env["care.promise"].create(
            {
                "name": "Call back",
                "partner_id": self.customer.id,
                "case_id": case.id,
                "user_id": self.agent.id,
                "company_id": self.company.id,
                "date_due": fields.Date.add(fields.Date.today(), days=3),
            }
        )
        self.assertTrue(self.note.notification_ids)
        self._seal()
        self.assertEqual(case.message_partner_ids, self.customer | self.keeper.partner_id)
        self.assertFalse(self.note.notification_ids)
        self.assertFalse(self.note.partner_ids)
        self.assertEqual(activity.user_id, self.keeper)
        self.assertEqual(followup.user_id, self.keeper)
        self.assertEqual(promise.user_id, self.keeper)
        self.assertEqual(handoff.state, "cancelled")

    def test_nobody_from_outside_is_given_it(self):
        self._seal()
        case = self.case.with_user(self.keeper)
        with self.assertRaisesRegex(UserError, "may not see confidential"):
            self.case.owner_id = self.agent
        with self.assertRaisesRegex(UserError, "may not see confidential"):
            self.env["care.handoff"].with_user(self.keeper).create(
                {"case_id": case.id, "to_user_id": self.agent.id}
            )
        with self.assertRaisesRegex(UserError, "may not see confidential"):
            self.env["care.followup"].with_user(self.keeper).create(
                {"name": "Call", "case_id": case.id, "user_id": self.agent.id}
            )
        with self.assertRaisesRegex(UserError, "may not see confidential"):
            case.activity_schedule("mail.mail_activity_data_todo", user_id=self.agent.id)
        self.assertFalse(
            case.message_subscribe(partner_ids=self.agent.partner_id.ids)
            and self.agent.partner_id in case.message_partner_ids
        )
        self.assertNotIn(self.agent.partner_id, case.message_partner_ids)

    def test_the_engine_gives_it_to_nobody_from_outside(self):
        self._seal()
        case = self.case
        case.resolution = "Talked to him"
        case.action_resolve()
        case._customer_answers("no", "He did it again")
        self.assertEqual(case.owner_id, self.keeper)
        self._run("care.notice")
        self.assertEqual(case.activity_ids.user_id, self.keeper)
        self.company.care_checkback_days = 3
        case.action_resolve()
        check = case.followup_ids.filtered("check_back")
        self.assertEqual(check.user_id, self.keeper)
        second = self._user("care_keeper2", "customer_care.group_confidential")
        self.keeper.active = False
        self.assertEqual(case.owner_id, second)
        self.assertFalse(case.with_user(self.leader).has_access("read"))

    def test_its_owner_sees_it_without_the_group(self):
        self._seal()
        self.case._set_owner(self.agent, chosen=True)
        self.env.flush_all()
        case = self.case.with_user(self.agent)
        self.assertEqual(case.read(["name"])[0]["name"], SECRET)
        case.resolution = "Talked to him"
        self.assertIn(self.note, case.message_ids)
        self.assertFalse(case.with_user(self.agent2).has_access("read"))

    # ------------------------------------------------------------
    # Looking
    # ------------------------------------------------------------

    def _hanging_on_it(self):
        """What hangs on the case, a record of each model."""
        case = self.case
        self.env["care.followup"].create(
            {
                "name": SECRET,
                "case_id": case.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "user_id": self.agent.id,
                "activity_type_id": self.env.ref("customer_care.mail_activity_type_followup").id,
                "date_due": fields.Date.today(),
            }
        )
        self.env["care.handoff"].create({"case_id": case.id, "to_user_id": self.agent2.id})
        self.env["care.promise"].create(
            {
                "name": SECRET,
                "partner_id": self.customer.id,
                "case_id": case.id,
                "user_id": self.agent.id,
                "company_id": self.company.id,
                "date_due": fields.Date.add(fields.Date.today(), days=3),
            }
        )
        self.env["care.retry"].create(
            {
                "rule_model": "care.policy",
                "rule_id": 1,
                "event": "case_opened",
                "happened_at": fields.Datetime.now(),
                "occurrence": 1,
                "case_id": case.id,
                "company_id": self.company.id,
            }
        )
        self.env["care.need"].create(
            {
                "name": SECRET,
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "followup_id": case.followup_ids[:1].id,
            }
        )
        standard = self.env["care.standard"].create(
            {
                "name": "Apologise",
                "kind": "stage",
                "text": "<p>Say sorry</p>",
                "company_id": self.company.id,
                "stage_ids": [Command.set(case.stage_id.ids)],
                "is_check": True,
                "owner_id": self.manager.id,
            }
        )
        standard.action_publish()
        self.env["care.check"]._done(case, standard)
        with self._at(fields.Datetime.now() + timedelta(hours=2)):
            case.stage_id = self.env.ref("customer_care.stage_case_progress")
        standard.stage_ids = [Command.set(case.stage_id.ids)]
        self.env["care.remedy"].create(
            {
                "case_id": case.id,
                "kind": "discount",
                "amount": 5,
                "text": SECRET,
                "proceed": "wait",
            }
        ).with_user(self.manager).action_go()
        self.env["care.action"].create(
            {
                "name": SECRET,
                "company_id": self.company.id,
                "case_ids": [Command.set(case.ids)],
                "owner_id": self.agent.id,
            }
        )
        self.env["care.signal"].create({"case_id": case.id, "company_id": self.company.id})
        self.env["care.fact"]._collect(case.tenure_ids.filtered("until"))
        self.env.flush_all()

    def test_all_that_hangs_on_it_is_hidden_from_everybody_else(self):
        self._hanging_on_it()
        self._seal()
        linked = {}
        for name, model in self.env.registry.items():
            if not name.startswith("care.") or model._abstract or model._transient:
                continue
            domain = []
            if name == "care.case":
                domain = [("id", "=", self.case.id)]
            elif "case_id" in model._fields:
                domain = [("case_id", "=", self.case.id)]
            elif name == "care.action":
                domain = [("case_ids", "in", self.case.ids)]
            elif name == "care.need":
                domain = [("followup_id.case_id", "=", self.case.id)]
            if domain and model._original_module == "customer_care":
                linked[name] = self.env[name].sudo().search(domain)
        self.assertGreater(len(linked), 9)
        for name, rows in linked.items():
            self.assertTrue(rows, f"no {name} to look at: add one to _hanging_on_it")
        for user in self.outsiders:
            for name, rows in linked.items():
                with self.subTest(user=user.login, model=name):
                    mine = self.env[name].with_user(user)
                    if not mine.has_access("read"):
                        continue
                    found = mine.with_context(active_test=False)
                    ids = [("id", "in", rows.ids)]
                    self.assertFalse(found.search(ids))
                    self.assertEqual(found.search_count(ids), 0)
                    self.assertEqual(found._read_group(ids, [], ["__count"]), [(0,)])
                    for row in rows:
                        with self.assertRaises(AccessError), mute_logger("odoo.models"):
                            row.with_user(user).read(["display_name"])
        for name, rows in linked.items():
            if name in ("care.notice", "care.retry", "care.outlay", "care.signal"):
                continue  # for leaders
            with self.subTest(user="keeper", model=name):
                self.assertEqual(rows.with_user(self.keeper).search([("id", "in", rows.ids)]), rows)

    def test_what_is_sealed_is_found_by_its_index_and_not_by_reading_the_register(self):
        sealed = (
            self.env["care.case"]
            .sudo()
            ._search([("confidential", "=", True), ("owner_id", "!=", self.agent.id)])
        )
        query = sealed.select()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        self.env.cr.execute(f"EXPLAIN {query.code}", query.params)
        plan = " ".join(line for (line,) in self.env.cr.fetchall())
        self.env.cr.execute("SET LOCAL enable_seqscan = on")
        self.assertIn("care_case_confidential_idx", plan)

    def test_every_model_with_a_way_to_a_case_has_a_rule_about_it(self):
        missing = []
        for name, model in self.env.registry.items():
            if model._abstract or model._transient or not model._auto and name != "care.check.line":
                continue
            if not name.startswith("care."):
                continue
            ways = [
                field.name
                for field in model._fields.values()
                if field.type == "many2one"
                and field.store
                and field.comodel_name == "care.case"
                and field.name == "case_id"
            ]
            rules = self.env["ir.rule"].search([("model_id.model", "=", name)])
            if ways and not any(
                "_care_confidential" in (rule.domain_force or "") for rule in rules
            ):
                missing.append(name)
        self.assertFalse(
            missing,
            "add a global ir.rule with user._care_confidential_domain('case_id') for these, and "
            "one that opens them to group_confidential, as in security/confidential_rules.xml",
        )

    def test_no_name_search_export_or_group_tells_of_it(self):
        self._seal()
        for user in self.outsiders:
            cases = self.env["care.case"].with_user(user)
            with self.subTest(user.login):
                self.assertNotIn(SECRET, str(cases.name_search("shouted")))
                self.assertNotIn(SECRET, str(cases.name_search(self.case.number)))
                self.assertNotIn(SECRET, str(cases.formatted_read_group([], ["name"], ["__count"])))
                self.assertNotIn(SECRET, str(cases.web_read_group([], ["stage_id"], ["__count"])))
                with self.assertRaises(AccessError), mute_logger("odoo.models"):
                    self.case.with_user(user).export_data(["name"])
                self.assertFalse(cases.search([("name", "ilike", "shouted")]))
                partner = self.customer.with_user(user)
                self.assertEqual(partner.care_case_count, 0)
                self.assertNotIn(SECRET, str(partner.care_story or ""))

    def test_counts_of_stages_and_teams_leave_it_out(self):
        stage, team = self.case.stage_id, self.team
        before = stage.with_user(self.leader).record_count
        self._seal()
        self.env.invalidate_all()
        self.assertEqual(stage.with_user(self.leader).record_count, before - 1)
        self.assertEqual(stage.with_user(self.keeper).record_count, before)
        self.assertEqual(team.with_user(self.leader).case_count, 0)

    def test_messages_files_tracking_and_activities_are_hidden(self):
        tracked = self.env["mail.tracking.value"].create(
            {
                "mail_message_id": self.note.id,
                "field_id": self.env["ir.model.fields"]._get("care.case", "severity").id,
                "new_value_char": SECRET,
            }
        )
        activity = self.case.activity_schedule(
            "mail.mail_activity_data_todo", user_id=self.agent.id, note=SECRET
        )
        self._seal()
        for user in self.outsiders:
            for record in (*self.case.message_ids, self.file, activity):
                with self.subTest(user=user.login, record=record):
                    found = self.env[record._name].with_user(user)
                    self.assertFalse(found.search([("id", "=", record.id)]))
                    with self.assertRaises(AccessError), mute_logger("odoo.models"):
                        record.with_user(user).read(["id", "create_uid"])
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                tracked.with_user(user).read(["new_value_char"])

    def test_messages_of_what_hangs_on_it_are_hidden_too(self):
        self._hanging_on_it()
        remedy = self.env["care.remedy"].search([("case_id", "=", self.case.id)])
        promise = self.env["care.promise"].search([("case_id", "=", self.case.id)])
        notes = self.env["mail.message"]
        for thread in (remedy, promise):
            thread.message_subscribe(partner_ids=self.agent2.partner_id.ids)
            notes |= thread.message_post(
                body=SECRET,
                author_id=self.leader.partner_id.id,
                message_type="comment",
                partner_ids=self.agent2.partner_id.ids,
            )
        notes.starred_partner_ids = self.agent2.partner_id
        theirs = notes.with_user(self.agent2)
        self.assertEqual(theirs.search([("id", "in", notes.ids)]), notes)
        self._seal()
        self.env.invalidate_all()
        self.assertFalse(remedy.message_partner_ids & self.agent2.partner_id)
        self.assertFalse(promise.message_partner_ids & self.agent2.partner_id)
        self.assertFalse(notes.notification_ids)
        self.assertFalse(notes.partner_ids | notes.starred_partner_ids)
        for user in (self.agent2, self.leader):
            for note in notes:
                with self.subTest(user=user.login, note=note.model):
                    mine = note.with_user(user)
                    self.assertFalse(mine.search([("id", "=", note.id)]))
                    with self.assertRaises(AccessError), mute_logger("odoo.models"):
                        mine.read(["body"])
        kept = notes.with_user(self.keeper).search([("id", "in", notes.ids)])
        self.assertEqual(kept, notes)

    def test_mentioning_somebody_on_what_hangs_on_it_tells_them_nothing(self):
        self._hanging_on_it()
        self.agent2.notification_type = "email"
        self._seal()
        before = self.env["mail.mail"].search([])
        for model in ("care.remedy", "care.promise"):
            thread = self.env[model].search([("case_id", "=", self.case.id)], limit=1)
            thread.message_post(
                body=SECRET, message_type="comment", partner_ids=self.agent2.partner_id.ids
            )
        self.assertFalse(self._mails_to(self.agent2.partner_id) - before)

    def test_a_fact_that_was_written_while_it_was_sealed_is_hidden(self):
        self._hanging_on_it()
        facts = self.env["care.fact"].search([("case_id", "=", self.case.id)])
        self.assertTrue(facts)
        self._seal()
        # as the job has written them, which did not know of the sealing
        facts.write({"confidential": False})
        self.env.flush_all()
        self.env.invalidate_all()
        for user in self.outsiders:
            with self.subTest(user.login):
                mine = self.env["care.fact"].with_user(user)
                self.assertFalse(mine.search([("id", "in", facts.ids)]))
        # and they are back when it is not confidential any more
        self.case.with_user(self.keeper).action_unseal()
        self.env.flush_all()
        self.env.invalidate_all()
        mine = self.env["care.fact"].with_user(self.manager)
        self.assertEqual(mine.search([("id", "in", facts.ids)]), facts)

    def test_whatever_points_to_it_shows_a_number_and_no_name(self):
        journey = self._journey(self._confirmed())
        followup = self.env["care.followup"].create(
            {
                "name": "Call",
                "journey_id": journey.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "user_id": self.rep.id,
                "activity_type_id": self.env.ref("customer_care.mail_activity_type_followup").id,
                "date_due": fields.Date.today(),
            }
        )
        self.env.cr.execute(
            "UPDATE care_case SET followup_id = %s WHERE id = %s", (followup.id, self.case.id)
        )
        self.env.invalidate_all()
        self._seal()
        self.env.invalidate_all()
        case = self.case.with_user(self.rep).sudo()
        self.assertEqual(case.display_name, self.case.number)
        self.assertFalse(followup.with_user(self.rep).case_opened_id)
        self.assertIn(SECRET, self.case.with_user(self.keeper).display_name)
        read = followup.with_user(self.rep).web_read(
            {"case_opened_id": {"fields": {"display_name": {}}}}
        )
        self.assertNotIn(SECRET, str(read))

    def test_a_problem_found_on_a_call_about_it_is_confidential_too(self):
        self._seal()
        followup = self.env["care.followup"].create(
            {
                "name": "Call",
                "case_id": self.case.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "user_id": self.keeper.id,
                "activity_type_id": self.env.ref("customer_care.mail_activity_type_followup").id,
                "date_due": fields.Date.today(),
                "feedback": "He has come back and shouted",
            }
        )
        case = followup.with_user(self.keeper)._open_case()
        self.assertNotEqual(case, self.case)
        self.assertTrue(case.sudo().confidential)
        self.assertFalse(case.with_user(self.leader).has_access("read"))

    # ------------------------------------------------------------
    # Actions
    # ------------------------------------------------------------

    def _action(self, cases, **vals):
        return self.env["care.action"].create(
            {
                "name": SECRET,
                "company_id": self.company.id,
                "case_ids": [Command.set(cases.ids)],
                "owner_id": self.agent.id,
                **vals,
            }
        )

    def test_an_action_of_confidential_cases_alone_goes_to_who_may_know_it(self):
        alone, shared = self._action(self.case), self._action(self.case | self._case(name="Noise"))
        alone.message_subscribe(partner_ids=self.leader.partner_id.ids)
        self._seal()
        self.env.invalidate_all()
        self.assertEqual(alone.owner_id | alone.checker_id, self.keeper)
        self.assertEqual(alone.activity_ids.user_id, self.keeper)
        self.assertNotIn(self.leader.partner_id, alone.message_partner_ids)
        self.assertEqual(shared.owner_id, self.agent)
        for user in self.outsiders:
            self.assertFalse(alone.with_user(user).has_access("read"))
        # what superuser has read is remembered
        self.env.invalidate_all()
        self.assertNotIn(self.case, shared.with_user(self.agent).case_ids)
        self.assertEqual(shared.with_user(self.agent).case_count, 1)
        # nor does saving it, which asks for his rights first, say more
        self.env.invalidate_all()
        spec = {"case_ids": {"fields": {"display_name": {}}}, "case_count": {}}
        saved = shared.with_user(self.agent).web_save({"color": 3}, spec)
        self.assertEqual(len(saved[0]["case_ids"]), 1)
        self.assertNotIn(self.case.number, str(saved))
        self.env.invalidate_all()
        self.assertIn(self.case, shared.with_user(self.keeper).case_ids)

    def test_nobody_from_outside_is_given_an_action_of_it(self):
        self._seal()
        with self.assertRaisesRegex(UserError, "may not see confidential"):
            self._action(self.case)
        mine = self._action(self.case, owner_id=self.keeper.id)
        self.assertEqual(mine.checker_id, self.keeper)
        with self.assertRaisesRegex(UserError, "may not see confidential"):
            mine.checker_id = self.leader

    def test_who_takes_over_an_action_of_it_may_know_it(self):
        self._seal()
        second = self._user("care_keeper2", "customer_care.group_confidential")
        action = self._action(self.case, owner_id=second.id, checker_id=second.id)
        second.active = False
        self.assertEqual(action.owner_id | action.checker_id, self.keeper)

    def test_an_alarm_does_not_count_it(self):
        self.company.write({"care_alarm_count": 2, "care_alarm_days": 30})
        self._seal()
        product = {"product_id": self.product.id}
        self.case.write(product)
        alarms = self.env["care.action"].search([("is_alarm", "=", True)])
        self._case(**product)
        self._run("care.signal")
        raised = [("is_alarm", "=", True), ("id", "not in", alarms.ids)]
        self.assertFalse(self.env["care.action"].search(raised))
        third = self._case(**product)
        self._run("care.signal")
        alarm = self.env["care.action"].search(raised)
        self.assertIn(third, alarm.case_ids)
        self.assertNotIn(self.case, alarm.case_ids)
        # it counts as soon as it is not confidential any more
        self.case.with_user(self.keeper).action_unseal()
        self._run("care.signal")
        self.assertIn(self.case, alarm.case_ids)

    def test_an_action_that_it_reopens_does_not_tell_its_number(self):
        action = self._action(self._case(name="Noise"), name="Train the fitters")
        for case, told in ((self._case(name="Noise again"), True), (self.case, False)):
            if not told:
                self._seal()
            action.action_done()
            action._reopen(case)
            with self.subTest(case.name):
                self.assertEqual(case.number in str(action.activity_ids.mapped("summary")), told)

    def test_the_daily_list_of_what_was_given_away_does_not_name_its_customer(self):
        self._seal()
        outlay = self.env["care.outlay"].create(
            {
                "name": f"Discount {SECRET}",
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "amount": 5,
                "kind": "discount",
                "source": "remedy",
                "decision": "outside",
                "user_id": self.agent.id,
                "day": fields.Date.today(),
                "case_id": self.case.id,
            }
        )
        lines = self.company.with_context(care_outlays=outlay.ids)._care_outlay_lines()
        self.assertEqual(len(lines), 1)
        self.assertNotIn(SECRET, str(lines))
        self.assertNotIn(self.customer.name, str(lines))
        self.assertIn(self.case.number, str(lines))

    def test_the_pareto_counts_it_for_those_who_see_it_alone(self):
        self.case.category_id = self.env["care.category"].create(
            {"name": "Manners", "company_id": self.company.id}
        )
        row = [("category_id", "=", self.case.category_id.id), ("period", "=", "all")]
        boss = self._user(
            "care_boss", "customer_care.group_confidential,customer_care.group_manager"
        )
        self._seal()
        pareto = self.env["care.pareto"]
        self.assertEqual(pareto.with_user(boss).search(row).case_count, 1)
        known = pareto.with_user(boss).search(row)
        for user in self.leader | self.manager:
            self.assertFalse(pareto.with_user(user).search(row))
            self.assertFalse(known.with_user(user).has_access("read"))
            self.env.invalidate_all()
            self.assertFalse(known.with_user(user).read(["case_count"]))

    # ------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------

    def _mails_to(self, partner):
        return self.env["mail.mail"].search([("recipient_ids", "in", partner.ids)])

    def test_mails_to_our_people_do_not_quote_it_and_the_customers_do(self):
        self.keeper.notification_type = "email"
        self._seal()
        before = self.env["mail.mail"].search([])
        self.case.message_post(
            body=SECRET,
            subject=SECRET,
            author_id=self.agent.partner_id.id,
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            attachment_ids=self.file.ids,
        )
        ours = self._mails_to(self.keeper.partner_id) - before
        self.assertEqual(len(ours), 1)
        self.assertNotIn(SECRET, f"{ours.subject}{ours.body_html}{ours.body}")
        self.assertFalse(ours.attachment_ids)
        self.assertIn(self.case.number, ours.subject)
        theirs = self._mails_to(self.customer) - before
        self.assertEqual(len(theirs), 1)
        self.assertIn(SECRET, theirs.body_html)
        self.assertFalse(self._mails_to(self.agent2.partner_id) - before)

    def test_mentioning_somebody_from_outside_tells_them_nothing(self):
        self.agent2.notification_type = "email"
        self._seal()
        before = self.env["mail.mail"].search([])
        message = self.case.with_user(self.keeper).message_post(
            body=SECRET, message_type="comment", partner_ids=self.agent2.partner_id.ids
        )
        self.assertFalse(self._mails_to(self.agent2.partner_id) - before)
        self.assertFalse(
            message.sudo().notification_ids.filtered(
                lambda note: note.res_partner_id == self.agent2.partner_id
            )
        )
        self.assertFalse(message.with_user(self.agent2).has_access("read"))

    def test_the_morning_mail_does_not_quote_it(self):
        self.env["care.followup"].create(
            {
                "name": SECRET,
                "case_id": self.case.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "user_id": self.agent.id,
                "activity_type_id": self.env.ref("customer_care.mail_activity_type_followup").id,
                "date_due": fields.Date.today(),
                "state": "open",
            }
        )
        self._seal()
        digest = self.env["care.digest"].create(
            {"user_id": self.keeper.id, "company_id": self.company.id, "day": fields.Date.today()}
        )
        self.assertEqual([line["customer"] for line in digest._lines()], [self.case.number])
        self.assertNotIn(SECRET, str(digest._lines()))
        self.assertNotIn(self.customer.name, str(digest._lines()))

    def test_assigning_an_activity_mails_nothing_of_it(self):
        second = self._user("care_keeper2", "customer_care.group_confidential")
        second.notification_type = "email"
        self._seal()
        before = self.env["mail.mail"].search([])
        self.case.with_user(self.keeper).activity_schedule(
            "mail.mail_activity_data_todo", user_id=second.id, note=SECRET
        )
        self.assertNotIn(
            SECRET, str((self._mails_to(second.partner_id) - before).mapped("body_html"))
        )

    # ------------------------------------------------------------
    # The customer
    # ------------------------------------------------------------

    def test_a_link_that_one_of_us_has_kept_opens_nothing_after_sealing(self):
        merged = self._case(name="The same", owner_id=self.agent.id)
        links = []
        for case in (self.case, merged):
            # as it stands in the customer's mail, which the agent has read
            links.append(f"/my/cases/{case.id}?access_token={case._portal_ensure_token()}")
        merged._merge_into(self.case)
        self.env.flush_all()
        for link in links:
            self.assertIn(SECRET, self.url_open(link).text)
        self._seal()
        for login in (None, "care_agent"):
            self.authenticate(login, login and "care_agent")
            for link in links:
                with self.subTest(login=login, link=link):
                    self.assertNotIn(SECRET, self.url_open(link).text)

    def test_a_case_that_is_merged_into_it_is_no_way_to_it(self):
        merged = self._case(name="The same", owner_id=self.agent.id)
        link = f"/my/cases/{merged.id}?access_token={merged._portal_ensure_token()}"
        self._seal()
        merged._merge_into(self.case)
        self.env.flush_all()
        self.assertNotIn(SECRET, self.url_open(link).text)

    def test_the_customers_new_link_opens_nothing_to_one_of_us_who_may_not_see_it(self):
        self._seal()
        link = f"/my/cases/{self.case.id}?access_token={self.case._portal_ensure_token()}"
        self.env.flush_all()
        for login in ("care_agent", "care_manager"):
            self.authenticate(login, login)
            self.assertNotIn(SECRET, self.url_open(link).text)
        self.authenticate("care_keeper", "care_keeper")
        self.assertIn(SECRET, self.url_open(link).text)

    def test_the_customer_sees_his_own_case_as_before(self):
        client = self._user("care_client", "base.group_portal", partner_id=self.customer.id)
        self._seal()
        self.case._portal_ensure_token()
        self.env.flush_all()
        self.assertEqual(self.case.with_user(client).name, SECRET)
        self.authenticate("care_client", "care_client")
        self.assertIn(SECRET, self.url_open("/my/cases").text)
        self.assertIn(SECRET, self.url_open(f"/my/cases/{self.case.id}").text)
        self.authenticate(None, None)
        link = f"/my/cases/{self.case.id}?access_token={self.case.access_token}"
        self.assertIn(SECRET, self.url_open(link).text)

    def test_our_people_find_nothing_by_the_web(self):
        self._seal()
        self.authenticate("care_manager", "care_manager")
        with mute_logger("odoo.http", "odoo.addons.base.models.ir_rule"):
            for url in (
                f"/my/cases/{self.case.id}",
                f"/web/content/{self.file.id}",
                f"/report/html/customer_care.report_case_file/{self.case.id}",
            ):
                self.assertNotIn(SECRET, self.url_open(url).text, url)

    def test_a_call_about_it_stays_with_who_may_know_of_it_whoever_stands_in(self):
        self._seal()
        self.keeper.care_substitute_id = self.agent
        with self._at("2026-03-10 09:00:00"):
            row = (
                self.env["care.followup"]
                .with_user(self.keeper)
                .create({"name": "Call", "case_id": self.case.id, "date_due": "2026-03-10"})
                .sudo()
            )
            row._run_due()
        self.assertEqual((row.state, row.user_id), ("open", self.keeper))
        self.keeper.out_of_office_from = "2026-03-10 16:00:00"
        with self._at("2026-03-11 00:00:00"):
            self.env["res.users"]._cron_care_lost_places()
            self.assertEqual(row.user_id, self.keeper)
            self.case.with_user(self.keeper).action_unseal()
            self.env["res.users"]._cron_care_lost_places()
            self.assertEqual(row.user_id, self.agent)

    def test_a_held_follow_up_does_not_tell_of_it(self):
        journey = self._journey(self._confirmed())
        self._seal()
        self._policy()
        followup = self.env["care.followup"].create(
            {
                "name": "Call",
                "journey_id": journey.id,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "user_id": self.rep.id,
                "event": "order_confirmed",
                "activity_type_id": self.env.ref("customer_care.mail_activity_type_followup").id,
                "date_due": fields.Date.today(),
                "next_at": fields.Datetime.now(),
            }
        )
        followup._run_due()
        self.assertNotIn(self.case.number, f"{followup.hold_note}{followup.trail}")
