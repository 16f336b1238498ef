from lxml import etree

from odoo import models


class CompiledBodies(dict):
    """Mail bodies compiled while one batch is sent; no remote call can make one."""


class IrQweb(models.AbstractModel):
    _inherit = "ir.qweb"

    def _generate_code_uncached(self, template):
        # Odoo compiles the body of a mail template anew for each recipient, which is
        # half the cost of an invitation. Within a batch it is the same body.
        compiled = self.env.context.get("care_compiled_bodies")
        if not isinstance(compiled, CompiledBodies) or not isinstance(template, etree._Element):
            return super()._generate_code_uncached(template)
        keys = [*self._get_template_cache_keys(), "raise_on_forbidden_code_for_model"]
        key = (etree.tostring(template), *(self.env.context.get(k) for k in keys))
        if key not in compiled:
            compiled[key] = super()._generate_code_uncached(template)
        return compiled[key]
