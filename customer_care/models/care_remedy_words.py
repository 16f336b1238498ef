"""What a remedy tells the people who decide it: why it exceeds, and what happens next."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_amount, format_date

from .care_authority import Purse

#: What a person decides with in the dialog, where a remedy is still being typed in.
GESTURES = ("action_go", "action_ask")


class CareAuthority(models.Model):
    _inherit = "care.authority"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _why_exceeded(self, user, company, kind, parts, skip):
        """Whose limits an amount exceeds, how high they are and what was given so far.

        :return: list of sentences, one a limit; empty if ``user`` may give it
        """
        purse = Purse(self, user, company, skip=skip)
        verdict = purse.verdict(kind, parts)
        if verdict.allowed:
            return []
        # sudo: the name of who asks
        name = user.sudo().name
        if not verdict.rule:
            return [self.env._("%s has no authority to give this alone.", name)]

        def money(amount):
            return format_amount(self.env, amount, company.currency_id)

        said = {
            "once": lambda limit, _given, amount: self.env._(
                "%(who)s may give up to %(limit)s at once: this is %(amount)s.",
                who=name,
                limit=money(limit),
                amount=money(amount),
            ),
            "case": lambda limit, given, amount: self.env._(
                "On this case: up to %(limit)s; %(given)s given so far, %(sum)s with this.",
                limit=money(limit),
                given=money(given),
                sum=money(given + amount),
            ),
            "order": lambda limit, given, amount: self.env._(
                "On this order: up to %(limit)s; %(given)s given so far, %(sum)s with this.",
                limit=money(limit),
                given=money(given),
                sum=money(given + amount),
            ),
            "day": lambda limit, given, amount: self.env._(
                "%(who)s today: up to %(limit)s; %(given)s given so far, %(sum)s with this.",
                who=name,
                limit=money(limit),
                given=money(given),
                sum=money(given + amount),
            ),
        }
        return [
            said[scope](limit, given, amount)
            for scope, limit, given, amount in purse.sheet(verdict.rule, parts)
            if company.currency_id.compare_amounts(given + amount, limit) > 0
        ]


class CareRemedy(models.Model):
    _inherit = "care.remedy"  # pylint: disable=consider-merging-classes-inherited

    exceed_note = fields.Text(
        "Why It Is Asked",
        compute="_compute_exceed_note",
        help="The limits of who asks that this goes beyond.",
    )
    case_text = fields.Text("What the Customer Said", compute="_compute_case_text")

    @api.depends("kind", "amount", "currency_id", "state", "user_id")
    def _compute_exceed_note(self):
        authority = self.env["care.authority"]
        for remedy in self:
            if remedy.state != "asked":
                remedy.exceed_note = False
                continue
            # sudo: the limits look at the case, whoever decides
            parts = remedy.sudo()._parts()
            lines = authority._why_exceeded(
                remedy.user_id, remedy.company_id, remedy.kind, parts, skip=remedy
            )
            remedy.exceed_note = "\n".join(lines) or remedy.env._(
                "%s may give this alone by now.", remedy.user_id.sudo().name
            )

    @api.depends("case_id")
    def _compute_case_text(self):
        mine = self.case_id._filtered_access("read")
        for remedy in self:
            case = remedy.case_id
            remedy.case_text = (case.description or case.name) if case in mine else False

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    @api.model
    def action_propose(self, vals, gesture):
        """Propose a remedy and decide it or ask, in one: what cannot be done leaves no proposal.

        :param dict vals: of the remedy, as for ``create``
        :param str gesture: ``action_go`` or ``action_ask``
        :raise UserError: said why not; nothing is kept
        """
        if gesture not in GESTURES:
            raise UserError(self.env._("Decide it, or ask for approval."))
        # whoever calls, nothing is left of it when it cannot be done
        with self.env.cr.savepoint():
            return getattr(self.create([vals]), gesture)()

    def action_go(self):
        return self._tell_next(super().action_go())

    def action_ask(self):
        return self._tell_next(super().action_ask())

    def action_execute(self):
        return self._tell_next(super().action_execute())

    def action_approve(self):
        return self._tell_next(super().action_approve())

    def _tell_next(self, after):
        """What a person is told who has just decided.

        :param after: what follows when it was told
        """
        lines = [remedy._what_next() for remedy in self]
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if any(self.sudo().mapped("trouble")) else "success",
                "message": "\n".join(filter(None, lines)),
                "next": after or {"type": "ir.actions.act_window_close"},
            },
        }

    # ------------------------------------------------------------
    # Words
    # ------------------------------------------------------------

    def _what_next(self):
        """What happens now, in words for who has just decided."""
        self.ensure_one()
        # sudo: names of who goes on, and of what was made
        remedy = self.sudo()
        if remedy.state == "asked":
            kind = self.env.ref("customer_care.mail_activity_type_remedy_approve")
            asked = remedy.activity_ids.filtered(lambda row: row.activity_type_id == kind).user_id
            return self.env._(
                "%(who)s is asked. You are told the answer; the customer hears nothing before.",
                who=", ".join(asked.mapped("name")),
            )
        if remedy.state == "approved":
            if remedy.trouble:
                return self.env._("It is decided, but could not be done: %s", remedy.trouble)
            if remedy.user_id != self.env.user:
                return self.env._("Approved: %s goes on with it.", remedy.user_id.name)
            return self.env._(
                "It is decided and kept. Open it and press Ask the Customer or Do It Now when "
                "the time has come."
            )
        if remedy.state == "offered":
            return remedy._what_next_offered()
        if remedy.state == "executed":
            return remedy._what_next_executed()
        return False

    def _what_next_offered(self):
        name = self.partner_id.name
        if not self.partner_id.email:
            return self.env._(
                "%s has no mail address: make the offer on the phone, then press Accepted or "
                "Declined on the Phone.",
                name,
            )
        if self.offer_until:
            return self.env._(
                "%(customer)s gets the offer by mail and may accept it until %(day)s. "
                "%(owner)s is told the answer.",
                customer=name,
                day=format_date(self.env, self.offer_until),
                owner=self.case_id.owner_id.name,
            )
        return self.env._(
            "%(customer)s gets the offer by mail. %(owner)s is told the answer.",
            customer=name,
            owner=self.case_id.owner_id.name,
        )

    def _what_next_executed(self):
        documents, name = self.document_ids, self.partner_id.name
        if documents.move_id:
            return self.env._(
                "A draft credit note of %(amount)s is made: the money goes when accounting posts "
                "and pays it.",
                amount=format_amount(self.env, self.amount, self.currency_id),
            )
        if documents.order_id:
            return self.env._(
                "%s is confirmed without a price: it is delivered like any order.",
                ", ".join(documents.order_id.mapped("name")),
            )
        if self.kind == "repair":
            return self.env._(
                "%s has it as an activity: arrange the repair.", self.case_id.owner_id.name
            )
        if self.kind == "discount":
            return self.env._("The next order of %s takes it off by itself.", name)
        return self.env._("%s gets your words by mail.", name)
