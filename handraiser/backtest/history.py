"""Files of history in, as `import` reads them; frames in order of time, in a file of their own, out. No server hears of them.

Each event is taken as though it had reached us when it happened, and finds its account by what all the files say of its person.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from contracts.codec import encode_event, encode_events
from contracts.messages import UsageEvent
from detector.backtest.source import write_frame
from detector.core.attribution import (
    Forward,
    Hold,
    Person,
    attribute,
    expire_held,
    join,
    joins,
    learn_address,
    one_too_many,
    says_address,
    who,
)
from detector.core.rulebook.model import Way
from handraiser.importing.posting import batches, body_of, problems_of
from handraiser.importing.progress import Shown
from handraiser.importing.reading import HistoryFile
from handraiser.importing.rows import Problem, Row
from ingest.core.native import read_events
from ingest.core.normalise import Arrival, normalise
from runtime.clock import wall_clock

FRAME_EVENTS_MAX: Final = 500
FRAME_MS: Final = 60_000
"""Events further apart never share a frame: what falls due in between is judged in between."""
PROBLEMS_KEPT: Final = 10
_AT_ONCE: Final = 5_000
_decoder = msgspec.json.Decoder(UsageEvent)


@dataclass(slots=True)
class Prepared:
    """`rejected`: rows that could not be used, the first of them in `problems`; `nobodys`: events whose account nobody knows."""

    path: Path
    events: int = 0
    rejected: int = 0
    problems: list[Problem] = field(default_factory=list)
    nobodys: int = 0


class _Everybody:
    """Who belongs where, by all that the files say."""

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways = ways
        self._people: defaultdict[str, Person] = defaultdict(Person)

    def learn(self, event: UsageEvent) -> None:
        person = who(event)
        if not person:
            return
        if "domain" in self._ways and says_address(event):
            learn_address(self._people[person], event)
        if joins(event) and one_too_many(self._people[person], event) is None:
            join(self._people[person], event)

    def attributed(self, event: UsageEvent) -> Sequence[UsageEvent]:
        """Its copies, one for each account that it belongs to. Nothing more is waited for: all is known."""
        if event.account is not None:
            return (event,)
        person = self._people.get(who(event)) or Person()
        decision = attribute(person, event, event.timestamp, ways=self._ways)
        if isinstance(decision, Hold):
            (decision,) = expire_held(person, decision.held.until, ways=self._ways)
        return decision.events if isinstance(decision, Forward) else ()


def prepared(files: Sequence[HistoryFile], project: str, ways: Sequence[Way], folder: Path, progress: Shown) -> Prepared:
    """Reads all, sorts it on disk, writes the frames. `ways`: the rulebook's. `folder`: empty; its files are the caller's."""
    done, everybody = Prepared(folder / "frames"), _Everybody(ways)
    with closing(sqlite3.connect(folder / "sorting", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE events (at INTEGER, body BLOB)")
        database.execute("BEGIN")
        read = 0
        for batch in batches(_usable(files, done)):
            events = _events(batch, project, done)
            for event in events:
                everybody.learn(event)
            database.executemany("INSERT INTO events VALUES (?, ?)", [(event.timestamp, encode_event(event)) for event in events])
            read += len(events)
            progress.update(read, sum(file.position for file in files))
        _write(_sorted(database), everybody, done)
    (folder / "sorting").unlink()
    return done


def _usable(files: Sequence[HistoryFile], done: Prepared) -> Iterator[Row]:
    for file in files:
        for row in file.rows():
            if isinstance(row, Problem):
                _refuse(done, row)
            else:
                yield row


def _refuse(done: Prepared, problem: Problem) -> None:
    done.rejected += 1
    if len(done.problems) < PROBLEMS_KEPT:
        done.problems.append(problem)


def _events(batch: Sequence[Row], project: str, done: Prepared) -> list[UsageEvent]:
    """As ingest would make them of an import, and received when they happened."""
    envelope = read_events(body_of(batch))
    arrival = Arrival(project, "", "server", wall_clock(), lambda: "", historical=True)
    found = normalise(envelope.split(), envelope, None, arrival)
    for problem in problems_of(batch, (rejection.as_json() for rejection in found.rejections)):
        _refuse(done, problem)
    return [msgspec.structs.replace(event, historical=False, received_at=event.timestamp) for event in found.events]


def _sorted(database: sqlite3.Connection) -> Iterator[UsageEvent]:
    """By time; of equal times as they stand in the files."""
    rows = database.execute("SELECT body FROM events ORDER BY at, rowid")
    while chunk := rows.fetchmany(_AT_ONCE):
        yield from (_decoder.decode(body) for (body,) in chunk)


def _write(events: Iterable[UsageEvent], everybody: _Everybody, done: Prepared) -> None:
    with done.path.open("wb") as file:
        for frame in _frames(_attributed(events, everybody, done)):
            for value in encode_events(frame):
                write_frame(file, frame[-1].timestamp, value)


def _attributed(events: Iterable[UsageEvent], everybody: _Everybody, done: Prepared) -> Iterator[UsageEvent]:
    for event in events:
        found = everybody.attributed(event)
        done.nobodys += not found
        done.events += len(found)
        yield from found


def _frames(events: Iterable[UsageEvent]) -> Iterator[list[UsageEvent]]:
    frame: list[UsageEvent] = []
    for event in events:
        if frame and (len(frame) == FRAME_EVENTS_MAX or event.timestamp // FRAME_MS != frame[0].timestamp // FRAME_MS):
            yield frame
            frame = []
        frame.append(event)
    if frame:
        yield frame
