from lxml import html
from markupsafe import Markup

from odoo import api, models
from odoo.tools import format_datetime

from ..models.care_fact import SMALL


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
            "label": self._label,
            "moment": self._moment,
        }

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
    def _moment(self, record, value):
        """A moment in the zone of the record's company."""
        return value and format_datetime(self.env, value, tz=record.company_id._care_tz())


class ReportPeriod(models.AbstractModel):
    """Counts and times of a period."""

    _name = "report.customer_care.report_period"
    _description = "The period report"

    @api.model
    def _get_report_values(self, docids, data=None):
        wizards = self.env["care.period.report"].browse(docids).exists()
        wizards.check_access("read")
        return {
            "doc_ids": wizards.ids,
            "doc_model": wizards._name,
            "docs": wizards,
            "counts": {wizard.id: self._counts(wizard) for wizard in wizards},
            "figures": {wizard.id: self._figures(wizard) for wizard in wizards},
            "answers": {wizard.id: self._answers(wizard) for wizard in wizards},
        }

    @api.model
    def _counts(self, wizard):
        """How many cases were received, by kind, category, severity and team.

        :return: list of (title, [(label, count)]), each sorted by count
        """
        cases = self.env["care.case"]
        domain = wizard._cases_domain()
        tables = []
        for name in ("kind", "category_id", "severity", "team_id", "stage_category"):
            field = cases._fields[name]
            words = (
                dict(field._description_selection(self.env)) if field.type == "selection" else {}
            )
            rows = [
                (
                    words.get(value)
                    or (value and value.display_name if not words else value)
                    or self.env._("None"),
                    count,
                )
                for value, count in cases._read_group(domain, [name], ["__count"])
            ]
            title = field._description_string(self.env)
            tables.append((title, sorted(rows, key=lambda row: (-row[1], str(row[0])))))
        return tables

    @api.model
    def _figures(self, wizard):
        """What the facts of the period say.

        :return: list of dicts ``measure``, ``count``, ``rate``, ``hours``, ``median``, ``p90``,
            ``small``
        """
        facts = self.env["care.fact"]
        words = dict(facts._fields["measure"]._description_selection(self.env))
        groups = dict.fromkeys(words)
        for measure, count, cases, rate, hours, median, p90 in facts._read_group(
            wizard._facts_domain(),
            ["measure"],
            [
                *("__count", "denominator:sum", "rate:avg"),
                *("hours:avg", "median_hours:avg", "p90_hours:avg"),
            ],
        ):
            groups[measure] = {
                "measure": words[measure],
                "count": count,
                # of a time there is no rate, and the other way round
                "rate": rate if cases else None,
                "hours": None if cases else hours,
                "median": None if cases else median,
                "p90": None if cases else p90,
                "small": count < SMALL,
            }
        return [group for group in groups.values() if group]

    @api.model
    def _answers(self, wizard):
        """What customers said of the cases received in the period."""
        cases = self.env["care.case"]
        domain = wizard._cases_domain()
        words = dict(cases._fields["customer_answer"]._description_selection(self.env))
        counts = dict(cases._read_group(domain, ["customer_answer"], ["__count"]))
        rows = [(label, counts.get(value, 0)) for value, label in words.items()]
        silent = cases.search_count([*domain, ("closed_silently", "=", True)])
        reopened = cases.search_count([*domain, ("cycle", ">", 1)])
        rows.append((self.env._("Closed without an answer"), silent))
        rows.append((self.env._("Reopened"), reopened))
        return rows
