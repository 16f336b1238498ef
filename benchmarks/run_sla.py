#!/usr/bin/env python3
"""Run ``sla.py`` beside its peer, OCA's ``helpdesk_mgmt_sla``: ``python3 benchmarks/run_sla.py``.

Three databases are made once and kept below ``.care/bench``: the register without the SLA
add-on, the same with it, and the peer's, whose wheels are fetched into the cache. ``bench.py``
says what can be set::

    CARE_BENCH_SIZES=1000,10000 python3 benchmarks/run_sla.py
"""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / ".care/bench"
OURS = ("sale", "customer_care")


def commands():
    """What ``./care`` is made of, as a module."""
    loader = importlib.machinery.SourceFileLoader("care", str(ROOT / "care"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("care", loader))
    loader.exec_module(module)
    return module


def peer(care):
    """The folder of the peer's add-ons, fetched when it is not there yet."""
    lock = ROOT / "requirements/peer.txt"
    home = care.CACHE / f"peer-{care.digest(lock.read_bytes())}"
    with care.locked(care.CACHE / "peer.lock"):
        if not home.exists():
            part = home.with_name(f"{home.name}.part")
            care.remove(part)
            pip = [sys.executable, "-m", "pip", "install", "--no-input", "--no-deps"]
            pip += ["--disable-pip-version-check", "--require-hashes", "--target", part, "-r", lock]
            with care.step("Fetching the peer's add-ons"):
                care.call(pip, care.CACHE / "log/peer.log", "Fetching the peer")
            part.rename(home)
    return home / "odoo/addons"


def database(care, place, name, modules, key, template=None, path=None):
    """A database with these modules and no demo data, made anew when the key has changed."""
    name = f"{place.postgres.prefix}bench_{name}"
    key = care.digest(care.odoo_version(place.odoo), care.DATABASE_RECIPE, modules, key)
    known = place.postgres.databases()
    if known.get(name, {}).get("key") == key:
        return name
    place.drop(name)
    arguments = ["--addons-path", path] if path else []
    with (
        care.step(f"Making {name} ({', '.join(modules)})"),
        place.making(name, {"key": key}, template) as part,
    ):
        place.odoo_run(part, name, name, "--no-http", *arguments, "-i", ",".join(modules))
    return name


def main():
    care = commands()
    care.check_python()
    theirs = peer(care)
    with care.locked(HERE / "run.lock", "This benchmark runs already, as process {pid}."):
        with care.Place(HERE, fast=True) as place:
            path = f"{care.addons_path(place.odoo)},{theirs}"
            core = care.addon_digest("customer_care")
            both = f"{core} {care.addon_digest('customer_care_sla')}"
            without = database(care, place, "without", OURS, core)
            names = [
                database(care, place, "with", ("customer_care_sla",), both, without),
                without,
                database(care, place, "peer", ("helpdesk_mgmt_sla",), str(theirs), None, path),
            ]
            command = place.command(
                *("-d", names[0], "--no-http", "--log-level=warn", "--addons-path", path),
                shell=True,
            )
            env = {**place.env, "CARE_BENCH_DATABASES": ",".join(names)}
            code = (ROOT / "benchmarks/sla.py").read_bytes()
            return subprocess.run(command, input=code, env=env, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
