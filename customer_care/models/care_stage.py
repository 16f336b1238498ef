from collections import Counter
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

CATEGORIES = [
    ("open", "In progress"),
    ("waiting", "Waiting"),
    ("resolved", "Resolved"),
    ("closed", "Closed"),
    ("cancelled", "Cancelled"),
]
#: Events that can bring a journey into a stage by themselves.
ENTRY_EVENTS = [
    ("order_confirmed", "Order confirmed"),
    ("order_partly_delivered", "Order partly delivered"),
    ("order_delivered", "Order delivered"),
    ("order_invoiced", "Order invoiced"),
    ("order_paid", "Order paid"),
    ("order_cancelled", "Order cancelled"),
]
#: Categories in which nothing is left to do for the owner.
OVER = ("closed", "cancelled")


class CareStage(models.Model):
    """A step of a journey or of a case, with one person answerable for the step.

    Code looks at the category, never at a name or a sequence.
    """

    _name = "care.stage"
    _description = "Stage"
    _inherit = ["care.naming.mixin"]
    _order = "res_model, type_id, sequence, id"

    name = fields.Char(required=True, translate=True)
    description = fields.Text(translate=True, help="What happens in this stage.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    res_model = fields.Selection(
        [("care.journey", "Journeys"), ("care.case", "Cases")],
        "Used For",
        required=True,
        default="care.journey",
        index=True,
    )
    type_id = fields.Many2one(
        "care.journey.type",
        "Journey Type",
        ondelete="cascade",
        index="btree_not_null",
        help="The journey this stage belongs to. Stages of cases have none.",
    )
    category = fields.Selection(
        CATEGORIES, required=True, default="open", help="What the stage means."
    )
    waiting_for = fields.Selection(
        [("customer", "The customer"), ("third_party", "A third party")],
        help="Whom we wait for while a record is here.",
    )
    curator_id = fields.Many2one(
        "res.users",
        "Curator",
        required=True,
        default=lambda self: self.env.user,
        domain=[("share", "=", False)],
        help="The one person answerable for the stage itself: its standards, its "
        "audits, its figures.",
    )
    entry_event = fields.Selection(
        ENTRY_EVENTS,
        help="A journey enters this stage by itself when this happens, unless it is further "
        "on already.",
    )
    owner_rule = fields.Selection(
        [
            ("keep", "Keep the owner"),
            ("salesperson", "Salesperson of the order"),
            ("account_manager", "Account manager of the customer"),
            ("user", "A named user"),
            ("leader", "Team leader"),
            ("least_busy", "Least busy in the team"),
        ],
        required=True,
        default="keep",
        help="Who answers for a record from the moment it enters this stage.",
    )
    owner_id = fields.Many2one("res.users", "Named User", domain=[("share", "=", False)])
    team_id = fields.Many2one(
        "care.team",
        "Team",
        help="Records that enter this stage go to this team; empty: they stay.",
    )
    days_limit = fields.Integer(
        "Days Limit", help="Days after which a record here is too old; 0: no limit."
    )
    may_skip = fields.Boolean(
        "May Be Skipped",
        default=True,
        help="Otherwise nobody gets past this stage: people are told, and what happens by "
        "itself stops here first.",
    )
    fold = fields.Boolean("Folded in Kanban")
    standard_ids = fields.Many2many(
        "care.standard",
        "care_standard_stage_rel",
        "stage_id",
        "standard_id",
        string="Standards",
        help="What holds in this stage; checks have to be done before a record leaves it.",
    )

    record_count = fields.Integer("Here Now", compute="_compute_figures")
    over_count = fields.Integer("Over the Limit", compute="_compute_figures")
    median_hours = fields.Float(
        "Median Working Hours",
        compute="_compute_figures",
        help="Half of what left this stage in the last 90 days took less.",
    )

    _days_limit_check = models.Constraint(
        "CHECK (days_limit >= 0)", "“Days Limit” is a number of 0 or more."
    )
    _waiting_for_check = models.Constraint(
        "CHECK ((category = 'waiting') = (waiting_for IS NOT NULL))",
        "Say whom a waiting stage waits for, and only there.",
    )
    _named_owner_check = models.Constraint(
        "CHECK (owner_rule <> 'user' OR owner_id IS NOT NULL)",
        "Choose the named user who owns records in this stage.",
    )
    _type_check = models.Constraint(
        "CHECK ((res_model = 'care.journey') = (type_id IS NOT NULL))",
        "A stage of journeys belongs to a journey type, a stage of cases to none.",
    )

    @api.depends("name", "type_id.name")
    @api.depends_context("care_stage_type")
    def _compute_display_name(self):
        """With the journey type where stages of several types stand side by side."""
        super()._compute_display_name()
        if not self.env.context.get("care_stage_type"):
            return
        names = Counter(self.search([("res_model", "=", "care.journey")]).mapped("name"))
        for stage in self.filtered(lambda stage: stage.type_id and names[stage.name] > 1):
            stage.display_name = f"{stage.name} · {stage.type_id.name}"

    @api.depends_context("allowed_company_ids")
    def _compute_figures(self):
        companies = self.env.companies.ids
        counts, over = {}, {}
        for model in ("care.journey", "care.case"):
            # sudo: figures of a stage, no names: whoever curates it has to know them
            records = self.env[model].sudo()
            domain = [("stage_id", "in", self.ids), ("company_id", "in", companies)]
            counts.update(records._read_group(domain, ["stage_id"], ["__count"]))
            domain.append(("limit_state", "=", "over"))
            over.update(records._read_group(domain, ["stage_id"], ["__count"]))
        self.env["care.tenure"].flush_model()
        medians = dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT stage_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)
                    FROM (
                        SELECT stage_id, sum(seconds) AS seconds FROM care_tenure
                        WHERE stage_id = ANY(%s) AND company_id = ANY(%s)
                            AND until >= %s
                        GROUP BY stage_id, journey_id, case_id, cycle) AS stays
                    GROUP BY stage_id
                    """,
                    self.ids,
                    companies,
                    self.env.cr.now() - timedelta(days=90),
                )
            )
        )
        for stage in self:
            stage.record_count = counts.get(stage.sudo(), 0)
            stage.over_count = over.get(stage.sudo(), 0)
            stage.median_hours = (medians.get(stage.id) or 0) / 3600

    def action_open_records(self):
        self.ensure_one()
        name = {"care.journey": "care_journey_action", "care.case": "care_case_action"}
        action = self.env["ir.actions.act_window"]._for_xml_id(
            f"customer_care.{name[self.res_model]}"
        )
        action["domain"] = [("stage_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_open_records_over(self):
        action = self.action_open_records()
        action["domain"].append(("limit_state", "=", "over"))
        return action

    @api.constrains("curator_id")
    def _check_curator(self):
        for stage in self:
            # sudo: whether somebody works with Customer Care is no secret here
            curator = stage.curator_id.sudo()
            if curator.share or not curator.has_group("customer_care.group_agent"):
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot curate “%(stage)s”: choose somebody who works with "
                        "Customer Care.",
                        user=curator.name,
                        stage=stage.name,
                    )
                )

    def _check_kinds_left(self, models):
        """Cases cannot do without a stage to be opened, resolved, closed or cancelled in."""
        if "care.case" not in models:
            return
        names = dict(self._fields["category"]._description_selection(self.env))
        for category in ("open", "resolved", "closed", "cancelled"):
            if not self._in_category("care.case", category):
                raise ValidationError(
                    self.env._(
                        "Cases need at least one stage of each kind; this would leave none "
                        "that means “%s”.",
                        names[category],
                    )
                )

    def write(self, vals):
        # Records carry the category of their stage, for indexes and record rules, and
        # clocks follow it: what a stage means is settled once records are in it.
        settled = {"res_model", "type_id", "category"} & set(vals)
        if any(
            self._fields[name].convert_to_write(stage[name], stage) != vals[name]
            for stage in self
            for name in settled
        ):
            for model in ("care.journey", "care.case"):
                if self.env[model].sudo().search_count([("stage_id", "in", self.ids)], limit=1):
                    raise UserError(
                        self.env._(
                            "There are records in this stage, so its meaning and its "
                            "journey stay as they are. Make a new stage instead."
                        )
                    )
        models_before, types = set(self.mapped("res_model")), self.type_id
        result = super().write(vals)
        if {"active", "category", "res_model"} & set(vals):
            self._check_kinds_left(models_before)
            types._check_stages()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_travelled(self):
        # sudo: whoever had something here, in whatever company
        pieces = self.env["care.tenure"].sudo().search([("stage_id", "in", self.ids)], limit=1)
        if pieces:
            raise UserError(
                self.env._(
                    "Journeys or cases have been in “%s”, and who had them there is kept. "
                    "Archive it instead.",
                    pieces.stage_id.name,
                )
            )

    def unlink(self):
        models_before, types = set(self.mapped("res_model")), self.type_id
        result = super().unlink()
        if not self.env.context.get("_force_unlink"):  # the addon itself is going
            self._check_kinds_left(models_before)
            types.exists()._check_stages()
        return result

    def _position(self):
        """Where the stage stands on its way; new ones come last."""
        return self.sequence, self._origin.id or float("inf")

    def _is_before(self, other):
        return self._position() < other._position()

    @api.model
    def _in_category(self, model, category, journey_type=None, again=False):
        """First stage of a category, by sequence; empty when there is none.

        :param again: for a record that was there before: where work goes on, not where it
            begins, if these are two stages
        """
        stages = self.with_context(active_test=True).search(
            [
                ("res_model", "=", model),
                ("type_id", "=", journey_type.id if journey_type else False),
                ("category", "=", category),
            ],
            order="sequence, id",
            limit=2,
        )
        return stages[-1:] if again else stages[:1]
