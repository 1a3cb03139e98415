"""The whole 75 hours and more, on a clock that is played: real store and worker, and a receiver at the sender's edge."""

import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from notifier.core.answers import Answer, ErrorKind, error_of
from notifier.core.delivery import DEAD_AFTER_MS, DEAD_NEVER_BEFORE_MS, TRY_DELAYS_S, Status
from notifier.core.disabling import AFTER_MS
from notifier.sender import Sender
from notifier.store import NotifierStore
from notifier.tables import deliveries, metadata
from notifier.worker import Notifier
from runtime.database import open_database
from runtime.settings import Settings
from tests.notifier.bench import DEVELOPMENT, Bench
from tests.notifier.conftest import LeadEvents, StandingClock
from tests.notifier.receiver import Receiver

HOUR_S = 3600
Says = Callable[[int, int], Answer]
"""Seconds since the beginning, and which request it is (from 1), to an answer."""


def said(status: int, retry_after: str | None = None) -> Answer:
    return Answer(status=status, error=error_of(status), retry_after=retry_after)


@dataclass
class Request:
    at_s: float
    webhook_id: str
    body: bytes


@dataclass
class Played(Sender):
    """The sender with its wire cut off: what it would send goes to `says`, at once."""

    clock: StandingClock
    says: Says
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(DEVELOPMENT)
        self.begun = self.clock.now

    async def send(self, endpoint_id: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002
        at_s = (self.clock.now - self.begun) / 1000
        self.requests.append(Request(at_s, headers["webhook-id"], body))
        return self.says(int(at_s), len(self.requests))


@dataclass
class Life:
    """A notifier and its receiver, from the first lead event until nothing is left to do."""

    bench: Bench
    played: Played

    def with_jitter(self, jitter: Callable[[], float]) -> None:
        intake = self.bench.notifier.intake
        self.bench.notifier = Notifier(self.bench.store, self.played, self.bench.clock, intake=intake, jitter=jitter)

    async def until(self, hours: float = 1e9) -> None:
        """Every delivery when it may go, up to that many hours after the beginning."""
        end = self.played.begun + hours * HOUR_S * 1000
        while (next_at := self.bench.next_at()) is not None and max(next_at, self.bench.clock.now) <= end:
            self.bench.clock.now = max(self.bench.clock.now, next_at)
            await self.bench.notifier.run_once()
        if hours < 1e9:
            self.bench.clock.now = max(self.bench.clock.now, int(end))

    def gaps(self) -> list[float]:
        """Seconds from each request to the next, the first from the beginning."""
        times = [0.0, *(request.at_s for request in self.played.requests)]
        return [after - before for before, after in pairwise(times)]

    def is_one_message(self) -> bool:
        return len({(request.webhook_id, request.body) for request in self.played.requests}) == 1


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(Settings(data=tmp_path), "notifier")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def life(store: NotifierStore, engine: sa.Engine, clock: StandingClock) -> AsyncIterator[Life]:
    played = Played(clock, lambda _at_s, _number: said(500))
    life = Life(Bench(store, engine, clock, played, Receiver(port=9)), played)
    life.bench.endpoint()
    yield life
    await played.aclose()


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
async def test_a_receiver_that_is_down_for_ever_gets_eleven_tries_at_the_documented_times(
    life: Life, lead_event: LeadEvents, jitter: float
) -> None:
    life.with_jitter(lambda: jitter)
    await life.bench.deliver(lead_event())
    await life.until()
    assert life.gaps() == pytest.approx([delay * (1 + 0.1 * jitter) for delay in TRY_DELAYS_S], abs=0.02)
    delivery = life.bench.delivery()
    assert (delivery.status, delivery.tries) == (Status.DEAD, 11)
    assert delivery.settled_at - delivery.created_at >= DEAD_NEVER_BEFORE_MS
    assert life.is_one_message()


@pytest.mark.parametrize("seed", range(5))
async def test_jitter_only_lengthens(life: Life, lead_event: LeadEvents, seed: int) -> None:
    life.with_jitter(random.Random(seed).random)
    await life.bench.deliver(lead_event())
    await life.until()
    assert len(life.gaps()) == 11
    for gap, delay in zip(life.gaps(), TRY_DELAYS_S, strict=True):
        assert delay <= gap <= delay * 1.1 + 0.001


async def test_a_receiver_that_is_down_for_75_hours_and_then_up_gets_its_lead_under_the_same_id(
    life: Life, lead_event: LeadEvents
) -> None:
    life.played.says = lambda at_s, _number: said(503 if at_s < 75 * HOUR_S else 200)
    await life.bench.deliver(lead_event())
    await life.until()
    assert (life.bench.delivery().status, life.bench.delivery().tries) == (Status.DELIVERED, 11)
    assert life.is_one_message()
    assert life.played.requests[0].webhook_id == lead_event().id


async def test_retry_after_is_waited_for_to_the_second_up_to_a_day_and_spends_no_try(life: Life, lead_event: LeadEvents) -> None:
    """In seconds and as a date; then the schedule goes on where it was."""

    def says(at_s: int, number: int) -> Answer:
        date = datetime.fromtimestamp(life.played.begun // 1000 + at_s + 7_200, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        asked = {2: "3600", 3: date, 4: str(7 * 24 * HOUR_S), 6: "0"}
        return said(503, asked.get(number))

    life.played.says = says
    await life.bench.deliver(lead_event())
    await life.until()
    gaps = life.gaps()
    assert gaps[:2] == [0, 5]
    assert gaps[2:8] == pytest.approx([3_600, 7_200, 24 * HOUR_S, 5 + 25, 1, 300], abs=1)
    assert life.bench.delivery().status == Status.DEAD
    assert life.bench.delivery().tries == 11
    assert len(gaps) == 11 + 4


async def test_who_always_says_retry_after_is_waited_for_seven_days(life: Life, lead_event: LeadEvents) -> None:
    life.played.says = lambda _at_s, _number: said(429, str(12 * HOUR_S))
    await life.bench.deliver(lead_event())
    await life.until()
    delivery = life.bench.delivery()
    assert (delivery.status, delivery.tries) == (Status.DEAD, 0)
    assert delivery.settled_at - delivery.created_at == DEAD_AFTER_MS


def ages_ms(life: Life) -> list[int]:
    """Of those that are dead, when they died."""
    with life.bench.engine.connect() as tx:
        dead = sa.select(deliveries.c.settled_at - deliveries.c.created_at).where(deliveries.c.status == Status.DEAD)
        return list(tx.scalars(dead))


@pytest.mark.parametrize("leads", [2, 3, 40])
async def test_after_72_hours_the_endpoint_is_disabled_and_everything_is_held_before_anything_dies(
    life: Life, lead_event: LeadEvents, leads: int
) -> None:
    """However many wait for its breaker; and once it is enabled all of them arrive, with the ids that they had."""
    for number in range(1, leads + 1):  # one an hour, and then they wait
        await life.bench.deliver(lead_event(number))
        await life.until(number)
    await life.until()
    (endpoint,) = life.bench.store.endpoints()
    assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "failing")
    assert life.bench.clock.now - life.played.begun >= AFTER_MS
    assert life.bench.statuses() == [Status.HELD] * leads
    life.bench.clock.pass_(30 * 24 * HOUR_S)
    assert life.bench.next_at() is None
    bodies = {request.webhook_id: request.body for request in life.played.requests}
    life.played.requests.clear()
    life.played.says = lambda _at_s, _number: said(200)
    life.bench.store.enable_endpoint(endpoint.id, life.bench.clock.now)
    await life.until()
    assert life.bench.statuses() == [Status.DELIVERED] * leads
    again = [(request.webhook_id, request.body) for request in life.played.requests]
    assert sorted(again) == sorted((id_, bodies.get(id_, body)) for id_, body in again)
    assert sorted(id_ for id_, _ in again) == sorted(lead_event(number).id for number in range(1, leads + 1))


async def test_410_holds_at_once_and_413_kills_that_message_alone(life: Life, lead_event: LeadEvents) -> None:
    statuses = {lead_event(1).id: 413, lead_event(2).id: 410}
    life.played.says = lambda _at_s, _number: said(statuses.get(life.played.requests[-1].webhook_id, 200))
    await life.bench.deliver(lead_event(1))
    await life.until()
    await life.bench.deliver(lead_event(2))
    await life.until()
    await life.bench.deliver(lead_event(3))  # made while it is disabled
    assert life.bench.statuses() == [Status.DEAD, Status.HELD, Status.HELD]
    statuses.clear()
    (endpoint,) = life.bench.store.endpoints()
    life.bench.store.enable_endpoint(endpoint.id, life.bench.clock.now)
    await life.until()
    assert life.bench.statuses() == [Status.DEAD, Status.DELIVERED, Status.DELIVERED]
    assert len(life.played.requests) == 4


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_receiver_does_nothing_dies_before_75_hours_and_no_id_has_two_bodies(
    life: Life, lead_event: LeadEvents, seed: int
) -> None:
    """Outages, floods of 429, timeouts: at any time a delivery is one of its states, and each was tried."""
    dice = random.Random(seed)
    moods = [dice.choice(["up", "up", "down", "busy", "hangs"]) for _ in range(200)]

    def says(at_s: int, _number: int) -> Answer:
        mood = moods[at_s // (HOUR_S // 2) % len(moods)]
        if mood == "busy" and dice.random() < 0.7:
            return said(429, str(dice.choice([1, 60, HOUR_S])))
        if mood == "hangs":
            return Answer(error=ErrorKind.HEADERS_TIMEOUT, ms=15_000)
        return said(500 if mood == "down" or dice.random() < 0.05 else 200)

    life.played.says = says
    life.with_jitter(dice.random)
    for number in range(1, 31):
        await life.bench.deliver(lead_event(number))
        await life.until(number * 2.5)
    await life.until()
    bodies: dict[str, bytes] = {}
    for request in life.played.requests:
        assert bodies.setdefault(request.webhook_id, request.body) == request.body
    assert bodies.keys() == {lead_event(number).id for number in range(1, 31)}
    assert set(life.bench.statuses()) <= {Status.DELIVERED, Status.HELD, Status.DEAD}
    assert all(age >= DEAD_NEVER_BEFORE_MS for age in ages_ms(life))
    assert life.bench.statuses().count(Status.DELIVERED) > 0
