"""Confidential cases: for their group and their owner alone.

Whatever hangs on a case carries a record rule that asks :meth:`ResUsers._care_confidential_domain`;
what Odoo shows beside its record rules (messages, activities, followers, mails, names) is seen to
here.
"""

from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from .care_action import UNFINISHED
from .care_due_mixin import ENGINE
from .care_handoff import WAITING

GROUP = "customer_care.group_confidential"
#: By which fields our records belong to a case, or to a follow-up that may be of one.
CASE_LINKS = ("case_id", "followup_id")


class ResUsers(models.Model):
    _inherit = "res.users"  # pylint: disable=consider-merging-classes-inherited

    def _care_sees_confidential(self):
        """Whether confidential cases are this user's business: a customer's own case is."""
        self.ensure_one()
        return self.share or self.has_group(GROUP)

    def _care_confidential_domain(self, *paths):
        """What a record rule of a case, or of what hangs on one, lets this user see.

        :param paths: dotted names of fields that lead from the rule's model to a case; without
            one the model is the case itself
        :return: a domain as a list, for a rule's ``domain_force``
        """
        self.ensure_one()
        if self._care_sees_confidential():
            return [(1, "=", 1)]
        if not paths:
            return ["|", ("confidential", "=", False), ("owner_id", "=", self.id)]
        domain = []
        for path in paths:
            hidden = [("confidential", "=", True), ("owner_id", "!=", self.id)]
            first, *rest = path.split(".")
            for name in reversed(rest):
                hidden = [(name, "any", hidden)]
            domain.append((first, "not any", hidden))
        return ["&"] * (len(domain) - 1) + domain

    def _care_confidential_fact_domain(self):
        """The same for facts, which outlive their case and say then what they are."""
        self.ensure_one()
        if self._care_sees_confidential():
            return [(1, "=", 1)]
        # the case is asked while it is there: a fact that is written while it is being sealed
        # does not know of it
        return [
            "&",
            "|",
            ("confidential", "=", False),
            ("case_id", "!=", False),
            *self._care_confidential_domain("case_id"),
        ]

    def _care_confidential_action_domain(self):
        """The same for actions: hidden is what came from confidential cases alone."""
        self.ensure_one()
        if self._care_sees_confidential():
            return [(1, "=", 1)]
        hidden = [("confidential", "=", True), ("owner_id", "!=", self.id)]
        shown = ["|", ("confidential", "=", False), ("owner_id", "=", self.id)]
        return [
            "|",
            ("case_ids", "not any", hidden),
            ("case_ids", "any", shown),
        ]

    def _care_hidden_cases(self):
        """Ids of the confidential cases that this user may not know of: few, by an index."""
        self.ensure_one()
        if self._care_sees_confidential():
            return []
        self.env["care.case"].flush_model(["confidential", "owner_id"])
        rows = self.env.execute_query(
            SQL("SELECT id FROM care_case WHERE confidential AND owner_id <> %s", self.id)
        )
        return [row_id for (row_id,) in rows]


class CareCase(models.Model):
    _inherit = "care.case"  # pylint: disable=consider-merging-classes-inherited

    confidential = fields.Boolean(
        tracking=True,
        copy=False,
        groups="base.group_user",
        help="For the group “Confidential cases” and the owner alone, with all that hangs on it. "
        "The customer sees their own case as before.",
    )
    may_unseal = fields.Boolean(compute="_compute_may_unseal", groups="base.group_user")

    # as Odoo writes it: PostgreSQL does not see that the one says the other
    _confidential_idx = models.Index("(owner_id, id) WHERE confidential IS TRUE")

    @api.depends_context("uid")
    def _compute_may_unseal(self):
        self.may_unseal = self.env.user.has_group(GROUP)

    @api.depends("confidential", "owner_id")
    @api.depends_context("uid")
    def _compute_display_name(self):
        super()._compute_display_name()
        if self.env.user._care_sees_confidential():
            return
        for case in self:
            # sudo: what must not be told, whoever reads the name of what points here
            secret = case.sudo()
            if secret.confidential and secret.owner_id != self.env.user:
                case.display_name = secret.number

    # ------------------------------------------------------------
    # Sealing
    # ------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        sealed = any(vals.get("confidential") for vals in vals_list)
        if sealed and not self.env.su and not self.env.user.has_group(GROUP):
            raise UserError(
                self.env._(
                    "Register it first, then press “Confidential”: you will not see it then."
                )
            )
        cases = super().create(vals_list)
        cases.sudo().filtered("confidential")._seal()
        return cases

    def write(self, vals):
        if "confidential" not in vals:
            return super().write(vals)
        # sudo: whether something changes
        changed = self.filtered(lambda case: case.sudo().confidential != bool(vals["confidential"]))
        if changed and not vals["confidential"] and not self.env.su:
            self._check_may_unseal()
        result = super().write(vals)
        if changed:
            self.env["care.fact"]._seal(changed, bool(vals["confidential"]))
            if vals["confidential"]:
                # sudo: the person may write the case; what follows is the engine's
                changed.sudo()._seal()
        return result

    def action_seal(self):
        """Confidential from now on; whoever may not see it any more goes back to the register."""
        self.check_access("write")
        self.write({"confidential": True})
        return self._led_back() or True

    def _led_back(self):
        """Where somebody goes who does not see these cases any more; False if they do."""
        if len(self._filtered_access("read")) == len(self):
            return False
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "It is confidential now, and with somebody who may see it. You do not see it "
                    "any more."
                ),
                "next": self.env["ir.actions.act_window"]._for_xml_id(
                    "customer_care.care_case_action"
                ),
            },
        }

    def action_unseal(self):
        """Not confidential any more."""
        self.check_access("write")
        self._check_may_unseal()
        self.write({"confidential": False})

    def _check_may_unseal(self):
        if not self.env.user.has_group(GROUP):
            raise AccessError(
                self.env._("Only the group “Confidential cases” decides that a case is not one.")
            )

    def _seal(self):
        """Take these cases, as superuser, out of the hands of those who may not see them."""
        for case in self:
            # who has it stays only if it is their business
            if case.owner_id._care_sees_confidential():
                continue
            owner = case._confidential_owner()
            if not owner:
                raise UserError(
                    self.env._(
                        "Nobody in %(company)s may see confidential cases: add somebody to the "
                        "group “Confidential cases” in Settings → Users first.",
                        company=case.company_id.name,
                    )
                )
            case._set_owner(owner, chosen=True)
        self._renew_links()
        # a provider is not told by itself any more: whoever has it presses the button
        self.env["care.notice"]._cancel_of(self, ["case_provider"])
        self._shut_out()

    def _renew_links(self):
        """Links given out so far lead nowhere: somebody of ours may have kept one. The next mail
        to the customer carries a new one.
        """
        cases, merged = self, self.merged_ids
        while merged:
            # they lead on to the case that they were merged into
            cases |= merged
            merged = merged.merged_ids - cases
        cases.write({"access_token": False})

    def _merge_into(self, target):
        merged = super()._merge_into(target)
        # sudo: whether it is confidential; the merging was by right
        sealed = target.sudo()
        if sealed.confidential:
            sealed._renew_links()
        return merged

    def _may_be_told(self, user):
        """Whether ``user`` may know of this case as far as confidentiality goes."""
        self.ensure_one()
        # sudo: whether it is confidential, and which groups somebody has
        case, user = self.sudo(), user.sudo()
        return not case.confidential or user == case.owner_id or user._care_sees_confidential()

    def _confidential_owner(self, leaving=()):
        """Somebody who may have it: its owner, the team, the group; empty if there is nobody."""
        self.ensure_one()
        case = self.sudo()
        group = self.env["ir.model.data"]._xmlid_to_res_id(GROUP)
        members = self.env["res.groups"].sudo().browse(group).all_user_ids
        team = case.team_id.leader_id | case.team_id.member_ids
        ordered = (case.owner_id & members) | (team & members).sorted("id") | members.sorted("id")
        fit = ordered.filtered(
            lambda user: user not in leaving and case._may_own(user, case.company_id)
        )
        there = fit.filtered(lambda user: not user.care_is_away)
        return (there or fit)[:1].sudo(self.env.su)

    def _shut_out(self):
        """Followers, notifications, activities and planned work of these cases, as superuser,
        leave those who may not see them.
        """
        for case in self.filtered("confidential"):
            case._shut_out_one()

    def _shut_out_one(self):
        def barred(users):
            return users.filtered(lambda user: not user.share and not self._may_be_told(user))

        told_of = Domain.FALSE
        for records in self._about():
            if "message_ids" in records._fields:
                told_of |= Domain("model", "=", records._name) & Domain("res_id", "in", records.ids)
                for record in records:
                    strangers = barred(record.message_partner_ids.user_ids).partner_id
                    if strangers:
                        record.message_unsubscribe(partner_ids=strangers.ids)
            activities = records.activity_ids.filtered(lambda activity: barred(activity.user_id))
            activities.with_context(mail_activity_quick_update=True).write(
                {"user_id": self.owner_id.id}
            )
        messages = self.env["mail.message"].search(told_of)
        notes = messages.notification_ids
        told = notes.filtered(lambda note: barred(note.res_partner_id.user_ids))
        told.unlink()
        for message in messages:
            named = barred((message.partner_ids | message.starred_partner_ids).user_ids)
            if named:
                gone = [fields.Command.unlink(partner.id) for partner in named.partner_id]
                message.write({"partner_ids": gone, "starred_partner_ids": gone})
        rows = self.followup_ids.filtered(lambda row: row.next_at or row.state == "open")
        rows.filtered(lambda row: barred(row.user_id)).write({"user_id": self.owner_id.id})
        asked = self.handoff_ids.filtered(lambda row: row.state in WAITING)
        asked.filtered(lambda row: barred(row.to_user_id | row.from_user_id))._close("withdrawn")
        promises = self.env["care.promise"].search(
            [("case_id", "=", self.id), ("done_at", "=", False)]
        )
        promises.filtered(lambda row: barred(row.user_id)).write({"user_id": self.owner_id.id})
        self.action_ids._keep_sealed()

    def _about(self):
        """What tells of these cases in its own chatter or activities: they and, a recordset a
        model, what hangs on them; as superuser.
        """
        found = [self.sudo()]
        for name in self.env["mail.activity"]._about_cases():
            if name == self._name:
                continue
            # sudo: whether or not the person may read it
            model = self.env[name].sudo().with_context(active_test=False)
            domain = Domain.FALSE
            for link in CASE_LINKS:
                field = model._fields.get(link)
                if field:
                    path = link if field.comodel_name == self._name else f"{link}.case_id"
                    domain |= Domain(path, "in", self.ids)
            records = model.search(domain)
            if records:
                found.append(records)
        return found

    # ------------------------------------------------------------
    # Who may have it
    # ------------------------------------------------------------

    def _check_may_own(self, user):
        result = super()._check_may_own(user)
        for case in self:
            if not case._may_be_told(user):
                raise UserError(
                    self.env._(
                        "%(user)s may not see confidential cases. Choose somebody of the group "
                        "“Confidential cases”.",
                        user=user.sudo().name,
                    )
                )
        return result

    def _present(self, user, team, leaving=()):
        found = super()._present(user, team, leaving)
        # sudo: whoever causes the change
        if not self.sudo().confidential or self._may_be_told(found):
            return found
        return self._confidential_owner(leaving) or found

    def _owner_changed(self, owner):
        result = super()._owner_changed(owner)
        self.sudo()._shut_out()
        return result

    # ------------------------------------------------------------
    # Mail
    # ------------------------------------------------------------

    def message_subscribe(self, partner_ids=None, subtype_ids=None):
        # sudo: whether it is confidential
        sealed = self.sudo().filtered("confidential")
        if sealed and partner_ids:
            partners = self.env["res.partner"].sudo().browse(partner_ids)
            allowed = partners.filtered(
                lambda partner: all(
                    user.share or all(case._may_be_told(user) for case in sealed)
                    for user in partner.user_ids
                )
            )
            partner_ids = allowed.ids
            if not partner_ids:
                return True
        return super().message_subscribe(partner_ids, subtype_ids)

    def _notify_get_recipients(self, message, msg_vals=False, **kwargs):
        recipients = super()._notify_get_recipients(message, msg_vals=msg_vals, **kwargs)
        return self._who_may_be_told(recipients)

    def _who_may_be_told(self, recipients):
        """Those of the recipients of a message about these cases who may know of them.

        :param recipients: as of ``_notify_get_recipients``
        """
        # sudo: whether they are confidential
        sealed = self.sudo().filtered("confidential")
        users = self.env["res.users"]
        return [
            person
            for person in recipients
            if not person["uid"]
            or all(case._may_be_told(users.browse(person["uid"])) for case in sealed)
        ]

    def _notify_thread_by_email(self, message, recipients_data, **kwargs):
        # sudo: whether it is confidential
        if self.sudo().confidential:
            staff = [
                person
                for person in recipients_data
                if person["notif"] == "email" and person["uid"] and not person["ushare"]
            ]
            recipients_data = [person for person in recipients_data if person not in staff]
            self._mail_without_words(staff)
        return super()._notify_thread_by_email(message, recipients_data, **kwargs)

    def _mail_without_words(self, people):
        """Tell our own people by mail that there is news, and not what it says."""
        # sudo: mails of the engine
        self.env["mail.mail"].sudo().create(
            [
                {
                    "subject": mine.env._("News about case %s", self.sudo().number),
                    "body_html": mine.env["ir.qweb"]._render(
                        "customer_care.mail_confidential",
                        {
                            "number": self.sudo().number,
                            "url": f"{self.get_base_url()}/odoo/cases/{self.id}",
                        },
                    ),
                    "recipient_ids": [fields.Command.link(person["id"])],
                    "email_from": self.sudo().company_id.email_formatted
                    or self.env.user.email_formatted,
                    "auto_delete": True,
                }
                for person in people
                for mine in [self.with_context(lang=person["lang"] or self.env.lang)]
            ]
        )

    def _notify_by_web_push_prepare_payload(self, message, msg_vals=False, force_record_name=False):
        payload = super()._notify_by_web_push_prepare_payload(
            message, msg_vals=msg_vals, force_record_name=force_record_name
        )
        # sudo: whether it is confidential
        if self.sudo().confidential:
            payload["title"] = self.env._("News about case %s", self.sudo().number)
            payload["options"]["body"] = ""
        return payload


class CareFollowup(models.Model):
    _inherit = "care.followup"  # pylint: disable=consider-merging-classes-inherited

    def _open(self, memo):
        sealed = self.filtered("case_id.confidential")
        for row in sealed:
            user = row.case_id._present(row.user_id, row.case_id.team_id)
            if user != row.user_id:
                row.user_id = user
        result = super()._open(memo)
        for row in sealed.filtered(lambda row: not row.case_id._may_be_told(row.user_id)):
            row.user_id = row.case_id.owner_id
        return result

    def _that_may_go_to(self, user):
        return (
            super()
            ._that_may_go_to(user)
            .filtered(lambda row: not row.case_id.confidential or row.case_id._may_be_told(user))
        )

    def _open_case(self):
        case = super()._open_case()
        # sudo: what is found on a call about something confidential is so too
        if self.sudo().case_id.confidential and not case.sudo().confidential:
            case.sudo().write({"confidential": True})
        return case


class CarePromise(models.Model):
    _inherit = "care.promise"  # pylint: disable=consider-merging-classes-inherited

    def _present(self, user, leaving=()):
        case = self.case_id or self.followup_id.case_id
        if case.sudo().confidential:
            return case.sudo()._present(user, self.team_id, leaving)
        return super()._present(user, leaving)

    def _who_is_there(self, memo):
        # sudo: which case it is of
        case = self.sudo().case_id or self.sudo().followup_id.case_id
        return self._present(self.user_id) if case.confidential else super()._who_is_there(memo)

    def _notify_get_recipients(self, message, msg_vals=False, **kwargs):
        recipients = super()._notify_get_recipients(message, msg_vals=msg_vals, **kwargs)
        # sudo: which case it is of
        promise = self.sudo()
        return (promise.case_id | promise.followup_id.case_id)._who_may_be_told(recipients)


class CareRemedy(models.Model):
    _inherit = "care.remedy"  # pylint: disable=consider-merging-classes-inherited

    def _notify_get_recipients(self, message, msg_vals=False, **kwargs):
        recipients = super()._notify_get_recipients(message, msg_vals=msg_vals, **kwargs)
        # sudo: which case it is of
        return self.sudo().case_id._who_may_be_told(recipients)


class CareAction(models.Model):
    """What is done about confidential cases alone is as confidential as they are."""

    _inherit = "care.action"  # pylint: disable=consider-merging-classes-inherited

    @api.constrains("owner_id", "checker_id", "case_ids")
    def _check_may_be_told(self):
        if self.env.context.get("care_handing_over") is ENGINE:
            return  # see `_keep_sealed`
        for action in self:
            for user in action.owner_id | action.checker_id:
                if not action._may_be_told(user):
                    raise ValidationError(
                        self.env._(
                            "%(user)s may not see confidential cases, from which this action "
                            "comes. Choose somebody of the group “Confidential cases”.",
                            user=user.sudo().name,
                        )
                    )

    def _check_access(self, operation):
        result = super()._check_access(operation)
        if not self.env.su and any(self._ids):
            # the rules have looked at the cases as superuser: not for the person to see
            self.invalidate_recordset(["case_ids"], flush=False)
        return result

    def _may_be_told(self, user):
        """Whether ``user`` may know of this action as far as confidentiality goes."""
        self.ensure_one()
        # sudo: whether its cases are confidential; not read by the field, which would remember
        # for whoever asks what superuser has seen
        cases = self.env["care.case"].sudo().search([("action_ids", "in", self.ids)])
        return not cases or any(case._may_be_told(user) for case in cases)

    def _default_checker(self, team):
        user = super()._default_checker(team)
        return user if self._may_be_told(user) else self._confidential_keeper(self.owner_id)

    def _confidential_keeper(self, leaving=()):
        """Somebody who may have this action, which comes from confidential cases alone."""
        # sudo: who may see them
        case = self.sudo().case_ids[:1]
        return case._confidential_owner(leaving) or case.owner_id

    def _keep_sealed(self):
        """Take these actions, as superuser, out of the hands of those who may not know of them."""
        for action in self:
            for name in ("owner_id", "checker_id"):
                if not action._may_be_told(action[name]):
                    action.with_context(care_handing_over=ENGINE).write(
                        {name: action._confidential_keeper().id}
                    )
            strangers = action.message_partner_ids.user_ids.filtered(
                lambda user, a=action: not a._may_be_told(user)
            )
            action.message_unsubscribe(partner_ids=strangers.partner_id.ids)

    @api.model
    def _hand_over(self, users, leaving):
        mine = self.search(
            [
                ("state", "in", UNFINISHED),
                ("case_ids.confidential", "=", True),
                "|",
                ("owner_id", "in", users.ids),
                ("checker_id", "in", users.ids),
            ]
        )
        result = super()._hand_over(users, leaving)
        mine._keep_sealed()
        return result


class CareDigest(models.Model):
    _inherit = "care.digest"  # pylint: disable=consider-merging-classes-inherited

    def _lines(self):
        lines = super()._lines()
        for line, followup in zip(lines, self._followups(), strict=True):
            if followup.case_id.confidential:
                line.update(
                    customer=followup.case_id.number,
                    name=self.env._("Confidential"),
                    products=False,
                    phone=False,
                )
        return lines


class MailActivity(models.Model):
    _inherit = "mail.activity"  # pylint: disable=consider-merging-classes-inherited

    @api.model_create_multi
    def create(self, vals_list):
        get_id = self.env["ir.model"]._get_id
        names = {get_id(name): name for name in self._about_cases()}
        targets = [
            (vals.get("res_model") or names.get(vals.get("res_model_id")), vals.get("res_id"))
            for vals in vals_list
        ]
        behind = self._cases_behind(targets)
        for vals, target in zip(vals_list, targets, strict=True):
            case = behind.get(target)
            user = self.env["res.users"].browse(vals.get("user_id") or self.env.uid)
            if not case or case._may_be_told(user):
                continue
            if not self.env.su:
                case._check_may_own(user)
            # what the engine tells somebody goes to who may know it
            vals["user_id"] = case.owner_id.id
        return super().create(vals_list)

    @api.model
    def _about_cases(self):
        """Our models whose activities tell of a case, their own or one they belong to."""
        return [
            name
            for name in self.pool.descendants(["mail.activity.mixin"], "_inherit")
            if name == "care.case"
            or (name.startswith("care.") and set(CASE_LINKS) & set(self.pool[name]._fields))
        ]

    @api.model
    def _cases_behind(self, targets):
        """The confidential cases of which activities on these records tell.

        :param targets: pairs (model, id); others than ours are left out
        :return: dict pair -> case, as superuser
        """
        known = set(self._about_cases())
        ids = defaultdict(list)
        for model, res_id in targets:
            if model in known and res_id:
                ids[model].append(res_id)
        found = {}
        for model, res_ids in ids.items():
            # sudo: whether something is confidential
            for record in self.env[model].sudo().browse(res_ids):
                if model == "care.case":
                    cases = record
                else:
                    links = [name for name in CASE_LINKS if name in record._fields]
                    cases = record.env["care.case"]
                    for name in links:
                        linked = record[name]
                        cases |= linked if linked._name == "care.case" else linked.case_id
                if sealed := cases.filtered("confidential")[:1]:
                    found[model, record.id] = sealed
        return found

    def action_notify(self):
        sealed = self._cases_behind([(row.res_model, row.res_id) for row in self])
        sealed = self.filtered(lambda row: (row.res_model, row.res_id) in sealed)
        return super(MailActivity, self - sealed).action_notify()


class MailMessage(models.Model):
    """Odoo lets authors and recipients of a message read it whatever becomes of its record."""

    _inherit = "mail.message"  # pylint: disable=consider-merging-classes-inherited

    def _get_forbidden_access(self, operation):
        forbidden = super()._get_forbidden_access(operation)
        rest = self - forbidden
        if rest and (hidden := self._hidden_threads()):
            # sudo: only what they are about
            forbidden |= (
                rest.sudo()
                .filtered(lambda message: message.res_id in hidden.get(message.model, ()))
                .sudo(False)
            )
        return forbidden

    @api.model
    def _hidden_threads(self):
        """What this user may not know of: confidential cases, and what hangs on them.

        :return: dict model -> ids
        """
        cases = self.env["care.case"].browse(self.env.user._care_hidden_cases())
        if not cases:
            return {}
        return {
            records._name: set(records._ids)
            for records in cases._about()
            if "message_ids" in records._fields
        }

    @api.model
    def _search(self, domain, offset=0, limit=None, order=None, *, bypass_access=False, **kwargs):
        if not self.env.su and not bypass_access:
            for model, ids in self._hidden_threads().items():
                domain = Domain(domain) & ~(
                    Domain("model", "=", model) & Domain("res_id", "in", sorted(ids))
                )
        return super()._search(domain, offset, limit, order, bypass_access=bypass_access, **kwargs)
