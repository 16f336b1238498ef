from datetime import time, timedelta

import pytz

from odoo import api, fields, models
from odoo.tools import format_date

#: The morning, in the person's own zone.
MORNING, NOON = time(7), time(12)
#: How long the rows are kept that make a second mail of a day impossible.
KEEP_DAYS = 30


class CareDigest(models.Model):
    """One morning mail with a person's follow-ups of the day, instead of one per activity."""

    _name = "care.digest"
    _description = "Morning mail"
    _inherit = ["care.due.mixin"]
    _order = "day desc, id desc"
    _due_cron = "customer_care.ir_cron_digests"

    user_id = fields.Many2one(
        "res.users", "Person", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    day = fields.Date(required=True, readonly=True)

    _day_uniq = models.UniqueIndex("(user_id, day)", "This person has this day's mail already.")

    @api.depends("user_id", "day")
    def _compute_display_name(self):
        for row in self:
            row.display_name = f"{row.user_id.name}, {row.day}"

    @api.model
    def _cron_morning(self):
        """Plan the mails of those for whom it is morning, and send them."""
        # sudo: a cron of the engine
        digests = self.sudo()
        digests._plan_mornings()
        digests._cron_run_due()

    @api.model
    def _plan_mornings(self):
        now = self.env.cr.now()
        groups = self.env["care.followup"]._read_group(
            [("state", "=", "open"), ("date_due", "<=", now.date() + timedelta(days=1))],
            ["user_id"],
        )
        users = self.env["res.users"].union(*(user for (user,) in groups))
        users = users.filtered(lambda user: user.active and user.email and not user.care_no_digest)
        vals_list = []
        for company, mine in users.grouped("company_id").items():
            workdays = company._care_workdays(mine)
            for user in mine:
                zone = pytz.timezone(user.tz or company._care_tz())
                local = pytz.utc.localize(now).astimezone(zone)
                if MORNING <= local.time() < NOON and workdays[user].works(local.date()):
                    vals_list.append(
                        {
                            "state": "planned",
                            "attempts": 0,
                            "user_id": user.id,
                            "company_id": company.id,
                            "day": local.date(),
                            "next_at": now.replace(microsecond=0),
                        }
                    )
        return self._insert_new(vals_list)

    def _followups(self):
        """What the mail lists: today's and late follow-ups, late ones first."""
        self.ensure_one()
        return self.env["care.followup"].search(
            [
                ("user_id", "=", self.user_id.id),
                ("state", "=", "open"),
                ("date_due", "<=", self.day),
            ],
            order="date_due, id",
        )

    def _lines(self):
        """What the mail says of each follow-up, in the person's language."""
        self.ensure_one()
        base = self.get_base_url()
        return [
            {
                "late": followup.date_due < self.day,
                "day": format_date(self.env, followup.date_due, self.user_id.lang),
                "customer": followup.partner_id.name,
                "name": followup.name,
                "products": followup.products,
                "phone": followup.phone,
                "url": f"{base}/odoo/my-follow-ups/{followup.id}",
            }
            for followup in self._followups()
        ]

    def _run_due(self):
        wanted = self.filtered(lambda row: row._followups() and not row.user_id.care_no_digest)
        (self - wanted)._cancel_due({"error": self.env._("There was nothing to tell.")})
        if wanted:
            self.env.ref("customer_care.mail_template_digest").send_mail_batch(wanted.ids)
            wanted.write({"state": "done", "next_at": False, "error": False})
            self._wake_mail_queue()

    @api.autovacuum
    def _gc_digests(self):
        self.search([("day", "<", fields.Date.today() - timedelta(days=KEEP_DAYS))]).unlink()
