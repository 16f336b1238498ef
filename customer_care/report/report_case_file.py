from lxml import html
from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date, format_datetime, formatLang


class ReportCaseFile(models.AbstractModel):
    """All that is known of a case, on paper: with the rights of who prints it."""

    _name = "report.customer_care.report_case_file"
    _description = "The complaint file"

    @api.model
    def _get_report_values(self, docids, data=None):
        cases = self.env["care.case"].browse(docids).exists()
        cases.check_access("read")
        return {
            "doc_ids": cases.ids,
            "doc_model": cases._name,
            "docs": cases,
            "company": cases.company_id[:1] or self.env.company,
            "messages": self._messages(cases),
            "promises": self._promises(cases),
            "label": self._label,
            "moment": self._moment,
            "number": self._number,
            "tracked": self._tracked,
        }

    @api.model
    def _promises(self, cases):
        """What was promised about each case.

        :return: dict id of case -> promises, as its reader may see them
        """
        promises = self.env["care.promise"].search([("case_id", "in", cases.ids)], order="id")
        by_case = promises.grouped(lambda promise: promise.case_id.id)
        return {case_id: by_case.get(case_id, promises.browse()) for case_id in cases.ids}

    @api.model
    def _messages(self, cases):
        """The messages of each case in their order, with who may read each.

        :return: dict id of case -> list of dicts ``message``, ``internal``, ``changes``
        """
        told = {case_id: [] for case_id in cases.ids}
        messages = self.env["mail.message"].search(
            [("model", "=", cases._name), ("res_id", "in", cases.ids)], order="date, id"
        )
        # sudo: of messages that the reader may read; fields they may not see are left out
        tracked = messages.sudo().tracking_value_ids._filter_has_field_access(self.env)
        by_message = tracked.grouped(lambda value: value.mail_message_id.id)
        for message in messages:
            changes = by_message.get(message.id)
            told[message.res_id].append(
                {
                    "message": message,
                    "body": self._without_links(message.body),
                    "internal": message.is_internal
                    or not message.subtype_id
                    or message.subtype_id.internal,
                    "changes": changes._tracking_value_format() if changes else [],
                }
            )
        return told

    @api.model
    def _without_links(self, body):
        """The words of a message: a link in a mail to the customer opens their case to whoever
        holds it, on paper too.
        """
        if not body:
            return ""
        root = html.fragment_fromstring(body, create_parent="div")
        for link in root.iter("a"):
            link.tag = "span"
            link.attrib.clear()
        return Markup(html.tostring(root, encoding="unicode"))

    @api.model
    def _label(self, record, name):
        """The word for the value of a selection."""
        return dict(record._fields[name]._description_selection(self.env)).get(record[name], "")

    @api.model
    def _number(self, value):
        """A number as the reader's language writes it."""
        return formatLang(self.env, value, digits=1)

    @api.model
    def _tracked(self, record, change, name):
        """What a field was, or became, as people write it.

        :param dict change: as of ``_tracking_value_format``
        :param str name: ``oldValue`` or ``newValue``
        """
        value, kind = change[name], change["fieldInfo"]["fieldType"]
        if kind == "boolean":
            return self.env._("Yes") if value else self.env._("No")
        if value and kind == "datetime":
            return self._moment(record, fields.Datetime.to_datetime(value.removesuffix("Z")))
        if value and kind == "date":
            return format_date(self.env, value)
        return value or "–"

    @api.model
    def _moment(self, record, value):
        """A moment in the zone of the record's company."""
        return value and format_datetime(self.env, value, tz=record.company_id._care_tz())
