from odoo import api, fields, models
from odoo.exceptions import ValidationError

TERMS = [("free", "Free for a Period"), ("paid", "Paid"), ("none", "None")]
PROVIDERS = [("own", "Own Staff"), ("dealer", "Dealer"), ("third_party", "Third Party")]


class CareServicePlan(models.Model):
    """What after-sale service a product carries: free for a period, paid or none, and by whom.

    The plans that name a product stand before those of its category, and these before those of
    the categories above; all plans of that level run on what is sold. On a case the first one
    that is running, in the order of the list, says what applies.
    """

    _name = "care.service.plan"
    _description = "Service plan"
    _order = "sequence, name, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True, help="The customer reads it.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        index=True,
        help="Leave empty for all companies.",
    )
    product_tmpl_ids = fields.Many2many(
        "product.template",
        "care_service_plan_product_rel",
        "plan_id",
        "product_tmpl_id",
        "Products",
        check_company=True,
    )
    categ_ids = fields.Many2many(
        "product.category",
        "care_service_plan_categ_rel",
        "plan_id",
        "categ_id",
        "Product Categories",
        help="With all categories below.",
    )
    term = fields.Selection(
        TERMS,
        "After-sale Service",
        required=True,
        default="free",
        help="Free: nothing to pay until the end. Paid: offered, for money. None: said so, that "
        "nobody waits for it.",
    )
    months = fields.Integer(
        default=24, help="How long it lasts, from its start. 0: without an end."
    )
    start = fields.Selection(
        [("delivery", "Delivery"), ("confirmation", "Order")],
        "Starts With",
        required=True,
        default="delivery",
        help="What is not delivered, such as a service, starts with the order.",
    )
    provider = fields.Selection(
        PROVIDERS, "Done By", required=True, default="own", help="Who serves the customer."
    )
    partner_id = fields.Many2one(
        "res.partner",
        "Provider",
        check_company=True,
        index="btree_not_null",
        help="The dealer or third party who does it.",
    )
    send_at_once = fields.Boolean(
        "Send at Once",
        default=True,
        help="A complaint is mailed to the provider by itself: the customer's name, address and "
        "phone, the product and what was said. Otherwise the owner of the case sends it.",
    )
    team_id = fields.Many2one(
        "care.team",
        "Team",
        check_company=True,
        index="btree_not_null",
        help="Cases about it go to this team.",
    )
    service_id = fields.Many2one(
        "care.service",
        "What Is Included",
        check_company=True,
        index="btree_not_null",
        help="What is included, what is not, and how to use it.",
    )
    response = fields.Text(
        "Told to the Customer",
        translate=True,
        help="What they can count on: how to reach us, how fast somebody comes.",
    )
    product_id = fields.Many2one(
        "product.product",
        "Sold As",
        domain="[('sale_ok', '=', True)]",
        check_company=True,
        help="The product of the quotation line when a customer orders the paid service.",
    )
    coverage_ids = fields.One2many("care.coverage", "plan_id", "Coverages")
    coverage_count = fields.Integer("Running", compute="_compute_coverage_count")

    _months_check = models.Constraint(
        "CHECK (months >= 0)", "The months of a service plan are a number of 0 or more."
    )
    _free_check = models.Constraint(
        "CHECK (term <> 'free' OR months > 0)", "Say for how many months the service is free."
    )
    _partner_check = models.Constraint(
        "CHECK ((provider = 'own') = (partner_id IS NULL))",
        "Choose the dealer or third party who does it; own staff need none.",
    )
    _product_check = models.Constraint(
        "CHECK (term <> 'paid' OR product_id IS NOT NULL)",
        "Choose the product as which the paid service is sold.",
    )

    def _compute_coverage_count(self):
        counts = dict(
            self.env["care.coverage"]._read_group(
                [("plan_id", "in", self.ids), ("state", "=", "running")], ["plan_id"], ["__count"]
            )
        )
        for plan in self:
            plan.coverage_count = counts.get(plan, 0)

    # the name too: what is not given at all is not checked
    @api.constrains("name", "product_tmpl_ids", "categ_ids")
    def _check_products(self):
        for plan in self:
            if not plan.product_tmpl_ids and not plan.categ_ids:
                raise ValidationError(
                    self.env._(
                        "Choose the products or product categories that carry “%s”.", plan.name
                    )
                )

    @api.onchange("provider")
    def _onchange_provider(self):
        if self.provider == "own":
            self.partner_id = False
        else:
            self.team_id = False

    @api.ondelete(at_uninstall=False)
    def _unlink_except_sold(self):
        # sudo: whoever was sold it, in whatever company
        if self.sudo().coverage_ids:
            raise ValidationError(
                self.env._(
                    "Customers were sold this service. Archive it: what was promised stays, and "
                    "nothing new is covered."
                )
            )

    # ------------------------------------------------------------
    # Which plans a product carries
    # ------------------------------------------------------------

    @api.model
    def _any(self, company):
        """Whether a company has plans at all: who has none pays one short look for it."""
        domain = [("company_id", "in", [False, company.id])]
        return bool(self.with_context(active_test=True).search_count(domain, limit=1))

    @api.model
    def _of_products(self, products, company):
        """The plans that products carry in a company: one search for all of them.

        :return: dict product -> plans, in their order
        """
        plans = self.with_context(active_test=True).search(
            [("company_id", "in", [False, company.id])]
        )
        by_product, by_category = {}, {}
        for plan in plans:
            for template in plan.product_tmpl_ids:
                by_product[template.id] = by_product.get(template.id, plans.browse()) | plan
            for category in plan.categ_ids:
                by_category[category.id] = by_category.get(category.id, plans.browse()) | plan
        found = {}
        for product in products:
            mine = by_product.get(product.product_tmpl_id.id)
            category = product.categ_id
            path = [int(part) for part in (category.parent_path or "").split("/") if part]
            while not mine and path:
                mine = by_category.get(path.pop())
            found[product] = mine or plans.browse()
        return found

    def action_open_coverages(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_coverage_action")
        action["domain"] = [("plan_id", "=", self.id)]
        action["context"] = {}
        return action
