from odoo import fields, models


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
