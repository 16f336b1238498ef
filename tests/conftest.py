"""What the tests across the add-ons stand on; `./care test` makes it ready and calls pytest.

`database` is a fresh copy of a database with all add-ons and demo data (half a second), `server` an
Odoo on it with the mails it sends, `odoo_shell` runs Python with Odoo's `env`, `page_of` is a
person at a browser.
"""

import asyncio
import contextlib
import email
import email.policy
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import textwrap
import threading
import time
import uuid
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent


def load_care():
    loader = importlib.machinery.SourceFileLoader("care", str(ROOT / "care"))
    spec = importlib.util.spec_from_loader("care", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


care = load_care()


def pytest_configure(config):
    if not os.environ.get("CARE_TEST"):
        raise pytest.UsageError(
            "Run these by ./care test tests/… (it makes the databases they need)."
        )


class Environment:
    """Paths, processes and databases of the test ground."""

    def __init__(self, place):
        self.place = place
        self.root = ROOT
        self.care = care
        self.python = place.python
        self.env = place.env
        self.template = os.environ["CARE_TEST_TEMPLATE"]  # made by ./care test
        self.log = place.log

    def sql(self, database, statement):
        return self.place.postgres.sql(statement, database)

    def new_database(self, template=None):
        name = f"{self.place.postgres.prefix}copy_t{uuid.uuid4().hex[:10]}"
        self.place.postgres.create(name, template or self.template)
        return name

    def drop_database(self, name):
        self.place.drop(name)


@pytest.fixture(scope="session")
def care_env():
    """Where everything is: `.root`, `.python`, `.env`, `.sql(db, statement)`, `.new_database()`."""
    with care.Place(ROOT / ".care/test", fast=True) as place:
        yield Environment(place)


@pytest.fixture
def database(care_env):
    """The name of a fresh database with all add-ons and demo data."""
    name = care_env.new_database()
    yield name
    care_env.drop_database(name)


class Shell:
    """Python with Odoo's `env`, in a process of its own.

    `odoo_shell(db, code)` runs it to the end, commits, and gives what the code left in `result`;
    `odoo_shell.start(db, code)` gives the running process: `.result()` waits, `.kill()` is SIGKILL.
    """

    def __init__(self, care_env):
        self.care_env = care_env
        self.running = []

    def __call__(self, database, code, timeout=180):
        return self.start(database, code).result(timeout)

    def start(self, database, code):
        running = Running(self.care_env, database, textwrap.dedent(code))
        self.running.append(running)
        return running

    def close(self):
        for running in self.running:
            running.clean()


class Running:
    def __init__(self, care_env, database, code):
        stem = care_env.log / f"shell-{uuid.uuid4().hex[:8]}"
        self.out, self.log = stem.with_suffix(".json"), stem.with_suffix(".log")
        # The code is text for exec, so that what it says in an error are its own lines
        script = textwrap.dedent(f"""
            import json
            scope = {{"env": env, "self": env.user, "result": None}}
            exec(compile({code!r}, "<test>", "exec"), scope)
            env.cr.commit()
            with open({str(self.out)!r}, "w") as out:
                json.dump(scope["result"], out, default=str)
        """)
        place = care_env.place
        command = place.command("-d", database, "--no-http", "--log-level=warn", shell=True)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=place.env,
                preexec_fn=care.tied_to_parent,
                text=True,
            )
        self.process.stdin.write(script)
        self.process.stdin.close()

    @property
    def output(self):
        return self.log.read_text()

    def wait_for(self, text, timeout=60):
        """Wait until the code has printed a text (with flush=True)."""
        wait_until(lambda: text in self.output or self.process.poll() is not None, timeout)
        assert text in self.output, self.output

    def result(self, timeout=180):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"The code did not end within {timeout} s:\n{self.output[-4000:]}")
        if self.process.returncode or not self.out.exists():
            pytest.fail(f"The code failed:\n{self.output[-6000:]}")
        return json.loads(self.out.read_text())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def clean(self):
        if self.process.poll() is None:
            self.kill()
        for path in (self.out, self.log):
            path.unlink(missing_ok=True)


@pytest.fixture
def odoo_shell(care_env):
    """`odoo_shell(db, code)`: run Python with `env`, commit, give what it left in `result`."""
    with contextlib.closing(Shell(care_env)) as shell:
        yield shell


@pytest.fixture(scope="module")
def shared_shell(care_env):
    """As `odoo_shell`, for what is made once for a module."""
    with contextlib.closing(Shell(care_env)) as shell:
        yield shell


class Mailbox:
    """A mail server on 127.0.0.1; it keeps each mail as an `email.message.EmailMessage`."""

    def __init__(self):
        self.mails = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(20)
        self.port = server.sockets[0].getsockname()[1]

    async def _listen(self):
        return await self._loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True), "127.0.0.1", 0
        )

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail.envelope_to = list(envelope.rcpt_tos)
        self.mails.append(mail)
        return "250 kept"

    def to(self, address):
        """The mails that went to an address."""
        return [mail for mail in self.mails if any(address in to for to in mail.envelope_to)]

    def wait_for(self, address, subject="", timeout=30):
        """The first mail to an address whose subject holds a text; waits until it is there."""

        def found():
            return next(
                (mail for mail in self.to(address) if subject in (mail["subject"] or "")), None
            )

        def told():
            listed = [(mail.envelope_to, mail["subject"]) for mail in self.mails]
            return f"no mail to {address} about {subject!r} in {listed}"

        return wait_until(found, timeout, told)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


def wait_until(condition, timeout=30, message="it did not come"):
    """Call until it gives something true, and give that."""
    until = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > until:
            pytest.fail(message() if callable(message) else message)
        time.sleep(0.1)


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    """`wait_until(condition, timeout=30, message=…)`: call until it gives something true."""
    return wait_until


@pytest.fixture
def mailbox():
    """The mails this test's servers send: `.mails`, `.to(…)`, `.wait_for(address, subject)`."""
    box = Mailbox()
    yield box
    box.close()


@pytest.fixture
def start_server(care_env, mailbox, request):
    """`start_server(db, cron_threads=0, workers=0)`: an Odoo; several may share a db."""
    servers = []

    def start(database, cron_threads=0, workers=0, arguments=()):
        number = len(servers)
        server = care.Server(
            care_env.place,
            database,
            care.free_port(),
            mailbox.port,
            [f"--max-cron-threads={cron_threads}", f"--workers={workers}", *arguments],
            log=f"server-{request.node.name[:60]}-{number}",
        )
        server.mailbox, server.mails, server.database = mailbox, mailbox.mails, database
        servers.append(server)
        return server.wait_ready()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start_server, database):
    """An Odoo on a fresh database, without crons: `.url`, `.database`, `.mailbox`, `.process`."""
    return start_server(database)


CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-US",
]


@pytest.fixture(scope="session")
def browser():
    """Playwright's browser: this machine's Chromium."""
    flags = [*CHROMIUM_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=care.find_chromium(), args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def page_of(browser, server, care_env, request):
    """`page_of("amir")`: a page, still empty, of somebody who logged in; `page_of(None)`: of
    somebody else.

    Each has a browser context of his own. Of a failed test the pages are kept as pictures.
    """
    contexts = []

    def open_page(login, password=None, url=None):
        context = browser.new_context(
            base_url=url or server.url,
            locale="en-US",
            timezone_id="Europe/Brussels",
            viewport={"width": 1366, "height": 900},
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        if login:
            params = {"db": server.database, "login": login, "password": password or login}
            answer = context.request.post(
                "/web/session/authenticate", data={"jsonrpc": "2.0", "params": params}
            )
            assert answer.json()["result"]["uid"], f"{login} cannot log in"
        return context.new_page()

    yield open_page
    failed = getattr(request.node, "failed_call", False)
    for number, context in enumerate(contexts):
        if failed:
            for page in context.pages:
                with contextlib.suppress(Exception):
                    page.screenshot(path=care_env.log / f"{request.node.name[:60]}-{number}.png")
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed:
        item.failed_call = True
    return report
