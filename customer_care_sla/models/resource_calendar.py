from odoo import api, models


class ResourceCalendar(models.Model):
    _inherit = "resource.calendar"

    def write(self, vals):
        result = super().write(vals)
        self.env["care.sla.clock"]._wake()
        return result


class ResourceCalendarAttendance(models.Model):
    _inherit = "resource.calendar.attendance"

    @api.model_create_multi
    def create(self, vals_list):
        hours = super().create(vals_list)
        self.env["care.sla.clock"]._wake()
        return hours

    def write(self, vals):
        result = super().write(vals)
        self.env["care.sla.clock"]._wake()
        return result


class ResourceCalendarLeaves(models.Model):
    _inherit = "resource.calendar.leaves"

    def write(self, vals):
        result = super().write(vals)
        self.env["care.sla.clock"]._wake()
        return result

    def unlink(self):
        result = super().unlink()
        self.env["care.sla.clock"]._wake()
        return result
