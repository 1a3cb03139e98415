"""Events of long ago and the account that they are of in; facts that a rulebook began to keep too late, gathered beside it, out.

The log is read a second time for them, from its beginning, by the rulebook in force: what it drops it drops, and the order is the
log's. Nobody looks at what is gathered before it is whole and takes its place, all at once: so what is judged in between does
not depend on how far that reading has come.
"""

from collections.abc import Collection
from dataclasses import replace

from contracts.messages import UsageEvent
from detector.core.account import Account
from detector.core.fold import fold
from detector.core.rulebook.folds import fold_functions
from detector.core.rulebook.judged import ACTING
from detector.core.rulebook.program import Program
from detector.core.rulebook.reactions import Reactions


def gathering(program: Program, keys: Collection[str]) -> Program:
    """It folds what lies under these keys, what that hangs on, and what everything keeps. Nothing can be judged by it.

    `plan`, the key of what is said of the plan, is that of a trait, too.
    """
    wanted = [sink for sink in program.sinks if sink.key in keys]
    behind = {sink.sought.after for sink in wanted if sink.sought is not None}
    sinks = [sink for sink in program.sinks if sink.key in keys or sink.key in behind]
    return replace(
        program,
        reactions=Reactions(program.rulebook, (), fold_functions(sinks, acting=ACTING in keys)),
        person_traits=frozenset(trait for trait in program.person_traits if f"person.{trait}" in keys),
        account_traits=frozenset(trait for trait in program.account_traits if f"account.{trait}" in keys or trait in keys),
        judged={},
    )


def gather(program: Program, account: Account, event: UsageEvent) -> None:
    """Folds the event beside the account, unless it counts for nothing. The caller has dropped copies."""
    aside = account.aside(program.version)
    if program.drops is not None and program.drops.drop(aside, event):
        return
    fold(program, aside.facts, event)
    if not 0 <= aside.ledger.first_at <= event.timestamp:
        aside.ledger.first_at = event.timestamp
        aside.ledger_changed()
