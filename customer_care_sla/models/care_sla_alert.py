from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from odoo.addons.customer_care.models.care_technical_mixin import TECHNICAL

from .care_sla_level import ACTIONS, TELL, how_of

#: Seconds left and below: the promise is broken, and that stays true when it has been met.
DUE = 0


class CareSlaAlert(models.Model):
    """What a level asked for: planned once per clock, whatever happens, and done by the engine.

    What cannot be done is tried again and then set aside with its error; the clock and its
    other levels go on.
    """

    _name = "care.sla.alert"
    _description = "Alert of a promise"
    _inherit = ["care.due.mixin"]
    _order = "id desc"
    _due_cron = "customer_care_sla.ir_cron_alerts"
    _technical_fields = TECHNICAL | {"how", "level_key", "seconds_left"}

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
    action = fields.Selection(ACTIONS, "What", required=True, readonly=True, default="activity")
    how = fields.Json(readonly=True, help="What the level does, as it was promised.")
    tell = fields.Selection(TELL, "Told As", readonly=True)
    user_id = fields.Many2one(
        "res.users",
        "Told",
        readonly=True,
        index=True,
        help="Who was told, or to whom it was given.",
    )
    told_at = fields.Datetime("Done At", readonly=True)
    activity_id = fields.Many2one(
        "mail.activity", readonly=True, ondelete="set null", index="btree_not_null"
    )
    case_id = fields.Many2one(related="clock_id.case_id")
    journey_id = fields.Many2one(related="clock_id.journey_id")
    partner_id = fields.Many2one(
        "res.partner",
        "Recipient",
        compute="_compute_partner_id",
        help="Who gets the mail of this alert.",
    )
    summary = fields.Char(compute="_compute_summary")

    _level_uniq = models.UniqueIndex("(clock_id, level_key)", "This was told already.")
    _held_idx = models.Index("(clock_id) WHERE state = 'planned'")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.depends("clock_id", "level_id")
    def _compute_display_name(self):
        for alert in self:
            # sudo: the name of what an alert is about, for who may see the alert
            clock, level = alert.clock_id.sudo(), alert.level_id.sudo()
            alert.display_name = " · ".join(filter(None, (clock.display_name, level.display_name)))

    @api.depends("user_id", "tell")
    def _compute_partner_id(self):
        for alert in self:
            to_customer = alert.action == "mail" and alert.tell == "customer"
            alert.partner_id = (
                alert.clock_id._record().partner_id if to_customer else alert.user_id.partner_id
            )

    @api.depends("seconds_left", "clock_id.due_at")
    @api.depends_context("lang", "tz")
    def _compute_summary(self):
        for alert in self:
            alert.summary = alert._in_words(self.env.lang, self.env.context.get("tz"))

    def _in_words(self, lang, tz):
        """What the reader has to know, in their language and zone."""
        self.ensure_one()
        clock = self.clock_id.with_context(lang=lang)
        measure = dict(clock._fields["measure"]._description_selection(clock.env))
        due = clock.due_at or clock.held_due_at or clock.first_due_at
        moment = format_datetime(
            clock.env,
            due,
            tz=tz or clock.company_id._care_tz(),
            dt_format="EEE d MMM, HH:mm",
            lang_code=lang,
        )
        if self.seconds_left > DUE:
            return clock.env._(
                "%(promise)s is due %(due)s", promise=measure[clock.measure], due=moment
            )
        return clock.env._(
            "%(promise)s was due %(due)s", promise=measure[clock.measure], due=moment
        )

    # ------------------------------------------------------------
    # Planning
    # ------------------------------------------------------------

    @api.model
    def _tell(self, passed):
        """What levels ask for that clocks have just passed, each once for ever.

        What may be done now is done here; what has to wait for the working hours, or fails, is
        left to the cron.

        :param passed: list of (clock, frozen level)
        """
        passed = [(clock, level) for clock, level in passed if level[2]]
        if not passed:
            return
        now = self.env["care.sla.clock"]._now()
        known = self.env["care.sla.level"].browse({level[1] for _clock, level in passed})
        known = set(known.exists().ids)
        alerts = self._insert_new(
            [
                self._prepare_alert(clock, level, level[1] if level[1] in known else False, now)
                for clock, level in passed
            ]
        )
        alerts._overtake()
        held = alerts.filtered(lambda alert: alert.next_at > now)
        (alerts - held)._run_guarded()
        alerts._trigger_due()

    @api.model
    def _prepare_alert(self, clock, level, level_id, now):
        left, key, tell = level[:3]
        how = how_of(level)
        next_at = now
        if how.get("quiet"):
            next_at = clock.worktime_id._apply("next_opening", now)[1]
        return {
            "state": "planned",
            "attempts": 0,
            "next_at": next_at,
            "clock_id": clock.id,
            "level_key": key,
            "level_id": level_id,
            "seconds_left": left,
            "company_id": clock.company_id.id,
            "action": how.get("do") or "activity",
            "how": how,
            "tell": tell,
        }

    def _overtake(self):
        """What has waited for the opening hours is told no more once there is something newer:
        of one clock nobody hears twice at once.
        """
        if not any((alert.how or {}).get("quiet") for alert in self):
            return
        older = self.search(
            [
                ("clock_id", "in", self.clock_id.ids),
                ("state", "=", "planned"),
                ("attempts", "=", 0),
                ("id", "not in", self.ids),
            ]
        )
        older._cancel_due()

    def _withdraw(self):
        """The promise has ended: nobody has to hurry for it any more.

        What says that it was broken stays with the leader.
        """
        hurry = self.filtered(lambda alert: alert.seconds_left > DUE)
        hurry.activity_id.filtered("active").unlink()
        self.filtered(lambda alert: alert.state == "planned" and alert._is_past())._cancel_due()

    def _is_past(self):
        """Whether it makes no sense any more: nothing is left to hurry for. That a promise was
        broken stays true, for those of us who have to know.
        """
        self.ensure_one()
        if self.clock_id.state in self.clock_id._live_states:
            return False
        staff = self.action in ("activity", "mail") and self.tell != "customer"
        return not (staff and self.seconds_left == DUE)

    # ------------------------------------------------------------
    # Doing
    # ------------------------------------------------------------

    def _run_due(self):
        past = self.filtered(lambda alert: alert._is_past())
        past._cancel_due()
        alerts = self - past
        for (action, company), mine in alerts.grouped(
            lambda alert: (alert.action, alert.company_id)
        ).items():
            getattr(mine.with_company(company), f"_do_{action}")()
        alerts.filtered(lambda alert: alert.state == "planned").write(
            {"state": "done", "next_at": False, "error": False, "told_at": self.env.cr.now()}
        )

    def _fill_users(self):
        """Who is told, now: whoever is away or has left is stood in for."""
        for alert in self:
            record = alert.clock_id._record()
            user = alert._who(record) or record.owner_id
            # one by one: who may be told of a confidential case is not who else would be
            alert.user_id = record._present(user, record.team_id)

    def _who(self, record):
        self.ensure_one()
        if self.tell == "leader":
            return record.team_id.leader_id
        if self.tell == "curator":
            return record.curator_id
        if self.tell == "account_manager":
            return record._care_account_manager()
        if self.tell == "user":
            return self._named_user()
        return record.owner_id

    def _named_user(self):
        return self.env["res.users"].browse(self.how.get("user") or ()).exists()

    def _records(self):
        """What these alerts are about: the cases, the journeys, if there are any."""
        clocks = self.clock_id
        return [records for records in (clocks.case_id, clocks.journey_id) if records]

    def _do_activity(self):
        """One activity on the record for each user and moment, all in one go.

        Who is told twice at one moment (the leader owns the case, or stands in for its
        owner) finds it once in their list.
        """
        self._fill_users()
        told = self.grouped(
            lambda alert: (alert.clock_id, alert.seconds_left, alert.user_id)
        ).values()
        for records in self._records():
            records.mapped("display_name")
        for name, late in (("broken", True), ("at_risk", False)):
            mine = [alerts for alerts in told if (alerts[0].seconds_left <= DUE) is late]
            activities = self.env["mail.activity"]._care_tell(
                f"customer_care_sla.mail_activity_type_{name}",
                (
                    (
                        alerts[0].clock_id._record(),
                        alerts.user_id,
                        lambda record, alert=alerts[0]: {
                            "summary": alert._in_words(
                                record.env.lang, record.env.context.get("tz")
                            )
                        },
                    )
                    for alerts in mine
                ),
            )
            for alerts, activity in zip(mine, activities, strict=True):
                alerts.activity_id = activity

    def _do_mail(self):
        customers = self.filtered(lambda alert: alert.tell == "customer")
        customers._mail_customers()
        staff = self - customers
        staff._fill_users()
        for (template, user), alerts in staff.grouped(
            lambda alert: (alert._template(), alert.user_id)
        ).items():
            mine = template.with_context(lang=user.lang, tz=user.tz)
            # once each, however many of its promises ask for it
            ids = alerts.ids if template.model == self._name else alerts._records()[0].ids
            mine.send_mail_batch(
                ids,
                email_values={
                    "recipient_ids": [fields.Command.set(user.partner_id.ids)],
                    "email_to": False,
                    "email_cc": False,
                },
                email_layout_xmlid="mail.mail_notification_light",
            )
        self.env["care.due.mixin"]._wake_mail_queue()

    def _template(self):
        self.ensure_one()
        template = self.env["mail.template"].browse(self.how.get("template") or ()).exists()
        if not template or template.model not in (self._name, self.clock_id._record()._name):
            raise UserError(
                self.env._("The mail of this level has been deleted, or is for other records now.")
            )
        return template

    def _mail_customers(self):
        """On the record, so that it stands in the conversation; in the customer's language."""
        unreachable = self.filtered(lambda alert: not alert.partner_id.email)
        unreachable._cancel_due({"error": self.env._("The customer has no e-mail address.")})
        for (template, _model), alerts in (
            (self - unreachable)
            .grouped(lambda alert: (alert._template(), alert.clock_id._record()._name))
            .items()
        ):
            how = {
                "message_type": "auto_comment",
                "subtype_xmlid": "mail.mt_comment",
                "email_layout_xmlid": "customer_care.mail_layout",
            }
            if template.model != self._name:
                for records in alerts._records():
                    records.message_post_with_source(template, **how)
                continue
            subjects, bodies = (
                template._render_field(name, alerts.ids, compute_lang=True)
                for name in ("subject", "body_html")
            )
            for alert in alerts:
                alert.clock_id._record().message_post(
                    subject=subjects[alert.id],
                    body=bodies[alert.id],
                    partner_ids=alert.partner_id.ids,
                    email_add_signature=False,
                    **how,
                )

    def _do_reassign(self):
        """To somebody else, by the core's own rules: open work and the history go along."""
        memo = {}
        owners = {}
        for alert in self:
            record, to = alert.clock_id._record(), alert.how.get("to")
            team = record.team_id
            if to == "user":
                user = alert._named_user()
            elif to == "least_busy":
                user = record._least_busy(team, memo, without=record.owner_id)
            else:
                user = team.leader_id
            owners[record] = alert.user_id = record._present(user or record.owner_id, team)
        for owner in dict.fromkeys(owners.values()):
            for records in self._records():
                mine = records.filtered(lambda record, o=owner: owners[record] == o)
                moved = mine.filtered(lambda record, o=owner: record.owner_id != o)
                moved._set_owner(owner, chosen=True)
        self._log(lambda alert, env: env._("Given to %s.", alert.user_id.name))

    def _do_severity(self):
        """One step up; what is critical stays so."""
        cases = self.clock_id.case_id
        steps = [value for value, _label in cases._fields["severity"].selection]
        for severity, mine in cases.grouped("severity").items():
            if severity != steps[-1]:
                mine.severity = steps[steps.index(severity) + 1]
        self._log(lambda alert, env: env._("Raised the severity."))

    def _log(self, say):
        """Why the engine did something to a record, as a note on it."""
        for records in self._records():
            bodies = {}
            for alert in self.filtered(lambda alert, r=records: alert.clock_id._record() in r):
                lang = alert.clock_id._record().owner_id.lang
                env = alert.with_context(lang=lang).env
                bodies[alert.clock_id._record().id] = env._(
                    "%(promise)s: %(done)s",
                    promise=alert._in_words(lang, None),
                    done=say(alert, env),
                )
            records._message_log_batch(bodies)

    def _do_server(self):
        """As superuser, in the record's company: only administrators set these actions."""
        for server_id, alerts in self.grouped(lambda alert: alert.how.get("server")).items():
            action = self.env["ir.actions.server"].browse(server_id or ()).exists()
            for records in alerts._records():
                if action.model_name != records._name:
                    raise UserError(
                        self.env._(
                            "The server action of this level has been deleted, or is for other "
                            "records now."
                        )
                    )
                company = alerts.company_id
                action.with_user(SUPERUSER_ID).with_company(company).with_context(
                    allowed_company_ids=company.ids,
                    active_model=records._name,
                    active_id=records[:1].id,
                    active_ids=records.ids,
                ).run()
