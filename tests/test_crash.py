"""Crons and servers killed in the middle of their work, then started again: the same result."""

import signal

import pytest
from support import ASKED, NOT_IN_SCENE, Visitor, assert_all_once

pytest_plugins = ("support",)

#: What every kind of planned row has made, as a person would see it: no ids, no moments.
SNAPSHOT = """
def made(model, ident):
    # what a cron makes: which numbers they get depends on what was rolled back, and those of
    # the staff's invitations on nothing
    models = "('care.action', 'care.survey.invitation', 'care.staff.invitation')"
    return f"CASE WHEN {model} IN {models} THEN 0 ELSE {ident} END"

def snapshot(env):
    env.cr.commit()
    env.invalidate_all()
    seen = {}
    for name in sorted(env.registry.descendants(['care.due.mixin'], '_inherit')):
        if not env[name]._abstract:
            seen[name] = sorted(
                [row.display_name, *('case_id' in row and row.case_id.mapped('number') or ()),
                 *('journey_id' in row and row.journey_id.mapped('name') or ()),
                 row.state, str(bool(row.next_at)), str(row.error)]
                for row in env[name].search([]))
    env.cr.execute(f'''
        SELECT res_model, {made('res_model', 'res_id')}, summary, user_id,
            date_deadline::text, active, count(*)
        FROM mail_activity GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6''')
    seen['activities'] = env.cr.fetchall()
    env.cr.execute(f'''
        SELECT m.model, {made('m.model', 'm.res_id')}, m.message_type, m.subject,
            m.author_id, count(*)
        FROM mail_message m WHERE m.model LIKE 'care.%' GROUP BY 1, 2, 3, 4, 5
        ORDER BY 1, 2, 3, 4, 5''')
    seen['messages'] = env.cr.fetchall()
    env.cr.execute(f'''
        SELECT m.model, {made('m.model', 'm.res_id')}, m.message_type, n.res_partner_id,
            n.notification_type, count(*)
        FROM mail_notification n JOIN mail_message m ON m.id = n.mail_message_id
        WHERE m.model LIKE 'care.%' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5''')
    seen['told'] = env.cr.fetchall()
    if 'survey.user_input' in env:
        env.cr.execute('''
            SELECT survey_id, partner_id, state, count(*) FROM survey_user_input
            GROUP BY 1, 2, 3 ORDER BY 1, 2, 3''')
        seen['surveys'] = env.cr.fetchall()
    return seen

def models(env):
    # the clocks before a policy is applied, which looks at what is due by itself; regular surveys
    # before anything is sent, which depends on what is more important and already planned
    def order(name):
        return {'care.sla.apply': 'z', 'care.survey.round': 'a'}.get(name, name)

    return [name for name in sorted(env.registry.descendants(['care.due.mixin'], '_inherit'),
                                    key=order)
            if not env[name]._abstract and env[name]._due_cron]

def run_all(env):
    # until nothing is due; as often as the net of five minutes would
    for _round in range(20):
        for name in models(env):
            env[name]._cron_run_due()
        if not any(env[name].search_count(env[name]._due_domain(), limit=1)
                   for name in models(env)):
            return
    raise AssertionError('it does not end')

def everything_is_due(env):
    env['sale.order'].browse(orders).action_confirm()
    env['care.case'].browse(cases).action_resolve()
    for rule in ('care.policy', 'care.survey.trigger', 'care.sla.policy'):
        if rule in env:
            env[rule].with_context(active_test=False).search([]).active = True
    more = env['care.case'].create([{
        'name': f'Late {i}', 'partner_id': customers[i % 6], 'team_id': team, 'severity': '3',
        'kind': 'enquiry',
    } for i in range(9)])
    # of somebody without orders: an open complaint holds follow-ups back
    stranger = env['res.partner'].create({'name': 'Stranger', 'email': 'stranger@example.com'})
    env['care.case'].create([{
        'name': f'Torn {i}', 'partner_id': stranger.id, 'team_id': team, 'product_id': product,
    } for i in range(9)])
    broken = env['care.policy'].browse(policy).copy({'name': 'Broken'})
    env.flush_all()
    env.cr.execute('UPDATE care_policy SET filter_domain = %s WHERE id = %s',
                   ("[('no_such_field', '=', 1)]", broken.id))
    env.invalidate_all()
    env['sale.order'].browse(late).action_confirm()
    broken.filter_domain = '[]'
    for case in env['care.case'].browse(cases[:4]):
        case._customer_answers('yes')
    for rule in 'care.sla.apply' in env and env['care.sla.policy'].search([]) or ():
        for line in rule.target_ids.filtered(lambda line: line.amount > 1):
            line.amount += 1
        env['care.sla.apply'].create({'policy_id': rule.id, 'also_new': True}).action_start()
    env.flush_all()
    # a day has passed
    for name in models(env):
        table = env[name]._table
        env.cr.execute(f"UPDATE {table} SET next_at = next_at - interval '9 days'"
                       " WHERE next_at IS NOT NULL")
    env.invalidate_all()
    env.cr.commit()
"""

KILLS = """
import logging
logging.getLogger('odoo').setLevel(logging.CRITICAL)

def stuck_in(env, meet, name, after, flag):
    # the cron of a model, that stops for ever in the middle of a batch
    model = type(env[name])
    model._due_batch = 4
    done, work = [], model._run_due

    def slow(rows):
        work(rows)
        env.flush_all()
        done.append(len(rows))
        if len(done) == after:
            os.write(flag, b'x')
            time.sleep(600)

    model._run_due = slow
    env[name]._cron_run_due()
    os.write(flag, b'-')
    time.sleep(600)

def kill_in_the_middle(env, name, after):
    return kill(stuck_in, name, after)

def kill(work, *args):
    # kill who does this work, when it says so
    read, write = os.pipe()
    victim = mate(work, *args, write)
    word = os.read(read, 1)
    victim.kill()
    env.cr.rollback()
    for _wait in range(200):  # PostgreSQL notices that nobody is there any more
        env.cr.execute('''SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                          AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%' ''')
        if not env.cr.fetchone()[0]:
            break
        env.cr.rollback()
        time.sleep(0.05)
    return word == b'x'
"""


def given(scene):
    return {
        "orders": scene["orders"][:14],
        "late": scene["orders"][14:17],
        "cases": scene["cases"],
        "customers": scene["customers"],
        "team": scene["team"],
        "policy": scene["policy"],
        "product": scene["product"],
    }


def test_every_cron_killed_in_the_middle_of_its_batch_then_run_again_does_the_same_once(
    crew, scene, raced, rows, care_env, odoo_shell
):
    """Killed twice: in its first batch, and when some batches are committed already."""
    crew(SNAPSHOT + "everything_is_due(env)", **given(scene))
    undisturbed = care_env.new_database(raced)
    try:
        code = "".join(f"{name} = {value!r}\n" for name, value in given(scene).items())
        quiet = odoo_shell(undisturbed, code + SNAPSHOT + "run_all(env); result = snapshot(env)")
    finally:
        care_env.drop_database(undisturbed)
    disturbed, killed = crew(
        SNAPSHOT
        + KILLS
        + """
before = snapshot(env)
killed = {}
for name in models(env):
    first = kill_in_the_middle(env, name, 1)
    unchanged = snapshot(env) == before
    again = kill_in_the_middle(env, name, 3)
    killed[name] = (first, unchanged, again)
    before = snapshot(env)
run_all(env)
result = (snapshot(env), killed)
""",
        **given(scene),
    )
    assert set(killed) >= {"care.followup", "care.notice", "care.retry"}
    for name, (first, unchanged, _again) in killed.items():
        if name in NOT_IN_SCENE:
            continue
        assert first, f"the cron of {name} had nothing to do"
        assert unchanged, f"half a batch of {name} was left behind"
    assert killed["care.followup"][2] and killed["care.notice"][2]
    for what in quiet:
        assert disturbed[what] == quiet[what], what
    assert not [
        row
        for name in killed
        for row in disturbed[name]
        if row[-2] == "True" and row[-1] != "False"
    ]
    assert_all_once(rows)


#: The cron that asks, stopped for ever at a point of a batch.
STOPS = """
def stop_at(env, meet, point, times, flag):
    model = type(env['care.survey.invitation'])
    model._due_batch = 4
    owner, name = {
        'the link is made': (type(env['survey.user_input']), 'create'),
        'the mail is queued': (model, '_mail'),
        'it is committed': (type(env['ir.cron']), '_commit_progress'),
    }[point]
    work, done = getattr(owner, name), []

    def slow(records, *args, **kwargs):
        result = work(records, *args, **kwargs)
        if name != '_mail' or records:
            done.append(name)
        if len(done) == times:
            records.env.flush_all()
            os.write(flag, b'x')
            time.sleep(600)
        return result

    setattr(owner, name, slow)
    env['care.survey.invitation']._cron_run_due()
    os.write(flag, b'-')
    time.sleep(600)
"""


@pytest.mark.parametrize(
    ("point", "times", "sent"),
    [
        # the first batch of four is committed, the second is cut off
        ("the link is made", 2, 4),
        ("the mail is queued", 2, 4),
        # the cron commits once before it begins
        ("it is committed", 3, 8),
    ],
)
def test_the_cron_that_asks_is_killed_when(point, times, sent, crew, scene, rows):
    """Nobody is asked twice, and nobody lost; nor of those who are reminded."""
    given = {"people_count": 12, "team": scene["team"], "agent": scene["agent"]}
    killed, asked, between = crew(
        KILLS
        + STOPS
        + ASKED
        + """
killed = kill(stop_at, point, times)
env.invalidate_all()
between = invitations.mapped('state')
for _again in range(2):
    env['care.survey.invitation']._cron_run_due()
result = killed, invitations.ids, between
""",
        point=point,
        times=times,
        **given,
    )
    assert killed, "the cron did not come there"
    assert sorted(between) == ["planned"] * (12 - sent) + ["sent"] * sent

    ours = f"i.id IN ({', '.join(map(str, asked))})"
    mails = (
        "SELECT i.state, i.reminder_count, count(m.id),"
        " count(m.id) FILTER (WHERE m.body_html LIKE '%' || u.access_token || '%')"
        " FROM care_survey_invitation i JOIN survey_user_input u ON u.id = i.user_input_id"
        " LEFT JOIN mail_message b ON b.model = 'care.survey.invitation' AND b.res_id = i.id"
        f" LEFT JOIN mail_mail m ON m.mail_message_id = b.id WHERE {ours} GROUP BY i.id"
    )
    answers = (
        "SELECT count(*), count(DISTINCT u.partner_id), count(i.id) FROM survey_user_input u"
        " LEFT JOIN care_survey_invitation i ON i.user_input_id = u.id"
        " WHERE u.partner_id IN (SELECT partner_id FROM care_survey_invitation i"
        f" WHERE {ours})"
    )
    assert rows(mails) == [("sent", 0, 1, 1)] * 12
    assert rows(answers) == [(12, 12, 12)]

    if point == "the link is made":
        return
    killed, between = crew(
        KILLS
        + STOPS
        + """
rows = env['care.survey.invitation'].browse(asked)
rows.write({'next_at': env.cr.now()})
killed = kill(stop_at, point, times)
env.invalidate_all()
between = rows.mapped('reminder_count')
for _again in range(2):
    env['care.survey.invitation']._cron_run_due()
result = killed, between
""",
        asked=asked,
        point=point,
        times=times,
    )
    assert killed and sorted(between) == [0] * (12 - sent) + [1] * sent
    assert rows(mails) == [("sent", 1, 2, 2)] * 12
    assert rows(answers) == [(12, 12, 12)]


def test_a_server_killed_while_its_crons_work_is_replaced_and_everything_is_done_once(
    crew, scene, raced, rows, start_server, care_env, wait_until
):
    crew(
        """
        env['sale.order'].browse(orders).action_confirm()
        # many small jobs: the kill falls among them
        env['care.case'].create([{
            'name': f'Many {i}', 'partner_id': customers[i % 6], 'team_id': team,
            'kind': 'enquiry',
        } for i in range(120)])
        """,
        orders=scene["orders"],
        customers=scene["customers"],
        team=scene["team"],
    )
    done = (
        "SELECT (SELECT count(*) FROM care_followup WHERE state = 'open')"
        " + (SELECT count(*) FROM care_notice WHERE state = 'done')"
    )
    ((before,),) = rows(done)
    victim = start_server(raced, cron_threads=2)
    Visitor(victim.url).get("/web/login")

    def began():
        care_env.sql("postgres", f"NOTIFY cron_trigger, '{raced}'")
        return rows(done)[0][0] > before

    wait_until(began, 60, "the first server did nothing")
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait()
    start_server(raced, cron_threads=2)

    def over():
        care_env.sql("postgres", f"NOTIFY cron_trigger, '{raced}'")
        return rows(
            "SELECT count(*) FROM (SELECT next_at FROM care_followup UNION ALL"
            " SELECT next_at FROM care_notice) p WHERE next_at <= now() at time zone 'utc'"
        ) == [(0,)]

    wait_until(over, 90, "the second server did not finish")
    assert rows(
        f"SELECT state, count(*) FROM care_followup WHERE policy_id = {scene['policy']} GROUP BY 1"
    ) == [("open", 80)]
    assert rows(
        "SELECT n.state, count(*) FROM care_notice n JOIN care_case c ON c.id = n.case_id"
        " WHERE c.name LIKE 'Many %' GROUP BY 1"
    ) == [("done", 120)]
    mails = rows(
        "SELECT m.res_id, count(*) FROM mail_message m JOIN care_case c ON c.id = m.res_id"
        " WHERE m.model = 'care.case' AND m.message_type = 'auto_comment'"
        " AND c.name LIKE 'Many %' GROUP BY 1"
    )
    assert len(mails) == 120 and {count for _case, count in mails} == {1}
    assert_all_once(rows)
