"""Who may do what with whose record: all models × roles × operations × own, the team's, others',
another company's and confidential ones, against the table below.

A new model needs a line in :data:`MATRIX` and one in :data:`FACTORIES`; the first test says so. An
integrator of several branches adds both, runs the test, and reads what it says of each cell.
"""

from types import SimpleNamespace

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import CareCase

#: Whose record it is, in the order of the columns of :data:`MATRIX`:
#: the agent's and the portal user's own; of a colleague in the same team; of another team;
#: of another company; confidential, in the agent's own team, with somebody of the group.
PLACES = ("own", "team", "other", "company", "sealed")
#: Who asks. The agent is in the team “Service”, the leader leads it, the keeper is of the group
#: “Confidential cases” and in no team, the employee has no role in Customer Care.
ROLES = ("public", "portal", "employee", "agent", "leader", "manager", "keeper")
OPERATIONS = {"r": "read", "w": "write", "c": "create", "u": "unlink"}

#: model -> role -> what it may do in each place; a role that is missing may do nothing.
#: “-” nothing, r read (and find, group, export), w write, c create, u delete
MATRIX = {
    # what is confidential is nobody's but its group's, managers included
    "care.case": {
        "portal": "r - - - -",
        "agent": "rwc rwc - - -",
        "leader": "rwc rwc - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwc",
    },
    # a journey is not confidential, whatever its cases are
    "care.journey": {
        "agent": "rw - - - -",
        "leader": "rw rw - - rw",
        "manager": "rw rw rw - rw",
    },
    "care.tenure": {
        "agent": "r - - - -",
        "leader": "r r - - -",
        "manager": "r r r - -",
        "keeper": "- - - - r",
    },
    "care.team": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    "care.followup": {
        "agent": "rwc - - - -",
        "leader": "rwc rwc - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwc",
    },
    # the agent is asked to take the colleague's
    "care.handoff": {
        "agent": "rwc rwc - - -",
        "leader": "rwc rwc - - -",
        "manager": "rwc rwc rwc - -",
        "keeper": "- - - - rwc",
    },
    "care.notice": {
        "leader": "rw rw - - -",
        "manager": "rw rw rw - -",
    },
    "care.retry": {
        "leader": "rw rw - - -",
        "manager": "rw rw rw - -",
    },
    "care.profile": {
        "agent": "rwc rwc rwc - rwc",
        "leader": "rwc rwc rwc - rwc",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "rwc rwc rwc - rwc",
    },
    "care.worktime": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "r r r - r",
        "keeper": "r r r - r",
    },
    "care.policy": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    # set up once for all companies
    "care.tier": {
        "agent": "r r r r r",
        "leader": "r r r r r",
        "manager": "rwcu rwcu rwcu rwcu rwcu",
        "keeper": "r r r r r",
    },
    "care.stage": {
        "agent": "r r r r r",
        "leader": "r r r r r",
        "manager": "rwcu rwcu rwcu rwcu rwcu",
        "keeper": "r r r r r",
    },
    "care.journey.type": {
        "agent": "r r r r r",
        "leader": "r r r r r",
        "manager": "rwcu rwcu rwcu rwcu rwcu",
        "keeper": "r r r r r",
    },
    "care.outcome": {
        "agent": "r r r r r",
        "leader": "r r r r r",
        "manager": "rwcu rwcu rwcu rwcu rwcu",
        "keeper": "r r r r r",
    },
    "care.backfill": {
        "manager": "rwc rwc rwc - rwc",
    },
    "care.digest": {
        "manager": "rw rw rw - rw",
    },
    "care.category": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    "care.standard": {
        "agent": "rw r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    "care.standard.version": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "r r r - r",
        "keeper": "r r r - r",
    },
    "care.standard.reader": {
        "agent": "r - - - -",
        "leader": "r r - - -",
        "manager": "r r r - r",
    },
    "care.acknowledgement": {
        "agent": "r - - - -",
        "leader": "r r - - -",
        "manager": "r r r - r",
    },
    "care.check": {
        "agent": "r r - - -",
        "leader": "r r - - -",
        "manager": "r r r - -",
        "keeper": "- - - - r",
    },
    "care.check.line": {
        "agent": "r r - - -",
        "leader": "r r - - -",
        "manager": "r r r - -",
        "keeper": "- - - - r",
    },
    # wizards are for who opens them
    "care.check.waiver": {},
    "care.standard.feedback": {},
    "care.promise": {
        "agent": "rwcu rc - - -",
        "leader": "rwcu rwcu - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwcu",
    },
    "care.need": {
        "agent": "rwc r r - -",
        "leader": "rwc rwc rwc - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "r r r - r",
    },
    "care.service": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    "care.guide": {
        "agent": "rw rw rw - rw",
        "leader": "rw rw rw - rw",
        "manager": "rw rw rw - rw",
        "keeper": "rw rw rw - rw",
    },
    "care.statute": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    "care.fact": {
        "agent": "r r - - -",
        "leader": "r r - - -",
        "manager": "r r r - -",
        "keeper": "- - - - r",
    },
    # the team's figure is there for its members, without what is confidential in it
    "care.fact.summary": {
        "agent": "r r - - r",
        "leader": "r r - - r",
        "manager": "r r r - r",
    },
    "care.period.report": {},
    "care.case.merge": {},
    "care.quick.entry": {},
    # what is done about the cases of the place
    "care.action": {
        "agent": "rwc rc - - -",
        "leader": "rwc rwc - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwc",
    },
    # causes are shared: leaders keep them, whose records they are of does not matter
    "care.cause": {
        "agent": "r r r - r",
        "leader": "rwc rwc rwc - rwc",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    "care.signal": {
        "leader": "rw rw - - -",
        "manager": "rw rw rw - -",
    },
    # made of the cases that its reader may read
    "care.pareto": {
        "leader": "r r - - -",
        "manager": "r r r - -",
    },
    # somebody's own limit is theirs, their leader's and the managers' to know
    "care.authority": {
        "agent": "r - - - -",
        "leader": "r r - - -",
        "manager": "rwcu rwcu rwcu - rwcu",
    },
    "care.outlay": {
        "leader": "r r - - -",
        "manager": "r r r - -",
    },
    "care.remedy": {
        "agent": "rwcu rwcu - - -",
        "leader": "rwcu rwcu - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwcu",
    },
    "care.remedy.line": {
        "agent": "rwcu rwcu - - -",
        "leader": "rwcu rwcu - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwcu",
    },
    "care.remedy.document": {
        "agent": "r r - - -",
        "leader": "r r - - -",
        "manager": "r r r - -",
        "keeper": "- - - - r",
    },
    "care.category.remedy": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    "care.service.plan": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "rwcu rwcu rwcu - rwcu",
        "keeper": "r r r - r",
    },
    # of an order, which is not confidential; written by the engine alone
    "care.coverage": {
        "agent": "r r r - r",
        "leader": "r r r - r",
        "manager": "r r r - r",
        "keeper": "r r r - r",
    },
    # fingerprints of who came: for the system alone
    "care.door": {},
    "ir.attachment": {
        "agent": "rwcu rwcu - - -",
        "leader": "rwcu rwcu - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwcu",
    },
    "mail.message": {
        "agent": "rwcu rwcu - - -",
        "leader": "rwcu rwcu - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwcu",
    },
    # read through the messages of a record alone
    "mail.tracking.value": {},
    "mail.activity": {
        "agent": "rwcu rwcu - - -",
        "leader": "rwcu rwcu - - -",
        "manager": "rwcu rwcu rwcu - -",
        "keeper": "- - - - rwcu",
    },
}


def _case(test, place):
    return place.case


#: model -> how to make a record of a place. A place has ``company``, ``team``, ``owner``,
#: ``customer``, ``order``, ``journey`` and ``case``.
FACTORIES = {
    "care.case": _case,
    "care.journey": lambda test, place: place.journey,
    "care.tenure": lambda test, place: place.case.tenure_ids[:1],
    "care.team": lambda test, place: place.team,
    "care.followup": lambda test, place: test._followup(place),
    "care.handoff": lambda test, place: test._made(
        "care.handoff", case_id=place.case.id, to_user_id=place.receiver.id
    ),
    "care.notice": lambda test, place: test._made(
        "care.notice",
        kind="case_received",
        case_id=place.case.id,
        company_id=place.company.id,
        occurrence=9,
    ),
    "care.retry": lambda test, place: test._made(
        "care.retry",
        rule_model="care.policy",
        rule_id=1,
        event="case_opened",
        happened_at=fields.Datetime.now(),
        occurrence=1,
        case_id=place.case.id,
        company_id=place.company.id,
    ),
    "care.profile": lambda test, place: test._made(
        "care.profile", partner_id=place.customer.id, company_id=place.company.id
    ),
    "care.worktime": lambda test, place: test.env["care.worktime"]._get(
        place.company.resource_calendar_id, place.company
    ),
    "care.policy": lambda test, place: test._policy_of(place),
    "care.tier": lambda test, place: test.env.ref("customer_care.tier_key"),
    "care.stage": lambda test, place: place.case.stage_id,
    "care.journey.type": lambda test, place: test.journey_type,
    "care.outcome": lambda test, place: test.env.ref("customer_care.outcome_problem"),
    "care.backfill": lambda test, place: test._made(
        "care.backfill",
        policy_id=test._policy_of(place).id,
        company_id=place.company.id,
    ),
    "care.digest": lambda test, place: test._made(
        "care.digest",
        user_id=place.owner.id,
        company_id=place.company.id,
        day=fields.Date.add(fields.Date.today(), days=PLACES.index(place.name)),
    ),
    "care.category": lambda test, place: test._made(
        "care.category", name="Ours", company_id=place.company.id
    ),
    "care.standard": lambda test, place: test._standard(place),
    "care.standard.version": lambda test, place: test._standard(place).version_id,
    "care.standard.reader": lambda test, place: test.env["care.standard.reader"].search(
        [("standard_id", "=", test._standard(place).id), ("user_id", "=", place.owner.id)]
    ),
    "care.acknowledgement": lambda test, place: test._made(
        "care.acknowledgement",
        standard_id=test._standard(place).id,
        version_id=test._standard(place).version_id.id,
        user_id=place.owner.id,
        acknowledged_at=fields.Datetime.now(),
    ),
    "care.check": lambda test, place: test._checked(place),
    "care.check.line": lambda test, place: place.case.check_line_ids[:1],
    "care.check.waiver": lambda test, place: test._made(
        "care.check.waiver",
        case_id=place.case.id,
        standard_id=test._standard(place).id,
        reason="x",
    ),
    "care.standard.feedback": lambda test, place: test._made(
        "care.standard.feedback", standard_id=test._standard(place).id, reason="x"
    ),
    "care.promise": lambda test, place: test._made(
        "care.promise",
        name="Call back",
        partner_id=place.customer.id,
        company_id=place.company.id,
        case_id=place.case.id,
        user_id=place.owner.id,
        date_due=fields.Date.add(fields.Date.today(), days=3),
    ),
    "care.need": lambda test, place: test._made(
        "care.need",
        name="A hood",
        partner_id=place.customer.id,
        company_id=place.company.id,
        user_id=place.owner.id,
        followup_id=test._followup(place).id,
    ),
    "care.service": lambda test, place: test._made(
        "care.service", name="Installation", company_id=place.company.id
    ),
    "care.guide": lambda test, place: test._made(
        "care.guide",
        service_id=test._made("care.service", name="Guide", company_id=place.company.id).id,
        partner_id=place.customer.id,
        commercial_partner_id=place.customer.id,
        company_id=place.company.id,
        journey_id=place.journey.id,
        sent_at=fields.Datetime.now(),
        access_token="token",
    ),
    "care.statute": lambda test, place: test._made(
        "care.statute", name="By law", days=9, company_id=place.company.id
    ),
    "care.fact": lambda test, place: test._fact(place),
    "care.fact.summary": lambda test, place: test._figure(place),
    "care.period.report": lambda test, place: test._made(
        "care.period.report", company_id=place.company.id
    ),
    "care.case.merge": lambda test, place: test._made(
        "care.case.merge", case_ids=[Command.set(place.case.ids)], target_id=place.case.id
    ),
    "care.quick.entry": lambda test, place: test._made(
        "care.quick.entry", who="x", company_id=place.company.id
    ),
    "care.action": lambda test, place: test._action(place),
    "care.cause": lambda test, place: test._made(
        "care.cause", name="Seal", company_id=place.company.id
    ),
    "care.signal": lambda test, place: test._made(
        "care.signal", case_id=place.case.id, company_id=place.company.id
    ),
    "care.pareto": lambda test, place: test._share(place),
    "care.authority": lambda test, place: test._made(
        "care.authority", who="user", user_id=place.owner.id, company_id=place.company.id
    ),
    "care.outlay": lambda test, place: test._made(
        "care.outlay",
        name="A discount",
        company_id=place.company.id,
        amount=5,
        kind="discount",
        source="remedy",
        decision="alone",
        user_id=place.owner.id,
        day="2026-03-02",
        case_id=place.case.id,
    ),
    "care.remedy": lambda test, place: test._remedy(place),
    "care.remedy.line": lambda test, place: test._made(
        "care.remedy.line",
        remedy_id=test._remedy(place, kind="return").id,
        sale_line_id=place.order.order_line[:1].id,
    ),
    "care.remedy.document": lambda test, place: test._made(
        "care.remedy.document",
        remedy_id=test._remedy(place).id,
        company_id=place.company.id,
        number=1,
        order_id=place.order.id,
    ),
    "care.category.remedy": lambda test, place: test._made(
        "care.category.remedy",
        name="Say sorry",
        category_id=test._made("care.category", name="Ours", company_id=place.company.id).id,
    ),
    "care.service.plan": lambda test, place: test._made(
        "care.service.plan",
        name="Two years",
        company_id=place.company.id,
        product_tmpl_ids=[Command.set(test.product.product_tmpl_id.ids)],
    ),
    "care.coverage": lambda test, place: test._made(
        "care.coverage",
        plan_id=FACTORIES["care.service.plan"](test, place).id,
        sale_line_id=place.order.order_line[:1].id,
        order_id=place.order.id,
        journey_id=place.journey.id,
        product_id=place.order.order_line[:1].product_id.id,
        partner_id=place.customer.id,
        commercial_partner_id=place.customer.id,
        company_id=place.company.id,
        part=1,
    ),
    "care.door": lambda test, place: test._made("care.door", key=place.name),
    # what Odoo keeps of a case
    "ir.attachment": lambda test, place: test._made(
        "ir.attachment", name="x.txt", raw=b"x", res_model="care.case", res_id=place.case.id
    ),
    "mail.message": lambda test, place: place.case.message_post(
        body="Ours", message_type="comment"
    ),
    "mail.tracking.value": lambda test, place: test._made(
        "mail.tracking.value",
        mail_message_id=place.case.message_ids[:1].id,
        field_id=test.env["ir.model.fields"]._get("care.case", "severity").id,
        new_value_char="High",
    ),
    "mail.activity": lambda test, place: place.case.activity_schedule(
        "mail.mail_activity_data_todo", user_id=place.owner.id
    ),
}


@tagged("post_install", "-at_install")
class TestRightsMatrix(CareCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"care_start_date": "2020-01-01", "care_silence_days": 0})
        other = cls.env["res.company"].create(
            {
                "name": "Elsewhere",
                "care_start_date": "2020-01-01",
                "resource_calendar_id": False,
            }
        )
        other.resource_calendar_id = cls._calendar(other)
        cls.env.user.company_ids = [Command.link(other.id)]
        agent, leader = "customer_care.group_agent", "customer_care.group_leader"
        cls.outside, cls.outside2, leader2, cls.keeper, cls.keeper2, employee = cls._users(
            care_outside=agent,
            care_outside2=agent,
            care_leader2=leader,
            care_keeper="customer_care.group_confidential",
            care_keeper2="customer_care.group_confidential",
            care_employee="base.group_user",
        )
        agent_b = cls._user("care_agent_b", agent, other)
        agent_b2 = cls._user("care_agent_b2", agent, other)
        leader_b = cls._user("care_leader_b", leader, other)
        other.care_default_owner_id = leader_b
        cls.env.ref("customer_care.group_confidential").user_ids = [
            Command.unlink(cls.env.ref("base.user_admin").id)
        ]
        portal = cls._user("care_client", "base.group_portal", partner_id=cls.customer.id)
        team2, team_b = cls.env["care.team"].create(
            [
                {
                    "name": name,
                    "company_id": company.id,
                    "leader_id": chief.id,
                    "member_ids": [Command.set(members.ids)],
                }
                for name, company, chief, members in (
                    ("Transport", cls.company, leader2, cls.outside | cls.outside2),
                    ("Service B", other, leader_b, agent_b | agent_b2),
                )
            ]
        )
        cls.users = {
            "public": cls.env.ref("base.public_user"),
            "portal": portal,
            "employee": employee,
            "agent": cls.agent,
            "leader": cls.leader,
            "manager": cls.manager,
            "keeper": cls.keeper,
        }
        # with the right to export, so that it is not that which stops them
        cls.env.ref("base.group_allow_export").user_ids = [
            Command.link(user.id) for user in cls.users.values() if not user.share
        ]
        cls.places = [
            cls._place("own", cls.company, cls.team, cls.agent, cls.agent2, cls.customer),
            cls._place("team", cls.company, cls.team, cls.agent2, cls.agent),
            cls._place("other", cls.company, team2, cls.outside, cls.outside2),
            cls._place("company", other, team_b, agent_b, agent_b2),
            cls._place("sealed", cls.company, cls.team, cls.keeper2, cls.keeper),
        ]
        cls.places[-1].case.confidential = True
        cls._standards, cls._facts = {}, {}
        cls.env.flush_all()

    @classmethod
    def _place(cls, name, company, team, owner, receiver, customer=None):
        customer = customer or cls.env["res.partner"].create({"name": f"Nina {name}"})
        order = cls._order(user=owner, partner=customer, company_id=company.id, team_id=False)
        order.action_confirm()
        journey = cls.env["care.journey"].search([("order_id", "=", order.id)])
        journey._set_owner(owner, chosen=True)
        journey.write({"team_id": team.id})
        case = cls._case(
            name=name,
            company_id=company.id,
            team_id=team.id,
            partner_id=customer.id,
            owner_id=owner.id,
        )
        return SimpleNamespace(
            name=name,
            company=company,
            team=team,
            owner=owner,
            receiver=receiver,
            customer=customer,
            order=order,
            journey=journey,
            case=case,
        )

    # ------------------------------------------------------------
    # Making records
    # ------------------------------------------------------------

    def _made(self, model, **vals):
        return self.env[model].create(vals)

    def _policy_of(self, place):
        return self._made(
            "care.policy",
            name="Policy",
            event="order_confirmed",
            plan_id=self.env.ref("customer_care.plan_after_sale").id,
            company_id=place.company.id,
        )

    def _followup(self, place):
        return self._made(
            "care.followup",
            name="Call",
            case_id=place.case.id,
            company_id=place.company.id,
            partner_id=place.customer.id,
            user_id=place.owner.id,
            activity_type_id=self.env.ref("customer_care.mail_activity_type_followup").id,
            date_due=fields.Date.today(),
        )

    def _standard(self, place):
        """A check in the case's stage, kept by the place's owner."""
        if place.name not in self._standards:
            standard = self._made(
                "care.standard",
                name="Say sorry",
                kind="stage",
                text="<p>Say sorry</p>",
                company_id=place.company.id,
                stage_ids=[Command.set(place.case.stage_id.ids)],
                is_check=True,
                owner_id=place.owner.id,
            )
            standard.action_publish()
            self._standards[place.name] = standard
        return self._standards[place.name]

    def _checked(self, place):
        self.env["care.check"]._done(place.case, self._standard(place))
        return self.env["care.check"].search([("case_id", "=", place.case.id)])

    def _action(self, place):
        return self._made(
            "care.action",
            name="Change the seal",
            company_id=place.company.id,
            category_id=self._made("care.category", name="Seals", company_id=place.company.id).id,
            case_ids=[Command.set(place.case.ids)],
            owner_id=place.owner.id,
        )

    def _remedy(self, place, kind="apology"):
        place.case.order_id = place.order
        return self._made("care.remedy", case_id=place.case.id, kind=kind, text="Sorry")

    def _share(self, place):
        """The place's row of the Pareto, as superuser sees it: of its case alone."""
        place.case.category_id = self._made(
            "care.category", name="Ours", company_id=place.company.id
        )
        self.env.flush_all()
        return self.env["care.pareto"].search(
            [("category_id", "=", place.case.category_id.id), ("period", "=", "all")]
        )

    def _fact(self, place):
        if place.name not in self._facts:
            self._facts[place.name] = self._made(
                "care.fact",
                day="2026-03-02",
                measure="tenure",
                company_id=place.company.id,
                team_id=place.team.id,
                user_id=place.owner.id,
                case_id=place.case.id,
                confidential=place.case.confidential,
                res_model="care.case",
                res_id=place.case.id,
                cycle=99,
            )
        return self._facts[place.name]

    def _figure(self, place):
        """The row of all facts of the place's team, as superuser sees it."""
        for each in self.places:
            self._fact(each)
        self.env.flush_all()
        return self.env["care.fact.summary"].search(
            [("team_id", "=", place.team.id), ("measure", "=", "tenure")]
        )

    # ------------------------------------------------------------
    # The matrix
    # ------------------------------------------------------------

    def _models(self):
        """All models of this addon that keep something."""
        return {
            name
            for name, model in self.env.registry.items()
            if model._original_module == "customer_care"
            and not model._abstract
            and name.startswith("care.")
        }

    def test_every_model_has_a_line_and_a_way_to_make_one(self):
        for what, table in (("MATRIX", MATRIX), ("FACTORIES", FACTORIES)):
            missing = sorted(self._models() - set(table))
            self.assertFalse(
                missing,
                f"add {', '.join(missing)} to {what} in tests/test_rights_matrix.py: who may do "
                "what with whose record is decided there before a model is shipped",
            )
        gone = sorted(
            name for name in (set(MATRIX) | set(FACTORIES)) if name not in self.env.registry
        )
        self.assertFalse(gone, "these models do not exist any more: take their lines out")

    def _says(self, model, role):
        """What the table says: a set of letters for each place."""
        cells = MATRIX.get(model, {}).get(role, " ".join("-" * len(PLACES))).split()
        self.assertEqual(len(cells), len(PLACES), f"{model}, {role}: one cell for each place")
        return [set(cell) - {"-"} for cell in cells]

    def _may(self, record, user):
        """What ``user`` may really do with ``record``; reading, finding and exporting agree."""
        mine = record.with_user(user)
        allowed = {letter for letter, name in OPERATIONS.items() if mine.has_access(name)}
        model = self.env[record._name].with_user(user).with_context(active_test=False)
        found = bool(
            model.has_access("read") and model.search([("id", "=", record.id)], order="id")
        )
        self.assertEqual(found, "r" in allowed, f"{record} {user.login}: found, but not readable")
        # Odoo lets nobody but administrators export messages
        if user.has_group("base.group_allow_export") and model._name != "mail.message":
            # any field but the id, which says nothing
            name = "create_date" if model._log_access else "company_id"
            try:
                exported = any(map(any, mine.export_data([name])["datas"]))
            except (AccessError, UserError):
                exported = False
            self.assertEqual(exported, "r" in allowed, f"{record} {user.login}: exported")
        return allowed

    def test_each_role_may_do_what_the_matrix_says_and_nothing_else(self):
        with mute_logger("odoo.models", "odoo.addons.base.models.ir_rule", "odoo.sql_db"):
            for model, make in FACTORIES.items():
                records = [make(self, place) for place in self.places]
                self.env.flush_all()
                self.env.invalidate_all()
                for place, record in zip(PLACES, records, strict=True):
                    self.assertTrue(record, f"FACTORIES makes no {model} for {place}")
                for role in ROLES:
                    expected = self._says(model, role)
                    cells = []
                    for place, record, letters in zip(PLACES, records, expected, strict=True):
                        allowed = self._may(record[:1], self.users[role])
                        cells.append("".join(c for c in "rwcu" if c in allowed) or "-")
                        with self.subTest(model=model, role=role, place=place):
                            self.assertEqual(
                                allowed,
                                letters,
                                f"{role}, {model}: it is “{' '.join(cells)}” so far",
                            )

    def test_a_customer_exports_and_groups_nothing_of_others(self):
        cases = self.env["care.case"].with_user(self.users["portal"])
        own, *rest = (place.case for place in self.places)
        self.assertEqual(cases.search([], order="id"), own)
        self.assertEqual(cases._read_group([], [], ["__count"]), [(1,)])
        for case in rest:
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                case.with_user(self.users["portal"]).read(["name"])

    def test_the_owner_of_a_confidential_case_works_it_without_the_group(self):
        sealed = self.places[-1]
        sealed.case._set_owner(self.agent, chosen=True)
        self.env.flush_all()
        for model, letters in (
            ("care.case", "rwc"),
            ("care.followup", "rwc"),
            ("care.tenure", "r"),
            ("care.promise", "rwcu"),
            ("care.remedy", "rwcu"),
            # with whoever sees to it
            ("care.action", "rc"),
        ):
            record = FACTORIES[model](self, sealed)[:1]
            with self.subTest(model):
                self.assertEqual(self._may(record, self.agent), set(letters))
                self.assertEqual(self._may(record, self.agent2), set())
                self.assertEqual(self._may(record, self.manager), set())
