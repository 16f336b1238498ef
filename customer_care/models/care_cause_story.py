from odoo import api, models
from odoo.tools import format_date


class CareStoryMixin(models.AbstractModel):
    """What after-sale service a customer has, and what was changed because of their word."""

    _inherit = "care.story.mixin"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _story_sources(self):
        return {
            **super()._story_sources(),
            "care.coverage": {
                "date": "started_at",
                "fields": [
                    *("plan_id", "product_id", "quantity", "term"),
                    *("date_start", "date_end", "end_reason", "ended_on"),
                ],
                "domain": [("term", "!=", "none")],
                "icon": "fa-shield",
                "kind": self.env._("Coverage"),
                "tell": self._tell_coverage,
            },
            "care.action": {
                "date": "done_at",
                "partner": "case_ids.commercial_partner_id",
                "fields": ["name", "state", "cause_id", "owner_id"],
                "icon": "fa-wrench",
                "kind": self.env._("Action"),
                "tell": lambda action: {
                    "title": action.name,
                    "text": ". ".join(
                        filter(None, (action.cause_id.display_name, action.owner_id.name))
                    ),
                    "tag": dict(action._fields["state"]._description_selection(self.env))[
                        action.state
                    ],
                    "tone": {"effective": "success", "reopened": "danger"}.get(
                        action.state, "info"
                    ),
                },
            },
        }

    @api.model
    def _tell_coverage(self, row):
        end = row.ended_on or row.date_end
        until = end and self.env._("until %s", format_date(self.env, end))
        return {
            "title": row.product_id.name,
            "text": ", ".join(filter(None, (row.plan_id.name, until))),
            "tag": row._label("state"),
            "tone": "success" if row.state == "running" else "secondary",
        }
