from odoo import api, fields, models

from .care_followup import ALIVE


class CareFollowup(models.Model):
    """What follow-ups hear of the world: events, goods that come back, the customer's silence."""

    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    check_back = fields.Selection(
        [
            ("handed_over", "The case has changed hands"),
            ("silent", "The customer has not answered"),
        ],
        readonly=True,
        copy=False,
        help="The first owner asks the customer whether their case is solved: once per case.",
    )

    _check_back_uniq = models.UniqueIndex(
        "(case_id, occurrence_try) WHERE check_back IS NOT NULL",
        "The first owner checks back once per case.",
    )

    @api.model
    def _heard(self, records, event):
        """An event has happened to journeys or cases: before the policies answer it."""
        if records._name != "care.case":
            return
        if event in ("case_opened", "case_reopened"):
            self._look_again(
                records.filtered(lambda case: case.kind == "complaint").commercial_partner_id
            )
        if event == "case_resolved":
            self._plan_check_back(records.filtered(lambda case: case._care_covered()))
        elif event in ("case_closed", "case_reopened"):
            self._end_check_back(records)
        over = records.filtered(lambda case: case.stage_category not in ("open", "waiting"))
        if over and event == "stage_entered":
            self._release_held(("open_complaint",), over.partner_id)

    # ------------------------------------------------------------
    # The first owner's check-back
    # ------------------------------------------------------------

    @api.model
    def _plan_check_back(self, cases):
        """One call by the first owner: soon after hand-offs, else if the customer is silent.

        One that was cancelled comes back instead of a second one; done once, it is done.
        """
        cases = cases.filtered(lambda case: case.kind != "compliment")
        known = self.sudo().search(
            [("case_id", "in", cases.ids), ("check_back", "!=", False)],
            order="occurrence_try",
        )
        latest = {row.case_id: row for row in known}
        vals_list, memo = [], {}
        for case in cases:
            handed_over = case._had_handoffs()
            count = 1 if handed_over else case.company_id.care_checkback_days
            row = latest.get(case)
            if not count or (row and row.state != "cancelled"):
                continue
            owner = case.first_owner_id or case.owner_id
            user = case._present(owner, case.team_id)
            days = self._workdays(user, case.company_id, memo)
            day = days.add(days.today(self.env.cr.now()), count)
            vals = {
                "state": "planned",
                "attempts": 0,
                "check_back": "handed_over" if handed_over else "silent",
                "user_id": user.id,
                "chosen_user_id": owner.id,
                "event": "case_resolved",
                "happened_at": self.env.cr.now().replace(microsecond=0),
                "occurrence": case.cycle,
                "date_due": day,
                "next_at": self._morning(day, user, case.company_id),
            }
            if row:
                row.write({**vals, "cancel_reason": False, "opened_at": False})
                row._trigger_due()
                continue
            env = case.with_context(lang=user.sudo().lang).env
            vals_list.append(
                {
                    **vals,
                    "case_id": case.id,
                    "company_id": case.company_id.id,
                    "partner_id": case.partner_id.id,
                    "occurrence_try": 1,
                    "repetition": 1,
                    "name": env._("Is it solved? Ask the customer"),
                    "activity_type_id": self.env.ref(
                        "customer_care.mail_activity_type_followup"
                    ).id,
                }
            )
        return self.sudo()._plan(vals_list)

    @api.model
    def _end_check_back(self, cases):
        """The customer has answered, or the case is not resolved any more."""
        rows = self.sudo().search(
            [
                ("case_id", "in", cases.ids),
                ("check_back", "!=", False),
                ("state", "in", ALIVE),
            ]
        )
        answered = rows.filtered("case_id.customer_answer")
        answered._cancel("answered")
        (rows - answered)._cancel("ended")

    def _open_case(self):
        """The customer says that it is not solved: their case is opened again, with their words,
        instead of a second one.
        """
        if not self.check_back:
            return super()._open_case()
        # sudo: who makes the call hears the answer, whoever has the case now
        case = self.case_id.sudo()
        case.message_post(
            body=self.feedback,
            author_id=self.env.user.partner_id.id,
            subtype_xmlid="mail.mt_note",
        )
        if case.stage_category in ("resolved", "closed"):
            case._enter_category("open")
            self.env["care.notice"]._announce("case_reopened", case)
        return case.sudo(False)

    def _cancel_outdated(self, memo):
        over = super()._cancel_outdated(memo)
        silent = (self - over).filtered(lambda row: row.check_back == "silent")
        wrote = silent._customer_wrote()
        wrote._cancel("answered")
        return over | wrote

    def _customer_wrote(self):
        """Rows whose customer has written since the case was resolved: they are not silent."""
        if not self:
            return self
        messages = self.env["mail.message"].search_fetch(
            [
                ("model", "=", "care.case"),
                ("res_id", "in", self.case_id.ids),
                ("message_type", "in", ("email", "comment")),
                (
                    "author_id.commercial_partner_id",
                    "in",
                    self.partner_id.commercial_partner_id.ids,
                ),
                ("date", ">=", min(self.mapped("happened_at"))),
            ],
            ["res_id", "date"],
        )
        last = {}
        for message in messages:
            last[message.res_id] = max(message.date, last.get(message.res_id, message.date))
        return self.filtered(
            lambda row: row.case_id.id in last and last[row.case_id.id] >= row.happened_at
        )

    # ------------------------------------------------------------
    # Goods that come back
    # ------------------------------------------------------------

    @api.model
    def _order_lines_returned(self, quantities):
        """Goods were returned: end what follows up these lines, and nothing else.

        For whoever knows of returns. Called again with the same quantities it does nothing.
        A “why?” to the customer is an ordinary policy on the event ``order_returned``; it
        stays.

        :param dict quantities: order line -> quantity that has come back so far, in the
            line's unit; for every line of its order that has come back in part or in full
        :return: the follow-ups that were ended
        """
        back = self.env["sale.order.line"].sudo()
        for line, quantity in quantities.items():
            if line.product_uom_qty > 0 and quantity >= line.product_uom_qty:
                back |= line.sudo()
        goods = back.order_id.order_line.filtered(
            lambda line: line.product_uom_qty > 0 and line.product_id.type == "consu"
        )
        whole = back.order_id - (goods - back).order_id
        journeys = self.env["care.journey"].sudo().search([("order_id", "in", whole.ids)])
        rows = self.sudo().search(
            [
                ("state", "in", ALIVE),
                # a person's own follow-up is a person's to end
                ("event", "not in", (False, "order_returned")),
                "|",
                ("journey_id", "in", journeys.ids),
                "|",
                ("sale_line_id", "in", back.ids),
                ("merged_ids.sale_line_id", "in", back.ids),
            ]
        )
        ended = rows.filtered(
            lambda row: all(
                part.journey_id in journeys or part.sale_line_id in back
                for part in row | row.merged_ids
            )
        )
        return ended._cancel("returned")


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    def write(self, vals):
        result = super().write(vals)
        if {"kind", "partner_id"} & set(vals):
            self.env["care.followup"]._look_again(
                self.filtered(
                    lambda case: (
                        case.kind == "complaint" and case.stage_category in ("open", "waiting")
                    )
                ).commercial_partner_id
            )
        return result

    def _had_handoffs(self):
        """Whether somebody else than the first owner has had it."""
        self.ensure_one()
        # sudo: who had it, whoever resolves it
        return bool(self.sudo().tenure_ids.user_id - self.first_owner_id)
