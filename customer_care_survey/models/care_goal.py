"""Goals and badges by Odoo's gamification, for what facts measure: teams before persons, and none
on numbers of contacts.
"""

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from odoo.addons.customer_care.models.care_fact import SMALL

#: A figure of the answers of customers, not of facts.
SATISFACTION = "csat"
#: Known where service levels are installed; until then a goal on it has no figure.
PROMISES = "promise_kept"
#: Records that are contacts, or nothing but their number: no goal counts them.
CONTACTS = {
    "care.fact",
    "care.fact.summary",
    "care.followup",
    "care.handoff",
    "care.notice",
    "care.survey.invitation",
    "care.survey.score",
    "mail.activity",
    "mail.mail",
    "mail.message",
}
#: What an engine's figure cannot be replaced by.
OF_ENGINE = {"current", "definition_id", "user_id", "line_id", "start_date", "end_date"}
#: What those set who run challenges.
OF_MANAGER = {"state", "closed", "target_goal", "to_update"}


class GamificationGoalDefinition(models.Model):
    _inherit = "gamification.goal.definition"

    computation_mode = fields.Selection(
        selection_add=[("care", "Customer Care: a share, from facts")],
        ondelete={"care": "cascade"},
    )
    care_measure = fields.Selection(
        selection="_selection_care_measure",
        string="Measure",
        help="Shares alone: how many contacts somebody has is nobody's goal.",
    )
    care_scope = fields.Selection(
        [("team", "The team"), ("person", "The person")],
        "Whose Figure",
        default="team",
        help="The team's figure is the goal of each of its members.",
    )
    care_least = fields.Integer(
        "Cases at Least",
        default=SMALL,
        help="A figure of fewer says little: the goal stays as it is.",
    )

    @api.model
    def _selection_care_measure(self):
        facts = self.env["care.fact"]
        words = dict(facts._fields["measure"]._description_selection(self.env))
        shares = [(name, words[name]) for name in facts._share_measures if name in words]
        if PROMISES not in words:
            shares.append((PROMISES, self.env._("Promise kept")))
        return [*shares, (SATISFACTION, self.env._("Satisfaction (CSAT)"))]

    @api.constrains("computation_mode", "care_measure", "care_scope", "care_least")
    def _check_care_measure(self):
        for definition in self.filtered(lambda row: row.computation_mode == "care"):
            if not definition.care_measure or not definition.care_scope:
                raise ValidationError(
                    self.env._("Say what “%s” measures, and whose figure it is.", definition.name)
                )
            if definition.care_measure not in dict(self._selection_care_measure()):
                raise ValidationError(
                    self.env._(
                        "“%s” is no share. How many contacts, hand-offs or hours somebody has is "
                        "nobody's goal.",
                        definition.care_measure,
                    )
                )
            if definition.care_least < 1:
                raise ValidationError(self.env._("A figure is made of one case at least."))

    @api.constrains("computation_mode", "care_scope")
    def _check_teams_before_persons(self):
        lines = self.env["gamification.challenge.line"].search([("definition_id", "in", self.ids)])
        for challenge in lines.challenge_id:
            challenge._check_no_ranking()

    @api.constrains("computation_mode", "model_id", "compute_code")
    def _check_no_contacts(self):
        """Who is to reach many contacts makes many, and not better ones."""
        for definition in self:
            code = ""
            if definition.computation_mode in ("count", "sum"):
                found = definition.model_id.model in CONTACTS
            else:
                code = definition.compute_code or ""
                found = definition.computation_mode == "python" and any(
                    name in code for name in CONTACTS
                )
            if found:
                raise ValidationError(
                    self.env._(
                        "“%s” would count contacts. Nobody serves better by having more of them: "
                        "choose “Customer Care: a share, from facts” and what is to become better, "
                        "such as the share solved at first contact.",
                        definition.name,
                    )
                )

    def _care_figures(self, company, start, end):
        """The figures of a company in a period.

        :param company: whose facts count, and no other's
        :param start: first day, or False
        :param end: last day, or False
        :return: dict of a team's or a person's id -> (numerator, denominator)
        """
        self.ensure_one()
        domain = [("company_id", "=", company.id)]
        if start:
            domain.append(("day", ">=", start))
        if end:
            domain.append(("day", "<=", end))
        figures = {}
        if self.care_measure == SATISFACTION:
            by = "team_id" if self.care_scope == "team" else "owner_id"
            # what is confidential is in no figure that others see
            sealed = [("confidential", "=", True)]
            domain += [
                ("measure", "=", SATISFACTION),
                ("case_id", "not any", sealed),
                ("invitation_id", "not any", [("recovery_case_ids", "any", sealed)]),
                ("invitation_id", "not any", [("suggestion_case_ids", "any", sealed)]),
            ]
            groups = self.env["care.survey.score"]._read_group(
                [*domain, (by, "!=", False)], [by], ["points:sum", "__count"]
            )
            return {row.id: (points / 100, count) for row, points, count in groups}
        by = "team_id" if self.care_scope == "team" else "user_id"
        domain += [("measure", "=", self.care_measure), ("confidential", "=", False)]
        for row, numerator, denominator in self.env["care.fact"]._read_group(
            [*domain, (by, "!=", False)], [by], ["numerator:sum", "denominator:sum"]
        ):
            figures[row.id] = (numerator, denominator)
        return figures


class GamificationGoal(models.Model):
    _inherit = "gamification.goal"

    def update_goal(self):
        ours = self.filtered(lambda goal: goal.definition_id.computation_mode == "care")
        if ours:
            # sudo: a share, no names; who looks at their goal need not see what it is made of
            ours.sudo()._care_update()
            if self.env.context.get("commit_gamification"):
                self.env.cr.commit()  # pylint: disable=invalid-commit
        rest = self - ours
        return super(GamificationGoal, rest).update_goal() if rest else True

    def _care_update(self):
        """Bring the figures of these goals up to date, one query for each definition and period."""
        groups = defaultdict(self.browse)
        for goal in self:
            key = (goal.definition_id, goal.user_id.company_id, goal.start_date, goal.end_date)
            groups[key] |= goal
        for (definition, company, start, end), goals in groups.items():
            figures = definition._care_figures(company, start, end)
            for goal in goals:
                keys = goal.user_id._care_goal_teams(company).ids
                if definition.care_scope == "person":
                    keys = goal.user_id.ids
                found = [figures[key] for key in keys if key in figures]
                numerator, denominator = (sum(part[n] for part in found) for n in (0, 1))
                if denominator < definition.care_least:
                    continue
                share = round(100 * numerator / denominator, 1)
                for record, values in goal._get_write_values(share).items():
                    record.write(values)

    def write(self, vals):
        """Figures are facts': nobody writes their own."""
        if not self.env.su:
            names = set(vals)
            runs = self.env.user.has_group("base.group_erp_manager")
            forged = names & (OF_ENGINE if runs else OF_ENGINE | OF_MANAGER)
            # sudo: whose figure it is
            modes = self.sudo().definition_id.mapped("computation_mode")
            if forged and "care" in modes:
                raise AccessError(
                    self.env._("This goal follows from facts. Its figure is not written by hand.")
                )
        return super().write(vals)


class GamificationChallenge(models.Model):
    _inherit = "gamification.challenge"

    @api.constrains(
        "line_ids", "visibility_mode", "reward_first_id", "reward_second_id", "reward_third_id"
    )
    def _check_teams_before_persons(self):
        for challenge in self:
            challenge._check_no_ranking()

    def _check_no_ranking(self):
        """Teams are recognised; persons are not ranked."""
        scopes = self._care_scopes()
        if not scopes:
            return
        if "team" not in scopes:
            raise ValidationError(
                self.env._(
                    "“%s” has goals of persons alone. Add a goal of the team: teams come first.",
                    self.name,
                )
            )
        ranked = self.reward_first_id | self.reward_second_id | self.reward_third_id
        if ranked or ("person" in scopes and self.visibility_mode == "ranking"):
            raise ValidationError(
                self.env._(
                    "“%s” would rank persons. Show individual goals, and give the badge to "
                    "everybody whose team has reached it.",
                    self.name,
                )
            )

    def _care_scopes(self):
        definitions = self.line_ids.definition_id
        ours = definitions.filtered(lambda row: row.computation_mode == "care")
        return set(ours.mapped("care_scope"))


class GamificationChallengeLine(models.Model):
    _inherit = "gamification.challenge.line"

    @api.constrains("definition_id", "target_goal", "challenge_id")
    def _check_care_target(self):
        for challenge in self.challenge_id:
            challenge._check_no_ranking()
        for line in self.filtered(lambda row: row.definition_id.computation_mode == "care"):
            if not 0 < line.target_goal <= 100:
                raise ValidationError(
                    self.env._("“%s” is a share: its target is 1 to 100 percent.", line.name)
                )


class GamificationBadge(models.Model):
    _inherit = "gamification.badge"

    care_team_id = fields.Many2one(
        "care.team",
        "Team",
        index="btree_not_null",
        ondelete="set null",
        help="Whose members get it when somebody grants it to the team.",
    )

    def action_grant_team(self):
        """Give it to every member of the team, and to its leader, once."""
        self.ensure_one()
        self.check_access("read")
        team = self.care_team_id
        if not team:
            raise UserError(self.env._("Choose the team whose members get this badge."))
        self._check_may_grant_team(team)
        # sudo: who belongs to the team, and has it already
        people = team.sudo().member_ids | team.sudo().leader_id
        have = self.sudo().owner_ids.user_id
        given = (
            self.env["gamification.badge.user"]
            .sudo()
            .create(
                [
                    {"user_id": user.id, "badge_id": self.id, "sender_id": self.env.uid}
                    for user in people - have
                ]
            )
        )
        for badge in given:  # Odoo's mail is about one
            badge._send_badge()
        return True

    def _check_may_grant_team(self, team):
        user = self.env.user
        team.check_access("read")
        leads = team.sudo().leader_id == user and user.has_group("customer_care.group_leader")
        if not (leads or user.has_group("customer_care.group_manager")):
            raise AccessError(self.env._("Its leader, or a manager, gives a badge to a team."))


class ResUsers(models.Model):
    _inherit = "res.users"  # pylint: disable=consider-merging-classes-inherited

    def _care_goal_teams(self, company):
        """The teams of a company whose figure is this person's goal."""
        self.ensure_one()
        teams = self.env["care.team"]
        return teams.search(
            [
                ("company_id", "=", company.id),
                "|",
                ("member_ids", "in", self.ids),
                ("leader_id", "=", self.id),
            ]
        )
