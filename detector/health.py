"""The `detector` object of /health: stored checkpoints and the log's ends in; figures, a status and what to do out."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.messages import EVENTS
from detector.backfill_view import backfills
from detector.core import zones
from detector.shapes import iso
from detector.store import DetectorStore
from detector.store.checkpoints import Standing
from eventlog.port import TopicPartition

STALLED_S = 120
"""Behind, and no commit for this long: the detector does not work."""
BEHIND_S = 60
OUTBOX_STUCK_S = 60
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Wait:
    """How long the next record of a partition has waited, and how many there are."""

    at: TopicPartition
    seconds: float
    records: int
    standing: Standing | None

    def committed_s(self, now: int) -> float:
        """How long ago something of it was committed; ever so long, if nothing was."""
        return math.inf if self.standing is None else (now - self.standing.committed_at) / 1000


class HealthReporter:
    """Judges from the database alone, so that another process than the detector's can ask. One thread at a time."""

    def __init__(self, store: DetectorStore) -> None:
        self._store = store
        self._behind_since: dict[TopicPartition, tuple[int, int]] = {}

    def report(self, ends: Mapping[TopicPartition, int], now: int) -> dict[str, Any]:
        """`ends`: offsets of the detector's topics that the next appends will get. May block on the database."""
        added = self._added(ends)
        ends = {at: end for at, end in ends.items() if at not in added}
        standings = {s.partition: s for s in self._store.checkpoints.standings() if s.partition in ends}
        lags = {at: end - (standings[at].next_offset if at in standings else 0) for at, end in ends.items()}
        waits = {at: self._behind_s(at, lag, standings.get(at), now) for at, lag in lags.items()}
        halted = {f"{at.topic}/{at.partition}": s for at, s in standings.items() if s.halted}
        oldest = self._store.outbox.oldest()
        first_due = self._store.accounts.first_due()
        commit_age_s = max(0, now - max((s.committed_at for s in standings.values()), default=now)) / 1000
        figures: dict[str, Any] = {
            "partitions": {
                "owned": sum(not s.halted for s in standings.values()),
                "total": len(ends),
                "owners": dict(Counter(s.owner for s in standings.values())),
            },
            "lag_events": sum(max(0, lag) for lag in lags.values()),
            "lag_s": max(waits.values(), default=0.0),
            "commit_age_s": commit_age_s,
            "halted": {place: s.halted for place, s in halted.items()} or None,
            "timers_overdue_s": 0 if first_due is None else max(0, now - first_due) / 1000,
            "outbox_oldest_s": 0 if oldest is None else max(1, now - oldest) / 1000,  # 0 only if it is empty
            "held": self._store.people.held_count(),
            "unattributed_1h": self._store.dead_letters.count("unattributed", now - HOUR_MS),
            "rulebooks": self._rulebooks(),
            "backfills": self._backfills(now),
            "time_zones": zones.VERSION,
        }
        waiting = [
            Wait(at, seconds, lags[at], standings.get(at))
            for at, seconds in waits.items()
            if at not in standings or not standings[at].halted
        ]
        problems = _halts(halted) + _waits(waiting, now) + _outbox(figures["outbox_oldest_s"], now) + _additions(added)
        problems += _full(self._store.dead_letters.full(now))
        down = any(problem["code"] in ("detector_halted", "detector_stalled") for problem in problems)
        status = "down" if down else "degraded" if problems else "ok"
        return {"status": status, **figures, "problems": problems}

    def _added(self, ends: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Partitions that their topic did not have when the database was filled from it."""
        known = self._store.checkpoints.topics()
        return [at for at in ends if at.topic in known and at.partition >= known[at.topic].partitions]

    def _behind_s(self, at: TopicPartition, lag: int, standing: Standing | None, now: int) -> float:
        """How long the next record has waited: since we first saw it wait, or, while commits go on, by partition time."""
        if lag <= 0:
            self._behind_since.pop(at, None)
            return 0.0
        offset = standing.next_offset if standing is not None else 0
        seen_offset, since = self._behind_since.setdefault(at, (offset, now))
        if standing is None or seen_offset == offset:
            return (now - since) / 1000
        return max(0, now - standing.time) / 1000

    def _rulebooks(self) -> dict[str, dict[str, int]]:
        """project -> the version that every partition of `events` has adopted, at least."""
        adoption = self._store.rulebooks.adoption(EVENTS)
        return {project: {"version": min(versions.values())} for project, versions in adoption.items()}

    def _backfills(self, now: int) -> dict[str, dict[str, int | None]] | None:
        """project -> how far the log was read again for what its rulebook began; None: for nothing."""
        fields = {"version", "partitions", "done", "percent", "left_s"}
        return {each.project: each.model_dump(include=fields) for each in backfills(self._store, now)} or None


def _halts(halted: Mapping[str, Standing]) -> list[dict[str, Any]]:
    """`since`: the last commit of that very partition."""
    do = "Follow the runbook's section detector_halted, then start the detector again."
    return [
        {"code": "detector_halted", "since": iso(s.committed_at), "what": f"{place} stands still: {s.halted}", "do": do}
        for place, s in halted.items()
    ]


def _waits(waiting: Sequence[Wait], now: int) -> list[dict[str, Any]]:
    """Of the partitions that do not stand still on purpose."""
    stalled = [w for w in waiting if w.seconds > STALLED_S and w.committed_s(now) > STALLED_S]
    if stalled:
        first = max(stalled, key=lambda w: w.seconds)
        more = f" and {len(stalled) - 1} more" if len(stalled) > 1 else ""
        owner = f", which {first.standing.owner} had last" if first.standing is not None else ""
        what = (
            f"{sum(w.records for w in stalled)} records wait and nothing was committed for {STALLED_S} s in "
            f"{first.at.topic}/{first.at.partition}{more}{owner}"
        )
        do = "Look at that detector's log; start it again: it goes on where it stopped."
        return [_problem("detector_stalled", first.seconds, what, do, now)]
    behind = [w for w in waiting if w.seconds > BEHIND_S]
    if behind:
        what = f"The detector is {max(w.seconds for w in behind):.0f} s behind ({sum(w.records for w in behind)} records)"
        do = "It catches up by itself; if it does not, add a detector process or a faster disk."
        return [_problem("detector_behind", max(w.seconds for w in behind), what, do, now)]
    return []


def _outbox(oldest_s: float, now: int) -> list[dict[str, Any]]:
    if oldest_s <= OUTBOX_STUCK_S:
        return []
    what = f"Lead events wait {oldest_s:.0f} s to be sent to the log"
    return [_problem("outbox_stuck", oldest_s, what, "See whether the log takes appends: its check, its disk.", now)]


def _additions(added: Sequence[TopicPartition]) -> list[dict[str, Any]]:
    if not added:
        return []
    places = ", ".join(f"{at.topic}/{at.partition}" for at in added[:3]) + (" …" if len(added) > 3 else "")
    what = f"{len(added)} partitions were added to topics after the first start ({places}): nothing is written or read there"
    do = "Nothing is lost, and nothing gained. The runbook's section partitions_added says how to get more."
    return [{"code": "partitions_added", "since": None, "what": what, "do": do}]


def _full(projects: Sequence[str]) -> list[dict[str, Any]]:
    if not projects:
        return []
    names = ", ".join(projects[:3]) + (" …" if len(projects) > 3 else "")
    what = f"More dead letters came today than are kept of one project ({names}): the newest are in the log only"
    do = "See what they say (`handraiser deadletters`) and mend it at the sender: the runbook's section dead_letters_full."
    return [{"code": "dead_letters_full", "since": None, "what": what, "do": do}]


def _problem(code: str, age_s: float, what: str, do: str, now: int) -> dict[str, Any]:
    return {"code": code, "since": iso(now - round(age_s * 1000)), "what": what, "do": do}
