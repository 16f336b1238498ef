"""What is not promised, and why: worked out when somebody asks, from the policies of then."""

from odoo import api, fields, models

from .care_sla_measure import MEASURES_BY_NAME


class CareSlaPolicy(models.Model):
    _inherit = "care.sla.policy"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _refusals(self, records):
        """What the policies of now say about these records, measure by measure.

        :param records: cases or journeys, as superuser
        :return: dict record -> list of (measure, :class:`Choice`, policies behind the line that
            ends the search), and the number of policies that are for others
        """
        found = {}
        for company, mine in records.grouped("company_id").items():
            count = len(self._book_of(company).of(records._name))
            measures = [
                name
                for name, measure in MEASURES_BY_NAME.items()
                if records._name in measure.models
            ]
            for record, candidates in self._candidates(mine, company).items():
                about = self._line_key(record, True)
                looks = [
                    (measure, choice, [p.id for _rank, p, _match in candidates[len(choice.why) :]])
                    for measure in measures
                    for choice in [self._look_for(candidates, measure, about)]
                ]
                found[record] = looks, count - len(candidates)
        return found


class CareOwnedMixin(models.AbstractModel):
    _inherit = "care.owned.mixin"  # pylint: disable=consider-merging-classes-inherited

    not_promised = fields.Json(
        compute="_compute_not_promised",
        groups="base.group_user",
        help="Whether it is told by the policies of today, which may be others than when it began; "
        "and of each thing that is not promised its name and the reasons, line by line.",
    )

    @api.depends_context("lang")
    def _compute_not_promised(self):
        """Nothing of it is kept: a case for which nothing is promised costs nothing."""
        self.not_promised = False
        # sudo: the names of the company's policies, which whoever works here may know
        records = self.sudo().filtered("id")
        policies = self.env["care.sla.policy"].sudo().with_context(active_test=False)
        told = policies._refusals(records)
        ids = {
            policy_id
            for looks, _others in told.values()
            for _measure, choice, behind in looks
            for policy_id in (*(known for known, _code in choice.why), *behind)
        }
        names = {
            policy.id: self.env._("“%s”", policy.name)
            for policy in policies.search([("id", "in", list(ids))])
        }
        clocks = (
            self.env["care.sla.clock"]
            .sudo()
            .search([(self._care_link, "in", records.ids), ("given_up", "=", False)])
            .grouped(lambda clock: clock._record().id)
        )
        for record in self.filtered("id"):
            company = record.sudo().company_id
            looks, others = told[record.sudo()]
            mine = clocks.get(record.id, self.env["care.sla.clock"])
            record.not_promised = {
                # the company's version changes with each of its policies
                "today": company.write_date > record.create_date,
                "covered": bool(record.sudo()._care_covered()),
                "rows": record._why_not(looks, others, mine, names),
            }

    def _why_not(self, looks, others, clocks, names):
        """
        :param clocks: the promises of this record, as superuser
        :param dict names: id of a policy -> its name
        """
        self.ensure_one()
        labels = dict(
            self.env["care.sla.clock"]._fields["measure"]._description_selection(self.env)
        )
        promised = {
            clock.measure
            for clock in clocks
            if clock.measure != "stage" or clock.cycle == self.entries
        }
        rows = []
        for measure, choice, behind in looks:
            begins = "case_opened" in MEASURES_BY_NAME[measure].begins
            # what begins later is not missing yet
            if measure in promised or (choice.policy and not begins):
                continue
            rows.append(
                {
                    "measure": labels[measure],
                    "reasons": self._why_not_lines(choice, behind, others, names),
                }
            )
        return rows

    def _why_not_lines(self, choice, behind, others, names):
        texts = self.env["care.sla.policy"]._why_texts()
        if "severity" not in self._fields:
            texts["no_line"] = self.env._("Not %s: it promises nothing for this.")
        lines = []
        if choice.policy:
            lines.append(
                self.env._(
                    "%s promises it now, but did not when it would have begun, or it was done.",
                    names[choice.policy.id],
                )
            )
        elif choice.line:
            # sudo: as the policies' names
            target = self.env["care.sla.target"].sudo().browse(choice.line.target_id)
            lines.append(
                self.env._(
                    "%(policy)s says so in its line “%(line)s”.",
                    policy=names[choice.why[-1][0]],
                    line=target.display_name,
                )
            )
            if behind:
                lines.append(
                    self.env._(
                        "Not asked any more: %s.",
                        ", ".join(names[policy_id] for policy_id in behind),
                    )
                )
        lines += [
            texts[code] % names[policy_id]
            for policy_id, code in choice.why
            if code in ("no_line", "filter")
        ]
        if others == 1:
            lines.append(self.env._("One policy is for other customers or tiers."))
        elif others:
            lines.append(self.env._("%s policies are for other customers or tiers.", others))
        return lines or [self.env._("No policy is about this yet.")]
