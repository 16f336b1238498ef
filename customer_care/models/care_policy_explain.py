from collections import Counter

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date

#: Records that a preview looks at: enough to judge a policy by.
PREVIEW_LIMIT = 2000
EXAMPLES = 10
#: Days that the preview on a policy looks back.
PREVIEW_DAYS = 90


class CarePolicy(models.Model):
    """What a policy would have done, what it did for one customer, and why not: read only."""

    _inherit = "care.policy"  # pylint: disable=consider-merging-classes-inherited

    preview_html = fields.Html(
        "Preview", compute="_compute_preview_html", groups="customer_care.group_manager"
    )

    # ------------------------------------------------------------
    # Why did this customer get none?
    # ------------------------------------------------------------

    def _verdicts(self, record):
        """For each policy, what it planned for a journey or case, or why it did not.

        :return: list of (policy, follow-ups, reason); the reason is empty where it planned
        """
        # sudo: the rules are the company's; the record's reader may know why it is so
        policies = self.sudo()
        record = record.sudo()
        rows = (
            self.env["care.followup"]
            .sudo()
            .search([(record._care_link, "=", record.id), ("policy_id", "in", policies.ids)])
        )
        by_policy = rows.grouped("policy_id")
        waiting = (
            self.env["care.retry"]
            .sudo()
            .search(
                [
                    (record._care_link, "=", record.id),
                    ("rule_model", "=", self._name),
                    ("state", "in", ("planned", "failed")),
                ]
            )
        )
        broken = {row.rule_id: row.error for row in waiting}
        return [
            (
                policy,
                by_policy.get(policy, rows.browse()),
                policy not in by_policy and policy._why_none(record, broken),
            )
            for policy in policies
        ]

    def _why_none(self, record, broken):
        """Why this policy planned nothing for ``record``."""
        self.ensure_one()
        if self.id in broken:
            return self.env._("It failed and waits to be mended: %s", broken[self.id])
        if not record._care_covered():
            return self.env._("It is from before Customer Care started in this company.")
        if record.stage_category == "cancelled":
            return self.env._("It was cancelled.")
        if self.company_id and self.company_id != record.company_id:
            return self.env._("The policy is of %s.", self.company_id.name)
        past = [
            (when[record][0], record in matched)
            for matched, when in self._past_rounds(record)
            if record in when
        ]
        if not any(matches for _moment, matches in past) and not self._may_match(record):
            return self.env._("It does not match the policy's filter.")
        if not self.plan_id.template_ids:
            return self.env._("The plan “%s” has no steps.", self.plan_id.name)
        if record not in self._lines_of(record):
            return self.env._("There is none of the policy's products in the order.")
        moments = [moment for moment, matches in past if matches]
        event = dict(self._selection_event()).get(self.event, self.event)
        if moments and max(moments) < self.create_date:
            return self.env._(
                "The policy is younger than the event. “Make Up for the Past” plans it."
            )
        return self.env._("The event has not happened since the policy exists: %s.", event)

    def _may_match(self, record):
        """Whether the policy's filter lets ``record`` through, now or in another stage."""
        if self.event != "stage_entered":
            return record in self._match(record)
        return any(self._match_in(record, stage) for stage in record.type_id.stage_ids)

    # ------------------------------------------------------------
    # Preview
    # ------------------------------------------------------------

    @api.depends("event", "plan_id", "filter_domain")
    def _compute_preview_html(self):
        # not of a draft: rolling back forgets what has been typed, and what was computed before
        pages = {
            policy: policy._preview(
                policy._back(PREVIEW_DAYS), policy._back(0), company=self.env.company
            )
            for policy in self
            if policy.id
        }
        for policy in self:
            policy.preview_html = pages.get(policy)

    def action_preview(self):
        """What it would have planned over the last 90 days; nothing is written."""
        self.ensure_one()
        self.check_access("read")
        self._check_dated()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview of “%s”", self.name),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref("customer_care.care_policy_view_form_preview").id, "form")],
            "target": "new",
        }

    def _preview(self, since, until, company, only_future=False):
        """A page with what the policy would have planned for a span, rolled back at the end.

        Rolling back empties the cache: not for records that are being edited.

        :param bool only_future: as a back-fill does, without what is past
        """
        self.ensure_one()
        policy = self._origin or self
        if why := policy._undated():
            return Markup("<p>%s</p>") % why
        # what planning keeps for itself (frozen opening hours) is not kept either
        savepoint = self.env.cr.savepoint()
        try:
            return policy._preview_page(since, until, company, only_future)
        finally:
            savepoint.close(rollback=True)

    def _preview_page(self, since, until, company, only_future):
        domain = self._past_domain(since, until) & fields.Domain("company_id", "=", company.id)
        # the person's own rights say which records are shown
        records = self.env[self.res_model].search(domain, order="id desc", limit=PREVIEW_LIMIT)
        full = len(records) == PREVIEW_LIMIT
        policy, records = self.sudo(), records.sudo()
        rounds = policy._past_rounds(records, since, until)
        # of the others only the owner has changed
        records = records.filtered(lambda record: any(record in when for _m, when in rounds))
        covered = records.filtered(lambda record: record._care_covered())
        matched, rows = records.browse(), []
        for mine, when in rounds:
            mine = (mine & covered).filtered(lambda record: record.stage_category != "cancelled")
            matched |= mine
            rows += (
                policy._not_planned_yet(policy._future_rows(mine, when), mine)
                if only_future
                else policy._prepare_rows(mine, self.event, when)
            )
        lines = policy._lines_of(matched)
        page = [
            Markup("<p><strong>%s</strong></p>")
            % self.env._(
                "%(count)s follow-ups for %(records)s of %(total)s records.",
                count=len(rows),
                records=len({vals.get("journey_id") or vals.get("case_id") for vals in rows}),
                total=len(records),
            )
        ]
        if full:
            page.append(
                Markup("<p>%s</p>")
                % self.env._("Only the latest %s records were looked at.", PREVIEW_LIMIT)
            )
        left_out = Counter()
        left_out[self.env._("from before Customer Care started")] = len(records - covered)
        left_out[self.env._("do not match the filter, or were cancelled")] = len(covered - matched)
        left_out[self.env._("have none of the policy's products")] = len(
            matched.filtered(lambda record: record not in lines)
        )
        page += self._preview_table(
            self.env._("Left out"), [(reason, count) for reason, count in left_out.items() if count]
        )
        users = Counter(vals["user_id"] for vals in rows)
        names = self.env["res.users"].sudo().browse(users)
        page += self._preview_table(
            self.env._("By person"), [(user.name, users[user.id]) for user in names.sorted("name")]
        )
        weeks = Counter(fields.Date.start_of(vals["date_due"], "week") for vals in rows)
        page += self._preview_table(
            self.env._("By week"),
            [
                (self.env._("Week of %s", format_date(self.env, week)), weeks[week])
                for week in sorted(weeks)
            ],
        )
        examples = rows[:EXAMPLES]
        shown = self.env["res.partner"].sudo().browse([vals["partner_id"] for vals in examples])
        page += self._preview_table(
            self.env._("Examples"),
            [
                (
                    f"{format_date(self.env, vals['date_due'])} · {partner.display_name}",
                    vals["name"],
                )
                for vals, partner in zip(examples, shown, strict=True)
            ],
        )
        page.append(
            Markup("<p class='text-muted'>%s</p>")
            % self.env._("Opt-outs, holds and calls that become one are decided on the day.")
        )
        return Markup("").join(page)

    def _not_planned_yet(self, rows, records):
        """The rows that the follow-ups' unique index would let in."""
        names = ("step_id", "occurrence", "occurrence_try", "repetition", "sale_line_id")
        link = records._care_link
        known = {
            tuple(
                self.env["care.followup"]._fields[name].convert_to_write(row[name], row) or 0
                for name in (link, *names)
            )
            for row in self.env["care.followup"].search(
                [("policy_id", "=", self.id), (link, "in", records.ids)]
            )
        }
        return [
            vals for vals in rows if tuple(vals[name] or 0 for name in (link, *names)) not in known
        ]

    @api.model
    def _preview_table(self, title, lines):
        if not lines:
            return []
        row = Markup("<tr><td>%s</td><td class='text-end'>%s</td></tr>")
        return [
            Markup("<h4 class='mt-3'>%s</h4><table class='table table-sm'>%s</table>")
            % (title, Markup("").join(row % line for line in lines))
        ]


class CareOwnedMixin(models.AbstractModel):
    _inherit = "care.owned.mixin"

    followup_reasons = fields.Html(
        "Why These Follow-ups?", compute="_compute_followup_reasons", groups="base.group_user"
    )

    def _compute_followup_reasons(self):
        for record in self:
            # sudo: every rule of the company, the person's question is about the record
            policies = (
                self.env["care.policy"]
                .sudo()
                .search(
                    [
                        ("res_model", "=", record._name),
                        ("company_id", "in", [False, record.company_id.id]),
                    ]
                )
            )
            lines = []
            for policy, rows, reason in policies._verdicts(record):
                answers = [reason] if reason else [row._in_short() for row in rows]
                lines.append(
                    Markup("<tr><td><strong>%s</strong></td><td>%s</td></tr>")
                    % (policy.name, Markup("<br/>").join(answers))
                )
            record.followup_reasons = (
                Markup("<table class='table table-sm'>%s</table>") % Markup("").join(lines)
                if lines
                else self.env._("No follow-up policy is active.")
            )

    def action_why_followups(self):
        """Each active policy, and what it planned here or why it did not."""
        self.ensure_one()
        self.check_access("read")
        view = f"customer_care.{self._table}_view_form_why"
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Why these follow-ups?"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref(view).id, "form")],
            "target": "new",
        }


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    def _in_short(self):
        """One line: when, what, what came of it."""
        self.ensure_one()
        states = dict(self._fields["state"]._description_selection(self.env))
        reasons = dict(self._fields["cancel_reason"]._description_selection(self.env))
        holds = dict(self._fields["hold_reason"]._description_selection(self.env))
        more = (
            self.outcome_id.name
            or reasons.get(self.cancel_reason)
            or holds.get(self.hold_reason)
            or ""
        )
        words = [format_date(self.env, self.date_due), self.name, states[self.state], more]
        return " · ".join(filter(None, words))
