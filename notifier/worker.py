"""Due deliveries come in; signed webhooks go out, and what became of them is settled. One event loop; the database off it."""

import asyncio
import contextlib
import logging
import random
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from notifier.core.answers import Answer, ErrorKind, remedy
from notifier.core.delivery import settle
from notifier.core.formats import FORMATS
from notifier.core.headers import hide
from notifier.core.isolation import IN_ALL
from notifier.core.payload import endpoint_test
from notifier.core.signing import signed_headers
from notifier.intake import Intake
from notifier.metrics import ATTEMPT_SECONDS, ATTEMPTS, BREAKERS, DELIVERIES, DISABLED, FIRST_TRY_SECONDS, IN_FLIGHT
from notifier.sender import Sender
from notifier.store import NotifierStore
from notifier.store_claiming import Claim
from notifier.store_due import Flight
from notifier.store_settling import Ended, Moved
from runtime.clock import Clock
from runtime.points import reach

IDLE_S_MAX = 5.0
"""Another process may enable an endpoint, or leave a lease behind: look at least this often."""
RETRY_S = 1.0
LOOK_MS = 5_000
"""Between two looks for room under the caps: what waits may have come by another process."""
KEPT_MS = 30 * 24 * 3600 * 1000
"""How long what was delivered or skipped, and what is dead, can be looked at and replayed."""
SWEEP_MAX = 1_000
SWEEP_MS = 3600 * 1000
SWEEP_AGAIN_MS = 1_000
"""Between two sweeps of what is old: as a rule, and while there are more than one takes."""
SEND_WITHIN_MS = 24_000
"""A claim is only sent while at least this much of its lease is left: longer than an attempt and its settling."""

logger = logging.getLogger("notifier")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to: the delivery's new state, the HTTP status (None: no answer), its length, why it failed."""

    state: str
    status: int | None
    ms: int
    error: ErrorKind | None
    remedy: str | None


OnSettled: TypeAlias = Callable[[dict[str, Any], str, Outcome], None]
"""Called after each settled attempt with the payload in the endpoint's format, its name and the outcome."""


class Notifier:
    """Takes lead events in (if it has an `intake`) and delivers. `run` until `stop`, or step by step with `run_once`."""

    def __init__(  # noqa: PLR0913 - what it works with, and two choices of the composition
        self,
        store: NotifierStore,
        sender: Sender,
        clock: Clock,
        on_settled: OnSettled | None = None,
        *,
        intake: Intake | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.sender = sender
        self.intake = intake
        self._store = store
        self._clock = clock
        self._on_settled = on_settled
        self._jitter = jitter
        self._in_flight: dict[str, Flight] = {}
        """By attempt: those that are not settled."""
        self._ended: list[Ended] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._sweep_at = 0
        self._look_at = 0

    async def run_once(self) -> int:
        """One pass: what the log has is taken in, what is due is sent and settled; how many attempts that were."""
        if self.intake is not None:
            await asyncio.to_thread(self.intake.run_once, 0)
        await self._look_for_room()
        await self._start_due()
        begun = len(self._tasks)
        while self._in_flight:
            if self._tasks:
                done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # what ends an attempt before its answer ends the pass
            await self._settle_ended()
        await self._sweep()
        return begun

    async def run(self) -> None:
        """Until `stop`: deliveries leave when they are due. Returns when what was in flight is settled."""
        reading = self._start_intake(asyncio.get_running_loop())
        try:
            while not self._stopping:
                self._wake.clear()
                await self._pause(await self._pass())
        finally:
            if self.intake is not None and reading is not None:
                self.intake.stop()
                await asyncio.to_thread(reading.join)
            await asyncio.gather(*self._tasks)
            await self._settle_ended()

    def stop(self) -> None:
        """End `run` once what is in flight is settled. On the event loop's thread."""
        self._stopping = True
        self._wake.set()

    def wake(self) -> None:
        """Look for due deliveries now. On the event loop's thread."""
        self._wake.set()

    async def test(self, endpoint_id: str) -> Outcome | None:
        """Send `endpoint.test` the way every webhook goes; nothing is stored. None: there is no such endpoint."""
        now = self._clock()
        opened = await asyncio.to_thread(self._store.secrets.opened_endpoint, endpoint_id, now)
        endpoint = await asyncio.to_thread(self._store.endpoint, endpoint_id)
        if opened is None or endpoint is None:
            return None
        webhook_id = f"test_{secrets.token_hex(10)}"
        body = FORMATS[endpoint.format].body(endpoint_test(webhook_id, endpoint.project, endpoint_id, now))
        headers = opened.headers | signed_headers(opened.secrets, webhook_id, now // 1000, body)
        answer = await self.sender.send(endpoint_id, opened.url, headers, body)
        return _outcome("delivered" if answer.delivered else "failed", answer)

    def _start_intake(self, loop: asyncio.AbstractEventLoop) -> threading.Thread | None:
        if self.intake is None:
            return None
        thread = threading.Thread(
            target=self.intake.run, args=(lambda: loop.call_soon_threadsafe(self._wake.set),), name="notifier-intake", daemon=True
        )
        thread.start()
        return thread

    async def _pass(self) -> float:
        """Settle what has ended, start what is due; seconds until there can be more, if nothing wakes us."""
        try:
            await self._settle_ended()
            await self._look_for_room()
            next_at = await self._start_due()
            await self._sweep()
        except SQLAlchemyError as error:  # a pool that has no connection left, too
            logger.warning("the database cannot be used, trying again", extra={"error": str(getattr(error, "orig", error))[:500]})
            return RETRY_S
        if next_at is None or len(self._in_flight) >= IN_ALL:
            next_at = self._look_at
        return min(max(0.0, (min(next_at, self._look_at) - self._clock()) / 1000), IDLE_S_MAX)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), seconds)

    async def _look_for_room(self) -> None:
        """Lets go what waited under the caps on noise, when there may be room."""
        now = self._clock()
        if self._look_at - LOOK_MS <= now < self._look_at:  # else it is time, or the clock was set back
            return
        found = await asyncio.to_thread(self._store.noise.look, now)
        self._look_at = now + LOOK_MS if found.next_at is None else max(now, min(found.next_at, now + LOOK_MS))
        if found.deliveries or found.stale:
            DELIVERIES.labels("let_go").inc(found.deliveries)
            DELIVERIES.labels("skipped").inc(found.stale)
            logger.info("leads that waited are let go", extra={"deliveries": found.deliveries, "stale": found.stale})

    async def _start_due(self) -> int | None:
        """Claim what is due and fits, and send each in a task of its own; when the next one is due."""
        if len(self._in_flight) >= IN_ALL:
            return None
        now = self._clock()
        claimed = await asyncio.to_thread(self._store.deliveries.claim, now, list(self._in_flight.values()))
        if claimed.skipped:
            DELIVERIES.labels("skipped").inc(claimed.skipped)
            logger.info("deliveries skipped for newer revisions", extra={"deliveries": claimed.skipped})
        for claim in claimed.claims:
            self._in_flight[claim.attempt_id] = Flight(claim.endpoint_id, claim.project, claim.is_first, now)
            task = asyncio.create_task(self._deliver(claim))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        IN_FLIGHT.set(len(self._in_flight))
        BREAKERS.set(claimed.breakers)
        return claimed.next_at

    async def _deliver(self, claim: Claim) -> None:
        """Send. Its slot is free again when the attempt is settled; one that is not sent waits for its lease to end."""
        try:
            answer = await self._send(claim)
        except Exception:
            logger.exception("a delivery broke off; its lease will end and it is sent again")
            answer = None
        if answer is None:
            self._free(claim)
        else:
            now = self._clock()
            self._ended.append(Ended(claim, answer, settle(claim.since, claim.tries, answer, now, self._jitter()), now))
        self._wake.set()

    async def _send(self, claim: Claim) -> Answer | None:
        now = self._clock()
        if now > claim.lease_until - SEND_WITHIN_MS:
            logger.warning("a claim was too old to send; it becomes due again", extra={"delivery_id": claim.delivery_id})
            return None
        reach("notifier.claim.after")
        headers = signed_headers(claim.secrets, claim.lead_event_id, now // 1000, claim.body)
        answer = await self.sender.send(claim.endpoint_id, claim.url, claim.headers | headers, claim.body)
        reach("notifier.settle.before")
        return replace(answer, body=hide(answer.body, claim.headers, claim.url))

    async def _settle_ended(self) -> None:
        """One commit for all attempts that ended during the one before. If it fails they stay, for the next pass."""
        ended = list(self._ended)
        if not ended:
            return
        moved = await asyncio.to_thread(self._store.deliveries.settle, ended)
        reach("notifier.settle.after")
        del self._ended[: len(ended)]
        for each, as_moved in zip(ended, moved, strict=True):
            self._free(each.claim)
            try:
                self._tell(each, as_moved)
            except Exception:
                logger.exception("a settled attempt could not be told")

    async def _sweep(self) -> None:
        """Deliveries that are over for KEPT_MS go, so many at a time."""
        now = self._clock()
        if now >= self._sweep_at:
            more = await asyncio.to_thread(self._store.deliveries.sweep, now - KEPT_MS, SWEEP_MAX)
            await asyncio.to_thread(self._store.noise.sweep, now)
            await asyncio.to_thread(self._store.mend, now)
            self._sweep_at = now + (SWEEP_AGAIN_MS if more else SWEEP_MS)

    def _free(self, claim: Claim) -> None:
        self._in_flight.pop(claim.attempt_id, None)

    def _tell(self, ended: Ended, moved: Moved | None) -> None:
        """One log line, the metrics, and whoever listens."""
        claim, answer, settled = ended.claim, ended.answer, ended.settled
        outcome = _outcome("lease_lost" if moved is None else moved.status, answer)
        ATTEMPTS.labels("delivered" if answer.delivered else str(answer.error)).inc()
        DELIVERIES.labels(outcome.state).inc()
        ATTEMPT_SECONDS.observe(answer.ms / 1000)
        if claim.is_first:
            FIRST_TRY_SECONDS.observe((ended.at - claim.since) / 1000)
        logger.info(
            "webhook attempt",
            extra={
                "delivery_id": claim.delivery_id,
                "attempt_id": claim.attempt_id,
                "endpoint_id": claim.endpoint_id,
                "lead_event_id": claim.lead_event_id,
                "type": claim.type,
                "site": claim.site,
                "outcome": outcome.state,
                "status": answer.status,
                "error": answer.error,
                "tries": settled.tries,
                "duration_ms": answer.ms,
                "next_at": settled.next_at,
            },
        )
        if moved is not None and moved.open_until is not None:
            logger.warning("breaker opened", extra={"endpoint_id": claim.endpoint_id, "until": moved.open_until})
        if moved is not None and moved.disabled is not None:
            DISABLED.labels(moved.disabled).inc()
            logger.warning("endpoint disabled", extra={"endpoint_id": claim.endpoint_id, "reason": moved.disabled})
        if moved is not None and self._on_settled is not None:
            self._on_settled(msgspec.json.decode(claim.body), claim.endpoint_name, outcome)


def _outcome(state: str, answer: Answer) -> Outcome:
    advice = None if answer.error is None else remedy(answer.error, answer.status, answer.detail)
    return Outcome(str(state), answer.status, answer.ms, answer.error, advice)
