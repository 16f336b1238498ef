"""The whole loop, once round, as the people who live in it: clicks and typed words only.

What a test cannot wait for is time: `days_pass` moves what is planned into the past and wakes
the scheduled actions, which then run in the server as they do every day.
"""

import contextlib
import re

import pytest
from playwright.sync_api import TimeoutError

PLANNED = ("care_followup", "care_notice", "care_sla_clock", "care_survey_invitation")


class World:
    """A server with its crons, and time that passes."""

    def __init__(self, care_env, server):
        self.care_env, self.server = care_env, server

    def sql(self, statement):
        return "\n".join(self.care_env.sql(self.server.database, statement))

    def days_pass(self, table, days=1):
        """What is planned in a table becomes due, and the server's cron thread wakes."""
        assert table in PLANNED
        self.sql(
            f"UPDATE {table} SET next_at = next_at - interval '{days} days'"
            " WHERE next_at IS NOT NULL"
        )
        if table == "care_sla_clock":
            self.sql(
                f"UPDATE care_sla_clock SET due_at = due_at - interval '{days} days',"
                f" first_due_at = first_due_at - interval '{days} days',"
                f" started_at = started_at - interval '{days} days',"
                f" risk_at = risk_at - interval '{days} days' WHERE state = 'running'"
            )
            self.sql(
                f"UPDATE care_case SET promise_due_at = promise_due_at - interval '{days} days',"
                f" promise_risk_at = promise_risk_at - interval '{days} days'"
                " WHERE promise_due_at IS NOT NULL"
            )
        if table == "care_followup":
            self.sql(
                "UPDATE care_followup SET date_due = CURRENT_DATE"
                " WHERE next_at IS NOT NULL AND next_at <= now() AT TIME ZONE 'UTC'"
            )
        self.sql(
            "INSERT INTO ir_cron_trigger (cron_id, call_at)"
            " SELECT id, now() AT TIME ZONE 'UTC' FROM ir_cron WHERE active"
        )
        # Odoo's cron threads listen on this database
        self.care_env.sql("postgres", f"SELECT pg_notify('cron_trigger', '{self.server.database}')")


@pytest.fixture
def world(care_env, start_server, database):
    return World(care_env, start_server(database, cron_threads=2))


@pytest.fixture
def server(world):
    """The pages of `page_of` are on the server of this test's world."""
    return world.server


def field(page, name):
    return page.locator(f".o_field_widget[name={name}]").first


def text_of(mail):
    return mail.get_body(("html",)).get_content()


def link_in(mail, path):
    """The link in a mail, without its host: the test's server has a port of its own."""
    found = re.search(rf'href="https?://[^/"]+({path}[^"]*)"', text_of(mail))
    assert found, f"no link to {path} in {text_of(mail)}"
    return found[1].replace("&amp;", "&")


# ------------------------------------------------------------
# What people do
# ------------------------------------------------------------


def open_app(page, *menus):
    """Go through the menu, as a person does."""
    if not page.locator(".o_navbar_apps_menu").count():
        # from where nobody's own screen comes up behind the menu
        page.goto("/odoo/discuss")
    page.locator(".o_navbar_apps_menu button").click()
    with another_screen(page):
        page.locator(".o-dropdown--menu .o_app").get_by_text(menus[0], exact=True).click()
    if menus[1:]:
        places = (".o_menu_sections", ".o-dropdown--menu")
        with another_screen(page):
            for place, menu in zip(places, menus[1:], strict=False):
                page.locator(place).get_by_text(menu, exact=True).click()


@contextlib.contextmanager
def another_screen(page):
    """What is done here leads to a screen of records; the one before has a "New" of its own."""
    page.evaluate(
        """document.querySelectorAll(".o_action_manager > *").forEach(
            each => each.classList.add("is_left"))"""
    )
    yield
    page.locator(".o_action_manager > .o_view_controller:not(.is_left)").wait_for()


def confirm_quotation(page, number):
    """The rep confirms a customer's quotation in Sales."""
    open_app(page, "Sales")
    page.get_by_role("cell", name=number, exact=True).click()
    page.get_by_role("button", name="Confirm", exact=True).click()
    page.locator(".o_statusbar_status .o_arrow_button_current", has_text="Sales Order").wait_for()


def my_follow_ups(page, customer):
    """The rep's row for a customer in My follow-ups."""
    open_app(page, "Customer Care")
    page.locator(".o_breadcrumb", has_text="My Follow-ups").wait_for()
    return page.locator("tr.o_data_row", has_text=customer)


def report_problem(page, row, words):
    """Done, with the outcome "Problem" and what the customer said."""
    row.get_by_role("button", name="Done").click()
    dialog = page.get_by_role("dialog")
    dialog.locator(".o_selection_badge", has_text="Problem").click()
    field(dialog, "feedback").locator("textarea").fill(words)
    dialog.get_by_role("button", name="Done", exact=True).click()
    page.locator(".o_form_view .o_field_widget[name=number]").wait_for()
    return field(page, "number").inner_text()


def open_case(page, number):
    """Somebody finds a case in the register by its number."""
    open_app(page, "Customer Care", "Register", "Cases")
    search = page.locator(".o_searchview_input")
    page.locator(".o_searchview .o_facet_remove").first.click()
    search.fill(number)
    search.press("Enter")
    page.locator(".o_kanban_record:not(.o_kanban_ghost)", has_text=number).click()
    page.locator(".o_form_view .o_field_widget[name=number]").wait_for()


def resolve(page, number, words):
    """The agent writes what was done and asks the customer."""
    open_case(page, number)
    done = field(page, "resolution").locator("textarea")
    # a click while the page still settles is lost
    for _try in range(5):
        page.get_by_role("tab", name="What Was Done").click()
        with contextlib.suppress(TimeoutError):
            done.wait_for(timeout=4000)
            break
    done.fill(words)
    page.get_by_role("button", name="Resolved, Ask the Customer").click()
    stage_is(page, "Resolved")


def stage_is(page, name):
    page.locator(".o_statusbar_status .o_arrow_button_current", has_text=name).wait_for()


def leaders_alerts(world, case):
    return world.sql(
        "SELECT count(*) FROM care_sla_alert a JOIN care_sla_clock c ON c.id = a.clock_id"
        f" JOIN care_sla_level l ON l.id = a.level_id WHERE c.case_id = {case}"
        " AND l.timing = 'at'"
    )


def test_the_eight_steps_as_rep_agent_and_customer(world, page_of, wait_until):
    mailbox = world.server.mailbox
    customer_mail = "clara.moreau@example.com"
    number = world.sql(
        "SELECT o.name FROM sale_order o JOIN res_partner p ON p.id = o.partner_id"
        " WHERE o.state = 'draft' AND p.name = 'Clara Moreau'"
    )

    # 1, 2: confirming a quotation starts a journey with an owner and plans follow-ups
    rita = page_of("rita")
    confirm_quotation(rita, number)
    rita.get_by_role("button", name="Journey").click()
    stage_is(rita, "Ordered")
    assert "Rita" in field(rita, "owner_id").locator("input").input_value()
    journey = world.sql(f"SELECT id FROM care_journey WHERE name = '{number}'")
    assert rita.locator("[name=followup_ids] tr.o_data_row").count() == 3

    # 3: on the day it is in My follow-ups, as an activity too
    world.days_pass("care_followup", days=4)
    wait_until(
        lambda: (
            world.sql(
                f"SELECT count(*) FROM care_followup WHERE journey_id = {journey}"
                " AND state = 'open' AND activity_id IS NOT NULL"
            )
            == "1"
        ),
        message="the cron made no activity",
    )
    row = my_follow_ups(rita, "Clara Moreau").first
    assert "Today" in row.inner_text()
    words = "The door does not close, and it beeps all night."
    case = report_problem(rita, row, words)

    # 4: a number, an owner, and an acknowledgement that quotes the promise
    mail = mailbox.wait_for(customer_mail, case)
    assert case in text_of(mail)
    case_id = world.sql(f"SELECT id FROM care_case WHERE number = '{case}'")
    link = link_in(mail, "/my/cases/")
    assert "A first answer" in text_of(mail), "the promised time stands in the acknowledgement"

    # 5: the promise breaks; the breach is dated when it was due and the leader told once
    world.days_pass("care_sla_clock", days=7)
    wait_until(lambda: leaders_alerts(world, case_id) == "2", message="the leader was not told")
    late = world.sql(
        f"SELECT count(*) FROM care_sla_clock WHERE case_id = {case_id} AND breached_at = due_at"
    )
    assert late == "2"
    lena = page_of("lena")
    open_app(lena, "Customer Care", "Oversight", "Service Levels at Risk")
    lena.locator("tr.o_data_row", has_text=case).first.wait_for()

    # 6: resolved asks the customer; "no" reopens, "yes" closes
    amir = page_of("amir")
    resolve(amir, case, "A fitter adjusted the hinge.")
    question = mailbox.wait_for(customer_mail, "Is it solved?")
    assert "adjusted the hinge" in text_of(question)
    clara = page_of(None)
    clara.goto(link_in(question, "/my/cases/"))
    assert clara.get_by_text("A fitter adjusted the hinge.").is_visible()
    assert world.sql(f"SELECT stage_category FROM care_case WHERE id = {case_id}") == "resolved"
    clara.get_by_label("Would you like to add something?").fill("It still beeps.")
    clara.get_by_role("button", name="No, not yet").click()
    clara.get_by_text("The case is open again").wait_for()

    open_case(amir, case)
    amir.get_by_text("It still beeps.").wait_for()
    resolve(amir, case, "The control board was replaced.")
    wait_until(
        lambda: len([m for m in mailbox.to(customer_mail) if "solved?" in m["subject"]]) == 2
    )
    clara.goto(link)
    clara.get_by_role("button", name="Yes, it is solved").click()
    clara.get_by_text("Thank you! The case is closed.").wait_for()
    assert world.sql(f"SELECT stage_category FROM care_case WHERE id = {case_id}") == "closed"

    # 7: a survey with a real link; 2 of 10 is a score on the customer and one recovery case
    wait_until(
        lambda: (
            world.sql(f"SELECT count(*) FROM care_survey_invitation WHERE case_id = {case_id}")
            == "1"
        )
    )
    world.days_pass("care_survey_invitation", days=2)
    invitation = mailbox.wait_for(customer_mail, "How did we do?")
    clara.goto(link_in(invitation, "/survey/"))
    clara.get_by_role("button", name=re.compile("Start")).click()
    clara.get_by_text("2", exact=True).first.click()
    clara.get_by_placeholder("In your own words").fill("Call back when you say you will.")
    clara.get_by_role("button", name="Submit").click()
    clara.get_by_role("dialog").get_by_role("button", name="Submit").click()
    clara.get_by_text("Thank you").first.wait_for()
    recovery = wait_until(
        lambda: world.sql(
            "SELECT c.id FROM care_case c JOIN care_survey_invitation i ON i.case_id ="
            f" {case_id} WHERE c.channel = 'survey' AND c.partner_id = i.partner_id"
            f" AND c.id > {case_id}"
        ),
        message="no recovery case",
    )
    assert recovery.isdigit(), "exactly one"
    score = world.sql(f"SELECT value FROM care_survey_score WHERE case_id = {case_id}")
    assert float(score) == 2
    number = world.sql(f"SELECT number FROM care_case WHERE id = {recovery}")
    open_case(amir, number)
    said = field(amir, "description").locator("textarea").input_value()
    assert "Call back when you say you will." in said

    # 8: each sees their part: the rep the case of her order, another customer nothing
    assert rita.goto(f"/odoo/cases/{case_id}").ok
    rita.locator(".o_form_view .o_field_widget[name=number]", has_text=case).wait_for()
    stranger = page_of("portal")
    stranger.goto(f"/my/cases/{case_id}")
    assert not stranger.get_by_text(case).count()
    assert stranger.url.endswith("/my")
