from contextlib import contextmanager
from datetime import timedelta

from odoo import Command, fields
from odoo.tests import TransactionCase, freeze_time, new_test_user


class CareCase(TransactionCase):
    """A small company with a rep, an agent, a leader, a manager and customers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(
            context={**cls.env.context, "tracking_disable": True, "no_reset_password": True}
        )
        cls.company = cls.env["res.company"].create(
            {
                "name": "Hearth and Home",
                "care_start_date": fields.Date.today(),
                # what merges calls or adds some has tests of its own
                "care_merge_days": 0,
                "care_checkback_days": 0,
            }
        )
        cls.env.user.company_ids = [Command.link(cls.company.id)]
        cls.company.resource_calendar_id = cls._calendar(cls.company)
        agent = "customer_care.group_agent"
        cls.rep, cls.agent, cls.agent2, cls.leader, cls.manager = cls._users(
            care_rep=f"{agent},sales_team.group_sale_salesman",
            care_agent=agent,
            care_agent2=agent,
            care_leader="customer_care.group_leader",
            care_manager="customer_care.group_manager,sales_team.group_sale_manager",
        )
        cls.company.care_default_owner_id = cls.manager
        cls.team = cls.env["care.team"].create(
            {
                "name": "Service",
                "company_id": cls.company.id,
                "leader_id": cls.leader.id,
                "member_ids": [Command.set((cls.agent | cls.agent2).ids)],
            }
        )
        cls.customer = cls.env["res.partner"].create(
            {"name": "Clara Moreau", "email": "clara@example.com", "phone": "+32 2 1"}
        )
        cls.product = cls.env["product.product"].create(
            {"name": "Oven", "list_price": 900.0, "taxes_id": [Command.clear()]}
        )
        # the rules that come with the addon must not meddle with what a test expects
        cls.env["care.policy"].search([]).active = False
        cls.journey_type = cls.env.ref("customer_care.journey_type_sale")
        cls.stages = cls.journey_type.stage_ids.sorted("sequence")

    @classmethod
    def _calendar(cls, company):
        """Monday to Friday, 9 to 17, in Brussels."""
        return cls.env["resource.calendar"].create(
            {
                "name": "Nine to five",
                "company_id": company.id,
                "tz": "Europe/Brussels",
                "attendance_ids": [Command.clear()]
                + [
                    Command.create(
                        {
                            "name": "Day",
                            "dayofweek": str(day),
                            "hour_from": 9,
                            "hour_to": 17,
                            "day_period": "morning",
                        }
                    )
                    for day in range(5)
                ],
            }
        )

    @classmethod
    def _user(cls, login, groups, company=None, **kwargs):
        company = company or cls.company
        return new_test_user(cls.env, login, groups, **cls._belonging_to(company), **kwargs)

    @classmethod
    def _users(cls, **groups):
        """Several at once, by login, as :func:`odoo.tests.new_test_user` makes one."""
        return cls.env["res.users"].create(
            [
                {
                    "login": login,
                    "name": login,
                    "email": f"{login}@example.com",
                    "password": login + "x" * (8 - len(login)),
                    "group_ids": [Command.set([cls.env.ref(name).id for name in names.split(",")])],
                    **cls._belonging_to(cls.company),
                }
                for login, names in groups.items()
            ]
        )

    @classmethod
    def _belonging_to(cls, company):
        return {
            "company_id": company.id,
            "company_ids": [Command.set(company.ids)],
            "tz": "Europe/Brussels",
        }

    @classmethod
    def _order(cls, user=None, partner=None, **vals):
        return cls.env["sale.order"].create(
            {
                "partner_id": (partner or cls.customer).id,
                "user_id": (user or cls.rep).id,
                "company_id": cls.company.id,
                "order_line": [
                    Command.create({"product_id": cls.product.id, "product_uom_qty": 1})
                ],
                **vals,
            }
        )

    @classmethod
    def _confirmed(cls, **vals):
        order = cls._order(**vals)
        order.action_confirm()
        return order

    @classmethod
    def _policy(cls, steps=((0, "care_owner"),), event="order_confirmed", **vals):
        """A policy whose plan has one step for each (days, responsible)."""
        model = "care.case" if event.startswith("case_") else "care.journey"
        plan = cls.env["mail.activity.plan"].create(
            {
                "name": "Plan",
                "res_model": model,
                "company_id": cls.company.id,
                "template_ids": [
                    Command.create(
                        {
                            "activity_type_id": cls.env.ref(
                                "customer_care.mail_activity_type_followup"
                            ).id,
                            "summary": f"After {days} days",
                            "delay_count": days,
                            "delay_unit": "days",
                            "delay_from": "after_plan_date",
                            "responsible_type": responsible,
                        }
                    )
                    for days, responsible in steps
                ],
            }
        )
        return cls.env["care.policy"].create(
            {
                "name": "Policy",
                "event": event,
                "plan_id": plan.id,
                "company_id": cls.company.id,
                **vals,
            }
        )

    @classmethod
    def _case(cls, **vals):
        return cls.env["care.case"].create(
            {
                "name": "The oven does not heat",
                "description": "It stays cold.",
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
                "team_id": cls.team.id,
                **vals,
            }
        )

    def _run(self, model, days=0):
        """Run a model's cron, as if ``days`` later."""
        rows = self.env[model].sudo()
        if days:
            rows.search([("next_at", "!=", False)]).flush_recordset()
            self.env.cr.execute(
                f"UPDATE {rows._table} SET next_at = next_at - %s WHERE next_at IS NOT NULL",
                (timedelta(days=days),),
            )
            self.env.invalidate_all()
        with self.enter_registry_test_mode():
            self.env.ref(rows._due_cron).method_direct_trigger()

    @contextmanager
    def _at(self, moment):
        """As if it were ``moment`` (UTC), for Python and for the transaction."""
        cr = self.env.cr
        now, cr._now = cr.now(), fields.Datetime.to_datetime(moment)
        try:
            with freeze_time(moment):
                yield
        finally:
            cr._now = now

    def _journey(self, order):
        return self.env["care.journey"].search([("order_id", "=", order.id)])
