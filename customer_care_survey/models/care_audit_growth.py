"""The growth list: the standards that visits have shown to be kept least."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.customer_care.models.care_due_mixin import insert_new
from odoo.addons.customer_care.models.care_guard import check_targets, refuse_forged

#: Days of published visits that make the score of a standard.
YEAR = 365


class CareAuditGrowth(models.Model):
    """A standard that has to be kept better: who sees to it, until when, and by what."""

    _name = "care.audit.growth"
    _description = "Growth list"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date_due, id"
    _rec_name = "standard_id"

    _engine_fields = frozenset(
        {"state", "standard_id", "stage_id", "company_id", "score", "visits", "ended_at"}
    )

    standard_id = fields.Many2one(
        "care.standard", "Standard", required=True, readonly=True, index=True, ondelete="cascade"
    )
    stage_id = fields.Many2one(
        "care.stage", "Stage", readonly=True, index="btree_not_null", ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    score = fields.Float(
        readonly=True,
        digits=(5, 1),
        aggregator="avg",
        help="The average of a year of published visits, when it came to the list.",
    )
    visits = fields.Integer("Answers", readonly=True, help="How many answers made the average.")
    owner_id = fields.Many2one(
        "res.users",
        "Owner",
        required=True,
        index=True,
        tracking=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        help="The one person who sees to it: at first the owner of the standard.",
    )
    date_due = fields.Date("Due", required=True, tracking=True)
    measure = fields.Text("What Is Done", help="What makes that it is kept, from now on.")
    state = fields.Selection(
        [("open", "Open"), ("done", "Done"), ("dropped", "Dropped")],
        required=True,
        readonly=True,
        default="open",
        tracking=True,
        index=True,
    )
    ended_at = fields.Datetime("Over Since", readonly=True)

    _once = models.UniqueIndex(
        "(company_id, standard_id, COALESCE(stage_id, 0)) WHERE state = 'open'",
        "This is on the growth list already.",
    )

    @api.constrains("owner_id", "company_id")
    def _check_owner(self):
        for row in self:
            if not self.env["care.owned.mixin"]._may_own(row.owner_id, row.company_id):
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot see to it: choose somebody who works with Customer Care "
                        "in %(company)s.",
                        user=row.owner_id.sudo().name,
                        company=row.company_id.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_forged(self, set(vals))
        return super().create(vals_list)

    def write(self, vals):
        refuse_forged(self, self._engine_fields & set(vals))
        if not self.env.su:
            check_targets(self, [vals])
            if any(row.state != "open" for row in self):
                raise UserError(self.env._("This is over: it stays as it was written down."))
        result = super().write(vals)
        if {"owner_id", "date_due"} & set(vals):
            rows = self.sudo()  # sudo: the task moves with who sees to it
            rows.activity_ids.unlink()
            rows.filtered(lambda row: row.state == "open")._tell_owner()
        return result

    def action_done(self):
        """It is done; if visits still find it low, it comes back."""
        self._end("done")
        return True

    def action_drop(self):
        self._end("dropped")
        return True

    def _end(self, state):
        self.check_access("write")
        for row in self:
            if row.state != "open":
                raise UserError(self.env._("This is over already."))
            if not row.measure:
                raise UserError(self.env._("Say in “What Is Done” what was done, or why nothing."))
        # sudo: the state is written by the engine; rights checked above
        self.sudo().write({"state": state, "ended_at": self.env.cr.now()})
        self.sudo().activity_ids.unlink()

    # ------------------------------------------------------------
    # Growing
    # ------------------------------------------------------------

    @api.model
    def _scores(self, domain, groupby):
        """Average and number of the answers of a year of published visits to us.

        :param groupby: names of fields of ``care.audit.line``
        :return: list of (groups…, average, number)
        """
        since = self.env.cr.now().date() - timedelta(days=YEAR)
        return self.env["care.audit.line"]._read_group(
            [
                ("counts", "=", True),
                ("state", "=", "published"),
                ("whose", "=", "own"),
                ("day", ">=", since),
                *domain,
            ],
            groupby,
            ["points:avg", "__count"],
        )

    @api.model
    def _grow(self, audits):
        """What these visits have shown to be low comes to the list, the lowest first.

        :param audits: published just now, as superuser
        """
        vals_list = []
        for audit in audits.filtered(lambda audit: audit.whose == "own"):
            plan = audit.plan_id
            rows = self._scores(
                [
                    ("standard_id", "in", audit.line_ids.standard_id.ids),
                    ("stage_id", "=", audit.stage_id.id),
                    ("company_id", "=", audit.company_id.id),
                ],
                ["standard_id"],
            )
            low = sorted(
                (score, standard.id, standard, count)
                for standard, score, count in rows
                if score < plan.low_score
            )
            for score, _id, standard, count in low[: plan.growth_count]:
                vals_list.append(
                    {
                        "standard_id": standard.id,
                        "stage_id": audit.stage_id.id,
                        "company_id": audit.company_id.id,
                        "score": score,
                        "visits": count,
                        "owner_id": self._owner_of(standard, audit).id,
                        "date_due": fields.Date.context_today(audit)
                        + timedelta(days=plan.growth_days),
                        "state": "open",
                    }
                )
        insert_new(self, vals_list)._tell_owner()

    @api.model
    def _owner_of(self, standard, audit):
        owned = self.env["care.owned.mixin"]
        for user in (standard.owner_id, audit.stage_id.curator_id):
            if user and owned._may_own(user, audit.company_id):
                return user
        return audit.company_id._care_default_owner()

    def _tell_owner(self):
        self.env["mail.activity"]._care_tell(
            "customer_care_survey.mail_activity_type_growth",
            [
                (
                    row,
                    row.owner_id,
                    lambda theirs: {
                        "summary": theirs.env._(
                            "To be kept better: %s", theirs.standard_id.display_name
                        ),
                        "date_deadline": theirs.date_due,
                    },
                )
                for row in self
            ],
        )


class CareAuditedMixin(models.AbstractModel):
    """What visits are scored by: the average of a year of published ones to us."""

    _name = "care.audited.mixin"
    _description = "What audits score"

    #: Many2one of the growth list and of the lines of visits that leads here.
    _audit_link = None

    audit_answers = fields.Integer(compute="_compute_audit_score")
    audit_score = fields.Float(
        compute="_compute_audit_score",
        digits=(5, 1),
        help="Of 100 points: the average of a year of published visits to us.",
    )

    @api.depends_context("allowed_company_ids")
    def _compute_audit_score(self):
        link = self._audit_link
        # sudo: figures, no names: whoever answers for it has to know them
        rows = (
            self.env["care.audit.growth"]
            .sudo()
            ._scores([(link, "in", self.ids), ("company_id", "in", self.env.companies.ids)], [link])
        )
        scores = {about.id: (score, count) for about, score, count in rows}
        for about in self:
            about.audit_score, about.audit_answers = scores.get(about.id, (0, 0))


class CareStage(models.Model):
    _name = "care.stage"
    _inherit = ["care.stage", "care.audited.mixin"]

    _audit_link = "stage_id"

    growth_ids = fields.One2many(
        "care.audit.growth",
        "stage_id",
        "Growth List",
        domain=[("state", "=", "open")],
        readonly=True,
    )


class CareStandard(models.Model):
    _name = "care.standard"
    _inherit = ["care.standard", "care.audited.mixin"]

    _audit_link = "standard_id"
