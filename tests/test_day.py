"""A day at work, in a browser: cards, hand-offs, a morning on the phone, a case by hand."""

import io
import re
from datetime import datetime, timedelta

import pytest
from PyPDF2 import PdfReader
from test_loop import World, field, open_app, stage_is


@pytest.fixture
def world(care_env, start_server, database):
    return World(care_env, start_server(database))


@pytest.fixture
def server(world):
    return world.server


def test_a_card_is_dragged_to_the_next_stage(world, page_of, wait_until):
    marc = page_of("marc")
    open_app(marc, "Customer Care", "Journeys")
    card = marc.locator(".o_kanban_record", has_text="Yuki Tanaka").first
    column = marc.locator(".o_kanban_group", has_text="Delivery and installation").first
    card.wait_for()
    here = card.bounding_box()
    there = column.locator(".o_kanban_header").bounding_box()
    marc.mouse.move(here["x"] + 60, here["y"] + 20)
    marc.mouse.down()
    for share in (0.3, 0.6, 1):
        marc.mouse.move(
            here["x"] + 60 + share * (there["x"] + 80 - here["x"] - 60), there["y"] + 120, steps=6
        )
    marc.mouse.up()
    column.locator(".o_kanban_record", has_text="Yuki Tanaka").wait_for()
    stage = (
        "SELECT s.name->>'en_US' FROM care_journey j JOIN care_stage s ON s.id = j.stage_id"
        " JOIN res_partner p ON p.id = j.partner_id WHERE p.name = 'Yuki Tanaka'"
        " ORDER BY j.id DESC LIMIT 1"
    )
    wait_until(lambda: world.sql(stage) == "Delivery and installation")
    pieces = (
        "SELECT s.name->>'en_US' FROM care_tenure t JOIN care_stage s ON s.id = t.stage_id"
        " JOIN care_journey j ON j.id = t.journey_id JOIN res_partner p ON p.id = j.partner_id"
        " WHERE p.name = 'Yuki Tanaka' AND t.until IS NULL ORDER BY j.id DESC LIMIT 1"
    )
    assert world.sql(pieces) == "Delivery and installation"


def test_a_journey_is_handed_over_and_accepted(world, page_of):
    rita = page_of("rita")
    open_app(rita, "Customer Care", "Journeys")
    rita.locator(".o_kanban_record", has_text="Yuki Tanaka").first.click()
    rita.get_by_role("button", name="Hand Over").click()
    dialog = rita.get_by_role("dialog")
    dialog.locator("[name=to_user_id] input").fill("Nora")
    rita.locator(".o-autocomplete--dropdown-item", has_text="Nora").first.click()
    dialog.locator("[name=note] textarea").fill("She is at home in the mornings.")
    dialog.get_by_role("button", name="Ask Them").click()
    rita.get_by_text("who has not accepted yet").wait_for()
    owner = (
        "SELECT u.login FROM care_journey j JOIN res_users u ON u.id = j.owner_id"
        " JOIN res_partner p ON p.id = j.partner_id WHERE p.name = 'Yuki Tanaka'"
        " ORDER BY j.id DESC LIMIT 1"
    )
    assert world.sql(owner) == "rita", "hers until it is accepted"

    nora = page_of("nora")
    open_app(nora, "Customer Care", "My Day", "Hand-offs")
    row = nora.locator("tr.o_data_row", has_text="Yuki Tanaka")
    row.get_by_role("button", name="Accept").click()
    nora.locator(".o_form_view .o_field_widget[name=partner_id]").first.wait_for()
    assert world.sql(owner) == "nora"


def card_of(page, customer):
    return page.locator(".o_kanban_record:not(.o_kanban_ghost)", has_text=customer).first


def done_with(world, customer):
    """How many follow-ups with a customer are done."""
    return int(
        world.sql(
            "SELECT count(*) FROM care_followup f JOIN res_partner p ON p.id = f.partner_id"
            f" WHERE p.name = '{customer}' AND f.state = 'done'"
        )
    )


def last_outcome(world, customer):
    """What came of the follow-up with a customer that was done last, and what was said."""
    return world.sql(
        "SELECT o.consequence, f.feedback FROM care_followup f"
        " JOIN res_partner p ON p.id = f.partner_id JOIN care_outcome o ON o.id = f.outcome_id"
        f" WHERE p.name = '{customer}' AND f.state = 'done' ORDER BY f.done_at DESC LIMIT 1"
    )


def assert_nothing_is_off_the_side(page):
    """No part of the page has to be moved sideways to be seen.

    But for tabs and the buttons of the conversation, which Odoo lets one swipe.
    """
    wide = page.evaluate(
        """() => [document.scrollingElement, ...document.querySelectorAll(
            ".o_action_manager *, .modal *")].filter(each =>
                each.getClientRects().length
                && !each.matches(".o_notebook_headers, .o-mail-Chatter-topbar")
                && (each === document.scrollingElement
                    || ["auto", "scroll"].includes(getComputedStyle(each).overflowX))
                && each.scrollWidth > each.clientWidth + 1
            ).map(each => each.className || each.tagName)"""
    )
    assert not wide, wide


def test_a_morning_of_follow_ups_is_worked_on_a_phone(world, page_of, wait_until):
    rita = page_of("rita")
    rita.set_viewport_size({"width": 390, "height": 844})
    mine = "/odoo/my-follow-ups"
    rita.goto(mine)
    # all well: one tap
    card = card_of(rita, "Hannah Lindqvist")
    card.wait_for()
    assert_nothing_is_off_the_side(rita)
    before = done_with(world, "Hannah Lindqvist")
    card.get_by_label("All well").click()
    wait_until(lambda: done_with(world, "Hannah Lindqvist") == before + 1)
    assert last_outcome(world, "Hannah Lindqvist").startswith("none")
    wait_until(lambda: card_of(rita, "Hannah Lindqvist").count() == 0, message="it is done")

    # a problem: what the customer said, in a dialog
    card = card_of(rita, "Ngozi Adeyemi")
    card.get_by_role("button", name="Done").click()
    dialog = rita.get_by_role("dialog")
    dialog.locator("[name=outcome_id]").get_by_text("Problem").click()
    words = "It hums at night and the door is scratched."
    field(dialog, "feedback").locator("textarea").fill(words)
    assert_nothing_is_off_the_side(rita)
    dialog.get_by_role("button", name="Done").click()
    field(rita, "number").wait_for()
    assert_nothing_is_off_the_side(rita)
    assert last_outcome(world, "Dr. Ngozi Adeyemi") == f"case|{words}"
    case = (
        "SELECT c.description FROM care_case c JOIN care_followup f ON f.id = c.followup_id"
        " JOIN res_partner p ON p.id = f.partner_id WHERE p.name = 'Dr. Ngozi Adeyemi'"
        " ORDER BY c.id DESC LIMIT 1"
    )
    assert words in world.sql(case)

    # nobody answers: one tap, and it is tried again
    rita.goto(mine)
    card = card_of(rita, "Daniel Okafor")
    card.wait_for()
    tries = (
        "SELECT max(f.occurrence_try) FROM care_followup f"
        " JOIN res_partner p ON p.id = f.partner_id WHERE p.name = 'Daniel Okafor'"
    )
    before = int(world.sql(tries))
    card.get_by_label("No answer").click()
    wait_until(lambda: int(world.sql(tries)) == before + 1, message="nobody tries again")
    assert last_outcome(world, "Daniel Okafor").startswith("again")
    assert_nothing_is_off_the_side(rita)


def test_the_outcome_is_told_in_the_calendar_with_one_click(world, page_of, wait_until):
    outcomes = (
        ("Yuki Tanaka", "open", "All well", "none"),
        # one whose activity could not be made is a call like any other
        ("Daniel Okafor", "failed", "No answer", "again"),
    )
    for customer, state, _tap, _outcome in outcomes:
        world.sql(
            f"UPDATE care_followup SET state = '{state}', date_due = CURRENT_DATE WHERE id = ("
            " SELECT f.id FROM care_followup f JOIN res_partner p ON p.id = f.partner_id"
            f" WHERE p.name = '{customer}' AND f.state IN ('open', 'held')"
            " ORDER BY f.date_due, f.id LIMIT 1)"
        )
    rita = page_of("rita")
    rita.set_viewport_size({"width": 1280, "height": 800})
    rita.goto("/odoo/my-follow-ups")
    rita.locator(".o_switch_view.o_calendar").click()
    for customer, _state, tap, outcome in outcomes:
        before = done_with(world, customer)
        rita.locator(".fc-event", has_text=customer).first.click()
        popover = rita.locator(".o_popover")
        popover.get_by_label(tap).click()
        wait_until(lambda c=customer, n=before: done_with(world, c) == n + 1, message=customer)
        assert last_outcome(world, customer).startswith(outcome)
        popover.wait_for(state="detached")


def test_what_is_due_is_told_in_days_across_weeks_and_months(world, page_of):
    rita = page_of("rita")
    rita.clock.install(time=datetime.now() + timedelta(days=20))
    rita.goto("/odoo/my-follow-ups")
    due = rita.locator("tr.o_data_row td[name=date_due]")
    due.first.wait_for()
    told = due.all_inner_texts()
    assert all(re.fullmatch(r"\d+ days ago", each.strip()) for each in told), told


def test_the_book_of_standards_is_printed_as_a_pdf(world, page_of):
    marc = page_of("marc")
    ids = world.sql("SELECT string_agg(id::text, ',') FROM care_standard WHERE state = 'published'")
    answer = marc.request.get(
        f"/report/pdf/customer_care.report_standards_book/{ids}", timeout=60_000
    )
    assert answer.headers["content-type"] == "application/pdf"
    # its letters are drawn, not written: what can be read is how long it is
    assert 3 <= len(PdfReader(io.BytesIO(answer.body())).pages) <= 6


def test_an_agent_writes_down_a_case_by_hand(world, page_of):
    amir = page_of("amir")
    open_app(amir, "Customer Care", "Register", "Cases")
    amir.get_by_role("button", name="New", exact=True).click()
    field(amir, "name").locator("input, textarea").first.fill("The hob clicks")
    field(amir, "partner_id").locator("input").fill("Clara")
    amir.locator(".o-autocomplete--dropdown-item", has_text="Clara Moreau").first.click()
    amir.locator(".o_form_button_save").click()
    number = field(amir, "number")
    amir.wait_for_function(
        "() => /^C\\d/.test(document.querySelector('.o_field_widget[name=number]')?.innerText)"
    )
    assert re.match(r"C\d\d-\d+", number.inner_text())
    stage_is(amir, "New")
