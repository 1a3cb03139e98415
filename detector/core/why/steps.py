"""A rule for a limit at a moment in; how it stands to its steps, and what is left until the next, out."""

from math import ceil, isfinite

from detector.core import words
from detector.core.evidence import MORE_IDS, cited
from detector.core.measures.forecast import at_amount
from detector.core.measures.moment import Moment
from detector.core.measures.usage import LimitReader
from detector.core.rulebook.judged import Judged
from detector.core.rulebook.model import Step
from detector.core.rulebook.program import Program
from detector.core.why import phrases
from detector.core.why.parts import plain_percent
from detector.core.why.shape import LimitStand, NextStep, Part
from detector.core.why.when import step_by_time


def limit_stand(judged: Judged, reader: LimitReader, moment: Moment) -> LimitStand:
    """Of a rule without steps of its own there is no next one."""
    steps = judged.steps_at(moment) if judged.stepped else ()
    reached = reader.step(moment, steps)
    used, allowed = reader.used(moment), reader.allowed(moment)
    return LimitStand(
        limit=reader.limit.name,
        label=reader.limit.label,
        unit=reader.limit.unit,
        used=used,
        allowed=allowed,
        percent=_percent(reader.percent(moment)),
        at_least=reader.at_least(moment),
        step=None if isinstance(reached, bool) else words.step(reached),
        next_step=None if used is None or allowed is None else _next(reader, moment, steps, used, allowed),
    )


def _percent(share: float | None) -> float | None:
    return None if share is None or not isfinite(share) else plain_percent(share)


def _next(reader: LimitReader, moment: Moment, steps: tuple[Step, ...], used: float, allowed: float) -> NextStep | None:
    """The lowest share that is not reached."""
    share = reader.percent(moment) or 0.0
    above = [step for step in steps if step != "refused" and reader.height(moment, step) > share]
    if not above:
        return None
    step = min(above, key=lambda each: reader.height(moment, each))
    amount = reader.height(moment, step) * allowed
    whole = reader.limit.kind in ("counter", "distinct")
    target = float(ceil(round(amount, 6))) if whole else amount
    at = at_amount(reader, moment, amount) if allowed > 0 else None
    return NextStep(words.step(step) or "", target, max(0.0, target - used), None if at is None or at <= moment.t else at)


def step_part(program: Program, judged: Judged, reader: LimitReader, stand: LimitStand, moment: Moment) -> Part:
    """What a rule with steps needs of its limit: one of them."""
    reached = reader.step(moment, judged.steps_at(moment))
    holds = None if reached is None else reached is not False
    following = stand.next_step
    first = [step for step in judged.steps_at(moment) if step != "refused"]
    text = f"limit.percent >= {words.step(min(first))}" if first else "limit.refused >= 1"
    turns = step_by_time(judged, reader, moment) if holds is not True else None
    expected = following.expected_at if following is not None and holds is False and turns is None else turns
    return Part(
        text,
        holds,
        missing=holds is not True,
        value=stand.percent,
        threshold=None if following is None or holds is not False else plain_percent(_height(following, stand)),
        distance=None if following is None or holds is not False else _distance(following, stand),
        expected_at=expected,
        by=None if expected is None else "pace" if turns is None else "time",
        needs=_needs(program, judged, reader, stand, moment, holds) + _turns(turns, moment),
        message_ids=cited("", reader.ids(moment, MORE_IDS + 1)),
        share=_share(stand, holds),
        way=holds is True or turns is not None or (holds is False and following is not None),
        warms=reader.warms(moment),
    )


def _turns(at: int | None, moment: Moment) -> str:
    return "" if at is None else f"; reached on {phrases.day(at, moment.t)} by itself, for it may use less from then on"


def _height(following: NextStep, stand: LimitStand) -> float | None:
    return following.at / stand.allowed if stand.allowed else None


def _distance(following: NextStep, stand: LimitStand) -> float | None:
    """In points of 100."""
    return plain_percent(following.more / stand.allowed) if stand.allowed else None


def _share(stand: LimitStand, holds: bool | None) -> float:
    following = stand.next_step
    if holds is True:
        return 0.0
    return min(1.0, following.more / following.at) if holds is False and following is not None and following.at > 0 else 1.0


def _needs(  # noqa: PLR0913, PLR0917 - everything that is known of it
    program: Program, judged: Judged, reader: LimitReader, stand: LimitStand, moment: Moment, holds: bool | None
) -> str:
    if holds is None:
        return _unknown(program, reader, stand, moment)
    if holds:
        return ""
    steps = judged.steps_at(moment)
    if not steps:
        return f"{used(stand)}: its plan has no step for this"
    if stand.next_step is None:
        return f"{used(stand)}: the next time it is refused"
    if stand.allowed == 0:
        return f"{used(stand)}: any use reaches the {phrases.step_name(stand.next_step.step)} step"
    return f"{used(stand)}: {to_next(stand, moment)}"


def _unknown(program: Program, reader: LimitReader, stand: LimitStand, moment: Moment) -> str:
    warm = reader.warms(moment)
    if warm is not None and stand.allowed is not None:
        return f"{used(stand)}: {phrases.warming(warm, moment)}"
    return phrases.unknown_limit(program, reader.limit.name, "percent", moment)


def used(stand: LimitStand) -> str:
    """`212 of 500 contacts (42.4 %)`."""
    label = phrases.spoken(stand.label)
    if stand.used is None:
        return label
    about = "at least " if stand.at_least else ""
    text = f"{about}{words.amount(stand.used, stand.unit)}"
    if stand.allowed is None:
        return f"{text} {label}"
    share = "" if stand.percent is None else f" ({words.number(stand.percent)} %)"
    return f"{text} of {words.amount(stand.allowed, stand.unit)} {label}{share}"


def to_next(stand: LimitStand, moment: Moment) -> str:
    """`188 more to the 80 % step, about 9 June at this pace`; empty, if there is none."""
    following = stand.next_step
    if following is None:
        return ""
    more = words.amount(following.more, stand.unit)
    at = phrases.when(following.expected_at, "pace", moment.t)
    return f"{more} more to the {phrases.step_name(following.step)} step{at}"
