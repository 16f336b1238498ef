from textwrap import shorten

from odoo import api, fields, models
from odoo.tools import format_date

#: Entries of a story on a record, and in the dialog that tells all of it.
STORY_SHORT = 20
STORY_LONG = 200
#: Characters of a text in a story.
STORY_TEXT = 160

#: model -> the column by which promises and needs point to it
LINKS = {
    "care.journey": "journey_id",
    "care.case": "case_id",
    "care.followup": "followup_id",
    "sale.order": "order_id",
}


class CareStoryMixin(models.AbstractModel):
    """A record of a customer: tells the customer's story, and is where promises are made and
    needs are taken down.

    The story is read from the tables that exist, with the rights of who reads it: one search a
    table, newest first.
    """

    _name = "care.story.mixin"
    _description = "Record with the customer's story"

    care_story = fields.Html(
        "The Customer's Story",
        compute="_compute_care_story",
        sanitize=False,
        groups="customer_care.group_agent",
        help="What this customer bought, said, needs and was promised; newest first.",
    )

    # ------------------------------------------------------------
    # The story
    # ------------------------------------------------------------

    @api.depends_context("uid", "lang", "tz", "allowed_company_ids", "care_story_long")
    def _compute_care_story(self):
        limit = STORY_LONG if self.env.context.get("care_story_long") else STORY_SHORT
        told = {}
        for record in self:
            customer = record._story_customer()
            if customer not in told:
                told[customer] = self._tell_story(customer, limit) if customer else False
            record.care_story = told[customer]

    def _story_customer(self):
        """The customer whose story is told: the company behind a contact."""
        self.ensure_one()
        customer = self._story_partner().commercial_partner_id._origin
        # sudo: who stands for all whom nobody knows has no story of their own
        unknown = self.env.company.sudo().care_unknown_partner_id
        return customer - unknown.commercial_partner_id

    def _story_partner(self):
        return self.partner_id

    @api.model
    def _tell_story(self, customer, limit):
        """The story as HTML.

        :return: Markup; False where there is nothing to tell
        """
        entries = []
        for name, source in self._story_sources().items():
            model = self.env[name]
            if not model.has_access("read"):
                continue
            date = source["date"]
            found = model.search_fetch(
                [
                    (source.get("partner", "partner_id.commercial_partner_id"), "=", customer.id),
                    (date, "!=", False),
                    *source.get("domain", ()),
                ],
                [date, *source["fields"]],
                order=f"{date} desc, id desc",
                limit=limit + 1,
            )
            for record in found:
                entries.append(
                    {
                        "when": fields.Datetime.context_timestamp(self, record[date]),
                        "icon": source["icon"],
                        "kind": source["kind"],
                        "url": f"/odoo/{name}/{record.id}",
                        **source["tell"](record),
                    }
                )
        if not entries:
            return False
        entries.sort(key=lambda entry: entry["when"], reverse=True)
        for entry in entries[:limit]:
            entry["text"] = shorten(entry.get("text") or "", STORY_TEXT, placeholder="…")
        return self.env["ir.qweb"]._render(
            "customer_care.care_story", {"entries": entries[:limit], "more": len(entries) > limit}
        )

    @api.model
    def _story_sources(self):
        """What a story is made of; addons add their own tables.

        :return: dict model -> ``date`` (a datetime field), ``fields`` to read, ``domain``, ``icon``
            and ``kind`` for its entries, and ``tell``: record -> dict ``title``, ``text``, ``tag``
            and ``tone`` (a colour of Bootstrap) of one entry; ``partner`` is the path to the
            customer where it is not the partner's company
        """
        return {
            "sale.order": {
                "date": "date_order",
                "fields": ["name", "state", "amount_total", "currency_id"],
                "domain": [("state", "in", ("sent", "sale", "cancel"))],
                "icon": "fa-shopping-cart",
                "kind": self.env._("Order"),
                "tell": self._tell_order,
            },
            "care.journey": {
                "date": "stage_since",
                "fields": ["name", "stage_id", "stage_category", "owner_id"],
                "icon": "fa-road",
                "kind": self.env._("Journey"),
                "tell": lambda journey: {
                    "title": journey.name,
                    "text": self.env._("with %s", journey.owner_id.name),
                    "tag": journey.stage_id.name,
                    "tone": "info" if journey.stage_category == "open" else "secondary",
                },
            },
            "care.case": {
                "date": "received_at",
                "fields": ["number", "name", "stage_id", "stage_category", "resolution"],
                "icon": "fa-life-ring",
                "kind": self.env._("Case"),
                "tell": lambda case: {
                    "title": case.display_name,
                    "text": case.resolution,
                    "tag": case.stage_id.name,
                    "tone": "warning"
                    if case.stage_category in ("open", "waiting")
                    else "secondary",
                },
            },
            "care.followup": {
                "date": "done_at",
                "fields": ["name", "outcome_id", "feedback"],
                "domain": [("state", "=", "done")],
                "icon": "fa-phone",
                "kind": self.env._("Follow-up"),
                "tell": lambda followup: {
                    "title": followup.name,
                    "text": followup.feedback,
                    "tag": followup.outcome_id.name,
                    "tone": "danger" if followup.outcome_id.consequence == "case" else "success",
                },
            },
            "care.promise": {
                "date": "promised_at",
                "fields": ["name", "result", "state", "break_at", "date_due", "user_id", "note"],
                "icon": "fa-handshake-o",
                "kind": self.env._("Promise"),
                "tell": self._tell_promise,
            },
            "care.need": {
                "date": "heard_at",
                "fields": ["name", "advice", "elsewhere", "state", "budget", "currency_id"],
                "icon": "fa-lightbulb-o",
                "kind": self.env._("Need"),
                "tell": self._tell_need,
            },
            "care.remedy": {
                "date": "approved_at",
                "fields": ["kind", "amount", "currency_id", "state", "case_id", "text"],
                "icon": "fa-gift",
                "kind": self.env._("Remedy"),
                "tell": lambda remedy: {
                    "title": remedy.display_name,
                    "text": remedy.text,
                    "tag": remedy._label("state"),
                    "tone": "success" if remedy.state == "executed" else "info",
                },
            },
            "care.guide": {
                "date": "sent_at",
                "fields": ["service_id", "clear", "unclear"],
                "icon": "fa-book",
                "kind": self.env._("Service guide"),
                "tell": lambda guide: {
                    "title": guide.service_id.name,
                    "text": guide.unclear,
                    "tag": guide._label("clear"),
                    "tone": "danger" if guide.clear == "no" else "success",
                },
            },
        }

    @api.model
    def _tell_order(self, order):
        return {
            "title": order.name,
            "text": order.currency_id.format(order.amount_total),
            "tag": dict(order._fields["state"]._description_selection(self.env))[order.state],
            "tone": "success" if order.state == "sale" else "secondary",
        }

    @api.model
    def _tell_promise(self, promise):
        tones = {
            "kept": "success",
            "late": "warning",
            "broken": "danger",
            "cancelled": "secondary",
        }
        by = self.env._(
            "%(person)s, by %(day)s",
            person=promise.user_id.name,
            day=format_date(self.env, promise.date_due),
        )
        return {
            "title": promise.name,
            "text": ". ".join(filter(None, (by, promise.note))),
            "tag": promise._label("status"),
            "tone": tones.get(promise.status, "info"),
        }

    @api.model
    def _tell_need(self, need):
        return {
            "title": need.name,
            "text": ". ".join(
                filter(
                    None,
                    (
                        need.budget
                        and self.env._("Budget %s", need.currency_id.format(need.budget)),
                        need.elsewhere and self.env._("Better served elsewhere"),
                        need.advice,
                    ),
                )
            ),
            "tag": need._label("state"),
            "tone": "info" if need.state == "open" else "secondary",
        }

    def action_care_story(self):
        """All of the story, in a dialog."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("The Customer's Story"),
            "res_model": "res.partner",
            "res_id": self._story_customer().id,
            "views": [(self.env.ref("customer_care.res_partner_view_form_story").id, "form")],
            "target": "new",
            "context": {"care_story_long": True},
        }

    # ------------------------------------------------------------
    # Promises and needs
    # ------------------------------------------------------------

    def _care_about(self):
        """What a promise or a need is about that comes up on this record: column values."""
        self.ensure_one()
        about = {"partner_id": self._story_partner().id}
        if self._name in LINKS:
            about[LINKS[self._name]] = self.id
            # the story's customer belongs to the record's company, not to the present one
            about["company_id"] = self.company_id.id
        return about

    def action_care_promise(self):
        """Ask in a dialog what we promise, and by when."""
        return self._care_dialog("care.promise", self.env._("We Promise"))

    def action_care_need(self):
        """Take down in a dialog what the customer needs."""
        return self._care_dialog("care.need", self.env._("The Customer Needs"))

    def _care_dialog(self, model, title):
        self.ensure_one()
        self.check_access("read")
        view = f"customer_care.{model.replace('.', '_')}_view_form_quick"
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": model,
            "views": [(self.env.ref(view).id, "form")],
            "target": "new",
            "context": {
                f"default_{name}": value
                for name, value in self._care_about().items()
                if name in self.env[model]._fields
            },
        }
