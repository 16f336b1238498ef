from odoo import api, models


class CareStoryMixin(models.AbstractModel):
    """Answers belong to the customer's story."""

    _inherit = "care.story.mixin"

    @api.model
    def _story_sources(self):
        return {
            **super()._story_sources(),
            "care.survey.score": {
                "date": "create_date",
                "fields": ["measure", "value", "scale_max", "comment", "points"],
                "icon": "fa-star-half-o",
                "kind": self.env._("Survey answer"),
                "tell": self._tell_score,
            },
        }

    @api.model
    def _tell_score(self, score):
        measures = dict(score._fields["measure"]._description_selection(self.env))
        good = score.points > (0 if score.measure == "nps" else 50)
        return {
            "title": measures[score.measure],
            "text": score.comment,
            "tag": score.display_name,
            "tone": "success" if good else "warning",
        }
