"""Scores of published visits to us as facts."""

from odoo import fields, models

from odoo.addons.customer_care.models.care_due_mixin import insert_new

from .care_audit import MANAGER

AUDIT = "audit"


class CareFact(models.Model):
    _inherit = "care.fact"  # pylint: disable=consider-merging-classes-inherited

    measure = fields.Selection(selection_add=[(AUDIT, "Audit score")], ondelete={AUDIT: "cascade"})

    @property
    def _share_measures(self):
        return (*super()._share_measures, AUDIT)


class CareAudit(models.Model):
    _inherit = "care.audit"  # pylint: disable=consider-merging-classes-inherited

    def action_publish(self):
        result = super().action_publish()
        # sudo: facts belong to the engine; rights were checked
        self.sudo()._write_facts()
        return result

    def _reply(self, words, accepted):
        result = super()._reply(words, accepted)
        if accepted:
            # sudo: as above
            self.sudo()._write_facts()
        return result

    def _write_facts(self):
        """The facts of these visits as they count now: what was objected to and accepted is
        taken back.
        """
        facts = self.env["care.fact"]
        facts.search([("res_model", "=", self._name), ("res_id", "in", self.ids)]).unlink()
        self.env.flush_all()
        insert_new(
            facts,
            [
                {**facts._blank(), **audit._prepare_fact()}
                for audit in self
                if audit.state == "published" and audit.whose == "own" and audit.has_score
            ],
        )

    def _prepare_fact(self):
        """Column values: points earned of those that could be, each weight one point."""
        self.ensure_one()
        lines = self.line_ids.filtered("counts")
        zone = self.with_context(tz=self.company_id._care_tz())
        return {
            "measure": AUDIT,
            "day": fields.Datetime.context_timestamp(zone, self.published_at).date(),
            "numerator": sum(line.points * line.weight for line in lines) / 100,
            "denominator": sum(lines.mapped("weight")),
            "company_id": self.company_id.id,
            "team_id": self.team_id.id,
            "user_id": self.audited_id.id,
            "stage_id": self.stage_id.id,
            "curator_id": self.stage_id.curator_id.id,
            "confidential": False,
            "res_model": self._name,
            "res_id": self.id,
            "cycle": 1,
        }


class ResUsers(models.Model):
    _inherit = "res.users"  # pylint: disable=consider-merging-classes-inherited

    def _care_audit_fact_domain(self):
        """Facts that this user may see as far as audits go: a colleague's score is not theirs."""
        self.ensure_one()
        if self.has_group(MANAGER):
            return [(1, "=", 1)]
        return [
            *("|", "|", "|", "|"),
            ("measure", "!=", AUDIT),
            ("user_id", "=", self.id),
            ("user_id", "=", False),
            ("curator_id", "=", self.id),
            ("team_id.leader_id", "=", self.id),
        ]
