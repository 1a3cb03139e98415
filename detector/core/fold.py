"""One usage event into an account's facts, by the functions that were generated for its name. Order never matters here."""

from collections.abc import Collection
from typing import Any

import msgspec

from contracts.messages import EMPTY_OBJECT, UsageEvent
from detector.core.facts.facts import Facts
from detector.core.facts.people import OWN, PLAN
from detector.core.measures.addons import ADDONS, canonical
from detector.core.rulebook.decode import kept, scalar
from detector.core.rulebook.program import Program


def fold(program: Program, facts: Facts, event: UsageEvent) -> int:
    """From when on facts differ: the event's time, or -1 (since ever) for the first known plan. The caller has dropped copies."""
    reaction = program.reactions.to(event)
    if reaction.says_plan and event.type == "track":
        first_plan = program.ladder.since_ever(facts)
        reaction.fold(facts, event.timestamp, event.id, event.person, event.properties, event)
        if event.traits is not EMPTY_OBJECT:
            fold_traits(program, facts, event)
        return program.ladder.said.start(facts, event) if program.ladder.since_ever(facts) == first_plan else -1
    reaction.fold(facts, event.timestamp, event.id, event.person, event.properties, event)
    return event.timestamp if event.traits is EMPTY_OBJECT else fold_traits(program, facts, event)


def fold_traits(program: Program, facts: Facts, event: UsageEvent) -> int:
    """What an event says of its account or person, after all else of it was folded. The same answer."""
    if event.type == "group":
        first_plan = program.ladder.since_ever(facts)
        # A browser must not upgrade itself. Ingest drops such traits too; this is where they would do harm.
        wanted = program.account_traits if event.trust == "server" else program.account_traits - {PLAN, ADDONS}
        traits = _keep(facts.traits, OWN, wanted, event, program.rulebook.addons)
        if event.trust == "server":
            program.ladder.said.hear_traits(facts, event, traits)
        return program.ladder.said.start(facts, event) if program.ladder.since_ever(facts) == first_plan else -1
    if event.person is not None:
        facts.people.make_room(event.person, facts.activity.people)
        _keep(facts.people, event.person, program.person_traits, event)
    return event.timestamp


def _keep(store: Any, owner: str, wanted: frozenset[str], event: UsageEvent, addons: Collection[str] = ()) -> dict[str, Any]:
    """All that it says, decoded. `addons`: those that the trait of that name may name."""
    try:
        traits = msgspec.json.decode(event.traits)
    except msgspec.MsgspecError:
        return {}
    if not isinstance(traits, dict):
        return {}
    for name in sorted(wanted & traits.keys()):
        value = _value(name, traits[name], addons)
        if value is not None or traits[name] is None:
            store.add(owner, name, event.timestamp, event.id, value)
    return traits


def _value(trait: str, said: object, addons: Collection[str]) -> object:
    if addons and trait == ADDONS:
        return canonical(said)
    return scalar(said) if trait == PLAN else kept(said)
