"""`--sweep limit=70%,80%,90%`: what it says, and a rulebook in; one rulebook for each value out, or why that cannot be.

`RULE=…` is the first step of a rule with `at`, or the number in its only line that has one; `RULE:LINE=…` the number in that
line of `when`, where LINE is its number from 1, or the name that stands in it. Each is checked like a rulebook of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from detector.core.rulebook.loading import load
from detector.core.rulebook.parse import RulebookError, parse
from detector.core.rulebook.problems import Report, did_you_mean
from detector.core.rulebook.tree import At, Entry, Fields, Items, Node, Scalar
from detector.core.rulebook.writing import on_one_line, written

VALUES_MAX: Final = 12
_SWEEP: Final = re.compile(r"\s*([^=:\s]+)\s*(?::\s*([^=\s]+)\s*)?=(.*)", re.DOTALL)
_LINE: Final = re.compile(r"(.*?)\s*(<=|>=|==|<|>)\s*(-?\d+(?:\.\d+)?\s*(?:%|[A-Za-z]+)?)\s*")
"""A condition that ends in a comparison with a number, a percentage or a duration."""
_VALUE: Final = re.compile(r"-?\d+(?:\.\d+)?\s*(?:%|[A-Za-z]+)?")
_FORMS: Final = (
    "Write --sweep RULE=70%,80%,90% for a rule's first step, or --sweep RULE:LINE=3,5,8 for the number in a line of `when`"
)


class SweepError(Exception):
    """What is asked for cannot be; the message says why, and what to write."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """`what`: `limit` or `onboarded: active_days >=`. `current`: the value in the rulebook. `books`: value -> resolved text."""

    what: str
    rule: str
    current: str
    books: Mapping[str, str]


def swept(resolved: str, said: str) -> Sweep:
    """`resolved`: a rulebook that parses without any base. The value that it has itself is tried too. Raises SweepError."""
    match = _SWEEP.fullmatch(said)
    if match is None:
        raise SweepError(f"--sweep {said}: this is not understood. {_FORMS}.")
    rule_name, line, values = match.group(1), match.group(2), _values(said, match.group(3))
    root = load(resolved, Report())
    rules = root.entries["rules"].value if "rules" in root.entries else None
    known = rules.entries if isinstance(rules, Fields) else {}
    if rule_name not in known:
        hint = did_you_mean(rule_name, known) or f"It has: {', '.join(known) or 'none'}."
        raise SweepError(f"--sweep {said}: the rulebook has no rule {rule_name}. {hint}")
    rule = known[rule_name].value
    assert isinstance(rule, Fields)  # noqa: S101 - it was checked
    if line is None and "at" in rule.entries:
        what, current, path, made = _steps(said, rule_name, rule, values)
    else:
        what, current, path, made = _number(said, rule_name, rule, line, values)
    books = {value: _checked(said, value, written(_put(root, path, node))) for value, node in made.items()}
    return Sweep(what, rule_name, current, books)


_Made = tuple[str, str, Sequence[str], dict[str, Node]]
"""What it is called; the value that is there; where it stands; value -> the node to put there."""


def _values(said: str, text: str) -> list[str]:
    values = [each.strip().replace(" ", "") for each in text.split(",")]
    for value in values:
        if _VALUE.fullmatch(value) is None:
            raise SweepError(f"--sweep {said}: {value or 'nothing'!r} is no number, percentage or duration. {_FORMS}.")
    if len(values) > VALUES_MAX:
        raise SweepError(f"--sweep {said}: {len(values)} values; at most {VALUES_MAX} are tried at once.")
    return values


def _steps(said: str, name: str, rule: Fields, values: Sequence[str]) -> _Made:
    """The first step takes the value; those above it stay."""
    at = rule.entries["at"].value
    steps = at.items if isinstance(at, Items) else (at,)
    first = steps[0] if steps else None
    if not isinstance(first, Scalar) or not first.text.endswith("%"):
        raise SweepError(
            f"--sweep {said}: the steps of {name} are {on_one_line(at)}; only a list that begins with a percentage is swept."
        )
    current = first.text.replace(" ", "")
    wrong = next((value for value in values if not value.endswith("%")), None)
    if wrong is not None:
        raise SweepError(f"--sweep {said}: the steps of {name} are percentages. Write {wrong.rstrip('%')}%, not {wrong}.")
    made: dict[str, Node] = {}
    for value in _with(current, values):
        above = (step for step in steps[1:] if not isinstance(step, Scalar) or _share(step.text) > _share(value))
        made[value] = Items((_scalar(value), *above), at.at)
    return name, current, ("rules", name, "at"), made


def _share(step: str) -> float:
    """`refused` is above every share."""
    return float(step.removesuffix("%").strip()) if step.endswith("%") else float("inf")


def _number(said: str, name: str, rule: Fields, line: str | None, values: Sequence[str]) -> _Made:
    when = rule.entries["when"].value if "when" in rule.entries else None
    items = when.items if isinstance(when, Items) else (when,) if when is not None else ()
    texts = [item.text for item in items if isinstance(item, Scalar)]
    possible = {number: found for number, text in enumerate(texts, 1) if (found := _LINE.fullmatch(text)) is not None}
    shown = "; ".join(f"{number}: {texts[number - 1]}" for number in possible)
    if not possible:
        raise SweepError(
            f"--sweep {said}: no line of the rule {name} ends in a comparison with a number, so there is nothing to sweep."
        )
    number = _which(said, name, line, texts, possible, shown)
    found, node = possible[number], items[number - 1]
    current = found.group(3).replace(" ", "")
    what = f"{name}: {found.group(1)} {found.group(2)}"
    made: dict[str, Node] = {}
    for value in _with(current, values):
        changed = (
            replace(node, text=f"{found.group(1)} {found.group(2)} {value}", cut=False) if isinstance(node, Scalar) else node
        )
        made[value] = Items((*items[: number - 1], changed, *items[number:]), rule.at)
    return what, current, ("rules", name, "when"), made


def _which(  # noqa: PLR0913, PLR0917 - a refusal says what there is
    said: str, name: str, line: str | None, texts: Sequence[str], possible: Mapping[int, re.Match[str]], shown: str
) -> int:
    """The number of the line that is meant."""
    if line is None:
        numbers = list(possible)
        ask = f"several lines of the rule {name} have a number. Say which, as in {name}:{numbers[0]}=…"
    elif line.isdecimal():
        numbers = [int(line)] if int(line) in possible else []
        there = f"line {line} of the rule {name} ends in no comparison with a number" if 0 < int(line) <= len(texts) else None
        ask = there or f"the rule {name} has {len(texts)} lines, and no line {line}"
    else:
        numbers = [number for number, match in possible.items() if match.group(1) == line]
        numbers = numbers or [number for number, match in possible.items() if line in re.split(r"[\s()+*/]+", match.group(1))]
        where = "several lines" if numbers else "no line"
        ask = f"{line} stands in {where} of the rule {name} that has a number. Say the line's number"
    if len(numbers) != 1:
        raise SweepError(f"--sweep {said}: {ask}. There are: {shown}.")
    return numbers[0]


def _with(current: str, values: Sequence[str]) -> list[str]:
    """All values once, the rulebook's own among them, by size."""
    return sorted({*values, current}, key=lambda value: (re.sub(r"[\d.-]", "", value), float(re.sub(r"[^\d.-]", "", value))))


def _scalar(text: str) -> Scalar:
    return Scalar(text, At(1, 1))


def _put(of: Node, path: Sequence[str], node: Node) -> Fields:
    assert isinstance(of, Fields)  # noqa: S101 - the path was walked before
    key, *rest = path
    entry = of.entries[key]
    inner = _put(entry.value, rest, node) if rest else node
    return replace(of, entries={**of.entries, key: Entry(entry.key, inner)})


def _checked(said: str, value: str, text: str) -> str:
    try:
        return parse(text, {}).resolved
    except RulebookError as error:
        problem = error.problems[0]
        raise SweepError(f"--sweep {said}: with {value}, {problem.message}. {problem.remedy}.") from error
