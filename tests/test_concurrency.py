"""Several processes on one database: everything once, nothing lost."""

import re

from support import ASKED, Visitor, assert_all_once, together

pytest_plugins = ("support",)


def test_two_processes_confirming_the_same_quotation_at_once_start_everything_once(
    crew, scene, rows
):
    orders = scene["orders"][:8]
    results = crew(
        """
        from odoo.exceptions import UserError

        def confirm_all(env, meet):
            def confirm(order):
                try:
                    env['sale.order'].with_user(user).browse(order).action_confirm()
                    env.flush_all()
                    return 'confirmed'
                except UserError as error:
                    return f'refused: {error}'

            told = []
            for order in orders:
                meet()
                told.append(retried(env, lambda: confirm(order)))
            return told

        result = crew((confirm_all,), (confirm_all,))
        """,
        user=scene["seller"],
        orders=orders,
    )
    for order, told in zip(orders, zip(*results, strict=True), strict=True):
        assert sorted(word[:9] for word in told) == ["confirmed", "refused: "], told
        assert rows(f"SELECT state FROM sale_order WHERE id = {order}") == [("sale",)]
        ((journey, owner),) = rows(
            f"SELECT id, owner_id FROM care_journey WHERE order_id = {order}"
        )
        assert owner == scene["seller"]
        assert rows(
            "SELECT name, count(*), min(state) FROM care_followup"
            f" WHERE journey_id = {journey} GROUP BY 1 ORDER BY 1"
        ) == [("Ask", 1, "planned"), ("Thank", 1, "planned")]
    assert_all_once(rows)


def test_a_remedy_done_by_two_at_the_same_moment_makes_one_document(crew, scene, rows):
    orders, cases = scene["orders"][:6], scene["cases"][:6]
    results = crew(
        """
        from odoo import Command
        from odoo.exceptions import UserError

        remedies = env['care.remedy']
        for order, case in zip(orders, cases):
            order, case = env['sale.order'].browse(order), env['care.case'].browse(case)
            order.action_confirm()
            case.write({'partner_id': order.partner_id.id, 'order_id': order.id})
            remedies |= remedies.create({
                'case_id': case.id, 'kind': 'replacement', 'proceed': 'wait',
                'line_ids': [Command.create(
                    {'sale_line_id': order.order_line.id, 'quantity': 1})],
            })
        remedies.with_user(user).action_go()
        assert set(remedies.mapped('state')) == {'approved'}

        def do_all(env, meet):
            def do(remedy):
                try:
                    env['care.remedy'].with_user(user).browse(remedy).action_execute()
                    env.flush_all()
                    return 'done'
                except UserError as error:
                    return f'refused: {error}'

            told = []
            for remedy in remedies.ids:
                meet()
                told.append(retried(env, lambda: do(remedy)))
            return told

        result = remedies.ids, crew((do_all,), (do_all,))
        """,
        user=scene["leader"],
        orders=orders,
        cases=cases,
    )
    remedies, told = results
    for remedy, words in zip(remedies, zip(*told, strict=True), strict=True):
        assert sorted(word[:9] for word in words) == ["done", "refused: "], words
        assert rows(
            "SELECT count(*), count(DISTINCT order_id) FROM care_remedy_document"
            f" WHERE remedy_id = {remedy}"
        ) == [(1, 1)]
    assert rows(
        "SELECT count(*) FROM sale_order o WHERE o.amount_total = 0 AND o.partner_id IN"
        f" (SELECT partner_id FROM care_remedy WHERE id IN ({', '.join(map(str, remedies))}))"
    ) == [(len(remedies),)]


def test_an_order_confirmed_and_cancelled_at_once_ends_as_one_or_the_other(crew, scene, rows):
    orders = scene["orders"][:8]
    crew(
        """
        def confirm(env, meet):
            for order in orders:
                meet()
                retried(env, lambda: (
                    env['sale.order'].browse(order).filtered(lambda o: o.state == 'draft')
                    .action_confirm() if env['sale.order'].browse(order).state == 'draft'
                    else None, env.flush_all()))

        def cancel(env, meet):
            for order in orders:
                meet()
                retried(env, lambda: (
                    env['sale.order'].browse(order)._action_cancel(), env.flush_all()))

        crew((confirm,), (cancel,))
        """,
        orders=orders,
    )
    for order in orders:
        ((state,),) = rows(f"SELECT state FROM sale_order WHERE id = {order}")
        journeys = rows(
            "SELECT j.stage_category, (SELECT count(*) FROM care_followup f WHERE"
            " f.journey_id = j.id AND f.state IN ('planned', 'open'))"
            f" FROM care_journey j WHERE order_id = {order}"
        )
        if state == "cancel":
            assert journeys in ([], [("cancelled", 0)])
        else:
            assert (state, journeys) == ("sale", [("open", 2)])
    assert_all_once(rows)


def test_processes_confirming_orders_and_opening_cases_while_the_crons_run_lose_nothing(
    crew, scene, rows
):
    orders = scene["orders"][:24]
    *_others, runs = crew(
        """
        def confirm(env, meet, orders):
            meet()
            for order in orders:
                retried(env, lambda: (
                    env['sale.order'].browse(order).action_confirm(), env.flush_all()))

        def report(env, meet, name):
            meet()
            for number in range(12):
                retried(env, lambda: (env['care.case'].create({
                    'name': f'{name} {number}', 'partner_id': customer, 'team_id': team,
                    'kind': 'enquiry',
                }), env.flush_all()))

        result = crew(
            (confirm, orders[:12]), (confirm, orders[12:]), (report, 'Left'), (report, 'Right'),
            (run_crons, 3, 1.5))
        """,
        orders=orders,
        customer=scene["customers"][0],
        team=scene["team"],
    )
    assert runs > 1, "the cron did not run beside the others"
    assert rows(
        "SELECT count(*), count(DISTINCT order_id) FROM care_journey"
        f" WHERE order_id IN ({', '.join(map(str, orders))})"
    ) == [(24, 24)]
    assert rows(
        f"SELECT state, count(*) FROM care_followup WHERE policy_id = {scene['policy']} GROUP BY 1"
    ) == [("open", 48)]
    ours = "c.name ~ '^(Left|Right) '"
    assert rows(f"SELECT count(*), count(DISTINCT number) FROM care_case c WHERE {ours}") == [
        (24, 24)
    ]
    assert rows(
        "SELECT n.state, count(*) FROM care_notice n JOIN care_case c ON c.id = n.case_id"
        f" WHERE {ours} GROUP BY 1"
    ) == [("done", 24)]
    mails = rows(
        "SELECT m.res_id, count(*) FROM mail_message m JOIN care_case c ON c.id = m.res_id"
        f" WHERE m.model = 'care.case' AND m.message_type = 'auto_comment' AND {ours} GROUP BY 1"
    )
    assert len(mails) == 24 and {count for _case, count in mails} == {1}
    assert_all_once(rows)


def test_a_person_editing_and_closing_follow_ups_while_the_cron_runs_loses_nothing(
    crew, scene, rows
):
    gestures, runs = crew(
        """
        env['sale.order'].browse(orders).action_confirm()

        def work(env, meet):
            mine = env['care.followup'].with_user(user).search(
                [('policy_id', '=', policy)], order='next_at desc, id desc')
            outcome = env.ref('customer_care.outcome_satisfied').id

            def done(row):
                row.write({'outcome_id': outcome, 'feedback': f'All well {row.id}'})
                row.action_done()

            def moved(row):
                row.write({'date_due': '2099-01-05'})

            def given(row):
                row.write({'user_id': other})

            meet()
            told = {}
            for number, row in enumerate(mine):
                gesture = (done, moved, given)[number % 3]
                retried(env, lambda: (gesture(row), env.flush_all()))
                told[row.id] = gesture.__name__
            return told

        result = crew((work,), (run_crons, 2, 1))
        """,
        orders=scene["orders"][:24],
        user=scene["seller"],
        other=scene["agent"],
        policy=scene["policy"],
    )
    assert runs, "the cron did not run beside the person"
    assert len(gestures) == 48
    # what the person held in the cron's last run is due in its next one
    crew("for name in planned: env[name]._cron_run_due()")
    found = {
        row_id: rest
        for row_id, *rest in rows(
            "SELECT f.id, f.state, f.user_id, f.date_due, coalesce(f.feedback, ''),"
            " coalesce(f.done_by_id, 0), f.next_at IS NOT NULL,"
            " (SELECT count(*) FROM mail_activity a WHERE a.id = f.activity_id AND a.active)"
            f" FROM care_followup f WHERE policy_id = {scene['policy']}"
        )
    }
    for row_id, gesture in gestures.items():
        state, user, day, feedback, done_by, planned, activities = found[int(row_id)]
        if gesture == "done":
            assert (state, planned, activities) == ("done", "f", 0)
            assert (feedback, done_by) == (f"All well {row_id}", scene["seller"])
        elif gesture == "moved":
            # made already when it was moved, or waiting for its new day
            assert day == "2099-01-05"
            assert (state, planned, activities) in (("open", "f", 1), ("planned", "t", 0))
        else:
            assert user == scene["agent"]
            assert (state, planned, activities) == ("open", "f", 1)
    assert_all_once(rows)


def test_two_who_make_the_same_person_follow_at_once_both_get_through(crew, scene, rows):
    crew(
        """
        env['sale.order'].browse(orders).action_confirm()
        journeys = env['care.journey'].search([('order_id', 'in', orders)])
        partner = env['res.users'].browse(other).partner_id

        def follow(env, meet):
            for journey in env['care.journey'].browse(journeys.ids):
                meet()
                retried(env, lambda: (
                    journey.message_subscribe(partner_ids=partner.ids), env.flush_all()))

        crew((follow,), (follow,))
        """,
        orders=scene["orders"][:8],
        other=scene["agent"],
    )
    assert rows(
        "SELECT count(*), count(DISTINCT f.res_id) FROM mail_followers f"
        " JOIN res_users u ON u.partner_id = f.partner_id"
        f" WHERE f.res_model = 'care.journey' AND u.id = {scene['agent']}"
    ) == [(8, 8)]


def test_customers_and_staff_answering_while_all_the_crons_run_lose_nothing(crew, scene, rows):
    cases = scene["cases"]
    *_others, runs = crew(
        """
        env['care.sla.policy'].search([]).unlink()
        env['care.sla.policy'].create({
            'name': 'Now', 'company_id': company,
            'target_ids': [(0, 0, {'measure': measure, 'severity': 'any', 'kind': 'hours',
                                   'amount': 1}) for measure in ('first_response', 'resolution')],
            'level_ids': [(0, 0, {'timing': 'at', 'share_left': 0, 'tell': 'leader'})]})
        env['care.sla.clock']._start(env['care.case'].browse(cases))
        env.flush_all()
        # due in this very moment: the cron breaks what people are about to keep
        env.cr.execute("UPDATE care_sla_clock SET due_at = now() at time zone 'utc',"
                       " next_at = now() at time zone 'utc' WHERE state = 'running'")
        env['care.case'].browse(cases[4:]).action_resolve()

        def reply(env, meet):
            meet()
            for case in env['care.case'].with_user(agent).browse(cases[:4]):
                retried(env, lambda: (case.message_post(
                    body='We are on it', message_type='comment', subtype_xmlid='mail.mt_comment'),
                    env.flush_all()))

        def answer(env, meet):
            meet()
            for number, case in enumerate(env['care.case'].browse(cases[4:])):
                retried(env, lambda: (
                    case._customer_answers(('yes', 'no')[number % 2]), env.flush_all()))

        result = crew((reply,), (answer,), (run_crons, 2, 1.5))
        """,
        cases=cases,
        agent=scene["agent"],
        company=scene["company"],
    )
    assert runs, "the crons did not run beside the people"
    replied, answered = (", ".join(map(str, part)) for part in (cases[:4], cases[4:]))
    assert rows(
        "SELECT state, count(*) FROM care_sla_clock WHERE measure = 'first_response'"
        f" AND case_id IN ({replied}) GROUP BY 1"
    ) == [("met", 4)]
    assert rows(
        f"SELECT stage_category, count(*) FROM care_case WHERE id IN ({answered}) GROUP BY 1"
        " ORDER BY 1"
    ) == [("closed", 2), ("open", 2)]
    twice = (
        "SELECT clock_id, level_id, count(*) FROM care_sla_alert GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert rows(twice) == [], "an alert was told twice"
    assert rows(
        "SELECT n.state, count(*) FROM care_notice n WHERE n.kind = 'case_reopened'"
        f" AND n.case_id IN ({answered}) GROUP BY 1"
    ) == [("done", 2)]
    assert_all_once(rows)


def test_customers_refuse_and_answer_and_cases_are_cancelled_while_the_cron_sends_surveys(
    crew, scene, rows
):
    *_others, runs = crew(
        ASKED
        + """
env.company.write({'care_survey_gap_days': 0, 'care_survey_max': 0})
first = invitations[:16]
first._run_due()
assert set(first.mapped('state')) == {'sent'}
# due at this very moment: eight are asked again, eight reminded, eight asked
close_cases(people[:8])
first[8:].write({'next_at': env.cr.now()})
first, closed = first.ids, closed.ids
env.cr.commit()

def refuse(env, meet):
    meet()
    for row in first[:8]:
        retried(env, lambda: (
            env['care.survey.invitation'].sudo().browse(row)._stop('all'), env.flush_all()))

def answer(env, meet):
    def do(row):
        answers = env['care.survey.invitation'].sudo().browse(row).user_input_id
        answers._mark_in_progress()
        for question in answers.predefined_question_ids.filtered('care_measure'):
            answers._save_lines(question, str(question.scale_max))
        answers._mark_done()

    meet()
    for row in first[8:]:
        retried(env, lambda: (do(row), env.flush_all()))

def cancel(env, meet):
    def do(case):
        case.cancel_reason = 'A duplicate'
        case.action_cancel()

    meet()
    for case in env['care.case'].with_user(agent).browse(closed[16:]):
        retried(env, lambda: (do(case), env.flush_all()))

result = crew((refuse,), (answer,), (cancel,), (run_crons, 2, 1.5))
env.invalidate_all()
for _again in range(2):
    for name in planned:
        env[name]._cron_run_due()
""",
        people_count=24,
        team=scene["team"],
        agent=scene["agent"],
    )
    assert runs, "the cron did not run beside the others"

    def asked(numbers):
        """State, reason, reminders, mails and scores of each invitation of these people."""
        names = ", ".join(f"'Asked {number}'" for number in numbers)
        return rows(
            "SELECT i.state, coalesce(i.skip_reason, ''), i.reminder_count,"
            " (SELECT count(*) FROM mail_mail m JOIN mail_message b ON b.id = m.mail_message_id"
            "  WHERE b.model = 'care.survey.invitation' AND b.res_id = i.id),"
            " (SELECT count(*) FROM care_survey_score s WHERE s.invitation_id = i.id)"
            " FROM care_survey_invitation i JOIN res_partner p ON p.id = i.partner_id"
            f" WHERE p.name IN ({names}) ORDER BY i.id"
        )

    refused = asked(range(8))
    assert refused[:8] == [("sent", "", 0, 1, 0)] * 8
    assert len(refused) == 16
    # asked just before they refused, or not any more
    assert set(refused[8:]) <= {("sent", "", 0, 1, 0), ("skipped", "opted_out", 0, 0, 0)}
    assert rows(
        "SELECT c.choice, count(*) FROM care_survey_consent c JOIN res_partner p"
        " ON p.id = c.partner_id WHERE p.name LIKE 'Asked %' GROUP BY 1"
    ) == [("no", 8)]
    # each answer is there once, whether the reminder was faster or not
    answered = asked(range(8, 16))
    assert len(answered) == 8
    assert set(answered) <= {("done", "", 0, 1, 1), ("done", "", 1, 2, 1)}
    cancelled = asked(range(16, 24))
    assert len(cancelled) == 8
    assert set(cancelled) <= {
        ("sent", "", 0, 1, 0),
        ("cancelled", "record_over", 0, 0, 0),
        ("skipped", "record_over", 0, 0, 0),
    }
    assert rows(
        "SELECT count(*) FROM care_survey_invitation WHERE error IS NOT NULL OR state = 'failed'"
    ) == [(0,)]
    assert_all_once(rows)


def test_an_order_cancelled_while_its_waiting_journey_is_retried_ends_with_nothing_planned(
    crew, scene, rows
):
    orders = scene["orders"][:12]
    crew(
        """
        env.cr.execute('UPDATE care_journey_type SET filter_domain = %s',
                       ("[('no_such_field', '=', 1)]",))
        env.invalidate_all()
        env['sale.order'].browse(orders).action_confirm()
        env.flush_all()
        env.cr.execute("UPDATE care_journey_type SET filter_domain = '[]'")
        env.cr.execute("UPDATE care_retry SET next_at = now() at time zone 'utc'")
        env.invalidate_all()

        def cancel(env, meet):
            meet()
            for order in env['sale.order'].browse(orders[::2]):
                retried(env, lambda: (order._action_cancel(), env.flush_all()))

        result = crew((cancel,), (run_crons, 2, 1.5))
        env.invalidate_all()
        env['care.retry'].search([('state', '=', 'planned')]).write({'next_at': env.cr.now()})
        env.cr.commit()
        for name in planned:
            env[name]._cron_run_due()
        """,
        orders=orders,
    )
    cancelled = ", ".join(map(str, orders[::2]))
    kept = ", ".join(map(str, orders[1::2]))
    assert rows(
        "SELECT count(*) FROM care_journey j LEFT JOIN care_followup f ON f.journey_id = j.id"
        f" WHERE j.order_id IN ({cancelled}) AND (j.stage_category <> 'cancelled'"
        " OR f.state IN ('planned', 'open'))"
    ) == [(0,)]
    assert rows(
        f"SELECT stage_category, count(*) FROM care_journey WHERE order_id IN ({kept}) GROUP BY 1"
    ) == [("open", 6)]
    assert_all_once(rows)


def ask(server, scene, number):
    """The customer's page of a case, and what its form sends."""
    case, token = scene["cases"][number], scene["tokens"][number]
    visitor = Visitor(server.url)
    status, page = visitor.get(f"/my/cases/{case}?access_token={token}")
    assert status == 200 and "Is it solved for you?" in page
    csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]

    def send(answer, words):
        return visitor.post(
            f"/my/cases/{case}/answer",
            {"csrf_token": csrf, "access_token": token, "answer": answer, "text": words},
        )

    return send


def test_two_answers_of_a_customer_posted_at_once_are_taken_once(
    start_server,
    scene,
    raced,
    rows,
    odoo_shell,
):
    odoo_shell(
        raced,
        f"""
        cases = env['care.case'].browse({scene["cases"]})
        cases.action_resolve()
        """,
    )
    server = start_server(raced)
    pairs = [("yes", "no"), ("yes", "yes"), ("no", "no"), ("no", "yes")]
    ask(server, scene, 0)  # the first page of a server takes its time
    for number, (first, second) in enumerate(pairs):
        case = scene["cases"][number]
        one, other = ask(server, scene, number), ask(server, scene, number)
        landed = together(
            lambda send=one, answer=first: send(answer, "word of the first"),
            lambda send=other, answer=second: send(answer, "word of the second"),
        )
        assert [status for status, _page in landed] == [200, 200], f"{landed}"
        late = ["answered already" in page for _status, page in landed]
        assert sorted(late) == [False, True], f"{first} and {second}"
        taken = (first, second)[late.index(False)]
        words = ("word of the first", "word of the second")[late.index(False)]
        state = rows(
            f"SELECT stage_category, customer_answer, cycle FROM care_case WHERE id = {case}"
        )
        assert state == [("closed", "yes", 1) if taken == "yes" else ("open", "no", 2)]
        said = rows(
            "SELECT body FROM mail_message WHERE model = 'care.case'"
            f" AND res_id = {case} AND body LIKE '%word of the%'"
        )
        assert len(said) == 1 and words in said[0][0]
        notices = rows(
            f"SELECT count(*) FROM care_notice WHERE case_id = {case} AND kind = 'case_reopened'"
        )
        assert notices == [(int(taken == "no"),)]
    assert_all_once(rows)


def test_two_servers_on_one_database_run_the_crons_and_do_everything_once(
    start_server,
    care_env,
    mailbox,
    scene,
    raced,
    rows,
    wait_until,
):
    servers = [start_server(raced, cron_threads=2) for _server in range(2)]
    visitors = []
    for server in servers:
        visitor = Visitor(server.url)
        visitor.login(raced, "admin")
        visitors.append(visitor)
    orders = scene["orders"][:20]

    def work(visitor, numbers, name):
        for order in numbers:
            assert visitor.model("sale.order", "action_confirm", [order]) is True
            made = visitor.model(
                "care.case",
                "create",
                [
                    {
                        "name": f"{name} {order}",
                        "partner_id": scene["customers"][order % 6],
                        "team_id": scene["team"],
                        "kind": "enquiry",
                    }
                ],
            )
            assert isinstance(made, list), made

    together(
        lambda: work(visitors[0], orders[:10], "Served by one"),
        lambda: work(visitors[1], orders[10:], "Served by two"),
    )
    due = (
        "SELECT count(*) FROM (SELECT next_at FROM care_followup UNION ALL"
        " SELECT next_at FROM care_notice) planned WHERE next_at <= now() at time zone 'utc'"
    )

    def idle():
        # what a server does by itself within a minute, at once
        care_env.sql("postgres", f"NOTIFY cron_trigger, '{raced}'")
        return rows(due) == [(0,)]

    wait_until(idle, 60, lambda: f"still due: {rows(due)}")
    assert rows(
        f"SELECT state, count(*) FROM care_followup WHERE policy_id = {scene['policy']} GROUP BY 1"
    ) == [("open", 40)]
    assert rows(
        "SELECT count(*), count(DISTINCT number) FROM care_case WHERE name LIKE 'Served by%'"
    ) == [(20, 20)]
    numbers = {
        number for (number,) in rows("SELECT number FROM care_case WHERE name LIKE 'Served by%'")
    }

    def told():
        return [
            mail["subject"]
            for mail in mailbox.mails
            if any(number in (mail["subject"] or "") for number in numbers)
            and re.fullmatch(r"c\d@example\.com", mail.envelope_to[0])
        ]

    def state():
        return told(), rows(
            "SELECT n.notification_type, n.notification_status, n.failure_type, count(*)"
            " FROM mail_notification n JOIN mail_message m ON m.id = n.mail_message_id"
            " WHERE m.model = 'care.case' AND m.message_type = 'auto_comment' GROUP BY 1, 2, 3"
        )

    wait_until(lambda: len(told()) >= 20, 60, lambda: f"mails are missing: {state()}")
    assert len(told()) == len(set(told())) == 20, "a customer was told twice"
    assert_all_once(rows)
