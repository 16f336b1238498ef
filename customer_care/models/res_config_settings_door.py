from odoo import api, fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_form_url = fields.Char("Address of the Form", compute="_compute_care_doors")
    care_has_mail_domain = fields.Boolean(compute="_compute_care_doors")

    @api.depends("company_id")
    def _compute_care_doors(self):
        for settings in self:
            company = settings.company_id
            settings.care_form_url = company._care_form_url()
            settings.care_has_mail_domain = bool(company.alias_domain_id)


class CareTeam(models.Model):
    _inherit = "care.team"  # pylint: disable=consider-merging-classes-inherited

    has_mail_domain = fields.Boolean(compute="_compute_has_mail_domain")

    @api.depends("company_id", "alias_domain_id")
    def _compute_has_mail_domain(self):
        for team in self:
            # sudo: a setting, for whoever sets up the team
            team.has_mail_domain = bool(
                team.sudo().alias_domain_id or team.sudo().company_id.alias_domain_id
            )
