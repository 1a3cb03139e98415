"""Ids of commands in; whether each came before, in the table, in the batch that is being committed or in the open one."""

from collections.abc import Iterable

from detector.store.commands import Commands


class SeenCommands:
    """Like the ids of events, but few: nothing of them is kept in memory once it is committed."""

    def __init__(self, store: Commands) -> None:
        self._store = store
        self._stored: set[str] = set()
        self._open: set[str] = set()
        self._committing: set[str] = set()

    def prepare(self, ids: Iterable[str]) -> None:
        """Load at once which of `ids` are in the table."""
        self._stored = self._store.known(ids)

    def first(self, command_id: str) -> bool:
        """Is this its first time? It is remembered. `command_id` was prepared."""
        if command_id in self._stored or command_id in self._committing or command_id in self._open:
            return False
        self._open.add(command_id)
        return True

    def close(self) -> None:
        """The open batch is handed over to be committed."""
        self._committing, self._open = self._open, set()

    def settled(self) -> None:
        """The closed batch is committed: the table has its ids."""
        self._committing = set()

    def clear(self) -> None:
        self._stored, self._open, self._committing = set(), set(), set()
