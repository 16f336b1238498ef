from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

CATEGORIES = [
    ("open", "In progress"),
    ("waiting", "Waiting"),
    ("resolved", "Resolved"),
    ("closed", "Closed"),
    ("cancelled", "Cancelled"),
]
#: Categories in which nothing is left to do for the owner.
OVER = ("closed", "cancelled")


class CareStage(models.Model):
    """A step of a journey or of a case, with one person answerable for the step.

    Code looks at the category, never at a name or a sequence.
    """

    _name = "care.stage"
    _description = "Stage"
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
        [
            ("order_confirmed", "Order confirmed"),
            ("order_cancelled", "Order cancelled"),
        ],
        help="A journey enters this stage by itself when this happens.",
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
    fold = fields.Boolean("Folded in Kanban")
    standard_ids = fields.Many2many(
        "care.standard",
        "care_standard_stage_rel",
        "stage_id",
        "standard_id",
        string="Standards",
        help="What holds in this stage; checks have to be done before a record leaves it.",
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
        models_before = set(self.mapped("res_model"))
        result = super().write(vals)
        if {"active", "category", "res_model"} & set(vals):
            self._check_kinds_left(models_before)
        return result

    def unlink(self):
        models_before = set(self.mapped("res_model"))
        result = super().unlink()
        if not self.env.context.get("_force_unlink"):  # the addon itself is going
            self._check_kinds_left(models_before)
        return result

    @api.model
    def _in_category(self, model, category, journey_type=None):
        """First stage of a category, by sequence; empty when there is none."""
        return self.with_context(active_test=True).search(
            [
                ("res_model", "=", model),
                ("type_id", "=", journey_type.id if journey_type else False),
                ("category", "=", category),
            ],
            order="sequence, id",
            limit=1,
        )
