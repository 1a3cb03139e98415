"""What many requests bring: one append in flight, the rest gathers; each request learns its own fate."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import NoneType

import pytest

from contracts.codec import BYTES_EACH, FRAME_BYTES_MAX, decode
from contracts.messages import EVENTS, DeadLetter
from eventlog.log_embedded import EmbeddedLog
from eventlog.port import Entry, LogError, Producer, Topic
from ingest.batcher import APPEND_BYTES_MAX, WAITING_BYTES_MAX, Batcher, BusyError
from ingest.core.placement import Placed, Target, size
from tests.ingest.served import NOW


class Gate:
    """A real producer behind a gate: an append waits until it is opened."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.open = threading.Event()
        self.entered = threading.Event()
        self.appends: list[Sequence[Entry]] = []
        self.error: Exception | None = None

    def append(self, entries: Sequence[Entry], timeout_s: float) -> None:
        self.appends.append(entries)
        self.entered.set()
        assert self.open.wait(60)
        if self.error is not None:
            raise self.error
        self._producer.append(entries, timeout_s)

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    log = EmbeddedLog(tmp_path / "log.sqlite", lambda: NOW)
    log.ensure_topics([Topic(EVENTS, 2, 3_600)])
    gate = Gate(log.producer())
    yield gate
    gate.open.set()
    gate.close()


async def append(batcher: Batcher, *bodies: str, partition: int = 0) -> None:
    """A request of which come dead letters with these bodies."""
    made = [DeadLetter(id="dead", project="mail", received_at=NOW, code="odd", message="", body=body) for body in bodies]
    placed = Placed({}, {Target(EVENTS, partition): made})
    await batcher.append(placed, size(placed, 0))


def bodies(gate: Gate) -> list[list[list[str]]]:
    """Of each append, of each of its records."""
    return [[[letter.body for letter in decode(entry.value)] for entry in entries] for entries in gate.appends]  # type: ignore[union-attr]


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.entered.wait, 60)


async def started(work: Sequence["asyncio.Task[None]"]) -> None:
    """Let new tasks run until they wait."""
    for _ in work:
        await asyncio.sleep(0)


async def test_while_an_append_runs_the_rest_gathers_into_the_next(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    first = asyncio.create_task(append(batcher, "1"))
    await entered(gate)
    others = [asyncio.create_task(append(batcher, f"{n}", partition=n % 2)) for n in range(2, 7)]
    await started(others)
    assert not first.done()
    gate.open.set()
    await asyncio.gather(first, *others)
    assert bodies(gate) == [[["1"]], [["2", "4", "6"], ["3", "5"]]]
    assert batcher.waiting_bytes == 0
    await batcher.close()


async def test_a_failed_append_tells_its_own_requests_only(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    gate.error = LogError("disk full")
    gate.open.set()
    with pytest.raises(BusyError):
        await append(batcher, "1")
    failing_then = batcher.failing
    gate.error = None
    await append(batcher, "2")
    assert (failing_then, batcher.failing) == (True, False)
    await batcher.close()


async def test_an_error_that_nobody_expected_does_not_stop_the_appends(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    gate.open.set()
    gate.error = RuntimeError("bug")
    with pytest.raises(BusyError):
        await append(batcher, "1")
    gate.error = None
    await append(batcher, "2")
    await batcher.close()


async def test_a_request_that_cannot_be_encoded_fails_alone(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    first = asyncio.create_task(append(batcher, "1"))
    await entered(gate)
    others = [asyncio.create_task(append(batcher, body)) for body in ("2", "\ud800", "3")]
    await started(others)
    gate.open.set()
    await first
    assert [type(outcome) for outcome in await asyncio.gather(*others, return_exceptions=True)] == [NoneType, BusyError, NoneType]
    assert bodies(gate) == [[["1"]], [["2", "3"]]]
    assert not batcher.failing
    await append(batcher, "4")
    await batcher.close()


async def test_what_is_not_durable_in_time_is_busy_and_what_gave_up_before_its_append_is_left_out(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=0.05)
    first = asyncio.create_task(append(batcher, "1"))
    await entered(gate)
    with pytest.raises(BusyError):
        await append(batcher, "2")
    with pytest.raises(BusyError):
        await first
    assert batcher.waiting_bytes == 2 * (BYTES_EACH + 1), "the log has the first still"
    gate.open.set()
    await batcher.close()
    assert len(gate.appends) == 1
    assert batcher.waiting_bytes == 0


async def test_waiting_bytes_are_bounded(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    first = asyncio.create_task(append(batcher, "x" * (WAITING_BYTES_MAX - BYTES_EACH)))
    await entered(gate)
    with pytest.raises(BusyError):
        await append(batcher, "x")
    first.cancel()
    gate.error = LogError("not worth writing")
    gate.open.set()
    await batcher.close()


async def test_one_append_is_bounded_and_the_rest_follows(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    work = [asyncio.create_task(append(batcher, "x" * (APPEND_BYTES_MAX // 2 - BYTES_EACH))) for _ in range(5)]
    await entered(gate)
    gate.open.set()
    await asyncio.gather(*work)
    assert [len(entries) for entries in gate.appends] == [2, 2, 1]
    await batcher.close()


async def test_frames_are_as_big_as_the_contract_allows(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    gate.open.set()
    await append(batcher, *["x" * 900] * 1_000)
    (entries,) = gate.appends
    assert [len(entry.value) <= FRAME_BYTES_MAX for entry in entries] == [True, True]
    await batcher.close()


async def test_closing_waits_for_what_waits_and_takes_no_more(gate: Gate) -> None:
    batcher = Batcher(gate, {EVENTS: 2}, durable_s=60)
    work = [asyncio.create_task(append(batcher, f"{n}")) for n in range(3)]
    await entered(gate)
    closing = asyncio.create_task(batcher.close())
    await started([closing])
    with pytest.raises(BusyError):
        await append(batcher, "late")
    gate.open.set()
    await closing
    await asyncio.gather(*work)
    assert sum(len(record) for records in bodies(gate) for record in records) == 3
