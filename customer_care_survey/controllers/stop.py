"""Where customers say that they want no more surveys."""

from werkzeug.exceptions import BadRequest

from odoo import http
from odoo.http import request


class SurveyStop(http.Controller):
    @http.route(
        "/care/survey/stop/<int:row_id>/<string:token>",
        type="http",
        auth="public",
        website=True,
        methods=["GET", "POST"],
        sitemap=False,
    )
    def survey_stop(self, row_id, token, what=None, **post):
        """Opening the link changes nothing, however many mail scanners do it: the button does.

        :param what: ``kind``: none of this kind; ``all``: none at all; ``again``: all of that
            taken back
        """
        row = request.env["care.survey.invitation"]._of_stop_link(row_id, token)
        if not row:
            raise request.not_found()
        if request.env.user._is_public() and not request.cookies.get("frontend_lang"):
            # the language of the mail
            code = row.partner_id.lang
            if code in dict(request.env["res.lang"].get_installed()):
                request.update_context(lang=code)
                row = row.with_context(lang=code)
        done = None
        pressed = request.httprequest.method == "POST" and self._is_theirs(row)
        if pressed and what in ("kind", "all", "again"):
            row._stop(what)
            done = what
        return request.render(
            "customer_care_survey.survey_stop",
            {
                "row": row,
                "company": row.company_id,
                "kind": row.trigger_id.kind_id,
                "refused": row._refused(),
                "done": done,
            },
            headers={"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"},
        )

    # The mail program presses it, which knows no page and no session (RFC 8058): the link itself
    # is the secret. No page in any language: who posts is not sent elsewhere.
    @http.route(
        "/care/survey/stop/<int:row_id>/<string:token>/oneclick",
        type="http",
        auth="public",
        methods=["GET", "POST"],
        sitemap=False,
        csrf=False,
    )
    def survey_stop_one_click(self, row_id, token, **post):
        """The button "Unsubscribe" of mail programs: none of this kind any more. Who only opens
        the link gets the page.
        """
        row = request.env["care.survey.invitation"]._of_stop_link(row_id, token)
        if not row:
            raise request.not_found()
        if request.httprequest.method != "POST":
            return request.redirect(row._stop_url())
        # from the form alone: what stands in a link is no button
        if request.httprequest.form.get("List-Unsubscribe") != "One-Click":
            raise BadRequest
        if self._is_theirs(row):
            row._stop("kind")
        return request.make_response("", headers={"X-Robots-Tag": "noindex"})

    def _is_theirs(self, row):
        """Somebody of ours looking at the customer's page does not answer for them."""
        user = request.env.user
        return user.share or user.partner_id == row.partner_id
