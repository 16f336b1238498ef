"""What the doors without a login need: a count of who comes how often, and what they offer."""

from collections import defaultdict
from datetime import timedelta

from babel.dates import get_day_names

from odoo import api, fields, models
from odoo.tools import SQL, hmac
from odoo.tools.misc import babel_locale_parse

from ..tools.clock import clock
from .care_due_mixin import insert_new

#: Hours after which it is forgotten who came.
FORGET_HOURS = 48


class CareDoor(models.Model):
    """Somebody came to a public door. Of whom, only a fingerprint is kept, and not for long."""

    _name = "care.door"
    _description = "Came to a public door"
    _inherit = ["care.engine.mixin"]
    _order = "id desc"

    key = fields.Char(required=True, readonly=True)
    once = fields.Boolean(readonly=True, help="May come once only, not a number of times.")

    _key_idx = models.Index("(key, create_date)")
    _once_uniq = models.UniqueIndex("(key) WHERE once")

    @api.model
    def _fingerprint(self, *parts):
        return hmac(self.env(su=True), "customer_care.door", ":".join(map(str, parts)))

    @api.model
    def _too_often(self, *visitors, limit, minutes=60):
        """Whether any of these visitors has been let in ``limit`` times lately.

        :param visitors: tuples that name them, as ("mail", address)
        """
        # sudo: the engine's own count; who comes has no rights
        since = self.env.cr.now() - timedelta(minutes=minutes)
        groups = self.sudo()._read_group(
            [
                ("key", "in", [self._fingerprint(*visitor) for visitor in visitors]),
                ("create_date", ">", since),
            ],
            ["key"],
            ["__count"],
        )
        return any(count >= limit for _key, count in groups)

    @api.model
    def _let_in(self, *visitors):
        """Note that these visitors were let in."""
        # sudo: as above
        self.sudo().create([{"key": self._fingerprint(*visitor)} for visitor in visitors])

    @api.model
    def _once(self, *what):
        """Whether this comes for the first time: of two at once, one only."""
        # sudo: as above
        doors = self.sudo()
        return bool(insert_new(doors, [{"key": self._fingerprint(*what), "once": True}]))

    @api.autovacuum
    def _gc_doors(self):
        self.env.cr.execute(
            SQL(
                "DELETE FROM care_door WHERE create_date < %s",
                self.env.cr.now() - timedelta(hours=FORGET_HOURS),
            )
        )
        self.env.invalidate_all(flush=False)


class CareService(models.Model):
    _inherit = "care.service"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _fitting(self, products, company):
        """The services whose guides help with ``products``, as superuser."""
        # sudo: customers have no rights to services; what is shown is written for them
        services = self.sudo()
        products = products.sudo()
        if not products:
            return services
        return services.search(
            [
                ("company_id", "in", (False, company.id)),
                "|",
                ("product_ids", "in", products.ids),
                ("category_ids", "parent_of", products.categ_id.ids),
            ]
        )

    def _for_visitor(self):
        """The ones among these services whose documents the present visitor may open: those
        that stand on public forms, those of what they have ordered, those whose guide they
        were sent.
        """
        # sudo: what the visitor may see is decided here
        services = self.sudo()
        offered = (
            self.env["care.category"]
            .sudo()
            .search([("is_offered", "=", True), ("service_ids", "in", services.ids)])
        )
        mine = services & offered.service_ids
        user = self.env.user
        if user._is_public() or not services - mine:
            return mine
        partner = user.commercial_partner_id
        sent = (
            self.env["care.guide"]
            .sudo()
            .search(
                [
                    ("service_id", "in", services.ids),
                    ("commercial_partner_id", "=", partner.id),
                    ("sent_at", "!=", False),
                ]
            )
        )
        lines = (
            self.env["sale.order.line"]
            .sudo()
            .search(
                [
                    ("order_id.partner_id", "child_of", partner.id),
                    ("state", "=", "sale"),
                    ("product_id", "!=", False),
                ],
                limit=500,
            )
        )
        bought = services.browse()
        for company, own in lines.grouped("company_id").items():
            bought |= services._fitting(own.product_id, company)
        return services & (mine | sent.service_id | bought)


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_public_form = fields.Boolean(
        "Public Form",
        default=True,
        help="Customers write to this company without logging in, on its contact page.",
    )

    def _care_form_is_open(self):
        """Whether anybody may write to this company on its public form."""
        self.ensure_one()
        # sudo: a setting, whoever stands at the door
        company = self.sudo()
        return bool(company.care_public_form and company.care_start_date)

    def _care_form_url(self, **params):
        """The address of the public form."""
        self.ensure_one()
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return f"{self.get_base_url()}/care/contact/{self.id}" + (f"?{query}" if query else "")

    def _care_call_url(self, record=None):
        """Where a customer asks to be called: the page of their case, else the public form.

        :param record: what the mail or the page is about
        :return: an address; empty where neither is open
        """
        self.ensure_one()
        if record is not None and record._name == "care.case" and record:
            # made the customer's own link in the mail to them
            return f"{record.get_base_url()}/my/cases/{record.id}/call"
        return self._care_form_url(call=1) if self._care_form_is_open() else ""

    def _care_opening_lines(self, calendar=None):
        """When somebody is there, a line each: “Mon–Fri 9:00 AM–5:00 PM”.

        :param calendar: other working hours than the company's
        """
        self.ensure_one()
        # sudo: opening hours are for customers
        hours = defaultdict(list)
        calendar = calendar.sudo() if calendar else self.sudo().resource_calendar_id
        for slot in calendar.attendance_ids.sorted("hour_from"):
            if slot.day_period != "lunch" and not slot.display_type:
                hours[int(slot.dayofweek)].append((slot.hour_from, slot.hour_to))
        names = get_day_names("abbreviated", locale=babel_locale_parse(self.env.lang))
        days = sorted(hours)
        lines, index = [], 0
        while index < len(days):
            first = last = days[index]
            while index + 1 < len(days) and (
                days[index + 1] == last + 1 and hours[days[index + 1]] == hours[first]
            ):
                index += 1
                last = days[index]
            when = names[first] if first == last else f"{names[first]}–{names[last]}"
            spans = ", ".join(
                f"{clock(self.env, start)}–{clock(self.env, end)}"
                for start, end in _joined(hours[first])
            )
            lines.append(f"{when} {spans}")
            index += 1
        return lines


def _joined(spans):
    """Spans of hours, those that touch as one."""
    joined = []
    for start, end in sorted(set(spans)):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
