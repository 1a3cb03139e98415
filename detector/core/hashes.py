"""Hashes of 64 bits in; whether each came before, kept in about 12 bytes a hash; or faster, in seven times as many."""

from array import array
from collections.abc import Sequence
from struct import iter_unpack
from sys import byteorder, getsizeof
from typing import Protocol

BYTES_PER_HASH = 9
BYTES_PER_INTEGER = 48
"""Of 64 bits, as Python allocates it."""
BYTES_PER_BUCKET = 64
"""A bytes object's head, its place in the list, and what allocation rounds up."""
_FIRST = 7 if byteorder == "little" else 0
"""The byte of a hash that says least about its bucket."""
BYTES_EMPTY = 240
"""With the set's own place in a dictionary."""
BUCKET_HASHES = 32
"""On average, when full. A bucket is searched from its beginning, in C, so small ones are fast; large ones have fewer heads."""


class Hashes(Protocol):
    """A set. Made of `rows`: many hashes each, 8 bytes a hash as `array("Q")` has them, none of them twice."""

    @property
    def size(self) -> int:
        """In bytes of memory."""
        ...

    def __contains__(self, hashed: int) -> bool: ...

    def add(self, hashes: Sequence[int]) -> list[int]:
        """The places of those that came before, here or in the set; the others are in it from now on."""
        ...


class FastHashes:
    """Python's own set: a hash in a fifth of the time."""

    __slots__ = ("_hashes",)

    def __init__(self, rows: Sequence[bytes] = ()) -> None:
        self._hashes: set[int] = set()
        for row in rows:
            self._hashes.update(array("Q", row))

    @property
    def size(self) -> int:
        return BYTES_EMPTY + getsizeof(self._hashes) + BYTES_PER_INTEGER * len(self._hashes)

    def __contains__(self, hashed: int) -> bool:
        return hashed in self._hashes

    def add(self, hashes: Sequence[int]) -> list[int]:
        mine, theirs = self._hashes, set(hashes)
        if len(theirs) == len(hashes) and mine.isdisjoint(theirs):
            mine |= theirs
            return []
        known: list[int] = []
        for place, hashed in enumerate(hashes):
            if hashed in mine:
                known.append(place)
            else:
                mine.add(hashed)
        return known


class CompactHashes:
    """Hashes with the same low bits lie one after the other in a bucket.

    Buckets are split one at a time, in turn (linear hashing), so that no single
    hash waits for all of them to be sorted anew. Python's own set would be seven times as large.
    """

    __slots__ = ("_buckets", "_high", "_left", "_low")

    def __init__(self, rows: Sequence[bytes] = ()) -> None:
        count = sum(map(len, rows)) // 8
        size = 1 << (count // BUCKET_HASHES).bit_length()
        self._buckets = buckets = [b""] * size
        self._low, self._high = size - 1, 2 * size - 1
        """The bits that say in which bucket a hash lies: before that bucket is split, and afterwards."""
        self._left = BUCKET_HASHES * size - count
        """So many more until the next split, and never none."""
        low = self._low
        for row in rows:
            for number, (hashed,) in zip(array("Q", row), iter_unpack("8s", row), strict=True):
                buckets[number & low] += hashed

    @property
    def size(self) -> int:
        hashes = BUCKET_HASHES * len(self._buckets) - self._left
        return BYTES_EMPTY + BYTES_PER_HASH * hashes + BYTES_PER_BUCKET * len(self._buckets)

    def __contains__(self, hashed: int) -> bool:
        at = hashed & self._high
        if at >= len(self._buckets):
            at &= self._low
        return hashed in array("Q", self._buckets[at])

    def add(self, hashes: Sequence[int]) -> list[int]:
        known: list[int] = []
        self._left -= len(hashes)
        while self._left <= 0:
            self._split()
        buckets, low, high = self._buckets, self._low, self._high
        size = len(buckets)
        for place, (number, (hashed,)) in enumerate(zip(hashes, iter_unpack("8s", array("Q", hashes)), strict=True)):
            at = number & high
            if at >= size:
                at &= low
            bucket = buckets[at]
            # Nearly every hash is new, and no other of the bucket begins like it: that is faster to see than all of it.
            if hashed[_FIRST] in bucket[_FIRST::8] and number in array("Q", bucket):
                known.append(place)
                continue
            buckets[at] = bucket + hashed
        self._left += len(known)
        return known

    def _split(self) -> None:
        """The next bucket's hashes go to it and to a new one, by one bit more."""
        bit = self._low + 1
        at = len(self._buckets) - bit
        numbers = array("Q", self._buckets[at])
        self._buckets[at] = array("Q", [number for number in numbers if not number & bit]).tobytes()
        self._buckets.append(array("Q", [number for number in numbers if number & bit]).tobytes())
        if len(self._buckets) == 2 * bit:
            self._low, self._high = self._high, 2 * self._high + 1
        self._left += BUCKET_HASHES
