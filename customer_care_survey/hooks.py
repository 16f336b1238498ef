from odoo.addons.customer_care.hooks import release_inherited


def uninstall_hook(env):
    """What customers answered stays in Surveys: release answered surveys of ours.

    Records that came with the addon are deleted with it; a survey would take its
    answers along.
    """
    data = env["ir.model.data"].search(
        [("module", "=", "customer_care_survey"), ("model", "=like", "survey.%")]
    )
    by_model = data.grouped("model")
    surveys = env["survey.survey"].browse(
        by_model.get("survey.survey", data.browse()).mapped("res_id")
    )
    answered = surveys.exists().filtered("user_input_ids")
    questions = answered.question_and_page_ids
    kept = {
        "survey.survey": answered.ids,
        "survey.question": questions.ids,
        "survey.question.answer": (questions.suggested_answer_ids | questions.matrix_row_ids).ids,
    }
    data.filtered(lambda row: row.res_id in kept.get(row.model, ())).unlink()
    release_inherited(env, "customer_care_survey")
