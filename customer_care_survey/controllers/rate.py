"""The first answer, by a click on a score in the mail and a button on the page."""

from odoo import Command, http
from odoo.http import request

from odoo.addons.survey.controllers.main import Survey


class SurveyRate(Survey):
    # The link itself is the secret: somebody who cannot forge it cannot forge the form, and who
    # presses the button days after opening the page must not lose the answer.
    @http.route(
        "/care/survey/rate/<string:survey_token>/<string:answer_token>",
        type="http",
        auth="public",
        website=True,
        methods=["GET", "POST"],
        sitemap=False,
        csrf=False,
    )
    def survey_rate(self, survey_token, answer_token, score=None, **post):
        """Opening the link changes nothing, however many mail scanners do it: the button does.

        :param score: the answer that is chosen, of the survey's first measured question
        """
        access = self._get_access_data(survey_token, answer_token, ensure_token=True)
        if access["validity_code"] is not True:
            return self._redirect_with_error(access, access["validity_code"])
        answer = access["answer_sudo"]
        row = request.env["care.survey.invitation"]._of_answer(answer)
        question = answer._care_first_question()
        if not row or not question:
            return request.redirect(answer.get_start_url())
        if request.env.user._is_public() and not request.cookies.get("frontend_lang"):
            # the language of the survey
            code = answer.lang_id.code or answer.partner_id.lang
            if code in dict(request.env["res.lang"].get_installed()):
                request.update_context(lang=code)
                row, answer, question = (
                    record.with_context(lang=code) for record in (row, answer, question)
                )
        errors = {}
        if answer.state != "done" and request.httprequest.method == "POST":
            errors = answer._care_take_page(row, score, post)
            if not errors and answer.state != "done":
                url = f"/survey/{survey_token}/{answer_token}"
                return request.redirect(self.env["ir.http"]._url_for(url))
        kept = answer._care_kept(question)
        chosen = score if score is not None else kept
        return request.render(
            "customer_care_survey.survey_rated"
            if answer.state == "done"
            else "customer_care_survey.survey_rate",
            {
                "survey": answer.survey_id,
                "answer": answer,
                "row": row,
                # the page's head shows its logo
                "res_company": row.company_id,
                "question": question,
                "texts": answer._care_texts_on_page(),
                "said": {
                    text.id: post.get(f"text_{text.id}", answer._care_kept(text))
                    for text in answer._care_texts_on_page()
                },
                "scale": question._care_scale(),
                "chosen": str(chosen),
                "kept": kept,
                "errors": errors,
                "mood": answer._care_mood(row),
            },
            headers={"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"},
        )

    def _prepare_retry_additional_values(self, answer):
        """Another attempt is about the same case from its first word on, and sealed with it."""
        values = super()._prepare_retry_additional_values(answer)
        if row := request.env["care.survey.invitation"]._of_answer(answer):
            values["care_earlier_of_ids"] = [Command.link(row.id)]
        return values
