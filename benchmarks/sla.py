"""What promises cost as open ones grow: 1,000 to 1,000,000 clocks, beside the peer and bare SQL.

The peer is OCA's ``helpdesk_mgmt_sla``. Three databases are measured in turns, in one process:
the register without the SLA add-on, the same with it, and the peer's, where teams with and
without SLAs stand beside each other. All three get the same history: a case (ticket) has three
promises, sixty are late whatever the size, and there are as many closed cases as open ones.
At each size:

- cases are created, one by one and 2,000 at once, with three promises each;
- they move to the stage in which we wait for the customer, one by one and 200 at once;
- the cron looks when nothing is due, with and without as many clocks that have ended;
- promises come due and are escalated, beside the peer's tickets that are brought up to date;
- deadlines are planned, beside ``plan_hours``;
- list and kanban are read with our columns and without them, what is late is searched, and a
  year of facts is reported by month and team.

Run it by ``python3 benchmarks/run_sla.py``, which makes the databases; nothing is kept in them.
"""

import os
import sys
from datetime import timedelta
from statistics import median
from unittest.mock import patch

sys.path.insert(0, "benchmarks")

from bench import (
    LOOKS,
    array,
    copy,
    each,
    main,
    measure,
    numbers,
    pick,
    queries,
    ratio,
    specification,
    users,
)
from worktime import main as plan

import odoo
from odoo import SUPERUSER_ID, api, fields
from odoo.tools import split_every

RECORDS = 2_000
SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: Promises of a case.
PROMISES = ("acknowledgement", "first_response", "resolution")
#: Cases and tickets that are late, whatever the size.
LATE = 60
#: How often one by one is measured, and a batch.
SINGLES, ROUNDS = 40, 4
#: Cases in a batch that is moved, and tickets of the peer in one, which takes its time.
MOVED, PEER_MOVED = 200, 100
#: Tickets that the peer creates, and brings up to date, at once.
PEER_BATCH, PEER_DUE = 200, 100
OWNERS, TEAMS = 10, 20

#: What is measured -> (its budget, if it has one; how it is printed).
MEASURES = {
    "create / without": (1.10, "{:.2f} ×"),
    "create, queries more": (2, "{:.0f}"),
    "create, ms more": (None, "{:.2f}"),
    "create, more / the peer's more": (0.125, "{:.3f} ×"),
    "create, peer / without": (None, "{:.2f} ×"),
    "batch / without": (1.10, "{:.2f} ×"),
    "batch, ms more each": (1.0, "{:.2f}"),
    "batch, queries more each": (0.1, "{:.3f}"),
    "batch, more / the peer's more": (0.125, "{:.3f} ×"),
    "batch, peer / without": (None, "{:.2f} ×"),
    "batch, rows in bare SQL, ms each": (None, "{:.2f}"),
    "stage / without": (1.25, "{:.2f} ×"),
    "stage, queries more": (3, "{:.0f}"),
    "stage, ms": (None, "{:.1f}"),
    "stage, more / the peer's more": (0.125, "{:.3f} ×"),
    "stage, peer / without": (None, "{:.2f} ×"),
    "stage in batch / without": (1.5, "{:.2f} ×"),
    "stage in batch, ms more each": (None, "{:.2f}"),
    "stage in batch, queries more each": (0.1, "{:.3f}"),
    "stage in batch, more / peer's more": (0.125, "{:.3f} ×"),
    "stage in batch, peer / without": (None, "{:.2f} ×"),
    "idle cron / bare search": (2, "{:.2f} ×"),
    "idle cron, ms": (3, "{:.2f}"),
    "idle cron, queries": (2, "{:.0f}"),
    "idle cron, with ended / without": (1.3, "{:.2f} ×"),
    "due clock, ms each": (3, "{:.2f}"),
    "due clock, queries each": (None, "{:.3f}"),
    "due clock / the peer's ticket": (None, "{:.3f} ×"),
    "deadline / plan_hours": (0.002, "{:.4f} ×"),
    "list of 80 / without columns": (1.15, "{:.2f} ×"),
    "list of 80, ms": (None, "{:.0f}"),
    "list of 80, queries more": (None, "{:.0f}"),
    "list of 80, peer / without columns": (None, "{:.2f} ×"),
    "kanban / without columns": (1.15, "{:.2f} ×"),
    "kanban, ms": (None, "{:.0f}"),
    "kanban, queries more": (None, "{:.0f}"),
    "kanban, peer / without columns": (None, "{:.2f} ×"),
    "late ones, ms": (None, "{:.1f}"),
    "late ones, counted, ms": (None, "{:.1f}"),
    "late ones, peer, counted, ms": (None, "{:.1f}"),
    "report, ms": (100, "{:.0f}"),
    "report with median and p90, ms": (None, "{:.0f}"),
    "report, peer, ms": (None, "{:.0f}"),
}

#: What is drawn, and in which colour.
DRAWN = {
    "create / without": "#1f77b4",
    "batch / without": "#ff7f0e",
    "stage / without": "#2ca02c",
    "stage in batch / without": "#d62728",
    "idle cron / bare search": "#9467bd",
    "due clock, ms each": "#e377c2",
    "list of 80 / without columns": "#17becf",
    "kanban / without columns": "#8c564b",
    "report, ms": "#7f7f7f",
}


# ------------------------------------------------------------
# The three databases
# ------------------------------------------------------------


class Side:
    """A database with its history, worked on by a manager; rolled back when it is left."""

    def __init__(self, name, size):
        registry = odoo.modules.registry.Registry(name)
        # what an earlier size has left behind would be read again and again
        connection = odoo.sql_db.db_connect(name).cursor()
        connection._cnx.autocommit = True
        connection.execute("VACUUM ANALYZE")
        connection.close()
        registry.clear_all_caches()
        # as on any day but the first: when the working hours were read is long ago
        with registry.cursor() as cr:
            self._prepare(api.Environment(cr, SUPERUSER_ID, {}))
        self.env = env = api.Environment(
            registry.cursor(), SUPERUSER_ID, {"lang": "en_US", "tz": "Europe/Brussels"}
        )
        self.partner = env["res.partner"].create({"name": "Customer", "email": "c@example.com"})
        self.taken = 0
        self._grow(max(size // len(PROMISES), 400))

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.env.cr.rollback()
        self.env.cr.close()

    def _prepare(self, env):
        """What stays in the database."""
        env.user.tz = env.company.resource_calendar_id.tz = "Europe/Brussels"

    def _customers(self, count):
        env = self.env
        partners = copy(env, self.partner, numbers(count), complete_name="'Customer ' || i")
        env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE id = ANY(%s)", [partners]
        )
        return partners

    def _analyze(self, *tables):
        self.env.invalidate_all()
        for table in tables:
            self.env.cr.execute(f"ANALYZE {table}")

    def take(self, count):
        """Open records of the history, each given once."""
        start, self.taken = self.taken, self.taken + count
        return self.records.browse(self.open_ids[start : self.taken])


class Care(Side):
    """Our register; ``sla`` says whether the add-on is there."""

    def __init__(self, name, size, sla):
        self.sla = sla
        super().__init__(name, size)

    def _prepare(self, env):
        super()._prepare(env)
        if self.sla:
            company = env.company
            env["care.sla.clock"]._worktimes_of(company, [company.resource_calendar_id])

    def _grow(self, count):
        env = self.env
        env.company.care_start_date = "2020-01-01"
        env["care.policy"].search([]).active = False
        self.owners = users(env, "customer_care.group_agent", OWNERS)
        leader = users(env, "customer_care.group_leader", 1)
        self.manager = users(env, "customer_care.group_manager", 1)
        self.team = env["care.team"].create(
            {"name": "Benchmark", "leader_id": leader.id, "member_ids": [(6, 0, self.owners.ids)]}
        )
        self.records = env["care.case"].with_user(self.manager)
        if self.sla:
            env["care.sla.policy"].search([]).active = False
            self._promise()
        pattern = env["care.case"].create(self.values(0))
        partners = self._customers(max(count // 10, 2))
        stages = {
            category: env["care.stage"]._in_category("care.case", category).id
            for category in ("open", "closed")
        }
        # closed cases promise nothing, open ones show what their clocks say, below
        shown = {
            name: "NULL"
            for name, field in pattern._fields.items()
            if name.startswith("promise_") and field.store
        }
        self.open_ids, self.closed_ids = (
            copy(
                env,
                pattern,
                numbers(count),
                number=f"'{category[0]}-' || lpad(i::text, 7, '0')",
                name="'Case ' || i",
                partner_id=pick(partners, "i"),
                commercial_partner_id=pick(partners, "i"),
                owner_id=pick(self.owners.ids, "i"),
                severity="(i % 4)::text",
                stage_id=str(stages[category]),
                stage_category=f"'{category}'",
                received_at="old.received_at - interval '10 minutes' * (i % 2000)",
                closed_at="old.received_at" if category == "closed" else "NULL",
                access_token="NULL",
                **shown,
            )
            for category in ("open", "closed")
        )
        # or each of what follows would look for its case in all of them
        self._analyze("res_partner", "care_case")
        for ids in (self.open_ids, self.closed_ids):
            copy(env, pattern.message_follower_ids[:1], each(ids), res_id="new")
            copy(env, pattern.tenure_ids, each(ids), case_id="new")
        self.pattern = pattern
        if self.sla:
            for clock in pattern.clock_ids:
                self._run_clocks(clock)
            self._analyze("care_sla_clock")
            for ids in split_every(10_000, self.open_ids):
                pattern.clock_ids._show_next(env["care.case"].browse(ids))
                env.flush_all()
            self._analyze("care_case")
        self._analyze("care_tenure", "mail_followers")

    def _promise(self):
        self.env["care.sla.policy"].create(
            {
                "name": "Benchmark",
                "company_id": self.env.company.id,
                "target_ids": [
                    (0, 0, {"measure": measure, "kind": "hours", "amount": amount})
                    for measure, amount in zip(PROMISES, (1, 4, 16), strict=True)
                ],
                "level_ids": [
                    (0, 0, {"timing": "before", "share_left": 25, "tell": "owner"}),
                    (0, 0, {"timing": "at", "tell": "leader"}),
                ],
            }
        )

    def _run_clocks(self, clock):
        """The same promise on all open cases: some are late, the others are due ahead."""
        late = f"i % {len(self.open_ids) // LATE} = 0"
        due = (
            f"CASE WHEN {late} THEN now() - interval '1 hour' * (1 + i % 200)"
            " ELSE now() + interval '1 hour' * (24 + i % 4000) END"
        )
        copy(
            self.env,
            clock,
            each(self.open_ids),
            case_id="new",
            state="'running'",
            started_at="now() - interval '20 days'",
            due_at=f"date_trunc('second', {due})",
            first_due_at=f"date_trunc('second', {due})",
            breached_at=f"CASE WHEN {late} THEN date_trunc('second', {due}) END",
            levels_passed=f"CASE WHEN {late} THEN 2 ELSE 0 END",
            next_at=f"CASE WHEN {late} THEN NULL"
            f" ELSE date_trunc('second', {due}) - interval '1 hour' END",
            risk_at=f"date_trunc('second', {due}) - interval '1 hour'",
        )

    def end_clocks(self):
        """As many promises that were kept, on the closed cases."""
        for clock in self.pattern.clock_ids:
            copy(
                self.env,
                clock,
                each(self.closed_ids),
                case_id="new",
                state="'met'",
                started_at="now() - interval '60 days'",
                due_at="date_trunc('second', now() - interval '50 days')",
                first_due_at="date_trunc('second', now() - interval '50 days')",
                stopped_at="date_trunc('second', now() - interval '55 days')",
                next_at="NULL",
            )
        self._analyze("care_sla_clock")

    def values(self, number):
        return {
            "name": f"Case {number}",
            "partner_id": self.partner.id,
            "team_id": self.team.id,
            "severity": str(number % 4),
        }

    def create(self, count):
        return self.records.create([self.values(number) for number in range(count)])

    def move(self, cases):
        cases.write({"stage_id": self.waiting.id})

    @property
    def waiting(self):
        return self.env.ref("customer_care.stage_case_waiting_customer")


class Peer(Side):
    """OCA's helpdesk: a team with three SLAs, and one without."""

    def _grow(self, count):
        env = self.env
        manager = users(env, "helpdesk_mgmt.group_helpdesk_manager", 1)
        self.records = env["helpdesk.ticket"].with_user(manager)
        stages = {
            name: env.ref(f"helpdesk_mgmt.helpdesk_ticket_stage_{name}")
            for name in ("new", "in_progress", "awaiting", "done")
        }
        self.waiting = stages["awaiting"]
        calendar = env.company.resource_calendar_id
        self.team, self.bare_team = env["helpdesk.ticket.team"].create(
            [
                {"name": "With", "use_sla": True, "resource_calendar_id": calendar.id},
                {"name": "Without", "use_sla": False, "resource_calendar_id": calendar.id},
            ]
        )
        env["helpdesk.sla"].create(
            [
                {
                    "name": name,
                    "hours": hours,
                    "stage_id": stages["done"].id,
                    "ignore_stage_ids": [(6, 0, self.waiting.ids)],
                }
                for name, hours in zip(PROMISES, (1, 4, 16), strict=True)
            ]
        )
        self.open_ids, self.bare_ids = (
            self._tickets(self.team, count),
            self._tickets(self.bare_team, count),
        )
        self.bare_taken = 0
        self._analyze("res_partner", "helpdesk_ticket_sla", "mail_followers")

    def _tickets(self, team, count):
        env = self.env
        pattern = env["helpdesk.ticket"].create(self.values(0, team))
        partners = self._customers(max(count // 10, 2))
        tickets = copy(
            env,
            pattern,
            numbers(count),
            number="'H' || i",
            name="'Ticket ' || i",
            partner_id=pick(partners, "i"),
            commercial_partner_id=pick(partners, "i"),
            priority="(i % 4)::text",
            access_token="NULL",
        )
        # or each of what follows would look for its ticket in all of them
        self._analyze("helpdesk_ticket")
        if pattern.message_follower_ids:
            copy(env, pattern.message_follower_ids[:1], each(tickets), res_id="new")
        late = f"i % {count // LATE} = 0"
        for sla in pattern.ticket_sla_ids:
            copy(
                env,
                sla,
                each(tickets),
                ticket_id="new",
                state="'in_progress'",
                deadline=f"CASE WHEN {late} THEN now() - interval '1 hour' * (1 + i % 200)"
                " ELSE now() + interval '1 hour' * (24 + i % 4000) END",
            )
        return tickets

    def values(self, number, team):
        return {
            "name": f"Ticket {number}",
            "description": "<p>It is broken.</p>",
            "partner_id": self.partner.id,
            "team_id": team.id,
            "priority": str(number % 4),
        }

    def create(self, count, team):
        self.records.create([self.values(number, team) for number in range(count)])

    def take_bare(self, count):
        start, self.bare_taken = self.bare_taken, self.bare_taken + count
        return self.records.browse(self.bare_ids[start : self.bare_taken])

    def move(self, tickets):
        tickets.write({"stage_id": self.waiting.id})


# ------------------------------------------------------------
# What is measured
# ------------------------------------------------------------


def turns(rounds, *works):
    """Measure each of ``works`` once a round, in turns, after a round that does not count.

    :param works: pairs of an environment and what is called with the round's number
    """
    taken = [[measure(env, work, number) for env, work in works] for number in range(rounds + 1)]
    return list(zip(*taken[1:], strict=True))


def ms(measures, each=1):
    return median(taken.seconds for taken in measures) * 1000 / each


def more_ms(measures, bare, each):
    """What is more than without, round by round: a machine is not as fast in all of them."""
    pairs = zip(measures, bare, strict=True)
    return median(taken.seconds - less.seconds for taken, less in pairs) * 1000 / each


def compared(name, each, ours, bare, peer, peer_bare, peer_each):
    """What the promises add to a piece of work, beside what the peer's add."""
    more = more_ms(ours, bare, each)
    peer_more = more_ms(peer, peer_bare, peer_each)
    peers = "peer's" if "stage in batch" in name else "the peer's"
    return {
        f"{name} / without": ratio(ours, bare),
        f"{name}, ms more each": more,
        f"{name}, queries more each": (queries(ours) - queries(bare)) / each,
        f"{name}, more / {peers} more": more / peer_more,
        f"{name}, peer / without": ratio(peer, peer_bare),
    }


def creating(ours, bare, peer, count):
    def many(side, size, *args):
        return side.env, lambda _number: side.create(size, *args)

    def bare_sql(_number):
        cases = copy(
            ours.env,
            ours.pattern,
            numbers(count),
            number="'S-' || nextval('care_case_id_seq')",
            access_token="NULL",
        )
        for clock in ours.pattern.clock_ids:
            copy(ours.env, clock, each(cases), case_id="new")
        ours.made = cases

    one = turns(
        SINGLES,
        many(ours, 1),
        many(bare, 1),
        many(peer, 1, peer.team),
        many(peer, 1, peer.bare_team),
    )
    single = compared("create", 1, *one, 1)
    # rounds beside each other, of which some is kept to come due
    batch = turns(
        ROUNDS,
        many(ours, count),
        many(bare, count),
        many(peer, PEER_BATCH, peer.team),
        many(peer, PEER_BATCH, peer.bare_team),
    )
    (rows,) = turns(1, (ours.env, bare_sql))
    return {
        **single,
        "create, ms more": single["create, ms more each"],
        "create, queries more": single["create, queries more each"],
        **compared("batch", count, *batch, PEER_BATCH),
        "batch, rows in bare SQL, ms each": ms(rows, count),
    }


def moving(ours, bare, peer):
    def move(side, size, take="take"):
        return side.env, lambda _number: side.move(getattr(side, take)(size))

    singles = (
        move(ours, 1),
        move(bare, 1),
        move(peer, 1),
        move(peer, 1, "take_bare"),
    )
    one = turns(SINGLES, *singles)
    single = compared("stage", 1, *one, 1)
    left = len(ours.open_ids) - SINGLES - 1
    size = min(MOVED, left // (ROUNDS + 1))
    peer_size = min(PEER_MOVED, size)
    batch = turns(
        ROUNDS,
        move(ours, size),
        move(bare, size),
        move(peer, peer_size),
        move(peer, peer_size, "take_bare"),
    )
    return {
        **single,
        "stage, queries more": single["stage, queries more each"],
        "stage, ms": ms(one[0]),
        **compared("stage in batch", size, *batch, peer_size),
    }


def idle(side):
    """The cron when nothing is due, without and with as many promises that have ended."""
    env = side.env
    clocks = env["care.sla.clock"].sudo()

    def search(_number):
        domain = [("next_at", "<=", env.cr.now())]
        len(clocks.search(domain, limit=clocks._due_batch, order="next_at, id"))

    def cron(_number):
        clocks._cron_run_due()

    # a commit would keep what is only measured
    with patch.object(type(env.cr), "commit", lambda cr: cr.flush()):
        bare, ours = turns(LOOKS, (env, search), (env, cron))
        side.end_clocks()
        _bare, after = turns(LOOKS, (env, search), (env, cron))
    return {
        "idle cron / bare search": ratio(ours, bare),
        "idle cron, ms": ms(ours),
        "idle cron, queries": queries(ours),
        "idle cron, with ended / without": ms(after) / ms(ours),
    }


def due(ours, peer, count):
    """First answers come due and the leader is told; the peer brings tickets up to date."""
    env = ours.env
    clocks = env["care.sla.clock"].sudo()
    cases = ours.create(count).sudo()
    env.flush_all()
    mine = clocks.search([("case_id", "in", cases.ids), ("measure", "=", "first_response")])
    env.cr.execute(
        "UPDATE care_sla_clock SET due_at = %s, first_due_at = %s, next_at = %s"
        f" WHERE id = ANY({array(mine.ids)})",
        [env.cr.now() - timedelta(seconds=number) for number in (30, 30, 20)],
    )
    env.invalidate_all()
    rounds = -(-len(mine) // clocks._due_batch)

    def work():
        clocks._claim_due()._run_guarded()

    first = measure(env, work)
    taken = [measure(env, work) for _round in range(rounds - 1)] or [first]
    env.invalidate_all()
    assert not any(mine.mapped("next_at")), "not all have come due"
    assert env["care.sla.alert"].search_count([("clock_id", "in", mine.ids)]) >= len(mine)

    tickets = peer.records.sudo().browse(peer.open_ids[-PEER_DUE:])

    def up_to_date(_number):
        rows = tickets.ticket_sla_ids
        peer.env.add_to_compute(rows._fields["deadline"], rows)

    (theirs,) = turns(2, (peer.env, up_to_date))
    each_ms = ms(taken, clocks._due_batch)
    return {
        "due clock, ms each": each_ms,
        "due clock, queries each": queries(taken) / clocks._due_batch,
        "due clock / the peer's ticket": each_ms / ms(theirs, len(tickets)),
    }


def without(model, view, modules):
    """What the client reads for a view but for the fields of these modules."""
    return {
        name: what
        for name, what in specification(model, view).items()
        if not set(model._fields[name]._modules) <= modules
    }


def screens(ours, peer, size):
    results = {}
    sides = (
        ("", ours, {"customer_care_sla"}, [("stage_category", "in", ("open", "waiting"))]),
        (", peer", peer, {"helpdesk_mgmt_sla"}, [("closed", "=", False)]),
    )
    for suffix, side, modules, domain in sides:
        records, env = side.records, side.env

        def listed(wanted, domain=domain, records=records):
            return lambda _number: records.web_search_read(domain, wanted, limit=80)

        def kanban(wanted, domain=domain, records=records):
            return lambda _number: records.web_read_group(
                domain,
                ["stage_id"],
                ["__count"],
                auto_unfold=True,
                unfold_read_specification=wanted,
            )

        for name, view, look in (("list of 80", "list", listed), ("kanban", "kanban", kanban)):
            full, bare = specification(records, view), without(records, view, modules)
            if suffix and view == "list":
                # its list has no column for the deadline; users add one
                full["sla_deadline"] = full["sla_expired"] = {}
            with_columns, less = turns(LOOKS, (env, look(full)), (env, look(bare)))
            results[f"{name}{suffix} / without columns"] = ratio(with_columns, less)
            results[f"{name}{suffix}, ms"] = ms(with_columns)
            results[f"{name}{suffix}, queries more"] = queries(with_columns) - queries(less)
        late = [("promise_status", "=", "late")] if side is ours else [("sla_expired", "=", True)]
        first, counted = turns(
            LOOKS,
            (env, lambda _number, late=late, records=records: records.search(late, limit=80)),
            (env, lambda _number, late=late, records=records: records.search_count(late)),
        )
        results[f"late ones{suffix}, ms"] = ms(first)
        results[f"late ones{suffix}, counted, ms"] = ms(counted)
    reports = report(ours, size)
    rows = peer.env["helpdesk.sla.report"].with_user(peer.records.env.user)
    theirs = peer.env, lambda _number: rows.formatted_read_group([], ["state"], ["__count"])
    taken = turns(LOOKS, *reports, theirs)
    names = ("report, ms", "report with median and p90, ms", "report, peer, ms")
    return {**results, **{name: ms(mine) for name, mine in zip(names, taken, strict=True)}}


def word(values, number):
    """One of these texts by a number, round and round."""
    return f"({list(values)!r}::text[])[1 + ({number}) % {len(values)}]".replace("([", "(ARRAY[")


def report(side, size):
    """Two years of facts; of one year the share kept, by month and team, and the times too."""
    env = side.env
    teams = env["care.team"].create(
        [{"name": f"Team {number}", "leader_id": side.manager.id} for number in range(TEAMS)]
    )
    env.flush_all()
    # of a case: three promises with whether and how fast they were kept, and eight other things
    others = ("first_contact", "handoffs", "repeat", "reopened", "resolution", *["tenure"] * 3)
    measures = ["promise_kept"] * 3 + ["promise_time"] * 3 + list(others)
    env.cr.execute(
        f"""
        INSERT INTO care_fact (day, measure, promise, numerator, denominator, seconds,
            company_id, team_id, user_id, confidential, res_model, res_id, cycle)
        SELECT current_date - 730 + (i * 730::bigint / {size})::int, measure,
            CASE WHEN measure LIKE 'promise%' THEN {word(PROMISES, "i % 14")} END,
            CASE WHEN measure = 'promise_kept' THEN (i / 14 % 10 > 0)::int ELSE 0 END,
            (measure = 'promise_kept')::int,
            CASE WHEN measure = 'promise_kept' THEN 0 ELSE 3600 + i % 7200 END,
            {env.company.id}, {pick(teams.ids, "i / 14")}, {pick(side.owners.ids, "i / 14")}, FALSE,
            'benchmark', i, 1
        FROM {numbers(size)}, LATERAL (SELECT {word(measures, "i")} AS measure) what
        """
    )
    env.cr.execute("ANALYZE care_fact")
    facts = env["care.fact"].with_user(side.manager)
    summary = env["care.sla.summary"].with_user(side.manager)
    since = fields.Date.today() - timedelta(days=365)
    kept = [("measure", "=", "promise_kept"), ("day", ">=", since)]
    columns = specification(summary, "list")
    return (
        (
            env,
            lambda _number: facts.formatted_read_group(
                kept, ["day:month", "team_id"], ["rate:avg", "__count"]
            ),
        ),
        (
            env,
            lambda _number: summary.web_search_read([("month", ">=", since)], columns, limit=80),
        ),
    )


# ------------------------------------------------------------
# The run
# ------------------------------------------------------------


def run(_env, size, count):
    """All measures with ``size`` open promises."""
    names = os.environ["CARE_BENCH_DATABASES"].split(",")
    with Care(names[0], size, True) as ours, Care(names[1], size, False) as bare:
        with Peer(names[2], size) as peer:
            if "deadline / plan_hours" not in KEPT:
                planned = plan(ours.env, out=lambda _line: None)
                assert not planned["different"]
                KEPT["deadline / plan_hours"] = 1 / planned["ratio"]
            return {
                **KEPT,
                **idle(ours),
                **screens(ours, peer, size),
                **creating(ours, bare, peer, count),
                **moving(ours, bare, peer),
                **due(ours, peer, min(count, 1000)),
            }


#: What does not depend on the size, measured once.
KEPT = {}

if "env" in globals():
    main(env, run, SIZES, RECORDS, MEASURES, DRAWN, "sla", "open promises")  # noqa: F821
    env.cr.rollback()  # noqa: F821
