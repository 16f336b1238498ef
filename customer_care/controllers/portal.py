from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager


class CarePortal(CustomerPortal):
    """The customer's side of the register.

    Every route checks the visitor itself: their own rights by the record rules, or the
    case's token. A link never changes anything by being opened.
    """

    _cases_per_page = 20

    def _document_check_access(self, model_name, document_id, access_token=None):
        document = super()._document_check_access(model_name, document_id, access_token)
        user = request.env.user
        if model_name == "care.case" and not user.share and not document._may_be_told(user):
            # a link opens nothing to somebody of ours that their rights do not
            raise AccessError(request.env._("This case is confidential."))
        return document

    def _address_of(self, case, query=""):
        """Where the visitor goes on: by the customer's link, or one of ours by their own right."""
        if request.env.user.share:
            return case.get_portal_url(query_string=query)
        return case.access_url

    def _prepare_visitors_count(self, model):
        """How many rows of a model to which customers have no rights are the visitor's own."""
        # sudo: the visitor's own rows, which the domain names
        rows = request.env[model].sudo()
        return rows.search_count(rows._domain_of_visitor())

    def _render_visitors_rows(self, model, url, page, name, template, order=None):
        """A page with the visitor's own rows of a model to which customers have no rights.

        :param str name: what the template calls the rows; the page is called after the model
        """
        # sudo: the visitor's own rows, which the domain names
        rows = request.env[model].sudo()
        domain = rows._domain_of_visitor()
        pages = pager(
            url=url, total=rows.search_count(domain), page=page, step=self._cases_per_page
        )
        values = self._prepare_portal_layout_values()
        values.update(
            {
                name: rows.search(
                    domain, order=order, limit=self._cases_per_page, offset=pages["offset"]
                ),
                "page_name": model.replace(".", "_"),
                "pager": pages,
                "default_url": url,
            }
        )
        return request.render(template, values)

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "care_case_count" in counters:
            cases = request.env["care.case"]
            values["care_case_count"] = cases.search_count([]) if cases.has_access("read") else 0
        return values

    @http.route(
        ["/my/cases", "/my/cases/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_cases(
        self, page=1, sortby=None, filterby=None, search=None, search_in=None, **kw
    ):
        sortings = {
            "date": {"label": request.env._("Newest"), "order": "received_at desc, id desc"},
            "number": {"label": request.env._("Number"), "order": "number desc, id desc"},
            "stage": {
                "label": request.env._("Status"),
                "order": "stage_category, received_at desc, id desc",
            },
        }
        inputs = self._case_search_inputs()
        filters = {
            "all": {"label": request.env._("All"), "domain": []},
            "open": {
                "label": request.env._("Open"),
                "domain": [("stage_category", "in", ("open", "waiting", "resolved"))],
            },
            "over": {
                "label": request.env._("Closed"),
                "domain": [("stage_category", "in", ("closed", "cancelled"))],
            },
        }
        sortby = sortby if sortby in sortings else "date"
        filterby = filterby if filterby in filters else "all"
        # the record rules show a customer their own cases only
        cases = request.env["care.case"]
        domain = Domain(filters[filterby]["domain"])
        search_in = search_in if search_in in inputs else "all"
        if search := (search or "").strip()[:100]:
            domain &= Domain.OR(
                Domain(name, "ilike", search) for name in inputs[search_in]["fields"]
            )
        pages = pager(
            url="/my/cases",
            url_args={
                "sortby": sortby,
                "filterby": filterby,
                "search": search or "",
                "search_in": search_in,
            },
            total=cases.search_count(domain),
            page=page,
            step=self._cases_per_page,
        )
        cases = cases.search(
            domain,
            order=sortings[sortby]["order"],
            limit=self._cases_per_page,
            offset=pages["offset"],
        )
        request.session["my_cases_history"] = cases.ids[:100]
        values = self._prepare_portal_layout_values()
        values.update(
            {
                # sudo: found by the visitor's own rights; shown is what the page names
                "cases": cases.sudo(),
                "page_name": "care_case",
                "pager": pages,
                "default_url": "/my/cases",
                "searchbar_sortings": sortings,
                "searchbar_filters": filters,
                "searchbar_inputs": inputs,
                "search": search,
                "search_in": search_in,
                "sortby": sortby,
                "filterby": filterby,
            }
        )
        return request.render("customer_care.portal_my_cases", values)

    def _case_search_inputs(self):
        """Where a customer may search: fields of a case that they may read."""
        return {
            "all": {
                "input": "all",
                "label": request.env._("Search in all"),
                "fields": ["number", "name", "description"],
            },
            "number": {
                "input": "number",
                "label": request.env._("Search in numbers"),
                "fields": ["number"],
            },
            "name": {
                "input": "name",
                "label": request.env._("Search in subjects"),
                "fields": ["name"],
            },
        }

    @http.route("/my/cases/<int:case_id>", type="http", auth="public", website=True)
    def portal_my_case(self, case_id, access_token=None, answered=None, **kw):
        try:
            case = self._document_check_access("care.case", case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        goes_on = case._merged_end()
        if goes_on != case:
            # it was made one with another case of the same customer
            return request.redirect(self._address_of(goes_on))
        values = {"case": case, "page_name": "care_case", "answered": answered}
        values = self._get_page_view_values(
            case, access_token, values, "my_cases_history", False, **kw
        )
        return request.render("customer_care.portal_case_page", values)

    @http.route(
        "/my/cases/<int:case_id>/answer",
        type="http",
        auth="public",
        website=True,
        methods=["POST"],
    )
    def portal_case_answer(
        self, case_id, access_token=None, answer=None, text="", phone="", when="", late=None, **kw
    ):
        try:
            case = self._document_check_access("care.case", case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        user = request.env.user
        if not user.share:
            # somebody of ours looking at the customer's page does not answer for them
            return request.redirect(self._address_of(case))
        # sudo: checked above; who answers is the visitor, whatever opened the case to them
        taken = (
            case.with_user(user)
            .sudo()
            ._customer_answers(
                answer,
                (text or "")[:5000],
                None if user._is_public() else user.partner_id,
                phone=phone or "",
                when=when or "",
                late=bool(late),
            )
        )
        if not taken:
            answer = "late"
        # sudo: the customer's own cases; a closed one is followed by what they just opened
        case = case.sudo()
        if taken and late and case.stage_category == "closed" and case.next_ids:
            case, answer = case.next_ids[:1], "again" if answer == "no" else answer
        return request.redirect(self._address_of(case, f"&answered={answer}"))
