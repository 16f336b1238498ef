from odoo import api, fields, models
from odoo.exceptions import UserError

from .care_case import STAFF
from .care_stage import OVER


class CareCase(models.Model):
    """What is done to put a case right, and what it cost."""

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    remedy_ids = fields.One2many("care.remedy", "case_id", "Remedies", groups=STAFF)
    remedy_count = fields.Integer(
        "Number of Remedies", compute="_compute_remedy_count", groups=STAFF
    )
    currency_id = fields.Many2one(related="company_id.currency_id", groups=STAFF)
    cost = fields.Monetary(
        readonly=True,
        copy=False,
        groups=STAFF,
        help="What the remedies that were done cost, in the company's currency.",
    )

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"cost"}

    @api.depends("remedy_ids.state")
    def _compute_remedy_count(self):
        counts = dict(
            self.env["care.remedy"]._read_group(
                [("case_id", "in", self.ids), ("state", "!=", "cancelled")],
                ["case_id"],
                ["__count"],
            )
        )
        for case in self:
            case.remedy_count = counts.get(case._origin, 0)

    def write(self, vals):
        if "partner_id" in vals:
            self._check_customer_of_remedies(vals["partner_id"])
        result = super().write(vals)
        if "order_id" in vals or "partner_id" in vals:
            # sudo: proposals are about what the case is about; what was decided stays
            proposals = self.sudo().remedy_ids.filtered(
                lambda remedy: remedy.state == "draft" and not remedy.line_ids
            )
            for proposal in proposals:
                case = proposal.case_id
                proposal.write({"order_id": case.order_id.id, "partner_id": case.partner_id.id})
        return result

    def _check_customer_of_remedies(self, partner_id):
        """What was promised to one customer is not given to another."""
        customer = self.env["res.partner"].browse(partner_id).commercial_partner_id
        # sudo: what is promised on these cases, whoever may see it
        promised = self.sudo().remedy_ids.filtered(
            lambda remedy: (
                remedy.state in ("asked", "approved", "offered", "accepted")
                and remedy.partner_id.commercial_partner_id != customer
            )
        )
        if not promised:
            return
        if not self.env.su:
            raise UserError(
                self.env._(
                    "%(remedy)s is promised to %(customer)s. Cancel it before you change the "
                    "customer.",
                    remedy=promised[0].display_name,
                    customer=promised[0].partner_id.display_name,
                )
            )
        promised.action_cancel()

    def _stage_events(self, before):
        events = super()._stage_events(before)
        if self[:1].stage_category in OVER:
            # what nobody has said yes to ends with the case; what was decided is still done
            self.remedy_ids.filtered(
                lambda remedy: remedy.state in ("draft", "asked", "offered")
            ).action_cancel()
        return events

    @api.ondelete(at_uninstall=False)
    def _unlink_except_given(self):
        """What was given stays in the register with its case; proposals go with it."""
        # sudo: what was done on these cases, whoever may delete them
        remedies = self.sudo().remedy_ids
        if any(remedy.state not in ("draft", "cancelled") for remedy in remedies):
            raise UserError(
                self.env._("Something was decided for this customer. Cancel the case instead.")
            )
        remedies.filtered(lambda remedy: remedy.state == "draft").unlink()

    def action_care_remedy(self):
        """Say in a dialog what we do for the customer."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Offer a Remedy"),
            "res_model": "care.remedy",
            "views": [(self.env.ref("customer_care.care_remedy_view_form_quick").id, "form")],
            "target": "new",
            "context": {"default_case_id": self.id},
        }

    def action_open_remedies(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_remedy_action")
        action["domain"] = [("case_id", "=", self.id)]
        action["context"] = {"default_case_id": self.id}
        return action

    def _care_offers(self):
        """What is offered to the customer and waits for their answer; for the mail and the page.

        :return: list of dict ``id``, ``name``, ``text``, ``until``, ``products``
        """
        self.ensure_one()
        # sudo: of their own case a customer reads what was offered, and that alone
        customer = self.sudo().partner_id.commercial_partner_id
        remedies = self.sudo().remedy_ids.filtered(
            lambda remedy: (
                remedy._is_open_offer() and remedy.partner_id.commercial_partner_id == customer
            )
        )
        return [remedy._offer_line() for remedy in remedies.sorted("id")]


class CareNotice(models.Model):
    """The mail that offers a remedy."""

    _inherit = "care.notice"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[("remedy_offered", "We offer you")],
        ondelete={"remedy_offered": "cascade"},
    )
    remedy_id = fields.Many2one(
        "care.remedy", readonly=True, index="btree_not_null", ondelete="cascade"
    )

    @property
    def _notice_templates(self):
        return {
            **super()._notice_templates,
            "remedy_offered": "customer_care.mail_template_remedy_offered",
        }

    @api.model
    def _announce_remedies(self, remedies):
        """Plan the mail for each; the same one is offered again only by a new remedy."""
        # sudo: planned rows are the engine's, whoever offers
        return self.sudo()._plan(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "kind": "remedy_offered",
                    "case_id": remedy.case_id.id,
                    "remedy_id": remedy.id,
                    "company_id": remedy.company_id.id,
                    "occurrence": remedy.id,
                    "next_at": self.env.cr.now(),
                }
                for remedy in remedies.sudo()
            ]
        )

    @api.model
    def _cancel_remedies(self, remedies):
        """There is nothing to accept any more."""
        # sudo: as above
        self.sudo().search(
            [("remedy_id", "in", remedies.ids), ("state", "=", "planned")]
        )._cancel_due()

    def _is_true(self):
        if self.kind == "remedy_offered":
            return self.remedy_id._is_open_offer()
        return super()._is_true()
