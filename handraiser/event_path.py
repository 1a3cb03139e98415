"""One event's way by its message id: in, the log and what the rooms have stored; out, step by step, how far it came and why.

The log has no index of ids: the newest records of each partition are looked through, as bytes first.
"""

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel

from contracts.codec import UndecodableError, decode
from contracts.messages import DEAD_LETTERS, EVENTS, UNATTRIBUTED, DeadLetter, UsageEvent
from detector.shapes import iso
from detector.store import DetectorStore
from eventlog.port import Log, LogError, Record, TopicPartition
from handraiser.output import counted
from notifier.store_history import Delivery, History
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, ErrorBody, api_key_required

RECORDS_MAX: Final = 200_000
"""Of each topic, the newest."""
LOOK_S_MAX: Final = 20.0
POLL_BYTES: Final = 16 * 1024 * 1024
LEADS_MAX: Final = 20


class Step(BaseModel):
    """`code`: for programs. `at`: when, ISO 8601. `details`: what belongs to it."""

    code: str
    at: str | None
    text: str
    details: dict[str, Any] = {}


class EventPath(BaseModel):
    """In the order of the way. `looked_at`: how many records; `whole`: whether these were all that the log retains."""

    id: str
    project: str
    steps: list[Step]
    looked_at: int
    whole: bool


class EventPaths:
    """`deliveries`: the notifier's database."""

    def __init__(self, log: Log, store: DetectorStore, deliveries: sa.Engine) -> None:
        self._log = log
        self._store = store
        self._deliveries = History(deliveries)

    def find(self, project: str, message_id: str) -> EventPath:
        """Blocks, for LOOK_S_MAX and a little at most. Raises LogError."""
        looked = _Looked(self._log, project, message_id)
        steps = [*self._arrivals(looked), *self._outcome(looked)]
        if not steps:
            where = "in the log" if looked.whole else f"among the newest {RECORDS_MAX:,} records of each topic"
            steps = [Step(code="not_found", at=None, text=f"No event with this id is {where}. Was it answered with 200?")]
        return EventPath(id=message_id, project=project, steps=steps, looked_at=looked.records, whole=looked.whole)

    def _arrivals(self, looked: "_Looked") -> Iterator[Step]:
        seen: set[tuple[str, str | None]] = set()
        for record, event in looked.events:
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            if event.attributed:
                yield Step(
                    code="attributed", at=iso(record.timestamp), text=f"Its account was found: {event.account}.",
                    details={**place, "account": event.account},
                )  # fmt: skip
                continue
            first = (record.topic, event.account) not in seen
            seen.add((record.topic, event.account))
            who = f"person {event.person}" if event.person else f"anonymous {event.anonymous}" if event.anonymous else "nobody"
            whose = f"account {event.account}" if event.account else "no account named"
            yield Step(
                code="received" if first else "copy",
                at=iso(event.received_at),
                text=f"{'Received' if first else 'A copy of it came'}: {event.type} {event.name or ''} of {who}, {whose}.",
                details={**place, "timestamp": iso(event.timestamp), "key_id": event.key_id, "trust": event.trust},
            )
        for letter in looked.letters:
            yield _buried(letter)

    def _outcome(self, looked: "_Looked") -> Iterator[Step]:
        accounts = {event.account for _, event in looked.events if event.account is not None}
        for _, event in looked.events:
            if event.account is None and not any(other.attributed for _, other in looked.events):
                yield from self._waits(event)
                return
        positions = {standing.partition: standing.next_offset for standing in self._store.checkpoints.standings()}
        judged = [record for record, _ in looked.events if record.topic == EVENTS]
        if judged and all(positions.get(TopicPartition(each.topic, each.partition), 0) <= each.offset for each in judged):
            yield Step(code="waits_for_detector", at=None, text="The detector has not come to it yet: see its lag in /health.")
            return
        told = list(self._told(looked, accounts))
        yield from told
        for account in sorted(accounts) if judged and not told else ():
            yield Step(
                code="no_lead_event", at=None, details={"account": account},
                text=f"It counts, and made no lead event. What is missing: handraiser why {account}",
            )  # fmt: skip

    def _waits(self, event: UsageEvent) -> Iterator[Step]:
        who = event.person or event.anonymous or ""
        person = self._store.people.load([(event.project, who)]).get((event.project, who))
        if person is not None and event.id in person.held:
            until = iso(person.held[event.id].until)
            yield Step(
                code="waits_for_account", at=None, details={"until": until},
                text=f"It waits for the account of {who} until {until}: send `group` for {who}.",
            )  # fmt: skip
            return
        for stored in self._store.dead_letters.of_detector(event.project, f'"id":{json.dumps(event.id, ensure_ascii=False)}'):
            yield _buried(stored.letter)

    def _told(self, looked: "_Looked", accounts: set[str]) -> Iterator[Step]:
        """The lead events that one of its records made, and those that name it as evidence; what receivers got of them."""
        places = {(record.topic, record.partition, record.offset) for record, _ in looked.events}
        found = []
        for account in accounts:
            for lead in self._store.leads.newest(looked.project, account, LEADS_MAX):
                for event in self._store.leads.events(lead.lead_id):
                    cited = any(looked.message_id in line.get("message_ids", ()) for line in event.data.get("evidence", ()))
                    if cited or (event.place.topic, event.place.partition, event.place.offset) in places:
                        found.append(event)
        deliveries = self._deliveries.of_lead_events([event.id for event in found])
        for event in sorted(found, key=lambda each: (each.timestamp, each.id)):
            yield Step(
                code=event.type, at=iso(event.timestamp), text=f"{event.type}: {event.data.get('summary', '')}",
                details={"lead_id": event.data["lead_id"], "lead_event_id": event.id, "account": event.account},
            )  # fmt: skip
            for delivery in deliveries:
                if delivery.lead_event_id == event.id:
                    yield _delivered(delivery)


def _delivered(delivery: Delivery) -> Step:
    why = f": {delivery.last_error}" if delivery.last_error and delivery.status != "delivered" else ""
    return Step(
        code=f"delivery_{delivery.status}",
        at=iso(delivery.settled_at or delivery.created_at),
        text=f"Webhook to {delivery.endpoint}: {delivery.status}, {counted(delivery.tries, 'attempt')}{why}.",
        details={"endpoint": delivery.endpoint, "tries": delivery.tries},
    )


def _buried(letter: DeadLetter) -> Step:
    return Step(
        code="rejected",
        at=iso(letter.received_at),
        text=f"It could not be used ({letter.code}): {letter.message}",
        details={"dead_letter": letter.id, "code": letter.code, "field": letter.field},
    )


class _Looked:
    """What the log holds of one message id."""

    def __init__(self, log: Log, project: str, message_id: str) -> None:
        self.project = project
        self.message_id = message_id
        self.events: list[tuple[Record, UsageEvent]] = []
        self.letters: list[DeadLetter] = []
        self.records = 0
        self._wanted = project, message_id
        self.whole = True
        self._needle = json.dumps(message_id, ensure_ascii=False)[1:-1].encode()
        in_text = json.dumps(json.dumps(message_id, ensure_ascii=False)[1:-1], ensure_ascii=False)[1:-1]
        self._needles = {DEAD_LETTERS: in_text.encode()}
        for topic in (UNATTRIBUTED, EVENTS, DEAD_LETTERS):
            self._look(log, topic)

    def _look(self, log: Log, topic: str) -> None:
        consumer = log.consumer([topic])
        try:
            first, end = consumer.beginning_offsets(), consumer.end_offsets()
            left = {at: offset for at, offset in end.items() if first[at] < offset}
            each = max(1, RECORDS_MAX // max(1, len(left)))
            for at in left:
                start = max(first[at], end[at] - each)
                self.whole &= start == first[at]
                consumer.seek(at, start)
            deadline = time.monotonic() + LOOK_S_MAX / 3
            while left and time.monotonic() < deadline:
                for record in consumer.poll(0.5, POLL_BYTES):
                    at = TopicPartition(record.topic, record.partition)
                    self.records += 1
                    if self._needles.get(topic, self._needle) in record.value:
                        self._take(record)
                    if record.next_offset >= left.get(at, 0):
                        left.pop(at, None)
            self.whole &= not left
        finally:
            consumer.close()

    def _take(self, record: Record) -> None:
        try:
            messages = decode(record.value)
        except UndecodableError:
            return
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, UsageEvent) and (message.project, message.id, message.link) == (*self._wanted, None):
                self.events.append((record, message))
            elif isinstance(message, DeadLetter) and message.project == self.project and _says(message, self.message_id):
                self.letters.append(message)


def _says(letter: DeadLetter, message_id: str) -> bool:
    """Whether one of the event's own fields is this id: the dialects call it by different names."""
    try:
        body = json.loads(letter.body)
    except ValueError:
        return False
    return isinstance(body, dict) and message_id in [body.get(name) for name in ("messageId", "uuid", "id")]


def create_router(paths: EventPaths, authenticate: Authenticate) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["events"], dependencies=[api_key_required(authenticate)], responses=ERROR_RESPONSES)

    @router.get("/events/{message_id:path}", responses={503: {"model": ErrorBody}})
    def event(message_id: str, project: str) -> EventPath:
        """One event's way, from its request to the webhook or to the reason why there is none."""
        try:
            return paths.find(project, message_id)
        except LogError as error:
            raise ApiError(503, "log_busy", f"The log cannot be read just now: {error}", headers={"Retry-After": "5"}) from None

    return router
