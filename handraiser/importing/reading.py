"""A file of history in (ndjson, or csv with a mapping, plain or gzip); rows to be sent and problems out, one at a time."""

import csv
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from handraiser.errors import CommandError
from handraiser.importing.identity import Identities
from handraiser.importing.lines import LINE_BYTES_MAX, Lines
from handraiser.importing.mapping import EXAMPLE, Mapped, check_columns
from handraiser.importing.rows import Event, Problem, Row, RowError, encoded
from handraiser.importing.times import stamp
from ingest.core.envelope import decode
from ingest.core.rejection import RequestError

NDJSON = (".ndjson", ".jsonl", ".json")
CSV = (".csv",)
_event_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ABSENT = (b"null", b'""')
_DAMAGED = (OSError, EOFError, zlib.error)


class HistoryFile:
    """One file of the command line. Made and checked before anything is sent; then read once."""

    def __init__(self, path: Path, mapping: Mapped | None, example: str = EXAMPLE, *, csv_only: bool = False) -> None:
        """Raises CommandError for a file that cannot be read, of no known kind, or that the mapping does not fit."""
        self.path = path
        self.name = str(path)
        self.position = 0
        """How far it has been read, in bytes of the file on disk."""
        self._mapping = mapping
        self._example = example
        """Of a mapping, for who gave none."""
        kind = Path(path.name.removesuffix(".gz")).suffix
        if csv_only and kind not in CSV:
            raise CommandError("unknown_file", f"{path}: accounts come as csv. Its name should end in .csv or .csv.gz.")
        if kind not in (*NDJSON, *CSV):
            raise CommandError(
                "unknown_file", f"{path}: what is in it? Its name should end in .ndjson, .csv, .ndjson.gz or .csv.gz."
            )
        self._is_csv = kind in CSV
        try:
            self.size = path.stat().st_size
            with Lines(path) as lines:
                self._check(next(iter(lines), b""))
        except _DAMAGED as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is damaged"
            raise CommandError("no_file", f"{path} cannot be read: {reason}.") from error

    def _check(self, first: bytes) -> None:
        if not self._is_csv:
            if first.lstrip().startswith(b"["):
                raise CommandError(
                    "json_array",
                    f"{self.path} is one JSON array. Write one event a line: jq -c '.[]' {self.path} > events.ndjson",
                )
            return
        header = next(csv.reader([first.decode("utf-8", "replace")]), [])
        if self._mapping is None:
            raise CommandError(
                "no_mapping",
                f"{self.path} is a csv: say which column is what, in a file for --map. Its columns: {', '.join(header)}. "
                f"For example (docs/import.md):\n{self._example}",
            )
        check_columns(self._mapping, header, self.name)

    def rows(self) -> Iterator[Row | Problem]:
        """All of it. Where the file is damaged it ends, with a problem."""
        with Lines(self.path) as lines, closing(Identities()) as identities:
            events = self._csv_events(lines) if self._is_csv else self._ndjson_events(lines)
            try:
                for line, event in events:
                    self.position = lines.position
                    if isinstance(event, RowError):
                        yield Problem(self.name, line, event.column, event.code, event.message)
                        continue
                    if _is_absent(event.get("messageId")):
                        event.pop("messageId", None)
                        event["messageId"] = identities.id_of(event)
                    yield Row(self.name, line, encoded(event))
            except _DAMAGED as error:
                message = f"the file is damaged from here on ({error}); what came before was read."
                yield Problem(self.name, lines.number + 1, None, "damaged_file", message)
            self.position = self.size

    def _ndjson_events(self, lines: Lines) -> Iterator[tuple[int, Event | RowError]]:
        for line in lines:
            if not line.strip():
                continue
            try:
                yield lines.number, _ndjson_event(line, lines.cut)
            except RowError as error:
                yield lines.number, error

    def _csv_events(self, lines: Lines) -> Iterator[tuple[int, Event | RowError]]:
        assert self._mapping is not None  # noqa: S101 - checked when it was made
        reader = csv.reader((line.decode("utf-8", "surrogateescape") for line in lines), strict=True)
        header = next(reader, [])
        while True:
            first_line = reader.line_num + 1
            try:
                cells = next(reader, None)
                if cells is None:
                    return
                if cells:  # an empty line has none
                    yield first_line, self._mapping.event(_cells(header, cells, lines.cut))
            except csv.Error as error:
                yield first_line, RowError("invalid_csv", f"this is not csv: {error}.")
            except RowError as error:
                yield first_line, error


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, msgspec.Raw) and bytes(value) in _ABSENT)


def _ndjson_event(line: bytes, cut: bool) -> Event:
    if cut:
        raise _too_long()
    try:
        event: Event = decode(line.strip(), _event_decoder)
    except msgspec.ValidationError:
        raise RowError("not_an_object", "an event is a JSON object.") from None
    except RequestError:
        raise RowError("not_json", f"this is not JSON: {line[:60].decode(errors='replace').strip()!r}.") from None
    for name in ("timestamp", "originalTimestamp"):
        said = event.get(name)
        if not _is_absent(said):
            event[name] = _time(said, name)
            return event
    raise RowError("missing_timestamp", "history needs its times: say `timestamp`.", "timestamp")


def _time(said: Any, name: str) -> str:
    value = msgspec.json.decode(said)
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return stamp(value)
    except ValueError:
        pass
    message = (
        f"{bytes(said)[:40].decode(errors='replace')} is no time: write it as 2026-01-31T14:05:00Z, or in epoch seconds or ms."
    )
    raise RowError("invalid_timestamp", message, name)


def _cells(header: list[str], cells: list[str], cut: bool) -> dict[str, str]:
    if cut:
        raise _too_long()
    if len(cells) != len(header):
        raise RowError("wrong_cells", f"the row has {len(cells)} cells and the header {len(header)}.")
    row = dict(zip(header, cells, strict=True))
    for column, text in row.items():
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise RowError("not_utf8", "the text is not UTF-8: save the file as UTF-8.", column) from None
    return row


def _too_long() -> RowError:
    return RowError("too_long", f"the line is longer than {LINE_BYTES_MAX // 1024 // 1024} MiB.")
