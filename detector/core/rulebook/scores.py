"""The sections `score` and `segments`: what speaks for and against an account, in points; and what kinds of account there are."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from detector.core.rulebook import forms, shapes, units
from detector.core.rulebook.conditions import condition
from detector.core.rulebook.model import Condition, Constant, Points, Rule, Score, Selector, Type
from detector.core.rulebook.names import SCORE_NAMES, Place
from detector.core.rulebook.problems import Report
from detector.core.rulebook.references import conditions_behind
from detector.core.rulebook.selectors import Context, selector
from detector.core.rulebook.tree import Fields, Items, Node, Scalar, kind_of, shortened
from detector.core.rulebook.tree_walk import names_in

LINES_MAX: Final = 50
"""Of fit, and of behaviour."""
SEGMENTS_MAX: Final = 50
POINTS_MAX: Final = 1_000
HYSTERESIS: Final = 500
"""Hundredths of a point, unless the rulebook says otherwise."""
RULES_POINTS: Final = frozenset(SCORE_NAMES) - {"score.fit"}
"""The names in which the points of rules are."""
_BANDS: Final = ("hot", "warm", "hysteresis")
_AMOUNT: Final[forms.Form] = {"title": "points", "type": "number", "minimum": 0, "maximum": POINTS_MAX}
_SIGNED: Final[forms.Form] = {"title": "points", "type": "number", "minimum": -POINTS_MAX, "maximum": POINTS_MAX}
_FIT: Final[forms.Keys] = {
    "points": forms.said(_SIGNED, "For it, or (negative) against it; at most two decimals"),
    "if": forms.said(forms.CONDITION, "While this holds"),
    "group": forms.said(forms.TEXT, "Lines that `caps` limits together"),
}
_BEHAVIOUR: Final[forms.Keys] = {
    **_FIT,
    "rule": forms.said(forms.TEXT, "Since its newest signal; of one limit: limit/contacts"),
    "event": forms.said(forms.EVENTS, "Since each of these events"),
    "fades": forms.said(forms.DURATION, "Beside `rule` or `event`: nothing is left after so many whole days"),
    "at_most": forms.said(_SIGNED, "Beside `event`: what all of them give together; as much as one, if nothing is said"),
}
SCORE: Final[forms.Keys] = {
    "hot": forms.said(_AMOUNT, "From so many points on a lead is hot"),
    "warm": forms.said(_AMOUNT, "From so many points on a lead is warm"),
    "hysteresis": forms.said(_AMOUNT, "How far below a lead stays what it was; 5 if nothing is said"),
    "fit": forms.said(forms.listed(forms.record(_FIT, needs=("points", "if")), LINES_MAX), "What the account, or its person, is"),
    "behaviour": forms.said(forms.listed(forms.record(_BEHAVIOUR, needs=("points",)), LINES_MAX), "What happened"),
    "caps": forms.said(forms.named(_AMOUNT), "Group -> the most that its lines give together"),
}
_DAY_MS: Final = units.UNITS_MS["d"]


def segments(node: Node | None, context: Context) -> dict[str, Condition]:
    """Into the context's names, one by one: each may use those above it."""
    found = shapes.bounded(shapes.entries(node, "segments", context.report), "segments", SEGMENTS_MAX, context.report)
    for name, entry in found.items():
        shapes.name_ok(entry.key, "a segment", context.report, word=True)
        read = condition(entry.value, context.names, Place(f"segment '{name}'"), context.report)
        context.names.segments[name] = read or Condition("", Constant(value=True, type=Type.BOOL))
    return context.names.segments


def score(node: Node | None, rules: tuple[Rule, ...], limits: Mapping[str, object], context: Context) -> Score | None:
    """None: there is no such section."""
    if node is None or (isinstance(node, Scalar) and node.is_null):
        return None
    report = context.report
    values = shapes.fields(node, "`score`", SCORE, (), report) or {}
    bands = {key: _amount(values[key], f"`{key}` of `score`", report) for key in _BANDS if key in values}
    caps = {
        name: _amount(entry.value, f"the cap of '{name}'", report) or 0
        for name, entry in shapes.entries(values.get("caps"), "caps", report).items()
    }
    reader = _Lines(rules, limits, context)
    read = Score(
        fit=reader.lines(values.get("fit"), "fit", _FIT),
        behaviour=reader.lines(values.get("behaviour"), "behaviour", _BEHAVIOUR),
        hot=bands.get("hot"),
        warm=bands.get("warm"),
        hysteresis=bands.get("hysteresis", HYSTERESIS) or 0,
        caps=caps,
    )
    _check_bands(read, values, node, report)
    _check_groups(read, values, report)
    return read


def _check_bands(read: Score, values: Mapping[str, Node], node: Node, report: Report) -> None:
    if ("hot" in values) != ("warm" in values):
        said, missing = ("hot", "warm") if "hot" in values else ("warm", "hot")
        report.refuse(node.at, "missing", f"`score` has `{said}` and no `{missing}`", f"Add: {missing}: 40")
    if read.hot is None or read.warm is None:
        if "hysteresis" in values and not {"hot", "warm"} & values.keys():
            report.refuse(values["hysteresis"].at, "missing", "`hysteresis` without `hot` and `warm`", "Add: hot: 70, warm: 40")
    elif read.hot <= read.warm:
        report.refuse(values["hot"].at, "value", "`hot` must be more than `warm`", "Write: hot: 70, warm: 40")
    elif read.hysteresis > read.hot - read.warm:
        at = values["hysteresis" if "hysteresis" in values else "hot"].at
        message = f"the hysteresis is {_shown(read.hysteresis)}, more than lies between `warm` and `hot`"
        report.refuse(at, "value", message, "Write a smaller one: hysteresis: 0")


def _check_groups(read: Score, values: Mapping[str, Node], report: Report) -> None:
    fit, behaviour = ({line.group for line in lines if line.group is not None} for lines in (read.fit, read.behaviour))
    for name in sorted(fit & behaviour):
        message = f"the group '{name}' is in `fit` and in `behaviour`"
        report.refuse(values["behaviour"].at, "value", message, "Give one of them another name: they are two numbers")
    for name, entry in shapes.entries(values.get("caps"), "caps", Report()).items():
        if name not in fit | behaviour:
            remedy = report.guess(name, fit | behaviour) or f"Add to a line: group: {name}"
            report.refuse(entry.key.at, "unknown_name", f"no line of the score is in a group '{shortened(name)}'", remedy)


class _Lines:
    """`limits`: by name."""

    def __init__(self, rules: tuple[Rule, ...], limits: Mapping[str, object], context: Context) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._limits = limits
        self._context = context
        self._report = context.report

    def lines(self, node: Node | None, part: str, keys: forms.Keys) -> tuple[Points, ...]:
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return ()
        if not isinstance(node, Items):
            example = "Begin each line with a hyphen: - {points: +20, if: account.employees >= 20}"
            self._report.refuse(node.at, "value", f"`{part}` is a list, found {kind_of(node)}", example)
            return ()
        if len(node.items) > LINES_MAX:
            message = f"{len(node.items)} lines of `{part}`: a score has at most {LINES_MAX}"
            self._report.refuse(node.at, "too_many", message, "Merge or remove some")
            return ()
        found = (self._line(item, part, keys) for item in node.items)
        return tuple(line for line in found if line is not None)

    def _line(self, node: Node, part: str, keys: forms.Keys) -> Points | None:
        report, what = self._report, f"a line of `{part}`"
        if part == "fit" and isinstance(node, Fields) and {"rule", "event", "fades"} & node.entries.keys():
            message = "`fit` is about what an account is: it has `if`, and neither `rule`, `event` nor `fades`"
            report.refuse(node.at, "value", message, "Move the line to `behaviour`")
            return None
        values = shapes.fields(node, what, keys, (), report)
        if values is None:
            return None
        shapes.require(values, node, what, {"points": "+20"}, report)
        kinds = [key for key in ("if", "rule", "event") if key in values]
        if len(kinds) != 1:
            of = f"has {' and '.join(f'`{kind}`' for kind in kinds)}" if kinds else "does not say when it counts"
            remedy = "Write one of `if`, `rule`, `event` in each line" if part != "fit" else "Add: if: account.employees >= 20"
            report.refuse(node.at, "value", f"{what} {of}", remedy)
            return None
        for key in ("fades", "at_most"):
            if key in values and not (kinds == ["event"] or (key == "fades" and kinds == ["rule"])):
                remedy = "Conditions hold or do not: use `rule` or `event`" if key == "fades" else "Use a group with a cap"
                report.refuse(values[key].at, "value", f"`{key}` beside `{kinds[0]}` says nothing ({what})", remedy)
        points = _amount(values["points"], f"`points` of {what}", report, signed=True) if "points" in values else None
        group = shapes.text(values["group"], f"`group` of {what}", report) if "group" in values else None
        fades = _days(values["fades"], f"`fades` of {what}", report) if "fades" in values else None
        about = values[kinds[0]]
        if kinds == ["if"]:
            read = condition(about, self._context.names, Place(what), report)
            return None if read is None else Points(points or 0, read.text, condition=read, group=group)
        if kinds == ["rule"]:
            rule = self._rule(about, what)
            return None if rule is None else Points(points or 0, rule, rule=rule, fades_days=fades, group=group)
        selected = selector(about, f"`event` of {what}", self._context)
        at_most = self._at_most(values.get("at_most"), points or 0, what)
        return Points(points or 0, _named(about, selected), event=selected, at_most=at_most, fades_days=fades, group=group)

    def _at_most(self, node: Node | None, points: int, what: str) -> int:
        if node is None:
            return points
        most = _amount(node, f"`at_most` of {what}", self._report, signed=True)
        if most is not None and (most * points < 0 or abs(most) < abs(points)):
            message = f"`at_most` of {what} is less than one event gives, or of the other sign"
            self._report.refuse(node.at, "value", message, f"Write: at_most: {_shown(3 * points)}")
        return most if most is not None else points

    def _rule(self, node: Node, what: str) -> str | None:
        """A rule's name, of one with `each` also with one limit: `limit/contacts`. Not one that looks at the score itself."""
        text = shapes.text(node, f"`rule` of {what}", self._report)
        if text is None:
            return None
        name, _, limit = text.partition("/")
        rule = self._rules.get(name)
        if rule is None:
            remedy = self._report.guess(name, self._rules)
            self._report.refuse(node.at, "unknown_name", f"there is no rule '{shortened(name)}' ({what})", remedy)
            return None
        if limit and (not rule.each_limit or limit not in self._limits):
            remedy = self._report.guess(limit, self._limits) if rule.each_limit else f"Write: rule: {name}"
            self._report.refuse(node.at, "unknown_name", f"rule '{name}' is not judged for '{shortened(limit)}'", remedy)
        used = self._points_of_rules(rule)
        if used:
            message = f"a circle: the score counts rule '{name}', which looks at `{used[0]}` (score → {name} → score)"
            self._report.refuse(
                node.at, "circle", message, "Let the rule look at `score.fit`, or write a `behaviour` without this line"
            )
        return text

    def _points_of_rules(self, rule: Rule) -> list[str]:
        """The names, in its lines and those of rules that it looks at, in which the points of rules are."""
        if self._report.problems:
            return []  # a rule that it looks at may be one of those
        behind = conditions_behind(rule.when, self._rules)
        return sorted({name.path for condition in behind for name in names_in(condition.expr)} & RULES_POINTS)


def _amount(node: Node, what: str, report: Report, *, signed: bool = False) -> int | None:
    """Points in hundredths. Not 0 if `signed`, and not negative otherwise."""
    value = units.number(node.text) if isinstance(node, Scalar) and node.plain else None
    if value is not None and isinstance(node, Scalar) and abs(value) <= POINTS_MAX and (value != 0 if signed else value >= 0):
        hundredths = Decimal(node.text) * 100
        if hundredths == hundredths.to_integral_value():
            return int(hundredths)
    kind = f"a number from -{POINTS_MAX:,} to {POINTS_MAX:,}, not 0" if signed else f"a number from 0 to {POINTS_MAX:,}"
    remedy = "Write digits, with two decimals at most: +20, -7.5" if signed else "Write digits, with two decimals at most: 70"
    report.refuse(node.at, "value", f"{what} is {kind}, found {kind_of(node)}", remedy)
    return None


def _days(node: Node, what: str, report: Report) -> int | None:
    span = shapes.duration(node, what, report)
    if span is not None and span % _DAY_MS:
        report.refuse(node.at, "value", f"{what} is in whole days, found {kind_of(node)}", "Points fade once a day: 30d, 8w")
        return None
    return None if span is None else span // _DAY_MS


def _shown(hundredths: int) -> str:
    return f"{hundredths / 100:g}"


def _named(node: Node, selected: Selector) -> str:
    """The events as the rulebook calls them."""
    items = node.items if isinstance(node, Items) else (node,)
    names = [item.text for item in items if isinstance(item, Scalar)]
    return ", ".join(names if len(names) == len(items) else [term.name for term in selected.terms])
