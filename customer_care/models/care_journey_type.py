import logging

from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError

from .care_due_mixin import reraise_if_concurrent

_logger = logging.getLogger(__name__)


class CareJourneyType(models.Model):
    _name = "care.journey.type"
    _description = "Journey type"
    _inherit = ["care.filter.mixin"]
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True, help="Leave empty for all companies.")
    filter_domain = fields.Char(
        "Orders", help="Orders that match travel this journey; the first type that matches wins."
    )
    sales_team_ids = fields.Many2many(
        "crm.team",
        "care_journey_type_sales_team_rel",
        "type_id",
        "team_id",
        string="Sales Teams",
        help="Only orders of these teams; empty: of all.",
    )
    categ_ids = fields.Many2many(
        "product.category",
        "care_journey_type_categ_rel",
        "type_id",
        "categ_id",
        string="Product Categories",
        help="Only orders with a product of these categories, or of those below them.",
    )
    team_id = fields.Many2one(
        "care.team",
        "Team",
        help="The team that looks after these journeys; empty: the owner's own.",
    )
    stage_ids = fields.One2many(
        "care.stage", "type_id", "Stages", copy=True, default=lambda self: self._default_stages()
    )
    stage_count = fields.Integer(compute="_compute_stage_count")
    warning = fields.Char(
        compute="_compute_warning", help="What keeps orders from this type, or from others."
    )

    @api.model
    def _default_stages(self):
        """The stages that no journey can do without; people add their own between them."""
        rows = (
            (self.env._("Ordered"), "open", "order_confirmed"),
            (self.env._("Completed"), "closed", False),
            (self.env._("Cancelled"), "cancelled", "order_cancelled"),
        )
        return [
            Command.create(
                {
                    "name": name,
                    "res_model": "care.journey",
                    "category": category,
                    "entry_event": event,
                    "owner_rule": "salesperson" if category == "open" else "keep",
                    "sequence": 10 * number,
                    "fold": category != "open",
                }
            )
            for number, (name, category, event) in enumerate(rows, 1)
        ]

    @api.depends("stage_ids")
    def _compute_stage_count(self):
        for journey_type in self:
            journey_type.stage_count = len(journey_type.stage_ids)

    @api.depends("active", "sequence", "company_id", "filter_domain", "sales_team_ids", "categ_ids")
    def _compute_warning(self):
        known = self.search([("active", "=", True)])
        for journey_type in self:
            journey_type.warning = journey_type.active and journey_type._warning(known)

    def _warning(self, known):
        """Why a type gets no order, or takes those that others wait for."""
        place = self._origin.id in known.ids and known.ids.index(self._origin.id)
        if place is False:
            return False
        before = known[:place].filtered(
            lambda t: t._takes_all() and t.company_id in (self.company_id.browse(), self.company_id)
        )
        if before:
            return self.env._(
                "No order comes here: “%s” stands before it and takes every order. Drag this type "
                "above it in the list.",
                before[0].name,
            )
        behind = known[place + 1 :].filtered(
            lambda t: not self.company_id or t.company_id == self.company_id
        )
        if self._takes_all() and behind:
            return self.env._(
                "It takes every order, so none is left for what stands after it: %s. Say which "
                "orders it is for, or drag it to the end of the list.",
                ", ".join(behind.mapped("name")),
            )
        return False

    def _takes_all(self):
        """Whether every order would travel this journey."""
        return not (self.sales_team_ids or self.categ_ids) and self._filter().is_true()

    @api.constrains("stage_ids", "active")
    def _check_stages(self):
        """A journey needs a stage to start in, and one in which a cancelled order ends. A type
        that has no stages yet is not used.
        """
        names = dict(self.env["care.stage"]._fields["category"]._description_selection(self.env))
        for journey_type in self.filtered(lambda t: t.active and t.stage_ids):
            there = journey_type.stage_ids.filtered("active").mapped("category")
            for category in ("open", "cancelled"):
                if category not in there:
                    raise ValidationError(
                        self.env._(
                            "“%(type)s” needs a stage that means “%(category)s”: add one.",
                            type=journey_type.name,
                            category=names[category],
                        )
                    )

    @api.model_create_multi
    def create(self, vals_list):
        types = super().create(vals_list)
        for journey_type, vals in zip(types, vals_list, strict=True):
            if "sequence" not in vals:
                journey_type._find_place()
        return types

    def _find_place(self):
        """Put a new type where it gets its orders and leaves the others theirs: before the
        first type that takes every order, or last when it does so itself.
        """
        others = self.search([("active", "=", True)]) - self
        all_takers = others.filtered(lambda other: other._takes_all())
        if not self._takes_all() and all_takers:
            self.sequence = min(all_takers.mapped("sequence")) - 1
        else:
            self.sequence = max(others.mapped("sequence"), default=0) + 10

    def write(self, vals):
        result = super().write(vals)
        if "active" in vals and not vals["active"]:
            self._release_orders()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_travelled(self):
        for journey_type in self:
            # sudo: journeys of whatever company
            count = (
                self.env["care.journey"].sudo().search_count([("type_id", "=", journey_type.id)])
            )
            if count:
                raise UserError(
                    self.env._(
                        "%(count)s journeys travel “%(type)s”. Archive it: they go on, and no "
                        "new ones begin.",
                        count=count,
                        type=journey_type.name,
                    )
                )

    def unlink(self):
        self._release_orders()
        return super().unlink()

    def _release_orders(self):
        """Orders that wait for these types go another way: the types are going."""
        # sudo: the queue of failures is the engine's; who may end a type sets its orders going
        self.env["care.retry"].sudo()._wake(self, active_test=False)

    def _filter_model(self):
        return "sale.order"

    @api.model
    def _for_orders(self, orders):
        """Which journey type each order travels.

        :return: dict journey type -> orders; orders without a type are left out
        """
        result = {}
        for company, theirs in orders.grouped("company_id").items():
            here = self.with_company(company)
            for journey_type in here.search([("company_id", "in", [False, company.id])]):
                try:
                    mine = journey_type._matching(theirs.with_company(company))
                except Exception as error:  # pylint: disable=broad-except
                    reraise_if_concurrent(error)
                    # A filter that broke since it was saved must not stop a sale, nor send
                    # the order on another way: it waits until the filter is mended.
                    _logger.warning("%s %r", journey_type, journey_type.name, exc_info=error)
                    self.env["care.retry"]._remember_orders(journey_type, theirs, error)
                    break
                if mine:
                    known = result.get(journey_type, mine.browse())
                    result[journey_type] = known | orders.browse(mine.ids)
                    theirs -= mine
        return result

    def _matching(self, orders):
        """Orders that travel this journey, of one company."""
        if self.sales_team_ids:
            orders = orders.filtered(lambda order: order.team_id in self.sales_team_ids)
        if self.categ_ids:
            paths = tuple(self.categ_ids.mapped("parent_path"))
            orders = orders.filtered(
                lambda order: any(
                    (categ.parent_path or "").startswith(paths)
                    for categ in order.order_line.product_id.categ_id
                )
            )
        domain = self._filter()
        if domain.is_true():
            return orders
        with self.env.cr.savepoint():
            return orders.filtered_domain(domain)
