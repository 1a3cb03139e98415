"""Dead letters once more: in, which; out, their events in the log with their own ids and times, or the reason that is left.

What ingest refused is judged again as it came in, by the settings of now; what found no account looks for it again. A letter is
replayed once; dying in between sends its event twice, with one id, which the detector knows.
"""

from collections.abc import Mapping
from typing import Annotated, cast

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from contracts.messages import UNATTRIBUTED, DeadLetter, EventType, UsageEvent
from contracts.partition import partition_of
from detector.store import DetectorStore
from detector.store.letters import StoredLetter
from eventlog.port import Entry, LogError, Producer
from ingest.core.envelope import Envelope
from ingest.core.normalise import TYPES, Arrival, normalise
from ingest.core.placement import Placed, Target, place, values
from ingest.core.rejection import Rejection
from ingest.core.routes import ROUTES
from ingest.keys import KeyRing
from runtime.clock import Clock
from runtime.web import ERROR_RESPONSES, WHOLE, ApiError, Authenticate, ErrorBody, api_key_required

LETTERS_MAX = 500
"""Of one request."""
BYTES_MAX = 8 * 1024 * 1024
"""Of their bodies, or it is one."""
APPEND_S = 10.0
_event_decoder = msgspec.json.Decoder(UsageEvent)


class ReplayAsked(BaseModel):
    """Which: the letters with these ids, or all of a project that were not replayed yet, with one `code` if it is said.

    `cursor`: `next` of the answer before.
    """

    model_config = ConfigDict(extra="forbid")
    project: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
    code: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] | None = None
    ids: Annotated[list[Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]], Field(max_length=LETTERS_MAX)] | None = (
        None
    )
    cursor: Annotated[int, Field(ge=0, lt=10**18), WHOLE] = 0


class Replayed(BaseModel):
    """`replayed`: their events are in the log. `refused`: still no event of ours; the letter says why now. `cut`: not kept whole.

    `next`: where to go on; null: that was all.
    """

    replayed: int
    refused: int
    cut: int
    next: int | None


class Replayer:
    """`partitions`: how many each topic has."""

    def __init__(
        self, store: DetectorStore, producer: Producer, keys: KeyRing, partitions: Mapping[str, int], clock: Clock
    ) -> None:
        self._letters = store.dead_letters
        self._producer = producer
        self._keys = keys
        self._partitions = partitions
        self._clock = clock

    def replay(self, asked: ReplayAsked) -> Replayed:
        """Up to LETTERS_MAX of them. Raises LogError: none of these is replayed."""
        found, are_more = self._letters.to_replay(asked.project, asked.code, asked.ids, asked.cursor, LETTERS_MAX, BYTES_MAX)
        placed: list[Placed] = []
        done: list[StoredLetter] = []
        refused: list[DeadLetter] = []
        cut = 0
        for stored in found:
            if stored.letter.truncated:
                cut += 1
                continue
            outcome = self._again(stored.letter)
            if isinstance(outcome, DeadLetter):
                refused.append(outcome)
            else:
                done.append(stored)
                placed.append(outcome)
        entries = [Entry(target.topic, target.partition, value) for target, value in values(placed)]
        if entries:
            self._producer.append(entries, APPEND_S)
        self._letters.replayed(done, refused, self._clock())
        following = found[-1].seq if found and are_more else None
        return Replayed(replayed=len(done), refused=len(refused), cut=cut, next=following)

    def _again(self, letter: DeadLetter) -> Placed | DeadLetter:
        """Its event, or the letter with the reason of now."""
        if letter.route is None:
            return self._looks_for_its_account(letter)
        route = ROUTES.get(letter.route)
        if route is None:
            return letter
        key = self._keys.by_id(letter.key_id)
        arrival = Arrival(
            project=letter.project,
            key_id=letter.key_id,
            trust="browser" if key is None else key.trust,  # of a key that is gone nothing more is believed
            received_at=letter.received_at,
            new_id=lambda: letter.id,
            settings=self._keys.settings(letter.project),
        )
        body = msgspec.Raw(letter.body.encode())
        kind = cast("EventType", route.kind) if route.kind in TYPES else None
        judged = normalise([body], Envelope(body, single=True), kind, arrival, route.dialect)
        return _refused(letter, judged.rejections[0]) if judged.rejections else place(judged.events, (), self._partitions)

    def _looks_for_its_account(self, letter: DeadLetter) -> Placed | DeadLetter:
        """The attributor's letters hold events as they lay in the log."""
        try:
            event = _event_decoder.decode(letter.body)
        except msgspec.DecodeError:
            return letter
        somebody = event.person or event.anonymous
        if somebody is None:
            return letter
        partition = partition_of(event.project, somebody, self._partitions[UNATTRIBUTED])
        return Placed({Target(UNATTRIBUTED, partition): [event]}, {})


def _refused(letter: DeadLetter, why: Rejection) -> DeadLetter:
    return msgspec.structs.replace(letter, code=why.code, message=why.message, field=why.field)


def create_router(replayer: Replayer, authenticate: Authenticate) -> APIRouter:
    router = APIRouter(
        prefix="/v1", tags=["dead letters"], dependencies=[api_key_required(authenticate)], responses=ERROR_RESPONSES
    )

    @router.post("/deadletters/replay", responses={503: {"model": ErrorBody}})
    def replay(asked: ReplayAsked) -> Replayed:
        """Send dead letters through once more, after something was mended. Up to 500 at a time: go on with `next`."""
        try:
            return replayer.replay(asked)
        except LogError:
            raise ApiError(
                503, "log_busy", "The log did not take this just now. Send the same again.", headers={"Retry-After": "2"}
            ) from None

    return router
