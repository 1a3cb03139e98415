"""Records of the three topics in; what they change, as one batch, out. No commit happens here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from contracts.columns import Columns
from contracts.messages import EVENTS, UNATTRIBUTED, Backfilled, Command, ImportEnd, RulebookSwitch
from detector import metrics
from detector.attributor import Attributor
from detector.backfill import Backfill, backfill
from detector.changes import BackfillRow, Buried, Changes, Move
from detector.core.backfill import gathering
from detector.core.instants import NEVER
from detector.core.rulebook.adoption import Switch, expire, expires, filled, missing, switched
from detector.core.rulebook.model import Span
from detector.folding import TIMERS_MAX, Folding
from detector.partition import Partition
from detector.poison import PoisonError, UnreadableError
from detector.programs import Programs, RulebookMissingError
from detector.reading import Content, Frame, read
from eventlog.port import LogError, Record, TopicPartition

BATCH_BYTES_MAX = 64 * 1024 * 1024
"""Of what is read and what is made of it."""
BATCH_ACCOUNTS_MAX = 64_000
"""None that a batch changes may leave the memory before it is written: some 2 KB each, twice, and what is packed of it."""


@dataclass(slots=True)
class Batch:
    """What was computed since the last hand-over. `partitions`: those that it moves."""

    changes: Changes = field(default_factory=Changes)
    partitions: dict[TopicPartition, Partition] = field(default_factory=dict)
    backfills: dict[tuple[TopicPartition, str], Backfill] = field(default_factory=dict)
    """Those that it moves."""
    events: int = 0
    read: int = 0
    """Bytes of the records."""


def _of_project(project: str, record: Record) -> Columns | None:
    content = read(record)
    columns = content.columns if isinstance(content, Frame) else None
    if columns is None:
        return None
    return columns.only([n for n, (of, account) in enumerate(columns.keys) if of == project and account is not None])


def _content(owned: dict[TopicPartition, Partition], record: Record) -> Content | None:
    """None: not ours. What lies behind a barrier is not looked at: already what it names may be what cannot be loaded."""
    partition = owned.get(TopicPartition(record.topic, record.partition))
    if partition is None:
        return None
    return Frame(None) if partition.is_barred(record) else read(record)


class Compute:
    """Runs ahead of the database by at most one open batch and one that is being committed."""

    def __init__(self, programs: Programs, folding: Folding, attributor: Attributor) -> None:
        self._programs = programs
        self._folding = folding
        self._attributor = attributor
        self.batch = Batch()
        self.waits_for: tuple[Partition, Backfill] | None = None
        """What must be gathered, up to where the partition stands, before its next record can be taken."""

    @property
    def is_full(self) -> bool:
        """The open batch must be handed over before more is taken."""
        return self.batch.read + self.batch.changes.made >= BATCH_BYTES_MAX or self._folding.accounts_open >= BATCH_ACCOUNTS_MAX

    def acquire(
        self,
        partition: Partition,
        adopted: Mapping[str, int],
        spans: Mapping[str, Mapping[str, Span]] | None = None,
        backfills: Mapping[str, BackfillRow] | None = None,
    ) -> None:
        """Load what a partition's records are judged by. Raises RulebookMissingError.

        `spans`: of a partition of `events`, what it knows of keys that were not always there; `backfills`: how far it was read
        again for them.
        """
        partition.spans = dict(spans or {})
        partition.spans_end = min(map(expires, partition.spans.values()), default=NEVER)
        partition.programs = {
            project: self._programs.knowing(project, version, partition.spans.get(project, {}))
            for project, version in adopted.items()
        }
        for project in partition.spans:
            self._reads_again(partition, project, (backfills or {}).get(project))
        if partition.at.topic == UNATTRIBUTED:
            self._attributor.acquire(partition)
        elif partition.at.topic == EVENTS:
            self._folding.acquire(partition)

    def take(self, owned: dict[TopicPartition, Partition], records: Sequence[Record]) -> list[Record]:
        """Add records to the batch until it is full; the rest comes back, to be given once the batch is handed over.

        A record that makes more accounts due than are judged at once comes back too: what it says is known by then.
        Or until a partition `waits_for` facts to be gathered; the rest is to be given once they are.

        Raises PoisonError, UnreadableError, and SQLAlchemyError or LogError as they come: that the database cannot be reached
        is no defect of a record.
        After either, everything computed must be dropped.
        """
        self.waits_for = None
        contents = [(record, content) for record in records if (content := _content(owned, record)) is not None]
        try:
            self._prepare(owned, contents)
        except (SQLAlchemyError, LogError):
            raise
        except Exception as error:
            raise UnreadableError(repr(error)) from error
        left = self._note(owned, contents)
        contents.clear()  # what is noted can go account by account
        for partition in owned.values():
            self._folding.fold(partition, self.batch.changes)
        return left

    def _note(self, owned: dict[TopicPartition, Partition], contents: Sequence[tuple[Record, Content]]) -> list[Record]:
        """What is too much for the batch, or must wait."""
        left: list[Record] = []
        crowded: set[TopicPartition] = set()
        for n, (record, content) in enumerate(contents):
            if self.is_full:
                return [*left, *(each for each, _ in contents[n:])]
            partition = owned[TopicPartition(record.topic, record.partition)]
            if partition.at in crowded:
                left.append(record)
                continue
            if partition.halted is not None or record.offset < partition.next_offset:
                continue
            if isinstance(content, Backfilled) and (waits := self._is_early(partition, content)) is not None:
                self.waits_for = partition, waits
                return [*left, *(each for each, _ in contents[n:])]
            self.batch.partitions[partition.at] = partition
            if partition.barrier is not None and partition.is_barred(record):
                partition.halted = partition.barrier[1]
                continue
            self._one(partition, record, content)
            if record.topic == EVENTS and self._folding.has_due(partition):
                crowded.add(partition.at)
                left.append(record)
            elif partition.halted is None:
                partition.next_offset = record.next_offset
                self.batch.read += len(record.value)
        return left

    def gather(self, partition: Partition, of: Backfill, records: Sequence[Record]) -> list[Record]:
        """Add records of a second reading to the batch until it is full; the rest comes back. Raises as `take` does."""
        folding, reading = self._folding, of.reading
        try:
            found = [_of_project(of.project, record) for record in records]
            folding.look_up(of, [columns for columns in found if columns is not None])
        except (SQLAlchemyError, LogError):
            raise
        except Exception as error:
            raise UnreadableError(repr(error)) from error
        for n, (record, columns) in enumerate(zip(records, found, strict=True)):
            if self.is_full:
                return list(records[n:])
            self.batch.partitions[partition.at] = partition
            self.batch.backfills[partition.at, of.project] = of
            of.since = record.timestamp if of.since == NEVER else of.since
            reading.time = max(reading.time, record.timestamp)
            try:
                if columns is not None:
                    folding.gather(of, columns)
            except (SQLAlchemyError, LogError):
                raise
            except Exception as error:
                raise PoisonError(partition.at, record.offset, partition.next_offset) from error
            reading.next_offset = record.next_offset
            self.batch.read += len(record.value)
            metrics.GATHERED.inc(0 if columns is None else len(columns))
        return []

    def close(self) -> Batch:
        """The batch with everything that it changes, ready to be committed; a new one is open."""
        batch, self.batch = self.batch, Batch()
        for partition in batch.partitions.values():
            move = Move(partition.at, partition.version, partition.next_offset, partition.time, partition.halted)
            batch.changes.moves.append(move)
            partition.version += 1
        for (at, project), each in batch.backfills.items():
            batch.changes.backfills.setdefault((at, project), each.row(at.partition))
        readings = {each.reading.at: each.reading for each in batch.backfills.values()}
        self._folding.close(batch.changes, {**batch.partitions, **readings})
        self._attributor.close(batch.changes)
        return batch

    def settled(self) -> None:
        """The batch closed last is committed."""
        self._folding.settled()
        self._attributor.settled()

    def rest(self) -> None:
        """There is nothing to read."""
        self._folding.rest()

    def clear(self) -> None:
        """Forget everything in memory."""
        self.batch = Batch()
        self.waits_for = None
        self._folding.clear()
        self._attributor.clear()

    def _one(self, partition: Partition, record: Record, content: Content) -> None:
        try:
            self._record(partition, record, content)
        except RulebookMissingError as error:
            partition.halted = f"stopped before offset {record.offset}: {error}"
        except (SQLAlchemyError, LogError, PoisonError):
            raise
        except Exception as error:
            raise PoisonError(partition.at, record.offset) from error

    def _prepare(self, owned: dict[TopicPartition, Partition], contents: Sequence[tuple[Record, Content]]) -> None:
        frames: dict[TopicPartition, list[Columns]] = defaultdict(list)
        for record, content in contents:
            if isinstance(content, Frame) and content.columns is not None:
                frames[TopicPartition(record.topic, record.partition)].append(content.columns)
        commands = [content for record, content in contents if isinstance(content, Command) and record.topic == EVENTS]
        until = {TopicPartition(record.topic, record.partition): record.timestamp for record, _ in contents}
        due = [key for at, time in until.items() if at.topic == EVENTS for key in owned[at].agenda.coming(time, TIMERS_MAX)]
        self._folding.prepare({at: found for at, found in frames.items() if at.topic == EVENTS}, commands, due)
        self._attributor.prepare(columns for at, found in frames.items() if at.topic == UNATTRIBUTED for columns in found)

    def _record(self, partition: Partition, record: Record, content: Content) -> None:
        partition.time = max(partition.time, record.timestamp)
        if record.topic == UNATTRIBUTED:
            self._attributor.advance(partition, record.offset, self.batch.changes)
        if partition.time > partition.spans_end or isinstance(content, RulebookSwitch | Backfilled | ImportEnd):
            self._folding.fold(partition, self.batch.changes)  # by what was in force until here
        if partition.time > partition.spans_end:
            for project, known in list(partition.spans.items()):
                self._learn(partition, project, expire(known, partition.time))
        if isinstance(content, RulebookSwitch):
            self._switch(partition, content)
        elif isinstance(content, Backfilled) and record.topic == EVENTS:
            self._backfilled(partition, content)
        elif isinstance(content, ImportEnd) and record.topic == EVENTS:
            self._folding.import_ended(partition, content.project)
        elif isinstance(content, Command) and record.topic == EVENTS:
            self._folding.command(partition, partition.place(record), content)
        elif isinstance(content, Frame):
            self._frame(partition, record, content)
        if record.topic == EVENTS:
            self._folding.advance(partition, partition.place(record))

    def _switch(self, partition: Partition, switch: RulebookSwitch) -> None:
        """Judge by a newer version from here on. An older one was overtaken: two were applied at once, or an append was late."""
        adopted = partition.programs.get(switch.project)
        if adopted is not None and switch.version <= adopted.version:
            return
        program = partition.programs[switch.project] = self._programs.get(switch.project, switch.version)
        self.batch.changes.adopted[partition.at, switch.project] = switch.version
        if partition.at.topic == EVENTS:
            known = partition.spans.get(switch.project, {})
            heard = self._folding.has_heard(partition, switch.project)
            self._learn(partition, switch.project, switched(known, Switch(adopted, program, partition.time, heard)))
            self._ends(partition, switch.project)
            self._reads_again(partition, switch.project)
            self._folding.switched(partition, switch.project)

    def _reads_again(self, partition: Partition, project: str, stored: BackfillRow | None = None) -> None:
        """From the beginning of the log, or from where that was `stored`, for facts that began, if they did."""
        keys = missing(partition.spans.get(project, {}))
        if keys:
            gathers = gathering(partition.programs[project], keys)
            partition.backfills[project] = backfill(partition.at.partition, gathers, stored)

    def _is_early(self, partition: Partition, said: Backfilled) -> Backfill | None:
        """What has not come so far that this can be said of it."""
        each = partition.backfills.get(said.project)
        is_behind = each is not None and each.version == said.version and each.reading.next_offset < partition.next_offset
        return each if is_behind else None

    def _backfilled(self, partition: Partition, said: Backfilled) -> None:
        """What was gathered takes its place. Of another version it is overtaken, and the same is said twice."""
        each = partition.backfills.get(said.project)
        if each is not None and each.version == said.version:
            self._ends(partition, said.project)
            self._learn(partition, said.project, filled(partition.spans[said.project], said.version, each.since))
            self._folding.everybody(partition, said.project)

    def _ends(self, partition: Partition, project: str) -> None:
        """A second reading, if there is one."""
        each = partition.backfills.pop(project, None)
        if each is not None:
            self.batch.changes.backfills[partition.at, project] = None
            self.batch.changes.forget_seen.append((each.reading.at, NEVER))

    def _learn(self, partition: Partition, project: str, known: Mapping[str, Span]) -> None:
        """What the partition knows from here on, and the program that goes by it."""
        if known == partition.spans.get(project, {}):
            return
        partition.spans[project] = self.batch.changes.spans[partition.at, project] = known
        partition.spans_end = min(map(expires, partition.spans.values()), default=NEVER)
        partition.programs[project] = self._programs.knowing(project, partition.programs[project].version, known)

    def _frame(self, partition: Partition, record: Record, frame: Frame) -> None:
        changes, columns = self.batch.changes, frame.columns
        changes.dead_letters += (Buried(letter, partition.at, record.offset) for letter in frame.letters)
        if columns is None:
            return
        if record.topic == UNATTRIBUTED:
            for event in columns.events():
                self._attributor.take(partition, record.offset, event, changes)
        else:
            self._folding.take(partition, partition.place(record), columns, record.value, changes)
        self.batch.events += len(columns)
        metrics.EVENTS.labels(record.topic).inc(len(columns))
