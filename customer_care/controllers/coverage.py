from odoo import http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager


class CoveragePortal(CustomerPortal):
    """What after-sale service runs on what a customer has bought.

    Customers have no rights to the models: the domain names the visitor's own rows.
    """

    _coverages_per_page = 20

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "care_coverage_count" in counters:
            # sudo: the visitor's own coverages, which the domain names
            coverages = request.env["care.coverage"].sudo()
            values["care_coverage_count"] = coverages.search_count(
                request.env["care.coverage"]._domain_of_visitor()
            )
        return values

    @http.route(
        ["/my/coverage", "/my/coverage/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_coverage(self, page=1, **kw):
        domain = request.env["care.coverage"]._domain_of_visitor()
        # sudo: the visitor's own coverages, which the domain names
        coverages = request.env["care.coverage"].sudo()
        pages = pager(
            url="/my/coverage",
            total=coverages.search_count(domain),
            page=page,
            step=self._coverages_per_page,
        )
        values = self._prepare_portal_layout_values()
        values.update(
            {
                "coverages": coverages.search(
                    domain,
                    order="order_id desc, sale_line_id, date_start, id",
                    limit=self._coverages_per_page,
                    offset=pages["offset"],
                ),
                "page_name": "care_coverage",
                "pager": pages,
                "default_url": "/my/coverage",
            }
        )
        return request.render("customer_care.portal_my_coverage", values)
