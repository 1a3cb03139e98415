"""Backtests that somebody asked of the API: each is the command, in a process of its own, one at a time; its report is kept."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Literal

KEPT_MAX: Final = 10
"""Reports in memory; older ones are gone."""
TAKES_S_MAX: Final = 3_600.0
_PROGRESS: Final = re.compile(r"([\d,]+) events, (\d+) %")
_NICE: Final = ("nice", "-n", "10")
"""What is live comes first."""


@dataclass(slots=True)
class Backtest:
    """`error`: code and message, as the command says it."""

    id: str
    status: Literal["running", "done", "failed"] = "running"
    events: int = 0
    percent: int = 0
    report: dict[str, Any] | None = None
    error: dict[str, Any] | None = field(default=None)


class BusyError(Exception):
    """One runs already; its id is the text."""


class Backtests:
    """May be used by several threads."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._kept: OrderedDict[str, Backtest] = OrderedDict()
        self._one = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self, project: str, rulebook: str | None, options: Sequence[str]) -> Backtest:
        """`rulebook`: its text; `options`: of the command. Raises BusyError."""
        with self._one:
            running = next((each for each in self._kept.values() if each.status == "running"), None)
            if running is not None:
                raise BusyError(running.id)
            job = Backtest(f"bt_{secrets.token_hex(10)}")
            self._kept[job.id] = job
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
        arguments = ["rules", "backtest", "--json", "--data", str(self._data), "--project", project, *options]
        threading.Thread(target=self._run, args=(job, arguments, rulebook), name="backtest", daemon=True).start()
        return job

    def get(self, backtest_id: str) -> Backtest | None:
        return self._kept.get(backtest_id)

    def close(self) -> None:
        """Nothing runs on."""
        process = self._process
        if process is not None:
            process.terminate()

    def _run(self, job: Backtest, arguments: Sequence[str], rulebook: str | None) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="handraiser-backtest-") as folder:
                more: tuple[str, ...] = ()
                if rulebook is not None:
                    file = Path(folder) / "rulebook.yaml"
                    file.write_text(rulebook, encoding="utf-8")
                    more = ("--rulebook", str(file))
                with (Path(folder) / "report.json").open("w+", encoding="utf-8") as told:
                    self._play(job, [*arguments, *more], told)
        except Exception as error:  # whatever it is, who asked must hear that it is over
            job.error = {"code": "backtest_failed", "message": f"The backtest could not be run: {error}"}
        job.status = "failed" if job.report is None else "done"

    def _play(self, job: Backtest, arguments: Sequence[str], told: IO[str]) -> None:
        nice = _NICE if shutil.which(_NICE[0]) else ()
        command = [*nice, sys.executable, "-m", "handraiser", *arguments]
        with subprocess.Popen(command, env=os.environ, stdout=told, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
            self._process = process
            timer = threading.Timer(TAKES_S_MAX, process.terminate)
            timer.start()
            assert process.stderr is not None  # noqa: S101 - it is a pipe
            for line in process.stderr:
                found = _PROGRESS.search(line)
                if found is not None:
                    job.events, job.percent = int(found[1].replace(",", "")), int(found[2])
            process.wait()
            timer.cancel()
        self._process = None
        told.seek(0)
        text = told.read()
        said: dict[str, Any] = json.loads(text) if text else {}
        if process.returncode == 0:
            job.report, job.events, job.percent = said, said["events"], 100
        elif said.get("problems"):
            job.error = {"code": "invalid_rulebook", "message": "The rulebook has mistakes.", "problems": said["problems"]}
        else:
            over = f"It was stopped: it ended with the server, or took longer than {TAKES_S_MAX / 60:.0f} minutes."
            job.error = said.get("error") or {"code": "backtest_stopped", "message": over}
