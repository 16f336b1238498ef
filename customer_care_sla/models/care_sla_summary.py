from odoo import api, fields, models
from odoo.tools import SQL, format_date

from odoo.addons.customer_care.models.care_fact import SMALL


class CareSlaSummary(models.Model):
    """What became of our promises, by month, team and promise: read with the rights to facts of
    who reads.
    """

    _name = "care.sla.summary"
    _description = "Promises by month"
    _inherit = ["care.figure.mixin"]
    _auto = False
    _order = "month desc, promise, team_id"
    _depends = {
        "care.fact": [
            *("day", "measure", "company_id", "team_id", "promise", "pause_reason"),
            *("seconds", "numerator", "denominator"),
        ]
    }

    month = fields.Date(readonly=True)
    promise = fields.Selection(selection="_selection_promise", readonly=True)
    company_id = fields.Many2one("res.company", "Company", readonly=True)
    team_id = fields.Many2one("care.team", "Team", readonly=True)
    count = fields.Integer("Promises", readonly=True, help="Fewer than ten say little.")
    late_count = fields.Integer("Late", readonly=True)
    kept_share = fields.Float("Share Kept", readonly=True, aggregator=None)
    median_hours = fields.Float(
        "Median Hours", readonly=True, aggregator=None, help="Working hours: half took less."
    )
    p90_hours = fields.Float(
        "90th Percentile (Hours)",
        readonly=True,
        aggregator=None,
        help="Working hours: nine of ten took less.",
    )
    customer_share = fields.Float(
        "Waited for the Customer",
        readonly=True,
        aggregator=None,
        help="Share of the working time in which the promise stood still for the customer.",
    )
    third_party_share = fields.Float(
        "Waited for Third Parties",
        readonly=True,
        aggregator=None,
        help="Share of the working time in which the promise stood still for others.",
    )
    is_small = fields.Boolean("Small Sample", readonly=True)

    @api.model
    def _selection_promise(self):
        return self.env["care.fact"]._selection_promise()

    @property
    def _table_query(self):
        facts = self.env["care.fact"]
        # the rules of who reads hold inside
        mine = facts._search(
            [("measure", "in", ("promise_kept", "promise_time", "promise_pause"))], order="id"
        )
        columns = ("id", *self._depends["care.fact"])
        return SQL(
            """
            SELECT id, month, promise, company_id, team_id, count, late_count, kept_share,
                median_hours, p90_hours, count < %(small)s AS is_small,
                customer_seconds / NULLIF(elapsed + paused, 0)::float AS customer_share,
                third_party_seconds / NULLIF(elapsed + paused, 0)::float AS third_party_share
            FROM (
                SELECT min(id) AS id, date_trunc('month', day::timestamp)::date AS month, promise,
                    company_id, team_id,
                    sum(denominator)::int AS count,
                    sum(denominator - numerator)::int AS late_count,
                    sum(numerator) / NULLIF(sum(denominator), 0) AS kept_share,
                    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)
                        FILTER (WHERE measure = 'promise_time') / 3600.0 AS median_hours,
                    percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds)
                        FILTER (WHERE measure = 'promise_time') / 3600.0 AS p90_hours,
                    COALESCE(sum(seconds) FILTER (WHERE measure = 'promise_time'), 0) AS elapsed,
                    COALESCE(sum(seconds) FILTER (WHERE measure = 'promise_pause'), 0) AS paused,
                    COALESCE(sum(seconds) FILTER (
                        WHERE pause_reason = 'customer'), 0) AS customer_seconds,
                    COALESCE(sum(seconds) FILTER (
                        WHERE pause_reason = 'third_party'), 0) AS third_party_seconds
                FROM %(mine)s facts
                GROUP BY date_trunc('month', day::timestamp), promise, company_id, team_id
            ) figures
            """,
            small=SMALL,
            mine=mine.subselect(*(SQL.identifier("care_fact", name) for name in columns)),
        )

    @api.depends("promise", "month")
    def _compute_display_name(self):
        words = dict(self._selection_promise())
        for row in self:
            month = format_date(row.env, row.month, date_format="MMMM yyyy")
            row.display_name = f"{words.get(row.promise)}, {month}"

    @api.readonly
    def action_open_facts(self):
        """What the figure is made of."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_sla.care_fact_action_promises"
        )
        action["domain"] = [
            ("measure", "=", "promise_kept"),
            ("promise", "=", self.promise),
            ("team_id", "=", self.team_id.id),
            ("company_id", "=", self.company_id.id),
            ("day", ">=", self.month),
            ("day", "<", fields.Date.add(self.month, months=1)),
        ]
        action["view_mode"] = "list,pivot,graph"
        action["views"] = [(False, kind) for kind in ("list", "pivot", "graph")]
        action["context"] = {}
        return action
