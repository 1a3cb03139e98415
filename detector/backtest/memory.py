"""What the detector's shell stands on, without a database: accounts and ids in memory, compact once they are cold."""

from collections import defaultdict
from collections.abc import Iterable

from contracts.columns import Columns
from detector.changes import AccountRow, Changes, DueRow, FactRow, SeenRow
from detector.inventory import Inventory
from detector.partition import Partition
from detector.seen import SeenIds
from detector.seen_commands import SeenCommands
from detector.store.accounts import Accounts, Chunks, Seen
from eventlog.port import TopicPartition

_Key = tuple[str, str]


class Shelf(Accounts):
    """The bytes of accounts that are not at hand, as a database would have them."""

    def __init__(self) -> None:
        self._stored: dict[_Key, tuple[bytes, Chunks]] = {}

    def keep(self, accounts: Iterable[AccountRow], facts: Iterable[FactRow]) -> None:
        for row in accounts:
            self._stored[row.project, row.account] = (row.hot, self._stored.get((row.project, row.account), (b"", {}))[1])
        for fact in facts:
            chunks = self._stored[fact.project, fact.account][1]
            if fact.body:
                chunks[fact.measure, fact.chunk] = fact.body
            else:
                chunks.pop((fact.measure, fact.chunk), None)

    def stored(self, key: _Key) -> tuple[bytes, Chunks] | None:
        return self._stored.get(key)

    def keys(self) -> Iterable[_Key]:
        return self._stored.keys()

    def load(self, wanted: Iterable[_Key]) -> dict[_Key, tuple[bytes, Chunks]]:
        return {key: self._stored[key] for key in wanted if key in self._stored}

    def due(self, partition: int) -> list[DueRow]:  # noqa: ARG002 - as the table
        return []


class IdsInMemory(Seen):
    """The ids that count still, packed: eight bytes an id of the last week."""

    def __init__(self) -> None:
        self._rows: defaultdict[tuple[TopicPartition, int], list[tuple[int, bytes]]] = defaultdict(list)

    def keep(self, rows: Iterable[SeenRow], forget: Iterable[tuple[TopicPartition, int]]) -> None:
        for row in rows:
            self._rows[TopicPartition(row.topic, row.partition), row.hour].append((row.partition_time, row.ids))
        for at, before in forget:
            for key in [key for key in self._rows if key[0] == at]:
                self._rows[key] = [each for each in self._rows[key] if each[0] >= before]
                if not self._rows[key]:
                    del self._rows[key]

    def load(self, partition: TopicPartition, hours: Iterable[int]) -> list[tuple[int, int, bytes]]:
        found = ((hour, time, ids) for hour in hours for time, ids in self._rows.get((partition, hour), ()))
        return sorted(found, key=lambda each: each[1])


class NoCopies(SeenIds):
    """For events of which the copies were dropped already."""

    def __init__(self) -> None:
        pass

    def without_copies(self, partition: Partition, columns: Columns) -> Columns | None:  # noqa: ARG002
        return columns

    def close(self, changes: Changes, partitions: dict[TopicPartition, Partition]) -> None:
        pass

    def settled(self) -> None:
        pass


class CommandsInMemory(SeenCommands):
    """Few, so all are remembered."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def first(self, command_id: str) -> bool:
        known = command_id in self._ids
        self._ids.add(command_id)
        return not known

    def close(self) -> None:
        pass

    def settled(self) -> None:
        pass


class NoInventory(Inventory):
    """Nobody asks a backtest which events arrive."""

    def __init__(self) -> None:
        pass

    def take(self, partition: Partition, columns: Columns) -> None:
        pass

    def close(self, changes: Changes, partitions: dict[TopicPartition, Partition]) -> None:
        pass
