"""One account: its facts and its ledger, from stored bytes and back into those that changed."""

from collections.abc import Mapping
from typing import NamedTuple

from detector.core.facts.facts import Facts
from detector.core.facts.store import Store, pack, unpack
from detector.core.ledger import Ledger, LedgerStore

HOT_BYTES_MAX = 1_800
"""A row of this size stays out of PostgreSQL's TOAST, which makes it five times as dear to write."""
_LEDGER = "ledger"


class Dump(NamedTuple):
    """`hot`: the account's row. `chunks`: (store, number) -> bytes that changed; empty bytes: delete that chunk."""

    hot: bytes
    chunks: dict[tuple[str, int], bytes]


class Account:
    """Mutable for speed; owned by one thread.

    A small store lies in the hot row. When the row gets too long, its largest stores move out into chunks, for good.
    """

    def __init__(self, project: str, external_id: str, facts: Facts, ledger: LedgerStore) -> None:
        self.project = project
        self.external_id = external_id
        self.facts = facts
        self.ledger: Ledger = ledger.ledger
        self._ledger = ledger
        self._hot: dict[str, dict[int, bytes]] = {}
        self._outside: set[str] = set()

    @classmethod
    def new(cls, project: str, external_id: str) -> "Account":
        return cls(project, external_id, Facts(), LedgerStore())

    @classmethod
    def load(cls, project: str, external_id: str, hot: bytes, chunks: Mapping[tuple[str, int], bytes]) -> "Account":
        """Raises ValueError for bytes that a newer version wrote."""
        newest, inline, outside = unpack(hot)
        stored: dict[str, dict[int, bytes]] = dict(inline)
        for (key, number), data in chunks.items():
            if key in outside:
                stored.setdefault(key, {})[number] = data
        ledger = LedgerStore()
        if _LEDGER in stored:
            ledger.load({number: unpack(data) for number, data in stored[_LEDGER].items()})
        facts = Facts(newest, {key: data for key, data in stored.items() if key != _LEDGER})
        account = cls(project, external_id, facts, ledger)
        account._hot = dict(inline)
        account._outside = set(outside)
        return account

    def ledger_changed(self) -> None:
        self._ledger.dirty = True

    def dump(self) -> Dump:
        """What must be written since the last dump; marks everything clean."""
        chunks: dict[tuple[str, int], bytes] = {}
        for key, store in self._stores():
            if not store.dirty:
                continue
            if key in self._outside:
                chunks.update({(key, number): data for number, data in _packed(store, everything=False).items()})
            else:
                self._hot[key] = {number: data for number, data in _packed(store, everything=True).items() if data}
        hot = self._row()
        if len(hot) > HOT_BYTES_MAX:
            self._move_out(chunks)
            hot = self._row()
        return Dump(hot, chunks)

    def _row(self) -> bytes:
        return pack((self.facts.newest, self._hot, sorted(self._outside)))

    def _stores(self) -> list[tuple[str, Store]]:
        return [*self.facts.stores.items(), (_LEDGER, self._ledger)]

    def _move_out(self, chunks: dict[tuple[str, int], bytes]) -> None:
        sizes = {key: sum(map(len, data.values())) + len(key) + 8 for key, data in self._hot.items()}
        total = sum(sizes.values()) + sum(len(key) + 2 for key in self._outside)
        for key in sorted(sizes, key=lambda key: -sizes[key]):
            if total <= HOT_BYTES_MAX:
                return
            total -= sizes[key] - len(key) - 2
            chunks.update({(key, number): data for number, data in self._hot.pop(key).items()})
            self._outside.add(key)

    @property
    def size(self) -> int:
        """Rough bytes in memory."""
        return 1_000 + self.facts.size + self._ledger.size


def _packed(store: Store, *, everything: bool) -> dict[int, bytes]:
    content = store.chunks(everything=everything)
    return {number: b"" if part is None else pack(part) for number, part in content.items()}
