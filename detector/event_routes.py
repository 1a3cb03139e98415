"""Route of the event inventory: stored counts and the rulebook in force in; which events arrive, and what they are to it, out."""

from fastapi import APIRouter

from contracts.messages import EVENTS
from detector.core.rulebook.compile import Program
from detector.core.rulebook.suggesting import known_names, suggestion
from detector.core.rulebook.waiting import never_arrived
from detector.inventory import OTHERS
from detector.programs import Programs
from detector.shapes import EventNameLine, EventNameList, WaitingRule, iso
from detector.store import DetectorStore
from detector.store.event_names import EventName

NAMELESS = ("group", "identify", "alias")
"""What says something of an account or a person: every rulebook knows it."""


def add_event_routes(router: APIRouter, store: DetectorStore) -> None:
    """Add `GET /event-names` to `router`."""
    programs = Programs(store.rulebooks)

    @router.get("/event-names", tags=["events"])
    def event_names(project: str) -> EventNameList:
        """Every event that arrived, by name; whether a rule knows it; and which rules wait for one that never did."""
        rows = store.event_names.all(project)
        versions = store.rulebooks.adoption(EVENTS, project).get(project)
        program = None if versions is None else programs.get(project, max(versions.values()))
        return EventNameList(
            data=_lines([row for row in rows if (row.type, row.name) != OTHERS], program),
            other=sum(row.number for row in rows if (row.type, row.name) == OTHERS),
            waiting=[] if program is None else _waiting(rows, program),
        )


def _lines(rows: list[EventName], program: Program | None) -> list[EventNameLine]:
    known = frozenset[str]() if program is None else known_names(program.rulebook)
    return [_line(row, program, mapped=row.type in NAMELESS or row.name in known) for row in rows]


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
