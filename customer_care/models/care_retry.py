from datetime import timedelta

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
    rule_name = fields.Char("Rule That Failed", compute="_compute_words")
    event_name = fields.Char("What Happened", compute="_compute_words")
    journey_id = fields.Many2one("care.journey", ondelete="cascade", index=True)
    case_id = fields.Many2one("care.case", ondelete="cascade", index=True)
    order_id = fields.Many2one(
        "sale.order",
        ondelete="cascade",
        index="btree_not_null",
        help="An order whose journey could not start, because its type failed.",
    )
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    stage_id = fields.Many2one("care.stage", readonly=True, ondelete="cascade")
    happened_at = fields.Datetime("Event At", required=True, readonly=True)
    occurrence = fields.Integer(required=True, readonly=True)

    _one_record = models.Constraint(
        "CHECK (num_nonnulls(journey_id, case_id, order_id) = 1)",
        "A retry belongs to one journey, one case or one order.",
    )
    _journey_uniq = models.UniqueIndex(
        "(rule_model, rule_id, event, journey_id, occurrence) WHERE state IN ('planned', 'failed')"
        " AND journey_id IS NOT NULL"
    )
    _case_uniq = models.UniqueIndex(
        "(rule_model, rule_id, event, case_id, occurrence) WHERE state IN ('planned', 'failed')"
        " AND case_id IS NOT NULL"
    )

    _order_uniq = models.UniqueIndex(
        "(rule_model, rule_id, order_id) WHERE state IN ('planned', 'failed')"
        " AND order_id IS NOT NULL"
    )

    @api.depends("rule_model", "rule_id", "event")
    def _compute_words(self):
        for retry in self:
            # sudo: what the rule is called, for who may see that it failed
            rules = self.env[retry.rule_model].sudo() if retry.rule_model in self.env else None
            rule = rules is not None and rules.browse(retry.rule_id).exists()
            retry.rule_name = rule.display_name if rule else self.env._("Deleted since")
            field = rules is not None and rules._fields.get("event")
            words = dict(field._description_selection(self.env)) if field else {}
            retry.event_name = words.get(retry.event) or self.env._("A journey starts")

    def action_open_rule(self):
        """The rule that is to be mended."""
        self.ensure_one()
        return self.env[self.rule_model].browse(self.rule_id)._get_records_action()

    @api.model
    def _remember_orders(self, journey_type, orders, error):
        """Keep the orders whose journey ``journey_type`` could not start."""
        now = self.env.cr.now()
        return self._plan(
            [
                {
                    "state": "planned",
                    "attempts": 1,
                    "error": str(error) or type(error).__name__,
                    "next_at": self._next_attempt(1),
                    "rule_model": journey_type._name,
                    "rule_id": journey_type.id,
                    "event": "order_confirmed",
                    "happened_at": now,
                    "occurrence": 1,
                    "company_id": order.company_id.id,
                    "order_id": order.id,
                }
                for order in orders
            ]
        )

    @api.model
    def _remember(self, rule, records, event, when, error):
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
                    "stage_id": record.stage_id.id,
                    "happened_at": when[record][0],
                    "occurrence": when[record][1],
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
    def _wake(self, rules, active_test=True):
        """Try the waiting work of these rules at once."""
        if active_test:
            rules = rules.filtered("active")
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
        """Do what the first attempt would have done: the event's own moment, occurrence and
        stage count, not those of today.
        """
        for (model, rule_id, event, company), rows in self.grouped(
            lambda row: (row.rule_model, row.rule_id, row.event, row.company_id)
        ).items():
            rule = self.env[model].browse(rule_id).exists() if model in self.env else None
            rule = rule and rule.with_company(company)
            rows = rows._locked()
            if rows.order_id:
                rows._start_journeys(rule)
            elif not rule:
                rows._cancel_due()
            elif not rule.active:
                rows.write({"next_at": False})  # waits until the rule is switched on again
            else:
                rows._apply_rule(rule, event)

    def _locked(self):
        """The rows whose record nobody is changing, which is ours until the end of the
        transaction; the others wait a minute. Otherwise a cancellation that is on its way
        would not see what is planned here.
        """
        free = self.browse()
        for name in ("order_id", "journey_id", "case_id"):
            got = self[name].try_lock_for_update()
            free |= self.filtered(lambda row, n=name, got=got: row[n] and row[n] in got)
        (self - free).write({"next_at": self.env.cr.now() + timedelta(minutes=1)})
        return free

    def _apply_rule(self, rule, event):
        overtaken = self.filtered(lambda row: row._overtaken())
        overtaken._cancel_due({"error": self.env._("It was overtaken: reopened since.")})
        rows = self - overtaken
        for row in rows:
            record = (row.journey_id or row.case_id).with_company(row.company_id)
            if rule._match_in(record, row.stage_id):
                rule._apply(record, event, {record: (row.happened_at, row.occurrence)})
        rows.write({"state": "done", "next_at": False, "error": False})

    def _start_journeys(self, journey_type):
        """Send the orders on their way: this type's once it is mended, or another's when it
        is gone.

        :param journey_type: as it is now; empty when it was deleted
        """
        if journey_type and journey_type.active:
            journey_type._matching(self.order_id)  # raises while it is broken
        self.write({"state": "done", "next_at": False, "error": False})
        for happened_at, rows in self.grouped("happened_at").items():
            orders = rows.order_id.filtered(lambda order: order.state == "sale")
            self.env["care.journey"]._start_for(orders, happened_at)

    @api.autovacuum
    def _gc_done(self):
        """Forget what was mended a quarter of a year ago."""
        long_ago = self.env.cr.now() - timedelta(days=90)
        self.search(
            [("state", "in", ("done", "cancelled")), ("write_date", "<", long_ago)], limit=10000
        ).unlink()

    def _overtaken(self):
        """Whether the record was reopened since: then the event counts no more."""
        self.ensure_one()
        record = self.journey_id or self.case_id
        return self.event != "stage_entered" and record.cycle != self.occurrence
