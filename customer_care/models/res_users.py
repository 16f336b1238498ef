from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError


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
        # sudo: whether somebody is there, not why
        leaves = (
            self.env["resource.calendar.leaves"]
            .sudo()
            .search_fetch(
                [
                    ("resource_id.user_id", "in", self.ids),
                    ("time_type", "=", "leave"),
                    ("date_from", "<=", now),
                    ("date_to", ">", now),
                ],
                ["resource_id"],
            )
        )
        on_leave = leaves.resource_id.user_id
        for user in self:
            user.care_is_away = user.is_out_of_office or user in on_leave

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
        if "active" in vals and not vals["active"]:
            self._care_hand_over()
        return super().write(vals)

    def action_archive(self):
        # before Odoo deletes the activities of archived users
        self._care_hand_over()
        return super().action_archive()

    def _care_hand_over(self):
        """What these users own goes to who stands in for them: nobody is dropped."""
        leaving = self.filtered("active")
        if not leaving:
            return
        # sudo: whoever may archive a user leaves no customer without an owner
        env = self.sudo().env
        moved = []
        for model in ("care.journey", "care.case"):
            owned = env[model].search(
                [
                    ("owner_id", "in", leaving.ids),
                    ("stage_category", "in", ("open", "waiting", "resolved")),
                ]
            )
            for owner, records in owned.grouped(
                lambda record: record._present(record.owner_id, record.team_id, leaving)
            ).items():
                records._set_owner(owner, chosen=True)
                moved.extend(records)
        followups = env["care.followup"].search(
            [
                ("user_id", "in", leaving.ids),
                ("state", "in", ("planned", "held", "open", "failed")),
            ]
        )
        for user, rows in followups.grouped(
            lambda row: row._record()._present(row.user_id, row._record().team_id, leaving)
        ).items():
            rows.write({"user_id": user.id})
        env["care.handoff"]._without_receiver(leaving)
        env["care.promise"]._hand_over(leaving)
        env["care.standard"]._hand_over(leaving)
        env["res.users"]._care_tell_leaders(leaving, moved)

    @api.model
    def _care_tell_leaders(self, leaving, records):
        """List to each leader what has a new owner because these users are gone.

        :param list records: journeys and cases
        """
        by_leader = {}
        for record in records:
            leader = record.team_id.leader_id
            if not leader or leader in leaving:
                leader = record.company_id._care_default_owner(leaving)
            by_leader.setdefault(leader, []).append(record)
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
