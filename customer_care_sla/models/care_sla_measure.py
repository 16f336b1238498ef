"""What can be promised about a case or a journey, and what begins and ends each promise."""

from typing import NamedTuple


class Measure(NamedTuple):
    """One thing that can be promised."""

    label: str
    #: of which records
    models: tuple = ("care.case",)
    #: events of the record with which it begins by itself
    begins: tuple = ("case_opened",)
    #: events of the record that keep it
    ends: tuple = ()
    #: a public word of ours to the customer keeps it
    answer: bool = False
    #: it stands still while the policy says so
    pauses: bool = False
    #: how it ends when the case is resolved or closed: "met", "cancelled", or not at all
    over: str = "met"
    #: when the case is open again: "resume" only what had been cancelled, "terms" as the policy
    #: says, "anew" another row, or nothing
    reopens: str = "resume"
    #: the law or the order may set its date: a line may say "on the date itself"
    dated: bool = False


#: In the order in which they are told.
MEASURES_BY_NAME = {
    "acknowledgement": Measure("Acknowledgement", answer=True),
    "first_response": Measure("First answer", answer=True),
    "next_response": Measure("Next answer", begins=(), answer=True),
    "update": Measure("Regular news", answer=True, reopens="anew"),
    "stage": Measure(
        "Time in stage",
        models=("care.case", "care.journey"),
        begins=("case_opened", "stage_entered"),
        pauses=True,
        reopens="",
    ),
    "resolution": Measure("Solution", pauses=True, reopens="terms"),
    # what was said yes to is owed whatever becomes of the case
    "remedy": Measure("Remedy carried out", begins=(), over="", reopens=""),
    "provider": Measure("Provider's answer", begins=(), over="cancelled"),
    "final_response": Measure("Final response", dated=True),
    "enquiry": Measure(
        "First contact with an enquiry",
        models=("care.journey",),
        begins=("opportunity_created",),
        ends=("order_confirmed",),
        answer=True,
        over="cancelled",
        reopens="",
    ),
    "quotation": Measure(
        "Quotation sent",
        models=("care.journey",),
        begins=("opportunity_created",),
        ends=("order_confirmed",),
        over="cancelled",
        reopens="",
    ),
    "contact": Measure(
        "First contact after the sale",
        models=("care.journey",),
        begins=("order_confirmed",),
        answer=True,
        over="cancelled",
        reopens="",
    ),
    "delivery": Measure(
        "Delivered on the promised date",
        models=("care.journey",),
        begins=("order_confirmed",),
        ends=("order_delivered",),
        over="cancelled",
        reopens="",
        dated=True,
    ),
}
MEASURES = [(name, measure.label) for name, measure in MEASURES_BY_NAME.items()]


def those(model=None, event=None, **traits):
    """Names of the measures that have these traits.

    :param model: of records of this model
    :param event: that begin with this event
    :param traits: attribute of :class:`Measure` -> value
    :rtype: list[str]
    """
    return [
        name
        for name, measure in MEASURES_BY_NAME.items()
        if (not model or model in measure.models)
        and (not event or event in measure.begins)
        and all(getattr(measure, trait) == value for trait, value in traits.items())
    ]


def ended_by(model, event):
    """Names of the measures of a model that an event keeps."""
    return [
        name
        for name, measure in MEASURES_BY_NAME.items()
        if model in measure.models and event in measure.ends
    ]
