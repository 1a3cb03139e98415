"""What is missing, in words: a comparison that does not hold, or of which something is unknown."""

from math import isfinite
from typing import Any

from detector.core import words
from detector.core.instants import NEVER
from detector.core.measures.dates import date_ms
from detector.core.measures.moment import Moment
from detector.core.measures.onboarding import OnboardingReader
from detector.core.measures.warming import Warm
from detector.core.partly import is_partly, plain
from detector.core.rulebook.measured import During, Since
from detector.core.rulebook.model import Aspect, Binary, Covers, In, Known, Look, Name, Rulebook, Selector, Type
from detector.core.rulebook.program import Program
from detector.core.rulebook.reading import value_of
from detector.core.rulebook.values import Value
from detector.core.why.gap import Gap, only_grows
from detector.core.why.probe import Leaf
from detector.core.why.written import written

SHOWN_MAX = 80
"""Characters of a value."""
OF_A_REQUEST = "is known only of a request"
_NAMES = {
    "stage.for": "in this stage for",
    "plan.for": "on this plan for",
    "paying.for": "paying for",
    "trial.quiet": "quiet in the trial for",
    "trial.left": "left of the trial",
}
_UNKNOWN = {
    "trial": "it is in no timed trial",
    "stage.for": "its plan is unknown",
    "plan": "its plan is unknown",
    "paying.for": "it does not pay",
    "customer_since": "it never paid",
    "onboarding.took": "onboarding is not finished",
}


def spoken(name: str) -> str:
    """`active_days` as a sentence says it."""
    return name.replace("_", " ")


def day(at: int, now: int) -> str:
    """ "9 June"; with its year, if that is another one. UTC."""
    text, year = words.day(at), words.day(now)[-4:]
    return text.removesuffix(f" {year}")


def when(at: int | None, by: str | None, now: int) -> str:
    """What is said behind a distance; nothing where nobody knows."""
    if at is None:
        return ""
    return f", on {day(at, now)} by itself" if by == "time" else f", about {day(at, now)} at this pace"


def of_gap(leaf: Leaf, found: Gap, moment: Moment) -> str:
    """`active days 2 of 3: 1 more`."""
    value, target, label = _said(leaf, found.value, moment), _said(leaf, found.target, moment), _label(leaf, moment)
    left = "" if found.distance == 0 else f": {distance(leaf, found, moment)} {'more' if found.rises else 'less'}"
    if leaf.operator == "==":
        return f"{label} is {value}, not {target}"
    if only_grows(leaf) and not found.rises:
        return f"{label} is {value}, must be at most {target}, and only grows"
    if found.open_:
        return f"{label} is {value}, must be {'over' if found.rises else 'under'} {target}{left}"
    if found.rises:
        return f"{label} {value} of {target}{left}"
    return f"{label} is {value}, must be at most {target}{left}"


def distance(leaf: Leaf, found: Gap, moment: Moment) -> str:
    """How far it is, in the value's own unit."""
    if leaf.type is Type.PERCENT:
        return f"{words.number(round(found.distance * 100, 1))} points"
    return _said(leaf, found.distance, moment)


def of_false(leaf: Leaf, moment: Moment, program: Program) -> str:  # noqa: PLR0911  one per kind of condition
    """Of what has no distance."""
    expr, label = leaf.expr, _label(leaf, moment)
    value = _said(leaf, leaf.value(moment), moment)
    match expr:
        case Name(path="onboarding.done") if leaf.wanted and program.onboarding is not None:
            return onboarding(program.onboarding, program.rulebook, moment)
        case Name():
            return f"{label} is {value}"
        case Known() if leaf.wanted:
            return f"{label} was never said"
        case Known():
            return f"{label} is known, and must be missing"
        case Covers() if leaf.wanted:
            lacking = [option for option in expr.options if option not in _values(leaf.value(moment))]
            return f"{label} lacks {words.listed([str(option) for option in lacking])}"
        case Binary(operator="==", right=right) if leaf.wanted:
            return f"{label} is {value}, not {written(right)}"
        case Binary() if leaf.operator in ("!=", "=="):
            return f"{label} is {value}"
        case In() if leaf.wanted:
            return f"{label} is {value}, not {' or '.join(map(str, expr.options))}"
        case In() | Look() | Covers():
            return f"{label} is {value}, needed is: {written(expr, leaf.wanted)}"
        case _:
            return f"{written(expr, leaf.wanted)} is not so"


def onboarding(reader: OnboardingReader, rulebook: Rulebook, moment: Moment) -> str:
    """`onboarding 2 of 3, missing: Campaign Sent`: by the product's own names."""
    done, missing = reader.steps_done(moment), reader.missing(moment)
    begins = f"onboarding {done} of {reader.steps}"
    return (
        f"{begins}, missing: {words.listed([_step(rulebook, each) for each in missing])}"
        if missing
        else f"{begins}, but too slow"
    )


def _step(rulebook: Rulebook, name: str) -> str:
    how = None if rulebook.onboarding is None else rulebook.onboarding.steps.get(name)
    if not isinstance(how, Selector):
        return spoken(name) if how is None else f"{spoken(name)} (to {how.number})"
    return product_names(how) or spoken(name)


def product_names(selector: Selector) -> str:
    """What the product calls these events, `Contacts Imported (or contact_list_uploaded)`; empty, if none is mapped."""
    first, *more = [*dict.fromkeys(term.page or term.name for term in selector.terms)] or [""]
    return f"{first} (or {' or '.join(more)})" if more else first


def of_unknown(leaf: Leaf, moment: Moment, program: Program, *, of_request: bool) -> str:
    """Why nobody knows. `of_request`: it is about a request that nobody has made at this moment."""
    found: list[str] = []
    for name, source in leaf.names:
        warm = source.warms(moment)
        if warm is not None:
            label = _label(leaf, moment) if name is leaf.name else spoken(written(name))
            found.append(f"{label} {_in_part(name, source, moment)}: {warming(warm, moment)}")
        elif source.read(moment) is None:
            found.append(_why_unknown(name, moment, program, of_request=of_request))
    if not found:
        value = _said(leaf, leaf.value(moment), moment)
        return f"{_label(leaf, moment)} is {value}, which cannot be compared: {written(leaf.expr, leaf.wanted)}"
    return "; ".join(dict.fromkeys(found))


def _in_part(name: Name, source: Value, moment: Moment) -> str:
    known = source.read(moment)
    if is_partly(known):
        text = words.value(known, name.type) if source.worded is None else source.worded(moment, plain(known))
        return f"is at least {text}"
    return "is unknown"


def warming(warm: Warm, moment: Moment) -> str:
    """`warming since 29 May, known in part until 5 June`."""
    until = "" if warm.until >= NEVER else f" until {day(warm.until, moment.t)}"
    return f"warming since {day(warm.since, moment.t)}, known in part{until}"


def _why_unknown(name: Name, moment: Moment, program: Program, *, of_request: bool) -> str:
    root, _, rest = name.path.partition(".")
    if of_request and root in ("properties", "person", "event"):
        return f"{name.path} {OF_A_REQUEST}"
    if root == "person" and moment.person is None:
        return f"{name.path} is unknown: nobody is at hand"
    said = value_of(name.path, program.values, ()).read(moment) if isinstance(name, Aspect) else None
    if said is not None:
        ahead = "it lies ahead" if isinstance(name, Aspect) and name.how == "since" else "it is over"
        return (
            f"{written(name)} is unknown: {_shown(str(said))} is no date"
            if date_ms(said) is None
            else f"{written(name)} is unknown: {ahead}"
        )
    if root in ("account", "person", "properties"):
        return f"{name.path} was never said"
    if root in ("limit", "limits"):
        limit, what = (rest.partition(".")[0], rest.partition(".")[2]) if root == "limits" else (_at_hand(moment), rest)
        return unknown_limit(program, limit, what, moment)
    reason = _UNKNOWN.get(name.path) or _UNKNOWN.get(root) or _of_measure(program, root)
    return f"{spoken(name.path)} is unknown: {reason}" if reason else f"{spoken(name.path)} is unknown"


def _at_hand(moment: Moment) -> str:
    return "" if moment.limit is None else moment.limit.limit.name


def unknown_limit(program: Program, name: str, what: str, moment: Moment) -> str:
    """Why `limit.used`, `limit.percent` and the like are unknown."""
    reader = program.limits[name]
    label = reader.limit.label
    if not reader.is_there(moment):
        return f"{label}: this limit is not there for the account"
    if reader.used(moment) is None:
        return f"no {product_names(reader.limit.of) or spoken(name)} has come yet, so its {label} are unknown"
    if reader.allowed(moment) is None:
        plan = moment.standing.name
        return (
            f"its plan is unknown, and so what it allows of {label}"
            if moment.standing.plan is None
            else f"{spoken(name)}: no cap on {plan}"
        )
    return (
        f"{label}: no forecast, for its use did not grow"
        if what in ("full_in", "full_on")
        else f"{label}: {spoken(what)} is unknown"
    )


def _of_measure(program: Program, name: str) -> str:
    measure = program.rulebook.measures.get(name)
    if measure is None:
        return ""
    if isinstance(getattr(measure, "window", None), During):
        return "its time has not begun"
    return "it never happened" if isinstance(measure, Since) else "nothing of it has come yet"


def _label(leaf: Leaf, moment: Moment) -> str:  # noqa: PLR0911  one per kind of name
    name = leaf.name
    if name is None:
        return _compared(leaf)
    text, (root, _, rest) = written(name), name.path.partition(".")
    if root in ("account", "person", "properties") or text != name.path:
        return text
    if root == "limit" and moment.limit is not None:
        return f"{spoken(moment.limit.limit.label)} {_OF_LIMITS.get(rest, spoken(rest))}"
    if root == "limits":
        limit, _, what = rest.partition(".")
        return f"{spoken(limit)} {_OF_LIMITS.get(what, spoken(what))}"
    if name.path in _NAMES:
        return _NAMES[name.path]
    if rest in ("rising_weeks", "earlier"):
        return f"{spoken(rest)} of {spoken(root)}"
    return spoken(text)


_OF_LIMITS = {"percent": "used"}


def _compared(leaf: Leaf) -> str:
    return written(leaf.expr.left) if isinstance(leaf.expr, Binary) else written(leaf.expr)


def _said(leaf: Leaf, value: Any, moment: Moment) -> str:
    if isinstance(value, float) and not isfinite(value):
        return "beyond all numbers"
    source = leaf.source
    if leaf.name is not None and source.worded is not None and isinstance(value, int | float):
        return source.worded(moment, value)
    return _shown(words.value(value, leaf.type))


def _shown(text: str) -> str:
    """What somebody sent, as a line can show it."""
    plain = "".join(letter if letter.isprintable() else "�" for letter in text[:SHOWN_MAX])
    return plain if len(text) <= SHOWN_MAX else plain + "…"


def _values(of: Any) -> list[Any]:
    return list(of) if isinstance(of, list | set) else []


def step_name(step: str) -> str:
    """`80%` as a sentence says it."""
    return step.replace("%", " %")
