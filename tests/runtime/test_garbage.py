"""Rings of references go, whether they became garbage before they were put aside or after."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from runtime import garbage
from runtime.garbage import Garbage


class Ring:
    def __init__(self) -> None:
        self.links = [self]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [0.0]
    monkeypatch.setattr("runtime.garbage.time.monotonic", lambda: time[0])
    return time


def test_what_lives_is_put_aside_and_what_does_not_goes(time: list[float]) -> None:
    collector = Garbage()
    assert not collector.is_due()
    time[0] = garbage.PUT_ASIDE_S
    assert collector.is_due()
    gone, lives, alone = Ring(), Ring(), Ring()
    alone.links.clear()
    looks = [weakref.ref(each) for each in (gone, lives, alone)]
    del gone
    collector.put_aside()
    assert not collector.is_due()
    assert [look() is None for look in looks] == [True, False, False]
    assert gc.get_freeze_count() > 0
    del alone
    assert looks[2]() is None, "by its count of references"


def test_rings_that_were_put_aside_go_within_the_hour(time: list[float]) -> None:
    collector = Garbage()
    ring = Ring()
    look = weakref.ref(ring)
    collector.put_aside()
    del ring
    time[0] = garbage.ANEW_S - 1
    collector.put_aside()
    assert look() is not None
    time[0] = garbage.ANEW_S
    collector.put_aside()
    assert look() is None


def test_after_a_long_collection_the_next_comes_later(time: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly() -> None:
        time[0] += 1.0

    collector = Garbage()
    monkeypatch.setattr("runtime.garbage.gc.collect", slowly)
    collector.put_aside()
    time[0] = 1.0 + 0.9 / garbage.PART
    assert not collector.is_due()
    time[0] = 1.0 + 1 / garbage.PART
    assert collector.is_due()
