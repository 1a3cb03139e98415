"""What a backtest is asked in; a job for `detector.backtest`, and what its report must say beside the numbers, out."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.exc import OperationalError

from contracts.messages import EVENTS
from detector.backtest.report import Asked
from detector.backtest.running import Book, Job
from detector.backtest.source import FromLog, Source
from detector.backtest.sweep import SweepError, swept
from detector.core import words
from detector.core.rulebook.parse import Parsed, RulebookError, parse
from detector.core.seen import KEY_BYTES
from detector.store import DetectorStore
from detector.store.rulebooks import StoredRulebook
from eventlog.port import Log, TopicPartition
from handraiser.errors import CommandError
from handraiser.ground import Ground, log_path, open_to_read
from handraiser.migrate import unreachable
from runtime.settings import Settings

FIRST_RECORD_S: Final = 5.0
BOOKS_MAX: Final = 16
"""So many rulebooks are played at once: each keeps all accounts for itself."""
NO_KEY: Final = b"\0" * KEY_BYTES


@dataclass(frozen=True, slots=True)
class Question:
    """As the command line or the API says it. `since`, `until`: epoch ms; None: as far as there is something."""

    project: str | None = None
    parsed: Parsed | None = None
    """The rulebook; None: the newest that is applied."""
    name: str = ""
    """What to call it."""
    since: int | None = None
    until: int | None = None
    sweeps: Sequence[str] = ()


@dataclass(slots=True)
class Installation:
    """What is there beside the events: the rulebook that is live. Nothing, where there is no installation."""

    project: str
    live: StoredRulebook | None = None
    seen_key: bytes = NO_KEY
    ground: Ground | None = None
    notes: list[str] = field(default_factory=list)


def instant(said: str, option: str) -> int:
    """`2026-03-01`, its midnight UTC, or a time in ISO 8601 (UTC if it names no offset); epoch ms. Raises CommandError."""
    try:
        at = datetime.fromisoformat(said.strip())
    except ValueError:
        message = (
            f"{option} {said}: this is no time. Write a day, 2026-03-01, which is its midnight (UTC), or 2026-03-01T09:00:00Z."
        )
        raise CommandError("invalid_time", message) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def installed(settings: Settings, question: Question, *, needed: bool) -> Installation:
    """Opens the log beside whoever works there. `needed`: the events are in it. Raises CommandError."""
    named = question.project or (question.parsed.rulebook.project if question.parsed is not None else None)
    if not needed and settings.kafka is None and not log_path(settings).exists():
        if named is None:
            raise CommandError(
                "no_rulebook", f"There is no installation in {settings.data}, so no applied rulebook: say --rulebook FILE."
            )
        return Installation(named)
    ground = open_to_read(settings)
    try:
        store = DetectorStore(ground.database("detector"))
        project = named or _only_project(store)
        live = store.rulebooks.newest(project)
        with store.snapshot() as now:
            key = now.seen_key()
    except OperationalError as error:
        ground.log.close()
        raise unreachable(settings, "detector", error) from error
    except BaseException:
        ground.log.close()
        raise
    return Installation(project, live, key or NO_KEY, ground)


def _only_project(store: DetectorStore) -> str:
    names = sorted({line.project for line in store.rulebooks.all()})
    if len(names) == 1:
        return names[0]
    if not names:
        raise CommandError("no_rulebook", "No rulebook is applied yet: say --rulebook FILE.")
    raise CommandError("project_ambiguous", f"There are several projects ({', '.join(names)}): say which with --project.")


def log_of(settings: Settings, there: Installation, question: Question) -> Source:
    """The retained log. Raises CommandError where it does not reach back as far as is asked."""
    assert there.ground is not None  # noqa: S101 - it was needed
    with closing(there.ground.log.consumer([EVENTS])) as consumer:
        begins, ends = consumer.beginning_offsets(), consumer.end_offsets()
        spans = {at.partition: (begins[at], ends[at]) for at in sorted(ends)}
    cut = {at: begins[at] for at in sorted(begins) if begins[at] > 0}
    if cut:
        _refuse_before(_oldest(there.ground.log, cut), question, there)
    return FromLog(settings, spans)


def _oldest(log: Log, cut: Mapping[TopicPartition, int]) -> int | None:
    """When the log begins, in that of the partitions where it begins last; None: nothing is left of them."""
    found = []
    for at, begin in cut.items():
        with closing(log.consumer([EVENTS])) as consumer:
            consumer.seek(at, begin)
            found += [record.timestamp for record in consumer.poll(FIRST_RECORD_S, 1)[:1]]
    return max(found, default=None)


def _refuse_before(begins: int | None, question: Question, there: Installation) -> None:
    """A log that was cut does not say what accounts did before: nothing is reckoned of that time, and of later only if asked."""
    if begins is None:
        raise CommandError(
            "log_cut", "What the log had is past its retention, and nothing came since: there is nothing to judge."
        )
    at = words.time(begins)
    if question.since is None or question.since < begins:
        earlier = "" if question.since is None else f", later than --from {words.time(question.since)}"
        raise CommandError(
            "log_cut",
            f"The log begins at {at}{earlier}: what came before is past its retention. Say --from {at}, or later, to judge by "
            "what is left: accounts then begin empty, and less is found at first. Your own files may have the whole story: name "
            "them instead.",
        )
    there.notes.append(
        f"The log begins at {at}; what accounts did before is not known. Measures that look further back begin empty, so the "
        "first weeks may show fewer leads than there would have been."
    )


def job(question: Question, there: Installation, source: Source, said_source: str) -> tuple[Job, Asked]:
    """What to play, and how to read what comes of it. Raises CommandError."""
    live = there.live
    if question.parsed is None and live is None:
        message = f"{there.project} has no rulebook yet: say --rulebook FILE, or apply one: handraiser rules apply FILE"
        raise CommandError("no_rulebook", message)
    if question.parsed is not None:
        resolved, name, version = question.parsed.resolved, question.name, (live.version if live is not None else 0) + 1
    else:
        assert live is not None  # noqa: S101 - else it was refused
        resolved, name, version = live.resolved, f"version {live.version}", live.version
    resolved = _understood(resolved, name)
    books = {resolved: 0}
    against = None
    notes = list(there.notes)
    if question.parsed is not None and live is not None:
        theirs = _understood(live.resolved, f"version {live.version}")
        if theirs == resolved:
            notes.append(f"{name} says what version {live.version} says, which is live: there is nothing to compare it with.")
        else:
            against = (f"version {live.version}", books.setdefault(theirs, len(books)))
    sweeps = []
    for said in question.sweeps:
        try:
            sweep = swept(resolved, said)
        except SweepError as error:
            raise CommandError("invalid_sweep", str(error)) from error
        places = {value: books.setdefault(text, len(books)) for value, text in sweep.books.items()}
        sweeps.append((sweep.what, sweep.rule, sweep.current, places))
    if len(books) > BOOKS_MAX:
        raise CommandError("too_many_values", f"That is {len(books)} rulebooks at once; at most {BOOKS_MAX}. Sweep fewer values.")
    if question.since is not None and question.until is not None and question.since >= question.until:
        raise CommandError("empty_span", "--from must be earlier than --to: nothing lies between them.")
    asked = Asked(
        project=there.project,
        rulebook=name,
        source=said_source,
        since=question.since,
        until=question.until,
        against=against,
        sweeps=sweeps,
        notes=notes,
    )
    return Job(there.project, tuple(Book(text, version) for text in books), source, there.seen_key), asked


def _understood(resolved: str, name: str) -> str:
    """As this release writes it, so that equal rulebooks are equal texts."""
    try:
        return parse(resolved, {}).resolved
    except RulebookError as error:
        message = f"{name} is not understood by this release: {error.problems[0]}"
        raise CommandError("not_understood", message) from error


def history_size(settings: Settings, source: Source) -> int:
    """Bytes, about: whether more than one process is worth it."""
    if isinstance(source, FromLog):
        return source.total * 1_000 if settings.kafka is not None else log_path(settings).stat().st_size
    return source.total
