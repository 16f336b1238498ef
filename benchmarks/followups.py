"""What journeys and follow-ups cost, beside the same work without them, with growing history.

The database is given 1,000, 10,000 and 100,000 journeys of orders of returning customers, each
with its tenures, two follow-ups that are done and one that is planned far ahead. At each size:

- 1,000 orders are confirmed without the add-on, with it but no policy, and with a policy;
- their 3,000 follow-ups come due and get their activities, beside as many bare activities,
  and beside Odoo's own wizard that launches the same plan on 1,000 orders;
- journeys change their stage, beside the bare tracked write of the stage;
- the cron looks when nothing is due, beside the bare search for what is due;
- the kanban of journeys and the list of My Follow-ups are read, beside the same views with
  nothing but stored columns.

Run it from the project's root on the demo, or with ``odoo shell`` on any database with
``customer_care`` (nothing is kept; ``bench.py`` says what can be set)::

    ./care shell < benchmarks/followups.py
    odoo shell -c odoo.conf -d DB --no-http < benchmarks/followups.py
"""

import sys
from contextlib import nullcontext
from datetime import date, timedelta
from statistics import median
from unittest.mock import patch

sys.path.insert(0, "benchmarks")

from bench import (  # noqa: E402
    LOOKS,
    copy,
    each,
    in_turns,
    main,
    memory,
    numbers,
    pick,
    queries,
    ratio,
    specification,
    users,
)

from odoo.addons.customer_care.models.care_owned_mixin import ENTERING

RECORDS = 1_000
SIZES = (1_000, 10_000, 100_000)
STEPS = 3
#: Owners among whom the history is spread; the first one's screens are read.
OWNERS = 10
#: Calls that each owner has within the week, whatever the size.
SOON = 120
#: One activity made by the ORM takes this long where the budget of 1.5 ms was set.
BARE_ACTIVITY = 0.7

#: How often a piece of work is measured, and a look at something.
ROUNDS = 5

#: What is measured -> (its budget, if it has one; how it is printed).
MEASURES = {
    "confirming, policy / no policy": (1.05, "{:.3f} ×"),
    "confirming, policy / no add-on": (1.05, "{:.3f} ×"),
    "confirming, queries an order more": (0.1, "{:.3f}"),
    "activities, ours / bare": (1.5 / BARE_ACTIVITY, "{:.2f} ×"),
    "activities, ms each": (1.5, "{:.2f}"),
    "activities, queries each": (0.1, "{:.3f}"),
    "activities, ours / wizard": (None, "{:.2f} ×"),
    "memory growth, MB": (30, "{:.0f}"),
    "stage one by one / bare": (1.25, "{:.2f} ×"),
    "stage one by one, queries more": (3, "{:.0f}"),
    "stage in batch / bare": (1.5, "{:.2f} ×"),
    "stage in batch, queries more each": (0.1, "{:.3f}"),
    "idle cron / bare search": (2, "{:.2f} ×"),
    "idle cron, ms": (3, "{:.2f}"),
    "idle cron, queries": (2, "{:.0f}"),
    "kanban / stored columns": (1.15, "{:.2f} ×"),
    "kanban, ms": (None, "{:.0f}"),
    "kanban, queries": (None, "{:.0f}"),
    "list of 80 / stored columns": (1.15, "{:.2f} ×"),
    "list of 80, ms": (None, "{:.0f}"),
    "list of 80, queries": (None, "{:.0f}"),
}


# ------------------------------------------------------------
# History
# ------------------------------------------------------------


class History:
    """A company of owners and customers, and what happened in it before."""

    def __init__(self, env, size):
        self.env = env
        env["care.policy"].search([]).active = False
        # each call is looked at for what would merge or hold it back, and comes
        env.company.write(
            {"care_start_date": "2020-01-01", "care_merge_days": 0, "care_weekly_limit": 1000}
        )
        env["care.followup"].search(env["care.followup"]._due_domain()).next_at = False
        self.owners = users(env, "customer_care.group_agent", OWNERS)
        self.manager = users(env, "customer_care.group_manager", 1)
        self.plan = self._plan("care.journey", "care_owner")
        self.policy = env["care.policy"].create(
            {
                "name": "Benchmark",
                "event": "order_confirmed",
                "plan_id": self.plan.id,
                "company_id": env.company.id,
            }
        )
        product = env["product.product"].create({"name": "Benchmark", "taxes_id": False})
        self.order = env["sale.order"].create(
            {
                "partner_id": env["res.partner"].create({"name": "Customer"}).id,
                "user_id": self.owners[0].id,
                "order_line": [(0, 0, {"product_id": product.id})],
            }
        )
        pattern = self.order.copy()
        pattern.action_confirm()
        self.journey = pattern.care_journey_ids
        self.policy.active = False
        self._grow(pattern, size)

    def _plan(self, model, responsible):
        return self.env["mail.activity.plan"].create(
            {
                "name": "Benchmark",
                "res_model": model,
                "company_id": self.env.company.id,
                "template_ids": [
                    (
                        0,
                        0,
                        {
                            "activity_type_id": self.env.ref(
                                "customer_care.mail_activity_type_followup"
                            ).id,
                            "summary": f"Step {number}",
                            "delay_count": number,
                            "delay_unit": "days",
                            "delay_from": "after_plan_date",
                            "responsible_type": responsible,
                            **(
                                {"responsible_id": self.owners[0].id}
                                if responsible == "other"
                                else {}
                            ),
                        },
                    )
                    for number in range(STEPS)
                ],
            }
        )

    def _grow(self, pattern, size):
        """So many journeys of so many orders, every other one over; a customer has four."""
        env = self.env
        self.partners = copy(
            env, pattern.partner_id, numbers(max(size // 4, 1)), complete_name="'Customer ' || i"
        )
        env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE id = ANY(%s)", [self.partners]
        )
        whose = {"partner_id": pick(self.partners, "i")}
        orders = copy(
            env,
            pattern,
            numbers(size),
            **whose,
            name="'H' || i",
            user_id=pick(self.owners.ids, "i"),
            date_order="old.date_order - interval '1 day' * (100 + i % 300)",
        )
        copy(env, pattern.order_line, each(orders), order_id="new")
        stages = self.journey.type_id.stage_ids.sorted("sequence")
        under_way = stages.filtered(lambda stage: stage.category == "open")
        over = stages.filtered(lambda stage: stage.category == "closed")[:1]
        whose["owner_id"] = pick(self.owners.ids, "i")
        journeys = copy(
            env,
            self.journey,
            each(orders),
            **whose,
            order_id="new",
            name="'H' || i",
            stage_id=f"CASE WHEN i % 2 = 0 THEN {over.id} ELSE {pick(under_way.ids, 'i / 2')} END",
            stage_category="CASE WHEN i % 2 = 0 THEN 'closed' ELSE 'open' END",
            stage_since="old.stage_since - interval '1 minute' * i",
        )
        rows = each(journeys)
        copy(env, self.journey.message_follower_ids[:1], rows, res_id="new")
        whose["user_id"] = whose.pop("owner_id")
        held = {"journey_id": "new", "user_id": whose["user_id"]}
        copy(
            env,
            self.journey.tenure_ids,
            rows,
            **held,
            since="old.since - interval '90 days'",
            until="old.since - interval '60 days'",
        )
        copy(env, self.journey.tenure_ids, rows, **held)
        *gone, ahead = self.journey.followup_ids.sorted("date_due")
        for row in gone:
            copy(
                env,
                row,
                rows,
                **whose,
                journey_id="new",
                state="'done'",
                next_at="NULL",
                opened_at="now() - interval '60 days'",
                done_at="now() - interval '59 days'",
                date_due="current_date - 60",
            )
        copy(
            env,
            ahead,
            rows,
            **whose,
            journey_id="new",
            next_at="now() + interval '200 days'",
            date_due="current_date + 200",
        )
        # what comes within the week is as much whatever the size
        copy(
            env,
            ahead,
            numbers(SOON * OWNERS),
            **whose,
            journey_id=pick(journeys, "i"),
            state="'open'",
            next_at="NULL",
            policy_id="NULL",
            step_id="NULL",
            opened_at="now() - interval '10 days'",
            date_due="current_date + i % 7 - 2",
        )
        env.invalidate_all()
        for table in (
            "res_partner",
            "sale_order",
            "sale_order_line",
            "care_journey",
            "care_tenure",
            "care_followup",
            "mail_followers",
        ):
            env.cr.execute(f"ANALYZE {table}")

    def orders(self, count):
        """Quotations of customers that have bought before."""
        ids = copy(
            self.env,
            self.order,
            numbers(count),
            name="'Q' || i",
            partner_id=pick(self.partners, "i * 7"),
            user_id=pick(self.owners.ids, "i"),
        )
        copy(self.env, self.order.order_line, each(ids), order_id="new")
        return self.env["sale.order"].browse(ids)


# ------------------------------------------------------------
# What is measured
# ------------------------------------------------------------


def confirming(env, history, count):
    """Confirm quotations: without the add-on, without a policy, with one.

    :return: the results, and the orders of each kind
    """
    share = max(count // ROUNDS, 1)
    kinds = [history.orders(share * ROUNDS) for _kind in range(3)]
    history.policy.active = True
    journey, policy = type(env["care.journey"]), type(env["care.policy"])
    no_addon = patch.object(journey, "_start_for", lambda self, orders, at=None: self.browse())
    no_policy = patch.object(policy, "_rules_for", lambda self, records, event: self.browse())

    def confirm(kind, patched=None):
        def work(number):
            orders = kinds[kind][number * share : (number + 1) * share]
            with patched or nullcontext():
                orders.action_confirm()

        return work

    history.order.copy().action_confirm()
    bare, quiet, ours = in_turns(
        env, ROUNDS, confirm(0, no_addon), confirm(1, no_policy), confirm(2)
    )
    return {
        "confirming, policy / no policy": ratio(ours, quiet),
        "confirming, policy / no add-on": ratio(ours, bare),
        "confirming, queries an order more": (queries(ours) - queries(quiet)) / share,
    }, kinds


def activities(env, history, wizard_orders, other_orders, orders):
    """Make the activities of follow-ups that are due."""
    due = env["care.followup"].sudo()
    rows = due.search([("journey_id", "in", orders.care_journey_ids.ids)])
    rows.write({"next_at": env.cr.now() - timedelta(minutes=1)})
    rounds = -(-len(rows) // due._due_batch)
    plan = history._plan("sale.order", "other")
    share = -(-len(wizard_orders) // rounds)
    kind = env.ref("customer_care.mail_activity_type_followup")
    targets = other_orders.care_journey_ids
    model = env["ir.model"]._get_id("care.journey")

    def wizard(number):
        mine = wizard_orders[number * share : (number + 1) * share]
        env["mail.activity.schedule"].create(
            {"res_model": "sale.order", "res_ids": str(mine.ids), "plan_id": plan.id}
        ).action_schedule_plan()

    def bare(number):
        env["mail.activity"].with_context(mail_activity_quick_update=True).create(
            [
                {
                    "res_model_id": model,
                    "res_id": targets[(number * due._due_batch + i) % len(targets)].id,
                    "activity_type_id": kind.id,
                    "summary": "Benchmark",
                    "user_id": history.owners[i % OWNERS].id,
                    "date_deadline": "2030-01-01",
                    "automated": True,
                }
                for i in range(due._due_batch)
            ]
        )

    def ours(_number):
        due._claim_due()._run_guarded()

    before = memory()
    core, quick, made = in_turns(env, rounds, wizard, bare, ours)
    env.invalidate_all()
    growth = memory() - before
    assert set(rows.mapped("state")) == {"open"}, set(rows.mapped("state"))
    total = sum(measure.seconds for measure in made)
    return {
        "activities, ours / bare": ratio(made[:-1] or made, quick[:-1] or quick),
        "activities, ms each": total / len(rows) * 1000,
        "activities, queries each": sum(measure.queries for measure in made) / len(rows),
        "activities, ours / wizard": total / sum(measure.seconds for measure in core),
        "memory growth, MB": growth,
    }


def stages(env, history, bare_orders, orders):
    """Move journeys to the next stage, as their manager, beside the bare write of the stage."""
    ours = orders.care_journey_ids.with_user(history.manager)
    others = bare_orders.care_journey_ids.with_user(history.manager)
    stage = ours[0].stage_id
    following = stage.type_id.stage_ids.sorted("sequence").filtered(
        lambda other: other.category == "open" and other.sequence > stage.sequence
    )[:1]
    batch = min(200, len(ours) // (ROUNDS + 1))

    def piece(number, size, start=0):
        return slice(start + number * size, start + (number + 1) * size)

    def move(size, start):
        return lambda number: ours[piece(number, size, start)].write({"stage_id": following.id})

    def write(size, start):
        return lambda number: (
            others[piece(number, size, start)]
            .with_context(care_entering=ENTERING)
            .write({"stage_id": following.id})
        )

    singles = min(30, batch)
    one, one_bare = in_turns(env, singles, move(1, 0), write(1, 0))
    rounds = (len(ours) - singles) // batch
    many, many_bare = in_turns(env, rounds, move(batch, singles), write(batch, singles))
    return {
        "stage one by one / bare": ratio(one, one_bare),
        "stage one by one, queries more": queries(one) - queries(one_bare),
        "stage in batch / bare": ratio(many, many_bare),
        "stage in batch, queries more each": (queries(many) - queries(many_bare)) / batch,
    }


def idle(env):
    """The cron when nothing is due."""
    due = env["care.followup"].sudo()

    def search(_number):
        domain = [("next_at", "<=", env.cr.now())]
        len(due.search(domain, limit=due._due_batch, order="next_at, id"))

    def cron(_number):
        due._cron_run_due()

    # a commit would keep what is only measured
    with patch.object(type(env.cr), "commit", lambda cr: cr.flush()):
        bare, ours = in_turns(env, LOOKS, search, cron)
    return {
        "idle cron / bare search": ratio(ours, bare),
        "idle cron, ms": median(measure.seconds for measure in ours) * 1000,
        "idle cron, queries": queries(ours),
    }


def screens(env, history):
    """The kanban of journeys and the list of My Follow-ups, as their users read them."""
    journeys = env["care.journey"].with_user(history.manager)
    followups = env["care.followup"].with_user(history.owners[0])
    under_way = [("stage_category", "in", ("open", "waiting"))]
    mine = [
        ("user_id", "=", history.owners[0].id),
        ("state", "in", ("planned", "held", "open", "failed")),
        ("date_due", "<=", date.today() + timedelta(days=7)),
    ]

    def kanban(stored):
        wanted = specification(journeys, "kanban", stored)
        return lambda _number: journeys.web_read_group(
            under_way,
            ["stage_id"],
            ["__count"],
            auto_unfold=True,
            unfold_read_specification=wanted,
        )

    def read(stored):
        wanted = specification(followups, "list", stored)
        return lambda _number: followups.web_search_read(mine, wanted, limit=80)

    cards, bare_cards = in_turns(env, LOOKS, kanban(False), kanban(True))
    rows, bare_rows = in_turns(env, LOOKS, read(False), read(True))
    return {
        "kanban / stored columns": ratio(cards, bare_cards),
        "kanban, ms": median(measure.seconds for measure in cards) * 1000,
        "kanban, queries": queries(cards),
        "list of 80 / stored columns": ratio(rows, bare_rows),
        "list of 80, ms": median(measure.seconds for measure in rows) * 1000,
        "list of 80, queries": queries(rows),
    }


# ------------------------------------------------------------
# The run and its report
# ------------------------------------------------------------


def run(env, size, count):
    """All measures with ``size`` journeys of before."""
    history = History(env, size)
    results = {**idle(env), **screens(env, history)}
    confirmed, orders = confirming(env, history, count)
    results.update(confirmed)
    results.update(activities(env, history, *orders))
    results.update(stages(env, history, *orders[1:]))
    return results


#: What is drawn, and in which colour.
DRAWN = {
    "confirming, policy / no policy": "#1f77b4",
    "activities, ours / bare": "#ff7f0e",
    "stage one by one / bare": "#2ca02c",
    "stage in batch / bare": "#d62728",
    "idle cron / bare search": "#9467bd",
    "kanban / stored columns": "#8c564b",
    "list of 80 / stored columns": "#17becf",
}


if "env" in globals():
    main(env, run, SIZES, RECORDS, MEASURES, DRAWN, "followups", "journeys")  # noqa: F821
    env.cr.rollback()  # noqa: F821
