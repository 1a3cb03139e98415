"""Accounts in memory: those folded most often at hand, all others packed, a third as large; what must be written of them out."""

from collections import OrderedDict
from operator import attrgetter

from detector import metrics
from detector.agenda import Key
from detector.cache import Cache
from detector.core.account import Account, Dump


class AccountCache(Cache[Key, Account]):
    """An account that is packed keeps what its rules rest on, so it need not be judged anew, as one that is loaded."""

    def __init__(self, bytes_max: int, at_hand_min: int) -> None:
        """`bytes_max`: of all. As long as they take more, none is packed of those at hand that take `at_hand_min`."""
        super().__init__(bytes_max, attrgetter("size"))
        self._at_hand_min = at_hand_min
        self._at_hand: OrderedDict[Key, int] = OrderedDict()
        """Who is not packed, and of what size: the one looked at longest ago first."""
        self._at_hand_bytes = 0
        self._batches = 0
        self._dumped: dict[Key, Dump] = {}
        """What must be written of accounts that the open batch changes, and that were packed since."""

    def take(self, key: Key, account: Account, things: int = 1) -> None:
        """Puts it at hand, to fold so many things."""
        account.used = self._batches, self._uses(account) + things
        if account.is_packed:
            account.unpack()
            self._measure(key, account)
        size = account.size
        self._at_hand_bytes += size - self._at_hand.get(key, 0)
        self._at_hand[key] = size
        self._at_hand.move_to_end(key)

    def make_room(self, key: Key) -> None:
        """While all take too much: packs the one that was just folded, as long as the processor has it at hand too.

        But one that was used far less lately goes before it. All are looked at in turn.
        """
        while self._is_crowded:
            oldest = next(iter(self._at_hand))
            if oldest == key or 2 * self._uses(self._values[oldest]) >= self._uses(self._values[key]):
                self._at_hand.move_to_end(oldest)
                self._pack(key)
                return
            self._pack(oldest)

    def settled(self) -> None:
        while self._is_crowded:
            self._pack(next(iter(self._at_hand)))
        super().settled()

    def dumps(self) -> dict[Key, Dump]:
        """What the open batch must write of each account that it changes."""
        for key, account in self.open.items():
            if not account.is_packed:
                self._dump(key, account)
        dumped, self._dumped = self._dumped, {}
        self._batches += 1
        return dumped

    def clear(self) -> None:
        super().clear()
        self._at_hand.clear()
        self._at_hand_bytes, self._dumped = 0, {}

    def _evict(self, key: Key) -> None:
        super()._evict(key)
        self._at_hand_bytes -= self._at_hand.pop(key, 0)

    @property
    def _is_crowded(self) -> bool:
        return self._bytes > self._bytes_max and self._at_hand_bytes > self._at_hand_min

    def _uses(self, account: Account) -> int:
        """How many things were folded into it lately: those of each batch count half as much in the next."""
        batch, uses = account.used
        return uses >> self._batches - batch

    def _pack(self, key: Key) -> None:
        account = self._values[key]
        account.pack(self._dump(key, account) if key in self.open else b"")
        self._at_hand_bytes -= self._at_hand.pop(key)
        self._measure(key, account)

    def _dump(self, key: Key, account: Account) -> bytes:
        """Its row."""
        _count(account)
        dump = account.dump()
        if not account.is_empty:
            before = self._dumped.get(key)
            self._dumped[key] = dump if before is None else Dump(dump.hot, {**before.chunks, **dump.chunks})
        return dump.hot


def _count(account: Account) -> None:
    """What it counted since the last time goes into the metrics."""
    if account.dropped:
        metrics.DROPPED.inc(account.dropped)
        account.dropped = 0
    for (rule, why), number in (account.silent or {}).items():
        metrics.SILENT.labels(account.project, rule, why).inc(number)
    account.silent = None
