"""Every method that our code offers to remote calls, called by who has no right to it. Run where
all add-ons are, so that theirs are among them.
"""

import inspect
import json

from odoo.exceptions import AccessError
from odoo.service.model import get_public_method
from odoo.tests import tagged

from .test_security import SHARED, Attack


@tagged("post_install", "-at_install")
class TestPublicMethods(Attack):
    def _public_methods(self):
        """(model, method) for all that our code offers to remote calls."""
        for model in sorted(self.env.registry):
            for name, function in inspect.getmembers(self.env.registry[model], inspect.isfunction):
                defined = any(
                    name in vars(cls)
                    and getattr(vars(cls)[name], "__module__", "").startswith(
                        "odoo.addons.customer_care"
                    )
                    for cls in self.env.registry[model].mro()
                )
                if not defined or name.startswith("_"):
                    continue
                try:
                    get_public_method(self.env[model], name)
                except (AttributeError, AccessError):
                    continue
                if model not in ("base",) and not self.env[model]._abstract:
                    yield model, name, function

    def test_every_public_method_refuses_or_has_no_effect_for_who_has_no_right(self):
        records = {**self._records(), "sale.order": self.order, "res.partner": self.customer}
        self._run("care.followup", days=7)
        self.secret.write({"resolution": "Mended", "cancel_reason": "Why not"})
        self.env["care.retry"].search([]).write({"state": "failed", "next_at": False})
        self.followup.outcome_id = self.env.ref("customer_care.outcome_satisfied")
        arguments = {
            "vals_list": [
                {
                    "name": "Forged",
                    "partner_id": self.customer.id,
                    "journey_id": self.journey.id,
                }
            ],
            "vals": {"name": "Forged"},
            "body": "Forged",
            "gesture": "action_go",
            # the import's
            "fields": ["name", "partner_id"],
            "data": [["Forged", self.customer.name]],
        }
        calls = list(self._public_methods())
        self.assertGreater(len(calls), 25)
        before = self._state()
        attackers = (self.stranger, self.thief, *self.company_b.values())
        for user in attackers:
            for model, method, function in calls:
                record = records.get(model)
                kwargs = {
                    name: arguments[name]
                    for name, parameter in inspect.signature(function).parameters.items()
                    if name in arguments and parameter.default is inspect.Parameter.empty
                }
                ids = None if hasattr(function, "_api_model") else record and record.ids
                if record is None and ids is None and method != "create":
                    continue
                mine = method in ("create", "load") or model in SHARED
                if user in self.company_b.values() and mine:
                    continue  # they may create for their own company, and share these
                with self.subTest(user=user.login, model=model, method=method):
                    status, answer = self._call(user, model, method, ids, **kwargs)
                    self.assertNotIn("Secret", json.dumps(answer))
                    if status == 422:
                        self.assertNotIn("argument", answer["message"])
            # once for all calls of one: looking takes longer than calling
            with self.subTest(user=user.login):
                self.assertEqual(self._state(), before)
