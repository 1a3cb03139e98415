"""A backtest over one or several processes: a job in, what was found out. Accounts do not depend on one another."""

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Final, TypeAlias, cast

import msgspec

from detector.backtest.found import Found
from detector.backtest.playing import Play
from detector.backtest.source import Source
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from runtime.pages import huge_pages

PROCESSES_MAX: Final = 16


class BacktestError(Exception):
    """It could not be done; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Book:
    """A rulebook's resolved text, and the version that its leads name."""

    resolved: str
    version: int


@dataclass(frozen=True, slots=True)
class Job:
    """`books`: each is played over the project's events; wins are those of the first. `seen_key`: recognises copies."""

    project: str
    books: tuple[Book, ...]
    source: Source
    seen_key: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """`share`: of what must be read, 0 to 1. `events`: of the project so far."""

    share: float
    events: int


OnProgress: TypeAlias = Callable[[Progress], None]


def cores() -> int:
    """How many this process may use."""
    return min(PROCESSES_MAX, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def run(job: Job, processes: int, on_progress: OnProgress) -> Found:
    """Raises BacktestError, LogError."""
    found = _share(job, 0, 1, on_progress) if processes <= 1 else _shared(job, processes, on_progress)
    found.sort()
    return found


def _share(job: Job, number: int, of: int, on_progress: OnProgress) -> Found:
    source, share, shares = job.source.shared(number, of)
    programs = [compile_rulebook(parse(book.resolved, {}).rulebook, book.version) for book in job.books]
    play = Play(job.project, programs, job.seen_key, share, shares, ticking=source.ticking)
    total = max(1, source.total)
    with huge_pages():
        for batch in source.batches():
            play.take(batch.records)
            on_progress(Progress(batch.done / total, play.events))
    on_progress(Progress(1.0, play.events))
    return play.found()


def _shared(job: Job, processes: int, on_progress: OnProgress) -> Found:
    """Each process reads its partitions, or all of one and folds only its accounts."""
    context = multiprocessing.get_context("spawn")  # the caller has threads
    started = []
    told: dict[Connection, Progress] = {}
    found: Found | None = None
    try:
        for number in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_process, args=(job, number, processes, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
            told[ours] = Progress(0.0, 0)
        waiting = list(told)
        while waiting:
            for connection in cast("list[Connection]", wait(waiting)):
                said = _received(connection)
                if isinstance(said, Progress):
                    told[connection] = said
                    share = sum(each.share for each in told.values()) / processes
                    on_progress(Progress(share, sum(each.events for each in told.values())))
                    continue
                waiting.remove(connection)
                part = msgspec.msgpack.decode(said, type=Found)
                if found is None:
                    found = part
                else:
                    found.add(part)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join()
    assert found is not None  # noqa: S101 - there was at least one
    return found


def _received(connection: Connection) -> Progress | bytes:
    try:
        said: Progress | bytes | BaseException = connection.recv()
    except EOFError as error:
        raise BacktestError(
            "One of the backtest's processes ended before it was done. If the machine ran out of memory, take a shorter sweep."
        ) from error
    if isinstance(said, BaseException):
        raise said
    return said


def _process(job: Job, number: int, of: int, connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us ends us
    gc.freeze()
    try:
        found = _share(job, number, of, connection.send)
    except Exception as error:  # whatever it is, it is told where it can be said
        connection.send(error)
        return
    connection.send(msgspec.msgpack.encode(found))
