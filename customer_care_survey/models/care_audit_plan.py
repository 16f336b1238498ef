"""Plans of audits, their sheets, and the rounds in which visits are drawn."""

import random
from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

#: What changes when a plan draws, or whether.
RHYTHM = {"active", "company_id", "period_every", "period_unit", "period_start", "period_until"}
#: What a new question offers, with its points.
USUAL_CHOICES = [(100, "Yes"), (50, "Partly"), (0, "No")]


class CareAuditPlan(models.Model):
    """How often visits are drawn, over whom, who makes them, and the sheet that is filled in."""

    _name = "care.audit.plan"
    _description = "Audit plan"
    _inherit = ["care.naming.mixin", "care.rhythm.mixin"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    owner_id = fields.Many2one(
        "res.users",
        "Owner",
        required=True,
        default=lambda self: self.env.user,
        index=True,
        domain=lambda self: self._domain_managers(),
        help="The manager who sees all visits of this plan but those to themselves, publishes "
        "them and answers objections.",
    )
    period_start = fields.Date(
        "From",
        required=True,
        default=fields.Date.context_today,
        help="When the first visits are drawn, and where the rhythm counts from.",
    )
    period_until = fields.Date("Until", help="Nothing is drawn after this day; empty: it goes on.")
    visit_count = fields.Integer(
        "Visits to Us", default=4, help="How many visits are drawn over our own people each time."
    )
    rival_count = fields.Integer(
        "Visits to Competitors", default=0, help="How many visits to competitors are drawn."
    )
    team_ids = fields.Many2many(
        "care.team",
        "care_audit_plan_team_rel",
        "plan_id",
        "team_id",
        string="Teams",
        check_company=True,
        help="Their members and leaders are drawn.",
    )
    user_ids = fields.Many2many(
        "res.users",
        "care_audit_plan_user_rel",
        "plan_id",
        "user_id",
        string="People",
        domain=lambda self: self.env["care.standard"]._domain_people(),
        help="People drawn besides those of the teams.",
    )
    stage_ids = fields.Many2many(
        "care.stage",
        "care_audit_plan_stage_rel",
        "plan_id",
        "stage_id",
        string="Stages",
        help="What is looked at: each visit is about one of them.",
    )
    rival_ids = fields.Many2many(
        "res.partner",
        "care_audit_plan_rival_rel",
        "plan_id",
        "partner_id",
        string="Competitors",
        domain="[('company_id', 'in', [False, company_id])]",
    )
    auditor_ids = fields.Many2many(
        "res.users",
        "care_audit_plan_auditor_rel",
        "plan_id",
        "user_id",
        string="Auditors",
        domain=lambda self: self.env["care.standard"]._domain_people(),
        help="Who makes the visits. Nobody is drawn to visit themselves; two are needed if an "
        "auditor can be visited too.",
    )
    question_ids = fields.One2many("care.audit.question", "plan_id", "Questions", copy=True)
    objection_days = fields.Integer(
        "Objections Within (days)",
        default=14,
        help="How long after the publication the audited person, or the leader of the team, may "
        "object.",
    )
    low_score = fields.Integer(
        "Low Below",
        default=70,
        help="A standard whose average over a year of published visits is less than so many of "
        "100 points comes to the growth list.",
    )
    growth_count = fields.Integer(
        "At Most", default=3, help="Only so many of the lowest come to the list with a visit."
    )
    growth_days = fields.Integer("Better Within (days)", default=30)
    round_ids = fields.One2many("care.audit.round", "plan_id", "Rounds")
    audit_ids = fields.One2many("care.audit", "plan_id", "Visits")
    audit_count = fields.Integer(compute="_compute_audit_count")
    next_round = fields.Date("Next Draw", compute="_compute_next_round")

    _numbers_check = models.Constraint(
        "CHECK (period_every >= 1 AND visit_count >= 0 AND rival_count >= 0 AND"
        " objection_days >= 0 AND growth_count >= 0 AND growth_days >= 0)",
        "A rhythm is every 1 or more days, weeks or months; the other numbers are 0 or more.",
    )
    _low_score_check = models.Constraint(
        "CHECK (low_score BETWEEN 0 AND 100)", "“Low Below” is a number from 0 to 100."
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _domain_managers(self):
        group = self.env["ir.model.data"]._xmlid_to_res_id("customer_care.group_manager")
        return [("all_group_ids", "in", group), ("share", "=", False)]

    @api.depends("audit_ids")
    def _compute_audit_count(self):
        counts = dict(
            self.env["care.audit"]._read_group(
                [("plan_id", "in", self.ids)], ["plan_id"], ["__count"]
            )
        )
        for plan in self:
            plan.audit_count = counts.get(plan._origin, 0)

    @api.depends("round_ids.state")
    def _compute_next_round(self):
        for plan in self:
            planned = plan.round_ids.filtered(lambda row: row.state == "planned")
            plan.next_round = min(planned.mapped("day"), default=False)

    # ------------------------------------------------------------
    # Checks, create, write
    # ------------------------------------------------------------

    @api.constrains("owner_id", "company_id")
    def _check_owner(self):
        for plan in self:
            # sudo: whether somebody works with Customer Care is no secret here
            owner = plan.owner_id.sudo()
            if (
                not owner.active
                or not owner.has_group("customer_care.group_manager")
                or plan.company_id not in owner.company_ids
            ):
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot own “%(plan)s”: choose a manager of Customer Care who "
                        "may work in %(company)s.",
                        user=owner.name,
                        plan=plan.name,
                        company=plan.company_id.name,
                    )
                )

    @api.constrains("owner_id", "team_ids", "user_ids")
    def _check_owner_is_not_visited(self):
        """The owner sees visits before they are published: nobody becomes it to see their own."""
        for plan in self:
            # sudo: whoever is visited, also users that the person may not see
            it = plan.sudo()
            if it.owner_id in it.user_ids | it.team_ids.member_ids | it.team_ids.leader_id:
                raise ValidationError(
                    self.env._(
                        "%(user)s is among those whom “%(plan)s” visits and would see the visits "
                        "to the own team before they are published. Choose another owner.",
                        user=it.owner_id.name,
                        plan=plan.name,
                    )
                )

    @api.constrains("period_start", "period_until")
    def _check_period(self):
        if any(p.period_until and p.period_until < p.period_start for p in self):
            raise ValidationError(self.env._("“Until” has to be after “From”."))

    @api.constrains("rival_ids", "company_id")
    def _check_rivals(self):
        for plan in self:
            if plan.rival_ids.company_id - plan.company_id:
                raise ValidationError(
                    self.env._("Choose competitors that %s knows.", plan.company_id.name)
                )

    @api.model_create_multi
    def create(self, vals_list):
        plans = super().create(vals_list)
        plans._plan_rounds()
        return plans

    def write(self, vals):
        if "company_id" in vals and any(
            plan.company_id.id != vals["company_id"] and plan.sudo().audit_ids for plan in self
        ):
            raise UserError(
                self.env._("Visits were made for this plan. Make a new one in the other company.")
            )
        result = super().write(vals)
        if not RHYTHM.isdisjoint(vals):
            self._plan_rounds()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        # sudo: visits that are hidden from who deletes the plan count too
        if self.sudo().audit_ids:
            raise UserError(
                self.env._("Visits were made for this plan. Archive it: nothing is drawn any more.")
            )

    # ------------------------------------------------------------
    # Rounds
    # ------------------------------------------------------------

    def _plan_rounds(self):
        """Plan the next round anew; what is drawn stays drawn."""
        # sudo: planned rows are written by the engine, whoever sets the rhythm
        plans = self.sudo()
        plans.round_ids.filtered(lambda row: row.state == "planned").unlink()
        for plan in plans.filtered("active"):
            plan._plan_round(plan._today() - timedelta(days=1))

    def _today(self):
        return fields.Date.context_today(self.with_context(tz=self.company_id._care_tz()))

    def _plan_round(self, after):
        """Plan the first round after a day; a day that had its round gets no other."""
        self.ensure_one()
        day = self._next_period(max([after, *self.round_ids.mapped("day")]))
        if not day:
            return
        zone = pytz.timezone(self.company_id._care_tz())
        start = zone.localize(datetime.combine(day, time.min))
        start = start.astimezone(pytz.utc).replace(tzinfo=None)
        self.env["care.audit.round"]._plan(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "plan_id": self.id,
                    "company_id": self.company_id.id,
                    "day": day,
                    "next_at": max(start, self.env.cr.now().replace(microsecond=0)),
                }
            ]
        )

    # ------------------------------------------------------------
    # Drawing
    # ------------------------------------------------------------

    def _may_visit(self, users):
        """Of these people, those who work with Customer Care in the plan's company."""
        owned = self.env["care.owned.mixin"]
        return users.filtered(lambda user: owned._may_own(user, self.company_id))

    def _draw(self, day):
        """Draw the visits of a round.

        Nobody is drawn twice before everybody was drawn once, teams come by turns, stages and
        auditors at random.

        :param date day: of the round
        :return: values of the visits
        :raise UserError: there is nobody to be visited, or to visit them
        """
        self.ensure_one()
        chance = random.SystemRandom()
        subjects = self._draw_people(chance) + self._draw_rivals(chance)
        if not subjects:
            raise UserError(
                self.env._(
                    "“%s” has nobody to visit: choose teams, people or competitors, and how many "
                    "visits are made.",
                    self.name,
                )
            )
        auditors = self._may_visit(self.auditor_ids)
        stages, load, vals_list = self._shuffled(chance, self.stage_ids), {}, []
        days = self._days_of_round(day)
        for number, subject in enumerate(subjects):
            free = [user for user in auditors if user.id != subject.get("audited_id")]
            if not free:
                raise UserError(
                    self.env._(
                        "“%s” has no auditor for somebody who was drawn: choose auditors who work "
                        "with Customer Care, and two if auditors can be visited too.",
                        self.name,
                    )
                )
            least = min(load.get(user, 0) for user in free)
            auditor = chance.choice([user for user in free if load.get(user, 0) == least])
            load[auditor] = load.get(auditor, 0) + 1
            vals_list.append(
                {
                    **subject,
                    "plan_id": self.id,
                    "company_id": self.company_id.id,
                    "auditor_id": auditor.id,
                    "stage_id": stages[number % len(stages)].id if stages else False,
                    "date_planned": chance.choice(days),
                }
            )
        return vals_list

    @api.model
    def _shuffled(self, chance, records):
        return chance.sample(list(records), len(records))

    def _draw_people(self, chance):
        turns, seen = [], set()
        for team in self._shuffled(chance, self.team_ids.filtered("active")):
            people = self._may_visit(team.member_ids | team.leader_id)
            turns.append([(user, team) for user in self._shuffled(chance, people)])
        teams = self.env["care.team"].search([("company_id", "=", self.company_id.id)])
        turns.append(
            [
                (user, teams.filtered(lambda t, u=user: u in t.member_ids | t.leader_id)[:1])
                for user in self._shuffled(chance, self._may_visit(self.user_ids))
            ]
        )
        people = []
        for place in range(max(map(len, turns), default=0)):
            for turn in turns:
                if place < len(turn) and turn[place][0] not in seen:
                    seen.add(turn[place][0])
                    people.append(turn[place])
        return [
            {"audited_id": user.id, "team_id": team.id}
            for user, team in (
                people[number % len(people)] for number in range(self.visit_count if people else 0)
            )
        ]

    def _draw_rivals(self, chance):
        rivals = self._shuffled(chance, self.rival_ids)
        return [
            {"rival_id": rivals[number % len(rivals)].id}
            for number in range(self.rival_count if rivals else 0)
        ]

    def _days_of_round(self, day):
        """The working days on which visits of a round may fall; any day if there is none."""
        first = max(day, self._today())
        end = max(self._next_period(day) or day + timedelta(days=90), first + timedelta(days=1))
        days = [first + timedelta(days=number) for number in range((end - first).days)]
        weekdays = {
            int(each)
            for each in self.company_id.resource_calendar_id.attendance_ids.mapped("dayofweek")
        }
        return [each for each in days if each.weekday() in weekdays] or days

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def action_open_audits(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_audit_action"
        )
        action["domain"] = [("plan_id", "=", self.id)]
        action["context"] = {"default_plan_id": self.id}
        return action

    def action_open_rounds(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care_survey.care_audit_round_action"
        )
        action["domain"] = [("plan_id", "=", self.id)]
        return action


class CareAuditQuestion(models.Model):
    """A question of the sheet: what is looked at, and which standard it shows."""

    _name = "care.audit.question"
    _description = "Question of an audit"
    _order = "plan_id, sequence, id"

    plan_id = fields.Many2one("care.audit.plan", required=True, index=True, ondelete="cascade")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    name = fields.Char("Question", required=True, translate=True)
    standard_id = fields.Many2one(
        "care.standard",
        "Standard",
        index="btree_not_null",
        ondelete="restrict",
        help="The standard that the answer shows to be kept or not.",
    )
    weight = fields.Integer(default=1, help="How often the answer counts.")
    choice_ids = fields.One2many(
        "care.audit.choice",
        "question_id",
        "Answers",
        copy=True,
        default=lambda self: (
            [
                fields.Command.create({"name": self.env._(name), "points": points})
                for points, name in USUAL_CHOICES
            ]
            + [fields.Command.create({"name": self.env._("Not seen"), "is_seen": False})]
        ),
    )
    line_ids = fields.One2many("care.audit.line", "question_id", "Answered")

    _weight_check = models.Constraint("CHECK (weight >= 1)", "A question weighs 1 or more.")

    @api.constrains("standard_id", "plan_id")
    def _check_standard(self):
        for question in self:
            company = question.standard_id.company_id
            if company and company != question.plan_id.company_id:
                raise ValidationError(
                    self.env._("“%s” is a standard of another company.", question.standard_id.name)
                )

    @api.constrains("choice_ids")
    def _check_choices(self):
        for question in self:
            if not question.choice_ids.filtered("is_seen"):
                raise ValidationError(
                    self.env._("“%s” needs answers that can be chosen.", question.name)
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_answered(self):
        if self.sudo().line_ids:  # sudo: visits that are hidden from who edits the sheet
            raise UserError(
                self.env._(
                    "This question stands on sheets of visits. Archive it: it is not asked any "
                    "more."
                )
            )


class CareAuditChoice(models.Model):
    """An answer that can be chosen, and its points."""

    _name = "care.audit.choice"
    _description = "Answer to a question of an audit"
    _order = "question_id, sequence, id"

    question_id = fields.Many2one(
        "care.audit.question", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    name = fields.Char("Answer", required=True, translate=True)
    points = fields.Integer(help="From 0, the standard is not kept, to 100, it is kept.")
    is_seen = fields.Boolean(
        "Counts", default=True, help="Otherwise the question is left out: it could not be seen."
    )

    _points_check = models.Constraint(
        "CHECK (points BETWEEN 0 AND 100)", "Points are a number from 0 to 100."
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_chosen(self):
        lines = self.env["care.audit.line"].sudo()  # sudo: also where it is hidden who was visited
        if lines.search_count([("choice_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("This answer was chosen on a visit and stays as it is."))


class CareAuditRound(models.Model):
    """One period of a plan: its visits are drawn in one transaction, so once or not at all."""

    _name = "care.audit.round"
    _description = "Round of an audit plan"
    _inherit = ["care.due.mixin"]
    _order = "day desc, id desc"
    _due_cron = "customer_care_survey.ir_cron_audit_rounds"
    _due_batch = 1

    plan_id = fields.Many2one(
        "care.audit.plan", "Plan", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    day = fields.Date(required=True, readonly=True)
    audit_count = fields.Integer("Visits Drawn", readonly=True)

    _day_uniq = models.UniqueIndex("(plan_id, day)", "This round is planned already.")

    @api.depends("plan_id", "day")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for row in self:
            row.display_name = f"{row.plan_id.name}, {fields.Date.to_string(row.day)}"

    def _run_due(self):
        for row in self:
            plan = row.plan_id.with_company(row.company_id)
            if not plan.active:
                row._cancel_due()
                continue
            audits = self.env["care.audit"].create(
                [{**vals, "round_id": row.id} for vals in plan._draw(row.day)]
            )
            audits._tell_auditors()
            row.write(
                {
                    "state": "done",
                    "next_at": False,
                    "error": False,
                    "attempts": 0,
                    "audit_count": len(audits),
                }
            )
            # what was missed while nothing ran is not made up for
            plan._plan_round(plan._today() - timedelta(days=1))
