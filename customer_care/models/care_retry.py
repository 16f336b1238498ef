from odoo import api, fields, models


class CareRetry(models.Model):
    """A rule that failed for a record: tried again until the rule is mended."""

    _name = "care.retry"
    _description = "Rule waiting to be retried"
    _inherit = ["care.due.mixin"]
    _order = "id desc"
    _due_cron = "customer_care.ir_cron_retries"

    rule_model = fields.Char(required=True, readonly=True)
    rule_id = fields.Many2oneReference(
        "Rule", model_field="rule_model", required=True, readonly=True, index=True
    )
    event = fields.Char(required=True, readonly=True)
    journey_id = fields.Many2one("care.journey", ondelete="cascade", index=True)
    case_id = fields.Many2one("care.case", ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")

    _one_record = models.Constraint(
        "CHECK (num_nonnulls(journey_id, case_id) = 1)",
        "A retry belongs to one journey or one case.",
    )
    _journey_uniq = models.UniqueIndex(
        "(rule_model, rule_id, event, journey_id) WHERE state IN ('planned', 'failed')"
        " AND journey_id IS NOT NULL"
    )
    _case_uniq = models.UniqueIndex(
        "(rule_model, rule_id, event, case_id) WHERE state IN ('planned', 'failed')"
        " AND case_id IS NOT NULL"
    )

    @api.model
    def _remember(self, rule, records, event, error):
        """Keep what ``rule`` could not do for ``records``."""
        link = records._care_link
        return self._plan(
            [
                {
                    "state": "planned",
                    "attempts": 1,
                    "error": str(error) or type(error).__name__,
                    "next_at": self._next_attempt(1),
                    "rule_model": rule._name,
                    "rule_id": rule.id,
                    "event": event,
                    "company_id": record.company_id.id,
                    link: record.id,
                }
                for record in records
                if not rule.company_id or record.company_id == rule.company_id
            ]
        )

    @api.model
    def _rule_fields_kept(self, vals):
        """Whether a write on a rule changes nothing that could have mended it."""
        return set(vals) <= {"sequence", "name"}

    @api.model
    def _wake(self, rules):
        """Try the waiting work of these rules at once."""
        rows = self.search(
            [
                ("rule_model", "=", rules._name),
                ("rule_id", "in", rules.ids),
                ("state", "in", ("planned", "failed")),
            ]
        )
        rows.write({"state": "planned", "attempts": 1, "next_at": self.env.cr.now()})
        rows._trigger_due()

    def _run_due(self):
        for (model, rule_id, event), rows in self.grouped(
            lambda row: (row.rule_model, row.rule_id, row.event)
        ).items():
            rule = self.env[model].browse(rule_id).exists() if model in self.env else None
            if not rule or not rule.active:
                rows._cancel_due()
                continue
            for records in (rows.journey_id, rows.case_id):
                if records:
                    rule._apply(rule._match(records), event)
            rows.write({"state": "done", "next_at": False, "error": False})
