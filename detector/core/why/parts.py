"""A line of `when` at a moment in; what of it holds, what is missing, by how much and until when, out."""

from dataclasses import dataclass
from math import isfinite
from statistics import fmean

from detector.core import words
from detector.core.evidence import MORE_IDS, cited
from detector.core.measures.moment import Moment
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Covers, Name, Type
from detector.core.rulebook.program import Program
from detector.core.why import phrases
from detector.core.why.gap import Gap, gap, only_grows
from detector.core.why.probe import Leaf, Probe
from detector.core.why.shape import By, Part
from detector.core.why.when import at_this_pace, by_time


@dataclass(frozen=True, slots=True)
class Asking:
    """One rule at a moment, at which it has looked. `requested`: False for a rule for requests while none is at hand.

    `in_words` False: only how near it is, which is cheaper.
    """

    program: Program
    judged: Judged
    moment: Moment
    requested: bool = True
    in_words: bool = True

    def part(self, probe: Probe, *, needed: bool = True) -> Part:
        """`needed`: whether it would keep the rule from holding, should it not hold."""
        holds = probe.holds(self.moment)
        missing = needed and holds is not True
        return self._whole(probe, holds, missing) if probe.leaf is None else self._leaf(probe, probe.leaf, holds, missing)

    def _whole(self, probe: Probe, holds: bool | None, missing: bool) -> Part:
        sides = tuple(self.part(side, needed=missing) for side in probe.sides)
        open_ = [side for side in sides if side.missing]
        known = [side.expected_at for side in open_ if side.expected_at is not None]
        at = None
        if probe.how == "any":
            at = min(known, default=None)
        elif len(known) == len(open_):
            at = max(known, default=None)
        by = next((side.by for side in open_ if side.expected_at == at), None) if at is not None else None
        shares = [side.share for side in open_]
        ids = [each for side in sides for each in side.message_ids]
        joined = (" or " if probe.how == "any" else "; ").join(side.needs for side in open_)
        return Part(
            probe.text,
            holds,
            missing,
            expected_at=at,
            by=by,
            needs=joined if missing else "",
            message_ids=cited("", list(dict.fromkeys(ids))),
            how=probe.how,
            parts=sides,
            share=0.0 if not missing else (min if probe.how == "any" else fmean)(shares or [1.0]),
            way=not missing or (any if probe.how == "any" else all)(side.way for side in open_),
        )

    def _leaf(self, probe: Probe, leaf: Leaf, holds: bool | None, missing: bool) -> Part:
        moment = self.moment
        found = gap(leaf, moment, self.program.rulebook) if holds is False else None
        measured = self._share(leaf, holds, found) if missing else 0.0
        share = 1.0 if measured is None else measured
        if not self.in_words:
            way = measured is not None or by_time(leaf, probe.holds, self.judged, moment) is not None
            return Part(probe.text, holds, missing, share=share, way=way)
        at, by = self._expected(probe, leaf, found) if missing else (None, None)
        value = _plain(leaf.value(moment), leaf.type)
        bound = leaf.source.at_least(moment) and value is not None
        return Part(
            probe.text,
            holds,
            missing,
            value=f"at least {words.value(leaf.value(moment), leaf.type)}" if bound else value,
            threshold=_plain(leaf.bounds[0](moment), leaf.type) if len(leaf.bounds) == 1 else None,
            window=leaf.source.window,
            distance=None if found is None else _plain(found.distance, leaf.type),
            expected_at=at,
            by=by,
            needs=self._needs(leaf, holds, found) + phrases.when(at, by, moment.t) if missing else "",
            message_ids=cited("", self._ids(leaf)),
            share=share,
            way=measured is not None or by == "time",
            warms=next(filter(None, (source.warms(moment) for _, source in leaf.names)), None),
        )

    def _ids(self, leaf: Leaf) -> list[str]:
        """Of each name the newest first."""
        return list(dict.fromkeys(each for _, source in leaf.names for each in source.ids(self.moment, MORE_IDS + 1)))

    def _expected(self, probe: Probe, leaf: Leaf, found: Gap | None) -> tuple[int | None, By | None]:
        at = by_time(leaf, probe.holds, self.judged, self.moment)
        if at is not None:
            return at, "time"
        at = None if found is None else at_this_pace(self.program, leaf, found, self.moment)
        return (None, None) if at is None else (at, "pace")

    def _needs(self, leaf: Leaf, holds: bool | None, found: Gap | None) -> str:
        if holds is None:
            return phrases.of_unknown(leaf, self.moment, self.program, of_request=not self.requested)
        if found is None:
            return phrases.of_false(leaf, self.moment, self.program)
        return phrases.of_gap(leaf, found, self.moment)

    def _share(self, leaf: Leaf, holds: bool | None, found: Gap | None) -> float | None:
        """Of the whole way; None: there is no measure for it, or it has become impossible."""
        if found is not None:
            return None if only_grows(leaf) and not found.rises else found.share
        reader, expr = self.program.onboarding, leaf.expr
        if holds is False and leaf.wanted and isinstance(expr, Name) and expr.path == "onboarding.done" and reader is not None:
            return len(reader.missing(self.moment)) / reader.steps or None
        if holds is False and leaf.wanted and isinstance(expr, Covers):
            values = leaf.value(self.moment)
            return sum(option not in values for option in expr.options) / len(expr.options)
        return None


def _plain(value: object, kind: Type) -> object:
    """As JSON carries it; a number beyond all is not known."""
    return None if isinstance(value, float) and not isfinite(value) else words.plain(value, kind)


def plain_percent(share: float | None) -> float | None:
    """97.4 for 0.974."""
    found = _plain(share, Type.PERCENT)
    return found if isinstance(found, int | float) else None
