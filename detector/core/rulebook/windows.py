"""What a measure looks at: `window`, back from now or a period of the calendar, or `during`, a time after something first."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from detector.core.rulebook import forms, units
from detector.core.rulebook.measured import Calendar, During, Rolling, Window
from detector.core.rulebook.problems import closest
from detector.core.rulebook.selectors import BUILTINS, Context, selector
from detector.core.rulebook.tree import Node, Scalar, kind_of

WINDOWS: Final = ("window", "during")
PERIODS: Final = ("day", "week", "month", "billing period")
_DURING: Final = re.compile(
    r"(?:first (?P<first>[0-9]+[smhdw])|(?P<unit>day|week) (?P<number>[1-9][0-9]{0,2})) of (?P<of>.+)", re.ASCII
)
WINDOW_FORM: Final = forms.either(forms.DURATION, forms.words(PERIODS))
DURING_FORM: Final = forms.matching(
    r"(first [0-9]+[smhdw]|(day|week) [1-9][0-9]{0,2}) of .+", 2 * forms.TEXT_MAX, "first 10d of signed_up"
)


def window(values: Mapping[str, Node], what: str, context: Context) -> Window | None:
    """None: since the beginning, or what was written was refused."""
    report = context.report
    if "window" in values and "during" in values:
        report.refuse(values["during"].at, "value", f"{what} has `window` and `during`", "Keep one of them")
    elif "during" in values:
        return _during(values["during"], what, context)
    elif "window" in values:
        return _window(values["window"], what, context)
    return None


def _window(node: Node, what: str, context: Context) -> Window | None:
    if isinstance(node, Scalar):
        if node.text in PERIODS:
            return Calendar(cast("Any", node.text))
        back = units.duration_ms(node.text)
        if back:
            return Rolling(back)
    near = closest(node.text, PERIODS) if isinstance(node, Scalar) and node.text[:1].isalpha() else None
    remedy = f"Did you mean '{near}'?" if near else "Write 1h, 14d or 2w, at most 3650d; or day, week, month or billing period"
    context.report.refuse(node.at, "value", f"the window of {what} is a duration or a period, found {kind_of(node)}", remedy)
    return None


def _during(node: Node, what: str, context: Context) -> During | None:
    report = context.report
    found = _DURING.fullmatch(node.text) if isinstance(node, Scalar) else None
    length = None
    if found is not None:
        length = units.duration_ms(found["first"] or f"1{found['unit'][0]}")
    if not isinstance(node, Scalar) or found is None or not length:
        message = f"`during` of {what} is a time after something first, found {kind_of(node)}"
        report.refuse(node.at, "value", message, "Write: first 10d of signed_up, or: week 4 of signed_up")
        return None
    before = (int(found["number"] or 1) - 1) * length
    name = found["of"]
    if name in BUILTINS:
        report.refuse(node.at, "value", f"`during` of {what} counts from an event, not from '{name}'", "Name an event")
        return None
    of = selector(Scalar(name, node.place(found.start("of"))), f"`during` of {what}", context)
    return During(of, before, before + length, node.text)
