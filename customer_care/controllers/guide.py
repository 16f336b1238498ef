from odoo import http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager


class GuidePortal(CustomerPortal):
    """The guides of the services that a customer ordered.

    Customers have no rights to the models: each route looks itself whose guide it is.
    """

    _guides_per_page = 20

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "care_guide_count" in counters:
            # sudo: the visitor's own guides, which the domain names
            guides = request.env["care.guide"].sudo()
            values["care_guide_count"] = guides.search_count(
                request.env["care.guide"]._domain_of_visitor()
            )
        return values

    @http.route(
        ["/my/guides", "/my/guides/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_guides(self, page=1, **kw):
        domain = request.env["care.guide"]._domain_of_visitor()
        # sudo: the visitor's own guides, which the domain names
        guides = request.env["care.guide"].sudo()
        pages = pager(
            url="/my/guides",
            total=guides.search_count(domain),
            page=page,
            step=self._guides_per_page,
        )
        values = self._prepare_portal_layout_values()
        values.update(
            {
                "guides": guides.search(
                    domain, limit=self._guides_per_page, offset=pages["offset"]
                ),
                "page_name": "care_guide",
                "pager": pages,
                "default_url": "/my/guides",
            }
        )
        return request.render("customer_care.portal_my_guides", values)

    @http.route("/my/guides/<int:guide_id>", type="http", auth="public", website=True)
    def portal_my_guide(self, guide_id, access_token=None, **kw):
        guide = request.env["care.guide"]._of_visitor(guide_id, access_token)
        if not guide:
            return request.redirect("/my")
        values = self._prepare_portal_layout_values()
        values.update({"guide": guide, "page_name": "care_guide"})
        return request.render("customer_care.portal_guide_page", values)

    @http.route(
        "/my/guides/<int:guide_id>/document/<int:document_id>",
        type="http",
        auth="public",
        readonly=True,
    )
    def portal_guide_document(self, guide_id, document_id, access_token=None, **kw):
        guide = request.env["care.guide"]._of_visitor(guide_id, access_token)
        document = guide.service_id.document_ids.filtered(lambda doc: doc.id == document_id)
        if not document or document.type != "binary":
            raise request.not_found()
        stream = request.env["ir.binary"].sudo()._get_stream_from(document.ir_attachment_id)
        return stream.get_response(as_attachment=True)
