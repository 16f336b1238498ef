import base64
from contextlib import contextmanager
from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.tools import file_open

from ..hooks import OUR_THREADS


class CareDemo(models.AbstractModel):
    """Tells the demo data's story: what the shop's people and customers did, and when.

    XML says who there is and what there is to sell. What has a history is played through
    the product's own methods at its moment in the past, so the demo shows nothing that
    the product would not have done. Called by demo files alone.

    A story is a list of scenes ``(working days ago, "HH:MM", what, *arguments)``; on the
    present day, minutes ago instead of a time. ``what`` is a method ``_play_<what>``.
    """

    _name = "care.demo"
    _description = "Demo data of Customer Care"

    # ------------------------------------------------------------
    # The story of this addon
    # ------------------------------------------------------------

    @api.model
    def _load(self):
        """The story of the last three months."""
        self._dress()
        self._tell("customer_care", self._story_orders() + self._story_cases())
        self._hand_over()

    @api.model
    def _hand_over(self):
        """A customer of the rep's is just being handed over; the other has not answered yet."""
        told = self.with_context(care_demo_module="customer_care")
        journey = told._journey_of("order_greenfield").sudo()
        self.env["care.handoff"].with_user(journey.owner_id).create(
            {
                "journey_id": journey.id,
                "to_user_id": told._there("user_otto").id,
                "note": "They are fitting out a second practice and want one person for both. "
                "Dr. Adeyemi is in surgery until noon: call after two.",
            }
        )

    @api.model
    def _dress(self):
        """A sign over the shop's door, and no tour of the chat beside the demo."""
        company = self.env.ref("base.main_company").sudo()
        if company.name == "Hearth & Home Appliances" and company.uses_default_logo:
            with file_open("customer_care/demo/img/logo.png", "rb") as logo:
                company.logo = base64.b64encode(logo.read())
        users = self.env["res.users"].sudo()
        if "odoobot_state" in users._fields:
            users.search([("share", "=", False)]).odoobot_state = "disabled"

    @api.model
    def _story_orders(self):
        well, problem = "outcome_satisfied", "outcome_problem"
        nobody, needless = "outcome_no_answer", "outcome_not_needed"
        welcome, fine = "plan_after_sale_welcome", "plan_after_sale_satisfied"
        delivery, use = "stage_journey_delivery", "stage_journey_use"
        return [
            # a washing machine that works, and a customer who wants to be left alone
            (63, "10:12", "confirm", "order_whitfield"),
            (63, "15:40", "done", "order_whitfield", welcome, well, "Wednesday suits him."),
            (62, "09:05", "move", "order_whitfield", delivery),
            (59, "16:30", "move", "order_whitfield", use),
            (
                58,
                "10:20",
                "done",
                "order_whitfield",
                fine,
                problem,
                "“The fitters cost me twice.”",
            ),
            (30, "11:00", "move", "order_whitfield", "stage_journey_done"),
            # six machines for a house of flats; the call after three months is near
            (61, "09:48", "confirm", "order_lakeside"),
            (61, "11:15", "done", "order_lakeside", welcome, well, "Two a day, from Monday on."),
            (60, "08:45", "move", "order_lakeside", delivery),
            (57, "17:10", "move", "order_lakeside", use),
            (
                *(56, "09:30", "need_found", "order_lakeside", fine),
                "All six run. Tenants like the short programme.",
                "Six more for the new laundry in the west wing, up to $ 5,500 in all",
                25,
            ),
            # a kitchen that cannot wait
            (24, "14:05", "confirm", "order_lumen"),
            (24, "15:00", "done", "order_lumen", welcome, well, "Monday, their day off."),
            (23, "09:10", "move", "order_lumen", delivery),
            (21, "12:40", "move", "order_lumen", use),
            (
                *(19, "15:20", "done", "order_lumen", fine, problem),
                "“There is a film on every glass. I polish by hand before each service.”",
            ),
            # all as it should be
            (18, "16:22", "confirm", "order_novak"),
            (18, "17:05", "done", "order_novak", welcome, well, "Looks forward to it."),
            (16, "09:00", "move", "order_novak", delivery),
            (14, "13:15", "move", "order_novak", use),
            (
                *(13, "10:10", "done", "order_novak", fine, well),
                "Quieter than the old one. He wants to say thank you to the fitters.",
            ),
            # Clara's oven
            (12, "11:36", "confirm", "order_moreau"),
            (12, "16:15", "done", "order_moreau", welcome, well, "Friday morning, before ten."),
            (11, "09:00", "move", "order_moreau", delivery),
            (8, "11:45", "move", "order_moreau", use),
            (7, "10:05", "done", "order_moreau", fine, well, "“It bakes evenly, at last.”"),
            # she changed her mind
            (11, "10:30", "confirm", "order_amrani"),
            (10, "14:20", "cancel", "order_amrani"),
            # nobody picks up the phone
            (9, "13:50", "confirm", "order_okafor"),
            (8, "10:00", "done", "order_okafor", welcome, needless, "He was in the shop."),
            (7, "09:20", "move", "order_okafor", delivery),
            (4, "11:30", "done", "order_okafor", fine, nobody, "Left a message."),
            (1, "11:45", "done", "order_okafor", fine, nobody, "Mailbox full."),
            (0, 1, "due_today", "order_okafor", fine),
            # the call that has been waiting for three days
            (8, "15:30", "confirm", "order_lindqvist"),
            (8, "16:45", "done", "order_lindqvist", welcome, well, "Any day after three."),
            (7, "08:50", "move", "order_lindqvist", delivery),
            # three dishwashers for a guesthouse
            (6, "10:55", "confirm", "order_marlow"),
            (
                6,
                "12:10",
                "done",
                "order_marlow",
                welcome,
                well,
                "Before the weekend, please.",
            ),
            (5, "09:00", "move", "order_marlow", delivery),
            (0, 2, "due_today", "order_marlow", fine),
            # two fridges; nobody has called yet
            (2, "09:25", "confirm", "order_greenfield"),
            (1, "09:05", "move", "order_greenfield", delivery),
            # yesterday's order: the call is due today
            (1, "16:50", "confirm", "order_tanaka"),
            # he came back for a hood: one call for both
            (1, "17:05", "confirm", "order_tanaka_hood"),
            (0, 3, "due_today", "order_tanaka", welcome),
        ]

    @api.model
    def _story_cases(self):
        return [
            *self._story_closed_cases(),
            *self._story_open_cases(),
        ]

    @api.model
    def _story_closed_cases(self):
        agent, customer = "owner", "customer"
        return [
            # charged twice, paid back
            (
                *(58, "10:21", "register", "case_whitfield", "order_whitfield", "product_install"),
                *("Installation charged twice", "category_invoice"),
            ),
            (57, "09:15", "work", "case_whitfield"),
            (
                *(57, "09:40", "says", "case_whitfield", agent),
                "You are right, the installation is on the invoice twice. The second one goes "
                "back to your card today. We are sorry for the trouble.",
            ),
            (
                *(57, "10:05", "resolve", "case_whitfield"),
                "$ 129.00 paid back to your card on the same day, with a corrected invoice.",
            ),
            (55, "18:20", "answer", "case_whitfield", "yes", "It is on my account. Thanks."),
            # two of six machines in the wrong place
            (
                *(57, "08:20", "report", "case_lakeside_floor", "order_lakeside"),
                *("product_washer", "Two machines stand on the wrong floor"),
                *("category_installation", "phone"),
                "“Two of the six are in the laundry of the west wing. They belong to the east "
                "wing, third floor.”",
            ),
            (57, "08:40", "work", "case_lakeside_floor"),
            (
                *(57, "09:05", "says", "case_lakeside_floor", agent),
                "The fitters turn round and are with you before noon.",
            ),
            (
                *(57, "12:00", "resolve", "case_lakeside_floor"),
                "Both machines carried to the third floor of the east wing and connected.",
            ),
            (56, "08:45", "answer", "case_lakeside_floor", "yes", "All in place now."),
            # a leader closed it for a customer who did not answer
            (
                *(40, "11:10", "report", "case_lakeside_keys", "order_lakeside", "product_washer"),
                *("Fitters left with the cellar key", "category_appointment", "phone"),
                "“Your people took the key to the cellar with them. I need it back today.”",
            ),
            (40, "11:30", "work", "case_lakeside_keys"),
            (40, "11:40", "says", "case_lakeside_keys", agent, "The fitter is on his way back."),
            (
                *(40, "15:00", "resolve", "case_lakeside_keys"),
                "The fitter brought the key back at half past two and apologised.",
            ),
            (34, "09:30", "close", "case_lakeside_keys", "user_otto"),
            # cardboard in the yard
            (
                *(21, "13:10", "report", "case_lumen_yard", "order_lumen", "product_install"),
                *("Packaging left in the yard", "category_installation", "phone"),
                "“My yard is full of cardboard and polystyrene. I open at six.”",
            ),
            (21, "13:25", "work", "case_lumen_yard"),
            (21, "13:30", "says", "case_lumen_yard", agent, "The van comes back at four today."),
            (21, "16:40", "resolve", "case_lumen_yard", "Everything taken away at ten past four."),
            (20, "17:30", "answer", "case_lumen_yard", "yes", ""),
            # thanks are registered too
            (
                *(13, "10:20", "report", "case_novak", "order_novak", "product_hood"),
                *("Thanks to the two fitters", "category_praise", "followup"),
                "“They vacuumed, explained everything twice and petted the dog.”",
            ),
            (12, "09:30", "work", "case_novak"),
            (12, "09:45", "resolve", "case_novak", "Told to both fitters, with our thanks."),
            (11, "20:05", "answer", "case_novak", "yes", ""),
            # Clara's first case
            (
                *(11, "12:02", "report", "case_moreau_late", "order_moreau", "product_install"),
                *("Nobody told me when the fitters come", "category_appointment", "mail"),
                "I took the morning off for Friday, and nobody can tell me whether it is eight or "
                "noon. Could you please give me a time?",
            ),
            (11, "14:30", "work", "case_moreau_late"),
            (
                *(11, "14:45", "says", "case_moreau_late", agent),
                "We should have called you. The fitters are with you on Friday at half past "
                "eight; they ring you when they leave.",
            ),
            (11, "15:10", "says", "case_moreau_late", customer, "Thank you, that works."),
            (
                *(8, "12:30", "resolve", "case_moreau_late"),
                "Appointment confirmed for 8:30; the fitters arrived at 8:35.",
            ),
            (8, "19:10", "answer", "case_moreau_late", "yes", "They were on time. Thank you!"),
            # lost, and listened to
            (
                *(10, "15:05", "report", "case_amrani", "order_amrani", "product_oven"),
                *("Cancelled, because nobody rang", "category_appointment", "phone"),
                "“First it was Tuesday, then Friday, then nobody rang at all. I have bought it "
                "elsewhere.”",
            ),
            (10, "15:20", "work", "case_amrani"),
            (
                *(9, "10:40", "says", "case_amrani", agent),
                "You are right to be angry. Your deposit goes back today, and I have told our "
                "fitters' planner what happened.",
            ),
            (9, "11:00", "resolve", "case_amrani", "Deposit paid back in full; our apologies."),
            (8, "18:00", "answer", "case_amrani", "yes", ""),
            # a question, answered on the phone
            (
                *(4, "13:20", "report", "case_whitfield_filter", "order_whitfield"),
                *("product_washer", "Where is the lint filter?", "category_question", "phone"),
                "“The display says CLEAN FILTER. I do not see any.”",
            ),
            (4, "13:30", "work", "case_whitfield_filter"),
            (4, "13:40", "resolve", "case_whitfield_filter", "Explained: bottom right, flap."),
            (3, "09:30", "answer", "case_whitfield_filter", "yes", "Found it."),
            # registered twice
            (
                *(1, "09:12", "report", "case_lindqvist_twice", "order_lindqvist"),
                *("product_fridge", "Fridge is loud", "category_faulty", "phone"),
                "“It hums all night.”",
            ),
            (1, "10:02", "cancel_case", "case_lindqvist_twice", "Registered twice"),
        ]

    @api.model
    def _story_open_cases(self):
        faulty, damaged = "category_faulty", "category_damaged"
        agent, customer = "owner", "customer"
        return [
            # solved, said we; not solved, says the customer
            (
                *(19, "15:21", "register", "case_lumen", "order_lumen", "product_dishwasher_pro"),
                *("Film on the glasses", faulty),
            ),
            (19, "15:22", "severity", "case_lumen", "3"),
            (19, "15:50", "work", "case_lumen"),
            (
                *(19, "16:05", "says", "case_lumen", agent),
                "Our technician comes on Monday at nine, your day off. Could you leave two of the "
                "glasses as they come out of the machine?",
            ),
            (18, "10:12", "says", "case_lumen", customer, "Yes. I will be there."),
            (
                *(16, "11:30", "resolve", "case_lumen"),
                "Water hardness set to 21 °dH, rinse aid dosing raised to 4, three washes tried.",
            ),
            (
                *(13, "09:55", "answer", "case_lumen", "no"),
                "It was good for two days. Since Saturday the film is back, and worse.",
            ),
            (13, "10:30", "work", "case_lumen"),
            (13, "10:35", "tick", "case_lumen", "Called him at once. He needs a way out today."),
            (
                *(12, "14:40", "says", "case_lumen", agent),
                "We have ordered a softener unit for your machine from the maker. Until it is in, "
                "we lend you a counter-top glass washer: it arrives tomorrow before ten.",
            ),
            (2, "15:00", "plan", "case_lumen", 1, "Does the lent glass washer do?"),
            # waiting for the maker
            (
                *(1, "08:40", "report", "case_lakeside", "order_lakeside", "product_washer"),
                *("Machine no. 4 stops with error E21", faulty, "phone"),
                "“Number four in the east wing stops in the middle with E21. The tenants have to "
                "drain it with a bucket.”",
            ),
            (1, "08:55", "work", "case_lakeside"),
            (
                *(1, "11:25", "says", "case_lakeside", agent),
                "The drain pump has to be replaced. The maker sends it to us; we come on the day "
                "it arrives. Your tenants can use number five meanwhile.",
            ),
            (1, "11:30", "move_case", "case_lakeside", "stage_case_waiting_third"),
            # Clara's question: she has the last word
            (
                *(2, "10:06", "report", "case_moreau", "order_moreau", "product_oven"),
                *("How does the cleaning programme start?", "category_question", "mail"),
                "The oven shows P3 and then nothing happens. The manual says I should hold the "
                "knob, but which one, and for how long?",
            ),
            (2, "11:20", "work", "case_moreau"),
            (
                *(2, "11:35", "says", "case_moreau", agent),
                "The left one, for five seconds, with the door closed. Shall I call you while you "
                "try it?",
            ),
            (2, "11:36", "move_case", "case_moreau", "stage_case_waiting_customer"),
            (2, "19:50", "says", "case_moreau", customer, "Yes please, tomorrow after two."),
            (
                *(1, "15:10", "resolve", "case_moreau"),
                "Went through it on the phone: the door lock had not clicked. The programme ran "
                "to its end.",
            ),
            # the leader spreads the work before the weekend
            (1, "16:00", "give", "case_whitfield_idea", "user_nora"),
            (1, "16:01", "give", "case_lakeside", "user_nora"),
            # a fridge that hums
            (
                *(1, "09:40", "report", "case_lindqvist", "order_lindqvist", "product_fridge"),
                *("Fridge hums at night", faulty, "mail"),
                "Since it was delivered the fridge hums from about two to five in the morning, "
                "loud enough to hear it in the bedroom. Is that how it should be?",
            ),
            (1, "10:20", "work", "case_lindqvist"),
            (
                *(1, "10:50", "says", "case_lindqvist", agent),
                "No, it should not be heard through a wall. Please check that it stands level "
                "(there is a bubble in the left front foot) and tell us what you see.",
            ),
            (1, "16:30", "says", "case_lindqvist", customer, "The bubble sits on the left."),
            (0, 8, "plan", "case_lindqvist", 0, "Tell her how to level the fridge"),
            # waiting for the customer
            (
                *(4, "10:15", "report", "case_okafor", "order_okafor", "product_washer"),
                *("Invoice shows the wrong address", "category_invoice", "mail"),
                "The invoice went to my old address on Grand Avenue. I need a correct one for my "
                "employer.",
            ),
            (4, "11:00", "work", "case_okafor"),
            (4, "11:20", "says", "case_okafor", agent, "Gladly. What is the new address?"),
            (4, "11:21", "move_case", "case_okafor", "stage_case_waiting_customer"),
            # an idea
            (
                *(3, "17:45", "report", "case_whitfield_idea", "order_whitfield"),
                *("product_install", "Send a photo of the fitter", "category_idea", "mail"),
                "I am 81 and live alone. It would help to know beforehand who rings at my door.",
            ),
            (2, "10:30", "work", "case_whitfield_idea"),
            # what came in and nobody has touched
            (
                *(2, "15:55", "report", "case_marlow", "order_marlow", "product_dishwasher"),
                *("Delivery moved for the second time", "category_appointment", "mail"),
                "This is the second new date. Our guests arrive on Friday and we wash up for "
                "eighteen people by hand. Who decides this?",
            ),
            (
                *(0, 40, "report", "case_greenfield", "order_greenfield", "product_fridge"),
                *("One of the two fridges has a dent", damaged, "mail"),
                "The left door of one fridge is dented, see the photo. It stands in the waiting "
                "room, so it cannot stay like that.",
            ),
        ]

    # ------------------------------------------------------------
    # Telling
    # ------------------------------------------------------------

    @api.model
    def _tell(self, module, story):
        """Play scenes in the order of their moments, then come back to the present."""
        narrator = self.with_context(
            care_demo_module=module,
            mail_auto_subscribe_no_notify=True,
            mail_activity_quick_update=True,
            tz=self._zone().zone,
        ).sudo()
        last_mail, last_message = self._last("mail.mail"), self._last("mail.message")
        present = self.env.cr.now()
        scenes = [(self._moment(days, clock), *scene) for days, clock, *scene in story]
        for moment, what, *arguments in sorted(scenes, key=lambda scene: scene[0]):
            narrator._catch_up(moment)
            with narrator._at(moment):
                getattr(narrator, f"_play_{what}")(*arguments)
        narrator._catch_up(present)
        narrator._keep_mails(last_mail, last_message)

    @api.model
    def _retell(self, module, more=()):
        """Let an addon that was installed later live through what happened to the cases.

        Their rows are led through the stages once more, without the engine, and the addon
        hears of each event by :meth:`_hear`.

        :param more: further scenes, for what only this addon knows
        """
        cases = (
            self.env["care.case"]
            .sudo()
            .search([("company_id", "=", self.env.ref("base.main_company").id)])
        )
        first = self.env["care.stage"]._in_category("care.case", "open")
        changes = (
            self.env["mail.tracking.value"]
            .sudo()
            .search(
                [
                    ("mail_message_id.model", "=", "care.case"),
                    ("mail_message_id.res_id", "in", cases.ids),
                    ("field_id.name", "=", "stage_id"),
                ],
                order="id",
            )
            .grouped(lambda change: change.mail_message_id.res_id)
        )
        story = list(more)
        cycles = {case: case.cycle for case in cases}
        for case in cases:
            story.append((case.create_date, None, "then", case, first, 1, ["case_opened"]))
            stage, cycle = first, 1
            for change in changes.get(case.id, ()):
                before = stage.category
                stage = stage.browse(change.new_value_integer)
                events = ["stage_entered"]
                if stage.category in ("resolved", "closed"):
                    events.append(f"case_{stage.category}")
                elif before in ("resolved", "closed"):
                    events.append("case_reopened")
                    cycle += 1
                moment = change.mail_message_id.date
                story.append((moment, None, "then", case, stage, cycle, events))
            if stage != case.stage_id or cycle != cycles[case]:
                raise ValueError(f"{case.number} ended otherwise: {stage.name}, {cycle}")
        # as if nothing had happened yet
        self._put(cases, self.env["care.stage"]._in_category("care.case", "cancelled"), 1)
        self._tell(module, story)

    def _put(self, cases, stage, cycle):
        """The columns alone: nothing follows from it."""
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE care_case SET stage_id = %s, stage_category = %s, cycle = %s"
            " WHERE id = ANY(%s)",
            (stage.id, stage.category, cycle, cases.ids),
        )
        cases.invalidate_model(["stage_id", "stage_category", "cycle"], flush=False)

    def _play_then(self, case, stage, cycle, events):
        self._put(case, stage, cycle)
        for event in events:
            self._hear(case.with_env(self.env), event)

    def _hear(self, case, event):
        """What happened to a case, as told by :meth:`_retell`. For other addons."""

    @api.model
    def _last(self, model):
        return self.env[model].sudo().search([], order="id desc", limit=1).id or 0

    @api.model
    def _zone(self):
        return pytz.timezone(self.env.ref("base.main_company")._care_tz())

    @api.model
    def _moment(self, days, clock):
        """A time of day so many working days ago, or so many minutes ago; naive UTC.

        A moment itself is taken as it is.
        """
        if isinstance(days, datetime):
            return days
        now = self.env.cr.now().replace(microsecond=0)
        if not days:
            return now - timedelta(minutes=clock)
        zone = self._zone()
        day = pytz.utc.localize(now).astimezone(zone).date()
        while days:
            day -= timedelta(days=1)
            days -= day.weekday() < 5
        hour, minute = map(int, clock.split(":"))
        moment = zone.localize(datetime.combine(day, time(hour, minute)))
        return moment.astimezone(pytz.utc).replace(tzinfo=None)

    @contextmanager
    def _at(self, moment):
        """As if it were ``moment``, for the transaction and for what is written in it."""
        cr = self.env.cr
        last_message, last_activity = self._last("mail.message"), self._last("mail.activity")
        cr.flush()
        present, cr._now = cr.now(), moment
        try:
            yield
            cr.flush()
        finally:
            cr._now = present
        # what Python's own clock has dated
        day = pytz.utc.localize(moment).astimezone(self._zone()).date()
        cr.execute(
            "UPDATE mail_message SET date = %s WHERE id > %s AND model IN %s",
            (
                moment,
                last_message,
                (*OUR_THREADS, "sale.order"),
            ),
        )
        cr.execute(
            "UPDATE mail_activity SET date_deadline = LEAST(date_deadline, %s)"
            " WHERE id > %s AND res_model IN %s",
            (
                day,
                last_activity,
                ("care.case", "care.journey", "care.promise", "care.remedy"),
            ),
        )
        self.env["mail.message"].invalidate_model(["date"])
        self.env["mail.activity"].invalidate_model(["date_deadline"])

    def _catch_up(self, moment):
        """Let the engine do what it would have done until ``moment``."""
        models_due = [
            self.env[name]
            for name, model in self.env.registry.items()
            if "care.due.mixin" in model._inherit_module and not model._abstract
        ]
        while True:
            due = [
                (row.next_at, model)
                for model in models_due
                for row in model.search([("next_at", "<=", moment)], order="next_at, id", limit=1)
            ]
            if not due:
                break
            next_at, model = min(due, key=lambda entry: entry[0])
            with self._at(next_at):
                model.search([("next_at", "<=", next_at)])._run_guarded()

    def _keep_mails(self, last_mail, last_message):
        """No mail of the story leaves: it has been sent and read, says the demo."""
        mails = self.env["mail.mail"].search([("id", ">", last_mail)])
        notifications = self.env["mail.notification"]
        notifications.search([("mail_mail_id", "in", mails.ids)]).notification_status = "sent"
        notifications.search(
            [
                ("mail_message_id", ">", last_message),
                (
                    "mail_message_id.model",
                    "in",
                    (*OUR_THREADS, "sale.order"),
                ),
                ("notification_type", "=", "inbox"),
            ]
        ).is_read = True
        mails.state = "sent"
        mails.filtered(lambda mail: mail.auto_delete and mail.is_notification).unlink()

    def _there(self, name):
        """What an XML id of this or of the telling addon stands for."""
        module = self.env.context["care_demo_module"]
        return self.env.ref(f"{module}.{name}", raise_if_not_found=False) or self.env.ref(
            f"customer_care.{name}"
        )

    def _name_it(self, name, record):
        """Give ``record`` an XML id, as an XML file would have done."""
        module = self.env.context["care_demo_module"]
        self.env["ir.model.data"]._update_xmlids(
            [{"xml_id": f"{module}.{name}", "record": record, "noupdate": True}]
        )

    # ------------------------------------------------------------
    # Scenes of orders, journeys and follow-ups
    # ------------------------------------------------------------

    def _journey_of(self, order):
        return self.env["care.journey"].search([("order_id", "=", self._there(order).id)])

    def _followup_of(self, order, step):
        """The follow-up of a step that is still to be done."""
        return self.env["care.followup"].search(
            [
                ("journey_id", "=", self._journey_of(order).id),
                ("step_id", "=", self._there(step).id),
                ("state", "in", ("planned", "held", "open")),
            ],
            limit=1,
        )

    def _play_confirm(self, order):
        order = self._there(order)
        order.with_user(order.user_id).action_confirm()
        order.date_order = self.env.cr.now()

    def _play_cancel(self, order):
        order = self._there(order)
        order.with_user(order.user_id)._action_cancel()

    def _play_move(self, order, stage):
        journey = self._journey_of(order)
        journey.with_user(journey.owner_id).stage_id = self._there(stage)

    def _play_done(self, order, step, outcome, said):
        followup = self._followup_of(order, step)
        activity = followup.activity_id
        user = followup.user_id
        followup = followup.with_user(user)
        followup.write({"outcome_id": self._there(outcome).id, "feedback": said})
        followup.action_done()
        activity.date_done = self.env.cr.now()
        # the next try is counted from the moment of the story, not from the present
        again = self._followup_of(order, step)
        if again:
            day = self.env.cr.now().date() + timedelta(days=followup.outcome_id.retry_days)
            again.write(again._when(day, again.user_id, again.company_id))

    def _play_need_found(self, order, step, said, need, days):
        """A need is heard; the customer is called about it so many days from the present."""
        followup = self._followup_of(order, step)
        followup.with_user(followup.user_id).write(
            {"need_text": need, "need_date": fields.Date.today() + timedelta(days=days)}
        )
        self._play_done(order, step, "outcome_need", said)

    def _play_due_today(self, order, step):
        """The customer asked to be called today."""
        followup = self._followup_of(order, step)
        followup.with_user(followup.user_id).date_due = fields.Date.context_today(self)

    # ------------------------------------------------------------
    # Scenes of cases
    # ------------------------------------------------------------

    def _play_report(self, name, order, product, subject, category, channel, said):
        """A customer reports by mail, or an agent writes down what was said."""
        order = self._there(order)
        category = self._there(category)
        case = self.env["care.case"].create(
            {
                "name": subject,
                "description": said,
                "channel": channel,
                "category_id": category.id,
                "order_id": order.id,
                "partner_id": order.partner_id.id,
                "company_id": order.company_id.id,
                "product_id": self._there(product).id,
                "received_at": self.env.cr.now(),
            }
        )
        self._name_it(name, case)

    def _play_register(self, name, order, product, subject, category):
        """Complete the case that a follow-up has opened."""
        case = self._journey_of(order).followup_ids.case_opened_id[-1:]
        category = self._there(category)
        case.write(
            {
                "name": subject,
                "category_id": category.id,
                "severity": category.severity,
                "team_id": category.team_id.id or case.team_id.id,
                "product_id": self._there(product).id,
                "received_at": self.env.cr.now(),
            }
        )
        self._name_it(name, case)

    def _play_severity(self, name, severity):
        self._by_owner(name).severity = severity

    def _play_give(self, name, user):
        """The team leader hands a case to somebody else."""
        case = self._there(name)
        case.with_user(case.team_id.leader_id).owner_id = self._there(user)

    def _play_work(self, name):
        self._play_move_case(name, "stage_case_progress")

    def _play_move_case(self, name, stage):
        self._by_owner(name).stage_id = self._there(stage)

    def _play_says(self, name, who, text):
        case = self._there(name)
        author = case.partner_id if who == "customer" else case.owner_id.partner_id
        speaker = case if who == "customer" else case.with_user(case.owner_id)
        speaker.message_post(
            body=text,
            author_id=author.id,
            email_from=author.email_formatted,
            message_type="email" if who == "customer" else "comment",
            subtype_xmlid="mail.mt_comment",
        )

    def _play_plan(self, name, days, summary):
        """The owner plans a call."""
        case = self._by_owner(name)
        case.env["care.followup"].create(
            {
                "name": summary,
                "case_id": case.id,
                "user_id": case.owner_id.id,
                "date_due": self.env.cr.now().date() + timedelta(days=days),
            }
        )

    def _play_tick(self, name, feedback):
        """The owner does what the customer's "no" asked for."""
        case = self._by_owner(name)
        activity = case.activity_ids.filtered(lambda a: a.user_id == case.owner_id)
        activity._action_done(feedback=feedback)
        activity.sudo().date_done = self.env.cr.now()

    def _play_resolve(self, name, done):
        case = self._by_owner(name)
        case.resolution = done
        case.action_resolve()

    def _play_answer(self, name, answer, text):
        self._there(name)._customer_answers(answer, text)

    def _play_close(self, name, user):
        self._there(name).with_user(self._there(user)).action_close()

    def _play_cancel_case(self, name, reason):
        case = self._by_owner(name)
        case.cancel_reason = reason
        case.action_cancel()

    def _by_owner(self, name):
        case = self._there(name)
        return case.with_user(case.owner_id)

    # ------------------------------------------------------------
    # The standards book
    # ------------------------------------------------------------

    @api.model
    def _load_book(self):
        """The book as it grew: published, changed, read by most, one review forgotten."""
        early = (
            *("standard_complaint", "standard_solved", "standard_one_person", "standard_truth"),
            *("standard_first_owner", "standard_within_the_hour", "standard_phone"),
            *("standard_at_the_door", "standard_ran_once"),
        )
        everybody = early[:5] + ("standard_phone",)
        self._tell(
            "customer_care",
            [
                (85, "09:10", "publish", "standard_shop"),
                (84, "08:40", "read", "user_rita", "standard_shop"),
                (84, "10:00", "read", "user_otto", "standard_shop"),
                *((60, f"09:{minute}", "publish", name) for minute, name in enumerate(early, 10)),
                (59, "09:05", "read", "user_lena", *everybody, "standard_within_the_hour"),
                (59, "11:30", "read", "user_nora", *everybody, "standard_within_the_hour"),
                (58, "08:50", "read", "user_otto", *everybody, *early[-2:]),
                (58, "16:15", "read", "user_marc", *everybody),
                (57, "17:20", "read", "user_amir", *everybody[:4], "standard_within_the_hour"),
                (55, "12:10", "read", "user_rita", *everybody[:2], *early[-2:]),
                (20, "14:00", "publish", "standard_taken_away"),
                (19, "09:00", "read", "user_otto", "standard_taken_away"),
                # the hour counts anew: a second version that not everybody has read
                (
                    *(6, "15:30", "revise", "standard_within_the_hour"),
                    "The hour counts from the customer's message, not from our reading it.",
                    "<p>Within one opening hour <b>of the customer's message</b> a person answers, "
                    "with their name: what we have understood, who takes care of it, and by when "
                    "the customer hears from us again.</p>",
                ),
                (5, "09:20", "read", "user_lena", "standard_within_the_hour"),
                (
                    *(3, "17:45", "does_not_work", "standard_phone", "user_amir"),
                    "We pick up at the third ring and then have to say that the fitters' plan is "
                    "not on our screen. They would rather wait two rings more and get an answer.",
                ),
                # the fitters were at Mr Okafor's
                (5, "16:40", "check", "order_okafor", "standard_ran_once"),
            ],
        )

    def _standard(self, name):
        standard = self._there(name)
        return standard.with_user(standard.owner_id)

    def _play_publish(self, name):
        self._standard(name).action_publish()

    def _play_revise(self, name, changes, text):
        standard = self._standard(name)
        standard.write({"text": text, "change_note": changes})
        standard.action_publish()

    def _play_read(self, user, *names):
        user = self._there(user)
        for name in names:
            self._there(name).with_user(user).action_acknowledge()

    def _play_does_not_work(self, name, user, reason):
        self._there(name).with_user(self._there(user))._report_failure(reason)

    def _play_check(self, order, name):
        journey = self._journey_of(order)
        journey = journey.with_user(journey.owner_id)
        journey.env["care.check"]._done(journey, self._there(name))
