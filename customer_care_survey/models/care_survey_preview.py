from collections import Counter
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date

from odoo.addons.customer_care.models.care_policy_explain import (
    EXAMPLES,
    PREVIEW_DAYS,
    PREVIEW_LIMIT,
)

from .care_survey_trigger import CONTACTS, PERIODIC

PREVIEW_VIEW = "customer_care_survey.care_survey_trigger_view_form_preview"
#: Events that leave no date on the journey or case: model, date and more that says when.
TOLD = {
    **dict.fromkeys(
        CONTACTS,
        (
            "care.followup",
            "done_at",
            [
                ("state", "=", "done"),
                "|",
                ("outcome_id", "=", False),
                ("outcome_id.consequence", "!=", "again"),
            ],
        ),
    ),
    "first_service": ("care.guide", "create_date", []),
    "coverage_end": ("care.coverage", "create_date", [("term", "=", "free")]),
}


class CareSurveyTrigger(models.Model):
    """Who would have been asked: read only."""

    _inherit = "care.survey.trigger"  # pylint: disable=consider-merging-classes-inherited

    preview_html = fields.Html(
        "Preview", compute="_compute_preview_html", groups="customer_care.group_manager"
    )

    @api.depends("event", "filter_domain", "survey_id")
    def _compute_preview_html(self):
        for trigger in self:
            trigger.preview_html = trigger.id and trigger._preview()

    def action_preview(self):
        """Who would have been asked over the last 90 days; nothing is written."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview of “%s”", self.name),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref(PREVIEW_VIEW).id, "form")],
            "target": "new",
        }

    def _preview(self):
        """A page with whom the trigger would have asked.

        :rtype: Markup
        """
        self.ensure_one()
        if self.event == PERIODIC:
            asked, left_out, total = self._preview_customers()
            days = self.env._("today")
        else:
            # policies know when things happened
            past = self.env["care.policy"].new(
                {
                    "active": True,
                    "event": self.event,
                    "filter_domain": self.filter_domain,
                    "company_id": self.company_id.id,
                }
            )
            if self.event not in TOLD and past._undated():
                return Markup("<p>%s</p>") % self.env._(
                    "“%s” leaves no date behind: who would have been asked is not known.",
                    dict(self._selection_event())[self.event],
                )
            asked, left_out, total = self._preview_events(past)
            days = self.env._("over the last %s days", PREVIEW_DAYS)
        page = [
            Markup("<p><strong>%s</strong></p>")
            % self.env._(
                "%(count)s of %(total)s would have been asked %(days)s.",
                count=len(asked),
                total=total,
                days=days,
            )
        ]
        if total >= PREVIEW_LIMIT:
            page.append(
                Markup("<p>%s</p>")
                % self.env._("Only the latest %s records were looked at.", PREVIEW_LIMIT)
            )
        partners = self.env["res.partner"].sudo().browse([partner_id for partner_id, _at in asked])
        left = Counter(left_out)
        left[self.env._("asked, but have no e-mail address today")] = len(
            partners.filtered(lambda partner: not partner.email_normalized)
        )
        lines = [(reason, count) for reason, count in left.items() if count]
        page += self.env["care.policy"]._preview_table(self.env._("Left out"), lines)
        page += self.env["care.policy"]._preview_table(
            self.env._("Examples"),
            [
                (partner.display_name, format_date(self.env, at.date()))
                for partner, (_id, at) in list(zip(partners, asked, strict=True))[:EXAMPLES]
            ],
        )
        page.append(
            Markup("<p class='text-muted'>%s</p>")
            % self.env._(
                "Opt-outs, open complaints, refunds and how often somebody was asked are looked "
                "at when it is sent."
            )
        )
        return Markup("").join(page)

    def _preview_events(self, past):
        """
        :param past: a draft of a policy, which knows the past of the event
        :return: list of (partner id, when), dict reason -> count, number looked at
        """
        since, until = past._back(PREVIEW_DAYS), past._back(0) + timedelta(minutes=1)
        records, rounds = self._past_of(past, since, until)
        trigger = self.sudo()
        covered = records.filtered(lambda record: record._care_covered())
        asked, drawn, matched = [], 0, records.browse()
        memo = {}
        for mine, when in rounds(covered):
            mine = trigger._match(mine)
            matched |= mine
            ends = trigger._coverage_ends(mine) if self.event == "coverage_end" else {}
            for record in mine:
                partner = record._care_partner()
                if not trigger._is_drawn(partner):
                    drawn += 1
                    continue
                moment = ends.get(record, when[record][0])
                asked.append(
                    (partner.id, trigger._ask_at(record.company_id, partner, moment, memo))
                )
        left_out = {
            self.env._("from before Customer Care started"): len(records - covered),
            self.env._("do not match"): len(covered - matched),
            self.env._("not among the share that is asked"): drawn,
        }
        return asked, left_out, len(records)

    def _past_of(self, past, since, until):
        """The records to which the event happened in a span, as superuser, and a function that
        says of some of them when: as :meth:`CarePolicy._past_rounds`.
        """
        companies = (self.company_id or self.env.companies).ids
        if self.event not in TOLD:
            domain = past._past_domain(since, until) & Domain("company_id", "in", companies)
            # the person's own rights say which records are shown
            records = self.env[self.res_model].search(domain, order="id desc", limit=PREVIEW_LIMIT)
            return records.sudo(), lambda some: past.sudo()._past_rounds(some, since, until)
        model, date, more = TOLD[self.event]
        link = self.env[self.res_model]._care_link
        rows = (
            self.env[model]
            .search(
                Domain(more)
                & Domain(date, ">=", since)
                & Domain(date, "<", until)
                & Domain(link, "!=", False)
                & Domain("company_id", "in", companies),
                order=f"{date} desc, id desc",
                limit=PREVIEW_LIMIT,
            )
            .sudo()
        )
        when = {}
        for row in rows:
            when.setdefault(row[link], (row[date], 1))
        records = rows[link]
        return records, lambda some: [(some, when)]

    def _preview_customers(self):
        partners = self._customers().search(
            self._customers_domain(), order="id desc", limit=PREVIEW_LIMIT
        )
        trigger = self.sudo()
        day = self.next_round or fields.Date.context_today(self)
        asked = [
            (partner.id, fields.Datetime.to_datetime(day))
            for partner in partners
            if trigger._is_drawn(partner)
        ]
        left_out = {self.env._("not among the share that is asked"): len(partners) - len(asked)}
        return asked, left_out, len(partners)
