"""NPS, CSAT and CES with how sure they are, by whatever they are about."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from ..tools.interval import bound_sql
from .care_survey_score import MEASURES

#: Answers below which a figure says little, unless the company says otherwise.
SMALL = 10
#: Days that the results look back.
DAYS = 365
#: dimension -> column of the scores, and its label.
DIMENSIONS = {
    "company": ("company_id", "Company"),
    "team": ("team_id", "Team"),
    "owner": ("owner_id", "Owner"),
    "curator": ("curator_id", "Curator"),
    "stage": ("stage_id", "Stage"),
    "product": ("product_id", "Product"),
    "customer": ("commercial_partner_id", "Customer"),
    "trigger": ("trigger_id", "Survey trigger"),
    "journey": ("journey_id", "Journey"),
    "case": ("case_id", "Case"),
}
#: Only over the whole time: hardly ever more than an answer each.
WHOLE_ONLY = ("journey", "case")
PROMOTERS = "count(*) FILTER (WHERE {points} > 0)"
DETRACTORS = "count(*) FILTER (WHERE {points} < 0)"


class CareSurveyScore(models.Model):
    _inherit = "care.survey.score"  # pylint: disable=consider-merging-classes-inherited

    trigger_id = fields.Many2one("care.survey.trigger", readonly=True, ondelete="set null")
    stage_id = fields.Many2one(
        "care.stage",
        "Stage",
        readonly=True,
        ondelete="set null",
        help="The one that the answer is about.",
    )
    curator_id = fields.Many2one("res.users", "Curator Then", readonly=True, ondelete="set null")
    product_id = fields.Many2one("product.product", "Product", readonly=True, ondelete="set null")
    tier_id = fields.Many2one("care.tier", "Tier Then", readonly=True, ondelete="set null")
    is_bad = fields.Boolean("Bad Answer", readonly=True, help="As the trigger said then.")
    low = fields.Float(
        "Score at Least",
        compute="_compute_bounds",
        aggregator="avg",
        help="The lower end of the 95 % interval.",
    )
    high = fields.Float(
        "Score at Most",
        compute="_compute_bounds",
        aggregator="avg",
        help="The upper end of the 95 % interval.",
    )

    @api.depends("points")
    def _compute_bounds(self):
        for score in self:
            score.low = score.high = score.points

    @api.model
    def _read_group_select(self, aggregate_spec, query):
        if aggregate_spec not in ("low:avg", "high:avg"):
            return super()._read_group_select(aggregate_spec, query)
        end = aggregate_spec.partition(":")[0]
        points = "%(points)s"
        text = bound_sql(
            end,
            PROMOTERS.format(points=points),
            DETRACTORS.format(points=points),
            "count(*)",
            "max(%(measure)s) = 'nps'",
        )
        # of several measures together there is no interval
        return SQL(
            f"CASE WHEN min(%(measure)s) = max(%(measure)s) THEN {text} END",
            points=self._field_to_sql(self._table, "points", query),
            measure=self._field_to_sql(self._table, "measure", query),
        )


class CareSurveyInvitation(models.Model):
    _inherit = "care.survey.invitation"  # pylint: disable=consider-merging-classes-inherited

    def _pieces_about(self):
        """Whose work, in which stage, these answers are about.

        That is the last stage that was worked in when the event happened: who is asked after
        the case was closed is not asked about closing it.

        :return: dict row -> a piece of a tenure, maybe empty
        """
        # sudo: who had it, whoever asks
        tenures = self.env["care.tenure"].sudo()
        pieces = tenures.search(
            [
                "|",
                ("case_id", "in", self.case_id.ids),
                ("journey_id", "in", self.journey_id.ids),
            ],
            order="since, id",
        )
        of_cases, of_journeys = pieces.grouped("case_id"), pieces.grouped("journey_id")
        about = {}
        for row in self:
            mine = (
                of_cases.get(row.case_id)
                if row.case_id
                else of_journeys.get(row.journey_id)
                if row.journey_id
                else None
            ) or tenures
            then = mine.filtered(lambda piece, row=row: piece.since <= row.create_date) or mine[:1]
            worked = then.filtered(lambda piece: piece.stage_id.category in ("open", "waiting"))
            about[row] = (worked or then)[-1:]
        return about

    def _prepare_scores_vals(self):
        piece = self._pieces_about()[self]
        record = self._record()
        product = self.case_id.product_id
        if not product and record:
            # sudo: what was ordered; of several products none is meant
            lines = record.sudo().order_id.order_line.filtered(lambda line: not line.display_type)
            product = lines.product_id if len(lines.product_id) == 1 else product
        more = {
            "trigger_id": self.trigger_id.id,
            "stage_id": piece.stage_id.id,
            "curator_id": piece.stage_id.curator_id.id,
            "product_id": product.id,
            "tier_id": record.tier_id.id if record else False,
        }
        if piece:
            more["owner_id"] = piece.user_id.id
        return [
            {**vals, **more, "is_bad": self._counts_as_bad(vals)}
            for vals in super()._prepare_scores_vals()
        ]

    def _counts_as_bad(self, vals):
        """Whether a score with these values is a bad answer."""
        return vals["value"] <= self.trigger_id._bad_up_to(vals["scale_min"], vals["scale_max"])


class CareSurveyResult(models.Model):
    """Scores of the last year by one thing at a time, as a whole and by month: read with the
    rights to scores of who reads.
    """

    _name = "care.survey.result"
    _description = "Survey result"
    _auto = False
    _order = "dimension, measure, month desc, score, id"
    _depends = {
        "care.survey.score": [
            *("day", "measure", "points", "value"),
            *(column for column, _label in DIMENSIONS.values()),
        ]
    }

    dimension = fields.Selection(selection="_selection_dimension", string="By", readonly=True)
    month = fields.Date(readonly=True, help="Empty: the last twelve months together.")
    measure = fields.Selection(MEASURES, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    team_id = fields.Many2one("care.team", "Team", readonly=True)
    owner_id = fields.Many2one("res.users", "Owner", readonly=True)
    curator_id = fields.Many2one("res.users", "Curator", readonly=True)
    stage_id = fields.Many2one("care.stage", "Stage", readonly=True)
    product_id = fields.Many2one("product.product", "Product", readonly=True)
    commercial_partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    trigger_id = fields.Many2one("care.survey.trigger", "Survey Trigger", readonly=True)
    journey_id = fields.Many2one("care.journey", "Journey", readonly=True)
    case_id = fields.Many2one("care.case", "Case", readonly=True)
    what = fields.Char("Of", compute="_compute_what")
    count = fields.Integer("Answers", readonly=True)
    score = fields.Float(
        readonly=True,
        aggregator=None,
        help="NPS: percent of promoters (9 or 10) less percent of detractors (0 to 6). CSAT and "
        "CES: percent of answers better than the middle of their scale.",
    )
    low = fields.Float(
        "At Least", readonly=True, aggregator=None, help="Lower end of the 95 % interval."
    )
    high = fields.Float(
        "At Most", readonly=True, aggregator=None, help="Upper end of the 95 % interval."
    )
    average = fields.Float(
        "Average Answer", readonly=True, aggregator=None, help="On the scale of the question."
    )
    is_small = fields.Boolean(
        "Few Answers", readonly=True, help="Fewer than the settings ask for: they say little."
    )

    @api.model
    def _selection_dimension(self):
        score, result = self.env["care.survey.score"], []
        for name, (column, _label) in DIMENSIONS.items():
            label = self._fields[column]._description_string(self.env)
            result.append((name, label or score._fields[column].string))
        return result

    @api.depends("dimension", "month", "measure")
    def _compute_display_name(self):
        measures = dict(self._fields["measure"]._description_selection(self.env))
        for row in self:
            parts = [measures.get(row.measure), row.what]
            if row.month:
                parts.append(format_date(row.env, row.month, date_format="MMMM yyyy"))
            row.display_name = ", ".join(filter(None, parts))

    def _compute_what(self):
        # sudo: names alone; the scores behind them are this reader's to see
        for row in self.sudo():
            row.what = row[DIMENSIONS[row.dimension][0]].display_name if row.dimension else False

    @property
    def _table_query(self):
        scores = self.env["care.survey.score"]
        since = fields.Date.today() - timedelta(days=DAYS)
        # the rules of who reads hold inside
        mine = scores._search([("day", ">=", since)], order="id")
        columns = [column for column, _label in DIMENSIONS.values()]
        sets, ids, names, empty = [], [], [], []
        for place, (name, (column, _label)) in enumerate(DIMENSIONS.items()):
            keys = "measure, company_id" if name == "company" else f"measure, company_id, {column}"
            sets.append(f"({keys})")
            if name not in WHOLE_ONLY:
                sets.append(f"({keys}, month)")
            if name != "company":
                ids.append(f"WHEN GROUPING({column}) = 0 THEN {place}")
                names.append(f"WHEN GROUPING({column}) = 0 THEN '{name}'")
                empty.append(f"(GROUPING({column}) = 0 AND {column} IS NULL)")
        points = {"points": "points"}
        figures = [PROMOTERS.format(**points), DETRACTORS.format(**points), "count(*)"]
        is_nps = "measure = 'nps'"
        text = f"""
            SELECT min(score.id)::bigint * 32 + GROUPING(month) * 16
                    + CASE {" ".join(ids)} ELSE 0 END AS id,
                CASE {" ".join(names)} ELSE 'company' END AS dimension,
                CASE WHEN GROUPING(month) = 0 THEN month END AS month,
                measure, {", ".join(columns)},
                count(*) AS count,
                count(*) < min(small) AS is_small,
                avg(points) AS score, avg(value) AS average,
                {bound_sql("low", *figures, is_nps)} AS low,
                {bound_sql("high", *figures, is_nps)} AS high
            FROM (
                SELECT care_survey_score.id, date_trunc('month', day)::date AS month, measure,
                    {", ".join(f"care_survey_score.{column}" for column in columns)},
                    points, value, COALESCE(res_company.care_survey_min_count, %(small)s) AS small
                FROM care_survey_score
                JOIN res_company ON res_company.id = care_survey_score.company_id
                WHERE care_survey_score.id IN %(mine)s
            ) score
            GROUP BY GROUPING SETS ({", ".join(sets)})
            HAVING NOT ({" OR ".join(empty)})
        """
        return SQL(text, small=SMALL, mine=mine.subselect())

    def _check_access(self, operation):
        """A figure is there for who sees one of the answers that it is made of."""
        result = super()._check_access(operation)
        if result or not self or self.env.su:
            return result
        hidden = self - self.search([("id", "in", self.ids)])
        return (hidden, lambda: self._hidden(operation)) if hidden else None

    def _hidden(self, operation):
        return self.env["ir.rule"]._make_access_error(operation, self)

    def action_open_scores(self):
        """What the figure is made of."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_survey_score_action"
        )
        column = DIMENSIONS[self.dimension][0]
        domain = [
            ("measure", "=", self.measure),
            ("company_id", "=", self.company_id.id),
            (column, "=", self[column].id),
        ]
        if self.month:
            until = fields.Date.add(self.month, months=1)
            domain += [("day", ">=", self.month), ("day", "<", until)]
        else:
            domain.append(("day", ">=", fields.Date.today() - timedelta(days=DAYS)))
        action["domain"] = domain
        action["context"] = {}
        return action


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_survey_min_count = fields.Integer(
        "Answers That Say Something",
        default=SMALL,
        help="Scores of fewer answers than this are greyed.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_survey_min_count = fields.Integer(
        related="company_id.care_survey_min_count", readonly=False
    )
