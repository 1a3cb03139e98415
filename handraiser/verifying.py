"""`handraiser verify`: in, settings and which leads; out, what is printed and the exit code. Imported when it is called.

It opens the log and the database itself, beside a running server or without one.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import OperationalError

from detector.recompute import OnProgress
from detector.recompute import Progress as Step
from detector.store import DetectorStore
from detector.store.audit import Scope
from detector.verify import NoSuchLeadError, Report, verify
from handraiser.errors import CommandError
from handraiser.ground import open_to_read
from handraiser.migrate import unreachable
from handraiser.output import print_json, say
from handraiser.verification import document, exit_code, lines
from runtime.clock import wall_clock
from runtime.settings import Settings


def run_verify(settings: Settings, scope: Scope, as_json: bool) -> int:
    """The exit code. Raises CommandError."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # people's data lies in a temporary folder: it must go
    began = wall_clock()
    report = _read_again(settings, scope)
    took_s = (wall_clock() - began) / 1000
    if as_json:
        print_json(document(report, took_s))
    else:
        for line in lines(report, took_s):
            say(line)
    return exit_code(report)


def _read_again(settings: Settings, scope: Scope) -> Report:
    ground = open_to_read(settings)
    try:
        with _progress() as on_progress:
            return verify(ground.log, DetectorStore(ground.database("detector")), scope, on_progress)
    except NoSuchLeadError as error:
        raise CommandError("no_such_lead", str(error)) from error
    except OperationalError as error:
        raise unreachable(settings, "detector", error) from error
    finally:
        ground.log.close()


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar with the rate and the time left, on standard error, if that is a terminal."""
    columns = (BarColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None, told="")
        began = wall_clock()

        def on_progress(step: Step) -> None:
            rate = step.events * 1000 / max(1, wall_clock() - began)
            told = f"{step.events:,} events read, {rate:,.0f} events/s"
            bar.update(task, completed=step.records, total=step.of_records, told=told)

        yield on_progress
