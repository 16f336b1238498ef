"""Needs, the customer's profile on the partner, and the customer's story."""

from lxml import etree

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .common import CareCase


class StoryCase(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.order = cls._confirmed()
        cls.journey = cls.env["care.journey"].search([("order_id", "=", cls.order.id)])
        cls.rep2 = cls._user(
            "care_rep2", "customer_care.group_agent,sales_team.group_sale_salesman"
        )


@tagged("post_install", "-at_install")
class TestNeed(StoryCase):
    def _need(self, user=None, **vals):
        return (
            self.env["care.need"]
            .with_user(user or self.rep)
            .create({"name": "A dryer", "partner_id": self.customer.id, **vals})
        )

    def test_a_few_taps_on_any_screen_take_down_what_the_customer_needs(self):
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask", "journey_id": self.journey.id})
        )
        for record, link in (
            (self.order, "order_id"),
            (self.journey, "journey_id"),
            (followup, "followup_id"),
            (self.customer, None),
        ):
            with self.subTest(record):
                action = record.with_user(self.rep).action_care_need()
                needs = self.env["care.need"].with_user(self.rep)
                form = Form(needs.with_context(**action["context"]), view=action["views"][0][0])
                form.name = "A dryer"
                form.budget = 800
                form.date_wanted = fields.Date.today()
                need = form.save()
                self.assertEqual(need.partner_id, self.customer)
                self.assertEqual(need.user_id, self.rep)
                self.assertTrue(need.heard_at)
                self.assertEqual(need.company_id, self.company)
                if link:
                    self.assertEqual(need[link], record)

    def test_all_who_serve_the_customer_later_read_it(self):
        need = self._need(journey_id=self.journey.id)
        for user, letters in {
            self.rep: "rw",
            self.agent: "r",
            self.rep2: "r",
            self.leader: "rw",
            self.manager: "rwu",
            self._user("care_stranger", "base.group_user"): "",
            self._user("care_portal", "base.group_portal"): "",
        }.items():
            for letter, operation in (("r", "read"), ("w", "write"), ("u", "unlink")):
                with self.subTest(user=user.login, operation=operation):
                    self.assertEqual(need.with_user(user).has_access(operation), letter in letters)

    def test_who_heard_it_and_when_is_not_forged(self):
        need = self._need()
        for name, value in {
            "user_id": self.agent.id,
            "heard_at": "2020-01-01 00:00:00",
            "partner_id": self.rep.partner_id.id,
        }.items():
            with self.subTest(name), self.assertRaises(AccessError):
                need.write({name: value})
        with self.assertRaises(AccessError):
            self._need(user_id=self.agent.id)
        forged = (
            self.env["care.need"]
            .with_user(self.rep)
            .with_context(default_user_id=self.agent.id, default_heard_at="2020-01-01 00:00:00")
        )
        need = forged.create({"name": "x", "partner_id": self.customer.id})
        self.assertEqual(need.user_id, self.rep)
        self.assertGreater(need.heard_at.year, 2020)

    def test_it_points_to_nothing_that_the_person_may_not_read(self):
        with self.assertRaises(AccessError):
            self._need(self.rep2, journey_id=self.journey.id)
        with self.assertRaises(AccessError):
            self._need(self.rep2).journey_id = self.journey

    def test_met_or_no_longer_ends_it_once(self):
        need = self._need()
        need.action_met()
        self.assertEqual(need.state, "met")
        with self.assertRaises(UserError):
            need.action_gone()

    def test_a_follow_up_leaves_one_need(self):
        followup = (
            self.env["care.followup"]
            .with_user(self.rep)
            .create({"name": "Ask", "journey_id": self.journey.id})
        )
        followup.feedback = "Wants a dryer in spring"
        needs = self.env["care.need"].with_user(self.rep)
        need = needs._from_followup(followup, date_wanted="2030-04-01")
        self.assertEqual(need.name, "Wants a dryer in spring")
        self.assertEqual(need.date_wanted.isoformat(), "2030-04-01")
        self.assertEqual((need.user_id, need.journey_id), (self.rep, self.journey))
        self.assertEqual(needs._from_followup(followup), need)


@tagged("post_install", "-at_install")
class TestPartner(StoryCase):
    def test_the_partner_shows_and_edits_the_profile_of_the_present_company(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.env["care.profile"].create(
            {"partner_id": self.customer.id, "company_id": other.id, "note": "Theirs"}
        )
        partner = self.customer.with_user(self.manager)
        self.assertFalse(partner.care_note)
        partner.write({"care_note": "Rings twice", "care_preferred_channel": "phone"})
        self.env.flush_all()
        self.env.invalidate_all()
        partner.care_contact_from = 17.5
        self.env.invalidate_all()
        partner.care_tier_id = self.env.ref("customer_care.tier_key")
        self.env.invalidate_all()
        profile = self.env["care.profile"].search(
            [("partner_id", "=", self.customer.id), ("company_id", "=", self.company.id)]
        )
        self.assertEqual(len(profile), 1)
        self.assertEqual(profile.note, "Rings twice")
        self.assertEqual(profile.preferred_channel, "phone")
        self.assertEqual(profile.contact_from, 17.5)
        self.assertTrue(partner.care_is_key)
        self.assertEqual(
            self.env["care.profile"].search([("company_id", "=", other.id)]).note, "Theirs"
        )

    def test_nothing_to_keep_makes_no_profile(self):
        self.customer.with_user(self.manager).care_note = False
        self.assertFalse(self.env["care.profile"].search([("partner_id", "=", self.customer.id)]))

    def test_the_form_saves_what_is_typed(self):
        with Form(self.customer.with_user(self.manager)) as form:
            form.care_note = "Rings twice"
            form.care_no_survey = True
        self.env.invalidate_all()
        partner = self.customer.with_user(self.agent)
        self.assertEqual(partner.care_note, "Rings twice")
        self.assertTrue(partner.care_no_survey)

    def test_an_agent_who_may_not_change_contacts_edits_the_profile_all_the_same(self):
        with self.assertRaises(AccessError):
            self.customer.with_user(self.agent).write({"name": "x"})
        for note in ("Rings twice", "Rings once"):
            action = self.customer.with_user(self.agent).action_care_profile()
            profile = self.env["care.profile"].with_user(self.agent)
            profile = profile.browse(action.get("res_id")).with_context(**action["context"])
            with Form(profile, view=action["views"][0][0]) as form:
                form.note = note
            self.env.invalidate_all()
            self.assertEqual(self.customer.with_user(self.agent).care_note, note)

    def test_only_agents_see_the_profile(self):
        stranger = self._user("care_stranger", "base.group_user")
        with self.assertRaises(AccessError):
            self.customer.with_user(stranger).read(["care_note"])

    def test_key_customers_stand_out_everywhere(self):
        company = self.env["res.partner"].create({"name": "Lakeside", "is_company": True})
        contact = self.env["res.partner"].create({"name": "Ann", "parent_id": company.id})
        company.with_company(self.company).care_tier_id = self.env.ref("customer_care.tier_key")
        order = self._confirmed(partner=contact)
        journey = self._journey(order)
        case = self._case(partner_id=contact.id)
        promise = self.env["care.promise"].create(
            {
                "name": "x",
                "partner_id": contact.id,
                "company_id": self.company.id,
                "user_id": self.rep.id,
            }
        )
        followup = self.env["care.followup"].with_user(self.rep)
        followup = followup.create({"name": "How is it?", "journey_id": journey.id})
        need = self.env["care.need"].create(
            {"name": "A dryer", "partner_id": contact.id, "company_id": self.company.id}
        )
        guide = self.env["care.guide"].create(
            {
                "partner_id": contact.id,
                "commercial_partner_id": company.id,
                "company_id": self.company.id,
                "service_id": self.env["care.service"].create({"name": "Delivery"}).id,
            }
        )
        handoff = self.env["care.handoff"].create(
            {"journey_id": journey.id, "to_user_id": self.agent.id}
        )
        plain = self.env["care.handoff"].create(
            {"journey_id": self.journey.id, "to_user_id": self.agent.id}
        )
        self.env.invalidate_all()
        user = self.manager
        self.assertTrue(order.with_user(user).care_is_key)
        self.assertTrue(contact.with_user(user).care_is_key)
        for record in (journey, case, promise, followup, need, guide, handoff):
            with self.subTest(record):
                self.assertTrue(record.with_user(user).is_key)
                self.assertEqual(
                    record.with_user(user).tier_id, self.env.ref("customer_care.tier_key")
                )
        # who is asked may not read the customer's orders yet
        self.assertTrue(handoff.with_user(self.agent).is_key)
        self.assertFalse(plain.with_user(self.agent).is_key or plain.with_user(self.agent).tier_id)
        self.assertFalse(self.order.with_user(user).care_is_key)

    def test_key_customers_stand_out_in_every_list_kanban_and_form(self):
        """By a star in a column, a badge on a card, a ribbon on a form."""
        marks = {
            "list": "/list/field[@name='is_key'][@widget='boolean_favorite']"
            "[not(@column_invisible)][not(@optional) or @optional='show']",
            "kanban": "//t[@t-name='card']//*[@t-if='record.is_key.raw_value']"
            "[contains(@class, 'badge')]//i[@title='Key customer']",
            "form": "//widget[@name='web_ribbon'][@title='Key customer'][@invisible='not is_key']",
        }
        looked_at = set()
        for model in (
            "care.journey",
            "care.case",
            "care.followup",
            "care.need",
            "care.guide",
            "care.handoff",
            "care.promise",
        ):
            views = self.env["ir.ui.view"].search(
                [("model", "=", model), ("mode", "=", "primary"), ("type", "in", list(marks))]
            )
            for view in views:
                kind = view.type
                arch = etree.fromstring(
                    self.env[model].with_user(self.manager).get_view(view.id, kind)["arch"]
                )
                if kind == "form" and not arch.xpath("//sheet"):
                    continue  # a dialog over one of the others
                with self.subTest(view.xml_id):
                    self.assertTrue(arch.xpath(marks[kind]), "no mark of a key customer")
                    self.assertTrue(arch.xpath("//field[@name='is_key']"), "the mark has no value")
                looked_at.add((model, kind))
        self.assertEqual(len(looked_at), 20, "three kinds each, but guides have no cards")
        # where the call is made or the question answered, the dialog itself says so
        for name in ("care_followup_view_form_done", "care_promise_view_form_done"):
            view = self.env.ref(f"customer_care.{name}")
            arch = etree.fromstring(self.env[view.model].get_view(view.id, "form")["arch"])
            with self.subTest(name):
                self.assertTrue(arch.xpath("//span[@invisible='not is_key']"))

    def test_a_list_of_orders_costs_no_query_an_order(self):
        def cost(orders):
            self.env.invalidate_all()
            orders.mapped("name")
            orders.partner_id.mapped("commercial_partner_id.name")
            start = self.env.cr.sql_log_count
            orders.mapped("care_is_key")
            return self.env.cr.sql_log_count - start

        partners = self.env["res.partner"].create([{"name": f"P{n}"} for n in range(20)])
        orders = self.env["sale.order"].concat(*(self._order(partner=p) for p in partners))
        cost(orders)
        self.assertEqual(cost(orders), cost(orders[:2]))

    def test_the_numbers_on_the_buttons_and_what_they_open(self):
        self.env["care.promise"].create(
            {
                "name": "x",
                "partner_id": self.customer.id,
                "company_id": self.company.id,
                "user_id": self.rep.id,
            }
        )
        partner = self.customer.with_user(self.manager)
        self.assertEqual(partner.care_journey_count, 1)
        self.assertEqual(partner.care_promise_count, 1)
        self.assertEqual(partner.care_followup_count, 0)
        for method in ("journeys", "promises", "followups", "cases"):
            action = getattr(partner, f"action_care_open_{method}")()
            model = self.env[action["res_model"]].with_user(self.manager)
            model.search(action["domain"])


@tagged("post_install", "-at_install")
class TestStory(StoryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.case = cls._case(owner_id=cls.agent.id, name="It <b>hums</b>", team_id=False)
        cls.env["care.need"].create(
            {
                "name": "A dryer",
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
                "advice": "Wait for spring",
                "budget": 800,
            }
        )
        cls.promise = cls.env["care.promise"].create(
            {
                "name": "Bring the shelf",
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
                "user_id": cls.rep.id,
            }
        )
        cls.followup = (
            cls.env["care.followup"]
            .with_user(cls.rep)
            .create({"name": "How is it?", "journey_id": cls.journey.id})
        )
        cls.followup.write(
            {
                "outcome_id": cls.env.ref("customer_care.outcome_satisfied").id,
                "feedback": "It bakes",
            }
        )
        cls.followup.action_done()
        cls.env.flush_all()
        cls.env.invalidate_all()

    def test_it_tells_all_there_is_to_who_may_read_all(self):
        for record in (self.customer, self.journey, self.case, self.followup.sudo(False)):
            with self.subTest(record):
                story = record.with_user(self.manager).care_story
                for text in (
                    self.order.name,
                    self.case.number,
                    "A dryer",
                    "Wait for spring",
                    "Bring the shelf",
                    "How is it?",
                    "It bakes",
                ):
                    self.assertIn(text, story)

    def test_what_the_reader_may_not_read_is_not_told(self):
        story = self.customer.with_user(self.rep2).care_story
        self.assertIn("A dryer", story)
        for text in (self.order.name, self.case.number, "Bring the shelf", "It bakes"):
            self.assertNotIn(text, story)
        # and what one reader was shown is not shown to the next
        self.assertIn("Bring the shelf", self.customer.with_user(self.manager).care_story)
        self.assertNotIn("Bring the shelf", self.customer.with_user(self.rep2).care_story)

    def test_nobody_else_reads_a_story(self):
        for group in ("base.group_user", "base.group_portal"):
            user = self._user(f"care_{group}", group)
            with self.assertRaises(AccessError):
                self.customer.with_user(user).read(["care_story"])

    def test_who_stands_for_strangers_has_no_story(self):
        unknown = self.env["res.partner"].create({"name": "Unknown customer"})
        self._case(partner_id=unknown.id, name="Of somebody else")
        other = self._case(partner_id=unknown.id, name="Seen in a paper", kind="mention")
        self.assertIn("Of somebody else", other.with_user(self.manager).care_story)
        self.company.care_unknown_partner_id = unknown
        other.invalidate_recordset(["care_story"])
        self.assertFalse(other.with_user(self.manager).care_story)

    def test_nothing_that_people_wrote_becomes_markup(self):
        self.followup.sudo().feedback = "<script>alert(1)</script>"
        story = self.customer.with_user(self.manager).care_story
        self.assertNotIn("<script>", story)
        self.assertIn("&lt;script&gt;", story)
        self.assertIn("It &lt;b&gt;hums&lt;/b&gt;", story)

    def test_the_newest_comes_first_and_twenty_are_enough(self):
        needs = self.env["care.need"].create(
            [
                {
                    "name": f"Need number {n}.",
                    "partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "heard_at": f"2031-01-{n + 1:02} 10:00:00",
                }
                for n in range(25)
            ]
        )
        self.env.flush_all()
        self.env.invalidate_all()
        partner = self.customer.with_user(self.manager)
        story = partner.care_story
        self.assertEqual(story.count("<li"), 20)
        self.assertLess(story.index("number 24."), story.index("number 23."))
        self.assertNotIn("number 4.", story)
        self.assertIn("There is more", story)
        whole = partner.with_context(**partner.action_care_story()["context"]).care_story
        self.assertIn("number 0.", whole)
        self.assertIn("Bring the shelf", whole)
        needs.unlink()

    def test_its_cost_does_not_follow_how_much_there_is(self):
        def cost():
            self.env.flush_all()
            self.env.invalidate_all()
            partner = self.customer.with_user(self.manager)
            start = self.env.cr.sql_log_count
            self.assertTrue(partner.care_story)
            return self.env.cr.sql_log_count - start

        cost()
        few = cost()
        self.env["care.need"].create(
            [
                {"name": f"N{n}", "partner_id": self.customer.id, "company_id": self.company.id}
                for n in range(15)
            ]
        )
        for n in range(5):
            self._case(name=f"Case {n}")
        self.assertLessEqual(cost() - few, 2)
