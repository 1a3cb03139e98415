"""The log, and the leads that are stored, in; every lead that the log does not make exactly so, in words for people, out.

The log is read again from its beginning (`detector.recompute`), beside a running detector if there is one, and every lead is
compared with its recomputed self: its row in `leads`, every column; its lead events, byte for byte and with their places.
Nothing is written to the database or to the log.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, islice
from pathlib import Path

from contracts.messages import EVENTS
from contracts.partition import partition_of
from detector.comparing import LeadDifference, compare
from detector.programs import Programs
from detector.recompute import OnProgress, Recompute
from detector.shapes import iso
from detector.store import DetectorStore, TopicMismatchError, refuse_another
from detector.store.audit import Kept, Scope, Snapshot, scratch, snapshot
from eventlog.port import Consumer, Log, TopicPartition

DIFFERENCES_KEPT = 20
"""So many are told; the others are counted."""
FIRST_RECORD_S = 5.0
"""How long the oldest record of a log that begins later is waited for, to say its time."""
LEADS_AT_ONCE = 50
"""Each with its whole life, of up to 64 KB a lead event."""


class NoSuchLeadError(Exception):
    """Nothing is stored of the lead that was asked for."""


@dataclass(slots=True)
class Report:
    """`unverifiable`: partition of `events` -> why nothing, or nothing from some offset on, can be recomputed of it."""

    leads: int = 0
    lead_events: int = 0
    """That were recomputed and compared."""
    leads_unverified: int = 0
    """Leads of which at least the newest lead event could not be recomputed."""
    leads_differing: int = 0
    differences: list[LeadDifference] = field(default_factory=list)
    """The first DIFFERENCES_KEPT."""
    differences_total: int = 0
    unverifiable: dict[int, str] = field(default_factory=dict)
    events: int = 0
    """Usage events that were read."""


def verify(log: Log, store: DetectorStore, scope: Scope, on_progress: OnProgress) -> Report:
    """Raises NoSuchLeadError, LogError, and SQLAlchemyError if the database cannot be reached.

    Of a scope, only its accounts are folded: that is quick.
    """
    with store.snapshot() as now:
        scope = _whose(now, scope)
    report = Report()
    with store.snapshot() as now:
        key = now.seen_key()
        checkpoints = now.checkpoints(EVENTS)
        partitions, report.unverifiable = _readable(log, now, scope, checkpoints)
        of_events = now.known(log.topics([EVENTS])[EVENTS]).partitions
    with tempfile.TemporaryDirectory(prefix="handraiser-verify-") as folder, scratch(Path(folder)) as engine:
        consumer = log.consumer([EVENTS])
        recompute = Recompute(
            log,
            consumer,
            DetectorStore(engine),
            Programs(store.rulebooks),
            partitions=partitions,
            of_events=of_events,
            seen_key=key or b"",
            scope=scope,
            on_progress=on_progress,
        )
        with closing(consumer):
            # The long way without a transaction open; then what was added meanwhile, up to the one view that is compared.
            recompute.until(checkpoints)
            with store.snapshot() as now:
                recompute.until(now.checkpoints(EVENTS))
                with snapshot(engine) as again:
                    ends = dict.fromkeys(report.unverifiable, 0) | {n: offset for n, (offset, _) in recompute.stops.items()}
                    _compare_all(now, again, scope, _Ends(ends, now.known(log.topics([EVENTS])[EVENTS]).partitions), report)
    report.events = recompute.events
    report.unverifiable |= {number: f"from offset {offset} on: {why}" for number, (offset, why) in recompute.stops.items()}
    return report


def _whose(now: Snapshot, scope: Scope) -> Scope:
    """One lead's account is all that must be recomputed for it."""
    if scope.lead_id is None:
        return scope
    found = now.account_of(scope.lead_id)
    if found is None:
        raise NoSuchLeadError(
            f"Nothing is stored of a lead {scope.lead_id}. `handraiser leads list` shows those there are; to find one that "
            "should be there and is not, verify without naming it."
        )
    return Scope(*found, scope.lead_id)


def _readable(log: Log, now: Snapshot, scope: Scope, checkpoints: Mapping[int, int]) -> tuple[list[int], dict[int, str]]:
    """The partitions that must be read and can be, and why the others cannot."""
    state = log.topics([EVENTS])[EVENTS]
    known = now.known(state)
    wanted = set(checkpoints)
    if scope.project is not None and scope.account is not None:
        wanted &= {partition_of(scope.project, scope.account, known.partitions)}
    try:
        refuse_another(state, known)
    except TopicMismatchError as error:
        return [], dict.fromkeys(wanted, str(error))
    consumer = log.consumer([EVENTS])
    with closing(consumer):
        begins, ends = consumer.beginning_offsets(), consumer.end_offsets()
        why: dict[int, str] = {}
        for number in sorted(wanted):
            at = TopicPartition(EVENTS, number)
            if begins[at] > 0:
                why[number] = _begins_later(consumer, at, begins[at], ends[at])
            elif checkpoints[number] > ends[at]:
                why[number] = (
                    f"the log ends at offset {ends[at]}, and the database has read up to {checkpoints[number]}: it is another "
                    "log, or an older copy. Restore the log that belongs to this database."
                )
    return sorted(wanted - why.keys()), why


def _begins_later(consumer: Consumer, at: TopicPartition, begin: int, end: int) -> str:
    text = f"the log begins at offset {begin}"
    if begin < end:
        consumer.seek(at, begin)
        first = next((r for r in consumer.poll(FIRST_RECORD_S, 1) if TopicPartition(r.topic, r.partition) == at), None)
        text += f", {iso(first.timestamp)}" if first is not None else ""
    return f"{text}: what came before is past its retention"


class _Ends:
    """Up to which offset a lead's events could be recomputed; None: all of them."""

    def __init__(self, ends: Mapping[int, int], partitions: int) -> None:
        self._ends = ends
        self._partitions = partitions

    def of(self, kept: Kept) -> int | None:
        of = kept.row or (kept.events[0] if kept.events else None)
        return None if of is None else self._ends.get(partition_of(of.project, of.account, self._partitions))


def _compare_all(now: Snapshot, again: Snapshot, scope: Scope, ends: _Ends, report: Report) -> None:
    for ids in _chunks(merge(now.lead_ids(scope), again.lead_ids(scope)), LEADS_AT_ONCE):
        stored, recomputed = now.load(ids), again.load(ids)
        for lead_id in ids:
            mine, theirs = stored.get(lead_id, Kept()), recomputed.get(lead_id, Kept())
            end = ends.of(theirs if theirs.events else mine)
            found, unverified = compare(lead_id, mine, theirs, end)
            report.leads += 1
            report.lead_events += len(theirs.events)
            report.leads_unverified += unverified
            report.leads_differing += bool(found)
            report.differences_total += len(found)
            report.differences += found[: DIFFERENCES_KEPT - len(report.differences)]


def _chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of at most `size`, each id once; `ids` are in order."""
    each_once = (lead_id for lead_id, _ in groupby(ids))
    while chunk := list(islice(each_once, size)):
        yield chunk
