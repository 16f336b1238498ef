"""Danger to people: told at once, seen by everybody, closed by a leader's word."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

LEADER = "customer_care.group_leader"
CRITICAL = "3"


class ResCompany(models.Model):
    _inherit = "res.company"  # pylint: disable=consider-merging-classes-inherited

    care_safety_user_id = fields.Many2one(
        "res.users",
        "Safety Contact",
        domain="[('share', '=', False), ('company_ids', 'in', id)]",
        help="Is told at once, beside the team leader, of every case that is a danger to people.",
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"  # pylint: disable=consider-merging-classes-inherited

    care_safety_user_id = fields.Many2one(related="company_id.care_safety_user_id", readonly=False)


class CareCategory(models.Model):
    _inherit = "care.category"  # pylint: disable=consider-merging-classes-inherited

    safety = fields.Boolean(
        "Danger to People", help="Cases of this category are a danger to people from the start."
    )


class CareNotice(models.Model):
    _inherit = "care.notice"  # pylint: disable=consider-merging-classes-inherited

    kind = fields.Selection(
        selection_add=[
            ("case_safety", "Danger: tell the leader"),
            ("case_safety_word", "Danger: the leader's word is asked"),
        ],
        ondelete={"case_safety": "cascade", "case_safety_word": "cascade"},
    )

    def _is_true(self):
        if self.kind == "case_safety":
            # however its case has ended: a danger is heard of. Of a case that was made one with
            # another, that one tells.
            return self.case_id.safety and not self.case_id.merged_into_id
        if self.kind == "case_safety_word":
            return self.case_id._waits_for_word() and self.case_id.stage_category == "resolved"
        return super()._is_true()

    def _tell(self):
        mine = self.filtered(lambda row: row.kind in ("case_safety", "case_safety_word"))
        result = super(CareNotice, self - mine)._tell()
        if mine:
            mine._tell_of_danger()
            mine.write({"state": "done", "next_at": False, "error": False})
        return result

    def _tell_of_danger(self):
        """An activity of today for the team leader and the company's safety contact."""

        def raised(case):
            return {"summary": case.env._("Danger to people: look at it now")}

        def solved(case):
            return {"summary": case.env._("The customer says it is solved: may it be closed?")}

        told = []
        for row in self:
            case, company = row.case_id, row.company_id
            readers = case._present(case.team_id.leader_id or case.owner_id, case.team_id)
            if row.kind == "case_safety" and company.care_safety_user_id:
                readers |= case._present(company.care_safety_user_id, case.team_id)
            say = raised if row.kind == "case_safety" else solved
            told += [(case, user, say) for user in readers]
        self.env["mail.activity"]._care_tell("customer_care.mail_activity_type_safety", told)


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    safety = fields.Boolean(
        "Danger to People",
        tracking=True,
        copy=False,
        groups="base.group_user",
        help="Critical at least; the team leader and the company's safety contact are told at "
        "once, and it is closed only when what was done is written down and a leader has agreed.",
    )
    safety_cleared_by_id = fields.Many2one(
        "res.users", "Danger Ended, Says", readonly=True, copy=False, groups="base.group_user"
    )
    safety_cleared_at = fields.Datetime(
        "Danger Ended On", readonly=True, copy=False, groups="base.group_user"
    )

    _safety_idx = models.Index("(company_id, received_at DESC) WHERE safety IS TRUE")

    @property
    def _care_engine_fields(self):
        return super()._care_engine_fields | {"safety_cleared_by_id", "safety_cleared_at"}

    @api.onchange("category_id", "safety")
    def _onchange_safety(self):
        for case in self:
            case.safety = case.safety or case.category_id.safety
            if case.safety:
                case.severity = CRITICAL

    def _complete_vals(self, vals_list):
        result = super()._complete_vals(vals_list)
        # sudo: what the given category says
        categories = self.env["care.category"].sudo()
        for vals in vals_list:
            if vals.get("category_id") and categories.browse(vals["category_id"]).safety:
                vals["safety"] = True
            if vals.get("safety"):
                vals["severity"] = CRITICAL
        return result

    def _after_create(self):
        result = super()._after_create()
        self.sudo().filtered("safety")._tell_safety()
        return result

    def write(self, vals):
        if not {"safety", "severity", "category_id"} & set(vals):
            return super().write(vals)
        vals = dict(vals)
        # sudo: what the given category says
        category = self.env["care.category"].sudo().browse(vals.get("category_id") or [])
        if category.safety:
            vals["safety"] = True
        if vals.get("safety"):
            vals["severity"] = CRITICAL
        # sudo: what they are now, to compare
        before = self.sudo().filtered("safety")
        if vals.get("safety", True) and before and vals.get("severity", CRITICAL) != CRITICAL:
            raise UserError(
                self.env._(
                    "%s is a danger to people, so it stays critical. Take the danger off first.",
                    before[0].display_name,
                )
            )
        if "safety" in vals and not vals["safety"] and before:
            self._check_may_clear()
        result = super().write(vals)
        if "safety" in vals and not vals["safety"] and before:
            self.env["care.notice"]._cancel_of(before, ["case_safety"])
        if vals.get("safety"):
            new = self.sudo() - before
            new.write({"safety_cleared_by_id": False, "safety_cleared_at": False})
            new._tell_safety()
        return result

    def _tell_safety(self):
        """Tell of these dangers, as superuser: each time that one is raised."""
        # each raising is told anew
        self.env["care.notice"]._announce_again(
            "case_safety", self.filtered(lambda case: case._care_covered())
        )

    # ------------------------------------------------------------
    # The leader's word
    # ------------------------------------------------------------

    def _check_may_clear(self):
        """Refuse somebody who does not lead the cases' team."""
        user = self.env.user
        if self.env.su or user.has_group("customer_care.group_manager"):
            return
        # sudo: who leads, whoever asks
        if not user.has_group(LEADER) or any(
            case.team_id and case.team_id.leader_id != user for case in self.sudo()
        ):
            raise AccessError(
                self.env._("Only the team leader or a manager says that the danger is over.")
            )

    def action_clear_safety(self):
        """A leader's word: what was done is enough. Closes what the customer has confirmed."""
        self.check_access("write")
        self._check_may_clear()
        # sudo: the engine's fields; rights checked above
        cases = self.sudo().filtered("safety")
        if not cases:
            raise UserError(self.env._("Nothing here is marked as a danger to people."))
        for case in cases:
            if not (case.resolution or "").strip():
                raise UserError(self.env._("Write what was done for %s first.", case.display_name))
        cases.write({"safety_cleared_by_id": self.env.uid, "safety_cleared_at": self.env.cr.now()})
        cases.activity_unlink(["customer_care.mail_activity_type_safety"])
        confirmed = cases.filtered(
            lambda case: case.stage_category == "resolved" and case.customer_answer == "yes"
        )
        if confirmed:
            confirmed._enter_category("closed")
        return True

    def _waits_for_word(self):
        """Whether a leader still has to agree before it is closed."""
        self.ensure_one()
        return self.safety and not self.safety_cleared_at

    def _check_stage(self, stage):
        if stage.category == "closed":
            for case in self.sudo():
                if case._waits_for_word() or case.safety and not (case.resolution or "").strip():
                    raise UserError(
                        self.env._(
                            "%s is a danger to people: it is closed when what was done is "
                            "written down and the team leader has pressed “Danger Is Over”.",
                            case.display_name or self.env._("This case"),
                        )
                    )
        elif stage.category == "cancelled":
            # what is made one with another case is a danger there
            for case in self.sudo().filtered(lambda case: not case.merged_into_id):
                if case._waits_for_word():
                    raise UserError(
                        self.env._(
                            "%s is a danger to people: it is cancelled when the team leader has "
                            "taken the danger off, or has pressed “Danger Is Over”.",
                            case.display_name or self.env._("This case"),
                        )
                    )
        return super()._check_stage(stage)

    def _stage_events(self, before):
        if self[:1].stage_category in ("open", "waiting"):
            again = self.filtered(
                lambda case: case.safety_cleared_at and before[case] not in ("open", "waiting")
            )
            again.write({"safety_cleared_by_id": False, "safety_cleared_at": False})
        return super()._stage_events(before)

    def _customer_answers(self, answer, text="", author=None, **kwargs):
        # sudo: the customer's word is taken by the engine; the route checked the token
        case = self.sudo()
        if answer == "yes" and case.stage_category == "resolved" and case._waits_for_word():
            if case.customer_answer == "yes":
                return False
            case.write({"customer_answer": "yes", "customer_answer_at": self.env.cr.now()})
            case._post_customers_words(text or self.env._("Yes, it is solved. Thank you."), author)
            self.env["care.notice"]._announce("case_safety_word", case)
            return True
        return super()._customer_answers(answer, text, author, **kwargs)

    def _close_silent(self):
        waiting = self.filtered(lambda case: case._waits_for_word())
        self.env["care.notice"]._announce("case_safety_word", waiting)
        return super(CareCase, self - waiting)._close_silent()
