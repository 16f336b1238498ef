import logging

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from .care_due_mixin import reraise_if_concurrent

_logger = logging.getLogger(__name__)


class CareJourneyType(models.Model):
    _name = "care.journey.type"
    _description = "Journey type"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", index=True, help="Leave empty for all companies.")
    filter_domain = fields.Char(
        "Orders",
        default="[]",
        help="Orders that match travel this journey; the first type that matches wins.",
    )
    team_id = fields.Many2one(
        "care.team",
        "Team",
        help="The team that looks after these journeys; empty: the owner's own.",
    )
    stage_ids = fields.One2many("care.stage", "type_id", "Stages", copy=True)
    stage_count = fields.Integer(compute="_compute_stage_count")

    last_error = fields.Text(
        compute="_compute_last_error",
        help="Why the type failed last. Orders it could not start wait until it is mended.",
    )

    def _compute_last_error(self):
        # sudo: the queue of failures is the engine's; who reads the type sees its errors
        waiting = (
            self.env["care.retry"]
            .sudo()
            .search(
                [
                    ("rule_model", "=", self._name),
                    ("rule_id", "in", self.ids),
                    ("state", "in", ("planned", "failed")),
                ]
            )
        )
        for journey_type in self:
            mine = waiting.filtered(lambda row, t=journey_type: row.rule_id == t.id)
            journey_type.last_error = mine[:1].error

    def write(self, vals):
        result = super().write(vals)
        if "filter_domain" in vals or "active" in vals:
            # sudo: somebody who may mend the type sets its waiting orders going
            self.env["care.retry"].sudo()._wake(self)
        return result

    @api.depends("stage_ids")
    def _compute_stage_count(self):
        for journey_type in self:
            journey_type.stage_count = len(journey_type.stage_ids)

    @api.constrains("filter_domain")
    def _check_filter_domain(self):
        for journey_type in self:
            try:
                # sudo: whether the filter works does not depend on who saves it
                self.env["sale.order"].sudo().search(journey_type._filter(), limit=1)
            except Exception as error:
                reraise_if_concurrent(error)
                raise ValidationError(
                    self.env._(
                        "The filter of “%(name)s” cannot be used: %(error)s. Correct "
                        "it, or empty it to match every order.",
                        name=journey_type.name,
                        error=error,
                    )
                ) from error

    def _filter(self):
        self.ensure_one()
        return Domain(safe_eval(self.filter_domain or "[]"))

    @api.model
    def _for_orders(self, orders):
        """Which journey type each order travels.

        :return: dict journey type -> orders; orders without a type are left out
        """
        result = {}
        types = self.search([("company_id", "in", [False, *orders.company_id.ids])])
        for journey_type in types.filtered(lambda t: "open" in t.stage_ids.mapped("category")):
            mine = orders
            if journey_type.company_id:
                mine = mine.filtered(lambda order, t=journey_type: order.company_id == t.company_id)
            try:
                domain = journey_type._filter()
                if not domain.is_true():
                    with self.env.cr.savepoint():
                        mine = mine.filtered_domain(domain)
            except Exception as error:  # pylint: disable=broad-except
                reraise_if_concurrent(error)
                # A filter that broke since it was saved must not stop a sale, nor send the
                # order on another way: it waits until the filter is mended.
                _logger.warning("%s %r", journey_type, journey_type.name, exc_info=error)
                self.env["care.retry"]._remember_orders(journey_type, mine, error)
                orders -= mine
                continue
            if mine:
                result[journey_type] = mine
                orders -= mine
        return result
