"""Who is about to break what: the running promises by who answers for them."""

from lxml import etree

from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import MONDAY_9, MONDAY_10, TUESDAY_10, SlaCase


@tagged("post_install", "-at_install")
class TestPeople(SlaCase):
    def setUp(self):
        super().setUp()
        # due on Monday at one, on Tuesday at eleven and at one
        self.late = self._case_at(MONDAY_9, owner_id=self.agent.id, name="Late")
        self.soon = self._case_at("2026-11-23 14:00:00", owner_id=self.agent2.id, name="Soon")
        self.today = self._case_at("2026-11-24 08:00:00", owner_id=self.agent2.id, name="Today")
        self.env.flush_all()

    def _answers(self, user, *filters):
        """Names of the cases by owner, as the screen shows them to this user."""
        self.env.invalidate_all()
        clocks = self.env["care.sla.clock"].with_user(user).with_company(self.company)
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_sla.care_sla_clock_action_people"
        )
        domain = [
            *safe_eval(action["domain"]),
            ("measure", "=", "first_response"),
            ("case_id", "in", (self.late | self.soon | self.today).ids),
        ]
        arch = etree.fromstring(
            clocks.get_view(self.env.ref("customer_care_sla.care_sla_clock_view_search").id)["arch"]
        )
        for name in filters:
            (node,) = arch.xpath(f"//filter[@name='{name}']")
            domain += safe_eval(node.get("domain"), {"uid": user.id})
        rows = clocks._read_group(domain, ["owner_id"], ["id:recordset"])
        return {owner.login: sorted(mine.mapped("case_id.name")) for owner, mine in rows}

    def test_the_running_promises_by_person(self):
        self.assertEqual(
            self._answers(self.leader),
            {"care_agent": ["Late"], "care_agent2": ["Soon", "Today"]},
        )

    def test_what_is_late_due_in_the_next_hour_and_today(self):
        leader = self.leader
        self.assertEqual(self._answers(leader, "late"), {"care_agent": ["Late"]})
        with self._at("2026-11-24 09:30:00"):
            self.assertEqual(self._answers(leader, "hour"), {"care_agent2": ["Soon"]})
        self.assertEqual(self._answers(leader, "today"), {"care_agent2": ["Soon", "Today"]})
        self.assertEqual(
            self._answers(leader, "today_or_late"),
            {"care_agent": ["Late"], "care_agent2": ["Soon", "Today"]},
        )

    def test_at_risk_follows_the_time_and_no_cron(self):
        # a quarter of four hours before eleven
        with self._at("2026-11-24 08:59:59"):
            self.assertEqual(self._answers(self.leader, "risk"), {})
            self.assertEqual(self._clock(self.soon).status, "running")
        with self._at("2026-11-24 09:00:00"):
            self.assertEqual(self._answers(self.leader, "risk"), {"care_agent2": ["Soon"]})
            self.assertEqual(self._clock(self.soon).status, "risk")

    def test_a_promise_that_is_fulfilled_or_paused_is_nobodys_worry(self):
        with self._at(TUESDAY_10):
            self.env["care.sla.clock"]._meet(self.late)
        self._stage(self.soon, "waiting_customer", TUESDAY_10)
        self.assertNotIn("care_agent", self._answers(self.leader))
        self.assertEqual(self._clock(self.soon, "resolution").state, "paused", "it stands still")

    def test_a_leader_sees_the_own_teams_and_an_agent_the_own_cases(self):
        other = self.env["care.team"].create(
            {
                "name": "Elsewhere",
                "company_id": self.company.id,
                "leader_id": self.manager.id,
                "member_ids": [(6, 0, self.rep.ids)],
            }
        )
        outside = self._user("care_leader_outside", "customer_care.group_leader")
        self.late.team_id = other
        self.env.flush_all()
        self.assertEqual(self._answers(self.leader), {"care_agent2": ["Soon", "Today"]})
        self.assertEqual(self._answers(outside), {})
        self.assertEqual(self._answers(self.manager)["care_agent"], ["Late"])
        self.assertEqual(self._answers(self.agent)["care_agent"], ["Late"], "the own one")

    def test_promises_about_journeys_stand_beside_those_about_cases(self):
        self._sla([("contact", "any", "hours", 4)], name="After the sale", about="care.journey")
        with self._at(MONDAY_9):
            journey = self._journey(self._confirmed())
            journey.team_id = self.team
            self.env.flush_all()
        clocks = self.env["care.sla.clock"].with_user(self.manager)
        clock = clocks.search([("journey_id", "=", journey.id)])
        self.assertEqual(clock.measure, "contact")
        for name in ("owner_id", "partner_id", "team_id"):
            self.assertEqual(clock[name].sudo(), journey[name], name)
        self.assertEqual(clock.record_name, journey.display_name)
        self.assertEqual(self._clock(self.late).record_name, self.late.display_name)
        self.assertEqual(clock.owner_id.sudo(), self.rep)
        self.assertTrue(clock.team_id)
        both = clock | self._clock(self.late).with_user(self.manager)
        domain = [("id", "in", both.ids)]
        self.assertEqual(
            {
                owner.login: mine
                for owner, mine in clocks._read_group(
                    domain, ["owner_id"], ["id:recordset"], order="owner_id"
                )
            },
            {"care_agent": both - clock, "care_rep": clock},
        )
        for name, value, found in (
            ("owner_id", self.rep.id, clock),
            ("owner_id", self.agent.id, both - clock),
            ("partner_id", self.customer.id, both),
            ("team_id", self.team.id, both.filtered(lambda c: c.team_id.id == self.team.id)),
            ("team_id", False, both.filtered(lambda c: not c.team_id)),
        ):
            with self.subTest(name=name, value=value):
                self.assertEqual(clocks.search([*domain, (name, "=", value)]), found)
                self.assertEqual(clocks.search([*domain, (name, "!=", value)]), both - found)
        for operator in ("ilike", "child_of"):
            term = "Clara" if operator == "ilike" else self.customer.id
            self.assertEqual(clocks.search([*domain, ("partner_id", operator, term)]), both)

    def test_how_much_of_the_time_is_used(self):
        clock = self._clock(self.soon)  # four hours from three o'clock
        for moment, used in (
            ("2026-11-23 14:00:00", 0),
            ("2026-11-23 15:00:00", 25),
            ("2026-11-24 08:00:00", 50),
            ("2026-11-24 11:00:00", 100),
        ):
            with self._at(moment):
                clock.invalidate_recordset()
                self.assertEqual(clock.time_used, used, moment)
        self.env["care.sla.clock"]._meet(self.late, at=self._utc(MONDAY_10))
        self.assertEqual(self._clock(self.late).time_used, 25)
