from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import format_date

#: Records looked at in one transaction.
CHUNK = 500


class CareBackfill(models.Model):
    """A policy applied to what happened before it: asked for, previewed, silent.

    Only what is still to come is planned; steps whose day is past are skipped. The cron goes
    on where it was stopped, and the follow-ups' own unique index lets nothing be planned twice.
    """

    _name = "care.backfill"
    _description = "Back-fill of a follow-up policy"
    _inherit = ["care.job.mixin"]
    _order = "id desc"
    _due_cron = "customer_care.ir_cron_backfills"
    _due_user_fields = frozenset({"policy_id", "company_id", "since", "until"})

    state = fields.Selection(
        selection_add=[("draft", "Draft"), ("planned", "Running"), ("done",)],
        default="draft",
        ondelete={"draft": "cascade"},
    )
    policy_id = fields.Many2one("care.policy", "Policy", required=True, ondelete="cascade")
    since = fields.Date(
        "From",
        required=True,
        default=lambda self: fields.Date.context_today(self) - timedelta(days=90),
        help="Events from this day on are made up for.",
    )
    until = fields.Date("To", required=True, default=fields.Date.context_today)
    planned_count = fields.Integer("Follow-ups Planned", readonly=True)
    preview_html = fields.Html("Preview", compute="_compute_preview_html")

    @api.depends("policy_id", "since", "until")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for row in self:
            since, until = format_date(self.env, row.since), format_date(self.env, row.until)
            row.display_name = f"{row.policy_id.name}, {since} – {until}"

    @api.depends("policy_id", "company_id", "since", "until")
    def _compute_preview_html(self):
        ready = self.filtered(
            lambda row: row.policy_id and row.since and row.until and row.state == "draft"
        )
        # rolling a preview back forgets what has been typed, and what was computed before
        pages = {
            row: row.policy_id._preview(*row._span(), company=row.company_id, only_future=True)
            for row in ready
            if row.id
        }
        draft = Markup("<p class='text-muted'>%s</p>") % self.env._(
            "Press Preview to see what would be planned."
        )
        for row in self:
            row.preview_html = pages.get(row, row in ready and draft)

    @api.constrains("since", "until")
    def _check_span(self):
        for row in self:
            if row.since > row.until:
                raise ValidationError(self.env._("“From” has to be before “To”."))

    @api.constrains("policy_id")
    def _check_policy(self):
        self.policy_id._check_dated()

    @api.constrains("policy_id", "company_id")
    def _check_company(self):  # pylint: disable=method-required-super
        for row in self:
            if row.policy_id.company_id and row.policy_id.company_id != row.company_id:
                raise ValidationError(
                    self.env._("The policy “%s” is of another company.", row.policy_id.name)
                )

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def _check_manager(self):
        self.check_access("write")
        if not self.env.user.has_group("customer_care.group_manager"):
            raise AccessError(self.env._("Only managers make up for the past."))

    def action_preview(self):
        """Saved by the button itself: what would be planned is shown in the form."""
        self.check_access("read")
        return True

    def action_start(self):
        self.ensure_one()
        self._check_manager()
        self.policy_id._check_dated()
        if self.state != "draft":
            raise UserError(self.env._("It has been started already."))
        # sudo: the engine's fields; the right to start it is checked above
        row = self.sudo()
        row.write(
            {
                "state": "planned",
                "total": row._records().search_count(row._domain()),
                "next_at": self.env.cr.now().replace(microsecond=0),
            }
        )
        row._trigger_due()
        return row.sudo(False)._get_records_action()

    def action_stop(self):
        """Not any further; what has been planned stays."""
        self._check_manager()
        self._stop_job()

    # ------------------------------------------------------------
    # Running
    # ------------------------------------------------------------

    def _span(self):
        """From the first moment to after the last, UTC, by the company's days."""
        self.ensure_one()
        days = self.company_id._care_workdays_of(self.env["res.users"], (), {})
        return days.at(self.since), days.at(self.until + timedelta(days=1))

    def _records(self):
        return self.env[self.policy_id.res_model]

    def _domain(self):
        return self.policy_id._past_domain(*self._span()) & fields.Domain(
            "company_id", "=", self.company_id.id
        )

    def _run_due(self):
        for row in self:
            records = row._records().search(
                row._domain() & fields.Domain("id", ">", row.last_id), order="id", limit=CHUNK
            )
            if not records:
                row._job_done()
                continue
            policy = row.policy_id
            covered = records.filtered(lambda record: record._care_covered())
            vals_list = [
                vals
                for matched, when in policy._past_rounds(covered, *row._span())
                for vals in policy._future_rows(matched, when)
            ]
            planned = self.env["care.followup"]._plan(vals_list)
            row._next_chunk(
                {
                    "last_id": records[-1].id,
                    "done_count": row.done_count + len(records),
                    "planned_count": row.planned_count + len(planned),
                }
            )


class CarePolicy(models.Model):
    _inherit = "care.policy"  # pylint: disable=consider-merging-classes-inherited

    def _future_rows(self, records, when):
        """What the policy plans for events of the past and is still to come.

        A step that comes back does so at its next time.
        """
        rows = []
        for vals in self._prepare_rows(records, self.event, when):
            today = fields.Date.context_today(self)
            if vals["date_due"] >= today:
                rows.append(vals)
            elif vals["repeat_from"]:
                found = self._next_repetition(vals["repeat_from"], today - timedelta(days=1))
                link = "journey_id" if vals.get("journey_id") else "case_id"
                record = records.browse(vals[link])
                if found and self._repeats_for(record):
                    number, day = found
                    user = self.env["res.users"].browse(vals["user_id"])
                    rows.append(
                        {
                            **vals,
                            "repetition": number,
                            **self.env["care.followup"]._when(day, user, record.company_id),
                        }
                    )
        return rows

    def action_backfill(self):
        """Ask for the span to make up for; nothing is planned before the preview is seen."""
        self.ensure_one()
        self._check_dated()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Make Up for the Past"),
            "res_model": "care.backfill",
            "views": [(False, "form")],
            "context": {"default_policy_id": self.id},
        }
