"""Each promise played on what happened: when it began, what kept it, and what it came to."""

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.customer_care.tools.worktime import Spec

from ..tools.replay import Stretch, Terms, asked, renewed, replay
from .care_sla_measure import MEASURES_BY_NAME
from .care_sla_story import second

#: A remedy stands still while the customer thinks about it, and is owed whatever else happens.
OWED = Terms(pauses=True, waits={"customer": 0}, over="")


def later(moments, start):
    return [moment for moment in moments if moment > start]


def since(moments, start):
    return [moment for moment in moments if moment and moment >= start]


class CareSlaBacktest(models.Model):
    _inherit = "care.sla.backtest"  # pylint: disable=consider-merging-classes-inherited

    def _runs(self, job, hours):
        """What became of a promise, each time that it was made.

        :param dict hours: calendar -> its working hours, filled here
        :return: list of (number, ``tools.replay.Run``)
        :raise UserError: the hours cannot be used, the filter cannot be read, or the past does
            not tell
        """
        play = self._player(job, hours)
        if not play:
            return []
        story = job.story
        if job.measure == "next_response":
            first = self._runs(job.first, hours) if job.first else []
            return self._runs_of_asks(story, play, first)
        if play_all := getattr(self, f"_runs_of_{job.measure}", None):
            return play_all(job, play)
        answers = story.answers if MEASURES_BY_NAME[job.measure].answer else []
        if job.measure == "stage":
            answers = story.answers
        elif job.measure == "acknowledgement" and story.told:
            answers = [*answers, story.told]
        return list(enumerate(play(story.started, answers), job.number))

    def _player(self, job, hours):
        """A function that plays the promise: called with when it began, what kept it and maybe
        the stretches and terms, it gives what :func:`replay` does. None where the promise is
        about a date that nobody has set.
        """
        record, measure, policy, line = job.record, job.measure, job.choice.policy, job.choice.line
        if job.choice.error:
            raise UserError(job.choice.error)
        if line.kind == "date":
            due = self._date_of(record, measure)
            if not due:
                return None

            def plan(_known, _start):
                return due

        else:
            spec = Spec(line.kind, line.amount)

            def plan(known, start):
                return known.plan(start, spec).due

        known = self._hours_of(job, hours)
        until, stretches, usual = self.until, job.story.stretches, self._terms_of(measure, policy)

        def play(start, answers, stretches=stretches, terms=usual):
            return replay(known, plan, start, stretches, until, terms, answers)

        return play

    def _date_of(self, record, measure):
        """The date that is set for a promise by itself, as it is now."""
        if measure == "final_response":
            # also where it has been kept
            return second(record.statutory_final_at)
        return second(self.env["care.sla.clock"]._date_of(record, measure))

    def _terms_of(self, measure, policy):
        traits = MEASURES_BY_NAME[measure]
        return Terms(
            traits.pauses,
            policy.terms["waits"],
            "" if measure == "stage" else traits.over,
            policy.terms["reopen"] if traits.reopens == "terms" else "",
            traits.reopens in ("resume", "terms"),
        )

    def _hours_of(self, job, hours):
        policy, record = job.choice.policy, job.record
        calendar = (
            self.env["resource.calendar"].browse(policy.calendar_id)
            if policy.calendar_id
            else record.team_id._calendar(record.company_id)
        )
        if calendar not in hours:
            hours[calendar] = self._hours(calendar)
        if isinstance(hours[calendar], str):
            raise UserError(hours[calendar])
        return hours[calendar]

    # ------------------------------------------------------------
    # Cases
    # ------------------------------------------------------------

    def _runs_of_update(self, job, play):
        story = job.story

        def play_one(start):
            return play(start, later(story.answers, start))[0]

        return list(enumerate(renewed(play_one, story.started, story.stretches), 1))

    def _runs_of_asks(self, story, play, first):
        """Answers to what the customer wrote after the first answer, which answers all before."""
        asks = story.asks
        if first:
            ((_number, run),) = first
            asks = later(asks, run.ended) if run.state == "met" else []

        def play_one(start):
            run = play(start, later(story.answers, start))[0]
            gone = story.spared.get(start)
            if gone and not (run.ended and run.ended < gone):
                run = run._replace(state="cancelled", ended=gone, late=False, late_seconds=0)
            return run

        return list(enumerate(asked(play_one, asks), 1))

    def _runs_of_remedy(self, job, play):
        """From the yes on: the customer's, where they are asked first."""
        runs = []
        for remedy, called_off in job.story.remedies:
            offered, answered, executed = (
                second(remedy[name]) for name in ("offered_at", "answered_at", "executed_at")
            )
            start = answered if remedy.proceed == "offer" else second(remedy.approved_at)
            if not start or (remedy.proceed == "offer" and remedy.state == "offered"):
                continue
            stretches = [Stretch(start, "open")]
            if offered and offered >= start and start != answered:
                stretches.append(Stretch(offered, "waiting", "customer"))
                stretches += [Stretch(moment, "open") for moment in since([answered], offered)]
            (run,) = play(start, since([called_off or executed], start), stretches, OWED)
            if called_off:
                run = run._replace(state="cancelled")
            runs.append((remedy.id, run))
        return runs

    def _runs_of_provider(self, job, play):
        sent = second(job.record.provider_sent_at)
        if not sent:
            return []
        return list(enumerate(play(sent, later(job.story.provider_answers, sent)), 1))

    # ------------------------------------------------------------
    # Journeys
    # ------------------------------------------------------------

    def _runs_of_contact(self, job, play):
        return [
            (number, play(start, later(job.story.answers, start))[0])
            for number, start in job.story.begun["order_confirmed"].items()
        ]

    def _runs_of_enquiry(self, job, play):
        story = job.story
        sold = story.begun["order_confirmed"].values()
        return [
            (number, play(start, [*later(story.contacts, start), *since(sold, start)])[0])
            for number, start in story.begun["opportunity_created"].items()
        ]

    def _runs_of_quotation(self, job, play):
        begun, journey = job.story.begun, job.record
        if not begun["opportunity_created"]:
            return []
        # when it was sent is kept for the last time alone
        number, start = list(begun["opportunity_created"].items())[-1]
        kept = [second(journey.quoted_at), *begun["order_confirmed"].values()]
        (run,) = play(start, since(kept, start))
        if not journey.quoted_at and not run.ended and journey._quoted():
            raise UserError(
                self.env._(
                    "“Quotation sent” of %s cannot be told from history, because it was sent "
                    "before this was kept.",
                    journey.name,
                )
            )
        return [(number, run)]

    def _runs_of_delivery(self, job, play):
        begun = job.story.begun["order_confirmed"]
        if not begun:
            return []
        # the order's date and when all had arrived are kept for the last time alone
        number, start = list(begun.items())[-1]
        return [(number, play(start, since([second(job.record.delivered_at)], start))[0])]
