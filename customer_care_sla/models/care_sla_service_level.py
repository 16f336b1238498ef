"""The level of service: what a customer is promised, on the partner, the quotation, the journey."""

from types import SimpleNamespace

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.customer_care.models.care_category import SEVERITIES
from odoo.addons.customer_care.models.care_guard import refuse_forged

from .care_sla_policy import CUSTOMER, SOLD

#: What customers are told of their level of service, in this order.
TOLD = ("acknowledgement", "first_response", "next_response", "update", "resolution", "remedy")


class CareSlaPolicy(models.Model):
    _inherit = "care.sla.policy"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _service_level(self, partner, company, tier=None, sold=None):
        """What is promised to a customer's cases: in the customer's words and the language of
        the context. Policies with a filter are left out: they depend on the case.

        :param tier: instead of the customer's own in this company
        :param sold: a tier that is sold to them; the better one of it and their own holds
        :return: None where nothing is promised; a dict otherwise: ``tier`` (record), ``policies``
            (records), ``lines`` (texts), ``hours`` (texts)
        """
        # sudo: what is promised to a customer is the company's to say
        policies = self.sudo()
        customer = partner.commercial_partner_id
        if tier is None:
            profile = policies.env["care.profile"]._for(customer, company).get(customer)
            tier = profile.tier_id if profile else policies.env["care.tier"]
            tier = (tier | sold)._best() if sold else tier
        choices = policies._choose_beforehand(partner, company, tier, TOLD)
        severities = self.env["care.case"]._fields["severity"]._description_selection(self.env)
        lines = [
            line
            for measure in TOLD
            if (line := self._service_line(measure, choices, dict(severities)))
        ]
        if not lines:
            return None
        used = policies.browse(
            dict.fromkeys(
                choice.policy.id for measures in choices.values() for choice in measures.values()
            )
        )
        return {
            "tier": tier,
            "policies": used,
            "lines": lines,
            "hours": company.with_context(lang=self.env.lang)._care_opening_lines(
                used.calendar_id[:1]
            ),
        }

    @api.model
    def _choose_beforehand(self, partner, company, tier, measures):
        """What is promised before there is a case: by policies without a filter.

        :param partner: a customer; empty for everybody
        :param tier: a tier; empty for none
        :return: dict severity -> measure -> :class:`Choice`
        """
        who = SimpleNamespace(
            _name="res.partner",
            partner_id=partner,
            commercial_partner_id=partner.commercial_partner_id,
            tier_id=tier,
        )
        book = [policy for policy in self._book_of(company).of("care.case") if not policy.filtered]
        candidates = sorted(
            (
                (rank, policy, True)
                for policy in book
                if (rank := self._rank(policy, who, bool(tier))) is not None
            ),
            key=lambda candidate: candidate[0],
        )
        return {
            severity: self._choose_among(candidates, measures, (severity, 0, ""))
            for severity, _label in SEVERITIES
        }

    @api.model
    def _service_line(self, measure, choices, severities):
        """One promise as customers read it; what is usual first, then what differs.

        :param dict choices: severity -> measure -> :class:`Choice`
        """
        said = {
            severity: self._span(mine[measure].line)
            for severity, mine in choices.items()
            if measure in mine and mine[measure].line.kind not in ("none", "date")
        }
        if not said:
            return None
        usual = said.get("1") or next(iter(said.values()))
        others = [
            self.env._("%(severity)s: %(span)s", severity=severities[severity].lower(), span=span)
            for severity, span in reversed(said.items())
            if span != usual
        ]
        texts = {
            "acknowledgement": self.env._("You have it in writing that we know of it: %s", usual),
            "first_response": self.env._("A first answer: %s", usual),
            "next_response": self.env._("An answer to each further message: %s", usual),
            "update": self.env._("News from us, until it is solved: every %s", usual),
            "resolution": self.env._("A solution: %s", usual),
            "remedy": self.env._("What we agree on is carried out: %s", usual),
        }
        text = texts[measure]
        return f"{text} ({'; '.join(others)})" if others else text

    @api.model
    def _span(self, line):
        """A promised time in a customer's words."""
        amount = f"{line.amount:g}"
        one = line.amount == 1
        if line.kind == "minutes":
            return self.env._("%s minutes", amount)
        if line.kind == "hours":
            return self.env._("1 hour") if one else self.env._("%s hours", amount)
        if line.kind == "days":
            return self.env._("1 working day") if one else self.env._("%s working days", amount)
        if line.amount == 0:
            return self.env._("by the end of the same working day")
        if one:
            return self.env._("by the end of the next working day")
        return self.env._("by the end of the working day, %s days later", amount)

    @api.model
    def _rank(self, policy, record, tiers):
        """What was sold with an order holds for its journey and cases, whatever the customer's
        tier is by then: it comes before that."""
        rank = super()._rank(policy, record, tiers)
        if rank == CUSTOMER or not policy.tiers:
            return rank
        if record._name == "care.journey":
            sold = record.sold_tier_id
        elif record._name == "care.case":
            sold = record.journey_id.sold_tier_id
        else:
            return rank
        return SOLD if sold and sold.id in policy.tiers else rank


class CareTier(models.Model):
    _inherit = "care.tier"

    product_ids = fields.Many2many(
        "product.product",
        "care_tier_product_rel",
        "tier_id",
        "product_id",
        "Sold By",
        domain="[('sale_ok', '=', True)]",
        help="Who buys one of these is promised what this tier is, with that order: a service "
        "contract, an extended warranty. The price is the product's.",
    )

    def _best(self):
        """The first of these in the order of tiers."""
        return self.sorted(lambda tier: (tier.sequence, tier.id))[:1]


class CareJourney(models.Model):
    _inherit = "care.journey"  # pylint: disable=consider-merging-classes-inherited

    sold_tier_id = fields.Many2one(
        "care.tier",
        "Service Level Sold",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="The tier that the order sells, or the customer's when it was confirmed, whichever "
        "is better. What it promises holds for this order even if the customer is of another tier "
        "later.",
    )

    tier_then_id = fields.Many2one(
        "care.tier",
        "Customer's Tier When Confirmed",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="What holds where the order sells nothing better.",
    )

    @api.model
    def _check_engine_fields(self, vals):
        refuse_forged(self, {"sold_tier_id", "tier_then_id"} & set(vals))
        return super()._check_engine_fields(vals)

    def _care_state(self, event, at=None):
        if event == "order_confirmed":
            for tier, journeys in self.grouped("tier_id").items():
                other = journeys.filtered(lambda journey, t=tier: journey.tier_then_id != t)
                if other:
                    other.write({"tier_then_id": tier.id})
            self._care_sell()
        return super()._care_state(event, at)

    def _care_sell(self):
        """The level of service is what the order sells by now, or what the customer had when it
        was confirmed.

        :return: the journeys whose level is another one
        """
        sold, none = self.order_id._care_tiers_sold(), self.env["care.tier"]
        changed = self.browse()
        for tier, journeys in self.grouped(
            lambda journey: (journey.tier_then_id | sold.get(journey.order_id.id, none))._best()
        ).items():
            other = journeys.filtered(lambda journey, t=tier: journey.sold_tier_id != t)
            if other:
                other.write({"sold_tier_id": tier.id})
                changed |= other
        return changed


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    # nullable, as every column of ours on a core table
    care_print_service_level = fields.Boolean(
        "Service Level on Quotations",
        help="Quotations say on paper and on the portal what the customer is promised.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    care_print_service_level = fields.Boolean(
        related="company_id.care_print_service_level", readonly=False
    )


class SaleOrder(models.Model):
    _inherit = "sale.order"  # pylint: disable=consider-merging-classes-inherited

    def _care_tiers_sold(self):
        """The best tier that each of these orders sells: one query for all.

        :return: dict id -> tier; orders that sell none are left out
        """
        for model in ("sale.order.line", "care.tier"):
            self.env[model].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (line.order_id) line.order_id, tier.id
                  FROM sale_order_line line
                  JOIN care_tier_product_rel rel ON rel.product_id = line.product_id
                  JOIN care_tier tier ON tier.id = rel.tier_id AND tier.active IS TRUE
                 WHERE line.order_id = ANY(%s) AND line.product_uom_qty > 0
                 ORDER BY line.order_id, tier.sequence, tier.id
                """,
                list(self.ids),
            )
        )
        # sudo: what was sold, whoever confirms or reads it
        tiers = self.env["care.tier"].sudo()
        return {order_id: tiers.browse(tier_id) for order_id, tier_id in rows}

    def _care_sold_after_all(self):
        """What these confirmed orders sell has changed: so has what is promised with them, of
        their journeys and the cases about them.
        """
        # sudo: promises follow the order, whoever changes it
        journeys = self.env["care.journey"].sudo().search([("order_id", "in", self.ids)])
        changed = journeys._care_sell()
        if changed:
            clocks = self.env["care.sla.clock"]
            clocks._reconsider(changed)
            clocks._reconsider(changed.case_ids)
            # what the level before did not promise begins with the sale of this one
            open_ones = changed.filtered(lambda j: j.stage_category in ("open", "waiting"))
            if open_ones:
                clocks._start_begun(open_ones, clocks._now())

    def _care_service_level(self):
        """What the quotation says of the level of service: see
        :meth:`care.sla.policy._service_level`; None where the company does not want it said.
        """
        self.ensure_one()
        # sudo: a setting of the company, and what its policies say to this customer
        order = self.sudo()
        if not order.company_id.care_print_service_level:
            return None
        tier = order.care_journey_ids.sold_tier_id[:1]
        sold = None if tier else order._care_tiers_sold().get(order.id)
        return order.env["care.sla.policy"]._service_level(
            order.partner_id, order.company_id, tier or None, sold
        )


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._care_sold_after_all()
        return lines

    def write(self, vals):
        before = self.product_id if "product_id" in vals else self.env["product.product"]
        result = super().write(vals)
        if {"product_id", "product_uom_qty"} & vals.keys():
            self._care_sold_after_all(before)
        return result

    def unlink(self):
        orders, products = self._care_confirmed(), self.product_id
        result = super().unlink()
        if orders and products._care_sells_tier():
            orders._care_sold_after_all()
        return result

    def _care_confirmed(self):
        return self.order_id.filtered(lambda order: order.state == "sale")

    def _care_sold_after_all(self, before=None):
        """
        :param before: products that were sold until now
        """
        orders = self._care_confirmed()
        if orders:
            products = self.filtered(lambda line: line.order_id in orders).product_id
            if (products | (before or products))._care_sells_tier():
                orders._care_sold_after_all()


class ProductProduct(models.Model):
    _inherit = "product.product"

    def _care_sells_tier(self):
        """Whether one of these products sells a level of service."""
        # sudo: whoever sells it need not know of tiers
        tiers = self.env["care.tier"].sudo()
        return bool(self and tiers.search_count([("product_ids", "in", self.ids)], limit=1))


class ResPartner(models.Model):
    _inherit = "res.partner"

    care_service_level = fields.Text(
        "Service Level",
        compute="_compute_care_service_level",
        groups="customer_care.group_agent",
        help="What this customer is promised, by their own policy, their tier's or everybody's.",
    )
    care_service_policies = fields.Char(
        "Promised By",
        compute="_compute_care_service_level",
        groups="customer_care.group_agent",
    )

    @api.depends("commercial_partner_id")
    @api.depends_context("company", "lang")
    def _compute_care_service_level(self):
        company = self.env.company
        for partner in self:
            level = self.env["care.sla.policy"]._service_level(partner, company)
            partner.care_service_level = level and "\n".join(level["lines"])
            partner.care_service_policies = level and ", ".join(level["policies"].mapped("name"))
