"""The `detector` object of /health: stored checkpoints and the log's ends in; figures, a status and what to do out."""

from collections.abc import Mapping
from typing import Any

from contracts.messages import EVENTS
from detector.shapes import iso
from detector.store import DetectorStore
from detector.store.checkpoints import Standing
from eventlog.port import TopicPartition

STALLED_S = 120
"""Behind, and no commit for this long: the detector does not work."""
BEHIND_S = 60
OUTBOX_STUCK_S = 60
HOUR_MS = 3_600_000


class HealthReporter:
    """Judges from the database alone, so that another process than the detector's can ask. One thread at a time."""

    def __init__(self, store: DetectorStore) -> None:
        self._store = store
        self._behind_since: dict[TopicPartition, tuple[int, int]] = {}

    def report(self, ends: Mapping[TopicPartition, int], now: int) -> dict[str, Any]:
        """`ends`: offsets of the detector's topics that the next appends will get. May block on the database."""
        standings = {standing.partition: standing for standing in self._store.checkpoints.standings()}
        lags = {at: end - (standings[at].next_offset if at in standings else 0) for at, end in ends.items()}
        lag_s = max((self._behind_s(at, lag, standings.get(at), now) for at, lag in lags.items()), default=0.0)
        halted = {f"{at.topic}/{at.partition}": s for at, s in standings.items() if s.halted}
        oldest = self._store.outbox.oldest()
        first_due = self._store.accounts.first_due()
        commit_age_s = max(0, now - max((s.committed_at for s in standings.values()), default=now)) / 1000
        figures: dict[str, Any] = {
            "partitions": {"owned": sum(at in ends and not s.halted for at, s in standings.items()), "total": len(ends)},
            "lag_events": sum(max(0, lag) for lag in lags.values()),
            "lag_s": lag_s,
            "commit_age_s": commit_age_s,
            "halted": {place: s.halted for place, s in halted.items()} or None,
            "timers_overdue_s": 0 if first_due is None else max(0, now - first_due) / 1000,
            "outbox_oldest_s": 0 if oldest is None else max(1, now - oldest) / 1000,  # 0 only if it is empty
            "held": self._store.people.held_count(),
            "unattributed_1h": self._store.dead_letters.count("unattributed", now - HOUR_MS),
            "rulebooks": self._rulebooks(),
        }
        problems = _halts(halted) + _problems(figures, now)
        down = any(problem["code"] in ("detector_halted", "detector_stalled") for problem in problems)
        status = "down" if down else "degraded" if problems else "ok"
        return {"status": status, **figures, "problems": problems}

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


def _halts(halted: Mapping[str, Standing]) -> list[dict[str, Any]]:
    """`since`: the last commit of that very partition."""
    do = "Follow the runbook's section detector_halted, then start the detector again."
    return [
        {"code": "detector_halted", "since": iso(s.committed_at), "what": f"{place} stands still: {s.halted}", "do": do}
        for place, s in halted.items()
    ]


def _problems(figures: Mapping[str, Any], now: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def problem(code: str, age_s: float, what: str, do: str) -> None:
        found.append({"code": code, "since": iso(now - round(age_s * 1000)), "what": what, "do": do})

    lag_s = figures["lag_s"]
    if figures["halted"] is None and lag_s > STALLED_S and figures["commit_age_s"] > STALLED_S:
        what = f"{figures['lag_events']} records wait and nothing was committed for {figures['commit_age_s']:.0f} s"
        problem("detector_stalled", lag_s, what, "Look at the detector's log; start it again: it goes on where it stopped.")
    elif figures["halted"] is None and lag_s > BEHIND_S:
        what = f"The detector is {lag_s:.0f} s behind ({figures['lag_events']} records)"
        problem(
            "detector_behind", lag_s, what, "It catches up by itself; if it does not, add a detector process or a faster disk."
        )
    if figures["outbox_oldest_s"] > OUTBOX_STUCK_S:
        what = f"Lead events wait {figures['outbox_oldest_s']:.0f} s to be sent to the log"
        problem("outbox_stuck", figures["outbox_oldest_s"], what, "See whether the log takes appends: its check, its disk.")
    return found
