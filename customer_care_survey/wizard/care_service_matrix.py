"""The services matrix: what matters to customers against how well it is done."""

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..models.care_survey_result import SMALL

LEADER = "customer_care.group_leader"


class CareServiceMatrix(models.TransientModel):
    """Importance against performance of each rated service, ours and the competitor's.

    Nothing is stored: it reads the answers as they are. It says how many answered, never who.
    """

    _name = "care.service.matrix"
    _description = "Services matrix"

    name = fields.Char(compute="_compute_name")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    date_from = fields.Date("Answers From")
    date_to = fields.Date("To")
    tier_id = fields.Many2one("care.tier", "Tier")
    category_id = fields.Many2one("res.partner.category", "Category of Customer")
    data = fields.Json(compute="_compute_data")

    def _compute_name(self):
        self.name = self.env._("Services Matrix")

    @api.depends("company_id", "date_from", "date_to", "tier_id", "category_id")
    def _compute_data(self):
        for matrix in self:
            matrix.data = matrix._matrix()

    def _matrix(self):
        """What the picture and the table show.

        :return: dict ``services``: list of dicts, widest gaps first, with ``name``, ``count``
            (answers), ``few``, ``importance``, ``performance``, ``rival`` (points of 100, None
            without an answer), ``gap`` (importance less performance), ``lead`` (ours less the
            competitor's), ``wanted`` and ``promised`` (open hours or None), ``quadrant``;
            and the ``middle`` of both axes
        :raise AccessError: for who leads no team, and for another company
        """
        self.ensure_one()
        if not self.env.su and not self.env.user.has_group(LEADER):
            raise AccessError(self.env._("The services matrix is for team leaders and managers."))
        company = self.company_id or self.env.company
        if not self.env.su and company not in self.env.companies:
            raise AccessError(self.env._("Choose one of your companies."))
        rows = self._answers(company)
        services = self.env["care.rated.service"].browse(row[0] for row in rows)
        promised = company._care_promised_hours(
            services.filtered("promise").mapped("promise"), self.tier_id
        )
        few = company.care_survey_min_count or SMALL
        found = []
        for service, row in zip(services, rows, strict=True):
            count, importance, performance, rival, wanted = row[1:]
            known = importance is not None and performance is not None
            both = performance is not None and rival is not None
            found.append(
                {
                    "id": service.id,
                    "name": service.name,
                    "count": count,
                    "few": count < few,
                    "importance": _rounded(importance),
                    "performance": _rounded(performance),
                    "rival": _rounded(rival),
                    "gap": _rounded(importance - performance) if known else None,
                    "lead": _rounded(performance - rival) if both else None,
                    "wanted": _rounded(wanted),
                    "promised": _rounded(promised.get(service.promise)),
                }
            )
        middle = {
            axis: _middle([row[axis] for row in found]) for axis in ("importance", "performance")
        }
        for row in found:
            row["quadrant"] = self._quadrant(row, middle)
        found.sort(key=lambda row: (row["gap"] is None, -(row["gap"] or 0), row["name"]))
        return {"services": found, "middle": middle, "few": few}

    @api.model
    def _quadrant(self, row, middle):
        """first: matters and is done worse; keep: matters and is done well; later: neither;
        enough: done well, matters less. Empty when one of the two is not known.
        """
        if row["gap"] is None:
            return ""
        matters = row["importance"] >= middle["importance"]
        well = row["performance"] >= middle["performance"]
        return {
            (True, False): "first",
            (True, True): "keep",
            (False, False): "later",
            (False, True): "enough",
        }[matters, well]

    def _answers(self, company):
        """One row for each rated service with an answer: its id, the number of answers,
        importance, performance and the competitor's in points of 100, the hours wanted.
        """
        for name in ("survey.user_input", "survey.user_input.line", "survey.question"):
            self.env[name].flush_model()
        for name in ("survey.question.answer", "care.survey.invitation", "care.profile"):
            self.env[name].flush_model()
        conditions = [SQL("TRUE")]
        if self.date_from:
            conditions.append(SQL("i.day >= %s", self.date_from))
        if self.date_to:
            conditions.append(SQL("i.day <= %s", self.date_to))
        if self.tier_id:
            conditions.append(
                SQL(
                    """i.customer_id IN (SELECT partner_id FROM care_profile
                    WHERE tier_id = %s AND company_id = %s)""",
                    self.tier_id.id,
                    company.id,
                )
            )
        if self.category_id:
            conditions.append(
                SQL(
                    """EXISTS (SELECT 1 FROM res_partner_res_partner_category_rel t
                    WHERE t.category_id = %s AND t.partner_id IN (i.customer_id, i.partner_id))""",
                    self.category_id.id,
                )
            )
        return self.env.execute_query(
            SQL(
                """
                WITH places AS (
                    -- the first answer is worth 0 points, the last 100
                    SELECT id, 100.0
                        * (row_number() OVER (PARTITION BY question_id ORDER BY sequence, id) - 1)
                        / NULLIF(count(*) OVER (PARTITION BY question_id) - 1, 0) AS points
                    FROM survey_question_answer
                    WHERE question_id IN (
                        SELECT id FROM survey_question WHERE care_aspect IS NOT NULL)
                ), inputs AS (
                    SELECT i.id, i.partner_id, p.commercial_partner_id AS customer_id,
                        COALESCE(v.company_id, u.company_id) AS company_id,
                        (COALESCE(i.end_datetime, i.create_date) AT TIME ZONE 'UTC'
                            AT TIME ZONE %(zone)s)::date AS day
                    FROM survey_user_input i
                    JOIN survey_survey s ON s.id = i.survey_id
                    LEFT JOIN res_users u ON u.id = s.user_id
                    LEFT JOIN care_survey_invitation v ON v.user_input_id = i.id
                    LEFT JOIN res_partner p ON p.id = i.partner_id
                    WHERE i.state = 'done' AND i.test_entry IS NOT TRUE
                        -- of several attempts by one link, the last
                        AND NOT EXISTS (
                            SELECT 1 FROM survey_user_input later
                            WHERE later.survey_id = i.survey_id AND later.id > i.id
                                AND later.state = 'done' AND later.invite_token = i.invite_token
                                AND later.partner_id IS NOT DISTINCT FROM i.partner_id)
                ), answers AS (
                    SELECT COALESCE(r.care_rated_id, q.care_rated_id) AS rated_id,
                        q.care_aspect AS aspect, i.id AS input_id, a.care_hours AS hours,
                        CASE WHEN q.question_type = 'scale'
                            THEN 100.0 * (l.value_scale - q.scale_min)
                                / NULLIF(q.scale_max - q.scale_min, 0)
                            ELSE places.points END AS points
                    FROM survey_user_input_line l
                    JOIN inputs i ON i.id = l.user_input_id
                    JOIN survey_question q ON q.id = l.question_id
                    LEFT JOIN survey_question_answer r ON r.id = l.matrix_row_id
                    LEFT JOIN survey_question_answer a ON a.id = l.suggested_answer_id
                    LEFT JOIN places ON places.id = a.id
                    WHERE q.care_aspect IS NOT NULL AND l.skipped IS NOT TRUE
                        AND (l.answer_type = 'scale' OR a.id IS NOT NULL)
                        AND i.company_id = %(company)s AND %(conditions)s
                )
                SELECT s.id, count(DISTINCT a.input_id),
                    avg(a.points) FILTER (WHERE a.aspect = 'importance'),
                    avg(a.points) FILTER (WHERE a.aspect = 'performance'),
                    avg(a.points) FILTER (WHERE a.aspect = 'rival'),
                    percentile_cont(0.5) WITHIN GROUP (ORDER BY a.hours)
                        FILTER (WHERE a.aspect = 'level' AND a.hours > 0)
                FROM answers a
                JOIN care_rated_service s ON s.id = a.rated_id AND s.active
                GROUP BY s.id ORDER BY s.sequence, s.id
                """,
                zone=company._care_tz(),
                company=company.id,
                conditions=SQL(" AND ").join(conditions),
            )
        )

    @api.model
    def action_open(self):
        """The matrix of the present company."""
        self.check_access("create")
        matrix = self.create({})
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Services Matrix"),
            "res_model": self._name,
            "res_id": matrix.id,
            "views": [
                (self.env.ref("customer_care_survey.care_service_matrix_view_form").id, "form")
            ],
        }


def _rounded(value):
    return None if value is None else round(float(value), 1)


def _middle(values):
    """Where the axes cross: the average of what is known; the middle of the scale without."""
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 1) if known else 50.0
