"""An import from its files to its report: in, what the command line said; out, the result."""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from handraiser.client import Client, Found
from handraiser.errors import CommandError
from handraiser.importing.access import WriteKey, check_access
from handraiser.importing.accounts import EXAMPLE as ACCOUNTS_EXAMPLE
from handraiser.importing.accounts import AccountRows, read_account_mapping, written_at
from handraiser.importing.mapping import read_mapping
from handraiser.importing.posting import Posted, Poster
from handraiser.importing.progress import Shown, shown
from handraiser.importing.reading import HistoryFile
from handraiser.importing.rehearsal import Rehearsal
from handraiser.importing.result import Result
from handraiser.importing.rows import Row
from handraiser.importing.sending import send_all
from handraiser.importing.settling import settle
from handraiser.output import counted, note
from runtime.clock import wall_clock

TELL_S = 5.0
"""Between two lines about the detector's progress."""


def open_files(paths: Sequence[Path], mapping: str | None) -> list[HistoryFile]:
    """All are checked before anything is sent. `mapping`: a file's name, or the YAML itself in braces. Raises CommandError."""
    rows = None if mapping is None else read_mapping(*_mapping(mapping))
    return [HistoryFile(path, rows) for path in paths]


def open_accounts(paths: Sequence[Path], mapping: str | None, as_of: str | None) -> list[HistoryFile]:
    """The same of rows that each are an account. `as_of`: when they were true; None: when their file was written last."""
    rows = None if mapping is None else read_account_mapping(*_mapping(mapping))
    return [
        HistoryFile(path, None if rows is None else AccountRows(rows, as_of or written_at(path)), ACCOUNTS_EXAMPLE, csv_only=True)
        for path in paths
    ]


def _mapping(said: str) -> tuple[str, str]:
    """(the YAML, what messages call it)."""
    if said.lstrip().startswith("{"):
        return said, "--map"
    try:
        return Path(said).read_text(encoding="utf-8"), said
    except OSError as error:
        raise CommandError("no_file", f"The mapping {said} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError("not_utf8", f"The mapping {said} is not UTF-8 text: save it as UTF-8.") from error


def rehearse(files: Sequence[HistoryFile], *, history: bool = True) -> Result:
    """Read and judge everything as a server would; send nothing."""
    result = Result(None, None, [file.name for file in files])
    _timed(files, Rehearsal(wall_clock, history=history).post, result, threading.Event())
    first = ((file.name, next((row for row in file.rows() if isinstance(row, Row)), None)) for file in files)
    result.examples = {name: row.body.decode() for name, row in first if row is not None}
    return result


def run(files: Sequence[HistoryFile], found: Found, write_key: WriteKey, project: str | None) -> Result:
    """Raises CommandError; KeyboardInterrupt, with nothing running on."""
    with Client(found) as client:
        to = check_access(client, write_key, project)
        result = Result(secrets.token_hex(8), to, [file.name for file in files])
        with _posted(files, found, write_key, result) as (poster, stop):
            _end(client, poster, result, stop)
    return result


def send_accounts(files: Sequence[HistoryFile], found: Found, write_key: WriteKey, project: str | None) -> Result:
    """As they are now, so nothing has to be ended. Raises as `run` does."""
    with Client(found) as client:
        to = check_access(client, write_key, project, history=False)
    result = Result(None, to, [file.name for file in files])
    with _posted(files, found, write_key, result):
        return result


@contextmanager
def _posted(
    files: Sequence[HistoryFile], found: Found, write_key: WriteKey, result: Result
) -> Iterator[tuple[Poster, threading.Event]]:
    stop = threading.Event()
    what = result.files[0] if len(result.files) == 1 else counted(len(result.files), "file")
    note(f"Importing {what} into {result.project} at {found.url}. Ctrl-C stops it; run it again to go on.")
    with closing(Poster(found.url, write_key.text, result.import_id, stop)) as poster:
        _timed(files, poster.post, result, stop)
        yield poster, stop


def _timed(files: Sequence[HistoryFile], post: Callable[[Sequence[Row]], Posted], result: Result, stop: threading.Event) -> None:
    began = time.monotonic()
    progress: Shown = shown(files)
    with closing(progress):
        send_all(files, post, result, progress, stop)
    result.took_s = time.monotonic() - began


def _end(client: Client, poster: Poster, result: Result, stop: threading.Event) -> None:
    """Not before the detector has read everything; then its accounts are judged."""
    if not result.accepted:
        return
    note(f"All {counted(result.accepted, 'event')} are in the log. Waiting until the detector has read them …")
    told_at = time.monotonic()

    def tell(waiting: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at > TELL_S:
            told_at = time.monotonic()
            note(f"  {counted(waiting, 'record')} of the log to go")

    if settle(client, stop, tell):
        poster.end()
        result.ended = True
        result.held = int(client.health()["checks"]["detector"]["held"])
