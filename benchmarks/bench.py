"""What the benchmarks share: measuring in turns, history made in SQL, a table and a plot.

Reported are medians of ratios, both sides measured in turns: times of a run say more about the
machine than about the code.
"""

import gc
import json
import os
import time
from statistics import median

from lxml import etree

#: How often a look at something is measured.
LOOKS = 15


# ------------------------------------------------------------
# Measuring
# ------------------------------------------------------------


class Measure:
    """Time and queries of a block, from an empty cache to the last statement."""

    def __init__(self, env):
        self.env = env

    def __enter__(self):
        self.env.cr.flush()
        self.env.invalidate_all()
        self.queries, self.start = self.env.cr.sql_log_count, time.perf_counter()
        return self

    def __exit__(self, *_error):
        self.env.cr.flush()
        self.seconds = time.perf_counter() - self.start
        self.queries = self.env.cr.sql_log_count - self.queries


def measure(env, work, *args):
    with Measure(env) as taken:
        work(*args)
    return taken


def in_turns(env, rounds, *works):
    """Measure each of ``works`` once a round, in turns; each is given the round's number.

    :return: for each work its measures
    """
    measures = [[measure(env, work, number) for work in works] for number in range(rounds)]
    return list(zip(*measures, strict=True))


def ratio(ours, bare):
    return median(a.seconds / b.seconds for a, b in zip(ours, bare, strict=True))


def queries(measures):
    return median(taken.queries for taken in measures)


def memory():
    """Resident memory of this process, in MB."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


# ------------------------------------------------------------
# History
# ------------------------------------------------------------


def copy(env, record, source, **changes):
    """Insert a copy of the row of ``record`` for each row of ``source``.

    :param str source: a FROM clause
    :param changes: column -> SQL expression over ``source`` and the row, ``old``
    """
    env.flush_all()
    table = record._table
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema AND table_name = %s AND column_name != 'id'",
        [table],
    )
    columns = {name: f'old."{name}"' for (name,) in env.cr.fetchall()}
    columns.update(changes)
    names = ", ".join(f'"{name}"' for name in columns)
    env.cr.execute(
        f'INSERT INTO "{table}" ({names}) SELECT {", ".join(columns.values())}'
        f' FROM {source}, "{table}" old WHERE old.id = {record.id} RETURNING id'
    )
    return [row_id for (row_id,) in env.cr.fetchall()]


def users(env, group, count):
    """So many users of a group in the present company."""
    model = env["res.users"].with_context(no_reset_password=True, tracking_disable=True)
    return model.create(
        [
            {
                "name": f"Benchmark {number}",
                "login": f"{group}-benchmark-{os.getpid()}-{number}",
                "company_id": env.company.id,
                "company_ids": [(6, 0, env.company.ids)],
                "group_ids": [(6, 0, env.ref(group).ids)],
            }
            for number in range(count)
        ]
    )


def numbers(count):
    return f"generate_series(0, {count - 1}) i"


def array(ids):
    return f"'{{{','.join(map(str, ids))}}}'::int[]"


def each(ids):
    """A FROM clause of these ids, ``new``, and their number, ``i``."""
    return (
        f"(SELECT new, (nr - 1)::int AS i FROM unnest({array(ids)})"
        " WITH ORDINALITY given(new, nr)) each"
    )


def pick(ids, number):
    """One of these ids by a number, round and round."""
    return f"({array(ids)})[1 + ({number}) % {len(ids)}]"


# ------------------------------------------------------------
# Screens
# ------------------------------------------------------------


def specification(model, view, stored=False):
    """What the client reads for a view; or nothing but what is stored and what is Odoo's."""
    arch = etree.fromstring(model.get_views([(False, view)])["views"][view]["arch"])
    names = {node.get("name") for node in arch.iter("field")}
    return {
        name: {"fields": {"display_name": {}}} if field.type == "many2one" else {}
        for name, field in model._fields.items()
        if name in names and (not stored or field.store or name.startswith("activity_"))
    }


# ------------------------------------------------------------
# The run and its report
# ------------------------------------------------------------


def report(results, measures, what):
    """A table: each measure with its budget, by size, and how it grows."""
    sizes = list(results)
    lines = [f"{what:36}{'budget':>10}" + "".join(f"{size:>14,}" for size in sizes) + "    grows"]
    for name, (budget, shown) in measures.items():
        values = [results[size][name] for size in sizes]
        cells = ""
        for value in values:
            over = " over" if budget is not None and value > budget else ""
            cells += f"{shown.format(value) + over:>14}"
        limit = "" if budget is None else f"{budget:.3g}"
        grows = f"{values[-1] / values[0]:8.2f}×" if values[0] > 0 else ""
        lines.append(f"{name:36}{limit:>10}{cells}{grows}")
    return "\n".join(lines)


def plot(results, measures, drawn, what):
    """How the ratios grow, each as a share of its budget, as SVG."""
    sizes = list(results)
    width, height, left, top = 420, 260, 60, 30
    shares = {name: [results[size][name] / measures[name][0] for size in sizes] for name in drawn}
    highest = max(1.5, *(share for values in shares.values() for share in values)) * 1.05

    def x(number):
        return left + width * number / max(len(sizes) - 1, 1)

    def y(share):
        return top + height * (1 - share / highest)

    def text(at, up, words, anchor="start", fill="#333"):
        return (
            f'<text x="{at:.0f}" y="{up:.0f}" text-anchor="{anchor}" fill="{fill}">{words}</text>'
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 230}"'
        f' height="{top + height + 50}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        text(left, 18, f"Share of its budget, by {what} of before"),
        f'<line x1="{left}" x2="{left + width}" y1="{y(1):.1f}" y2="{y(1):.1f}"'
        ' stroke="#333" stroke-dasharray="4"/>',
        text(left - 8, y(1) + 4, "budget", "end"),
        text(left - 8, y(0) + 4, "0", "end"),
        f'<line x1="{left}" x2="{left + width}" y1="{y(0)}" y2="{y(0)}" stroke="#333"/>',
        *(text(x(nr), y(0) + 18, f"{size:,}", "middle") for nr, size in enumerate(sizes)),
    ]
    for number, (name, values) in enumerate(shares.items()):
        points = " ".join(f"{x(nr):.1f},{y(share):.1f}" for nr, share in enumerate(values))
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{drawn[name]}" stroke-width="2"/>',
            text(left + width + 20, top + 20 + 22 * number, name, fill=drawn[name]),
        ]
    return "\n".join([*parts, "</svg>\n"])


def main(env, run, sizes, records, measures, drawn, name, what):
    """Run a benchmark at each size and print its table; nothing is kept in the database.

    ``CARE_BENCH_RECORDS`` and ``CARE_BENCH_SIZES`` (``1000,10000``) lower the numbers for a quick
    look. ``CARE_BENCH_OUT`` names a folder to which the results and a plot are written.

    :param run: called with the environment, a size and the number of records; gives its results
    :param dict measures: name -> (its budget or None, how it is printed)
    :param dict drawn: measures in the plot -> their colour
    :param str name: of the files written
    :param str what: there are ``size`` of
    :return: dict size -> results
    """
    count = int(os.environ.get("CARE_BENCH_RECORDS", records))
    given = os.environ.get("CARE_BENCH_SIZES")
    folder = os.environ.get("CARE_BENCH_OUT")
    results = {}
    for size in map(int, given.split(",")) if given else sizes:
        results[size] = run(env, size, count)
        env.cr.rollback()
        env.registry.clear_all_caches()
        print(report(results, measures, what), flush=True)
        if folder:
            path = os.path.join(folder, f"benchmark-{name}")
            with open(f"{path}.json", "w", encoding="utf-8") as out:
                json.dump({"records": count, what: results}, out, indent=4)
                out.write("\n")
            with open(f"{path}.svg", "w", encoding="utf-8") as out:
                out.write(plot(results, measures, drawn, what))
    return results
