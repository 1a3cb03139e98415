"""Events of one account, one after the other, in; how many of them change nothing but facts, out. They are folded.

Nearly every event can neither move the plan nor close a lead, and all that it touches goes on resting. What `process` would find
out of each of these anew, this looks at once for all that follow one another; and of each it needs a few fields only.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from operator import sub
from typing import Final, TypeAlias

import msgspec

from contracts.columns import Columns
from contracts.messages import EMPTY_OBJECT, UsageEvent
from detector.core.account import Account
from detector.core.rulebook.program import Program
from detector.core.rulebook.reactions import key_of

Noted: TypeAlias = tuple[int, int, str, str | None, str | None, str | None, msgspec.Raw, bool]
"""Of what lies in one line: its number, timestamp, id, person, name, key of its reaction, properties, and whether none of these
makes that it is dropped. A timestamp of NEVER_PASSES: there is more to it.

Nothing that the garbage collector follows is in it: so it does not look at these either, of which there are as many as events.
"""
NEVER_PASSES: Final = -1

_NOBODY: Mapping[str | None, bool] = {}


class StumbledError(Exception):
    """One of them could not be folded, which is a defect of ours."""

    def __init__(self, place: int) -> None:
        """`place`: among those that were noted."""
        super().__init__(f"number {place} of what was noted could not be folded")
        self.place = place


def notes(program: Program | None, columns: Columns, numbers: Iterable[int], *, spared: bool) -> Iterator[Noted]:
    """Of events of one project, with the numbers of their lines. `spared`: the program drops none of them for its properties."""
    names, keys = [name for _, name in columns.names], [key_of(*name) for name in columns.names]
    return zip(
        numbers,
        repeat(NEVER_PASSES, len(columns)) if program is None else _times(program, columns, keys),
        columns.id,
        columns.each(columns.person),
        map(names.__getitem__, columns.each(columns.name)),
        map(keys.__getitem__, columns.each(columns.name)),
        columns.each(columns.properties),
        repeat(spared, len(columns)),
        strict=True,
    )


def command_noted(number: int) -> Noted:
    """Of a line that holds a command."""
    return (number, NEVER_PASSES, "", None, None, None, EMPTY_OBJECT, False)


def _times(program: Program, columns: Columns, keys: Sequence[str | None]) -> Iterable[int]:
    """When those were that may pass by."""
    late, whole = program.lateness_ms, program.reactions.whole
    times, received = columns.each(columns.timestamp), columns.each(columns.received_at)
    has_traits = len(columns.traits) > 1 or columns.traits[0] != EMPTY_OBJECT
    is_plain = whole.isdisjoint(keys) and not any(columns.historical) and not has_traits
    if is_plain and max(map(sub, received, times)) <= late:
        return columns.each(columns.timestamp)
    by_event = (columns.timestamp, columns.received_at, columns.historical, columns.traits, columns.name)
    return (
        NEVER_PASSES if at - t > late or historical or traits != EMPTY_OBJECT or keys[name] in whole else t
        for t, at, historical, traits, name in zip(*map(columns.each, by_event), strict=True)
    )


def passed(  # noqa: PLR0913, PLR0917 - of what, from where to where
    program: Program, account: Account, noted: Sequence[Noted], begin: int, end: int, event_of: Callable[[int], UsageEvent]
) -> tuple[int, bool]:
    """(the place of the first from `begin` on that may be more than that, else `end`; whether it is folded already).

    If it is, `judged_in_order` goes on with it, else `process` knows what to do. Raises StumbledError.

    `event_of`: the event in the line of this number.
    """
    ledger, resting = account.ledger, account.resting
    hot = bool(ledger.open_leads)
    if (
        account.judged_by is not program
        or ledger.first_at < 0
        or ledger.importing
        or not resting.rests
        or (hot and not program.closes_at_plans_only)
    ):
        return begin, False
    facts, hand, watched, until = account.facts, account.facts.hand, resting.watched, resting.until
    newest = max(facts.newest, ledger.judged_until)
    drops = None if program.drops is None else program.drops.drops
    outsiders = account.outsiders if account.dropped_by is program.drops else _NOBODY
    reactions, other = program.reactions.by_key.get, program.reactions.other
    number = -1
    try:
        for number, t, id_, person, name, key, properties, spared in islice(noted, begin, end):
            reaction = reactions(key, other)
            if not newest < t < until or (hot and reaction.scores):
                return _place(noted, number), False
            if drops is not None and not (spared and outsiders.get(person) is False) and drops(account, person, properties):
                continue
            newest, at_hand = t, hand.get(person) if reaction.is_steady and t < facts.hand_ends else None
            if at_hand is not None:
                who, cells = at_hand
                who[1] = facts.newest = t
                who[2] += 1
                for cell in cells:
                    cell[2] = t
            else:
                reaction.fold(facts, t, id_, person, properties, None if person is not None else event_of(number))
            if watched & reaction.watched and not resting.outlives(t, person, name, reaction.touches):
                return _place(noted, number), True
    except Exception as error:
        raise StumbledError(_place(noted, number)) from error
    return end, False


def _place(noted: Sequence[Noted], number: int) -> int:
    """Where the line of this number is noted."""
    return bisect_left(noted, (number,))
