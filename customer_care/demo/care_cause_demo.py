from odoo import Command, api, models


class CareDemo(models.AbstractModel):
    """What was delivered and is covered, why things went wrong, and what was done about it."""

    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _story_orders(self):
        return super()._story_orders() + self._story_deliveries()

    @api.model
    def _story_cases(self):
        return super()._story_cases() + self._story_causes()

    @api.model
    def _story_deliveries(self):
        return [
            (59, "16:25", "deliver", "order_whitfield"),
            (57, "17:05", "deliver", "order_lakeside"),
            (21, "12:35", "deliver", "order_lumen"),
            (14, "13:10", "deliver", "order_novak"),
            (8, "11:40", "deliver", "order_moreau"),
            (5, "16:30", "deliver", "order_okafor"),
        ]

    @api.model
    def _story_causes(self):
        return [
            # three complaints in a month about appointments are too many for this shop
            (63, "10:00", "alarm", "category_appointment", 3, 30),
            (56, "10:10", "cause", "case_whitfield", "cause_entered"),
            (56, "10:15", "cause", "case_lakeside_floor", "cause_place"),
            (20, "09:00", "cause", "case_lumen_yard", "cause_packaging"),
            (16, "11:40", "cause", "case_lumen", "cause_settings"),
            (8, "13:00", "cause", "case_moreau_late", "cause_nobody_rings"),
            (9, "11:10", "cause", "case_amrani", "cause_nobody_rings"),
            (1, "11:35", "cause", "case_lakeside", "cause_part"),
            # done, checked, and it worked
            (
                *(20, "09:10", "act", "action_yard", "user_otto", 16, "cause_packaging"),
                *("The van leaves when the yard is swept", ["case_lumen_yard"]),
                "No packaging left behind on the next twenty deliveries.",
            ),
            (17, "16:00", "act_done", "action_yard"),
            (
                *(3, "15:10", "act_worked", "action_yard", "user_marc"),
                "Twenty-two deliveries, nothing left behind.",
            ),
            # done, and it has happened again
            (
                *(9, "11:30", "act", "action_ring", "user_otto", 6, "cause_nobody_rings"),
                "The planner rings each customer on the day before",
                ["case_moreau_late", "case_amrani"],
                "Nobody asks us when we come, for a month.",
            ),
            (7, "08:40", "act_done", "action_ring"),
            (2, "16:30", "cause", "case_marlow", "cause_nobody_rings"),
            # still to be done
            (
                *(12, "15:00", "act", "action_water", "user_amir", -4, "cause_settings"),
                *("Measure the water before a Bistro Pro is connected", ["case_lumen"]),
                "The hardness is on every delivery note.",
            ),
        ]

    # ------------------------------------------------------------
    # Scenes
    # ------------------------------------------------------------

    def _play_deliver(self, order):
        """All of it has arrived; where transfers say so, they are left to do it."""
        lines = self._there(order).order_line
        for line in lines.filtered(lambda line: line.qty_delivered_method == "manual"):
            line.qty_delivered = line.product_uom_qty

    def _play_alarm(self, category, count, days):
        self._there(category).write({"alarm_own": True, "alarm_count": count, "alarm_days": days})

    def _play_cause(self, name, cause):
        self._by_owner(name).cause_id = self._there(cause)

    def _play_act(self, name, user, days, cause, what, cases, check):
        """An action, due so many working days ago, or days from the present."""
        owner = self._there(user)
        cases = [self._there(case) for case in cases]
        action = self.env["care.action"].create(
            {
                "name": what,
                "owner_id": owner.id,
                "cause_id": self._there(cause).id,
                "company_id": cases[0].company_id.id,
                "case_ids": [Command.set([case.id for case in cases])],
                "date_due": self._day(days),
                "check_how": check,
                "window_days": 30,
            }
        )
        self._name_it(name, action)

    def _play_act_done(self, name):
        action = self._there(name)
        action.with_user(action.owner_id).action_done()

    def _play_act_worked(self, name, user, result):
        action = self._there(name).with_user(self._there(user))
        action.result = result
        action.action_effective()
