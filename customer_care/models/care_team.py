from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class CareTeam(models.Model):
    _name = "care.team"
    _description = "Customer care team"
    _inherit = ["care.naming.mixin"]
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    color = fields.Integer()
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    leader_id = fields.Many2one(
        "res.users",
        "Team Leader",
        required=True,
        default=lambda self: self.env.user,
        domain=lambda self: self._leader_domain(),
        index=True,
        help="Is told before a promise breaks, and answers where nobody else does. Needs the "
        "role “Team Leader” or “Manager” in Customer Care.",
    )
    member_ids = fields.Many2many(
        "res.users",
        "care_team_member_rel",
        "team_id",
        "user_id",
        string="Members",
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        "Working Hours",
        check_company=True,
        help="Promises of this team count these hours; empty: the company's.",
    )
    daily_cap = fields.Integer(
        "Follow-ups a Day",
        default=0,
        help="At most so many come to each member on one day, unless the member's own number "
        "says otherwise. A protection, not a goal. 0: no limit.",
    )
    overflow = fields.Selection(
        [("next_day", "To the next working day"), ("colleague", "To the least loaded colleague")],
        "What Is Too Much Goes",
        required=True,
        default="next_day",
    )
    case_count = fields.Integer("Open Cases", compute="_compute_counts")
    journey_count = fields.Integer("Open Journeys", compute="_compute_counts")

    _daily_cap_check = models.Constraint(
        "CHECK (daily_cap >= 0)", "“Follow-ups a Day” is a number of 0 or more."
    )

    @api.model
    def _leader_domain(self):
        """Who may do what a leader has to do."""
        group = self.env["ir.model.data"]._xmlid_to_res_id("customer_care.group_leader")
        return (
            "[('share', '=', False), ('company_ids', 'in', company_id),"
            f" ('all_group_ids', 'in', {group})]"
        )

    def _compute_counts(self):
        domain = [
            ("team_id", "in", self.ids),
            ("stage_category", "in", ("open", "waiting")),
        ]
        cases, journeys = (
            dict(self.env[model]._read_group(domain, ["team_id"], ["__count"]))
            for model in ("care.case", "care.journey")
        )
        for team in self:
            team.case_count = cases.get(team, 0)
            team.journey_count = journeys.get(team, 0)

    @api.constrains("leader_id", "company_id")
    def _check_leader(self):
        for team in self:
            if team.leader_id.share or team.company_id not in team.leader_id.company_ids:
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot lead “%(team)s”: choose an internal user who "
                        "may work in %(company)s.",
                        user=team.leader_id.name,
                        team=team.name,
                        company=team.company_id.name,
                    )
                )
            if not team.leader_id.has_group("customer_care.group_leader"):
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot lead “%(team)s” yet: make them a team leader of "
                        "Customer Care first, in Settings → Users.",
                        user=team.leader_id.name,
                        team=team.name,
                    )
                )

    @api.constrains("calendar_id", "company_id")
    def _check_calendar(self):
        for team in self.filtered("calendar_id"):
            self.env["care.worktime"]._check_calendar(team.calendar_id, team.company_id)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for team in self:
            # sudo: what the team ever had, whoever deletes it
            names = ("care.journey", "care.case", "care.category", "care.stage")
            if any(
                self.env[name]
                .sudo()
                .with_context(active_test=False)
                .search_count([("team_id", "=", team.id)], limit=1)
                for name in names
            ):
                raise UserError(
                    self.env._(
                        "“%s” has journeys, cases, stages or categories. Archive it: they keep "
                        "their team, and nothing new comes to it.",
                        team.name,
                    )
                )

    def _calendar(self, company):
        """The calendar whose hours count for this team, or for the company without."""
        return self.calendar_id or company.resource_calendar_id

    def _in(self, company):
        """The team where it is one of ``company``: stages and journey types may be shared by
        companies, teams are not.
        """
        return self.filtered(lambda team: team.company_id == company)

    def _of(self, user):
        """The first of these teams in which ``user`` works, or the first of all."""
        return self.filtered(lambda team: user in team.member_ids | team.leader_id)[:1] or self[:1]

    def action_open_cases(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [("team_id", "=", self.id)]
        action["context"] = {"default_team_id": self.id, "search_default_open": 1}
        return action
