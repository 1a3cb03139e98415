"""What is stored of one lead, and what the log makes of it, in; where they differ, out. No I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import msgspec

from detector.core.differences import ABSENT, Difference, differences
from detector.store.audit import Kept
from detector.store.leads import LeadEventRow, LeadRow, row_of

ROW = "the row in the table leads"
WHOLE = "the lead"
NOT_JSON = "bytes that are no lead event"


class LeadDifference(NamedTuple):
    """`where`: ROW, WHOLE, or which lead event. `path`, `stored` and `recomputed` as in `detector.core.differences`."""

    lead_id: str
    project: str
    account: str
    lead_type: str
    where: str
    path: str
    stored: Any
    recomputed: Any


class Compared(NamedTuple):
    """`unverified`: some of its lead events could not be recomputed; these are believed, and the row must follow from them."""

    differences: list[LeadDifference]
    unverified: bool


def compare(lead_id: str, stored: Kept, recomputed: Kept, end: int | None) -> Compared:
    """`end`: the offset of the lead's partition from which on nothing was recomputed; None: everything was."""
    believed = [] if end is None else [event for event in stored.events if event.offset >= end]
    expected = recomputed
    found: list[tuple[str, Difference]] = []
    if believed:
        expected = Kept(events=[*recomputed.events, *believed])
        try:
            expected.row = row_of([event.body for event in expected.events])
        except ValueError:
            found.append((_name(believed[-1]), Difference("body", NOT_JSON, ABSENT)))
    if not found:
        found = [*_compare(stored, expected)]
    named = _named(expected) or _named(stored) or ("", "", "")
    return Compared([LeadDifference(lead_id, *named, where, *each) for where, each in found], bool(believed))


def _compare(stored: Kept, expected: Kept) -> Iterator[tuple[str, Difference]]:
    if stored.row is None and not stored.events:
        if expected.row is not None:
            yield WHOLE, Difference("", ABSENT, _brief(expected.row))
        return
    if expected.row is None:
        yield WHOLE, Difference("", _brief(stored.row) if stored.row is not None else _name(stored.events[-1]), ABSENT)
        return
    if stored.row is None:
        yield ROW, Difference("", ABSENT, _brief(expected.row))
    elif stored.row != expected.row:
        for each in _of_row(stored.row, expected.row):
            yield ROW, each
    yield from _events(stored.events, expected.events)


def _events(stored: Sequence[LeadEventRow], expected: Sequence[LeadEventRow]) -> Iterator[tuple[str, Difference]]:
    ours, theirs = {event.id: event for event in stored}, {event.id: event for event in expected}
    for event in expected:
        mine = ours.get(event.id)
        if mine is None:
            yield _name(event), Difference("", ABSENT, f"at {event.topic}/{event.partition} offset {event.offset}")
        elif mine != event:
            for each in _of_event(mine, event):
                yield _name(event), each
    for event in stored:
        if event.id not in theirs:
            yield _name(event), Difference("", f"at {event.topic}/{event.partition} offset {event.offset}", ABSENT)


def _of_row(stored: LeadRow, expected: LeadRow) -> Iterator[Difference]:
    if _json(stored.data) == _json(expected.data) and stored == replace(expected, data=stored.data):
        yield Difference("data", "the same content in other bytes", ABSENT)
        return
    yield from differences({**asdict(stored), "data": _json(stored.data)}, {**asdict(expected), "data": _json(expected.data)})


def _of_event(stored: LeadEventRow, expected: LeadEventRow) -> Iterator[Difference]:
    if _json(stored.body) == _json(expected.body) and stored == replace(expected, body=stored.body):
        yield Difference("body", "the same content in other bytes", ABSENT)
        return
    yield from differences({**asdict(stored), "body": _json(stored.body)}, {**asdict(expected), "body": _json(expected.body)})


def _json(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOT_JSON


def _named(kept: Kept) -> tuple[str, str, str] | None:
    """(project, account, lead type)"""
    if kept.row is not None:
        return kept.row.project, kept.row.account, kept.row.lead_type
    return (kept.events[0].project, kept.events[0].account, "") if kept.events else None


def _name(event: LeadEventRow) -> str:
    return f"lead event {event.id} ({event.type}, revision {event.revision})"


def _brief(row: LeadRow) -> str:
    return f"{row.lead_type} of {row.account} (project {row.project}), {row.status}, revision {row.revision}"
