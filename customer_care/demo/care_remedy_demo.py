from odoo import api, models


class CareDemo(models.AbstractModel):
    """What was done to put things right, and who had to be asked."""

    _inherit = "care.demo"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _story_cases(self):
        return super()._story_cases() + self._story_remedies()

    @api.model
    def _story_remedies(self):
        return [
            # within what an agent decides alone
            (
                *(12, "14:45", "remedy", "case_lumen", "discount", 40, "execute"),
                "For your patience: your next order costs you $ 40 less.",
            ),
            (
                *(9, "10:45", "remedy", "case_amrani", "apology", 0, "execute"),
                "We let you down three times in one week. I am sorry; it is our fault alone.",
            ),
            # the pump and the technician's morning: Otto had to be asked
            (
                *(1, "11:00", "remedy", "case_lakeside", "repair", 85, "execute"),
                "We replace the pump at our cost.",
            ),
            (1, "11:20", "approve", "case_lakeside"),
            # the customer has not answered yet
            (
                *(1, "15:30", "remedy", "case_marlow", "discount", 30, "offer"),
                "We are sorry for the second new date. Something off your next order?",
            ),
            # waits for the leader
            (
                *(0, 20, "remedy", "case_greenfield", "compensation", 150, "offer"),
                "If you would like to keep the fridge with its dent, we pay you $ 150 back.",
            ),
        ]

    def _play_remedy(self, case, kind, amount, proceed, text):
        """The owner gives what they may, and asks for what they may not."""
        case = self._there(case)
        remedy = (
            self.env["care.remedy"]
            .with_user(case.owner_id)
            .create(
                {
                    "case_id": case.id,
                    "kind": kind,
                    "amount": amount,
                    "proceed": proceed,
                    "text": text,
                }
            )
        )
        if remedy.within:
            remedy.action_go()
        else:
            remedy.action_ask()

    def _play_approve(self, case):
        case = self._there(case)
        asked = case.remedy_ids.filtered(lambda remedy: remedy.state == "asked")
        approver = asked.activity_ids.user_id[:1]
        asked.with_user(approver).action_approve()
