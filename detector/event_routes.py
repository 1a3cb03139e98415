"""Route of the event inventory: counts and the rulebook in force in; which events arrive, and what they are to it, out."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from fastapi import APIRouter

from contracts.messages import EVENTS
from detector.core.rulebook.program import Program
from detector.core.rulebook.suggesting import known_names, knows_pages, suggestion
from detector.core.rulebook.waiting import never_arrived
from detector.inventory import OTHERS
from detector.programs import Programs
from detector.shapes import EventNameLine, EventNameList, WaitingRule, iso
from detector.store import DetectorStore
from detector.store.event_names import EventName

NAMELESS = ("group", "identify", "alias")
"""What says something of an account or a person: every rulebook knows it."""


ArrivedNames: TypeAlias = Callable[[str], Sequence[EventName]]
"""What ingest has counted of a project's events: attributed or not, copies too."""


def add_event_routes(router: APIRouter, store: DetectorStore, arrived: ArrivedNames) -> None:
    """Add `GET /event-names` to `router`."""
    programs = Programs(store.rulebooks)

    @router.get("/event-names", tags=["events"])
    def event_names(project: str) -> EventNameList:
        """Every event that arrived, by name; whether a rule knows it; and which rules wait for one that never did."""
        rows = _together(store.event_names.all(project), arrived(project))
        versions = store.rulebooks.adoption(EVENTS, project).get(project)
        program = None if versions is None else programs.get(project, max(versions.values()))
        return EventNameList(
            data=_lines([row for row in rows if (row.type, row.name) != OTHERS], program),
            other=sum(row.number for row in rows if (row.type, row.name) == OTHERS),
            waiting=[] if program is None else _waiting(rows, program),
        )


def _together(folded: Sequence[EventName], arrived: Sequence[EventName]) -> list[EventName]:
    """By name; what was folded before ingest began to count was counted there only. The most frequent first."""
    rows = {(row.type, row.name): row for row in folded}
    for row in arrived:
        known = rows.get((row.type, row.name), row)
        rows[row.type, row.name] = row._replace(
            number=max(row.number, known.number),
            first_seen=min(row.first_seen, known.first_seen),
            last_seen=max(row.last_seen, known.last_seen),
        )
    return sorted(rows.values(), key=lambda row: (-row.number, row.type, row.name))


def _lines(rows: list[EventName], program: Program | None) -> list[EventNameLine]:
    known = frozenset[str]() if program is None else known_names(program.rulebook)
    types = (*NAMELESS, "page") if program is not None and knows_pages(program.rulebook) else NAMELESS
    return [_line(row, program, mapped=row.type in types or row.name in known) for row in rows]


def _line(row: EventName, program: Program | None, *, mapped: bool) -> EventNameLine:
    near = None if program is None or mapped or row.type != "track" else suggestion(row.name, program.rulebook)
    return EventNameLine(
        type=row.type,
        name=row.name or None,
        count=row.number,
        first_seen=iso(row.first_seen),
        last_seen=iso(row.last_seen),
        mapped=mapped,
        suggestion=near,
    )


def _waiting(rows: list[EventName], program: Program) -> list[WaitingRule]:
    arrived = {row.name for row in rows if row.type == "track"}
    return [
        WaitingRule(rule=name, never_arrived=list(events))
        for name, judged in program.judged.items()
        for events in never_arrived(judged.rule, None if judged.limit is None else judged.limit.limit, program.rulebook, arrived)
    ]
