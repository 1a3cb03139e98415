"""A checked score and a way to compile its conditions in; its reader, and the values that conditions name, out."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from detector.core.measures.keys import events_key
from detector.core.measures.moment import Moment
from detector.core.measures.reader import Course
from detector.core.measures.score import HUNDREDTHS, Happened, Holding, Line, Part, ScoreReader, Signalled
from detector.core.rulebook.model import Condition, Points, Score
from detector.core.rulebook.values import Value

PARTS: dict[str, tuple[Part, ...]] = {
    "score": ("fit", "behaviour"),
    "score.fit": ("fit",),
    "score.behaviour": ("behaviour",),
    "temperature": ("fit", "behaviour"),
}
"""Name in a condition -> the parts of the score that decide it."""


class Test(NamedTuple):
    """A condition by itself, compiled."""

    holds: Callable[[Moment], bool | None]
    changes: Callable[[Moment], int]
    messages: Callable[[Moment, int], list[str]]
    course: Course


def score_reader(score: Score, judged: Collection[str], test: Callable[[Condition], Test]) -> ScoreReader:
    """`judged`: the names of all that is judged."""

    def line(points: Points) -> tuple[Points, Line]:
        return points, _line(points, judged, test)

    return ScoreReader(score, tuple(map(line, score.fit)), tuple(map(line, score.behaviour)))


def _line(of: Points, judged: Collection[str], test: Callable[[Condition], Test]) -> Line:
    if of.condition is not None:
        tested = test(of.condition)
        may_end, may_begin = tested.course is not Course.STILL, tested.course is Course.MOVES
        rises, falls = (may_begin, may_end) if of.points > 0 else (may_end, may_begin)
        return Holding(of.points, tested.holds, tested.changes, tested.messages, rises, falls)
    if of.rule is not None:
        return Signalled(of.points, counted(of.rule, judged), of.fades_days)
    return Happened(of.points, events_key(of.event), of.fades_days, of.at_most)


def counted(rule: str, judged: Collection[str]) -> tuple[str, ...]:
    """What a line about a rule counts: the rule, or what is judged in its name for each limit; `limit/contacts`: that."""
    return tuple(name for name in judged if name == rule or name.startswith(f"{rule}/"))


def signals_behind(name: str, reader: ScoreReader | None) -> tuple[str, ...]:
    """The rules (as they are judged) whose signals decide a name of a condition."""
    if reader is None or "behaviour" not in PARTS.get(name, ()):
        return ()
    return tuple(each for _, line in reader.behaviour if isinstance(line, Signalled) for each in line.rules)


def score_values(reader: ScoreReader | None) -> dict[str, Value]:
    """Without a score all of them are unknown."""
    return {} if reader is None else {name: _value(name, parts, reader) for name, parts in PARTS.items()}


def _value(name: str, parts: tuple[Part, ...], reader: ScoreReader) -> Value:
    def number(moment: Moment) -> float:
        return reader.sum(moment, *parts) / HUNDREDTHS

    def temperature(moment: Moment) -> str | None:
        """The plain band: what holds at a moment must not depend on whether anybody asked before."""
        return reader.band(reader.sum(moment, *parts))

    course = Course.MOVES if reader.rises(*parts) else Course.FALLS if reader.falls(*parts) else Course.STILL
    return Value(
        temperature if name == "temperature" else number,
        lambda moment: reader.next(moment, *parts),
        lambda moment, most: reader.ids(moment, most, *parts),
        course=course,
    )
