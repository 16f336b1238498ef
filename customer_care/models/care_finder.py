import re

from odoo import api, models
from odoo.modules.db import FunctionStatus
from odoo.tools import SQL, email_normalize

#: Digits from which on a text is taken for a phone number; of a longer one the last count.
PHONE_MIN = 5
PHONE_TAIL = 9


def _by_words(registry, column):
    """An index by which parts of a text are found; empty where the database has none."""
    if not registry.has_trigram:
        return ""
    if registry.has_unaccent == FunctionStatus.INDEXABLE:
        column = registry.unaccent(column)
    return f"USING gin ({column} gin_trgm_ops)"


class ResPartner(models.Model):
    _inherit = "res.partner"

    # No column: by these the customer on the phone is found, however the number is written.
    _care_phone_idx = models.Index(
        "(reverse(regexp_replace(phone, '[^0-9]', '', 'g')) text_pattern_ops)"
        " WHERE phone IS NOT NULL"
    )
    _care_name_idx = models.Index(lambda registry: _by_words(registry, "complete_name"))

    @api.model
    def _care_find(self, text, limit=8):
        """The customers whom a text means that somebody says on the phone: a phone number, the
        number of an order, a mail address or a name. With the reader's own rights; each kind
        of search goes by an index.

        :return: partners, the likeliest first
        """
        text = (text or "").strip()
        if not text:
            return self.browse()
        mine = [("company_id", "in", (False, self.env.company.id))]
        exact = re.sub(r"([\\%_])", r"\\\1", text)
        found = (
            self.env["sale.order"]
            .search([("name", "=ilike", exact), ("company_id", "=", self.env.company.id)], limit=1)
            .partner_id
        )
        digits = re.sub(r"\D", "", text)
        if len(digits) >= PHONE_MIN and not re.search(r"[^\W\d_]|@", text):
            return found | self.search(
                [("id", "in", self._care_ids_by_phone(digits, limit)), *mine], limit=limit
            )
        email = "@" in text and email_normalize(text)
        if email:
            return found | self.search([("email_normalized", "=", email), *mine], limit=limit)
        return found | self.search([("complete_name", "ilike", text), *mine], limit=limit)

    @api.model
    def _care_ids_by_phone(self, digits, limit):
        """Partners whose number ends with these digits, whatever stands before and between."""
        tail = digits.lstrip("0")[-PHONE_TAIL:]
        if len(tail) < PHONE_MIN:
            tail = digits[-PHONE_TAIL:]
        self.flush_model(["phone", "active"])
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM res_partner WHERE phone IS NOT NULL AND active"
                " AND reverse(regexp_replace(phone, '[^0-9]', '', 'g')) LIKE %s LIMIT %s",
                tail[::-1] + "%",
                limit * 4,
            )
        )
        return [row_id for (row_id,) in rows]
