"""A complaint, from the photo to the credit note, in a browser."""

import base64
import re

import pytest
from test_loop import World, field, open_app, open_case, resolve

#: A picture of one pixel.
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

#: The customer's order is invoiced.
INVOICED = """
    order = env['sale.order'].search([
        ('partner_id.name', '=', 'Clara Moreau'), ('state', '=', 'sale')], order='id desc', limit=1)
    for line in order.order_line:
        line.qty_delivered = line.product_uom_qty
    order._create_invoices().action_post()
    line = order.order_line.filtered(lambda line: not line.display_type)[:1]
    result = {'order': order.name, 'product': line.product_id.name, 'line': line.id}
"""


@pytest.fixture
def sold(odoo_shell, database):
    return odoo_shell(database, INVOICED)


@pytest.fixture
def world(care_env, start_server, database, sold):
    return World(care_env, start_server(database, cron_threads=2))


@pytest.fixture
def server(world):
    return world.server


def test_a_photo_a_refund_above_the_limit_an_approval_and_a_credit_note(
    world, sold, page_of, wait_until
):
    mailbox = world.server.mailbox
    clara = page_of("clara")
    clara.set_viewport_size({"width": 390, "height": 844})

    # the customer files a complaint with a photo, on a phone
    clara.goto("/my/cases")
    clara.get_by_role("link", name="New case").click()
    clara.get_by_label("Which order is it about?").select_option(
        label=clara.locator("option", has_text=sold["product"]).first.inner_text().strip()
    )
    clara.get_by_label("In a few words").fill("The oven door is scratched")
    clara.get_by_label("What happened?").fill("A long scratch, from the fitters' belt I think.")
    clara.get_by_label("Photos and files").set_input_files(
        [{"name": "door.png", "mimeType": "image/png", "buffer": PHOTO}]
    )
    assert clara.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    clara.get_by_role("button", name="Send").click()
    clara.get_by_text("The oven door is scratched").first.wait_for()
    case_id, number = world.sql(
        "SELECT id || '|' || number FROM care_case WHERE name = 'The oven door is scratched'"
    ).split("|")
    assert world.sql(
        f"SELECT name FROM ir_attachment WHERE res_model = 'care.case' AND res_id = {case_id}"
    ).startswith("door")
    mailbox.wait_for("clara.moreau@example.com", number)

    # the agent offers a refund above his limit, and asks
    amir = page_of("amir")
    open_case(amir, number)
    amir.get_by_role("button", name="Offer a Remedy").click()
    dialog = amir.get_by_role("dialog")
    field(dialog, "kind").locator("input").click()
    amir.locator(".o_select_menu_item", has_text="Refund").first.click()
    line = dialog.locator("[name=line_ids] tr.o_data_row", has_text=sold["product"])
    line.locator("td[name=amount]").click()
    dialog.locator("[name=line_ids] [name=amount] input").fill("120")
    field(dialog, "text").locator("textarea").fill("We credit you 120 for the scratch.")
    dialog.get_by_text("Somebody has to approve this.").wait_for()
    dialog.get_by_role("button", name="Ask for Approval").click()
    dialog.wait_for(state="hidden")
    state = f"SELECT state FROM care_remedy WHERE case_id = {case_id}"
    assert world.sql(state) == "asked"

    # the leader approves with one click
    lena = page_of("lena")
    open_app(lena, "Customer Care", "Oversight", "Remedies to Approve")
    lena.locator("tr.o_data_row, .o_kanban_record", has_text="Clara Moreau").first.get_by_role(
        "button", name="Approve"
    ).click()
    wait_until(lambda: world.sql(state) == "offered", message="it is not offered")

    # the customer accepts, and the credit note is there
    clara.goto(f"/my/cases/{case_id}")
    clara.get_by_text(re.compile("We offer you")).wait_for()
    assert world.sql(state) == "offered", "opening the page changes nothing"
    clara.get_by_role("button", name="Accept").click()
    clara.get_by_text("Thank you! We see to it.").wait_for()
    assert world.sql(state) == "executed"
    assert (
        world.sql(
            "SELECT m.move_type FROM care_remedy_document d JOIN account_move m ON m.id = d.move_id"
            f" JOIN care_remedy r ON r.id = d.remedy_id WHERE r.case_id = {case_id}"
        )
        == "out_refund"
    )
    assert float(world.sql(f"SELECT cost FROM care_case WHERE id = {case_id}")) > 0

    # the agent resolves it, and the customer confirms
    resolve(amir, number, "The price of the oven was credited.")
    clara.goto(f"/my/cases/{case_id}")
    clara.get_by_role("button", name="Yes, it is solved").click()
    clara.get_by_text("Thank you! The case is closed.").wait_for()
    assert world.sql(f"SELECT stage_category FROM care_case WHERE id = {case_id}") == "closed"
