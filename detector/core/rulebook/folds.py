"""Selectors and what to do with the events they select in, one fold function per event name out.

Of an event's properties only those are decoded that some rule uses; they become fields of a generated msgspec struct.
"""

from collections.abc import Callable, Collection
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

import msgspec

from contracts.messages import UsageEvent
from detector.core.facts.distinct import ADD, ADD_NAMES
from detector.core.facts.facts import Facts, window_of
from detector.core.facts.people import SAW
from detector.core.measures.sink import Sink
from detector.core.rulebook import decode
from detector.core.rulebook.generate import Source
from detector.core.rulebook.judged import ACTING
from detector.core.rulebook.model import Name, Term
from detector.core.zones import DAY_MS, period, zone

Fold: TypeAlias = Callable[[Facts, int, str, str | None, msgspec.Raw, UsageEvent | None], None]
"""Of a timestamp, an id, a person and properties; and the event that has them: None will do where there is a person, but of those
that want it whole."""
ACTIVE = "active"
_SOMEBODY = "person is not None"
PAGE = "\0page"
"""No track event's name."""


class Folds(NamedTuple):
    """`named`: wire name -> fold of a track event so named; `other`: of every other track event; `page`: of a page.

    `untracked`: of anything else; `steady`: those of them that change nothing but what lies at hand, where somebody's day does;
    `whole`: those that want the whole event whoever did it.
    """

    named: dict[str, Fold]
    other: Fold
    page: Fold
    untracked: Fold
    steady: frozenset[Fold]
    whole: frozenset[Fold]


def fold_functions(sinks: list[Sink], *, acting: bool) -> Folds:
    """`acting`: whether it must be kept who acted when."""
    unique = list({(sink.key, sink.title): sink for sink in sinks}.values())  # measures that share facts fold once
    names = {term.name for sink in unique for term in sink.selector.terms if term.page is None}
    pages = [sink for sink in unique if any(term.page is not None for term in sink.selector.terms)]
    steady: set[Fold] = set()
    whole: set[Fold] = set()

    def built(name: str | None, sinks: list[Sink]) -> Fold:
        builder = _Builder(name, sinks, acting=acting)
        fold = builder.build()
        if builder.is_steady:
            steady.add(fold)
        if any(sink.kind == "plan" for sink in builder.sinks):
            whole.add(fold)
        return fold

    named = {name: built(name, unique) for name in sorted(names)}
    other, page, untracked = built(None, unique), built(PAGE, pages), built(None, [])
    return Folds(named, other, page, untracked, frozenset(steady), frozenset(whole))


class _Builder:
    """One event name's function."""

    def __init__(self, name: str | None, sinks: list[Sink], *, acting: bool) -> None:
        self.name = name
        self.acting = acting
        self.sinks = [sink for sink in sinks if self._wanted(sink)]
        self.source = Source()
        self.fields: dict[str, str] = {}
        self.days = {f"ts // {DAY_MS}": "utc_day"}
        """What is read of the calendar, once: source -> its name."""
        self.is_steady = False
        """Whether what it built changes nothing but what lies at hand, where somebody's day does."""
        for function in ("number", "summand", "scalar", "kept", "countable", "dig", "visits"):
            self.source.namespace[function] = getattr(decode, function)
        self.source.namespace |= ADD_NAMES

    def _wanted(self, sink: Sink) -> bool:
        return (sink.selector.builtin == ACTIVE and self.name != PAGE) or bool(self._terms(sink))

    def _terms(self, sink: Sink) -> list[Term]:
        of_page = self.name == PAGE
        return [term for term in sink.selector.terms if (of_page if term.page is not None else term.name == self.name)]

    def build(self) -> Fold:
        steady: list[Sink] = []
        of_active: list[str] = []
        others: list[str] = []
        for condition, sinks in groupby(self.sinks, self._condition):
            if condition != _SOMEBODY:
                others += [f"if {condition}:", *(f"    {line}" for sink in sinks for line in self._keep(sink))]
                continue
            for sink in sinks:
                if _is_steady(sink):
                    steady.append(sink)
                else:
                    of_active += self._keep(sink)
        self.is_steady = bool(steady) and not (of_active or others or self.acting)
        at_top = dict(self.days)
        of_active = [*self._of_day(steady, at_top), *of_active]
        body = ["newest = facts.newest", "if ts > newest: facts.newest = ts"]
        if self.sinks:
            body.append("stores = facts.stores")
        body += [f"{name} = {source}" for source, name in at_top.items()]
        if self.acting:
            body.append(f"facts.store({self.source.bind(ACTING)}).add(ts, mid, person)")
        if self.fields:
            body.append(f"p = {self._decoder()}(properties)")
        body += [f"if {_SOMEBODY}:", *(f"    {line}" for line in of_active)]
        body.append("elif event.anonymous is not None: facts.activity.saw_anonymous(ts)")
        return self.source.build("fold", "facts, ts, mid, person, properties, event", body + others)

    def _of_day(self, sinks: list[Sink], known: Collection[str]) -> list[str]:
        """Source of what is kept of somebody who was there. `known`: of the calendar.

        Nearly always it is one more event of a day, and many of one account come one after the other: what that changes is kept
        at hand, the same for all names of events.
        """
        if not sinks:
            return [*SAW, "if not is_known: facts.hand.clear()"]
        lines, cells = [*SAW, "who = seen"], list[str]()
        for sink in sinks:
            lines += self._kept(sink)
            if sink.kind == "distinct":
                cells.append(f"cell{len(cells) + 1}")
                lines.append(f"{cells[-1]} = cell")
        lines = [*(f"{name} = {source}" for source, name in self.days.items() if source not in known), *lines]
        names = f"({''.join(f'{cell}, ' for cell in cells)})"
        return [
            "at_hand = facts.hand.get(person) if newest < ts < facts.hand_ends else None",
            "if at_hand is not None:",
            f"    who, {names} = at_hand",
            f"    who[2] += 1; {' = '.join(['who[1]', *(f'{cell}[2]' for cell in cells)])} = ts",
            "else:",
            *(f"    {line}" for line in lines),
            f"    if is_known: facts.keep_at_hand(utc_day, person, (who, {names}))",
            "    else: facts.hand.clear()",
        ]

    def _decoder(self) -> str:
        wire = {attribute: name for name, attribute in self.fields.items()}
        struct = msgspec.defstruct("Properties", [(attribute, Any, None) for attribute in wire], rename=wire)
        decoder, nothing = msgspec.json.Decoder(struct), struct()

        def read(raw: msgspec.Raw) -> Any:
            try:
                return decoder.decode(raw)
            except msgspec.MsgspecError:
                return nothing  # not an object: an event without properties is still an event

        return self.source.bind(read)

    def _path(self, path: str) -> str:
        """Source that reads `properties.a.b`."""
        first, *rest = path.removeprefix("properties.").split(".")
        attribute = self.fields.setdefault(first, f"f{len(self.fields)}")
        return f"dig(p.{attribute}, {self.source.bind(tuple(rest))})" if rest else f"p.{attribute}"

    def _read(self, name: Name) -> str:
        return f"kept({self._path(name.path)})"

    def _condition(self, sink: Sink) -> str:
        if sink.selector.builtin == ACTIVE:
            return _SOMEBODY
        return " or ".join(self._check(term) for term in self._terms(sink))

    def _check(self, term: Term) -> str:
        checks = []
        if term.page is not None:
            paths = f"{self._path('properties.path')}, {self._path('properties.url')}"
            checks.append(f"visits({paths}, {self.source.bind(term.page)})")
        if term.where is not None:
            checks.append(f"truth({self.source.expression(term.where.expr, self._read)}) is True")
        return f"({' and '.join(checks)})" if checks else "True"

    def _keep(self, sink: Sink) -> list[str]:
        kept = self._kept(sink)
        if sink.sought is None:
            return kept
        found = f"first = facts.milestones.firsts.get({self.source.bind(sink.sought.after)})"
        return [found, f"if first is None or ts < first[0] + {sink.sought.ends_ms}:", *(f"    {line}" for line in kept)]

    def _kept(self, sink: Sink) -> list[str]:  # noqa: PLR0911  one per kind
        key = self.source.bind(sink.key)
        store = f"(stores.get({key}) or facts.store({key}))"
        add = f"{store}.add"
        match sink.kind:
            case "milestone":
                return [f"facts.milestones.add({key}, ts, mid)"]
            case "feature":
                return [f"{add}(ts, mid, person)"]
            case "asked":
                kept = ", ".join(f"kept({self._path(path)})" for path in sink.properties)
                return [f"{add}(ts, mid, [{self.source.bind(sink.title)}, person, [{kept}]])"]
            case "count":
                return [f"{add}(ts, mid)"]
            case "plan":
                paths = ", ".join(f"scalar({self._path(path)})" if path else "None" for path in sink.properties)
                return [f"{self.source.bind(sink.hear)}(facts, event, {paths})"]
            case "worst":
                part = f"countable({self._path(sink.properties[0])})"
                return [f"v, k = {self._value(sink)}, {part}", f"if v is not None and k is not None: {add}(k, ts, mid, v)"]
            case "sight":
                return self._valued(sink, self._seen(sink, store))
            case "distinct" if sink.key[0] == "d" and window_of(sink.key) is not None:
                return self._valued(sink, [f"store = {store}", *ADD])
            case _:
                return self._valued(sink, [f"{add}({_ORDER[sink.kind]})"])

    def _valued(self, sink: Sink, lines: list[str]) -> list[str]:
        """Of an event that has the value."""
        value = f"v = {self._value(sink)}"
        if sink.value == "day" or (sink.value == "person" and sink.selector.builtin == ACTIVE):
            return [value, *lines]
        return [value, "if v is not None:", *(f"    {line}" for line in lines)]

    def _seen(self, sink: Sink, store: str) -> list[str]:
        """Of sights: from when on they count; or into which period they fall, where nearly always there is one before."""
        if sink.sought is not None:
            return [f"{store}.add(v, ts, mid, 0, None if first is None else first[0] + {sink.sought.begins_ms})"]
        of = f"store = {store}; group = {self._period(sink)}; seen = store.groups.get(group, NONE).get(v)"
        return [of, "if seen is None or ts <= seen[0][0]: store.add(v, ts, mid, group); is_known = False"]

    def _period(self, sink: Sink) -> str:
        """Source of the first day of the event's day, week or month."""
        day = self._day(sink.zone)
        if sink.unit == "week":
            return self._once(f"({day} + 3) // 7 * 7 - 3")  # the first of all days, 0, was a Thursday
        return day if sink.unit == "day" else self._once(f"{self.source.bind(period)}({sink.unit!r}, {day})[0]")

    def _day(self, of: str) -> str:
        days = zone(of)
        return self._once(f"ts // {DAY_MS}" if days.utc else f"{self.source.bind(days.day)}(ts)")

    def _once(self, source: str) -> str:
        return self.days.setdefault(source, f"day{len(self.days)}")

    def _value(self, sink: Sink) -> str:
        if sink.value is None:
            return "True"
        if sink.value == "day":
            return self._day(sink.zone)
        if sink.value == "person":
            return "person"
        return f"{_READS[sink.kind]}({self._path(sink.value)})"


def _is_steady(sink: Sink) -> bool:
    """Whether one more active event of somebody on the same UTC day can change nothing of it but when that was last."""
    if sink.selector.builtin != ACTIVE or sink.sought is not None:
        return False
    if sink.kind == "sight":
        return sink.value == "person" and zone(sink.zone).utc
    is_long = sink.kind == "distinct" and (window_of(sink.key) or 0) >= 2 * DAY_MS
    return is_long and (sink.value == "person" or (sink.value == "day" and zone(sink.zone).utc))


_ORDER = {"gauge": "ts, mid, v", "last": "ts, mid, v", "sum": "ts, mid, v", "distinct": "v, ts, mid"}
_READS = {
    "gauge": "number",
    "worst": "number",
    "sum": "summand",
    "last": "scalar",
    "distinct": "countable",
    "sight": "countable",
}
