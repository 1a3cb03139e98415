"""A lead, and its account at a moment, in; what receivers read beside what made it, out: `told_us`, `source`, `crm`.

The rulebook names the traits. All that is a person's in one part is one person's: of those whom the lead names the first who
said any of it.
"""

from collections.abc import Iterable

from detector.core import who, words
from detector.core.facts.people import OWN
from detector.core.ledger import OpenLead
from detector.core.measures.moment import Moment
from detector.core.rulebook.model import Type
from detector.core.rulebook.program import Program

TEXT_MAX = 200
"""Characters of a value; of a list, all its items together."""
_FIRST_SAID = "source"
"""Where somebody came from does not change with where they come from today."""
_PERSON = "person."


def beside(program: Program, lead: OpenLead, moment: Moment, part: str) -> dict[str, object]:
    """Name -> value, without what nobody said."""
    traits = program.rulebook.payload.get(part, {})
    if not traits:
        return {}
    of_people = [trait for trait in traits.values() if trait.startswith(_PERSON)]
    people = _people(program, lead, moment) if of_people else ()
    told = (each for each in people if any(_value(moment, each, trait, part) is not None for trait in of_people))
    person = next(told, None)
    values = {name: _value(moment, person, trait, part) for name, trait in traits.items()}
    return {name: value for name, value in values.items() if value is not None}


def _people(program: Program, lead: OpenLead, moment: Moment) -> Iterable[str]:
    """Those first whom it is about."""
    about = [person for person in (lead.asker, lead.trigger) if person is not None]
    return dict.fromkeys([*about, *who.roles(program, moment, asker=lead.asker, trigger=lead.trigger)])


def _value(moment: Moment, person: str | None, trait: str, part: str) -> object:
    """None: nothing that can be read was said, or it was taken back."""
    root, _, name = trait.partition(".")
    if root == "account":
        history = moment.facts.traits.history(OWN, name)
    else:
        history = None if person is None else moment.facts.people.history(person, name)
    if history is None:
        return None
    if part == _FIRST_SAID:
        return next((value for *_, said in history.until(moment.t) if (value := _readable(said)) is not None), None)
    entry = history.at(moment.t)
    return None if entry is None else _readable(entry[2])


def _readable(said: object) -> object:
    value = words.plain(said, Type.NUMBER)
    if not isinstance(value, str):
        return value
    text = value.strip()
    return (text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…") or None
