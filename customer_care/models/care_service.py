from odoo import api, fields, models
from odoo.exceptions import ValidationError


class CareService(models.Model):
    """What we offer, in the customer's words: what is included, what is not, how to use it."""

    _name = "care.service"
    _description = "Service"
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, index=True, ondelete="cascade"
    )
    description = fields.Text(translate=True, help="What it is, in a few sentences.")
    included = fields.Text(translate=True, help="One thing a line.")
    excluded = fields.Text("Not Included", translate=True, help="One thing a line.")
    options = fields.Text(
        translate=True, help="What the customer can have besides, and for how much. One a line."
    )
    product_ids = fields.Many2many(
        "product.product",
        "care_service_product_rel",
        "service_id",
        "product_id",
        "Products",
        check_company=True,
        help="The guide is sent at a customer's first order of one of these.",
    )
    category_ids = fields.Many2many(
        "product.category",
        "care_service_category_rel",
        "service_id",
        "category_id",
        "Product Categories",
        help="… or of a product in one of these categories.",
    )
    document_ids = fields.Many2many(
        "product.document",
        "care_service_document_rel",
        "service_id",
        "document_id",
        "Documents",
        help="Files and links of the products, which the guide offers to the customer.",
    )
    videos = fields.Text(
        translate=True, help="One a line: a title and its address, which begins with https://."
    )
    guide_ids = fields.One2many("care.guide", "service_id", "Guides Sent")
    guide_count = fields.Integer("Sent", compute="_compute_answers")
    clear_count = fields.Integer("Clear", compute="_compute_answers")
    unclear_count = fields.Integer("Not Clear", compute="_compute_answers")
    clear_share = fields.Float(
        "Clear to",
        compute="_compute_answers",
        aggregator=None,
        help="Of the customers who were asked.",
    )

    def _compute_answers(self):
        counts = {
            (service, clear): count
            for service, clear, count in self.env["care.guide"]._read_group(
                [("service_id", "in", self.ids), ("sent_at", "!=", False)],
                ["service_id", "clear"],
                ["__count"],
            )
        }
        for service in self:
            yes, no, unasked = (counts.get((service, answer), 0) for answer in ("yes", "no", False))
            service.guide_count = yes + no + unasked
            service.clear_count = yes
            service.unclear_count = no
            service.clear_share = yes / (yes + no) if yes + no else 0

    @api.constrains("videos")
    def _check_videos(self):
        for service in self:
            for _title, url in service._videos():
                if not url.startswith(("https://", "http://")):
                    raise ValidationError(
                        self.env._(
                            "“%s” is not the address of a video: each line ends with one that "
                            "begins with https://.",
                            url,
                        )
                    )

    def _lines(self, name):
        """The things that a text names, one a line."""
        self.ensure_one()
        return [line.strip() for line in (self[name] or "").splitlines() if line.strip()]

    def _videos(self):
        """``[(title, address)]``."""
        parted = [line.rpartition(" ") for line in self._lines("videos")]
        return [(title.strip(" :") or url, url) for title, _space, url in parted]

    def action_open_guides(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_guide_action")
        action["domain"] = [("service_id", "=", self.id)]
        action["context"] = {}
        return action
