from odoo import api, fields, models


class CareNotice(models.Model):
    """A mail to the customer, or a word to the owner, that an event asks for."""

    _name = "care.notice"
    _description = "Planned notice"
    _inherit = ["care.due.mixin", "care.linked.mixin"]
    _order = "id desc"
    _due_cron = "customer_care.ir_cron_notices"

    kind = fields.Selection(
        [
            ("case_received", "Acknowledgement"),
            ("case_resolved", "Is it solved?"),
            ("case_reopened", "Reopened: tell the owner"),
            ("suggestion_decided", "Suggestion: what we decided"),
            ("compliment_passed", "Compliment: passed on"),
            ("service_guide", "Service guide"),
        ],
        required=True,
        readonly=True,
    )
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade")
    occurrence = fields.Integer(default=1, readonly=True)

    _case_uniq = models.UniqueIndex("(kind, case_id, occurrence) WHERE case_id IS NOT NULL")
    _journey_uniq = models.UniqueIndex(
        "(kind, journey_id, occurrence) WHERE journey_id IS NOT NULL"
    )

    #: kind -> XML id of the mail template that tells it to the customer
    _notice_templates = {
        "case_received": "customer_care.mail_template_case_received",
        "case_resolved": "customer_care.mail_template_case_resolved",
        "suggestion_decided": "customer_care.mail_template_suggestion_decided",
        "compliment_passed": "customer_care.mail_template_compliment_passed",
        "service_guide": "customer_care.mail_template_service_guide",
    }

    @api.depends("kind", "case_id", "journey_id")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for notice in self:
            # sudo: the name of what a notice is about, for who may see the notice
            record = notice._record().sudo()
            notice.display_name = f"{kinds.get(notice.kind)}: {record.display_name}"

    @api.model
    def _announce(self, kind, records):
        """Plan one notice a record and cycle; told by the cron, at once."""
        now = self.env.cr.now()
        return self._announce_at(kind, dict.fromkeys(records, now))

    @api.model
    def _announce_at(self, kind, moments, occurrences=None):
        """Plan one notice a record and time that it happens, for a moment of its own.

        :param dict moments: record -> when; records with the same kind and occurrence planned
            already are left out
        :param dict occurrences: record -> which time it is; the record's cycle by default
        """
        # sudo: planned rows are the engine's
        return self.sudo()._plan(
            [
                {
                    "state": "planned",
                    "attempts": 0,
                    "kind": kind,
                    record._care_link: record.id,
                    "company_id": record.company_id.id,
                    "occurrence": (occurrences or {}).get(record, record.cycle),
                    "next_at": moment.replace(microsecond=0),
                }
                for record, moment in moments.items()
            ]
        )

    @api.model
    def _announce_again(self, kind, records):
        """Plan one more notice a record, at once, however often it was told of before."""
        # sudo: as above
        told = dict(
            self.sudo()._read_group(
                [("kind", "=", kind), (records._care_link, "in", records.ids)],
                [records._care_link],
                ["occurrence:max"],
            )
        )
        return self._announce_at(
            kind,
            dict.fromkeys(records, self.env.cr.now()),
            {record: told.get(record, 0) + 1 for record in records},
        )

    @api.model
    def _cancel_of(self, records, kinds=None):
        """Notices that make no sense any more."""
        domain = [(records._care_link, "in", records.ids), ("state", "=", "planned")]
        if kinds:
            domain.append(("kind", "in", kinds))
        self.sudo().search(domain)._cancel_due()

    #: kind -> categories in which a case has to be when it is told
    _notice_categories = {
        "case_received": ("open", "waiting", "resolved", "closed"),
        "case_resolved": ("resolved",),
        "case_reopened": ("open", "waiting"),
    }

    def _is_true(self):
        """Whether it still makes sense: the case may have gone on since it was planned."""
        self.ensure_one()
        case, categories = self.case_id, self._notice_categories.get(self.kind)
        return not categories or (
            case.stage_category in categories
            and (self.kind == "case_received" or case.cycle == self.occurrence)
        )

    def _run_due(self):
        past = self.filtered(lambda row: not row._is_true())
        past._cancel_due()
        (self - past)._tell()

    def _tell(self):
        for (kind, company), rows in self.grouped(lambda row: (row.kind, row.company_id)).items():
            rows = rows.with_company(company)
            if kind in self._notice_templates:
                told = rows._mail_customer(self.env.ref(self._notice_templates[kind]))
                (rows - told)._cancel_due(
                    {"error": self.env._("The customer has no e-mail address.")}
                )
            else:
                told = rows
                rows._tell_owner()
            told.write({"state": "done", "next_at": False, "error": False})
            told._after_told(kind)

    def _mail_customer(self, template):
        """Post the template's mail on the records, each in its customer's language.

        :return: the notices whose customer can be reached
        """
        rows = self.filtered("case_id.partner_id.email")
        rows.case_id.message_post_with_source(
            template,
            message_type="auto_comment",
            subtype_xmlid="mail.mt_comment",
            email_layout_xmlid="customer_care.mail_layout",
        )
        rows._wake_mail_queue()
        return rows

    def _after_told(self, kind):
        """The notices are out, in this transaction. Extended by other addons."""

    def _tell_owner(self):
        self.env["mail.activity"]._care_tell(
            "customer_care.mail_activity_type_reopened",
            (
                (
                    case,
                    case.owner_id,
                    lambda case: {
                        "summary": case.env._("%s says it is not solved", case.partner_id.name)
                    },
                )
                for case in self.case_id
            ),
        )
