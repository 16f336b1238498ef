"""Where customers write to us: on the portal, on the public form, and to be called."""

import re
import time
import uuid

from werkzeug.exceptions import NotFound

from odoo import fields, http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.http import request
from odoo.tools import consteq, email_normalize, hmac

from ..tools import filing
from .portal import CarePortal

#: Kinds that customers choose from; public mentions are found, not told.
KINDS = ("complaint", "suggestion", "compliment", "enquiry")
#: Orders that the portal's form offers.
ORDERS_MAX = 50
#: Let in within an hour: from one address of the network, with one mail address, with one login.
PER_IP = 20
PER_MAIL = 5
PER_USER = 20
#: Seconds in which nobody fills in a form, and after which a page has been open too long.
TOO_FAST = 3
TOO_LONG = 2 * 24 * 3600


class FilingForm(CarePortal):
    """What the forms have in common: reading, checking, keeping what was typed."""

    # ------------------------------------------------------------
    # Stamps: when a page was opened, and that it is sent once
    # ------------------------------------------------------------

    def _stamp(self):
        """For a page that is opened now."""
        told = f"{int(time.time())}.{uuid.uuid4().hex}"
        return f"{told}.{self._sign(told)}"

    def _sign(self, told):
        return hmac(request.env(su=True), "customer_care.stamp", told)

    def _opened(self, stamp):
        """Seconds since the page with this stamp was opened; None if it is not one of ours."""
        told, _dot, signed = (stamp or "").rpartition(".")
        # as bytes: of texts, only plain ones can be compared
        mine = self._sign(told).encode()
        if not told or not consteq(signed.encode(errors="replace"), mine):
            return None
        return int(time.time()) - int(told.partition(".")[0])

    # ------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------

    def _typed(self, post):
        """What was typed, cut to what we keep."""
        typed = {
            name: filing.one_line(post.get(name), limit)
            for name, limit in (
                ("subject", filing.SUBJECT_MAX),
                ("name", filing.NAME_MAX),
                ("email", filing.SUBJECT_MAX),
                ("phone", filing.NAME_MAX),
                ("order", filing.NAME_MAX),
                ("when", filing.NAME_MAX),
                ("about", filing.NAME_MAX),
            )
        }
        typed["text"] = (post.get("text") or "").replace("\x00", "").strip()[: filing.TEXT_MAX]
        typed["kind"] = post.get("kind") if post.get("kind") in KINDS else "complaint"
        typed["category"] = str(post.get("category") or "")
        typed["call"] = bool(post.get("call"))
        return typed

    def _files(self, errors):
        """The files that were sent along, checked: list of (name, bytes). Errors are added."""
        kept, total = [], 0
        for sent in request.httprequest.files.getlist("files"):
            if not sent.filename:
                continue
            name = filing.clean_name(sent.filename)
            content = sent.read(filing.FILE_BYTES + 1)
            total += len(content)
            megabytes = filing.FILE_BYTES // 2**20
            if len(content) > filing.FILE_BYTES or total > filing.FILES_BYTES:
                errors["files"] = request.env._(
                    "“%(name)s” is too large: a file has at most %(one)s MB, all together at most "
                    "%(all)s MB. Choose a smaller one; what you wrote is still here.",
                    name=name,
                    one=megabytes,
                    all=filing.FILES_BYTES // 2**20,
                )
            elif not filing.file_type(name, content):
                errors["files"] = request.env._(
                    "“%(name)s” cannot be sent here. Photos (JPG, PNG, HEIC), videos (MP4), PDF "
                    "and office documents can.",
                    name=name,
                )
            elif len(kept) >= filing.FILES_MAX:
                errors["files"] = request.env._(
                    "Send at most %s files at once; more can follow later.", filing.FILES_MAX
                )
            else:
                kept.append((name, content))
            if errors.get("files"):
                return []
        return kept

    def _kinds(self):
        labels = dict(request.env["care.case"]._fields["kind"]._description_selection(request.env))
        return [(kind, labels[kind]) for kind in KINDS]

    def _category(self, typed, company):
        """The situation that was chosen, if customers of ``company`` may choose it."""
        offered = request.env["care.category"]._offered(company)
        return offered.filtered(lambda category: str(category.id) == typed["category"])

    def _check_words(self, typed, errors):
        if not typed["subject"]:
            errors["subject"] = request.env._("Say in a few words what it is about.")
        if not typed["text"]:
            errors["text"] = request.env._("Tell us what happened.")

    def _form_values(self, company, typed, errors, **values):
        return {
            "company": company.sudo(),
            "typed": typed,
            "errors": errors,
            "kinds": self._kinds(),
            "categories": request.env["care.category"]._offered(company),
            "accept": filing.ACCEPT,
            "stamp": self._stamp(),
            "files_lost": bool(errors)
            and any(sent.filename for sent in request.httprequest.files.getlist("files")),
            **values,
        }

    # ------------------------------------------------------------
    # On the portal
    # ------------------------------------------------------------

    @http.route("/my/cases/new", type="http", auth="user", website=True, methods=["GET", "POST"])
    def portal_new_case(self, **post):
        orders = self._visitors_orders()
        typed, errors = self._typed(post), {}
        order, product = self._about(orders, typed["about"])
        company = order.company_id or request.env.company
        sent = request.httprequest.method == "POST" and post.get("step") != "guides"
        status = 200
        if sent:
            self._check_words(typed, errors)
            files = self._files(errors)
            opened = self._opened(post.get("stamp"))
            if opened is None or opened > TOO_LONG:
                # after that long nobody knows any more whether it was sent before
                errors["form"] = request.env._("Please press “Send” once more.")
            elif not errors and request.env["care.door"]._too_often(
                ("user", request.env.uid), limit=PER_USER
            ):
                status = 429
                errors["form"] = self._comes_too_often_words()
            if not errors:
                case = self._file_of_visitor(post, typed, order, product, company, files)
                return request.redirect(case.access_url if case else "/my/cases")
        values = self._prepare_portal_layout_values()
        values.update(
            self._form_values(
                company,
                typed,
                errors,
                orders=orders,
                services=self._helping(order, product, typed, company),
                guides_asked=post.get("step") == "guides",
                page_name="care_case_new",
            )
        )
        response = request.render("customer_care.portal_new_case", values)
        response.status_code = status
        return response

    def _visitors_orders(self):
        """The orders that the visitor may write about, as superuser: their own company's."""
        user = request.env.user
        # sudo: the visitor's own orders, which the domain names; the page shows names alone
        return (
            request.env["sale.order"]
            .sudo()
            .search(
                [
                    ("partner_id", "child_of", user.commercial_partner_id.id),
                    ("state", "in", ("sale", "cancel")),
                ],
                order="date_order desc, id desc",
                limit=ORDERS_MAX,
            )
        )

    def _about(self, orders, about):
        """What the form is about: an order of these and a product on it, or neither."""
        kind, _dash, number = about.partition("-")
        if number.isdecimal():
            if kind == "order":
                order = orders.filtered(lambda order: order.id == int(number))
                return order, request.env["product.product"].sudo()
            if kind == "line":
                line = orders.order_line.filtered(lambda line: line.id == int(number))
                return line.order_id, line.product_id
        return orders.browse(), request.env["product.product"].sudo()

    def _helping(self, order, product, typed, company):
        """The services whose guides fit what was chosen."""
        products = product or order.order_line.product_id
        services = request.env["care.service"]._fitting(products, company)
        return services | self._category(typed, company).service_ids

    def _file_of_visitor(self, post, typed, order, product, company, files):
        """File the case of who is logged in; None if this page was sent before."""
        doors = request.env["care.door"]
        if not doors._once("stamp", post.get("stamp")):
            return None
        doors._let_in(("user", request.env.uid))
        category = self._category(typed, company)
        vals = {
            "company_id": company.id,
            "partner_id": request.env.user.partner_id.id,
            "name": typed["subject"],
            "description": typed["text"],
            "kind": typed["kind"],
            "order_id": order.id,
            "product_id": product.id,
            "category_id": category.id,
        }
        sender = {"phone": typed["phone"]}
        return request.env["care.case"]._file_case(vals, "portal", sender, files)

    @http.route(
        "/care/guide/<int:service_id>/document/<int:document_id>",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
    )
    def guide_document(self, service_id, document_id, **kw):
        """A document of a guide that is offered before writing to us."""
        service = request.env["care.service"].sudo().browse(service_id).exists()
        service = service.filtered("active")._for_visitor()
        document = service.document_ids.filtered(lambda doc: doc.id == document_id)
        if not document or document.type != "binary":
            raise NotFound()
        # sudo: who may open it was decided above
        stream = request.env["ir.binary"].sudo()._get_stream_from(document.ir_attachment_id)
        return stream.get_response(as_attachment=True)

    # ------------------------------------------------------------
    # Without a login
    # ------------------------------------------------------------

    def _public_company(self, company_id):
        """The company whose form is asked for, as superuser; 404 where it has none."""
        # sudo: a public page; it shows the company's name, phone and hours
        companies = request.env["res.company"].sudo()
        if company_id is None:
            website = getattr(request, "website", None)
            company = website.sudo().company_id if website else request.env.company.sudo()
        else:
            company = companies.browse(company_id).exists()
        if not company or not company._care_form_is_open():
            raise NotFound()
        return company

    @http.route(
        ["/care/contact", "/care/contact/<int:company_id>"],
        type="http",
        auth="public",
        website=True,
        methods=["GET", "POST"],
        sitemap=False,
    )
    def public_form(self, company_id=None, **post):
        company = self._public_company(company_id)
        typed, errors = self._typed(post), {}
        sent = request.httprequest.method == "POST"
        if typed["call"]:
            typed["kind"] = "enquiry"
            typed["subject"] = typed["subject"] or request.env._("Please call me")
        status = 200
        if sent:
            if post.get("homepage"):
                # people do not see this field
                return request.redirect(f"/care/contact/{company.id}/thanks")
            files = self._check_public(typed, errors, post.get("stamp"))
            if not errors and self._comes_too_often(typed):
                status = 429
                errors["form"] = self._comes_too_often_words()
            if not errors:
                return self._file_of_public(company, typed, post.get("stamp"), files)
        values = self._form_values(
            company,
            typed,
            errors,
            services=request.env["care.category"]._offered(company).service_ids,
            page_name="care_contact",
        )
        response = request.render("customer_care.public_form", values)
        response.status_code = status
        return response

    def _check_public(self, typed, errors, stamp):
        """Check what was typed on the public form; the files. Errors are added."""
        if not typed["name"]:
            errors["name"] = request.env._("Tell us your name.")
        email = email_normalize(typed["email"])
        if typed["email"] and not email:
            errors["email"] = request.env._("This is no mail address: please look at it again.")
        elif not email and not typed["call"]:
            errors["email"] = request.env._("Tell us your mail address, so that we can answer.")
        if typed["call"] and len(re.sub(r"\D", "", typed["phone"])) < 5:
            errors["phone"] = request.env._("Tell us on which number to call you.")
        if typed["call"]:
            typed["text"] = typed["text"] or typed["subject"]
        self._check_words(typed, errors)
        files = self._files(errors)
        opened = self._opened(stamp)
        if opened is None or opened > TOO_LONG:
            errors["form"] = request.env._(
                "This page was open for a long time. Please press “Send” once more."
            )
        elif opened < self._too_fast():
            errors["form"] = request.env._(
                "That was quick. Please look at it once more, then press “Send”."
            )
        if not errors:
            try:
                request.env["ir.http"]._verify_request_recaptcha_token("care_contact")
            except UserError as error:
                errors["form"] = str(error)
        return files

    def _too_fast(self):
        # sudo: a setting
        params = request.env["ir.config_parameter"].sudo()
        return int(params.get_param("customer_care.form_seconds", TOO_FAST))

    def _comes_too_often_words(self):
        return request.env._(
            "We have had several messages from you within the hour. Please call us, or try "
            "again later; what you wrote is still here."
        )

    def _comes_too_often(self, typed):
        doors = request.env["care.door"]
        email = email_normalize(typed["email"])
        return doors._too_often(self._from_where(), limit=PER_IP) or (
            bool(email) and doors._too_often(("mail", email), limit=PER_MAIL)
        )

    def _from_where(self):
        return ("ip", request.httprequest.remote_addr or "")

    def _file_of_public(self, company, typed, stamp, files):
        """File what somebody wrote on the public form, and thank them.

        The page is the same whatever we know of them: it does not tell whether an order or a
        customer exists.
        """
        doors = request.env["care.door"]
        thanks = f"/care/contact/{company.id}/thanks"
        if not doors._once("stamp", stamp):
            return request.redirect(thanks)
        email = email_normalize(typed["email"])
        doors._let_in(self._from_where(), *([("mail", email)] if email else []))
        order = self._order_of(company, typed["order"], email)
        text = typed["text"]
        if typed["order"] and not order:
            text += "\n\n" + request.env._("Order number given: %s", typed["order"])
        category = self._category(typed, company)
        vals = {
            "company_id": company.id,
            "name": typed["subject"],
            "description": text,
            "kind": typed["kind"],
            "category_id": category.id,
            "order_id": order.id,
            "partner_id": order.partner_id.id,
            "contact_when": typed["when"] or False,
        }
        sender = {"name": typed["name"], "email": email, "phone": typed["phone"]}
        case = request.env["care.case"]._file_case(
            vals, "callback" if typed["call"] else "form", sender, files
        )
        request.session["care_number"] = case.number
        return request.redirect(thanks)

    def _order_of(self, company, number, email):
        """The order with this number, if its customer has this mail; as superuser."""
        # sudo: looked up for who names both; nothing of it is told
        orders = request.env["sale.order"].sudo()
        if not number or not email:
            return orders
        return orders.search(
            [
                ("name", "=ilike", number.replace("\\", "").replace("%", "").replace("_", "\\_")),
                ("company_id", "=", company.id),
                ("state", "in", ("sale", "cancel")),
                ("partner_id.email_normalized", "=", email),
            ],
            limit=1,
        )

    @http.route(
        "/care/contact/<int:company_id>/thanks",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
    )
    def public_thanks(self, company_id, **kw):
        company = self._public_company(company_id)
        return request.render(
            "customer_care.public_thanks",
            {"company": company, "number": request.session.get("care_number")},
        )

    # ------------------------------------------------------------
    # “Call me”
    # ------------------------------------------------------------

    @http.route("/my/call", type="http", auth="user", website=True, methods=["GET", "POST"])
    def portal_call(self, **post):
        return self._call_page(request.env.user.partner_id, request.env.company, post)

    @http.route(
        "/my/cases/<int:case_id>/call",
        type="http",
        auth="public",
        website=True,
        methods=["GET", "POST"],
    )
    def portal_call_case(self, case_id, access_token=None, **post):
        try:
            case = self._document_check_access("care.case", case_id, access_token)
        except (AccessError, MissingError):
            return request.redirect("/my")
        user = request.env.user
        partner = case.partner_id if user._is_public() else user.partner_id
        return self._call_page(partner, case.company_id, post, case, access_token)

    def _call_page(self, partner, company, post, case=None, access_token=None):
        """A page with a button; pressing it opens an enquiry, once a day and person."""
        partner, company = partner.sudo(), company.sudo()
        typed, errors, asked = self._typed(post), {}, False
        known = bool(partner.phone)
        if request.httprequest.method == "POST":
            if not known and len(re.sub(r"\D", "", typed["phone"])) < 5:
                errors["phone"] = request.env._("Tell us on which number to call you.")
            elif case and not request.env.user.share:
                # somebody of ours looking at the customer's page does not ask for them
                return request.redirect(self._address_of(case))
            else:
                asked = True
                self._ask_for_call(partner, company, typed, case)
        values = {
            "page_name": "care_call",
            "company": company,
            "case": case,
            "access_token": access_token,
            "typed": typed,
            "errors": errors,
            "asked": asked,
            "known": known,
        }
        if not request.env.user._is_public():
            values = {**self._prepare_portal_layout_values(), **values}
        return request.render("customer_care.portal_call", values)

    def _ask_for_call(self, partner, company, typed, case):
        zone = company._care_tz()
        day = fields.Date.context_today(company.with_context(tz=zone))
        if not request.env["care.door"]._once("call", company.id, partner.id, day):
            return
        lines = [typed["text"]]
        if case:
            lines.append(request.env._("About case %s.", case.number))
        vals = {
            "company_id": company.id,
            "partner_id": partner.id,
            "name": request.env._("Please call me"),
            "description": "\n\n".join(filter(None, lines)),
            "kind": "enquiry",
            "contact_when": typed["when"] or False,
            "contact_phone": typed["phone"] or False,
        }
        if case:
            vals["team_id"] = case.team_id.id
            if case.commercial_partner_id == partner.commercial_partner_id:
                vals["order_id"] = case.order_id.id
        request.env["care.case"]._file_case(vals, "callback")
