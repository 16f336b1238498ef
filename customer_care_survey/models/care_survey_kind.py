from odoo import api, fields, models

from odoo.addons.customer_care.models.care_guard import refuse_forged


class CareSurveyKind(models.Model):
    """What customers can refuse, or agree to, in one: a kind of surveys."""

    _name = "care.survey.kind"
    _description = "Kind of surveys"
    _order = "sequence, id"

    name = fields.Char(
        required=True, translate=True, help="Customers read it when they want no more of these."
    )
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    needs_consent = fields.Boolean(
        "Only With Consent",
        help="Only customers who have agreed to surveys of this kind are asked.",
    )
    refused_count = fields.Integer("Refused By", compute="_compute_counts")
    agreed_count = fields.Integer("Agreed To By", compute="_compute_counts")

    def _compute_counts(self):
        counts = {
            (kind, choice): count
            for kind, choice, count in self.env["care.survey.consent"]._read_group(
                [("kind_id", "in", self.ids)], ["kind_id", "choice"], ["__count"]
            )
        }
        for kind in self:
            kind.refused_count = counts.get((kind, "no"), 0)
            kind.agreed_count = counts.get((kind, "yes"), 0)


class CareSurveyConsent(models.Model):
    """What a person said of surveys of a kind: one row for each, the last word counts.

    It is the person's own. What holds for a customer with all contacts stands in the profile.
    """

    _name = "care.survey.consent"
    _description = "Consent to surveys"
    _order = "said_at desc, id desc"
    _rec_name = "partner_id"
    _check_company_auto = True
    #: Who said it and when is noted, not entered.
    _engine_fields = frozenset({"address", "said_at", "said_by_id"})

    partner_id = fields.Many2one(
        "res.partner", "Contact", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
        index=True,
    )
    kind_id = fields.Many2one(
        "care.survey.kind", "Kind", ondelete="cascade", index=True, help="Empty: all surveys."
    )
    choice = fields.Selection(
        [("yes", "Agreed"), ("no", "Refused")], required=True, default="no", index=True
    )
    address = fields.Char(
        readonly=True, help="Whoever else has this address is not asked there either."
    )
    said_at = fields.Datetime("Said", readonly=True)
    said_by_id = fields.Many2one(
        "res.users",
        "Entered By",
        readonly=True,
        ondelete="set null",
        help="Empty: the customer, by the link in a mail.",
    )

    _person_uniq = models.UniqueIndex(
        "(company_id, partner_id, COALESCE(kind_id, 0))",
        "There is already an entry of this contact for this kind: change that one.",
    )
    _address_idx = models.Index("(company_id, address) WHERE address IS NOT NULL")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_forged(self, self._engine_fields & set(vals))
        people = self.env["res.partner"]
        return super().create(
            [
                {**vals, **self._prepare_said(people.browse(vals.get("partner_id")))}
                for vals in vals_list
            ]
        )

    def write(self, vals):
        refuse_forged(self, self._engine_fields & set(vals))
        if "partner_id" in vals:
            partner = self.env["res.partner"].browse(vals["partner_id"])
            vals = {**vals, "address": partner.email_normalized}
        if not {"choice", "kind_id", "partner_id"}.isdisjoint(vals):
            vals = {**vals, **self._prepare_said(None)}
        return super().write(vals)

    @api.model
    def _prepare_said(self, partner):
        """Who says it now, and at what address."""
        by_person = self.env.su and self.env.context.get("care_said_by_customer")
        vals = {
            "said_at": fields.Datetime.now(),
            "said_by_id": False if by_person else self.env.uid,
        }
        if partner is not None:
            vals["address"] = partner.email_normalized
        return vals

    @api.model
    def _say(self, partner, company, kind, choice):
        """The customer says it themselves: the last word counts.

        :param kind: a kind of surveys; an empty one for all
        :param str choice: ``yes`` or ``no``
        """
        # sudo: the customer is nobody of ours; whoever calls has checked the link
        model = self.sudo().with_context(care_said_by_customer=True)
        domain = [("partner_id", "=", partner.id), ("company_id", "=", company.id)]
        said = model.search([*domain, ("kind_id", "=", kind.id)])
        if said:
            said.choice = choice
        else:
            said = model.create(
                {
                    "partner_id": partner.id,
                    "company_id": company.id,
                    "kind_id": kind.id,
                    "choice": choice,
                }
            )
        return said

    @api.model
    def _words(self, people, company):
        """What these people said in ``company``.

        :param people: partners
        :return: dict (partner or address, kind) -> ``yes`` or ``no``; an empty kind is all
        """
        addresses = [partner.email_normalized for partner in people if partner.email_normalized]
        words = {}
        for row in self.search(
            [
                ("company_id", "=", company.id),
                "|",
                ("partner_id", "in", people.ids),
                ("address", "in", addresses),
            ],
            order="said_at, id",
        ):
            words[row.partner_id, row.kind_id] = row.choice
            # a refusal holds for the address, an agreement for the person alone
            if row.choice == "no" and row.address:
                words[row.address, row.kind_id] = "no"
        return words
