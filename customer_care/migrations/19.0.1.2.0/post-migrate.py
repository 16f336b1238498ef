from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Roles get the limits of authority that a new database has, rules their own way to calls."""
    env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
    for name in ("care_journey_rule_responsible", "care_case_rule_reader"):
        rule = env.ref(f"customer_care.{name}", raise_if_not_found=False)
        if rule:
            rule.domain_force = rule.domain_force.replace(
                "'followup_ids.user_id'", "'called_by_ids.user_id'"
            )
    env["care.authority"]._create_defaults()
