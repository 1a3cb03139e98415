"""One account: its facts and its ledger, from stored bytes and back into those that changed."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from detector.core.facts.facts import Facts
from detector.core.facts.store import Store, pack, unpack
from detector.core.ledger import Ledger, LedgerStore
from detector.core.resting import Resting

HOT_BYTES_MAX = 1_800
"""A row of this size stays out of PostgreSQL's TOAST, which makes it five times as dear to write."""
BYTES_EMPTY = 4_000
BYTES_EACH = 6
"""Of memory: an account without facts, and each byte that is stored of it. Measured."""
_LEDGER = "ledger"
_ASIDE = "~"
"""Before the version: what lies under such a key is a whole account."""


class Dump(NamedTuple):
    """`hot`: the account's row. `chunks`: (store, number) -> bytes that changed; empty bytes: delete that chunk."""

    hot: bytes
    chunks: dict[tuple[str, int], bytes]


class Account:
    """Mutable for speed; owned by one thread.

    A small store lies in the hot row. When the row gets too long, its largest stores move out into chunks, for good.
    """

    __slots__ = (
        *("_asides", "_aside_changed", "_gone", "_hot", "_ledger", "_outside", "_sizes", "_stored", "external_id"),
        *("dropped", "dropped_by", "facts", "judged_by", "ledger", "outsiders", "project", "resting", "silent"),
    )

    def __init__(self, project: str, external_id: str, facts: Facts, ledger: LedgerStore) -> None:
        self.project = project
        self.external_id = external_id
        self.facts = facts
        self.ledger: Ledger = ledger.ledger
        self._ledger = ledger
        self.judged_by: object = None
        """The rulebook that `resting` is about."""
        self.resting = Resting()
        """What keeps rules from rising. Never stored."""
        self.dropped = 0
        """Events that counted for nothing, since somebody looked. Never stored."""
        self.silent: Counter[tuple[str, str]] = Counter()
        """(rule, why) -> new signals that sales was not told of, since somebody looked. Never stored."""
        self.dropped_by: object = None
        """What `outsiders` is about."""
        self.outsiders: dict[str | None, bool] = {}
        """Person -> whether what they do counts for nothing. Never stored."""
        self._asides: dict[int, Account] = {}
        """Version -> what is gathered for it (see backfill.py)."""
        self._aside_changed: set[int] = set()
        self._hot: dict[str, dict[int, bytes]] = {}
        self._outside: frozenset[str] = frozenset()
        self._sizes: dict[tuple[str, int], int] = {}
        """Of the chunks outside the row, as stored."""
        self._stored = 0
        self._gone: list[tuple[str, int]] = []
        """Chunks outside the row that must go."""
        """The row and all of them, in bytes."""

    @classmethod
    def new(cls, project: str, external_id: str) -> "Account":
        return cls(project, external_id, Facts(), LedgerStore())

    @classmethod
    def load(cls, project: str, external_id: str, hot: bytes, chunks: Mapping[tuple[str, int], bytes]) -> "Account":
        """Raises ValueError for bytes that a newer version wrote."""
        newest, inline, outside = unpack(hot)
        stored: dict[str, dict[int, bytes]] = dict(inline)
        asides: dict[str, dict[tuple[str, int], bytes]] = {}
        for (key, number), data in chunks.items():
            if key in outside:
                stored.setdefault(key, {})[number] = data
            elif key.startswith(_ASIDE):
                of, _, rest = key.partition("/")
                asides.setdefault(of, {})[rest, number] = data
        ledger = LedgerStore()
        if _LEDGER in stored:
            ledger.load({number: unpack(data) for number, data in stored[_LEDGER].items()})
        whole = {key: stored.pop(key)[0] for key in list(stored) if key.startswith(_ASIDE)}
        facts = Facts(newest, {key: data for key, data in stored.items() if key != _LEDGER})
        facts.came = ledger.ledger.came
        account = cls(project, external_id, facts, ledger)
        account._hot = dict(inline)
        account._outside = frozenset(outside)
        account._sizes = {chunk: len(data) for chunk, data in chunks.items()}
        account._stored = len(hot) + sum(account._sizes.values())
        for key, data in whole.items():
            account._asides[int(key[1:])] = cls.load(project, external_id, data, asides.get(key, {}))
        return account

    def ledger_changed(self) -> None:
        self._ledger.dirty = True
        self.resting.clear()

    def came(self, version: int, filled: int = 0) -> None:
        """Its first event comes, and is folded by this version of the rulebook; 0: there is none yet.

        `filled`: the newest version for which the log was read again.
        """
        if self.ledger.came < 0 and self.ledger.first_at < 0:
            self.ledger.came = self.facts.came = self.ledger.version = version
            self.ledger.filled = filled
            self.ledger_changed()

    def aside(self, version: int) -> "Account":
        """What is gathered beside it for this version of the rulebook; the caller is going to change it."""
        self._aside_changed.add(version)
        if version not in self._asides:
            self._asides[version] = Account.new(self.project, self.external_id)
        return self._asides[version]

    def take_over(self, keys: Mapping[str, int], version: int) -> None:
        """Puts facts that were gathered beside in their place; what was gathered for versions of before goes.

        `keys`: of these, for which version they were gathered. `version`: what is gathered for this one may go on growing.
        """
        for of in sorted(self._asides):
            taken = [key for key, gathered_for in keys.items() if gathered_for == of]
            if not taken and of >= version:
                continue
            aside = self._asides.pop(of)
            self._aside_changed.discard(of)
            self._drop(f"{_ASIDE}{of}")
            first = aside.ledger.first_at
            if taken:
                for key in self.facts.take_over(aside.facts, taken):
                    self._drop(key)
            if taken and first >= 0 and not 0 <= self.ledger.first_at <= first:
                self.ledger.first_at = first
                self.ledger_changed()

    def _drop(self, key: str) -> None:
        """What is stored under the key."""
        self._hot.pop(key, None)
        self._outside -= {key}
        self._gone += [chunk for chunk in self._sizes if chunk[0] == key or chunk[0].startswith(f"{key}/")]

    def forget(self, known: frozenset[str], anew: Collection[str] = ()) -> None:
        """Lets go the facts under keys that are not `known`, or that begin `anew`."""
        for key in self.facts.forget(known, anew):
            self._drop(key)

    @property
    def is_unheard_of(self) -> bool:
        """Nothing that counts was ever heard of it, and sales said nothing of it."""
        return self.facts.newest < 0 and self.ledger == Ledger()

    @property
    def is_empty(self) -> bool:
        """As of the last dump there is nothing to store."""
        return self.facts.newest < 0 and not self._hot and not self._outside

    def dump(self) -> Dump:
        """What must be written since the last dump; marks everything clean."""
        chunks: dict[tuple[str, int], bytes] = dict.fromkeys(self._gone, b"")
        self._gone = []
        self.facts.hand.clear()
        for key, store in self.facts.stores.items():
            if store.dirty:
                self._pack(key, store, chunks)
        if self._ledger.dirty:
            self._pack(_LEDGER, self._ledger, chunks)
        for version in self._aside_changed:
            self._pack_aside(f"{_ASIDE}{version}", self._asides[version].dump(), chunks)
        self._aside_changed = set()
        hot = pack((self.facts.newest, self._hot, sorted(self._outside)))
        if len(hot) > HOT_BYTES_MAX:
            self._move_out(chunks)
            hot = pack((self.facts.newest, self._hot, sorted(self._outside)))
        if chunks:
            self._sizes.update({chunk: len(data) for chunk, data in chunks.items()})
        self._stored = len(hot) + sum(self._sizes.values())
        return Dump(hot, chunks)

    def _pack(self, key: str, store: Store, chunks: dict[tuple[str, int], bytes]) -> None:
        """Into the row, or those of its chunks that changed into `chunks`."""
        if key in self._outside:
            for number, part in store.chunks(everything=False).items():
                chunks[key, number] = b"" if part is None else pack(part)
        else:
            content = store.chunks(everything=True)
            self._hot[key] = {number: pack(part) for number, part in content.items() if part is not None}

    def _pack_aside(self, key: str, dump: Dump, chunks: dict[tuple[str, int], bytes]) -> None:
        if key in self._outside:
            chunks[key, 0] = dump.hot
        else:
            self._hot[key] = {0: dump.hot}
        chunks.update({(f"{key}/{of}", number): data for (of, number), data in dump.chunks.items()})

    def _move_out(self, chunks: dict[tuple[str, int], bytes]) -> None:
        sizes = {key: sum(map(len, data.values())) + len(key) + 8 for key, data in self._hot.items()}
        total = sum(sizes.values()) + sum(len(key) + 2 for key in self._outside)
        for key in sorted(sizes, key=lambda key: -sizes[key]):
            if total <= HOT_BYTES_MAX:
                return
            total -= sizes[key] - len(key) - 2
            chunks.update({(key, number): data for number, data in self._hot.pop(key).items()})
            self._outside |= {key}

    @property
    def size(self) -> int:
        """Rough bytes in memory, as of the last dump."""
        return BYTES_EMPTY + BYTES_EACH * self._stored
