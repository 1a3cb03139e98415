"""The core of the detector, driven as its shell drives it: one account, whose bytes are all that survives a restart."""

import json
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from contracts import messages
from contracts.codec import encode_event
from contracts.columns import columns_of
from contracts.messages import EMPTY_OBJECT, LeadEvent, Place, UsageEvent
from detector.core.account import Account
from detector.core.backfill import gather
from detector.core.commands import apply
from detector.core.ids import lead_id, signal_id
from detector.core.judge import advance, judged_in_order, process
from detector.core.measures.moment import Moment
from detector.core.passing import notes, passed
from detector.core.payload import UNFINISHED
from detector.core.rulebook.checker import checked
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.problems import Report
from detector.core.rulebook.program import Program
from detector.core.rulebook.tree import Fields
from tests.oracle.account import Event
from tests.oracle.oracle import REFUSED, Signal
from tests.oracle.score import Score
from tests.truth.sales import Command
from tests.truth.writing import tree

SIGNALS_KEPT = 8
"""Of each rule the ledger keeps so many: the newest."""
BATCH = 3
"""A commit every so many records; after every other one the account is packed, and unpacked again."""
PROJECT, ACCOUNT = "acme-mail", "acc_9"


class Told(NamedTuple):
    """A signal as receivers know it."""

    signal_id: str
    step: str | None

    @property
    def height(self) -> float:
        return REFUSED if self.step == "refused" else float((self.step or "0%")[:-1])


class Stands(NamedTuple):
    """A signal of the ledger; `lead`: the id of the one that carries it."""

    told: Told
    lead: str
    rule: str
    at: int


def program(book: dict[str, Any]) -> Program:
    report, root = Report(), tree(book)
    assert isinstance(root, Fields)
    rulebook = checked(root, report)
    report.raise_if_any()
    return compile_rulebook(rulebook, 1)


def usage(event: Event) -> UsageEvent:
    fields: dict[str, Any] = {**event, "project": PROJECT, "account": ACCOUNT}
    for key in ("properties", "traits"):
        fields[key] = msgspec.Raw(json.dumps(event[key]).encode()) if event[key] else EMPTY_OBJECT  # as ingest writes it
    return UsageEvent(**fields)


class Detector:
    """`time` is partition time. Of copies the first counts, as in the worker."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.account = Account.new(PROJECT, ACCOUNT)
        self.chunks: dict[tuple[str, int], bytes] = {}
        self.seen: set[str] = set()
        self.read_again: set[str] = set()
        self.time = self.offset = 0
        self.lead_events: list[LeadEvent] = []

    def arrives(self, event: Event) -> None:
        if self.offset % BATCH == 0:
            hot = self.commits()
            if self.offset % (2 * BATCH) == 0:
                self.account.pack(hot)
                self.account.unpack()
        place = self._place(event["received_at"])
        if event["id"] not in self.seen:
            self.seen.add(event["id"])
            of, drops = usage(event), self.program.drops
            spared = drops is not None and drops.spare(encode_event(of))
            noted = list(notes(self.program, columns_of([of]), [0], spared=spared))
            after, is_folded = passed(self.program, self.account, noted, 0, 1, [of].__getitem__)
            if not after:
                judge = judged_in_order if is_folded else process
                self.lead_events += judge(self.program, self.account, of, place)

    def reads_again(self, log: list[Event], program: Program) -> None:
        """For the facts that this folds, beside those that are judged by. Copies are dropped as at first."""
        for event in log:
            if event["id"] not in self.read_again:
                self.read_again.add(event["id"])
                gather(program, self.account, usage(event))

    def says(self, command: Command, *, times: int = 1) -> None:
        """A record of its own: what the record before has made due comes first, and what is due by then last.

        `times`: as if it were said so often, with ids that differ.
        """
        self.passes(self.time)
        place = self._place(command.time)
        assert place.time == command.time, "the oracle counts it from another time on"
        if command.id not in self.seen:
            self.seen.add(command.id)
            about = {"lead": self._lead(command.lead)} if command.name in ("outcome", "snooze", "owner") else {}
            arguments = {**command.arguments, **about}
            said = messages.Command(id=command.id, project=PROJECT, account=ACCOUNT, name=command.name, arguments=arguments)
            for _ in range(times):
                self.lead_events += apply(self.program, self.account, said, place).lead_events
        self.lead_events += advance(self.program, self.account, place)

    def _lead(self, number: int) -> str:
        """One that is open; else one that was."""
        ledger = self.account.ledger
        opened = [lead_id(PROJECT, ACCOUNT, lead_type, n) for lead_type, n in sorted(ledger.leads_opened.items())]
        leads = sorted(lead.lead_id for lead in ledger.open_leads.values()) or opened or ["ld_of_nobody"]
        return leads[number % len(leads)]

    def passes(self, time: int) -> None:
        """A tick: whatever is due until then is judged."""
        self.lead_events += advance(self.program, self.account, self._place(time))

    def _place(self, time: int) -> Place:
        self.time, self.offset = max(self.time, time), self.offset + 1
        return Place(topic="events", partition=0, offset=self.offset, time=self.time)

    def commits(self) -> bytes:
        """What changed is stored, and the account goes on. The row that it is in."""
        dump = self.account.dump()
        self.chunks.update(dump.chunks)
        self.chunks = {key: data for key, data in self.chunks.items() if data}
        return dump.hot

    def restarts(self) -> None:
        self.account = Account.load(PROJECT, ACCOUNT, self.commits(), self.chunks)

    def signals(self) -> set[Signal]:
        rules = self.account.ledger.rules.items()
        return {Signal(each.lead_type, rule, each.step, each.qualified_at) for rule, state in rules for each in state.signals}

    def score(self, t: int) -> Score | None:
        """The account's at t, as of then, with nobody at hand."""
        ledger = self.account.ledger
        moment = Moment(self.account.facts, self.program.ladder, t, overrides=ledger.overrides, rules=ledger.rules)
        if self.program.score is None:
            return None
        found = self.program.score.read(moment)
        return Score(Decimal(found.fit) / 100, Decimal(found.behaviour) / 100)

    def said(self) -> list[bytes]:
        return [msgspec.json.encode(each) for each in self.lead_events]

    def revisions(self) -> list[tuple[str, int]]:
        """Of each lead, as its lead events came; each once."""
        told = [(each.data["lead_id"], each.data["revision"]) for each in self.lead_events]
        assert len({*told}) == len(told)
        return sorted(told, key=itemgetter(0))

    @property
    def retracted(self) -> bool:
        """Whether sales was told of something that turned out not to hold."""
        changes = [change for each in self.lead_events for change in each.data["changes"]]
        dropped = any(each["field"] == "signal" and each["old"] is not None and each["new"] is None for each in changes)
        return dropped or any(each.type == "lead.retracted" for each in self.lead_events)

    def told_of(self) -> set[tuple[str, int]]:
        """(rule, qualified_at) of what receivers take for true, and the ledger does too."""
        told = {each.signal_id for each in self._told()}
        return {(each.rule, each.at) for each in self._stands() if each.told.signal_id in told}

    def overstated(self) -> set[Told]:
        """What somebody was left with that does not hold, or not so high."""
        heights = {each.told.signal_id: each.told.height for each in self._stands()}
        return {each for each in self._told() if each.height > heights.get(each.signal_id, -1)}

    def untold(self) -> set[tuple[str, int]]:
        """(rule, qualified_at) of what holds and nobody was told: its lead does not say so, was taken back, or is none."""
        status = {each.data["lead_id"]: each.data["status"] for each in self.lead_events}
        told, heirs = self._told(), self._heirs()
        stands = self._stands()
        silent = [each for each in stands if status.get(each.lead) in UNFINISHED and each.told not in told]
        lost = [each for each in stands if status.get(heirs.get(each.lead, each.lead), "retracted") == "retracted"]
        return {(each.rule, each.at) for each in (*silent, *lost)}

    def _heirs(self) -> dict[str, str]:
        """Lead -> the one that stands in its place now: stronger ones took over, each created just before."""
        heirs: dict[str, str] = {}
        created = ""
        for each in self.lead_events:
            lead = each.data["lead_id"]
            if each.type == "lead.created":
                created = lead
            elif each.type == "lead.superseded":
                heirs = {name: created if heir == lead else heir for name, heir in heirs.items()} | {lead: created}
        return heirs

    def _told(self) -> set[Told]:
        """What receivers, from what they got last of each lead, take for true of those that are not finished."""
        last = {each.data["lead_id"]: each.data for each in self.lead_events}
        unfinished = [lead for lead in last.values() if lead["status"] in UNFINISHED]
        return {Told(each["signal_id"], each["step"]) for lead in unfinished for each in lead["signals"]}

    def _stands(self) -> list[Stands]:
        """What the ledger holds for true."""
        rules = self.account.ledger.rules.items()
        return [
            Stands(Told(signal_id(PROJECT, rule, ACCOUNT, each.n), each.step), each.lead_id, rule, each.qualified_at)
            for rule, state in rules
            for each in state.signals
        ]


def newest(signals: set[Signal]) -> set[Signal]:
    """Those that the ledger still keeps."""
    by_rule: dict[str, list[Signal]] = {}
    for signal in sorted(signals, key=lambda each: each.qualified_at):
        by_rule.setdefault(signal.rule, []).append(signal)
    return {signal for of_rule in by_rule.values() for signal in of_rule[-SIGNALS_KEPT:]}
