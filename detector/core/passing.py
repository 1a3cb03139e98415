"""Events of one account, one after the other, in; how many of them change nothing but facts, out. They are folded.

Nearly every event can neither move the plan nor close a lead, and all that it touches goes on resting. What `process` would find
out of each of these anew, this looks at once for all that follow one another.
"""

from collections.abc import Container, Mapping, Sequence
from itertools import islice

from contracts.messages import EMPTY_OBJECT, Command, UsageEvent
from detector.core.account import Account
from detector.core.rulebook.program import Program

Noted = tuple[int, int, UsageEvent | Command]
"""Number of the record, which of its lines, and what lies there."""


_NOBODY: Mapping[str | None, bool] = {}


class StumbledError(Exception):
    """One of them could not be folded, which is a defect of ours."""

    def __init__(self, place: int) -> None:
        """`place`: among those that were noted."""
        super().__init__(f"number {place} of what was noted could not be folded")
        self.place = place


def passed(  # noqa: PLR0913, PLR0917 - of what, from where to where
    program: Program, account: Account, noted: Sequence[Noted], begin: int, end: int, spared: Container[int] = ()
) -> tuple[int, bool]:
    """(the place of the first from `begin` on that may be more than that, else `end`; whether it is folded already).

    If it is, `judged_in_order` goes on with it, else `process` knows what to do. Raises StumbledError.

    `spared`: the numbers of records in which the program drops no event for its properties.
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
    facts, watched, until = account.facts, resting.watched, resting.until
    newest, lateness = max(facts.newest, ledger.judged_until), program.lateness_ms
    tracks, other, untracked = program.reactions.tracks, program.reactions.other, program.reactions.untracked
    drop = None if program.drops is None else program.drops.drop
    outsiders = account.outsiders if account.dropped_by is program.drops else _NOBODY
    n = begin
    try:
        for n, (number, _, event) in enumerate(islice(noted, begin, end), begin):
            if isinstance(event, Command):
                return n, False
            t = event.timestamp
            reaction = tracks.get(event.name, other) if event.type == "track" else untracked[event.type]
            if (
                not newest < t < until
                or reaction.says_plan
                or (hot and reaction.scores)
                or event.historical
                or event.traits is not EMPTY_OBJECT
                or event.received_at - t > lateness
            ):
                return n, False
            if drop is None or (number in spared and outsiders.get(event.person) is False) or not drop(account, event):
                reaction.fold(facts, event)
                newest = t
                if watched & reaction.watched and not resting.outlives(event, reaction.touches):
                    return n, True
    except Exception as error:
        raise StumbledError(n) from error
    return end, False
