"""What the register's screens cost as it grows: 5,000, 50,000 and 500,000 cases.

A customer has ten cases; one case of twenty is still open, the others are closed. Each has a
subject of common words and a rare one. At each size:

- the list and the kanban of open cases are read, beside the same views with nothing but
  stored columns;
- cases are found by customer, by number and by words, beside a bare list of 80;
- a case's form is opened, and the customer's own list and its counter on the portal.

Run it from the project's root on the demo, or with ``odoo shell`` on any database with
``customer_care`` (nothing is kept; ``bench.py`` says what can be set)::

    ./care shell < benchmarks/cases.py
    odoo shell -c odoo.conf -d DB --no-http < benchmarks/cases.py
"""

import sys
from statistics import median

sys.path.insert(0, "benchmarks")

from bench import (
    LOOKS,
    copy,
    each,
    in_turns,
    main,
    numbers,
    pick,
    queries,
    ratio,
    specification,
    users,
)

SIZES = (5_000, 50_000, 500_000)
#: Cases that a customer has.
OF_CUSTOMER = 10
AGENTS = 10
#: Cases of the agent who sees few of many.
OF_AGENT = 20
WORDS = ("door", "noise", "leak", "display", "lamp", "filter", "drum", "hinge", "fan", "knob")

#: What is measured -> (its budget, if it has one; how it is printed).
MEASURES = {
    "list of 80 / stored columns": (1.15, "{:.2f} ×"),
    "list of 80, ms": (None, "{:.0f}"),
    "list of 80, queries": (None, "{:.0f}"),
    "an agent's list / the manager's": (None, "{:.2f} ×"),
    "an agent's list, ms": (None, "{:.1f}"),
    "an agent's list of all, ms": (None, "{:.1f}"),
    "kanban / stored columns": (1.15, "{:.2f} ×"),
    "kanban, ms": (None, "{:.0f}"),
    "kanban, queries": (None, "{:.0f}"),
    "by customer, ms": (None, "{:.1f}"),
    "by customer, queries": (None, "{:.0f}"),
    "by number, ms": (None, "{:.1f}"),
    "by number, queries": (None, "{:.0f}"),
    "by a rare word, ms": (None, "{:.1f}"),
    "by a rare word, queries": (None, "{:.0f}"),
    "form, ms": (None, "{:.0f}"),
    "form, queries": (None, "{:.0f}"),
    "portal list, ms": (None, "{:.1f}"),
    "portal list, queries": (None, "{:.0f}"),
    "portal counter, ms": (None, "{:.1f}"),
}

#: What is drawn, and in which colour.
DRAWN = {
    "list of 80 / stored columns": "#17becf",
    "kanban / stored columns": "#8c564b",
}


class Register:
    """A company with a register, its agents and a customer with a login."""

    def __init__(self, env, size):
        self.env = env
        *self.agents, self.agent = users(env, "customer_care.group_agent", AGENTS + 1)
        self.agents = env["res.users"].union(*self.agents)
        self.manager = users(env, "customer_care.group_manager", 1)
        partner = env["res.partner"].create({"name": "Customer", "email": "c@example.com"})
        self.case = env["care.case"].create(
            {"name": "Pattern", "partner_id": partner.id, "owner_id": self.agents[0].id}
        )
        self._grow(partner, size)
        self._give()
        self.customer = users(env, "base.group_portal", 1)
        self.customer.partner_id = self.partners[1]

    def _grow(self, partner, size):
        env = self.env
        self.partners = copy(
            env,
            partner,
            numbers(max(size // OF_CUSTOMER, 2)),
            complete_name="'Customer ' || i",
        )
        env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE id = ANY(%s)", [self.partners]
        )
        stages = env["care.stage"].search([("res_model", "=", "care.case")])
        open_stage, closed_stage = (
            stages.filtered(lambda stage, wanted=category: stage.category == wanted)[:1].id
            for category in ("open", "closed")
        )
        words = "(ARRAY['" + "','".join(WORDS) + "'])[1 + {} % " + str(len(WORDS)) + "]"
        cases = copy(
            env,
            self.case,
            numbers(size),
            number="'B-' || lpad(i::text, 7, '0')",
            name=f"initcap({words.format('i')}) || ' and ' || {words.format('(i / 7)')}"
            " || ' rare' || (i % 5000)",
            partner_id=pick(self.partners, "i"),
            commercial_partner_id=pick(self.partners, "i"),
            owner_id=pick(self.agents.ids, "i"),
            severity="(i % 4)::text",
            stage_id=f"CASE WHEN i % 20 = 0 THEN {open_stage} ELSE {closed_stage} END",
            stage_category="CASE WHEN i % 20 = 0 THEN 'open' ELSE 'closed' END",
            received_at="old.received_at - interval '10 minutes' * i",
            closed_at="CASE WHEN i % 20 = 0 THEN NULL ELSE old.received_at END",
            access_token="NULL",
        )
        rows = each(cases)
        copy(env, self.case.message_follower_ids[:1], rows, res_id="new")
        copy(env, self.case.tenure_ids, rows, case_id="new")
        self.cases = env["care.case"].browse(cases)
        env.invalidate_all()
        for table in ("res_partner", "care_case", "care_tenure", "mail_followers"):
            env.cr.execute(f"ANALYZE {table}")

    def _give(self):
        """An agent of no team, who sees the few cases that are theirs."""
        step = max(len(self.cases) // OF_AGENT, 1)
        self.env.cr.execute(
            "UPDATE care_case SET owner_id = %s, first_owner_id = %s WHERE id = ANY(%s)",
            [self.agent.id, self.agent.id, self.cases.ids[::step]],
        )


def run(env, size, _count):
    """All measures with a register of ``size`` cases."""
    register = Register(env, size)
    cases = env["care.case"].with_user(register.manager)
    is_open = [("stage_category", "in", ("open", "waiting"))]

    def kanban(stored):
        wanted = specification(cases, "kanban", stored)
        return lambda _number: cases.web_read_group(
            is_open, ["stage_id"], ["__count"], auto_unfold=True, unfold_read_specification=wanted
        )

    def found(domain, stored=False):
        wanted = specification(cases, "list", stored)
        return lambda number: cases.web_search_read(
            domain(number) if callable(domain) else domain, wanted, limit=80
        )

    results = {}

    def note(name, measures):
        results[f"{name}, ms"] = median(taken.seconds for taken in measures) * 1000
        results[f"{name}, queries"] = queries(measures)

    for name, ours, bare in (
        ("list of 80", found(is_open), found(is_open, True)),
        ("kanban", kanban(False), kanban(True)),
    ):
        measures, bare_measures = in_turns(env, LOOKS, ours, bare)
        results[f"{name} / stored columns"] = ratio(measures, bare_measures)
        note(name, measures)
    few = cases.with_user(register.agent)
    wanted = specification(few, "list")
    manager, agent, agent_all = in_turns(
        env,
        LOOKS,
        found(is_open),
        lambda _number: few.web_search_read(is_open, wanted, limit=80),
        lambda _number: few.web_search_read([], wanted, limit=80),
    )
    results["an agent's list / the manager's"] = ratio(agent, manager)
    results["an agent's list, ms"] = median(taken.seconds for taken in agent) * 1000
    results["an agent's list of all, ms"] = median(taken.seconds for taken in agent_all) * 1000
    partners, step = register.partners, max(size // 1000, 1)
    looks = {
        "by customer": found(lambda nr: [("partner_id", "child_of", partners[nr % len(partners)])]),
        "by number": found(
            lambda nr: [
                "|",
                ("number", "ilike", f"B-{nr * step:07}"),
                ("name", "ilike", f"B-{nr * step:07}"),
            ]
        ),
        "by a rare word": found(
            lambda nr: [
                "|",
                ("number", "ilike", f"rare{nr + 1000}"),
                ("name", "ilike", f"rare{nr + 1000}"),
            ]
        ),
    }
    wanted = specification(cases, "form")
    looks["form"] = lambda nr: cases.browse(register.cases[nr].id).web_read(wanted)
    mine = env["care.case"].with_user(register.customer)

    def portal_list(_number):
        page = mine.search([], order="received_at desc, id desc", limit=20)
        page.sudo().mapped("name")

    looks["portal list"] = portal_list
    looks["portal counter"] = lambda _number: mine.search_count([])
    for name, look in looks.items():
        (measures,) = in_turns(env, LOOKS, look)
        note(name, measures)
    return results


if "env" in globals():
    main(env, run, SIZES, 0, MEASURES, DRAWN, "cases", "cases")  # noqa: F821
    env.cr.rollback()  # noqa: F821
