"""Batches of events in, what the server said of each out; a server that is busy or away is waited for."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from handraiser.errors import CommandError
from handraiser.importing.rows import Problem, Row

EVENTS_MAX = 500
BATCH_BYTES_MAX = 1024 * 1024
"""Of a batch, or it is one event."""
REQUEST_S_MAX = 30.0
AWAY_S_MAX = 300.0
"""A server that takes nothing for so long is given up."""
PAUSE_S_FIRST = 0.25
PAUSE_S_MAX = 10.0
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_HISTORY, _EVENTS, _TAIL = b'{"historical_migration":true,"events":[', b'{"events":[', b"]}"


class StoppedError(Exception):
    """The import was told to stop."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a batch."""

    accepted: int
    problems: list[Problem]


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """In order, each within the bounds."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        if batch and (len(batch) == EVENTS_MAX or size + len(row.body) > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += len(row.body)
    if batch:
        yield batch


def body_of(batch: Sequence[Row], *, history: bool = True) -> bytes:
    """For POST /v1/events, which lists everything that it rejects."""
    return (_HISTORY if history else _EVENTS) + b",".join(row.body for row in batch) + _TAIL


def problems_of(batch: Sequence[Row], rejected: Iterable[dict[str, Any]]) -> list[Problem]:
    """The server's rejections, each at its place in the file."""
    return [Problem(batch[r["index"]].file, batch[r["index"]].line, None, r["code"], r["message"]) for r in rejected]


class Poster:
    """May be used by several threads. `stop` ends every wait."""

    def __init__(
        self, url: str, write_key: str, import_id: str | None, stop: threading.Event, away_s_max: float = AWAY_S_MAX
    ) -> None:
        """`import_id` None: what is posted is no history."""
        headers = {} if import_id is None else {"X-Handraiser-Import": import_id}
        self._http = httpx.Client(base_url=url, timeout=REQUEST_S_MAX, trust_env=False, auth=(write_key, ""), headers=headers)
        self._url = url
        self._import_id = import_id
        self._stop = stop
        self._away_s_max = away_s_max

    def post(self, batch: Sequence[Row]) -> Posted:
        """Return when all of it is durable. Raises CommandError, StoppedError."""
        answer = self._send("/v1/events", content=body_of(batch, history=self._import_id is not None)).json()
        return Posted(answer["accepted"], problems_of(batch, answer["rejected"]))

    def end(self) -> None:
        """Everything is posted and read: the accounts can be judged. Raises CommandError, StoppedError."""
        self._send("/v1/import/end", json={"import_id": self._import_id})

    def close(self) -> None:
        self._http.close()

    def _send(self, path: str, **body: Any) -> httpx.Response:
        """The same again until the server has taken it: events have ids, so nothing counts twice."""
        began = time.monotonic()
        pause_s = PAUSE_S_FIRST
        while True:
            reason, wait_s = f"no answer from {self._url}", None
            try:
                response = self._http.post(path, **body)
                if response.is_success:
                    return response
                if response.status_code not in AGAIN:
                    raise _refused(response)
                reason, wait_s = f"{self._url} answers {response.status_code}", _retry_after(response)
            except httpx.TransportError as error:
                reason += f" ({str(error) or type(error).__name__})"
            if time.monotonic() - began > self._away_s_max:
                raise CommandError(
                    "no_answer",
                    f"Given up after {self._away_s_max:.0f} s: {reason}. What was accepted stays; run the same command again "
                    "when the server runs: nothing is doubled.",
                )
            if self._stop.wait(pause_s if wait_s is None else wait_s):
                raise StoppedError
            pause_s = min(PAUSE_S_MAX, pause_s * 2)


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), PAUSE_S_MAX) if text.isdecimal() else None


def _refused(response: httpx.Response) -> CommandError:
    try:
        body = response.json()
        return CommandError(str(body["code"]), str(body["message"]))
    except (ValueError, KeyError, TypeError):
        path, status = response.request.url.path, response.status_code
        return CommandError("http_error", f"{path} answered {status}. Is that a Handraiser server?")
