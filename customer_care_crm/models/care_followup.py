from odoo import fields, models
from odoo.tools import plaintext2html


class CareFollowup(models.Model):
    _inherit = "care.followup"

    lead_id = fields.Many2one(
        "crm.lead",
        "Opportunity",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        copy=False,
        help="What came of the need that was found.",
    )

    def action_open_opportunity(self):
        self.ensure_one()
        return self.lead_id._get_records_action()

    def _record_need(self):
        result = super()._record_need()
        self._open_opportunity(self.need_text, self.need_date)
        return result

    def _open_opportunity(self, need, date):
        """A need becomes an opportunity of who is responsible: one for each follow-up.

        :param str need: in the customer's words
        :param date: when the customer wants it
        """
        self.ensure_one()
        # sudo: who finds a need may work without CRM; every value is of the follow-up, whose
        # rights are checked
        row = self.sudo()
        if not row.lead_id:
            need = (need or "").strip()
            row.lead_id = row.env["crm.lead"].create(
                {
                    "type": "opportunity",
                    "name": (need or row.name).splitlines()[0][:100],
                    "description": plaintext2html(need),
                    "partner_id": row.partner_id.id,
                    "user_id": row.user_id.id,
                    "company_id": row.company_id.id,
                    "date_deadline": date,
                }
            )
        return row.lead_id.sudo(False)
