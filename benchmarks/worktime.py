"""Deadlines in working time: ours beside Odoo's ``plan_hours``, in one run.

Both plan the same 10,000 durations from the same starts, on one calendar with lunch
gaps, two changes of the clocks and time off, and every answer is compared. Reported
are ratios: times of a run say more about the machine than about the code.

Run it with ``odoo shell`` on a database with ``customer_care`` (nothing is kept)::

    odoo shell -c odoo.conf -d DB --no-http < benchmarks/worktime.py

or call :func:`main` with an environment. ``CARE_BENCH_RECORDS`` lowers the number of
records for a quick look.
"""

import os
import random
import time
from datetime import datetime, timedelta

RECORDS = 10_000
TARGET = 500


def _calendar(env):
    """A calendar in Brussels with lunch, and ten days off."""
    pieces = ((9, 12.5), (13.25, 17.5))
    calendar = env["resource.calendar"].create(
        {
            "name": "Benchmark",
            "tz": "Europe/Brussels",
            "company_id": env.company.id,
            "attendance_ids": [
                (
                    0,
                    0,
                    {
                        "name": "Hours",
                        "dayofweek": str(day),
                        "hour_from": hour_from,
                        "hour_to": hour_to,
                    },
                )
                for day in range(5)
                for hour_from, hour_to in pieces
            ],
        }
    )
    env["resource.calendar.leaves"].create(
        [
            {
                "name": "Closed",
                "calendar_id": calendar.id,
                "date_from": datetime(2026, month, 12),
                "date_to": datetime(2026, month, 12, 23, 59, 59),
            }
            for month in range(1, 11)
        ]
    )
    env.flush_all()
    return calendar


def _questions(records):
    """``(start, seconds)``: a start in 2026, one minute to 200 hours."""
    draw = random.Random(19)
    return [
        (
            datetime(2026, 1, 1) + timedelta(minutes=draw.randrange(300 * 24 * 60)),
            60 * draw.randint(1, draw.choice((60, 480, 2400, 12000))),
        )
        for _number in range(records)
    ]


def _equal(worktime, ours, theirs):
    """To the second; but an exact fit ends at closing here, and may land at the next
    opening there."""
    theirs = (theirs + timedelta(milliseconds=500)).replace(microsecond=0)
    return ours == theirs or (not worktime.is_open(ours) and theirs == worktime.next_opening(ours))


def main(env, records=RECORDS, out=print):
    """Measure, print a table, keep nothing.

    :param env: an Odoo environment with ``customer_care``; its transaction is left
        as it was found
    :param int records: how many durations to plan
    :return: ``{"ratio": float, "different": int, "target": int, "ok": bool}``
    """
    clock = time.perf_counter
    savepoint = env.cr.savepoint()
    try:
        env = env(su=True)
        Worktime = env["care.worktime"]
        calendar = _calendar(env)
        questions = _questions(records)
        span = {"at": datetime(2026, 1, 1)}
        domain = [
            ("time_type", "=", "leave"),
            ("company_id", "in", [False, env.company.id]),
        ]

        began = clock()
        row = Worktime._get(calendar, env.company, **span)
        row._worktime()
        first = clock() - began
        env.invalidate_all()
        calendar.mapped("tz")

        began, queries = clock(), env.cr.sql_log_count
        worktime = Worktime._get(calendar, env.company, **span)._worktime()
        ours = [worktime.add(start, seconds) for start, seconds in questions]
        ours_time = clock() - began
        queries = env.cr.sql_log_count - queries

        began, their_queries = clock(), env.cr.sql_log_count
        theirs = [
            calendar.plan_hours(seconds / 3600, start, compute_leaves=True, domain=domain)
            for start, seconds in questions
        ]
        their_time = clock() - began
        their_queries = env.cr.sql_log_count - their_queries

        different = sum(
            not _equal(worktime, mine, other) for mine, other in zip(ours, theirs, strict=True)
        )
        size = len(row.payload)
    finally:
        savepoint.close(rollback=True)
        env.invalidate_all()

    ratio = their_time / ours_time
    passed = ratio >= TARGET and not different
    out(f"working-time deadline, {records:,} records")
    out(f"{'':26}{'total s':>10}{'ms each':>10}{'queries':>10}")
    for name, seconds, count in (
        ("plan_hours, with leaves", their_time, their_queries),
        ("care.worktime", ours_time, queries),
    ):
        each = seconds / records * 1000
        out(f"{name:26}{seconds:>10.3f}{each:>10.4f}{count:>10,}")
    out(
        f"{ratio:,.0f} × faster (target {TARGET} ×), {different} different; "
        f"making the snapshot, once a month: {first * 1000:.0f} ms, {size:,} bytes; "
        f"with it {their_time / (ours_time + first):,.0f} ×"
    )
    out("ok" if passed else "NOT REACHED")
    return {"ratio": ratio, "different": different, "target": TARGET, "ok": passed}


# ``odoo shell`` puts an environment into the globals of what it is fed
if "env" in globals():
    main(
        globals()["env"],
        records=int(os.environ.get("CARE_BENCH_RECORDS", RECORDS)),
    )
