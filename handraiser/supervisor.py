"""Keeps one detector process beside the front process: in, its command line; out, a process that is back when it has died.

The child holds the read end of a pipe whose only write end is here: when this process is gone, however it went, the pipe ends
and so does the child. Its JSON log lines come back on its standard output and go into our log: one process writes the file.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from runtime.points import KILL_AT, for_next_life

READY = "detector ready"
"""The message of the child's log line that says it is reading."""
METRICS = "detector metrics"
"""The message of the child's line that carries its metrics in Prometheus's text form, for `/metrics` here."""
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 30.0
"""A child that lived this long died for a new reason: the backoff begins again."""
LEAVE_S_MAX = 8.0
LINE_BYTES_MAX = 1024 * 1024

logger = logging.getLogger("handraiser.supervisor")


def detector_command(data: Path) -> list[str]:
    return [sys.executable, "-m", "handraiser", "detector", "--supervised", "--data", str(data)]


class Supervisor:
    """`ready` is set from the first time that the child reads until it is told to leave; `pid` None: no child is running now."""

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        self._command = command
        self._environ = dict(environ)
        self._leaving = False
        self._process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.restarts = 0
        self.metrics = b""
        self.last_words = ""
        """The last line of the child that was not a log line: why it could not start."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Until `leave`. Never raises for what happens to the child."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            code = await self._live()
            if self._left():
                return
            failures = 0 if loop.time() - began > STEADY_S else failures + 1
            pause = BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] if failures else 0.0
            self.restarts += 1
            if KILL_AT in self._environ:
                self._environ[KILL_AT] = for_next_life(self._environ[KILL_AT])
            logger.error(
                "detector died; it is started again", extra={"exit_code": code, "pause_s": pause, "last_words": self.last_words}
            )
            await asyncio.sleep(pause)

    async def leave(self) -> None:
        """Let the child finish its batch and go; after LEAVE_S_MAX it is killed (its work is in the log: nothing is lost)."""
        self._leaving = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None  # noqa: S101 - it was made with a pipe
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), LEAVE_S_MAX)
        except TimeoutError:
            logger.warning("detector did not leave; it is killed", extra={"pid": process.pid})
            with suppress(ProcessLookupError):
                process.kill()

    def _left(self) -> bool:
        return self._leaving

    async def _live(self) -> int:
        """One life of the child; its exit code."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environ,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C is for us; the child leaves when its pipe ends
        )
        logger.info("detector started", extra={"pid": process.pid})
        assert process.stdout is not None  # noqa: S101 - it was made with a pipe
        while line := await _line(process.stdout):
            self._hear(line)
        return await process.wait()

    def _hear(self, line: bytes) -> None:
        record = log_record(line)
        if record is None:
            self.last_words = line.decode(errors="replace").rstrip()
            logger.warning("detector said", extra={"line": self.last_words[:2_000]})
            return
        if record.msg == METRICS:
            self.metrics = detector_families(getattr(record, "text", ""))
            return
        if record.msg == READY:
            self.ready.set()
        logging.getLogger(record.name).handle(record)


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; empty at the end. A line beyond LINE_BYTES_MAX is told as such."""
    try:
        return await stream.readline()
    except ValueError:
        return b"(a line of the detector's that is too long)\n"


def log_record(line: bytes) -> logging.LogRecord | None:
    """A JSON log line of the child as a record of ours, with its own time; None if it is no such line."""
    try:
        fields: dict[str, Any] = json.loads(line)
        level, name, message = fields.pop("level"), fields.pop("logger"), fields.pop("message")
        at = datetime.fromisoformat(fields.pop("at")).timestamp()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if "exc_info" in fields:  # here it is text already; a record's own field would be formatted again
        fields["trace"] = fields.pop("exc_info")
    number = logging.getLevelNamesMapping().get(level, logging.INFO)
    return logging.makeLogRecord({**fields, "levelname": level, "levelno": number, "name": name, "msg": message, "created": at})


def detector_families(text: str) -> bytes:
    """The lines of the detector's own metrics: those of the Python process are here already, for this one."""
    lines = (line for line in text.splitlines(keepends=True) if "handraiser_detector_" in line)
    return "".join(lines).encode()
