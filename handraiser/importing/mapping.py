"""A mapping (YAML) in; rows of a csv become events by it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, Protocol, TypeAlias

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from handraiser.errors import CommandError
from handraiser.importing.rows import Event, RowError
from handraiser.importing.times import stamp

FIELDS = ("type", "event", "name", "userId", "anonymousId", "groupId", "previousId", "messageId", "timestamp")
OBJECTS = ("properties", "traits")
EXAMPLE = """\
  type: track
  event: {column: event_name}
  userId: {column: user}
  groupId: {column: customer_id}
  timestamp: {column: date}
  properties: {total: {column: total}}"""
_number_decoder: msgspec.json.Decoder[int | float | bool] = msgspec.json.Decoder(int | float | bool)


@dataclass(frozen=True, slots=True)
class Cell:
    """The value is in a column. `as_text`: also what looks like a number or true or false stays text."""

    column: str
    as_text: bool


@dataclass(frozen=True, slots=True)
class Constant:
    """The value is the same in every row."""

    value: str | int | float | bool


Source: TypeAlias = Cell | Constant


class Mapped(Protocol):
    """What rows of a csv become."""

    def columns(self) -> Iterator[tuple[str, str]]:
        """(what is mapped, the column that it needs)."""
        ...

    def event(self, row: Mapping[str, str]) -> Event:
        """Raises RowError."""
        ...


@dataclass(frozen=True, slots=True)
class RowMapping:
    """Where each field of an event comes from, and each property and trait."""

    fields: Mapping[str, Source]
    objects: Mapping[str, Mapping[str, Source]]

    def columns(self) -> Iterator[tuple[str, str]]:
        for name, source in self.fields.items():
            if isinstance(source, Cell):
                yield name, source.column
        for name, members in self.objects.items():
            for member, source in members.items():
                if isinstance(source, Cell):
                    yield f"{name}.{member}", source.column

    def event(self, row: Mapping[str, str]) -> Event:
        """An empty cell leaves its field out. Raises RowError."""
        event: Event = {}
        for name, source in self.fields.items():
            text = _text(source, row)
            if text:
                event[name] = _time(text, source) if name == "timestamp" else text
        if "timestamp" not in event:
            raise RowError("missing_timestamp", "the time is missing.", _column(self.fields["timestamp"]))
        for name, members in self.objects.items():
            found = {member: value for member, source in members.items() if (value := _value(source, row)) is not None}
            if found:
                event[name] = found
        return event


def _column(source: Source) -> str | None:
    return source.column if isinstance(source, Cell) else None


def _text(source: Source, row: Mapping[str, str]) -> str:
    return row[source.column].strip() if isinstance(source, Cell) else str(source.value)


def _value(source: Source, row: Mapping[str, str]) -> str | int | float | bool | None:
    if isinstance(source, Constant):
        return source.value
    text = row[source.column].strip()
    if not text:
        return None
    if not source.as_text:
        try:
            return _number_decoder.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            pass  # text then, also what only begins like a number: 007, 1.2.3
    return text


def _time(text: str, source: Source) -> str:
    try:
        return stamp(text)
    except ValueError:
        raise RowError(
            "invalid_timestamp",
            f'"{text[:40]}" is no time: write it as 2026-01-31, as 2026-01-31T14:05:00Z, or in epoch seconds or milliseconds.',
            _column(source),
        ) from None


def read_mapping(text: str, name: str) -> RowMapping:
    """`name`: of the file, for messages. Raises CommandError."""
    root = yaml_map(text, name, EXAMPLE)
    known = (*FIELDS, *OBJECTS)
    for key in root:
        if key not in known:
            raise refused(f"{name}: `{key}` is no field of an event. There are: {', '.join(known)}.")
    for key, why in (("type", "say `type: track`, or where it is"), ("timestamp", "history needs its times")):
        if key not in root:
            raise refused(f"{name}: `{key}` is missing: {why}. For example:\n{EXAMPLE}")
    fields = {key: source_of(value, key, name) for key, value in root.items() if key in FIELDS}
    objects = {key: members_of(root[key], key, name) for key in OBJECTS if key in root}
    return RowMapping(fields, objects)


def yaml_map(text: str, name: str, example: str) -> dict[Any, Any]:
    """Raises CommandError."""
    try:
        root = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise refused(f"{name}{where}: {error.problem or 'this is not YAML'}.") from error
    except (YAMLError, ValueError, RecursionError) as error:  # 2026-02-30, `!!int abc`; thousands of brackets
        raise refused(f"{name} is not YAML: {error}") from error
    if not isinstance(root, dict):
        raise refused(f"{name} must be a map. For example:\n{example}")
    return root


def members_of(value: Any, key: str, name: str) -> dict[str, Source]:
    if not isinstance(value, dict):
        raise refused(f"{name}: `{key}` is a map, such as {key}: {{total: {{column: total}}}}.")
    return {str(member): source_of(each, f"{key}.{member}", name) for member, each in value.items()}


def source_of(value: Any, key: str, name: str) -> Source:
    if isinstance(value, date):  # YAML reads 2026-01-31 as a date; datetime is a kind of it
        return Constant(value.isoformat())
    if isinstance(value, str | int | float) and _is_sendable(value):
        return Constant(value)
    if isinstance(value, dict) and value.keys() <= {"column", "as"} and value.get("as", "text") == "text":
        column = value.get("column")
        if isinstance(column, str):
            return Cell(column, as_text="as" in value)
    raise refused(f"{name}: `{key}` is a constant, or {{column: NAME}}, or {{column: NAME, as: text}}.")


def _is_sendable(value: str | float) -> bool:
    """JSON has no number that is none or endless, and UTF-8 no half of a character."""
    return isfinite(value) if isinstance(value, float) else str(value).encode(errors="ignore").decode() == str(value)


def refused(message: str) -> CommandError:
    return CommandError("invalid_mapping", message)


def check_columns(mapping: Mapped, header: Sequence[str], file: str) -> None:
    """Raises CommandError if `file` lacks a column, or has one twice that is asked for."""
    for what, column in mapping.columns():
        if header.count(column) != 1:
            has = "has no column" if column not in header else "has several columns"
            raise CommandError(
                "invalid_mapping",
                f'{file} {has} "{column}", which the mapping wants for `{what}`. Its columns: {", ".join(header)}.',
            )
