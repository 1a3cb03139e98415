"""A scenario in; what sales heard, and how leads and signals stand in the end, out: played in memory, as the shell would."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from contracts.messages import Command, LeadEvent, Place, UsageEvent
from detector.core.account import Account
from detector.core.backfill import gather, gathering
from detector.core.commands import apply
from detector.core.judge import advance, import_ended, process
from detector.core.ledger import Signal
from detector.core.rulebook.adoption import Switch, filled, kept, missing, switched
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Span
from detector.core.rulebook.program import Program
from detector.core.seen import DAY_MS, WINDOW_DAYS, hour_of
from detector.scenarios import times
from detector.scenarios.language import EVENTS
from detector.scenarios.model import Line, Scenario

Got = dict[str, Any]
"""A line as a scenario would expect it, with all its keys."""


class Played:
    """A whole scenario: its account, or everybody who is one. What is heard is in the order of the log."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._told = _Told([], [])
        names = (
            [scenario.account]
            if scenario.account is not None
            else dict.fromkeys(filter(None, map(scenario.whose, scenario.given)))
        )
        self._accounts = {name: One(scenario, name, self._told) for name in names}

    @property
    def time(self) -> int:
        """Partition time."""
        return max((each.time for each in self._accounts.values()), default=0)

    @property
    def hears(self) -> list[Got]:
        return self._said(self._told.hears)

    def line(self, number: int, line: Line) -> None:
        """A line at its time, after what time alone has brought until then. `number`: it and its copies have the same."""
        self.passes(_arrival(line))
        whose = self._scenario.whose(line)
        for name in self._accounts if line.verb == "rulebook" else filter(None, [whose]):
            self._accounts[name].line(number, line)

    def arrives(self, number: int, line: Line) -> None:
        """An event, in a record of its own."""
        self._accounts[self._scenario.whose(line)].arrives(number, line)

    def restarts(self) -> None:
        """What was in memory is gone: the accounts are read again from what would be stored of them."""
        for each in self._accounts.values():
            each.restarts()

    def passes(self, until: int) -> None:
        """What falls due is judged by a tick at that time."""
        for each in self._accounts.values():
            each.passes(until)

    def signals(self) -> list[Got]:
        """In order of time."""
        found = [signal for each in self._accounts.values() for signal in each.signals()]
        return self._said(sorted(found, key=lambda each: (each["at"], each["rule"])))

    def leads(self) -> list[Got]:
        """All that ever were, in order of creation."""
        newest = {each.data["lead_id"]: each.data for each in self._told.lead_events}
        told = {each.data["lead_id"] for each in self._told.lead_events if each.notify}
        return self._said([_lead(data, told=lead_id in told) for lead_id, data in newest.items()])

    def _said(self, rows: list[Got]) -> list[Got]:
        """Of one account nobody needs to say which."""
        if self._scenario.account is None:
            return rows
        return [{key: value for key, value in row.items() if key != "account"} for row in rows]


class _Told(NamedTuple):
    """By all accounts together."""

    lead_events: list[LeadEvent]
    hears: list[Got]


class One:
    """An account. `time` is partition time. Time passes between two lines: what falls due in between is judged when it is due."""

    def __init__(self, scenario: Scenario, name: str, told: _Told) -> None:
        self._scenario, self._name, self._told = scenario, name, told
        self._project = scenario.program.rulebook.project
        self.account = Account.new(self._project, name)
        self._chunks: dict[tuple[str, int], bytes] = {}
        """Of the account, as a database would have them."""
        self._seen: dict[tuple[str, int], int] = {}
        self._log: list[UsageEvent] = []
        """Without copies."""
        self._commands: set[str] = set()
        self._program = scenario.program
        """By which it is judged now."""
        self._versions = {scenario.program.version: scenario.program}
        self._spans: dict[str, Span] = {}
        self.time = self._offset = 0

    def line(self, number: int, line: Line) -> None:
        if line.verb in EVENTS:
            self.arrives(number, line)
        elif line.verb == "import":
            self._imports(number, line)
        elif line.verb == "rulebook":
            self._applies(line)
        elif line.verb != "now":
            self._commanded(number, line)

    def arrives(self, number: int, line: Line) -> None:
        place = self._place(_arrival(line))
        self._fold(self._usage(str(number), line), place)
        self._hear(advance(self._program, self.account, place))

    def restarts(self) -> None:
        dump = self.account.dump()
        self._chunks = {chunk: body for chunk, body in {**self._chunks, **dump.chunks}.items() if body}
        self.account = Account.load(self._project, self._name, dump.hot, self._chunks)

    def passes(self, until: int) -> None:
        while self.account.ledger.due <= until:
            self._hear(advance(self._program, self.account, self._place(self.account.ledger.due)))
        self.time = max(self.time, until)

    def _imports(self, number: int, line: Line) -> None:
        place = self._place(line.values["at"])
        for place_in_file, each in enumerate(line.what):
            event = self._usage(f"{number}-{place_in_file:04}", each)
            self._fold(msgspec.structs.replace(event, received_at=place.time, historical=True), place)
        self._hear(import_ended(self._program, self.account, place))
        self._hear(advance(self._program, self.account, place))

    def _applies(self, line: Line) -> None:
        """Another rulebook, from here on. The one that is in force already changes nothing."""
        old, place = self._program, self._place(line.values["at"])
        plain = self._scenario.rulebooks[line.what]
        if plain.rulebook != old.rulebook:
            new = replace(plain, version=old.version + 1)
            self._versions[new.version] = new
            self._spans = switched(self._spans, Switch(old, new, place.time))
            former = kept(self._spans, self._versions.__getitem__)
            self._read_again(new)
            self._program = compile_rulebook(plain.rulebook, new.version, self._spans, former)
        self._hear(advance(self._program, self.account, place))

    def _read_again(self, new: Program) -> None:
        """For facts that it began, from the beginning. That takes no time here: a detector needs some, and rules wait for it."""
        program = gathering(new, missing(self._spans))
        for event in self._log:
            gather(program, self.account, event)
        self._spans = filled(self._spans, new.version, -1)

    def _commanded(self, number: int, line: Line) -> None:
        if str(number) in self._commands:
            return
        self._commands.add(str(number))
        name, arguments = _ARGUMENTS[line.verb](line.values)
        if "lead" in line.values:
            arguments["lead"] = self._lead(line.values["lead"])
        place = self._place(line.values["at"])
        command = Command(id=str(number), project=self._project, account=self._name, name=name, arguments=arguments)
        applied = apply(self._program, self.account, command, place)
        self._hear(applied.lead_events)
        if applied.code is not None:
            self._told.hears.append({"at": place.time, "refused": applied.code})
        self._hear(advance(self._program, self.account, place))

    def _lead(self, lead_type: str) -> str:
        """The newest of that type."""
        of_account = (each.data for each in self._told.lead_events if each.data["account"]["external_id"] == self._name)
        ids = [data["lead_id"] for data in of_account if data["lead_type"] == lead_type]
        return ids[-1] if ids else f"no {lead_type}"

    def _fold(self, event: UsageEvent, place: Place) -> None:
        today, key = place.time // DAY_MS, (event.id, hour_of(event.original_timestamp, event.received_at))
        if self._seen.get(key, -1) < today - WINDOW_DAYS:
            self._seen[key] = today
            self._log.append(event)
            self._hear(process(self._program, self.account, event, place))

    def _usage(self, number: str, line: Line) -> UsageEvent:
        values = line.values
        return UsageEvent(
            project=self._project,
            id=values.get("id", f"line-{number:>04}"),
            type=line.verb,  # type: ignore[arg-type]
            timestamp=values["at"],
            original_timestamp=values["at"],
            received_at=_arrival(line),
            name=line.what if line.verb in ("track", "page") else None,
            account=self._name,
            person=line.what if line.verb == "identify" else values.get("person"),
            anonymous=values.get("anonymous"),
            properties=_raw(values.get("properties", {})),
            traits=_raw(values.get("traits", {})),
        )

    def _place(self, time: int) -> Place:
        self.time, self._offset = max(self.time, time), self._offset + 1
        return Place(topic="events", partition=0, offset=self._offset, time=self.time)

    def _hear(self, lead_events: Sequence[LeadEvent]) -> None:
        self._told.lead_events.extend(lead_events)
        self._told.hears.extend([_heard(each) for each in lead_events if each.notify])

    def signals(self) -> list[Got]:
        rules = self.account.ledger.rules.items()
        return [_signal(self._name, rule, each) for rule, state in rules for each in state.signals]


def _arrival(line: Line) -> int:
    at: int = line.values["now"] if line.verb == "now" else line.values.get("received", line.values["at"])
    return at


def _raw(of: Mapping[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(of).encode())


def _outcome(values: Mapping[str, Any]) -> tuple[str, Got]:
    return "outcome", {key: values[key] for key in ("reason", "amount", "by") if key in values} | {"status": values["outcome"]}


def _override(values: Mapping[str, Any]) -> tuple[str, Got]:
    allowed = values["allowed"]
    if allowed == "plan":
        return "override", {"limit": values["override"], "remove": True}
    return "override", {"limit": values["override"], "allowed": None if allowed == "none" else allowed}


def _opted(who: str, *, out: bool) -> tuple[str, Got]:
    return "opt_out", {"opted_out": out} | ({} if who == "account" else {"person": who})


_ARGUMENTS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, Got]]] = {
    "outcome": _outcome,
    "snooze": lambda values: ("snooze", {"until": values["snooze"]}),
    "owner": lambda values: ("owner", {"email": values["owner"]}),
    "override": _override,
    "opt_out": lambda values: _opted(values["opt_out"], out=True),
    "opt_in": lambda values: _opted(values["opt_in"], out=False),
}


def _heard(event: LeadEvent) -> Got:
    data = event.data
    got: Got = {"at": event.timestamp, event.type.removeprefix("lead."): data["lead_type"], **_common(data)}
    got["person"] = next((each["external_id"] for each in data["people"]), None)
    found: dict[str, list[Any]] = {}
    for change in data["changes"]:
        if change["field"] == "signal":
            # A rule without steps is added as null -> null; what is gone was something before.
            found.setdefault("adds" if change["old"] is None else "loses", []).append(change["rule"])
        elif change["field"] in ("step", "reason"):
            found.setdefault(change["field"], []).append(change["new"])
    return got | {key: values[0] if len(values) == 1 else tuple(values) for key, values in found.items()}


def _common(data: Mapping[str, Any]) -> Got:
    return {
        "qualified_at": times.of_iso(data["qualified_at"]),
        "says": data["summary"],
        "temperature": data["temperature"],
        "owner": data["owner"]["email"],
        "disputed": data["disputed"],
        "score": data["score"]["total"],
        "fit": data["score"]["fit"],
        "behaviour": data["score"]["behaviour"],
        "segments": tuple(data["segments"]),
        "signals": tuple(" ".join(filter(None, (each["rule"], each["step"]))) for each in data["signals"]),
        "account": data["account"]["external_id"],
    }


def _lead(data: Mapping[str, Any], *, told: bool) -> Got:
    return {data["lead_type"]: data["status"], **_common(data), "told": told}


def _signal(account: str, rule: str, signal: Signal) -> Got:
    return {"rule": rule, "step": signal.step, "at": signal.qualified_at, "lead": signal.lead_type, "account": account}
