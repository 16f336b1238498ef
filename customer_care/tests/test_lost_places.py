from odoo import Command
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .common import CareCase


@tagged("post_install", "-at_install")
class TestLostPlaces(CareCase):
    """Who may not work somewhere any more answers for nothing there, whatever took the right."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.amy = cls._user("care_amy", "customer_care.group_agent")
        cls.team.member_ids = [Command.link(cls.amy.id)]
        cls._policy(((30, "care_owner"),))

    def _work(self):
        """One of each that a person answers for."""
        journey = self._journey(self._confirmed(user=self.amy))
        case = self._case(owner_id=self.amy.id)
        promise = (
            self.env["care.promise"]
            .with_user(self.amy)
            .create(
                {
                    "name": "To call",
                    "partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "date_due": "2090-01-02",
                }
            )
        )
        asked = self._case(owner_id=self.agent2.id)
        handoff = self.env["care.handoff"].create({"case_id": asked.id, "to_user_id": self.amy.id})
        standard = self.env["care.standard"].create(
            {"name": "Amy's", "owner_id": self.amy.id, "company_id": self.company.id}
        )
        self.env.flush_all()
        return journey, case, promise.sudo(), handoff, standard

    def _answering(self, journey, case, promise, handoff, standard):
        self.env.invalidate_all()
        self._run("care.handoff")
        return (
            journey.owner_id
            | journey.followup_ids.user_id
            | case.owner_id
            | promise.user_id
            | standard.owner_id
            | (handoff.to_user_id if handoff.state == "planned" else self.env["res.users"])
        )

    def _leave_group(self):
        self.env.ref("customer_care.group_agent").write({"user_ids": [Command.unlink(self.amy.id)]})

    def test_taken_out_of_the_group_on_the_groups_form(self):
        work = self._work()
        self.assertIn(self.amy, self._answering(*work))
        self._leave_group()
        self.assertNotIn(self.amy, self._answering(*work))

    def test_taken_out_of_the_company_on_the_companys_form(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.amy.write({"company_ids": [Command.link(other.id)], "company_id": other.id})
        work = self._work()
        self.company.write({"user_ids": [Command.unlink(self.amy.id)]})
        self.assertNotIn(self.amy, self._answering(*work))

    def test_groups_taken_away_on_the_users_form(self):
        work = self._work()
        self.amy.group_ids = [Command.set(self.env.ref("base.group_user").ids)]
        self.assertNotIn(self.amy, self._answering(*work))

    def test_a_group_that_no_longer_leads_to_customer_care(self):
        group = self.env["res.groups"].create(
            {"name": "Shop", "implied_ids": [self.env.ref("customer_care.group_agent").id]}
        )
        self.amy.group_ids = [Command.set((self.env.ref("base.group_user") | group).ids)]
        work = self._work()
        self.assertIn(self.amy, self._answering(*work))
        group.implied_ids = [Command.clear()]
        self.assertNotIn(self.amy, self._answering(*work))

    def test_what_keeps_the_right_moves_nothing(self):
        work = self._work()
        before = self._answering(*work)
        self.env.ref("customer_care.group_leader").user_ids = [Command.link(self.amy.id)]
        self.env.ref("customer_care.group_leader").user_ids = [Command.unlink(self.amy.id)]
        self.env["res.users"]._cron_care_lost_places()
        self.assertEqual(self._answering(*work), before)

    def test_what_was_begun_while_its_owner_was_archived_is_found_within_the_hour(self):
        journey, case, promise, handoff, standard = self._work()
        # as if archiving had seen none of it: both transactions committed at one moment
        self.env.cr.execute("UPDATE res_users SET active = false WHERE id = %s", [self.amy.id])
        self.env.invalidate_all()
        with self.enter_registry_test_mode():
            self.env.ref("customer_care.ir_cron_lost_places").method_direct_trigger()
        found = self._answering(journey, case, promise, handoff, self.env["care.standard"])
        self.assertNotIn(self.amy, found)
        self.assertTrue(found)
        moved = journey.owner_id, case.owner_id, promise.user_id
        self.env["res.users"]._cron_care_lost_places()
        self.assertEqual((journey.owner_id, case.owner_id, promise.user_id), moved)

    def test_a_stage_is_curated_by_somebody_who_works_here(self):
        portal = self._user("care_portal_curator", "base.group_portal")
        clerk = self._user("care_clerk", "base.group_user")
        for user in (portal, clerk):
            with self.assertRaisesRegex(ValidationError, "cannot curate"):
                self.stages[0].with_user(self.manager).curator_id = user


@tagged("post_install", "-at_install")
class TestNotAnothers(CareCase):
    """What one does is one's own, and opens nothing of others."""

    def test_nobody_promises_in_a_colleagues_name_but_who_leads(self):
        vals = {
            "name": "To call",
            "partner_id": self.customer.id,
            "company_id": self.company.id,
            "user_id": self.agent2.id,
            "date_due": "2090-01-02",
        }
        promises = self.env["care.promise"]
        with self.assertRaisesRegex(UserError, "your own name"):
            promises.with_user(self.agent).create(vals)
        self.assertEqual(
            promises.with_user(self.leader).create(vals).user_id.id,
            self.agent2.id,
        )

    def test_a_promise_or_a_need_hangs_on_its_own_customers_journey(self):
        journey = self._journey(self._confirmed(user=self.rep))
        zed = self.env["res.partner"].create({"name": "Zed"})
        for model in ("care.promise", "care.need"):
            vals = {"name": "X", "company_id": self.company.id, "journey_id": journey.id}
            records = self.env[model].with_user(self.rep)
            with self.assertRaisesRegex(ValidationError, "is not of Zed"):
                records.create({**vals, "partner_id": zed.id})
            child = self.env["res.partner"].create(
                {"name": "Her son", "parent_id": self.customer.id}
            )
            self.assertTrue(records.create({**vals, "partner_id": child.id}))

    def _sees(self, user, record):
        self.env.flush_all()
        self.env.invalidate_all()
        return record.with_user(user).has_access("read")

    def test_what_a_gesture_sets_off_opens_no_record_of_others(self):
        journey = self._journey(self._confirmed(user=self.rep))
        case = self._case(
            owner_id=self.agent.id, journey_id=journey.id, order_id=journey.order_id.id
        )
        self._policy(((0, "care_owner"),), event="stage_entered")
        journey._enter_stage(self.stages[1])
        followup = journey.followup_ids[:1]
        self.assertTrue(followup)
        self.assertFalse(self._sees(self.agent, followup))
        self.assertFalse(self._sees(self.agent, journey))
        # engine's writes in the name of who set them off
        followup.with_user(self.agent).sudo().write({"name": "Released"})
        journey.with_user(self.agent).sudo().write({"color": 3})
        self.assertFalse(self._sees(self.agent, followup))
        self.assertFalse(self._sees(self.agent, journey))
        self.assertTrue(self._sees(self.agent, case))

    def test_who_passes_it_on_still_sees_where_it_went_until_somebody_else_does(self):
        lena = self._user("care_lena_lp", "customer_care.group_leader")
        other = self.env["care.team"].create(
            {"name": "Workshop", "company_id": self.company.id, "leader_id": lena.id}
        )
        case = self._case(owner_id=self.agent.id, team_id=self.team.id)
        case.first_owner_id = self.manager
        case.with_user(self.leader).web_save(
            {"team_id": other.id, "owner_id": lena.id}, {"name": {}}
        )
        self.assertTrue(self._sees(self.leader, case))
        self.assertFalse(self._sees(self.agent, case))
        case.with_user(lena).web_save({"owner_id": self.manager.id}, {"name": {}})
        self.assertFalse(self._sees(self.leader, case))
        self.assertTrue(self._sees(lena, case))

    def test_nobody_says_who_passed_it_on(self):
        case = self._case(owner_id=self.agent.id)
        followup = self._journey(self._confirmed(user=self.rep)).followup_ids
        for record, user in ((case, self.agent), (followup, self.rep)):
            for one in record[:1]:
                with self.assertRaisesRegex(Exception, "kept by Customer Care|cannot be changed"):
                    one.with_user(user).write({"passed_by_id": self.agent2.id})


@tagged("post_install", "-at_install")
class TestWaysRound(CareCase):
    """What may not be left undone is not got round."""

    def test_a_cancelled_case_goes_back_to_where_it_was_before_it_goes_on(self):
        stages = self.env["care.stage"].search([("res_model", "=", "care.case")]).sorted("sequence")
        first = stages.filtered(lambda s: s.category == "open")[:1]
        resolved = stages.filtered(lambda s: s.category == "resolved")[:1]
        cancelled = stages.filtered(lambda s: s.category == "cancelled")[:1]
        case = self._case(owner_id=self.agent.id)
        case._enter_stage(first)
        case.write({"cancel_reason": "A mistake", "resolution": "Mended"})
        mine = case.with_user(self.agent)
        # another moment: what lasts no time leaves no trace
        with self._at("2090-01-02 10:00:00"):
            mine._enter_stage(cancelled)
        with self.assertRaisesRegex(UserError, "put it back there first"):
            mine._enter_stage(resolved)
        self.assertEqual(case.stage_id, cancelled)
        mine._enter_stage(first)
        self.assertEqual(case.stage_id, first)
        mine._enter_stage(resolved)
        self.assertEqual(case.stage_id, resolved)

    def test_nobody_is_called_about_what_was_cancelled(self):
        order = self._confirmed(user=self.rep)
        journey = self._journey(order)
        order._action_cancel()
        with self.assertRaisesRegex(UserError, "was cancelled"):
            self.env["care.followup"].with_user(self.rep).create(
                {"name": "Call", "journey_id": journey.id}
            )

    def test_a_leaders_own_last_try_is_told_on_the_record(self):
        self._policy(((0, "care_owner"),))
        journey = self._journey(self._confirmed(user=self.rep))
        journey.team_id = self.team
        journey._set_owner(self.leader)
        outcome = self.env.ref("customer_care.outcome_no_answer")
        outcome.retry_max = 1
        followup = journey.followup_ids
        followup.user_id = self.leader
        followup.outcome_id = outcome
        followup.with_user(self.leader).action_done()
        self.assertEqual(journey.followup_ids, followup)
        self.assertIn("nobody answered 1 times", str(journey.message_ids[:2].mapped("body")))

    def test_another_salesperson_takes_the_journey_along(self):
        order = self._confirmed(user=self.rep)
        journey = self._journey(order)
        journey.stage_id.owner_rule = "salesperson"
        self.assertEqual(journey.owner_id, self.rep)
        order.with_user(self.manager).user_id = self.agent2
        self.assertEqual(journey.owner_id, self.agent2)
        # somebody who took it over keeps it
        journey._set_owner(self.agent)
        order.user_id = self.rep
        self.assertEqual(journey.owner_id, self.agent)

    def test_a_customer_who_had_the_service_before_needs_no_guide(self):
        service = self.env["care.service"].create(
            {
                "name": "Installation",
                "company_id": self.company.id,
                "product_ids": [Command.set(self.product.ids)],
            }
        )
        before = self._order()
        self.env.cr.execute(
            "UPDATE sale_order SET state = 'sale', date_order = '2020-01-01' WHERE id = %s",
            [before.id],
        )
        self.env.invalidate_all()
        self._confirmed()
        guides = self.env["care.guide"].search([("service_id", "=", service.id)])
        self.assertFalse(guides)
        other = self.env["res.partner"].create({"name": "New", "email": "new@example.com"})
        self._confirmed(partner=other)
        guides = self.env["care.guide"].search([("service_id", "=", service.id)])
        self.assertEqual(guides.partner_id, other)
