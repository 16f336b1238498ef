"""Where customers say that they want no more surveys."""

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
        user = request.env.user
        # somebody of ours looking at the customer's page does not answer for them
        theirs = user.share or user.partner_id == row.partner_id
        pressed = request.httprequest.method == "POST" and theirs
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
