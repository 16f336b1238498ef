"""Remedies where other parts of the register look at a case as a whole: merged, confidential,
anonymised, measured.
"""

from collections import defaultdict

from odoo import api, fields, models


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    # ------------------------------------------------------------
    # Merged
    # ------------------------------------------------------------

    def _merge_rows(self, target):
        mine = [("case_id", "in", self.ids)]
        offering = self.env["care.notice"].search(
            [*mine, ("kind", "=", "remedy_offered"), ("state", "=", "planned")]
        )
        result = super()._merge_rows(target)
        self.env["care.remedy"].search(mine).write({"case_id": target.id})
        self.env["care.outlay"].search(mine).write({"case_id": target.id})
        # what is offered is still to be told, with the case that it belongs to now
        offering.write({"case_id": target.id, "state": "planned", "next_at": self.env.cr.now()})
        offering._trigger_due()
        (self | target)._add_up_cost()
        return result

    def _add_up_cost(self):
        """What these cases have cost so far; as superuser."""
        costs = dict(
            self.env["care.remedy"]._read_group(
                [("case_id", "in", self.ids)], ["case_id"], ["cost:sum"]
            )
        )
        for case in self:
            case.write({"cost": costs.get(case, 0.0)})

    # ------------------------------------------------------------
    # Anonymised
    # ------------------------------------------------------------

    def _anonymize_linked(self, scrubbers):
        """What was given stays, to whom does not: orders and credit notes lead to a person."""
        result = super()._anonymize_linked(scrubbers)
        remedies = self.env["care.remedy"].search([("case_id", "in", self.ids)])
        amounts = {remedy: remedy.amount for remedy in remedies}
        remedies.line_ids.unlink()
        for remedy in remedies.with_context(tracking_disable=True):
            scrub = scrubbers[remedy.case_id]
            remedy.write(
                {
                    "amount": amounts[remedy],
                    "text": scrub(remedy.text),
                    "trouble": scrub(remedy.trouble),
                    "refuse_reason": scrub(remedy.refuse_reason),
                    "answered_by_id": False,
                    "order_id": False,
                    "partner_id": remedy.company_id._care_anonymous_partner().id,
                }
            )
        remedies.document_ids.unlink()
        remedies.message_ids.unlink()
        remedies.activity_ids.unlink()
        self.env["care.outlay"].search(
            ["|", ("case_id", "in", self.ids), ("remedy_id", "in", remedies.ids)]
        ).write({"partner_id": False, "order_id": False, "move_id": False, "payment_id": False})
        return result

    # ------------------------------------------------------------
    # Measured
    # ------------------------------------------------------------

    def _fact_values(self, event):
        values = super()._fact_values(event)
        if event != "case_closed":
            return values
        counted = dict(
            self.env["care.fact"]._read_group(
                [("case_id", "in", self.ids), ("measure", "=", "remedy_cost")],
                ["case_id"],
                ["numerator:sum"],
            )
        )
        for case in self:
            # of a case that was closed before, what has been added since
            fact = {
                "measure": "remedy_cost",
                "numerator": max(case.cost - counted.get(case, 0.0), 0.0),
                "denominator": 1,
            }
            values.setdefault(case, []).append(fact)
        return values


class CareFact(models.Model):
    _inherit = "care.fact"  # pylint: disable=consider-merging-classes-inherited

    measure = fields.Selection(
        selection_add=[("remedy_cost", "Cost of remedies per case")],
        ondelete={"remedy_cost": "cascade"},
    )

    @api.model
    def _merge(self, cases, target):
        """What was counted of them is counted of a target that is over as well: it is not closed
        a second time.
        """
        result = super()._merge(cases, target)
        # sudo: facts belong to the engine
        costs = self.sudo().search(
            [("case_id", "=", target.id), ("measure", "=", "remedy_cost")], order="cycle"
        )
        if costs and target.stage_category == "closed":
            missing = target.cost - sum(costs.mapped("numerator"))
            costs[-1].numerator += max(missing, 0.0)
        return result

    @api.model
    def _of_closed(self, closed, chains):
        """Of a case that was closed twice since the last run, each time counts its own cost."""
        vals_list = super()._of_closed(closed, chains)
        pieces = defaultdict(list)
        for piece in closed:
            pieces[piece.case_id].append(piece)
        twice = {case: mine for case, mine in pieces.items() if len(mine) > 1}
        rows = {
            (vals["res_id"], vals["cycle"]): vals
            for vals in vals_list
            if vals["measure"] == "remedy_cost"
        }
        for case, mine in twice.items():
            left = rows[case.id, mine[0].cycle]["numerator"]
            # what was counted by earlier runs was done first
            counted = case.cost - left
            for piece in sorted(mine, key=lambda piece: piece.cycle):
                done = case.remedy_ids.filtered(
                    lambda remedy, piece=piece: (
                        remedy.executed_at and remedy.executed_at <= piece.until
                    )
                )
                share = min(max(sum(done.mapped("cost")) - counted, 0.0), left)
                if piece.cycle == max(part.cycle for part in mine):
                    share = left
                rows[case.id, piece.cycle]["numerator"] = share
                counted, left = counted + share, left - share
        return vals_list


class CareAuthority(models.Model):
    _inherit = "care.authority"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _approvers(self, company, team, kind, parts, among=None, **context):
        """Of a confidential case nobody is asked whose business it is not."""
        approvers = super()._approvers(company, team, kind, parts, among, **context)
        for case in {case for case, _order, _amount in parts if case}:
            approvers = approvers.filtered(lambda user, case=case: case._may_be_told(user))
        return approvers
