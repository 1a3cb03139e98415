"""How far the log was read again for what an applied rulebook began, and which rules wait for that: for people who look at it."""

from collections.abc import Mapping

from contracts.messages import EVENTS
from detector.changes import BackfillRow
from detector.core.rulebook.adoption import missing
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Rulebook, Span
from detector.core.rulebook.parse import RulebookError, parse
from detector.shapes import BackfillLine, iso
from detector.store import DetectorStore

RATE_AFTER_S = 1.0
"""From so short a while no rate is reckoned."""


def backfills(store: DetectorStore, now: int, project: str | None = None) -> list[BackfillLine]:
    """Of each project of which not all partitions are done; of all projects, or of one, and then also which rules wait for it."""
    rows = store.backfills.all(project)
    spans = store.rulebooks.spans(project)  # later, or what has ended meanwhile would look as if it had not begun
    offsets = {
        each.partition.partition: each.next_offset for each in store.checkpoints.standings() if each.partition.topic == EVENTS
    }
    by_project: dict[str, dict[int, Mapping[str, Span]]] = {}
    for partition, known in spans.items():
        for name, each in known.items():
            by_project.setdefault(name, {})[partition] = each
    found = []
    for name, known_by in sorted(by_project.items()):
        left = sorted(partition for partition, known in known_by.items() if missing(known))
        if left:
            of_rows = {partition: rows.get(partition, {}).get(name) for partition in left}
            stands = {partition: offsets.get(partition, 0) for partition in known_by}
            newest = store.rulebooks.newest(name)
            line = _line(name, newest.version if newest is not None else 0, stands, of_rows, now)
            if project is not None and newest is not None:
                line.rules = rules_that_wait(newest.resolved, newest.version, known_by[left[0]])
            found.append(line)
    return found


def _line(
    project: str, version: int, offsets: Mapping[int, int], left: Mapping[int, BackfillRow | None], now: int
) -> BackfillLine:
    """`offsets`: where each partition stands that has, or had, anything missing. `left`: those that have."""
    running = [row for row in left.values() if row is not None]
    ahead = sum(offsets[each] - (0 if row is None else row.next_offset) for each, row in left.items())
    whole = sum(offset - (0 if (row := left.get(each)) is None else row.begin) for each, offset in offsets.items())
    timed = [(row, (now - row.started_at) / 1000) for row in running]
    rate = sum((row.next_offset - row.begin) / seconds for row, seconds in timed if seconds >= RATE_AFTER_S)
    return BackfillLine(
        project=project,
        version=version,
        partitions=len(offsets),
        done=len(offsets) - len(left),
        percent=100 - (100 * max(0, ahead) // whole if whole > 0 else 0),
        started_at=iso(min(row.started_at for row in running)) if running else None,
        left_s=round(max(0, ahead) / rate) if rate > 0 else None,
        rules=[],
    )


def rules_that_wait(resolved: str, version: int, known: Mapping[str, Span]) -> list[str]:
    """In a partition that knows this."""
    try:
        rulebook: Rulebook = parse(resolved, {}).rulebook
    except RulebookError:  # of a release that understood more
        return []
    judged = compile_rulebook(rulebook, version, known).judged.values()
    return list(dict.fromkeys(each.rule.name for each in judged if each.waits))
