"""Promises on the screen: clocks that run by themselves, and how their time was counted."""

import json
import re

import pytest
from test_loop import World, open_app

CASE = "One of the two fridges has a dent"


@pytest.fixture
def world(care_env, start_server, database):
    return World(care_env, start_server(database))


@pytest.fixture
def server(world):
    return world.server


def due_in(world, minutes, risk):
    """The demo's case is due in so many minutes, and at risk from `risk` minutes before that."""
    moment = f"now() AT TIME ZONE 'UTC' + interval '{minutes} minutes'"
    at_risk = f"now() AT TIME ZONE 'UTC' + interval '{minutes - risk} minutes'"
    case = f"SELECT id FROM care_case WHERE name = '{CASE}'"
    world.sql(
        f"UPDATE care_sla_clock SET due_at = {moment}, risk_at = {at_risk}"
        f" WHERE measure = 'first_response' AND state = 'running' AND case_id IN ({case})"
    )
    world.sql(
        f"UPDATE care_case SET promise_due_at = {moment}, promise_risk_at = {at_risk}"
        f" WHERE id IN ({case})"
    )


def test_a_clock_turns_amber_and_red_by_itself(world, page_of):
    due_in(world, 125, 60)
    amir = page_of("amir")
    amir.clock.install()
    open_app(amir, "Customer Care", "Register", "Cases")
    card = amir.locator(".o_kanban_record", has_text=CASE).first
    clock = card.get_by_role("timer")
    clock.wait_for()
    assert "First answer: 2 h" in clock.inner_text()
    assert "o_care_countdown_running" in clock.get_attribute("class")

    requests = []
    amir.on("request", lambda request: requests.append(request.url))
    amir.clock.fast_forward("01:10:00")
    amir.locator(".o_care_countdown_risk", has_text="min left").first.wait_for()
    assert "text-warning" in clock.get_attribute("class")
    amir.clock.fast_forward("01:10:00")
    late = card.locator(".o_care_countdown_late")
    late.wait_for()
    assert "late by" in late.inner_text()
    assert "text-danger" in late.get_attribute("class")
    assert "late by" in late.get_attribute("aria-label"), "told without colours, too"
    assert not [url for url in requests if "care.case" in url], "without asking the server"


def test_lists_are_filtered_and_grouped_by_what_is_true_now(world, page_of):
    due_in(world, -30, 60)
    amir = page_of("amir")
    amir.goto("/odoo/cases?view_type=list")
    amir.locator(".o_searchview_dropdown_toggler").click()
    amir.get_by_role("menuitemcheckbox", name="Promise Overdue").click()
    amir.get_by_role("menuitemcheckbox", name="State of the Promise").click()
    amir.keyboard.press("Escape")
    amir.locator(".o_group_header", has_text=re.compile(r"^Late \(")).click()
    row = amir.locator("tr.o_data_row", has_text=CASE)
    # half an hour, and what the screens took
    row.locator(".o_care_countdown_late", has_text=re.compile("late by 3[0-9] min")).wait_for()


def test_how_the_time_was_counted_is_told_on_a_phone(world, page_of):
    amir = page_of("amir")
    amir.set_viewport_size({"width": 390, "height": 844})
    number = world.sql("SELECT id FROM care_case WHERE name = 'Invoice shows the wrong address'")
    amir.goto(f"/odoo/cases/{number}")
    promise = amir.locator(".o_care_promise", has_text="Solution")
    promise.get_by_role("button", name="How it was counted").click()
    table = promise.locator(".o_care_explanation table")
    table.locator("tbody tr", has_text="we wait for the customer").first.wait_for()
    assert table.locator("tfoot tr", has_text="Counts").count() == 1
    assert table.locator("tfoot tr", has_text="Paused").count() == 1
    assert amir.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_is_not_promised_is_told_of_the_record_that_is_shown(world, page_of):
    amir = page_of("amir")
    amir.goto("/odoo/cases?view_type=list")
    asked = []

    def listen(request):
        body = request.post_data or ""
        if '"not_promised"' in body and request.url.endswith("/care.case/read"):
            asked.extend(json.loads(body)["params"]["args"][0])

    amir.on("request", listen)
    amir.locator("tr.o_data_row td[name=name]").first.click()
    amir.locator(".o_care_missing").click()
    amir.locator(".o_care_not_promised").wait_for()
    (first,) = asked
    amir.locator(".o_pager_next").click()
    amir.wait_for_url(lambda url: re.search(r"/(\d+)$", url) and not url.endswith(f"/{first}"))
    amir.locator(".o_care_not_promised").wait_for()
    shown = int(re.search(r"/(\d+)$", amir.url).group(1))
    assert asked[-1] == shown != first
