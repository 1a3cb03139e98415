"""A checked rulebook, and the server if one is reachable, in; which of its rules wait for events that never came, out."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Rulebook
from detector.core.rulebook.suggesting import known_names, suggestion
from detector.core.rulebook.waiting import never_arrived
from handraiser.client import Client, find_server
from handraiser.errors import CommandError


@dataclass(frozen=True, slots=True)
class Arrivals:
    """`waiting`: rule (`limit/contacts`) and the events of which not one came. `unknown`: name, how often, what it could be."""

    url: str
    any: bool
    waiting: tuple[tuple[str, tuple[str, ...]], ...]
    unknown: tuple[tuple[str, int, str], ...]


def arrivals(rulebook: Rulebook, project: str | None, data: Path | None) -> Arrivals | None:
    """None: no server was named, and none runs here. Raises CommandError if there is one and it does not answer."""
    try:
        found = find_server(os.environ, data)
    except CommandError as error:
        if data is not None or error.code != "no_server":
            raise
        return None
    with Client(found) as client:
        rows = client.get("/v1/event-names", project=project or rulebook.project)["data"]
    return Arrivals(found.url, bool(rows), tuple(_waiting(rulebook, rows)), tuple(_unknown(rulebook, rows)))


def _waiting(rulebook: Rulebook, rows: list[dict[str, Any]]) -> list[tuple[str, tuple[str, ...]]]:
    arrived = {row["name"] for row in rows if row["type"] == "track"}
    judged = compile_rulebook(rulebook, 1).judged.values()
    every = [(each, None if each.limit is None else each.limit.limit) for each in judged]
    return [(each.name, events) for each, limit in every for events in never_arrived(each.rule, limit, rulebook, arrived)]


def _unknown(rulebook: Rulebook, rows: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    known = known_names(rulebook)
    others = [row for row in rows if row["type"] == "track" and row["name"] and row["name"] not in known]
    found = ((row["name"], row["count"], suggestion(row["name"], rulebook)) for row in others)
    return [(name, count, near) for name, count, near in found if near is not None]
