"""Remedies: proposed, decided, offered, done; each makes its document once."""

from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from .common import CareCase


class RemedyCase(CareCase):
    """The small company with accounts, an order that was invoiced, and simple limits."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["account.chart.template"].try_loading(
            "generic_coa", company=cls.company, install_demo=False
        )
        cls.env["care.authority"].search([]).active = False
        cls.limit = cls._limit("agent", amount=100, order_amount=150, day_amount=300)
        cls.leader_limit = cls._limit("leader", amount=500, case_amount=500, day_amount=2000)
        cls._limit("manager", is_unlimited=True)
        cls.product.with_company(cls.company).write({"invoice_policy": "order"})
        cls.order = cls._confirmed(
            order_line=[Command.create({"product_id": cls.product.id, "product_uom_qty": 2})]
        )
        cls.line = cls.order.order_line
        cls.case = cls._case(owner_id=cls.agent.id, order_id=cls.order.id)

    @classmethod
    def _limit(cls, role, **vals):
        vals.setdefault("currency_id", cls.company.currency_id.id)
        return cls.env["care.authority"].create(
            {"who": "role", "role": role, "company_id": cls.company.id, **vals}
        )

    @classmethod
    def _invoiced(cls, order=None):
        order = order or cls.order
        invoice = order._create_invoices()
        invoice.action_post()
        return invoice

    def _remedy(self, kind="compensation", amount=None, user=None, case=None, **vals):
        if amount is not None:
            vals["amount"] = amount
        vals.setdefault("text", "We are sorry.")
        return (
            self.env["care.remedy"]
            .with_user(user or self.agent)
            .create({"case_id": (case or self.case).id, "kind": kind, **vals})
        )

    def _refund(self, amount=None, quantity=1, **vals):
        line = {"sale_line_id": self.line.id, "quantity": quantity}
        if amount is not None:
            line["amount"] = amount
        return self._remedy("refund", line_ids=[Command.create(line)], **vals)

    def _activities(self, remedy, which):
        return remedy.sudo().activity_ids.filtered(
            lambda activity: (
                activity.activity_type_id
                == self.env.ref(f"customer_care.mail_activity_type_remedy_{which}")
            )
        )


@tagged("post_install", "-at_install")
class TestRemedy(RemedyCase):
    # ------------------------------------------------------------
    # Deciding
    # ------------------------------------------------------------

    def test_within_the_limit_an_agent_decides_alone(self):
        remedy = self._remedy(amount=100, proceed="wait")
        self.assertTrue(remedy.within)
        self.assertFalse(remedy.approver_ids)
        remedy.action_go()
        self.assertEqual(remedy.state, "approved")
        self.assertEqual(remedy.approved_by_id, self.agent)
        self.assertEqual(remedy.amount_company, 100)
        self.assertFalse(self._activities(remedy, "approve"))

    def test_beyond_it_the_dialog_says_who_can_approve(self):
        remedy = self._remedy(amount=101)
        self.assertFalse(remedy.within)
        self.assertEqual(remedy.approver_ids, self.leader | self.manager)
        self.assertIn("100.00", remedy.limit_note)
        with self.assertRaisesRegex(UserError, "care_leader"):
            remedy.action_go()
        self.assertEqual(remedy.state, "draft")

    def test_the_leader_approves_with_one_click_and_it_goes_on(self):
        remedy = self._remedy(amount=400)
        remedy.action_ask()
        self.assertEqual(remedy.state, "asked")
        activity = self._activities(remedy, "approve")
        self.assertEqual(activity.user_id, self.leader)
        self.assertIn("care_agent", activity.summary)
        asked = remedy.with_user(self.leader)
        self.assertTrue(asked.may_approve)
        self.assertFalse(remedy.may_approve)
        asked.action_approve()
        self.assertEqual(remedy.state, "offered")
        self.assertEqual(remedy.approved_by_id, self.leader)
        self.assertTrue(remedy.approved_at)
        self.assertFalse(self._activities(remedy, "approve"))

    def test_beyond_the_leaders_limit_the_managers_are_asked(self):
        remedy = self._remedy(amount=501)
        self.assertEqual(remedy.approver_ids, self.manager)
        remedy.action_ask()
        self.assertEqual(self._activities(remedy, "approve").user_id, self.manager)
        with self.assertRaises(AccessError):
            remedy.with_user(self.leader).action_approve()
        remedy.with_user(self.manager).action_approve()
        self.assertEqual(remedy.state, "offered")

    def test_no_needs_a_reason_and_makes_it_a_proposal_again(self):
        remedy = self._remedy(amount=400)
        remedy.action_ask()
        asked = remedy.with_user(self.leader)
        with self.assertRaises(UserError):
            asked.action_refuse()
        asked.refuse_reason = "Half of it is enough"
        asked.action_refuse()
        self.assertEqual(remedy.state, "draft")
        self.assertIn("Half of it", self._activities(remedy, "next").summary)
        self.assertEqual(self._activities(remedy, "next").user_id, self.agent)
        remedy.amount = 90
        remedy.action_go()
        self.assertEqual(remedy.state, "offered")

    def test_nobody_approves_their_own_beyond_their_limit(self):
        remedy = self._remedy(amount=600, user=self.leader)
        with self.assertRaises(UserError):
            remedy.action_go()
        remedy.action_ask()
        with self.assertRaises(AccessError):
            remedy.action_approve()
        self.assertEqual(remedy.state, "asked")

    def test_a_leader_decides_for_his_team_alone(self):
        other = self._user("care_leader2", "customer_care.group_leader")
        self.env["care.team"].create(
            {
                "name": "Elsewhere",
                "company_id": self.company.id,
                "leader_id": other.id,
                "member_ids": [Command.set(other.ids)],
            }
        )
        remedy = self._remedy(amount=400)
        remedy.action_ask()
        with self.assertRaises(AccessError):
            remedy.with_user(other).action_approve()
        self.assertNotIn(other, remedy.approver_ids)

    def test_what_was_decided_is_not_raised(self):
        remedy = self._refund(50)
        self._invoiced()
        remedy.action_go()
        self.assertEqual(remedy.state, "offered")
        for vals in (
            {"amount": 5000},
            {"kind": "compensation"},
            {"text": "More"},
            {"line_ids": [Command.update(remedy.line_ids.id, {"amount": 900})]},
            {"line_ids": [Command.clear()]},
        ):
            for user in (self.agent, self.leader, self.manager):
                with self.subTest(vals=vals, user=user.login), self.assertRaises(UserError):
                    remedy.with_user(user).write(vals)
        with self.assertRaises(UserError):
            remedy.line_ids.with_user(self.agent).amount = 900
        with self.assertRaises(UserError):
            remedy.line_ids.with_user(self.agent).unlink()
        with self.assertRaises(UserError):
            self.env["care.remedy.line"].with_user(self.agent).create(
                {"remedy_id": remedy.id, "sale_line_id": self.line.id, "quantity": 1}
            )
        self.assertEqual(remedy.amount, 50)

    def test_what_is_asked_for_is_not_changed_behind_the_leaders_back(self):
        remedy = self._remedy(amount=400)
        remedy.action_ask()
        with self.assertRaises(UserError):
            remedy.amount = 490
        remedy.action_withdraw()
        self.assertFalse(self._activities(remedy, "approve"))
        remedy.amount = 490
        remedy.action_ask()
        self.assertEqual(remedy.state, "asked")

    def test_a_copy_is_a_new_proposal(self):
        remedy = self._remedy(amount=100)
        remedy.action_go()
        copy = remedy.copy()
        self.assertEqual(copy.state, "draft")
        self.assertFalse(copy.approved_by_id)
        with self.assertRaises(UserError):
            copy.action_go()

    def test_state_and_approval_are_not_forged(self):
        forged = {
            "state": "approved",
            "approved_by_id": self.manager.id,
            "approved_at": fields.Datetime.now(),
            "amount_company": 1,
            "cost": 1,
            "user_id": self.agent2.id,
            "company_id": self.env.company.id,
            "order_id": False,
            "partner_id": self.env.user.partner_id.id,
            "executed_at": fields.Datetime.now(),
            "answered_by_id": self.customer.id,
            "offered_at": fields.Datetime.now(),
        }
        remedy = self._remedy(amount=10)
        for user in (self.agent, self.leader, self.manager):
            for name, value in forged.items():
                with self.subTest(user=user.login, name=name):
                    with self.assertRaises(AccessError):
                        remedy.with_user(user).write({name: value})
                    with self.assertRaises(AccessError):
                        self._remedy(amount=10, user=user, **{name: value})
        context = {f"default_{name}": value for name, value in forged.items()}
        new = (
            self.env["care.remedy"]
            .with_user(self.agent)
            .with_context(**context)
            .create({"case_id": self.case.id, "kind": "compensation", "amount": 10})
        )
        self.assertEqual(new.state, "draft")
        self.assertEqual(new.user_id, self.agent)
        self.assertEqual(new.order_id, self.order)
        self.assertFalse(new.approved_by_id or new.cost or new.amount_company)
        with self.assertRaises(AccessError):
            self.case.with_user(self.agent).cost = 7
        case = (
            self.env["care.case"]
            .with_user(self.agent)
            .with_context(default_cost=7)
            .create({"name": "x", "partner_id": self.customer.id})
        )
        self.assertFalse(case.sudo().cost)

    def test_only_who_may_work_the_case_gives_something(self):
        outsider = self._user("care_outside", "customer_care.group_agent")
        for user in (outsider, self.rep):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._remedy(amount=10, user=user)
        remedy = self._remedy(amount=10)
        self.assertTrue(remedy.with_user(self.rep).has_access("read"))
        self.assertFalse(remedy.with_user(self.rep).has_access("write"))
        self.assertFalse(remedy.with_user(outsider).has_access("read"))
        with self.assertRaises(AccessError):
            remedy.with_user(self.rep).action_go()

    def test_amounts_that_are_none_are_refused(self):
        for amount in (-1, float("nan"), float("inf"), 1e15):
            with self.subTest(amount), self.assertRaises(UserError):
                self._remedy(amount=amount).action_go()

    def test_a_case_that_is_over_gets_no_remedy(self):
        self.case.sudo().cancel_reason = "Registered twice"
        self.case.action_cancel()
        with self.assertRaises(UserError):
            self._remedy(amount=10)

    # ------------------------------------------------------------
    # The customer's answer
    # ------------------------------------------------------------

    def test_an_offer_is_mailed_in_the_customers_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.customer.lang = "fr_FR"
        self.env.ref("customer_care.mail_template_remedy_offered").with_context(
            lang="fr_FR"
        ).subject = "Notre offre : {{ object.name }}"
        remedy = self._remedy(amount=30)
        remedy.action_go()
        self._run("care.notice")
        mail = self.case.message_ids.filtered(lambda m: "Notre offre" in (m.subject or ""))
        self.assertEqual(len(mail), 1)
        self.assertIn(self.customer, mail.notified_partner_ids | mail.partner_ids)
        self.assertIn("We are sorry.", mail.body)
        self.assertIn("30", mail.body)
        self.assertIn(f"/my/cases/{self.case.id}", mail.body)
        self._run("care.notice")
        self.assertEqual(
            len(self.case.message_ids.filtered(lambda m: "Notre offre" in (m.subject or ""))), 1
        )

    def test_yes_does_it_and_says_when_and_who(self):
        remedy = self._remedy(amount=30)
        remedy.action_go()
        self.assertFalse(remedy.document_ids)
        self.assertTrue(remedy._customer_answers("accept"))
        self.assertEqual(remedy.state, "executed")
        self.assertEqual(remedy.answered_by_id, self.customer)
        self.assertTrue(remedy.answered_at)
        self.assertEqual(remedy.sudo().document_ids.move_id.amount_total, 30)
        self.assertFalse(remedy._customer_answers("decline"))
        self.assertEqual(remedy.state, "executed")
        self.assertIn("accepts", self._activities(remedy, "next").summary)

    def test_no_does_nothing_and_frees_the_limit(self):
        remedy = self._remedy(amount=100)
        remedy.action_go()
        second = self._remedy(amount=100)
        self.assertFalse(second.within)
        self.assertTrue(remedy._customer_answers("decline"))
        self.assertEqual(remedy.state, "declined")
        self.assertFalse(remedy.sudo().document_ids)
        second.invalidate_recordset()
        self.assertTrue(second.within)

    def test_an_offer_ends(self):
        remedy = self._remedy(amount=30)
        remedy.action_go()
        with self._at(fields.Datetime.now() + timedelta(days=15)):
            self.assertFalse(remedy._customer_answers("accept"))
            self.assertFalse(self.case._care_offers())
        self.assertEqual(remedy.state, "offered")

    def test_a_yes_stays_where_it_cannot_be_done(self):
        self._invoiced()
        remedy = self._refund(50)
        remedy.action_go()
        self.order.invoice_ids.button_draft()
        self.assertTrue(remedy._customer_answers("accept"))
        self.assertEqual(remedy.state, "accepted")
        self.assertTrue(remedy.sudo().trouble)
        self.assertEqual(remedy.answered_by_id, self.customer)
        self.order.invoice_ids.action_post()
        remedy.action_execute()
        self.assertEqual(remedy.state, "executed")
        self.assertFalse(remedy.sudo().trouble)

    # ------------------------------------------------------------
    # Documents
    # ------------------------------------------------------------

    def test_a_refund_is_a_draft_credit_note_of_the_invoice(self):
        invoice = self._invoiced()
        remedy = self._refund(90, proceed="execute")
        remedy.action_go()
        self.assertEqual(remedy.state, "executed")
        move = remedy.sudo().document_ids.move_id
        self.assertEqual(move.move_type, "out_refund")
        self.assertEqual(move.state, "draft")
        self.assertEqual(move.reversed_entry_id, invoice)
        self.assertEqual(move.amount_total, 90)
        self.assertEqual(move.sudo()._care_orders(), self.order)
        self.assertEqual(move.invoice_line_ids.quantity, 1)
        self.assertEqual(remedy.cost, 90)
        self.assertEqual(self.case.cost, 90)

    def test_a_refund_keeps_the_tax(self):
        tax = self.env["account.tax"].create(
            {"name": "21", "amount": 21, "company_id": self.company.id}
        )
        self.line.tax_ids = tax
        invoice = self._invoiced()
        self.assertEqual(invoice.amount_total, 2178)
        remedy = self._refund(60.5, proceed="execute")
        remedy.action_go()
        move = remedy.sudo().document_ids.move_id
        self.assertEqual(move.amount_total, 60.5)
        self.assertEqual(move.amount_tax, 10.5)

    def test_no_more_is_given_back_than_was_invoiced(self):
        with self.assertRaises(UserError):
            self._refund(50).action_go()  # nothing invoiced yet
        self._invoiced()
        with self.assertRaises(ValidationError):
            self._refund(901)
        with self.assertRaises(ValidationError):
            self._refund(50, quantity=3)
        first = self._refund(1800, quantity=2, proceed="execute", user=self.manager)
        first.action_go()
        self.assertEqual(
            first.sudo().document_ids.move_id.invoice_line_ids.sale_line_ids, self.line
        )
        with self.assertRaises(UserError):
            self._refund(20).action_go()

    def test_a_lowered_price_is_not_invoiced_again_and_leaves_the_rest(self):
        self.line.product_uom_qty = 1
        self._invoiced()
        self.assertEqual(self.order.invoice_status, "invoiced")
        lowered = self._refund(90, proceed="execute")
        lowered.action_go()
        move = lowered.sudo().document_ids.move_id
        move.action_post()
        self.assertEqual(self.order.invoice_status, "invoiced")
        self.assertEqual(self.line.qty_to_invoice, 0)
        with self.assertRaisesRegex(UserError, "810"):
            self._refund(811, user=self.manager).action_go()
        rest = self._refund(810, user=self.manager, proceed="execute")
        rest.action_go()
        self.assertEqual(rest.sudo().document_ids.move_id.amount_total, 810)
        self.assertEqual(self.order.invoice_status, "invoiced")
        with self.assertRaises(UserError):
            self._refund(1, user=self.manager).action_go()
        # paid back bit by bit is paid back
        with self.assertRaises(UserError):
            self._replacement(user=self.manager).action_go()
        # a credit note that is taken away gives its part free again
        rest.sudo().document_ids.move_id.unlink()
        rest.action_cancel()
        self._refund(800, user=self.manager).action_go()

    def test_another_orders_lines_are_no_part_of_it(self):
        other = self._confirmed()
        with self.assertRaises(ValidationError):
            self._remedy(
                "refund",
                line_ids=[Command.create({"sale_line_id": other.order_line.id, "quantity": 1})],
            )

    def test_compensation_is_a_credit_note_with_the_companys_product(self):
        goodwill = self.env["product.product"].create({"name": "Goodwill", "type": "service"})
        self.company.care_compensation_product_id = goodwill
        remedy = self._remedy(amount=40, proceed="execute")
        remedy.action_go()
        move = remedy.sudo().document_ids.move_id
        self.assertEqual(move.invoice_line_ids.product_id, goodwill)
        self.assertEqual(move.amount_total, 40)
        self.assertEqual(move.partner_id, self.customer)
        self.assertEqual(move.company_id, self.company)

    def test_a_replacement_costs_nothing_and_starts_no_journey(self):
        self._policy(((0, "care_owner"),))
        remedy = self._remedy(
            "replacement",
            user=self.manager,
            proceed="execute",
            line_ids=[Command.create({"sale_line_id": self.line.id, "quantity": 1})],
        )
        self.assertEqual(remedy.amount, 900)
        remedy.action_go()
        order = remedy.sudo().document_ids.order_id
        self.assertEqual(order.state, "sale")
        self.assertEqual(order.amount_total, 0)
        self.assertEqual(order.order_line.product_id, self.product)
        self.assertFalse(self._journey(order))
        self.assertFalse(
            self.env["care.followup"].search([("sale_line_id", "in", order.order_line.ids)])
        )
        self.assertEqual(self.case.cost, 900)
        self.assertEqual(order.care_remedy_count, 1)
        self.assertEqual(self.order.with_user(self.agent).care_remedy_count, 1)

    def test_a_replacement_counts_at_its_price_whatever_one_types(self):
        line = Command.create({"sale_line_id": self.line.id, "quantity": 1, "amount": 1})
        with self.assertRaises(ValidationError):
            self._remedy("replacement", line_ids=[line])
        remedy = self._remedy(
            "replacement",
            amount=1,
            line_ids=[Command.create({"sale_line_id": self.line.id, "quantity": 1})],
        )
        self.assertFalse(remedy.within)
        remedy.amount = 1
        with self.assertRaises(UserError):
            remedy.action_go()

    def _replacement(self, line=None, quantity=1, **vals):
        line = line or self.line
        vals.setdefault("case", self._case(owner_id=self.agent.id, order_id=line.order_id.id))
        return self._remedy(
            "replacement",
            proceed="execute",
            line_ids=[Command.create({"sale_line_id": line.id, "quantity": quantity})],
            **vals,
        )

    def test_the_replacement_of_a_replacement_counts_at_what_the_first_was_sold_for(self):
        self.product.lst_price = 1
        first = self._replacement(user=self.manager)
        first.action_go()
        free = first.sudo().document_ids.order_id.order_line
        self.assertEqual(free.price_total, 0)
        second = self._replacement(free)
        self.assertEqual(second.amount, 900)
        with self.assertRaises(UserError):
            second.action_go()
        second = self._replacement(free, user=self.manager)
        second.action_go()
        # and counts on the order that was sold
        outlays = self.env["care.outlay"].search([("remedy_id", "in", (first | second).ids)])
        self.assertEqual(outlays.order_id, self.order)
        self.assertEqual(outlays.mapped("amount"), [900, 900])
        third = self._replacement(second.sudo().document_ids.order_id.order_line)
        self.assertEqual(third.amount, 900)

    def test_a_gift_is_replaced_at_what_it_is_worth(self):
        self.product.write({"lst_price": 700, "standard_price": 300})
        for vals in ({"price_unit": 0}, {"discount": 100}):
            order = self._confirmed(
                order_line=[
                    Command.create({"product_id": self.product.id, "product_uom_qty": 1, **vals})
                ]
            )
            with self.subTest(vals=vals):
                remedy = self._replacement(order.order_line)
                self.assertEqual(remedy.amount, 700)
                with self.assertRaises(UserError):
                    remedy.action_go()

    def test_what_was_replaced_or_paid_back_is_not_replaced_again(self):
        self._replacement(user=self.manager).action_go()
        with self.assertRaises(UserError):
            self._replacement(quantity=2, user=self.manager).action_go()
        asked = self._replacement()
        asked.action_ask()
        self._invoiced()
        refund = self._refund(900, user=self.manager, proceed="execute")
        refund.action_go()
        with self.assertRaises(UserError):
            asked.with_user(self.manager).action_approve()
        with self.assertRaises(UserError):
            self._replacement(user=self.manager).action_go()

    def test_a_price_that_was_lowered_is_replaced_all_the_same(self):
        self._invoiced()
        self._refund(90, proceed="execute").action_go()
        remedy = self._replacement(quantity=2, user=self.manager)
        remedy.action_go()
        self.assertEqual(remedy.state, "executed")

    def test_a_repair_says_what_it_costs_unless_a_free_service_pays(self):
        remedy = self._remedy("repair", amount=0)
        with self.assertRaises(UserError):
            remedy.action_go()
        with self.assertRaises(UserError):
            remedy.action_ask()
        self.patch(
            self.env.registry["care.coverage"],
            "_find",
            lambda coverages, wants: [
                (coverages.new({"term": "free"}), coverages.browse()) for _want in wants
            ],
        )
        self.case.invalidate_recordset()
        remedy.action_go()
        self.assertEqual(remedy.state, "offered")

    def test_the_customer_does_not_change_under_a_promise(self):
        other = self.env["res.partner"].create({"name": "Somebody else"})
        for amount, state in ((30, "offered"), (400, "asked")):
            remedy = self._remedy(amount=amount)
            if state == "asked":
                remedy.action_ask()
            else:
                remedy.action_go()
            self.assertEqual(remedy.state, state)
            with self.subTest(state), self.assertRaisesRegex(UserError, "promised"):
                self.case.with_user(self.agent).write({"partner_id": other.id, "order_id": False})
            remedy.action_cancel()
        self.case.with_user(self.agent).write({"partner_id": other.id, "order_id": False})
        # the engine does it and takes the offer back
        remedy = self._remedy(amount=30)
        remedy.action_go()
        self.case.sudo().partner_id = self.customer
        self.assertEqual(remedy.state, "cancelled")
        self.assertFalse(self.case._care_offers())

    def test_another_customers_offer_is_neither_shown_nor_answered(self):
        remedy = self._remedy(amount=30)
        remedy.action_go()
        remedy.sudo().partner_id = self.env["res.partner"].create({"name": "Somebody else"})
        self.assertFalse(self.case._care_offers())
        self.assertFalse(remedy._customer_answers("accept"))
        self.assertEqual(remedy.state, "offered")

    def test_a_discount_comes_off_the_next_order_once(self):
        remedy = self._remedy("discount", amount=50, proceed="execute")
        remedy.action_go()
        small = [
            Command.create({"product_id": self.product.id, "product_uom_qty": 1, "price_unit": 20})
        ]
        self.assertEqual(self._confirmed(order_line=small).amount_total, 20)
        order = self._confirmed()
        self.assertEqual(order.amount_total, 850)
        self.assertEqual(remedy.sudo().document_ids.order_id, order)
        self.assertIn(self.case.number, order.order_line[-1].name)
        self.assertEqual(self._confirmed().amount_total, 900)
        # given up: it waits for the next one again, and what is taken up again has it once
        order._action_cancel()
        self.assertEqual(order.amount_total, 900)
        order.action_draft()
        order.action_confirm()
        self.assertEqual(order.amount_total, 850)
        self.assertEqual(self._confirmed().amount_total, 900)

    def test_a_quotation_uses_no_discount_up_and_may_become_somebody_elses(self):
        remedy = self._remedy("discount", amount=50, proceed="execute")
        remedy.action_go()
        quotation, cart = self._order(), self._order(order_line=[])
        self.env["sale.order.line"].create({"order_id": cart.id, "product_id": self.product.id})
        self.assertEqual((quotation | cart).mapped("amount_total"), [900, 900])
        self.assertFalse(remedy.sudo().document_ids)
        quotation.partner_id = self.env["res.partner"].create({"name": "Somebody else"})
        quotation.action_confirm()
        self.assertEqual(quotation.amount_total, 900)
        cart.order_line.unlink()
        self.assertEqual(cart.amount_total, 0)
        self.env["sale.order.line"].create({"order_id": cart.id, "product_id": self.product.id})
        cart.action_confirm()
        self.assertEqual(cart.amount_total, 850)

    def test_a_discount_costs_once_it_is_used(self):
        remedy = self._remedy("discount", amount=50, proceed="execute")
        remedy.action_go()
        self.assertEqual((remedy.state, remedy.cost, self.case.cost), ("executed", 0, 0))
        # the limit is used up by the promise
        self.assertFalse(self._remedy(amount=60).within)
        order = self._confirmed()
        self.assertEqual((remedy.cost, self.case.cost), (50, 50))
        order._action_cancel()
        self.assertEqual((remedy.cost, self.case.cost), (0, 0))

    def test_what_was_paid_in_full_leaves_the_discount_for_the_next_order(self):
        self._remedy("discount", amount=50, proceed="execute").action_go()
        order = self._order()
        provider = self.env["payment.provider"].create(
            {"name": "Provider", "code": "none", "company_id": self.company.id}
        )
        self.env["payment.transaction"].create(
            {
                "provider_id": provider.id,
                "payment_method_id": self.env["payment.method"]
                .search([("active", "in", (True, False))], limit=1)
                .id,
                "reference": "tx-discount",
                "amount": 900,
                "currency_id": order.currency_id.id,
                "partner_id": self.customer.id,
                "state": "done",
                "sale_order_ids": [Command.set(order.ids)],
            }
        )
        order.action_confirm()
        self.assertEqual(order.amount_total, 900)
        self.assertEqual(self._confirmed().amount_total, 850)

    def test_a_discount_ends_and_is_for_its_customer_alone(self):
        remedy = self._remedy(
            "discount",
            amount=50,
            proceed="execute",
            valid_until=fields.Date.today() + timedelta(days=30),
        )
        remedy.action_go()
        with self._at(fields.Datetime.now() + timedelta(days=40)):
            self.assertEqual(self._confirmed().amount_total, 900)
        stranger = self.env["res.partner"].create({"name": "Somebody else"})
        self.assertEqual(self._confirmed(partner=stranger).amount_total, 900)
        self.assertEqual(self._confirmed().amount_total, 850)

    def test_an_explanation_is_a_message_to_the_customer(self):
        remedy = self._remedy("explanation", text="It has to warm up first.", proceed="execute")
        remedy.action_go()
        message = self.case.message_ids.filtered(lambda m: "warm up" in m.body)
        self.assertEqual(message.author_id, self.agent.partner_id)
        self.assertFalse(message.subtype_id.internal)
        self.assertFalse(self.case.cost)
        with self.assertRaises(UserError):
            self._remedy("apology", text=" ").action_go()

    def test_a_repair_is_work_for_the_cases_owner(self):
        remedy = self._remedy("repair", amount=60, proceed="execute")
        remedy.action_go()
        activity = self._activities(remedy, "next")
        self.assertEqual(activity.user_id, self.agent)
        self.assertEqual(self.case.cost, 60)

    def test_a_return_tells_the_customer_how(self):
        remedy = self._remedy(
            "return",
            text="Put it in the box.",
            proceed="execute",
            line_ids=[Command.create({"sale_line_id": self.line.id, "quantity": 1})],
        )
        self.assertEqual(remedy.amount, 0)
        remedy.action_go()
        self.assertEqual(remedy.state, "executed")
        self.assertTrue(self.case.message_ids.filtered(lambda m: "in the box" in m.body))

    def test_doing_it_twice_makes_one_document(self):
        remedy = self._remedy(amount=40, proceed="wait")
        remedy.action_go()
        remedy.action_execute()
        for _again in range(2):
            with self.assertRaises(UserError):
                remedy.action_execute()
        self.assertEqual(len(remedy.sudo().document_ids), 1)
        with self.assertRaises(UserError):
            remedy.action_go()
        with self.assertRaises(UserError):
            remedy.action_cancel()
        self.assertEqual(
            len(
                self.env["account.move"]
                .search([("move_type", "=", "out_refund")])
                .filtered(lambda m: m.company_id == self.company)
            ),
            1,
        )

    def test_costs_add_up_on_the_case(self):
        for amount in (40, 25):
            self._remedy(amount=amount, proceed="execute", user=self.leader).action_go()
        self._remedy(amount=30, user=self.leader).action_go()  # offered only
        self.assertEqual(self.case.cost, 65)

    def test_a_document_that_is_taken_away_is_to_be_done_again(self):
        remedy = self._remedy(amount=40, proceed="execute")
        remedy.action_go()
        remedy.sudo().document_ids.move_id.unlink()
        self.assertEqual(remedy.state, "approved")
        self.assertEqual(self.case.cost, 0)
        remedy.action_execute()
        self.assertEqual(self.case.cost, 40)

    # ------------------------------------------------------------
    # Replacements that are called off
    # ------------------------------------------------------------

    def _replaced(self, **vals):
        remedy = self._replacement(user=self.manager, **vals)
        remedy.action_go()
        return remedy, remedy.sudo().document_ids.order_id

    def test_a_replacement_whose_order_is_cancelled_is_to_be_done_again(self):
        remedy, order = self._replaced()
        order._action_cancel()
        self.assertRecordValues(remedy, [{"state": "approved", "executed_at": False, "cost": 0}])
        self.assertEqual(remedy.case_id.cost, 0)
        self.assertFalse(remedy.sudo().document_ids)
        self.assertRegex(self._activities(remedy, "next").summary, "do it again or cancel it")
        remedy.action_execute()
        again = remedy.sudo().document_ids.order_id
        self.assertRecordValues(again, [{"state": "sale", "amount_total": 0}])
        self.assertNotEqual(again, order)
        self.assertEqual(remedy.case_id.cost, 900)
        self.assertFalse(self._journey(again))

    def test_who_sells_and_sees_no_case_calls_a_replacement_off_as_well(self):
        seller = self._user("care_only_sells", "sales_team.group_sale_manager")
        remedy, order = self._replaced()
        order.with_user(seller).action_cancel()
        self.assertEqual(remedy.state, "approved")

    def test_what_was_to_be_replaced_by_an_order_that_is_gone_may_be_replaced_by_another(self):
        remedy, order = self._replaced(quantity=2)
        with self.assertRaises(UserError):
            self._replacement(user=self.manager).action_go()
        order._action_cancel()
        remedy.action_cancel()
        other, _order = self._replaced(quantity=2)
        self.assertEqual((remedy.state, other.state), ("cancelled", "executed"))

    def test_a_replacement_whose_order_is_deleted_is_to_be_done_again(self):
        remedy, order = self._replaced()
        order.state = "draft"
        self.assertEqual(remedy.state, "executed", "the order is still there")
        order.unlink()
        self.assertEqual(remedy.state, "approved")
        remedy.action_execute()
        self.assertEqual(remedy.sudo().document_ids.order_id.state, "sale")

    def test_many_orders_that_are_cancelled_give_back_only_their_own_replacements(self):
        (first, one), (second, two) = self._replaced(), self._replaced()
        (one | self._confirmed())._action_cancel()
        self.assertEqual((first.state, second.state), ("approved", "executed"))
        two._action_cancel()
        self.assertEqual(second.state, "approved")

    def test_the_cancelled_order_confirmed_again_is_an_order_like_any_other(self):
        remedy, order = self._replaced()
        order._action_cancel()
        order.action_draft()
        order.action_confirm()
        # as a credit note that is posted after all: the remedy knows nothing of it
        self.assertEqual((remedy.state, remedy.case_id.cost), ("approved", 0))
        self.assertEqual(len(self._journey(order)), 1)
        order._action_cancel()
        remedy.action_execute()
        self.assertEqual(remedy.state, "executed")
        order.action_draft()
        order.unlink()
        self.assertEqual(remedy.state, "executed", "another order replaces it now")

    def test_a_discount_stays_given_when_the_order_that_took_it_is_cancelled(self):
        remedy = self._remedy("discount", amount=50, proceed="execute")
        remedy.action_go()
        order = self._confirmed()
        self.assertEqual(order.amount_total, 850)
        order._action_cancel()
        self.assertEqual(remedy.state, "executed")
        self.assertEqual(self._confirmed().amount_total, 850)

    # ------------------------------------------------------------
    # Credit notes that are taken away
    # ------------------------------------------------------------

    def test_of_two_documents_one_is_left(self):
        first = self._invoiced()
        self.order.order_line[0].product_uom_qty = 4
        second = self._invoiced()
        self.assertEqual((first | second).invoice_line_ids.mapped("quantity"), [2, 2])
        remedy = self._refund(90, quantity=3, proceed="execute")
        remedy.action_go()
        moves = remedy.sudo().document_ids.move_id
        self.assertEqual(moves.reversed_entry_id, first | second)
        self.assertEqual(sum(moves.mapped("amount_total")), 90)
        moves[0].unlink()
        self.assertEqual(remedy.state, "executed")
        moves[1].button_cancel()
        self.assertEqual(remedy.state, "approved")

    def test_a_case_with_something_given_is_not_deleted(self):
        remedy = self._remedy(amount=40)
        other = self._case()
        self._remedy(amount=40, case=other, user=self.leader)
        other.with_user(self.manager).unlink()
        remedy.action_go()
        with self.assertRaises(UserError):
            self.case.with_user(self.manager).unlink()

    def test_money_that_is_not_posted_yet_holds_follow_ups_back(self):
        self.case.resolution = "Paid back"
        followups = self.env["care.followup"]
        self._policy(((0, "care_owner"),))
        order = self._confirmed()
        row = self._journey(order).followup_ids
        self.assertEqual(len(row), 1)
        remedy = self._remedy(amount=40, proceed="execute")
        remedy.action_go()
        self.case.sudo().action_resolve()
        self.assertEqual(set(followups.browse(row.id)._hold_unpaid_refund({})), {row})
        move = remedy.sudo().document_ids.move_id
        move.action_post()
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create({})._create_payments()
        self.assertFalse(row._hold_unpaid_refund({}))

    def test_the_story_tells_of_it(self):
        self._remedy(amount=40, proceed="execute").action_go()
        story = self.case.with_user(self.agent).care_story
        self.assertIn("Compensation", story)

    def test_what_nobody_said_yes_to_ends_with_the_case(self):
        offered = self._remedy(amount=20, proceed="offer")
        offered.action_go()
        proposal = self._remedy(amount=10)
        done = self._remedy(amount=5, proceed="execute")
        done.action_go()
        self.assertEqual(offered.state, "offered")
        self.case.resolution = "Mended"
        self.case.action_resolve()
        self.assertEqual(offered.state, "offered", "they may still say yes")
        self.case._customer_answers("yes")
        self.assertEqual(self.case.stage_category, "closed")
        self.assertEqual(
            (offered | proposal | done).mapped("state"), ["cancelled", "cancelled", "executed"]
        )
        self.assertFalse(self.case._care_offers())

    def test_the_dialog_proposes_what_is_usual(self):
        faulty = self.env.ref("customer_care.category_faulty")
        self.case.category_id = faulty
        remedies = self.env["care.remedy"].with_user(self.agent)
        form = Form(
            remedies.with_context(default_case_id=self.case.id),
            "customer_care.care_remedy_view_form_quick",
        )
        self.assertEqual((form.usual_id, form.kind), (faulty.remedy_ids[0], "repair"))
        self.assertEqual(form.proceed, "offer")
        category = self.env.ref("customer_care.category_late")
        self.case.category_id = category
        usual = category.remedy_ids[-1]
        usual.currency_id = self.company.currency_id
        with Form(
            self.env["care.remedy"]
            .with_user(self.agent)
            .with_context(default_case_id=self.case.id),
            "customer_care.care_remedy_view_form_quick",
        ) as form:
            self.assertEqual(form.usual_id, category.remedy_ids[0])
            self.assertEqual(form.kind, "apology")
            form.usual_id = usual
            self.assertEqual(form.kind, "discount")
            self.assertEqual(form.amount, 20)
            self.assertTrue(form.within)
            form.amount = 2000
            self.assertFalse(form.within)
            self.assertIn(self.manager, form.approver_ids[:])
            form.text = usual.text
            form.kind = "compensation"
            self.assertFalse(form.text, "the words of another kind")
            self.assertEqual(form.amount, 0)
            form.kind = "refund"
            self.assertEqual(form.amount, 900, "one of the two pieces")
        remedy = self.env["care.remedy"].search([("case_id", "=", self.case.id)])
        self.assertEqual(remedy.line_ids.sale_line_id, self.line)
