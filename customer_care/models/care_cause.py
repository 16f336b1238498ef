from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from .care_action import UNFINISHED
from .care_stage import OVER


class CareCause(models.Model):
    """Why things go wrong: a tree, from what is said to what is behind it.

    A cause arises in a stage, whose curator answers for it unless it names somebody else. It is
    open while a complaint about it is not over, or an action against it is not finished.
    """

    _name = "care.cause"
    _description = "Cause"
    _inherit = ["care.naming.mixin"]
    _parent_store = True
    # the tree in its order: what a cause is made of stands below it
    _order = "parent_path, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    display_name = fields.Char(recursive=True)
    parent_id = fields.Many2one(
        "care.cause",
        "Behind It",
        index=True,
        ondelete="restrict",
        check_company=True,
        help="The cause of which this one is a part.",
    )
    parent_path = fields.Char(index=True)
    child_ids = fields.One2many("care.cause", "parent_id", "Parts")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True, help="Leave empty for all companies.")
    stage_id = fields.Many2one(
        "care.stage",
        "Arises In",
        compute="_compute_stage_id",
        store=True,
        readonly=False,
        precompute=True,
        recursive=True,
        index="btree_not_null",
        help="The stage of a journey or case in which the error is made. Its curator sees it on "
        "their page.",
    )
    owner_id = fields.Many2one(
        "res.users",
        "Owner",
        index="btree_not_null",
        domain="[('share', '=', False)]",
        help="Who answers for it. Empty: the curator of its stage.",
    )
    curator_id = fields.Many2one(
        "res.users",
        "Answers for It",
        compute="_compute_curator_id",
        help="Its owner, or the curator of the stage in which it arises.",
    )
    description = fields.Text(
        translate=True, help="How to tell that it is this cause, and not another."
    )
    case_ids = fields.One2many("care.case", "cause_id", "Cases")
    action_ids = fields.One2many("care.action", "cause_id", "Actions")
    case_count = fields.Integer("All Cases", compute="_compute_figures")
    open_case_count = fields.Integer("Open Cases", compute="_compute_figures")
    action_count = fields.Integer("Open Actions", compute="_compute_figures")
    cost = fields.Monetary(
        compute="_compute_figures",
        help="What its cases have cost, parts included, in the present company.",
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_currency_id")
    is_open = fields.Boolean("Open", compute="_compute_figures", search="_search_is_open")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("name", "parent_id.display_name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for cause in self:
            cause.display_name = " / ".join(
                filter(None, (cause.parent_id.display_name, cause.name))
            )

    @api.depends("parent_id.stage_id")
    def _compute_stage_id(self):
        for cause in self:
            cause.stage_id = cause.stage_id or cause.parent_id.stage_id

    @api.depends("owner_id", "stage_id.curator_id")
    def _compute_curator_id(self):
        for cause in self:
            cause.curator_id = cause.owner_id or cause.stage_id.curator_id

    @api.depends_context("company")
    def _compute_currency_id(self):
        self.currency_id = self.env.company.currency_id

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_figures(self):
        """Of each cause and its parts: as many queries for one as for all."""
        family = self.with_context(active_test=False).search([("id", "child_of", self.ids)])
        own = defaultdict(lambda: [0, 0, 0, 0.0])
        cases = self.env["care.case"]
        domain = [("cause_id", "in", family.ids), ("stage_category", "!=", "cancelled")]
        for cause, category, count in cases._read_group(
            domain, ["cause_id", "stage_category"], ["__count"]
        ):
            own[cause.id][0] += count
            own[cause.id][1] += count if category not in OVER else 0
        for cause, count in self.env["care.action"]._read_group(
            [("cause_id", "in", family.ids), ("state", "in", UNFINISHED)],
            ["cause_id"],
            ["__count"],
        ):
            own[cause.id][2] = count
        for cause, cost in cases._read_group(
            [*domain, ("company_id", "=", self.env.company.id)], ["cause_id"], ["cost:sum"]
        ):
            own[cause.id][3] = cost
        total = defaultdict(lambda: [0, 0, 0, 0.0])
        for part in family:
            for above in (part.parent_path or "").split("/"):
                if above:
                    total[int(above)] = [
                        a + b for a, b in zip(total[int(above)], own[part.id], strict=True)
                    ]
        for cause in self:
            figures = total[cause._origin.id]
            cause.case_count, cause.open_case_count, cause.action_count, cause.cost = figures
            # by itself alone: a cause is not open because a part of it is
            mine = own[cause._origin.id]
            cause.is_open = bool(mine[1] or mine[2])

    @api.model
    def _search_is_open(self, operator, value):
        if operator != "in":
            return NotImplemented
        cases = self.env["care.case"]._search(
            [("cause_id", "!=", False), ("stage_category", "not in", OVER)]
        )
        actions = self.env["care.action"]._search(
            [("cause_id", "!=", False), ("state", "in", UNFINISHED)]
        )
        is_open = Domain("id", "in", cases.subselect("cause_id")) | Domain(
            "id", "in", actions.subselect("cause_id")
        )
        wanted = [is_open if found else ~is_open for found in value]
        return Domain.OR(wanted)

    @api.constrains("parent_id")
    def _check_parent(self):
        if self._has_cycle():
            raise ValidationError(
                self.env._("A cause cannot be behind itself. Choose another one, or none.")
            )

    @api.constrains("company_id", "parent_id")
    def _check_company_of_parts(self):
        for cause in self:
            for part in cause.child_ids:
                if cause.company_id and part.company_id != cause.company_id:
                    raise ValidationError(
                        self.env._(
                            "“%(part)s” is a part of “%(cause)s”: give it the same company first.",
                            part=part.name,
                            cause=cause.name,
                        )
                    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for cause in self:
            # sudo: whatever names it, whoever deletes it
            everything = cause.sudo().with_context(active_test=False)
            if everything.case_ids or everything.action_ids or everything.child_ids - self:
                raise UserError(
                    self.env._(
                        "“%s” has cases, actions or parts. Archive it: they keep it, and nothing "
                        "new gets it.",
                        cause.display_name,
                    )
                )

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_open_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [("cause_id", "child_of", self.id)]
        action["context"] = {}
        return action

    def action_open_actions(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_action_action")
        action["domain"] = [("cause_id", "child_of", self.id)]
        action["context"] = {"default_cause_id": self.id}
        return action


class CareStage(models.Model):
    """What a stage's curator sees of its causes."""

    _inherit = "care.stage"  # pylint: disable=consider-merging-classes-inherited

    open_cause_count = fields.Integer("Open Causes", compute="_compute_open_cause_count")

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_open_cause_count(self):
        counts = defaultdict(int)
        for stage, count in self.env["care.cause"]._read_group(
            [("stage_id", "in", self.ids), ("is_open", "=", True)], ["stage_id"], ["__count"]
        ):
            counts[stage.id] = count
        for stage in self:
            stage.open_cause_count = counts[stage.id]

    def action_open_causes(self):
        """The causes that arise here and are open."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_cause_action")
        action["domain"] = [("stage_id", "=", self.id)]
        action["context"] = {"search_default_open": 1, "default_stage_id": self.id}
        return action
