"""How far an import is: in, events and bytes; out, a bar on a terminal, else a line now and then. On standard error."""

import sys
import time
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from handraiser.importing.reading import HistoryFile
from handraiser.output import note

LINE_S = 5.0
"""Between two lines where there is no terminal."""


class Shown(Protocol):
    def update(self, events: int, read: int) -> None:
        """So many events are posted, so many bytes of the files are read."""
        ...

    def close(self) -> None: ...


def shown(files: Sequence[HistoryFile], what: str = "Importing") -> Shown:
    return shown_of(sum(file.size for file in files), what)


def shown_of(total: int, what: str) -> Shown:
    """Of `total` of anything, not of bytes only."""
    return Bar(total, what) if sys.stderr.isatty() else Spoken(total)


class Bar:
    def __init__(self, total: int, what: str) -> None:
        self._began = time.monotonic()
        self._progress = Progress(
            TextColumn(what),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[events]:,} events"),
            TextColumn("{task.fields[rate]:,.0f} a second"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("", total=total, events=0, rate=0.0)
        self._progress.start()

    def update(self, events: int, read: int) -> None:
        rate = events / max(0.001, time.monotonic() - self._began)
        self._progress.update(self._task, completed=read, events=events, rate=rate)

    def close(self) -> None:
        self._progress.stop()


class Spoken:
    def __init__(self, total: int, every_s: float = LINE_S) -> None:
        self._total = max(1, total)
        self._every_s = every_s
        self._began = self._spoke = time.monotonic()

    def update(self, events: int, read: int) -> None:
        now = time.monotonic()
        if now - self._spoke < self._every_s:
            return
        self._spoke = now
        took = now - self._began
        left = took * (self._total - read) / max(1, read)
        rate = events / max(0.001, took)
        note(f"{events:,} events, {100 * read / self._total:.0f} %, {rate:,.0f} a second, about {left:.0f} s left")

    def close(self) -> None:
        pass
