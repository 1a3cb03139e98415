"""Hashes of 8 bytes in; whether each came before, kept in about 12 bytes a hash."""

from array import array
from collections.abc import Sequence
from struct import iter_unpack
from sys import byteorder

BYTES_PER_HASH = 9
BYTES_PER_BUCKET = 64
"""A bytes object's head, its place in the list, and what allocation rounds up."""
BYTES_EMPTY = 240
"""With the set's own place in a dictionary."""
BUCKET_HASHES = 32
"""On average, when full. A bucket is searched from its beginning, in C, so small ones are fast; large ones have fewer heads."""


class Hashes:
    """A set. Hashes with the same low bits lie one after the other in a bucket.

    Python's own set would be ten times as large. Buckets are split one at a time, in turn (linear hashing), so that no single
    hash waits for all of them to be sorted anew.
    """

    __slots__ = ("_buckets", "_high", "_left", "_low")

    def __init__(self, rows: Sequence[bytes] = ()) -> None:
        """`rows`: many hashes each, none of them twice."""
        count = sum(map(len, rows)) // 8
        size = 1 << (count // BUCKET_HASHES).bit_length()
        self._buckets = buckets = [b""] * size
        self._low, self._high = size - 1, 2 * size - 1
        """The bits that say in which bucket a hash lies: before that bucket is split, and afterwards."""
        self._left = BUCKET_HASHES * size - count
        """So many more until the next split."""
        low = self._low
        for row in rows:
            for number, (hashed,) in zip(array("Q", row), iter_unpack("8s", row), strict=True):
                buckets[number & low] += hashed

    @property
    def size(self) -> int:
        """In bytes of memory."""
        hashes = BUCKET_HASHES * len(self._buckets) - self._left
        return BYTES_EMPTY + BYTES_PER_HASH * hashes + BYTES_PER_BUCKET * len(self._buckets)

    def __contains__(self, hashed: bytes) -> bool:
        number = int.from_bytes(hashed, byteorder)
        at = number & self._high
        if at >= len(self._buckets):
            at &= self._low
        return hashed in self._buckets[at] and number in array("Q", self._buckets[at])

    def add(self, hashed: bytes) -> bool:
        """Was it new?"""
        number, buckets = int.from_bytes(hashed, byteorder), self._buckets
        at = number & self._high
        if at >= len(buckets):
            at &= self._low
        bucket = buckets[at]
        if hashed in bucket and number in array("Q", bucket):  # the first finds it across two neighbours, too
            return False
        buckets[at] = bucket + hashed
        self._left -= 1
        if not self._left:
            self._split()
        return True

    def _split(self) -> None:
        """The next bucket's hashes go to it and to a new one, by one bit more."""
        bit = self._low + 1
        at = len(self._buckets) - bit
        numbers = array("Q", self._buckets[at])
        self._buckets[at] = array("Q", [number for number in numbers if not number & bit]).tobytes()
        self._buckets.append(array("Q", [number for number in numbers if number & bit]).tobytes())
        if len(self._buckets) == 2 * bit:
            self._low, self._high = self._high, 2 * self._high + 1
        self._left = BUCKET_HASHES
