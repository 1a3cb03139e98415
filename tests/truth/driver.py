"""The core of the detector, driven as its shell drives it: one account, whose bytes are all that survives a restart."""

import json
from typing import Any

import msgspec

from contracts.messages import LeadEvent, Place, UsageEvent
from detector.core.account import Account
from detector.core.ids import signal_id
from detector.core.judge import advance, process
from detector.core.rulebook.compile import Program, compile_rulebook
from detector.core.rulebook.parse import parse
from tests.oracle.account import Event
from tests.oracle.oracle import Signal
from tests.truth.writing import yaml

SIGNALS_KEPT = 8
"""Of each rule the ledger keeps so many: the newest."""
PROJECT, ACCOUNT = "acme-mail", "acc_9"


def program(book: dict[str, Any]) -> Program:
    return compile_rulebook(parse(yaml(book), {}).rulebook, 1)


def usage(event: Event) -> UsageEvent:
    fields: dict[str, Any] = {**event, "project": PROJECT, "account": ACCOUNT}
    fields |= {key: msgspec.Raw(json.dumps(event[key]).encode()) for key in ("properties", "traits")}
    return UsageEvent(**fields)


class Detector:
    """`time` is partition time. Of copies the first counts, as in the worker."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.account = Account.new(PROJECT, ACCOUNT)
        self.chunks: dict[tuple[str, int], bytes] = {}
        self.seen: set[str] = set()
        self.time = self.offset = 0
        self.lead_events: list[LeadEvent] = []

    def arrives(self, event: Event) -> None:
        place = self._place(event["received_at"])
        if event["id"] not in self.seen:
            self.seen.add(event["id"])
            self.lead_events += process(self.program, self.account, usage(event), place)

    def passes(self, time: int) -> None:
        """A tick: whatever is due until then is judged."""
        self.lead_events += advance(self.program, self.account, self._place(time))

    def _place(self, time: int) -> Place:
        self.time, self.offset = max(self.time, time), self.offset + 1
        return Place(topic="events", partition=0, offset=self.offset, time=self.time)

    def restarts(self) -> None:
        dump = self.account.dump()
        self.chunks.update(dump.chunks)
        self.chunks = {key: data for key, data in self.chunks.items() if data}
        self.account = Account.load(PROJECT, ACCOUNT, dump.hot, self.chunks)

    def signals(self) -> set[Signal]:
        rules = self.account.ledger.rules.items()
        return {Signal(each.lead_type, rule, each.step, each.qualified_at) for rule, state in rules for each in state.signals}

    def said(self) -> list[bytes]:
        return [msgspec.json.encode(each) for each in self.lead_events]

    @property
    def retracted(self) -> bool:
        """Whether sales was told of something that turned out not to hold."""
        changes = [change for each in self.lead_events for change in each.data["changes"]]
        dropped = any(each["field"] == "signal" and each["old"] is not None and each["new"] is None for each in changes)
        return dropped or any(each.type == "lead.retracted" for each in self.lead_events)

    def told(self) -> set[tuple[str, str | None]]:
        """Id and step of every signal that receivers, from what they got last of each lead, take for true."""
        last = {each.data["lead_id"]: each for each in self.lead_events}
        unfinished = [each for each in last.values() if each.type in ("lead.created", "lead.updated")]
        return {(each["signal_id"], each["step"]) for lead in unfinished for each in lead.data["signals"]}

    def stands(self) -> set[tuple[str, str | None]]:
        """Id and step of every signal that the ledger holds for true."""
        rules = self.account.ledger.rules.items()
        return {(signal_id(PROJECT, rule, ACCOUNT, each.n), each.step) for rule, state in rules for each in state.signals}


def newest(signals: set[Signal]) -> set[Signal]:
    """Those that the ledger still keeps."""
    by_rule: dict[str, list[Signal]] = {}
    for signal in sorted(signals, key=lambda each: each.qualified_at):
        by_rule.setdefault(signal.rule, []).append(signal)
    return {signal for of_rule in by_rule.values() for signal in of_rule[-SIGNALS_KEPT:]}
