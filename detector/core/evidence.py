"""A rule that holds in, the derivation out: per line its value, threshold, window and the messages behind it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from detector.core import words
from detector.core.measures.moment import Moment
from detector.core.measures.usage import REFUSED_MS, LimitReader
from detector.core.partly import is_partly
from detector.core.rulebook.judged import Judged, Line
from detector.core.rulebook.model import Step, Type

MORE_IDS = 10
MORE_IDS_BYTES = 600
"""Beside the deciding message's own: so many, as far as they fit. Usual ids, of 36 characters, all do."""


def evidence(judged: Judged, moment: Moment, step: Step | None) -> list[dict[str, Any]]:
    """One entry for what made the rule fire, then one per `when` line."""
    found = []
    if step is not None and judged.limit is not None:
        found.append(_of_step(judged.name, judged.limit, moment, step))
    if judged.limit is not None and judged.limit.limit.worst_by is not None:
        worst = _Compared(f"worst by {judged.limit.limit.worst_by}", judged.limit.worst(moment))
        found.append(_entry(judged.name, moment, worst, judged.limit.ids(moment, 1)))
    if moment.asked is not None:
        happened = _Compared(f"event: {moment.asked[0]}", moment.asked[0])
        found.append(_entry(judged.name, moment, happened, []))
    return found + [_of_line(judged.name, line, moment) for line in judged.lines]


class _Compared(NamedTuple):
    condition: str
    value: object
    threshold: object = None
    window: str | None = None


def _of_step(rule: str, limit: LimitReader, moment: Moment, step: Step) -> dict[str, Any]:
    if step == "refused":
        number = limit.refused(moment, REFUSED_MS)
        known = _value(number, Type.NUMBER, at_least=is_partly(number))
        refusals = _Compared("limit.refused >= 1", known, 1, words.window(REFUSED_MS))
        return _entry(rule, moment, refusals, limit.refused_ids(moment, MORE_IDS + 1, REFUSED_MS))
    percent = _value(limit.percent(moment), Type.PERCENT, at_least=limit.at_least(moment))
    height = limit.height(moment, step)
    share = _Compared(f"limit.percent >= {words.step(height)}", percent, words.plain(height, Type.PERCENT))
    return _entry(rule, moment, share, limit.ids(moment, MORE_IDS + 1))


def _of_line(rule: str, line: Line, moment: Moment) -> dict[str, Any]:
    value = _value(line.value(moment), line.type, at_least=line.source.at_least(moment))
    compared = _Compared(line.text, value, words.plain(line.threshold(moment), line.type), line.source.window)
    return _entry(rule, moment, compared, line.source.ids(moment, MORE_IDS + 1))


def _value(of: object, kind: Type, *, at_least: bool) -> object:
    return f"at least {words.value(of, kind)}" if at_least else words.plain(of, kind)


def _entry(rule: str, moment: Moment, compared: _Compared, ids: list[str]) -> dict[str, Any]:
    return {
        "rule": rule,
        "condition": compared.condition,
        "value": compared.value,
        "threshold": compared.threshold,
        "window": compared.window,
        "message_ids": cited(moment.event_id, ids),
    }


def cited(deciding: str, ids: list[str]) -> list[str]:
    """As many of `ids` as fit. The message that decided comes first: the one at hand, else the newest of those counted."""
    first = deciding or next(iter(ids), "")
    return [first, *_fitting([each for each in ids if each != first][:MORE_IDS])] if first else []


def _fitting(ids: list[str]) -> Iterator[str]:
    left = MORE_IDS_BYTES
    for each in ids:
        left -= len(each.encode())
        if left < 0:
            return
        yield each
