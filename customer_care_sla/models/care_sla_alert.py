from odoo import api, fields, models
from odoo.tools import format_datetime

from odoo.addons.customer_care.models.care_due_mixin import insert_new

from .care_sla_level import TELL


class CareSlaAlert(models.Model):
    """Somebody was told of a promise at a level: once, whatever happens."""

    _name = "care.sla.alert"
    _description = "Alert of a promise"
    _order = "id desc"

    clock_id = fields.Many2one(
        "care.sla.clock", "Promise", required=True, readonly=True, ondelete="cascade"
    )
    level_key = fields.Integer(
        required=True, readonly=True, help="The level, which may have been deleted since."
    )
    level_id = fields.Many2one(
        "care.sla.level", "Level", readonly=True, ondelete="set null", index="btree_not_null"
    )
    seconds_left = fields.Integer("Working Seconds Left", readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    tell = fields.Selection(TELL, "Told As", readonly=True)
    user_id = fields.Many2one("res.users", "Told", readonly=True, index=True)
    activity_id = fields.Many2one(
        "mail.activity", readonly=True, ondelete="set null", index="btree_not_null"
    )
    case_id = fields.Many2one(related="clock_id.case_id")

    _level_uniq = models.UniqueIndex("(clock_id, level_key)", "This was told already.")

    @api.model
    def _tell(self, passed):
        """Tell of levels that clocks have just passed, each once for ever.

        :param passed: list of (clock, [seconds left, level id, who is told])
        """
        passed = [(clock, level) for clock, level in passed if level[2]]
        if not passed:
            return
        known = self.env["care.sla.level"].browse({level[1] for _clock, level in passed})
        known = set(known.exists().ids)
        users = {}
        for clock, (_left, _level, tell) in passed:
            record = clock._record()
            user = record.team_id.leader_id if tell == "leader" else record.owner_id
            users[clock, tell] = record._present(user or record.owner_id, record.team_id)
        alerts = insert_new(
            self,
            [
                {
                    "clock_id": clock.id,
                    "level_key": level,
                    "level_id": level if level in known else False,
                    "seconds_left": left,
                    "company_id": clock.company_id.id,
                    "tell": tell,
                    "user_id": users[clock, tell].id,
                }
                for clock, (left, level, tell) in passed
            ],
        )
        alerts._make_activities()

    def _make_activities(self):
        """One activity on the record for each user and moment, all in one go.

        Who is told twice at one moment (the leader owns the case, or stands in for its
        owner) finds it once in their list.
        """
        told = self.grouped(lambda alert: (alert.clock_id, alert.seconds_left, alert.user_id))
        firsts = [alerts[0] for alerts in told.values()]
        self.clock_id.case_id.mapped("display_name")
        models_ids = self.env["ir.model"]
        types = {
            late: self.env.ref(f"customer_care_sla.mail_activity_type_{name}")
            for late, name in ((True, "broken"), (False, "at_risk"))
        }
        activities = (
            self.env["mail.activity"]
            .with_context(mail_activity_quick_update=True)
            .create(
                [
                    {
                        "res_model_id": models_ids._get_id(alert.clock_id._record()._name),
                        "res_id": alert.clock_id._record().id,
                        "activity_type_id": types[alert.seconds_left <= 0].id,
                        "summary": alert._summary(),
                        "user_id": alert.user_id.id,
                        "date_deadline": fields.Date.context_today(
                            alert.with_context(tz=alert.user_id.tz)
                        ),
                        "automated": True,
                    }
                    for alert in firsts
                ]
            )
        )
        for alerts, activity in zip(told.values(), activities, strict=True):
            alerts.activity_id = activity

    def _summary(self):
        """What the user reads in their list of activities, in their own terms."""
        self.ensure_one()
        lang = self.user_id.lang
        clock = self.clock_id.with_context(lang=lang)
        measure = dict(clock._fields["measure"]._description_selection(clock.env))
        due = format_datetime(
            clock.env,
            clock.due_at,
            tz=self.user_id.tz or clock.company_id._care_tz(),
            dt_format="EEE d MMM, HH:mm",
            lang_code=lang,
        )
        if self.seconds_left > 0:
            return clock.env._(
                "%(promise)s is due %(due)s", promise=measure[clock.measure], due=due
            )
        return clock.env._("%(promise)s was due %(due)s", promise=measure[clock.measure], due=due)

    def _withdraw(self):
        """The promise has ended: nobody has to hurry for it any more.

        What says that it was broken stays with the leader.
        """
        hurry = self.filtered(lambda alert: alert.seconds_left > 0)
        hurry.activity_id.filtered("active").unlink()
