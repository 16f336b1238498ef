"""Certification on the standards, by Odoo's own certifications: who lacks it, whose has expired."""

from collections import defaultdict
from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, format_date

STATES = [
    ("expired", "Expired"),
    ("missing", "Missing"),
    ("soon", "Expires Soon"),
    ("valid", "Valid"),
]
#: Something is to be done.
OPEN_STATES = ("expired", "missing", "soon")
#: A person gets one reminder in so many days.
REMIND_DAYS = 14
#: How long the rows are kept that make a second mail impossible.
KEEP_DAYS = 90
FIRST = date(2024, 1, 1)


class CareCertification(models.Model):
    """What somebody has to pass to work by these standards, and for how long it holds."""

    _name = "care.certification"
    _description = "Certification on standards"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        index=True,
        help="Leave empty for all companies.",
    )
    survey_id = fields.Many2one(
        "survey.survey",
        "Certification",
        required=True,
        index=True,
        ondelete="restrict",
        domain="[('certification', '=', True)]",
        groups="customer_care.group_manager",
        help="A certification of Surveys: its questions, what is needed to pass and how often it "
        "may be tried are set there.",
    )
    months = fields.Integer(
        "Valid For (months)", default=12, help="Then it has to be passed again; 0: for good."
    )
    warn_days = fields.Integer(
        "Tell Before (days)", default=30, help="So long before it expires people are reminded."
    )
    standard_ids = fields.Many2many(
        "care.standard",
        "care_certification_standard_rel",
        "certification_id",
        "standard_id",
        string="Standards",
        check_company=True,
        help="What it examines.",
    )
    concern = fields.Selection(
        [
            ("standards", "Whom its standards concern"),
            ("everybody", "Everybody in Customer Care"),
            ("teams", "Teams"),
            ("stages", "The people of stages"),
        ],
        "Concerns",
        required=True,
        default="standards",
        help="The people of a stage: its curator, its named owner, its team (or its journey "
        "type's), and whoever owns a record there now.",
    )
    team_ids = fields.Many2many(
        "care.team",
        "care_certification_team_rel",
        "certification_id",
        "team_id",
        string="Teams",
        check_company=True,
    )
    stage_ids = fields.Many2many(
        "care.stage",
        "care_certification_stage_rel",
        "certification_id",
        "stage_id",
        string="Stages",
    )
    holder_ids = fields.One2many("care.certification.holder", "certification_id", "People")
    holder_count = fields.Integer("Concerned", compute="_compute_counts")
    open_count = fields.Integer("To Be Passed", compute="_compute_counts")

    _months_check = models.Constraint(
        "CHECK (months >= 0 AND warn_days >= 0)", "Months and days are numbers of 0 or more."
    )

    def _compute_counts(self):
        counts = defaultdict(int)
        for certification, state, count in self.env["care.certification.holder"]._read_group(
            [("certification_id", "in", self.ids)],
            ["certification_id", "state"],
            ["__count"],
        ):
            counts[certification.id, state in OPEN_STATES] += count
        for row in self:
            row.open_count = counts[row._origin.id, True]
            row.holder_count = row.open_count + counts[row._origin.id, False]

    @api.constrains("survey_id")
    def _check_survey(self):
        for row in self:
            # sudo: who sets this up need not be a user of Surveys
            survey = row.sudo().survey_id
            if not survey.certification:
                raise ValidationError(
                    self.env._(
                        "“%s” is no certification. In Surveys, tick “Is a Certification” in its "
                        "options.",
                        survey.title,
                    )
                )

    @api.constrains("concern", "team_ids", "stage_ids", "standard_ids")
    def _check_concern(self):
        for row in self:
            missing = {
                "teams": not row.team_ids,
                "stages": not row.stage_ids,
                "standards": not row.standard_ids,
            }
            if missing.get(row.concern):
                raise ValidationError(
                    self.env._(
                        "Say whom “%s” concerns: choose its standards, teams or stages.", row.name
                    )
                )

    def action_open_holders(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_certification_holder_action"
        )
        action["domain"] = [("certification_id", "=", self.id)]
        return action


class CareCertificationHolder(models.Model):
    """Whom each certification concerns, and whether they hold it.

    Nothing is stored: who works where changes every day, and passing is kept by Surveys.
    """

    _name = "care.certification.holder"
    _description = "Certification of a person"
    _auto = False
    _order = "state, valid_until, id"
    _depends = {
        "care.certification": [
            *("active", "company_id", "survey_id", "months", "warn_days", "concern"),
            *("team_ids", "stage_ids", "standard_ids"),
        ],
        "survey.user_input": [
            *("survey_id", "partner_id", "state", "scoring_success", "test_entry"),
            "end_datetime",
        ],
        "care.standard": ["state", "concern", "company_id", "version_id"],
        "care.stage": ["curator_id", "owner_id", "owner_rule", "team_id", "type_id"],
        "care.team": ["leader_id", "active"],
        "res.users": ["active", "share"],
    }

    certification_id = fields.Many2one("care.certification", "Certification", readonly=True)
    user_id = fields.Many2one("res.users", "Who", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    state = fields.Selection(STATES, readonly=True)
    passed_at = fields.Datetime("Passed", readonly=True)
    valid_until = fields.Datetime(readonly=True, help="Empty: for good.")
    is_mine = fields.Boolean(compute="_compute_is_mine")

    @api.depends_context("uid")
    @api.depends("user_id")
    def _compute_is_mine(self):
        for row in self:
            row.is_mine = row.user_id == self.env.user

    @api.depends("certification_id", "user_id")
    def _compute_display_name(self):
        for row in self:
            row.display_name = f"{row.certification_id.name}, {row.user_id.name}"

    @property
    def _table_query(self):
        group = self.env["ir.model.data"]._xmlid_to_res_id("customer_care.group_agent")
        readers = self.env["care.standard.reader"]
        return SQL(
            """
            WITH RECURSIVE allowed(gid) AS (
                SELECT %(group)s
                UNION SELECT i.gid FROM res_groups_implied_rel i JOIN allowed ON i.hid = allowed.gid
            ), concerned AS (
                SELECT c.id AS certification_id, u.id AS user_id
                FROM care_certification c CROSS JOIN res_users u WHERE c.concern = 'everybody'
                UNION
                SELECT c.id, p.user_id
                FROM care_certification c
                JOIN care_certification_team_rel r ON r.certification_id = c.id
                JOIN %(team_people)s p ON p.team_id = r.team_id
                WHERE c.concern = 'teams'
                UNION
                SELECT c.id, p.user_id
                FROM care_certification c
                JOIN care_certification_stage_rel r ON r.certification_id = c.id
                JOIN %(stage_people)s p ON p.stage_id = r.stage_id
                WHERE c.concern = 'stages'
                UNION
                SELECT c.id, p.user_id
                FROM care_certification c
                JOIN care_certification_standard_rel r ON r.certification_id = c.id
                JOIN (%(readers)s) p ON p.standard_id = r.standard_id
                WHERE c.concern = 'standards'
            )
            SELECT (c.id::bigint << 26) + u.id AS id, c.id AS certification_id, u.id AS user_id,
                c.company_id, p.passed_at, v.valid_until,
                CASE WHEN p.passed_at IS NULL THEN 'missing'
                    WHEN v.valid_until <= %(now)s THEN 'expired'
                    WHEN v.valid_until <= %(now)s + c.warn_days * interval '1 day' THEN 'soon'
                    ELSE 'valid' END AS state
            FROM concerned k
            JOIN care_certification c ON c.id = k.certification_id AND c.active
            JOIN res_users u ON u.id = k.user_id AND u.active AND NOT u.share
            LEFT JOIN LATERAL (
                SELECT max(i.end_datetime) AS passed_at FROM survey_user_input i
                WHERE i.survey_id = c.survey_id AND i.partner_id = u.partner_id
                AND i.state = 'done' AND i.scoring_success AND i.test_entry IS NOT TRUE
            ) p ON TRUE
            CROSS JOIN LATERAL (
                SELECT CASE WHEN c.months > 0 THEN
                    p.passed_at + c.months * interval '1 month' END AS valid_until
            ) v
            WHERE EXISTS (
                SELECT FROM res_groups_users_rel g JOIN allowed USING (gid) WHERE g.uid = u.id)
            AND (c.company_id IS NULL OR EXISTS (
                SELECT FROM res_company_users_rel w
                WHERE w.user_id = u.id AND w.cid = c.company_id))
            """,
            group=group or 0,
            now=self.env.cr.now(),
            team_people=readers._team_people(),
            stage_people=readers._stage_people(),
            readers=readers._table_query,
        )

    def _rows(self, domain):
        """The rows of a domain as they are now: this table has no cache to be right."""
        self.invalidate_model(flush=False)
        return self.search(domain)

    def action_take(self):
        """Odoo's own certification, as the present user. What was begun goes on."""
        self.ensure_one()
        self.check_access("read")
        if self.user_id != self.env.user:
            raise AccessError(self.env._("Everybody passes their own certification."))
        # sudo: who is examined need not be a user of Surveys
        survey = self.certification_id.sudo().survey_id
        last = survey.user_input_ids.search(
            [
                ("survey_id", "=", survey.id),
                ("partner_id", "=", self.env.user.partner_id.id),
                ("test_entry", "=", False),
            ],
            order="id desc",
            limit=1,
        )
        if last and last.state != "done":
            return self._open(last)
        if self.state == "valid":
            raise UserError(
                self.env._("You hold this certification. It can be renewed shortly before it ends.")
            )
        # attempts are counted anew once it was passed
        token = last.invite_token if last and not last.scoring_success else False
        return self._open(
            survey._create_answer(
                user=self.env.user,
                invite_token=token or self.env["survey.user_input"]._generate_invite_token(),
            )
        )

    def _open(self, answer):
        survey = answer.survey_id
        return {
            "type": "ir.actions.act_url",
            "url": survey.get_base_url() + answer.get_start_url(),
            "target": "self",
        }


class Told(dict):
    """Reminder -> what it tells of; in the context while the mails of one batch are made.

    No remote call can put one there.
    """


class CareCertificationDigest(models.Model):
    """One mail with all that a person, or a leader's people, have still to pass."""

    _name = "care.certification.digest"
    _description = "Reminder of certifications"
    _inherit = ["care.due.mixin"]
    _order = "day desc, id desc"
    _due_cron = "customer_care_survey.ir_cron_certification_digests"

    user_id = fields.Many2one(
        "res.users", "Person", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    day = fields.Date(required=True, readonly=True, help="The first of its fourteen days.")

    _day_uniq = models.UniqueIndex("(user_id, day)", "This person is reminded already.")

    @api.depends("user_id", "day")
    def _compute_display_name(self):
        for row in self:
            row.display_name = f"{row.user_id.name}, {row.day}"

    @api.model
    def _cron_remind(self):
        """Plan the mails of these fourteen days, and send them."""
        # sudo: a cron of the engine
        digests = self.sudo()
        digests._plan_reminders()
        digests._cron_run_due()

    @api.model
    def _plan_reminders(self):
        now = self.env.cr.now()
        holders = self.env["care.certification.holder"]
        people = holders._rows([("state", "in", OPEN_STATES)]).user_id
        leaders = people.care_team_ids.filtered("active").leader_id
        today = now.date()
        day = today - timedelta(days=(today - FIRST).days % REMIND_DAYS)
        return self._insert_new(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "user_id": user.id,
                    "company_id": user.company_id.id,
                    "day": day,
                    "next_at": now.replace(microsecond=0),
                }
                for user in people | leaders
                if user.active and user.email
            ]
        )

    def _holders(self):
        """What the mails tell of: own certifications, then those of the people of teams led.

        :return: dict reminder -> rows, in one query
        """
        people = self.user_id
        rows = self.env["care.certification.holder"]._rows(
            [
                ("state", "in", OPEN_STATES),
                "|",
                ("user_id", "in", people.ids),
                ("user_id.care_team_ids", "any", [("leader_id", "in", people.ids)]),
            ]
        )
        # of a company that is not theirs nobody is told
        return Told(
            (
                digest,
                rows.filtered(
                    lambda row, user=digest.user_id: (
                        user in row.user_id | row.user_id.care_team_ids.leader_id
                        and (not row.company_id or row.company_id in user.company_ids)
                    )
                ).sorted(lambda row, user=digest.user_id: row.user_id != user),
            )
            for digest in self
        )

    def _lines(self):
        """What the mail says, in the person's language."""
        self.ensure_one()
        words = dict(
            self.env["care.certification.holder"]._fields["state"]._description_selection(self.env)
        )
        return [
            {
                "who": "" if row.user_id == self.user_id else row.user_id.name,
                "name": row.certification_id.name,
                "state": words[row.state],
                "until": format_date(self.env, row.valid_until) if row.valid_until else "",
            }
            for row in self._told()
        ]

    def _told(self):
        """What this mail tells of, in its language; in a batch it was looked up for all of them."""
        told = self.env.context.get("care_told")
        rows = (told if isinstance(told, Told) else self._holders())[self]
        return rows.with_env(self.env)

    def _url(self):
        """Where the person sees what is to be passed."""
        self.ensure_one()
        action = self.env.ref("customer_care_survey.care_certification_holder_action_mine")
        return f"{self.get_base_url()}/odoo/action-{action.id}"

    def _run_due(self):
        told = self._holders()
        wanted = self.filtered(lambda row: row.user_id.active and told[row])
        (self - wanted)._cancel_due({"error": self.env._("There was nothing to tell.")})
        if wanted:
            template = self.env.ref("customer_care_survey.mail_template_certification")
            template.with_context(care_told=told).send_mail_batch(wanted.ids)
            wanted.write({"state": "done", "next_at": False, "error": False})
            self._wake_mail_queue()

    @api.autovacuum
    def _gc_digests(self):
        self.search([("day", "<", fields.Date.today() - timedelta(days=KEEP_DAYS))]).unlink()


class CareStage(models.Model):
    _inherit = "care.stage"  # pylint: disable=consider-merging-classes-inherited

    certification_open_count = fields.Integer(
        "Certifications Missing",
        compute="_compute_certifications",
        help="People of this stage who still have to pass a certification.",
    )

    def _certification_domain(self):
        """Certifications of the people of these stages, as far as the user may see them."""
        return [
            ("state", "in", OPEN_STATES),
            "|",
            ("certification_id.stage_ids", "in", self.ids),
            ("certification_id.standard_ids.stage_ids", "in", self.ids),
        ]

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_certifications(self):
        holders = self.env["care.certification.holder"]
        may = holders.has_access("read")
        for stage in self:
            stage.certification_open_count = (
                holders.search_count(stage._certification_domain()) if may and stage.ids else 0
            )

    def action_open_certifications(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_certification_holder_action"
        )
        action["domain"] = self._certification_domain()
        action["context"] = {}
        return action
