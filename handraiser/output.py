"""What a command prints: in, its result; out, one JSON document or a table. Errors and progress go to standard error."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from handraiser.errors import CommandError

WIDTH_UNWRAPPED = 10_000
"""A file or a pipe has no width: nothing may be wrapped or cut there."""


def print_json(document: Any) -> None:
    """The one document of a command that was called with --json."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def say(line: str) -> None:
    """One line for people, unwrapped, out at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """Progress and hints: never on standard output."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def counted(number: int, noun: str) -> str:
    """`1 lead`, `1,200 leads`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Colours on a terminal only; long cells fold there, and stay whole elsewhere."""
    from rich.console import Console  # noqa: PLC0415 - what prints no table starts sooner without
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else WIDTH_UNWRAPPED, highlight=False)
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Names and values under one another."""
    width = max((len(name) for name, _ in fields), default=0)
    for name, value in fields:
        say(f"{name:<{width}}  {value}")


def fail(error: CommandError, as_json: bool) -> int:
    """Tell what went wrong; the exit code."""
    note(error.message)
    if as_json:
        print_json({"error": {"code": error.code, "message": error.message}})
    return 1
