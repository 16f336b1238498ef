"""What the daily work costs while the history grows: 1,000, 10,000 and 100,000 journeys.

At each size, in one run: confirming orders with a policy and without, making their follow-ups
beside the core wizard, moving journeys to the next stage one by one and in a batch, the cron
when nothing is due, the kanban of journeys and the list of follow-ups. Reported are ratios,
queries, and what the curve does from the first size to the last: times of a run say more about
the machine than about the code.

Run it with ``odoo shell`` on a database with ``customer_care`` (nothing is kept)::

    odoo shell -c odoo.conf -d DB --no-http < benchmarks/growth.py

``CARE_BENCH_SIZES`` (``1000,10000,100000``) and ``CARE_BENCH_RECORDS`` (1000) lower the numbers
for a quick look; ``CARE_BENCH_OUT`` names a file that gets the figures as JSON.
"""

import json
import os
import resource
import statistics
import time
from datetime import timedelta

SIZES = "1000,10000,100000"
RECORDS = 1_000
STEPS = 3
#: From PEERS.md: what is measured, and at most how much (None: only its growth is watched).
BUDGETS = {
    "confirming / without a policy": 1.05,
    "queries an order more": 0.1,
    "ms an activity": 1.5,
    "queries an activity": 0.1,
    "idle cron, queries": 2,
    "idle cron / the bare search": 2,
    "kanban, 40 cards, ms": None,
    "kanban, queries": None,
    "list of 80, ms": None,
    "list of 80, queries": None,
    "stage move, batch / bare write": None,
    "stage move, ms one by one": None,
    "wizard / ours": None,
    "memory, MB more": 30,
}


class Measure:
    """Time and queries of a block."""

    def __init__(self, env):
        self.env = env

    def __enter__(self):
        self.env.flush_all()
        self.env.invalidate_all()
        self.queries, self.start = self.env.cr.sql_log_count, time.perf_counter()
        return self

    def __exit__(self, *_error):
        self.env.flush_all()
        self.ms = (time.perf_counter() - self.start) * 1000
        self.queries = self.env.cr.sql_log_count - self.queries


def median(env, work, times=9):
    """Milliseconds of ``work()`` with a cold cache, and its queries."""
    taken = []
    for _time in range(times):
        with Measure(env) as measure:
            work()
        taken.append(measure.ms)
    return statistics.median(taken), measure.queries


def plan(env, model, responsible):
    step = {
        "activity_type_id": env.ref("customer_care.mail_activity_type_followup").id,
        "delay_unit": "days",
        "delay_from": "after_plan_date",
        "responsible_type": responsible,
        **({"responsible_id": env.uid} if responsible == "other" else {}),
    }
    return env["mail.activity.plan"].create(
        {
            "name": "Benchmark",
            "res_model": model,
            "company_id": env.company.id,
            "template_ids": [
                (0, 0, {**step, "summary": f"Step {number}", "delay_count": number})
                for number in range(STEPS)
            ],
        }
    )


def orders_of(env, count):
    """Quotations of as many customers."""
    partners = env["res.partner"].create([{"name": f"Customer {i}"} for i in range(count)])
    product = env["product.product"].create({"name": "Benchmark", "taxes_id": False})
    line = (0, 0, {"product_id": product.id})
    return env["sale.order"].create(
        [
            {"partner_id": partner.id, "user_id": env.uid, "order_line": [line]}
            for partner in partners
        ]
    )


def copy_rows(env, table, pattern, source, given):
    """Rows like one that exists, by SQL: one for each row ``s`` of ``source``."""
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name = %s AND is_generated = 'NEVER'",
        (table,),
    )
    names = [name for (name,) in env.cr.fetchall() if name != "id"]
    values = ", ".join(given.get(name, f't."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    env.cr.execute(
        f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} t, {source}"
        f" WHERE t.id = {pattern}"
    )


def grow(env, pattern, size):
    """Until there are ``size`` journeys: each with an order, a tenure, two follow-ups that are
    over and one that is far away.
    """
    env.flush_all()
    env.cr.execute("SELECT count(*) FROM care_journey")
    missing = size - env.cr.fetchone()[0]
    if missing > 0:
        named = f"'GROWN/{size}/' || s.i"
        copy_rows(
            env,
            "sale_order",
            pattern.order_id.id,
            f"generate_series(1, {missing}) AS s(i)",
            {
                "name": named,
                "access_token": "NULL",
                # the customers of the grown past are others than those of today
                "partner_id": "(SELECT id FROM res_partner ORDER BY id OFFSET s.i % 40 LIMIT 1)",
            },
        )
        fresh = f"(SELECT id, partner_id FROM sale_order WHERE name LIKE 'GROWN/{size}/%') AS s"
        journey = {"order_id": "s.id", "partner_id": "s.partner_id"}
        copy_rows(env, "care_journey", pattern.id, fresh, journey)
        grown = (
            "(SELECT j.id FROM care_journey j JOIN sale_order o ON o.id = j.order_id"
            f" WHERE o.name LIKE 'GROWN/{size}/%') AS s"
        )
        copy_rows(env, "care_tenure", pattern.tenure_ids[:1].id, grown, {"journey_id": "s.id"})
        over = {"journey_id": "s.id", "state": "'done'", "next_at": "NULL", "activity_id": "NULL"}
        later = {**over, "state": "'planned'", "next_at": "now() + interval '300 days'"}
        first, second, third = pattern.followup_ids.sorted("id").ids
        for row, given in ((first, over), (second, over), (third, later)):
            copy_rows(env, "care_followup", row, grown, given)
    for table in ("sale_order", "care_journey", "care_tenure", "care_followup"):
        env.cr.execute(f"ANALYZE {table}")
    env.invalidate_all()


def read(env, model, fields, **kwargs):
    spec = {
        name: {"fields": {"display_name": {}}}
        if env[model]._fields[name].type in ("many2one", "many2many", "one2many")
        else {}
        for name in fields
    }
    return env[model].web_search_read([], spec, **kwargs)


def shown(env, model, view_type):
    """The stored and computed fields that our view of a model shows."""
    fields = env[model].get_view(view_type=view_type)["models"][model]
    return [name for name in fields if name in env[model]._fields and name != "activity_ids"]


def work_and_activities(env, count, policy, figures):
    """Confirming with and without the policy, and the follow-ups beside the core wizard."""
    orders = orders_of(env, 3 * count)
    wizard, without, ours = orders[:count], orders[count : 2 * count], orders[2 * count :]
    core_plan = plan(env, "sale.order", "other")
    with Measure(env) as core:
        env["mail.activity.schedule"].create(
            {"res_model": "sale.order", "res_ids": str(wizard.ids), "plan_id": core_plan.id}
        ).action_schedule_plan()
    policy.active = False
    with Measure(env) as bare:
        without.action_confirm()
    policy.active = True
    with Measure(env) as confirm:
        ours.action_confirm()
    figures["confirming / without a policy"] = confirm.ms / bare.ms
    figures["queries an order more"] = (confirm.queries - bare.queries) / count

    journeys = env["care.journey"].search([("order_id", "in", ours.ids)])
    rows = journeys.followup_ids
    rows.write({"next_at": env.cr.now() - timedelta(minutes=1)})
    with Measure(env) as made:
        for start in range(0, len(rows), rows._due_batch):
            rows[start : start + rows._due_batch]._run_guarded()
    assert set(rows.mapped("state")) == {"open"}, set(rows.mapped("state"))
    figures["ms an activity"] = made.ms / len(rows)
    figures["queries an activity"] = made.queries / len(rows)
    figures["wizard / ours"] = core.ms / made.ms
    return journeys


def moves(env, journeys, figures):
    """Journeys that people move, and the same rows written to without a stage."""
    stage = journeys.type_id.stage_ids.filtered(lambda s: s.category == "open")[1]
    batch, single = journeys[:200], journeys[200:230]
    with Measure(env) as bare:
        batch.write({"color": 3})
    with Measure(env) as moved:
        batch.write({"stage_id": stage.id})
    figures["stage move, batch / bare write"] = moved.ms / bare.ms
    with Measure(env) as moved:
        for journey in single:
            journey.write({"stage_id": stage.id})
            env.flush_all()
    figures["stage move, ms one by one"] = moved.ms / max(len(single), 1)


def screens(env, figures):
    followups = env["care.followup"]
    domain = followups._due_domain()

    def idle():
        assert not followups._claim_due()

    idle_ms, figures["idle cron, queries"] = median(env, idle)
    bare, _queries = median(env, lambda: followups.search(domain, limit=1))
    figures["idle cron / the bare search"] = idle_ms / bare
    for name, model, view, limit in (
        ("list of 80", "care.followup", "list", 80),
        ("kanban", "care.journey", "kanban", 40),
    ):
        fields = shown(env, model, view)
        cost, queries = median(env, lambda m=model, f=fields, n=limit: read(env, m, f, limit=n))
        figures[f"{name}, queries"] = queries
        figures[f"{name}, ms" if limit == 80 else f"{name}, {limit} cards, ms"] = cost


def measure(env, size, count, pattern, policy):
    figures = {}
    grow(env, pattern, size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    screens(env, figures)
    moves(env, work_and_activities(env, count, policy, figures), figures)
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    figures["memory, MB more"] = memory
    return figures


def main(env):
    sizes = [int(size) for size in os.environ.get("CARE_BENCH_SIZES", SIZES).split(",")]
    count = int(os.environ.get("CARE_BENCH_RECORDS", RECORDS))
    env["care.policy"].search([]).active = False
    env.company.write(
        {"care_start_date": "2020-01-01", "care_merge_days": 0, "care_weekly_limit": 0}
    )
    env["care.followup"].search([("next_at", "!=", False)]).write({"next_at": False})
    policy = env["care.policy"].create(
        {
            "name": "Benchmark",
            "event": "order_confirmed",
            "plan_id": plan(env, "care.journey", "care_owner").id,
            "company_id": env.company.id,
        }
    )
    warm = orders_of(env, 2)
    warm.action_confirm()
    pattern = warm[:1].care_journey_ids
    env["care.followup"].search([("journey_id", "=", warm[1:].care_journey_ids.id)]).write(
        {"next_at": False}
    )
    pattern.followup_ids.write({"next_at": env.cr.now() + timedelta(days=300)})
    results = {}
    for size in sizes:
        with env.cr.savepoint() as savepoint:
            results[size] = measure(env, size, count, pattern, policy)
            savepoint.rollback()
        env.invalidate_all()

    print(f"\n{count} orders with {STEPS} steps each; journeys in the past:")
    print(f"{'':34}" + "".join(f"{size:>10,}" for size in sizes) + "    budget   curve")
    for name, budget in BUDGETS.items():
        values = [results[size][name] for size in sizes]
        over = "  over" if budget is not None and max(values) > budget else ""
        curve = values[-1] / values[0] if values[0] else 1
        limit = "" if budget is None else f"≤ {budget}"
        cells = "".join(f"{value:>10.3f}" for value in values)
        print(f"{name:34}{cells}{limit:>10}{curve:>8.2f}×{over}")
    if out := os.environ.get("CARE_BENCH_OUT"):
        with open(out, "w") as file:
            json.dump(results, file, indent=2)
    return results


if "env" in globals():
    main(env)  # noqa: F821
    env.cr.rollback()  # noqa: F821
