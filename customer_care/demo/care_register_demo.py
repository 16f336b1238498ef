from odoo import api, models


class CareDemo(models.AbstractModel):
    """A danger, a confidential word, somebody who wants a person, and what it all measures."""

    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _load(self):
        result = super()._load()
        self._count_facts()
        return result

    @api.model
    def _count_facts(self):
        """What the cron has counted meanwhile."""
        pieces = self.env["care.tenure"].search(
            [("until", "!=", False), ("counted_at", "=", False)], order="id"
        )
        self.env["care.fact"]._collect(pieces)
        pieces.counted_at = self.env.cr.now()

    @api.model
    def _story_open_cases(self):
        return [
            *super()._story_open_cases(),
            # danger: everybody drops what they do
            (
                *(0, 95, "report", "case_marlow_water", "order_marlow", "product_dishwasher"),
                *("Water runs out over the socket", "category_danger", "phone"),
                "“It drips from the door onto the socket beside it, and the breaker has gone "
                "twice. May the guests use the kitchen?”",
            ),
            (0, 90, "work", "case_marlow_water"),
            (
                *(0, 85, "says", "case_marlow_water", "owner"),
                "Please leave the breaker off and nobody near the machine. A technician is with "
                "you within the hour.",
            ),
            # not for everybody's eyes
            (
                *(2, "09:40", "report", "case_okafor_fitter", "order_okafor", "product_install"),
                *("The fitter's tone in front of the children", "category_installation", "phone"),
                "“He was fine with the machine and not with us. I would rather not have my name "
                "read out in your workshop.”",
            ),
            (2, "09:55", "seal", "case_okafor_fitter"),
            # a machine's answer was not enough
            (
                *(2, "12:05", "report", "case_tanaka_hood", "order_tanaka_hood", "product_hood"),
                *("Which filter fits the hood?", "category_question", "portal"),
                "The page shows two, and both say they fit.",
            ),
            (0, 50, "person", "case_tanaka_hood", "+1 555 0144", "after five"),
        ]

    def _play_seal(self, name):
        self._by_owner(name).action_seal()

    def _play_person(self, name, phone, when):
        self._there(name)._customer_answers("person", phone=phone, when=when)
