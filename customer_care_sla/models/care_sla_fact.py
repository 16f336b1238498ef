"""Facts of promises: each counts once, as broken when it is due unkept, else when it is kept."""

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
#: Promises that are broken, whatever becomes of them: it is known as soon as they are due.
BROKEN = [
    ("breached_at", "!=", False),
    ("state", "in", ("running", "paused", "cancelled")),
    ("needless", "=", False),
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
        """Write the facts of the promises that have been fulfilled or broken since: a transaction
        a batch; killed at any point, what was not committed is collected in the next run.
        """
        # sudo: a cron of the engine
        facts = self.sudo()

        def work(clocks):
            facts._collect_promises(clocks)
            clocks.write({"counted_at": self.env.cr.now()})

        for domain in ([("state", "=", "met")], BROKEN):
            run_domain(
                facts.env["care.sla.clock"],
                [*domain, ("counted_at", "=", False)],
                work,
                order="id",
                limit=BATCH,
            )

    @api.model
    def _collect_promises(self, clocks):
        """Append what these promises tell that are fulfilled or broken, each thing once.

        One that was broken is filed under the day on which it was due, and whoever had the record
        then, also if it is kept later or ends with the record; one that was kept, and the time
        that it took, when it was kept.

        :return: the facts that are new
        """
        # what could never be planned was neither kept nor broken
        clocks = clocks.filtered(lambda clock: clock._promised_until())
        merged = clocks.filtered("case_id.merged_into_id")
        ends = {case: case._merged_end() for case in merged.case_id}
        for case, end in ends.items():
            clocks -= (merged & case.clock_ids)._told_twice(end)
        chains = self._chains_of(clocks)
        decided = self._pieces_of(
            clocks - self._counted_of(clocks),
            chains,
            lambda clock: clock.breached_at or clock.stopped_at,
        )
        ended = self._pieces_of(
            clocks.filtered("stopped_at"), chains, lambda clock: clock.stopped_at
        )
        tiers = self._tiers(self.env["care.tenure"].union(*decided.values(), *ended.values()))

        def common(clock, piece, at):
            end = ends.get(clock.case_id)
            return {
                **self._dimensions(piece, clock._record(), tiers, at),
                **({"case_id": end.id, "confidential": end.confidential} if end else {}),
                **clock._fact_of_sale(),
                "promise": clock.measure,
            }

        vals_list = [
            {
                **common(clock, piece, clock.breached_at or clock.stopped_at),
                **self._measured_on(clock, piece.cycle),
                "measure": "promise_kept",
                "numerator": int(not clock.breached_at),
                "denominator": 1,
            }
            for clock, piece in decided.items()
        ]
        pauses = self._pauses_of(clocks)
        for clock, piece in ended.items():
            filed = common(clock, piece, clock.stopped_at)
            if clock.state == "met":
                vals_list.append(
                    {
                        **filed,
                        **self._measured_on(clock, piece.cycle),
                        "measure": "promise_time",
                        "seconds": clock.elapsed_seconds,
                    }
                )
            vals_list += [
                {
                    **filed,
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
    def _counted_of(self, clocks):
        """The ones among these promises that are counted already: those that were late before
        they ended."""
        known = self.search(
            [
                ("measure", "=", "promise_kept"),
                ("res_model", "=", clocks._name),
                ("res_id", "in", clocks.ids),
            ]
        )
        return clocks.browse(known.mapped("res_id"))

    @api.model
    def _pauses_of(self, clocks):
        """dict clock -> its pauses that are over."""
        pauses = self.env["care.sla.pause"].search(
            [
                ("clock_id", "in", clocks.ids),
                ("reason", "in", [reason for reason, _label in REASONS]),
                ("stopped_at", "!=", False),
            ],
            order="id",
        )
        return pauses.grouped("clock_id")

    @api.model
    def _take_back(self, clocks, kept=1):
        """Whether these promises are kept is not known after all.

        :param int kept: which facts of it go: 1 for "kept", 0 for "broken"
        """
        # sudo: facts belong to the engine
        facts = self.sudo().search(
            [
                ("res_model", "=", clocks._name),
                ("res_id", "in", clocks.ids),
                ("measure", "in", ("promise_kept", "promise_time")),
            ]
        )
        facts.filtered(
            lambda fact: fact.measure == "promise_time" or fact.numerator == kept
        ).unlink()

    @api.model
    def _merge(self, cases, target):
        """A promise that was given twice is counted once, whichever case it was given on."""
        # sudo: facts belong to the engine; of the target's promises one may have made room for an
        # earlier one
        facts = self.sudo().search([("case_id", "in", (cases | target).ids)])
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
    def _chains_of(self, clocks):
        """dict record -> the pieces of tenure of all records of these promises, in order."""
        tenures = self.env["care.tenure"].search(
            [
                "|",
                ("case_id", "in", clocks.case_id.ids),
                ("journey_id", "in", clocks.journey_id.ids),
            ],
            order="since, id",
        )
        return tenures.grouped(lambda piece: piece._record())

    @api.model
    def _pieces_of(self, clocks, chains, moment):
        """dict clock -> the piece of tenure at the moment that a function tells of it."""
        pieces = {}
        for clock in clocks:
            chain, at = chains.get(clock._record()), moment(clock)
            if chain:
                # the move into the stage that fulfils it comes at the same moment
                before = chain.filtered(lambda piece, at=at: piece.since < at)
                pieces[clock] = before[-1:] or chain[:1]
        return pieces


class CareSlaClock(models.Model):
    _inherit = "care.sla.clock"  # pylint: disable=consider-merging-classes-inherited

    counted_at = fields.Datetime(readonly=True, copy=False, help="When its facts were written.")
    needless = fields.Boolean(
        "Not Needed",
        readonly=True,
        help="A leader says that no answer was owed: it counts neither as kept nor as broken.",
    )

    _uncounted_idx = models.Index("(id) WHERE state = 'met' AND counted_at IS NULL")
    _uncounted_broken_idx = models.Index(
        "(id) WHERE breached_at IS NOT NULL AND counted_at IS NULL"
        " AND state IN ('running', 'paused', 'cancelled')"
    )

    def _told_twice(self, target):
        """The ones among these promises, of cases that are a part of ``target``, that are not
        counted: ``target`` has the same one. One that was broken counts whatever it was merged
        into, unless it ended by that and goes on there as broken; and so does each of a kind that
        is given anew every time.

        :param target: a case, as superuser
        """
        given = target.clock_ids.filtered(lambda clock: clock.state in COUNTING)
        given = given.filtered(lambda clock: not clock._is_repeated())
        once = {"stage", *given.mapped("measure")}
        broken = set(given.filtered("breached_at").mapped("measure"))
        return self.filtered(
            lambda clock: (
                clock.case_id != target
                and (
                    clock.measure in once
                    if not clock.breached_at
                    else clock.state == "cancelled" and clock.measure in broken
                )
            )
        )

    def _fact_of_sale(self):
        """What was sold with an order counts for the tier that was sold, not the customer's."""
        self.ensure_one()
        if (self.why or [[0, ""]])[-1][1] != "sold":
            return {}
        journey = self.journey_id or self.case_id.journey_id
        return {"tier_id": journey.sold_tier_id.id}

    def _run_again(self, now):
        """What was kept, or not, is known when it ends once more."""
        self.env["care.fact"]._take_back(self)
        return super()._run_again(now)

    def _needs_no_answer(self, user):
        result = super()._needs_no_answer(user)
        late = self.filtered("breached_at")
        if late:
            late.write({"needless": True})
            self.env["care.fact"]._take_back(late, kept=0)
        return result

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
            [("case_id", "in", self.ids), ("needless", "=", False)]
        )
        # broken is what was due unkept, whatever became of it then
        kept = clocks.filtered(lambda clock: clock.state == "met").case_id
        green = (self & kept) - clocks.filtered("is_late").case_id
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
