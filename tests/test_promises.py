"""Promises under people, crons that race each other, kills, and a week without any cron.

``CARE_RACES`` says how many rounds; a few by default.
"""

import os

from support import assert_all_once

pytest_plugins = ("support",)

ROUNDS = int(os.environ.get("CARE_RACES") or 3)

#: One policy with levels before, at and after; `promise(count)` opens cases.
PROMISES = """
import random
env['care.sla.policy'].search([]).active = False
env['care.sla.policy'].create({
    'name': 'Race', 'company_id': company, 'pause_customer_cap': 1,
    'target_ids': [(0, 0, {'measure': measure, 'severity': 'any', 'kind': 'hours', 'amount': 4})
                   for measure in ('first_response', 'resolution', 'update')],
    'level_ids': [(0, 0, {'timing': 'before', 'share_left': 25, 'tell': 'owner'}),
                  (0, 0, {'timing': 'at', 'share_left': 0, 'tell': 'leader'})]})

def promise(env, count):
    return env['care.case'].create([{
        'name': f'Promise {i}', 'partner_id': customers[i % 6], 'company_id': company,
        'team_id': team, 'owner_id': agent, 'kind': 'enquiry', 'resolution': 'Mended',
    } for i in range(count)]).ids

def back(env, spans):
    # as if each case had been opened so many minutes earlier
    for case, minutes in spans.items():
        for name in ('started_at', 'due_at', 'first_due_at', 'held_due_at', 'paused_at', 'next_at'):
            env.cr.execute(f"UPDATE care_sla_clock SET {name} = {name} - %s * interval '1 minute'"
                           " WHERE case_id = %s AND stopped_at IS NULL", (minutes, case))
        env.cr.execute("UPDATE care_sla_pause SET"
                       " started_at = started_at - %s * interval '1 minute'"
                       " WHERE stopped_at IS NULL AND clock_id IN"
                       " (SELECT id FROM care_sla_clock WHERE case_id = %s)", (minutes, case))
    env.invalidate_all()
"""

#: Rounds of people and two crons, one of which is killed: how many gestures, how many kills.
RACE = """
def cron(env, meet):
    type(env['care.sla.clock'])._due_batch = 3
    meet()
    since = time.monotonic()
    while time.monotonic() - since < 1.2:
        env['care.sla.clock']._cron_run_due()
        env.cr.rollback()
        time.sleep(0.002)
    return True

def work(env, meet, mine, seed):
    draw = random.Random(seed)
    waiting, going = (env.ref(f'customer_care.stage_case_{name}')
                      for name in ('waiting_customer', 'progress'))
    meet()
    count = 0
    for number in mine:
        case = env['care.case'].browse(number)
        gestures = (
            lambda: case.with_user(agent).message_post(
                body='Soon', message_type='comment', subtype_xmlid='mail.mt_comment'),
            lambda: case._enter_stage(waiting),
            lambda: case._enter_stage(going),
            lambda: case.write({'severity': draw.choice('123')}),
            lambda: case.action_resolve(),
        )
        for gesture in draw.sample(gestures, 3):
            retried(env, lambda: (gesture(), env.flush_all()))
            count += 1
    return count

done = kills = 0
for round in range(first, last):
    draw = random.Random(round)
    cases = promise(env, 12)
    env.flush_all()
    back(env, {case: draw.choice((170, 185, 239, 241, 300, 700)) for case in cases})
    env.cr.commit()
    victim = mate(lambda env, meet: cron(env, lambda: None))
    results = []
    line = forks.Barrier(3)
    mates = [mate(*args, line=line) for args in (
        (work, cases[::2], round), (work, cases[1::2], round + 1), (cron,))]
    time.sleep(draw.uniform(0.05, 0.9))
    if victim.process.is_alive() and not victim.pipe.poll():
        victim.kill()
        kills += 1
    for each in mates:
        done += each.result()
    env.cr.rollback()
    for _wait in range(200):  # PostgreSQL notices that nobody is there any more
        env.cr.execute('''SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                          AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%' ''')
        if not env.cr.fetchone()[0]:
            break
        env.cr.rollback()
        time.sleep(0.05)
    for _more in range(3):
        env['care.sla.clock']._cron_run_due()
        env.cr.commit()
result = (done, kills)
"""

#: What must never be: each line of an answer is a wrong row.
WRONG = {
    "a level told twice": """
        SELECT clock_id, level_key, count(*) FROM care_sla_alert GROUP BY 1, 2
        HAVING count(*) > 1""",
    "two activities for a level": """
        SELECT a.res_id, a.user_id, a.summary, count(*) FROM mail_activity a
        JOIN ir_model_data d ON d.model = 'mail.activity.type' AND d.res_id = a.activity_type_id
            AND d.module = 'customer_care_sla'
        GROUP BY 1, 2, 3 HAVING count(*) > 1""",
    "a breach that nobody was told of": """
        SELECT c.id FROM care_sla_clock c JOIN care_case k ON k.id = c.case_id
        WHERE c.state = 'running' AND c.due_at < now() at time zone 'utc' - interval '1 minute'
            AND k.name LIKE 'Promise %' AND NOT EXISTS (
                SELECT 1 FROM care_sla_alert a WHERE a.clock_id = c.id)""",
    "a breach that is not dated when it was due": """
        SELECT id FROM care_sla_clock WHERE state = 'running'
            AND due_at < now() at time zone 'utc' - interval '1 minute'
            AND breached_at IS DISTINCT FROM due_at""",
    "a clock with two open pauses, or one that does not stand still": """
        SELECT c.id FROM care_sla_clock c
        LEFT JOIN care_sla_pause p ON p.clock_id = c.id AND p.stopped_at IS NULL
        WHERE (c.state = 'paused') <> (p.id IS NOT NULL) AND c.state IN ('running', 'paused')
        UNION ALL SELECT clock_id FROM care_sla_pause WHERE stopped_at IS NULL
        GROUP BY 1 HAVING count(*) > 1""",
    "pauses that do not add up": """
        SELECT c.id FROM care_sla_clock c WHERE c.paused_seconds <> COALESCE((
            SELECT sum(seconds) FROM care_sla_pause p WHERE p.clock_id = c.id
                AND p.reason <> 'solved'), 0)""",
    "two open promises of a kind": """
        SELECT case_id, measure, count(*) FROM care_sla_clock
        WHERE state IN ('running', 'paused') AND measure <> 'remedy' AND case_id IS NOT NULL
        GROUP BY 1, 2 HAVING count(*) > 1""",
    "an alert or a clock with an error": """
        SELECT id, error FROM care_sla_clock WHERE error IS NOT NULL""",
    "a clock that is due and was left": """
        SELECT id FROM care_sla_clock
        WHERE next_at < now() at time zone 'utc' - interval '2 minutes'
        """,
}


def assert_promised_once(rows):
    for what, statement in WRONG.items():
        assert rows(statement) == [], what
    assert_all_once(rows)


def people(scene):
    return {name: scene[name] for name in ("company", "customers", "team", "agent")}


def test_crons_people_and_kills_tell_each_level_once_and_lose_none(crew, scene, rows):
    """Two crons that nothing keeps apart, people who answer, wait, resolve and change the
    severity; one cron is killed at a random moment of each round."""
    done = kills = 0
    # some at a time: each call has its own patience
    for first in range(0, ROUNDS, 10):
        more, killed = crew(
            PROMISES + RACE, first=first, last=min(first + 10, ROUNDS), **people(scene)
        )
        done, kills = done + more, kills + killed
    assert done >= ROUNDS * 36 and kills
    assert_promised_once(rows)


def test_after_a_week_without_crons_breaches_have_their_dates_and_each_clock_one_message(
    crew, scene, rows
):
    crew(
        PROMISES
        + """
cases = promise(env, 24)
env.flush_all()
env.cr.execute("DELETE FROM care_notice WHERE case_id = ANY(%s)", (cases,))
back(env, {case: 60 * 7 * (number + 1) for number, case in enumerate(cases)})
env.cr.commit()
env['care.sla.clock']._cron_run_due()
env.cr.commit()
        """,
        **people(scene),
    )
    mine = (
        "FROM care_sla_clock c JOIN care_case k ON k.id = c.case_id WHERE k.name LIKE 'Promise %'"
    )
    assert rows(f"SELECT count(*), count(*) FILTER (WHERE breached_at = due_at) {mine}") == [
        (72, 72)
    ]
    told = rows(
        "SELECT count(*), count(DISTINCT a.clock_id), count(DISTINCT a.user_id)"
        " FROM care_sla_alert a WHERE a.clock_id IN (SELECT c.id " + mine + ")"
    )
    assert told == [(72, 72, 1)], "the leader is told of each breach, and nobody of what was before"
    assert_promised_once(rows)
