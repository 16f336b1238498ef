"""Closed history: old cases that are imported as what they are, over since long."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_case import STAFF
from .care_due_mixin import ENGINE, insert_new


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    # the import offers no field of the engine
    was_closed_at = fields.Datetime(
        "Closed On",
        store=False,
        groups=STAFF,
        help="For the import of old cases: when it was closed. Empty: it is still to be solved.",
    )

    def _complete_vals(self, vals_list):
        result = super()._complete_vals(vals_list)
        stages = self.env["care.stage"]
        closed = None
        for vals in vals_list:
            moment = fields.Datetime.to_datetime(vals.pop("was_closed_at", False))
            if not moment:
                continue
            if self.env.context.get("care_import") is not ENGINE:
                raise UserError(
                    self.env._("“Closed On” is for the import of old cases. Press Resolve instead.")
                )
            self._check_history(vals, moment)
            closed = closed or stages.sudo()._in_category(self._name, "closed")
            vals.update(stage_id=closed.id, resolved_at=moment, closed_at=moment)
        return result

    @api.model
    def _check_history(self, vals, moment):
        if moment > self.env.cr.now():
            raise UserError(
                self.env._(
                    "“Closed On” of “%s” lies in the future: leave it empty if the case is still "
                    "open.",
                    vals.get("name"),
                )
            )
        if moment < vals["received_at"]:
            raise UserError(
                self.env._(
                    "“%s” was closed before it was received: swap the dates.", vals.get("name")
                )
            )

    def _after_create(self):
        result = super()._after_create()
        # sudo: who had it, and what is measured of it, is written by the engine
        over = self.sudo().filtered(
            lambda case: case.channel == "import" and case.stage_category == "closed"
        )
        if over:
            over._tell_history()
        return result

    def _tell_history(self):
        """The past of these cases, as superuser: open from the day they came to the day they were
        closed. How long that took is known; who wrote how often, and who had it, is not.
        """
        start = self.env["care.stage"]._in_category(self._name, "open")
        now = self.env.cr.now()
        tenures = self.env["care.tenure"]
        for piece in tenures.search([("case_id", "in", self.ids), ("until", "=", False)]):
            piece.since = piece.case_id.closed_at
        for case in self:
            # written by the engine as a whole: no move that anybody made
            case.write({"stage_since": case.closed_at, "owner_since": case.received_at})
        pieces = insert_new(
            tenures,
            [
                {
                    "case_id": case.id,
                    "company_id": case.company_id.id,
                    "user_id": case.owner_id.id,
                    "stage_id": start.id,
                    "team_id": case.team_id.id,
                    "cycle": case.cycle,
                    "since": case.received_at,
                    "until": case.closed_at,
                    "seconds": 0,
                    # its facts are written right here
                    "counted_at": now,
                }
                for case in self
            ],
        )
        for until, mine in pieces.grouped("until").items():
            for piece, seconds in mine._worked(until).items():
                piece.seconds = seconds
        self.env["care.fact"]._collect_history(pieces)


class CareFact(models.Model):
    _inherit = "care.fact"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _collect_history(self, pieces):
        """What is known of imported cases: how long they took.

        :param pieces: tenures of closed cases, one each
        """
        tiers = self._tiers(pieces)
        return insert_new(
            self,
            [
                {
                    **self._blank(),
                    **self._dimensions(piece, piece.case_id, tiers),
                    **self._measured_on(piece.case_id, piece.cycle),
                    "measure": "resolution",
                    "seconds": piece.seconds,
                }
                for piece in pieces
            ],
        )
