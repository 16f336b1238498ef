{
    "name": "Customer Care: Deliveries",
    "summary": "Journeys know what was delivered and what came back",
    "version": "19.0.1.0.0",
    "category": "Services/Customer Care",
    "author": "Customer Care for Odoo contributors",
    "license": "LGPL-3",
    "development_status": "Beta",
    "depends": ["customer_care", "sale_stock"],
    "data": [
        "data/care_policy_data.xml",
        "views/care_journey_views.xml",
        "views/care_remedy_views.xml",
        "views/care_coverage_views.xml",
    ],
    "uninstall_hook": "uninstall_hook",
    "application": False,
    "auto_install": True,
}
