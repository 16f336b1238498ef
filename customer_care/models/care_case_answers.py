"""The customer's word after a case is resolved: yes, no, a person, silence, and too late."""

from datetime import datetime, timedelta

from odoo import fields, models

from .care_followup import ALIVE

#: What is kept of what a customer types into a short field.
SHORT = 100
#: kind of notice -> the method that tells it, and returns the rows that were told
TOLD_HERE = {
    "case_reminder": "_tell_reminder",
    "case_silent": "_tell_silence",
    "case_person": "_tell_person",
}


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_reminder_days = fields.Integer(
        "Remind After",
        default=3,
        help="Days after which a customer who has not said whether it is solved is asked once "
        "more by mail. 0: never.",
    )
    care_silence_days = fields.Integer(
        "Close Silent Cases After",
        default=7,
        help="Days after the check-back call after which a case is closed when its customer still "
        "has not answered. 0: never.",
    )
    care_reopen_days = fields.Integer(
        "Reopen Within",
        default=30,
        help="Days in which “it is not solved” reopens a closed case; later it opens a new one "
        "that follows on from it.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_reminder_days = fields.Integer(related="company_id.care_reminder_days", readonly=False)
    care_silence_days = fields.Integer(related="company_id.care_silence_days", readonly=False)
    care_reopen_days = fields.Integer(related="company_id.care_reopen_days", readonly=False)


class CareNotice(models.Model):
    _inherit = "care.notice"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[
            ("case_reminder", "Is it solved? Asked again"),
            ("case_silent", "Closed: the customer did not answer"),
            ("case_person", "Wants to talk to a person: tell the owner"),
        ],
        ondelete={name: "cascade" for name in ("case_reminder", "case_silent", "case_person")},
    )

    def _run_due(self):
        asking = self.filtered(lambda row: row.kind in ("case_reminder", "case_silent"))
        answered = asking._whose_customer_wrote()
        answered._cancel_due()
        later = (asking - answered).filtered("case_id.followup_ids")._wait_for_the_call()
        return super(CareNotice, self - answered - later)._run_due()

    def _whose_customer_wrote(self):
        """Rows whose customer has written since the case was resolved: they are not silent."""
        rows = self.filtered("case_id.resolved_at")
        if not rows:
            return rows
        messages = self.env["mail.message"].search_fetch(
            [
                ("model", "=", "care.case"),
                ("res_id", "in", rows.case_id.ids),
                ("message_type", "in", ("email", "comment")),
                ("author_id", "!=", False),
                ("date", ">=", min(rows.case_id.mapped("resolved_at"))),
            ],
            ["res_id", "date", "author_id"],
        )
        by_case = messages.grouped("res_id")

        def wrote(row):
            case = row.case_id
            return any(
                message.date >= case.resolved_at
                and message.author_id.commercial_partner_id == case.commercial_partner_id
                for message in by_case.get(case.id, ())
            )

        return rows.filtered(wrote)

    def _wait_for_the_call(self):
        """Rows whose check-back call was moved: the customer is given the same time after it."""
        moved = self.browse()
        for row in self.filtered(lambda row: row.kind == "case_silent"):
            calls = row.case_id.followup_ids.filtered(lambda call: call.check_back)
            days = [call.date_due for call in calls if call.state in ALIVE]
            wait = timedelta(days=row.company_id.care_silence_days)
            moment = days and datetime.combine(max(days), row.next_at.time()) + wait
            if moment and moment > self.env.cr.now():
                row.next_at = moment
                moved |= row
        moved._trigger_due()
        return moved

    def _is_true(self):
        if self.kind in ("case_reminder", "case_silent"):
            case = self.case_id
            return (
                case.stage_category == "resolved"
                and case.cycle == self.occurrence
                and not case.customer_answer
            )
        if self.kind == "case_person":
            return self.case_id.stage_category in ("open", "waiting")
        return super()._is_true()

    def _tell(self):
        mine = self.filtered(lambda row: row.kind in TOLD_HERE)
        result = super(CareNotice, self - mine)._tell()
        for (kind, company), rows in mine.grouped(lambda row: (row.kind, row.company_id)).items():
            told = getattr(rows.with_company(company), TOLD_HERE[kind])()
            told.write({"state": "done", "next_at": False, "error": False})
            told._after_told(kind)
        return result

    def _tell_reminder(self):
        """Ask once more; who cannot be reached by mail is called."""
        told = self._mail_customer(self.env.ref("customer_care.mail_template_case_reminder"))
        (self - told)._cancel_due({"error": self.env._("The customer has no e-mail address.")})
        return told

    def _tell_silence(self):
        """Close by policy: asked by mail and by phone, the customer has not answered."""
        self.case_id._close_silent()
        return self

    def _tell_person(self):
        """An activity of today: somebody is waiting to be called."""
        kind = "customer_care.mail_activity_type_person"
        activities = self.env["mail.activity"]
        asked = activities.search(
            [
                ("res_model", "=", "care.case"),
                ("res_id", "in", self.case_id.ids),
                ("activity_type_id", "=", self.env.ref(kind).id),
            ]
        )
        waiting = set(asked.mapped("res_id"))

        def say(case):
            return {
                "summary": case.env._("%s wants to talk to a person", case.partner_id.name),
                "note": case.env._(
                    "Call %(phone)s, %(when)s.",
                    phone=case.callback_phone or case.partner_phone or "–",
                    when=case.callback_when or case.env._("at any time"),
                ),
            }

        activities._care_tell(
            kind,
            ((case, case.owner_id, say) for case in self.case_id if case.id not in waiting),
        )
        return self


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    @property
    def _care_engine_fields(self):
        ours = {"closed_silently", "callback_phone", "callback_when", "previous_id"}
        return super()._care_engine_fields | ours

    customer_answer = fields.Selection(
        selection_add=[("person", "Wants to talk to a person")],
        ondelete={"person": "set null"},
    )
    closed_silently = fields.Boolean(
        "Closed Without an Answer",
        readonly=True,
        copy=False,
        groups="base.group_user",
        help="Closed by policy: the customer did not answer.",
    )
    callback_phone = fields.Char(
        "Call Back At", readonly=True, copy=False, groups="base.group_user"
    )
    callback_when = fields.Char("Call Back", readonly=True, copy=False, groups="base.group_user")
    previous_id = fields.Many2one(
        "care.case",
        "Follows On From",
        readonly=True,
        copy=False,
        ondelete="set null",
        groups="base.group_user",
        help="The closed case that its customer says is not solved.",
    )
    next_ids = fields.One2many("care.case", "previous_id", "Followed By", groups="base.group_user")

    _previous_uniq = models.UniqueIndex(
        "(previous_id) WHERE previous_id IS NOT NULL",
        "This case has one that follows on from it already.",
    )

    # ------------------------------------------------------------
    # Content or not
    # ------------------------------------------------------------

    def _unhappy(self):
        """The ones among these cases whose customers were not content with the solution; for
        addons that ask them."""
        return self.filtered(lambda case: case.cycle > 1 or case.customer_answer == "no")

    def _turned_unhappy(self):
        """The customers of these cases, as superuser, have just said that they are not content,
        maybe long after closing; for addons that have counted them as content."""

    # ------------------------------------------------------------
    # Silence
    # ------------------------------------------------------------

    def _stage_events(self, before):
        if self[:1].stage_category in ("open", "waiting"):
            again = self.filtered(lambda case: before[case] not in ("open", "waiting"))
            again.filtered("closed_silently").write({"closed_silently": False})
        return super()._stage_events(before)

    def _care_notify(self, event):
        notices = self.env["care.notice"]
        if event == "case_resolved":
            self.filtered(lambda case: case._care_covered())._plan_silence()
        elif event in ("case_reopened", "case_closed"):
            notices._cancel_of(self, ["case_reminder", "case_silent"])
        return super()._care_notify(event)

    def _plan_silence(self):
        """Ask once more later, and close in the end, unless the customer answers before."""
        now = self.env.cr.now()
        calls = self.env["care.followup"].sudo()
        calls = calls.search(
            [
                ("case_id", "in", self.ids),
                ("check_back", "!=", False),
                ("state", "in", ALIVE),
            ]
        )
        call_at = {call.case_id: datetime.combine(call.date_due, now.time()) for call in calls}
        remind, close = {}, {}
        for case in self:
            company = case.company_id
            if company.care_reminder_days and case.kind != "compliment":
                remind[case] = now + timedelta(days=company.care_reminder_days)
            if company.care_silence_days:
                start = max(now, call_at.get(case, now))
                close[case] = start + timedelta(days=company.care_silence_days)
                # never closed before the question was asked again
                if case in remind:
                    close[case] = max(close[case], remind[case] + timedelta(days=1))
        self.env["care.notice"]._announce_at("case_reminder", remind)
        self.env["care.notice"]._announce_at("case_silent", close)

    def _close_silent(self):
        """Close these cases, as superuser: their customers did not answer."""
        self._enter_category("closed")
        closed = self.filtered(lambda case: case.stage_category == "closed")
        closed.write({"closed_silently": True})
        closed._message_log_batch(
            bodies={
                case.id: case.with_context(lang=case.owner_id.lang).env._(
                    "Closed: the customer did not answer."
                )
                for case in closed
            }
        )

    # ------------------------------------------------------------
    # The customer's word
    # ------------------------------------------------------------

    def _customer_answers(self, answer, text="", author=None, phone="", when="", late=False):
        """Besides yes and no: ``person`` asks to be called, and ``no`` and ``person`` are heard
        of a closed case too.

        :param str phone: where to call back
        :param str when: when they can be reached, in their words
        :param bool late: whether they know that it is closed: an old page, sent once more after
            their answer, changes nothing
        """
        self.ensure_one()
        # sudo: the customer's word is taken by the engine; the route checked the token
        case = self.sudo()
        if late and case.stage_category == "closed" and answer in ("no", "person"):
            return case._answers_late(answer, text, author, phone, when)
        if answer != "person":
            return super()._customer_answers(answer, text, author)
        if case.stage_category not in ("open", "waiting", "resolved"):
            return False
        case._wants_person(text, author, phone, when)
        return True

    def _wants_person(self, text, author, phone, when):
        """Its owner calls today; what was resolved is open again."""
        phone, when = (phone or "").strip()[:SHORT], (when or "").strip()[:SHORT]
        self.write(
            {
                "callback_phone": phone,
                "callback_when": when,
                "customer_answer": "person",
                "customer_answer_at": self.env.cr.now(),
            }
        )
        lines = [(text or "").strip() or self.env._("I want to talk to a person.")]
        if phone:
            lines.append(self.env._("Phone: %s", phone))
        if when:
            lines.append(self.env._("Best reached: %s", when))
        self._post_customers_words("\n".join(lines), author)
        if self.stage_category not in ("open", "waiting"):
            self._enter_category("open")
        notices = self.env["care.notice"]
        about = [("kind", "=", "case_person"), ("case_id", "=", self.id)]
        if not notices.search_count([*about, ("state", "=", "planned")], limit=1):
            notices._announce_again("case_person", self)

    def _answers_late(self, answer, text, author, phone, when):
        """A closed case is not solved after all: open again, or a new one when it is long ago."""
        case = self
        if not case._may_reopen():
            if case.next_ids or case.anonymized_at:
                return False
            case = case.create(case._prepare_next_vals(text))
        if answer == "person":
            case._wants_person(text, author, phone, when)
        elif case == self:
            case._post_customers_words(text or self.env._("No, it is not solved."), author)
            case.write({"customer_answer": "no", "customer_answer_at": self.env.cr.now()})
            case._reopen_by_customer()
        return True

    def _may_reopen(self):
        """Whether “it is not solved” opens this case again."""
        self.ensure_one()
        if self.stage_category == "resolved":
            return True
        days = self.company_id.care_reopen_days
        closed = self.closed_at or self.stage_since
        return (
            self.stage_category == "closed"
            and bool(days and closed)
            and closed + timedelta(days=days) >= self.env.cr.now()
        )

    def _reopen_by_customer(self):
        """The customer writes, by whatever way, about these cases as if they were not solved.

        For whoever takes in the customer's words (a mail, the page): posting them is theirs.

        :return: the cases that are open again; those that were not resolved, or closed too long
            ago, are left as they are
        """
        # sudo: the customer's word is taken by the engine
        cases = self.sudo().filtered(lambda case: case._may_reopen())
        if cases:
            cases._enter_category("open")
            self.env["care.notice"]._announce("case_reopened", cases)
        return cases.sudo(self.env.su)

    def _prepare_next_vals(self, text):
        """A new case about what was not solved after all."""
        return {
            "name": self.name,
            "description": (text or "").strip()
            or self.env._("Case %s is not solved after all.", self.number),
            "kind": self.kind,
            "category_id": self.category_id.id,
            "severity": self.severity,
            "team_id": self.team_id.id,
            "channel": "portal",
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "order_id": self.order_id.id,
            "journey_id": self.journey_id.id,
            "product_id": self.product_id.id,
            "confidential": self.confidential,
            "previous_id": self.id,
        }


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    def _consequence(self):
        result = super()._consequence()
        satisfied = self.env.ref("customer_care.outcome_satisfied", raise_if_not_found=False)
        # sudo: who makes the call hears the answer, whoever has the case now
        case = self.sudo().case_id
        if self.check_back and self.outcome_id == satisfied and case.stage_category == "resolved":
            case._customer_answers("yes", self.feedback or "")
        return result
