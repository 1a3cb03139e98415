"""A lead and its account at a moment in; the score, how hot that makes it, and the account's segments out."""

from dataclasses import replace
from typing import Any

from detector.core import words
from detector.core.instants import NEVER
from detector.core.ledger import OpenLead
from detector.core.measures.moment import Moment
from detector.core.measures.score import HUNDREDTHS, TEMPERATURES, Contribution, Scored, hottest
from detector.core.rulebook.model import Temperature, Type
from detector.core.rulebook.program import Program

TEXT_MAX = 120
"""Characters of what a contribution is about."""


def about(lead: OpenLead, moment: Moment) -> Moment:
    """The moment with the person at hand that the lead is about: who asked, else whose doing it was."""
    return replace(moment, person=lead.asker or lead.trigger)


def scored(program: Program, moment: Moment) -> Scored | None:
    """None: the rulebook has no score. `moment`: as `about` makes it."""
    return None if program.score is None else program.score.read(moment)


def band(program: Program, lead: OpenLead, found: Scored | None) -> Temperature | None:
    """By the score alone; what was hot or warm stays so a little below."""
    return None if program.score is None or found is None else program.score.band(found.total, lead.band)


def is_hotter(one: Temperature | None, other: Temperature | None) -> bool:
    """Of which nothing is known is as cold as can be."""
    return TEMPERATURES.index(one or "cold") > TEMPERATURES.index(other or "cold")


def take_temperature(program: Program, lead: OpenLead, found: Scored | None) -> None:
    """Writes into the lead how hot it is now: the band of the score, or what its rules say at least."""
    lead.band = band(program, lead, found)
    lead.temperature = hottest(lead.band, lead.floor)


def next_rise(program: Program, lead: OpenLead, moment: Moment) -> int:
    """The first instant after the moment at which time alone may make the lead hotter; NEVER: it cannot."""
    if program.score is None or program.score.score.hot is None or lead.temperature == "hot":
        return NEVER
    return program.score.next_rise(about(lead, moment))


def score_data(found: Scored | None) -> dict[str, Any]:
    """As receivers read it. The contributions of a part add up to it."""
    if found is None:
        return {"total": None, "fit": None, "behaviour": None, "contributions": []}
    return {
        "total": _points(found.total),
        "fit": _points(found.fit),
        "behaviour": _points(found.behaviour),
        "contributions": [_contribution(each) for each in found.contributions],
    }


def _contribution(of: Contribution) -> dict[str, Any]:
    return {
        "part": of.part,
        "text": of.text if len(of.text) <= TEXT_MAX else of.text[: TEXT_MAX - 1] + "…",
        "points": _points(of.points),
        "of": _points(of.of),
        "since": None if of.since is None else words.time(of.since),
    }


def _points(hundredths: int) -> object:
    return words.plain(hundredths / HUNDREDTHS, Type.NUMBER)


def segments(program: Program, moment: Moment) -> list[str]:
    """Those that the account is in, in the rulebook's order."""
    return [name for name, holds in program.segments.items() if holds(moment) is True]
