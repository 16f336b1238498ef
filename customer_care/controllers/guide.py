from odoo import http
from odoo.http import request

from .portal import CarePortal


class GuidePortal(CarePortal):
    """The guides of the services that a customer ordered.

    Customers have no rights to the models: each route looks itself whose guide it is.
    """

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "care_guide_count" in counters:
            values["care_guide_count"] = self._prepare_visitors_count("care.guide")
        return values

    @http.route(
        ["/my/guides", "/my/guides/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_guides(self, page=1, **kw):
        return self._render_visitors_rows(
            "care.guide",
            "/my/guides",
            page,
            "guides",
            "customer_care.portal_my_guides",
        )

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
