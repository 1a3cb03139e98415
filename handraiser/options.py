"""The options that many commands share, and the call that every command of the API makes with them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from handraiser.client import Client, find_server

Data: TypeAlias = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The server's data folder (else HANDRAISER_DATA).", show_default=False),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output; everything else on standard error.")
]
Project: TypeAlias = Annotated[
    str | None, typer.Option("--project", metavar="NAME", help="May be left out while there is one project.", show_default=False)
]
Limit: TypeAlias = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many rows.")]


@contextmanager
def server(data: Path | None) -> Iterator[Client]:
    """The running server that --data and the environment say."""
    with Client(find_server(os.environ, data)) as client:
        yield client
