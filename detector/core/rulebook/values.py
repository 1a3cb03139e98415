"""Names of the rulebook in, readers of a moment out: value, message ids behind it, and the window it looks at."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from detector.core.facts.people import OWN
from detector.core.instants import NEVER
from detector.core.measures import dates, email, tenure, trial
from detector.core.measures.firsts import SinceReader
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.reader import Course, Reader
from detector.core.measures.usage import LimitReader
from detector.core.measures.warming import Warm
from detector.core.rulebook.model import Aspect, Name
from detector.core.rulebook.names import TIMES


def _no_ids(_moment: Moment, _number: int) -> list[str]:
    return []


def _exact(_moment: Moment) -> bool:
    return False


def _never(_moment: Moment) -> int:
    return NEVER


def _nobody(_moment: Moment) -> Collection[str]:
    return ()


def _at_once(_moment: Moment) -> int:
    return 0


def _is_whole(_moment: Moment) -> None:
    return None


class Value(NamedTuple):
    """`read` gives None for unknown; `next` the first instant after the moment at which it may give something else.

    `listed`: what a text says instead of the number, for measures of names. `until`: events before that instant that come in
    order cannot raise it, if it is a number: of days, today is counted already. `worded`: how a text says a value whose type
    does not tell.
    """

    read: Callable[[Moment], Any]
    next: Callable[[Moment], int] = _never
    ids: Callable[[Moment, int], list[str]] = _no_ids
    window: str | None = None
    at_least: Callable[[Moment], bool] = _exact
    listed: Callable[[Moment], list[str] | None] = lambda _moment: None
    course: Course = Course.STILL
    until: Callable[[Moment], int] = _at_once
    """Until then no event can change it that comes in order."""
    known: Callable[[Moment], Collection[str]] = _nobody
    """The people of whom no event in order raises it."""
    spent: Callable[[Moment], Collection[str]] = _nobody
    """The names of track events of which none in order changes it."""
    turns: Callable[[Moment, tuple[int, ...]], int] | None = None
    """Of a value that is another at every millisecond: the first instant after the moment at which it may compare otherwise with
    one of these.
    """
    values: Callable[[Moment], Any] = lambda _moment: None
    """The different values behind the number, of measures that count such."""
    parts: "tuple[Value, ...]" = ()
    """Of another rule: all that it looks at itself."""
    worded: Callable[[Moment, Any], str] | None = None
    warms: Callable[[Moment], Warm | None] = _is_whole
    """Since when it is kept, while what came before may matter; None: it does not."""


def measure_value(reader: Reader) -> Value:
    turns = reader.turns if isinstance(reader, SinceReader) else None
    return Value(
        reader.value,
        reader.next,
        reader.ids,
        reader.window,
        reader.at_least,
        reader.listed,
        reader.course,
        reader.until,
        reader.known,
        turns=turns,
        values=reader.values,
    )


def limits_by_name(values: Mapping[str, Value], limits: Mapping[str, LimitReader]) -> dict[str, Value]:
    """`limits.contacts.percent`: what `limit.percent` is of that limit, whatever limit is at hand."""
    of_any = {path: value for path, value in values.items() if path.startswith("limit.")}
    named = ((name, reader, path, value) for name, reader in limits.items() for path, value in of_any.items())
    return {path.replace("limit.", f"limits.{name}.", 1): _of_one(value, reader) for name, reader, path, value in named}


def _of_one(value: Value, reader: LimitReader) -> Value:

    def of(read: Callable[..., Any]) -> Callable[..., Any]:
        def at(moment: Moment, *more: Any) -> Any:
            at_hand, moment.limit = moment.limit, reader
            found = read(moment, *more)
            moment.limit = at_hand
            return found

        return at

    read, next_, worded = of(value.read), of(value.next), None if value.worded is None else of(value.worded)
    found = value._replace(read=read, next=next_, worded=worded)
    return found._replace(ids=of(value.ids), at_least=of(value.at_least), warms=of(value.warms))


def _next_plan(moment: Moment) -> int:
    return moment.plan_turns


def _next_change_of_plan(moment: Moment) -> int:
    """A change is one only for an instant: the millisecond after it is one, too."""
    changed = moment.ladder.change(moment.before, moment.standing) is not None
    return moment.t + 1 if changed else _next_plan(moment)


_LASTING = {
    "stage.for": tenure.stage_since,
    "plan.for": tenure.plan_since,
    "paying.for": tenure.paying_since,
    "trial.quiet": tenure.quiet_since,
}
_INTERRUPTED = frozenset(["trial.quiet"])
"""Events in order begin it anew."""


def _lasting(since: tenure.Since) -> Value:
    return Value(
        tenure.lasted(since),
        course=Course.MOVES,
        turns=lambda moment, lengths: tenure.next_lasted(since, moment, lengths),
    )


STATE_VALUES = {
    "plan": Value(lambda m: m.standing.name, _next_plan),
    "plan.change": Value(lambda m: m.ladder.change(m.before, m.standing) or "same", _next_change_of_plan, course=Course.MOVES),
    "stage": Value(lambda m: m.standing.stage, _next_plan),
    "trial.left": Value(trial.left, _next_plan, turns=trial.next_left),
    "trial.ends_on": Value(trial.ends_on, _next_plan),
    "churned_on": Value(tenure.churned_on, _next_plan),
    **{path: _lasting(since) for path, since in _LASTING.items()},
    "person.email_domain": Value(email.domain, email.next_address),
    "person.email_kind": Value(email.kind, email.next_address),
    "event": Value(lambda m: None if m.asked is None else m.asked[0]),
    "customer_since": Value(lambda m: m.ladder.customer_since(m.facts, m.t), _next_plan),
}


def where_trials_end(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values of a rulebook with timed trials: time alone moves a plan, and what it allows."""
    moved = {name for name in values if name in ("plan", "stage", "trial.left") or name.startswith(("limit.", "limits."))}
    return {name: value._replace(course=Course.MOVES) if name in moved else value for name, value in values.items()}


def would_lose(features: dict[str, str]) -> Value:
    """`features`: feature -> key of its series."""
    return Value(lambda m: trial.would_lose(m, features), listed=lambda m: trial.would_lose(m, features) or [])


def aspect(value: Value, name: Name, lengths: tuple[int, ...]) -> Value:
    """What a condition looks at of a value. `lengths`: the times (ms) that the condition holds it against."""
    if isinstance(name, Aspect):
        if name.how == "values":
            return value._replace(read=value.values)
        how, read = name.how, value.read if name.path in TIMES else lambda m: dates.date_ms(value.read(m))
        return value._replace(
            read=lambda m: dates.elapsed(how, read(m), m.t),
            next=lambda m: min(value.next(m), dates.next_elapsed(how, read(m), m.t, lengths)),
            course=Course.MOVES,
        )
    turns = value.turns
    if turns is None:
        return value
    turned = value._replace(next=lambda m: turns(m, lengths))
    if name.path in _INTERRUPTED:
        return turned
    return turned._replace(until=lambda m: 0 if value.read(m) is None else turns(m, lengths))


def onboarding_values(reader: OnboardingReader | None) -> dict[str, Value]:
    if reader is None:
        return {}
    return {
        "onboarding.done": Value(reader.done, reader.next, reader.ids, spent=reader.spent),
        "onboarding.took": Value(reader.took, reader.next, reader.ids),
    }


def trait_value(path: str) -> Value:
    """`account.employees`, `person.title`: as it stood at the moment; unknown if it was never said."""
    root, trait = path.split(".", 1)
    if root == "account":
        return Value(lambda m: m.facts.traits.value(OWN, trait, m.t), lambda m: m.facts.traits.next(OWN, trait, m.t))
    return Value(
        lambda m: None if m.person is None else m.facts.people.value(m.person, trait, m.t),
        lambda m: NEVER if m.person is None else m.facts.people.next(m.person, trait, m.t),
    )


def property_value(index: int) -> Value:
    """A property of the explicit request at hand, kept with it at `index`."""
    return Value(lambda m: None if m.asked is None else m.asked[2][index])
