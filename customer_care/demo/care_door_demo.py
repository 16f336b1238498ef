from odoo import api, models


class CareDemo(models.AbstractModel):
    """What comes in besides complaints: praise, ideas, questions, and what is said elsewhere."""

    _inherit = "care.demo"

    @api.model
    def _story_cases(self):
        return super()._story_cases() + self._story_doors()

    @api.model
    def _story_doors(self):
        return [
            # an idea that was taken over
            (
                *(20, "19:40", "file", "case_idea_text", "partner_lindqvist", "portal"),
                *("suggestion", "Tell me the fitters' name beforehand", False),
                "I would like to know who rings at my door. A text with a name would do.",
            ),
            (
                *(18, "09:30", "decide", "case_idea_text", "taken"),
                "From this month on the text half an hour before says who comes.",
            ),
            # one that waits
            (
                *(6, "20:05", "file", "case_idea_sunday", "partner_amrani", "form"),
                *("suggestion", "Open the showroom on Sundays", "category_idea"),
                "We both work until seven, and on Saturdays it is full.",
            ),
            # praise that reached the one it was for
            (
                *(5, "17:50", "file", "case_praise_amir", "partner_okafor", "form"),
                *("compliment", "A patient voice on the phone", "category_praise"),
                "Amir stayed on the line until the programme ran. Thank you.",
            ),
            (4, "09:10", "praise", "case_praise_amir", "user_amir"),
            # said about us
            (
                *(9, "08:20", "mention", "case_mention_map", "Kim, on a map of shops", "2"),
                "Nice machines, but three calls until somebody knew where mine was.",
            ),
            (
                *(8, "10:40", "answer_there", "case_mention_map"),
                "Thank you, Kim, and sorry for the calls. From now on one person answers for your "
                "delivery from the order to the last screw.",
            ),
            (
                *(0, 55, "mention", "case_mention_forum", "A forum for kitchens", "4"),
                "“They came when they said they would. The film on the glasses took two visits.”",
            ),
            # the same matter by another door, and a customer who wants to be called
            (
                *(0, 40, "file", "case_marlow_again", "partner_marlow", "form"),
                *("complaint", "Delivery moved again, who calls me?", "category_appointment"),
                "This is the second message. When do the machines come?",
            ),
            (
                *(0, 25, "file", "case_call_tanaka", "partner_tanaka", "callback"),
                *("enquiry", "Please call me", "category_question"),
                "Which pans may I use?",
            ),
        ]

    # ------------------------------------------------------------
    # Scenes
    # ------------------------------------------------------------

    def _play_file(self, name, partner, channel, kind, subject, category, said):
        """A customer files a case by one of the doors."""
        vals = {
            "company_id": self.env.ref("base.main_company").id,
            "partner_id": self._there(partner).id,
            "name": subject,
            "kind": kind,
            "description": said,
            "category_id": category and self._there(category).id,
        }
        if channel == "callback":
            vals["contact_when"] = "After five"
        self._name_it(name, self.env["care.case"]._file_case(vals, channel))

    def _play_decide(self, name, verdict, reason):
        case = self._by_owner(name)
        case.verdict_reason = reason
        case._decide(verdict)

    def _play_praise(self, name, user):
        case = self._by_owner(name)
        case.praised_user_id = self._there(user)
        case.action_pass_on()

    def _play_mention(self, name, source, stars, said):
        """An agent finds something said about the shop."""
        user = self._there("user_nora")
        case = self.env["care.case"].create(
            {
                "company_id": self.env.ref("base.main_company").id,
                "team_id": self._there("team_service").id,
                "owner_id": user.id,
                "name": f"{source}, {stars} stars",
                "kind": "mention",
                "source_name": source,
                "source_url": "https://www.example.com/reviews",
                "stars": stars,
                "description": said,
                "received_at": self.env.cr.now(),
            }
        )
        self._name_it(name, case)

    def _play_answer_there(self, name, answer):
        case = self._by_owner(name)
        case.public_answer = answer
        case.action_answered_publicly()
