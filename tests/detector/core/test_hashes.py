"""Sets of hashes: they know exactly what they were given, and what they say they take is what they take."""

import random
import tracemalloc
from array import array

import pytest

from detector.core.hashes import CompactHashes, FastHashes

BYTES_PER_HASH_MAX = {CompactHashes: 13, FastHashes: 115}
BOTH = pytest.mark.parametrize("kind", [CompactHashes, FastHashes])
Kind = type[CompactHashes] | type[FastHashes]


@BOTH
@pytest.mark.parametrize("loaded", [0, 1, 31, 32, 2_000, 5_000])
def test_it_knows_exactly_the_hashes_that_it_was_given(loaded: int, kind: Kind) -> None:
    dice = random.Random(loaded)
    given = [dice.getrandbits(64) for _ in range(5_000)]
    others = [dice.getrandbits(64) for _ in range(5_000)]
    rows = [array("Q", given[at : min(at + 7, loaded)]).tobytes() for at in range(0, loaded, 7)]

    hashes = kind(rows)

    assert [each in hashes for each in given] == [True] * loaded + [False] * (5_000 - loaded)
    assert hashes.add(given) == list(range(loaded))
    assert hashes.add(given) == list(range(5_000))
    assert all(each in hashes for each in given)
    assert not any(each in hashes for each in others)


@BOTH
def test_hashes_that_differ_in_few_bits_are_told_apart(kind: Kind) -> None:
    """All in one bucket until it is split many times over."""
    given = [n << 40 for n in range(300)]
    hashes = kind()

    assert hashes.add(given) == []
    assert hashes.add(given) == list(range(300))


@BOTH
def test_the_end_of_one_hash_and_the_beginning_of_the_next_are_no_hash(kind: Kind) -> None:
    hashes = kind([b"abcdefgh" + b"ijklmnop"])
    (between,) = array("Q", b"efghijkl")

    assert between not in hashes
    assert hashes.add([between] * 2) == [1]
    assert between in hashes


@BOTH
@pytest.mark.parametrize("loaded", [False, True])
def test_a_hash_takes_as_much_memory_as_is_said(loaded: bool, kind: Kind) -> None:
    stored = random.Random(7).randbytes(8 * 60_000)
    given = array("Q", stored)
    tracemalloc.start()
    try:
        hashes = kind([stored] if loaded else [])
        for at in () if loaded else range(0, len(given), 100):
            hashes.add(given[at : at + 100])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < BYTES_PER_HASH_MAX[kind] * len(given)
    assert taken <= hashes.size < 1.3 * taken, "allocation rounds up, by about a fifth"
