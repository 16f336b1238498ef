"""What it costs to ask 10,000 customers, beside Odoo's own invitations, as the past grows.

There are 10,000 customers, each with a closed case, who were asked 1,000, 10,000 and 100,000
times before. At each size:

- all 10,000 are asked about their case, a batch after the other as the cron does it: the guard,
  an answer row with a link, and a mail each. Beside it ``survey.invite`` for 1,000 of them, and
  what no way of asking goes without: the answers in batch, one body, the rows of the mails;
- some of them are reminded, and some would be asked again too soon and are not;
- the cron looks when nothing is due, beside the bare search for what is due.

Run it from the project's root on the demo, or with ``odoo shell`` on any database with
``customer_care_survey`` (nothing is kept; ``bench.py`` says what can be set)::

    ./care shell < benchmarks/surveys.py
    odoo shell -c odoo.conf -d DB --no-http < benchmarks/surveys.py
"""

import sys
import time
from datetime import timedelta
from statistics import median
from unittest.mock import patch

sys.path.insert(0, "benchmarks")

from bench import (
    LOOKS,
    copy,
    each,
    in_turns,
    main,
    measure,
    memory,
    numbers,
    pick,
    queries,
    ratio,
)

RECORDS = 10_000
SIZES = (1_000, 10_000, 100_000)
#: Customers whom Odoo's own wizard asks in all, and the bare rows.
PEER = 1_000
#: What ``survey.invite`` took for each where the budget of 8 ms was set.
PEER_MS = 20.3
#: Reminders, and invitations that come too soon after another.
SOME = 1_000

#: What is measured -> (its budget, if it has one; how it is printed).
MEASURES = {
    "invitation / survey.invite": (8 / PEER_MS, "{:.3f} ×"),
    "invitation, ms": (8, "{:.2f}"),
    # without the database, and without what else the machine does
    "invitation, ms of Odoo's own": (None, "{:.2f}"),
    "invitation, queries": (2, "{:.3f}"),
    "invitation / bare": (None, "{:.2f} ×"),
    "survey.invite, ms": (None, "{:.2f}"),
    "survey.invite, queries": (None, "{:.1f}"),
    "memory growth, MB": (30, "{:.0f}"),
    "reminder, ms": (8, "{:.2f}"),
    "reminder, queries": (2, "{:.3f}"),
    "not sent, ms": (2, "{:.2f}"),
    "not sent, queries": (2, "{:.3f}"),
    "idle cron / bare search": (2, "{:.2f} ×"),
    "idle cron, ms": (3, "{:.2f}"),
    "idle cron, queries": (2, "{:.0f}"),
}

#: What is drawn, and in which colour.
DRAWN = {
    "invitation / survey.invite": "#1f77b4",
    "invitation, queries": "#ff7f0e",
    "reminder, ms": "#2ca02c",
    "not sent, ms": "#d62728",
    "idle cron / bare search": "#9467bd",
}


class History:
    """A company, its customers with a closed case each, and what they were asked before."""

    def __init__(self, env, size, count):
        self.env = env
        rows = env["care.survey.invitation"]
        rows.search(rows._due_domain()).next_at = False
        env["care.survey.trigger"].search([]).active = False
        env.company.write(
            {
                "care_start_date": "2020-01-01",
                "care_survey_gap_days": 7,
                "care_survey_max": 4,
                "care_survey_window_days": 90,
            }
        )
        self.trigger = env["care.survey.trigger"].create(
            {
                "name": "Benchmark",
                "event": "case_closed",
                "company_id": env.company.id,
                "survey_id": env.ref("customer_care_survey.survey_how_did_we_do").id,
                "reminder_count": 1,
            }
        )
        self.partner = env["res.partner"].create({"name": "Customer", "email": "c@example.com"})
        self.case = env["care.case"].create(
            {"name": "Pattern", "partner_id": self.partner.id, "kind": "enquiry"}
        )
        self.row = rows.create(
            {
                "trigger_id": self.trigger.id,
                "case_id": self.case.id,
                "cycle": self.case.cycle,
                "company_id": env.company.id,
                "partner_id": self.partner.id,
                "planned_for": env.cr.now(),
            }
        )
        self.partners = self.customers(count)
        self._grow(size)

    def customers(self, count):
        """So many who have an address and were never asked anything."""
        partners = copy(
            self.env,
            self.partner,
            numbers(count),
            name="'Customer ' || i",
            complete_name="'Customer ' || i",
            email="'c' || i || '@example.com'",
            email_normalized="'c' || i || '@example.com'",
        )
        self.env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE id = ANY(%s)", [partners]
        )
        return partners

    def _grow(self, size):
        env = self.env
        stage = env["care.stage"].search(
            [("res_model", "=", "care.case"), ("category", "=", "closed")], limit=1
        )
        self.cases = copy(
            env,
            self.case,
            each(self.partners),
            number="'B-' || lpad(i::text, 7, '0')",
            partner_id="new",
            commercial_partner_id="new",
            stage_id=str(stage.id),
            stage_category="'closed'",
            access_token="NULL",
        )
        whom = pick(self.partners, "i")
        answer = self.trigger.survey_id._create_answer(partner=self.partner)
        answers = copy(
            env,
            answer,
            numbers(size),
            partner_id=whom,
            state="'done'",
            access_token="md5('answer' || i)",
            invite_token="md5('invite' || i)",
        )
        # a fortnight and more ago, each customer at times that the limits allow
        sent = f"now() - interval '1 day' * (14 + 60 * (i / {len(self.partners)}))"
        copy(
            env,
            self.row,
            each(answers),
            partner_id=whom,
            case_id=pick(self.cases, "i"),
            address=f"'c' || (i % {len(self.partners)}) || '@example.com'",
            occurrence="100 + i",
            user_input_id="new",
            state="'done'",
            next_at="NULL",
            planned_for=sent,
            sent_at=sent,
            answered_at=sent,
        )
        env.invalidate_all()
        for table in (
            "res_partner",
            "care_case",
            "care_survey_invitation",
            "survey_user_input",
        ):
            env.cr.execute(f"ANALYZE {table}")

    def plan(self, count, occurrence):
        """As many invitations, of the first customers, that are due now."""
        ids = copy(
            self.env,
            self.row,
            each(self.partners[:count]),
            partner_id="new",
            case_id=pick(self.cases, "i"),
            address="'c' || i || '@example.com'",
            occurrence=str(occurrence),
            state="'planned'",
            planned_for="now()",
            next_at="now() - interval '1 minute'",
        )
        self.env.invalidate_all()
        return self.env["care.survey.invitation"].browse(ids)


# ------------------------------------------------------------
# What is measured
# ------------------------------------------------------------


def each_of(measures, count):
    """Milliseconds and queries of one of ``count``."""
    return (
        sum(taken.seconds for taken in measures) / count * 1000,
        sum(taken.queries for taken in measures) / count,
    )


def asking(env, history, count):
    """Ask all customers, beside Odoo's wizard and the bare rows."""
    due = env["care.survey.invitation"].sudo()
    rounds = -(-count // due._due_batch)
    share = max(PEER // rounds, 1)
    survey = history.trigger.survey_id
    template = env.ref("survey.mail_template_user_input_invite")
    ours = history.trigger.mail_template_id
    theirs = history.customers(share * (rounds + 1))
    others = history.customers(share * (rounds + 1))

    def wizard(number):
        env["survey.invite"].create(
            {
                "survey_id": survey.id,
                "template_id": template.id,
                "partner_ids": [(6, 0, theirs[number * share : (number + 1) * share])],
            }
        ).action_invite()

    def bare(number):
        partners = env["res.partner"].browse(others[number * share : (number + 1) * share])
        env["survey.user_input"].with_context(tracking_disable=True).create(
            [
                {
                    "survey_id": survey.id,
                    "partner_id": partner.id,
                    "email": partner.email,
                    "predefined_question_ids": [(6, 0, survey.question_ids.ids)],
                }
                for partner in partners
            ]
        )
        body = ours._render_field("body_html", history.row.ids)[history.row.id]
        env["mail.mail"].create(
            [
                {
                    "subject": "Benchmark",
                    "body_html": body,
                    "auto_delete": True,
                    "recipient_ids": [(4, partner.id)],
                }
                for partner in partners
            ]
        )

    spent = []

    def ask(_number):
        began = time.process_time()
        due._claim_due()._run_guarded()
        env.cr.flush()
        spent.append(time.process_time() - began)

    # what is made once a process: compiled templates, the views of the layout
    history.plan(20, 1)
    for work in (wizard, bare, ask):
        measure(env, work, rounds)
    env.cr.execute("UPDATE care_survey_invitation SET sent_at = NULL WHERE occurrence = 1")
    rows = history.plan(count, 2)
    spent.clear()
    before = memory()
    peer, least, made = in_turns(env, rounds, wizard, bare, ask)
    env.invalidate_all()
    growth = memory() - before
    assert set(rows.mapped("state")) == {"sent"}, rows.mapped("skip_reason")
    mails = env["mail.mail"].search_count(
        [("model", "=", rows._name), ("res_id", "in", rows.ids), ("state", "=", "outgoing")]
    )
    assert mails == count, mails
    cost, asked = each_of(made, count)
    peer_cost, peer_asked = each_of(peer, share * rounds)
    least_cost, _asked = each_of(least, share * rounds)
    return {
        "invitation / survey.invite": cost / peer_cost,
        "invitation, ms": cost,
        "invitation, ms of Odoo's own": sum(spent) / count * 1000,
        "invitation, queries": asked,
        "invitation / bare": cost / least_cost,
        "survey.invite, ms": peer_cost,
        "survey.invite, queries": peer_asked,
        "memory growth, MB": growth,
    }, rows


def others(env, history, rows):
    """Remind some, and ask some whom we have just asked."""
    due = env["care.survey.invitation"].sudo()
    some = min(SOME, len(rows))
    rounds = -(-some // due._due_batch)
    long_ago = env.cr.now() - timedelta(days=8)
    reminded = rows[-some:]
    reminded.write({"sent_at": long_ago, "next_at": env.cr.now() - timedelta(minutes=1)})

    def work(_number):
        due._claim_due()._run_guarded()

    (mailed,) = in_turns(env, rounds, work)
    assert set(reminded.mapped("reminder_count")) == {1}, set(reminded.mapped("reminder_reason"))
    rows[:some].write({"sent_at": env.cr.now()})
    again = history.plan(some, 3)
    (skipped,) = in_turns(env, rounds, work)
    assert set(again.mapped("skip_reason")) == {"quiet"}, set(again.mapped("skip_reason"))
    results = {}
    for name, measures in (("reminder", mailed), ("not sent", skipped)):
        cost, asked = each_of(measures, some)
        results.update({f"{name}, ms": cost, f"{name}, queries": asked})
    return results


def idle(env):
    """The cron when nothing is due."""
    due = env["care.survey.invitation"].sudo()

    def search(_number):
        len(due.search(due._due_domain(), limit=due._due_batch, order="next_at, id"))

    def cron(_number):
        due._cron_run_due()

    # a commit would keep what is only measured
    with patch.object(type(env.cr), "commit", lambda cr: cr.flush()):
        bare, ours = in_turns(env, LOOKS, search, cron)
    return {
        "idle cron / bare search": ratio(ours, bare),
        "idle cron, ms": median(taken.seconds for taken in ours) * 1000,
        "idle cron, queries": queries(ours),
    }


# ------------------------------------------------------------
# The run and its report
# ------------------------------------------------------------


def run(env, size, count):
    """All measures of ``count`` customers who were asked ``size`` times before."""
    history = History(env, size, count)
    results = idle(env)
    asked, rows = asking(env, history, count)
    return {**results, **asked, **others(env, history, rows)}


if "env" in globals():
    main(env, run, SIZES, RECORDS, MEASURES, DRAWN, "surveys", "asked before")  # noqa: F821
    env.cr.rollback()  # noqa: F821
