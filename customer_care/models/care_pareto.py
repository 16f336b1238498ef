from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

#: period -> days it looks back; none: all there is
PERIODS = {"30": 30, "90": 90, "365": 365, "all": None}
DIMENSIONS = ("cause", "category", "product")
#: The few that make this share of all: the one that reaches it is still one of them.
VITAL = 0.8


class CarePareto(models.Model):
    """Which few causes, categories or products make most of the complaints, and of their cost.

    Nothing is stored. The rows are made of the cases that the reader may read: whatever rules
    hold for the register hold for its report.
    """

    _name = "care.pareto"
    _description = "Pareto of complaints"
    _auto = False
    _order = "case_rank, id"
    _rec_name = "subject"
    _depends = {
        "care.case": [
            "cause_id",
            "category_id",
            "product_id",
            "kind",
            "stage_category",
            "received_at",
            "company_id",
            "cost",
        ],
        "care.cause": ["name"],
        "care.category": ["name"],
        "product.template": ["name"],
    }

    dimension = fields.Selection(
        [("cause", "Cause"), ("category", "Category"), ("product", "Product")], "By", readonly=True
    )
    period = fields.Selection(
        [
            ("30", "Last 30 days"),
            ("90", "Last 90 days"),
            ("365", "Last year"),
            ("all", "Ever"),
        ],
        readonly=True,
    )
    company_id = fields.Many2one("res.company", "Company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    cause_id = fields.Many2one("care.cause", "Cause", readonly=True)
    category_id = fields.Many2one("care.category", "Category", readonly=True)
    product_tmpl_id = fields.Many2one("product.template", "Product", readonly=True)
    subject = fields.Char("What", readonly=True)
    case_count = fields.Integer("Complaints", readonly=True)
    case_share = fields.Float("Share", readonly=True, aggregator="sum")
    case_cumulative = fields.Float("Cumulative Share", readonly=True, aggregator="max")
    case_rank = fields.Integer("Rank", readonly=True, aggregator="min")
    is_vital = fields.Boolean(
        "One of the Vital Few", readonly=True, help="With those before it makes the first 80 %."
    )
    cost = fields.Monetary(readonly=True)
    cost_share = fields.Float("Share of Cost", readonly=True, aggregator="sum")
    cost_cumulative = fields.Float("Cumulative Share of Cost", readonly=True, aggregator="max")
    cost_rank = fields.Integer("Rank by Cost", readonly=True, aggregator="min")

    @api.depends("subject")
    def _compute_display_name(self):
        for row in self:
            row.display_name = row.subject

    def _check_access(self, operation):
        """Odoo asks the rules of records as superuser, who reads other rows than the person:
        only what the person finds is theirs to read.
        """
        result = super()._check_access(operation)
        if result or self.env.su or not any(self._ids):
            return result
        forbidden = self - self.with_context(active_test=False).search([("id", "in", self.ids)])
        if forbidden:
            rules = self.env["ir.rule"]
            return forbidden, lambda: rules._make_access_error(operation, forbidden)
        return None

    @property
    def _table_query(self):
        # as whoever reads: the cases' own rules say what is counted
        cases = self.env["care.case"].with_context(active_test=False)
        readable = (
            cases._search([("kind", "=", "complaint"), ("stage_category", "!=", "cancelled")])
            if cases.has_access("read")
            else cases._search([("id", "=", 0)], bypass_access=True)
        )
        columns = {
            "cause": ("cause_id", SQL("c.cause_id")),
            "category": ("category_id", SQL("c.category_id")),
            "product": ("product_tmpl_id", SQL("p.product_tmpl_id")),
        }
        counted = []
        for place, (period, days) in enumerate(PERIODS.items()):
            for number, dimension in enumerate(DIMENSIONS):
                _field, column = columns[dimension]
                counted.append(
                    SQL(
                        """
                        SELECT %(code)s::bigint AS code, %(dimension)s AS dimension,
                            %(period)s AS period, c.company_id, %(column)s AS subject_id,
                            count(*) AS case_count, COALESCE(sum(c.cost), 0) AS cost
                        FROM care_case c %(join)s
                        WHERE c.id IN %(readable)s AND %(since)s
                        GROUP BY c.company_id, %(column)s
                        """,
                        code=place * len(DIMENSIONS) + number,
                        dimension=dimension,
                        period=period,
                        column=column,
                        join=SQL("LEFT JOIN product_product p ON p.id = c.product_id")
                        if dimension == "product"
                        else SQL(),
                        readable=readable.subselect(),
                        since=SQL(
                            "c.received_at >= %s",
                            fields.Datetime.subtract(self.env.cr.now(), days=days),
                        )
                        if days
                        else SQL("TRUE"),
                    )
                )
        name = self._name_in_sql
        # partitioned by all that is filtered by, so that the database leaves out the rest
        return SQL(
            """
            SELECT (((COALESCE(n.subject_id, 0)::bigint << 4) | n.code) << 16) | n.company_id AS id,
                n.dimension, n.period, n.company_id, r.currency_id,
                CASE WHEN n.dimension = 'cause' THEN n.subject_id END AS cause_id,
                CASE WHEN n.dimension = 'category' THEN n.subject_id END AS category_id,
                CASE WHEN n.dimension = 'product' THEN n.subject_id END AS product_tmpl_id,
                COALESCE(
                    CASE n.dimension WHEN 'cause' THEN %(cause)s WHEN 'category' THEN %(category)s
                        ELSE %(product)s END, %(unknown)s) AS subject,
                n.case_count, n.case_share, n.case_cumulative, n.case_rank,
                n.case_cumulative - n.case_share < %(vital)s AS is_vital,
                n.cost, n.cost_share, n.cost_cumulative, n.cost_rank
            FROM (
                SELECT g.*,
                    g.case_count / NULLIF(sum(g.case_count) OVER w, 0) AS case_share,
                    sum(g.case_count) OVER by_count
                        / NULLIF(sum(g.case_count) OVER w, 0) AS case_cumulative,
                    row_number() OVER by_count AS case_rank,
                    COALESCE(g.cost / NULLIF(sum(g.cost) OVER w, 0), 0) AS cost_share,
                    COALESCE(sum(g.cost) OVER by_cost
                        / NULLIF(sum(g.cost) OVER w, 0), 0) AS cost_cumulative,
                    row_number() OVER by_cost AS cost_rank
                FROM (%(counted)s) g
                WINDOW w AS (PARTITION BY g.dimension, g.period, g.company_id),
                    by_count AS (PARTITION BY g.dimension, g.period, g.company_id
                        ORDER BY g.case_count DESC, g.subject_id
                        ROWS UNBOUNDED PRECEDING),
                    by_cost AS (PARTITION BY g.dimension, g.period, g.company_id
                        ORDER BY g.cost DESC, g.case_count DESC, g.subject_id
                        ROWS UNBOUNDED PRECEDING)
            ) n
            JOIN res_company r ON r.id = n.company_id
            LEFT JOIN care_cause cause ON n.dimension = 'cause' AND cause.id = n.subject_id
            LEFT JOIN care_category category
                ON n.dimension = 'category' AND category.id = n.subject_id
            LEFT JOIN product_template product
                ON n.dimension = 'product' AND product.id = n.subject_id
            """,
            cause=name("cause"),
            category=name("category"),
            product=name("product"),
            unknown=self.env._("Not known"),
            vital=VITAL,
            counted=SQL(" UNION ALL ").join(counted),
        )

    def _name_in_sql(self, alias):
        """The translated name in the reader's language, or in English."""
        return SQL(
            "COALESCE(%(alias)s.name->>%(lang)s, %(alias)s.name->>'en_US')",
            alias=SQL.identifier(alias),
            lang=self.env.lang or "en_US",
        )

    @api.readonly
    def action_open_cases(self):
        """The complaints that are counted here."""
        self.ensure_one()
        self.browse().check_access("read")
        # told by the id, see the query: looking the row up would count all there is once more
        place, company_id = self.id >> 16 & 15, self.id & 0xFFFF
        subject_id = self.id >> 20 or False
        if company_id not in self.env.companies.ids or place >= len(PERIODS) * len(DIMENSIONS):
            raise AccessError(self.env._("There is no such row in the companies you work for."))
        dimension = DIMENSIONS[place % len(DIMENSIONS)]
        days = list(PERIODS.values())[place // len(DIMENSIONS)]
        path = f"{dimension}_id"
        if dimension == "product" and subject_id:
            path = "product_id.product_tmpl_id"
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [
            ("kind", "=", "complaint"),
            ("stage_category", "!=", "cancelled"),
            ("company_id", "=", company_id),
            (path, "=", subject_id),
        ]
        if days:
            since = fields.Datetime.subtract(self.env.cr.now(), days=days)
            action["domain"].append(("received_at", ">=", fields.Datetime.to_string(since)))
        action["context"] = {}
        action["view_mode"] = "list,kanban,form,pivot,graph"
        action["views"] = [(False, kind) for kind in action["view_mode"].split(",")]
        return action
