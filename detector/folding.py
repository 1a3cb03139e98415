"""Events and commands of `events` in; accounts' facts and ledgers changed and lead events out, each of them once."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter

import msgspec

from contracts.codec import encode
from contracts.columns import Columns
from contracts.messages import LEAD_EVENTS, Command, DeadLetter, LeadEvent, Place, UsageEvent
from contracts.partition import partition_of
from detector import metrics
from detector.account_cache import AccountCache
from detector.agenda import Agenda, Key
from detector.backfill import Backfill
from detector.busiest import Busiest
from detector.changes import AccountRow, Buried, Changes, CommandRow, DueRow, FactRow, OutboxRow
from detector.core.account import Account
from detector.core.backfill import gather
from detector.core.commands import Applied, apply
from detector.core.instants import NEVER
from detector.core.judge import advance, import_ended, judged_in_order, process
from detector.core.passing import Noted, StumbledError, command_noted, notes, passed
from detector.core.rulebook.program import Program
from detector.inventory import Inventory
from detector.partition import Partition
from detector.poison import PoisonError
from detector.reading import unusable
from detector.seen import SeenIds
from detector.seen_commands import SeenCommands
from detector.store.accounts import Accounts, Chunks
from detector.stretch import AFTER, Stretch
from eventlog.port import TopicPartition

BYTES_MAX = 512 * 1024 * 1024
AT_HAND_MIN = BYTES_MAX // 8
"""Of accounts in memory: all of them; and of those that need not be unpacked to be folded, as long as there are so many."""
IMPORT_ENDED = 0
"""The due time of accounts whose import has ended: before any other's."""
TIMERS_MAX = 1_000
"""How many accounts of a partition one batch judges at most because they are due. All others go on meanwhile."""


class Folding:
    """The shell around `detector.core.judge` and `.commands`: loads accounts, drops copies, collects what is to be written.

    `take`, `command` and `advance` only note what came; `fold` plays it, one account after the other.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it stands on
        self,
        store: Accounts,
        seen: SeenIds,
        seen_commands: SeenCommands,
        inventory: Inventory,
        partitions: int,
        of_events: int,
        bytes_max: int = BYTES_MAX,
        at_hand_min: int = AT_HAND_MIN,
        stretch: Callable[[], Stretch] = Stretch,
    ) -> None:
        """`partitions`: of the topic `lead-events`; `of_events`: of `events`."""
        self._store = store
        self._seen = seen
        self._seen_commands = seen_commands
        self._inventory = inventory
        self._partitions = partitions
        self._of_events = of_events
        self._accounts = AccountCache(bytes_max, at_hand_min)
        self._busiest = Busiest()
        self._stored: dict[Key, tuple[bytes, Chunks]] = {}
        self._stretches: defaultdict[TopicPartition, Stretch] = defaultdict(stretch)
        """What is noted and not folded yet."""
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
        self, frames: Mapping[TopicPartition, Sequence[Columns]], commands: Sequence[Command], due: Iterable[Key]
    ) -> None:
        """Load every account that the partitions' events and commands name, or that comes due, and their seen ids, at once."""
        named = _named(chain.from_iterable(frames.values()))
        named |= {(command.project, command.account) for command in commands}
        self._seen_commands.prepare(command.id for command in commands)
        self._stored = self._store.load(self._accounts.missing({*named, *due}))
        for at, each in frames.items():
            self._seen.prepare(at, each)
            for columns in each:
                self._busiest.look(columns)

    def take(self, partition: Partition, place: Place, columns: Columns, body: bytes, changes: Changes) -> None:
        """Of the events of the record at `place` those that count; its value is `body`."""
        usable: Columns | None = columns
        if None in columns.account:
            accounts = list(columns.each(columns.account))
            usable = columns.only([n for n, account in enumerate(accounts) if account is not None])
            nobodys = [columns.event(n) for n, account in enumerate(accounts) if account is None]
            changes.dead_letters += (Buried(_nobodys(event, place), partition.at, place.offset) for event in nobodys)
        if usable is None:
            return
        fresh = self._seen.without_copies(partition, usable)
        metrics.DUPLICATES.inc(len(usable) - (0 if fresh is None else len(fresh)))
        if fresh is None:
            return
        self._inventory.take(partition, fresh)
        stretch = self._stretches[partition.at]
        first, things = stretch.hold(place, fresh), stretch.things
        for project, places, part in fresh.of_each_project():
            program = partition.programs.get(project)
            spared = program is None or program.drops is None or program.drops.spare(body)
            numbers = range(first, first + len(fresh)) if part is fresh else [first + n for n in places]
            for account, noted in zip(part.each(part.account), notes(program, part, numbers, spared=spared), strict=True):
                key = (project, account or "")
                (things.get(key) or self._noted(things, key)).append(noted)

    def command(self, partition: Partition, place: Place, command: Command) -> None:
        """The command in the record at `place`. A copy changes nothing."""
        stretch, key = self._stretches[partition.at], (command.project, command.account)
        if self._seen_commands.first(command.id):
            noted = command_noted(stretch.hold(place, command))
            (stretch.things.get(key) or self._noted(stretch.things, key)).append(noted)

    def advance(self, partition: Partition, place: Place) -> None:
        """Partition time has come to `place.time`: accounts that are due are noted, so many at once that there may be more."""
        stretch = self._stretches[partition.at]
        stretch.come(place)
        taken = partition.agenda.take(place.time, TIMERS_MAX)
        if not taken:
            return
        missing = self._accounts.missing(key for _, key in taken) - self._stored.keys()
        self._stored.update(self._store.load(missing))
        for due, key in taken:
            stretch.dues[key] = due
            self._accounts.touch(key, self._account(key))
            self._moved.add((partition.at, key))

    def has_due(self, partition: Partition) -> bool:
        """There are more: the record at which they are due is not over."""
        first = partition.agenda.first
        return first is not None and first <= partition.time

    def fold(self, partition: Partition, changes: Changes) -> None:
        """All that is noted of the partition since the last time. By what it is judged must not have changed since.

        Raises PoisonError.
        """
        stretch = self._stretches.pop(partition.at, None)
        if stretch is None:
            return
        for key in dict.fromkeys([*stretch.dues, *stretch.things]):
            self._play(partition, stretch, key, changes)
            self._accounts.make_room(key)
        stretch.told.sort(key=itemgetter(0, 1))  # in the order of the log
        for _, _, lead_events in stretch.told:
            self._tell(partition.at, lead_events, changes)

    def _noted(self, things: dict[Key, list[Noted]], key: Key) -> list[Noted]:
        """Where more of the account is to be noted. The open batch changes it."""
        self._accounts.touch(key, self._account(key))
        noted = things[key] = []
        return noted

    def _play(self, partition: Partition, stretch: Stretch, key: Key, changes: Changes) -> None:
        """What is noted of one account, and what time brings in between."""
        program, account = partition.programs.get(key[0]), self._accounts.open[key]
        ledger, places, end = account.ledger, stretch.places, stretch.end
        due, scheduled, since = stretch.dues.get(key, NEVER), ledger.due, -1
        things, n = stretch.things.pop(key, []), 0  # so that they go at once, while the processor has them at hand
        number = stretch.record_of(things[0][0]) if things else 0
        try:
            self._accounts.take(key, account, len(things))
            while n < len(things):
                stop, is_folded = len(things), False
                if due <= end:
                    due, after = self._pass(partition, stretch, account, due, (since, stretch.record_of(things[n][0])))
                    stop = bisect_left(things, (stretch.first_of(after),), n)
                if program is not None:
                    n, is_folded = passed(program, account, things, n, stop, stretch.event)
                    if n == stop:
                        continue
                line = things[n][0]
                number, thing = stretch.record_of(line), stretch.content(line)
                n, since = n + 1, number
                lead_events: Sequence[LeadEvent]
                if isinstance(thing, Command):
                    applied = apply(program, account, thing, places[number])
                    lead_events = applied.lead_events
                    changes.commands.append(_row(thing, applied, places[number]))
                else:
                    lead_events = _judged(program, account, thing, places[number], is_folded=is_folded)
                if lead_events:
                    stretch.told.append((number, line, lead_events))
                due = min(due, ledger.due)
            if due <= end:
                self._pass(partition, stretch, account, due, (since, len(places)))
        except PoisonError:
            raise
        except StumbledError as error:
            raise PoisonError(partition.at, places[stretch.record_of(things[error.place][0])].offset) from error.__cause__
        except Exception as error:
            raise PoisonError(partition.at, places[number].offset) from error
        if ledger.due != scheduled or ledger.importing or key in stretch.dues:
            self._schedule(partition, key, account, end)

    def _pass(
        self, partition: Partition, stretch: Stretch, account: Account, due: int, between: tuple[int, int]
    ) -> tuple[int, int]:
        """Judges what time brings between two records, the first of which is over.

        When it is due next, and the number of the first record that comes after that.
        """
        program, ledger, (since, before) = partition.programs.get(account.project), account.ledger, between
        if program is None:
            return NEVER, len(stretch.places)
        while due <= stretch.end:
            number, after = stretch.comes(due, since)
            if after > before:
                return due, after
            place = stretch.seen(due, number, after)
            judge = import_ended if due == IMPORT_ENDED and ledger.importing else advance
            try:
                lead_events = judge(program, account, place)
            except Exception as error:
                raise PoisonError(partition.at, place.offset) from error
            partition.importing.discard((account.project, account.external_id))
            if lead_events:
                stretch.told.append((number, AFTER, lead_events))
            since, due = after - 1, max(ledger.due, place.time + 1)  # not twice in one place
        return due, len(stretch.places)

    def look_up(self, backfill: Backfill, frames: Sequence[Columns]) -> None:
        """Load what `gather` will need for these."""
        self._stored = self._store.load(self._accounts.missing(_named(frames)))
        self._seen.prepare(backfill.reading.at, frames)

    def gather(self, backfill: Backfill, columns: Columns) -> None:
        """Those of one record of a second reading."""
        fresh = self._seen.without_copies(backfill.reading, columns)
        for event in fresh.events() if fresh is not None else ():
            key = (event.project, event.account or "")
            account = self._account(key)
            self._accounts.take(key, account)
            gather(backfill.gathers, account, event)
            self._accounts.touch(key, account)
            self._accounts.make_room(key)

    def has_heard(self, partition: Partition, project: str) -> bool:
        """Whether any event of the project came to the partition."""
        return self._inventory.has_heard(partition, project)

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

    def import_ended(self, partition: Partition, project: str) -> None:
        """Whoever has history that is not judged yet is due at once."""
        for key in partition.importing:
            if key[0] == project:
                partition.agenda.schedule(key, IMPORT_ENDED)
                self._moved.add((partition.at, key))

    def _tell(self, at: TopicPartition, lead_events: Sequence[LeadEvent], changes: Changes) -> None:
        for lead_event in lead_events:
            changes.lead_events.append(lead_event)
            target = partition_of(lead_event.project, lead_event.account, self._partitions)
            value = encode(lead_event)
            changes.made += len(value)
            changes.outbox.append(OutboxRow(at.topic, at.partition, LEAD_EVENTS, target, value))

    def _schedule(self, partition: Partition, key: Key, account: Account, end: int) -> None:
        """`end`: until when it has been looked at."""
        ledger = account.ledger
        if ledger.due == NEVER:
            return
        moved = partition.agenda.schedule(key, max(ledger.due, end + 1))
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
        for key, dump in self._accounts.dumps().items():
            changes.accounts.append(AccountRow(*key, dump.hot))
            changes.facts.extend(FactRow(*key, *chunk, body) for chunk, body in dump.chunks.items())
        self._accounts.close()
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
        self._stretches.clear()
        self._moved = set()
        self._seen.clear()
        self._inventory.clear()
        self._seen_commands.clear()

    def _account(self, key: Key) -> Account:
        """From memory, or from what `prepare` has loaded; one that is nowhere is new."""
        account = self._accounts.get(key)
        if account is None:
            stored = self._stored.pop(key, None)
            account = Account.new(*key) if stored is None else Account.stored(*key, *stored)
            self._accounts.put(key, account)
        return account


def _named(frames: Iterable[Columns]) -> set[Key]:
    """The accounts that their events name."""
    found: defaultdict[str, set[str | None]] = defaultdict(set)
    for columns in frames:
        for project, _, part in columns.of_each_project():
            found[project].update(part.account)
    return {(project, account) for project, accounts in found.items() for account in accounts if account is not None}


def _judged(
    program: Program | None, account: Account, event: UsageEvent, place: Place, *, is_folded: bool
) -> Sequence[LeadEvent]:
    """What comes of an event that may change more than facts."""
    if program is None:
        # Nothing says yet what to keep of it. A later rulebook's measures begin at its own first record.
        metrics.WITHOUT_RULEBOOK.inc()
        account.came(0)
        return ()
    return (judged_in_order if is_folded else process)(program, account, event, place)


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
