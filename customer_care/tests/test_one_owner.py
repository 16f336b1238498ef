"""Whatever people do, in whatever order: somebody who may work there answers for each record."""

from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from psycopg2 import IntegrityError

from odoo import SUPERUSER_ID, Command, fields
from odoo.exceptions import UserError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.customer_care.models.care_followup import ALIVE
from odoo.addons.customer_care.models.care_stage import OVER

from .test_owned import MONDAY_9, OwnedCase
from .test_standard import StandardCase

#: What happens to a journey or a case, and to its people; what is wanted often stands twice.
GESTURES = (
    *("move", "move", "move", "tick", "tick", "engine", "take", "assign", "team", "cancel"),
    *("hand", "hand", "hand", "accept", "accept", "decline", "decline", "late", "late"),
    *("away", "archive", "come_back", "group", "group_back", "company", "company_back"),
)
#: Those that happen to people; who works where is kept in memory by Odoo.
PEOPLE = {"away", "archive", "come_back", "group", "group_back", "company", "company_back"}
#: Each of them once, and what has to be refused: (gesture, which record, who, a number, a flag).
EACH_ONCE = [
    ("move", 0, 0, 2, False),  # past the second stage: refused
    ("move", 0, 0, 0, True),
    ("move", 0, 0, 0, True),  # before its check is done: refused
    ("tick", 0, 0, 0, True),
    ("move", 0, 0, 1, True),
    ("assign", 0, 1, 0, True),
    ("hand", 0, 2, 0, True),
    ("accept", 0, 0, 0, True),
    ("decline", 0, 1, 0, True),
    ("late", 0, 1, 0, True),
    ("take", 0, 3, 0, True),
    ("team", 0, 0, 0, True),
    ("engine", 0, 0, 3, True),
    ("cancel", 0, 0, 0, True),
    ("cancel", 0, 0, 0, True),
    ("away", 0, 1, 0, True),
    # whoever has it goes, one after the other and each in another way
    ("archive", 0, 0, 1, True),
    ("archive", 1, 0, 1, False),
    *((gesture, 0, who, 0, True) for who in range(5) for gesture in ("come_back", "group_back")),
    ("assign", 0, 1, 0, True),
    ("group", 0, 0, 1, True),
    ("assign", 0, 2, 0, True),
    ("group", 0, 0, 1, False),
    ("group_back", 0, 1, 0, True),
    ("assign", 0, 1, 0, True),
    ("company", 0, 0, 1, True),
    ("company_back", 0, 1, 0, True),
    ("assign", 0, 1, 0, True),
    ("company", 0, 0, 1, False),
]
#: What a refusal says -> why a person's move was refused.
REFUSALS = {"Before leaving this stage": "check", "may not be skipped": "way"}


@tagged("post_install", "-at_install")
class TestOneOwner(StandardCase, OwnedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create({"name": "Elsewhere"})
        cls.other_team = cls.team.copy({"name": "Other", "leader_id": cls.manager.id})
        cls.people = [cls.rep, cls.agent, cls.agent2, cls.leader, cls.manager]
        cls.groups = {user: user.group_ids for user in cls.people}
        cls._policy(((300, "care_owner"),))
        cls._policy(((300, "care_owner"),), event="case_opened")
        case_stages = cls.env["care.stage"].search(
            [("res_model", "=", "care.case")], order="sequence, id"
        )
        cls.ways = {"care.journey": cls.stages, "care.case": case_stages}
        for stages in cls.ways.values():
            stages[1].may_skip = False
            cls._standard(
                name=f"Asked in {stages[1].name}",
                kind="stage",
                is_check=True,
                stage_ids=[Command.set(stages[1].ids)],
            )

    def setUp(self):
        super().setUp()
        journey = self._started()
        with self._at(MONDAY_9):
            journey.team_id = self.team
            case = self._case(resolution="Mended", cancel_reason="Twice")
            # hours for the time to come, read once
            self._worked(fields.Datetime.to_datetime("2027-03-31"))
        self.records = [journey, case]
        self.seen = Counter()

    def _worked(self, until):
        """Working seconds of the company from the beginning of all on."""
        since = fields.Datetime.to_datetime(MONDAY_9)
        worktime = self.env["care.worktime"]._get(
            self.company.resource_calendar_id, self.company, at=since
        )
        return worktime._apply("elapsed", since, until)[1]

    def test_no_moment_without_exactly_one_owner_who_may_work_whatever_happens(self):
        with self._at(MONDAY_9), freeze_time(MONDAY_9) as self.clock:
            self._whatever_happens()
        for gesture in GESTURES:
            self.assertTrue(self.seen[gesture, "done"], f"{gesture} was never done")
        for why in REFUSALS.values():
            self.assertTrue(self.seen["move", why], f"no move was refused because of a {why}")

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        # a failure tells its gestures as they were: to find fewer takes minutes
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(GESTURES),
                st.integers(0, 1),
                st.integers(0, 4),
                st.integers(0, 100),
                st.booleans(),
            ),
            min_size=3,
            max_size=9,
        )
    )
    @example(EACH_ONCE)
    def _whatever_happens(self, gestures):
        with self.env.cr.savepoint() as savepoint:
            try:
                self._live_through(gestures)
            finally:
                savepoint.rollback()
                self._forget({gesture for gesture, *_rest in gestures})

    def _live_through(self, gestures):
        now = fields.Datetime.to_datetime(MONDAY_9)
        for gesture, which, who, hours, flag in gestures:
            now += timedelta(hours=hours, minutes=7)
            record, user = self.records[which], self.people[who]
            touched = self.records if gesture in PEOPLE else [record]
            before = {each: each.owner_id for each in touched}
            self._go_to(now)
            self._try(gesture, record, user, hours, flag)
            for each in touched:
                self._assert_answered(each, before[each])
        for record in self.records:
            self._assert_adds_up(self._assert_one_owner(record), now)

    def _go_to(self, moment):
        self.clock.move_to(moment)
        self.env.cr._now = moment

    def _try(self, gesture, record, user, number, flag):
        """Do it; what is refused has changed nothing."""
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                done = getattr(self, f"_do_{gesture}")(record, user, number, flag)
                self.env.flush_all()
            self.seen[gesture, "done"] += done is not False
        except (UserError, IntegrityError) as error:  # one question at a time
            for words, why in REFUSALS.items():
                self.seen[gesture, why] += words in str(error)
            self._forget({gesture})
        self.env.invalidate_all()

    def _forget(self, gestures):
        """What was rolled back is in no cache either: who is where, and in which groups."""
        self.env.invalidate_all()
        if gestures & PEOPLE:
            self.env.registry.clear_cache()

    # ------------------------------------------------------------
    # What has to be true at any moment
    # ------------------------------------------------------------

    def _assert_answered(self, record, before):
        pieces = self._assert_one_owner(record)
        self._assert_way(record, pieces)
        owner = record.owner_id
        if record.stage_category not in OVER:
            self._assert_may_work(owner)
        if owner.id == SUPERUSER_ID and owner != before:
            self.assertFalse(record._may_own(self.manager, self.company), "who is last is asked")
        rows = record.followup_ids.filtered(lambda row: row.state in ALIVE)
        for user in rows.user_id:
            self._assert_may_work(user)
        if owner != before:
            theirs = rows.filtered(lambda row: row.responsible_type == "care_owner")
            self.assertEqual(theirs.user_id, theirs and owner, "open work moves with the owner")

    def _assert_may_work(self, user):
        self.assertTrue(
            user.id == SUPERUSER_ID or self.env["care.owned.mixin"]._may_own(user, self.company),
            f"{user.login} answers for something and may not work here",
        )

    def _assert_adds_up(self, pieces, now):
        """What each had it for adds up to the whole, by the clock and in working time."""
        self.assertEqual(pieces[0].since, fields.Datetime.to_datetime(MONDAY_9))
        wall = sum(((piece.until or now) - piece.since for piece in pieces), timedelta())
        self.assertEqual(wall, now - pieces[0].since)
        *over, running = pieces
        worked = sum(piece.seconds for piece in over) + running._worked(now)[running]
        self.assertEqual(worked, self._worked(now))

    def _assert_way(self, record, pieces):
        """Nothing is beyond a stage that it was never in and that may not be skipped."""
        must = self.ways[record._name][1]
        if record.stage_category != "cancelled" and must._is_before(record.stage_id):
            self.assertIn(must, pieces.stage_id)

    # ------------------------------------------------------------
    # What happens to the record
    # ------------------------------------------------------------

    def _do_move(self, record, user, number, flag):
        stages = self.ways[record._name]
        here = stages.ids.index(record.stage_id.id)
        target = stages[(here + (1 if flag else number)) % len(stages)]
        category = record.stage_category
        missing = record.check_line_ids.filtered(lambda line: line.state == "open")
        moved = record.stage_id != target
        record.with_user(record.owner_id if number % 2 else user).stage_id = target
        if moved and "cancelled" not in (category, target.category):
            self.assertFalse(missing, "a person has left a stage before its checks were done")
        return moved

    def _do_tick(self, record, user, number, flag):
        lines = record.with_user(record.owner_id).check_line_ids
        lines.filtered(lambda line: line.state == "open").action_done()
        return bool(lines)

    def _do_engine(self, record, user, number, flag):
        record._enter_stage(self.ways[record._name][number % 4])

    def _do_take(self, record, user, number, flag):
        record.with_user(user).action_take()

    def _do_assign(self, record, user, number, flag):
        record.with_user(self.manager if flag else self.leader).owner_id = user

    def _do_team(self, record, user, number, flag):
        record.with_user(self.manager).team_id = self.other_team if flag else self.team

    def _do_cancel(self, record, user, number, flag):
        if record._name == "care.case":
            record.with_user(self.manager).action_cancel()
        elif record.order_id.state == "sale":
            record.order_id._action_cancel()
        else:
            record.order_id.action_draft()
            record.order_id.action_confirm()

    def _do_hand(self, record, user, number, flag):
        self._offer(record, user)

    def _offer(self, record, user):
        return (
            self.env["care.handoff"]
            .with_user(record.owner_id)
            .create({record._care_link: record.id, "to_user_id": user.id})
        )

    def _waiting(self, record, user):
        """What is waiting for an answer; asked now, if nothing is."""
        waiting = record.handoff_ids.filtered(lambda row: row.state in ("planned", "open"))
        return waiting or self._offer(record, user).sudo()

    def _do_accept(self, record, user, number, flag):
        waiting = self._waiting(record, user)
        waiting.with_user(waiting.to_user_id).action_accept()

    def _do_decline(self, record, user, number, flag):
        waiting = self._waiting(record, user)
        declining = waiting.with_user(waiting.to_user_id)
        declining.answer_note = "No time"
        declining.action_decline()

    def _do_late(self, record, user, number, flag):
        waiting = self._waiting(record, user).filtered("next_at")
        waiting._run_due()
        return bool(waiting)

    # ------------------------------------------------------------
    # What happens to people
    # ------------------------------------------------------------

    def _hit(self, record, user, number):
        """Every other time it is the owner who goes."""
        return record.owner_id if number % 2 and record.owner_id in self.people else user

    def _do_away(self, record, user, number, flag):
        user.out_of_office_from = fields.Datetime.now() if flag else False

    def _do_archive(self, record, user, number, flag):
        user = self._hit(record, user, number)
        user.action_archive() if flag else user.write({"active": False})

    def _do_come_back(self, record, user, number, flag):
        user.write({"active": True})

    def _do_group(self, record, user, number, flag):
        """Taken out of all groups of Customer Care, on their forms or on the user's."""
        user = self._hit(record, user, number)
        agents = self.env.ref("customer_care.group_agent")
        giving = user.group_ids.filtered(lambda group: agents in group.all_implied_ids)
        if flag:
            giving.write({"user_ids": [Command.unlink(user.id)]})
        else:
            user.group_ids = [Command.unlink(group.id) for group in giving]
        # Odoo's form of groups does not look at archived users
        return not user.has_group("customer_care.group_agent")

    def _do_group_back(self, record, user, number, flag):
        user.group_ids = [Command.set(self.groups[user].ids)]

    def _do_company(self, record, user, number, flag):
        """Goes to another company: on the company's form or on the user's."""
        user = self._hit(record, user, number)
        if flag:
            user.write(
                {
                    "company_id": self.other_company.id,
                    "company_ids": [Command.set(self.other_company.ids)],
                }
            )
            return
        user.write(
            {
                "company_ids": [Command.link(self.other_company.id)],
                "company_id": self.other_company.id,
            }
        )
        self.company.write({"user_ids": [Command.unlink(user.id)]})

    def _do_company_back(self, record, user, number, flag):
        user.write({"company_ids": [Command.link(self.company.id)], "company_id": self.company.id})
