from odoo import SUPERUSER_ID, api

#: What record rules said -> what they say now: by indexes, and of who passed a record on.
REPLACED = {
    f"({old})": new
    for old, new in (
        ("'write_uid', '=', user.id", "('passed_by_id', '=', user.id)"),
        ("'order_id.user_id', '=', user.id", "user._care_through('order_id', 'user_id')"),
        ("'journey_id.owner_id', '=', user.id", "user._care_through('journey_id', 'owner_id')"),
        ("'case_id.owner_id', '=', user.id", "user._care_through('case_id', 'owner_id')"),
        (
            "'called_by_ids.user_id', '=', user.id",
            "user._care_through('called_by_ids', 'user_id')",
        ),
        (
            "'handoff_ids', 'any', [('to_user_id', '=', user.id),"
            " ('state', 'in', ('planned', 'open'))]",
            "user._care_through('handoff_ids', 'to_user_id',"
            " [('state', 'in', ('planned', 'open'))])",
        ),
        (
            "'team_id.member_ids', 'in', user.ids",
            "('team_id', 'in', user._care_ids_of('care.team', 'member_ids'))",
        ),
        (
            "'team_id.leader_id', '=', user.id",
            "('team_id', 'in', user._care_ids_of('care.team', 'leader_id'))",
        ),
        (
            "'stage_id.curator_id', '=', user.id",
            "('stage_id', 'in', user._care_ids_of('care.stage', 'curator_id'))",
        ),
    )
}


def migrate(cr, version):
    """Record rules of what people own, whoever changed the rest of them."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    rules = env["ir.rule"].search(
        [("model_id.model", "in", ("care.journey", "care.case", "care.followup"))]
    )
    for rule in rules:
        domain = before = rule.domain_force or ""
        for old, new in REPLACED.items():
            domain = domain.replace(old, new)
        if domain != before:
            rule.domain_force = domain
