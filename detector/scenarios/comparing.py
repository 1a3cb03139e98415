"""What a scenario expects and what came of it in; nothing if they agree, else a text that shows where they part."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from detector.core.rulebook.writing import quoted
from detector.scenarios import times
from detector.scenarios.language import OVERDUE
from detector.scenarios.model import Line, Scenario

_TIMES: Final = ("at", "qualified_at")
_HEADINGS: Final = {
    "hears": "what sales hears, in order",
    "leads": "all leads, in the order in which they were made",
    "signals": "all signals, in order of time",
}


def difference(scenario: Scenario, got: Mapping[str, Sequence[Mapping[str, Any]]]) -> str | None:
    """`got`: `hears`, `leads` and `signals`. A line that is expected says what must be right; no line may lack or be too much."""
    parts = []
    for key, wanted in scenario.expect.items():
        have = got[key] if any(OVERDUE in each.values for each in wanted) else [each for each in got[key] if OVERDUE not in each]
        if len(wanted) != len(have) or any(_wrong(*pair) for pair in zip(wanted, have, strict=True)):
            parts.append(_part(_HEADINGS[key], wanted, have))
    return "\n".join([f"{scenario.file}:{scenario.number}: {scenario.title}", *parts]) if parts else None


def parting(
    scenario: Scenario, how: str, part: str, calm: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]
) -> str:
    """Played another way (`how`) the scenario came out otherwise: what of a part came only as it stands, and what only then."""
    first, second = [shown(each) for each in calm], [shown(each) for each in other]
    lines = [f"{scenario.file}:{scenario.number}: {scenario.title}", f"\n  {how}, {_HEADINGS[part]}:"]
    lines += [f"  - it does not come\n      as it stands  {each}" for each in first if each not in second]
    lines += [f"  + it comes only then\n      got           {each}" for each in second if each not in first]
    return "\n".join(lines if len(lines) > 2 else [*lines, "  ! the same lines, in another order or number"])


def _wrong(wanted: Line, got: Mapping[str, Any]) -> list[str]:
    """The keys that are other than expected."""
    return [key for key, value in wanted.values.items() if got.get(key) != value]


def _part(heading: str, wanted: Sequence[Line], got: Sequence[Mapping[str, Any]]) -> str:
    text = [f"\n  {heading}:"]
    for want, have in zip_longest(wanted, got):
        if want is None:
            text += ["  + nobody expects it", f"      got       {shown(have)}"]
        elif have is None:
            text += [f"  - line {want.number}: it does not come", f"      expected  {shown(want.values)}"]
        elif wrong := _wrong(want, have):
            text += [f"  ! line {want.number}: another {' and '.join(wrong)}", f"      expected  {shown(want.values)}"]
            text += [f"      got       {shown(have)}"]
        else:
            text += [f"    line {want.number}: as expected", f"                {shown(want.values)}"]
    return "\n".join(text)


def shown(values: Mapping[str, Any]) -> str:
    """As the file would say it. What is not there is left out."""
    said = ((key, value) for key, value in values.items() if value is not None)
    return "{" + ", ".join(f"{key}: {_value(key, value)}" for key, value in said) + "}"


def _value(key: str, value: Any) -> str:
    if key in _TIMES:
        return times.shown(value)
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return quoted(value) if key == "says" else str(value).lower() if isinstance(value, bool) else str(value)
