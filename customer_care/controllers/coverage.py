from odoo import http

from .portal import CarePortal


class CoveragePortal(CarePortal):
    """What after-sale service runs on what a customer has bought.

    Customers have no rights to the models: the domain names the visitor's own rows.
    """

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "care_coverage_count" in counters:
            values["care_coverage_count"] = self._prepare_visitors_count("care.coverage")
        return values

    @http.route(
        ["/my/coverage", "/my/coverage/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_coverage(self, page=1, **kw):
        return self._render_visitors_rows(
            "care.coverage",
            "/my/coverage",
            page,
            "coverages",
            "customer_care.portal_my_coverage",
            order="order_id desc, sale_line_id, date_start, id",
        )
