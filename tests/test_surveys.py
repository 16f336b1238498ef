"""Surveys and audits on the screen: from the mail to the agent's case, a picture, a phone."""

import re

import pytest
from test_loop import World, field, open_case, text_of

PHONE = {"width": 390, "height": 844}
SUBJECT = "One of the two fridges has a dent"


@pytest.fixture
def world(care_env, start_server, database):
    return World(care_env, start_server(database, cron_threads=2))


@pytest.fixture
def server(world):
    return world.server


def fits(page):
    """Nothing has to be pushed aside to be read."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_score_in_the_mail_becomes_a_case_on_the_agents_screen(
    world, page_of, odoo_shell, wait_until
):
    address = odoo_shell(
        world.server.database,
        f"""
        case = env['care.case'].search([('name', '=', {SUBJECT!r})])
        env['care.survey.invitation'].search([('partner_id', '=', case.partner_id.id)]).unlink()
        env['care.case'].search([
            ('commercial_partner_id', '=', case.commercial_partner_id.id),
            ('id', '!=', case.id), ('stage_category', 'in', ('open', 'waiting', 'resolved')),
        ]).write({{'kind': 'enquiry'}})
        case.resolution = 'The door was changed.'
        case.action_resolve()
        case._customer_answers('yes')
        result = case.partner_id.email
        """,
    )
    world.days_pass("care_survey_invitation", days=2)
    mail = world.server.mailbox.wait_for(address, "How did we do?")
    scores = re.findall(r'aria-label="([^"]*)"', text_of(mail))
    assert len(scores) == 11, "0 to 10"
    links = re.findall(r'href="https?://[^/"]+(/care/survey/rate/[^"]*)"', text_of(mail))
    asked = f"SELECT count(*) FROM survey_user_input WHERE email = '{address}' AND state = 'done'"
    answered = world.sql(asked)

    customer = page_of(None)
    customer.set_viewport_size(PHONE)
    # scripts that take their time on a phone are not waited for
    customer.route("**/*assets_frontend_lazy*", lambda route: route.abort())
    customer.goto(links[3].replace("&amp;", "&"))
    chosen = customer.locator("input[name=score]:checked")
    assert chosen.get_attribute("value") == "3"
    assert chosen.get_attribute("aria-label"), "read out by a screen reader"
    assert fits(customer)
    assert world.sql(asked) == answered, "opening the link has answered nothing"
    # changed their mind
    customer.locator("label[for=score_2]").click()
    customer.get_by_role("textbox").first.fill("Nobody told me that the door comes later.")
    customer.get_by_role("button", name="Send").click()
    customer.get_by_role("heading", name="Thank you!").wait_for()
    assert customer.locator(".o_care_thanks_bad").inner_text().strip(), "the words of a bad score"
    assert fits(customer)
    # coming back changes nothing
    customer.goto(links[10].replace("&amp;", "&"))
    assert "Your answer: 2 of 10" in " ".join(customer.locator("#wrap").inner_text().split())

    world.days_pass("care_survey_invitation", days=0)
    recovery = (
        "SELECT c.number FROM care_case c JOIN care_survey_invitation i"
        " ON i.id = c.survey_invitation_id JOIN care_case about ON about.id = i.case_id"
        f" WHERE about.name = '{SUBJECT}'"
    )
    number = wait_until(lambda: world.sql(recovery), message="no case has come of a bad answer")
    owner = world.sql(
        "SELECT u.login FROM care_case c JOIN res_users u ON u.id = c.owner_id"
        f" WHERE c.number = '{number}'"
    )
    agent = page_of(owner)
    open_case(agent, number)
    said = field(agent, "description").locator("textarea").input_value()
    assert "Nobody told me that the door comes later." in said
    assert "2" in said


def test_the_services_matrix_is_a_picture_and_a_table(page_of):
    marc = page_of("marc")
    marc.goto("/odoo/services-matrix")
    picture = marc.get_by_role("img", name="Importance against performance")
    picture.wait_for()
    rows = marc.locator(".o_care_service_matrix tbody tr")
    assert picture.locator("circle").count() == rows.count() > 3
    words = picture.locator("desc").text_content()
    names = rows.locator("th").evaluate_all(
        "cells => cells.map(cell => cell.firstChild.textContent)"
    )
    assert all(name.strip() in words for name in names), "told without the picture, too"
    gaps = [float(cell) for cell in rows.locator("td:nth-child(6)").all_inner_texts()]
    assert gaps == sorted(gaps, reverse=True)
    # of one tier there are fewer answers
    before = picture.locator("circle").first.get_attribute("cy")
    marc.locator("[name=tier_id] input").click()
    marc.get_by_role("option", name=re.compile("Key")).click()
    marc.locator("[name=date_from]").click()
    marc.wait_for_timeout(1000)
    assert (
        marc.locator(".o_care_service_matrix tbody tr.text-muted").count()
        or marc.locator(".alert-info").count()
        or picture.locator("circle").first.get_attribute("cy") != before
    )
    phone = page_of("marc")
    phone.set_viewport_size(PHONE)
    phone.goto("/odoo/services-matrix")
    picture = phone.get_by_role("img", name="Importance against performance")
    picture.wait_for()
    assert fits(phone)
    assert picture.bounding_box()["width"] < PHONE["width"]


def test_an_audit_is_made_on_a_phone_and_is_hidden_until_it_is_published(world, page_of):
    visit = world.sql(
        "SELECT a.id FROM care_audit a JOIN res_users u ON u.id = a.auditor_id"
        " WHERE u.login = 'rita' AND a.state = 'planned'"
    )
    rita = page_of("rita")
    rita.set_viewport_size(PHONE)
    rita.goto("/odoo/my-audits")
    rita.locator(".o_kanban_record:not(.o_kanban_ghost)", has_text="Lena Fischer").click()
    cards = rita.locator("[name=line_ids] .o_kanban_record:not(.o_kanban_ghost)")
    cards.first.wait_for()
    count = cards.count()
    assert count > 2
    for number in range(count):
        cards.nth(number).click()
        dialog = rita.get_by_role("dialog")
        dialog.get_by_role("radio", name="Partly" if number else "Yes").check()
        dialog.get_by_label("Note").fill("At the second ring.")
        dialog.locator("footer").get_by_role("button", name=re.compile("Save")).first.click()
        dialog.wait_for(state="detached")
    assert fits(rita)
    rita.get_by_role("button", name="Hand In").click()
    rita.locator(".o_statusbar_status").get_by_text("Handed In").locator("visible=true").wait_for()

    lena = page_of("lena")
    hidden = lena.request.get(f"/odoo/audits/{visit}")
    assert hidden.ok
    lena.goto("/odoo/audits")
    lena.locator(".o_list_view, .o_view_nocontent").first.wait_for()
    assert not lena.locator("tr.o_data_row", has_text="Handed In").count()

    marc = page_of("marc")
    marc.goto(f"/odoo/audits/{visit}")
    marc.get_by_role("button", name="Publish").click()
    marc.get_by_role("dialog").get_by_role("button", name="Ok").click()
    marc.locator(".o_arrow_button_current", has_text="Published").wait_for()
    lena.goto(f"/odoo/audits/{visit}")
    lena.locator(".o_arrow_button_current", has_text="Published").wait_for()
