from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

#: Clocks or cases looked at in one transaction.
CHUNK = 500
#: Models of what may be promised something -> up to where they have been looked at.
LAST = {"care.case": "last_case_id", "care.journey": "last_journey_id"}
#: Clocks that a preview looks at.
PREVIEW = 10_000


class CareSlaApply(models.Model):
    """A policy as it is now, applied to the promises that are open: asked for, previewed, silent
    for what is past.

    The cron goes on where it was stopped. Applied again it changes nothing.
    """

    _name = "care.sla.apply"
    _description = "SLA policy applied to open promises"
    _inherit = ["care.job.mixin"]
    _order = "id desc"
    _due_cron = "customer_care_sla.ir_cron_apply"
    _due_user_fields = frozenset({"policy_id", "company_id", "also_new", "about"})

    state = fields.Selection(
        selection_add=[("draft", "Draft"), ("planned", "Running"), ("done",)],
        default="draft",
        ondelete={"draft": "cascade"},
    )
    policy_id = fields.Many2one(
        "care.sla.policy",
        "Policy",
        ondelete="cascade",
        index="btree_not_null",
        help="Empty: open cases and journeys get what is promised, nothing that is promised "
        "already changes.",
    )
    also_new = fields.Boolean(
        "Also Promise to What Is Open",
        help="Open cases and journeys that were never promised anything are promised it now, "
        "counted from now.",
    )
    about = fields.Selection(
        [("care.case", "Cases"), ("care.journey", "Journeys")],
        help="Of what is open without a promise, these alone. Empty: all.",
    )
    open_count = fields.Integer("Open Promises", compute="_compute_preview")
    change_count = fields.Integer("Would Change", compute="_compute_preview")
    late_count = fields.Integer("Of These Late Then", compute="_compute_preview")
    new_count = fields.Integer("Open Without a Promise", compute="_compute_preview")
    is_partial = fields.Boolean(compute="_compute_preview")
    total = fields.Integer("To Look At")
    changed_count = fields.Integer("Changed", readonly=True)
    started_count = fields.Integer("Promised", readonly=True)
    last_case_id = fields.Integer(readonly=True)
    last_journey_id = fields.Integer(readonly=True)

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("policy_id", "company_id")
    def _compute_display_name(self):
        for row in self:
            row.display_name = row.policy_id.name or self.env._("What is open")

    @api.depends("policy_id", "company_id", "state", "about")
    def _compute_preview(self):
        mine = self.env.companies
        # sudo: numbers of all open promises; only managers may make such a row
        for row in self.sudo():
            # no number of a company in which one does not work
            draft = row.state == "draft" and (self.env.su or row.company_id in mine)
            count = change = late = 0
            clocks = self.env["care.sla.clock"].sudo()
            if draft and row.policy_id:
                count = clocks.search_count(row._clocks())
                found = clocks.search(row._clocks(), order="id", limit=PREVIEW)
                for vals in row._changes(found).values():
                    change += 1
                    late += bool(vals and vals.get("breached_at"))
            row.open_count, row.change_count, row.late_count = count, change, late
            row.is_partial = count > PREVIEW
            row.new_count = draft and row._count_new()

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        self._check_manager()
        return super().create(vals_list)

    def action_start(self):
        """Apply it, in the background."""
        self.ensure_one()
        self.check_access("write")
        self._check_manager()
        if self.state != "draft":
            raise UserError(self.env._("It has been started already."))
        if self.company_id not in self.env.companies:
            raise AccessError(self.env._("That is not a company that you work in now."))
        # sudo: the engine's fields; the right to start it is checked above
        row = self.sudo()
        total = row.env["care.sla.clock"].search_count(row._clocks()) if row.policy_id else 0
        if row.also_new:
            total += row._count_new()
        row.write(
            {
                "state": "planned",
                "total": total,
                "next_at": self.env.cr.now().replace(microsecond=0),
            }
        )
        row._trigger_due()
        return {"type": "ir.actions.act_window_close"}

    def action_stop(self):
        """Not any further; what has been changed stays."""
        self.check_access("write")
        self._check_manager()
        self._stop_job()

    @api.model
    def _check_manager(self):
        if not self.env.su and not self.env.user.has_group("customer_care.group_manager"):
            raise AccessError(self.env._("Only managers change what was promised."))

    @api.model
    def _offer_live(self):
        """A draft for each company with open records that were never promised anything: its
        managers find it, with the count, and apply it or leave it.
        """
        # sudo: when the add-on is installed
        rows = self.sudo()
        for company in rows.env["res.company"].search(Domain.TRUE):  # there are few
            draft = rows.new({"company_id": company.id})
            if draft._count_new(limit=1):
                rows.create({"company_id": company.id, "also_new": True})

    @api.autovacuum
    def _gc_drafts(self):
        """What was looked at on a policy and not applied."""
        long_ago = self.env.cr.now() - timedelta(days=1)
        # sudo: housekeeping
        self.sudo().search(
            [("state", "=", "draft"), ("policy_id", "!=", False), ("create_date", "<", long_ago)]
        ).unlink()

    # ------------------------------------------------------------
    # What it is about
    # ------------------------------------------------------------

    def _clocks(self):
        """The open promises of the company that may change."""
        self.ensure_one()
        return Domain("company_id", "=", self.company_id.id) & Domain(
            "state", "in", ("running", "paused")
        )

    def _open_models(self):
        """Of which models this promises something to records that have no promise yet."""
        self.ensure_one()
        if self.about or self.policy_id:
            return [self.about or self.policy_id.res_model]
        book = self.env["care.sla.policy"]._book_of(self.company_id)
        return [name for name in LAST if name in {model for model, _measure in book.promised}]

    def _unpromised(self):
        """Open cases (or journeys) that were never promised anything."""
        self.ensure_one()
        return (
            Domain("company_id", "=", self.company_id.id)
            & Domain("stage_category", "in", ("open", "waiting"))
            & Domain("clock_ids", "=", False)
        )

    def _count_new(self, limit=None):
        """How many open records have no promise yet, as superuser."""
        # sudo: a number; callers look at who asks
        return sum(
            self.env[name].sudo().search_count(self._unpromised(), limit=limit)
            for name in self._open_models()
        )

    def _changes(self, clocks):
        """What the policy says of these clocks: see ``care.sla.clock._prepare_changes``."""
        self.ensure_one()
        changes = {}
        for mine in clocks.grouped(lambda clock: clock._record()._name).values():
            records = mine[0]._record().browse(clock._record().id for clock in mine)
            choices = self.env["care.sla.policy"]._choose(records, set(mine.mapped("measure")))
            changes.update(mine._prepare_changes("apply", choices, about=self.policy_id.id))
        return changes

    # ------------------------------------------------------------
    # Running
    # ------------------------------------------------------------

    def _run_due(self):
        for row in self:
            vals = row._change_some() or row._start_some()
            if not vals:
                row._job_done()
                continue
            row._next_chunk(vals)

    def _change_some(self):
        """Go on with the open clocks; None when there are no more."""
        clocks = self.env["care.sla.clock"]
        if not self.policy_id:
            return None
        found = clocks.search(
            self._clocks() & Domain("id", ">", self.last_id), order="id", limit=CHUNK
        )
        if not found:
            return None
        found._settle()
        # what was due before is told of
        now = clocks._now()
        found.filtered(
            lambda clock: clock.state == "running" and clock.next_at and clock.next_at <= now
        )._pass_levels(now)
        changed = clocks._change_to(self._changes(found))
        return {
            "last_id": found[-1].id,
            "done_count": self.done_count + len(found),
            "changed_count": self.changed_count + len(changed),
        }

    def _start_some(self):
        """Go on with what is open; None when there is no more."""
        if not self.also_new:
            return None
        clocks = self.env["care.sla.clock"]
        for name in self._open_models():
            last = LAST[name]
            found = self.env[name].search(
                self._unpromised() & Domain("id", ">", self[last]), order="id", limit=CHUNK
            )
            if found:
                clocks._start_live(found)
                return {
                    last: found[-1].id,
                    "done_count": self.done_count + len(found),
                    "started_count": self.started_count
                    + clocks.search_count([(found._care_link, "in", found.ids)]),
                }
        return None


class CareSlaPolicy(models.Model):
    _inherit = "care.sla.policy"  # pylint: disable=consider-merging-classes-inherited

    apply_ids = fields.One2many("care.sla.apply", "policy_id", "Applied")

    def action_apply(self):
        """Show what this policy, as it is now, would change of what is open."""
        self.ensure_one()
        self.check_access("write")
        row = self.env["care.sla.apply"].create(
            {"policy_id": self.id, "company_id": (self.company_id or self.env.company).id}
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Apply to Open Promises"),
            "res_model": row._name,
            "res_id": row.id,
            "views": [(self.env.ref("customer_care_sla.care_sla_apply_view_form_ask").id, "form")],
            "target": "new",
        }
