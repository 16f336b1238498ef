from odoo import api, fields, models


class ResourceCalendar(models.Model):
    _inherit = "resource.calendar"

    def write(self, vals):
        before = self._care_companies()
        result = super().write(vals)
        self._care_hours_changed(before)
        return result

    def _care_companies(self):
        """The companies in which somebody may work by these hours."""
        # sudo: hours without a company are for companies their editor may not see
        calendars = self.sudo()
        if not all(calendar.company_id for calendar in calendars):
            return calendars.env["res.company"].search(fields.Domain.TRUE)  # there are few
        return calendars.company_id

    def _care_hours_changed(self, companies=None):
        """What is planned from now on goes by other hours; what could not be planned by these is
        tried again. Open promises keep what they were promised with.
        """
        companies = self._care_companies() | (companies or self.env["res.company"])
        companies._care_sla_changed()
        self.env["care.sla.clock"]._wake(companies)


class ResourceCalendarAttendance(models.Model):
    _inherit = "resource.calendar.attendance"

    @api.model_create_multi
    def create(self, vals_list):
        hours = super().create(vals_list)
        hours.calendar_id._care_hours_changed()
        return hours

    def write(self, vals):
        before = self.calendar_id._care_companies()
        result = super().write(vals)
        self.calendar_id._care_hours_changed(before)
        return result

    def unlink(self):
        calendars = self.calendar_id
        result = super().unlink()
        calendars._care_hours_changed()
        return result


class ResourceCalendarLeaves(models.Model):
    _inherit = "resource.calendar.leaves"

    @api.model_create_multi
    def create(self, vals_list):
        leaves = super().create(vals_list)
        leaves._care_hours_changed()
        return leaves

    def write(self, vals):
        before = self._care_closing()._care_companies()
        result = super().write(vals)
        self._care_hours_changed(before)
        return result

    def unlink(self):
        before = self._care_closing()._care_companies()
        result = super().unlink()
        self.browse()._care_hours_changed(before)
        return result

    def _care_closing(self):
        """Those on which nobody works, not one person alone."""
        return self.filtered(lambda leave: not leave.resource_id)

    def _care_companies(self):
        # sudo: as for the hours themselves
        leaves = self.sudo()
        if not all(leave.company_id for leave in leaves):
            return leaves.env["res.company"].search(fields.Domain.TRUE)  # there are few
        return leaves.company_id

    def _care_hours_changed(self, companies=None):
        companies = self._care_closing()._care_companies() | (companies or self.env["res.company"])
        self.env["resource.calendar"]._care_hours_changed(companies)
