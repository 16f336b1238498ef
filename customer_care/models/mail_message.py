from odoo import models
from odoo.tools import SQL

#: Types of messages that no person wrote.
AUTOMATIC = ("auto_comment", "notification", "out_of_office", "user_notification")


class MailMessage(models.Model):
    """Internal messages of a case are internal, of whatever type they are.

    Odoo hides notes from a customer who can read the document, but not what it posts itself:
    the feedback of a done activity is such a message.
    """

    _inherit = "mail.message"

    def _check_access(self, operation):
        result = super()._check_access(operation)
        if not self or self.env.su or self.env.user._is_internal():
            return result
        rows = self.env.execute_query(
            SQL(
                "SELECT m.id FROM mail_message m"
                " LEFT JOIN mail_message_subtype s ON s.id = m.subtype_id"
                " WHERE m.id = ANY(%s) AND m.model = 'care.case'"
                " AND (m.is_internal OR m.subtype_id IS NULL OR s.internal)",
                list(self.ids),
            )
        )
        hidden = self.browse(row_id for (row_id,) in rows)
        if result:
            return (result[0] | hidden, result[1])
        return (hidden, lambda: hidden._make_access_error(operation)) if hidden else None
