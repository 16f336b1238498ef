from odoo import http
from odoo.exceptions import AccessError, LockError, MissingError
from odoo.http import request

from .portal import CarePortal


class CareRemedyPortal(CarePortal):
    """The customer accepts or declines what is offered on their case."""

    def _get_page_view_values(self, document, *args, **kwargs):
        values = super()._get_page_view_values(document, *args, **kwargs)
        if document._name == "care.case":
            values["offered"] = request.params.get("offered")
        return values

    @http.route(
        "/my/cases/<int:case_id>/remedies/<int:remedy_id>",
        type="http",
        auth="public",
        website=True,
        methods=["POST"],
    )
    def portal_remedy_answer(self, case_id, remedy_id, access_token=None, answer=None, **kw):
        try:
            case = self._document_check_access("care.case", case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        user = request.env.user
        if not user.share:
            # somebody of ours looking at the customer's page does not answer for them
            return request.redirect(self._address_of(case))
        author = None if user._is_public() else user.partner_id
        # sudo: the case was checked; of its remedies, the one that the form names
        remedy = request.env["care.remedy"].sudo()
        remedy = remedy.search([("id", "=", remedy_id), ("case_id", "=", case.id)])
        try:
            taken = bool(remedy) and remedy._customer_answers(answer, author)
        except LockError:  # pressed twice: the first is being answered
            taken = False
        return request.redirect(self._address_of(case, f"&offered={answer if taken else 'late'}"))
