"""What the tests of races, crashes and lifecycles share."""

import contextlib
import http.cookiejar
import json
import re
import textwrap
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

#: A company that never sleeps, so that what is planned for today is due today; its people,
#: customers and quotations; nothing else that is due. `scene` holds the ids.
SCENE = """
from odoo import Command
from odoo.addons.customer_care.models.care_due_mixin import CareDueMixin

company = env.ref('base.main_company')
company.write({
    'care_start_date': '2020-01-01', 'care_merge_days': 0, 'care_checkback_days': 0,
    'resource_calendar_id': env['resource.calendar'].create({
        'name': 'Always', 'company_id': company.id, 'tz': 'UTC',
        'attendance_ids': [Command.clear()] + [Command.create({
            'name': 'Day', 'dayofweek': str(day), 'hour_from': 0, 'hour_to': 24,
            'day_period': 'morning'}) for day in range(7)],
    }).id,
})
for name in env.registry.descendants(['care.due.mixin'], '_inherit'):
    if not env[name]._abstract:
        env.cr.execute(f'UPDATE {env[name]._table} SET next_at = NULL, state = %s'
                       ' WHERE next_at IS NOT NULL', ('cancelled',))
for name in env.registry.descendants(['care.rule.mixin'], '_inherit'):
    if not env[name]._abstract:
        env[name].search([]).active = False
env['mail.activity'].search([]).unlink()
env.invalidate_all()

def person(login, *groups):
    return env['res.users'].with_context(no_reset_password=True).create({
        'name': login, 'login': login, 'password': login, 'email': f'{login}@example.com',
        'tz': 'UTC', 'company_id': company.id, 'company_ids': [Command.set(company.ids)],
        'group_ids': [Command.set([env.ref(group).id for group in groups])],
        'notification_type': 'inbox',
    })
seller = person('race_seller', 'customer_care.group_agent', 'sales_team.group_sale_salesman')
agent = person('race_agent', 'customer_care.group_agent')
leader = person('race_leader', 'customer_care.group_leader')
team = env['care.team'].create({
    'name': 'Race', 'company_id': company.id, 'leader_id': leader.id,
    'member_ids': [Command.set(agent.ids)]})
customers = env['res.partner'].create([
    {'name': f'Customer {i}', 'email': f'c{i}@example.com'} for i in range(6)])
product = env['product.product'].create({'name': 'Race', 'list_price': 10, 'taxes_id': False})
orders = env['sale.order'].create([{
    'partner_id': customers[i % 6].id, 'user_id': seller.id, 'company_id': company.id,
    'order_line': [Command.create({'product_id': product.id})],
} for i in range(40)])
plan = env['mail.activity.plan'].create({
    'name': 'Race', 'res_model': 'care.journey', 'company_id': company.id,
    'template_ids': [Command.create({
        'activity_type_id': env.ref('customer_care.mail_activity_type_followup').id,
        'summary': summary, 'delay_count': 0, 'delay_unit': 'days',
        'delay_from': 'after_plan_date', 'responsible_type': responsible,
    }) for summary, responsible in (('Thank', 'care_owner'), ('Ask', 'care_salesperson'))]})
policy = env['care.policy'].create({
    'name': 'Race', 'event': 'order_confirmed', 'plan_id': plan.id, 'company_id': company.id})
cases = env['care.case'].create([{
    'name': f'Race {i}', 'partner_id': customers[i % 6].id, 'company_id': company.id,
    'team_id': team.id, 'owner_id': agent.id, 'resolution': 'Mended',
    'kind': 'enquiry',  # an open complaint would hold the follow-ups back
} for i in range(8)])
for case in cases:
    case._portal_ensure_token()
result = scene = {
    'orders': orders.ids, 'policy': policy.id, 'product': product.id, 'team': team.id,
    'company': company.id, 'customers': customers.ids, 'cases': cases.ids,
    'tokens': cases.mapped('access_token'), 'seller': seller.id, 'agent': agent.id,
    'leader': leader.id,
}
"""

#: For code that needs several processes: `crew((work, …), …)` runs each `work(env, meet, …)` in
#: a process with connections of its own, where `meet()` waits for the others, and gives what each
#: gives; `mate(work, …)` starts one; `retried(env, work)` is how Odoo runs what a person asks for.
CREW = """
import multiprocessing, os, signal, time, traceback
from odoo import api, sql_db
from odoo.service.model import retrying

forks = multiprocessing.get_context('fork')
kept = [env.cr, env.registry._db, sql_db._Pool]  # a child neither uses nor closes these

class Mate:
    def __init__(self, line, work, args):
        self.pipe, theirs = forks.Pipe()
        env.cr.commit()
        self.process = forks.Process(target=self.live, args=(theirs, line, work, args))
        self.process.start()
        theirs.close()

    def live(self, pipe, line, work, args):
        sql_db._Pool = sql_db._Pool_readonly = None
        registry = env.registry
        registry._db = sql_db.db_connect(env.cr.dbname)
        registry._db_readonly = None
        mine = api.Environment(registry.cursor(), env.uid, {})

        def meet():
            mine.cr.rollback()
            mine.cr.execute('SELECT count(*) FROM res_users')  # its view of the data, from now on
            line.wait(90)

        try:
            pipe.send((True, work(mine, meet, *args)))
            mine.cr.commit()
        except BaseException:
            pipe.send((False, traceback.format_exc()))
            if line:
                line.abort()
        os._exit(0)

    def result(self):
        assert self.pipe.poll(120), 'a process did not end'
        good, told = self.pipe.recv()
        self.process.join()
        assert good, told
        return told

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL

def mate(work, *args, line=None):
    return Mate(line, work, args)

def crew(*works):
    line = forks.Barrier(len(works))
    mates = [mate(*work, line=line) for work in works]
    return [each.result() for each in mates]

def retried(env, work):
    outcome = retrying(work, env)
    env.cr.commit()
    return outcome

planned = [name for name in env.registry.descendants(['care.due.mixin'], '_inherit')
           if not env[name]._abstract and env[name]._due_cron]

def due(env):
    counts = ' + '.join(
        f"(SELECT count(*) FROM {env[name]._table} WHERE next_at <= now() at time zone 'utc')"
        for name in planned)
    env.cr.execute(f'SELECT {counts}')
    return env.cr.fetchone()[0]

def run_crons(env, meet, batch, patience):
    for name in planned:
        type(env[name])._due_batch = batch
    meet()
    runs, since = 0, time.monotonic()
    while time.monotonic() - since < patience:
        if due(env):
            for name in planned:
                env[name]._cron_run_due()
            runs, since = runs + 1, time.monotonic()
        env.cr.rollback()
        time.sleep(0.002)
    return runs
"""


#: For code on the scene: `people_count` customers, each with a closed case that they are about to
#: be asked about; `people`, `closed` and `invitations` are in the same order.
ASKED = """
env.ref('customer_care_survey.trigger_case_closed').write(
    {'active': True, 'delay_count': 0, 'reminder_count': 1, 'reminder_days': 1})
people = env['res.partner'].create([
    {'name': f'Asked {i}', 'email': f'asked{i}@example.com'} for i in range(people_count)])

def close_cases(customers):
    cases = env['care.case'].create([{
        'name': customer.name, 'partner_id': customer.id, 'team_id': team, 'owner_id': agent,
        'kind': 'enquiry', 'resolution': 'Mended'} for customer in customers])
    cases.action_resolve()
    for case in cases:
        case._customer_answers('yes')
    return cases

closed = close_cases(people)
invitations = env['care.survey.invitation'].search(
    [('case_id', 'in', closed.ids)]).sorted(lambda row: row.case_id.id)
assert len(invitations) == people_count
env.cr.commit()
"""


@pytest.fixture(scope="session")
def scene(care_env):
    """A template database with :data:`SCENE` in it, and the ids: `.database`, `["orders"]`."""
    from conftest import Shell

    name = care_env.new_database()
    shell = Shell(care_env)
    ids = shell(name, SCENE)
    for running in shell.running:
        running.clean()
    yield Scene(name, ids)
    care_env.drop_database(name)


class Scene(dict):
    def __init__(self, database, ids):
        super().__init__(ids)
        self.database = database


@pytest.fixture
def raced(care_env, scene):
    """The name of a fresh copy of the scene."""
    name = care_env.new_database(scene.database)
    yield name
    care_env.drop_database(name)


@pytest.fixture
def crew(odoo_shell, raced):
    """`crew(code, …)`: run code with :data:`CREW` and values on the copy; gives its `result`."""

    def run(code, **values):
        given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        return odoo_shell(raced, given + CREW + textwrap.dedent(code))

    return run


@pytest.fixture
def rows(care_env, raced):
    """`rows(sql)`: the lines of a query on the copy, as tuples of text; numbers as int."""

    def read(line):
        return tuple(int(x) if re.fullmatch(r"-?\d+", x) else x for x in line.split("|"))

    return lambda statement, database=None: [
        read(line) for line in care_env.sql(database or raced, statement)
    ]


class Visitor:
    """A browser without a screen: a person's cookies, links and forms."""

    def __init__(self, url):
        self.url = url
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def get(self, path, timeout=60):
        return self._open(self.url + path, None, {}, timeout)

    def post(self, path, fields, timeout=60):
        return self._open(self.url + path, urllib.parse.urlencode(fields).encode(), {}, timeout)

    def call(self, path, timeout=60, **params):
        """JSON-RPC: the result, or the error as it came."""
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
        _status, text = self._open(
            self.url + path, body, {"Content-Type": "application/json"}, timeout
        )
        answer = json.loads(text)
        return answer.get("result", answer.get("error"))

    def login(self, database, login, password=None):
        return self.call(
            "/web/session/authenticate", db=database, login=login, password=password or login
        )

    def model(self, model, method, *args, **kwargs):
        return self.call(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=args,
            kwargs=kwargs,
        )

    def _open(self, url, body, headers, timeout):
        request = urllib.request.Request(url, body, headers)
        try:
            with self.opener.open(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                return error.code, error.read().decode(errors="replace")


def together(*works):
    """Run these at the same moment, each in a thread; gives what each gives."""
    results, line = [None] * len(works), threading.Barrier(len(works))

    def run(number, work):
        line.wait()
        try:
            results[number] = work()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


#: Planned rows of which :data:`SCENE` has none.
NOT_IN_SCENE = {
    "care.backfill",
    "care.digest",
    "care.handoff",
    "care.promise",
    "care.sla.backtest",
    "care.sla.alert",
    "care.sla.apply",
    "care.audit.round",
    "care.survey.round",
    "care.staff.survey",
    "care.certification.digest",
}
#: Whatever breaks "exactly once": each line is a wrong row.
BROKEN = {
    "two journeys of an order": """
        SELECT order_id, count(*) FROM care_journey GROUP BY 1 HAVING count(*) > 1""",
    "a follow-up planned twice": """
        SELECT policy_id, step_id, journey_id, case_id, occurrence, occurrence_try, repetition,
            sale_line_id, count(*)
        FROM care_followup WHERE policy_id IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING count(*) > 1""",
    "an open follow-up without its own open activity": """
        SELECT f.id FROM care_followup f LEFT JOIN mail_activity a ON a.id = f.activity_id
        WHERE f.state = 'open' AND (a.id IS NULL OR NOT a.active OR a.user_id <> f.user_id
            OR a.date_deadline <> f.date_due)""",
    "an open activity that is nobody's follow-up": """
        SELECT a.id FROM mail_activity a
        JOIN mail_activity_type t ON t.id = a.activity_type_id
        JOIN ir_model_data d ON d.model = 'mail.activity.type' AND d.res_id = t.id
            AND d.module = 'customer_care' AND d.name = 'mail_activity_type_followup'
        WHERE a.active AND NOT EXISTS (
            SELECT 1 FROM care_followup f WHERE f.activity_id = a.id AND f.state = 'open')""",
    "one activity for two follow-ups": """
        SELECT activity_id, count(*) FROM care_followup WHERE activity_id IS NOT NULL
        GROUP BY 1 HAVING count(*) > 1""",
    "work that is over and still due": """
        SELECT id FROM care_followup WHERE state NOT IN ('planned', 'held')
            AND next_at IS NOT NULL""",
    "a planned row that nothing will ever run": """
        SELECT id FROM care_followup WHERE state IN ('planned', 'held') AND next_at IS NULL
        UNION ALL SELECT id FROM care_notice WHERE state = 'planned' AND next_at IS NULL""",
    "a case number that is taken or missing": """
        SELECT company_id, number, count(*) FROM care_case
        GROUP BY 1, 2 HAVING count(*) > 1 OR number IS NULL""",
    "a notice told twice": """
        SELECT kind, case_id, journey_id, occurrence, count(*) FROM care_notice
        GROUP BY 1, 2, 3, 4 HAVING count(*) > 1""",
    "somebody asked twice within the quiet days": """
        SELECT a.id, b.id FROM care_survey_invitation a
        JOIN care_survey_invitation b ON b.address = a.address AND b.company_id = a.company_id
            AND b.id > a.id
        JOIN res_company c ON c.id = a.company_id
        WHERE a.address ~ '^(c|asked)[0-9]+@example.com$'
            AND a.sent_at > b.sent_at - interval '1 day' * c.care_survey_gap_days
            AND b.sent_at > a.sent_at - interval '1 day' * c.care_survey_gap_days""",
    "a survey that was not sent and nobody knows why": """
        SELECT id FROM care_survey_invitation WHERE state = 'skipped' AND skip_reason IS NULL""",
    "a survey that was sent without a link, or a link that was not sent": """
        SELECT id FROM care_survey_invitation
        WHERE address ~ '^(c|asked)[0-9]+@example.com$'
            AND (sent_at IS NULL) <> (user_input_id IS NULL)""",
    "a record whose category is not its stage's": """
        SELECT c.id FROM care_case c JOIN care_stage s ON s.id = c.stage_id
        WHERE s.category IS DISTINCT FROM c.stage_category
        UNION ALL SELECT j.id FROM care_journey j JOIN care_stage s ON s.id = j.stage_id
        WHERE s.category IS DISTINCT FROM j.stage_category""",
    "work with an error": """
        SELECT id, error FROM care_followup WHERE error IS NOT NULL
        UNION ALL SELECT id, error FROM care_notice WHERE error IS NOT NULL
        UNION ALL SELECT id, error FROM care_retry WHERE state <> 'done'""",
}


def assert_all_once(rows, database=None):
    for what, statement in BROKEN.items():
        assert rows(statement, database) == [], what
