from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import float_round

from .care_sla_measure import MEASURES

TELL = [
    ("owner", "The owner"),
    ("leader", "The team leader"),
    ("curator", "The stage's curator"),
    ("account_manager", "The account manager"),
    ("user", "A named user"),
    ("customer", "The customer"),
]
ACTIONS = [
    ("activity", "Tell somebody"),
    ("mail", "Send a mail"),
    ("reassign", "Give it to somebody else"),
    ("severity", "Raise the severity"),
    ("server", "Run a server action"),
]
UNITS = [
    ("share", "% of the time"),
    ("minutes", "Working minutes"),
    ("hours", "Working hours"),
    ("days", "Working days"),
    ("wall_hours", "Hours, day and night"),
]
#: Units of working time, in seconds.
WORKING = {"minutes": 60, "hours": 3600}
#: Fields that say to whom, with what: each action needs its own.
NEEDED = {"mail": "template_id", "server": "server_action_id", "reassign": "assign_to"}


class Level(NamedTuple):
    """A level as plain values, in the book of policies."""

    id: int
    measure: str | bool
    unit: str
    amount: float  # a share in percent, or a time; negative after it is due
    tell: str
    how: dict  # what is done then; empty when somebody is told by an activity

    def _frozen(self, seconds):
        """The level of a promise of so many working seconds: see ``_prepare_levels``."""
        how = self.how
        if self.unit == "share":
            left = seconds * int(self.amount) // 100
        elif self.unit in WORKING:
            left = round(self.amount * WORKING[self.unit])
        elif self.unit == "days":
            left, how = round(self.amount) * 86400, {**how, "unit": "days"}
        else:
            left, how = round(self.amount * 3600), {**how, "unit": "wall"}
        return [left, self.id, self.tell, how] if how else [left, self.id, self.tell]


def unit_of(frozen):
    """What the seconds of a frozen level are: None for working time, ``wall`` or ``days``."""
    return how_of(frozen).get("unit")


def how_of(frozen):
    """What a frozen level does: see :meth:`care.sla.level._how`."""
    return frozen[3] if len(frozen) > 3 else {}


class CareSlaLevel(models.Model):
    """A moment before, at or after the end of a promise, and what happens then."""

    _name = "care.sla.level"
    _description = "Level of an SLA policy"
    _inherit = ["care.sla.part"]
    _order = "policy_id, position, id"

    measure = fields.Selection(MEASURES, "What", help="Empty: for all promises of the policy.")
    timing = fields.Selection(
        [("before", "Before it is due"), ("at", "When it is due"), ("after", "After it is due")],
        "When",
        required=True,
        default="at",
    )
    unit = fields.Selection(
        UNITS,
        compute="_compute_unit",
        store=True,
        readonly=False,
        precompute=True,
        help="Working time is counted by the hours of the promise; “hours, day and night” by the "
        "clock on the wall.",
    )
    share_left = fields.Integer(
        "Time Left (%)",
        compute="_compute_share_left",
        store=True,
        readonly=False,
        precompute=True,
        help="How much of the promised time is left then: 25 is the last quarter.",
    )
    amount = fields.Float(
        "How Long",
        compute="_compute_amount",
        store=True,
        readonly=False,
        precompute=True,
        help="How long before or after it is due.",
    )
    position = fields.Float(
        compute="_compute_position", store=True, precompute=True, help="Their usual order."
    )
    action = fields.Selection(ACTIONS, "What Happens", required=True, default="activity")
    tell = fields.Selection(
        TELL,
        "Who Is Told",
        required=True,
        default="leader",
        help="Who is away or has left is stood in for: by the substitute, or else by the team "
        "leader.",
    )
    user_id = fields.Many2one(
        "res.users",
        "Named User",
        domain="[('share', '=', False)]",
        ondelete="restrict",
        help="Who is told, or to whom it is given.",
    )
    template_id = fields.Many2one(
        "mail.template",
        "Mail",
        domain="[('model', 'in', (res_model, 'care.sla.alert'))]",
        ondelete="restrict",
    )
    assign_to = fields.Selection(
        [
            ("leader", "The team leader"),
            ("least_busy", "The least busy of the team"),
            ("user", "A named user"),
        ],
        "Given To",
    )
    server_action_id = fields.Many2one(
        "ir.actions.server",
        "Server Action",
        domain="[('model_name', '=', res_model), ('usage', '=', 'ir_actions_server')]",
        ondelete="restrict",
        help="Only administrators may set it: it runs with all rights, in the company of the "
        "record.",
    )
    res_model = fields.Char(related="policy_id.res_model")
    who = fields.Char("To Whom", compute="_compute_who")
    moment = fields.Char("When Exactly", compute="_compute_moment")

    _share_check = models.Constraint(
        "CHECK (timing <> 'before' OR unit <> 'share' OR share_left BETWEEN 1 AND 99)",
        "Before it is due, between 1 and 99 percent of the time are left.",
    )
    _at_check = models.Constraint(
        "CHECK (timing <> 'at' OR share_left = 0)",
        "When it is due, no time is left.",
    )
    _amount_check = models.Constraint(
        "CHECK (timing = 'at' OR unit = 'share' OR amount > 0)",
        "Say how long before or after it is due.",
    )
    _after_check = models.Constraint(
        "CHECK (timing <> 'after' OR unit <> 'share')",
        "After it is due no share of the time is left: enter minutes, hours or days.",
    )
    _days_check = models.Constraint(
        "CHECK (unit <> 'days' OR timing <> 'before')",
        "Before it is due, count in hours: working days have no fixed length.",
    )
    _whole_check = models.Constraint(
        "CHECK (unit <> 'days' OR amount = floor(amount))", "Working days are whole."
    )
    _user_check = models.Constraint(
        "CHECK (user_id IS NOT NULL OR (tell <> 'user' OR action NOT IN ('activity', 'mail'))"
        " AND (action <> 'reassign' OR assign_to IS NULL OR assign_to <> 'user'))",
        "Choose the named user.",
    )

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("timing")
    def _compute_unit(self):
        for level in self:
            if level.timing == "before":
                level.unit = level.unit if level.unit not in (False, "days") else "share"
            elif level.timing == "after":
                level.unit = level.unit if level.unit not in (False, "share") else "hours"
            else:
                level.unit = False

    @api.depends("timing", "unit")
    def _compute_share_left(self):
        for level in self:
            if level.timing != "before" or level.unit != "share":
                level.share_left = 0
            elif not level.share_left:
                level.share_left = 25

    @api.depends("timing", "unit")
    def _compute_amount(self):
        for level in self:
            if level.timing == "at" or level.unit == "share":
                level.amount = 0
            elif not level.amount:
                level.amount = {"minutes": 30, "days": 1}.get(level.unit, 4)

    @api.depends("timing", "unit", "share_left", "amount")
    def _compute_position(self):
        hours = {"minutes": 1 / 60, "days": 24}
        for level in self:
            length = level.amount * hours.get(level.unit, 1)
            if level.timing == "before":
                level.position = -length if level.unit != "share" else -1000 - level.share_left
            else:
                level.position = length

    @api.depends("timing", "unit", "share_left", "amount")
    @api.depends_context("lang")
    def _compute_moment(self):
        for level in self:
            level.moment = level._when()

    @api.depends("action", "tell", "user_id", "assign_to")
    def _compute_who(self):
        tell, assign = (
            dict(self._fields[name]._description_selection(self.env))
            for name in ("tell", "assign_to")
        )
        for level in self:
            if level.action in ("activity", "mail"):
                named, who = level.tell == "user", tell.get(level.tell)
            else:
                named, who = level.assign_to == "user", assign.get(level.assign_to)
                if level.action != "reassign":
                    named, who = False, False
            # sudo: a colleague's name, for who reads the policy
            level.who = level.user_id.sudo().name if named else who

    @api.depends("timing", "unit", "share_left", "amount", "action", "who")
    def _compute_display_name(self):
        actions = dict(self._fields["action"]._description_selection(self.env))
        for level in self:
            what = level.who if level.action == "activity" else actions.get(level.action)
            if level.action in ("mail", "reassign"):
                what = self.env._("%(what)s: %(who)s", what=what, who=level.who)
            level.display_name = self.env._("%(when)s: %(what)s", when=level._when(), what=what)

    def _when(self):
        """The moment in a few words."""
        self.ensure_one()
        if self.timing == "at":
            return self.env._("Due")
        if self.unit == "share":
            return self.env._("%s %% left", self.share_left)
        amount = f"{float_round(self.amount, precision_digits=2):g}"
        lengths = {
            "minutes": self.env._("%s min", amount),
            "hours": self.env._("%s h", amount),
            "days": self.env._("%s d", amount),
            "wall_hours": self.env._("%s h by the clock", amount),
        }
        length = lengths.get(self.unit)
        if self.timing == "before":
            return self.env._("%s before", length)
        return self.env._("%s after", length)

    # ------------------------------------------------------------
    # What may be entered
    # ------------------------------------------------------------

    @api.constrains("action", "tell", "template_id", "server_action_id", "assign_to", "policy_id")
    def _check_action(self):
        for level in self:
            needed = NEEDED.get(level.action)
            if needed and not level[needed]:
                raise ValidationError(
                    self.env._(
                        "%(level)s: choose “%(field)s”.",
                        level=level._when(),
                        field=level._fields[needed]._description_string(self.env),
                    )
                )
            if level.action == "activity" and level.tell == "customer":
                raise ValidationError(
                    self.env._("Customers have no activities: send them a mail instead.")
                )
            if level.action == "severity" and level.res_model != "care.case":
                raise ValidationError(
                    self.env._("Journeys have no severity: choose something else that happens.")
                )
            # sudo: of which model they are, whoever may read them
            template, server = level.template_id.sudo(), level.server_action_id.sudo()
            if level.action == "mail":
                used, fits = template, template.model in (level.res_model, "care.sla.alert")
            else:
                used, fits = server, server.model_name == level.res_model
            if level.action in ("mail", "server") and not fits:
                raise ValidationError(
                    self.env._(
                        "%(level)s: “%(name)s” is made for other records than those of this "
                        "policy. Choose another one.",
                        level=level._when(),
                        name=used.display_name,
                    )
                )

    @api.constrains("user_id", "tell", "assign_to", "action")
    def _check_user(self):
        for level in self.filtered("user_id"):
            company = level.company_id
            # sudo: in which companies a colleague works
            user = level.user_id.sudo()
            if user.share or (company and company not in user.company_ids):
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot be told: choose an internal user who may work in "
                        "%(company)s.",
                        user=user.name,
                        company=company.name or self.env._("the company"),
                    )
                )

    def _check_administrator(self, vals_list):
        """Server actions run with all rights: managers set none, and move none elsewhere."""
        if self.env.su or self.env.is_system():
            return
        touched = any(
            vals.get("action") == "server" or vals.get("server_action_id") for vals in vals_list
        )
        moved = any("policy_id" in vals for vals in vals_list) and any(
            level.action == "server" for level in self
        )
        if touched or moved:
            raise AccessError(
                self.env._("Only administrators let a server action run: ask one of them.")
            )

    @api.model_create_multi
    def create(self, vals_list):
        defaults = self.default_get(["action", "server_action_id"])
        self._check_administrator([{**defaults, **vals} for vals in vals_list])
        return super().create(vals_list)

    def write(self, vals):
        self._check_administrator([vals])
        return super().write(vals)

    # ------------------------------------------------------------
    # The book of policies
    # ------------------------------------------------------------

    def _plain(self):
        """:class:`Level` of each, for :meth:`care.sla.policy._book`."""
        return tuple(
            Level(
                level.id,
                level.measure,
                level.unit or "share",
                level._signed_amount(),
                level.tell,
                level._how(),
            )
            for level in self
        )

    def _signed_amount(self):
        """Share in percent, or the time before (after: less than 0) it is due."""
        self.ensure_one()
        if self.timing == "at":
            return 0
        if self.unit == "share":
            return self.share_left
        return self.amount if self.timing == "before" else -self.amount

    def _how(self):
        """What the level does, as clocks keep it; nothing for a plain activity.

        Keys: ``do`` (one of :data:`ACTIONS`), ``user``, ``template``, ``server`` (ids),
        ``to`` (one of the selection of ``assign_to``), ``quiet`` (not outside of working hours).
        """
        self.ensure_one()
        how = {}
        if self.action != "activity":
            how["do"] = self.action
        if self.action in ("activity", "mail") and self.tell == "user":
            how["user"] = self.user_id.id
        if self.action == "mail":
            how["template"] = self.template_id.id
        elif self.action == "server":
            how["server"] = self.server_action_id.id
        elif self.action == "reassign":
            how["to"] = self.assign_to
            if self.assign_to == "user":
                how["user"] = self.user_id.id
        if self.policy_id.quiet_hours:
            how["quiet"] = True
        return how
