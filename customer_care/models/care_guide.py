from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, consteq

from .care_guard import refuse_forged


class CareGuide(models.Model):
    """A service's guide, sent to one customer, once; and whether it was clear to them."""

    _name = "care.guide"
    _description = "Service guide of a customer"
    _inherit = ["care.customer.mixin"]
    _order = "sent_at desc, id desc"
    #: What people write; the rest is the engine's.
    _answer_fields = frozenset({"clear", "unclear"})

    service_id = fields.Many2one(
        "care.service", required=True, readonly=True, ondelete="cascade", index=True
    )
    partner_id = fields.Many2one(
        "res.partner", "Customer", required=True, readonly=True, ondelete="cascade", index=True
    )
    # a plain column: the database has to see that it was sent already
    commercial_partner_id = fields.Many2one(
        "res.partner",
        "Customer Company",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade", index=True
    )
    journey_id = fields.Many2one(
        "care.journey", readonly=True, ondelete="set null", index="btree_not_null"
    )
    access_token = fields.Char(readonly=True, copy=False, groups="base.group_system")
    sent_at = fields.Datetime("Sent", readonly=True, index=True)
    clear = fields.Selection([("yes", "Clear"), ("no", "Not clear")], "Was It Clear?")
    unclear = fields.Text("What Was Not Clear")
    answered_at = fields.Datetime("Answered", readonly=True)
    answered_by_id = fields.Many2one("res.users", "Asked By", readonly=True)
    followup_id = fields.Many2one(
        "care.followup", "Asked In", readonly=True, ondelete="set null", index="btree_not_null"
    )

    _customer_uniq = models.UniqueIndex(
        "(service_id, commercial_partner_id, company_id)",
        "This customer has this guide already.",
    )

    @api.depends("service_id", "partner_id")
    def _compute_display_name(self):
        for guide in self:
            guide.display_name = f"{guide.service_id.name} · {guide.partner_id.name}"

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_forged(self, set(vals))
        return super().create(vals_list)

    def write(self, vals):
        if self.env.su:
            return super().write(vals)
        refuse_forged(self, set(vals) - self._answer_fields)
        self.check_access("write")
        if any(not guide.sent_at for guide in self):
            raise UserError(self.env._("Ask about a guide when it has been sent."))
        # sudo: who answered and when is the engine's to say; rights checked above
        self.sudo().write(
            {**vals, "answered_at": self.env.cr.now(), "answered_by_id": self.env.uid}
        )
        return True

    def _label(self, name):
        """The word for the value of a selection, in the reader's language."""
        self.ensure_one()
        return dict(self._fields[name]._description_selection(self.env)).get(self[name])

    # ------------------------------------------------------------
    # Planned at the order, sent by the notices' cron
    # ------------------------------------------------------------

    @api.model
    def _plan_for(self, journeys):
        """Plan the guides of what the journeys' orders are the customers' first orders of.

        One statement for all, whatever their number: it runs in the seller's transaction.
        """
        journeys = journeys.filtered(lambda journey: journey._care_covered())
        if not journeys:
            return
        self.env.flush_all()
        now = self.env.cr.now()
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO care_guide (service_id, partner_id, commercial_partner_id, company_id,
                    journey_id, access_token, create_uid, create_date, write_uid, write_date)
                SELECT DISTINCT ON (s.id, p.commercial_partner_id, j.company_id)
                    s.id, p.id, p.commercial_partner_id, j.company_id, j.id,
                    gen_random_uuid()::varchar, %s, %s, %s, %s
                FROM care_journey j
                JOIN res_partner p ON p.id = j.partner_id
                JOIN sale_order o ON o.id = j.order_id
                JOIN sale_order_line l ON l.order_id = j.order_id AND l.product_uom_qty > 0
                JOIN product_product v ON v.id = l.product_id
                JOIN product_template t ON t.id = v.product_tmpl_id
                JOIN care_service s ON s.active
                    AND (s.company_id IS NULL OR s.company_id = j.company_id)
                    AND %s
                WHERE j.id = ANY(%s)
                    AND NOT EXISTS (
                        SELECT FROM sale_order before
                        JOIN res_partner buyer ON buyer.id = before.partner_id
                            AND buyer.commercial_partner_id = p.commercial_partner_id
                        JOIN sale_order_line had ON had.order_id = before.id
                        JOIN product_product hadv ON hadv.id = had.product_id
                        JOIN product_template hadt ON hadt.id = hadv.product_tmpl_id
                        WHERE before.state = 'sale' AND before.company_id = j.company_id
                            AND before.id != j.order_id AND had.product_uom_qty > 0
                            AND before.date_order < o.date_order
                            -- of those with a journey it is known what came of them
                            AND NOT EXISTS (
                                SELECT FROM care_journey k WHERE k.order_id = before.id)
                            AND %s)
                ORDER BY s.id, p.commercial_partner_id, j.company_id, j.id
                ON CONFLICT DO NOTHING
                RETURNING journey_id
                """,
                *(self.env.uid, now, self.env.uid, now),
                self._is_about("v", "t"),
                journeys.ids,
                self._is_about("hadv", "hadt"),
            )
        )
        if rows:
            planned = journeys.browse(dict.fromkeys(journey_id for (journey_id,) in rows))
            self.env["care.notice"]._announce("service_guide", planned)

    @api.model
    def _is_about(self, product, template):
        """Whether service ``s`` is that of a product: itself, or its category's.

        :param str product: alias of the product's table; ``template`` of its template's
        """
        return SQL(
            """
            (EXISTS (
                SELECT FROM care_service_product_rel r
                WHERE r.service_id = s.id AND r.product_id = %(product)s)
            OR EXISTS (
                SELECT FROM care_service_category_rel r
                JOIN product_category c ON c.id = r.category_id
                JOIN product_category own ON own.id = %(category)s
                WHERE r.service_id = s.id AND own.parent_path LIKE c.parent_path || '%%'))
            """,
            product=SQL.identifier(product, "id"),
            category=SQL.identifier(template, "categ_id"),
        )

    def _url(self):
        """The customer's page, which opens without a login."""
        self.ensure_one()
        # sudo: the mail to the customer carries the key to their own page
        return f"/my/guides/{self.id}?access_token={self.sudo().access_token}"

    def _document_url(self, document):
        """Where the customer opens a document of the guide: a link leads there by itself."""
        self.ensure_one()
        # sudo: as in `_url`
        if document.sudo().type == "url":
            return document.sudo().url
        return (
            f"{self.get_base_url()}/my/guides/{self.id}/document/{document.id}"
            f"?access_token={self.sudo().access_token}"
        )

    @api.model
    def _of_visitor(self, guide_id, access_token=None):
        """The guide whose page somebody asks for, as superuser; empty if it is not theirs.

        Theirs is what a valid token says, the customer's own, or what staff may read.
        """
        # sudo: customers have no rights to the model; the page shows what it names
        guide = self.sudo().browse(guide_id).exists()
        user = self.env.user
        if not guide.sent_at:
            return guide.browse()
        if access_token and guide.access_token and consteq(guide.access_token, access_token):
            return guide
        if user._is_internal():
            return guide if guide.sudo(False).has_access("read") else guide.browse()
        return guide.filtered(
            lambda guide: (
                not user._is_public() and guide.commercial_partner_id == user.commercial_partner_id
            )
        )

    @api.model
    def _domain_of_visitor(self):
        """The guides that the customer who is logged in was sent."""
        return [
            ("commercial_partner_id", "=", self.env.user.commercial_partner_id.id),
            ("sent_at", "!=", False),
        ]

    def action_preview(self):
        """The guide as its customer sees it."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_url",
            "target": "self",
            "url": f"/my/guides/{self.id}",
        }


class CareJourney(models.Model):
    _inherit = "care.journey"

    guide_ids = fields.One2many("care.guide", "journey_id", "Service Guides")

    def _care_guides_to_send(self):
        """The guides of this order that the customer has not been sent, in the language of
        the mail."""
        self.ensure_one()
        return self.guide_ids.filtered(lambda guide: not guide.sent_at)

    def _care_notify(self, event):
        if event == "order_confirmed":
            self.env["care.guide"]._plan_for(self)
        return super()._care_notify(event)


class CareNotice(models.Model):
    _inherit = "care.notice"

    def _mail_customer(self, template):
        """Guides are told on the journey: one mail an order, however many services it has."""
        if self[:1].kind != "service_guide":
            return super()._mail_customer(template)
        guides = self.env["care.guide"].search(
            [("journey_id", "in", self.journey_id.ids), ("sent_at", "=", False)]
        )
        profiles = self.env["care.profile"]._for(self.journey_id.partner_id, self.company_id[:1])
        refused = self.filtered(
            lambda row: (
                (profile := profiles.get(row.journey_id.commercial_partner_id))
                and profile.no_followup
            )
        )
        refused._cancel_due({"error": self.env._("The customer asked not to be contacted.")})
        ended = (self - refused).filtered(
            lambda row: (
                row.journey_id.stage_category == "cancelled"
                or row.journey_id not in guides.journey_id
            )
        )
        ended._cancel_due({"error": self.env._("The order was cancelled.")})
        told = (self - refused - ended).filtered("journey_id.partner_id.email")
        sent = guides.filtered(lambda guide: guide.journey_id in told.journey_id)
        # who was not sent it gets it with the next order
        (guides - sent).unlink()
        told.journey_id.message_post_with_source(
            template,
            message_type="auto_comment",
            # a note: it goes to the customer alone, not to whoever follows the journey
            subtype_xmlid="mail.mt_note",
            email_layout_xmlid="customer_care.mail_layout",
        )
        sent.write({"sent_at": self.env.cr.now()})
        told._wake_mail_queue()
        return told
