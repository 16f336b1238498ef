from odoo import api, fields, models
from odoo.tools import SQL

STATES = [
    ("missing", "To read"),
    ("renew", "To read again"),
    ("acknowledged", "Acknowledged"),
    ("none", "Nothing asked"),
]
#: Somebody has still to acknowledge.
OPEN_STATES = ("missing", "renew")


class CareStandardReader(models.Model):
    """Whom each published standard concerns, and whether they know its version in force.

    Nothing is stored: who works where, who leads and who owns what changes every day.
    """

    _name = "care.standard.reader"
    _description = "Reader of a standard"
    _auto = False
    _order = "state desc, asked_since, id"
    _depends = {
        "care.standard": [
            "state",
            "version_id",
            "concern",
            "company_id",
            "acknowledge",
            "renew_months",
            "kind",
        ],
        "care.standard.version": ["published_at"],
        "care.acknowledgement": ["version_id", "user_id", "occurrence", "acknowledged_at"],
        "care.stage": ["curator_id", "owner_id", "owner_rule", "team_id", "type_id"],
        "care.journey.type": ["team_id"],
        "care.team": ["leader_id", "active"],
        "care.journey": ["stage_id", "owner_id", "stage_category"],
        "care.case": ["stage_id", "owner_id", "stage_category"],
        "res.users": ["active", "share"],
    }

    standard_id = fields.Many2one("care.standard", readonly=True)
    version_id = fields.Many2one("care.standard.version", "Version", readonly=True)
    kind = fields.Selection(
        selection=lambda self: self.env["care.standard"]._fields["kind"].selection,
        string="Chapter",
        readonly=True,
    )
    user_id = fields.Many2one("res.users", "Who", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    state = fields.Selection(STATES, readonly=True)
    occurrence = fields.Integer("Times", readonly=True)
    acknowledged_at = fields.Datetime("Acknowledged", readonly=True)
    asked_since = fields.Datetime(
        readonly=True, help="When the version was published, or the acknowledgement ran out."
    )

    @property
    def _table_query(self):
        group = self.env["ir.model.data"]._xmlid_to_res_id("customer_care.group_agent")
        return SQL(
            """
            WITH RECURSIVE allowed(gid) AS (
                SELECT %(group)s
                UNION SELECT i.gid FROM res_groups_implied_rel i JOIN allowed ON i.hid = allowed.gid
            ), concerned AS (
                SELECT s.id AS standard_id, u.id AS user_id
                FROM care_standard s CROSS JOIN res_users u WHERE s.concern = 'everybody'
                UNION
                SELECT s.id, r.user_id
                FROM care_standard s JOIN care_standard_user_rel r ON r.standard_id = s.id
                WHERE s.concern = 'users'
                UNION
                SELECT s.id, p.user_id
                FROM care_standard s JOIN care_standard_team_rel r ON r.standard_id = s.id
                JOIN %(team_people)s p ON p.team_id = r.team_id
                WHERE s.concern = 'teams'
                UNION
                SELECT s.id, p.user_id
                FROM care_standard s JOIN care_standard_stage_rel r ON r.standard_id = s.id
                JOIN %(stage_people)s p ON p.stage_id = r.stage_id
                WHERE s.concern = 'stages'
            )
            SELECT (s.id::bigint << 26) + u.id AS id, s.id AS standard_id, s.version_id, s.kind,
                u.id AS user_id, s.company_id, COALESCE(a.occurrence, 0) AS occurrence,
                a.acknowledged_at,
                CASE WHEN NOT s.acknowledge THEN NULL
                    ELSE COALESCE(r.runs_out_at, v.published_at) END AS asked_since,
                CASE WHEN s.acknowledge IS NOT TRUE THEN 'none'
                    WHEN a.acknowledged_at IS NULL THEN 'missing'
                    WHEN r.runs_out_at <= %(now)s THEN 'renew'
                    ELSE 'acknowledged' END AS state
            FROM concerned c
            JOIN care_standard s ON s.id = c.standard_id AND s.state = 'published'
            JOIN care_standard_version v ON v.id = s.version_id
            JOIN res_users u ON u.id = c.user_id AND u.active AND NOT u.share
            LEFT JOIN care_acknowledgement a ON a.version_id = s.version_id
                AND a.user_id = u.id AND NOT EXISTS (
                    SELECT FROM care_acknowledgement later
                    WHERE later.version_id = a.version_id AND later.user_id = a.user_id
                    AND later.occurrence > a.occurrence)
            CROSS JOIN LATERAL (
                SELECT CASE WHEN s.renew_months > 0 THEN
                    a.acknowledged_at + s.renew_months * interval '1 month' END AS runs_out_at
            ) r
            WHERE EXISTS (
                SELECT FROM res_groups_users_rel g JOIN allowed USING (gid) WHERE g.uid = u.id)
            AND (s.company_id IS NULL OR EXISTS (
                SELECT FROM res_company_users_rel w
                WHERE w.user_id = u.id AND w.cid = s.company_id))
            """,
            group=group or 0,
            now=self.env.cr.now(),
            team_people=self._team_people(),
            stage_people=self._stage_people(),
        )

    @api.model
    def _team_people(self):
        """(team_id, user_id) of members and leaders, as a subquery."""
        return SQL(
            """(
                SELECT m.team_id, m.user_id FROM care_team_member_rel m
                JOIN care_team t ON t.id = m.team_id AND t.active
                UNION ALL SELECT id, leader_id FROM care_team WHERE active
            )"""
        )

    @api.model
    def _stage_people(self):
        """(stage_id, user_id) of the people of a stage, as a subquery."""
        return SQL(
            """(
                SELECT id AS stage_id, curator_id AS user_id FROM care_stage
                UNION ALL SELECT id, owner_id FROM care_stage WHERE owner_rule = 'user'
                UNION ALL
                SELECT t.stage_id, m.user_id FROM (
                    SELECT g.id AS stage_id, COALESCE(g.team_id, y.team_id) AS team_id
                    FROM care_stage g LEFT JOIN care_journey_type y ON y.id = g.type_id
                ) t JOIN (
                    SELECT team_id, user_id FROM care_team_member_rel
                    UNION ALL SELECT id, leader_id FROM care_team
                ) m USING (team_id)
                UNION ALL SELECT stage_id, owner_id FROM care_journey
                WHERE stage_category IN ('open', 'waiting')
                UNION ALL SELECT stage_id, owner_id FROM care_case
                WHERE stage_category IN ('open', 'waiting')
            )"""
        )

    def _rows(self, domain):
        """The rows of a domain as they are now: this table has no cache to be right."""
        self.invalidate_model(flush=False)
        return self.search(domain)

    def action_open_standard(self):
        self.ensure_one()
        return self.standard_id.action_read()
