"""The values of a rulebook, and which facts began when, in; the values as they are while such facts are warming out.

Unknown, or at least so much where more events could only make it more: see detector/core/partly.py.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from detector.core.facts.people import OWN
from detector.core.facts.series import DAY_MS
from detector.core.instants import NEVER
from detector.core.measures.addons import ADDONS
from detector.core.measures.counted import NewestReader
from detector.core.measures.keys import events_key
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.reader import Course, Reader
from detector.core.measures.tenure import ACTIVE_KEY, quiet_since, stage_since
from detector.core.measures.usage import LimitReader
from detector.core.measures.warming import Begun, Facts, Partly, Reading, Unsaid, Warm, Warming, unsaid, warming
from detector.core.partly import UNSURE, SomeOf, at_least
from detector.core.rulebook.model import Points, Score
from detector.core.rulebook.scoring import PARTS
from detector.core.rulebook.tree_walk import names_in
from detector.core.rulebook.values import Value, trait_value

_OF_PLAN = ("plan", "stage", "trial.left", "trial.ends_on", "trial.quiet", "trial.would_lose")
_LASTING = ("stage.for", "plan.for", "paying.for")


def warm_readers(
    values: Mapping[str, Value], readers: Mapping[str, Reader], begun: Mapping[str, Begun], plan: str
) -> dict[str, Value]:
    """Those of the measures that are warming. `plan`: the key of what is said of the plan."""
    found = ((name, reader, warming(begun, reader, [plan] if reader.of_plan else ())) for name, reader in readers.items())
    warm = {name: _of_reader(values[name], reader, state) for name, reader, state in found if state is not None}
    newest = {name: _unsaid(reader, begun) for name, reader in readers.items() if name not in warm}
    return warm | {name: _of_newest(values[name], state) for name, state in newest.items() if state is not None}


def warm_state(
    values: Mapping[str, Value], onboarding: OnboardingReader | None, features: Mapping[str, str], begun: Mapping[str, Begun]
) -> dict[str, Value]:
    """Those of the account's state: onboarding, what a trial's end would take, silence in a trial, traits."""
    found: dict[str, Value] = {}
    if onboarding is not None:
        keys = frozenset(sink.key for sink in onboarding.sinks)
        for name, adds in (("onboarding.done", onboarding.only_adds), ("onboarding.took", False)):
            reading = Facts(keys, adds=adds)
            if (state := warming(begun, reading)) is not None:
                found[name] = _of_reader(values[name], reading, state)
    for name, keys, since in (
        ("trial.would_lose", frozenset(features.values()), stage_since),
        ("trial.quiet", frozenset([ACTIVE_KEY]), quiet_since),
    ):
        state = warming(begun, Facts(keys, _from(since)))
        if state is not None:
            found[name] = unknown_while(values[name], [state])
    for path, each in begun.items():
        if path.startswith(("account.", "person.")):
            found[path] = _of_trait(path, each)
    return found


def warm_plan(values: Mapping[str, Value], begun: Begun) -> dict[str, Value]:
    """All that looks at the plan, where it began to be kept what is said of it."""
    found = {name: _of_plan(values[name], begun) for name in _OF_PLAN}
    found |= {name: _of_run(_of_plan(values[name], begun), begun) for name in _LASTING}
    found["customer_since"] = _of_ever(values["customer_since"], begun)
    return found | {"plan.change": _of_change(values["plan.change"], begun)}


def _of_plan(value: Value, begun: Begun) -> Value:
    """Unknown while the plan is: only something said makes it known."""

    def read(moment: Moment) -> Any:
        return None if _no_plan(moment, moment.t, begun) else value.read(moment)

    return value._replace(read=read, warms=lambda moment: _since(begun) if _no_plan(moment, moment.t, begun) else None)


def _of_change(value: Value, begun: Begun) -> Value:
    """Unknown also at the instant at which the plan becomes known: it may be a change."""

    def read(moment: Moment) -> Any:
        return None if _no_plan(moment, moment.t - 1, begun) else value.read(moment)

    def turn(moment: Moment) -> int:
        return moment.t + 1 if _no_plan(moment, moment.t - 1, begun) and not _no_plan(moment, moment.t, begun) else NEVER

    return value._replace(
        read=read,
        next=lambda moment: min(value.next(moment), turn(moment)),
        warms=lambda moment: _since(begun) if _no_plan(moment, moment.t - 1, begun) else None,
    )


def _of_ever(value: Value, begun: Begun) -> Value:
    """When something was so first, of which it is not known what was before: unknown for good."""
    return value._replace(
        read=lambda moment: None if moment.facts.came < begun.version else value.read(moment),
        warms=lambda moment: None if moment.facts.came >= begun.version else _since(begun),
    )


def _since(begun: Begun) -> Warm:
    """Until something is said: nobody knows when."""
    return Warm(begun.since, NEVER)


def _no_plan(moment: Moment, t: int, begun: Begun) -> bool:
    return moment.facts.came < begun.version and moment.ladder.is_partly(moment.facts, t)


def _of_run(value: Value, begun: Begun) -> Value:
    """How long something lasts, of which it is not known when it began."""

    def read(moment: Moment) -> Any:
        found = value.read(moment)
        return found if found is None or moment.facts.came >= begun.version else at_least(found)

    def warms(moment: Moment) -> Warm | None:
        return value.warms(moment) or (None if moment.facts.came >= begun.version else _since(begun))

    return value._replace(read=read, warms=warms)


def of_limits(begun: Mapping[str, Begun], *, addons: bool) -> Mapping[str, Begun]:
    """What began of all that limits look at: add-ons only where the rulebook has some."""
    return begun if addons else {key: each for key, each in begun.items() if key != f"account.{ADDONS}"}


def warm_billed(names: Iterable[str], begun: Mapping[str, Begun], billing_day: str | None) -> dict[str, Unsaid]:
    """Those of `names`, which count by billing period, of accounts whose day may have been said before it was kept."""
    day = unsaid(begun, billing_day)
    return {} if day is None else dict.fromkeys(names, day)


def warm_score(  # noqa: PLR0913, PLR0917 - all that a score looks at
    score: Score,
    values: Mapping[str, Value],
    readers: Mapping[str, Reader],
    limits: Mapping[str, LimitReader],
    begun: Mapping[str, Begun],
    billed: Mapping[str, Unsaid],
) -> dict[str, Value]:
    """The names of the score: unknown while anything that decides them is known in part. `billed`: see `warm_billed`."""
    found: dict[str, Value] = {}
    for name, parts in PARTS.items():
        lines = [line for part in parts for line in (score.fit if part == "fit" else score.behaviour)]
        paths = {each.path for line in lines if line.condition is not None for each in names_in(line.condition.expr)}
        counted = (warming(begun, _counted(line)) for line in lines if line.event.terms)
        states: list[Partly] = [state for state in counted if state is not None]
        states += [state for path in paths if path in readers and (state := warming(begun, readers[path])) is not None]
        states += [value for path in paths if path in readers and (value := _unsaid(readers[path], begun)) is not None]
        states += [state for path in paths if path.startswith("limits.") for state in limits[path.split(".")[1]].unsaid]
        states += [billed[path] for path in paths if path in billed]
        if states:
            found[name] = unknown_while(values[name], states)
    return found


def _counted(line: Points) -> Facts:
    """The events that a line of the score counts, until they have faded."""
    keys = frozenset([events_key(line.event)])
    if line.fades_days is None:
        return Facts(keys)
    fades_ms = line.fades_days * DAY_MS
    return Facts(keys, lambda moment: moment.t - fades_ms + 1, lambda _moment, since: since + fades_ms)


def unknown_while(value: Value, states: Iterable[Partly]) -> Value:
    """A value of which nothing can be said as long as one of these is known in part."""
    states = tuple(states)

    def read(moment: Moment) -> Any:
        return None if any(state.is_partly(moment) for state in states) else value.read(moment)

    def turn(moment: Moment) -> int:
        return min(value.next(moment), *(state.turn(moment) for state in states))

    def warms(moment: Moment) -> Warm | None:
        found = [warm for state in states if (warm := state.state(moment)) is not None]
        return Warm(*map(max, zip(*found, strict=True))) if found else None

    return value._replace(read=read, next=turn, course=Course.MOVES, warms=warms)


def _of_reader(value: Value, reader: Reading, state: Warming) -> Value:
    def read(moment: Moment) -> Any:
        if not state.is_partly(moment):
            return value.read(moment)
        if not reader.adds:
            return reader.sure(moment, state.since)
        found = value.read(moment)
        return found or None if isinstance(found, bool) or found is None else at_least(found)

    def values(moment: Moment) -> Any:
        found = value.values(moment)
        if found is None or not state.is_partly(moment):
            return found
        return SomeOf(found) if reader.adds else None

    return value._replace(
        read=read,
        values=values,
        next=lambda moment: min(value.next(moment), state.turn(moment)),
        at_least=lambda moment: value.at_least(moment) or (reader.adds and state.is_partly(moment)),
        course=value.course if reader.adds else Course.MOVES,
        warms=state.state,
    )


def _unsaid(reader: Reader, begun: Mapping[str, Begun]) -> Unsaid | None:
    return reader.unsaid(begun) if isinstance(reader, NewestReader) else None


def _of_newest(value: Value, state: Unsaid) -> Value:
    return value._replace(read=lambda moment: None if state.is_partly(moment) else value.read(moment))


def _of_trait(path: str, begun: Begun) -> Value:
    """That it was never said cannot be known, unless the account came later."""
    value = trait_value(path)
    of_person = path.startswith("person.")

    def read(moment: Moment) -> Any:
        found = value.read(moment)
        if moment.facts.came >= begun.version or (of_person and moment.person is None):
            return found
        return found if found is not None and _said_at(moment, path) > begun.since else UNSURE

    return value._replace(read=read, warms=lambda moment: _since(begun) if read(moment) is UNSURE else None)


def _said_at(moment: Moment, path: str) -> int:
    """When the trait was said that is in force: an event of before the switch may come after it, and not be the last word."""
    root, trait = path.split(".", 1)
    traits, owner = (moment.facts.traits, OWN) if root == "account" else (moment.facts.people, moment.person or "")
    history = traits.history(owner, trait)
    entry = None if history is None else history.at(moment.t)
    return -1 if entry is None else entry[0]


def _from(since: Callable[[Moment], int | None]) -> Callable[[Moment], int]:
    def start(moment: Moment) -> int:
        found = since(moment)
        return NEVER if found is None else found

    return start
