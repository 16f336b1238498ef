"""Installing later, removing, installing again, upgrading, neutralizing, a long history."""

import contextlib
import re
import subprocess
import threading
import time
from collections import Counter

import psycopg2
import pytest
from support import NOT_IN_SCENE

pytest_plugins = ("support",)

ADDONS = ["customer_care", "customer_care_sla", "customer_care_survey"]
#: Everything a module can leave behind in the schema, and in the records that describe it.
TRACES = """
    SELECT 'column ' || table_name || '.' || column_name
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index ' || indexname FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint ' || conname || ' on ' || conrelid::regclass
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'xmlid ' || module || '.' || name || ' ' || model FROM ir_model_data
        WHERE model NOT LIKE 'ir.module.%%'
    UNION ALL SELECT 'model ' || model FROM ir_model
    UNION ALL SELECT 'field ' || model || '.' || name FROM ir_model_fields
    UNION ALL SELECT 'selection ' || f.model || '.' || f.name || ' ' || s.value
        FROM ir_model_fields_selection s JOIN ir_model_fields f ON f.id = s.field_id
    UNION ALL SELECT 'access ' || name FROM ir_model_access
    UNION ALL SELECT 'rule ' || name FROM ir_rule
    UNION ALL SELECT 'view ' || name || ' ' || coalesce(model, '') FROM ir_ui_view
    UNION ALL SELECT 'menu ' || (name->>'en_US') || ' ' || coalesce(action, '') FROM ir_ui_menu
    UNION ALL SELECT 'window ' || (name->>'en_US') || ' ' || res_model FROM ir_act_window
    UNION ALL SELECT 'action ' || type || ' ' || (name->>'en_US') FROM ir_actions
    UNION ALL SELECT 'cron ' || cron_name FROM ir_cron
    UNION ALL SELECT 'sequence ' || name || ' ' || coalesce(code, '') FROM ir_sequence
    UNION ALL SELECT 'group ' || (name->>'en_US') FROM res_groups
    UNION ALL SELECT 'privilege ' || (name->>'en_US') FROM res_groups_privilege
    UNION ALL SELECT 'template ' || (name->>'en_US') FROM mail_template
    UNION ALL SELECT 'activity type ' || (name->>'en_US') FROM mail_activity_type
    UNION ALL SELECT 'plan ' || name FROM mail_activity_plan
    UNION ALL SELECT 'subtype ' || (name->>'en_US') || ' ' || coalesce(res_model, '')
        FROM mail_message_subtype
    UNION ALL SELECT 'parameter ' || key FROM ir_config_parameter
    UNION ALL SELECT 'message of ' || model FROM mail_message WHERE model LIKE 'care.%%'
    UNION ALL SELECT 'activity of ' || res_model FROM mail_activity WHERE res_model LIKE 'care.%%'
    UNION ALL SELECT 'follower of ' || res_model FROM mail_followers
        WHERE res_model LIKE 'care.%%'
    UNION ALL SELECT 'file of ' || res_model FROM ir_attachment WHERE res_model LIKE 'care.%%'
    UNION ALL SELECT 'activity without a type' FROM mail_activity a
        LEFT JOIN mail_activity_type t ON t.id = a.activity_type_id
        WHERE t.id IS NULL
    UNION ALL SELECT 'relation record ' || name FROM ir_model_relation
""".replace("%%", "%")
#: Records that point at something that is not there.
DANGLING = """
import re
broken = []
for data in env['ir.model.data'].search([('module', '=like', 'customer_care%')]):
    if data.model not in env or not env[data.model].browse(data.res_id).exists():
        broken.append(('xmlid', data.complete_name))
for menu in env['ir.ui.menu'].with_context(active_test=False).search([]):
    if menu.action and not menu.action.exists():
        broken.append(('menu', menu.complete_name))
for action in env['ir.actions.act_window'].search([]):
    if action.res_model not in env:
        broken.append(('action', action.name, action.res_model))
for cron in env['ir.cron'].with_context(active_test=False).search([]):
    if not cron.model_id or cron.model_id.model not in env:
        broken.append(('cron', cron.name))
    if re.fullmatch(r'model\\.\\w+\\(.*\\)', cron.code or ''):
        method = cron.code[6:cron.code.index('(')]
        if not hasattr(env[cron.model_id.model], method):
            broken.append(('cron', cron.name, method))
for activity in env['mail.activity'].with_context(active_test=False).search([]):
    if activity.res_model and (activity.res_model not in env
                               or not env[activity.res_model].browse(activity.res_id).exists()):
        broken.append(('activity', activity.id, activity.res_model))
for model in sorted(env):
    if env[model]._abstract or env[model]._transient:
        continue
    if model.startswith('care.') or model in (
            'sale.order', 'res.partner', 'res.users', 'res.company', 'survey.survey'):
        for kind in ('form', 'list', 'search', 'kanban'):
            if env['ir.ui.view'].search_count([('model', '=', model), ('type', '=', kind)]):
                env[model].get_views([(False, kind)])
env['res.config.settings'].get_views([(False, 'form')])
env['ir.ui.menu'].load_menus(False)
result = broken
"""
#: Journeys, cases and follow-ups in every state, as a running company has them.
LIVE = """
company = env.ref('base.main_company')
company.care_start_date = '2020-01-01'
partner = env['res.partner'].create({'name': 'Live', 'email': 'live@example.com'})
product = env['product.product'].create({'name': 'Live', 'list_price': 5, 'taxes_id': False})
orders = env['sale.order'].create([{
    'partner_id': partner.id, 'user_id': env.ref('base.user_admin').id,
    'order_line': [(0, 0, {'product_id': product.id})]} for i in range(4)])
orders.action_confirm()
orders[3]._action_cancel()
def name_and_case(name, order):
    return {'name': name, 'partner_id': partner.id, 'order_id': order.id, 'severity': '2'}
cases = env['care.case'].create([name_and_case(name, order) for name, order in zip(
    ('Open', 'Resolved', 'Closed'), orders)])
(cases[1] | cases[2]).resolution = 'Mended'
(cases[1] | cases[2]).action_resolve()
cases[2]._customer_answers('yes')
env.cr.execute("UPDATE care_followup SET next_at = now() - interval '1 day'"
               " WHERE next_at IS NOT NULL AND id % 2 = 0")
env.invalidate_all()
env['care.followup']._cron_run_due()
env['care.notice']._cron_run_due()
result = {'orders': orders.ids, 'cases': cases.ids, 'partner': partner.id}
"""


@contextlib.contextmanager
def copy_of(care_env, template):
    name = care_env.new_database(template)
    try:
        yield name
    finally:
        care_env.drop_database(name)


@pytest.fixture(scope="module")
def bare_template(care_env):
    with copy_of(care_env, f"{care_env.place.postgres.prefix}template") as name:
        care_env.sql(name, "UPDATE ir_module_module SET demo = false")
        yield name


@pytest.fixture
def bare(care_env, bare_template):
    """A database with what the add-ons need and none of them, whose installs bring no demo."""
    with copy_of(care_env, bare_template) as name:
        yield name


@pytest.fixture(scope="module")
def live_template(care_env, bare_template, shared_shell):
    with copy_of(care_env, bare_template) as name:
        install(care_env, name, "customer_care")
        yield name, shared_shell(name, LIVE)


@pytest.fixture
def live(care_env, live_template):
    """A database without demo and with the core alone, which has been worked with: its name, and
    the ids of what is in it."""
    template, ids = live_template
    with copy_of(care_env, template) as name:
        yield name, ids


def odoo(care_env, database, what, *arguments):
    """Run Odoo to its end; it has nothing to complain of."""
    log = care_env.place.odoo_run(database, f"{database}-{what}", what, *arguments, "--no-http")
    lines = [line for line in log.splitlines() if re.search(r" (ERROR|CRITICAL|WARNING) ", line)]
    assert lines == [], "\n".join(lines)


def install(care_env, database, *names):
    odoo(care_env, database, "install", "-i", ",".join(names))


def uninstall(odoo_shell, database, *names):
    odoo_shell(
        database,
        f"env['ir.module.module'].search([('name', 'in', {names!r})]).button_immediate_uninstall()",
    )


def traces(care_env, database):
    return sorted(care_env.sql(database, TRACES))


def left_behind(before, after):
    """What was not there before; and what is gone."""
    before, after = Counter(before), Counter(after)
    return sorted(after - before) + [f"gone: {line}" for line in sorted(before - after)]


def test_installing_later_onto_live_cases_removing_and_installing_again_leaves_nothing_broken(
    bare_template, live, care_env, odoo_shell
):
    nothing = traces(care_env, bare_template)
    database, ids = live
    work = (
        "SELECT id, state, next_at, user_id, activity_id, write_date FROM care_followup ORDER BY id"
    )
    cases = "SELECT id, number, stage_id, owner_id, cycle, write_date FROM care_case ORDER BY id"
    core, planned, registered = (
        traces(care_env, database),
        care_env.sql(database, work),
        care_env.sql(database, cases),
    )
    mails = care_env.sql(database, "SELECT count(*) FROM mail_mail")

    # the others come later, onto what lives
    install(care_env, database, "customer_care_sla", "customer_care_survey")
    assert care_env.sql(database, work) == planned
    assert care_env.sql(database, cases) == registered
    assert care_env.sql(database, "SELECT count(*) FROM mail_mail") == mails
    opened, _resolved, closed = ids["cases"]
    assert care_env.sql(database, "SELECT count(*) FROM care_sla_clock") == ["0"], "asked first"
    odoo_shell(
        database,
        """
        offered = env['care.sla.apply'].search([('state', '=', 'draft')])
        assert offered.new_count
        offered.action_start()
        offered._cron_run_due()
        """,
    )
    clocks = care_env.sql(
        database, "SELECT DISTINCT case_id FROM care_sla_clock WHERE state = 'running'"
    )
    assert str(opened) in clocks, "an open case gets its promise"
    assert str(closed) not in clocks, "a closed case does not"
    due = care_env.sql(database, "SELECT id FROM care_case WHERE promise_due_at IS NOT NULL")
    assert set(due) == set(clocks), "and shows when it is due"
    assert care_env.sql(database, "SELECT count(*) FROM care_survey_invitation") == ["0"]
    used = odoo_shell(
        database,
        f"""
        case = env['care.case'].browse({opened})
        case.resolution = 'Mended'
        case.action_resolve()
        case._customer_answers('yes')
        env['care.case'].create({{'name': 'New', 'partner_id': {ids["partner"]}}})
        for name in env.registry.descendants(['care.due.mixin'], '_inherit'):
            if not env[name]._abstract and env[name]._due_cron:
                env[name]._cron_run_due()
        result = {{
            'clocks': case.clock_ids.mapped('state'),
            'asked': env['care.survey.invitation'].search_count([('case_id', '=', case.id)]),
        }}
        """,
    )
    assert set(used["clocks"]) == {"met"} and used["asked"] == 1, used

    # they go, and leave the core as it was
    uninstall(odoo_shell, database, "customer_care_sla", "customer_care_survey")
    said = ("message of ", "activity of ", "follower of ", "gone: ")  # by the work since
    assert [
        line
        for line in left_behind(core, traces(care_env, database))
        if not line.startswith(said) or line.startswith("gone: ") and said[0] not in line
    ] == []
    assert odoo_shell(database, DANGLING) == []

    # they come again
    install(care_env, database, "customer_care_sla", "customer_care_survey")

    # everything goes
    uninstall(odoo_shell, database, "customer_care")
    assert left_behind(nothing, traces(care_env, database)) == []

    # and comes again
    install(care_env, database, *ADDONS)
    again = odoo_shell(
        database,
        f"""
order = env['sale.order'].browse({ids["orders"][0]}).copy()
order.action_confirm()
case = env['care.case'].create({{'name': 'New', 'partner_id': {ids["partner"]}}})
"""
        + DANGLING
        + """
result = [len(order.care_journey_ids), bool(order.care_journey_ids.followup_ids),
          bool(case.number), bool(case.clock_ids), broken]
""",
    )
    assert again == [1, True, True, True, []]


#: One customer was asked and answered badly, another waits to be asked, a third has refused.
SURVEYED = """
customers = env['res.partner'].create([
    {'name': f'Surveyed {i}', 'email': f'surveyed{i}@example.com'} for i in range(3)])
cases = env['care.case'].create([{
    'name': customer.name, 'partner_id': customer.id, 'kind': 'enquiry', 'resolution': 'Mended'}
    for customer in customers])
cases.action_resolve()
for case in cases:
    case._customer_answers('yes')
model = env['care.survey.invitation']
rows = model.search([('case_id', 'in', cases.ids)]).sorted(lambda row: row.case_id.id)
rows[:2].write({'next_at': env.cr.now()})
model._cron_run_due()
answers = rows[0].user_input_id
answers._mark_in_progress()
for question in answers.predefined_question_ids:
    answers._save_lines(question, '2' if question.question_type == 'scale' else 'Too late')
answers._mark_done()
model._cron_run_due()
rows[1]._stop('kind')
env.ref('customer_care_survey.trigger_services').active = True
result = {
    'states': rows.mapped('state'), 'mails': env['mail.mail'].search_count(
        [('model', '=', 'care.survey.invitation'), ('state', '=', 'outgoing')]),
    'case': rows.recovery_case_id.ids, 'rounds': env['care.survey.round'].search_count([]),
    'cases': cases.ids,
}
"""
#: As if a month had passed, with all crons running.
A_MONTH_LATER = """
for name in env.registry.descendants(['care.due.mixin'], '_inherit'):
    if not env[name]._abstract and env[name]._due_cron:
        env.cr.execute(f"UPDATE {env[name]._table} SET next_at = next_at - interval '30 days'"
                       " WHERE next_at IS NOT NULL")
        env.invalidate_all()
        env[name]._cron_run_due()
"""


def test_surveys_on_live_cases_ask_nobody_about_the_past_and_leave_the_answers_alone(
    live, care_env, odoo_shell
):
    database, _ids = live

    def count(table, where="true"):
        return int(care_env.sql(database, f"SELECT count(*) FROM {table} WHERE {where}")[0])

    def answers():
        return care_env.sql(
            database,
            "SELECT u.id, u.state, u.partner_id, s.title->>'en_US', q.title->>'en_US',"
            " l.value_scale, l.value_text_box FROM survey_user_input u"
            " JOIN survey_survey s ON s.id = u.survey_id"
            " LEFT JOIN survey_user_input_line l ON l.user_input_id = u.id"
            " LEFT JOIN survey_question q ON q.id = l.question_id ORDER BY u.id, l.id",
        )

    core, given = traces(care_env, database), answers()

    # it comes later: nobody is asked about what was over before
    install(care_env, database, "customer_care_survey")
    odoo_shell(database, A_MONTH_LATER)
    assert count("care_survey_invitation") == 0
    assert count("mail_message", "model LIKE 'care.survey.%'") == 0
    assert answers() == given

    done = odoo_shell(database, SURVEYED)
    assert done["states"] == ["done", "sent", "planned"], done
    assert done["mails"] == 2 and len(done["case"]) == 1 and done["rounds"] == 1, done
    given = answers()
    for question, answer in (("How likely are you", "2|"), ("What should we do", "|Too late")):
        assert [
            line for line in given if f"|How did we do?|{question}" in line and answer in line
        ], given[-6:]

    # it goes: the customers' answers stay, with their survey, and nothing else
    uninstall(odoo_shell, database, "customer_care_survey")
    work = r"(gone: )?(message|activity|follower) of care\.(case|journey)$"
    left = left_behind(core, traces(care_env, database))
    assert [line for line in left if not re.match(work, line)] == []
    assert odoo_shell(database, DANGLING) == []
    assert answers() == given
    assert count("mail_message", "model LIKE 'care.survey.%' OR model LIKE 'care.audit%'") == 0
    assert count("mail_mail", "body_html LIKE '%/survey/%'") == 0, "a mail that nobody will stop"
    assert count("care_case", f"id = {done['case'][0]} AND channel IS NOT NULL") == 1
    assert odoo_shell(
        database,
        """
        answer = env['survey.user_input'].search([('state', '=', 'done')], order='id desc')[:1]
        result = [answer.survey_id.question_ids == answer.predefined_question_ids,
                  bool(answer.survey_id.get_formview_action()), answer.survey_id.active]
        """,
    ) == [True, True, True]

    # it comes again: nobody is asked twice
    install(care_env, database, "customer_care_survey")
    odoo_shell(database, A_MONTH_LATER)
    assert count("care_survey_invitation") == 0
    assert count("mail_mail", "body_html LIKE '%/survey/%'") == 0
    assert answers() == given
    again = odoo_shell(database, SURVEYED)
    assert again["states"] == ["done", "sent", "planned"], again
    assert again["mails"] == 2


#: What a person edits, and how: XML id -> values.
EDITED = {
    "customer_care.stage_case_new": {"name": "Just in", "days_limit": 3},
    "customer_care.stage_journey_use": {"sequence": 77, "owner_rule": "leader"},
    "customer_care.policy_after_sale": {"name": "Ours", "filter_domain": "[('id', '>', 3)]"},
    "customer_care.plan_after_sale_welcome": {"summary": "Say hello", "delay_count": 5},
    "customer_care.outcome_no_answer": {"retry_days": 9},
    "customer_care.category_late": {"severity": "3"},
    "customer_care.tier_key": {"name": "Gold"},
    "customer_care.journey_type_sale": {"name": "Our way"},
    "customer_care.mail_template_case_received": {"subject": "Hello from us"},
    "customer_care.mail_activity_type_followup": {"delay_count": 4},
    "customer_care.ir_cron_followups": {"interval_number": 17},
    "customer_care.ir_cron_notices": {"active": False},
    "customer_care.care_case_rule_agent": {"domain_force": "[('owner_id', '=', user.id)]"},
    "customer_care_sla.policy_standard": {"name": "Our promise"},
    "customer_care_sla.ir_cron_clocks": {"interval_number": 23},
    "customer_care_survey.ir_cron_invitations": {"interval_number": 29},
}


def test_upgrading_twice_changes_nothing_that_a_person_edited_or_deleted(
    care_env, database, odoo_shell
):
    write = f"""
    edited = {EDITED!r}
    for name, values in edited.items():
        env.ref(name).with_context(active_test=False).write(values)
    for model in ('care.survey.trigger', 'care.sla.policy', 'care.sla.target'):
        for record in env[model].search([]):
            if 'sequence' in record:
                record.sequence += 100
    """
    read = f"""
    read = {{
        name: [env.ref(name)[field] for field in values]
        for name, values in {EDITED!r}.items()
    }}
    for model in ('care.survey.trigger', 'care.sla.policy', 'care.sla.target', 'care.stage',
                  'care.policy', 'care.category', 'care.outcome', 'care.tier',
                  'care.journey.type', 'mail.activity.plan', 'mail.activity.plan.template'):
        rows = env[model].with_context(active_test=False).search([], order='id').read(load=None)
        read[model] = [
            {{k: v for k, v in row.items() if k not in ('write_date', 'write_uid')}}
            for row in rows
        ]
    for table in ('care_journey', 'care_case', 'care_followup', 'care_notice', 'care_sla_clock',
                  'care_survey_invitation', 'mail_message', 'mail_activity', 'mail_mail'):
        env.cr.execute(f"SELECT count(*), max(id), max(write_date)::text FROM {{table}}")
        read[table] = env.cr.fetchone()
    result = read
    """
    odoo_shell(database, write)
    odoo_shell(database, "env.ref('customer_care.category_idea').unlink()")
    before = odoo_shell(database, read)
    for _time in range(2):
        odoo(care_env, database, "upgrade", "-u", ",".join(ADDONS))
    after = odoo_shell(database, read)
    for name, values in EDITED.items():
        assert after[name] == before[name], name
        assert [
            got for got, wanted in zip(after[name], values.values(), strict=True) if got != wanted
        ] == [], name
    assert after == before
    assert odoo_shell(
        database, "result = env.ref('customer_care.category_idea', raise_if_not_found=False)"
    ) in (None, "None"), "what was deleted stays deleted"


def test_a_neutralized_copy_plans_nothing_and_tells_nobody(care_env, crew, scene, raced, rows):
    crew(
        """
        env['sale.order'].browse(orders).action_confirm()
        for rule in ('care.survey.trigger', 'care.sla.policy'):
            env[rule].with_context(active_test=False).search([]).active = True
        cases = env['care.case'].browse(cases)
        cases.action_resolve()
        cases[0]._customer_answers('yes')
        env['care.case'].create({
            'name': 'New', 'partner_id': cases[0].partner_id.id, 'product_id': product})
        env.flush_all()
        env.cr.execute('UPDATE care_policy SET filter_domain = %s WHERE id = %s',
                       ("[('no_such_field', '=', 1)]", policy))
        env.invalidate_all()
        env['sale.order'].browse(late).action_confirm()
        """,
        orders=scene["orders"][:5],
        late=scene["orders"][5],
        cases=scene["cases"],
        policy=scene["policy"],
        product=scene["product"],
    )
    tables = [
        table
        for (table,) in rows(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'next_at'"
            " AND table_schema = 'public' ORDER BY 1"
        )
    ]
    assert {"care_followup", "care_notice", "care_retry"} < set(tables)
    for table in tables:
        ((planned,),) = rows(f"SELECT count(*) FROM {table} WHERE next_at IS NOT NULL")
        expected = table.replace("_", ".") not in NOT_IN_SCENE
        assert planned or not expected, f"nothing was planned in {table}"
    command = care_env.place.command("-d", raced)
    at = command.index("odoo") + 1
    done = subprocess.run(
        [*command[:at], "neutralize", *command[at:]],
        env=care_env.place.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for table in tables:
        assert rows(f"SELECT count(*) FROM {table} WHERE next_at IS NOT NULL") == [(0,)], table
        assert rows(f"SELECT count(*) FROM {table} WHERE state = 'planned'") == [(0,)], table
    told = (
        "SELECT (SELECT count(*) FROM mail_message), (SELECT count(*) FROM mail_activity),"
        " (SELECT count(*) FROM mail_mail)"
    )
    before = rows(told)
    crew(
        """
        for name in env.registry.descendants(['care.due.mixin'], '_inherit'):
            if not env[name]._abstract and env[name]._due_cron:
                env[name]._cron_run_due()
        """
    )
    assert rows(told) == before


class Bystander(threading.Thread):
    """Somebody who works with orders while something else is done to the database."""

    def __init__(self, care_env, database, order):
        super().__init__(daemon=True)
        self.order = order
        names = ("host", "port", "user", "password")
        given = {
            name: care_env.env[f"PG{name.upper()}"]
            for name in names
            if care_env.env.get(f"PG{name.upper()}")
        }
        self.connect = lambda: psycopg2.connect(dbname=database, **given)
        self.over = threading.Event()
        self.reads, self.writes, self.failures, self.locks = 0, 0, [], set()
        self.longest = 0

    def run(self):
        with contextlib.closing(self.connect()) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            while not self.over.wait(0.02):
                try:
                    cursor.execute("SET lock_timeout = '500ms'")
                    cursor.execute("SELECT count(*) FROM sale_order WHERE id < 1000")
                    cursor.execute(
                        "SELECT DISTINCT mode FROM pg_locks WHERE granted AND"
                        " relation IN ('sale_order'::regclass, 'sale_order_line'::regclass,"
                        " 'res_partner'::regclass) AND pid <> pg_backend_pid()"
                    )
                    self.locks.update(mode for (mode,) in cursor.fetchall())
                    self.reads += 1
                    cursor.execute("SET lock_timeout = '60s'")
                    began = time.monotonic()
                    cursor.execute(
                        "UPDATE sale_order SET note = 'touched' WHERE id = %s", (self.order,)
                    )
                    self.longest = max(self.longest, time.monotonic() - began)
                    self.writes += 1
                except psycopg2.Error as error:
                    self.failures.append(str(error))

    def stop(self):
        self.over.set()
        self.join(90)


LONG_HISTORY = """
DO $$
DECLARE
    names text;
    pattern int := (SELECT max(id) FROM sale_order);
BEGIN
    SELECT string_agg(quote_ident(column_name), ', ') INTO names
    FROM information_schema.columns WHERE table_name = 'sale_order'
        AND column_name NOT IN ('id', 'name', 'access_token', 'state', 'date_order');
    EXECUTE format('INSERT INTO sale_order (name, state, date_order, %1$s)
        SELECT ''OLD'' || i, ''sale'', now() - interval ''30 days'', %1$s
        FROM sale_order, generate_series(1, 50000) i WHERE id = %2$s', names, pattern);
    SELECT string_agg(quote_ident(column_name), ', ') INTO names
    FROM information_schema.columns WHERE table_name = 'sale_order_line'
        AND column_name NOT IN ('id', 'order_id');
    EXECUTE format('INSERT INTO sale_order_line (order_id, %1$s)
        SELECT o.id, l.* FROM sale_order o, (SELECT %1$s FROM sale_order_line
        WHERE display_type IS NULL LIMIT 1) l WHERE o.name LIKE ''OLD%%''', names);
END $$;
"""


def test_installing_on_50000_old_orders_takes_as_long_as_on_few_and_touches_none(
    care_env, bare, odoo_shell
):
    few = care_env.new_database(bare)
    try:
        care_env.sql(bare, LONG_HISTORY)
        care_env.sql(bare, "ANALYZE")
        same = """
            SELECT relname, relfilenode::text, (SELECT string_agg(attname, ',' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
            FROM pg_class c
            WHERE relname IN ('sale_order', 'sale_order_line', 'res_partner')"""
        versions = """
            SELECT (SELECT sum(hashtext(id || ' ' || xmin || ' ' || ctid)) FROM sale_order
                    WHERE note IS DISTINCT FROM 'touched'),
                (SELECT sum(hashtext(id || ' ' || xmin || ' ' || ctid)) FROM sale_order_line)"""
        effects = """
            SELECT (SELECT count(*) FROM mail_mail), (SELECT count(*) FROM mail_activity),
                (SELECT count(*) FROM mail_message WHERE model = 'sale.order')"""
        assert int(care_env.sql(bare, "SELECT count(*) FROM sale_order")[0]) > 50_000
        ((touched,),) = [
            line.split("|") for line in care_env.sql(bare, "SELECT min(id) FROM sale_order")
        ]
        care_env.sql(bare, f"UPDATE sale_order SET note = 'touched' WHERE id = {touched}")
        before = [care_env.sql(bare, query) for query in (same, versions, effects)]
        took, waited = {}, {}

        def timed(database, bystander):
            began = time.monotonic()
            install(care_env, database, *ADDONS)
            took[database] = time.monotonic() - began
            bystander.stop()
            waited[database] = bystander.longest

        # both at once, so that a busy machine is as busy for one as for the other
        bystanders = {name: Bystander(care_env, name, touched) for name in (bare, few)}
        installs = [
            threading.Thread(target=timed, args=(name, bystander))
            for name, bystander in bystanders.items()
        ]
        for thread in (*bystanders.values(), *installs):
            thread.start()
        for thread in installs:
            thread.join()
        assert set(took) == {bare, few}, "an installation failed"
    finally:
        care_env.drop_database(few)
    assert [care_env.sql(bare, query) for query in (same, versions, effects)] == before
    made = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})"
        for table in (
            "care_journey",
            "care_case",
            "care_followup",
            "care_notice",
            "care_retry",
            "care_sla_clock",
            "care_survey_invitation",
        )
    )
    assert care_env.sql(bare, made) == []
    # seconds: no more than what a noisy moment makes of the same work
    assert took[bare] <= 1.5 * took[few] + 5, took
    crowd = bystanders[bare]
    assert crowd.failures == [], "a reader had to wait, or a writer did not get through"
    assert crowd.reads > 20 and crowd.writes > 20
    assert "AccessExclusiveLock" not in crowd.locks
    # a foreign key is made under a lock that lets readers pass; writers wait for the commit
    assert waited[bare] <= 1.5 * waited[few] + 5, waited


#: What the glue add-ons do, beside each other: an opportunity that is sold, delivered and comes
#: back; one that has sold nothing yet.
GLUED = """
team = env['crm.team'].create({'name': 'Kitchens', 'company_id': env.company.id})
planned = env['care.journey.type'].create(
    {'name': 'Kitchen', 'sequence': 1, 'sales_team_ids': [(6, 0, team.ids)]})
env['care.stage'].create({'name': 'Planning', 'type_id': planned.id, 'sequence': 1,
                          'entry_event': 'opportunity_created'})
leads = env['crm.lead'].create([{
    'name': 'Kitchen', 'type': 'opportunity', 'partner_id': PARTNER, 'team_id': team.id,
    'company_id': env.company.id} for _number in range(2)])
product = env['product.product'].create({'name': 'Oven', 'taxes_id': False})
order = env['sale.order'].create({
    'partner_id': PARTNER, 'opportunity_id': leads[0].id,
    'order_line': [(0, 0, {'product_id': product.id})]})
order.action_confirm()
delivery = order.picking_ids
delivery.move_ids.write({'quantity': 1, 'picked': True})
delivery.button_validate()
env.cr.flush()
wizard = env['stock.return.picking'].with_context(
    active_id=delivery.id, active_ids=delivery.ids, active_model='stock.picking').create({})
wizard.product_return_moves.quantity = 1
back = env['stock.picking'].browse(wizard.action_create_returns()['res_id'])
back.move_ids.write({'quantity': 1, 'picked': True})
back.button_validate()
env.cr.flush()
journey = order.care_journey_ids
result = [journey.lead_id == leads[0], bool(journey.delivered_at), journey.return_count,
          'Why did it come back?' in journey.followup_ids.mapped('name'),
          env['care.journey'].search_count([('order_id', '=', False)])]
"""


#: An opportunity is promised a contact and a quotation: written to, sent, sold.
PROMISED = """
env['care.sla.policy'].create({
    'name': 'Enquiries', 'about': 'care.journey', 'company_id': env.company.id,
    'target_ids': [(0, 0, {'measure': measure, 'severity': 'any', 'kind': 'days', 'amount': 1})
                   for measure in ('enquiry', 'quotation')]})
seller = env['res.users'].create({
    'name': 'Sam', 'login': 'sam', 'email': 'sam@example.com', 'group_ids': [(6, 0, [
        env.ref('customer_care.group_agent').id,
        env.ref('sales_team.group_sale_salesman_all_leads').id])]})
lead = env['crm.lead'].create({
    'name': 'Hood', 'type': 'opportunity', 'partner_id': PARTNER, 'user_id': seller.id,
    'team_id': env['crm.team'].search([('name', '=', 'Kitchens')], order='id desc', limit=1).id,
    'company_id': env.company.id})
journey = env['care.journey'].search([('lead_id', '=', lead.id)])

def told():
    env.flush_all()
    clocks = journey.clock_ids.filtered(lambda clock: clock.measure in ('enquiry', 'quotation'))
    return clocks.sorted('measure').mapped('state')

result = [told()]
lead.with_user(seller).message_post(
    body='Which width?', message_type='comment', subtype_xmlid='mail.mt_comment')
result.append(told())
order = env['sale.order'].create({
    'partner_id': PARTNER, 'opportunity_id': lead.id,
    'order_line': [(0, 0, {'product_id': env['product.product'].search([], limit=1).id})]})
order.action_quotation_sent()
result.append(told())
"""


def test_glue_comes_by_itself_onto_live_data_and_leaves_nothing(live, care_env, odoo_shell):
    database, ids = live

    def journeys():
        return care_env.sql(
            database,
            "SELECT id, stage_id, owner_id, cycle, entries, delivery_state, write_date"
            " FROM care_journey ORDER BY id",
        )

    def work():
        return care_env.sql(
            database,
            "SELECT id, state, next_at, user_id, write_date FROM care_followup ORDER BY id",
        )

    glue = ["customer_care_crm", "customer_care_stock"]
    before = journeys(), work()
    install(care_env, database, "sale_crm", "sale_stock")
    assert (
        care_env.sql(
            database,
            "SELECT name FROM ir_module_module WHERE state = 'installed' AND auto_install"
            " AND name LIKE 'customer_care%' ORDER BY 1",
        )
        == glue
    ), "they come by themselves"
    assert (journeys(), work()) == before, "nothing old is touched"
    assert odoo_shell(database, GLUED.replace("PARTNER", str(ids["partner"]))) == [
        *(True, True, 1, True, 1)
    ]
    # promises that come later know opportunities
    install(care_env, database, "customer_care_sla")
    assert odoo_shell(database, PROMISED.replace("PARTNER", str(ids["partner"]))) == [
        ["running", "running"],
        ["met", "running"],
        ["met", "met"],
    ]

    upgraded = journeys(), work()
    odoo(care_env, database, "upgrade", "-u", ",".join(glue))
    assert (journeys(), work()) == upgraded

    # they go, and leave the rest as it was
    uninstall(odoo_shell, database, *glue)
    ours = "customer_care_(crm|stock)|care_(journey|followup)[._ ](lead_|return)"
    assert [line for line in traces(care_env, database) if re.search(ours, line)] == []
    assert odoo_shell(database, DANGLING) == []
    assert care_env.sql(database, "SELECT count(*) FROM care_journey WHERE order_id IS NULL") == [
        "0"
    ]
    assert len(journeys()) == len(before[0]) + 1
    uninstall(odoo_shell, database, "customer_care")
    apps = traces(care_env, database)
    assert [line for line in apps if re.search(r"\bcare[._]|customer_care", line)] == []

    # and come again
    install(care_env, database, "customer_care")
    assert care_env.sql(
        database,
        "SELECT count(*) FROM ir_module_module WHERE state = 'installed' AND name LIKE"
        " 'customer_care_%'",
    ) == ["2"]
    uninstall(odoo_shell, database, "customer_care")
    assert left_behind(apps, traces(care_env, database)) == []
