#!/usr/bin/env python3
"""Take the pictures of the documentation from a server with the demo data.

`./care screenshots` calls it with a fresh demo:

    take.py URL FOLDER [--browser PATH]
"""

import argparse
import contextlib
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
MAX_BYTES = 300_000
DESKTOP = {"width": 1440, "height": 860}
PHONE = {"width": 390, "height": 844}


class Camera:
    def __init__(self, browser, url, folder):
        self.browser, self.url, self.folder = browser, url, folder
        self.states = {}

    @contextlib.contextmanager
    def page_of(self, login, viewport=DESKTOP):
        """A page of somebody who has logged in."""
        phone = viewport is PHONE
        context = self.browser.new_context(
            base_url=self.url,
            locale="en-US",
            timezone_id="Europe/Brussels",
            viewport=viewport,
            device_scale_factor=2 if phone else 1,
            has_touch=phone,
            is_mobile=phone,
            storage_state=self.states.get(login),
        )
        context.set_default_timeout(60_000)
        context.set_default_navigation_timeout(60_000)
        page = context.new_page()
        if login and login not in self.states:
            page.goto("/web/login")
            page.fill("input[name=login]", login)
            page.fill("input[name=password]", login)
            page.click("form.oe_login_form button[type=submit]")
            page.wait_for_url(lambda address: "/web/login" not in address)
            self.states[login] = context.storage_state()
        yield page
        context.close()

    def take(self, page, name, settle=1500):
        """The page as it is, once it stands still."""
        page.mouse.move(0, 0)
        page.wait_for_timeout(settle)
        image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        data = io.BytesIO()
        image.quantize(128, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
        if data.tell() > MAX_BYTES:
            raise SystemExit(f"{name}.png has {data.tell()} bytes, more than {MAX_BYTES}.")
        (self.folder / f"{name}.png").write_bytes(data.getvalue())
        print(f"  {name}.png  {data.tell() // 1000} kB", flush=True)


def view(page, address, kind=None):
    """Open a screen, maybe as another kind of view."""
    page.goto(address)
    page.locator(".o_action_manager .o_view_controller").wait_for()
    if kind:
        page.locator(f".o_switch_view.o_{kind}").click()
        page.locator(f".o_{kind}_view").wait_for()


def card(page, text):
    return page.locator(".o_kanban_record:not(.o_kanban_ghost)", has_text=text).first


def rate_link(page):
    """Where a customer who was asked, and has not answered yet, gets by a click on a 9."""

    def read(model, domain, fields):
        params = {"args": [domain], "kwargs": {"fields": fields, "limit": 1}}
        params |= {"model": model, "method": "search_read"}
        address = f"/web/dataset/call_kw/{model}/search_read"
        answer = page.request.post(address, data={"jsonrpc": "2.0", "params": params})
        return answer.json()["result"][0]

    invitation = read("care.survey.invitation", [["state", "=", "sent"]], ["user_input_id"])
    answer = read(
        "survey.user_input",
        [["id", "=", invitation["user_input_id"][0]]],
        ["access_token", "survey_id"],
    )
    survey = read("survey.survey", [["id", "=", answer["survey_id"][0]]], ["access_token"])
    return f"/care/survey/rate/{survey['access_token']}/{answer['access_token']}?score=9"


def take_all(camera):
    with camera.page_of("rita") as page:
        view(page, "/odoo/my-follow-ups")
        camera.take(page, "my-follow-ups")
        page.locator("tr.o_data_row", has_text="Yuki Tanaka").first.get_by_role(
            "button", name="Done"
        ).click()
        dialog = page.get_by_role("dialog")
        dialog.locator(".o_selection_badge", has_text="Problem").click()
        dialog.locator("[name=feedback] textarea").fill(
            "“The left zone beeps and goes off after a minute.”"
        )
        camera.take(page, "follow-up-done")
    with camera.page_of("rita", PHONE) as page:
        view(page, "/odoo/my-follow-ups")
        camera.take(page, "my-follow-ups-phone")
        view(page, "/odoo/standards")
        card(page, "One person answers").click()
        page.get_by_role("button", name="I have read and understood it").wait_for()
        camera.take(page, "standard-phone")
        view(page, "/odoo/my-audits")
        card(page, "Lena Fischer").click()
        card(page, "Were you greeted").wait_for()
        camera.take(page, "audit-phone")
    with camera.page_of("otto") as page:
        view(page, "/odoo/hand-offs")
        camera.take(page, "hand-offs")
    with camera.page_of("marc") as page:
        view(page, "/odoo/journeys")
        camera.take(page, "journeys")
        card(page, "Greenfield").click()
        page.locator(".o_form_view").wait_for()
        camera.take(page, "journey")
        page.get_by_role("tab", name="Story").click()
        page.locator(".o_care_story").scroll_into_view_if_needed()
        camera.take(page, "story")
        view(page, "/odoo/action-customer_care.care_policy_action")
        page.get_by_role("cell", name="After every sale").click()
        page.get_by_role("button", name="Preview the Last 90 Days").click()
        page.get_by_role("dialog").wait_for()
        camera.take(page, "policy-preview")
        view(page, "/odoo/action-customer_care.care_promise_action_all")
        camera.take(page, "promises")
        view(page, "/odoo/action-customer_care_sla.care_sla_policy_action")
        page.get_by_role("cell", name="Key customers: two hours").click()
        page.locator(".o_form_view").wait_for()
        camera.take(page, "sla-policy")
        view(page, "/odoo/service-levels")
        page.get_by_role("button", name="Promises in One Minute").click()
        page.get_by_role("dialog").locator("[name=preview]").last.wait_for()
        camera.take(page, "sla-setup")
        view(page, "/odoo/action-customer_care_sla.care_sla_backtest_action")
        page.locator("tr.o_data_row").first.click()
        page.locator(".o_form_view").wait_for()
        camera.take(page, "sla-backtest")
        view(page, "/odoo/promises-by-month")
        camera.take(page, "promises-by-month")
        view(page, "/odoo/survey-scores")
        camera.take(page, "scores")
        view(page, "/odoo/survey-results")
        camera.take(page, "survey-results")
        view(page, "/odoo/survey-triggers")
        page.get_by_role("cell", name="After a case is closed").click()
        page.get_by_role("button", name="Who Would Be Asked?").click()
        page.get_by_role("dialog").wait_for()
        camera.take(page, "survey-preview")
        view(page, "/odoo/services-matrix")
        page.locator(".o_care_service_matrix svg").wait_for()
        camera.take(page, "services-matrix")
        view(page, "/odoo/growth-list")
        camera.take(page, "growth-list")
        view(page, "/odoo/action-customer_care_survey.care_staff_survey_action")
        page.locator("tr.o_data_row").first.click()
        page.locator(".o_form_view").wait_for()
        camera.take(page, "staff-survey")
    with camera.page_of("lena") as page:
        view(page, "/odoo/cases")
        camera.take(page, "register")
        card(page, "Film on the glasses").click()
        page.locator(".o_form_view .o-mail-Message").first.wait_for()
        camera.take(page, "case")
        page.locator(".o_care_explain").last.click()
        explanation = page.locator(".o_care_explanation table").first
        explanation.wait_for()
        explanation.scroll_into_view_if_needed()
        camera.take(page, "promise-explained")
        view(page, "/odoo/cases", "list")
        camera.take(page, "register-countdown")
        view(page, "/odoo/levels-at-risk")
        camera.take(page, "levels-at-risk")
        view(page, "/odoo/due-by-person")
        camera.take(page, "due-by-person")
        view(page, "/odoo/action-customer_care.care_stage_action_curator")
        camera.take(page, "stages-curated")
        view(page, "/odoo/action-customer_care.care_followup_action_team")
        camera.take(page, "team-follow-ups")
    for viewport, name in ((DESKTOP, "portal-case"), (PHONE, "portal-case-phone")):
        with camera.page_of("clara", viewport) as page:
            page.goto("/my/cases")
            page.get_by_role("link", name="How does the cleaning programme start?").click()
            page.get_by_role("button", name="Yes, it is solved").wait_for()
            camera.take(page, name)
    with camera.page_of("clara", PHONE) as page:
        page.goto("/my/cases/new")
        page.get_by_label("What happened?").wait_for()
        camera.take(page, "portal-new-case-phone")
    with camera.page_of("amir") as page:
        view(page, "/odoo/cases")
        card(page, "Fridge hums at night").click()
        page.get_by_role("button", name="Offer a Remedy").click()
        page.get_by_role("dialog").locator("[name=kind]").wait_for()
        camera.take(page, "remedy")
        view(page, "/odoo/playbook")
        camera.take(page, "playbook")
    with camera.page_of("marc") as page:
        view(page, "/odoo/action-customer_care.care_remedy_action")
        camera.take(page, "remedies")
        view(page, "/odoo/action-customer_care.care_action_action")
        camera.take(page, "actions")
        view(page, "/odoo/action-customer_care.care_pareto_action", "list")
        camera.take(page, "pareto")
        view(page, "/odoo/action-customer_care.care_fact_summary_action")
        camera.take(page, "figures")
        view(page, "/odoo/action-customer_care.care_authority_action")
        camera.take(page, "authority")
    with camera.page_of("admin") as page:
        asked = rate_link(page)
        page.goto("/odoo/settings")
        page.locator(".settings_tab .tab[data-key=customer_care]").click()
        camera.take(page, "settings")
    with camera.page_of(None, PHONE) as page:
        page.goto(asked)
        page.get_by_role("button", name="Send").wait_for()
        camera.take(page, "survey-rate-phone")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url", help="where the demo is served")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--browser", help="the Chromium to use")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.browser, args=FLAGS)
        take_all(Camera(browser, options.url, options.folder))
        browser.close()


if __name__ == "__main__":
    main()
