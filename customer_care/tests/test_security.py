"""Who may do what, and what an attacker gets: by the ORM and by every route."""

import base64
import json
import re
from datetime import timedelta

from psycopg2 import sql

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, JsonRpcException, tagged
from odoo.tests.common import Opener
from odoo.tools import mute_logger

from .common import CareCase

QUIET = (
    "odoo.http",
    "odoo.models",
    "odoo.addons.base.models.ir_model",
    "odoo.addons.base.models.ir_rule",
    "odoo.sql_db",
    "py.warnings",
)

#: model -> role -> what the access lines let it do; a role that is missing: nothing.
#: A manager may at least what a leader may, a leader what an agent may.
RIGHTS = {
    "care.case": {"agent": "rwc", "manager": "rwcu", "portal": "r"},
    "care.journey": {"agent": "rw"},
    "care.followup": {"agent": "rwc", "manager": "rwcu"},
    "care.tenure": {"agent": "r"},
    "care.handoff": {"agent": "rwc"},
    "care.notice": {"leader": "rw"},
    "care.retry": {"leader": "rw"},
    "care.profile": {"agent": "rwc", "manager": "rwcu"},
    "care.worktime": {"agent": "r"},
    "care.tier": {"agent": "r", "manager": "rwcu"},
    "care.team": {"agent": "r", "manager": "rwcu"},
    "care.stage": {"agent": "r", "manager": "rwcu"},
    "care.journey.type": {"agent": "r", "manager": "rwcu"},
    "care.policy": {"agent": "r", "manager": "rwcu"},
    "care.outcome": {"agent": "r", "manager": "rwcu"},
    "care.backfill": {"manager": "rwc"},
    "care.digest": {"manager": "rw"},
    "care.category": {"agent": "r", "manager": "rwcu"},
    "care.standard": {"agent": "rw", "manager": "rwcu"},
    "care.standard.version": {"agent": "r"},
    "care.standard.reader": {"agent": "r"},
    "care.standard.feedback": {"agent": "rwc"},
    "care.acknowledgement": {"agent": "r"},
    "care.check": {"agent": "r"},
    "care.check.line": {"agent": "r"},
    "care.check.waiver": {"leader": "rwc"},
    "care.promise": {"agent": "rwcu"},
    "care.need": {"agent": "rwc", "manager": "rwcu"},
    "care.service": {"agent": "r", "manager": "rwcu"},
    "care.guide": {"agent": "rw"},
    "care.remedy": {"agent": "rwcu"},
    "care.remedy.line": {"agent": "rwcu"},
    "care.remedy.document": {"agent": "r"},
    "care.category.remedy": {"agent": "r", "manager": "rwcu"},
    "care.authority": {"agent": "r", "manager": "rwcu"},
    "care.outlay": {"leader": "r"},
    "care.case.merge": {"agent": "rwc"},
    "care.quick.entry": {"agent": "rwc"},
    # an administrator's alone
    "care.door": {},
    "care.cause": {"agent": "r", "leader": "rwc", "manager": "rwcu"},
    "care.action": {"agent": "rwc", "manager": "rwcu"},
    "care.signal": {"leader": "rw"},
    "care.pareto": {"leader": "r"},
    "care.service.plan": {"agent": "r", "manager": "rwcu"},
    "care.coverage": {"agent": "r"},
    "care.statute": {"agent": "r", "manager": "rwcu"},
    "care.fact": {"agent": "r"},
    "care.fact.summary": {"agent": "r"},
    "care.period.report": {"leader": "rwc"},
}
OPERATIONS = {"r": "read", "w": "write", "c": "create", "u": "unlink"}
#: A role has what the role before it has.
LADDER = {"rep": "agent", "leader": "agent", "manager": "leader"}

ACCESS_ERROR = "odoo.exceptions.AccessError"
#: What is compared of a file: its checksum stands for content that may be megabytes.
FILE = "(t.id, t.name, t.checksum, t.res_model, t.res_id, t.public, t.access_token)"
#: Set up once for all companies.
SHARED = {"care.tier", "care.stage", "care.journey.type", "care.outcome"}

#: What a customer may read of a case of their own; all else is the company's business.
CUSTOMER_READS = {
    # what they told us and what we answered
    "number",
    "name",
    "description",
    "kind",
    "partner_id",
    "commercial_partner_id",
    "order_id",
    "product_id",
    "company_id",
    "received_at",
    "resolved_at",
    "closed_at",
    "stage_id",
    "stage_category",
    "stage_since",
    "customer_answer",
    "customer_answer_at",
    # whether the reader may change it
    "may_work",
    # the portal's own
    "access_url",
    "access_token",
    "access_warning",
    # every record's
    "id",
    "display_name",
    "create_uid",
    "create_date",
    "write_uid",
    "write_date",
    # whether something is new, nothing of what it says
    "has_message",
    "message_has_error",
    "message_has_error_counter",
    "message_has_sms_error",
    "message_needaction",
    "message_needaction_counter",
    "message_is_follower",
}


class Attack(CareCase, HttpCase):
    """Two companies, two customers, and everything that one could wish to steal."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create(
            {"name": "Elsewhere", "care_start_date": fields.Date.today()}
        )
        cls.env.user.company_ids = [Command.link(cls.other_company.id)]
        cls.company_b = {
            role: cls._user(f"care_b_{role}", f"customer_care.group_{role}", cls.other_company)
            for role in ("agent", "leader", "manager")
        }
        cls.stranger = cls._user("care_stranger", "base.group_user")
        cls.outside_agent = cls._user("care_outside", "customer_care.group_agent")
        cls.victim = cls._portal("care_victim", cls.customer)
        cls.thief_partner = cls.env["res.partner"].create(
            {"name": "Theo Thief", "email": "theo@example.com"}
        )
        cls.thief = cls._portal("care_thief", cls.thief_partner)
        cls.public = cls.env.ref("base.public_user")

        cls.policy = cls._policy(((0, "care_owner"),))
        cls.order = cls._confirmed()
        cls.journey = cls.env["care.journey"].search([("order_id", "=", cls.order.id)])
        cls.followup = cls.journey.followup_ids
        # the complaint below would hold it back
        cls.followup.hold_override = True
        cls.secret = cls._case(
            owner_id=cls.agent.id,
            order_id=cls.order.id,
            name="Secret subject",
            description="Secret description",
            severity="3",
        )
        cls.secret._portal_ensure_token()
        cls.own = cls._case(partner_id=cls.thief_partner.id, name="The thief's own case")
        cls.own._portal_ensure_token()
        cls.file = cls.env["ir.attachment"].create(
            {
                "name": "secret.txt",
                "raw": b"Secret attachment",
                "res_model": "care.case",
                "res_id": cls.secret.id,
            }
        )
        cls.image = cls.env["ir.attachment"].create(
            {
                "name": "secret.png",
                "datas": (
                    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
                    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
                ),
                "mimetype": "image/png",
                "res_model": "care.case",
                "res_id": cls.secret.id,
            }
        )
        cls.message = cls.secret.message_post(
            body="Secret answer",
            message_type="comment",
            subtype_xmlid="mail.mt_comment",
            attachment_ids=cls.file.ids,
        )
        cls.note = cls.secret.message_post(body="Secret note")
        cls.own_note = cls.own.message_post(
            body="Secret note about the thief", message_type="comment"
        )

        # what failed and what waits, of the first company
        cls.notice = cls.env["care.notice"].search([("case_id", "=", cls.secret.id)])
        cls.retry = cls._failure()
        cls.handoff = cls.env["care.handoff"].create(
            {"journey_id": cls.journey.id, "to_user_id": cls.agent2.id, "note": "Secret note"}
        )
        cls.profile = cls.env["care.profile"].create(
            {
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
                "note": "Secret profile",
            }
        )
        cls.env["care.worktime"]._get(cls.company.resource_calendar_id, cls.company)
        cls.standard = cls.env["care.standard"].create(
            {
                "name": "Secret standard",
                "kind": "stage",
                "text": "<p>Secret text</p>",
                "company_id": cls.company.id,
                "stage_ids": [Command.set(cls.journey.stage_id.ids)],
                "is_check": True,
                "owner_id": cls.manager.id,
            }
        )
        cls.standard.action_publish()
        cls.standard.with_user(cls.agent).action_acknowledge()
        cls.env["care.check"]._done(cls.journey, cls.standard)
        cls.env.flush_all()

    @classmethod
    def _failure(cls):
        """What a rule could not do, whose filter broke after it was saved."""
        rule = cls._policy()
        for broken in ("[('secret_field', '=', 1)]", "[]"):
            cls.env.flush_all()
            cls.env.cr.execute(
                "UPDATE care_policy SET filter_domain = %s WHERE id = %s", (broken, rule.id)
            )
            cls.env.invalidate_all()
            if broken != "[]":
                with mute_logger("odoo.addons.customer_care.models.care_rule_mixin"):
                    cls._confirmed()
        return cls.env["care.retry"].search([("rule_id", "=", rule.id)])

    @classmethod
    def _portal(cls, login, partner):
        return cls._user(login, "base.group_portal", partner_id=partner.id)

    def _records(self):
        """One record of each model, of the first company or of all."""
        return {
            "care.case": self.secret,
            "care.journey": self.journey,
            "care.followup": self.followup,
            "care.tenure": self.journey.tenure_ids,
            "care.handoff": self.handoff,
            "care.notice": self.notice,
            "care.retry": self.retry,
            "care.profile": self.profile,
            "care.worktime": self.env["care.worktime"].search(
                [("company_id", "=", self.company.id)], limit=1
            ),
            "care.team": self.team,
            "care.policy": self.policy,
            "care.tier": self.env.ref("customer_care.tier_key"),
            "care.stage": self.stages[0],
            "care.journey.type": self.journey_type,
            "care.outcome": self.env.ref("customer_care.outcome_problem"),
            "care.backfill": self.env["care.backfill"].create(
                {"policy_id": self.policy.id, "company_id": self.company.id}
            ),
            "care.digest": self.env["care.digest"].create(
                {
                    "user_id": self.rep.id,
                    "company_id": self.company.id,
                    "day": fields.Date.today(),
                }
            ),
            "care.category": self.env["care.category"].create(
                {"name": "Ours", "company_id": self.company.id}
            ),
            "care.standard": self.standard,
            "care.standard.version": self.standard.version_id,
            "care.standard.reader": self.standard.reader_ids[:1],
            "care.acknowledgement": self.env["care.acknowledgement"].search(
                [("standard_id", "=", self.standard.id)]
            ),
            "care.check": self.env["care.check"].search([("standard_id", "=", self.standard.id)]),
            "care.check.line": self.journey.check_line_ids,
            **self._promised(),
            **self._remedied(),
            **self._learnt(),
            **self._measured(),
        }

    def _remedied(self):
        """A remedy of the secret case with all that belongs to it."""
        category = self.env["care.category"].create(
            {"name": "Secret situation", "company_id": self.company.id}
        )
        remedy = self.env["care.remedy"].create(
            {
                "case_id": self.secret.id,
                "kind": "return",
                "text": "Secret words",
                "proceed": "execute",
                "line_ids": [
                    Command.create({"sale_line_id": self.order.order_line.id, "quantity": 1})
                ],
            }
        )
        ledger = self.env["care.outlay"]._record(
            [
                {
                    "name": "Secret outlay",
                    "decision": "outside",
                    "source": "credit_note",
                    "kind": "refund",
                    "amount": 7,
                    "company_id": self.company.id,
                }
            ]
        )
        return {
            "care.remedy": remedy,
            "care.remedy.line": remedy.line_ids,
            "care.remedy.document": remedy._link([{"order_id": self.order.id}]),
            "care.category.remedy": self.env["care.category.remedy"].create(
                {"name": "Secret usual", "category_id": category.id}
            ),
            "care.authority": self.env["care.authority"].create(
                {"who": "role", "role": "agent", "company_id": self.company.id}
            ),
            "care.outlay": ledger,
        }

    def _measured(self):
        """A date of the law, a fact and the figure made of it."""
        fact = self.env["care.fact"].create(
            {
                "day": fields.Date.today(),
                "measure": "tenure",
                "company_id": self.company.id,
                "case_id": self.secret.id,
                "res_model": "care.case",
                "res_id": self.secret.id,
                "cycle": 77,
            }
        )
        return {
            "care.statute": self.env["care.statute"].create(
                {"name": "Secret date", "days": 3, "company_id": self.company.id}
            ),
            "care.fact": fact,
            # a figure is made of the facts of who reads: see test_rights_matrix
            "care.period.report": self.env["care.period.report"].create(
                {"company_id": self.company.id}
            ),
        }

    def _promised(self):
        """A promise, a need and a service's guide, of the customer of the journey."""
        about = {
            "name": "Secret words",
            "partner_id": self.customer.id,
            "company_id": self.company.id,
            "journey_id": self.journey.id,
        }
        service = self.env["care.service"].create(
            {"name": "Secret service", "company_id": self.company.id}
        )
        return {
            "care.promise": self.env["care.promise"].create({**about, "user_id": self.rep.id}),
            "care.need": self.env["care.need"].create({**about, "user_id": self.rep.id}),
            "care.service": service,
            "care.guide": self.env["care.guide"].create(
                {
                    "service_id": service.id,
                    "partner_id": self.customer.id,
                    "commercial_partner_id": self.customer.id,
                    "company_id": self.company.id,
                    "journey_id": self.journey.id,
                    "sent_at": fields.Datetime.now(),
                    "access_token": "Secret token",
                }
            ),
        }

    def _learnt(self):
        """A cause with its action, and what runs on the product that was sold.

        The Pareto is made of what its reader may read: see test_pareto.
        """
        cause = self.env["care.cause"].create(
            {"name": "Secret cause", "company_id": self.company.id}
        )
        self.secret.write({"cause_id": cause.id, "product_id": self.product.id})
        action = self.env["care.action"].create(
            {
                "name": "Secret action",
                "cause_id": cause.id,
                "case_ids": [Command.set(self.secret.ids)],
                "product_tmpl_id": self.product.product_tmpl_id.id,
                "owner_id": self.agent.id,
                "company_id": self.company.id,
            }
        )
        plan = self.env["care.service.plan"].create(
            {
                "name": "Secret plan",
                "company_id": self.company.id,
                "product_tmpl_ids": [Command.set(self.product.product_tmpl_id.ids)],
            }
        )
        self.env["care.coverage"]._follow(self.journey)
        self.env.flush_all()
        return {
            "care.cause": cause,
            "care.action": action,
            "care.signal": self.env["care.signal"].search([("case_id", "=", self.secret.id)]),
            "care.service.plan": plan,
            "care.coverage": self.env["care.coverage"].search([("plan_id", "=", plan.id)]),
        }

    # by the network

    def _key(self, user):
        keys = self.__dict__.setdefault("_keys", {})
        if user not in keys:
            # sudo: a customer may not make a key by default, but may have got one
            keys[user] = (
                self.env["res.users.apikeys"]
                .with_user(user)
                .sudo()
                ._generate("rpc", "test", fields.Datetime.now() + timedelta(hours=1))
            )
        return keys[user]

    def _call(self, user, model, method, ids=None, **kwargs):
        """`/json/2` as ``user``: (status, what came back)."""
        self.env.flush_all()
        body = {**({"ids": ids} if ids is not None else {}), **kwargs}
        # a key of its own, no session
        browser, self.opener = self.opener, Opener(self)
        with mute_logger(*QUIET):
            answer = self.url_open(
                f"/json/2/{model}/{method}",
                method="POST",
                json=body,
                headers={"Authorization": f"Bearer {self._key(user)}"},
            )
        self.opener = browser
        self.env.invalidate_all()
        return answer.status_code, answer.json()

    def _refused(self, user, model, method, ids=None, **kwargs):
        status, answer = self._call(user, model, method, ids, **kwargs)
        self.assertIn(
            answer.get("name") if isinstance(answer, dict) else answer,
            (
                "odoo.exceptions.AccessError",
                "odoo.exceptions.MissingError",
                "odoo.exceptions.UserError",
                "odoo.exceptions.ValidationError",
            ),
            f"{user.login} {model}.{method}({kwargs}) gave {status}: {answer}",
        )
        self.assertNotIn("Secret", json.dumps(answer))

    def _rpc(self, route, **params):
        """JSON-RPC with the present session: what came back, or the error's name."""
        with mute_logger(*QUIET):
            try:
                return self.make_jsonrpc_request(route, params)
            except JsonRpcException as error:
                return str(error)

    def _csrf(self):
        """As a page of the present session has it."""
        return re.search(r'csrf_token: "(\w+)"', self.url_open("/my/home").text)[1]

    def _state(self):
        """All that Customer Care keeps, to see whether an attack changed any of it."""
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND (tablename LIKE 'care\\_%%' OR tablename IN"
            " ('mail_message', 'mail_activity', 'mail_followers', 'ir_attachment'))"
            " ORDER BY 1"
        )
        state = {}
        for (table,) in self.env.cr.fetchall():
            row = "t" if table != "ir_attachment" else FILE
            self.env.cr.execute(
                sql.SQL("SELECT count(*), sum(hashtext({}::text)) FROM {} t").format(
                    sql.SQL(row), sql.Identifier(table)
                )
            )
            state[table] = self.env.cr.fetchone()
        return state


@tagged("post_install", "-at_install")
class TestSecurity(Attack):
    # ------------------------------------------------------------
    # The matrix of rights
    # ------------------------------------------------------------

    def test_every_model_has_its_line_in_the_matrix(self):
        ours = {
            name
            for name, model in self.env.registry.items()
            if model._original_module == "customer_care"
            and not model._abstract
            and name.startswith("care.")
        }
        self.assertEqual(ours, set(RIGHTS))

    def test_each_role_may_do_what_the_matrix_says_and_nothing_else(self):
        users = {
            "stranger": self.stranger,
            "agent": self.agent,
            "leader": self.leader,
            "manager": self.manager,
            "portal": self.victim,
            "public": self.public,
        }
        for model, roles in RIGHTS.items():
            for role, user in users.items():
                allowed, step = set(), role
                while step:
                    allowed |= set(roles.get(step, ""))
                    step = LADDER.get(step)
                for letter, operation in OPERATIONS.items():
                    with self.subTest(model=model, role=role, operation=operation):
                        self.assertEqual(
                            self.env[model].with_user(user).has_access(operation),
                            letter in allowed,
                        )

    def test_whose_records_each_role_reads_and_writes(self):
        leader2 = self._user("care_leader2", "customer_care.group_leader")
        rep2 = self._user("care_rep2", "customer_care.group_agent,sales_team.group_sale_salesman")
        # record -> user -> what he may do with it
        expected = {
            self.secret: {
                self.agent: "rw",  # owner
                self.agent2: "rw",  # of the same team
                self.outside_agent: "",
                self.rep: "r",  # his order
                rep2: "",
                self.leader: "rw",
                leader2: "",
                self.manager: "rwu",
                self.stranger: "",
                self.victim: "r",
                self.thief: "",
                self.public: "",
            },
            self.journey: {
                self.rep: "rw",  # owner
                self.agent: "",
                self.outside_agent: "",
                rep2: "",
                self.leader: "rw",
                leader2: "",
                self.manager: "rw",
                self.stranger: "",
                self.victim: "",
                self.thief: "",
            },
            self.followup: {
                self.rep: "rw",
                self.agent: "",
                rep2: "",
                self.leader: "rw",
                leader2: "",
                self.manager: "rwu",
                self.stranger: "",
                self.victim: "",
            },
            self.notice: {
                self.agent: "",
                self.leader: "rw",
                self.manager: "rw",
                self.stranger: "",
                self.victim: "",
            },
        }
        self.journey.team_id = self.team
        for record, users in expected.items():
            for user, letters in users.items():
                for letter in "rwu":
                    operation = OPERATIONS[letter]
                    with self.subTest(record=record, user=user.login, op=operation):
                        self.assertEqual(
                            record.with_user(user).has_access(operation),
                            letter in letters,
                        )

    def test_an_agent_of_company_a_sees_nothing_of_company_b(self):
        records = self._records()
        for role, user in self.company_b.items():
            for model, record in records.items():
                if model in SHARED:
                    continue
                with self.subTest(role=role, model=model):
                    self.assertTrue(record)
                    mine = self.env[model].with_user(user)
                    found = mine.with_context(active_test=False)
                    if mine.has_access("read"):
                        self.assertNotIn(record, found.search([]).sudo(False))
                        self.assertFalse(found.search([("id", "in", record.ids)]))
                        self.assertEqual(
                            found._read_group([("id", "in", record.ids)], [], ["__count"]),
                            [(0,)],
                        )
                    with self.assertRaises(AccessError):
                        record.with_user(user).read()
                    with self.assertRaises(UserError):
                        record.with_user(user).write({"write_date": fields.Datetime.now()})
                    with self.assertRaises(UserError):
                        record.with_user(user).unlink()

    def test_messages_activities_and_files_of_company_a_are_hidden_from_company_b(self):
        self._run("care.followup", days=7)
        activity = self.followup.activity_id
        self.assertTrue(activity)
        for user in [*self.company_b.values(), self.stranger, self.outside_agent]:
            for record in (self.message, self.note, self.file, activity):
                with self.subTest(user=user.login, record=record):
                    found = self.env[record._name].with_user(user)
                    self.assertFalse(found.search([("id", "=", record.id)]))
                    with self.assertRaises(AccessError):
                        record.with_user(user).read()

    def test_nobody_moves_a_record_into_a_company_that_is_not_his(self):
        case = self._case(team_id=False, owner_id=self.agent.id)
        journey = self.journey
        for record, user in ((case, self.agent), (journey, self.rep)):
            with self.subTest(record), self.assertRaises(UserError):
                record.with_user(user).write({"company_id": self.other_company.id})
            self.assertEqual(record.company_id, self.company)

    def test_nothing_of_another_company_is_read_by_pointing_at_it(self):
        """Its name would come with the many2one, its mail and phone as related fields."""
        hidden = self.env["res.partner"].create(
            {
                "name": "Secret customer",
                "email": "secret@example.com",
                "phone": "Secret phone",
                "company_id": self.other_company.id,
            }
        )
        cases = self.env["care.case"].with_user(self.agent)
        with self.assertRaises(AccessError):
            cases.create({"name": "x", "partner_id": hidden.id}).read()
        with self.assertRaises(AccessError):
            self.secret.with_user(self.agent).write({"partner_id": hidden.id})
            self.secret.with_user(self.agent).read(["partner_email"])
        with self.assertRaises(AccessError):
            self.env["care.profile"].with_user(self.agent).create({"partner_id": hidden.id}).read()

    def test_a_rep_gets_no_right_to_an_order_by_registering_a_case_on_it(self):
        rep2 = self._user("care_rep2", "customer_care.group_agent,sales_team.group_sale_salesman")
        order = self._order()
        with self.assertRaises(AccessError):
            order.with_user(rep2).read(["amount_total"])
        for vals in (
            {"order_id": order.id},
            {"journey_id": self.journey.id},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                self.env["care.case"].with_user(rep2).create(
                    {
                        "name": "x",
                        "partner_id": self.customer.id,
                        "owner_id": rep2.id,
                        **vals,
                    }
                )
        mine = self._case(owner_id=rep2.id, team_id=False)
        with self.assertRaises(AccessError):
            mine.with_user(rep2).write({"order_id": order.id})
        with self.assertRaises(AccessError):
            order.with_user(rep2).read(["amount_total"])

    # ------------------------------------------------------------
    # Nothing that the engine writes can be forged
    # ------------------------------------------------------------

    def test_no_field_of_the_engine_is_written_by_hand(self):
        self._run("care.followup", days=7)
        now = fields.Datetime.now()
        forged = {
            self.followup: {
                "state": "done",
                "next_at": now,
                "attempts": 0,
                "error": "x",
                "policy_id": False,
                "step_id": False,
                "journey_id": False,
                "case_id": self.secret.id,
                "occurrence": 7,
                "occurrence_try": 7,
                "company_id": self.other_company.id,
                "partner_id": self.thief_partner.id,
                "activity_id": False,
                "done_at": now,
                "done_by_id": self.agent.id,
                "cancel_reason": "x",
                "responsible_type": "x",
            },
            self.notice: {
                "state": "done",
                "next_at": False,
                "kind": "case_resolved",
                "occurrence": 2,
                "case_id": self.own.id,
                "error": False,
            },
            self.retry: {
                "state": "done",
                "rule_id": 1,
                "rule_model": "care.case",
                "event": "x",
            },
            self.journey: {
                "order_id": self.order.copy().id,
                "partner_id": self.thief_partner.id,
                "type_id": self.journey_type.copy().id,
                "name": "x",
                "cycle": 3,
                "stage_category": "closed",
                "stage_since": now,
                "owner_since": now,
                "first_owner_id": self.agent.id,
            },
        }
        for record, vals in forged.items():
            for user in (self.rep, self.leader, self.manager):
                for name, value in vals.items():
                    with self.subTest(record=record, user=user.login, field=name):
                        with self.assertRaises(AccessError):
                            record.with_user(user).write({name: value})

    def test_the_engines_models_are_not_created_by_hand(self):
        for model, vals in {
            "care.notice": {
                "kind": "case_received",
                "case_id": self.secret.id,
                "company_id": self.company.id,
            },
            "care.retry": {
                "rule_model": "care.policy",
                "rule_id": self.policy.id,
                "event": "order_confirmed",
                "journey_id": self.journey.id,
                "company_id": self.company.id,
            },
            "care.journey": {"order_id": self._order().id, "name": "x"},
            "care.worktime": {"company_id": self.company.id},
        }.items():
            for user in (self.agent, self.leader, self.manager):
                with self.subTest(model=model, user=user.login):
                    with self.assertRaises(AccessError):
                        self.env[model].with_user(user).create(vals)

    def test_defaults_in_the_context_forge_nothing(self):
        forged = {
            "default_number": "FORGED",
            "default_customer_answer": "yes",
            "default_closed_at": "2020-01-01 00:00:00",
            "default_resolved_at": "2020-01-01 00:00:00",
            "default_access_token": "guessed",
            "default_followup_id": self.followup.id,
            "default_first_owner_id": self.agent2.id,
            "default_stage_category": "closed",
            "default_cycle": 9,
        }
        status, case_ids = self._call(
            self.agent,
            "care.case",
            "create",
            vals_list=[{"name": "Forged?", "partner_id": self.customer.id}],
            context=forged,
        )
        if status == 200:
            case = self.env["care.case"].browse(case_ids)
            self.assertNotEqual(case.number, "FORGED")
            self.assertFalse(case.customer_answer)
            self.assertFalse(case.closed_at)
            self.assertFalse(case.resolved_at)
            self.assertNotEqual(case.access_token, "guessed")
            self.assertFalse(case.followup_id)
            self.assertEqual(case.first_owner_id, case.owner_id)
            self.assertEqual(case.stage_category, "open")
            self.assertEqual(case.cycle, 1)
        else:
            self.assertEqual(status, 403)
        status, ids = self._call(
            self.rep,
            "care.followup",
            "create",
            vals_list=[{"name": "Forged?", "journey_id": self.journey.id}],
            context={
                "default_state": "done",
                "default_done_at": "2020-01-01 00:00:00",
                "default_done_by_id": self.agent.id,
                "default_policy_id": self.policy.id,
                "default_attempts": 4,
                "default_error": "x",
                "default_cancel_reason": "x",
                "default_case_id": False,
            },
        )
        if status == 200:
            followup = self.env["care.followup"].browse(ids)
            self.assertEqual(followup.state, "planned")
            self.assertFalse(followup.done_at)
            self.assertFalse(followup.done_by_id)
            self.assertFalse(followup.policy_id)
            self.assertFalse(followup.attempts)
            self.assertFalse(followup.error)
            self.assertFalse(followup.cancel_reason)
        else:
            self.assertEqual(status, 403)

    def test_commands_in_a_new_case_reach_no_other_record(self):
        """A case is created by the engine: what comes along must not be."""
        foreign = self.journey.followup_ids
        before = foreign.read(["state", "done_at", "name"])
        for commands in (
            {"followup_ids": [[1, foreign.id, {"state": "done", "name": "FORGED"}]]},
            {"followup_ids": [[2, foreign.id, 0]]},
            {"message_ids": [[2, self.message.id, 0]]},
            {"message_ids": [[1, self.message.id, {"body": "FORGED"}]]},
            {"website_message_ids": [[1, self.message.id, {"body": "FORGED"}]]},
            {"message_follower_ids": [[2, self.secret.message_follower_ids[:1].id, 0]]},
        ):
            for context in (False, True):
                with self.subTest(commands=commands, context=context):
                    extra = {f"default_{k}": v for k, v in commands.items()}
                    self._call(
                        self.outside_agent,
                        "care.case",
                        "create",
                        vals_list=[
                            {
                                "name": "x",
                                "partner_id": self.customer.id,
                                "owner_id": self.outside_agent.id,
                                **({} if context else commands),
                            }
                        ],
                        context=extra if context else {},
                    )
                    self.assertTrue(foreign.exists())
                    self.assertEqual(foreign.read(["state", "done_at", "name"]), before)
                    self.assertIn("Secret answer", self.message.exists().body or "")
                    self.assertTrue(self.secret.message_follower_ids)

    def test_an_agent_does_not_create_a_case_that_is_over(self):
        for xmlid in ("stage_case_closed", "stage_case_resolved"):
            with self.subTest(xmlid), self.assertRaises(UserError):
                self.env["care.case"].with_user(self.agent).create(
                    {
                        "name": "Closed from the start",
                        "partner_id": self.customer.id,
                        "stage_id": self.env.ref(f"customer_care.{xmlid}").id,
                    }
                )

    def test_only_somebody_who_works_here_answers_for_a_record(self):
        archived = self._user("care_gone", "customer_care.group_agent", active=False)
        outsiders = (self.thief, self.company_b["agent"], archived, self.public)
        for outsider in outsiders:
            with self.subTest(outsider.login):
                with self.assertRaises(UserError):
                    self.secret.with_user(self.manager).write({"owner_id": outsider.id})
                with self.assertRaises(UserError):
                    self.env["care.case"].with_user(self.manager).create(
                        {
                            "name": "x",
                            "partner_id": self.customer.id,
                            "owner_id": outsider.id,
                        }
                    )
                with self.assertRaises(UserError):
                    self.followup.with_user(self.manager).write({"user_id": outsider.id})
                with self.assertRaises(UserError):
                    self.env["care.followup"].with_user(self.manager).create(
                        {
                            "name": "x",
                            "journey_id": self.journey.id,
                            "user_id": outsider.id,
                        }
                    )

    def test_a_context_separates_no_follow_up_from_its_activity(self):
        self._run("care.followup", days=7)
        activity = self.followup.activity_id
        self._call(
            self.rep,
            "care.followup",
            "write",
            self.followup.ids,
            vals={"date_due": "2030-01-07"},
            context={"care_from_activity": True},
        )
        self.assertEqual(activity.date_deadline, self.followup.date_due)
        self._call(
            self.rep,
            "mail.activity",
            "unlink",
            activity.ids,
            context={"care_from_followup": True},
        )
        self.assertFalse(activity.exists())
        self.assertEqual(self.followup.state, "cancelled")

    def test_the_way_in_cannot_be_claimed_by_a_context(self):
        for claim in (True, 1, "x", {}, [1]):
            status, _answer = self._call(
                self.rep,
                "care.journey",
                "write",
                self.journey.ids,
                vals={"stage_category": "closed"},
                context={"care_entering": claim},
            )
            self.assertEqual(status, 403)
        self.assertEqual(self.journey.stage_category, "open")

    # ------------------------------------------------------------
    # The customer and other customers' cases
    # ------------------------------------------------------------

    def test_a_customer_reads_no_other_customers_case_by_rpc(self):
        ids = self.secret.ids
        model = "care.case"
        for user in (self.thief, self.stranger, self.company_b["manager"]):
            with self.subTest(user.login):
                self._refused(user, model, "read", ids, fields=["name"])
                self._refused(user, model, "read", ids)
                self._refused(user, model, "write", ids, vals={"name": "x"})
                self._refused(user, model, "unlink", ids)
                self._refused(user, model, "message_post", ids, body="x")
                self._refused(user, model, "get_portal_url", ids)
                self._refused(user, model, "copy", ids)
                self._refused(user, model, "export_data", ids, fields_to_export=["name"])
                self._refused(user, model, "web_read", ids, specification={"name": {}})
                self._call(user, model, "message_subscribe", ids, partner_ids=[user.partner_id.id])
                self.assertNotIn(user.partner_id, self.secret.message_partner_ids)
        for method, kwargs in {
            "search": {"domain": [], "order": "id"},
            "search_read": {"domain": [], "fields": ["name"], "order": "id"},
            "search_count": {"domain": [("name", "=", "Secret subject")]},
            "name_search": {"name": "Secret"},
            "web_search_read": {"domain": [], "specification": {"name": {}}, "order": "id"},
            "formatted_read_group": {
                "domain": [],
                "groupby": ["name"],
                "aggregates": ["__count"],
            },
            "web_read_group": {
                "domain": [],
                "groupby": ["name"],
                "aggregates": ["__count"],
            },
            "read_group": {"domain": [], "fields": ["name"], "groupby": ["name"]},
        }.items():
            with self.subTest(method):
                status, answer = self._call(self.thief, model, method, **kwargs)
                text = json.dumps(answer)
                self.assertNotIn("Secret", text)
                self.assertNotIn(self.secret.number, text)
                if method == "search":
                    self.assertEqual(answer, self.own.ids)
                if method == "search_count":
                    self.assertEqual(answer, 0)
                self.assertIn(status, (200, 403))

    def test_a_customer_creates_and_writes_nothing_by_rpc(self):
        for vals in ({"name": "x"}, {"description": "x"}, {"customer_answer": "yes"}):
            self._refused(self.thief, "care.case", "write", self.own.ids, vals=vals)
        self._refused(
            self.thief,
            "care.case",
            "create",
            vals_list=[{"name": "x", "partner_id": self.thief_partner.id}],
        )
        for method in ("action_resolve", "action_close", "action_reopen"):
            self._refused(self.thief, "care.case", method, self.own.ids)
        self._refused(self.thief, "care.case", "unlink", self.own.ids)

    def test_a_domain_through_related_fields_tells_a_customer_nothing(self):
        """A search that finds or does not find is a question answered."""
        for domain in (
            [("severity", "=", "1")],
            [("owner_id.login", "=like", "%")],
            [("owner_id", "=", self.agent.id)],
            [("team_id.name", "=", "Service")],
            [("curator_id", "=", self.agent.id)],
            [("stage_id.curator_id", "!=", False)],
            [("stage_id.owner_rule", "=", "least_busy")],
            [("journey_id", "!=", False)],
            [("followup_ids.feedback", "ilike", "a")],
            [("message_ids.body", "ilike", "Secret note")],
            [("website_message_ids.body", "ilike", "Secret note")],
            [("tier_id.name", "=", "Key customer")],
            [("partner_id.care_tier_id", "!=", False)],
            [("activity_ids", "=", False)],
            [("resolution", "ilike", "a")],
            [("category_id.name", "ilike", "a")],
        ):
            with self.subTest(domain):
                status, answer = self._call(
                    self.thief, "care.case", "search", domain=domain, order="id"
                )
                self.assertNotEqual(status, 200, answer)

        for domain in (
            [("order_id.amount_total", ">", 0)],
            [("partner_id.email", "=", "clara@example.com")],
        ):
            with self.subTest(domain):
                _status, answer = self._call(
                    self.thief, "care.case", "search", domain=domain, order="id"
                )
                self.assertIn(
                    answer.get("name") if isinstance(answer, dict) else answer,
                    ([], ACCESS_ERROR),
                )

    def test_what_a_customer_reads_of_his_own_case_is_a_white_list(self):
        status, described = self._call(self.thief, "care.case", "fields_get")
        self.assertEqual(status, 200, described)
        self.assertEqual(set(described) - CUSTOMER_READS, set())
        status, (row,) = self._call(self.thief, "care.case", "read", self.own.ids)
        self.assertEqual(status, 200)
        self.assertEqual(set(row) - CUSTOMER_READS, set())
        self.assertEqual(row["name"], "The thief's own case")
        for name in sorted(set(self.env["care.case"]._fields) - CUSTOMER_READS):
            with self.subTest(name):
                status, _answer = self._call(
                    self.thief, "care.case", "read", self.own.ids, fields=[name]
                )
                self.assertEqual(status, 403)

    def test_a_customer_reads_no_internal_note_of_his_own_case(self):
        engine = self.own.message_post(body="Secret feedback, posted by Odoo")
        self.assertEqual(engine.message_type, "notification")
        for note in (self.own_note, engine):
            status, _answer = self._call(
                self.thief, "mail.message", "read", note.ids, fields=["body"]
            )
            self.assertEqual(status, 403)
        status, found = self._call(
            self.thief, "mail.message", "search_read", domain=[], fields=["body"]
        )
        self.assertNotIn("Secret", json.dumps(found))
        self.authenticate(self.thief.login, self.thief.login)
        for params in ({}, {"token": self.own.access_token}):
            answer = self._rpc(
                "/mail/chatter_fetch",
                thread_model="care.case",
                thread_id=self.own.id,
                **params,
            )
            self.assertIsInstance(answer, dict)
            self.assertNotIn("Secret", json.dumps(answer))

    def test_a_file_of_an_internal_note_is_not_the_customers(self):
        file = self.env["ir.attachment"].create(
            {
                "name": "note.txt",
                "raw": b"Secret file of a note",
                "res_model": "care.case",
                "res_id": self.own.id,
            }
        )
        self.own.message_post(body="Secret note", attachment_ids=file.ids)
        self.authenticate(self.thief.login, self.thief.login)
        for url in (
            f"/web/content/{file.id}",
            f"/web/content/{file.id}?access_token={self.own.access_token}",
        ):
            self.assertNotIn(b"Secret", self.url_open(url).content)

    def test_a_customer_reaches_no_other_model_of_ours(self):
        for model in sorted(set(RIGHTS) - {"care.case"}):
            with self.subTest(model):
                self._refused(self.thief, model, "search", domain=[])
                self._refused(self.thief, model, "search_read", domain=[])

    def test_another_customers_page_is_closed_without_its_own_token(self):
        page = f"/my/cases/{self.secret.id}"
        wrong = (
            "",
            "?access_token=",
            "?access_token=None",
            "?access_token=False",
            "?access_token=0",
            f"?access_token={self.own.access_token}",
            f"?access_token={self.secret.access_token[:-1]}",
            f"?access_token={self.secret.access_token.upper()}",
            f"?access_token={self.secret.access_token}x",
            "?access_token=%25",
        )
        untold = self._case(name="Secret case without a token")
        self.assertFalse(untold.access_token)
        for login in (None, self.thief.login, self.stranger.login):
            self.authenticate(login, login)
            for query in wrong:
                for url in (page + query, f"/my/cases/{untold.id}{query}"):
                    with self.subTest(login=login, url=url):
                        answer = self.url_open(url)
                        self.assertNotIn("Secret", answer.text)
                        self.assertNotIn("/my/cases/", answer.url)
        self.assertIn(
            "Secret subject",
            self.url_open(f"{page}?access_token={self.secret.access_token}").text,
        )

    def test_the_portal_list_shows_a_customers_own_cases_alone(self):
        self.authenticate(self.thief.login, self.thief.login)
        for url in (
            "/my/cases",
            "/my/cases?filterby=all&sortby=number",
            "/my/cases?filterby=x&sortby=partner_id desc",
            "/my/cases/page/2",
            "/my",
        ):
            text = self.url_open(url).text
            self.assertNotIn("Secret", text, url)
            self.assertNotIn(self.secret.number, text, url)
        self.assertIn("The thief&#39;s own case", self.url_open("/my/cases").text)

    def test_another_customers_files_are_not_downloaded(self):
        token = self.own.access_token
        for login in (None, self.thief.login, self.stranger.login):
            self.authenticate(login, login)
            for file in (self.file, self.image):
                for url in (
                    f"/web/content/{file.id}",
                    f"/web/content/{file.id}?download=true",
                    f"/web/content/{file.id}?access_token={token}",
                    f"/web/content/{file.id}?access_token={self.secret.access_token}",
                    f"/web/content/ir.attachment/{file.id}/datas",
                    f"/web/content?model=ir.attachment&id={file.id}&field=raw",
                    f"/web/content/care.case/{self.secret.id}/description",
                    f"/web/image/{file.id}",
                    f"/web/image/{file.id}?access_token={token}",
                    f"/web/image/ir.attachment/{file.id}/datas",
                    f"/web/image/care.case/{self.secret.id}/activity_exception_icon",
                    f"/mail/attachment/pdf_first_page/{file.id}",
                ):
                    with self.subTest(login=login, url=url), mute_logger(*QUIET):
                        answer = self.url_open(url)
                        self.assertNotIn(b"Secret", answer.content)
                        self.assertNotIn(file.raw, answer.content)
            with mute_logger(*QUIET):
                answer = self.url_open(
                    "/mail/attachment/zip",
                    data={
                        "file_ids": str(self.file.id),
                        "zip_name": "x.zip",
                        "csrf_token": self._csrf(),
                    },
                )
            self.assertNotIn(b"Secret", answer.content)
        self._refused(self.thief, "ir.attachment", "read", self.file.ids)
        _status, found = self._call(self.thief, "ir.attachment", "search_read", domain=[])
        self.assertEqual(found, [])
        self._refused(
            self.thief,
            "ir.attachment",
            "create",
            vals_list=[
                {
                    "name": "x",
                    "raw": base64.b64encode(b"x").decode(),
                    "res_model": "care.case",
                    "res_id": self.secret.id,
                }
            ],
        )

    def test_who_moves_to_another_firm_sees_its_cases_at_once_and_the_old_ones_no_more(self):
        def seen():
            self.env.invalidate_all()
            return self.secret.with_user(self.thief).search_count([("id", "=", self.secret.id)])

        self.assertFalse(seen())
        firm = self.env["res.partner"].create({"name": "Firm", "is_company": True})
        (self.customer | self.thief_partner).parent_id = firm
        self.assertTrue(seen())
        other = self.env["res.partner"].create({"name": "Another firm", "is_company": True})
        self.thief_partner.parent_id = other
        self.assertFalse(seen())
        # with the department he sits in
        department = self.env["res.partner"].create({"name": "Sales", "parent_id": other.id})
        self.thief_partner.parent_id = department
        self.assertFalse(seen())
        department.parent_id = firm
        self.assertTrue(seen())

    def test_the_chatter_of_another_customers_case_is_closed(self):
        thread = {"thread_model": "care.case", "thread_id": self.secret.id}
        post = {"body": "Forged", "message_type": "comment"}
        before = self._state()
        for login in (None, self.thief.login, self.stranger.login):
            self.authenticate(login, login)
            for claim in (
                {},
                {"token": self.own.access_token},
                {"token": "x"},
                {"token": ""},
                {"hash": "x", "pid": self.customer.id},
                {
                    "hash": self.own._sign_token(self.thief_partner.id),
                    "pid": self.thief_partner.id,
                },
                {
                    "hash": self.own._sign_token(self.customer.id),
                    "pid": self.customer.id,
                },
            ):
                for route, params in (
                    ("/portal/chatter_init", thread),
                    ("/mail/chatter_fetch", thread),
                    ("/mail/thread/messages", thread),
                    ("/mail/thread/recipients", thread),
                    ("/mail/message/post", {**thread, "post_data": post}),
                    (
                        "/mail/message/update_content",
                        {"message_id": self.message.id, "update_data": post},
                    ),
                    (
                        "/mail/message/reaction",
                        {"message_id": self.message.id, "content": "x", "action": "add"},
                    ),
                    (
                        "/mail/update_is_internal",
                        {"message_id": self.message.id, "is_internal": True},
                    ),
                    (
                        "/mail/data",
                        {
                            "fetch_params": [
                                [
                                    "mail.thread",
                                    {
                                        **thread,
                                        "request_list": [
                                            "attachments",
                                            "followers",
                                            "activities",
                                        ],
                                    },
                                ]
                            ]
                        },
                    ),
                    (
                        "/mail/attachment/delete",
                        {"attachment_id": self.file.id, "access_token": "x"},
                    ),
                ):
                    if route == "/mail/update_is_internal" and claim:
                        continue
                    with self.subTest(login=login, route=route, claim=claim):
                        extra = {} if route == "/mail/update_is_internal" else claim
                        answer = self._rpc(route, **params, **extra)
                        text = json.dumps(answer)
                        self.assertNotIn("Secret", text)
                        self.assertNotIn("secret.txt", text)
                        self.assertNotIn("clara@example.com", text)
        self.assertEqual(self._state(), before)
        self.assertTrue(self.file.exists())

    def test_no_file_is_put_into_another_customers_case(self):
        before = self._state()
        for login in (None, self.thief.login):
            self.authenticate(login, login)
            for token in ("", "x", self.own.access_token):
                with mute_logger(*QUIET):
                    self.url_open(
                        "/mail/attachment/upload",
                        data={
                            "thread_model": "care.case",
                            "thread_id": self.secret.id,
                            "token": token,
                            "csrf_token": self._csrf(),
                        },
                        files={"ufile": ("x.txt", b"x", "text/plain")},
                    )
        self.assertEqual(self._state(), before)

    def test_call_kw_gives_a_customer_no_more_than_json_2(self):
        self.authenticate(self.thief.login, self.thief.login)
        for method, args, kwargs in (
            ("read", [self.secret.ids, ["name"]], {}),
            ("web_read", [self.secret.ids, {"name": {}}], {}),
            ("write", [self.secret.ids, {"name": "x"}], {}),
            ("write", [self.own.ids, {"name": "x"}], {}),
            ("web_save", [self.own.ids, {"name": "x"}], {"specification": {}}),
            ("unlink", [self.own.ids], {}),
            ("message_post", [self.secret.ids], {"body": "x"}),
            ("_portal_ensure_token", [self.secret.ids], {}),
            ("_customer_answers", [self.secret.ids, "yes"], {}),
            ("_enter_stage", [self.own.ids, 1], {}),
            ("sudo", [self.secret.ids], {}),
            ("with_user", [self.secret.ids, 1], {}),
        ):
            with self.subTest(method):
                answer = self._rpc(
                    "/web/dataset/call_kw/care.case/x",
                    model="care.case",
                    method=method,
                    args=args,
                    kwargs=kwargs,
                )
                self.assertIn("AccessError", str(answer))
        self.assertEqual(self.secret.name, "Secret subject")

    def test_a_customer_writes_in_nobody_elses_name(self):
        """He may post on his own case, but not as our agent, and no automatic mail."""
        for extra in (
            {"author_id": self.agent.partner_id.id},
            {"email_from": "boss@example.com"},
            {"message_type": "auto_comment"},
            {"author_id": self.customer.id},
            {"subtype_xmlid": "mail.mt_note"},
            {"partner_ids": [self.customer.id, self.agent.partner_id.id]},
            {"outgoing_email_to": "everybody@example.com"},
            {"create_uid": self.agent.id},
            {"date": "2020-01-01 00:00:00"},
        ):
            with self.subTest(extra):
                before = self.own.message_ids
                status, _answer = self._call(
                    self.thief,
                    "care.case",
                    "message_post",
                    self.own.ids,
                    body="We owe you 1,000 €",
                    **extra,
                )
                self.env.invalidate_all()
                for message in self.own.message_ids - before:
                    self.assertEqual(message.author_id, self.thief_partner)
                    self.assertNotIn("boss@", message.email_from or "")
                    self.assertEqual(message.message_type, "comment")
                    self.assertEqual(message.subtype_id, self.env.ref("mail.mt_comment"))
                    self.assertNotIn(self.customer, message.partner_ids)
                    self.assertFalse(message.outgoing_email_to)
                    self.assertEqual(message.create_uid, self.thief)
                    self.assertGreater(message.date, fields.Datetime.now() - timedelta(hours=1))

    # ------------------------------------------------------------
    # Buttons
    # ------------------------------------------------------------

    def test_nobody_acts_beyond_his_rights_by_a_button(self):
        """The rep reads the case of his order, and the owner may not close it."""
        self.secret.resolution = "Mended"
        for method in ("action_resolve", "action_reopen", "action_cancel", "action_close"):
            self._refused(self.rep, "care.case", method, self.secret.ids)
        self._call(self.agent, "care.case", "action_resolve", self.secret.ids)
        self.assertEqual(self.secret.stage_category, "resolved")
        self._refused(self.agent, "care.case", "action_close", self.secret.ids)
        self._refused(self.agent, "care.followup", "action_done", self.followup.ids)
        self._refused(self.agent, "care.retry", "action_retry", self.retry.ids)
        self.assertEqual(self.secret.stage_category, "resolved")
        self.assertEqual(self.followup.state, "planned")
