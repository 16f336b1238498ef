from odoo import api, models


class ReportStandardsBook(models.AbstractModel):
    """The standards by chapter, as they are in force; a draft is marked as one."""

    _name = "report.customer_care.report_standards_book"
    _description = "The standards book"

    @api.model
    def _get_report_values(self, docids, data=None):
        standards = self.env["care.standard"].browse(docids).exists()
        standards.check_access("read")
        # searched again for the order of the book
        standards = standards.search([("id", "in", standards.ids)])
        chapters = standards._fields["kind"]._description_selection(self.env)
        by_kind = standards.grouped("kind")
        return {
            "doc_ids": standards.ids,
            "doc_model": standards._name,
            "docs": standards,
            "company": standards.company_id[:1] or self.env.company,
            "chapters": [(label, by_kind[kind]) for kind, label in chapters if kind in by_kind],
        }
