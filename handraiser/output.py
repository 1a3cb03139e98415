"""What a command prints: in, its result; out, one JSON document or lines. Errors and progress go to standard error.

A terminal obeys control characters, and names and texts are what anybody sent: none of them reaches it.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handraiser.errors import CommandError

WIDTH_UNWRAPPED = 10_000
"""A file or a pipe has no width: nothing may be wrapped or cut there."""
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""By a terminal, but for tab and line feed; the last ones turn the direction of a line."""


def print_json(document: Any) -> None:
    """The one document of a command that was called with --json."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def seen(text: str) -> str:
    """What of it people see."""
    return _OBEYED.sub(" ", text)


def say(line: str) -> None:
    """One line for people, unwrapped, out at once."""
    sys.stdout.write(seen(line) + "\n")
    sys.stdout.flush()


def note(line: str) -> None:
    """Progress and hints: never on standard output."""
    sys.stderr.write(seen(line) + "\n")
    sys.stderr.flush()


def counted(number: int, noun: str) -> str:
    """`1 lead`, `1,200 leads`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def check_folder(file: Path) -> None:
    """Before the work whose page it is to have. Raises CommandError."""
    if not file.resolve().parent.is_dir():
        raise CommandError("no_folder", f"{file} cannot be written: there is no folder {file.resolve().parent}.")


def write_page(file: Path, page: str) -> None:
    """Raises CommandError."""
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandError("not_written", f"{file} cannot be written: {error.strerror}.") from error


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
        table.add_row(*(Text(seen(cell)) for cell in row))
    console.print(table)


def print_card(lines: Sequence[tuple[str, str, str]]) -> None:
    """Of a label, a text and its style each; on a terminal in colours, and a text that is too long goes on below itself."""
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else WIDTH_UNWRAPPED, highlight=False)
    for label, text, style in lines:
        said = Text(seen(text), style)
        # an address that is broken, or cut, cannot be clicked
        pieces = said.wrap(console, max(console.width - len(label), 20)) if " " in text else [said]
        for begun, piece in enumerate(pieces):
            head = " " * len(label) if begun else label
            console.print(Text.assemble((head, "dim"), piece), soft_wrap=True)
    sys.stdout.flush()


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
