import logging
from collections import defaultdict
from datetime import datetime, timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .care_due_mixin import ENGINE, run_guarded
from .care_followup import ALIVE
from .care_owned_mixin import UNFINISHED
from .mail_activity_plan import CARE_MODELS

_logger = logging.getLogger(__name__)

#: When an absence ends of which nobody knows when it does.
FOR_EVER = datetime(9999, 1, 1)


class ResUsers(models.Model):
    _inherit = "res.users"

    care_substitute_id = fields.Many2one(
        "res.users",
        "Substitute",
        domain=[("share", "=", False)],
        help="Takes over what would come to this user while they are out of office.",
    )
    care_daily_cap = fields.Integer(
        "Follow-ups a Day",
        default=0,
        help="At most so many follow-ups come to this person on one day; what is too much goes "
        "where their team says. 0: as the team says.",
    )
    care_no_digest = fields.Boolean(
        "No Morning Mail", help="Do not send this person their follow-ups in the morning."
    )

    care_is_away = fields.Boolean(
        "Away",
        compute="_compute_care_is_away",
        help="Out of office by their own word, or on leave.",
    )

    @api.constrains("care_daily_cap")
    def _check_care_daily_cap(self):
        if any(user.care_daily_cap < 0 for user in self):
            raise ValidationError(self.env._("“Follow-ups a Day” is a number of 0 or more."))

    @api.depends("is_out_of_office", "resource_ids")
    def _compute_care_is_away(self):
        now = fields.Datetime.now()
        on_leave = self._care_on_leave(now, now)
        for user in self:
            user.care_is_away = user.is_out_of_office or user in on_leave

    @api.model
    def _care_leave_domain(self, since, until):
        """Leaves that lie, in part at least, between two moments."""
        return [("time_type", "=", "leave"), ("date_from", "<=", until), ("date_to", ">", since)]

    def _care_on_leave(self, since, until):
        """Of these users, those with a leave that lies, in part at least, between two moments."""
        # sudo: whether somebody is there, not why
        leaves = (
            self.env["resource.calendar.leaves"]
            .sudo()
            .search_fetch(
                [
                    ("resource_id.user_id", "in", self.ids),
                    *self._care_leave_domain(since, until),
                ],
                ["resource_id"],
            )
        )
        return leaves.resource_id.user_id

    def _care_out_of_office(self, since, until):
        """When this user is out of office by their own word, if it is in part between two moments.

        :return: list of pairs (from, to)
        """
        self.ensure_one()
        # sudo: as for leaves
        user = self.sudo()
        start, end = user.out_of_office_from, user.out_of_office_to or FOR_EVER
        return [(start, end)] if start and start <= until and end > since else []

    care_team_ids = fields.Many2many(
        "care.team", "care_team_member_rel", "user_id", "team_id", "Care Teams"
    )

    @property
    def SELF_READABLE_FIELDS(self):
        return super().SELF_READABLE_FIELDS + ["care_substitute_id", "care_no_digest"]

    @property
    def SELF_WRITEABLE_FIELDS(self):
        return super().SELF_WRITEABLE_FIELDS + ["care_substitute_id", "care_no_digest"]

    def write(self, vals):
        handed_over = self.env.context.get("care_handed_over") is ENGINE
        if "active" in vals and not vals["active"] and not handed_over:
            self._care_hand_over()
        result = super().write(vals)
        if {"company_ids", "group_ids"} & set(vals):
            self._care_lost_places()
        return result

    def action_archive(self):
        # before Odoo deletes the activities of archived users
        self._care_hand_over()
        users = self.with_context(care_handed_over=ENGINE)
        return super(ResUsers, users).action_archive()

    def _care_hand_over(self):
        """What these users own goes to who stands in for them: nobody is dropped."""
        leaving = self.filtered("active")
        if not leaving:
            return
        # sudo: whoever may archive a user leaves no customer without an owner
        leaving.sudo()._care_move_work(leaving)
        leaving.sudo()._care_tell_naming(leaving)

    def _care_lost_places(self):
        """Who may not work somewhere any more answers for nothing there."""
        if self:
            # sudo: as in `_care_hand_over`
            self.sudo()._care_move_work(self.browse())

    @api.model
    def _cron_care_lost_places(self):
        """The same for all: whatever took the right away, and what was begun at that moment."""
        lost = self.browse()
        for model, name, domain in self._care_answering():
            for user, company in self.env[model]._read_group(domain, [name, "company_id"]):
                # the last resort stays, though somebody should choose another
                if user != company.care_default_owner_id and user._care_has_to_go(company):
                    lost |= user

        def log(user, error):
            _logger.warning("What %s answers for stays with them: %s", user, error, exc_info=error)

        run_guarded(lost, lambda users: users._care_lost_places(), log)
        followups = self.env["care.followup"]
        run_guarded(self._care_off_soon(), lambda users: followups._stand_in(users), log)

    @api.model
    def _care_off_soon(self):
        """Everybody whose time off has begun, or begins within a day."""
        now = self.env.cr.now()
        soon = now + timedelta(days=1)
        by_own_word = self.search(
            [
                ("out_of_office_from", "<=", soon),
                *("|", ("out_of_office_to", "=", False), ("out_of_office_to", ">", now)),
            ]
        )
        leaves = self.env["resource.calendar.leaves"].search(
            [
                ("resource_id.user_id", "!=", False),
                *self._care_leave_domain(now, soon),
            ]
        )
        return by_own_word | leaves.resource_id.user_id

    @api.model
    def _care_answering(self):
        """By which fields people answer for something: (model, field, domain) each."""
        return [
            ("care.journey", "owner_id", [("stage_category", "in", UNFINISHED)]),
            ("care.case", "owner_id", [("stage_category", "in", UNFINISHED)]),
            ("care.followup", "user_id", [("state", "in", ALIVE)]),
            ("care.promise", "user_id", self.env["care.promise"]._open_domain()),
            ("care.handoff", "to_user_id", [("state", "=", "planned")]),
        ]

    def _care_has_to_go(self, company, leaving=None):
        """Whether this user answers for nothing (any more) in a company."""
        self.ensure_one()
        return bool(leaving and self in leaving) or not self.env["care.owned.mixin"]._may_own(
            self, company
        )

    def _care_move_work(self, leaving):
        """What these users answer for goes to who stands in for them, as superuser: all of those
        who are leaving, of the others what they may not work on any more.
        """
        env = self.env
        env["care.handoff"]._without_receiver(self, leaving)
        env["care.promise"]._hand_over(self, leaving)
        env["care.standard"]._hand_over(self, leaving)
        moved = []
        for model in ("care.journey", "care.case"):
            owned = env[model].search(
                [
                    ("owner_id", "in", self.ids),
                    ("stage_category", "in", UNFINISHED),
                ]
            )
            going = owned.filtered(
                lambda record: record.owner_id._care_has_to_go(record.company_id, leaving)
            )
            for owner, records in going.grouped(
                lambda record: record._present(record.owner_id, record.team_id, leaving)
            ).items():
                # the last resort has nobody to stand in
                records = records.filtered(lambda record, o=owner: record.owner_id != o)
                records._set_owner(owner, chosen=True)
                moved.extend(records)
        followups = env["care.followup"].search(
            [("user_id", "in", self.ids), ("state", "in", ALIVE)]
        )
        going = followups.filtered(lambda row: row.user_id._care_has_to_go(row.company_id, leaving))
        for user, rows in going.grouped(
            lambda row: row._record()._present(row.user_id, row._record().team_id, leaving)
        ).items():
            rows.write({"user_id": user.id})
        env["res.users"]._care_tell_leaders(self, moved)

    @api.model
    def _care_tell_leaders(self, leaving, records):
        """List to each leader what has a new owner because these users are gone.

        :param list records: journeys and cases
        """
        by_leader = defaultdict(list)
        for record in records:
            leader = record._present(record.team_id.leader_id, record.team_id, leaving)
            by_leader[leader].append(record)
        for leader, mine in by_leader.items():
            told = self.with_context(lang=leader.lang)
            rows = Markup().join(
                Markup("<li>%s → %s</li>") % (record._get_html_link(), record.owner_id.name)
                for record in mine
            )
            told.env["mail.thread"].message_notify(
                partner_ids=leader.partner_id.ids,
                subject=told.env._(
                    "%(count)s customers have a new owner: %(names)s left",
                    count=len(mine),
                    names=", ".join(leaving.mapped("name")),
                ),
                body=Markup("<p>%s</p><ul>%s</ul>")
                % (
                    told.env._(
                        "Who stands in, and what for. Assign it anew where it does not fit:"
                    ),
                    rows,
                ),
            )

    @api.model
    def _care_naming(self):
        """What names people who have to be there.

        :return: dict model -> dict field -> domain of the records in which it counts
        """
        return {
            "care.stage": {"curator_id": [], "owner_id": [("owner_rule", "=", "user")]},
            "care.team": {"leader_id": []},
            "res.company": {"care_default_owner_id": []},
            "res.users": {"care_substitute_id": []},
            "mail.activity.plan.template": {
                "responsible_id": [
                    ("responsible_type", "=", "other"),
                    ("plan_id.res_model", "in", CARE_MODELS),
                ]
            },
        }

    @api.model
    def _care_tell_naming(self, leaving):
        """List to each company's default owner what still names these users.

        It works on with who stands in for them; somebody has to choose anew.
        """
        by_owner = defaultdict(list)
        for model, naming in self._care_naming().items():
            for name, domain in naming.items():
                for record in self.env[model].search([*domain, (name, "in", leaving.ids)]):
                    company = record if model == "res.company" else record[name].company_id
                    if "company_id" in record._fields:
                        company = record.company_id or company
                    by_owner[company._care_default_owner(leaving)].append((record, name))
        for owner, mine in by_owner.items():
            told = self.with_context(lang=owner.lang)
            rows = Markup().join(
                Markup("<li>%s: %s, %s</li>")
                % (
                    record._get_html_link(),
                    record._fields[name]._description_string(told.env),
                    record[name].name,
                )
                for record, name in mine
            )
            told.env["mail.thread"].message_notify(
                partner_ids=owner.partner_id.ids,
                subject=told.env._(
                    "%(names)s left and is still named in %(count)s places",
                    count=len(mine),
                    names=", ".join(leaving.mapped("name")),
                ),
                body=Markup("<p>%s</p><ul>%s</ul>")
                % (
                    told.env._("Work goes to who stands in until you choose anew for each:"),
                    rows,
                ),
            )
