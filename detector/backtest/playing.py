"""Records of `events` in; the leads that one or more rulebooks make of them out. The worker's own folding, without its database.

What is read, decoded and told apart from its copies serves all the rulebooks. Each folds and judges by itself.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final
from zlib import crc32

from contracts.columns import Columns
from contracts.messages import Command, ImportEnd, LeadEvent, Place
from detector.agenda import Key
from detector.backtest.found import Collected, Found, Win
from detector.backtest.memory import CommandsInMemory, IdsInMemory, NoCopies, NoInventory, Shelf
from detector.changes import Changes
from detector.core.account import Account
from detector.core.hashes import FastHashes
from detector.core.measures.moment import Moment
from detector.core.rulebook.program import Program
from detector.folding import Folding
from detector.partition import Partition
from detector.reading import Frame, read
from detector.seen import SeenIds
from detector.stretch import Stretch, Ticking
from eventlog.port import Record, TopicPartition

ACCOUNTS_MAX: Final = 50_000
"""So many are at hand in one process, all others lie as bytes, some 2 KB each."""
ACCOUNT_BYTES: Final = 20_000
"""One at hand, about."""
IDS_MAX: Final = 500_000
"""After so many events the new ids are packed away."""
IDS_BYTES_MAX: Final = 192 * 1024 * 1024
"""What packed ids take where they are looked at. A backtest has room for them, and no database beside it."""


class Judging(Folding):
    """One rulebook, and the accounts as it sees them."""

    def __init__(self, project: str, program: Program, accounts_max: int, stretch: Callable[[], Stretch]) -> None:
        self._shelf = Shelf()
        bytes_max = accounts_max * ACCOUNT_BYTES
        super().__init__(self._shelf, NoCopies(), CommandsInMemory(), NoInventory(), 1, 1, bytes_max, bytes_max, stretch)
        self._project = project
        self.program = program
        self._accounts_max = accounts_max
        self._changes = Changes()
        self._standing: dict[TopicPartition, Partition] = {}
        self.collected = Collected()

    def partition(self, at: TopicPartition, time: int) -> Partition:
        """As it stands at partition time `time`."""
        partition = self._standing.get(at)
        if partition is None:
            partition = self._standing[at] = Partition(at, 0, 0, 0, {self._project: self.program})
        partition.time = time
        return partition

    def changes(self) -> Changes:
        """Where folding puts what it makes."""
        return self._changes

    @property
    def is_full(self) -> bool:
        """So many accounts are at hand that what is noted must be folded, for them to be put away."""
        return self.accounts_open >= self._accounts_max

    def heard(self) -> None:
        """Folds what is noted, and takes down what it made of leads. If too many accounts are at hand they are put away."""
        changes = self._changes
        for partition in self._standing.values():
            self.fold(partition, changes)
        self._take(changes.lead_events)
        changes.lead_events.clear()
        changes.outbox.clear()
        changes.commands.clear()
        changes.dead_letters.clear()
        if self.is_full:
            self.close(changes, self._standing)
            self._shelf.keep(changes.accounts, changes.facts)
            self.settled()
            self._changes = Changes()

    def _take(self, lead_events: Iterable[LeadEvent]) -> None:
        for event in lead_events:
            self.collected.take(event)

    def accounts(self) -> Iterator[Account]:
        """All of them."""
        at_hand = self._accounts.values()
        for account in at_hand:
            account.unpack()
            yield account
        names = {account.external_id for account in at_hand}
        self._accounts.clear()
        for key in self._shelf.keys():  # noqa: SIM118 - it is no dictionary
            if key[1] not in names:
                account = self._account(key)
                account.unpack()
                yield account
                self._accounts.clear()

    def _account(self, key: Key) -> Account:
        account = self._accounts.get(key)
        if account is None:
            stored = self._stored.pop(key, None) or self._shelf.stored(key)
            account = Account.new(*key) if stored is None else Account.stored(*key, *stored)
            self._accounts.put(key, account)
        return account


class Play:
    """All of one project's accounts, or a share of them: those whose hash modulo `shares` is `share`."""

    def __init__(  # noqa: PLR0913 - what is played, and which part of it
        self,
        project: str,
        programs: Sequence[Program],
        seen_key: bytes,
        share: int = 0,
        shares: int = 1,
        *,
        ticking: bool = False,
    ) -> None:
        """`ticking`: there are no ticks among the records, so what falls due between two of them is judged when it is due."""
        self._project = project
        stretch = Ticking if ticking else Stretch
        self._judging = [Judging(project, program, ACCOUNTS_MAX // len(programs), stretch) for program in programs]
        self._ids = IdsInMemory()
        self._seen = SeenIds(self._ids, seen_key, IDS_BYTES_MAX, FastHashes)
        self._clocks: dict[TopicPartition, Partition] = {}
        self._share, self._shares = share, shares
        self._ticking = ticking
        self._found = Found(leads=[])
        self._unpacked = 0

    @property
    def events(self) -> int:
        """Of the project, in this share."""
        return self._found.events

    def take(self, records: Iterable[Record]) -> None:
        """Those that come next, of each partition in order."""
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            clock = self._clocks.get(at)
            if clock is None:
                clock = self._clocks[at] = Partition(at, 0, 0, 0)
            clock.time = max(clock.time, record.timestamp)
            place = clock.place(record)
            if self._ticking:
                self._pass(clock, place)
            self._one(clock, place, record)
            if not self._ticking:
                self._pass(clock, place)
        for each in self._judging:
            each.heard()

    def _one(self, clock: Partition, place: Place, record: Record) -> None:
        content = read(record)
        if isinstance(content, Frame):
            if content.columns is not None:
                self._frame(clock, place, content.columns, record.value)
        elif isinstance(content, Command):
            self._command(clock, place, content)
        elif isinstance(content, ImportEnd):
            for each in self._judging:
                each.heard()
                each.import_ended(each.partition(clock.at, clock.time), content.project)

    def _pass(self, clock: Partition, place: Place) -> None:
        """Time has come to the record."""
        for each in self._judging:
            partition = each.partition(clock.at, clock.time)
            each.advance(partition, place)
            while each.is_full or each.has_due(partition):
                each.heard()
                each.advance(partition, place)

    def found(self) -> Found:
        """What came of all that was taken."""
        found = self._found
        found.leads = [each.collected.leads() for each in self._judging]
        found.last_at = max((clock.time for clock in self._clocks.values()), default=0)
        firsts: list[int] = []
        judging = self._judging[0]
        for account in judging.accounts():
            found.wins += wins(judging.program, account, found.last_at)
            if account.ledger.first_at >= 0:
                firsts.append(account.ledger.first_at)
        found.first_at = min(firsts, default=None)
        return found

    def _frame(self, clock: Partition, place: Place, columns: Columns, body: bytes) -> None:
        ours: Columns | None = columns
        if self._shares > 1 or columns.project != [self._project] or None in columns.account:
            ours = columns.only([n for n, key in enumerate(columns.keys) if self._covers(*key)])
        if ours is None:
            return
        self._found.copies += len(ours)
        self._unpacked += len(ours)
        fresh = self._seen.without_copies(clock, ours)
        if fresh is not None:
            self._found.events += len(fresh)
            self._found.copies -= len(fresh)
            for each in self._judging:
                each.take(each.partition(clock.at, clock.time), place, fresh, body, each.changes())
        if self._unpacked >= IDS_MAX:
            self._pack_ids()

    def _covers(self, project: str, account: str | None) -> bool:
        if project != self._project or account is None:
            return False
        return self._shares == 1 or crc32(account.encode()) % self._shares == self._share

    def _pack_ids(self) -> None:
        changes, self._unpacked = Changes(), 0
        self._seen.close(changes, self._clocks)
        self._ids.keep(changes.seen, changes.forget_seen)
        self._seen.settled()

    def _command(self, clock: Partition, place: Place, command: Command) -> None:
        if not self._covers(command.project, command.account):
            return
        if command.name == "outcome" and command.arguments.get("status") == "won":
            self._found.wins.append(Win(command.account, place.time, reported=True))
        for each in self._judging:
            each.command(each.partition(clock.at, clock.time), place, command)


def wins(program: Program, account: Account, until: int) -> Iterator[Win]:
    """The changes of an account's plan that the rulebook calls a win. What its very first event says is where it began."""
    facts, ladder, ledger = account.facts, program.ladder, account.ledger
    for at in ladder.changes(facts, ledger.first_at, until):
        if program.close_won(Moment(facts, ladder, at, overrides=ledger.overrides, rules=ledger.rules)):
            yield Win(account.external_id, at, reported=False)
