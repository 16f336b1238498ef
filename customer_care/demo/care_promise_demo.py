from datetime import timedelta

from odoo import Command, api, fields, models


class CareDemo(models.AbstractModel):
    """What the shop's people promised and heard, and which guides were clear."""

    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _story_orders(self):
        return super()._story_orders() + self._story_promises() + self._story_guides()

    @api.model
    def _story_promises(self):
        return [
            # kept to the minute
            (
                *(11, "14:50", "promise", "promise_moreau", "case_moreau_late", 8),
                "The fitters ring you when they leave",
            ),
            (8, "08:05", "keep", "promise_moreau", "They rang at five past eight."),
            # kept, a day late
            (
                *(19, "15:40", "promise", "promise_lumen", "order_lumen", 17),
                "Send three sorts of rinse aid to try",
            ),
            (16, "10:20", "keep", "promise_lumen", "The courier left them with the neighbour."),
            # forgotten: Otto was told
            (
                *(8, "16:50", "promise", "promise_lindqvist", "order_lindqvist", 6),
                "Tell you on which day the fridge comes",
            ),
            # due today
            (
                *(1, "16:55", "promise", "promise_tanaka", "order_tanaka", 0),
                "Call back about the pans that suit the hob",
            ),
            # and in two days
            (
                *(1, "09:20", "promise", "promise_greenfield", "order_greenfield", -2),
                "Send the drawing of the niche",
            ),
            # what they need next
            (
                *(56, "09:35", "need", "order_lakeside", "Six dryers for the east wing"),
                *(4200, 45, False, "Heat pump dryers: they pay for themselves in two years."),
            ),
            (
                *(13, "10:15", "need", "order_novak", "A small fridge for wine"),
                *(600, 0, True, "Ours are too loud for a living room: sent him to a specialist."),
            ),
        ]

    @api.model
    def _story_guides(self):
        fine = "plan_after_sale_satisfied"
        return [
            (13, "10:05", "ask", "order_novak", fine, "service_install", "yes", ""),
            (13, "10:06", "ask", "order_novak", fine, "service_care", "yes", ""),
            (7, "10:00", "ask", "order_moreau", fine, "service_install", "yes", ""),
            (
                *(7, "10:01", "ask", "order_moreau", fine, "service_care", "no"),
                "“Do I have to descale it myself in the first year?”",
            ),
        ]

    # ------------------------------------------------------------
    # Scenes
    # ------------------------------------------------------------

    def _by(self, name):
        """What a promise or a need comes up on, as who answers for it then."""
        record = self._there(name)
        if record._name == "sale.order":
            record = self._journey_of(name)
        return record.with_user(record.owner_id)

    @api.model
    def _day(self, days):
        """The day so many working days before the present one, or days after it."""
        today = fields.Date.context_today(self)  # by Python's clock: the present
        if days <= 0:
            return today + timedelta(days=-days)
        while days:
            today -= timedelta(days=1)
            days -= today.weekday() < 5
        return today

    def _play_promise(self, name, about, days, what):
        """Promised until so many working days ago (or days from now)."""
        record = self._by(about)
        promise = record.env["care.promise"].create(
            {**record._care_about(), "name": what, "date_due": self._day(days)}
        )
        self._name_it(name, promise)

    def _play_keep(self, name, note):
        promise = self._there(name)
        promise = promise.with_user(promise.user_id)
        promise.note = note
        promise.action_keep()

    def _play_need(self, order, what, budget, days, elsewhere, advice):
        journey = self._by(order)
        journey.env["care.need"].create(
            {
                "partner_id": journey.partner_id.id,
                "company_id": journey.company_id.id,
                "journey_id": journey.id,
                "order_id": journey.order_id.id,
                "name": what,
                "budget": budget,
                "date_wanted": days and fields.Date.today() + timedelta(days=days),
                "elsewhere": elsewhere,
                "advice": advice,
            }
        )

    def _play_ask(self, order, step, service, clear, unclear):
        """Whether a guide was clear, in a follow-up."""
        followup = self._followup_of(order, step)
        guide = followup.guide_ids.filtered(lambda g: g.service_id == self._there(service))
        followup.with_user(followup.user_id).guide_ids = [
            Command.update(guide.id, {"clear": clear, "unclear": unclear})
        ]
