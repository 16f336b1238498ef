from datetime import datetime, time, timedelta

import pytz

from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import request

from ..tools.clock import clock
from .portal import CarePortal

#: Days whose opening hours are shown, and days in which holidays are looked for.
WEEK, YEAR = 7, 365


class CarePortalOut(CarePortal):
    """What a customer gets from us: their answer heard, their promises, files, our hours."""

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "care_promise_count" in counters:
            values["care_promise_count"] = self._prepare_visitors_count("care.promise")
        return values

    # ------------------------------------------------------------
    # Cases
    # ------------------------------------------------------------

    @http.route()
    def portal_my_case(self, case_id, access_token=None, answered=None, **kw):
        self._speak_customers_language(case_id, access_token)
        return super().portal_my_case(case_id, access_token, answered, **kw)

    def _speak_customers_language(self, case_id, access_token):
        """A visitor who comes by the link of a mail reads the language of that mail."""
        if not request.env.user._is_public() or request.cookies.get("frontend_lang"):
            return
        try:
            case = self._document_check_access("care.case", case_id, access_token)
        except (AccessError, MissingError):
            return
        code = case.partner_id.lang
        if code in dict(request.env["res.lang"].get_installed()):
            request.update_context(lang=code)

    @http.route(
        "/my/cases/<int:case_id>/file/<int:file_id>", type="http", auth="public", readonly=True
    )
    def portal_case_file(self, case_id, file_id, access_token=None, **kw):
        """A file of a message that the customer may read."""
        try:
            case = self._document_check_access("care.case", case_id, access_token)
        except (AccessError, MissingError):
            raise request.not_found() from None
        file = case._portal_files().filtered(lambda file: file.id == file_id)
        if not file or file.type != "binary":
            raise request.not_found()
        # sudo: checked above
        stream = request.env["ir.binary"].sudo()._get_stream_from(file)
        return stream.get_response(as_attachment=True)

    # ------------------------------------------------------------
    # Promises
    # ------------------------------------------------------------

    @http.route(
        ["/my/promises", "/my/promises/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_promises(self, page=1, **kw):
        return self._render_visitors_rows(
            "care.promise",
            "/my/promises",
            page,
            "promises",
            "customer_care.portal_my_promises",
            order="done_at desc, due_at, id",
        )

    # ------------------------------------------------------------
    # When and how we can be reached
    # ------------------------------------------------------------

    @http.route("/care/hours", type="http", auth="public", website=True, readonly=True)
    def care_hours(self, **kw):
        # sudo: what a company tells everybody: its name, phone, mail and opening hours
        company = request.env.company.sudo()
        values = {
            "company": company,
            "page_name": "care_hours",
            **self._hours_of(company),
        }
        return request.render("customer_care.care_hours", values)

    def _hours_of(self, company):
        """Opening hours of the next days and the holidays known.

        :return: dict ``days`` (list of dicts ``day``, ``pieces``, ``holiday``), ``holidays``
            (list of dicts ``name``, ``first``, ``last``), ``zone``
        """
        calendar = company.resource_calendar_id
        zone = pytz.timezone(company._care_tz())
        today = datetime.now(zone).date()
        start = zone.localize(datetime.combine(today, time.min))
        leaves = (
            request.env["resource.calendar.leaves"]
            .sudo()
            .search(
                [
                    ("resource_id", "=", False),
                    ("time_type", "=", "leave"),
                    ("company_id", "in", [False, company.id]),
                    ("calendar_id", "in", [False, calendar.id]),
                    ("date_to", ">=", start.astimezone(pytz.utc).replace(tzinfo=None)),
                    (
                        "date_from",
                        "<=",
                        (start + timedelta(days=YEAR)).astimezone(pytz.utc).replace(tzinfo=None),
                    ),
                ],
                order="date_from, id",
            )
        )

        def local(moment):
            return pytz.utc.localize(moment).astimezone(zone)

        holidays = [
            {
                "name": leave.name,
                "first": local(leave.date_from).date(),
                "last": local(leave.date_to).date(),
            }
            for leave in leaves
        ]
        days = []
        if calendar and not calendar.flexible_hours:
            end = zone.localize(datetime.combine(today + timedelta(days=WEEK), time.min))
            work = calendar._work_intervals_batch(
                start,
                end,
                domain=[("time_type", "=", "leave"), ("company_id", "in", [False, company.id])],
                tz=zone,
            )[False]
            for number in range(WEEK):
                day = today + timedelta(days=number)
                days.append(
                    {
                        "day": day,
                        "pieces": [
                            (clock(request.env, begin.time()), clock(request.env, stop.time()))
                            for begin, stop, _meta in work
                            if begin.astimezone(zone).date() == day
                        ],
                        "holiday": next(
                            (off["name"] for off in holidays if off["first"] <= day <= off["last"]),
                            "",
                        ),
                    }
                )
        return {"days": days, "holidays": holidays, "zone": zone.zone}
