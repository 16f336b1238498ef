from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_datetime

from odoo.addons.customer_care.models.care_category import SEVERITIES
from odoo.addons.customer_care.tools.worktime import Spec, WorkTimeError

KINDS = [
    ("minutes", "minutes"),
    ("hours", "hours"),
    ("days", "days"),
    ("end_of_day", "days later, end of day"),
    ("none", "not promised"),
]
#: What the table promises: measure -> the columns that say so.
COLUMNS = {"acknowledgement": "ack", "first_response": "first", "resolution": "solve"}
#: severity -> column -> what is proposed where nothing is promised yet
DEFAULTS = {
    "3": {"ack": (30, "minutes"), "first": (1, "hours"), "solve": (1, "days")},
    "2": {"ack": (1, "hours"), "first": (2, "hours"), "solve": (2, "days")},
    "1": {"ack": (1, "hours"), "first": (4, "hours"), "solve": (3, "days")},
    "0": {"ack": (4, "hours"), "first": (1, "days"), "solve": (5, "days")},
}


def is_enough(amount, kind):
    """Whether a promise is within some time: the end of the same day is."""
    return amount > 0 or not amount and kind == "end_of_day"


class CareSlaSetup(models.TransientModel):
    """The promises of a company in one small table, with what they mean for a case of now.

    What it says becomes the policy for everybody: made, or changed where there is one.
    """

    _name = "care.sla.setup"
    _description = "Promises in one minute"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company
    )
    policy_id = fields.Many2one(
        "care.sla.policy",
        "Changes",
        readonly=True,
        default=lambda self: self._default_policy(),
        help="The policy for everybody; empty: one is made.",
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        "Working Hours",
        required=True,
        default=lambda self: self._default_calendar(),
        domain="[('company_id', 'in', (False, company_id))]",
        help="Nights, weekends and days off do not count.",
    )
    calendar_error = fields.Text(compute="_compute_calendar_error")
    line_ids = fields.One2many(
        "care.sla.setup.line",
        "setup_id",
        "What Is Promised",
        default=lambda self: self._default_lines(),
    )
    preview = fields.Text(
        "A Case That Comes Now",
        compute="_compute_preview",
        help="By when, for a case that a customer tells us of in this moment.",
    )
    warn_share = fields.Integer(
        "The Owner, When",
        default=lambda self: self._default_levels()["warn_share"],
        help="Percent of the time that are left then; 0: the owner is not told.",
    )
    tell_leader = fields.Boolean(
        "The Team Leader, When It Is Due",
        default=lambda self: self._default_levels()["tell_leader"],
    )
    escalate_hours = fields.Float(
        "After It Is Due",
        default=lambda self: self._default_levels()["escalate_hours"],
        help="Working hours after it is due; 0: nobody else is told.",
    )
    escalate_to_id = fields.Many2one(
        "res.users",
        "Told Then",
        default=lambda self: self._default_levels()["escalate_to_id"],
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
    )
    quiet_hours = fields.Boolean(
        "Quiet Outside Working Hours",
        default=lambda self: self._default_levels()["quiet_hours"],
        help="What would be told at night or at the weekend is told when work begins.",
    )
    also_open = fields.Boolean(
        "Also Promise to Open Cases",
        help="Open cases that have no promise yet get theirs, counted from now. Nobody is told.",
    )
    open_count = fields.Integer(compute="_compute_open_count")

    _share_check = models.Constraint(
        "CHECK (warn_share BETWEEN 0 AND 99)", "Between 0 and 99 percent of the time can be left."
    )
    _hours_check = models.Constraint(
        "CHECK (escalate_hours >= 0)", "Enter 0 hours or more after it is due."
    )

    # ------------------------------------------------------------
    # What there is
    # ------------------------------------------------------------

    @api.model
    def _default_policy(self):
        """The policy for everybody in this company: its own, or the one of all companies where
        this is the only one.
        """
        company = self.env.company
        everybody = (
            Domain("about", "=", "care.case")
            & Domain("partner_ids", "=", False)
            & Domain("tier_ids", "=", False)
            & Domain("filter_domain", "in", ("[]", False))
        )
        policies = self.env["care.sla.policy"].search(
            everybody & Domain("company_id", "in", (company.id, False))
        )
        own = policies.filtered("company_id")
        # sudo: how many companies there are
        alone = self.env["res.company"].sudo().search_count([], limit=2) == 1
        return own[:1] or (policies[:1] if alone else policies.browse())

    @api.model
    def _default_calendar(self):
        return self._default_policy().calendar_id or self.env.company.resource_calendar_id

    @api.model
    def _default_lines(self):
        policy = self._default_policy()
        targets = {(target.measure, target.severity): target for target in policy.target_ids}
        lines = []
        for severity, _label in reversed(SEVERITIES):
            vals = {"severity": severity}
            for measure, column in COLUMNS.items():
                target = targets.get((measure, severity)) or targets.get((measure, "any"))
                amount, kind = DEFAULTS[severity][column]
                if target and target.kind in dict(KINDS):
                    amount, kind = target.amount, target.kind
                elif policy:
                    kind = "none"
                vals[f"{column}_amount"], vals[f"{column}_kind"] = amount, kind
            lines.append(Command.create(vals))
        return lines

    @api.model
    def _default_levels(self):
        """Who is told by the policy as it is, or a good beginning."""
        policy = self._default_policy()
        levels = policy.level_ids.filtered(self._is_simple)
        if not policy:
            return {
                "warn_share": 25,
                "tell_leader": True,
                "escalate_hours": 0,
                "escalate_to_id": False,
                "quiet_hours": True,
            }
        warn, after = (
            levels.filtered(lambda level, when=when: level.timing == when)[:1]
            for when in ("before", "after")
        )
        return {
            "warn_share": warn.share_left,
            "tell_leader": "at" in levels.mapped("timing"),
            "escalate_hours": after.amount,
            "escalate_to_id": after.user_id.id,
            "quiet_hours": policy.quiet_hours,
        }

    @api.model
    def _is_simple(self, level):
        """Whether this dialog says what the level says."""
        who = {"before": "owner", "at": "leader", "after": "user"}
        unit = {"before": "share", "after": "hours"}
        return (
            level.action == "activity"
            and not level.measure
            and level.tell == who[level.timing]
            and (level.timing == "at" or level.unit == unit[level.timing])
        )

    @api.depends("company_id")
    def _compute_open_count(self):
        for setup in self:
            setup.open_count = 0
            if setup.company_id not in self.env.companies:
                continue
            # sudo: a number; only managers open this
            apply = self.env["care.sla.apply"].sudo()
            apply = apply.new({"company_id": setup.company_id.id, "about": "care.case"})
            setup.open_count = apply._count_new()

    @api.depends("calendar_id")
    def _compute_calendar_error(self):
        for setup in self:
            setup.calendar_error = False
            try:
                if setup.calendar_id:
                    self.env["care.worktime"]._check_calendar(
                        setup.calendar_id._origin, setup.company_id._origin
                    )
            except UserError as error:
                setup.calendar_error = str(error)

    @api.depends("line_ids.preview", "line_ids.severity")
    @api.depends_context("lang")
    def _compute_preview(self):
        severities = self.env["care.case"]._fields["severity"]._description_selection(self.env)
        for setup in self:
            by_severity = {line.severity: line.preview for line in setup.line_ids}
            setup.preview = "\n".join(
                self.env._("%(severity)s: %(dues)s", severity=label, dues=by_severity[severity])
                for severity, label in reversed(severities)
                if by_severity.get(severity)
            )

    # ------------------------------------------------------------
    # Saving
    # ------------------------------------------------------------

    def action_save(self):
        """Make or change the policy, and show it."""
        self.ensure_one()
        if not self.env.user.has_group("customer_care.group_manager"):
            raise AccessError(self.env._("Only managers say what is promised."))
        if self.company_id not in self.env.companies:
            raise AccessError(self.env._("That is not a company that you work in now."))
        if self.escalate_hours and not self.escalate_to_id:
            raise UserError(self.env._("Choose who is told after it is due, or enter 0 hours."))
        policy = self._save_policy()
        if self.also_open:
            self.env["care.sla.apply"].create(
                {"company_id": self.company_id.id, "also_new": True, "about": "care.case"}
            ).action_start()
        return policy._get_records_action()

    def _save_policy(self):
        default = self.company_id.resource_calendar_id
        self.env["care.worktime"]._check_calendar(self.calendar_id, self.company_id)
        policy = self.policy_id
        vals = {
            # the company's own hours are found by themselves, those of the teams before them
            "calendar_id": self.calendar_id != default and self.calendar_id.id,
            "quiet_hours": self.quiet_hours,
            "target_ids": self._target_commands(policy),
            "level_ids": self._level_commands(policy),
        }
        if policy:
            policy.write(vals)
            return policy
        return policy.create(
            {
                "name": self.env._("Our promise"),
                "company_id": self.company_id.id,
                # before those of all companies, after what is for some customers alone
                "sequence": self._sequence(),
                **vals,
            }
        )

    def _sequence(self):
        """Right before the first policy of all companies that is for everybody."""
        shared = self.env["care.sla.policy"].search(
            [
                ("company_id", "=", False),
                ("about", "=", "care.case"),
                ("partner_ids", "=", False),
                ("tier_ids", "=", False),
            ],
            limit=1,
        )
        return shared.sequence - 1 if shared else self.env["care.sla.policy"]._default_sequence()

    def _wanted_targets(self):
        """{(measure, severity): (amount, kind)}: as few lines as say it all."""
        wanted = {}
        for measure, column in COLUMNS.items():
            said = {line.severity: line._said(column) for line in self.line_ids}
            if not said:
                continue
            usual = said.get("1") or next(iter(said.values()))
            for severity, value in {"any": usual, **said}.items():
                if severity == "any" or value != usual:
                    wanted[measure, severity] = value
            if all(kind == "none" for _amount, kind in said.values()):
                # nothing of this: what policies further down say holds
                wanted = {key: value for key, value in wanted.items() if key[0] != measure}
        if not wanted:
            raise ValidationError(
                self.env._("Promise at least one thing: enter by when for one severity.")
            )
        return wanted

    def _target_commands(self, policy):
        """Lines that stay keep their place: promises that run point to them."""
        wanted = self._wanted_targets()
        commands = []
        for target in policy.target_ids.filtered(lambda target: target.measure in COLUMNS):
            key = (target.measure, target.severity)
            if key in wanted:
                amount, kind = wanted.pop(key)
                if (target.amount, target.kind) != (amount, kind):
                    commands.append(Command.update(target.id, {"amount": amount, "kind": kind}))
            else:
                commands.append(Command.delete(target.id))
        return commands + [
            Command.create(
                {"measure": measure, "severity": severity, "amount": amount, "kind": kind}
            )
            for (measure, severity), (amount, kind) in wanted.items()
        ]

    def _level_commands(self, policy):
        """The simple levels as they are wanted; others stay."""
        wanted = {}
        if self.warn_share:
            wanted["before"] = {"unit": "share", "share_left": self.warn_share, "tell": "owner"}
        if self.tell_leader:
            wanted["at"] = {"tell": "leader"}
        if self.escalate_hours:
            wanted["after"] = {
                "unit": "hours",
                "amount": self.escalate_hours,
                "tell": "user",
                "user_id": self.escalate_to_id.id,
            }
        commands = []
        for level in policy.level_ids.filtered(self._is_simple):
            vals = wanted.pop(level.timing, None)
            commands.append(Command.update(level.id, vals) if vals else Command.delete(level.id))
        return commands + [
            Command.create({"timing": timing, **vals}) for timing, vals in wanted.items()
        ]


class CareSlaSetupLine(models.TransientModel):
    _name = "care.sla.setup.line"
    _description = "Promises for one severity"
    _order = "severity desc, id"

    setup_id = fields.Many2one("care.sla.setup", required=True, ondelete="cascade")
    severity = fields.Selection(SEVERITIES, required=True, readonly=True)
    ack_amount = fields.Float("Acknowledged")
    ack_kind = fields.Selection(KINDS, "Unit", required=True, default="hours")
    first_amount = fields.Float("First Answer")
    first_kind = fields.Selection(KINDS, "Unit of the First Answer", required=True, default="hours")
    solve_amount = fields.Float("Solved")
    solve_kind = fields.Selection(KINDS, "Unit of the Solution", required=True, default="days")
    preview = fields.Char(compute="_compute_preview", help="By when, for a case that comes now.")

    def _said(self, column):
        """(amount, kind) of a column."""
        kind = self[f"{column}_kind"]
        return (0 if kind == "none" else self[f"{column}_amount"], kind)

    @api.constrains("ack_amount", "first_amount", "solve_amount")
    def _check_amounts(self):
        for line in self:
            line._check_line()

    def _check_line(self):
        for column in COLUMNS.values():
            amount, kind = self._said(column)
            if kind != "none" and not is_enough(amount, kind):
                raise ValidationError(
                    self.env._("A promise needs some time: enter how much, or “not promised”.")
                )
            if kind in ("days", "end_of_day") and amount != int(amount):
                raise ValidationError(
                    self.env._("Working days are whole: enter hours for a part of one.")
                )

    @api.depends(
        *(f"{column}_{part}" for column in COLUMNS.values() for part in ("amount", "kind")),
        "setup_id.calendar_id",
        "setup_id.company_id",
    )
    @api.depends_context("lang")
    def _compute_preview(self):
        texts = {
            "ack": self.env._("acknowledged by %s"),
            "first": self.env._("first answer by %s"),
            "solve": self.env._("solved by %s"),
        }
        for line in self:
            setup = line.setup_id
            line.preview = False
            if not setup.calendar_id or setup.calendar_error:
                continue
            dues = [
                texts[column] % due
                for column in COLUMNS.values()
                if (due := line._due(setup, *line._said(column)))
            ]
            line.preview = ", ".join(dues)

    def _due(self, setup, amount, kind):
        """When that would be over, as people of the company read it; False where nothing is
        promised or it cannot be said.
        """
        if kind == "none" or not is_enough(amount, kind):
            return False
        calendar, company = setup.calendar_id._origin, setup.company_id._origin
        now = self.env.cr.now().replace(microsecond=0)
        try:
            due = self.env["care.worktime"]._plan(calendar, company, now, Spec(kind, amount))[1].due
        except (UserError, WorkTimeError):
            return False
        near = (due - now).days < 6
        return format_datetime(
            self.env,
            due,
            tz=calendar.tz,
            dt_format="EEE HH:mm" if near else "EEE d MMM HH:mm",
        )
