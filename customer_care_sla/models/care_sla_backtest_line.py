from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.customer_care.models.care_category import SEVERITIES

from .care_sla_measure import MEASURES


class CareSlaBacktestLine(models.Model):
    """One promise of a back-test: what it would have come to, and what it came to."""

    _name = "care.sla.backtest.line"
    _description = "Result of a back-test"
    _inherit = ["care.engine.mixin", "care.sla.record.mixin"]
    _order = "late_seconds desc, id"

    backtest_id = fields.Many2one(
        "care.sla.backtest", "Back-test", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    measure = fields.Selection(MEASURES, "Promise", required=True, readonly=True)
    severity = fields.Selection(SEVERITIES, readonly=True)
    number = fields.Integer(
        required=True, readonly=True, aggregator=None, help="Which time it would be promised."
    )
    started_at = fields.Datetime("Started", readonly=True)
    due_at = fields.Datetime("Due", readonly=True)
    ended_at = fields.Datetime("Ended", readonly=True, help="Empty: it was still open.")
    late_seconds = fields.Integer("Working Seconds Late", readonly=True)
    late_hours = fields.Float(
        "Late (h)", compute="_compute_figures", aggregator="avg", help="Working hours."
    )
    decided = fields.Integer(readonly=True, help="1 once it is known whether it would be kept.")
    met = fields.Integer("Kept", readonly=True)
    share = fields.Float("Share Kept", compute="_compute_figures", aggregator="avg")
    today_due_at = fields.Datetime("Due Today", readonly=True, help="By the real promise.")
    today_ended_at = fields.Datetime("Ended Today", readonly=True)
    today_late_seconds = fields.Integer("Working Seconds Late Today", readonly=True)
    today_late_hours = fields.Float(
        "Late Today (h)", compute="_compute_figures", aggregator="avg", help="Working hours."
    )
    today_decided = fields.Integer("Decided Today", readonly=True)
    today_met = fields.Integer("Kept Today", readonly=True)
    today_share = fields.Float("Share Kept Today", compute="_compute_figures", aggregator="avg")
    worse = fields.Integer("Newly Broken", readonly=True, help="Kept today.")
    better = fields.Integer("Newly Kept", readonly=True, help="Broken today.")

    _once_case = models.UniqueIndex(
        "(backtest_id, case_id, measure, number) WHERE case_id IS NOT NULL",
        "This is played already.",
    )
    _once_journey = models.UniqueIndex(
        "(backtest_id, journey_id, measure, number) WHERE journey_id IS NOT NULL",
        "This is played already.",
    )

    #: Aggregates of fields that no column has.
    _figures = {
        "share:avg": "SUM({met})::float / NULLIF(SUM({decided}), 0)",
        "today_share:avg": "SUM({today_met})::float / NULLIF(SUM({today_decided}), 0)",
        "late_hours:avg": "AVG({late_seconds}) FILTER (WHERE {met} = 0 AND {decided} = 1) / 3600.0",
        "today_late_hours:avg": "AVG({today_late_seconds})"
        " FILTER (WHERE {today_met} = 0 AND {today_decided} = 1) / 3600.0",
    }

    @api.depends("met", "decided", "today_met", "today_decided")
    def _compute_figures(self):
        for line in self:
            line.share = line.decided and line.met
            line.today_share = line.today_decided and line.today_met
            line.late_hours = line.late_seconds / 3600
            line.today_late_hours = line.today_late_seconds / 3600

    @api.depends("measure", "record_name")
    def _compute_display_name(self):
        measures = dict(self._fields["measure"]._description_selection(self.env))
        for line in self:
            line.display_name = f"{measures.get(line.measure)} · {line.record_name}"

    @api.model
    def _read_group_select(self, aggregate_spec, query):
        template = self._figures.get(aggregate_spec)
        if not template:
            return super()._read_group_select(aggregate_spec, query)
        names = ("met", "decided", "today_met", "today_decided", "late_seconds")
        names += ("today_late_seconds",)
        columns = {
            name: self._field_to_sql(self._table, name, query)
            for name in names
            if f"{{{name}}}" in template
        }
        return SQL(template.format(**{name: f"%({name})s" for name in columns}), **columns)

    def action_open_record(self):
        self.ensure_one()
        self.check_access("read")
        return self._record()._get_records_action(context={})
