"""Follow-ups of confirmed orders: ours beside the core wizard for activity plans, in one run.

The same orders, the same plan of three steps. The wizard launches it on the orders; our
policy plans it when they are confirmed, and the cron makes the activities. Also: what
planning adds to the confirmation itself. Reported are ratios and queries: times of a run say
more about the machine than about the code.

Run it with ``odoo shell`` on a database with ``customer_care`` (nothing is kept)::

    odoo shell -c odoo.conf -d DB --no-http < benchmarks/followups.py

or call :func:`main` with an environment. ``CARE_BENCH_RECORDS`` lowers the number of orders
for a quick look.
"""

import os
import time
from datetime import timedelta

RECORDS = 1_000
STEPS = 3
#: From PEERS.md: queries for one activity, confirming with policies against without.
QUERIES_AN_ACTIVITY = 0.1
CONFIRM_RATIO = 1.05


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
        self.seconds = time.perf_counter() - self.start
        self.queries = self.env.cr.sql_log_count - self.queries


def _plan(env, model, responsible):
    return env["mail.activity.plan"].create(
        {
            "name": "Benchmark",
            "res_model": model,
            "company_id": env.company.id,
            "template_ids": [
                (
                    0,
                    0,
                    {
                        "activity_type_id": env.ref("customer_care.mail_activity_type_followup").id,
                        "summary": f"Step {number}",
                        "delay_count": number,
                        "delay_unit": "days",
                        "delay_from": "after_plan_date",
                        "responsible_type": responsible,
                        **({"responsible_id": env.uid} if responsible == "other" else {}),
                    },
                )
                for number in range(STEPS)
            ],
        }
    )


def _orders(env, count):
    partners = env["res.partner"].create([{"name": f"Customer {i}"} for i in range(count)])
    product = env["product.product"].create({"name": "Benchmark", "taxes_id": False})
    return env["sale.order"].create(
        [
            {
                "partner_id": partner.id,
                "user_id": env.uid,
                "order_line": [(0, 0, {"product_id": product.id})],
            }
            for partner in partners
        ]
    )


def main(env):
    count = int(os.environ.get("CARE_BENCH_RECORDS", RECORDS))
    env["care.policy"].search([]).active = False
    if not env.company.care_start_date:
        env.company.care_start_date = "2020-01-01"

    orders = _orders(env, 3 * count)
    wizard, without, ours = orders[:count], orders[count : 2 * count], orders[2 * count :]
    warm = _orders(env, 2)
    warm.action_confirm()

    plan = _plan(env, "sale.order", "other")
    with Measure(env) as core:
        env["mail.activity.schedule"].create(
            {
                "res_model": "sale.order",
                "res_ids": str(wizard.ids),
                "plan_id": plan.id,
            }
        ).action_schedule_plan()

    with Measure(env) as bare:
        without.action_confirm()
    env["care.policy"].create(
        {
            "name": "Benchmark",
            "event": "order_confirmed",
            "plan_id": _plan(env, "care.journey", "care_owner").id,
            "company_id": env.company.id,
        }
    )
    with Measure(env) as confirm:
        ours.action_confirm()

    journeys = env["care.journey"].search([("order_id", "in", ours.ids)])
    rows = env["care.followup"].search([("journey_id", "in", journeys.ids)])
    rows.write({"next_at": env.cr.now() - timedelta(minutes=1)})
    with Measure(env) as made:
        for start in range(0, len(rows), rows._due_batch):
            rows[start : start + rows._due_batch]._run_guarded()
    assert set(rows.mapped("state")) == {"open"}, set(rows.mapped("state"))

    activities = len(rows)
    print(f"{count} orders, {STEPS} steps each")
    print(
        f"core wizard           {core.seconds / count * 1000:8.2f} ms an order,"
        f" {core.queries / count:6.2f} queries an order"
    )
    print(
        f"our activities        {made.seconds / activities * 1000:8.2f} ms an activity,"
        f" {made.queries / activities:6.3f} queries an activity"
        f" (at most {QUERIES_AN_ACTIVITY})"
    )
    print(f"wizard / ours         {core.seconds / made.seconds:8.1f} times the time for the same")
    print(
        f"confirming            {confirm.seconds / bare.seconds:8.3f} times without a policy"
        f" (at most {CONFIRM_RATIO}), {(confirm.queries - bare.queries) / count:.3f} queries"
        " an order more"
    )
    return {
        "queries an activity": made.queries / activities,
        "wizard / ours": core.seconds / made.seconds,
        "confirming": confirm.seconds / bare.seconds,
    }


if "env" in globals():
    main(env)  # noqa: F821
    env.cr.rollback()  # noqa: F821
