from collections import defaultdict

from odoo import api, models
from odoo.tools import format_amount, formatLang

from ..models.care_fact import SMALL
from ..models.care_stage import OVER

#: Rows of causes and products on paper; the rest is summed up.
TOP = 15
#: Categories of stages, and the column in which the report counts their cases.
COLUMNS = {
    "open": "open",
    "waiting": "open",
    "resolved": "resolved",
    "closed": "closed",
    "cancelled": "cancelled",
}


class ReportPeriod(models.AbstractModel):
    """What the register says of a period, with the rights of who prints it."""

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
            "parts": {wizard.id: self._parts(wizard) for wizard in wizards},
            "share": self._share,
            "number": self._number,
        }

    @api.model
    def _parts(self, wizard):
        """All that stands in the report of one period."""

        def money(amount):
            return format_amount(self.env, amount, wizard.company_id.currency_id)

        return {
            "money": money,
            "register": self._received(wizard),
            "counts": self._counts(wizard),
            "answers": self._answers(wizard),
            "figures": self._figures(wizard),
            "causes": self._behind(wizard, "cause_id"),
            "products": self._behind(wizard, "product_id.product_tmpl_id"),
            "costs": self._costs(wizard),
            "promises": self._promises(wizard),
            "actions": self._actions(wizard),
        }

    # ------------------------------------------------------------
    # Numbers, as the reader's language writes them
    # ------------------------------------------------------------

    @api.model
    def _share(self, value):
        return self.env._("%s %%", formatLang(self.env, 100 * value, digits=0))

    @api.model
    def _number(self, value, digits=1):
        return formatLang(self.env, value, digits=digits)

    # ------------------------------------------------------------
    # Cases
    # ------------------------------------------------------------

    @api.model
    def _received(self, wizard):
        """What became of the cases received in the period, and what was closed in it.

        :return: dict ``rows`` (list of dicts ``kind``, ``received``, ``open``, ``resolved``,
            ``closed``, ``cancelled``: they add up), ``total`` (the same), ``closed`` (how many
            were closed in the period, whenever received) and ``open`` (how many are open now)
        """
        cases = self.env["care.case"]
        words = dict(cases._fields["kind"]._description_selection(self.env))
        names = ("received", *dict.fromkeys(COLUMNS.values()))
        rows = {}
        for kind, category, count in cases._read_group(
            wizard._cases_domain(), ["kind", "stage_category"], ["__count"]
        ):
            row = rows.setdefault(kind, {"kind": words[kind], **dict.fromkeys(names, 0)})
            row["received"] += count
            row[COLUMNS[category]] += count
        rows = sorted(rows.values(), key=lambda row: (-row["received"], row["kind"]))
        return {
            "rows": rows,
            "total": {name: sum(row[name] for row in rows) for name in names},
            "closed": cases.search_count(
                [*wizard._domain_between("closed_at"), ("told_twice", "=", False)]
            ),
            "open": cases.search_count(
                [*wizard._domain(), ("stage_category", "not in", (*OVER, "resolved"))]
            ),
        }

    @api.model
    def _counts(self, wizard):
        """How many cases were received, by kind, category, severity and team.

        :return: list of (title, [(label, count)]), each sorted by count
        """
        cases = self.env["care.case"]
        domain = wizard._cases_domain()
        tables = []
        for name in ("kind", "category_id", "severity", "team_id"):
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

    # ------------------------------------------------------------
    # Facts
    # ------------------------------------------------------------

    @api.model
    def _figures(self, wizard):
        """What the facts of the period say.

        :return: list of dicts ``measure``, ``count``, ``rate`` (in words), ``hours``,
            ``median``, ``p90``, ``small``
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
            shared = measure in facts._share_measures
            if measure == "remedy_cost":
                told = format_amount(self.env, rate or 0, wizard.company_id.currency_id)
            else:
                told = self._share(rate or 0) if shared else self._number(rate or 0, 2)
            groups[measure] = {
                "measure": words[measure],
                "count": count,
                # of a time there is no rate, and the other way round
                "rate": told if cases else None,
                "hours": None if cases else hours,
                "median": None if cases else median,
                "p90": None if cases else p90,
                "small": count < SMALL,
            }
        return [group for group in groups.values() if group]

    # ------------------------------------------------------------
    # What is behind it, and what it costs
    # ------------------------------------------------------------

    @api.model
    def _behind(self, wizard, path):
        """Complaints received in the period by what is behind them, the most frequent first.

        :param str path: from the case to a cause or a product
        :return: list of dicts ``name``, ``count``, ``share``, ``cost`` (so far)
        """
        found = self.env["care.case"]._read_group(
            [
                *wizard._cases_domain(),
                ("kind", "=", "complaint"),
                ("stage_category", "!=", "cancelled"),
            ],
            [path],
            ["__count", "cost:sum"],
        )
        total = sum(count for _record, count, _cost in found)
        found.sort(key=lambda row: (-row[1], -row[2], row[0].id))
        rows = [
            {
                "name": record.display_name or self.env._("Not known"),
                "count": count,
                "share": count / total,
                "cost": cost,
            }
            for record, count, cost in found[:TOP]
        ]
        if found[TOP:]:
            count = sum(row[1] for row in found[TOP:])
            rows.append(
                {
                    "name": self.env._("%s more", len(found) - TOP),
                    "count": count,
                    "share": count / total,
                    "cost": sum(row[2] for row in found[TOP:]),
                }
            )
        return rows

    @api.model
    def _costs(self, wizard):
        """What the remedies cost that were done in the period, by cause and kind.

        :return: dict ``kinds`` (labels), ``rows`` (list of dicts ``name``, ``costs``: one a kind,
            ``sum``) and ``total`` (the same, summed up)
        """
        remedies = self.env["care.remedy"]
        labels = dict(remedies._fields["kind"]._description_selection(self.env))
        costs = defaultdict(lambda: defaultdict(float))
        for cause, kind, cost in remedies._read_group(
            [*wizard._domain_between("executed_at"), ("state", "=", "executed")],
            ["case_id.cause_id", "kind"],
            ["cost:sum"],
        ):
            if cost:
                costs[cause][kind] += cost
        used = [kind for kind in labels if any(kind in row for row in costs.values())]
        rows = [
            {
                "name": cause.display_name or self.env._("Not known"),
                "costs": [row.get(kind, 0.0) for kind in used],
                "sum": sum(row.values()),
            }
            for cause, row in costs.items()
        ]
        return {
            "kinds": [labels[kind] for kind in used],
            "rows": sorted(rows, key=lambda row: (-row["sum"], row["name"])),
            "total": {
                "costs": [sum(row[kind] for row in costs.values()) for kind in used],
                "sum": sum(row["sum"] for row in rows),
            },
        }

    # ------------------------------------------------------------
    # Promises and actions
    # ------------------------------------------------------------

    @api.model
    def _promises(self, wizard):
        """What became of the promises that were due in the period.

        :return: list of (label, count)
        """
        promises = self.env["care.promise"]
        words = dict(promises._fields["status"]._description_selection(self.env))
        due = wizard._domain_between("due_at")
        return [
            (words[status], promises.search_count([*due, ("status", "=", status)]))
            for status in ("kept", "late", "broken", "open")
        ]

    @api.model
    def _actions(self, wizard):
        """What was done in the period so that it does not happen again.

        :return: list of (label, count)
        """
        actions = self.env["care.action"]

        def count(moment, *domain):
            return actions.search_count([*wizard._domain_between(moment), *domain])

        return [
            (self.env._("Raised"), count("create_date")),
            (self.env._("Done"), count("done_at")),
            (
                self.env._("Checked: it worked"),
                count("finished_at", ("state", "=", "effective")),
            ),
            (self.env._("Reopened: it did not"), count("reopened_at")),
            (
                self.env._("Late now"),
                actions.search_count([*wizard._domain(), ("is_late", "=", True)]),
            ),
        ]
