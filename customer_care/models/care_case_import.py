from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from .care_due_mixin import ENGINE


class CareCase(models.Model):
    """The register's door for old lists: Odoo's own import, made safe.

    What is imported is dated by when the customer told us, gets no acknowledgement, no
    follow-up and no promise: see ``channel`` in ``_care_event``.
    """

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def get_import_templates(self):
        return [
            {
                "label": self.env._("Import Template for Cases"),
                "template": "/customer_care/static/csv/cases.csv",
            }
        ]

    def _complete_vals(self, vals_list):
        if self.env.context.get("care_import") is ENGINE:
            now = self.env.cr.now()
            for vals in vals_list:
                vals["channel"] = "import"
                received = fields.Datetime.to_datetime(vals.get("received_at") or now)
                vals["received_at"] = received
                if not (
                    vals.get("partner_id") or vals.get("order_id") or vals.get("kind") == "mention"
                ):
                    raise UserError(
                        self.env._(
                            "“%s” has no customer: write their name or mail address.",
                            vals.get("name"),
                        )
                    )
                if received > now:
                    raise UserError(
                        self.env._(
                            "“Received At” of “%s” lies in the future: give the moment at which "
                            "the customer told us.",
                            vals.get("name"),
                        )
                    )
        return super()._complete_vals(vals_list)

    @api.model
    def load(self, fields, data):
        """Import rows; customers may be named by their mail, whatever its spelling."""
        if not self.env.context.get("import_file"):
            return super().load(fields, data)
        # compared by identity: nobody says from afar that something is imported
        self = self.with_context(care_import=ENGINE)  # noqa: PLW0642
        if "partner_id" not in fields:
            return super().load(fields, data)
        self.check_access("create")
        column = fields.index("partner_id")
        known, messages = self._import_customers([row[column] for row in data]), []
        rows = []
        for index, row in enumerate(data):
            row = list(row)  # noqa: PLW2901
            text = str(row[column] or "").strip()
            partners = known[text]
            if text and len(partners) != 1:
                messages.append(
                    {
                        "type": "error",
                        "record": index,
                        "rows": {"from": index, "to": index},
                        "field": "partner_id",
                        "message": self._import_complaint(text, partners),
                    }
                )
            row[column] = str(partners.id) if len(partners) == 1 else ""
            rows.append(row)
        if messages:
            return {"ids": False, "messages": messages, "nextrow": 0}
        names = [*fields]
        names[column] = "partner_id/.id"
        return super().load(names, rows)

    def _import_complaint(self, text, partners):
        if partners:
            return self.env._(
                "%(count)s customers are called “%(text)s”: write the mail address of the right "
                "one instead.",
                count=len(partners),
                text=text,
            )
        return self.env._(
            "There is no customer “%s” in this company. Make the contact first, or write the name "
            "or the mail address that it has.",
            text,
        )

    @api.model
    def _import_customers(self, texts):
        """Whom these names and mail addresses mean.

        :return: dict text -> partners, none or several where it is not clear
        """
        texts = {str(text or "").strip() for text in texts}
        emails = {text: email_normalize(text) for text in texts if "@" in text}
        companies = [("company_id", "in", (False, self.env.company.id))]
        partners = self.env["res.partner"]
        found = defaultdict(partners.browse)
        by_email = partners.search(
            [("email_normalized", "in", [mail for mail in emails.values() if mail]), *companies]
        ).grouped("email_normalized")
        for text, email in emails.items():
            # several with one address: the company's own, the one who was there first
            mine = by_email.get(email, partners)
            found[text] = mine.sorted(
                lambda partner: (partner.company_id != self.env.company, partner.id)
            )[:1]
        names = [text for text in texts if text and text not in emails]
        for partner in partners.search(
            ["|", ("complete_name", "in", names), ("name", "in", names), *companies]
        ):
            for name in {partner.complete_name, partner.name} & set(names):
                found[name] |= partner
        return found
