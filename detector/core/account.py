"""One account: its facts and its ledger, from stored bytes and back into those that changed."""

from collections import Counter
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from detector.core.facts.facts import Facts, Stored
from detector.core.facts.store import Packed, Store, pack, pack_chunks, unpack, unpack_chunks, unpack_row
from detector.core.ledger import Ledger, LedgerStore
from detector.core.resting import Resting

HOT_BYTES_MAX = 1_800
"""A row of this size stays out of PostgreSQL's TOAST, which makes it five times as dear to write."""
BYTES_EMPTY = 6_000
BYTES_EACH = 8
"""Of memory: an account without facts, and each byte that is stored of it. Measured."""
BYTES_NEW = 14_000
"""An account of which nothing is stored yet."""
BYTES_PACKED = 6_000
"""What an account takes that is packed, beside what is stored of it, and what is not packed of it."""
_LEDGER = "ledger"
_ASIDE = "~"
"""Before the version: what lies under such a key is a whole account."""
_NOTHING: Mapping[Any, Any] = MappingProxyType({})
_NONE: frozenset[Any] = frozenset()
"""Most accounts never need their own of these."""


class Dump(NamedTuple):
    """`hot`: the account's row. `chunks`: (store, number) -> bytes that changed; empty bytes: delete that chunk."""

    hot: bytes
    chunks: dict[tuple[str, int], bytes]


class Account:
    """Mutable for speed; owned by one thread.

    A small store lies in the hot row. When the row gets too long, its largest stores move out into chunks, for good.
    """

    __slots__ = (
        *(
            "_asides",
            "_aside_changed",
            "_chunks",
            "_gone",
            "_hot",
            "_ledger",
            "_open",
            "_open_still",
            "_outside",
            "_row",
            "_stored",
        ),
        "external_id",
        "used",
        *("dropped", "dropped_by", "facts", "judged_by", "ledger", "outsiders", "project", "resting", "silent"),
    )

    facts: Facts

    def __init__(self, project: str, external_id: str, facts: Facts | None, ledger: LedgerStore) -> None:
        """`facts` None: it is packed."""
        self.project = project
        self.external_id = external_id
        if facts is not None:
            self.facts = facts
        self.ledger: Ledger = ledger.ledger
        self._ledger = ledger
        self.judged_by: object = None
        """The rulebook that `resting` is about."""
        self.resting = Resting()
        """What keeps rules from rising. Never stored."""
        self.used = (0, 0)
        """When, and how much, as whoever keeps it reckons. Never stored."""
        self.dropped = 0
        """Events that counted for nothing, since somebody looked. Never stored."""
        self.silent: Counter[tuple[str, str]] | None = None
        """(rule, why) -> new signals that sales was not told of, since somebody looked; None: there is none. Never stored."""
        self.dropped_by: object = None
        """What `outsiders` is about."""
        self.outsiders: dict[str | None, bool] = {}
        """Person -> whether what they do counts for nothing. Never stored."""
        self._asides: Mapping[int, Account] = _NOTHING
        """Version -> what is gathered for it (see backfill.py)."""
        self._aside_changed: frozenset[int] = _NONE
        self._hot: dict[str, Packed] = {}
        self._outside: frozenset[str] = _NONE
        self._chunks: Mapping[tuple[str, int], bytes] = _NOTHING
        """Outside the row, as stored."""
        self._row: bytes | None = None
        self._open_still: Mapping[str, Store] = _NOTHING
        """What is not packed because a rule that rests looks at it."""
        self._open = 0
        """So many bytes are stored of what is not packed."""
        self._stored = 0
        """The row and all of them, in bytes."""
        self._gone: tuple[tuple[str, int], ...] = ()
        """Chunks outside the row that must go."""

    @classmethod
    def new(cls, project: str, external_id: str) -> "Account":
        return cls(project, external_id, Facts(), LedgerStore())

    @classmethod
    def load(cls, project: str, external_id: str, hot: bytes, chunks: Mapping[tuple[str, int], bytes]) -> "Account":
        """From what lies in the database. Raises ValueError for bytes that a newer version wrote."""
        account = cls.stored(project, external_id, hot, chunks)
        account.unpack()
        return account

    @classmethod
    def stored(cls, project: str, external_id: str, hot: bytes, chunks: Mapping[tuple[str, int], bytes]) -> "Account":
        """The same, packed."""
        _, inline, outside = unpack_row(hot)
        ledger = LedgerStore()
        if _LEDGER in inline:
            ledger.load({number: unpack(data) for number, data in unpack_chunks(inline[_LEDGER]).items()})
        elif _LEDGER in outside:
            ledger.load({number: unpack(data) for (key, number), data in chunks.items() if key == _LEDGER})
        account = cls(project, external_id, None, ledger)
        account._row = hot
        account._outside = frozenset(outside) if outside else _NONE
        account._chunks = chunks
        account._stored = len(hot) + sum(map(len, chunks.values()))
        for key in [*inline, *outside]:
            if key.startswith(_ASIDE):
                whole = unpack_chunks(inline[key])[0] if key in inline else chunks[key, 0]
                of = {(rest, number): data for (name, number), data in chunks.items() if (rest := _beside(name, key))}
                account._asides = {**account._asides, int(key[1:]): cls.stored(project, external_id, whole, of)}
        return account

    @property
    def is_packed(self) -> bool:
        """Nothing may be asked of it, but how large it is, before `unpack`."""
        return self._row is not None

    def pack(self, hot: bytes = b"") -> None:
        """Its facts become bytes: less than half of the memory. All must be clean. `hot`: as of the last `dump`, if at hand.

        What rests goes on resting: so it is cheaper to unpack than to load.
        """
        gauges = [rest.gauge for rest in self.resting.rests.values() if rest.gauge is not None]
        self._open_still = _these(self.facts.stores, gauges) if gauges else _NOTHING
        open_still = (_LEDGER, *self._open_still)
        self._open = sum(len(self._hot[key]) for key in open_still if key in self._hot)
        if self._chunks:
            self._open += sum(len(data) for (key, _), data in self._chunks.items() if key in open_still)
        self._row = hot or self._packed_row()
        self._hot = {}
        del self.facts
        for each in self._asides.values():
            if not each.is_packed:
                each.pack()

    def unpack(self) -> None:
        """The account as before `pack`."""
        if self._row is None:
            return
        newest, self._hot, outside = unpack_row(self._row)
        self.facts = Facts(newest, _stores(self._hot, outside, self._chunks), self._open_still)
        self.facts.came = self.ledger.came
        self._row, self._open_still = None, _NOTHING

    def _packed_row(self) -> bytes:
        return pack((self.facts.newest, self._hot, sorted(self._outside)))

    def ledger_changed(self) -> None:
        self._ledger.dirty = True
        self.resting.clear()

    def due_changed(self) -> None:
        """When a rule is to be looked at, and nothing else: what rests does not go by that."""
        self._ledger.dirty = True

    def kept_silent(self, rule: str, why: str) -> None:
        """Sales is not told of a new signal."""
        if self.silent is None:
            self.silent = Counter()
        self.silent[rule, why] += 1

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
        self._aside_changed |= {version}
        if version not in self._asides:
            self._asides = {**self._asides, version: Account.new(self.project, self.external_id)}
        aside = self._asides[version]
        aside.unpack()
        return aside

    def take_over(self, keys: Mapping[str, int], version: int) -> None:
        """Puts facts that were gathered beside in their place; what was gathered for versions of before goes.

        `keys`: of these, for which version they were gathered. `version`: what is gathered for this one may go on growing.
        """
        for of in sorted(self._asides):
            taken = [key for key, gathered_for in keys.items() if gathered_for == of]
            if not taken and of >= version:
                continue
            aside = self._asides[of]
            aside.unpack()
            self._asides = {version: each for version, each in self._asides.items() if version != of}
            self._aside_changed -= {of}
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
        self._gone += tuple(chunk for chunk in self._chunks if chunk[0] == key or chunk[0].startswith(f"{key}/"))

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
        self._gone = ()
        self.facts.hand.clear()
        for key, store in self.facts.stores.items():
            if store.dirty:
                self._pack(key, store, chunks)
        if self._ledger.dirty:
            self._pack(_LEDGER, self._ledger, chunks)
        for version in self._aside_changed:
            self._pack_aside(f"{_ASIDE}{version}", self._asides[version].dump(), chunks)
        self._aside_changed = _NONE
        hot = self._packed_row()
        if len(hot) > HOT_BYTES_MAX:
            self._move_out(chunks)
            hot = self._packed_row()
        self._stored = len(hot)
        if chunks:
            self._chunks = {key: data for key, data in {**self._chunks, **chunks}.items() if data}
        if self._chunks:
            self._stored += sum(map(len, self._chunks.values()))
        return Dump(hot, chunks)

    def _pack(self, key: str, store: Store, chunks: dict[tuple[str, int], bytes]) -> None:
        """Into the row, or those of its chunks that changed into `chunks`."""
        if key in self._outside:
            for number, part in store.chunks(everything=False).items():
                chunks[key, number] = b"" if part is None else pack(part)
        else:
            content = store.chunks(everything=True)
            self._hot[key] = pack_chunks({number: pack(part) for number, part in content.items() if part is not None})

    def _pack_aside(self, key: str, dump: Dump, chunks: dict[tuple[str, int], bytes]) -> None:
        if key in self._outside:
            chunks[key, 0] = dump.hot
        else:
            self._hot[key] = pack_chunks({0: dump.hot})
        chunks.update({(f"{key}/{of}", number): data for (of, number), data in dump.chunks.items()})

    def _move_out(self, chunks: dict[tuple[str, int], bytes]) -> None:
        sizes = {key: len(data) + len(key) + 2 for key, data in self._hot.items()}
        total = sum(sizes.values()) + sum(len(key) + 2 for key in self._outside)
        for key in sorted(sizes, key=lambda key: -sizes[key]):
            if total <= HOT_BYTES_MAX:
                return
            total -= sizes[key] - len(key) - 2
            chunks.update({(key, number): data for number, data in unpack_chunks(self._hot.pop(key)).items()})
            self._outside |= {key}

    @property
    def size(self) -> int:
        """Rough bytes in memory, as of the last dump."""
        if self._row is not None:
            return BYTES_PACKED + self._stored + BYTES_EACH * self._open
        return BYTES_EMPTY + BYTES_EACH * self._stored if self._stored else BYTES_NEW


def _stores(inline: Mapping[str, Packed], outside: Collection[str], chunks: Mapping[tuple[str, int], bytes]) -> dict[str, Stored]:
    """Of facts, by key."""
    stored: dict[str, Stored] = {key: data for key, data in inline.items() if key != _LEDGER and key[0] != _ASIDE}
    for wanted in outside:
        if wanted != _LEDGER and wanted[0] != _ASIDE:
            stored[wanted] = {number: data for (key, number), data in chunks.items() if key == wanted}
    return stored


def _these(stores: Mapping[str, Store], wanted: Collection[Store]) -> dict[str, Store]:
    return {key: store for key, store in stores.items() if any(store is each for each in wanted)}


def _beside(name: str, key: str) -> str:
    """What a chunk is called in the account that lies beside under the key; empty: it is not of it."""
    of, _, rest = name.partition("/")
    return rest if of == key else ""
