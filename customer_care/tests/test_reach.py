from odoo import Command
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestReach(CareCase):
    """Which few records of many a person sees, and how they are found."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nina = cls._user("care_nina_reach", "customer_care.group_agent")
        cls.case = cls._case(owner_id=cls.manager.id, team_id=False)

    def _sees(self, user=None, record=None):
        """By searching and by opening: both must say the same."""
        record = (record or self.case).with_user(user or self.nina)
        self.env.flush_all()
        self.env.invalidate_all()
        found = bool(record.search([("id", "=", record.id)]))
        self.assertEqual(record.has_access("read"), found)
        return found

    def test_joining_and_leaving_a_team_counts_at_once(self):
        self.assertFalse(self._sees())
        self.case.team_id = self.team
        self.assertFalse(self._sees())
        self.team.member_ids = [Command.link(self.nina.id)]
        self.assertTrue(self._sees())
        self.team.member_ids = [Command.unlink(self.nina.id)]
        self.assertFalse(self._sees())
        self.nina.care_team_ids = [Command.link(self.team.id)]
        self.assertTrue(self._sees())
        self.nina.care_team_ids = [Command.clear()]
        self.assertFalse(self._sees())
        self.team.member_ids = [Command.link(self.nina.id)]
        self.team.active = False
        self.assertTrue(self._sees(), "an archived team's cases are its people's")

    def test_leading_a_team_and_curating_a_stage_count_at_once(self):
        head = self._user("care_head", "customer_care.group_leader")
        self.case.team_id = self.team
        self.assertFalse(self._sees(head))
        self.team.leader_id = head
        self.assertTrue(self._sees(head))
        self.team.leader_id = self.leader
        self.assertFalse(self._sees(head))
        for user in (head, self.nina):
            self.case.stage_id.curator_id = user
            self.assertTrue(self._sees(user))
            self.case.stage_id.curator_id = self.manager
            self.assertFalse(self._sees(user))

    def test_a_new_team_and_a_new_stage_count_at_once(self):
        self.assertFalse(self._sees())
        team = self.env["care.team"].create(
            {
                "name": "Night",
                "company_id": self.company.id,
                "leader_id": self.leader.id,
                "member_ids": [Command.set(self.nina.ids)],
            }
        )
        self.case.team_id = team
        self.assertTrue(self._sees())
        self.case.team_id = False
        self.assertFalse(self._sees())
        stage = self.env["care.stage"].create(
            {
                "name": "At the bench",
                "res_model": "care.case",
                "category": "open",
                "curator_id": self.nina.id,
            }
        )
        self.case._enter_stage(stage)
        self.assertTrue(self._sees())

    def test_a_case_of_ones_own_order_or_journey_is_seen(self):
        order = self._confirmed(user=self.rep)
        journey = self._journey(order)
        self.case.journey_id = False
        self.case.order_id = order
        self.assertTrue(self._sees(self.rep))
        order.user_id = self.manager
        self.assertFalse(self._sees())
        order.user_id = self.nina
        self.assertTrue(self._sees())
        order.user_id = self.manager
        self.assertFalse(self._sees())
        self.case.journey_id = journey
        self.assertFalse(self._sees())
        journey._set_owner(self.nina)
        self.assertTrue(self._sees())

    def test_who_is_to_call_sees_the_case_and_the_journey(self):
        journey = self._journey(self._confirmed(user=self.rep))
        for link, record in (("case_id", self.case), ("journey_id", journey)):
            self.assertFalse(self._sees(record=record))
            followup = self.env["care.followup"].create(
                {
                    "name": "Call",
                    link: record.id,
                    "company_id": self.company.id,
                    "partner_id": self.customer.id,
                    "user_id": self.nina.id,
                    "activity_type_id": self.env.ref(
                        "customer_care.mail_activity_type_followup"
                    ).id,
                    "date_due": "2030-01-02",
                }
            )
            self.assertTrue(self._sees(record=record))
            followup.user_id = self.manager
            self.assertFalse(self._sees(record=record))

    def test_who_is_asked_to_take_it_sees_it_while_it_is_offered(self):
        journey = self._journey(self._confirmed(user=self.rep))
        for record in (self.case, journey):
            handoff = self.env["care.handoff"].create(
                {record._care_link: record.id, "to_user_id": self.nina.id}
            )
            self.assertTrue(self._sees(record=record))
            handoff.action_withdraw()
            self.assertFalse(self._sees(record=record))

    def test_finding_the_own_cases_joins_no_other_table_to_every_case(self):
        for name in ("care.case", "care.journey", "care.followup"):
            query = self.env[name].with_user(self.nina)._search([])
            self.assertNotIn("JOIN", query.select().code)
            self.assertNotIn("EXISTS", query.select().code)
