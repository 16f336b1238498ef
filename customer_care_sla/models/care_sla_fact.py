"""Facts of promises: written once each time that a promise is fulfilled, kept or late."""

from odoo import api, fields, models

from odoo.addons.customer_care.models.care_due_mixin import insert_new, run_domain
from odoo.addons.customer_care.models.care_fact import BATCH

from .care_sla_pause import REASONS

#: What is measured of promises.
PROMISE_MEASURES = [
    ("promise_kept", "Promise kept"),
    ("promise_time", "Time of a promise"),
    ("promise_pause", "Pause of a promise"),
    ("green_unhappy", "Kept, but unhappy"),
]

#: States of a promise that is counted, or will be.
COUNTING = ("running", "paused", "met")
#: A provider who let it become late and never answered has broken the promise, whatever became
#: of the case.
UNANSWERED = [
    ("measure", "=", "provider"),
    ("state", "=", "cancelled"),
    ("breached_at", "!=", False),
    ("given_up", "=", False),
]


class CareFact(models.Model):
    _inherit = "care.fact"  # pylint: disable=consider-merging-classes-inherited

    measure = fields.Selection(
        selection_add=PROMISE_MEASURES,
        ondelete={name: "cascade" for name, _label in PROMISE_MEASURES},
    )
    promise = fields.Selection(
        selection="_selection_promise", readonly=True, help="What was promised."
    )
    pause_reason = fields.Selection(
        REASONS, "Waited For", readonly=True, help="For whom the promise stood still."
    )

    @property
    def _share_measures(self):
        return (*super()._share_measures, "promise_kept", "green_unhappy")

    @api.model
    def _selection_promise(self):
        return self.env["care.sla.clock"]._fields["measure"]._description_selection(self.env)

    @api.model
    def _cron_collect_promises(self):
        """Write the facts of the promises that have been fulfilled since: a transaction a batch;
        killed at any point, what was not committed is collected in the next run.
        """
        # sudo: a cron of the engine
        facts = self.sudo()

        def work(clocks):
            facts._collect_promises(clocks)
            clocks.write({"counted_at": self.env.cr.now()})

        for domain in ([("state", "=", "met")], UNANSWERED):
            run_domain(
                facts.env["care.sla.clock"],
                [*domain, ("counted_at", "=", False)],
                work,
                order="id",
                limit=BATCH,
            )

    @api.model
    def _collect_promises(self, clocks):
        """Append what these promises tell that are fulfilled, or broken for good, each thing once.

        They are filed under whoever had the record, and the stage that it was in, when the
        promise was fulfilled.

        :return: the facts that are new
        """
        # what could never be planned was neither kept nor broken
        clocks = clocks.filtered("due_at")
        merged = clocks.filtered("case_id.merged_into_id")
        ends = {case: case._merged_end() for case in merged.case_id}
        for case, end in ends.items():
            clocks -= (merged & case.clock_ids)._told_twice(end)
        pieces = self._pieces_of(clocks)
        tiers = self._tiers(self.env["care.tenure"].union(*pieces.values()))
        pauses = (
            self.env["care.sla.pause"]
            .search(
                [
                    ("clock_id", "in", clocks.ids),
                    ("reason", "in", [reason for reason, _label in REASONS]),
                    ("stopped_at", "!=", False),
                ],
                order="id",
            )
            .grouped("clock_id")
        )
        vals_list = []
        for clock, piece in pieces.items():
            common = {
                **self._dimensions(piece, clock._record(), tiers, clock.stopped_at),
                "promise": clock.measure,
            }
            if end := ends.get(clock.case_id):
                common.update(case_id=end.id, confidential=end.confidential)
            on_clock = self._measured_on(clock, piece.cycle)
            vals_list += [
                {
                    **common,
                    **on_clock,
                    "measure": "promise_kept",
                    "numerator": int(not clock.breached_at),
                    "denominator": 1,
                },
            ]
            if clock.state == "met":
                vals_list.append(
                    {
                        **common,
                        **on_clock,
                        "measure": "promise_time",
                        "seconds": clock.elapsed_seconds,
                    }
                )
            vals_list += [
                {
                    **common,
                    **self._measured_on(pause, 1),
                    "measure": "promise_pause",
                    "pause_reason": pause.reason,
                    "seconds": pause.seconds,
                }
                for pause in pauses.get(clock, ())
            ]
        return insert_new(
            self, [{**self._blank(), "pause_reason": False, **vals} for vals in vals_list]
        )

    @api.model
    def _merge(self, cases, target):
        """A promise that was given twice is counted once, whichever case it was given on."""
        # sudo: facts belong to the engine
        facts = self.sudo().search([("case_id", "in", cases.ids)])
        of_clocks = facts.filtered(lambda fact: fact.res_model == "care.sla.clock")
        of_pauses = facts.filtered(lambda fact: fact.res_model == "care.sla.pause")
        clocks = facts.env["care.sla.clock"].browse(of_clocks.mapped("res_id")).exists()
        twice = clocks._told_twice(target)
        pauses = facts.env["care.sla.pause"].search([("clock_id", "in", twice.ids)])
        gone = of_clocks.filtered(lambda fact: fact.res_id in twice._ids)
        gone |= of_pauses.filtered(lambda fact: fact.res_id in pauses._ids)
        gone.unlink()
        return super()._merge(cases, target)

    @api.model
    def _pieces_of(self, clocks):
        """dict clock -> the piece of tenure in which its promise was fulfilled."""
        tenures = self.env["care.tenure"].search(
            [
                "|",
                ("case_id", "in", clocks.case_id.ids),
                ("journey_id", "in", clocks.journey_id.ids),
            ],
            order="since, id",
        )
        chains = tenures.grouped(lambda piece: piece._record())
        pieces = {}
        for clock in clocks:
            chain = chains.get(clock._record(), tenures.browse())
            # the move into the stage that fulfils it comes at the same moment
            before = chain.filtered(lambda piece, at=clock.stopped_at: piece.since < at)
            if chain:
                pieces[clock] = before[-1:] or chain[:1]
        return pieces


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    counted_at = fields.Datetime(readonly=True, copy=False, help="When its facts were written.")

    _uncounted_idx = models.Index("(id) WHERE state = 'met' AND counted_at IS NULL")
    _unanswered_idx = models.Index(
        "(id) WHERE measure = 'provider' AND state = 'cancelled' AND breached_at IS NOT NULL"
        " AND counted_at IS NULL"
    )

    def _told_twice(self, target):
        """The ones among these promises, of cases that are a part of ``target``, that are not
        counted: ``target`` has the same one. One that was broken counts whatever it was merged
        into, and so does each of a kind that is given anew every time.

        :param target: a case, as superuser
        """
        given = target.clock_ids.filtered(lambda clock: clock.state in COUNTING)
        once = {"stage", *given.filtered(lambda clock: not clock._is_repeated()).mapped("measure")}
        return self.filtered(
            lambda clock: (
                clock.case_id != target and not clock.breached_at and clock.measure in once
            )
        )

    def write(self, vals):
        if "state" in vals and "counted_at" not in vals:
            # it goes on, or ends once more: that is to be counted, too
            vals = {**vals, "counted_at": False}
        return super().write(vals)


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def _fact_values(self, event):
        """Green but unhappy: all promises were kept, and yet the customer says no."""
        values = super()._fact_values(event)
        if event != "case_closed":
            return values
        clocks = self.env["care.sla.clock"].search(
            [("case_id", "in", self.ids), ("state", "=", "met")]
        )
        by_case = clocks.grouped("case_id")
        green = self.filtered(
            lambda case: by_case.get(case) and not any(by_case[case].mapped("breached_at"))
        )
        unhappy = green._unhappy()
        for case in green:
            fact = {
                "measure": "green_unhappy",
                "numerator": int(case in unhappy),
                "denominator": 1,
            }
            values[case] = [*values.get(case, ()), fact]
        return values

    def _turned_unhappy(self):
        """What was counted at closing is not true any more: the customer has said no since."""
        result = super()._turned_unhappy()
        facts = self.env["care.fact"].search(
            [
                ("measure", "=", "green_unhappy"),
                ("case_id", "in", self.ids),
                ("numerator", "=", 0),
            ]
        )
        facts.filtered(lambda fact: fact.cycle == fact.case_id.cycle).write({"numerator": 1})
        return result
