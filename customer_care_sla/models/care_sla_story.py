"""What happened to cases and journeys, as far as promises are about it: read for back-tests."""

from collections import defaultdict
from itertools import pairwise

from odoo import models
from odoo.fields import Domain
from odoo.tools import email_normalize

from odoo.addons.customer_care.models.care_mailgate import WRITTEN
from odoo.addons.customer_care.models.mail_mail import SCHEDULED, UNSENT

from ..tools.replay import WORKING, Stretch, open_from, under_way_from
from .care_sla_backtest import Story
from .care_sla_clock import START_WITHIN

#: What a journey's order is confirmed at and when its journey moves on may be so far apart, and
#: so may the date of a mail and when it was made: one is the clock on the wall, the other the
#: beginning of the transaction.
AT_ONCE = 60


def second(moment):
    return moment.replace(microsecond=0) if moment else None


class CareSlaBacktest(models.Model):
    _inherit = "care.sla.backtest"  # pylint: disable=consider-merging-classes-inherited

    def _stories(self, records, measures):
        """What happened to these records until the back-test began: few queries for all.

        :param measures: those that are played; what only others need is not read
        :return: dict record -> :class:`Story`
        """
        stretches = self._stretches(records)
        if records._name == "care.journey":
            return self._stories_of_journeys(records, stretches)
        nothing = defaultdict(list)
        answers = self._heard(records, {"care.case": {case.id: case for case in records}})
        told = self._acknowledged(records)
        asks, spared = nothing, defaultdict(dict)
        if "next_response" in measures:
            asks, spared = self._asks(records, stretches), self._spared(records)
        remedies = self._remedies(records) if "remedy" in measures else nothing
        providers = self._provider_answers(records) if "provider" in measures else nothing
        stories = {}
        for case in records:
            created, received = second(case.create_date), second(case.received_at)
            inside = created - START_WITHIN <= received <= created
            stories[case] = Story(
                received if inside else created,
                stretches[case.id],
                # what opened the case answers nothing
                [moment for moment in answers[case] if moment > created],
                told.get(case),
                asks[case],
                spared[case],
                remedies[case],
                providers[case],
            )
        return stories

    def _stories_of_journeys(self, journeys, stretches):
        papers = journeys._documents_of()
        after = {name: papers[name] for name in ("care.journey", "sale.order")}
        answers = self._heard(journeys, after)
        contacts = self._heard(journeys, journeys._documents_of(before=True))
        return {
            journey: Story(
                second(journey.create_date),
                stretches[journey.id],
                answers[journey],
                begun=self._begun(journey, stretches[journey.id]),
                contacts=contacts[journey],
            )
            for journey in journeys
        }

    # ------------------------------------------------------------
    # Where they were
    # ------------------------------------------------------------

    def _stretches(self, records):
        """Record id -> its stages, one after the other; a change of owner makes no new one."""
        link = records._care_link
        pieces = self.env["care.tenure"].search_fetch(
            [(link, "in", records.ids), ("since", "<=", self.until)],
            [link, "stage_id", "since", "cycle"],
            order="since, id",
        )
        stretches = defaultdict(list)
        for piece in pieces:
            mine, stage = stretches[piece[link].id], piece.stage_id
            if not mine or mine[-1].stage_id != stage.id:
                waits = stage.waiting_for or ""
                mine.append(Stretch(piece.since, stage.category, waits, stage.id, piece.cycle or 1))
        return stretches

    def _begun(self, journey, stretches):
        """When the opportunity of a journey began and when its order was confirmed.

        An order keeps its last confirmation alone: of a journey that began before the sale the
        ones before it are not known.

        :return: dict event -> dict which time -> moment
        """
        order = journey.order_id
        created = second(journey.create_date)
        early = journey._began_early()
        sold = second(order.date_order if early else journey.create_date) if order else None
        enquiries = {1: created} if early else {}
        sales = {}
        if sold:
            here = under_way_from(stretches, sold)[:1]
            sales[here[0].cycle if here else 1] = sold
        for before, here in pairwise(stretches):
            if before.category != "cancelled" or here.category not in WORKING:
                continue
            bought = sold and (here.since - sold).total_seconds() > -AT_ONCE
            (sales if bought else enquiries)[here.cycle] = here.since
        return {"opportunity_created": enquiries, "order_confirmed": sales}

    # ------------------------------------------------------------
    # What we said
    # ------------------------------------------------------------

    def _heard(self, records, papers):
        """When one of ours wrote to the customers of these records, or spoke with them.

        :param papers: dict model -> dict id of a document -> the record that it is about
        :return: dict record -> moments, in their order
        """
        followups = self.env["care.followup"].search(
            [
                (records._care_link, "in", records.ids),
                ("state", "=", "done"),
                ("done_at", "<=", self.until),
            ]
        )
        heard, faces = defaultdict(list), set()
        for row in followups:
            faces.add((row._record(), second(row.done_at)))
            # as the engine: what became of the call says whether it reached somebody
            if row._care_reached():
                heard[row._record()].append(second(row.done_at))
        called = Domain("mail_activity_type_id.category", "=", "phonecall")
        # mails that people send to many customers at once
        mailed = (
            Domain("message_type", "=", "email_outgoing")
            & Domain("is_internal", "=", False)
            & Domain(
                "mail_ids",
                "not any",
                Domain("state", "in", UNSENT) & Domain("failure_type", "!=", "mail_dup")
                | Domain("headers", "like", SCHEDULED),
            )
        )
        wanted = self.env["care.case"]._care_reply_domain() | called | mailed
        for model, mine in papers.items():
            messages = self.env["mail.message"].search_fetch(
                Domain("model", "=", model)
                & Domain("res_id", "in", list(mine))
                & Domain("create_date", "<=", self.until)
                & wanted,
                [
                    *("res_id", "author_id", "create_date", "date", "message_type"),
                    "mail_activity_type_id",
                ],
                order="id",
            )
            for message in messages:
                record, moment = mine[message.res_id], second(message.create_date)
                if message.mail_activity_type_id and (record, moment) in faces:
                    continue
                if message.message_type == "email_outgoing":
                    user = message.create_uid
                    if user.share or user.partner_id != message.author_id:
                        continue
                    if (message.date - message.create_date).total_seconds() > AT_ONCE:
                        # it waited for its day
                        moment = second(message.date)
                        if moment > self.until:
                            continue
                if message.author_id not in record.partner_id | record.commercial_partner_id:
                    heard[record].append(moment)
        for moments in heard.values():
            moments.sort()
        return heard

    def _acknowledged(self, cases):
        """When these cases were acknowledged in writing: dict case -> moment."""
        groups = self.env["care.notice"]._read_group(
            [
                ("case_id", "in", cases.ids),
                ("kind", "=", "case_received"),
                ("state", "=", "done"),
                ("write_date", "<=", self.until),
            ],
            ["case_id"],
            ["write_date:min"],
        )
        return {case: second(moment) for case, moment in groups}

    # ------------------------------------------------------------
    # What others said
    # ------------------------------------------------------------

    def _messages(self, cases, domain, names):
        """What people wrote on these cases after they were opened: (case, message) pairs."""
        messages = self.env["mail.message"].search_fetch(
            Domain("model", "=", cases._name)
            & Domain("res_id", "in", cases.ids)
            & Domain("create_date", "<=", self.until)
            & domain,
            ["res_id", "author_id", "create_date", *names],
            order="id",
        )
        for message in messages:
            case = cases.browse(message.res_id).with_prefetch(cases.ids)
            if message.create_date > case.create_date:
                yield case, message

    def _asks(self, cases, stretches):
        """When their customers wrote something that asks for an answer: case -> moments."""
        remedies = self.env["care.remedy"].search_fetch(
            [("case_id", "in", cases.ids), ("answered_at", "!=", False)],
            ["case_id", "answered_at"],
        )
        # yes or no to what we offered
        replies = {(remedy.case_id, second(remedy.answered_at)) for remedy in remedies}
        asks = defaultdict(list)
        written = Domain("message_type", "in", WRITTEN) & Domain("is_internal", "=", False)
        names = ["message_type", "is_internal", "subtype_id", "email_from", "body"]
        for case, message in self._messages(cases, written, names):
            moment = second(message.create_date)
            if (
                (case, moment) not in replies
                and open_from(stretches[case.id], moment) == moment
                and case._is_customers_word(message)
                and not case._only_thanks(message)
            ):
                asks[case].append(moment)
        return asks

    def _spared(self, cases):
        """Of which messages somebody said that they need no answer: their promises say so.

        :return: dict case -> dict when it was written -> when that was said
        """
        clocks = self.env["care.sla.clock"].search_fetch(
            [
                ("case_id", "in", cases.ids),
                ("measure", "=", "next_response"),
                ("state", "=", "cancelled"),
                ("given_up", "=", True),
                # not where the policy promised it no more
                ("met_by_id", "!=", False),
            ],
            ["case_id", "started_at", "stopped_at"],
        )
        spared = defaultdict(dict)
        for clock in clocks:
            spared[clock.case_id][clock.started_at] = clock.stopped_at
        return spared

    def _remedies(self, cases):
        """The remedies that we owed or owe: case -> list of pairs (remedy, when it was owed no
        more without having been given, or None).

        When one was called off only its clock has kept; without a clock nobody knows.
        """
        ends = {
            clock.cycle: second(clock.stopped_at)
            for clock in self.env["care.sla.clock"].search_fetch(
                [
                    ("case_id", "in", cases.ids),
                    ("measure", "=", "remedy"),
                    ("state", "=", "cancelled"),
                ],
                ["cycle", "stopped_at"],
            )
        }
        owed = ("approved", "offered", "accepted", "executed")
        remedies = defaultdict(list)
        for remedy in self.env["care.remedy"].search([("case_id", "in", cases.ids)], order="id"):
            if remedy.state in owed:
                remedies[remedy.case_id].append((remedy, None))
            elif remedy.id in ends:
                remedies[remedy.case_id].append((remedy, ends[remedy.id]))
        return remedies

    def _provider_answers(self, cases):
        """When whoever does the service wrote back, by mail: case -> moments."""
        answers = defaultdict(list)
        mails = Domain("message_type", "=", "email") & Domain("is_internal", "=", True)
        memo = {}
        for case, message in self._messages(cases, mails, ["email_from"]):
            sender = email_normalize(message.email_from or "")
            if (case, sender) not in memo:
                memo[case, sender] = case._mail_is_provider(sender)
            if memo[case, sender]:
                answers[case].append(second(message.create_date))
        return answers
