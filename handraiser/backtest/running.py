"""A backtest from its question to its report: the log or files, one process or several, a progress bar."""

import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector.backtest.report import Report, reckoned
from detector.backtest.running import BacktestError, cores, run
from detector.backtest.source import FromFrames
from detector.core.rulebook.model import Way
from detector.core.rulebook.parse import parse
from handraiser.backtest.asking import Installation, Question, history_size, installed, job, log_of
from handraiser.backtest.history import Prepared, prepared
from handraiser.errors import CommandError
from handraiser.importing.progress import shown, shown_of
from handraiser.importing.reading import HistoryFile
from handraiser.output import counted
from runtime.settings import Settings

WORTH_IT: Final = 32 * 1024 * 1024
"""Bytes of history below which a process of its own, which takes a second to start, is not worth it."""
_WHOLE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Done:
    """`took_s`: the reading and judging, without the preparation of files."""

    report: Report
    took_s: float
    processes: int


def backtest(settings: Settings, question: Question, files: Sequence[HistoryFile] = ()) -> Done:
    """Raises CommandError, LogError."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # people's data lies in a temporary folder: it must go
    there = installed(settings, question, needed=not files)
    try:
        if not files:
            return _played(settings, question, there, None, "the log")
        with tempfile.TemporaryDirectory(prefix="handraiser-backtest-") as folder:
            progress = shown(files, "Reading")
            with closing(progress):
                done = prepared(files, there.project, _ways(question, there), Path(folder), progress)
            if not done.events:
                first = f" {done.problems[0]}" if done.problems else ""
                raise CommandError("no_events", f"The files have no event that could be used.{first}")
            there.notes += _about_files(done)
            names = files[0].name if len(files) == 1 else counted(len(files), "file")
            return _played(settings, question, there, FromFrames(done.path), names)
    finally:
        if there.ground is not None:
            there.ground.log.close()


def _played(settings: Settings, question: Question, there: Installation, frames: FromFrames | None, source: str) -> Done:
    what = frames or log_of(settings, there, question)
    work, asked = job(question, there, what, source)
    processes = cores() if history_size(settings, what) >= WORTH_IT else 1
    progress = shown_of(_WHOLE, "Judging")
    began = time.monotonic()
    with closing(progress):
        try:
            found = run(work, processes, lambda step: progress.update(step.events, round(step.share * _WHOLE)))
        except BacktestError as error:
            raise CommandError("backtest_failed", str(error)) from error
    return Done(reckoned(asked, found), time.monotonic() - began, processes)


def _ways(question: Question, there: Installation) -> Sequence[Way]:
    """How events that name no account find theirs."""
    if question.parsed is not None:
        return question.parsed.rulebook.account
    return parse(there.live.resolved, {}).rulebook.account if there.live is not None else ("group",)


def _about_files(done: Prepared) -> list[str]:
    notes = []
    if done.rejected:
        lines = "".join(f"\n  {problem}" for problem in done.problems)
        notes.append(
            f"{counted(done.rejected, 'row')} could not be used, and {counted(done.events, 'event')} could. The first:{lines}"
        )
    if done.nobodys:
        notes.append(f"{counted(done.nobodys, 'event')} named no account, and nothing in the files says whose they are.")
    return notes
