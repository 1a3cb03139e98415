"""Logs: one JSON object a line, one line per unit of work. No secrets, bodies, keys or whole URLs."""

import logging
import logging.handlers
import sys
from pathlib import Path

from pythonjsonlogger.msgspec import MsgspecFormatter

LOG_BYTES_MAX = 10 * 1024 * 1024
LOG_FILES_MAX = 5


class _RotatedFile(logging.handlers.RotatingFileHandler):
    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - the name is logging's
        """By what stands in the file: to add the line that comes, it would be formatted twice. A pipe is never rotated."""
        file = self.stream
        return file is not None and file.seekable() and file.tell() >= self.maxBytes


def log_json(to: Path | None) -> None:
    """Send every log line of this process to the file `to` (rotated), or to standard output."""
    # What no line says need not be looked for: Python's own advice for speed (docs.python.org/3/howto/logging.html#optimization).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler: logging.Handler
    if to is None:
        handler = logging.StreamHandler(sys.stdout)
    else:
        handler = _RotatedFile(to, maxBytes=LOG_BYTES_MAX, backupCount=LOG_FILES_MAX)
    handler.setFormatter(
        MsgspecFormatter(
            "{levelname}{name}{message}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="at",
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("httpx", "httpcore", "kafka", "uvicorn.access", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)  # httpx logs whole URLs; a Slack URL is a secret
