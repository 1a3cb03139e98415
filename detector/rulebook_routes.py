"""Routes of rulebooks: a YAML text in; a numbered, stored version out, and the switch to it in every partition."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse

from contracts.codec import encode
from contracts.messages import EVENTS, UNATTRIBUTED, RulebookSwitch
from detector.backfill_view import backfills
from detector.core.rulebook.parse import Parsed, Problem, RulebookError, parse
from detector.core.rulebook.schema import schema
from detector.rulebooks import bases
from detector.shapes import AppliedRulebook, ProblemLine, RulebookList, RulebookProblems, RulebookStanding, RulebookText, iso
from detector.store import DetectorStore
from detector.store.rulebooks import RulebookLine as StoredLine
from detector.store.rulebooks import StoredRulebook
from detector.warming_view import warming
from eventlog.port import Entry, LogError, Producer, TopicState
from runtime.clock import Clock
from runtime.points import reach
from runtime.web import ApiError, ErrorBody, error_body

BODY_BYTES_MAX = 1024 * 1024
VERSION_MAX = 2**31 - 1
"""What a database can compare."""
APPEND_TIMEOUT_S = 10.0


class _Sent(msgspec.Struct, frozen=True):
    body: str
    project: str | None = None


_REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["body"],
                    "properties": {
                        "body": {"type": "string", "description": "The YAML text."},
                        "project": {"type": "string", "description": "Must be the rulebook's own `project`, if given."},
                    },
                }
            },
        },
    }
}


async def _sent(request: Request) -> _Sent:
    """The rulebook's text: the body itself, or the field `body` of a JSON object."""
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > BODY_BYTES_MAX:
            raise ApiError(413, "too_large", f"A rulebook has at most {BODY_BYTES_MAX // 1024} KiB. Split the product.")
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            return msgspec.json.decode(raw, type=_Sent)
        return _Sent(raw.decode())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        shape = 'Send the YAML text (application/yaml), or {"body": "<YAML text>"} as application/json.'
        raise ApiError(422, "invalid_request", f"This is not a rulebook: {error}. {shape}") from error


def create_schema_router() -> APIRouter:
    """`GET /v1/rulebooks/schema.json`, for editors: what it says is public, so it needs no key."""
    router = APIRouter(prefix="/v1")

    @router.get("/rulebooks/schema.json", tags=["rulebooks"])
    def rulebook_schema() -> dict[str, Any]:
        """The JSON Schema of a rulebook."""
        return schema(bases())

    return router


def add_rulebook_routes(  # noqa: PLR0913, PLR0917 - what the routes stand on
    router: APIRouter,
    store: DetectorStore,
    producer: Producer,
    topics: Mapping[str, TopicState],
    project_exists: Callable[[str], bool],
    clock: Clock,
) -> None:
    """Add `POST /rulebooks`, `GET /rulebooks` and `GET /rulebooks/{version}` to `router`."""

    @router.post(
        "/rulebooks",
        tags=["rulebooks"],
        openapi_extra=_REQUEST_BODY,
        responses={
            404: {"model": ErrorBody},
            413: {"model": ErrorBody},
            422: {"model": RulebookProblems},
            503: {"model": ErrorBody},
        },
        response_model=AppliedRulebook,
    )
    def apply(sent: Annotated[_Sent, Depends(_sent)]) -> AppliedRulebook | JSONResponse:
        """Check a rulebook, store it as the project's next version, and switch every partition to it.

        The newest version sent once more is that version again; its switch is repeated, which changes nothing.
        """
        try:
            parsed = parse(sent.body, bases())
        except RulebookError as error:
            return _refused(error)
        project = parsed.rulebook.project
        if sent.project is not None and sent.project != project:
            raise ApiError(422, "another_project", f"The rulebook says `project: {project}`, the request says {sent.project}.")
        if not project_exists(project):
            raise ApiError(
                404, "project_not_found", f"There is no project '{project}'. Make it: handraiser projects create {project}"
            )
        stored = adopt(store, producer, topics, sent.body, parsed, clock())
        return AppliedRulebook(**_line(stored), asleep=[_problem(problem) for problem in parsed.asleep])

    @router.get("/rulebooks", tags=["rulebooks"])
    def rulebooks(project: str | None = None) -> RulebookList:
        """Every version, newest first, and which partitions judge by it; of one project also what is warming."""
        adoption = store.rulebooks.adoption(EVENTS, project)
        data = [_standing(each, adoption, topics[EVENTS]) for each in store.rulebooks.all(project)]
        newest = None if project is None else store.rulebooks.newest(project)
        try:
            warms = [] if newest is None else warming(store.rulebooks, parse(newest.resolved, {}).rulebook, clock())
        except RulebookError:  # of a release that understood more
            warms = []
        reading = [] if project is None else backfills(store, clock(), project)
        return RulebookList(data=data, warming=warms, backfill=reading[0] if reading else None)

    @router.get("/rulebooks/{version}", tags=["rulebooks"])
    def rulebook(version: Annotated[int, Path(ge=1, le=VERSION_MAX)], project: str) -> RulebookText:
        """One version, whole: as it was applied, and resolved."""
        stored = store.rulebooks.get(project, version)
        if stored is None:
            message = f"Project {project} has no version {version} of its rulebook. `GET /v1/rulebooks` lists them."
            raise ApiError(404, "rulebook_not_found", message)
        return RulebookText(**_line(stored), body=stored.body, resolved=stored.resolved)


def adopt(  # noqa: PLR0913, PLR0917 - what it stands on
    store: DetectorStore, producer: Producer, topics: Mapping[str, TopicState], body: str, parsed: Parsed, now: int
) -> StoredRulebook:
    """Store a rulebook, and switch every partition to it. Raises ApiError 503 if the log does not take the switch.

    What dies in between leaves a version that nobody judges by; who sends the rulebook again has it adopted.
    """
    stored = store.rulebooks.add(parsed.rulebook.project, body, parsed.resolved, now)
    reach("rulebook.store.after")
    _switch(producer, topics, stored)
    return stored


def _switch(producer: Producer, topics: Mapping[str, TopicState], stored: StoredLine) -> None:
    """Append the switch to every partition: each judges by the new version from there on."""
    value = encode(RulebookSwitch(project=stored.project, version=stored.version))
    entries = [Entry(topic, n, value) for topic in (EVENTS, UNATTRIBUTED) for n in range(topics[topic].partitions)]
    try:
        producer.append(entries, APPEND_TIMEOUT_S)
    except LogError as error:
        message = f"Version {stored.version} is stored, but the log did not take the switch to it. Send the rulebook again."
        raise ApiError(503, "log_unavailable", message, str(error), headers={"Retry-After": "2"}) from error


def _refused(error: RulebookError) -> JSONResponse:
    count = len(error.problems)
    message = f"The rulebook has {count} problem{'s' if count > 1 else ''}: {error.problems[0]}"
    body: dict[str, Any] = dict(error_body("invalid_rulebook", message, str(error)))
    body["problems"] = [_problem(problem).model_dump() for problem in error.problems]
    return JSONResponse(body, 422)


def _problem(problem: Problem) -> ProblemLine:
    return ProblemLine(line=problem.line, column=problem.column, code=problem.code, message=problem.message, do=problem.remedy)


def _standing(stored: StoredLine, adoption: Mapping[str, Mapping[int, int]], topic: TopicState) -> RulebookStanding:
    by = adoption.get(stored.project, {})
    adopted = sorted(partition for partition, version in by.items() if version == stored.version)
    return RulebookStanding(**_line(stored), adopted_by=adopted, partitions=topic.partitions)


def _line(stored: StoredLine) -> dict[str, Any]:
    return {
        "project": stored.project,
        "version": stored.version,
        "sha256": stored.sha256,
        "created_at": iso(stored.created_at),
    }
