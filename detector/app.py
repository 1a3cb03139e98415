"""The detector's JSON API: what is stored in; leads, accounts, rulebooks and dead letters out; what sales tells, into the log.

It decides nothing.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Query

from detector.account_routes import add_account_routes
from detector.command_routes import add_command_routes
from detector.commander import Commander
from detector.event_routes import ArrivedNames, add_event_routes
from detector.lead_views import detail, line
from detector.report_routes import add_report_route
from detector.rulebook_routes import add_rulebook_routes
from detector.shapes import DeadLetterDetail, DeadLetterLine, DeadLetterList, LeadDetail, LeadList, iso
from detector.store import DetectorStore
from detector.store.leads import LeadFilter
from detector.store.letters import StoredLetter
from detector.why_view import HeldBack, nowhere
from eventlog.port import Producer, TopicState
from runtime import cursors
from runtime.clock import Clock
from runtime.web import ERROR_RESPONSES, ApiError, Authenticate, api_key_required

Status: TypeAlias = Literal[
    "open", "accepted", "opportunity", "won", "lost", "rejected", "recycled", "expired", "superseded", "retracted"
]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=1000, description="Most rows in one answer.")]


def create_router(  # noqa: PLR0913, PLR0917 - what the routes stand on
    store: DetectorStore,
    producer: Producer,
    topics: Mapping[str, TopicState],
    authenticate: Authenticate,
    project_exists: Callable[[str], bool],
    clock: Clock,
    arrived: ArrivedNames = lambda _project: (),
    held_back: HeldBack = nowhere,
) -> APIRouter:
    """Every route needs an API key. Routes are plain functions: the framework runs them, and the database, off its loop.

    Only those of commands are not: they wait, and waiting must not cost a thread.
    """
    router = APIRouter(prefix="/v1", dependencies=[api_key_required(authenticate)], responses=ERROR_RESPONSES)
    add_report_route(router, store)
    _add_leads(router, store)
    add_account_routes(router, store, clock, held_back)
    _add_dead_letters(router, store)
    add_event_routes(router, store, arrived)
    add_command_routes(router, store, Commander(store, producer, topics), project_exists)
    add_rulebook_routes(router, store, producer, topics, project_exists, clock)
    return router


def _add_leads(router: APIRouter, store: DetectorStore) -> None:
    @router.get("/leads", tags=["leads"])
    def leads(
        project: str | None = None,
        status: Status | None = None,
        updated_since: Annotated[
            str | None,
            Query(
                description="ISO 8601; leads of which a change was stored at or after it.",
                json_schema_extra={"format": "date-time"},
            ),
        ] = None,
        cursor: Annotated[str | None, cursors.cursor(cursors.PLACE)] = None,
        limit: Limit = 100,
    ) -> LeadList:
        """Leads in the order in which their last change was stored, oldest first, so that reading on misses nothing."""
        since = None if updated_since is None else _time(updated_since)
        wanted = LeadFilter(project=project, status=status, updated_since=since, after=cursors.place_of(cursor))
        rows = store.leads.page(wanted, limit + 1)
        following = f"{rows[limit - 1].stored_at}.{rows[limit - 1].lead_id}" if len(rows) > limit else None
        return LeadList(data=[line(row) for row in rows[:limit]], next=following)

    @router.get("/leads/{lead_id}", tags=["leads"])
    def lead(lead_id: str) -> LeadDetail:
        """One lead with its evidence and its whole life."""
        row = store.leads.get(lead_id)
        if row is None:
            raise ApiError(404, "lead_not_found", f"There is no lead {lead_id}. `GET /v1/leads` lists them.")
        return detail(row, store.leads.events(lead_id))


def _add_dead_letters(router: APIRouter, store: DetectorStore) -> None:
    @router.get("/deadletters", tags=["dead letters"])
    def dead_letters(
        project: str | None = None,
        code: str | None = None,
        cursor: Annotated[str | None, cursors.cursor(cursors.NUMBER)] = None,
        limit: Limit = 100,
    ) -> DeadLetterList:
        """What could not be used, newest first."""
        rows = store.dead_letters.page(limit + 1, project, code, None if cursor is None else cursors.number_of(cursor))
        following = str(rows[limit - 1].seq) if len(rows) > limit else None
        return DeadLetterList(data=[DeadLetterLine(**_letter(row)) for row in rows[:limit]], next=following)

    @router.get("/deadletters/{letter_id}", tags=["dead letters"])
    def dead_letter(letter_id: str) -> DeadLetterDetail:
        """One of them, whole."""
        found = store.dead_letters.get(letter_id)
        if found is None:
            raise ApiError(
                404, "dead_letter_not_found", f"There is no dead letter {letter_id}. `GET /v1/deadletters` lists them."
            )
        letter = found.letter
        return DeadLetterDetail(**_letter(found), body=letter.body, truncated=letter.truncated, sha256=letter.sha256)


def _letter(stored: StoredLetter) -> dict[str, Any]:
    names = ("id", "project", "code", "message", "field", "route", "key_id", "size")
    replayed_at = None if stored.replayed_at is None else iso(stored.replayed_at)
    said = {name: getattr(stored.letter, name) for name in names}
    return said | {"received_at": iso(stored.letter.received_at), "replayed_at": replayed_at}


def _time(text: str) -> int:
    try:
        time = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise ApiError(422, "invalid_time", f"updated_since is '{text}'; write it like 2026-05-01T00:00:00Z.") from None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
