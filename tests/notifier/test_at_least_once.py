"""A notifier that dies anywhere, a full disk, a clock that jumps: nothing is lost, and twice comes only what nobody knows of."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from eventlog.port import LogError
from notifier.core.delivery import Status
from notifier.store_claiming import LEASE_MS
from notifier.worker import Notifier
from runtime.points import POINTS, set_hook
from tests.notifier import receiver as moods
from tests.notifier.bench import Bench
from tests.notifier.conftest import LeadEvents
from tests.notifier.receiver import says

PLACES = [point for point in POINTS if point.startswith("notifier.")]
ANSWERED_AND_NOT_SETTLED = {"notifier.settle.before", "notifier.settle.written"}


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def no_hook() -> Iterator[None]:
    yield
    set_hook(None)


def dies_at(place: str, time: int) -> None:
    """When it is reached for the `time`-th time; whatever reaches any place afterwards is dead already."""
    left = time

    def hook(reached: str) -> None:
        nonlocal left
        left -= reached == place
        if left <= 0:
            raise Killed(place)

    set_hook(hook)


async def die(worker: Notifier) -> None:
    """What of it is still under way ends with the process."""
    for task in list(worker._tasks):
        task.cancel()
    await asyncio.gather(*worker._tasks, return_exceptions=True)
    set_hook(None)


def ids(bench: Bench) -> Counter[str]:
    return Counter(each.headers["webhook-id"] for each in bench.receiver.received)


@pytest.mark.usefixtures("no_hook")
@pytest.mark.parametrize("time", [1, 2])
@pytest.mark.parametrize("place", PLACES)
async def test_a_notifier_killed_at_any_place_loses_nothing_and_repeats_only_what_nobody_knows_of(
    bench: Bench, lead_event: LeadEvents, place: str, time: int
) -> None:
    """One lead event a pass, so that the second time is another one's."""
    bench.endpoint()
    worker, killed = bench.another(), False
    dies_at(place, time)
    for number in range(1, 4):
        bench.log.append(lead_event(number))
        try:
            await worker.run_once()
        except Killed:
            killed = True
            await die(worker)
            worker = bench.another()
    assert killed
    bench.clock.pass_(LEASE_MS / 1000)
    while await worker.run_once():
        pass
    assert bench.statuses() == [Status.DELIVERED] * 3
    came = ids(bench)
    assert came.keys() == {lead_event(number).id for number in range(1, 4)}
    twice = [id_ for id_, count in came.items() if count > 1]
    assert twice == ([lead_event(time).id] if place in ANSWERED_AND_NOT_SETTLED else [])
    assert max(came.values()) <= 2
    assert len({(each.headers["webhook-id"], each.body) for each in bench.receiver.received}) == 3
    unknown = [attempt for attempt in bench.attempts() if attempt.outcome == "unknown"]
    assert len(unknown) == (1 if place in {*ANSWERED_AND_NOT_SETTLED, "notifier.claim.after"} else 0)


async def test_a_log_that_is_away_is_waited_for_while_what_was_taken_in_goes_on(
    bench: Bench, lead_event: LeadEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.endpoint()
    poll, tried = bench.log.poll, asyncio.Event()
    loop = asyncio.get_running_loop()

    def away(_timeout_s: float, _max_bytes: int) -> list[object]:
        monkeypatch.setattr(bench.log, "poll", poll)
        loop.call_soon_threadsafe(tried.set)
        raise LogError("the broker is away")

    bench.log.append(lead_event(1))
    assert bench.notifier.intake is not None
    bench.notifier.intake.run_once(0)
    bench.log.append(lead_event(2))
    monkeypatch.setattr(bench.log, "poll", away)
    running = asyncio.create_task(bench.notifier.run())
    await bench.receiver.until(1)
    await asyncio.wait_for(tried.wait(), 10)
    await bench.receiver.until(2)
    bench.notifier.stop()
    await running
    assert set(ids(bench).values()) == {1}


class Full:
    """SQLite's disk: no page more than it has, until it is closed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        sa.event.listen(engine, "begin", self._limit)

    @staticmethod
    def _limit(connection: sa.Connection) -> None:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        cursor = raw.cursor()
        cursor.execute("PRAGMA max_page_count=1")  # SQLite takes it for what it has
        cursor.close()

    def close(self) -> None:
        sa.event.remove(self._engine, "begin", self._limit)
        sa.event.listen(self._engine, "begin", _unlimited)


def _unlimited(connection: sa.Connection) -> None:
    raw = connection.connection.dbapi_connection
    assert raw is not None
    cursor = raw.cursor()
    cursor.execute("PRAGMA max_page_count=1000000")
    cursor.close()


def is_sqlite(bench: Bench) -> bool:
    return bench.engine.dialect.name == "sqlite"


async def test_a_full_disk_takes_no_lead_event_in_and_none_is_skipped(bench: Bench, lead_event: LeadEvents) -> None:
    if not is_sqlite(bench):
        pytest.skip("a PostgreSQL whose disk is full is an error like any other: test_servers_die.py")
    bench.endpoint()
    bench.log.append(*(lead_event(number, data=lead_event().data | {"summary": "x" * 9_000}) for number in range(1, 9)))
    with contextlib.closing(Full(bench.engine)), pytest.raises(sa.exc.OperationalError, match="full"):
        await bench.notifier.run_once()
    assert bench.statuses() == []
    while await bench.notifier.run_once():
        pass
    assert bench.statuses() == [Status.DELIVERED] * 8
    assert set(ids(bench).values()) == {1}


async def test_an_attempt_that_ends_on_a_full_disk_is_settled_when_there_is_room_and_not_sent_again(
    bench: Bench, lead_event: LeadEvents
) -> None:
    if not is_sqlite(bench):
        pytest.skip("a PostgreSQL whose disk is full is an error like any other: test_servers_die.py")
    full: list[Full] = []

    async def fill_up(writer: asyncio.StreamWriter) -> None:
        full.append(Full(bench.engine))
        await moods.answer(writer, 200, b"y" * 16_000)  # is kept, and needs pages

    bench.endpoint()
    bench.receiver.behave = fill_up
    with pytest.raises(sa.exc.OperationalError, match="full"):
        await bench.deliver(lead_event())
    assert bench.delivery().status == Status.SENDING
    full[0].close()
    await bench.notifier.run_once()
    assert (bench.delivery().status, len(bench.receiver.received)) == (Status.DELIVERED, 1)


@pytest.mark.parametrize("jump_s", [-3600, -1, 31, 3600])
async def test_a_clock_that_jumps_while_an_attempt_is_under_way_sends_nothing_twice(
    bench: Bench, lead_event: LeadEvents, jump_s: int
) -> None:
    """Forwards its lease seems over; but then it also seems to be under way for long, and its endpoint gets no more meanwhile."""
    bench.endpoint()
    jumped, answering = asyncio.Event(), asyncio.Event()

    async def jump(writer: asyncio.StreamWriter) -> None:
        bench.clock.pass_(jump_s)
        jumped.set()
        await answering.wait()
        await moods.answer(writer, 200)

    bench.receiver.behave = jump
    bench.log.append(lead_event())
    running = asyncio.create_task(bench.notifier.run_once())
    await jumped.wait()
    await bench.notifier._start_due()
    answering.set()
    await running
    await bench.notifier.run_once()
    assert (bench.statuses(), len(bench.receiver.received)) == ([Status.DELIVERED], 1)


async def test_a_clock_that_goes_back_and_forth_loses_nothing(bench: Bench, lead_event: LeadEvents) -> None:
    bench.endpoint()
    begun = bench.clock.now
    bench.receiver.behave = moods.in_turn(*[says(500)] * 4, says(200))
    for number, jump_s in enumerate((-7200, 7200, -60, 86_400, -86_400, 30), 1):
        bench.log.append(lead_event(number, timestamp=begun))
        await bench.notifier.run_once()
        bench.clock.pass_(jump_s)
    while (next_at := bench.next_at()) is not None:
        bench.clock.now = max(bench.clock.now, next_at)
        await bench.notifier.run_once()
    assert bench.statuses() == [Status.DELIVERED] * 6
