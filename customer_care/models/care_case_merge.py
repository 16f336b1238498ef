import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from .care_case import STAFF
from .care_due_mixin import ENGINE

#: Days back in which a case that is over may still be the same one.
RECENT_DAYS = 30
#: Share of the words of the shorter subject that two cases have in common when they are alike.
ALIKE = 0.5
#: Cases of one customer that are looked through for likely duplicates.
LOOK_AT = 50


class CareCase(models.Model):
    """Cases that are the same one: shown, and made one."""

    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    #: What a case takes from those that are merged into it, if it has none: names that go
    #: together, the first of which says whether there is one.
    _merge_together = (
        ("order_id",),
        ("journey_id",),
        ("product_id",),
        ("category_id",),
        ("cause_id",),
        ("provider_id", "provider_sent_at"),
        ("quotation_id",),
        ("contact_name", "contact_phone", "contact_when"),
        ("callback_phone", "callback_when"),
    )

    #: Kinds of notices that are still to be told when the case is merged.
    _merge_notices_kept = ("case_person", "case_provider")

    merged_into_id = fields.Many2one(
        "care.case",
        "Merged Into",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        groups=STAFF,
    )
    # stays when retention takes the link away
    told_twice = fields.Boolean(
        readonly=True,
        copy=False,
        groups=STAFF,
        help="It is counted with the case into which it was merged.",
    )
    merged_ids = fields.One2many("care.case", "merged_into_id", "Merged Cases", groups=STAFF)
    duplicate_ids = fields.Many2many(
        "care.case",
        "Likely the Same",
        compute="_compute_duplicate_ids",
        groups=STAFF,
        help="Open or recent cases of the same customer about the same order, product or words.",
    )

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"merged_into_id", "told_twice"}

    # ------------------------------------------------------------
    # Likely duplicates
    # ------------------------------------------------------------

    @api.depends("partner_id", "company_id", "order_id", "product_id", "name", "stage_category")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_duplicate_ids(self):
        since = self.env.cr.now() - timedelta(days=RECENT_DAYS)
        open_cases = self.filtered(lambda case: case.stage_category != "cancelled")
        (self - open_cases).duplicate_ids = False
        for case in open_cases:
            family = case.commercial_partner_id
            company = case.company_id or self.env.company
            if not family or family == company.sudo().care_unknown_partner_id:
                case.duplicate_ids = False
                continue
            # with the reader's own rights: they are shown
            others = self.search_fetch(
                [
                    ("commercial_partner_id", "=", family.id),
                    ("company_id", "=", company.id),
                    ("id", "!=", case._origin.id),
                    ("stage_category", "!=", "cancelled"),
                    "|",
                    ("stage_category", "in", ("open", "waiting", "resolved")),
                    ("received_at", ">=", since),
                ],
                ["name", "order_id", "product_id"],
                order="received_at desc, id desc",
                limit=LOOK_AT,
            )
            case.duplicate_ids = others.filtered(case._is_like)

    def _is_like(self, other):
        """Whether two cases of a customer are likely about the same."""
        self.ensure_one()
        if self.product_id and other.product_id:
            if self.product_id != other.product_id:
                return False
            return not (self.order_id and other.order_id) or self.order_id == other.order_id
        if self.order_id and self.order_id == other.order_id:
            # of one order, but two situations: a late delivery is no leak
            known = self.category_id and other.category_id
            return not known or self.category_id == other.category_id
        mine, theirs = _words(self.name), _words(other.name)
        least = min(len(mine), len(theirs))
        return bool(least) and len(mine & theirs) >= max(1, least * ALIKE)

    # ------------------------------------------------------------
    # Merging
    # ------------------------------------------------------------

    def action_merge(self):
        """Ask which case stays, in a dialog."""
        self.check_access("write")
        cases = self | (self.duplicate_ids if len(self) == 1 else self.browse())
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Merge Cases"),
            "res_model": "care.case.merge",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_case_ids": cases.ids, "default_target_id": cases._oldest().id},
        }

    def _oldest(self):
        """The one that the customer told us first: what was promised for it counts."""
        return self.sorted(lambda case: (case.received_at or self.env.cr.now(), case.id))[:1]

    def _check_merge(self, target):
        """Refuse to make these cases one with ``target``.

        :raise UserError: said why
        """
        target.ensure_one()
        if target in self:
            raise UserError(self.env._("A case is not merged into itself."))
        if target.stage_category == "cancelled":
            raise UserError(
                self.env._("%s is cancelled: choose the case that goes on.", target.display_name)
            )
        for case in self:
            if case.company_id != target.company_id:
                raise UserError(
                    self.env._(
                        "%(case)s is a case of another company than %(target)s.",
                        case=case.display_name,
                        target=target.display_name,
                    )
                )
            if case.commercial_partner_id != target.commercial_partner_id:
                raise UserError(
                    self.env._(
                        "%(case)s is a case of %(customer)s, %(target)s of %(other)s. Only cases "
                        "of one customer are merged: each would read what the other wrote.",
                        case=case.display_name,
                        customer=case.commercial_partner_id.display_name,
                        target=target.display_name,
                        other=target.commercial_partner_id.display_name,
                    )
                )
            if case.merged_into_id:
                raise UserError(
                    self.env._(
                        "%(case)s was merged into %(target)s before.",
                        case=case.display_name,
                        target=case.merged_into_id.display_name,
                    )
                )

    def _merge_into(self, target):
        """Make these cases one with ``target``; what hangs on them goes there.

        They stay in the register, cancelled, and lead to ``target``. Done again it does
        nothing. Add-ons move their own rows in :meth:`_merge_rows`, before these cases are
        cancelled.

        :return: the cases that were merged now, as superuser
        :raise UserError: see :meth:`_check_merge`
        """
        # sudo: what hangs on a case is of many owners; the caller has checked that both may
        # be written
        target = target.sudo()
        target.ensure_one()
        everything = (self.sudo() | target).sorted("id")
        everything.lock_for_update()
        everything.invalidate_recordset()
        sources = self.sudo().filtered(lambda case: case.merged_into_id != target)
        if not sources:
            return sources
        sources._check_merge(target)
        if any(sources.mapped("confidential")) and not target.confidential:
            # before anything of them can be read there
            target.write({"confidential": True})
        target._merge_fields(sources)
        sources._merge_rows(target)
        # whoever came along may not be let in
        target._shut_out()
        for case in sources:
            target.message_post(
                body=self.env._(
                    "%(case)s was merged into this case. It said: %(text)s",
                    case=case.display_name,
                    text=case.description or case.name,
                ),
                author_id=self.env.user.partner_id.id,
                subtype_xmlid="mail.mt_note",
            )
        sources.write(
            {
                "merged_into_id": target.id,
                "told_twice": True,
                "cancel_reason": self.env._("Merged into %s", target.number),
            }
        )
        sources._enter_category("cancelled")
        return sources

    def _merge_day(self, case):
        """The day on which it was received, as the company's zone and the reader's language say."""
        return format_datetime(
            self.env, case.received_at, tz=case.company_id._care_tz(), dt_format="short"
        )

    def _merge_fields(self, sources):
        """What this case does not know yet is taken from ``sources``."""
        self.ensure_one()
        vals = {}
        for names in self._merge_together:
            donor = sources.filtered(names[0])[:1]
            if donor and not self[names[0]]:
                for name in names:
                    vals[name] = self._fields[name].convert_to_write(donor[name], donor)
        for name in ("safety", "legal_hold"):
            if not self[name] and any(sources.mapped(name)):
                vals[name] = True
        if vals.get("journey_id") and (vals.get("order_id") or self.order_id.id) != (
            self.env["care.journey"].browse(vals["journey_id"]).order_id.id
        ):
            del vals["journey_id"]
        told = [
            f"{case.number}, {self._merge_day(case)}:\n{case.description}"
            for case in sources
            if case.description and case.description not in (self.description or "")
        ]
        if told:
            vals["description"] = "\n\n".join(filter(None, [self.description, *told]))
        severity = max((self | sources).mapped("severity"))
        if severity != self.severity:
            vals["severity"] = severity
        copied = {}
        for case in self | sources:
            copied.update(self._mail_cc_sanitized_raw_dict(case.email_cc))
        copied = ", ".join(copied.values())
        if copied and copied != self.email_cc:
            vals["email_cc"] = copied
        if vals:
            self.write(vals)

    def _merge_rows(self, target):
        """Move what hangs on these cases to ``target``: conversation, files, people, work."""
        self.env.flush_all()
        about = [("model", "=", self._name), ("res_id", "in", self.ids)]
        self.env["mail.message"].search(about).write({"res_id": target.id})
        files = [("res_model", "=", self._name), ("res_id", "in", self.ids)]
        # files in fields of a case stay with it
        self.env["ir.attachment"].search([*files, ("res_field", "=", False)]).write(
            {"res_id": target.id}
        )
        target.message_subscribe(partner_ids=self.message_partner_ids.ids)
        self._merge_followups(target)
        mine = [("case_id", "in", self.ids)]
        activities = self.env["mail.activity"].search(files)
        activities.write({"res_id": target.id})
        self.env["care.promise"].with_context(active_test=False).search(mine).write(
            {"case_id": target.id}
        )
        self._merge_notices(target)
        self._merge_actions(target)
        self._merge_chain(target)
        self.env.invalidate_all()

    def _merge_notices(self, target):
        """What was about to be told of these cases ends, but for what the target has to hear
        of: it tells the rest itself.
        """
        notices = self.env["care.notice"]
        mine = [("case_id", "in", self.ids), ("kind", "in", self._merge_notices_kept)]
        kept = notices.search([*mine, ("state", "=", "planned")], order="id")
        planned = notices.search([("case_id", "in", self.ids), ("state", "=", "planned")])
        (planned - kept)._cancel_due()
        known = notices.search([("case_id", "=", target.id), ("kind", "in", kept.mapped("kind"))])
        for kind, rows in kept.grouped("kind").items():
            theirs = known.filtered(lambda row, kind=kind: row.kind == kind)
            moving = rows[:1]
            if kind == "case_provider":
                # who has the target already does not get it twice
                same = moving.case_id.provider_id == target.provider_id
                told = bool(theirs) or not same
            else:
                told = "planned" in theirs.mapped("state")
            if told:
                moving = rows.browse()
            else:
                moving.write(
                    {
                        "case_id": target.id,
                        "occurrence": max([target.cycle - 1, *theirs.mapped("occurrence")]) + 1,
                    }
                )
            (rows - moving)._cancel_due()

    def _merge_actions(self, target):
        """What is done against their cause is done for the target."""
        actions = self.action_ids.with_context(care_handing_over=ENGINE)
        for action in actions:
            gone = action.case_ids & self
            action.case_ids = [
                *(fields.Command.unlink(case_id) for case_id in gone.ids),
                fields.Command.link(target.id),
            ]
        actions._keep_sealed()
        self.env["care.action"].search([("reopened_case_id", "in", self.ids)]).write(
            {"reopened_case_id": target.id}
        )

    def _merge_chain(self, target):
        """The case before, and the one after, that says that this was not solved after all."""
        before = (self.previous_id - target - self)[:1]
        if before and not target.previous_id:
            known = before.next_ids
            known.write({"previous_id": False})
            # out of the way of the unique index
            known.flush_recordset(["previous_id"])
            target.previous_id = before
        after = (self.next_ids - target - self)[:1]
        if after and not target.next_ids:
            after.previous_id = target

    def _merge_followups(self, target):
        """A person's own follow-ups and what was done move; of what the rules planned, the
        target has its own.
        """
        followups = self.env["care.followup"].search([("case_id", "in", self.ids)])
        open_rows = followups.filtered(lambda row: row.state not in ("done", "cancelled"))
        (open_rows.filtered("policy_id") | open_rows.filtered("check_back"))._cancel("ended")
        own = self.env["care.followup"].search([("case_id", "=", target.id)])
        planned = {row._merge_key() for row in own if row.policy_id}
        tried = set(own.filtered("check_back").mapped("occurrence_try"))
        moving = followups.browse()
        for row in followups.sorted("id"):
            if row.policy_id and row._merge_key() in planned:
                continue
            if row.check_back and row.occurrence_try in tried:
                continue
            planned.add(row._merge_key())
            if row.check_back:
                tried.add(row.occurrence_try)
            moving |= row
        moving._merge_to(target)

    def _merge_table(self, model, target, key, states=None):
        """Point rows of ``model`` to ``target``, except those whose like it has already.

        :param key: columns that make two rows of a case alike
        :param states: only rows in one of these
        """
        rows = self.env[model].search([("case_id", "in", (self | target).ids)], order="id")
        mine = rows.filtered(lambda row: row.case_id == target)
        known = {tuple(row[name] for name in key) for row in mine}
        moving = rows.browse()
        for row in (rows - mine).filtered(lambda row: not states or row.state in states):
            values = tuple(row[name] for name in key)
            if values not in known:
                known.add(values)
                moving |= row
        moving._merge_to(target)

    def _merged_end(self):
        """The case that this one was merged into in the end; itself if it was not, or if that
        one is of another customer by now.
        """
        self.ensure_one()
        # sudo: where a case leads is not for its reader to change
        case, seen = self.sudo(), set()
        while case.merged_into_id and case.id not in seen:
            seen.add(case.id)
            case = case.merged_into_id
        same = (
            case.commercial_partner_id == self.sudo().commercial_partner_id
            and case.company_id == self.sudo().company_id
        )
        return case if same else self.sudo()

    def _check_stage(self, stage):
        if stage.category != "cancelled":
            for case in self.filtered(lambda case: case.sudo().merged_into_id):
                raise UserError(
                    self.env._(
                        "%(case)s was merged into %(target)s: go on there.",
                        case=case.display_name,
                        target=case.sudo().merged_into_id.display_name,
                    )
                )
        return super()._check_stage(stage)

    def _stage_events(self, before):
        if self[:1].stage_category != "cancelled":
            # what it was merged into was deleted, and it is the one that goes on
            self.filtered("told_twice").write({"told_twice": False})
        return super()._stage_events(before)

    def action_open_merged(self):
        """The case that this one was merged into."""
        self.ensure_one()
        return self.merged_into_id._get_records_action()


class CareLinkedMixin(models.AbstractModel):
    _inherit = "care.linked.mixin"

    def _merge_to(self, target):
        """Let these rows be about ``target`` from now on."""
        if self:
            self.write({"case_id": target.id})


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    def _merge_key(self):
        """What makes two planned rows of one case the same one."""
        self.ensure_one()
        return (
            *(self.policy_id.id, self.step_id.id, self.occurrence, self.occurrence_try),
            *(self.repetition, self.sale_line_id.id),
        )


def _words(text):
    """The words of a subject that say something."""
    return {word for word in re.findall(r"\w+", (text or "").lower()) if len(word) > 3}
