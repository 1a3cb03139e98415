"""A command in; into the log with it, and what became of it out, or nothing if the detector did not get to it in time."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.codec import encode
from contracts.messages import EVENTS, Command
from contracts.partition import partition_of
from detector.changes import CommandRow
from detector.core.ids import command_id
from detector.store import DetectorStore
from eventlog.port import Entry, LogError, Producer, TopicState
from runtime.points import reach
from runtime.web import ApiError

APPEND_TIMEOUT_S = 5.0
WAIT_S = 5.0
POLL_S = 0.01
POLL_GROWTH = 1.5
POLL_S_MAX = 0.25


class Commander:
    """Off the event loop it blocks on log and database; on it, it only waits."""

    def __init__(self, store: DetectorStore, producer: Producer, topics: Mapping[str, TopicState]) -> None:
        self._store = store
        self._producer = producer
        self._partitions = topics[EVENTS].partitions

    async def tell(self, command: Command) -> CommandRow | None:
        """What became of the command within WAIT_S of its append; of one with the same id that came before, the same.

        None: it is in the log and not applied yet. Raises ApiError 409 for an id that says
        something else, 503 if the log is down.
        """
        row = await asyncio.to_thread(self._store.commands.get, command.id)
        if row is None:
            await asyncio.to_thread(self._append, command)
            row = await self._wait(command.id)
        if row is not None and msgspec.json.decode(row.arguments) != msgspec.json.decode(msgspec.json.encode(command.arguments)):
            message = "This Idempotency-Key was sent before with another body. Send a new key with each new thing to tell."
            raise ApiError(409, "idempotency_key_reused", message)
        return row

    def _append(self, command: Command) -> None:
        entry = Entry(EVENTS, partition_of(command.project, command.account, self._partitions), encode(command))
        try:
            self._producer.append([entry], APPEND_TIMEOUT_S)
        except LogError as error:
            message = "The log did not take it. Send it again; with the same Idempotency-Key it counts once."
            raise ApiError(503, "log_unavailable", message, str(error), headers={"Retry-After": "2"}) from error
        reach("command.append.after")

    async def _wait(self, command_id: str) -> CommandRow | None:
        """The first looks come quickly: as a rule the detector needs some hundredths of a second."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        pause = POLL_S
        while (row := await asyncio.to_thread(self._store.commands.get, command_id)) is None:
            left = deadline - loop.time()
            if left <= 0:
                return None
            await asyncio.sleep(min(pause, left))
            pause = min(pause * POLL_GROWTH, POLL_S_MAX)
        return row


def new_command(  # noqa: PLR0913, PLR0917 - what a command is made of
    project: str, account: str, name: str, about: str, arguments: dict[str, Any], key: str | None = None
) -> Command:
    """`about`: the lead or account. `key`: the sender's, so that the same thing sent again is recognised."""
    id_ = f"cmd_{secrets.token_hex(10)}" if key is None else command_id(project, f"{name} {about}", key)
    return Command(id=id_, project=project, account=account, name=name, arguments=arguments)


def result_of(row: CommandRow) -> dict[str, Any]:
    result: dict[str, Any] = msgspec.json.decode(row.result)
    return result
