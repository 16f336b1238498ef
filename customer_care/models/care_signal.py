from collections import defaultdict
from datetime import timedelta

from markupsafe import Markup

from odoo import Command, api, fields, models
from odoo.tools import SQL

from .care_action import UNFINISHED
from .care_due_mixin import insert_new


class CareSignal(models.Model):
    """Something to look at: a complaint that may say more than itself, or an action whose day
    of check may have come.

    Planned in the customer's transaction, looked at in the cron. Looking twice does nothing
    twice, so each gesture plans a row of its own: what changed while the cron was at work is
    never missed.
    """

    _name = "care.signal"
    _description = "Complaint or action to look at"
    _inherit = ["care.due.mixin"]
    _order = "id desc"
    _due_cron = "customer_care.ir_cron_signals"
    # what a batch asks (counts, actions that are watched) is shared by more rows
    _due_batch = 500

    case_id = fields.Many2one("care.case", readonly=True, ondelete="cascade", index=True)
    action_id = fields.Many2one(
        "care.action", readonly=True, ondelete="cascade", index="btree_not_null"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )

    _one_record = models.Constraint(
        "CHECK (num_nonnulls(case_id, action_id) = 1)",
        "Each row is about one case or one action.",
    )

    @api.depends("case_id", "action_id")
    def _compute_display_name(self):
        for row in self:
            # sudo: the name of what it is about, for who may see the row
            row.display_name = (row.case_id or row.action_id).sudo().display_name

    @api.model
    def _notice(self, cases):
        """New complaints, or complaints about which something else is known now.

        One statement for all of them, whatever their number.
        """
        # sudo: planned rows are written by the engine, whoever reports
        told = cases.sudo().filtered(
            lambda case: (
                case.kind == "complaint"
                and (case.product_id or case.category_id or case.cause_id)
                and case.stage_category != "cancelled"
                and case._care_covered()
            )
        )
        now = self.env.cr.now()
        return self.sudo()._plan(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "case_id": case.id,
                    "company_id": case.company_id.id,
                    "next_at": now,
                }
                for case in told
            ]
        )

    @api.model
    def _plan_checks(self, actions):
        """Look at these actions on the morning of their day of check."""
        # sudo: as in `_notice`
        return self.sudo()._plan(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "action_id": action.id,
                    "company_id": action.company_id.id,
                    "next_at": self.env["care.followup"]._morning(
                        action.date_check, action.checker_id, action.company_id
                    ),
                }
                for action in actions.sudo()
            ]
        )

    def _run_due(self):
        self.action_id.filtered(
            lambda action: (
                action.state == "done"
                and action.date_check
                and action.date_check <= action._today()
            )
        )._begin_check()
        # it may have been cancelled, or be another kind of case, since
        cases = self.case_id.filtered(
            lambda case: case.kind == "complaint" and case.stage_category != "cancelled"
        )
        actions = self.env["care.action"]
        actions._returned(cases)
        # an alarm is for many eyes, with what it counts
        actions._raise_alarms(cases.filtered(lambda case: not case.confidential))
        self.write({"state": "done", "next_at": False, "error": False})

    @api.autovacuum
    def _gc_done(self):
        """Forget what was looked at a month ago."""
        long_ago = self.env.cr.now() - timedelta(days=30)
        self.search(
            [("state", "in", ("done", "cancelled")), ("write_date", "<", long_ago)], limit=10000
        ).unlink()


class CareCategory(models.Model):
    _inherit = "care.category"  # pylint: disable=consider-merging-classes-inherited

    alarm_own = fields.Boolean(
        "Alarm of Its Own", help="Count otherwise than the company's settings say."
    )
    alarm_count = fields.Integer(
        "Complaints", default=5, help="So many complaints raise an alarm. 0: none does."
    )
    alarm_days = fields.Integer("In Days", default=30)

    _alarm_check = models.Constraint(
        "CHECK (alarm_count >= 0 AND alarm_days >= 0)",
        "Complaints and days of an alarm are numbers of 0 or more.",
    )

    def _alarm_limit(self, company):
        """After how many complaints in how many days there is an alarm: (0, 0) for never."""
        if self and self.alarm_own:
            count, days = self.alarm_count, self.alarm_days
        else:
            count, days = company.care_alarm_count, company.care_alarm_days
        return (count, days) if count and days else (0, 0)


class CareAction(models.Model):
    """Product alarm: many complaints about one product or category raise one action."""

    _inherit = "care.action"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _raise_alarms(self, cases):
        """Count the complaints about what these are about, in one grouped query, and raise an
        alarm where there are too many.

        One alarm a subject at a time: while it is not over, further complaints are added to
        it; when it is, the count begins anew. The unique index sees to that, however often and
        by however many this is called.

        :param cases: complaints, as superuser
        :return: the alarms that this call raised
        """
        watched = self._watched(cases)
        if not watched:
            return self.browse()
        alive = self._join_alarms(cases, watched)
        found = self._count_complaints({key: watched[key] for key in watched if key not in alive})
        by_subject, vals_list = {}, []
        for (company_id, field, subject_id), case_ids in found.items():
            if len(case_ids) < watched[company_id, field, subject_id][0]:
                continue
            led = self.env["care.case"].browse(case_ids)
            by_subject[company_id, field, subject_id] = led
            vals_list.append(self._prepare_alarm_vals(company_id, field, subject_id, led))
        alarms = insert_new(self, vals_list)
        for alarm in alarms:
            field = "product_tmpl_id" if alarm.product_tmpl_id else "category_id"
            led = by_subject[alarm.company_id.id, field, alarm[field].id]
            alarm.case_ids = [Command.set(led.ids)]
        alarms._remind()
        alarms._tell_curators()
        return alarms

    @api.model
    def _watched(self, cases):
        """What is counted: (company id, field, id) -> (complaints, days)."""
        watched = {}
        for case in cases:
            company = case.company_id
            limits = {
                ("category_id", case.category_id): case.category_id._alarm_limit(company),
                ("product_tmpl_id", case.product_id.product_tmpl_id): self.env[
                    "care.category"
                ]._alarm_limit(company),
            }
            for (field, subject), limit in limits.items():
                if subject and limit[0]:
                    watched[company.id, field, subject.id] = limit
        return watched

    @api.model
    def _join_alarms(self, cases, watched):
        """Add these complaints to the alarms about the same that are not over.

        :return: set of (company id, field, id) that have an alarm
        """
        alarms = self.search(
            [
                ("is_alarm", "=", True),
                ("state", "in", UNFINISHED),
                ("company_id", "in", cases.company_id.ids),
                "|",
                ("product_tmpl_id", "in", cases.product_id.product_tmpl_id.ids),
                ("category_id", "in", cases.category_id.ids),
            ]
        )
        alive = set()
        for alarm in alarms:
            field = "product_tmpl_id" if alarm.product_tmpl_id else "category_id"
            subject = alarm[field]
            alive.add((alarm.company_id.id, field, subject.id))
            path = "product_id.product_tmpl_id" if field == "product_tmpl_id" else field
            mine = cases.filtered(
                lambda case, a=alarm, path=path, subject=subject: (
                    case.company_id == a.company_id and case.mapped(path) == subject
                )
            )
            new = mine - alarm.case_ids
            if new:
                alarm.case_ids = [Command.link(case_id) for case_id in new.ids]
        return alive & set(watched)

    @api.model
    def _count_complaints(self, watched):
        """The complaints in the window of each subject, since its last alarm was over.

        :return: dict (company id, field, id) -> ids of cases, the oldest first
        """
        if not watched:
            return {}
        for model in ("care.case", "care.action", "product.product"):
            self.env[model].flush_model()
        now = self.env.cr.now()
        queries = []
        for field, join, column in (
            (
                "product_tmpl_id",
                SQL("JOIN product_product p ON p.product_tmpl_id = w.subject_id"),
                SQL("c.product_id = p.id"),
            ),
            ("category_id", SQL(), SQL("c.category_id = w.subject_id")),
        ):
            rows = [
                SQL(
                    "(%s::int, %s::int, %s::timestamp)",
                    company_id,
                    subject_id,
                    now - timedelta(days=days),
                )
                for (company_id, name, subject_id), (_count, days) in watched.items()
                if name == field
            ]
            if rows:
                queries.append(
                    SQL(
                        """
                        SELECT w.company_id, %(field)s AS field, w.subject_id,
                            array_agg(c.id ORDER BY c.received_at, c.id)
                        FROM (VALUES %(rows)s) AS w (company_id, subject_id, since)
                        LEFT JOIN LATERAL (
                            SELECT max(a.finished_at) AS finished_at FROM care_action a
                            WHERE a.is_alarm AND a.company_id = w.company_id
                                AND a.%(name)s = w.subject_id
                        ) last ON TRUE
                        %(join)s
                        JOIN care_case c ON %(column)s AND c.company_id = w.company_id
                            AND c.kind = 'complaint' AND c.stage_category <> 'cancelled'
                            AND c.confidential IS NOT TRUE
                            AND c.received_at >= w.since
                            AND c.received_at > COALESCE(last.finished_at, '-infinity')
                        GROUP BY w.company_id, w.subject_id
                        """,
                        field=field,
                        rows=SQL(", ").join(rows),
                        name=SQL.identifier(field),
                        join=join,
                        column=column,
                    )
                )
        result = self.env.execute_query(SQL(" UNION ALL ").join(queries))
        return {tuple(key): case_ids for *key, case_ids in result}

    @api.model
    def _prepare_alarm_vals(self, company_id, field, subject_id, cases):
        """Column values of an alarm; its owner is the leader of the team that has the most of
        the cases.
        """
        company = self.env["res.company"].browse(company_id)
        counts = defaultdict(int)
        for case in cases:
            counts[case.team_id] += 1
        team = max(counts, key=lambda team: (counts[team], team.id))
        owner = company._care_present(team.leader_id, team)
        curator = company._care_present(cases.stage_id[:1].curator_id, team)
        subject = self.env["care.category" if field == "category_id" else "product.template"]
        subject = subject.browse(subject_id).with_context(lang=owner.lang)
        days = (subject if field == "category_id" else self.env["care.category"])._alarm_limit(
            company
        )[1]
        return {
            "name": subject.env._(
                "%(count)s complaints about “%(subject)s” in %(days)s days: find out why",
                count=len(cases),
                subject=subject.name,
                days=days,
            ),
            "state": "open",
            "is_alarm": True,
            "company_id": company_id,
            field: subject_id,
            "owner_id": owner.id,
            "checker_id": curator.id,
            "team_id": team.id,
            "date_due": self.env["care.followup"]._when(
                fields.Date.context_today(self.with_context(tz=company._care_tz()))
                + timedelta(days=7),
                owner,
                company,
            )["date_due"],
        }

    def _tell_curators(self):
        """Whoever answers for the stages in which these complaints are is told, once."""
        for alarm in self:
            curators = alarm.case_ids.stage_id.curator_id
            told = curators.filtered(
                lambda user, a=alarm: (
                    user != a.owner_id and self.env["care.owned.mixin"]._may_own(user, a.company_id)
                )
            )
            alarm.message_subscribe(partner_ids=(told | alarm.owner_id).partner_id.ids)
            for user in told:
                theirs = alarm.with_context(lang=user.lang)
                theirs.message_notify(
                    partner_ids=user.partner_id.ids,
                    subject=alarm.name,
                    body=Markup("<p>%s</p><ul>%s</ul>")
                    % (
                        theirs.env._(
                            "%s sees to it. It began with these cases:", alarm.owner_id.name
                        ),
                        Markup("").join(
                            Markup("<li>%s</li>") % case.number for case in alarm.case_ids
                        ),
                    ),
                )


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_alarm_count = fields.Integer(
        "Complaints for an Alarm",
        default=5,
        help="So many complaints about one product or category raise an alarm. 0: none does.",
    )
    care_alarm_days = fields.Integer(
        "Days of an Alarm", default=30, help="Within so many days. 0: no alarm."
    )
    care_alarm_months = fields.Integer(
        "Other Buyers Of", default=12, help="Months of orders in which other buyers are looked for."
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_alarm_count = fields.Integer(related="company_id.care_alarm_count", readonly=False)
    care_alarm_days = fields.Integer(related="company_id.care_alarm_days", readonly=False)
    care_alarm_months = fields.Integer(related="company_id.care_alarm_months", readonly=False)
