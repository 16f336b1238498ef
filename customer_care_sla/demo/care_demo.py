from datetime import timedelta

from odoo import api, models


class CareDemo(models.AbstractModel):
    """The promises of the demo data: kept, broken, running and standing still."""

    _inherit = "care.demo"

    @api.model
    def _load_sla(self):
        """Let the clocks run through what happened to the cases."""
        cases = self.env["care.case"].sudo()
        replies = (
            self.env["mail.message"]
            .sudo()
            .search([("model", "=", cases._name), *cases._care_reply_domain()], order="id")
        )
        self._retell(
            "customer_care_sla",
            [
                (message.date, None, "replied", cases.browse(message.res_id), message.author_id)
                for message in replies
            ]
            + self._story_promises(),
        )

    @api.model
    def _story_promises(self):
        """What was promised with orders, and the calls that kept it."""
        journeys = (
            self.env["care.journey"]
            .sudo()
            .search(
                [
                    ("company_id", "=", self.env.ref("base.main_company").id),
                    ("order_id", "!=", False),
                ]
            )
        )
        calls = journeys.followup_ids.filtered(
            lambda row: row.state == "done" and row.outcome_id.consequence != "again"
        )
        return [
            *((journey.create_date, None, "sold", journey) for journey in journeys),
            *((call.done_at, None, "called", call) for call in calls),
        ]

    def _play_sold(self, journey):
        journey = journey.with_env(self.env)
        # days in which the goods were promised to arrive
        days = {"order_lindqvist": 4, "order_okafor": 12, "order_marlow": 9}
        for name, wait in days.items():
            order = self.env.ref(f"customer_care.{name}", raise_if_not_found=False)
            if order and order == journey.order_id:
                order.commitment_date = self.env.cr.now().replace(microsecond=0) + timedelta(wait)
        self.env["care.sla.clock"]._follow(journey, "order_confirmed")

    def _play_called(self, call):
        call = call.with_env(self.env)
        self.env["care.sla.clock"]._answered(call.journey_id, call.done_by_id)

    def _play_replied(self, case, author):
        self.env["care.sla.clock"]._answered(case.with_env(self.env), author.main_user_id)

    def _hear(self, case, event):
        result = super()._hear(case, event)
        if self.env.context["care_demo_module"] == "customer_care_sla":
            self.env["care.sla.clock"]._follow(case, event)
            if event == "case_closed":
                self._settle(case)
        return result

    def _settle(self, case):
        """The leader has talked a broken promise over by the time the case is closed."""
        broken = self.env.ref("customer_care_sla.mail_activity_type_broken")
        for activity in case.activity_ids.filtered(lambda a: a.activity_type_id == broken):
            activity.with_user(activity.user_id)._action_done(
                feedback="Talked it over with the owner."
            )
            activity.date_done = self.env.cr.now()
