from collections import defaultdict

import psycopg2
from dateutil.relativedelta import relativedelta
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL, is_html_empty

from ..tools.ranking import rank
from .care_due_mixin import ENGINE
from .care_guard import check_targets, refuse_forged
from .care_standard_reader import OPEN_STATES, STATES

#: The chapters of the book, in their order.
CHAPTERS = [
    ("definition", "Definitions"),
    ("provision", "General Provisions"),
    ("principle", "Principles"),
    ("communication", "Communication"),
    ("appearance", "Appearance"),
    ("premises", "Premises"),
    ("stage", "Stage Rules"),
]
PREFIXES = {
    "definition": "DEF",
    "provision": "GEN",
    "principle": "PRI",
    "communication": "COM",
    "appearance": "APP",
    "premises": "PRE",
    "stage": "STG",
}
#: What a version freezes.
TEXTS = ("name", "text", "dos", "donts")
#: The working text: for who works on it. Everybody else reads the version in force.
WORKING = frozenset({"text", "dos", "donts", "change_note"})


class CareStandard(models.Model):
    """One rule of the standards book.

    The fields of the record are its working text. What people read, acknowledge and are
    checked against is the latest published version.
    """

    _name = "care.standard"
    _description = "Standard"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "kind, sequence, id"
    _rec_names_search = ["reference", "name"]
    _check_company_auto = True

    #: Written by the engine alone.
    _engine_fields = frozenset({"state", "version_id", "report_count"})
    #: Who is concerned follows from these.
    _audience_fields = frozenset(
        {"concern", "team_ids", "user_ids", "stage_ids", "company_id", "acknowledge"}
    )
    #: Activities created in one go.
    _reminder_batch = 1000

    name = fields.Char("Title", required=True, tracking=True)
    reference = fields.Char(
        copy=False, help="How people quote it. Given by the chapter when left empty."
    )
    sequence = fields.Integer(default=10)
    kind = fields.Selection(
        CHAPTERS,
        "Chapter",
        required=True,
        default="principle",
        index=True,
        tracking=True,
        group_expand="_group_expand_kind",
    )
    text = fields.Html(
        "Standard",
        prefetch="working",
        help="What holds, in words that a new colleague understands.",
    )
    dos = fields.Html("Do", prefetch="working")
    donts = fields.Html("Don't", prefetch="working")
    change_note = fields.Char(
        "What Changes",
        prefetch="working",
        copy=False,
        help="Told to everybody when the next version is published.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("published", "Published"), ("withdrawn", "Withdrawn")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        index=True,
        tracking=True,
    )
    owner_id = fields.Many2one(
        "res.users",
        "Owner",
        required=True,
        default=lambda self: self.env.user,
        index=True,
        tracking=True,
        domain=lambda self: self._domain_people(),
        help="The one person who answers for this standard: keeps it right, reviews it and "
        "hears when it does not work.",
    )
    company_id = fields.Many2one("res.company", index=True, help="Leave empty for all companies.")
    stage_ids = fields.Many2many(
        "care.stage",
        "care_standard_stage_rel",
        "standard_id",
        "stage_id",
        string="Stages",
        help="The steps of a journey or case in which it holds.",
    )
    is_check = fields.Boolean(
        "Check Before Leaving",
        help="Before a person moves a record out of these stages, somebody has to tick that "
        "this was done, or a leader waives it with a reason.",
    )
    concern = fields.Selection(
        [
            ("everybody", "Everybody in Customer Care"),
            ("teams", "Teams"),
            ("stages", "The people of its stages"),
            ("users", "Named people"),
        ],
        "Concerns",
        required=True,
        default="everybody",
        help="The people of a stage: its curator, its named owner, its team (or its journey "
        "type's), and whoever owns a record there now.",
    )
    team_ids = fields.Many2many(
        "care.team",
        "care_standard_team_rel",
        "standard_id",
        "team_id",
        string="Teams",
        check_company=True,
    )
    user_ids = fields.Many2many(
        "res.users",
        "care_standard_user_rel",
        "standard_id",
        "user_id",
        string="People",
        domain=lambda self: self._domain_people(),
    )
    acknowledge = fields.Boolean(
        "To Be Acknowledged",
        default=True,
        help="Everybody concerned confirms to have read and understood each version.",
    )
    renew_months = fields.Integer(
        "Again After (months)", help="An acknowledgement holds so long; 0: as long as the version."
    )
    review_months = fields.Integer(
        "Review Every (months)", default=12, help="0: not reviewed regularly."
    )
    next_review = fields.Date(
        "Next Review",
        copy=False,
        help="Counted anew when a version is published or found still right.",
    )
    version_id = fields.Many2one(
        "care.standard.version",
        "Version in Force",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
    )
    version_number = fields.Integer("Version", related="version_id.number", aggregator=False)
    published_at = fields.Datetime(related="version_id.published_at")
    changes = fields.Char(related="version_id.changes")
    version_ids = fields.One2many("care.standard.version", "standard_id", "Versions")
    report_count = fields.Integer(
        "Does Not Work",
        readonly=True,
        copy=False,
        help="How often it was reported since the last publication that this standard is kept "
        "but does not work.",
    )
    reader_ids = fields.One2many("care.standard.reader", "standard_id", "Readers")

    title = fields.Char("Title in Force", compute="_compute_reading", compute_sudo=True)
    reading_text = fields.Html("What Holds", compute="_compute_reading", compute_sudo=True)
    reading_dos = fields.Html("Please Do", compute="_compute_reading", compute_sudo=True)
    reading_donts = fields.Html("Please Don't", compute="_compute_reading", compute_sudo=True)
    is_changed = fields.Boolean(
        "Unpublished Changes",
        compute="_compute_is_changed",
        compute_sudo=True,
        help="The working text differs from the version that people read.",
    )
    can_edit = fields.Boolean(compute="_compute_can_edit")
    my_state = fields.Selection(
        STATES, "For Me", compute="_compute_my_state", search="_search_my_state"
    )
    my_acknowledged_at = fields.Datetime("Acknowledged by Me", compute="_compute_my_state")
    reader_count = fields.Integer("Concerned", compute="_compute_reader_count")
    missing_count = fields.Integer("Not Yet Acknowledged", compute="_compute_reader_count")

    _reference_uniq = models.UniqueIndex(
        "(reference, COALESCE(company_id, 0))", "Another standard has this reference."
    )
    _check_kind = models.Constraint(
        "CHECK (NOT is_check OR kind = 'stage')",
        "Only stage rules can be checks before leaving a stage.",
    )
    _months_check = models.Constraint(
        "CHECK (renew_months >= 0 AND review_months >= 0)",
        "Months are counted from 0 on; 0 means never.",
    )
    _review_idx = models.Index("(next_review) WHERE state = 'published'")
    _stage_check_idx = models.Index("(id) WHERE is_check AND state = 'published'")

    # ------------------------------------------------------------
    # Fields
    # ------------------------------------------------------------

    @api.model
    def _domain_people(self):
        """Whoever works with Customer Care."""
        group = self.env["ir.model.data"]._xmlid_to_res_id("customer_care.group_agent")
        return [("all_group_ids", "in", group), ("share", "=", False)]

    @api.model
    def _group_expand_kind(self, kinds, domain):
        """The chapters that have something, in the order of the book."""
        return [kind for kind, _label in CHAPTERS if kind in kinds]

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        if field_name != "kind":
            return super()._order_field_to_sql(alias, field_name, direction, nulls, query)
        place = rank([kind for kind, _label in CHAPTERS], self._field_to_sql(alias, "kind", query))
        query._order_groupby.append(place)
        return SQL("%s %s %s", place, direction, nulls)

    @api.depends("reference", "title")
    def _compute_display_name(self):
        for standard in self:
            standard.display_name = " ".join(filter(None, (standard.reference, standard.title)))

    @api.depends("version_id", *TEXTS)
    def _compute_reading(self):
        for standard in self:
            source = standard.version_id or standard
            standard.title = source.name
            standard.reading_text = source.text
            standard.reading_dos = source.dos
            standard.reading_donts = source.donts

    @api.depends("version_id", *TEXTS)
    def _compute_is_changed(self):
        for standard in self:
            version = standard.version_id
            standard.is_changed = bool(version) and any(
                (standard[name] or "") != (version[name] or "") for name in TEXTS
            )

    @api.depends_context("uid")
    @api.depends("owner_id")
    def _compute_can_edit(self):
        editable = self._origin._filtered_access("write")
        for standard in self:
            standard.can_edit = standard._origin in editable or not standard._origin

    def _my_rows(self):
        """What the book asks of the present user: standard -> reader row."""
        # sudo: one's own row
        rows = self.env["care.standard.reader"].sudo()
        rows = rows._rows([("standard_id", "in", self.ids), ("user_id", "=", self.env.uid)])
        return {row.standard_id.id: row for row in rows}

    @api.depends_context("uid")
    @api.depends("version_id", "state", "concern", "acknowledge", "renew_months")
    def _compute_my_state(self):
        rows = self._my_rows()
        for standard in self:
            row = rows.get(standard._origin.id)
            standard.my_state = row and row.state
            standard.my_acknowledged_at = row and row.acknowledged_at

    def _search_my_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        # sudo: one's own rows
        rows = self.env["care.standard.reader"].sudo()
        query = rows._search([("user_id", "=", self.env.uid), ("state", "in", list(value))])
        return [("id", "in", query.subselect("standard_id"))]

    def _compute_reader_count(self):
        counts = defaultdict(int)
        for standard, state, count in self.env["care.standard.reader"]._read_group(
            [("standard_id", "in", self.ids)], ["standard_id", "state"], ["__count"]
        ):
            counts[standard.id, state in OPEN_STATES] += count
        for standard in self:
            missing = counts[standard._origin.id, True]
            standard.missing_count = missing
            standard.reader_count = missing + counts[standard._origin.id, False]

    # ------------------------------------------------------------
    # The working text
    # ------------------------------------------------------------

    @api.model
    def _has_field_access(self, field, operation):
        """The working text is read by who may write the standard; without a standard, in a
        search, by managers.
        """
        if not super()._has_field_access(field, operation):
            return False
        if field.name not in WORKING or operation != "read" or self.env.su:
            return True
        if not self._ids:
            naming = self.env.context.get("care_naming_fields") is ENGINE
            return naming or self.env.user.has_group("customer_care.group_manager")
        # what is being typed in is one's own
        return self._origin.has_access("write")

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        # forms show an owner the fields of the working text
        standards = self.with_context(care_naming_fields=ENGINE)
        return super(CareStandard, standards).fields_get(allfields, attributes)

    # ------------------------------------------------------------
    # Checks
    # ------------------------------------------------------------

    @api.constrains("kind", "concern", "stage_ids", "team_ids", "user_ids")
    def _check_audience(self):
        for standard in self:
            if standard.kind == "stage" and not standard.stage_ids:
                raise ValidationError(
                    self.env._("Choose the stages in which “%s” holds.", standard.name)
                )
            missing = {
                "teams": not standard.team_ids,
                "users": not standard.user_ids,
                "stages": not standard.stage_ids,
            }
            if missing.get(standard.concern):
                raise ValidationError(
                    self.env._(
                        "Say whom “%(standard)s” concerns: choose at least one of “%(what)s”.",
                        standard=standard.name,
                        what=dict(self._fields["concern"]._description_selection(self.env))[
                            standard.concern
                        ],
                    )
                )

    @api.constrains("owner_id", "company_id")
    def _check_owner(self):
        if self.env.context.get("care_handing_over") is ENGINE:
            return  # the last resort is whoever the company names
        for standard in self:
            # sudo: whether somebody works with Customer Care is no secret here
            owner, company = standard.owner_id.sudo(), standard.company_id
            if (
                not owner.active
                or not owner.has_group("customer_care.group_agent")
                or (company and company not in owner.company_ids)
            ):
                raise ValidationError(
                    self.env._(
                        "%(user)s cannot answer for “%(standard)s”: choose somebody who works "
                        "with Customer Care in its company.",
                        user=owner.name,
                        standard=standard.name,
                    )
                )

    # ------------------------------------------------------------
    # Create, write, delete
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals) for vals in vals_list]
        for vals in vals_list:
            refuse_forged(self, self._engine_fields & set(vals))
            if not self.env.su:
                # defaults in a context forge nothing
                vals.update(state="draft", version_id=False, report_count=0)
        self._give_references(vals_list)
        return super().create(vals_list)

    def write(self, vals):
        refuse_forged(self, self._engine_fields & set(vals))
        if not self.env.su:
            check_targets(self, [vals])
        result = super().write(vals)
        if "owner_id" in vals:
            # sudo: the tasks belong to whoever answers for the standard
            tasks = self.sudo()._activities("review", "revision")
            tasks.with_context(mail_activity_quick_update=True).write({"user_id": vals["owner_id"]})
        if self._audience_fields & set(vals) and "published" in self.mapped("state"):
            self._wake_reminders()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_published(self):
        for standard in self:
            if standard.version_id:
                raise UserError(
                    self.env._(
                        "“%s” has been published: people have read it. Withdraw it instead.",
                        standard.display_name,
                    )
                )

    @api.model
    def _give_references(self, vals_list):
        """Number the new standards of each chapter on from the highest."""
        todo = [vals for vals in vals_list if not vals.get("reference")]
        if not todo:
            return
        # sudo: numbers go on across companies
        taken = self.sudo().search_fetch([("reference", "!=", False)], ["reference"])
        highest = defaultdict(int)
        for reference in taken.mapped("reference"):
            prefix, _dash, number = reference.partition("-")
            if number.isdigit():
                highest[prefix] = max(highest[prefix], int(number))
        default = self.default_get(["kind"]).get("kind")
        for vals in todo:
            prefix = PREFIXES[vals.get("kind") or default]
            highest[prefix] += 1
            vals["reference"] = f"{prefix}-{highest[prefix]:02d}"

    # ------------------------------------------------------------
    # Publishing
    # ------------------------------------------------------------

    def action_publish(self):
        """The working text becomes the next version, which everybody concerned reads."""
        self.check_access("write")
        for standard in self:
            standard._check_publishable()
        now = self.env.cr.now()
        # sudo: versions and state are written by the engine; the right is checked above
        standards = self.sudo()
        versions = (
            self.env["care.standard.version"]
            .sudo()
            .create(
                [
                    {
                        "standard_id": standard.id,
                        "number": standard.version_number + 1,
                        "published_at": now,
                        "published_by_id": self.env.uid,
                        "changes": standard.change_note,
                        **{name: standard[name] for name in TEXTS},
                    }
                    for standard in standards
                ]
            )
        )
        for standard, version in zip(standards, versions, strict=True):
            standard.write(
                {
                    "state": "published",
                    "version_id": version.id,
                    "change_note": False,
                    "report_count": 0,
                    "next_review": standard._review_after_today(),
                }
            )
        standards._message_log_batch(
            {
                standard.id: self.env._(
                    "Version %(number)s published. %(changes)s",
                    number=version.number,
                    changes=version.changes or "",
                ).strip()
                for standard, version in zip(standards, versions, strict=True)
            },
            author_id=self.env.user.partner_id.id,
        )
        standards._activities("review", "revision").action_archive()
        # a new text has to be read anew: the cron reminds of it
        standards._activities("acknowledge").unlink()
        self._wake_reminders()
        return True

    def _check_publishable(self):
        self.ensure_one()
        if is_html_empty(self.text):
            raise UserError(
                self.env._("Write what “%s” says before you publish it.", self.display_name)
            )
        if self.state == "published" and not self.is_changed:
            raise UserError(
                self.env._(
                    "The text of “%s” has not changed. If you have reviewed it, press "
                    "“Still Right”.",
                    self.display_name,
                )
            )
        if self.version_id and not (self.change_note or "").strip():
            raise UserError(
                self.env._(
                    "Say what changes in “%s”: everybody who knows the last version reads that "
                    "first.",
                    self.display_name,
                )
            )

    def action_still_right(self):
        """Reviewed, and it stays as it is until the next review."""
        self.check_access("write")
        if any(standard.state != "published" for standard in self):
            raise UserError(self.env._("Only a published standard is reviewed."))
        for standard in self:
            standard.next_review = standard._review_after_today()
        self._message_log_batch(
            {standard.id: self.env._("Reviewed: still right.") for standard in self}
        )
        # sudo: the task is the owner's, whoever of those with the right has reviewed it
        self.sudo()._activities("review").action_archive()
        return True

    def action_withdraw(self):
        """It holds no more; its versions and acknowledgements stay to be read."""
        self.check_access("write")
        # sudo: the state is written by the engine; the right is checked above
        standards = self.sudo().filtered(lambda standard: standard.state == "published")
        standards.write({"state": "withdrawn", "next_review": False})
        standards._activities("acknowledge", "review", "revision").unlink()
        return True

    def _review_after_today(self):
        self.ensure_one()
        today = fields.Datetime.context_timestamp(self, self.env.cr.now()).date()
        return self.review_months and today + relativedelta(months=self.review_months)

    @api.model
    def _hand_over(self, users, leaving):
        """Standards of users who leave go to who stands in for them."""
        # sudo: whoever may archive a user leaves no standard without an owner
        standards = self.sudo().search([("owner_id", "in", users.ids)])
        nobody, by_owner = self.env["care.team"], defaultdict(standards.browse)
        for standard in standards:
            company = standard.company_id or standard.owner_id.company_id
            if not standard.owner_id._care_has_to_go(company, leaving):
                continue
            owner = company._care_present(standard.owner_id, nobody, leaving)
            by_owner[owner.sudo()] |= standard
        for owner, mine in by_owner.items():
            mine.with_context(care_handing_over=ENGINE).write({"owner_id": owner.id})

    # ------------------------------------------------------------
    # Reading and acknowledging
    # ------------------------------------------------------------

    def action_acknowledge(self):
        """The present user, and nobody else, has read and understood these standards."""
        self.check_access("read")
        rows = self._my_rows()
        seen = self.env.context.get("care_version")
        for standard in self:
            row = rows.get(standard.id)
            if not row or row.state == "none":
                raise UserError(
                    self.env._(
                        "“%s” does not ask for your acknowledgement: it is not published, "
                        "concerns others, or is there to be read only.",
                        standard.display_name,
                    )
                )
            if seen and row.version_id.id != seen:
                raise UserError(
                    self.env._(
                        "A new version of “%s” was published while you were reading. Please "
                        "read it first.",
                        standard.display_name,
                    )
                )
        todo = self.env["care.standard.reader"].browse(
            row.id for row in rows.values() if row.state in OPEN_STATES
        )
        self.env["care.acknowledgement"]._add(todo)
        self.invalidate_recordset(["my_state", "my_acknowledged_at"])
        # sudo: the reminder of the present user alone
        self.sudo()._activities("acknowledge").filtered(
            lambda activity: activity.user_id == self.env.user
        ).action_archive()
        return True

    def action_edit(self):
        """From the reader's page to the working text."""
        self.ensure_one()
        self.check_access("write")
        return self._open_view("customer_care.care_standard_view_form")

    def action_read(self):
        """The page as everybody reads it."""
        self.ensure_one()
        return self._open_view("customer_care.care_standard_view_form_read")

    def _open_view(self, xmlid):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "views": [(self.env.ref(xmlid).id, "form")],
        }

    def action_open_readers(self):
        """Who has, and who has not."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "customer_care.care_standard_reader_action"
        )
        action["domain"] = [("standard_id", "=", self.id)]
        action["context"] = {}
        return action

    @api.model
    def action_print_book(self):
        """The whole book in force, as a PDF."""
        standards = self.search([("state", "=", "published")])
        if not standards:
            raise UserError(self.env._("The book is empty: no standard is published yet."))
        return self.env.ref("customer_care.action_report_standards_book").report_action(
            standards, config=False
        )

    # ------------------------------------------------------------
    # Kept, but does not work
    # ------------------------------------------------------------

    def action_report_dialog(self):
        """Ask what does not work."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Kept, but does not work"),
            "res_model": "care.standard.feedback",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_standard_id": self.id},
        }

    def _report_failure(self, reason):
        """Somebody concerned keeps this standard, and it does not work: the owner revises it.

        While the owner's task is open, more words are added to it.
        """
        self.ensure_one()
        self.check_access("read")
        if not self.my_state and not self.can_edit:
            raise AccessError(
                self.env._("Only those whom “%s” concerns can report on it.", self.display_name)
            )
        if self.state != "published":
            raise UserError(self.env._("“%s” is not in force.", self.display_name))
        if not (reason or "").strip():
            raise UserError(self.env._("Say what does not work: the owner starts there."))
        # sudo: the counter, the log and the owner's task are written by the engine
        standard = self.sudo()
        # Two reports at once write the same row: the second is run again by Odoo and then
        # finds the task of the first.
        standard.write({"report_count": standard.report_count + 1})
        standard.flush_recordset(["report_count"])
        words = Markup("<p><b>%s</b>: %s</p>") % (self.env.user.name, reason.strip())
        standard._message_log(
            body=Markup("<p>%s</p>%s") % (self.env._("Kept, but does not work"), words),
            author_id=self.env.user.partner_id.id,
        )
        task = standard._activities("revision")[:1]
        if task:
            task.note = Markup(task.note or "") + words
            return
        standard._create_activities("revision", [(standard, standard.owner_id, words)])

    # ------------------------------------------------------------
    # Activities: reminders, reviews, revisions
    # ------------------------------------------------------------

    def message_subscribe(self, partner_ids=None, subtype_ids=None):
        # who is reminded to read a standard does not follow its owner's discussions
        if self.env.context.get("care_reminding") is ENGINE:
            return True
        return super().message_subscribe(partner_ids=partner_ids, subtype_ids=subtype_ids)

    @api.model
    def _activity_type(self, what):
        return self.env.ref(f"customer_care.mail_activity_type_standard_{what}")

    def _activities(self, *what):
        """The open activities of these kinds on these standards."""
        types = [self._activity_type(name).id for name in what]
        return self.env["mail.activity"].search(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", self.ids),
                ("activity_type_id", "in", types),
            ]
        )

    def _create_activities(self, what, triples):
        """One activity for each (standard, user, note), in the language of its user."""
        activity_type = self._activity_type(what)
        texts = {
            "acknowledge": lambda env, title: env._("Please read: %s", title),
            "review": lambda env, title: env._("Review is due, still right? %s", title),
            "revision": lambda env, title: env._("Kept, but does not work: %s", title),
        }
        memo, vals_list = {}, []
        for standard, user, note in triples:
            key = (user.lang, user.tz or user.company_id._care_tz())
            if key not in memo:
                memo[key] = activity_type.with_context(lang=key[0], tz=key[1])
            theirs = memo[key]
            vals_list.append(
                {
                    "res_model_id": self.env["ir.model"]._get_id(self._name),
                    "res_id": standard.id,
                    "activity_type_id": activity_type.id,
                    "summary": texts[what](theirs.env, standard.title),
                    "note": note,
                    "user_id": user.id,
                    "date_deadline": theirs._get_date_deadline(),
                    "automated": True,
                }
            )
        return (
            self.env["mail.activity"]
            .with_context(mail_activity_quick_update=True, care_reminding=ENGINE)
            .create(vals_list)
        )

    @api.model
    def _wake_reminders(self):
        cron = self.env.ref("customer_care.ir_cron_standards", raise_if_not_found=False)
        if cron:
            # sudo: whoever publishes may wake the cron, nobody else may touch it
            cron.sudo()._trigger()

    @api.model
    def _cron_remind(self):
        """Remind of what is to be read and reviewed; take back what is not asked any more.

        Works from what is missing now, so it may be killed at any point and run again.
        """
        cron = self.env["ir.cron"]
        left = True
        while left:
            try:
                count = self._cron_remind_once()
                left = count == self._reminder_batch
                time_left = cron._commit_progress(count or 1, remaining=int(left))
            except psycopg2.extensions.TransactionRollbackError:
                # somebody was faster: crons are not retried by Odoo, so it is run afresh
                self.env.cr.rollback()
                self._wake_reminders()
                break
            if not time_left:
                break

    @api.model
    def _cron_remind_once(self):
        """One transaction's work.

        :return: how many were reminded to read; as many as a batch holds: there may be more
        """
        # sudo: the engine reminds everybody
        standards = self.sudo()
        standards._take_back_reminders()
        standards._remind_review()
        return len(standards._create_activities("acknowledge", standards._missing_reminders()))

    def _missing_reminders(self):
        """(standard, user, no note) for whom no reminder is open yet: one batch."""
        self.env["mail.activity"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.standard_id, r.user_id FROM %s r
                LEFT JOIN mail_activity a ON a.res_model = %s AND a.res_id = r.standard_id
                    AND a.user_id = r.user_id AND a.activity_type_id = %s AND a.active
                WHERE r.state IN %s AND a.id IS NULL
                ORDER BY r.standard_id, r.user_id LIMIT %s
                """,
                self.env["care.standard.reader"]._table_sql,
                self._name,
                self._activity_type("acknowledge").id,
                OPEN_STATES,
                self._reminder_batch,
            )
        )
        # browsed together, to be read together
        standards = self.browse({standard_id for standard_id, _user_id in rows})
        users = self.env["res.users"].browse({user_id for _standard_id, user_id in rows})
        by_id = {record.id: record for record in standards}, {user.id: user for user in users}
        return [(by_id[0][standard_id], by_id[1][user_id], False) for standard_id, user_id in rows]

    def _take_back_reminders(self):
        """Remove the reminders of whom nothing is asked any more."""
        self.env["mail.activity"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id FROM mail_activity a
                LEFT JOIN %s r ON r.standard_id = a.res_id AND r.user_id = a.user_id
                    AND r.state IN %s
                WHERE a.res_model = %s AND a.activity_type_id = %s AND a.active
                AND r.standard_id IS NULL
                """,
                self.env["care.standard.reader"]._table_sql,
                OPEN_STATES,
                self._name,
                self._activity_type("acknowledge").id,
            )
        )
        self.env["mail.activity"].browse(row_id for (row_id,) in rows).unlink()

    def _remind_review(self):
        """One task for the owner of each standard whose review is due."""
        due = self.search(
            [("state", "=", "published"), ("next_review", "<=", self.env.cr.now().date())]
        )
        told = set(due._activities("review").mapped("res_id"))
        self._create_activities(
            "review",
            [(standard, standard.owner_id, False) for standard in due if standard.id not in told],
        )
