"""Events and commands of `events` in; accounts' facts and ledgers changed and lead events out, each of them once."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import msgspec

from contracts.codec import encode
from contracts.messages import LEAD_EVENTS, Command, DeadLetter, LeadEvent, Place, UsageEvent
from contracts.partition import partition_of
from detector import metrics
from detector.agenda import Agenda, Key
from detector.backfill import Backfill
from detector.busiest import Busiest
from detector.cache import Cache
from detector.changes import AccountRow, Buried, Changes, CommandRow, DueRow, FactRow, OutboxRow
from detector.core.account import Account
from detector.core.backfill import gather
from detector.core.commands import Applied, apply
from detector.core.instants import NEVER
from detector.core.judge import advance, import_ended, process
from detector.inventory import Inventory
from detector.partition import Partition
from detector.reading import unusable
from detector.seen import SeenIds
from detector.seen_commands import SeenCommands
from detector.store.accounts import Accounts, Chunks
from eventlog.port import TopicPartition

BYTES_MAX = 256 * 1024 * 1024
IMPORT_ENDED = 0
"""The due time of accounts whose import has ended: before any other's."""
TIMERS_MAX = 1_000
"""How many accounts one record judges at most because they are due; the next record, or the next second's tick, goes on."""
_ACCOUNT = attrgetter("account")
_NAMED = attrgetter("project", "account")


class Folding:
    """The shell around `detector.core.judge` and `.commands`: loads accounts, drops copies, collects what is to be written."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it stands on
        self,
        store: Accounts,
        seen: SeenIds,
        seen_commands: SeenCommands,
        inventory: Inventory,
        partitions: int,
        of_events: int,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        """`partitions`: of the topic `lead-events`; `of_events`: of `events`."""
        self._store = store
        self._seen = seen
        self._seen_commands = seen_commands
        self._inventory = inventory
        self._partitions = partitions
        self._of_events = of_events
        self._accounts: Cache[Key, Account] = Cache(bytes_max, attrgetter("size"))
        self._busiest = Busiest()
        self._stored: dict[Key, tuple[bytes, Chunks]] = {}
        self._moved: set[tuple[TopicPartition, Key]] = set()
        """Whose due time the open batch changes."""

    @property
    def accounts_open(self) -> int:
        """How many the open batch changes."""
        return len(self._accounts.open)

    def acquire(self, partition: Partition) -> None:
        """Load which of the partition's accounts are due when, and which events it knows."""
        self._inventory.acquire(partition)
        rows = self._store.due(partition.at.partition)
        partition.agenda = Agenda((row.due, row.project, row.account) for row in rows)
        partition.importing = {(row.project, row.account) for row in rows if row.importing}

    def rest(self) -> None:
        """There is nothing to read."""
        self._busiest.rest()

    def prepare(
        self, events: Mapping[TopicPartition, Sequence[UsageEvent]], commands: Sequence[Command], due: Iterable[Key]
    ) -> None:
        """Load every account that the partitions' events and commands name, or that comes due, and their seen ids, at once."""
        anybody: set[tuple[str, str | None]] = set()
        for each in events.values():
            anybody.update(map(_NAMED, each))
        named = {(project, account) for project, account in anybody if account is not None}
        named |= {(command.project, command.account) for command in commands}
        self._seen_commands.prepare(command.id for command in commands)
        self._stored = self._store.load(self._accounts.missing({*named, *due}))
        for at, each in events.items():
            self._seen.prepare(at, each)
            self._busiest.look(each)

    def take(self, partition: Partition, place: Place, events: Sequence[UsageEvent], changes: Changes) -> None:
        """The events of the record at `place`."""
        usable = events
        if None in map(_ACCOUNT, events):
            usable = [event for event in events if event.account is not None]
            changes.dead_letters += (
                Buried(_nobodys(event, place), partition.at, place.offset) for event in events if event.account is None
            )
        fresh = self._seen.without_copies(partition, usable)
        metrics.DUPLICATES.inc(len(usable) - len(fresh))
        self._inventory.take(partition, fresh)
        programs, known, opened = partition.programs, self._accounts.get, self._accounts.open
        for event in fresh:
            program = programs.get(event.project)
            if program is None:
                # Nothing says yet what to keep of it. A later rulebook's measures begin at its own first record.
                metrics.WITHOUT_RULEBOOK.inc()
                self._noted((event.project, event.account or ""))
                continue
            key = (event.project, event.account or "")
            account = known(key) or self._account(key)
            due = account.ledger.due
            lead_events = process(program, account, event, place)
            if lead_events:
                self._tell(lead_events, place, changes)
            opened[key] = account
            if account.ledger.due != due or account.ledger.importing:
                self._schedule(partition, key, account)

    def look_up(self, backfill: Backfill, events: Sequence[UsageEvent]) -> None:
        """Load what `gather` will need for these."""
        self._stored = self._store.load(self._accounts.missing(set(map(_NAMED, events))))
        self._seen.prepare(backfill.reading.at, events)

    def gather(self, backfill: Backfill, events: Sequence[UsageEvent]) -> None:
        """Those of one record of a second reading."""
        for event in self._seen.without_copies(backfill.reading, events):
            key = (event.project, event.account or "")
            account = self._account(key)
            gather(backfill.gathers, account, event)
            self._accounts.touch(key, account)

    def has_heard(self, partition: Partition, project: str) -> bool:
        """Whether any event of the project came to the partition."""
        return self._inventory.has_heard(partition, project)

    def _noted(self, key: Key) -> None:
        """Somebody was there before any rulebook was."""
        account = self._account(key)
        account.came(0)
        self._accounts.touch(key, account)

    def switched(self, partition: Partition, project: str) -> None:
        """The partition judges the project by another rulebook from here on. Where nobody may be missed, everybody is due."""
        if partition.programs[project].asks_everybody:
            self.everybody(partition, project)

    def everybody(self, partition: Partition, project: str) -> None:
        """Is due."""
        names = {*self._store.names(project), *(account for of, account in self._accounts if of == project)}
        for name in sorted(names):
            if partition_of(project, name, self._of_events) == partition.at.partition:
                self._moved.add((partition.at, (project, name)))
                partition.agenda.schedule((project, name), partition.time)

    def command(self, partition: Partition, place: Place, command: Command, changes: Changes) -> None:
        """The command in the record at `place`, with what becomes of it. A copy changes nothing."""
        if not self._seen_commands.first(command.id):
            return
        key = (command.project, command.account)
        account = self._account(key)
        applied = apply(partition.programs.get(command.project), account, command, place)
        self._tell(applied.lead_events, place, changes)
        if applied.code is None:
            self._accounts.touch(key, account)
            self._schedule(partition, key, account)
        changes.commands.append(_row(command, applied, place))

    def advance(self, partition: Partition, place: Place, changes: Changes) -> None:
        """Partition time has come to `place.time`: judge the accounts that are due; what is too much for one record waits."""
        taken = partition.agenda.take(place.time, TIMERS_MAX)
        if not taken:
            return
        missing = self._accounts.missing(key for _, key in taken) - self._stored.keys()
        self._stored.update(self._store.load(missing))
        for due, key in taken:
            account = self._account(key)
            program = partition.programs.get(key[0])
            if program is not None:
                judge = import_ended if due == IMPORT_ENDED and account.ledger.importing else advance
                self._tell(judge(program, account, place), place, changes)
                self._accounts.touch(key, account)
                partition.importing.discard(key)
            self._moved.add((partition.at, key))
            self._schedule(partition, key, account)

    def import_ended(self, partition: Partition, project: str) -> None:
        """Whoever has history that is not judged yet is due at once."""
        for key in partition.importing:
            if key[0] == project:
                partition.agenda.schedule(key, IMPORT_ENDED)
                self._moved.add((partition.at, key))

    def _tell(self, lead_events: Sequence[LeadEvent], place: Place, changes: Changes) -> None:
        for lead_event in lead_events:
            changes.lead_events.append(lead_event)
            target = partition_of(lead_event.project, lead_event.account, self._partitions)
            value = encode(lead_event)
            changes.made += len(value)
            changes.outbox.append(OutboxRow(place.topic, place.partition, LEAD_EVENTS, target, value))

    def _schedule(self, partition: Partition, key: Key, account: Account) -> None:
        ledger = account.ledger
        if ledger.due == NEVER:
            return
        moved = partition.agenda.schedule(key, ledger.due)
        if ledger.importing and key not in partition.importing:
            partition.importing.add(key)
            moved = True
        if moved:
            self._moved.add((partition.at, key))

    def close(self, changes: Changes, partitions: dict[TopicPartition, Partition]) -> None:
        """Put what the open batch changed into `changes`."""
        self._seen.close(changes, partitions)
        self._inventory.close(changes, partitions)
        self._seen_commands.close()
        for (project, name), account in self._accounts.close().items():
            _count(account)
            dump = account.dump()
            if account.is_empty:
                continue
            changes.accounts.append(AccountRow(project, name, dump.hot))
            changes.facts.extend(FactRow(project, name, *chunk, body) for chunk, body in dump.chunks.items())
        for at, key in sorted(self._moved):
            due = partitions[at].agenda.due(key)
            if due is None:
                changes.no_longer_due.append(key)
            else:
                changes.due.append(DueRow(*key, at.partition, due, key in partitions[at].importing))
        self._moved = set()
        metrics.ACCOUNT_CACHE_BYTES.set(self._accounts.bytes)

    def settled(self) -> None:
        self._accounts.settled()
        self._seen.settled()
        self._seen_commands.settled()

    def clear(self) -> None:
        self._accounts.clear()
        self._stored = {}
        self._moved = set()
        self._seen.clear()
        self._inventory.clear()
        self._seen_commands.clear()

    def _account(self, key: Key) -> Account:
        """From memory, or from what `prepare` has loaded; one that is nowhere is new."""
        account = self._accounts.get(key)
        if account is None:
            stored = self._stored.pop(key, None)
            account = Account.new(*key) if stored is None else Account.load(*key, *stored)
            self._accounts.put(key, account)
        return account


def _count(account: Account) -> None:
    """What it counted since the last batch goes into the metrics."""
    if account.dropped:
        metrics.DROPPED.inc(account.dropped)
        account.dropped = 0
    for (rule, why), number in account.silent.items():
        metrics.SILENT.labels(account.project, rule, why).inc(number)
    account.silent.clear()


def _nobodys(event: UsageEvent, place: Place) -> DeadLetter:
    return unusable(event, "no_account", f"The event lies in {place.topic} and names no account: nobody may write so.")


def _row(command: Command, applied: Applied, place: Place) -> CommandRow:
    return CommandRow(
        id=command.id,
        project=command.project,
        account=command.account,
        name=command.name,
        arguments=msgspec.json.encode(command.arguments).decode(),
        status="applied" if applied.code is None else "refused",
        code=applied.code,
        message=applied.message,
        result=msgspec.json.encode(applied.result).decode(),
        applied_at=place.time,
        topic=place.topic,
        partition=place.partition,
        offset=place.offset,
    )
