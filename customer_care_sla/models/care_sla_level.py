from odoo import api, fields, models

from .care_sla_measure import MEASURES

TELL = [("owner", "The owner of the case"), ("leader", "The team leader")]


class CareSlaLevel(models.Model):
    """A moment before or at the end of a promise, and who is told then."""

    _name = "care.sla.level"
    _description = "Level of an SLA policy"
    _inherit = ["care.sla.part"]
    _order = "policy_id, share_left desc, id"

    measure = fields.Selection(MEASURES, "What", help="Empty: for all promises of the policy.")
    timing = fields.Selection(
        [("before", "Before it is due"), ("at", "When it is due")],
        "When",
        required=True,
        default="at",
    )
    share_left = fields.Integer(
        "Time Left (%)",
        compute="_compute_share_left",
        store=True,
        readonly=False,
        precompute=True,
        help="How much of the promised time is left then: 25 is the last quarter.",
    )
    tell = fields.Selection(TELL, "Who Is Told", required=True, default="leader")

    _share_check = models.Constraint(
        "CHECK ((timing = 'at' AND share_left = 0)"
        " OR (timing = 'before' AND share_left BETWEEN 1 AND 99))",
        "Before it is due, between 1 and 99 percent of the time are left.",
    )

    @api.depends("timing")
    def _compute_share_left(self):
        for level in self:
            if level.timing == "at":
                level.share_left = 0
            elif not level.share_left:
                level.share_left = 25

    @api.depends("timing", "share_left", "tell")
    def _compute_display_name(self):
        who = dict(self._fields["tell"]._description_selection(self.env))
        for level in self:
            level.display_name = (
                self.env._("Due: %s", who.get(level.tell))
                if level.timing == "at"
                else self.env._(
                    "%(share)s %% left: %(who)s", share=level.share_left, who=who.get(level.tell)
                )
            )
