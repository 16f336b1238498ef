import re
from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import CareCase

#: Monday to Friday, nine to five in Brussels, an hour more than UTC.
MONDAY_9 = "2026-11-23 08:00:00"
MONDAY_16 = "2026-11-23 15:00:00"
TUESDAY_11 = "2026-11-24 10:00:00"
FRIDAY_16 = "2026-11-27 15:00:00"
NEXT_MONDAY_10 = "2026-11-30 09:00:00"


class OwnedCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.care_start_date = "2020-01-01"

    def _started(self, moment=MONDAY_9, **vals):
        with self._at(moment):
            journey = self._journey(self._confirmed(**vals))
            self.env.flush_all()
        return journey

    def _pieces(self, record):
        return self.env["care.tenure"].search(
            [(record._care_link, "=", record.id)], order="since, id"
        )

    def _assert_one_owner(self, record):
        """The pieces follow each other without a gap, and the last one is what is true."""
        pieces = self._pieces(record)
        self.assertTrue(pieces)
        for piece, following in zip(pieces, pieces[1:], strict=False):
            self.assertEqual(piece.until, following.since)
            self.assertLess(piece.since, piece.until)
            self.assertTrue(piece.user_id)
        last = pieces[-1]
        self.assertFalse(last.until)
        self.assertEqual(last.user_id, record.owner_id)
        self.assertEqual(last.stage_id, record.stage_id)
        self.assertEqual(last.team_id, record.team_id)
        return pieces

    def _leave(self, user, date_from, date_to):
        resource = self.env["resource.resource"].create(
            {"name": user.name, "user_id": user.id, "company_id": self.company.id}
        )
        self.env["resource.calendar.leaves"].create(
            {
                "name": "Holidays",
                "resource_id": resource.id,
                "company_id": self.company.id,
                "calendar_id": resource.calendar_id.id,
                "date_from": date_from,
                "date_to": date_to,
            }
        )
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestTenure(OwnedCase):
    def test_each_piece_says_who_had_it_from_when_to_when_and_how_long_in_working_time(self):
        journey = self._started()
        with self._at(MONDAY_16):
            journey._set_owner(self.agent)
        with self._at(TUESDAY_11):
            journey._enter_stage(self.stages[1])
        pieces = self._assert_one_owner(journey)
        self.assertEqual(pieces.mapped("user_id"), self.rep | self.agent)
        self.assertEqual(
            [(p.stage_id, p.seconds) for p in pieces],
            [(self.stages[0], 7 * 3600), (self.stages[0], 3 * 3600), (self.stages[1], 0)],
        )

    def test_the_pieces_add_up_to_the_whole(self):
        journey = self._started()
        moments = [MONDAY_16, TUESDAY_11, FRIDAY_16, NEXT_MONDAY_10]
        for number, moment in enumerate(moments):
            with self._at(moment):
                journey._set_owner((self.agent, self.agent2)[number % 2])
        pieces = self._assert_one_owner(journey)
        worktime = self.env["care.worktime"]._get(
            self.company.resource_calendar_id,
            self.company,
            at=fields.Datetime.to_datetime(MONDAY_9),
        )
        _row, whole = worktime._apply(
            "elapsed",
            fields.Datetime.to_datetime(MONDAY_9),
            fields.Datetime.to_datetime(NEXT_MONDAY_10),
        )
        self.assertEqual(sum(pieces.mapped("seconds")), whole)
        self.assertEqual(whole, 41 * 3600)

    def test_several_changes_in_one_moment_are_one_piece(self):
        journey = self._started()
        with self._at(MONDAY_16):
            journey._set_owner(self.agent)
            journey._enter_stage(self.stages[1])
            journey._set_owner(self.agent2)
        self.assertEqual(len(self._assert_one_owner(journey)), 2)

    def test_a_case_has_tenures_too_from_its_first_moment_on(self):
        with self._at(MONDAY_9):
            case = self._case()
        with self._at(MONDAY_16):
            case.write({"resolution": "Mended"})
            case.action_resolve()
        pieces = self._assert_one_owner(case)
        self.assertEqual(pieces[0].seconds, 7 * 3600)

    def test_a_change_of_team_is_a_new_piece(self):
        journey = self._started()
        other = self.team.copy({"name": "Other"})
        with self._at(MONDAY_16):
            journey.team_id = other
        self.assertEqual(self._assert_one_owner(journey).team_id, self.team | other)

    def test_nobody_forges_a_tenure(self):
        piece = self._pieces(self._started())
        tenures = self.env["care.tenure"].with_user(self.manager)
        with self.assertRaises(AccessError):
            tenures.create({"journey_id": piece.journey_id.id, "user_id": self.manager.id})
        with self.assertRaises(AccessError):
            piece.with_user(self.manager).write({"seconds": 1})
        with self.assertRaises(AccessError):
            piece.with_user(self.manager).unlink()

    def test_a_batch_costs_as_many_queries_as_one(self):
        journeys = self.env["care.journey"]
        for _number in range(41):
            journeys |= self._started()

        def cost(records, owner):
            self.env.flush_all()
            self.env.invalidate_all()
            records.mapped("owner_id")
            start = self.env.cr.sql_log_count
            self.env["care.tenure"]._turn_over(records.sudo())
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        with self._at(MONDAY_16):
            journeys.with_context(care_entering=None)
            self.env.cr.execute(
                "UPDATE care_journey SET owner_id = %s WHERE id = ANY(%s)",
                (self.agent.id, journeys.ids),
            )
            self.env.invalidate_all()
            cost(journeys[0], self.agent)  # the snapshot of the hours
            one, many = cost(journeys[1], self.agent), cost(journeys[2:], self.agent)
        self.assertLessEqual(many, one + 2)


@tagged("post_install", "-at_install")
class TestHandoff(OwnedCase):
    def _offer(self, record, giver=None, to=None, **vals):
        return (
            self.env["care.handoff"]
            .with_user(giver or record.owner_id)
            .create(
                {
                    record._care_link: record.id,
                    "to_user_id": (to or self.agent).id,
                    "note": "She is at home in the mornings.",
                    **vals,
                }
            )
        )

    def _activities(self, record):
        kind = self.env.ref("customer_care.mail_activity_type_handoff")
        return record.activity_ids.filtered(lambda a: a.activity_type_id == kind)

    def test_the_giver_stays_the_owner_until_it_is_accepted(self):
        journey = self._started()
        handoff = self._offer(journey)
        self.assertEqual(journey.owner_id, self.rep)
        self.assertEqual(self._activities(journey).user_id, self.agent)
        self.assertIn("mornings", self._activities(journey).note)
        self.assertIn(self.agent.name, journey.handoff_state)
        handoff.with_user(self.agent).action_accept()
        self.assertEqual(journey.owner_id, self.agent)
        self.assertEqual(journey.first_owner_id, self.rep)
        self.assertEqual(handoff.answer, "accepted")
        self.assertFalse(self._activities(journey), "out of everybody's activities")
        self.assertFalse(journey.handoff_state)
        self._assert_one_owner(journey)

    def test_the_receiver_may_look_at_what_they_are_asked_to_take(self):
        journey, case = self._started(), self._case(owner_id=self.manager.id, team_id=False)
        outsider = self._user("care_outside", "customer_care.group_agent")
        for record in (journey, case):
            with self.assertRaises(AccessError):
                record.with_user(outsider).read(["name"])
            handoff = self._offer(record, to=outsider)
            self.assertTrue(record.with_user(outsider).read(["name"]))
            with self.assertRaises(AccessError):
                record.with_user(outsider).write({"color": 1})
            handoff.with_user(record.owner_id).action_withdraw()
            with self.assertRaises(AccessError):
                record.with_user(outsider).read(["name"])

    def test_nobody_accepts_or_declines_for_another(self):
        journey = self._started()
        handoff = self._offer(journey)
        for user in (self.rep, self.leader, self.manager):
            with self.assertRaises(AccessError):
                handoff.with_user(user).action_accept()
            with self.assertRaises(AccessError):
                handoff.with_user(user).action_decline()
        self.assertEqual(journey.owner_id, self.rep)

    def test_declining_needs_a_reason_and_tells_the_giver(self):
        journey = self._started()
        handoff = self._offer(journey).with_user(self.agent)
        with self.assertRaisesRegex(UserError, "Say why not"):
            handoff.action_decline()
        handoff.answer_note = "Away until Friday"
        handoff.action_decline()
        self.assertEqual(handoff.answer, "declined")
        self.assertEqual(journey.owner_id, self.rep)
        told = self._activities(journey)
        self.assertEqual(told.user_id, self.rep)
        self.assertIn("Away until Friday", told.note)
        with self.assertRaises(UserError):
            handoff.action_accept()

    def test_after_the_time_in_working_hours_the_leader_decides_and_is_told_once(self):
        self.company.care_handoff_hours = 4
        journey = self._started()
        with self._at(MONDAY_16):
            handoff = self._offer(journey)
        self.assertEqual(str(handoff.deadline_at), "2026-11-24 11:00:00", "Tuesday at noon")
        with self._at("2026-11-24 10:59:00"):
            self._run("care.handoff")
        self.assertEqual(handoff.answer, "waiting")
        for _time in range(2):
            with self._at("2026-11-24 11:01:00"):
                self._run("care.handoff")
        self.assertEqual(handoff.answer, "late")
        self.assertEqual(journey.owner_id, self.rep, "the giver still has it")
        told = self._activities(journey).filtered(lambda a: a.user_id == self.leader)
        self.assertEqual(len(told), 1)
        # the leader takes it: nothing is left of the question
        journey.with_user(self.leader).action_take()
        self.assertEqual(journey.owner_id, self.leader)
        self.assertEqual(handoff.answer, "overtaken")
        self.assertFalse(self._activities(journey))

    def test_it_can_still_be_accepted_late(self):
        journey = self._started()
        handoff = self._offer(journey)
        self._run("care.handoff", days=7)
        handoff.with_user(self.agent).action_accept()
        self.assertEqual(journey.owner_id, self.agent)
        self.assertFalse(self._activities(journey))

    def test_a_person_gives_nobody_work_without_asking_but_the_leader_may(self):
        journey = self._started()
        with self.assertRaisesRegex(UserError, "Hand Over"):
            journey.with_user(self.rep).owner_id = self.agent
        journey.with_user(self.leader).owner_id = self.agent
        self.assertEqual(journey.owner_id, self.agent)
        journey.with_user(self.manager).owner_id = self.agent2
        self.assertEqual(journey.owner_id, self.agent2)

    def test_what_somebody_else_has_is_not_theirs_to_hand_over(self):
        journey = self._started()
        journey._set_owner(self.agent)
        with self.assertRaises(UserError):
            self._offer(journey, giver=self.rep, to=self.agent2)
        self._offer(journey, giver=self.leader, to=self.agent2)

    def test_nobody_is_asked_who_cannot_take_it_and_the_message_says_whom_to_ask(self):
        journey = self._started()
        outsider = self._user("care_outsider", "base.group_user")
        with self.assertRaisesRegex(UserError, "cannot answer for records"):
            self._offer(journey, to=outsider)
        with self.assertRaisesRegex(UserError, "has it already"):
            self._offer(journey, to=self.rep)
        self.agent.write(
            {
                "out_of_office_from": fields.Datetime.now() - timedelta(hours=1),
                "care_substitute_id": self.agent2.id,
            }
        )
        with self.assertRaisesRegex(UserError, re.escape(f"Ask {self.agent2.name} instead")):
            self._offer(journey)

    def test_it_is_answered_and_not_ticked_off(self):
        journey = self._started()
        handoff = self._offer(journey)
        with self.assertRaisesRegex(UserError, "waits for your answer"):
            handoff.activity_id.with_user(self.agent).action_done()
        self.assertEqual(handoff.answer, "waiting")

    def test_what_has_ended_is_handed_to_nobody(self):
        journey = self._started()
        handoff = self._offer(journey)
        journey.order_id._action_cancel()
        self.assertEqual(handoff.answer, "overtaken")
        self.assertFalse(self._activities(journey))

    def test_the_reason_is_the_word_of_who_declined(self):
        journey = self._started()
        handoff = self._offer(journey)
        handoff.with_user(self.agent).answer_note = "Away until Friday"
        handoff.with_user(self.agent).action_decline()
        for user in (self.rep, self.agent):
            with self.assertRaises(AccessError):
                handoff.with_user(user).answer_note = "Lazy"

    def test_a_leader_who_goes_leaves_the_question_to_who_leads_now(self):
        journey = self._started()
        handoff = self._offer(journey)
        self._run("care.handoff", days=7)
        self.assertEqual(handoff.leader_activity_id.user_id, self.leader)
        self.leader.action_archive()
        self._run("care.handoff")
        self.assertEqual(handoff.leader_activity_id.user_id, self.manager)

    def test_who_stands_in_for_the_leader_sees_it_and_decides_while_it_is_open(self):
        self.leader.write(
            {
                "out_of_office_from": "2026-11-20 08:00:00",
                "care_substitute_id": self.agent2.id,
            }
        )
        for record in (self._started(), self._case(owner_id=self.rep.id, team_id=self.team.id)):
            # of another team: by that alone they would not see it
            record.team_id = self.team.copy({"name": "Far", "member_ids": [Command.clear()]})
            mine = record.with_user(self.agent2)
            self.assertFalse(mine.has_access("read"))
            handoff = self._offer(record)
            handoff.sudo()._run_due()
            self.assertEqual(handoff.leader_activity_id.user_id, self.agent2)
            self.env.invalidate_all()
            self.assertTrue(handoff.with_user(self.agent2).has_access("read"))
            self.assertTrue(mine.search([("id", "=", record.id)]))
            # whoever else is told of it decides nothing
            handoff.leader_activity_id.sudo().user_id = self.rep
            with self.assertRaisesRegex(UserError, "Hand Over"):
                record.with_user(self.rep).owner_id = self.manager
            with self.assertRaises(AccessError):
                handoff.with_user(self.rep).write({"decider_id": self.rep.id})
            mine.owner_id = self.agent
            self.assertEqual((record.owner_id, handoff.answer), (self.agent, "accepted"))
            # what they gave away they may look at, and no more
            self.env.invalidate_all()
            self.assertFalse(mine.has_access("write"))
            with self.assertRaises(AccessError):
                mine.owner_id = self.agent2

    def test_leading_a_team_gives_no_right_over_what_another_has(self):
        journey = self._started()
        self.rep.group_ids = [Command.link(self.env.ref("customer_care.group_leader").id)]
        mine = self.team.copy({"name": "Mine", "leader_id": self.rep.id})
        with self.assertRaisesRegex(UserError, "Hand Over"):
            journey.with_user(self.rep).write({"team_id": mine.id, "owner_id": self.agent.id})

    def test_what_one_may_not_read_is_not_told_while_typing(self):
        journey = self._started()
        outsider = self._user("care_outside", "customer_care.group_agent")
        tier = self.env.ref("customer_care.tier_key")
        self.customer.with_company(self.company).care_tier_id = tier
        for model, spec in (
            ("care.handoff", {"subject": {}, "is_key": {}, "tier_id": {"fields": {}}}),
            ("care.followup", {"order_name": {}, "products": {}}),
        ):
            told = (
                self.env[model]
                .with_user(outsider)
                .onchange({"journey_id": journey.id}, ["journey_id"], {"journey_id": {}, **spec})
            )
            self.assertNotIn(self.customer.name, str(told))
            self.assertNotIn(journey.order_id.name, str(told))
            self.assertFalse(told["value"].get("is_key") or told["value"].get("tier_id"))

    def test_one_question_at_a_time(self):
        journey = self._started()
        self._offer(journey)
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            self._offer(journey, to=self.agent2)

    def test_a_stage_rule_transfers_at_once_and_overtakes_the_question(self):
        self.stages[1].write({"owner_rule": "user", "owner_id": self.agent2.id})
        journey = self._started()
        handoff = self._offer(journey)
        journey._enter_stage(self.stages[1])
        self.assertEqual(journey.owner_id, self.agent2)
        self.assertEqual(handoff.answer, "overtaken")

    def test_nothing_of_a_hand_off_can_be_forged(self):
        journey = self._started()
        handoff = self._offer(journey)
        for vals in ({"answer": "accepted"}, {"to_user_id": self.agent2.id}, {"state": "done"}):
            with self.subTest(vals), self.assertRaises(AccessError):
                handoff.with_user(self.agent).write(vals)
        with self.assertRaises(AccessError):
            self._offer(self._started(), answer="accepted")
        with self.assertRaises(AccessError):
            self._offer(self._started(), from_user_id=self.manager.id)

    def test_the_dialog_asks_for_the_receiver_and_what_they_should_know(self):
        journey = self._started()
        action = journey.with_user(self.rep).action_hand_off()
        form = Form(
            self.env["care.handoff"].with_user(self.rep).with_context(**action["context"]),
            view=action["views"][0][0],
        )
        form.to_user_id = self.agent
        form.note = "Call before noon"
        handoff = form.save()
        self.assertEqual(handoff.journey_id, journey)
        self.assertEqual(handoff.from_user_id, self.rep)

    def test_another_company_sees_no_hand_off(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.env.user.company_ids = [Command.link(other.id)]
        manager = self._user("care_b", "customer_care.group_manager", other)
        handoff = self._offer(self._started())
        self.assertNotIn(handoff, self.env["care.handoff"].with_user(manager).search([]))
        self.assertFalse(
            self.env["care.tenure"]
            .with_user(manager)
            .search([("journey_id", "=", handoff.journey_id.id)])
        )


@tagged("post_install", "-at_install")
class TestAbsence(OwnedCase):
    def test_who_is_on_leave_gives_way_to_the_substitute(self):
        self.rep.care_substitute_id = self.agent2
        now = fields.Datetime.now()
        self._leave(self.rep, now - timedelta(days=1), now + timedelta(days=1))
        self.assertEqual(self._journey(self._confirmed()).owner_id, self.agent2)

    def test_a_leave_that_is_over_counts_no_more(self):
        now = fields.Datetime.now()
        self._leave(self.rep, now - timedelta(days=3), now - timedelta(days=1))
        self.assertEqual(self._journey(self._confirmed()).owner_id, self.rep)

    def test_what_an_archived_user_had_is_listed_to_the_leader(self):
        journeys = self.env["care.journey"]
        for _number in range(3):
            journeys |= self._journey(self._confirmed())
        case = self._case(owner_id=self.rep.id)
        before = self.env["mail.message"].search([], order="id desc", limit=1).id
        self.rep.action_archive()
        self.assertNotIn(self.rep, (journeys | journeys).owner_id | case.owner_id)
        told = self.env["mail.message"].search(
            [
                ("id", ">", before),
                ("partner_ids", "in", self.leader.partner_id.ids),
                ("subject", "ilike", self.rep.name),
            ]
        )
        self.assertEqual(len(told), 1, "one message, not one for each")
        for record in (*journeys, case):
            self.assertIn(record.display_name.split(" · ")[0], told.body)

    def _told(self, user, words):
        """What was told to ``user`` with these words in its subject, newest first."""
        return self.env["mail.message"].search(
            [
                ("partner_ids", "in", user.partner_id.ids),
                ("subject", "ilike", words),
            ],
            order="id desc",
        )

    def test_what_still_names_an_archived_user_is_listed_to_the_default_owner(self):
        gone = self._user("care_gone", "customer_care.group_leader", name="Gone Girl")
        stage = self.stages[1]
        stage.write({"curator_id": gone.id, "owner_rule": "user", "owner_id": gone.id})
        # a name that does not count any more
        self.stages[2].write({"owner_rule": "keep", "owner_id": gone.id})
        self.team.leader_id = gone
        self.agent.care_substitute_id = gone
        policy = self._policy(((0, "care_owner"),))
        step = policy.plan_id.template_ids
        step.write({"responsible_type": "other", "responsible_id": gone.id})
        self.company.care_default_owner_id = gone
        gone.action_archive()
        told = self._told(self.manager, "Gone Girl left and is still named in 6 places")
        self.assertEqual(len(told), 1, "one message, not one for each")
        for record in (stage, self.team, self.agent, step, self.company):
            self.assertIn(f'"{record._name}" data-oe-id="{record.id}"', told.body)
        for label in ("Curator", "Named User", "Team Leader", "Substitute", "Default Owner"):
            self.assertIn(label, told.body)
        self.assertNotIn(self.stages[2].name, told.body)

    def test_who_is_named_nowhere_leaves_nothing_to_tell(self):
        gone = self._user("care_gone", "customer_care.group_agent", name="Gone Girl")
        gone.action_archive()
        self.assertFalse(self._told(self.manager, "Gone Girl"))

    def test_stages_and_teams_that_name_somebody_who_left_are_marked_and_found(self):
        gone = self._user("care_gone", "customer_care.group_leader", name="Gone Girl")
        curated, owned, kept = self.stages[:3]
        curated.curator_id = gone
        owned.write({"owner_rule": "user", "owner_id": gone.id})
        kept.write({"owner_rule": "keep", "owner_id": gone.id})
        self.team.leader_id = gone
        gone.action_archive()
        self.assertEqual((curated | owned).mapped("left_names"), ["Gone Girl", "Gone Girl"])
        self.assertFalse(kept.left_names)
        stages = self.env["care.stage"].with_user(self.manager)
        for domain, expected in (
            ([("left_names", "!=", False)], curated | owned),
            ([("left_names", "=", False)], self.stages - curated - owned),
        ):
            found = stages.search([("id", "in", self.stages.ids), *domain])
            self.assertEqual(found, expected)
        teams = self.env["care.team"].with_user(self.manager)
        self.assertIn(self.team, teams.search([("left_names", "!=", False)]))
        curated.curator_id = self.agent
        self.assertFalse(curated.left_names)

    def test_rules_that_name_somebody_who_left_go_on_with_who_stands_in(self):
        gone = self._user("care_gone", "customer_care.group_leader", care_substitute_id=False)
        entered = self.stages[1]
        entered.write({"owner_rule": "user", "owner_id": gone.id, "team_id": self.team.id})
        step = self._policy(((5, "care_owner"),)).plan_id.template_ids
        step.write({"responsible_type": "other", "responsible_id": gone.id})
        gone.action_archive()
        journey = self._journey(self._confirmed())
        journey.team_id = self.team
        self.assertTrue(journey.followup_ids.user_id.active)
        journey.sudo()._enter_stage(entered)
        self.assertEqual(journey.owner_id, self.leader)
        # the leader too: the company's default owner answers, also for the last try
        self.leader.action_archive()
        self.assertEqual(journey.owner_id, self.manager)
        outcome = self.env.ref("customer_care.outcome_no_answer")
        outcome.retry_max = 1
        followup = journey.followup_ids
        followup.user_id = self.agent
        followup.outcome_id = outcome
        followup.action_done()
        self.assertEqual((journey.followup_ids - followup).user_id, self.manager)

    def test_who_may_not_work_in_a_company_any_more_answers_for_nothing_there(self):
        other = self.env["res.company"].create({"name": "Other"})
        for vals in (
            {"company_id": other.id, "company_ids": [Command.set(other.ids)]},
            {"group_ids": [Command.set(self.env.ref("base.group_user").ids)]},
        ):
            with self.subTest(vals):
                rep = self._user(f"care_moved_{len(vals)}", "customer_care.group_agent")
                self.env["care.policy"].search([]).active = False
                self._policy(((30, "care_owner"),))
                journey = self._journey(self._confirmed(user=rep))
                case = self._case(owner_id=rep.id)
                # what says nothing of where they work moves nothing
                rep.write({"company_ids": [Command.link(other.id)], "signature": "x"})
                self.assertEqual((journey | journey).owner_id | case.owner_id, rep)
                rep.write(vals)
                self.assertEqual(journey.owner_id | case.owner_id, self.leader)
                self.assertEqual(journey.followup_ids.user_id, self.leader)
                self.assertEqual(len(self._told(self.leader, f"{rep.name} left")), 1)

    def test_a_leader_who_left_before_is_not_told_but_who_stands_in(self):
        self.team.leader_id = self._user("care_gone", "customer_care.group_leader")
        self.team.leader_id.action_archive()
        self._case(owner_id=self.rep.id)
        self.rep.action_archive()
        self.assertEqual(len(self._told(self.manager, f"{self.rep.name} left")), 1)


@tagged("post_install", "-at_install")
class TestMilestones(OwnedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service = cls.env["product.product"].create(
            {"name": "Installation", "type": "service", "list_price": 50, "taxes_id": False}
        )
        cls.policies = {
            event: cls._policy(event=event)
            for event in (
                "order_partly_delivered",
                "order_delivered",
                "order_invoiced",
                "order_paid",
            )
        }

    def _count(self, journey, event):
        return len(journey.followup_ids.filtered(lambda f: f.policy_id == self.policies[event]))

    def _deliver(self, order, *quantities):
        for line, quantity in zip(order.order_line, quantities, strict=False):
            line.qty_delivered = quantity
        self.env.cr.flush()

    def _two_lines(self):
        return self._confirmed(
            order_line=[
                Command.create({"product_id": self.product.id, "product_uom_qty": 2}),
                Command.create({"product_id": self.service.id, "product_uom_qty": 1}),
            ]
        )

    def test_partly_delivered_and_delivered_happen_once_each_however_often_it_flips(self):
        order = self._two_lines()
        journey = self._journey(order)
        self._deliver(order, 1)
        self.assertEqual(self._count(journey, "order_partly_delivered"), 1)
        self.assertEqual(self._count(journey, "order_delivered"), 0)
        for quantity in (2, 1, 0, 2):
            self._deliver(order, quantity)
        self.assertEqual(self._count(journey, "order_partly_delivered"), 1)
        self.assertEqual(self._count(journey, "order_delivered"), 1)
        self.assertTrue(journey.delivered_at)

    def test_services_count_where_there_are_no_goods(self):
        order = self._confirmed(
            order_line=[Command.create({"product_id": self.service.id, "product_uom_qty": 1})]
        )
        self._deliver(order, 1)
        self.assertEqual(self._count(self._journey(order), "order_delivered"), 1)

    def test_a_delivery_brings_the_journey_to_its_stage_and_never_back(self):
        self.stages[1].entry_event = "order_delivered"
        order = self._confirmed()
        journey = self._journey(order)
        self._deliver(order, 1)
        self.assertEqual(journey.stage_id, self.stages[1])
        other = self._confirmed()
        ahead = self._journey(other)
        ahead._enter_stage(self.stages[2])
        self._deliver(other, 1)
        self.assertEqual(ahead.stage_id, self.stages[2])

    def _invoice(self, order, post=True):
        order.order_line.qty_delivered = 2
        invoice = order._create_invoices()
        if post:
            invoice.action_post()
        self.env.flush_all()
        return invoice

    def _pay(self, invoice):
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        ).create({})._create_payments()
        self.env.flush_all()

    def _with_accounts(self):
        """A company that can post and be paid."""
        company = self.company
        env = self.env(context={**self.env.context, "allowed_company_ids": company.ids})
        env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
        self.product.with_company(company).write({"invoice_policy": "order"})
        self.service.with_company(company).write({"invoice_policy": "order"})
        self.env.invalidate_all()

    def test_invoiced_and_paid_happen_once_when_all_of_it_is(self):
        self._with_accounts()
        order = self._confirmed(
            order_line=[
                Command.create({"product_id": self.product.id, "product_uom_qty": 2}),
            ]
        )
        journey = self._journey(order)
        down = (
            self.env["sale.advance.payment.inv"]
            .with_company(self.company)
            .with_context(active_ids=order.ids, active_model="sale.order")
            .create({"advance_payment_method": "percentage", "amount": 30})
        )
        down.create_invoices()
        first = order.invoice_ids
        first.action_post()
        self._pay(first)
        self.assertFalse(journey.invoiced_at, "most of it is left to invoice")
        self.assertFalse(journey.paid_at)
        last = order._create_invoices(final=True)
        last.action_post()
        self.assertTrue(journey.invoiced_at)
        self.assertFalse(journey.paid_at)
        self._pay(last)
        self.assertTrue(journey.paid_at)
        self.assertEqual(self._count(journey, "order_invoiced"), 1)
        self.assertEqual(self._count(journey, "order_paid"), 1)

    def test_a_rule_that_breaks_stops_no_invoice(self):
        self._with_accounts()
        policy = self.policies["order_invoiced"]
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE care_policy SET filter_domain = %s WHERE id = %s",
            ("[('field_that_went', '=', 1)]", policy.id),
        )
        self.env.invalidate_all()
        order = self._confirmed()
        with mute_logger("odoo.addons.customer_care.models.care_rule_mixin"):
            invoice = self._invoice(order)
        self.assertEqual(invoice.state, "posted")
        self.assertIn("field_that_went", policy.last_error)

    def test_a_cancelled_order_reaches_nothing_any_more(self):
        order = self._confirmed()
        order._action_cancel()
        self._deliver(order, 1)
        self.assertFalse(self._journey(order).delivered_at)


@tagged("post_install", "-at_install")
class TestWay(OwnedCase):
    def test_a_stage_that_may_not_be_skipped_cannot_be_by_any_route(self):
        self.stages[1].may_skip = False
        journey = self._started()
        mine = journey.with_user(self.rep)
        for write in (
            lambda: mine.write({"stage_id": self.stages[2].id}),
            lambda: mine.web_save({"stage_id": self.stages[3].id}, {"stage_id": {}}),
            lambda: journey.with_user(self.manager).write({"stage_id": self.stages[2].id}),
        ):
            with self.assertRaisesRegex(UserError, "may not be skipped"):
                write()
        self.stages[2].entry_event = "order_delivered"
        with self._at(MONDAY_16):
            journey.order_id.order_line.qty_delivered = 1
            self.env.cr.flush()
        self.assertEqual(journey.stage_id, self.stages[1], "the engine stops there first")
        for moment, number in ((TUESDAY_11, 2), (FRIDAY_16, 0), (NEXT_MONDAY_10, 2)):
            with self._at(moment):
                mine.stage_id = self.stages[number]
        self.assertEqual(journey.stage_id, self.stages[2], "it has been there already")

    def test_a_case_cannot_skip_either_and_the_customers_word_is_not_lost(self):
        check = self.env["care.stage"].create(
            {
                "name": "Checked by the workshop",
                "res_model": "care.case",
                "category": "open",
                "sequence": 55,
                "may_skip": False,
            }
        )
        case = self._case(resolution="Mended")
        case.with_user(self.agent).action_resolve()
        self.assertTrue(case._customer_answers("yes"))
        self.assertEqual(case.stage_category, "closed")
        self.assertEqual((case.customer_answer, case.cycle), ("yes", 1))
        late = check.copy({"sequence": 56, "may_skip": True, "name": "Late"})
        with self.assertRaisesRegex(UserError, "may not be skipped"):
            self._case().with_user(self.agent).stage_id = late
        with self.assertRaisesRegex(UserError, "may not be skipped"):
            self.env["care.case"].with_user(self.agent).create(
                {"name": "x", "partner_id": self.customer.id, "stage_id": late.id}
            )

    def test_the_short_way_of_a_kind_leads_past_no_stage(self):
        self.env["care.stage"].create(
            {
                "name": "Read by the owner of the shop",
                "res_model": "care.case",
                "category": "open",
                "sequence": 45,
                "may_skip": False,
            }
        )
        case = self._case(owner_id=self.agent.id).with_user(self.agent)
        for kind, vals, button in (
            ("mention", {"public_answer": "Thank you"}, "action_answered_publicly"),
            ("compliment", {"praised_user_id": self.agent2.id}, "action_pass_on"),
            ("suggestion", {"verdict_reason": "Good"}, "action_take_over"),
        ):
            with self.subTest(kind):
                case.write({"kind": kind, **vals})
                with self.assertRaisesRegex(UserError, "may not be skipped"):
                    getattr(case, button)()
                self.assertEqual(case.stage_category, "open")

    def test_silence_is_not_the_customers_word_and_skips_nothing(self):
        self.company.care_silence_days = 7
        seen_to = self.env["care.stage"].create(
            {
                "name": "Checked by the workshop",
                "res_model": "care.case",
                "category": "open",
                "sequence": 55,
                "may_skip": False,
            }
        )
        case = self._case(resolution="Mended")
        case.action_resolve()
        self._run("care.notice", days=30)
        self.assertEqual(case.stage_id, seen_to, "somebody has to see to it first")
        self.assertFalse(case.closed_silently)

    def test_a_cancellation_skips_what_it_will(self):
        self.stages[1].may_skip = False
        order = self._confirmed()
        order._action_cancel()
        self.assertEqual(self._journey(order).stage_category, "cancelled")

    def test_cancelled_is_no_way_round_and_ends_no_journey_of_a_living_order(self):
        self.stages[1].may_skip = False
        journey = self._started()
        with self.assertRaisesRegex(UserError, "Cancel the order"):
            journey.with_user(self.rep).stage_id = self.stages[4]
        self.assertEqual(journey.stage_id, self.stages[0])
        journey._enter_stage(self.stages[4])
        with self.assertRaisesRegex(UserError, "put it back there first"):
            journey.with_user(self.manager).stage_id = self.stages[2]

    def test_who_registers_a_case_gives_nobody_work(self):
        cases = self.env["care.case"].with_user(self.agent)
        vals = {"name": "x", "partner_id": self.customer.id, "team_id": self.team.id}
        with self.assertRaisesRegex(UserError, "Hand Over"):
            cases.create({**vals, "owner_id": self.agent2.id})
        self.assertEqual(cases.create({**vals, "owner_id": self.agent.id}).owner_id, self.agent)

    def test_a_stage_that_was_travelled_is_archived_and_not_deleted(self):
        journey = self._started()
        with self._at(MONDAY_16):
            journey._enter_stage(self.stages[1])
        with self.assertRaisesRegex(UserError, "Archive it"):
            self.stages[0].unlink()

    def test_a_limit_is_near_and_then_over_and_both_are_found(self):
        self.stages[0].days_limit = 10
        journey = self._started()
        journeys = self.env["care.journey"]
        for day, state in (("2026-11-30", False), ("2026-12-02", "near"), ("2026-12-04", "over")):
            with self.subTest(day), self._at(f"{day} 09:00:00"):
                journey.invalidate_recordset()
                self.assertEqual(journey.limit_state, state)
                for wanted in (False, "near", "over"):
                    found = journeys.search([("limit_state", "=", wanted)])
                    self.assertEqual(journey in found, wanted == state)

    def test_a_type_is_for_sales_teams_and_product_categories_and_those_below(self):
        team = self.env["crm.team"].create({"name": "Kitchens", "company_id": self.company.id})
        parent = self.env["product.category"].create({"name": "Big"})
        child = self.env["product.category"].create({"name": "Ovens", "parent_id": parent.id})
        by_team = self.env["care.journey.type"].create(
            {"name": "Of the team", "sequence": 1, "sales_team_ids": team.ids}
        )
        by_product = self.env["care.journey.type"].create(
            {"name": "Of the products", "sequence": 2, "categ_ids": parent.ids}
        )
        self.assertEqual(self._journey(self._confirmed()).type_id, self.journey_type)
        self.assertEqual(self._journey(self._confirmed(team_id=team.id)).type_id, by_team)
        self.product.categ_id = child
        self.assertEqual(self._journey(self._confirmed()).type_id, by_product)

    def test_a_curator_sees_the_figures_of_the_stage(self):
        self.stages[0].write({"curator_id": self.agent.id, "days_limit": 1})
        self._started()
        second = self._started()
        with self._at(MONDAY_16):
            second._enter_stage(self.stages[1])
        with self._at(FRIDAY_16):
            stage = self.stages[0].with_user(self.agent).with_company(self.company)
            self.assertEqual(stage.record_count, 1)
            self.assertEqual(stage.over_count, 1)
            self.assertEqual(stage.median_hours, 7)
            self.assertIn(
                stage.id,
                self.env["care.stage"]
                .with_user(self.agent)
                .search([("curator_id", "=", self.agent.id)])
                .ids,
            )
