from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from .care_case import STAFF


class CareCategory(models.Model):
    """The playbook: what customers say, what to find out, what to answer, what usually helps."""

    _inherit = "care.category"  # pylint: disable=consider-merging-classes-inherited

    symptoms = fields.Text(
        "What Customers Say",
        translate=True,
        help="In their words; the playbook is searched by it. One a line.",
    )
    questions = fields.Text(
        "What to Find Out",
        translate=True,
        help="Before promising anything. One a line.",
    )
    usual_remedy = fields.Text(
        "What Usually Helps", translate=True, help="What we normally offer, and up to what."
    )
    template_ids = fields.Many2many(
        "mail.template",
        "care_category_mail_template_rel",
        "category_id",
        "template_id",
        "Reply Templates",
        domain="[('model', '=', 'care.case')]",
        help="One click opens an answer that is written already.",
    )
    service_ids = fields.Many2many(
        "care.service",
        "care_category_service_rel",
        "category_id",
        "service_id",
        "Guides",
        check_company=True,
        help="Offered to the customer before they write, and to the agent who answers.",
    )
    is_offered = fields.Boolean(
        "Customers May Choose It",
        help="Stands on the forms on which customers write to us, under this name.",
    )
    case_count = fields.Integer("Open Cases", compute="_compute_case_count")

    def _compute_case_count(self):
        counts = dict(
            self.env["care.case"]._read_group(
                [("category_id", "in", self.ids), ("stage_category", "in", ("open", "waiting"))],
                ["category_id"],
                ["__count"],
            )
        )
        for category in self:
            category.case_count = counts.get(category, 0)

    def action_open_cases(self):
        """The open cases of this situation."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("customer_care.care_case_action")
        action["domain"] = [("category_id", "=", self.id)]
        action["context"] = {"default_category_id": self.id, "search_default_open": 1}
        return action

    @api.model
    def _first_pages(self, answers):
        """For the data that come with the addon: give the situations that are still there their
        first answers, and let customers choose those.

        :param dict answers: XML id of a category -> those of its templates, without the addon
        """
        for name, templates in answers.items():
            category = self.env.ref(f"customer_care.{name}", raise_if_not_found=False)
            found = self.env["mail.template"]
            for template in templates:
                known = self.env.ref(f"customer_care.{template}", raise_if_not_found=False)
                found |= known or found
            if category and not category.template_ids:
                category.write({"template_ids": [Command.set(found.ids)], "is_offered": True})

    def _offered(self, company):
        """What customers of ``company`` may choose from, as superuser."""
        # sudo: customers have no rights to the playbook; they are shown the names
        return self.sudo().search(
            [("is_offered", "=", True), ("company_id", "in", (False, company.id))]
        )


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    playbook_text = fields.Text(related="category_id.description", groups=STAFF)
    playbook_questions = fields.Text(related="category_id.questions", groups=STAFF)
    playbook_remedy = fields.Text(related="category_id.usual_remedy", groups=STAFF)
    playbook_template_ids = fields.Many2many(
        related="category_id.template_ids", string="Answers", groups=STAFF
    )
    playbook_service_ids = fields.Many2many(
        related="category_id.service_ids", string="Guides", groups=STAFF
    )

    def action_reply(self):
        """Write to the customer, with the situation's first reply template if it has one."""
        self.ensure_one()
        self.check_access("write")
        return self._compose(self.playbook_template_ids[:1])

    def _compose(self, template):
        """The composer of a mail to the customer, filled in from ``template``."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Answer %s", self.partner_id.name),
            "res_model": "mail.compose.message",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {
                "default_model": self._name,
                "default_res_ids": self.ids,
                "default_composition_mode": "comment",
                "default_template_id": template.id,
                "default_partner_ids": self.partner_id.ids,
                "default_subtype_xmlid": "mail.mt_comment",
                "default_email_layout_xmlid": "customer_care.mail_layout",
            },
        }


class MailTemplate(models.Model):
    _inherit = "mail.template"

    def action_care_reply(self):
        """Answer the case whose playbook page this stands on."""
        self.ensure_one()
        case = self.env["care.case"].browse(self.env.context.get("care_case_id") or []).exists()
        if not case or self.model != "care.case":
            raise UserError(self.env._("Open a case and choose the answer there."))
        case.check_access("write")
        return case._compose(self)
