from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_due_mixin import insert_new


class CareTenure(models.Model):
    """Who had a journey or a case, in which stage, from when to when.

    The pieces of one record follow each other without a gap: one is open, and it says what
    the record says now. Written by the engine alone, at each change of owner or stage.
    Moments are whole seconds, so that what each piece took adds up to the whole.
    """

    _name = "care.tenure"
    _description = "Tenure"
    _inherit = ["care.linked.mixin"]
    _order = "since desc, id desc"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    user_id = fields.Many2one("res.users", "Owner", required=True, readonly=True)
    stage_id = fields.Many2one("care.stage", required=True, readonly=True, ondelete="restrict")
    team_id = fields.Many2one(
        "care.team", readonly=True, ondelete="set null", index="btree_not_null"
    )
    cycle = fields.Integer(readonly=True, help="Which time the record was under way.")
    entry = fields.Integer(
        readonly=True, help="Which stage it was that the record had entered, coming back included."
    )
    since = fields.Datetime("From", required=True, readonly=True)
    until = fields.Datetime("To", readonly=True, help="Empty while it lasts.")
    seconds = fields.Integer(
        "Working Seconds",
        readonly=True,
        help="By the company's working hours as they were when it ended.",
    )
    working_hours = fields.Float(compute="_compute_working_hours")

    _journey_open_uniq = models.UniqueIndex(
        "(journey_id) WHERE until IS NULL AND journey_id IS NOT NULL"
    )
    _case_open_uniq = models.UniqueIndex("(case_id) WHERE until IS NULL AND case_id IS NOT NULL")
    _user_idx = models.Index("(user_id, since)")
    _stage_idx = models.Index("(stage_id, until)")

    @api.depends("seconds", "until")
    def _compute_working_hours(self):
        running = self.filtered(lambda piece: not piece.until)
        taken = running._worked(self.env.cr.now().replace(microsecond=0))
        for piece in self:
            piece.working_hours = (piece.seconds if piece.until else taken[piece]) / 3600

    @api.depends("user_id", "stage_id")
    def _compute_display_name(self):
        for piece in self:
            piece.display_name = f"{piece.user_id.name} · {piece.stage_id.name}"

    @api.model
    def _turn_over(self, records):
        """Note what is true of these records from now on, where it has changed.

        :param records: journeys or cases of whatever companies, as superuser
        """
        now = self.env.cr.now().replace(microsecond=0)
        link = records._care_link
        tenures = self.sudo()
        running = tenures.search_fetch([(link, "in", records.ids), ("until", "=", False)])
        by_record = {piece[link]: piece for piece in running}
        over, new = tenures.browse(), []
        for record in records:
            piece = by_record.get(record)
            truth = {
                "user_id": record.owner_id.id,
                "stage_id": record.stage_id.id,
                "team_id": record.team_id.id,
                "cycle": record.cycle,
                "entry": record.entries,
            }
            if piece and all(
                piece._fields[name].convert_to_write(piece[name], piece) == value
                for name, value in truth.items()
            ):
                continue
            if piece and piece.since >= now:  # a moment that nobody had
                piece.write(truth)
                continue
            over |= piece or over
            new.append({link: record.id, "company_id": record.company_id.id, "since": now, **truth})
        for piece, seconds in over._worked(now).items():
            piece.seconds = seconds
        over.until = now
        return insert_new(tenures, new)

    @api.model
    def _stages_entered(self, records):
        """When these records entered which stage; those passed in a moment left no piece.

        :return: dict (record, entry) -> the first piece of that stay, in their order
        """
        link = records._care_link
        # sudo: where they have been, whoever had them there
        pieces = self.sudo().search([(link, "in", records.ids)], order="since, id")
        first = {}
        for piece in pieces:
            first.setdefault((piece[link], piece.entry), piece)
        return first

    def _worked(self, now):
        """Working seconds of each of these pieces until ``now``.

        None are counted where a company's hours are unusable.

        :rtype: dict
        """
        taken = defaultdict(int)
        for company, pieces in self.grouped("company_id").items():
            calendar = company.sudo().resource_calendar_id
            try:
                worktime = self.env["care.worktime"]._get(
                    calendar, company, at=min(pieces.mapped("since"))
                )
                for piece in pieces:
                    worktime, taken[piece] = worktime._apply("elapsed", piece.since, now)
            except UserError:
                continue
        return taken
