"""What was loaded, kept while it fits: least recently used first out, but never what a batch still has to write."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Bounded by bytes as `size_of` says. A value is dirty from `touch` until the commit of its batch is `settled`."""

    def __init__(self, bytes_max: int, size_of: Callable[[V], int]) -> None:
        self._bytes_max = bytes_max
        self._size_of = size_of
        self._values: OrderedDict[K, V] = OrderedDict()
        self.get: Callable[[K], V | None] = self._values.get
        self._sizes: dict[K, int] = {}
        self._bytes = 0
        self.open: dict[K, V] = {}
        """What the open batch changes. Another dictionary from the next `close` on."""
        self._committing: dict[K, V] = {}

    @property
    def bytes(self) -> int:
        return self._bytes

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def values(self) -> list[V]:
        """All that is in memory."""
        return list(self._values.values())

    def missing(self, keys: Iterable[K]) -> set[K]:
        """Those of `keys` that must be loaded."""
        return {key for key in keys if key not in self._values}

    def put(self, key: K, value: V) -> None:
        self._values[key] = value
        self._measure(key, value)

    def touch(self, key: K, value: V) -> None:
        """The open batch changes `value`."""
        self.open[key] = value

    def close(self) -> dict[K, V]:
        """What the open batch changed, to be written; it stays pinned until `settled`."""
        self._committing, self.open = self.open, {}
        for key, value in self._committing.items():
            self._values.move_to_end(key)
            self._measure(key, value)
        return self._committing

    def settled(self) -> None:
        """The closed batch is committed: its values may go. Evicts down to the bound."""
        self._committing = {}
        if self._bytes <= self._bytes_max:
            return
        for key in list(self._values):
            if self._bytes <= self._bytes_max:
                return
            if key not in self.open:
                self._evict(key)

    def clear(self) -> None:
        self._values.clear()
        self._sizes.clear()
        self.open, self._committing, self._bytes = {}, {}, 0

    def _evict(self, key: K) -> None:
        del self._values[key]
        self._bytes -= self._sizes.pop(key)

    def _measure(self, key: K, value: V) -> None:
        size = self._size_of(value)
        self._bytes += size - self._sizes.get(key, 0)
        self._sizes[key] = size
