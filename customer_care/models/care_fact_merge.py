"""What was measured of a case before it was made one with another: it counts once."""

from datetime import timedelta

from odoo import api, models

#: What is measured of a case itself, and of who had it how long.
MEASURED = ("care.case", "care.tenure")


class CareFact(models.Model):
    _inherit = "care.fact"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _merge(self, cases, target):
        """These cases are a part of ``target`` by now: what was counted of them is not any more,
        and whether their customer came again is looked at once more.
        """
        # sudo: facts belong to the engine
        facts = self.sudo().search([("case_id", "in", cases.ids)])
        own = facts.filtered(lambda fact: fact.res_model in MEASURED)
        own.unlink()
        # what add-ons measured goes where their rows went
        (facts - own).write({"case_id": target.id, "confidential": target.confidential})
        self.sudo()._correct_repeats(cases | target)

    @api.model
    def _correct_repeats(self, cases):
        """Facts about repeat contacts of the customers of these cases, as they are now."""
        for company, mine in cases.grouped("company_id").items():
            since = min(mine.mapped("received_at"))
            following = cases.search(
                [
                    ("company_id", "=", company.id),
                    ("commercial_partner_id", "in", mine.commercial_partner_id.ids),
                    ("received_at", ">=", since),
                    (
                        "received_at",
                        "<=",
                        max(mine.mapped("received_at")) + timedelta(days=company.care_repeat_days),
                    ),
                ]
            )
            known = self.search(
                [
                    ("measure", "=", "repeat"),
                    ("res_model", "=", "care.case"),
                    ("res_id", "in", following.ids),
                ]
            )
            again = {case.id: value for case, value in self._repeats(following).items()}
            for fact in known:
                value = int(again.get(fact.res_id, fact.numerator))
                if fact.numerator != value:
                    fact.numerator = value


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _merge_into(self, target):
        merged = super()._merge_into(target)
        if merged:
            self.env["care.fact"]._merge(merged, target.sudo())
        return merged
