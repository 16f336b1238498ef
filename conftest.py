"""For every test that pytest runs: a skipped test fails the run, and earlier failures are told."""

import gc
import os
import runpy
import signal
from pathlib import Path

import pytest

STATUS_FAILED = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config):
    # Told to end, pytest still clears away what its tests have started
    if os.environ.get("CARE_TEST"):
        if config.getoption("odoo_config", None):
            kept = Path(__file__).with_name("tests") / "odoo_kept.py"
            runpy.run_path(str(kept))["keep_what_was_only_read"]()
        # seldom a search for garbage through all that Odoo is made of
        gc.set_threshold(100_000, 50, 100)
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number, _frame):
    raise KeyboardInterrupt


def _skipped(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter else []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    # Under ./care alone: whoever calls pytest by hand may skip what he likes
    if os.environ.get("CARE_TEST") and exitstatus == pytest.ExitCode.OK and _skipped(session):
        session.exitstatus = STATUS_FAILED


def pytest_terminal_summary(terminalreporter):
    if not os.environ.get("CARE_TEST"):
        return
    if skipped := terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(
            f"FAILED: {len(skipped)} skipped; a test that does not run proves nothing.", red=True
        )
    if earlier := os.environ.get("CARE_TEST_FAILURES"):
        terminalreporter.write_line(f"FAILED before this: {earlier}", red=True)
