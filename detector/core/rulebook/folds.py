"""Selectors and what to do with the events they select in, one fold function per event name out.

Of an event's properties only those are decoded that some rule uses; they become fields of a generated msgspec struct.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from contracts.messages import UsageEvent
from detector.core.facts.distinct import ADD_DAY, ADD_DAY_NAMES
from detector.core.facts.facts import Facts, window_of
from detector.core.facts.people import SAW
from detector.core.facts.series import DAY_MS
from detector.core.measures.sink import Sink
from detector.core.rulebook import decode
from detector.core.rulebook.generate import Source
from detector.core.rulebook.judged import ACTING
from detector.core.rulebook.model import Name

Fold = Callable[[Facts, UsageEvent], None]
ACTIVE = "active"


class Folds(NamedTuple):
    """`named`: wire name -> fold of a track event so named; `other`: of every other track event; `untracked`: of what is none."""

    named: dict[str, Fold]
    other: Fold
    untracked: Fold


def fold_functions(sinks: list[Sink], *, acting: bool) -> Folds:
    """`acting`: whether it must be kept who acted when."""
    unique = list({(sink.key, sink.title): sink for sink in sinks}.values())  # measures that share facts fold once
    names = {term.name for sink in unique for term in sink.selector.terms}
    named = {name: _Builder(name, unique, acting=acting).build() for name in sorted(names)}
    return Folds(named, _Builder(None, unique, acting=acting).build(), _Builder(None, [], acting=acting).build())


class _Builder:
    """One event name's function."""

    def __init__(self, name: str | None, sinks: list[Sink], *, acting: bool) -> None:
        self.name = name
        self.acting = acting
        self.sinks = [sink for sink in sinks if self._wanted(sink)]
        self.source = Source()
        self.fields: dict[str, str] = {}
        for function in ("number", "summand", "scalar", "kept", "countable", "dig"):
            self.source.namespace[function] = getattr(decode, function)
        self.source.namespace |= ADD_DAY_NAMES

    def _wanted(self, sink: Sink) -> bool:
        return sink.selector.builtin == ACTIVE or any(term.name == self.name for term in sink.selector.terms)

    def build(self) -> Fold:
        written = [line for sink in self.sinks for line in self._lines(sink)]
        body = ["ts = event.timestamp; mid = event.id; person = event.person", "if ts > facts.newest: facts.newest = ts"]
        if self.sinks:
            body.append("stores = facts.stores")
        if self.acting:
            body.append(f"facts.store({self.source.bind(ACTING)}).add(ts, mid, person)")
        body += ["if person is not None:", *(f"    {line}" for line in SAW)]
        body.append("elif event.anonymous is not None: facts.activity.saw_anonymous(ts)")
        if self.fields:
            body.append(f"p = {self._decoder()}(event.properties)")
        return self.source.build("fold", "facts, event", body + written)

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

    def _lines(self, sink: Sink) -> list[str]:
        body = [f"    {line}" for line in self._keep(sink)]
        return [f"if {self._condition(sink)}:", *body]

    def _condition(self, sink: Sink) -> str:
        if sink.selector.builtin == ACTIVE:
            return "person is not None"
        terms = [term for term in sink.selector.terms if term.name == self.name]
        if any(term.where is None for term in terms):
            return "True"
        checks = [self.source.expression(term.where.expr, self._read) for term in terms if term.where is not None]
        return " or ".join(f"truth({check}) is True" for check in checks)

    def _keep(self, sink: Sink) -> list[str]:  # noqa: PLR0911  one per kind of sink
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
            case "distinct" if sink.value == "day" and window_of(sink.key) is not None:
                return [f"store = {store}", *ADD_DAY]
            case _:
                return [f"v = {self._value(sink)}", f"if v is not None: {add}({_ORDER[sink.kind]})"]

    def _value(self, sink: Sink) -> str:
        if sink.value == "day":
            return f"ts // {DAY_MS}"
        if sink.value == "person":
            return "person"
        read = {"gauge": "number", "worst": "number", "sum": "summand", "last": "scalar", "distinct": "countable"}[sink.kind]
        return f"{read}({self._path(sink.value or '')})"


_ORDER = {"gauge": "ts, mid, v", "last": "ts, mid, v", "sum": "ts, mid, v", "distinct": "v, ts, mid"}
