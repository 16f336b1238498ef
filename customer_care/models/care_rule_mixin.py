import logging

from odoo import api, fields, models

from .care_due_mixin import reraise_if_concurrent

_logger = logging.getLogger(__name__)


class CareRuleMixin(models.AbstractModel):
    """Event + filter + consequence.

    A concrete rule implements :meth:`_apply`, which plans rows for the records that
    match. It runs in the customer's or the seller's own transaction: it may only read
    and insert planned rows; effects are the business of the cron.
    """

    _name = "care.rule.mixin"
    _description = "Rule of Customer Care"
    _inherit = ["care.filter.mixin"]
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        index=True,
        help="Leave empty for a rule of all companies.",
    )
    event = fields.Selection(selection="_selection_event", required=True)
    res_model = fields.Char("Applies To", compute="_compute_res_model", store=True, precompute=True)

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _selection_event(self):
        """Events that rules of this kind can answer."""
        return [
            ("order_confirmed", self.env._("Order confirmed")),
            ("order_partly_delivered", self.env._("Order partly delivered")),
            ("order_delivered", self.env._("Order delivered")),
            ("order_invoiced", self.env._("Order invoiced")),
            ("order_paid", self.env._("Order paid")),
            ("order_cancelled", self.env._("Order cancelled")),
            ("stage_entered", self.env._("Journey entered a stage")),
            ("case_opened", self.env._("Case opened")),
            ("case_resolved", self.env._("Case resolved")),
            ("case_reopened", self.env._("Case reopened")),
            ("case_closed", self.env._("Case closed")),
        ]

    @api.depends("event")
    def _compute_res_model(self):
        for rule in self:
            rule.res_model = (
                "care.case" if (rule.event or "").startswith("case_") else "care.journey"
            )

    @api.constrains("event")
    def _check_event(self):
        self._check_filter_domain()

    def _filter_model(self):
        return self.res_model

    # ------------------------------------------------------------
    # Matching
    # ------------------------------------------------------------

    def _match(self, records):
        """Records of one company's event that follow this rule."""
        self.ensure_one()
        if self.company_id:
            records = records.filtered(lambda r: r.company_id == self.company_id)
        domain = self._filter()
        return records if domain.is_true() else records.filtered_domain(domain)

    def _match_in(self, records, stage):
        """Records that the rule matches as they were in ``stage``: its filter may ask for it.

        :param stage: a stage; an empty one for the records as they are
        """
        elsewhere = records.filtered(lambda record: stage and record.stage_id != stage)
        was = {"stage_id": stage.id, "stage_category": stage.category}
        drafts = records.browse().union(*(record.new(was, origin=record) for record in elsewhere))
        matched = self._match(records - elsewhere) | self._match(drafts)._origin
        return records.filtered(lambda record: record in matched)

    @api.model
    def _rules_for(self, records, event):
        """Active rules that answer ``event``, in their order: one search a batch."""
        return self.with_context(active_test=True).search(
            [
                ("event", "=", event),
                ("res_model", "=", records._name),
                ("company_id", "in", [False, *records.company_id.ids]),
            ]
        )

    @api.model
    def _handle(self, records, event, at=None):
        """Let every rule for ``event`` plan its rows; no rule can stop the event.

        All rules share a savepoint. When one fails they are cut in halves until the
        culprits stand alone; those leave a row to retry.

        :param records: journeys or cases, of whatever companies
        :param str event: one of :meth:`_selection_event`
        :param datetime at: when it happened; now by default
        """
        # nothing of before the company's start is followed up, promised or asked about
        records = records.sudo().filtered(lambda record: record._care_covered())
        at = at or self.env.cr.now()
        # whoever acts, in whatever company: filters are read in the record's own
        for company, mine in records.grouped("company_id").items():
            mine = mine.with_company(company)
            when = {record: (at, record._care_occurrence(event)) for record in mine}
            # sudo: rules belong to the company, not to the person whose gesture this is
            rules = self.sudo().with_company(company)._rules_for(mine, event)
            rules._apply_guarded(mine, event, when)

    def _apply_guarded(self, records, event, when):
        if not self:
            return
        try:
            with self.env.cr.savepoint():
                for rule in self:
                    rule._apply(rule._match(records), event, when)
        except Exception as error:  # pylint: disable=broad-except
            reraise_if_concurrent(error)
            if len(self) == 1:
                _logger.warning("%s %r failed", self, self.name, exc_info=error)
                self.env["care.retry"]._remember(self, records, event, when, error)
                return
            middle = len(self) // 2
            self[:middle]._apply_guarded(records, event, when)
            self[middle:]._apply_guarded(records, event, when)

    def _apply(self, records, event, when):
        """Plan the rule's rows for ``records``; called again for the same event it
        must plan nothing new.

        :param dict when: record -> (moment of the event, its occurrence); a retry gives
            those of the event, however long ago it was
        """
        raise NotImplementedError
