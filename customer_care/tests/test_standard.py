from dateutil.relativedelta import relativedelta
from psycopg2 import IntegrityError

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from odoo.tools.translate import code_translations

from .common import CareCase


class StandardCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the demo's book must not meddle with what a test expects
        cls.env["care.standard"].search([]).action_withdraw()
        cls.standards = cls.env["care.standard"].with_user(cls.manager)
        cls.readers = cls.env["care.standard.reader"]

    @classmethod
    def _standard(cls, publish=True, **vals):
        standard = cls.standards.create(
            {
                "name": "We answer within the hour",
                "kind": "communication",
                "text": "<p>Within one hour.</p>",
                "dos": "<ul><li>Say when</li></ul>",
                "donts": "<ul><li>“Soon”</li></ul>",
                "company_id": cls.company.id,
                **vals,
            }
        )
        if publish:
            standard.action_publish()
        return standard.sudo()

    def _states(self, standard):
        rows = self.readers.sudo()._rows([("standard_id", "=", standard.id)])
        return {row.user_id: row.state for row in rows}

    def _reminders(self, standard, what="acknowledge"):
        self.env.invalidate_all()
        return standard._activities(what)

    def _remind(self):
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_standards").method_direct_trigger()

    @property
    def everybody(self):
        return self.rep | self.agent | self.agent2 | self.leader | self.manager


@tagged("post_install", "-at_install")
class TestStandard(StandardCase):
    # ------------------------------------------------------------
    # Versions
    # ------------------------------------------------------------

    def test_publishing_freezes_a_version_and_editing_changes_only_the_draft(self):
        with self._at("2026-03-02 09:00:00"):
            standard = self._standard(review_months=6)
        first = standard.version_id
        self.assertEqual(
            (first.number, first.name, str(first.text), first.published_by_id),
            (1, "We answer within the hour", "<p>Within one hour.</p>", self.manager),
        )
        self.assertEqual(first.published_at, fields.Datetime.to_datetime("2026-03-02 09:00:00"))
        self.assertEqual(standard.next_review, fields.Date.to_date("2026-09-02"))
        standard.with_user(self.manager).write(
            {"name": "We answer at once", "text": "<p>At once.</p>"}
        )
        self.assertTrue(standard.is_changed)
        for user in (self.agent, self.manager):
            seen = standard.with_user(user)
            self.assertEqual(seen.title, "We answer within the hour")
            self.assertEqual(str(seen.reading_text), "<p>Within one hour.</p>")
        self.assertIn("within the hour", standard.display_name)
        with self.assertRaisesRegex(UserError, "Say what changes"):
            standard.with_user(self.manager).action_publish()
        standard.with_user(self.manager).change_note = "Faster"
        standard.with_user(self.manager).action_publish()
        self.env.invalidate_all()
        self.assertEqual(standard.version_ids.mapped("number"), [2, 1])
        self.assertEqual(standard.version_id.changes, "Faster")
        self.assertEqual(standard.with_user(self.agent).title, "We answer at once")
        self.assertEqual(str(first.text), "<p>Within one hour.</p>")
        self.assertFalse(standard.is_changed)
        self.assertFalse(standard.change_note)

    def test_nothing_empty_and_nothing_unchanged_is_published(self):
        empty = self._standard(publish=False, text="<p><br></p>")
        with self.assertRaisesRegex(UserError, "Write what"):
            empty.with_user(self.manager).action_publish()
        standard = self._standard()
        with self.assertRaisesRegex(UserError, "has not changed"):
            standard.with_user(self.manager).action_publish()
        self.assertEqual(standard.version_number, 1)

    def test_a_withdrawn_standard_is_read_no_more_and_comes_back_as_a_new_version(self):
        standard = self._standard()
        standard.with_user(self.agent).action_acknowledge()
        self._remind()
        standard.with_user(self.manager).action_withdraw()
        self.assertFalse(self._reminders(standard))
        self.assertFalse(self._states(standard))
        with self.assertRaises(AccessError):
            standard.with_user(self.agent).read(["title"])
        with self.assertRaises(UserError):
            standard.with_user(self.manager).action_acknowledge()
        standard.with_user(self.manager).change_note = "Holds again"
        standard.with_user(self.manager).action_publish()
        self.assertEqual(standard.version_number, 2)
        self.assertEqual(self._states(standard)[self.agent], "missing")

    def test_what_was_published_is_withdrawn_and_not_deleted(self):
        standard, draft = self._standard(), self._standard(publish=False)
        with self.assertRaisesRegex(UserError, "Withdraw it instead"):
            standard.with_user(self.manager).unlink()
        draft.with_user(self.manager).unlink()
        self.assertFalse(draft.exists())

    def test_each_chapter_numbers_its_standards(self):
        taken = self._standard(publish=False, kind="premises").reference
        prefix, number = taken.split("-")
        self.assertEqual(prefix, "PRE")
        following = self._standard(publish=False, kind="premises").reference
        self.assertEqual(following, f"PRE-{int(number) + 1:02d}")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._standard(publish=False, reference=taken)

    def test_the_chapters_stand_in_the_order_of_the_book(self):
        made = self.env["care.standard"]
        for kind in ("stage", "appearance", "definition", "principle"):
            made |= self._standard(
                publish=False,
                kind=kind,
                stage_ids=[Command.set(self.stages[:1].ids)] if kind == "stage" else False,
            )
        self.assertEqual(
            self.standards.search([("id", "in", made.ids)]).mapped("kind"),
            ["definition", "principle", "appearance", "stage"],
        )
        groups = self.standards.with_context(read_group_expand=True).web_read_group(
            [("id", "in", made.ids)], ["kind"], []
        )["groups"]
        self.assertEqual(
            [group["kind"] for group in groups], ["definition", "principle", "appearance", "stage"]
        )

    def test_a_pivot_groups_by_standards_as_the_web_client_asks(self):
        groups = self.env["care.acknowledgement"].formatted_read_grouping_sets(
            [], [[], ["standard_id"], ["standard_id", "user_id"]], ["__count"]
        )
        self.assertEqual(len(groups), 3)

    def test_a_stage_rule_needs_stages_and_only_it_can_be_a_check(self):
        with self.assertRaisesRegex(ValidationError, "Choose the stages"):
            self._standard(publish=False, kind="stage")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._standard(publish=False, is_check=True)
        for concern in ("teams", "users", "stages"):
            with self.subTest(concern), self.assertRaisesRegex(ValidationError, "whom"):
                self._standard(publish=False, concern=concern)

    # ------------------------------------------------------------
    # Whom it concerns
    # ------------------------------------------------------------

    def test_everybody_means_those_who_work_with_customer_care_in_its_company(self):
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        outsider = self._user("care_outsider", "base.group_user")
        other = self._user("care_other", "customer_care.group_agent", elsewhere)
        gone = self._user("care_gone", "customer_care.group_agent")
        gone.active = False
        standard = self._standard()
        concerned = set(self._states(standard))
        self.assertEqual(concerned & set(self.everybody), set(self.everybody))
        self.assertFalse(concerned & set(outsider | other | gone))
        standard.with_user(self.manager).company_id = False
        self.assertIn(other, self._states(standard))
        self.assertNotIn(outsider, self._states(standard))

    def test_teams_named_people_and_the_people_of_a_stage(self):
        by_team = self._standard(concern="teams", team_ids=[Command.set(self.team.ids)])
        self.assertEqual(set(self._states(by_team)), set(self.agent | self.agent2 | self.leader))
        by_name = self._standard(concern="users", user_ids=[Command.set(self.rep.ids)])
        self.assertEqual(set(self._states(by_name)), {self.rep})
        stage = self.stages[0].copy({"curator_id": self.leader.id, "team_id": False})
        stage.type_id.team_id = False
        by_stage = self._standard(
            kind="stage", concern="stages", stage_ids=[Command.set(stage.ids)]
        )
        self.assertEqual(set(self._states(by_stage)), {self.leader})
        stage.write({"owner_rule": "user", "owner_id": self.rep.id})
        self.assertEqual(set(self._states(by_stage)), {self.leader, self.rep})
        # whoever owns a record there now
        journey = self._journey(self._confirmed())
        journey.stage_id = stage
        journey.owner_id = self.agent2
        self.assertEqual(set(self._states(by_stage)), {self.leader, self.rep, self.agent2})
        stage.team_id = self.team
        self.assertEqual(
            set(self._states(by_stage)), {self.leader, self.rep, self.agent, self.agent2}
        )

    # ------------------------------------------------------------
    # Acknowledging
    # ------------------------------------------------------------

    def test_pressing_twice_acknowledges_once(self):
        standard = self._standard()
        mine = standard.with_user(self.agent)
        self.assertEqual(mine.my_state, "missing")
        mine.action_acknowledge()
        mine.action_acknowledge()
        rows = self.env["care.acknowledgement"].search([("standard_id", "=", standard.id)])
        self.assertEqual(
            (rows.user_id, rows.version_id, rows.occurrence, len(rows)),
            (self.agent, standard.version_id, 1, 1),
        )
        self.assertEqual(mine.my_state, "acknowledged")
        # and what two windows insert at once is one too
        self.assertFalse(self.env["care.acknowledgement"].with_user(self.agent)._add(self.readers))
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            rows.copy({})

    def test_nobody_acknowledges_for_another(self):
        standard = self._standard()
        mine = standard.with_user(self.agent)
        mine.action_acknowledge()
        row = self.env["care.acknowledgement"].search([("standard_id", "=", standard.id)])
        vals = {
            "version_id": standard.version_id.id,
            "standard_id": standard.id,
            "acknowledged_at": fields.Datetime.now(),
            "occurrence": 1,
        }
        for user in (self.agent, self.agent2, self.leader, self.manager):
            theirs = self.env["care.acknowledgement"].with_user(user)
            for whom in (self.agent2, user):
                with self.subTest(user=user.login, whom=whom.login):
                    with self.assertRaises(AccessError):
                        theirs.create({**vals, "user_id": whom.id})
                    with self.assertRaises(AccessError):
                        row.with_user(user).write({"user_id": whom.id})
                    with self.assertRaises(AccessError):
                        row.with_user(user).unlink()
            # neither does a context speak for somebody else
            standard.with_user(user).with_context(
                default_user_id=self.rep.id, uid=self.rep.id
            ).action_acknowledge()
        self.assertEqual(self._states(standard)[self.rep], "missing")

    def test_only_a_published_version_that_one_has_read_is_acknowledged(self):
        draft = self._standard(publish=False)
        with self.assertRaises(UserError):
            draft.with_user(self.manager).action_acknowledge()
        others = self._standard(concern="users", user_ids=[Command.set(self.rep.ids)])
        with self.assertRaisesRegex(UserError, "concerns others"):
            others.with_user(self.agent).action_acknowledge()
        to_read_only = self._standard(acknowledge=False)
        self.assertEqual(to_read_only.with_user(self.agent).my_state, "none")
        with self.assertRaises(UserError):
            to_read_only.with_user(self.agent).action_acknowledge()
        standard = self._standard()
        old = standard.version_id
        standard.with_user(self.manager).write({"text": "<p>New</p>", "change_note": "New"})
        standard.with_user(self.manager).action_publish()
        reading = standard.with_user(self.agent).with_context(care_version=old.id)
        with self.assertRaisesRegex(UserError, "while you were reading"):
            reading.action_acknowledge()
        reading.with_context(care_version=standard.version_id.id).action_acknowledge()
        self.assertEqual(self._states(standard)[self.agent], "acknowledged")

    def test_an_acknowledgement_runs_out_and_keeps_its_history(self):
        with self._at("2026-03-02 09:00:00"):
            standard = self._standard(renew_months=12)
            standard.with_user(self.agent).action_acknowledge()
        with self._at("2027-03-02 08:59:00"):
            self.assertEqual(self._states(standard)[self.agent], "acknowledged")
        with self._at("2027-03-02 09:00:00"):
            self.assertEqual(self._states(standard)[self.agent], "renew")
            self.assertEqual(self._states(standard)[self.rep], "missing")
            self.env.invalidate_all()
            standard.with_user(self.agent).action_acknowledge()
            standard.with_user(self.agent).action_acknowledge()
            self.assertEqual(self._states(standard)[self.agent], "acknowledged")
        rows = self.env["care.acknowledgement"].search([("user_id", "=", self.agent.id)])
        self.assertEqual(rows.mapped("occurrence"), [2, 1])
        self.assertEqual(rows[0].acknowledged_at - relativedelta(years=1), rows[1].acknowledged_at)
        with self._at("2028-03-02 09:00:01"):
            self.assertEqual(self._states(standard)[self.agent], "renew")

    def test_a_new_version_has_to_be_read_anew(self):
        standard = self._standard()
        standard.with_user(self.agent).action_acknowledge()
        standard.with_user(self.manager).write({"text": "<p>New</p>", "change_note": "New"})
        standard.with_user(self.manager).action_publish()
        self.assertEqual(self._states(standard)[self.agent], "missing")

    def test_mine_to_acknowledge_is_searched(self):
        standard = self._standard()
        found = self.env["care.standard"].with_user(self.agent)
        domain = [("my_state", "in", ("missing", "renew"))]
        self.assertIn(standard, found.search(domain).sudo())
        standard.with_user(self.agent).action_acknowledge()
        self.assertNotIn(standard, found.search(domain).sudo())
        self.assertIn(standard, found.search([("my_state", "=", "acknowledged")]).sudo())
        self.assertIn(standard, found.search([("my_state", "!=", False)]).sudo())

    def test_a_leader_sees_who_of_his_team_has_not_a_manager_who_of_all(self):
        standard = self._standard()
        standard.with_user(self.agent).action_acknowledge()
        domain = [("standard_id", "=", standard.id), ("state", "=", "missing")]

        def missing(user):
            return self.readers.with_user(user).search(domain).user_id.sudo(False)

        self.assertEqual(missing(self.leader), self.agent2 | self.leader)
        self.assertEqual(missing(self.agent2), self.agent2)
        self.assertFalse(missing(self.agent))
        self.assertLessEqual(self.everybody - self.agent, missing(self.manager))
        counted = standard.with_user(self.manager)
        self.assertEqual(counted.missing_count, counted.reader_count - 1)

    def test_the_list_of_who_has_not_costs_the_same_for_many(self):
        def cost():
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            rows = self.readers.with_user(self.manager).search([("state", "=", "missing")])
            rows.mapped("state")
            return self.env.cr.sql_log_count - start, len(rows)

        self._standard()
        cost()
        few, rows_before = cost()
        for index in range(20):
            self._user(f"care_more_{index}", "customer_care.group_agent")
        self._standard()
        cost()
        many, rows_after = cost()
        self.assertGreater(rows_after, rows_before + 20)
        self.assertLessEqual(many, few)

    # ------------------------------------------------------------
    # Reminders
    # ------------------------------------------------------------

    def test_each_is_reminded_once_and_released_by_acknowledging(self):
        standard = self._standard()
        self._remind()
        self._remind()
        reminders = self._reminders(standard)
        self.assertEqual(len(reminders), len(reminders.user_id))
        self.assertLessEqual(self.everybody, reminders.user_id)
        self.assertFalse(standard.message_partner_ids & self.agent.partner_id)
        standard.with_user(self.agent).action_acknowledge()
        self.assertEqual(self._reminders(standard).user_id, reminders.user_id - self.agent)
        done = reminders.filtered(lambda activity: activity.user_id == self.agent)
        self.assertTrue(done.exists())
        self.assertFalse(done.active)
        self._remind()
        self.assertNotIn(self.agent, self._reminders(standard).user_id)

    def test_a_reminder_ticked_away_without_reading_comes_back(self):
        standard = self._standard(concern="users", user_ids=[Command.set(self.agent.ids)])
        self._remind()
        self._reminders(standard).with_user(self.agent).action_done()
        self.assertEqual(standard.with_user(self.agent).my_state, "missing")
        self._remind()
        self.assertEqual(len(self._reminders(standard)), 1)

    def test_who_is_not_concerned_any_more_is_not_reminded_any_more(self):
        standard = self._standard(concern="teams", team_ids=[Command.set(self.team.ids)])
        self._remind()
        self.team.member_ids = self.agent | self.rep
        self._remind()
        self.assertEqual(self._reminders(standard).user_id, self.agent | self.rep | self.leader)

    def test_who_has_to_renew_is_reminded_then(self):
        with self._at("2026-03-02 09:00:00"):
            standard = self._standard(
                concern="users", user_ids=[Command.set(self.agent.ids)], renew_months=3
            )
            standard.with_user(self.agent).action_acknowledge()
            standard._cron_remind_once()
            self.assertFalse(self._reminders(standard))
        with self._at("2026-06-02 09:00:00"):
            standard._cron_remind_once()
            standard._cron_remind_once()
            self.assertEqual(self._reminders(standard).user_id, self.agent)

    def test_a_reminder_speaks_the_language_of_its_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.agent.lang = "fr_FR"
        self.patch(
            code_translations,
            "python_translations",
            {("customer_care", "fr_FR"): {"Please read: %s": "À lire : %s"}},
        )
        standard = self._standard(
            concern="users", user_ids=[Command.set((self.agent | self.rep).ids)]
        )
        standard._cron_remind_once()
        told = {activity.user_id: activity.summary for activity in self._reminders(standard)}
        self.assertEqual(
            told,
            {
                self.agent: "À lire : We answer within the hour",
                self.rep: "Please read: We answer within the hour",
            },
        )

    def test_killed_between_two_batches_nobody_is_reminded_twice_or_forgotten(self):
        standard = self._standard()
        total = len(self._states(standard))
        self.patch(type(standard), "_reminder_batch", 2)
        # what was committed before it was killed
        standard._create_activities("acknowledge", standard._missing_reminders())
        self.assertEqual(len(self._reminders(standard)), 2)
        self._remind()
        reminders = self._reminders(standard)
        self.assertEqual(len(reminders), total)
        self.assertEqual(len(reminders.user_id), total)

    def test_reminding_a_hundred_costs_no_queries_each(self):
        standard = self._standard(concern="teams", team_ids=[Command.set(self.team.ids)])

        def cost():
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            standard._create_activities("acknowledge", standard._missing_reminders())
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        cost()
        standard._activities("acknowledge").unlink()
        few = cost()
        self.team.member_ids |= self.env["res.users"].union(
            *(self._user(f"care_more_{i}", "customer_care.group_agent") for i in range(40))
        )
        cost()
        standard._activities("acknowledge").unlink()
        many = cost()
        self.assertEqual(len(self._reminders(standard)), 43)
        self.assertLessEqual(many, few + 4)

    def test_a_review_that_is_due_asks_the_owner_once(self):
        with self._at("2026-03-02 09:00:00"):
            standard = self._standard(review_months=6, owner_id=self.leader.id)
        with self._at("2026-09-01 09:00:00"):
            standard._cron_remind_once()
            self.assertFalse(self._reminders(standard, "review"))
        with self._at("2026-09-02 09:00:00"):
            standard._cron_remind_once()
            standard._cron_remind_once()
            task = self._reminders(standard, "review")
            self.assertEqual((len(task), task.user_id), (1, self.leader))
            self.assertIn(
                standard,
                self.standards.search(
                    [("state", "=", "published"), ("next_review", "<=", "2026-09-02")]
                ).sudo(),
            )
            # a new owner takes the task over
            standard.with_user(self.manager).owner_id = self.agent
            self.assertEqual(self._reminders(standard, "review").user_id, self.agent)
            standard.with_user(self.agent).action_still_right()
            self.assertFalse(self._reminders(standard, "review"))
            self.assertEqual(standard.next_review, fields.Date.to_date("2027-03-02"))
            self.assertEqual(standard.version_number, 1)
            standard._cron_remind_once()
            self.assertFalse(self._reminders(standard, "review"))

    # ------------------------------------------------------------
    # Kept, but does not work
    # ------------------------------------------------------------

    def _say(self, standard, user, reason):
        return (
            self.env["care.standard.feedback"]
            .with_user(user)
            .create({"standard_id": standard.id, "reason": reason})
            .action_send()
        )

    def test_kept_but_does_not_work_opens_one_task_that_collects_the_words(self):
        standard = self._standard(owner_id=self.leader.id)
        self._say(standard, self.agent, "They sleep then.")
        self._say(standard, self.rep, "Nobody picks up <b>before</b> noon.")
        task = self._reminders(standard, "revision")
        self.assertEqual((len(task), task.user_id), (1, self.leader))
        self.assertIn("They sleep then.", task.note)
        self.assertIn("Nobody picks up &lt;b&gt;before", task.note)
        self.assertEqual(standard.report_count, 2)
        log = "".join(standard.message_ids.mapped("body"))
        self.assertIn("They sleep then.", log)
        self.assertIn(self.agent.partner_id, standard.message_ids.author_id)
        # the next version is the answer
        standard.with_user(self.leader).write({"text": "<p>New</p>", "change_note": "Later"})
        standard.with_user(self.leader).action_publish()
        self.assertFalse(self._reminders(standard, "revision"))
        self.assertEqual(standard.report_count, 0)
        self._say(standard, self.agent, "Still not.")
        self.assertEqual(len(self._reminders(standard, "revision")), 1)

    def test_only_who_is_concerned_reports_and_with_a_reason(self):
        standard = self._standard(concern="teams", team_ids=[Command.set(self.team.ids)])
        with self.assertRaises(AccessError):
            self._say(standard, self.rep, "Not mine, but…")
        with self.assertRaisesRegex(UserError, "Say what does not work"):
            self._say(standard, self.agent, "  ")
        draft = self._standard(publish=False)
        with self.assertRaises(AccessError):
            self._say(draft, self.agent, "A draft")
        self.assertFalse(standard.report_count)

    # ------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------

    def test_who_reads_edits_and_publishes(self):
        published = self._standard(owner_id=self.agent.id)
        draft = self._standard(publish=False, owner_id=self.agent.id)
        for record, rights in (
            (
                published,
                {self.agent: "rw", self.agent2: "r", self.leader: "r", self.manager: "rwu"},
            ),
            (draft, {self.agent: "rw", self.agent2: "", self.leader: "", self.manager: "rwu"}),
        ):
            for user, letters in rights.items():
                for letter, operation in (("r", "read"), ("w", "write"), ("u", "unlink")):
                    with self.subTest(record=record, user=user.login, op=operation):
                        self.assertEqual(
                            record.with_user(user).has_access(operation), letter in letters
                        )
        for method in ("action_publish", "action_withdraw", "action_still_right", "action_edit"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(published.with_user(self.leader), method)()
        draft.with_user(self.agent).action_publish()
        self.assertEqual(draft.version_id.published_by_id, self.agent)
        self.assertTrue(draft.with_user(self.agent).can_edit)
        self.assertFalse(draft.with_user(self.agent2).can_edit)

    def test_the_working_text_of_a_published_standard_is_for_who_works_on_it(self):
        standard = self._standard(owner_id=self.agent.id)
        standard.write({"text": "<p>Not yet decided.</p>", "dos": "<p>New</p>", "change_note": "n"})
        working = ["text", "dos", "donts", "change_note"]
        export = self.env.ref("base.group_allow_export")
        (self.agent2 | self.leader).group_ids = [Command.link(export.id)]
        for user in (self.agent2, self.leader):
            theirs = standard.with_user(user)
            for name in working:
                for gesture in (
                    lambda theirs, name: theirs.read([name]),
                    lambda theirs, name: theirs.web_read({name: {}}),
                    lambda theirs, name: theirs.search_read([], [name]),
                    lambda theirs, name: theirs.search([(name, "ilike", "decided")]),
                    lambda theirs, name: theirs.search([], order=name),
                    lambda theirs, name: theirs.formatted_read_group([], [name], ["__count"]),
                    lambda theirs, name: theirs.export_data([name]),
                    lambda theirs, name: theirs.mapped(name),
                    lambda theirs, name: theirs.env["care.standard.reader"].search(
                        [(f"standard_id.{name}", "!=", False)]
                    ),
                ):
                    self.env.invalidate_all()
                    with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                        gesture(theirs, name)
            self.env.invalidate_all()
            standard.mapped("text")  # in the cache it is no nearer
            shown = theirs.read()[0]
            self.assertFalse(set(working) & set(shown))
            self.assertIn("Within one hour", shown["reading_text"])
            self.assertTrue(shown["is_changed"])
        for user in (self.agent, self.manager):
            shown = standard.with_user(user).read(working)[0]
            self.assertIn("Not yet decided", shown["text"])
            self.assertEqual(shown["change_note"], "n")
        found = self.standards.with_user(self.manager).search([("text", "ilike", "decided")])
        self.assertEqual(found, standard)

    def test_an_owner_who_manages_nothing_works_on_the_text_in_its_form(self):
        standard = self._standard(owner_id=self.agent.id)
        view = "customer_care.care_standard_view_form"
        with Form(standard.with_user(self.agent), view=view) as form:
            self.assertIn("Within one hour", form.text)
            form.text = "<p>Within half an hour.</p>"
            form.change_note = "Faster"
        standard.with_user(self.agent).action_publish()
        self.assertIn("half an hour", standard.with_user(self.agent2).reading_text)

    def test_state_and_versions_are_not_forged(self):
        standard = self._standard()
        version = standard.version_id
        for user in (self.agent, self.leader, self.manager):
            for vals in ({"state": "draft"}, {"version_id": False}, {"report_count": 9}):
                with self.subTest(user=user.login, vals=vals), self.assertRaises(AccessError):
                    standard.with_user(user).write(vals)
            with self.assertRaises(AccessError):
                version.with_user(user).write({"text": "<p>Forged</p>"})
            with self.assertRaises(AccessError):
                version.with_user(user).unlink()
            with self.assertRaises(AccessError):
                self.env["care.standard.version"].with_user(user).create(
                    {"standard_id": standard.id, "number": 9, "name": "Forged"}
                )
        forged = self.standards.with_context(
            default_state="published", default_version_id=version.id, default_report_count=3
        ).create({"name": "x", "company_id": self.company.id})
        self.assertEqual(
            (forged.state, forged.version_id.id, forged.report_count), ("draft", False, 0)
        )

    def test_only_somebody_of_customer_care_answers_for_a_standard(self):
        outsider = self._user("care_outsider", "base.group_user")
        with self.assertRaisesRegex(ValidationError, "cannot answer for"):
            self._standard(owner_id=outsider.id, publish=False)

    def test_an_archived_owner_hands_his_standards_over(self):
        kept, lost = (self._standard(owner_id=user.id) for user in (self.agent, self.agent2))
        self._say(kept, self.rep, "Does not work")
        self.agent.care_substitute_id = self.leader
        (self.agent | self.agent2).action_archive()
        self.assertEqual((kept.owner_id, lost.owner_id), (self.leader, self.manager))
        self.assertEqual(self._reminders(kept, "revision").user_id, self.leader)
        self.company.care_default_owner_id = self._user("care_last", "customer_care.group_agent")
        (self.leader | self.manager).action_archive()
        self.assertEqual((kept | lost).owner_id, self.company.care_default_owner_id)

    def test_a_text_is_sanitized(self):
        standard = self._standard(text="<p>Hello<script>alert(1)</script></p>")
        self.assertNotIn("script", str(standard.version_id.text))

    # ------------------------------------------------------------
    # The printed book
    # ------------------------------------------------------------

    def _book(self, standards, user=None):
        reports = self.env["ir.actions.report"].with_user(user or self.agent)
        content, _type = reports._render_qweb_html(
            "customer_care.report_standards_book", standards.ids
        )
        return content.decode()

    def test_the_printed_book_has_chapters_contents_texts_versions_and_owners(self):
        with self._at("2026-03-02 09:00:00"):
            first = self._standard(owner_id=self.leader.id)
            second = self._standard(name="What a complaint is", kind="definition")
        first.with_user(self.leader).text = "<p>Not yet published</p>"
        book = self._book(first | second)
        for words in (
            "Contents",
            "Definitions",
            "Communication",
            "What a complaint is",
            "Within one hour.",
            "Say when",
            "“Soon”",
            first.reference,
            f"#standard_{first.id}",
            "03/02/2026",
            self.leader.name,
        ):
            with self.subTest(words):
                self.assertIn(words, book)
        self.assertNotIn("Not yet published", book)
        self.assertNotIn("Principles", book)
        self.assertLess(book.index("Definitions"), book.index("Communication"))
        self.assertNotIn("Contents", self._book(first))

    def test_an_agent_prints_the_book_and_a_draft_is_its_owners(self):
        published = self._standard()
        draft = self._standard(publish=False, name="A draft")
        action = self.env["care.standard"].with_user(self.agent).action_print_book()
        self.assertEqual(action["report_name"], "customer_care.report_standards_book")
        self.assertIn(published.id, action["context"]["active_ids"])
        self.assertNotIn(draft.id, action["context"]["active_ids"])
        with self.assertRaises(AccessError):
            self._book(draft)
        self.assertIn("Draft", self._book(draft, self.manager))
