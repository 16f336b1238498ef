"""The page on which our own people answer anonymously, and the pages of Surveys that lead there."""

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.survey.controllers.main import Survey

HEADERS = {"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


class StaffSurvey(Survey):
    @http.route(
        "/care/staff/<int:staff_id>",
        type="http",
        auth="user",
        website=True,
        methods=["GET", "POST"],
        sitemap=False,
    )
    def staff_survey(self, staff_id, **post):
        """The address is the same for everybody; whether somebody was asked says their login."""
        user = request.env.user
        # sudo: whoever was asked may answer, with or without rights in Customer Care
        row = request.env["care.staff.survey"].sudo()
        row = row.browse(staff_id if staff_id < 2**31 else []).exists()
        asked = row.invitation_ids.filtered(lambda invitation: invitation.user_id == user)
        looks = row.with_user(user).has_access("read") if row else False
        if not asked and not looks:
            raise request.not_found()
        boxes = row._boxes_for(user) if row.state == "planned" else row._boxes_for(user).browse()
        may = bool(asked) and row.state == "planned" and not asked.answered
        values = {"row": row, "company": row.company_id, "said": {}, "errors": {}}
        if may and request.httprequest.method == "POST":
            form = request.httprequest.form
            given = {
                box.question_id.id: form.getlist(f"q{box.question_id.id}")
                if box.kind == "multiple_choice"
                else form.get(f"q{box.question_id.id}", "")
                for box in boxes
            }
            try:
                errors = row._take(user, given)
            except UserError:
                # pressed twice, or closed meanwhile
                errors, may = {}, False
            else:
                if not errors:
                    return request.render(
                        "customer_care_survey.staff_survey_done", values, headers=HEADERS
                    )
            values.update(said=given, errors=errors)
        return request.render(
            "customer_care_survey.staff_survey",
            {**values, "boxes": boxes, "may": may, "asked": bool(asked)},
            headers=HEADERS,
        )

    # ------------------------------------------------------------
    # Pages of Surveys
    # ------------------------------------------------------------

    def _staff_redirect(self, survey):
        """Where an anonymous staff survey is answered: the round that asks this person, if any."""
        user = request.env.user
        if user._is_public():
            url = f"/web/login?redirect=/survey/start/{survey.access_token}"
            return request.redirect(url)
        # sudo: the person's own invitations
        mine = request.env["care.staff.invitation"].sudo()._open_for(user)
        rounds = mine.staff_survey_id.filtered(lambda row: row.survey_id == survey)
        return request.redirect(rounds[:1]._page_url() if rounds else "/")

    @http.route()
    def survey_start(self, survey_token, *args, **kwargs):
        survey = self._fetch_from_access_token(survey_token, False)[0]
        if survey.care_staff:
            return self._staff_redirect(survey)
        return super().survey_start(survey_token, *args, **kwargs)

    @http.route()
    def survey_test(self, survey_token, *args, **kwargs):
        survey = self._fetch_from_access_token(survey_token, False)[0]
        if survey.care_staff:
            return self._staff_redirect(survey)
        return super().survey_test(survey_token, *args, **kwargs)

    @http.route()
    def survey_report(self, survey, *args, **kwargs):
        # sudo: whether it is anonymous; where it leads, rights are asked for
        if survey.sudo().care_staff:
            action = request.env.ref("customer_care_survey.care_staff_result_action")
            return request.redirect(f"/odoo/action-{action.id}")
        return super().survey_report(survey, *args, **kwargs)
