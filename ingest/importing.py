"""The end of an import: its id in; a record in every partition that its events can be in, durable before the answer, out."""

import logging
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from contracts.codec import encode
from contracts.messages import EVENTS, UNATTRIBUTED, ImportEnd
from eventlog.port import Entry
from ingest.access import check_may_import, find_key
from ingest.batcher import Batcher, BusyError
from ingest.core.placement import Partitions
from ingest.keys import KeyRing
from runtime.points import reach
from runtime.web import ApiError, ErrorBody

IMPORT_ID_LENGTH_MAX = 100
RETRY_AFTER_S = 2
_log = logging.getLogger("ingest")


class ImportEndBody(BaseModel):
    """`import_id`: the one that the events were sent with, in X-Handraiser-Import."""

    model_config = ConfigDict(extra="forbid")
    import_id: Annotated[str, Field(min_length=1, max_length=IMPORT_ID_LENGTH_MAX, pattern=r"^[!-~]+$")]


def add_import_end(router: APIRouter, keys: KeyRing, batcher: Batcher) -> None:
    """POST /v1/import/end, with a key that may import. Whoever calls it has had the answers to all its events."""

    @router.post(
        "/v1/import/end",
        summary="End an import: its accounts are judged",
        responses={status: {"model": ErrorBody} for status in (401, 403, 413, 422, 503)},
    )
    async def end_import(end: ImportEndBody, request: Request) -> ImportEndBody:
        key = find_key(request.headers, None, keys)
        check_may_import(key)
        try:
            await append_end(batcher, ImportEnd(project=key.project, import_id=end.import_id))
        except BusyError:
            raise ApiError(
                503,
                "log_busy",
                "The log did not take this just now. Send the same again: it changes nothing if it was taken.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            ) from None
        _log.info("import ended", extra={"project": key.project, "key_id": key.id, "import_id": end.import_id, "outcome": "ok"})
        return end


async def append_end(batcher: Batcher, end: ImportEnd) -> None:
    """Return when it is durable in every partition. Raises BusyError: it may be in some."""
    await batcher.append_alone(_entries(end, batcher.partitions))
    reach("import.end.after")


def _entries(end: ImportEnd, partitions: Partitions) -> list[Entry]:
    value = encode(end)
    return [Entry(topic, partition, value) for topic in (EVENTS, UNATTRIBUTED) for partition in range(partitions[topic])]
