"""The ground the other tests stand on."""


def test_all_add_ons_are_installed_together(care_env, database):
    states = care_env.sql(
        database, "SELECT name, state FROM ir_module_module WHERE name LIKE 'customer_care%'"
    )
    installed = {line.split("|")[0] for line in states if line.endswith("|installed")}
    assert set(care_env.care.to_install(care_env.care.addons())) <= installed


def test_code_runs_with_the_orm_and_is_committed(care_env, database, odoo_shell):
    ident = odoo_shell(
        database,
        """
        result = env['res.partner'].create({'name': 'Committed'}).id
    """,
    )
    assert care_env.sql(database, f"SELECT name FROM res_partner WHERE id = {ident}") == [
        "Committed"
    ]


def test_a_mail_arrives_in_the_mailbox_and_nowhere_else(server, odoo_shell, start_server):
    page = odoo_shell.start(
        server.database,
        f"""
        from odoo.tools import config
        config['smtp_port'] = {server.mailbox.port}
        env['mail.mail'].create({{
            'email_to': 'clara@example.com', 'subject': 'Good day', 'body_html': '<p>Hello</p>',
        }}).send(raise_exception=True)
    """,
    )
    page.result()
    assert (
        "Hello" in server.mailbox.wait_for("clara@example.com", "Good day").get_body().get_content()
    )


def test_a_person_logs_in_with_the_browser(page_of):
    page = page_of(None)
    page.goto("/web/login")
    page.fill("input[name=login]", "admin")
    page.fill("input[name=password]", "admin")
    page.click("form.oe_login_form button[type=submit]")
    page.wait_for_selector(".o_main_navbar")


def test_the_register_is_searched_by_words_through_indexes(care_env, database):
    indexes = care_env.sql(
        database, "SELECT indexdef FROM pg_indexes WHERE tablename = 'care_case'"
    )
    by_words = [line for line in indexes if "gin_trgm_ops" in line]
    assert any("(name " in line for line in by_words), indexes
    assert any("(number " in line for line in by_words), indexes
